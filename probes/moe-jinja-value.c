/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-jinja-value"

#include <string.h>

#include "data/moe-error.h"
#include "probes/moe-jinja-private.h"

/* A conversation of a few megabytes is copied a few dozen times at most. */
#define MAX_ARENA (256u * 1024 * 1024)

/* Lists within lists that are compared. No template nests them; deeper ones count as different. */
#define MAX_NESTED 100

struct _MoeJinjaArena
{
  GPtrArray *blocks;
  gsize      used;
};

MoeJinjaArena *
moe_jinja_arena_new (void)
{
  MoeJinjaArena *arena = g_new0 (MoeJinjaArena, 1);

  arena->blocks = g_ptr_array_new_with_free_func (g_free);
  return arena;
}

void
moe_jinja_arena_free (MoeJinjaArena *arena)
{
  g_ptr_array_unref (arena->blocks);
  g_free (arena);
}

gpointer
moe_jinja_arena_alloc (MoeJinjaArena  *arena,
                       gsize           n_bytes,
                       GError        **error)
{
  gpointer block;

  if (n_bytes > MAX_ARENA - 64 || arena->used > MAX_ARENA - 64 - n_bytes)
    {
      g_set_error_literal (error, MOE_ERROR, MOE_ERROR_LIMIT,
                           "rendering the chat template takes too much memory");
      return NULL;
    }

  block = g_malloc0 (MAX (n_bytes, 1));
  g_ptr_array_add (arena->blocks, block);
  arena->used += n_bytes + 64;
  return block;
}

MoeJinjaValue *
moe_jinja_value_new (MoeJinjaArena      *arena,
                     MoeJinjaValueType   type,
                     gint64              number,
                     GError            **error)
{
  MoeJinjaValue *value = moe_jinja_arena_alloc (arena, sizeof *value, error);

  if (value != NULL)
    {
      value->type = type;
      value->number = number;
    }

  return value;
}

MoeJinjaValue *
moe_jinja_string_new (MoeJinjaArena  *arena,
                      const char     *text,
                      gsize           length,
                      const guint8   *marks,
                      guint8          mark,
                      GError        **error)
{
  MoeJinjaValue *value = moe_jinja_value_new (arena, MOE_JINJA_TEXT_VALUE, 0, error);
  char *bytes;

  if (value == NULL || (bytes = moe_jinja_arena_alloc (arena, 2 * length + 1, error)) == NULL)
    return NULL;

  if (length > 0)
    {
      memcpy (bytes, text, length);
      if (marks != NULL)
        memcpy (bytes + length + 1, marks, length);
      else
        memset (bytes + length + 1, mark, length);
    }
  value->text = bytes;
  value->marks = (const guint8 *) bytes + length + 1;
  value->length = length;

  return value;
}

MoeJinjaValue *
moe_jinja_list_new (MoeJinjaArena      *arena,
                    MoeJinjaValueType   type,
                    gsize               length,
                    GError            **error)
{
  MoeJinjaValue *value = moe_jinja_value_new (arena, type, 0, error);

  if (value == NULL)
    return NULL;
  if (length > MAX_ARENA / sizeof (gpointer) ||
      (value->items = moe_jinja_arena_alloc (arena, length * sizeof (gpointer), error)) == NULL)
    {
      if (error != NULL && *error == NULL)
        g_set_error_literal (error, MOE_ERROR, MOE_ERROR_LIMIT,
                             "rendering the chat template takes too much memory");
      return NULL;
    }
  if (type != MOE_JINJA_SEQUENCE &&
      (value->keys = moe_jinja_arena_alloc (arena, length * sizeof (gpointer), error)) == NULL)
    return NULL;
  value->length = length;

  return value;
}

MoeJinjaValue *
moe_jinja_to_string (MoeJinjaArena  *arena,
                     MoeJinjaValue  *value,
                     GError        **error)
{
  char digits[24];
  const char *text;

  switch (value->type)
    {
    case MOE_JINJA_TEXT_VALUE:
      return value;
    case MOE_JINJA_UNDEFINED:
      text = "";
      break;
    case MOE_JINJA_NONE:
      text = "None";
      break;
    case MOE_JINJA_BOOLEAN:
      text = value->number ? "True" : "False";
      break;
    case MOE_JINJA_NUMBER:
      g_snprintf (digits, sizeof digits, "%" G_GINT64_FORMAT, value->number);
      text = digits;
      break;
    default:
      g_set_error_literal (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
                           "the chat template prints a value that is not a text");
      return NULL;
    }

  return moe_jinja_string_new (arena, text, strlen (text), NULL, 0, error);
}

gboolean
moe_jinja_is_true (const MoeJinjaValue *value)
{
  switch (value->type)
    {
    case MOE_JINJA_UNDEFINED:
    case MOE_JINJA_NONE:
      return FALSE;
    case MOE_JINJA_BOOLEAN:
    case MOE_JINJA_NUMBER:
      return value->number != 0;
    case MOE_JINJA_TEXT_VALUE:
    case MOE_JINJA_SEQUENCE:
    case MOE_JINJA_MAPPING:
      return value->length > 0;
    default:
      return TRUE;
    }
}

