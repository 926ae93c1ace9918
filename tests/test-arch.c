/* SPDX-License-Identifier: MIT */
#include <glib/gstdio.h>
#include <string.h>

#include "data/moe-error.h"
#include "probes/moe-arch.h"
#include "probes/moe-model.h"
#include "tests/support/moe-checkpoint.h"
#include "tests/support/moe-gguf-writer.h"

/* What is read from a file's metadata, and that each wrong or missing part is refused with a sentence that
 * names it. That the numbers are then used as they should is what test-logits checks. */

typedef struct
{
  const char *key; /* after the architecture's name */
  guint32     value;
} Number;

/* A file that every architecture accepts. */
static const Number numbers[] = {
  { "block_count", 4 }, { "embedding_length", 64 }, { "feed_forward_length", 192 },
  { "attention.head_count", 4 }, { "attention.head_count_kv", 2 }, { "expert_count", 16 },
  { "expert_used_count", 4 }, { "expert_feed_forward_length", 96 }, { "expert_shared_count", 2 },
  { "leading_dense_block_count", 1 }, { "interleave_moe_layer_step", 1 }, { "expert_gating_func", 2 },
};

#define MISSING G_MAXUINT32

typedef struct
{
  const char *architecture;
  Number      changes[3];  /* in place of the numbers above, or besides */
  const char *message;     /* part of what is said; NULL = accepted */
  const char *array_key;   /* a key that holds an array, or NULL */
  guint       array_length;
  gint32      array[4];
} Case;

static const Number *
find_change (const Case *c,
             const char *key)
{
  for (guint i = 0; i < G_N_ELEMENTS (c->changes) && c->changes[i].key != NULL; i++)
    if (g_str_equal (c->changes[i].key, key))
      return &c->changes[i];
  return NULL;
}

static void
add_number (MoeGgufWriter *writer,
            const Case    *c,
            const char    *key,
            guint32        value)
{
  g_autofree char *full = g_strdup_printf ("%s.%s", c->architecture, key);

  if (value != MISSING)
    moe_gguf_writer_add_uint (writer, full, value);
}

static void
add_float (MoeGgufWriter *writer,
           const Case    *c,
           const char    *key,
           float          value)
{
  g_autofree char *full = g_strdup_printf ("%s.%s", c->architecture, key);

  moe_gguf_writer_add_float (writer, full, value);
}

static gboolean
read_case (const Case  *c,
           MoeHparams  *h,
           GError     **error)
{
  g_autoptr (GError) local = NULL;
  g_autofree char *folder = g_dir_make_tmp ("moe-test-XXXXXX", &local);
  g_autofree char *path = g_build_filename (folder, "model.gguf", NULL);
  g_autoptr (MoeGgufWriter) writer = moe_gguf_writer_new (3);
  g_autoptr (MoeGguf) gguf = NULL;
  const MoeArch *arch = moe_arch_find (c->architecture, &local);
  gboolean read;

  g_assert_no_error (local);
  moe_gguf_writer_add_string (writer, "general.architecture", c->architecture);
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      const Number *change = find_change (c, numbers[i].key);

      if (c->array_key == NULL || !g_str_equal (c->array_key, numbers[i].key))
        add_number (writer, c, numbers[i].key, change != NULL ? change->value : numbers[i].value);
    }
  for (guint i = 0; i < G_N_ELEMENTS (c->changes) && c->changes[i].key != NULL; i++)
    {
      gboolean known = FALSE;

      for (guint j = 0; j < G_N_ELEMENTS (numbers); j++)
        known = known || g_str_equal (numbers[j].key, c->changes[i].key);
      if (!known)
        add_number (writer, c, c->changes[i].key, c->changes[i].value);
    }
  if (c->array_key != NULL)
    {
      g_autofree char *full = g_strdup_printf ("%s.%s", c->architecture, c->array_key);

      moe_gguf_writer_add_array (writer, full, MOE_GGUF_INT32, c->array, c->array_length);
    }
  add_float (writer, c, "attention.layer_norm_rms_epsilon", 1e-5f);
  if (find_change (c, "logit_scale") == NULL)
    add_float (writer, c, "logit_scale", 8.0f);
  add_float (writer, c, "residual_scale", 0.5f);
  moe_gguf_writer_save (writer, path, &local);
  g_assert_no_error (local);
  gguf = moe_gguf_open (path, &local);
  g_assert_no_error (local);
  read = moe_hparams_read (gguf, arch, h, error);
  g_assert_cmpint (g_unlink (path), ==, 0);
  g_assert_cmpint (g_rmdir (folder), ==, 0);
  return read;
}

