/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-super-experts-page"

#include "ui/moe-super-experts-page-private.h"

#include "data/moe-error.h"
#include "data/moe-number.h"

/* Turning a dial asks for one reading of the recording, not for one a step. */
#define RATIO_DELAY_MS 300

/* --- choices ------------------------------------------------------------------------------------------ */

static void
on_check (MoeSuperExpertsPage *self)
{
  g_autoptr(GError) error = NULL;

  if (!moe_super_experts_page_start_check (self, NULL, &error))
    moe_page_show_error (MOE_PAGE (self), error->message);
}

static void
on_view (MoeSuperExpertsPage *self)
{
  guint chosen = gtk_drop_down_get_selected (self->view);

  if (chosen < MOE_N_SUPER_VIEWS && chosen != self->shown)
    moe_super_experts_page_set_view (self, (MoeSuperView) chosen);
}

static void
on_choice (MoeSuperExpertsPage *self)
{
  guint rule = gtk_drop_down_get_selected (self->layers);

  if (rule < MOE_N_SUPER_RULES)
    {
      g_free (self->rule);
      self->rule = g_strdup (moe_super_layer_rules[rule]);
    }
  moe_page_queue_rescan (MOE_PAGE (self));
  moe_page_export_changed (MOE_PAGE (self));
}

static gboolean
on_ratio_timeout (gpointer user_data)
{
  MoeSuperExpertsPage *self = user_data;

  self->ratio_timeout = 0;
  moe_page_queue_rescan (MOE_PAGE (self));
  moe_page_export_changed (MOE_PAGE (self));
  return G_SOURCE_REMOVE;
}

static void
on_ratio (MoeSuperExpertsPage *self)
{
  g_clear_handle_id (&self->ratio_timeout, g_source_remove);
  self->ratio_timeout = g_timeout_add (RATIO_DELAY_MS, on_ratio_timeout, self);
}

static gboolean
set_layers (MoeSuperExpertsPage  *self,
            const char           *value,
            GError              **error)
{
  g_auto(MoeSuperOptions) options;

  moe_super_options_init (&options);
  if (!moe_super_options_parse_layers (&options, value, error))
    return FALSE;
  g_free (self->rule);
  self->rule = g_strdup (value);
  for (guint i = 0; moe_super_layer_rules[i] != NULL; i++)
    if (g_str_equal (value, moe_super_layer_rules[i]))
      gtk_drop_down_set_selected (self->layers, i);
  moe_page_queue_rescan (MOE_PAGE (self));
  return TRUE;
}

