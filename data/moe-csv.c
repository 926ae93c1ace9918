/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-csv"

#include "data/moe-csv.h"

#include <csv.h>
#include <string.h>

#include "data/moe-error.h"

#define BYTE_ORDER_MARK "\357\273\277"

typedef struct
{
  const char     *path;
  MoeCsvRowFunc   func;
  gpointer        user_data;
  GError        **error;
  GString        *text;    /* the row's fields, each with a NUL after it */
  GArray         *starts;  /* (n_fields) gssize offset in @text, -1 for an empty field without quotes */
  GPtrArray      *fields;  /* what @func is given */
  guint           line;    /* at which the row starts */
  gboolean        in_row;  /* the row goes on in the next line */
  gboolean        stopped;
} Reader;

/* Spaces are part of a field; libcsv by itself would strip them. */
static int
never_a_space (unsigned char c)
{
  return 0;
}

static void
on_field (void   *data,
          size_t  length,
          void   *user_data)
{
  Reader *self = user_data;
  gssize start = data != NULL ? (gssize) self->text->len : -1;

  if (self->stopped)
    return;

  g_array_append_val (self->starts, start);
  if (data != NULL)
    {
      g_string_append_len (self->text, data, (gssize) length);
      g_string_append_c (self->text, '\0');
    }
}

static void
on_row (int   terminator,
        void *user_data)
{
  Reader *self = user_data;

  if (self->stopped)
    return;

  g_ptr_array_set_size (self->fields, 0);
  for (guint i = 0; i < self->starts->len; i++)
    {
      gssize start = g_array_index (self->starts, gssize, i);

      g_ptr_array_add (self->fields, start >= 0 ? self->text->str + start : NULL);
    }

  if (!self->func ((const char * const *) self->fields->pdata, self->fields->len, self->line,
                   self->user_data, self->error))
    self->stopped = TRUE;

  g_string_truncate (self->text, 0);
  g_array_set_size (self->starts, 0);
  self->in_row = FALSE;
}

/* Length of the line at @data with its end, which is LF, CRLF or CR. */
static gsize
line_length (const char *data,
             gsize       length)
{
  for (gsize i = 0; i < length; i++)
    {
      if (data[i] == '\n')
        return i + 1;
      if (data[i] == '\r')
        return i + 1 < length && data[i + 1] == '\n' ? i + 2 : i + 1;
    }

  return length;
}

gboolean
moe_csv_check_text (const char  *path,
                    const char  *data,
                    gsize        length,
                    GError     **error)
{
  const char *end;
  guint line = 1;

  g_return_val_if_fail (path != NULL, FALSE);
  g_return_val_if_fail (data != NULL, FALSE);

  if (g_utf8_validate_len (data, length, &end))
    return TRUE;

  for (gsize used = line_length (data, length); data + used <= end && used < length;
       used += line_length (data + used, length - used))
    line++;
  g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: line %u %s", path, line,
               *end == '\0' ? "holds a NUL byte" : "is not UTF-8 text");
  return FALSE;
}

/* Gives libcsv a line at a time, which is how the line a row starts at is known. */
static gboolean
parse_lines (Reader             *self,
             struct csv_parser  *parser,
             const char         *data,
             gsize               length,
             GError            **error)
{
  gboolean before_first_row = TRUE;
  guint line = 0;

  while (length > 0 && !self->stopped)
    {
      gsize n = line_length (data, length);
      gboolean is_blank = data[0] == '\n' || data[0] == '\r';

      line++;
      if (!self->in_row && (is_blank || (before_first_row && data[0] == '#')))
        {
          data += n;
          length -= n;
          continue;
        }

      before_first_row = FALSE;
      if (!self->in_row)
        {
          self->line = line;
          self->in_row = TRUE;
        }
      if (csv_parse (parser, data, n, on_field, on_row, self) != n)
        {
          g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: line %u: %s", self->path, line,
                       csv_error (parser) == CSV_EPARSE ? "a quote is where no quote can be" :
                       csv_strerror (csv_error (parser)));
          return FALSE;
        }
      data += n;
      length -= n;
    }

  if (!self->stopped && csv_fini (parser, on_field, on_row, self) != 0)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT,
                   "%s: line %u: the quoted field that starts in this row never ends", self->path,
                   self->line);
      return FALSE;
    }

  return TRUE;
}

gboolean
moe_csv_parse (const char     *path,
               const char     *data,
               gsize           length,
               MoeCsvRowFunc   func,
               gpointer        user_data,
               GError        **error)
{
  Reader reader = { .path = path, .func = func, .user_data = user_data, .error = error };
  struct csv_parser parser;
  gboolean done;

  g_return_val_if_fail (path != NULL, FALSE);
  g_return_val_if_fail (data != NULL, FALSE);
  g_return_val_if_fail (func != NULL, FALSE);

  if (length >= strlen (BYTE_ORDER_MARK) && memcmp (data, BYTE_ORDER_MARK, strlen (BYTE_ORDER_MARK)) == 0)
    {
      data += strlen (BYTE_ORDER_MARK);
      length -= strlen (BYTE_ORDER_MARK);
    }
  if (!moe_csv_check_text (path, data, length, error))
    return FALSE;

  if (csv_init (&parser, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL | CSV_EMPTY_IS_NULL) != 0)
    g_error ("libcsv cannot be set up");
  csv_set_space_func (&parser, never_a_space);

  reader.text = g_string_new (NULL);
  reader.starts = g_array_new (FALSE, FALSE, sizeof (gssize));
  reader.fields = g_ptr_array_new ();
  done = parse_lines (&reader, &parser, data, length, error);
  g_string_free (reader.text, TRUE);
  g_array_unref (reader.starts);
  g_ptr_array_unref (reader.fields);
  csv_free (&parser);

  return done && !reader.stopped;
}

int
moe_csv_find_column (const char * const *fields,
                     guint               n_fields,
                     const char         *name)
{
  for (guint i = 0; i < n_fields; i++)
    if (g_strcmp0 (fields[i], name) == 0)
      return (int) i;
  return -1;
}
