/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-published-experts"

#include "data/moe-published-experts.h"

#include <math.h>
#include <string.h>

#include "data/moe-csv.h"
#include "data/moe-data-file.h"
#include "data/moe-error.h"
#include "data/moe-file.h"
#include "data/moe-number.h"

#define FILE_NAME "published-super-experts.csv"
#define MAX_BYTES (16 * 1024 * 1024)
/* What a model may have; see the reader of recordings. */
#define MAX_LAYERS  4096
#define MAX_EXPERTS 65534

struct _MoePublishedExperts
{
  GPtrArray *experts; /* of MoePublishedExpert */
};

static const char *const columns[] = {
  "model", "layer", "expert", "max_down_proj", "source", "n_layers", "n_experts",
};

typedef struct
{
  const char *path;
  GPtrArray  *experts;
  gboolean    in_rows; /* after the header */
} Reader;

static void
expert_free (gpointer data)
{
  MoePublishedExpert *self = data;

  g_free (self->model);
  g_free (self->source);
  g_free (self);
}

static gboolean
parse_int (const char *text,
           gint64      min,
           gint64      max,
           gint64     *value)
{
  return text != NULL && g_ascii_string_to_signed (text, 10, min, max, value, NULL);
}

static gboolean
read_row (const char * const *fields,
          guint               n_fields,
          guint               line,
          gpointer            user_data,
          GError            **error)
{
  Reader *self = user_data;
  MoePublishedExpert *expert;
  gint64 layer, number, n_layers, n_experts;
  double max = NAN;

  if (n_fields != G_N_ELEMENTS (columns))
    return moe_error_fail_line (error, MOE_ERROR_FORMAT, self->path, line, "not seven columns");
  if (!self->in_rows)
    {
      for (guint i = 0; i < n_fields; i++)
        {
          if (g_strcmp0 (fields[i], columns[i]) != 0)
            return moe_error_fail_line (error, MOE_ERROR_FORMAT, self->path, line,
                                        "not the columns model,layer,expert,max_down_proj,source,n_layers,"
                                        "n_experts");
        }
      self->in_rows = TRUE;
      return TRUE;
    }
  if (fields[0] == NULL || !parse_int (fields[5], 1, MAX_LAYERS, &n_layers)
      || !parse_int (fields[6], 1, MAX_EXPERTS, &n_experts) || !parse_int (fields[1], 0, n_layers - 1, &layer)
      || !parse_int (fields[2], MOE_EXPERT_SHARED, n_experts - 1, &number))
    return moe_error_fail_line (error, MOE_ERROR_FORMAT, self->path, line,
                                "no model, or a layer or an expert that it does not have");
  if (fields[3] != NULL && (!moe_number_parse (fields[3], &max) || max < 0))
    return moe_error_fail_line (error, MOE_ERROR_FORMAT, self->path, line,
                                "max_down_proj is no positive number");

  expert = g_new0 (MoePublishedExpert, 1);
  *expert = (MoePublishedExpert) {
    g_strdup (fields[0]), (guint) layer, (int) number, max, g_strdup (fields[4] != NULL ? fields[4] : ""),
    (guint) n_layers, (guint) n_experts,
  };
  g_ptr_array_add (self->experts, expert);
  return TRUE;
}

MoePublishedExperts *
moe_published_experts_load (const char  *path,
                            GError     **error)
{
  g_autofree char *shipped = path == NULL ? moe_data_file_find (FILE_NAME) : NULL, *data = NULL;
  g_autoptr(MoePublishedExperts) self = NULL;
  Reader reader = { path != NULL ? path : shipped };
  gsize length;

  if (reader.path == NULL)
    {
      g_set_error_literal (error, MOE_ERROR, MOE_ERROR_IO,
                           FILE_NAME ": is in none of the folders for data of the program");
      return NULL;
    }
  if (!moe_file_read (reader.path, MAX_BYTES, &data, &length, error)
      || !moe_csv_check_text (reader.path, data, length, error))
    return NULL;
  self = g_new0 (MoePublishedExperts, 1);
  self->experts = reader.experts = g_ptr_array_new_with_free_func (expert_free);
  return moe_csv_parse (reader.path, data, length, read_row, &reader, error) ? g_steal_pointer (&self) : NULL;
}

void
moe_published_experts_free (MoePublishedExperts *self)
{
  if (self == NULL)
    return;

  g_ptr_array_unref (self->experts);
  g_free (self);
}

guint
moe_published_experts_get_n (const MoePublishedExperts *self)
{
  g_return_val_if_fail (self != NULL, 0);
  return self->experts->len;
}

const MoePublishedExpert *
moe_published_experts_get (const MoePublishedExperts *self,
                           guint                      index)
{
  g_return_val_if_fail (self != NULL && index < self->experts->len, NULL);
  return g_ptr_array_index (self->experts, index);
}

/* Letters and digits, lower case. */
static char *
simplify (const char *name)
{
  GString *text = g_string_new (NULL);

  for (; *name != '\0'; name++)
    {
      if (g_ascii_isalnum (*name))
        g_string_append_c (text, g_ascii_tolower (*name));
    }
  return g_string_free (text, FALSE);
}

const char *
moe_published_experts_find (const MoePublishedExperts *self,
                            const MoeModelInfo        *info)
{
  g_autofree char *name = NULL;
  const char *found = NULL;
  gsize length = 0;

  g_return_val_if_fail (self != NULL && info != NULL, NULL);

  name = simplify (info->name);
  for (guint i = 0; i < self->experts->len; i++)
    {
      const MoePublishedExpert *expert = g_ptr_array_index (self->experts, i);
      g_autofree char *model = simplify (expert->model);

      if (expert->n_layers != info->n_layers || expert->n_experts != info->n_experts
          || strlen (model) <= length || strstr (name, model) == NULL)
        continue;
      found = expert->model;
      length = strlen (model);
    }
  return found;
}
