/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-routing-page"

#include "ui/moe-routing-page.h"

#include <math.h>
#include <string.h>

#include "data/moe-error.h"
#include "ui/moe-drop-down.h"
#include "ui/moe-heatmap-view.h"
#include "ui/moe-routing-exhibit.h"
#include "ui/moe-text.h"

struct _MoeRoutingPage
{
  MoePage                parent_instance;

  MoeDocument           *document;    /* of the page */
  MoeRoutingPlotOptions  options;     /* the phases are the document's */
  double                *values;      /* (n_moe_layers, n_experts) as shown, or NULL */
  double                *hits;        /* (n_moe_layers, n_experts) */
  double                *weights;     /* (n_moe_layers, n_experts) mean gate weights */
  gint64                 n_tokens;
  int                    hover_row, hover_column;
  int                    area_row, area_column, area_rows, area_columns; /* 0 rows = none */

  GtkDropDown           *metric;
  GtkDropDown           *phase;
  GtkDropDown           *scale;
  GtkDropDown           *color_map;
  MoeHeatmapView        *map;
};

G_DEFINE_FINAL_TYPE (MoeRoutingPage, moe_routing_page, MOE_TYPE_PAGE)

static const char *const color_maps[] = { "viridis", "cividis", NULL };
static const char *const color_map_titles[] = { "Viridis", "Cividis", NULL };

/* --- status line -------------------------------------------------------------------------------------- */

/* "layer 3, expert 17: 412 of 3,318 tokens, mean weight 0.31" */
static char *
describe_cell (guint    row,
               guint    column,
               gpointer user_data)
{
  MoeRoutingPage *self = user_data;
  const MoeModelInfo *info = moe_document_get_info (self->document);
  g_autofree char *hits = NULL;
  g_autofree char *tokens = NULL;
  g_autofree char *weight = NULL;
  GString *text;
  gsize cell;

  if (info == NULL || row >= info->n_moe_layers || column >= info->n_experts)
    return g_strdup ("");
  if (self->hits == NULL)
    return g_strdup_printf ("layer %u, expert %u", info->moe_layers[row], column);

  cell = (gsize) row * info->n_experts + column;
  hits = moe_text_count ((gint64) self->hits[cell]);
  tokens = moe_text_count (self->n_tokens);
  weight = moe_text_number (self->weights[cell]);
  text = g_string_new (NULL);
  g_string_printf (text, "layer %u, expert %u: %s of %s tokens", info->moe_layers[row], column, hits, tokens);
  if (!isnan (self->weights[cell]))
    g_string_append_printf (text, ", mean weight %s", weight);
  if (self->options.metric != MOE_METRIC_HITS && self->options.metric != MOE_METRIC_MEAN_WEIGHT &&
      !isnan (self->values[cell]))
    {
      g_autofree char *value = self->options.metric == MOE_METRIC_SHARE
                                 ? moe_text_percent (self->values[cell])
                                 : moe_text_number (self->values[cell]);

      g_string_append_printf (text, ", %s %s", moe_metric_get_name (self->options.metric), value);
    }
  return g_string_free (text, FALSE);
}

static char *
describe_area (MoeRoutingPage *self)
{
  const MoeModelInfo *info = moe_document_get_info (self->document);
  g_autofree char *hits = NULL;
  g_autofree char *share = NULL;
  double inside = 0, all = 0;
  guint unused = 0;

  if (info == NULL || self->hits == NULL)
    return g_strdup (" ");
  for (guint r = 0; r < info->n_moe_layers; r++)
    for (guint c = 0; c < info->n_experts; c++)
      {
        double n = self->hits[(gsize) r * info->n_experts + c];

        all += n;
        if ((int) r >= self->area_row && (int) r < self->area_row + self->area_rows &&
            (int) c >= self->area_column && (int) c < self->area_column + self->area_columns)
          {
            inside += n;
            unused += n == 0;
          }
      }

  hits = moe_text_count ((gint64) inside);
  share = moe_text_percent (all > 0 ? inside / all : NAN);
  return g_strdup_printf ("layers %u–%u, experts %d–%d: %s routings, %s of all; %u of %d experts never "
                          "chosen", info->moe_layers[self->area_row],
                          info->moe_layers[self->area_row + self->area_rows - 1], self->area_column,
                          self->area_column + self->area_columns - 1, hits, share, unused,
                          self->area_rows * self->area_columns);
}

