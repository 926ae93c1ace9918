/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-jinja-expression"

#include "probes/moe-jinja-parser.h"

#include <string.h>

static MoeJinjaNode *parse_unary (MoeJinjaParser *parser, gboolean with_filters);

gboolean
moe_jinja_parse_arguments (MoeJinjaParser       *parser,
                           MoeJinjaNode *node,
                           const char   *end)
{
  while (!moe_jinja_parser_skip (parser, MOE_JINJA_OPERATOR, end))
    {
      MoeJinjaNode *value, *keyword = NULL;

      if (parser->at->type == MOE_JINJA_NAME && parser->at[1].type == MOE_JINJA_OPERATOR &&
          strcmp (parser->at[1].text, "=") == 0)
        {
          keyword = moe_jinja_node_new (parser, MOE_JINJA_NODE_KEYWORD, parser->at->text);
          parser->at += 2;
        }
      value = moe_jinja_parse_expression (parser);
      if (value == NULL)
        return FALSE;
      if (keyword != NULL)
        g_ptr_array_add (keyword->children, value);
      g_ptr_array_add (node->children, keyword != NULL ? keyword : value);

      if (!moe_jinja_parser_skip (parser, MOE_JINJA_OPERATOR, ",") &&
          !moe_jinja_parser_is_token (parser, MOE_JINJA_OPERATOR, end))
        return moe_jinja_parser_fail (parser, "the arguments have something unexpected") != NULL;
    }

  return TRUE;
}

static MoeJinjaNode *
parse_dict (MoeJinjaParser *parser)
{
  MoeJinjaNode *node = moe_jinja_node_new (parser, MOE_JINJA_NODE_DICT, NULL);

  while (!moe_jinja_parser_skip (parser, MOE_JINJA_OPERATOR, "}"))
    {
      MoeJinjaNode *key = moe_jinja_parse_expression (parser), *value;

      if (key == NULL || !moe_jinja_parser_expect (parser, MOE_JINJA_OPERATOR, ":"))
        return NULL;
      value = moe_jinja_parse_expression (parser);
      if (value == NULL)
        return NULL;
      g_ptr_array_add (node->children, key);
      g_ptr_array_add (node->children, value);
      if (!moe_jinja_parser_skip (parser, MOE_JINJA_OPERATOR, ",") &&
          !moe_jinja_parser_is_token (parser, MOE_JINJA_OPERATOR, "}"))
        return moe_jinja_parser_fail (parser, "a mapping has something unexpected");
    }

  return node;
}

MoeJinjaNode *
moe_jinja_parse_name (MoeJinjaParser *parser)
{
  const char *name = parser->at->text;
  MoeJinjaNode *node;

  parser->at++;
  if (g_ascii_strcasecmp (name, "none") == 0)
    return moe_jinja_node_new (parser, MOE_JINJA_NODE_NONE, NULL);
  if (strcmp (name, "true") == 0 || strcmp (name, "True") == 0 ||
      strcmp (name, "false") == 0 || strcmp (name, "False") == 0)
    {
      node = moe_jinja_node_new (parser, MOE_JINJA_NODE_BOOLEAN, NULL);
      node->number = name[0] == 't' || name[0] == 'T';
      return node;
    }

  return moe_jinja_node_new (parser, MOE_JINJA_NODE_NAME, name);
}

/* An expression, or with a comma a tuple, which here is a list. */
static MoeJinjaNode *
parse_parentheses (MoeJinjaParser *parser)
{
  MoeJinjaNode *node, *tuple;

  if (moe_jinja_parser_skip (parser, MOE_JINJA_OPERATOR, ")"))
    return moe_jinja_node_new (parser, MOE_JINJA_NODE_LIST, NULL);
  node = moe_jinja_parse_expression (parser);
  if (node == NULL)
    return NULL;
  if (moe_jinja_parser_skip (parser, MOE_JINJA_OPERATOR, ","))
    {
      tuple = moe_jinja_parent_new (parser, MOE_JINJA_NODE_LIST, NULL, node, NULL);
      return moe_jinja_parse_arguments (parser, tuple, ")") ? tuple : NULL;
    }

  return moe_jinja_parser_expect (parser, MOE_JINJA_OPERATOR, ")") ? node : NULL;
}

