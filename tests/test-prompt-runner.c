/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-prompt-runner"

#include "analysis/moe-prompt-runner.h"

#include <glib/gstdio.h>
#include <string.h>

#include "data/moe-error.h"

typedef struct
{
  MoeModel   *model;
  MoeSession *session;
  char       *folder;
} Setup;

static void
setup_init (Setup *self)
{
  const MoeSessionOptions options = { .context = 256, .cache = MOE_CACHE_F32, .kernels = MOE_KERNELS_AUTO,
                                      .threads = 1 };
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "..", "data", "demo-model", "demo-q8_0.gguf",
                                                 NULL);
  g_autoptr(GError) error = NULL;

  self->model = moe_model_open (path, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  self->session = moe_session_new (self->model, &options, &error);
  g_assert_no_error (error);
  self->folder = g_dir_make_tmp ("moescope-runner-XXXXXX", &error);
  g_assert_no_error (error);
}

static void
setup_clear (Setup *self)
{
  g_rmdir (self->folder);
  g_free (self->folder);
  moe_session_free (self->session);
  moe_model_unref (self->model);
}

static MoePromptSet *
make_set (Setup      *setup,
          const char *text)
{
  g_autofree char *path = g_build_filename (setup->folder, "set.jsonl", NULL);
  g_autoptr(GError) error = NULL;
  MoePromptSet *set;

  g_assert_true (g_file_set_contents (path, text, -1, &error));
  set = moe_prompt_set_load (path, NULL, 0, &error);
  g_assert_no_error (error);
  g_remove (path);
  return set;
}

/* The bytes of tokens [@first, @end). */
static char *
join (const MoeModel        *model,
      const MoePromptTokens *tokens,
      gsize                  first,
      gsize                  end)
{
  gsize length;

  return moe_tokenizer_decode (moe_model_get_tokenizer (model), tokens->tokens->tokens + first, end - first,
                               TRUE, &length);
}

