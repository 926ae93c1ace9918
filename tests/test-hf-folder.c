/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-hf-folder"

/* Folders in safetensors: the same weights give the same logits as from a GGUF file, and damaged ones are
 * refused with one sentence. */

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "data/moe-error.h"
#include "data/moe-safetensors.h"
#include "tests/support/moe-checkpoint.h"
#include "tests/support/moe-hf-pair.h"
#include "tests/support/moe-hf-twin.h"
#include "tests/support/moe-logits-run.h"

/* A folder of the checkpoint @name alone. */
static void
make_folder (MoeHfPair     *self,
             const char    *name,
             MoeTensorType  type,
             guint          n_shards)
{
  moe_hf_pair_make (self, &(MoeHfCase) { name, type, n_shards });
}

static MoeModel *
open_model (const char *path)
{
  g_autoptr (GError) error = NULL;
  MoeModel *model = moe_model_open (path, NULL, NULL, NULL, &error);

  g_assert_no_error (error);
  return model;
}

static void
assert_same_tokens (MoeModel *a,
                    MoeModel *b)
{
  const char *text = "The world\xc3\xa9 don't  say hello\n\n  12345 <tool><tool> <|im_start|>'LL "
                     "router()\r\n ";
  gsize n, n_other;
  g_autofree gint32 *ids = moe_tokenizer_encode (moe_model_get_tokenizer (a), text, strlen (text),
                                                 MOE_TOKENIZE_PARSE_SPECIAL | MOE_TOKENIZE_ADD_BOS, &n);
  g_autofree gint32 *others = moe_tokenizer_encode (moe_model_get_tokenizer (b), text, strlen (text),
                                                    MOE_TOKENIZE_PARSE_SPECIAL | MOE_TOKENIZE_ADD_BOS,
                                                    &n_other);

  g_assert_cmpmem (ids, n * sizeof *ids, others, n_other * sizeof *others);
  g_assert_cmpuint (n, >, 20);
  for (guint i = 0; i < moe_tokenizer_get_n_tokens (moe_model_get_tokenizer (a)); i++)
    {
      g_assert_cmpint (moe_tokenizer_is_end (moe_model_get_tokenizer (a), (gint32) i), ==,
                       moe_tokenizer_is_end (moe_model_get_tokenizer (b), (gint32) i));
      g_assert_cmpint (moe_tokenizer_is_control (moe_model_get_tokenizer (a), (gint32) i), ==,
                       moe_tokenizer_is_control (moe_model_get_tokenizer (b), (gint32) i));
    }
}

/* @tolerance 0: the same bits. */
static void
assert_same_logits (const float *a,
                    const float *b,
                    gsize        n,
                    float        tolerance)
{
  for (gsize i = 0; i < n; i++)
    {
      if (tolerance > 0)
        g_assert_cmpfloat_with_epsilon (a[i], b[i], tolerance);
      else
        g_assert_cmpfloat (a[i], ==, b[i]);
    }
}

