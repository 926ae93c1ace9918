/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-heatmap-view"

#include "ui/moe-heatmap-view.h"

#include <math.h>
#include <string.h>

#include "ui/moe-heatmap-view-private.h"
#include "ui/moe-plot-widget.h"
#include "ui/moe-ticks.h"

/* A lit cell loses half its light in this time. */
#define FLASH_HALF_LIFE_US 110000.0
/* Levels below this can't be seen. */
#define FLASH_MIN 3.0f
/* The closest zoom. */
#define MIN_VIEW_CELLS 2.0

G_DEFINE_FINAL_TYPE (MoeHeatmapView, moe_heatmap_view, GTK_TYPE_WIDGET)

guint moe_heatmap_view_signals[MOE_HEATMAP_VIEW_N_SIGNALS];

static gsize
get_n_cells (const MoeHeatmapView *self)
{
  return (gsize) self->plot.n_rows * self->plot.n_columns;
}

static void
invalidate (MoeHeatmapView *self)
{
  g_clear_object (&self->base);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

void
moe_heatmap_view_get_layout (MoeHeatmapView   *self,
                             MoeHeatmapLayout *layout)
{
  moe_heatmap_layout_init (layout, &self->plot, gtk_widget_get_width (GTK_WIDGET (self)),
                           gtk_widget_get_height (GTK_WIDGET (self)));
}

char *
moe_heatmap_view_describe (MoeHeatmapView *self,
                           guint           row,
                           guint           column)
{
  const MoeHeatmapPlot *plot = &self->plot;
  g_autofree char *number = NULL;
  double value;

  if (self->text_func != NULL)
    return self->text_func (row, column, self->text_data);

  value = plot->values != NULL ? plot->values[(gsize) row * plot->n_columns + column] : NAN;
  number = isnan (value) ? g_strdup (plot->missing_text != NULL ? plot->missing_text : "not routed")
                         : moe_ticks_format_significant (value, 4);
  return g_strdup_printf ("%s %d, %s %u: %s%s%s", plot->row_title,
                          moe_heatmap_layout_get_row_number (plot, row), plot->column_title, column, number,
                          isnan (value) || *plot->unit == '\0' ? "" : " ", isnan (value) ? "" : plot->unit);
}

void
moe_heatmap_view_update_description (MoeHeatmapView *self)
{
  g_autofree char *text = NULL;

  if (self->cursor_row >= 0)
    text = moe_heatmap_view_describe (self, (guint) self->cursor_row, (guint) self->cursor_column);
  else if (self->plot.selected_row >= 0)
    text =
        moe_heatmap_view_describe (self, (guint) self->plot.selected_row, (guint) self->plot.selected_column);
  else
    text = g_strdup (get_n_cells (self) == 0 ? self->plot.empty_text : "");
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, text, -1);
}

/* Drawing */

static void
draw_base (gconstpointer  plot,
           cairo_t       *cr,
           double         width,
           double         height)
{
  moe_heatmap_plot_draw_base (plot, cr, width, height);
}

static void
moe_heatmap_view_snapshot (GtkWidget   *widget,
                           GtkSnapshot *snapshot)
{
  MoeHeatmapView *self = MOE_HEATMAP_VIEW (widget);
  int width = gtk_widget_get_width (widget), height = gtk_widget_get_height (widget);
  int scale = gtk_widget_get_scale_factor (widget);
  gboolean dark = moe_plot_widget_is_dark (widget);
  graphene_rect_t bounds = GRAPHENE_RECT_INIT (0, 0, (float) width, (float) height);
  cairo_t *cr;

  if (width <= 0 || height <= 0)
    return;
  if (self->base == NULL || self->base_width != width || self->base_height != height ||
      self->base_scale != scale || self->plot.dark != dark)
    {
      g_clear_object (&self->base);
      self->plot.dark = dark;
      self->base = moe_plot_widget_draw (draw_base, &self->plot, width, height, scale);
      self->base_width = width;
      self->base_height = height;
      self->base_scale = scale;
    }
  if (self->base != NULL)
    gtk_snapshot_append_texture (snapshot, self->base, &bounds);

  self->plot.cursor_row = self->cursor_shown ? self->cursor_row : -1;
  self->plot.cursor_column = self->cursor_shown ? self->cursor_column : -1;
  cr = gtk_snapshot_append_cairo (snapshot, &bounds);
  moe_heatmap_plot_draw_overlay (&self->plot, cr, width, height);
  cairo_destroy (cr);
  if (gtk_widget_has_visible_focus (widget))
    gtk_snapshot_render_focus (snapshot, gtk_widget_get_style_context (widget), 1, 1, width - 2, height - 2);
}

