/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-tokenizer-reference"

/* Token ids against llama.cpp's; see tests/reference/README.md. */

#include <string.h>

#include <glib/gstdio.h>
#include <json-glib/json-glib.h>

#include "probes/moe-tokenizer.h"
#include "tests/support/moe-checkpoint.h"

static JsonObject *stored; /* tests/reference/tokenizer.json */

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

int
main (int    argc,
      char **argv)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  g_autoptr (GList) names = NULL;

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
  return g_test_run ();
}
