/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-jinja-library"

#include <string.h>

#include "data/moe-error.h"
#include "probes/moe-jinja-private.h"

#define MAX_TEXT (128u * 1024 * 1024)

/* Filters, tests, and the methods of Python's str and dict, as far as templates use them without tools. */

static gpointer
refuse (const char  *kind,
        const char  *name,
        GError     **error)
{
  g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
               "the chat template uses the %s \"%s\", which is not supported "
               "here", kind, name);
  return NULL;
}

static gboolean
is_among (gunichar             c,
          const MoeJinjaValue *characters)
{
  if (characters == NULL)
    return moe_jinja_is_space (c);

  for (const char *p = characters->text; p < characters->text + characters->length; p = g_utf8_next_char (p))
    {
      if (g_utf8_get_char (p) == c)
        return TRUE;
    }

  return FALSE;
}

static MoeJinjaValue *
part (MoeJinjaArena        *arena,
      const MoeJinjaValue  *value,
      gsize                 start,
      gsize                 end,
      GError              **error)
{
  return moe_jinja_string_new (arena, value->text + start, end - start, value->marks + start, 0, error);
}

static MoeJinjaValue *
strip (MoeJinjaArena        *arena,
       const MoeJinjaValue  *value,
       const MoeJinjaValue  *characters,
       gboolean              left,
       gboolean              right,
       GError              **error)
{
  gsize start = 0, end = value->length;

  while (left && start < end && is_among (g_utf8_get_char (value->text + start), characters))
    start = (gsize) (g_utf8_next_char (value->text + start) - value->text);
  while (right && end > start)
    {
      const char *before = g_utf8_prev_char (value->text + end);

      if (!is_among (g_utf8_get_char (before), characters))
        break;
      end = (gsize) (before - value->text);
    }

  return part (arena, value, start, end, error);
}

/* str.split() at @separator, at most @limit times when it isn't negative. */
static MoeJinjaValue *
split (MoeJinjaArena        *arena,
       const MoeJinjaValue  *value,
       const MoeJinjaValue  *separator,
       gint64                limit,
       GError              **error)
{
  g_autoptr (GPtrArray) parts = g_ptr_array_new ();
  MoeJinjaValue *result, *piece;
  gsize start = 0;

  for (;;)
    {
      const char *found = NULL;
      gsize end = value->length;

      if (limit < 0 || parts->len < limit)
        found = memmem (value->text + start, value->length - start, separator->text, separator->length);
      if (found != NULL)
        end = (gsize) (found - value->text);
      piece = part (arena, value, start, end, error);
      if (piece == NULL)
        return NULL;
      g_ptr_array_add (parts, piece);
      if (found == NULL)
        break;
      start = end + separator->length;
    }

  result = moe_jinja_list_new (arena, MOE_JINJA_SEQUENCE, parts->len, error);
  if (result != NULL)
    memcpy (result->items, parts->pdata, parts->len * sizeof (gpointer));
  return result;
}

static MoeJinjaValue *
replace (MoeJinjaArena        *arena,
         const MoeJinjaValue  *value,
         const MoeJinjaValue  *from,
         const MoeJinjaValue  *to,
         GError              **error)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GByteArray) marks = g_byte_array_new ();
  gsize start = 0;

  for (;;)
    {
      const char *found = memmem (value->text + start, value->length - start, from->text, from->length);
      const gsize end = found != NULL ? (gsize) (found - value->text) : value->length;

      g_string_append_len (text, value->text + start, (gssize) (end - start));
      g_byte_array_append (marks, value->marks + start, (guint) (end - start));
      if (found == NULL)
        break;
      if (text->len > MAX_TEXT || to->length > MAX_TEXT)
        {
          g_set_error_literal (error, MOE_ERROR, MOE_ERROR_LIMIT, "the chat template writes too much");
          return NULL;
        }
      g_string_append_len (text, to->text, (gssize) to->length);
      g_byte_array_append (marks, to->marks, (guint) to->length);
      start = end + from->length;
    }

  return moe_jinja_string_new (arena, text->str, text->len, marks->data, 0, error);
}

/* Each character by itself; what it turns into comes from where it came from. */
static MoeJinjaValue *
change_case (MoeJinjaArena        *arena,
             const MoeJinjaValue  *value,
             gboolean              upper,
             GError              **error)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GByteArray) marks = g_byte_array_new ();

  for (gsize i = 0; i < value->length;)
    {
      const gsize n = (gsize) (g_utf8_next_char (value->text + i) - (value->text + i));
      g_autofree char *changed = upper ? g_utf8_strup (value->text + i, (gssize) n)
                                       : g_utf8_strdown (value->text + i, (gssize) n);

      g_string_append (text, changed);
      for (gsize j = 0; changed[j] != '\0'; j++)
        g_byte_array_append (marks, value->marks + i, 1);
      i += n;
    }

  return moe_jinja_string_new (arena, text->str, text->len, marks->data, 0, error);
}

