/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-evaluate"

#include "analysis/moe-evaluate-private.h"

#include <string.h>

#include "analysis/moe-prompt-tokens.h"
#include "data/moe-error.h"
#include "data/moe-mask-file.h"
#include "data/moe-number.h"

/* Tokens of the text. */
#define MAX_TEXT_TOKENS 100000000u

void
moe_evaluation_options_init (MoeEvaluationOptions *options)
{
  *options = (MoeEvaluationOptions) {
    .max_tokens = 64, .window = 512, .n_bootstrap = 1000, .confidence = 0.95,
  };
}

typedef struct
{
  const MoeModelInfo *info;
  guint64            *loads; /* (M, E) */
} LoadCounter;

static void
count_routing (const MoeProbeBatch  *batch,
               guint                 layer,
               const MoeRouterEvent *event,
               gpointer              user_data)
{
  LoadCounter *self = user_data;
  int row = moe_model_info_find_moe_layer (self->info, layer);

  for (gsize i = 0; row >= 0 && i < (gsize) batch->n * event->k; i++)
    if (event->chosen[i] != MOE_NO_EXPERT)
      self->loads[(gsize) row * event->n_experts + event->chosen[i]]++;
}

static guint
count_prompts (const MoeEvaluationOptions *options)
{
  guint n = 0;

  for (guint s = 0; s < options->n_sets; s++)
    n += moe_prompt_set_get_n (options->sets[s].set);
  return n;
}

/* "FILE:LINE: what is wrong", except for what is wrong with nothing that is there. */
static void
prefix_place (GError     **error,
              const char  *path,
              guint        line)
{
  if (error != NULL && !g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_prefix_error (error, "%s:%u: ", path, line);
}

static gboolean
feed_prompt (MoeSession                  *session,
             const MoeEvaluationOptions  *options,
             const MoePrompt             *prompt,
             GCancellable                *cancellable,
             GError                     **error)
{
  g_autoptr (MoePromptTokens) tokens = moe_prompt_tokens_new (moe_session_get_model (session), prompt,
                                                              options->system, options->raw, error);

  if (tokens == NULL)
    return FALSE;
  moe_session_rewind (session, 0);
  return moe_session_feed (session, tokens->tokens->tokens, tokens->tokens->phases, tokens->n_prompt,
                           cancellable, error);
}

guint64 *
moe_evaluate_count_loads (MoeModel                    *model,
                          const MoeSessionOptions     *session_options,
                          const MoeEvaluationOptions  *options,
                          const MoeProgress           *progress,
                          GError                     **error)
{
  static const MoeProbe probe = { .router = count_routing };
  const MoeModelInfo *info = moe_model_get_info (model);
  g_autofree guint64 *loads = g_new0 (guint64, (gsize) info->n_moe_layers * info->n_experts);
  g_autoptr (MoeSession) session = moe_session_new (model, session_options, error);
  LoadCounter counter = { info, loads };
  guint total = count_prompts (options), done = 0;

  if (session == NULL)
    return NULL;
  moe_session_add_probe (session, &probe, &counter);
  for (guint s = 0; s < options->n_sets; s++)
    {
      MoePromptSet *set = options->sets[s].set;

      for (guint i = 0; i < moe_prompt_set_get_n (set); i++)
        {
          const MoePrompt *prompt = moe_prompt_set_get (set, i);

          if (!moe_progress_step (progress, (double) done++ / total, "counting how busy the experts are",
                                  error))
            return NULL;
          if (!feed_prompt (session, options, prompt, progress != NULL ? progress->cancellable : NULL, error))
            {
              prefix_place (error, moe_prompt_set_get_path (set), prompt->line);
              return NULL;
            }
        }
    }
  return g_steal_pointer (&loads);
}

static void
add_line (GChecksum  *checksum,
          const char *text)
{
  g_checksum_update (checksum, (const guchar *) text, (gssize) strlen (text) + 1);
}

static void
add_number (GChecksum *checksum,
            double     number)
{
  char buffer[MOE_NUMBER_BUFFER];

  add_line (checksum, moe_number_format_double (buffer, number));
}

/* Everything that the logged results depend on. */
static char *
make_identity (MoeModel                   *model,
               const MoeSessionOptions    *session,
               GPtrArray                  *conditions,
               const MoeEvaluationOptions *options)
{
  const MoeModelInfo *info = moe_model_get_info (model);
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);

  add_line (checksum, info->fingerprint);
  add_number (checksum, session->cache);
  add_number (checksum, session->kernels);
  for (guint layer = 0; layer < info->n_layers; layer++)
    {
      const float *control = moe_control_vector_get (session->control, layer);

      if (control != NULL)
        g_checksum_update (checksum, (const guchar *) control, (gssize) (info->width * sizeof *control));
    }
  add_number (checksum, options->max_tokens);
  add_number (checksum, (double) options->temperature);
  add_number (checksum, (double) options->seed);
  add_number (checksum, options->raw);
  add_number (checksum, options->window);
  add_line (checksum, options->system != NULL ? options->system : "");
  for (guint i = 0; i < options->n_sets; i++)
    {
      add_line (checksum, options->sets[i].name);
      for (guint p = 0; p < moe_prompt_set_get_n (options->sets[i].set); p++)
        add_line (checksum, moe_prompt_set_get (options->sets[i].set, p)->text);
    }
  for (guint i = 0; i < moe_refusal_list_get_n (options->refusals); i++)
    add_line (checksum, moe_refusal_list_get (options->refusals, i));
  if (options->text != NULL)
    g_checksum_update (checksum, (const guchar *) options->text, (gssize) options->text_length);
  if (options->tasks != NULL)
    {
      add_line (checksum, moe_task_set_get_hash (options->tasks));
      add_number (checksum, moe_task_set_get_n (options->tasks));
    }
  for (guint i = 0; i < conditions->len; i++)
    {
      const MoeCondition *condition = conditions->pdata[i];
      g_autofree char *json = moe_mask_to_json (condition->mask, info);

      add_line (checksum, condition->name);
      add_line (checksum, json);
    }
  return g_strdup (g_checksum_get_string (checksum));
}

