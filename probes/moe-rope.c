/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-rope"

#include "probes/moe-rope.h"

#include <math.h>

#include "probes/moe-forward.h"

/* YaRN, equation 22, with the multiplier that DeepSeek's models put before the logarithm. */
static float
get_temperature (float factor,
                 float multiplier)
{
  return factor <= 1 ? 1 : 0.1f * multiplier * logf (factor) + 1;
}

float
moe_rope_get_magnitude (const MoeRopeScaling *rope)
{
  if (rope->angle_scale != 0)
    return rope->angle_scale;
  if (rope->kind != MOE_ROPE_YARN || rope->log_multiplier != 0)
    return rope->magnitude;
  return rope->magnitude * get_temperature (rope->factor, 1);
}

float
moe_rope_get_score_scale (const MoeRopeScaling *rope)
{
  float temperature;

  if (rope->kind != MOE_ROPE_YARN)
    return 1;
  if (rope->score_scale != 0)
    return rope->score_scale;
  temperature = moe_rope_get_magnitude (rope) * get_temperature (rope->factor, rope->log_multiplier);
  return temperature * temperature;
}

/* The pair, as a fraction, that turns @turns times in the original context. */
static double
find_pair (const MoeRopeScaling *rope,
           float                 base,
           guint                 dims,
           float                 turns)
{
  return dims * log (rope->original_context / (turns * 2 * G_PI)) / (2 * log (base));
}

void
moe_rope_get_frequencies (const MoeRopeScaling *rope,
                          float                 base,
                          guint                 dims,
                          const float          *factors,
                          double               *frequencies)
{
  gboolean yarn = rope->kind == MOE_ROPE_YARN;
  double low = yarn ? find_pair (rope, base, dims, rope->beta_fast) : 0;
  double high = yarn ? find_pair (rope, base, dims, rope->beta_slow) : 0;

  low = MAX (0, rope->fractions ? low : floor (low));
  high = MIN (dims - 1.0, rope->fractions ? high : ceil (high));

  for (guint i = 0; i < dims / 2; i++)
    {
      double kept = yarn ? 1 - CLAMP ((i - low) / MAX (0.001, high - low), 0, 1) : 0;

      frequencies[i] = pow (base, -2.0 * i / dims) / (factors != NULL ? (double) factors[i] : 1) *
                       (kept + (1 - kept) / (double) rope->factor);
    }
}

static void
fill_angles (const MoeProbeBatch *batch,
             const double        *frequencies, /* (half) */
             guint                half,
             float                magnitude,
             float               *angles)      /* (n, half, 2) */
{
  for (guint t = 0; t < batch->n; t++)
    for (guint i = 0; i < half; i++)
      {
        double angle = (double) (batch->first + t) * frequencies[i];
        float *pair = angles + ((gsize) t * half + i) * 2;

        pair[0] = (float) cos (angle) * magnitude;
        pair[1] = (float) sin (angle) * magnitude;
      }
}

void
moe_rope_prepare (MoeForward          *self,
                  const MoeProbeBatch *batch)
{
  float magnitude = moe_rope_get_magnitude (&self->h->rope);

  fill_angles (batch, self->frequencies, self->h->rope_dims / 2, magnitude, self->angles);
  if (self->window_frequencies != NULL)
    fill_angles (batch, self->window_frequencies, self->h->window_rope_dims / 2, magnitude,
                 self->window_angles);
}

void
moe_rope_rotate (MoeRopeKind  kind,
                 guint        dims,
                 const float *angles,
                 float       *x)
{
  guint half = dims / 2;
  gboolean pairs = kind == MOE_ROPE_PAIRS;

  for (guint i = 0; i < half; i++)
    {
      float *a = pairs ? &x[2 * i] : &x[i];
      float *b = pairs ? &x[2 * i + 1] : &x[i + half];
      float c = angles[2 * i], s = angles[2 * i + 1], x0 = *a, x1 = *b;

      *a = x0 * c - x1 * s;
      *b = x0 * s + x1 * c;
    }
}
