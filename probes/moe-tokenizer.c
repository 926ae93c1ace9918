/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-tokenizer"

#include "probes/moe-tokenizer.h"

#include <string.h>

#include "data/moe-error.h"
#include "probes/moe-tokenizer-private.h"

/* Token ids are 32 bits signed, and no vocabulary comes near this. */
#define MAX_TOKENS (1u << 24)

/* Tokens that end a turn or the text whatever a file says of their kind, by their spelling. */
static const char *const end_names[] = {
  "<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<end_of_turn>", "<|endoftext|>", "</s>",
  "<|eom_id|>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]", "<|end_of_text|>", "<end_of_utterance>", "<eos>",
  "<turn|>", "<|tool_response>", "<|flush|>", "<|calls|>",
  "<\xef\xbd\x9c" "end\xe2\x96\x81of\xe2\x96\x81sentence\xef\xbd\x9c>", "[e~[",
};

static guint
hash_string (gconstpointer key)
{
  const MoeGgufString *string = key;
  guint64 hash = G_GUINT64_CONSTANT (0xcbf29ce484222325);

  for (gsize i = 0; i < string->length; i++)
    hash = (hash ^ (guint8) string->bytes[i]) * G_GUINT64_CONSTANT (0x100000001b3);

  return (guint) (hash ^ hash >> 32);
}

static gboolean
strings_equal (gconstpointer a,
               gconstpointer b)
{
  const MoeGgufString *x = a, *y = b;

  return x->length == y->length && memcmp (x->bytes, y->bytes, x->length) == 0;
}

gint64
moe_tokenizer_find_symbol (const MoeTokenizer *self,
                           const char         *bytes,
                           gsize               length)
{
  const MoeGgufString wanted = { bytes, length };

  return (gint64) GPOINTER_TO_UINT (g_hash_table_lookup (self->ids, &wanted)) - 1;
}

static gboolean
load_tokens (MoeTokenizer  *self,
             MoeGguf       *gguf,
             GError       **error)
{
  const char *path = moe_gguf_get_path (gguf);
  GError *local = NULL;
  gsize n, bytes = 0;
  char *p;

  self->tokens = moe_gguf_get_string_array (gguf, "tokenizer.ggml.tokens", &n, &local);
  if (local != NULL)
    {
      g_propagate_error (error, local);
      return FALSE;
    }
  if (self->tokens == NULL || n == 0)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: the vocabulary has no tokens", path);
      return FALSE;
    }
  if (n > MAX_TOKENS)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_LIMIT,
                   "%s: the vocabulary has %" G_GSIZE_FORMAT " tokens, at most %u "
                   "are supported", path, n, MAX_TOKENS);
      return FALSE;
    }
  self->n_tokens = (guint) n;

  for (gsize i = 0; i < n; i++)
    {
      if (self->tokens[i].length > G_MAXINT32 || bytes > G_MAXSIZE - self->tokens[i].length)
        {
          g_set_error (error, MOE_ERROR, MOE_ERROR_LIMIT, "%s: token %" G_GSIZE_FORMAT " is too long", path,
                       i);
          return FALSE;
        }
      bytes += self->tokens[i].length;
    }

  /* A copy, so that the tokenizer doesn't read from the file any more. */
  p = self->spelling = g_malloc (MAX (bytes, 1));
  for (gsize i = 0; i < n; i++)
    {
      MoeGgufString *token = &self->tokens[i];

      if (token->length > 0)
        memcpy (p, token->bytes, token->length);
      token->bytes = p;
      p += token->length;
      self->longest = MAX (self->longest, (guint) token->length);
      if (token->length == 0)
        continue;
      if (g_hash_table_contains (self->ids, token))
        {
          g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT,
                       "%s: tokens %" G_GINT64_FORMAT " and %" G_GSIZE_FORMAT " of the vocabulary are "
                                                                              "spelled alike",
                       path, moe_tokenizer_find_symbol (self, token->bytes, token->length), i);
          return FALSE;
        }
      g_hash_table_insert (self->ids, token, GUINT_TO_POINTER (i + 1));
    }

  return TRUE;
}

