/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-progress.h"
#include "probes/moe-model.h"

G_BEGIN_DECLS

/* Opens the model that a job runs, and says so. Errors: as moe_model_open(). Transfer full. */
MoeModel *moe_study_open_model (const char         *path,
                                const MoeProgress  *progress,
                                GError            **error);

G_END_DECLS
