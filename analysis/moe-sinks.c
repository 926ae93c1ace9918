/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-sinks"

#include "analysis/moe-sinks.h"

#include <math.h>

#include "analysis/moe-report.h"
#include "data/moe-error.h"
#include "data/moe-number.h"

/* Reads a recording into statistics, and its tokens into a checksum: what is compared must have run the same
 * ones. */
typedef struct
{
  MoeSinkStats *stats;
  GChecksum    *tokens;
  GError      **error;
} Reader;

static gboolean
read_record (MoeTokenRecord *record,
             const char     *text,
             gsize           text_length,
             gpointer        user_data)
{
  Reader *self = user_data;
  const gint64 token[3] = { record->prompt, record->position, record->token_id };

  g_checksum_update (self->tokens, (const guchar *) token, sizeof token);
  return moe_sink_stats_add (self->stats, record, self->error);
}

static MoeSinkStats *
read_recording (MoeRecording          *recording,
                const MoeSinkOptions  *options,
                GChecksum             *tokens,
                GError               **error)
{
  g_autoptr(MoeSinkStats) stats = moe_sink_stats_new (moe_recording_get_info (recording), options);
  g_autoptr(GError) local = NULL;
  Reader reader = { stats, tokens, &local };

  if (moe_recording_foreach (recording, 0, -1, read_record, &reader, error))
    return g_steal_pointer (&stats);
  if (local != NULL)
    g_propagate_prefixed_error (error, g_steal_pointer (&local), "%s: ",
                                moe_recording_get_path (recording));
  return NULL;
}

enum
{
  COLUMN_LAYER,
  COLUMN_HEAD,
  COLUMN_SHARE,
  COLUMN_RATE,
  COLUMN_LAST,
  COLUMN_LAST_DEVIATION,
  COLUMN_BEFORE,
  COLUMN_DECAY,
  COLUMN_LEARNED,
};

/* @head: -1 for a row a layer. */
static void
add_row (const MoeSinkStats *stats,
         const MoeSinkStats *before,
         MoeTable           *table,
         guint               layer,
         int                 head)
{
  guint row = moe_table_append_row (table);
  guint n_heads = head < 0 ? stats->n_heads : 1;
  gint64 hits = 0;

  for (gsize i = 0; i < n_heads; i++)
    hits += stats->hits[(gsize) layer * stats->n_heads + (gsize) MAX (head, 0) + i];
  moe_table_set_int (table, row, COLUMN_LAYER, layer);
  if (head >= 0)
    moe_table_set_int (table, row, COLUMN_HEAD, head);
  moe_table_set_double (table, row, COLUMN_SHARE, moe_sink_stats_get_share (stats, (int) layer, head));
  if (stats->n_samples > 0 && !stats->missing[layer])
    moe_table_set_double (table, row, COLUMN_RATE, (double) hits / ((double) stats->n_samples * n_heads));
  moe_table_set_double (table, row, COLUMN_LAST, moe_sink_stats_get_last (stats, (int) layer, head));
  if (head < 0)
    moe_table_set_double (table, row, COLUMN_LAST_DEVIATION,
                          moe_sink_stats_get_last_deviation (stats, layer));
  moe_table_set_double (table, row, COLUMN_LEARNED, moe_sink_stats_get_learned (stats, (int) layer, head));
  if (before != NULL)
    {
      moe_table_set_double (table, row, COLUMN_BEFORE, moe_sink_stats_get_share (before, (int) layer, head));
      moe_table_set_double (table, row, COLUMN_DECAY,
                            moe_sink_stats_get_decay (before, stats, (int) layer, head));
    }
}

