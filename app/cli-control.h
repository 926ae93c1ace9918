/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-control-vector.h"

G_BEGIN_DECLS

/* --control-vector and --control-layers, part of the options of every command that runs a model. */
typedef struct
{
  char             **files;    /* FILE or FILE:SCALE */
  char              *layers;
  guint              first, last;
  MoeControlVector  *vector;   /* all together, from moe_cli_control_load(), or NULL */
  char              *settings; /* JSON, from moe_cli_control_describe() */
} MoeCliControl;

MoeCliControl *moe_cli_control_new      (void);
void           moe_cli_control_free     (MoeCliControl       *self);
void           moe_cli_control_add      (MoeCliControl       *self,
                                         GOptionContext      *context);
/* FALSE after a message (wrong usage). */
gboolean       moe_cli_control_check    (MoeCliControl       *self,
                                         const char          *command);
gboolean       moe_cli_control_load     (MoeCliControl       *self,
                                         const MoeModelInfo  *info,
                                         GError             **error);
/* The settings @json (may be NULL) of a recording with the control vectors named in them. */
const char    *moe_cli_control_describe (MoeCliControl       *self,
                                         const char          *json);

G_END_DECLS
