/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-session"

#include "probes/moe-session.h"

#include "data/moe-error.h"
#include "probes/moe-forward.h"
#include "probes/moe-pool.h"

/* Unless asked otherwise, a session holds this many tokens even if the model was trained for more. */
#define DEFAULT_CONTEXT 4096u

#define MAX_CONTEXT (1u << 20)

#define MAX_THREADS 256u

struct _MoeSession
{
  MoeModel          *model;
  MoeSessionOptions  options;  /* with the defaults filled in */
  MoeCache           cache;
  MoeForward         forward;
  GArray            *probes;   /* of MoeProbeEntry */
  guint              length;

  GMutex             mutex;    /* guards plan */
  MoeMaskPlan       *plan;     /* NULL without interventions */
};

MoeSession *
moe_session_new (MoeModel                 *model,
                 const MoeSessionOptions  *options,
                 GError                  **error)
{
  g_autoptr(MoeSession) self = NULL;
  MoeCache cache;
  guint context, threads;

  g_return_val_if_fail (model != NULL && options != NULL, NULL);

  context = options->context != 0 ? options->context : MIN (model->h.context, DEFAULT_CONTEXT);
  if (context > MAX_CONTEXT)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_LIMIT, "a context of %u tokens is more than the limit of %u",
                   context, MAX_CONTEXT);
      return NULL;
    }
  if (!moe_control_vector_check (options->control, moe_model_get_info (model), error))
    return NULL;
  threads = options->threads != 0 ? options->threads : moe_pool_get_n_cores ();
  if (!moe_cache_init (&cache, model, options->cache, context, error))
    return NULL;

  self = g_new0 (MoeSession, 1);
  self->model = moe_model_ref (model);
  self->options = *options;
  self->options.context = context;
  self->options.threads = MIN (threads, MAX_THREADS);
  self->cache = cache;
  self->probes = g_array_new (FALSE, FALSE, sizeof (MoeProbeEntry));
  g_mutex_init (&self->mutex);
  moe_forward_init (&self->forward, model, options->kernels, self->options.threads, context, self->probes);
  if (options->control != NULL)
    self->options.control = moe_control_vector_ref (options->control);
  self->forward.control = self->options.control;
  return g_steal_pointer (&self);
}

void
moe_session_free (MoeSession *self)
{
  if (self == NULL)
    return;
  moe_forward_clear (&self->forward);
  moe_cache_clear (&self->cache);
  g_clear_pointer (&self->plan, moe_mask_plan_unref);
  g_clear_pointer (&self->options.control, moe_control_vector_unref);
  g_clear_pointer (&self->probes, g_array_unref);
  g_clear_pointer (&self->model, moe_model_unref);
  g_mutex_clear (&self->mutex);
  g_free (self);
}

MoeModel *
moe_session_get_model (MoeSession *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->model;
}

guint
moe_session_get_context (MoeSession *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->options.context;
}

guint
moe_session_get_length (MoeSession *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->length;
}

static gboolean
check_feed (MoeSession    *self,
            const gint32  *tokens,
            gsize          n,
            GError       **error)
{
  if (n > self->options.context - self->length)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_LIMIT,
                   "%" G_GSIZE_FORMAT " tokens do not fit: the context holds %u and %u are used",
                   n, self->options.context, self->length);
      return FALSE;
    }
  for (gsize i = 0; i < n; i++)
    if (tokens[i] < 0 || (guint32) tokens[i] >= self->model->h.vocabulary)
      {
        g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "the token id %d is outside the vocabulary of %u",
                     tokens[i], self->model->h.vocabulary);
        return FALSE;
      }
  return moe_gguf_check_unchanged (self->model->gguf, error);
}

static MoeMaskPlan *
dup_plan (MoeSession *self)
{
  MoeMaskPlan *plan;

  g_mutex_lock (&self->mutex);
  plan = self->plan != NULL ? moe_mask_plan_ref (self->plan) : NULL;
  g_mutex_unlock (&self->mutex);
  return plan;
}

