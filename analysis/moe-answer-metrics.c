/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-answer-metrics"

#include "analysis/moe-answer-metrics.h"

#include <math.h>
#include <string.h>

#include "analysis/moe-resample.h"

#define GRAM 4

/* Of the draws of the intervals; see moe_resample_random(). */
#define BOOTSTRAP_STREAM 0x65766131u

static double
log_sum (const float *logits,
         guint        n)
{
  double max = -INFINITY, sum = 0;

  for (guint i = 0; i < n; i++)
    max = MAX (max, (double) logits[i]);
  for (guint i = 0; i < n; i++)
    sum += exp ((double) logits[i] - max);
  return max + log (sum);
}

double
moe_logits_get_kl (const float *p,
                   const float *q,
                   guint        vocabulary)
{
  double p_sum = log_sum (p, vocabulary), q_sum = log_sum (q, vocabulary), kl = 0;

  for (guint i = 0; i < vocabulary; i++)
    {
      double log_p = (double) p[i] - p_sum;

      kl += exp (log_p) * (log_p - ((double) q[i] - q_sum));
    }
  return MAX (kl, 0);
}

static guint
hash_gram (gconstpointer data)
{
  const gint32 *tokens = data;
  guint hash = 2166136261u;

  for (guint i = 0; i < GRAM; i++)
    hash = (hash ^ (guint) tokens[i]) * 16777619u;
  return hash;
}

static gboolean
equal_gram (gconstpointer a,
            gconstpointer b)
{
  return memcmp (a, b, GRAM * sizeof (gint32)) == 0;
}

double
moe_tokens_get_repetition (const gint32 *tokens,
                           gsize         n)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (hash_gram, equal_gram);

  if (n < GRAM)
    return NAN;
  for (gsize i = 0; i + GRAM <= n; i++)
    g_hash_table_add (seen, (gpointer) (tokens + i));
  return 1 - (double) g_hash_table_size (seen) / (double) (n - GRAM + 1);
}

gsize
moe_tokens_get_loop (const gint32 *tokens,
                     gsize         n)
{
  gsize longest = 0;

  for (gsize period = 1; period <= n / 2; period++)
    {
      gsize same = 0;

      for (gsize i = period; i < n; i++)
        {
          same = tokens[i] == tokens[i - period] ? same + 1 : 0;
          if (same >= period)
            longest = MAX (longest, same + period);
        }
    }
  return longest;
}

gssize
moe_tokens_get_divergence (const gint32 *a,
                           gsize         n_a,
                           const gint32 *b,
                           gsize         n_b)
{
  gsize n = MIN (n_a, n_b);

  for (gsize i = 0; i < n; i++)
    if (a[i] != b[i])
      return (gssize) i;
  return n_a == n_b ? -1 : (gssize) n;
}

/* Case folded, without spaces around it; @stop: and without a full stop at the end. */
static char *
tidy (const char *text,
      gboolean    stop)
{
  char *folded = g_strstrip (g_utf8_casefold (text, -1));
  gsize length = strlen (folded);

  if (stop && length > 0 && folded[length - 1] == '.')
    folded[length - 1] = '\0';
  return folded;
}

gboolean
moe_answer_is (const char *answer,
               const char *expected)
{
  g_autofree char *first = tidy (answer, TRUE);
  g_autofree char *second = tidy (expected, TRUE);

  return g_str_equal (first, second);
}

gboolean
moe_answer_contains (const char *answer,
                     const char *expected)
{
  g_autofree char *text = tidy (answer, FALSE);
  g_autofree char *wanted = tidy (expected, TRUE);
  gsize length = strlen (wanted);

  if (length == 0)
    return FALSE;
  for (const char *at = strstr (text, wanted); at != NULL; at = strstr (g_utf8_next_char (at), wanted))
    {
      const char *before = at > text ? g_utf8_find_prev_char (text, at) : NULL;

      if ((before == NULL || !g_unichar_isalnum (g_utf8_get_char (before))) &&
          !g_unichar_isalnum (g_utf8_get_char (at + length)))
        return TRUE;
    }
  return FALSE;
}

/* The standard normal deviate that a share of @confidence lies within; by bisection on erf. */
static double
normal_deviate (double confidence)
{
  double low = 0, high = 10;

  for (guint i = 0; i < 80; i++)
    {
      double middle = (low + high) / 2;

      if (erf (middle / G_SQRT2) < confidence)
        low = middle;
      else
        high = middle;
    }
  return low;
}

void
moe_interval_wilson (double  hits,
                     double  n,
                     double  confidence,
                     double *low,
                     double *high)
{
  double z = normal_deviate (confidence), p = hits / n;
  double centre = (p + z * z / (2 * n)) / (1 + z * z / n);
  double half = z / (1 + z * z / n) * sqrt (p * (1 - p) / n + z * z / (4 * n * n));

  *low = n > 0 ? MAX (centre - half, 0) : NAN;
  *high = n > 0 ? MIN (centre + half, 1) : NAN;
}

void
moe_interval_bootstrap (const double *values,
                        const double *weights,
                        guint         n,
                        guint         n_bootstrap,
                        double        confidence,
                        guint64       seed,
                        double       *low,
                        double       *high)
{
  g_autofree double *results = g_new (double, MAX (n_bootstrap, 1));
  g_autofree guint *labels = g_new0 (guint, MAX (n, 1)); /* all of one kind */
  g_autofree guint *times = g_new (guint, MAX (n, 1));
  GRand *random;

  *low = *high = NAN;
  if (n == 0 || n_bootstrap == 0)
    return;
  random = moe_resample_random (seed, BOOTSTRAP_STREAM);
  for (guint b = 0; b < n_bootstrap; b++)
    {
      double sum = 0, weight = 0;

      moe_resample_bootstrap (random, labels, n, times);
      for (guint i = 0; i < n; i++)
        {
          sum += times[i] * values[i];
          weight += times[i] * (weights != NULL ? weights[i] : 1);
        }
      results[b] = weight > 0 ? sum / weight : 0;
    }
  g_rand_free (random);
  *low = moe_resample_quantile (results, n_bootstrap, (1 - confidence) / 2);
  *high = moe_resample_quantile (results, n_bootstrap, (1 + confidence) / 2);
}
