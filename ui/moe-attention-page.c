/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-attention-page"

#include "ui/moe-attention-page.h"

#include <math.h>

#include "data/moe-error.h"
#include "data/moe-token-record.h"
#include "ui/moe-attention-plot.h"
#include "ui/moe-heatmap-view.h"
#include "ui/moe-sink-scan.h"
#include "ui/moe-text.h"

struct _MoeAttentionPage
{
  MoePage             parent_instance;

  MoeDocument        *document;   /* of the page */
  MoeAttentionResult *result;     /* or NULL */
  int                 asked_layer, asked_head; /* of the run that is shown or under way; -1 = none */
  gint64              asked_token;
  MoeMask            *asked_mask;
  int                 key;        /* that was clicked in the selected row, or -1 */
  gboolean            updating;

  GtkSpinButton      *layer;
  GtkSpinButton      *head;
  MoeHeatmapView     *map;
};

G_DEFINE_FINAL_TYPE (MoeAttentionPage, moe_attention_page, MOE_TYPE_PAGE)

/* The head that gives most of its attention to the first token, over the tokens that are shown. */
static void
find_strongest (MoeAttentionPage *self,
                int              *layer,
                int              *head)
{
  const MoeModelInfo *info = moe_document_get_info (self->document);
  gint64 first = moe_document_get_first_token (self->document);
  gint64 n = moe_document_get_n_tokens (self->document);
  g_autofree double *sums = g_new0 (double, (gsize) info->n_layers * info->n_heads);
  gsize best = 0;

  for (gint64 id = first; id < n; id++)
    {
      const MoeTokenRecord *record = moe_document_get_token (self->document, id)->record;

      for (gsize i = 0; record->position > 0 && i < (gsize) info->n_layers * info->n_heads; i++)
        sums[i] += moe_half_to_float (record->attention_first[i]);
    }
  for (gsize i = 1; i < (gsize) info->n_layers * info->n_heads; i++)
    if (sums[i] > sums[best] || isnan (sums[best]))
      best = i;
  *layer = (int) (best / info->n_heads);
  *head = (int) (best % info->n_heads);
}

static void
get_head (MoeAttentionPage *self,
          int              *layer,
          int              *head)
{
  const MoeModelInfo *info = moe_document_get_info (self->document);
  const MoeSelection *selection = moe_document_get_selection (self->document);

  *layer = *head = 0;
  if (selection->has_head)
    {
      *layer = selection->head_layer;
      *head = selection->head;
    }
  else if (info != NULL && moe_document_get_n_tokens (self->document) > 0)
    find_strongest (self, layer, head);
}

/* The row of token @id, or -1. */
static int
find_row (MoeAttentionPage *self,
          gint64            id)
{
  const MoeAttentionText *text = self->result != NULL ? self->result->pattern->text : NULL;

  for (guint i = 0; text != NULL && id >= 0 && i < text->n; i++)
    if (text->ids[i] == id)
      return (int) i;
  return -1;
}

static char *
describe_cell (guint    row,
               guint    column,
               gpointer user_data)
{
  MoeAttentionPage *self = user_data;
  const MoeAttentionPattern *pattern = self->result != NULL ? self->result->pattern : NULL;
  g_autofree char *query = NULL;
  g_autofree char *key = NULL;
  g_autofree char *share = NULL;

  if (pattern == NULL || row >= pattern->text->n || column > pattern->text->n)
    return g_strdup ("");
  query = moe_text_token (pattern->text->texts[row]);
  if (column == pattern->text->n)
    {
      share = moe_text_percent (pattern->learned[row]);
      return g_strdup_printf ("%u %s gives %s to the learned sink", row, query, share);
    }
  key = moe_text_token (pattern->text->texts[column]);
  if (column > row)
    return g_strdup_printf ("%u %s comes before %u %s", row, query, column, key);
  share = moe_text_percent (pattern->rows[(gsize) row * pattern->text->n + column]);
  return g_strdup_printf ("%u %s gives %s to %u %s", row, query, share, column, key);
}

static void
update_status (MoeAttentionPage *self,
               int               row,
               int               column)
{
  int selected = find_row (self, moe_document_get_selection (self->document)->token);
  g_autofree char *text = NULL;

  if (row >= 0)
    text = describe_cell ((guint) row, (guint) column, self);
  else if (selected >= 0 && self->key >= 0)
    text = describe_cell ((guint) selected, (guint) self->key, self);
  else if (self->result != NULL)
    {
      g_autofree char *mask = moe_mask_to_provenance (self->result->mask);
      guint cut = self->result->pattern->text->n_cut;
      g_autofree char *limit = cut > 0 ? g_strdup_printf ("; the last %u tokens are left out: at most %d are "
                                                          "shown", cut, MOE_ATTENTION_MAX_TOKENS) : NULL;

      text = g_strdup_printf ("%u tokens, interventions: %s%s", self->result->pattern->text->n, mask,
                              limit != NULL ? limit : "");
    }
  moe_page_set_status (MOE_PAGE (self), text);
}

