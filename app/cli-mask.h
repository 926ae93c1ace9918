/* SPDX-License-Identifier: MIT */
#pragma once

#include "app/cli.h"
#include "data/moe-mask.h"

G_BEGIN_DECLS

/* Shared by the subcommands of mask. */

/* The model of a file, without its weights. Transfer full. */
MoeModelInfo *moe_cli_mask_read_model (const char          *path,
                                       GError             **error);
/* Writes the mask file to @out, or to standard output; returns the exit code. */
int           moe_cli_mask_write      (const MoeMask       *mask,
                                       const MoeModelInfo  *info,
                                       const char          *out);
int           moe_cli_mask_convert    (int                  argc,
                                       char               **argv);
int           moe_cli_mask_preview    (int                  argc,
                                       char               **argv);

G_END_DECLS
