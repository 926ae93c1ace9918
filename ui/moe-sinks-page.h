/* SPDX-License-Identifier: MIT */
#pragma once

#include "ui/moe-page.h"

G_BEGIN_DECLS

/* How much attention goes to the first token, by layer and head, and what is left of it under the present
 * interventions.
 *
 * Options: view (heads, layers, change-heads, change-layers); epsilon and length, as on the command line;
 * compare (any value) runs the tokens again without and with the interventions. */
#define MOE_TYPE_SINKS_PAGE (moe_sinks_page_get_type ())
G_DECLARE_FINAL_TYPE (MoeSinksPage, moe_sinks_page, MOE, SINKS_PAGE, MoePage)

G_END_DECLS
