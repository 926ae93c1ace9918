/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Picking the next token from logits. Order: top-k, softmax at the temperature, top-p, draw. */
typedef struct
{
  float   temperature; /* 0 = greedy (ties: the lower id) */
  float   top_p;       /* 1 = off */
  guint   top_k;       /* 0 = off */
  guint64 seed;
} MoeSamplerOptions;

typedef struct _MoeSampler MoeSampler;

/* Errors: MOE_ERROR_INVALID (a negative temperature, top_p outside (0, 1]). */
MoeSampler *moe_sampler_new    (const MoeSamplerOptions  *options,
                                GError                  **error);
void        moe_sampler_free   (MoeSampler               *self);
/* @logits: (vocabulary). The same seed and logits give the same tokens on every machine. */
gint32      moe_sampler_pick   (MoeSampler               *self,
                                const float              *logits,
                                guint                     vocabulary);

/* Natural log of the softmax probability of @token, and the entropy of the softmax in nats; @logits:
 * (vocabulary). */
float       moe_logits_get_logprob (const float          *logits,
                                    guint                 vocabulary,
                                    gint32                token);
float       moe_logits_get_entropy (const float          *logits,
                                    guint                 vocabulary);

typedef struct
{
  gint32 token;
  float  logit;
  float  probability; /* softmax over the whole vocabulary, no temperature */
} MoeCandidate;

/* The @n likeliest tokens, descending (ties: the lower id), into @candidates (n). Returns how many. */
guint       moe_logits_get_top     (const float          *logits,
                                    guint                 vocabulary,
                                    guint                 n,
                                    MoeCandidate         *candidates);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeSampler, moe_sampler_free)

G_END_DECLS
