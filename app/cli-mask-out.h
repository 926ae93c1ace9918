/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

#include "data/moe-mask.h"

G_BEGIN_DECLS

/* --mask-out, --disable-top and --disable-mode: a mask made from a ranking. */
typedef struct
{
  char    *path;
  gint     n;
  char    *mode;
  MoeMode  mode_value; /* from moe_cli_mask_out_check() */
} MoeCliMaskOut;

void      moe_cli_mask_out_add   (MoeCliMaskOut       *self,
                                  GOptionContext      *context);
/* FALSE after a message (wrong usage). */
gboolean  moe_cli_mask_out_check (MoeCliMaskOut       *self,
                                  const char          *command);
/* Writes @mask, made for the model @info, to --mask-out, if it can act on it; says so when it names fewer
 * experts than asked for. */
gboolean  moe_cli_mask_out_write (const MoeCliMaskOut *self,
                                  const MoeMask       *mask,
                                  const MoeModelInfo  *info,
                                  GError             **error);
void      moe_cli_mask_out_clear (MoeCliMaskOut       *self);

G_END_DECLS
