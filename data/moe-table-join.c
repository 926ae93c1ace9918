/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-table-join"

#include "data/moe-table-join.h"

#include <string.h>

static char *
get_key (const MoeTable    *table,
         guint              row,
         const char *const *keys)
{
  GString *key = g_string_new (NULL);

  for (guint i = 0; keys[i] != NULL; i++)
    {
      g_autofree char *cell =
          moe_table_format_cell (table, row, (guint) moe_table_find_column (table, keys[i]));

      g_string_append_printf (key, "%" G_GSIZE_FORMAT ":%s", strlen (cell), cell);
    }
  return g_string_free (key, FALSE);
}

static void
add_column (MoeTable       *table,
            const MoeTable *like,
            guint           column)
{
  moe_table_add_column (table, moe_table_get_column_name (like, column),
                        moe_table_get_column_type (like, column), moe_table_get_column_unit (like, column),
                        moe_table_get_column_role (like, column));
}

MoeTable *
moe_table_join (const MoeTable    *left,
                const MoeTable    *right,
                const char *const *keys)
{
  g_autoptr(GHashTable) rows = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr(GArray) columns = g_array_new (FALSE, FALSE, sizeof (guint));
  guint n_left;
  MoeTable *self;

  g_return_val_if_fail (left != NULL && right != NULL && keys != NULL, NULL);
  for (guint i = 0; keys[i] != NULL; i++)
    g_return_val_if_fail (moe_table_find_column (left, keys[i]) >= 0 &&
                          moe_table_find_column (right, keys[i]) >= 0, NULL);

  self = moe_table_new (moe_table_get_title (left));
  n_left = moe_table_get_n_columns (left);
  for (guint i = 0; i < n_left; i++)
    add_column (self, left, i);
  for (guint i = 0; i < moe_table_get_n_columns (right); i++)
    if (moe_table_find_column (left, moe_table_get_column_name (right, i)) < 0)
      {
        add_column (self, right, i);
        g_array_append_val (columns, i);
      }
  for (guint i = moe_table_get_n_rows (right); i > 0; i--)
    g_hash_table_replace (rows, get_key (right, i - 1, keys), GUINT_TO_POINTER (i));

  for (guint row = 0; row < moe_table_get_n_rows (left); row++)
    {
      g_autofree char *key = get_key (left, row, keys);
      guint match = GPOINTER_TO_UINT (g_hash_table_lookup (rows, key));

      moe_table_append_row (self);
      for (guint i = 0; i < n_left; i++)
        moe_table_copy_cell (self, row, i, left, row, i);
      for (guint i = 0; match > 0 && i < columns->len; i++)
        moe_table_copy_cell (self, row, n_left + i, right, match - 1, g_array_index (columns, guint, i));
    }
  moe_table_copy_provenance (self, left);
  moe_table_copy_provenance (self, right);
  return self;
}
