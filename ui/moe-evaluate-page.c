/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-evaluate-page"

#include "ui/moe-evaluate-page-private.h"

#include "data/moe-error.h"
#include "ui/moe-drop-down.h"
#include "ui/moe-evaluation-exhibit.h"

G_DEFINE_FINAL_TYPE (MoeEvaluatePage, moe_evaluate_page, MOE_TYPE_PAGE)

static const char *const empty_text =
    "Disable or force experts (on the Contrast page, say), choose prompts, and press Run to see what it does";

static MoeDocument *
get_document (MoeEvaluatePage *self)
{
  return moe_page_get_document (MOE_PAGE (self));
}

static const char *
get_picture (MoeEvaluatePage *self)
{
  guint chosen = gtk_drop_down_get_selected (self->picture);

  return self->pictures != NULL && chosen < g_strv_length (self->pictures) ? self->pictures[chosen] : NULL;
}

static void
show_chart (MoeEvaluatePage *self)
{
  const MoeChartAxis axis = { .title = "" };
  MoeChart *chart;

  if (self->table != NULL && get_picture (self) != NULL)
    chart = moe_evaluation_chart_new (self->table, get_picture (self));
  else
    {
      chart = moe_chart_new ("", &axis, &axis);
      moe_chart_set_empty_text (chart, empty_text);
    }
  moe_chart_view_take_chart (self->chart, chart);
  moe_page_export_changed (MOE_PAGE (self));
}

static void
show_table (MoeEvaluatePage *self)
{
  g_clear_pointer (&self->pictures, g_strfreev);
  if (self->table != NULL)
    {
      g_autoptr(GPtrArray) titles = g_ptr_array_new ();

      self->pictures = moe_evaluation_get_pictures (self->table);
      for (guint i = 0; self->pictures[i] != NULL; i++)
        g_ptr_array_add (titles, (char *) moe_evaluation_get_title (self->pictures[i]));
      g_ptr_array_add (titles, NULL);
      moe_drop_down_set_choices (self->picture, (const char *const *) titles->pdata);
    }
  gtk_widget_set_sensitive (GTK_WIDGET (self->picture), self->table != NULL);
  moe_table_view_set_table (self->results, self->table, empty_text);
  show_chart (self);
}

/* --- running ------------------------------------------------------------------------------------------ */

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
  MoeEvaluatePage *self = MOE_EVALUATE_PAGE (page);

  g_clear_pointer (&self->table, moe_table_unref);
  self->table = result;
  moe_evaluation_settings_clear (&self->shown);
  moe_evaluation_settings_copy (&self->shown, &self->running);
  show_table (self);
  moe_page_queue_refresh (page);
}

static MoeContrastStudy *
get_contrast (MoeEvaluatePage *self)
{
  return moe_document_get_contrast (get_document (self), moe_document_get_model (get_document (self)));
}

/* Whether the last experts of the last contrast are a control. */
static gboolean
has_bottom (MoeEvaluatePage *self)
{
  return get_contrast (self) != NULL && gtk_check_button_get_active (self->bottom) &&
         moe_mask_get_n (moe_document_get_mask (get_document (self))) > 0;
}

/* The file that holds the ranking of the last contrast, or NULL when it could not be written. */
static const char *
get_ranking (MoeEvaluatePage *self)
{
  g_autoptr(GError) error = NULL;

  if (self->ranking == NULL)
    {
      MoeTable *table = moe_contrast_study_get_table (get_contrast (self));

      self->ranking = moe_evaluation_save_ranking (table, &error);
      if (self->ranking == NULL)
        moe_page_show_error (MOE_PAGE (self), error->message);
    }
  return self->ranking;
}

static void
get_settings (MoeEvaluatePage       *self,
              const char            *model,
              MoeEvaluationSettings *settings)
{
  MoeMask *mask = moe_document_get_mask (get_document (self));

  *settings = (MoeEvaluationSettings) {
    .model = g_strdup (model),
    .prompts = g_strdup (moe_prompt_chooser_get_path (self->prompts)),
    .harmless = g_strdup (moe_prompt_chooser_get_path (self->harmless)),
    .limit = (guint) gtk_spin_button_get_value_as_int (self->limit),
    .max_tokens = (guint) gtk_spin_button_get_value_as_int (self->max_tokens),
    .mask = mask != NULL ? moe_mask_ref (mask) : NULL,
    .n_random = (guint) gtk_spin_button_get_value_as_int (self->random),
    .ranking = has_bottom (self) ? g_strdup (get_ranking (self)) : NULL,
    .reversed = gtk_check_button_get_active (self->reversed),
    .text = g_strdup (moe_prompt_chooser_get_path (self->text)),
  };
}