/* What the pointer is over, else the area, else the selected expert, else what the whole map is. */
static void
update_status (MoeRoutingPage *self)
{
  const MoeModelInfo *info = moe_document_get_info (self->document);
  const MoeSelection *selection = moe_document_get_selection (self->document);
  int row = info != NULL && selection->has_expert
            ? moe_model_info_find_moe_layer (info, (guint) selection->layer) : -1;
  g_autofree char *text = NULL;

  if (self->hover_row >= 0)
    text = describe_cell ((guint) self->hover_row, (guint) self->hover_column, self);
  else if (self->area_rows > 0)
    text = describe_area (self);
  else if (row >= 0)
    text = describe_cell ((guint) row, (guint) selection->expert, self);
  else if (self->hits != NULL)
    {
      g_autofree char *tokens = moe_text_count (self->n_tokens);

      text = g_strdup_printf ("%s tokens. Click a cell to select its expert, double click to disable it.",
                              tokens);
    }
  moe_page_set_status (MOE_PAGE (self), text);
}

/* --- the map ------------------------------------------------------------------------------------------ */

static void
update_overlays (MoeRoutingPage *self)
{
  const MoeModelInfo *info = moe_document_get_info (self->document);
  const MoeSelection *selection = moe_document_get_selection (self->document);
  g_autofree guint8 *marks = NULL;

  if (info != NULL)
    {
      marks = moe_document_get_marks (self->document);
      moe_heatmap_view_set_marked (self->map, marks);
      if (selection->has_expert)
        moe_heatmap_view_select (self->map, moe_model_info_find_moe_layer (info, (guint) selection->layer),
                                 selection->expert);
      else
        moe_heatmap_view_select (self->map, -1, -1);
    }
  update_status (self);
}

static void
show_choices (MoeRoutingPage *self)
{
  guint phases = moe_document_get_phases (self->document);
  guint phase = 0;

  for (guint i = 0; i < MOE_N_PHASES; i++)
    if (phases == MOE_PHASE_BIT (i))
      phase = i + 1;

  gtk_drop_down_set_selected (self->metric, self->options.metric);
  gtk_drop_down_set_selected (self->phase, phase);
  gtk_drop_down_set_selected (self->scale, self->options.scale);
  gtk_drop_down_set_selected (self->color_map, self->options.color_map);
}

static void
refresh (MoePage *page)
{
  MoeRoutingPage *self = MOE_ROUTING_PAGE (page);
  const MoeModelInfo *info = moe_document_get_info (self->document);
  const MoeRoutingStats *stats = moe_document_get_stats (self->document);
  MoeRoutingPlot *plot;

  self->options.phases = moe_document_get_phases (self->document);
  show_choices (self);
  g_clear_pointer (&self->values, g_free);
  g_clear_pointer (&self->hits, g_free);
  g_clear_pointer (&self->weights, g_free);
  self->n_tokens = 0;

  if (info == NULL || stats == NULL)
    {
      MoeHeatmapPlot empty;

      moe_heatmap_plot_init (&empty);
      empty.empty_text = info == NULL ? "Open a model or a recording"
                                      : "Generate on the Live page to see where tokens are routed";
      moe_heatmap_view_set_plot (self->map, &empty);
      update_status (self);
      return;
    }

  plot = moe_routing_plot_new (stats, info, &self->options);
  moe_heatmap_view_set_plot (self->map, &plot->plot);
  self->n_tokens = moe_routing_stats_get_n_tokens (stats, self->options.phases);
  if (plot->values != NULL)
    {
      self->values = g_steal_pointer (&plot->values);
      self->hits = moe_routing_stats_get_map (stats, MOE_METRIC_HITS, self->options.phases);
      self->weights = moe_routing_stats_get_map (stats, MOE_METRIC_MEAN_WEIGHT, self->options.phases);
    }
  moe_routing_plot_free (plot);
  update_overlays (self);
}

