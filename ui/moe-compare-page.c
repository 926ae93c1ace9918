/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-compare-page"

#include "ui/moe-compare-page-private.h"

#include <math.h>

#include "data/moe-error.h"
#include "ui/moe-text.h"

G_DEFINE_FINAL_TYPE (MoeComparePage, moe_compare_page, MOE_TYPE_PAGE)

static const char *const empty_text =
    "Disable, force or bias an expert, write a prompt, and press Run to see two answers side by side";

static MoeDocument *
get_document (MoeComparePage *self)
{
  return moe_page_get_document (MOE_PAGE (self));
}

/* --- showing ------------------------------------------------------------------------------------------ */

/* The tokens of one answer; what comes after the first difference is bold, as colour alone would not do. */
static void
show_answer (MoeComparePage *self,
             GtkLabel       *label,
             gboolean        steered)
{
  const MoeComparison *comparison = self->study->comparison;
  GString *markup = g_string_new (NULL);
  gboolean differs = FALSE;

  for (guint i = 0; i < comparison->n; i++)
    {
      const MoeComparisonToken *token = steered ? &comparison->rows[i].steered : &comparison->rows[i].plain;
      g_autofree char *escaped = NULL;

      if ((int) i == comparison->first_divergence)
        {
          g_string_append (markup, "<b>");
          differs = TRUE;
        }
      if (token->text == NULL)
        continue;
      escaped = g_markup_escape_text (token->text, -1);
      if ((int) i == self->row)
        g_string_append_printf (markup, "<u>%s</u>", escaped);
      else
        g_string_append (markup, escaped);
    }
  if (differs)
    g_string_append (markup, "</b>");
  gtk_label_set_markup (label, markup->str);
  g_string_free (markup, TRUE);
}

static void
show_answers (MoeComparePage *self)
{
  if (self->study == NULL)
    {
      gtk_label_set_text (self->plain, "");
      gtk_label_set_text (self->steered, "");
      return;
    }
  show_answer (self, self->plain, FALSE);
  show_answer (self, self->steered, TRUE);
}

static MoeChart *
make_chart (MoeComparePage *self,
            const char     *picture)
{
  const MoeChartAxis axis = { .title = "" };
  MoeChart *chart;

  if (self->study != NULL)
    return moe_comparison_chart_new (self->study->table, picture);
  chart = moe_chart_new ("", &axis, &axis);
  moe_chart_set_empty_text (chart, empty_text);
  return chart;
}

static void
show_study (MoeComparePage *self)
{
  self->row = -1;
  gtk_widget_set_sensitive (GTK_WIDGET (self->fork), FALSE);
  show_answers (self);
  moe_chart_view_take_chart (self->kl, make_chart (self, "kl"));
  moe_chart_view_take_chart (self->experts, make_chart (self, "experts"));
  moe_table_view_set_table (self->table, self->study != NULL ? self->study->table : NULL, empty_text);
  moe_page_export_changed (MOE_PAGE (self));
}

static void
update_status (MoeComparePage *self)
{
  const MoeComparison *comparison;
  double sum = 0;
  guint n = 0;

  if (self->study == NULL)
    {
      moe_page_set_status (MOE_PAGE (self), moe_mask_get_n (moe_document_get_mask (get_document (self))) == 0
                           ? "There are no interventions yet: both answers would be the same." : NULL);
      return;
    }
  comparison = self->study->comparison;
  for (guint i = 0; i < comparison->n; i++)
    if (!isnan (comparison->rows[i].kl))
      {
        sum += comparison->rows[i].kl;
        n++;
      }
  {
    g_autofree char *kl = moe_text_number (n > 0 ? sum / n : NAN);
    g_autofree char *text = comparison->first_divergence < 0
        ? g_strdup_printf ("The answers are the same; mean KL %s nats over %u tokens.", kl, n)
        : g_strdup_printf ("The answers differ from token %d on; mean KL %s nats over %u tokens.",
                           (int) comparison->position + comparison->first_divergence, kl, n);

    moe_page_set_status (MOE_PAGE (self), text);
  }
}