/* str.format() with nothing but "{}" in the text. NULL without an error for anything else. */
static MoeJinjaValue *
format (MoeJinjaArena        *arena,
        const MoeJinjaValue  *value,
        MoeJinjaValue       **arguments,
        guint                 n_arguments,
        GError              **error)
{
  MoeJinjaValue *result = moe_jinja_string_new (arena, "", 0, NULL, 0, error);
  gsize start = 0;
  guint n = 0;

  while (result != NULL && start < value->length)
    {
      const char *brace = memchr (value->text + start, '{', value->length - start);
      const gsize end = brace != NULL ? (gsize) (brace - value->text) : value->length;
      MoeJinjaValue *piece;

      if (memchr (value->text + start, '}', end - start) != NULL ||
          (brace != NULL && (end + 1 >= value->length || brace[1] != '}' || n >= n_arguments)))
        return NULL;
      piece = part (arena, value, start, end, error);
      result = piece != NULL ? moe_jinja_operate (arena, "~", result, piece, error) : NULL;
      if (result != NULL && brace != NULL)
        result = moe_jinja_operate (arena, "~", result, arguments[n++], error);
      start = end + 2;
    }

  return result;
}

/* A list of [key, value] lists. */
static MoeJinjaValue *
list_items (MoeJinjaArena        *arena,
            const MoeJinjaValue  *mapping,
            GError              **error)
{
  MoeJinjaValue *result = moe_jinja_list_new (arena, MOE_JINJA_SEQUENCE, mapping->length, error);

  for (gsize i = 0; result != NULL && i < mapping->length; i++)
    {
      MoeJinjaValue *pair = moe_jinja_list_new (arena, MOE_JINJA_SEQUENCE, 2, error);

      if (pair == NULL)
        return NULL;
      pair->items[0] = moe_jinja_string_new (arena, mapping->keys[i], strlen (mapping->keys[i]), NULL, 0,
                                             error);
      pair->items[1] = mapping->items[i];
      if (pair->items[0] == NULL)
        return NULL;
      result->items[i] = pair;
    }

  return result;
}

static gboolean
are_texts (MoeJinjaValue *const *arguments,
           guint                 n_arguments)
{
  for (guint i = 0; i < n_arguments; i++)
    {
      if (arguments[i]->type != MOE_JINJA_TEXT_VALUE)
        return FALSE;
    }

  return TRUE;
}

static const char *const text_methods[] = {
  "strip", "lstrip", "rstrip", "split", "startswith", "endswith", "replace", "upper", "lower", "format", NULL,
};
static const char *const mapping_methods[] = { "get", "items", NULL };

gboolean
moe_jinja_has_method (const MoeJinjaValue *subject,
                      const char          *name)
{
  if (subject->type == MOE_JINJA_TEXT_VALUE)
    return g_strv_contains (text_methods, name);

  return subject->type == MOE_JINJA_MAPPING && g_strv_contains (mapping_methods, name);
}

static MoeJinjaValue *
text_method (MoeJinjaArena   *arena,
             const char      *name,
             MoeJinjaValue   *subject,
             MoeJinjaValue  **arguments,
             guint            n,
             GError         **error)
{
  if (strcmp (name, "split") == 0 && n == 2 && arguments[0]->type == MOE_JINJA_TEXT_VALUE &&
      arguments[0]->length > 0 && arguments[1]->type == MOE_JINJA_NUMBER)
    return split (arena, subject, arguments[0], arguments[1]->number, error);
  if (strcmp (name, "format") == 0)
    {
      GError *local = NULL;
      MoeJinjaValue *result = format (arena, subject, arguments, n, &local);

      if (local != NULL)
        g_propagate_error (error, local);
      else if (result == NULL)
        return refuse ("method", name, error);
      return result;
    }
  if (!are_texts (arguments, n))
    return refuse ("method", name, error);

  if ((strcmp (name, "upper") == 0 || strcmp (name, "lower") == 0) && n == 0)
    return change_case (arena, subject, name[0] == 'u', error);
  if (g_str_has_suffix (name, "strip") && n <= 1)
    return strip (arena, subject, n == 1 ? arguments[0] : NULL, name[0] != 'r', name[0] != 'l', error);
  if (strcmp (name, "split") == 0 && n == 1 && arguments[0]->length > 0)
    return split (arena, subject, arguments[0], -1, error);
  if (strcmp (name, "replace") == 0 && n == 2 && arguments[0]->length > 0)
    return replace (arena, subject, arguments[0], arguments[1], error);
  if ((strcmp (name, "startswith") == 0 || strcmp (name, "endswith") == 0) && n == 1)
    {
      const gsize length = arguments[0]->length;
      gboolean found = length <= subject->length;

      if (found)
        found = memcmp (name[0] == 's' ? subject->text : subject->text + subject->length - length,
                        arguments[0]->text, length) == 0;
      return moe_jinja_value_new (arena, MOE_JINJA_BOOLEAN, found, error);
    }

  return refuse ("method", name, error);
}

