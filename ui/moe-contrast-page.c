/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-contrast-page"

#include "ui/moe-contrast-page.h"

#include <math.h>

#include "data/moe-error.h"
#include "ui/moe-contrast-page-private.h"
#include "ui/moe-drop-down.h"
#include "ui/moe-text.h"

/* Prompts of the sets that come with the model which are kept for an evaluation. */
#define HELD_OUT 40

G_DEFINE_FINAL_TYPE (MoeContrastPage, moe_contrast_page, MOE_TYPE_PAGE)

static const char *const span_titles[] = {
  "Last Token of the Prompt", "Prompt", "First Answer Token", "16 Answer Tokens", "Answer", "Thinking",
  "All Tokens", NULL
};
static const char *const sides_titles[] = {
  "Two Prompt Sets", "Refused and Other Prompts", "Two Parts of the Recording", "Refused and Other Answers",
  NULL
};
static const char *const order_titles[] = {
  "Most in A First", "Most in B First", "Largest Difference First", NULL
};
const MoeMode moe_contrast_modes[MOE_N_CONTRAST_MODES] = {
  MOE_MODE_REFILL, MOE_MODE_DROP, MOE_MODE_ZERO, MOE_MODE_COPY,
};
static const char *const mode_titles[] = { "Refill", "Drop", "Zero", "Copy", NULL };

static const char *const empty_texts[MOE_N_CONTRAST_SIDES] = {
  "Choose two sets of prompts and press Run to see which experts tell them apart",
  "Choose prompts and press Run to see which experts tell those that are refused from the others",
  "Press Run to see which experts tell two parts of the recorded conversations apart",
  "Press Run to see which experts tell recorded conversations that were refused from the others",
};

/* --- the selection ------------------------------------------------------------------------------------ */

static MoeDocument *
get_document (MoeContrastPage *self)
{
  return moe_page_get_document (MOE_PAGE (self));
}

static const MoeModelInfo *
get_info (MoeContrastPage *self)
{
  return self->study != NULL ? moe_contrast_run_get_info (moe_contrast_study_get_run (self->study)) : NULL;
}

/* The expert in a row of the ranking. */
static void
select_row (MoeContrastPage *self,
            int              row)
{
  const MoeContrastCell *cell;

  if (self->showing || self->study == NULL || get_document (self) == NULL)
    return;
  if (row < 0)
    {
      moe_document_unselect_expert (get_document (self));
      return;
    }
  cell = moe_contrast_get (moe_contrast_study_get_contrast (self->study), (guint) row);
  moe_document_select_expert (get_document (self), (int) cell->layer, (int) cell->expert);
}

static void
on_row_selected (MoeTableView    *table,
                 int              row,
                 MoeContrastPage *self)
{
  select_row (self, row);
}

static void
on_row_activated (MoeTableView    *table,
                  int              row,
                  MoeContrastPage *self)
{
  select_row (self, row);
  gtk_widget_activate_action (GTK_WIDGET (self), "win.disable-selected", NULL);
}

static void
on_point (MoeContrastPage *self,
          MoeChartView    *view,
          int              series,
          int              point,
          gboolean         activated)
{
  MoeChart *chart = moe_chart_view_get_chart (view);
  MoeChartSeries content;

  if (series < 0 || chart == NULL)
    {
      select_row (self, -1);
      return;
    }
  moe_chart_get_series (chart, (guint) series, &content);
  if (content.kind == MOE_CHART_BAND || content.rows == NULL)
    return;
  select_row (self, (int) content.rows[point]);
  if (activated)
    gtk_widget_activate_action (GTK_WIDGET (self), "win.disable-selected", NULL);
}

static void
on_point_selected (MoeChartView    *view,
                   int              series,
                   int              point,
                   MoeContrastPage *self)
{
  on_point (self, view, series, point, FALSE);
}

static void
on_point_activated (MoeChartView    *view,
                    int              series,
                    int              point,
                    MoeContrastPage *self)
{
  on_point (self, view, series, point, TRUE);
}