static void
refresh (MoePage *page)
{
  MoeComparePage *self = MOE_COMPARE_PAGE (page);
  const MoeModelInfo *model = moe_document_get_model (get_document (self));

  if (self->study != NULL && (model == NULL || g_strcmp0 (model->path, self->study->settings.model) != 0))
    {
      g_clear_pointer (&self->study, moe_comparison_study_unref);
      show_study (self);
    }
  gtk_widget_set_sensitive (GTK_WIDGET (self->run), model != NULL);
  update_status (self);
}

static void
select_row (MoeComparePage *self,
            int             row)
{
  self->row = row;
  gtk_widget_set_sensitive (GTK_WIDGET (self->fork), row >= 0);
  show_answers (self);
  moe_table_view_select (self->table, row);
  if (row >= 0)
    {
      moe_chart_view_select_row (self->kl, (guint) row);
      moe_chart_view_select_row (self->experts, (guint) row);
    }
}

static void
on_row_selected (MoeTableView   *view,
                 int             row,
                 MoeComparePage *self)
{
  select_row (self, row);
}

static void
on_point_selected (MoeChartView   *view,
                   int             series,
                   int             point,
                   MoeComparePage *self)
{
  select_row (self, self->study != NULL && series >= 0 ? point : -1);
}

/* --- running ------------------------------------------------------------------------------------------ */

static void
settings_free (gpointer data)
{
  moe_comparison_settings_clear (data);
  g_free (data);
}

static gpointer
do_work (gpointer            data,
         const MoeProgress  *progress,
         GError            **error)
{
  return moe_comparison_study_new (data, progress, error);
}

static void
on_done (MoePage  *page,
         gpointer  result)
{
  MoeComparePage *self = MOE_COMPARE_PAGE (page);

  g_clear_pointer (&self->study, moe_comparison_study_unref);
  self->study = result;
  show_study (self);
  moe_page_queue_refresh (page);
}

/* @mask acting from @position on only. */
static MoeMask *
fork_mask (const MoeMask *mask,
           guint          position)
{
  guint n = moe_mask_get_n (mask);
  g_autofree MoeIntervention *interventions = g_new (MoeIntervention, n + 1);
  g_autoptr(MoeMask) forked = NULL;

  for (guint i = 0; i < n; i++)
    {
      interventions[i] = *moe_mask_get (mask, i);
      interventions[i].from_token = position;
    }
  forked = moe_mask_new (interventions, n);
  return moe_mask_with_means (forked, moe_mask_get_means (mask));
}

/* @position: 0 = the mask as it is. */
static void
start_from (MoeComparePage *self,
            guint           position)
{
  const MoeModelInfo *model = moe_document_get_model (get_document (self));
  MoeMask *mask = moe_document_get_mask (get_document (self));
  const char *prompt = gtk_editable_get_text (GTK_EDITABLE (self->prompt));
  MoeComparisonSettings *settings;

  if (model == NULL || *prompt == '\0' || moe_mask_get_n (mask) == 0)
    {
      moe_page_show_error (MOE_PAGE (self), model == NULL ? "no model is open"
                           : *prompt == '\0' ? "there is no prompt to answer"
                           : "there is nothing to compare: disable, force or bias an expert first");
      return;
    }
  settings = g_new0 (MoeComparisonSettings, 1);
  *settings = (MoeComparisonSettings) {
    .model = g_strdup (model->path), .prompt = g_strdup (prompt),
    .max_tokens = (guint) MAX (gtk_spin_button_get_value_as_int (self->max_tokens), 1),
    .mask = position > 0 ? fork_mask (mask, position) : moe_mask_ref (mask),
  };
  moe_page_run (MOE_PAGE (self), MOE_PAGE_WORK, "Answering twice", do_work, settings, settings_free,
                (GDestroyNotify) moe_comparison_study_unref, on_done);
}

static void
start (MoeComparePage *self)
{
  start_from (self, 0);
}

static void
fork_here (MoeComparePage *self)
{
  if (self->study != NULL && self->row >= 0)
    start_from (self, self->study->comparison->position + (guint) self->row);
}

/* --- choices ------------------------------------------------------------------------------------------ */

static MoeExport *
get_export (MoePage *page)
{
  MoeComparePage *self = MOE_COMPARE_PAGE (page);

  if (self->study == NULL)
    return NULL;
  return moe_comparison_get_export (self->study, gtk_stack_get_visible_child_name (self->stack));
}

