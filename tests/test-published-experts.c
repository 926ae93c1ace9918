/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-published-experts"

#include <math.h>
#include <string.h>

#include "analysis/moe-super-published.h"
#include "data/moe-error.h"
#include "tests/support/moe-test-recording.h"

#define HEADER "model,layer,expert,max_down_proj,source,n_layers,n_experts\n"

static MoePublishedExperts *
load (const char  *text,
      GError     **error)
{
  char *folder = moe_test_folder_new ();
  g_autofree char *path = g_build_filename (folder, "published.csv", NULL);
  MoePublishedExperts *published;

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  published = moe_published_experts_load (path, error);
  moe_test_folder_remove (folder);
  return published;
}

/* What the program ships is found, and says what the papers do. */
static void
test_shipped (void)
{
  GError *error = NULL;
  g_autoptr(MoePublishedExperts) published = moe_published_experts_load (NULL, &error);
  guint n_shared = 0, n_qwen = 0;

  g_assert_no_error (error);
  for (guint i = 0; i < moe_published_experts_get_n (published); i++)
    {
      const MoePublishedExpert *expert = moe_published_experts_get (published, i);

      n_shared += expert->expert == MOE_EXPERT_SHARED ? 1 : 0;
      if (!g_str_equal (expert->model, "Qwen3-30B-A3B"))
        continue;
      n_qwen++;
      g_assert_true ((expert->layer == 1 && expert->expert == 68)
                     || (expert->layer == 2 && expert->expert == 92)
                     || (expert->layer == 3 && expert->expert == 82));
    }
  g_assert_cmpuint (n_shared, ==, 5);
  g_assert_cmpuint (n_qwen, ==, 6);
}

static void
test_find (void)
{
  static const struct { const char *name; guint n_layers, n_experts; const char *found; } cases[] = {
    { "Qwen3 30B A3B", 48, 128, "Qwen3-30B-A3B" },
    { "qwen3-30b-a3b-q4_k_m", 48, 128, "Qwen3-30B-A3B" },
    { "Qwen3 30B A3B Instruct 2507", 48, 128, "Qwen3-30B-A3B-Instruct-2507" },
    { "Qwen3 30B A3B", 48, 64, NULL },
    { "Qwen3 30B A3B", 24, 128, NULL },
    { "Qwen3 Coder 30B A3B Instruct", 48, 128, NULL },
    { "Mistralai_Mixtral 8x7B Instruct v0.1", 32, 8, "Mixtral-8x7B-Instruct-v0.1" },
    { "DeepSeek V2 Lite Chat", 27, 64, "DeepSeek-V2-Lite-Chat" },
    { "DeepSeek V2", 60, 160, "DeepSeek-V2" },
    { "", 48, 128, NULL },
  };
  g_autoptr(MoePublishedExperts) published = moe_published_experts_load (NULL, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(MoeModelInfo) info = moe_test_info_new (FALSE);

      g_free (info->name);
      info->name = g_strdup (cases[i].name);
      info->n_layers = cases[i].n_layers;
      info->n_experts = cases[i].n_experts;
      g_assert_cmpstr (moe_published_experts_find (published, info), ==, cases[i].found);
    }
}

