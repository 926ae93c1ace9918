/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-route-reader"

#include "analysis/moe-route-reader.h"

#include "data/moe-error.h"

#define TOKENS_PER_REPORT 1024

gboolean
moe_route_layers_init (MoeRouteLayers  *self,
                       MoeRecording    *recording,
                       int              layer,
                       GError         **error)
{
  const MoeModelInfo *info = moe_recording_get_info (recording);
  int index = layer >= 0 ? moe_model_info_find_moe_layer (info, (guint) layer) : 0;

  if (layer < -1 || index < 0 || info->n_moe_layers == 0)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "%s: layer %d is not an MoE layer",
                   moe_recording_get_path (recording), layer);
      return FALSE;
    }
  *self = layer >= 0 ? (MoeRouteLayers) { (guint) index, 1 } : (MoeRouteLayers) { 0, info->n_moe_layers };
  return TRUE;
}

typedef struct
{
  MoeRecording      *recording;
  guint              phases;
  const MoeProgress *progress;
  MoeRouteTokenFunc  func;
  gpointer           user_data;
  GError           **error;
  guint8            *seen;   /* (E) all 0 between layers */
  gint64             last;   /* id of the last token given on, or -2 */
  guint              prompt; /* its prompt */
} Reader;

/* Whether no expert is twice in a layer: all counts per token rely on it. */
static gboolean
check_experts (Reader               *self,
               const MoeTokenRecord *record)
{
  for (guint layer = 0; layer < record->n_moe_layers; layer++)
    {
      const guint16 *experts = record->experts + (gsize) layer * record->n_slots;
      gboolean twice = FALSE;

      for (guint slot = 0; slot < record->n_slots; slot++)
        if (experts[slot] != MOE_NO_EXPERT)
          twice = self->seen[experts[slot]]++ > 0 || twice;
      for (guint slot = 0; slot < record->n_slots; slot++)
        if (experts[slot] != MOE_NO_EXPERT)
          self->seen[experts[slot]] = 0;
      if (twice)
        {
          g_set_error (self->error, MOE_ERROR, MOE_ERROR_FORMAT,
                       "%s: damaged: token %" G_GINT64_FORMAT " has an expert twice in layer %u",
                       moe_recording_get_path (self->recording), record->id,
                       moe_recording_get_info (self->recording)->moe_layers[layer]);
          return FALSE;
        }
    }
  return TRUE;
}

static gboolean
read_record (MoeTokenRecord *record,
             const char     *text,
             gsize           text_length,
             gpointer        user_data)
{
  Reader *self = user_data;
  gint64 n_tokens = moe_recording_get_n_tokens (self->recording);
  gboolean starts;

  if (record->id % TOKENS_PER_REPORT == 0
      && !moe_progress_step (self->progress, (double) record->id / (double) MAX (n_tokens, 1),
                             "reading the routes", self->error))
    return FALSE;
  if ((self->phases & MOE_PHASE_BIT (record->phase)) == 0)
    return TRUE;
  if (!check_experts (self, record))
    return FALSE;
  starts = record->id != self->last + 1 || record->prompt != self->prompt;
  self->last = record->id;
  self->prompt = record->prompt;
  return self->func (record, starts, self->user_data, self->error);
}

gboolean
moe_route_foreach (MoeRecording       *recording,
                   guint               phases,
                   const MoeProgress  *progress,
                   MoeRouteTokenFunc   func,
                   gpointer            user_data,
                   GError            **error)
{
  g_autofree guint8 *seen = NULL;
  Reader reader;

  g_return_val_if_fail (recording != NULL && func != NULL, FALSE);

  seen = g_new0 (guint8, MAX (moe_recording_get_info (recording)->n_experts, 1));
  reader = (Reader) { recording, phases, progress, func, user_data, error, seen, -2, 0 };
  return moe_recording_foreach (recording, 0, -1, read_record, &reader, error);
}
