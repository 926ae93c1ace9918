/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-compare.h"
#include "ui/moe-chart.h"
#include "ui/moe-exhibit.h"

G_BEGIN_DECLS

/* A plain and a steered answer, from a prompt to table and picture, as `moescope-cli compare` makes them. No
 * GTK; any thread. */
typedef struct
{
  char    *model;      /* path */
  char    *prompt;
  gboolean raw;        /* without the chat template */
  guint    max_tokens;
  MoeMask *mask;
} MoeComparisonSettings;

void        moe_comparison_settings_clear (MoeComparisonSettings       *self);
void        moe_comparison_settings_copy  (MoeComparisonSettings       *self,
                                           const MoeComparisonSettings *from);

/* The result: the comparison and its table. Immutable, reference counted. */
typedef struct
{
  gatomicrefcount        ref_count;
  MoeComparisonSettings  settings;
  MoeComparison         *comparison;
  MoeTable              *table;
  MoeModelInfo          *info;
} MoeComparisonStudy;

MoeComparisonStudy *moe_comparison_study_new (const MoeComparisonSettings  *settings,
                                              const MoeProgress            *progress,
                                              GError                      **error);
MoeComparisonStudy *moe_comparison_study_ref (MoeComparisonStudy           *self);
void        moe_comparison_study_unref (MoeComparisonStudy *self);

/* "kl": KL to the plain run by token; "experts": how many chosen experts differ. Both mark the first
 * divergence. @table is that of moe_comparison_to_table(). Transfer full. */
MoeChart   *moe_comparison_chart_new   (const MoeTable     *table,
                                        const char         *picture);
gboolean    moe_comparison_has_picture (const char         *picture);
/* Takes a reference to @table. Transfer full. */
MoeExhibit *moe_comparison_exhibit_new (MoeTable           *table,
                                        const char         *picture);
MoeExport  *moe_comparison_get_export  (MoeComparisonStudy *self,
                                        const char         *picture);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeComparisonStudy, moe_comparison_study_unref)

G_END_DECLS
