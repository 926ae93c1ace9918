/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-sinks"

#include "analysis/moe-sinks.h"

#include <math.h>

#include "analysis/moe-report.h"
#include "data/moe-error.h"
#include "data/moe-number.h"

typedef struct
{
  guint    n_layers, n_heads;
  double   epsilon;
  guint    length;
  gint64   prompt;    /* being read, -1 before the first */
  guint    n_current; /* of its tokens 0, 1, ... seen in order, at most length */
  double  *alpha;     /* (L, H) sums over these tokens */
  double  *share;     /* (L, H) sums over all queries t >= 1 */
  gint64  *hits;      /* (L, H) prompts with alpha > epsilon */
  gint64   n_queries;
  gint64   n_samples; /* prompts of at least length tokens */
  gint64   n_prompts;
  GError **error;
} Sinks;

static void
begin_prompt (Sinks  *self,
              gint64  prompt)
{
  self->prompt = prompt;
  self->n_prompts++;
  self->n_current = 0;
  for (gsize i = 0; i < (gsize) self->n_layers * self->n_heads; i++)
    self->alpha[i] = 0;
}

static gboolean
add_record (MoeTokenRecord *record,
            const char     *text,
            gsize           text_length,
            gpointer        user_data)
{
  Sinks *self = user_data;
  gsize n = (gsize) self->n_layers * self->n_heads;
  gboolean in_sample;

  if (record->prompt != self->prompt)
    begin_prompt (self, record->prompt);
  in_sample = self->n_current < self->length && record->position == self->n_current;
  if (record->position >= 1)
    self->n_queries++;

  for (gsize i = 0; i < n; i++)
    {
      double attention = moe_half_to_float (record->attention_first[i]);

      if (isnan (attention))
        {
          g_set_error (self->error, MOE_ERROR, MOE_ERROR_INVALID,
                       "token %" G_GINT64_FORMAT ": its attention in layer %u is no number", record->id,
                       (guint) (i / self->n_heads));
          return FALSE;
        }
      if (record->position >= 1)
        self->share[i] += attention;
      if (in_sample)
        self->alpha[i] += attention;
    }

  if (in_sample && ++self->n_current == self->length)
    {
      self->n_samples++;
      for (gsize i = 0; i < n; i++)
        self->hits[i] += self->alpha[i] / self->length > self->epsilon ? 1 : 0;
    }
  return TRUE;
}

static void
add_row (const Sinks *self,
         MoeTable    *table,
         guint        layer,
         guint        first_head,
         guint        n_heads,
         gboolean     by_head)
{
  guint row = moe_table_append_row (table);
  double share = 0;
  gint64 hits = 0;

  for (gsize i = 0; i < n_heads; i++)
    {
      share += self->share[(gsize) layer * self->n_heads + first_head + i];
      hits += self->hits[(gsize) layer * self->n_heads + first_head + i];
    }
  moe_table_set_int (table, row, 0, layer);
  if (by_head)
    moe_table_set_int (table, row, 1, first_head);
  if (self->n_queries > 0)
    moe_table_set_double (table, row, 2, share / ((double) self->n_queries * n_heads));
  if (self->n_samples > 0)
    moe_table_set_double (table, row, 3, (double) hits / ((double) self->n_samples * n_heads));
}

static MoeTable *
make_table (const Sinks *self,
            gboolean     by_head)
{
  MoeTable *table = moe_table_new ("Attention Sinks");

  moe_table_add_column (table, "layer", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "head", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "sink_share", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "sink_rate", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  for (guint layer = 0; layer < self->n_layers; layer++)
    {
      if (!by_head)
        add_row (self, table, layer, 0, self->n_heads, FALSE);
      for (guint head = 0; by_head && head < self->n_heads; head++)
        add_row (self, table, layer, head, 1, TRUE);
    }
  return table;
}

static void
add_provenance (const Sinks *self,
                MoeTable    *table)
{
  g_autofree char *queries = g_strdup_printf ("%" G_GINT64_FORMAT, self->n_queries);
  g_autofree char *length = g_strdup_printf ("%u", self->length);
  g_autofree char *samples = NULL;
  gint64 hits = 0;
  char number[MOE_NUMBER_BUFFER];

  samples = g_strdup_printf ("%" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " prompts are that long",
                             self->n_samples, self->n_prompts);
  moe_table_set_provenance (table, "queries", queries);
  moe_table_set_provenance (table, "epsilon", moe_number_format_double (number, self->epsilon));
  moe_table_set_provenance (table, "length", length);
  moe_table_set_provenance (table, "samples", samples);
  if (self->n_samples == 0)
    return;
  for (gsize i = 0; i < (gsize) self->n_layers * self->n_heads; i++)
    hits += self->hits[i];
  moe_number_format_double (number, (double) hits
                                      / ((double) self->n_samples * self->n_layers * self->n_heads));
  moe_table_set_provenance (table, "sink-rate", number);
}

MoeTable *
moe_sinks_report (MoeRecording          *recording,
                  const MoeSinkOptions  *options,
                  GError               **error)
{
  const MoeModelInfo *info;
  g_autofree double *alpha = NULL, *share = NULL;
  g_autofree gint64 *hits = NULL;
  g_autoptr(MoeTable) table = NULL;
  g_autoptr(GError) local = NULL;
  Sinks sinks;
  gsize n;

  g_return_val_if_fail (recording != NULL && options != NULL && options->length >= 2, NULL);

  info = moe_recording_get_info (recording);
  n = (gsize) info->n_layers * info->n_heads;
  alpha = g_new0 (double, n);
  share = g_new0 (double, n);
  hits = g_new0 (gint64, n);
  sinks = (Sinks) { .n_layers = info->n_layers, .n_heads = info->n_heads, .epsilon = options->epsilon,
                    .length = options->length, .prompt = -1, .alpha = alpha, .share = share, .hits = hits,
                    .error = &local };
  if (!moe_recording_foreach (recording, 0, -1, add_record, &sinks, error))
    {
      if (local != NULL)
        g_propagate_prefixed_error (error, g_steal_pointer (&local), "%s: ",
                                    moe_recording_get_path (recording));
      return NULL;
    }

  table = make_table (&sinks, options->by_head);
  moe_report_add_model (table, info, MOE_PHASES_ALL);
  if (!moe_report_add_source (table, recording, error))
    return NULL;
  add_provenance (&sinks, table);
  return g_steal_pointer (&table);
}