static void
moe_heatmap_view_measure (GtkWidget      *widget,
                          GtkOrientation  orientation,
                          int             for_size,
                          int            *minimum,
                          int            *natural,
                          int            *minimum_baseline,
                          int            *natural_baseline)
{
  *minimum = orientation == GTK_ORIENTATION_HORIZONTAL ? 240 : 160;
  *natural = orientation == GTK_ORIENTATION_HORIZONTAL ? 760 : 440;
}

static gboolean
moe_heatmap_view_query_tooltip (GtkWidget  *widget,
                                int         x,
                                int         y,
                                gboolean    keyboard_tip,
                                GtkTooltip *tooltip)
{
  MoeHeatmapView *self = MOE_HEATMAP_VIEW (widget);
  g_autofree char *text = NULL;
  MoeHeatmapLayout layout;
  cairo_rectangle_t cell;
  guint row, column;

  moe_heatmap_view_get_layout (self, &layout);
  if (self->plot.values == NULL)
    return FALSE;
  if (keyboard_tip)
    {
      if (self->cursor_row < 0)
        return FALSE;
      row = (guint) self->cursor_row;
      column = (guint) self->cursor_column;
    }
  else if (!moe_heatmap_layout_pick (&layout, &self->plot, x, y, &row, &column))
    return FALSE;

  text = moe_heatmap_view_describe (self, row, column);
  if (text == NULL || *text == '\0')
    return FALSE;
  gtk_tooltip_set_text (tooltip, text);
  /* GTK compares strictly, so the area has to be larger than the cell by a pixel, or a tip never comes. */
  moe_heatmap_layout_get_cell (&layout, row, column, &cell);
  gtk_tooltip_set_tip_area (tooltip,
                            &(GdkRectangle) { (int) floor (cell.x) - 1, (int) floor (cell.y) - 1,
                                             (int) ceil (cell.width) + 3, (int) ceil (cell.height) + 3 });
  return TRUE;
}

/* Flash */

static void
clear_flash (MoeHeatmapView *self)
{
  if (self->flash_tick != 0)
    gtk_widget_remove_tick_callback (GTK_WIDGET (self), self->flash_tick);
  self->flash_tick = 0;
  g_clear_pointer (&self->flash, g_free);
  g_clear_pointer (&self->flash_level, g_free);
  self->plot.flash = NULL;
}

static gboolean
fade_flash (GtkWidget     *widget,
            GdkFrameClock *clock,
            gpointer       user_data)
{
  MoeHeatmapView *self = MOE_HEATMAP_VIEW (widget);
  gint64 now = gdk_frame_clock_get_frame_time (clock);
  float factor = (float) exp2 (-(double) MAX (now - self->flash_time, 0) / FLASH_HALF_LIFE_US);
  float highest = 0;

  self->flash_time = now;
  for (gsize i = 0; i < get_n_cells (self); i++)
    {
      self->flash_level[i] *= factor;
      if (self->flash_level[i] < FLASH_MIN)
        self->flash_level[i] = 0;
      highest = MAX (highest, self->flash_level[i]);
      self->flash[i] = (guint8) self->flash_level[i];
    }
  gtk_widget_queue_draw (widget);
  if (highest > 0)
    return G_SOURCE_CONTINUE;

  self->flash_tick = 0;
  clear_flash (self);
  return G_SOURCE_REMOVE;
}

