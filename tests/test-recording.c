/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-recording"

#include <math.h>
#include <string.h>

#include <glib.h>
#include <sqlite3.h>

#include "data/moe-error.h"
#include "data/moe-recording-writer.h"
#include "data/moe-recording.h"
#include "tests/support/moe-test-recording.h"

typedef struct
{
  char         *folder;
  char         *path;
  MoeModelInfo *info;
  GPtrArray    *records; /* of MoeTokenRecord */
  MoeRecording *recording;
} Fixture;

/* 3 prompts of 30 tokens: more than one commit. */
static void
set_up (Fixture       *fixture,
        gconstpointer  with_shared)
{
  GError *error = NULL;

  fixture->folder = moe_test_folder_new ();
  fixture->path = g_build_filename (fixture->folder, "a.moescope", NULL);
  fixture->info = moe_test_info_new (with_shared != NULL);
  fixture->records = moe_test_write_recording (fixture->path, fixture->info, 17, 3, 30);
  fixture->recording = moe_recording_open (fixture->path, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  with_shared)
{
  moe_recording_free (fixture->recording);
  g_ptr_array_unref (fixture->records);
  moe_model_info_unref (fixture->info);
  g_free (fixture->path);
  moe_test_folder_remove (fixture->folder);
}

typedef struct
{
  GPtrArray *records;
  guint      at;
  guint      stop_after;
} Walk;

static gboolean
check_record (MoeTokenRecord *record,
              const char     *text,
              gsize           text_length,
              gpointer        user_data)
{
  Walk *walk = user_data;
  g_autofree char *wanted = g_strdup_printf ("t%u", walk->at);

  g_assert_cmpuint (walk->at, <, walk->records->len);
  moe_test_record_check_equal (g_ptr_array_index (walk->records, walk->at), record);
  g_assert_cmpmem (text, text_length, wanted, strlen (wanted));
  walk->at++;
  return walk->at != walk->stop_after;
}

static void
test_round_trip (Fixture       *fixture,
                 gconstpointer  with_shared)
{
  const MoeModelInfo *info = moe_recording_get_info (fixture->recording);
  Walk walk = { fixture->records, 0, 0 };
  GError *error = NULL;

  g_assert_true (moe_recording_foreach (fixture->recording, 0, -1, check_record, &walk, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (walk.at, ==, 90);

  walk.at = 65;
  g_assert_true (moe_recording_foreach (fixture->recording, 65, 71, check_record, &walk, &error));
  g_assert_cmpuint (walk.at, ==, 71);

  walk.at = 10;
  walk.stop_after = 12;
  g_assert_false (moe_recording_foreach (fixture->recording, 10, -1, check_record, &walk, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (walk.at, ==, 12);

  g_assert_cmpint (moe_recording_get_n_tokens (fixture->recording), ==, 90);
  g_assert_cmpuint (moe_recording_get_n_prompts (fixture->recording), ==, 3);
  g_assert_true (moe_recording_is_finished (fixture->recording));
  g_assert_cmpstr (moe_recording_get_settings (fixture->recording), ==, "{\"max_tokens\": 7}");
  g_assert_true (moe_recording_get_seed (fixture->recording) == G_MAXUINT64 - 6);
  g_assert_cmpstr (moe_recording_get_path (fixture->recording), ==, fixture->path);

  g_assert_cmpstr (info->name, ==, fixture->info->name);
  g_assert_cmpstr (info->path, ==, fixture->info->path);
  g_assert_cmpstr (info->architecture, ==, fixture->info->architecture);
  g_assert_cmpstr (info->quantisation, ==, fixture->info->quantisation);
  g_assert_cmpstr (info->tokenizer, ==, fixture->info->tokenizer);
  g_assert_cmpstr (info->fingerprint, ==, fixture->info->fingerprint);
  g_assert_cmpuint (info->n_layers, ==, 5);
  g_assert_cmpuint (info->n_moe_layers, ==, 3);
  g_assert_cmpmem (info->moe_layers, 3 * sizeof (guint), fixture->info->moe_layers, 3 * sizeof (guint));
  g_assert_cmpuint (info->n_experts, ==, 11);
  g_assert_cmpuint (info->n_used, ==, 3);
  g_assert_cmpuint (info->n_shared, ==, fixture->info->n_shared);
  g_assert_cmpint (info->gating, ==, MOE_GATING_SOFTMAX_CHOSEN);
  g_assert_true (info->norm_weights);
  g_assert_cmpint (info->learned_sinks, ==, fixture->info->learned_sinks);
  g_assert_cmpuint (info->n_heads, ==, 6);
  g_assert_cmpuint (info->n_kv_heads, ==, 2);
  g_assert_cmpuint (info->head_dim, ==, 8);
  g_assert_cmpuint (info->width, ==, 40);
  g_assert_cmpuint (info->expert_width, ==, 16);
  g_assert_cmpuint (info->vocabulary, ==, 1000);
  g_assert_cmpuint (info->context, ==, 2048);
  g_assert_true (info->file_bytes == fixture->info->file_bytes);
  g_assert_true (info->active_bytes_per_token == 123456789);
}

static void
test_stands_alone (Fixture       *fixture,
                   gconstpointer  with_shared)
{
  g_autoptr(GDir) dir = g_dir_open (fixture->folder, 0, NULL);

  g_clear_pointer (&fixture->recording, moe_recording_free);
  g_assert_cmpstr (g_dir_read_name (dir), ==, "a.moescope");
  g_assert_null (g_dir_read_name (dir));
}

static void
test_prompts_and_text (void)
{
  static const char bytes[] = "\xe2\x82\0z"; /* half a euro sign, NUL, z */
  char *folder = moe_test_folder_new ();
  g_autofree char *path = g_build_filename (folder, "a.moescope", NULL);
  g_autoptr(MoeModelInfo) info = moe_test_info_new (FALSE);
  g_autoptr(GRand) random = g_rand_new_with_seed (3);
  g_autoptr(MoeTokenRecord) record = moe_test_record_new (info, random, 0, 0, 0, MOE_PHASE_PROMPT);
  g_autoptr(MoeRecording) recording = NULL;
  g_autoptr(MoeTable) table = NULL;
  g_autofree char *first = NULL, *second = NULL;
  MoeRecordingWriter *writer;
  GError *error = NULL;

  writer = moe_test_writer_new (path, info, FALSE, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (moe_recording_writer_get_n_prompts (writer), ==, 0);
  moe_recording_writer_begin_prompt (writer, "What\xe2\x80\x99s \"this\"?\nA line");
  moe_recording_writer_add_token (writer, record, bytes, sizeof bytes - 1);
  moe_recording_writer_add_note (writer, 0, "looks odd");
  moe_recording_writer_end_prompt (writer);
  g_assert_cmpuint (moe_recording_writer_get_n_prompts (writer), ==, 1);
  g_assert_cmpint (moe_recording_writer_get_n_tokens (writer), ==, 1);
  moe_recording_writer_begin_prompt (writer, "");
  moe_recording_writer_end_prompt (writer);
  moe_recording_writer_close (writer, FALSE, &error);
  g_assert_no_error (error);

  recording = moe_recording_open (path, &error);
  g_assert_no_error (error);
  g_assert_false (moe_recording_is_finished (recording));
  first = moe_recording_dup_prompt (recording, 0);
  second = moe_recording_dup_prompt (recording, 1);
  g_assert_cmpstr (first, ==, "What\xe2\x80\x99s \"this\"?\nA line");
  g_assert_cmpstr (second, ==, "");
  g_assert_null (moe_recording_dup_prompt (recording, 2));

  table = moe_recording_query (recording, "SELECT text, (SELECT text FROM note WHERE token = 0) FROM token",
                               &error);
  g_assert_no_error (error);
  g_assert_cmpstr (moe_table_get_text (table, 0, 0), ==, "x'e282007a'");
  g_assert_cmpstr (moe_table_get_text (table, 0, 1), ==, "looks odd");
  moe_test_folder_remove (folder);
}

static void
take_mask (gint64         token_id,
           const MoeMask *mask,
           gpointer       user_data)
{
  GPtrArray *masks = user_data;

  g_assert_cmpint (token_id, ==, (gint64) masks->len * 2);
  g_ptr_array_add (masks, moe_mask_ref ((MoeMask *) mask));
}

static void
test_masks (void)
{
  static const MoeIntervention interventions[] =
  {
    { 1, 10, MOE_ACTION_DISABLE, MOE_MODE_REFILL, 0, MOE_SCOPE_BOTH, 0 },
    { 2, 3, MOE_ACTION_BIAS, MOE_MODE_NONE, -0.1f, MOE_SCOPE_PROMPT, 0 },
    { 4, MOE_EXPERT_SHARED, MOE_ACTION_SCALE, MOE_MODE_NONE, 0.5f, MOE_SCOPE_ANSWER, 12 },
    { 4, 0, MOE_ACTION_FORCE, MOE_MODE_ADD, 0, MOE_SCOPE_BOTH, 4000000000u },
    { MOE_LAYER_ALL, MOE_EXPERT_ALL, MOE_ACTION_CLAMP, MOE_MODE_NONE, 100, MOE_SCOPE_BOTH, 0 },
    { MOE_LAYER_ALL, MOE_EXPERT_ROUTER, MOE_ACTION_ROUTER, MOE_MODE_TEMPERATURE, 2, MOE_SCOPE_BOTH, 0 },
    { 4, 1, MOE_ACTION_DISABLE, MOE_MODE_MEAN, 0, MOE_SCOPE_BOTH, 0 },
  };
  char *folder = moe_test_folder_new ();
  g_autofree char *path = g_build_filename (folder, "a.moescope", NULL);
  g_autoptr(MoeModelInfo) info = moe_test_info_new (TRUE);
  g_autoptr(GRand) random = g_rand_new_with_seed (3);
  g_autoptr(GPtrArray) masks = g_ptr_array_new_with_free_func ((GDestroyNotify) moe_mask_unref);
  g_autoptr(MoeMask) mask = moe_mask_new (interventions, G_N_ELEMENTS (interventions));
  g_autoptr(MoeRecording) recording = NULL;
  MoeRecordingWriter *writer;
  GError *error = NULL;

  writer = moe_test_writer_new (path, info, FALSE, &error);
  g_assert_no_error (error);
  moe_recording_writer_add_mask (writer, 0, mask);
  g_ptr_array_unref (moe_test_write_prompts (writer, info, random, 1, 2));
  moe_recording_writer_add_mask (writer, 2, NULL);
  g_ptr_array_unref (moe_test_write_prompts (writer, info, random, 1, 2));
  moe_recording_writer_add_mask (writer, 4, mask);
  moe_recording_writer_close (writer, TRUE, &error);
  g_assert_no_error (error);

  recording = moe_recording_open (path, &error);
  g_assert_no_error (error);
  g_assert_true (moe_recording_foreach_mask (recording, take_mask, masks, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (masks->len, ==, 3);
  g_assert_true (moe_mask_equal (g_ptr_array_index (masks, 0), mask));
  g_assert_cmpuint (moe_mask_get_n (g_ptr_array_index (masks, 1)), ==, 0);
  g_assert_true (moe_mask_equal (g_ptr_array_index (masks, 2), mask));
  moe_test_folder_remove (folder);
}

static MoeTable *
query (MoeRecording *recording,
       const char   *sql)
{
  GError *error = NULL;
  MoeTable *table = moe_recording_query (recording, sql, &error);

  g_assert_no_error (error);
  g_assert_nonnull (table);
  return table;
}

static double
half (guint16 bits)
{
  return moe_half_to_float (bits);
}

static void
check_common (MoeTable             *table,
              guint                 row,
              const MoeTokenRecord *record,
              guint                 layer)
{
  g_assert_cmpint (moe_table_get_int (table, row, 0), ==, record->id);
  g_assert_cmpint (moe_table_get_int (table, row, 1), ==, record->prompt);
  g_assert_cmpint (moe_table_get_int (table, row, 2), ==, record->position);
  g_assert_cmpstr (moe_table_get_text (table, row, 3), ==, moe_phase_get_name (record->phase));
  g_assert_cmpint (moe_table_get_int (table, row, 4), ==, layer);
}

/* Every row and column of the virtual tables against the records they were made from. */
static void
test_rows (Fixture       *fixture,
           gconstpointer  with_shared)
{
  g_autoptr(MoeTable) routing = query (fixture->recording, "SELECT * FROM routing");
  g_autoptr(MoeTable) shared = query (fixture->recording, "SELECT * FROM shared");
  g_autoptr(MoeTable) residual = query (fixture->recording, "SELECT * FROM residual");
  g_autoptr(MoeTable) attention = query (fixture->recording, "SELECT * FROM attention");
  guint routing_row = 0, shared_row = 0, residual_row = 0, attention_row = 0;

  for (guint i = 0; i < fixture->records->len; i++)
    {
      const MoeTokenRecord *record = g_ptr_array_index (fixture->records, i);

      for (guint layer = 0; layer < 3; layer++)
        {
          for (guint slot = 0; slot < 3; slot++)
            {
              guint at = layer * 3 + slot;

              if (record->experts[at] == MOE_NO_EXPERT)
                continue;
              check_common (routing, routing_row, record, fixture->info->moe_layers[layer]);
              g_assert_cmpint (moe_table_get_int (routing, routing_row, 5), ==, slot);
              g_assert_cmpint (moe_table_get_int (routing, routing_row, 6), ==, record->experts[at]);
              g_assert_cmpfloat (moe_table_get_double (routing, routing_row, 7), ==,
                                 half (record->weights[at]));
              g_assert_cmpfloat (moe_table_get_double (routing, routing_row, 8), ==, record->down_max[at]);
              g_assert_cmpint (moe_table_get_int (routing, routing_row, 9), ==, record->down_channel[at]);
              g_assert_cmpfloat (moe_table_get_double (routing, routing_row, 10), ==,
                                 half (record->down_norm[at]));
              g_assert_cmpfloat (moe_table_get_double (routing, routing_row, 11), ==,
                                 half (record->moe_turn[layer]));
              g_assert_cmpfloat (moe_table_get_double (routing, routing_row, 12), ==,
                                 half (record->router_entropy[layer]));
              routing_row++;
            }
          if (with_shared == NULL)
            continue;
          check_common (shared, shared_row, record, fixture->info->moe_layers[layer]);
          g_assert_cmpfloat (moe_table_get_double (shared, shared_row, 5), ==, record->shared_max[layer]);
          g_assert_cmpint (moe_table_get_int (shared, shared_row, 6), ==, record->shared_channel[layer]);
          g_assert_cmpfloat (moe_table_get_double (shared, shared_row, 7), ==,
                             half (record->shared_norm[layer]));
          shared_row++;
        }

      for (guint layer = 0; layer < 5; layer++)
        {
          check_common (residual, residual_row, record, layer);
          for (guint j = 0; j < 3; j++)
            {
              g_assert_cmpfloat (moe_table_get_double (residual, residual_row, 5 + j), ==,
                                 record->residual_top[layer * 3 + j]);
              g_assert_cmpint (moe_table_get_int (residual, residual_row, 8 + j), ==,
                               record->residual_channel[layer * 3 + j]);
            }
          g_assert_cmpfloat (moe_table_get_double (residual, residual_row, 11), ==,
                             record->residual_median[layer]);
          residual_row++;
          for (guint head = 0; head < 6; head++)
            {
              check_common (attention, attention_row, record, layer);
              g_assert_cmpint (moe_table_get_int (attention, attention_row, 5), ==, head);
              g_assert_cmpfloat (moe_table_get_double (attention, attention_row, 6), ==,
                                 half (record->attention_first[layer * 6 + head]));
              g_assert_cmpfloat (moe_table_get_double (attention, attention_row, 7), ==,
                                 half (record->attention_entropy[layer * 6 + head]));
              attention_row++;
            }
        }
    }

  g_assert_cmpuint (moe_table_get_n_rows (routing), ==, routing_row);
  g_assert_cmpuint (moe_table_get_n_rows (shared), ==, shared_row);
  g_assert_cmpuint (moe_table_get_n_rows (residual), ==, residual_row);
  g_assert_cmpuint (moe_table_get_n_rows (attention), ==, attention_row);
}

static void
test_group_by (Fixture       *fixture,
               gconstpointer  with_shared)
{
  g_autoptr(MoeTable) table = query (fixture->recording, "SELECT layer, expert, count(*) FROM routing "
                                                         "WHERE phase='answer' GROUP BY 1,2");
  guint counts[5][11] = { 0 }, row = 0;

  for (guint i = 0; i < fixture->records->len; i++)
    {
      const MoeTokenRecord *record = g_ptr_array_index (fixture->records, i);

      for (guint at = 0; record->phase == MOE_PHASE_ANSWER && at < 9; at++)
        {
          if (record->experts[at] != MOE_NO_EXPERT)
            counts[fixture->info->moe_layers[at / 3]][record->experts[at]]++;
        }
    }

  for (guint layer = 0; layer < 5; layer++)
    {
      for (guint expert = 0; expert < 11; expert++)
        {
          if (counts[layer][expert] == 0)
            continue;
          g_assert_cmpint (moe_table_get_int (table, row, 0), ==, layer);
          g_assert_cmpint (moe_table_get_int (table, row, 1), ==, expert);
          g_assert_cmpint (moe_table_get_int (table, row, 2), ==, counts[layer][expert]);
          row++;
        }
    }
  g_assert_cmpuint (moe_table_get_n_rows (table), ==, row);
}

/* A condition that is pushed down gives what the same condition gives on rows that were all unpacked:
 * `+column` keeps SQLite from offering it. */
static void
test_conditions (Fixture       *fixture,
                 gconstpointer  with_shared)
{
  static const struct { const char *pushed, *plain; } cases[] =
  {
    { "token = 40", "+token = 40" },
    { "token >= 12 AND token < 40", "+token >= 12 AND +token < 40" },
    { "token > 12 AND token <= 13.5", "+token > 12 AND +token <= 13.5" },
    { "token = '40'", "+token = 40" },
    { "token = 40.0", "+token = 40" },
    { "token = 40.5", "+token = 40.5" },
    { "token = NULL", "+token = NULL" },
    { "token IN (3, 5, 5, 88, 1000)", "+token IN (3, 5, 5, 88, 1000)" },
    { "prompt = 1", "+prompt = 1" },
    { "prompt = 1 AND position = 4", "+prompt = 1 AND +position = 4" },
    { "prompt = 'x'", "+prompt = 'x'" },
    { "phase = 'answer'", "+phase = 'answer'" },
    { "phase = 'ANSWER' COLLATE NOCASE", "+phase = 'answer'" },
    { "phase IN ('prompt', 'thinking')", "+phase IN ('prompt', 'thinking')" },
    { "phase = 3", "+phase = 3" },
    { "layer = 2", "+layer = 2" },
    { "layer = 3", "+layer = 3" },
    { "layer = -1", "+layer = -1" },
    { "layer = '4'", "+layer = 4" },
    { "layer >= 2", "+layer >= 2" },
    { "layer = 4 AND phase = 'prompt' AND token > 20", "+layer = 4 AND +phase = 'prompt' AND +token > 20" },
    { "token = 5 AND token = 6", "+token = 5 AND +token = 6" },
    { "token > 50 AND token > 70", "+token > 70" },
  };
  static const char * const tables[] = { "routing", "shared", "residual", "attention" };

  for (guint i = 0; i < G_N_ELEMENTS (tables); i++)
    {
      for (guint j = 0; j < G_N_ELEMENTS (cases); j++)
        {
          g_autofree char *sql = g_strdup_printf (
            "WITH pushed AS MATERIALIZED (SELECT * FROM %s WHERE %s), "
            "plain AS MATERIALIZED (SELECT * FROM %s WHERE %s) "
            "SELECT (SELECT count(*) FROM pushed), (SELECT count(*) FROM plain), "
            "(SELECT count(*) FROM (SELECT * FROM pushed EXCEPT SELECT * FROM plain)), "
            "(SELECT count(*) FROM (SELECT * FROM plain EXCEPT SELECT * FROM pushed))",
            tables[i], cases[j].pushed, tables[i], cases[j].plain);
          g_autoptr(MoeTable) table = query (fixture->recording, sql);

          g_test_message ("%s: %s: %" G_GINT64_FORMAT " rows", tables[i], cases[j].pushed,
                          moe_table_get_int (table, 0, 1));
          g_assert_cmpint (moe_table_get_int (table, 0, 0), ==, moe_table_get_int (table, 0, 1));
          g_assert_cmpint (moe_table_get_int (table, 0, 2), ==, 0);
          g_assert_cmpint (moe_table_get_int (table, 0, 3), ==, 0);
        }
    }
}

static void
check_same (MoeRecording *recording,
            const char   *sql,
            const char   *other)
{
  g_autoptr(MoeTable) a = query (recording, sql);
  g_autoptr(MoeTable) b = query (recording, other);

  g_assert_cmpuint (moe_table_get_n_rows (a), ==, moe_table_get_n_rows (b));
  g_assert_cmpuint (moe_table_get_n_rows (a), >, 0);
  for (guint row = 0; row < moe_table_get_n_rows (a); row++)
    g_assert_cmpint (moe_table_get_int (a, row, 0), ==, moe_table_get_int (b, row, 0));
}

static void
test_joins_and_order (Fixture       *fixture,
                      gconstpointer  with_shared)
{
  check_same (fixture->recording,
              "SELECT sum(expert) FROM token JOIN routing ON routing.token = token.id AND layer = 2",
              "SELECT sum(expert) FROM routing WHERE +layer = 2");
  /* Pairs of experts of neighbouring layers. */
  check_same (fixture->recording,
              "SELECT count(*) FROM routing a JOIN routing b ON b.token = a.token AND a.layer = 1 AND "
              "b.layer = 2",
              "SELECT sum(x * y) FROM (SELECT token, sum(layer = 1) x, sum(layer = 2) y FROM routing GROUP "
              "BY token)");
  check_same (fixture->recording,
              "SELECT token * 1000 + layer * 10 + slot FROM routing ORDER BY token, layer, slot",
              "SELECT token * 1000 + layer * 10 + slot FROM routing ORDER BY +token, +layer, +slot");
  check_same (fixture->recording, "SELECT token FROM residual ORDER BY token DESC, layer",
              "SELECT token FROM residual ORDER BY +token DESC");
}

static void
test_types (Fixture       *fixture,
            gconstpointer  with_shared)
{
  g_autoptr(MoeTable) table = query (fixture->recording,
    "SELECT 1 AS a, 0.5 AS b, 0.1 AS c, 'x' AS d, NULL AS e, 7 AS f, 1 AS g, x'00ff' AS h, CAST('y' AS BLOB) "
    "AS i "
    "UNION ALL SELECT NULL, 3, 1, 2.5, NULL, 'z', 0.25, NULL, NULL");
  static const MoeColumnType types[] =
  {
    MOE_COLUMN_INT, MOE_COLUMN_FLOAT, MOE_COLUMN_DOUBLE, MOE_COLUMN_TEXT, MOE_COLUMN_TEXT, MOE_COLUMN_TEXT,
    MOE_COLUMN_FLOAT, MOE_COLUMN_TEXT, MOE_COLUMN_TEXT,
  };

  g_assert_cmpuint (moe_table_get_n_columns (table), ==, G_N_ELEMENTS (types));
  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    g_assert_cmpint (moe_table_get_column_type (table, i), ==, types[i]);
  g_assert_cmpstr (moe_table_get_column_name (table, 1), ==, "b");
  g_assert_true (moe_table_is_missing (table, 1, 0));
  g_assert_cmpfloat (moe_table_get_double (table, 0, 2), ==, 0.1);
  g_assert_cmpstr (moe_table_get_text (table, 1, 3), ==, "2.5");
  g_assert_true (moe_table_is_missing (table, 0, 4));
  g_assert_cmpstr (moe_table_get_text (table, 0, 5), ==, "7");
  g_assert_cmpstr (moe_table_get_text (table, 0, 7), ==, "x'00ff'");
  g_assert_cmpstr (moe_table_get_text (table, 0, 8), ==, "y");
}

static void
test_refused_queries (Fixture       *fixture,
                      gconstpointer  with_shared)
{
  static const struct { const char *sql; int code; } cases[] =
  {
    { "", MOE_ERROR_INVALID },
    { "  -- nothing", MOE_ERROR_INVALID },
    { "SELEC 1", MOE_ERROR_INVALID },
    { "SELECT nonsense FROM token", MOE_ERROR_INVALID },
    { "SELECT 1; SELECT 2", MOE_ERROR_INVALID },
    { "DELETE FROM token", MOE_ERROR_INVALID },
    { "UPDATE run SET model = 'x'", MOE_ERROR_INVALID },
    { "INSERT INTO routing VALUES (1)", MOE_ERROR_INVALID },
    { "CREATE TEMP TABLE t (a)", MOE_ERROR_INVALID },
    { "CREATE VIRTUAL TABLE temp.t USING routing", MOE_ERROR_INVALID },
    { "DROP TABLE token", MOE_ERROR_INVALID },
    { "UPDATE sqlite_master SET sql = ''", MOE_ERROR_INVALID },
    { "ATTACH '/tmp/other' AS other", MOE_ERROR_INVALID },
    { "VACUUM INTO '/tmp/other'", MOE_ERROR_INVALID },
    { "PRAGMA user_version = 5", MOE_ERROR_INVALID },
    { "PRAGMA journal_mode = DELETE", MOE_ERROR_INVALID },
    { "PRAGMA trusted_schema = ON", MOE_ERROR_INVALID },
    { "SELECT * FROM pragma_hard_heap_limit", MOE_ERROR_INVALID },
    { "BEGIN", MOE_ERROR_INVALID },
    { "SELECT load_extension('x')", MOE_ERROR_INVALID },
    { "SELECT 1 + 9223372036854775807, abs(-9223372036854775808)", MOE_ERROR_INVALID },
    { "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT printf('%.*c', 20000000, 'x') "
      "FROM c", MOE_ERROR_LIMIT },
    { "SELECT zeroblob(100000000)", MOE_ERROR_INVALID },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(GError) error = NULL;
      MoeTable *table;

      g_test_message ("%s", cases[i].sql);
      table = moe_recording_query (fixture->recording, cases[i].sql, &error);
      g_assert_null (table);
      g_assert_error (error, MOE_ERROR, cases[i].code);
      g_assert_true (g_str_has_prefix (error->message, fixture->path));
    }
  /* And none of them left a trace. */
  check_same (fixture->recording, "SELECT count(*) FROM token", "SELECT 90");
  check_same (fixture->recording, "SELECT count(*) FROM pragma_table_info('token') WHERE name = 'phase'",
              "SELECT 1");
}

static void
test_read_while_written (void)
{
  char *folder = moe_test_folder_new ();
  g_autofree char *path = g_build_filename (folder, "a.moescope", NULL);
  g_autoptr(MoeModelInfo) info = moe_test_info_new (FALSE);
  g_autoptr(GRand) random = g_rand_new_with_seed (3);
  g_autoptr(GPtrArray) first = NULL, second = NULL;
  g_autoptr(MoeRecording) early = NULL, late = NULL;
  g_autofree char *early_hash = NULL;
  MoeRecordingWriter *writer;
  GError *error = NULL;
  Walk walk = { 0 };

  writer = moe_test_writer_new (path, info, FALSE, &error);
  g_assert_no_error (error);
  first = moe_test_write_prompts (writer, info, random, 1, 10);
  g_assert_true (moe_recording_writer_flush (writer, &error));
  early = moe_recording_open (path, &error);
  g_assert_no_error (error);

  second = moe_test_write_prompts (writer, info, random, 1, 10);
  g_assert_true (moe_recording_writer_flush (writer, &error));
  late = moe_recording_open (path, &error);
  g_assert_no_error (error);

  g_assert_cmpint (moe_recording_get_n_tokens (early), ==, 10);
  g_assert_cmpint (moe_recording_get_n_tokens (late), ==, 20);
  g_assert_cmpuint (strlen (moe_recording_get_hash (late)), ==, 64);
  g_assert_cmpstr (moe_recording_get_hash (early), !=, moe_recording_get_hash (late));
  walk.records = first;
  g_assert_true (moe_recording_foreach (early, 0, -1, check_record, &walk, &error));
  g_assert_cmpuint (walk.at, ==, 10);

  /* Readers do not keep the writer from closing, and see the same before and after. */
  moe_recording_writer_close (writer, TRUE, &error);
  g_assert_no_error (error);
  walk.at = 0;
  g_assert_true (moe_recording_foreach (early, 0, -1, check_record, &walk, &error));
  early_hash = g_strdup (moe_recording_get_hash (late));
  g_clear_pointer (&late, moe_recording_free);
  late = moe_recording_open (path, &error);
  g_assert_no_error (error);
  g_assert_true (moe_recording_is_finished (late));
  g_assert_cmpstr (moe_recording_get_hash (late), ==, early_hash);
  g_clear_pointer (&early, moe_recording_free);
  moe_test_folder_remove (folder);
}

static char *
get_extension (void)
{
  return g_test_build_filename (G_TEST_BUILT, "..", "data", "moescope-sqlite.so", NULL);
}

static void
test_extension (Fixture       *fixture,
                gconstpointer  with_shared)
{
  g_autofree char *extension = get_extension ();
  char *message = NULL;
  sqlite3_stmt *statement = NULL;
  sqlite3 *db = NULL;

  g_assert_cmpint (sqlite3_open_v2 (fixture->path, &db, SQLITE_OPEN_READONLY, NULL), ==, SQLITE_OK);
  sqlite3_db_config (db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1, NULL);
  g_assert_cmpint (sqlite3_load_extension (db, extension, NULL, &message), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_prepare_v2 (db, "SELECT count(DISTINCT layer) FROM residual", -1, &statement,
                                       NULL), ==,
                   SQLITE_OK);
  g_assert_cmpint (sqlite3_step (statement), ==, SQLITE_ROW);
  g_assert_cmpint (sqlite3_column_int (statement, 0), ==, 5);
  sqlite3_finalize (statement);
  g_assert_cmpint (sqlite3_close (db), ==, SQLITE_OK);

  /* On a file that is no recording: a sentence. */
  g_assert_cmpint (sqlite3_open (":memory:", &db), ==, SQLITE_OK);
  sqlite3_db_config (db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1, NULL);
  g_assert_cmpint (sqlite3_load_extension (db, extension, NULL, &message), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_prepare_v2 (db, "SELECT * FROM routing", -1, &statement, NULL), ==, SQLITE_ERROR);
  g_assert_nonnull (strstr (sqlite3_errmsg (db), "not a Moescope recording"));
  g_assert_cmpint (sqlite3_close (db), ==, SQLITE_OK);
}

static void
test_shell (Fixture       *fixture,
            gconstpointer  with_shared)
{
  g_autofree char *shell = g_find_program_in_path ("sqlite3");
  g_autofree char *extension = get_extension ();
  g_autofree char *load = g_strconcat (".load ", extension, NULL);
  g_autofree char *output = NULL, *wanted = NULL;
  const char *argv[] =
    { shell, "-cmd", load, fixture->path,
      "SELECT sum(expert * (layer + 1)) FROM routing WHERE phase = 'prompt'", NULL };
  GError *error = NULL;
  guint sum = 0;

#ifdef __SANITIZE_ADDRESS__
  g_test_skip ("a program without the sanitizer cannot load what was built with it");
  return;
#endif
  if (shell == NULL)
    {
      g_test_skip ("there is no sqlite3 shell");
      return;
    }

  for (guint i = 0; i < fixture->records->len; i++)
    {
      const MoeTokenRecord *record = g_ptr_array_index (fixture->records, i);

      for (guint at = 0; record->phase == MOE_PHASE_PROMPT && at < 9; at++)
        {
          if (record->experts[at] != MOE_NO_EXPERT)
            sum += record->experts[at] * (fixture->info->moe_layers[at / 3] + 1);
        }
    }
  wanted = g_strdup_printf ("%u\n", sum);
  g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &output, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (output, ==, wanted);
}

#define ADD(name, shared, func) \
  g_test_add ("/recording/" name, Fixture, GINT_TO_POINTER (shared), set_up, func, tear_down)

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("round-trip", FALSE, test_round_trip);
  ADD ("round-trip-shared", TRUE, test_round_trip);
  ADD ("stands-alone", FALSE, test_stands_alone);
  ADD ("rows", FALSE, test_rows);
  ADD ("rows-shared", TRUE, test_rows);
  ADD ("group-by", FALSE, test_group_by);
  ADD ("conditions", TRUE, test_conditions);
  ADD ("joins-and-order", FALSE, test_joins_and_order);
  ADD ("types", FALSE, test_types);
  ADD ("refused-queries", FALSE, test_refused_queries);
  ADD ("extension", FALSE, test_extension);
  ADD ("shell", FALSE, test_shell);
  g_test_add_func ("/recording/prompts-and-text", test_prompts_and_text);
  g_test_add_func ("/recording/masks", test_masks);
  g_test_add_func ("/recording/read-while-written", test_read_while_written);
  return g_test_run ();
}
