/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-super-plot"

#include "ui/moe-super-plot.h"

#include <math.h>

#include "analysis/moe-massive-activations.h"
#include "analysis/moe-super-views.h"
#include "data/moe-mask.h"
#include "ui/moe-chart-table.h"
#include "ui/moe-ticks.h"

static const char *const names[MOE_N_SUPER_PLOTS] = { "ranking", "experts", "layers", "tail" };

const char *
moe_super_plot_get_name (MoeSuperPlot plot)
{
  g_return_val_if_fail (plot < MOE_N_SUPER_PLOTS, NULL);

  return names[plot];
}

/* One that the thresholds name in the kept layers, super or not. */
static gboolean
is_candidate (const MoeSuperExpert *expert)
{
  return expert->seen && expert->above_percentile && expert->above_tenth && expert->in_layers;
}

MoeMatrixPlot *
moe_super_map_new (MoeSuperExperts    *experts,
                   const MoeModelInfo *info)
{
  guint n_columns = info->n_experts + (info->n_shared > 0 ? 1 : 0);
  MoeMatrixPlot *self = moe_matrix_plot_new (info->n_moe_layers, n_columns,
                                             g_strdup_printf ("%s: Largest |down_proj| of Each Expert",
                                                              info->name),
                                             g_strdup ("max |down_proj|"));

  self->plot.row_title = "layer";
  self->plot.column_title = info->n_shared > 0 ? "expert (last: shared)" : "expert";
  self->plot.scale = MOE_SCALE_LOG;
  self->plot.marginals = FALSE;
  self->plot.empty_text = "No tokens of this phase have been recorded";
  for (guint i = 0; i < info->n_moe_layers; i++)
    self->row_numbers[i] = (gint) info->moe_layers[i];
  for (guint i = 0; i < moe_super_experts_get_n (experts); i++)
    {
      const MoeSuperExpert *expert = moe_super_experts_get (experts, i);
      int row = moe_model_info_find_moe_layer (info, expert->layer);
      guint column = expert->expert >= 0 ? (guint) expert->expert : info->n_experts;
      gsize cell = (gsize) row * n_columns + column;

      if (!expert->seen)
        continue;
      self->values[cell] = expert->max;
      self->ringed[cell] = expert->is_super ? 1 : is_candidate (expert) ? 2 : 0;
    }
  return self;
}

typedef struct
{
  GArray    *x, *y;   /* of double */
  GPtrArray *names;
} Points;

static void
points_init (Points *self)
{
  self->x = g_array_new (FALSE, FALSE, sizeof (double));
  self->y = g_array_new (FALSE, FALSE, sizeof (double));
  self->names = g_ptr_array_new_with_free_func (g_free);
}

static void
points_add (Points               *self,
            const MoeSuperExpert *expert)
{
  double x = expert->layer, y = expert->max;

  g_array_append_val (self->x, x);
  g_array_append_val (self->y, y);
  g_ptr_array_add (self->names, moe_expert_format ((int) expert->layer, expert->expert));
}

static void
points_finish (Points     *self,
               MoeChart   *chart,
               const char *name,
               gboolean    labelled,
               gboolean    quiet)
{
  const MoeChartSeries series = {
    .kind = MOE_CHART_POINTS, .name = name, .n_points = self->x->len, .x = (const double *) self->x->data,
    .y = (const double *) self->y->data, .point_names = (const char *const *) self->names->pdata,
    .n_labels = labelled ? self->x->len : 0, .quiet = quiet,
  };

  if (self->x->len > 0)
    moe_chart_add_series (chart, &series);
  g_array_unref (self->x);
  g_array_unref (self->y);
  g_ptr_array_unref (self->names);
}

