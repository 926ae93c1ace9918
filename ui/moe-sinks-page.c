/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-sinks-page"

#include "ui/moe-sinks-page.h"

#include <math.h>

#include "data/moe-error.h"
#include "data/moe-number.h"
#include "ui/moe-chart-view.h"
#include "ui/moe-drop-down.h"
#include "ui/moe-heatmap-view.h"
#include "ui/moe-sink-scan.h"
#include "ui/moe-table-view.h"
#include "ui/moe-text.h"

/* Turning a dial asks for one reading of the recording, not for one a step. */
#define DIAL_DELAY_MS 300

typedef enum
{
  VIEW_HEADS,
  VIEW_LAYERS,
  VIEW_CHANGE_HEADS,
  VIEW_CHANGE_LAYERS,
  N_VIEWS
} View;

static const struct { const char *name, *title; } views[N_VIEWS] = {
  [VIEW_HEADS] = { "heads", "Heads" },
  [VIEW_LAYERS] = { "layers", "Layers" },
  [VIEW_CHANGE_HEADS] = { "change-heads", "Change by Head" },
  [VIEW_CHANGE_LAYERS] = { "change-layers", "Change by Layer" },
};

struct _MoeSinksPage
{
  MoePage         parent_instance;

  MoeDocument    *document;   /* of the page */
  View            shown;
  MoeSinkScan    *scan;       /* or NULL */
  MoeSinkChange  *change;     /* or NULL */
  MoeTable       *heads, *layers; /* that are shown, or NULL */
  guint           dial_timeout;

  GtkDropDown    *view;
  GtkSpinButton  *epsilon;
  GtkSpinButton  *length;
  GtkStack       *plots;
  MoeHeatmapView *map;
  MoeChartView   *chart;
  GtkInscription *summary;
  GtkButton      *compare;
  MoeTableView   *table;
};

G_DEFINE_FINAL_TYPE (MoeSinksPage, moe_sinks_page, MOE_TYPE_PAGE)

static gboolean
is_change (View view)
{
  return view == VIEW_CHANGE_HEADS || view == VIEW_CHANGE_LAYERS;
}

static gboolean
is_by_head (View view)
{
  return view == VIEW_HEADS || view == VIEW_CHANGE_HEADS;
}

static MoeSinkOptions
get_options (MoeSinksPage *self)
{
  return (MoeSinkOptions) { gtk_spin_button_get_value (self->epsilon),
                            (guint) gtk_spin_button_get_value_as_int (self->length),
                            is_by_head (self->shown) };
}

/* "layer 5, head 0: sink share 0.85, rate 1, 0.92 before, decay 0.08" */
static char *
describe_head (MoeSinksPage *self,
               int           layer,
               int           head)
{
  static const struct { const char *column, *title; } values[] = {
    { "sink_share", "sink share" }, { "sink_share_before", "before" }, { "decay", "decay" },
    { "sink_rate", "rate" }, { "last_query", "last query" }, { "learned_sink", "learned sink" },
  };
  GString *text;

  if (self->heads == NULL)
    return NULL;
  for (guint row = 0; row < moe_table_get_n_rows (self->heads); row++)
    if (moe_table_get_int (self->heads, row, 0) == layer && moe_table_get_int (self->heads, row, 1) == head)
      {
        text = g_string_new (NULL);
        g_string_printf (text, "layer %d, head %d", layer, head);
        for (guint i = 0; i < G_N_ELEMENTS (values); i++)
          {
            double value = moe_table_get_by_name (self->heads, row, values[i].column);
            g_autofree char *number = moe_text_number (value);

            if (!isnan (value))
              g_string_append_printf (text, "%s %s %s", i > 0 ? "," : ":", values[i].title, number);
          }
        return g_string_free (text, FALSE);
      }
  return NULL;
}

static void
update_status (MoeSinksPage *self,
               int           layer,
               int           head)
{
  const MoeSelection *selection = moe_document_get_selection (self->document);
  g_autofree char *text = NULL;

  if (layer >= 0)
    text = describe_head (self, layer, head);
  else if (selection->has_head)
    text = describe_head (self, selection->head_layer, selection->head);
  if (text == NULL && self->heads != NULL)
    text = g_strdup ("Click a head to select it, double click to open its pattern.");
  moe_page_set_status (MOE_PAGE (self), text);
}

