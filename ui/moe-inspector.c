/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-inspector"

#include "ui/moe-inspector.h"

#include <math.h>

#include "ui/moe-bias-preview.h"
#include "ui/moe-drop-down.h"
#include "ui/moe-text.h"

struct _MoeInspector
{
  GtkWidget      parent_instance;

  MoeDocument   *document;
  MoeBiasPreview *bias_preview;
  guint          tick;
  gboolean       showing;    /* the controls are being set, not turned */
  gint64         searched;   /* tokens in which the selected expert's maximum was looked for */
  gint64         best_token; /* that has it, or -1 */
  float          best_max;
  guint          best_channel;

  GtkWidget     *box;
  GtkLabel      *title;
  GtkLabel      *hint;
  GtkWidget     *figures;
  GtkLabel      *share;
  GtkLabel      *hits;
  GtkLabel      *weight;
  GtkLabel      *norm;
  GtkLabel      *max;
  GtkLabel      *where;
  GtkLabel      *importance;
  GtkWidget     *controls;
  GtkToggleButton *disable;
  GtkDropDown   *disable_mode;
  GtkToggleButton *force;
  GtkDropDown   *force_mode;
  GtkSpinButton *bias;
  GtkLabel      *preview;
  GtkSpinButton *scale;
  GtkDropDown   *scope;
};

G_DEFINE_FINAL_TYPE (MoeInspector, moe_inspector, GTK_TYPE_WIDGET)

static const MoeMode disable_modes[] = { MOE_MODE_REFILL, MOE_MODE_DROP, MOE_MODE_ZERO };
static const MoeMode force_modes[] = { MOE_MODE_MAX, MOE_MODE_ADD };

/* --- figures ------------------------------------------------------------------------------------------ */

/* The value of @row, @column and its rank (1 = largest) among the row's experts. */
static double
look_up (MoeInspector *self,
         MoeMetric     metric,
         guint         row,
         guint         column,
         guint        *rank)
{
  const MoeModelInfo *info = moe_document_get_info (self->document);
  g_autofree double *map = moe_routing_stats_get_map (moe_document_get_stats (self->document), metric,
                                                      moe_document_get_phases (self->document));
  const double *values = map + (gsize) row * info->n_experts;

  *rank = 1;
  for (guint i = 0; i < info->n_experts; i++)
    if (values[i] > values[column])
      (*rank)++;
  return values[column];
}

static void
show_figure (GtkLabel *label,
             char     *text,
             double    value,
             guint     rank)
{
  g_autofree char *owned = text;
  g_autofree char *shown = isnan (value) ? g_strdup ("–") : g_strdup_printf ("%s   rank %u", text, rank);

  gtk_label_set_text (label, shown);
}

/* Looks for the token with the largest |down| of the selected expert in what came since the last time. */
static void
search_maximum (MoeInspector *self,
                guint         row,
                guint         column)
{
  gint64 n = moe_document_get_n_tokens (self->document);
  guint phases = moe_document_get_phases (self->document);
  gint64 id = MAX (self->searched, moe_document_get_first_token (self->document));

  for (; id < n; id++)
    {
      const MoeTokenRecord *record = moe_document_get_token (self->document, id)->record;

      if ((phases & MOE_PHASE_BIT (record->phase)) == 0)
        continue;
      for (guint k = 0; k < record->n_slots; k++)
        {
          gsize slot = (gsize) row * record->n_slots + k;

          if (record->experts[slot] == column && record->down_max[slot] > self->best_max)
            {
              self->best_token = id;
              self->best_max = record->down_max[slot];
              self->best_channel = record->down_channel[slot];
            }
        }
    }
  self->searched = n;
}

static void
show_place (MoeInspector *self,
            double        maximum)
{
  const MoeDocumentToken *token = self->best_token >= 0
                                  ? moe_document_get_token (self->document, self->best_token)
                                                        : NULL;

  if (token != NULL && self->best_max >= (float) maximum)
    {
      g_autofree char *quoted = moe_text_token (token->text);
      g_autofree char *text = g_strdup_printf ("channel %u, token %s", self->best_channel, quoted);

      gtk_label_set_text (self->where, text);
    }
  else
    gtk_label_set_text (self->where, isnan (maximum) || maximum == 0 ? "–"
                        : "an earlier token, in the recording");
}

