/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include "app/cli-causal.h"

#include "app/cli-rerun.h"
#include "data/moe-error.h"

#define MAX_DRAWS 1000

void
moe_cli_causal_add (MoeCliCausal   *self,
                    GOptionContext *context)
{
  const GOptionEntry entries[] = {
    { "causal", 0, 0, G_OPTION_ARG_NONE, &self->wanted,
      "Causal check: run again with each candidate disabled, with all, and with as many random ones", NULL },
    { "experts", 0, 0, G_OPTION_ARG_STRING, &self->experts,
      "Candidates of --causal, as in L2E30,L3S (default: those above both thresholds)", "LIST" },
    { "mode", 0, 0, G_OPTION_ARG_STRING, &self->mode,
      "How --causal disables: zero (default, as in the paper), refill or drop", "MODE" },
    { "draws", 0, 0, G_OPTION_ARG_INT, &self->draws,
      "Draws of random experts, of the whole model and of the same layers (default 5)", "N" },
    { "by-layer", 0, 0, G_OPTION_ARG_NONE, &self->by_layer,
      "With --causal: residual and sink of each layer under each condition", NULL },
    { "by-head", 0, 0, G_OPTION_ARG_NONE, &self->by_head,
      "With --causal: which heads lose their sink without the candidates, the largest loss first", NULL },
    { NULL }
  };

  self->draws = MOE_CAUSAL_DRAWS;
  g_option_context_add_main_entries (context, entries, NULL);
}

/* @wrong: (transfer full) what is no expert. */
static gboolean
parse_experts (const char  *text,
               GArray      *experts,
               char       **wrong)
{
  g_auto(GStrv) names = g_strsplit (text, ",", -1);

  for (guint i = 0; names[i] != NULL; i++)
    {
      MoeCausalExpert expert;
      int layer;

      if (!moe_expert_parse (names[i], &layer, &expert.expert))
        {
          *wrong = g_strdup (names[i]);
          return FALSE;
        }
      expert.layer = (guint) layer;
      g_array_append_val (experts, expert);
    }
  return TRUE;
}

static gboolean
parse_mode (const char *text,
            MoeMode    *mode)
{
  static const MoeMode modes[] = { MOE_MODE_ZERO, MOE_MODE_REFILL, MOE_MODE_DROP };

  *mode = MOE_MODE_ZERO;
  for (guint i = 0; text != NULL && i < G_N_ELEMENTS (modes); i++)
    {
      *mode = modes[i];
      if (g_str_equal (text, moe_mode_get_name (modes[i])))
        return TRUE;
    }
  return text == NULL;
}

gboolean
moe_cli_causal_check (const MoeCliCausal *self,
                      const char         *command)
{
  g_autoptr(GArray) experts = g_array_new (FALSE, FALSE, sizeof (MoeCausalExpert));
  gboolean other = self->experts != NULL || self->mode != NULL || self->draws != MOE_CAUSAL_DRAWS
                   || self->by_layer || self->by_head;
  g_autofree char *wrong = NULL;
  MoeMode mode;

  if (!self->wanted && other)
    moe_cli_usage (command, "--experts, --mode, --draws, --by-layer and --by-head need --causal");
  else if (self->by_layer && self->by_head)
    moe_cli_usage (command, "--by-layer and --by-head exclude each other");
  else if (!parse_mode (self->mode, &mode))
    moe_cli_usage (command, "--mode %s is none of zero, refill and drop", self->mode);
  else if (self->draws < 0 || self->draws > MAX_DRAWS)
    moe_cli_usage (command, "--draws %d is not 0 to %d", self->draws, MAX_DRAWS);
  else if (self->experts != NULL && !parse_experts (self->experts, experts, &wrong))
    moe_cli_usage (command, "--experts: \"%s\" is no expert such as L3E17 or L3S", wrong);
  else
    return TRUE;
  return FALSE;
}

MoeCausalDetail
moe_cli_causal_get_detail (const MoeCliCausal *self)
{
  return self->by_head ? MOE_CAUSAL_BY_HEAD : self->by_layer ? MOE_CAUSAL_BY_LAYER : MOE_CAUSAL_SUMMARY;
}

void
moe_cli_causal_clear (MoeCliCausal *self)
{
  g_clear_pointer (&self->experts, g_free);
  g_clear_pointer (&self->mode, g_free);
}

static void
take_candidates (MoeSuperExperts *found,
                 GArray          *experts)
{
  for (guint i = 0; i < moe_super_experts_get_n (found); i++)
    {
      const MoeSuperExpert *from = moe_super_experts_get (found, i);
      MoeCausalExpert expert = { from->layer, from->expert };

      if (from->above_percentile && from->above_tenth && from->in_layers)
        g_array_append_val (experts, expert);
    }
}

MoeTable *
moe_cli_causal_run (const MoeCliCausal  *self,
                    MoeCliSource        *source,
                    MoeModel            *model,
                    MoeSuperExperts     *found,
                    GError             **error)
{
  g_autoptr(GArray) experts = g_array_new (FALSE, FALSE, sizeof (MoeCausalExpert));
  g_auto(MoeCliRerun) rerun = { NULL };
  g_autoptr(MoeCausalCheck) check = NULL;
  MoeTable *table = NULL;
  MoeCausalOptions options = { .n_draws = (guint) self->draws, .seed = (guint64) source->run.seed };
  g_autofree char *wrong = NULL;

  parse_mode (self->mode, &options.mode);
  if (self->experts != NULL)
    parse_experts (self->experts, experts, &wrong);
  else
    take_candidates (found, experts);
  if (experts->len == 0)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID,
                   "%s: no expert is above both thresholds; --experts names others to check",
                   moe_recording_get_path (source->recording));
      return NULL;
    }
  options.experts = (const MoeCausalExpert *) experts->data;
  options.n_experts = experts->len;

  if (!moe_cli_rerun_begin (&rerun, source, model, error))
    return NULL;
  if (rerun.mask != NULL)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID,
                   "%s: --causal makes its own masks, so it takes no interventions",
                   moe_model_get_info (model)->path);
      return NULL;
    }
  check = moe_causal_check_new (rerun.session, rerun.prompts, &options, &rerun.progress, error);
  if (check != NULL)
    table = moe_causal_table_new (check, moe_cli_causal_get_detail (self));
  return moe_cli_rerun_end (&rerun, source, table, error);
}
