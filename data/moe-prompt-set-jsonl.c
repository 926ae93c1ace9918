/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-prompt-set"

#include <string.h>

#include "data/moe-error.h"
#include "data/moe-json.h"
#include "data/moe-prompt-set-private.h"

/* A conversation of more turns fits in no context. */
#define MAX_MESSAGES 4096u

/* One prompt while it is put together; the strings it owns. */
typedef struct
{
  MoePrompt  prompt;
  GArray    *messages; /* MoePromptMessage, whose strings are the JSON's */
  char      *label, *pair, *answer, *target, *text;
} Draft;

static void
draft_clear (Draft *self)
{
  g_clear_pointer (&self->messages, g_array_unref);
  g_free (self->label);
  g_free (self->pair);
  g_free (self->answer);
  g_free (self->target);
  g_free (self->text);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Draft, draft_clear)

#define fail(error, ...) moe_error_fail (error, MOE_ERROR_FORMAT, NULL, __VA_ARGS__)

static gboolean
read_message (JsonNode         *node,
              guint             number,
              MoePromptMessage *message,
              GError          **error)
{
  static const char * const roles[] = { "system", "user", "assistant", NULL };
  JsonObject *object;
  JsonNode *role, *content;

  if (!JSON_NODE_HOLDS_OBJECT (node))
    return fail (error, "message %u is not an object", number);
  object = json_node_get_object (node);
  role = json_object_get_member (object, "role");
  content = json_object_get_member (object, "content");
  if (role == NULL || json_node_get_value_type (role) != G_TYPE_STRING)
    return fail (error, "message %u has no role", number);
  if (content == NULL || json_node_get_value_type (content) != G_TYPE_STRING)
    return fail (error, "message %u has no text as its content", number);
  message->role = json_node_get_string (role);
  message->content = json_node_get_string (content);
  if (!g_strv_contains (roles, message->role))
    return fail (error, "message %u has the role '%s', which is none of system, user and assistant", number,
                 message->role);
  return TRUE;
}

/* A chat whose last turn is the assistant's is answered by it. */
static gboolean
read_chat (Draft       *self,
           JsonNode    *node,
           const char  *name,
           GError     **error)
{
  JsonArray *array;
  guint n;

  if (!JSON_NODE_HOLDS_ARRAY (node))
    return fail (error, "'%s' is not an array", name);
  array = json_node_get_array (node);
  n = json_array_get_length (array);
  if (n == 0 || n > MAX_MESSAGES)
    return fail (error, "'%s' holds %u messages, which is not 1 to %u", name, n, MAX_MESSAGES);

  self->messages = g_array_new (FALSE, FALSE, sizeof (MoePromptMessage));
  for (guint i = 0; i < n; i++)
    {
      MoePromptMessage message;

      if (!read_message (json_array_get_element (array, i), i + 1, &message, error))
        return FALSE;
      if (i + 1 == n && g_str_equal (message.role, "assistant"))
        self->answer = g_strdup (message.content);
      else
        g_array_append_val (self->messages, message);
    }

  n = self->messages->len;
  if (n == 0 || !g_str_equal (g_array_index (self->messages, MoePromptMessage, n - 1).role, "user"))
    return fail (error, "'%s' has no user turn at the end or before the last answer", name);
  self->prompt.text = g_array_index (self->messages, MoePromptMessage, n - 1).content;
  self->prompt.messages = (const MoePromptMessage *) (gpointer) self->messages->data;
  self->prompt.n_messages = n;
  return TRUE;
}

static gboolean
finish (Draft        *self,
        MoePromptSet *set,
        guint         line,
        GError      **error)
{
  MoePrompt *prompt = &self->prompt;

  if (moe_prompt_set_is_blank (prompt->text, strlen (prompt->text)))
    return fail (error, "has an empty prompt");
  prompt->line = line;
  prompt->label = self->label;
  prompt->pair = self->pair;
  prompt->answer = self->answer != NULL && *self->answer != '\0' ? self->answer : NULL;
  prompt->target = self->target != NULL && *self->target != '\0' ? self->target : NULL;
  return moe_prompt_set_add (set, prompt, error);
}