static void
show_figures (MoeInspector *self)
{
  const MoeModelInfo *info = moe_document_get_info (self->document);
  const MoeSelection *selection = moe_document_get_selection (self->document);
  int row = info != NULL && selection->has_expert
            ? moe_model_info_find_moe_layer (info, (guint) selection->layer) : -1;
  gboolean shown = row >= 0 && selection->expert >= 0 && selection->expert < (int) info->n_experts;
  g_autofree char *title = NULL;
  gboolean measured;
  const char *reason;
  guint column;

  measured = shown && moe_document_get_stats (self->document) != NULL &&
             moe_routing_stats_get_n_tokens (moe_document_get_stats (self->document),
                                             moe_document_get_phases (self->document)) > 0;
  gtk_widget_set_visible (self->figures, measured);
  gtk_widget_set_visible (self->controls, shown);
  if (!shown)
    {
      gtk_label_set_text (self->title, "No Expert Selected");
      gtk_label_set_text (self->hint, "Click a cell of the map, or find one with Ctrl+F.");
      gtk_widget_set_visible (GTK_WIDGET (self->hint), TRUE);
      return;
    }

  title = g_strdup_printf ("Layer %d, Expert %d", selection->layer, selection->expert);
  gtk_label_set_text (self->title, title);
  if (!moe_document_can_intervene (self->document, &reason))
    gtk_label_set_text (self->hint, reason);
  else if (!measured)
    gtk_label_set_text (self->hint, "No tokens of this phase have been recorded.");
  gtk_widget_set_visible (GTK_WIDGET (self->hint), !measured ||
                          !moe_document_can_intervene (self->document, NULL));
  gtk_widget_set_sensitive (self->controls, moe_document_can_intervene (self->document, NULL));

  column = (guint) selection->expert;
  if (measured)
    {
      double value;
      guint rank;

      value = look_up (self, MOE_METRIC_SHARE, (guint) row, column, &rank);
      show_figure (self->share, moe_text_percent (value), value, rank);
      value = look_up (self, MOE_METRIC_HITS, (guint) row, column, &rank);
      {
        g_autofree char *hits = moe_text_count ((gint64) value);
        g_autofree char *all = moe_text_count (moe_routing_stats_get_n_tokens (
                                                 moe_document_get_stats (self->document),
                                                 moe_document_get_phases (self->document)));
        g_autofree char *text = g_strdup_printf ("%s of %s", hits, all);

        gtk_label_set_text (self->hits, text);
      }
      value = look_up (self, MOE_METRIC_MEAN_WEIGHT, (guint) row, column, &rank);
      show_figure (self->weight, moe_text_number (value), value, rank);
      value = look_up (self, MOE_METRIC_MEAN_DOWN_NORM, (guint) row, column, &rank);
      show_figure (self->norm, moe_text_number (value), value, rank);
      value = look_up (self, MOE_METRIC_IMPORTANCE, (guint) row, column, &rank);
      show_figure (self->importance, moe_text_number (value), value, rank);
      value = look_up (self, MOE_METRIC_MAX_DOWN, (guint) row, column, &rank);
      show_figure (self->max, moe_text_number (value), value, rank);
      search_maximum (self, (guint) row, column);
      show_place (self, value);
    }
}

/* --- controls ----------------------------------------------------------------------------------------- */

static const MoeIntervention *
find_present (MoeInspector *self,
              MoeAction     action)
{
  const MoeSelection *selection = moe_document_get_selection (self->document);
  MoeMask *mask = moe_document_get_mask (self->document);
  int index = mask != NULL && selection->has_expert
                ? moe_mask_find (mask, selection->layer, selection->expert, action) : -1;

  return index >= 0 ? moe_mask_get (mask, (guint) index) : NULL;
}

static guint
mode_index (const MoeMode *modes,
            guint          n,
            MoeMode        mode)
{
  for (guint i = 0; i < n; i++)
    if (modes[i] == mode)
      return i;
  return 0;
}

