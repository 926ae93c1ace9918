/* SPDX-License-Identifier: MIT */
#pragma once

#include "probes/moe-arch.h"

G_BEGIN_DECLS

/* What the files that read a model's numbers share. */

/* A bound far above any published model; it keeps products of shapes inside 64 bits. */
#define MOE_MAX_CONTEXT (1u << 30)

/* A key that was not read: an error of its own (taken) wins, then being required and absent. */
gboolean moe_hparams_accept_missing (MoeGguf        *gguf,
                                     const char     *key,
                                     gboolean        required,
                                     GError         *read_error,
                                     GError        **error);

/* Read "ARCH.KEY" with bounds. A missing key leaves the value when @required is FALSE. */
gboolean moe_hparams_read_uint      (MoeGguf        *gguf,
                                     const MoeArch  *arch,
                                     const char     *key,
                                     gboolean        required,
                                     guint32         minimum,
                                     guint32         maximum,
                                     guint32        *value,
                                     GError        **error);
gboolean moe_hparams_read_float     (MoeGguf        *gguf,
                                     const MoeArch  *arch,
                                     const char     *key,
                                     gboolean        required,
                                     float           minimum,
                                     float           maximum,
                                     float          *value,
                                     GError        **error);

/* The numbers of "ARCH.KEY", one for each of @n stored layers; NULL when the key is absent, or a single
 * number, or wrong (then @error is set). */
gint32  *moe_hparams_read_array     (MoeGguf        *gguf,
                                     const MoeArch  *arch,
                                     const char     *key,
                                     guint32         n,
                                     GError        **error);
/* As moe_hparams_read_uint(), where the key may hold an array of one number for each stored layer. These must
 * be equal. */
gboolean moe_hparams_read_equal     (MoeGguf          *gguf,
                                     const MoeArch    *arch,
                                     const char       *key,
                                     gboolean          required,
                                     guint32           minimum,
                                     guint32           maximum,
                                     const MoeHparams *h,
                                     guint32          *value,
                                     GError          **error);
/* block_count, and which of the layers are run and have experts. */
gboolean moe_hparams_read_layers    (MoeGguf        *gguf,
                                     const MoeArch  *arch,
                                     MoeHparams     *h,
                                     GError        **error);

/* Heads, windows, RoPE, latent attention and convolutions; h->n_layers, width and context are set. */
gboolean moe_hparams_read_attention (MoeGguf        *gguf,
                                     const MoeArch  *arch,
                                     MoeHparams     *h,
                                     GError        **error);

G_END_DECLS
