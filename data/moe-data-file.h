/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Where a file that comes with the program is: under MOESCOPE_DATADIR, in the installed data, or in the
 * source tree. NULL when it is in none of them. Transfer full. */
char *moe_data_file_find (const char *name);

G_END_DECLS
