/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-jinja-parser"

#include <string.h>

#include "data/moe-error.h"
#include "probes/moe-jinja-private.h"

/* Far more than any template nests or holds. */
#define MAX_DEPTH 100
#define MAX_SOURCE (1024 * 1024)

typedef struct
{
  const MoeJinjaToken *at;
  GPtrArray           *nodes;
  guint                depth;
  GError             **error;
} Parser;

static MoeJinjaNode *parse_expression (Parser *parser);
static MoeJinjaNode *parse_unary (Parser *parser, gboolean with_filters);
static MoeJinjaNode *parse_block (Parser *parser, const char *const *ends);

static void
free_node (gpointer data)
{
  MoeJinjaNode *node = data;

  g_free (node->text);
  g_ptr_array_unref (node->children);
  g_free (node);
}

static MoeJinjaNode *
new_node (Parser           *parser,
          MoeJinjaNodeType  type,
          const char       *text)
{
  MoeJinjaNode *node = g_new0 (MoeJinjaNode, 1);

  node->type = type;
  node->text = g_strdup (text);
  node->children = g_ptr_array_new ();
  g_ptr_array_add (parser->nodes, node);

  return node;
}

/* A node with up to three children; those after a NULL are left out. */
static MoeJinjaNode *
new_parent (Parser           *parser,
            MoeJinjaNodeType  type,
            const char       *text,
            MoeJinjaNode     *first,
            MoeJinjaNode     *second)
{
  MoeJinjaNode *node = new_node (parser, type, text);

  g_ptr_array_add (node->children, first);
  if (second != NULL)
    g_ptr_array_add (node->children, second);

  return node;
}

static gpointer
fail (Parser     *parser,
      const char *what)
{
  static const char *const names[] = { "text", "{{", "}}", "{%", "%}", NULL, "a string", "a number", NULL, "its end" };
  const MoeJinjaToken *token = parser->at;
  const char *found = names[token->type] != NULL ? names[token->type] : token->text;

  g_set_error (parser->error, MOE_ERROR, MOE_ERROR_UNSUPPORTED, "%s at \"%s\"", what, found);
  return NULL;
}

static gboolean
is_token (const Parser      *parser,
          MoeJinjaTokenType  type,
          const char        *text)
{
  return parser->at->type == type && (text == NULL || strcmp (parser->at->text, text) == 0);
}

static gboolean
skip (Parser            *parser,
      MoeJinjaTokenType  type,
      const char        *text)
{
  if (!is_token (parser, type, text))
    return FALSE;

  parser->at++;
  return TRUE;
}

static gboolean
expect (Parser            *parser,
        MoeJinjaTokenType  type,
        const char        *text)
{
  if (skip (parser, type, text))
    return TRUE;

  fail (parser, "the template has something unexpected");
  return FALSE;
}

static gboolean
enter (Parser *parser)
{
  if (parser->depth >= MAX_DEPTH)
    {
      g_set_error (parser->error, MOE_ERROR, MOE_ERROR_LIMIT, "the template nests deeper than %d levels", MAX_DEPTH);
      return FALSE;
    }

  parser->depth++;
  return TRUE;
}

/* Up to @end, names or keywords allowed. */
static gboolean
parse_arguments (Parser       *parser,
                 MoeJinjaNode *node,
                 const char   *end)
{
  while (!skip (parser, MOE_JINJA_OPERATOR, end))
    {
      MoeJinjaNode *value, *keyword = NULL;

      if (parser->at->type == MOE_JINJA_NAME && parser->at[1].type == MOE_JINJA_OPERATOR &&
          strcmp (parser->at[1].text, "=") == 0)
        {
          keyword = new_node (parser, MOE_JINJA_NODE_KEYWORD, parser->at->text);
          parser->at += 2;
        }
      value = parse_expression (parser);
      if (value == NULL)
        return FALSE;
      if (keyword != NULL)
        g_ptr_array_add (keyword->children, value);
      g_ptr_array_add (node->children, keyword != NULL ? keyword : value);

      if (!skip (parser, MOE_JINJA_OPERATOR, ",") && !is_token (parser, MOE_JINJA_OPERATOR, end))
        return fail (parser, "the arguments have something unexpected") != NULL;
    }

  return TRUE;
}

