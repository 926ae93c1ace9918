/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-live-page"

#include "ui/moe-live-page.h"

#include <math.h>
#include <string.h>

#include "ui/moe-conversation-view.h"
#include "ui/moe-heatmap-view.h"
#include "ui/moe-prompt-view.h"
#include "ui/moe-text.h"

#define HINT "Each token lights up the experts it is routed to. Click a cell to select its expert, " \
             "double click to disable it."

struct _MoeLivePage
{
  MoePage         parent_instance;

  MoeDocument    *document;  /* of the page */
  gint64          lit;       /* tokens before this one have flashed */

  MoeConversationView *conversation;
  GtkLabel       *token_title;
  GtkLabel       *token_details;
  GtkLabel       *candidates_note;
  GtkGrid        *candidates;
  GtkWidget      *candidate_text[MOE_ENGINE_N_CANDIDATES];
  GtkWidget      *candidate_bar[MOE_ENGINE_N_CANDIDATES];
  GtkWidget      *candidate_share[MOE_ENGINE_N_CANDIDATES];
  GtkToggleButton *prompt_toggle;
  GtkStack       *lower;     /* the map or the prompt */
  MoeHeatmapView *map;
  MoePromptView  *prompt;
};

G_DEFINE_FINAL_TYPE (MoeLivePage, moe_live_page, MOE_TYPE_PAGE)

/* --- the current token -------------------------------------------------------------------------------- */

static void
show_candidates (MoeLivePage            *self,
                 const MoeDocumentToken *token)
{
  guint n = token != NULL ? token->n_candidates : 0;

  for (guint i = 0; i < MOE_ENGINE_N_CANDIDATES; i++)
    {
      gboolean shown = i < n;

      gtk_widget_set_visible (self->candidate_text[i], shown);
      gtk_widget_set_visible (self->candidate_bar[i], shown);
      gtk_widget_set_visible (self->candidate_share[i], shown);
      if (shown)
        {
          const MoeEngineCandidate *candidate = &token->candidates[i];
          g_autofree char *text = moe_text_token (candidate->text);
          g_autofree char *share = moe_text_percent (candidate->probability);

          gtk_label_set_text (GTK_LABEL (self->candidate_text[i]), text);
          gtk_label_set_text (GTK_LABEL (self->candidate_share[i]), share);
          gtk_level_bar_set_value (GTK_LEVEL_BAR (self->candidate_bar[i]),
                                   CLAMP (candidate->probability, 0, 1));
          if (candidate->token == token->record->token_id)
            gtk_widget_add_css_class (self->candidate_text[i], "chosen");
          else
            gtk_widget_remove_css_class (self->candidate_text[i], "chosen");
        }
    }

  if (token == NULL)
    gtk_label_set_text (self->candidates_note, "");
  else if (n > 0)
    {
      g_autofree char *entropy = moe_text_number (token->entropy);
      g_autofree char *kl = moe_text_number (token->kl);
      g_autofree char *text = isnan (token->kl) ? g_strdup_printf ("entropy %s nats", entropy)
                                                : g_strdup_printf ("entropy %s nats\nKL to the plain run %s "
                                                                   "nats", entropy, kl);

      gtk_label_set_text (self->candidates_note, text);
    }
  else
    gtk_label_set_text (self->candidates_note,
                        token->record->phase == MOE_PHASE_ANSWER || token->record->phase == MOE_PHASE_THINKING
                          ? "Candidates are kept for the running session only."
                          : "A prompt token was given, not chosen.");
}