static void
on_cell_selected (MoeHeatmapView  *map,
                  int              row,
                  int              column,
                  MoeContrastPage *self)
{
  const MoeModelInfo *info = get_info (self);

  if (info == NULL || row >= (int) info->n_moe_layers)
    return;
  if (row < 0)
    moe_document_unselect_expert (get_document (self));
  else
    moe_document_select_expert (get_document (self), (int) info->moe_layers[row], column);
}

static void
on_cell_activated (MoeHeatmapView  *map,
                   int              row,
                   int              column,
                   MoeContrastPage *self)
{
  on_cell_selected (map, row, column, self);
  gtk_widget_activate_action (GTK_WIDGET (self), "win.disable-selected", NULL);
}

/* --- showing ------------------------------------------------------------------------------------------ */

static void
append_cell (GString    *text,
             MoeTable   *table,
             guint       row,
             const char *column)
{
  int index = moe_table_find_column (table, column);
  g_autofree char *number = NULL;

  if (index < 0 || moe_table_is_missing (table, row, (guint) index))
    return;
  number = moe_text_number (moe_table_get_double (table, row, (guint) index));
  g_string_append_printf (text, ", %s %s", column, number);
}

/* "L3E17: rank 2, score 0.31 (0.22 to 0.4), rate_a …" */
static void
update_status (MoeContrastPage *self)
{
  const MoeSelection *selection = moe_document_get_selection (get_document (self));
  MoeTable *table = moe_table_view_get_table (self->table);
  g_autoptr(GString) text = g_string_new (NULL);
  int row = -1;

  if (table != NULL && selection->has_expert)
    row = moe_table_view_find_expert (self->table, selection->layer, selection->expert);
  if (row >= 0)
    {
      static const char *const columns[] = {
        "score", "low", "high", "rate_a", "rate_b", "p", "q", "stability",
      };
      g_autofree char *name = moe_expert_format (selection->layer, selection->expert);

      g_string_append_printf (text, "%s: rank %d", name, row + 1);
      for (guint i = 0; i < G_N_ELEMENTS (columns); i++)
        append_cell (text, table, (guint) row, columns[i]);
    }
  else if (table != NULL)
    g_string_append (text, "Click an expert to select it; the slider disables the first of the ranking.");
  moe_page_set_status (MOE_PAGE (self), text->str);
}

static MoeMode
get_mode (MoeContrastPage *self)
{
  guint chosen = gtk_drop_down_get_selected (self->mode);

  return moe_contrast_modes[chosen < MOE_N_CONTRAST_MODES ? chosen : 0];
}

/* The slider stands where the present mask comes from, after undo too. */
static void
update_top (MoeContrastPage *self)
{
  MoeMask *present = moe_document_get_mask (get_document (self));
  guint n = moe_mask_get_n (present);

  gtk_widget_set_sensitive (GTK_WIDGET (self->top), self->study != NULL &&
                            moe_document_can_intervene (get_document (self), NULL));
  if (self->study != NULL && n <= 50)
    {
      g_autoptr(MoeMask) mask = moe_contrast_make_mask (moe_contrast_study_get_contrast (self->study), n,
                                                        get_mode (self), MOE_SCOPE_BOTH);

      if (n == 0 || moe_mask_equal (mask, present))
        {
          self->showing = TRUE;
          gtk_range_set_value (GTK_RANGE (self->top), n);
          self->showing = FALSE;
        }
    }
}

static const char *
get_empty_text (MoeContrastPage *self)
{
  return empty_texts[moe_contrast_page_get_sides (self)];
}

static MoeChart *
make_empty_chart (const char *empty_text)
{
  const MoeChartAxis axis = { .title = "" };
  MoeChart *chart = moe_chart_new ("", &axis, &axis);

  moe_chart_set_empty_text (chart, empty_text);
  return chart;
}