static void
test_same (gconstpointer data)
{
  const MoeHfCase *this = data;
  const MoeCheckpoint checkpoint = moe_hf_pair_get_checkpoint (this);
  g_autofree gint32 *tokens = moe_checkpoint_get_tokens (&checkpoint);
  gboolean f8 = this->type == MOE_TYPE_F8_E4M3;
  g_auto (MoeHfPair) twin = { NULL };
  MoeModel *file, *folder;
  g_autoptr (GError) error = NULL;
  g_autofree float *row = NULL;
  g_autofree float *same_row = NULL;

  moe_hf_pair_make (&twin, this);
  file = open_model (twin.gguf);
  folder = open_model (twin.folder);
  assert_same_tokens (file, folder);
  g_assert_cmpstr (moe_model_get_info (file)->architecture, ==, moe_model_get_info (folder)->architecture);
  if (f8)
    g_assert_nonnull (strstr (moe_model_get_info (folder)->quantisation, "F8_E4M3"));
  else
    {
      g_assert_cmpstr (moe_model_get_info (folder)->quantisation, ==,
                       moe_model_get_info (file)->quantisation);
      g_assert_cmpuint (moe_model_get_info (file)->active_bytes_per_token, ==,
                        moe_model_get_info (folder)->active_bytes_per_token);
    }
  g_assert_true (moe_gguf_is_folder (moe_model_get_gguf (folder)));
  g_assert_false (moe_gguf_is_folder (moe_model_get_gguf (file)));

  for (guint plain = 0; plain < 2; plain++)
    {
      MoeLogitsRun run = {
        .kernels = plain ? MOE_KERNELS_PLAIN : MOE_KERNELS_AUTO, .cache = MOE_CACHE_F32,
      };
      gsize n = checkpoint.n_tokens * sizeof (float) * moe_model_get_info (file)->vocabulary;
      g_autofree float *logits = moe_logits_run (file, &run, tokens, checkpoint.n_tokens, NULL, NULL);
      g_autofree float *same = moe_logits_run (folder, &run, tokens, checkpoint.n_tokens, NULL, NULL);

      assert_same_logits (logits, same, n / sizeof *logits, moe_hf_pair_is_rotated (this) ? 1e-4f : 0);
    }
  row = moe_model_dup_down_row (file, checkpoint.n_layers - 1, 3, 5);
  same_row = moe_model_dup_down_row (folder, checkpoint.n_layers - 1, 3, 5);
  g_assert_cmpmem (row, checkpoint.expert_width * sizeof *row, same_row,
                   checkpoint.expert_width * sizeof *row);

  g_assert_true (moe_gguf_check_unchanged (moe_model_get_gguf (folder), &error));
  moe_model_unref (file);
  moe_model_unref (folder);
}

/* One text of a file replaced by another, and what is said then. */
typedef struct
{
  const char *file, *from, *to;
  MoeError    code;
  const char *fragment;
  const char *name; /* of the checkpoint; NULL for qwen3moe-f32 */
} Damage;

