/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include "analysis/moe-route-import.h"
#include "app/cli.h"
#include "probes/moe-model.h"

typedef struct
{
  char     *record, *model, *name, *phase, *tokens, *prompts, *column;
  gint      layers, experts, used;
  gboolean  progress;
} Command;

static void
command_clear (Command *self)
{
  char **texts[] = { &self->record, &self->model, &self->name, &self->phase, &self->tokens, &self->prompts,
                     &self->column };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_clear_pointer (texts[i], g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Command, command_clear)

static gboolean
check (const Command *self,
       const char    *command,
       MoePhase      *phase)
{
  *phase = MOE_PHASE_PROMPT;
  if (self->record == NULL)
    moe_cli_usage (command, "--record is missing");
  else if (self->layers < 0 || self->layers > 4096)
    moe_cli_usage (command, "--layers %d is not 0 to 4096", self->layers);
  else if (self->experts < 0 || self->experts > 65534)
    moe_cli_usage (command, "--experts %d is not 0 to 65534", self->experts);
  else if (self->used < 0 || self->used > 1024)
    moe_cli_usage (command, "--used %d is not 0 to 1024", self->used);
  else if (self->model != NULL
           && (self->layers > 0 || self->experts > 0 || self->used > 0 || self->name != NULL))
    moe_cli_usage (command, "--layers, --experts, --used and --name are for routes without --model");
  else if (self->phase != NULL && !moe_phase_parse (self->phase, phase))
    moe_cli_usage (command, "--phase %s is no phase", self->phase);
  else if (self->name != NULL && !g_utf8_validate (self->name, -1, NULL))
    moe_cli_usage (command, "--name is not UTF-8 text");
  else
    return TRUE;
  return FALSE;
}

static gboolean
run (const Command  *self,
     const char     *path,
     MoePhase        phase,
     GError        **error)
{
  g_autoptr(MoeGguf) gguf = NULL;
  g_autoptr(MoeModelInfo) info = NULL;
  g_autoptr(MoePromptSet) prompts = NULL;
  MoeRouteImportOptions options = {
    .name = self->name != NULL ? self->name : "unknown model", .n_layers = (guint) self->layers,
    .n_experts = (guint) self->experts, .n_used = (guint) self->used, .phase = phase, .tokens = self->tokens,
  };
  MoeCliProgress shown;
  const MoeProgress progress = { moe_cli_get_cancellable (), moe_cli_progress_report, &shown };
  MoeRouteImportResult result;
  gboolean done;

  if (self->model != NULL
      && ((gguf = moe_gguf_open (self->model, error)) == NULL
          || (info = moe_model_read_info (gguf, error)) == NULL))
    return FALSE;
  if (self->prompts != NULL
      && (prompts = moe_prompt_set_load (self->prompts, self->column, 0, error)) == NULL)
    return FALSE;
  options.info = info;
  options.prompts = prompts;
  moe_cli_progress_init (&shown, self->progress);
  done = moe_route_import (path, self->record, &options, &progress, &result, error);
  moe_cli_progress_end (&shown);
  if (done)
    moe_cli_message ("%" G_GUINT64_FORMAT " routes of %" G_GINT64_FORMAT " tokens in %u prompts",
                     result.n_routes, result.n_tokens, result.n_prompts);
  return done;
}

int
moe_cli_import (int    argc,
                char **argv)
{
  g_auto(Command) self = { NULL };
  const GOptionEntry entries[] = {
    { "record", 0, 0, G_OPTION_ARG_FILENAME, &self.record, "The new recording", "FILE" },
    { "model", 0, 0, G_OPTION_ARG_FILENAME, &self.model, "The model that made the routes", "FILE" },
    { "tokens", 0, 0, G_OPTION_ARG_FILENAME, &self.tokens,
      "Ids, texts and probabilities of the tokens, as export --layout tokens writes them", "FILE" },
    { "prompts", 0, 0, G_OPTION_ARG_FILENAME, &self.prompts, "What was asked in turn 0, 1, ...: a prompt set",
      "FILE" },
    { "column", 0, 0, G_OPTION_ARG_STRING, &self.column,
      "Column (or JSON member) of the prompts (default: the first known one)", "C" },
    { "phase", 0, 0, G_OPTION_ARG_STRING, &self.phase,
      "Of routes that do not say it (default: prompt)", "PHASE" },
    { "name", 0, 0, G_OPTION_ARG_STRING, &self.name, "What the model is called, without --model", "NAME" },
    { "layers", 0, 0, G_OPTION_ARG_INT, &self.layers, "Its layers, at least (default: as many as occur)",
      "N" },
    { "experts", 0, 0, G_OPTION_ARG_INT, &self.experts, "Its experts in a layer, at least", "N" },
    { "used", 0, 0, G_OPTION_ARG_INT, &self.used, "Experts that a token goes through in a layer", "N" },
    { "progress", 0, 0, G_OPTION_ARG_NONE, &self.progress, "Show progress when it is no terminal too", NULL },
    { NULL }
  };
  g_auto(GStrv) words = NULL;
  g_autoptr(GError) error = NULL;
  MoePhase phase;
  GOptionContext *context = moe_cli_context_new (
    "ROUTES",
    "A recording of the routing in a CSV file of another program, or of export: with the columns "
    "turn,phase,step,layer,slot,expert,weight, or layer,expert.",
    "moescope-cli import routes.csv --record run.moescope --model demo-q8_0.gguf");

  g_option_context_add_main_entries (context, entries, NULL);
  if (!moe_cli_parse (context, argc, argv, 1, 1, &words) || !check (&self, argv[0], &phase))
    return MOE_CLI_USAGE;
  return run (&self, words[0], phase, &error) ? MOE_CLI_DONE : moe_cli_fail (error);
}
