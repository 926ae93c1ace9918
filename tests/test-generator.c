/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-generator"

#include <string.h>

#include "data/moe-error.h"
#include "probes/moe-generator.h"

#define CONTEXT 64

/* The demo model, opened once: a real answer needs a trained model. */
static MoeModel *model;

typedef struct
{
  MoeSession    *session;
  MoeSampler    *sampler;
  MoeChatPrompt *prompt;
  GArray        *tokens; /* gint32 */
  GString       *text;
  guint          stop_after;
  GCancellable  *cancellable; /* cancelled after stop_after tokens when set */
} Setup;

static void
set_up (Setup      *setup,
        const char *question)
{
  const MoeSessionOptions options = { .context = CONTEXT, .threads = 1 };
  const MoeSamplerOptions greedy = { 0, 1, 0, 0 };
  const MoeChatMessage message = { "user", question };
  g_autoptr (GError) error = NULL;

  memset (setup, 0, sizeof *setup);
  setup->session = moe_session_new (model, &options, &error);
  g_assert_no_error (error);
  setup->sampler = moe_sampler_new (&greedy, NULL);
  setup->prompt = moe_chat_render (moe_model_get_chat (model, NULL), moe_model_get_tokenizer (model),
                                   &message, 1, &error);
  g_assert_no_error (error);
  setup->tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  setup->text = g_string_new (NULL);
  setup->stop_after = G_MAXUINT;
}

static void
tear_down (Setup *setup)
{
  moe_session_free (setup->session);
  moe_sampler_free (setup->sampler);
  moe_chat_prompt_free (setup->prompt);
  g_array_unref (setup->tokens);
  g_string_free (setup->text, TRUE);
}

static gboolean
collect (const MoeGeneratedToken *token,
         gpointer                 user_data)
{
  Setup *setup = user_data;
  const guint vocabulary = moe_model_get_info (model)->vocabulary;

  /* Told before it is fed, with the logits it was picked from. */
  g_assert_cmpuint (token->position, ==, setup->prompt->n_tokens + setup->tokens->len);
  g_assert_cmpuint (moe_session_get_length (setup->session), ==, token->position);
  for (guint i = 0; i < vocabulary; i++)
    g_assert_cmpfloat (token->logits[i], <=, token->logits[token->token]);
  g_assert_cmpfloat (token->logprob, <=, 0);
  g_assert_cmpint (token->phase, ==, MOE_PHASE_ANSWER);
  g_assert_true (g_utf8_validate (token->text, -1, NULL));

  g_array_append_val (setup->tokens, token->token);
  g_string_append (setup->text, token->text);
  if (setup->tokens->len < setup->stop_after)
    return TRUE;
  if (setup->cancellable == NULL)
    return FALSE;
  g_cancellable_cancel (setup->cancellable);
  return TRUE;
}

static MoeStopReason
generate (Setup *setup,
          guint  max_tokens)
{
  g_autoptr (GError) error = NULL;
  MoeStopReason reason;

  moe_generate (setup->session, setup->prompt, setup->sampler, max_tokens, collect, setup, setup->cancellable,
                &reason,
                &error);
  g_assert_no_error (error);
  return reason;
}

static void
test_stops (void)
{
  Setup setup;
  guint n_prompt;

  set_up (&setup, "Hello!");
  n_prompt = (guint) setup.prompt->n_tokens;
  g_assert_cmpint (generate (&setup, 3), ==, MOE_STOP_LENGTH);
  g_assert_cmpuint (setup.tokens->len, ==, 3);
  g_assert_cmpuint (moe_session_get_length (setup.session), ==, n_prompt + 3);
  tear_down (&setup);

  set_up (&setup, "Hello!");
  g_assert_cmpint (generate (&setup, 0), ==, MOE_STOP_LENGTH);
  g_assert_cmpuint (moe_session_get_length (setup.session), ==, n_prompt);
  tear_down (&setup);

  set_up (&setup, "Hello!");
  setup.stop_after = 2;
  g_assert_cmpint (generate (&setup, 50), ==, MOE_STOP_CALLER);
  g_assert_cmpuint (moe_session_get_length (setup.session), ==, n_prompt + 1);
  tear_down (&setup);

  set_up (&setup, "Hello!");
  setup.stop_after = 2;
  setup.cancellable = g_cancellable_new ();
  g_assert_cmpint (generate (&setup, 50), ==, MOE_STOP_CANCELLED);
  g_assert_cmpuint (setup.tokens->len, ==, 2);
  g_object_unref (setup.cancellable);
  tear_down (&setup);
}

/* Until the model ends its answer or the context is full, whichever comes first; the end token is fed as
 * well. */
static void
test_end (void)
{
  const MoeTokenizer *tokenizer = moe_model_get_tokenizer (model);
  MoeStopReason reason;
  g_autofree char *decoded = NULL;
  gint32 last;
  Setup setup;

  set_up (&setup, "Hello!");
  reason = generate (&setup, 1000);
  g_assert_cmpuint (setup.tokens->len, >, 0);
  g_assert_cmpuint (moe_session_get_length (setup.session), ==, setup.prompt->n_tokens + setup.tokens->len);
  last = g_array_index (setup.tokens, gint32, setup.tokens->len - 1);
  if (reason == MOE_STOP_CONTEXT)
    g_assert_cmpuint (moe_session_get_length (setup.session), ==, CONTEXT);
  else
    {
      g_assert_cmpint (reason, ==, MOE_STOP_END);
      g_assert_true (moe_tokenizer_is_end (tokenizer, last));
      decoded = moe_tokenizer_decode (tokenizer, (const gint32 *) setup.tokens->data, setup.tokens->len,
                                      FALSE, NULL);
      g_assert_cmpstr (setup.text->str, ==, decoded);
    }
  tear_down (&setup);
}

/* A prompt longer than the context is an error and leaves the session as it was. */
static void
test_too_long (void)
{
  g_autofree char *question = g_strnfill (CONTEXT * 20, '1');
  g_autoptr (GError) error = NULL;
  MoeStopReason reason;
  Setup setup;

  set_up (&setup, question);
  g_assert_false (moe_generate (setup.session, setup.prompt, setup.sampler, 5, NULL, NULL, NULL, &reason,
                                &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_LIMIT);
  g_assert_cmpuint (moe_session_get_length (setup.session), ==, 0);
  tear_down (&setup);
}

static void
test_empty (void)
{
  const MoeChatPrompt nothing = { 0 };
  g_autoptr (GError) error = NULL;
  MoeStopReason reason;
  Setup setup;

  set_up (&setup, "Hello!");
  g_assert_false (moe_generate (setup.session, &nothing, setup.sampler, 5, NULL, NULL, NULL, &reason,
                                &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_INVALID);
  tear_down (&setup);
}

int
main (int   argc,
      char *argv[])
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  int status;

  g_test_init (&argc, &argv, NULL);
  path = g_test_build_filename (G_TEST_DIST, "..", "data", "demo-model", "demo-q8_0.gguf", NULL);
  model = moe_model_open (path, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_test_add_func ("/generator/stops", test_stops);
  g_test_add_func ("/generator/end", test_end);
  g_test_add_func ("/generator/too-long", test_too_long);
  g_test_add_func ("/generator/empty", test_empty);
  status = g_test_run ();
  moe_model_unref (model);
  return status;
}
