/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* One row: @fields (@n_fields) are NUL-terminated UTF-8, NULL where the field is empty and not quoted, and
 * valid during the call. @line is the 1-based line at which the row starts. Returns FALSE to stop, with
 * @error set when something is wrong with the row. */
typedef gboolean (*MoeCsvRowFunc) (const char * const  *fields,
                                   guint                n_fields,
                                   guint                line,
                                   gpointer             user_data,
                                   GError             **error);

/* Reads RFC 4180 text, with any line ends and spaces kept; blank lines, a byte order mark and lines that
 * start with '#' before the first row are skipped. @path is only for messages. FALSE with @error set on
 * damage (MOE_ERROR_FORMAT naming the line), or without when @func returned FALSE to stop. */
gboolean moe_csv_parse (const char     *path,
                        const char     *data,
                        gsize           length,
                        MoeCsvRowFunc   func,
                        gpointer        user_data,
                        GError        **error);

/* The first of @fields (@n_fields), those of a header, that is @name; -1 when none is. */
int      moe_csv_find_column (const char * const *fields,
                              guint               n_fields,
                              const char         *name);

/* FALSE with @error naming the line when @data is not UTF-8 or holds a NUL. */
gboolean moe_csv_check_text (const char  *path,
                             const char  *data,
                             gsize        length,
                             GError     **error);

G_END_DECLS