gboolean
moe_session_feed (MoeSession      *self,
                  const gint32    *tokens,
                  const MoePhase  *phases,
                  gsize            n,
                  GCancellable    *cancellable,
                  GError         **error)
{
  g_autofree MoePhase *default_phases = NULL;

  g_return_val_if_fail (self != NULL && (tokens != NULL || n == 0), FALSE);

  if (!check_feed (self, tokens, n, error))
    return FALSE;
  if (phases == NULL)
    {
      default_phases = g_new (MoePhase, MAX (n, 1));
      for (gsize i = 0; i < n; i++)
        default_phases[i] = MOE_PHASE_PROMPT;
      phases = default_phases;
    }

  for (gsize at = 0; at < n; )
    {
      MoeProbeBatch batch = { self->length, MIN (MOE_MICRO_BATCH, n - at), tokens + at, phases + at };
      g_autoptr(MoeMaskPlan) plan = NULL;

      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
      plan = dup_plan (self);
      moe_forward_run (&self->forward, &self->cache, &batch, plan, at + batch.n == n);
      self->length += batch.n;
      at += batch.n;
    }
  return TRUE;
}

const float *
moe_session_get_logits (MoeSession *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->forward.logits;
}

void
moe_session_rewind (MoeSession *self,
                    guint       length)
{
  g_return_if_fail (self != NULL && length <= self->length);

  self->length = length;
  self->forward.logits = NULL;
}

MoeSession *
moe_session_fork (MoeSession  *self,
                  guint        length,
                  GError     **error)
{
  MoeSession *fork;

  g_return_val_if_fail (self != NULL && length <= self->length, NULL);

  fork = moe_session_new (self->model, &self->options, error);
  if (fork == NULL)
    return NULL;
  moe_cache_copy (&fork->cache, &self->cache, length);
  fork->length = length;
  g_mutex_lock (&self->mutex);
  if (self->plan != NULL)
    fork->plan = moe_mask_plan_new (moe_mask_plan_get_mask (self->plan), moe_model_get_info (self->model));
  g_mutex_unlock (&self->mutex);
  return fork;
}

gboolean
moe_session_set_mask (MoeSession  *self,
                      MoeMask     *mask,
                      GError     **error)
{
  const MoeModelInfo *info;
  MoeMaskPlan *plan = NULL, *old;

  g_return_val_if_fail (self != NULL, FALSE);

  info = moe_model_get_info (self->model);
  if (!moe_mask_validate (mask, info, error) || !moe_mask_check_means (mask, info, error))
    return FALSE;
  if (moe_mask_get_n (mask) > 0)
    plan = moe_mask_plan_new (mask, info);

  g_mutex_lock (&self->mutex);
  old = self->plan;
  self->plan = plan;
  g_mutex_unlock (&self->mutex);
  moe_mask_plan_unref (old);
  return TRUE;
}

gboolean
moe_session_set_control (MoeSession        *self,
                         MoeControlVector  *control,
                         GError           **error)
{
  g_return_val_if_fail (self != NULL, FALSE);

  if (!moe_control_vector_check (control, moe_model_get_info (self->model), error))
    return FALSE;
  if (control != NULL)
    moe_control_vector_ref (control);
  g_clear_pointer (&self->options.control, moe_control_vector_unref);
  self->options.control = control;
  self->forward.control = control;
  return TRUE;
}

MoeMask *
moe_session_get_mask (MoeSession *self)
{
  g_autoptr(MoeMaskPlan) plan = NULL;

  g_return_val_if_fail (self != NULL, NULL);

  plan = dup_plan (self);
  return plan != NULL ? moe_mask_ref (moe_mask_plan_get_mask (plan)) : NULL;
}

void
moe_session_get_mask_hits (MoeSession *self,
                           guint       index,
                           guint64    *changed,
                           guint64    *seen)
{
  g_autoptr(MoeMaskPlan) plan = NULL;

  g_return_if_fail (self != NULL && changed != NULL && seen != NULL);

  *changed = *seen = 0;
  plan = dup_plan (self);
  if (plan != NULL && index < moe_mask_get_n (moe_mask_plan_get_mask (plan)))
    moe_mask_plan_get_hits (plan, index, changed, seen);
}

void
moe_session_add_probe (MoeSession     *self,
                       const MoeProbe *probe,
                       gpointer        user_data)
{
  MoeProbeEntry entry = { probe, user_data };

  g_return_if_fail (self != NULL && probe != NULL);

  g_array_append_val (self->probes, entry);
}

void
moe_session_remove_probe (MoeSession     *self,
                          const MoeProbe *probe,
                          gpointer        user_data)
{
  g_return_if_fail (self != NULL);

  for (guint i = 0; i < self->probes->len; i++)
    {
      const MoeProbeEntry *entry = &g_array_index (self->probes, MoeProbeEntry, i);

      if (entry->probe == probe && entry->user_data == user_data)
        {
          g_array_remove_index (self->probes, i);
          return;
        }
    }
}
