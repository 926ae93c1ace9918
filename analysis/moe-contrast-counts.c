/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-contrast"

#include "analysis/moe-contrast-counts.h"

#include <string.h>

#include "analysis/moe-contrast-private.h"
#include "data/moe-error.h"

static void
prompt_free (gpointer data)
{
  MoeContrastPrompt *self = data;

  g_free (self->key);
  g_free (self->mark);
  g_free (self->label);
  g_free (self->pair);
  g_free (self->hits);
  g_free (self->weights);
  g_free (self->marked_hits);
  g_free (self->projections);
  g_free (self);
}

MoeContrastCounts *
moe_contrast_counts_new (const MoeModelInfo *info,
                         const MoeSpan      *span,
                         gint32              marker)
{
  MoeContrastCounts *self = g_new0 (MoeContrastCounts, 1);

  self->info = moe_model_info_ref ((MoeModelInfo *) info);
  self->span = *span;
  self->marker = marker;
  self->prompts = g_ptr_array_new_with_free_func (prompt_free);
  return self;
}

void
moe_contrast_counts_free (MoeContrastCounts *self)
{
  g_ptr_array_unref (self->prompts);
  moe_model_info_unref (self->info);
  g_free (self->prompts_as);
  g_free (self);
}

/* With the NUL after it, so that texts don't run into each other; a missing one differs from an empty one. */
static void
hash_text (GChecksum  *hash,
           const char *text)
{
  g_checksum_update (hash, (const guchar *) (text != NULL ? "+" : "-"), 1);
  if (text != NULL)
    g_checksum_update (hash, (const guchar *) text, (gssize) strlen (text) + 1);
}

/* The name of its pair is left out, as it may be no more than a place in the file. */
char *
moe_contrast_make_key (const MoePrompt *prompt)
{
  g_autoptr(GChecksum) hash = g_checksum_new (G_CHECKSUM_SHA256);

  hash_text (hash, prompt->text);
  hash_text (hash, prompt->label);
  hash_text (hash, prompt->answer);
  hash_text (hash, prompt->target);
  for (guint i = 0; i < prompt->n_messages; i++)
    {
      hash_text (hash, prompt->messages[i].role);
      hash_text (hash, prompt->messages[i].content);
    }
  return g_strdup (g_checksum_get_string (hash));
}

static void
add_record (MoeContrastCounts    *self,
            MoeContrastPrompt    *prompt,
            const MoeTokenRecord *record)
{
  guint n_experts = self->info->n_experts;
  gboolean marked = self->marker >= 0 && record->token_id == self->marker;

  prompt->n_tokens++;
  prompt->n_marked += marked ? 1 : 0;
  for (guint layer = 0; layer < record->n_moe_layers; layer++)
    for (guint slot = 0; slot < record->n_slots; slot++)
      {
        gsize from = (gsize) layer * record->n_slots + slot, to;

        if (record->experts[from] >= n_experts)
          continue;
        to = (gsize) layer * n_experts + record->experts[from];
        prompt->hits[to]++;
        prompt->weights[to] += moe_half_to_float (record->weights[from]);
        if (marked)
          prompt->marked_hits[to]++;
      }
}

void
moe_contrast_counts_add (MoeContrastCounts *self,
                         const MoePrompt   *prompt,
                         MoeContrastSide    side,
                         GPtrArray         *records,
                         gsize              target_first,
                         gsize              target_end)
{
  gsize n_cells = (gsize) self->info->n_moe_layers * self->info->n_experts;
  g_autofree MoePhase *phases = g_new (MoePhase, records->len + 1);
  g_autofree gboolean *chosen = g_new (gboolean, records->len + 1);
  MoeContrastPrompt *counts;

  for (guint i = 0; i < records->len; i++)
    phases[i] = ((MoeTokenRecord *) records->pdata[i])->phase;
  if (moe_span_select (&self->span, phases, records->len, target_first, target_end, chosen) == 0)
    {
      self->n_skipped++;
      return;
    }

  counts = g_new0 (MoeContrastPrompt, 1);
  counts->key = moe_contrast_make_key (prompt);
  counts->mark = moe_prompt_get_mark (prompt);
  counts->side = side;
  counts->label = g_strdup (prompt->label);
  counts->pair = g_strdup (prompt->pair);
  counts->hits = g_new0 (guint32, n_cells);
  counts->weights = g_new0 (double, n_cells);
  if (self->marker >= 0)
    counts->marked_hits = g_new0 (guint32, n_cells);
  for (guint i = 0; i < records->len; i++)
    if (chosen[i])
      add_record (self, counts, records->pdata[i]);
  g_ptr_array_add (self->prompts, counts);
}

gboolean
moe_contrast_counts_check (const MoeContrastCounts  *self,
                           GError                  **error)
{
  guint n[2] = { 0, 0 };

  for (guint i = 0; i < self->prompts->len; i++)
    n[((MoeContrastPrompt *) self->prompts->pdata[i])->side]++;
  if (n[MOE_CONTRAST_A] > 0 && n[MOE_CONTRAST_B] > 0)
    return TRUE;
  if (self->n_skipped == 0)
    g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "set %s holds no prompts",
                 n[MOE_CONTRAST_A] == 0 ? "A" : "B");
  else
    {
      g_autofree char *span = moe_span_format (n[MOE_CONTRAST_A] > 0 && self->has_span_b ? &self->span_b
                                                                                          : &self->span);

      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "no prompt of set %s has a token in the span '%s'",
                   n[MOE_CONTRAST_A] == 0 ? "A" : "B", span);
    }
  return FALSE;
}
