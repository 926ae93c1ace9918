/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-massive-activations"

#include "analysis/moe-massive-activations.h"

#include <math.h>

#include "analysis/moe-report.h"
#include "data/moe-error.h"
#include "data/moe-number.h"
#include "data/moe-text.h"

/* The peak token of the prompt that is being read. */
typedef struct
{
  gboolean set;
  float    top[3], median;
} PromptPeak;

struct _MoeMassiveActivations
{
  guint            n_layers;
  double           ratio;
  gint64           prompt;  /* being read, -1 before the first */
  PromptPeak      *current; /* (L) */
  MoeMassiveLayer *sums;    /* (L) sums of finished prompts in the place of means */
  MoeMassiveLayer *layers;  /* (L) what is handed out: shares the strings of @sums */
};

MoeMassiveActivations *
moe_massive_activations_new (const MoeModelInfo *info,
                             double              ratio)
{
  MoeMassiveActivations *self;

  g_return_val_if_fail (info != NULL && ratio > 0, NULL);

  self = g_new0 (MoeMassiveActivations, 1);
  self->n_layers = info->n_layers;
  self->ratio = ratio;
  self->prompt = -1;
  self->current = g_new0 (PromptPeak, info->n_layers);
  self->sums = g_new0 (MoeMassiveLayer, info->n_layers);
  self->layers = g_new0 (MoeMassiveLayer, info->n_layers);
  return self;
}

void
moe_massive_activations_free (MoeMassiveActivations *self)
{
  if (self == NULL)
    return;

  for (guint layer = 0; layer < self->n_layers; layer++)
    g_free (self->sums[layer].token);
  g_free (self->current);
  g_free (self->sums);
  g_free (self->layers);
  g_free (self);
}

static void
add_peak (MoeMassiveLayer  *to,
          const PromptPeak *peak)
{
  if (!peak->set)
    return;
  to->n_prompts++;
  for (guint i = 0; i < 3; i++)
    to->top[i] += peak->top[i];
  to->median += peak->median;
}

static void
add_layer (MoeMassiveActivations *self,
           const MoeTokenRecord  *record,
           guint                  layer,
           const char            *text,
           gsize                  text_length)
{
  MoeMassiveLayer *to = &self->sums[layer];
  PromptPeak *current = &self->current[layer];
  const float *top = record->residual_top + (gsize) layer * 3;
  double median = record->residual_median[layer];

  if (!current->set || top[0] > current->top[0])
    {
      current->set = TRUE;
      for (guint i = 0; i < 3; i++)
        current->top[i] = top[i];
      current->median = record->residual_median[layer];
    }
  if (to->token == NULL || top[0] > to->peak)
    {
      to->peak = top[0];
      to->channel = record->residual_channel[(gsize) layer * 3];
      to->position = record->position;
      g_free (to->token);
      to->token = moe_text_from_bytes (text, text_length);
    }
  if (top[0] > MOE_MASSIVE_MIN)
    {
      to->ratio = MAX (to->ratio, median > 0 ? top[0] / median : INFINITY);
      if (top[0] >= self->ratio * median)
        to->is_massive = TRUE;
    }
}

gboolean
moe_massive_activations_add (MoeMassiveActivations  *self,
                             const MoeTokenRecord   *record,
                             const char             *text,
                             gsize                   text_length,
                             GError                **error)
{
  g_return_val_if_fail (self != NULL && record != NULL && record->n_layers == self->n_layers, FALSE);

  for (guint layer = 0; layer < self->n_layers; layer++)
    {
      if (isnan (record->residual_top[(gsize) layer * 3]) || isnan (record->residual_median[layer]))
        {
          g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID,
                       "token %" G_GINT64_FORMAT ": the hidden state after layer %u holds something that is "
                       "no number", record->id, layer);
          return FALSE;
        }
    }
  if (record->prompt != self->prompt)
    {
      for (guint layer = 0; layer < self->n_layers; layer++)
        {
          add_peak (&self->sums[layer], &self->current[layer]);
          self->current[layer].set = FALSE;
        }
      self->prompt = record->prompt;
    }
  for (guint layer = 0; layer < self->n_layers; layer++)
    add_layer (self, record, layer, text, text_length);
  return TRUE;
}

