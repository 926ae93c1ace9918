/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "oracle-routing"

#include "oracle-routing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <ggml.h>

static int
compare_descending (gconstpointer a,
                    gconstpointer b)
{
  float x = *(const float *) a, y = *(const float *) b;

  return (x < y) - (x > y);
}

static void
update_margin (Routing *routing,
               guint    n_used)
{
  guint n_experts = routing->logits->len / routing->n_tokens;

  for (guint t = 0; t < routing->n_tokens; t++)
    {
      float *row = &g_array_index (routing->logits, float, t * n_experts);

      qsort (row, n_experts, sizeof (float), compare_descending);
      routing->margin = MIN (routing->margin, row[n_used - 1] - row[n_used]);
    }
}

static float
get_slope (float p)
{
  return p * (1 - p);
}

/* By how much two router logits must move towards each other before the one's expert passes the other's,
 * where something is added to the probabilities: the difference of the scores over how steeply the
 * probabilities depend on the logits. */
static void
update_score_margin (Routing       *routing,
                     const int32_t *chosen,
                     const float   *scores,
                     const float   *probs)
{
  guint n_experts = routing->logits->len / routing->n_tokens;

  for (guint s = 0; s < routing->n_used; s++)
    for (guint e = 0; e < n_experts; e++)
      {
        bool is_chosen = false;

        for (guint i = 0; i < routing->n_used; i++)
          is_chosen = is_chosen || chosen[i] == (int32_t) e;
        if (!is_chosen)
          routing->margin = MIN (routing->margin, 2 * (scores[chosen[s]] - scores[e]) /
                                 (get_slope (probs[chosen[s]]) + get_slope (probs[e])));
      }
}

/* The sum of the two best scores of a group, and how steep it is. */
static float
get_group_score (const float *scores,
                 const float *probs,
                 guint        size,
                 float       *slope)
{
  guint best = 0, second = 1;

  if (scores[1] > scores[0])
    {
      best = 1;
      second = 0;
    }
  for (guint e = 2; e < size; e++)
    if (scores[e] > scores[best])
      {
        second = best;
        best = e;
      }
    else if (scores[e] > scores[second])
      second = e;
  *slope = get_slope (probs[best]) + get_slope (probs[second]);
  return scores[best] + scores[second];
}

/* The same between each group that experts may be chosen from and each that is left out. */
static void
update_group_margin (Routing     *routing,
                     const float *scores,
                     const float *masked,
                     const float *probs)
{
  guint n_experts = routing->logits->len / routing->n_tokens, n_left = 0, size;

  for (guint e = 0; e < n_experts; e++)
    n_left += masked[e] != -INFINITY;
  size = n_left / routing->n_groups_used;
  for (guint a = 0; a < n_experts; a += size)
    for (guint b = 0; b < n_experts; b += size)
      if (masked[a] != -INFINITY && masked[b] == -INFINITY)
        {
          float slope_a, slope_b, score_a = get_group_score (scores + a, probs + a, size, &slope_a);
          float score_b = get_group_score (scores + b, probs + b, size, &slope_b);

          routing->margin = MIN (routing->margin, 2 * (score_a - score_b) / (slope_a + slope_b));
        }
}

static void
keep_floats (GArray                   *to,
             const struct ggml_tensor *tensor)
{
  g_assert (tensor->type == GGML_TYPE_F32 && ggml_is_contiguous (tensor));
  g_array_set_size (to, 0);
  g_array_append_vals (to, tensor->data, (guint) ggml_nelements (tensor));
}

/* @chosen: of the token whose rows begin at @at. */
static void
update_margins (Routing       *routing,
                const int32_t *chosen,
                guint          at)
{
  const float *probs = &g_array_index (routing->probs, float, at);
  const float *scores = routing->biased->len > 0 ? &g_array_index (routing->biased, float, at) : probs;

  if (routing->masked->len > 0)
    {
      const float *masked = &g_array_index (routing->masked, float, at);

      update_group_margin (routing, scores, masked, probs);
      update_score_margin (routing, chosen, masked, probs);
    }
  else if (routing->biased->len > 0)
    update_score_margin (routing, chosen, scores, probs);
}

