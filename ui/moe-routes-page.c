/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-routes-page"

#include "ui/moe-routes-page-private.h"

#include <math.h>

#include "ui/moe-routes-text.h"

G_DEFINE_FINAL_TYPE (MoeRoutesPage, moe_routes_page, MOE_TYPE_PAGE)

static void
found_free (gpointer data)
{
  MoeRoutesFound *found = data;

  if (found == NULL)
    return;
  g_clear_pointer (&found->info, moe_model_info_unref);
  g_clear_pointer (&found->model, moe_model_unref);
  g_clear_pointer (&found->table, moe_table_unref);
  g_free (found);
}

gboolean
moe_routes_page_is_current (MoeRoutesPage *self)
{
  const MoeRoutesOptions *a = &self->choice.options, *b;

  if (self->found == NULL)
    return FALSE;
  b = &self->found->options;
  return a->metric == b->metric && a->phases == b->phases && a->layer == b->layer && a->window == b->window
         && a->top1 == b->top1;
}

/* --- the selection ------------------------------------------------------------------------------------ */

static int
get_layer (const MoeTable *table,
           guint           row)
{
  int column = moe_table_find_column (table, "layer");

  return column >= 0 && !moe_table_is_missing (table, row, (guint) column)
             ? (int) moe_table_get_int (table, row, (guint) column) : -1;
}

/* What a row is of: its expert, or that number of expert in its layer. */
static void
select_row (MoeRoutesPage *self,
            guint          row)
{
  const MoeSelection *selection = moe_document_get_selection (self->document);
  const MoeTable *table = self->found->table;
  int column = moe_table_find_column (table, "expert"), layer = get_layer (table, row);

  if (layer < 0)
    return;
  self->clicked = (int) row;
  if (moe_routes_metric_has_map (self->choice.options.metric))
    {
      int other = moe_table_find_column (table, self->choice.options.metric == MOE_ROUTES_AFFINITY
                                                    ? "next_expert" : "other");

      self->partner_of = (int) moe_table_get_int (table, row, (guint) column);
      self->partner = other >= 0 ? (int) moe_table_get_int (table, row, (guint) other) : -1;
    }
  moe_document_select_expert (self->document, layer,
                              column >= 0 ? (int) moe_table_get_int (table, row, (guint) column)
                              : selection->has_expert ? selection->expert : 0);
}

static void
update_status (MoeRoutesPage *self,
               const char    *hovered)
{
  const char *text = hovered;

  if (text == NULL && moe_routes_page_is_current (self))
    {
      if (self->choice.options.metric == MOE_ROUTES_SRP_EXPERTS)
        text = "Click a cell to select its expert.";
      else if (moe_routes_metric_has_map (self->choice.options.metric))
        text = "Click a cell to select the expert of its row.";
      else if (!moe_routes_metric_takes_layer (self->choice.options.metric)
               && moe_table_find_column (self->found->table, "layer") >= 0)
        text = "Click a point to select its layer.";
    }
  moe_page_set_status (MOE_PAGE (self), text);
}

/* The column of a map of pairs to be marked for the selected expert: that which was clicked on, else where it
 * has its largest value. */
static int
get_partner (MoeRoutesPage *self,
             guint          expert)
{
  const MoeHeatmapPlot *plot = moe_heatmap_view_get_plot (self->map);
  int best = -1;

  if (self->partner >= 0 && self->partner_of == (int) expert)
    return self->partner;
  for (guint i = 0; expert < plot->n_rows && i < plot->n_columns; i++)
    {
      const double *values = plot->values + (gsize) expert * plot->n_columns;

      if (!isnan (values[i]) && (best < 0 || values[i] > values[best]))
        best = (int) i;
    }
  return best;
}

