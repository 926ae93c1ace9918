/* SPDX-License-Identifier: MIT */
#pragma once

#include "probes/moe-jinja-private.h"

G_BEGIN_DECLS

/* What the two halves of the parser share: statements in moe-jinja-parser.c, expressions in
 * moe-jinja-expression.c. */
typedef struct
{
  const MoeJinjaToken *at;
  GPtrArray           *nodes;
  guint                depth;
  GError             **error;
} MoeJinjaParser;

MoeJinjaNode *moe_jinja_node_new         (MoeJinjaParser    *parser,
                                          MoeJinjaNodeType   type,
                                          const char        *text);
/* @second NULL: there is none. */
MoeJinjaNode *moe_jinja_parent_new       (MoeJinjaParser    *parser,
                                          MoeJinjaNodeType   type,
                                          const char        *text,
                                          MoeJinjaNode      *first,
                                          MoeJinjaNode      *second);

/* Sets the error: @what, and the token it is at. Returns NULL. */
gpointer      moe_jinja_parser_fail      (MoeJinjaParser    *parser,
                                          const char        *what);
/* @text NULL: any. */
gboolean      moe_jinja_parser_is_token  (const MoeJinjaParser *parser,
                                          MoeJinjaTokenType  type,
                                          const char        *text);
gboolean      moe_jinja_parser_skip      (MoeJinjaParser    *parser,
                                          MoeJinjaTokenType  type,
                                          const char        *text);
gboolean      moe_jinja_parser_expect    (MoeJinjaParser    *parser,
                                          MoeJinjaTokenType  type,
                                          const char        *text);
/* One level deeper; FALSE with the error set when that is too deep. */
gboolean      moe_jinja_parser_enter     (MoeJinjaParser    *parser);

/* All return NULL or FALSE with the error set. */
MoeJinjaNode *moe_jinja_parse_expression (MoeJinjaParser    *parser);
/* An expression without "if". */
MoeJinjaNode *moe_jinja_parse_or         (MoeJinjaParser    *parser);
MoeJinjaNode *moe_jinja_parse_name       (MoeJinjaParser    *parser);
/* What follows @node: attributes, subscripts, calls, and where wanted filters and tests. */
MoeJinjaNode *moe_jinja_parse_postfix    (MoeJinjaParser    *parser,
                                          MoeJinjaNode      *node,
                                          gboolean           with_filters);
/* Up to @end, names or keywords allowed; they become children of @node. */
gboolean      moe_jinja_parse_arguments  (MoeJinjaParser    *parser,
                                          MoeJinjaNode      *node,
                                          const char        *end);

G_END_DECLS
