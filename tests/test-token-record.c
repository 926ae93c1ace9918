/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-token-record"

#include "data/moe-token-record.h"

#include <math.h>
#include <string.h>

/* The definition of binary16, with no bit tricks. */
static double
half_value (guint16 half)
{
  int exponent = half >> 10 & 31;
  double fraction = half & 0x3ff;
  double value;

  if (exponent == 31)
    value = fraction == 0 ? INFINITY : NAN;
  else if (exponent == 0)
    value = ldexp (fraction, -24);
  else
    value = ldexp (1024 + fraction, exponent - 25);

  return half & 0x8000 ? -value : value;
}

static guint32
bits_of (float value)
{
  guint32 bits;

  memcpy (&bits, &value, sizeof bits);
  return bits;
}

static float
float_of (guint32 bits)
{
  float value;

  memcpy (&value, &bits, sizeof value);
  return value;
}

static void
test_all_halves (void)
{
  for (guint32 half = 0; half <= 0xffff; half++)
    {
      float value = moe_half_to_float ((guint16) half);
      double expected = half_value ((guint16) half);

      if (isnan (expected))
        {
          g_assert_true (isnan (value));
          g_assert_true (isnan (moe_half_to_float (moe_half_from_float (value))));
          g_assert_cmphex (bits_of (value) >> 31, ==, half >> 15);
        }
      else
        {
          g_assert_cmphex (bits_of (value), ==, bits_of ((float) expected));
          g_assert_cmphex (moe_half_from_float (value), ==, half);
        }
    }
}

/* Between each half and the next: the middle goes to the even one, all else to the nearer. */
static void
test_rounding (void)
{
  for (guint32 low = 0; low < 0x7c00; low++)
    {
      guint32 high = low + 1;
      /* What a half of unlimited range would have after the largest finite one. */
      double above = high == 0x7c00 ? 65536.0 : half_value ((guint16) high);
      float middle = (float) ((half_value ((guint16) low) + above) / 2);
      guint32 even = low % 2 == 0 ? low : high;

      g_assert_cmphex (moe_half_from_float (middle), ==, even);
      g_assert_cmphex (moe_half_from_float (-middle), ==, even | 0x8000);
      g_assert_cmphex (moe_half_from_float (nextafterf (middle, 0)), ==, low);
      g_assert_cmphex (moe_half_from_float (nextafterf (middle, INFINITY)), ==, high);
    }
}

static void
test_known_values (void)
{
  static const struct { guint32 bits; guint16 half; } known[] = {
    { 0x00000000, 0x0000 }, { 0x80000000, 0x8000 }, { 0x3f800000, 0x3c00 }, { 0xc0000000, 0xc000 },
    { 0x477fe000, 0x7bff }, /* 65504, the largest */
    { 0x477fefff, 0x7bff }, { 0x477ff000, 0x7c00 }, /* 65520 is the first that becomes infinity */
    { 0x7f7fffff, 0x7c00 }, { 0x7f800000, 0x7c00 }, { 0xff800000, 0xfc00 },
    { 0x38800000, 0x0400 }, /* 2^-14, the smallest normal */
    { 0x33800000, 0x0001 }, { 0x33000000, 0x0000 }, { 0x33000001, 0x0001 }, /* 2^-24 and half of it */
    { 0x00000001, 0x0000 }, { 0x807fffff, 0x8000 }, /* subnormal floats */
    { 0x3eaaaaab, 0x3555 }, /* 1/3 */
  };

  for (guint i = 0; i < G_N_ELEMENTS (known); i++)
    g_assert_cmphex (moe_half_from_float (float_of (known[i].bits)), ==, known[i].half);

  /* A NaN stays one even when its payload is in the bits that are cut off. */
  g_assert_cmphex (moe_half_from_float (float_of (0x7f800001)) & 0x7e00, ==, 0x7e00);
  g_assert_cmphex (moe_half_from_float (float_of (0xffc00000)), ==, 0xfe00);
}

typedef struct
{
  const char *name;
  gconstpointer data;
  gsize size;
} Span;

static void
check_record (gboolean has_shared)
{
  const guint m = 3, k = 2, l = 5, h = 7;
  g_autoptr (MoeTokenRecord) record = moe_token_record_new_full (m, k, l, h, has_shared, has_shared);
  const Span spans[] = {
    { "experts", record->experts, m * k * 2 }, { "weights", record->weights, m * k * 2 },
    { "down_max", record->down_max, m * k * 4 }, { "down_channel", record->down_channel, m * k * 2 },
    { "down_norm", record->down_norm, m * k * 2 }, { "moe_turn", record->moe_turn, m * 2 },
    { "router_entropy", record->router_entropy, m * 2 },
    { "residual_top", record->residual_top, l * 3 * 4 },
    { "residual_channel", record->residual_channel, l * 3 * 2 },
    { "residual_median", record->residual_median, l * 4 },
    { "attention_first", record->attention_first, l * h * 2 },
    { "attention_entropy", record->attention_entropy, l * h * 2 },
    { "shared_max", record->shared_max, m * 4 }, { "shared_channel", record->shared_channel, m * 2 },
    { "shared_norm", record->shared_norm, m * 2 }, { "attention_sink", record->attention_sink, l * h * 2 },
  };
  guint n_spans = has_shared ? G_N_ELEMENTS (spans) : G_N_ELEMENTS (spans) - 4;

  g_assert_cmpint (record->has_shared, ==, has_shared);
  g_assert_true (isnan (record->logprob));
  if (!has_shared)
    {
      g_assert_null (record->shared_max);
      g_assert_null (record->shared_channel);
      g_assert_null (record->shared_norm);
      g_assert_null (record->attention_sink);
    }

  for (guint i = 0; i < n_spans; i++)
    {
      const guint8 *bytes = spans[i].data;

      for (gsize b = 0; b < spans[i].size; b++)
        if (bytes[b] != 0)
          g_error ("%s is not zero", spans[i].name);
    }

  /* Each array keeps what is written to it when all others are written too. */
  for (guint i = 0; i < n_spans; i++)
    memset ((gpointer) spans[i].data, (int) i + 1, spans[i].size);
  for (guint i = 0; i < n_spans; i++)
    {
      const guint8 *bytes = spans[i].data;

      for (gsize b = 0; b < spans[i].size; b++)
        if (bytes[b] != i + 1)
          g_error ("%s overlaps another array", spans[i].name);
    }
  g_assert_cmpuint (record->n_layers, ==, l);
  g_assert_cmpuint (record->n_heads, ==, h);
}

static void
test_record (void)
{
  MoeTokenRecord *record = moe_token_record_new (0, 0, 0, 0, FALSE);

  g_assert_true (moe_token_record_ref (record) == record);
  moe_token_record_unref (record);
  moe_token_record_unref (record);
  moe_token_record_unref (NULL);

  check_record (FALSE);
  check_record (TRUE);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/token-record/all-halves", test_all_halves);
  g_test_add_func ("/token-record/rounding", test_rounding);
  g_test_add_func ("/token-record/known-values", test_known_values);
  g_test_add_func ("/token-record/record", test_record);
  return g_test_run ();
}