/* What must be known of what is shown. */
static void
update_warning (MoeContrastPage *self)
{
  g_autofree char *warning = NULL;

  if (self->study != NULL)
    {
      MoeContrastRun *run = moe_contrast_study_get_run (self->study);

      if (moe_contrast_run_get_recording_hash (run) != NULL &&
          moe_contrast_run_get_n_tokens (run) != moe_document_get_n_tokens (get_document (self)))
        warning = g_strdup ("Another recording is shown now, or it has grown: press Run to compare again.");
      else
        warning = moe_contrast_study_get_warning (self->study);
    }
  gtk_label_set_text (self->warning, warning != NULL ? warning : "");
  gtk_widget_set_visible (GTK_WIDGET (self->warning), warning != NULL);
}

void
moe_contrast_page_show_study (MoeContrastPage *self)
{
  self->showing = TRUE;
  if (self->study == NULL)
    {
      const char *empty_text = get_empty_text (self);
      MoeHeatmapPlot plot;

      moe_heatmap_plot_init (&plot);
      plot.empty_text = empty_text;
      moe_heatmap_view_set_plot (self->map, &plot);
      moe_chart_view_take_chart (self->scatter, make_empty_chart (empty_text));
      moe_chart_view_take_chart (self->ranks, make_empty_chart (empty_text));
      moe_table_view_set_table (self->table, NULL, empty_text);
    }
  else
    {
      moe_heatmap_view_set_plot (self->map, moe_contrast_study_get_plot (self->study));
      moe_chart_view_take_chart (self->scatter,
                                 moe_contrast_study_get_chart (self->study, MOE_CONTRAST_SCATTER));
      moe_chart_view_take_chart (self->ranks, moe_contrast_study_get_chart (self->study, MOE_CONTRAST_RANKS));
      moe_table_view_set_table (self->table, moe_contrast_study_get_table (self->study),
                                "No expert matches the filter");
    }
  self->showing = FALSE;
  update_warning (self);
  moe_page_export_changed (MOE_PAGE (self));
}

/* A contrast of another model says nothing about what is open now, and one of a recording nothing about
 * another one. */
static gboolean
is_stale (MoeContrastPage *self)
{
  MoeContrastSides sides = moe_contrast_run_get_settings (moe_contrast_study_get_run (self->study))->sides;
  MoeDocument *document = get_document (self);
  const MoeModelInfo *info = moe_contrast_sides_recorded (sides) ? moe_document_get_info (document)
                                                                 : moe_document_get_model (document);

  return info == NULL || !g_str_equal (info->fingerprint, get_info (self)->fingerprint);
}

/* The choices that what is compared leaves. */
static void
update_choices (MoeContrastPage *self)
{
  MoeContrastSides sides = moe_contrast_page_get_sides (self);
  gboolean recorded = moe_contrast_sides_recorded (sides), parts = sides == MOE_CONTRAST_PARTS;

  gtk_widget_set_visible (GTK_WIDGET (self->a), !recorded);
  gtk_widget_set_visible (GTK_WIDGET (self->a_label), sides == MOE_CONTRAST_SETS);
  gtk_widget_set_visible (GTK_WIDGET (self->b), sides == MOE_CONTRAST_SETS);
  gtk_widget_set_visible (GTK_WIDGET (self->b_label), sides == MOE_CONTRAST_SETS);
  gtk_widget_set_visible (GTK_WIDGET (self->span_b), parts);
  gtk_widget_set_visible (GTK_WIDGET (self->span_b_label), parts);
  gtk_label_set_text (self->span_label, parts ? "Parts" : "Span");
  gtk_widget_set_sensitive (GTK_WIDGET (self->limit), !recorded);
  gtk_widget_set_sensitive (GTK_WIDGET (self->skip), !recorded);
  gtk_widget_set_sensitive (GTK_WIDGET (self->run), recorded
                            ? moe_document_get_n_tokens (get_document (self)) > 0
                            : moe_document_get_model (get_document (self)) != NULL);
}

