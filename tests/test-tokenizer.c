/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-tokenizer"

#include <math.h>
#include <string.h>

#include <glib/gstdio.h>

#include "data/moe-error.h"
#include "probes/moe-tokenizer.h"
#include "tests/support/moe-test-vocabulary.h"

enum { NORMAL = 1, UNKNOWN = 2, CONTROL = 3, USER_DEFINED = 4, BYTE = 6 };

static MoeGguf *
open_written (MoeGgufWriter *writer)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  const int fd = g_file_open_tmp ("moe-test-XXXXXX.gguf", &path, &error);
  MoeGguf *gguf;

  g_assert_no_error (error);
  g_close (fd, NULL);
  moe_gguf_writer_save (writer, path, &error);
  g_assert_no_error (error);
  gguf = moe_gguf_open (path, &error);
  g_assert_no_error (error);
  g_unlink (path);
  return gguf;
}

static void
add_strings (MoeGgufWriter     *writer,
             const char        *key,
             const char *const *values)
{
  const gsize n = g_strv_length ((char **) values);
  g_autofree MoeGgufString *strings = g_new0 (MoeGgufString, MAX (n, 1));

  for (gsize i = 0; i < n; i++)
    strings[i] = (MoeGgufString) { values[i], strlen (values[i]) };
  moe_gguf_writer_add_string_array (writer, key, strings, n);
}

static MoeTokenizer *
load (MoeGgufWriter  *writer,
      GError        **error)
{
  MoeGguf *gguf = open_written (writer);
  MoeTokenizer *tokenizer = moe_tokenizer_new (gguf, error);

  moe_gguf_unref (gguf);
  return tokenizer;
}

/* A byte-level BPE of the given tokens and merges, NULL-terminated. */
static MoeTokenizer *
new_bpe (const char        *pre,
         const char *const *tokens,
         const char *const *merges)
{
  g_autoptr (MoeGgufWriter) writer = moe_gguf_writer_new (3);
  g_autoptr (GError) error = NULL;
  MoeTokenizer *tokenizer;

  moe_gguf_writer_add_string (writer, "tokenizer.ggml.model", "gpt2");
  if (pre != NULL)
    moe_gguf_writer_add_string (writer, "tokenizer.ggml.pre", pre);
  add_strings (writer, "tokenizer.ggml.tokens", tokens);
  add_strings (writer, "tokenizer.ggml.merges", merges);
  tokenizer = load (writer, &error);
  g_assert_no_error (error);
  return tokenizer;
}

static MoeTokenizer *
new_spm (const char *const *tokens,
         const gint32      *types,
         const float       *scores,
         guint              n,
         gboolean           prefix)
{
  g_autoptr (MoeGgufWriter) writer = moe_gguf_writer_new (3);
  g_autoptr (GError) error = NULL;
  MoeTokenizer *tokenizer;

  moe_gguf_writer_add_string (writer, "tokenizer.ggml.model", "llama");
  add_strings (writer, "tokenizer.ggml.tokens", tokens);
  moe_gguf_writer_add_array (writer, "tokenizer.ggml.token_type", MOE_GGUF_INT32, types, n);
  moe_gguf_writer_add_array (writer, "tokenizer.ggml.scores", MOE_GGUF_FLOAT32, scores, n);
  if (!prefix)
    moe_gguf_writer_add_bool (writer, "tokenizer.ggml.add_space_prefix", FALSE);
  tokenizer = load (writer, &error);
  g_assert_no_error (error);
  return tokenizer;
}

static MoeTokenizer *
new_test_vocabulary (const char *pre)
{
  g_autoptr (MoeGgufWriter) writer = moe_gguf_writer_new (3);
  g_autoptr (GError) error = NULL;
  MoeTokenizer *tokenizer;

  if (pre != NULL)
    moe_test_vocabulary_add_bpe (writer, pre);
  else
    moe_test_vocabulary_add_spm (writer, FALSE);
  tokenizer = load (writer, &error);
  g_assert_no_error (error);
  return tokenizer;
}

