/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-super-weights"

#include "analysis/moe-super-weights.h"

#include <math.h>

#define TOLERANCE 0.01f

typedef struct
{
  gint64   token; /* from which it acts */
  MoeMask *mask;
} Event;

/* One prompt that is run again. */
typedef struct
{
  MoeSuperExperts *experts;
  MoeModel        *model;
  guint            prompt;
  GArray          *events;    /* of Event, all of the recording */
  GArray          *tokens;    /* of gint32 */
  GArray          *phases;    /* of MoePhase */
  gboolean         consistent;
} Rerun;

static void
event_clear (gpointer data)
{
  moe_mask_unref (((Event *) data)->mask);
}

static void
add_event (gint64         token_id,
           const MoeMask *mask,
           gpointer       user_data)
{
  Event event = { token_id, moe_mask_ref ((MoeMask *) mask) };

  g_array_append_val ((GArray *) user_data, event);
}

static gboolean
add_token (MoeTokenRecord *record,
           const char     *text,
           gsize           text_length,
           gpointer        user_data)
{
  Rerun *self = user_data;

  if (record->prompt != self->prompt || record->position != self->tokens->len)
    self->consistent = FALSE;
  g_array_append_val (self->tokens, record->token_id);
  g_array_append_val (self->phases, record->phase);
  return TRUE;
}

static gboolean
is_wanted (const MoeSuperExpert *expert)
{
  return expert->seen && expert->above_percentile && expert->above_tenth;
}

/* @hidden: (hidden_width) input of down_proj; @down: (width) its output. */
static void
take_weight (Rerun          *self,
             MoeSuperExpert *expert,
             const float    *hidden,
             guint           hidden_width,
             const float    *down)
{
  g_autofree float *row = NULL;
  guint largest = 0;

  if (!(fabsf (fabsf (down[expert->channel]) - expert->max) <= TOLERANCE * expert->max))
    return;
  for (guint i = 1; i < hidden_width; i++)
    {
      if (fabsf (hidden[i]) > fabsf (hidden[largest]))
        largest = i;
    }
  if (expert->expert == MOE_EXPERT_SHARED)
    row = moe_model_dup_shared_down_row (self->model, expert->layer, expert->channel);
  else
    row = moe_model_dup_down_row (self->model, expert->layer, (guint) expert->expert, expert->channel);
  expert->input_channel = (int) largest;
  expert->weight = row[largest];
}

static void
on_expert_vectors (const MoeProbeBatch    *batch,
                   guint                   layer,
                   const MoeExpertVectors *event,
                   gpointer                user_data)
{
  Rerun *self = user_data;

  for (guint i = 0; i < moe_super_experts_get_n (self->experts); i++)
    {
      MoeSuperExpert *expert = moe_super_experts_get (self->experts, i);

      if (!is_wanted (expert) || expert->prompt != self->prompt || expert->layer != layer
          || expert->expert != (int) event->expert || expert->channel >= event->width)
        continue;
      for (guint row = 0; row < event->n_rows; row++)
        {
          if ((gint64) batch->first + event->rows[row] == expert->position)
            take_weight (self, expert, event->hidden + (gsize) row * event->hidden_width, event->hidden_width,
                         event->down + (gsize) row * event->width);
        }
    }
}

static void
on_shared_vectors (const MoeProbeBatch    *batch,
                   guint                   layer,
                   const MoeSharedVectors *event,
                   gpointer                user_data)
{
  Rerun *self = user_data;

  for (guint i = 0; i < moe_super_experts_get_n (self->experts); i++)
    {
      MoeSuperExpert *expert = moe_super_experts_get (self->experts, i);

      if (!is_wanted (expert) || expert->prompt != self->prompt || expert->layer != layer
          || expert->expert != MOE_EXPERT_SHARED || expert->channel >= event->width)
        continue;
      for (guint row = 0; row < event->n_rows; row++)
        {
          if ((gint64) batch->first + event->rows[row] == expert->position)
            take_weight (self, expert, event->hidden + (gsize) row * event->hidden_width, event->hidden_width,
                         event->down + (gsize) event->rows[row] * event->width);
        }
    }
}