/* A view of the first columns of a full sort: rows are not contiguous. */
static void
take_choice (Routing                  *routing,
             const struct ggml_tensor *tensor)
{
  int32_t chosen[MAX_EXPERTS];
  guint n_experts;

  g_assert (tensor->type == GGML_TYPE_I32 && tensor->ne[0] <= MAX_EXPERTS);
  routing->n_layers++;
  routing->n_used = (uint32_t) tensor->ne[0];
  routing->n_tokens = (uint32_t) tensor->ne[1];
  n_experts = routing->logits->len / routing->n_tokens;
  if (routing->biased->len == 0 && routing->masked->len == 0)
    update_margin (routing, routing->n_used);
  for (int64_t t = 0; t < tensor->ne[1]; t++)
    {
      for (int64_t k = 0; k < tensor->ne[0]; k++)
        {
          uint16_t narrow;

          memcpy (&chosen[k],
                  (const char *) tensor->data + t * (int64_t) tensor->nb[1] + k * (int64_t) tensor->nb[0], 4);
          narrow = (uint16_t) chosen[k];
          g_array_append_val (routing->chosen, narrow);
        }
      update_margins (routing, chosen, (guint) t * n_experts);
    }
}

/* Each of the tensors called ffn_moe_weights..-L is the one before, further changed: the last stays. */
static void
take_weights (Routing                  *routing,
              const struct ggml_tensor *tensor)
{
  guint n = routing->n_used * routing->n_tokens;

  g_assert (tensor->type == GGML_TYPE_F32 && ggml_is_contiguous (tensor) &&
            (guint) ggml_nelements (tensor) == n);
  g_array_set_size (routing->weights, (routing->n_layers - 1) * n);
  g_array_append_vals (routing->weights, tensor->data, n);
}

/* Evenly spread channels of the stream. */
static void
take_residual (Routing                  *routing,
               const struct ggml_tensor *tensor)
{
  for (int64_t t = 0; t < tensor->ne[1]; t++)
    for (int64_t c = 0; c < N_CHANNELS; c++)
      g_array_append_vals (routing->residual,
                           (const char *) tensor->data + t * (int64_t) tensor->nb[1] +
                           c * tensor->ne[0] / N_CHANNELS * (int64_t) tensor->nb[0], 1);
}

typedef void (*TakeFunc) (Routing                  *routing,
                          const struct ggml_tensor *tensor);

static void
take_logits (Routing                  *routing,
             const struct ggml_tensor *tensor)
{
  keep_floats (routing->logits, tensor);
  g_array_set_size (routing->biased, 0);
  g_array_set_size (routing->masked, 0);
}

static void
take_probs (Routing                  *routing,
            const struct ggml_tensor *tensor)
{
  keep_floats (routing->probs, tensor);
}

static void
take_biased (Routing                  *routing,
             const struct ggml_tensor *tensor)
{
  keep_floats (routing->biased, tensor);
}

static void
take_groups (Routing                  *routing,
             const struct ggml_tensor *tensor)
{
  routing->n_groups_used = (uint32_t) tensor->ne[0];
}

static void
take_masked (Routing                  *routing,
             const struct ggml_tensor *tensor)
{
  keep_floats (routing->masked, tensor);
}

bool
routing_watch (struct ggml_tensor *tensor,
               bool                ask,
               void               *user_data)
{
  static const struct { const char *prefix; TakeFunc take; } watched[] = {
    { "ffn_moe_logits-", take_logits },
    { "ffn_moe_logits_biased-", take_logits },
    { "ffn_moe_probs-", take_probs },
    { "ffn_moe_probs_biased-", take_biased },
    { "ffn_moe_group_topk-", take_groups },
    { "ffn_moe_probs_masked-", take_masked },
    { "ffn_moe_topk-", take_choice },
    { "ffn_moe_weights-", take_weights },
    { "ffn_moe_weights_softmax-", take_weights },
    { "ffn_moe_weights_norm-", take_weights },
    { "ffn_moe_weights_scaled-", take_weights },
    { "l_out-", take_residual },
  };

  for (guint i = 0; i < G_N_ELEMENTS (watched); i++)
    if (g_str_has_prefix (tensor->name, watched[i].prefix))
      {
        if (!ask)
          watched[i].take (user_data, tensor);
        return true;
      }
  return !ask;
}

void
routing_reset (Routing *routing)
{
  if (routing->chosen == NULL)
    {
      routing->chosen = g_array_new (FALSE, FALSE, sizeof (uint16_t));
      routing->weights = g_array_new (FALSE, FALSE, sizeof (float));
      routing->logits = g_array_new (FALSE, FALSE, sizeof (float));
      routing->probs = g_array_new (FALSE, FALSE, sizeof (float));
      routing->biased = g_array_new (FALSE, FALSE, sizeof (float));
      routing->masked = g_array_new (FALSE, FALSE, sizeof (float));
      routing->residual = g_array_new (FALSE, FALSE, sizeof (float));
    }
  g_array_set_size (routing->chosen, 0);
  g_array_set_size (routing->weights, 0);
  g_array_set_size (routing->residual, 0);
  routing->n_layers = 0;
  routing->margin = INFINITY;
}
