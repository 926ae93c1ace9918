/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The codebooks of ggml's IQ2 and IQ3 formats: magnitudes of eight neighbouring values (IQ2) or four (IQ3), a
 * byte each, the first in the lowest. A block stores an index for them, and their signs apart. */
extern const guint64 moe_codebook_iq2_xxs[256];
extern const guint64 moe_codebook_iq2_xs[512];
extern const guint64 moe_codebook_iq2_s[1024];
extern const guint32 moe_codebook_iq3_xxs[256];
extern const guint32 moe_codebook_iq3_s[512];

G_END_DECLS
