/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-experts-page"

#include "ui/moe-experts-page-private.h"

#include "analysis/moe-experts-report.h"
#include "data/moe-error.h"
#include "data/moe-table-join.h"
#include "ui/moe-experts-exhibit.h"
#include "ui/moe-text.h"

/* Tokens that are listed of an expert, and those before each that are shown with it. */
#define N_EXAMPLES 100
#define N_BEFORE 6

G_DEFINE_FINAL_TYPE (MoeExpertsPage, moe_experts_page, MOE_TYPE_PAGE)

static MoeDocument *
get_document (MoeExpertsPage *self)
{
  return moe_page_get_document (MOE_PAGE (self));
}

/* --- examples ----------------------------------------------------------------------------------------- */

typedef struct
{
  gint64 token;
  float  weight, max_down;
} Example;

static int
compare_examples (gconstpointer a,
                  gconstpointer b)
{
  const Example *x = a, *y = b;

  if (x->weight != y->weight)
    return x->weight < y->weight ? 1 : -1;
  return x->token < y->token ? -1 : x->token > y->token;
}

/* The tokens that chose the expert, the heaviest first. */
static GArray *
find_examples (MoeExpertsPage *self,
               guint           row,
               guint           expert)
{
  const MoeModelInfo *info = moe_document_get_info (get_document (self));
  guint phases = moe_document_get_phases (get_document (self));
  GArray *examples = g_array_new (FALSE, FALSE, sizeof (Example));

  for (gint64 id = moe_document_get_first_token (get_document (self));
       id < moe_document_get_n_tokens (get_document (self)); id++)
    {
      const MoeTokenRecord *record = moe_document_get_token (get_document (self), id)->record;

      if ((phases & MOE_PHASE_BIT (record->phase)) == 0)
        continue;
      for (guint slot = 0; slot < info->n_used; slot++)
        if (record->experts[row * info->n_used + slot] == expert)
          {
            Example example = { id, moe_half_to_float (record->weights[row * info->n_used + slot]),
                                record->down_max[row * info->n_used + slot] };

            g_array_append_val (examples, example);
          }
    }
  g_array_sort (examples, compare_examples);
  return examples;
}

/* The tokens before it, in one line. Transfer full. */
static char *
get_context (MoeExpertsPage *self,
             gint64          token)
{
  const MoeTokenRecord *record = moe_document_get_token (get_document (self), token)->record;
  gint64 first = MAX (token - N_BEFORE, moe_document_get_first_token (get_document (self)));
  GString *text = g_string_new (NULL);

  for (gint64 id = MAX (first, token - (gint64) record->position); id < token; id++)
    g_string_append (text, moe_document_get_token (get_document (self), id)->text);
  g_strdelimit (text->str, "\n\r\t", ' ');
  return g_string_free (text, FALSE);
}

static void
show_examples (MoeExpertsPage *self)
{
  const MoeSelection *selection = moe_document_get_selection (get_document (self));
  const MoeModelInfo *info = moe_document_get_info (get_document (self));
  int row = info != NULL && selection->has_expert
                ? moe_model_info_find_moe_layer (info, (guint) selection->layer) : -1;
  g_autoptr(MoeTable) table = NULL;
  g_autoptr(GArray) examples = NULL;
  g_autofree char *name = NULL, *title = NULL, *count = NULL;

  if (row < 0)
    {
      gtk_label_set_text (self->title, "Tokens of the Selected Expert");
      moe_table_view_set_table (self->examples, NULL, "Select an expert to see the tokens that chose it");
      return;
    }
  examples = find_examples (self, (guint) row, (guint) selection->expert);
  table = moe_table_new ("Tokens");
  moe_table_add_column (table, "token", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "weight", MOE_COLUMN_FLOAT, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "max_down", MOE_COLUMN_FLOAT, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "before", MOE_COLUMN_TEXT, "", MOE_ROLE_LABEL);
  moe_table_add_column (table, "text", MOE_COLUMN_TEXT, "", MOE_ROLE_LABEL);
  for (guint i = 0; i < MIN (examples->len, N_EXAMPLES); i++)
    {
      const Example *example = &g_array_index (examples, Example, i);
      g_autofree char *context = get_context (self, example->token);
      g_autofree char *text =
          moe_text_token (moe_document_get_token (get_document (self), example->token)->text);

      moe_table_append_row (table);
      moe_table_set_int (table, i, 0, example->token);
      moe_table_set_double (table, i, 1, example->weight);
      moe_table_set_double (table, i, 2, example->max_down);
      moe_table_set_text (table, i, 3, context);
      moe_table_set_text (table, i, 4, text);
    }
  name = moe_expert_format (selection->layer, selection->expert);
  count = moe_text_count (examples->len);
  title = g_strdup_printf ("%s: %s Tokens Chose It", name, count);
  gtk_label_set_text (self->title, title);
  moe_table_view_set_table (self->examples, table, "No token of this phase chose it");
}

