/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-jinja-evaluate"

#include "probes/moe-jinja-run.h"

#include <string.h>

#include "data/moe-error.h"

/* Calls, and expressions within expressions, use the stack. */
#define MAX_CALLS 20
#define MAX_NESTED 1000
#define MAX_ARGUMENTS 8
#define MAX_RANGE 1000000

static MoeJinjaValue *
look_up (MoeJinjaRun        *run,
         const char *name)
{
  static const char *const functions[] = { "raise_exception", "namespace", "range", "strftime_now", NULL };
  MoeJinjaValue *value;

  for (const MoeJinjaScope *scope = run->scope; scope != NULL; scope = scope->outer)
    {
      value = g_hash_table_lookup (scope->values, name);
      if (value != NULL)
        return value;
    }

  if (g_strv_contains (functions, name))
    {
      value = moe_jinja_run_new_value (run, MOE_JINJA_FUNCTION, 0);
      if (value != NULL)
        value->text = name;
      return value;
    }
  /* Names that mean something to Jinja but not here must not pass for undefined. */
  if (strcmp (name, "dict") == 0 || strcmp (name, "lipsum") == 0 || strcmp (name, "cycler") == 0 ||
      strcmp (name, "joiner") == 0 || strcmp (name, "self") == 0 || strcmp (name, "caller") == 0 ||
      strcmp (name, "varargs") == 0 || strcmp (name, "kwargs") == 0)
    return moe_jinja_run_refuse (run, "uses", name);

  return moe_jinja_run_new_value (run, MOE_JINJA_UNDEFINED, 0);
}

static MoeJinjaValue *
get_attribute (MoeJinjaRun           *run,
               MoeJinjaValue *object,
               const char    *name)
{
  MoeJinjaValue *value = NULL;

  if (object->type == MOE_JINJA_UNDEFINED || object->type == MOE_JINJA_NONE)
    {
      if (object->type == MOE_JINJA_UNDEFINED)
        return moe_jinja_run_refuse (run, "asks something undefined for", name);
      return moe_jinja_run_new_value (run, MOE_JINJA_UNDEFINED, 0);
    }

  if (moe_jinja_has_method (object, name))
    {
      value = moe_jinja_run_new_value (run, MOE_JINJA_METHOD, 0);
      if (value != NULL)
        {
          value->self = object;
          value->text = name;
        }
      return value;
    }
  if (object->type == MOE_JINJA_MAPPING || object->type == MOE_JINJA_NAMESPACE)
    {
      value = moe_jinja_get_key (object, name);
      return value != NULL ? value : moe_jinja_run_new_value (run, MOE_JINJA_UNDEFINED, 0);
    }

  /* It may well be a method that isn't known here. */
  return moe_jinja_run_refuse (run, "asks a value for", name);
}

static MoeJinjaValue *
get_item (MoeJinjaRun           *run,
          MoeJinjaValue *object,
          MoeJinjaValue *index)
{
  if (object->type == MOE_JINJA_MAPPING && index->type == MOE_JINJA_TEXT_VALUE)
    {
      MoeJinjaValue *value = moe_jinja_get_key (object, index->text);

      return value != NULL ? value : moe_jinja_run_new_value (run, MOE_JINJA_UNDEFINED, 0);
    }
  if (object->type == MOE_JINJA_SEQUENCE && index->type == MOE_JINJA_NUMBER)
    {
      const gint64 length = (gint64) object->length;
      const gint64 at = index->number < 0 ? index->number + length : index->number;

      return at >= 0 && at < length ? object->items[at]
          : moe_jinja_run_new_value (run, MOE_JINJA_UNDEFINED, 0);
    }

  if (object->type == MOE_JINJA_TEXT_VALUE && index->type == MOE_JINJA_NUMBER)
    {
      const gint64 length = g_utf8_strlen (object->text, (gssize) object->length);
      const gint64 at = index->number < 0 ? index->number + length : index->number;
      const char *start;

      if (at < 0 || at >= length)
        return moe_jinja_run_new_value (run, MOE_JINJA_UNDEFINED, 0);
      start = g_utf8_offset_to_pointer (object->text, at);
      return moe_jinja_string_new (run->arena, start, (gsize) (g_utf8_next_char (start) - start),
                                   object->marks + (start - object->text), 0, run->error);
    }

  return moe_jinja_run_refuse (run, "takes an item by", index->type == MOE_JINJA_TEXT_VALUE ? index->text
                               : "a value");
}