static gboolean
load_kinds (MoeTokenizer  *self,
            MoeGguf       *gguf,
            GError       **error)
{
  GError *local = NULL;
  gsize n;
  g_autofree gint32 *kinds = moe_gguf_get_int_array (gguf, "tokenizer.ggml.token_type", &n, &local);

  if (local != NULL)
    {
      g_propagate_error (error, local);
      return FALSE;
    }
  if (kinds != NULL && n != self->n_tokens)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT,
                   "%s: the vocabulary has %u tokens but %" G_GSIZE_FORMAT " token types",
                   moe_gguf_get_path (gguf), self->n_tokens, n);
      return FALSE;
    }

  self->kinds = g_new (guint8, self->n_tokens);
  self->ends = g_new0 (guint8, self->n_tokens);
  for (guint i = 0; i < self->n_tokens; i++)
    {
      self->kinds[i] = MOE_TOKEN_NORMAL;
      if (kinds != NULL)
        self->kinds[i] = kinds[i] >= MOE_TOKEN_NORMAL && kinds[i] <= MOE_TOKEN_BYTE ? kinds[i]
            : MOE_TOKEN_UNUSED;
    }

  return TRUE;
}

/* -1 when the key is absent or says "none"; FALSE with @error when it names no token. */
static gboolean
load_special (const MoeTokenizer  *self,
              MoeGguf             *gguf,
              const char          *key,
              gint32               fallback,
              gint32              *id,
              GError             **error)
{
  GError *local = NULL;
  guint32 value;

  *id = fallback >= 0 && (guint) fallback < self->n_tokens ? fallback : -1;
  if (!moe_gguf_get_uint (gguf, key, &value, &local))
    {
      if (local == NULL)
        return TRUE;
      g_propagate_error (error, local);
      return FALSE;
    }
  if (value == G_MAXUINT32)
    {
      *id = -1;
      return TRUE;
    }
  if (value >= self->n_tokens)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: %s is %u, but the vocabulary has only %u tokens",
                   moe_gguf_get_path (gguf), key, value, self->n_tokens);
      return FALSE;
    }

  *id = (gint32) value;
  return TRUE;
}

static gboolean
load_flag (MoeGguf     *gguf,
           const char  *key,
           gboolean    *flag,
           GError     **error)
{
  GError *local = NULL;

  moe_gguf_get_bool (gguf, key, flag, &local);
  if (local == NULL)
    return TRUE;

  g_propagate_error (error, local);
  return FALSE;
}

static gboolean
has_token (const MoeTokenizer *self,
           const char         *name)
{
  return moe_tokenizer_find (self, name) >= 0;
}

/* Of the names above some mean something else in some formats. */
static void
leave_out (MoeTokenizer *self)
{
  const gint32 end = moe_tokenizer_find (self, "<|end|>"), slash = moe_tokenizer_find (self, "</s>");
  const gboolean harmony = has_token (self, "<|return|>") &&
                           (has_token (self, "<|call|>") || has_token (self, "<|calls|>"));
  const gboolean flushes = has_token (self, "<|flush|>") &&
                           (has_token (self, "<|call|>") || has_token (self, "<|calls|>"));

  /* There "<|end|>" ends a message, not the turn. */
  if (end >= 0 && (harmony || flushes))
    self->ends[end] = FALSE;

  /* With Gemma 4's marks it is text. */
  if (slash >= 0 && has_token (self, "<|tool_response>"))
    {
      self->ends[slash] = FALSE;
      self->kinds[slash] = MOE_TOKEN_NORMAL;
    }
}

