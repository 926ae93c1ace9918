/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-mask-import"

#include "data/moe-mask-import.h"

#include <math.h>
#include <string.h>

#include "data/moe-csv.h"
#include "data/moe-error.h"
#include "data/moe-file.h"
#include "data/moe-number.h"

#define MAX_BYTES (256u << 20)

static MoeMask *
finish (GArray              *ivs,
        const MoeModelInfo  *info,
        const char          *path,
        GError             **error)
{
  g_autoptr (MoeMask) mask = moe_mask_new ((const MoeIntervention *) (gpointer) ivs->data, ivs->len);

  if (moe_mask_validate (mask, info, error))
    return g_steal_pointer (&mask);
  if (path != NULL)
    g_prefix_error (error, "%s: ", path);
  return NULL;
}

typedef struct
{
  int    layer, expert;
  double difference;
  guint  line;
} Row;

typedef struct
{
  const char *path;
  gboolean    has_header;
  int         columns[3]; /* layer, expert, risk_diff */
  GArray     *rows;       /* of Row */
} Reader;

static const char * const column_names[] = { "layer", "expert", "risk_diff" };

static gboolean
read_header (Reader              *self,
             const char * const  *fields,
             guint                n_fields,
             GError             **error)
{
  for (guint c = 0; c < G_N_ELEMENTS (column_names); c++)
    {
      self->columns[c] = -1;
      for (guint i = 0; i < n_fields; i++)
        if (g_strcmp0 (fields[i], column_names[c]) == 0)
          self->columns[c] = (int) i;
      if (self->columns[c] < 0)
        {
          g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: has no column %s", self->path,
                       column_names[c]);
          return FALSE;
        }
    }
  self->has_header = TRUE;
  return TRUE;
}

static gboolean
on_row (const char * const  *fields,
        guint                n_fields,
        guint                line,
        gpointer             user_data,
        GError             **error)
{
  Reader *self = user_data;
  double values[3];
  Row row;

  if (!self->has_header)
    return read_header (self, fields, n_fields, error);
  for (guint c = 0; c < G_N_ELEMENTS (values); c++)
    {
      const char *text = (guint) self->columns[c] < n_fields ? fields[self->columns[c]] : NULL;

      if (text == NULL || !moe_number_parse (text, &values[c]) ||
          (c < 2 && !(values[c] >= 0 && values[c] <= G_MAXUINT16 && values[c] == floor (values[c]))))
        return moe_error_fail_line (error, MOE_ERROR_FORMAT, self->path, line, "'%s' is no %s",
                                    text != NULL ? text : "", column_names[c]);
    }
  row = (Row) { (int) values[0], (int) values[1], values[2], line };
  g_array_append_val (self->rows, row);
  return TRUE;
}

static int
compare_rows (gconstpointer a,
              gconstpointer b)
{
  const Row *first = a, *second = b;

  if (first->difference != second->difference)
    return first->difference > second->difference ? -1 : 1;
  return (first->line > second->line) - (first->line < second->line);
}

static gboolean
take_rows (const Reader  *self,
           guint          n,
           gboolean       bottom,
           MoeAction      action,
           MoeMode        mode,
           GArray        *ivs,
           GError       **error)
{
  if (n > self->rows->len)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "%s: has %u rows, fewer than the %u asked for",
                   self->path, self->rows->len, n);
      return FALSE;
    }
  for (guint i = 0; i < n; i++)
    {
      const Row *row = &g_array_index (self->rows, Row, bottom ? self->rows->len - 1 - i : i);
      MoeIntervention one = { row->layer, row->expert, action, mode };

      g_array_append_val (ivs, one);
    }
  return TRUE;
}

