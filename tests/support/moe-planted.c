/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-planted"

#include "tests/support/moe-planted.h"

#include <string.h>

#define N_LAYERS 8
#define WIDTH    64
#define HIDDEN   32
#define HEADS    4
#define KV_HEADS 2
#define HEAD_DIM 16
/* The first layers after which the rule of the paper no longer looks. */
#define N_FORMING 6
/* The rotary pair that turns least, so that its dot products hardly depend on the distance: where halves are
 * rotated, and where neighbours are. */
#define SLOW_DIM_HALVES (HEAD_DIM / 2 - 1)
#define SLOW_DIM_PAIRS  (HEAD_DIM - 1)

static const struct
{
  const char *architecture;
  guint       n_experts, n_used, n_dense, n_shared, n_planted;
} shapes[MOE_N_PLANTED_SHAPES] = {
  [MOE_PLANTED_SEVERAL] = { "qwen3moe", 72, 4, 0, 0, 3 },
  [MOE_PLANTED_SINGLE] = { "qwen3moe", 8, 2, 0, 0, 1 },
  [MOE_PLANTED_NONE] = { "qwen3moe", 8, 2, 0, 0, 0 },
  [MOE_PLANTED_SHARED] = { "qwen2moe", 72, 4, 0, 1, 3 },
  [MOE_PLANTED_DENSE] = { "deepseek", 64, 4, 2, 2, 2 },
};

static void
place_experts (MoePlanted *self,
               GRand      *random)
{
  gint32 n_experts = (gint32) self->checkpoint.n_experts, n_dense = (gint32) self->checkpoint.n_dense;
  guint layer = (guint) g_rand_int_range (random, n_dense, n_dense + (self->n_planted > 1 ? 2 : 4));

  for (guint i = 0; i < self->n_planted; i++, layer++)
    {
      self->planted[i] = (MoePlantedExpert) {
        .layer = layer,
        .expert = g_rand_int_range (random, 0, n_experts),
        .input_channel = (guint) g_rand_int_range (random, 0, HIDDEN),
        .weight = (float) g_rand_double_range (random, 500, 700),
      };
    }
  if (self->checkpoint.n_shared > 0 && self->n_planted > 2)
    self->planted[1].expert = MOE_EXPERT_SHARED;
  /* Layers 0 to 4 may be planted, so this one and the sink's are free. */
  self->sink_layer = self->n_planted > 0 ? self->planted[self->n_planted - 1].layer + 1 : 1;
  self->sink_head = (guint) g_rand_int_range (random, 0, HEADS);
  self->busy_layer = N_FORMING - 1;
  self->busy_expert = (guint) g_rand_int_range (random, 0, n_experts);
  self->late_layer = N_LAYERS - 1;
  self->late_expert = (guint) g_rand_int_range (random, 0, n_experts);
}

void
moe_planted_init (MoePlanted      *self,
                  MoePlantedShape  shape,
                  guint            seed)
{
  g_autoptr(GRand) random = g_rand_new_with_seed (seed);
  guint channels[WIDTH];

  memset (self, 0, sizeof *self);
  self->checkpoint = (MoeCheckpoint) {
    .name = "planted", .architecture = shapes[shape].architecture,
    .type = MOE_TYPE_F32, .down_type = MOE_TYPE_F32,
    .n_layers = N_LAYERS, .width = WIDTH, .expert_width = HIDDEN, .n_heads = HEADS, .n_kv_heads = KV_HEADS,
    .head_dim = HEAD_DIM, .n_experts = shapes[shape].n_experts, .n_used = shapes[shape].n_used,
    .n_dense = shapes[shape].n_dense, .n_shared = shapes[shape].n_shared,
    .n_tokens = 24, .seed = seed,
  };
  self->n_planted = shapes[shape].n_planted;
  place_experts (self, random);

  for (guint i = 0; i < WIDTH; i++)
    channels[i] = i;
  for (guint i = 0; i < 4; i++)
    {
      guint other = (guint) g_rand_int_range (random, (gint32) i, WIDTH);
      guint channel = channels[other];

      channels[other] = channels[i];
      channels[i] = channel;
    }
  self->channel = channels[0];
  self->flag = channels[1];
  self->one = channels[2];
  self->late_channel = channels[3];
}

