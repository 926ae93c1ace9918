/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include "app/cli-sets.h"

#include "app/cli.h"
#include "data/moe-error.h"

void
moe_cli_sets_add (MoeCliSets     *self,
                  GOptionContext *context)
{
  const GOptionEntry entries[] = {
    { "a", 0, 0, G_OPTION_ARG_FILENAME, &self->a, "Prompt set A: text, CSV or JSON Lines", "FILE" },
    { "b", 0, 0, G_OPTION_ARG_FILENAME, &self->b, "Prompt set B (not needed with a file of pairs)", "FILE" },
    { "a-label", 0, 0, G_OPTION_ARG_STRING, &self->a_label,
      "Only the prompts of A with this label", "LABEL" },
    { "b-label", 0, 0, G_OPTION_ARG_STRING, &self->b_label,
      "Only the prompts of B with this label", "LABEL" },
    { "column", 0, 0, G_OPTION_ARG_STRING, &self->column,
      "Column (or JSON member) of the prompts (default: the first known one)", "C" },
    { "label-column", 0, 0, G_OPTION_ARG_STRING, &self->label_column, "Column of the labels (label)", "C" },
    { "pair-column", 0, 0, G_OPTION_ARG_STRING, &self->pair_column,
      "Column that is equal in matched prompts (pair)", "C" },
    { "answer-column", 0, 0, G_OPTION_ARG_STRING, &self->answer_column,
      "Column of the answers' beginnings, which are fed after the prompts", "C" },
    { "target-column", 0, 0, G_OPTION_ARG_STRING, &self->target_column,
      "Column of the texts that --span target looks at", "C" },
    { "pairs", 0, 0, G_OPTION_ARG_NONE, &self->pairs,
      "Prompts are matched: by the column of pairs, or without one by their place in the sets", NULL },
    { "by-answer", 0, 0, G_OPTION_ARG_NONE, &self->by_answer,
      "The prompts of --a that are refused against those that are not, in place of two sets", NULL },
    { "limit", 0, 0, G_OPTION_ARG_INT, &self->limit, "Only the first N prompts of each file", "N" },
    { "skip", 0, 0, G_OPTION_ARG_INT, &self->skip, "Leave out the first N prompts of each file", "N" },
    { "raw", 0, 0, G_OPTION_ARG_NONE, &self->raw, "Prompts as they are, without the chat template", NULL },
    { "system", 0, 0, G_OPTION_ARG_FILENAME, &self->system, "System message", "TEXT" },
    { "generate", 0, 0, G_OPTION_ARG_INT, &self->generate,
      "Tokens of answer to each prompt (default: as many as the span needs)", "N" },
    { NULL }
  };

  self->generate = -1;
  g_option_context_add_main_entries (context, entries, NULL);
}

gboolean
moe_cli_sets_check (const MoeCliSets *self,
                    const char       *command)
{
  if (self->a == NULL && !self->by_answer && !self->by_span)
    moe_cli_usage (command, "--a is missing");
  else if (self->by_span && (self->a != NULL || self->b != NULL || self->pairs || self->by_answer))
    moe_cli_usage (command, "--span-a and --span-b are parts of the same prompts, so there are no sets");
  else if (self->limit < 0)
    moe_cli_usage (command, "--limit %d is negative", self->limit);
  else if (self->skip < 0)
    moe_cli_usage (command, "--skip %d is negative", self->skip);
  else if (self->by_answer && (self->b != NULL || self->pairs))
    moe_cli_usage (command, "--by-answer divides the prompts of --a, so --b and --pairs mean nothing");
  else if (self->generate < -1)
    moe_cli_usage (command, "--generate %d is negative", self->generate);
  else if (self->raw && self->system != NULL)
    moe_cli_usage (command, "--system needs the chat template, which --raw leaves out");
  else if (self->system != NULL && !g_utf8_validate (self->system, -1, NULL))
    moe_cli_usage (command, "--system is not UTF-8 text");
  else
    return TRUE;
  return FALSE;
}

/* The prompts with @label of @whole. */
static MoePromptSet *
take (MoePromptSet  *whole,
      const char    *label,
      GError       **error)
{
  MoePromptSet *part;

  if (label == NULL)
    return moe_prompt_set_ref (whole);
  part = moe_prompt_set_filter (whole, label);
  if (moe_prompt_set_get_n (part) > 0)
    return part;
  g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "%s: holds no prompt with the label '%s'",
               moe_prompt_set_get_path (whole), label);
  moe_prompt_set_unref (part);
  return NULL;
}

