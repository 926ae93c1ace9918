/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-contrast.h"
#include "ui/moe-contrast-exhibit.h"

G_BEGIN_DECLS

/* A contrast from two files of prompts to its table and pictures: what the Contrast page and
 * `moescope-cli contrast` both run, so that their files are equal. No GTK; any thread. */

/* What is run. */
typedef struct
{
  char    *model;      /* paths */
  char    *a, *b;      /* b NULL: a is a file of pairs, whose sides are its labels 0 (A) and 1 (B) */
  MoePromptSetOptions columns; /* strings are owned */
  gboolean raw;
  char    *system;     /* or NULL */
  guint    n_generate; /* tokens of answer; 0 = as many as the span looks at */
  MoeSpan  span;
  gint32   marker;     /* token id, or -1 */
  guint64  seed;       /* of generating; greedy */
  MoeSessionOptions session;
} MoeContrastSettings;

void                 moe_contrast_settings_init   (MoeContrastSettings       *self);
void                 moe_contrast_settings_copy   (MoeContrastSettings       *self,
                                                   const MoeContrastSettings *from);
void                 moe_contrast_settings_clear  (MoeContrastSettings       *self);
/* Whether both ask for the same run of the model. */
gboolean             moe_contrast_settings_equal  (const MoeContrastSettings *self,
                                                   const MoeContrastSettings *other);

/* What the model did: scored again and again without running it. Immutable, reference counted. */
typedef struct _MoeContrastRun MoeContrastRun;

/* @project: also what MOE_SCORE_PROJECTION needs, which takes two more runs. Errors: those of opening the
 * model, of loading the files, and of moe_contrast_counts_run(). Transfer full. */
MoeContrastRun      *moe_contrast_run_new         (const MoeContrastSettings *settings,
                                                   gboolean                   project,
                                                   const MoeProgress         *progress,
                                                   GError                   **error);
MoeContrastRun      *moe_contrast_run_ref         (MoeContrastRun            *self);
void                 moe_contrast_run_unref       (MoeContrastRun            *self);
const MoeContrastSettings *moe_contrast_run_get_settings (MoeContrastRun     *self);
gboolean             moe_contrast_run_is_projected (MoeContrastRun           *self);
const MoeModelInfo  *moe_contrast_run_get_info    (MoeContrastRun            *self);

/* Tokens of answer that were asked for. */
guint                moe_contrast_run_get_n_generate (MoeContrastRun         *self);
const MoeContrastCounts *moe_contrast_run_get_counts (MoeContrastRun        *self);
/* Which files the prompts come from. */
void                 moe_contrast_run_add_provenance (MoeContrastRun         *self,
                                                   MoeTable                  *table);

/* A scored contrast. Immutable, reference counted. */
typedef struct _MoeContrastStudy MoeContrastStudy;

/* Errors: those of moe_contrast_new(). Transfer full. */
MoeContrastStudy    *moe_contrast_study_new       (MoeContrastRun            *run,
                                                   const MoeContrastOptions  *options,
                                                   const MoeProgress         *progress,
                                                   GError                   **error);
MoeContrastStudy    *moe_contrast_study_ref       (MoeContrastStudy          *self);
void                 moe_contrast_study_unref     (MoeContrastStudy          *self);
const MoeContrast   *moe_contrast_study_get_contrast (MoeContrastStudy       *self);
const MoeContrastOptions *moe_contrast_study_get_options (MoeContrastStudy   *self);
MoeContrastRun      *moe_contrast_study_get_run   (MoeContrastStudy          *self);
/* The whole ranking: that of moe_contrast_to_table(), the band of the controls in its first rows, and where
 * the prompts come from. Owned by the study. */
MoeTable            *moe_contrast_study_get_table (MoeContrastStudy          *self);
/* A sentence when pooled and paired differences disagree among the first ranks, so that it may be topics that
 * are told apart; NULL when not. Transfer full. */
char                *moe_contrast_study_get_warning (MoeContrastStudy        *self);

/* Owned by the study. */
const MoeHeatmapPlot *moe_contrast_study_get_plot (MoeContrastStudy          *self);
/* Scatter or ranks. Transfer full. */
MoeChart            *moe_contrast_study_get_chart (MoeContrastStudy          *self,
                                                   MoeContrastPicture         picture);
/* How the window comes to it. Transfer full. */
MoeExport           *moe_contrast_study_get_export (MoeContrastStudy         *self,
                                                    MoeContrastPicture        picture);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MoeContrastSettings, moe_contrast_settings_clear)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeContrastRun, moe_contrast_run_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeContrastStudy, moe_contrast_study_unref)

G_END_DECLS
