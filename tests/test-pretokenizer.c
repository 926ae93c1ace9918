/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-pretokenizer"

#include <string.h>

#include "data/moe-error.h"
#include "probes/moe-pretokenizer.h"

/* The pieces of each text, worked out by hand from the published patterns; "|" stands between pieces, and no
 * text holds one. */
static const struct { const char *name, *text, *pieces; } splits[] = {
  { "qwen2", "I'm 1234 foo  bar\n\n x", "I|'m| |1|2|3|4| foo| | bar|\n\n| x" },
  { "qwen2", "we'LL  \n\t go!!\n", "we|'LL|  \n|\t| go|!!\n" },
  { "qwen2", "a.b $5 (x)", "a|.b| $|5| (|x|)" },
  { "qwen2", "tail   ", "tail|   " },
  /* A combining mark is no letter there, but may lead a word. */
  { "qwen2", "e\xcc\x81" "a", "e|\xcc\x81" "a" },
  { "qwen35", "e\xcc\x81" "a", "e\xcc\x81" "a" },
  { "deepseek-r1-qwen", "a12", "a|1|2" },
  { "gpt-2", "I'm 1234 foo  bar\n\n x", "I|'m| 1234| foo| | bar|\n\n| x" },
  { "gpt-2", "I'LL go...", "I|'|LL| go|..." },
  { "olmo", "x=1;  y", "x|=|1|;| | y" },
  { "mpt", "\tfoo", "\t|foo" },
  { "phi-2", "12 34", "12| 34" },
  { "llama-bpe", " I'LL 12345,\n\nx", " I|'LL| |123|45|,\n\n|x" },
  { "dbrx", "1234", "123|4" },
  { "smaug-bpe", "7777777", "777|777|7" },
  { "glm4", "a 1", "a| |1" },
  { "refact", "a123 b", "a|1|2|3| b" },
  { "falcon", "a`b 1234", "a|`|b| |123|4" },
  { "default", "x+y 12345", "x|+|y| |123|45" },
  { "gpt-4o", "HelloWORLD's don't 1234", "Hello|WORLD's| don't| |123|4" },
  { "gpt-4o", "a/b\n//\n/", "a|/b|\n|//\n/" },
  { "tekken", "HelloWORLD's 12", "Hello|WORLD|'s| |1|2" },
  { "deepseek-v3", "abc\xe4\xb8\xad\xe6\x96\x87" "1234\xe3\x81\xb2!x ?!",
    "abc|\xe4\xb8\xad\xe6\x96\x87|123|4|\xe3\x81\xb2|!x| ?!" },
  { "deepseek-coder", "a b1\n2", "a| b|1|\n|2" },
  /* A Georgian letter is none of the cased ones it knows, but in the ranges that the Chinese are in. */
  { "deepseek-llm", "a b12 !?c\n  \xe1\x83\x90\xd0\xb6 ",
    "a| b|12| !?|c|\n|  |\xe1\x83\x90|\xd0\xb6| " },
  { "bailingmoe", "a\n\nb 12", "a|\n\n|b| |1|2" },
  { "exaone-moe", "ab cd 1", "ab cd| |1" },
  { "seed-coder", "a!\n1", "a|!|\n|1" },
  { "minicpm5", "a1234", "a|123|4" },
  { "kimi-k2", "a\xe4\xb8\xad\xe6\x96\x87" "b's 1234", "a|\xe4\xb8\xad\xe6\x96\x87|b's| |123|4" },
  { "laguna", "a\n\n b", "a|\n\n| b" },
  /* Digits by three from the right of a run. */
  { "afmoe", "ab12345 1234567\xe0\xb9\x84x", "ab|12|345| |1|234|567|\xe0\xb9\x84|x" },
  { "afmoe", "123456", "123|456" },
  { "tiny_aya", "Ab's 1234!/\n", "Ab's| |1|234|!/\n" },
  { "cohere2moe", "12", "12" },
  { "youtu", "\xed\x95\x9c\xe3\x80\x82" "ab12", "\xed\x95\x9c|\xe3\x80\x82|ab|1|2" },
  { "spark2_5", "a!!\n1234", "a|!!|\n|1|2|3|4" },
  { "ufakzeka", "Ali'nin 12", "Ali|'nin| |1|2" },
  { "gemma4", "a b\n\nc", "a b|\n\n|c" },
  /* A letter of Unicode 15 (U+31350), a digit of Unicode 15 (U+1E4F0), and U+180E, which is no space. */
  { "qwen2", " \xf0\xb1\x8d\x90" "a", " \xf0\xb1\x8d\x90" "a" },
  { "llama-bpe", "\xf0\x9e\x93\xb0\xf0\x9e\x93\xb0\xf0\x9e\x93\xb0" "1",
    "\xf0\x9e\x93\xb0\xf0\x9e\x93\xb0\xf0\x9e\x93\xb0|1" },
  { "gpt-2", "!\xe1\xa0\x8e!", "!\xe1\xa0\x8e!" },
  /* An encoded surrogate passes as a symbol. */
  { "gpt-2", "!\xed\xa0\x80!", "!\xed\xa0\x80!" },
};

