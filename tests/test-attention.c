/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-attention"

/* What is reported of attention, against its rows. */

#include <math.h>
#include <string.h>

#include "probes/moe-recorder.h"
#include "probes/moe-session.h"
#include "tests/support/moe-checkpoint.h"
#include "tests/support/moe-logits-run.h"

typedef struct
{
  guint    n_heads, context;
  guint    window;     /* of layers 0, 2 ...; 0 = none */
  gboolean sinks;
  float   *rows;       /* (n, n_heads, context) of the present layer and micro-batch */
  float   *to_sink;    /* (n_layers, context, n_heads), or NULL */
  guint    n_checked;  /* rows */
  guint    n_cut;      /* rows from which a window took something */
} Watch;

static void
on_row (const MoeProbeBatch *batch,
        guint                layer,
        guint                index,
        guint                head,
        guint                n_keys,
        const float         *row,
        gpointer             user_data)
{
  Watch *watch = user_data;

  g_assert_cmpuint (n_keys, ==, batch->first + index + 1);
  memcpy (watch->rows + ((gsize) index * watch->n_heads + head) * watch->context, row,
          n_keys * sizeof *row);
}

static void
check_row (Watch                   *watch,
           const float             *row,
           guint                    n_keys,
           guint                    first,
           const MoeAttentionEvent *event,
           guint                    at)
{
  double sum = 0, entropy = 0, sink = event->sink != NULL ? event->sink[at] : 0;
  guint top = first;

  for (guint j = 0; j < first; j++)
    g_assert_cmpfloat (row[j], ==, 0);
  for (guint j = first; j < n_keys; j++)
    {
      g_assert_cmpfloat (row[j], >=, 0);
      sum += row[j];
      entropy -= row[j] > 0 ? row[j] * log (row[j]) : 0;
      top = row[j] > row[top] ? j : top;
    }
  if (watch->sinks)
    {
      g_assert_cmpfloat (sink, >, 0);
      g_assert_cmpfloat (sink, <, 1);
      entropy -= sink * log (sink);
    }
  g_assert_cmpfloat_with_epsilon (sum + sink, 1, 1e-5);
  g_assert_cmpfloat_with_epsilon (event->first[at], row[0], 1e-6);
  g_assert_cmpfloat_with_epsilon (event->top[at], row[top], 1e-6);
  g_assert_cmpuint (event->top_key[at], ==, top);
  g_assert_cmpfloat_with_epsilon (event->entropy[at], entropy, 1e-4);
  watch->n_checked++;
  watch->n_cut += first > 0;
}

static void
on_attention (const MoeProbeBatch     *batch,
              guint                    layer,
              const MoeAttentionEvent *event,
              gpointer                 user_data)
{
  Watch *watch = user_data;
  guint window = layer % 2 == 0 ? watch->window : 0;

  g_assert_cmpuint (event->n_heads, ==, watch->n_heads);
  g_assert_cmpint (event->sink != NULL, ==, watch->sinks);
  if (watch->to_sink != NULL)
    memcpy (watch->to_sink + ((gsize) layer * watch->context + batch->first) * watch->n_heads, event->sink,
            (gsize) batch->n * watch->n_heads * sizeof *event->sink);
  for (guint t = 0; t < batch->n; t++)
    for (guint head = 0; head < watch->n_heads; head++)
      {
        guint n_keys = batch->first + t + 1, at = t * watch->n_heads + head;

        check_row (watch, watch->rows + (gsize) at * watch->context, n_keys,
                   window != 0 && n_keys > window ? n_keys - window : 0, event, at);
      }
}

static void
on_record (MoeTokenRecord *record,
           const float    *logits,
           gpointer        user_data)
{
  Watch *watch = user_data;

  if (!watch->sinks)
    {
      g_assert_null (record->attention_sink);
      return;
    }
  for (guint layer = 0; layer < record->n_layers; layer++)
    for (guint head = 0; head < watch->n_heads; head++)
      g_assert_cmphex (record->attention_sink[layer * watch->n_heads + head], ==,
                       moe_half_from_float (watch->to_sink[((gsize) layer * watch->context +
                                                            record->position) * watch->n_heads + head]));
}

/* @split: tokens fed at once. */
static void
check_checkpoint (const char *name,
                  guint       window,
                  gboolean    sinks,
                  gsize       split)
{
  const MoeCheckpoint *checkpoint = moe_checkpoint_find (name);
  MoeModel *model = moe_logits_run_open (checkpoint);
  const MoeModelInfo *info = moe_model_get_info (model);
  g_autofree gint32 *tokens = moe_checkpoint_get_tokens (checkpoint);
  MoeSessionOptions options = { checkpoint->n_tokens, MOE_CACHE_F32, MOE_KERNELS_AUTO, 2 };
  MoeProbe probe = { .attention = on_attention, .attention_row = on_row };
  Watch watch = { info->n_heads, checkpoint->n_tokens, window, sinks };
  g_autoptr (GError) error = NULL;
  MoeSession *session = moe_session_new (model, &options, &error);
  MoeRecorder *recorder;

  g_assert_no_error (error);
  g_assert_cmpint (info->learned_sinks, ==, sinks);
  watch.rows = g_new (float, (gsize) watch.context * watch.n_heads * watch.context);
  if (sinks)
    watch.to_sink = g_new (float, (gsize) info->n_layers * watch.context * watch.n_heads);
  moe_session_add_probe (session, &probe, &watch);
  recorder = moe_recorder_new (session, NULL, FALSE, on_record, &watch);
  for (gsize first = 0; first < checkpoint->n_tokens; first += split)
    {
      moe_session_feed (session, tokens + first, NULL, MIN (split, checkpoint->n_tokens - first), NULL,
                        &error);
      g_assert_no_error (error);
    }
  g_assert_cmpuint (watch.n_checked, ==, info->n_layers * checkpoint->n_tokens * info->n_heads);
  g_assert_cmpint (watch.n_cut > 0, ==, window > 0);

  moe_recorder_free (recorder);
  moe_session_free (session);
  moe_logits_run_close (model);
  g_free (watch.rows);
  g_free (watch.to_sink);
}

static void
test_plain (void)
{
  check_checkpoint ("qwen3moe-f32", 0, FALSE, 80);
}

static void
test_window_and_sinks (void)
{
  check_checkpoint ("gpt-oss-f32", 8, TRUE, 80);
  check_checkpoint ("gpt-oss-f32", 8, TRUE, 3);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/attention/plain", test_plain);
  g_test_add_func ("/attention/window-and-sinks", test_window_and_sinks);
  return g_test_run ();
}
