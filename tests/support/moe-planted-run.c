/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-planted-run"

#include "tests/support/moe-planted-run.h"

#include "probes/moe-chat.h"
#include "tests/support/moe-test-recording.h"

void
moe_planted_run_set_up (MoePlantedRun *self,
                        gconstpointer  data)
{
  const MoeSessionOptions options = { .context = 64, .cache = MOE_CACHE_F32, .kernels = MOE_KERNELS_PLAIN,
                                      .threads = 1 };
  g_autoptr(GRand) random = g_rand_new_with_seed (5);
  g_autofree char *path = NULL;
  GError *error = NULL;

  moe_planted_init (&self->planted, GPOINTER_TO_UINT (data), 11);
  self->folder = moe_test_folder_new ();
  path = g_build_filename (self->folder, "planted.gguf", NULL);
  moe_planted_write (&self->planted, path, &error);
  g_assert_no_error (error);
  self->model = moe_model_open (path, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  self->session = moe_session_new (self->model, &options, &error);
  g_assert_no_error (error);

  self->prompts = g_ptr_array_new_with_free_func ((GDestroyNotify) moe_chat_prompt_free);
  for (guint p = 0; p < MOE_PLANTED_PROMPTS; p++)
    {
      MoeChatPrompt *prompt = g_new0 (MoeChatPrompt, 1);

      prompt->n_tokens = MOE_PLANTED_TOKENS - p;
      prompt->tokens = g_new (gint32, prompt->n_tokens);
      prompt->phases = g_new (MoePhase, prompt->n_tokens);
      for (guint i = 0; i < prompt->n_tokens; i++)
        {
          prompt->tokens[i] = MOE_PLANTED_FIRST + (i > 0 ? g_rand_int_range (random, 1, 97) : 0);
          prompt->phases[i] = i < 4 ? MOE_PHASE_TEMPLATE : MOE_PHASE_PROMPT;
        }
      g_ptr_array_add (self->prompts, prompt);
    }
}

void
moe_planted_run_tear_down (MoePlantedRun *self,
                           gconstpointer  data)
{
  g_ptr_array_unref (self->prompts);
  moe_session_free (self->session);
  moe_model_unref (self->model);
  moe_test_folder_remove (self->folder);
}

void
moe_planted_run_watch (MoePlantedRun  *self,
                       const MoeProbe *probe,
                       gpointer        user_data)
{
  GError *error = NULL;

  moe_session_add_probe (self->session, probe, user_data);
  for (guint p = 0; p < self->prompts->len; p++)
    {
      const MoeChatPrompt *prompt = g_ptr_array_index (self->prompts, p);

      moe_session_rewind (self->session, 0);
      moe_session_feed (self->session, prompt->tokens, prompt->phases, prompt->n_tokens, NULL, &error);
      g_assert_no_error (error);
    }
  moe_session_remove_probe (self->session, probe, user_data);
}
