/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-hf-private.h"

G_BEGIN_DECLS

/* What the files that read tokenizer.json share. */

#define MOE_HF_MAX_TOKENIZER (64u << 20)

/* tokenizer.ggml.token_type */
typedef enum
{
  MOE_HF_TOKEN_NORMAL = 1,
  MOE_HF_TOKEN_UNKNOWN = 2,
  MOE_HF_TOKEN_CONTROL = 3,
  MOE_HF_TOKEN_USER_DEFINED = 4,
  MOE_HF_TOKEN_UNUSED = 5,
  MOE_HF_TOKEN_BYTE = 6,
} MoeHfTokenType;

typedef struct
{
  const char  *folder;
  JsonObject  *root;     /* of tokenizer.json */
  JsonObject  *config;   /* of config.json */
  JsonObject  *settings; /* of tokenizer_config.json, or NULL */
  gboolean     spaces;   /* SentencePiece: spaces are written as U+2581, not bytes as characters */
  guint        n;        /* tokens, (n) each: */
  const char **texts;
  gint32      *types;
  GPtrArray   *owned;
  GHashTable  *ids;      /* text -> id + 1 */
} MoeHfVocabulary;

#define moe_hf_fail_tokenizer(folder, code, error, ...) \
  moe_hf_blame_file (moe_error_fail (error, code, NULL, __VA_ARGS__), error, folder, "tokenizer.json")

/* The id of @text, -1 when it is no token. */
gint64   moe_hf_vocabulary_find  (const MoeHfVocabulary  *self,
                                  const char             *text);

/* What tokenizer.json would say in place of tiktoken.model. @settings: of tokenizer_config.json, or NULL.
 * Transfer full. */
JsonNode *moe_hf_read_tiktoken   (const char             *folder,
                                  JsonObject             *settings,
                                  const MoeHfConfig      *config,
                                  GError                **error);

/* Before the vocabulary is read: what kind of BPE it is, how a text is changed and cut up before it is
 * merged. */
gboolean moe_hf_read_splits      (MoeHfVocabulary        *self,
                                  MoeHfKeys              *keys,
                                  GError                **error);
/* Afterwards: what is added to a text, and the tokens that end one. */
gboolean moe_hf_read_specials    (MoeHfVocabulary        *self,
                                  MoeHfKeys              *keys,
                                  GError                **error);
gboolean moe_hf_read_template    (MoeHfVocabulary        *self,
                                  MoeHfKeys              *keys,
                                  GError                **error);

G_END_DECLS
