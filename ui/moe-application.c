/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-application"

#include "ui/moe-application.h"

#include "data/moe-data-file.h"
#include "ui/moe-resources.h"
#include "ui/moe-style.h"
#include "ui/moe-window.h"

#define APPLICATION_ID "org.moescope.Moescope"
#define DEMO_MODEL "demo-model/demo-q8_0.gguf"
#define DEMO_QUESTION "How do I bake bread?"

struct _MoeApplication
{
  GtkApplication parent_instance;
};

G_DEFINE_FINAL_TYPE (MoeApplication, moe_application, GTK_TYPE_APPLICATION)

static const struct
{
  const char *action;
  const char *keys[3];
} accelerators[] = {
  { "app.quit", { "<Control>q" } },
  { "window.close", { "<Control>w" } },
  { "win.open::", { "<Control>o" } },
  { "win.save-recording::", { "<Control>s" } },
  { "win.new-conversation", { "<Control>n" } },
  { "win.regenerate", { "<Control>r" } },
  { "win.undo", { "<Control>z" } },
  { "win.redo", { "<Control><Shift>z" } },
  { "win.find", { "<Control>f" } },
  { "win.side-pane", { "F9" } },
  { "win.fullscreen", { "F11" } },
  { "win.page::live", { "<Alt>1" } },
  { "win.page::routing", { "<Alt>2" } },
  { "win.show-help-overlay", { "<Control>question", "<Control>slash" } },
};

char *
moe_application_find_demo (void)
{
  return moe_data_file_find (DEMO_MODEL);
}

static void
action_about (GSimpleAction *action,
              GVariant      *parameter,
              gpointer       user_data)
{
  gtk_show_about_dialog (gtk_application_get_active_window (user_data),
                         "program-name", "Moescope",
                         "logo-icon-name", APPLICATION_ID,
                         "version", MOE_VERSION,
                         "comments",
                         "A workbench for looking into mixture-of-experts language models and steering "
                                     "them while they generate.",
                         "copyright", "© The Moescope authors",
                         "license-type", GTK_LICENSE_MIT_X11,
                         NULL);
}

static void
action_quit (GSimpleAction *action,
             GVariant      *parameter,
             gpointer       user_data)
{
  GList *windows = g_list_copy (gtk_application_get_windows (user_data));

  for (GList *l = windows; l != NULL; l = l->next)
    gtk_window_destroy (l->data);
  g_list_free (windows);
}

static void
change_style (GSimpleAction *action,
              GVariant      *value,
              gpointer       user_data)
{
  g_simple_action_set_state (action, value);
  moe_style_set (g_variant_get_string (value, NULL));
}

static const GActionEntry entries[] = {
  { .name = "about", .activate = action_about },
  { .name = "quit", .activate = action_quit },
  { .name = "style", .parameter_type = "s", .state = "'system'", .change_state = change_style },
};

static void
moe_application_startup (GApplication *application)
{
  G_APPLICATION_CLASS (moe_application_parent_class)->startup (application);

  gtk_window_set_default_icon_name (APPLICATION_ID);
  moe_style_init (gdk_display_get_default ());
  g_action_map_add_action_entries (G_ACTION_MAP (application), entries, G_N_ELEMENTS (entries), application);
  for (guint i = 0; i < G_N_ELEMENTS (accelerators); i++)
    gtk_application_set_accels_for_action (GTK_APPLICATION (application), accelerators[i].action,
                                           accelerators[i].keys);
}

static gboolean
is_same_file (const char *a,
              const char *b)
{
  g_autofree char *one = g_canonicalize_filename (a, NULL);
  g_autofree char *other = g_canonicalize_filename (b, NULL);

  return g_str_equal (one, other);
}

static void
open_window (GApplication *application,
             const char   *path)
{
  MoeWindow *window = moe_window_new (GTK_APPLICATION (application));
  g_autofree char *demo = moe_application_find_demo ();

  gtk_window_present (GTK_WINDOW (window));
  if (path != NULL && demo != NULL && is_same_file (path, demo))
    moe_window_open_and_ask (window, path, DEMO_QUESTION);
  else if (path != NULL)
    moe_window_open (window, path);
}

static void
moe_application_activate (GApplication *application)
{
  GtkWindow *window = gtk_application_get_active_window (GTK_APPLICATION (application));
  g_autofree char *demo = NULL;

  if (window != NULL)
    {
      gtk_window_present (window);
      return;
    }
  demo = moe_application_find_demo ();
  open_window (application, demo);
}

static void
moe_application_open (GApplication  *application,
                      GFile        **files,
                      int            n_files,
                      const char    *hint)
{
  for (int i = 0; i < n_files; i++)
    {
      g_autofree char *path = g_file_get_path (files[i]);

      if (path != NULL)
        open_window (application, path);
    }
}

static void
moe_application_class_init (MoeApplicationClass *klass)
{
  GApplicationClass *application_class = G_APPLICATION_CLASS (klass);

  /* Naming them keeps the linker from leaving the resources out of a program that links the archive. */
  g_resources_register (moe_get_resource ());

  application_class->startup = moe_application_startup;
  application_class->activate = moe_application_activate;
  application_class->open = moe_application_open;
}

static void
moe_application_init (MoeApplication *self)
{
  static const GOptionEntry options[] = {
    { "version", 'v', 0, G_OPTION_ARG_NONE, NULL, "Print the version and leave", NULL },
    { NULL }
  };

  g_application_add_main_option_entries (G_APPLICATION (self), options);
  g_application_set_option_context_parameter_string (G_APPLICATION (self), "[MODEL or RECORDING]");
  g_application_set_option_context_summary (G_APPLICATION (self),
                                            "Look into mixture-of-experts language models and steer them. "
                                            "Without "
                                            "a file the demo model is opened.");
}

MoeApplication *
moe_application_new (void)
{
  return g_object_new (MOE_TYPE_APPLICATION,
                       "application-id", APPLICATION_ID,
                       "resource-base-path", "/org/moescope/Moescope",
                       "flags", G_APPLICATION_HANDLES_OPEN,
                       NULL);
}
