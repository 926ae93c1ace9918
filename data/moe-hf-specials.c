/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-hf-specials"

#include "data/moe-file.h"
#include "data/moe-hf-tokenizer-private.h"

#define fail moe_hf_fail_tokenizer

#define MAX_TEMPLATE (4u << 20)

/* The tokens that a TemplateProcessing puts before and after a text; -1 = none. */
static gboolean
read_single (MoeHfVocabulary  *self,
             JsonObject       *processor,
             gint64           *before,
             gint64           *after,
             GError          **error)
{
  JsonArray *single = moe_hf_get_array (processor, "single");
  gboolean seen = FALSE;

  for (guint i = 0; single != NULL && i < json_array_get_length (single); i++)
    {
      JsonNode *node = json_array_get_element (single, i);
      JsonObject *part = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
      const char *text = moe_hf_get_string (moe_hf_get_object (part, "SpecialToken"), "id");
      gint64 id = text != NULL ? moe_hf_vocabulary_find (self, text) : -1;
      gint64 *place = seen ? after : before;

      if (moe_hf_get_object (part, "Sequence") != NULL && !seen)
        seen = TRUE;
      else if (id < 0 || *place >= 0)
        return fail (self->folder, MOE_ERROR_UNSUPPORTED, error,
                     "its post_processor adds other tokens than one before and one after a text");
      else
        *place = id;
    }
  return TRUE;
}

static gboolean
read_processor (MoeHfVocabulary  *self,
                JsonObject       *processor,
                gint64           *before,
                gint64           *after,
                GError          **error)
{
  const char *type = moe_hf_get_string (processor, "type");
  JsonArray *several = moe_hf_get_array (processor, "processors");

  if (g_strcmp0 (type, "TemplateProcessing") == 0)
    return read_single (self, processor, before, after, error);
  if (processor == NULL || g_strcmp0 (type, "ByteLevel") == 0)
    return TRUE;
  if (g_strcmp0 (type, "Sequence") != 0 || several == NULL)
    return fail (self->folder, MOE_ERROR_UNSUPPORTED, error,
                 "the post_processor \"%.40s\" is not supported", type != NULL ? type : "");
  for (guint i = 0; i < json_array_get_length (several); i++)
    {
      JsonNode *node = json_array_get_element (several, i);
      JsonObject *part = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;

      if (moe_hf_get_array (part, "processors") != NULL)
        return fail (self->folder, MOE_ERROR_UNSUPPORTED, error, "its post_processor is nested too deeply");
      if (!read_processor (self, part, before, after, error))
        return FALSE;
    }
  return TRUE;
}

/* The id of a token named in tokenizer_config.json, as a text or an object with one; -1 when there is
 * none. */
static gint64
find_named (MoeHfVocabulary *self,
            const char      *name)
{
  const char *text = moe_hf_get_string (self->settings, name);

  if (text == NULL)
    text = moe_hf_get_string (moe_hf_get_object (self->settings, name), "content");
  return text != NULL ? moe_hf_vocabulary_find (self, text) : -1;
}

/* Some classes of transformers make the post-processor anew, from these options. */
static void
apply_settings (MoeHfVocabulary *self,
                gint64          *before,
                gint64          *after)
{
  const char *class = moe_hf_get_string (self->settings, "tokenizer_class");

  if (class == NULL || !g_str_has_prefix (class, "LlamaTokenizer"))
    return;
  if (moe_hf_is_set (self->settings, "add_bos_token"))
    *before = moe_hf_get_bool (self->settings, "add_bos_token") ? find_named (self, "bos_token") : -1;
  if (moe_hf_is_set (self->settings, "add_eos_token"))
    *after = moe_hf_get_bool (self->settings, "add_eos_token") ? find_named (self, "eos_token") : -1;
}

static gboolean
add_end (MoeHfVocabulary  *self,
         const char       *file,
         gint64            id,
         GArray           *ends,
         GError          **error)
{
  gint32 end = (gint32) id;

  if (id < 0 || id >= self->n)
    return moe_hf_blame_file (moe_error_fail (error, MOE_ERROR_FORMAT, NULL,
                                              "eos_token_id is %" G_GINT64_FORMAT
                                              ", but the vocabulary has only %u tokens", id, self->n),
                              error, self->folder, file);
  for (guint i = 0; i < ends->len; i++)
    if (g_array_index (ends, gint32, i) == end)
      return TRUE;
  g_array_append_val (ends, end);
  return TRUE;
}