/* One to three. */
static gboolean
are_numbers (MoeJinjaValue *const *arguments,
             guint                 n)
{
  for (guint i = 0; i < n; i++)
    {
      if (arguments[i]->type != MOE_JINJA_NUMBER)
        return FALSE;
    }

  return n >= 1 && n <= 3;
}

static MoeJinjaValue *
new_range (MoeJinjaRun *run,
           gint64       first,
           gint64       last,
           gint64       step)
{
  MoeJinjaValue *list;
  gint64 n = 0;

  if (step == 0 || step > G_MAXINT32 || step < -G_MAXINT32 || first > G_MAXINT32 || first < -G_MAXINT32 ||
      last > G_MAXINT32 || last < -G_MAXINT32)
    return moe_jinja_run_refuse (run, "uses a large", "range");

  if (step > 0 && last > first)
    n = (last - first + step - 1) / step;
  else if (step < 0 && last < first)
    n = (first - last - step - 1) / -step;
  if (n > MAX_RANGE)
    return moe_jinja_run_refuse (run, "uses a large", "range");
  list = moe_jinja_list_new (run->arena, MOE_JINJA_SEQUENCE, (gsize) n, run->error);
  for (gint64 i = 0; list != NULL && i < n; i++)
    {
      list->items[i] = moe_jinja_run_new_value (run, MOE_JINJA_NUMBER, first + i * step);
      if (list->items[i] == NULL)
        return NULL;
    }

  return list;
}

static MoeJinjaValue *
call_function (MoeJinjaRun            *run,
               const char     *name,
               MoeJinjaValue **arguments,
               guint           n)
{
  if (strcmp (name, "raise_exception") == 0 && n == 1 && arguments[0]->type == MOE_JINJA_TEXT_VALUE)
    {
      g_set_error (run->error, MOE_ERROR, MOE_ERROR_INVALID, "the chat template refuses these messages: %.*s",
                   (int) MIN (arguments[0]->length, 300), arguments[0]->text);
      return NULL;
    }
  if (strcmp (name, "strftime_now") == 0 && n == 1 && arguments[0]->type == MOE_JINJA_TEXT_VALUE)
    {
      run->dated = TRUE;
      return moe_jinja_format_date (run->arena, arguments[0], run->today, run->error);
    }
  if (strcmp (name, "range") == 0 && are_numbers (arguments, n))
    return new_range (run, n > 1 ? arguments[0]->number : 0, arguments[n > 1 ? 1 : 0]->number,
                      n > 2 ? arguments[2]->number : 1);

  return moe_jinja_run_refuse (run, "uses the function", name);
}

/* namespace (a=1, b=2): room for a few more names. */
static MoeJinjaValue *
new_namespace (MoeJinjaRun                *run,
               const MoeJinjaNode *call)
{
  const guint n = call->children->len - 1;
  MoeJinjaValue *value = moe_jinja_list_new (run->arena, MOE_JINJA_NAMESPACE, n + 16, run->error);

  if (value == NULL)
    return NULL;
  value->length = 0;
  for (guint i = 1; i <= n; i++)
    {
      const MoeJinjaNode *keyword = moe_jinja_node_child (call, i);

      if (keyword->type != MOE_JINJA_NODE_KEYWORD)
        return moe_jinja_run_refuse (run, "uses the function", "namespace");
      value->keys[value->length] = keyword->text;
      value->items[value->length] = moe_jinja_evaluate (run, moe_jinja_node_child (keyword, 0));
      if (value->items[value->length] == NULL)
        return NULL;
      value->length++;
    }
  value->number = (gint64) n + 16;

  return value;
}