static const Damage damages[] = {
  { "config.json", "qwen3_moe", "mixtrale", MOE_ERROR_UNSUPPORTED, "\"mixtrale\" are not supported" },
  { "config.json", "\"model_type\"", "\"kind\"", MOE_ERROR_FORMAT, "has no model_type" },
  { "config.json", "\"hidden_size\": 64", "\"hidden_size\": 32", MOE_ERROR_FORMAT, "has the shape" },
  { "config.json", "\"hidden_size\": 64", "\"hidden_size\": -64", MOE_ERROR_FORMAT, "hidden_size is" },
  { "config.json", "\"hidden_size\": 64", "\"hidden_size\": 6.4e1", MOE_ERROR_FORMAT, "hidden_size" },
  { "config.json", "\"num_experts\": 8", "\"num_experts\": 9", MOE_ERROR_FORMAT, "expert 8 is missing" },
  { "config.json", "\"num_experts\": 8", "\"num_experts\": 7", MOE_ERROR_FORMAT, "not one of 7 experts" },
  { "config.json", "\"num_experts\": 8", "\"num_experts\": 4000000000", MOE_ERROR_LIMIT, "too many" },
  { "config.json", "\"num_hidden_layers\": 3", "\"num_hidden_layers\": 2", MOE_ERROR_UNSUPPORTED,
    "is not part of the architecture" },
  { "config.json", "\"num_hidden_layers\": 3", "\"num_hidden_layers\": 4", MOE_ERROR_FORMAT, "is missing" },
  { "config.json", "\"norm_topk_prob\": true", "\"norm_topk_prob\": false", MOE_ERROR_UNSUPPORTED,
    "norm_topk_prob false" },
  { "config.json", "\"silu\"", "\"gelu\"", MOE_ERROR_UNSUPPORTED, "hidden_act \"gelu\"" },
  { "config.json", "\"rope_theta\"", "\"rope_thetb\"", MOE_ERROR_FORMAT, "rope_theta is missing" },
  { "config.json", "\"vocab_size\"", "\"rope_scaling\":{\"type\":\"dynamic\"},\"vocab_size\"",
    MOE_ERROR_UNSUPPORTED, "\"dynamic\" is not supported" },
  { "config.json", "\"vocab_size\"", "\"quantization_config\":{\"quant_method\":\"awq\"},\"vocab_size\"",
    MOE_ERROR_UNSUPPORTED, "quantised by awq" },
  { "config.json", "\"vocab_size\"", "\"mlp_only_layers\":[0],\"vocab_size\"", MOE_ERROR_UNSUPPORTED,
    "layers without experts" },
  { "config.json", "\"vocab_size\": ", "\"vocab_size\": 4000", MOE_ERROR_FORMAT, "but vocab_size is" },
  { "config.json", "\"vocab_size\": ", "\"vocab_size\": 1, \"size\": ", MOE_ERROR_FORMAT,
    "but vocab_size is 1" },
  { "config.json", "\"vocab_size\"", "\"vocab_size", MOE_ERROR_FORMAT, "config.json: " },
  { "tokenizer.json", "\"BPE\"", "\"Unigram\"", MOE_ERROR_UNSUPPORTED, "\"Unigram\" is not supported" },
  { "tokenizer.json", "\\\\s+(?!\\\\S)", "\\\\s+(?!\\\\S", MOE_ERROR_FORMAT, "split by is wrong at offset" },
  { "tokenizer.json", "\\\\s+(?!\\\\S)", "[a&&b]", MOE_ERROR_UNSUPPORTED, "pre_tokenizer" },
  { "tokenizer.json", "\"Isolated\"", "\"Removed\"", MOE_ERROR_UNSUPPORTED, "pre_tokenizer" },
  { "tokenizer.json", "\"add_prefix_space\":false", "\"add_prefix_space\":true", MOE_ERROR_UNSUPPORTED,
    "pre_tokenizer" },
  { "tokenizer.json", "\"NFC\"", "\"Lowercase\"", MOE_ERROR_UNSUPPORTED, "normalizer \"Lowercase\"" },
  { "tokenizer.json", "\"single_word\":false", "\"single_word\":true", MOE_ERROR_UNSUPPORTED,
    "single_word" },
  { "tokenizer.json", "\"a\":64", "\"a\":65", MOE_ERROR_FORMAT, "token 65 is empty or there twice" },
  { "tokenizer.json", "\"a\":64", "\"a\":99999", MOE_ERROR_FORMAT, "has a token 99999" },
  { "tokenizer.json", "\"a\":64", "\"a\":\"64\"", MOE_ERROR_FORMAT, "not a whole number" },
  { "tokenizer.json", "\"merges\":[", "\"merges\":[7,", MOE_ERROR_FORMAT, "merge 0 is not a pair" },
  { "tokenizer.json", "\"merges\":[", "\"merges\":[\"a b c\",", MOE_ERROR_FORMAT, "merge 0 is not a pair" },
  { "tokenizer.json", "\"merges\":[", "\"merged\":[", MOE_ERROR_FORMAT, "has no merges" },
  { "tokenizer.json", "\"post_processor\":{\"type\":\"ByteLevel\"}",
    "\"post_processor\":{\"type\":\"BertProcessing\"}", MOE_ERROR_UNSUPPORTED, "\"BertProcessing\"" },
  { "generation_config.json", "{", "[", MOE_ERROR_FORMAT, "generation_config.json: " },
  { "generation_config.json", "[", "[4000,", MOE_ERROR_FORMAT, "eos_token_id is 4000, but the vocabulary" },
  { "generation_config.json", "[", "[\"a\",", MOE_ERROR_FORMAT, "not a whole number or a list" },
  { "tokenizer_config.json", "{", "", MOE_ERROR_FORMAT, "tokenizer_config.json: " },
  { "model.safetensors.index.json", "weight_map", "weights", MOE_ERROR_FORMAT, "has no weight_map" },
  { "model.safetensors.index.json", "model-00001-of", "../model-00001-of", MOE_ERROR_FORMAT,
    "not a safetensors file of the folder" },
  { "model.safetensors.index.json", "model-00001-of", "model-00002-of", MOE_ERROR_FORMAT,
    "the index does not say" },
  { "model.safetensors.index.json", "model-00001-of", "model-00009-of", MOE_ERROR_IO, "No such file" },
  { "config.json", "\"kv_lora_rank\": 32", "\"kv_lora_rank\": 16", MOE_ERROR_FORMAT, "heads' 32 + 32 rows",
    "deepseek2-f32" },
  { "config.json", "\"noaux_tc\"", "\"greedy\"", MOE_ERROR_UNSUPPORTED, "topk_method \"greedy\"",
    "deepseek2-f32" },
  { "config.json", "\"sigmoid\"", "\"softmax\"", MOE_ERROR_UNSUPPORTED, "scoring_func \"softmax\"",
    "deepseek2-f32" },
  { "config.json", "\"mscale_all_dim\": ", "\"mscale_all_dim\": 1e4, \"x\": ", MOE_ERROR_FORMAT,
    "not a number from 0 to 1000", "deepseek2-f32" },
  { "config.json", "\"mscale_all_dim\": ", "\"mscale_all_dim\": \"1\", \"x\": ", MOE_ERROR_FORMAT,
    "not a number from 0 to 1000", "deepseek2-f32" },
  { "config.json", "\"mscale\": ", "\"x\": ", MOE_ERROR_UNSUPPORTED, "only one of mscale", "deepseek2-f32" },
  { "config.json", "\"mscale_all_dim\": ", "\"x\": ", MOE_ERROR_UNSUPPORTED, "only one of mscale",
    "deepseek2-f32" },
  { "config.json", "\"mscale\": ", "\"attention_factor\": 1.5, \"mscale\": ", MOE_ERROR_UNSUPPORTED,
    "attention_factor", "deepseek2-f32" },
  { "config.json", "\"greedy\"", "\"group_limited_greedy\"", MOE_ERROR_FORMAT, "topk_group is missing",
    "deepseek2-lite-q8_0" },
  { "config.json", "\"greedy\"", "\"noaux_tc\"", MOE_ERROR_UNSUPPORTED, "topk_method \"noaux_tc\"",
    "deepseek2-lite-q8_0" },
  { "config.json", "\"greedy\"", "\"group_limited_greedy\", \"n_group\": 3, \"topk_group\": 2",
    MOE_ERROR_FORMAT, "cannot be chosen in 2 of 3 groups", "deepseek2-lite-q8_0" },
  { "config.json", "\"greedy\"", "\"group_limited_greedy\", \"n_group\": 8, \"topk_group\": 1",
    MOE_ERROR_FORMAT, "fewer than the 2 experts used", "deepseek2-lite-q8_0" },
  { "config.json", "\"greedy\"", "\"group_limited_greedy\", \"n_group\": 2, \"topk_group\": 2.5",
    MOE_ERROR_FORMAT, "not a whole number", "deepseek2-lite-q8_0" },
  { "config.json", "\"qk_nope_head_dim\": 32", "\"qk_nope_head_dim\": 4000000000", MOE_ERROR_LIMIT,
    "impossibly large", "deepseek2-f32" },
  { "config.json", "\"hidden_act\"", "\"quantization_config\":{\"quant_method\":\"gptq\"},\"hidden_act\"",
    MOE_ERROR_UNSUPPORTED, "quantised by gptq", "deepseek2-f32" },
  { "config.json", "\"swiglu_limit\": 7.0", "\"swiglu_limit\": 6.0", MOE_ERROR_UNSUPPORTED, "swiglu_limit",
    "gpt-oss-mxfp4" },
  { "config.json", "\"sliding_attention\"", "\"full_attention\"", MOE_ERROR_UNSUPPORTED, "layer 0",
    "gpt-oss-mxfp4" },
  { "config.json", "\"mxfp4\"", "\"awq\"", MOE_ERROR_UNSUPPORTED, "quantised by awq", "gpt-oss-mxfp4" },
  { "config.json", "\"short_factor\": [", "\"short_factor\": [1, ", MOE_ERROR_FORMAT, "lists of one length",
    "phimoe-f32" },
  { "config.json", "\"short_factor\": [", "\"short_factor\": [\"a\", ", MOE_ERROR_FORMAT,
    "something else than divisors", "phimoe-f32" },
  { "config.json", "\"num_experts_per_tok\": 2", "\"num_experts_per_tok\": 3", MOE_ERROR_UNSUPPORTED,
    "other than 2 experts", "phimoe-f32" },
  { "config.json", "\"logits_scaling\"", "\"logits\"", MOE_ERROR_FORMAT, "logits_scaling is missing",
    "granitemoe-f32" },
  { "tokenizer.json", "\"Prepend\"", "\"Strip\"", MOE_ERROR_UNSUPPORTED, "writing spaces as U+2581",
    "llama-f32" },
  { "model.safetensors.index.json", "weight_map\":{",
    "weight_map\":{\"x\":\"model-00001-of-00002.safetensors\",", MOE_ERROR_FORMAT, "the index names" },
};

