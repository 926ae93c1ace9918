/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-span"

#include "analysis/moe-span.h"

#include "data/moe-error.h"

/* Which of "TTPPTtaAA" (template, prompt, thinking, forced, answer) a span chooses. */
static void
test_span (void)
{
  static const struct { const char *span, *chosen; } cases[] = {
    { "prompt", "..xx....." }, { "last", "....x...." }, { "last:3", "..xxx...." }, { "last:99", "xxxxx...." },
    { "answer", "......xxx" }, { "answer:2", "......xx." }, { "thinking", ".....x..." },
    { "thinking:1", ".....x..." }, { "target", "...xx...." }, { "all", "xxxxxxxxx" },
  };
  static const char * const wrong[] = { "", "last:", "last:0", "last:x", "prompt:3", "answers", "all:1",
                                        "last:9999999999" };
  const MoePhase phases[] = { MOE_PHASE_TEMPLATE, MOE_PHASE_TEMPLATE, MOE_PHASE_PROMPT, MOE_PHASE_PROMPT,
                              MOE_PHASE_TEMPLATE, MOE_PHASE_THINKING, MOE_PHASE_TEACHER_FORCED,
                              MOE_PHASE_ANSWER, MOE_PHASE_ANSWER };
  MoeSpan span;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      gboolean chosen[9];
      char text[10] = { 0 };
      g_autofree char *again = NULL;
      guint n = 0;

      g_assert_true (moe_span_parse (cases[i].span, &span, NULL));
      again = moe_span_format (&span);
      if (!g_str_equal (cases[i].span, "last:1"))
        g_assert_cmpstr (again, ==, cases[i].span);
      g_assert_cmpuint (moe_span_select (&span, phases, 9, 3, 5, chosen), >, 0);
      for (guint j = 0; j < 9; j++)
        text[j] = chosen[j] ? 'x' : '.';
      g_assert_cmpstr (text, ==, cases[i].chosen);
      /* Token by token, as it is generated. */
      for (guint j = 0; j < 9; j++)
        {
          if (j >= 5)
            g_assert_true (moe_span_takes_next (&span, n, phases[j]) == chosen[j]);
          n += chosen[j] ? 1 : 0;
        }
    }
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr(GError) error = NULL;

      g_assert_false (moe_span_parse (wrong[i], &span, &error));
      g_assert_error (error, MOE_ERROR, MOE_ERROR_INVALID);
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/span/tokens", test_span);
  return g_test_run ();
}