static void
add_points (MoeSuperExperts *experts,
            MoeChart        *chart)
{
  Points others, outside, candidates, super;

  points_init (&others);
  points_init (&outside);
  points_init (&candidates);
  points_init (&super);
  for (guint i = 0; i < moe_super_experts_get_n (experts); i++)
    {
      const MoeSuperExpert *expert = moe_super_experts_get (experts, i);

      if (expert->seen)
        points_add (expert->is_super ? &super : is_candidate (expert) ? &candidates
                    : expert->in_layers ? &others : &outside, expert);
    }
  points_finish (&others, chart, "experts", FALSE, TRUE);
  points_finish (&outside, chart, "experts of layers left out", FALSE, FALSE);
  points_finish (&candidates, chart, "above both thresholds", TRUE, FALSE);
  points_finish (&super, chart, "super experts", TRUE, FALSE);
}

static void
add_thresholds (MoeSuperExperts *experts,
                MoeChart        *chart,
                gboolean         vertical)
{
  if (isnan (moe_super_experts_get_percentile (experts)))
    return;
  moe_chart_add_threshold (chart, vertical, moe_super_experts_get_percentile (experts), "P99.5");
  moe_chart_add_threshold (chart, vertical, moe_super_experts_get_largest (experts) / 10, "largest / 10");
}

static MoeChart *
make_layers (MoeSuperExperts    *experts,
             const MoeModelInfo *info)
{
  const MoeChartAxis x = { .title = "layer", .unit = "", .integer = TRUE };
  const MoeChartAxis y = { .title = "max |down_proj|", .unit = "", .scale = MOE_SCALE_LOG };
  g_autofree char *title = g_strdup_printf ("%s: Largest |down_proj| of Each Expert, by Layer", info->name);
  MoeChart *chart = moe_chart_new (title, &x, &y);

  add_points (experts, chart);
  add_thresholds (experts, chart, FALSE);
  return chart;
}

static MoeChart *
make_lines (MoeSuperExperts    *experts,
            const MoeModelInfo *info,
            const MoeTable     *table)
{
  const MoeChartAxis x = { .title = info->n_shared > 0 ? "expert (-1: shared)" : "expert", .unit = "",
                           .integer = TRUE };
  const MoeChartAxis y = { .title = "max |down_proj|", .unit = "", .scale = MOE_SCALE_LOG };
  g_autofree char *title = g_strdup_printf ("%s: Largest |down_proj| of Each Expert, a Line a Layer",
                                            info->name);
  MoeChart *chart = moe_chart_new (title, &x, &y);

  for (guint i = 0; i < info->n_moe_layers; i++)
    {
      g_autofree char *layer = g_strdup_printf ("%u", info->moe_layers[i]);
      g_autofree char *name = g_strdup_printf ("layer %u", info->moe_layers[i]);

      moe_chart_add_table (chart, table, &(MoeChartColumns) {
        .kind = MOE_CHART_LINES, .name = name, .x = "expert", .y = "max_down_proj",
        .point_name = "layer,expert", .where = "layer", .equals = layer,
      });
    }
  add_thresholds (experts, chart, FALSE);
  return chart;
}

static MoeChart *
make_tail (MoeSuperExperts    *experts,
           const MoeModelInfo *info,
           const MoeTable     *table)
{
  static const MoeChartColumns curves[] = {
    { .kind = MOE_CHART_STEPS, .name = "experts that were routed to", .x = "max_down_proj", .y = "ccdf",
      .point_name = "layer,expert" },
    { .kind = MOE_CHART_LINES, .name = "power law", .x = "max_down_proj", .y = "fit", .quiet = TRUE },
  };
  const MoeChartAxis x = { .title = "max |down_proj|", .unit = "", .scale = MOE_SCALE_LOG };
  const MoeChartAxis y = { .title = "share of experts at or above", .unit = "", .scale = MOE_SCALE_LOG };
  g_autofree char *title = g_strdup_printf ("%s: How the Largest |down_proj| Is Distributed", info->name);
  MoeChart *chart = moe_chart_new (title, &x, &y);

  for (guint i = 0; i < G_N_ELEMENTS (curves); i++)
    moe_chart_add_table (chart, table, &curves[i]);
  add_thresholds (experts, chart, TRUE);
  return chart;
}

