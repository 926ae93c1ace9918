/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-contrast-page"

#include "ui/moe-contrast-page-private.h"

const char *const moe_contrast_spans[MOE_N_CONTRAST_SPANS] = {
  "last", "prompt", "answer:1", "answer:16", "answer", "thinking", "all",
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

MoeContrastSides
moe_contrast_page_get_sides (MoeContrastPage *self)
{
  guint chosen = gtk_drop_down_get_selected (self->sides);

  return chosen < MOE_N_CONTRAST_SIDES ? (MoeContrastSides) chosen : MOE_CONTRAST_SETS;
}

static void
get_span (GtkDropDown *drop_down,
          MoeSpan     *span)
{
  guint chosen = gtk_drop_down_get_selected (drop_down);

  moe_span_parse (moe_contrast_spans[chosen < MOE_N_CONTRAST_SPANS ? chosen : 0], span, NULL);
}

/* All but the recording's path. */
static void
get_work (MoeContrastPage *self,
          Work            *work)
{
  const MoeModelInfo *model = moe_document_get_model (moe_page_get_document (MOE_PAGE (self)));
  MoeContrastSettings *settings = &work->settings;

  moe_contrast_settings_init (settings);
  settings->sides = moe_contrast_page_get_sides (self);
  get_span (self->span, &settings->span);
  if (settings->sides == MOE_CONTRAST_PARTS)
    get_span (self->span_b, &settings->span_b);
  if (!moe_contrast_sides_recorded (settings->sides))
    {
      settings->model = g_strdup (model->path);
      settings->a = g_strdup (moe_prompt_chooser_get_path (self->a));
      if (settings->sides == MOE_CONTRAST_SETS)
        settings->b = g_strdup (moe_prompt_chooser_get_path (self->b));
      settings->columns.limit = (guint) gtk_spin_button_get_value_as_int (self->limit);
      settings->columns.skip = (guint) gtk_spin_button_get_value_as_int (self->skip);
    }
  moe_contrast_options_init (&work->options);
  work->options.score = (MoeScore) gtk_drop_down_get_selected (self->score);
  work->options.order = (MoeContrastOrder) gtk_drop_down_get_selected (self->order);
  work->options.n_permutations = (guint) gtk_spin_button_get_value_as_int (self->permutations);
}

/* What is missing, or NULL. */
static const char *
find_missing (MoeContrastPage *self)
{
  MoeDocument *document = moe_page_get_document (MOE_PAGE (self));

  if (moe_contrast_sides_recorded (moe_contrast_page_get_sides (self)))
    return moe_document_get_n_tokens (document) > 0 ? NULL : "no recording is open";
  if (moe_document_get_model (document) == NULL)
    return "no model is open";
  return moe_prompt_chooser_get_path (self->a) != NULL ? NULL : "no prompts are chosen for A";
}

static void
begin (MoeContrastPage *self,
       Work            *work,
       const char      *title)
{
  moe_page_run (MOE_PAGE (self), MOE_PAGE_WORK, title, do_work, work, work_free,
                (GDestroyNotify) moe_contrast_study_unref, on_done);
}

static void
begin_recorded (MoePage    *page,
                const char *path,
                gpointer    data)
{
  Work *work = data;

  work->settings.recording = g_strdup (path);
  begin (MOE_CONTRAST_PAGE (page), work, "Comparing");
}

void
moe_contrast_page_start (MoeContrastPage *self,
                         gboolean         may_run)
{
  MoeContrastRun *run = self->study != NULL ? moe_contrast_study_get_run (self->study) : NULL;
  const char *missing = find_missing (self);
  Work *work;

  if (missing != NULL)
    {
      if (may_run)
        moe_page_show_error (MOE_PAGE (self), missing);
      return;
    }
  work = g_new0 (Work, 1);
  get_work (self, work);
  /* A recording is read again: it may have grown, and that is quick. */
  if (moe_contrast_sides_recorded (work->settings.sides))
    {
      if (may_run || (run != NULL && moe_contrast_run_get_settings (run)->sides == work->settings.sides))
        moe_page_with_recording (MOE_PAGE (self), begin_recorded, work, work_free);
      else
        work_free (work);
      return;
    }
  if (run != NULL && moe_contrast_settings_equal (&work->settings, moe_contrast_run_get_settings (run)) &&
      (work->options.score != MOE_SCORE_PROJECTION || moe_contrast_run_is_projected (run)))
    work->run = moe_contrast_run_ref (run);
  else if (!may_run)
    {
      work_free (work);
      return;
    }
  begin (self, work, work->run != NULL ? "Comparing" : "Running the prompts");
}