/* The spellings of the ids, joined by "|". */
static char *
encode (const MoeTokenizer *tokenizer,
        const char         *text,
        MoeTokenizeFlags    flags)
{
  GString *joined = g_string_new (NULL);
  gsize n;
  g_autofree gint32 *ids = moe_tokenizer_encode (tokenizer, text, strlen (text), flags, &n);

  for (gsize i = 0; i < n; i++)
    {
      if (i > 0)
        g_string_append_c (joined, '|');
      g_string_append (joined, moe_tokenizer_get_text (tokenizer, ids[i], NULL));
    }

  return g_string_free (joined, FALSE);
}

static void
assert_encodes (const MoeTokenizer *tokenizer,
                const char         *text,
                MoeTokenizeFlags    flags,
                const char         *expected)
{
  g_autofree char *found = encode (tokenizer, text, flags);

  g_assert_cmpstr (found, ==, expected);
}

static void
test_bpe_merges (void)
{
  static const char *const tokens[] = { "a", "b", "c", "x", "y", "z", "ab", "bc", "abc", "aa", "xyz",
                                        "\xc4\xa0", NULL };
  /* By rank: b+c before a+b, so "abc" is a|bc until a+bc, which comes last. */
  static const char *const merges[] = { "b c", "a b", "a a", "a bc", NULL };
  static const char *const no_last[] = { "b c", "a b", "a a", NULL };
  MoeTokenizer *all = new_bpe ("qwen2", tokens, merges);
  MoeTokenizer *fewer = new_bpe ("qwen2", tokens, no_last);
  MoeTokenizer *whole = new_bpe ("llama-bpe", tokens, merges);

  assert_encodes (all, "abc", 0, "abc");
  assert_encodes (fewer, "abc", 0, "a|bc");
  assert_encodes (all, "abab", 0, "ab|ab");
  assert_encodes (all, "aaa", 0, "aa|a"); /* the one further left first */
  assert_encodes (all, "aaaa", 0, "aa|aa");
  /* A token no merge reaches comes out whole only where pieces are looked up first. */
  assert_encodes (all, "xyz", 0, "x|y|z");
  assert_encodes (whole, "xyz", 0, "xyz");
  assert_encodes (whole, "xyzx", 0, "x|y|z|x");
  /* Bytes without a token are left out. */
  assert_encodes (all, "adb a", 0, "a|b| |a");
  g_assert_cmpstr (moe_tokenizer_get_name (all), ==, "bpe/qwen2");
  g_assert_cmpint (moe_tokenizer_get_bos (all), ==, -1);
  g_assert_cmpint (moe_tokenizer_find (all, "abc"), ==, 8);
  g_assert_cmpint (moe_tokenizer_find (all, "ab c"), ==, -1);
  g_assert_cmpint (moe_tokenizer_find (all, ""), ==, -1);

  moe_tokenizer_unref (all);
  moe_tokenizer_unref (fewer);
  moe_tokenizer_unref (whole);
}

/* Merges may go through pieces that are no tokens. */
static void
test_bpe_foreign_pieces (void)
{
  static const char *const tokens[] = { "a", "b", "c", "abc", NULL };
  static const char *const merges[] = { "a b", "ab c", "q q", NULL };
  MoeTokenizer *tokenizer = new_bpe (NULL, tokens, merges);

  assert_encodes (tokenizer, "abc", 0, "abc");
  assert_encodes (tokenizer, "ab", 0, "a|b");
  g_assert_cmpint (moe_tokenizer_find (tokenizer, "ab"), ==, -1);
  g_assert_cmpstr (moe_tokenizer_get_name (tokenizer), ==, "bpe/default");
  moe_tokenizer_unref (tokenizer);
}