/* Runs what of a condition is not logged yet. */
typedef struct
{
  MoeEvaluator       *evaluator;
  const MoeCondition *condition;
  gboolean            is_plain;
  const MoeProgress  *progress;
  guint               done, total; /* of everything */
} Run;

static gboolean
step (Run         *self,
      const char  *set,
      guint        index,
      guint        n,
      GError     **error)
{
  g_autofree char *what = g_strdup_printf ("%s: %s, %u of %u", self->condition->name, set, index + 1, n);

  return moe_progress_step (self->progress, (double) self->done++ / self->total, what, error);
}

static gboolean
is_done (Run        *self,
         const char *set,
         guint       index)
{
  return moe_evaluation_log_find (self->evaluator->log, self->condition->name, set, index) != NULL;
}

static gboolean
add (Run         *self,
     const char  *set,
     guint        index,
     JsonObject  *object,
     GError     **error)
{
  return moe_evaluation_log_add (self->evaluator->log, self->condition->name, set, index, object, error);
}

static gboolean
run_set (Run                     *self,
         const MoeEvaluationSet  *set,
         GError                 **error)
{
  guint n = moe_prompt_set_get_n (set->set);

  for (guint i = 0; i < n; i++)
    {
      const MoePrompt *prompt = moe_prompt_set_get (set->set, i);
      JsonObject *object;

      if (!step (self, set->name, i, n, error))
        return FALSE;
      if (is_done (self, set->name, i))
        continue;
      object = moe_evaluate_prompt (self->evaluator, prompt, self->is_plain, error);
      if (object == NULL)
        {
          prefix_place (error, moe_prompt_set_get_path (set->set), prompt->line);
          return FALSE;
        }
      if (!add (self, set->name, i, object, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
run_text (Run     *self,
          GError **error)
{
  guint n = moe_evaluate_count_windows (self->evaluator);

  for (guint i = 0; i < n; i++)
    {
      JsonObject *object;

      if (!step (self, self->evaluator->options->text_name, i, n, error))
        return FALSE;
      if (is_done (self, MOE_EVALUATION_TEXT, i))
        continue;
      object = moe_evaluate_window (self->evaluator, i, error);
      if (object == NULL || !add (self, MOE_EVALUATION_TEXT, i, object, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
run_tasks (Run     *self,
           GError **error)
{
  MoeTaskSet *tasks = self->evaluator->options->tasks;
  guint n = tasks != NULL ? moe_task_set_get_n (tasks) : 0;

  for (guint i = 0; i < n; i++)
    {
      const MoeTask *task = moe_task_set_get (tasks, i);
      JsonObject *object;

      if (!step (self, "tasks", i, n, error))
        return FALSE;
      if (is_done (self, MOE_EVALUATION_TASKS, i))
        continue;
      object = moe_evaluate_task (self->evaluator, task, error);
      if (object == NULL)
        {
          prefix_place (error, moe_task_set_get_path (tasks), task->line);
          return FALSE;
        }
      if (!add (self, MOE_EVALUATION_TASKS, i, object, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
run_all (MoeEvaluator       *self,
         const MoeProgress  *progress,
         GError            **error)
{
  const MoeEvaluationOptions *options = self->options;
  Run run = { .evaluator = self, .progress = progress };

  run.total = self->conditions->len
    * MAX (1, count_prompts (options) + moe_evaluate_count_windows (self)
           + (options->tasks != NULL ? moe_task_set_get_n (options->tasks) : 0));
  for (guint c = 0; c < self->conditions->len; c++)
    {
      run.condition = self->conditions->pdata[c];
      run.is_plain = c == 0;
      if (!moe_session_set_mask (self->session, run.condition->mask, error) ||
          !moe_session_set_control (self->session, run.is_plain ? NULL : self->control, error))
        {
          g_prefix_error (error, "%s: ", run.condition->name);
          return FALSE;
        }
      for (guint s = 0; s < options->n_sets; s++)
        if (!run_set (&run, &options->sets[s], error))
          return FALSE;
      if (!run_text (&run, error) || !run_tasks (&run, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
tokenize_text (MoeEvaluator  *self,
               GError       **error)
{
  const MoeEvaluationOptions *options = self->options;
  g_autofree gint32 *tokens = NULL;
  gsize n = 0;

  if (options->text == NULL)
    return TRUE;
  tokens = moe_tokenizer_encode (moe_model_get_tokenizer (self->model), options->text, options->text_length,
                                 MOE_TOKENIZE_DEFAULT, &n);
  if (n < 2 || n > MAX_TEXT_TOKENS)
    {
      g_set_error (error, MOE_ERROR, n < 2 ? MOE_ERROR_INVALID : MOE_ERROR_LIMIT,
                   "%s: has %" G_GSIZE_FORMAT " tokens, not 2 to %u", options->text_name, n, MAX_TEXT_TOKENS);
      return FALSE;
    }
  g_array_append_vals (self->text_tokens, tokens, (guint) n);
  return TRUE;
}

static void
clear (MoeEvaluator *self)
{
  g_clear_pointer (&self->log, moe_evaluation_log_free);
  g_clear_pointer (&self->session, moe_session_free);
  g_clear_pointer (&self->plain, moe_session_free);
  g_clear_pointer (&self->refusal_tokens, g_array_unref);
  g_clear_pointer (&self->text_tokens, g_array_unref);
}

MoeTable *
moe_evaluate (MoeModel                    *model,
              const MoeSessionOptions     *session,
              GPtrArray                   *conditions,
              const MoeEvaluationOptions  *options,
              const char                  *path,
              const MoeProgress           *progress,
              GError                     **error)
{
  MoeEvaluator self = { .model = model, .options = options, .conditions = conditions };
  g_autofree char *identity = NULL;
  MoeSessionOptions plain = *session;
  MoeTable *table = NULL;

  g_return_val_if_fail (model != NULL && session != NULL && options != NULL, NULL);
  g_return_val_if_fail (conditions != NULL && conditions->len > 0, NULL);

  identity = make_identity (model, session, conditions, options);
  self.cancellable = progress != NULL ? progress->cancellable : NULL;
  self.refusal_tokens = moe_refusal_list_get_tokens (options->refusals, moe_model_get_tokenizer (model));
  self.text_tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  self.session = moe_session_new (model, session, error);
  self.control = session->control;
  plain.control = NULL;
  if (self.session != NULL)
    self.plain = moe_session_new (model, &plain, error);
  if (self.plain != NULL && tokenize_text (&self, error))
    {
      /* One place is for the token that begins a text. */
      self.window = CLAMP (options->window, 1, moe_session_get_context (self.session) - 1);
      self.log = moe_evaluation_log_open (path, identity, error);
    }
  if (self.log != NULL && run_all (&self, progress, error))
    table = moe_evaluate_make_table (&self);
  clear (&self);
  return table;
}
