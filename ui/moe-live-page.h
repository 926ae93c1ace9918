/* SPDX-License-Identifier: MIT */
#pragma once

#include "ui/moe-page.h"

G_BEGIN_DECLS

/* The conversation as it is generated, what the current token was chosen from, and the map of its experts. */
#define MOE_TYPE_LIVE_PAGE (moe_live_page_get_type ())
G_DECLARE_FINAL_TYPE (MoeLivePage, moe_live_page, MOE, LIVE_PAGE, MoePage)

G_END_DECLS
