/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-float-rows"

#include "probes/kernels/moe-float-rows.h"

#include <string.h>

gsize
moe_float_row_get_bytes (gsize n)
{
  return (n + MOE_FLOAT_ROW_STEP - 1) / MOE_FLOAT_ROW_STEP * MOE_FLOAT_ROW_STEP * sizeof (float);
}

void
moe_float_row_prepare (const float *x,
                       gsize        n,
                       void        *prepared)
{
  memcpy (prepared, x, n * sizeof (float));
  memset ((float *) prepared + n, 0, moe_float_row_get_bytes (n) - n * sizeof (float));
}
