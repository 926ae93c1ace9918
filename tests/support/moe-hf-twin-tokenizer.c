/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-hf-twin-tokenizer"

#include "tests/support/moe-hf-twin-private.h"

#include <json-glib/json-glib.h>
#include <string.h>

/* tokenizer.ggml.token_type */
enum { NORMAL = 1, UNKNOWN = 2, CONTROL = 3, USER_DEFINED = 4 };

#define LETTERS "[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+"
#define SIGNS " ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*"
#define SPACES "\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+"
#define UPPER "[\\\\p{Lu}\\\\p{Lt}\\\\p{Lm}\\\\p{Lo}\\\\p{M}]"
#define LOWER "[\\\\p{Ll}\\\\p{Lm}\\\\p{Lo}\\\\p{M}]"
#define ENDING "(?i:'s|'t|'re|'ve|'m|'ll|'d)"

#define SPLIT(regex) \
  "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"" regex "\"},\"behavior\":\"Isolated\",\"invert\":false},"
#define BYTES "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":false}"
#define SEQUENCE(parts) "{\"type\":\"Sequence\",\"pretokenizers\":[" parts "]}"

#define GPT2 \
  "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":true}"

/* Pre-tokenizers as real folders write them, by llama.cpp's name of theirs. */
static const struct { const char *pre, *json; } pretokenizers[] = {
  { "olmo", GPT2 },
  { "qwen2", SEQUENCE (SPLIT (ENDING "|" LETTERS "|\\\\p{N}|" SIGNS "|" SPACES) BYTES) },
  { "deepseek-v3",
    SEQUENCE (SPLIT ("\\\\p{N}{1,3}")
              SPLIT ("[\xe4\xb8\x80-\xe9\xbe\xa5\xe3\x81\x80-\xe3\x82\x9f\xe3\x82\xa0-\xe3\x83\xbf]+")
              SPLIT ("[!\\\"#$%&'()*+,\\\\-./:;<=>?@\\\\[\\\\\\\\\\\\]^_`{|}~][A-Za-z]+|"
                     "[^\\\\r\\\\n\\\\p{L}\\\\p{P}\\\\p{S}]?[\\\\p{L}\\\\p{M}]+|"
                     " ?[\\\\p{P}\\\\p{S}]+[\\\\r\\\\n]*|" SPACES)
              BYTES) },
  { "refact", SEQUENCE ("{\"type\":\"Digits\",\"individual_digits\":true}," GPT2) },
  { "gpt-4o",
    SEQUENCE ("{\"type\":\"Split\",\"pattern\":{\"Regex\":\"[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?" UPPER "*" LOWER
              "+" ENDING "?|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?" UPPER "+" LOWER "*" ENDING "?|\\\\p{N}{1,3}|"
              " ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n/]*|" SPACES
              "\"},\"behavior\":\"Removed\",\"invert\":true}," BYTES) },
};

#define SPACE "\xe2\x96\x81"

void
moe_hf_twin_append_quoted (GString    *text,
                           const char *bytes,
                           gsize       length)
{
  g_autofree char *copy = g_strndup (bytes, length);
  g_autoptr (JsonNode) node = json_node_init_string (json_node_alloc (), copy);
  g_autofree char *quoted = json_to_string (node, FALSE);

  g_string_append (text, quoted);
}

typedef struct
{
  const char *left, *right;   /* @piece up to @right, and from there on */
  gsize       n_left, n_right;
  float       score;
} Merge;

/* The order in which transformers' converter writes merges. */
static int
compare_merges (gconstpointer a,
                gconstpointer b)
{
  const Merge *x = a, *y = b;

  if (x->score != y->score)
    return x->score > y->score ? -1 : 1;
  if (x->n_left != y->n_left)
    return x->n_left > y->n_left ? -1 : 1;
  return x->n_right > y->n_right ? -1 : x->n_right < y->n_right;
}

/* SentencePiece has scores and no merges: every pair of pieces that makes a piece is one. */
static void
append_spm_merges (GString             *text,
                   const MoeGgufString *tokens,
                   const gint32        *types,
                   const float         *scores,
                   gsize                n)
{
  g_autoptr (GHashTable) known = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GArray) merges = g_array_new (FALSE, FALSE, sizeof (Merge));

  for (gsize i = 0; i < n; i++)
    if (types[i] == NORMAL)
      g_hash_table_add (known, g_strndup (tokens[i].bytes, tokens[i].length));
  for (gsize i = 0; i < n; i++)
    for (gsize cut = 1; types[i] == NORMAL && cut < tokens[i].length; cut++)
      {
        g_autofree char *left = g_strndup (tokens[i].bytes, cut);
        g_autofree char *right = g_strndup (tokens[i].bytes + cut, tokens[i].length - cut);
        Merge merge = { tokens[i].bytes, tokens[i].bytes + cut, cut, tokens[i].length - cut, scores[i] };

        if (g_hash_table_contains (known, left) && g_hash_table_contains (known, right))
          g_array_append_val (merges, merge);
      }
  g_array_sort (merges, compare_merges);
  for (guint i = 0; i < merges->len; i++)
    {
      const Merge *merge = &g_array_index (merges, Merge, i);
      g_autofree char *line = g_strdup_printf ("%.*s %.*s", (int) merge->n_left, merge->left,
                                               (int) merge->n_right, merge->right);

      g_string_append (text, i > 0 ? "," : "");
      moe_hf_twin_append_quoted (text, line, strlen (line));
    }
}