static void
show_selection (MoeSinksPage *self)
{
  const MoeSelection *selection = moe_document_get_selection (self->document);
  MoeTable *table = moe_table_view_get_table (self->table);
  int found = -1;

  moe_heatmap_view_select (self->map, selection->has_head ? selection->head_layer : -1,
                           selection->has_head ? selection->head : -1);
  for (guint row = 0; table != NULL && selection->has_head && row < moe_table_get_n_rows (table); row++)
    if (moe_table_get_int (table, row, 0) == selection->head_layer
        && (!is_by_head (self->shown) || moe_table_get_int (table, row, 1) == selection->head))
      {
        found = (int) row;
        break;
      }
  moe_table_view_select (self->table, found);
  update_status (self, -1, -1);
}

/* --- what is shown ------------------------------------------------------------------------------------ */

static void
show_empty (MoeSinksPage *self)
{
  MoeHeatmapPlot empty;
  const char *reason = NULL;

  moe_heatmap_plot_init (&empty);
  if (moe_document_get_info (self->document) == NULL)
    empty.empty_text = "Open a model or a recording";
  else if (moe_document_get_n_tokens (self->document) == 0)
    empty.empty_text = "Generate on the Live page to see where the heads look";
  else if (self->scan == NULL)
    empty.empty_text = "Reading the recording";
  else if (moe_document_get_loaded (self->document, &reason) == NULL)
    empty.empty_text = reason;
  else
    empty.empty_text = "Disable an expert, then “Compare with Interventions” runs these tokens again without "
                       "and with it";
  moe_heatmap_view_set_plot (self->map, &empty);
  gtk_stack_set_visible_child (self->plots, GTK_WIDGET (self->map));
}

static void
show_summary (MoeSinksPage *self)
{
  g_autofree char *text = NULL;
  const char *reason = NULL;
  gboolean has_mask = moe_mask_get_n (moe_document_get_mask (self->document)) > 0;
  gboolean can_run = moe_document_get_loaded (self->document, &reason) != NULL;

  if (is_change (self->shown) && self->change != NULL)
    {
      g_autofree char *mask = moe_mask_to_provenance (self->change->mask);
      g_autofree char *decay = moe_text_number (moe_sink_stats_get_decay (self->change->before,
                                                                          self->change->after, -1, -1));

      text = g_strdup_printf ("Decay D %s under %s.", decay, mask);
    }
  else if (self->scan != NULL)
    {
      double best = -1;
      guint best_row = 0;

      for (guint row = 0; row < moe_table_get_n_rows (self->scan->heads); row++)
        {
          double share = moe_table_get_by_name (self->scan->heads, row, "sink_share");

          if (share > best)
            {
              best = share;
              best_row = row;
            }
        }
      if (best >= 0)
        {
          g_autofree char *share = moe_text_percent (best);

          text = g_strdup_printf ("Strongest sink: layer %" G_GINT64_FORMAT ", head %" G_GINT64_FORMAT
                                  ", %s of its attention.",
                                  moe_table_get_int (self->scan->heads, best_row, 0),
                                  moe_table_get_int (self->scan->heads, best_row, 1), share);
        }
    }
  gtk_inscription_set_text (self->summary, text != NULL ? text : "");
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->summary), text);
  gtk_widget_set_sensitive (GTK_WIDGET (self->compare), self->scan != NULL && can_run && has_mask);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->compare),
                               !can_run ? reason : !has_mask ? "Disable an Expert First"
                               : "Run These Tokens Again Without and With the Interventions That Act Now");
}

static void
show_plot (MoeSinksPage *self)
{
  const MoeModelInfo *info = NULL;

  g_clear_pointer (&self->heads, moe_table_unref);
  g_clear_pointer (&self->layers, moe_table_unref);
  if (!is_change (self->shown) && self->scan != NULL)
    {
      info = self->scan->info;
      self->heads = moe_table_ref (self->scan->heads);
      self->layers = moe_table_ref (self->scan->layers);
    }
  else if (is_change (self->shown) && self->change != NULL)
    {
      info = self->change->info;
      self->heads = moe_sinks_compare (info, self->change->before, self->change->after, TRUE);
      self->layers = moe_sinks_compare (info, self->change->before, self->change->after, FALSE);
    }

  moe_table_view_set_table (self->table, is_by_head (self->shown) ? self->heads : self->layers, NULL);
  if (info == NULL)
    show_empty (self);
  else if (is_by_head (self->shown))
    {
      g_autoptr(MoeMatrixPlot) plot = moe_sink_map_new (info, self->heads);

      moe_heatmap_view_set_plot (self->map, &plot->plot);
      gtk_stack_set_visible_child (self->plots, GTK_WIDGET (self->map));
    }
  else
    {
      moe_chart_view_take_chart (self->chart, moe_sink_chart_new (info, self->heads, self->layers));
      gtk_stack_set_visible_child (self->plots, GTK_WIDGET (self->chart));
    }
  show_summary (self);
  show_selection (self);
}