static void
check_cases (const Case *cases,
             guint       n)
{
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (GError) error = NULL;
      MoeHparams h;

      g_test_message ("%s: %s", cases[i].architecture, cases[i].message != NULL ? cases[i].message : "fine");
      if (cases[i].message == NULL)
        {
          read_case (&cases[i], &h, &error);
          g_assert_no_error (error);
          continue;
        }
      g_assert_false (read_case (&cases[i], &h, &error));
      g_assert_true (error->domain == MOE_ERROR);
      g_test_message ("  %s", error->message);
      g_assert_nonnull (strstr (error->message, cases[i].message));
      g_assert_nonnull (strstr (error->message, "model.gguf: "));
      g_assert_null (strchr (error->message, '\n'));
    }
}

static void
test_refused (void)
{
  static const Case cases[] = {
    { "deepseek", { { NULL } }, NULL },
    { "deepseek", { { "expert_shared_count", MISSING } }, "the key deepseek.expert_shared_count is missing" },
    { "deepseek", { { "leading_dense_block_count", 4 } }, "4 of the 4 layers have no experts" },
    { "deepseek", { { "feed_forward_length", MISSING } }, "the key deepseek.feed_forward_length is missing" },
    { "deepseek", { { "feed_forward_length", MISSING }, { "leading_dense_block_count", 0 } }, NULL },
    { "deepseek", { { "expert_shared_count", 4096 }, { "expert_feed_forward_length", 1048576 } },
      "4096 shared experts have 4294967296 hidden values together" },
    { "deepseek", { { "expert_shared_count", 4097 } }, "not between 0 and 4096" },
    { "bailingmoe2", { { "expert_gating_func", MISSING } },
      "the key bailingmoe2.expert_gating_func is missing" },
    { "bailingmoe2", { { "expert_gating_func", 0 } }, "expert_gating_func is 0, which says nothing" },
    { "bailingmoe2", { { "expert_gating_func", 4 } }, "gated by function number 4 are not supported" },
    { "bailingmoe2", { { "expert_group_count", 4 } },
      "the key bailingmoe2.expert_group_used_count is missing" },
    { "bailingmoe2", { { "expert_group_count", 3 }, { "expert_group_used_count", 1 } },
      "16 experts cannot be chosen in 1 of 3 groups" },
    { "bailingmoe2", { { "expert_group_count", 16 }, { "expert_group_used_count", 8 } },
      "16 experts cannot be chosen in 8 of 16 groups" },
    { "bailingmoe2", { { "expert_group_count", 4 }, { "expert_group_used_count", 4 } },
      "16 experts cannot be chosen in 4 of 4 groups" },
    { "bailingmoe2", { { "expert_group_count", 8 }, { "expert_group_used_count", 1 } },
      "1 of 8 groups have fewer than the 4 experts used" },
    { "minimax-m2", { { "expert_gating_func", MISSING } },
      "the key minimax-m2.expert_gating_func is missing" },
    { "ernie4_5-moe", { { "interleave_moe_layer_step", MISSING } }, "interleave_moe_layer_step is missing" },
    { "ernie4_5-moe", { { "interleave_moe_layer_step", 2 } },
      "experts in one of 2 layers are not supported" },
    { "granitemoe", { { "logit_scale", MISSING } }, "the key granitemoe.logit_scale is missing" },
    { "glm4moe", { { "nextn_predict_layers", 4 } }, "nextn_predict_layers is 4, not between 0 and 3" },
    { "glm4moe", { { "nextn_predict_layers", 3 } }, "1 of the 1 layers have no experts" },
    { "qwen3moe", { { "rope.dimension_sections", 8 } }, "RoPE in sections" },
    { "glm4moe", { { "rope.dimension_sections", 8 } }, "glm4moe.rope.dimension_sections" },
    { "qwen3vlmoe", { { NULL } }, "the key qwen3vlmoe.rope.dimension_sections is missing" },
    { "dots1", { { "expert_used_count", 17 } }, "17 experts are used but there are only 16" },
    { "dots1", { { "expert_count", 0 } }, "a dense dots1 model" },
  };

  check_cases (cases, G_N_ELEMENTS (cases));
}