static MoeJinjaValue *
call_macro (MoeJinjaRun                *run,
            const MoeJinjaNode *macro,
            const MoeJinjaNode *call)
{
  MoeJinjaScope scope, *back = run->scope;
  GString *text = run->text;
  GByteArray *marks = run->marks;
  g_autoptr (GHashTable) given = g_hash_table_new (g_str_hash, g_str_equal);
  MoeJinjaValue *result = NULL;
  gboolean valid = TRUE;
  guint n_by_position = 0;

  if (run->n_calls >= MAX_CALLS)
    return moe_jinja_run_refuse (run, "nests calls of", macro->text);

  for (guint i = 1; i < call->children->len; i++)
    {
      const MoeJinjaNode *argument = moe_jinja_node_child (call, i);
      const gboolean by_name = argument->type == MOE_JINJA_NODE_KEYWORD;
      const MoeJinjaNode *parameter = by_name ? NULL : moe_jinja_node_child (macro, ++n_by_position);
      MoeJinjaValue *value = moe_jinja_evaluate (run, by_name ? moe_jinja_node_child (argument, 0)
                                                 : argument);

      if (value == NULL)
        return NULL;
      if (!by_name && parameter == NULL)
        return moe_jinja_run_refuse (run, "gives too many arguments to", macro->text);
      g_hash_table_insert (given, by_name ? argument->text : parameter->text, value);
    }

  moe_jinja_enter_scope (run, &scope, run->globals);
  run->text = g_string_new (NULL);
  run->marks = g_byte_array_new ();
  run->n_calls++;
  for (guint i = 1; valid && i < macro->children->len; i++)
    {
      const MoeJinjaNode *parameter = moe_jinja_node_child (macro, i);
      MoeJinjaValue *value = g_hash_table_lookup (given, parameter->text);

      if (value == NULL && parameter->type == MOE_JINJA_NODE_KEYWORD)
        value = moe_jinja_evaluate (run, moe_jinja_node_child (parameter, 0));
      else if (value == NULL)
        value = moe_jinja_run_new_value (run, MOE_JINJA_UNDEFINED, 0);
      valid = value != NULL;
      if (valid)
        g_hash_table_insert (scope.values, parameter->text, value);
    }

  if (valid && moe_jinja_run_node (run, moe_jinja_node_child (macro, 0)))
    result = moe_jinja_string_new (run->arena, run->text->str, run->text->len, run->marks->data, 0,
                                   run->error);

  run->n_calls--;
  g_string_free (run->text, TRUE);
  g_byte_array_unref (run->marks);
  run->text = text;
  run->marks = marks;
  moe_jinja_leave_scope (run, &scope, back);
  return result;
}

/* Arguments by position only. */
static gboolean
evaluate_arguments (MoeJinjaRun                *run,
                    const MoeJinjaNode *node,
                    const char         *name,
                    MoeJinjaValue     **arguments,
                    guint              *n)
{
  *n = node->children->len - 1;
  if (*n > MAX_ARGUMENTS)
    return moe_jinja_run_refuse (run, "gives too many arguments to", name) != NULL;

  for (guint i = 0; i < *n; i++)
    {
      const MoeJinjaNode *argument = moe_jinja_node_child (node, i + 1);

      if (argument->type == MOE_JINJA_NODE_KEYWORD)
        return moe_jinja_run_refuse (run, "gives a named argument to", name) != NULL;
      arguments[i] = moe_jinja_evaluate (run, argument);
      if (arguments[i] == NULL)
        return FALSE;
    }

  return TRUE;
}

static MoeJinjaValue *
call (MoeJinjaRun                *run,
      const MoeJinjaNode *node)
{
  MoeJinjaValue *callee = moe_jinja_evaluate (run, moe_jinja_node_child (node, 0));
  MoeJinjaValue *arguments[MAX_ARGUMENTS];
  guint n;

  if (callee == NULL)
    return NULL;
  if (callee->type == MOE_JINJA_MACRO)
    return call_macro (run, callee->macro, node);
  if (callee->type == MOE_JINJA_FUNCTION && strcmp (callee->text, "namespace") == 0)
    return new_namespace (run, node);
  if (callee->type != MOE_JINJA_FUNCTION && callee->type != MOE_JINJA_METHOD)
    {
      const MoeJinjaNode *name = moe_jinja_node_child (node, 0);

      return moe_jinja_run_refuse (run, "calls", name->text != NULL ? name->text : "a value");
    }
  if (!evaluate_arguments (run, node, callee->text, arguments, &n))
    return NULL;
  if (callee->type == MOE_JINJA_FUNCTION)
    return call_function (run, callee->text, arguments, n);

  return moe_jinja_method (run->arena, callee->text, callee->self, arguments, n, run->error);
}