static void
refresh (MoePage *page)
{
  MoeContrastPage *self = MOE_CONTRAST_PAGE (page);
  MoeDocument *document = get_document (self);
  const MoeSelection *selection = moe_document_get_selection (document);
  const MoeModelInfo *model = moe_document_get_model (document), *info;
  int row = -1;

  moe_prompt_chooser_set_model (self->a, model != NULL ? model->path : NULL);
  moe_prompt_chooser_set_model (self->b, model != NULL ? model->path : NULL);
  if (model != NULL && !self->preferred)
    {
      self->preferred = TRUE;
      moe_prompt_chooser_prefer (self->a, "harmful.csv");
      moe_prompt_chooser_prefer (self->b, "harmless.csv");
      if (moe_prompt_chooser_get_path (self->a) != NULL)
        gtk_spin_button_set_value (self->skip, HELD_OUT);
    }
  if (self->study != NULL && is_stale (self))
    {
      g_clear_pointer (&self->study, moe_contrast_study_unref);
      moe_contrast_page_show_study (self);
    }
  update_choices (self);
  update_warning (self);

  info = get_info (self);
  self->showing = TRUE;
  if (info != NULL)
    {
      g_autofree guint8 *marks = moe_document_get_marks (document);

      moe_heatmap_view_set_marked (self->map, marks);
      if (selection->has_expert)
        {
          row = moe_table_view_find_expert (self->table, selection->layer, selection->expert);
          moe_heatmap_view_select (self->map, moe_model_info_find_moe_layer (info, (guint) selection->layer),
                                   selection->expert);
        }
      else
        moe_heatmap_view_select (self->map, -1, -1);
    }
  moe_table_view_select (self->table, row);
  if (row >= 0)
    {
      moe_chart_view_select_row (self->scatter, (guint) row);
      moe_chart_view_select_row (self->ranks, (guint) row);
    }
  self->showing = FALSE;
  update_top (self);
  update_status (self);
}

static void
on_run (MoeContrastPage *self)
{
  moe_contrast_page_start (self, TRUE);
}

/* Both parts are of the same conversations, which are pairs. */
static void
on_sides (MoeContrastPage *self)
{
  gboolean parts = moe_contrast_page_get_sides (self) == MOE_CONTRAST_PARTS;

  self->showing = TRUE;
  if (gtk_drop_down_get_selected (self->score) == (parts ? MOE_SCORE_PROMPT_RD : MOE_SCORE_PAIRED_RD))
    gtk_drop_down_set_selected (self->score, parts ? MOE_SCORE_PAIRED_RD : MOE_SCORE_PROMPT_RD);
  if (parts && gtk_drop_down_get_selected (self->span) == 0)
    moe_contrast_page_set_option (MOE_PAGE (self), "span", "prompt", NULL);
  self->showing = FALSE;
  if (self->study == NULL)
    moe_contrast_page_show_study (self);
  update_choices (self);
}

/* Another way to score what was run: at once. What needs the model waits for Run. */
static void
on_choice (MoeContrastPage *self)
{
  if (!self->showing)
    moe_contrast_page_start (self, FALSE);
}

/* --- the mask ----------------------------------------------------------------------------------------- */

static void
disable_top (MoeContrastPage *self)
{
  guint n = (guint) lround (gtk_range_get_value (GTK_RANGE (self->top)));
  g_autoptr(MoeMask) mask = NULL;
  g_autoptr(GError) error = NULL;

  if (self->showing || self->study == NULL)
    return;
  mask = moe_contrast_make_mask (moe_contrast_study_get_contrast (self->study), n, get_mode (self),
                                 MOE_SCOPE_BOTH);
  if (moe_mask_equal (mask, moe_document_get_mask (get_document (self))))
    return;
  if (!moe_document_set_mask (get_document (self), mask, self->turning, &error))
    {
      moe_page_show_error (MOE_PAGE (self), error->message);
      update_top (self);
      return;
    }
  self->turning = TRUE;
}

static void
on_mode (MoeContrastPage *self)
{
  /* Only what the slider made changes with the mode. */
  if (gtk_range_get_value (GTK_RANGE (self->top)) > 0)
    disable_top (self);
}

/* One stay at the slider is one step back. */
static void
on_slider_left (MoeContrastPage *self)
{
  self->turning = FALSE;
}

