/* SPDX-License-Identifier: MIT */
#pragma once

#include "ui/moe-engine.h"
#include "ui/moe-exhibit.h"
#include "ui/moe-inspector.h"
#include "ui/moe-interventions-view.h"
#include "ui/moe-page.h"
#include "ui/moe-token-strip.h"
#include "ui/moe-window.h"

G_BEGIN_DECLS

typedef enum
{
  MOE_WINDOW_IDLE,
  MOE_WINDOW_OPENING,
  MOE_WINDOW_GENERATING,
} MoeWindowState;

struct _MoeWindow
{
  GtkApplicationWindow  parent_instance;

  MoeDocument          *document;
  MoeEngine            *engine;
  guint                 tick;
  MoeWindowState        state;
  gboolean              paused;
  char                 *opening;        /* the model that is being opened */
  char                 *first_question; /* asked as soon as the model is open, or NULL */
  char                 *no_chat;        /* why the model has no chat, or NULL */
  GCancellable         *loading;        /* of a recording that is being read */
  guint                 first_turn;     /* of the conversation that chat continues */
  gint64                saving_tokens;  /* how many there were when saving was asked for */
  gboolean              copy_after_save;
  guint                 n_exports;      /* that are being written */
  MoeExhibitFormat      asked_format;   /* of the file that a dialog asks for */
  MoeExhibitFormat      last_format;
  char                 *last_export;    /* path */
  const char           *last_page;      /* name of the page that it is of */
  guint                 info_timeout;
  char                 *session;        /* as it was last read or written, or NULL */
  gint64                strip_first, strip_end; /* token ids that the strip shows */

  GtkLabel             *title;
  GtkLabel             *subtitle;
  GtkWidget            *interventions_button;
  GtkInfoBar           *info_bar;
  GtkLabel             *info_label;
  GtkProgressBar       *progress;
  GtkSearchBar         *search_bar;
  GtkSearchEntry       *search_entry;
  GtkLabel             *search_note;
  GtkStack             *stack;
  GtkWidget            *side;
  MoeInspector         *inspector;
  MoeInterventionsView *interventions;
  GtkWidget            *strip_frame;
  MoeTokenStrip        *strip;
  GtkEntry             *prompt;
  GtkDropDown          *mode;
  GtkButton            *generate_button;
  GtkWidget            *stop_button;
  GtkLabel             *speed;
  GtkSpinButton        *temperature;
  GtkSpinButton        *top_p;
  GtkSpinButton        *top_k;
  GtkSpinButton        *seed;
  GtkSpinButton        *max_tokens;
};

/* moe-window.c */
void     moe_window_show_error       (MoeWindow        *self,
                                      const char       *message);
void     moe_window_show_note        (MoeWindow        *self,
                                      const char       *text);
void     moe_window_update           (MoeWindow        *self);
gboolean moe_window_is_raw           (MoeWindow        *self);

/* moe-window-engine.c */
void     moe_window_start_engine     (MoeWindow        *self);
void     moe_window_stop_engine      (MoeWindow        *self);
void     moe_window_open_model       (MoeWindow        *self,
                                      const char       *path);
void     moe_window_open_recording   (MoeWindow        *self,
                                      const char       *path);
void     moe_window_prompt           (MoeWindow        *self,
                                      const char       *text);
void     moe_window_regenerate       (MoeWindow        *self);
void     moe_window_reset            (MoeWindow        *self);
void     moe_window_save_recording   (MoeWindow        *self,
                                      const char       *path);

/* moe-window-export.c */
/* What the visible page exports, or NULL. */
MoeExport *moe_window_get_export     (MoeWindow        *self);
void     moe_window_export           (MoeWindow        *self,
                                      MoeExhibitFormat  format,
                                      const char       *path);
void     moe_window_copy_command     (MoeWindow        *self);

/* moe-window-pages.c */
void     moe_window_init_pages       (MoeWindow        *self);
/* NULL when there is none of that name. */
MoePage *moe_window_get_page         (MoeWindow        *self,
                                      const char       *name);
MoePage *moe_window_get_visible_page (MoeWindow        *self);
gboolean moe_window_pages_are_busy   (MoeWindow        *self);

/* moe-window-session.c */
/* Of a recording that was just opened. */
void     moe_window_restore_session  (MoeWindow        *self);
/* With a recording that is in a file of its own; does nothing when nothing changed. Before another one is
 * shown. */
void     moe_window_keep_session     (MoeWindow        *self);

/* moe-window-strip.c */
void     moe_window_init_strip       (MoeWindow        *self);
void     moe_window_step_token       (MoeWindow        *self,
                                      int               by);
gboolean moe_window_find             (MoeWindow        *self,
                                      const char       *text);

/* moe-window-actions.c */
void     moe_window_init_actions     (MoeWindow        *self);
void     moe_window_update_actions   (MoeWindow        *self);

G_END_DECLS