/* --- what is shown ------------------------------------------------------------------------------------ */

static void
show_plot (MoeAttentionPage *self)
{
  if (self->result != NULL)
    {
      g_autoptr(MoeMatrixPlot) plot = moe_attention_map_new (self->result->pattern, self->result->info);

      moe_heatmap_view_set_plot (self->map, &plot->plot);
    }
  else
    {
      const char *reason = NULL;
      MoeHeatmapPlot empty;

      moe_heatmap_plot_init (&empty);
      if (moe_document_get_info (self->document) == NULL)
        empty.empty_text = "Open a model or a recording";
      else if (moe_document_get_n_tokens (self->document) == 0)
        empty.empty_text = "Generate on the Live page to see what each token attends to";
      else if (moe_document_get_loaded (self->document, &reason) == NULL)
        empty.empty_text = reason;
      else
        empty.empty_text = "Running the tokens again";
      moe_heatmap_view_set_plot (self->map, &empty);
    }
}

static void
show_selection (MoeAttentionPage *self)
{
  const MoeModelInfo *info = moe_document_get_info (self->document);
  int row = find_row (self, moe_document_get_selection (self->document)->token);
  int layer, head;

  get_head (self, &layer, &head);
  self->updating = TRUE;
  gtk_spin_button_set_range (self->layer, 0, info != NULL && info->n_layers > 0 ? info->n_layers - 1 : 0);
  gtk_spin_button_set_range (self->head, 0, info != NULL && info->n_heads > 0 ? info->n_heads - 1 : 0);
  gtk_spin_button_set_value (self->layer, layer);
  gtk_spin_button_set_value (self->head, head);
  self->updating = FALSE;
  moe_heatmap_view_select (self->map, row, row >= 0 ? MAX (self->key, 0) : -1);
  update_status (self, -1, -1);
}

typedef struct
{
  char     *path;
  MoeModel *model;
  MoeMask  *mask;
  gint64    token;
  guint     layer, head;
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
run (gpointer            data,
     const MoeProgress  *progress,
     GError            **error)
{
  const MoeSessionOptions options = { .cache = MOE_CACHE_F16, .kernels = MOE_KERNELS_AUTO };
  const Work *work = data;
  g_autoptr(MoeRecording) recording = moe_recording_open (work->path, error);
  g_autoptr(MoeSession) session = recording != NULL ? moe_session_new (work->model, &options, error) : NULL;

  if (session == NULL)
    return NULL;
  return moe_attention_result_new (recording, work->token, session, work->mask, work->layer, work->head,
                                   progress, error);
}

static void
on_run (MoePage  *page,
        gpointer  result)
{
  MoeAttentionPage *self = MOE_ATTENTION_PAGE (page);

  g_clear_pointer (&self->result, moe_attention_result_unref);
  self->result = result;
  show_plot (self);
  show_selection (self);
}

static void
rescan (MoePage    *page,
        const char *path)
{
  MoeAttentionPage *self = MOE_ATTENTION_PAGE (page);
  MoeModel *model = moe_document_get_loaded (self->document, NULL);
  MoeMask *mask = moe_document_get_mask (self->document);
  Work *work;

  if (model == NULL)
    {
      g_clear_pointer (&self->result, moe_attention_result_unref);
      show_plot (self);
      return;
    }
  work = g_new0 (Work, 1);
  work->path = g_strdup (path);
  work->model = moe_model_ref (model);
  work->mask = mask != NULL ? moe_mask_ref (mask) : NULL;
  work->token = self->asked_token;
  work->layer = (guint) self->asked_layer;
  work->head = (guint) self->asked_head;
  moe_page_run (page, MOE_PAGE_SCAN, "Running the tokens again", run, work, work_free,
                (GDestroyNotify) moe_attention_result_unref, on_run);
}

/* Another head, other interventions, or a token of another conversation want another run. */
static void
refresh (MoePage *page)
{
  MoeAttentionPage *self = MOE_ATTENTION_PAGE (page);
  MoeMask *mask = moe_document_get_mask (self->document);
  gint64 token = moe_document_get_selection (self->document)->token;
  int layer, head;

  get_head (self, &layer, &head);
  if (token >= 0 && find_row (self, token) >= 0)
    token = self->asked_token;
  if (layer != self->asked_layer || head != self->asked_head || token != self->asked_token
      || !moe_mask_equal (mask, self->asked_mask))
    {
      self->asked_layer = layer;
      self->asked_head = head;
      self->asked_token = token;
      self->key = -1;
      g_clear_pointer (&self->asked_mask, moe_mask_unref);
      self->asked_mask = mask != NULL ? moe_mask_ref (mask) : NULL;
      moe_page_restart_scan (page);
    }
  if (self->result == NULL)
    show_plot (self);
  show_selection (self);
}

static void
forget (MoeAttentionPage *self)
{
  g_clear_pointer (&self->result, moe_attention_result_unref);
  self->asked_layer = self->asked_head = self->key = -1;
  self->asked_token = -1;
}

/* --- choices ------------------------------------------------------------------------------------------ */

static void
on_spin (MoeAttentionPage *self)
{
  if (!self->updating && moe_document_get_n_tokens (self->document) > 0)
    moe_document_select_head (self->document, gtk_spin_button_get_value_as_int (self->layer),
                              gtk_spin_button_get_value_as_int (self->head));
}

static gboolean
set_option (MoePage     *page,
            const char  *name,
            const char  *value,
            GError     **error)
{
  MoeAttentionPage *self = MOE_ATTENTION_PAGE (page);
  const MoeModelInfo *info = moe_document_get_info (self->document);
  g_autoptr(GRegex) regex = g_regex_new ("^L([0-9]{1,5})H([0-9]{1,5})$", 0, 0, NULL);
  g_autoptr(GMatchInfo) match = NULL;

  if (info != NULL && g_str_equal (name, "head") && g_regex_match (regex, value, 0, &match))
    {
      g_autofree char *layer = g_match_info_fetch (match, 1);
      g_autofree char *head = g_match_info_fetch (match, 2);
      guint64 l = g_ascii_strtoull (layer, NULL, 10), h = g_ascii_strtoull (head, NULL, 10);

      if (l < info->n_layers && h < info->n_heads)
        {
          moe_document_select_head (self->document, (int) l, (int) h);
          return TRUE;
        }
    }
  g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "there is no %s called “%s”", name, value);
  return FALSE;
}

