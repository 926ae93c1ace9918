/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-tokenizer-bpe"

#include <string.h>

#include "data/moe-error.h"
#include "probes/moe-tokenizer-private.h"

/* Byte-level BPE (Radford et al. 2019, section 2.2): a text is cut into pieces, and each piece's bytes,
 * written as printable characters, are merged by rank. Some vocabularies merge the characters themselves, and
 * write spaces and unknown characters as SentencePiece does. */

/* No piece is longer than this; what is gets cut here. */
#define MAX_PIECE (1u << 30)

/* Of a character that is no token and in no merge. */
#define NO_SYMBOL G_MAXUINT32

typedef struct
{
  guint32 left, right; /* the key */
  guint32 rank;
  guint32 result;
} MergeRule;

static guint
hash_rule (gconstpointer key)
{
  const MergeRule *rule = key;
  const guint64 mixed = ((guint64) rule->left << 32 | rule->right) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);

  return (guint) (mixed >> 32);
}

static gboolean
rules_equal (gconstpointer a,
             gconstpointer b)
{
  const MergeRule *x = a, *y = b;

  return x->left == y->left && x->right == y->right;
}

/* GPT-2's alphabet: a byte that is a printable Latin-1 character stands for itself, the others for the
 * characters from U+0100 on, in order. */
static gunichar
byte_to_character (guint8 byte)
{
  if (byte < 0x21)
    return 0x100u + byte;
  if (byte >= 0x7f && byte <= 0xa0)
    return 0x121u + (byte - 0x7fu);
  if (byte == 0xad)
    return 0x143;

  return byte;
}

/* -1 for a character outside of that alphabet. */
static int
character_to_byte (gunichar character)
{
  if (character >= 0x100 && character <= 0x120)
    return (int) (character - 0x100);
  if (character >= 0x121 && character <= 0x142)
    return (int) (character - 0x121 + 0x7f);
  if (character == 0x143)
    return 0xad;
  if ((character >= 0x21 && character <= 0x7e) ||
      (character >= 0xa1 && character <= 0xff && character != 0xad))
    return (int) character;

  return -1;
}

/* A character that no byte is written as stays as it is. */
void
moe_tokenizer_bpe_decode (const MoeGgufString *spelling,
                          GString             *out)
{
  const char *end = spelling->bytes + spelling->length;

  for (const char *p = spelling->bytes; p < end;)
    {
      const gunichar c = *p == '\0' ? (gunichar) -1 : g_utf8_get_char_validated (p, end - p);
      const gboolean valid = c != (gunichar) -1 && c != (gunichar) -2;
      const gsize n = valid ? (gsize) g_unichar_to_utf8 (c, NULL) : 1;
      const int byte = valid ? character_to_byte (c) : -1;

      if (byte >= 0)
        g_string_append_c (out, (char) byte);
      else
        g_string_append_len (out, p, (gssize) n);
      p += n;
    }
}

/* The symbol spelled so, made if there is none. */
static guint32
intern (MoeTokenizer *self,
        const char   *bytes,
        gsize         length)
{
  const gint64 id = moe_tokenizer_find_symbol (self, bytes, length);
  MoeGgufString *symbol;
  guint32 added;

  if (id >= 0)
    return (guint32) id;

  symbol = g_malloc (sizeof *symbol + length);
  symbol->bytes = memcpy (symbol + 1, bytes, length);
  symbol->length = length;
  added = self->n_tokens + self->extra_symbols->len;
  g_ptr_array_add (self->extra_symbols, symbol);
  g_hash_table_insert (self->ids, symbol, GUINT_TO_POINTER (added + 1));

  return added;
}

gboolean
moe_tokenizer_load_merges (MoeTokenizer  *self,
                           MoeGguf       *gguf,
                           const char    *key,
                           GError       **error)
{
  GError *local = NULL;
  gsize n_merges;
  g_autofree MoeGgufString *merges = moe_gguf_get_string_array (gguf, key, &n_merges, &local);
  g_autoptr (GString) joint = g_string_new (NULL);
  MergeRule *rules;

  if (local != NULL)
    {
      g_propagate_error (error, local);
      return FALSE;
    }
  if (merges == NULL)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
                   "%s: a gpt2 tokenizer without merges is not supported",
                   moe_gguf_get_path (gguf));
      return FALSE;
    }

  self->extra_symbols = g_ptr_array_new_with_free_func (g_free);
  self->merges = g_hash_table_new (hash_rule, rules_equal);
  rules = g_new (MergeRule, n_merges);
  self->merge_rules = rules;

  for (gsize i = 0; i < n_merges; i++)
    {
      const char *bytes = merges[i].bytes;
      const gsize length = merges[i].length;
      const char *space = length > 1 ? memchr (bytes + 1, ' ', length - 1) : NULL;
      gsize n_left, n_right;

      /* A spelling holds no space: spaces are written as another character. */
      if (space == NULL || space == bytes + length - 1)
        {
          g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT,
                       "%s: merge %" G_GSIZE_FORMAT " does not name two pieces",
                       moe_gguf_get_path (gguf), i);
          return FALSE;
        }

      n_left = (gsize) (space - bytes);
      n_right = length - n_left - 1;
      g_string_truncate (joint, 0);
      g_string_append_len (joint, bytes, (gssize) n_left);
      g_string_append_len (joint, space + 1, (gssize) n_right);

      rules[i].left = intern (self, bytes, n_left);
      rules[i].right = intern (self, space + 1, n_right);
      rules[i].rank = (guint32) i;
      rules[i].result = intern (self, joint->str, joint->len);
      if (!g_hash_table_contains (self->merges, &rules[i]))
        g_hash_table_add (self->merges, &rules[i]);
    }

  return TRUE;
}