#define SPACE "\xe2\x96\x81"

static void
test_spm_scores (void)
{
  static const char *const tokens[] = { "<unk>", "<s>", "</s>", SPACE, "a", "b", "ab", SPACE "a", "aa",
                                        "<0xC3>", "<0xA9>",
                                        "<0x0A>", "<", "s", ">", "<s", SPACE SPACE, NULL };
  static const gint32 types[] = { UNKNOWN, CONTROL, CONTROL, NORMAL, NORMAL, NORMAL, NORMAL, NORMAL, NORMAL,
                                  BYTE, BYTE,
                                  BYTE, NORMAL, NORMAL, NORMAL, NORMAL, NORMAL };
  static const float scores[] = { 0, 0, 0, -9, -9, -9, -1, -0.5f, -2, 0, 0, 0, -9, -9, -9, -1, -3 };
  MoeTokenizer *tokenizer = new_spm (tokens, types, scores, G_N_ELEMENTS (types), TRUE);
  MoeTokenizer *bare = new_spm (tokens, types, scores, G_N_ELEMENTS (types), FALSE);

  assert_encodes (tokenizer, "ab", 0, " a|b");  /* the higher score first */
  assert_encodes (bare, "ab", 0, "ab");
  assert_encodes (bare, "aaa", 0, "aa|a");      /* equal scores: further left */
  assert_encodes (tokenizer, "", 0, "");
  assert_encodes (tokenizer, "", MOE_TOKENIZE_ADD_BOS, "<s>");
  assert_encodes (tokenizer, "b", MOE_TOKENIZE_ADD_BOS, "<s>| |b");
  assert_encodes (bare, "a  b", 0, "a|  |b");
  assert_encodes (bare, "\xc3\xa9\n", 0, "\xc3|\xa9|\n");
  /* What no token covers is unknown; a control token is never put together from text. */
  assert_encodes (bare, "z", 0, "<unk>");
  assert_encodes (bare, "<s>", 0, "<s|>");
  assert_encodes (bare, "a<s>b", MOE_TOKENIZE_PARSE_SPECIAL, "a|<s>|b");
  /* The prefix comes again after a special token. */
  assert_encodes (tokenizer, "<s>a", MOE_TOKENIZE_PARSE_SPECIAL, "<s>| a");
  g_assert_true (moe_tokenizer_is_end (tokenizer, 2));
  g_assert_false (moe_tokenizer_is_end (tokenizer, 1));
  g_assert_false (moe_tokenizer_is_end (tokenizer, -1));
  g_assert_false (moe_tokenizer_is_end (tokenizer, 17));
  g_assert_cmpstr (moe_tokenizer_get_name (tokenizer), ==, "spm");

  moe_tokenizer_unref (tokenizer);
  moe_tokenizer_unref (bare);
}

static void
test_special_tokens (void)
{
  MoeTokenizer *tokenizer = new_test_vocabulary ("qwen2");
  const gint32 start = moe_tokenizer_find (tokenizer, "<|im_start|>");
  const gint32 end = moe_tokenizer_find (tokenizer, "<|im_end|>");
  g_autofree gint32 *plain = NULL, *special = NULL;
  g_autofree char *without = NULL, *with = NULL;
  gsize n;

  g_assert_true (moe_tokenizer_is_control (tokenizer, start));
  g_assert_true (moe_tokenizer_is_end (tokenizer, end));
  g_assert_false (moe_tokenizer_is_end (tokenizer, start));

  plain = moe_tokenizer_encode (tokenizer, "<|im_start|>", 12, 0, &n);
  for (gsize i = 0; i < n; i++)
    g_assert_false (moe_tokenizer_is_control (tokenizer, plain[i]));

  special = moe_tokenizer_encode (tokenizer, "<|im_start|>hi<|im_end|>", 24, MOE_TOKENIZE_PARSE_SPECIAL, &n);
  g_assert_cmpuint (n, >=, 3);
  g_assert_cmpint (special[0], ==, start);
  g_assert_cmpint (special[n - 1], ==, end);
  without = moe_tokenizer_decode (tokenizer, special, n, FALSE, NULL);
  g_assert_cmpstr (without, ==, "hi");
  with = moe_tokenizer_decode (tokenizer, special, n, TRUE, NULL);
  g_assert_cmpstr (with, ==, "<|im_start|>hi<|im_end|>");

  /* User-defined tokens are cut out in any case, the longest first wherever it stands. */
  assert_encodes (tokenizer, "<tool><tool><tool>", 0, "<tool><tool>|<tool>");
  assert_encodes (tokenizer, "<tool>", 0, "<tool>");

  moe_tokenizer_unref (tokenizer);
}

