/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-special-tokens"

#include <string.h>

#include "probes/moe-tokenizer-private.h"

/* A trie over the special tokens tells in one pass which of them occur in a text at all: files may have a
 * thousand of them, texts rarely use more than a few. */
typedef struct
{
  guint32 child, sibling; /* 0 for none */
  guint32 token;          /* index into by_length plus 1, or 0 */
  guint8  byte;
} Node;

struct _MoeSpecialTokens
{
  GArray *by_length; /* gint32, longest first, then by id */
  GArray *nodes;     /* Node; the first is the root */
};

static int
compare_lengths (gconstpointer a,
                 gconstpointer b,
                 gpointer      user_data)
{
  const MoeTokenizer *tokenizer = user_data;
  const gint32 x = *(const gint32 *) a, y = *(const gint32 *) b;
  const gsize x_length = tokenizer->tokens[x].length, y_length = tokenizer->tokens[y].length;

  if (x_length != y_length)
    return x_length > y_length ? -1 : 1;

  return x < y ? -1 : x > y;
}

static guint32
find_child (const GArray *nodes,
            guint32       parent,
            guint8        byte)
{
  guint32 i = g_array_index (nodes, Node, parent).child;

  while (i != 0 && g_array_index (nodes, Node, i).byte != byte)
    i = g_array_index (nodes, Node, i).sibling;

  return i;
}

static void
insert (GArray              *nodes,
        const MoeGgufString *key,
        guint32              token)
{
  guint32 at = 0;

  for (gsize i = 0; i < key->length; i++)
    {
      const guint8 byte = (guint8) key->bytes[i];
      guint32 next = find_child (nodes, at, byte);

      if (next == 0)
        {
          const Node node = { 0, g_array_index (nodes, Node, at).child, 0, byte };

          next = nodes->len;
          g_array_append_val (nodes, node);
          g_array_index (nodes, Node, at).child = next;
        }
      at = next;
    }

  g_array_index (nodes, Node, at).token = token;
}

MoeSpecialTokens *
moe_special_tokens_new (const MoeTokenizer *tokenizer)
{
  MoeSpecialTokens *self = g_new0 (MoeSpecialTokens, 1);
  const Node root = { 0 };

  self->by_length = g_array_new (FALSE, FALSE, sizeof (gint32));
  self->nodes = g_array_new (FALSE, FALSE, sizeof (Node));
  g_array_append_val (self->nodes, root);

  for (guint i = 0; i < tokenizer->n_tokens; i++)
    {
      const MoeTokenKind kind = tokenizer->kinds[i];
      const gint32 id = (gint32) i;

      if ((kind == MOE_TOKEN_CONTROL || kind == MOE_TOKEN_USER_DEFINED || kind == MOE_TOKEN_UNKNOWN) &&
          tokenizer->tokens[i].length > 0)
        g_array_append_val (self->by_length, id);
    }
  g_array_sort_with_data (self->by_length, compare_lengths, (gpointer) tokenizer);

  for (guint i = 0; i < self->by_length->len; i++)
    insert (self->nodes, &tokenizer->tokens[g_array_index (self->by_length, gint32, i)], i + 1);

  return self;
}

void
moe_special_tokens_free (MoeSpecialTokens *self)
{
  if (self == NULL)
    return;

  g_array_unref (self->by_length);
  g_array_unref (self->nodes);
  g_free (self);
}

/* (by_length) TRUE for each token that is found somewhere in @text. */
static guint8 *
find_present (const MoeSpecialTokens *self,
              const char             *text,
              gsize                   length)
{
  guint8 *present = g_new0 (guint8, self->by_length->len + 1);

  for (gsize i = 0; i < length; i++)
    {
      guint32 at = 0;

      for (gsize j = i; j < length && (at = find_child (self->nodes, at, (guint8) text[j])) != 0; j++)
        {
          const guint32 token = g_array_index (self->nodes, Node, at).token;

          if (token != 0)
            present[token - 1] = TRUE;
        }
    }

  return present;
}

/* Unicode's White_Space. */
static gboolean
is_space (gunichar c)
{
  return (c >= 9 && c <= 13) || c == 0x85 || g_unichar_isspace (c);
}

/* Bytes of white space before @end in @text, or after @start of @length. */
static gsize
count_spaces_before (const char *text,
                     gsize       start,
                     gsize       end)
{
  gsize at = end;

  while (at > start)
    {
      const char *p = g_utf8_find_prev_char (text + start, text + at);
      gunichar c = p != NULL ? g_utf8_get_char_validated (p, text + at - p) : (gunichar) -1;

      if (c >= 0x110000 || !is_space (c))
        break;
      at = (gsize) (p - text);
    }
  return end - at;
}

static gsize
count_spaces_after (const char *text,
                    gsize       start,
                    gsize       end)
{
  gsize at = start;

  while (at < end)
    {
      gunichar c = g_utf8_get_char_validated (text + at, (gssize) (end - at));

      if (c >= 0x110000 || !is_space (c))
        break;
      at += (gsize) g_unichar_to_utf8 (c, NULL);
    }
  return at - start;
}

/* Cuts every occurrence of one token out of the text fragments. */
static GArray *
cut_token (GArray              *fragments,
           gint32               id,
           guint8               strips,
           const MoeGgufString *spelling,
           const char          *text,
           const guint8        *literal)
{
  GArray *finer = g_array_sized_new (FALSE, FALSE, sizeof (MoeFragment), fragments->len);

  for (guint i = 0; i < fragments->len; i++)
    {
      MoeFragment rest = g_array_index (fragments, MoeFragment, i);
      gsize from = rest.start;

      while (rest.id < 0)
        {
          const char *found = memmem (text + from, rest.end - from, spelling->bytes, spelling->length);
          MoeFragment before, token;

          if (found == NULL)
            break;

          token.start = (gsize) (found - text);
          token.end = token.start + spelling->length;
          token.id = id;
          if (literal != NULL && memchr (literal + token.start, 1, spelling->length) != NULL)
            {
              from = token.start + 1;
              continue;
            }

          if ((strips & MOE_STRIP_LEFT) != 0)
            token.start -= count_spaces_before (text, rest.start, token.start);
          if ((strips & MOE_STRIP_RIGHT) != 0)
            token.end += count_spaces_after (text, token.end, rest.end);
          before = rest;
          before.end = token.start;
          if (before.start < before.end)
            g_array_append_val (finer, before);
          g_array_append_val (finer, token);
          from = rest.start = token.end;
        }

      if (rest.start < rest.end)
        g_array_append_val (finer, rest);
    }

  g_array_unref (fragments);
  return finer;
}

GArray *
moe_special_tokens_cut (const MoeSpecialTokens *self,
                        const MoeTokenizer     *tokenizer,
                        const char             *text,
                        gsize                   length,
                        gboolean                with_control,
                        const guint8           *literal)
{
  g_autofree guint8 *present = find_present (self, text, length);
  GArray *fragments = g_array_new (FALSE, FALSE, sizeof (MoeFragment));
  const MoeFragment whole = { 0, length, -1 };

  if (length > 0)
    g_array_append_val (fragments, whole);

  for (guint i = 0; i < self->by_length->len; i++)
    {
      const gint32 id = g_array_index (self->by_length, gint32, i);
      const gboolean is_text = tokenizer->kinds[id] == MOE_TOKEN_USER_DEFINED;

      if (present[i] && (with_control || is_text))
        fragments = cut_token (fragments, id, tokenizer->strips != NULL ? tokenizer->strips[id] : 0,
                               &tokenizer->tokens[id], text, is_text ? NULL : literal);
    }

  return fragments;
}
