/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include "app/cli-rerun.h"

#include "analysis/moe-masked-run.h"
#include "analysis/moe-report.h"

static void
show_progress (double      fraction,
               const char *what,
               gpointer    user_data)
{
  moe_cli_progress_show (user_data, fraction >= 1, "%s, %.0f %%", what, 100 * fraction);
}

gboolean
moe_cli_rerun_begin (MoeCliRerun   *self,
                     MoeCliSource  *source,
                     MoeModel      *model,
                     GError       **error)
{
  const MoeModelInfo *info = moe_model_get_info (model);

  if (!moe_cli_interventions_load (&source->interventions, info, &self->mask, error))
    return FALSE;
  self->prompts = moe_masked_run_load_prompts (source->recording, error);
  if (self->prompts == NULL)
    return FALSE;
  self->session = moe_cli_run_session (&source->run, model, error);
  moe_cli_progress_init (&self->line, source->run.progress);
  self->progress = (MoeProgress) { moe_cli_get_cancellable (), show_progress, &self->line };
  return self->session != NULL;
}

/* The table ran under our mask, which is not that of the recording. */
static gboolean
add_source (MoeCliRerun   *self,
            MoeTable      *table,
            MoeRecording  *recording,
            GError       **error)
{
  g_autoptr(GString) text = g_string_new (NULL);

  if (!moe_report_add_source (table, recording, error))
    return FALSE;
  for (guint i = 0; i < moe_mask_get_n (self->mask); i++)
    {
      g_autofree char *one = moe_intervention_describe (moe_mask_get (self->mask, i));

      g_string_append_printf (text, "%s%s", i > 0 ? " + " : "", one);
    }
  moe_table_set_provenance (table, "mask", text->len > 0 ? text->str : "none");
  return TRUE;
}

MoeTable *
moe_cli_rerun_end (MoeCliRerun   *self,
                   MoeCliSource  *source,
                   MoeTable      *table,
                   GError       **error)
{
  g_autoptr(MoeTable) made = table;

  moe_cli_progress_end (&self->line);
  if (made == NULL)
    {
      if (!g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        g_prefix_error (error, "%s: ", moe_recording_get_path (source->recording));
      return NULL;
    }
  return add_source (self, made, source->recording, error) ? g_steal_pointer (&made) : NULL;
}

void
moe_cli_rerun_clear (MoeCliRerun *self)
{
  g_clear_pointer (&self->session, moe_session_free);
  g_clear_pointer (&self->prompts, g_ptr_array_unref);
  g_clear_pointer (&self->mask, moe_mask_unref);
}
