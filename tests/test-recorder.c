/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-recorder"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/moe-recording.h"
#include "probes/moe-recorder.h"
#include "probes/moe-residual-stats.h"
#include "probes/moe-sampler.h"
#include "tests/support/moe-logits-run.h"
#include "tests/support/moe-test-recording.h"

static int
compare_floats (gconstpointer a,
                gconstpointer b)
{
  float x = *(const float *) a, y = *(const float *) b;

  return (x > y) - (x < y);
}

/* Sorts. */
static void
check_residual_stats (const float *x,
                      guint        width)
{
  g_autofree gint32 *scratch = g_new (gint32, width);
  g_autofree float *sorted = g_new (float, width);
  float top[3], median, wanted;
  guint16 channel[3];

  moe_residual_get_stats (x, width, scratch, top, channel, &median);

  for (guint i = 0; i < width; i++)
    sorted[i] = fabsf (x[i]);
  qsort (sorted, width, sizeof *sorted, compare_floats);
  wanted = width % 2 == 1 ? sorted[width / 2]
                          : (float) (((double) sorted[width / 2 - 1] + sorted[width / 2]) / 2);
  g_assert_cmpfloat (median, ==, wanted);
  for (guint i = 0; i < 3; i++)
    {
      g_assert_cmpfloat (top[i], ==, sorted[width - 1 - i]);
      g_assert_cmpfloat (fabsf (x[channel[i]]), ==, top[i]);
      for (guint j = 0; j < i; j++)
        g_assert_true (top[i] == top[j] ? channel[j] < channel[i] : top[i] < top[j]);
    }
}

static void
test_residual_stats (void)
{
  static const guint widths[] = { 3, 4, 5, 16, 17, 31, 48, 49, 64, 100, 255, 1024, 2048, 2049 };
  g_autoptr(GRand) random = g_rand_new_with_seed (2);

  for (guint i = 0; i < G_N_ELEMENTS (widths); i++)
    {
      guint n = widths[i];
      g_autofree float *x = g_new (float, n);

      for (guint kind = 0; kind < 6; kind++)
        {
          for (guint j = 0; j < n; j++)
            {
              switch (kind)
                {
                case 0: /* like a residual: many small ones */
                  x[j] = (float) (g_rand_double_range (random, -1, 1) * g_rand_double (random));
                  break;
                case 1: /* all sizes there are */
                  x[j] = (float) ldexp (g_rand_double_range (random, -1, 1),
                                        g_rand_int_range (random, -140, 120));
                  break;
                case 2: /* equal */
                  x[j] = -2.5f;
                  break;
                case 3: /* few values */
                  x[j] = (float) g_rand_int_range (random, -2, 3);
                  break;
                case 4: /* differ in the last bits only */
                  x[j] = 1 + (float) g_rand_int_range (random, 0, 900) * FLT_EPSILON;
                  break;
                case 5:
                  x[j] = 0;
                  break;
                }
            }
          if (kind == 0 && n > 40)
            x[n - 7] = 1000;
          check_residual_stats (x, n);
        }
    }

  {
    float x[5] = { 1, -INFINITY, 2, NAN, 0 }, top[3], median;
    gint32 scratch[5];
    guint16 channel[3];

    moe_residual_get_stats (x, 5, scratch, top, channel, &median);
    g_assert_true (isnan (top[0]) && channel[0] == 3);
    g_assert_true (isinf (top[1]) && channel[1] == 1);
    g_assert_cmpfloat (median, ==, 2);
  }
}

/* What a plain probe saw of a run: everything in single precision, by token. */
typedef struct
{
  const MoeModelInfo *info;
  guint16 *chosen;            /* (t, L, k) */
  float   *weights, *max, *norm; /* (t, L, k) */
  guint16 *channel;           /* (t, L, k) */
  float   *turn;              /* (t, L) */
  float   *router_entropy;    /* (t, L) */
  float   *residual;          /* (t, L, width) */
  float   *first, *entropy;   /* (t, L, H) */
} Seen;

