/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-expand-codebook"

#include "probes/kernels/moe-expand.h"

#include "probes/kernels/moe-codebook-formats.h"

typedef MoeCodebookGroup (*ReadFunc) (const guint8 *bytes,
                                      guint         g);

/* Blocks of @block_bytes that start with their half scale, of which @part is one step. */
static inline __attribute__ ((always_inline)) void
expand (ReadFunc      read,
        gsize         block_bytes,
        float         part,
        const guint8 *bytes,
        gsize         n,
        float        *x)
{
  for (gsize i = 0; i < n; i += MOE_QK, bytes += block_bytes)
    {
      guint16 d;

      memcpy (&d, bytes, sizeof d);
      for (guint g = 0; g < 8; g++)
        {
          MoeCodebookGroup group = read (bytes, g);
          float *out = x + i + 32 * g;

          for (guint j = 0; j < 32; j++)
            {
              float step = moe_half_to_float (d) * part * group.scales[j / 16];
              gint magnitude = (gint) (group.magnitudes[j / 8] >> j % 8 * 8 & 0xff);

              out[j] = step * (float) ((group.signs >> j & 1) != 0 ? -magnitude : magnitude);
            }
        }
    }
}

#define DEFINE_EXPAND(name, Block, part)                                                \
  void                                                                                  \
  moe_expand_##name (const void *w,                                                     \
                     gsize       n,                                                     \
                     float      *x)                                                     \
  {                                                                                     \
    expand (moe_##name##_read, sizeof (Block), part, w, n, x);                          \
  }

DEFINE_EXPAND (iq2_xxs, MoeBlockIq2Xxs, 0.125f)
DEFINE_EXPAND (iq2_xs, MoeBlockIq2Xs, 0.125f)
DEFINE_EXPAND (iq2_s, MoeBlockIq2S, 0.125f)
DEFINE_EXPAND (iq3_xxs, MoeBlockIq3Xxs, 0.25f)
DEFINE_EXPAND (iq3_s, MoeBlockIq3S, 1.f)
