/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-tokenizer-reference"

/* Token ids against llama.cpp's; see tests/reference/README.md. */

#include <string.h>

#include <glib/gstdio.h>
#include <json-glib/json-glib.h>

#include "probes/moe-pretokenizer.h"
#include "probes/moe-tokenizer.h"
#include "tests/support/moe-checkpoint.h"

static JsonObject *stored; /* tests/reference/tokenizer.json */
static JsonObject *hashes; /* tests/reference/pre-tokenizers.json */

static GBytes *
parse_hex (const char *text)
{
  gsize n = strlen (text) / 2;
  guint8 *bytes = g_malloc0 (n + 1); /* with a NUL after the end */

  for (gsize i = 0; i < n; i++)
    bytes[i] = (guint8) (g_ascii_xdigit_value (text[2 * i]) << 4 | g_ascii_xdigit_value (text[2 * i + 1]));
  return g_bytes_new_take (bytes, n);
}

/* The demo model, or a generated vocabulary. */
static MoeGguf *
open_vocabulary (const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = NULL, *path = NULL;
  MoeGguf *gguf;

  if (g_str_equal (name, "demo-q8_0"))
    {
      path = g_test_build_filename (G_TEST_DIST, "..", "data", "demo-model", "demo-q8_0.gguf", NULL);
      gguf = moe_gguf_open (path, &error);
      g_assert_no_error (error);
      return gguf;
    }
  folder = g_dir_make_tmp ("moe-test-XXXXXX", &error);
  g_assert_no_error (error);
  path = g_build_filename (folder, "vocabulary.gguf", NULL);
  moe_checkpoint_write_vocabulary (name, path, &error);
  g_assert_no_error (error);
  gguf = moe_gguf_open (path, &error);
  g_assert_no_error (error);
  g_unlink (path);
  g_rmdir (folder);
  return gguf;
}

static char *
format_ids (const gint32 *ids,
            gsize         n)
{
  GString *out = g_string_new (NULL);

  for (gsize i = 0; i < n; i++)
    g_string_append_printf (out, "%s%d", i > 0 ? " " : "", ids[i]);
  return g_string_free (out, FALSE);
}

static char *
format_json_ids (JsonArray *ids)
{
  GString *out = g_string_new (NULL);

  for (guint i = 0; i < json_array_get_length (ids); i++)
    g_string_append_printf (out, "%s%d", i > 0 ? " " : "", (int) json_array_get_int_element (ids, i));
  return g_string_free (out, FALSE);
}

static void
check_strings (const MoeTokenizer *tokenizer,
               JsonArray          *expected,
               MoeTokenizeFlags    flags,
               const char         *label)
{
  JsonArray *strings = json_object_get_array_member (stored, "strings");
  guint n_wrong = 0;

  g_assert_cmpuint (json_array_get_length (strings), ==, json_array_get_length (expected));
  for (guint s = 0; s < json_array_get_length (strings); s++)
    {
      g_autoptr (GBytes) text = parse_hex (json_array_get_string_element (strings, s));
      gsize length, n;
      const char *bytes = g_bytes_get_data (text, &length);
      g_autofree gint32 *ids = moe_tokenizer_encode (tokenizer, bytes, length, flags, &n);
      g_autofree char *ours = format_ids (ids, n);
      g_autofree char *theirs = NULL;
      g_autofree char *shown = NULL;

      for (gsize i = 0; i < n; i++)
        g_assert_true (ids[i] >= 0 && (guint) ids[i] < moe_tokenizer_get_n_tokens (tokenizer));
      if (json_array_get_null_element (expected, s))
        continue;
      theirs = format_json_ids (json_array_get_array_element (expected, s));
      if (g_str_equal (ours, theirs))
        continue;
      n_wrong++;
      shown = g_strescape (bytes != NULL ? bytes : "", NULL);
      g_test_message ("%s, \"%s\": [%s], llama.cpp has [%s]", label, shown, ours, theirs);
    }
  g_assert_cmpuint (n_wrong, ==, 0);
}

/* What was encoded without special tokens decodes to the same bytes, as long as they are UTF-8; @prefix is
 * what the tokenizer puts in front. */
