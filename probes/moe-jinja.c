/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-jinja"

#include "probes/moe-jinja.h"

#include <string.h>

#include "data/moe-error.h"
#include "probes/moe-jinja-private.h"

/* A template of some hundred lines takes a few thousand steps for each message. */
#define MAX_STEPS 20000000u
#define MAX_CALLS 20
#define MAX_ARGUMENTS 8

/* One level of names; a loop's body and a macro's body have their own. */
typedef struct _Scope Scope;
struct _Scope
{
  Scope      *outer;
  GHashTable *values; /* name -> MoeJinjaValue */
};

typedef enum { GO_ON, BREAK, CONTINUE } Flow;

typedef struct
{
  MoeJinjaArena *arena;
  Scope         *scope;
  Scope         *globals;
  GString       *text;
  GByteArray    *marks;
  guint          n_steps;
  guint          n_calls;
  Flow           flow;
  GError       **error;
} Run;

static gboolean run_node (Run *run, const MoeJinjaNode *node);
static MoeJinjaValue *evaluate (Run *run, const MoeJinjaNode *node);

static const MoeJinjaNode *
child (const MoeJinjaNode *node,
       guint               index)
{
  return index < node->children->len ? g_ptr_array_index (node->children, index) : NULL;
}

static gpointer
refuse (Run        *run,
        const char *what,
        const char *name)
{
  g_set_error (run->error, MOE_ERROR, MOE_ERROR_UNSUPPORTED, "the chat template %s \"%s\", which is not supported "
               "here", what, name);
  return NULL;
}

static MoeJinjaValue *
new_value (Run               *run,
           MoeJinjaValueType  type,
           gint64             number)
{
  return moe_jinja_value_new (run->arena, type, number, run->error);
}

static void
enter_scope (Run   *run,
             Scope *scope,
             Scope *outer)
{
  scope->outer = outer;
  scope->values = g_hash_table_new (g_str_hash, g_str_equal);
  run->scope = scope;
}

static void
leave_scope (Run   *run,
             Scope *scope,
             Scope *back)
{
  g_hash_table_unref (scope->values);
  run->scope = back;
}

static MoeJinjaValue *
look_up (Run        *run,
         const char *name)
{
  static const char *const functions[] = { "raise_exception", "namespace", "range", "strftime_now", NULL };
  MoeJinjaValue *value;

  for (const Scope *scope = run->scope; scope != NULL; scope = scope->outer)
    {
      value = g_hash_table_lookup (scope->values, name);
      if (value != NULL)
        return value;
    }

  if (g_strv_contains (functions, name))
    {
      value = new_value (run, MOE_JINJA_FUNCTION, 0);
      if (value != NULL)
        value->text = name;
      return value;
    }
  /* Names that mean something to Jinja but not here must not pass for undefined. */
  if (strcmp (name, "dict") == 0 || strcmp (name, "lipsum") == 0 || strcmp (name, "cycler") == 0 ||
      strcmp (name, "joiner") == 0 || strcmp (name, "self") == 0 || strcmp (name, "caller") == 0 ||
      strcmp (name, "varargs") == 0 || strcmp (name, "kwargs") == 0)
    return refuse (run, "uses", name);

  return new_value (run, MOE_JINJA_UNDEFINED, 0);
}

static MoeJinjaValue *
get_attribute (Run           *run,
               MoeJinjaValue *object,
               const char    *name)
{
  MoeJinjaValue *value = NULL;

  if (object->type == MOE_JINJA_UNDEFINED || object->type == MOE_JINJA_NONE)
    {
      if (object->type == MOE_JINJA_UNDEFINED)
        return refuse (run, "asks something undefined for", name);
      return new_value (run, MOE_JINJA_UNDEFINED, 0);
    }

  if (moe_jinja_has_method (object, name))
    {
      value = new_value (run, MOE_JINJA_METHOD, 0);
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
      return value != NULL ? value : new_value (run, MOE_JINJA_UNDEFINED, 0);
    }

  /* It may well be a method that isn't known here. */
  return refuse (run, "asks a value for", name);
}

