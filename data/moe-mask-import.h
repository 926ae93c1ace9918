/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-mask.h"

G_BEGIN_DECLS

/* Masks from the files of other programs. What comes out passes moe_mask_validate(). Transfer full. */

/* A table as CSV with the columns layer, expert and risk_diff (SteerMoE, arXiv 2509.09660; theirs is a Python
 * pickle and has to be exported first). Which of its rows are used: those with the largest and with the
 * smallest risk_diff, of equal ones the first row. */
typedef struct
{
  guint   disable_top, force_top;       /* largest risk_diff */
  guint   disable_bottom, force_bottom; /* smallest */
  MoeMode disable_mode, force_mode;
} MoeSteerTableOptions;

/* Errors: MOE_ERROR_IO, _FORMAT (with the line), _LIMIT, _INVALID (fewer rows than asked for; a mask that
 * cannot act). */
MoeMask *moe_mask_import_steer_table (const char                  *path,
                                      const MoeModelInfo          *info,
                                      const MoeSteerTableOptions  *options,
                                      GError                     **error);
/* A ds4 map: little-endian floats of +1 (force), 0 and -1 (disable by refill), (layers, experts), where
 * layers are the MoE layers or all layers of the model. With @strength other than 0 the values times it are
 * biases instead. Errors: as above. */
MoeMask *moe_mask_import_map         (const char                  *path,
                                      const MoeModelInfo          *info,
                                      double                       strength,
                                      GError                     **error);
/* The Super-Experts program's list "1,-1;2,3": layer,expert, where -1 is the shared expert; disabled by zero
 * (arXiv 2507.23279). Errors: MOE_ERROR_INVALID. */
MoeMask *moe_mask_import_super       (const char                  *text,
                                      const MoeModelInfo          *info,
                                      GError                     **error);

G_END_DECLS
