/* SPDX-License-Identifier: MIT */
#pragma once

#include "tests/support/moe-gguf-writer.h"

G_BEGIN_DECLS

/* Small vocabularies that behave like real ones: every byte can be written, merges cross the borders that
 * pre-tokenizers draw (so that a wrong border shows in the ids), special tokens of each kind. */

/* Byte-level BPE: 256 bytes in GPT-2's order, then one token per merge, then tokens that no merge reaches,
 * then control and user-defined tokens. @pre is the value of tokenizer.ggml.pre. Writes the tokenizer.* keys;
 * returns the number of tokens. */
guint moe_test_vocabulary_add_bpe (MoeGgufWriter *writer,
                                   const char    *pre);

/* The vocabulary that fits @pre: the one above without tokenizer.ggml.add_bos_token (qwen2: FALSE), or for
 * those that merge characters one of single characters, byte tokens and merges. */
guint moe_test_vocabulary_add_default (MoeGgufWriter *writer,
                                       const char    *pre);

/* SentencePiece-style: <unk>, <s>, </s>, 256 byte tokens, pieces with scores (some equal), a control and a
 * user-defined token. @add_space_prefix is written only when it is FALSE, as files leave it out otherwise. */
guint moe_test_vocabulary_add_spm (MoeGgufWriter *writer,
                                   gboolean       add_space_prefix);

G_END_DECLS