void
moe_heatmap_view_set_flash (MoeHeatmapView *self,
                            const guint8   *flash)
{
  gsize n_cells;
  gboolean lit = FALSE, animate = TRUE;

  g_return_if_fail (MOE_IS_HEATMAP_VIEW (self));

  n_cells = get_n_cells (self);
  for (gsize i = 0; flash != NULL && i < n_cells && !lit; i++)
    lit = flash[i] != 0;
  g_object_get (gtk_widget_get_settings (GTK_WIDGET (self)), "gtk-enable-animations", &animate, NULL);
  gtk_widget_queue_draw (GTK_WIDGET (self));
  if (flash == NULL || (!lit && !animate))
    clear_flash (self);
  if (!lit)
    return;

  if (self->flash == NULL)
    {
      self->flash = g_new0 (guint8, n_cells);
      self->flash_level = g_new0 (float, n_cells);
      self->plot.flash = self->flash;
    }
  /* What still glows from the token before goes on fading under the new light. */
  for (gsize i = 0; i < n_cells; i++)
    {
      self->flash_level[i] = animate ? MAX (self->flash_level[i], flash[i]) : flash[i];
      self->flash[i] = (guint8) self->flash_level[i];
    }
  if (animate && self->flash_tick == 0)
    {
      GdkFrameClock *clock = gtk_widget_get_frame_clock (GTK_WIDGET (self));

      self->flash_time = clock != NULL ? gdk_frame_clock_get_frame_time (clock) : g_get_monotonic_time ();
      self->flash_tick = gtk_widget_add_tick_callback (GTK_WIDGET (self), fade_flash, NULL, NULL);
    }
}

/* The plot */

void
moe_heatmap_view_set_view (MoeHeatmapView *self,
                           double          x,
                           double          y,
                           double          columns,
                           double          rows)
{
  double all_columns = self->plot.n_columns, all_rows = self->plot.n_rows;

  if (all_columns == 0 || all_rows == 0)
    return;
  columns = CLAMP (columns, MIN (MIN_VIEW_CELLS, all_columns), all_columns);
  rows = CLAMP (rows, MIN (MIN_VIEW_CELLS, all_rows), all_rows);
  self->plot.view_columns = columns;
  self->plot.view_rows = rows;
  self->plot.view_x = CLAMP (x, 0, all_columns - columns);
  self->plot.view_y = CLAMP (y, 0, all_rows - rows);
  invalidate (self);
}

void
moe_heatmap_view_reset_zoom (MoeHeatmapView *self)
{
  g_return_if_fail (MOE_IS_HEATMAP_VIEW (self));

  self->plot.view_x = self->plot.view_y = self->plot.view_columns = self->plot.view_rows = 0;
  self->restored.width = 0;
  invalidate (self);
}

/* What belongs to the old shape of the map. */
static void
forget_cells (MoeHeatmapView *self)
{
  clear_flash (self);
  g_clear_pointer (&self->marked, g_free);
  self->plot.marked = NULL;
  self->plot.view_x = self->plot.view_y = self->plot.view_columns = self->plot.view_rows = 0;
  self->plot.hover_row = self->plot.hover_column = -1;
  self->plot.selected_row = self->plot.selected_column = -1;
  self->plot.area_row = self->plot.area_column = self->plot.area_rows = self->plot.area_columns = 0;
  self->cursor_row = self->cursor_column = -1;
  self->drag = MOE_DRAG_NONE;
}

static const char *
keep_string (MoeHeatmapView *self,
             guint           index,
             const char     *text)
{
  char *copy = g_strdup (text != NULL ? text : "");

  g_free (self->strings[index]);
  self->strings[index] = copy;
  return copy;
}

static char **
copy_names (const char *const *names,
            guint              n_names)
{
  char **copy = names != NULL ? g_new0 (char *, n_names + 1) : NULL;

  for (guint i = 0; copy != NULL && i < n_names; i++)
    copy[i] = g_strdup (names[i]);
  return copy;
}

