/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-text"

#include "ui/moe-text.h"

#include <math.h>

static void
assert_text (char       *text,
             const char *expected)
{
  g_assert_cmpstr (text, ==, expected);
  g_free (text);
}

static void
test_count (void)
{
  assert_text (moe_text_count (0), "0");
  assert_text (moe_text_count (999), "999");
  assert_text (moe_text_count (3318), "3,318");
  assert_text (moe_text_count (1234567), "1,234,567");
  assert_text (moe_text_count (-999), "-999");
  assert_text (moe_text_count (-1000), "-1,000");
}

static void
test_number (void)
{
  assert_text (moe_text_number (0.312149), "0.3121");
  assert_text (moe_text_number (1890), "1890");
  assert_text (moe_text_number (NAN), "–");
  assert_text (moe_text_percent (0.1244), "12.4 %");
  assert_text (moe_text_percent (1), "100.0 %");
  assert_text (moe_text_percent (0), "0.0 %");
  /* Rare is not never. */
  assert_text (moe_text_percent (0.0000036), "0.00036 %");
  assert_text (moe_text_percent (NAN), "–");
}

static void
test_token (void)
{
  assert_text (moe_text_token (" the"), "“ the”");
  assert_text (moe_text_token ("\n\t"), "“\\n\\t”");
  assert_text (moe_text_token ("\x01é"), "“\\x01é”");
  assert_text (moe_text_token (""), "“”");
}

static void
test_sentence (void)
{
  assert_text (moe_text_sentence ("the prompt is empty"), "The prompt is empty.");
  assert_text (moe_text_sentence ("/tmp/a.gguf: no such file"), "/tmp/a.gguf: no such file.");
  assert_text (moe_text_sentence ("model.gguf: damaged"), "model.gguf: damaged.");
  assert_text (moe_text_sentence ("L3E17 cannot be forced"), "L3E17 cannot be forced.");
  assert_text (moe_text_sentence ("it is done."), "It is done.");
  assert_text (moe_text_sentence (""), "");
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/text/count", test_count);
  g_test_add_func ("/text/number", test_number);
  g_test_add_func ("/text/token", test_token);
  g_test_add_func ("/text/sentence", test_sentence);
  return g_test_run ();
}
