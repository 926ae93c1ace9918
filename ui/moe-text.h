/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Numbers and tokens as they are shown to people. All results are transfer full. */

/* "3,318" */
char *moe_text_count   (gint64      count);
/* Four significant digits: "0.3121", "94.02", "1.2e-05"; "–" for NaN. */
char *moe_text_number  (double      value);
/* "12.4 %"; "–" for NaN. */
char *moe_text_percent (double      fraction);
/* A token with its spaces and line ends visible: “ the”, “\n”. */
char *moe_text_token   (const char *text);
/* An error's message as a sentence: capital letter (unless it begins with a path or a name in code) and full
 * stop. */
char *moe_text_sentence (const char *message);

G_END_DECLS
