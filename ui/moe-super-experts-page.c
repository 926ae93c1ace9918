/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-super-experts-page"

#include "ui/moe-super-experts-page-private.h"

#include <math.h>

#include "analysis/moe-massive-activations.h"
#include "data/moe-error.h"
#include "ui/moe-drop-down.h"
#include "ui/moe-text.h"

static const struct { const char *name, *title; MoeCausalPlot causal; } views[MOE_N_SUPER_VIEWS] = {
  [MOE_SUPER_VIEW_RANKING] = { "ranking", "Map", 0 },
  [MOE_SUPER_VIEW_EXPERTS] = { "experts", "Lines", 0 },
  [MOE_SUPER_VIEW_LAYERS] = { "layers", "By Layer", 0 },
  [MOE_SUPER_VIEW_TAIL] = { "tail", "Distribution", 0 },
  [MOE_SUPER_VIEW_MASSIVE] = { "massive", "Massive Activations", 0 },
  [MOE_SUPER_VIEW_PUBLISHED] = { "published", "Published", 0 },
  [MOE_SUPER_VIEW_RESIDUAL] = { "residual", "Check: Residual", MOE_CAUSAL_RESIDUAL },
  [MOE_SUPER_VIEW_SINKS] = { "sinks", "Check: Sinks", MOE_CAUSAL_SINKS },
  [MOE_SUPER_VIEW_HEADS] = { "heads", "Check: Heads", MOE_CAUSAL_HEADS },
  [MOE_SUPER_VIEW_PERPLEXITY] = { "perplexity", "Check: Perplexity", MOE_CAUSAL_PERPLEXITY },
  [MOE_SUPER_VIEW_SINK_SHARE] = { "sink_share", "Check: Sink Share", MOE_CAUSAL_SINK_SHARE },
  [MOE_SUPER_VIEW_MAX_H] = { "max_h", "Check: Max |h|", MOE_CAUSAL_MAX_H },
};

const char *const moe_super_layer_rules[MOE_N_SUPER_RULES + 1] = { "paper", "growth", "all", NULL };
static const char *const layer_titles[] = { "First ¾ of Layers", "Where |h| Grows", "All Layers", NULL };
static const char *const reduction_titles[] = { "All Tokens", "First Row", NULL };

G_DEFINE_FINAL_TYPE (MoeSuperExpertsPage, moe_super_experts_page, MOE_TYPE_PAGE)

const char *
moe_super_view_get_name (MoeSuperView view)
{
  return views[view].name;
}

static gboolean
is_check (MoeSuperView view)
{
  return view >= MOE_SUPER_VIEW_RESIDUAL;
}

/* The model is borrowed. */
static MoeSuperChoice
get_choice (MoeSuperExpertsPage *self)
{
  return (MoeSuperChoice) {
    .layers = self->rule,
    .first_row = gtk_drop_down_get_selected (self->reduction) == 1,
    .phases = moe_document_get_phases (self->document),
    .ratio = gtk_spin_button_get_value (self->ratio),
    .model = moe_document_get_loaded (self->document, NULL),
  };
}

const MoeSuperExpert *
moe_super_experts_page_find (MoeSuperExpertsPage *self,
             int                  layer,
             int                  expert)
{
  for (guint i = 0; self->scan != NULL && i < moe_super_experts_get_n (self->scan->experts); i++)
    {
      const MoeSuperExpert *one = moe_super_experts_get (self->scan->experts, i);

      if ((int) one->layer == layer && one->expert == expert)
        return one;
    }
  return NULL;
}

/* "L2E30: 1,903 in channel 169 at “<|im_start|>” (token 0); super weight W[169, 12] = 4.88; super expert" */
char *
moe_super_experts_page_describe (const MoeSuperExpert *expert)
{
  g_autofree char *name = moe_expert_format ((int) expert->layer, expert->expert);
  GString *text = g_string_new (name);
  g_autofree char *max = moe_text_number (expert->max);
  g_autofree char *token = expert->token != NULL ? moe_text_token (expert->token) : NULL;

  if (!expert->seen)
    {
      g_string_append (text, ": never routed");
      return g_string_free (text, FALSE);
    }
  g_string_append_printf (text, ": max |down_proj| %s in channel %u at %s (position %" G_GINT64_FORMAT ")",
                          max, expert->channel, token, expert->position);
  if (expert->input_channel >= 0)
    {
      g_autofree char *weight = moe_text_number (expert->weight);

      g_string_append_printf (text, "; super weight W[%u, %d] = %s", expert->channel, expert->input_channel,
                              weight);
    }
  if (expert->is_super)
    g_string_append (text, "; super expert");
  else if (expert->above_percentile && expert->above_tenth)
    g_string_append (text, expert->in_layers ? "; above both thresholds"
                                             : "; above both thresholds, in a layer left out");
  return g_string_free (text, FALSE);
}