static void
see_router (const MoeProbeBatch  *batch,
            guint                 layer,
            const MoeRouterEvent *event,
            gpointer              data)
{
  Seen *seen = data;

  for (guint t = 0; t < batch->n; t++)
    {
      gsize at = ((gsize) batch->first + t) * seen->info->n_layers + layer;
      double entropy = 0;

      for (guint e = 0; e < event->n_experts; e++)
        {
          double p = event->probs[t * event->n_experts + e];

          entropy -= p > 0 ? p * log (p) : 0;
        }
      seen->router_entropy[at] = (float) entropy;
      memcpy (seen->chosen + at * event->k, event->chosen + t * event->k, event->k * sizeof (guint16));
      memcpy (seen->weights + at * event->k, event->weights + t * event->k, event->k * sizeof (float));
    }
}

static void
see_expert (const MoeProbeBatch  *batch,
            guint                 layer,
            const MoeExpertEvent *event,
            gpointer              data)
{
  Seen *seen = data;

  for (guint t = 0; t < batch->n; t++)
    {
      gsize at = ((gsize) batch->first + t) * seen->info->n_layers + layer;

      seen->turn[at] = event->turn[t];
      memcpy (seen->max + at * event->k, event->max + t * event->k, event->k * sizeof (float));
      memcpy (seen->norm + at * event->k, event->norm + t * event->k, event->k * sizeof (float));
      memcpy (seen->channel + at * event->k, event->channel + t * event->k, event->k * sizeof (guint16));
    }
}

static void
see_residual (const MoeProbeBatch *batch,
              guint                layer,
              MoeResidualPoint     point,
              guint                width,
              const float         *x,
              gpointer             data)
{
  Seen *seen = data;

  for (guint t = 0; point == MOE_RESIDUAL_POST && t < batch->n; t++)
    memcpy (seen->residual + (((gsize) batch->first + t) * seen->info->n_layers + layer) * width,
            x + (gsize) t * width, width * sizeof *x);
}

static void
see_attention (const MoeProbeBatch     *batch,
               guint                    layer,
               const MoeAttentionEvent *event,
               gpointer                 data)
{
  Seen *seen = data;
  guint n = event->n_heads;

  for (guint t = 0; t < batch->n; t++)
    {
      gsize at = (((gsize) batch->first + t) * seen->info->n_layers + layer) * n;

      memcpy (seen->first + at, event->first + t * n, n * sizeof (float));
      memcpy (seen->entropy + at, event->entropy + t * n, n * sizeof (float));
    }
}

static void
seen_init (Seen               *seen,
           const MoeModelInfo *info,
           gsize               n)
{
  gsize layers = n * info->n_layers;

  seen->info = info;
  seen->chosen = g_new0 (guint16, layers * info->n_used);
  seen->weights = g_new0 (float, layers * info->n_used);
  seen->max = g_new0 (float, layers * info->n_used);
  seen->norm = g_new0 (float, layers * info->n_used);
  seen->channel = g_new0 (guint16, layers * info->n_used);
  seen->turn = g_new0 (float, layers);
  seen->router_entropy = g_new0 (float, layers);
  seen->residual = g_new0 (float, layers * info->width);
  seen->first = g_new0 (float, layers * info->n_heads);
  seen->entropy = g_new0 (float, layers * info->n_heads);
  /* Layers without attention are not heard of, and recorded as no number. */
  for (gsize i = 0; i < layers * info->n_heads; i++)
    seen->first[i] = seen->entropy[i] = NAN;
}

static void
seen_clear (Seen *seen)
{
  g_free (seen->chosen);
  g_free (seen->weights);
  g_free (seen->max);
  g_free (seen->norm);
  g_free (seen->channel);
  g_free (seen->turn);
  g_free (seen->router_entropy);
  g_free (seen->residual);
  g_free (seen->first);
  g_free (seen->entropy);
}