static void
test_damaged (gconstpointer data)
{
  const Damage *damage = data;
  g_auto (MoeHfPair) twin = { NULL };
  g_autoptr (GError) error = NULL;

  make_folder (&twin, damage->name != NULL ? damage->name : "qwen3moe-f32", MOE_TYPE_BF16, 2);
  moe_hf_pair_replace (twin.folder, damage->file, damage->from, damage->to);

  g_assert_null (moe_model_open (twin.folder, NULL, NULL, NULL, &error));
  g_test_message ("%s", error->message);
  g_assert_error (error, MOE_ERROR, (int) damage->code);
  g_assert_true (g_str_has_prefix (error->message, twin.folder));
  g_assert_nonnull (strstr (error->message, damage->fragment));
  g_assert_null (strchr (error->message, '\n'));
}

#define PIECE "\xe2\x96\x81"
#define END -1

/* What @huggingface/tokenizers 0.2.0 makes of the same tokenizer.json. */
static const struct { const char *text; gint32 plain[10], stripped[10]; } spaced[] = {
  { "Hello world", { 1, 308, 336, 313, 320, 320, 323, 285, END },
    { 1, 308, 336, 313, 320, 320, 323, 285, END } },
  { " the 12 in", { 1, 261, 308, 295, 267, END }, { 1, 261, 308, 295, 267, END } },
  { " <tool> and <tool>\n  the", { 1, 308, 366, 290, 308, 366, 364, 308, 261, END },
    { 1, 366, 288, 366, 303, END } },
  { "x <tool>", { 1, 308, 332, 308, 366, END }, { 1, 308, 332, 366, END } },
  { PIECE "the \xc3\xa9t\xc3\xa9 \xe4\xb8\xad", { 1, 261, 308, 305, 307, END },
    { 1, 261, 308, 305, 307, END } },
};

