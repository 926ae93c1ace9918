/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-routes-exhibit"

#include "ui/moe-routes-exhibit.h"

#include <math.h>

#include "analysis/moe-router-similarity.h"
#include "ui/moe-chart-table.h"
#include "ui/moe-routing-plot.h"
#include "ui/moe-study-command.h"

static const char *const value_names[MOE_N_ROUTES_VALUES] = {
  [MOE_ROUTES_SHARE] = "share", [MOE_ROUTES_LIFT] = "lift", [MOE_ROUTES_TOKENS] = "tokens",
};

const char *
moe_routes_value_get_name (MoeRoutesValue value)
{
  g_return_val_if_fail (value < MOE_N_ROUTES_VALUES, NULL);
  return value_names[value];
}

gboolean
moe_routes_value_parse (const char     *name,
                        MoeRoutesValue *value)
{
  g_return_val_if_fail (name != NULL && value != NULL, FALSE);

  for (guint i = 0; i < MOE_N_ROUTES_VALUES; i++)
    if (g_str_equal (name, value_names[i]))
      {
        *value = (MoeRoutesValue) i;
        return TRUE;
      }
  return FALSE;
}

void
moe_routes_choice_init (MoeRoutesChoice *self)
{
  *self = (MoeRoutesChoice) { .value = MOE_ROUTES_SHARE };
  moe_routes_options_init (&self->options);
  self->scale = moe_routes_metric_get_scale (self->options.metric);
}

MoeScale
moe_routes_metric_get_scale (MoeRoutesMetric metric)
{
  /* Of many pairs few are common. */
  return moe_routes_metric_has_value (metric) ? MOE_SCALE_SQRT : MOE_SCALE_LINEAR;
}

gboolean
moe_routes_metric_has_value (MoeRoutesMetric metric)
{
  return metric == MOE_ROUTES_COACTIVATION || metric == MOE_ROUTES_AFFINITY;
}

gboolean
moe_routes_metric_has_map (MoeRoutesMetric metric)
{
  return moe_routes_metric_has_value (metric) || metric == MOE_ROUTES_SIMILARITY
         || metric == MOE_ROUTES_SRP_EXPERTS;
}

/* --- maps --------------------------------------------------------------------------------------------- */

/* The layer that the map is of. */
static guint
get_layer (const MoeModelInfo    *info,
           const MoeRoutesChoice *choice)
{
  return choice->options.layer >= 0 ? (guint) choice->options.layer
         : info->n_moe_layers > 0 ? info->moe_layers[0] : 0;
}

/* Experts of a layer against experts of that or of the next one. */
static MoeMatrixPlot *
make_pairs (const MoeModelInfo    *info,
            const MoeTable        *table,
            const MoeRoutesChoice *choice)
{
  MoeRoutesMetric metric = choice->options.metric;
  guint n = info->n_experts, layer = get_layer (info, choice);
  gboolean similarity = metric == MOE_ROUTES_SIMILARITY;
  int of_layer = moe_table_find_column (table, "layer"), of_row = moe_table_find_column (table, "expert");
  int of_column = moe_table_find_column (table, metric == MOE_ROUTES_AFFINITY ? "next_expert" : "other");
  int of_value = moe_table_find_column (table, similarity ? "similarity" : value_names[choice->value]);
  static const char *const titles[MOE_N_ROUTES_VALUES] = { "share of tokens", "lift", "tokens" };
  MoeMatrixPlot *self;
  char *title;

  g_return_val_if_fail (of_layer >= 0 && of_row >= 0 && of_column >= 0 && of_value >= 0, NULL);

  if (similarity)
    title = g_strdup_printf ("%s: Similarity of Router Rows, Layer %u", info->name, layer);
  else if (metric == MOE_ROUTES_COACTIVATION)
    title = g_strdup_printf ("%s: Experts Chosen Together, Layer %u", info->name, layer);
  else
    title = g_strdup_printf ("%s: Flow From Layer %u to the Next%s", info->name, layer,
                             choice->options.top1 ? ", Strongest Experts" : "");
  self = moe_matrix_plot_new (n, n, title, g_strdup (similarity ? "cosine" : titles[choice->value]));
  self->plot.row_title = "expert";
  self->plot.column_title = metric == MOE_ROUTES_AFFINITY ? "expert of the next layer" : "other expert";
  self->plot.missing_text = metric == MOE_ROUTES_AFFINITY ? "no token" : "no pair";
  self->plot.empty_text = "No token was routed in these phases";
  self->plot.marginals = FALSE;
  self->plot.scale = choice->scale;
  for (guint row = 0; row < moe_table_get_n_rows (table); row++)
    {
      gint64 i = moe_table_get_int (table, row, (guint) of_row);
      gint64 j = moe_table_get_int (table, row, (guint) of_column);

      if (moe_table_get_int (table, row, (guint) of_layer) != layer || i < 0 || i >= n || j < 0 || j >= n)
        continue;
      self->values[(gsize) i * n + (gsize) j] = moe_table_get_double (table, row, (guint) of_value);
      if (similarity)
        self->values[(gsize) j * n + (gsize) i] = self->values[(gsize) i * n + (gsize) j];
    }
  return self;
}