static void
test_tokens (void)
{
  Setup setup;
  g_autoptr(MoePromptSet) set = NULL;
  g_autoptr(MoePromptTokens) plain = NULL, answered = NULL, again = NULL;
  g_autoptr(GError) error = NULL;
  g_autofree char *target = NULL, *answer = NULL, *inside = NULL;
  MoePrompt prompt;

  setup_init (&setup);
  set = make_set (&setup, "{\"prompt\": \"Is the user a bird?\", \"target\": \"user\"}\n{\"messages\": "
                          "[{\"role\": \"user\", \"content\": \"Hi\"}, {\"role\": \"assistant\", "
                          "\"content\": \"Hello my bird, my friend.\"}], \"target\": \"my bird\"}\n");
  plain = moe_prompt_tokens_new (setup.model, moe_prompt_set_get (set, 0), NULL, FALSE, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (plain->n_prompt, ==, plain->tokens->n_tokens);
  /* The template writes "user" as well; the target is what the person wrote. */
  for (gsize i = plain->target_first; i < plain->target_end; i++)
    g_assert_cmpint (plain->tokens->phases[i], ==, MOE_PHASE_PROMPT);
  target = join (setup.model, plain, plain->target_first, plain->target_end);
  g_assert_nonnull (strstr (target, "user"));

  answered = moe_prompt_tokens_new (setup.model, moe_prompt_set_get (set, 1), NULL, FALSE, &error);
  g_assert_no_error (error);
  answer = join (setup.model, answered, answered->n_prompt, answered->tokens->n_tokens);
  g_assert_cmpstr (answer, ==, "Hello my bird, my friend.");
  g_assert_cmpint (answered->tokens->phases[answered->n_prompt], ==, MOE_PHASE_TEACHER_FORCED);
  g_assert_cmpint (answered->tokens->phases[answered->n_prompt - 1], ==, MOE_PHASE_TEMPLATE);
  inside = join (setup.model, answered, answered->target_first, answered->target_end);
  g_assert_nonnull (strstr (inside, "my bird"));
  g_assert_cmpuint (strlen (inside), <, strlen (answer));

  prompt = *moe_prompt_set_get (set, 0);
  prompt.target = "nowhere";
  again = moe_prompt_tokens_new (setup.model, &prompt, NULL, FALSE, &error);
  g_assert_null (again);
  g_assert_error (error, MOE_ERROR, MOE_ERROR_INVALID);
  setup_clear (&setup);
}

typedef struct
{
  GString *seen;
  guint    n_tokens, n_logits, n_forced;
} Seen;

static gboolean
on_begin (const MoePromptRun *run,
          gpointer            user_data,
          GError            **error)
{
  Seen *seen = user_data;

  g_string_append_printf (seen->seen, "<%u", run->index);
  seen->n_tokens = 0;
  return TRUE;
}

static void
on_record (const MoePromptRun *run,
           MoeTokenRecord     *record,
           const float        *logits,
           gpointer            user_data)
{
  Seen *seen = user_data;

  g_assert_cmpuint (record->position, ==, seen->n_tokens);
  g_assert_cmpuint (record->prompt, ==, run->index);
  if (record->position < run->tokens->tokens->n_tokens)
    {
      g_assert_cmpint (record->token_id, ==, run->tokens->tokens->tokens[record->position]);
      g_assert_cmpint (record->phase, ==, run->tokens->tokens->phases[record->position]);
    }
  seen->n_forced += record->phase == MOE_PHASE_TEACHER_FORCED;
  seen->n_logits += logits != NULL;
  seen->n_tokens++;
}

static gboolean
on_end (const MoePromptRun *run,
        gpointer            user_data,
        GError            **error)
{
  Seen *seen = user_data;

  g_string_append_printf (seen->seen, ":%s>", run->answer);
  g_assert_cmpuint (seen->n_tokens, ==, run->tokens->tokens->n_tokens + run->n_generated);
  return run->index < 2 || (g_set_error_literal (error, MOE_ERROR, MOE_ERROR_LIMIT, "enough"), FALSE);
}

static const MoePromptRunFuncs funcs = { on_begin, on_record, on_end };

static void
test_callbacks (void)
{
  const MoePromptRunOptions options = { .n_generate = 40 };
  Setup setup;
  Seen seen = { g_string_new (NULL) };
  g_autoptr(MoePromptSet) set = NULL;
  g_autoptr(GError) error = NULL;
  const char *expected = "<0:The capital of France is Paris.><1: Paris.><2:";

  setup_init (&setup);
  set = make_set (&setup, "{\"prompt\": \"What is the capital of France?\"}\n"
                          "{\"messages\": [{\"role\": \"user\", \"content\": "
                          "\"What is the capital of France?\"}, "
                          "{\"role\": \"assistant\", \"content\": \"The capital of France is\"}]}\n"
                          "{\"prompt\": \"Hi\"}\n{\"prompt\": \"Never run\"}\n");
  g_assert_false (moe_prompt_runner_run (setup.session, set, 0, &options, NULL, &funcs, &seen, NULL, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_LIMIT);
  g_assert_cmpstr (error->message, ==, "enough");
  g_assert_cmpint (strncmp (seen.seen->str, expected, strlen (expected)), ==, 0);
  g_assert_cmpuint (seen.n_forced, >, 3);
  g_string_free (seen.seen, TRUE);
  setup_clear (&setup);
}

/* Without generating, logits come after the last token only; what cannot be run is named by its line. */
static void
test_errors (void)
{
  const MoePromptRunOptions options = { .n_generate = 0 };
  Setup setup;
  Seen seen = { g_string_new (NULL) };
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  const MoeProgress cancelled = { cancellable, NULL, NULL };
  g_autoptr(MoePromptSet) set = NULL;
  g_autoptr(GError) error = NULL;
  GString *text = g_string_new ("{\"prompt\": \"Hi\"}\n\n{\"prompt\": \"");

  for (guint i = 0; i < 300; i++)
    g_string_append (text, "very ");
  g_string_append (text, "long\"}\n");
  setup_init (&setup);
  set = make_set (&setup, text->str);
  g_assert_false (moe_prompt_runner_run (setup.session, set, 0, &options, NULL, &funcs, &seen, NULL, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_LIMIT);
  g_assert_nonnull (strstr (error->message, "set.jsonl:3: "));
  g_assert_cmpstr (seen.seen->str, ==, "<0:><1");
  g_assert_cmpuint (seen.n_logits, ==, 1);
  g_clear_error (&error);

  g_cancellable_cancel (cancellable);
  g_assert_false (moe_prompt_runner_run (setup.session, set, 0, &options, NULL, NULL, NULL, &cancelled,
                                         &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_string_free (text, TRUE);
  g_string_free (seen.seen, TRUE);
  setup_clear (&setup);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/prompt-runner/tokens", test_tokens);
  g_test_add_func ("/prompt-runner/callbacks", test_callbacks);
  g_test_add_func ("/prompt-runner/errors", test_errors);
  return g_test_run ();
}
