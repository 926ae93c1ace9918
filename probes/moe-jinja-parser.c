/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-jinja-parser"

#include "probes/moe-jinja-parser.h"

#include <string.h>

#include "data/moe-error.h"

/* Far more than any template nests or holds. */
#define MAX_DEPTH 100
#define MAX_SOURCE (1024 * 1024)

static MoeJinjaNode *parse_block (MoeJinjaParser *parser, const char *const *ends);

static void
free_node (gpointer data)
{
  MoeJinjaNode *node = data;

  g_free (node->text);
  g_ptr_array_unref (node->children);
  g_free (node);
}

MoeJinjaNode *
moe_jinja_node_new (MoeJinjaParser           *parser,
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
MoeJinjaNode *
moe_jinja_parent_new (MoeJinjaParser           *parser,
                      MoeJinjaNodeType  type,
                      const char       *text,
                      MoeJinjaNode     *first,
                      MoeJinjaNode     *second)
{
  MoeJinjaNode *node = moe_jinja_node_new (parser, type, text);

  g_ptr_array_add (node->children, first);
  if (second != NULL)
    g_ptr_array_add (node->children, second);

  return node;
}

gpointer
moe_jinja_parser_fail (MoeJinjaParser     *parser,
                       const char *what)
{
  static const char *const names[] = { "text", "{{", "}}", "{%", "%}", NULL, "a string", "a number", NULL,
                                       "its end" };
  const MoeJinjaToken *token = parser->at;
  const char *found = names[token->type] != NULL ? names[token->type] : token->text;

  g_set_error (parser->error, MOE_ERROR, MOE_ERROR_UNSUPPORTED, "%s at \"%s\"", what, found);
  return NULL;
}

gboolean
moe_jinja_parser_is_token (const MoeJinjaParser      *parser,
                           MoeJinjaTokenType  type,
                           const char        *text)
{
  return parser->at->type == type && (text == NULL || strcmp (parser->at->text, text) == 0);
}

gboolean
moe_jinja_parser_skip (MoeJinjaParser            *parser,
                       MoeJinjaTokenType  type,
                       const char        *text)
{
  if (!moe_jinja_parser_is_token (parser, type, text))
    return FALSE;

  parser->at++;
  return TRUE;
}

gboolean
moe_jinja_parser_expect (MoeJinjaParser            *parser,
                         MoeJinjaTokenType  type,
                         const char        *text)
{
  if (moe_jinja_parser_skip (parser, type, text))
    return TRUE;

  moe_jinja_parser_fail (parser, "the template has something unexpected");
  return FALSE;
}

gboolean
moe_jinja_parser_enter (MoeJinjaParser *parser)
{
  if (parser->depth >= MAX_DEPTH)
    {
      g_set_error (parser->error, MOE_ERROR, MOE_ERROR_LIMIT, "the template nests deeper than %d levels",
                   MAX_DEPTH);
      return FALSE;
    }

  parser->depth++;
  return TRUE;
}

static gboolean
end_statement (MoeJinjaParser *parser)
{
  return moe_jinja_parser_expect (parser, MOE_JINJA_CLOSE_STATEMENT, NULL);
}

/* Behind "if" or "elif". */
static MoeJinjaNode *
parse_if (MoeJinjaParser *parser)
{
  static const char *const ends[] = { "elif", "else", "endif", NULL };
  MoeJinjaNode *condition, *body, *other = NULL, *node;

  if (!moe_jinja_parser_enter (parser))
    return NULL;

  condition = moe_jinja_parse_expression (parser);
  if (condition == NULL || !end_statement (parser))
    return NULL;
  body = parse_block (parser, ends);
  if (body == NULL)
    return NULL;

  if (moe_jinja_parser_skip (parser, MOE_JINJA_NAME, "elif"))
    {
      other = parse_if (parser);
      if (other == NULL)
        return NULL;
    }
  else
    {
      if (moe_jinja_parser_skip (parser, MOE_JINJA_NAME, "else"))
        {
          if (!end_statement (parser) || (other = parse_block (parser, ends + 2)) == NULL)
            return NULL;
        }
      if (!moe_jinja_parser_expect (parser, MOE_JINJA_NAME, "endif") || !end_statement (parser))
        return NULL;
    }

  node = moe_jinja_parent_new (parser, MOE_JINJA_NODE_IF, NULL, condition, body);
  g_ptr_array_add (node->children, other);
  parser->depth--;
  return node;
}

static MoeJinjaNode *
parse_for (MoeJinjaParser *parser)
{
  static const char *const ends[] = { "else", "endfor", NULL };
  MoeJinjaNode *targets = moe_jinja_node_new (parser, MOE_JINJA_NODE_LIST, NULL);
  MoeJinjaNode *iterated, *condition = NULL, *body, *other = NULL, *node;

  do
    {
      if (parser->at->type != MOE_JINJA_NAME)
        return moe_jinja_parser_fail (parser, "a loop has no variable");
      g_ptr_array_add (targets->children, moe_jinja_parse_name (parser));
    }
  while (moe_jinja_parser_skip (parser, MOE_JINJA_OPERATOR, ","));

  if (!moe_jinja_parser_expect (parser, MOE_JINJA_NAME, "in"))
    return NULL;
  /* "if" belongs to the loop here. */
  iterated = moe_jinja_parse_or (parser);
  if (iterated == NULL)
    return NULL;
  if (moe_jinja_parser_skip (parser, MOE_JINJA_NAME, "if") &&
      (condition = moe_jinja_parse_expression (parser)) == NULL)
    return NULL;
  if (!end_statement (parser) || (body = parse_block (parser, ends)) == NULL)
    return NULL;
  if (moe_jinja_parser_skip (parser, MOE_JINJA_NAME, "else") &&
                       (!end_statement (parser) || (other = parse_block (parser, ends + 1)) == NULL))
    return NULL;
  if (!moe_jinja_parser_expect (parser, MOE_JINJA_NAME, "endfor") || !end_statement (parser))
    return NULL;

  node = moe_jinja_parent_new (parser, MOE_JINJA_NODE_FOR, NULL, targets, iterated);
  g_ptr_array_add (node->children, condition);
  g_ptr_array_add (node->children, body);
  g_ptr_array_add (node->children, other);
  return node;
}

static MoeJinjaNode *
parse_set (MoeJinjaParser *parser)
{
  static const char *const ends[] = { "endset", NULL };
  MoeJinjaNode *target, *value;

  if (parser->at->type != MOE_JINJA_NAME)
    return moe_jinja_parser_fail (parser, "an assignment has no variable");
  target = moe_jinja_parse_postfix (parser, moe_jinja_parse_name (parser), FALSE);
  if (target == NULL)
    return NULL;
  if (target->type != MOE_JINJA_NODE_NAME && target->type != MOE_JINJA_NODE_ATTRIBUTE)
    return moe_jinja_parser_fail (parser, "an assignment has an unsupported target");

  if (moe_jinja_parser_skip (parser, MOE_JINJA_OPERATOR, "="))
    {
      value = moe_jinja_parse_expression (parser);
      if (value == NULL || !end_statement (parser))
        return NULL;
    }
  else
    {
      if (!end_statement (parser) || (value = parse_block (parser, ends)) == NULL ||
          !moe_jinja_parser_expect (parser, MOE_JINJA_NAME, "endset") || !end_statement (parser))
        return NULL;
    }

  return moe_jinja_parent_new (parser, MOE_JINJA_NODE_SET, NULL, target, value);
}

static MoeJinjaNode *
parse_macro (MoeJinjaParser *parser)
{
  static const char *const ends[] = { "endmacro", NULL };
  MoeJinjaNode *node, *body;

  if (parser->at->type != MOE_JINJA_NAME)
    return moe_jinja_parser_fail (parser, "a macro has no name");
  node = moe_jinja_parent_new (parser, MOE_JINJA_NODE_MACRO, parser->at->text, NULL, NULL);
  parser->at++;
  if (!moe_jinja_parser_expect (parser, MOE_JINJA_OPERATOR, "(") ||
      !moe_jinja_parse_arguments (parser, node, ")") || !end_statement (parser))
    return NULL;
  for (guint i = 1; i < node->children->len; i++)
    {
      const MoeJinjaNode *parameter = g_ptr_array_index (node->children, i);

      if (parameter->type != MOE_JINJA_NODE_NAME && parameter->type != MOE_JINJA_NODE_KEYWORD)
        return moe_jinja_parser_fail (parser, "a macro has an unsupported parameter");
    }

  body = parse_block (parser, ends);
  if (body == NULL || !moe_jinja_parser_expect (parser, MOE_JINJA_NAME, "endmacro") ||
      !end_statement (parser))
    return NULL;
  node->children->pdata[0] = body;
  return node;
}

/* Marks that say where an answer starts, for training: what they enclose is rendered as it is. */
static MoeJinjaNode *
parse_generation (MoeJinjaParser *parser)
{
  static const char *const ends[] = { "endgeneration", NULL };
  MoeJinjaNode *body;

  if (!end_statement (parser) || (body = parse_block (parser, ends)) == NULL ||
      !moe_jinja_parser_expect (parser, MOE_JINJA_NAME, "endgeneration") || !end_statement (parser))
    return NULL;

  return body;
}

static MoeJinjaNode *
parse_statement (MoeJinjaParser *parser)
{
  MoeJinjaNode *node;

  if (moe_jinja_parser_skip (parser, MOE_JINJA_NAME, "if"))
    return parse_if (parser);
  if (moe_jinja_parser_skip (parser, MOE_JINJA_NAME, "for"))
    return parse_for (parser);
  if (moe_jinja_parser_skip (parser, MOE_JINJA_NAME, "set"))
    return parse_set (parser);
  if (moe_jinja_parser_skip (parser, MOE_JINJA_NAME, "macro"))
    return parse_macro (parser);
  if (moe_jinja_parser_skip (parser, MOE_JINJA_NAME, "generation"))
    return parse_generation (parser);

  if (moe_jinja_parser_skip (parser, MOE_JINJA_NAME, "break"))
    node = moe_jinja_node_new (parser, MOE_JINJA_NODE_BREAK, NULL);
  else if (moe_jinja_parser_skip (parser, MOE_JINJA_NAME, "continue"))
    node = moe_jinja_node_new (parser, MOE_JINJA_NODE_CONTINUE, NULL);
  else
    return moe_jinja_parser_fail (parser, "the template has an unknown statement");

  return end_statement (parser) ? node : NULL;
}

/* Up to one of the statements @ends, whose name is then next; NULL: up to the end of the template. */
static MoeJinjaNode *
parse_block (MoeJinjaParser            *parser,
             const char *const *ends)
{
  MoeJinjaNode *block = moe_jinja_node_new (parser, MOE_JINJA_NODE_BLOCK, NULL);

  if (!moe_jinja_parser_enter (parser))
    return NULL;

  for (;;)
    {
      MoeJinjaNode *node;

      if (parser->at->type == MOE_JINJA_END)
        {
          if (ends != NULL)
            return moe_jinja_parser_fail (parser, "a block does not end");
          break;
        }

      if (parser->at->type == MOE_JINJA_TEXT)
        {
          node = moe_jinja_node_new (parser, MOE_JINJA_NODE_DATA, parser->at->text);
          parser->at++;
        }
      else if (moe_jinja_parser_skip (parser, MOE_JINJA_OPEN_EXPRESSION, NULL))
        {
          node = moe_jinja_parse_expression (parser);
          if (node == NULL || !moe_jinja_parser_expect (parser, MOE_JINJA_CLOSE_EXPRESSION, NULL))
            return NULL;
          node = moe_jinja_parent_new (parser, MOE_JINJA_NODE_OUTPUT, NULL, node, NULL);
        }
      else
        {
          if (!moe_jinja_parser_expect (parser, MOE_JINJA_OPEN_STATEMENT, NULL))
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
  MoeJinjaParser parser = { 0 };

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
