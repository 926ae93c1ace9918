/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-gguf.h"

G_BEGIN_DECLS

/* What a BPE does before merging: cutting a text into pieces that merges never cross. Known by the
 * name in tokenizer.ggml.pre; each is a list of regular expressions, applied one after the other to the
 * pieces the one before has left. Immutable; any thread. */
typedef struct _MoePretokenizer MoePretokenizer;

/* @name NULL: the pre-tokenizer of files that name none. Errors: MOE_ERROR_UNSUPPORTED, naming @name. */
MoePretokenizer *moe_pretokenizer_new           (const char             *name,
                                                 GError                **error);
/* Splits by @patterns, which come from a file. Errors: MOE_ERROR_FORMAT, MOE_ERROR_UNSUPPORTED, naming the
 * pattern. */
MoePretokenizer *moe_pretokenizer_new_custom    (const MoeGgufString    *patterns,
                                                 gsize                   n_patterns,
                                                 gboolean                ignore_merges,
                                                 GError                **error);
void             moe_pretokenizer_free          (MoePretokenizer        *self);

/* A piece that is a token as it stands is not built from merges. */
gboolean         moe_pretokenizer_ignores_merges (const MoePretokenizer *self);
/* Whether BOS is added when the file doesn't say. */
gboolean         moe_pretokenizer_adds_bos      (const MoePretokenizer  *self);

/* Some merge the characters themselves instead of GPT-2's alphabet of bytes, after every space of the text
 * was replaced by U+2581; a character that is no token is written as tokens "<0xE2>" of its bytes. */
gboolean         moe_pretokenizer_merges_characters (const MoePretokenizer *self);
/* Then a run of newlines that is a token is not built from merges. */
gboolean         moe_pretokenizer_keeps_newlines (const MoePretokenizer *self);
/* The names it knows, transfer full, NULL-terminated. */
char           **moe_pretokenizer_list_names     (void);

/* @text as moe_pretokenizer_clean() gives it. Returns where each piece ends, in bytes, ascending, the last
 * one being @length (transfer full); none for an empty text. */
gsize           *moe_pretokenizer_split         (const MoePretokenizer  *self,
                                                 const char             *text,
                                                 gsize                   length,
                                                 gsize                  *n_pieces);

/* @text with every byte that starts no character replaced by U+FFFD, over-long forms shortened; encoded
 * surrogates stay. Valid UTF-8 comes back as it is. Transfer full. */
GString         *moe_pretokenizer_clean         (const char             *text,
                                                 gsize                   length);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoePretokenizer, moe_pretokenizer_free)

G_END_DECLS
