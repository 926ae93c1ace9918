/* SPDX-License-Identifier: MIT */
#pragma once

#include "ui/moe-application.h"
#include "ui/moe-window-private.h"

G_BEGIN_DECLS

/* Drives the real window on the demo model: actions, pointer and keyboard (xdotool), and waiting. */

#ifdef __SANITIZE_ADDRESS__
#define MOE_TEST_PATIENCE (600 * G_USEC_PER_SEC)
#else
#define MOE_TEST_PATIENCE (60 * G_USEC_PER_SEC)
#endif
#define MOE_TEST_QUESTION "How do I bake bread?"

extern MoeApplication *moe_test_application;

guint      moe_test_beat_start (void);

/* Runs the main loop until @condition holds. */
#define moe_test_wait(condition) \
  G_STMT_START { \
    gint64 end_ = g_get_monotonic_time () + MOE_TEST_PATIENCE; \
    guint beat_ = moe_test_beat_start (); \
    while (!(condition)) \
      { \
        g_main_context_iteration (NULL, TRUE); \
        if (g_get_monotonic_time () > end_) \
          g_error ("%s:%d: waited in vain for %s", __FILE__, __LINE__, #condition); \
      } \
    g_source_remove (beat_); \
  } G_STMT_END

/* A few frames, so that what was changed is laid out and drawn. */
void       moe_test_settle       (void);
/* Activates one of the window's actions, which must be enabled. */
void       moe_test_act          (MoeWindow  *window,
                                  const char *action,
                                  GVariant   *parameter);
/* A window on the demo model, with an empty conversation. */
MoeWindow *moe_test_open_demo    (void);
void       moe_test_close_window (MoeWindow  *window);
/* Asks MOE_TEST_QUESTION and waits for the answer. */
void       moe_test_generate     (MoeWindow  *window,
                                  int         n_tokens);

void       moe_test_xdotool      (const char *format,
                                  ...) G_GNUC_PRINTF (1, 2);
void       moe_test_click_centre (GtkWidget  *widget);
void       moe_test_click_at     (GtkWidget  *widget,
                                  double      x,
                                  double      y);
/* A cell of the map on the page that is shown. */
void       moe_test_click_cell   (MoeWindow  *window,
                                  guint       row,
                                  guint       column,
                                  int         times);
/* The first widget that @match accepts with @data, @root and what is in it in order; or NULL. */
typedef gboolean (*MoeTestMatchFunc) (GtkWidget *widget, gconstpointer data);
GtkWidget *moe_test_search       (GtkWidget        *root,
                                  MoeTestMatchFunc  match,
                                  gconstpointer     data);
GtkWidget *moe_test_find_widget  (GtkWidget  *root,
                                  GType       type);
GtkWidget *moe_test_find_button  (GtkWidget  *root,
                                  const char *label);
/* Whether a token from @first on was routed to that expert. */
gboolean   moe_test_uses         (MoeWindow  *window,
                                  gint64      first,
                                  guint       row,
                                  guint       expert);

void       moe_test_show_page    (MoeWindow  *window,
                                  const char *name);
/* An option of the page that is shown. */
void       moe_test_set_option   (MoeWindow  *window,
                                  const char *name,
                                  const char *value);
/* The window writes @folder/@name with the format's extension, and so does the line that "Copy as Command"
 * gives, which is run. */
void       moe_test_check_export (MoeWindow        *window,
                                  const char       *folder,
                                  const char       *name,
                                  MoeExhibitFormat  format);

/* What a test program does before it adds its tests: GTK, an empty folder (also the cache of what is run),
 * the application. The folder's path is transfer full; moe_test_end() takes it. */
char *moe_test_begin (int          *argc,
                      char       ***argv,
                      const char   *name);
/* Runs the tests and removes the folder; the program's exit status. */
int   moe_test_end   (char         *folder);

G_END_DECLS
