/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-evaluate-page-run"

#include "ui/moe-evaluate-page-private.h"

/* What is run: the choices of the page as settings, and the job. */

const MoeMode moe_evaluate_modes[MOE_N_EVALUATE_MODES] = {
  MOE_MODE_REFILL, MOE_MODE_DROP, MOE_MODE_ZERO, MOE_MODE_MEAN, MOE_MODE_COPY,
};

static MoeDocument *
get_document (MoeEvaluatePage *self)
{
  return moe_page_get_document (MOE_PAGE (self));
}

MoeContrastStudy *
moe_evaluate_page_get_contrast (MoeEvaluatePage *self)
{
  return moe_document_get_contrast (get_document (self), moe_document_get_model (get_document (self)));
}

/* The file that holds the ranking of the last contrast; NULL when there is none or it can't be written. */
static const char *
get_ranking (MoeEvaluatePage *self)
{
  MoeContrastStudy *contrast = moe_evaluate_page_get_contrast (self);
  g_autoptr(GError) error = NULL;

  if (self->ranking == NULL && contrast != NULL)
    {
      self->ranking = moe_evaluation_save_ranking (moe_contrast_study_get_table (contrast), &error);
      if (self->ranking == NULL)
        moe_page_show_error (MOE_PAGE (self), error->message);
    }
  return self->ranking;
}

/* NULL when there is nothing but spaces. Transfer full. */
static char *
get_text (GtkEntry *entry)
{
  char *text = g_strstrip (g_strdup (gtk_editable_get_text (GTK_EDITABLE (entry))));

  if (*text == '\0')
    g_clear_pointer (&text, g_free);
  return text;
}

/* The last of a ranking are a control for disabled experts only. */
static gboolean
disables (const MoeMask *mask)
{
  for (guint i = 0; i < moe_mask_get_n (mask); i++)
    if (moe_mask_get (mask, i)->action == MOE_ACTION_DISABLE)
      return TRUE;
  return FALSE;
}

static void
get_settings (MoeEvaluatePage       *self,
              const MoeModelInfo    *model,
              MoeEvaluationSettings *settings)
{
  MoeMask *mask = moe_document_get_mask (get_document (self));

  moe_evaluation_settings_init (settings);
  settings->model = g_strdup (model->path);
  settings->info = moe_model_info_ref ((MoeModelInfo *) model);
  settings->prompts = g_strdup (moe_prompt_chooser_get_path (self->prompts));
  settings->harmless = g_strdup (moe_prompt_chooser_get_path (self->harmless));
  settings->text = g_strdup (moe_prompt_chooser_get_path (self->text));
  settings->tasks = g_strdup (moe_prompt_chooser_get_path (self->tasks));
  settings->refusals = g_strdup (moe_prompt_chooser_get_path (self->refusals));
  settings->limit = (guint) gtk_spin_button_get_value_as_int (self->limit);
  settings->skip = (guint) gtk_spin_button_get_value_as_int (self->skip);
  settings->max_tokens = (guint) gtk_spin_button_get_value_as_int (self->max_tokens);
  settings->temperature = gtk_spin_button_get_value (self->temperature);
  settings->seed = (guint64) gtk_spin_button_get_value (self->seed);
  settings->raw = gtk_check_button_get_active (self->raw);
  settings->system = settings->raw ? NULL : get_text (self->system);
  settings->mask = mask != NULL ? moe_mask_ref (mask) : NULL;
  settings->n_random = (guint) gtk_spin_button_get_value_as_int (self->random);
  settings->reversed = gtk_check_button_get_active (self->reversed);
  settings->top = get_text (self->top);
  settings->top_mode = moe_evaluate_modes[gtk_drop_down_get_selected (self->mode)];
  settings->strengths = get_text (self->strengths);
  settings->column = get_text (self->column);
  settings->window = (guint) gtk_spin_button_get_value_as_int (self->text_window);
  if (settings->top != NULL && settings->top_mode == MOE_MODE_MEAN)
    settings->calibrate = g_strdup (moe_prompt_chooser_get_path (self->calibrate));
  settings->bottom = moe_evaluate_page_get_contrast (self) != NULL
                     && gtk_check_button_get_active (self->bottom)
                     && (moe_mask_get_n (mask) > 0 ? disables (mask) : settings->top != NULL);
  if (settings->bottom || settings->top != NULL)
    settings->ranking = g_strdup (get_ranking (self));
}

gboolean
moe_evaluate_page_resumes (MoeEvaluatePage *self)
{
  const MoeModelInfo *model = moe_document_get_model (get_document (self));
  MoeEvaluationSettings settings;
  g_autofree char *answers = NULL;
  g_autofree char *shown = NULL;

  if (model == NULL || moe_page_is_running (MOE_PAGE (self), MOE_PAGE_WORK))
    return FALSE;
  get_settings (self, model, &settings);
  answers = moe_evaluation_settings_get_answers_path (&settings);
  moe_evaluation_settings_clear (&settings);
  if (self->table != NULL)
    shown = moe_evaluation_settings_get_answers_path (&self->shown);
  return g_strcmp0 (answers, shown) != 0 && g_file_test (answers, G_FILE_TEST_EXISTS);
}

static void
settings_free (gpointer data)
{
  moe_evaluation_settings_clear (data);
  g_free (data);
}

static gpointer
do_work (gpointer            data,
         const MoeProgress  *progress,
         GError            **error)
{
  g_autofree char *answers = moe_evaluation_settings_get_answers_path (data);

  return moe_evaluation_run (data, answers, progress, error);
}

static void
on_done (MoePage  *page,
         gpointer  result)
{
  moe_evaluate_page_take_result (MOE_EVALUATE_PAGE (page), result);
}

void
moe_evaluate_page_start (MoeEvaluatePage *self)
{
  const MoeModelInfo *model = moe_document_get_model (get_document (self));
  MoeEvaluationSettings *settings;
  g_autoptr(GError) error = NULL;

  if (model == NULL)
    {
      moe_page_show_error (MOE_PAGE (self), "no model is open");
      return;
    }
  moe_evaluation_settings_clear (&self->running);
  get_settings (self, model, &self->running);
  if (!moe_evaluation_settings_check (&self->running, &error))
    {
      moe_page_show_error (MOE_PAGE (self), error->message);
      return;
    }
  settings = g_new0 (MoeEvaluationSettings, 1);
  moe_evaluation_settings_copy (settings, &self->running);
  moe_page_run (MOE_PAGE (self), MOE_PAGE_WORK, "Evaluating", do_work, settings, settings_free,
                (GDestroyNotify) moe_table_unref, on_done);
}
