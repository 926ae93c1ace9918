/* SPDX-License-Identifier: MIT */
#pragma once

#include "app/cli.h"
#include "app/cli-chat.h"
#include "app/cli-control.h"
#include "data/moe-recording-writer.h"
#include "data/moe-table-export.h"
#include "probes/moe-model.h"
#include "probes/moe-session.h"

G_BEGIN_DECLS

/* --threads, --context, --cache, --kernels, --seed, --progress, --date, --thinking and control vectors, for
 * the commands that run a model. */
typedef struct
{
  gint      threads;
  gint64    seed;
  gint      context;
  char     *cache;
  char     *kernels;
  gboolean  progress;
  MoeCliChat    *chat;    /* NULL without options for it */
  MoeCliControl *control; /* its vector is there once the model was opened; NULL without options for it */
} MoeCliRun;

void          moe_cli_run_add      (MoeCliRun       *self,
                                    GOptionContext  *context);
/* Checks what was given; FALSE after a message (wrong usage). */
gboolean      moe_cli_run_check    (const MoeCliRun *self,
                                    const char      *command);
void          moe_cli_run_clear    (MoeCliRun       *self);

/* Opens the model at @path, showing progress. */
MoeModel     *moe_cli_run_open     (const MoeCliRun *self,
                                    const char      *path,
                                    GError         **error);
/* The same settings, for analyses that make their sessions themselves. */
void          moe_cli_run_get_session_options (const MoeCliRun   *self,
                                               MoeSessionOptions *options);
MoeSession   *moe_cli_run_session  (const MoeCliRun *self,
                                    MoeModel        *model,
                                    GError         **error);
/* What goes into a recording; @json is the rest of the settings. The strings are those of @self and @json. */
void          moe_cli_run_settings (const MoeCliRun *self,
                                    MoeSession      *session,
                                    const char      *json,
                                    MoeRunSettings  *settings);

/* --format, --out and --no-provenance, for the commands that print a table. */
typedef struct
{
  char     *format;
  char     *out;
  gboolean  no_provenance;
} MoeCliOutput;

void          moe_cli_output_add   (MoeCliOutput       *self,
                                    GOptionContext     *context);
gboolean      moe_cli_output_check (const MoeCliOutput *self,
                                    const char         *command);
void          moe_cli_output_clear (MoeCliOutput       *self);
/* To --out, or to standard output: aligned on a terminal, else CSV, unless --format says otherwise. */
gboolean      moe_cli_output_table (const MoeCliOutput *self,
                                    const MoeTable     *table,
                                    GError            **error);

/* Adds where a table of a model comes from: model, fingerprint, version and the mask if there is one. */
void          moe_cli_add_provenance (MoeTable           *table,
                                      const MoeModelInfo *info,
                                      const MoeMask      *mask);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MoeCliRun, moe_cli_run_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MoeCliOutput, moe_cli_output_clear)

G_END_DECLS