typedef struct
{
  char           *path;
  MoeSinkOptions  options;
  MoeModel       *model;
  MoeMask        *mask;
} Work;

static void
work_free (gpointer data)
{
  Work *work = data;

  g_free (work->path);
  g_clear_pointer (&work->model, moe_model_unref);
  g_clear_pointer (&work->mask, moe_mask_unref);
  g_free (work);
}

static gpointer
scan (gpointer            data,
      const MoeProgress  *progress,
      GError            **error)
{
  const Work *work = data;

  return moe_sink_scan_new (work->path, &work->options, error);
}

static void
on_scanned (MoePage  *page,
            gpointer  result)
{
  MoeSinksPage *self = MOE_SINKS_PAGE (page);

  moe_sink_scan_free (self->scan);
  self->scan = result;
  show_plot (self);
}

static void
rescan (MoePage    *page,
        const char *path)
{
  Work *work = g_new0 (Work, 1);

  work->path = g_strdup (path);
  work->options = get_options (MOE_SINKS_PAGE (page));
  moe_page_run (page, MOE_PAGE_SCAN, "Reading the recording", scan, work, work_free,
                (GDestroyNotify) moe_sink_scan_free, on_scanned);
}

static void
refresh (MoePage *page)
{
  MoeSinksPage *self = MOE_SINKS_PAGE (page);

  if (self->heads == NULL)
    show_plot (self);
  else
    {
      show_summary (self);
      show_selection (self);
    }
}

static void
forget (MoeSinksPage *self)
{
  g_clear_pointer (&self->scan, moe_sink_scan_free);
  g_clear_pointer (&self->change, moe_sink_change_unref);
  g_clear_pointer (&self->heads, moe_table_unref);
  g_clear_pointer (&self->layers, moe_table_unref);
  moe_page_cancel (MOE_PAGE (self), MOE_PAGE_WORK);
}

/* --- comparing ---------------------------------------------------------------------------------------- */

static void
set_view (MoeSinksPage *self,
          View          view)
{
  self->shown = view;
  gtk_drop_down_set_selected (self->view, view);
  show_plot (self);
  moe_page_export_changed (MOE_PAGE (self));
}

static void
on_compared (MoePage  *page,
             gpointer  result)
{
  MoeSinksPage *self = MOE_SINKS_PAGE (page);

  g_clear_pointer (&self->change, moe_sink_change_unref);
  self->change = result;
  set_view (self, is_by_head (self->shown) ? VIEW_CHANGE_HEADS : VIEW_CHANGE_LAYERS);
}

static gpointer
compare (gpointer            data,
         const MoeProgress  *progress,
         GError            **error)
{
  const MoeSessionOptions options = { .cache = MOE_CACHE_F16, .kernels = MOE_KERNELS_AUTO };
  const Work *work = data;
  g_autoptr(MoeRecording) recording = moe_recording_open (work->path, error);
  g_autoptr(MoeSession) session = recording != NULL ? moe_session_new (work->model, &options, error) : NULL;

  return session != NULL ? moe_sink_change_new (recording, session, work->mask, progress, error) : NULL;
}

static void
run_compare (MoePage    *page,
             const char *path,
             gpointer    data)
{
  Work *work = data;

  work->path = g_strdup (path);
  moe_page_run (page, MOE_PAGE_WORK, "Running the tokens again", compare, work, work_free,
                (GDestroyNotify) moe_sink_change_unref, on_compared);
}