/* Sets column @column of @n rows of @width values. */
static void
set_column (float *x,
            gsize  n,
            guint  width,
            guint  column,
            float  value)
{
  for (gsize row = 0; row < n; row++)
    x[row * width + column] = value;
}

static void
edit_embedding (const MoePlanted *self,
                float            *x,
                gsize             n)
{
  gsize n_tokens = n / WIDTH;

  set_column (x, n_tokens, WIDTH, self->flag, 0);
  set_column (x, n_tokens, WIDTH, self->channel, 0);
  set_column (x, n_tokens, WIDTH, self->one, 1);
  x[(gsize) MOE_PLANTED_FIRST * WIDTH + self->flag] = 20;
}

/* @x: (rows, row) of which the rows of our three channels become 0, so that nothing writes there. */
static void
clear_rows (const MoePlanted *self,
            float            *x,
            guint             row)
{
  memset (x + (gsize) self->flag * row, 0, row * sizeof *x);
  memset (x + (gsize) self->channel * row, 0, row * sizeof *x);
  memset (x + (gsize) self->one * row, 0, row * sizeof *x);
}

/* The channel that the planted expert @index is chosen by. */
static guint
get_trigger (const MoePlanted *self,
             guint             index)
{
  return index == 0 ? self->flag : self->channel;
}

static void
edit_router (const MoePlanted *self,
             guint             layer,
             float            *x)
{
  guint n_experts = self->checkpoint.n_experts;

  set_column (x, n_experts, WIDTH, self->flag, 0);
  set_column (x, n_experts, WIDTH, self->channel, 0);
  set_column (x, n_experts, WIDTH, self->one, 0);
  for (guint i = 0; i < self->n_planted; i++)
    {
      float *row;

      if (self->planted[i].layer != layer || self->planted[i].expert == MOE_EXPERT_SHARED)
        continue;
      row = x + (gsize) self->planted[i].expert * WIDTH;
      memset (row, 0, WIDTH * sizeof *row);
      row[get_trigger (self, i)] = 3;
    }
  if (layer == self->busy_layer)
    x[(gsize) self->busy_expert * WIDTH + self->one] = 100;
  if (layer == self->late_layer)
    x[(gsize) self->late_expert * WIDTH + self->one] = 100;
}

/* The planted weights of @layer, in the matrix of its shared expert or in those of the routed ones. */
static void
plant_weights (const MoePlanted *self,
               guint             layer,
               gboolean          shared,
               guint             hidden,
               float            *x)
{
  for (guint i = 0; i < self->n_planted; i++)
    {
      const MoePlantedExpert *p = &self->planted[i];
      gsize matrix = shared ? 0 : (gsize) p->expert;

      if (p->layer == layer && (p->expert == MOE_EXPERT_SHARED) == shared)
        x[(matrix * WIDTH + self->channel) * hidden + p->input_channel] = p->weight;
    }
}

static void
edit_down (const MoePlanted *self,
           guint             layer,
           float            *x)
{
  const gsize one_expert = (gsize) WIDTH * HIDDEN;

  for (guint expert = 0; expert < self->checkpoint.n_experts; expert++)
    clear_rows (self, x + expert * one_expert, HIDDEN);
  plant_weights (self, layer, FALSE, HIDDEN, x);
  for (gsize i = 0; layer == self->late_layer && i < HIDDEN; i++)
    x[self->late_expert * one_expert + (gsize) self->late_channel * HIDDEN + i] *= 3e4f;
}

