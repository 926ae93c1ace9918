/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-value-scale"

#include <math.h>

#include "ui/moe-value-scale.h"

#define EPSILON 1e-9

static void
test_linear (void)
{
  static const double values[] = { 2, NAN, 4, INFINITY, 8 };
  g_auto(MoeValueScale) scale = { 0 };

  moe_value_scale_init (&scale, MOE_SCALE_LINEAR, FALSE, values, G_N_ELEMENTS (values));
  g_assert_cmpuint (scale.n_values, ==, 4);
  /* The range holds 0, so the colour is in proportion to the value. */
  g_assert_cmpfloat (moe_value_scale_map (&scale, 0), ==, 0);
  g_assert_cmpfloat_with_epsilon (moe_value_scale_map (&scale, 2), 0.25, EPSILON);
  g_assert_cmpfloat (moe_value_scale_map (&scale, 8), ==, 1);
  g_assert_cmpfloat (moe_value_scale_map (&scale, INFINITY), ==, 1);
  g_assert_true (isnan (moe_value_scale_map (&scale, NAN)));
}

static void
test_sqrt (void)
{
  static const double values[] = { 0, 4, 16 }, negative[] = { -9, 0, 1 };
  g_auto(MoeValueScale) scale = { 0 };
  g_auto(MoeValueScale) signed_scale = { 0 };

  moe_value_scale_init (&scale, MOE_SCALE_SQRT, FALSE, values, G_N_ELEMENTS (values));
  g_assert_cmpfloat_with_epsilon (moe_value_scale_map (&scale, 4), 0.5, EPSILON);
  moe_value_scale_init (&signed_scale, MOE_SCALE_SQRT, FALSE, negative, G_N_ELEMENTS (negative));
  g_assert_cmpfloat_with_epsilon (moe_value_scale_map (&signed_scale, 0), 0.75, EPSILON);
}

static void
test_log (void)
{
  static const double values[] = { 0.01, 1, 100 }, zeros[] = { 0, 0.01, 100, -3 };
  g_auto(MoeValueScale) scale = { 0 };
  g_auto(MoeValueScale) with_zero = { 0 };

  moe_value_scale_init (&scale, MOE_SCALE_LOG, FALSE, values, G_N_ELEMENTS (values));
  g_assert_false (scale.has_floor);
  g_assert_cmpfloat (moe_value_scale_map (&scale, 0.01), ==, 0);
  g_assert_cmpfloat_with_epsilon (moe_value_scale_map (&scale, 1), 0.5, EPSILON);
  g_assert_cmpfloat_with_epsilon (moe_value_scale_map (&scale, 10), 0.75, EPSILON);

  /* 0 has no logarithm but is a value: apart from the smallest, at the low end. */
  moe_value_scale_init (&with_zero, MOE_SCALE_LOG, FALSE, zeros, G_N_ELEMENTS (zeros));
  g_assert_true (with_zero.has_floor && with_zero.below_zero);
  g_assert_cmpfloat (moe_value_scale_map (&with_zero, 0), ==, 0);
  g_assert_cmpfloat (moe_value_scale_map (&with_zero, -3), ==, 0);
  g_assert_cmpfloat_with_epsilon (moe_value_scale_map (&with_zero, 0.01), MOE_VALUE_SCALE_FLOOR, EPSILON);
  g_assert_cmpfloat_with_epsilon (moe_value_scale_map (&with_zero, 100), 1, EPSILON);
}

/* Equal values get equal colours, the mean of their ranks. */
static void
test_rank (void)
{
  static const double values[] = { 5, 1, NAN, 3, 3, 1000 };
  g_auto(MoeValueScale) scale = { 0 };

  moe_value_scale_init (&scale, MOE_SCALE_RANK, FALSE, values, G_N_ELEMENTS (values));
  g_assert_cmpfloat (moe_value_scale_map (&scale, 1), ==, 0);
  g_assert_cmpfloat_with_epsilon (moe_value_scale_map (&scale, 3), 1.5 / 4, EPSILON);
  g_assert_cmpfloat_with_epsilon (moe_value_scale_map (&scale, 5), 0.75, EPSILON);
  g_assert_cmpfloat (moe_value_scale_map (&scale, 1000), ==, 1);
}

/* 0 in the middle and v as far from it as -v, in every scale. */
static void
test_diverging (void)
{
  static const double values[] = { -8, -2, 0, 0.5, 2, 4 };

  for (guint i = MOE_SCALE_LINEAR; i <= MOE_SCALE_RANK; i++)
    {
      g_auto(MoeValueScale) scale = { 0 };
      double last = -1;

      moe_value_scale_init (&scale, (MoeScale) i, TRUE, values, G_N_ELEMENTS (values));
      g_assert_cmpfloat (moe_value_scale_map (&scale, 0), ==, 0.5);
      g_assert_cmpfloat (moe_value_scale_map (&scale, -8), ==, 0);
      for (guint v = 0; v < G_N_ELEMENTS (values); v++)
        {
          double position = moe_value_scale_map (&scale, values[v]);

          g_assert_cmpfloat (position, >=, last);
          g_assert_cmpfloat_with_epsilon (position + moe_value_scale_map (&scale, -values[v]), 1, EPSILON);
          last = position;
        }
    }
}