static gboolean
is_number (const MoeJinjaValue *value)
{
  return value->type == MOE_JINJA_NUMBER || value->type == MOE_JINJA_BOOLEAN;
}

static gboolean
are_equal (const MoeJinjaValue *a,
           const MoeJinjaValue *b,
           guint                depth)
{
  if (a == b)
    return TRUE;
  if (is_number (a) && is_number (b))
    return a->number == b->number;
  if (a->type != b->type)
    return FALSE;

  switch (a->type)
    {
    case MOE_JINJA_UNDEFINED:
    case MOE_JINJA_NONE:
      return TRUE;
    case MOE_JINJA_TEXT_VALUE:
      return a->length == b->length && memcmp (a->text, b->text, a->length) == 0;
    case MOE_JINJA_SEQUENCE:
    case MOE_JINJA_MAPPING:
      if (a->length != b->length || depth >= MAX_NESTED)
        return FALSE;
      for (gsize i = 0; i < a->length; i++)
        {
          const MoeJinjaValue *other = b->items[i];

          if (a->type == MOE_JINJA_MAPPING)
            other = moe_jinja_get_key (b, a->keys[i]);
          if (other == NULL || !are_equal (a->items[i], other, depth + 1))
            return FALSE;
        }
      return TRUE;
    default:
      return FALSE;
    }
}

gboolean
moe_jinja_are_equal (const MoeJinjaValue *a,
                     const MoeJinjaValue *b)
{
  return are_equal (a, b, 0);
}

gboolean
moe_jinja_text_is (const MoeJinjaValue *value,
                   const char          *text)
{
  return value->type == MOE_JINJA_TEXT_VALUE && value->length == strlen (text) &&
         memcmp (value->text, text, value->length) == 0;
}

MoeJinjaValue *
moe_jinja_get_key (const MoeJinjaValue *mapping,
                   const char          *key)
{
  for (gsize i = 0; i < mapping->length; i++)
    {
      if (strcmp (mapping->keys[i], key) == 0)
        return mapping->items[i];
    }

  return NULL;
}

static MoeJinjaValue *
join (MoeJinjaArena        *arena,
      const MoeJinjaValue  *a,
      const MoeJinjaValue  *b,
      GError              **error)
{
  MoeJinjaValue *value = moe_jinja_value_new (arena, MOE_JINJA_TEXT_VALUE, 0, error);
  const gsize length = a->length + b->length;
  char *bytes;

  if (value == NULL || (bytes = moe_jinja_arena_alloc (arena, 2 * length + 1, error)) == NULL)
    return NULL;

  memcpy (bytes, a->text, a->length);
  memcpy (bytes + a->length, b->text, b->length);
  memcpy (bytes + length + 1, a->marks, a->length);
  memcpy (bytes + length + 1 + a->length, b->marks, b->length);
  value->text = bytes;
  value->marks = (const guint8 *) bytes + length + 1;
  value->length = length;

  return value;
}

static MoeJinjaValue *
contains (MoeJinjaArena        *arena,
          const MoeJinjaValue  *needle,
          const MoeJinjaValue  *hay,
          GError              **error)
{
  gboolean found = FALSE;

  if (hay->type == MOE_JINJA_TEXT_VALUE && needle->type == MOE_JINJA_TEXT_VALUE)
    {
      found = needle->length == 0 || memmem (hay->text, hay->length, needle->text, needle->length) != NULL;
    }
  else if (hay->type == MOE_JINJA_SEQUENCE)
    {
      for (gsize i = 0; i < hay->length && !found; i++)
        found = moe_jinja_are_equal (hay->items[i], needle);
    }
  else if (hay->type == MOE_JINJA_MAPPING)
    {
      for (gsize i = 0; i < hay->length && !found; i++)
        found = moe_jinja_text_is (needle, hay->keys[i]);
    }
  else if (hay->type != MOE_JINJA_UNDEFINED)
    {
      g_set_error_literal (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
                           "the chat template looks into something that holds nothing");
      return NULL;
    }

  return moe_jinja_value_new (arena, MOE_JINJA_BOOLEAN, found, error);
}

/* The result's sign is the divisor's, as in Python. */
static gint64
divide (gint64  a,
        gint64  b,
        gint64 *rest)
{
  gint64 quotient = a / b;

  *rest = a % b;
  if (*rest != 0 && (*rest < 0) != (b < 0))
    {
      *rest += b;
      quotient--;
    }

  return quotient;
}

static MoeJinjaValue *
calculate (MoeJinjaArena  *arena,
           const char     *name,
           gint64          a,
           gint64          b,
           GError        **error)
{
  gint64 result = 0, rest;
  gboolean valid = TRUE;

  switch (name[0])
    {
    case '+':
      valid = !__builtin_add_overflow (a, b, &result);
      break;
    case '-':
      valid = !__builtin_sub_overflow (a, b, &result);
      break;
    case '*':
      valid = !__builtin_mul_overflow (a, b, &result);
      break;
    default:
      valid = b != 0 && b != -1 && strcmp (name, "/") != 0;
      if (valid)
        {
          result = divide (a, b, &rest);
          if (name[0] == '%')
            result = rest;
        }
      break;
    }

  if (!valid)
    {
      g_set_error_literal (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
                           "the chat template does a calculation that is not supported");
      return NULL;
    }

  return moe_jinja_value_new (arena, MOE_JINJA_NUMBER, result, error);
}

