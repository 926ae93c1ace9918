/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Tasks with known answers, read from JSON lines: {"prompt", "choices": [...], "answer": index} is multiple
 * choice, {"prompt", "answer": "text"} is to be answered freely. Other members are ignored. Immutable. */
typedef struct _MoeTaskSet MoeTaskSet;

typedef struct
{
  const char         *prompt;
  const char *const  *choices;   /* (n_choices), NULL for a free answer */
  guint               n_choices;
  guint               right;     /* of the choices */
  const char         *answer;    /* the free answer, or NULL */
  guint               line;
} MoeTask;

/* Errors: MOE_ERROR_IO, _FORMAT (with the line), _LIMIT. @limit 0 = all. */
MoeTaskSet    *moe_task_set_load     (const char        *path,
                                      guint              limit,
                                      GError           **error);
MoeTaskSet    *moe_task_set_ref      (MoeTaskSet        *self);
void           moe_task_set_unref    (MoeTaskSet        *self);
const char    *moe_task_set_get_path (const MoeTaskSet  *self);
/* SHA-256 of the file, 64 hex digits. */
const char    *moe_task_set_get_hash (const MoeTaskSet  *self);
guint          moe_task_set_get_n    (const MoeTaskSet  *self);
const MoeTask *moe_task_set_get      (const MoeTaskSet  *self,
                                      guint              index);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeTaskSet, moe_task_set_unref)

G_END_DECLS
