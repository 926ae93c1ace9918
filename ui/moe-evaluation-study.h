/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-evaluate.h"
#include "ui/moe-exhibit.h"

G_BEGIN_DECLS

/* An evaluation from files to its table, as `moescope-cli evaluate` runs it. No GTK; any thread. */
typedef struct
{
  char        *model;     /* path */
  char        *prompts;   /* path of prompts whose refusals are counted, or NULL */
  char        *harmless;  /* path of harmless prompts, or NULL */
  char        *text;      /* path of a text whose perplexity is measured, or NULL */
  char        *ranking;   /* path of a ranking as `contrast` writes it, whose last experts are a control, or
                             NULL */
  guint        limit;     /* prompts of each file; 0 = all */
  guint        max_tokens;
  MoeMask     *mask;      /* or NULL */
  guint        n_random;
  gboolean     reversed;
} MoeEvaluationSettings;

void      moe_evaluation_settings_clear   (MoeEvaluationSettings        *self);
void      moe_evaluation_settings_copy    (MoeEvaluationSettings        *self,
                                           const MoeEvaluationSettings  *from);
/* A file in the cache folder that is for these settings only: what an evaluation that was cancelled goes on
 * from. Transfer full. */
char     *moe_evaluation_settings_get_answers_path (const MoeEvaluationSettings *self);
/* Writes a ranking into the cache folder, under a name that is for its content only. Its path, transfer full.
 * Errors: MOE_ERROR_IO. */
char     *moe_evaluation_save_ranking     (MoeTable                     *table,
                                           GError                      **error);
/* @answers: as for moe_evaluate(). Transfer full. */
MoeTable *moe_evaluation_run              (const MoeEvaluationSettings  *self,
                                           const char                   *answers,
                                           const MoeProgress            *progress,
                                           GError                      **error);
/* How the window comes to it; @table is the result. Transfer full. */
MoeExport *moe_evaluation_get_export      (const MoeEvaluationSettings  *self,
                                           MoeTable                     *table,
                                           const char                   *picture);

G_END_DECLS