/* Returns the row of the table, or -1. */
static int
show_selected_cell (MoeRoutesPage *self)
{
  const MoeSelection *selection = moe_document_get_selection (self->document);
  const MoeRoutesOptions *options = &self->choice.options;
  int row = -1, column = -1, number = -1;

  if (selection->has_expert && options->metric == MOE_ROUTES_SRP_EXPERTS)
    {
      number = moe_model_info_find_moe_layer (self->found->info, (guint) selection->layer);
      column = number >= 0 ? selection->expert : -1;
      row = moe_table_view_find_expert (self->table, selection->layer, selection->expert);
    }
  else if (selection->has_expert && selection->layer == options->layer)
    {
      column = get_partner (self, (guint) selection->expert);
      number = column >= 0 ? selection->expert : -1;
      row = column >= 0 ? moe_routes_find_row (self->found->table, options->metric, options->layer, number,
                                               column) : -1;
    }
  moe_heatmap_view_select (self->map, number, column);
  return row;
}

static void
show_selection (MoeRoutesPage *self)
{
  const MoeSelection *selection = moe_document_get_selection (self->document);
  MoeRoutesMetric metric = self->choice.options.metric;
  MoeTable *table = moe_table_view_get_table (self->table);
  int row = -1;

  if (!moe_routes_page_is_current (self) || table == NULL)
    return;
  self->showing = TRUE;
  if (moe_routes_metric_has_map (metric))
    row = show_selected_cell (self);
  else if (selection->has_expert && !moe_routes_metric_takes_layer (metric))
    {
      /* Of several rows of the layer that which was clicked on. */
      if (self->clicked >= 0 && (guint) self->clicked < moe_table_get_n_rows (table)
          && get_layer (table, (guint) self->clicked) == selection->layer)
        row = self->clicked;
      for (guint i = 0; row < 0 && i < moe_table_get_n_rows (table); i++)
        if (get_layer (table, i) == selection->layer)
          row = (int) i;
    }
  if (!moe_routes_metric_has_map (metric) && (row < 0
                                              || !moe_chart_view_select_row (self->chart, (guint) row)))
    moe_chart_view_select (self->chart, -1, -1);
  moe_table_view_select (self->table, row);
  self->showing = FALSE;
  update_status (self, NULL);
}

/* --- what is shown ------------------------------------------------------------------------------------ */

static void
show_empty (MoeRoutesPage *self)
{
  MoeHeatmapPlot empty;
  const char *reason = NULL;

  moe_heatmap_plot_init (&empty);
  if (moe_document_get_info (self->document) == NULL)
    empty.empty_text = "Open a model or a recording";
  else if (moe_document_get_n_tokens (self->document) == 0)
    empty.empty_text = "Generate on the Live page to see which ways tokens take";
  else if (self->choice.options.metric == MOE_ROUTES_SIMILARITY
           && moe_document_get_loaded (self->document, &reason) == NULL)
    empty.empty_text = reason;
  else if (moe_routes_metric_goes_on (self->choice.options.metric)
           && moe_document_get_info (self->document)->n_moe_layers < 2)
    empty.empty_text = "This model has one MoE layer: there is no next one";
  else
    empty.empty_text = "Reading the recording";
  moe_heatmap_view_set_plot (self->map, &empty);
  gtk_stack_set_visible_child (self->plots, GTK_WIDGET (self->map));
  gtk_inscription_set_text (self->summary, "");
  moe_table_view_set_table (self->table, NULL, NULL);
}

