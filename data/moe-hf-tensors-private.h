/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-hf-private.h"
#include "data/moe-safetensors.h"

G_BEGIN_DECLS

/* What the files that place a folder's tensors share. */
typedef struct
{
  const char        *folder;
  MoeHfFolder       *target;
  const MoeHfConfig *config;
  GHashTable        *all;     /* name in the folder -> MoeSafetensor */
  GHashTable        *stacks;  /* name -> index + 1 in target->tensors, of the experts' */

  const MoeSafetensor *scales;  /* of the tensor at hand, which is stored as F8_E4M3; else NULL */
} MoeHfPlacer;

/* F32, F16 or BF16. */
gboolean    moe_hf_is_float          (const MoeSafetensor  *tensor);
/* Takes @name; it lives as long as the folder. */
const char *moe_hf_keep_name         (MoeHfPlacer          *self,
                                      char                 *name);
/* Gives @to every @step-th value from @first as floats, unless they are so in the file. */
void        moe_hf_convert_to_floats (MoeHfPlacer          *self,
                                      const MoeSafetensor  *from,
                                      guint                 first,
                                      guint                 step,
                                      MoeGgufTensor        *to);
/* Adds the tensor @name (taken) of (@ne2, @ne1, @ne0) values in @n_bytes that are laid out when weights are
 * loaded. */
void        moe_hf_convert_later     (MoeHfPlacer          *self,
                                      char                 *name,
                                      MoeTensorType         type,
                                      guint64               ne0,
                                      guint64               ne1,
                                      guint64               ne2,
                                      guint64               n_bytes,
                                      MoeHfConversion       how);

/* moe-hf-oss.c: gpt-oss's experts, @rest being the name after "mlp.experts.". */
gboolean    moe_hf_place_oss_experts (MoeHfPlacer          *self,
                                      const MoeSafetensor  *from,
                                      guint                 layer,
                                      const char           *rest,
                                      GError              **error);

G_END_DECLS