static gboolean
has_pairs (MoePromptSet *set)
{
  for (guint i = 0; i < moe_prompt_set_get_n (set); i++)
    if (moe_prompt_set_get (set, i)->pair != NULL)
      return TRUE;
  return FALSE;
}

static gboolean
pair_by_place (MoeCliSets  *self,
               GError     **error)
{
  MoePromptSet **sets[] = { &self->set_a, &self->set_b };
  guint n_a = moe_prompt_set_get_n (self->set_a), n_b = moe_prompt_set_get_n (self->set_b);

  if (has_pairs (self->set_a) && has_pairs (self->set_b))
    return TRUE;
  if (n_a != n_b)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID,
                   "%s: holds %u prompts, which cannot be matched by their place with %u of %s",
                   self->a, n_a, n_b, moe_prompt_set_get_path (self->set_b));
      return FALSE;
    }
  for (guint i = 0; i < G_N_ELEMENTS (sets); i++)
    {
      MoePromptSet *matched = moe_prompt_set_pair_by_place (*sets[i]);

      moe_prompt_set_unref (*sets[i]);
      *sets[i] = matched;
    }
  return TRUE;
}

gboolean
moe_cli_sets_load (MoeCliSets  *self,
                   GError     **error)
{
  const MoePromptSetOptions options = {
    .column = self->column, .label_column = self->label_column, .pair_column = self->pair_column,
    .answer_column = self->answer_column, .target_column = self->target_column, .limit = (guint) self->limit,
    .skip = (guint) self->skip,
  };
  g_autoptr(MoePromptSet) a = NULL, b = NULL;
  gboolean both;

  if (self->a == NULL)
    return TRUE;
  a = moe_prompt_set_load_full (self->a, &options, error);
  if (a == NULL)
    return FALSE;
  if (self->by_answer)
    {
      self->set_a = take (a, self->a_label, error);
      return self->set_a != NULL;
    }
  both = moe_prompt_set_has_sides (a) && self->b == NULL;
  if (self->b == NULL && !both && (self->a_label == NULL || self->b_label == NULL))
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID,
                   "%s: is no file of pairs, so --b must name the other set, or --a-label and --b-label its "
                   "parts", self->a);
      return FALSE;
    }
  b = self->b != NULL ? moe_prompt_set_load_full (self->b, &options, error) : moe_prompt_set_ref (a);
  if (b == NULL)
    return FALSE;
  self->set_a = take (a, both && self->a_label == NULL ? "0" : self->a_label, error);
  if (self->set_a == NULL)
    return FALSE;
  self->set_b = take (b, both && self->b_label == NULL ? "1" : self->b_label, error);
  return self->set_b != NULL && (!self->pairs || pair_by_place (self, error));
}

static void
add_set (MoeTable     *table,
         const char   *key,
         MoePromptSet *set,
         const char   *label)
{
  g_autofree char *name = g_path_get_basename (moe_prompt_set_get_path (set));
  g_autofree char *text = g_strdup_printf ("%s%s%s, SHA-256 %s", name, label != NULL ? ", label " : "",
                                           label != NULL ? label : "", moe_prompt_set_get_hash (set));

  moe_table_set_provenance (table, key, text);
}

void
moe_cli_sets_add_provenance (const MoeCliSets *self,
                             MoeTable         *table)
{
  if (self->set_a != NULL)
    add_set (table, "set-a", self->set_a, self->a_label);
  if (self->by_answer)
    moe_table_set_provenance (table, "sides", "a refused, b did not");
  else if (self->set_b != NULL)
    add_set (table, "set-b", self->set_b, self->b_label);
}

void
moe_cli_sets_clear (MoeCliSets *self)
{
  char **texts[] = { &self->a, &self->b, &self->a_label, &self->b_label, &self->column, &self->label_column,
                     &self->pair_column, &self->answer_column, &self->target_column, &self->system };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_clear_pointer (texts[i], g_free);
  g_clear_pointer (&self->set_a, moe_prompt_set_unref);
  g_clear_pointer (&self->set_b, moe_prompt_set_unref);
}
