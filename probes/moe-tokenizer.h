/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

#include "data/moe-gguf.h"

G_BEGIN_DECLS

/* Text <-> token ids, from a GGUF's tokenizer.* keys: byte-level BPE ("gpt2" with the pre-tokenizers qwen2,
 * gpt-2, olmo, llama-bpe and their aliases) and SentencePiece-style ("llama"). Ids equal llama.cpp's.
 * Immutable; any thread. */
typedef struct _MoeTokenizer MoeTokenizer;

/* Errors: MOE_ERROR_FORMAT (a vocabulary that contradicts itself), _UNSUPPORTED (names the model and
 * pre-tokenizer). */
MoeTokenizer *moe_tokenizer_new          (MoeGguf             *gguf,
                                          GError             **error);
MoeTokenizer *moe_tokenizer_ref          (MoeTokenizer        *self);
void          moe_tokenizer_unref        (MoeTokenizer        *self);

/* "bpe/qwen2", "spm" */
const char   *moe_tokenizer_get_name     (const MoeTokenizer  *self);
guint         moe_tokenizer_get_n_tokens (const MoeTokenizer  *self);

/* Ids of the special tokens, -1 when there is none. */
gint32        moe_tokenizer_get_bos      (const MoeTokenizer  *self);
gint32        moe_tokenizer_get_eos      (const MoeTokenizer  *self);
gboolean      moe_tokenizer_get_add_bos  (const MoeTokenizer  *self);
/* Ends a turn or the text: eos, eot, <|im_end|> and the like. */
gboolean      moe_tokenizer_is_end       (const MoeTokenizer  *self,
                                          gint32               token);
/* A control token: shown, but not part of an answer's text. */
gboolean      moe_tokenizer_is_control   (const MoeTokenizer  *self,
                                          gint32               token);
/* Id of the token spelled exactly @text, or -1. */
gint32        moe_tokenizer_find         (const MoeTokenizer  *self,
                                          const char          *text);

typedef enum
{
  MOE_TOKENIZE_DEFAULT = 0,
  MOE_TOKENIZE_ADD_BOS = 1 << 0,       /* as the file asks (add_bos_token), with add_eos likewise */
  MOE_TOKENIZE_PARSE_SPECIAL = 1 << 1, /* control tokens written out in the text become their ids */
} MoeTokenizeFlags;

/* @text may hold any bytes, NULs and invalid UTF-8 too. Returns a new array (transfer full). Never fails:
 * a byte no token covers becomes the unknown token (SentencePiece) or is left out (byte-level BPE).
 * Linear-ish time also for 1 MB of one letter. */
gint32       *moe_tokenizer_encode       (const MoeTokenizer  *self,
                                          const char          *text,
                                          gsize                length,
                                          MoeTokenizeFlags     flags,
                                          gsize               *n_tokens);

/* The bytes of one token as they appear in text (SentencePiece's U+2581 as a space); may be part of a UTF-8
 * character. Control tokens give their name. Valid as long as the tokenizer. */
const char   *moe_tokenizer_get_text     (const MoeTokenizer  *self,
                                          gint32               token,
                                          gsize               *length);
/* The bytes of a sequence, control tokens left out unless @with_control; NUL-terminated besides (transfer
 * full). */
char         *moe_tokenizer_decode       (const MoeTokenizer  *self,
                                          const gint32        *tokens,
                                          gsize                n_tokens,
                                          gboolean             with_control,
                                          gsize               *length);

/* Gathers bytes and releases whole UTF-8 characters: feed each token's bytes, print what comes back. */
typedef struct { char pending[4]; guint n_pending; } MoeUtf8Stream;

/* Appends to @out what is complete; bytes that can never become valid turn into U+FFFD. */
void          moe_utf8_stream_push       (MoeUtf8Stream       *stream,
                                          const char          *bytes,
                                          gsize                length,
                                          GString             *out);
/* Releases an unfinished rest as U+FFFD. */
void          moe_utf8_stream_end        (MoeUtf8Stream       *stream,
                                          GString             *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeTokenizer, moe_tokenizer_unref)

G_END_DECLS