static gboolean
start_compare (MoeSinksPage  *self,
               GError       **error)
{
  MoeMask *mask = moe_document_get_mask (self->document);
  const char *reason = NULL;
  MoeModel *model = moe_document_get_loaded (self->document, &reason);
  Work *work;

  if (model == NULL || moe_mask_get_n (mask) == 0)
    {
      g_set_error_literal (error, MOE_ERROR, MOE_ERROR_INVALID,
                           model == NULL ? reason : "there are no interventions to compare with");
      return FALSE;
    }
  work = g_new0 (Work, 1);
  work->model = moe_model_ref (model);
  work->mask = moe_mask_ref (mask);
  moe_page_with_recording (MOE_PAGE (self), run_compare, work, work_free);
  return TRUE;
}

static void
on_compare (MoeSinksPage *self)
{
  g_autoptr(GError) error = NULL;

  if (!start_compare (self, &error))
    moe_page_show_error (MOE_PAGE (self), error->message);
}

/* --- choices ------------------------------------------------------------------------------------------ */

static void
on_view (MoeSinksPage *self)
{
  guint chosen = gtk_drop_down_get_selected (self->view);

  if (chosen < N_VIEWS && chosen != self->shown)
    set_view (self, (View) chosen);
}

static gboolean
on_dial_timeout (gpointer user_data)
{
  MoeSinksPage *self = user_data;

  self->dial_timeout = 0;
  moe_page_queue_rescan (MOE_PAGE (self));
  moe_page_export_changed (MOE_PAGE (self));
  return G_SOURCE_REMOVE;
}

static void
on_dial (MoeSinksPage *self)
{
  g_clear_handle_id (&self->dial_timeout, g_source_remove);
  self->dial_timeout = g_timeout_add (DIAL_DELAY_MS, on_dial_timeout, self);
}

static gboolean
set_option (MoePage     *page,
            const char  *name,
            const char  *value,
            GError     **error)
{
  MoeSinksPage *self = MOE_SINKS_PAGE (page);
  double number;

  if (g_str_equal (name, "compare"))
    return start_compare (self, error);
  for (guint i = 0; g_str_equal (name, "view") && i < N_VIEWS; i++)
    if (g_str_equal (value, views[i].name))
      {
        set_view (self, (View) i);
        return TRUE;
      }
  if (moe_number_parse (value, &number))
    {
      if (g_str_equal (name, "epsilon") && number >= 0 && number <= 1)
        {
          gtk_spin_button_set_value (self->epsilon, number);
          return TRUE;
        }
      if (g_str_equal (name, "length") && number >= 2 && number <= 1048576)
        {
          gtk_spin_button_set_value (self->length, number);
          return TRUE;
        }
    }
  g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "there is no %s called “%s”", name, value);
  return FALSE;
}

/* --- signals of the plots ----------------------------------------------------------------------------- */

static char *
describe_cell (guint    row,
               guint    column,
               gpointer user_data)
{
  char *text = describe_head (user_data, (int) row, (int) column);

  return text != NULL ? text : g_strdup ("");
}

static void
on_cell_selected (MoeHeatmapView *map,
                  int             row,
                  int             column,
                  MoeSinksPage   *self)
{
  if (row < 0)
    moe_document_unselect_head (self->document);
  else
    moe_document_select_head (self->document, row, column);
}

static void
on_cell_activated (MoeHeatmapView *map,
                   int             row,
                   int             column,
                   MoeSinksPage   *self)
{
  on_cell_selected (map, row, column, self);
  gtk_widget_activate_action (GTK_WIDGET (self), "win.page", "s", "attention");
}

static void
on_cell_hovered (MoeHeatmapView *map,
                 int             row,
                 int             column,
                 MoeSinksPage   *self)
{
  update_status (self, row, column);
}

static void
on_row_selected (MoeTableView *view,
                 int           row,
                 MoeSinksPage *self)
{
  MoeTable *table = moe_table_view_get_table (view);

  if (row >= 0 && table != NULL && !moe_table_is_missing (table, (guint) row, 1))
    moe_document_select_head (self->document, (int) moe_table_get_int (table, (guint) row, 0),
                              (int) moe_table_get_int (table, (guint) row, 1));
}

/* --- class -------------------------------------------------------------------------------------------- */