static MoeJinjaNode *
parse_dict (Parser *parser)
{
  MoeJinjaNode *node = new_node (parser, MOE_JINJA_NODE_DICT, NULL);

  while (!skip (parser, MOE_JINJA_OPERATOR, "}"))
    {
      MoeJinjaNode *key = parse_expression (parser), *value;

      if (key == NULL || !expect (parser, MOE_JINJA_OPERATOR, ":"))
        return NULL;
      value = parse_expression (parser);
      if (value == NULL)
        return NULL;
      g_ptr_array_add (node->children, key);
      g_ptr_array_add (node->children, value);
      if (!skip (parser, MOE_JINJA_OPERATOR, ",") && !is_token (parser, MOE_JINJA_OPERATOR, "}"))
        return fail (parser, "a mapping has something unexpected");
    }

  return node;
}

static MoeJinjaNode *
parse_name (Parser *parser)
{
  const char *name = parser->at->text;
  MoeJinjaNode *node;

  parser->at++;
  if (g_ascii_strcasecmp (name, "none") == 0)
    return new_node (parser, MOE_JINJA_NODE_NONE, NULL);
  if (strcmp (name, "true") == 0 || strcmp (name, "True") == 0 ||
      strcmp (name, "false") == 0 || strcmp (name, "False") == 0)
    {
      node = new_node (parser, MOE_JINJA_NODE_BOOLEAN, NULL);
      node->number = name[0] == 't' || name[0] == 'T';
      return node;
    }

  return new_node (parser, MOE_JINJA_NODE_NAME, name);
}

static MoeJinjaNode *
parse_primary (Parser *parser)
{
  MoeJinjaNode *node;

  switch (parser->at->type)
    {
    case MOE_JINJA_NAME:
      return parse_name (parser);

    case MOE_JINJA_INTEGER:
      node = new_node (parser, MOE_JINJA_NODE_INTEGER, NULL);
      node->number = parser->at->number;
      parser->at++;
      return node;

    case MOE_JINJA_STRING:
      {
        g_autoptr (GString) joint = g_string_new (NULL);

        for (; parser->at->type == MOE_JINJA_STRING; parser->at++)
          g_string_append (joint, parser->at->text);
        return new_node (parser, MOE_JINJA_NODE_STRING, joint->str);
      }

    case MOE_JINJA_OPERATOR:
      if (skip (parser, MOE_JINJA_OPERATOR, "("))
        {
          node = parse_expression (parser);
          if (node == NULL || !expect (parser, MOE_JINJA_OPERATOR, ")"))
            return NULL;
          return node;
        }
      if (skip (parser, MOE_JINJA_OPERATOR, "["))
        {
          node = new_node (parser, MOE_JINJA_NODE_LIST, NULL);
          return parse_arguments (parser, node, "]") ? node : NULL;
        }
      if (skip (parser, MOE_JINJA_OPERATOR, "{"))
        return parse_dict (parser);
      break;

    default:
      break;
    }

  return fail (parser, "the template has an unexpected expression");
}

/* Behind the opening bracket. */
static MoeJinjaNode *
parse_subscript (Parser       *parser,
                 MoeJinjaNode *object)
{
  MoeJinjaNode *parts[3] = { NULL, NULL, NULL };
  MoeJinjaNode *node;
  guint n = 0;

  for (;;)
    {
      if (skip (parser, MOE_JINJA_OPERATOR, "]"))
        break;
      if (skip (parser, MOE_JINJA_OPERATOR, ":"))
        {
          if (++n > 2)
            return fail (parser, "a slice has too many parts");
          continue;
        }
      if (parts[n] != NULL)
        return fail (parser, "a subscript has something unexpected");
      parts[n] = parse_expression (parser);
      if (parts[n] == NULL)
        return NULL;
    }

  if (n == 0)
    {
      if (parts[0] == NULL)
        return fail (parser, "a subscript is empty");
      return new_parent (parser, MOE_JINJA_NODE_ITEM, NULL, object, parts[0]);
    }

  node = new_parent (parser, MOE_JINJA_NODE_SLICE, NULL, object, NULL);
  for (n = 0; n < 3; n++)
    g_ptr_array_add (node->children, parts[n]);
  return node;
}

