/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include "app/cli-chart.h"

void
moe_cli_images_add (MoeCliImages   *self,
                    GOptionContext *context)
{
  const GOptionEntry entries[] = {
    { "svg", 0, 0, G_OPTION_ARG_FILENAME, &self->svg, "Write the picture as SVG", "FILE" },
    { "pdf", 0, 0, G_OPTION_ARG_FILENAME, &self->pdf, "Write the picture as PDF", "FILE" },
    { "png", 0, 0, G_OPTION_ARG_FILENAME, &self->png, "Write the picture as PNG", "FILE" },
    { NULL }
  };

  g_option_context_add_main_entries (context, entries, NULL);
}

void
moe_cli_images_clear (MoeCliImages *self)
{
  g_clear_pointer (&self->svg, g_free);
  g_clear_pointer (&self->pdf, g_free);
  g_clear_pointer (&self->png, g_free);
}

gboolean
moe_cli_images_wanted (const MoeCliImages *self)
{
  return self->svg != NULL || self->pdf != NULL || self->png != NULL;
}

/* One of @chart and @plot is given. */
static gboolean
write_images (const MoeCliImages   *self,
              const MoeChart       *chart,
              const MoeHeatmapPlot *plot,
              GError              **error)
{
  const struct { const char *path; MoeImageFormat format; } images[] = {
    { self->svg, MOE_IMAGE_SVG },
    { self->pdf, MOE_IMAGE_PDF },
    { self->png, MOE_IMAGE_PNG },
  };

  for (guint i = 0; i < G_N_ELEMENTS (images); i++)
    if (images[i].path != NULL &&
        !(chart != NULL ? moe_chart_export (chart, images[i].format, images[i].path, error)
                        : moe_heatmap_plot_export (plot, images[i].format, images[i].path, error)))
      return FALSE;
  return TRUE;
}

gboolean
moe_cli_images_write (const MoeCliImages  *self,
                      const MoeChart      *chart,
                      GError             **error)
{
  return write_images (self, chart, NULL, error);
}

gboolean
moe_cli_images_write_heatmap (const MoeCliImages    *self,
                              const MoeHeatmapPlot  *plot,
                              GError               **error)
{
  return write_images (self, NULL, plot, error);
}
