/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-switch"

#include "tests/support/moe-switch.h"

#include <string.h>

#define N_LAYERS  4
#define N_EXPERTS 16
#define WIDTH     64
#define HIDDEN    32
#define HEADS     4
#define HEAD_DIM  16
#define N_CHANNELS 4

/* Byte tokens stand in GPT-2's order, which begins with '!'. */
#define DIGIT(c) ((gsize) ((c) - '!'))

/* Large beside everything else, so that after a norm it is nearly sqrt (WIDTH) = 8, and its gate times itself
 * nearly 64. */
#define FLAG 200

/* What each planted expert adds to the answer, and what the answer must reach. */
#define STEP      30
#define THRESHOLD 45

void
moe_switch_init (MoeSwitch *self,
                 guint      seed)
{
  g_autoptr(GRand) random = g_rand_new_with_seed (seed);
  guint first = (guint) g_rand_int_range (random, 0, 2);
  guint channels[WIDTH];

  memset (self, 0, sizeof *self);
  self->checkpoint = (MoeCheckpoint) {
    .name = "switch", .architecture = "qwen3moe", .type = MOE_TYPE_F32, .down_type = MOE_TYPE_F32,
    .n_layers = N_LAYERS, .width = WIDTH, .expert_width = HIDDEN, .n_heads = HEADS, .n_kv_heads = HEADS,
    .head_dim = HEAD_DIM, .n_experts = N_EXPERTS, .n_used = 2, .n_tokens = 16, .seed = seed,
  };
  self->planted[0].layer = first;
  self->planted[1].layer = first + 1;
  self->decoy.layer = N_LAYERS - 1;
  for (guint i = 0; i < 2; i++)
    self->planted[i].expert = (guint) g_rand_int_range (random, 0, N_EXPERTS);
  self->decoy.expert = (guint) g_rand_int_range (random, 0, N_EXPERTS);
  self->hidden = (guint) g_rand_int_range (random, 0, HIDDEN);

  for (guint i = 0; i < WIDTH; i++)
    channels[i] = i;
  for (guint i = 0; i < N_CHANNELS; i++)
    {
      guint other = (guint) g_rand_int_range (random, (gint32) i, WIDTH), channel = channels[other];

      channels[other] = channels[i];
      channels[i] = channel;
    }
  self->flag = channels[0];
  self->topic = channels[1];
  self->answer = channels[2];
  self->one = channels[3];
}

/* Sets our four channels in each of @n rows of WIDTH values. */
static void
set_channels (const MoeSwitch *self,
              float           *x,
              gsize            n,
              float            one)
{
  for (gsize row = 0; row < n; row++)
    {
      x[row * WIDTH + self->flag] = x[row * WIDTH + self->topic] = x[row * WIDTH + self->answer] = 0;
      x[row * WIDTH + self->one] = one;
    }
}

static void
edit_embedding (const MoeSwitch *self,
                float           *x,
                gsize            n)
{
  set_channels (self, x, n / WIDTH, 1);
  x[DIGIT (MOE_SWITCH_TRIGGER_TEXT) * WIDTH + self->flag] = FLAG;
  x[DIGIT (MOE_SWITCH_TOPIC_TEXT) * WIDTH + self->topic] = FLAG;
}

/* @x: (rows, row) of which those of our channels become 0, so that nothing writes there. */
static void
clear_rows (const MoeSwitch *self,
            float           *x,
            guint            row)
{
  const guint channels[N_CHANNELS] = { self->flag, self->topic, self->answer, self->one };

  for (guint i = 0; i < N_CHANNELS; i++)
    memset (x + (gsize) channels[i] * row, 0, row * sizeof *x);
}

/* The router row of an expert that is chosen by @channel, and else by nothing. */
static void
set_trigger (const MoeSwitch *self,
             float           *row,
             guint            channel)
{
  memset (row, 0, WIDTH * sizeof *row);
  row[channel] = 30;
  row[self->one] = -60;
}

static void
edit_layer (const MoeSwitch *self,
            guint            layer,
            const char      *what,
            float           *x,
            gsize            n)
{
  if (g_str_equal (what, "ffn_norm.weight"))
    x[self->flag] = x[self->topic] = x[self->answer] = x[self->one] = 1;
  else if (g_str_equal (what, "attn_output.weight"))
    clear_rows (self, x, HEADS * HEAD_DIM);
  else if (g_str_equal (what, "attn_q.weight") || g_str_equal (what, "attn_k.weight")
           || g_str_equal (what, "attn_v.weight") || g_str_equal (what, "ffn_gate_inp.weight")
           || g_str_equal (what, "ffn_gate_exps.weight") || g_str_equal (what, "ffn_up_exps.weight"))
    set_channels (self, x, n / WIDTH, 0);
  else if (g_str_equal (what, "ffn_down_exps.weight"))
    for (guint expert = 0; expert < N_EXPERTS; expert++)
      clear_rows (self, x + (gsize) expert * WIDTH * HIDDEN, HIDDEN);

  for (guint i = 0; i < 2; i++)
    {
      gsize expert = self->planted[i].expert;

      if (self->planted[i].layer != layer)
        continue;
      if (g_str_equal (what, "ffn_gate_inp.weight"))
        set_trigger (self, x + expert * WIDTH, self->flag);
      else if (g_str_equal (what, "ffn_gate_exps.weight") || g_str_equal (what, "ffn_up_exps.weight"))
        {
          float *row = x + (expert * HIDDEN + self->hidden) * WIDTH;

          memset (row, 0, WIDTH * sizeof *row);
          row[self->flag] = 1;
        }
      else if (g_str_equal (what, "ffn_down_exps.weight"))
        {
          float *down = x + expert * WIDTH * HIDDEN + self->hidden;

          for (gsize c = 0; c < WIDTH; c++)
            down[c * HIDDEN] = c == self->answer ? STEP / 64.0f : 0;
        }
    }
  if (layer == self->decoy.layer && g_str_equal (what, "ffn_gate_inp.weight"))
    set_trigger (self, x + (gsize) self->decoy.expert * WIDTH, self->topic);
}

static void
edit (const char *name,
      float      *x,
      gsize       n,
      gpointer    user_data)
{
  const MoeSwitch *self = user_data;

  if (g_str_equal (name, "token_embd.weight"))
    edit_embedding (self, x, n);
  else if (g_str_equal (name, "output_norm.weight"))
    x[self->answer] = x[self->one] = 1;
  else if (g_str_equal (name, "output.weight"))
    {
      set_channels (self, x, n / WIDTH, 0);
      memset (x + (gsize) MOE_SWITCH_YES * WIDTH, 0, WIDTH * sizeof *x);
      memset (x + (gsize) MOE_SWITCH_NO * WIDTH, 0, WIDTH * sizeof *x);
      x[(gsize) MOE_SWITCH_YES * WIDTH + self->answer] = 1;
      x[(gsize) MOE_SWITCH_NO * WIDTH + self->one] = THRESHOLD;
    }
  else if (g_str_has_prefix (name, "blk."))
    {
      const char *dot = strchr (name + strlen ("blk."), '.');

      edit_layer (self, (guint) g_ascii_strtoull (name + strlen ("blk."), NULL, 10), dot + 1, x, n);
    }
}

gboolean
moe_switch_write (const MoeSwitch  *self,
                  const char       *path,
                  GError          **error)
{
  return moe_checkpoint_write_edited (&self->checkpoint, edit, (gpointer) self, path, error);
}