static MoeJinjaNode *
parse_test (Parser       *parser,
            MoeJinjaNode *subject)
{
  const gboolean negated = skip (parser, MOE_JINJA_NAME, "not");
  MoeJinjaNode *node;

  if (parser->at->type != MOE_JINJA_NAME)
    return fail (parser, "a test has no name");
  node = new_parent (parser, MOE_JINJA_NODE_TEST, parser->at->text, subject, NULL);
  node->number = negated;
  parser->at++;

  if (skip (parser, MOE_JINJA_OPERATOR, "("))
    return parse_arguments (parser, node, ")") ? node : NULL;
  /* An argument may also stand there bare. */
  if (parser->at->type == MOE_JINJA_STRING || parser->at->type == MOE_JINJA_INTEGER)
    {
      MoeJinjaNode *argument = parse_primary (parser);

      if (argument == NULL)
        return NULL;
      g_ptr_array_add (node->children, argument);
    }

  return node;
}

static MoeJinjaNode *
parse_postfix (Parser       *parser,
               MoeJinjaNode *node,
               gboolean      with_filters)
{
  while (node != NULL)
    {
      if (skip (parser, MOE_JINJA_OPERATOR, "."))
        {
          if (parser->at->type != MOE_JINJA_NAME)
            return fail (parser, "an attribute has no name");
          node = new_parent (parser, MOE_JINJA_NODE_ATTRIBUTE, parser->at->text, node, NULL);
          parser->at++;
        }
      else if (skip (parser, MOE_JINJA_OPERATOR, "["))
        {
          node = parse_subscript (parser, node);
        }
      else if (skip (parser, MOE_JINJA_OPERATOR, "("))
        {
          node = new_parent (parser, MOE_JINJA_NODE_CALL, NULL, node, NULL);
          if (!parse_arguments (parser, node, ")"))
            return NULL;
        }
      else if (with_filters && skip (parser, MOE_JINJA_OPERATOR, "|"))
        {
          if (parser->at->type != MOE_JINJA_NAME)
            return fail (parser, "a filter has no name");
          node = new_parent (parser, MOE_JINJA_NODE_FILTER, parser->at->text, node, NULL);
          parser->at++;
          if (skip (parser, MOE_JINJA_OPERATOR, "(") && !parse_arguments (parser, node, ")"))
            return NULL;
        }
      else if (with_filters && skip (parser, MOE_JINJA_NAME, "is"))
        {
          node = parse_test (parser, node);
        }
      else
        {
          break;
        }
    }

  return node;
}

static MoeJinjaNode *
parse_unary (Parser   *parser,
             gboolean  with_filters)
{
  MoeJinjaNode *node;

  if (!enter (parser))
    return NULL;

  if (skip (parser, MOE_JINJA_OPERATOR, "-"))
    {
      node = parse_unary (parser, FALSE);
      if (node != NULL)
        node = new_parent (parser, MOE_JINJA_NODE_NEGATE, NULL, node, NULL);
    }
  else
    {
      node = parse_primary (parser);
    }
  node = parse_postfix (parser, node, with_filters);

  parser->depth--;
  return node;
}

