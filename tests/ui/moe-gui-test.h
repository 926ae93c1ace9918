/* SPDX-License-Identifier: MIT */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* What tests of widgets share. Gestures are driven by emitting the signals of the widget's controllers, so no
 * pointer is needed. */

/* Presents @child in a new window of that size and waits until it has been drawn. */
GtkWidget          *moe_gui_test_show            (GtkWidget   *child,
                                                  int          width,
                                                  int          height);
/* Closes it and waits until it is gone. */
void                moe_gui_test_close           (GtkWidget   *window);
/* Lets @n_frames be drawn. */
void                moe_gui_test_wait_frames     (GtkWidget   *widget,
                                                  guint        n_frames);
/* Runs the main loop until @done (@data) or until ten seconds have passed; FALSE then. */
gboolean            moe_gui_test_wait_until      (gboolean   (*done) (gpointer data),
                                                  gpointer     data);
/* The controller of @type, owned by the widget; for gestures of one button also @button (0 = any). NULL when
 * there is none. */
GtkEventController *moe_gui_test_find_controller (GtkWidget   *widget,
                                                  GType        type,
                                                  guint        button);
/* What is on screen, as an ARGB32 image. Transfer full. */
cairo_surface_t    *moe_gui_test_render          (GtkWidget   *widget);
/* 0xffRRGGBB */
guint32             moe_gui_test_get_pixel       (cairo_surface_t *image,
                                                  double       x,
                                                  double       y);

G_END_DECLS
