/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-gguf.h"
#include "tests/support/moe-checkpoint.h"

G_BEGIN_DECLS

/* A MoeCheckpointEdit that rounds to what @type (a MoeTensorType *: F32, F16 or BF16) holds exactly, so that
 * vectors and routers can be stored in it too. */
void moe_hf_twin_round (const char *name,
                        float      *x,
                        gsize       n,
                        gpointer    type);

/* Writes what Hugging Face's transformers would have in place of the file @gguf: config.json,
 * generation_config.json, tokenizer.json, tokenizer_config.json, and the tensors, all stored as @type, in
 * @n_shards safetensors files (with an index if there are several). Byte-level BPE, split as qwen2 or gpt-2
 * do. Ends the program when it cannot. */
void moe_hf_twin_write (MoeGguf       *gguf,
                        MoeTensorType  type,
                        guint          n_shards,
                        const char    *folder);

/* Stores the matrices of @folder, which moe_hf_twin_write() has made in one file of F32, as F8_E4M3 with
 * scales, and all others but biases as BF16; and writes @gguf anew with what they stand for as F32. */
void moe_hf_twin_store_f8 (const MoeCheckpoint *checkpoint,
                           const char          *folder,
                           const char          *gguf);
/* What such a value stands for, without its scale. */
float moe_hf_twin_get_f8  (guint8               code);

/* Writes a safetensors file of @header and @n_bytes zeros. */
void moe_hf_twin_write_safetensors (const char *path,
                                    const char *header,
                                    gsize       n_bytes);

G_END_DECLS