static MoeTable *
make_table (const MoeSinkStats *stats,
            const MoeSinkStats *before,
            gboolean            by_head)
{
  static const char *const values[] = {
    "sink_share", "sink_rate", "last_query", "last_query_deviation", "sink_share_before", "decay",
    "learned_sink",
  };
  MoeTable *table = moe_table_new ("Attention Sinks");

  moe_table_add_column (table, "layer", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "head", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    moe_table_add_column (table, values[i], MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  for (guint layer = 0; layer < stats->n_layers; layer++)
    {
      if (!by_head)
        add_row (stats, before, table, layer, -1);
      for (guint head = 0; by_head && head < stats->n_heads; head++)
        add_row (stats, before, table, layer, (int) head);
    }
  return table;
}

static void
add_provenance (const MoeSinkStats *stats,
                MoeTable           *table)
{
  g_autofree char *queries = g_strdup_printf ("%" G_GINT64_FORMAT, stats->n_queries);
  g_autofree char *length = g_strdup_printf ("%u", stats->length);
  g_autofree char *samples = NULL;
  gint64 hits = 0;
  char number[MOE_NUMBER_BUFFER];

  samples = g_strdup_printf ("%" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " prompts are that long",
                             stats->n_samples, stats->n_prompts);
  moe_table_set_provenance (table, "queries", queries);
  moe_table_set_provenance (table, "epsilon", moe_number_format_double (number, stats->epsilon));
  moe_table_set_provenance (table, "length", length);
  moe_table_set_provenance (table, "samples", samples);
  if (stats->n_samples == 0 || stats->n_present == 0)
    return;
  for (gsize i = 0; i < (gsize) stats->n_layers * stats->n_heads; i++)
    hits += stats->hits[i];
  moe_number_format_double (number, (double) hits
                                      / ((double) stats->n_samples * stats->n_present * stats->n_heads));
  moe_table_set_provenance (table, "sink-rate", number);
}

static void
add_decay (const MoeSinkStats *before,
           const MoeSinkStats *after,
           MoeTable           *table)
{
  double decay = moe_sink_stats_get_decay (before, after, -1, -1);
  char number[MOE_NUMBER_BUFFER];

  if (!isnan (decay))
    moe_table_set_provenance (table, "decay", moe_number_format_double (number, decay));
}

/* The statistics of @before, which must be of the tokens that @tokens has seen. */
static MoeSinkStats *
read_before (MoeRecording          *before,
             MoeRecording          *recording,
             GChecksum             *tokens,
             const MoeSinkOptions  *options,
             GError               **error)
{
  const MoeModelInfo *info = moe_recording_get_info (recording);
  g_autoptr(GChecksum) tokens_before = g_checksum_new (G_CHECKSUM_SHA256);
  g_autoptr(MoeSinkStats) stats = NULL;

  if (!g_str_equal (moe_recording_get_info (before)->fingerprint, info->fingerprint))
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_MISMATCH, "%s: was not made with the model of %s, %s",
                   moe_recording_get_path (before), moe_recording_get_path (recording), info->name);
      return NULL;
    }
  stats = read_recording (before, options, tokens_before, error);
  if (stats == NULL)
    return NULL;
  if (!g_str_equal (g_checksum_get_string (tokens_before), g_checksum_get_string (tokens)))
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_MISMATCH, "%s: did not run the same tokens as %s",
                   moe_recording_get_path (before), moe_recording_get_path (recording));
      return NULL;
    }
  return g_steal_pointer (&stats);
}

MoeTable *
moe_sinks_report_against (MoeRecording          *recording,
                          MoeRecording          *before,
                          const MoeSinkOptions  *options,
                          GError               **error)
{
  g_autoptr(GChecksum) tokens = g_checksum_new (G_CHECKSUM_SHA256);
  g_autoptr(MoeSinkStats) stats = NULL, stats_before = NULL;
  g_autoptr(MoeTable) table = NULL;

  g_return_val_if_fail (recording != NULL && options != NULL && options->length >= 2, NULL);

  stats = read_recording (recording, options, tokens, error);
  if (stats == NULL)
    return NULL;
  if (before != NULL)
    {
      stats_before = read_before (before, recording, tokens, options, error);
      if (stats_before == NULL)
        return NULL;
    }

  table = make_table (stats, stats_before, options->by_head);
  moe_report_add_model (table, moe_recording_get_info (recording), MOE_PHASES_ALL);
  if (!moe_report_add_source (table, recording, error))
    return NULL;
  add_provenance (stats, table);
  if (before != NULL)
    {
      moe_table_set_provenance (table, "before", moe_recording_get_hash (before));
      add_decay (stats_before, stats, table);
    }
  return g_steal_pointer (&table);
}

MoeTable *
moe_sinks_report (MoeRecording          *recording,
                  const MoeSinkOptions  *options,
                  GError               **error)
{
  return moe_sinks_report_against (recording, NULL, options, error);
}

MoeTable *
moe_sinks_compare (const MoeModelInfo *info,
                   const MoeSinkStats *before,
                   const MoeSinkStats *after,
                   gboolean            by_head)
{
  MoeTable *table;

  g_return_val_if_fail (info != NULL && before != NULL && after != NULL, NULL);

  table = make_table (after, before, by_head);
  moe_report_add_model (table, info, MOE_PHASES_ALL);
  add_provenance (after, table);
  add_decay (before, after, table);
  return table;
}
