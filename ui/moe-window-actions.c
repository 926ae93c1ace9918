/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-window-actions"

#include "ui/moe-window-private.h"

#include "data/moe-mask-file.h"
#include "data/moe-recording-copy.h"
#include "ui/moe-file-dialog.h"

/* An action that writes or reads a file takes its path; the empty string asks for it. */

static const char *
get_path (GVariant *parameter)
{
  const char *path = g_variant_get_string (parameter, NULL);

  return *path != '\0' ? path : NULL;
}

/* --- opening and saving ------------------------------------------------------------------------------- */

static void
open_chosen (const char *path,
             gpointer    user_data)
{
  moe_window_open (user_data, path);
}

static void
action_open (GSimpleAction *action,
             GVariant      *parameter,
             gpointer       user_data)
{
  const char *path = get_path (parameter);

  if (path != NULL)
    moe_window_open (user_data, path);
  else
    moe_file_dialog_open (user_data, "Open a Model or a Recording", NULL, open_chosen, user_data);
}

static void
action_open_model (GSimpleAction *action,
                   GVariant      *parameter,
                   gpointer       user_data)
{
  moe_file_dialog_open (user_data, "Open a Model", "*.gguf", open_chosen, user_data);
}

static void
action_open_recording (GSimpleAction *action,
                       GVariant      *parameter,
                       gpointer       user_data)
{
  moe_file_dialog_open (user_data, "Open a Recording", "*.moescope", open_chosen, user_data);
}