static MoeJinjaValue *
get_item (Run           *run,
          MoeJinjaValue *object,
          MoeJinjaValue *index)
{
  if (object->type == MOE_JINJA_MAPPING && index->type == MOE_JINJA_TEXT_VALUE)
    {
      MoeJinjaValue *value = moe_jinja_get_key (object, index->text);

      return value != NULL ? value : new_value (run, MOE_JINJA_UNDEFINED, 0);
    }
  if (object->type == MOE_JINJA_SEQUENCE && index->type == MOE_JINJA_NUMBER)
    {
      const gint64 length = (gint64) object->length;
      const gint64 at = index->number < 0 ? index->number + length : index->number;

      return at >= 0 && at < length ? object->items[at] : new_value (run, MOE_JINJA_UNDEFINED, 0);
    }

  return refuse (run, "takes an item by", index->type == MOE_JINJA_TEXT_VALUE ? index->text : "a value");
}

static MoeJinjaValue *
call_function (Run            *run,
               const char     *name,
               MoeJinjaValue **arguments,
               guint           n)
{
  MoeJinjaValue *list;
  gint64 first = 0, last;

  if (strcmp (name, "raise_exception") == 0 && n == 1 && arguments[0]->type == MOE_JINJA_TEXT_VALUE)
    {
      g_set_error (run->error, MOE_ERROR, MOE_ERROR_INVALID, "the chat template refuses these messages: %.*s",
                   (int) MIN (arguments[0]->length, 300), arguments[0]->text);
      return NULL;
    }
  if (strcmp (name, "strftime_now") == 0)
    {
      g_set_error_literal (run->error, MOE_ERROR, MOE_ERROR_UNSUPPORTED, "the chat template writes today's date into "
                           "the prompt, which would make every run different");
      return NULL;
    }
  if (strcmp (name, "range") == 0 && (n == 1 || n == 2) && arguments[0]->type == MOE_JINJA_NUMBER &&
      arguments[n - 1]->type == MOE_JINJA_NUMBER)
    {
      if (n == 2)
        first = arguments[0]->number;
      last = MAX (arguments[n - 1]->number, first);
      if (last - first > 1000000)
        return refuse (run, "uses a large", name);
      list = moe_jinja_list_new (run->arena, MOE_JINJA_SEQUENCE, (gsize) (last - first), run->error);
      for (gint64 i = first; list != NULL && i < last; i++)
        {
          list->items[i - first] = new_value (run, MOE_JINJA_NUMBER, i);
          if (list->items[i - first] == NULL)
            return NULL;
        }
      return list;
    }

  return refuse (run, "uses the function", name);
}

/* namespace (a=1, b=2): room for a few more names. */
static MoeJinjaValue *
new_namespace (Run                *run,
               const MoeJinjaNode *call)
{
  const guint n = call->children->len - 1;
  MoeJinjaValue *value = moe_jinja_list_new (run->arena, MOE_JINJA_NAMESPACE, n + 16, run->error);

  if (value == NULL)
    return NULL;
  value->length = 0;
  for (guint i = 1; i <= n; i++)
    {
      const MoeJinjaNode *keyword = child (call, i);

      if (keyword->type != MOE_JINJA_NODE_KEYWORD)
        return refuse (run, "uses the function", "namespace");
      value->keys[value->length] = keyword->text;
      value->items[value->length] = evaluate (run, child (keyword, 0));
      if (value->items[value->length] == NULL)
        return NULL;
      value->length++;
    }
  value->number = (gint64) n + 16;

  return value;
}