/* All layers of the checkpoints have experts, so a layer is its own index among the MoE layers. */
static void
check_record (const Seen           *seen,
              const MoeTokenRecord *record)
{
  const MoeModelInfo *info = seen->info;
  g_autofree gint32 *scratch = g_new (gint32, info->width);
  guint k = info->n_used, n_heads = info->n_heads;

  g_assert_cmpuint (info->n_moe_layers, ==, info->n_layers);
  for (guint layer = 0; layer < info->n_layers; layer++)
    {
      gsize at = (gsize) record->position * info->n_layers + layer;
      float top[3], median;
      guint16 channel[3];

      for (guint slot = 0; slot < k; slot++)
        {
          guint to = layer * k + slot;

          g_assert_cmpuint (record->experts[to], ==, seen->chosen[at * k + slot]);
          g_assert_cmpuint (record->weights[to], ==, moe_half_from_float (seen->weights[at * k + slot]));
          g_assert_cmpfloat (record->down_max[to], ==, seen->max[at * k + slot]);
          g_assert_cmpuint (record->down_channel[to], ==, seen->channel[at * k + slot]);
          g_assert_cmpuint (record->down_norm[to], ==, moe_half_from_float (seen->norm[at * k + slot]));
        }
      g_assert_cmpuint (record->moe_turn[layer], ==, moe_half_from_float (seen->turn[at]));
      g_assert_cmpfloat_with_epsilon (moe_half_to_float (record->router_entropy[layer]),
                                      seen->router_entropy[at], 2e-3);

      moe_residual_get_stats (seen->residual + at * info->width, info->width, scratch, top, channel, &median);
      g_assert_cmpmem (record->residual_top + 3 * layer, sizeof top, top, sizeof top);
      g_assert_cmpmem (record->residual_channel + 3 * layer, sizeof channel, channel, sizeof channel);
      g_assert_cmpfloat (record->residual_median[layer], ==, median);
      for (guint head = 0; head < n_heads; head++)
        {
          g_assert_cmpuint (record->attention_first[layer * n_heads + head], ==,
                            moe_half_from_float (seen->first[at * n_heads + head]));
          g_assert_cmpuint (record->attention_entropy[layer * n_heads + head], ==,
                            moe_half_from_float (seen->entropy[at * n_heads + head]));
        }
    }
}

typedef struct
{
  GPtrArray *records;
  GArray    *has_logits; /* of gboolean */
} Heard;

static void
hear (MoeTokenRecord *record,
      const float    *logits,
      gpointer        user_data)
{
  Heard *heard = user_data;
  gboolean has = logits != NULL;

  g_ptr_array_add (heard->records, moe_token_record_ref (record));
  g_array_append_val (heard->has_logits, has);
}

typedef struct
{
  MoeModel     *model;
  gint32       *tokens;
  gsize         n;
  float        *logits; /* (n, vocabulary) */
} Fixture;

static void
set_up (Fixture       *fixture,
        gconstpointer  name)
{
  const MoeCheckpoint *checkpoint = moe_checkpoint_find (name);
  MoeLogitsRun run = { .cache = MOE_CACHE_F16 };

  fixture->model = moe_logits_run_open (checkpoint);
  fixture->tokens = moe_checkpoint_get_tokens (checkpoint);
  fixture->n = MIN (checkpoint->n_tokens, 24);
  fixture->logits = moe_logits_run (fixture->model, &run, fixture->tokens, fixture->n, NULL, NULL);
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  name)
{
  g_free (fixture->logits);
  g_free (fixture->tokens);
  moe_logits_run_close (fixture->model);
}

static void
check_near (float value,
            float wanted)
{
  g_assert_cmpfloat_with_epsilon (value, wanted, 1e-5 * (1 + fabsf (wanted)));
}

/* The records of a run in feeds of @split tokens against the plain probe, and what comes from logits against
 * a plain run. */
