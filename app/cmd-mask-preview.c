/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include "analysis/moe-boundary.h"
#include "analysis/moe-prompt-tokens.h"
#include "app/cli-interventions.h"
#include "app/cli-mask.h"
#include "app/cli-options.h"
#include "data/moe-prompt-set.h"

/* More biased experts than this are left to the table. */
#define MAX_TOLD 8

typedef struct
{
  MoeCliRun            run;
  MoeCliOutput         output;
  MoeCliInterventions  interventions;
  char                *prompts, *column, *system, *phase;
  gint                 limit, skip;
  gboolean             raw;
  MoeBoundaryOptions   boundary;
} Preview;

static void
preview_clear (Preview *self)
{
  moe_cli_run_clear (&self->run);
  moe_cli_output_clear (&self->output);
  moe_cli_interventions_clear (&self->interventions);
  g_clear_pointer (&self->boundary.biases, moe_mask_unref);
  g_free (self->prompts);
  g_free (self->column);
  g_free (self->system);
  g_free (self->phase);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Preview, preview_clear)

static gboolean
check (Preview    *self,
       const char *command)
{
  g_autoptr(GError) error = NULL;

  if (!moe_cli_run_check (&self->run, command) || !moe_cli_output_check (&self->output, command)
      || !moe_cli_interventions_check (&self->interventions, command))
    return FALSE;
  if (self->prompts == NULL)
    moe_cli_usage (command, "--prompts is missing");
  else if (self->limit < 0)
    moe_cli_usage (command, "--limit %d is negative", self->limit);
  else if (self->skip < 0)
    moe_cli_usage (command, "--skip %d is negative", self->skip);
  else if (!(self->boundary.share > 0 && self->boundary.share <= 1))
    moe_cli_usage (command, "--share must be above 0 and at most 1");
  else if (self->raw && self->system != NULL)
    moe_cli_usage (command, "--system needs the chat template, which --raw leaves out");
  else if (self->phase != NULL && !moe_phases_parse (self->phase, &self->boundary.phases, &error))
    moe_cli_usage (command, "--phase: %s", error->message);
  else
    return TRUE;
  return FALSE;
}

/* The tokens of every prompt, of MoeChatPrompt. Transfer full. */
static GPtrArray *
load_prompts (const Preview   *self,
              const MoeModel  *model,
              GError         **error)
{
  const MoePromptSetOptions columns = {
    .column = self->column, .limit = (guint) self->limit, .skip = (guint) self->skip,
  };
  g_autoptr(MoePromptSet) set = moe_prompt_set_load_full (self->prompts, &columns, error);
  g_autoptr(GPtrArray) prompts = g_ptr_array_new_with_free_func ((GDestroyNotify) moe_chat_prompt_free);

  for (guint i = 0; set != NULL && i < moe_prompt_set_get_n (set); i++)
    {
      g_autoptr(MoePromptTokens) tokens = moe_prompt_tokens_new (model, moe_prompt_set_get (set, i),
                                                                 self->system, self->raw, error);

      if (tokens == NULL)
        return NULL;
      g_ptr_array_add (prompts, g_steal_pointer (&tokens->tokens));
    }
  return set != NULL ? g_steal_pointer (&prompts) : NULL;
}

/* What the biases do, in words. */
static void
tell (const MoeTable *table)
{
  guint n = moe_table_get_n_rows (table);

  for (guint row = 0; row < n && n <= MAX_TOLD && !moe_table_is_missing (table, row, 4); row++)
    moe_cli_message ("a bias of %+g on L%dE%d brings it in for %.1f %% of %d tokens (it is chosen for "
                     "%.1f %%, then for %.1f %%)",
                     moe_table_get_double (table, row, 3), (int) moe_table_get_int (table, row, 0),
                     (int) moe_table_get_int (table, row, 1), 100 * moe_table_get_double (table, row, 5),
                     (int) moe_table_get_int (table, row, 10), 100 * moe_table_get_double (table, row, 2),
                     100 * moe_table_get_double (table, row, 4));
}

static MoeTable *
make (Preview            *self,
      const char         *path,
      const MoeProgress  *progress,
      GError            **error)
{
  g_autoptr(MoeModel) model = moe_cli_run_open (&self->run, path, error);
  g_autoptr(GPtrArray) prompts = NULL;
  g_autoptr(MoeSession) session = NULL;
  MoeTable *table;

  if (model == NULL
      || !moe_cli_interventions_load (&self->interventions, moe_model_get_info (model),
                                      &self->boundary.biases, error)
      || (prompts = load_prompts (self, model, error)) == NULL
      || (session = moe_cli_run_session (&self->run, model, error)) == NULL)
    return NULL;
  table = moe_boundary_report (session, prompts, &self->boundary, progress, error);
  if (table != NULL)
    moe_table_set_provenance (table, "prompts", self->prompts);
  else if (!g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_prefix_error (error, "%s: ", path);
  return table;
}

int
moe_cli_mask_preview (int    argc,
                      char **argv)
{
  g_auto(Preview) self = { .boundary = { .layer = -1, .phases = MOE_PHASES_ALL, .share = 0.5 } };
  const GOptionEntry entries[] = {
    { "prompts", 0, 0, G_OPTION_ARG_FILENAME, &self.prompts, "Prompts that are run", "FILE" },
    { "column", 0, 0, G_OPTION_ARG_STRING, &self.column,
      "Column of CSV files (default: the first known one)", "C" },
    { "limit", 0, 0, G_OPTION_ARG_INT, &self.limit, "Only the first N prompts", "N" },
    { "skip", 0, 0, G_OPTION_ARG_INT, &self.skip, "Leave out the first N prompts", "N" },
    { "raw", 0, 0, G_OPTION_ARG_NONE, &self.raw, "Prompts as they are, without the chat template", NULL },
    { "system", 0, 0, G_OPTION_ARG_FILENAME, &self.system, "System message", "TEXT" },
    { "phase", 0, 0, G_OPTION_ARG_STRING, &self.phase, "Only tokens of these phases (default: all)",
      "PHASES" },
    { "layer", 0, 0, G_OPTION_ARG_INT, &self.boundary.layer, "Only this layer (default: all)", "N" },
    { "share", 0, 0, G_OPTION_ARG_DOUBLE, &self.boundary.share,
      "push is what brings an expert in for this share of tokens (default 0.5)", "X" },
    { NULL }
  };
  g_auto(GStrv) words = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(MoeTable) table = NULL;
  MoeCliProgress shown;
  const MoeProgress progress = { moe_cli_get_cancellable (), moe_cli_progress_report, &shown };
  GOptionContext *context = moe_cli_context_new (
    "MODEL",
    "For how many tokens a bias would bring an expert in, and the smallest bias that does so for a share of "
    "them, from the router logits of a plain run.",
    "moescope-cli mask preview demo-q8_0.gguf --prompts harmful.csv --bias L3E17=+2.5 --share 0.12");

  g_option_context_add_main_entries (context, entries, NULL);
  moe_cli_run_add (&self.run, context);
  moe_cli_output_add (&self.output, context);
  moe_cli_interventions_add (&self.interventions, context);
  if (!moe_cli_parse (context, argc, argv, 1, 1, &words) || !check (&self, argv[0]))
    return MOE_CLI_USAGE;
  moe_cli_progress_init (&shown, self.run.progress);
  table = make (&self, words[0], &progress, &error);
  moe_cli_progress_end (&shown);
  if (table == NULL || !moe_cli_output_table (&self.output, table, &error))
    return moe_cli_fail (error);
  tell (table);
  return MOE_CLI_DONE;
}