void
moe_super_experts_page_update_status (MoeSuperExpertsPage *self,
               int                  layer,
               int                  expert)
{
  const MoeSelection *selection = moe_document_get_selection (self->document);
  const MoeSuperExpert *one = NULL;
  g_autofree char *text = NULL;

  if (layer >= 0)
    one = moe_super_experts_page_find (self, layer, expert);
  else if (selection->has_expert)
    one = moe_super_experts_page_find (self, selection->layer, selection->expert);
  if (one != NULL)
    text = moe_super_experts_page_describe (one);
  else if (self->scan != NULL)
    text = g_strdup ("Rings: super experts; dashed: above both thresholds only. Select an expert to see the "
                     "token that triggers it.");
  moe_page_set_status (MOE_PAGE (self), text);
}

/* --- selection ---------------------------------------------------------------------------------------- */

/* An expert comes with its trigger token. */
void
moe_super_experts_page_select (MoeSuperExpertsPage *self,
               int                  layer,
               int                  expert)
{
  const MoeSuperExpert *one = moe_super_experts_page_find (self, layer, expert);

  if (expert < 0)
    moe_document_unselect_expert (self->document);
  else
    moe_document_select_expert (self->document, layer, expert);
  if (one != NULL && one->seen && one->token_id >= moe_document_get_first_token (self->document))
    moe_document_select_token (self->document, one->token_id);
}

static void
show_selection (MoeSuperExpertsPage *self)
{
  const MoeSelection *selection = moe_document_get_selection (self->document);
  const MoeModelInfo *info = self->scan != NULL ? self->scan->info : NULL;
  int row = info != NULL && selection->has_expert
            ? moe_model_info_find_moe_layer (info, (guint) selection->layer) : -1;
  MoeChart *chart = moe_chart_view_get_chart (self->chart);

  moe_heatmap_view_select (self->map, row, row >= 0 ? selection->expert : -1);
  if (chart != NULL && (self->shown == MOE_SUPER_VIEW_MASSIVE || self->shown == MOE_SUPER_VIEW_RESIDUAL
                        || self->shown == MOE_SUPER_VIEW_SINKS))
    {
      /* Its layer, on the first line. */
      guint series = 0, n = moe_chart_get_n_series (chart);
      MoeChartSeries data;

      for (; series < n; series++)
        {
          moe_chart_get_series (chart, series, &data);
          if (data.kind == MOE_CHART_LINES)
            break;
        }
      if (series < n && row >= 0 && (guint) selection->layer < data.n_points)
        moe_chart_view_select (self->chart, (int) series, selection->layer);
      else
        moe_chart_view_select (self->chart, -1, -1);
    }

  moe_table_view_select (self->table, selection->has_expert
                                        ? moe_table_view_find_expert (self->table, selection->layer,
                                                                      selection->expert) : -1);
  moe_super_experts_page_update_status (self, -1, -1);
}

/* --- what is shown ------------------------------------------------------------------------------------ */

static const char *
get_empty_text (MoeSuperExpertsPage *self)
{
  if (moe_document_get_info (self->document) == NULL)
    return "Open a model or a recording";
  if (moe_document_get_n_tokens (self->document) == 0)
    return "Generate on the Live page to see what each expert writes";
  return self->scan != NULL ? "" : "Reading the recording";
}

static void
show_empty (MoeSuperExpertsPage *self,
            const char          *text)
{
  MoeHeatmapPlot empty;

  moe_heatmap_plot_init (&empty);
  empty.empty_text = text;
  moe_heatmap_view_set_plot (self->map, &empty);
  gtk_stack_set_visible_child (self->plots, GTK_WIDGET (self->map));
}

static void
show_chart (MoeSuperExpertsPage *self,
            MoeChart            *chart)
{
  moe_chart_view_take_chart (self->chart, chart);
  gtk_stack_set_visible_child (self->plots, GTK_WIDGET (self->chart));
}

/* Beside the plot; that of a check comes with its plot. */
static MoeTable *
get_table (MoeSuperExpertsPage *self)
{
  if (self->scan == NULL)
    return NULL;
  if (self->shown == MOE_SUPER_VIEW_MASSIVE)
    return self->scan->massive;
  if (self->shown == MOE_SUPER_VIEW_PUBLISHED)
    return self->scan->published;
  return self->scan->tables[is_check (self->shown) ? MOE_SUPER_RANKING : (MoeSuperPlot) self->shown];
}