static void
test_bad (void)
{
  static const struct { const char *text, *message; } cases[] = {
    { "model,layer\nx,1\n", "published.csv:1: not seven columns" },
    { "model,layer,expert,max,source,n_layers,n_experts\n", "published.csv:1: not the columns" },
    { HEADER "x,1,2,3,s,2\n", "published.csv:2: not seven columns" },
    { HEADER "x,2,2,3,s,2,8\n", "published.csv:2: no model, or a layer or an expert" },
    { HEADER "x,1,8,3,s,2,8\n", "published.csv:2: no model, or a layer or an expert" },
    { HEADER "x,1,-2,3,s,2,8\n", "published.csv:2: no model, or a layer or an expert" },
    { HEADER "x,1,7,3,s,99999,8\n", "published.csv:2: no model, or a layer or an expert" },
    { HEADER "x,1,7,-3,s,2,8\n", "published.csv:2: max_down_proj is no positive number" },
    { HEADER "x,1,7,nan,s,2,8\n", "published.csv:2: max_down_proj is no positive number" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(GError) error = NULL;

      g_assert_null (load (cases[i].text, &error));
      g_assert_error (error, MOE_ERROR, MOE_ERROR_FORMAT);
      g_assert_nonnull (strstr (error->message, cases[i].message));
    }
}

static void
check_row (MoeTable   *table,
           guint       row,
           const char *cells)
{
  g_auto(GStrv) wanted = g_strsplit (cells, ",", -1);

  for (guint column = 0; wanted[column] != NULL; column++)
    {
      g_autofree char *cell = moe_table_format_cell (table, row, column);

      g_assert_cmpstr (cell, ==, wanted[column]);
    }
}

/* One layer of eight experts: L0E1 and the shared one are published, one of them twice; L0E1 and L0E5 are
 * found. */
static void
test_compare (void)
{
  static const struct { guint16 expert; float max; } outputs[] = { { 1, 500 }, { 5, 400 }, { 2, 3 } };
  char *folder = moe_test_folder_new ();
  g_autofree char *path = g_build_filename (folder, "run.moescope", NULL), *text = NULL, *other = NULL;
  g_autoptr(GPtrArray) records = g_ptr_array_new_with_free_func ((GDestroyNotify) moe_token_record_unref);
  g_autoptr(MoeModelInfo) info = moe_test_info_new (TRUE);
  g_auto(MoeSuperOptions) options;
  g_autoptr(MoePublishedExperts) published = NULL, others = NULL;
  g_autoptr(MoeSuperExperts) experts = NULL;
  g_autoptr(MoeTable) table = NULL;
  GError *error = NULL;
  MoeRecording *recording;

  g_free (info->name);
  info->name = g_strdup ("Some Model");
  info->n_layers = info->n_moe_layers = info->n_used = info->n_heads = 1;
  info->moe_layers[0] = 0;
  info->n_experts = 401;
  info->learned_sinks = FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (outputs); i++)
    {
      MoeTokenRecord *record = moe_token_record_new (1, 1, 1, 1, TRUE);

      record->id = record->position = i;
      record->phase = MOE_PHASE_PROMPT;
      record->experts[0] = outputs[i].expert;
      record->down_max[0] = outputs[i].max;
      record->residual_top[0] = 5000;
      record->residual_median[0] = 1;
      record->shared_max[0] = 1;
      g_ptr_array_add (records, record);
    }
  moe_test_write_records (path, info, records);
  recording = moe_recording_open (path, &error);
  g_assert_no_error (error);
  moe_super_options_init (&options);
  moe_super_options_parse_layers (&options, "all", NULL);
  experts = moe_super_experts_new (recording, &options, &error);
  published = load (HEADER "Some-Model,0,1,480,a,1,401\nSome-Model,0,-1,,a,1,401\nSome-Model,0,1,,b,1,401\n"
                    "Some,0,3,,c,1,401\n", &error);
  others = load (HEADER "Another,0,1,480,a,1,401\n", &error);
  g_assert_no_error (error);

  table = moe_super_published_to_table (experts, published, recording, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (moe_table_get_n_rows (table), ==, 4);
  check_row (table, 0, "0,1,480,a,1,500,1");
  check_row (table, 1, "0,-1,,a,4,1,0");
  check_row (table, 2, "0,1,,b,1,500,1");
  check_row (table, 3, "0,5,,,2,400,1");
  text = moe_super_published_describe (experts, published);
  g_assert_cmpstr (text, ==, "published for Some-Model: L0E1 L0S; found here: L0E1 L0E5");

  g_assert_null (moe_super_published_to_table (experts, others, recording, &error));
  g_assert_no_error (error);
  other = moe_super_published_describe (experts, others);
  g_assert_null (other);
  moe_recording_free (recording);
  moe_test_folder_remove (folder);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/published-experts/shipped", test_shipped);
  g_test_add_func ("/published-experts/find", test_find);
  g_test_add_func ("/published-experts/bad", test_bad);
  g_test_add_func ("/published-experts/compare", test_compare);
  return g_test_run ();
}
