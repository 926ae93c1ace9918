/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-error"

#include "data/moe-error.h"

G_DEFINE_QUARK (moe-error-quark, moe_error)
