/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-contrast-run"

#include "ui/moe-contrast-study.h"

#include "analysis/moe-report.h"
#include "data/moe-error.h"
#include "ui/moe-study-model.h"

/* Tokens after which it is clear whether an answer is a refusal. */
#define JUDGED_ANSWER 32

struct _MoeContrastRun
{
  gatomicrefcount      ref_count;
  MoeContrastSettings  settings;
  MoeContrastCounts   *counts;
  MoeTable            *source; /* no rows; its provenance says where the counts come from */
  char                *hash;   /* of the recording, or NULL */
  gint64               n_tokens;
};

/* --- sides -------------------------------------------------------------------------------------------- */

const char *
moe_contrast_sides_get_name (MoeContrastSides sides)
{
  static const char *const names[] = { "sets", "answers", "parts", "recorded-answers" };

  g_return_val_if_fail (sides < MOE_N_CONTRAST_SIDES, NULL);

  return names[sides];
}

gboolean
moe_contrast_sides_recorded (MoeContrastSides sides)
{
  return sides == MOE_CONTRAST_PARTS || sides == MOE_CONTRAST_RECORDED_ANSWERS;
}

/* --- settings ----------------------------------------------------------------------------------------- */

void
moe_contrast_settings_init (MoeContrastSettings *self)
{
  *self = (MoeContrastSettings) { .span = { MOE_SPAN_LAST, 1 }, .marker = -1 };
}

void
moe_contrast_settings_clear (MoeContrastSettings *self)
{
  g_free (self->model);
  g_free (self->a);
  g_free (self->b);
  g_free (self->system);
  g_free (self->recording);
  g_free ((char *) self->columns.column);
  g_free ((char *) self->columns.label_column);
  g_free ((char *) self->columns.pair_column);
  g_free ((char *) self->columns.answer_column);
  g_free ((char *) self->columns.target_column);
  moe_contrast_settings_init (self);
}

void
moe_contrast_settings_copy (MoeContrastSettings       *self,
                            const MoeContrastSettings *from)
{
  *self = *from;
  self->model = g_strdup (from->model);
  self->a = g_strdup (from->a);
  self->b = g_strdup (from->b);
  self->system = g_strdup (from->system);
  self->recording = g_strdup (from->recording);
  self->columns.column = g_strdup (from->columns.column);
  self->columns.label_column = g_strdup (from->columns.label_column);
  self->columns.pair_column = g_strdup (from->columns.pair_column);
  self->columns.answer_column = g_strdup (from->columns.answer_column);
  self->columns.target_column = g_strdup (from->columns.target_column);
}

gboolean
moe_contrast_settings_equal (const MoeContrastSettings *self,
                             const MoeContrastSettings *other)
{
  return g_strcmp0 (self->model, other->model) == 0 && g_strcmp0 (self->a, other->a) == 0 &&
         g_strcmp0 (self->b, other->b) == 0 && g_strcmp0 (self->system, other->system) == 0 &&
         g_strcmp0 (self->columns.column, other->columns.column) == 0 &&
         g_strcmp0 (self->columns.label_column, other->columns.label_column) == 0 &&
         g_strcmp0 (self->columns.pair_column, other->columns.pair_column) == 0 &&
         g_strcmp0 (self->columns.answer_column, other->columns.answer_column) == 0 &&
         g_strcmp0 (self->columns.target_column, other->columns.target_column) == 0 &&
         self->columns.limit == other->columns.limit && self->columns.skip == other->columns.skip &&
         self->raw == other->raw &&
         self->n_generate == other->n_generate && self->span.kind == other->span.kind &&
         self->span.n == other->span.n && self->marker == other->marker && self->seed == other->seed &&
         self->session.context == other->session.context && self->session.cache == other->session.cache &&
         self->session.kernels == other->session.kernels && self->sides == other->sides &&
         g_strcmp0 (self->recording, other->recording) == 0 && self->span_b.kind == other->span_b.kind &&
         self->span_b.n == other->span_b.n;
}

/* --- running ------------------------------------------------------------------------------------------ */

static gboolean
load_sets (MoeContrastRun  *self,
           MoePromptSet   **a,
           MoePromptSet   **b,
           GError         **error)
{
  const MoeContrastSettings *settings = &self->settings;

  *a = moe_prompt_set_load_full (settings->a, &settings->columns, error);
  if (*a == NULL)
    return FALSE;
  if (settings->b != NULL)
    {
      *b = moe_prompt_set_load_full (settings->b, &settings->columns, error);
      return *b != NULL;
    }
  if (!moe_prompt_set_has_sides (*a))
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "%s: is no file of pairs, so a second set is needed",
                   settings->a);
      return FALSE;
    }
  *b = moe_prompt_set_filter (*a, "1");
  {
    MoePromptSet *first = moe_prompt_set_filter (*a, "0");

    moe_prompt_set_unref (*a);
    *a = first;
  }
  return TRUE;
}

static char *
describe_set (MoePromptSet *set)
{
  g_autofree char *name = g_path_get_basename (moe_prompt_set_get_path (set));

  return g_strdup_printf ("%s, SHA-256 %s", name, moe_prompt_set_get_hash (set));
}

static void
add_set (MoeContrastRun *self,
         const char     *key,
         MoePromptSet   *set)
{
  g_autofree char *text = describe_set (set);

  moe_table_set_provenance (self->source, key, text);
}

/* An answer as long as the span looks at it, or as it takes to judge it. */
static guint
get_n_generate (const MoeContrastSettings *settings)
{
  if (settings->n_generate > 0)
    return settings->n_generate;
  if (settings->sides == MOE_CONTRAST_ANSWERS)
    return MAX (JUDGED_ANSWER, settings->span.n);
  if (settings->span.kind != MOE_SPAN_ANSWER && settings->span.kind != MOE_SPAN_THINKING)
    return 0;
  return settings->span.n > 0 ? settings->span.n : JUDGED_ANSWER;
}