static void
show_token (MoeLivePage            *self,
            const MoeDocumentToken *token)
{
  g_autofree char *title = NULL;
  g_autofree char *details = NULL;
  g_autofree char *logprob = NULL;
  g_autofree char *text = NULL;

  if (token == NULL)
    {
      gtk_label_set_text (self->token_title, "No token");
      gtk_label_set_text (self->token_details, "");
      return;
    }

  text = moe_text_token (token->text);
  title = g_strdup_printf ("%s %s", moe_document_get_selection (self->document)->token >= 0 ? "Selected"
                           : "Latest", text);
  logprob = moe_text_number (token->record->logprob);
  details = g_strdup_printf ("position %u, id %d, %s\nlog-probability %s", token->record->position,
                             token->record->token_id, moe_phase_get_name (token->record->phase), logprob);
  gtk_label_set_text (self->token_title, title);
  gtk_label_set_text (self->token_details, details);
}

/* The experts of one token, in the values of a map. @values: (n_moe_layers, n_experts), NaN = not routed. */
static void
fill_values (const MoeModelInfo   *info,
             const MoeTokenRecord *record,
             double               *values)
{
  for (gsize i = 0; i < (gsize) info->n_moe_layers * info->n_experts; i++)
    values[i] = NAN;
  if (record == NULL)
    return;
  for (guint l = 0; l < MIN (record->n_moe_layers, info->n_moe_layers); l++)
    for (guint k = 0; k < record->n_slots; k++)
      {
        guint expert = record->experts[l * record->n_slots + k];

        if (expert < info->n_experts)
          values[l * info->n_experts + expert] = moe_half_to_float (record->weights[l * record->n_slots + k]);
      }
}

/* All experts that were used since the last frame light up. */
static void
flash_new_tokens (MoeLivePage        *self,
                  const MoeModelInfo *info)
{
  gint64 n = moe_document_get_n_tokens (self->document);
  gint64 first = MAX (self->lit, n - 64);
  g_autofree guint8 *flash = NULL;

  if (first >= n || !moe_document_is_live (self->document))
    {
      self->lit = n;
      return;
    }

  flash = g_new0 (guint8, (gsize) info->n_moe_layers * info->n_experts);
  for (gint64 id = first; id < n; id++)
    {
      const MoeDocumentToken *token = moe_document_get_token (self->document, id);

      for (guint l = 0; token != NULL && l < MIN (token->record->n_moe_layers, info->n_moe_layers); l++)
        for (guint k = 0; k < token->record->n_slots; k++)
          {
            guint expert = token->record->experts[l * token->record->n_slots + k];

            if (expert < info->n_experts)
              flash[l * info->n_experts + expert] = 255;
          }
    }
  self->lit = n;
  moe_heatmap_view_set_flash (self->map, flash);
}

static void
show_map (MoeLivePage            *self,
          const MoeDocumentToken *token)
{
  const MoeModelInfo *info = moe_document_get_info (self->document);
  const MoeSelection *selection = moe_document_get_selection (self->document);
  g_autofree double *values = NULL;
  g_autofree gint *rows = NULL;
  g_autofree guint8 *marks = NULL;
  MoeHeatmapPlot plot;

  moe_heatmap_plot_init (&plot);
  plot.title = "Experts of the Current Token";
  plot.row_title = "layer";
  plot.column_title = "expert";
  plot.value_title = "gate weight";
  plot.unit = "";
  plot.marginals = FALSE;
  plot.empty_text = info == NULL ? "Open a model to see its experts"
  : "Generate to see which experts each token uses";
  if (info != NULL)
    {
      plot.n_rows = info->n_moe_layers;
      plot.n_columns = info->n_experts;
      rows = g_new (gint, info->n_moe_layers);
      for (guint i = 0; i < info->n_moe_layers; i++)
        rows[i] = (gint) info->moe_layers[i];
      plot.row_numbers = rows;
      if (token != NULL)
        {
          values = g_new (double, (gsize) info->n_moe_layers * info->n_experts);
          fill_values (info, token->record, values);
          plot.values = values;
        }
    }
  moe_heatmap_view_set_plot (self->map, &plot);
  if (info == NULL)
    return;

  marks = moe_document_get_marks (self->document);
  moe_heatmap_view_set_marked (self->map, marks);
  if (selection->has_expert)
    moe_heatmap_view_select (self->map, moe_model_info_find_moe_layer (info, (guint) selection->layer),
                             selection->expert);
  else
    moe_heatmap_view_select (self->map, -1, -1);
  flash_new_tokens (self, info);
}