/* Heads of 16 values have 8 rotary pairs. */
static void
test_sections (void)
{
#define SECTIONS(arch, message, n, ...) \
  { arch, { { NULL } }, message, "rope.dimension_sections", n, { __VA_ARGS__ } }
  static const Case cases[] = {
    SECTIONS ("glm4moe", NULL, 4, 3, 3, 2, 0),
    SECTIONS ("glm4moe", "RoPE with a fourth section (glm4moe.rope.dimension_sections)", 4, 2, 2, 2, 2),
    SECTIONS ("glm4moe", NULL, 4, 8, 0, 0, 8), /* one that is not meant as such */
    SECTIONS ("glm4moe", "into four sections", 3, 3, 3, 2),
    SECTIONS ("glm4moe", "into four sections", 4, 3, 3, -1, 0),
    SECTIONS ("glm4moe", "into four sections", 4, 16, 1, 0, 0),
    SECTIONS ("glm4moe", "into four sections", 4, 0, 0, 0, 0),
    SECTIONS ("qwen3vlmoe", NULL, 4, 3, 3, 2, 0),
    SECTIONS ("qwen3vlmoe", "RoPE with a fourth section", 4, 6, 1, 1, 0),
    SECTIONS ("qwen3vlmoe", "RoPE with a fourth section", 4, 3, 2, 2, 1),
    SECTIONS ("qwen3moe", "RoPE in sections (qwen3moe.rope.dimension_sections), for pictures", 4, 3, 3, 2, 0),
  };
#undef SECTIONS

  check_cases (cases, G_N_ELEMENTS (cases));
}

static void
test_layer_arrays (void)
{
#define ARRAY(arch, message, key, n, ...) { arch, { { NULL } }, message, key, n, { __VA_ARGS__ } }
  static const Case cases[] = {
    ARRAY ("qwen3moe", NULL, "attention.head_count", 4, 4, 4, 4, 4),
    ARRAY ("qwen3moe", "layers that differ in qwen3moe.attention.head_count (4 and 2)",
           "attention.head_count", 4, 4, 4, 4, 2),
    ARRAY ("qwen3moe", "qwen3moe.attention.head_count has 3 numbers for 4 layers", "attention.head_count", 3,
           4, 4, 4),
    ARRAY ("qwen3moe", "qwen3moe.attention.head_count is -1, not between 1 and 65536", "attention.head_count",
           4, -1, -1, -1, -1),
    ARRAY ("qwen3moe", "layers that differ in qwen3moe.attention.head_count_kv (2 and 4)",
           "attention.head_count_kv", 4, 2, 4, 2, 4),
    ARRAY ("dots1", "layers that differ in dots1.feed_forward_length (192 and 96)", "feed_forward_length", 4,
           192, 96, 96, 96),
    ARRAY ("dots1", "layers that differ in dots1.expert_feed_forward_length (0 and 96)",
           "expert_feed_forward_length", 4, 0, 96, 96, 96),
    ARRAY ("dots1", "layers that differ in dots1.expert_used_count (4 and 2)", "expert_used_count", 4, 4, 4,
           2, 2),
    { "gpt-oss", { { "attention.sliding_window", 8 } },
      "gpt-oss.attention.sliding_window_pattern has 2 numbers for 4 layers",
      "attention.sliding_window_pattern", 2, { 1, 0 } },
    { "gemma4", { { "attention.sliding_window", 8 } },
      "the key gemma4.attention.sliding_window_pattern is missing" },
    { "gemma4", { { "attention.sliding_window", 8 }, { "attention.key_length_swa", 32 } },
      "keys of 16 and 32 values, of which 16 and 16 turn, do not fit values of 16 and 16",
      "attention.sliding_window_pattern", 4, { 1, 1, 0, 1 } },
    { "gemma4", { { "attention.sliding_window", 8 }, { "attention.shared_kv_layers", 2 } },
      "layers that share keys and values with others (gemma4) are not supported",
      "attention.sliding_window_pattern", 4, { 1, 1, 0, 1 } },
    { "gemma4", { { "attention.sliding_window", 8 }, { "embedding_length_per_layer_input", 32 } },
      "embeddings of each layer (gemma4) are not supported",
      "attention.sliding_window_pattern", 4, { 1, 1, 0, 1 } },
    ARRAY ("lfm2moe", "layers with 1 and with 2 key-value heads in one model", "attention.head_count_kv", 4,
           0, 2, 1, 0),
    ARRAY ("lfm2moe", "no layer has attention", "attention.head_count_kv", 4, 0, 0, 0, 0),
  };
#undef ARRAY

  check_cases (cases, G_N_ELEMENTS (cases));
}

