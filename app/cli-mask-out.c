/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include "app/cli-mask-out.h"

#include "app/cli.h"
#include "data/moe-mask-file.h"

static const MoeMode modes[] = { MOE_MODE_REFILL, MOE_MODE_DROP, MOE_MODE_ZERO };

void
moe_cli_mask_out_add (MoeCliMaskOut  *self,
                      GOptionContext *context)
{
  const GOptionEntry entries[] = {
    { "mask-out", 0, 0, G_OPTION_ARG_FILENAME, &self->path, "Write a mask file that disables the top experts",
      "FILE" },
    { "disable-top", 0, 0, G_OPTION_ARG_INT, &self->n, "How many of them", "N" },
    { "disable-mode", 0, 0, G_OPTION_ARG_STRING, &self->mode, "How: refill (default), drop or zero", "MODE" },
    { NULL }
  };

  g_option_context_add_main_entries (context, entries, NULL);
}

gboolean
moe_cli_mask_out_check (MoeCliMaskOut *self,
                        const char    *command)
{
  gboolean known = self->mode == NULL;

  self->mode_value = MOE_MODE_REFILL;
  for (guint i = 0; i < G_N_ELEMENTS (modes) && !known; i++)
    if (g_str_equal (moe_mode_get_name (modes[i]), self->mode))
      {
        self->mode_value = modes[i];
        known = TRUE;
      }
  if (!known)
    moe_cli_usage (command, "--disable-mode %s is none of refill, drop and zero", self->mode);
  else if ((self->path != NULL) != (self->n != 0))
    moe_cli_usage (command, "--mask-out and --disable-top belong together");
  else if (self->n < 0)
    moe_cli_usage (command, "--disable-top %d is negative", self->n);
  else
    return TRUE;
  return FALSE;
}

gboolean
moe_cli_mask_out_write (const MoeCliMaskOut *self,
                        const MoeMask       *mask,
                        const MoeModelInfo  *info,
                        GError             **error)
{
  guint n = moe_mask_get_n (mask);

  if (n < (guint) self->n)
    moe_cli_message ("%s: disables %u experts, as no others have a score on that side", self->path, n);
  if (moe_mask_validate (mask, info, error))
    return moe_mask_file_save (mask, info, self->path, error);
  g_prefix_error (error, "%s: ", self->path);
  return FALSE;
}

void
moe_cli_mask_out_clear (MoeCliMaskOut *self)
{
  g_clear_pointer (&self->path, g_free);
  g_clear_pointer (&self->mode, g_free);
}