/* What the bias does, once somebody cares for it. */
static void
show_preview (MoeInspector *self)
{
  g_autofree char *text = NULL;

  if (self->document == NULL)
    return;
  if (gtk_spin_button_get_value (self->bias) != 0
      || (gtk_widget_get_state_flags (GTK_WIDGET (self->bias)) & GTK_STATE_FLAG_FOCUS_WITHIN) != 0)
    {
      moe_bias_preview_request (self->bias_preview);
      text = moe_bias_preview_describe (self->bias_preview, gtk_spin_button_get_value (self->bias),
                                        (MoeScope) gtk_drop_down_get_selected (self->scope));
    }
  gtk_label_set_text (self->preview, text != NULL ? text : "");
  gtk_widget_set_visible (GTK_WIDGET (self->preview), text != NULL);
}

static void
show_controls (MoeInspector *self)
{
  const MoeIntervention *disabled = find_present (self, MOE_ACTION_DISABLE);
  const MoeIntervention *forced = find_present (self, MOE_ACTION_FORCE);
  const MoeIntervention *biased = find_present (self, MOE_ACTION_BIAS);
  const MoeIntervention *scaled = find_present (self, MOE_ACTION_SCALE);
  const MoeIntervention *any = disabled != NULL ? disabled : forced != NULL ? forced : biased != NULL ? biased
                               : scaled;

  self->showing = TRUE;
  gtk_toggle_button_set_active (self->disable, disabled != NULL);
  gtk_toggle_button_set_active (self->force, forced != NULL);
  if (disabled != NULL)
    gtk_drop_down_set_selected (self->disable_mode,
                                mode_index (disable_modes, G_N_ELEMENTS (disable_modes), disabled->mode));
  if (forced != NULL)
    gtk_drop_down_set_selected (self->force_mode,
                                mode_index (force_modes, G_N_ELEMENTS (force_modes), forced->mode));
  gtk_spin_button_set_value (self->bias, biased != NULL ? biased->value : 0);
  gtk_spin_button_set_value (self->scale, scaled != NULL ? scaled->value : 1);
  if (any != NULL)
    gtk_drop_down_set_selected (self->scope, any->scope);
  self->showing = FALSE;
  show_preview (self);
}

static void
intervene (MoeInspector *self,
           MoeAction     action,
           MoeMode       mode,
           double        value)
{
  const MoeSelection *selection = moe_document_get_selection (self->document);
  gboolean merge = find_present (self, action) != NULL &&
                   (action == MOE_ACTION_BIAS || action == MOE_ACTION_SCALE);
  g_autoptr(GError) error = NULL;
  MoeIntervention intervention = {
    .layer = selection->layer,
    .expert = selection->expert,
    .action = action,
    .mode = mode,
    .value = (float) value,
    .scope = (MoeScope) gtk_drop_down_get_selected (self->scope),
  };

  if (!selection->has_expert)
    return;
  if (!moe_document_intervene (self->document, &intervention, merge, &error))
    {
      gtk_widget_activate_action (GTK_WIDGET (self), "win.show-error", "s", error->message);
      show_controls (self);
    }
}

static void
release (MoeInspector *self,
         MoeAction     action)
{
  const MoeSelection *selection = moe_document_get_selection (self->document);

  if (selection->has_expert)
    moe_document_release (self->document, selection->layer, selection->expert, action);
}

static void
on_toggled (GtkToggleButton *button,
            MoeInspector    *self)
{
  MoeAction action = button == self->disable ? MOE_ACTION_DISABLE : MOE_ACTION_FORCE;

  if (self->showing)
    return;
  if (!gtk_toggle_button_get_active (button))
    release (self, action);
  else if (action == MOE_ACTION_DISABLE)
    intervene (self, action, disable_modes[gtk_drop_down_get_selected (self->disable_mode)], 0);
  else
    intervene (self, action, force_modes[gtk_drop_down_get_selected (self->force_mode)], 0);
}

