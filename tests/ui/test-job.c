/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-job"

#include "ui/moe-job.h"

#define PATIENCE (20 * G_USEC_PER_SEC)

#define wait_for(condition) \
  G_STMT_START { \
    gint64 end_ = g_get_monotonic_time () + PATIENCE; \
    while (!(condition)) \
      { \
        g_main_context_iteration (NULL, FALSE); \
        if (g_get_monotonic_time () > end_) \
          g_error ("waited in vain for %s", #condition); \
        g_usleep (200); \
      } \
  } G_STMT_END

typedef struct
{
  GThread  *main;       /* the thread of the test */
  int       go;         /* atomic: how far the work may go */
  int       freed;      /* atomic: data that was freed */
  int       results;    /* atomic: results that were freed */
  guint     n_done;
  guint     n_changed;
  double    fraction;   /* that was shown last */
  char     *text;
  char     *result;
  GError   *error;
} Fixture;

static Fixture fixture;

static void
free_data (gpointer data)
{
  g_atomic_int_inc (&((Fixture *) data)->freed);
}

static void
free_result (gpointer result)
{
  g_atomic_int_inc (&fixture.results);
  g_free (result);
}

/* Ten steps, as many as it is let, then "done". */
static gpointer
count (gpointer            data,
       const MoeProgress  *progress,
       GError            **error)
{
  Fixture *self = data;

  g_assert_true (g_thread_self () != self->main);
  for (int i = 1; i <= 10; i++)
    {
      while (g_atomic_int_get (&self->go) < i)
        {
          g_usleep (200);
          if (g_cancellable_set_error_if_cancelled (progress->cancellable, error))
            return NULL;
        }
      if (!moe_progress_step (progress, i / 10.0, i < 5 ? "first" : "second", error))
        return NULL;
    }
  return g_strdup ("done");
}

static void
on_changed (MoeJob  *job,
            Fixture *self)
{
  g_assert_true (g_thread_self () == self->main);
  self->n_changed++;
  self->fraction = moe_job_get_fraction (job);
  g_free (self->text);
  self->text = moe_job_get_text (job);
}

static void
on_done (MoeJob       *job,
         gpointer      result,
         const GError *error,
         gpointer      user_data)
{
  Fixture *self = user_data;

  g_assert_true (g_thread_self () == self->main);
  self->n_done++;
  self->result = result;
  self->error = error != NULL ? g_error_copy (error) : NULL;
}

static void
reset (void)
{
  g_free (fixture.text);
  g_free (fixture.result);
  g_clear_error (&fixture.error);
  fixture = (Fixture) { .main = g_thread_self () };
}

static MoeJob *
start (void)
{
  MoeJob *job;

  reset ();
  job = moe_job_start ("Counting", count, &fixture, free_data, free_result, on_done, &fixture);
  g_signal_connect (job, "changed", G_CALLBACK (on_changed), &fixture);
  return job;
}

/* Progress and the result come on the main thread, in that order, and the data is freed once. */
static void
test_result (void)
{
  MoeJob *job = start ();
  g_autofree char *text = moe_job_get_text (job);

  g_assert_cmpstr (text, ==, "Counting");
  g_assert_cmpfloat (moe_job_get_fraction (job), ==, -1);
  g_atomic_int_set (&fixture.go, 3);
  wait_for (fixture.fraction == 0.3);
  g_assert_cmpstr (fixture.text, ==, "Counting: first");
  g_assert_cmpuint (fixture.n_done, ==, 0);
  g_atomic_int_set (&fixture.go, 10);
  wait_for (fixture.n_done == 1);
  g_assert_cmpstr (fixture.result, ==, "done");
  g_assert_no_error (fixture.error);
  g_assert_cmpint (g_atomic_int_get (&fixture.freed), ==, 1);
  g_assert_cmpint (g_atomic_int_get (&fixture.results), ==, 0);
  /* The last change may still be on its way. */
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_finalize_object (job);
}

/* However fast the work reports, what waits to be shown is one change. */
static void
test_flood (void)
{
  MoeJob *job = start ();

  g_atomic_int_set (&fixture.go, 10);
  g_usleep (100000);
  wait_for (fixture.n_done == 1);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (fixture.n_changed, <=, 1);
  g_object_unref (job);
}

static void
test_cancel (void)
{
  MoeJob *job = start ();

  g_atomic_int_set (&fixture.go, 2);
  wait_for (fixture.n_changed > 0);
  moe_job_cancel (job);
  wait_for (fixture.n_done == 1);
  g_assert_null (fixture.result);
  g_assert_error (fixture.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_object_unref (job);
}

/* Nobody is told any more, and nothing leaks, whether it was at work or had just ended. */
static void
test_abandon (void)
{
  for (int go = 2; go <= 10; go += 8)
    {
      MoeJob *job = start ();

      g_object_add_weak_pointer (G_OBJECT (job), (gpointer *) &job);
      g_atomic_int_set (&fixture.go, go);
      wait_for (g_atomic_int_get (&fixture.freed) == (go == 10));
      moe_job_abandon (job);
      wait_for (job == NULL);
      g_assert_cmpuint (fixture.n_done, ==, 0);
      g_assert_cmpint (g_atomic_int_get (&fixture.freed), ==, 1);
      g_assert_cmpint (g_atomic_int_get (&fixture.results), ==, go == 10);
    }
}

int
main (int    argc,
      char **argv)
{
  int code;

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/job/result", test_result);
  g_test_add_func ("/job/flood", test_flood);
  g_test_add_func ("/job/cancel", test_cancel);
  g_test_add_func ("/job/abandon", test_abandon);
  code = g_test_run ();
  reset ();
  return code;
}