/* Layers against experts. */
static MoeMatrixPlot *
make_locality (const MoeModelInfo    *info,
               const MoeTable        *table,
               const MoeRoutesChoice *choice)
{
  guint n = info->n_experts;
  int of_layer = moe_table_find_column (table, "layer"), of_expert = moe_table_find_column (table, "expert");
  int of_value = moe_table_find_column (table, "srp");
  MoeMatrixPlot *self;

  g_return_val_if_fail (of_layer >= 0 && of_expert >= 0 && of_value >= 0, NULL);

  self = moe_matrix_plot_new (info->n_moe_layers, n,
                              g_strdup_printf ("%s: Locality of Experts in Windows of %u Tokens", info->name,
                                               choice->options.window), g_strdup ("SRP"));
  self->plot.row_title = "layer";
  self->plot.column_title = "expert";
  self->plot.missing_text = "no hit";
  self->plot.empty_text = "No token was routed in these phases";
  self->plot.scale = choice->scale;
  for (guint layer = 0; layer < info->n_moe_layers; layer++)
    self->row_numbers[layer] = (gint) info->moe_layers[layer];
  for (guint row = 0; row < moe_table_get_n_rows (table); row++)
    {
      gint64 layer = moe_table_get_int (table, row, (guint) of_layer);
      gint64 expert = moe_table_get_int (table, row, (guint) of_expert);
      int number = layer >= 0 ? moe_model_info_find_moe_layer (info, (guint) layer) : -1;

      if (number >= 0 && expert >= 0 && expert < n)
        self->values[(gsize) number * n + (gsize) expert] = moe_table_get_double (table, row,
                                                                                  (guint) of_value);
    }
  return self;
}

MoeMatrixPlot *
moe_routes_map_new (const MoeModelInfo    *info,
                    const MoeTable        *table,
                    const MoeRoutesChoice *choice)
{
  g_return_val_if_fail (info != NULL && table != NULL && choice != NULL, NULL);

  return choice->options.metric == MOE_ROUTES_SRP_EXPERTS ? make_locality (info, table, choice)
                                                          : make_pairs (info, table, choice);
}

/* --- charts ------------------------------------------------------------------------------------------- */