static void
check_run (Fixture  *fixture,
           gsize     split,
           gboolean  all_logits)
{
  const MoeModelInfo *info = moe_model_get_info (fixture->model);
  guint vocabulary = info->vocabulary;
  MoeSessionOptions options = { 64, MOE_CACHE_F16, MOE_KERNELS_AUTO, 0 };
  MoeProbe probe = { .router = see_router, .expert = see_expert, .residual = see_residual,
                     .attention = see_attention };
  g_autoptr(GPtrArray) records = g_ptr_array_new_with_free_func ((GDestroyNotify) moe_token_record_unref);
  g_autoptr(GArray) has_logits = g_array_new (FALSE, FALSE, sizeof (gboolean));
  g_autofree MoePhase *phases = g_new (MoePhase, fixture->n);
  Heard heard = { records, has_logits };
  g_autoptr(MoeSession) session = NULL;
  g_autoptr(MoeRecorder) recorder = NULL;
  GError *error = NULL;
  Seen seen = { 0 };

  session = moe_session_new (fixture->model, &options, &error);
  g_assert_no_error (error);
  seen_init (&seen, info, fixture->n);
  moe_session_add_probe (session, &probe, &seen);
  recorder = moe_recorder_new (session, NULL, all_logits, hear, &heard);
  moe_recorder_begin_prompt (recorder, 7);
  moe_recorder_set_next_id (recorder, 100);

  for (gsize i = 0; i < fixture->n; i++)
    phases[i] = (MoePhase) (i % MOE_N_PHASES);
  for (gsize at = 0; at < fixture->n; at += split)
    {
      gsize n = MIN (split, fixture->n - at);

      g_assert_true (moe_session_feed (session, fixture->tokens + at, phases + at, n, NULL, &error));
      g_assert_no_error (error);
      /* Nothing is held back. */
      g_assert_cmpuint (records->len, ==, at + n);
    }
  g_assert_cmpint (moe_recorder_get_next_id (recorder), ==, 100 + (gint64) fixture->n);

  for (guint t = 0; t < fixture->n; t++)
    {
      const MoeTokenRecord *record = g_ptr_array_index (records, t);
      gboolean is_last = (t + 1) % split == 0 || t + 1 == fixture->n;
      gboolean follows_last = t > 0 && t % split == 0;

      g_assert_cmpint (record->id, ==, 100 + t);
      g_assert_cmpuint (record->prompt, ==, 7);
      g_assert_cmpuint (record->position, ==, t);
      g_assert_cmpint (record->token_id, ==, fixture->tokens[t]);
      g_assert_cmpint (record->phase, ==, phases[t]);
      check_record (&seen, record);

      g_assert_cmpint (g_array_index (has_logits, gboolean, t), ==, all_logits || is_last);
      if (all_logits || is_last)
        check_near (record->entropy,
                    moe_logits_get_entropy (fixture->logits + (gsize) t * vocabulary, vocabulary));
      else
        g_assert_true (isnan (record->entropy));
      if (t > 0 && (all_logits || follows_last))
        check_near (record->logprob,
                    moe_logits_get_logprob (fixture->logits + (gsize) (t - 1) * vocabulary, vocabulary,
                                                             record->token_id));
      else
        g_assert_true (isnan (record->logprob));
    }

  moe_session_remove_probe (session, &probe, &seen);
  seen_clear (&seen);
}

static void
test_records (Fixture       *fixture,
              gconstpointer  name)
{
  static const gsize splits[] = { 1, 5, 100 };

  for (guint i = 0; i < G_N_ELEMENTS (splits); i++)
    {
      check_run (fixture, splits[i], FALSE);
      check_run (fixture, splits[i], TRUE);
    }
}

/* After rewinding, what was computed for another continuation does not count. */
static void
test_rewind (Fixture       *fixture,
             gconstpointer  name)
{
  MoeSessionOptions options = { 64, MOE_CACHE_F16, MOE_KERNELS_AUTO, 0 };
  g_autoptr(GPtrArray) records = g_ptr_array_new_with_free_func ((GDestroyNotify) moe_token_record_unref);
  g_autoptr(GArray) has_logits = g_array_new (FALSE, FALSE, sizeof (gboolean));
  Heard heard = { records, has_logits };
  g_autoptr(MoeSession) session = NULL;
  g_autoptr(MoeRecorder) recorder = NULL;
  GError *error = NULL;

  session = moe_session_new (fixture->model, &options, &error);
  g_assert_no_error (error);
  recorder = moe_recorder_new (session, NULL, FALSE, hear, &heard);
  moe_session_feed (session, fixture->tokens, NULL, 6, NULL, &error);
  moe_session_rewind (session, 6);
  moe_session_feed (session, fixture->tokens + 6, NULL, 1, NULL, &error);
  moe_session_feed (session, fixture->tokens + 7, NULL, 1, NULL, &error);
  moe_session_rewind (session, 2);
  moe_session_feed (session, fixture->tokens + 2, NULL, 1, NULL, &error);
  g_assert_no_error (error);

  g_assert_true (isnan (((MoeTokenRecord *) g_ptr_array_index (records, 6))->logprob));
  g_assert_false (isnan (((MoeTokenRecord *) g_ptr_array_index (records, 7))->logprob));
  g_assert_true (isnan (((MoeTokenRecord *) g_ptr_array_index (records, 8))->logprob));
  g_assert_cmpuint (((MoeTokenRecord *) g_ptr_array_index (records, 8))->position, ==, 2);
}

typedef struct
{
  GPtrArray          *records;
  const MoeTokenizer *tokenizer;
  guint               at;
} Compare;

