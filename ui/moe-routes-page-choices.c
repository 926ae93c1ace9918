/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-routes-page-choices"

#include "ui/moe-routes-page-private.h"

#include <math.h>

#include "data/moe-error.h"
#include "data/moe-number.h"
#include "ui/moe-drop-down.h"

/* Turning a dial asks for one reading of the recording, not for one a step. */
#define DIAL_DELAY_MS 300

static const char *const value_titles[] = { "Share of Tokens", "Lift", "Tokens", NULL };
static const char *const pair_titles[] = { "All Pairs", "Strongest Only", NULL };

/* What the drop-down offers first. */
static const MoeRoutesMetric order[MOE_N_ROUTES_METRICS] = {
  MOE_ROUTES_COACTIVATION, MOE_ROUTES_AFFINITY, MOE_ROUTES_RECALL, MOE_ROUTES_SIMILARITY, MOE_ROUTES_SRP,
  MOE_ROUTES_SRP_EXPERTS, MOE_ROUTES_CACHE, MOE_ROUTES_BALANCE, MOE_ROUTES_PARALLEL, MOE_ROUTES_TILES,
  MOE_ROUTES_DROPS,
};

guint
moe_routes_page_get_n_layers (MoeRoutesPage *self)
{
  const MoeModelInfo *info = moe_document_get_info (self->document);

  if (info == NULL || info->n_moe_layers == 0
      || !moe_routes_metric_takes_layer (self->choice.options.metric))
    return 0;
  return info->n_moe_layers - (moe_routes_metric_goes_on (self->choice.options.metric) ? 1 : 0);
}

/* All of these are of one layer but the cache. */
gboolean
moe_routes_page_can_have_all (MoeRoutesPage *self)
{
  return self->choice.options.metric == MOE_ROUTES_CACHE;
}

void
moe_routes_page_settle_layer (MoeRoutesPage *self)
{
  const MoeModelInfo *info = moe_document_get_info (self->document);
  guint n = moe_routes_page_get_n_layers (self);
  int number;

  if (n == 0)
    {
      self->choice.options.layer = -1;
      return;
    }
  if (self->choice.options.layer < 0 && moe_routes_page_can_have_all (self))
    return;
  number = self->choice.options.layer >= 0
               ? moe_model_info_find_moe_layer (info, (guint) self->choice.options.layer) : 0;
  self->choice.options.layer = (int) info->moe_layers[CLAMP (number, 0, (int) n - 1)];
}

void
moe_routes_page_show_choices (MoeRoutesPage *self)
{
  const MoeModelInfo *info = moe_document_get_info (self->document);
  MoeRoutesMetric metric = self->choice.options.metric;
  g_autoptr(GPtrArray) titles = g_ptr_array_new_with_free_func (g_free);
  guint n = moe_routes_page_get_n_layers (self), selected = 0;

  self->showing = TRUE;
  for (guint i = 0; i < MOE_N_ROUTES_METRICS; i++)
    if (order[i] == metric)
      gtk_drop_down_set_selected (self->metric, i);
  if (n > 0 && moe_routes_page_can_have_all (self))
    g_ptr_array_add (titles, g_strdup ("All Layers"));
  for (guint i = 0; i < n; i++)
    {
      if ((int) info->moe_layers[i] == self->choice.options.layer)
        selected = titles->len;
      g_ptr_array_add (titles, g_strdup_printf ("Layer %u", info->moe_layers[i]));
    }
  g_ptr_array_add (titles, NULL);
  moe_drop_down_set_choices (self->layer, (const char *const *) titles->pdata);
  gtk_drop_down_set_selected (self->layer, selected);
  gtk_widget_set_visible (GTK_WIDGET (self->layer), n > 0);
  gtk_widget_set_visible (self->window_label, moe_routes_metric_takes_window (metric));
  gtk_widget_set_visible (GTK_WIDGET (self->window), moe_routes_metric_takes_window (metric));
  gtk_spin_button_set_value (self->window, self->choice.options.window);
  gtk_widget_set_visible (GTK_WIDGET (self->pairs), metric == MOE_ROUTES_AFFINITY);
  gtk_drop_down_set_selected (self->pairs, self->choice.options.top1 ? 1 : 0);
  gtk_widget_set_visible (GTK_WIDGET (self->value), moe_routes_metric_has_value (metric));
  gtk_drop_down_set_selected (self->value, self->choice.value);
  gtk_widget_set_visible (GTK_WIDGET (self->scale), moe_routes_metric_has_map (metric));
  gtk_drop_down_set_selected (self->scale, self->choice.scale);
  self->showing = FALSE;
}

void
moe_routes_page_choose_again (MoeRoutesPage *self)
{
  moe_routes_page_settle_layer (self);
  moe_routes_page_show_choices (self);
  moe_routes_page_show_found (self);
  if (!moe_routes_page_is_current (self))
    moe_page_restart_scan (MOE_PAGE (self));
  moe_page_export_changed (MOE_PAGE (self));
}

static void
set_metric (MoeRoutesPage   *self,
            MoeRoutesMetric  metric)
{
  const MoeSelection *selection = moe_document_get_selection (self->document);

  self->clicked = self->partner = self->partner_of = -1;
  self->choice.options.metric = metric;
  self->choice.scale = moe_routes_metric_get_scale (metric);
  self->choice.options.layer = selection->has_expert && !moe_routes_page_can_have_all (self)
                                   ? selection->layer : -1;
  moe_routes_page_choose_again (self);
}

