/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-engine"

#include "ui/moe-engine.h"

#include <glib/gstdio.h>
#include <math.h>

#include "data/moe-recording.h"

/* The window's engine without a window: the demo model on its own thread. */

#define PATIENCE (60 * G_USEC_PER_SEC)

static char *folder;

static char *
demo_model (void)
{
  return g_test_build_filename (G_TEST_DIST, "..", "data", "demo-model", "demo-q8_0.gguf", NULL);
}

/* The next event, whatever it is. */
static MoeEngineEvent *
next (MoeEngine *engine)
{
  gint64 end = g_get_monotonic_time () + PATIENCE;

  while (g_get_monotonic_time () < end)
    {
      MoeEngineEvent *event = moe_engine_pop (engine);

      if (event != NULL)
        return event;
      g_usleep (500);
    }
  g_error ("the engine said nothing");
}

/* Drops events up to the next of @type. An error that is not waited for fails the test. */
static MoeEngineEvent *
wait_for (MoeEngine          *engine,
          MoeEngineEventType  type)
{
  for (;;)
    {
      MoeEngineEvent *event = next (engine);

      if (event->type == type)
        return event;
      if (event->type == MOE_ENGINE_ERROR)
        g_error ("%s", event->error->message);
      moe_engine_event_free (event);
    }
}

static void
skip_to (MoeEngine          *engine,
         MoeEngineEventType  type)
{
  moe_engine_event_free (wait_for (engine, type));
}

static MoeEngine *
open_demo (void)
{
  g_autofree char *path = demo_model ();
  MoeEngine *engine = moe_engine_new ();
  g_autoptr(MoeEngineEvent) event = NULL;

  moe_engine_open (engine, path);
  event = wait_for (engine, MOE_ENGINE_OPENED);
  g_assert_cmpuint (event->info->n_experts, ==, 32);
  g_assert_null (event->text);
  return engine;
}

static void
ask (MoeEngine  *engine,
     const char *question,
     guint       max_tokens)
{
  const MoeChatMessage message = { "user", question };
  const MoeSamplerOptions greedy = { .top_p = 1 };

  moe_engine_chat (engine, &message, 1, &greedy, max_tokens);
}

/* The answer's text; @tokens (may be NULL) counts all tokens that passed, @answered those of the answer. */
static char *
collect (MoeEngine     *engine,
         guint         *tokens,
         guint         *answered,
         MoeStopReason *reason)
{
  GString *text = g_string_new (NULL);

  if (tokens != NULL)
    *tokens = 0;
  if (answered != NULL)
    *answered = 0;
  for (;;)
    {
      g_autoptr(MoeEngineEvent) event = next (engine);

      if (event->type == MOE_ENGINE_ERROR)
        g_error ("%s", event->error->message);
      if (event->type == MOE_ENGINE_TOKEN)
        {
          if (tokens != NULL)
            (*tokens)++;
          if (event->text != NULL)
            {
              g_string_append (text, event->text);
              if (answered != NULL)
                (*answered)++;
              g_assert_cmpuint (event->n_candidates, ==, MOE_ENGINE_N_CANDIDATES);
              /* Greedy: the likeliest was taken. */
              g_assert_cmpint (event->candidates[0].token, ==, event->record->token_id);
            }
          else
            g_assert_cmpuint (event->n_candidates, ==, 0);
        }
      if (event->type == MOE_ENGINE_FINISHED)
        {
          if (reason != NULL)
            *reason = event->reason;
          return g_string_free (text, FALSE);
        }
    }
}

static void
test_missing_model (void)
{
  g_autoptr(MoeEngine) engine = moe_engine_new ();
  g_autofree char *path = g_build_filename (folder, "none.gguf", NULL);
  g_autofree char *prefix = g_strconcat (path, ": ", NULL);
  const MoeSamplerOptions greedy = { .top_p = 1 };
  MoeEngineEvent *event;

  moe_engine_open (engine, path);
  event = next (engine);
  g_assert_cmpint (event->type, ==, MOE_ENGINE_ERROR);
  g_assert_cmpint (event->job, ==, MOE_ENGINE_JOB_OPEN);
  g_assert_true (g_str_has_prefix (event->error->message, prefix));
  moe_engine_event_free (event);

  moe_engine_raw (engine, "hello", &greedy, 4);
  event = next (engine);
  g_assert_cmpint (event->type, ==, MOE_ENGINE_ERROR);
  g_assert_cmpint (event->job, ==, MOE_ENGINE_JOB_GENERATE);
  moe_engine_event_free (event);

  /* Nothing was recorded, and that is said. */
  moe_engine_save (engine, path);
  event = next (engine);
  g_assert_cmpint (event->type, ==, MOE_ENGINE_ERROR);
  g_assert_cmpint (event->job, ==, MOE_ENGINE_JOB_SAVE);
  moe_engine_event_free (event);
}