static MoeJinjaValue *
call_macro (Run                *run,
            const MoeJinjaNode *macro,
            const MoeJinjaNode *call)
{
  Scope scope, *back = run->scope;
  GString *text = run->text;
  GByteArray *marks = run->marks;
  g_autoptr (GHashTable) given = g_hash_table_new (g_str_hash, g_str_equal);
  MoeJinjaValue *result = NULL;
  gboolean valid = TRUE;
  guint n_by_position = 0;

  if (run->n_calls >= MAX_CALLS)
    return refuse (run, "nests calls of", macro->text);

  for (guint i = 1; i < call->children->len; i++)
    {
      const MoeJinjaNode *argument = child (call, i);
      const gboolean by_name = argument->type == MOE_JINJA_NODE_KEYWORD;
      const MoeJinjaNode *parameter = by_name ? NULL : child (macro, ++n_by_position);
      MoeJinjaValue *value = evaluate (run, by_name ? child (argument, 0) : argument);

      if (value == NULL)
        return NULL;
      if (!by_name && parameter == NULL)
        return refuse (run, "gives too many arguments to", macro->text);
      g_hash_table_insert (given, by_name ? argument->text : parameter->text, value);
    }

  enter_scope (run, &scope, run->globals);
  run->text = g_string_new (NULL);
  run->marks = g_byte_array_new ();
  run->n_calls++;
  for (guint i = 1; valid && i < macro->children->len; i++)
    {
      const MoeJinjaNode *parameter = child (macro, i);
      MoeJinjaValue *value = g_hash_table_lookup (given, parameter->text);

      if (value == NULL && parameter->type == MOE_JINJA_NODE_KEYWORD)
        value = evaluate (run, child (parameter, 0));
      else if (value == NULL)
        value = new_value (run, MOE_JINJA_UNDEFINED, 0);
      valid = value != NULL;
      if (valid)
        g_hash_table_insert (scope.values, parameter->text, value);
    }

  if (valid && run_node (run, child (macro, 0)))
    result = moe_jinja_string_new (run->arena, run->text->str, run->text->len, run->marks->data, 0, run->error);

  run->n_calls--;
  g_string_free (run->text, TRUE);
  g_byte_array_unref (run->marks);
  run->text = text;
  run->marks = marks;
  leave_scope (run, &scope, back);
  return result;
}

/* Arguments by position only. */
static gboolean
evaluate_arguments (Run                *run,
                    const MoeJinjaNode *node,
                    const char         *name,
                    MoeJinjaValue     **arguments,
                    guint              *n)
{
  *n = node->children->len - 1;
  if (*n > MAX_ARGUMENTS)
    return refuse (run, "gives too many arguments to", name) != NULL;

  for (guint i = 0; i < *n; i++)
    {
      const MoeJinjaNode *argument = child (node, i + 1);

      if (argument->type == MOE_JINJA_NODE_KEYWORD)
        return refuse (run, "gives a named argument to", name) != NULL;
      arguments[i] = evaluate (run, argument);
      if (arguments[i] == NULL)
        return FALSE;
    }

  return TRUE;
}

static MoeJinjaValue *
call (Run                *run,
      const MoeJinjaNode *node)
{
  MoeJinjaValue *callee = evaluate (run, child (node, 0));
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
      const MoeJinjaNode *name = child (node, 0);

      return refuse (run, "calls", name->text != NULL ? name->text : "a value");
    }
  if (!evaluate_arguments (run, node, callee->text, arguments, &n))
    return NULL;
  if (callee->type == MOE_JINJA_FUNCTION)
    return call_function (run, callee->text, arguments, n);

  return moe_jinja_method (run->arena, callee->text, callee->self, arguments, n, run->error);
}

static MoeJinjaValue *
evaluate_list (Run                *run,
               const MoeJinjaNode *node)
{
  MoeJinjaValue *list = moe_jinja_list_new (run->arena, MOE_JINJA_SEQUENCE, node->children->len, run->error);

  for (guint i = 0; list != NULL && i < node->children->len; i++)
    {
      list->items[i] = evaluate (run, child (node, i));
      if (list->items[i] == NULL)
        return NULL;
    }

  return list;
}

