/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-super-scan"

#include "ui/moe-super-scan.h"

#include "analysis/moe-massive-activations.h"
#include "analysis/moe-super-published.h"
#include "analysis/moe-super-weights.h"
#include "data/moe-error.h"
#include "data/moe-number.h"
#include "ui/moe-routing-plot.h"

/* --- finding ------------------------------------------------------------------------------------------ */

MoeSuperChoice *
moe_super_choice_copy (const MoeSuperChoice *self)
{
  MoeSuperChoice *copy = g_memdup2 (self, sizeof *self);

  copy->layers = g_strdup (self->layers);
  copy->model = self->model != NULL ? moe_model_ref (self->model) : NULL;
  return copy;
}

void
moe_super_choice_free (MoeSuperChoice *self)
{
  if (self == NULL)
    return;

  g_clear_pointer (&self->model, moe_model_unref);
  g_free (self->layers);
  g_free (self);
}

static void
append_shared_options (const MoeSuperChoice *self,
                       GString              *line)
{
  char number[MOE_NUMBER_BUFFER];

  if (self->phases != MOE_PHASES_ALL)
    {
      g_autofree char *phases = moe_phases_format (self->phases);

      g_string_append_printf (line, " --phase %s", phases);
    }
  if (self->ratio != MOE_MASSIVE_RATIO)
    g_string_append_printf (line, " --ratio %s", moe_number_format_double (number, self->ratio));
}

char *
moe_super_choice_to_options (const MoeSuperChoice *self)
{
  GString *line = g_string_new (NULL);

  g_string_append_printf (line, "--layers %s", self->layers);
  if (self->first_row)
    g_string_append (line, " --reduction first-row");
  append_shared_options (self, line);
  if (self->model != NULL)
    {
      g_autofree char *path = g_shell_quote (moe_model_get_info (self->model)->path);

      g_string_append_printf (line, " --model %s", path);
    }
  return g_string_free (line, FALSE);
}

static MoeSession *
start_session (MoeModel  *model,
               GError   **error)
{
  const MoeSessionOptions options = { .cache = MOE_CACHE_F16, .kernels = MOE_KERNELS_AUTO };

  return moe_session_new (model, &options, error);
}

static MoeSuperExperts *
find (MoeRecording          *recording,
      const MoeSuperChoice  *choice,
      GCancellable          *cancellable,
      GError               **error)
{
  g_auto(MoeSuperOptions) options;
  g_autoptr(MoeSuperExperts) experts = NULL;

  moe_super_options_init (&options);
  if (!moe_super_options_parse_layers (&options, choice->layers, error))
    return NULL;
  options.first_row = choice->first_row;
  options.phases = choice->phases;
  options.ratio = choice->ratio;
  experts = moe_super_experts_new (recording, &options, error);
  if (experts == NULL)
    return NULL;
  if (choice->model != NULL)
    {
      g_autoptr(MoeSession) session = start_session (choice->model, error);

      if (session == NULL
          || !moe_super_experts_find_weights (experts, recording, session, cancellable, error))
        return NULL;
    }
  return g_steal_pointer (&experts);
}