MoeJinjaValue *
moe_jinja_operate (MoeJinjaArena  *arena,
                   const char     *name,
                   MoeJinjaValue  *a,
                   MoeJinjaValue  *b,
                   GError        **error)
{
  MoeJinjaValue *value;

  if (strcmp (name, "==") == 0 || strcmp (name, "!=") == 0)
    return moe_jinja_value_new (arena, MOE_JINJA_BOOLEAN, moe_jinja_are_equal (a, b) == (name[0] == '='),
                                error);

  if (strcmp (name, "in") == 0)
    return contains (arena, a, b, error);
  if (strcmp (name, "not in") == 0)
    {
      value = contains (arena, a, b, error);
      if (value != NULL)
        value->number = !value->number;
      return value;
    }

  if (strcmp (name, "~") == 0)
    {
      MoeJinjaValue *x = moe_jinja_to_string (arena, a, error);
      MoeJinjaValue *y = x != NULL ? moe_jinja_to_string (arena, b, error) : NULL;

      return y != NULL ? join (arena, x, y, error) : NULL;
    }

  if (strcmp (name, "+") == 0 && a->type == MOE_JINJA_TEXT_VALUE && b->type == MOE_JINJA_TEXT_VALUE)
    return join (arena, a, b, error);
  if (strcmp (name, "+") == 0 && a->type == MOE_JINJA_SEQUENCE && b->type == MOE_JINJA_SEQUENCE)
    {
      value = moe_jinja_list_new (arena, MOE_JINJA_SEQUENCE, a->length + b->length, error);
      if (value != NULL)
        {
          memcpy (value->items, a->items, a->length * sizeof (gpointer));
          memcpy (value->items + a->length, b->items, b->length * sizeof (gpointer));
        }
      return value;
    }

  if (is_number (a) && is_number (b))
    {
      if (name[0] == '<' || name[0] == '>')
        {
          const gboolean less = name[0] == '<', with_equal = name[1] == '=';
          const gboolean result = (less ? a->number < b->number : a->number > b->number) ||
                                  (with_equal && a->number == b->number);

          return moe_jinja_value_new (arena, MOE_JINJA_BOOLEAN, result, error);
        }
      return calculate (arena, name, a->number, b->number, error);
    }

  g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
               "the chat template uses \"%s\" on values that it is not supported for", name);
  return NULL;
}

/* Where a slice's bound lies among @length items, for a step of 1 or -1. */
static gint64
find_bound (const MoeJinjaValue *bound,
            gint64               length,
            gint64               step,
            gint64               fallback)
{
  gint64 at;

  if (bound == NULL || bound->type == MOE_JINJA_NONE)
    return fallback;

  at = bound->number < 0 ? bound->number + length : bound->number;
  return step > 0 ? CLAMP (at, 0, length) : CLAMP (at, -1, length - 1);
}

MoeJinjaValue *
moe_jinja_slice (MoeJinjaArena  *arena,
                 MoeJinjaValue  *value,
                 MoeJinjaValue  *first,
                 MoeJinjaValue  *last,
                 MoeJinjaValue  *step,
                 GError        **error)
{
  const MoeJinjaValue *const parts[] = { first, last, step };
  const gint64 length = (gint64) value->length;
  const gint64 by = step != NULL && step->type == MOE_JINJA_NUMBER ? step->number : 1;
  gboolean valid = by == 1 || by == -1;
  MoeJinjaValue *result;
  gint64 from, to, n;

  for (gsize i = 0; i < G_N_ELEMENTS (parts); i++)
    {
      if (parts[i] != NULL && parts[i]->type != MOE_JINJA_NUMBER && parts[i]->type != MOE_JINJA_NONE)
        valid = FALSE;
    }
  /* Of strings only ASCII ones, whose bytes are characters. */
  if (value->type == MOE_JINJA_TEXT_VALUE)
    {
      for (gsize i = 0; i < value->length; i++)
        valid = valid && (guint8) value->text[i] < 0x80;
      valid = valid && by == 1;
    }
  else if (value->type != MOE_JINJA_SEQUENCE)
    {
      valid = FALSE;
    }
  if (!valid)
    {
      g_set_error_literal (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
                           "the chat template takes an unsupported slice");
      return NULL;
    }

  from = find_bound (first, length, by, by > 0 ? 0 : length - 1);
  to = find_bound (last, length, by, by > 0 ? length : -1);
  n = MAX (0, (to - from) * by);

  if (value->type == MOE_JINJA_TEXT_VALUE)
    return moe_jinja_string_new (arena, value->text + from, (gsize) n, value->marks + from, 0, error);

  result = moe_jinja_list_new (arena, MOE_JINJA_SEQUENCE, (gsize) n, error);
  for (gint64 i = 0; result != NULL && i < n; i++)
    result->items[i] = value->items[from + i * by];
  return result;
}
