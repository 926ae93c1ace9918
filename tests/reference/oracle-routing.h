/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include <llama.h>

enum { MAX_EXPERTS = 256, N_CHANNELS = 8 };

/* What the routers did in one decode, and the residual stream. */
typedef struct
{
  uint32_t n_layers, n_used, n_tokens;
  GArray  *chosen;  /* (layers, tokens, used) of uint16_t, filled layer by layer */
  GArray  *weights; /* (layers, tokens, used) of float */
  GArray  *logits;  /* (tokens, experts) of float, of the layer being run */
  GArray  *probs;   /* the same: what router logits became */
  GArray  *biased;  /* the same: with the bias that chooses; empty when there is none */
  GArray  *masked;  /* the same: -inf outside of the best groups; empty when there are none */
  uint32_t n_groups_used;
  GArray  *residual; /* (all layers, tokens, N_CHANNELS) of float */
  float    margin;  /* least over layers and tokens */
} Routing;

/* Empties @routing, which is all zeros at first. */
void routing_reset (Routing            *routing);

/* An evaluation callback of llama.cpp; @user_data is the Routing to fill. */
bool routing_watch (struct ggml_tensor *tensor,
                    bool                ask,
                    void               *user_data);