static void
copy_thread (GTask        *task,
             gpointer      source,
             gpointer      task_data,
             GCancellable *cancellable)
{
  char **paths = task_data;
  GError *error = NULL;

  if (moe_recording_copy (paths[0], paths[1], &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
on_copied (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  g_autoptr(GError) error = NULL;

  if (g_task_propagate_boolean (G_TASK (result), &error))
    moe_window_show_note (MOE_WINDOW (source), "Saved a copy of the recording.");
  else
    moe_window_show_error (MOE_WINDOW (source), error->message);
}

static void
save_chosen (const char *path,
             gpointer    user_data)
{
  MoeWindow *self = user_data;

  if (moe_document_is_live (self->document))
    moe_window_save_recording (self, path);
  else if (moe_document_get_path (self->document) != NULL)
    {
      g_autoptr(GTask) task = g_task_new (self, NULL, on_copied, NULL);
      char **paths = g_new0 (char *, 3);

      paths[0] = g_strdup (moe_document_get_path (self->document));
      paths[1] = g_strdup (path);
      g_task_set_task_data (task, paths, (GDestroyNotify) g_strfreev);
      g_task_run_in_thread (task, copy_thread);
    }
}

static void
action_save_recording (GSimpleAction *action,
                       GVariant      *parameter,
                       gpointer       user_data)
{
  MoeWindow *self = user_data;
  const char *path = get_path (parameter);

  if (moe_document_get_n_tokens (self->document) == 0)
    moe_window_show_error (self, "nothing has been recorded yet");
  else if (path != NULL)
    save_chosen (path, self);
  else
    moe_file_dialog_save (GTK_WINDOW (self), "Save the Recording", "conversation.moescope", save_chosen,
                          self);
}

static void
action_new_conversation (GSimpleAction *action,
                         GVariant      *parameter,
                         gpointer       user_data)
{
  moe_window_reset (user_data);
}

/* --- generating --------------------------------------------------------------------------------------- */

static void
send_entry (MoeWindow *self)
{
  g_autofree char *text = g_strdup (gtk_editable_get_text (GTK_EDITABLE (self->prompt)));

  if (self->state != MOE_WINDOW_IDLE || *text == '\0')
    return;
  if (moe_document_get_model (self->document) != NULL)
    gtk_editable_set_text (GTK_EDITABLE (self->prompt), "");
  moe_window_prompt (self, text);
}

/* One button and one key: starts, pauses, goes on. */
static void
action_generate (GSimpleAction *action,
                 GVariant      *parameter,
                 gpointer       user_data)
{
  MoeWindow *self = user_data;

  if (self->state == MOE_WINDOW_GENERATING)
    {
      if (self->paused)
        moe_engine_resume (self->engine);
      else
        moe_engine_pause (self->engine);
    }
  else if (*gtk_editable_get_text (GTK_EDITABLE (self->prompt)) != '\0')
    send_entry (self);
  else
    gtk_widget_grab_focus (GTK_WIDGET (self->prompt));
}

static void
action_send (GSimpleAction *action,
             GVariant      *parameter,
             gpointer       user_data)
{
  send_entry (user_data);
}

static void
action_prompt (GSimpleAction *action,
               GVariant      *parameter,
               gpointer       user_data)
{
  moe_window_prompt (user_data, g_variant_get_string (parameter, NULL));
}

static void
action_regenerate (GSimpleAction *action,
                   GVariant      *parameter,
                   gpointer       user_data)
{
  moe_window_regenerate (user_data);
}

static void
action_stop (GSimpleAction *action,
             GVariant      *parameter,
             gpointer       user_data)
{
  moe_engine_stop (MOE_WINDOW (user_data)->engine);
}

static void
change_pause (GSimpleAction *action,
              GVariant      *value,
              gpointer       user_data)
{
  MoeWindow *self = user_data;

  if (g_variant_get_boolean (value))
    moe_engine_pause (self->engine);
  else
    moe_engine_resume (self->engine);
}

static void
change_max_tokens (GSimpleAction *action,
                   GVariant      *value,
                   gpointer       user_data)
{
  MoeWindow *self = user_data;

  gtk_spin_button_set_value (self->max_tokens, g_variant_get_int32 (value));
  g_simple_action_set_state (action,
                             g_variant_new_int32 (gtk_spin_button_get_value_as_int (self->max_tokens)));
}

static void
change_compare (GSimpleAction *action,
                GVariant      *value,
                gpointer       user_data)
{
  g_simple_action_set_state (action, value);
  moe_engine_set_compare (MOE_WINDOW (user_data)->engine, g_variant_get_boolean (value));
}

/* --- interventions ------------------------------------------------------------------------------------ */

static void
action_undo (GSimpleAction *action,
             GVariant      *parameter,
             gpointer       user_data)
{
  moe_document_undo (MOE_WINDOW (user_data)->document);
}

static void
action_redo (GSimpleAction *action,
             GVariant      *parameter,
             gpointer       user_data)
{
  moe_document_redo (MOE_WINDOW (user_data)->document);
}

static void
action_clear_mask (GSimpleAction *action,
                   GVariant      *parameter,
                   gpointer       user_data)
{
  moe_document_set_mask (MOE_WINDOW (user_data)->document, NULL, FALSE, NULL);
}

static void
action_disable_selected (GSimpleAction *action,
                         GVariant      *parameter,
                         gpointer       user_data)
{
  moe_inspector_toggle (MOE_WINDOW (user_data)->inspector, MOE_ACTION_DISABLE);
}

static void
action_force_selected (GSimpleAction *action,
                       GVariant      *parameter,
                       gpointer       user_data)
{
  moe_inspector_toggle (MOE_WINDOW (user_data)->inspector, MOE_ACTION_FORCE);
}

static void
action_bias_selected (GSimpleAction *action,
                      GVariant      *parameter,
                      gpointer       user_data)
{
  moe_inspector_focus_bias (MOE_WINDOW (user_data)->inspector);
}

static void
load_mask (const char *path,
           gpointer    user_data)
{
  MoeWindow *self = user_data;
  const MoeModelInfo *model = moe_document_get_model (self->document);
  g_autoptr(MoeModelInfo) made_for = NULL;
  g_autoptr(MoeMask) mask = NULL;
  g_autoptr(GError) error = NULL;

  mask = moe_mask_file_load (path, &made_for, &error);
  if (mask == NULL)
    moe_window_show_error (self, error->message);
  else if (model == NULL)
    moe_window_show_error (self, "there is no model; open one first");
  else if ((made_for != NULL && !moe_mask_check_model (made_for, model, FALSE, &error)) ||
           !moe_document_set_mask (self->document, mask, FALSE, &error))
    {
      g_autofree char *message = g_strdup_printf ("%s: %s", path, error->message);

      moe_window_show_error (self, message);
    }
}

static void
action_load_mask (GSimpleAction *action,
                  GVariant      *parameter,
                  gpointer       user_data)
{
  const char *path = get_path (parameter);

  if (path != NULL)
    load_mask (path, user_data);
  else
    moe_file_dialog_open (user_data, "Load a Mask", "*.json", load_mask, user_data);
}

static void
save_mask (const char *path,
           gpointer    user_data)
{
  MoeWindow *self = user_data;
  g_autoptr(GError) error = NULL;

  if (!moe_mask_file_save (moe_document_get_mask (self->document), moe_document_get_model (self->document),
                           path, &error))
    moe_window_show_error (self, error->message);
  else
    moe_window_show_note (self, "Saved the mask.");
}

static void
action_save_mask (GSimpleAction *action,
                  GVariant      *parameter,
                  gpointer       user_data)
{
  const char *path = get_path (parameter);

  if (path != NULL)
    save_mask (path, user_data);
  else
    moe_file_dialog_save (user_data, "Save the Mask", "mask.json", save_mask, user_data);
}

/* --- what is shown ------------------------------------------------------------------------------------ */

static void
change_page (GSimpleAction *action,
             GVariant      *value,
             gpointer       user_data)
{
  MoeWindow *self = user_data;
  const char *name = g_variant_get_string (value, NULL);

  if (gtk_stack_get_child_by_name (self->stack, name) == NULL)
    return;
  g_simple_action_set_state (action, value);
  gtk_stack_set_visible_child_name (self->stack, name);
}

static void
change_phase (GSimpleAction *action,
              GVariant      *value,
              gpointer       user_data)
{
  MoeWindow *self = user_data;
  g_autoptr(GError) error = NULL;
  guint phases;

  if (!moe_phases_parse (g_variant_get_string (value, NULL), &phases, &error))
    {
      moe_window_show_error (self, error->message);
      return;
    }
  g_simple_action_set_state (action, value);
  moe_document_set_phases (self->document, phases);
}

/* A choice of the visible page, as its name and value on the command line. */
static void
action_option (GSimpleAction *action,
               GVariant      *parameter,
               gpointer       user_data)
{
  MoeWindow *self = user_data;
  MoePage *page = moe_window_get_visible_page (self);
  g_autoptr(GError) error = NULL;
  const char *name, *value;

  g_variant_get (parameter, "(&s&s)", &name, &value);
  if (!moe_page_set_option (page, name, value, &error))
    moe_window_show_error (self, error->message);
}

static void
change_side_pane (GSimpleAction *action,
                  GVariant      *value,
                  gpointer       user_data)
{
  g_simple_action_set_state (action, value);
  gtk_widget_set_visible (MOE_WINDOW (user_data)->side, g_variant_get_boolean (value));
}

static void
change_fullscreen (GSimpleAction *action,
                   GVariant      *value,
                   gpointer       user_data)
{
  g_simple_action_set_state (action, value);
  if (g_variant_get_boolean (value))
    gtk_window_fullscreen (user_data);
  else
    gtk_window_unfullscreen (user_data);
}

static void
action_find (GSimpleAction *action,
             GVariant      *parameter,
             gpointer       user_data)
{
  MoeWindow *self = user_data;

  gtk_search_bar_set_search_mode (self->search_bar, TRUE);
  gtk_widget_grab_focus (GTK_WIDGET (self->search_entry));
}

static void
action_select_expert (GSimpleAction *action,
                      GVariant      *parameter,
                      gpointer       user_data)
{
  const char *text = g_variant_get_string (parameter, NULL);

  if (!moe_window_find (user_data, text))
    {
      g_autofree char *message = g_strdup_printf ("there is no expert or token “%s” here", text);

      moe_window_show_error (user_data, message);
    }
}

static void
action_step_token (GSimpleAction *action,
                   GVariant      *parameter,
                   gpointer       user_data)
{
  moe_window_step_token (user_data, g_variant_get_int32 (parameter));
}

static void
action_release (GSimpleAction *action,
                GVariant      *parameter,
                gpointer       user_data)
{
  MoeWindow *self = user_data;

  moe_document_select_token (self->document, -1);
  moe_document_unselect_expert (self->document);
  moe_document_unselect_head (self->document);
}

static void
action_reset_zoom (GSimpleAction *action,
                   GVariant      *parameter,
                   gpointer       user_data)
{
  moe_page_reset_zoom (moe_window_get_visible_page (user_data));
}

static void
action_show_error (GSimpleAction *action,
                   GVariant      *parameter,
                   gpointer       user_data)
{
  moe_window_show_error (user_data, g_variant_get_string (parameter, NULL));
}

/* --- export ------------------------------------------------------------------------------------------- */

static const struct { const char *action; MoeExhibitFormat format; } export_actions[] = {
  { "export-csv", MOE_EXHIBIT_CSV },
  { "export-csv-wide", MOE_EXHIBIT_CSV_WIDE },
  { "export-json", MOE_EXHIBIT_JSON },
  { "export-svg", MOE_EXHIBIT_SVG },
  { "export-pdf", MOE_EXHIBIT_PDF },
  { "export-png", MOE_EXHIBIT_PNG },
};

static void
export_chosen (const char *path,
               gpointer    user_data)
{
  MoeWindow *self = user_data;

  moe_window_export (self, self->asked_format, path);
}

static void
action_export (GSimpleAction *action,
               GVariant      *parameter,
               gpointer       user_data)
{
  MoeWindow *self = user_data;
  const char *path = get_path (parameter);
  MoeExhibitFormat format = MOE_EXHIBIT_CSV;

  for (guint i = 0; i < G_N_ELEMENTS (export_actions); i++)
    if (g_str_equal (g_action_get_name (G_ACTION (action)), export_actions[i].action))
      format = export_actions[i].format;

  if (path != NULL)
    moe_window_export (self, format, path);
  else
    {
      g_autoptr(MoeExport) export = moe_window_get_export (self);
      g_autofree char *name = NULL;

      if (export == NULL)
        return;
      name = g_strdup_printf ("%s.%s", export->name, moe_exhibit_format_get_extension (format));
      /* The dialog is modal, so this is still the format when it answers. */
      self->asked_format = format;
      moe_file_dialog_save (GTK_WINDOW (self), "Export", name, export_chosen, self);
    }
}

static void
action_copy_command (GSimpleAction *action,
                     GVariant      *parameter,
                     gpointer       user_data)
{
  moe_window_copy_command (user_data);
}

/* --- set up ------------------------------------------------------------------------------------------- */

static const GActionEntry entries[] = {
  { .name = "open", .activate = action_open, .parameter_type = "s" },
  { .name = "open-model", .activate = action_open_model },
  { .name = "open-recording", .activate = action_open_recording },
  { .name = "save-recording", .activate = action_save_recording, .parameter_type = "s" },
  { .name = "new-conversation", .activate = action_new_conversation },
  { .name = "generate", .activate = action_generate },
  { .name = "send", .activate = action_send },
  { .name = "prompt", .activate = action_prompt, .parameter_type = "s" },
  { .name = "regenerate", .activate = action_regenerate },
  { .name = "stop", .activate = action_stop },
  { .name = "pause", .state = "false", .change_state = change_pause },
  { .name = "max-tokens", .parameter_type = "i", .state = "256", .change_state = change_max_tokens },
  { .name = "compare", .state = "true", .change_state = change_compare },
  { .name = "undo", .activate = action_undo },
  { .name = "redo", .activate = action_redo },
  { .name = "clear-mask", .activate = action_clear_mask },
  { .name = "disable-selected", .activate = action_disable_selected },
  { .name = "force-selected", .activate = action_force_selected },
  { .name = "bias-selected", .activate = action_bias_selected },
  { .name = "load-mask", .activate = action_load_mask, .parameter_type = "s" },
  { .name = "save-mask", .activate = action_save_mask, .parameter_type = "s" },
  { .name = "page", .parameter_type = "s", .state = "'live'", .change_state = change_page },
  { .name = "phase", .parameter_type = "s", .state = "'all'", .change_state = change_phase },
  { .name = "option", .activate = action_option, .parameter_type = "(ss)" },
  { .name = "side-pane", .state = "true", .change_state = change_side_pane },
  { .name = "fullscreen", .state = "false", .change_state = change_fullscreen },
  { .name = "find", .activate = action_find },
  { .name = "select", .activate = action_select_expert, .parameter_type = "s" },
  { .name = "step-token", .activate = action_step_token, .parameter_type = "i" },
  { .name = "release", .activate = action_release },
  { .name = "reset-zoom", .activate = action_reset_zoom },
  { .name = "show-error", .activate = action_show_error, .parameter_type = "s" },
  { .name = "export-csv", .activate = action_export, .parameter_type = "s" },
  { .name = "export-csv-wide", .activate = action_export, .parameter_type = "s" },
  { .name = "export-json", .activate = action_export, .parameter_type = "s" },
  { .name = "export-svg", .activate = action_export, .parameter_type = "s" },
  { .name = "export-pdf", .activate = action_export, .parameter_type = "s" },
  { .name = "export-png", .activate = action_export, .parameter_type = "s" },
  { .name = "copy-command", .activate = action_copy_command },
};

static void
enable (MoeWindow  *self,
        const char *name,
        gboolean    enabled)
{
  GAction *action = g_action_map_lookup_action (G_ACTION_MAP (self), name);

  g_simple_action_set_enabled (G_SIMPLE_ACTION (action), enabled);
}

void
moe_window_update_actions (MoeWindow *self)
{
  gboolean has_tokens = moe_document_get_n_tokens (self->document) > 0;
  gboolean has_model = moe_document_get_model (self->document) != NULL;
  gboolean has_expert = moe_document_get_selection (self->document)->has_expert;
  gboolean can_intervene = has_expert && moe_document_can_intervene (self->document, NULL);
  gboolean idle = self->state == MOE_WINDOW_IDLE;
  g_autoptr(MoeExport) export = moe_window_get_export (self);
  GAction *pause = g_action_map_lookup_action (G_ACTION_MAP (self), "pause");

  enable (self, "save-recording", has_tokens);
  enable (self, "new-conversation", has_model || has_tokens);
  enable (self, "generate", has_model);
  enable (self, "send", has_model && idle);
  enable (self, "prompt", has_model && idle);
  enable (self, "regenerate", has_model && idle && moe_document_is_live (self->document) &&
                              moe_document_get_n_turns (self->document) >= 2);
  enable (self, "stop", !idle);
  enable (self, "pause", self->state == MOE_WINDOW_GENERATING);
  g_simple_action_set_state (G_SIMPLE_ACTION (pause), g_variant_new_boolean (self->paused));
  enable (self, "undo", moe_document_can_undo (self->document));
  enable (self, "redo", moe_document_can_redo (self->document));
  enable (self, "clear-mask", moe_mask_get_n (moe_document_get_mask (self->document)) > 0);
  enable (self, "save-mask", moe_mask_get_n (moe_document_get_mask (self->document)) > 0);
  enable (self, "load-mask", has_model);
  enable (self, "disable-selected", can_intervene);
  enable (self, "force-selected", can_intervene);
  enable (self, "bias-selected", can_intervene);
  enable (self, "copy-command", export != NULL);
  for (guint i = 0; i < G_N_ELEMENTS (export_actions); i++)
    enable (self, export_actions[i].action,
            export != NULL && (export->formats & MOE_EXHIBIT_BIT (export_actions[i].format)) != 0);
}

/* Keys without a modifier. They are looked at on the way up from the widget that has the keyboard, so that
 * typing into an entry stays typing; and in a controller of their own, which comes before those of
 * GtkWindow. */
static void
add_plain_keys (MoeWindow *self)
{
  static const struct { guint key; const char *action; } keys[] = {
    { GDK_KEY_space, "win.generate" },
    { GDK_KEY_d, "win.disable-selected" },
    { GDK_KEY_f, "win.force-selected" },
    { GDK_KEY_b, "win.bias-selected" },
    { GDK_KEY_comma, "win.step-token(-1)" },
    { GDK_KEY_period, "win.step-token(1)" },
    { GDK_KEY_Escape, "win.release" },
  };
  GtkEventController *controller = gtk_shortcut_controller_new ();

  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      g_autofree char *name = NULL;
      g_autoptr(GVariant) target = NULL;
      GtkShortcut *shortcut;

      g_action_parse_detailed_name (keys[i].action, &name, &target, NULL);
      shortcut = gtk_shortcut_new (gtk_keyval_trigger_new (keys[i].key, 0), gtk_named_action_new (name));
      gtk_shortcut_set_arguments (shortcut, target);
      gtk_shortcut_controller_add_shortcut (GTK_SHORTCUT_CONTROLLER (controller), shortcut);
    }
  gtk_widget_add_controller (GTK_WIDGET (self), controller);
}

void
moe_window_init_actions (MoeWindow *self)
{
  g_action_map_add_action_entries (G_ACTION_MAP (self), entries, G_N_ELEMENTS (entries), self);
  add_plain_keys (self);
}