static MoeJinjaValue *
evaluate_slice (Run                *run,
                const MoeJinjaNode *node)
{
  MoeJinjaValue *parts[4] = { NULL, NULL, NULL, NULL };

  for (guint i = 0; i < 4; i++)
    {
      if (child (node, i) != NULL && (parts[i] = evaluate (run, child (node, i))) == NULL)
        return NULL;
    }

  return moe_jinja_slice (run->arena, parts[0], parts[1], parts[2], parts[3], run->error);
}

static MoeJinjaValue *
evaluate_with_arguments (Run                *run,
                         const MoeJinjaNode *node)
{
  MoeJinjaValue *subject = evaluate (run, child (node, 0));
  MoeJinjaValue *arguments[MAX_ARGUMENTS];
  gboolean result;
  guint n;

  if (subject == NULL || !evaluate_arguments (run, node, node->text, arguments, &n))
    return NULL;
  if (node->type == MOE_JINJA_NODE_FILTER)
    return moe_jinja_filter (run->arena, node->text, subject, arguments, n, run->error);
  if (!moe_jinja_test (node->text, subject, arguments, n, &result, run->error))
    return NULL;

  return new_value (run, MOE_JINJA_BOOLEAN, result != (node->number != 0));
}

static gboolean
take_step (Run *run)
{
  if (++run->n_steps <= MAX_STEPS)
    return TRUE;

  g_set_error_literal (run->error, MOE_ERROR, MOE_ERROR_LIMIT, "rendering the chat template takes too many steps");
  return FALSE;
}

static MoeJinjaValue *
evaluate (Run                *run,
          const MoeJinjaNode *node)
{
  MoeJinjaValue *a, *b;

  if (!take_step (run))
    return NULL;

  switch (node->type)
    {
    case MOE_JINJA_NODE_STRING:
      return moe_jinja_string_new (run->arena, node->text, strlen (node->text), NULL, 0, run->error);
    case MOE_JINJA_NODE_INTEGER:
      return new_value (run, MOE_JINJA_NUMBER, node->number);
    case MOE_JINJA_NODE_BOOLEAN:
      return new_value (run, MOE_JINJA_BOOLEAN, node->number);
    case MOE_JINJA_NODE_NONE:
      return new_value (run, MOE_JINJA_NONE, 0);
    case MOE_JINJA_NODE_NAME:
      return look_up (run, node->text);
    case MOE_JINJA_NODE_LIST:
      return evaluate_list (run, node);
    case MOE_JINJA_NODE_ATTRIBUTE:
      a = evaluate (run, child (node, 0));
      return a != NULL ? get_attribute (run, a, node->text) : NULL;
    case MOE_JINJA_NODE_ITEM:
      a = evaluate (run, child (node, 0));
      b = a != NULL ? evaluate (run, child (node, 1)) : NULL;
      return b != NULL ? get_item (run, a, b) : NULL;
    case MOE_JINJA_NODE_SLICE:
      return evaluate_slice (run, node);
    case MOE_JINJA_NODE_CALL:
      return call (run, node);
    case MOE_JINJA_NODE_FILTER:
    case MOE_JINJA_NODE_TEST:
      return evaluate_with_arguments (run, node);
    case MOE_JINJA_NODE_NOT:
      a = evaluate (run, child (node, 0));
      return a != NULL ? new_value (run, MOE_JINJA_BOOLEAN, !moe_jinja_is_true (a)) : NULL;
    case MOE_JINJA_NODE_NEGATE:
      a = evaluate (run, child (node, 0));
      if (a != NULL && a->type != MOE_JINJA_NUMBER)
        return refuse (run, "negates", "a value");
      return a != NULL ? new_value (run, MOE_JINJA_NUMBER, -a->number) : NULL;
    case MOE_JINJA_NODE_AND:
    case MOE_JINJA_NODE_OR:
      a = evaluate (run, child (node, 0));
      if (a == NULL || moe_jinja_is_true (a) == (node->type == MOE_JINJA_NODE_OR))
        return a;
      return evaluate (run, child (node, 1));
    case MOE_JINJA_NODE_BINARY:
      a = evaluate (run, child (node, 0));
      b = a != NULL ? evaluate (run, child (node, 1)) : NULL;
      return b != NULL ? moe_jinja_operate (run->arena, node->text, a, b, run->error) : NULL;
    case MOE_JINJA_NODE_CHOICE:
      a = evaluate (run, child (node, 1));
      if (a == NULL)
        return NULL;
      if (moe_jinja_is_true (a))
        return evaluate (run, child (node, 0));
      return child (node, 2) != NULL ? evaluate (run, child (node, 2)) : new_value (run, MOE_JINJA_UNDEFINED, 0);
    default:
      return refuse (run, "uses", "a mapping");
    }
}

