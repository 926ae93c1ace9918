/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-logits-run"

#include "tests/support/moe-logits-run.h"

#include <glib/gstdio.h>
#include <string.h>

typedef struct
{
  const MoeModelInfo *info;
  guint    n_tokens, vocabulary;
  float   *logits; /* (n_tokens, vocabulary) */
  guint32 *chosen; /* (n_moe_layers, n_tokens, n_used) */
  float   *weights; /* (n_moe_layers, n_tokens, n_used) */
  float   *residual; /* (n_layers, n_tokens, width) or NULL */
  double   sum;    /* of values seen by the other callbacks, so that they are read */
} Collected;

static void
add_values (Collected   *collected,
            const float *x,
            gsize        n)
{
  for (gsize i = 0; i < n; i++)
    collected->sum += x[i];
}

static void
on_logits (const MoeProbeBatch *batch,
           guint                index,
           guint                vocabulary,
           const float         *logits,
           gpointer             user_data)
{
  Collected *collected = user_data;

  g_assert_cmpuint (vocabulary, ==, collected->vocabulary);
  g_assert_cmpuint (batch->first + index, <, collected->n_tokens);
  memcpy (collected->logits + (gsize) (batch->first + index) * vocabulary, logits,
          vocabulary * sizeof (float));
}

static void
on_router (const MoeProbeBatch  *batch,
           guint                 layer,
           const MoeRouterEvent *event,
           gpointer              user_data)
{
  Collected *collected = user_data;
  int index = moe_model_info_find_moe_layer (collected->info, layer);
  gsize first = ((gsize) index * collected->n_tokens + batch->first) * event->k;

  g_assert_cmpint (index, >=, 0);
  for (guint i = 0; i < batch->n * event->k; i++)
    {
      collected->chosen[first + i] = event->chosen[i];
      collected->weights[first + i] = event->weights[i];
    }
  add_values (collected, event->logits, (gsize) batch->n * event->n_experts);
  add_values (collected, event->probs, (gsize) batch->n * event->n_experts);
}

static void
on_batch (const MoeProbeBatch *batch,
          gpointer             user_data)
{
  ((Collected *) user_data)->sum += batch->n;
}

static void
on_embedding (const MoeProbeBatch *batch,
              guint                width,
              const float         *x,
              gpointer             user_data)
{
  add_values (user_data, x, (gsize) batch->n * width);
}

static void
on_residual (const MoeProbeBatch *batch,
             guint                layer,
             MoeResidualPoint     point,
             guint                width,
             const float         *x,
             gpointer             user_data)
{
  Collected *collected = user_data;

  add_values (collected, x, (gsize) batch->n * width);
  if (point == MOE_RESIDUAL_POST && collected->residual != NULL)
    memcpy (collected->residual + ((gsize) layer * collected->n_tokens + batch->first) * width, x,
            (gsize) batch->n * width * sizeof *x);
}

static void
on_projections (const MoeProbeBatch      *batch,
                guint                     layer,
                const MoeProjectionEvent *event,
                gpointer                  user_data)
{
  add_values (user_data, event->q, (gsize) batch->n * event->n_heads * event->head_dim);
  add_values (user_data, event->k, (gsize) batch->n * event->n_kv_heads * event->head_dim);
  add_values (user_data, event->v, (gsize) batch->n * event->n_kv_heads * event->value_dim);
}

static void
on_attention (const MoeProbeBatch     *batch,
              guint                    layer,
              const MoeAttentionEvent *event,
              gpointer                 user_data)
{
  add_values (user_data, event->entropy, (gsize) batch->n * event->n_heads);
}

static void
on_attention_row (const MoeProbeBatch *batch,
                  guint                layer,
                  guint                index,
                  guint                head,
                  guint                n_keys,
                  const float         *row,
                  gpointer             user_data)
{
  add_values (user_data, row, n_keys);
}

static void
on_expert (const MoeProbeBatch  *batch,
           guint                 layer,
           const MoeExpertEvent *event,
           gpointer              user_data)
{
  add_values (user_data, event->max, (gsize) batch->n * event->k);
  add_values (user_data, event->norm, (gsize) batch->n * event->k);
  add_values (user_data, event->turn, batch->n);
}

static void
on_expert_vectors (const MoeProbeBatch    *batch,
                   guint                   layer,
                   const MoeExpertVectors *event,
                   gpointer                user_data)
{
  add_values (user_data, event->hidden, (gsize) event->n_rows * event->hidden_width);
  add_values (user_data, event->down, (gsize) event->n_rows * event->width);
}

static void
on_shared_vectors (const MoeProbeBatch    *batch,
                   guint                   layer,
                   const MoeSharedVectors *event,
                   gpointer                user_data)
{
  add_values (user_data, event->hidden, (gsize) event->n_rows * event->hidden_width);
  add_values (user_data, event->down, (gsize) batch->n * event->width);
}

