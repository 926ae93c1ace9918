/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-hf-tokenizer"

#include <string.h>

#include "data/moe-error.h"
#include "data/moe-file.h"
#include "data/moe-hf-private.h"

#define MAX_TOKENIZER (64u << 20)
#define MAX_TEMPLATE (4u << 20)

/* By how many rows an embedding may be larger than the vocabulary. */
#define MAX_PADDING 65536u

/* tokenizer.ggml.token_type */
enum { TYPE_NORMAL = 1, TYPE_CONTROL = 3, TYPE_USER_DEFINED = 4, TYPE_UNUSED = 5 };

/* Splits that are known, and what llama.cpp calls them. */
static const struct { const char *regex, *name; } splits[] = {
  { "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
    "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+", "qwen2" },
};

/* What the tokenizers library does itself with use_regex: GPT-2's expression. */
#define BYTE_LEVEL_NAME "gpt-2"

typedef struct
{
  const char  *folder;
  guint        n;      /* tokens, (n) each: */
  const char **texts;
  gint32      *types;
  GPtrArray   *owned;
  GHashTable  *ids;    /* text -> id + 1 */
} Vocabulary;

#define fail(folder, code, error, ...) \
  moe_hf_blame_file (moe_error_fail (error, code, NULL, __VA_ARGS__), error, folder, "tokenizer.json")

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

static gboolean
read_vocabulary (Vocabulary  *self,
                 JsonObject  *root,
                 GError     **error)
{
  JsonObject *vocabulary = moe_hf_get_object (moe_hf_get_object (root, "model"), "vocab");
  JsonArray *added = moe_hf_get_array (root, "added_tokens");
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
      if (!put_token (self, text, id, TYPE_NORMAL, error))
        return FALSE;
    }

  for (guint i = 0; added != NULL && i < json_array_get_length (added); i++)
    {
      JsonNode *node = json_array_get_element (added, i);
      JsonObject *token = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
      guint32 id;

      text = moe_hf_get_string (token, "content");
      if (text == NULL || !moe_hf_get_uint (token, "id", &id))
        return fail (self->folder, MOE_ERROR_FORMAT, error, "an added token has no content or no id");
      if (moe_hf_get_bool (token, "lstrip") || moe_hf_get_bool (token, "rstrip") ||
          moe_hf_get_bool (token, "single_word"))
        return fail (self->folder, MOE_ERROR_UNSUPPORTED, error,
                     "lstrip, rstrip and single_word of added tokens are not supported");
      if (!put_token (self, text, id,
                      moe_hf_get_bool (token, "special") ? TYPE_CONTROL : TYPE_USER_DEFINED, error))
        return FALSE;
    }

  /* The embedding's rows are often rounded up. */
  for (guint i = 0; i < self->n; i++)
    if (self->texts[i] == NULL)
      {
        char *name = g_strdup_printf ("[PAD%u]", i);

        g_ptr_array_add (self->owned, name);
        if (!put_token (self, name, i, TYPE_UNUSED, error))
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
  moe_hf_keys_add_strings (keys, "tokenizer.ggml.merges", merges, n);
  return TRUE;
}

static gboolean
check_model (const char  *folder,
             JsonObject  *root,
             GError     **error)
{
  JsonObject *model = moe_hf_get_object (root, "model"), *normalizer = moe_hf_get_object (root, "normalizer");
  const char *const affixes[] = { "continuing_subword_prefix", "end_of_word_suffix" };
  const char *type = moe_hf_get_string (model, "type"), *form = moe_hf_get_string (normalizer, "type");

  if (type == NULL || !g_str_equal (type, "BPE") || moe_hf_get_bool (model, "byte_fallback"))
    return fail (folder, MOE_ERROR_UNSUPPORTED, error, "only byte-level BPE is supported");
  for (guint i = 0; i < G_N_ELEMENTS (affixes); i++)
    {
      const char *affix = moe_hf_get_string (model, affixes[i]);

      if (affix != NULL && *affix != '\0')
        return fail (folder, MOE_ERROR_UNSUPPORTED, error, "%s is not supported", affixes[i]);
    }
  if (moe_hf_get_bool (model, "ignore_merges"))
    return fail (folder, MOE_ERROR_UNSUPPORTED, error, "ignore_merges is not supported");
  /* Text is taken as it is typed, as llama.cpp takes it: NFC changes only what is not composed already. */
  if (normalizer != NULL && (form == NULL || !g_str_equal (form, "NFC")))
    return fail (folder, MOE_ERROR_UNSUPPORTED, error, "the normalizer \"%.40s\" is not supported",
                 form != NULL ? form : "");
  return TRUE;
}

static gboolean
is_byte_level (JsonObject *object,
               gboolean    use_regex)
{
  const char *type = moe_hf_get_string (object, "type");
  gboolean uses = !json_object_has_member (object, "use_regex") || moe_hf_get_bool (object, "use_regex");

  return type != NULL && g_str_equal (type, "ByteLevel") && uses == use_regex &&
         !moe_hf_get_bool (object, "add_prefix_space");
}