static void
test_splits (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (splits); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (MoePretokenizer) pretokenizer = moe_pretokenizer_new (splits[i].name, &error);
      g_autoptr (GString) pieces = g_string_new (NULL);
      g_autofree gsize *ends = NULL;
      g_autofree char *shown = NULL;
      gsize n, start = 0;

      g_assert_no_error (error);
      ends = moe_pretokenizer_split (pretokenizer, splits[i].text, strlen (splits[i].text), &n);
      for (gsize j = 0; j < n; j++)
        {
          g_assert_cmpuint (ends[j], >, start);
          if (j > 0)
            g_string_append_c (pieces, '|');
          g_string_append_len (pieces, splits[i].text + start, (gssize) (ends[j] - start));
          start = ends[j];
        }
      shown = g_strescape (splits[i].text, NULL);
      g_test_message ("%s: \"%s\"", splits[i].name, shown);
      g_assert_cmpstr (pieces->str, ==, splits[i].pieces);
    }
}

static void
test_unknown (void)
{
  static const char *const names[] = { "no-such", "", "superbpe", "viking", "bloom", "chameleon",
                                       "whitespace", "qwen", "gpt-2 olmo", "ol" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *quoted = g_strdup_printf ("\"%s\"", names[i]);

      g_assert_null (moe_pretokenizer_new (names[i], &error));
      g_assert_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED);
      g_assert_nonnull (strstr (error->message, quoted));
    }
}

/* Texts that make a careless matcher slow or run out of stack, in one megabyte each: all of it comes back. */
static void
test_long (void)
{
  static const char *const names[] = { "qwen2", "gpt-2", "llama-bpe", "gpt-4o", "tekken", "deepseek-v3",
                                       "exaone-moe",
                                       "deepseek-coder", "default", "afmoe", "cohere2moe", "gemma4" };
  static const char *const units[] = { "a", " ", "\n", "A", "!", "1", "a ", "e\xcc\x81", "\xe4\xb8\xad",
                                       "\xc3\x9f" };
  const gsize wanted = 1 << 18;

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (MoePretokenizer) pretokenizer = moe_pretokenizer_new (names[i], NULL);

      for (gsize j = 0; j < G_N_ELEMENTS (units); j++)
        {
          g_autoptr (GString) text = g_string_new (NULL);
          g_autofree gsize *ends = NULL;
          gsize n;

          while (text->len < wanted)
            g_string_append (text, units[j]);
          g_string_append (text, "x");
          ends = moe_pretokenizer_split (pretokenizer, text->str, text->len, &n);
          g_assert_cmpuint (n, >, 0);
          g_assert_cmpuint (ends[n - 1], ==, text->len);
          for (gsize k = 1; k < n; k++)
            g_assert_cmpuint (ends[k], >, ends[k - 1]);
        }
    }
}

static void
test_clean (void)
{
  static const struct { const char *dirty, *clean; } texts[] = {
    { "plain \xc3\xa9 \xf0\x9f\xa6\x99", "plain \xc3\xa9 \xf0\x9f\xa6\x99" },
    { "\xff", "\xef\xbf\xbd" },
    { "a\x80z", "a\xef\xbf\xbdz" },
    { "\xe4\xb8", "\xef\xbf\xbd\xef\xbf\xbd" },             /* a character cut short: each byte counts */
    { "\xe4\xb8" "a", "\xef\xbf\xbd\xef\xbf\xbd" "a" },
    { "\xc1\x81", "A" },                                    /* an over-long A */
    { "\xed\xa0\x80", "\xed\xa0\x80" },                     /* a surrogate stays */
    { "\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" }, /* beyond U+10FFFF */
  };

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GString) clean = moe_pretokenizer_clean (texts[i].dirty, strlen (texts[i].dirty));

      g_assert_cmpstr (clean->str, ==, texts[i].clean);
    }
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pretokenizer/splits", test_splits);
  g_test_add_func ("/pretokenizer/unknown", test_unknown);
  g_test_add_func ("/pretokenizer/long", test_long);
  g_test_add_func ("/pretokenizer/clean", test_clean);
  return g_test_run ();
}
