/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-document-flush"

#include "ui/moe-document-private.h"

typedef struct
{
  guint  serial;
  char  *path;
} Flush;

static void
flush_free (Flush *flush)
{
  g_free (flush->path);
  g_free (flush);
}

void
moe_document_set_flush_func (MoeDocument          *self,
                             MoeDocumentFlushFunc  func,
                             gpointer              user_data)
{
  g_return_if_fail (MOE_IS_DOCUMENT (self));

  self->flush = func;
  self->flush_data = user_data;
}

void
moe_document_flush_async (MoeDocument         *self,
                          GAsyncReadyCallback  callback,
                          gpointer             user_data)
{
  g_autoptr(GTask) task = NULL;
  Flush *flush;

  g_return_if_fail (MOE_IS_DOCUMENT (self));

  task = g_task_new (self, NULL, callback, user_data);
  g_task_set_source_tag (task, moe_document_flush_async);
  if (self->flush == NULL || moe_document_get_path (self) == NULL
      || !self->live || moe_document_is_saved (self))
    {
      g_task_return_pointer (task, g_strdup (moe_document_get_path (self)), g_free);
      return;
    }

  flush = g_new0 (Flush, 1);
  flush->path = g_strdup (self->shown->path);
  flush->serial = self->flush (self->flush_data);
  g_task_set_task_data (task, flush, (GDestroyNotify) flush_free);
  g_queue_push_tail (&self->flushes, g_steal_pointer (&task));
}

char *
moe_document_flush_finish (MoeDocument   *self,
                           GAsyncResult  *result,
                           GError       **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

void
moe_document_flushed (MoeDocument  *self,
                      guint         serial,
                      const char   *path,
                      const GError *error)
{
  g_autoptr(GTask) task = g_queue_peek_head (&self->flushes);
  Flush *flush = task != NULL ? g_task_get_task_data (task) : NULL;

  /* Flushes are answered in order. */
  if (flush == NULL || flush->serial != serial)
    {
      g_steal_pointer (&task);
      return;
    }
  g_queue_pop_head (&self->flushes);

  if (error != NULL)
    g_task_return_error (task, g_error_copy (error));
  else
    g_task_return_pointer (task, g_strdup (g_strcmp0 (path, flush->path) == 0 ? path : NULL), g_free);
}

gboolean
moe_document_is_flushing (MoeDocument *self)
{
  g_return_val_if_fail (MOE_IS_DOCUMENT (self), FALSE);

  return !g_queue_is_empty (&self->flushes);
}

void
moe_document_drop_flushes (MoeDocument *self)
{
  GTask *task;

  g_return_if_fail (MOE_IS_DOCUMENT (self));

  self->flush = NULL;
  while ((task = g_queue_pop_head (&self->flushes)) != NULL)
    {
      g_task_return_pointer (task, NULL, NULL);
      g_object_unref (task);
    }
}