/* eos_token_id of @file, a number or several. */
static gboolean
add_ends (MoeHfVocabulary  *self,
          const char       *file,
          JsonObject       *object,
          GArray           *ends,
          GError          **error)
{
  JsonArray *array = moe_hf_get_array (object, "eos_token_id");
  guint n = array != NULL ? json_array_get_length (array) : 0;

  if (!moe_hf_is_set (object, "eos_token_id"))
    return TRUE;
  for (guint i = 0; i < MAX (n, array == NULL); i++)
    {
      JsonNode *node = array != NULL ? json_array_get_element (array, i)
                       : json_object_get_member (object, "eos_token_id");

      if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_INT64)
        return moe_hf_blame_file (moe_error_fail (error, MOE_ERROR_FORMAT, NULL,
                                                  "eos_token_id is not a whole number or a list of them"),
                                  error, self->folder, file);
      if (!add_end (self, file, json_node_get_int (node), ends, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
moe_hf_read_specials (MoeHfVocabulary  *self,
                      MoeHfKeys        *keys,
                      GError          **error)
{
  const char *generation_name = "generation_config.json";
  g_autoptr(GError) local = NULL;
  g_autoptr(JsonNode) generation = moe_hf_read_json (self->folder, generation_name, MAX_TEMPLATE, FALSE,
                                                     &local);
  JsonObject *object = generation != NULL ? json_node_get_object (generation) : NULL;
  g_autoptr(GArray) ends = g_array_new (FALSE, FALSE, sizeof (gint32));
  gint64 before = -1, after = -1, bos, eos = find_named (self, "eos_token");
  guint32 id;

  if (local != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  if (!read_processor (self, moe_hf_get_object (self->root, "post_processor"), &before, &after, error))
    return FALSE;
  apply_settings (self, &before, &after);
  bos = before >= 0 ? before : find_named (self, "bos_token");
  if (bos < 0 && moe_hf_get_uint (self->config, "bos_token_id", &id) && id < self->n)
    bos = id;
  /* Its own default, of SentencePiece's, is not meant. */
  moe_hf_keys_add_uint (keys, "tokenizer.ggml.bos_token_id", bos >= 0 ? (guint32) bos : G_MAXUINT32);

  if ((eos >= 0 && !add_end (self, "tokenizer_config.json", eos, ends, error)) ||
      !add_ends (self, "config.json", self->config, ends, error) ||
      !add_ends (self, generation_name, object, ends, error))
    return FALSE;
  eos = ends->len > 0 ? g_array_index (ends, gint32, 0) : -1;
  if (after >= 0 && after != eos)
    return fail (self->folder, MOE_ERROR_UNSUPPORTED, error,
                 "its post_processor ends a text with another token than the first eos_token");
  moe_hf_keys_add_uint (keys, "tokenizer.ggml.eos_token_id", eos >= 0 ? (guint32) eos : G_MAXUINT32);
  moe_hf_keys_add_ints (keys, MOE_GGUF_KEY_ENDS, (const gint32 *) (gpointer) ends->data, ends->len);
  moe_hf_keys_add_bool (keys, "tokenizer.ggml.add_bos_token", before >= 0);
  moe_hf_keys_add_bool (keys, "tokenizer.ggml.add_eos_token", after >= 0);
  return TRUE;
}

/* chat_template.jinja, or chat_template of tokenizer_config.json: a text, or one of several called
 * "default". */
gboolean
moe_hf_read_template (MoeHfVocabulary  *self,
                      MoeHfKeys        *keys,
                      GError          **error)
{
  g_autofree char *path = g_build_filename (self->folder, "chat_template.jinja", NULL);
  g_autofree char *text = NULL;
  const char *template = moe_hf_get_string (self->settings, "chat_template");
  JsonArray *several = moe_hf_get_array (self->settings, "chat_template");
  gsize length;

  for (guint i = 0; several != NULL && i < json_array_get_length (several); i++)
    {
      JsonNode *node = json_array_get_element (several, i);
      JsonObject *entry = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;

      if (g_strcmp0 (moe_hf_get_string (entry, "name"), "default") == 0)
        template = moe_hf_get_string (entry, "template");
    }
  if (g_file_test (path, G_FILE_TEST_EXISTS))
    {
      if (!moe_file_read (path, MAX_TEMPLATE, &text, &length, error))
        return FALSE;
      if (!g_utf8_validate_len (text, length, NULL))
        {
          g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: is not UTF-8 text", path);
          return FALSE;
        }
      template = text;
    }
  if (template != NULL)
    moe_hf_keys_add_string (keys, "tokenizer.chat_template", template);
  return TRUE;
}