static void
reset_zoom (MoePage *page)
{
  MoeComparePage *self = MOE_COMPARE_PAGE (page);

  moe_chart_view_reset_zoom (self->kl);
  moe_chart_view_reset_zoom (self->experts);
}

static gboolean
set_option (MoePage     *page,
            const char  *name,
            const char  *value,
            GError     **error)
{
  MoeComparePage *self = MOE_COMPARE_PAGE (page);
  gboolean known = TRUE;
  guint64 number = 0;

  if (g_str_equal (name, "prompt"))
    gtk_editable_set_text (GTK_EDITABLE (self->prompt), value);
  else if (g_str_equal (name, "max-tokens") &&
           (known = g_ascii_string_to_unsigned (value, 10, 1, 4096, &number, NULL)))
    gtk_spin_button_set_value (self->max_tokens, (double) number);
  else if (g_str_equal (name, "picture") && (known = moe_comparison_has_picture (value)))
    gtk_stack_set_visible_child_name (self->stack, value);
  else if (g_str_equal (name, "fork") &&
           (known = g_ascii_string_to_unsigned (value, 10, 1, 1048576, &number, NULL)))
    start_from (self, (guint) number);
  else if (g_str_equal (name, "run"))
    start (self);
  else
    known = FALSE;

  if (!known)
    g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "there is no %s called “%s”", name, value);
  return known;
}

/* --- class -------------------------------------------------------------------------------------------- */

static void
connect_document (MoePage *page)
{
  show_study (MOE_COMPARE_PAGE (page));
}

static void
moe_compare_page_dispose (GObject *object)
{
  MoeComparePage *self = MOE_COMPARE_PAGE (object);

  g_clear_pointer (&self->study, moe_comparison_study_unref);
  gtk_widget_dispose_template (GTK_WIDGET (self), MOE_TYPE_COMPARE_PAGE);

  G_OBJECT_CLASS (moe_compare_page_parent_class)->dispose (object);
}

static void
moe_compare_page_class_init (MoeComparePageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  MoePageClass *page_class = MOE_PAGE_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = moe_compare_page_dispose;
  page_class->name = "compare";
  page_class->title = "Compare";
  page_class->connect = connect_document;
  page_class->refresh = refresh;
  page_class->get_export = get_export;
  page_class->reset_zoom = reset_zoom;
  page_class->set_option = set_option;

  g_type_ensure (MOE_TYPE_CHART_VIEW);
  g_type_ensure (MOE_TYPE_TABLE_VIEW);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/moescope/Moescope/moe-compare-page.ui");
  gtk_widget_class_bind_template_child (widget_class, MoeComparePage, prompt);
  gtk_widget_class_bind_template_child (widget_class, MoeComparePage, max_tokens);
  gtk_widget_class_bind_template_child (widget_class, MoeComparePage, run);
  gtk_widget_class_bind_template_child (widget_class, MoeComparePage, fork);
  gtk_widget_class_bind_template_child (widget_class, MoeComparePage, plain);
  gtk_widget_class_bind_template_child (widget_class, MoeComparePage, steered);
  gtk_widget_class_bind_template_child (widget_class, MoeComparePage, stack);
  gtk_widget_class_bind_template_child (widget_class, MoeComparePage, kl);
  gtk_widget_class_bind_template_child (widget_class, MoeComparePage, experts);
  gtk_widget_class_bind_template_child (widget_class, MoeComparePage, table);
  gtk_widget_class_set_css_name (widget_class, "compare-page");
}

static void
moe_compare_page_init (MoeComparePage *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  self->row = -1;

  g_signal_connect_swapped (self->run, "clicked", G_CALLBACK (start), self);
  g_signal_connect_swapped (self->prompt, "activate", G_CALLBACK (start), self);
  g_signal_connect_swapped (self->fork, "clicked", G_CALLBACK (fork_here), self);
  g_signal_connect_swapped (self->stack, "notify::visible-child-name", G_CALLBACK (moe_page_export_changed),
                            self);
  g_signal_connect (self->kl, "point-selected", G_CALLBACK (on_point_selected), self);
  g_signal_connect (self->experts, "point-selected", G_CALLBACK (on_point_selected), self);
  g_signal_connect (self->table, "row-selected", G_CALLBACK (on_row_selected), self);
}
