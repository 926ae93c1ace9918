/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-sink-scan"

#include "ui/moe-sink-scan.h"

#include <string.h>

#include "analysis/moe-masked-run.h"
#include "analysis/moe-report.h"
#include "data/moe-error.h"
#include "data/moe-number.h"
#include "ui/moe-study-command.h"

/* --- of a recording ----------------------------------------------------------------------------------- */

static MoeSinkScan *
scan (MoeRecording          *recording,
      const MoeSinkOptions  *options,
      GError               **error)
{
  g_autoptr(MoeSinkScan) self = g_new0 (MoeSinkScan, 1);
  MoeSinkOptions by = *options;

  self->info = moe_model_info_ref ((MoeModelInfo *) moe_recording_get_info (recording));
  by.by_head = TRUE;
  self->heads = moe_sinks_report (recording, &by, error);
  if (self->heads == NULL)
    return NULL;
  by.by_head = FALSE;
  self->layers = moe_sinks_report (recording, &by, error);
  return self->layers != NULL ? g_steal_pointer (&self) : NULL;
}

MoeSinkScan *
moe_sink_scan_new (const char            *path,
                   const MoeSinkOptions  *options,
                   GError               **error)
{
  g_autoptr(MoeRecording) recording = moe_recording_open (path, error);

  return recording != NULL ? scan (recording, options, error) : NULL;
}

void
moe_sink_scan_free (MoeSinkScan *self)
{
  if (self == NULL)
    return;

  g_clear_pointer (&self->info, moe_model_info_unref);
  g_clear_pointer (&self->heads, moe_table_unref);
  g_clear_pointer (&self->layers, moe_table_unref);
  g_free (self);
}

static MoeExhibit *
make_scan (const char  *path,
           gpointer     data,
           GError     **error)
{
  const MoeSinkOptions *options = data;
  g_autoptr(MoeSinkScan) found = moe_sink_scan_new (path, options, error);

  if (found == NULL)
    return NULL;
  return moe_sink_exhibit_take (found->info, g_steal_pointer (&found->heads),
                                g_steal_pointer (&found->layers), options->by_head);
}

MoeExport *
moe_sink_export_new (const MoeSinkOptions *options)
{
  MoeExport *self = g_new0 (MoeExport, 1);
  char number[MOE_NUMBER_BUFFER];

  self->name = g_strdup ("sinks");
  self->formats = MOE_EXHIBIT_TABLES | MOE_EXHIBIT_PICTURES | (options->by_head ? MOE_EXHIBIT_WIDE : 0);
  self->command = g_strdup ("sinks");
  self->options = g_strdup_printf ("--by %s --epsilon %s --length %u", options->by_head ? "head" : "layer",
                                   moe_number_format_double (number, options->epsilon), options->length);
  self->make = make_scan;
  self->data = g_memdup2 (options, sizeof *options);
  self->free_data = g_free;
  return self;
}

/* --- under a mask ------------------------------------------------------------------------------------- */

static void
change_clear (gpointer data)
{
  MoeSinkChange *self = data;

  g_clear_pointer (&self->info, moe_model_info_unref);
  g_clear_pointer (&self->before, moe_sink_stats_free);
  g_clear_pointer (&self->after, moe_sink_stats_free);
  g_clear_pointer (&self->mask, moe_mask_unref);
}

MoeSinkChange *
moe_sink_change_ref (MoeSinkChange *self)
{
  return g_atomic_rc_box_acquire (self);
}

void
moe_sink_change_unref (MoeSinkChange *self)
{
  g_atomic_rc_box_release_full (self, change_clear);
}

typedef struct
{
  const MoeProgress *progress;
  double             from;
} Half;

static void
report_half (double      fraction,
             const char *what,
             gpointer    user_data)
{
  const Half *half = user_data;

  if (half->progress->report != NULL)
    half->progress->report (half->from + fraction / 2, half->from > 0 ? "with interventions"
                            : "without interventions", half->progress->user_data);
}