static gboolean
load_specials (MoeTokenizer  *self,
               MoeGguf       *gguf,
               gboolean       spm,
               GError       **error)
{
  gint32 eot, eom;

  if (!load_special (self, gguf, "tokenizer.ggml.bos_token_id", spm ? 1 : -1, &self->bos, error) ||
      !load_special (self, gguf, "tokenizer.ggml.eos_token_id", spm ? 2 : -1, &self->eos, error) ||
      !load_special (self, gguf, "tokenizer.ggml.unknown_token_id", spm ? 0 : -1, &self->unknown, error) ||
      !load_special (self, gguf, "tokenizer.ggml.eot_token_id", -1, &eot, error) ||
      !load_special (self, gguf, "tokenizer.ggml.eom_token_id", -1, &eom, error) ||
      !load_flag (gguf, "tokenizer.ggml.add_bos_token", &self->add_bos, error) ||
      !load_flag (gguf, "tokenizer.ggml.add_eos_token", &self->add_eos, error) ||
      !load_flag (gguf, "tokenizer.ggml.add_space_prefix", &self->add_space_prefix, error) ||
      !load_flag (gguf, MOE_GGUF_KEY_METASPACE, &self->metaspace, error))
    return FALSE;

  for (gsize i = 0; i < G_N_ELEMENTS (end_names); i++)
    {
      const gint32 id = moe_tokenizer_find (self, end_names[i]);

      if (id >= 0)
        {
          self->ends[id] = TRUE;
          self->kinds[id] = MOE_TOKEN_CONTROL;
        }
    }

  leave_out (self);
  if (self->eos >= 0)
    self->ends[self->eos] = TRUE;
  if (eot >= 0)
    self->ends[eot] = TRUE;
  if (eom >= 0)
    self->ends[eom] = TRUE;

  return TRUE;
}

/* The tokens that @key lists; NULL without @error when there is no such key. */
static gint32 *
load_ids (MoeTokenizer  *self,
          MoeGguf       *gguf,
          const char    *key,
          gsize         *n,
          GError       **error)
{
  g_autofree gint32 *ids = moe_gguf_get_int_array (gguf, key, n, error);

  for (gsize i = 0; ids != NULL && i < *n; i++)
    if (ids[i] < 0 || (guint) ids[i] >= self->n_tokens)
      {
        g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: %s has %d, but the vocabulary only %u tokens",
                     moe_gguf_get_path (gguf), key, ids[i], self->n_tokens);
        return NULL;
      }
  return g_steal_pointer (&ids);
}

/* What only folders say. */
static gboolean
load_folder_lists (MoeTokenizer  *self,
                   MoeGguf       *gguf,
                   GError       **error)
{
  static const struct { const char *key; guint8 bit; } lists[] = {
    { MOE_GGUF_KEY_ENDS, 0 },
    { MOE_GGUF_KEY_LSTRIP, MOE_STRIP_LEFT },
    { MOE_GGUF_KEY_RSTRIP, MOE_STRIP_RIGHT },
  };

  for (guint i = 0; i < G_N_ELEMENTS (lists); i++)
    {
      GError *local = NULL;
      gsize n = 0;
      g_autofree gint32 *ids = load_ids (self, gguf, lists[i].key, &n, &local);

      if (local != NULL)
        {
          g_propagate_error (error, local);
          return FALSE;
        }
      if (ids != NULL && n > 0 && lists[i].bit != 0 && self->strips == NULL)
        self->strips = g_new0 (guint8, self->n_tokens);
      for (gsize j = 0; ids != NULL && j < n; j++)
        if (lists[i].bit == 0)
          self->ends[ids[j]] = TRUE;
        else
          self->strips[ids[j]] |= lists[i].bit;
    }
  return TRUE;
}

static MoePretokenizer *
load_pretokenizer (MoeGguf     *gguf,
                   const char  *pre,
                   GError     **error)
{
  GError *local = NULL;
  gboolean ignore_merges = FALSE;
  gsize n;
  g_autofree MoeGgufString *splits = moe_gguf_get_string_array (gguf, MOE_GGUF_KEY_SPLITS, &n, &local);

  if (local == NULL && splits == NULL)
    return moe_pretokenizer_new (pre, error);
  if (local == NULL)
    moe_gguf_get_bool (gguf, MOE_GGUF_KEY_IGNORE_MERGES, &ignore_merges, &local);
  if (local == NULL)
    return moe_pretokenizer_new_custom (splits, n, ignore_merges, error);
  g_propagate_error (error, local);
  return NULL;
}

static void
decode_tokens (MoeTokenizer *self,
               gboolean      spm)
{
  GString *text = g_string_new (NULL);

  self->text_offsets = g_new (gsize, self->n_tokens + 1);
  for (guint i = 0; i < self->n_tokens; i++)
    {
      const MoeGgufString *spelling = &self->tokens[i];
      const MoeTokenKind kind = self->kinds[i];

      self->text_offsets[i] = text->len;
      if (kind == MOE_TOKEN_CONTROL || kind == MOE_TOKEN_USER_DEFINED || kind == MOE_TOKEN_UNKNOWN)
        g_string_append_len (text, spelling->bytes, (gssize) spelling->length);
      else if (spm || self->characters)
        moe_tokenizer_spm_decode (kind, spelling, text);
      else
        moe_tokenizer_bpe_decode (spelling, text);
      g_string_append_c (text, '\0');
    }
  self->text_offsets[self->n_tokens] = text->len;
  self->text = g_string_free (text, FALSE);
}