void
moe_heatmap_view_set_plot (MoeHeatmapView       *self,
                           const MoeHeatmapPlot *plot)
{
  MoeHeatmapPlot *own;
  gsize n_cells;

  g_return_if_fail (MOE_IS_HEATMAP_VIEW (self));
  g_return_if_fail (plot != NULL);

  own = &self->plot;
  if (plot->n_rows != own->n_rows || plot->n_columns != own->n_columns)
    forget_cells (self);
  own->n_rows = plot->n_rows;
  own->n_columns = plot->n_columns;
  own->color_map = plot->color_map;
  own->scale = plot->scale;
  own->diverging = plot->diverging;
  own->marginals = plot->marginals;

  n_cells = get_n_cells (self);
  if (plot != own)
    {
      g_free (self->values);
      self->values = plot->values != NULL ? g_memdup2 (plot->values, n_cells * sizeof (double)) : NULL;
      g_free (self->row_numbers);
      self->row_numbers =
          plot->row_numbers != NULL ? g_memdup2 (plot->row_numbers, plot->n_rows * sizeof (gint)) : NULL;
      g_free (self->ringed);
      self->ringed = plot->ringed != NULL ? g_memdup2 (plot->ringed, n_cells) : NULL;
      g_strfreev (self->row_names);
      self->row_names = copy_names (plot->row_names, plot->n_rows);
      g_strfreev (self->column_names);
      self->column_names = copy_names (plot->column_names, plot->n_columns);
      own->title = keep_string (self, 0, plot->title);
      own->row_title = keep_string (self, 1, plot->row_title);
      own->column_title = keep_string (self, 2, plot->column_title);
      own->value_title = keep_string (self, 3, plot->value_title);
      own->unit = keep_string (self, 4, plot->unit);
      own->empty_text = keep_string (self, 5, plot->empty_text);
      own->missing_text = plot->missing_text != NULL ? keep_string (self, 6, plot->missing_text) : NULL;
    }
  own->values = self->values;
  own->row_numbers = self->row_numbers;
  own->ringed = self->ringed;
  own->row_names = (const char *const *) self->row_names;
  own->column_names = (const char *const *) self->column_names;
  if (self->restored.width > 0)
    {
      cairo_rectangle_t zoom = self->restored;

      moe_heatmap_view_restore_zoom (self, &zoom);
    }

  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  *own->title != '\0' ? own->title : "Heatmap", -1);
  moe_heatmap_view_update_description (self);
  gtk_widget_trigger_tooltip_query (GTK_WIDGET (self));
  invalidate (self);
}

gboolean
moe_heatmap_view_get_zoom (MoeHeatmapView    *self,
                           cairo_rectangle_t *zoom)
{
  const MoeHeatmapPlot *plot;

  g_return_val_if_fail (MOE_IS_HEATMAP_VIEW (self) && zoom != NULL, FALSE);

  plot = &self->plot;
  if (self->restored.width > 0)
    *zoom = self->restored;
  else
    *zoom = (cairo_rectangle_t) { plot->view_x, plot->view_y, plot->view_columns, plot->view_rows };
  return zoom->width > 0;
}

void
moe_heatmap_view_restore_zoom (MoeHeatmapView          *self,
                               const cairo_rectangle_t *zoom)
{
  g_return_if_fail (MOE_IS_HEATMAP_VIEW (self) && zoom != NULL);

  if (!(zoom->width > 0 && zoom->height > 0 && zoom->x >= 0 && zoom->y >= 0))
    return;
  if (zoom->x + zoom->width <= self->plot.n_columns && zoom->y + zoom->height <= self->plot.n_rows)
    {
      self->restored.width = 0;
      moe_heatmap_view_set_view (self, zoom->x, zoom->y, zoom->width, zoom->height);
    }
  else
    self->restored = *zoom;
}

const MoeHeatmapPlot *
moe_heatmap_view_get_plot (MoeHeatmapView *self)
{
  g_return_val_if_fail (MOE_IS_HEATMAP_VIEW (self), NULL);

  return &self->plot;
}

