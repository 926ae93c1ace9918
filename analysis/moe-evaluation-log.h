/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* What an evaluation has found so far, a JSON object for each thing done, kept in memory and in a file of
 * JSON
 * lines, which is gone on with when it is there already. The first line says what it belongs to. */
typedef struct _MoeEvaluationLog MoeEvaluationLog;

/* @path: or NULL for memory only. @identity: of the model, the settings and the conditions; a file with
 * another
 * one is refused (MOE_ERROR_MISMATCH). A last line that was not written to its end is cut off. Errors:
 * MOE_ERROR_IO, _FORMAT (with the line), _LIMIT. */
MoeEvaluationLog *moe_evaluation_log_open  (const char        *path,
                                            const char        *identity,
                                            GError           **error);
void              moe_evaluation_log_free  (MoeEvaluationLog  *self);
/* What was found for prompt @index of @set under @condition; NULL when it was not done yet. */
JsonObject       *moe_evaluation_log_find  (MoeEvaluationLog  *self,
                                            const char        *condition,
                                            const char        *set,
                                            guint              index);
/* Takes @object, to which these three are added. It is in the file when this returns. Errors: MOE_ERROR_IO.
 * */
gboolean          moe_evaluation_log_add   (MoeEvaluationLog  *self,
                                            const char        *condition,
                                            const char        *set,
                                            guint              index,
                                            JsonObject        *object,
                                            GError           **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeEvaluationLog, moe_evaluation_log_free)

G_END_DECLS