static void
forget_area (MoeRoutingPage *self)
{
  self->area_rows = 0;
  self->hover_row = -1;
}

static void
on_cell_selected (MoeHeatmapView *map,
                  int             row,
                  int             column,
                  MoeRoutingPage *self)
{
  const MoeModelInfo *info = moe_document_get_info (self->document);

  self->area_rows = 0;
  if (info == NULL)
    return;
  if (row < 0 || row >= (int) info->n_moe_layers)
    moe_document_unselect_expert (self->document);
  else
    moe_document_select_expert (self->document, (int) info->moe_layers[row], column);
  update_status (self);
}

static void
on_cell_activated (MoeHeatmapView *map,
                   int             row,
                   int             column,
                   MoeRoutingPage *self)
{
  on_cell_selected (map, row, column, self);
  gtk_widget_activate_action (GTK_WIDGET (self), "win.disable-selected", NULL);
}

static void
on_area_selected (MoeHeatmapView *map,
                  int             row,
                  int             column,
                  int             n_rows,
                  int             n_columns,
                  MoeRoutingPage *self)
{
  self->area_row = row;
  self->area_column = column;
  self->area_rows = n_rows;
  self->area_columns = n_columns;
  /* The pointer is still over the last cell of the drag. */
  self->hover_row = -1;
  update_status (self);
}

static void
on_hover_changed (MoeHeatmapView *map,
                  int             row,
                  int             column,
                  MoeRoutingPage *self)
{
  self->hover_row = row;
  self->hover_column = column;
  update_status (self);
}

/* --- what is shown ------------------------------------------------------------------------------------ */

static void
on_choice (GtkDropDown    *drop_down,
           GParamSpec     *pspec,
           MoeRoutingPage *self)
{
  guint chosen = gtk_drop_down_get_selected (drop_down);

  if (chosen == GTK_INVALID_LIST_POSITION)
    return;
  if (drop_down == self->phase)
    gtk_widget_activate_action (GTK_WIDGET (self), "win.phase", "s",
                                chosen == 0 ? "all" : moe_phase_get_name ((MoePhase) (chosen - 1)));
  else if (drop_down == self->metric)
    moe_page_set_option (MOE_PAGE (self), "metric", moe_metric_get_name ((MoeMetric) chosen), NULL);
  else if (drop_down == self->scale)
    moe_page_set_option (MOE_PAGE (self), "color-scale", moe_scale_get_name ((MoeScale) chosen), NULL);
  else
    moe_page_set_option (MOE_PAGE (self), "color-map", color_maps[chosen], NULL);
}

static gboolean
set_option (MoePage     *page,
            const char  *name,
            const char  *value,
            GError     **error)
{
  MoeRoutingPage *self = MOE_ROUTING_PAGE (page);
  gboolean known = FALSE;

  if (g_str_equal (name, "metric"))
    known = moe_metric_parse (value, &self->options.metric);
  else if (g_str_equal (name, "color-scale"))
    known = moe_scale_parse (value, &self->options.scale);
  else if (g_str_equal (name, "color-map") && g_strv_contains (color_maps, value))
    known = moe_color_map_parse (value, &self->options.color_map);

  if (!known)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "there is no %s called “%s”", name, value);
      return FALSE;
    }
  moe_page_queue_refresh (page);
  moe_page_export_changed (page);
  return TRUE;
}

static MoeExport *
get_export (MoePage *page)
{
  MoeRoutingPage *self = MOE_ROUTING_PAGE (page);
  MoeRoutingPlotOptions options = self->options;

  options.phases = moe_document_get_phases (self->document);
  return moe_routing_export_new (&options);
}