MoeJinjaValue *
moe_jinja_method (MoeJinjaArena   *arena,
                  const char      *name,
                  MoeJinjaValue   *subject,
                  MoeJinjaValue  **arguments,
                  guint            n_arguments,
                  GError         **error)
{
  if (subject->type == MOE_JINJA_TEXT_VALUE)
    return text_method (arena, name, subject, arguments, n_arguments, error);

  if (strcmp (name, "items") == 0 && n_arguments == 0)
    return list_items (arena, subject, error);
  if (strcmp (name, "get") == 0 && (n_arguments == 1 || n_arguments == 2) && are_texts (arguments, 1))
    {
      MoeJinjaValue *found = moe_jinja_get_key (subject, arguments[0]->text);

      if (found != NULL)
        return found;
      return n_arguments == 2 ? arguments[1] : moe_jinja_value_new (arena, MOE_JINJA_NONE, 0, error);
    }

  return refuse ("method", name, error);
}

/* selectattr ("role", "equalto", "user") and rejectattr. */
static MoeJinjaValue *
select_by_attribute (MoeJinjaArena   *arena,
                     const char      *name,
                     MoeJinjaValue   *subject,
                     MoeJinjaValue  **arguments,
                     guint            n_arguments,
                     GError         **error)
{
  g_autoptr (GPtrArray) kept = g_ptr_array_new ();
  const gboolean wanted = name[0] == 's';
  MoeJinjaValue *undefined = moe_jinja_value_new (arena, MOE_JINJA_UNDEFINED, 0, error);
  MoeJinjaValue *result;

  if (undefined == NULL)
    return NULL;
  if (subject->type != MOE_JINJA_SEQUENCE || n_arguments == 0 || !are_texts (arguments, MIN (n_arguments, 2)))
    return refuse ("filter", name, error);

  for (gsize i = 0; i < subject->length; i++)
    {
      MoeJinjaValue *value;
      gboolean passes;

      if (subject->items[i]->type != MOE_JINJA_MAPPING)
        return refuse ("filter", name, error);
      value = moe_jinja_get_key (subject->items[i], arguments[0]->text);
      if (value == NULL)
        value = undefined;
      if (n_arguments == 1)
        passes = moe_jinja_is_true (value);
      else if (!moe_jinja_test (arguments[1]->text, value, arguments + 2, n_arguments - 2, &passes, error))
        return NULL;
      if (passes == wanted)
        g_ptr_array_add (kept, subject->items[i]);
    }

  result = moe_jinja_list_new (arena, MOE_JINJA_SEQUENCE, kept->len, error);
  if (result != NULL && kept->len > 0)
    memcpy (result->items, kept->pdata, kept->len * sizeof (gpointer));
  return result;
}

static MoeJinjaValue *
join (MoeJinjaArena   *arena,
      MoeJinjaValue   *subject,
      MoeJinjaValue   *separator,
      GError         **error)
{
  MoeJinjaValue *result = moe_jinja_string_new (arena, "", 0, NULL, 0, error);

  for (gsize i = 0; result != NULL && i < subject->length; i++)
    {
      if (i > 0 && separator != NULL)
        result = moe_jinja_operate (arena, "~", result, separator, error);
      if (result != NULL)
        result = moe_jinja_operate (arena, "~", result, subject->items[i], error);
    }

  return result;
}