static void
test_refused_sampler (void)
{
  g_autoptr(MoeEngine) engine = open_demo ();
  const MoeSamplerOptions wrong = { .temperature = -1, .top_p = 1 };
  g_autofree char *answer = NULL;
  MoeEngineEvent *event;

  moe_engine_raw (engine, "hello", &wrong, 4);
  event = next (engine);
  g_assert_cmpint (event->type, ==, MOE_ENGINE_ERROR);
  g_assert_cmpint (event->job, ==, MOE_ENGINE_JOB_GENERATE);
  moe_engine_event_free (event);

  /* The engine still works. */
  ask (engine, "What is a cat?", 4);
  answer = collect (engine, NULL, NULL, NULL);
  g_assert_cmpstr (answer, !=, "");
}

static gboolean
count_token (MoeTokenRecord *record,
             const char     *text,
             gsize           length,
             gpointer        user_data)
{
  guint *n = user_data;

  g_assert_cmpint (record->id, ==, *n);
  (*n)++;
  return TRUE;
}

/* All tokens that came as events are in the saved file. */
static void
test_record_and_save (void)
{
  g_autoptr(MoeEngine) engine = open_demo ();
  g_autofree char *path = g_build_filename (folder, "saved.moescope", NULL);
  g_autoptr(MoeRecording) recording = NULL;
  g_autoptr(GError) error = NULL;
  g_autofree char *answer = NULL;
  g_autofree char *prompt = NULL;
  guint tokens, answered, stored = 0;
  MoeStopReason reason;

  ask (engine, "How do I bake bread?", 8);
  answer = collect (engine, &tokens, &answered, &reason);
  g_assert_cmpuint (answered, ==, 8);
  g_assert_cmpuint (tokens, >, 8);
  g_assert_cmpint (reason, ==, MOE_STOP_LENGTH);

  moe_engine_save (engine, path);
  skip_to (engine, MOE_ENGINE_SAVED);
  recording = moe_recording_open (path, &error);
  g_assert_no_error (error);
  g_assert_true (moe_recording_foreach (recording, 0, -1, count_token, &stored, &error));
  g_assert_cmpuint (stored, ==, tokens);
  prompt = moe_recording_dup_prompt (recording, 0);
  g_assert_cmpstr (prompt, ==, "How do I bake bread?");
}

static void
test_pause_and_stop (void)
{
  g_autoptr(MoeEngine) engine = open_demo ();
  MoeEngineEvent *event;
  MoeStopReason reason;

  ask (engine, "Tell me a story.", 400);
  skip_to (engine, MOE_ENGINE_TOKEN);
  moe_engine_pause (engine);
  skip_to (engine, MOE_ENGINE_PAUSED);
  /* The token that was on its way, and its hits, but no more. */
  g_usleep (100000);
  while ((event = moe_engine_pop (engine)) != NULL)
    moe_engine_event_free (event);
  g_usleep (200000);
  g_assert_null (moe_engine_pop (engine));

  moe_engine_resume (engine);
  skip_to (engine, MOE_ENGINE_RESUMED);
  skip_to (engine, MOE_ENGINE_TOKEN);

  /* Stopping works while paused too. */
  moe_engine_pause (engine);
  skip_to (engine, MOE_ENGINE_PAUSED);
  moe_engine_stop (engine);
  g_free (collect (engine, NULL, NULL, &reason));
  g_assert_cmpint (reason, ==, MOE_STOP_CANCELLED);
}

/* A model that is busy is left at once when the engine is freed. */
static void
test_free_while_generating (void)
{
  MoeEngine *engine = open_demo ();

  ask (engine, "Tell me a story.", 400);
  skip_to (engine, MOE_ENGINE_TOKEN);
  moe_engine_free (engine);

  engine = open_demo ();
  ask (engine, "Tell me a story.", 400);
  skip_to (engine, MOE_ENGINE_TOKEN);
  moe_engine_pause (engine);
  skip_to (engine, MOE_ENGINE_PAUSED);
  moe_engine_free (engine);
}

static MoeMask *
disable (int layer,
         int expert)
{
  const MoeIntervention one = {
    .layer = layer, .expert = expert, .action = MOE_ACTION_DISABLE, .mode = MOE_MODE_REFILL,
  };

  return moe_mask_new (&one, 1);
}

static gboolean
uses (const MoeTokenRecord *record,
      guint                 row,
      guint                 expert)
{
  for (guint k = 0; k < record->n_slots; k++)
    if (record->experts[row * record->n_slots + k] == expert)
      return TRUE;
  return FALSE;
}

/* The mask is swapped while the answer is being generated: the expert is gone from the next token on, the
 * swap is in the recording, its hits are counted, and an empty mask gives the plain answer again. */
