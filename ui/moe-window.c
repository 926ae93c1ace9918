/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-window"

#include "ui/moe-window-private.h"

#include <string.h>

#include "ui/moe-text.h"

/* How long a note stays. */
#define NOTE_SECONDS 5

G_DEFINE_FINAL_TYPE (MoeWindow, moe_window, GTK_TYPE_APPLICATION_WINDOW)

/* --- notes and errors --------------------------------------------------------------------------------- */

static void
show_info (MoeWindow      *self,
           GtkMessageType  type,
           const char     *text)
{
  if (self->info_timeout != 0)
    g_source_remove (self->info_timeout);
  self->info_timeout = 0;
  gtk_info_bar_set_message_type (self->info_bar, type);
  gtk_label_set_text (self->info_label, text);
  gtk_info_bar_set_revealed (self->info_bar, TRUE);
}

static gboolean
on_info_timeout (gpointer user_data)
{
  MoeWindow *self = user_data;

  self->info_timeout = 0;
  gtk_info_bar_set_revealed (self->info_bar, FALSE);
  return G_SOURCE_REMOVE;
}

/* An error stays until it is closed or replaced. */
void
moe_window_show_error (MoeWindow  *self,
                       const char *message)
{
  g_autofree char *sentence = moe_text_sentence (message);

  show_info (self, GTK_MESSAGE_ERROR, sentence);
}

void
moe_window_show_note (MoeWindow  *self,
                      const char *text)
{
  show_info (self, GTK_MESSAGE_INFO, text);
  self->info_timeout = g_timeout_add_seconds (NOTE_SECONDS, on_info_timeout, self);
}

static void
on_info_response (GtkInfoBar *info_bar,
                  int         response,
                  MoeWindow  *self)
{
  gtk_info_bar_set_revealed (info_bar, FALSE);
}

/* --- title and buttons -------------------------------------------------------------------------------- */

/* "8 layers × 32 experts, top 4" */
static char *
summarise (const MoeModelInfo *info)
{
  GString *text = g_string_new (NULL);

  g_string_printf (text, "%u layers × %u experts, top %u", info->n_moe_layers, info->n_experts, info->n_used);
  if (info->n_shared > 0)
    g_string_append_printf (text, ", %u shared", info->n_shared);
  if (info->quantisation != NULL && *info->quantisation != '\0') /* unknown of an imported recording */
    g_string_append_printf (text, ", %s", info->quantisation);
  return g_string_free (text, FALSE);
}

static void
update_title (MoeWindow *self)
{
  const MoeModelInfo *info = moe_document_get_info (self->document);
  const char *path = moe_document_get_path (self->document);
  g_autofree char *name = NULL;
  g_autofree char *title = NULL;
  g_autofree char *subtitle = NULL;

  if (self->state == MOE_WINDOW_OPENING)
    {
      g_autofree char *opening = g_path_get_basename (self->opening);

      subtitle = g_strdup_printf ("Opening %s", opening);
    }
  else if (info != NULL)
    subtitle = summarise (info);

  if (path != NULL && moe_document_is_saved (self->document))
    {
      name = g_path_get_basename (path);
      title = g_strdup_printf ("%s – %s", name, info->name);
    }
  else if (info != NULL && *info->path != '\0')
    {
      name = g_path_get_basename (info->path);
      title = g_strdup_printf ("%s%s", name, moe_document_get_n_tokens (self->document) > 0 ? " – not saved"
                               : "");
    }

  gtk_label_set_text (self->title, title != NULL ? title : "Moescope");
  gtk_label_set_text (self->subtitle, subtitle != NULL ? subtitle : "");
  gtk_widget_set_visible (GTK_WIDGET (self->subtitle), subtitle != NULL);
  gtk_window_set_title (GTK_WINDOW (self), title != NULL ? title : "Moescope");
}

static void
update_buttons (MoeWindow *self)
{
  gboolean generating = self->state == MOE_WINDOW_GENERATING;
  guint n = moe_mask_get_n (moe_document_get_mask (self->document));
  g_autofree char *count = g_strdup_printf (n == 1 ? "%u intervention" : "%u interventions", n);

  gtk_button_set_label (self->generate_button, !generating ? "_Generate" : self->paused ? "_Go On"
                        : "_Pause");
  if (generating && !self->paused)
    gtk_widget_remove_css_class (GTK_WIDGET (self->generate_button), "suggested-action");
  else
    gtk_widget_add_css_class (GTK_WIDGET (self->generate_button), "suggested-action");
  gtk_widget_set_visible (GTK_WIDGET (self->progress), self->state == MOE_WINDOW_OPENING);
  gtk_menu_button_set_label (GTK_MENU_BUTTON (self->interventions_button), count);
  gtk_widget_set_visible (self->interventions_button, n > 0);
  gtk_widget_set_sensitive (GTK_WIDGET (self->mode), self->no_chat == NULL);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->mode),
                               self->no_chat != NULL ? self->no_chat
                                                     : "With the Model's Chat Template, or the Text as It "
                                                       "Is");
}