MoeMask *
moe_mask_import_steer_table (const char                  *path,
                             const MoeModelInfo          *info,
                             const MoeSteerTableOptions  *options,
                             GError                     **error)
{
  g_autoptr (GArray) rows = g_array_new (FALSE, FALSE, sizeof (Row));
  g_autoptr (GArray) ivs = g_array_new (FALSE, TRUE, sizeof (MoeIntervention));
  Reader reader = { .path = path, .rows = rows };
  g_autofree char *data = NULL;
  gsize length;

  g_return_val_if_fail (path != NULL && info != NULL && options != NULL, NULL);

  if (!moe_file_read (path, MAX_BYTES, &data, &length, error) ||
      !moe_csv_parse (path, data, length, on_row, &reader, error))
    return NULL;
  g_array_sort (rows, compare_rows);
  if (!take_rows (&reader, options->disable_top, FALSE, MOE_ACTION_DISABLE, options->disable_mode, ivs,
                  error) ||
      !take_rows (&reader, options->force_top, FALSE, MOE_ACTION_FORCE, options->force_mode, ivs, error) ||
      !take_rows (&reader, options->disable_bottom, TRUE, MOE_ACTION_DISABLE, options->disable_mode, ivs,
                  error) ||
      !take_rows (&reader, options->force_bottom, TRUE, MOE_ACTION_FORCE, options->force_mode, ivs, error))
    return NULL;
  return finish (ivs, info, path, error);
}

MoeMask *
moe_mask_import_map (const char          *path,
                     const MoeModelInfo  *info,
                     double               strength,
                     GError             **error)
{
  g_autoptr (GArray) ivs = g_array_new (FALSE, TRUE, sizeof (MoeIntervention));
  g_autofree char *data = NULL;
  gboolean all_layers;
  gsize length;

  g_return_val_if_fail (path != NULL && info != NULL, NULL);

  if (!moe_file_read (path, MAX_BYTES, &data, &length, error))
    return NULL;
  all_layers = length == (gsize) info->n_layers * info->n_experts * sizeof (guint32);
  if (!all_layers && length != (gsize) info->n_moe_layers * info->n_experts * sizeof (guint32))
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT,
                   "%s: has %" G_GSIZE_FORMAT " bytes, not 4 for each of %u experts in %u layers", path,
                   length, info->n_experts, info->n_moe_layers);
      return NULL;
    }
  for (gsize i = 0; i < length / sizeof (guint32); i++)
    {
      guint row = (guint) (i / info->n_experts);
      MoeIntervention one = { all_layers ? (int) row : (int) info->moe_layers[row],
                              (int) (i % info->n_experts) };
      guint32 bits;
      float value;

      memcpy (&bits, data + i * sizeof bits, sizeof bits);
      bits = GUINT32_FROM_LE (bits);
      memcpy (&value, &bits, sizeof value);
      if (value != 0 && value != 1 && value != -1)
        {
          g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT,
                       "%s: number %" G_GSIZE_FORMAT " is none of 1, 0 and -1", path, i);
          return NULL;
        }
      if (value == 0)
        continue;
      one.action = strength != 0 ? MOE_ACTION_BIAS : value > 0 ? MOE_ACTION_FORCE : MOE_ACTION_DISABLE;
      one.mode = strength != 0 ? MOE_MODE_NONE : value > 0 ? MOE_MODE_MAX : MOE_MODE_REFILL;
      one.value = (float) (strength * (double) value);
      g_array_append_val (ivs, one);
    }
  return finish (ivs, info, path, error);
}

MoeMask *
moe_mask_import_super (const char          *text,
                       const MoeModelInfo  *info,
                       GError             **error)
{
  g_autoptr (GArray) ivs = g_array_new (FALSE, TRUE, sizeof (MoeIntervention));
  g_auto (GStrv) pairs = NULL;

  g_return_val_if_fail (text != NULL && info != NULL, NULL);

  pairs = g_strsplit (*text != '\0' ? text : " ", ";", -1);
  for (guint i = 0; pairs[i] != NULL; i++)
    {
      g_auto (GStrv) numbers = g_strsplit (g_strstrip (pairs[i]), ",", -1);
      MoeIntervention one = { .action = MOE_ACTION_DISABLE, .mode = MOE_MODE_ZERO };
      gint64 layer, expert;

      if (*pairs[i] == '\0' && pairs[i + 1] == NULL && i > 0)
        break;
      if (g_strv_length (numbers) != 2 ||
          !g_ascii_string_to_signed (g_strstrip (numbers[0]), 10, 0, G_MAXUINT16, &layer, NULL) ||
          !g_ascii_string_to_signed (g_strstrip (numbers[1]), 10, MOE_EXPERT_SHARED, G_MAXUINT16, &expert,
                                     NULL))
        {
          g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "'%s' is no layer and expert, as in 1,-1;2,3",
                       pairs[i]);
          return NULL;
        }
      one.layer = (int) layer;
      one.expert = (int) expert;
      g_array_append_val (ivs, one);
    }
  return finish (ivs, info, NULL, error);
}