/* All architectures with experts that llama.cpp v0.5.0 runs, but for those that are run here. */
static void
test_other_architectures (void)
{
  static const char *const names[] = {
    "llama4", "mistral3", "mistral4", "qwen4exp", "dbrx", "grok", "arctic", "jamba", "deepseek2-ocr",
    "deepseek32", "deepseek4", "glm-dsa", "bailingmoe3", "dots3note", "hy_v3", "hy_v4", "smallthinker",
    "grovemoe", "llada-moe", "rnd1", "minimax-01", "minimax-m3", "mimo2", "step35", "afmoe", "exaone-moe",
    "cohere2moe", "mellum", "laguna", "maple", "granite_swa", "granitehybrid", "nemotron_h_moe",
    "kimi-linear", "kimi-k3", "nomic-bert-moe",
  };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *expected = g_strdup_printf ("the architecture %s is a mixture of experts that this "
                                                   "version cannot run", names[i]);

      g_assert_null (moe_arch_find (names[i], &error));
      g_assert_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED);
      g_assert_cmpstr (error->message, ==, expected);
    }
}

static MoeHparams
read_good (const char *architecture,
           const char *key,
           guint32     value)
{
  Case c = { .architecture = architecture, .changes = { { key, value } } };
  g_autoptr (GError) error = NULL;
  MoeHparams h;

  read_case (&c, &h, &error);
  g_assert_no_error (error);
  return h;
}

static void
test_widths (void)
{
  MoeHparams h = read_good ("deepseek", NULL, 0);

  g_assert_cmpuint (h.dense_width, ==, 192);
  g_assert_cmpuint (h.n_dense, ==, 1);
  g_assert_cmpuint (h.shared_width, ==, 2 * 96);
  g_assert_cmpuint (h.n_shared, ==, 2);

  /* The first files of qwen2moe have neither key. */
  h = read_good ("qwen2moe", "expert_feed_forward_length", MISSING);
  g_assert_cmpuint (h.expert_width, ==, 192 / 4);
  g_assert_cmpuint (h.shared_width, ==, 192);
  g_assert_cmpuint (h.n_dense, ==, 0);
  h = read_good ("qwen2moe", "expert_shared_feed_forward_length", 80);
  g_assert_cmpuint (h.shared_width, ==, 80);

  /* A count alone makes no shared expert where a width says whether there is one. */
  h = read_good ("ernie4_5-moe", NULL, 0);
  g_assert_cmpuint (h.shared_width, ==, 0);
  g_assert_cmpuint (h.n_shared, ==, 0);
  h = read_good ("ernie4_5-moe", "expert_shared_feed_forward_length", 192);
  g_assert_cmpuint (h.shared_width, ==, 192);
  g_assert_cmpuint (h.n_shared, ==, 2);

  h = read_good ("bailingmoe2", NULL, 0);
  g_assert_cmpuint (h.shared_width, ==, 2 * 96);
  h = read_good ("bailingmoe2", "expert_shared_feed_forward_length", 32);
  g_assert_cmpuint (h.shared_width, ==, 2 * 32);
}

