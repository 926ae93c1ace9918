/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-sampler"

#include "probes/moe-sampler.h"

#include <math.h>
#include <stdlib.h>

#include "data/moe-error.h"

struct _MoeSampler
{
  MoeSamplerOptions options;
  guint64           state[4];
  GArray           *candidates; /* MoeCandidate, scratch */
  GArray           *weights;    /* double, scratch */
};

/* SplitMix64 (Steele, Lea, Flood 2014), to fill the state from one seed. */
static guint64
split_mix (guint64 *state)
{
  guint64 z = *state += G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);

  z = (z ^ z >> 30) * G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * G_GUINT64_CONSTANT (0x94d049bb133111eb);

  return z ^ z >> 31;
}

static guint64
rotate (guint64 x,
        guint   bits)
{
  return x << bits | x >> (64 - bits);
}

/* xoshiro256** (Blackman, Vigna 2021). */
static guint64
next_random (guint64 *s)
{
  const guint64 result = rotate (s[1] * 5, 7) * 9;
  const guint64 t = s[1] << 17;

  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = rotate (s[3], 45);

  return result;
}

/* A damaged model's NaN is as good as impossible. */
static double
get_logit (const float *logits,
           guint        token)
{
  return isnan (logits[token]) ? -INFINITY : (double) logits[token];
}

static double
get_max (const float *logits,
         guint        vocabulary)
{
  double max = -INFINITY;

  for (guint i = 0; i < vocabulary; i++)
    max = MAX (max, get_logit (logits, i));

  return max;
}

/* exp (x - max), also where both are infinite. */
static double
get_weight (double logit,
            double max)
{
  return logit == max ? 1 : exp (logit - max);
}

/* Sum of exp (logit - max). */
static double
get_sum (const float *logits,
         guint        vocabulary,
         double       max)
{
  double sum = 0;

  for (guint i = 0; i < vocabulary; i++)
    sum += get_weight (get_logit (logits, i), max);

  return sum;
}

MoeSampler *
moe_sampler_new (const MoeSamplerOptions  *options,
                 GError                  **error)
{
  MoeSampler *self;
  guint64 seed;

  g_return_val_if_fail (options != NULL, NULL);

  if (!(options->temperature >= 0) || isinf (options->temperature))
    {
      g_set_error_literal (error, MOE_ERROR, MOE_ERROR_INVALID, "the temperature must be a number from 0 up");
      return NULL;
    }
  if (!(options->top_p > 0 && options->top_p <= 1))
    {
      g_set_error_literal (error, MOE_ERROR, MOE_ERROR_INVALID, "top_p must be above 0 and at most 1");
      return NULL;
    }

  self = g_new0 (MoeSampler, 1);
  self->options = *options;
  self->candidates = g_array_new (FALSE, FALSE, sizeof (MoeCandidate));
  self->weights = g_array_new (FALSE, FALSE, sizeof (double));
  seed = options->seed;
  for (guint i = 0; i < G_N_ELEMENTS (self->state); i++)
    self->state[i] = split_mix (&seed);

  return self;
}

void
moe_sampler_free (MoeSampler *self)
{
  if (self == NULL)
    return;

  g_array_unref (self->candidates);
  g_array_unref (self->weights);
  g_free (self);
}

static int
compare_candidates (gconstpointer a,
                    gconstpointer b)
{
  const MoeCandidate *x = a, *y = b;

  if (x->logit != y->logit)
    return x->logit > y->logit ? -1 : 1;

  return x->token < y->token ? -1 : x->token > y->token;
}

/* Puts the candidate at the root of a heap, the worst one on top, where it belongs. */
static void
sift_down (MoeCandidate *heap,
           guint         n)
{
  const MoeCandidate moved = heap[0];
  guint i = 0;

  while (2 * i + 1 < n)
    {
      guint child = 2 * i + 1;

      if (child + 1 < n && compare_candidates (&heap[child + 1], &heap[child]) > 0)
        child++;
      if (compare_candidates (&heap[child], &moved) <= 0)
        break;
      heap[i] = heap[child];
      i = child;
    }
  heap[i] = moved;
}

/* The @n best, descending, without their probabilities. @n is at most @vocabulary. */
static void
select_top (const float  *logits,
            guint         vocabulary,
            guint         n,
            MoeCandidate *candidates)
{
  guint filled = 0;

  for (guint i = 0; i < vocabulary; i++)
    {
      const MoeCandidate candidate = { (gint32) i, (float) get_logit (logits, i), 0 };

      if (filled < n)
        {
          candidates[filled++] = candidate;
          /* Descending order is a heap turned over: sorted once, then kept with the worst on top. */
          if (filled == n)
            {
              qsort (candidates, n, sizeof *candidates, compare_candidates);
              for (guint j = 0; j < n / 2; j++)
                {
                  const MoeCandidate swap = candidates[j];

                  candidates[j] = candidates[n - 1 - j];
                  candidates[n - 1 - j] = swap;
                }
            }
        }
      else if (compare_candidates (&candidate, &candidates[0]) < 0)
        {
          candidates[0] = candidate;
          sift_down (candidates, n);
        }
    }

  qsort (candidates, n, sizeof *candidates, compare_candidates);
}