static void
on_cell_selected (MoeHeatmapView   *map,
                  int               row,
                  int               column,
                  MoeAttentionPage *self)
{
  const MoeAttentionText *text = self->result != NULL ? self->result->pattern->text : NULL;

  self->key = row < 0 ? -1 : column;
  if (text != NULL && row >= 0 && row < (int) text->n)
    moe_document_select_token (self->document, text->ids[row]);
  else
    moe_document_select_token (self->document, -1);
  show_selection (self);
}

static void
on_hover_changed (MoeHeatmapView   *map,
                  int               row,
                  int               column,
                  MoeAttentionPage *self)
{
  update_status (self, row, column);
}

/* --- class -------------------------------------------------------------------------------------------- */

static MoeExport *
get_export (MoePage *page)
{
  MoeAttentionPage *self = MOE_ATTENTION_PAGE (page);

  return self->result != NULL ? moe_attention_export_new (self->result) : NULL;
}

static void
reset_zoom (MoePage *page)
{
  moe_heatmap_view_reset_zoom (MOE_ATTENTION_PAGE (page)->map);
}

static void
connect (MoePage *page)
{
  MoeAttentionPage *self = MOE_ATTENTION_PAGE (page);

  self->document = moe_page_get_document (page);
  g_signal_connect_object (self->document, "recording-changed", G_CALLBACK (forget), self, G_CONNECT_SWAPPED);
}

static void
moe_attention_page_dispose (GObject *object)
{
  MoeAttentionPage *self = MOE_ATTENTION_PAGE (object);

  g_clear_pointer (&self->result, moe_attention_result_unref);
  g_clear_pointer (&self->asked_mask, moe_mask_unref);
  gtk_widget_dispose_template (GTK_WIDGET (self), MOE_TYPE_ATTENTION_PAGE);

  G_OBJECT_CLASS (moe_attention_page_parent_class)->dispose (object);
}

static void
moe_attention_page_class_init (MoeAttentionPageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  MoePageClass *page_class = MOE_PAGE_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = moe_attention_page_dispose;
  page_class->name = "attention";
  page_class->title = "Attention";
  page_class->connect = connect;
  page_class->refresh = refresh;
  page_class->rescan = rescan;
  page_class->get_export = get_export;
  page_class->reset_zoom = reset_zoom;
  page_class->set_option = set_option;

  g_type_ensure (MOE_TYPE_HEATMAP_VIEW);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/moescope/Moescope/moe-attention-page.ui");
  gtk_widget_class_bind_template_child (widget_class, MoeAttentionPage, layer);
  gtk_widget_class_bind_template_child (widget_class, MoeAttentionPage, head);
  gtk_widget_class_bind_template_child (widget_class, MoeAttentionPage, map);
  gtk_widget_class_set_css_name (widget_class, "attention-page");
}

static void
moe_attention_page_init (MoeAttentionPage *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  self->asked_layer = self->asked_head = self->key = -1;
  self->asked_token = -1;
  moe_heatmap_view_set_text_func (self->map, describe_cell, self);
  g_signal_connect_swapped (self->layer, "value-changed", G_CALLBACK (on_spin), self);
  g_signal_connect_swapped (self->head, "value-changed", G_CALLBACK (on_spin), self);
  g_signal_connect (self->map, "cell-selected", G_CALLBACK (on_cell_selected), self);
  g_signal_connect (self->map, "hover-changed", G_CALLBACK (on_hover_changed), self);
}
