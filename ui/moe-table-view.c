/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-table-view"

#include "ui/moe-table-view.h"

#include <math.h>

#include "data/moe-mask.h"
#include "data/moe-table-filter.h"
#include "ui/moe-text.h"
#include "ui/moe-token-text.h"

/* What the list holds: the number of a row of the view's table. */
#define MOE_TYPE_TABLE_ROW (moe_table_row_get_type ())
G_DECLARE_FINAL_TYPE (MoeTableRow, moe_table_row, MOE, TABLE_ROW, GObject)

struct _MoeTableRow
{
  GObject parent_instance;
  guint   row;
};

G_DEFINE_FINAL_TYPE (MoeTableRow, moe_table_row, G_TYPE_OBJECT)

static void
moe_table_row_class_init (MoeTableRowClass *klass)
{
}

static void
moe_table_row_init (MoeTableRow *self)
{
}

struct _MoeTableView
{
  GtkWidget           parent_instance;

  MoeTable           *table;     /* or NULL */
  MoeTableFilter     *condition; /* or NULL: all rows */
  char               *filter_text;
  GListStore         *rows;
  GtkCustomFilter    *filter;
  GtkSortListModel   *sorted;
  GtkSingleSelection *selection;
  gboolean            selecting;  /* by program: no signal */
  gboolean            descending; /* the present order */

  GtkStack           *stack;
  GtkColumnView      *view;
  GtkLabel           *empty;
};

G_DEFINE_FINAL_TYPE (MoeTableView, moe_table_view, GTK_TYPE_WIDGET)