static void
check_round_trips (const MoeTokenizer *tokenizer,
                   const char         *prefix)
{
  JsonArray *strings = json_object_get_array_member (stored, "strings");

  for (guint s = 0; s < json_array_get_length (strings); s++)
    {
      g_autoptr (GBytes) text = parse_hex (json_array_get_string_element (strings, s));
      gsize length, n, n_decoded;
      const char *bytes = g_bytes_get_data (text, &length);
      g_autofree gint32 *ids = NULL;
      g_autofree char *decoded = NULL;
      g_autoptr (GString) expected = NULL;

      /* U+2581 is SentencePiece's own sign for a space, and the prefix is also added after a special
       * token. */
      if (length == 0 || !g_utf8_validate_len (bytes, length, NULL) ||
          strstr (bytes, "\xe2\x96\x81") != NULL ||
          strstr (bytes, "<tool>") != NULL)
        continue;
      ids = moe_tokenizer_encode (tokenizer, bytes, length, MOE_TOKENIZE_DEFAULT, &n);
      decoded = moe_tokenizer_decode (tokenizer, ids, n, TRUE, &n_decoded);
      expected = g_string_new (prefix);
      g_string_append_len (expected, bytes, (gssize) length);
      g_assert_cmpmem (decoded, n_decoded, expected->str, expected->len);
    }
}

static void
test_vocabulary (gconstpointer data)
{
  const char *name = data;
  JsonObject *vocabularies = json_object_get_object_member (stored, "vocabularies");
  JsonObject *expected = json_object_get_object_member (vocabularies, name);
  g_autoptr (MoeGguf) gguf = open_vocabulary (name);
  g_autoptr (GError) error = NULL;
  g_autoptr (MoeTokenizer) tokenizer = moe_tokenizer_new (gguf, &error);

  g_assert_no_error (error);
  g_assert_cmpint (moe_tokenizer_get_bos (tokenizer), ==, json_object_get_int_member (expected, "bos"));
  g_assert_cmpint (moe_tokenizer_get_eos (tokenizer), ==, json_object_get_int_member (expected, "eos"));
  g_assert_cmpint (moe_tokenizer_get_add_bos (tokenizer), ==,
                   json_object_get_boolean_member (expected, "add_bos"));
  check_strings (tokenizer, json_object_get_array_member (expected, "plain"), MOE_TOKENIZE_DEFAULT, "plain");
  check_strings (tokenizer, json_object_get_array_member (expected, "special"), MOE_TOKENIZE_PARSE_SPECIAL,
                 "special");
  check_strings (tokenizer, json_object_get_array_member (expected, "bos_special"),
                 MOE_TOKENIZE_ADD_BOS | MOE_TOKENIZE_PARSE_SPECIAL, "bos_special");
  check_round_trips (tokenizer, g_str_equal (name, "vocab-spm") ? " " : "");
}

static gboolean
is_thrown (JsonArray *thrown,
           guint      number)
{
  for (guint i = 0; i < json_array_get_length (thrown); i++)
    if (json_array_get_int_element (thrown, i) == number)
      return TRUE;
  return FALSE;
}

/* As "oracle hashes" computes it. */
static char *
hash_ids (const MoeTokenizer *tokenizer,
          JsonArray          *thrown,
          MoeTokenizeFlags    flags)
{
  JsonArray *strings = json_object_get_array_member (hashes, "strings");
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);

  for (guint s = 0; s < json_array_get_length (strings); s++)
    {
      g_autoptr (GBytes) text = parse_hex (json_array_get_string_element (strings, s));
      gsize length, n;
      const char *bytes = g_bytes_get_data (text, &length);
      g_autofree gint32 *ids = moe_tokenizer_encode (tokenizer, bytes != NULL ? bytes : "", length, flags,
                                                     &n);
      g_autofree char *line = format_ids (ids, n);

      if (is_thrown (thrown, s))
        continue;
      g_checksum_update (sum, (const guchar *) line, (gssize) strlen (line));
      g_checksum_update (sum, (const guchar *) "\n", 1);
    }
  return g_strdup (g_checksum_get_string (sum));
}