static void
append_random_character (GRand   *random,
                         GString *text)
{
  static const guint32 limits[] = { 0x80, 0x80, 0x80, 0x400, 0x800, 0x3100, 0x10000, 0x110000 };
  gunichar c;

  do
    c = (gunichar) g_rand_int_range (random, 1, (gint32) limits[g_rand_int_range (random, 0, 8)]);
  while (!g_unichar_validate (c));
  g_string_append_unichar (text, c);
}

static void
test_round_trip (void)
{
  static const char *const names[] = { "qwen2", "gpt-2", "llama-bpe", "deepseek-v3", "gpt-4o",
                                       NULL /* SentencePiece */ };
  g_autoptr (GRand) random = g_rand_new_with_seed (7);

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      MoeTokenizer *tokenizer = new_test_vocabulary (names[i]);

      for (guint j = 0; j < 300; j++)
        {
          g_autoptr (GString) text = g_string_new (NULL);
          const gint32 length = g_rand_int_range (random, 0, 40);
          g_autofree gint32 *ids = NULL;
          g_autofree char *decoded = NULL;
          gsize n, n_bytes;

          for (gint32 k = 0; k < length; k++)
            append_random_character (random, text);
          ids = moe_tokenizer_encode (tokenizer, text->str, text->len, 0, &n);
          decoded = moe_tokenizer_decode (tokenizer, ids, n, TRUE, &n_bytes);
          g_assert_cmpmem (decoded, n_bytes, text->str, text->len);
        }
      moe_tokenizer_unref (tokenizer);
    }
}

/* NULs and bytes that are no UTF-8. */
static void
test_any_bytes (void)
{
  MoeTokenizer *bpe = new_test_vocabulary ("qwen2"), *spm = new_test_vocabulary (NULL);
  static const char nul[] = { 'a', '\0', 'b' };
  g_autoptr (GRand) random = g_rand_new_with_seed (8);
  g_autofree gint32 *ids = NULL, *wrong = NULL, *replaced = NULL;
  g_autofree char *decoded = NULL;
  gsize n, n_bytes, n_wrong, n_replaced;

  ids = moe_tokenizer_encode (bpe, nul, sizeof nul, 0, &n);
  decoded = moe_tokenizer_decode (bpe, ids, n, TRUE, &n_bytes);
  g_assert_cmpmem (decoded, n_bytes, nul, sizeof nul);

  wrong = moe_tokenizer_encode (bpe, "a\xff\xfez", 4, 0, &n_wrong);
  replaced = moe_tokenizer_encode (bpe, "a\xef\xbf\xbd\xef\xbf\xbdz", 8, 0, &n_replaced);
  g_assert_cmpmem (wrong, n_wrong * sizeof *wrong, replaced, n_replaced * sizeof *replaced);

  /* Byte tokens keep any bytes. (A damaged character takes in the space behind it, which then stays U+2581,
   * as it does in llama.cpp; so no spaces here.) */
  for (guint i = 0; i < 300; i++)
    {
      char bytes[24];
      g_autofree gint32 *found = NULL;
      g_autofree char *text = NULL;

      for (gsize j = 0; j < sizeof bytes; j++)
        {
          bytes[j] = (char) g_rand_int_range (random, 0, 256);
          if (bytes[j] == ' ')
            bytes[j] = 'a';
        }
      g_free (moe_tokenizer_encode (bpe, bytes, sizeof bytes, MOE_TOKENIZE_PARSE_SPECIAL, &n));
      found = moe_tokenizer_encode (spm, bytes, sizeof bytes, 0, &n);
      text = moe_tokenizer_decode (spm, found, n, TRUE, &n_bytes);
      g_assert_cmpmem (text, n_bytes, bytes, sizeof bytes);
    }

  moe_tokenizer_unref (bpe);
  moe_tokenizer_unref (spm);
}

