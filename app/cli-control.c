/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include "app/cli-control.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "app/cli.h"
#include "data/moe-number.h"

MoeCliControl *
moe_cli_control_new (void)
{
  MoeCliControl *self = g_new0 (MoeCliControl, 1);

  self->last = G_MAXUINT;
  return self;
}

void
moe_cli_control_free (MoeCliControl *self)
{
  if (self == NULL)
    return;

  g_strfreev (self->files);
  g_free (self->layers);
  g_free (self->settings);
  moe_control_vector_unref (self->vector);
  g_free (self);
}

void
moe_cli_control_add (MoeCliControl  *self,
                     GOptionContext *context)
{
  const GOptionEntry entries[] = {
    { "control-vector", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &self->files,
      "Add the directions of a GGUF control vector, times SCALE (default 1), to the residual stream (can be "
      "repeated)", "FILE[:SCALE]" },
    { "control-layers", 0, 0, G_OPTION_ARG_STRING, &self->layers,
      "Only after these layers, e.g. 4-7 (default: all that it has)", "FIRST-LAST" },
    { NULL }
  };

  g_option_context_add_main_entries (context, entries, NULL);
}

gboolean
moe_cli_control_check (MoeCliControl *self,
                       const char    *command)
{
  g_auto(GStrv) words = NULL;
  guint64 first, last;

  if (self->layers == NULL)
    return TRUE;
  words = g_strsplit (self->layers, "-", 2);
  if (!g_ascii_string_to_unsigned (words[0], 10, 0, G_MAXUINT16, &first, NULL)
      || !g_ascii_string_to_unsigned (words[1] != NULL ? words[1] : words[0], 10, 0, G_MAXUINT16, &last, NULL)
      || first > last)
    {
      moe_cli_usage (command, "--control-layers %s is no layer and no range like 4-7", self->layers);
      return FALSE;
    }
  self->first = (guint) first;
  self->last = (guint) last;
  return TRUE;
}

gboolean
moe_cli_control_load (MoeCliControl       *self,
                      const MoeModelInfo  *info,
                      GError             **error)
{
  for (guint i = 0; self->files != NULL && self->files[i] != NULL; i++)
    {
      g_autofree char *path = g_strdup (self->files[i]);
      char *colon = strrchr (path, ':');
      MoeControlVector *sum;
      double scale = 1;

      if (colon != NULL && moe_number_parse (colon + 1, &scale))
        *colon = '\0';
      sum = moe_control_vector_load (path, scale, self->first, self->last, self->vector, error);
      if (sum == NULL)
        return FALSE;
      g_clear_pointer (&self->vector, moe_control_vector_unref);
      self->vector = sum;
      if (!moe_control_vector_check (self->vector, info, error))
        {
          g_prefix_error (error, "%s: ", path);
          return FALSE;
        }
    }
  return TRUE;
}

const char *
moe_cli_control_describe (MoeCliControl *self,
                          const char    *json)
{
  g_autoptr(JsonNode) root = NULL;
  g_autofree char *files = NULL;
  JsonObject *object;

  if (self->vector == NULL)
    return json;
  root = json_from_string (json != NULL ? json : "{}", NULL);
  g_return_val_if_fail (root != NULL && JSON_NODE_HOLDS_OBJECT (root), json);
  object = json_node_get_object (root);
  files = g_strjoinv (" ", self->files);
  json_object_set_string_member (object, "control_vector", files);
  if (self->layers != NULL)
    json_object_set_string_member (object, "control_layers", self->layers);
  g_free (self->settings);
  self->settings = json_to_string (root, FALSE);
  return self->settings;
}
