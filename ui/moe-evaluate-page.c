/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-evaluate-page"

#include "ui/moe-evaluate-page-private.h"

#include "data/moe-error.h"
#include "data/moe-number.h"
#include "ui/moe-drop-down.h"
#include "ui/moe-evaluation-exhibit.h"

G_DEFINE_FINAL_TYPE (MoeEvaluatePage, moe_evaluate_page, MOE_TYPE_PAGE)

static const char *const empty_text =
    "Disable or force experts (on the Contrast page, say), choose prompts, and press Run to see what it does";

/* NULL after the last. */
static MoePromptChooser *
get_chooser (MoeEvaluatePage *self,
             guint            index)
{
  MoePromptChooser *const choosers[] = {
    self->prompts, self->harmless, self->text, self->tasks, self->refusals, self->calibrate,
  };

  return index < G_N_ELEMENTS (choosers) ? choosers[index] : NULL;
}

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

void
moe_evaluate_page_take_result (MoeEvaluatePage *self,
                               MoeTable        *table)
{
  g_clear_pointer (&self->table, moe_table_unref);
  self->table = table;
  moe_evaluation_settings_clear (&self->shown);
  moe_evaluation_settings_copy (&self->shown, &self->running);
  show_table (self);
  moe_page_queue_refresh (MOE_PAGE (self));
}

/* --- showing ------------------------------------------------------------------------------------------ */

/* Says when a run that was cancelled would be gone on with, and what is compared. */
static void
update_note (MoeEvaluatePage *self)
{
  guint n = moe_mask_get_n (moe_document_get_mask (get_document (self)));
  const char *sweep = gtk_editable_get_text (GTK_EDITABLE (self->top));
  g_autofree char *text = NULL;

  gtk_button_set_label (self->run, moe_evaluate_page_resumes (self) ? "_Resume" : "_Run");
  if (n > 0)
    text = g_strdup_printf (n == 1 ? "Plain against %u intervention" : "Plain against %u interventions", n);
  else
    text = g_strdup (*sweep != '\0' ? "Plain against the first of the ranking"
                                    : "No interventions: only the plain model is measured");
  gtk_label_set_text (self->note, text);
}

/* Whether prompts of @path are among those that made the last ranking: the same part of the same file. */
static gboolean
is_ranked (MoeEvaluatePage *self,
           const char      *path)
{
  MoeContrastStudy *contrast = moe_evaluate_page_get_contrast (self);
  const MoeContrastSettings *settings;
  guint first = (guint) gtk_spin_button_get_value_as_int (self->skip);
  guint limit = (guint) gtk_spin_button_get_value_as_int (self->limit);

  if (contrast == NULL || path == NULL)
    return FALSE;
  settings = moe_contrast_run_get_settings (moe_contrast_study_get_run (contrast));
  return (g_strcmp0 (path, settings->a) == 0 || g_strcmp0 (path, settings->b) == 0)
         && (limit == 0 || first + limit > settings->columns.skip)
         && (settings->columns.limit == 0 || first < settings->columns.skip + settings->columns.limit);
}

/* Chooses those prompts of the present files that the last contrast left out, where there are such. */
static void
hold_out (MoeEvaluatePage *self)
{
  MoeContrastStudy *contrast = moe_evaluate_page_get_contrast (self);
  const MoeContrastSettings *settings;
  guint limit = (guint) gtk_spin_button_get_value_as_int (self->limit);

  if (!is_ranked (self, moe_prompt_chooser_get_path (self->prompts))
      && !is_ranked (self, moe_prompt_chooser_get_path (self->harmless)))
    return;
  settings = moe_contrast_run_get_settings (moe_contrast_study_get_run (contrast));
  if (settings->columns.skip > 0)
    {
      gtk_spin_button_set_value (self->skip, 0);
      if (limit == 0 || limit > settings->columns.skip)
        gtk_spin_button_set_value (self->limit, settings->columns.skip);
    }
  else if (settings->columns.limit > 0)
    gtk_spin_button_set_value (self->skip, settings->columns.limit);
}

