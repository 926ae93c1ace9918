/* SPDX-License-Identifier: MIT */
#pragma once

#include "ui/moe-page.h"

G_BEGIN_DECLS

/* A plain and a steered answer to one prompt, token by token. Options: prompt, max-tokens, picture; fork = a
 * position steers only from there; run = "yes" runs. */
#define MOE_TYPE_COMPARE_PAGE (moe_compare_page_get_type ())
G_DECLARE_FINAL_TYPE (MoeComparePage, moe_compare_page, MOE, COMPARE_PAGE, MoePage)

G_END_DECLS
