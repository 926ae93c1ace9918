/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-style"

#include "ui/moe-style.h"

#define PORTAL_NAME "org.freedesktop.portal.Desktop"
#define PORTAL_PATH "/org/freedesktop/portal/desktop"
#define PORTAL_SETTINGS "org.freedesktop.portal.Settings"
#define APPEARANCE "org.freedesktop.appearance"
#define PREFER_DARK 1

/* The program's one style; the main thread's. */
static struct
{
  GDBusConnection *bus;
  gboolean         system_dark;
  gboolean         follow;
} style = { .follow = TRUE };

static void
apply (gboolean dark)
{
  g_object_set (gtk_settings_get_default (), "gtk-application-prefer-dark-theme", dark, NULL);
}

static void
set_system (GVariant *value)
{
  g_autoptr(GVariant) inner = g_variant_ref (value);

  /* Some portals wrap the value twice. */
  while (g_variant_is_of_type (inner, G_VARIANT_TYPE_VARIANT))
    {
      GVariant *unwrapped = g_variant_get_variant (inner);

      g_variant_unref (inner);
      inner = unwrapped;
    }
  if (!g_variant_is_of_type (inner, G_VARIANT_TYPE_UINT32))
    return;

  style.system_dark = g_variant_get_uint32 (inner) == PREFER_DARK;
  if (style.follow)
    apply (style.system_dark);
}

static void
on_setting_changed (GDBusConnection *bus,
                    const char      *sender,
                    const char      *path,
                    const char      *interface,
                    const char      *signal,
                    GVariant        *parameters,
                    gpointer         user_data)
{
  const char *namespace, *key;
  g_autoptr(GVariant) value = NULL;

  if (!g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(ssv)")))
    return;
  g_variant_get (parameters, "(&s&sv)", &namespace, &key, &value);
  if (g_str_equal (namespace, APPEARANCE) && g_str_equal (key, "color-scheme"))
    set_system (value);
}

static void
on_read (GObject      *source,
         GAsyncResult *result,
         gpointer      user_data)
{
  g_autoptr(GVariant) answer = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, NULL);
  g_autoptr(GVariant) value = NULL;

  /* Without a portal there is no preference to follow. */
  if (answer == NULL)
    return;
  value = g_variant_get_child_value (answer, 0);
  set_system (value);
}

static void
on_bus (GObject      *source,
        GAsyncResult *result,
        gpointer      user_data)
{
  style.bus = g_bus_get_finish (result, NULL);
  if (style.bus == NULL)
    return;

  g_dbus_connection_signal_subscribe (style.bus, PORTAL_NAME, PORTAL_SETTINGS, "SettingChanged", PORTAL_PATH,
                                      APPEARANCE, G_DBUS_SIGNAL_FLAGS_NONE, on_setting_changed, NULL, NULL);
  g_dbus_connection_call (style.bus, PORTAL_NAME, PORTAL_PATH, PORTAL_SETTINGS, "Read",
                          g_variant_new ("(ss)", APPEARANCE, "color-scheme"), G_VARIANT_TYPE ("(v)"),
                          G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_read, NULL);
}

void
moe_style_init (GdkDisplay *display)
{
  g_autoptr(GtkCssProvider) provider = gtk_css_provider_new ();

  gtk_css_provider_load_from_resource (provider, "/org/moescope/Moescope/style.css");
  gtk_style_context_add_provider_for_display (display, GTK_STYLE_PROVIDER (provider),
                                              GTK_STYLE_PROVIDER_PRIORITY_APPLICATION);
  gtk_icon_theme_add_resource_path (gtk_icon_theme_get_for_display (display), "/org/moescope/Moescope/icons");
  g_bus_get (G_BUS_TYPE_SESSION, NULL, on_bus, NULL);
}

void
moe_style_set (const char *name)
{
  style.follow = !g_str_equal (name, "light") && !g_str_equal (name, "dark");
  apply (style.follow ? style.system_dark : g_str_equal (name, "dark"));
}
