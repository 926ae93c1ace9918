/* SPDX-License-Identifier: MIT */
#pragma once

#include "probes/moe-vector-ops.h"

G_BEGIN_DECLS

extern const MoeVectorOps moe_vector_ops_portable;

G_END_DECLS
