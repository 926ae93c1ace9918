/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-ticks"

#include <locale.h>
#include <math.h>

#include "ui/moe-ticks.h"

/* What the paper's figure 1 and a search by hand over the same scores give. */
static void
test_extended (void)
{
  static const struct
  {
    double low, high;
    guint  wanted;
    double first, step;
    guint  count;
  } cases[] = {
    { 8.1, 14.1, 4, 8, 2, 4 },
    { 0, 127, 6, 0, 25, 6 },
    { -98, 18, 3, -100, 50, 3 },
    { 0, 1, 5, 0, 0.25, 5 },
    { 0, 61, 8, 0, 10, 7 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      MoeTicks ticks;

      g_assert_true (moe_ticks_extended (cases[i].low, cases[i].high, cases[i].wanted, &ticks));
      g_assert_cmpfloat_with_epsilon (ticks.first, cases[i].first, 1e-9);
      g_assert_cmpfloat_with_epsilon (ticks.step, cases[i].step, 1e-9);
      g_assert_cmpuint (ticks.count, ==, cases[i].count);
    }
}

/* The labelling does not depend on the unit of the axis. */
static void
test_scale_invariance (void)
{
  for (int power = -200; power <= 200; power += 25)
    {
      double unit = pow (10, power);
      MoeTicks ticks;

      g_assert_true (moe_ticks_extended (8.1 * unit, 14.1 * unit, 4, &ticks));
      g_assert_cmpfloat_with_epsilon (ticks.first / unit, 8, 1e-6);
      g_assert_cmpfloat_with_epsilon (ticks.step / unit, 2, 1e-6);
      g_assert_cmpuint (ticks.count, ==, 4);
    }
}

static void
test_impossible (void)
{
  MoeTicks ticks;

  g_assert_false (moe_ticks_extended (1, 1, 5, &ticks));
  g_assert_cmpuint (ticks.count, ==, 0);
  g_assert_false (moe_ticks_extended (2, 1, 5, &ticks));
  g_assert_false (moe_ticks_extended (0, 1, 1, &ticks));
  g_assert_false (moe_ticks_extended (NAN, 1, 5, &ticks));
  g_assert_false (moe_ticks_extended (0, INFINITY, 5, &ticks));
  g_assert_false (moe_ticks_extended (-G_MAXDOUBLE, G_MAXDOUBLE, 5, &ticks));
  /* Too close for doubles of this size: must end instead of searching on. */
  g_assert_false (moe_ticks_extended (1e9, 1e9 + 1e-7, 5, &ticks));
  g_assert_false (moe_ticks_extended (0, 5e-324, 5, &ticks));
}

static void
test_integer (void)
{
  static const struct
  {
    gint64 low, high;
    guint  wanted;
  } cases[] = { { 0, 127, 6 }, { 1, 61, 8 }, { 0, 255, 12 }, { 0, 3, 10 },
                { 3, 3, 4 },   { -7, 9, 3 }, { 0, 511, 2 } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      MoeTicks ticks;
      double last;

      g_assert_true (moe_ticks_integer (cases[i].low, cases[i].high, cases[i].wanted, &ticks));
      last = ticks.first + (ticks.count - 1) * ticks.step;
      g_assert_cmpuint (ticks.count, >=, 1);
      g_assert_cmpfloat (ticks.first, ==, floor (ticks.first));
      g_assert_cmpfloat (ticks.step, ==, floor (ticks.step));
      g_assert_cmpfloat (ticks.step, >=, 1);
      g_assert_cmpfloat (ticks.first, >=, (double) cases[i].low);
      g_assert_cmpfloat (last, <=, (double) cases[i].high);
      /* No further one would have fitted. */
      g_assert_cmpfloat (last + ticks.step, >, (double) cases[i].high);
      g_assert_cmpuint (ticks.count, <=, 2 * cases[i].wanted + 1);
    }
}

static void
check_format (double      value,
              guint       decimals,
              const char *expected)
{
  g_autofree char *text = moe_ticks_format (value, decimals);

  g_assert_cmpstr (text, ==, expected);
}

static void
check_significant (double      value,
                   guint       digits,
                   const char *expected)
{
  g_autofree char *text = moe_ticks_format_significant (value, digits);

  g_assert_cmpstr (text, ==, expected);
}

static void
test_format (void)
{
  g_assert_cmpuint (moe_ticks_get_decimals (0.25), ==, 2);
  g_assert_cmpuint (moe_ticks_get_decimals (2.5), ==, 1);
  g_assert_cmpuint (moe_ticks_get_decimals (50), ==, 0);
  g_assert_cmpuint (moe_ticks_get_decimals (0.003), ==, 3);

  check_format (0.5, 2, "0.50");
  check_format (-0.001, 2, "0.00");
  check_format (-1.5, 1, "\u22121.5");
  check_format (1234, 0, "1234");
  check_format (1234567, 0, "1,234,567");
  check_format (1e9, 0, "10\u2079");
  check_format (NAN, 2, "");
  check_significant (0, 3, "0");
  check_significant (0.125, 2, "0.12");
  check_significant (94.5, 3, "94.5");
  check_significant (0.5, 3, "0.5");
  check_significant (0.00068, 2, "6.8e\u22124");
  check_significant (-0.00001, 2, "\u221210\u207b\u2075");
  check_significant (12345678, 3, "1.23e7");
}

/* A comma for the decimal point would make plots differ between people. */
static void
test_locale (void)
{
  g_autofree char *before = g_strdup (setlocale (LC_NUMERIC, NULL));

  if (setlocale (LC_NUMERIC, "de_DE.UTF-8") == NULL)
    {
      g_test_skip ("no locale with a decimal comma");
      return;
    }
  check_format (0.5, 2, "0.50");
  check_significant (1.25, 3, "1.25");
  setlocale (LC_NUMERIC, before);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/ticks/extended", test_extended);
  g_test_add_func ("/ticks/scale-invariance", test_scale_invariance);
  g_test_add_func ("/ticks/impossible", test_impossible);
  g_test_add_func ("/ticks/integer", test_integer);
  g_test_add_func ("/ticks/format", test_format);
  g_test_add_func ("/ticks/locale", test_locale);

  return g_test_run ();
}