/* The member @asked for, which must be there, else @usual, which may be NULL. */
static gboolean
read_member (JsonObject  *object,
             const char  *asked,
             const char  *usual,
             char       **value,
             GError     **error)
{
  const char *name = asked != NULL ? asked : usual;

  return name == NULL || *value != NULL || moe_json_dup_string (object, name, asked != NULL, value, error);
}

static gboolean
read_single (MoePromptSet               *set,
             JsonObject                 *object,
             guint                       line,
             const MoePromptSetOptions  *options,
             GError                    **error)
{
  g_auto (Draft) draft = { { NULL } };
  const char *column = options->column;

  if (column == NULL && json_object_has_member (object, "messages"))
    {
      if (!read_chat (&draft, json_object_get_member (object, "messages"), "messages", error))
        return FALSE;
    }
  else
    {
      for (guint i = 0; column == NULL && moe_prompt_set_usual_columns[i] != NULL; i++)
        if (json_object_has_member (object, moe_prompt_set_usual_columns[i]))
          column = moe_prompt_set_usual_columns[i];
      if (column == NULL)
        return fail (error, "has neither messages nor a member that is known to hold a prompt");
      if (!moe_json_dup_string (object, column, TRUE, &draft.text, error))
        return FALSE;
      draft.prompt.text = draft.text;
    }
  if (!read_member (object, options->label_column, "label", &draft.label, error)
      || !read_member (object, options->pair_column, "pair", &draft.pair, error)
      || !read_member (object, options->answer_column, NULL, &draft.answer, error)
      || !read_member (object, options->target_column, "target", &draft.target, error))
    return FALSE;
  return finish (&draft, set, line, error);
}

/* Both sides of a pair; the pair is named by its line. */
static gboolean
read_pair (MoePromptSet  *set,
           JsonObject    *object,
           guint          line,
           GError       **error)
{
  static const char * const chats[] = { "messages_0", "messages_1" },
                    * const targets[] = { "messages_0_target", "messages_1_target" };

  for (guint side = 0; side < 2; side++)
    {
      g_auto (Draft) draft = { { NULL } };
      JsonNode *chat = json_object_get_member (object, chats[side]);

      if (chat == NULL)
        return fail (error, "has no member '%s'", chats[side]);
      if (!read_chat (&draft, chat, chats[side], error)
          || !moe_json_dup_string (object, targets[side], FALSE, &draft.target, error))
        return FALSE;
      draft.label = g_strdup_printf ("%u", side);
      draft.pair = g_strdup_printf ("%u", line);
      if (!finish (&draft, set, line, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
read_line (MoePromptSet               *set,
           const char                 *text,
           gsize                       length,
           guint                       line,
           const MoePromptSetOptions  *options,
           GError                    **error)
{
  g_autoptr (JsonNode) root = moe_json_parse (text, length, error);
  JsonObject *object;
  gboolean is_pair;

  if (root == NULL)
    return FALSE;
  if (!JSON_NODE_HOLDS_OBJECT (root))
    return fail (error, "is not a JSON object");
  object = json_node_get_object (root);
  is_pair = json_object_has_member (object, "messages_0") || json_object_has_member (object, "messages_1");
  if (set->prompts->len > 0 && is_pair != set->has_sides)
    return fail (error, "mixes pairs and single prompts");
  set->has_sides = is_pair;
  return is_pair ? read_pair (set, object, line, error) : read_single (set, object, line, options, error);
}

gboolean
moe_prompt_set_load_jsonl (MoePromptSet               *self,
                           const char                 *data,
                           gsize                       length,
                           const MoePromptSetOptions  *options,
                           GError                    **error)
{
  guint line = 0, n_read = 0;

  while (length > 0 && moe_prompt_set_wants_more (options, n_read))
    {
      const char *end = memchr (data, '\n', length);
      gsize used = end != NULL ? (gsize) (end - data) + 1 : length;

      line++;
      if (!moe_prompt_set_is_blank (data, used))
        {
          GError *local = NULL;

          n_read++;
          if (!read_line (self, data, used, line, options, &local))
            {
              if (g_error_matches (local, MOE_ERROR, MOE_ERROR_FORMAT))
                g_prefix_error (&local, "%s: line %u: ", self->path, line);
              g_propagate_error (error, local);
              return FALSE;
            }
        }
      data += used;
      length -= used;
    }
  return TRUE;
}
