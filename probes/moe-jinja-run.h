/* SPDX-License-Identifier: MIT */
#pragma once

#include "probes/moe-jinja-private.h"

G_BEGIN_DECLS

/* What the two halves of the evaluator share: statements in moe-jinja.c, expressions in
 * moe-jinja-evaluate.c. */

/* One level of names; a loop's body and a macro's body have their own. */
typedef struct _MoeJinjaScope MoeJinjaScope;
struct _MoeJinjaScope
{
  MoeJinjaScope *outer;
  GHashTable    *values; /* name -> MoeJinjaValue */
};

typedef enum { MOE_JINJA_GO_ON, MOE_JINJA_BREAK, MOE_JINJA_CONTINUE } MoeJinjaFlow;

typedef struct
{
  MoeJinjaArena  *arena;
  MoeJinjaScope  *scope;
  MoeJinjaScope  *globals;
  GString        *text;   /* what is rendered goes here */
  GByteArray     *marks;
  const GDate    *today;
  gboolean        dated;  /* today was asked for */
  guint           n_steps;
  guint           n_calls;
  guint           n_nested; /* expressions being evaluated */
  MoeJinjaFlow    flow;
  GError        **error;
} MoeJinjaRun;

/* NULL when there is none. */
const MoeJinjaNode *moe_jinja_node_child    (const MoeJinjaNode *node,
                                             guint               index);
/* Sets the error; returns NULL. */
gpointer            moe_jinja_run_refuse    (MoeJinjaRun        *run,
                                             const char         *what,
                                             const char         *name);
MoeJinjaValue      *moe_jinja_run_new_value (MoeJinjaRun        *run,
                                             MoeJinjaValueType   type,
                                             gint64              number);
void                moe_jinja_enter_scope   (MoeJinjaRun        *run,
                                             MoeJinjaScope      *scope,
                                             MoeJinjaScope      *outer);
void                moe_jinja_leave_scope   (MoeJinjaRun        *run,
                                             MoeJinjaScope      *scope,
                                             MoeJinjaScope      *back);
/* FALSE with the error set after too many of them. */
gboolean            moe_jinja_take_step     (MoeJinjaRun        *run);

/* NULL or FALSE with the error set. */
MoeJinjaValue      *moe_jinja_evaluate      (MoeJinjaRun        *run,
                                             const MoeJinjaNode *node);
gboolean            moe_jinja_run_node      (MoeJinjaRun        *run,
                                             const MoeJinjaNode *node);

G_END_DECLS
