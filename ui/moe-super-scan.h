/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-super-experts.h"
#include "probes/moe-model.h"
#include "ui/moe-causal-plot.h"
#include "ui/moe-job.h"
#include "ui/moe-super-plot.h"

G_BEGIN_DECLS

/* The work of the Super Experts page, for threads: finding super experts in a recording, and the causal
 * check. What is asked for is copied; results belong to who gets them. No GTK. */

/* What is chosen. */
typedef struct
{
  char     *layers;    /* as --layers */
  gboolean  first_row; /* --reduction first-row */
  guint     phases;
  double    ratio;
  MoeModel *model;     /* to read super weights from, or NULL */
} MoeSuperChoice;

MoeSuperChoice *moe_super_choice_copy (const MoeSuperChoice *self);
void            moe_super_choice_free (MoeSuperChoice       *self);
/* "--layers paper --reduction all --phase all --ratio 1000 --model FILE" as far as it is not the default, and
 * shell-quoted. Transfer full. */
char           *moe_super_choice_to_options (const MoeSuperChoice *self);

typedef struct
{
  MoeModelInfo    *info;
  MoeSuperExperts *experts;
  MoeTable        *tables[MOE_N_SUPER_PLOTS]; /* moe_super_table_new() */
  MoeTable        *massive; /* moe_massive_activations_report() */
  /* NULL when nothing is published about the model: */
  MoeTable        *published;  /* moe_super_published_to_table() */
  char            *comparison; /* moe_super_published_describe() */
} MoeSuperScan;

/* Reads the recording at @path. */
MoeSuperScan *moe_super_scan_new  (const char            *path,
                                   const MoeSuperChoice  *choice,
                                   const MoeProgress     *progress,
                                   GError               **error);
void          moe_super_scan_free (MoeSuperScan          *self);

/* The exports of what such a scan shows. */
MoeExport *moe_super_export_new   (const MoeSuperChoice *choice,
                                   MoeSuperPlot          plot);
MoeExport *moe_massive_export_new (const MoeSuperChoice *choice);
MoeExport *moe_published_export_new (const MoeSuperChoice *choice);

/* A causal check that several may hold, also on other threads. */
typedef struct
{
  MoeCausalCheck  *check;
  char            *experts;  /* "L2E30,L7E20" */
  gint64           n_tokens; /* of the recording */
  char            *model;    /* path */
} MoeCausalResult;

/* Runs the tokens of the recording at @path on @model with and without @experts (as in --experts), and
 * with as many random ones: mode zero, MOE_CAUSAL_DRAWS draws, seed 0. Transfer full. */
MoeCausalResult *moe_causal_result_new   (const char         *path,
                                          MoeModel           *model,
                                          const char         *experts,
                                          const MoeProgress  *progress,
                                          GError            **error);
MoeCausalResult *moe_causal_result_ref   (MoeCausalResult    *self);
void             moe_causal_result_unref (MoeCausalResult    *self);
MoeExport       *moe_causal_export_new   (MoeCausalResult    *self,
                                          MoeCausalPlot       plot);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeSuperScan, moe_super_scan_free)

G_END_DECLS