/* A series for each value of @split, named by it between @before and @after. */
static void
add_split (MoeChart       *chart,
           const MoeTable *table,
           const char     *x,
           const char     *y,
           const char     *split,
           const char     *before,
           const char     *after)
{
  int column = moe_table_find_column (table, split);
  g_autoptr(GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint row = 0; column >= 0 && row < moe_table_get_n_rows (table); row++)
    {
      char *value = moe_table_format_cell (table, row, (guint) column);
      g_autofree char *name = NULL;

      if (g_hash_table_contains (seen, value))
        {
          g_free (value);
          continue;
        }
      g_hash_table_add (seen, value);
      name = g_strconcat (before, value, after, NULL);
      moe_chart_add_table (chart, table, &(MoeChartColumns) {
        .kind = MOE_CHART_LINES, .name = name, .x = x, .y = y, .where = split, .equals = value,
      });
    }
}

static void
add_line (MoeChart       *chart,
          const MoeTable *table,
          const char     *x,
          const char     *y,
          const char     *name,
          gboolean        quiet)
{
  moe_chart_add_table (chart, table, &(MoeChartColumns) {
    .kind = MOE_CHART_LINES, .name = name, .x = x, .y = y, .quiet = quiet,
  });
}

/* "lru" says little to who reads a legend. */
static void
add_policies (MoeChart       *chart,
              const MoeTable *table,
              guint           window)
{
  static const struct { const char *policy, *name; } names[] = {
    { "belady", "Belady: latest next use" }, { "lru", "LRU: least recently used" },
    { "lfu", "LFU: least used" },
  };
  g_autofree char *ahead = g_strdup_printf ("SCH: least used in the next %u tokens", window);

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    moe_chart_add_table (chart, table, &(MoeChartColumns) {
      .kind = MOE_CHART_LINES, .name = names[i].name, .x = "experts", .y = "hit_rate", .where = "policy",
      .equals = names[i].policy,
    });
  moe_chart_add_table (chart, table, &(MoeChartColumns) {
    .kind = MOE_CHART_LINES, .name = ahead, .x = "experts", .y = "hit_rate", .where = "policy",
    .equals = "sch",
  });
}

MoeChart *
moe_routes_chart_new (const MoeModelInfo    *info,
                      const MoeTable        *table,
                      const MoeRoutesChoice *choice)
{
  MoeChartAxis x = { .title = "layer", .unit = "", .integer = TRUE };
  MoeChartAxis y = { .title = "", .unit = "", .zero = TRUE };
  g_autofree char *title = NULL;
  g_autofree char *subtitle = NULL;
  const MoeRoutesOptions *options = &choice->options;
  MoeRoutesMetric metric = options->metric;
  MoeChart *chart;

  g_return_val_if_fail (info != NULL && table != NULL && choice != NULL, NULL);

  switch ((int) metric)
    {
    case MOE_ROUTES_RECALL:
      title = g_strdup_printf ("%s: Predicting the Experts After Layer %u", info->name,
                               get_layer (info, choice));
      subtitle = g_strdup ("each token is predicted from the others");
      x.title = "candidates";
      x.unit = "experts";
      y.title = "recall";
      break;
    case MOE_ROUTES_SRP:
      title = g_strdup_printf ("%s: Locality of Routing", info->name);
      subtitle = g_strdup ("SRP: F1 of keeping experts for whole windows; 1 = the same experts throughout");
      y.title = "SRP";
      break;
    case MOE_ROUTES_CACHE:
      title = options->layer >= 0
                  ? g_strdup_printf ("%s: Expert Cache of Layer %d", info->name, options->layer)
                  : g_strdup_printf ("%s: Expert Caches, All Layers", info->name);
      subtitle = g_strdup ("caches start empty: the first use of an expert is a miss");
      x.title = "cache of a layer";
      x.unit = "experts";
      x.zero = TRUE;
      y.title = "hit rate";
      break;
    case MOE_ROUTES_BALANCE:
      title = g_strdup_printf ("%s: Load Balance", info->name);
      subtitle = g_strdup ("entropy 1 and Gini 0 = all experts are used alike");
      y.title = "balance";
      break;
    case MOE_ROUTES_PARALLEL:
      title = g_strdup_printf ("%s: Experts on Several Devices", info->name);
      subtitle = g_strdup ("equal blocks of experts on each device; 1 = all have the same load");
      y.title = "busiest device / mean load";
      break;
    case MOE_ROUTES_TILES:
      title = g_strdup_printf ("%s: Rows Wasted to Fill Tiles", info->name);
      subtitle = g_strdup ("tokens grouped by expert, each group filled up to whole tiles");
      x.title = "batch";
      x.unit = "tokens";
      x.scale = MOE_SCALE_LOG;
      y.title = "share of rows that are filling";
      break;
    case MOE_ROUTES_DROPS:
    default:
      title = g_strdup_printf ("%s: Experts Needed for a Share of the Gate Weight", info->name);
      subtitle = g_strdup_printf ("of the %u experts that are chosen", info->n_used);
      y.title = "experts per token";
      break;
    }

  chart = moe_chart_new (title, &x, &y);
  moe_chart_set_subtitle (chart, subtitle);
  moe_chart_set_empty_text (chart, "No token was routed in these phases");
  if (metric == MOE_ROUTES_RECALL)
    {
      add_line (chart, table, "candidates", "recall", "by the experts of this layer", FALSE);
      add_line (chart, table, "candidates", "recall_by_load", "by load alone", TRUE);
    }
  else if (metric == MOE_ROUTES_SRP)
    add_split (chart, table, "layer", "srp", "window", "", " tokens");
  else if (metric == MOE_ROUTES_CACHE)
    add_policies (chart, table, options->window);
  else if (metric == MOE_ROUTES_BALANCE)
    {
      add_line (chart, table, "layer", "entropy", "normalised entropy", FALSE);
      add_line (chart, table, "layer", "gini", "Gini coefficient", FALSE);
    }
  else if (metric == MOE_ROUTES_PARALLEL)
    add_split (chart, table, "layer", "imbalance", "devices", "", " devices");
  else if (metric == MOE_ROUTES_TILES)
    add_split (chart, table, "batch", "padding", "tile", "tiles of ", "");
  else
    add_split (chart, table, "layer", "experts_per_token", "top_p", "p = ", "");
  return chart;
}