void
moe_routes_page_show_found (MoeRoutesPage *self)
{
  g_autofree char *text = NULL;

  if (!moe_routes_page_is_current (self))
    {
      show_empty (self);
      update_status (self, NULL);
      return;
    }
  self->showing = TRUE;
  if (moe_routes_metric_has_map (self->choice.options.metric))
    {
      g_autoptr(MoeMatrixPlot) plot = moe_routes_map_new (self->found->info, self->found->table,
                                                          &self->choice);

      moe_heatmap_view_set_plot (self->map, &plot->plot);
      gtk_stack_set_visible_child (self->plots, GTK_WIDGET (self->map));
    }
  else
    {
      moe_chart_view_take_chart (self->chart, moe_routes_chart_new (self->found->info, self->found->table,
                                                                    &self->choice));
      gtk_stack_set_visible_child (self->plots, GTK_WIDGET (self->chart));
    }
  if (moe_table_view_get_table (self->table) != self->found->table)
    moe_table_view_set_table (self->table, self->found->table, NULL);
  text = moe_routes_summarize (self->found->table, self->found->info, &self->choice);
  gtk_inscription_set_text (self->summary, text != NULL ? text : "");
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->summary), text);
  self->showing = FALSE;
  show_selection (self);
}

/* --- reading ------------------------------------------------------------------------------------------ */

typedef struct
{
  char             *path;
  MoeRoutesOptions  options;
  MoeModel         *model; /* of similarity, or NULL */
} Work;

static void
work_free (gpointer data)
{
  Work *work = data;

  g_free (work->path);
  g_clear_pointer (&work->model, moe_model_unref);
  g_free (work);
}

static gpointer
scan (gpointer            data,
      const MoeProgress  *progress,
      GError            **error)
{
  const Work *work = data;
  MoeModelInfo *info;
  MoeTable *table = moe_routes_read_table (work->path, work->model, &work->options, progress, &info, error);
  MoeRoutesFound *found;

  if (table == NULL)
    return NULL;
  found = g_new0 (MoeRoutesFound, 1);
  found->options = work->options;
  found->table = table;
  found->model = work->model != NULL ? moe_model_ref (work->model) : NULL;
  found->info = info;
  return found;
}

static void
on_scanned (MoePage  *page,
            gpointer  result)
{
  MoeRoutesPage *self = MOE_ROUTES_PAGE (page);

  found_free (self->found);
  self->found = result;
  moe_routes_page_show_found (self);
  moe_page_export_changed (page);
}

static void
rescan (MoePage    *page,
        const char *path)
{
  MoeRoutesPage *self = MOE_ROUTES_PAGE (page);
  gboolean similarity = self->choice.options.metric == MOE_ROUTES_SIMILARITY;
  MoeModel *model = similarity ? moe_document_get_loaded (self->document, NULL) : NULL;
  Work *work;

  moe_routes_page_settle_layer (self);
  moe_routes_page_show_choices (self);
  if ((similarity && model == NULL)
      || (moe_routes_metric_needs_layer (self->choice.options.metric)
          && moe_routes_page_get_n_layers (self) == 0))
    {
      moe_routes_page_show_found (self);
      return;
    }
  work = g_new0 (Work, 1);
  work->path = g_strdup (path);
  work->options = self->choice.options;
  work->model = model != NULL ? moe_model_ref (model) : NULL;
  moe_page_run (page, MOE_PAGE_SCAN, "Reading the recording", scan, work, work_free, found_free, on_scanned);
}

static void
refresh (MoePage *page)
{
  MoeRoutesPage *self = MOE_ROUTES_PAGE (page);
  const MoeSelection *selection = moe_document_get_selection (self->document);
  const MoeModelInfo *info = moe_document_get_info (self->document);
  int layer = selection->has_expert ? selection->layer : -1;
  guint phases = moe_document_get_phases (self->document);
  gboolean other = phases != self->choice.options.phases;

  self->choice.options.phases = phases;
  /* The maps of one layer are of that which is selected, as far as they have it. */
  if (layer >= 0 && layer != self->followed && layer != self->choice.options.layer && info != NULL
      && !moe_routes_page_can_have_all (self) && moe_routes_page_get_n_layers (self) > 0)
    {
      int number = moe_model_info_find_moe_layer (info, (guint) layer);

      if (number >= 0 && (guint) number < moe_routes_page_get_n_layers (self))
        {
          self->choice.options.layer = layer;
          other = TRUE;
        }
    }
  self->followed = layer;
  if (other)
    moe_routes_page_choose_again (self);
  else if (self->found == NULL)
    {
      moe_routes_page_show_choices (self);
      moe_routes_page_show_found (self);
    }
  else
    show_selection (self);
}

