/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-hf-splits"

#include <string.h>

#include "data/moe-hf-tokenizer-private.h"

#define fail moe_hf_fail_tokenizer

#define MAX_SPLITS 16u
#define MAX_PATTERN 16384u

/* What a ByteLevel splits by when it is told to (use_regex). */
#define GPT2 "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

/* llama.cpp's names of splits, to be shown. */
static const struct { const char *regex, *name; } known[] = {
  { GPT2, "gpt-2" },
  { "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
    "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+", "qwen2" },
  { "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
    "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+", "llama3" },
};

/* The same in the tokenizers library and in PCRE2. A few signs mean different things there: intersections of
 * classes, classes in classes, hexadecimal digits. */
static gboolean
is_portable (const char *regex)
{
  static const char *const strange[] = { "&&", "[[", "\\h", "\\H", "\\Q", "\\K", "\\G", "(*", "(?~", "\\g" };

  if (*regex == '\0' || strlen (regex) > MAX_PATTERN)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (strange); i++)
    if (strstr (regex, strange[i]) != NULL)
      return FALSE;
  return TRUE;
}

static char *
quote (const char *text)
{
  GString *out = g_string_new (NULL);

  for (const char *p = text; *p != '\0'; p++)
    {
      if (g_ascii_ispunct (*p))
        g_string_append_c (out, '\\');
      g_string_append_c (out, *p);
    }
  return g_string_free (out, FALSE);
}

/* The pattern of a Split, NULL when it does not just cut its matches out as pieces of their own. */
static char *
read_split (JsonObject *object)
{
  JsonObject *pattern = moe_hf_get_object (object, "pattern");
  const char *how = moe_hf_get_string (object, "behavior"), *regex = moe_hf_get_string (pattern, "Regex");
  const char *text = moe_hf_get_string (pattern, "String");
  gboolean invert = moe_hf_get_bool (object, "invert");

  /* Removing what is between the matches removes nothing where a pattern matches everywhere, as these do. */
  if (how == NULL || !(invert ? g_ascii_strcasecmp (how, "removed") == 0
                              : g_ascii_strcasecmp (how, "isolated") == 0))
    return NULL;
  if (text != NULL && *text != '\0' && !invert)
    return quote (text);
  return regex != NULL && is_portable (regex) ? g_strdup (regex) : NULL;
}

/* Adds the patterns that @object splits by. FALSE: it does something else. @last: it writes bytes as
 * characters, and nothing may come after. */
static gboolean
add_part (JsonObject *object,
          GPtrArray  *patterns,
          gboolean   *last)
{
  const char *type = moe_hf_get_string (object, "type");
  char *pattern = NULL;

  if (type == NULL || *last || patterns->len >= MAX_SPLITS)
    return FALSE;
  if (g_str_equal (type, "ByteLevel"))
    {
      *last = TRUE;
      if (moe_hf_get_bool (object, "add_prefix_space"))
        return FALSE;
      if (!json_object_has_member (object, "use_regex") || moe_hf_get_bool (object, "use_regex"))
        g_ptr_array_add (patterns, g_strdup (GPT2));
      return TRUE;
    }
  if (g_str_equal (type, "Split"))
    pattern = read_split (object);
  else if (g_str_equal (type, "Digits"))
    pattern = g_strdup (moe_hf_get_bool (object, "individual_digits") ? "\\p{N}" : "\\p{N}+");
  if (pattern == NULL)
    return FALSE;
  g_ptr_array_add (patterns, pattern);
  return TRUE;
}

static gboolean
read_byte_level (MoeHfVocabulary  *self,
                 MoeHfKeys        *keys,
                 GError          **error)
{
  JsonObject *object = moe_hf_get_object (self->root, "pre_tokenizer");
  JsonObject *normalizer = moe_hf_get_object (self->root, "normalizer");
  JsonObject *model = moe_hf_get_object (self->root, "model");
  JsonArray *parts = moe_hf_get_array (object, "pretokenizers");
  JsonArray *forms = moe_hf_get_array (normalizer, "normalizers");
  const char *form = moe_hf_get_string (normalizer, "type"), *name = "tokenizer.json";
  g_autoptr(GPtrArray) patterns = g_ptr_array_new_with_free_func (g_free);
  gboolean understood = object != NULL, bytes = FALSE;

  /* Text is taken as it is typed, as llama.cpp takes it: NFC changes only what is not composed already. */
  if (normalizer != NULL && g_strcmp0 (form, "NFC") != 0 &&
      !(g_strcmp0 (form, "Sequence") == 0 && forms != NULL && json_array_get_length (forms) == 0))
    return fail (self->folder, MOE_ERROR_UNSUPPORTED, error, "the normalizer \"%.40s\" is not supported",
                 form != NULL ? form : "");
  if (parts == NULL && object != NULL)
    understood = add_part (object, patterns, &bytes);
  for (guint i = 0; parts != NULL && i < json_array_get_length (parts); i++)
    {
      JsonNode *node = json_array_get_element (parts, i);

      understood = understood && JSON_NODE_HOLDS_OBJECT (node) &&
                   add_part (json_node_get_object (node), patterns, &bytes);
    }
  if (!understood || !bytes || patterns->len == 0)
    return fail (self->folder, MOE_ERROR_UNSUPPORTED, error,
                 "its pre_tokenizer does something else than splitting and writing bytes as characters");

  for (guint i = 0; patterns->len == 1 && i < G_N_ELEMENTS (known); i++)
    if (g_str_equal (known[i].regex, g_ptr_array_index (patterns, 0)))
      name = known[i].name;
  moe_hf_keys_add_string (keys, "tokenizer.ggml.model", "gpt2");
  moe_hf_keys_add_string (keys, "tokenizer.ggml.pre", name);
  moe_hf_keys_add_strings (keys, MOE_GGUF_KEY_SPLITS, (const char *const *) patterns->pdata, patterns->len);
  moe_hf_keys_add_bool (keys, MOE_GGUF_KEY_IGNORE_MERGES, moe_hf_get_bool (model, "ignore_merges"));
  return TRUE;
}

