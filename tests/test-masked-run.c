/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-masked-run"

#include "analysis/moe-masked-run.h"
#include "data/moe-error.h"
#include "probes/moe-chat.h"
#include "tests/support/moe-test-recording.h"

typedef struct
{
  guint    prompt, position;
  gint32   token;
  MoePhase phase;
} Row;

static GPtrArray *
load (const Row  *rows,
      guint       n,
      GError    **error)
{
  char *folder = moe_test_folder_new ();
  g_autofree char *path = g_build_filename (folder, "rows.moescope", NULL);
  g_autoptr(MoeModelInfo) info = moe_test_info_new (FALSE);
  g_autoptr(GPtrArray) records = g_ptr_array_new_with_free_func ((GDestroyNotify) moe_token_record_unref);
  MoeRecording *recording;
  GPtrArray *prompts;

  for (guint i = 0; i < n; i++)
    {
      MoeTokenRecord *record = moe_token_record_new (info->n_moe_layers, info->n_used, info->n_layers,
                                                     info->n_heads, FALSE);

      record->id = i;
      record->prompt = rows[i].prompt;
      record->position = rows[i].position;
      record->token_id = rows[i].token;
      record->phase = rows[i].phase;
      g_ptr_array_add (records, record);
    }
  moe_test_write_records (path, info, records);
  recording = moe_recording_open (path, error);
  g_assert_nonnull (recording);
  prompts = moe_masked_run_load_prompts (recording, error);
  moe_recording_free (recording);
  moe_test_folder_remove (folder);
  return prompts;
}

/* Prompt 1 goes on with the conversation of prompt 0; prompt 2 is another one. */
static void
test_conversation (void)
{
  static const Row rows[] = {
    { 0, 0, 7, MOE_PHASE_TEMPLATE }, { 0, 1, 8, MOE_PHASE_PROMPT }, { 0, 2, 9, MOE_PHASE_ANSWER },
    { 1, 3, 5, MOE_PHASE_PROMPT }, { 1, 4, 6, MOE_PHASE_ANSWER }, { 2, 0, 3, MOE_PHASE_PROMPT },
  };
  GError *error = NULL;
  g_autoptr(GPtrArray) prompts = load (rows, G_N_ELEMENTS (rows), &error);
  const MoeChatPrompt *prompt;

  g_assert_no_error (error);
  g_assert_cmpuint (prompts->len, ==, 2);
  prompt = g_ptr_array_index (prompts, 0);
  g_assert_cmpuint (prompt->n_tokens, ==, 5);
  for (guint i = 0; i < 5; i++)
    {
      g_assert_cmpint (prompt->tokens[i], ==, rows[i].token);
      g_assert_cmpint (prompt->phases[i], ==, rows[i].phase);
    }
  prompt = g_ptr_array_index (prompts, 1);
  g_assert_cmpuint (prompt->n_tokens, ==, 1);
  g_assert_cmpint (prompt->tokens[0], ==, 3);
}

/* A turn that was asked again goes on from where it was asked: the first answer is out, and so is what came
 * after it. */
static void
test_asked_again (void)
{
  static const Row rows[] = {
    { 0, 0, 7, MOE_PHASE_PROMPT }, { 0, 1, 8, MOE_PHASE_ANSWER }, { 1, 2, 5, MOE_PHASE_PROMPT },
    { 1, 3, 6, MOE_PHASE_ANSWER }, { 1, 4, 4, MOE_PHASE_ANSWER }, { 2, 2, 5, MOE_PHASE_PROMPT },
    { 2, 3, 9, MOE_PHASE_ANSWER }, { 3, 4, 3, MOE_PHASE_PROMPT }, { 4, 1, 2, MOE_PHASE_ANSWER },
    { 5, 0, 1, MOE_PHASE_PROMPT },
  };
  static const gint32 kept[] = { 7, 2 };
  GError *error = NULL;
  g_autoptr(GPtrArray) all = load (rows, G_N_ELEMENTS (rows), &error);
  g_autoptr(GPtrArray) some = load (rows, 8, &error);
  const MoeChatPrompt *prompt;

  g_assert_no_error (error);
  g_assert_cmpuint (all->len, ==, 2);
  prompt = g_ptr_array_index (all, 0);
  g_assert_cmpmem (prompt->tokens, prompt->n_tokens * sizeof (gint32), kept, sizeof kept);
  g_assert_cmpint (prompt->phases[1], ==, MOE_PHASE_ANSWER);
  g_assert_cmpuint (some->len, ==, 1);
  prompt = g_ptr_array_index (some, 0);
  g_assert_cmpmem (prompt->tokens, prompt->n_tokens * sizeof (gint32), ((const gint32[]) { 7, 8, 5, 9, 3 }),
                   5 * sizeof (gint32));
}

/* What was cut off at the beginning, or went back within a prompt, cannot be run again. */
static void
test_incomplete (void)
{
  static const Row late[] = { { 0, 2, 7, MOE_PHASE_PROMPT }, { 0, 3, 8, MOE_PHASE_PROMPT } };
  static const Row back[] = { { 0, 0, 7, MOE_PHASE_PROMPT }, { 0, 1, 8, MOE_PHASE_PROMPT },
                              { 0, 1, 9, MOE_PHASE_PROMPT } };
  g_autoptr(GError) first = NULL, second = NULL;

  g_assert_null (load (late, G_N_ELEMENTS (late), &first));
  g_assert_error (first, MOE_ERROR, MOE_ERROR_INVALID);
  g_assert_true (g_str_has_suffix (first->message, "rows.moescope: prompt 0 cannot be run again, its "
                                                   "beginning was not recorded"));
  g_assert_null (load (back, G_N_ELEMENTS (back), &second));
  g_assert_error (second, MOE_ERROR, MOE_ERROR_INVALID);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/masked-run/conversation", test_conversation);
  g_test_add_func ("/masked-run/asked-again", test_asked_again);
  g_test_add_func ("/masked-run/incomplete", test_incomplete);
  return g_test_run ();
}