/* Gate or up: the hidden value of each planted expert is its trigger's, gated by itself. */
static void
edit_up (const MoePlanted *self,
         guint             layer,
         gboolean          shared,
         float            *x)
{
  for (guint i = 0; i < self->n_planted; i++)
    {
      const MoePlantedExpert *p = &self->planted[i];
      float *row;

      if (p->layer != layer || (p->expert == MOE_EXPERT_SHARED) != shared)
        continue;
      row = x + ((shared ? 0 : (gsize) p->expert * HIDDEN) + p->input_channel) * WIDTH;
      memset (row, 0, WIDTH * sizeof *row);
      row[get_trigger (self, i)] = 1;
    }
}

static void
edit_layer (const MoePlanted *self,
            guint             layer,
            const char       *what,
            float            *x,
            gsize             n)
{
  gboolean sink = layer == self->sink_layer && self->n_planted > 0;
  gboolean pairs = g_str_equal (self->checkpoint.architecture, "deepseek");
  guint slow = pairs ? SLOW_DIM_PAIRS : SLOW_DIM_HALVES, n_shared = self->checkpoint.n_shared;

  if (g_str_equal (what, "attn_norm.weight") || g_str_equal (what, "ffn_norm.weight"))
    x[self->flag] = x[self->channel] = x[self->one] = 1;
  else if (g_str_equal (what, "attn_output.weight"))
    clear_rows (self, x, HEADS * HEAD_DIM);
  else if (g_str_equal (what, "ffn_gate_inp.weight"))
    edit_router (self, layer, x);
  else if (g_str_equal (what, "ffn_gate_exps.weight") || g_str_equal (what, "ffn_up_exps.weight"))
    edit_up (self, layer, FALSE, x);
  else if (g_str_equal (what, "ffn_gate_shexp.weight") || g_str_equal (what, "ffn_up_shexp.weight"))
    edit_up (self, layer, TRUE, x);
  else if (g_str_equal (what, "ffn_down_exps.weight"))
    edit_down (self, layer, x);
  else if (g_str_equal (what, "ffn_down_shexp.weight"))
    {
      clear_rows (self, x, n_shared * HIDDEN);
      plant_weights (self, layer, TRUE, n_shared * HIDDEN, x);
    }
  else if (g_str_equal (what, "ffn_down.weight"))
    clear_rows (self, x, (guint) (n / WIDTH));
  /* The shared expert is half open for every token. */
  else if (g_str_equal (what, "ffn_gate_inp_shexp.weight"))
    memset (x, 0, n * sizeof *x);
  else if (sink && g_str_equal (what, "attn_q.weight"))
    x[((gsize) self->sink_head * HEAD_DIM + slow) * WIDTH + self->one] = 40;
  else if (sink && g_str_equal (what, "attn_k.weight"))
    {
      float *head = x + (gsize) (self->sink_head / (HEADS / KV_HEADS)) * HEAD_DIM * WIDTH;

      set_column (head, HEAD_DIM, WIDTH, self->channel, 0);
      /* Other tokens' keys have nothing in the direction that the queries look for. */
      memset (head + slow * WIDTH, 0, WIDTH * sizeof *head);
      head[slow * WIDTH + self->channel] = 4;
    }
  else if (sink && g_str_equal (what, "attn_k.bias"))
    x[(gsize) (self->sink_head / (HEADS / KV_HEADS)) * HEAD_DIM + slow] = 0;
  else if (sink && g_str_equal (what, "attn_q_norm.weight"))
    x[slow] = 2;
  else if (sink && g_str_equal (what, "attn_k_norm.weight"))
    x[slow] = 1;
}

static void
edit (const char *name,
      float      *x,
      gsize       n,
      gpointer    user_data)
{
  const MoePlanted *self = user_data;

  if (g_str_equal (name, "token_embd.weight"))
    edit_embedding (self, x, n);
  else if (g_str_has_prefix (name, "blk."))
    {
      const char *dot = strchr (name + strlen ("blk."), '.');

      edit_layer (self, (guint) g_ascii_strtoull (name + strlen ("blk."), NULL, 10), dot + 1, x, n);
    }
}

gboolean
moe_planted_write (const MoePlanted  *self,
                   const char        *path,
                   GError           **error)
{
  return moe_checkpoint_write_edited (&self->checkpoint, edit, (gpointer) self, path, error);
}