static MoeJinjaValue *
evaluate_list (MoeJinjaRun                *run,
               const MoeJinjaNode *node)
{
  MoeJinjaValue *list = moe_jinja_list_new (run->arena, MOE_JINJA_SEQUENCE, node->children->len, run->error);

  for (guint i = 0; list != NULL && i < node->children->len; i++)
    {
      list->items[i] = moe_jinja_evaluate (run, moe_jinja_node_child (node, i));
      if (list->items[i] == NULL)
        return NULL;
    }

  return list;
}

/* Its keys are strings; of equal ones the last counts. */
static MoeJinjaValue *
evaluate_dict (MoeJinjaRun        *run,
               const MoeJinjaNode *node)
{
  MoeJinjaValue *mapping = moe_jinja_list_new (run->arena, MOE_JINJA_MAPPING, node->children->len / 2,
                                               run->error);

  if (mapping == NULL)
    return NULL;
  mapping->length = 0;
  for (guint i = 0; i + 1 < node->children->len; i += 2)
    {
      MoeJinjaValue *key = moe_jinja_evaluate (run, moe_jinja_node_child (node, i));
      MoeJinjaValue *value = NULL;
      gsize at = 0;

      if (key != NULL)
        value = moe_jinja_evaluate (run, moe_jinja_node_child (node, i + 1));
      if (value == NULL)
        return NULL;
      if (key->type != MOE_JINJA_TEXT_VALUE)
        return moe_jinja_run_refuse (run, "has a mapping with a key that is not", "a text");
      while (at < mapping->length && !moe_jinja_text_is (key, mapping->keys[at]))
        at++;
      mapping->keys[at] = key->text;
      mapping->items[at] = value;
      mapping->length = MAX (mapping->length, at + 1);
    }

  return mapping;
}

static MoeJinjaValue *
evaluate_slice (MoeJinjaRun                *run,
                const MoeJinjaNode *node)
{
  MoeJinjaValue *parts[4] = { NULL, NULL, NULL, NULL };

  for (guint i = 0; i < 4; i++)
    {
      if (moe_jinja_node_child (node, i) != NULL &&
          (parts[i] = moe_jinja_evaluate (run, moe_jinja_node_child (node, i))) == NULL)
        return NULL;
    }

  return moe_jinja_slice (run->arena, parts[0], parts[1], parts[2], parts[3], run->error);
}

static MoeJinjaValue *
evaluate_with_arguments (MoeJinjaRun                *run,
                         const MoeJinjaNode *node)
{
  MoeJinjaValue *subject = moe_jinja_evaluate (run, moe_jinja_node_child (node, 0));
  MoeJinjaValue *arguments[MAX_ARGUMENTS];
  gboolean result;
  guint n;

  if (subject == NULL || !evaluate_arguments (run, node, node->text, arguments, &n))
    return NULL;
  if (node->type == MOE_JINJA_NODE_FILTER)
    return moe_jinja_filter (run->arena, node->text, subject, arguments, n, run->error);
  if (!moe_jinja_test (node->text, subject, arguments, n, &result, run->error))
    return NULL;

  return moe_jinja_run_new_value (run, MOE_JINJA_BOOLEAN, result != (node->number != 0));
}

