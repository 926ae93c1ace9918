/* SPDX-License-Identifier: MIT */
#pragma once

#include "probes/moe-jinja.h"

G_BEGIN_DECLS

/* Lexer -> parser -> evaluator. */

typedef enum
{
  MOE_JINJA_TEXT,      /* outside of tags */
  MOE_JINJA_OPEN_EXPRESSION, MOE_JINJA_CLOSE_EXPRESSION,
  MOE_JINJA_OPEN_STATEMENT, MOE_JINJA_CLOSE_STATEMENT,
  MOE_JINJA_NAME, MOE_JINJA_STRING, MOE_JINJA_INTEGER,
  MOE_JINJA_OPERATOR,  /* text: "==", "(", ... */
  MOE_JINJA_END,
} MoeJinjaTokenType;

typedef struct
{
  MoeJinjaTokenType  type;
  char              *text;   /* of a string: its value */
  gint64             number;
} MoeJinjaToken;

/* An array of MoeJinjaToken that ends with MOE_JINJA_END (transfer full), or NULL. */
GArray *moe_jinja_tokenize (const char  *source,
                            GError     **error);

typedef enum
{
  /* Statements; children: */
  MOE_JINJA_NODE_BLOCK,    /* statements */
  MOE_JINJA_NODE_DATA,     /* text */
  MOE_JINJA_NODE_OUTPUT,   /* expression */
  MOE_JINJA_NODE_IF,       /* condition, block, block or nothing */
  MOE_JINJA_NODE_FOR,      /* targets (a list), iterated, condition or nothing, block, block or nothing */
  MOE_JINJA_NODE_SET,      /* target, expression or block */
  MOE_JINJA_NODE_MACRO,    /* text: name; block, then names or keywords */
  MOE_JINJA_NODE_BREAK,
  MOE_JINJA_NODE_CONTINUE,
  /* Expressions */
  MOE_JINJA_NODE_STRING,   /* text */
  MOE_JINJA_NODE_INTEGER,  /* number */
  MOE_JINJA_NODE_BOOLEAN,  /* number */
  MOE_JINJA_NODE_NONE,
  MOE_JINJA_NODE_NAME,     /* text */
  MOE_JINJA_NODE_LIST,
  MOE_JINJA_NODE_DICT,     /* key, value, key, value ... */
  MOE_JINJA_NODE_ATTRIBUTE,/* text; object */
  MOE_JINJA_NODE_ITEM,     /* object, index */
  MOE_JINJA_NODE_SLICE,    /* object, first, last, step; any but the object may be nothing */
  MOE_JINJA_NODE_CALL,     /* callee, arguments */
  MOE_JINJA_NODE_KEYWORD,  /* text; expression: an argument given by name */
  MOE_JINJA_NODE_FILTER,   /* text; subject, arguments */
  MOE_JINJA_NODE_TEST,     /* text, number: negated; subject, arguments */
  MOE_JINJA_NODE_NOT,
  MOE_JINJA_NODE_NEGATE,
  MOE_JINJA_NODE_AND,
  MOE_JINJA_NODE_OR,
  MOE_JINJA_NODE_BINARY,   /* text: the operator, "not in" too */
  MOE_JINJA_NODE_CHOICE,   /* value, condition, other or nothing */
} MoeJinjaNodeType;

typedef struct _MoeJinjaNode MoeJinjaNode;
struct _MoeJinjaNode
{
  MoeJinjaNodeType  type;
  char             *text;
  gint64            number;
  GPtrArray        *children; /* MoeJinjaNode, NULL for nothing; not owned */
};

struct _MoeJinja
{
  GPtrArray    *nodes; /* owns them all */
  MoeJinjaNode *root;
};

/* Values live until the end of the rendering, in its arena. */
typedef enum
{
  MOE_JINJA_UNDEFINED,
  MOE_JINJA_NONE,
  MOE_JINJA_BOOLEAN,
  MOE_JINJA_NUMBER,
  MOE_JINJA_TEXT_VALUE,
  MOE_JINJA_SEQUENCE,
  MOE_JINJA_MAPPING,
  MOE_JINJA_NAMESPACE,
  MOE_JINJA_FUNCTION, /* a built-in, by its name */
  MOE_JINJA_METHOD,   /* of self, by its name */
  MOE_JINJA_MACRO,
} MoeJinjaValueType;