/* The binary operators, those that bind loosest first. */
static MoeJinjaNode *
parse_binary (Parser *parser,
              guint   level)
{
  static const char *const levels[][8] = {
    { "==", "!=", "<", ">", "<=", ">=" }, { "+", "-" }, { "~" }, { "*", "/", "//", "%" },
  };
  MoeJinjaNode *node;

  if (level == G_N_ELEMENTS (levels))
    return parse_unary (parser, TRUE);

  node = parse_binary (parser, level + 1);
  while (node != NULL)
    {
      const char *operator = NULL;
      MoeJinjaNode *right;

      if (parser->at->type == MOE_JINJA_OPERATOR && g_strv_contains (levels[level], parser->at->text))
        operator = parser->at->text;
      else if (level == 0 && is_token (parser, MOE_JINJA_NAME, "in"))
        operator = "in";
      else if (level == 0 && is_token (parser, MOE_JINJA_NAME, "not") && parser->at[1].type == MOE_JINJA_NAME &&
               strcmp (parser->at[1].text, "in") == 0)
        operator = "not in";
      else
        break;

      /* a < b < c would not mean (a < b) < c. */
      if (level == 0 && node->type == MOE_JINJA_NODE_BINARY && node->number == 1)
        return fail (parser, "a chain of comparisons is not supported");

      parser->at += strcmp (operator, "not in") == 0 ? 2 : 1;
      right = parse_binary (parser, level + 1);
      if (right == NULL)
        return NULL;
      node = new_parent (parser, MOE_JINJA_NODE_BINARY, operator, node, right);
      node->number = level == 0;
    }

  /* In parentheses it is an operand like any other. */
  if (node != NULL && node->type == MOE_JINJA_NODE_BINARY && level == 0)
    node->number = 2;
  return node;
}

static MoeJinjaNode *
parse_not (Parser *parser)
{
  MoeJinjaNode *node;

  if (!skip (parser, MOE_JINJA_NAME, "not"))
    return parse_binary (parser, 0);

  if (!enter (parser))
    return NULL;
  node = parse_not (parser);
  parser->depth--;

  return node != NULL ? new_parent (parser, MOE_JINJA_NODE_NOT, NULL, node, NULL) : NULL;
}

static MoeJinjaNode *
parse_and (Parser *parser)
{
  MoeJinjaNode *node = parse_not (parser);

  while (node != NULL && skip (parser, MOE_JINJA_NAME, "and"))
    {
      MoeJinjaNode *right = parse_not (parser);

      node = right != NULL ? new_parent (parser, MOE_JINJA_NODE_AND, NULL, node, right) : NULL;
    }

  return node;
}

static MoeJinjaNode *
parse_or (Parser *parser)
{
  MoeJinjaNode *node = parse_and (parser);

  while (node != NULL && skip (parser, MOE_JINJA_NAME, "or"))
    {
      MoeJinjaNode *right = parse_and (parser);

      node = right != NULL ? new_parent (parser, MOE_JINJA_NODE_OR, NULL, node, right) : NULL;
    }

  return node;
}

static MoeJinjaNode *
parse_expression (Parser *parser)
{
  MoeJinjaNode *node, *condition, *other = NULL;

  if (!enter (parser))
    return NULL;

  node = parse_or (parser);
  while (node != NULL && skip (parser, MOE_JINJA_NAME, "if"))
    {
      condition = parse_or (parser);
      if (condition == NULL)
        return NULL;
      other = NULL;
      if (skip (parser, MOE_JINJA_NAME, "else"))
        {
          other = parse_expression (parser);
          if (other == NULL)
            return NULL;
        }
      node = new_parent (parser, MOE_JINJA_NODE_CHOICE, NULL, node, condition);
      g_ptr_array_add (node->children, other);
    }

  parser->depth--;
  return node;
}

static gboolean
end_statement (Parser *parser)
{
  return expect (parser, MOE_JINJA_CLOSE_STATEMENT, NULL);
}

/* Behind "if" or "elif". */
static MoeJinjaNode *
parse_if (Parser *parser)
{
  static const char *const ends[] = { "elif", "else", "endif", NULL };
  MoeJinjaNode *condition, *body, *other = NULL, *node;

  if (!enter (parser))
    return NULL;

  condition = parse_expression (parser);
  if (condition == NULL || !end_statement (parser))
    return NULL;
  body = parse_block (parser, ends);
  if (body == NULL)
    return NULL;

  if (skip (parser, MOE_JINJA_NAME, "elif"))
    {
      other = parse_if (parser);
      if (other == NULL)
        return NULL;
    }
  else
    {
      if (skip (parser, MOE_JINJA_NAME, "else"))
        {
          if (!end_statement (parser) || (other = parse_block (parser, ends + 2)) == NULL)
            return NULL;
        }
      if (!expect (parser, MOE_JINJA_NAME, "endif") || !end_statement (parser))
        return NULL;
    }

  node = new_parent (parser, MOE_JINJA_NODE_IF, NULL, condition, body);
  g_ptr_array_add (node->children, other);
  parser->depth--;
  return node;
}

