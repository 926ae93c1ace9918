/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-token-text"

#include <string.h>

#include "ui/moe-token-text.h"

static void
test_visible (void)
{
  static const char *const cases[][2] = {
    { " bread", " bread" },
    { "\n", "\u21b5" },
    { "\n\n", "\u21b5\u21b5" },
    { "\t", "\u21e5" },
    { " ", "\u2423" },
    { "  ", "\u2423\u2423" },
    { "", "\u2205" },
    { "\x1b[2J", "\u241b[2J" },
    { "\x7f", "\u2421" },
    { "\xe2\x80", "\ufffd" },
    { "<|im_end|>", "<|im_end|>" },
    { "\u0301", "\u25cc\u0301" },
    { "e\u0301", "e\u0301" },
    { "\u2028", "\u21b5" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = moe_token_text_make_visible (cases[i][0]);

      if (i == 9)
        /* One or two replacement characters, as GLib pleases. */
        g_assert_true (g_str_has_prefix (text, cases[i][1]));
      else
        g_assert_cmpstr (text, ==, cases[i][1]);
    }
}

static void
test_long (void)
{
  g_autofree char *text = g_strnfill (100000, 'x');
  g_autofree char *visible = moe_token_text_make_visible (text);

  g_assert_true (g_str_has_suffix (visible, "x\u2026"));
  g_assert_cmpint (g_utf8_strlen (visible, -1), <, 100);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/token-text/visible", test_visible);
  g_test_add_func ("/token-text/long", test_long);

  return g_test_run ();
}