MoeTokenizer *
moe_tokenizer_new (MoeGguf  *gguf,
                   GError  **error)
{
  g_autoptr (MoeTokenizer) self = NULL;
  const char *path, *model = NULL, *pre = NULL;
  GError *local = NULL;
  gboolean spm, gemma;

  g_return_val_if_fail (gguf != NULL, NULL);

  path = moe_gguf_get_path (gguf);
  if (!moe_gguf_get_string (gguf, "tokenizer.ggml.model", &model, &local))
    {
      if (local != NULL)
        g_propagate_error (error, local);
      else
        g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: the file holds no tokenizer", path);
      return NULL;
    }
  spm = strcmp (model, "llama") == 0;
  gemma = strcmp (model, "gemma4") == 0;
  if (!spm && !gemma && strcmp (model, "gpt2") != 0)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED, "%s: the tokenizer \"%s\" is not supported", path,
                   model);
      return NULL;
    }
  if (!spm && !moe_gguf_get_string (gguf, "tokenizer.ggml.pre", &pre, &local) && local != NULL)
    {
      g_propagate_error (error, local);
      return NULL;
    }
  if (gemma)
    pre = model;

  self = g_new0 (MoeTokenizer, 1);
  g_atomic_ref_count_init (&self->ref_count);
  self->name = spm ? g_strdup ("spm") : g_strdup_printf ("bpe/%s", pre != NULL ? pre : "default");
  self->ids = g_hash_table_new (hash_string, strings_equal);
  if (!spm)
    {
      self->pretokenizer = load_pretokenizer (gguf, pre, &local);
      if (self->pretokenizer == NULL)
        {
          g_propagate_prefixed_error (error, local, "%s: ", path);
          return NULL;
        }
      self->characters = moe_pretokenizer_merges_characters (self->pretokenizer);
    }
  self->add_bos = spm || moe_pretokenizer_adds_bos (self->pretokenizer);
  self->add_space_prefix = spm;

  if (!load_tokens (self, gguf, error) || !load_kinds (self, gguf, error) ||
      !load_specials (self, gguf, spm, error) || !load_folder_lists (self, gguf, error))
    return NULL;
  /* Files that say otherwise are known to be wrong. */
  self->add_bos |= !spm && moe_pretokenizer_keeps_newlines (self->pretokenizer);
  if (spm ? !moe_tokenizer_spm_load (self, gguf, error) : !moe_tokenizer_bpe_load (self, gguf, error))
    return NULL;

  self->specials = moe_special_tokens_new (self);
  decode_tokens (self, spm);

  return g_steal_pointer (&self);
}