/* A space only before the very start of a text, as newer folders have it, and special tokens that take in the
 * white space around them. */
static void
test_metaspace (gconstpointer data)
{
  gboolean strip = GPOINTER_TO_INT (data);
  g_auto (MoeHfPair) twin = { NULL };
  MoeModel *model;

  make_folder (&twin, "llama-f32", MOE_TYPE_F32, 1);
  moe_hf_pair_replace (twin.folder, "tokenizer.json",
                       "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\",\"prepend\":\"" PIECE
                       "\"},{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"" PIECE "\"}]}"
                       ",\"pre_tokenizer\":null",
                       "null,\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"" PIECE
                       "\",\"prepend_scheme\":\"first\",\"split\":false}");
  if (strip)
    moe_hf_pair_replace (twin.folder, "tokenizer.json",
                         "\"lstrip\":false,\"rstrip\":false,\"normalized\":false,"
                         "\"single_word\":false,\"content\":\"<tool>\"", "\"lstrip\":true,\"rstrip\":true,"
                         "\"normalized\":false,\"single_word\":false,\"content\":\"<tool>\"");
  model = open_model (twin.folder);
  for (gsize i = 0; i < G_N_ELEMENTS (spaced); i++)
    {
      const gint32 *expected = strip ? spaced[i].stripped : spaced[i].plain;
      gsize n, n_expected = 0;
      g_autofree gint32 *ids = moe_tokenizer_encode (moe_model_get_tokenizer (model), spaced[i].text,
                                                     strlen (spaced[i].text), MOE_TOKENIZE_ADD_BOS, &n);

      while (expected[n_expected] != END)
        n_expected++;
      g_assert_cmpmem (ids, n * sizeof *ids, expected, n_expected * sizeof *expected);
    }
  moe_model_unref (model);
}

