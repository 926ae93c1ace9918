/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-jinja"

#include "probes/moe-jinja.h"

#include <string.h>

#include "data/moe-error.h"
#include "probes/moe-jinja-run.h"

/* A template of some hundred lines takes a few thousand steps for each message. */
#define MAX_STEPS 5000000u
#define MAX_TEXT (256u * 1024 * 1024)

const MoeJinjaNode *
moe_jinja_node_child (const MoeJinjaNode *node,
                      guint               index)
{
  return index < node->children->len ? g_ptr_array_index (node->children, index) : NULL;
}

gpointer
moe_jinja_run_refuse (MoeJinjaRun        *run,
                      const char *what,
                      const char *name)
{
  g_set_error (run->error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
               "the chat template %s \"%s\", which is not supported "
               "here", what, name);
  return NULL;
}

MoeJinjaValue *
moe_jinja_run_new_value (MoeJinjaRun               *run,
                         MoeJinjaValueType  type,
                         gint64             number)
{
  return moe_jinja_value_new (run->arena, type, number, run->error);
}

void
moe_jinja_enter_scope (MoeJinjaRun   *run,
                       MoeJinjaScope *scope,
                       MoeJinjaScope *outer)
{
  scope->outer = outer;
  scope->values = g_hash_table_new (g_str_hash, g_str_equal);
  run->scope = scope;
}

void
moe_jinja_leave_scope (MoeJinjaRun   *run,
                       MoeJinjaScope *scope,
                       MoeJinjaScope *back)
{
  g_hash_table_unref (scope->values);
  run->scope = back;
}

gboolean
moe_jinja_take_step (MoeJinjaRun *run)
{
  if (++run->n_steps <= MAX_STEPS)
    return TRUE;

  g_set_error_literal (run->error, MOE_ERROR, MOE_ERROR_LIMIT,
                       "rendering the chat template takes too many steps");
  return FALSE;
}

static gboolean
append (MoeJinjaRun         *run,
        const MoeJinjaValue *value)
{
  if (value == NULL)
    return FALSE;
  if (value->length > MAX_TEXT - MIN (run->text->len, MAX_TEXT))
    {
      g_set_error_literal (run->error, MOE_ERROR, MOE_ERROR_LIMIT, "the chat template writes too much");
      return FALSE;
    }

  g_string_append_len (run->text, value->text, (gssize) value->length);
  g_byte_array_append (run->marks, value->marks, (guint) value->length);
  return TRUE;
}

static gboolean
assign (MoeJinjaRun                *run,
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

  space = moe_jinja_evaluate (run, moe_jinja_node_child (target, 0));
  if (space == NULL)
    return FALSE;
  if (space->type != MOE_JINJA_NAMESPACE)
    return moe_jinja_run_refuse (run, "assigns to", target->text) != NULL;
  for (i = 0; i < space->length && strcmp (space->keys[i], target->text) != 0; i++)
    ;
  if ((gint64) i >= space->number)
    return moe_jinja_run_refuse (run, "has too many names like", target->text) != NULL;
  space->keys[i] = target->text;
  space->items[i] = value;
  space->length = MAX (space->length, i + 1);

  return TRUE;
}

static gboolean
run_set (MoeJinjaRun                *run,
         const MoeJinjaNode *node)
{
  const MoeJinjaNode *source = moe_jinja_node_child (node, 1);
  MoeJinjaValue *value;

  if (source->type == MOE_JINJA_NODE_BLOCK)
    {
      GString *text = run->text;
      GByteArray *marks = run->marks;

      run->text = g_string_new (NULL);
      run->marks = g_byte_array_new ();
      value = NULL;
      if (moe_jinja_run_node (run, source))
        value = moe_jinja_string_new (run->arena, run->text->str, run->text->len, run->marks->data, 0,
                                      run->error);
      g_string_free (run->text, TRUE);
      g_byte_array_unref (run->marks);
      run->text = text;
      run->marks = marks;
    }
  else
    {
      value = moe_jinja_evaluate (run, source);
    }

  return value != NULL && assign (run, moe_jinja_node_child (node, 0), value);
}