typedef struct _MoeJinjaValue MoeJinjaValue;
struct _MoeJinjaValue
{
  MoeJinjaValueType    type;
  gint64               number;
  const char          *text;   /* (length), of strings; NUL-terminated names of functions and methods */
  const guint8        *marks;  /* (length) 1 where a byte comes from a message */
  gsize                length;
  MoeJinjaValue      **items;  /* (length) of sequences; of mappings and namespaces the values */
  const char         **keys;   /* (length) of mappings and namespaces */
  MoeJinjaValue       *self;
  const MoeJinjaNode  *macro;
};

typedef struct _MoeJinjaArena MoeJinjaArena;

MoeJinjaArena *moe_jinja_arena_new   (void);
void           moe_jinja_arena_free  (MoeJinjaArena *arena);
/* Zeroed. NULL once the arena has grown past its bound: then @error is set. */
gpointer       moe_jinja_arena_alloc (MoeJinjaArena  *arena,
                                      gsize           n_bytes,
                                      GError        **error);

/* All of these return NULL with @error set when the arena is full or the operation isn't one. */
MoeJinjaValue *moe_jinja_value_new   (MoeJinjaArena        *arena,
                                      MoeJinjaValueType     type,
                                      gint64                number,
                                      GError              **error);
/* Copies @text; @marks NULL: all @mark. */
MoeJinjaValue *moe_jinja_string_new  (MoeJinjaArena        *arena,
                                      const char           *text,
                                      gsize                 length,
                                      const guint8         *marks,
                                      guint8                mark,
                                      GError              **error);
/* @length empty places. */
MoeJinjaValue *moe_jinja_list_new    (MoeJinjaArena        *arena,
                                      MoeJinjaValueType     type,
                                      gsize                 length,
                                      GError              **error);
/* As it is printed; lists and mappings are refused. */
MoeJinjaValue *moe_jinja_to_string   (MoeJinjaArena        *arena,
                                      MoeJinjaValue        *value,
                                      GError              **error);
gboolean       moe_jinja_is_true     (const MoeJinjaValue  *value);
gboolean       moe_jinja_are_equal   (const MoeJinjaValue  *a,
                                      const MoeJinjaValue  *b);
gboolean       moe_jinja_text_is     (const MoeJinjaValue  *value,
                                      const char           *text);
/* NULL without an error when there is no such key. */
MoeJinjaValue *moe_jinja_get_key     (const MoeJinjaValue  *mapping,
                                      const char           *key);
/* Binary operators and "in". */
MoeJinjaValue *moe_jinja_operate     (MoeJinjaArena        *arena,
                                      const char           *name,
                                      MoeJinjaValue        *a,
                                      MoeJinjaValue        *b,
                                      GError              **error);
MoeJinjaValue *moe_jinja_slice       (MoeJinjaArena        *arena,
                                      MoeJinjaValue        *value,
                                      MoeJinjaValue        *first,
                                      MoeJinjaValue        *last,
                                      MoeJinjaValue        *step,
                                      GError              **error);

/* moe-jinja-library.c: @arguments (n_arguments) by position. */
MoeJinjaValue *moe_jinja_filter      (MoeJinjaArena        *arena,
                                      const char           *name,
                                      MoeJinjaValue        *subject,
                                      MoeJinjaValue       **arguments,
                                      guint                 n_arguments,
                                      GError              **error);
MoeJinjaValue *moe_jinja_method      (MoeJinjaArena        *arena,
                                      const char           *name,
                                      MoeJinjaValue        *subject,
                                      MoeJinjaValue       **arguments,
                                      guint                 n_arguments,
                                      GError              **error);
gboolean       moe_jinja_has_method  (const MoeJinjaValue  *subject,
                                      const char           *name);
/* FALSE with @error set for a test it doesn't know. */
gboolean       moe_jinja_test        (const char           *name,
                                      const MoeJinjaValue  *subject,
                                      MoeJinjaValue       **arguments,
                                      guint                 n_arguments,
                                      gboolean             *result,
                                      GError              **error);

/* moe-jinja-date.c: @date as Python's strftime() writes it with @format (text) in the C locale. What is no
 * part of a date, such as the time of day, is refused. */
MoeJinjaValue *moe_jinja_format_date (MoeJinjaArena        *arena,
                                      const MoeJinjaValue  *format,
                                      const GDate          *date,
                                      GError              **error);

/* Python's str.isspace(). */
gboolean       moe_jinja_is_space    (gunichar              character);

G_END_DECLS