/* A mode chosen while the intervention is on changes it. */
static void
on_mode (GtkDropDown  *drop_down,
         GParamSpec   *pspec,
         MoeInspector *self)
{
  GtkToggleButton *button = drop_down == self->disable_mode ? self->disable : self->force;

  if (!self->showing && gtk_toggle_button_get_active (button))
    on_toggled (button, self);
}

static void
on_value (GtkSpinButton *spin,
          MoeInspector  *self)
{
  MoeAction action = spin == self->bias ? MOE_ACTION_BIAS : MOE_ACTION_SCALE;
  double value = gtk_spin_button_get_value (spin);
  double neutral = action == MOE_ACTION_BIAS ? 0 : 1;

  if (self->showing)
    return;
  /* The steps of the button are hundredths; anything nearer is meant to be neutral. */
  if (fabs (value - neutral) < 0.005)
    release (self, action);
  else
    intervene (self, action, MOE_MODE_NONE, value);
}

static void
on_bias_focus (GtkSpinButton *spin,
               GtkStateFlags  before,
               MoeInspector  *self)
{
  if (((before ^ gtk_widget_get_state_flags (GTK_WIDGET (spin))) & GTK_STATE_FLAG_FOCUS_WITHIN) != 0)
    show_preview (self);
}

static void
on_scope (GtkDropDown  *drop_down,
          GParamSpec   *pspec,
          MoeInspector *self)
{
  static const MoeAction actions[] = { MOE_ACTION_DISABLE, MOE_ACTION_FORCE, MOE_ACTION_BIAS,
                                       MOE_ACTION_SCALE };

  if (self->showing)
    return;
  for (guint i = 0; i < G_N_ELEMENTS (actions); i++)
    {
      const MoeIntervention *present = find_present (self, actions[i]);

      if (present != NULL)
        {
          /* A copy: the mask it points into is replaced. */
          MoeIntervention kept = *present;

          intervene (self, kept.action, kept.mode, kept.value);
        }
    }
  show_preview (self);
}

void
moe_inspector_toggle (MoeInspector *self,
                      MoeAction     action)
{
  GtkToggleButton *button = action == MOE_ACTION_DISABLE ? self->disable : self->force;

  g_return_if_fail (MOE_IS_INSPECTOR (self));
  g_return_if_fail (action == MOE_ACTION_DISABLE || action == MOE_ACTION_FORCE);

  if (moe_document_get_selection (self->document)->has_expert &&
      moe_document_can_intervene (self->document, NULL))
    gtk_toggle_button_set_active (button, !gtk_toggle_button_get_active (button));
}

void
moe_inspector_focus_bias (MoeInspector *self)
{
  g_return_if_fail (MOE_IS_INSPECTOR (self));

  gtk_widget_grab_focus (GTK_WIDGET (self->bias));
}

/* --- changes of the document -------------------------------------------------------------------------- */

static gboolean
on_tick (GtkWidget     *widget,
         GdkFrameClock *clock,
         gpointer       user_data)
{
  MoeInspector *self = MOE_INSPECTOR (widget);

  self->tick = 0;
  show_figures (self);
  return G_SOURCE_REMOVE;
}

static void
queue_figures (MoeInspector *self)
{
  if (self->tick == 0)
    self->tick = gtk_widget_add_tick_callback (GTK_WIDGET (self), on_tick, NULL, NULL);
}

/* The maximum is looked for from the start. */
static void
on_changed (MoeInspector *self)
{
  self->searched = 0;
  self->best_token = -1;
  self->best_max = -1;
  show_figures (self);
  show_controls (self);
}

/* --- class -------------------------------------------------------------------------------------------- */

static void
moe_inspector_dispose (GObject *object)
{
  MoeInspector *self = MOE_INSPECTOR (object);

  if (self->tick != 0)
    gtk_widget_remove_tick_callback (GTK_WIDGET (self), self->tick);
  self->tick = 0;
  g_clear_object (&self->bias_preview);
  g_clear_object (&self->document);
  gtk_widget_dispose_template (GTK_WIDGET (self), MOE_TYPE_INSPECTOR);

  G_OBJECT_CLASS (moe_inspector_parent_class)->dispose (object);
}

