/* SPDX-License-Identifier: MIT */
#pragma once

#include "ui/moe-page.h"

G_BEGIN_DECLS

/* What the present interventions do to the answers of whole prompt sets, beside their controls. Options:
 * prompts, harmless (paths), limit, max-tokens, random, reversed (yes or no), picture; run = "yes" runs. */
#define MOE_TYPE_EVALUATE_PAGE (moe_evaluate_page_get_type ())
G_DECLARE_FINAL_TYPE (MoeEvaluatePage, moe_evaluate_page, MOE, EVALUATE_PAGE, MoePage)

G_END_DECLS
