/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-test-recording"

#include "tests/support/moe-test-recording.h"

#include <math.h>
#include <string.h>

#include <glib/gstdio.h>

#include "data/moe-recording-schema.h"

static void
set_text (char       **to,
          const char  *text)
{
  g_free (*to);
  *to = g_strdup (text);
}

MoeModelInfo *
moe_test_info_new (gboolean with_shared)
{
  static const guint moe_layers[] = { 1, 2, 4 };
  MoeModelInfo *info = moe_model_info_new ();

  set_text (&info->name, "Invented \xe2\x80\x9cModel\xe2\x80\x9d");
  set_text (&info->path, "/nowhere/model.gguf");
  set_text (&info->architecture, "qwen3moe");
  set_text (&info->quantisation, "Q4_K + Q6_K");
  set_text (&info->tokenizer, "bpe/qwen2");
  set_text (&info->fingerprint, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
  info->n_layers = 5;
  info->n_moe_layers = G_N_ELEMENTS (moe_layers);
  info->moe_layers = g_memdup2 (moe_layers, sizeof moe_layers);
  info->n_experts = 11;
  info->n_used = 3;
  info->n_shared = with_shared ? 2 : 0;
  info->gating = MOE_GATING_SOFTMAX_CHOSEN;
  info->norm_weights = TRUE;
  info->n_heads = 6;
  info->n_kv_heads = 2;
  info->head_dim = 8;
  info->width = 40;
  info->expert_width = 16;
  info->vocabulary = 1000;
  info->context = 2048;
  info->file_bytes = G_GUINT64_CONSTANT (0x8000000000000001);
  info->active_bytes_per_token = 123456789;
  info->learned_sinks = with_shared;
  return info;
}

/* Never NaN, which has no one pattern that survives arithmetic. */
static guint16
random_half (GRand *random)
{
  guint16 half;

  do
    half = (guint16) g_rand_int (random);
  while ((half & 0x7c00) == 0x7c00 && (half & 0x3ff) != 0);
  return half;
}

static float
random_float (GRand *random)
{
  return (float) ldexp (g_rand_double (random), g_rand_int_range (random, -30, 30));
}

static void
fill (const MoeModelInfo *info,
      MoeTokenRecord     *record,
      MoeRecordingBlob    blob,
      gsize               n,
      GRand              *random)
{
  gpointer data = moe_recording_blob_get_data (blob, record);

  for (gsize i = 0; i < n; i++)
    {
      switch (blob)
        {
        case MOE_BLOB_EXPERTS:
          ((guint16 *) data)[i] = g_rand_int_range (random, 0, 8) == 0
                                    ? MOE_NO_EXPERT
                                    : (guint16) g_rand_int_range (random, 0, (gint32) info->n_experts);
          break;
        case MOE_BLOB_DOWN_CHANNEL:
        case MOE_BLOB_SHARED_CHANNEL:
        case MOE_BLOB_RESIDUAL_CHANNEL:
          ((guint16 *) data)[i] = (guint16) g_rand_int_range (random, 0, (gint32) info->width);
          break;
        default:
          if (moe_recording_blob_get_size (blob) == 4)
            ((float *) data)[i] = random_float (random);
          else
            ((guint16 *) data)[i] = random_half (random);
          break;
        }
    }
}

MoeTokenRecord *
moe_test_record_new (const MoeModelInfo *info,
                     GRand              *random,
                     gint64              id,
                     guint               prompt,
                     guint               position,
                     MoePhase            phase)
{
  MoeTokenRecord *record = moe_token_record_new_full (info->n_moe_layers, info->n_used, info->n_layers,
                                                      info->n_heads, info->n_shared > 0,
                                                      info->learned_sinks);
  MoeRecordingShape shape;

  record->id = id;
  record->prompt = prompt;
  record->position = position;
  record->token_id = g_rand_int_range (random, 0, (gint32) info->vocabulary);
  record->phase = phase;
  record->logprob = position == 0 ? NAN : -random_float (random);
  record->entropy = g_rand_boolean (random) ? NAN : random_float (random);
  moe_recording_shape_init (&shape, info);
  for (guint i = 0; i < MOE_N_BLOBS; i++)
    fill (info, record, i, moe_recording_blob_count (i, &shape), random);
  return record;
}

void
moe_test_record_check_equal (const MoeTokenRecord *a,
                             const MoeTokenRecord *b)
{
  MoeRecordingShape shape = {
    .n_layers = a->n_layers,
    .n_moe_layers = a->n_moe_layers,
    .n_slots = a->n_slots,
    .n_shared = a->has_shared ? 1 : 0,
    .n_heads = a->n_heads,
    .has_sinks = a->attention_sink != NULL,
  };

  g_assert_cmpint (a->id, ==, b->id);
  g_assert_cmpuint (a->prompt, ==, b->prompt);
  g_assert_cmpuint (a->position, ==, b->position);
  g_assert_cmpint (a->token_id, ==, b->token_id);
  g_assert_cmpint (a->phase, ==, b->phase);
  g_assert_true (a->logprob == b->logprob || (isnan (a->logprob) && isnan (b->logprob)));
  g_assert_true (a->entropy == b->entropy || (isnan (a->entropy) && isnan (b->entropy)));
  g_assert_cmpint (a->has_shared, ==, b->has_shared);
  for (guint i = 0; i < MOE_N_BLOBS; i++)
    {
      gsize n = moe_recording_blob_count (i, &shape) * moe_recording_blob_get_size (i);

      if (n > 0)
        g_assert_cmpmem (moe_recording_blob_get_data (i, a), n, moe_recording_blob_get_data (i, b), n);
    }
}

MoeRecordingWriter *
moe_test_writer_new (const char          *path,
                     const MoeModelInfo  *info,
                     gboolean             resume,
                     GError             **error)
{
  MoeRunSettings settings = {
    .context = 512,
    .cache = "f16",
    .kernels = "auto",
    .seed = G_MAXUINT64 - 6,
    .settings = "{\"max_tokens\": 7}",
  };

  return moe_recording_writer_new (path, info, &settings, resume, error);
}

GPtrArray *
moe_test_write_prompts (MoeRecordingWriter *writer,
                        const MoeModelInfo *info,
                        GRand              *random,
                        guint               n_prompts,
                        guint               n_tokens)
{
  GPtrArray *records = g_ptr_array_new_with_free_func ((GDestroyNotify) moe_token_record_unref);

  for (guint i = 0; i < n_prompts; i++)
    {
      guint prompt = moe_recording_writer_get_n_prompts (writer);
      g_autofree char *text = g_strdup_printf ("prompt %u", prompt);

      moe_recording_writer_begin_prompt (writer, text);
      for (guint position = 0; position < n_tokens; position++)
        {
          gint64 id = moe_recording_writer_get_n_tokens (writer);
          g_autofree char *token = g_strdup_printf ("t%" G_GINT64_FORMAT, id);
          MoeTokenRecord *record;

          record = moe_test_record_new (info, random, id, prompt, position, (MoePhase) (id % MOE_N_PHASES));
          g_ptr_array_add (records, record);
          moe_recording_writer_add_token (writer, record, token, strlen (token));
        }
      moe_recording_writer_end_prompt (writer);
    }
  return records;
}

GPtrArray *
moe_test_write_recording (const char         *path,
                          const MoeModelInfo *info,
                          guint32             seed,
                          guint               n_prompts,
                          guint               n_tokens)
{
  g_autoptr(GRand) random = g_rand_new_with_seed (seed);
  GError *error = NULL;
  MoeRecordingWriter *writer;
  GPtrArray *records;

  writer = moe_test_writer_new (path, info, FALSE, &error);
  g_assert_no_error (error);
  records = moe_test_write_prompts (writer, info, random, n_prompts, n_tokens);
  moe_recording_writer_close (writer, TRUE, &error);
  g_assert_no_error (error);
  return records;
}

void
moe_test_write_records (const char         *path,
                        const MoeModelInfo *info,
                        GPtrArray          *records)
{
  GError *error = NULL;
  MoeRecordingWriter *writer = moe_test_writer_new (path, info, FALSE, &error);

  g_assert_no_error (error);
  for (guint i = 0; i < records->len; i++)
    {
      MoeTokenRecord *record = g_ptr_array_index (records, i);
      const MoeTokenRecord *before = i > 0 ? g_ptr_array_index (records, i - 1) : NULL;
      const MoeTokenRecord *next = i + 1 < records->len ? g_ptr_array_index (records, i + 1) : NULL;
      g_autofree char *text = g_strdup_printf ("t%" G_GINT64_FORMAT, record->id);

      if (before == NULL || before->prompt != record->prompt)
        moe_recording_writer_begin_prompt (writer, "a prompt");
      moe_recording_writer_add_token (writer, record, text, strlen (text));
      if (next == NULL || next->prompt != record->prompt)
        moe_recording_writer_end_prompt (writer);
    }
  moe_recording_writer_close (writer, TRUE, &error);
  g_assert_no_error (error);
}

char *
moe_test_folder_new (void)
{
  GError *error = NULL;
  char *folder = g_dir_make_tmp ("moescope-test-XXXXXX", &error);

  g_assert_no_error (error);
  return folder;
}

void
moe_test_folder_remove (char *folder)
{
  g_autoptr(GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      if (g_remove (path) != 0 && g_file_test (path, G_FILE_TEST_IS_DIR))
        moe_test_folder_remove (g_strdup (path));
    }
  g_rmdir (folder);
  g_free (folder);
}

void
moe_test_set_up (MoeTestRecording *fixture,
                 gconstpointer     data)
{
  fixture->folder = moe_test_folder_new ();
  fixture->path = g_build_filename (fixture->folder, "a.moescope", NULL);
  fixture->info = moe_test_info_new (TRUE);
}

void
moe_test_tear_down (MoeTestRecording *fixture,
                    gconstpointer     data)
{
  moe_model_info_unref (fixture->info);
  g_free (fixture->path);
  moe_test_folder_remove (fixture->folder);
}