static void
start (MoeEvaluatePage *self)
{
  const MoeModelInfo *model = moe_document_get_model (get_document (self));
  MoeEvaluationSettings *settings;

  if (model == NULL ||
      (moe_prompt_chooser_get_path (self->prompts) == NULL &&
       moe_prompt_chooser_get_path (self->harmless) == NULL &&
       moe_prompt_chooser_get_path (self->text) == NULL))
    {
      moe_page_show_error (MOE_PAGE (self), model == NULL
                           ? "no model is open" : "no prompts and no text are chosen");
      return;
    }
  moe_evaluation_settings_clear (&self->running);
  get_settings (self, model->path, &self->running);
  settings = g_new0 (MoeEvaluationSettings, 1);
  moe_evaluation_settings_copy (settings, &self->running);
  moe_page_run (MOE_PAGE (self), MOE_PAGE_WORK, "Evaluating", do_work, settings, settings_free,
                (GDestroyNotify) moe_table_unref, on_done);
}

/* --- showing ------------------------------------------------------------------------------------------ */

/* Says when a run that was cancelled would be gone on with, and what is compared. */
static void
update_note (MoeEvaluatePage *self)
{
  const MoeModelInfo *model = moe_document_get_model (get_document (self));
  guint n = moe_mask_get_n (moe_document_get_mask (get_document (self)));
  gboolean resumes = FALSE;

  if (model != NULL)
    {
      MoeEvaluationSettings settings;
      g_autofree char *answers = NULL;

      get_settings (self, model->path, &settings);
      answers = moe_evaluation_settings_get_answers_path (&settings);
      resumes = self->table == NULL && !moe_page_is_running (MOE_PAGE (self), MOE_PAGE_WORK) &&
                g_file_test (answers, G_FILE_TEST_EXISTS);
      moe_evaluation_settings_clear (&settings);
    }
  gtk_button_set_label (self->run, resumes ? "_Resume" : "_Run");
  if (n == 0)
    gtk_label_set_text (self->note, "No interventions: only the plain model is measured");
  else
    {
      g_autofree char *text = g_strdup_printf (n == 1 ? "Plain against %u intervention"
                                                      : "Plain against %u interventions", n);

      gtk_label_set_text (self->note, text);
    }
}

/* Both go through a file from its first prompt on, so that the same file is the same prompts. */
static void
update_warning (MoeEvaluatePage *self)
{
  MoeContrastStudy *contrast = get_contrast (self);
  const char *paths[] = { moe_prompt_chooser_get_path (self->prompts),
                          moe_prompt_chooser_get_path (self->harmless) };
  gboolean same = FALSE;

  for (guint i = 0; i < G_N_ELEMENTS (paths) && contrast != NULL; i++)
    {
      const MoeContrastSettings *settings =
          moe_contrast_run_get_settings (moe_contrast_study_get_run (contrast));

      same = same || (paths[i] != NULL &&
                      (g_strcmp0 (paths[i], settings->a) == 0 || g_strcmp0 (paths[i], settings->b) == 0));
    }
  gtk_widget_set_visible (GTK_WIDGET (self->warning), same);
  gtk_widget_set_sensitive (GTK_WIDGET (self->bottom), contrast != NULL);
}

static void
refresh (MoePage *page)
{
  MoeEvaluatePage *self = MOE_EVALUATE_PAGE (page);
  const MoeModelInfo *model = moe_document_get_model (get_document (self));

  moe_prompt_chooser_set_model (self->prompts, model != NULL ? model->path : NULL);
  moe_prompt_chooser_set_model (self->harmless, model != NULL ? model->path : NULL);
  if (model != NULL && !self->preferred)
    {
      self->preferred = TRUE;
      moe_prompt_chooser_prefer (self->prompts, "harmful.csv");
      moe_prompt_chooser_prefer (self->harmless, "lookalike.csv");
    }
  if (self->table != NULL && (model == NULL || g_strcmp0 (model->path, self->shown.model) != 0))
    {
      g_clear_pointer (&self->table, moe_table_unref);
      show_table (self);
    }
  gtk_widget_set_sensitive (GTK_WIDGET (self->run), model != NULL);
  update_note (self);
  update_warning (self);
  moe_page_set_status (page, self->table == NULL ? NULL
                       : "A refusal is an answer that begins as refusals do: read the answers too, and look "
                         "at repetition and perplexity beside it.");
}

