/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-contrast-exhibit"

#include "ui/moe-contrast-exhibit.h"

static gboolean
has_sign (MoeScore score)
{
  return score != MOE_SCORE_STABILITY && score != MOE_SCORE_UTILITY && score != MOE_SCORE_PROJECTION;
}

MoeContrastPlot *
moe_contrast_plot_new (const MoeContrast *contrast)
{
  const MoeModelInfo *info = moe_contrast_get_info (contrast);
  MoeScore score = moe_contrast_get_options (contrast)->score;
  MoeContrastPlot *self = g_new0 (MoeContrastPlot, 1);

  self->values = moe_contrast_get_map (contrast);
  self->row_numbers = g_new (gint, info->n_moe_layers);
  for (guint i = 0; i < info->n_moe_layers; i++)
    self->row_numbers[i] = (gint) info->moe_layers[i];
  self->title = g_strdup_printf ("%s: %s, A minus B", info->name, moe_score_get_title (score));

  moe_heatmap_plot_init (&self->plot);
  self->plot.n_rows = info->n_moe_layers;
  self->plot.n_columns = info->n_experts;
  self->plot.values = self->values;
  self->plot.row_numbers = self->row_numbers;
  self->plot.title = self->title;
  self->plot.row_title = "layer";
  self->plot.column_title = "expert";
  self->plot.value_title = moe_score_get_title (score);
  self->plot.unit = "";
  self->plot.scale = MOE_SCALE_LINEAR;
  self->plot.diverging = has_sign (score);
  self->plot.color_map = has_sign (score) ? MOE_COLOR_MAP_PUOR : MOE_COLOR_MAP_VIRIDIS;
  /* A layer gains in some experts what it loses in others: the means of its rows say nothing. */
  self->plot.marginals = FALSE;
  self->plot.missing_text = "no score";
  return self;
}

void
moe_contrast_plot_free (MoeContrastPlot *self)
{
  g_free (self->values);
  g_free (self->row_numbers);
  g_free (self->title);
  g_free (self);
}

static void
draw (gconstpointer  plot,
      cairo_t       *cr,
      double         width,
      double         height)
{
  moe_heatmap_plot_draw_clean (&((const MoeContrastPlot *) plot)->plot, cr, width, height);
}

MoeExhibit *
moe_contrast_exhibit_new (const MoeContrast *contrast,
                          guint              top)
{
  MoeExhibit *exhibit = moe_exhibit_new (moe_contrast_to_table (contrast, top), NULL);
  MoeContrastPlot *plot = moe_contrast_plot_new (contrast);

  moe_exhibit_set_plot (exhibit, plot->title, draw, plot, (GDestroyNotify) moe_contrast_plot_free);
  return exhibit;
}