/* More tokens that end a turn than a file has keys for. */
static void
test_ends (void)
{
  g_auto (MoeHfPair) twin = { NULL };
  MoeModel *model;

  make_folder (&twin, "qwen3moe-f32", MOE_TYPE_F32, 1);
  moe_hf_pair_replace (twin.folder, "generation_config.json", "[", "[65,66,67,68,69,");
  model = open_model (twin.folder);
  for (gint32 id = 60; id < 75; id++)
    g_assert_cmpint (moe_tokenizer_is_end (moe_model_get_tokenizer (model), id), ==, id >= 65 && id <= 69);
  moe_model_unref (model);
}

#define A(offsets) "\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":" offsets "}"
#define B(offsets) "\"b\":{\"dtype\":\"BF16\",\"shape\":[4],\"data_offsets\":" offsets "}"

/* Headers of a file with 32 bytes of values. */
static const struct { const char *header; MoeError code; const char *fragment; } headers[] = {
  { "{" A ("[0,24]") "," B ("[24,32]") "}", 0, NULL },
  { "{\"__metadata__\":{\"format\":\"pt\"}," B ("[0,8]") "," A ("[8,32]") "}", 0, NULL },
  { "{" A ("[0,24]") "}", MOE_ERROR_FORMAT, "8 bytes at its end belong to no tensor" },
  { "{" B ("[24,32]") "}", MOE_ERROR_FORMAT, "24 bytes before tensor 'b'" },
  { "{" A ("[0,24]") "," B ("[20,28]") "}", MOE_ERROR_FORMAT, "overlap" },
  { "{" A ("[0,24]") "," A ("[0,24]") "}", MOE_ERROR_FORMAT, "belong to no tensor" },
  { "{" A ("[0,20]") "}", MOE_ERROR_FORMAT, "20 bytes where its shape needs 24" },
  { "{" A ("[16,40]") "}", MOE_ERROR_FORMAT, "end after its last byte" },
  { "{" A ("[24,0]") "}", MOE_ERROR_FORMAT, "does not say where" },
  { "{" A ("[-8,16]") "}", MOE_ERROR_FORMAT, "does not say where" },
  { "{" A ("[0,24,32]") "}", MOE_ERROR_FORMAT, "does not say where" },
  { "{" A ("[0,1e30]") "}", MOE_ERROR_FORMAT, "does not say where" },
  { "{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}", MOE_ERROR_FORMAT, "1 to 4" },
  { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,8],\"data_offsets\":[0,32]}}", MOE_ERROR_FORMAT, "1 to 4" },
  { "{\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}", MOE_ERROR_FORMAT, "dimension of 0" },
  { "{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296,8],\"data_offsets\":[0,32]}}",
    MOE_ERROR_FORMAT, "impossibly large" },
  { "{\"a\":{\"dtype\":\"F8_E5M2\",\"shape\":[32],\"data_offsets\":[0,32]}}", MOE_ERROR_UNSUPPORTED,
    "F8_E5M2" },
  { "{\"a\":{\"shape\":[32],\"data_offsets\":[0,32]}}", MOE_ERROR_FORMAT, "has no type" },
  { "{\"a\":7}", MOE_ERROR_FORMAT, "not described by an object" },
  { "{}", MOE_ERROR_FORMAT, "has no tensors" },
  { "[]", MOE_ERROR_FORMAT, "not a JSON object" },
  { "{\"a\":", MOE_ERROR_FORMAT, "is not JSON" },
  { "", MOE_ERROR_FORMAT, "its header" },
};

