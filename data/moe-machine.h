/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Bytes of memory that this process may use: what the machine has, or less when a control group (a container)
 * allows less. */
guint64 moe_machine_get_memory (void);

/* The limit in the control-group files below @root (/sys/fs/cgroup) for a process whose memberships are
 * @membership, the text of /proc/self/cgroup; both versions of the interface are understood. G_MAXUINT64 when
 * none of them sets one. */
guint64 moe_machine_read_limit (const char *root,
                                const char *membership);

G_END_DECLS
