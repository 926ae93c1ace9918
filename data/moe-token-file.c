/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-token-file"

#include "data/moe-token-file.h"

#include <math.h>

#include "data/moe-csv.h"
#include "data/moe-error.h"
#include "data/moe-number.h"

typedef enum
{
  COLUMN_PROMPT,
  COLUMN_POSITION,
  COLUMN_TOKEN_ID,
  COLUMN_TEXT,
  COLUMN_LOGPROB,
  COLUMN_ENTROPY,
  N_COLUMNS
} Column;

static const char *const column_names[N_COLUMNS] = {
  "prompt", "position", "token_id", "text", "logprob", "entropy",
};

typedef struct
{
  const char *path;
  gboolean    has_header;
  guint       n_fields;
  int         columns[N_COLUMNS]; /* -1 = there is none */
  GArray     *tokens;
} Reader;

static gboolean
read_header (Reader             *self,
             const char * const *fields,
             guint               n_fields,
             guint               line,
             GError            **error)
{
  self->has_header = TRUE;
  self->n_fields = n_fields;
  for (guint column = 0; column < N_COLUMNS; column++)
    {
      self->columns[column] = moe_csv_find_column (fields, n_fields, column_names[column]);
      if (self->columns[column] < 0 && column <= COLUMN_TOKEN_ID)
        return moe_error_fail_line (error, MOE_ERROR_FORMAT, self->path, line, "the header has no column %s",
                                    column_names[column]);
    }
  return TRUE;
}

static const char *
get_field (const Reader       *self,
           const char * const *fields,
           Column              column)
{
  return self->columns[column] >= 0 ? fields[self->columns[column]] : NULL;
}

static gboolean
read_number (const Reader       *self,
             const char * const *fields,
             Column              column,
             guint               line,
             guint64            *number,
             GError            **error)
{
  const char *text = get_field (self, fields, column);

  if (text != NULL && g_ascii_string_to_unsigned (text, 10, 0, G_MAXINT32, number, NULL))
    return TRUE;
  return moe_error_fail_line (error, MOE_ERROR_FORMAT, self->path, line,
                              "%s '%s' is no number from 0 to %d", column_names[column],
                              text != NULL ? text : "", G_MAXINT32);
}

static gboolean
read_nats (const Reader       *self,
           const char * const *fields,
           Column              column,
           guint               line,
           float              *value,
           GError            **error)
{
  const char *text = get_field (self, fields, column);
  double number;

  *value = NAN;
  if (text == NULL)
    return TRUE;
  if (!moe_number_parse (text, &number) || fabs (number) > G_MAXFLOAT)
    return moe_error_fail_line (error, MOE_ERROR_FORMAT, self->path, line, "%s '%s' is no number",
                                column_names[column], text);
  *value = (float) number;
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
  guint64 prompt, position, token_id;
  MoeFileToken token = { 0 };

  if (!self->has_header)
    return read_header (self, fields, n_fields, line, error);
  if (n_fields != self->n_fields)
    return moe_error_fail_line (error, MOE_ERROR_FORMAT, self->path, line,
                                "there are %u fields, but the header has %u", n_fields, self->n_fields);
  if (!read_number (self, fields, COLUMN_PROMPT, line, &prompt, error)
      || !read_number (self, fields, COLUMN_POSITION, line, &position, error)
      || !read_number (self, fields, COLUMN_TOKEN_ID, line, &token_id, error)
      || !read_nats (self, fields, COLUMN_LOGPROB, line, &token.logprob, error)
      || !read_nats (self, fields, COLUMN_ENTROPY, line, &token.entropy, error))
    return FALSE;
  token.prompt = (guint) prompt;
  token.position = (guint) position;
  token.token_id = (gint32) token_id;
  token.text = g_strdup (get_field (self, fields, COLUMN_TEXT) != NULL ? get_field (self, fields, COLUMN_TEXT)
                                                                       : "");
  g_array_append_val (self->tokens, token);
  return TRUE;
}

static void
token_clear (gpointer token)
{
  g_free (((MoeFileToken *) token)->text);
}

GArray *
moe_token_file_parse (const char  *path,
                      const char  *data,
                      gsize        length,
                      GError     **error)
{
  g_autoptr(GArray) tokens = g_array_new (FALSE, FALSE, sizeof (MoeFileToken));
  Reader reader = { .path = path, .tokens = tokens };

  g_return_val_if_fail (path != NULL, NULL);

  g_array_set_clear_func (tokens, token_clear);
  return moe_csv_parse (path, data, length, on_row, &reader, error) ? g_steal_pointer (&tokens) : NULL;
}