const MoeMassiveLayer *
moe_massive_activations_get_layer (MoeMassiveActivations *self,
                                   guint                  layer)
{
  MoeMassiveLayer *to;

  g_return_val_if_fail (self != NULL && layer < self->n_layers, NULL);

  to = &self->layers[layer];
  *to = self->sums[layer];
  add_peak (to, &self->current[layer]);
  if (to->n_prompts > 0)
    {
      for (guint i = 0; i < 3; i++)
        to->top[i] /= to->n_prompts;
      to->median /= to->n_prompts;
    }
  return to;
}

typedef struct
{
  MoeMassiveActivations  *stats;
  guint                   phases;
  gint64                  n_tokens;
  GError                **error;
} Reader;

static gboolean
read_record (MoeTokenRecord *record,
             const char     *text,
             gsize           text_length,
             gpointer        user_data)
{
  Reader *reader = user_data;

  if (!(reader->phases & MOE_PHASE_BIT (record->phase)))
    return TRUE;
  reader->n_tokens++;
  return moe_massive_activations_add (reader->stats, record, text, text_length, reader->error);
}

static MoeTable *
make_table (MoeMassiveActivations *self)
{
  static const char *const doubles[] = { "top1", "top2", "top3", "median" };
  MoeTable *table = moe_table_new ("Massive Activations");

  moe_table_add_column (table, "layer", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  for (guint i = 0; i < G_N_ELEMENTS (doubles); i++)
    moe_table_add_column (table, doubles[i], MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "channel", MOE_COLUMN_INT, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "position", MOE_COLUMN_INT, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "token", MOE_COLUMN_TEXT, "", MOE_ROLE_LABEL);
  moe_table_add_column (table, "is_massive", MOE_COLUMN_BOOL, "", MOE_ROLE_VALUE);

  for (guint layer = 0; layer < self->n_layers; layer++)
    {
      const MoeMassiveLayer *from = moe_massive_activations_get_layer (self, layer);
      guint row = moe_table_append_row (table);

      moe_table_set_int (table, row, 0, layer);
      if (from->n_prompts == 0)
        continue;
      for (guint i = 0; i < 3; i++)
        moe_table_set_double (table, row, 1 + i, from->top[i]);
      moe_table_set_double (table, row, 4, from->median);
      moe_table_set_int (table, row, 5, from->channel);
      moe_table_set_int (table, row, 6, from->position);
      moe_table_set_text (table, row, 7, from->token);
      moe_table_set_int (table, row, 8, from->is_massive);
    }
  return table;
}

MoeTable *
moe_massive_activations_report (MoeRecording  *recording,
                                guint          phases,
                                double         ratio,
                                GError       **error)
{
  g_autoptr(MoeMassiveActivations) stats = NULL;
  g_autoptr(MoeTable) table = NULL;
  g_autoptr(GError) local = NULL;
  g_autofree char *tokens = NULL, *rule = NULL;
  char number[MOE_NUMBER_BUFFER];
  Reader reader = { NULL, phases, 0, &local };

  g_return_val_if_fail (recording != NULL && ratio > 0, NULL);

  stats = reader.stats = moe_massive_activations_new (moe_recording_get_info (recording), ratio);
  if (!moe_recording_foreach (recording, 0, -1, read_record, &reader, error))
    {
      if (local != NULL)
        g_propagate_prefixed_error (error, g_steal_pointer (&local), "%s: ",
                                    moe_recording_get_path (recording));
      return NULL;
    }

  table = make_table (stats);
  moe_report_add_model (table, moe_recording_get_info (recording), phases);
  if (!moe_report_add_source (table, recording, error))
    return NULL;
  tokens = g_strdup_printf ("%" G_GINT64_FORMAT, reader.n_tokens);
  rule = g_strdup_printf ("|h| > 100 and |h| >= %s x median of that token's |h|",
                          moe_number_format_double (number, ratio));
  moe_table_set_provenance (table, "tokens", tokens);
  moe_table_set_provenance (table, "massive", rule);
  return g_steal_pointer (&table);
}
