/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-routes-cache"

#include "analysis/moe-routes-private.h"

#include <string.h>

#define MAX_SIZES 16

typedef enum
{
  POLICY_LRU,
  POLICY_LFU,
  POLICY_BELADY,
  POLICY_SCH,
  N_POLICIES
} Policy;

static const char *const policies[N_POLICIES] = { "lru", "lfu", "belady", "sch" };

/* What one layer's tokens ask for, one after the other. */
typedef struct
{
  guint    n_experts;
  gsize    n;        /* accesses */
  guint16 *experts;  /* (n) */
  guint   *tokens;   /* (n) */
  gsize   *next;     /* (n) the next access of the same expert, n for none */
  gsize    cold;     /* accesses that are the first of their expert */
} Trace;

static void
trace_clear (Trace *self)
{
  g_free (self->experts);
  g_free (self->tokens);
  g_free (self->next);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Trace, trace_clear)

static void
trace_init (Trace           *self,
            const MoeRoutes *routes,
            guint            layer)
{
  gsize most = MAX (routes->n_tokens * routes->n_slots, 1);
  g_autofree gsize *last = g_new (gsize, MAX (routes->n_experts, 1));

  *self = (Trace) { .n_experts = routes->n_experts };
  self->experts = g_new (guint16, most);
  self->tokens = g_new (guint, most);
  self->next = g_new (gsize, most);
  for (gsize token = 0; token < routes->n_tokens; token++)
    for (guint slot = 0; slot < routes->n_slots; slot++)
      {
        guint16 expert = moe_routes_get (routes, token, layer)[slot];

        if (expert == MOE_NO_EXPERT)
          continue;
        self->experts[self->n] = expert;
        self->tokens[self->n++] = (guint) token;
      }
  for (guint i = 0; i < routes->n_experts; i++)
    last[i] = self->n;
  for (gsize i = self->n; i-- > 0;)
    {
      self->next[i] = last[self->experts[i]];
      last[self->experts[i]] = i;
    }
  for (guint i = 0; i < routes->n_experts; i++)
    self->cold += last[i] < self->n;
}

/* Hits by size for all sizes at once: an expert that is the d-th of the most recently used is found by every
 * cache of at least d. @hits: (@n_sizes). */
static void
run_lru (const Trace *trace,
         const guint *sizes,
         guint        n_sizes,
         guint64     *hits)
{
  g_autofree guint16 *stack = g_new (guint16, MAX (trace->n_experts, 1));
  g_autofree guint64 *depths = g_new0 (guint64, (gsize) trace->n_experts + 1);
  guint n = 0;

  for (gsize i = 0; i < trace->n; i++)
    {
      guint16 expert = trace->experts[i];
      guint depth = 0;

      while (depth < n && stack[depth] != expert)
        depth++;
      if (depth < n)
        depths[depth]++;
      else
        n++;
      memmove (stack + 1, stack, depth * sizeof *stack);
      stack[0] = expert;
    }
  for (guint i = 0; i < n_sizes; i++)
    {
      hits[i] = 0;
      for (guint depth = 0; depth < MIN (sizes[i], trace->n_experts); depth++)
        hits[i] += depths[depth];
    }
}

/* What the next @window tokens ask for: moved on from token to token. */
typedef struct
{
  const Trace *trace;
  gsize        first, end; /* accesses that are counted */
  guint       *counts;     /* (n_experts) */
} Ahead;

/* Up to access @now of its token: counts those of the @window tokens after that. */
static void
ahead_move (Ahead *self,
            gsize  now,
            guint  window)
{
  guint token = self->trace->tokens[now];

  while (self->end < self->trace->n && self->trace->tokens[self->end] <= token + window)
    self->counts[self->trace->experts[self->end++]]++;
  while (self->first < self->end && self->trace->tokens[self->first] <= token)
    self->counts[self->trace->experts[self->first++]]--;
}