static void
test_degenerate (void)
{
  static const double same[] = { 3, 3, 3 }, zeros[] = { 0, 0 }, missing[] = { NAN, NAN };

  for (guint i = MOE_SCALE_LINEAR; i <= MOE_SCALE_RANK; i++)
    for (guint diverging = 0; diverging < 2; diverging++)
      {
        g_auto(MoeValueScale) a = { 0 };
        g_auto(MoeValueScale) b = { 0 };
        g_auto(MoeValueScale) c = { 0 };
        g_autoptr(GArray) ticks_a = NULL;
        g_autoptr(GArray) ticks_b = NULL;
        g_autoptr(GArray) ticks_c = NULL;
        double position;

        moe_value_scale_init (&a, (MoeScale) i, diverging, same, G_N_ELEMENTS (same));
        position = moe_value_scale_map (&a, 3);
        g_assert_true (position >= 0 && position <= 1);
        moe_value_scale_init (&b, (MoeScale) i, diverging, zeros, G_N_ELEMENTS (zeros));
        position = moe_value_scale_map (&b, 0);
        g_assert_true (position >= 0 && position <= 1);
        moe_value_scale_init (&c, (MoeScale) i, diverging, missing, G_N_ELEMENTS (missing));
        g_assert_cmpuint (c.n_values, ==, 0);
        g_assert_true (isnan (moe_value_scale_map (&c, NAN)));

        ticks_a = moe_value_scale_get_ticks (&a, 6);
        ticks_b = moe_value_scale_get_ticks (&b, 6);
        ticks_c = moe_value_scale_get_ticks (&c, 6);
        g_assert_cmpuint (ticks_a->len, >, 0);
        g_assert_cmpuint (ticks_b->len, >, 0);
      }
}

static double
parse_label (const char *label)
{
  g_autofree char *plain = NULL;
  g_auto(GStrv) at_minus = g_strsplit (label, "\u2212", -1);

  if (g_str_has_prefix (label, "10\u207b\u00b2"))
    return 0.01;
  if (g_str_has_prefix (label, "\u221210\u207b\u00b2"))
    return -0.01;
  plain = g_strjoinv ("-", at_minus);
  return g_ascii_strtod (plain, NULL);
}

/* A label stands where the map puts its value, in order, and there are about as many as asked for. */
static void
test_ticks (void)
{
  double values[200];

  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    values[i] = 0.013 * (i + 1) * (i % 3 + 1) - 1.5;
  for (guint i = MOE_SCALE_LINEAR; i <= MOE_SCALE_LOG; i++)
    for (guint diverging = 0; diverging < 2; diverging++)
      for (guint wanted = 3; wanted < 12; wanted += 2)
        {
          g_auto(MoeValueScale) scale = { 0 };
          g_autoptr(GArray) ticks = NULL;

          moe_value_scale_init (&scale, (MoeScale) i, diverging, values, G_N_ELEMENTS (values));
          ticks = moe_value_scale_get_ticks (&scale, wanted);
          g_assert_cmpuint (ticks->len, >=, 2);
          g_assert_cmpuint (ticks->len, <=, 2 * wanted + 1);
          for (guint t = 0; t < ticks->len; t++)
            {
              const MoeScaleTick *tick = &g_array_index (ticks, MoeScaleTick, t);

              g_assert_cmpfloat (tick->position, >=, 0);
              g_assert_cmpfloat (tick->position, <=, 1);
              if (t > 0)
                g_assert_cmpfloat (tick->position - tick[-1].position, >=, 0.6 / wanted);
              if (!g_str_has_prefix (tick->label, "\u2264"))
                g_assert_cmpfloat_with_epsilon (moe_value_scale_map (&scale, parse_label (tick->label)),
                                                tick->position, 1e-6);
            }
        }
}

/* However short, a bar tells how much its colours span: 0.47 used to get a lone 0. */
static void
test_few_ticks (void)
{
  for (guint highest = 1; highest < 1000; highest += 7)
    for (guint diverging = 0; diverging < 2; diverging++)
      {
        double values[] = { 0, highest / 1000.0, diverging ? -0.001 : 0 };
        MoeValueScale scale;
        g_autoptr(GArray) ticks = NULL;

        moe_value_scale_init (&scale, MOE_SCALE_LINEAR, diverging, values, G_N_ELEMENTS (values));
        ticks = moe_value_scale_get_ticks (&scale, 2);
        g_assert_cmpuint (ticks->len, >=, diverging ? 3 : 2);
        moe_value_scale_clear (&scale);
      }
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/value-scale/linear", test_linear);
  g_test_add_func ("/value-scale/sqrt", test_sqrt);
  g_test_add_func ("/value-scale/log", test_log);
  g_test_add_func ("/value-scale/rank", test_rank);
  g_test_add_func ("/value-scale/diverging", test_diverging);
  g_test_add_func ("/value-scale/degenerate", test_degenerate);
  g_test_add_func ("/value-scale/ticks", test_ticks);
  g_test_add_func ("/value-scale/few-ticks", test_few_ticks);

  return g_test_run ();
}