gboolean
moe_super_experts_page_set_option (MoePage     *page,
            const char  *name,
            const char  *value,
            GError     **error)
{
  MoeSuperExpertsPage *self = MOE_SUPER_EXPERTS_PAGE (page);
  double number;
  int layer, expert;

  if (g_str_equal (name, "expert") && moe_expert_parse (value, &layer, &expert)
      && moe_super_experts_page_find (self, layer, expert) != NULL)
    {
      moe_super_experts_page_select (self, layer, expert);
      return TRUE;
    }
  if (g_str_equal (name, "layers"))
    return set_layers (self, value, error);
  if (g_str_equal (name, "check"))
    return moe_super_experts_page_start_check (self, value, error);
  for (guint i = 0; g_str_equal (name, "view") && i < MOE_N_SUPER_VIEWS; i++)
    if (g_str_equal (value, moe_super_view_get_name (i)))
      {
        moe_super_experts_page_set_view (self, (MoeSuperView) i);
        return TRUE;
      }
  for (guint i = 0; g_str_equal (name, "reduction") && i < 2; i++)
    if (g_str_equal (value, i == 0 ? "all" : "first-row"))
      {
        gtk_drop_down_set_selected (self->reduction, i);
        return TRUE;
      }
  if (g_str_equal (name, "ratio") && moe_number_parse (value, &number) && number >= 1 && number <= 1e6)
    {
      gtk_spin_button_set_value (self->ratio, number);
      return TRUE;
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
  MoeSuperExpertsPage *self = user_data;
  const MoeModelInfo *info = self->scan != NULL ? self->scan->info : NULL;
  const MoeSuperExpert *expert = NULL;

  if (info != NULL && row < info->n_moe_layers)
    expert = moe_super_experts_page_find (self, (int) info->moe_layers[row],
                          column < info->n_experts ? (int) column : MOE_EXPERT_SHARED);
  return expert != NULL ? moe_super_experts_page_describe (expert) : g_strdup ("");
}

static void
on_cell_selected (MoeHeatmapView      *map,
                  int                  row,
                  int                  column,
                  MoeSuperExpertsPage *self)
{
  const MoeModelInfo *info = self->scan != NULL ? self->scan->info : NULL;

  if (info == NULL || row < 0 || column >= (int) info->n_experts)
    moe_document_unselect_expert (self->document);
  else
    moe_super_experts_page_select (self, (int) info->moe_layers[row], column);
}

static void
on_cell_activated (MoeHeatmapView      *map,
                   int                  row,
                   int                  column,
                   MoeSuperExpertsPage *self)
{
  on_cell_selected (map, row, column, self);
  gtk_widget_activate_action (GTK_WIDGET (self), "win.disable-selected", NULL);
}

static void
on_cell_hovered (MoeHeatmapView      *map,
                 int                  row,
                 int                  column,
                 MoeSuperExpertsPage *self)
{
  const MoeModelInfo *info = self->scan != NULL ? self->scan->info : NULL;

  if (info == NULL || row < 0)
    moe_super_experts_page_update_status (self, -1, -1);
  else
    moe_super_experts_page_update_status (self, (int) info->moe_layers[row],
                   column < (int) info->n_experts ? column : MOE_EXPERT_SHARED);
}

/* Points of the view by layer are experts. */
static void
on_point_selected (MoeChartView        *view,
                   int                  series,
                   int                  point,
                   MoeSuperExpertsPage *self)
{
  MoeChartSeries data;
  int layer, expert;

  if (self->shown > MOE_SUPER_VIEW_TAIL || series < 0)
    return;
  moe_chart_get_series (moe_chart_view_get_chart (view), (guint) series, &data);
  if (data.point_names != NULL && moe_expert_parse (data.point_names[point], &layer, &expert))
    moe_super_experts_page_select (self, layer, expert);
}

static void
on_row_selected (MoeTableView        *view,
                 int                  row,
                 MoeSuperExpertsPage *self)
{
  MoeTable *table = moe_table_view_get_table (view);
  int layer = table != NULL ? moe_table_find_column (table, "layer") : -1;
  int expert = table != NULL ? moe_table_find_column (table, "expert") : -1;
  int head = table != NULL ? moe_table_find_column (table, "head") : -1;

  if (row >= 0 && layer >= 0 && expert >= 0 && !moe_table_is_missing (table, (guint) row, (guint) expert))
    moe_super_experts_page_select (self, (int) moe_table_get_int (table, (guint) row, (guint) layer),
                                   (int) moe_table_get_int (table, (guint) row, (guint) expert));
  else if (row >= 0 && layer >= 0 && head >= 0)
    moe_document_select_head (self->document, (int) moe_table_get_int (table, (guint) row, (guint) layer),
                              (int) moe_table_get_int (table, (guint) row, (guint) head));
}

void
moe_super_experts_page_init_input (MoeSuperExpertsPage *self)
{
  moe_heatmap_view_set_text_func (self->map, describe_cell, self);
  g_signal_connect_swapped (self->view, "notify::selected", G_CALLBACK (on_view), self);
  g_signal_connect_swapped (self->layers, "notify::selected", G_CALLBACK (on_choice), self);
  g_signal_connect_swapped (self->reduction, "notify::selected", G_CALLBACK (on_choice), self);
  g_signal_connect_swapped (self->ratio, "value-changed", G_CALLBACK (on_ratio), self);
  g_signal_connect_swapped (self->check, "clicked", G_CALLBACK (on_check), self);
  g_signal_connect (self->map, "cell-selected", G_CALLBACK (on_cell_selected), self);
  g_signal_connect (self->map, "cell-activated", G_CALLBACK (on_cell_activated), self);
  g_signal_connect (self->map, "hover-changed", G_CALLBACK (on_cell_hovered), self);
  g_signal_connect (self->chart, "point-selected", G_CALLBACK (on_point_selected), self);
  g_signal_connect (self->table, "row-selected", G_CALLBACK (on_row_selected), self);
}