/* Every string, damaged ones too, comes back as moe_pretokenizer_clean() reads it. */
static void
check_all_round_trips (const MoeTokenizer *tokenizer,
                       gboolean            characters)
{
  JsonArray *strings = json_object_get_array_member (hashes, "strings");

  for (guint s = 0; s < json_array_get_length (strings); s++)
    {
      g_autoptr (GBytes) text = parse_hex (json_array_get_string_element (strings, s));
      gsize length, n, n_decoded;
      const char *bytes = g_bytes_get_data (text, &length);
      g_autoptr (GString) clean = moe_pretokenizer_clean (bytes != NULL ? bytes : "", length);
      g_autofree gint32 *ids = moe_tokenizer_encode (tokenizer, clean->str, length > 0 ? clean->len : 0,
                                                     MOE_TOKENIZE_DEFAULT, &n);
      g_autofree char *decoded = moe_tokenizer_decode (tokenizer, ids, n, TRUE, &n_decoded);

      /* These write a space as U+2581. */
      if (characters && g_strstr_len (clean->str, (gssize) clean->len, "\xe2\x96\x81") != NULL)
        continue;
      g_assert_cmpmem (decoded, n_decoded, clean->str, clean->len);
    }
}

static void
test_pre_tokenizer (gconstpointer data)
{
  const char *name = data;
  JsonObject *all = json_object_get_object_member (hashes, "vocabularies");
  g_autofree char *vocabulary = g_strconcat ("vocab-", name, NULL);
  g_autoptr (MoeGguf) gguf = open_vocabulary (vocabulary);
  g_autoptr (GError) error = NULL;
  g_autoptr (MoeTokenizer) tokenizer = moe_tokenizer_new (gguf, &error);
  g_autoptr (MoePretokenizer) pretokenizer = moe_pretokenizer_new (name, &error);
  g_autofree char *plain = NULL, *special = NULL;
  JsonObject *expected;
  JsonArray *thrown;

  g_assert_no_error (error);
  g_assert_true (json_object_has_member (all, name));
  expected = json_object_get_object_member (all, name);
  thrown = json_object_get_array_member (expected, "thrown");
  g_assert_cmpint (moe_tokenizer_get_add_bos (tokenizer), ==,
                   json_object_get_boolean_member (expected, "add_bos"));
  plain = hash_ids (tokenizer, thrown, MOE_TOKENIZE_DEFAULT);
  special = hash_ids (tokenizer, thrown, MOE_TOKENIZE_PARSE_SPECIAL);
  g_assert_cmpstr (plain, ==, json_object_get_string_member (expected, "plain"));
  g_assert_cmpstr (special, ==, json_object_get_string_member (expected, "special"));
  check_all_round_trips (tokenizer, moe_pretokenizer_merges_characters (pretokenizer));
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  g_autoptr (GList) names = NULL;
  g_autoptr (JsonParser) hash_parser = json_parser_new ();
  g_autofree char *hash_path = NULL;
  g_auto (GStrv) pre_tokenizers = moe_pretokenizer_list_names ();

  g_test_init (&argc, &argv, NULL);
  path = g_test_build_filename (G_TEST_DIST, "reference", "tokenizer.json", NULL);
  json_parser_load_from_file (parser, path, &error);
  g_assert_no_error (error);
  stored = json_node_get_object (json_parser_get_root (parser));

  names = json_object_get_members (json_object_get_object_member (stored, "vocabularies"));
  for (GList *l = names; l != NULL; l = l->next)
    {
      g_autofree char *test = g_strconcat ("/tokenizer-reference/", l->data, NULL);
      g_test_add_data_func (test, l->data, test_vocabulary);
    }

  hash_path = g_test_build_filename (G_TEST_DIST, "reference", "pre-tokenizers.json", NULL);
  json_parser_load_from_file (hash_parser, hash_path, &error);
  g_assert_no_error (error);
  hashes = json_node_get_object (json_parser_get_root (hash_parser));
  for (char **name = pre_tokenizers; *name != NULL; name++)
    {
      g_autofree char *test = g_strconcat ("/tokenizer-reference/pre/", *name, NULL);
      g_test_add_data_func (test, *name, test_pre_tokenizer);
    }
  return g_test_run ();
}