/* --- choices ------------------------------------------------------------------------------------------ */

static void
on_filter (MoeContrastPage *self)
{
  g_autoptr(GError) error = NULL;

  if (moe_table_view_set_filter (self->table, gtk_editable_get_text (GTK_EDITABLE (self->filter)), &error))
    gtk_widget_remove_css_class (GTK_WIDGET (self->filter), "error");
  else
    gtk_widget_add_css_class (GTK_WIDGET (self->filter), "error");
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->filter),
                               error != NULL ? error->message : "Conditions with Spaces Between Them");
}

static MoeContrastPicture
get_picture (MoeContrastPage *self)
{
  MoeContrastPicture picture = MOE_CONTRAST_MAP;

  moe_contrast_picture_parse (gtk_stack_get_visible_child_name (self->stack), &picture);
  return picture;
}

static MoeExport *
get_export (MoePage *page)
{
  MoeContrastPage *self = MOE_CONTRAST_PAGE (page);

  return self->study != NULL ? moe_contrast_study_get_export (self->study, get_picture (self)) : NULL;
}

static void
reset_zoom (MoePage *page)
{
  MoeContrastPage *self = MOE_CONTRAST_PAGE (page);

  moe_heatmap_view_reset_zoom (self->map);
  moe_chart_view_reset_zoom (self->scatter);
  moe_chart_view_reset_zoom (self->ranks);
}

/* --- class -------------------------------------------------------------------------------------------- */

static void
connect_document (MoePage *page)
{
  moe_contrast_page_show_study (MOE_CONTRAST_PAGE (page));
}

static void
moe_contrast_page_dispose (GObject *object)
{
  MoeContrastPage *self = MOE_CONTRAST_PAGE (object);

  g_clear_pointer (&self->study, moe_contrast_study_unref);
  gtk_widget_dispose_template (GTK_WIDGET (self), MOE_TYPE_CONTRAST_PAGE);

  G_OBJECT_CLASS (moe_contrast_page_parent_class)->dispose (object);
}

static void
moe_contrast_page_class_init (MoeContrastPageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  MoePageClass *page_class = MOE_PAGE_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = moe_contrast_page_dispose;
  page_class->name = "contrast";
  page_class->title = "Contrast";
  page_class->connect = connect_document;
  page_class->refresh = refresh;
  page_class->get_export = get_export;
  page_class->reset_zoom = reset_zoom;
  page_class->set_option = moe_contrast_page_set_option;

  g_type_ensure (MOE_TYPE_PROMPT_CHOOSER);
  g_type_ensure (MOE_TYPE_HEATMAP_VIEW);
  g_type_ensure (MOE_TYPE_CHART_VIEW);
  g_type_ensure (MOE_TYPE_TABLE_VIEW);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/moescope/Moescope/moe-contrast-page.ui");
  gtk_widget_class_bind_template_child (widget_class, MoeContrastPage, sides);
  gtk_widget_class_bind_template_child (widget_class, MoeContrastPage, a);
  gtk_widget_class_bind_template_child (widget_class, MoeContrastPage, a_label);
  gtk_widget_class_bind_template_child (widget_class, MoeContrastPage, b);
  gtk_widget_class_bind_template_child (widget_class, MoeContrastPage, b_label);
  gtk_widget_class_bind_template_child (widget_class, MoeContrastPage, limit);
  gtk_widget_class_bind_template_child (widget_class, MoeContrastPage, skip);
  gtk_widget_class_bind_template_child (widget_class, MoeContrastPage, permutations);
  gtk_widget_class_bind_template_child (widget_class, MoeContrastPage, run);
  gtk_widget_class_bind_template_child (widget_class, MoeContrastPage, score);
  gtk_widget_class_bind_template_child (widget_class, MoeContrastPage, span);
  gtk_widget_class_bind_template_child (widget_class, MoeContrastPage, span_label);
  gtk_widget_class_bind_template_child (widget_class, MoeContrastPage, span_b);
  gtk_widget_class_bind_template_child (widget_class, MoeContrastPage, span_b_label);
  gtk_widget_class_bind_template_child (widget_class, MoeContrastPage, order);
  gtk_widget_class_bind_template_child (widget_class, MoeContrastPage, mode);
  gtk_widget_class_bind_template_child (widget_class, MoeContrastPage, warning);
  gtk_widget_class_bind_template_child (widget_class, MoeContrastPage, stack);
  gtk_widget_class_bind_template_child (widget_class, MoeContrastPage, map);
  gtk_widget_class_bind_template_child (widget_class, MoeContrastPage, scatter);
  gtk_widget_class_bind_template_child (widget_class, MoeContrastPage, ranks);
  gtk_widget_class_bind_template_child (widget_class, MoeContrastPage, top);
  gtk_widget_class_bind_template_child (widget_class, MoeContrastPage, filter);
  gtk_widget_class_bind_template_child (widget_class, MoeContrastPage, table);
  gtk_widget_class_set_css_name (widget_class, "contrast-page");
}

