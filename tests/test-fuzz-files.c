/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-fuzz-files"

#include <string.h>

#include "analysis/moe-evaluation-log.h"
#include "data/moe-control-vector.h"
#include "data/moe-error.h"
#include "data/moe-mask-file.h"
#include "data/moe-mask-import.h"
#include "data/moe-prompt-set.h"
#include "data/moe-published-experts.h"
#include "data/moe-recording-session.h"
#include "data/moe-safetensors.h"
#include "data/moe-task-set.h"
#include "tests/support/moe-fuzz.h"
#include "tests/support/moe-hf-twin.h"
#include "tests/support/moe-test-gguf.h"
#include "tests/support/moe-test-recording.h"

/* Damaged files of every kind but models: read or refused, see moe-fuzz.h. */

#define FINGERPRINT "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static MoeTestRecording fixture;

/* Writes @text, the valid file. */
static void
run_text (const char         *name,
          const char         *text,
          const char * const *words,
          MoeFuzzFunc         read)
{
  g_autofree char *path = g_build_filename (fixture.folder, name, NULL);
  const MoeFuzz fuzz = { .path = path, .words = words, .n_rounds = 300, .read = read };

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  moe_fuzz_run (&fuzz);
}

static guint64
sum_bytes (const guint8 *data,
           gsize         n)
{
  guint64 sum = 0;

  for (gsize i = 0; i < n; i++)
    sum += data[i];
  return sum;
}

static gboolean
read_gguf (const char  *path,
           gpointer     user_data,
           GError     **error)
{
  g_autoptr (MoeGguf) gguf = moe_gguf_open (user_data != NULL ? user_data : path, error);

  if (gguf == NULL)
    return FALSE;
  moe_test_gguf_read_everything (gguf);
  return TRUE;
}

static void
test_gguf (void)
{
  g_autofree char *path = moe_test_gguf_save_description ("fuzz.gguf", MOE_TEST_GGUF_VALID);
  const MoeFuzz fuzz = { .path = path, .n_rounds = 500, .head = 800, .read = read_gguf };

  moe_fuzz_run (&fuzz);
}

/* Each of two parts is damaged; the model is opened by its first. */
static void
test_gguf_parts (void)
{
#define SPLIT(no) "s:split.no 4:2 2:" no " s:split.count 4:2 2:2 s:split.tensors.count 4:5 4:2 "
  g_autofree char *first = moe_test_gguf_save_description ("fuzz-00001-of-00002.gguf",
    "'GGUF 4:3 8:1 8:4 s:general.architecture 4:8 s:olmoe " SPLIT ("0") "s:a 4:1 8:8 4:0 8:0 p:32 z:32");
  g_autofree char *second = moe_test_gguf_save_description ("fuzz-00002-of-00002.gguf",
    "'GGUF 4:3 8:1 8:3 " SPLIT ("1") "s:b 4:1 8:8 4:0 8:0 p:32 z:32");
  MoeFuzz fuzz = { .n_rounds = 500, .read = read_gguf, .user_data = first };

  fuzz.path = first;
  moe_fuzz_run (&fuzz);
  fuzz.path = second;
  moe_fuzz_run (&fuzz);
}

static gboolean
read_safetensors (const char  *path,
                  gpointer     user_data,
                  GError     **error)
{
  g_autoptr (MoeSafetensors) file = moe_safetensors_open (path, error);

  if (file == NULL)
    return FALSE;
  for (guint i = 0; i < moe_safetensors_get_n_tensors (file); i++)
    {
      const MoeSafetensor *tensor = moe_safetensors_get_tensor (file, i);

      sum_bytes (tensor->data, tensor->n_bytes);
    }
  return TRUE;
}

static void
test_safetensors (void)
{
  g_autofree char *path = g_build_filename (fixture.folder, "fuzz.safetensors", NULL);
  const MoeFuzz fuzz = {
    .path = path, .words = moe_fuzz_json_words, .head = 300, .n_rounds = 500, .read = read_safetensors
  };

  moe_hf_twin_write_safetensors (path,
                                 "{\"__metadata__\":{\"format\":\"pt\"},"
                                 "\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
                                 "\"b\":{\"dtype\":\"BF16\",\"shape\":[4],\"data_offsets\":[24,32]},"
                                 "\"c\":{\"dtype\":\"F8_E4M3\",\"shape\":[8,1],\"data_offsets\":[32,40]}}",
                                 40);
  moe_fuzz_run (&fuzz);
}