static void
update_warning (MoeEvaluatePage *self)
{
  gboolean contrast = moe_evaluate_page_get_contrast (self) != NULL;
  gboolean steers = moe_mask_get_n (moe_document_get_mask (get_document (self))) > 0;

  gtk_widget_set_visible (GTK_WIDGET (self->warning),
                          is_ranked (self, moe_prompt_chooser_get_path (self->prompts))
                          || is_ranked (self, moe_prompt_chooser_get_path (self->harmless)));
  gtk_widget_set_sensitive (GTK_WIDGET (self->bottom), contrast);
  gtk_widget_set_sensitive (GTK_WIDGET (self->top), contrast);
  gtk_widget_set_sensitive (GTK_WIDGET (self->mode), contrast);
  gtk_widget_set_sensitive (GTK_WIDGET (self->calibrate), contrast
                            && moe_evaluate_modes[gtk_drop_down_get_selected (self->mode)] == MOE_MODE_MEAN);
  gtk_widget_set_sensitive (GTK_WIDGET (self->strengths), steers);
  gtk_widget_set_sensitive (GTK_WIDGET (self->text_window),
                            moe_prompt_chooser_get_path (self->text) != NULL);
  gtk_widget_set_sensitive (GTK_WIDGET (self->system), !gtk_check_button_get_active (self->raw));
}

static void
on_set_chosen (MoeEvaluatePage *self)
{
  hold_out (self);
  moe_page_queue_refresh (MOE_PAGE (self));
}