static void
on_example_selected (MoeTableView   *view,
                     int             row,
                     MoeExpertsPage *self)
{
  if (row >= 0 && get_document (self) != NULL)
    moe_document_select_token (get_document (self),
                               moe_table_get_int (moe_table_view_get_table (view), (guint) row, 0));
}

/* --- experts ------------------------------------------------------------------------------------------ */

/* Takes @table. Transfer full. */
static MoeTable *
join (MoeTable       *table,
      const MoeTable *other)
{
  static const char *const keys[] = { "layer", "expert", NULL };
  MoeTable *joined = moe_table_join (table, other, keys);

  moe_table_unref (table);
  return joined;
}

/* Score and q of each expert. Transfer full. */
static MoeTable *
make_scores (const MoeContrast *contrast)
{
  MoeTable *table = moe_table_new ("Contrast");

  moe_table_add_column (table, "layer", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "expert", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "score", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "q", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  for (guint i = 0; i < moe_contrast_get_n (contrast); i++)
    {
      const MoeContrastCell *cell = moe_contrast_get (contrast, i);
      guint row = moe_table_append_row (table);

      moe_table_set_int (table, row, 0, cell->layer);
      moe_table_set_int (table, row, 1, cell->expert);
      moe_table_set_double (table, row, 2, cell->score);
      moe_table_set_double (table, row, 3, cell->q);
    }
  return table;
}

/* The metrics, and beside them what was found out about the same experts. Transfer full. */
static MoeTable *
make_table (MoeExpertsPage        *self,
            const MoeRoutingStats *stats,
            const MoeModelInfo    *info,
            guint                  phases)
{
  MoeContrastStudy *contrast = moe_document_get_contrast (get_document (self), info);
  MoeTable *table = moe_experts_report_table (stats, info, phases);

  if (contrast != NULL)
    {
      g_autoptr(MoeTable) scores = make_scores (moe_contrast_study_get_contrast (contrast));

      table = join (table, scores);
    }
  if (self->study != NULL && g_strcmp0 (info->fingerprint, self->study->info->fingerprint) == 0)
    table = join (table, self->study->experts);
  return table;
}

static void
refresh (MoePage *page)
{
  MoeExpertsPage *self = MOE_EXPERTS_PAGE (page);
  const MoeModelInfo *info = moe_document_get_info (get_document (self));
  const MoeRoutingStats *stats = moe_document_get_stats (get_document (self));
  const MoeSelection *selection = moe_document_get_selection (get_document (self));
  guint phases = moe_document_get_phases (get_document (self));
  int row = -1;

  self->showing = TRUE;
  if (info == NULL || stats == NULL)
    {
      self->stats = NULL;
      moe_table_view_set_table (self->table, NULL,
                                info == NULL ? "Open a model or a recording"
                                             : "Generate on the Live page to see what experts do");
      moe_page_set_status (page, NULL);
    }
  else
    {
      g_autofree char *shown = NULL, *all = NULL, *text = NULL;
      gint64 n_tokens = moe_routing_stats_get_n_tokens (stats, phases);

      if (self->stats != stats || self->n_tokens != n_tokens || self->phases != phases)
        {
          g_autoptr(MoeTable) table = make_table (self, stats, info, phases);

          moe_table_view_set_table (self->table, table, "No expert matches the filter");
          self->stats = stats;
          self->n_tokens = n_tokens;
          self->phases = phases;
        }
      shown = moe_text_count (moe_table_view_get_n_shown (self->table));
      all = moe_text_count (moe_table_get_n_rows (moe_table_view_get_table (self->table)));
      text = g_strdup_printf ("%s of %s experts. Click a title to sort, a row to select its expert, twice to "
                              "disable it.", shown, all);
      moe_page_set_status (page, text);
      if (selection->has_expert)
        row = moe_table_view_find_expert (self->table, selection->layer, selection->expert);
      moe_table_view_select (self->table, row);
    }
  show_examples (self);
  self->showing = FALSE;
  moe_experts_page_refresh_attribution (self);
}

static void
on_row_selected (MoeTableView   *view,
                 int             row,
                 MoeExpertsPage *self)
{
  MoeTable *table = moe_table_view_get_table (view);

  if (self->showing || table == NULL || get_document (self) == NULL)
    return;
  if (row < 0)
    moe_document_unselect_expert (get_document (self));
  else
    moe_document_select_expert (get_document (self), (int) moe_table_get_int (table, (guint) row, 0),
                                (int) moe_table_get_int (table, (guint) row, 1));
}

static void
on_row_activated (MoeTableView   *view,
                  int             row,
                  MoeExpertsPage *self)
{
  on_row_selected (view, row, self);
  gtk_widget_activate_action (GTK_WIDGET (self), "win.disable-selected", NULL);
}

static void
on_filter (MoeExpertsPage *self)
{
  g_autoptr(GError) error = NULL;

  if (moe_table_view_set_filter (self->table, gtk_editable_get_text (GTK_EDITABLE (self->filter)), &error))
    gtk_widget_remove_css_class (GTK_WIDGET (self->filter), "error");
  else
    gtk_widget_add_css_class (GTK_WIDGET (self->filter), "error");
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->filter),
                               error != NULL ? error->message : "Conditions with Spaces Between Them");
  moe_page_queue_refresh (MOE_PAGE (self));
}

