/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-recording.h"
#include "data/moe-table.h"
#include "ui/moe-chart.h"

G_BEGIN_DECLS

/* What a page of the window shows, or a command of the command line makes: a table, and a picture of it. Both
 * write theirs from here, which is why their files are equal byte for byte. No GTK. */
typedef enum
{
  MOE_EXHIBIT_CSV,      /* long: a row a thing */
  MOE_EXHIBIT_CSV_WIDE, /* a row a layer, a column a thing */
  MOE_EXHIBIT_JSON,
  MOE_EXHIBIT_SVG,
  MOE_EXHIBIT_PDF,
  MOE_EXHIBIT_PNG,
  MOE_N_EXHIBIT_FORMATS
} MoeExhibitFormat;

#define MOE_EXHIBIT_BIT(format) (1u << (format))
#define MOE_EXHIBIT_TABLES      (MOE_EXHIBIT_BIT (MOE_EXHIBIT_CSV) | MOE_EXHIBIT_BIT (MOE_EXHIBIT_JSON))
#define MOE_EXHIBIT_WIDE        MOE_EXHIBIT_BIT (MOE_EXHIBIT_CSV_WIDE)
#define MOE_EXHIBIT_PICTURES    (MOE_EXHIBIT_BIT (MOE_EXHIBIT_SVG) | MOE_EXHIBIT_BIT (MOE_EXHIBIT_PDF) \
                                 | MOE_EXHIBIT_BIT (MOE_EXHIBIT_PNG))

/* "csv", "svg", ...: the extension of the file, which is the command line's option too. */
const char *moe_exhibit_format_get_extension (MoeExhibitFormat format);
gboolean    moe_exhibit_format_is_picture    (MoeExhibitFormat format);

typedef struct
{
  MoeTable        *table;
  MoeTable        *wide;      /* or NULL */
  char            *title;     /* of the picture */
  MoePlotDrawFunc  draw;      /* NULL: there is no picture */
  gpointer         plot;
  GDestroyNotify   free_plot;
} MoeExhibit;

/* Takes both tables; @wide may be NULL. */
MoeExhibit *moe_exhibit_new      (MoeTable               *table,
                                  MoeTable               *wide);
/* Takes @plot. */
void        moe_exhibit_set_plot (MoeExhibit             *self,
                                  const char             *title,
                                  MoePlotDrawFunc         draw,
                                  gpointer                plot,
                                  GDestroyNotify          free_plot);
/* Takes @chart, which has no overlays. */
void        moe_exhibit_set_chart (MoeExhibit            *self,
                                  MoeChart               *chart);
void        moe_exhibit_free     (MoeExhibit             *self);
/* Writes @path whole or not at all. @provenance: with the lines that say where a table comes from. Any
 * thread. Errors: MOE_ERROR_INVALID for a format that there is not, MOE_ERROR_IO naming @path. */
gboolean    moe_exhibit_write    (const MoeExhibit       *self,
                                  MoeExhibitFormat        format,
                                  gboolean                provenance,
                                  const char             *path,
                                  GError                **error);

/* How the window comes to an exhibit: what was chosen when it was asked for, and the command that makes the
 * same. @make runs on any thread; @path is the recording's, on disk. */
typedef MoeExhibit *(*MoeExhibitFunc) (const char *path, gpointer data, GError **error);

typedef struct
{
  char           *name;            /* of a file, without extension */
  guint           formats;         /* MOE_EXHIBIT_BIT() set */
  char           *command;         /* "heatmap" */
  char           *source;          /* what it reads instead of the recording (a model's path), or NULL */
  char           *options;         /* "--metric share", or NULL */
  char           *picture_options; /* "--color-map viridis", for pictures only, or NULL */
  MoeExhibitFunc  make;
  gpointer        data;
  GDestroyNotify  free_data;
} MoeExport;

/* The command line that writes the same file. Transfer full. */
char       *moe_export_get_command (const MoeExport  *self,
                                    const char       *recording_path,
                                    MoeExhibitFormat  format,
                                    const char       *path);
void        moe_export_free        (MoeExport        *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeExhibit, moe_exhibit_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeExport, moe_export_free)

G_END_DECLS