MoeJinjaValue *
moe_jinja_filter (MoeJinjaArena   *arena,
                  const char      *name,
                  MoeJinjaValue   *subject,
                  MoeJinjaValue  **arguments,
                  guint            n,
                  GError         **error)
{
  const gboolean is_text = subject->type == MOE_JINJA_TEXT_VALUE;
  const gboolean is_list = subject->type == MOE_JINJA_SEQUENCE;

  if (strcmp (name, "trim") == 0 && n == 0 && subject->type == MOE_JINJA_UNDEFINED)
    return moe_jinja_to_string (arena, subject, error);
  if (strcmp (name, "trim") == 0 && n <= 1 && is_text && are_texts (arguments, n))
    return strip (arena, subject, n == 1 ? arguments[0] : NULL, TRUE, TRUE, error);
  if ((strcmp (name, "length") == 0 || strcmp (name, "count") == 0) && n == 0)
    {
      if (is_text)
        return moe_jinja_value_new (arena, MOE_JINJA_NUMBER,
                                    g_utf8_strlen (subject->text, (gssize) subject->length),
                                    error);
      if (is_list || subject->type == MOE_JINJA_MAPPING || subject->type == MOE_JINJA_UNDEFINED)
        return moe_jinja_value_new (arena, MOE_JINJA_NUMBER, (gint64) subject->length, error);
    }
  if ((strcmp (name, "string") == 0 || strcmp (name, "safe") == 0) && n == 0)
    return moe_jinja_to_string (arena, subject, error);
  if ((strcmp (name, "upper") == 0 || strcmp (name, "lower") == 0) && n == 0)
    {
      MoeJinjaValue *text = moe_jinja_to_string (arena, subject, error);

      return text != NULL ? change_case (arena, text, name[0] == 'u', error) : NULL;
    }
  if (strcmp (name, "list") == 0 && n == 0 && is_list)
    return subject;
  if ((strcmp (name, "first") == 0 || strcmp (name, "last") == 0) && n == 0 && is_list)
    {
      if (subject->length == 0)
        return moe_jinja_value_new (arena, MOE_JINJA_UNDEFINED, 0, error);
      return subject->items[name[0] == 'f' ? 0 : subject->length - 1];
    }
  if (strcmp (name, "items") == 0 && n == 0 && subject->type == MOE_JINJA_MAPPING)
    return list_items (arena, subject, error);
  if (strcmp (name, "replace") == 0 && n == 2 && is_text && are_texts (arguments, 2) &&
      arguments[0]->length > 0)
    return replace (arena, subject, arguments[0], arguments[1], error);
  if (strcmp (name, "join") == 0 && is_list && n <= 1)
    return join (arena, subject, n == 1 ? arguments[0] : NULL, error);
  if ((strcmp (name, "default") == 0 || strcmp (name, "d") == 0) && (n == 1 || n == 2))
    {
      const gboolean also_false = n == 2 && moe_jinja_is_true (arguments[1]);

      if (subject->type == MOE_JINJA_UNDEFINED || (also_false && !moe_jinja_is_true (subject)))
        return arguments[0];
      return subject;
    }
  if (strcmp (name, "selectattr") == 0 || strcmp (name, "rejectattr") == 0)
    return select_by_attribute (arena, name, subject, arguments, n, error);

  return refuse ("filter", name, error);
}

gboolean
moe_jinja_test (const char           *name,
                const MoeJinjaValue  *subject,
                MoeJinjaValue       **arguments,
                guint                 n_arguments,
                gboolean             *result,
                GError              **error)
{
  const MoeJinjaValueType type = subject->type;

  if (n_arguments == 1 && strcmp (name, "in") == 0 && arguments[0]->type == MOE_JINJA_SEQUENCE)
    {
      *result = FALSE;
      for (gsize i = 0; i < arguments[0]->length && !*result; i++)
        *result = moe_jinja_are_equal (subject, arguments[0]->items[i]);
    }
  else if (n_arguments == 1 &&
      (strcmp (name, "equalto") == 0 || strcmp (name, "eq") == 0 || strcmp (name, "==") == 0))
    *result = moe_jinja_are_equal (subject, arguments[0]);
  else if (n_arguments > 0)
    return refuse ("test", name, error) != NULL;
  else if (strcmp (name, "defined") == 0)
    *result = type != MOE_JINJA_UNDEFINED;
  else if (strcmp (name, "undefined") == 0)
    *result = type == MOE_JINJA_UNDEFINED;
  else if (g_ascii_strcasecmp (name, "none") == 0)
    *result = type == MOE_JINJA_NONE;
  else if (strcmp (name, "string") == 0)
    *result = type == MOE_JINJA_TEXT_VALUE;
  else if (strcmp (name, "mapping") == 0)
    *result = type == MOE_JINJA_MAPPING;
  else if (strcmp (name, "iterable") == 0 || strcmp (name, "sequence") == 0)
    *result = type == MOE_JINJA_TEXT_VALUE || type == MOE_JINJA_SEQUENCE || type == MOE_JINJA_MAPPING ||
              type == MOE_JINJA_UNDEFINED;
  else if (strcmp (name, "boolean") == 0)
    *result = type == MOE_JINJA_BOOLEAN;
  else if (strcmp (name, "integer") == 0)
    *result = type == MOE_JINJA_NUMBER;
  else if (strcmp (name, "number") == 0)
    *result = type == MOE_JINJA_NUMBER || type == MOE_JINJA_BOOLEAN;
  else if (strcmp (name, "true") == 0 || strcmp (name, "false") == 0)
    *result = type == MOE_JINJA_BOOLEAN && subject->number == (name[0] == 't');
  else if ((strcmp (name, "odd") == 0 || strcmp (name, "even") == 0) && type == MOE_JINJA_NUMBER)
    *result = (subject->number % 2 == 0) == (name[0] == 'e');
  else
    return refuse ("test", name, error) != NULL;

  return TRUE;
}