static void
append (Run                 *run,
        const MoeJinjaValue *value)
{
  g_string_append_len (run->text, value->text, (gssize) value->length);
  g_byte_array_append (run->marks, value->marks, (guint) value->length);
}

static gboolean
assign (Run                *run,
        const MoeJinjaNode *target,
        MoeJinjaValue      *value)
{
  MoeJinjaValue *space;
  gsize i;

  if (target->type == MOE_JINJA_NODE_NAME)
    {
      g_hash_table_insert (run->scope->values, target->text, value);
      return TRUE;
    }

  space = evaluate (run, child (target, 0));
  if (space == NULL)
    return FALSE;
  if (space->type != MOE_JINJA_NAMESPACE)
    return refuse (run, "assigns to", target->text) != NULL;
  for (i = 0; i < space->length && strcmp (space->keys[i], target->text) != 0; i++)
    ;
  if ((gint64) i >= space->number)
    return refuse (run, "has too many names like", target->text) != NULL;
  space->keys[i] = target->text;
  space->items[i] = value;
  space->length = MAX (space->length, i + 1);

  return TRUE;
}

static gboolean
run_set (Run                *run,
         const MoeJinjaNode *node)
{
  const MoeJinjaNode *source = child (node, 1);
  MoeJinjaValue *value;

  if (source->type == MOE_JINJA_NODE_BLOCK)
    {
      GString *text = run->text;
      GByteArray *marks = run->marks;

      run->text = g_string_new (NULL);
      run->marks = g_byte_array_new ();
      value = NULL;
      if (run_node (run, source))
        value = moe_jinja_string_new (run->arena, run->text->str, run->text->len, run->marks->data, 0, run->error);
      g_string_free (run->text, TRUE);
      g_byte_array_unref (run->marks);
      run->text = text;
      run->marks = marks;
    }
  else
    {
      value = evaluate (run, source);
    }

  return value != NULL && assign (run, child (node, 0), value);
}

/* The variable "loop" of item @i. */
static MoeJinjaValue *
new_loop (Run                 *run,
          const MoeJinjaValue *list,
          gsize                i)
{
  const gint64 n = (gint64) list->length, at = (gint64) i;
  const struct { const char *name; MoeJinjaValueType type; gint64 number; } numbers[] = {
    { "index", MOE_JINJA_NUMBER, at + 1 }, { "index0", MOE_JINJA_NUMBER, at },
    { "revindex", MOE_JINJA_NUMBER, n - at }, { "revindex0", MOE_JINJA_NUMBER, n - at - 1 },
    { "first", MOE_JINJA_BOOLEAN, at == 0 }, { "last", MOE_JINJA_BOOLEAN, at == n - 1 },
    { "length", MOE_JINJA_NUMBER, n },
  };
  const gsize n_numbers = G_N_ELEMENTS (numbers);
  MoeJinjaValue *loop = moe_jinja_list_new (run->arena, MOE_JINJA_NAMESPACE, n_numbers + 2, run->error);

  if (loop == NULL)
    return NULL;
  for (gsize j = 0; j < n_numbers; j++)
    {
      loop->keys[j] = numbers[j].name;
      loop->items[j] = new_value (run, numbers[j].type, numbers[j].number);
      if (loop->items[j] == NULL)
        return NULL;
    }
  loop->keys[n_numbers] = "previtem";
  loop->items[n_numbers] = i > 0 ? list->items[i - 1] : new_value (run, MOE_JINJA_UNDEFINED, 0);
  loop->keys[n_numbers + 1] = "nextitem";
  loop->items[n_numbers + 1] = i + 1 < list->length ? list->items[i + 1] : new_value (run, MOE_JINJA_UNDEFINED, 0);

  return loop->items[n_numbers] != NULL && loop->items[n_numbers + 1] != NULL ? loop : NULL;
}