static gboolean
read_control_vector (const char  *path,
                     gpointer     user_data,
                     GError     **error)
{
  MoeControlVector *vector = moe_control_vector_load (path, 1.5, 0, G_MAXINT, NULL, error);
  const float *direction;

  if (vector == NULL)
    return FALSE;
  direction = moe_control_vector_get (vector, 1);
  if (direction != NULL)
    sum_bytes ((const guint8 *) direction, sizeof (float));
  moe_control_vector_check (vector, fixture.info, NULL);
  moe_control_vector_unref (vector);
  return TRUE;
}

static void
test_control_vector (void)
{
  g_autofree char *path = moe_test_gguf_save_description ("control.gguf",
    "'GGUF 4:3 8:2 8:2 s:general.architecture 4:8 s:controlvector s:controlvector.layer_count 4:5 4:4 "
    "s:direction.1 4:1 8:8 4:0 8:0 s:direction.3 4:1 8:8 4:0 8:32 p:32 x:0000803f z:60");
  const MoeFuzz fuzz = { .path = path, .n_rounds = 300, .read = read_control_vector };

  moe_fuzz_run (&fuzz);
}

static gboolean
read_mask (const char  *path,
           gpointer     user_data,
           GError     **error)
{
  g_autoptr (MoeModelInfo) made_for = NULL;
  g_autoptr (MoeMask) mask = moe_mask_file_load (path, &made_for, error);
  g_autoptr (MoeMask) again = NULL;
  g_autoptr (MoeTable) table = NULL;
  g_autofree char *json = NULL;

  if (mask == NULL)
    return FALSE;
  moe_mask_check_model (made_for, fixture.info, TRUE, NULL);
  table = moe_mask_to_table (mask);
  g_assert_cmpuint (moe_table_get_n_rows (table), ==, moe_mask_get_n (mask));
  if (moe_mask_validate (mask, fixture.info, NULL) && moe_mask_check_means (mask, fixture.info, NULL))
    {
      /* What can act can be kept. */
      json = moe_mask_to_json (mask, fixture.info);
      again = moe_mask_from_json (json, -1, NULL, error);
      g_assert_true (again != NULL && moe_mask_equal (mask, again));
    }
  return TRUE;
}

static void
test_mask (void)
{
  static const char * const words[] = {
    "disable", "force", "bias", "scale", "clamp", "router", "refill", "drop", "zero", "mean", "copy",
    "max", "add",
    "temperature", "top_k", "top_p", "random", "rank", "\"*\"", "prompt", "answer", "-1", "-2", "1e40",
    "1e308",
    "4294967296", "-0", "{", "}", "[", "]", ",", "\"", "null", "0.5", "", NULL
  };

  run_text ("fuzz.mask.json",
            "{\"format\": \"moescope-mask\", \"version\": 1, "
            "\"model\": {\"name\": \"n\", \"architecture\": \"a\", "
            "\"fingerprint\": \"" FINGERPRINT "\", \"layers\": 5, \"experts\": 11, \"experts_used\": 3}, "
            "\"interventions\": ["
            "{\"layer\": 1, \"expert\": 2, \"action\": \"disable\", \"mode\": \"refill\"}, "
            "{\"layer\": \"*\", \"expert\": -1, \"action\": \"scale\", \"value\": 0.5, "
            "\"phase\": \"answer\"}, "
            "{\"layer\": 4, \"action\": \"router\", \"mode\": \"temperature\", \"value\": 2}, "
            "{\"layer\": 2, \"expert\": 3, \"action\": \"disable\", \"mode\": \"mean\", "
            "\"mean\": \"AACAPwAAgD8=\"}, "
            "{\"layer\": 2, \"expert\": \"*\", \"action\": \"bias\", \"value\": -1.5, "
            "\"from_token\": 7}]}\n",
            words, read_mask);
}

