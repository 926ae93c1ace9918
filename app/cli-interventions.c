/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include "app/cli-interventions.h"

#include "app/cli.h"
#include "data/moe-mask-file.h"

void
moe_cli_interventions_add (MoeCliInterventions *self,
                           GOptionContext      *context)
{
  const GOptionEntry entries[] = {
    { "mask", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &self->masks,
      "Interventions of a mask file (this and the next six can be repeated)", "FILE" },
    { "disable", 0, 0, G_OPTION_ARG_STRING_ARRAY, &self->disable,
      "Switch off experts, e.g. L3E17, L3E17,L4E2 or L3E*; mode refill (default), drop, zero, mean or copy",
      "EXPERTS[:MODE]" },
    { "force", 0, 0, G_OPTION_ARG_STRING_ARRAY, &self->force,
      "Make experts be chosen; mode max (default) or add", "EXPERTS[:MODE]" },
    { "bias", 0, 0, G_OPTION_ARG_STRING_ARRAY, &self->bias,
      "Add to router logits, e.g. L3E17=+2.5", "EXPERTS=X" },
    { "scale", 0, 0, G_OPTION_ARG_STRING_ARRAY, &self->scale,
      "Multiply gate weights, e.g. L3E17=0.5", "EXPERTS=X" },
    { "clamp", 0, 0, G_OPTION_ARG_STRING_ARRAY, &self->clamp,
      "Clip expert outputs to +-X in every channel, e.g. L3E17=100", "EXPERTS=X" },
    { "router", 0, 0, G_OPTION_ARG_STRING_ARRAY, &self->router,
      "Change how routers of layers such as L3 or L* choose: temperature=T, top_k=N, top_p=P, top_p_renorm=P,"
      " random[=SEED] or rank=R", "LAYERS:WHAT" },
    { "mask-phase", 0, 0, G_OPTION_ARG_STRING, &self->phase,
      "Where the options above act: prompt, answer or both (default)", "PHASE" },
    { "mask-from", 0, 0, G_OPTION_ARG_INT, &self->from,
      "Position of the first token on which the options above act (default 0)", "N" },
    { "mask-other-weights", 0, 0, G_OPTION_ARG_NONE, &self->other_weights,
      "Take a mask file made for other weights of the same shape", NULL },
    { NULL }
  };

  g_option_context_add_main_entries (context, entries, NULL);
}

gboolean
moe_cli_interventions_check (MoeCliInterventions *self,
                             const char          *command)
{
  const struct { const char *option; char **texts; MoeAction action; } kinds[] = {
    { "--disable", self->disable, MOE_ACTION_DISABLE },
    { "--force", self->force, MOE_ACTION_FORCE },
    { "--bias", self->bias, MOE_ACTION_BIAS },
    { "--scale", self->scale, MOE_ACTION_SCALE },
    { "--clamp", self->clamp, MOE_ACTION_CLAMP },
    { "--router", self->router, MOE_ACTION_ROUTER },
  };
  MoeScope scope = MOE_SCOPE_BOTH;

  if (self->phase != NULL && !moe_scope_parse (self->phase, &scope))
    {
      moe_cli_usage (command, "--mask-phase %s is none of prompt, answer and both", self->phase);
      return FALSE;
    }

  if (self->from < 0)
    {
      moe_cli_usage (command, "--mask-from %d is negative", self->from);
      return FALSE;
    }

  self->given = g_array_new (FALSE, FALSE, sizeof (MoeIntervention));
  for (guint k = 0; k < G_N_ELEMENTS (kinds); k++)
    {
      for (guint i = 0; kinds[k].texts != NULL && kinds[k].texts[i] != NULL; i++)
        {
          g_autoptr(GError) error = NULL;

          if (!moe_intervention_parse (kinds[k].texts[i], kinds[k].action, scope, self->given, &error))
            {
              moe_cli_usage (command, "%s %s", kinds[k].option, error->message);
              return FALSE;
            }
        }
    }
  for (guint i = 0; i < self->given->len; i++)
    g_array_index (self->given, MoeIntervention, i).from_token = (guint) self->from;
  return TRUE;
}

gboolean
moe_cli_interventions_given (const MoeCliInterventions *self)
{
  return self->masks != NULL || (self->given != NULL && self->given->len > 0);
}

void
moe_cli_interventions_clear (MoeCliInterventions *self)
{
  g_clear_pointer (&self->masks, g_strfreev);
  g_clear_pointer (&self->disable, g_strfreev);
  g_clear_pointer (&self->force, g_strfreev);
  g_clear_pointer (&self->bias, g_strfreev);
  g_clear_pointer (&self->scale, g_strfreev);
  g_clear_pointer (&self->clamp, g_strfreev);
  g_clear_pointer (&self->router, g_strfreev);
  g_clear_pointer (&self->phase, g_free);
  g_clear_pointer (&self->given, g_array_unref);
}

static void
add (MoeMask               **mask,
     const MoeIntervention  *intervention)
{
  MoeMask *next = moe_mask_with (*mask, intervention);

  g_clear_pointer (mask, moe_mask_unref);
  *mask = next;
}

/* The interventions of @file and, for those disabled by mean, their mean outputs. */
static void
add_file (MoeMask **mask,
          MoeMask  *file)
{
  MoeExpertMeans *means = moe_mask_get_means (file);

  for (guint i = 0; i < moe_mask_get_n (file); i++)
    add (mask, moe_mask_get (file, i));
  if (means != NULL)
    {
      g_autoptr(MoeExpertMeans) both = moe_expert_means_merge (moe_mask_get_means (*mask), means);
      MoeMask *next = moe_mask_with_means (*mask, both);

      moe_mask_unref (*mask);
      *mask = next;
    }
}

gboolean
moe_cli_interventions_load (const MoeCliInterventions  *self,
                            const MoeModelInfo         *info,
                            MoeMask                   **mask,
                            GError                    **error)
{
  g_autoptr(MoeMask) all = NULL;

  *mask = NULL;
  for (guint f = 0; self->masks != NULL && self->masks[f] != NULL; f++)
    {
      g_autoptr(MoeModelInfo) made_for = NULL;
      g_autoptr(MoeMask) file = moe_mask_file_load (self->masks[f], &made_for, error);

      if (file == NULL)
        return FALSE;
      if (!moe_mask_check_model (made_for, info, self->other_weights, error)
          || !moe_mask_validate (file, info, error) || !moe_mask_check_means (file, info, error))
        {
          g_prefix_error (error, "%s: ", self->masks[f]);
          return FALSE;
        }
      add_file (&all, file);
    }
  for (guint i = 0; i < self->given->len; i++)
    add (&all, &g_array_index (self->given, MoeIntervention, i));

  if (!moe_mask_validate (all, info, error)
      || (!self->means_later && !moe_mask_check_means (all, info, error)))
    {
      g_prefix_error (error, "%s: ", info->path);
      return FALSE;
    }
  *mask = g_steal_pointer (&all);
  return TRUE;
}

void
moe_cli_interventions_report (MoeSession *session)
{
  g_autoptr(MoeMask) mask = moe_session_get_mask (session);

  for (guint i = 0; i < moe_mask_get_n (mask); i++)
    {
      g_autofree char *what = moe_intervention_describe (moe_mask_get (mask, i));
      guint64 changed, seen;

      moe_session_get_mask_hits (session, i, &changed, &seen);
      moe_cli_message ("%s: changed %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " routings%s", what, changed,
                       seen, changed == 0 ? ", so it made no difference" : "");
    }
}