static void
on_hover (MoeChartView    *view,
          int              series,
          int              point,
          MoeEvaluatePage *self)
{
  if (series >= 0)
    {
      g_autofree char *text = moe_chart_describe (moe_chart_view_get_chart (view), (guint) series,
                                                  (guint) point);

      moe_page_set_status (MOE_PAGE (self), text);
    }
  else
    moe_page_queue_refresh (MOE_PAGE (self));
}

static void
on_point_selected (MoeChartView    *view,
                   int              series,
                   int              point,
                   MoeEvaluatePage *self)
{
  MoeChartSeries content;

  if (series < 0)
    return;
  moe_chart_get_series (moe_chart_view_get_chart (view), (guint) series, &content);
  if (content.rows != NULL)
    moe_table_view_select (self->results, (int) content.rows[point]);
}

static void
on_row_selected (MoeTableView    *view,
                 int              row,
                 MoeEvaluatePage *self)
{
  if (row >= 0)
    moe_chart_view_select_row (self->chart, (guint) row);
}

/* --- choices ------------------------------------------------------------------------------------------ */

static MoeExport *
get_export (MoePage *page)
{
  MoeEvaluatePage *self = MOE_EVALUATE_PAGE (page);

  return self->table != NULL && get_picture (self) != NULL
             ? moe_evaluation_get_export (&self->shown, self->table, get_picture (self)) : NULL;
}

static void
reset_zoom (MoePage *page)
{
  moe_chart_view_reset_zoom (MOE_EVALUATE_PAGE (page)->chart);
}

static gboolean
set_number (GtkSpinButton *button,
            const char    *value)
{
  guint64 number;

  if (!g_ascii_string_to_unsigned (value, 10, 0, 1000000, &number, NULL))
    return FALSE;
  gtk_spin_button_set_value (button, (double) number);
  return TRUE;
}

static gboolean
set_picture (MoeEvaluatePage *self,
             const char      *value)
{
  for (guint i = 0; self->pictures != NULL && self->pictures[i] != NULL; i++)
    if (g_str_equal (self->pictures[i], value))
      {
        gtk_drop_down_set_selected (self->picture, i);
        return TRUE;
      }
  return FALSE;
}

static gboolean
set_option (MoePage     *page,
            const char  *name,
            const char  *value,
            GError     **error)
{
  MoeEvaluatePage *self = MOE_EVALUATE_PAGE (page);
  gboolean known = TRUE;

  if (g_str_equal (name, "prompts"))
    moe_prompt_chooser_set_path (self->prompts, *value != '\0' ? value : NULL);
  else if (g_str_equal (name, "harmless"))
    moe_prompt_chooser_set_path (self->harmless, *value != '\0' ? value : NULL);
  else if (g_str_equal (name, "limit"))
    known = set_number (self->limit, value);
  else if (g_str_equal (name, "max-tokens"))
    known = set_number (self->max_tokens, value);
  else if (g_str_equal (name, "random"))
    known = set_number (self->random, value);
  else if (g_str_equal (name, "reversed"))
    gtk_check_button_set_active (self->reversed, g_str_equal (value, "yes"));
  else if (g_str_equal (name, "text"))
    moe_prompt_chooser_set_path (self->text, *value != '\0' ? value : NULL);
  else if (g_str_equal (name, "bottom"))
    gtk_check_button_set_active (self->bottom, g_str_equal (value, "yes"));
  else if (g_str_equal (name, "picture"))
    known = set_picture (self, value);
  else if (g_str_equal (name, "run"))
    start (self);
  else
    known = FALSE;

  if (!known)
    g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "there is no %s called “%s”", name, value);
  moe_page_queue_refresh (page);
  return known;
}

/* --- class -------------------------------------------------------------------------------------------- */

static void
on_contrast (MoeEvaluatePage *self)
{
  g_clear_pointer (&self->ranking, g_free);
  moe_page_queue_refresh (MOE_PAGE (self));
}

static void
connect_document (MoePage *page)
{
  g_signal_connect_object (moe_page_get_document (page), "contrast-changed", G_CALLBACK (on_contrast), page,
                           G_CONNECT_SWAPPED);
  show_table (MOE_EVALUATE_PAGE (page));
}