static gboolean
read_steer_table (const char  *path,
                  gpointer     user_data,
                  GError     **error)
{
  const MoeSteerTableOptions options = { 1, 0, 0, 1, MOE_MODE_REFILL, MOE_MODE_MAX };
  g_autoptr (MoeMask) mask = moe_mask_import_steer_table (path, fixture.info, &options, error);

  g_assert_true (mask == NULL || moe_mask_validate (mask, fixture.info, NULL));
  return mask != NULL;
}

static void
test_steer_table (void)
{
  static const char * const words[] = {
    ",", "\n", "\"", "\"\"", "#", "layer", "risk_diff", "-1", "nan", "inf", "1e999", "11", "4294967297",
    "\r", "\xff", "",
    NULL
  };

  run_text ("fuzz-table.csv", "layer,expert,a,risk_diff\n1,0,x,0.5\n2,3,\"q\",-0.25\n1,2,,0.75\n4,1,,0.125\n",
            words, read_steer_table);
}

static gboolean
read_map (const char  *path,
          gpointer     user_data,
          GError     **error)
{
  g_autoptr (MoeMask) plain = moe_mask_import_map (path, fixture.info, 0, error);
  g_autoptr (MoeMask) strong = moe_mask_import_map (path, fixture.info, 2.5, NULL);

  g_assert_true (plain == NULL || moe_mask_validate (plain, fixture.info, NULL));
  g_assert_true (strong == NULL || moe_mask_validate (strong, fixture.info, NULL));
  return plain != NULL;
}

static void
test_map (void)
{
  g_autofree char *path = g_build_filename (fixture.folder, "map.f32", NULL);
  const MoeFuzz fuzz = { .path = path, .n_rounds = 300, .read = read_map };
  float map[33] = { [5] = 1, [20] = -1 };

  g_assert_true (g_file_set_contents (path, (char *) map, sizeof map, NULL));
  moe_fuzz_run (&fuzz);
}

static gboolean
read_prompts (const char  *path,
              gpointer     user_data,
              GError     **error)
{
  const MoePromptSetOptions options = { .limit = 100 };
  g_autoptr (MoePromptSet) set = moe_prompt_set_load_full (path, &options, error);

  if (set == NULL)
    return FALSE;
  for (guint i = 0; i < moe_prompt_set_get_n (set); i++)
    {
      const MoePrompt *prompt = moe_prompt_set_get (set, i);
      g_autofree char *mark = moe_prompt_get_mark (prompt);

      g_assert_true (g_utf8_validate (prompt->text, -1, NULL));
      for (guint m = 0; m < prompt->n_messages; m++)
        g_assert_true (g_utf8_validate (prompt->messages[m].content, -1, NULL));
    }
  return TRUE;
}