gboolean
moe_tokenizer_bpe_load (MoeTokenizer  *self,
                        MoeGguf       *gguf,
                        GError       **error)
{
  if (!moe_tokenizer_load_merges (self, gguf, "tokenizer.ggml.merges", error))
    return FALSE;

  for (guint i = 0; i < 256; i++)
    {
      char name[8];
      gint64 id;
      int n;

      if (self->characters)
        {
          g_snprintf (name, sizeof name, "<0x%02X>", i);
          id = moe_tokenizer_find_symbol (self, name, 6);
          self->byte_tokens[i] = id < self->n_tokens ? (gint32) id : -1;
          continue;
        }
      n = g_unichar_to_utf8 (byte_to_character ((guint8) i), name);
      self->byte_symbols[i] = intern (self, name, (gsize) n);
    }

  return TRUE;
}

void
moe_tokenizer_bpe_free (MoeTokenizer *self)
{
  g_clear_pointer (&self->pretokenizer, moe_pretokenizer_free);
  g_clear_pointer (&self->merges, g_hash_table_unref);
  g_clear_pointer (&self->merge_rules, g_free);
  g_clear_pointer (&self->extra_symbols, g_ptr_array_unref);
}

gboolean
moe_tokenizer_find_merge (const MoeSymbol *left,
                          const MoeSymbol *right,
                          gpointer         tokenizer,
                          double          *rank,
                          guint32         *result)
{
  const MoeTokenizer *self = tokenizer;
  const MergeRule wanted = { left->id, right->id, 0, 0 };
  const MergeRule *rule = g_hash_table_lookup (self->merges, &wanted);

  if (rule == NULL)
    return FALSE;

  *rank = rule->rank;
  *result = rule->result;
  return TRUE;
}

/* A symbol that is no token: those of its characters that are tokens by themselves are written, one byte at
 * a time as llama.cpp does it, so that only ASCII ones can be. */
static void
emit_parts (const MoeTokenizer *self,
            guint32             symbol,
            MoeTokenSpan        span,
            GArray             *spans)
{
  const MoeGgufString *spelling = g_ptr_array_index (self->extra_symbols, symbol - self->n_tokens);

  for (gsize i = 0; i < spelling->length; i++)
    {
      const gint64 id = moe_tokenizer_find_symbol (self, spelling->bytes + i, 1);

      if (id >= 0 && id < self->n_tokens)
        {
          span.id = (gint32) id;
          g_array_append_val (spans, span);
        }
    }
}

static void
encode_piece (const MoeTokenizer *self,
              MoeMerger          *merger,
              GString            *spelling,
              const char         *text,
              gsize               length,
              gsize               offset,
              GArray             *spans)
{
  const guint8 *bytes = (const guint8 *) text;
  const MoeSymbol *symbols;

  if (spelling != NULL)
    {
      gint64 id;

      g_string_truncate (spelling, 0);
      for (gsize i = 0; i < length; i++)
        g_string_append_unichar (spelling, byte_to_character (bytes[i]));
      id = spelling->len <= self->longest ? moe_tokenizer_find_symbol (self, spelling->str, spelling->len)
          : -1;
      if (id >= 0 && id < self->n_tokens)
        {
          const MoeTokenSpan span = { (gint32) id, offset, offset + length };

          g_array_append_val (spans, span);
          return;
        }
    }

  moe_merger_reset (merger);
  for (gsize i = 0; i < length; i++)
    moe_merger_add (merger, (guint32) i, 1, (guint32) i, self->byte_symbols[bytes[i]]);
  moe_merger_run (merger, moe_tokenizer_find_merge, (gpointer) self);

  symbols = (const MoeSymbol *) merger->symbols->data;
  for (gint32 i = 0; i >= 0; i = symbols[i].next)
    {
      const gsize start = offset + symbols[i].source;
      const MoeTokenSpan span = { (gint32) symbols[i].id, start, start + symbols[i].length };

      if (symbols[i].id < self->n_tokens)
        g_array_append_val (spans, span);
      else
        emit_parts (self, symbols[i].id, span, spans);
    }
}