/* --- class -------------------------------------------------------------------------------------------- */

static MoeExport *
get_export (MoePage *page)
{
  MoeExpertsPage *self = MOE_EXPERTS_PAGE (page);

  if (g_strcmp0 (gtk_stack_get_visible_child_name (self->stack), "attribution") == 0 && self->study != NULL)
    return moe_attribution_get_export (self->study);
  return moe_experts_export_new (moe_document_get_phases (get_document (self)));
}

static gboolean
set_attribution_option (MoeExpertsPage *self,
                        const char     *name,
                        const char     *value)
{
  guint64 n = 0;

  if (g_str_equal (name, "prompt"))
    gtk_editable_set_text (GTK_EDITABLE (self->prompt), value);
  else if (g_str_equal (name, "token"))
    gtk_editable_set_text (GTK_EDITABLE (self->token), value);
  else if (g_str_equal (name, "system"))
    gtk_editable_set_text (GTK_EDITABLE (self->system), value);
  else if (g_str_equal (name, "answer"))
    gtk_editable_set_text (GTK_EDITABLE (self->answer), value);
  else if (g_str_equal (name, "history"))
    gtk_check_button_set_active (self->history, g_str_equal (value, "yes"));
  else if (g_str_equal (name, "raw"))
    gtk_check_button_set_active (self->raw, g_str_equal (value, "yes"));
  else if (g_str_equal (name, "against"))
    gtk_editable_set_text (GTK_EDITABLE (self->against), value);
  else if (g_str_equal (name, "causal") && g_ascii_string_to_unsigned (value, 10, 0, 200, &n, NULL))
    gtk_spin_button_set_value (self->causal, (double) n);
  else if (g_str_equal (name, "view") &&
           (g_str_equal (value, "tokens") || g_str_equal (value, "attribution")))
    gtk_stack_set_visible_child_name (self->stack, value);
  else if (g_str_equal (name, "disable-top") && g_ascii_string_to_unsigned (value, 10, 1, 100, &n, NULL))
    {
      gtk_spin_button_set_value (self->top, (double) n);
      moe_experts_page_disable_top (self);
    }
  else if (g_str_equal (name, "run"))
    moe_experts_page_attribute (self);
  else
    return FALSE;
  return TRUE;
}

static gboolean
set_option (MoePage     *page,
            const char  *name,
            const char  *value,
            GError     **error)
{
  MoeExpertsPage *self = MOE_EXPERTS_PAGE (page);
  gboolean falling = *value == '-';

  if (g_str_equal (name, "filter") && moe_table_view_set_filter (self->table, value, error))
    {
      gtk_editable_set_text (GTK_EDITABLE (self->filter), value);
      return TRUE;
    }
  if (g_str_equal (name, "sort") &&
      moe_table_view_sort (self->table, value + falling, falling ? GTK_SORT_DESCENDING : GTK_SORT_ASCENDING))
    return TRUE;
  if (set_attribution_option (self, name, value))
    return TRUE;
  if (error != NULL && *error == NULL)
    g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "there is no %s called “%s”", name, value);
  return FALSE;
}

