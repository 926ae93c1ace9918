/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-super-experts.h"
#include "app/cli-source.h"
#include "ui/moe-causal-plot.h"

G_BEGIN_DECLS

/* --causal, --experts, --mode, --draws, --by-layer and --by-head of super-experts: the causal check. */
typedef struct
{
  gboolean  wanted;
  char     *experts;
  char     *mode;
  gint      draws;
  gboolean  by_layer;
  gboolean  by_head;
} MoeCliCausal;

void      moe_cli_causal_add   (MoeCliCausal        *self,
                                GOptionContext      *context);
/* FALSE after a message (wrong usage). */
gboolean  moe_cli_causal_check (const MoeCliCausal  *self,
                                const char          *command);
MoeCausalDetail moe_cli_causal_get_detail (const MoeCliCausal *self);
void      moe_cli_causal_clear (MoeCliCausal        *self);

/* Runs the prompts of the recording again on @model, without the masks it was made under. The candidates are
 * those of --experts, else the experts of @found above both thresholds. */
MoeTable *moe_cli_causal_run   (const MoeCliCausal  *self,
                                MoeCliSource        *source,
                                MoeModel            *model,
                                MoeSuperExperts     *found,
                                GError             **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MoeCliCausal, moe_cli_causal_clear)

G_END_DECLS
