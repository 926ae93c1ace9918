/* SPDX-License-Identifier: MIT */
#include "probes/moe-pool.h"

/* Every item runs once, with a thread number in range, and all have ended when the call returns. */

#define MAX_ITEMS 1000

typedef struct
{
  guint    threads;
  gint     runs[MAX_ITEMS];
  gint     running[16]; /* items that each thread is in */
  gboolean slow;
} Job;

static void
run_item (guint    item,
          guint    thread,
          gpointer data)
{
  Job *job = data;

  g_assert_cmpuint (thread, <, job->threads);
  g_assert_cmpint (g_atomic_int_add (&job->running[thread], 1), ==, 0);
  if (job->slow && item % 7 == 0)
    g_usleep (50);
  g_atomic_int_inc (&job->runs[item]);
  g_atomic_int_add (&job->running[thread], -1);
}

static void
check (MoePool *pool,
       guint    n_items,
       gboolean slow)
{
  Job job = { moe_pool_get_threads (pool), .slow = slow };

  moe_pool_run (pool, n_items, run_item, &job);
  for (guint i = 0; i < MAX_ITEMS; i++)
    g_assert_cmpint (job.runs[i], ==, i < n_items);
}

static void
test_once_each (void)
{
  for (guint threads = 1; threads <= 8; threads++)
    {
      g_autoptr(MoePool) pool = moe_pool_new (threads);

      for (guint n = 0; n < 40; n++)
        check (pool, n, FALSE);
      check (pool, MAX_ITEMS, FALSE);
      check (pool, 100, TRUE);
    }
}

/* More jobs than the job number has values, so close together that a thread often comes late. */
static void
test_many_jobs (void)
{
  g_autoptr(MoePool) pool = moe_pool_new (4);
  Job job = { 4 };

  for (guint i = 0; i < 70000; i++)
    moe_pool_run (pool, 3, run_item, &job);
  for (guint i = 0; i < 3; i++)
    g_assert_cmpint (job.runs[i], ==, 70000);
}

/* Sleeping threads wake up: with each item waiting for all others to have begun, one thread alone would
 * hang. */
typedef struct
{
  gint begun;
  guint n;
} Meeting;

static void
meet (guint    item,
      guint    thread,
      gpointer data)
{
  Meeting *meeting = data;

  g_atomic_int_inc (&meeting->begun);
  while ((guint) g_atomic_int_get (&meeting->begun) < meeting->n)
    g_thread_yield ();
}

static void
test_wakes (void)
{
  g_autoptr(MoePool) pool = moe_pool_new (4);

  for (guint i = 0; i < 20; i++)
    {
      Meeting meeting = { 0, 4 };

      g_usleep (2000); /* longer than idle threads spin */
      moe_pool_run (pool, 4, meet, &meeting);
      g_assert_cmpint (meeting.begun, ==, 4);
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pool/once-each", test_once_each);
  g_test_add_func ("/pool/many-jobs", test_many_jobs);
  g_test_add_func ("/pool/wakes", test_wakes);
  return g_test_run ();
}