static MoeJinjaNode *
parse_for (Parser *parser)
{
  static const char *const ends[] = { "else", "endfor", NULL };
  MoeJinjaNode *targets = new_node (parser, MOE_JINJA_NODE_LIST, NULL);
  MoeJinjaNode *iterated, *condition = NULL, *body, *other = NULL, *node;

  do
    {
      if (parser->at->type != MOE_JINJA_NAME)
        return fail (parser, "a loop has no variable");
      g_ptr_array_add (targets->children, parse_name (parser));
    }
  while (skip (parser, MOE_JINJA_OPERATOR, ","));

  if (!expect (parser, MOE_JINJA_NAME, "in"))
    return NULL;
  /* "if" belongs to the loop here. */
  iterated = parse_or (parser);
  if (iterated == NULL)
    return NULL;
  if (skip (parser, MOE_JINJA_NAME, "if") && (condition = parse_expression (parser)) == NULL)
    return NULL;
  if (!end_statement (parser) || (body = parse_block (parser, ends)) == NULL)
    return NULL;
  if (skip (parser, MOE_JINJA_NAME, "else") &&
      (!end_statement (parser) || (other = parse_block (parser, ends + 1)) == NULL))
    return NULL;
  if (!expect (parser, MOE_JINJA_NAME, "endfor") || !end_statement (parser))
    return NULL;

  node = new_parent (parser, MOE_JINJA_NODE_FOR, NULL, targets, iterated);
  g_ptr_array_add (node->children, condition);
  g_ptr_array_add (node->children, body);
  g_ptr_array_add (node->children, other);
  return node;
}

static MoeJinjaNode *
parse_set (Parser *parser)
{
  static const char *const ends[] = { "endset", NULL };
  MoeJinjaNode *target, *value;

  if (parser->at->type != MOE_JINJA_NAME)
    return fail (parser, "an assignment has no variable");
  target = parse_postfix (parser, parse_name (parser), FALSE);
  if (target == NULL)
    return NULL;
  if (target->type != MOE_JINJA_NODE_NAME && target->type != MOE_JINJA_NODE_ATTRIBUTE)
    return fail (parser, "an assignment has an unsupported target");

  if (skip (parser, MOE_JINJA_OPERATOR, "="))
    {
      value = parse_expression (parser);
      if (value == NULL || !end_statement (parser))
        return NULL;
    }
  else
    {
      if (!end_statement (parser) || (value = parse_block (parser, ends)) == NULL ||
          !expect (parser, MOE_JINJA_NAME, "endset") || !end_statement (parser))
        return NULL;
    }

  return new_parent (parser, MOE_JINJA_NODE_SET, NULL, target, value);
}

static MoeJinjaNode *
parse_macro (Parser *parser)
{
  static const char *const ends[] = { "endmacro", NULL };
  MoeJinjaNode *node, *body;

  if (parser->at->type != MOE_JINJA_NAME)
    return fail (parser, "a macro has no name");
  node = new_parent (parser, MOE_JINJA_NODE_MACRO, parser->at->text, NULL, NULL);
  parser->at++;
  if (!expect (parser, MOE_JINJA_OPERATOR, "(") || !parse_arguments (parser, node, ")") || !end_statement (parser))
    return NULL;
  for (guint i = 1; i < node->children->len; i++)
    {
      const MoeJinjaNode *parameter = g_ptr_array_index (node->children, i);

      if (parameter->type != MOE_JINJA_NODE_NAME && parameter->type != MOE_JINJA_NODE_KEYWORD)
        return fail (parser, "a macro has an unsupported parameter");
    }

  body = parse_block (parser, ends);
  if (body == NULL || !expect (parser, MOE_JINJA_NAME, "endmacro") || !end_statement (parser))
    return NULL;
  node->children->pdata[0] = body;
  return node;
}

