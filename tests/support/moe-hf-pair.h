/* SPDX-License-Identifier: MIT */
#pragma once

#include "tests/support/moe-checkpoint.h"

G_BEGIN_DECLS

/* The same weights as a Hugging Face folder and as a GGUF file. */
typedef struct
{
  char *folder;
  char *gguf; /* a file in it, which transformers does not look at */
} MoeHfPair;

typedef struct
{
  const char    *name;     /* of the checkpoint whose shape it has, "-wide" for what MOE_TYPE_F8_E4M3 needs */
  MoeTensorType  type;     /* in the folder, and in the file unless it is MOE_TYPE_F8_E4M3: that is in F32 */
  guint          n_shards;
} MoeHfCase;

/* One or more of every family of folders. */
const MoeHfCase *moe_hf_pair_list_cases     (guint            *n);
/* What it is made of. */
MoeCheckpoint    moe_hf_pair_get_checkpoint (const MoeHfCase  *this);
/* Whether files of its architecture have the rows of q and k in another order, so that their products are
 * added in another one. */
gboolean         moe_hf_pair_is_rotated     (const MoeHfCase  *this);
/* Ends the program when it cannot. */
void             moe_hf_pair_make           (MoeHfPair        *self,
                                             const MoeHfCase  *this);
/* model_type of its config.json, transfer full. */
char            *moe_hf_pair_dup_model_type (const MoeHfPair  *self);
/* Removes both. */
void             moe_hf_pair_clear          (MoeHfPair        *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MoeHfPair, moe_hf_pair_clear)

/* Replaces the first @from in the file @name of @folder, which must be there. */
void             moe_hf_pair_replace        (const char       *folder,
                                             const char       *name,
                                             const char       *from,
                                             const char       *to);

G_END_DECLS
