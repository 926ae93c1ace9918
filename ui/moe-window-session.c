/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-window-session"

#include "ui/moe-window-private.h"

#include <string.h>

#include "data/moe-json.h"
#include "data/moe-mask-file.h"
#include "data/moe-recording-session.h"
#include "ui/moe-chart-view.h"
#include "ui/moe-heatmap-view.h"

/* How the recording was left: the page, what is selected, the mask, and the zoom of maps and charts. What
 * another program or version wrote there is taken as far as it makes sense for this recording. */

/* The map or the chart of a page, each of which has one of both at most. */
static gpointer
find_plot (GtkWidget *root,
           GType      type)
{
  gpointer found = NULL;

  if (G_TYPE_CHECK_INSTANCE_TYPE (root, type))
    return root;
  for (GtkWidget *child = gtk_widget_get_first_child (root); child != NULL && found == NULL;
       child = gtk_widget_get_next_sibling (child))
    found = find_plot (child, type);
  return found;
}

static void
add_rectangle (JsonBuilder             *builder,
               const char              *name,
               const cairo_rectangle_t *zoom)
{
  json_builder_set_member_name (builder, name);
  json_builder_begin_array (builder);
  json_builder_add_double_value (builder, zoom->x);
  json_builder_add_double_value (builder, zoom->y);
  json_builder_add_double_value (builder, zoom->width);
  json_builder_add_double_value (builder, zoom->height);
  json_builder_end_array (builder);
}

/* Which part of its map and of its chart each page shows, where that is not all of it. */
static void
add_zoom (JsonBuilder *builder,
          MoeWindow   *self)
{
  json_builder_set_member_name (builder, "zoom");
  json_builder_begin_object (builder);
  for (GtkWidget *page = gtk_widget_get_first_child (GTK_WIDGET (self->stack)); page != NULL;
       page = gtk_widget_get_next_sibling (page))
    {
      MoeHeatmapView *map = find_plot (page, MOE_TYPE_HEATMAP_VIEW);
      cairo_rectangle_t zoom;

      if (map != NULL && moe_heatmap_view_get_zoom (map, &zoom))
        add_rectangle (builder, moe_page_get_name (MOE_PAGE (page)), &zoom);
    }
  json_builder_end_object (builder);

  json_builder_set_member_name (builder, "chart_zoom");
  json_builder_begin_object (builder);
  for (GtkWidget *page = gtk_widget_get_first_child (GTK_WIDGET (self->stack)); page != NULL;
       page = gtk_widget_get_next_sibling (page))
    {
      MoeChartView *view = find_plot (page, MOE_TYPE_CHART_VIEW);
      cairo_rectangle_t zoom;

      if (view == NULL || !moe_chart_view_get_zoom (view, &zoom))
        continue;
      json_builder_set_member_name (builder, moe_page_get_name (MOE_PAGE (page)));
      json_builder_begin_object (builder);
      moe_json_add_string (builder, "title", moe_chart_get_title (moe_chart_view_get_chart (view)));
      add_rectangle (builder, "view", &zoom);
      json_builder_end_object (builder);
    }
  json_builder_end_object (builder);
}

/* Transfer full. */
static char *
capture (MoeWindow *self)
{
  const MoeSelection *selection = moe_document_get_selection (self->document);
  const MoeModelInfo *model = moe_document_get_model (self->document);
  g_autoptr(JsonBuilder) builder = json_builder_new ();
  g_autoptr(JsonNode) root = NULL;
  MoeMask *mask = moe_document_get_mask (self->document);

  json_builder_begin_object (builder);
  moe_json_add_string (builder, "page", gtk_stack_get_visible_child_name (self->stack));
  if (selection->has_expert)
    {
      moe_json_add_int (builder, "layer", selection->layer);
      moe_json_add_int (builder, "expert", selection->expert);
    }
  if (selection->has_head)
    {
      moe_json_add_int (builder, "head_layer", selection->head_layer);
      moe_json_add_int (builder, "head", selection->head);
    }
  if (selection->token >= 0)
    moe_json_add_int (builder, "token", selection->token);
  add_zoom (builder, self);
  if (model != NULL)
    {
      g_autofree char *json = moe_mask_to_json (mask, model);

      moe_json_add_string (builder, "mask", json);
    }
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  return json_to_string (root, FALSE);
}

/* FALSE when there is no such number, or it is not 0 to @end - 1. */
static gboolean
get_number (JsonObject *object,
            const char *name,
            gint64      end,
            gint64     *value)
{
  JsonNode *node = json_object_get_member (object, name);

  if (node == NULL || !JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_INT64)
    return FALSE;
  *value = json_node_get_int (node);
  return *value >= 0 && *value < end;
}

static const char *
get_string (JsonObject *object,
            const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  if (node == NULL || !JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING)
    return NULL;
  return json_node_get_string (node);
}

