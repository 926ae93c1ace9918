/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-document-mask"

#include "ui/moe-document-private.h"

#include "data/moe-error.h"

/* Steps that can be undone. */
#define MAX_HISTORY 1000

static void
unref_mask (gpointer mask)
{
  if (mask != NULL)
    moe_mask_unref (mask);
}

void
moe_document_reset_history (MoeDocument *self)
{
  g_clear_pointer (&self->history, g_ptr_array_unref);
  self->history = g_ptr_array_new_with_free_func (unref_mask);
  g_ptr_array_add (self->history, NULL);
  self->present = 0;
}

char *
moe_document_describe_mask (MoeDocument *self)
{
  MoeMask *mask = moe_document_get_mask (self);
  guint n = moe_mask_get_n (mask);
  GString *text;

  if (n == 0)
    return g_strdup ("no interventions");
  if (n > 3)
    return g_strdup_printf ("%u interventions", n);

  text = g_string_new (NULL);
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *one = moe_intervention_describe (moe_mask_get (mask, i));

      g_string_append_printf (text, "%s%s", i > 0 ? ", " : "", one);
    }
  return g_string_free (text, FALSE);
}

/* An answer that is being generated is no longer of one mask only. */
void
moe_document_note_change (MoeDocument *self)
{
  guint n = moe_document_get_n_turns (self);
  MoeTurn *turn = n > 0 ? self->shown->turns->pdata[n - 1] : NULL;

  g_return_if_fail (MOE_IS_DOCUMENT (self));

  if (turn == NULL || !turn->from_model || turn->note == NULL ||
      g_str_has_suffix (turn->note, "changed on the way"))
    return;
  g_free (turn->note);
  turn->note = g_strdup ("interventions changed on the way");
  turn->plain = FALSE;
  moe_document_emit (self, MOE_DOCUMENT_CONVERSATION_CHANGED);
}

MoeMask *
moe_document_get_mask (MoeDocument *self)
{
  g_return_val_if_fail (MOE_IS_DOCUMENT (self), NULL);

  return self->history->pdata[self->present];
}

gboolean
moe_document_set_mask (MoeDocument  *self,
                       MoeMask      *mask,
                       gboolean      merge,
                       GError      **error)
{
  g_return_val_if_fail (MOE_IS_DOCUMENT (self), FALSE);

  if (moe_mask_equal (mask, moe_document_get_mask (self)))
    return TRUE;
  if (self->model == NULL)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "there is no model; open one first");
      return FALSE;
    }
  if (!moe_mask_validate (mask, self->model, error))
    return FALSE;

  /* What was undone before is gone once something new is done. */
  g_ptr_array_set_size (self->history, (gint) self->present + 1);
  if (merge && self->present > 0)
    g_ptr_array_set_size (self->history, (gint) self->present);
  else if (self->history->len == MAX_HISTORY)
    g_ptr_array_remove_index (self->history, 0);
  g_ptr_array_add (self->history, mask != NULL ? moe_mask_ref (mask) : NULL);
  self->present = self->history->len - 1;

  moe_document_emit (self, MOE_DOCUMENT_MASK_CHANGED);
  return TRUE;
}

/* @mask without its intervention of @action on that expert, if it has one. Takes @mask, transfer full. */
static MoeMask *
leave_out (MoeMask   *mask,
           int        layer,
           int        expert,
           MoeAction  action)
{
  int index = mask != NULL ? moe_mask_find (mask, layer, expert, action) : -1;
  MoeMask *result;

  if (index < 0)
    return mask;
  result = moe_mask_without (mask, (guint) index);
  moe_mask_unref (mask);
  return result;
}

gboolean
moe_document_intervene (MoeDocument            *self,
                        const MoeIntervention  *intervention,
                        gboolean                merge,
                        GError                **error)
{
  g_autoptr(MoeMask) mask = NULL;
  MoeMask *base;

  g_return_val_if_fail (MOE_IS_DOCUMENT (self), FALSE);

  base = moe_document_get_mask (self);
  base = base != NULL ? moe_mask_ref (base) : NULL;
  if (intervention->action == MOE_ACTION_FORCE)
    base = leave_out (base, intervention->layer, intervention->expert, MOE_ACTION_DISABLE);
  else if (intervention->action == MOE_ACTION_DISABLE)
    base = leave_out (base, intervention->layer, intervention->expert, MOE_ACTION_FORCE);

  mask = moe_mask_with (base, intervention);
  g_clear_pointer (&base, moe_mask_unref);
  return moe_document_set_mask (self, mask, merge, error);
}

