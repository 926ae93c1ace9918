/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-hf-tiktoken"

/* Folders with the ranks of a byte-level BPE in place of tokenizer.json. */

#include <glib/gstdio.h>
#include <string.h>

#include "data/moe-error.h"
#include "probes/moe-model.h"
#include "tests/support/moe-hf-pair.h"

static const MoeHfCase deepseek = { "deepseek2-f32", MOE_TYPE_F32, 1 };

/* The tokens from rank 256 on; before them are the bytes. */
static const char *const joined[] = {
  "he", "th", "the", " the", "in", "\xe4\xb8", "\xe4\xb8\xad", "12", "'s", "ing", NULL,
};

#define BOS 300
#define RESERVED 302

static const char settings[] =
  "{\"tokenizer_class\": \"TikTokenTokenizer\", \"auto_map\": {\"AutoTokenizer\": [\"tokenization_kimi."
  "TikTokenTokenizer\", null]}, \"added_tokens_decoder\": {\"300\": {\"content\": \"[BOS]\", "
  "\"special\": true}, \"301\": {\"content\": \"[EOS]\", \"special\": true}}, \"bos_token\": \"[BOS]\", "
  "\"eos_token\": \"[EOS]\"}";

static void
save (const char *folder,
      const char *name,
      const char *text)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

static void
make_folder (MoeHfPair *self)
{
  g_autoptr (GString) lines = g_string_new (NULL);
  g_autofree char *path = NULL, *generation = NULL;

  moe_hf_pair_make (self, &deepseek);
  path = g_build_filename (self->folder, "tokenizer.json", NULL);
  generation = g_build_filename (self->folder, "generation_config.json", NULL);
  g_assert_cmpint (g_unlink (path), ==, 0);
  g_assert_cmpint (g_unlink (generation), ==, 0);
  for (guint rank = 0; rank < 256 || joined[rank - 256] != NULL; rank++)
    {
      guint8 byte = (guint8) rank;
      const char *text = rank < 256 ? (const char *) &byte : joined[rank - 256];
      g_autofree char *base64 = g_base64_encode ((const guint8 *) text, rank < 256 ? 1 : strlen (text));

      g_string_append_printf (lines, "%s %u\n", base64, rank);
    }
  save (self->folder, "tiktoken.model", lines->str);
  save (self->folder, "tokenizer_config.json", settings);
}

#define END -1

/* Worked out by hand: of all neighbours those that make the lowest rank are joined first. */
static const struct { const char *text; gint32 ids[12]; } known[] = {
  { "the", { 258, END } },
  /* t he he; no token was ever made of "t" and "he" but by its bytes. */
  { "thehe", { 258, 256, END } },
  { " the thing", { 259, 32, 257, 265, END } },
  /* Han by themselves, digits by three. */
  { "\xe4\xb8\xadthe12345", { 262, 258, 263, 51, 52, 53, END } },
  { "\xe4\xb8\xad\xe4\xb8\xad", { 262, 262, END } },
  /* What is cut off keeps its own: the contraction belongs to its word. */
  { "it's", { 105, 116, 264, END } },
  { "THEthe", { 84, 72, 69, 258, END } },
  { "[BOS]the<|reserved_token_302|>", { BOS, 258, RESERVED, END } },
  { "\xf0\x9f\x98\x80", { 0xf0, 0x9f, 0x98, 0x80, END } },
  { "\t\n a", { 9, 10, 32, 97, END } },
};

