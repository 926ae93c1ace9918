/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-contrast-page"

#include "ui/moe-contrast-page-private.h"

const char *const moe_contrast_spans[MOE_N_CONTRAST_SPANS] = {
  "last", "prompt", "answer:1", "answer:16", "all",
};

/* What a job gets: the run of the model, when there is one that still serves, or what to run. */
typedef struct
{
  MoeContrastSettings  settings;
  MoeContrastRun      *run; /* or NULL */
  MoeContrastOptions   options;
} Work;

static void
work_free (gpointer data)
{
  Work *work = data;

  moe_contrast_settings_clear (&work->settings);
  g_clear_pointer (&work->run, moe_contrast_run_unref);
  g_free (work);
}

static gpointer
do_work (gpointer            data,
         const MoeProgress  *progress,
         GError            **error)
{
  Work *work = data;
  MoeProgressPart part;
  gboolean run = work->run == NULL;

  if (run)
    work->run = moe_contrast_run_new (&work->settings, work->options.score == MOE_SCORE_PROJECTION,
                                      moe_progress_part_init (&part, progress, 0, 0.85), error);
  if (work->run == NULL)
    return NULL;
  return moe_contrast_study_new (work->run, &work->options,
                                 moe_progress_part_init (&part, progress, run ? 0.85 : 0, 1), error);
}

static void
on_done (MoePage  *page,
         gpointer  result)
{
  MoeContrastPage *self = MOE_CONTRAST_PAGE (page);

  g_clear_pointer (&self->study, moe_contrast_study_unref);
  self->study = result;
  moe_document_set_contrast (moe_page_get_document (page), self->study);
  moe_contrast_page_show_study (self);
  moe_page_queue_refresh (page);
}

static const char *
get_span (MoeContrastPage *self)
{
  guint chosen = gtk_drop_down_get_selected (self->span);

  return moe_contrast_spans[chosen < MOE_N_CONTRAST_SPANS ? chosen : 0];
}

static void
get_work (MoeContrastPage *self,
          const char      *model,
          Work            *work)
{
  moe_contrast_settings_init (&work->settings);
  work->settings.model = g_strdup (model);
  work->settings.a = g_strdup (moe_prompt_chooser_get_path (self->a));
  work->settings.b = g_strdup (moe_prompt_chooser_get_path (self->b));
  work->settings.columns.limit = (guint) gtk_spin_button_get_value_as_int (self->limit);
  work->settings.columns.skip = (guint) gtk_spin_button_get_value_as_int (self->skip);
  moe_span_parse (get_span (self), &work->settings.span, NULL);
  moe_contrast_options_init (&work->options);
  work->options.score = (MoeScore) gtk_drop_down_get_selected (self->score);
  work->options.order = (MoeContrastOrder) gtk_drop_down_get_selected (self->order);
  work->options.n_permutations = (guint) gtk_spin_button_get_value_as_int (self->permutations);
}

void
moe_contrast_page_start (MoeContrastPage *self,
                         gboolean         may_run)
{
  const MoeModelInfo *model = moe_document_get_model (moe_page_get_document (MOE_PAGE (self)));
  MoeContrastRun *run = self->study != NULL ? moe_contrast_study_get_run (self->study) : NULL;
  Work *work;

  if (model == NULL || moe_prompt_chooser_get_path (self->a) == NULL)
    {
      if (may_run)
        moe_page_show_error (MOE_PAGE (self),
                             model == NULL ? "no model is open" : "no prompts are chosen for A");
      return;
    }
  work = g_new0 (Work, 1);
  get_work (self, model->path, work);
  if (run != NULL && moe_contrast_settings_equal (&work->settings, moe_contrast_run_get_settings (run)) &&
      (work->options.score != MOE_SCORE_PROJECTION || moe_contrast_run_is_projected (run)))
    work->run = moe_contrast_run_ref (run);
  else if (!may_run)
    {
      work_free (work);
      return;
    }
  moe_page_run (MOE_PAGE (self), MOE_PAGE_WORK, work->run != NULL ? "Comparing" : "Running the prompts",
                do_work, work, work_free, (GDestroyNotify) moe_contrast_study_unref, on_done);
}
