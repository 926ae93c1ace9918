/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-task-set"

#include "data/moe-task-set.h"

#include <string.h>

#include "data/moe-error.h"
#include "data/moe-file.h"
#include "data/moe-json.h"

#define MAX_BYTES (256u << 20)
#define MAX_TASKS 1000000u
#define MAX_CHOICES 1000u

struct _MoeTaskSet
{
  gatomicrefcount ref_count;

  char         *path;
  char         *hash;
  GStringChunk *texts;
  GPtrArray    *choices; /* of arrays of char pointers */
  GArray       *tasks;   /* MoeTask */
};

#define fail(error, ...) moe_error_fail (error, MOE_ERROR_FORMAT, NULL, __VA_ARGS__)

static gboolean
is_text (JsonNode *node)
{
  return JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING;
}

static gboolean
read_choices (MoeTaskSet  *self,
              JsonNode    *choices,
              JsonNode    *answer,
              MoeTask     *task,
              GError     **error)
{
  g_autofree const char **texts = NULL;
  JsonArray *array;
  guint n;

  if (!JSON_NODE_HOLDS_ARRAY (choices))
    return fail (error, "'choices' is not an array");
  array = json_node_get_array (choices);
  n = json_array_get_length (array);
  if (n < 2 || n > MAX_CHOICES)
    return fail (error, "'choices' holds %u choices, which is not 2 to %u", n, MAX_CHOICES);

  texts = g_new (const char *, n);
  for (guint i = 0; i < n; i++)
    {
      JsonNode *choice = json_array_get_element (array, i);

      if (!is_text (choice) || *json_node_get_string (choice) == '\0')
        return fail (error, "choice %u is not a text", i);
      texts[i] = g_string_chunk_insert (self->texts, json_node_get_string (choice));
    }

  if (answer == NULL || !JSON_NODE_HOLDS_VALUE (answer) ||
      json_node_get_value_type (answer) != G_TYPE_INT64 ||
      json_node_get_int (answer) < 0 || json_node_get_int (answer) >= n)
    return fail (error, "'answer' is not the number of a choice, 0 to %u", n - 1);
  task->right = (guint) json_node_get_int (answer);
  task->n_choices = n;
  task->choices = texts;
  g_ptr_array_add (self->choices, g_steal_pointer (&texts));
  return TRUE;
}

static gboolean
read_task (MoeTaskSet  *self,
           const char  *text,
           gsize        length,
           guint        line,
           GError     **error)
{
  g_autoptr (JsonNode) root = moe_json_parse (text, length, error);
  g_autofree char *prompt = NULL;
  g_autofree char *answer = NULL;
  MoeTask task = { .line = line };
  JsonObject *object;
  JsonNode *choices;

  if (root == NULL)
    return FALSE;
  if (!JSON_NODE_HOLDS_OBJECT (root))
    return fail (error, "is not a JSON object");
  object = json_node_get_object (root);
  if (!moe_json_dup_string (object, "prompt", TRUE, &prompt, error))
    return FALSE;
  if (*prompt == '\0')
    return fail (error, "has an empty prompt");

  choices = json_object_get_member (object, "choices");
  if (choices != NULL)
    {
      if (!read_choices (self, choices, json_object_get_member (object, "answer"), &task, error))
        return FALSE;
    }
  else
    {
      if (!moe_json_dup_string (object, "answer", TRUE, &answer, error))
        return FALSE;
      if (*answer == '\0')
        return fail (error, "has an empty answer");
      task.answer = g_string_chunk_insert (self->texts, answer);
    }
  task.prompt = g_string_chunk_insert (self->texts, prompt);
  g_array_append_val (self->tasks, task);
  return TRUE;
}

static gboolean
read_lines (MoeTaskSet  *self,
            const char  *data,
            gsize        length,
            guint        limit,
            GError     **error)
{
  for (guint line = 1; length > 0 && (limit == 0 || self->tasks->len < limit); line++)
    {
      const char *end = memchr (data, '\n', length);
      gsize used = end != NULL ? (gsize) (end - data) + 1 : length;
      g_autofree char *text = g_strstrip (g_strndup (data, used));
      g_autoptr (GError) local = NULL;

      if (self->tasks->len == MAX_TASKS)
        {
          g_set_error (error, MOE_ERROR, MOE_ERROR_LIMIT, "%s: has more than %u tasks", self->path,
                       MAX_TASKS);
          return FALSE;
        }
      if (*text != '\0' && !read_task (self, text, strlen (text), line, &local))
        {
          g_set_error (error, local->domain, local->code, "%s: line %u: %s", self->path, line,
                       local->message);
          return FALSE;
        }
      data += used;
      length -= used;
    }
  return TRUE;
}

MoeTaskSet *
moe_task_set_load (const char  *path,
                   guint        limit,
                   GError     **error)
{
  g_autoptr (MoeTaskSet) self = NULL;
  g_autofree char *data = NULL;
  gsize length;

  g_return_val_if_fail (path != NULL, NULL);

  if (!moe_file_read (path, MAX_BYTES, &data, &length, error))
    return NULL;

  self = g_new0 (MoeTaskSet, 1);
  g_atomic_ref_count_init (&self->ref_count);
  self->path = g_strdup (path);
  self->hash = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *) data, length);
  self->texts = g_string_chunk_new (4096);
  self->choices = g_ptr_array_new_with_free_func (g_free);
  self->tasks = g_array_new (FALSE, TRUE, sizeof (MoeTask));
  if (!read_lines (self, data, length, limit, error))
    return NULL;
  if (self->tasks->len == 0)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: holds no task", path);
      return NULL;
    }
  return g_steal_pointer (&self);
}

MoeTaskSet *
moe_task_set_ref (MoeTaskSet *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
moe_task_set_unref (MoeTaskSet *self)
{
  if (self == NULL || !g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_free (self->path);
  g_free (self->hash);
  g_string_chunk_free (self->texts);
  g_ptr_array_unref (self->choices);
  g_array_unref (self->tasks);
  g_free (self);
}

const char *
moe_task_set_get_path (const MoeTaskSet *self)
{
  return self->path;
}

const char *
moe_task_set_get_hash (const MoeTaskSet *self)
{
  return self->hash;
}

guint
moe_task_set_get_n (const MoeTaskSet *self)
{
  return self->tasks->len;
}

const MoeTask *
moe_task_set_get (const MoeTaskSet *self,
                  guint             index)
{
  g_return_val_if_fail (index < self->tasks->len, NULL);

  return &g_array_index (self->tasks, MoeTask, index);
}
