/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-window-pages"

#include "ui/moe-window-private.h"

#include "ui/moe-attention-page.h"
#include "ui/moe-compare-page.h"
#include "ui/moe-contrast-page.h"
#include "ui/moe-evaluate-page.h"
#include "ui/moe-experts-page.h"
#include "ui/moe-live-page.h"
#include "ui/moe-recording-page.h"
#include "ui/moe-routes-page.h"
#include "ui/moe-routing-page.h"
#include "ui/moe-sinks-page.h"
#include "ui/moe-super-experts-page.h"

void
moe_window_init_pages (MoeWindow *self)
{
  const GType types[] = {
    MOE_TYPE_LIVE_PAGE,
    MOE_TYPE_ROUTING_PAGE,
    MOE_TYPE_SUPER_EXPERTS_PAGE,
    MOE_TYPE_SINKS_PAGE,
    MOE_TYPE_CONTRAST_PAGE,
    MOE_TYPE_EXPERTS_PAGE,
    MOE_TYPE_ATTENTION_PAGE,
    MOE_TYPE_COMPARE_PAGE,
    MOE_TYPE_EVALUATE_PAGE,
    MOE_TYPE_ROUTES_PAGE,
    MOE_TYPE_RECORDING_PAGE,
  };

  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    {
      MoePage *page = g_object_new (types[i], NULL);

      moe_page_set_document (page, self->document);
      gtk_stack_add_titled (self->stack, GTK_WIDGET (page), moe_page_get_name (page),
                            moe_page_get_title (page));
      g_signal_connect_object (page, "export-changed", G_CALLBACK (moe_window_update_actions), self,
                               G_CONNECT_SWAPPED);
    }
}

MoePage *
moe_window_get_page (MoeWindow  *self,
                     const char *name)
{
  return (MoePage *) gtk_stack_get_child_by_name (self->stack, name);
}

MoePage *
moe_window_get_visible_page (MoeWindow *self)
{
  return (MoePage *) gtk_stack_get_visible_child (self->stack);
}

gboolean
moe_window_pages_are_busy (MoeWindow *self)
{
  for (GtkWidget *child = gtk_widget_get_first_child (GTK_WIDGET (self->stack)); child != NULL;
       child = gtk_widget_get_next_sibling (child))
    if (moe_page_is_busy (MOE_PAGE (child)))
      return TRUE;
  return FALSE;
}