static gboolean
bind_targets (Run                *run,
              const MoeJinjaNode *targets,
              MoeJinjaValue      *item)
{
  const guint n = targets->children->len;

  if (n == 1)
    return assign (run, child (targets, 0), item);
  if (item->type != MOE_JINJA_SEQUENCE || item->length != n)
    return refuse (run, "unpacks", child (targets, 0)->text) != NULL;
  for (guint i = 0; i < n; i++)
    {
      if (!assign (run, child (targets, i), item->items[i]))
        return FALSE;
    }

  return TRUE;
}

/* The items that pass the loop's condition. */
static MoeJinjaValue *
filter_items (Run                *run,
              const MoeJinjaNode *node,
              MoeJinjaValue      *list)
{
  g_autoptr (GPtrArray) kept = g_ptr_array_new ();
  MoeJinjaValue *result;

  for (gsize i = 0; i < list->length; i++)
    {
      Scope scope, *back = run->scope;
      MoeJinjaValue *passes = NULL;

      enter_scope (run, &scope, back);
      if (bind_targets (run, child (node, 0), list->items[i]))
        passes = evaluate (run, child (node, 2));
      leave_scope (run, &scope, back);
      if (passes == NULL)
        return NULL;
      if (moe_jinja_is_true (passes))
        g_ptr_array_add (kept, list->items[i]);
    }

  result = moe_jinja_list_new (run->arena, MOE_JINJA_SEQUENCE, kept->len, run->error);
  if (result != NULL && kept->len > 0)
    memcpy (result->items, kept->pdata, kept->len * sizeof (gpointer));
  return result;
}

static gboolean
run_for (Run                *run,
         const MoeJinjaNode *node)
{
  MoeJinjaValue *list = evaluate (run, child (node, 1));

  if (list == NULL)
    return FALSE;
  if (list->type != MOE_JINJA_SEQUENCE && list->type != MOE_JINJA_UNDEFINED)
    return refuse (run, "loops over a value for", child (child (node, 0), 0)->text) != NULL;
  if (child (node, 2) != NULL && (list = filter_items (run, node, list)) == NULL)
    return FALSE;

  for (gsize i = 0; i < list->length; i++)
    {
      Scope scope, *back = run->scope;
      MoeJinjaValue *loop = new_loop (run, list, i);
      gboolean valid = loop != NULL;

      enter_scope (run, &scope, back);
      if (valid)
        {
          g_hash_table_insert (scope.values, (gpointer) "loop", loop);
          valid = bind_targets (run, child (node, 0), list->items[i]) && run_node (run, child (node, 3));
        }
      leave_scope (run, &scope, back);
      if (!valid)
        return FALSE;

      if (run->flow == BREAK)
        {
          run->flow = GO_ON;
          break;
        }
      run->flow = GO_ON;
    }

  if (list->length == 0 && child (node, 4) != NULL)
    return run_node (run, child (node, 4));
  return TRUE;
}