static void
test_prompts (void)
{
  static const char * const words[] = {
    "prompt", "text", "label", "pair", "\"", "\"\"", ",", "\n", "\r\n", "#", "\xef\xbb\xbf", "\xff", "",
    "messages", "messages_0", "messages_1_target", "role", "content", "assistant", "user", "system",
    "[", "]", "{", "}", ":", "null", "\\ud800", "\\u0000", NULL
  };
  static const char * const texts[][2] = {
    { "fuzz.csv", "id,prompt,label,pair\n1,\"How, then?\",a,p\n2,\"two\nlines \"\"quoted\"\"\",b,p\n" },
    { "chats.jsonl",
      "{\"messages\": [{\"role\": \"system\", \"content\": \"S\"}, {\"role\": \"user\", "
      "\"content\": \"U\"}, {\"role\": \"assistant\", \"content\": \"A\"}], \"label\": \"x\"}\n"
      "{\"messages\": [{\"role\": \"user\", \"content\": \"V\"}]}\n" },
    { "pairs.jsonl",
      "{\"messages_0\": [{\"role\": \"user\", \"content\": \"one thing\"}], "
      "\"messages_1\": [{\"role\": \"user\", "
      "\"content\": \"another thing\"}], \"messages_0_target\": \"one\", "
      "\"messages_1_target\": \"another\"}\n" },
    { "plain.json", "{\"goal\": \"x\", \"label\": 1}\n{\"goal\": \"y\", \"label\": 2}\n" },
    { "fuzz.txt", "# first\none\n\ntwo\xc3\xa9\n" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    run_text (texts[i][0], texts[i][1], words, read_prompts);
}

static gboolean
read_tasks (const char  *path,
            gpointer     user_data,
            GError     **error)
{
  g_autoptr (GError) local = NULL;
  MoeTaskSet *set = moe_task_set_load (path, 0, &local);

  if (set == NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  for (guint i = 0; i < moe_task_set_get_n (set); i++)
    {
      const MoeTask *task = moe_task_set_get (set, i);

      g_assert_true (task->choices != NULL ? task->right < task->n_choices : task->answer != NULL);
    }
  moe_task_set_unref (set);
  return TRUE;
}

static void
test_tasks (void)
{
  run_text ("tasks.jsonl",
            "{\"prompt\": \"1+1\", \"choices\": [\"2\", \"3\", \"4\"], \"answer\": 0}\n"
            "{\"prompt\": \"Say so\", \"answer\": \"so\", \"other\": [1]}\n",
            moe_fuzz_json_words, read_tasks);
}

static gboolean
read_published (const char  *path,
                gpointer     user_data,
                GError     **error)
{
  g_autoptr (MoePublishedExperts) published = moe_published_experts_load (path, error);

  if (published == NULL)
    return FALSE;
  moe_published_experts_find (published, fixture.info);
  return TRUE;
}

static void
test_published (void)
{
  run_text ("published.csv",
            "model,layer,expert,max_down_proj,source,n_layers,n_experts\nM-1,2,3,12.5,paper,5,11\n"
            "M-1,3,-1,,paper,5,11\n",
            moe_fuzz_numbers, read_published);
}

static gboolean
read_log (const char  *path,
          gpointer     user_data,
          GError     **error)
{
  g_autoptr (MoeEvaluationLog) log = moe_evaluation_log_open (path, "who", error);

  if (log == NULL)
    return FALSE;
  moe_evaluation_log_find (log, "plain", "s", 0);
  return TRUE;
}

static void
test_log (void)
{
  g_autofree char *path = g_build_filename (fixture.folder, "answers.jsonl", NULL);
  const MoeFuzz fuzz = { .path = path, .words = moe_fuzz_json_words, .n_rounds = 500, .read = read_log };
  g_autoptr (GError) error = NULL;
  g_autoptr (MoeEvaluationLog) log = moe_evaluation_log_open (path, "who", &error);

  g_assert_no_error (error);
  for (guint i = 0; i < 3; i++)
    {
      JsonObject *object = json_object_new ();

      json_object_set_double_member (object, "kl", 0.5);
      moe_evaluation_log_add (log, "plain", "s", i, object, &error);
      g_assert_no_error (error);
    }
  g_clear_pointer (&log, moe_evaluation_log_free);
  moe_fuzz_run (&fuzz);
}

static gboolean
count_token (MoeTokenRecord *record,
             const char     *text,
             gsize           text_length,
             gpointer        user_data)
{
  sum_bytes ((const guint8 *) text, text_length);
  return TRUE;
}

static void
take_mask (gint64         token,
           const MoeMask *mask,
           gpointer       user_data)
{
  g_autoptr (MoeTable) table = moe_mask_to_table (mask);
}

static gboolean
read_recording (const char  *path,
                gpointer     user_data,
                GError     **error)
{
  static const char * const queries[] = {
    "SELECT * FROM routing", "SELECT * FROM shared WHERE layer = 2",
    "SELECT * FROM residual WHERE token > 3",
    "SELECT avg (to_first) FROM attention", "SELECT * FROM token", "SELECT * FROM run"
  };
  g_autofree char *session = moe_recording_session_load (path);
  g_autoptr (MoeRecording) recording = moe_recording_open (path, error);
  gboolean ok = recording != NULL;

  for (guint i = 0; recording != NULL && i < moe_recording_get_n_prompts (recording); i++)
    {
      g_autofree char *prompt = moe_recording_dup_prompt (recording, i);
    }
  for (guint i = 0; recording != NULL && i < G_N_ELEMENTS (queries); i++)
    {
      g_autoptr (MoeTable) table = moe_recording_query (recording, queries[i], ok ? error : NULL);

      ok &= table != NULL;
    }
  if (recording != NULL)
    ok &= moe_recording_foreach (recording, 0, -1, count_token, NULL, ok ? error : NULL);
  if (recording != NULL)
    ok &= moe_recording_foreach_mask (recording, take_mask, NULL, ok ? error : NULL);
  return ok;
}

static gboolean
resume_recording (const char  *path,
                  gpointer     user_data,
                  GError     **error)
{
  MoeRecordingWriter *writer = moe_test_writer_new (path, fixture.info, TRUE, error);

  return writer != NULL && moe_recording_writer_close (writer, FALSE, error);
}

static void
test_recording (void)
{
  static const char * const words[] = { "[", "]", "1", "-1", "99999", "routing", "token", "CREATE", "x",
  NULL };
  const MoeFuzz fuzz = { .path = fixture.path, .words = words, .n_rounds = 200, .read = read_recording };
  const MoeIntervention one = { .layer = 1, .expert = 2, .action = MOE_ACTION_SCALE, .value = 0.5 };
  g_autoptr (MoeMask) mask = moe_mask_new (&one, 1);
  g_autoptr (GRand) random = g_rand_new_with_seed (3);
  g_autoptr (GPtrArray) records = NULL;
  g_autoptr (GError) error = NULL;
  MoeRecordingWriter *writer = moe_test_writer_new (fixture.path, fixture.info, FALSE, &error);

  g_assert_no_error (error);
  moe_recording_writer_add_mask (writer, 0, mask);
  records = moe_test_write_prompts (writer, fixture.info, random, 2, 4);
  moe_recording_writer_add_note (writer, 1, "a note");
  moe_recording_writer_close (writer, TRUE, &error);
  g_assert_no_error (error);
  moe_recording_session_save (fixture.path, "{\"page\": \"routing\"}", &error);
  g_assert_no_error (error);
  moe_fuzz_run (&fuzz);
}

static void
test_resume (void)
{
  g_autofree char *path = g_build_filename (fixture.folder, "resume.moescope", NULL);
  const MoeFuzz fuzz = { .path = path, .n_rounds = 100, .read = resume_recording };
  g_autoptr (GRand) random = g_rand_new_with_seed (4);
  g_autoptr (GPtrArray) records = NULL;
  g_autoptr (GError) error = NULL;
  MoeRecordingWriter *writer = moe_test_writer_new (path, fixture.info, FALSE, &error);

  g_assert_no_error (error);
  records = moe_test_write_prompts (writer, fixture.info, random, 2, 3);
  moe_recording_writer_close (writer, FALSE, &error);
  g_assert_no_error (error);
  moe_fuzz_run (&fuzz);
}

int
main (int    argc,
      char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  moe_test_set_up (&fixture, NULL);
  g_test_add_func ("/fuzz/gguf", test_gguf);
  g_test_add_func ("/fuzz/gguf-parts", test_gguf_parts);
  g_test_add_func ("/fuzz/safetensors", test_safetensors);
  g_test_add_func ("/fuzz/control-vector", test_control_vector);
  g_test_add_func ("/fuzz/mask", test_mask);
  g_test_add_func ("/fuzz/steer-table", test_steer_table);
  g_test_add_func ("/fuzz/map", test_map);
  g_test_add_func ("/fuzz/prompts", test_prompts);
  g_test_add_func ("/fuzz/tasks", test_tasks);
  g_test_add_func ("/fuzz/published", test_published);
  g_test_add_func ("/fuzz/answers", test_log);
  g_test_add_func ("/fuzz/recording", test_recording);
  g_test_add_func ("/fuzz/resume", test_resume);
  status = moe_test_gguf_run ();
  moe_test_tear_down (&fixture, NULL);
  return status;
}