gboolean
moe_document_release (MoeDocument *self,
                      int          layer,
                      int          expert,
                      MoeAction    action)
{
  g_autoptr(MoeMask) mask = NULL;
  MoeMask *present;
  int index;

  g_return_val_if_fail (MOE_IS_DOCUMENT (self), FALSE);

  present = moe_document_get_mask (self);
  index = present != NULL ? moe_mask_find (present, layer, expert, action) : -1;
  if (index < 0)
    return FALSE;

  /* Less of a mask that was accepted is accepted. */
  mask = moe_mask_without (present, (guint) index);
  return moe_document_set_mask (self, mask, FALSE, NULL);
}

gboolean
moe_document_can_undo (MoeDocument *self)
{
  g_return_val_if_fail (MOE_IS_DOCUMENT (self), FALSE);

  return self->present > 0;
}

gboolean
moe_document_can_redo (MoeDocument *self)
{
  g_return_val_if_fail (MOE_IS_DOCUMENT (self), FALSE);

  return self->present + 1 < self->history->len;
}

void
moe_document_undo (MoeDocument *self)
{
  if (!moe_document_can_undo (self))
    return;
  self->present--;
  moe_document_emit (self, MOE_DOCUMENT_MASK_CHANGED);
}

void
moe_document_redo (MoeDocument *self)
{
  if (!moe_document_can_redo (self))
    return;
  self->present++;
  moe_document_emit (self, MOE_DOCUMENT_MASK_CHANGED);
}

gboolean
moe_document_get_hits (MoeDocument   *self,
                       guint          index,
                       MoeEngineHits *hits)
{
  g_return_val_if_fail (MOE_IS_DOCUMENT (self), FALSE);

  if (index >= self->n_hits || !moe_mask_equal (self->hits_mask, moe_document_get_mask (self)))
    return FALSE;
  *hits = self->hits[index];
  return TRUE;
}

void
moe_document_set_hits (MoeDocument         *self,
                       MoeMask             *mask,
                       const MoeEngineHits *hits,
                       guint                n_hits)
{
  g_return_if_fail (MOE_IS_DOCUMENT (self));

  g_clear_pointer (&self->hits_mask, moe_mask_unref);
  self->hits_mask = mask != NULL ? moe_mask_ref (mask) : NULL;
  g_free (self->hits);
  self->hits = g_memdup2 (hits, n_hits * sizeof *hits);
  self->n_hits = n_hits;
  moe_document_emit (self, MOE_DOCUMENT_HITS_CHANGED);
}

guint8 *
moe_document_get_marks (MoeDocument *self)
{
  static const guint8 codes[] = {
    [MOE_ACTION_DISABLE] = 1, [MOE_ACTION_FORCE] = 2, [MOE_ACTION_BIAS] = 3, [MOE_ACTION_SCALE] = 3,
    [MOE_ACTION_CLAMP] = 3, [MOE_ACTION_ROUTER] = 3,
  };
  const MoeModelInfo *info;
  MoeMask *mask;
  guint8 *marks;

  g_return_val_if_fail (MOE_IS_DOCUMENT (self), NULL);

  info = self->model;
  mask = moe_document_get_mask (self);
  if (moe_mask_get_n (mask) == 0 || !moe_document_can_intervene (self, NULL))
    return NULL;

  marks = g_new0 (guint8, (gsize) info->n_moe_layers * info->n_experts);
  for (guint i = 0; i < moe_mask_get_n (mask); i++)
    {
      const MoeIntervention *one = moe_mask_get (mask, i);

      for (guint row = 0; row < info->n_moe_layers; row++)
        {
          if (one->layer != MOE_LAYER_ALL && one->layer != (int) info->moe_layers[row])
            continue;
          for (guint e = 0; e < info->n_experts; e++)
            if (one->expert == MOE_EXPERT_ALL || one->expert == (int) e)
              {
                guint8 *mark = &marks[(gsize) row * info->n_experts + e];

                /* What weighs most is shown: disabled or forced before biased. */
                if (*mark == 0 || codes[one->action] < *mark)
                  *mark = codes[one->action];
              }
        }
    }
  return marks;
}
