/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-tokenizer-spm"

#include <math.h>
#include <string.h>

#include "data/moe-error.h"
#include "probes/moe-tokenizer-private.h"

/* SentencePiece's BPE mode: spaces become U+2581, and the neighbours whose joint token has the highest score
 * are joined first. What no token covers is written as byte tokens "<0xE2>". */

#define SPACE "\xe2\x96\x81"

static gboolean
read_byte_name (const MoeGgufString *spelling,
                guint8              *byte)
{
  const char *s = spelling->bytes;

  if (spelling->length != 6 || memcmp (s, "<0x", 3) != 0 || s[5] != '>' ||
      !g_ascii_isxdigit (s[3]) || !g_ascii_isxdigit (s[4]))
    return FALSE;

  *byte = (guint8) (g_ascii_xdigit_value (s[3]) * 16 + g_ascii_xdigit_value (s[4]));
  return TRUE;
}

gboolean
moe_tokenizer_spm_load (MoeTokenizer  *self,
                        MoeGguf       *gguf,
                        GError       **error)
{
  GError *local = NULL;
  gsize n_scores;

  self->scores = moe_gguf_get_float_array (gguf, "tokenizer.ggml.scores", &n_scores, &local);
  if (local != NULL)
    {
      g_propagate_error (error, local);
      return FALSE;
    }
  if (self->scores == NULL)
    {
      self->scores = g_new0 (float, self->n_tokens);
    }
  else if (n_scores != self->n_tokens)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT,
                   "%s: the vocabulary has %u tokens but %" G_GSIZE_FORMAT " scores",
                   moe_gguf_get_path (gguf), self->n_tokens, n_scores);
      return FALSE;
    }

  for (guint i = 0; i < self->n_tokens; i++)
    {
      if (isnan (self->scores[i]))
        self->scores[i] = -INFINITY;
    }

  for (guint i = 0; i < 256; i++)
    {
      char name[8], letter = (char) i;
      gint64 id;

      g_snprintf (name, sizeof name, "<0x%02X>", i);
      id = moe_tokenizer_find_symbol (self, name, 6);
      if (id < 0)
        id = moe_tokenizer_find_symbol (self, &letter, 1);
      self->byte_tokens[i] = (gint32) id;
    }

  return !moe_gguf_has_key (gguf, MOE_GGUF_KEY_MERGES) ||
         moe_tokenizer_load_merges (self, gguf, MOE_GGUF_KEY_MERGES, error);
}

void
moe_tokenizer_spm_decode (MoeTokenKind         kind,
                          const MoeGgufString *spelling,
                          GString             *out)
{
  guint8 byte;

  if (kind == MOE_TOKEN_BYTE && read_byte_name (spelling, &byte))
    {
      g_string_append_c (out, (char) byte);
      return;
    }

  for (gsize i = 0; i < spelling->length;)
    {
      if (spelling->length - i >= 3 && memcmp (spelling->bytes + i, SPACE, 3) == 0)
        {
          g_string_append_c (out, ' ');
          i += 3;
        }
      else
        {
          g_string_append_c (out, spelling->bytes[i]);
          i++;
        }
    }
}

typedef struct
{
  const MoeTokenizer *tokenizer;
  const char         *text; /* with the spaces replaced */
} Find;

/* Control tokens are never put together from text. */
static gint64
find_text (const Find *find,
           guint32     start,
           guint32     length)
{
  const MoeTokenizer *self = find->tokenizer;
  gint64 id;

  if (length > self->longest)
    return -1;

  id = moe_tokenizer_find_symbol (self, find->text + start, length);
  if (id >= 0 && (self->kinds[id] == MOE_TOKEN_CONTROL || self->kinds[id] == MOE_TOKEN_UNKNOWN))
    return -1;

  return id;
}

static gboolean
find_pair (const MoeSymbol *left,
           const MoeSymbol *right,
           gpointer         user_data,
           double          *key,
           guint32         *result)
{
  const Find *find = user_data;
  const gint64 id = find_text (find, left->start, left->length + right->length);

  if (id < 0)
    return FALSE;

  *key = -(double) find->tokenizer->scores[id];
  *result = (guint32) id;
  return TRUE;
}

static void
emit_bytes (const MoeTokenizer *self,
            const char         *bytes,
            gsize               length,
            MoeTokenSpan        span,
            GArray             *spans)
{
  for (gsize i = 0; i < length; i++)
    {
      span.id = self->byte_tokens[(guint8) bytes[i]];
      if (span.id < 0)
        span.id = self->unknown;
      if (span.id >= 0)
        g_array_append_val (spans, span);
    }
}

GString *
moe_tokenizer_escape_spaces (const char *text,
                             gsize       length,
                             gboolean    prefix,
                             GArray     *sources)
{
  GString *escaped = g_string_sized_new (length + length / 4 + 4);

  if (prefix)
    g_string_append (escaped, SPACE);
  for (gsize i = 0; i < length; i++)
    {
      const guint32 source = (guint32) i;

      while (sources->len < escaped->len)
        g_array_append_val (sources, source);
      if (text[i] == ' ')
        g_string_append (escaped, SPACE);
      else
        g_string_append_c (escaped, text[i]);
    }
  while (sources->len < escaped->len)
    {
      const guint32 source = length > 0 ? (guint32) length - 1 : 0;

      g_array_append_val (sources, source);
    }

  return escaped;
}

gsize
moe_tokenizer_character_length (const char *text,
                                gsize       length)
{
  static const guint8 lengths[16] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4 };

  return MIN (lengths[(guint8) *text >> 4], length);
}

void
moe_tokenizer_spm_encode (const MoeTokenizer *self,
                          MoeMerger          *merger,
                          const char         *text,
                          gsize               length,
                          gsize               offset,
                          gboolean            prefix,
                          GArray             *spans)
{
  g_autoptr (GArray) sources = g_array_new (FALSE, FALSE, sizeof (guint32));
  gboolean first = prefix && (!self->metaspace || (offset == 0 && length > 0 && *text != ' ' &&
                                                   !g_str_has_prefix (text, SPACE)));
  g_autoptr (GString) escaped = moe_tokenizer_escape_spaces (text, length,
                                                            first && self->add_space_prefix, sources);
  const Find find = { self, escaped->str };
  const MoeSymbol *symbols;

  moe_merger_reset (merger);
  for (gsize i = 0; i < escaped->len;)
    {
      const gsize n = moe_tokenizer_character_length (escaped->str + i, escaped->len - i);

      moe_merger_add (merger, (guint32) i, (guint32) n, g_array_index (sources, guint32, i),
                      self->merges != NULL ? (guint32) find_text (&find, (guint32) i, (guint32) n) : 0);
      i += n;
    }
  if (self->merges != NULL)
    moe_merger_run (merger, moe_tokenizer_find_merge, (gpointer) self);
  else
    moe_merger_run (merger, find_pair, (gpointer) &find);

  symbols = (const MoeSymbol *) merger->symbols->data;
  for (gint32 i = merger->symbols->len > 0 ? 0 : -1; i >= 0; i = symbols[i].next)
    {
      const gint64 id = find_text (&find, symbols[i].start, symbols[i].length);
      MoeTokenSpan span = { (gint32) id, offset + symbols[i].source, offset + length };

      if (symbols[i].next >= 0)
        span.end = offset + symbols[symbols[i].next].source;
      if (id >= 0)
        g_array_append_val (spans, span);
      else
        emit_bytes (self, escaped->str + symbols[i].start, symbols[i].length, span, spans);
    }
}