MoeSinkChange *
moe_sink_change_new (MoeRecording       *recording,
                     MoeSession         *session,
                     MoeMask            *mask,
                     const MoeProgress  *progress,
                     GError            **error)
{
  g_autoptr(GPtrArray) prompts = moe_masked_run_load_prompts (recording, error);
  g_autoptr(MoeMaskedRun) before = NULL, after = NULL;
  Half half = { progress, 0 };
  const MoeProgress step = { progress != NULL ? progress->cancellable : NULL, report_half, &half };
  MoeSinkChange *self;

  if (prompts == NULL)
    return NULL;
  before = moe_masked_run_new (session, prompts, NULL, progress != NULL ? &step : NULL, error);
  half.from = 0.5;
  if (before != NULL)
    after = moe_masked_run_new (session, prompts, mask, progress != NULL ? &step : NULL, error);
  if (after == NULL)
    return NULL;

  self = g_atomic_rc_box_new0 (MoeSinkChange);
  self->info = moe_model_info_ref ((MoeModelInfo *) moe_recording_get_info (recording));
  self->before = g_steal_pointer (&before->sinks);
  self->after = g_steal_pointer (&after->sinks);
  self->mask = mask != NULL ? moe_mask_ref (mask) : NULL;
  self->n_tokens = moe_recording_get_n_tokens (recording);
  return self;
}

char *
moe_mask_to_provenance (const MoeMask *mask)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < moe_mask_get_n (mask); i++)
    {
      g_autofree char *one = moe_intervention_describe (moe_mask_get (mask, i));

      g_string_append_printf (text, "%s%s", i > 0 ? " + " : "", one);
    }
  if (text->len == 0)
    g_string_append (text, "none");
  return g_string_free (text, FALSE);
}

MoeTable *
moe_sink_change_to_table (const MoeSinkChange  *self,
                          MoeRecording         *recording,
                          gboolean              by_head,
                          GError              **error)
{
  g_autoptr(MoeTable) table = moe_sinks_compare (self->info, self->before, self->after, by_head);
  g_autofree char *mask = moe_mask_to_provenance (self->mask);

  if (!moe_report_add_source (table, recording, error))
    return NULL;
  moe_table_set_provenance (table, "mask", mask);
  return g_steal_pointer (&table);
}

MoeExhibit *
moe_sink_change_to_exhibit (const MoeSinkChange  *self,
                            MoeRecording         *recording,
                            gboolean              by_head,
                            GError              **error)
{
  g_autoptr(MoeTable) heads = moe_sink_change_to_table (self, recording, TRUE, error);
  g_autoptr(MoeTable) layers = NULL;

  if (heads != NULL)
    layers = moe_sink_change_to_table (self, recording, FALSE, error);
  if (layers == NULL)
    return NULL;
  return moe_sink_exhibit_take (self->info, g_steal_pointer (&heads), g_steal_pointer (&layers), by_head);
}

typedef struct
{
  MoeSinkChange *change;
  gboolean       by_head;
} Change;

static void
change_free (gpointer data)
{
  moe_sink_change_unref (((Change *) data)->change);
  g_free (data);
}

static MoeExhibit *
make_change (const char  *path,
             gpointer     data,
             GError     **error)
{
  const Change *change = data;
  g_autoptr(MoeRecording) recording = moe_recording_open (path, error);

  if (recording == NULL)
    return NULL;
  if (moe_recording_get_n_tokens (recording) != change->change->n_tokens)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_MISMATCH,
                   "the recording has grown since it was compared; compare again");
      return NULL;
    }
  return moe_sink_change_to_exhibit (change->change, recording, change->by_head, error);
}

MoeExport *
moe_sink_change_export_new (MoeSinkChange *self,
                            gboolean       by_head)
{
  MoeExport *export = g_new0 (MoeExport, 1);
  Change *change = g_new (Change, 1);
  g_autofree char *model = g_shell_quote (self->info->path);
  GString *options = g_string_new (NULL);

  g_string_printf (options, "--by %s --model %s", by_head ? "head" : "layer", model);
  moe_command_add_mask (options, self->mask, self->info);
  change->change = moe_sink_change_ref (self);
  change->by_head = by_head;
  export->name = g_strdup ("sinks-change");
  export->formats = MOE_EXHIBIT_TABLES | MOE_EXHIBIT_PICTURES | (by_head ? MOE_EXHIBIT_WIDE : 0);
  export->command = g_strdup ("sinks");
  export->options = g_string_free (options, FALSE);
  export->make = make_change;
  export->data = change;
  export->free_data = change_free;
  return export;
}