#define SPACE "\xe2\x96\x81"

/* Whether the normalizer puts U+2581 before a text and in place of its spaces. */
static gboolean
is_space_normalizer (JsonObject *normalizer)
{
  JsonArray *parts = moe_hf_get_array (normalizer, "normalizers");
  JsonNode *first, *second;
  JsonObject *prepend, *replace;

  if (g_strcmp0 (moe_hf_get_string (normalizer, "type"), "Sequence") != 0 || parts == NULL ||
      json_array_get_length (parts) != 2)
    return FALSE;
  first = json_array_get_element (parts, 0);
  second = json_array_get_element (parts, 1);
  prepend = JSON_NODE_HOLDS_OBJECT (first) ? json_node_get_object (first) : NULL;
  replace = JSON_NODE_HOLDS_OBJECT (second) ? json_node_get_object (second) : NULL;
  return g_strcmp0 (moe_hf_get_string (prepend, "type"), "Prepend") == 0 &&
         g_strcmp0 (moe_hf_get_string (prepend, "prepend"), SPACE) == 0 &&
         g_strcmp0 (moe_hf_get_string (replace, "type"), "Replace") == 0 &&
         g_strcmp0 (moe_hf_get_string (moe_hf_get_object (replace, "pattern"), "String"), " ") == 0 &&
         g_strcmp0 (moe_hf_get_string (replace, "content"), SPACE) == 0;
}

/* SentencePiece's BPE rewritten: merges of characters, and bytes for what is no token. The U+2581 before a
 * text is the normalizer's or, in newer files, a Metaspace's. */
static gboolean
read_spaces (MoeHfVocabulary  *self,
             MoeHfKeys        *keys,
             GError          **error)
{
  JsonObject *metaspace = moe_hf_get_object (self->root, "pre_tokenizer");
  JsonObject *normalizer = moe_hf_get_object (self->root, "normalizer");
  const char *scheme = moe_hf_get_string (metaspace, "prepend_scheme");
  gboolean prefix = TRUE;

  if (metaspace == NULL && is_space_normalizer (normalizer))
    moe_hf_keys_add_bool (keys, MOE_GGUF_KEY_METASPACE, FALSE);
  else if (normalizer == NULL && g_strcmp0 (moe_hf_get_string (metaspace, "type"), "Metaspace") == 0 &&
           g_strcmp0 (moe_hf_get_string (metaspace, "replacement"), SPACE) == 0 &&
           moe_hf_is_set (metaspace, "split") && !moe_hf_get_bool (metaspace, "split") &&
           (g_strcmp0 (scheme, "first") == 0 || g_strcmp0 (scheme, "never") == 0))
    {
      moe_hf_keys_add_bool (keys, MOE_GGUF_KEY_METASPACE, TRUE);
      prefix = g_str_equal (scheme, "first");
    }
  else
    return fail (self->folder, MOE_ERROR_UNSUPPORTED, error,
                 "its normalizer or pre_tokenizer does something else than writing spaces as U+2581");
  moe_hf_keys_add_string (keys, "tokenizer.ggml.model", "llama");
  moe_hf_keys_add_bool (keys, "tokenizer.ggml.add_space_prefix", prefix);
  return TRUE;
}

gboolean
moe_hf_read_splits (MoeHfVocabulary  *self,
                    MoeHfKeys        *keys,
                    GError          **error)
{
  JsonObject *model = moe_hf_get_object (self->root, "model");
  const char *const affixes[] = { "continuing_subword_prefix", "end_of_word_suffix" };
  const char *type = moe_hf_get_string (model, "type");

  if (g_strcmp0 (type, "BPE") != 0)
    return fail (self->folder, MOE_ERROR_UNSUPPORTED, error,
                 "a model of the type \"%.40s\" is not supported (only BPE is)", type != NULL ? type : "");
  for (guint i = 0; i < G_N_ELEMENTS (affixes); i++)
    {
      const char *affix = moe_hf_get_string (model, affixes[i]);

      if (affix != NULL && *affix != '\0')
        return fail (self->folder, MOE_ERROR_UNSUPPORTED, error, "%s is not supported", affixes[i]);
    }
  self->spaces = moe_hf_get_bool (model, "byte_fallback");
  if (self->spaces && moe_hf_get_bool (model, "ignore_merges"))
    return fail (self->folder, MOE_ERROR_UNSUPPORTED, error,
                 "ignore_merges is not supported together with byte_fallback");
  return self->spaces ? read_spaces (self, keys, error) : read_byte_level (self, keys, error);
}