static void
on_metric (MoeRoutesPage *self)
{
  guint chosen = gtk_drop_down_get_selected (self->metric);

  if (!self->showing && chosen < MOE_N_ROUTES_METRICS && order[chosen] != self->choice.options.metric)
    set_metric (self, order[chosen]);
}

static void
on_layer (MoeRoutesPage *self)
{
  const MoeModelInfo *info = moe_document_get_info (self->document);
  guint chosen = gtk_drop_down_get_selected (self->layer), all = moe_routes_page_can_have_all (self) ? 1 : 0;

  if (self->showing || chosen == GTK_INVALID_LIST_POSITION || info == NULL
      || chosen >= moe_routes_page_get_n_layers (self) + all)
    return;
  self->choice.options.layer = chosen < all ? -1 : (int) info->moe_layers[chosen - all];
  moe_routes_page_choose_again (self);
}

static gboolean
on_dial_timeout (gpointer user_data)
{
  MoeRoutesPage *self = user_data;

  self->dial_timeout = 0;
  self->choice.options.window = (guint) gtk_spin_button_get_value_as_int (self->window);
  moe_routes_page_choose_again (self);
  return G_SOURCE_REMOVE;
}

static void
on_window (MoeRoutesPage *self)
{
  if (self->showing)
    return;
  g_clear_handle_id (&self->dial_timeout, g_source_remove);
  self->dial_timeout = g_timeout_add (DIAL_DELAY_MS, on_dial_timeout, self);
}

static void
on_pairs (MoeRoutesPage *self)
{
  if (self->showing)
    return;
  self->choice.options.top1 = gtk_drop_down_get_selected (self->pairs) == 1;
  moe_routes_page_choose_again (self);
}

static void
on_look (MoeRoutesPage *self)
{
  guint value = gtk_drop_down_get_selected (self->value), scale = gtk_drop_down_get_selected (self->scale);

  if (self->showing || value >= MOE_N_ROUTES_VALUES || scale > MOE_SCALE_RANK)
    return;
  self->choice.value = (MoeRoutesValue) value;
  self->choice.scale = (MoeScale) scale;
  moe_routes_page_show_found (self);
  moe_page_export_changed (MOE_PAGE (self));
}

static gboolean
set_layer (MoeRoutesPage *self,
           const char    *value)
{
  const MoeModelInfo *info = moe_document_get_info (self->document);
  double number;
  int layer;

  if (moe_routes_page_can_have_all (self) && g_str_equal (value, "all"))
    {
      self->choice.options.layer = -1;
      return TRUE;
    }
  if (!moe_number_parse (value, &number) || number < 0 || number > G_MAXINT || number != floor (number)
      || info == NULL)
    return FALSE;
  layer = moe_model_info_find_moe_layer (info, (guint) number);
  if (layer < 0 || (guint) layer >= moe_routes_page_get_n_layers (self))
    return FALSE;
  self->choice.options.layer = (int) number;
  return TRUE;
}

gboolean
moe_routes_page_set_option (MoePage     *page,
                            const char  *name,
                            const char  *value,
                            GError     **error)
{
  MoeRoutesPage *self = MOE_ROUTES_PAGE (page);
  MoeRoutesMetric metric;
  double number;
  gboolean known = FALSE;

  if (g_str_equal (name, "metric") && moe_routes_metric_parse (value, &metric))
    {
      set_metric (self, metric);
      return TRUE;
    }
  if (g_str_equal (name, "layer"))
    known = set_layer (self, value);
  else if (g_str_equal (name, "segment") && moe_number_parse (value, &number) && number >= 1
           && number <= MOE_ROUTES_MAX_WINDOW && number == floor (number))
    {
      self->choice.options.window = (guint) number;
      known = TRUE;
    }
  else if (g_str_equal (name, "pairs") && (g_str_equal (value, "all") || g_str_equal (value, "top1")))
    {
      self->choice.options.top1 = g_str_equal (value, "top1");
      known = TRUE;
    }
  else if (g_str_equal (name, "value"))
    known = moe_routes_value_parse (value, &self->choice.value);
  else if (g_str_equal (name, "color-scale"))
    known = moe_scale_parse (value, &self->choice.scale);
  if (known)
    moe_routes_page_choose_again (self);
  else
    g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "there is no %s called “%s”", name, value);
  return known;
}

void
moe_routes_page_init_choices (MoeRoutesPage *self)
{
  const char *titles[MOE_N_ROUTES_METRICS + 1] = { NULL };

  for (guint i = 0; i < MOE_N_ROUTES_METRICS; i++)
    titles[i] = moe_routes_metric_get_title (order[i]);
  self->showing = TRUE;
  moe_drop_down_set_choices (self->metric, titles);
  moe_drop_down_set_choices (self->pairs, pair_titles);
  moe_drop_down_set_choices (self->value, value_titles);
  moe_drop_down_set_choices (self->scale, moe_scale_titles);
  self->showing = FALSE;
  g_signal_connect_swapped (self->metric, "notify::selected", G_CALLBACK (on_metric), self);
  g_signal_connect_swapped (self->layer, "notify::selected", G_CALLBACK (on_layer), self);
  g_signal_connect_swapped (self->window, "value-changed", G_CALLBACK (on_window), self);
  g_signal_connect_swapped (self->pairs, "notify::selected", G_CALLBACK (on_pairs), self);
  g_signal_connect_swapped (self->value, "notify::selected", G_CALLBACK (on_look), self);
  g_signal_connect_swapped (self->scale, "notify::selected", G_CALLBACK (on_look), self);
}