static void
test_mask_while_generating (void)
{
  g_autoptr(MoeEngine) engine = open_demo ();
  g_autoptr(MoeMask) mask = NULL;
  g_autofree char *plain = NULL;
  g_autofree char *again = NULL;
  MoeEngineEvent *event;
  guint row = 0, expert = 0;
  gboolean swapped = FALSE;
  guint64 changed = 0;

  ask (engine, "How do I bake bread?", 24);
  /* The expert to switch off is one the answer uses. */
  for (;;)
    {
      event = wait_for (engine, MOE_ENGINE_TOKEN);
      if (event->text != NULL)
        break;
      moe_engine_event_free (event);
    }
  expert = event->record->experts[0];
  moe_engine_event_free (event);
  moe_engine_pause (engine);
  skip_to (engine, MOE_ENGINE_PAUSED);
  mask = disable (0, (int) expert);
  moe_engine_set_mask (engine, mask);
  moe_engine_resume (engine);
  for (;;)
    {
      event = next (engine);
      if (event->type == MOE_ENGINE_RESUMED)
        swapped = TRUE;
      if (event->type == MOE_ENGINE_TOKEN && swapped)
        g_assert_false (uses (event->record, row, expert));
      if (event->type == MOE_ENGINE_HITS)
        {
          g_assert_cmpuint (event->n_hits, ==, 1);
          g_assert_cmpuint (event->hits[0].changed, <=, event->hits[0].seen);
          changed = event->hits[0].changed;
        }
      if (event->type == MOE_ENGINE_FINISHED)
        break;
      moe_engine_event_free (event);
    }
  moe_engine_event_free (event);
  g_assert_true (swapped);
  g_assert_cmpuint (changed, >, 0);

  moe_engine_set_mask (engine, NULL);
  ask (engine, "How do I bake bread?", 24);
  plain = collect (engine, NULL, NULL, NULL);
  moe_engine_reset (engine);
  ask (engine, "How do I bake bread?", 24);
  again = collect (engine, NULL, NULL, NULL);
  g_assert_cmpstr (plain, ==, again);
}

/* Generates under @mask and returns the largest distance from the plain run; every answer token has one. */
static double
max_kl (MoeEngine *engine,
        MoeMask   *mask)
{
  double max = 0;

  moe_engine_set_mask (engine, mask);
  ask (engine, "How do I bake bread?", 12);
  for (;;)
    {
      g_autoptr(MoeEngineEvent) event = next (engine);

      g_assert_cmpint (event->type, !=, MOE_ENGINE_ERROR);
      if (event->type == MOE_ENGINE_TOKEN)
        {
          g_assert_cmpint (isnan (event->kl), ==, event->text == NULL);
          if (event->text != NULL)
            max = MAX (max, event->kl);
        }
      if (event->type == MOE_ENGINE_FINISHED)
        return max;
    }
}

/* The distance from the plain run: nothing for an intervention that changes no bit, something for one that
 * does; the same when the plain run had to catch up; and not measured without a mask or when it is not
 * wanted. */
static void
test_compare_with_plain (void)
{
  g_autoptr(MoeEngine) engine = open_demo ();
  const MoeIntervention neutral = { .layer = 2, .expert = MOE_EXPERT_ALL, .action = MOE_ACTION_SCALE,
                                    .value = 1 };
  const MoeIntervention strong = { .layer = 6, .expert = MOE_EXPERT_ALL, .action = MOE_ACTION_SCALE,
                                   .value = 0 };
  g_autoptr(MoeMask) same = moe_mask_new (&neutral, 1);
  g_autoptr(MoeMask) other = moe_mask_new (&strong, 1);
  double first, again;

  g_assert_cmpfloat (max_kl (engine, same), ==, 0);
  first = max_kl (engine, other);
  g_assert_cmpfloat (first, >, 0.001);
  moe_engine_reset (engine);
  again = max_kl (engine, other);
  g_assert_cmpfloat (first, ==, again);

  moe_engine_set_compare (engine, FALSE);
  ask (engine, "How do I bake bread?", 4);
  for (;;)
    {
      g_autoptr(MoeEngineEvent) event = next (engine);

      if (event->type == MOE_ENGINE_TOKEN)
        g_assert_true (isnan (event->kl));
      if (event->type == MOE_ENGINE_FINISHED)
        break;
    }
}

/* A mask that can't act is refused and the one before it stays. */
static void
test_refused_mask (void)
{
  g_autoptr(MoeEngine) engine = open_demo ();
  g_autoptr(MoeMask) mask = disable (99, 0);
  MoeEngineEvent *event;

  moe_engine_set_mask (engine, mask);
  event = next (engine);
  g_assert_cmpint (event->type, ==, MOE_ENGINE_ERROR);
  g_assert_cmpint (event->job, ==, MOE_ENGINE_JOB_MASK);
  moe_engine_event_free (event);
}

