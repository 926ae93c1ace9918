/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-attribution"

#include "analysis/moe-attribution.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/moe-error.h"

struct _MoeAttribution
{
  MoeModelInfo *info;
  gint32        token, against;
  gsize         n_tokens;
  GArray       *parts;  /* MoeAttributionPart */
  double        logit, sum;
};

/* The run, while probes see it. Products with the direction are taken at once, so that no vector is kept. */
typedef struct
{
  MoeAttribution *result;
  gsize           n_tokens;
  guint           width;
  gboolean        has_shared, has_replaced;
  float           scale;     /* of what blocks add */
  double         *direction; /* (width) */
  guint           last;      /* index in the present micro-batch of the token looked at */
  gboolean        here;      /* it is in it */
  float          *weights;   /* (k) its gate weights in the present layer */
  double          pre, mid;  /* direction . x at these points of the present layer */
  double          routed;    /* direction . what the routed experts of the present layer added */
  double          square;    /* mean (x^2) after the last layer */
} Run;

static const char * const part_names[] = {
  [MOE_PART_EMBEDDING] = "embedding", [MOE_PART_ATTENTION] = "attention", [MOE_PART_EXPERT] = "expert",
  [MOE_PART_SHARED] = "shared", [MOE_PART_DENSE] = "dense", [MOE_PART_BIAS] = "bias",
  [MOE_PART_REPLACED] = "replaced",
};

const char *
moe_part_get_name (MoePart part)
{
  g_return_val_if_fail ((guint) part < G_N_ELEMENTS (part_names), "");
  return part_names[part];
}

static void
add_part (Run     *self,
          int      layer,
          MoePart  part,
          int      expert,
          double   value)
{
  const MoeAttributionPart added = { layer, part, expert, value, NAN };

  g_array_append_val (self->result->parts, added);
}

static double
project (const Run   *self,
         const float *x)
{
  double sum = 0;

  for (guint i = 0; i < self->width; i++)
    sum += self->direction[i] * x[i];
  return sum;
}

static void
on_batch (const MoeProbeBatch *batch,
          gpointer             user_data)
{
  Run *self = user_data;

  self->here = (gsize) batch->first + batch->n == self->n_tokens;
  self->last = batch->n - 1;
}

static void
on_embedding (const MoeProbeBatch *batch,
              guint                width,
              const float         *x,
              gpointer             user_data)
{
  Run *self = user_data;

  if (self->here)
    add_part (self, -1, MOE_PART_EMBEDDING, MOE_EXPERT_ALL, project (self, x + (gsize) self->last * width));
}

static void
on_router (const MoeProbeBatch  *batch,
           guint                 layer,
           const MoeRouterEvent *event,
           gpointer              user_data)
{
  Run *self = user_data;

  self->routed = 0;
  self->weights = g_renew (float, self->weights, event->k);
  for (guint slot = 0; slot < event->k; slot++)
    self->weights[slot] = event->weights[(gsize) self->last * event->k + slot];
}

static void
on_vectors (const MoeProbeBatch    *batch,
            guint                   layer,
            const MoeExpertVectors *event,
            gpointer                user_data)
{
  Run *self = user_data;

  for (guint row = 0; row < event->n_rows && self->here; row++)
    if (event->rows[row] == self->last)
      {
        double value = (double) self->scale * self->weights[event->slots[row]]
                       * project (self, event->down + (gsize) row * event->width);

        add_part (self, (int) layer, MOE_PART_EXPERT, (int) event->expert, value);
        self->routed += value;
      }
}

static void
on_residual (const MoeProbeBatch *batch,
             guint                layer,
             MoeResidualPoint     point,
             guint                width,
             const float         *x,
             gpointer             user_data)
{
  Run *self = user_data;
  const MoeModelInfo *info = self->result->info;
  const float *mine = x + (gsize) self->last * width;

  if (!self->here)
    return;
  if (point == MOE_RESIDUAL_PRE)
    {
      self->pre = project (self, mine);
    }
  else if (point == MOE_RESIDUAL_MID)
    {
      self->mid = project (self, mine);
      add_part (self, (int) layer, MOE_PART_ATTENTION, MOE_EXPERT_ALL, self->mid - self->pre);
    }
  else
    {
      double added = project (self, mine) - self->mid;

      if (moe_model_info_find_moe_layer (info, layer) < 0)
        add_part (self, (int) layer, MOE_PART_DENSE, MOE_EXPERT_ALL, added);
      else if (self->has_replaced)
        add_part (self, (int) layer, MOE_PART_REPLACED, MOE_EXPERT_ALL, added - self->routed);
      else if (self->has_shared)
        add_part (self, (int) layer, MOE_PART_SHARED, MOE_EXPERT_SHARED, added - self->routed);

      self->square = 0;
      for (guint i = 0; i < width; i++)
        self->square += (double) mine[i] * mine[i] / width;
    }
}

