/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* gate[i] = gelu (gate[i]) * up[i], with the approximation by tanh (arXiv 1606.08415, section 2) of half
 * precision: argument and result are rounded to halves, as llama.cpp does, which looks results up in a table.
 * An error of 3e-4 of the value, a tenth of that of weights in BF16; without it nothing would agree with
 * llama.cpp to better than that. */
void moe_gelu_mul (float       *gate,
                   const float *up,
                   gsize        n);

G_END_DECLS