static void
on_contrast (MoeExpertsPage *self)
{
  self->stats = NULL; /* the table has other columns now */
  moe_page_queue_refresh (MOE_PAGE (self));
}

static void
connect_document (MoePage *page)
{
  g_signal_connect_object (moe_page_get_document (page), "contrast-changed", G_CALLBACK (on_contrast), page,
                           G_CONNECT_SWAPPED);
  moe_experts_page_show_attribution (MOE_EXPERTS_PAGE (page));
}

static void
moe_experts_page_dispose (GObject *object)
{
  MoeExpertsPage *self = MOE_EXPERTS_PAGE (object);

  g_clear_pointer (&self->study, moe_attribution_study_unref);
  g_clear_pointer (&self->followed, g_free);
  gtk_widget_dispose_template (GTK_WIDGET (object), MOE_TYPE_EXPERTS_PAGE);

  G_OBJECT_CLASS (moe_experts_page_parent_class)->dispose (object);
}

static void
moe_experts_page_class_init (MoeExpertsPageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  MoePageClass *page_class = MOE_PAGE_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = moe_experts_page_dispose;
  page_class->name = "experts";
  page_class->title = "Experts";
  page_class->connect = connect_document;
  page_class->refresh = refresh;
  page_class->get_export = get_export;
  page_class->set_option = set_option;

  g_type_ensure (MOE_TYPE_TABLE_VIEW);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/moescope/Moescope/moe-experts-page.ui");
  gtk_widget_class_bind_template_child (widget_class, MoeExpertsPage, filter);
  gtk_widget_class_bind_template_child (widget_class, MoeExpertsPage, table);
  gtk_widget_class_bind_template_child (widget_class, MoeExpertsPage, title);
  gtk_widget_class_bind_template_child (widget_class, MoeExpertsPage, examples);
  gtk_widget_class_bind_template_child (widget_class, MoeExpertsPage, stack);
  gtk_widget_class_bind_template_child (widget_class, MoeExpertsPage, prompt);
  gtk_widget_class_bind_template_child (widget_class, MoeExpertsPage, token);
  gtk_widget_class_bind_template_child (widget_class, MoeExpertsPage, against);
  gtk_widget_class_bind_template_child (widget_class, MoeExpertsPage, system);
  gtk_widget_class_bind_template_child (widget_class, MoeExpertsPage, answer);
  gtk_widget_class_bind_template_child (widget_class, MoeExpertsPage, history);
  gtk_widget_class_bind_template_child (widget_class, MoeExpertsPage, raw);
  gtk_widget_class_bind_template_child (widget_class, MoeExpertsPage, causal);
  gtk_widget_class_bind_template_child (widget_class, MoeExpertsPage, top);
  gtk_widget_class_bind_template_child (widget_class, MoeExpertsPage, attribute);
  gtk_widget_class_bind_template_child (widget_class, MoeExpertsPage, disable);
  gtk_widget_class_bind_template_child (widget_class, MoeExpertsPage, sum);
  gtk_widget_class_bind_template_child (widget_class, MoeExpertsPage, parts);
  gtk_widget_class_set_css_name (widget_class, "experts-page");
}

static void
moe_experts_page_init (MoeExpertsPage *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  g_signal_connect_swapped (self->filter, "search-changed", G_CALLBACK (on_filter), self);
  g_signal_connect (self->table, "row-selected", G_CALLBACK (on_row_selected), self);
  g_signal_connect (self->table, "row-activated", G_CALLBACK (on_row_activated), self);
  g_signal_connect (self->examples, "row-selected", G_CALLBACK (on_example_selected), self);
  g_signal_connect_swapped (self->stack, "notify::visible-child-name", G_CALLBACK (moe_page_export_changed),
                            self);
  g_signal_connect_swapped (self->attribute, "clicked", G_CALLBACK (moe_experts_page_attribute), self);
  g_signal_connect_swapped (self->prompt, "activate", G_CALLBACK (moe_experts_page_attribute), self);
  g_signal_connect_swapped (self->token, "activate", G_CALLBACK (moe_experts_page_attribute), self);
  g_signal_connect_swapped (self->raw, "toggled", G_CALLBACK (moe_page_queue_refresh), self);
  g_signal_connect_swapped (self->against, "activate", G_CALLBACK (moe_experts_page_attribute), self);
  g_signal_connect_swapped (self->disable, "clicked", G_CALLBACK (moe_experts_page_disable_top), self);
  g_signal_connect (self->parts, "row-selected", G_CALLBACK (moe_experts_page_on_part), self);
}
