/* SPDX-License-Identifier: MIT */
#pragma once

#include "probes/moe-merge.h"
#include "probes/moe-pretokenizer.h"
#include "probes/moe-tokenizer.h"

G_BEGIN_DECLS

/* Shared by the files that make up the tokenizer, and by the chat templates. */

typedef enum
{
  MOE_TOKEN_NORMAL = 1, /* numbered as in tokenizer.ggml.token_type */
  MOE_TOKEN_UNKNOWN = 2,
  MOE_TOKEN_CONTROL = 3,
  MOE_TOKEN_USER_DEFINED = 4,
  MOE_TOKEN_UNUSED = 5,
  MOE_TOKEN_BYTE = 6,
} MoeTokenKind;

/* White space that a special token takes in. */
enum { MOE_STRIP_LEFT = 1, MOE_STRIP_RIGHT = 2 };

typedef struct _MoeSpecialTokens MoeSpecialTokens;

struct _MoeTokenizer
{
  gatomicrefcount   ref_count;
  char             *name;
  guint             n_tokens;
  char             *spelling;         /* what the strings below point into */
  MoeGgufString    *tokens;           /* (n_tokens) as spelled in the file */
  char             *text;             /* what the offsets below point into */
  gsize            *text_offsets;     /* (n_tokens + 1) each text is followed by a NUL */
  guint8           *kinds;            /* (n_tokens) MoeTokenKind */
  guint8           *ends;             /* (n_tokens) TRUE for a token that ends a turn or the text */
  float            *scores;           /* (n_tokens) of a SentencePiece vocabulary, never NaN */
  guint             longest;          /* bytes of the longest spelling */
  GHashTable       *ids;              /* MoeGgufString -> id + 1 */
  MoeSpecialTokens *specials;
  gint32            bos, eos, unknown;
  gboolean          add_bos, add_eos, add_space_prefix;
  gboolean          metaspace;        /* MOE_GGUF_KEY_METASPACE */
  guint8           *strips;           /* (n_tokens) MOE_STRIP_LEFT, _RIGHT; NULL for none */
  gint32            byte_tokens[256]; /* of a single byte, or -1: SentencePiece, and BPE of characters */

  /* BPE. A symbol is a token, or, from n_tokens on, a string that merges name though it is no
   * token. */
  MoePretokenizer  *pretokenizer;
  GPtrArray        *extra_symbols;     /* MoeGgufString */
  GHashTable       *merges;            /* a set of MoeMergeRule; also of a SentencePiece vocabulary without
                                        * scores */
  gpointer          merge_rules;
  guint32           byte_symbols[256]; /* the symbol a piece starts with for each byte */
  gboolean          characters;        /* pieces start with characters instead */
};

/* A token and the bytes [start, end) of the text it came from: exact for valid UTF-8. Empty for a token the
 * tokenizer added. */
typedef struct
{
  gint32 id;
  gsize  start, end;
} MoeTokenSpan;

/* As moe_tokenizer_encode(). Where @literal (length) is non-zero no control token is recognised; NULL:
 * nowhere. Returns an array of MoeTokenSpan (transfer full). */
GArray   *moe_tokenizer_encode_spans (const MoeTokenizer   *self,
                                      const char           *text,
                                      gsize                 length,
                                      MoeTokenizeFlags      flags,
                                      const guint8         *literal);

/* The id of @bytes, also of one that is no token but a symbol of the merges; -1 when there is none. */
gint64    moe_tokenizer_find_symbol  (const MoeTokenizer   *self,
                                      const char           *bytes,
                                      gsize                 length);

/* moe-tokenizer-bpe.c: builds the merges; decodes a spelling, appending its bytes; and cuts up a text
 * without special tokens that starts at byte @offset. */
gboolean  moe_tokenizer_bpe_load     (MoeTokenizer         *self,
                                      MoeGguf              *gguf,
                                      GError              **error);
void      moe_tokenizer_bpe_free     (MoeTokenizer         *self);
void      moe_tokenizer_bpe_decode   (const MoeGgufString  *spelling,
                                      GString              *out);
void      moe_tokenizer_bpe_encode   (const MoeTokenizer   *self,
                                      MoeMerger            *merger,
                                      const char           *text,
                                      gsize                 length,
                                      gsize                 offset,
                                      GArray               *spans);

/* Reads the merges "left right" of the array @key; and looks one up. */
gboolean  moe_tokenizer_load_merges  (MoeTokenizer         *self,
                                      MoeGguf              *gguf,
                                      const char           *key,
                                      GError              **error);
gboolean  moe_tokenizer_find_merge   (const MoeSymbol      *left,
                                      const MoeSymbol      *right,
                                      gpointer              tokenizer,
                                      double               *rank,
                                      guint32              *result);

/* moe-tokenizer-spm.c: the same; @prefix says that the text stands at the start or after a special token. */
gboolean  moe_tokenizer_spm_load     (MoeTokenizer         *self,
                                      MoeGguf              *gguf,
                                      GError              **error);
void      moe_tokenizer_spm_decode   (MoeTokenKind          kind,
                                      const MoeGgufString  *spelling,
                                      GString              *out);
void      moe_tokenizer_spm_encode   (const MoeTokenizer   *self,
                                      MoeMerger            *merger,
                                      const char           *text,
                                      gsize                 length,
                                      gsize                 offset,
                                      gboolean              prefix,
                                      GArray               *spans);

/* @text with the spaces replaced by U+2581, and for each of its bytes the byte of @text it stands for, in
 * @sources (guint32); @prefix: with one more in front. */
GString  *moe_tokenizer_escape_spaces (const char           *text,
                                       gsize                 length,
                                       gboolean              prefix,
                                       GArray               *sources);
/* Bytes of the character at @text, by its first one, whether it is valid or not. */
gsize     moe_tokenizer_character_length (const char         *text,
                                          gsize               length);

/* moe-special-tokens.c: cutting special tokens out of a text, the longest first wherever they are, then the
 * next shorter ones in what is left. */
typedef struct
{
  gsize  start, end;
  gint32 id; /* -1 for text */
} MoeFragment;

MoeSpecialTokens *moe_special_tokens_new  (const MoeTokenizer     *tokenizer);
void              moe_special_tokens_free (MoeSpecialTokens       *self);
/* An array of MoeFragment (transfer full). */
GArray           *moe_special_tokens_cut  (const MoeSpecialTokens *self,
                                           const MoeTokenizer     *tokenizer,
                                           const char             *text,
                                           gsize                   length,
                                           gboolean                with_control,
                                           const guint8           *literal);

G_END_DECLS