static MoeJinjaNode *
parse_primary (MoeJinjaParser *parser)
{
  MoeJinjaNode *node;

  switch (parser->at->type)
    {
    case MOE_JINJA_NAME:
      return moe_jinja_parse_name (parser);

    case MOE_JINJA_INTEGER:
      node = moe_jinja_node_new (parser, MOE_JINJA_NODE_INTEGER, NULL);
      node->number = parser->at->number;
      parser->at++;
      return node;

    case MOE_JINJA_STRING:
      {
        g_autoptr (GString) joint = g_string_new (NULL);

        for (; parser->at->type == MOE_JINJA_STRING; parser->at++)
          g_string_append (joint, parser->at->text);
        return moe_jinja_node_new (parser, MOE_JINJA_NODE_STRING, joint->str);
      }

    case MOE_JINJA_OPERATOR:
      if (moe_jinja_parser_skip (parser, MOE_JINJA_OPERATOR, "("))
        return parse_parentheses (parser);
      if (moe_jinja_parser_skip (parser, MOE_JINJA_OPERATOR, "["))
        {
          node = moe_jinja_node_new (parser, MOE_JINJA_NODE_LIST, NULL);
          return moe_jinja_parse_arguments (parser, node, "]") ? node : NULL;
        }
      if (moe_jinja_parser_skip (parser, MOE_JINJA_OPERATOR, "{"))
        return parse_dict (parser);
      break;

    default:
      break;
    }

  return moe_jinja_parser_fail (parser, "the template has an unexpected expression");
}

/* Behind the opening bracket. */
static MoeJinjaNode *
parse_subscript (MoeJinjaParser       *parser,
                 MoeJinjaNode *object)
{
  MoeJinjaNode *parts[3] = { NULL, NULL, NULL };
  MoeJinjaNode *node;
  guint n = 0;

  for (;;)
    {
      if (moe_jinja_parser_skip (parser, MOE_JINJA_OPERATOR, "]"))
        break;
      if (moe_jinja_parser_skip (parser, MOE_JINJA_OPERATOR, ":"))
        {
          if (++n > 2)
            return moe_jinja_parser_fail (parser, "a slice has too many parts");
          continue;
        }
      if (parts[n] != NULL)
        return moe_jinja_parser_fail (parser, "a subscript has something unexpected");
      parts[n] = moe_jinja_parse_expression (parser);
      if (parts[n] == NULL)
        return NULL;
    }

  if (n == 0)
    {
      if (parts[0] == NULL)
        return moe_jinja_parser_fail (parser, "a subscript is empty");
      return moe_jinja_parent_new (parser, MOE_JINJA_NODE_ITEM, NULL, object, parts[0]);
    }

  node = moe_jinja_parent_new (parser, MOE_JINJA_NODE_SLICE, NULL, object, NULL);
  for (n = 0; n < 3; n++)
    g_ptr_array_add (node->children, parts[n]);
  return node;
}

static MoeJinjaNode *
parse_test (MoeJinjaParser       *parser,
            MoeJinjaNode *subject)
{
  const gboolean negated = moe_jinja_parser_skip (parser, MOE_JINJA_NAME, "not");
  MoeJinjaNode *node;

  if (parser->at->type != MOE_JINJA_NAME)
    return moe_jinja_parser_fail (parser, "a test has no name");
  node = moe_jinja_parent_new (parser, MOE_JINJA_NODE_TEST, parser->at->text, subject, NULL);
  node->number = negated;
  parser->at++;

  if (moe_jinja_parser_skip (parser, MOE_JINJA_OPERATOR, "("))
    return moe_jinja_parse_arguments (parser, node, ")") ? node : NULL;
  /* An argument may also stand there bare. */
  if (parser->at->type == MOE_JINJA_STRING || parser->at->type == MOE_JINJA_INTEGER ||
      moe_jinja_parser_is_token (parser, MOE_JINJA_OPERATOR, "["))
    {
      MoeJinjaNode *argument = parse_primary (parser);

      if (argument == NULL)
        return NULL;
      g_ptr_array_add (node->children, argument);
    }

  return node;
}