void
moe_window_update (MoeWindow *self)
{
  update_title (self);
  update_buttons (self);
  moe_window_update_actions (self);
}

gboolean
moe_window_is_raw (MoeWindow *self)
{
  return gtk_drop_down_get_selected (self->mode) == 1;
}

/* --- finding ------------------------------------------------------------------------------------------ */

static void
on_search (GtkSearchEntry *entry,
           MoeWindow      *self)
{
  const char *text = gtk_editable_get_text (GTK_EDITABLE (entry));
  gboolean found = *text == '\0' || moe_window_find (self, text);

  gtk_label_set_text (self->search_note, found ? "" : "There is no such expert or token.");
  if (found)
    gtk_widget_remove_css_class (GTK_WIDGET (entry), "error");
  else
    gtk_widget_add_css_class (GTK_WIDGET (entry), "error");
}

/* --- class -------------------------------------------------------------------------------------------- */

static void
on_page_changed (MoeWindow *self)
{
  GAction *action = g_action_map_lookup_action (G_ACTION_MAP (self), "page");
  const char *name = gtk_stack_get_visible_child_name (self->stack);

  /* While the window is torn down the stack has no page any more. */
  if (action == NULL || name == NULL)
    return;
  g_simple_action_set_state (G_SIMPLE_ACTION (action), g_variant_new_string (name));
  moe_window_update_actions (self);
}

static void
on_max_tokens_changed (MoeWindow *self)
{
  GAction *action = g_action_map_lookup_action (G_ACTION_MAP (self), "max-tokens");

  g_simple_action_set_state (G_SIMPLE_ACTION (action),
                             g_variant_new_int32 (gtk_spin_button_get_value_as_int (self->max_tokens)));
}

static void
on_prompt_activated (MoeWindow *self)
{
  gtk_widget_activate_action (GTK_WIDGET (self), "win.send", NULL);
}

static void
moe_window_dispose (GObject *object)
{
  MoeWindow *self = MOE_WINDOW (object);

  moe_window_keep_session (self);
  moe_window_stop_engine (self);
  g_clear_pointer (&self->session, g_free);
  g_clear_pointer (&self->last_export, g_free);
  if (self->info_timeout != 0)
    g_source_remove (self->info_timeout);
  self->info_timeout = 0;
  g_clear_object (&self->document);
  g_clear_pointer (&self->opening, g_free);
  g_clear_pointer (&self->no_chat, g_free);
  g_clear_pointer (&self->first_question, g_free);
  gtk_widget_dispose_template (GTK_WIDGET (self), MOE_TYPE_WINDOW);

  G_OBJECT_CLASS (moe_window_parent_class)->dispose (object);
}