static gboolean
replaces (const MoeMask *mask)
{
  for (guint i = 0; i < moe_mask_get_n (mask); i++)
    {
      MoeMode mode = moe_mask_get (mask, i)->mode;

      if (mode == MOE_MODE_MEAN || mode == MOE_MODE_COPY)
        return TRUE;
    }
  return FALSE;
}

/* The direction of the one token, or of the difference. */
static double *
make_direction (const MoeModel *model,
                gint32          token,
                gint32          against,
                double         *epsilon,
                double         *constant)
{
  double *direction = moe_model_dup_logit_direction (model, token, epsilon, constant);
  guint width = moe_model_get_info (model)->width;
  g_autofree double *other = NULL;
  double other_constant;

  if (against < 0)
    return direction;
  other = moe_model_dup_logit_direction (model, against, epsilon, &other_constant);
  for (guint i = 0; i < width; i++)
    direction[i] -= other[i];
  *constant -= other_constant;
  return direction;
}

static gboolean
run_tokens (Run             *self,
            MoeSession      *session,
            const gint32    *tokens,
            const MoePhase  *phases,
            GCancellable    *cancellable,
            GError         **error)
{
  const MoeProbe probe = {
    .batch = on_batch, .embedding = on_embedding, .residual = on_residual, .router = on_router,
    .expert_vectors = on_vectors,
  };
  gboolean done;

  moe_session_rewind (session, 0);
  moe_session_add_probe (session, &probe, self);
  done = moe_session_feed (session, tokens, phases, self->n_tokens, cancellable, error);
  moe_session_remove_probe (session, &probe, self);
  return done;
}

static double
get_logit (MoeSession           *session,
           const MoeAttribution *attribution)
{
  const float *logits = moe_session_get_logits (session);

  return attribution->against < 0 ? logits[attribution->token]
                                  : (double) logits[attribution->token] - logits[attribution->against];
}

static int
compare_size (gconstpointer a,
              gconstpointer b)
{
  const MoeAttributionPart *x = *(const MoeAttributionPart * const *) a;
  const MoeAttributionPart *y = *(const MoeAttributionPart * const *) b;

  if (fabs (x->value) != fabs (y->value))
    return fabs (x->value) > fabs (y->value) ? -1 : 1;
  return x < y ? -1 : x > y;
}

/* The last token again, without the expert. NaN stays where the mask does not let it be silenced. */
static gboolean
measure (MoeAttribution      *self,
         MoeAttributionPart  *part,
         MoeSession          *fork,
         MoeMask             *mask,
         gint32               last,
         MoePhase             phase,
         GCancellable        *cancellable,
         GError             **error)
{
  const MoeIntervention silence = {
    .layer = part->layer, .expert = part->expert, .action = MOE_ACTION_DISABLE, .mode = MOE_MODE_ZERO,
    .scope = MOE_SCOPE_BOTH, .from_token = (guint) (self->n_tokens - 1),
  };
  g_autoptr(MoeMask) without = moe_mask_with (mask, &silence);

  if (!moe_session_set_mask (fork, without, NULL))
    return TRUE;
  moe_session_rewind (fork, (guint) (self->n_tokens - 1));
  if (!moe_session_feed (fork, &last, &phase, 1, cancellable, error))
    return FALSE;
  part->causal = self->logit - get_logit (fork, self);
  return TRUE;
}