static gboolean
run_node (Run                *run,
          const MoeJinjaNode *node)
{
  MoeJinjaValue *value;

  if (!take_step (run))
    return FALSE;

  switch (node->type)
    {
    case MOE_JINJA_NODE_BLOCK:
      for (guint i = 0; i < node->children->len && run->flow == GO_ON; i++)
        {
          if (!run_node (run, child (node, i)))
            return FALSE;
        }
      return TRUE;
    case MOE_JINJA_NODE_DATA:
      value = moe_jinja_string_new (run->arena, node->text, strlen (node->text), NULL, 0, run->error);
      if (value != NULL)
        append (run, value);
      return value != NULL;
    case MOE_JINJA_NODE_OUTPUT:
      value = evaluate (run, child (node, 0));
      value = value != NULL ? moe_jinja_to_string (run->arena, value, run->error) : NULL;
      if (value != NULL)
        append (run, value);
      return value != NULL;
    case MOE_JINJA_NODE_IF:
      value = evaluate (run, child (node, 0));
      if (value == NULL)
        return FALSE;
      if (moe_jinja_is_true (value))
        return run_node (run, child (node, 1));
      return child (node, 2) == NULL || run_node (run, child (node, 2));
    case MOE_JINJA_NODE_FOR:
      return run_for (run, node);
    case MOE_JINJA_NODE_SET:
      return run_set (run, node);
    case MOE_JINJA_NODE_MACRO:
      value = new_value (run, MOE_JINJA_MACRO, 0);
      if (value == NULL)
        return FALSE;
      value->macro = node;
      g_hash_table_insert (run->scope->values, node->text, value);
      return TRUE;
    case MOE_JINJA_NODE_BREAK:
      run->flow = BREAK;
      return TRUE;
    case MOE_JINJA_NODE_CONTINUE:
      run->flow = CONTINUE;
      return TRUE;
    default:
      g_return_val_if_reached (FALSE);
    }
}

static MoeJinjaValue *
new_messages (Run                   *run,
              const MoeJinjaMessage *messages,
              guint                  n_messages)
{
  MoeJinjaValue *list = moe_jinja_list_new (run->arena, MOE_JINJA_SEQUENCE, n_messages, run->error);

  for (guint i = 0; list != NULL && i < n_messages; i++)
    {
      MoeJinjaValue *message = moe_jinja_list_new (run->arena, MOE_JINJA_MAPPING, 2, run->error);

      if (message == NULL)
        return NULL;
      message->keys[0] = "role";
      message->items[0] = moe_jinja_string_new (run->arena, messages[i].role, strlen (messages[i].role), NULL, 0,
                                                run->error);
      message->keys[1] = "content";
      message->items[1] = moe_jinja_string_new (run->arena, messages[i].content, strlen (messages[i].content), NULL, 1,
                                                run->error);
      if (message->items[0] == NULL || message->items[1] == NULL)
        return NULL;
      list->items[i] = message;
    }

  return list;
}

static gboolean
set_global (Run           *run,
            const char    *name,
            MoeJinjaValue *value)
{
  if (value != NULL)
    g_hash_table_insert (run->globals->values, (gpointer) name, value);

  return value != NULL;
}

gboolean
moe_jinja_render (const MoeJinja         *self,
                  const MoeJinjaMessage  *messages,
                  guint                   n_messages,
                  const MoeJinjaVariable *variables,
                  guint                   n_variables,
                  GString                *text,
                  GByteArray             *from_message,
                  GError                **error)
{
  Scope globals = { NULL, NULL };
  Run run = { .arena = moe_jinja_arena_new (), .globals = &globals, .text = text, .marks = from_message };
  GError *local = NULL;
  gboolean done;

  run.error = &local;
  enter_scope (&run, &globals, NULL);

  done = set_global (&run, "messages", new_messages (&run, messages, n_messages)) &&
         set_global (&run, "add_generation_prompt", new_value (&run, MOE_JINJA_BOOLEAN, TRUE)) &&
         set_global (&run, "tools", new_value (&run, MOE_JINJA_NONE, 0)) &&
         set_global (&run, "documents", new_value (&run, MOE_JINJA_NONE, 0));
  for (guint i = 0; done && i < n_variables; i++)
    done = set_global (&run, variables[i].name,
                       moe_jinja_string_new (run.arena, variables[i].value, strlen (variables[i].value), NULL, 0,
                                             run.error));
  done = done && run_node (&run, self->root);

  leave_scope (&run, &globals, NULL);
  moe_jinja_arena_free (run.arena);
  if (!done)
    g_propagate_error (error, local);
  return done;
}