static void
test_long (void)
{
  static const char *const names[] = { "qwen2", NULL };
  static const char letters[] = { 'a', ' ', '<', '\n' };
  const gsize length = 1 << 20;

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      MoeTokenizer *tokenizer = new_test_vocabulary (names[i]);

      for (gsize j = 0; j < G_N_ELEMENTS (letters); j++)
        {
          g_autofree char *text = g_malloc (length), *decoded = NULL;
          g_autofree gint32 *ids = NULL;
          gsize n, n_bytes;

          memset (text, letters[j], length);
          ids = moe_tokenizer_encode (tokenizer, text, length, MOE_TOKENIZE_PARSE_SPECIAL, &n);
          decoded = moe_tokenizer_decode (tokenizer, ids, n, TRUE, &n_bytes);
          g_assert_cmpmem (decoded, n_bytes, text, length);
        }
      moe_tokenizer_unref (tokenizer);
    }
}

typedef struct
{
  const char *name;
  const char *model, *pre;
  const char *tokens[4];
  const char *merges[3];
  gint32      types[4];
  guint       n_types, n_scores;
  gint64      bos;   /* -1: no key */
  MoeError    code;
} Hostile;

static void
test_hostile (void)
{
  static const Hostile cases[] = {
    { "no tokens", "gpt2", "qwen2", { NULL }, { NULL }, { 0 }, 0, 0, -1, MOE_ERROR_FORMAT },
    { "alike", "gpt2", "qwen2", { "a", "b", "a" }, { NULL }, { 0 }, 0, 0, -1, MOE_ERROR_FORMAT },
    { "few types", "gpt2", "qwen2", { "a", "b" }, { NULL }, { 1 }, 1, 0, -1, MOE_ERROR_FORMAT },
    { "many types", "gpt2", "qwen2", { "a", "b" }, { NULL }, { 1, 1, 1 }, 3, 0, -1, MOE_ERROR_FORMAT },
    { "few scores", "llama", NULL, { "a", "b", "c" }, { NULL }, { 1, 1, 1 }, 3, 1, -1, MOE_ERROR_FORMAT },
    { "bos outside", "gpt2", "qwen2", { "a", "b" }, { NULL }, { 0 }, 0, 0, 2, MOE_ERROR_FORMAT },
    { "one-part merge", "gpt2", "qwen2", { "a", "b" }, { "ab" }, { 0 }, 0, 0, -1, MOE_ERROR_FORMAT },
    { "open merge", "gpt2", "qwen2", { "a", "b" }, { "a " }, { 0 }, 0, 0, -1, MOE_ERROR_FORMAT },
    { "empty merge", "gpt2", "qwen2", { "a", "b" }, { "" }, { 0 }, 0, 0, -1, MOE_ERROR_FORMAT },
    { "model", "t5", NULL, { "a" }, { NULL }, { 0 }, 0, 0, -1, MOE_ERROR_UNSUPPORTED },
    { "pre", "gpt2", "unheard-of", { "a" }, { NULL }, { 0 }, 0, 0, -1, MOE_ERROR_UNSUPPORTED },
  };
  static const float scores[4] = { 0 };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (MoeGgufWriter) writer = moe_gguf_writer_new (3);
      g_autoptr (GError) error = NULL;

      g_test_message ("%s", cases[i].name);
      moe_gguf_writer_add_string (writer, "tokenizer.ggml.model", cases[i].model);
      if (cases[i].pre != NULL)
        moe_gguf_writer_add_string (writer, "tokenizer.ggml.pre", cases[i].pre);
      add_strings (writer, "tokenizer.ggml.tokens", cases[i].tokens);
      add_strings (writer, "tokenizer.ggml.merges", cases[i].merges);
      if (cases[i].n_types > 0)
        moe_gguf_writer_add_array (writer, "tokenizer.ggml.token_type", MOE_GGUF_INT32, cases[i].types,
                                   cases[i].n_types);
      if (cases[i].n_scores > 0)
        moe_gguf_writer_add_array (writer, "tokenizer.ggml.scores", MOE_GGUF_FLOAT32, scores,
                                   cases[i].n_scores);
      if (cases[i].bos >= 0)
        moe_gguf_writer_add_uint (writer, "tokenizer.ggml.bos_token_id", (guint32) cases[i].bos);

      g_assert_null (load (writer, &error));
      g_assert_error (error, MOE_ERROR, (int) cases[i].code);
      g_assert_nonnull (strstr (error->message, ".gguf: "));
    }
}

