/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-control-vector.h"
#include "data/moe-mask.h"
#include "probes/moe-kernels.h"
#include "probes/moe-model.h"
#include "probes/moe-probe.h"

G_BEGIN_DECLS

/* One timeline of one model: its KV cache and its position. Fed by one thread at a time; only
 * moe_session_set_mask() and moe_session_get_mask_hits() may be called from others meanwhile.
 *
 * The same model file, tokens, masks and kernels give the same bits, whatever the split into feeds, the
 * number of threads, and the probes. */
typedef struct _MoeSession MoeSession;

typedef enum
{
  MOE_CACHE_F16,
  MOE_CACHE_F32,
} MoeCacheType;

typedef struct
{
  guint           context;  /* tokens; 0 = the model's, at most 4096 */
  MoeCacheType    cache;
  MoeKernelChoice kernels;
  guint           threads;  /* 0 = all cores */
  MoeControlVector *control; /* not owned; see moe_session_set_control(). NULL for none */
} MoeSessionOptions;

/* Errors: MOE_ERROR_MISMATCH when the control vector does not fit;
 * MOE_ERROR_LIMIT when the KV cache does not fit in memory or @context exceeds 1,048,576. */
MoeSession  *moe_session_new           (MoeModel                 *model,
                                        const MoeSessionOptions  *options,
                                        GError                  **error);
void         moe_session_free          (MoeSession               *self);
MoeModel    *moe_session_get_model     (MoeSession               *self);
guint        moe_session_get_context   (MoeSession               *self);
/* Tokens fed so far. */
guint        moe_session_get_length    (MoeSession               *self);

/* Runs @n tokens. @phases (n), or NULL when all are MOE_PHASE_PROMPT; they decide which interventions act.
 * Errors: MOE_ERROR_LIMIT when the context would overflow (nothing is run), MOE_ERROR_INVALID for an id
 * outside the vocabulary, MOE_ERROR_IO when the model file changed; G_IO_ERROR_CANCELLED between
 * micro-batches (what was run stays). */
gboolean     moe_session_feed          (MoeSession               *self,
                                        const gint32             *tokens,
                                        const MoePhase           *phases,
                                        gsize                     n,
                                        GCancellable             *cancellable,
                                        GError                  **error);

/* Logits after the last token fed: (vocabulary), valid until the next feed. NULL before the first. Probes may
 * read them too: in `batch` they are still those after the token before, or NULL when these were not
 * computed; in `batch_end` those after the last token of the micro-batch, likewise. */
const float *moe_session_get_logits    (MoeSession               *self);

/* Back to the state after the first @length tokens; logits are gone until the next feed. */
void         moe_session_rewind        (MoeSession               *self,
                                        guint                     length);
/* A copy of the first @length tokens' state, with the same options and mask but no probes. */
MoeSession  *moe_session_fork          (MoeSession               *self,
                                        guint                     length,
                                        GError                  **error);

/* Takes effect with the next micro-batch, as a whole. Takes a reference. Refuses what moe_mask_validate()
 * and moe_mask_check_means() refuse. */
gboolean     moe_session_set_mask      (MoeSession               *self,
                                        MoeMask                  *mask,
                                        GError                  **error);
/* What is added to the residual stream after layers from the next feed on; NULL for nothing. Takes a
 * reference. Not while a feed is running. Errors: MOE_ERROR_MISMATCH. */
gboolean     moe_session_set_control   (MoeSession               *self,
                                        MoeControlVector         *control,
                                        GError                  **error);
/* Transfer full; NULL for none. */
MoeMask     *moe_session_get_mask      (MoeSession               *self);

/* How often intervention @index of the present mask changed a routing (token and layer in its scope whose
 * chosen set or weights differ because of it), and how many routings it looked at. */
void         moe_session_get_mask_hits (MoeSession               *self,
                                        guint                     index,
                                        guint64                  *changed,
                                        guint64                  *seen);

/* @probe and @user_data must outlive their stay. Not while a feed is running. */
void         moe_session_add_probe     (MoeSession               *self,
                                        const MoeProbe           *probe,
                                        gpointer                  user_data);
void         moe_session_remove_probe  (MoeSession               *self,
                                        const MoeProbe           *probe,
                                        gpointer                  user_data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeSession, moe_session_free)

G_END_DECLS