static void
test_known (void)
{
  g_auto (MoeHfPair) pair = { NULL };
  g_autoptr (GError) error = NULL;
  const MoeTokenizer *tokenizer;
  MoeModel *model;

  make_folder (&pair);
  moe_hf_pair_replace (pair.folder, "config.json", "\"deepseek_v3\"", "\"kimi_k2\"");
  model = moe_model_open (pair.folder, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  tokenizer = moe_model_get_tokenizer (model);
  for (gsize i = 0; i < G_N_ELEMENTS (known); i++)
    {
      gsize n, n_expected = 0;
      g_autofree gint32 *ids = moe_tokenizer_encode (tokenizer, known[i].text, strlen (known[i].text),
                                                     MOE_TOKENIZE_PARSE_SPECIAL | MOE_TOKENIZE_ADD_BOS, &n);

      while (known[i].ids[n_expected] != END)
        n_expected++;
      g_test_message ("%s", known[i].text);
      g_assert_cmpmem (ids, n * sizeof *ids, known[i].ids, n_expected * sizeof *ids);
    }
  g_assert_true (moe_tokenizer_is_end (tokenizer, 301));
  g_assert_true (moe_tokenizer_is_control (tokenizer, RESERVED));
  g_assert_false (moe_tokenizer_is_control (tokenizer, 258));
  moe_model_unref (model);
}

static const struct
{
  const char *file, *from, *to;
  MoeError    code;
  const char *fragment;
} damages[] = {
  { "tokenizer_config.json", "tokenization_kimi", "tokenization_qwen", MOE_ERROR_UNSUPPORTED,
    "is not known" },
  { "tokenizer_config.json", "\"auto_map\"", "\"map\"", MOE_ERROR_UNSUPPORTED, "is not known" },
  { "tokenizer_config.json", "\"content\": \"[BOS]\"", "\"text\": \"[BOS]\"", MOE_ERROR_FORMAT,
    "the added token 300 has no content" },
  { "tokenizer_config.json", "\"300\"", "\"258\"", MOE_ERROR_FORMAT,
    "the added token 258 has no content, or is" },
  { "tiktoken.model", "AQ== 1\n", "AQ== one\n", MOE_ERROR_FORMAT, "line 2 is not a token and its rank" },
  { "tiktoken.model", "AQ== 1\n", "AQ==\n", MOE_ERROR_FORMAT, "line 2 is not a token and its rank" },
  { "tiktoken.model", "AQ== 1\n", "AQ= 1\n", MOE_ERROR_FORMAT, "line 2 is not a token and its rank" },
  { "tiktoken.model", "AQ== 1\n", " 1\n", MOE_ERROR_FORMAT, "line 2 is not a token and its rank" },
  { "tiktoken.model", "AQ== 1\n", "AQ== 2\n", MOE_ERROR_FORMAT, "line 3 is there twice" },
  { "tiktoken.model", "AQ== 1\n", "AA== 1\n", MOE_ERROR_FORMAT, "line 2 is there twice" },
  { "tiktoken.model", "AQ== 1\n", "AQ== 4000\n", MOE_ERROR_FORMAT, "line 2 has a rank beyond vocab_size" },
  { "config.json", "\"vocab_size\": ", "\"vocab_size\": 4000000000, \"size\": ", MOE_ERROR_LIMIT,
    "too much" },
};

static void
test_damage (gconstpointer data)
{
  gsize i = GPOINTER_TO_SIZE (data);
  g_auto (MoeHfPair) pair = { NULL };
  g_autoptr (GError) error = NULL;

  make_folder (&pair);
  moe_hf_pair_replace (pair.folder, damages[i].file, damages[i].from, damages[i].to);
  g_assert_null (moe_model_open (pair.folder, NULL, NULL, NULL, &error));
  g_test_message ("%s", error->message);
  g_assert_error (error, MOE_ERROR, (gint) damages[i].code);
  g_assert_true (g_str_has_prefix (error->message, pair.folder));
  g_assert_nonnull (strstr (error->message, damages[i].fragment));
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/hf-tiktoken/known", test_known);
  for (gsize i = 0; i < G_N_ELEMENTS (damages); i++)
    {
      g_autofree char *name = g_strdup_printf ("/hf-tiktoken/damage/%" G_GSIZE_FORMAT, i);

      g_test_add_data_func (name, GSIZE_TO_POINTER (i), test_damage);
    }
  return g_test_run ();
}
