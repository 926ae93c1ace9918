/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-evaluation-log"

#include "analysis/moe-evaluation-log.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "data/moe-error.h"
#include "data/moe-file.h"
#include "data/moe-json.h"

#define FORMAT_NAME "moescope-evaluation"
#define MAX_BYTES (1u << 30)

struct _MoeEvaluationLog
{
  char       *path;
  FILE       *file;    /* NULL for memory only */
  GHashTable *objects; /* of JsonObject, by condition, set and index */
};

static char *
make_key (const char *condition,
          const char *set,
          guint       index)
{
  return g_strdup_printf ("%s\n%s\n%u", condition, set, index);
}

static gboolean
fail_format (MoeEvaluationLog  *self,
             guint              line,
             const char        *what,
             GError           **error)
{
  g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: line %u: %s", self->path, line, what);
  return FALSE;
}

static gboolean
has_text (JsonObject *object,
          const char *name,
          const char *value)
{
  g_autofree char *text = NULL;

  return moe_json_dup_string (object, name, TRUE, &text, NULL) && g_str_equal (text, value);
}

static gboolean
check_header (MoeEvaluationLog  *self,
              JsonObject        *object,
              const char        *identity,
              GError           **error)
{
  if (!has_text (object, "format", FORMAT_NAME))
    return fail_format (self, 1, "is not the answers of an evaluation", error);
  if (has_text (object, "identity", identity))
    return TRUE;
  g_set_error (error, MOE_ERROR, MOE_ERROR_MISMATCH,
               "%s: holds the answers of an evaluation with another model, other settings or other masks",
               self->path);
  return FALSE;
}

static gboolean
read_line (MoeEvaluationLog  *self,
           const char        *text,
           gsize              length,
           guint              line,
           const char        *identity,
           GError           **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (JsonNode) root = moe_json_parse (text, length, &local);
  g_autofree char *condition = NULL;
  g_autofree char *set = NULL;
  g_autofree char *index = NULL;
  JsonObject *object;

  if (root == NULL)
    return fail_format (self, line, local->message, error);
  if (!JSON_NODE_HOLDS_OBJECT (root))
    return fail_format (self, line, "is not a JSON object", error);
  object = json_node_get_object (root);
  if (line == 1)
    return check_header (self, object, identity, error);
  if (!moe_json_dup_string (object, "condition", TRUE, &condition, &local) ||
      !moe_json_dup_string (object, "set", TRUE, &set, &local) ||
      !moe_json_dup_string (object, "index", TRUE, &index, &local))
    return fail_format (self, line, local->message, error);
  g_hash_table_insert (self->objects, g_strdup_printf ("%s\n%s\n%s", condition, set, index),
                       json_object_ref (object));
  return TRUE;
}

/* Returns how many bytes are whole lines. */
static gboolean
read_file (MoeEvaluationLog  *self,
           const char        *identity,
           gsize             *whole,
           GError           **error)
{
  g_autofree char *data = NULL;
  gsize length, at = 0;
  guint line = 0;

  *whole = 0;
  if (!moe_file_read (self->path, MAX_BYTES, &data, &length, error))
    return FALSE;
  while (at < length)
    {
      const char *end = memchr (data + at, '\n', length - at);

      if (end == NULL)
        break;
      if (!read_line (self, data + at, (gsize) (end - data) - at, ++line, identity, error))
        return FALSE;
      at = (gsize) (end - data) + 1;
    }
  *whole = at;
  return TRUE;
}

static gboolean
write_line (MoeEvaluationLog  *self,
            JsonObject        *object,
            GError           **error)
{
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);
  g_autofree char *text = NULL;

  if (self->file == NULL)
    return TRUE;
  json_node_set_object (node, object);
  text = json_to_string (node, FALSE);
  if (fputs (text, self->file) >= 0 && fputc ('\n', self->file) != EOF && fflush (self->file) == 0)
    return TRUE;
  g_set_error (error, MOE_ERROR, MOE_ERROR_IO, "%s: cannot be written: %s", self->path, g_strerror (errno));
  return FALSE;
}

MoeEvaluationLog *
moe_evaluation_log_open (const char  *path,
                         const char  *identity,
                         GError     **error)
{
  g_autoptr (MoeEvaluationLog) self = g_new0 (MoeEvaluationLog, 1);
  gsize whole = 0;

  g_return_val_if_fail (identity != NULL, NULL);

  self->objects = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) json_object_unref);
  if (path == NULL)
    return g_steal_pointer (&self);

  self->path = g_strdup (path);
  if (g_file_test (path, G_FILE_TEST_EXISTS) && !read_file (self, identity, &whole, error))
    return NULL;
  self->file = g_fopen (path, whole > 0 ? "r+b" : "wb");
  if (self->file == NULL || (whole > 0 && (ftruncate (fileno (self->file), (off_t) whole) != 0 ||
                                           fseek (self->file, 0, SEEK_END) != 0)))
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_IO, "%s: cannot be written: %s", path, g_strerror (errno));
      return NULL;
    }
  if (whole == 0)
    {
      g_autoptr (JsonObject) header = json_object_new ();

      json_object_set_string_member (header, "format", FORMAT_NAME);
      json_object_set_int_member (header, "version", 1);
      json_object_set_string_member (header, "identity", identity);
      if (!write_line (self, header, error))
        return NULL;
    }
  return g_steal_pointer (&self);
}

void
moe_evaluation_log_free (MoeEvaluationLog *self)
{
  if (self == NULL)
    return;

  if (self->file != NULL)
    fclose (self->file);
  g_free (self->path);
  g_hash_table_unref (self->objects);
  g_free (self);
}

JsonObject *
moe_evaluation_log_find (MoeEvaluationLog *self,
                         const char       *condition,
                         const char       *set,
                         guint             index)
{
  g_autofree char *key = make_key (condition, set, index);

  return g_hash_table_lookup (self->objects, key);
}

gboolean
moe_evaluation_log_add (MoeEvaluationLog  *self,
                        const char        *condition,
                        const char        *set,
                        guint              index,
                        JsonObject        *object,
                        GError           **error)
{
  json_object_set_string_member (object, "condition", condition);
  json_object_set_string_member (object, "set", set);
  json_object_set_int_member (object, "index", index);
  g_hash_table_insert (self->objects, make_key (condition, set, index), object);
  return write_line (self, object, error);
}