static gboolean
compare_record (MoeTokenRecord *record,
                const char     *text,
                gsize           text_length,
                gpointer        user_data)
{
  Compare *compare = user_data;
  gsize length;
  const char *wanted = moe_tokenizer_get_text (compare->tokenizer, record->token_id, &length);

  moe_test_record_check_equal (g_ptr_array_index (compare->records, compare->at++), record);
  g_assert_cmpmem (text, text_length, wanted, length);
  return TRUE;
}

/* What the listener was given live is what is read back from the file. */
static void
test_writer (Fixture       *fixture,
             gconstpointer  name)
{
  char *folder = moe_test_folder_new ();
  g_autofree char *path = g_build_filename (folder, "a.moescope", NULL);
  const MoeModelInfo *info = moe_model_get_info (fixture->model);
  MoeSessionOptions options = { 64, MOE_CACHE_F16, MOE_KERNELS_AUTO, 0 };
  g_autoptr(GPtrArray) records = g_ptr_array_new_with_free_func ((GDestroyNotify) moe_token_record_unref);
  g_autoptr(GArray) has_logits = g_array_new (FALSE, FALSE, sizeof (gboolean));
  Heard heard = { records, has_logits };
  Compare compare = { records, moe_model_get_tokenizer (fixture->model), 0 };
  g_autoptr(MoeSession) session = NULL;
  g_autoptr(MoeRecording) recording = NULL;
  MoeRecordingWriter *writer;
  MoeRecorder *recorder;
  GError *error = NULL;

  session = moe_session_new (fixture->model, &options, &error);
  g_assert_no_error (error);
  writer = moe_test_writer_new (path, info, FALSE, &error);
  g_assert_no_error (error);
  recorder = moe_recorder_new (session, writer, FALSE, hear, &heard);
  for (guint prompt = 0; prompt < 2; prompt++)
    {
      moe_recorder_begin_prompt (recorder, prompt);
      moe_recording_writer_begin_prompt (writer, "some text");
      moe_session_rewind (session, 0);
      moe_session_feed (session, fixture->tokens, NULL, 9, NULL, &error);
      moe_session_feed (session, fixture->tokens + 9, NULL, 1, NULL, &error);
      g_assert_no_error (error);
      moe_recording_writer_end_prompt (writer);
    }
  moe_recorder_free (recorder);
  moe_recording_writer_close (writer, FALSE, &error);
  g_assert_no_error (error);

  recording = moe_recording_open (path, &error);
  g_assert_no_error (error);
  g_assert_cmpint (moe_recording_get_n_tokens (recording), ==, 20);
  g_assert_true (moe_recording_foreach (recording, 0, -1, compare_record, &compare, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (compare.at, ==, 20);

  /* A recorder on a resumed recording goes on counting. */
  writer = moe_test_writer_new (path, info, TRUE, &error);
  g_assert_no_error (error);
  recorder = moe_recorder_new (session, writer, FALSE, NULL, NULL);
  g_assert_cmpint (moe_recorder_get_next_id (recorder), ==, 20);
  moe_recording_writer_begin_prompt (writer, "more");
  moe_session_rewind (session, 0);
  moe_session_feed (session, fixture->tokens, NULL, 2, NULL, &error);
  moe_recording_writer_end_prompt (writer);
  moe_recorder_free (recorder);
  moe_recording_writer_close (writer, TRUE, &error);
  g_assert_no_error (error);
  g_clear_pointer (&recording, moe_recording_free);
  recording = moe_recording_open (path, &error);
  g_assert_no_error (error);
  g_assert_cmpint (moe_recording_get_n_tokens (recording), ==, 22);
  g_assert_cmpuint (moe_recording_get_n_prompts (recording), ==, 3);
  moe_test_folder_remove (folder);
}

#define ADD(name, checkpoint, func) \
  g_test_add ("/recorder/" name, Fixture, checkpoint, set_up, func, tear_down)

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/recorder/residual-stats", test_residual_stats);
  ADD ("records/qwen3moe", "qwen3moe-q8_0", test_records);
  ADD ("records/llama", "llama-rope-f32", test_records);
  ADD ("records/qwen3next", "qwen3next-f32", test_records);
  ADD ("rewind", "olmoe-f16", test_rewind);
  ADD ("writer", "qwen3moe-q4_k", test_writer);
  return g_test_run ();
}
