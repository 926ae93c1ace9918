/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include "app/cli-files.h"

void
moe_cli_files_add (MoeCliFiles    *self,
                   GOptionContext *context,
                   gboolean        has_wide)
{
  const GOptionEntry entries[] = {
    { "csv", 0, 0, G_OPTION_ARG_FILENAME, &self->csv, "Write the table as CSV", "FILE" },
    { "json", 0, 0, G_OPTION_ARG_FILENAME, &self->json, "Write the table as JSON", "FILE" },
    { "svg", 0, 0, G_OPTION_ARG_FILENAME, &self->svg, "Write the picture as SVG", "FILE" },
    { "pdf", 0, 0, G_OPTION_ARG_FILENAME, &self->pdf, "Write the picture as PDF", "FILE" },
    { "png", 0, 0, G_OPTION_ARG_FILENAME, &self->png, "Write the picture as PNG", "FILE" },
    { NULL }
  };
  const GOptionEntry wide[] = {
    { "wide", 0, 0, G_OPTION_ARG_NONE, &self->wide, "A row a layer with a column per expert or head", NULL },
    { NULL }
  };

  g_option_context_add_main_entries (context, entries, NULL);
  if (has_wide)
    g_option_context_add_main_entries (context, wide, NULL);
}

gboolean
moe_cli_files_write (const MoeCliFiles   *self,
                     const MoeCliOutput  *output,
                     const MoeExhibit    *exhibit,
                     GError             **error)
{
  const struct { const char *path; MoeExhibitFormat format; } files[] = {
    { self->csv, self->wide ? MOE_EXHIBIT_CSV_WIDE : MOE_EXHIBIT_CSV },
    { self->json, MOE_EXHIBIT_JSON },
    { self->svg, MOE_EXHIBIT_SVG },
    { self->pdf, MOE_EXHIBIT_PDF },
    { self->png, MOE_EXHIBIT_PNG },
  };
  gboolean any = FALSE;

  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      if (files[i].path == NULL)
        continue;
      any = TRUE;
      if (!moe_exhibit_write (exhibit, files[i].format, !output->no_provenance, files[i].path, error))
        return FALSE;
    }
  if (any && output->out == NULL)
    return TRUE;
  return moe_cli_output_table (output, self->wide ? exhibit->wide : exhibit->table, error);
}

void
moe_cli_files_clear (MoeCliFiles *self)
{
  g_clear_pointer (&self->csv, g_free);
  g_clear_pointer (&self->json, g_free);
  g_clear_pointer (&self->svg, g_free);
  g_clear_pointer (&self->pdf, g_free);
  g_clear_pointer (&self->png, g_free);
}
