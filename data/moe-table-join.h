/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-table.h"

G_BEGIN_DECLS

/* The rows of @left in their order, with the columns of @right that @left lacks beside them: of the first row
 * of @right in which all columns of @keys (NULL-terminated; integers or text) hold the same; missing where
 * there is none. Both have these columns. Provenance: that of @left, then what only @right has. Transfer
 * full. */
MoeTable *moe_table_join (const MoeTable    *left,
                          const MoeTable    *right,
                          const char *const *keys);

G_END_DECLS