static void
moe_inspector_class_init (MoeInspectorClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = moe_inspector_dispose;

  gtk_widget_class_set_template_from_resource (widget_class, "/org/moescope/Moescope/moe-inspector.ui");
  gtk_widget_class_bind_template_child (widget_class, MoeInspector, box);
  gtk_widget_class_bind_template_child (widget_class, MoeInspector, title);
  gtk_widget_class_bind_template_child (widget_class, MoeInspector, hint);
  gtk_widget_class_bind_template_child (widget_class, MoeInspector, figures);
  gtk_widget_class_bind_template_child (widget_class, MoeInspector, share);
  gtk_widget_class_bind_template_child (widget_class, MoeInspector, hits);
  gtk_widget_class_bind_template_child (widget_class, MoeInspector, weight);
  gtk_widget_class_bind_template_child (widget_class, MoeInspector, norm);
  gtk_widget_class_bind_template_child (widget_class, MoeInspector, max);
  gtk_widget_class_bind_template_child (widget_class, MoeInspector, where);
  gtk_widget_class_bind_template_child (widget_class, MoeInspector, importance);
  gtk_widget_class_bind_template_child (widget_class, MoeInspector, controls);
  gtk_widget_class_bind_template_child (widget_class, MoeInspector, disable);
  gtk_widget_class_bind_template_child (widget_class, MoeInspector, disable_mode);
  gtk_widget_class_bind_template_child (widget_class, MoeInspector, force);
  gtk_widget_class_bind_template_child (widget_class, MoeInspector, force_mode);
  gtk_widget_class_bind_template_child (widget_class, MoeInspector, bias);
  gtk_widget_class_bind_template_child (widget_class, MoeInspector, preview);
  gtk_widget_class_bind_template_child (widget_class, MoeInspector, scale);
  gtk_widget_class_bind_template_child (widget_class, MoeInspector, scope);
  gtk_widget_class_set_css_name (widget_class, "inspector");
}

static void
moe_inspector_init (MoeInspector *self)
{
  static const char *const disable_titles[] = { "Refill", "Drop", "Zero", NULL };
  static const char *const force_titles[] = { "Max", "Add", NULL };
  static const char *const scope_titles[] = { "All Tokens", "Prompt", "Answer", NULL };

  gtk_widget_init_template (GTK_WIDGET (self));
  self->best_token = -1;
  self->best_max = -1;

  moe_drop_down_set_choices (self->disable_mode, disable_titles);
  moe_drop_down_set_choices (self->force_mode, force_titles);
  moe_drop_down_set_choices (self->scope, scope_titles);
  g_signal_connect (self->disable, "toggled", G_CALLBACK (on_toggled), self);
  g_signal_connect (self->force, "toggled", G_CALLBACK (on_toggled), self);
  g_signal_connect (self->disable_mode, "notify::selected", G_CALLBACK (on_mode), self);
  g_signal_connect (self->force_mode, "notify::selected", G_CALLBACK (on_mode), self);
  g_signal_connect (self->bias, "value-changed", G_CALLBACK (on_value), self);
  g_signal_connect (self->bias, "state-flags-changed", G_CALLBACK (on_bias_focus), self);
  g_signal_connect (self->scale, "value-changed", G_CALLBACK (on_value), self);
  g_signal_connect (self->scope, "notify::selected", G_CALLBACK (on_scope), self);
}

void
moe_inspector_set_document (MoeInspector *self,
                            MoeDocument  *document)
{
  g_return_if_fail (MOE_IS_INSPECTOR (self));
  g_return_if_fail (self->document == NULL);

  self->document = g_object_ref (document);
  self->bias_preview = moe_bias_preview_new (document);
  g_signal_connect_object (self->bias_preview, "changed", G_CALLBACK (show_preview), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (document, "recording-changed", G_CALLBACK (on_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (document, "model-changed", G_CALLBACK (on_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (document, "phases-changed", G_CALLBACK (on_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (document, "selection-changed", G_CALLBACK (on_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (document, "mask-changed", G_CALLBACK (show_controls), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (document, "tokens-added", G_CALLBACK (queue_figures), self, G_CONNECT_SWAPPED);
  on_changed (self);
}