/* Both forms that there are: pairs, and lines. */
static void
append_merges (GString             *text,
               const MoeGgufString *merges,
               gsize                n,
               gboolean             pairs)
{
  for (gsize i = 0; i < n; i++)
    {
      const char *space = memchr (merges[i].bytes, ' ', merges[i].length);

      g_string_append (text, i > 0 ? "," : "");
      if (!pairs)
        {
          moe_hf_twin_append_quoted (text, merges[i].bytes, merges[i].length);
          continue;
        }
      g_string_append_c (text, '[');
      moe_hf_twin_append_quoted (text, merges[i].bytes, (gsize) (space - merges[i].bytes));
      g_string_append_c (text, ',');
      moe_hf_twin_append_quoted (text, space + 1, merges[i].length - (gsize) (space + 1 - merges[i].bytes));
      g_string_append_c (text, ']');
    }
}

static const char *
find_pretokenizer (const char *pre)
{
  for (gsize i = 0; i < G_N_ELEMENTS (pretokenizers); i++)
    if (g_str_equal (pretokenizers[i].pre, pre))
      return pretokenizers[i].json;
  g_error ("no tokenizer.json is written for the pre-tokenizer %s", pre);
}

static gboolean
is_added (gint32 type)
{
  return type == CONTROL || type == USER_DEFINED || type == UNKNOWN;
}

static void
append_vocabulary (GString             *text,
                   const MoeGgufString *tokens,
                   const gint32        *types,
                   gsize                n,
                   gboolean             added)
{
  gsize n_written = 0;

  for (gsize i = 0; i < n; i++)
    {
      if (is_added (types[i]) != added)
        continue;
      g_string_append (text, n_written++ > 0 ? "," : "");
      if (added)
        g_string_append_printf (text, "{\"id\":%" G_GSIZE_FORMAT ",\"special\":%s,\"lstrip\":false,"
                                "\"rstrip\":false,\"normalized\":false,\"single_word\":false,\"content\":",
                                i, types[i] != USER_DEFINED ? "true" : "false");
      moe_hf_twin_append_quoted (text, tokens[i].bytes, tokens[i].length);
      if (added)
        g_string_append_c (text, '}');
      else
        g_string_append_printf (text, ":%" G_GSIZE_FORMAT, i);
    }
}

static void
write_settings (MoeGguf             *gguf,
                const MoeGgufString *tokens,
                const char          *folder)
{
  g_autoptr (GString) text = g_string_new ("{\"bos_token\":");
  guint32 bos = 0, eos = 0;

  g_assert_true (moe_gguf_get_uint (gguf, "tokenizer.ggml.bos_token_id", &bos, NULL));
  g_assert_true (moe_gguf_get_uint (gguf, "tokenizer.ggml.eos_token_id", &eos, NULL));
  moe_hf_twin_append_quoted (text, tokens[bos].bytes, tokens[bos].length);
  g_string_append (text, ",\"eos_token\":{\"content\":");
  moe_hf_twin_append_quoted (text, tokens[eos].bytes, tokens[eos].length);
  g_string_append (text, "},\"chat_template\":\"{{ messages[0].content }}\"}");
  moe_hf_twin_save (folder, "tokenizer_config.json", text->str, text->len);
  g_string_printf (text, "{\"eos_token_id\":[%u]}", eos);
  moe_hf_twin_save (folder, "generation_config.json", text->str, text->len);
}

guint
moe_hf_twin_write_tokenizer (MoeGguf    *gguf,
                             const char *folder)
{
  g_autoptr (GString) text = g_string_new ("{\"version\":\"1.0\",\"added_tokens\":[");
  gsize n, n_types, n_merges, n_scores;
  g_autofree MoeGgufString *tokens = moe_gguf_get_string_array (gguf, "tokenizer.ggml.tokens", &n, NULL);
  g_autofree gint32 *types = moe_gguf_get_int_array (gguf, "tokenizer.ggml.token_type", &n_types, NULL);
  g_autofree MoeGgufString *merges = moe_gguf_get_string_array (gguf, "tokenizer.ggml.merges", &n_merges,
                                                                NULL);
  g_autofree float *scores = moe_gguf_get_float_array (gguf, "tokenizer.ggml.scores", &n_scores, NULL);
  const char *pre = NULL;
  gboolean spaces = !moe_gguf_get_string (gguf, "tokenizer.ggml.pre", &pre, NULL);

  append_vocabulary (text, tokens, types, n, TRUE);
  if (spaces)
    g_string_append (text, "],\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":["
                     "{\"type\":\"Prepend\",\"prepend\":\"" SPACE "\"},{\"type\":\"Replace\",\"pattern\":"
                     "{\"String\":\" \"},\"content\":\"" SPACE "\"}]},\"pre_tokenizer\":null,"
                     "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":"
                     "{\"id\":\"<s>\",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],"
                     "\"pair\":[],\"special_tokens\":{\"<s>\":{\"id\":\"<s>\",\"ids\":[1],"
                     "\"tokens\":[\"<s>\"]}}},\"model\":{\"type\":\"BPE\",\"unk_token\":\"<unk>\","
                     "\"fuse_unk\":true,\"byte_fallback\":true,\"vocab\":{");
  else
    g_string_append_printf (text, "],\"normalizer\":{\"type\":\"NFC\"},\"pre_tokenizer\":%s,"
                            "\"post_processor\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\","
                            "\"unk_token\":null,\"byte_fallback\":false,\"vocab\":{",
                            find_pretokenizer (pre));
  append_vocabulary (text, tokens, types, n, FALSE);
  g_string_append (text, "},\"merges\":[");
  if (spaces)
    append_spm_merges (text, tokens, types, scores, n);
  else
    append_merges (text, merges, n_merges, !g_str_equal (pre, "qwen2"));
  g_string_append (text, "]}}");
  moe_hf_twin_save (folder, "tokenizer.json", text->str, text->len);
  write_settings (gguf, tokens, folder);
  return (guint) n;
}
