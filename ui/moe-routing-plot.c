/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-routing-plot"

#include "ui/moe-routing-plot.h"

void
moe_routing_plot_options_init (MoeRoutingPlotOptions *options)
{
  *options = (MoeRoutingPlotOptions) {
    .metric = MOE_METRIC_SHARE,
    .phases = MOE_PHASES_ALL,
    .scale = MOE_SCALE_SQRT,
    .color_map = MOE_COLOR_MAP_VIRIDIS,
    .marginals = TRUE,
  };
}

char *
moe_phases_format (guint phases)
{
  GString *text = g_string_new (NULL);

  if ((phases & MOE_PHASES_ALL) == MOE_PHASES_ALL)
    g_string_append (text, "all");
  else
    for (guint i = 0; i < MOE_N_PHASES; i++)
      if ((phases & MOE_PHASE_BIT (i)) != 0)
        g_string_append_printf (text, "%s%s", text->len > 0 ? "," : "", moe_phase_get_name (i));

  return g_string_free (text, FALSE);
}

MoeRoutingPlot *
moe_routing_plot_new (const MoeRoutingStats       *stats,
                      const MoeModelInfo          *info,
                      const MoeRoutingPlotOptions *options)
{
  MoeRoutingPlot *self = g_new0 (MoeRoutingPlot, 1);
  g_autofree char *phases = moe_phases_format (options->phases);
  gint64 n_tokens = moe_routing_stats_get_n_tokens (stats, options->phases);
  char count[32];

  g_snprintf (count, sizeof count, "%" G_GINT64_FORMAT, n_tokens);
  self->row_numbers = g_new (gint, info->n_moe_layers);
  for (guint i = 0; i < info->n_moe_layers; i++)
    self->row_numbers[i] = (gint) info->moe_layers[i];
  self->title = g_strdup_printf ("%s: %s, %s tokens%s%s%s", info->name,
                                 moe_metric_get_title (options->metric), count,
                                 options->phases == MOE_PHASES_ALL ? "" : " (",
                                 options->phases == MOE_PHASES_ALL ? "" : phases,
                                 options->phases == MOE_PHASES_ALL ? "" : ")");
  self->value_title = g_strdup (moe_metric_get_title (options->metric));

  moe_heatmap_plot_init (&self->plot);
  self->plot.row_numbers = self->row_numbers;
  self->plot.title = self->title;
  self->plot.row_title = "layer";
  self->plot.column_title = "expert";
  self->plot.value_title = self->value_title;
  self->plot.unit = moe_metric_get_unit (options->metric);
  self->plot.color_map = options->color_map;
  self->plot.scale = options->scale;
  self->plot.marginals = options->marginals;
  self->plot.empty_text = "No tokens of this phase have been recorded";
  self->plot.n_rows = info->n_moe_layers;
  self->plot.n_columns = info->n_experts;

  /* No tokens means no values: the plot then says so, and draws no map of zeros. */
  if (n_tokens > 0)
    self->values = moe_routing_stats_get_map (stats, options->metric, options->phases);
  self->plot.values = self->values;

  return self;
}

void
moe_routing_plot_free (MoeRoutingPlot *self)
{
  if (self == NULL)
    return;

  g_free (self->values);
  g_free (self->row_numbers);
  g_free (self->title);
  g_free (self->value_title);
  g_free (self);
}