static void
test_defaults (void)
{
  MoeHparams h = read_good ("glm4moe", "expert_gating_func", MISSING);

  g_assert_cmpint (h.gating, ==, MOE_GATING_SIGMOID);
  g_assert_false (h.norm_weights);
  g_assert_cmpuint (h.n_groups, ==, 1);
  h = read_good ("glm4moe", "expert_gating_func", 1);
  g_assert_cmpint (h.gating, ==, MOE_GATING_SOFTMAX);
  h = read_good ("glm4moe", "nextn_predict_layers", 1);
  g_assert_cmpuint (h.n_layers, ==, 3);
  g_assert_cmpuint (h.n_skipped, ==, 1);

  /* A key that an architecture does not have changes nothing. */
  h = read_good ("qwen3moe", "expert_gating_func", 2);
  g_assert_cmpint (h.gating, ==, MOE_GATING_SOFTMAX);
  g_assert_true (h.norm_weights);
  g_assert_cmpfloat (h.residual_scale, ==, 1);

  h = read_good ("granitemoe", NULL, 0);
  g_assert_cmpfloat (h.logit_scale, ==, 0.125f);
  g_assert_cmpfloat (h.residual_scale, ==, 0.5f);
  g_assert_cmpfloat (h.embedding_scale, ==, 1);
  g_assert_cmpfloat (h.attention_scale, ==, 0.25f);
}

/* Opens checkpoint @name after one byte of a tensor's name was changed: it is missing, and another is there
 * that is not known. */
static void
assert_renamed (const char *name,
                const char *tensor,
                const char *message)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = g_dir_make_tmp ("moe-test-XXXXXX", &error);
  g_autofree char *path = g_build_filename (folder, "model.gguf", NULL);
  g_autofree char *contents = NULL;
  g_autoptr (MoeModel) model = NULL;
  gsize length;
  char *at;

  moe_checkpoint_write (moe_checkpoint_find (name), FALSE, path, &error);
  g_assert_no_error (error);
  g_file_get_contents (path, &contents, &length, &error);
  g_assert_no_error (error);
  at = memmem (contents, length, tensor, strlen (tensor));
  g_assert_nonnull (at);
  at[strlen (tensor) - strlen ("weight")] = 'x';
  g_file_set_contents (path, contents, (gssize) length, &error);
  g_assert_no_error (error);

  model = moe_model_open (path, NULL, NULL, NULL, &error);
  g_assert_null (model);
  g_assert_true (error->domain == MOE_ERROR);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, message));
  g_assert_cmpint (g_unlink (path), ==, 0);
  g_assert_cmpint (g_rmdir (folder), ==, 0);
}

static void
test_tensors (void)
{
  assert_renamed ("deepseek-f32", "blk.1.ffn_up_shexp.weight",
                  "the tensor blk.1.ffn_up_shexp.weight is missing");
  assert_renamed ("deepseek-f32", "blk.0.ffn_gate.weight", "the tensor blk.0.ffn_gate.weight is missing");
  assert_renamed ("qwen2moe-f32", "blk.1.ffn_gate_inp_shexp.weight",
                  "the tensor blk.1.ffn_gate_inp_shexp.weight is missing");
  assert_renamed ("glm4moe-f32", "blk.1.post_attention_norm.weight",
                  "the tensor blk.1.post_attention_norm.weight is missing");
  assert_renamed ("glm4moe-f32", "blk.1.attn_q_norm.weight",
                  "layer 1 has only one of attn_q_norm and attn_k_norm");
  assert_renamed ("bailingmoe2-f32", "blk.1.attn_qkv.weight", "the tensor blk.1.attn_qkv.weight is missing");
  /* What need not be there is refused under a name that nothing uses: the file may mean something by it. */
  assert_renamed ("llama-rope-f32", "rope_freqs.weight",
                  "the tensor rope_freqs.xeight is not part of the architecture llama");
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/arch/refused", test_refused);
  g_test_add_func ("/arch/sections", test_sections);
  g_test_add_func ("/arch/layer-arrays", test_layer_arrays);
  g_test_add_func ("/arch/other-architectures", test_other_architectures);
  g_test_add_func ("/arch/widths", test_widths);
  g_test_add_func ("/arch/defaults", test_defaults);
  g_test_add_func ("/arch/tensors", test_tensors);
  return g_test_run ();
}