/* Both stay NULL when nothing is published about the model. */
static gboolean
compare_published (MoeSuperScan  *self,
                   MoeRecording  *recording,
                   GError       **error)
{
  g_autoptr(MoePublishedExperts) published = moe_published_experts_load (NULL, error);
  g_autoptr(GError) local = NULL;

  if (published == NULL)
    return FALSE;
  self->comparison = moe_super_published_describe (self->experts, published);
  self->published = moe_super_published_to_table (self->experts, published, recording, &local);
  if (local == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

MoeSuperScan *
moe_super_scan_new (const char            *path,
                    const MoeSuperChoice  *choice,
                    const MoeProgress     *progress,
                    GError               **error)
{
  g_autoptr(MoeRecording) recording = moe_recording_open (path, error);
  g_autoptr(MoeSuperScan) self = g_new0 (MoeSuperScan, 1);

  if (recording == NULL || !moe_progress_step (progress, 0, "super experts", error))
    return NULL;
  self->info = moe_model_info_ref ((MoeModelInfo *) moe_recording_get_info (recording));
  self->experts = find (recording, choice, progress != NULL ? progress->cancellable : NULL, error);
  for (guint i = 0; self->experts != NULL && i < MOE_N_SUPER_PLOTS; i++)
    {
      self->tables[i] = moe_super_table_new (self->experts, recording, (MoeSuperPlot) i, error);
      if (self->tables[i] == NULL)
        return NULL;
    }
  if (self->experts == NULL || !moe_progress_step (progress, 0.5, "massive activations", error))
    return NULL;
  self->massive = moe_massive_activations_report (recording, choice->phases, choice->ratio, error);
  if (self->massive == NULL || !compare_published (self, recording, error))
    return NULL;
  return g_steal_pointer (&self);
}

void
moe_super_scan_free (MoeSuperScan *self)
{
  if (self == NULL)
    return;

  g_clear_pointer (&self->info, moe_model_info_unref);
  g_clear_pointer (&self->experts, moe_super_experts_free);
  for (guint i = 0; i < MOE_N_SUPER_PLOTS; i++)
    g_clear_pointer (&self->tables[i], moe_table_unref);
  g_clear_pointer (&self->massive, moe_table_unref);
  g_clear_pointer (&self->published, moe_table_unref);
  g_free (self->comparison);
  g_free (self);
}

/* --- their exports ------------------------------------------------------------------------------------ */

typedef struct
{
  MoeSuperChoice *choice;
  MoeSuperPlot    plot;
} Ranking;

static void
ranking_free (gpointer data)
{
  moe_super_choice_free (((Ranking *) data)->choice);
  g_free (data);
}

static MoeExhibit *
make_ranking (const char  *path,
              gpointer     data,
              GError     **error)
{
  const Ranking *ranking = data;
  g_autoptr(MoeRecording) recording = moe_recording_open (path, error);
  g_autoptr(MoeSuperExperts) experts = NULL;

  if (recording == NULL)
    return NULL;
  experts = find (recording, ranking->choice, NULL, error);
  return experts != NULL ? moe_super_exhibit_new (experts, recording, ranking->plot, error) : NULL;
}

MoeExport *
moe_super_export_new (const MoeSuperChoice *choice,
                      MoeSuperPlot          plot)
{
  MoeExport *self = g_new0 (MoeExport, 1);
  Ranking *ranking = g_new (Ranking, 1);
  g_autofree char *options = NULL;

  ranking->choice = moe_super_choice_copy (choice);
  ranking->plot = plot;
  self->name = g_strdup ("super-experts");
  self->formats = MOE_EXHIBIT_TABLES | MOE_EXHIBIT_PICTURES;
  self->command = g_strdup ("super-experts");
  options = moe_super_choice_to_options (choice);
  self->options = g_strdup_printf ("--view %s %s", moe_super_plot_get_name (plot), options);
  self->make = make_ranking;
  self->data = ranking;
  self->free_data = ranking_free;
  return self;
}

static MoeExhibit *
make_published (const char  *path,
                gpointer     data,
                GError     **error)
{
  g_autoptr(MoeSuperScan) scan = moe_super_scan_new (path, data, NULL, error);

  if (scan == NULL)
    return NULL;
  if (scan->published == NULL)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "%s: nothing is published about this model", path);
      return NULL;
    }
  return moe_exhibit_new (g_steal_pointer (&scan->published), NULL);
}

MoeExport *
moe_published_export_new (const MoeSuperChoice *choice)
{
  MoeExport *self = g_new0 (MoeExport, 1);
  MoeSuperChoice *copy = moe_super_choice_copy (choice);
  g_autofree char *options = NULL;

  /* No super weights are in it. */
  g_clear_pointer (&copy->model, moe_model_unref);
  options = moe_super_choice_to_options (copy);
  self->name = g_strdup ("published-super-experts");
  self->formats = MOE_EXHIBIT_TABLES;
  self->command = g_strdup ("super-experts");
  self->options = g_strdup_printf ("--view published %s", options);
  self->make = make_published;
  self->data = copy;
  self->free_data = (GDestroyNotify) moe_super_choice_free;
  return self;
}

static MoeExhibit *
make_massive (const char  *path,
              gpointer     data,
              GError     **error)
{
  const MoeSuperChoice *choice = data;
  g_autoptr(MoeRecording) recording = moe_recording_open (path, error);

  return recording != NULL ? moe_massive_exhibit_new (recording, choice->phases, choice->ratio, error) : NULL;
}

MoeExport *
moe_massive_export_new (const MoeSuperChoice *choice)
{
  MoeExport *self = g_new0 (MoeExport, 1);
  GString *options = g_string_new (NULL);

  append_shared_options (choice, options);
  self->name = g_strdup ("massive-activations");
  self->formats = MOE_EXHIBIT_TABLES | MOE_EXHIBIT_PICTURES;
  self->command = g_strdup ("massive-activations");
  self->options = g_strstrip (g_string_free (options, FALSE));
  self->make = make_massive;
  self->data = moe_super_choice_copy (choice);
  self->free_data = (GDestroyNotify) moe_super_choice_free;
  return self;
}