static guint64
run_policy (const Trace *trace,
            Policy       policy,
            guint        window,
            guint        size)
{
  guint n = trace->n_experts, n_resident = 0;
  g_autofree guint16 *resident = g_new (guint16, MAX (n, 1));
  g_autofree gboolean *is_resident = g_new0 (gboolean, MAX (n, 1));
  g_autofree gsize *used = g_new0 (gsize, MAX (n, 1));    /* last access, by expert */
  g_autofree guint64 *uses = g_new0 (guint64, MAX (n, 1));
  g_autofree gsize *next = g_new0 (gsize, MAX (n, 1));
  g_autofree guint *counts = g_new0 (guint, MAX (n, 1));
  Ahead ahead = { trace, 0, 0, counts };
  guint64 hits = 0;

  for (gsize i = 0; i < trace->n; i++)
    {
      guint16 expert = trace->experts[i];

      uses[expert]++;
      used[expert] = i;
      next[expert] = trace->next[i];
      if (policy == POLICY_SCH)
        ahead_move (&ahead, i, window);
      if (is_resident[expert])
        {
          hits++;
          continue;
        }
      if (n_resident == size)
        {
          guint worst = 0;

          for (guint j = 1; j < n_resident; j++)
            {
              guint16 a = resident[worst], b = resident[j];
              /* How much less b is worth than a. */
              gboolean less = policy == POLICY_LFU ? uses[b] < uses[a]
                              : policy == POLICY_BELADY ? next[b] > next[a] : counts[b] < counts[a];
              gboolean equal = policy == POLICY_LFU ? uses[b] == uses[a]
                               : policy == POLICY_BELADY ? next[b] == next[a] : counts[b] == counts[a];

              if (less || (equal && used[b] < used[a]))
                worst = j;
            }
          is_resident[resident[worst]] = FALSE;
          resident[worst] = expert;
        }
      else
        resident[n_resident++] = expert;
      is_resident[expert] = TRUE;
    }
  return hits;
}

static void
add_rows (const MoeRoutes *self,
          MoeTable        *table,
          int              layer,
          Policy           policy,
          const guint     *sizes,
          guint            n_sizes,
          const guint64   *hits,
          guint64          accesses,
          guint64          cold)
{
  double n = (double) self->n_tokens * (layer < 0 ? self->n_layers : 1);

  for (guint i = 0; i < n_sizes; i++)
    {
      guint row = moe_table_append_row (table);

      if (layer >= 0)
        moe_table_set_int (table, row, 0, self->info->moe_layers[layer]);
      moe_table_set_text (table, row, 1, policies[policy]);
      moe_table_set_int (table, row, 2, sizes[i]);
      moe_table_set_double (table, row, 3, (double) sizes[i] / MAX (self->n_slots, 1));
      if (accesses > 0)
        moe_table_set_double (table, row, 4, (double) hits[i] / (double) accesses);
      moe_table_set_int (table, row, 5, (gint64) hits[i]);
      moe_table_set_int (table, row, 6, (gint64) accesses);
      moe_table_set_int (table, row, 7, (gint64) cold);
      if (n > 0)
        moe_table_set_double (table, row, 8, (double) (accesses - hits[i]) / n);
    }
}

gboolean
moe_routes_cache (const MoeRoutes         *self,
                  const MoeRoutesOptions  *options,
                  int                      layer,
                  MoeTable                *table,
                  const MoeProgress       *progress,
                  GError                 **error)
{
  guint first = layer < 0 ? 0 : (guint) layer, end = layer < 0 ? self->n_layers : first + 1;
  guint by = MAX ((self->n_experts + MAX_SIZES - 1) / MAX_SIZES, 1), n_sizes = 0;
  guint sizes[MAX_SIZES + 1];
  guint64 hits[N_POLICIES][MAX_SIZES + 1] = { { 0 } }, accesses = 0, cold = 0;

  for (guint size = by; size < self->n_experts && n_sizes < MAX_SIZES; size += by)
    sizes[n_sizes++] = size;
  sizes[n_sizes++] = self->n_experts;

  moe_table_add_column (table, "layer", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "policy", MOE_COLUMN_TEXT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "experts", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "rho", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "hit_rate", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "hits", MOE_COLUMN_INT, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "accesses", MOE_COLUMN_INT, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "cold", MOE_COLUMN_INT, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "fetched_per_token", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  for (guint i = first; i < end; i++)
    {
      g_auto(Trace) trace = { 0 };
      guint64 lru[MAX_SIZES + 1];

      trace_init (&trace, self, i);
      accesses += trace.n;
      cold += trace.cold;
      run_lru (&trace, sizes, n_sizes, lru);
      for (guint size = 0; size < n_sizes; size++)
        {
          if (!moe_progress_step (progress, (i - first + (double) size / n_sizes) / (end - first),
                                  "filling caches", error))
            return FALSE;
          hits[POLICY_LRU][size] += lru[size];
          for (guint policy = POLICY_LFU; policy < N_POLICIES; policy++)
            hits[policy][size] += run_policy (&trace, (Policy) policy, options->window, sizes[size]);
        }
    }
  for (guint policy = 0; policy < N_POLICIES; policy++)
    add_rows (self, table, layer, (Policy) policy, sizes, n_sizes, hits[policy], accesses, cold);
  return TRUE;
}