static void
forget (MoeRoutesPage *self)
{
  g_clear_pointer (&self->found, found_free);
  moe_page_export_changed (MOE_PAGE (self));
}

/* --- signals of the plots ----------------------------------------------------------------------------- */

static char *
describe_cell (guint    row,
               guint    column,
               gpointer user_data)
{
  MoeRoutesPage *self = user_data;
  MoeRoutesMetric metric = self->choice.options.metric;
  const MoeModelInfo *info;
  int found;

  if (!moe_routes_page_is_current (self))
    return g_strdup ("");
  info = self->found->info;
  if (metric == MOE_ROUTES_SRP_EXPERTS)
    found = row < info->n_moe_layers
                ? moe_routes_find_row (self->found->table, metric, info->moe_layers[row], column, -1) : -1;
  else
    found = moe_routes_find_row (self->found->table, metric, self->choice.options.layer, row, column);
  return found >= 0 ? moe_routes_describe (self->found->table, metric, (guint) found)
                    : g_strdup_printf ("L%dE%u itself", self->choice.options.layer, row);
}

static void
on_cell_selected (MoeHeatmapView *map,
                  int             row,
                  int             column,
                  MoeRoutesPage  *self)
{
  if (row < 0 || !moe_routes_page_is_current (self))
    moe_document_unselect_expert (self->document);
  else if (self->choice.options.metric != MOE_ROUTES_SRP_EXPERTS)
    {
      self->partner_of = row;
      self->partner = column;
      moe_document_select_expert (self->document, self->choice.options.layer, row);
      show_selection (self);
    }
  else if ((guint) row < self->found->info->n_moe_layers)
    moe_document_select_expert (self->document, (int) self->found->info->moe_layers[row], column);
}

static void
on_cell_hovered (MoeHeatmapView *map,
                 int             row,
                 int             column,
                 MoeRoutesPage  *self)
{
  g_autofree char *text = row >= 0 ? describe_cell ((guint) row, (guint) column, self) : NULL;

  update_status (self, text);
}

static void
on_point_selected (MoeChartView  *view,
                   int            number,
                   int            point,
                   MoeRoutesPage *self)
{
  MoeChart *chart = moe_chart_view_get_chart (view);
  MoeChartSeries series;

  if (number < 0 || chart == NULL || !moe_routes_page_is_current (self)
      || moe_routes_metric_takes_layer (self->choice.options.metric))
    return;
  moe_chart_get_series (chart, (guint) number, &series);
  if (series.rows != NULL && (guint) point < series.n_points)
    select_row (self, series.rows[point]);
}

static void
on_point_hovered (MoeChartView  *view,
                  int            series,
                  int            point,
                  MoeRoutesPage *self)
{
  MoeChart *chart = moe_chart_view_get_chart (view);
  g_autofree char *text = chart != NULL && series >= 0
                              ? moe_chart_describe (chart, (guint) series, (guint) point) : NULL;

  update_status (self, text);
}

static void
on_row_selected (MoeTableView  *view,
                 int            row,
                 MoeRoutesPage *self)
{
  if (row >= 0 && !self->showing && moe_routes_page_is_current (self)
      && moe_table_view_get_table (view) == self->found->table)
    select_row (self, (guint) row);
}

/* --- class -------------------------------------------------------------------------------------------- */

static MoeExport *
get_export (MoePage *page)
{
  MoeRoutesPage *self = MOE_ROUTES_PAGE (page);

  return moe_routes_page_is_current (self) ? moe_routes_export_new (&self->choice, self->found->model) : NULL;
}