static MoeExport *
get_export (MoePage *page)
{
  MoeSinksPage *self = MOE_SINKS_PAGE (page);
  MoeSinkOptions options = get_options (self);

  if (is_change (self->shown))
    return self->change != NULL ? moe_sink_change_export_new (self->change, is_by_head (self->shown)) : NULL;
  return self->scan != NULL ? moe_sink_export_new (&options) : NULL;
}

static void
reset_zoom (MoePage *page)
{
  MoeSinksPage *self = MOE_SINKS_PAGE (page);

  moe_heatmap_view_reset_zoom (self->map);
  moe_chart_view_reset_zoom (self->chart);
}

static void
connect (MoePage *page)
{
  MoeSinksPage *self = MOE_SINKS_PAGE (page);

  self->document = moe_page_get_document (page);
  g_signal_connect_object (self->document, "recording-changed", G_CALLBACK (forget), self, G_CONNECT_SWAPPED);
}

static void
moe_sinks_page_dispose (GObject *object)
{
  MoeSinksPage *self = MOE_SINKS_PAGE (object);

  g_clear_handle_id (&self->dial_timeout, g_source_remove);
  g_clear_pointer (&self->scan, moe_sink_scan_free);
  g_clear_pointer (&self->change, moe_sink_change_unref);
  g_clear_pointer (&self->heads, moe_table_unref);
  g_clear_pointer (&self->layers, moe_table_unref);
  gtk_widget_dispose_template (GTK_WIDGET (self), MOE_TYPE_SINKS_PAGE);

  G_OBJECT_CLASS (moe_sinks_page_parent_class)->dispose (object);
}

static void
moe_sinks_page_class_init (MoeSinksPageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  MoePageClass *page_class = MOE_PAGE_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = moe_sinks_page_dispose;
  page_class->name = "sinks";
  page_class->title = "Sinks";
  page_class->connect = connect;
  page_class->refresh = refresh;
  page_class->rescan = rescan;
  page_class->get_export = get_export;
  page_class->reset_zoom = reset_zoom;
  page_class->set_option = set_option;

  g_type_ensure (MOE_TYPE_HEATMAP_VIEW);
  g_type_ensure (MOE_TYPE_CHART_VIEW);
  g_type_ensure (MOE_TYPE_TABLE_VIEW);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/moescope/Moescope/moe-sinks-page.ui");
  gtk_widget_class_bind_template_child (widget_class, MoeSinksPage, view);
  gtk_widget_class_bind_template_child (widget_class, MoeSinksPage, epsilon);
  gtk_widget_class_bind_template_child (widget_class, MoeSinksPage, length);
  gtk_widget_class_bind_template_child (widget_class, MoeSinksPage, plots);
  gtk_widget_class_bind_template_child (widget_class, MoeSinksPage, map);
  gtk_widget_class_bind_template_child (widget_class, MoeSinksPage, chart);
  gtk_widget_class_bind_template_child (widget_class, MoeSinksPage, summary);
  gtk_widget_class_bind_template_child (widget_class, MoeSinksPage, compare);
  gtk_widget_class_bind_template_child (widget_class, MoeSinksPage, table);
  gtk_widget_class_set_css_name (widget_class, "sinks-page");
}

static void
moe_sinks_page_init (MoeSinksPage *self)
{
  const char *titles[N_VIEWS + 1] = { NULL };

  gtk_widget_init_template (GTK_WIDGET (self));
  for (guint i = 0; i < N_VIEWS; i++)
    titles[i] = views[i].title;
  moe_drop_down_set_choices (self->view, titles);
  moe_heatmap_view_set_text_func (self->map, describe_cell, self);

  g_signal_connect_swapped (self->view, "notify::selected", G_CALLBACK (on_view), self);
  g_signal_connect_swapped (self->epsilon, "value-changed", G_CALLBACK (on_dial), self);
  g_signal_connect_swapped (self->length, "value-changed", G_CALLBACK (on_dial), self);
  g_signal_connect_swapped (self->compare, "clicked", G_CALLBACK (on_compare), self);
  g_signal_connect (self->map, "cell-selected", G_CALLBACK (on_cell_selected), self);
  g_signal_connect (self->map, "cell-activated", G_CALLBACK (on_cell_activated), self);
  g_signal_connect (self->map, "hover-changed", G_CALLBACK (on_cell_hovered), self);
  g_signal_connect (self->table, "row-selected", G_CALLBACK (on_row_selected), self);
}
