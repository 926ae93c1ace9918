/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-contrast-run"

#include "ui/moe-contrast-study.h"

#include "data/moe-error.h"
#include "ui/moe-study-model.h"

struct _MoeContrastRun
{
  gatomicrefcount      ref_count;
  MoeContrastSettings  settings;
  MoeContrastCounts   *counts;
  char                *sources[2]; /* "harmful.csv, SHA-256 ..." */
};

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
         self->session.kernels == other->session.kernels;
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

/* An answer as long as the span looks at it. */
static guint
get_n_generate (const MoeContrastSettings *settings)
{
  if (settings->n_generate > 0 ||
      (settings->span.kind != MOE_SPAN_ANSWER && settings->span.kind != MOE_SPAN_THINKING))
    return settings->n_generate;
  return settings->span.n > 0 ? settings->span.n : 32;
}

MoeContrastRun *
moe_contrast_run_new (const MoeContrastSettings  *settings,
                      gboolean                    project,
                      const MoeProgress          *progress,
                      GError                    **error)
{
  g_autoptr(MoeContrastRun) self = NULL;
  g_autoptr(MoeModel) model = NULL;
  g_autoptr(MoeSession) session = NULL;
  g_autoptr(MoePromptSet) a = NULL;
  g_autoptr(MoePromptSet) b = NULL;
  MoePromptRunOptions options = { 0 };
  MoeProgressPart part;

  g_return_val_if_fail (settings != NULL && settings->model != NULL && settings->a != NULL, NULL);

  self = g_new0 (MoeContrastRun, 1);
  g_atomic_ref_count_init (&self->ref_count);
  moe_contrast_settings_copy (&self->settings, settings);
  if (!load_sets (self, &a, &b, error))
    return NULL;
  self->sources[0] = describe_set (a);
  self->sources[1] = describe_set (b);
  model = moe_study_open_model (settings->model, progress, error);
  if (model == NULL)
    return NULL;
  session = moe_session_new (model, &settings->session, error);
  if (session == NULL)
    return NULL;

  options = (MoePromptRunOptions) {
    .raw = settings->raw, .system = settings->system, .n_generate = get_n_generate (settings),
    .seed = settings->seed,
  };
  self->counts = moe_contrast_counts_run (session, a, b, &settings->span, settings->marker, &options,
                                          moe_progress_part_init (&part, progress, 0, project ? 0.4 : 1),
                                          error);
  if (self->counts == NULL)
    return NULL;
  if (project && !moe_contrast_counts_project (self->counts, session, a, b, &options,
                                               moe_progress_part_init (&part, progress, 0.4, 1), error))
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
  g_free (self->sources[0]);
  g_free (self->sources[1]);
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

void
moe_contrast_run_add_provenance (MoeContrastRun *self,
                                 MoeTable       *table)
{
  g_return_if_fail (self != NULL && table != NULL);

  moe_table_set_provenance (table, "set-a", self->sources[0]);
  moe_table_set_provenance (table, "set-b", self->sources[1]);
}