static void
show_plot (MoeSuperExpertsPage *self)
{
  if (!is_check (self->shown) || self->causal == NULL)
    moe_table_view_set_table (self->table, get_table (self), NULL);
  if (is_check (self->shown) && self->causal != NULL)
    {
      MoeCausalPlot plot = views[self->shown].causal;
      g_autoptr(MoeTable) table = moe_causal_table_new (self->causal->check,
                                                        moe_causal_plot_get_detail (plot));
      const MoeModelInfo *info = moe_document_get_info (self->document);

      moe_table_view_set_table (self->table, table, NULL);
      show_chart (self, moe_causal_chart_new (table, info->name, plot));
    }
  else if (self->scan == NULL)
    show_empty (self, get_empty_text (self));
  else if (is_check (self->shown))
    {
      const char *reason;

      show_empty (self, moe_document_get_loaded (self->document, &reason) == NULL ? reason
                  : "“Check Causally” runs these tokens again without the selected expert, or without all "
                    "above both thresholds, and without as many random ones");
    }
  else if (self->shown == MOE_SUPER_VIEW_PUBLISHED && self->scan->published == NULL)
    show_empty (self, "Nothing is published about the super experts of this model");
  else if (self->shown == MOE_SUPER_VIEW_RANKING || self->shown == MOE_SUPER_VIEW_PUBLISHED)
    {
      g_autoptr(MoeMatrixPlot) plot = moe_super_map_new (self->scan->experts, self->scan->info);

      moe_heatmap_view_set_plot (self->map, &plot->plot);
      gtk_stack_set_visible_child (self->plots, GTK_WIDGET (self->map));
    }
  else if (self->shown == MOE_SUPER_VIEW_MASSIVE)
    show_chart (self, moe_massive_chart_new (self->scan->massive, self->scan->info->name,
                                             gtk_spin_button_get_value (self->ratio)));
  else
    show_chart (self, moe_super_chart_new (self->scan->experts, self->scan->info,
                                           self->scan->tables[self->shown], (MoeSuperPlot) self->shown));
  show_selection (self);
}

static void
show_verdict (MoeSuperExpertsPage *self)
{
  g_autofree char *sentence = NULL, *comparison = NULL;
  const char *reason = NULL;

  if (self->scan != NULL)
    sentence = moe_text_sentence (moe_super_experts_get_verdict (self->scan->experts));
  comparison = self->scan != NULL && self->scan->comparison != NULL
               ? moe_text_sentence (self->scan->comparison) : NULL;
  gtk_label_set_text (self->published, comparison != NULL ? comparison : "");
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->published), comparison);
  gtk_widget_set_visible (GTK_WIDGET (self->published), comparison != NULL);
  gtk_inscription_set_text (self->verdict, sentence != NULL ? sentence : "");
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->verdict), sentence);
  gtk_widget_set_sensitive (GTK_WIDGET (self->check),
                            self->scan != NULL && moe_document_get_loaded (self->document, &reason) != NULL);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->check),
                               reason != NULL ? reason
                               : "Run These Tokens Again Without the Selected Expert, or Without All Above "
                                 "Both Thresholds");
}

static void
on_scanned (MoePage  *page,
            gpointer  result)
{
  MoeSuperExpertsPage *self = MOE_SUPER_EXPERTS_PAGE (page);

  moe_super_scan_free (self->scan);
  self->scan = result;
  show_verdict (self);
  show_plot (self);
}

typedef struct
{
  char           *path;
  char           *experts; /* of the check */
  MoeModel       *model;   /* of the check */
  MoeSuperChoice *choice;  /* of the scan */
} Work;

static void
work_free (gpointer data)
{
  Work *work = data;

  g_free (work->path);
  g_free (work->experts);
  g_clear_pointer (&work->model, moe_model_unref);
  moe_super_choice_free (work->choice);
  g_free (work);
}

static gpointer
scan (gpointer            data,
      const MoeProgress  *progress,
      GError            **error)
{
  const Work *work = data;

  return moe_super_scan_new (work->path, work->choice, progress, error);
}

