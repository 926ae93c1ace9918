/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-hf-tokenizer"

#include <string.h>

#include "data/moe-hf-tokenizer-private.h"

#define fail moe_hf_fail_tokenizer

/* By how many rows an embedding may be larger than the vocabulary. */
#define MAX_PADDING 65536u

typedef MoeHfVocabulary Vocabulary;

gint64
moe_hf_vocabulary_find (const MoeHfVocabulary *self,
                        const char            *text)
{
  return (gint64) GPOINTER_TO_UINT (g_hash_table_lookup (self->ids, text)) - 1;
}

static gboolean
put_token (Vocabulary  *self,
           const char  *text,
           guint32      id,
           gint32       type,
           GError     **error)
{
  guint known = GPOINTER_TO_UINT (g_hash_table_lookup (self->ids, text));

  if (id >= self->n)
    return fail (self->folder, MOE_ERROR_FORMAT, error, "has a token %u, but vocab_size is %u", id, self->n);
  if (*text == '\0' || (known != 0 && known != id + 1) ||
      (self->texts[id] != NULL && !g_str_equal (self->texts[id], text)))
    return fail (self->folder, MOE_ERROR_FORMAT, error, "token %u is empty or there twice", id);
  self->texts[id] = text;
  self->types[id] = type;
  g_hash_table_insert (self->ids, (gpointer) text, GUINT_TO_POINTER (id + 1));
  return TRUE;
}

static guint64
count_tokens (JsonObject *root)
{
  JsonObject *vocabulary = moe_hf_get_object (moe_hf_get_object (root, "model"), "vocab");
  JsonArray *added = moe_hf_get_array (root, "added_tokens");

  return (vocabulary != NULL ? (guint64) json_object_get_size (vocabulary) : 0) +
         (added != NULL ? (guint64) json_array_get_length (added) : 0);
}

/* "<0x0A>" */
static gboolean
is_byte_name (const char *text)
{
  return strlen (text) == 6 && g_str_has_prefix (text, "<0x") && g_ascii_isxdigit (text[3]) &&
         g_ascii_isxdigit (text[4]) && text[5] == '>';
}

static gboolean
read_added (Vocabulary  *self,
            MoeHfKeys   *keys,
            GError     **error)
{
  JsonArray *added = moe_hf_get_array (self->root, "added_tokens");
  const char *unknown = moe_hf_get_string (moe_hf_get_object (self->root, "model"), "unk_token");
  g_autoptr(GArray) left = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr(GArray) right = g_array_new (FALSE, FALSE, sizeof (gint32));

  for (guint i = 0; added != NULL && i < json_array_get_length (added); i++)
    {
      JsonNode *node = json_array_get_element (added, i);
      JsonObject *token = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
      const char *text = moe_hf_get_string (token, "content");
      MoeHfTokenType type;
      guint32 id;

      if (text == NULL || !moe_hf_get_uint (token, "id", &id))
        return fail (self->folder, MOE_ERROR_FORMAT, error, "an added token has no content or no id");
      if (moe_hf_get_bool (token, "single_word"))
        return fail (self->folder, MOE_ERROR_UNSUPPORTED, error,
                     "single_word of added tokens is not supported");
      type = self->spaces && g_strcmp0 (text, unknown) == 0 ? MOE_HF_TOKEN_UNKNOWN
             : moe_hf_get_bool (token, "special") ? MOE_HF_TOKEN_CONTROL : MOE_HF_TOKEN_USER_DEFINED;
      if (!put_token (self, text, id, type, error))
        return FALSE;
      if (moe_hf_get_bool (token, "lstrip"))
        g_array_append_val (left, id);
      if (moe_hf_get_bool (token, "rstrip"))
        g_array_append_val (right, id);
    }
  moe_hf_keys_add_ints (keys, MOE_GGUF_KEY_LSTRIP, (const gint32 *) (gpointer) left->data, left->len);
  moe_hf_keys_add_ints (keys, MOE_GGUF_KEY_RSTRIP, (const gint32 *) (gpointer) right->data, right->len);
  return TRUE;
}

static gboolean
read_vocabulary (Vocabulary  *self,
                 MoeHfKeys   *keys,
                 GError     **error)
{
  JsonObject *model = moe_hf_get_object (self->root, "model");
  JsonObject *vocabulary = moe_hf_get_object (model, "vocab");
  const char *unknown = moe_hf_get_string (model, "unk_token");
  JsonObjectIter iter;
  const char *text;

  if (vocabulary == NULL)
    return fail (self->folder, MOE_ERROR_FORMAT, error, "has no vocabulary");
  json_object_iter_init (&iter, vocabulary);
  while (json_object_iter_next (&iter, &text, NULL))
    {
      guint32 id;

      if (!moe_hf_get_uint (vocabulary, text, &id))
        return fail (self->folder, MOE_ERROR_FORMAT, error, "a token's id is not a whole number");
      if (!put_token (self, text, id, self->spaces && is_byte_name (text) ? MOE_HF_TOKEN_BYTE
                      : MOE_HF_TOKEN_NORMAL, error))
        return FALSE;
    }
  if (!read_added (self, keys, error))
    return FALSE;
  if (self->spaces && unknown != NULL && moe_hf_vocabulary_find (self, unknown) >= 0)
    self->types[moe_hf_vocabulary_find (self, unknown)] = MOE_HF_TOKEN_UNKNOWN;
  if (self->spaces)
    moe_hf_keys_add_uint (keys, "tokenizer.ggml.unknown_token_id",
                          unknown != NULL ? (guint32) moe_hf_vocabulary_find (self, unknown) : G_MAXUINT32);

  /* The embedding's rows are often rounded up. */
  for (guint i = 0; i < self->n; i++)
    if (self->texts[i] == NULL)
      {
        char *name = g_strdup_printf ("[PAD%u]", i);

        g_ptr_array_add (self->owned, name);
        if (!put_token (self, name, i, MOE_HF_TOKEN_UNUSED, error))
          return FALSE;
      }
  return TRUE;
}

