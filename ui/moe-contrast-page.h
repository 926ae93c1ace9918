/* SPDX-License-Identifier: MIT */
#pragma once

#include "ui/moe-page.h"

G_BEGIN_DECLS

/* Which experts tell two sets of prompts apart: map, shares, ranking with controls, and a mask of the first
 * ones. Options: a, b (paths), score, span, order, picture, limit, permutations, disable-top, mode; run =
 * "yes" runs. */
#define MOE_TYPE_CONTRAST_PAGE (moe_contrast_page_get_type ())
G_DECLARE_FINAL_TYPE (MoeContrastPage, moe_contrast_page, MOE, CONTRAST_PAGE, MoePage)

G_END_DECLS
