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

/* What one layer's tokens ask for, token after token. */
typedef struct
{
  guint    n_experts;
  gsize    n;        /* accesses */
  guint16 *experts;  /* (n) */
  gsize   *tokens;   /* (n) */
  guint8  *wanted;   /* (n) whether it is of a token whose hits are counted */
  gsize   *next;     /* (n) the next token with the same expert, G_MAXSIZE for none */
  gsize    n_wanted;
  gsize    cold;     /* wanted accesses that are the first of their expert */
} Trace;

static void
trace_clear (Trace *self)
{
  g_free (self->experts);
  g_free (self->tokens);
  g_free (self->wanted);
  g_free (self->next);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Trace, trace_clear)

static void
trace_init (Trace           *self,
            const MoeRoutes *routes,
            guint            layer)
{
  gsize most = MAX (routes->n_tokens * routes->n_slots, 1);
  g_autofree gsize *later = g_new (gsize, MAX (routes->n_experts, 1));
  g_autofree gboolean *seen = g_new0 (gboolean, MAX (routes->n_experts, 1));

  *self = (Trace) { .n_experts = routes->n_experts };
  self->experts = g_new (guint16, most);
  self->tokens = g_new (gsize, most);
  self->wanted = g_new (guint8, most);
  self->next = g_new (gsize, most);
  for (gsize token = 0; token < routes->n_tokens; token++)
    for (guint slot = 0; slot < routes->n_slots; slot++)
      {
        guint16 expert = moe_routes_get (routes, token, layer)[slot];
        gboolean wanted = moe_routes_get_token (routes, token)->wanted;

        if (expert == MOE_NO_EXPERT)
          continue;
        self->experts[self->n] = expert;
        self->tokens[self->n] = token;
        self->wanted[self->n++] = (guint8) wanted;
        self->n_wanted += wanted;
        self->cold += wanted && !seen[expert];
        seen[expert] = TRUE;
      }
  for (guint i = 0; i < routes->n_experts; i++)
    later[i] = G_MAXSIZE;
  for (gsize i = self->n; i-- > 0;)
    {
      self->next[i] = later[self->experts[i]];
      later[self->experts[i]] = self->tokens[i];
    }
}

/* Where the accesses end that are of the same token as access @first. */
static gsize
trace_get_end (const Trace *self,
               gsize        first)
{
  gsize end = first;

  while (end < self->n && self->tokens[end] == self->tokens[first])
    end++;
  return end;
}

/* How many experts were used more recently than @expert; @n when it never was. */
static guint
get_depth (const guint16 *stack,
           guint          n,
           guint16        expert)
{
  guint depth = 0;

  while (depth < n && stack[depth] != expert)
    depth++;
  return depth;
}

/* Hits by size for all sizes at once: an expert that is the d-th of the most recently used, before any of its
 * token is, is found by every cache of at least d. @hits: (@n_sizes). */
