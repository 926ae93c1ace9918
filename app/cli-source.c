/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include "app/cli-source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <glib/gstdio.h>

#include "data/moe-error.h"

void
moe_cli_source_add (MoeCliSource   *self,
                    GOptionContext *context)
{
  moe_cli_profile_add (&self->profile, context);
  moe_cli_run_add (&self->run, context);
  moe_cli_interventions_add (&self->interventions, context);
}

gboolean
moe_cli_source_check (MoeCliSource *self,
                      const char   *command)
{
  return moe_cli_profile_check (&self->profile, command) && moe_cli_run_check (&self->run, command)
         && moe_cli_interventions_check (&self->interventions, command);
}

gboolean
moe_cli_source_is_model (const char  *path,
                         gboolean    *model,
                         GError     **error)
{
  char magic[4] = { 0 };
  FILE *file = fopen (path, "rb");

  if (file == NULL)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_IO, "%s: %s", path, g_strerror (errno));
      return FALSE;
    }
  *model = fread (magic, 1, sizeof magic, file) == sizeof magic && memcmp (magic, "GGUF", 4) == 0;
  fclose (file);
  return TRUE;
}

/* Records @model under @mask into @name in the temporary folder. */
static MoeRecording *
record (MoeCliSource  *self,
        MoeModel      *model,
        MoeMask       *mask,
        const char    *name,
        GError       **error)
{
  g_autofree char *path = g_build_filename (self->folder, name, NULL);

  if (!moe_cli_profile_run (&self->profile, &self->run, model, mask, path, error))
    return NULL;
  return moe_recording_open (path, error);
}

static gboolean
profile (MoeCliSource  *self,
         const char    *path,
         GError       **error)
{
  g_autoptr(MoeModel) model = NULL;
  g_autoptr(MoeMask) mask = NULL;

  model = moe_cli_run_open (&self->run, path, error);
  if (model == NULL
      || !moe_cli_interventions_load (&self->interventions, moe_model_get_info (model), &mask, error))
    return FALSE;
  self->folder = g_dir_make_tmp ("moescope-XXXXXX", error);
  if (self->folder == NULL)
    return FALSE;
  self->recording = record (self, model, mask, "profile.moescope", error);
  self->model = g_steal_pointer (&model);
  return self->recording != NULL;
}

gboolean
moe_cli_source_open (MoeCliSource  *self,
                     const char    *path,
                     GError       **error)
{
  gboolean model;

  if (!moe_cli_source_is_model (path, &model, error))
    return FALSE;
  if (model && !moe_cli_profile_wanted (&self->profile))
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID,
                   "%s: is a model, so --prompts or --text must say what to run it on", path);
      return FALSE;
    }
  if (model)
    return profile (self, path, error);
  if (moe_cli_profile_wanted (&self->profile)
      || (moe_cli_interventions_given (&self->interventions) && !self->takes_mask))
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID,
                   "%s: is not a model, so prompts and interventions cannot be run on it", path);
      return FALSE;
    }
  self->recording = moe_recording_open (path, error);
  return self->recording != NULL;
}

gboolean
moe_cli_source_open_before (MoeCliSource  *self,
                            GError       **error)
{
  if (self->model == NULL || self->profile.generate > 0
      || (self->interventions.masks == NULL && self->interventions.given->len == 0))
    return TRUE;
  self->before = record (self, self->model, NULL, "before.moescope", error);
  return self->before != NULL;
}

gboolean
moe_cli_source_open_model (MoeCliSource  *self,
                           const char    *path,
                           MoeModel     **model,
                           GError       **error)
{
  const MoeModelInfo *info = moe_recording_get_info (self->recording);

  if (self->model != NULL)
    *model = moe_model_ref (self->model);
  else if (path != NULL)
    {
      *model = moe_cli_run_open (&self->run, path, error);
      if (*model == NULL)
        return FALSE;
      if (!g_str_equal (moe_model_get_info (*model)->fingerprint, info->fingerprint))
        {
          g_set_error (error, MOE_ERROR, MOE_ERROR_MISMATCH, "%s: is not the model of the recording, %s",
                       path, info->name);
          return FALSE;
        }
    }
  return TRUE;
}

void
moe_cli_source_clear (MoeCliSource *self)
{
  g_clear_pointer (&self->before, moe_recording_free);
  g_clear_pointer (&self->recording, moe_recording_free);
  g_clear_pointer (&self->model, moe_model_unref);
  if (self->folder != NULL)
    {
      GDir *dir = g_dir_open (self->folder, 0, NULL);
      const char *name;

      while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
        {
          g_autofree char *path = g_build_filename (self->folder, name, NULL);

          g_remove (path);
        }
      g_clear_pointer (&dir, g_dir_close);
      g_rmdir (self->folder);
      g_clear_pointer (&self->folder, g_free);
    }
  moe_cli_profile_clear (&self->profile);
  moe_cli_run_clear (&self->run);
  moe_cli_interventions_clear (&self->interventions);
}