MoeTokenizer *
moe_tokenizer_ref (MoeTokenizer *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
moe_tokenizer_unref (MoeTokenizer *self)
{
  g_return_if_fail (self != NULL);

  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  moe_tokenizer_bpe_free (self);
  moe_special_tokens_free (self->specials);
  g_hash_table_unref (self->ids);
  g_free (self->name);
  g_free (self->tokens);
  g_free (self->spelling);
  g_free (self->text);
  g_free (self->text_offsets);
  g_free (self->kinds);
  g_free (self->ends);
  g_free (self->strips);
  g_free (self->scores);
  g_free (self);
}

const char *
moe_tokenizer_get_name (const MoeTokenizer *self)
{
  return self->name;
}

guint
moe_tokenizer_get_n_tokens (const MoeTokenizer *self)
{
  return self->n_tokens;
}

gint32
moe_tokenizer_get_bos (const MoeTokenizer *self)
{
  return self->bos;
}

gint32
moe_tokenizer_get_eos (const MoeTokenizer *self)
{
  return self->eos;
}

gboolean
moe_tokenizer_get_add_bos (const MoeTokenizer *self)
{
  return self->add_bos && self->bos >= 0;
}

gboolean
moe_tokenizer_is_end (const MoeTokenizer *self,
                      gint32              token)
{
  return token >= 0 && (guint) token < self->n_tokens && self->ends[token];
}

gboolean
moe_tokenizer_is_control (const MoeTokenizer *self,
                          gint32              token)
{
  return token >= 0 && (guint) token < self->n_tokens &&
         (self->kinds[token] == MOE_TOKEN_CONTROL || self->kinds[token] == MOE_TOKEN_UNKNOWN);
}

gint32
moe_tokenizer_find (const MoeTokenizer *self,
                    const char         *text)
{
  const gint64 id = moe_tokenizer_find_symbol (self, text, strlen (text));

  return id < self->n_tokens ? (gint32) id : -1;
}

GArray *
moe_tokenizer_encode_spans (const MoeTokenizer *self,
                            const char         *text,
                            gsize               length,
                            MoeTokenizeFlags    flags,
                            const guint8       *literal)
{
  GArray *spans = g_array_new (FALSE, FALSE, sizeof (MoeTokenSpan));
  g_autoptr (GArray) fragments = moe_special_tokens_cut (self->specials, self, text, length,
                                                         (flags & MOE_TOKENIZE_PARSE_SPECIAL) != 0, literal);
  MoeMerger merger;

  moe_merger_init (&merger);

  if ((flags & MOE_TOKENIZE_ADD_BOS) != 0 && self->add_bos && self->bos >= 0)
    {
      const MoeTokenSpan span = { self->bos, 0, 0 };

      g_array_append_val (spans, span);
    }

  for (guint i = 0; i < fragments->len; i++)
    {
      const MoeFragment *fragment = &g_array_index (fragments, MoeFragment, i);
      const char *start = text + fragment->start;
      const gsize n = fragment->end - fragment->start;

      if (fragment->id >= 0)
        {
          const MoeTokenSpan span = { fragment->id, fragment->start, fragment->end };

          g_array_append_val (spans, span);
        }
      else if (self->pretokenizer != NULL)
        {
          moe_tokenizer_bpe_encode (self, &merger, start, n, fragment->start, spans);
        }
      else
        {
          const gboolean prefix = i == 0 || g_array_index (fragments, MoeFragment, i - 1).id >= 0;

          moe_tokenizer_spm_encode (self, &merger, start, n, fragment->start, prefix, spans);
        }
    }

  if ((flags & MOE_TOKENIZE_ADD_BOS) != 0 && self->add_eos && self->eos >= 0)
    {
      const MoeTokenSpan span = { self->eos, length, length };

      g_array_append_val (spans, span);
    }

  moe_merger_clear (&merger);
  return spans;
}

gint32 *
moe_tokenizer_encode (const MoeTokenizer *self,
                      const char         *text,
                      gsize               length,
                      MoeTokenizeFlags    flags,
                      gsize              *n_tokens)
{
  g_autoptr (GArray) spans = moe_tokenizer_encode_spans (self, text, length, flags, NULL);
  gint32 *ids = g_new (gint32, MAX (spans->len, 1));

  for (guint i = 0; i < spans->len; i++)
    ids[i] = g_array_index (spans, MoeTokenSpan, i).id;
  *n_tokens = spans->len;

  return ids;
}

const char *
moe_tokenizer_get_text (const MoeTokenizer *self,
                        gint32              token,
                        gsize              *length)
{
  g_return_val_if_fail (token >= 0 && (guint) token < self->n_tokens, NULL);

  if (length != NULL)
    *length = self->text_offsets[token + 1] - self->text_offsets[token] - 1;
  return self->text + self->text_offsets[token];
}

char *
moe_tokenizer_decode (const MoeTokenizer *self,
                      const gint32       *tokens,
                      gsize               n_tokens,
                      gboolean            with_control,
                      gsize              *length)
{
  GString *text = g_string_new (NULL);

  for (gsize i = 0; i < n_tokens; i++)
    {
      gsize n;
      const char *bytes = moe_tokenizer_get_text (self, tokens[i], &n);

      if (with_control || !moe_tokenizer_is_control (self, tokens[i]))
        g_string_append_len (text, bytes, (gssize) n);
    }

  if (length != NULL)
    *length = text->len;
  return g_string_free (text, FALSE);
}