static void
run_lru (const Trace *trace,
         const guint *sizes,
         guint        n_sizes,
         guint64     *hits)
{
  g_autofree guint16 *stack = g_new (guint16, MAX (trace->n_experts, 1));
  g_autofree guint64 *depths = g_new0 (guint64, MAX (trace->n_experts, 1));
  guint n = 0;

  for (gsize first = 0, end; first < trace->n; first = end)
    {
      end = trace_get_end (trace, first);
      for (gsize i = first; i < end; i++)
        {
          guint depth = get_depth (stack, n, trace->experts[i]);

          if (depth < n)
            depths[depth] += trace->wanted[i];
        }
      for (gsize i = first; i < end; i++)
        {
          guint depth = get_depth (stack, n, trace->experts[i]);

          n += depth == n;
          memmove (stack + 1, stack, depth * sizeof *stack);
          stack[0] = trace->experts[i];
        }
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
  gsize token = self->trace->tokens[now];

  while (self->end < self->trace->n && self->trace->tokens[self->end] <= token + window)
    self->counts[self->trace->experts[self->end++]]++;
  while (self->first < self->end && self->trace->tokens[self->first] <= token)
    self->counts[self->trace->experts[self->first++]]--;
}

typedef struct
{
  Policy    policy;
  guint     size, n_resident;
  guint16  *resident;    /* (E), the first n_resident */
  gboolean *is_resident; /* (E) */
  gsize    *used;        /* (E) last access */
  guint64  *uses;        /* (E) */
  gsize    *next;        /* (E) next token with it */
  guint    *ahead;       /* (E) uses in the next window */
} Cache;

/* Whether resident @b is to go rather than @a. */
static gboolean
is_worth_less (const Cache *self,
               guint16      b,
               guint16      a)
{
  if (self->policy == POLICY_LFU && self->uses[a] != self->uses[b])
    return self->uses[b] < self->uses[a];
  if (self->policy == POLICY_BELADY && self->next[a] != self->next[b])
    return self->next[b] > self->next[a];
  if (self->policy == POLICY_SCH && self->ahead[a] != self->ahead[b])
    return self->ahead[b] < self->ahead[a];
  return self->used[b] < self->used[a];
}

/* Brings @expert in; what was used from access @first on, by the present token, stays. */
static void
bring_in (Cache   *self,
          guint16  expert,
          gsize    first)
{
  guint place = self->n_resident;

  if (self->n_resident < self->size)
    self->n_resident++;
  else
    {
      for (guint i = 0; i < self->n_resident; i++)
        if (self->used[self->resident[i]] < first
            && (place == self->n_resident
                || is_worth_less (self, self->resident[i], self->resident[place])))
          place = i;
      self->is_resident[self->resident[place]] = FALSE;
    }
  self->resident[place] = expert;
  self->is_resident[expert] = TRUE;
}

/* @size is at least the experts of a token. */
static guint64
run_policy (const Trace *trace,
            Policy       policy,
            guint        window,
            guint        size)
{
  guint n = MAX (trace->n_experts, 1);
  g_autofree guint16 *resident = g_new (guint16, n);
  g_autofree gboolean *is_resident = g_new0 (gboolean, n);
  g_autofree gsize *used = g_new0 (gsize, n);
  g_autofree guint64 *uses = g_new0 (guint64, n);
  g_autofree gsize *next = g_new0 (gsize, n);
  g_autofree guint *counts = g_new0 (guint, n);
  Cache cache = { policy, size, 0, resident, is_resident, used, uses, next, counts };
  Ahead ahead = { trace, 0, 0, counts };
  guint64 hits = 0;

  for (gsize first = 0, end; first < trace->n; first = end)
    {
      end = trace_get_end (trace, first);
      for (gsize i = first; i < end; i++)
        {
          guint16 expert = trace->experts[i];

          uses[expert]++;
          used[expert] = i;
          next[expert] = trace->next[i];
          hits += is_resident[expert] && trace->wanted[i];
        }
      if (policy == POLICY_SCH)
        ahead_move (&ahead, first, window);
      for (gsize i = first; i < end; i++)
        if (!is_resident[trace->experts[i]])
          bring_in (&cache, trace->experts[i], first);
    }
  return hits;
}

static gsize
count_wanted (const MoeRoutes *self)
{
  gsize n = 0;

  for (gsize token = 0; token < self->n_tokens; token++)
    n += moe_routes_get_token (self, token)->wanted;
  return n;
}

/* Up to MAX_SIZES sizes at equal distances from @least, which holds all that one token wants, to @most.
 * Returns how many. */
static guint
choose_sizes (guint  least,
              guint  most,
              guint *sizes)
{
  guint by = MAX ((most - least + MAX_SIZES - 2) / (MAX_SIZES - 1), 1), n = 0;

  for (guint size = least; size < most; size += by)
    sizes[n++] = size;
  sizes[n++] = most;
  return n;
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
  double n = (double) count_wanted (self) * (layer < 0 ? self->n_layers : 1);

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
  guint sizes[MAX_SIZES];
  guint n_sizes = choose_sizes (MIN (MAX (self->n_slots, 1), self->n_experts), self->n_experts, sizes);
  guint64 hits[N_POLICIES][MAX_SIZES] = { { 0 } }, accesses = 0, cold = 0;

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
      guint64 lru[MAX_SIZES];

      trace_init (&trace, self, i);
      accesses += trace.n_wanted;
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
