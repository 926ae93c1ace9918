/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-exhibit"

#include "ui/moe-exhibit.h"

#include "data/moe-error.h"
#include "data/moe-table-export.h"

const char *
moe_exhibit_format_get_extension (MoeExhibitFormat format)
{
  static const char *const extensions[MOE_N_EXHIBIT_FORMATS] = {
    [MOE_EXHIBIT_CSV] = "csv", [MOE_EXHIBIT_CSV_WIDE] = "csv", [MOE_EXHIBIT_JSON] = "json",
    [MOE_EXHIBIT_SVG] = "svg", [MOE_EXHIBIT_PDF] = "pdf", [MOE_EXHIBIT_PNG] = "png",
  };

  g_return_val_if_fail (format < MOE_N_EXHIBIT_FORMATS, NULL);

  return extensions[format];
}

gboolean
moe_exhibit_format_is_picture (MoeExhibitFormat format)
{
  return (MOE_EXHIBIT_BIT (format) & MOE_EXHIBIT_PICTURES) != 0;
}

MoeExhibit *
moe_exhibit_new (MoeTable *table,
                 MoeTable *wide)
{
  MoeExhibit *self;

  g_return_val_if_fail (table != NULL, NULL);

  self = g_new0 (MoeExhibit, 1);
  self->table = table;
  self->wide = wide;
  return self;
}

void
moe_exhibit_set_plot (MoeExhibit      *self,
                      const char      *title,
                      MoePlotDrawFunc  draw,
                      gpointer         plot,
                      GDestroyNotify   free_plot)
{
  g_return_if_fail (self->draw == NULL);

  self->title = g_strdup (title);
  self->draw = draw;
  self->plot = plot;
  self->free_plot = free_plot;
}

static void
draw_chart (gconstpointer  plot,
            cairo_t       *cr,
            double         width,
            double         height)
{
  moe_chart_draw (plot, cr, width, height);
}

void
moe_exhibit_set_chart (MoeExhibit *self,
                       MoeChart   *chart)
{
  moe_exhibit_set_plot (self, moe_chart_get_title (chart), draw_chart, chart,
                        (GDestroyNotify) moe_chart_unref);
}

void
moe_exhibit_free (MoeExhibit *self)
{
  if (self == NULL)
    return;

  g_clear_pointer (&self->table, moe_table_unref);
  g_clear_pointer (&self->wide, moe_table_unref);
  if (self->free_plot != NULL)
    self->free_plot (self->plot);
  g_free (self->title);
  g_free (self);
}

gboolean
moe_exhibit_write (const MoeExhibit  *self,
                   MoeExhibitFormat   format,
                   gboolean           provenance,
                   const char        *path,
                   GError           **error)
{
  const MoeTable *table = format == MOE_EXHIBIT_CSV_WIDE ? self->wide : self->table;

  if (moe_exhibit_format_is_picture (format) ? self->draw == NULL : table == NULL)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "%s: there is nothing to write as %s here", path,
                   format == MOE_EXHIBIT_CSV_WIDE ? "a wide table"
                                                  : moe_exhibit_format_get_extension (format));
      return FALSE;
    }

  switch (format)
    {
    case MOE_EXHIBIT_CSV:
    case MOE_EXHIBIT_CSV_WIDE:
      return moe_table_write (table, MOE_TABLE_CSV, provenance, path, error);
    case MOE_EXHIBIT_JSON:
      return moe_table_write (table, MOE_TABLE_JSON, provenance, path, error);
    case MOE_EXHIBIT_SVG:
      return moe_plot_export (self->draw, self->plot, self->title, MOE_IMAGE_SVG, path, error);
    case MOE_EXHIBIT_PDF:
      return moe_plot_export (self->draw, self->plot, self->title, MOE_IMAGE_PDF, path, error);
    case MOE_EXHIBIT_PNG:
      return moe_plot_export (self->draw, self->plot, self->title, MOE_IMAGE_PNG, path, error);
    case MOE_N_EXHIBIT_FORMATS:
    default:
      g_return_val_if_reached (FALSE);
    }
}

char *
moe_export_get_command (const MoeExport  *self,
                        const char       *recording_path,
                        MoeExhibitFormat  format,
                        const char       *path)
{
  g_autofree char *source = g_shell_quote (self->source != NULL ? self->source : recording_path);
  g_autofree char *file = g_shell_quote (path);
  GString *line = g_string_new ("moescope-cli");

  g_string_append_printf (line, " %s %s", self->command, source);
  if (self->options != NULL && *self->options != '\0')
    g_string_append_printf (line, " %s", self->options);
  if (moe_exhibit_format_is_picture (format) && self->picture_options != NULL)
    g_string_append_printf (line, " %s", self->picture_options);
  if (format == MOE_EXHIBIT_CSV_WIDE)
    g_string_append (line, " --wide");
  g_string_append_printf (line, " --%s %s", moe_exhibit_format_get_extension (format), file);
  return g_string_free (line, FALSE);
}

void
moe_export_free (MoeExport *self)
{
  if (self == NULL)
    return;

  if (self->free_data != NULL)
    self->free_data (self->data);
  g_free (self->name);
  g_free (self->command);
  g_free (self->source);
  g_free (self->options);
  g_free (self->picture_options);
  g_free (self);
}
