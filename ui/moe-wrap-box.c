/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-wrap-box"

#include "ui/moe-wrap-box.h"

#define SPACING 6

struct _MoeWrapBox
{
  GtkWidget parent_instance;
};

G_DEFINE_FINAL_TYPE (MoeWrapBox, moe_wrap_box, GTK_TYPE_WIDGET)

/* The width that a child has to be given. */
static int
get_child_width (GtkWidget *child,
                 int        available)
{
  int minimum, natural;

  gtk_widget_measure (child, GTK_ORIENTATION_HORIZONTAL, -1, &minimum, &natural, NULL, NULL);
  return gtk_widget_get_hexpand (child) ? minimum : MAX (minimum, MIN (natural, available));
}

/* A row from @first on: its height, how much is left of @width and how many children expand. Returns the
 * first child of the next row, or NULL. A label stays with what comes after it. */
static GtkWidget *
measure_row (GtkWidget *first,
             int        width,
             int       *height,
             int       *left,
             int       *n_expanding)
{
  GtkWidget *child, *label = NULL;
  int used = -SPACING, before_label = 0;

  *height = *n_expanding = 0;
  for (child = first; child != NULL; child = gtk_widget_get_next_sibling (child))
    {
      int wanted, natural;

      if (!gtk_widget_should_layout (child))
        continue;
      wanted = get_child_width (child, width);
      if (used >= 0 && used + SPACING + wanted > width)
        {
          used = label != NULL ? before_label : used;
          child = label != NULL ? label : child;
          break;
        }
      before_label = used;
      label = used >= 0 && GTK_IS_LABEL (child) && !gtk_widget_get_hexpand (child) ? child : NULL;
      used += SPACING + wanted;
      gtk_widget_measure (child, GTK_ORIENTATION_VERTICAL, -1, NULL, &natural, NULL, NULL);
      *height = MAX (*height, natural);
      *n_expanding += gtk_widget_get_hexpand (child);
    }
  *left = MAX (width - MAX (used, 0), 0);
  return child;
}

static void
allocate_row (GtkWidget *self,
              GtkWidget *first,
              GtkWidget *end,
              int        width,
              int        y,
              int        height,
              int        left,
              int        n_expanding)
{
  gboolean mirrored = gtk_widget_get_direction (self) == GTK_TEXT_DIR_RTL;
  int x = 0;

  for (GtkWidget *child = first; child != end; child = gtk_widget_get_next_sibling (child))
    {
      GtkAllocation place = { x, y, 0, height };

      if (!gtk_widget_should_layout (child))
        continue;
      place.width = get_child_width (child, width);
      if (gtk_widget_get_hexpand (child))
        {
          int share = left / n_expanding--;

          place.width += share;
          left -= share;
        }
      x += place.width + SPACING;
      if (mirrored)
        place.x = width - place.x - place.width;
      gtk_widget_size_allocate (child, &place, -1);
    }
}

static GtkSizeRequestMode
moe_wrap_box_get_request_mode (GtkWidget *widget)
{
  return GTK_SIZE_REQUEST_HEIGHT_FOR_WIDTH;
}

static void
moe_wrap_box_measure (GtkWidget      *widget,
                      GtkOrientation  orientation,
                      int             for_size,
                      int            *minimum,
                      int            *natural,
                      int            *minimum_baseline,
                      int            *natural_baseline)
{
  GtkWidget *child = gtk_widget_get_first_child (widget);

  *minimum = *natural = 0;
  if (orientation == GTK_ORIENTATION_VERTICAL)
    {
      int height, left, n_expanding;

      for (gboolean is_first = TRUE; child != NULL; is_first = FALSE)
        {
          child = measure_row (child, for_size >= 0 ? for_size : G_MAXINT, &height, &left, &n_expanding);
          *minimum += height + (is_first ? 0 : SPACING);
        }
      *natural = *minimum;
      return;
    }
  for (; child != NULL; child = gtk_widget_get_next_sibling (child))
    {
      int least, most;

      if (!gtk_widget_should_layout (child))
        continue;
      gtk_widget_measure (child, GTK_ORIENTATION_HORIZONTAL, -1, &least, &most, NULL, NULL);
      *minimum = MAX (*minimum, least);
      *natural += most + (*natural > 0 ? SPACING : 0);
    }
}

static void
moe_wrap_box_size_allocate (GtkWidget *widget,
                            int        width,
                            int        height,
                            int        baseline)
{
  GtkWidget *child = gtk_widget_get_first_child (widget);

  for (int y = 0; child != NULL;)
    {
      int row_height, left, n_expanding;
      GtkWidget *end = measure_row (child, width, &row_height, &left, &n_expanding);

      allocate_row (widget, child, end, width, y, row_height, left, n_expanding);
      y += row_height + SPACING;
      child = end;
    }
}

static void
moe_wrap_box_dispose (GObject *object)
{
  GtkWidget *child;

  while ((child = gtk_widget_get_first_child (GTK_WIDGET (object))) != NULL)
    gtk_widget_unparent (child);

  G_OBJECT_CLASS (moe_wrap_box_parent_class)->dispose (object);
}

static void
moe_wrap_box_class_init (MoeWrapBoxClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = moe_wrap_box_dispose;
  widget_class->get_request_mode = moe_wrap_box_get_request_mode;
  widget_class->measure = moe_wrap_box_measure;
  widget_class->size_allocate = moe_wrap_box_size_allocate;
}

static void
moe_wrap_box_init (MoeWrapBox *self)
{
}

GtkWidget *
moe_wrap_box_new (void)
{
  return g_object_new (MOE_TYPE_WRAP_BOX, NULL);
}