static void
moe_evaluate_page_dispose (GObject *object)
{
  MoeEvaluatePage *self = MOE_EVALUATE_PAGE (object);

  g_clear_pointer (&self->table, moe_table_unref);
  g_clear_pointer (&self->pictures, g_strfreev);
  g_clear_pointer (&self->ranking, g_free);
  moe_evaluation_settings_clear (&self->running);
  moe_evaluation_settings_clear (&self->shown);
  gtk_widget_dispose_template (GTK_WIDGET (self), MOE_TYPE_EVALUATE_PAGE);

  G_OBJECT_CLASS (moe_evaluate_page_parent_class)->dispose (object);
}

static void
moe_evaluate_page_class_init (MoeEvaluatePageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  MoePageClass *page_class = MOE_PAGE_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = moe_evaluate_page_dispose;
  page_class->name = "evaluate";
  page_class->title = "Evaluate";
  page_class->connect = connect_document;
  page_class->refresh = refresh;
  page_class->get_export = get_export;
  page_class->reset_zoom = reset_zoom;
  page_class->set_option = set_option;

  g_type_ensure (MOE_TYPE_PROMPT_CHOOSER);
  g_type_ensure (MOE_TYPE_CHART_VIEW);
  g_type_ensure (MOE_TYPE_TABLE_VIEW);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/moescope/Moescope/moe-evaluate-page.ui");
  gtk_widget_class_bind_template_child (widget_class, MoeEvaluatePage, prompts);
  gtk_widget_class_bind_template_child (widget_class, MoeEvaluatePage, harmless);
  gtk_widget_class_bind_template_child (widget_class, MoeEvaluatePage, limit);
  gtk_widget_class_bind_template_child (widget_class, MoeEvaluatePage, max_tokens);
  gtk_widget_class_bind_template_child (widget_class, MoeEvaluatePage, random);
  gtk_widget_class_bind_template_child (widget_class, MoeEvaluatePage, reversed);
  gtk_widget_class_bind_template_child (widget_class, MoeEvaluatePage, bottom);
  gtk_widget_class_bind_template_child (widget_class, MoeEvaluatePage, text);
  gtk_widget_class_bind_template_child (widget_class, MoeEvaluatePage, warning);
  gtk_widget_class_bind_template_child (widget_class, MoeEvaluatePage, run);
  gtk_widget_class_bind_template_child (widget_class, MoeEvaluatePage, picture);
  gtk_widget_class_bind_template_child (widget_class, MoeEvaluatePage, note);
  gtk_widget_class_bind_template_child (widget_class, MoeEvaluatePage, chart);
  gtk_widget_class_bind_template_child_full (widget_class, "table", FALSE,
                                             G_STRUCT_OFFSET (MoeEvaluatePage, results));
  gtk_widget_class_set_css_name (widget_class, "evaluate-page");
}

static void
moe_evaluate_page_init (MoeEvaluatePage *self)
{
  GtkSpinButton **numbers[] = { &self->limit, &self->max_tokens, &self->random };

  gtk_widget_init_template (GTK_WIDGET (self));
  moe_prompt_chooser_set_title (self->prompts, "Prompts Whose Refusals Are Counted");
  moe_prompt_chooser_set_title (self->harmless, "Harmless Prompts");
  moe_prompt_chooser_set_title (self->text, "Text Whose Perplexity Is Measured");

  g_signal_connect_swapped (self->run, "clicked", G_CALLBACK (start), self);
  /* Comes when a job ended, however it did. */
  g_signal_connect (self, "export-changed", G_CALLBACK (moe_page_queue_refresh), NULL);
  g_signal_connect_swapped (self->picture, "notify::selected", G_CALLBACK (show_chart), self);
  g_signal_connect_swapped (self->prompts, "changed", G_CALLBACK (moe_page_queue_refresh), self);
  g_signal_connect_swapped (self->harmless, "changed", G_CALLBACK (moe_page_queue_refresh), self);
  g_signal_connect_swapped (self->text, "changed", G_CALLBACK (moe_page_queue_refresh), self);
  g_signal_connect_swapped (self->bottom, "toggled", G_CALLBACK (moe_page_queue_refresh), self);
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    g_signal_connect_swapped (*numbers[i], "value-changed", G_CALLBACK (moe_page_queue_refresh), self);
  g_signal_connect (self->chart, "hover-changed", G_CALLBACK (on_hover), self);
  g_signal_connect (self->chart, "point-selected", G_CALLBACK (on_point_selected), self);
  g_signal_connect (self->results, "row-selected", G_CALLBACK (on_row_selected), self);
}