static void
rescan (MoePage    *page,
        const char *path)
{
  MoeSuperExpertsPage *self = MOE_SUPER_EXPERTS_PAGE (page);
  MoeSuperChoice choice = get_choice (self);
  Work *work = g_new0 (Work, 1);

  work->path = g_strdup (path);
  work->choice = moe_super_choice_copy (&choice);
  self->read_phases = choice.phases;
  self->read_model = choice.model;
  moe_page_run (page, MOE_PAGE_SCAN, "Reading the recording", scan, work, work_free,
                (GDestroyNotify) moe_super_scan_free, on_scanned);
}

static void
refresh (MoePage *page)
{
  MoeSuperExpertsPage *self = MOE_SUPER_EXPERTS_PAGE (page);

  if (self->scan != NULL
      && (self->read_phases != moe_document_get_phases (self->document)
          || self->read_model != moe_document_get_loaded (self->document, NULL)))
    moe_page_queue_rescan (page);
  if (self->scan == NULL)
    show_plot (self);
  else
    show_selection (self);
  show_verdict (self);
}

/* Nothing of another recording stays. */
static void
forget (MoeSuperExpertsPage *self)
{
  g_clear_pointer (&self->scan, moe_super_scan_free);
  g_clear_pointer (&self->causal, moe_causal_result_unref);
  moe_page_cancel (MOE_PAGE (self), MOE_PAGE_WORK);
  moe_chart_view_take_chart (self->chart, NULL);
}

/* --- the causal check --------------------------------------------------------------------------------- */

void
moe_super_experts_page_set_view (MoeSuperExpertsPage *self,
          MoeSuperView                 view)
{
  self->shown = view;
  gtk_drop_down_set_selected (self->view, view);
  show_plot (self);
  moe_page_export_changed (MOE_PAGE (self));
}

static void
on_checked (MoePage  *page,
            gpointer  result)
{
  MoeSuperExpertsPage *self = MOE_SUPER_EXPERTS_PAGE (page);

  g_clear_pointer (&self->causal, moe_causal_result_unref);
  self->causal = result;
  moe_super_experts_page_set_view (self, is_check (self->shown) ? self->shown : MOE_SUPER_VIEW_RESIDUAL);
}

static gpointer
check (gpointer            data,
       const MoeProgress  *progress,
       GError            **error)
{
  const Work *work = data;

  return moe_causal_result_new (work->path, work->model, work->experts, progress, error);
}

static void
run_check (MoePage    *page,
           const char *path,
           gpointer    data)
{
  Work *work = data;

  work->path = g_strdup (path);
  moe_page_run (page, MOE_PAGE_WORK, "Causal check", check, work, work_free,
                (GDestroyNotify) moe_causal_result_unref, on_checked);
}

/* The selected expert, else those above both thresholds in the kept layers. NULL when there is neither.
 * Transfer full. */
static char *
choose_candidates (MoeSuperExpertsPage *self)
{
  const MoeSelection *selection = moe_document_get_selection (self->document);
  GString *text;

  if (selection->has_expert)
    return moe_expert_format (selection->layer, selection->expert);
  text = g_string_new (NULL);
  for (guint i = 0; self->scan != NULL && i < moe_super_experts_get_n (self->scan->experts); i++)
    {
      const MoeSuperExpert *expert = moe_super_experts_get (self->scan->experts, i);
      g_autofree char *name = moe_expert_format ((int) expert->layer, expert->expert);

      if (expert->above_percentile && expert->above_tenth && expert->in_layers)
        g_string_append_printf (text, "%s%s", text->len > 0 ? "," : "", name);
    }
  return g_string_free (text, text->len == 0);
}

/* @experts: NULL or "" chooses. */
gboolean
moe_super_experts_page_start_check (MoeSuperExpertsPage  *self,
             const char           *experts,
             GError              **error)
{
  const char *reason = NULL;
  MoeModel *model = moe_document_get_loaded (self->document, &reason);
  g_autofree char *chosen = experts != NULL && *experts != '\0' ? g_strdup (experts)
                                                                : choose_candidates (self);
  Work *work;

  if (model == NULL || chosen == NULL)
    {
      g_set_error_literal (error, MOE_ERROR, MOE_ERROR_INVALID,
                           model == NULL ? reason
                                         : "no expert is above both thresholds; select one to check");
      return FALSE;
    }
  work = g_new0 (Work, 1);
  work->model = moe_model_ref (model);
  work->experts = g_steal_pointer (&chosen);
  moe_page_with_recording (MOE_PAGE (self), run_check, work, work_free);
  return TRUE;
}

/* --- class -------------------------------------------------------------------------------------------- */

