/* SPDX-License-Identifier: MIT */
#pragma once

#include <sqlite3.h>

#include "data/moe-table.h"

G_BEGIN_DECLS

/* Runs one statement that changes nothing on @db. Refuses (MOE_ERROR_INVALID) anything else, several
 * statements, and an SQL error; refuses (MOE_ERROR_LIMIT) results of more than 10,000,000 rows, 16,777,216
 * cells or 256 MB of text.
 *
 * A column's type follows its values: INT when all are integers, FLOAT when all are numbers that single
 * precision holds exactly (as everything measured is), DOUBLE for other numbers, else TEXT. A blob is given
 * as its text when it is UTF-8 without control characters other than tab and line ends, else as x'...'. */
MoeTable *moe_recording_run_query (sqlite3     *db,
                                   const char  *path,
                                   const char  *sql,
                                   GError     **error);

G_END_DECLS
