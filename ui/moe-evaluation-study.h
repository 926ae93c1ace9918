/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-evaluate.h"
#include "ui/moe-exhibit.h"

G_BEGIN_DECLS

/* An evaluation from files to its table, as `moescope-cli evaluate` runs it. No GTK; any thread. */
typedef struct
{
  /* Paths, or NULL but for the model's: */
  char        *model;
  char        *prompts;   /* whose refusals are counted */
  char        *harmless;  /* whose refusals are over-refusals */
  char        *text;      /* whose perplexity is measured */
  char        *tasks;     /* with known answers */
  char        *refusals;  /* openers of refusals; NULL = the usual ones */
  char        *ranking;   /* as `contrast` writes it, for @bottom and @top */

  guint        limit;     /* prompts of each file; 0 = all */
  guint        skip;      /* so many first prompts of each set are left out */
  guint        max_tokens;
  double       temperature;
  guint64      seed;
  gboolean     raw;
  char        *system;    /* or NULL */

  MoeMask     *mask;      /* or NULL */
  MoeModelInfo *info;     /* of the model, for a mask that has to be in a file; needed with a mask */
  guint        n_random;
  gboolean     reversed, bottom;
  char        *top;       /* so many first experts of the ranking are disabled, in turn: "1,2,5"; or NULL */
  MoeMode      top_mode;
  char        *strengths; /* of the mask, likewise: "0.5,2"; or NULL */
  char        *calibrate; /* path of the prompts that mean outputs are taken over, in mode mean; or NULL */
  char        *column;    /* of CSV files; NULL = the first known one */
  guint        window;    /* tokens of text read at a time */
} MoeEvaluationSettings;

void      moe_evaluation_settings_init    (MoeEvaluationSettings        *self);
void      moe_evaluation_settings_clear   (MoeEvaluationSettings        *self);
void      moe_evaluation_settings_copy    (MoeEvaluationSettings        *self,
                                           const MoeEvaluationSettings  *from);
/* Whether something other than the plain model is measured. */
gboolean  moe_evaluation_settings_steers  (const MoeEvaluationSettings  *self);
/* Refuses (MOE_ERROR_INVALID) lists that are none, and settings without anything to measure. */
gboolean  moe_evaluation_settings_check   (const MoeEvaluationSettings  *self,
                                           GError                      **error);
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
