/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

#include "data/moe-gguf.h"

G_BEGIN_DECLS

/* Which weights of a checkpoint stay in memory while it runs. The file is mapped, so the system keeps what it
 * has room for; but every token reads the weights that are no routed experts, and only a few experts. */
typedef struct
{
  guint64  machine_bytes;   /* memory that this process may use */
  guint64  expert_bytes;    /* routed experts of all layers */
  guint64  other_bytes;     /* everything else: attention, routers, shared experts, embedding, logits */
  gboolean fits;            /* all of it stays; else experts are read from the disk when chosen */
} MoeResidency;

/* @machine_bytes: see moe_machine_get_memory. */
MoeResidency moe_residency_read (MoeGguf            *gguf,
                                 guint64             machine_bytes);

/* One sentence for a person, transfer full. */
char        *moe_residency_describe  (const MoeResidency *self);

/* Whether @tensor holds routed experts, of which a token reads only those that it is sent to. */
gboolean     moe_residency_is_expert (const MoeGgufTensor *tensor);

/* Brings in what stays: everything, or what every token reads. Errors: G_IO_ERROR_CANCELLED. */
gboolean     moe_residency_read_ahead (const MoeResidency  *self,
                                       MoeGguf             *gguf,
                                       MoeProgressFunc      progress,
                                       gpointer             user_data,
                                       GCancellable        *cancellable,
                                       GError             **error);

/* Starts reading @n_bytes of the map from @data on without waiting for them. */
void         moe_residency_fetch      (const void          *data,
                                       gsize                n_bytes);

G_END_DECLS