static void
reset_zoom (MoePage *page)
{
  MoeRoutesPage *self = MOE_ROUTES_PAGE (page);

  moe_heatmap_view_reset_zoom (self->map);
  moe_chart_view_reset_zoom (self->chart);
}

static void
connect (MoePage *page)
{
  MoeRoutesPage *self = MOE_ROUTES_PAGE (page);

  self->document = moe_page_get_document (page);
  self->choice.options.phases = moe_document_get_phases (self->document);
  g_signal_connect_object (self->document, "recording-changed", G_CALLBACK (forget), self, G_CONNECT_SWAPPED);
}

static void
moe_routes_page_dispose (GObject *object)
{
  MoeRoutesPage *self = MOE_ROUTES_PAGE (object);

  g_clear_handle_id (&self->dial_timeout, g_source_remove);
  g_clear_pointer (&self->found, found_free);
  gtk_widget_dispose_template (GTK_WIDGET (self), MOE_TYPE_ROUTES_PAGE);

  G_OBJECT_CLASS (moe_routes_page_parent_class)->dispose (object);
}

static void
moe_routes_page_class_init (MoeRoutesPageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  MoePageClass *page_class = MOE_PAGE_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = moe_routes_page_dispose;
  page_class->name = "routes";
  page_class->title = "Routes";
  page_class->connect = connect;
  page_class->refresh = refresh;
  page_class->rescan = rescan;
  page_class->get_export = get_export;
  page_class->reset_zoom = reset_zoom;
  page_class->set_option = moe_routes_page_set_option;

  g_type_ensure (MOE_TYPE_HEATMAP_VIEW);
  g_type_ensure (MOE_TYPE_CHART_VIEW);
  g_type_ensure (MOE_TYPE_TABLE_VIEW);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/moescope/Moescope/moe-routes-page.ui");
  gtk_widget_class_bind_template_child (widget_class, MoeRoutesPage, metric);
  gtk_widget_class_bind_template_child (widget_class, MoeRoutesPage, layer);
  gtk_widget_class_bind_template_child (widget_class, MoeRoutesPage, window_label);
  gtk_widget_class_bind_template_child (widget_class, MoeRoutesPage, window);
  gtk_widget_class_bind_template_child (widget_class, MoeRoutesPage, pairs);
  gtk_widget_class_bind_template_child (widget_class, MoeRoutesPage, value);
  gtk_widget_class_bind_template_child (widget_class, MoeRoutesPage, scale);
  gtk_widget_class_bind_template_child (widget_class, MoeRoutesPage, plots);
  gtk_widget_class_bind_template_child (widget_class, MoeRoutesPage, map);
  gtk_widget_class_bind_template_child (widget_class, MoeRoutesPage, chart);
  gtk_widget_class_bind_template_child (widget_class, MoeRoutesPage, summary);
  gtk_widget_class_bind_template_child (widget_class, MoeRoutesPage, table);
  gtk_widget_class_set_css_name (widget_class, "routes-page");
}

static void
moe_routes_page_init (MoeRoutesPage *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  moe_routes_choice_init (&self->choice);
  self->choice.options.metric = MOE_ROUTES_COACTIVATION;
  self->choice.scale = moe_routes_metric_get_scale (MOE_ROUTES_COACTIVATION);
  self->followed = self->clicked = self->partner = self->partner_of = -1;
  moe_routes_page_init_choices (self);
  moe_heatmap_view_set_text_func (self->map, describe_cell, self);

  g_signal_connect (self->map, "cell-selected", G_CALLBACK (on_cell_selected), self);
  g_signal_connect (self->map, "hover-changed", G_CALLBACK (on_cell_hovered), self);
  g_signal_connect (self->chart, "point-selected", G_CALLBACK (on_point_selected), self);
  g_signal_connect (self->chart, "hover-changed", G_CALLBACK (on_point_hovered), self);
  g_signal_connect (self->table, "row-selected", G_CALLBACK (on_row_selected), self);
}
