/* SPDX-License-Identifier: MIT */
#pragma once

#include <gtk/gtk.h>

#include "data/moe-types.h"

G_BEGIN_DECLS

/* The tokens of a conversation, wrapped into lines, coloured by a value each. A GtkScrollable: put it into a
 * GtkScrolledWindow. All tokens are drawn by this one widget, and only the lines that can be seen.
 *
 * Signals:
 *   token-selected (index)   a click or a key; -1 when Esc releases
 * Actions: tokens.next (.), tokens.previous (,), tokens.up, tokens.down, tokens.first, tokens.last,
 * tokens.release. */
#define MOE_TYPE_TOKEN_STRIP (moe_token_strip_get_type ())
G_DECLARE_FINAL_TYPE (MoeTokenStrip, moe_token_strip, MOE, TOKEN_STRIP, GtkWidget)

GtkWidget *moe_token_strip_new          (void);
void       moe_token_strip_clear        (MoeTokenStrip *self);

/* Adds a token at the end, in amortised constant time; @value NaN = none. The strip follows the end as long
 * as it is scrolled there. */
void       moe_token_strip_append       (MoeTokenStrip *self,
                                         const char    *text,
                                         MoePhase       phase,
                                         double         value);
guint      moe_token_strip_get_n_tokens (MoeTokenStrip *self);

/* Other values for the tokens there are: (@n_values), copied; tokens beyond have none. @title names them
 * ("Entropy"), @unit may be "". */
void       moe_token_strip_set_values   (MoeTokenStrip *self,
                                         const double  *values,
                                         guint          n_values,
                                         const char    *title,
                                         const char    *unit);

/* Selects without a signal and scrolls there; -1 = none. */
void       moe_token_strip_select       (MoeTokenStrip *self,
                                         int            index);
int        moe_token_strip_get_selected (MoeTokenStrip *self);

/* Where a token is drawn, in the coordinates of the widget; FALSE before the first allocation. */
gboolean   moe_token_strip_get_bounds   (MoeTokenStrip   *self,
                                         guint            index,
                                         graphene_rect_t *bounds);

G_END_DECLS