static void
reset_zoom (MoePage *page)
{
  moe_heatmap_view_reset_zoom (MOE_ROUTING_PAGE (page)->map);
}

static void
connect (MoePage *page)
{
  MoeRoutingPage *self = MOE_ROUTING_PAGE (page);

  self->document = moe_page_get_document (page);
  g_signal_connect_object (self->document, "recording-changed", G_CALLBACK (forget_area), self,
                           G_CONNECT_SWAPPED);
}

/* --- class -------------------------------------------------------------------------------------------- */

static void
moe_routing_page_dispose (GObject *object)
{
  MoeRoutingPage *self = MOE_ROUTING_PAGE (object);

  g_clear_pointer (&self->values, g_free);
  g_clear_pointer (&self->hits, g_free);
  g_clear_pointer (&self->weights, g_free);
  gtk_widget_dispose_template (GTK_WIDGET (self), MOE_TYPE_ROUTING_PAGE);

  G_OBJECT_CLASS (moe_routing_page_parent_class)->dispose (object);
}

static void
moe_routing_page_class_init (MoeRoutingPageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  MoePageClass *page_class = MOE_PAGE_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = moe_routing_page_dispose;
  page_class->name = "routing";
  page_class->title = "Routing";
  page_class->connect = connect;
  page_class->refresh = refresh;
  page_class->get_export = get_export;
  page_class->reset_zoom = reset_zoom;
  page_class->set_option = set_option;

  g_type_ensure (MOE_TYPE_HEATMAP_VIEW);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/moescope/Moescope/moe-routing-page.ui");
  gtk_widget_class_bind_template_child (widget_class, MoeRoutingPage, metric);
  gtk_widget_class_bind_template_child (widget_class, MoeRoutingPage, phase);
  gtk_widget_class_bind_template_child (widget_class, MoeRoutingPage, scale);
  gtk_widget_class_bind_template_child (widget_class, MoeRoutingPage, color_map);
  gtk_widget_class_bind_template_child (widget_class, MoeRoutingPage, map);
  gtk_widget_class_set_css_name (widget_class, "routing-page");
}

static void
moe_routing_page_init (MoeRoutingPage *self)
{
  static const char *const phase_titles[] = {
    "All", "Template", "Prompt", "Thinking", "Answer", "Teacher-Forced", NULL
  };
  const char *metric_titles[MOE_N_METRICS + 1] = { NULL };

  gtk_widget_init_template (GTK_WIDGET (self));
  moe_routing_plot_options_init (&self->options);
  self->hover_row = -1;

  for (guint i = 0; i < MOE_N_METRICS; i++)
    metric_titles[i] = moe_metric_get_title ((MoeMetric) i);
  moe_drop_down_set_choices (self->metric, metric_titles);
  moe_drop_down_set_choices (self->phase, phase_titles);
  moe_drop_down_set_choices (self->scale, moe_scale_titles);
  moe_drop_down_set_choices (self->color_map, color_map_titles);
  gtk_drop_down_set_selected (self->scale, self->options.scale);

  moe_heatmap_view_set_text_func (self->map, describe_cell, self);
  g_signal_connect (self->map, "cell-selected", G_CALLBACK (on_cell_selected), self);
  g_signal_connect (self->map, "cell-activated", G_CALLBACK (on_cell_activated), self);
  g_signal_connect (self->map, "area-selected", G_CALLBACK (on_area_selected), self);
  g_signal_connect (self->map, "hover-changed", G_CALLBACK (on_hover_changed), self);
  g_signal_connect (self->metric, "notify::selected", G_CALLBACK (on_choice), self);
  g_signal_connect (self->phase, "notify::selected", G_CALLBACK (on_choice), self);
  g_signal_connect (self->scale, "notify::selected", G_CALLBACK (on_choice), self);
  g_signal_connect (self->color_map, "notify::selected", G_CALLBACK (on_choice), self);
}
