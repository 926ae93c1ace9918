/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-table.h"

G_BEGIN_DECLS

typedef enum
{
  MOE_TABLE_CSV,  /* RFC 4180, written by libcsv, "\n" line ends, fields quoted only where they must be */
  MOE_TABLE_JSON, /* {"title", "provenance": {}, "columns": [{"name","type","unit"}], "rows": [[...]]} */
  MOE_TABLE_TEXT, /* aligned, for a terminal */
} MoeTableFormat;

/* The whole file as text (transfer full). */
char     *moe_table_to_string (const MoeTable  *table,
                               MoeTableFormat   format,
                               gboolean         with_provenance);

/* Writes @path whole or not at all (a temporary file beside it, then a rename).
 * Errors: MOE_ERROR_IO, naming the file. */
gboolean  moe_table_write     (const MoeTable  *table,
                               MoeTableFormat   format,
                               gboolean         with_provenance,
                               const char      *path,
                               GError         **error);

G_END_DECLS
