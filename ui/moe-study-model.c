/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-study-model"

#include "ui/moe-study-model.h"

MoeModel *
moe_study_open_model (const char         *path,
                      const MoeProgress  *progress,
                      GError            **error)
{
  if (!moe_progress_step (progress, 0, "Opening the model", error))
    return NULL;
  return moe_model_open (path, NULL, NULL, progress != NULL ? progress->cancellable : NULL, error);
}