/* Lines "left right", or, in newer files, pairs. */
static gboolean
read_merges (Vocabulary  *self,
             JsonObject  *model,
             MoeHfKeys   *keys,
             GError     **error)
{
  JsonArray *array = moe_hf_get_array (model, "merges");
  guint n = array != NULL ? json_array_get_length (array) : 0;
  g_autofree const char **merges = g_new0 (const char *, MAX (n, 1));

  if (array == NULL)
    return fail (self->folder, MOE_ERROR_FORMAT, error, "has no merges");
  for (guint i = 0; i < n; i++)
    {
      JsonNode *node = json_array_get_element (array, i);
      const char *space;

      if (JSON_NODE_HOLDS_ARRAY (node) && json_array_get_length (json_node_get_array (node)) == 2)
        {
          JsonNode *left = json_array_get_element (json_node_get_array (node), 0);
          JsonNode *right = json_array_get_element (json_node_get_array (node), 1);

          if (JSON_NODE_HOLDS_VALUE (left) && JSON_NODE_HOLDS_VALUE (right) &&
              json_node_get_string (left) != NULL && json_node_get_string (right) != NULL)
            {
              g_ptr_array_add (self->owned, g_strconcat (json_node_get_string (left), " ",
                                                         json_node_get_string (right), NULL));
              merges[i] = g_ptr_array_index (self->owned, self->owned->len - 1);
            }
        }
      else if (JSON_NODE_HOLDS_VALUE (node))
        merges[i] = json_node_get_string (node);
      space = merges[i] != NULL ? strchr (merges[i], ' ') : NULL;
      if (space == NULL || space == merges[i] || space[1] == '\0' || strchr (space + 1, ' ') != NULL)
        return fail (self->folder, MOE_ERROR_FORMAT, error, "merge %u is not a pair", i);
    }
  moe_hf_keys_add_strings (keys, self->spaces ? MOE_GGUF_KEY_MERGES : "tokenizer.ggml.merges", merges, n);
  return TRUE;
}

static void
vocabulary_clear (Vocabulary *self)
{
  g_clear_pointer (&self->ids, g_hash_table_unref);
  g_clear_pointer (&self->owned, g_ptr_array_unref);
  g_free (self->texts);
  g_free (self->types);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Vocabulary, vocabulary_clear)

/* tokenizer.json, or what it would say. */
static JsonNode *
read_root (const char         *folder,
           JsonObject         *settings,
           const MoeHfConfig  *config,
           GError            **error)
{
  g_autofree char *path = g_build_filename (folder, "tokenizer.json", NULL);
  g_autofree char *ranks = g_build_filename (folder, "tiktoken.model", NULL);

  if (!g_file_test (path, G_FILE_TEST_EXISTS) && g_file_test (ranks, G_FILE_TEST_EXISTS))
    return moe_hf_read_tiktoken (folder, settings, config, error);
  return moe_hf_read_json (folder, "tokenizer.json", MOE_HF_MAX_TOKENIZER, TRUE, error);
}

gboolean
moe_hf_read_tokenizer (const char         *folder,
                       JsonObject         *object,
                       const MoeHfConfig  *config,
                       MoeHfKeys          *keys,
                       GError            **error)
{
  g_autoptr(GError) local = NULL;
  g_autoptr(JsonNode) node = NULL;
  g_autoptr(JsonNode) settings = NULL;
  g_auto(Vocabulary) vocabulary = { .folder = folder, .config = object, .n = config->vocabulary };
  guint64 n_known;

  settings = moe_hf_read_json (folder, "tokenizer_config.json", MOE_HF_MAX_TOKENIZER, FALSE, &local);
  if (local != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  vocabulary.settings = settings != NULL ? json_node_get_object (settings) : NULL;
  node = read_root (folder, vocabulary.settings, config, error);
  if (node == NULL)
    return FALSE;
  vocabulary.root = json_node_get_object (node);
  n_known = count_tokens (vocabulary.root);
  if (config->vocabulary == 0 || config->vocabulary > n_known + MAX_PADDING)
    return fail (folder, MOE_ERROR_FORMAT, error, "has %" G_GUINT64_FORMAT " tokens, but vocab_size is %u",
                 n_known, config->vocabulary);

  vocabulary.texts = g_new0 (const char *, vocabulary.n);
  vocabulary.types = g_new0 (gint32, vocabulary.n);
  vocabulary.owned = g_ptr_array_new_with_free_func (g_free);
  vocabulary.ids = g_hash_table_new (g_str_hash, g_str_equal);
  if (!moe_hf_read_splits (&vocabulary, keys, error) || !read_vocabulary (&vocabulary, keys, error))
    return FALSE;
  moe_hf_keys_add_strings (keys, "tokenizer.ggml.tokens", vocabulary.texts, vocabulary.n);
  moe_hf_keys_add_ints (keys, "tokenizer.ggml.token_type", vocabulary.types, vocabulary.n);
  return read_merges (&vocabulary, moe_hf_get_object (vocabulary.root, "model"), keys, error) &&
         moe_hf_read_specials (&vocabulary, keys, error) && moe_hf_read_template (&vocabulary, keys, error);
}
