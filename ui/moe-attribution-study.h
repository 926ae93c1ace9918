/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-attribution.h"
#include "ui/moe-exhibit.h"

G_BEGIN_DECLS

/* What experts wrote into the logit of a token after a prompt, from the prompt to the table, as
 * `moescope-cli attribution` makes it. No GTK; any thread. */
typedef struct
{
  char    *model;     /* path */
  char    *prompt;
  char   **history;   /* earlier turns, as for moe_prompt_tokens_new_after(); or NULL */
  char    *system;    /* message before it, or NULL */
  char    *answer;    /* what the model has answered so far, or NULL */
  gboolean raw;       /* without the chat template */
  char    *token;     /* its text, or "#ID" */
  char    *against;   /* likewise, or NULL */
  guint    n_causal;  /* experts that are silenced to measure their causal effect */
  MoeMask *mask;      /* or NULL */
} MoeAttributionSettings;

void         moe_attribution_settings_clear    (MoeAttributionSettings       *self);
void         moe_attribution_settings_copy     (MoeAttributionSettings       *self,
                                                const MoeAttributionSettings *from);

/* The result. Immutable, reference counted. */
typedef struct
{
  gatomicrefcount         ref_count;
  MoeAttributionSettings  settings;
  MoeAttribution         *attribution;
  MoeTable               *table;   /* of moe_attribution_to_table() */
  MoeModelInfo           *info;
  MoeTable               *experts; /* layer,expert,attribution,causal: routed experts only */
} MoeAttributionStudy;

/* Errors: those of opening the model, of its chat template, of moe_attribution_find_token() and of
 * moe_attribution_new(). Transfer full. */
MoeAttributionStudy *moe_attribution_study_new (const MoeAttributionSettings *settings,
                                                const MoeProgress            *progress,
                                                GError                      **error);
MoeAttributionStudy *moe_attribution_study_ref (MoeAttributionStudy          *self);
void         moe_attribution_study_unref       (MoeAttributionStudy          *self);
/* @table, and what experts wrote by layer as its picture. Takes a reference to @table. Transfer full. */
MoeExhibit  *moe_attribution_exhibit_new       (MoeTable                     *table,
                                                const MoeAttribution         *attribution);
/* How the window comes to it. Transfer full. */
MoeExport   *moe_attribution_get_export        (MoeAttributionStudy          *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeAttributionStudy, moe_attribution_study_unref)

G_END_DECLS