static void
refresh (MoePage *page)
{
  MoeEvaluatePage *self = MOE_EVALUATE_PAGE (page);
  const MoeModelInfo *model = moe_document_get_model (get_document (self));
  MoePromptChooser *chooser;

  for (guint i = 0; (chooser = get_chooser (self, i)) != NULL; i++)
    moe_prompt_chooser_set_model (chooser, model != NULL ? model->path : NULL);
  if (model != NULL && !self->preferred)
    {
      self->preferred = TRUE;
      moe_prompt_chooser_prefer (self->prompts, "harmful.csv");
      moe_prompt_chooser_prefer (self->harmless, "lookalike.csv");
      hold_out (self);
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
  double number, low, high;

  gtk_spin_button_get_range (button, &low, &high);
  if (!moe_number_parse (value, &number) || number < low || number > high)
    return FALSE;
  gtk_spin_button_set_value (button, number);
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

/* The value of a choice that is a file, a number, a text or a yes; FALSE when there is no such choice. */
static gboolean
set_choice (MoeEvaluatePage *self,
            const char      *name,
            const char      *value)
{
  const struct { const char *name; gpointer widget; } choices[] = {
    { "prompts", self->prompts }, { "harmless", self->harmless }, { "text", self->text },
    { "tasks", self->tasks }, { "refusals", self->refusals },
    { "limit", self->limit }, { "skip", self->skip },
    { "max-tokens", self->max_tokens }, { "temperature", self->temperature }, { "seed", self->seed },
    { "random", self->random }, { "reversed", self->reversed }, { "bottom", self->bottom },
    { "raw", self->raw }, { "system", self->system }, { "top", self->top },
    { "strengths", self->strengths }, { "calibrate", self->calibrate }, { "column", self->column },
    { "window", self->text_window },
  };

  for (guint i = 0; i < G_N_ELEMENTS (choices); i++)
    if (g_str_equal (choices[i].name, name))
      {
        if (MOE_IS_PROMPT_CHOOSER (choices[i].widget))
          moe_prompt_chooser_set_path (choices[i].widget, *value != '\0' ? value : NULL);
        else if (GTK_IS_SPIN_BUTTON (choices[i].widget))
          return set_number (choices[i].widget, value);
        else if (GTK_IS_CHECK_BUTTON (choices[i].widget))
          gtk_check_button_set_active (choices[i].widget, g_str_equal (value, "yes"));
        else
          gtk_editable_set_text (choices[i].widget, value);
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

  if (g_str_equal (name, "mode"))
    known = moe_drop_down_select_mode (self->mode, moe_evaluate_modes, MOE_N_EVALUATE_MODES, value);
  else if (g_str_equal (name, "picture"))
    known = set_picture (self, value);
  else if (g_str_equal (name, "run"))
    moe_evaluate_page_start (self);
  else
    known = set_choice (self, name, value);

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
  hold_out (self);
  moe_page_queue_refresh (MOE_PAGE (self));
}

static void
connect_document (MoePage *page)
{
  g_signal_connect_object (moe_page_get_document (page), "contrast-changed", G_CALLBACK (on_contrast), page,
                           G_CONNECT_SWAPPED);
  show_table (MOE_EVALUATE_PAGE (page));
}

/* Other choices are another evaluation. */
static void
connect_choices (MoeEvaluatePage *self)
{
  GtkSpinButton *const numbers[] = {
    self->limit, self->skip, self->max_tokens, self->temperature, self->seed, self->random,
    self->text_window,
  };
  GtkCheckButton *const checks[] = { self->reversed, self->bottom, self->raw };
  GtkEntry *const texts[] = { self->system, self->top, self->strengths, self->column };

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    g_signal_connect_swapped (numbers[i], "value-changed", G_CALLBACK (moe_page_queue_refresh), self);
  for (guint i = 0; i < G_N_ELEMENTS (checks); i++)
    g_signal_connect_swapped (checks[i], "toggled", G_CALLBACK (moe_page_queue_refresh), self);
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_signal_connect_swapped (texts[i], "changed", G_CALLBACK (moe_page_queue_refresh), self);
  g_signal_connect_swapped (self->mode, "notify::selected", G_CALLBACK (moe_page_queue_refresh), self);
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
  gtk_widget_class_bind_template_child (widget_class, MoeEvaluatePage, text);
  gtk_widget_class_bind_template_child (widget_class, MoeEvaluatePage, tasks);
  gtk_widget_class_bind_template_child (widget_class, MoeEvaluatePage, refusals);
  gtk_widget_class_bind_template_child (widget_class, MoeEvaluatePage, limit);
  gtk_widget_class_bind_template_child (widget_class, MoeEvaluatePage, skip);
  gtk_widget_class_bind_template_child (widget_class, MoeEvaluatePage, max_tokens);
  gtk_widget_class_bind_template_child (widget_class, MoeEvaluatePage, temperature);
  gtk_widget_class_bind_template_child (widget_class, MoeEvaluatePage, seed);
  gtk_widget_class_bind_template_child (widget_class, MoeEvaluatePage, random);
  gtk_widget_class_bind_template_child (widget_class, MoeEvaluatePage, reversed);
  gtk_widget_class_bind_template_child (widget_class, MoeEvaluatePage, bottom);
  gtk_widget_class_bind_template_child (widget_class, MoeEvaluatePage, raw);
  gtk_widget_class_bind_template_child (widget_class, MoeEvaluatePage, system);
  gtk_widget_class_bind_template_child (widget_class, MoeEvaluatePage, top);
  gtk_widget_class_bind_template_child (widget_class, MoeEvaluatePage, strengths);
  gtk_widget_class_bind_template_child (widget_class, MoeEvaluatePage, mode);
  gtk_widget_class_bind_template_child (widget_class, MoeEvaluatePage, calibrate);
  gtk_widget_class_bind_template_child (widget_class, MoeEvaluatePage, column);
  gtk_widget_class_bind_template_child (widget_class, MoeEvaluatePage, text_window);
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
  static const char *const modes[] = { "Refill", "Drop", "Zero", "Mean", "Copy", NULL };
  MoePromptChooser *chooser;

  gtk_widget_init_template (GTK_WIDGET (self));
  moe_prompt_chooser_set_title (self->prompts, "Prompts Whose Refusals Are Counted");
  moe_prompt_chooser_set_title (self->harmless, "Harmless Prompts");
  moe_prompt_chooser_set_title (self->text, "Text Whose Perplexity Is Measured");
  moe_prompt_chooser_set_title (self->tasks, "Tasks with Known Answers");
  moe_prompt_chooser_set_title (self->refusals, "How Refusals Begin, One a Line");
  moe_prompt_chooser_set_title (self->calibrate, "Prompts over Which Mean Outputs Are Taken");
  moe_prompt_chooser_set_kind (self->text, "texts", "None");
  moe_prompt_chooser_set_kind (self->tasks, "tasks", "None");
  moe_prompt_chooser_set_kind (self->refusals, "refusals", "The Usual Ones");
  moe_drop_down_set_choices (self->mode, modes);

  g_signal_connect_swapped (self->run, "clicked", G_CALLBACK (moe_evaluate_page_start), self);
  /* Comes when a job ended, however it did. */
  g_signal_connect (self, "export-changed", G_CALLBACK (moe_page_queue_refresh), NULL);
  g_signal_connect_swapped (self->picture, "notify::selected", G_CALLBACK (show_chart), self);
  for (guint i = 0; (chooser = get_chooser (self, i)) != NULL; i++)
    g_signal_connect_swapped (chooser, "changed", G_CALLBACK (on_set_chosen), self);
  connect_choices (self);
  g_signal_connect (self->chart, "hover-changed", G_CALLBACK (on_hover), self);
  g_signal_connect (self->chart, "point-selected", G_CALLBACK (on_point_selected), self);
  g_signal_connect (self->results, "row-selected", G_CALLBACK (on_row_selected), self);
}
