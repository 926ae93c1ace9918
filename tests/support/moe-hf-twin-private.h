/* SPDX-License-Identifier: MIT */
#pragma once

#include "tests/support/moe-hf-twin.h"

G_BEGIN_DECLS

/* How transformers calls the architecture @gguf; "granitemoeshared" when it has shared experts. */
const char *moe_hf_twin_get_model_type   (MoeGguf        *gguf);
void        moe_hf_twin_save             (const char     *folder,
                                          const char     *name,
                                          const void     *data,
                                          gsize           length);
void        moe_hf_twin_append_quoted    (GString        *text,
                                          const char     *bytes,
                                          gsize           length);
void        moe_hf_twin_write_config     (MoeGguf        *gguf,
                                          guint           n_tokens,
                                          const char     *folder);
/* The number of tokens. */
guint       moe_hf_twin_write_tokenizer  (MoeGguf        *gguf,
                                          const char     *folder);

G_END_DECLS
