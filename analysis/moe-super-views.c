/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-super-views"

#include "analysis/moe-super-views.h"

#include <math.h>
#include <stdlib.h>

#include "analysis/moe-tail-fit.h"
#include "data/moe-number.h"

typedef struct
{
  const char   *name;
  MoeColumnType type;
  MoeColumnRole role;
} Column;

static MoeTable *
make_table (MoeSuperExperts  *self,
            MoeRecording     *recording,
            const char       *title,
            const Column     *columns,
            guint             n_columns,
            GError          **error)
{
  g_autoptr(MoeTable) table = moe_table_new (title);

  for (guint i = 0; i < n_columns; i++)
    moe_table_add_column (table, columns[i].name, columns[i].type, "", columns[i].role);
  return moe_super_experts_add_provenance (self, table, recording, error) ? g_steal_pointer (&table) : NULL;
}

static int
compare_places (gconstpointer a,
                gconstpointer b)
{
  const MoeSuperExpert *x = *(MoeSuperExpert *const *) a, *y = *(MoeSuperExpert *const *) b;

  if (x->layer != y->layer)
    return x->layer < y->layer ? -1 : 1;
  return x->expert - y->expert;
}

/* All experts by layer and number. Transfer container. */
static GPtrArray *
sort_by_place (MoeSuperExperts *self)
{
  GPtrArray *experts = g_ptr_array_new ();

  for (guint i = 0; i < moe_super_experts_get_n (self); i++)
    g_ptr_array_add (experts, moe_super_experts_get (self, i));
  qsort (experts->pdata, experts->len, sizeof *experts->pdata, compare_places);
  return experts;
}

MoeTable *
moe_super_view_experts (MoeSuperExperts  *self,
                        MoeRecording     *recording,
                        GError          **error)
{
  static const Column columns[] = {
    { "layer", MOE_COLUMN_INT, MOE_ROLE_INDEX },
    { "expert", MOE_COLUMN_INT, MOE_ROLE_INDEX },
    { "max_down_proj", MOE_COLUMN_FLOAT, MOE_ROLE_VALUE },
    { "in_layers", MOE_COLUMN_BOOL, MOE_ROLE_VALUE },
    { "is_super", MOE_COLUMN_BOOL, MOE_ROLE_VALUE },
  };
  g_autoptr(GPtrArray) experts = NULL;
  MoeTable *table;

  g_return_val_if_fail (self != NULL && recording != NULL, NULL);

  table = make_table (self, recording, "Largest Output by Expert", columns, G_N_ELEMENTS (columns), error);
  if (table == NULL)
    return NULL;
  experts = sort_by_place (self);
  for (guint i = 0; i < experts->len; i++)
    {
      const MoeSuperExpert *expert = g_ptr_array_index (experts, i);
      guint row = moe_table_append_row (table);

      moe_table_set_int (table, row, 0, expert->layer);
      moe_table_set_int (table, row, 1, expert->expert);
      if (expert->seen)
        moe_table_set_double (table, row, 2, expert->max);
      moe_table_set_int (table, row, 3, expert->in_layers);
      moe_table_set_int (table, row, 4, expert->is_super);
    }
  return table;
}

