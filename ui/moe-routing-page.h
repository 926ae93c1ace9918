/* SPDX-License-Identifier: MIT */
#pragma once

#include <gtk/gtk.h>

#include "ui/moe-document.h"
#include "ui/moe-routing-plot.h"

G_BEGIN_DECLS

/* The layer x expert map of a recording, with the choice of what it shows. */
#define MOE_TYPE_ROUTING_PAGE (moe_routing_page_get_type ())
G_DECLARE_FINAL_TYPE (MoeRoutingPage, moe_routing_page, MOE, ROUTING_PAGE, GtkWidget)

void                         moe_routing_page_set_document (MoeRoutingPage              *self,
                                                            MoeDocument                 *document);
/* The phases are the document's. */
void                         moe_routing_page_get_options  (MoeRoutingPage              *self,
                                                            MoeRoutingPlotOptions       *options);
void                         moe_routing_page_set_options  (MoeRoutingPage              *self,
                                                            const MoeRoutingPlotOptions *options);
void                         moe_routing_page_reset_zoom   (MoeRoutingPage              *self);

/* Names of colour maps as moe_color_map_parse() takes them; the sequential ones come first. */
const char *const           *moe_routing_page_color_maps   (void);

G_END_DECLS