/* Odd, but not wrong: it loads, and anything can be encoded with it. */
static void
test_odd (void)
{
  static const char *const tokens[] = { "", "a", "", "<|x|>", "\xff\xfe",
                                        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL };
  static const gint32 types[] = { 3, 1, 4, 3, 3, 99 };
  static const char *const merges[] = { "a a", "a a", "\xff \xfe", "nobody knows", NULL };
  static const float scores[] = { (float) NAN, (float) INFINITY, (float) -INFINITY, 0, 0, (float) NAN };
  static const char *const models[] = { "gpt2", "llama" };

  for (gsize i = 0; i < G_N_ELEMENTS (models); i++)
    {
      g_autoptr (MoeGgufWriter) writer = moe_gguf_writer_new (3);
      g_autoptr (GError) error = NULL;
      MoeTokenizer *tokenizer;
      gsize n;

      moe_gguf_writer_add_string (writer, "tokenizer.ggml.model", models[i]);
      moe_gguf_writer_add_string (writer, "tokenizer.ggml.pre", "gpt-2");
      add_strings (writer, "tokenizer.ggml.tokens", tokens);
      add_strings (writer, "tokenizer.ggml.merges", merges);
      moe_gguf_writer_add_array (writer, "tokenizer.ggml.token_type", MOE_GGUF_INT32, types,
                                 G_N_ELEMENTS (types));
      moe_gguf_writer_add_array (writer, "tokenizer.ggml.scores", MOE_GGUF_FLOAT32, scores,
                                 G_N_ELEMENTS (scores));
      moe_gguf_writer_add_uint (writer, "tokenizer.ggml.bos_token_id", G_MAXUINT32);
      tokenizer = load (writer, &error);
      g_assert_no_error (error);
      g_assert_cmpint (moe_tokenizer_get_bos (tokenizer), ==, -1);
      g_assert_false (moe_tokenizer_get_add_bos (tokenizer));
      g_free (moe_tokenizer_encode (tokenizer, "aaaa <|x|>\xff\xfe", 13,
                                    MOE_TOKENIZE_PARSE_SPECIAL | MOE_TOKENIZE_ADD_BOS,
                                    &n));
      g_assert_cmpuint (n, >, 0);
      moe_tokenizer_unref (tokenizer);
    }
}

