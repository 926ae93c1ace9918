/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A token's text as something that can be seen on one line: newlines, tabs, lone spaces and control
 * characters as symbols, invalid UTF-8 as U+FFFD, a very long token cut. A space at the start of a word stays
 * a space. Transfer full. */
char *moe_token_text_make_visible (const char *text);

G_END_DECLS