/* The variable "loop" of item @i. */
static MoeJinjaValue *
new_loop (MoeJinjaRun                 *run,
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
      loop->items[j] = moe_jinja_run_new_value (run, numbers[j].type, numbers[j].number);
      if (loop->items[j] == NULL)
        return NULL;
    }
  loop->keys[n_numbers] = "previtem";
  loop->items[n_numbers] = i > 0 ? list->items[i - 1] : moe_jinja_run_new_value (run, MOE_JINJA_UNDEFINED, 0);
  loop->keys[n_numbers + 1] = "nextitem";
  loop->items[n_numbers + 1] = i + 1 < list->length ? list->items[i + 1]
      : moe_jinja_run_new_value (run, MOE_JINJA_UNDEFINED, 0);

  return loop->items[n_numbers] != NULL && loop->items[n_numbers + 1] != NULL ? loop : NULL;
}

static gboolean
bind_targets (MoeJinjaRun                *run,
              const MoeJinjaNode *targets,
              MoeJinjaValue      *item)
{
  const guint n = targets->children->len;

  if (n == 1)
    return assign (run, moe_jinja_node_child (targets, 0), item);
  if (item->type != MOE_JINJA_SEQUENCE || item->length != n)
    return moe_jinja_run_refuse (run, "unpacks", moe_jinja_node_child (targets, 0)->text) != NULL;
  for (guint i = 0; i < n; i++)
    {
      if (!assign (run, moe_jinja_node_child (targets, i), item->items[i]))
        return FALSE;
    }

  return TRUE;
}