MoeJinjaNode *
moe_jinja_parse_postfix (MoeJinjaParser       *parser,
                         MoeJinjaNode *node,
                         gboolean      with_filters)
{
  while (node != NULL)
    {
      if (moe_jinja_parser_skip (parser, MOE_JINJA_OPERATOR, "."))
        {
          if (parser->at->type != MOE_JINJA_NAME)
            return moe_jinja_parser_fail (parser, "an attribute has no name");
          node = moe_jinja_parent_new (parser, MOE_JINJA_NODE_ATTRIBUTE, parser->at->text, node, NULL);
          parser->at++;
        }
      else if (moe_jinja_parser_skip (parser, MOE_JINJA_OPERATOR, "["))
        {
          node = parse_subscript (parser, node);
        }
      else if (moe_jinja_parser_skip (parser, MOE_JINJA_OPERATOR, "("))
        {
          node = moe_jinja_parent_new (parser, MOE_JINJA_NODE_CALL, NULL, node, NULL);
          if (!moe_jinja_parse_arguments (parser, node, ")"))
            return NULL;
        }
      else if (with_filters && moe_jinja_parser_skip (parser, MOE_JINJA_OPERATOR, "|"))
        {
          if (parser->at->type != MOE_JINJA_NAME)
            return moe_jinja_parser_fail (parser, "a filter has no name");
          node = moe_jinja_parent_new (parser, MOE_JINJA_NODE_FILTER, parser->at->text, node, NULL);
          parser->at++;
          if (moe_jinja_parser_skip (parser, MOE_JINJA_OPERATOR, "(") &&
              !moe_jinja_parse_arguments (parser, node, ")"))
            return NULL;
        }
      else if (with_filters && moe_jinja_parser_skip (parser, MOE_JINJA_NAME, "is"))
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
parse_unary (MoeJinjaParser   *parser,
             gboolean  with_filters)
{
  MoeJinjaNode *node;

  if (!moe_jinja_parser_enter (parser))
    return NULL;

  if (moe_jinja_parser_skip (parser, MOE_JINJA_OPERATOR, "-"))
    {
      node = parse_unary (parser, FALSE);
      if (node != NULL)
        node = moe_jinja_parent_new (parser, MOE_JINJA_NODE_NEGATE, NULL, node, NULL);
    }
  else
    {
      node = parse_primary (parser);
    }
  node = moe_jinja_parse_postfix (parser, node, with_filters);

  parser->depth--;
  return node;
}

/* The binary operators, those that bind loosest first. */
static MoeJinjaNode *
parse_binary (MoeJinjaParser *parser,
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
      else if (level == 0 && moe_jinja_parser_is_token (parser, MOE_JINJA_NAME, "in"))
        operator = "in";
      else if (level == 0 && moe_jinja_parser_is_token (parser, MOE_JINJA_NAME, "not") &&
               parser->at[1].type == MOE_JINJA_NAME &&
                                strcmp (parser->at[1].text, "in") == 0)
        operator = "not in";
      else
        break;

      /* a < b < c would not mean (a < b) < c. */
      if (level == 0 && node->type == MOE_JINJA_NODE_BINARY && node->number == 1)
        return moe_jinja_parser_fail (parser, "a chain of comparisons is not supported");

      parser->at += strcmp (operator, "not in") == 0 ? 2 : 1;
      right = parse_binary (parser, level + 1);
      if (right == NULL)
        return NULL;
      node = moe_jinja_parent_new (parser, MOE_JINJA_NODE_BINARY, operator, node, right);
      node->number = level == 0;
    }

  /* In parentheses it is an operand like any other. */
  if (node != NULL && node->type == MOE_JINJA_NODE_BINARY && level == 0)
    node->number = 2;
  return node;
}

static MoeJinjaNode *
parse_not (MoeJinjaParser *parser)
{
  MoeJinjaNode *node;

  if (!moe_jinja_parser_skip (parser, MOE_JINJA_NAME, "not"))
    return parse_binary (parser, 0);

  if (!moe_jinja_parser_enter (parser))
    return NULL;
  node = parse_not (parser);
  parser->depth--;

  return node != NULL ? moe_jinja_parent_new (parser, MOE_JINJA_NODE_NOT, NULL, node, NULL) : NULL;
}

static MoeJinjaNode *
parse_and (MoeJinjaParser *parser)
{
  MoeJinjaNode *node = parse_not (parser);

  while (node != NULL && moe_jinja_parser_skip (parser, MOE_JINJA_NAME, "and"))
    {
      MoeJinjaNode *right = parse_not (parser);

      node = right != NULL ? moe_jinja_parent_new (parser, MOE_JINJA_NODE_AND, NULL, node, right) : NULL;
    }

  return node;
}

MoeJinjaNode *
moe_jinja_parse_or (MoeJinjaParser *parser)
{
  MoeJinjaNode *node = parse_and (parser);

  while (node != NULL && moe_jinja_parser_skip (parser, MOE_JINJA_NAME, "or"))
    {
      MoeJinjaNode *right = parse_and (parser);

      node = right != NULL ? moe_jinja_parent_new (parser, MOE_JINJA_NODE_OR, NULL, node, right) : NULL;
    }

  return node;
}

MoeJinjaNode *
moe_jinja_parse_expression (MoeJinjaParser *parser)
{
  MoeJinjaNode *node, *condition, *other = NULL;

  if (!moe_jinja_parser_enter (parser))
    return NULL;

  node = moe_jinja_parse_or (parser);
  while (node != NULL && moe_jinja_parser_skip (parser, MOE_JINJA_NAME, "if"))
    {
      condition = moe_jinja_parse_or (parser);
      if (condition == NULL)
        return NULL;
      other = NULL;
      if (moe_jinja_parser_skip (parser, MOE_JINJA_NAME, "else"))
        {
          other = moe_jinja_parse_expression (parser);
          if (other == NULL)
            return NULL;
        }
      node = moe_jinja_parent_new (parser, MOE_JINJA_NODE_CHOICE, NULL, node, condition);
      g_ptr_array_add (node->children, other);
    }

  parser->depth--;
  return node;
}
