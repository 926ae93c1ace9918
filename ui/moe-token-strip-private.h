/* SPDX-License-Identifier: MIT */
#pragma once

#include "ui/moe-token-strip.h"

G_BEGIN_DECLS

#define MOE_STRIP_PADDING_X 4 /* inside a token */
#define MOE_STRIP_GAP_X     2 /* between tokens */
#define MOE_STRIP_GAP_Y     4 /* between lines */
#define MOE_STRIP_MARGIN    8
#define MOE_STRIP_HEADER    22
#define MOE_STRIP_BAR_WIDTH 96

typedef struct
{
  char        *text;    /* as given */
  PangoLayout *layout;  /* shared by all tokens that look the same; NULL until the token is placed */
  double       value;
  float        x, width;
  guint        line;
  MoePhase     phase;
  gboolean     ends_line;
} MoeStripToken;

struct _MoeTokenStrip
{
  GtkWidget      parent_instance;

  GArray        *tokens;       /* MoeStripToken */
  GArray        *lines;        /* guint: first token of each line */
  guint          n_placed;     /* tokens that have their place; the rest follows in the next layout */
  GHashTable    *layouts;      /* visible text -> PangoLayout */
  float          end_x;        /* where the next token would go */
  int            placed_width; /* of the widget when they were placed */
  int            text_height;

  double         low, high;    /* of the values */
  char          *value_title, *value_unit;
  int            selected, hover;

  GtkAdjustment *hadjustment, *vadjustment;
  GtkScrollablePolicy hpolicy, vpolicy;
};

extern guint moe_token_strip_selected_signal;

static inline MoeStripToken *
moe_token_strip_get_token (MoeTokenStrip *self,
                           guint          index)
{
  return &g_array_index (self->tokens, MoeStripToken, index);
}

/* Gives every token its place that has none yet; all of them when the width has changed. */
void   moe_token_strip_place_tokens    (MoeTokenStrip  *self);
int    moe_token_strip_get_line_height (MoeTokenStrip  *self);
/* Height of the part that scrolls, and how far it is scrolled. */
int    moe_token_strip_get_page_height (MoeTokenStrip  *self);
double moe_token_strip_get_scroll      (MoeTokenStrip  *self);
/* The token at a place in the widget, or -1. */
int    moe_token_strip_pick            (MoeTokenStrip  *self,
                                        double          x,
                                        double          y);
/* A token in words. Transfer full. */
char  *moe_token_strip_describe        (MoeTokenStrip  *self,
                                        guint           index);

void   moe_token_strip_snapshot        (GtkWidget      *widget,
                                        GtkSnapshot    *snapshot);
void   moe_token_strip_install_actions (GtkWidgetClass *widget_class);
void   moe_token_strip_init_input      (MoeTokenStrip  *self);
/* With the signal. */
void   moe_token_strip_select_and_tell (MoeTokenStrip  *self,
                                        int             index);

G_END_DECLS
