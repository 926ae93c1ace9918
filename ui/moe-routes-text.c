/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-routes-text"

#include "ui/moe-routes-text.h"

#include <math.h>

#include "ui/moe-text.h"

static gint64
get_int (const MoeTable *table,
         guint           row,
         const char     *column)
{
  double value = moe_table_get_by_name (table, row, column);

  return isnan (value) ? -1 : (gint64) value;
}

int
moe_routes_find_row (const MoeTable  *table,
                     MoeRoutesMetric  metric,
                     gint64           layer,
                     gint64           expert,
                     gint64           other)
{
  int first = moe_table_find_column (table, "layer"), second = moe_table_find_column (table, "expert");
  int third = moe_table_find_column (table, metric == MOE_ROUTES_AFFINITY ? "next_expert" : "other");
  gboolean pairs = metric != MOE_ROUTES_SRP_EXPERTS;

  if (first < 0 || second < 0 || (pairs && third < 0))
    return -1;
  /* Similarity has each pair once. */
  if (metric == MOE_ROUTES_SIMILARITY && expert > other)
    {
      gint64 swapped = expert;

      expert = other;
      other = swapped;
    }
  for (guint row = 0; row < moe_table_get_n_rows (table); row++)
    if (moe_table_get_int (table, row, (guint) second) == expert
        && moe_table_get_int (table, row, (guint) first) == layer
        && (!pairs || moe_table_get_int (table, row, (guint) third) == other))
      return (int) row;
  return -1;
}

char *
moe_routes_describe (const MoeTable  *table,
                     MoeRoutesMetric  metric,
                     guint            row)
{
  gint64 layer = get_int (table, row, "layer"), expert = get_int (table, row, "expert");
  g_autofree char *one = g_strdup_printf ("L%" G_GINT64_FORMAT "E%" G_GINT64_FORMAT, layer, expert);
  g_autofree char *tokens = NULL;
  g_autofree char *share = NULL;
  g_autofree char *lift = NULL;

  if (metric == MOE_ROUTES_SRP_EXPERTS)
    {
      tokens = moe_text_count (get_int (table, row, "hits"));
      share = moe_text_number (moe_table_get_by_name (table, row, "srp"));
      return g_strdup_printf ("%s: SRP %s in windows of %" G_GINT64_FORMAT " tokens, %s hits", one, share,
                              get_int (table, row, "window"), tokens);
    }
  if (metric == MOE_ROUTES_SIMILARITY)
    {
      share = moe_text_number (moe_table_get_by_name (table, row, "similarity"));
      return g_strdup_printf ("%s and L%" G_GINT64_FORMAT "E%" G_GINT64_FORMAT ": cosine %s", one, layer,
                              get_int (table, row, "other"), share);
    }
  tokens = moe_text_count (get_int (table, row, "tokens"));
  share = moe_text_percent (moe_table_get_by_name (table, row, "share"));
  lift = moe_text_number (moe_table_get_by_name (table, row, "lift"));
  if (metric == MOE_ROUTES_AFFINITY)
    return g_strdup_printf ("%s to L%" G_GINT64_FORMAT "E%" G_GINT64_FORMAT ": %s tokens, %s of those of %s, "
                            "lift %s", one, get_int (table, row, "next_layer"),
                            get_int (table, row, "next_expert"), tokens, share, one, lift);
  return g_strdup_printf ("%s and L%" G_GINT64_FORMAT "E%" G_GINT64_FORMAT ": %s tokens, %s of those of %s, "
                          "lift %s", one, layer, get_int (table, row, "other"), tokens, share, one, lift);
}

/* The row with the largest (or least) value of @column, where @where is @equals (or NULL); -1 for none. */
static int
find_extreme (const MoeTable *table,
              const char     *column,
              gboolean        least,
              const char     *where,
              double          equals)
{
  int index = moe_table_find_column (table, column), best = -1;
  double extreme = NAN;

  for (guint row = 0; index >= 0 && row < moe_table_get_n_rows (table); row++)
    {
      double value = moe_table_get_double (table, row, (guint) index);

      if (isnan (value) || (where != NULL && moe_table_get_by_name (table, row, where) != equals))
        continue;
      if (best < 0 || (least ? value < extreme : value > extreme))
        {
          best = (int) row;
          extreme = value;
        }
    }
  return best;
}

/* Mean of @column where @where is @equals. */
static double
get_mean (const MoeTable *table,
          const char     *column,
          const char     *where,
          double          equals)
{
  double sum = 0;
  guint n = 0;

  for (guint row = 0; row < moe_table_get_n_rows (table); row++)
    {
      double value = moe_table_get_by_name (table, row, column);

      if (moe_table_get_by_name (table, row, where) != equals || isnan (value))
        continue;
      sum += value;
      n++;
    }
  return n > 0 ? sum / n : NAN;
}

