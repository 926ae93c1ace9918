/* SPDX-License-Identifier: MIT */
#pragma once

#include "app/cli-interventions.h"
#include "app/cli-profile.h"
#include "data/moe-recording.h"

G_BEGIN_DECLS

/* SOURCE: a recording, or a model with --prompts, which is profiled first into a temporary recording. */
typedef struct
{
  MoeCliProfile        profile;
  MoeCliRun            run;
  MoeCliInterventions  interventions;
  MoeRecording        *recording;
  MoeModel            *model;     /* that was profiled, or NULL */
  MoeRecording        *before;    /* from moe_cli_source_open_before(), or NULL */
  gboolean             takes_mask; /* the command runs the tokens of a recording again under interventions */
  char                *folder;    /* of the temporary recordings */
} MoeCliSource;

/* @model: whether the file says that it is a GGUF file; all else is for the recording's reader to judge. */
gboolean  moe_cli_source_is_model (const char   *path,
                                   gboolean     *model,
                                   GError      **error);
void      moe_cli_source_add   (MoeCliSource    *self,
                                GOptionContext  *context);
gboolean  moe_cli_source_check (MoeCliSource    *self,
                                const char      *command);
/* Opens @path; @self->recording is then ready to be read, and @self->model set when it was
 * made now. */
gboolean  moe_cli_source_open  (MoeCliSource    *self,
                                const char      *path,
                                GError         **error);
/* The model that made the recording: the one that was profiled, or that at @path, which must be the same, or
 * NULL. Transfer full. */
gboolean  moe_cli_source_open_model  (MoeCliSource  *self,
                                      const char    *path,
                                      MoeModel     **model,
                                      GError       **error);
/* After moe_cli_source_open(): when interventions were in force, runs the same prompts without them;
 * @self->before is then what a comparison is made with. Generated answers would differ, so with --generate
 * there is none. */
gboolean  moe_cli_source_open_before (MoeCliSource  *self,
                                      GError       **error);
/* Closes the recordings and removes temporary ones. */
void      moe_cli_source_clear (MoeCliSource    *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MoeCliSource, moe_cli_source_clear)

G_END_DECLS
