/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A token's bytes for a table: UTF-8 as it is, every other byte as <0xNN>. Transfer full. */
char *moe_text_from_bytes (const char *bytes,
                           gsize       length);

G_END_DECLS