/* "A cache of 16 experts a layer holds 56.6 % (LRU) to 79.3 % (Belady) of what tokens ask for." */
static char *
summarize_cache (const MoeTable     *table,
                 const MoeModelInfo *info)
{
  int policy = moe_table_find_column (table, "policy");
  gint64 size = -1;
  double lru = NAN, belady = NAN;
  g_autofree char *least = NULL;
  g_autofree char *most = NULL;

  /* The first size that is at least half of the experts. */
  for (guint row = 0; row < moe_table_get_n_rows (table) && size < 0; row++)
    if (2 * get_int (table, row, "experts") >= info->n_experts)
      size = get_int (table, row, "experts");
  for (guint row = 0; policy >= 0 && row < moe_table_get_n_rows (table); row++)
    if (get_int (table, row, "experts") == size)
      {
        const char *name = moe_table_get_text (table, row, (guint) policy);

        if (g_strcmp0 (name, "lru") == 0)
          lru = moe_table_get_by_name (table, row, "hit_rate");
        else if (g_strcmp0 (name, "belady") == 0)
          belady = moe_table_get_by_name (table, row, "hit_rate");
      }
  if (isnan (lru) || isnan (belady))
    return NULL;
  least = moe_text_percent (lru);
  most = moe_text_percent (belady);
  return g_strdup_printf ("A cache of %" G_GINT64_FORMAT " experts a layer has %s (LRU) to %s (Belady) of "
                          "what tokens ask for.", size, least, most);
}

static char *
summarize_recall (const MoeTable     *table,
                  const MoeModelInfo *info)
{
  int row = find_extreme (table, "recall", FALSE, "candidates", 2.0 * info->n_used);
  g_autofree char *recall = NULL;
  g_autofree char *by_load = NULL;

  if (row < 0)
    return NULL;
  recall = moe_text_percent (moe_table_get_by_name (table, (guint) row, "recall"));
  by_load = moe_text_percent (moe_table_get_by_name (table, (guint) row, "recall_by_load"));
  return g_strdup_printf ("%u candidates hold %s of the %u experts that are chosen next; by load alone %s.",
                          2 * info->n_used, recall, info->n_used, by_load);
}

char *
moe_routes_summarize (const MoeTable        *table,
                      const MoeModelInfo    *info,
                      const MoeRoutesChoice *choice)
{
  MoeRoutesMetric metric = choice->options.metric;
  g_autofree char *number = NULL;
  g_autofree char *what = NULL;
  int row = -1;

  switch ((int) metric)
    {
    case MOE_ROUTES_SIMILARITY:
    case MOE_ROUTES_COACTIVATION:
    case MOE_ROUTES_AFFINITY:
      /* Of shares and lifts the largest belong to experts that are hardly ever chosen. */
      row = find_extreme (table, metric == MOE_ROUTES_SIMILARITY ? "similarity" : "tokens", FALSE, NULL, 0);
      what = row >= 0 ? moe_routes_describe (table, metric, (guint) row) : NULL;
      return what != NULL ? g_strdup_printf ("Most: %s.", what) : NULL;
    case MOE_ROUTES_SRP_EXPERTS:
      row = find_extreme (table, "srp", FALSE, NULL, 0);
      what = row >= 0 ? moe_routes_describe (table, metric, (guint) row) : NULL;
      return what != NULL ? g_strdup_printf ("Most local: %s.", what) : NULL;
    case MOE_ROUTES_SRP:
      row = find_extreme (table, "srp", FALSE, "window", 16);
      number = row >= 0 ? moe_text_number (moe_table_get_by_name (table, (guint) row, "srp")) : NULL;
      return row >= 0 ? g_strdup_printf ("Most local over 16 tokens: layer %" G_GINT64_FORMAT ", SRP %s.",
                                         get_int (table, (guint) row, "layer"), number) : NULL;
    case MOE_ROUTES_RECALL:
      return summarize_recall (table, info);
    case MOE_ROUTES_CACHE:
      return summarize_cache (table, info);
    case MOE_ROUTES_BALANCE:
      row = find_extreme (table, "effective_experts", TRUE, NULL, 0);
      number = row >= 0 ? moe_text_number (moe_table_get_by_name (table, (guint) row, "effective_experts"))
                        : NULL;
      return row >= 0 ? g_strdup_printf ("Least even: layer %" G_GINT64_FORMAT ", as if %s of its %u experts "
                                         "were used alike.", get_int (table, (guint) row, "layer"), number,
                                         info->n_experts)
                      : NULL;
    case MOE_ROUTES_PARALLEL:
      row = find_extreme (table, "imbalance", FALSE, NULL, 0);
      number = row >= 0 ? moe_text_number (moe_table_get_by_name (table, (guint) row, "imbalance")) : NULL;
      return row >= 0 ? g_strdup_printf ("Least even: %" G_GINT64_FORMAT " devices in layer %" G_GINT64_FORMAT
                                         ", where the busiest has %s times the mean load.",
                                         get_int (table, (guint) row, "devices"),
                                         get_int (table, (guint) row, "layer"), number)
                      : NULL;
    case MOE_ROUTES_TILES:
      row = find_extreme (table, "batch", FALSE, "tile", 32);
      number = row >= 0 ? moe_text_percent (moe_table_get_by_name (table, (guint) row, "padding")) : NULL;
      return row >= 0 && !isnan (moe_table_get_by_name (table, (guint) row, "padding"))
                 ? g_strdup_printf ("Tiles of 32 waste %s of their rows at batches of %" G_GINT64_FORMAT
                                    " tokens.", number, get_int (table, (guint) row, "batch"))
                 : NULL;
    case MOE_ROUTES_DROPS:
      number = moe_text_number (get_mean (table, "experts_per_token", "top_p", 0.9));
      return find_extreme (table, "experts_per_token", FALSE, NULL, 0) >= 0
                 ? g_strdup_printf ("90 %% of the gate weight needs %s of %u experts.", number, info->n_used)
                 : NULL;
    default:
      return NULL;
    }
}