static MoeExport *
get_export (MoePage *page)
{
  MoeSuperExpertsPage *self = MOE_SUPER_EXPERTS_PAGE (page);
  MoeSuperChoice choice = get_choice (self);

  if (is_check (self->shown))
    return self->causal != NULL ? moe_causal_export_new (self->causal, views[self->shown].causal) : NULL;
  if (self->scan == NULL)
    return NULL;
  if (self->shown == MOE_SUPER_VIEW_MASSIVE)
    return moe_massive_export_new (&choice);
  if (self->shown == MOE_SUPER_VIEW_PUBLISHED)
    return self->scan->published != NULL ? moe_published_export_new (&choice) : NULL;
  return moe_super_export_new (&choice, (MoeSuperPlot) self->shown);
}

static void
reset_zoom (MoePage *page)
{
  MoeSuperExpertsPage *self = MOE_SUPER_EXPERTS_PAGE (page);

  moe_heatmap_view_reset_zoom (self->map);
  moe_chart_view_reset_zoom (self->chart);
}

static void
connect (MoePage *page)
{
  MoeSuperExpertsPage *self = MOE_SUPER_EXPERTS_PAGE (page);

  self->document = moe_page_get_document (page);
  g_signal_connect_object (self->document, "recording-changed", G_CALLBACK (forget), self, G_CONNECT_SWAPPED);
}

static void
moe_super_experts_page_dispose (GObject *object)
{
  MoeSuperExpertsPage *self = MOE_SUPER_EXPERTS_PAGE (object);

  g_clear_handle_id (&self->ratio_timeout, g_source_remove);
  g_clear_pointer (&self->scan, moe_super_scan_free);
  g_clear_pointer (&self->causal, moe_causal_result_unref);
  g_clear_pointer (&self->rule, g_free);
  gtk_widget_dispose_template (GTK_WIDGET (self), MOE_TYPE_SUPER_EXPERTS_PAGE);

  G_OBJECT_CLASS (moe_super_experts_page_parent_class)->dispose (object);
}

static void
moe_super_experts_page_class_init (MoeSuperExpertsPageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  MoePageClass *page_class = MOE_PAGE_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = moe_super_experts_page_dispose;
  page_class->name = "super-experts";
  page_class->title = "Super Experts";
  page_class->connect = connect;
  page_class->refresh = refresh;
  page_class->rescan = rescan;
  page_class->get_export = get_export;
  page_class->reset_zoom = reset_zoom;
  page_class->set_option = moe_super_experts_page_set_option;

  g_type_ensure (MOE_TYPE_HEATMAP_VIEW);
  g_type_ensure (MOE_TYPE_CHART_VIEW);
  g_type_ensure (MOE_TYPE_TABLE_VIEW);
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/org/moescope/Moescope/moe-super-experts-page.ui");
  gtk_widget_class_bind_template_child (widget_class, MoeSuperExpertsPage, view);
  gtk_widget_class_bind_template_child (widget_class, MoeSuperExpertsPage, layers);
  gtk_widget_class_bind_template_child (widget_class, MoeSuperExpertsPage, reduction);
  gtk_widget_class_bind_template_child (widget_class, MoeSuperExpertsPage, ratio);
  gtk_widget_class_bind_template_child (widget_class, MoeSuperExpertsPage, plots);
  gtk_widget_class_bind_template_child (widget_class, MoeSuperExpertsPage, map);
  gtk_widget_class_bind_template_child (widget_class, MoeSuperExpertsPage, chart);
  gtk_widget_class_bind_template_child (widget_class, MoeSuperExpertsPage, verdict);
  gtk_widget_class_bind_template_child (widget_class, MoeSuperExpertsPage, published);
  gtk_widget_class_bind_template_child (widget_class, MoeSuperExpertsPage, check);
  gtk_widget_class_bind_template_child (widget_class, MoeSuperExpertsPage, table);
  gtk_widget_class_set_css_name (widget_class, "super-experts-page");
}

static void
moe_super_experts_page_init (MoeSuperExpertsPage *self)
{
  const char *titles[MOE_N_SUPER_VIEWS + 1] = { NULL };

  gtk_widget_init_template (GTK_WIDGET (self));
  self->rule = g_strdup (moe_super_layer_rules[0]);
  for (guint i = 0; i < MOE_N_SUPER_VIEWS; i++)
    titles[i] = views[i].title;
  moe_drop_down_set_choices (self->view, titles);
  moe_drop_down_set_choices (self->layers, layer_titles);
  moe_drop_down_set_choices (self->reduction, reduction_titles);

  moe_super_experts_page_init_input (self);
}