static gint32
pick_greedy (const float *logits,
             guint        vocabulary)
{
  guint best = 0;

  for (guint i = 1; i < vocabulary; i++)
    {
      if (get_logit (logits, i) > get_logit (logits, best))
        best = i;
    }

  return (gint32) best;
}

/* Draws an index with probability in proportion to its weight. */
static guint
draw (MoeSampler   *self,
      const double *weights,
      guint         n,
      double        sum)
{
  const double uniform = (double) (next_random (self->state) >> 11) * 0x1p-53;
  double rest = uniform * sum;
  guint last = 0;

  for (guint i = 0; i < n; i++)
    {
      if (weights[i] <= 0)
        continue;
      last = i;
      rest -= weights[i];
      if (rest < 0)
        break;
    }

  return last;
}

gint32
moe_sampler_pick (MoeSampler  *self,
                  const float *logits,
                  guint        vocabulary)
{
  const MoeSamplerOptions *options = &self->options;
  const gboolean sorted = (options->top_k > 0 && options->top_k < vocabulary) || options->top_p < 1;
  MoeCandidate *candidates;
  double *weights;
  double max, sum = 0;
  guint n = vocabulary;

  g_return_val_if_fail (vocabulary > 0, 0);

  if (options->temperature == 0)
    return pick_greedy (logits, vocabulary);

  if (options->top_k > 0)
    n = MIN (n, options->top_k);
  g_array_set_size (self->weights, n);
  weights = (double *) self->weights->data;
  max = get_max (logits, vocabulary);

  if (!sorted)
    {
      for (guint i = 0; i < n; i++)
        {
          const double logit = get_logit (logits, i);

          weights[i] = logit == max ? 1 : exp ((logit - max) / options->temperature);
          sum += weights[i];
        }
      return (gint32) draw (self, weights, n, sum);
    }

  g_array_set_size (self->candidates, n);
  candidates = (MoeCandidate *) self->candidates->data;
  select_top (logits, vocabulary, n, candidates);

  for (guint i = 0; i < n; i++)
    {
      const double logit = candidates[i].logit;

      weights[i] = logit == max ? 1 : exp ((logit - max) / options->temperature);
      sum += weights[i];
    }

  /* The smallest set of the likeliest whose probabilities reach top_p. */
  if (options->top_p < 1)
    {
      const double wanted = options->top_p * sum;
      double reached = 0;
      guint kept = 0;

      while (kept < n && reached < wanted)
        reached += weights[kept++];
      n = MAX (kept, 1);
      sum = reached;
    }

  return candidates[draw (self, weights, n, sum)].token;
}

float
moe_logits_get_logprob (const float *logits,
                        guint        vocabulary,
                        gint32       token)
{
  double max, logit;

  g_return_val_if_fail (token >= 0 && (guint) token < vocabulary, -INFINITY);

  max = get_max (logits, vocabulary);
  logit = get_logit (logits, (guint) token);

  return (float) ((logit == max ? 0 : logit - max) - log (get_sum (logits, vocabulary, max)));
}

float
moe_logits_get_entropy (const float *logits,
                        guint        vocabulary)
{
  const double max = get_max (logits, vocabulary);
  const double sum = get_sum (logits, vocabulary, max);
  double mean = 0;

  /* H = log Z - E[logit - max]; a logit of weight 0 adds nothing. */
  for (guint i = 0; i < vocabulary; i++)
    {
      const double logit = get_logit (logits, i);
      const double weight = get_weight (logit, max);

      if (logit != max && weight > 0)
        mean += weight / sum * (logit - max);
    }

  return (float) MAX (log (sum) - mean, 0);
}

guint
moe_logits_get_top (const float  *logits,
                    guint         vocabulary,
                    guint         n,
                    MoeCandidate *candidates)
{
  const double max = get_max (logits, vocabulary);
  const double sum = get_sum (logits, vocabulary, max);

  n = MIN (n, vocabulary);
  if (n == 0)
    return 0;

  select_top (logits, vocabulary, n, candidates);
  for (guint i = 0; i < n; i++)
    candidates[i].probability = (float) (get_weight (candidates[i].logit, max) / sum);

  return n;
}