/* Marks that say where an answer starts, for training: what they enclose is rendered as it is. */
static MoeJinjaNode *
parse_generation (Parser *parser)
{
  static const char *const ends[] = { "endgeneration", NULL };
  MoeJinjaNode *body;

  if (!end_statement (parser) || (body = parse_block (parser, ends)) == NULL ||
      !expect (parser, MOE_JINJA_NAME, "endgeneration") || !end_statement (parser))
    return NULL;

  return body;
}

static MoeJinjaNode *
parse_statement (Parser *parser)
{
  MoeJinjaNode *node;

  if (skip (parser, MOE_JINJA_NAME, "if"))
    return parse_if (parser);
  if (skip (parser, MOE_JINJA_NAME, "for"))
    return parse_for (parser);
  if (skip (parser, MOE_JINJA_NAME, "set"))
    return parse_set (parser);
  if (skip (parser, MOE_JINJA_NAME, "macro"))
    return parse_macro (parser);
  if (skip (parser, MOE_JINJA_NAME, "generation"))
    return parse_generation (parser);

  if (skip (parser, MOE_JINJA_NAME, "break"))
    node = new_node (parser, MOE_JINJA_NODE_BREAK, NULL);
  else if (skip (parser, MOE_JINJA_NAME, "continue"))
    node = new_node (parser, MOE_JINJA_NODE_CONTINUE, NULL);
  else
    return fail (parser, "the template has an unknown statement");

  return end_statement (parser) ? node : NULL;
}

/* Up to one of the statements @ends, whose name is then next; NULL: up to the end of the template. */
static MoeJinjaNode *
parse_block (Parser            *parser,
             const char *const *ends)
{
  MoeJinjaNode *block = new_node (parser, MOE_JINJA_NODE_BLOCK, NULL);

  if (!enter (parser))
    return NULL;

  for (;;)
    {
      MoeJinjaNode *node;

      if (parser->at->type == MOE_JINJA_END)
        {
          if (ends != NULL)
            return fail (parser, "a block does not end");
          break;
        }

      if (parser->at->type == MOE_JINJA_TEXT)
        {
          node = new_node (parser, MOE_JINJA_NODE_DATA, parser->at->text);
          parser->at++;
        }
      else if (skip (parser, MOE_JINJA_OPEN_EXPRESSION, NULL))
        {
          node = parse_expression (parser);
          if (node == NULL || !expect (parser, MOE_JINJA_CLOSE_EXPRESSION, NULL))
            return NULL;
          node = new_parent (parser, MOE_JINJA_NODE_OUTPUT, NULL, node, NULL);
        }
      else
        {
          if (!expect (parser, MOE_JINJA_OPEN_STATEMENT, NULL))
            return NULL;
          if (ends != NULL && parser->at->type == MOE_JINJA_NAME && g_strv_contains (ends, parser->at->text))
            break;
          node = parse_statement (parser);
          if (node == NULL)
            return NULL;
        }
      g_ptr_array_add (block->children, node);
    }

  parser->depth--;
  return block;
}

MoeJinja *
moe_jinja_new (const char  *source,
               GError     **error)
{
  g_autoptr (MoeJinja) self = NULL;
  g_autoptr (GArray) tokens = NULL;
  Parser parser = { 0 };

  g_return_val_if_fail (source != NULL, NULL);

  if (strlen (source) > MAX_SOURCE || !g_utf8_validate (source, -1, NULL))
    {
      g_set_error_literal (error, MOE_ERROR, MOE_ERROR_FORMAT, "the template is too long or not UTF-8");
      return NULL;
    }
  tokens = moe_jinja_tokenize (source, error);
  if (tokens == NULL)
    return NULL;

  self = g_new0 (MoeJinja, 1);
  self->nodes = g_ptr_array_new_with_free_func (free_node);
  parser.at = (const MoeJinjaToken *) tokens->data;
  parser.nodes = self->nodes;
  parser.error = error;
  self->root = parse_block (&parser, NULL);

  return self->root != NULL ? g_steal_pointer (&self) : NULL;
}

void
moe_jinja_free (MoeJinja *self)
{
  if (self == NULL)
    return;

  g_ptr_array_unref (self->nodes);
  g_free (self);
}