static char *
describe_cell (guint    row,
               guint    column,
               gpointer user_data)
{
  MoeLivePage *self = user_data;
  const MoeModelInfo *info = moe_document_get_info (self->document);
  const MoeDocumentToken *token = moe_document_get_current (self->document);
  const MoeTokenRecord *record;

  if (info == NULL || row >= info->n_moe_layers)
    return g_strdup ("");
  if (token == NULL)
    return g_strdup_printf ("layer %u, expert %u", info->moe_layers[row], column);

  record = token->record;
  for (guint k = 0; k < record->n_slots; k++)
    {
      gsize slot = (gsize) row * record->n_slots + k;

      if (record->experts[slot] == column)
        {
          g_autofree char *weight = moe_text_number (moe_half_to_float (record->weights[slot]));
          g_autofree char *max = moe_text_number (record->down_max[slot]);

          return g_strdup_printf ("layer %u, expert %u: choice %u of %u, weight %s, max |down| %s in channel "
                                  "%u", info->moe_layers[row], column, k + 1, record->n_slots, weight, max,
                                  record->down_channel[slot]);
        }
    }
  return g_strdup_printf ("layer %u, expert %u: not chosen for this token", info->moe_layers[row], column);
}

static void
refresh (MoePage *page)
{
  MoeLivePage *self = MOE_LIVE_PAGE (page);
  const MoeDocumentToken *token = moe_document_get_current (self->document);

  show_token (self, token);
  show_candidates (self, token);
  show_map (self, token);
  moe_prompt_view_refresh (self->prompt);
}

static void
on_recording_changed (MoeDocument *document,
                      MoeLivePage *self)
{
  self->lit = moe_document_get_n_tokens (document);
}

/* --- signals of the map ------------------------------------------------------------------------------- */

static void
on_cell_selected (MoeHeatmapView *map,
                  int             row,
                  int             column,
                  MoeLivePage    *self)
{
  const MoeModelInfo *info = moe_document_get_info (self->document);

  if (info == NULL)
    return;
  if (row < 0 || row >= (int) info->n_moe_layers)
    moe_document_unselect_expert (self->document);
  else
    moe_document_select_expert (self->document, (int) info->moe_layers[row], column);
}

static void
on_cell_activated (MoeHeatmapView *map,
                   int             row,
                   int             column,
                   MoeLivePage    *self)
{
  on_cell_selected (map, row, column, self);
  gtk_widget_activate_action (GTK_WIDGET (self), "win.disable-selected", NULL);
}

static void
on_hover_changed (MoeHeatmapView *map,
                  int             row,
                  int             column,
                  MoeLivePage    *self)
{
  g_autofree char *text = NULL;

  if (row >= 0 && column >= 0)
    text = describe_cell ((guint) row, (guint) column, self);
  moe_page_set_status (MOE_PAGE (self), text != NULL ? text : HINT);
}

static void
on_prompt_toggled (MoeLivePage *self)
{
  gtk_stack_set_visible_child (self->lower, gtk_toggle_button_get_active (self->prompt_toggle)
                               ? GTK_WIDGET (self->prompt) : GTK_WIDGET (self->map));
}

/* --- class -------------------------------------------------------------------------------------------- */

static void
connect (MoePage *page)
{
  MoeLivePage *self = MOE_LIVE_PAGE (page);

  self->document = moe_page_get_document (page);
  g_signal_connect_object (self->document, "recording-changed", G_CALLBACK (on_recording_changed), self, 0);
  moe_conversation_view_set_document (self->conversation, self->document);
  moe_prompt_view_set_document (self->prompt, self->document);
}