static void
test_headers (void)
{
  g_autofree char *path = g_strdup_printf ("%s/moe-test-%d.safetensors", g_get_tmp_dir (), (int) getpid ());

  for (gsize i = 0; i < G_N_ELEMENTS (headers); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (MoeSafetensors) file = NULL;

      moe_hf_twin_write_safetensors (path, headers[i].header, 32);
      file = moe_safetensors_open (path, &error);
      if (headers[i].fragment == NULL)
        {
          g_assert_no_error (error);
          g_assert_cmpuint (moe_safetensors_get_n_tensors (file), ==, 2);
          continue;
        }
      g_assert_null (file);
      g_test_message ("%s", error->message);
      g_assert_error (error, MOE_ERROR, (int) headers[i].code);
      g_assert_true (g_str_has_prefix (error->message, path));
      g_assert_nonnull (strstr (error->message, headers[i].fragment));
    }
  g_unlink (path);
}

/* Cut anywhere, a file is refused; so is one whose header claims to be longer than it. */
static void
test_truncated (void)
{
  g_autofree char *path = g_strdup_printf ("%s/moe-test-cut-%d.safetensors", g_get_tmp_dir (),
                                           (int) getpid ());
  g_autofree char *whole = NULL;
  gsize length;

  moe_hf_twin_write_safetensors (path, headers[0].header, 32);
  g_assert_true (g_file_get_contents (path, &whole, &length, NULL));
  for (gsize n = 0; n < length; n++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_true (g_file_set_contents (path, whole, (gssize) n, NULL));
      g_assert_null (moe_safetensors_open (path, &error));
      g_assert_error (error, MOE_ERROR, MOE_ERROR_FORMAT);
    }
  g_unlink (path);
}

int
main (int    argc,
      char **argv)
{
  const MoeHfCase *cases;
  guint n_cases;

  g_test_init (&argc, &argv, NULL);
  cases = moe_hf_pair_list_cases (&n_cases);
  for (guint i = 0; i < n_cases; i++)
    {
      g_autofree char *name = g_strdup_printf ("/hf-folder/same/%s-%s", cases[i].name,
                                               moe_tensor_type_get_name (cases[i].type));

      g_test_add_data_func (name, &cases[i], test_same);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (damages); i++)
    {
      g_autofree char *name = g_strdup_printf ("/hf-folder/damaged/%" G_GSIZE_FORMAT, i);

      g_test_add_data_func (name, &damages[i], test_damaged);
    }
  g_test_add_data_func ("/hf-folder/metaspace", GINT_TO_POINTER (FALSE), test_metaspace);
  g_test_add_data_func ("/hf-folder/strip", GINT_TO_POINTER (TRUE), test_metaspace);
  g_test_add_func ("/hf-folder/ends", test_ends);
  g_test_add_func ("/hf-folder/headers", test_headers);
  g_test_add_func ("/hf-folder/truncated", test_truncated);
  return g_test_run ();
}
