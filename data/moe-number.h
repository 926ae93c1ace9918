/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define MOE_NUMBER_BUFFER 40

/* The fewest digits that read back as the same number, whatever the locale; "inf", "-inf" and "nan".
 * @buffer holds MOE_NUMBER_BUFFER bytes and is returned. */
const char *moe_number_format_float  (char        *buffer,
                                      float        value);
const char *moe_number_format_double (char        *buffer,
                                      double       value);

/* Reads a whole text as a finite decimal number ("2.5", "+1e-3"); FALSE for anything else. */
gboolean    moe_number_parse         (const char  *text,
                                      double      *value);

/* Reads numbers joined by commas ("1, 2,5") into a new array of double (transfer full), which is empty for
 * NULL. FALSE when there is none, or one is not from @low to @high, or not whole when all must be @whole. */
gboolean    moe_number_parse_list    (const char  *text,
                                      double       low,
                                      double       high,
                                      gboolean     whole,
                                      GArray     **numbers);

G_END_DECLS
