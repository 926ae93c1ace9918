/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-json"

#include "data/moe-json.h"

#include <string.h>

#include "data/moe-error.h"

#define MAX_DEPTH 16u

/* Everything that JSON has outside its strings. */
static gboolean
is_plain (char c)
{
  return g_ascii_isalnum (c) || (c != '\0' && strchr ("{}[]:,+-. \t\r\n", c) != NULL);
}

static gboolean
check_outline (const char  *text,
               gsize        length,
               GError     **error)
{
  gboolean in_string = FALSE, ended = FALSE;
  const char *wrong = NULL;
  guint depth = 0;

  for (gsize i = 0; i < length && wrong == NULL; i++)
    {
      char c = text[i];

      if (in_string)
        {
          if (c == '\\')
            i++;
          else if (c == '"')
            in_string = FALSE;
        }
      else if (ended && !g_ascii_isspace (c))
        wrong = "something follows the end of the value";
      else if (c == '"')
        in_string = TRUE;
      else if (!is_plain (c))
        wrong = "is not JSON";
      else if ((c == '[' || c == '{') && ++depth > MAX_DEPTH)
        wrong = "nests too deeply";
      else if ((c == ']' || c == '}') && depth > 0)
        ended = --depth == 0;
    }
  if (wrong != NULL)
    g_set_error_literal (error, MOE_ERROR, MOE_ERROR_FORMAT, wrong);
  return wrong == NULL;
}

JsonNode *
moe_json_parse (const char  *text,
                gsize        length,
                GError     **error)
{
  g_autoptr(JsonParser) parser = NULL;
  JsonNode *root;

  g_return_val_if_fail (text != NULL, NULL);

  if (!g_utf8_validate_len (text, length, NULL))
    {
      g_set_error_literal (error, MOE_ERROR, MOE_ERROR_FORMAT, "is not UTF-8 text");
      return NULL;
    }
  if (!check_outline (text, length, error))
    return NULL;
  parser = json_parser_new ();
  if (!json_parser_load_from_data (parser, text, (gssize) length, NULL)
      || (root = json_parser_steal_root (parser)) == NULL)
    {
      g_set_error_literal (error, MOE_ERROR, MOE_ERROR_FORMAT, "is not JSON");
      return NULL;
    }
  return root;
}

gboolean
moe_json_dup_string (JsonObject  *object,
                     const char  *name,
                     gboolean     must,
                     char       **value,
                     GError     **error)
{
  JsonNode *node = json_object_get_member (object, name);

  *value = NULL;
  if (node == NULL || JSON_NODE_HOLDS_NULL (node))
    {
      if (must)
        g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "has no member '%s'", name);
      return !must;
    }
  if (!JSON_NODE_HOLDS_VALUE (node))
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "'%s' is not a text", name);
      return FALSE;
    }
  *value = json_node_get_value_type (node) == G_TYPE_STRING ? json_node_dup_string (node)
                                                            : json_to_string (node, FALSE);
  return TRUE;
}

void
moe_json_add_string (JsonBuilder *builder,
                     const char  *name,
                     const char  *value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_string_value (builder, value);
}

void
moe_json_add_int (JsonBuilder *builder,
                  const char  *name,
                  gint64       value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, value);
}

void
moe_json_add_double (JsonBuilder *builder,
                     const char  *name,
                     double       value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_double_value (builder, value);
}

void
moe_json_add_bool (JsonBuilder *builder,
                   const char  *name,
                   gboolean     value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_boolean_value (builder, value);
}