static void
on_moe_out (const MoeProbeBatch *batch,
            guint                layer,
            guint                width,
            const float         *x,
            gpointer             user_data)
{
  add_values (user_data, x, (gsize) batch->n * width);
}

MoeModel *
moe_logits_run_open (const MoeCheckpoint *checkpoint)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = g_dir_make_tmp ("moe-test-XXXXXX", &error);
  g_autofree char *path = NULL;
  MoeModel *model;

  g_assert_no_error (error);
  path = g_build_filename (folder, "model.gguf", NULL);
  moe_checkpoint_write (checkpoint, FALSE, path, &error);
  g_assert_no_error (error);
  model = moe_model_open (path, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (model);
  return model;
}

void
moe_logits_run_close (MoeModel *model)
{
  g_autofree char *path = g_strdup (moe_gguf_get_path (moe_model_get_gguf (model)));
  g_autofree char *folder = g_path_get_dirname (path);

  moe_model_unref (model);
  g_unlink (path);
  g_rmdir (folder);
}

/* Fills @collected; what it points to is the caller's. */
static void
run_model (MoeModel            *model,
           const MoeLogitsRun  *run,
           const gint32        *tokens,
           gsize                n,
           gboolean             routing,
           gboolean             residual,
           Collected           *collected,
           MoeSession         **session_out)
{
  const MoeModelInfo *info = moe_model_get_info (model);
  MoeSessionOptions options = { run->context, run->cache, run->kernels, run->threads };
  MoeProbe probe = { .logits = on_logits };
  gsize split = run->split > 0 ? run->split : n, n_routed = n * info->n_moe_layers * info->n_used;
  g_autoptr (GError) error = NULL;
  MoeSession *session = moe_session_new (model, &options, &error);

  g_assert_no_error (error);
  if (run->all_probes)
    probe = (MoeProbe) {
      .batch = on_batch, .embedding = on_embedding, .residual = on_residual, .attention = on_attention,
      .projections = on_projections, .shared_vectors = on_shared_vectors,
      .attention_row = on_attention_row, .expert = on_expert, .expert_vectors = on_expert_vectors,
      .moe_out = on_moe_out, .logits = on_logits, .batch_end = on_batch,
    };
  if (run->all_probes || routing)
    probe.router = on_router;
  if (residual)
    probe.residual = on_residual;
  *collected = (Collected) {
    info, (guint) n, info->vocabulary, g_new (float, n * info->vocabulary), g_new0 (guint32, n_routed),
    g_new0 (float, n_routed), residual ? g_new0 (float, n * info->n_layers * info->width) : NULL,
  };

  if (run->mask != NULL)
    {
      moe_session_set_mask (session, run->mask, &error);
      g_assert_no_error (error);
    }
  moe_session_add_probe (session, &probe, collected);
  for (gsize first = 0; first < n; first += split)
    {
      moe_session_feed (session, tokens + first, NULL, MIN (split, n - first), NULL, &error);
      g_assert_no_error (error);
    }
  /* What the getter returns is the last row that the probe saw. */
  g_assert_cmpmem (moe_session_get_logits (session), info->vocabulary * sizeof (float),
                   collected->logits + (n - 1) * info->vocabulary, info->vocabulary * sizeof (float));
  moe_session_remove_probe (session, &probe, collected);

  if (session_out != NULL)
    *session_out = session;
  else
    moe_session_free (session);
}

float *
moe_logits_run (MoeModel            *model,
                const MoeLogitsRun  *run,
                const gint32        *tokens,
                gsize                n,
                guint32            **chosen,
                MoeSession         **session_out)
{
  Collected collected;

  run_model (model, run, tokens, n, chosen != NULL, FALSE, &collected, session_out);
  g_free (collected.weights);
  if (chosen != NULL)
    *chosen = collected.chosen;
  else
    g_free (collected.chosen);
  return collected.logits;
}

void
moe_logits_run_all (MoeModel            *model,
                    const MoeLogitsRun  *run,
                    const gint32        *tokens,
                    gsize                n,
                    MoeLogitsResult     *result,
                    MoeSession         **session_out)
{
  Collected collected;

  run_model (model, run, tokens, n, TRUE, TRUE, &collected, session_out);
  *result = (MoeLogitsResult) {
    collected.logits, collected.chosen, collected.weights, collected.residual,
  };
}

void
moe_logits_result_clear (MoeLogitsResult *self)
{
  g_clear_pointer (&self->logits, g_free);
  g_clear_pointer (&self->chosen, g_free);
  g_clear_pointer (&self->weights, g_free);
  g_clear_pointer (&self->residual, g_free);
}
