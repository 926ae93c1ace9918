/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include "app/cli-chat.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "app/cli.h"

MoeCliChat *
moe_cli_chat_new (void)
{
  return g_new0 (MoeCliChat, 1);
}

void
moe_cli_chat_free (MoeCliChat *self)
{
  if (self == NULL)
    return;

  g_free (self->date);
  g_free (self->thinking);
  g_free (self->settings);
  g_free (self);
}

void
moe_cli_chat_add (MoeCliChat     *self,
                  GOptionContext *context)
{
  const GOptionEntry entries[] = {
    { "date", 0, 0, G_OPTION_ARG_STRING, &self->date,
      "The day that a chat template with the date in it writes (default: today)", "YYYY-MM-DD" },
    { "thinking", 0, 0, G_OPTION_ARG_STRING, &self->thinking,
      "Tell the chat template to switch thinking on or off (default: leave it to the template)", "on|off" },
    { NULL }
  };

  g_option_context_add_main_entries (context, entries, NULL);
}

static gboolean
parse_date (const char *text,
            GDate      *date)
{
  static const char pattern[] = "0000-00-00";
  int parts[3] = { 0, 0, 0 };
  gsize part = 0;

  if (strlen (text) != strlen (pattern))
    return FALSE;
  for (gsize i = 0; pattern[i] != '\0'; i++)
    {
      if (pattern[i] == '-' ? text[i] != '-' : !g_ascii_isdigit (text[i]))
        return FALSE;
      if (pattern[i] == '-')
        part++;
      else
        parts[part] = parts[part] * 10 + g_ascii_digit_value (text[i]);
    }
  if (!g_date_valid_dmy ((GDateDay) parts[2], (GDateMonth) parts[1], (GDateYear) parts[0]))
    return FALSE;

  g_date_set_dmy (date, (GDateDay) parts[2], (GDateMonth) parts[1], (GDateYear) parts[0]);
  return TRUE;
}

gboolean
moe_cli_chat_check (const MoeCliChat *self,
                    const char       *command)
{
  GDate date;

  if (self->date != NULL && !parse_date (self->date, &date))
    moe_cli_usage (command, "--date %s is not a day such as 2026-01-31", self->date);
  else if (self->thinking != NULL && strcmp (self->thinking, "on") != 0
           && strcmp (self->thinking, "off") != 0)
    moe_cli_usage (command, "--thinking %s is neither on nor off", self->thinking);
  else
    return TRUE;
  return FALSE;
}

gboolean
moe_cli_chat_apply (const MoeCliChat  *self,
                    MoeChat           *chat,
                    const char        *path,
                    GError           **error)
{
  GDate date;

  if (chat == NULL)
    return TRUE;
  if (self->date != NULL && parse_date (self->date, &date))
    moe_chat_set_date (chat, &date);
  if (self->thinking == NULL
      || moe_chat_set_thinking (chat, strcmp (self->thinking, "on") == 0 ? MOE_THINKING_ON
                                                                         : MOE_THINKING_OFF, error))
    return TRUE;
  g_prefix_error (error, "%s: ", path);
  return FALSE;
}

const char *
moe_cli_chat_describe (MoeCliChat     *self,
                       const MoeModel *model,
                       const char     *json)
{
  const MoeChat *chat = moe_model_get_chat (model, NULL);
  const char *date = chat != NULL ? moe_chat_get_date (chat) : NULL;
  g_autoptr(JsonNode) root = NULL;
  JsonObject *object;

  if (json == NULL || chat == NULL || (date == NULL && self->thinking == NULL))
    return json;
  root = json_from_string (json, NULL);
  g_return_val_if_fail (root != NULL && JSON_NODE_HOLDS_OBJECT (root), json);
  object = json_node_get_object (root);
  if (json_object_get_boolean_member_with_default (object, "raw", TRUE))
    return json;
  if (date != NULL)
    json_object_set_string_member (object, "date", date);
  if (self->thinking != NULL)
    json_object_set_string_member (object, "thinking", self->thinking);
  g_free (self->settings);
  self->settings = json_to_string (root, FALSE);
  return self->settings;
}