static double
get_median (const double *sorted,
            gsize         n)
{
  return n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

/* The @n experts at @experts are those of one layer. */
static void
add_layer (MoeTable             *table,
           MoeSuperExpert *const *experts,
           gsize                  n)
{
  g_autofree double *values = g_new (double, n);
  const MoeSuperExpert *largest = experts[0];
  guint row = moe_table_append_row (table);
  double percentile;

  for (gsize i = 0; i < n; i++)
    {
      values[i] = experts[i]->max;
      if (experts[i]->max > largest->max)
        largest = experts[i];
    }
  percentile = moe_super_percentile (values, n);
  moe_table_set_int (table, row, 0, largest->layer);
  moe_table_set_double (table, row, 1, largest->max);
  if (largest->seen)
    moe_table_set_int (table, row, 2, largest->expert);
  if (n > 1)
    moe_table_set_double (table, row, 3, values[n - 2]);
  moe_table_set_double (table, row, 4, get_median (values, n));
  moe_table_set_double (table, row, 5, percentile);
  moe_table_set_int (table, row, 6, (gint64) n);
  moe_table_set_int (table, row, 7, largest->in_layers);
}

MoeTable *
moe_super_view_layers (MoeSuperExperts  *self,
                       MoeRecording     *recording,
                       GError          **error)
{
  static const Column columns[] = {
    { "layer", MOE_COLUMN_INT, MOE_ROLE_INDEX },
    { "max_down_proj", MOE_COLUMN_FLOAT, MOE_ROLE_VALUE },
    { "expert", MOE_COLUMN_INT, MOE_ROLE_LABEL },
    { "second", MOE_COLUMN_FLOAT, MOE_ROLE_VALUE },
    { "median", MOE_COLUMN_DOUBLE, MOE_ROLE_VALUE },
    { "percentile", MOE_COLUMN_DOUBLE, MOE_ROLE_VALUE },
    { "n_experts", MOE_COLUMN_INT, MOE_ROLE_VALUE },
    { "in_layers", MOE_COLUMN_BOOL, MOE_ROLE_VALUE },
  };
  g_autoptr(GPtrArray) experts = NULL;
  MoeTable *table;

  g_return_val_if_fail (self != NULL && recording != NULL, NULL);

  table = make_table (self, recording, "Largest Output by Layer", columns, G_N_ELEMENTS (columns), error);
  if (table == NULL)
    return NULL;
  experts = sort_by_place (self);
  for (guint first = 0, end; first < experts->len; first = end)
    {
      MoeSuperExpert *const *layer = (MoeSuperExpert *const *) experts->pdata;

      for (end = first; end < experts->len && layer[end]->layer == layer[first]->layer; end++)
        ;
      add_layer (table, layer + first, end - first);
    }
  return table;
}

static void
add_fit (MoeTable         *table,
         const MoeTailFit *fit)
{
  char alpha[MOE_NUMBER_BUFFER], low[MOE_NUMBER_BUFFER], high[MOE_NUMBER_BUFFER];
  g_autofree char *interval = NULL, *tail = g_strdup_printf ("%" G_GSIZE_FORMAT, fit->n_tail);

  moe_table_set_provenance (table, "fit", "power law, maximum likelihood, xmin by the smallest "
                                          "Kolmogorov-Smirnov distance (arXiv 0706.1062)");
  moe_table_set_provenance (table, "alpha", moe_number_format_double (alpha, fit->alpha));
  interval = g_strdup_printf ("%s to %s (95 %%, given xmin)", moe_number_format_double (low, fit->low),
                              moe_number_format_double (high, fit->high));
  moe_table_set_provenance (table, "alpha-interval", interval);
  moe_table_set_provenance (table, "xmin", moe_number_format_double (low, fit->xmin));
  moe_table_set_provenance (table, "distance", moe_number_format_double (low, fit->distance));
  moe_table_set_provenance (table, "tail", tail);
}

MoeTable *
moe_super_view_tail (MoeSuperExperts  *self,
                     MoeRecording     *recording,
                     GError          **error)
{
  static const Column columns[] = {
    { "rank", MOE_COLUMN_INT, MOE_ROLE_INDEX },
    { "layer", MOE_COLUMN_INT, MOE_ROLE_LABEL },
    { "expert", MOE_COLUMN_INT, MOE_ROLE_LABEL },
    { "max_down_proj", MOE_COLUMN_FLOAT, MOE_ROLE_VALUE },
    { "ccdf", MOE_COLUMN_DOUBLE, MOE_ROLE_VALUE },
    { "fit", MOE_COLUMN_DOUBLE, MOE_ROLE_VALUE },
  };
  g_autofree double *values = NULL;
  MoeTable *table;
  MoeTailFit fit;
  gboolean fitted;
  guint n = 0;

  g_return_val_if_fail (self != NULL && recording != NULL, NULL);

  table = make_table (self, recording, "Tail of the Largest Outputs", columns, G_N_ELEMENTS (columns), error);
  if (table == NULL)
    return NULL;
  values = g_new (double, moe_super_experts_get_n (self));
  for (guint i = 0; i < moe_super_experts_get_n (self); i++)
    {
      const MoeSuperExpert *expert = moe_super_experts_get (self, i);

      if (expert->seen)
        values[n++] = expert->max;
    }
  fitted = moe_tail_fit (values, n, &fit);
  if (fitted)
    add_fit (table, &fit);

  for (guint i = 0; i < moe_super_experts_get_n (self); i++)
    {
      const MoeSuperExpert *expert = moe_super_experts_get (self, i);
      guint row, end;

      if (!expert->seen)
        continue;
      row = moe_table_append_row (table);
      /* Equal values have the same share: that up to the last of them. */
      for (end = row + 1; end < n && values[end] == values[row]; end++)
        ;
      moe_table_set_int (table, row, 0, row + 1);
      moe_table_set_int (table, row, 1, expert->layer);
      moe_table_set_int (table, row, 2, expert->expert);
      moe_table_set_double (table, row, 3, expert->max);
      moe_table_set_double (table, row, 4, (double) end / n);
      if (fitted)
        moe_table_set_double (table, row, 5,
                              moe_tail_fit_get (&fit, values[row]) * (double) fit.n_tail / n);
    }
  return table;
}
