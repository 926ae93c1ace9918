/* SPDX-License-Identifier: MIT */
#pragma once

#include "probes/moe-session.h"
#include "tests/support/moe-checkpoint.h"

G_BEGIN_DECLS

/* How to run a token sequence; { 0 } is all at once, all cores, F16 cache, the fastest kernels. */
typedef struct
{
  MoeKernelChoice  kernels;
  MoeCacheType     cache;
  guint            threads;
  gsize            split;      /* tokens per feed; 0 = all at once */
  gboolean         all_probes; /* every callback set, not only that for logits */
  MoeMask         *mask;       /* set before the first token, unless NULL */
  guint            context;    /* 0 = the model's */
} MoeLogitsRun;

/* Writes the checkpoint into a temporary folder and opens it. Any error ends the test program. */
MoeModel *moe_logits_run_open  (const MoeCheckpoint *checkpoint);
/* Drops the reference and deletes the file. */
void      moe_logits_run_close (MoeModel            *model);

/* Logits after every token: (n, vocabulary), transfer full. @chosen, unless NULL: filled with the experts of
 * all MoE layers, (MoE layers, n, k), transfer full. @session, unless NULL: the session after the run,
 * transfer full. */
float    *moe_logits_run      (MoeModel            *model,
                               const MoeLogitsRun  *run,
                               const gint32        *tokens,
                               gsize                n,
                               guint32            **chosen,
                               MoeSession         **session);

/* Everything that the reference values have. */
typedef struct
{
  float   *logits;   /* (n, vocabulary) */
  guint32 *chosen;   /* (MoE layers, n, k) */
  float   *weights;  /* (MoE layers, n, k) */
  float   *residual; /* (layers, n, width) after each layer */
} MoeLogitsResult;

/* As moe_logits_run(), into @result. */
void      moe_logits_run_all      (MoeModel            *model,
                                   const MoeLogitsRun  *run,
                                   const gint32        *tokens,
                                   gsize                n,
                                   MoeLogitsResult     *result,
                                   MoeSession         **session);
void      moe_logits_result_clear (MoeLogitsResult     *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MoeLogitsResult, moe_logits_result_clear)

G_END_DECLS
