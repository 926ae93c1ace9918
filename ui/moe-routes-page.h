/* SPDX-License-Identifier: MIT */
#pragma once

#include "ui/moe-page.h"

G_BEGIN_DECLS

/* Which experts are chosen together, one after the other and over time, and what follows from that for
 * caches, devices and tiles. A layer that is selected elsewhere is the one shown here. Options, as on the
 * command line: metric, layer ("all" where there is that), segment, pairs, value, color-scale. */
#define MOE_TYPE_ROUTES_PAGE (moe_routes_page_get_type ())
G_DECLARE_FINAL_TYPE (MoeRoutesPage, moe_routes_page, MOE, ROUTES_PAGE, MoePage)

G_END_DECLS
