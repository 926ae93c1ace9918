/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

#include "data/moe-types.h"

G_BEGIN_DECLS

/* A safetensors file, mapped read-only: eight bytes with the length of a JSON header, the header, the values
 * (huggingface/safetensors, README, "Format"). Every offset, shape and type is checked when it is opened: the
 * tensors cover the rest of the file without gaps or overlaps, and are of the types below. Immutable. */
typedef struct _MoeSafetensors MoeSafetensors;

/* The type of bytes that mean nothing by themselves (U8). */
#define MOE_SAFETENSORS_BYTES ((MoeTensorType) 24)

typedef struct
{
  const char    *name;    /* valid UTF-8 */
  MoeTensorType  type;    /* MOE_TYPE_F32, _F16, _BF16, _F8_E4M3 without scales, or MOE_SAFETENSORS_BYTES */
  guint          n_dims;  /* 1 to 4 */
  guint64        ne[4];   /* ne[0] is contiguous, the last of the header's shape; unused dimensions are 1 */
  guint64        offset;  /* from the start of the file, bytes */
  guint64        n_bytes;
  const guint8  *data;    /* (ne[3], ne[2], ne[1], ne[0]) */
} MoeSafetensor;

/* Errors: MOE_ERROR_IO, _FORMAT, _UNSUPPORTED (a type of values), _LIMIT; all name the file. */
MoeSafetensors      *moe_safetensors_open            (const char      *path,
                                                      GError         **error);
void                 moe_safetensors_free            (MoeSafetensors  *self);

const char          *moe_safetensors_get_path        (MoeSafetensors  *self);
guint64              moe_safetensors_get_file_bytes  (MoeSafetensors  *self);
/* In the order of the values. */
guint                moe_safetensors_get_n_tensors   (MoeSafetensors  *self);
const MoeSafetensor *moe_safetensors_get_tensor      (MoeSafetensors  *self,
                                                      guint            index);
/* FALSE when the file on disk is no longer the one that was mapped. */
gboolean             moe_safetensors_check_unchanged (MoeSafetensors  *self,
                                                      GError         **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeSafetensors, moe_safetensors_free)

G_END_DECLS