/* --- the causal check --------------------------------------------------------------------------------- */

static void
causal_result_clear (gpointer data)
{
  MoeCausalResult *self = data;

  g_clear_pointer (&self->check, moe_causal_check_free);
  g_free (self->experts);
  g_free (self->model);
}

MoeCausalResult *
moe_causal_result_ref (MoeCausalResult *self)
{
  return g_atomic_rc_box_acquire (self);
}

void
moe_causal_result_unref (MoeCausalResult *self)
{
  g_atomic_rc_box_release_full (self, causal_result_clear);
}

MoeCausalResult *
moe_causal_result_new (const char         *path,
                       MoeModel           *model,
                       const char         *experts,
                       const MoeProgress  *progress,
                       GError            **error)
{
  g_autoptr(GArray) candidates = g_array_new (FALSE, FALSE, sizeof (MoeCausalExpert));
  g_auto(GStrv) names = g_strsplit (experts, ",", -1);
  g_autoptr(MoeRecording) recording = NULL;
  g_autoptr(GPtrArray) prompts = NULL;
  g_autoptr(MoeSession) session = NULL;
  MoeCausalOptions options = { .mode = MOE_MODE_ZERO, .n_draws = MOE_CAUSAL_DRAWS };
  MoeCausalCheck *check;
  MoeCausalResult *self;

  for (guint i = 0; names[i] != NULL; i++)
    {
      MoeCausalExpert expert;
      int layer;

      if (!moe_expert_parse (names[i], &layer, &expert.expert))
        {
          g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "“%s” is no expert such as L3E17", names[i]);
          return NULL;
        }
      expert.layer = (guint) layer;
      g_array_append_val (candidates, expert);
    }
  options.experts = (const MoeCausalExpert *) candidates->data;
  options.n_experts = candidates->len;

  recording = moe_recording_open (path, error);
  prompts = recording != NULL ? moe_masked_run_load_prompts (recording, error) : NULL;
  session = prompts != NULL ? start_session (model, error) : NULL;
  check = session != NULL ? moe_causal_check_new (session, prompts, &options, progress, error) : NULL;
  if (check == NULL)
    return NULL;

  self = g_atomic_rc_box_new0 (MoeCausalResult);
  self->check = check;
  self->experts = g_strdup (experts);
  self->n_tokens = moe_recording_get_n_tokens (recording);
  self->model = g_strdup (moe_model_get_info (model)->path);
  return self;
}

typedef struct
{
  MoeCausalResult *result;
  MoeCausalPlot    plot;
} Causal;

static void
causal_free (gpointer data)
{
  moe_causal_result_unref (((Causal *) data)->result);
  g_free (data);
}

static MoeExhibit *
make_causal (const char  *path,
             gpointer     data,
             GError     **error)
{
  const Causal *causal = data;
  g_autoptr(MoeRecording) recording = moe_recording_open (path, error);

  if (recording == NULL)
    return NULL;
  if (moe_recording_get_n_tokens (recording) != causal->result->n_tokens)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_MISMATCH,
                   "the recording has grown since the check was made; check again");
      return NULL;
    }
  return moe_causal_exhibit_new (causal->result->check, recording, causal->plot, error);
}

MoeExport *
moe_causal_export_new (MoeCausalResult *self,
                       MoeCausalPlot    plot)
{
  static const char *const details[] = { "", " --by-layer", " --by-head" };
  MoeExport *export = g_new0 (MoeExport, 1);
  Causal *causal = g_new (Causal, 1);
  g_autofree char *model = g_shell_quote (self->model);

  causal->result = moe_causal_result_ref (self);
  causal->plot = plot;
  export->name = g_strdup ("causal-check");
  export->formats = MOE_EXHIBIT_TABLES | MOE_EXHIBIT_PICTURES;
  export->command = g_strdup ("super-experts");
  export->options = g_strdup_printf ("--model %s --causal --experts %s%s", model, self->experts,
                                     details[moe_causal_plot_get_detail (plot)]);
  export->picture_options = g_strdup_printf ("--plot %s", moe_causal_plot_get_name (plot));
  export->make = make_causal;
  export->data = causal;
  export->free_data = causal_free;
  return export;
}