/* Feeds @self's tokens, the first of which has number @first in the recording, mask by mask. */
static gboolean
feed (Rerun         *self,
      MoeSession    *session,
      gint64         first,
      GCancellable  *cancellable,
      GError       **error)
{
  gsize done = 0;
  guint next = 0;

  moe_session_rewind (session, 0);
  while (done < self->tokens->len)
    {
      MoeMask *mask = NULL;
      gsize end = self->tokens->len;

      for (; next < self->events->len
             && g_array_index (self->events, Event, next).token <= first + (gint64) done; next++)
        ;
      if (next > 0)
        mask = g_array_index (self->events, Event, next - 1).mask;
      if (next < self->events->len)
        end = (gsize) MIN ((gint64) end, g_array_index (self->events, Event, next).token - first);
      if (!moe_session_set_mask (session, mask, error)
          || !moe_session_feed (session, &g_array_index (self->tokens, gint32, done),
                                &g_array_index (self->phases, MoePhase, done), end - done, cancellable,
                                error))
        return FALSE;
      done = end;
    }
  return TRUE;
}

/* The prompt of @expert, up to the last peak token in it. */
static gboolean
run_prompt (Rerun                 *self,
            const MoeSuperExpert  *expert,
            MoeRecording          *recording,
            MoeSession            *session,
            GCancellable          *cancellable,
            GError               **error)
{
  static const MoeProbe probe = { .expert_vectors = on_expert_vectors,
                                  .shared_vectors = on_shared_vectors };
  gint64 first = expert->token_id - expert->position;
  gint64 last = expert->token_id;
  gboolean ok;

  for (guint i = 0; i < moe_super_experts_get_n (self->experts); i++)
    {
      const MoeSuperExpert *other = moe_super_experts_get (self->experts, i);

      if (is_wanted (other) && other->prompt == expert->prompt)
        last = MAX (last, other->token_id);
    }
  self->prompt = expert->prompt;
  self->consistent = first >= 0;
  g_array_set_size (self->tokens, 0);
  g_array_set_size (self->phases, 0);
  if (self->consistent && !moe_recording_foreach (recording, first, last + 1, add_token, self, error))
    return FALSE;
  /* Only part of the conversation was recorded: it cannot be run again. */
  if (!self->consistent)
    return TRUE;

  moe_session_add_probe (session, &probe, self);
  ok = feed (self, session, first, cancellable, error);
  moe_session_remove_probe (session, &probe, self);
  return ok && moe_session_set_mask (session, NULL, error);
}

gboolean
moe_super_experts_find_weights (MoeSuperExperts  *self,
                                MoeRecording     *recording,
                                MoeSession       *session,
                                GCancellable     *cancellable,
                                GError          **error)
{
  g_autoptr(GArray) events = g_array_new (FALSE, FALSE, sizeof (Event));
  g_autoptr(GArray) tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr(GArray) phases = g_array_new (FALSE, FALSE, sizeof (MoePhase));
  g_autoptr(GHashTable) prompts = g_hash_table_new (NULL, NULL);
  Rerun rerun;

  g_return_val_if_fail (self != NULL && recording != NULL && session != NULL, FALSE);

  rerun = (Rerun) { self, moe_session_get_model (session), 0, events, tokens, phases, FALSE };
  g_array_set_clear_func (events, event_clear);
  if (!moe_recording_foreach_mask (recording, add_event, events, error))
    return FALSE;
  for (guint i = 0; i < moe_super_experts_get_n (self); i++)
    {
      const MoeSuperExpert *expert = moe_super_experts_get (self, i);

      if (is_wanted (expert) && g_hash_table_add (prompts, GUINT_TO_POINTER (expert->prompt))
          && !run_prompt (&rerun, expert, recording, session, cancellable, error))
        return FALSE;
    }
  return TRUE;
}