/* Written a second time, from the whole text at once. */
static char *
replace_invalid (const char *bytes,
                 gsize       length)
{
  GString *text = g_string_new (NULL);

  for (gsize i = 0; i < length;)
    {
      const gunichar c = bytes[i] == '\0' ? 0 : g_utf8_get_char_validated (bytes + i, (gssize) (length - i));

      if (c == (gunichar) -2)
        {
          g_string_append (text, "\xef\xbf\xbd");
          break;
        }
      if (c == (gunichar) -1)
        {
          g_string_append (text, "\xef\xbf\xbd");
          i++;
        }
      else
        {
          g_string_append_unichar (text, c);
          i += (gsize) g_unichar_to_utf8 (c, NULL);
        }
    }

  return g_string_free (text, FALSE);
}

static void
test_stream (void)
{
  static const char *const texts[] = {
    "plain", "\xc3\xa9\xe4\xb8\xad\xf0\x9f\xa6\x99!", "\xff" "a", "a\x80", "\xe4\xb8" "a", "\xf0\x9f\xa6",
        "\xed\xa0\x80x",
    "\xc0\x80", "\xf4\x90\x80\x80.", "\xe4\xe4\xb8\xad", "\xf0\x9f\xf0\x9f\xa6\x99",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      const gsize length = strlen (texts[i]);
      g_autofree char *expected = replace_invalid (texts[i], length);

      /* Every way to cut it in three. */
      for (gsize first = 0; first <= length; first++)
        {
          for (gsize second = first; second <= length; second++)
            {
              MoeUtf8Stream stream = { 0 };
              g_autoptr (GString) out = g_string_new (NULL);

              moe_utf8_stream_push (&stream, texts[i], first, out);
              g_assert_true (g_utf8_validate (out->str, (gssize) out->len, NULL));
              moe_utf8_stream_push (&stream, texts[i] + first, second - first, out);
              g_assert_true (g_utf8_validate (out->str, (gssize) out->len, NULL));
              moe_utf8_stream_push (&stream, texts[i] + second, length - second, out);
              moe_utf8_stream_end (&stream, out);
              g_assert_cmpstr (out->str, ==, expected);
            }
        }
    }
}

/* Nothing is held back longer than needed. */
static void
test_stream_releases (void)
{
  MoeUtf8Stream stream = { 0 };
  g_autoptr (GString) out = g_string_new (NULL);

  moe_utf8_stream_push (&stream, "a\0\xf0\x9f", 4, out);
  g_assert_cmpmem (out->str, out->len, "a\0", 2);
  moe_utf8_stream_push (&stream, "\xa6", 1, out);
  g_assert_cmpuint (out->len, ==, 2);
  moe_utf8_stream_push (&stream, "\x99", 1, out);
  g_assert_cmpmem (out->str, out->len, "a\0\xf0\x9f\xa6\x99", 6);
  moe_utf8_stream_push (&stream, "\xe4", 1, out);
  moe_utf8_stream_end (&stream, out);
  g_assert_cmpmem (out->str, out->len, "a\0\xf0\x9f\xa6\x99\xef\xbf\xbd", 9);
  moe_utf8_stream_end (&stream, out);
  g_assert_cmpuint (out->len, ==, 9);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tokenizer/bpe-merges", test_bpe_merges);
  g_test_add_func ("/tokenizer/bpe-foreign-pieces", test_bpe_foreign_pieces);
  g_test_add_func ("/tokenizer/spm-scores", test_spm_scores);
  g_test_add_func ("/tokenizer/special-tokens", test_special_tokens);
  g_test_add_func ("/tokenizer/round-trip", test_round_trip);
  g_test_add_func ("/tokenizer/any-bytes", test_any_bytes);
  g_test_add_func ("/tokenizer/long", test_long);
  g_test_add_func ("/tokenizer/hostile", test_hostile);
  g_test_add_func ("/tokenizer/odd", test_odd);
  g_test_add_func ("/tokenizer/stream", test_stream);
  g_test_add_func ("/tokenizer/stream-releases", test_stream_releases);
  return g_test_run ();
}