static const char *
find_split (JsonObject *object)
{
  const char *type = moe_hf_get_string (object, "type"), *how = moe_hf_get_string (object, "behavior");
  const char *regex = moe_hf_get_string (moe_hf_get_object (object, "pattern"), "Regex");

  if (g_strcmp0 (type, "Split") != 0 || g_strcmp0 (how, "Isolated") != 0 ||
      moe_hf_get_bool (object, "invert") || regex == NULL)
    return NULL;
  for (guint i = 0; i < G_N_ELEMENTS (splits); i++)
    if (g_str_equal (splits[i].regex, regex))
      return splits[i].name;
  return NULL;
}

/* llama.cpp's name of the pre-tokenizer, NULL when it is another than those that are known. */
static const char *
find_pretokenizer (JsonObject *root)
{
  JsonObject *object = moe_hf_get_object (root, "pre_tokenizer");
  JsonArray *parts = moe_hf_get_array (object, "pretokenizers");
  JsonNode *first, *second;

  if (object == NULL)
    return NULL;
  if (parts == NULL)
    return is_byte_level (object, TRUE) ? BYTE_LEVEL_NAME : NULL;
  if (json_array_get_length (parts) != 2)
    return NULL;
  first = json_array_get_element (parts, 0);
  second = json_array_get_element (parts, 1);
  if (!JSON_NODE_HOLDS_OBJECT (first) || !JSON_NODE_HOLDS_OBJECT (second) ||
      !is_byte_level (json_node_get_object (second), FALSE))
    return NULL;
  return find_split (json_node_get_object (first));
}

/* What is added to a text: a TemplateProcessing with a token before or after it. */
static gboolean
read_template (Vocabulary  *self,
               JsonObject  *root,
               MoeHfKeys   *keys,
               gint64      *bos,
               GError     **error)
{
  JsonObject *processor = moe_hf_get_object (root, "post_processor");
  const char *type = moe_hf_get_string (processor, "type");
  JsonArray *single = moe_hf_get_array (processor, "single");
  gboolean seen = FALSE, before = FALSE, after = FALSE;

  if (processor != NULL && g_strcmp0 (type, "ByteLevel") != 0 &&
      (g_strcmp0 (type, "TemplateProcessing") != 0 || single == NULL))
    return fail (self->folder, MOE_ERROR_UNSUPPORTED, error,
                 "the post_processor \"%.40s\" is not supported", type != NULL ? type : "");
  for (guint i = 0; single != NULL && i < json_array_get_length (single); i++)
    {
      JsonNode *node = json_array_get_element (single, i);
      JsonObject *part = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
      const char *text = moe_hf_get_string (moe_hf_get_object (part, "SpecialToken"), "id");
      guint id = text != NULL ? GPOINTER_TO_UINT (g_hash_table_lookup (self->ids, text)) : 0;

      if (moe_hf_get_object (part, "Sequence") != NULL && !seen)
        seen = TRUE;
      else if (id == 0 || (seen ? after : before))
        return fail (self->folder, MOE_ERROR_UNSUPPORTED, error,
                     "its post_processor adds other tokens than one before and one after a text");
      else if (seen)
        after = TRUE;
      else
        {
          before = TRUE;
          *bos = (gint64) id - 1;
        }
    }
  moe_hf_keys_add_bool (keys, "tokenizer.ggml.add_bos_token", before);
  moe_hf_keys_add_bool (keys, "tokenizer.ggml.add_eos_token", after);
  return TRUE;
}

/* The id of a token named in tokenizer_config.json, as a text or an object with one; -1 when there is
 * none. */
static gint64
find_named (Vocabulary *self,
            JsonObject *settings,
            const char *name)
{
  const char *text = moe_hf_get_string (settings, name);

  if (text == NULL)
    text = moe_hf_get_string (moe_hf_get_object (settings, name), "content");
  return text != NULL ? (gint64) GPOINTER_TO_UINT (g_hash_table_lookup (self->ids, text)) - 1 : -1;
}

static void
add_end (guint32  id,
         guint32 *ends,
         guint   *n)
{
  for (guint i = 0; i < *n; i++)
    if (ends[i] == id)
      return;
  if (*n < 3)
    ends[(*n)++] = id;
}

/* eos_token_id of config.json and generation_config.json, a number or several. */
static void
add_ends (JsonObject *object,
          guint32    *ends,
          guint      *n)
{
  JsonArray *array = moe_hf_get_array (object, "eos_token_id");
  guint32 id;

  if (moe_hf_get_uint (object, "eos_token_id", &id))
    add_end (id, ends, n);
  for (guint i = 0; array != NULL && i < json_array_get_length (array); i++)
    {
      JsonNode *node = json_array_get_element (array, i);
      gint64 number = JSON_NODE_HOLDS_VALUE (node) ? json_node_get_int (node) : -1;

      if (number >= 0 && number <= G_MAXUINT32)
        add_end ((guint32) number, ends, n);
    }
}