static void
moe_window_class_init (MoeWindowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = moe_window_dispose;

  g_type_ensure (MOE_TYPE_INSPECTOR);
  g_type_ensure (MOE_TYPE_INTERVENTIONS_VIEW);
  g_type_ensure (MOE_TYPE_TOKEN_STRIP);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/moescope/Moescope/moe-window.ui");
  gtk_widget_class_bind_template_child (widget_class, MoeWindow, title);
  gtk_widget_class_bind_template_child (widget_class, MoeWindow, subtitle);
  gtk_widget_class_bind_template_child (widget_class, MoeWindow, interventions_button);
  gtk_widget_class_bind_template_child (widget_class, MoeWindow, info_bar);
  gtk_widget_class_bind_template_child (widget_class, MoeWindow, info_label);
  gtk_widget_class_bind_template_child (widget_class, MoeWindow, progress);
  gtk_widget_class_bind_template_child (widget_class, MoeWindow, search_bar);
  gtk_widget_class_bind_template_child (widget_class, MoeWindow, search_entry);
  gtk_widget_class_bind_template_child (widget_class, MoeWindow, search_note);
  gtk_widget_class_bind_template_child (widget_class, MoeWindow, stack);
  gtk_widget_class_bind_template_child (widget_class, MoeWindow, side);
  gtk_widget_class_bind_template_child (widget_class, MoeWindow, inspector);
  gtk_widget_class_bind_template_child (widget_class, MoeWindow, interventions);
  gtk_widget_class_bind_template_child (widget_class, MoeWindow, strip_frame);
  gtk_widget_class_bind_template_child (widget_class, MoeWindow, strip);
  gtk_widget_class_bind_template_child (widget_class, MoeWindow, prompt);
  gtk_widget_class_bind_template_child (widget_class, MoeWindow, mode);
  gtk_widget_class_bind_template_child (widget_class, MoeWindow, generate_button);
  gtk_widget_class_bind_template_child (widget_class, MoeWindow, stop_button);
  gtk_widget_class_bind_template_child (widget_class, MoeWindow, speed);
  gtk_widget_class_bind_template_child (widget_class, MoeWindow, temperature);
  gtk_widget_class_bind_template_child (widget_class, MoeWindow, top_p);
  gtk_widget_class_bind_template_child (widget_class, MoeWindow, top_k);
  gtk_widget_class_bind_template_child (widget_class, MoeWindow, seed);
  gtk_widget_class_bind_template_child (widget_class, MoeWindow, max_tokens);
}

static void
moe_window_init (MoeWindow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  self->document = moe_document_new ();
  moe_window_start_engine (self);
  moe_window_init_actions (self);

  moe_window_init_pages (self);
  moe_inspector_set_document (self->inspector, self->document);
  moe_interventions_view_set_document (self->interventions, self->document);
  moe_window_init_strip (self);

  gtk_search_bar_connect_entry (self->search_bar, GTK_EDITABLE (self->search_entry));
  g_signal_connect (self->search_entry, "activate", G_CALLBACK (on_search), self);
  g_signal_connect (self->search_entry, "next-match", G_CALLBACK (on_search), self);
  g_signal_connect (self->info_bar, "response", G_CALLBACK (on_info_response), self);
  g_signal_connect_swapped (self->prompt, "activate", G_CALLBACK (on_prompt_activated), self);
  g_signal_connect_swapped (self->max_tokens, "value-changed", G_CALLBACK (on_max_tokens_changed), self);
  g_signal_connect_object (self->stack, "notify::visible-child-name", G_CALLBACK (on_page_changed), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->document, "recording-changed", G_CALLBACK (moe_window_update), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->document, "model-changed", G_CALLBACK (moe_window_update), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->document, "selection-changed", G_CALLBACK (moe_window_update_actions), self,
                           G_CONNECT_SWAPPED);
  moe_window_update (self);
  gtk_widget_grab_focus (GTK_WIDGET (self->prompt));
}

MoeWindow *
moe_window_new (GtkApplication *application)
{
  return g_object_new (MOE_TYPE_WINDOW, "application", application, NULL);
}

/* Enough of a file to tell a recording (an SQLite file) from everything else, which is taken for a model and
 * refused by its reader if it is none. */
static gboolean
is_recording (const char *path)
{
  static const char magic[] = "SQLite format 3";
  char head[sizeof magic];
  FILE *file = fopen (path, "rb");
  gboolean same = file != NULL && fread (head, 1, sizeof head, file) == sizeof head &&
                  memcmp (head, magic, sizeof head) == 0;

  if (file != NULL)
    fclose (file);
  return same;
}

void
moe_window_open (MoeWindow  *self,
                 const char *path)
{
  g_return_if_fail (MOE_IS_WINDOW (self));
  g_return_if_fail (path != NULL);

  if (is_recording (path))
    moe_window_open_recording (self, path);
  else
    moe_window_open_model (self, path);
}

void
moe_window_open_and_ask (MoeWindow  *self,
                         const char *path,
                         const char *question)
{
  g_return_if_fail (MOE_IS_WINDOW (self));

  moe_window_open_model (self, path);
  self->first_question = g_strdup (question);
}

MoeDocument *
moe_window_get_document (MoeWindow *self)
{
  g_return_val_if_fail (MOE_IS_WINDOW (self), NULL);

  return self->document;
}

gboolean
moe_window_is_busy (MoeWindow *self)
{
  g_return_val_if_fail (MOE_IS_WINDOW (self), FALSE);

  return self->state != MOE_WINDOW_IDLE || self->loading != NULL || self->n_exports > 0
         || moe_window_pages_are_busy (self);
}