/* A second turn continues from the cache and says the same as a conversation run from the start. */
static void
test_second_turn (void)
{
  g_autoptr(MoeEngine) engine = open_demo ();
  const MoeSamplerOptions greedy = { .top_p = 1 };
  g_autofree char *first = NULL;
  g_autofree char *second = NULL;
  g_autofree char *fresh = NULL;
  MoeChatMessage messages[3];
  MoeEngineEvent *event;

  ask (engine, "What is a cat?", 64);
  first = collect (engine, NULL, NULL, NULL);
  messages[0] = (MoeChatMessage) { "user", "What is a cat?" };
  messages[1] = (MoeChatMessage) { "assistant", first };
  messages[2] = (MoeChatMessage) { "user", "And a dog?" };

  moe_engine_chat (engine, messages, 3, &greedy, 32);
  event = wait_for (engine, MOE_ENGINE_PROMPT);
  g_assert_cmpuint (event->n_reused, >, 0);
  g_assert_cmpuint (event->n_reused, <, event->n_prompt);
  moe_engine_event_free (event);
  second = collect (engine, NULL, NULL, NULL);

  moe_engine_reset (engine);
  moe_engine_chat (engine, messages, 3, &greedy, 32);
  event = wait_for (engine, MOE_ENGINE_PROMPT);
  g_assert_cmpuint (event->n_reused, ==, 0);
  moe_engine_event_free (event);
  fresh = collect (engine, NULL, NULL, NULL);
  g_assert_cmpstr (second, ==, fresh);
}

/* What is flushed can be read while the answer goes on. */
static void
test_flush_while_generating (void)
{
  g_autoptr(MoeEngine) engine = open_demo ();
  g_autoptr(MoeRecording) recording = NULL;
  g_autoptr(GError) error = NULL;
  MoeEngineEvent *event;
  guint serial, n = 0;

  ask (engine, "Tell me a story.", 100);
  skip_to (engine, MOE_ENGINE_TOKEN);
  serial = moe_engine_flush (engine);
  event = wait_for (engine, MOE_ENGINE_FLUSHED);
  g_assert_cmpuint (event->serial, ==, serial);
  g_assert_no_error (event->error);
  recording = moe_recording_open (event->path, &error);
  g_assert_no_error (error);
  g_assert_true (moe_recording_foreach (recording, 0, -1, count_token, &n, &error));
  g_assert_cmpuint (n, >, 0);
  moe_engine_event_free (event);
}

static void
test_save_to_nowhere (void)
{
  g_autoptr(MoeEngine) engine = open_demo ();
  g_autofree char *path = g_build_filename (folder, "no", "such", "folder.moescope", NULL);
  g_autofree char *prefix = g_strconcat (path, ": ", NULL);
  MoeEngineEvent *event;

  ask (engine, "What is a cat?", 2);
  g_free (collect (engine, NULL, NULL, NULL));
  moe_engine_save (engine, path);
  event = next (engine);
  g_assert_cmpint (event->type, ==, MOE_ENGINE_ERROR);
  g_assert_cmpint (event->job, ==, MOE_ENGINE_JOB_SAVE);
  g_assert_true (g_str_has_prefix (event->error->message, prefix));
  moe_engine_event_free (event);
}

int
main (int    argc,
      char **argv)
{
  g_autofree char *command = NULL;
  int code;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("moe-engine-XXXXXX", NULL);
  g_assert_nonnull (folder);
  /* The unsaved recordings of the person who runs the tests are theirs. */
  g_setenv ("XDG_CACHE_HOME", folder, TRUE);

  g_test_add_func ("/engine/missing-model", test_missing_model);
  g_test_add_func ("/engine/refused-sampler", test_refused_sampler);
  g_test_add_func ("/engine/record-and-save", test_record_and_save);
  g_test_add_func ("/engine/pause-and-stop", test_pause_and_stop);
  g_test_add_func ("/engine/free-while-generating", test_free_while_generating);
  g_test_add_func ("/engine/mask-while-generating", test_mask_while_generating);
  g_test_add_func ("/engine/compare-with-plain", test_compare_with_plain);
  g_test_add_func ("/engine/refused-mask", test_refused_mask);
  g_test_add_func ("/engine/second-turn", test_second_turn);
  g_test_add_func ("/engine/flush-while-generating", test_flush_while_generating);
  g_test_add_func ("/engine/save-to-nowhere", test_save_to_nowhere);
  code = g_test_run ();

  command = g_strdup_printf ("rm -rf '%s'", folder);
  if (!g_spawn_command_line_sync (command, NULL, NULL, NULL, NULL))
    code = 1;
  g_free (folder);
  return code;
}