MoeChart *
moe_super_chart_new (MoeSuperExperts    *experts,
                     const MoeModelInfo *info,
                     const MoeTable     *table,
                     MoeSuperPlot        plot)
{
  MoeChart *chart;

  g_return_val_if_fail (plot != MOE_SUPER_RANKING && plot < MOE_N_SUPER_PLOTS, NULL);

  chart = plot == MOE_SUPER_LAYERS ? make_layers (experts, info)
          : plot == MOE_SUPER_EXPERTS ? make_lines (experts, info, table) : make_tail (experts, info, table);
  moe_chart_set_subtitle (chart, moe_super_experts_get_verdict (experts));
  moe_chart_set_empty_text (chart, "No tokens of this phase have been recorded");
  return chart;
}

MoeTable *
moe_super_table_new (MoeSuperExperts  *experts,
                     MoeRecording     *recording,
                     MoeSuperPlot      plot,
                     GError          **error)
{
  switch (plot)
    {
    case MOE_SUPER_EXPERTS:
      return moe_super_view_experts (experts, recording, error);
    case MOE_SUPER_LAYERS:
      return moe_super_view_layers (experts, recording, error);
    case MOE_SUPER_TAIL:
      return moe_super_view_tail (experts, recording, error);
    case MOE_SUPER_RANKING:
    case MOE_N_SUPER_PLOTS:
    default:
      return moe_super_experts_to_table (experts, recording, error);
    }
}

MoeExhibit *
moe_super_exhibit_new (MoeSuperExperts  *experts,
                       MoeRecording     *recording,
                       MoeSuperPlot      plot,
                       GError          **error)
{
  const MoeModelInfo *info = moe_recording_get_info (recording);
  MoeTable *table = moe_super_table_new (experts, recording, plot, error);
  MoeExhibit *exhibit;

  if (table == NULL)
    return NULL;
  exhibit = moe_exhibit_new (table, NULL);
  if (plot == MOE_SUPER_RANKING)
    moe_exhibit_set_matrix (exhibit, moe_super_map_new (experts, info));
  else
    moe_exhibit_set_chart (exhibit, moe_super_chart_new (experts, info, table, plot));
  return exhibit;
}

MoeChart *
moe_massive_chart_new (const MoeTable *table,
                       const char     *model,
                       double          ratio)
{
  static const MoeChartColumns curves[] = {
    { .kind = MOE_CHART_LINES, .name = "largest |h|", .x = "layer", .y = "top1" },
    { .kind = MOE_CHART_LINES, .name = "second", .x = "layer", .y = "top2" },
    { .kind = MOE_CHART_LINES, .name = "third", .x = "layer", .y = "top3" },
    { .kind = MOE_CHART_LINES, .name = "median", .x = "layer", .y = "median", .quiet = TRUE },
  };
  const MoeChartAxis layer = { .title = "layer", .unit = "", .integer = TRUE };
  const MoeChartAxis value = { .title = "|h| after the layer", .unit = "", .scale = MOE_SCALE_LOG };
  g_autofree char *title = g_strdup_printf ("%s: Massive Activations", model);
  g_autofree char *number = moe_ticks_format_significant (ratio, 6);
  g_autofree char *rule = g_strdup_printf ("massive: |h| over 100 and at least %s times the median", number);
  MoeChart *chart = moe_chart_new (title, &layer, &value);

  for (guint i = 0; i < G_N_ELEMENTS (curves); i++)
    moe_chart_add_table (chart, table, &curves[i]);
  moe_chart_add_threshold (chart, FALSE, MOE_MASSIVE_MIN, "100");
  moe_chart_set_subtitle (chart, rule);
  moe_chart_set_empty_text (chart, "No tokens of this phase have been recorded");
  return chart;
}

MoeExhibit *
moe_massive_exhibit_new (MoeRecording  *recording,
                         guint          phases,
                         double         ratio,
                         GError       **error)
{
  MoeTable *table = moe_massive_activations_report (recording, phases, ratio, error);
  MoeExhibit *exhibit;

  if (table == NULL)
    return NULL;
  exhibit = moe_exhibit_new (table, NULL);
  moe_exhibit_set_chart (exhibit,
                         moe_massive_chart_new (table, moe_recording_get_info (recording)->name, ratio));
  return exhibit;
}
