/* SPDX-License-Identifier: MIT */
#pragma once

#include "ui/moe-page.h"

G_BEGIN_DECLS

/* The layer x expert map of a recording, with the choice of what it shows. */
#define MOE_TYPE_ROUTING_PAGE (moe_routing_page_get_type ())
G_DECLARE_FINAL_TYPE (MoeRoutingPage, moe_routing_page, MOE, ROUTING_PAGE, MoePage)

G_END_DECLS