static void
moe_contrast_page_init (MoeContrastPage *self)
{
  const char *titles[MOE_N_SCORES + 1] = { NULL };
  GtkEventController *focus = gtk_event_controller_focus_new ();

  gtk_widget_init_template (GTK_WIDGET (self));
  for (guint i = 0; i < MOE_N_SCORES; i++)
    titles[i] = moe_score_get_title ((MoeScore) i);
  moe_drop_down_set_choices (self->score, titles);
  gtk_drop_down_set_selected (self->score, MOE_SCORE_PROMPT_RD);
  moe_drop_down_set_choices (self->sides, sides_titles);
  moe_drop_down_set_choices (self->span, span_titles);
  moe_drop_down_set_choices (self->span_b, span_titles);
  /* What a person asks first of two parts: the prompt against the answer. */
  moe_contrast_page_set_option (MOE_PAGE (self), "span-b", "answer", NULL);
  moe_drop_down_set_choices (self->order, order_titles);
  moe_drop_down_set_choices (self->mode, mode_titles);
  moe_prompt_chooser_set_title (self->a, "Prompt Set A");
  moe_prompt_chooser_set_title (self->b, "Prompt Set B");

  g_signal_connect_swapped (self->sides, "notify::selected", G_CALLBACK (on_sides), self);
  g_signal_connect_swapped (self->run, "clicked", G_CALLBACK (on_run), self);
  g_signal_connect_swapped (self->score, "notify::selected", G_CALLBACK (on_choice), self);
  g_signal_connect_swapped (self->order, "notify::selected", G_CALLBACK (on_choice), self);
  g_signal_connect_swapped (self->mode, "notify::selected", G_CALLBACK (on_mode), self);
  g_signal_connect_swapped (self->top, "value-changed", G_CALLBACK (disable_top), self);
  g_signal_connect_swapped (focus, "leave", G_CALLBACK (on_slider_left), self);
  gtk_widget_add_controller (GTK_WIDGET (self->top), focus);
  g_signal_connect_swapped (self->filter, "search-changed", G_CALLBACK (on_filter), self);
  g_signal_connect_swapped (self->stack, "notify::visible-child-name", G_CALLBACK (moe_page_export_changed),
                            self);
  g_signal_connect (self->map, "cell-selected", G_CALLBACK (on_cell_selected), self);
  g_signal_connect (self->map, "cell-activated", G_CALLBACK (on_cell_activated), self);
  g_signal_connect (self->scatter, "point-selected", G_CALLBACK (on_point_selected), self);
  g_signal_connect (self->scatter, "point-activated", G_CALLBACK (on_point_activated), self);
  g_signal_connect (self->ranks, "point-selected", G_CALLBACK (on_point_selected), self);
  g_signal_connect (self->ranks, "point-activated", G_CALLBACK (on_point_activated), self);
  g_signal_connect (self->table, "row-selected", G_CALLBACK (on_row_selected), self);
  g_signal_connect (self->table, "row-activated", G_CALLBACK (on_row_activated), self);
}
