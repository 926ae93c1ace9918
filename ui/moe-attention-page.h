/* SPDX-License-Identifier: MIT */
#pragma once

#include "ui/moe-page.h"

G_BEGIN_DECLS

/* What each token of the conversation attends to in the selected head, or in the strongest sink while none is
 * selected. The tokens are run again for it, under the interventions that act.
 *
 * Options: head ("L5H0"). */
#define MOE_TYPE_ATTENTION_PAGE (moe_attention_page_get_type ())
G_DECLARE_FINAL_TYPE (MoeAttentionPage, moe_attention_page, MOE, ATTENTION_PAGE, MoePage)

G_END_DECLS