enum
{
  ROW_SELECTED,
  ROW_ACTIVATED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

/* A column of the view: what its cells and its sorter need. Column MOE_EXPERT shows layer and expert. */
#define EXPERT_COLUMN G_MAXUINT
/* Rows that are in no table: the first comes before the second in every column. */
#define PROBE_FIRST   (G_MAXUINT - 1)
#define PROBE_SECOND  G_MAXUINT
/* Rows that say how wide a column of text is, and the widest there is. */
#define WIDTH_ROWS     256
#define MAX_TEXT_CHARS 24

typedef struct
{
  MoeTableView *view;
  guint         column;
  int           n_chars; /* of text */
} Column;

/* --- cells -------------------------------------------------------------------------------------------- */

static char *
format_cell (MoeTableView *self,
             guint         row,
             guint         column)
{
  if (column == EXPERT_COLUMN)
    {
      guint layer = (guint) moe_table_find_column (self->table, "layer");
      guint expert = (guint) moe_table_find_column (self->table, "expert");

      if (moe_table_is_missing (self->table, row, layer))
        return g_strdup ("–");
      if (moe_table_is_missing (self->table, row, expert))
        return g_strdup_printf ("L%d", (int) moe_table_get_int (self->table, row, layer));
      return moe_expert_format ((int) moe_table_get_int (self->table, row, layer),
                                (int) moe_table_get_int (self->table, row, expert));
    }
  if (moe_table_is_missing (self->table, row, column))
    return g_strdup ("–");
  switch (moe_table_get_column_type (self->table, column))
    {
    case MOE_COLUMN_FLOAT:
    case MOE_COLUMN_DOUBLE:
      return moe_text_number (moe_table_get_double (self->table, row, column));
    case MOE_COLUMN_BOOL:
      return g_strdup (moe_table_get_int (self->table, row, column) != 0 ? "yes" : "no");
    case MOE_COLUMN_TEXT:
      {
        const char *text = moe_table_get_text (self->table, row, column);

        /* A line break would make its row taller than the others. */
        return *text != '\0' ? moe_token_text_make_visible (text) : g_strdup ("");
      }
    case MOE_COLUMN_INT:
    default:
      return moe_table_format_cell (self->table, row, column);
    }
}

/* How wide a column of text is, by its first rows: an ellipsized label asks for nothing. */
static int
count_chars (MoeTableView *self,
             guint         column)
{
  guint n_rows = MIN (moe_table_get_n_rows (self->table), WIDTH_ROWS);
  glong longest = 0;

  for (guint row = 0; row < n_rows; row++)
    {
      g_autofree char *text = format_cell (self, row, column);

      longest = MAX (longest, g_utf8_strlen (text, -1));
    }
  return (int) MIN (longest, MAX_TEXT_CHARS);
}

static gboolean
is_text (MoeTableView *self,
         guint         column)
{
  return column == EXPERT_COLUMN || moe_table_get_column_type (self->table, column) == MOE_COLUMN_TEXT;
}

static void
on_setup (GtkSignalListItemFactory *factory,
          GtkListItem              *item,
          Column                   *column)
{
  GtkWidget *label = gtk_label_new (NULL);

  if (column->view->table != NULL && is_text (column->view, column->column))
    {
      gtk_label_set_xalign (GTK_LABEL (label), 0);
      gtk_label_set_ellipsize (GTK_LABEL (label), PANGO_ELLIPSIZE_END);
      gtk_label_set_width_chars (GTK_LABEL (label), column->n_chars);
    }
  else
    {
      gtk_label_set_xalign (GTK_LABEL (label), 1);
      gtk_widget_add_css_class (label, "numeric");
    }
  gtk_list_item_set_child (item, label);
}

static void
on_bind (GtkSignalListItemFactory *factory,
         GtkListItem              *item,
         Column                   *column)
{
  MoeTableRow *row = gtk_list_item_get_item (item);
  g_autofree char *text = NULL;

  if (column->view->table == NULL || row->row >= moe_table_get_n_rows (column->view->table))
    return;
  text = format_cell (column->view, row->row, column->column);
  gtk_label_set_text (GTK_LABEL (gtk_list_item_get_child (item)), text);
}

static int
compare_rows (gconstpointer a,
              gconstpointer b,
              gpointer      user_data)
{
  const Column *column = user_data;
  MoeTable *table = column->view->table;
  guint first = ((const MoeTableRow *) a)->row, second = ((const MoeTableRow *) b)->row;

  if (first == PROBE_FIRST && second == PROBE_SECOND)
    return GTK_ORDERING_SMALLER;
  if (table == NULL || MAX (first, second) >= moe_table_get_n_rows (table))
    return GTK_ORDERING_EQUAL;
  if (column->column == EXPERT_COLUMN)
    {
      guint layer = (guint) moe_table_find_column (table, "layer");
      guint expert = (guint) moe_table_find_column (table, "expert");
      gint64 difference = moe_table_get_int (table, first, layer) - moe_table_get_int (table, second, layer);

      if (difference == 0)
        difference = moe_table_get_int (table, first, expert) - moe_table_get_int (table, second, expert);
      return gtk_ordering_from_cmpfunc (CLAMP (difference, -1, 1));
    }
  if (moe_table_get_column_type (table, column->column) == MOE_COLUMN_TEXT)
    return gtk_ordering_from_cmpfunc (g_strcmp0 (moe_table_get_text (table, first, column->column),
                                                 moe_table_get_text (table, second, column->column)));
  else
    {
      double x = moe_table_get_double (table, first, column->column);
      double y = moe_table_get_double (table, second, column->column);
      int last = column->view->descending ? GTK_ORDERING_SMALLER : GTK_ORDERING_LARGER;

      if (isnan (x) || isnan (y))
        return isnan (x) && isnan (y) ? GTK_ORDERING_EQUAL : isnan (x) ? last : -last;
      return x < y ? GTK_ORDERING_SMALLER : x > y ? GTK_ORDERING_LARGER : GTK_ORDERING_EQUAL;
    }
}

static MoeTableRow *
table_row_new (guint row)
{
  MoeTableRow *self = g_object_new (MOE_TYPE_TABLE_ROW, NULL);

  self->row = row;
  return self;
}

/* --- order, filter, selection -------------------------------------------------------------------------- */

/* GTK 4.8 leaves the rows of a sorted view blank until it is scrolled. */
static void
scroll_to (MoeTableView *self,
           guint         place)
{
  for (GtkWidget *child = gtk_widget_get_first_child (GTK_WIDGET (self->view)); child != NULL;
       child = gtk_widget_get_next_sibling (child))
    if (g_str_equal (G_OBJECT_TYPE_NAME (child), "GtkColumnListView"))
      gtk_widget_activate_action (child, "list.scroll-to-item", "u", place);
}

static guint
get_selected_place (MoeTableView *self)
{
  guint place = gtk_single_selection_get_selected (self->selection);

  return place != GTK_INVALID_LIST_POSITION ? place : 0;
}

static gboolean
on_sorted_idle (gpointer user_data)
{
  MoeTableView *self = user_data;

  if (self->table != NULL && moe_table_view_get_n_shown (self) > 0)
    scroll_to (self, get_selected_place (self));
  return G_SOURCE_REMOVE;
}

/* Comes before the list is sorted anew: missing cells are to be last in both directions, and GTK turns the
 * result of a comparison round without telling. */
static void
on_order_changed (GtkSorter       *sorter,
                  GtkSorterChange  change,
                  MoeTableView    *self)
{
  g_autoptr(MoeTableRow) first = table_row_new (PROBE_FIRST);
  g_autoptr(MoeTableRow) second = table_row_new (PROBE_SECOND);

  self->descending = gtk_sorter_compare (sorter, first, second) == GTK_ORDERING_LARGER;
  g_idle_add_full (G_PRIORITY_DEFAULT_IDLE, on_sorted_idle, g_object_ref (self), g_object_unref);
}

static gboolean
match_row (gpointer item,
           gpointer user_data)
{
  MoeTableView *self = user_data;

  return self->condition == NULL || self->table == NULL ||
         moe_table_filter_match (self->condition, self->table, ((MoeTableRow *) item)->row);
}

static void
on_selected (MoeTableView *self)
{
  MoeTableRow *row = gtk_single_selection_get_selected_item (self->selection);

  if (!self->selecting)
    g_signal_emit (self, signals[ROW_SELECTED], 0, row != NULL ? (int) row->row : -1);
}

static void
on_activate (GtkColumnView *view,
             guint          place,
             MoeTableView  *self)
{
  if (place < moe_table_view_get_n_shown (self))
    g_signal_emit (self, signals[ROW_ACTIVATED], 0, (int) moe_table_view_get_shown (self, place));
}

static void
show_empty (MoeTableView *self)
{
  gtk_stack_set_visible_child_name (self->stack, moe_table_view_get_n_shown (self) > 0 ? "rows" : "empty");
}

/* --- columns ------------------------------------------------------------------------------------------ */

static void
free_column (gpointer  data,
             GClosure *closure)
{
  g_free (data);
}

static void
add_column (MoeTableView *self,
            guint         index,
            const char   *name,
            const char   *unit)
{
  GtkListItemFactory *factory = gtk_signal_list_item_factory_new ();
  Column *column = g_new (Column, 1);
  g_autoptr(GtkColumnViewColumn) view_column = NULL;
  GtkSorter *sorter;
  GString *title = g_string_new (name);

  *column = (Column) { self, index, is_text (self, index) ? count_chars (self, index) : 0 };
  g_strdelimit (title->str, "_", ' ');
  if (*unit != '\0')
    g_string_append_printf (title, " (%s)", unit);
  g_signal_connect (factory, "setup", G_CALLBACK (on_setup), column);
  g_signal_connect_data (factory, "bind", G_CALLBACK (on_bind), column, free_column, 0);
  sorter = GTK_SORTER (gtk_custom_sorter_new (compare_rows, g_memdup2 (column, sizeof *column), g_free));
  view_column = gtk_column_view_column_new (title->str, factory);
  gtk_column_view_column_set_sorter (view_column, sorter);
  gtk_column_view_column_set_resizable (view_column, TRUE);
  gtk_column_view_column_set_expand (view_column, is_text (self, index) && index != EXPERT_COLUMN);
  g_object_set_data_full (G_OBJECT (view_column), "moe-name", g_strdup (name), g_free);
  g_object_unref (sorter);
  gtk_column_view_append_column (self->view, view_column);
  g_string_free (title, TRUE);
}

static void
remove_columns (MoeTableView *self)
{
  GListModel *columns = gtk_column_view_get_columns (self->view);

  while (g_list_model_get_n_items (columns) > 0)
    {
      g_autoptr(GtkColumnViewColumn) column = g_list_model_get_item (columns, 0);

      gtk_column_view_remove_column (self->view, column);
    }
}

static void
add_columns (MoeTableView *self)
{
  int layer = moe_table_find_column (self->table, "layer");
  int expert = moe_table_find_column (self->table, "expert");
  /* A query may give anything those names. */
  gboolean together = layer >= 0 && expert >= 0
                      && moe_table_get_column_type (self->table, (guint) layer) == MOE_COLUMN_INT
                      && moe_table_get_column_type (self->table, (guint) expert) == MOE_COLUMN_INT;

  for (guint i = 0; i < moe_table_get_n_columns (self->table); i++)
    if (!together || ((int) i != layer && (int) i != expert))
      add_column (self, i, moe_table_get_column_name (self->table, i),
                  moe_table_get_column_unit (self->table, i));
    else if ((int) i == layer)
      add_column (self, EXPERT_COLUMN, "expert", "");
}

static gboolean
same_columns (MoeTable *a,
              MoeTable *b)
{
  if (a == NULL || b == NULL || moe_table_get_n_columns (a) != moe_table_get_n_columns (b))
    return FALSE;
  for (guint i = 0; i < moe_table_get_n_columns (a); i++)
    if (!g_str_equal (moe_table_get_column_name (a, i), moe_table_get_column_name (b, i)) ||
        moe_table_get_column_type (a, i) != moe_table_get_column_type (b, i))
      return FALSE;
  return TRUE;
}

/* --- public ------------------------------------------------------------------------------------------- */

static void
fill (MoeTableView *self)
{
  guint n = self->table != NULL ? moe_table_get_n_rows (self->table) : 0;
  g_autoptr(GPtrArray) items = g_ptr_array_new_full (n, g_object_unref);

  for (guint i = 0; i < n; i++)
    g_ptr_array_add (items, table_row_new (i));
  self->selecting = TRUE;
  g_list_store_splice (self->rows, 0, g_list_model_get_n_items (G_LIST_MODEL (self->rows)), items->pdata, n);
  gtk_single_selection_set_selected (self->selection, GTK_INVALID_LIST_POSITION);
  self->selecting = FALSE;
}

void
moe_table_view_set_table (MoeTableView *self,
                          MoeTable     *table,
                          const char   *empty_text)
{
  gboolean same;

  g_return_if_fail (MOE_IS_TABLE_VIEW (self));

  same = same_columns (self->table, table);
  if (table != NULL)
    moe_table_ref (table);
  if (!same)
    {
      remove_columns (self);
      g_clear_pointer (&self->condition, moe_table_filter_free);
    }
  g_clear_pointer (&self->table, moe_table_unref);
  self->table = table;
  if (!same && table != NULL)
    {
      add_columns (self);
      /* A filter that makes no sense for these columns shows all. */
      self->condition = moe_table_filter_new (table, self->filter_text, NULL);
    }
  fill (self);
  gtk_label_set_text (self->empty, empty_text != NULL ? empty_text : "");
  show_empty (self);
  g_idle_add_full (G_PRIORITY_DEFAULT_IDLE, on_sorted_idle, g_object_ref (self), g_object_unref);
}

MoeTable *
moe_table_view_get_table (MoeTableView *self)
{
  g_return_val_if_fail (MOE_IS_TABLE_VIEW (self), NULL);

  return self->table;
}

gboolean
moe_table_view_set_filter (MoeTableView  *self,
                           const char    *text,
                           GError       **error)
{
  MoeTableFilter *condition = NULL;

  g_return_val_if_fail (MOE_IS_TABLE_VIEW (self) && text != NULL, FALSE);

  if (self->table != NULL)
    {
      condition = moe_table_filter_new (self->table, text, error);
      if (condition == NULL)
        return FALSE;
    }
  g_clear_pointer (&self->condition, moe_table_filter_free);
  self->condition = condition;
  g_free (self->filter_text);
  self->filter_text = g_strdup (text);
  gtk_filter_changed (GTK_FILTER (self->filter), GTK_FILTER_CHANGE_DIFFERENT);
  show_empty (self);
  return TRUE;
}

guint
moe_table_view_get_n_shown (MoeTableView *self)
{
  g_return_val_if_fail (MOE_IS_TABLE_VIEW (self), 0);

  return g_list_model_get_n_items (G_LIST_MODEL (self->sorted));
}

guint
moe_table_view_get_shown (MoeTableView *self,
                          guint         place)
{
  g_autoptr(MoeTableRow) row = NULL;

  g_return_val_if_fail (MOE_IS_TABLE_VIEW (self), 0);
  row = g_list_model_get_item (G_LIST_MODEL (self->sorted), place);
  g_return_val_if_fail (row != NULL, 0);

  return row->row;
}

void
moe_table_view_select (MoeTableView *self,
                       int           row)
{
  guint place = GTK_INVALID_LIST_POSITION, n;

  g_return_if_fail (MOE_IS_TABLE_VIEW (self));

  n = moe_table_view_get_n_shown (self);
  for (guint i = 0; row >= 0 && i < n && place == GTK_INVALID_LIST_POSITION; i++)
    if (moe_table_view_get_shown (self, i) == (guint) row)
      place = i;
  if (place == gtk_single_selection_get_selected (self->selection))
    return;
  self->selecting = TRUE;
  gtk_single_selection_set_selected (self->selection, place);
  self->selecting = FALSE;
  if (place != GTK_INVALID_LIST_POSITION)
    scroll_to (self, place);
}

int
moe_table_view_find_expert (MoeTableView *self,
                            int           layer,
                            int           expert)
{
  int layer_column, expert_column;
  guint n;

  g_return_val_if_fail (MOE_IS_TABLE_VIEW (self), -1);

  if (self->table == NULL)
    return -1;
  layer_column = moe_table_find_column (self->table, "layer");
  expert_column = moe_table_find_column (self->table, "expert");
  n = layer_column >= 0 && expert_column >= 0 ? moe_table_get_n_rows (self->table) : 0;
  for (guint row = 0; row < n; row++)
    if (moe_table_get_int (self->table, row, (guint) layer_column) == layer &&
        moe_table_get_int (self->table, row, (guint) expert_column) == expert)
      return (int) row;
  return -1;
}

gboolean
moe_table_view_sort (MoeTableView *self,
                     const char   *column,
                     GtkSortType   order)
{
  GListModel *columns;

  g_return_val_if_fail (MOE_IS_TABLE_VIEW (self) && column != NULL, FALSE);

  columns = gtk_column_view_get_columns (self->view);
  for (guint i = 0; i < g_list_model_get_n_items (columns); i++)
    {
      g_autoptr(GtkColumnViewColumn) item = g_list_model_get_item (columns, i);

      if (g_str_equal (g_object_get_data (G_OBJECT (item), "moe-name"), column))
        {
          gtk_column_view_sort_by_column (self->view, item, order);
          return TRUE;
        }
    }
  return FALSE;
}

/* --- class -------------------------------------------------------------------------------------------- */

static void
moe_table_view_dispose (GObject *object)
{
  MoeTableView *self = MOE_TABLE_VIEW (object);

  /* Nobody is to hear of what happens to the selection now. */
  self->selecting = TRUE;
  if (self->view != NULL)
    remove_columns (self);
  if (self->stack != NULL)
    gtk_widget_unparent (GTK_WIDGET (self->stack));
  self->stack = NULL;
  self->view = NULL;
  self->empty = NULL;
  g_clear_object (&self->rows);
  g_clear_object (&self->filter);
  g_clear_object (&self->sorted);
  g_clear_object (&self->selection);
  g_clear_pointer (&self->condition, moe_table_filter_free);
  g_clear_pointer (&self->table, moe_table_unref);
  g_clear_pointer (&self->filter_text, g_free);

  G_OBJECT_CLASS (moe_table_view_parent_class)->dispose (object);
}

static void
moe_table_view_class_init (MoeTableViewClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = moe_table_view_dispose;
  signals[ROW_SELECTED] = g_signal_new ("row-selected", MOE_TYPE_TABLE_VIEW, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                        NULL, G_TYPE_NONE, 1, G_TYPE_INT);
  signals[ROW_ACTIVATED] = g_signal_new ("row-activated", MOE_TYPE_TABLE_VIEW, G_SIGNAL_RUN_LAST, 0, NULL,
                                         NULL, NULL, G_TYPE_NONE, 1, G_TYPE_INT);
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_css_name (widget_class, "table-view");
}

static void
init_empty (MoeTableView *self)
{
  self->empty = GTK_LABEL (gtk_label_new (""));
  gtk_label_set_wrap (self->empty, TRUE);
  gtk_label_set_justify (self->empty, GTK_JUSTIFY_CENTER);
  gtk_widget_add_css_class (GTK_WIDGET (self->empty), "dim-label");
  gtk_widget_set_margin_start (GTK_WIDGET (self->empty), 18);
  gtk_widget_set_margin_end (GTK_WIDGET (self->empty), 18);
  gtk_stack_add_named (self->stack, GTK_WIDGET (self->empty), "empty");
}

static void
moe_table_view_init (MoeTableView *self)
{
  GtkWidget *scrolled = gtk_scrolled_window_new ();
  GtkSorter *sorter;

  self->filter_text = g_strdup ("");
  self->view = GTK_COLUMN_VIEW (gtk_column_view_new (NULL));
  gtk_widget_add_css_class (GTK_WIDGET (self->view), "data-table");
  gtk_column_view_set_show_column_separators (self->view, FALSE);
  sorter = gtk_column_view_get_sorter (self->view);
  /* Before the list listens to it. */
  g_signal_connect_object (sorter, "changed", G_CALLBACK (on_order_changed), self, 0);

  self->rows = g_list_store_new (MOE_TYPE_TABLE_ROW);
  self->filter = gtk_custom_filter_new (match_row, self, NULL);
  self->sorted = gtk_sort_list_model_new (
      G_LIST_MODEL (gtk_filter_list_model_new (g_object_ref (G_LIST_MODEL (self->rows)),
                                               GTK_FILTER (g_object_ref (self->filter)))),
      g_object_ref (sorter));
  self->selection = gtk_single_selection_new (g_object_ref (G_LIST_MODEL (self->sorted)));
  gtk_single_selection_set_autoselect (self->selection, FALSE);
  gtk_single_selection_set_can_unselect (self->selection, TRUE);
  gtk_single_selection_set_selected (self->selection, GTK_INVALID_LIST_POSITION);
  gtk_column_view_set_model (self->view, GTK_SELECTION_MODEL (self->selection));
  g_signal_connect_object (self->selection, "notify::selected-item", G_CALLBACK (on_selected), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect (self->view, "activate", G_CALLBACK (on_activate), self);

  self->stack = GTK_STACK (gtk_stack_new ());
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scrolled), GTK_WIDGET (self->view));
  gtk_widget_set_vexpand (scrolled, TRUE);
  gtk_stack_add_named (self->stack, scrolled, "rows");
  init_empty (self);
  gtk_widget_set_parent (GTK_WIDGET (self->stack), GTK_WIDGET (self));
  show_empty (self);
}

GtkWidget *
moe_table_view_new (void)
{
  return g_object_new (MOE_TYPE_TABLE_VIEW, NULL);
}
