/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-pool"

#include "probes/moe-pool.h"

#include <sched.h>
#include <stdatomic.h>

/* How long an idle thread looks for work before it sleeps: longer than the pauses between the layers' steps,
 * shorter than would be noticed elsewhere. */
#define SPIN_USEC 100

/* Looks at the state between two looks at the clock, and before the processor is offered to others. */
#define SPINS 64

/* Each thread has a share of the items, neighbours, so that it reads one long stretch of memory; who has
 * finished takes from the far end of another's. One 64-bit word says what can be claimed of a share, so that
 * a claim is one compare-and-swap and cannot mix two jobs: the job's number (16 bits), the end of what is
 * left (24), and its beginning (24). */
#define COUNT_BITS 24
#define COUNT_MASK ((1u << COUNT_BITS) - 1)
#define MAX_ITEMS COUNT_MASK

typedef struct
{
  _Atomic guint64 state;
  guint8          padding[64 - sizeof (guint64)]; /* a cache line each */
} Share;

typedef struct
{
  MoePool *pool;
  guint    thread;
  GThread *handle;
} Worker;

struct _MoePool
{
  guint             threads;
  Worker           *workers;   /* (threads - 1) */

  /* Written before the states that announce them, and left alone until all items are done. */
  MoePoolFunc       func;
  gpointer          data;

  Share            *shares;    /* (threads) */
  guint64           job;
  _Atomic guint     done;      /* items of the present job */

  _Atomic guint     sleepers;
  _Atomic gboolean  quit;
  GMutex            mutex;     /* guards going to sleep */
  GCond             wake;
};

static guint
state_end (guint64 state)
{
  return (guint) (state >> COUNT_BITS) & COUNT_MASK;
}

static guint
state_next (guint64 state)
{
  return (guint) state & COUNT_MASK;
}

static gboolean
has_work (MoePool *self)
{
  for (guint i = 0; i < self->threads; i++)
    {
      guint64 state = atomic_load (&self->shares[i].state);

      if (state_next (state) < state_end (state))
        return TRUE;
    }
  return FALSE;
}

/* Takes an item of the present job from share @from; FALSE when all are taken. */
static gboolean
claim (MoePool *self,
       guint    thread,
       guint    from,
       guint   *item)
{
  _Atomic guint64 *share = &self->shares[from].state;
  guint64 state = atomic_load_explicit (share, memory_order_acquire), left;

  do
    {
      if (state_next (state) >= state_end (state))
        return FALSE;
      *item = from == thread ? state_next (state) : state_end (state) - 1;
      left = from == thread ? state + 1 : state - ((guint64) 1 << COUNT_BITS);
    }
  while (!atomic_compare_exchange_weak_explicit (share, &state, left, memory_order_acq_rel,
                                                 memory_order_acquire));
  return TRUE;
}

static void
work (MoePool *self,
      guint    thread)
{
  for (guint i = 0; i < self->threads; i++)
    {
      guint item;

      while (claim (self, thread, (thread + i) % self->threads, &item))
        {
          self->func (item, thread, self->data);
          atomic_fetch_add_explicit (&self->done, 1, memory_order_release);
        }
    }
}

static inline void
pause_briefly (void)
{
#if defined (__x86_64__) || defined (__i386__)
  __builtin_ia32_pause ();
#endif
}

/* Returns when there may be work, or when the pool ends. */
static void
wait_for_work (MoePool *self)
{
  gint64 until = g_get_monotonic_time () + SPIN_USEC;

  do
    for (guint i = 0; i < SPINS; i++)
      {
        if (has_work (self) || atomic_load (&self->quit))
          return;
        pause_briefly ();
      }
  while (g_get_monotonic_time () < until);

  g_mutex_lock (&self->mutex);
  atomic_fetch_add (&self->sleepers, 1);
  while (!has_work (self) && !atomic_load (&self->quit))
    g_cond_wait (&self->wake, &self->mutex);
  atomic_fetch_sub (&self->sleepers, 1);
  g_mutex_unlock (&self->mutex);
}

static gpointer
worker_main (gpointer data)
{
  Worker *worker = data;
  MoePool *self = worker->pool;

  while (!atomic_load (&self->quit))
    {
      work (self, worker->thread);
      wait_for_work (self);
    }
  return NULL;
}

MoePool *
moe_pool_new (guint threads)
{
  MoePool *self;

  g_return_val_if_fail (threads >= 1, NULL);

  self = g_new0 (MoePool, 1);
  self->threads = threads;
  g_mutex_init (&self->mutex);
  g_cond_init (&self->wake);
  self->shares = g_aligned_alloc0 (threads, sizeof *self->shares, 64);
  self->workers = g_new0 (Worker, threads - 1);
  for (guint i = 0; i + 1 < threads; i++)
    {
      self->workers[i].pool = self;
      self->workers[i].thread = i + 1;
      self->workers[i].handle = g_thread_new ("moe-pool", worker_main, &self->workers[i]);
    }
  return self;
}

static void
wake_sleepers (MoePool *self)
{
  if (atomic_load (&self->sleepers) == 0)
    return;
  g_mutex_lock (&self->mutex);
  g_cond_broadcast (&self->wake);
  g_mutex_unlock (&self->mutex);
}

void
moe_pool_free (MoePool *self)
{
  if (self == NULL)
    return;
  atomic_store (&self->quit, TRUE);
  g_mutex_lock (&self->mutex);
  g_cond_broadcast (&self->wake);
  g_mutex_unlock (&self->mutex);
  for (guint i = 0; i + 1 < self->threads; i++)
    g_thread_join (self->workers[i].handle);
  g_free (self->workers);
  g_aligned_free (self->shares);
  g_mutex_clear (&self->mutex);
  g_cond_clear (&self->wake);
  g_free (self);
}

guint
moe_pool_get_threads (const MoePool *self)
{
  return self->threads;
}

void
moe_pool_run (MoePool     *self,
              guint        n_items,
              MoePoolFunc  func,
              gpointer     data)
{
  g_return_if_fail (n_items <= MAX_ITEMS);

  if (self->threads == 1 || n_items <= 1)
    {
      for (guint i = 0; i < n_items; i++)
        func (i, 0, data);
      return;
    }

  /* Nobody can claim from the job before: its items are all taken and done. */
  self->job++;
  self->func = func;
  self->data = data;
  atomic_store_explicit (&self->done, 0, memory_order_relaxed);
  for (guint i = self->threads; i-- > 0;)
    {
      guint64 begin = (guint64) n_items * i / self->threads;
      guint64 end = (guint64) n_items * (i + 1) / self->threads;

      atomic_store (&self->shares[i].state, self->job << (2 * COUNT_BITS) | end << COUNT_BITS | begin);
    }
  wake_sleepers (self);

  work (self, 0);
  /* Only items that others have begun are left. Their thread may have lost its processor to us. */
  for (guint i = 0; atomic_load_explicit (&self->done, memory_order_acquire) < n_items; i++)
    if (i % SPINS == SPINS - 1)
      sched_yield ();
    else
      pause_briefly ();
}

guint
moe_pool_get_n_cores (void)
{
  cpu_set_t set;

  if (sched_getaffinity (0, sizeof set, &set) == 0)
    return MAX (1, CPU_COUNT (&set));
  return MAX (1, g_get_num_processors ());
}