void
moe_heatmap_view_select (MoeHeatmapView *self,
                         int             row,
                         int             column)
{
  gboolean inside;

  g_return_if_fail (MOE_IS_HEATMAP_VIEW (self));

  inside =
      row >= 0 && column >= 0 && (guint) row < self->plot.n_rows && (guint) column < self->plot.n_columns;
  self->plot.selected_row = inside ? row : -1;
  self->plot.selected_column = inside ? column : -1;
  self->cursor_row = self->plot.selected_row;
  self->cursor_column = self->plot.selected_column;
  moe_heatmap_view_update_description (self);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

void
moe_heatmap_view_set_marked (MoeHeatmapView *self,
                             const guint8   *marked)
{
  g_return_if_fail (MOE_IS_HEATMAP_VIEW (self));

  g_free (self->marked);
  self->marked = marked != NULL && get_n_cells (self) > 0 ? g_memdup2 (marked, get_n_cells (self)) : NULL;
  self->plot.marked = self->marked;
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

void
moe_heatmap_view_set_text_func (MoeHeatmapView  *self,
                                MoeCellTextFunc  func,
                                gpointer         user_data)
{
  g_return_if_fail (MOE_IS_HEATMAP_VIEW (self));

  self->text_func = func;
  self->text_data = user_data;
  moe_heatmap_view_update_description (self);
}

/* The class */

static void
moe_heatmap_view_dispose (GObject *object)
{
  MoeHeatmapView *self = MOE_HEATMAP_VIEW (object);

  clear_flash (self);
  self->text_func = NULL;
  g_clear_object (&self->base);

  G_OBJECT_CLASS (moe_heatmap_view_parent_class)->dispose (object);
}

static void
moe_heatmap_view_finalize (GObject *object)
{
  MoeHeatmapView *self = MOE_HEATMAP_VIEW (object);

  g_free (self->values);
  g_free (self->row_numbers);
  g_free (self->ringed);
  g_strfreev (self->row_names);
  g_strfreev (self->column_names);
  g_free (self->marked);
  for (guint i = 0; i < G_N_ELEMENTS (self->strings); i++)
    g_free (self->strings[i]);

  G_OBJECT_CLASS (moe_heatmap_view_parent_class)->finalize (object);
}

static guint
add_signal (const char *name,
            guint       n_values)
{
  return g_signal_new (name, MOE_TYPE_HEATMAP_VIEW, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE,
                       n_values, G_TYPE_INT, G_TYPE_INT, G_TYPE_INT, G_TYPE_INT);
}

static void
moe_heatmap_view_class_init (MoeHeatmapViewClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (class);

  object_class->dispose = moe_heatmap_view_dispose;
  object_class->finalize = moe_heatmap_view_finalize;
  widget_class->snapshot = moe_heatmap_view_snapshot;
  widget_class->measure = moe_heatmap_view_measure;
  widget_class->query_tooltip = moe_heatmap_view_query_tooltip;

  moe_heatmap_view_signals[MOE_HEATMAP_VIEW_CELL_SELECTED] = add_signal ("cell-selected", 2);
  moe_heatmap_view_signals[MOE_HEATMAP_VIEW_CELL_ACTIVATED] = add_signal ("cell-activated", 2);
  moe_heatmap_view_signals[MOE_HEATMAP_VIEW_AREA_SELECTED] = add_signal ("area-selected", 4);
  moe_heatmap_view_signals[MOE_HEATMAP_VIEW_HOVER_CHANGED] = add_signal ("hover-changed", 2);

  gtk_widget_class_set_css_name (widget_class, "heatmap");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_IMG);
  moe_heatmap_view_class_install_input (widget_class);
}

static void
moe_heatmap_view_init (MoeHeatmapView *self)
{
  MoeHeatmapPlot empty;

  self->cursor_row = self->cursor_column = -1;
  moe_heatmap_plot_init (&self->plot);
  moe_heatmap_plot_init (&empty);
  moe_heatmap_view_set_plot (self, &empty);

  gtk_widget_set_focusable (GTK_WIDGET (self), TRUE);
  gtk_widget_set_has_tooltip (GTK_WIDGET (self), TRUE);
  gtk_widget_set_overflow (GTK_WIDGET (self), GTK_OVERFLOW_HIDDEN);
  g_signal_connect (self, "notify::has-focus", G_CALLBACK (gtk_widget_queue_draw), NULL);
  moe_heatmap_view_init_input (self);
}

GtkWidget *
moe_heatmap_view_new (void)
{
  return g_object_new (MOE_TYPE_HEATMAP_VIEW, NULL);
}