/* The piece of @text from @start to @end as merged characters; @sources as from
 * moe_tokenizer_escape_spaces(). */
static void
encode_characters (const MoeTokenizer *self,
                   MoeMerger          *merger,
                   const char         *text,
                   gsize               start,
                   gsize               end,
                   gsize               offset,
                   const guint32      *sources,
                   GArray             *spans)
{
  const gsize last = offset + sources[end - 1] + 1;
  const MoeSymbol *symbols;

  if (text[start] == '\n' && moe_pretokenizer_keeps_newlines (self->pretokenizer)
      && end - start <= self->longest)
    {
      const gint64 id = moe_tokenizer_find_symbol (self, text + start, end - start);
      const MoeTokenSpan span = { (gint32) id, offset + sources[start], last };

      if (id >= 0 && id < self->n_tokens)
        {
          g_array_append_val (spans, span);
          return;
        }
    }

  moe_merger_reset (merger);
  for (gsize i = start; i < end;)
    {
      const gsize n = moe_tokenizer_character_length (text + i, end - i);
      const gint64 id = moe_tokenizer_find_symbol (self, text + i, n);

      moe_merger_add (merger, (guint32) i, (guint32) n, sources[i], id >= 0 ? (guint32) id : NO_SYMBOL);
      i += n;
    }
  moe_merger_run (merger, moe_tokenizer_find_merge, (gpointer) self);

  symbols = (const MoeSymbol *) merger->symbols->data;
  for (gint32 i = 0; i >= 0; i = symbols[i].next)
    {
      MoeTokenSpan span = { (gint32) symbols[i].id, offset + symbols[i].source, last };

      if (symbols[i].next >= 0)
        span.end = offset + symbols[symbols[i].next].source;
      if (symbols[i].id < self->n_tokens)
        {
          g_array_append_val (spans, span);
          continue;
        }
      for (guint32 j = 0; j < symbols[i].length; j++)
        {
          span.id = self->byte_tokens[(guint8) text[symbols[i].start + j]];
          if (span.id >= 0)
            g_array_append_val (spans, span);
        }
    }
}

/* @text, cleaned, without GPT-2's alphabet. */
static void
encode_text (const MoeTokenizer *self,
             MoeMerger          *merger,
             const GString      *text,
             gsize               offset,
             GArray             *spans)
{
  g_autoptr (GArray) sources = g_array_new (FALSE, FALSE, sizeof (guint32));
  g_autoptr (GString) escaped = moe_tokenizer_escape_spaces (text->str, text->len, FALSE, sources);
  gsize n_pieces;
  g_autofree gsize *ends = moe_pretokenizer_split (self->pretokenizer, escaped->str, escaped->len, &n_pieces);
  gsize start = 0;

  for (gsize i = 0; i < n_pieces; i++)
    {
      while (start < ends[i])
        {
          gsize end = ends[i];

          /* Where a piece is cut, a character stays whole. */
          if (end - start > MAX_PIECE)
            end = (gsize) (g_utf8_find_prev_char (escaped->str, escaped->str + start + MAX_PIECE)
                           - escaped->str);
          encode_characters (self, merger, escaped->str, start, end, offset,
                             (const guint32 *) (gpointer) sources->data, spans);
          start = end;
        }
    }
}

void
moe_tokenizer_bpe_encode (const MoeTokenizer *self,
                          MoeMerger          *merger,
                          const char         *text,
                          gsize               length,
                          gsize               offset,
                          GArray             *spans)
{
  g_autoptr (GString) clean = moe_pretokenizer_clean (text, length);
  g_autoptr (GString) spelling = NULL;
  g_autofree gsize *ends = NULL;
  gsize n_pieces, start = 0;

  if (self->characters)
    {
      encode_text (self, merger, clean, offset, spans);
      return;
    }

  ends = moe_pretokenizer_split (self->pretokenizer, clean->str, clean->len, &n_pieces);
  if (moe_pretokenizer_ignores_merges (self->pretokenizer))
    spelling = g_string_new (NULL);

  for (gsize i = 0; i < n_pieces; i++)
    {
      while (start < ends[i])
        {
          const gsize n = MIN (ends[i] - start, MAX_PIECE);

          encode_piece (self, merger, spelling, clean->str + start, n, offset + start, spans);
          start += n;
        }
    }
}
