/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-mask.h"

G_BEGIN_DECLS

/* No model has a layer or an expert of a higher number. */
#define MOE_MASK_MAX_NUMBER 65534

/* FALSE when @action has no mode called @name. */
gboolean moe_mask_mode_parse   (MoeAction    action,
                                const char  *name,
                                MoeMode     *mode);
/* "refill, drop, zero, mean or copy": the modes of @action. Transfer full. */
char    *moe_mask_modes_to_text (MoeAction   action);
/* The mode when none is named. */
MoeMode  moe_mask_default_mode (MoeAction    action,
                                int          expert);

G_END_DECLS