static gboolean
measure_experts (MoeAttribution     *self,
                 MoeSession         *session,
                 gint32              last,
                 MoePhase            phase,
                 guint               n_causal,
                 const MoeProgress  *progress,
                 GError            **error)
{
  g_autoptr(GPtrArray) experts = g_ptr_array_new ();
  g_autoptr(MoeMask) mask = moe_session_get_mask (session);
  g_autoptr(MoeSession) fork = NULL;
  GCancellable *cancellable = progress != NULL ? progress->cancellable : NULL;

  for (guint i = 0; i < self->parts->len; i++)
    {
      MoeAttributionPart *part = &g_array_index (self->parts, MoeAttributionPart, i);

      if (part->part == MOE_PART_EXPERT || part->part == MOE_PART_SHARED)
        g_ptr_array_add (experts, part);
    }
  if (n_causal == 0 || experts->len == 0)
    return TRUE;
  fork = moe_session_fork (session, (guint) (self->n_tokens - 1), error);
  if (fork == NULL)
    return FALSE;
  g_ptr_array_sort (experts, compare_size);
  for (guint i = 0; i < MIN (n_causal, experts->len); i++)
    if (!moe_progress_step (progress, (double) i / MIN (n_causal, experts->len), "silencing experts", error)
        || !measure (self, experts->pdata[i], fork, mask, last, phase, cancellable, error))
      return FALSE;
  return TRUE;
}

MoeAttribution *
moe_attribution_new (MoeSession         *session,
                     const gint32       *tokens,
                     const MoePhase     *phases,
                     gsize               n,
                     gint32              token,
                     gint32              against,
                     guint               n_causal,
                     const MoeProgress  *progress,
                     GError            **error)
{
  MoeModel *model = moe_session_get_model (session);
  const MoeModelInfo *info = moe_model_get_info (model);
  g_autoptr(MoeAttribution) self = g_new0 (MoeAttribution, 1);
  g_autoptr(MoeMask) mask = moe_session_get_mask (session);
  double epsilon, constant, sigma;
  Run run = { .result = self, .n_tokens = n };
  gboolean done;

  g_return_val_if_fail (n > 0, NULL);

  self->info = moe_model_info_ref ((MoeModelInfo *) info);
  self->parts = g_array_new (FALSE, FALSE, sizeof (MoeAttributionPart));
  self->token = token;
  self->against = against;
  self->n_tokens = n;
  if (token < 0 || (guint) token >= info->vocabulary || against >= (gint32) info->vocabulary)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "a token is outside the vocabulary of %u",
                   info->vocabulary);
      return NULL;
    }
  /* Such a norm takes the mean off first (see moe-hparams.c), which the sum of the parts does not. */
  if (moe_gguf_has_key (moe_model_get_gguf (model), "phimoe.attention.layer_norm_epsilon"))
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
                   "the logits of a model with LayerNorm cannot be attributed");
      return NULL;
    }
  if (!moe_model_is_additive (model))
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
                   "logits of the architecture %s are no sum of what its parts write", info->architecture);
      return NULL;
    }
  if (!moe_progress_step (progress, 0, "running the prompt", error))
    return NULL;

  run.width = info->width;
  run.has_shared = info->n_shared > 0;
  run.has_replaced = replaces (mask);
  run.scale = moe_model_get_residual_scale (model);
  run.direction = make_direction (model, token, against, &epsilon, &constant);
  done = run_tokens (&run, session, tokens, phases, progress != NULL ? progress->cancellable : NULL, error);
  g_free (run.direction);
  g_free (run.weights);
  if (!done)
    return NULL;

  sigma = sqrt (run.square + epsilon);
  for (guint i = 0; i < self->parts->len; i++)
    g_array_index (self->parts, MoeAttributionPart, i).value /= sigma;
  if (constant != 0)
    add_part (&run, -1, MOE_PART_BIAS, MOE_EXPERT_ALL, constant);
  for (guint i = 0; i < self->parts->len; i++)
    self->sum += g_array_index (self->parts, MoeAttributionPart, i).value;
  self->logit = get_logit (session, self);
  if (!measure_experts (self, session, tokens[n - 1], phases != NULL ? phases[n - 1] : MOE_PHASE_PROMPT,
                        n_causal, progress, error))
    return NULL;
  return g_steal_pointer (&self);
}

void
moe_attribution_free (MoeAttribution *self)
{
  g_clear_pointer (&self->info, moe_model_info_unref);
  g_clear_pointer (&self->parts, g_array_unref);
  g_free (self);
}

guint
moe_attribution_get_n (const MoeAttribution *self)
{
  return self->parts->len;
}

const MoeAttributionPart *
moe_attribution_get (const MoeAttribution *self,
                     guint                 index)
{
  g_return_val_if_fail (index < self->parts->len, NULL);
  return &g_array_index (self->parts, MoeAttributionPart, index);
}

double
moe_attribution_get_logit (const MoeAttribution *self)
{
  return self->logit;
}