static void
restore_selection (MoeWindow  *self,
                   JsonObject *state)
{
  const MoeModelInfo *info = moe_document_get_info (self->document);
  gint64 layer, number;

  if (get_number (state, "layer", info->n_layers, &layer)
      && moe_model_info_find_moe_layer (info, (guint) layer) >= 0
      && get_number (state, "expert", info->n_experts, &number))
    moe_document_select_expert (self->document, (int) layer, (int) number);
  if (get_number (state, "head_layer", info->n_layers, &layer)
      && get_number (state, "head", info->n_heads, &number))
    moe_document_select_head (self->document, (int) layer, (int) number);
  if (get_number (state, "token", moe_document_get_n_tokens (self->document), &number)
      && number >= moe_document_get_first_token (self->document))
    moe_document_select_token (self->document, number);
}

/* FALSE when there are no four numbers of that name. */
static gboolean
get_rectangle (JsonObject        *object,
               const char        *name,
               cairo_rectangle_t *zoom)
{
  JsonNode *part = json_object_get_member (object, name);
  JsonArray *numbers = part != NULL && JSON_NODE_HOLDS_ARRAY (part) ? json_node_get_array (part) : NULL;
  double values[4];

  if (numbers == NULL || json_array_get_length (numbers) != G_N_ELEMENTS (values))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    {
      JsonNode *number = json_array_get_element (numbers, i);

      if (!JSON_NODE_HOLDS_VALUE (number)
          || (json_node_get_value_type (number) != G_TYPE_DOUBLE
              && json_node_get_value_type (number) != G_TYPE_INT64))
        return FALSE;
      values[i] = json_node_get_double (number);
    }
  *zoom = (cairo_rectangle_t) { values[0], values[1], values[2], values[3] };
  return TRUE;
}

/* The object of that name, or NULL. */
static JsonObject *
get_object (JsonObject *object,
            const char *name)
{
  JsonNode *node = object != NULL ? json_object_get_member (object, name) : NULL;

  return node != NULL && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

static void
restore_zoom (MoeWindow  *self,
              JsonObject *state)
{
  JsonObject *maps = get_object (state, "zoom"), *charts = get_object (state, "chart_zoom");

  for (GtkWidget *page = gtk_widget_get_first_child (GTK_WIDGET (self->stack)); page != NULL;
       page = gtk_widget_get_next_sibling (page))
    {
      const char *name = moe_page_get_name (MOE_PAGE (page));
      JsonObject *chart = get_object (charts, name);
      const char *title = chart != NULL ? get_string (chart, "title") : NULL;
      MoeHeatmapView *map = find_plot (page, MOE_TYPE_HEATMAP_VIEW);
      MoeChartView *view = find_plot (page, MOE_TYPE_CHART_VIEW);
      cairo_rectangle_t zoom;

      if (map != NULL && maps != NULL && get_rectangle (maps, name, &zoom))
        moe_heatmap_view_restore_zoom (map, &zoom);
      if (view != NULL && title != NULL && get_rectangle (chart, "view", &zoom))
        moe_chart_view_restore_zoom (view, title, &zoom);
    }
}

/* Only onto the model that it was made for. */
static void
restore_mask (MoeWindow  *self,
              const char *json)
{
  const MoeModelInfo *model = moe_document_get_model (self->document);
  g_autoptr(MoeModelInfo) made_for = NULL;
  g_autoptr(MoeMask) mask = NULL;

  if (json == NULL || model == NULL || !moe_document_can_intervene (self->document, NULL))
    return;
  mask = moe_mask_from_json (json, -1, &made_for, NULL);
  if (mask != NULL && made_for != NULL && moe_mask_check_model (made_for, model, FALSE, NULL))
    moe_document_set_mask (self->document, mask, FALSE, NULL);
}

void
moe_window_restore_session (MoeWindow *self)
{
  const char *text = moe_document_get_session (self->document);
  g_autoptr(JsonNode) root = text != NULL ? moe_json_parse (text, strlen (text), NULL) : NULL;

  if (root != NULL && JSON_NODE_HOLDS_OBJECT (root) && moe_document_get_info (self->document) != NULL)
    {
      JsonObject *state = json_node_get_object (root);
      const char *page = get_string (state, "page");

      restore_selection (self, state);
      restore_mask (self, get_string (state, "mask"));
      restore_zoom (self, state);
      if (page != NULL && moe_window_get_page (self, page) != NULL)
        gtk_stack_set_visible_child_name (self->stack, page);
    }
  /* Who only looks at a file does not change it. */
  g_free (self->session);
  self->session = capture (self);
}

void
moe_window_keep_session (MoeWindow *self)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *state = NULL;

  if (self->document == NULL || moe_document_get_path (self->document) == NULL
      || moe_document_get_n_tokens (self->document) == 0 || !moe_document_is_saved (self->document))
    return;
  state = capture (self);
  if (g_strcmp0 (state, self->session) == 0)
    return;
  /* A file that may not be written is left as it is. */
  if (!moe_recording_session_save (moe_document_get_path (self->document), state, &error))
    g_debug ("%s", error->message);
  g_free (self->session);
  self->session = g_steal_pointer (&state);
}