static void
moe_live_page_dispose (GObject *object)
{
  gtk_widget_dispose_template (GTK_WIDGET (object), MOE_TYPE_LIVE_PAGE);

  G_OBJECT_CLASS (moe_live_page_parent_class)->dispose (object);
}

static void
moe_live_page_class_init (MoeLivePageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  MoePageClass *page_class = MOE_PAGE_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = moe_live_page_dispose;
  page_class->name = "live";
  page_class->title = "Live";
  page_class->connect = connect;
  page_class->refresh = refresh;

  g_type_ensure (MOE_TYPE_CONVERSATION_VIEW);
  g_type_ensure (MOE_TYPE_HEATMAP_VIEW);
  g_type_ensure (MOE_TYPE_PROMPT_VIEW);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/moescope/Moescope/moe-live-page.ui");
  gtk_widget_class_bind_template_child (widget_class, MoeLivePage, conversation);
  gtk_widget_class_bind_template_child (widget_class, MoeLivePage, token_title);
  gtk_widget_class_bind_template_child (widget_class, MoeLivePage, token_details);
  gtk_widget_class_bind_template_child (widget_class, MoeLivePage, candidates);
  gtk_widget_class_bind_template_child (widget_class, MoeLivePage, candidates_note);
  gtk_widget_class_bind_template_child (widget_class, MoeLivePage, prompt_toggle);
  gtk_widget_class_bind_template_child (widget_class, MoeLivePage, lower);
  gtk_widget_class_bind_template_child (widget_class, MoeLivePage, map);
  gtk_widget_class_bind_template_child (widget_class, MoeLivePage, prompt);
  gtk_widget_class_set_css_name (widget_class, "live-page");
}

static void
moe_live_page_init (MoeLivePage *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));

  moe_page_set_status (MOE_PAGE (self), HINT);
  for (guint i = 0; i < MOE_ENGINE_N_CANDIDATES; i++)
    {
      self->candidate_text[i] = gtk_label_new (NULL);
      gtk_label_set_xalign (GTK_LABEL (self->candidate_text[i]), 0);
      gtk_label_set_ellipsize (GTK_LABEL (self->candidate_text[i]), PANGO_ELLIPSIZE_END);
      gtk_label_set_width_chars (GTK_LABEL (self->candidate_text[i]), 10);
      gtk_label_set_max_width_chars (GTK_LABEL (self->candidate_text[i]), 12);
      self->candidate_bar[i] = gtk_level_bar_new ();
      gtk_widget_set_hexpand (self->candidate_bar[i], TRUE);
      gtk_widget_set_valign (self->candidate_bar[i], GTK_ALIGN_CENTER);
      self->candidate_share[i] = gtk_label_new (NULL);
      gtk_label_set_xalign (GTK_LABEL (self->candidate_share[i]), 1);
      gtk_label_set_width_chars (GTK_LABEL (self->candidate_share[i]), 7);
      gtk_widget_add_css_class (self->candidate_share[i], "numeric");
      gtk_grid_attach (self->candidates, self->candidate_text[i], 0, (int) i, 1, 1);
      gtk_grid_attach (self->candidates, self->candidate_bar[i], 1, (int) i, 1, 1);
      gtk_grid_attach (self->candidates, self->candidate_share[i], 2, (int) i, 1, 1);
    }

  g_signal_connect_swapped (self->prompt_toggle, "toggled", G_CALLBACK (on_prompt_toggled), self);
  moe_heatmap_view_set_text_func (self->map, describe_cell, self);
  g_signal_connect (self->map, "cell-selected", G_CALLBACK (on_cell_selected), self);
  g_signal_connect (self->map, "cell-activated", G_CALLBACK (on_cell_activated), self);
  g_signal_connect (self->map, "hover-changed", G_CALLBACK (on_hover_changed), self);
}