double
moe_attribution_get_sum (const MoeAttribution *self)
{
  return self->sum;
}

static void
set_number (MoeTable   *table,
            const char *key,
            double      value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  moe_table_set_provenance (table, key, g_ascii_dtostr (text, sizeof text, value));
}

MoeTable *
moe_attribution_to_table (const MoeAttribution *self)
{
  MoeTable *table = moe_table_new ("Attribution");

  moe_table_add_column (table, "layer", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "part", MOE_COLUMN_TEXT, "", MOE_ROLE_LABEL);
  moe_table_add_column (table, "expert", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "value", MOE_COLUMN_DOUBLE, "logits", MOE_ROLE_VALUE);
  moe_table_add_column (table, "causal", MOE_COLUMN_DOUBLE, "logits", MOE_ROLE_VALUE);
  for (guint i = 0; i < self->parts->len; i++)
    {
      const MoeAttributionPart *part = moe_attribution_get (self, i);
      guint row = moe_table_append_row (table);

      if (part->layer >= 0)
        moe_table_set_int (table, row, 0, part->layer);
      moe_table_set_text (table, row, 1, moe_part_get_name (part->part));
      if (part->part == MOE_PART_EXPERT || part->part == MOE_PART_SHARED)
        moe_table_set_int (table, row, 2, part->expert);
      moe_table_set_double (table, row, 3, part->value);
      moe_table_set_double (table, row, 4, part->causal);
    }
  moe_table_set_provenance (table, "model", self->info->name);
  moe_table_set_provenance (table, "fingerprint", self->info->fingerprint);
  set_number (table, "position", (double) self->n_tokens - 1);
  set_number (table, "token", self->token);
  if (self->against >= 0)
    set_number (table, "against", self->against);
  set_number (table, "logit", self->logit);
  set_number (table, "sum", self->sum);
  moe_table_set_provenance (table, "version", MOE_VERSION);
  return table;
}

static int
compare_value (gconstpointer a,
               gconstpointer b)
{
  const MoeAttributionPart *x = *(const MoeAttributionPart * const *) a;
  const MoeAttributionPart *y = *(const MoeAttributionPart * const *) b;

  if (x->value != y->value)
    return x->value > y->value ? -1 : 1;
  return x < y ? -1 : x > y;
}

MoeMask *
moe_attribution_make_mask (const MoeAttribution *self,
                           guint                 n,
                           MoeMode               mode,
                           MoeScope              scope)
{
  g_autoptr(GPtrArray) experts = g_ptr_array_new ();
  g_autoptr(GArray) interventions = g_array_new (FALSE, FALSE, sizeof (MoeIntervention));

  for (guint i = 0; i < self->parts->len; i++)
    {
      const MoeAttributionPart *part = moe_attribution_get (self, i);

      if (part->part == MOE_PART_EXPERT && part->value > 0)
        g_ptr_array_add (experts, (gpointer) part);
    }
  g_ptr_array_sort (experts, compare_value);
  for (guint i = 0; i < MIN (n, experts->len); i++)
    {
      const MoeAttributionPart *part = experts->pdata[i];
      const MoeIntervention disable = {
        .layer = part->layer, .expert = part->expert, .action = MOE_ACTION_DISABLE, .mode = mode,
        .scope = scope,
      };

      g_array_append_val (interventions, disable);
    }
  return moe_mask_new ((const MoeIntervention *) (gpointer) interventions->data, interventions->len);
}

gboolean
moe_attribution_find_token (const MoeModel  *model,
                            const char      *text,
                            gint32          *token,
                            GError         **error)
{
  guint vocabulary = moe_model_get_info (model)->vocabulary;
  g_autofree gint32 *tokens = NULL;
  guint64 id;
  gsize n;

  if (text[0] == '#' && g_ascii_string_to_unsigned (text + 1, 10, 0, vocabulary - 1, &id, NULL))
    {
      *token = (gint32) id;
      return TRUE;
    }
  tokens = moe_tokenizer_encode (moe_model_get_tokenizer (model), text, strlen (text),
                                 MOE_TOKENIZE_PARSE_SPECIAL, &n);
  if (n == 1)
    {
      *token = tokens[0];
      return TRUE;
    }
  g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID,
               "'%s' is %" G_GSIZE_FORMAT " tokens, not one; #ID names one by its number", text, n);
  return FALSE;
}
