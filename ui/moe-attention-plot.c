/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-attention-plot"

#include "ui/moe-attention-plot.h"

#include <string.h>

#include "analysis/moe-report.h"
#include "data/moe-error.h"
#include "ui/moe-sink-scan.h"
#include "ui/moe-study-command.h"
#include "ui/moe-token-text.h"

MoeMatrixPlot *
moe_attention_map_new (const MoeAttentionPattern *pattern,
                       const MoeModelInfo        *info)
{
  guint n = pattern->text->n, n_columns = n + (pattern->has_learned ? 1 : 0);
  char **rows = g_new0 (char *, n + 1), **columns = g_new0 (char *, n_columns + 1);
  MoeMatrixPlot *self;

  self = moe_matrix_plot_new (n, n_columns,
                              g_strdup_printf ("%s: Attention of Layer %u, Head %u", info->name,
                                               pattern->layer, pattern->head),
                              g_strdup ("attention"));
  self->plot.row_title = "query";
  self->plot.column_title = pattern->has_learned ? "key (last: the learned sink)" : "key";
  self->plot.missing_text = "later";
  self->plot.scale = MOE_SCALE_SQRT;
  self->plot.marginals = FALSE;
  self->plot.empty_text = "There are no tokens to run";
  for (guint query = 0; query < n; query++)
    {
      g_autofree char *text = moe_token_text_make_visible (pattern->text->texts[query]);

      rows[query] = g_strdup_printf ("%u %s", query, text);
      columns[query] = g_strdup (rows[query]);
      for (guint key = 0; key <= query; key++)
        self->values[(gsize) query * n_columns + key] = pattern->rows[(gsize) query * n + key];
      if (pattern->has_learned)
        self->values[(gsize) query * n_columns + n] = pattern->learned[query];
    }
  if (pattern->has_learned)
    columns[n] = g_strdup ("learned sink");
  moe_matrix_plot_take_names (self, rows, columns);
  return self;
}

static MoeAttentionResult *
run (MoeAttentionText   *text,
     MoeSession         *session,
     MoeMask            *mask,
     guint               layer,
     guint               head,
     const MoeProgress  *progress,
     GError            **error)
{
  MoeAttentionPattern *pattern;
  MoeAttentionResult *self;

  if (!moe_session_set_mask (session, mask, error))
    {
      moe_attention_text_free (text);
      return NULL;
    }
  pattern = moe_attention_pattern_new (session, text, layer, head, progress, error);
  if (pattern == NULL)
    return NULL;
  self = g_atomic_rc_box_new0 (MoeAttentionResult);
  self->pattern = pattern;
  self->info = moe_model_info_ref ((MoeModelInfo *) moe_model_get_info (moe_session_get_model (session)));
  self->mask = mask != NULL ? moe_mask_ref (mask) : NULL;
  self->token = -1;
  self->n_tokens = -1;
  return self;
}

MoeAttentionResult *
moe_attention_result_new (MoeRecording       *recording,
                          gint64              token,
                          MoeSession         *session,
                          MoeMask            *mask,
                          guint               layer,
                          guint               head,
                          const MoeProgress  *progress,
                          GError            **error)
{
  MoeAttentionText *text = moe_attention_text_new_from_recording (recording, token, error);
  MoeAttentionResult *self = text != NULL ? run (text, session, mask, layer, head, progress, error) : NULL;

  if (self != NULL)
    {
      self->token = token;
      self->n_tokens = moe_recording_get_n_tokens (recording);
    }
  return self;
}

MoeAttentionResult *
moe_attention_result_new_for_text (MoeAttentionText   *text,
                                   MoeSession         *session,
                                   MoeMask            *mask,
                                   guint               layer,
                                   guint               head,
                                   const MoeProgress  *progress,
                                   GError            **error)
{
  return run (text, session, mask, layer, head, progress, error);
}

static void
result_clear (gpointer data)
{
  MoeAttentionResult *self = data;

  g_clear_pointer (&self->pattern, moe_attention_pattern_free);
  g_clear_pointer (&self->info, moe_model_info_unref);
  g_clear_pointer (&self->mask, moe_mask_unref);
}

MoeAttentionResult *
moe_attention_result_ref (MoeAttentionResult *self)
{
  return g_atomic_rc_box_acquire (self);
}

void
moe_attention_result_unref (MoeAttentionResult *self)
{
  g_atomic_rc_box_release_full (self, result_clear);
}

static MoeTable *
make_table (MoeAttentionResult  *self,
            MoeRecording        *recording,
            gboolean             wide,
            GError             **error)
{
  g_autoptr(MoeTable) table = moe_attention_pattern_to_table (self->pattern, self->info, wide);
  g_autofree char *mask = moe_mask_to_provenance (self->mask);

  if (recording != NULL && !moe_report_add_source (table, recording, error))
    return NULL;
  moe_table_set_provenance (table, "mask", mask);
  moe_table_set_provenance (table, "version", MOE_VERSION);
  return g_steal_pointer (&table);
}

MoeExhibit *
moe_attention_exhibit_new (MoeAttentionResult  *self,
                           MoeRecording        *recording,
                           GError             **error)
{
  g_autoptr(MoeTable) table = make_table (self, recording, FALSE, error);
  g_autoptr(MoeTable) wide = table != NULL ? make_table (self, recording, TRUE, error) : NULL;
  MoeExhibit *exhibit;

  if (wide == NULL)
    return NULL;
  exhibit = moe_exhibit_new (g_steal_pointer (&table), g_steal_pointer (&wide));
  moe_exhibit_set_matrix (exhibit, moe_attention_map_new (self->pattern, self->info));
  return exhibit;
}

static MoeExhibit *
make (const char  *path,
      gpointer     data,
      GError     **error)
{
  MoeAttentionResult *self = data;
  g_autoptr(MoeRecording) recording = moe_recording_open (path, error);

  if (recording == NULL)
    return NULL;
  if (moe_recording_get_n_tokens (recording) != self->n_tokens)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_MISMATCH,
                   "the recording has grown since the pattern was made; show it again");
      return NULL;
    }
  return moe_attention_exhibit_new (self, recording, error);
}

MoeExport *
moe_attention_export_new (MoeAttentionResult *self)
{
  MoeExport *export = g_new0 (MoeExport, 1);
  g_autofree char *model = g_shell_quote (self->info->path);
  GString *options = g_string_new (NULL);

  g_string_printf (options, "--model %s --layer %u --head %u", model, self->pattern->layer,
                   self->pattern->head);
  if (self->token >= 0)
    g_string_append_printf (options, " --token %" G_GINT64_FORMAT, self->token);
  moe_command_add_mask (options, self->mask, self->info);
  export->name = g_strdup_printf ("attention-L%uH%u", self->pattern->layer, self->pattern->head);
  export->formats = MOE_EXHIBIT_TABLES | MOE_EXHIBIT_WIDE | MOE_EXHIBIT_PICTURES;
  export->command = g_strdup ("attention");
  export->options = g_string_free (options, FALSE);
  export->make = make;
  export->data = moe_attention_result_ref (self);
  export->free_data = (GDestroyNotify) moe_attention_result_unref;
  return export;
}