/* --- exhibits ----------------------------------------------------------------------------------------- */

/* A row a row of the map: its number, then a column e0, e1, ... for each of its columns. */
static MoeTable *
make_wide (const MoeTable      *table,
           const MoeMatrixPlot *map)
{
  const MoeHeatmapPlot *plot = &map->plot;
  MoeTable *wide = moe_table_new (moe_table_get_title (table));

  moe_table_add_column (wide, plot->row_title, MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  for (guint column = 0; column < plot->n_columns; column++)
    {
      g_autofree char *name = g_strdup_printf ("e%u", column);

      moe_table_add_column (wide, name, MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
    }
  moe_table_copy_provenance (wide, table);
  moe_table_set_provenance (wide, "values", map->value_title);
  for (guint row = 0; row < plot->n_rows; row++)
    {
      guint added = moe_table_append_row (wide);

      moe_table_set_int (wide, added, 0, map->row_numbers[row]);
      for (guint column = 0; column < plot->n_columns; column++)
        moe_table_set_double (wide, added, 1 + column, map->values[(gsize) row * plot->n_columns + column]);
    }
  return wide;
}

MoeExhibit *
moe_routes_exhibit_take (const MoeModelInfo    *info,
                         MoeTable              *table,
                         const MoeRoutesChoice *choice)
{
  MoeExhibit *exhibit;

  g_return_val_if_fail (info != NULL && table != NULL && choice != NULL, NULL);

  if (moe_routes_metric_has_map (choice->options.metric))
    {
      MoeMatrixPlot *map = moe_routes_map_new (info, table, choice);

      exhibit = moe_exhibit_new (table, make_wide (table, map));
      moe_exhibit_set_matrix (exhibit, map);
    }
  else
    {
      exhibit = moe_exhibit_new (table, NULL);
      moe_exhibit_set_chart (exhibit, moe_routes_chart_new (info, table, choice));
    }
  return exhibit;
}

MoeTable *
moe_routes_similarity (const MoeModel *model,
                       int             layer)
{
  MoeTable *table = moe_router_similarity_to_table (model, layer);

  moe_command_add_provenance (table, moe_model_get_info (model), NULL);
  return table;
}

MoeTable *
moe_routes_read_table (const char              *path,
                       MoeModel                *model,
                       const MoeRoutesOptions  *options,
                       const MoeProgress       *progress,
                       MoeModelInfo           **info,
                       GError                 **error)
{
  g_autoptr(MoeRecording) recording = NULL;
  MoeTable *table;

  if (model != NULL)
    {
      *info = moe_model_info_ref ((MoeModelInfo *) moe_model_get_info (model));
      return moe_routes_similarity (model, options->layer);
    }
  recording = moe_recording_open (path, error);
  table = recording != NULL ? moe_routes_report (recording, options, progress, error) : NULL;
  if (table != NULL)
    *info = moe_model_info_ref ((MoeModelInfo *) moe_recording_get_info (recording));
  return table;
}

typedef struct
{
  MoeRoutesChoice  choice;
  MoeModel        *model; /* or NULL */
} Wanted;

static void
wanted_free (gpointer data)
{
  Wanted *wanted = data;

  g_clear_pointer (&wanted->model, moe_model_unref);
  g_free (wanted);
}

static MoeExhibit *
make (const char  *path,
      gpointer     data,
      GError     **error)
{
  const Wanted *wanted = data;
  g_autoptr(MoeModelInfo) info = NULL;
  MoeTable *table = moe_routes_read_table (path, wanted->model, &wanted->choice.options, NULL, &info, error);

  return table != NULL ? moe_routes_exhibit_take (info, table, &wanted->choice) : NULL;
}

MoeExport *
moe_routes_export_new (const MoeRoutesChoice *choice,
                       MoeModel              *model)
{
  const MoeRoutesOptions *options = &choice->options;
  MoeExport *self = g_new0 (MoeExport, 1);
  gboolean map = moe_routes_metric_has_map (options->metric);
  Wanted *wanted = g_new0 (Wanted, 1);
  GString *line = g_string_new (NULL);

  g_string_append_printf (line, "--metric %s", moe_routes_metric_get_name (options->metric));
  if (options->layer >= 0 && moe_routes_metric_takes_layer (options->metric))
    g_string_append_printf (line, " --layer %d", options->layer);
  if (model == NULL)
    {
      g_autofree char *phases = moe_phases_format (options->phases);

      g_string_append_printf (line, " --phase %s", phases);
    }
  if (moe_routes_metric_takes_window (options->metric))
    g_string_append_printf (line, " --segment %u", options->window);
  if (options->metric == MOE_ROUTES_AFFINITY)
    g_string_append_printf (line, " --pairs %s", options->top1 ? "top1" : "all");
  /* A wide table holds the chosen values too. */
  if (moe_routes_metric_has_value (options->metric))
    g_string_append_printf (line, " --value %s", value_names[choice->value]);

  self->name = g_strdup (moe_routes_metric_get_name (options->metric));
  self->formats = MOE_EXHIBIT_TABLES | MOE_EXHIBIT_PICTURES | (map ? MOE_EXHIBIT_WIDE : 0);
  self->command = g_strdup ("routes");
  self->source = model != NULL ? g_strdup (moe_model_get_info (model)->path) : NULL;
  self->options = g_string_free (line, FALSE);
  if (map)
    self->picture_options = g_strdup_printf ("--color-scale %s", moe_scale_get_name (choice->scale));
  wanted->choice = *choice;
  wanted->model = model != NULL ? moe_model_ref (model) : NULL;
  self->make = make;
  self->data = wanted;
  self->free_data = wanted_free;
  return self;
}