static MoeJinjaValue *
evaluate_node (MoeJinjaRun        *run,
               const MoeJinjaNode *node)
{
  MoeJinjaValue *a, *b;

  switch (node->type)
    {
    case MOE_JINJA_NODE_STRING:
      return moe_jinja_string_new (run->arena, node->text, strlen (node->text), NULL, 0, run->error);
    case MOE_JINJA_NODE_INTEGER:
      return moe_jinja_run_new_value (run, MOE_JINJA_NUMBER, node->number);
    case MOE_JINJA_NODE_BOOLEAN:
      return moe_jinja_run_new_value (run, MOE_JINJA_BOOLEAN, node->number);
    case MOE_JINJA_NODE_NONE:
      return moe_jinja_run_new_value (run, MOE_JINJA_NONE, 0);
    case MOE_JINJA_NODE_NAME:
      return look_up (run, node->text);
    case MOE_JINJA_NODE_LIST:
      return evaluate_list (run, node);
    case MOE_JINJA_NODE_DICT:
      return evaluate_dict (run, node);
    case MOE_JINJA_NODE_ATTRIBUTE:
      a = moe_jinja_evaluate (run, moe_jinja_node_child (node, 0));
      return a != NULL ? get_attribute (run, a, node->text) : NULL;
    case MOE_JINJA_NODE_ITEM:
      a = moe_jinja_evaluate (run, moe_jinja_node_child (node, 0));
      b = a != NULL ? moe_jinja_evaluate (run, moe_jinja_node_child (node, 1)) : NULL;
      return b != NULL ? get_item (run, a, b) : NULL;
    case MOE_JINJA_NODE_SLICE:
      return evaluate_slice (run, node);
    case MOE_JINJA_NODE_CALL:
      return call (run, node);
    case MOE_JINJA_NODE_FILTER:
    case MOE_JINJA_NODE_TEST:
      return evaluate_with_arguments (run, node);
    case MOE_JINJA_NODE_NOT:
      a = moe_jinja_evaluate (run, moe_jinja_node_child (node, 0));
      return a != NULL ? moe_jinja_run_new_value (run, MOE_JINJA_BOOLEAN, !moe_jinja_is_true (a)) : NULL;
    case MOE_JINJA_NODE_NEGATE:
      a = moe_jinja_evaluate (run, moe_jinja_node_child (node, 0));
      if (a != NULL && a->type != MOE_JINJA_NUMBER)
        return moe_jinja_run_refuse (run, "negates", "a value");
      b = a != NULL ? moe_jinja_run_new_value (run, MOE_JINJA_NUMBER, 0) : NULL;
      return b != NULL ? moe_jinja_operate (run->arena, "-", b, a, run->error) : NULL;
    case MOE_JINJA_NODE_AND:
    case MOE_JINJA_NODE_OR:
      a = moe_jinja_evaluate (run, moe_jinja_node_child (node, 0));
      if (a == NULL || moe_jinja_is_true (a) == (node->type == MOE_JINJA_NODE_OR))
        return a;
      return moe_jinja_evaluate (run, moe_jinja_node_child (node, 1));
    case MOE_JINJA_NODE_BINARY:
      a = moe_jinja_evaluate (run, moe_jinja_node_child (node, 0));
      b = a != NULL ? moe_jinja_evaluate (run, moe_jinja_node_child (node, 1)) : NULL;
      return b != NULL ? moe_jinja_operate (run->arena, node->text, a, b, run->error) : NULL;
    case MOE_JINJA_NODE_CHOICE:
      a = moe_jinja_evaluate (run, moe_jinja_node_child (node, 1));
      if (a == NULL)
        return NULL;
      if (moe_jinja_is_true (a))
        return moe_jinja_evaluate (run, moe_jinja_node_child (node, 0));
      return moe_jinja_node_child (node, 2) != NULL ? moe_jinja_evaluate (run, moe_jinja_node_child (node, 2))
          : moe_jinja_run_new_value (run, MOE_JINJA_UNDEFINED, 0);
    default:
      g_return_val_if_reached (NULL);
    }
}

MoeJinjaValue *
moe_jinja_evaluate (MoeJinjaRun        *run,
                    const MoeJinjaNode *node)
{
  MoeJinjaValue *value;

  if (!moe_jinja_take_step (run))
    return NULL;
  if (run->n_nested >= MAX_NESTED)
    {
      g_set_error_literal (run->error, MOE_ERROR, MOE_ERROR_LIMIT, "an expression is too long");
      return NULL;
    }

  run->n_nested++;
  value = evaluate_node (run, node);
  run->n_nested--;
  return value;
}