static gboolean
read_specials (Vocabulary  *self,
               JsonObject  *root,
               JsonObject  *config,
               JsonObject  *settings,
               MoeHfKeys   *keys,
               GError     **error)
{
  const char *const names[] = {
    "tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id",
  };
  g_autoptr(GError) local = NULL;
  g_autoptr(JsonNode) generation = moe_hf_read_json (self->folder, "generation_config.json", MAX_TEMPLATE,
                                                     FALSE, &local);
  guint32 ends[G_N_ELEMENTS (names)], id;
  gint64 bos = -1, eos = find_named (self, settings, "eos_token");
  guint n = 0;

  if (local != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  if (!read_template (self, root, keys, &bos, error))
    return FALSE;
  if (bos < 0)
    bos = find_named (self, settings, "bos_token");
  if (bos < 0 && moe_hf_get_uint (config, "bos_token_id", &id))
    bos = id;
  if (bos >= 0)
    moe_hf_keys_add_uint (keys, "tokenizer.ggml.bos_token_id", (guint32) bos);
  if (eos >= 0)
    add_end ((guint32) eos, ends, &n);
  add_ends (config, ends, &n);
  add_ends (generation != NULL ? json_node_get_object (generation) : NULL, ends, &n);
  for (guint i = 0; i < n; i++)
    moe_hf_keys_add_uint (keys, names[i], ends[i]);
  return TRUE;
}

/* chat_template.jinja, or chat_template of tokenizer_config.json: a text, or one of several called
 * "default". */
static gboolean
read_chat_template (const char  *folder,
                    JsonObject  *settings,
                    MoeHfKeys   *keys,
                    GError     **error)
{
  g_autofree char *path = g_build_filename (folder, "chat_template.jinja", NULL);
  g_autofree char *text = NULL;
  const char *template = moe_hf_get_string (settings, "chat_template");
  JsonArray *several = moe_hf_get_array (settings, "chat_template");
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

static void
vocabulary_clear (Vocabulary *self)
{
  g_clear_pointer (&self->ids, g_hash_table_unref);
  g_clear_pointer (&self->owned, g_ptr_array_unref);
  g_free (self->texts);
  g_free (self->types);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Vocabulary, vocabulary_clear)

gboolean
moe_hf_read_tokenizer (const char         *folder,
                       JsonObject         *object,
                       const MoeHfConfig  *config,
                       MoeHfKeys          *keys,
                       GError            **error)
{
  g_autoptr(GError) local = NULL;
  g_autoptr(JsonNode) node = NULL;
  g_autoptr(JsonNode) settings_node = NULL;
  g_auto(Vocabulary) vocabulary = { .folder = folder, .n = config->vocabulary };
  JsonObject *root, *settings;
  const char *pre;
  guint64 n_known;

  node = moe_hf_read_json (folder, "tokenizer.json", MAX_TOKENIZER, TRUE, error);
  if (node == NULL)
    return FALSE;
  root = json_node_get_object (node);
  settings_node = moe_hf_read_json (folder, "tokenizer_config.json", MAX_TOKENIZER, FALSE, &local);
  if (local != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  settings = settings_node != NULL ? json_node_get_object (settings_node) : NULL;
  n_known = count_tokens (root);
  if (config->vocabulary == 0 || config->vocabulary > n_known + MAX_PADDING)
    return fail (folder, MOE_ERROR_FORMAT, error, "has %" G_GUINT64_FORMAT " tokens, but vocab_size is %u",
                 n_known, config->vocabulary);

  vocabulary.texts = g_new0 (const char *, vocabulary.n);
  vocabulary.types = g_new0 (gint32, vocabulary.n);
  vocabulary.owned = g_ptr_array_new_with_free_func (g_free);
  vocabulary.ids = g_hash_table_new (g_str_hash, g_str_equal);
  if (!check_model (folder, root, error))
    return FALSE;
  pre = find_pretokenizer (root);
  if (pre == NULL)
    return fail (folder, MOE_ERROR_UNSUPPORTED, error,
                 "its pre_tokenizer is not one of those that are known (qwen2 and gpt-2)");
  if (!read_vocabulary (&vocabulary, root, error))
    return FALSE;

  moe_hf_keys_add_string (keys, "tokenizer.ggml.model", "gpt2");
  moe_hf_keys_add_string (keys, "tokenizer.ggml.pre", pre);
  moe_hf_keys_add_strings (keys, "tokenizer.ggml.tokens", vocabulary.texts, vocabulary.n);
  moe_hf_keys_add_ints (keys, "tokenizer.ggml.token_type", vocabulary.types, vocabulary.n);
  return read_merges (&vocabulary, moe_hf_get_object (root, "model"), keys, error) &&
         read_specials (&vocabulary, root, object, settings, keys, error) &&
         read_chat_template (folder, settings, keys, error);
}
