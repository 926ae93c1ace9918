/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-route-plot"

#include "ui/moe-route-plot.h"

#include <math.h>

#include "analysis/moe-report.h"
#include "ui/moe-chart-table.h"

#define EMPTY_TEXT "No tokens of this phase have been recorded"

/* "MODEL: WHAT" or "MODEL: WHAT, Layer 3". */
static char *
make_title (const MoeModelInfo   *info,
            const MoeRouteLayers *layers,
            const char           *what)
{
  return layers->n == 1
           ? g_strdup_printf ("%s: %s, Layer %u", info->name, what, info->moe_layers[layers->first])
           : g_strdup_printf ("%s: %s", info->name, what);
}

/* NaN when no domain has tokens. */
static double
get_largest_ratio (const MoeRouteDomains *domains,
                   guint                  layer,
                   guint                  expert)
{
  double largest = NAN;

  for (guint domain = 0; domain < domains->n_domains; domain++)
    largest = fmax (largest, moe_route_domains_get_ratio (domains, domain, layer, expert));
  return largest;
}

MoeMatrixPlot *
moe_route_domains_map_new (const MoeRouteDomains *domains)
{
  gboolean one = domains->layers.n == 1;
  guint n_rows = one ? domains->n_domains : domains->layers.n, n = domains->info->n_experts;
  MoeMatrixPlot *self = moe_matrix_plot_new (n_rows, n,
                                             make_title (domains->info, &domains->layers,
                                                         "Domain Specialisation"),
                                             g_strdup (one ? "share over k/E" : "largest share over k/E"));

  self->plot.row_title = one ? "domain" : "layer";
  self->plot.column_title = "expert";
  self->plot.scale = MOE_SCALE_SQRT;
  self->plot.marginals = FALSE;
  self->plot.missing_text = "no tokens";
  self->plot.empty_text = EMPTY_TEXT;
  for (guint row = 0; row < n_rows; row++)
    for (guint expert = 0; expert < n; expert++)
      self->values[(gsize) row * n + expert] = one ? moe_route_domains_get_ratio (domains, row, 0, expert)
                                                   : get_largest_ratio (domains, row, expert);
  if (one)
    moe_matrix_plot_take_names (self, g_strdupv (domains->names), NULL);
  else
    for (guint row = 0; row < n_rows; row++)
      self->row_numbers[row] = (gint) domains->info->moe_layers[domains->layers.first + row];
  return self;
}

MoeChart *
moe_route_keep_chart_new (const MoeRouteKeep *keep,
                          const MoeTable     *table)
{
  static const MoeChartColumns curves[] = {
    { .kind = MOE_CHART_LINES, .name = "choices", .x = "kept", .y = "hits_kept" },
    { .kind = MOE_CHART_LINES, .name = "gate weight", .x = "kept", .y = "weight_kept" },
    { .kind = MOE_CHART_LINES, .name = "tokens with none missing", .x = "kept", .y = "tokens_intact" },
  };
  gboolean one = keep->layers.n == 1;
  const MoeChartAxis x = { .title = "experts kept", .unit = "", .integer = TRUE, .zero = TRUE };
  const MoeChartAxis y = { .title = one ? "share kept" : "share of the choices kept", .unit = "",
                           .zero = TRUE };
  g_autofree char *title = make_title (keep->info, &keep->layers, "What If Only the First Experts Are Kept");
  g_autofree char *ranking = g_strdup_printf ("ranked by %s over the same tokens",
                                              moe_route_keep_ranking_get_name (keep->ranking));
  MoeChart *chart = moe_chart_new (title, &x, &y);

  for (guint i = 0; i < (one ? G_N_ELEMENTS (curves) : keep->layers.n); i++)
    {
      guint number = keep->info->moe_layers[keep->layers.first + (one ? 0 : i)];
      g_autofree char *layer = g_strdup_printf ("%u", number);
      g_autofree char *name = g_strdup_printf ("layer %u", number);
      const MoeChartColumns of_layer = { .kind = MOE_CHART_LINES, .name = name, .x = "kept", .y = "hits_kept",
                                         .point_name = "layer,expert", .where = "layer", .equals = layer };

      moe_chart_add_table (chart, table, one ? &curves[i] : &of_layer);
    }
  moe_chart_set_subtitle (chart, ranking);
  moe_chart_set_empty_text (chart, EMPTY_TEXT);
  return chart;
}

MoeExhibit *
moe_route_domains_exhibit_new (const MoeRouteDomains  *domains,
                               MoeRecording           *recording,
                               GError                **error)
{
  g_autoptr(MoeTable) table = moe_route_domains_to_table (domains);
  g_autoptr(MoeTable) wide = moe_route_domains_to_wide_table (domains);
  MoeExhibit *exhibit;

  if (!moe_report_add_source (table, recording, error) || !moe_report_add_source (wide, recording, error))
    return NULL;
  exhibit = moe_exhibit_new (g_steal_pointer (&table), g_steal_pointer (&wide));
  moe_exhibit_set_matrix (exhibit, moe_route_domains_map_new (domains));
  return exhibit;
}

MoeExhibit *
moe_route_keep_exhibit_new (const MoeRouteKeep  *keep,
                            MoeRecording        *recording,
                            GError             **error)
{
  g_autoptr(MoeTable) table = moe_route_keep_to_table (keep);
  g_autoptr(MoeChart) chart = NULL;
  MoeExhibit *exhibit;

  if (!moe_report_add_source (table, recording, error))
    return NULL;
  chart = moe_route_keep_chart_new (keep, table);
  exhibit = moe_exhibit_new (g_steal_pointer (&table), NULL);
  moe_exhibit_set_chart (exhibit, g_steal_pointer (&chart));
  return exhibit;
}

MoeExhibit *
moe_route_overlap_exhibit_take (const MoeModelInfo *info,
                                MoeTable           *table)
{
  static const MoeChartColumns curves[] = {
    { .kind = MOE_CHART_LINES, .name = "experts of a token", .x = "layer", .y = "overlap" },
    { .kind = MOE_CHART_LINES, .name = "strongest expert", .x = "layer", .y = "same_strongest" },
    { .kind = MOE_CHART_LINES, .name = "experts, by chance", .x = "layer", .y = "by_chance", .quiet = TRUE },
  };
  const MoeChartAxis x = { .title = "layer", .unit = "", .integer = TRUE };
  const MoeChartAxis y = { .title = "share that is the same", .unit = "", .zero = TRUE };
  g_autofree char *title = NULL;
  MoeChart *chart;
  MoeExhibit *exhibit;

  g_return_val_if_fail (info != NULL && table != NULL, NULL);

  title = g_strdup_printf ("%s: Experts Chosen in Both Recordings", info->name);
  chart = moe_chart_new (title, &x, &y);
  for (guint i = 0; i < G_N_ELEMENTS (curves); i++)
    moe_chart_add_table (chart, table, &curves[i]);
  moe_chart_set_empty_text (chart, EMPTY_TEXT);
  exhibit = moe_exhibit_new (table, NULL);
  moe_exhibit_set_chart (exhibit, chart);
  return exhibit;
}