/* The items that pass the loop's condition. */
static MoeJinjaValue *
filter_items (MoeJinjaRun                *run,
              const MoeJinjaNode *node,
              MoeJinjaValue      *list)
{
  g_autoptr (GPtrArray) kept = g_ptr_array_new ();
  MoeJinjaValue *result;

  for (gsize i = 0; i < list->length; i++)
    {
      MoeJinjaScope scope, *back = run->scope;
      MoeJinjaValue *passes = NULL;

      moe_jinja_enter_scope (run, &scope, back);
      if (bind_targets (run, moe_jinja_node_child (node, 0), list->items[i]))
        passes = moe_jinja_evaluate (run, moe_jinja_node_child (node, 2));
      moe_jinja_leave_scope (run, &scope, back);
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
run_for (MoeJinjaRun                *run,
         const MoeJinjaNode *node)
{
  MoeJinjaValue *list = moe_jinja_evaluate (run, moe_jinja_node_child (node, 1));

  if (list == NULL)
    return FALSE;
  if (list->type != MOE_JINJA_SEQUENCE && list->type != MOE_JINJA_UNDEFINED)
    return moe_jinja_run_refuse (run, "loops over a value for",
                                 moe_jinja_node_child (moe_jinja_node_child (node, 0), 0)->text) != NULL;
  if (moe_jinja_node_child (node, 2) != NULL && (list = filter_items (run, node, list)) == NULL)
    return FALSE;

  for (gsize i = 0; i < list->length; i++)
    {
      MoeJinjaScope scope, *back = run->scope;
      MoeJinjaValue *loop = new_loop (run, list, i);
      gboolean valid = loop != NULL;

      moe_jinja_enter_scope (run, &scope, back);
      if (valid)
        {
          g_hash_table_insert (scope.values, (gpointer) "loop", loop);
          valid = bind_targets (run, moe_jinja_node_child (node, 0), list->items[i]) &&
              moe_jinja_run_node (run, moe_jinja_node_child (node, 3));
        }
      moe_jinja_leave_scope (run, &scope, back);
      if (!valid)
        return FALSE;

      if (run->flow == MOE_JINJA_BREAK)
        {
          run->flow = MOE_JINJA_GO_ON;
          break;
        }
      run->flow = MOE_JINJA_GO_ON;
    }

  if (list->length == 0 && moe_jinja_node_child (node, 4) != NULL)
    return moe_jinja_run_node (run, moe_jinja_node_child (node, 4));
  return TRUE;
}

gboolean
moe_jinja_run_node (MoeJinjaRun                *run,
                    const MoeJinjaNode *node)
{
  MoeJinjaValue *value;

  if (!moe_jinja_take_step (run))
    return FALSE;

  switch (node->type)
    {
    case MOE_JINJA_NODE_BLOCK:
      for (guint i = 0; i < node->children->len && run->flow == MOE_JINJA_GO_ON; i++)
        {
          if (!moe_jinja_run_node (run, moe_jinja_node_child (node, i)))
            return FALSE;
        }
      return TRUE;
    case MOE_JINJA_NODE_DATA:
      value = moe_jinja_string_new (run->arena, node->text, strlen (node->text), NULL, 0, run->error);
      return append (run, value);
    case MOE_JINJA_NODE_OUTPUT:
      value = moe_jinja_evaluate (run, moe_jinja_node_child (node, 0));
      value = value != NULL ? moe_jinja_to_string (run->arena, value, run->error) : NULL;
      return append (run, value);
    case MOE_JINJA_NODE_IF:
      value = moe_jinja_evaluate (run, moe_jinja_node_child (node, 0));
      if (value == NULL)
        return FALSE;
      if (moe_jinja_is_true (value))
        return moe_jinja_run_node (run, moe_jinja_node_child (node, 1));
      return moe_jinja_node_child (node, 2) == NULL ||
          moe_jinja_run_node (run, moe_jinja_node_child (node, 2));
    case MOE_JINJA_NODE_FOR:
      return run_for (run, node);
    case MOE_JINJA_NODE_SET:
      return run_set (run, node);
    case MOE_JINJA_NODE_MACRO:
      value = moe_jinja_run_new_value (run, MOE_JINJA_MACRO, 0);
      if (value == NULL)
        return FALSE;
      value->macro = node;
      g_hash_table_insert (run->scope->values, node->text, value);
      return TRUE;
    case MOE_JINJA_NODE_BREAK:
      run->flow = MOE_JINJA_BREAK;
      return TRUE;
    case MOE_JINJA_NODE_CONTINUE:
      run->flow = MOE_JINJA_CONTINUE;
      return TRUE;
    default:
      g_return_val_if_reached (FALSE);
    }
}

static MoeJinjaValue *
new_messages (MoeJinjaRun                   *run,
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
      message->items[0] = moe_jinja_string_new (run->arena, messages[i].role, strlen (messages[i].role), NULL,
                                                0,
                                                run->error);
      message->keys[1] = "content";
      message->items[1] = moe_jinja_string_new (run->arena, messages[i].content, strlen (messages[i].content),
                                                NULL, 1,
                                                run->error);
      if (message->items[0] == NULL || message->items[1] == NULL)
        return NULL;
      list->items[i] = message;
    }

  return list;
}

static gboolean
set_global (MoeJinjaRun           *run,
            const char    *name,
            MoeJinjaValue *value)
{
  if (value != NULL)
    g_hash_table_insert (run->globals->values, (gpointer) name, value);

  return value != NULL;
}

gboolean
moe_jinja_render (const MoeJinja       *self,
                  const MoeJinjaInput  *input,
                  GString              *text,
                  GByteArray           *from_message,
                  gboolean             *dated,
                  GError              **error)
{
  MoeJinjaScope globals = { NULL, NULL };
  MoeJinjaRun run = { .arena = moe_jinja_arena_new (), .globals = &globals, .text = text,
                      .marks = from_message, .today = input->today };
  GError *local = NULL;
  gboolean done;

  run.error = &local;
  moe_jinja_enter_scope (&run, &globals, NULL);

  done = set_global (&run, "messages", new_messages (&run, input->messages, input->n_messages)) &&
         set_global (&run, "add_generation_prompt",
                     moe_jinja_run_new_value (&run, MOE_JINJA_BOOLEAN, TRUE)) &&
         set_global (&run, "tools", moe_jinja_run_new_value (&run, MOE_JINJA_NONE, 0)) &&
         set_global (&run, "documents", moe_jinja_run_new_value (&run, MOE_JINJA_NONE, 0));
  for (guint i = 0; done && i < input->n_variables; i++)
    {
      const MoeJinjaVariable *variable = &input->variables[i];
      MoeJinjaValue *value;

      if (variable->value == NULL)
        value = moe_jinja_run_new_value (&run, MOE_JINJA_BOOLEAN, variable->truth);
      else
        value = moe_jinja_string_new (run.arena, variable->value, strlen (variable->value), NULL, 0,
                                      run.error);
      done = set_global (&run, variable->name, value);
    }
  done = done && moe_jinja_run_node (&run, self->root);

  moe_jinja_leave_scope (&run, &globals, NULL);
  moe_jinja_arena_free (run.arena);
  if (dated != NULL)
    *dated = run.dated;
  if (!done)
    g_propagate_error (error, local);
  return done;
}
