/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-ranking"

#include "analysis/moe-condition.h"

#include <string.h>

#include "data/moe-csv.h"
#include "data/moe-error.h"
#include "data/moe-file.h"

#define MAX_BYTES (64u << 20)

typedef struct
{
  gint64 rank;
  int    layer, expert;
} Row;

typedef struct
{
  const char         *path;
  const MoeModelInfo *info;
  gboolean            has_header;
  int                 rank, layer, expert; /* columns */
  GArray             *rows;                /* of Row */
} Reader;

static gboolean
get_number (const Reader        *self,
            const char * const  *fields,
            guint                n_fields,
            int                  column,
            gint64               high,
            guint                line,
            gint64              *value,
            GError             **error)
{
  const char *text = (guint) column < n_fields ? fields[column] : NULL;

  if (text != NULL && g_ascii_string_to_signed (text, 10, 0, high, value, NULL))
    return TRUE;
  return moe_error_fail_line (error, MOE_ERROR_FORMAT, self->path, line,
                              "'%s' is not a whole number from 0 to %" G_GINT64_FORMAT,
                              text != NULL ? text : "", high);
}

static gboolean
on_row (const char * const  *fields,
        guint                n_fields,
        guint                line,
        gpointer             user_data,
        GError             **error)
{
  Reader *self = user_data;
  gint64 layer, expert, rank = self->rows->len;
  Row row;

  if (!self->has_header)
    {
      self->has_header = TRUE;
      self->rank = moe_csv_find_column (fields, n_fields, "rank");
      self->layer = moe_csv_find_column (fields, n_fields, "layer");
      self->expert = moe_csv_find_column (fields, n_fields, "expert");
      if (self->layer >= 0 && self->expert >= 0)
        return TRUE;
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: has no columns layer and expert", self->path);
      return FALSE;
    }

  if (!get_number (self, fields, n_fields, self->layer, (gint64) self->info->n_layers - 1, line, &layer,
                   error)
      || !get_number (self, fields, n_fields, self->expert, (gint64) self->info->n_experts - 1, line, &expert,
                      error)
      || (self->rank >= 0
          && !get_number (self, fields, n_fields, self->rank, G_MAXINT64, line, &rank, error)))
    return FALSE;
  if (moe_model_info_find_moe_layer (self->info, (guint) layer) < 0)
    return moe_error_fail_line (error, MOE_ERROR_FORMAT, self->path, line, "layer %d is not an MoE layer",
                                (int) layer);
  row = (Row) { rank, (int) layer, (int) expert };
  g_array_append_val (self->rows, row);
  return TRUE;
}

static int
compare_rows (gconstpointer a,
              gconstpointer b)
{
  const Row *first = a, *second = b;

  return (first->rank > second->rank) - (first->rank < second->rank);
}

/* FALSE when an expert is there twice. */
static gboolean
are_different (const GArray *rows)
{
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);

  for (guint i = 0; i < rows->len; i++)
    {
      const Row *row = &g_array_index (rows, Row, i);
      gint64 key = (gint64) row->layer << 32 | row->expert;

      if (!g_hash_table_add (seen, g_memdup2 (&key, sizeof key)))
        return FALSE;
    }
  return TRUE;
}

MoeRanking *
moe_ranking_load (const char          *path,
                  const MoeModelInfo  *info,
                  GError             **error)
{
  g_autoptr (GArray) rows = g_array_new (FALSE, FALSE, sizeof (Row));
  Reader reader = { .path = path, .info = info, .rows = rows };
  g_autofree char *data = NULL;
  MoeRanking *self;
  gsize length;

  g_return_val_if_fail (path != NULL && info != NULL, NULL);

  if (!moe_file_read (path, MAX_BYTES, &data, &length, error) ||
      !moe_csv_parse (path, data, length, on_row, &reader, error))
    return NULL;
  if (rows->len == 0 || !are_different (rows))
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: %s", path,
                   rows->len == 0 ? "names no expert" : "names an expert twice");
      return NULL;
    }

  g_array_sort (rows, compare_rows);
  self = g_new0 (MoeRanking, 1);
  self->experts = g_array_sized_new (FALSE, TRUE, sizeof (MoeIntervention), rows->len);
  for (guint i = 0; i < rows->len; i++)
    {
      const Row *row = &g_array_index (rows, Row, i);
      MoeIntervention one = { row->layer, row->expert, MOE_ACTION_DISABLE, MOE_MODE_REFILL };

      g_array_append_val (self->experts, one);
    }
  return self;
}

void
moe_ranking_free (MoeRanking *self)
{
  if (self == NULL)
    return;

  g_array_unref (self->experts);
  g_free (self);
}

MoeMask *
moe_ranking_make_mask (const MoeRanking *self,
                       guint             n,
                       gboolean          bottom,
                       MoeMode           mode,
                       MoeScope          scope)
{
  g_autofree MoeIntervention *ivs = NULL;

  g_return_val_if_fail (self != NULL, NULL);

  n = MIN (n, self->experts->len);
  ivs = g_new (MoeIntervention, MAX (n, 1));
  for (guint i = 0; i < n; i++)
    {
      ivs[i] = g_array_index (self->experts, MoeIntervention, bottom ? self->experts->len - n + i : i);
      ivs[i].mode = mode;
      ivs[i].scope = scope;
    }
  return moe_mask_new (ivs, n);
}
