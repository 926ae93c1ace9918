/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-gelu"

#include "probes/moe-gelu.h"

#include <math.h>

#include "data/moe-token-record.h"

/* From here on gelu (x) is x or 0 to the last digit of a half. */
#define SATURATED 10.0f

#define SQRT_2_OVER_PI 0.79788456080286535587989211986876f

static float
get_gelu (float x)
{
  float half;

  if (x <= -SATURATED)
    return 0;
  if (x >= SATURATED)
    return x;
  half = moe_half_to_float (moe_half_from_float (x));
  half = 0.5f * half * (1 + tanhf (SQRT_2_OVER_PI * half * (1 + 0.044715f * half * half)));
  return moe_half_to_float (moe_half_from_float (half));
}

void
moe_gelu_mul (float       *gate,
              const float *up,
              gsize        n)
{
  for (gsize i = 0; i < n; i++)
    gate[i] = get_gelu (gate[i]) * up[i];
}