static gboolean
count_prompts (MoeContrastRun     *self,
               gboolean            project,
               const MoeProgress  *progress,
               GError            **error)
{
  const MoeContrastSettings *settings = &self->settings;
  g_autoptr(MoeModel) model = NULL;
  g_autoptr(MoeSession) session = NULL;
  g_autoptr(MoePromptSet) all = NULL;
  g_autoptr(MoePromptSet) a = NULL;
  g_autoptr(MoePromptSet) b = NULL;
  gboolean by_answer = settings->sides == MOE_CONTRAST_ANSWERS;
  const MoePromptRunOptions options = {
    .raw = settings->raw, .system = settings->system, .n_generate = get_n_generate (settings),
    .seed = settings->seed,
  };
  const MoeProgress *step;
  MoeProgressPart part;

  if (by_answer)
    all = moe_prompt_set_load_full (settings->a, &settings->columns, error);
  if (by_answer ? all == NULL : !load_sets (self, &a, &b, error))
    return FALSE;
  model = moe_study_open_model (settings->model, progress, error);
  if (model == NULL)
    return FALSE;
  session = moe_session_new (model, &settings->session, error);
  if (session == NULL)
    return FALSE;

  step = moe_progress_part_init (&part, progress, 0, project ? 0.4 : 1);
  if (by_answer)
    {
      g_autoptr(MoeRefusalList) refusals = moe_refusal_list_new_default ();

      self->counts = moe_contrast_counts_run_by_answer (session, all, refusals, &settings->span,
                                                        settings->marker, &options, &a, &b, step, error);
    }
  else
    self->counts = moe_contrast_counts_run (session, a, b, &settings->span, settings->marker, &options,
                                            step, error);
  if (self->counts == NULL
      || (project && !moe_contrast_counts_project (self->counts, session, a, b, &options,
                                                   moe_progress_part_init (&part, progress, 0.4, 1), error)))
    return FALSE;
  add_set (self, "set-a", a);
  if (by_answer)
    moe_table_set_provenance (self->source, "sides", "a refused, b did not");
  else
    add_set (self, "set-b", b);
  return TRUE;
}

static gboolean
count_recording (MoeContrastRun     *self,
                 const MoeProgress  *progress,
                 GError            **error)
{
  const MoeContrastSettings *settings = &self->settings;
  g_autoptr(MoeRecording) recording = moe_recording_open (settings->recording, error);

  if (recording == NULL)
    return FALSE;
  if (settings->sides == MOE_CONTRAST_PARTS)
    {
      self->counts = moe_contrast_counts_from_spans (recording, &settings->span, &settings->span_b, progress,
                                                     error);
    }
  else
    {
      g_autoptr(MoeRefusalList) refusals = moe_refusal_list_new_default ();

      self->counts = moe_contrast_counts_from_answers (recording, refusals, &settings->span, progress, error);
      moe_table_set_provenance (self->source, "sides", "a refused, b did not");
    }
  self->hash = g_strdup (moe_recording_get_hash (recording));
  self->n_tokens = moe_recording_get_n_tokens (recording);
  return self->counts != NULL && moe_report_add_source (self->source, recording, error);
}

MoeContrastRun *
moe_contrast_run_new (const MoeContrastSettings  *settings,
                      gboolean                    project,
                      const MoeProgress          *progress,
                      GError                    **error)
{
  g_autoptr(MoeContrastRun) self = NULL;
  gboolean recorded;

  g_return_val_if_fail (settings != NULL, NULL);
  recorded = moe_contrast_sides_recorded (settings->sides);
  g_return_val_if_fail (recorded ? settings->recording != NULL
                                 : settings->model != NULL && settings->a != NULL, NULL);

  self = g_new0 (MoeContrastRun, 1);
  g_atomic_ref_count_init (&self->ref_count);
  moe_contrast_settings_copy (&self->settings, settings);
  self->source = moe_table_new ("Source");
  if (recorded ? !count_recording (self, progress, error) : !count_prompts (self, project, progress, error))
    return NULL;
  return g_steal_pointer (&self);
}

MoeContrastRun *
moe_contrast_run_ref (MoeContrastRun *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
moe_contrast_run_unref (MoeContrastRun *self)
{
  if (self == NULL || !g_atomic_ref_count_dec (&self->ref_count))
    return;

  moe_contrast_settings_clear (&self->settings);
  g_clear_pointer (&self->counts, moe_contrast_counts_free);
  g_clear_pointer (&self->source, moe_table_unref);
  g_free (self->hash);
  g_free (self);
}

const MoeContrastSettings *
moe_contrast_run_get_settings (MoeContrastRun *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return &self->settings;
}

gboolean
moe_contrast_run_is_projected (MoeContrastRun *self)
{
  g_return_val_if_fail (self != NULL, FALSE);

  return self->counts->projected;
}

const MoeModelInfo *
moe_contrast_run_get_info (MoeContrastRun *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->counts->info;
}

guint
moe_contrast_run_get_n_generate (MoeContrastRun *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return get_n_generate (&self->settings);
}

const MoeContrastCounts *
moe_contrast_run_get_counts (MoeContrastRun *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->counts;
}

const char *
moe_contrast_run_get_recording_hash (MoeContrastRun *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->hash;
}

gint64
moe_contrast_run_get_n_tokens (MoeContrastRun *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->n_tokens;
}

void
moe_contrast_run_add_provenance (MoeContrastRun *self,
                                 MoeTable       *table)
{
  g_return_if_fail (self != NULL && table != NULL);

  moe_table_copy_provenance (table, self->source);
}
