/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-contrast.h"
#include "ui/moe-contrast-exhibit.h"

G_BEGIN_DECLS

/* A contrast from its prompts or its recording to its table and pictures: what the Contrast page and
 * `moescope-cli contrast` both run, so that their files are equal. No GTK; any thread. */

/* What is compared with what. */
typedef enum
{
  MOE_CONTRAST_SETS,             /* two prompt sets, which the model runs */
  MOE_CONTRAST_ANSWERS,          /* prompts that the model refuses with those that it does not */
  MOE_CONTRAST_PARTS,            /* two spans of every conversation of a recording */
  MOE_CONTRAST_RECORDED_ANSWERS, /* conversations of a recording that were refused with those that were not */
  MOE_N_CONTRAST_SIDES
} MoeContrastSides;

/* "sets", "answers", "parts", "recorded-answers" */
const char          *moe_contrast_sides_get_name  (MoeContrastSides           sides);
/* Whether a recording is read, and no model is run. */
gboolean             moe_contrast_sides_recorded  (MoeContrastSides           sides);

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
  MoeContrastSides sides;
  char    *recording;  /* path, when one is read; model, a and b are NULL then */
  MoeSpan  span_b;     /* of MOE_CONTRAST_PARTS; span is A's */
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

/* @project: also what MOE_SCORE_PROJECTION needs, which takes two more runs of the model. Errors: those of
 * opening the model or the recording, of loading the files, and of counting. Transfer full. */
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
/* moe_recording_get_hash() of the recording that was read, or NULL; and its tokens. */
const char          *moe_contrast_run_get_recording_hash (MoeContrastRun     *self);
gint64               moe_contrast_run_get_n_tokens (MoeContrastRun           *self);
/* Which files it comes from. */
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
/* What a reader of the ranking must know: that no p can be small, or that pooled and paired differences
 * disagree among the first ranks, so that it may be topics that are told apart; NULL for nothing. Transfer
 * full. */
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
