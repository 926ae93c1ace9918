/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-mask.h"
#include "data/moe-model-info.h"
#include "probes/moe-session.h"

G_BEGIN_DECLS

/* --mask, --disable, --force, --bias, --scale, --clamp, --router (each repeatable), --mask-phase and
 * --mask-from, for every command that runs a model. */
typedef struct
{
  char     **masks;
  char     **disable;
  char     **force;
  char     **bias;
  char     **scale;
  char     **clamp;
  char     **router;
  char      *phase;
  gint       from;
  gboolean   other_weights;
  gboolean   means_later; /* the caller sees to it that the mask has the mean outputs it needs */
  GArray    *given;  /* of MoeIntervention, from moe_cli_interventions_check() */
} MoeCliInterventions;

void      moe_cli_interventions_add    (MoeCliInterventions  *self,
                                        GOptionContext       *context);
/* Checks the notation; FALSE after a message (wrong usage). */
gboolean  moe_cli_interventions_check  (MoeCliInterventions  *self,
                                        const char           *command);
/* TRUE when there are any. After moe_cli_interventions_check(). */
gboolean  moe_cli_interventions_given  (const MoeCliInterventions *self);
void      moe_cli_interventions_clear  (MoeCliInterventions  *self);

/* The mask for the model described by @info: the files', then what the options say. @mask (transfer full) is
 * NULL when there is none. Messages begin with the file's or the model's path. */
gboolean  moe_cli_interventions_load   (const MoeCliInterventions  *self,
                                        const MoeModelInfo         *info,
                                        MoeMask                   **mask,
                                        GError                    **error);

/* Says on stderr how often each intervention of the mask changed a routing, or that it never did. */
void      moe_cli_interventions_report (MoeSession           *session);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MoeCliInterventions, moe_cli_interventions_clear)

G_END_DECLS
