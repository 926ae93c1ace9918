/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-job"

#include "ui/moe-job.h"

struct _MoeJob
{
  GObject         parent_instance;

  char           *title;
  MoeJobFunc      func;
  gpointer        data;
  GDestroyNotify  free_data, free_result;
  MoeJobDoneFunc  done;        /* NULL once it is not to be called any more */
  gpointer        user_data;
  GCancellable   *cancellable;

  GMutex          mutex;       /* of what follows */
  double          fraction;
  char           *what;
  gboolean        waiting;     /* "changed" is on its way */

  gpointer        result;      /* of the thread, which is done with it when "finished" comes */
  GError         *error;
};

G_DEFINE_FINAL_TYPE (MoeJob, moe_job, G_TYPE_OBJECT)

static guint changed_signal;

static void
moe_job_finalize (GObject *object)
{
  MoeJob *self = MOE_JOB (object);

  if (self->result != NULL && self->free_result != NULL)
    self->free_result (self->result);
  g_clear_error (&self->error);
  g_clear_object (&self->cancellable);
  g_free (self->title);
  g_free (self->what);
  g_mutex_clear (&self->mutex);

  G_OBJECT_CLASS (moe_job_parent_class)->finalize (object);
}

static void
moe_job_class_init (MoeJobClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = moe_job_finalize;
  changed_signal = g_signal_new ("changed", MOE_TYPE_JOB, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE,
                                 0);
}

static void
moe_job_init (MoeJob *self)
{
  self->cancellable = g_cancellable_new ();
  self->fraction = -1;
  g_mutex_init (&self->mutex);
}

static gboolean
on_changed (gpointer user_data)
{
  MoeJob *self = user_data;

  g_mutex_lock (&self->mutex);
  self->waiting = FALSE;
  g_mutex_unlock (&self->mutex);
  if (self->done != NULL)
    g_signal_emit (self, changed_signal, 0);
  return G_SOURCE_REMOVE;
}

static void
report (double      fraction,
        const char *what,
        gpointer    user_data)
{
  MoeJob *self = user_data;
  gboolean waiting;

  g_mutex_lock (&self->mutex);
  self->fraction = fraction;
  if (g_strcmp0 (what, self->what) != 0)
    {
      g_free (self->what);
      self->what = g_strdup (what);
    }
  waiting = self->waiting;
  self->waiting = TRUE;
  g_mutex_unlock (&self->mutex);
  if (!waiting)
    g_idle_add_full (G_PRIORITY_DEFAULT_IDLE, on_changed, g_object_ref (self), g_object_unref);
}

static gboolean
on_finished (gpointer user_data)
{
  MoeJob *self = user_data;
  MoeJobDoneFunc done = g_steal_pointer (&self->done);

  if (done != NULL)
    done (self, g_steal_pointer (&self->result), self->error, self->user_data);
  return G_SOURCE_REMOVE;
}

static gpointer
job_thread (gpointer user_data)
{
  MoeJob *self = user_data;
  const MoeProgress progress = { .cancellable = self->cancellable, .report = report, .user_data = self };

  self->result = self->func (self->data, &progress, &self->error);
  if (self->free_data != NULL)
    self->free_data (self->data);
  g_idle_add_full (G_PRIORITY_DEFAULT, on_finished, self, g_object_unref);
  return NULL;
}

MoeJob *
moe_job_start (const char     *title,
               MoeJobFunc      func,
               gpointer        data,
               GDestroyNotify  free_data,
               GDestroyNotify  free_result,
               MoeJobDoneFunc  done,
               gpointer        user_data)
{
  MoeJob *self = g_object_new (MOE_TYPE_JOB, NULL);

  self->title = g_strdup (title);
  self->func = func;
  self->data = data;
  self->free_data = free_data;
  self->free_result = free_result;
  self->done = done;
  self->user_data = user_data;
  g_thread_unref (g_thread_new ("moe-job", job_thread, g_object_ref (self)));
  return self;
}

void
moe_job_cancel (MoeJob *self)
{
  g_return_if_fail (MOE_IS_JOB (self));

  g_cancellable_cancel (self->cancellable);
}

void
moe_job_abandon (MoeJob *self)
{
  g_return_if_fail (MOE_IS_JOB (self));

  self->done = NULL;
  g_cancellable_cancel (self->cancellable);
  g_object_unref (self);
}

double
moe_job_get_fraction (MoeJob *self)
{
  double fraction;

  g_return_val_if_fail (MOE_IS_JOB (self), -1);

  g_mutex_lock (&self->mutex);
  fraction = self->fraction;
  g_mutex_unlock (&self->mutex);
  return fraction;
}

char *
moe_job_get_text (MoeJob *self)
{
  char *text;

  g_return_val_if_fail (MOE_IS_JOB (self), NULL);

  g_mutex_lock (&self->mutex);
  text = self->what != NULL && *self->what != '\0' ? g_strdup_printf ("%s: %s", self->title, self->what)
                                                   : g_strdup (self->title);
  g_mutex_unlock (&self->mutex);
  return text;
}
