/* SPDX-License-Identifier: MIT */
#pragma once

#include "ui/moe-page.h"

G_BEGIN_DECLS

/* All experts with every metric as rows that can be sorted and filtered, and the tokens that went through the
 * selected one. Options: filter, sort (a column; "-" before it for the largest first). */
#define MOE_TYPE_EXPERTS_PAGE (moe_experts_page_get_type ())
G_DECLARE_FINAL_TYPE (MoeExpertsPage, moe_experts_page, MOE, EXPERTS_PAGE, MoePage)

G_END_DECLS
