/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-linear"

#include "probes/moe-linear.h"

/* Tokens of one prepare work item: quantising a row takes well under a microsecond. */
#define PREPARE_CHUNK 16

void
moe_activations_set (MoeActivations *self,
                     const float    *x,
                     gsize           n,
                     gsize           width)
{
  self->x = x;
  self->n = n;
  self->width = width;
  self->n_forms = 0;
}

typedef struct
{
  MoeActivations  *activations;
  const MoeKernel *kernel;
  guint8          *buffer;
  gsize            stride; /* bytes */
} PrepareJob;

static void
prepare_chunk (guint    item,
               guint    thread,
               gpointer data)
{
  PrepareJob *job = data;
  MoeActivations *a = job->activations;
  gsize begin = (gsize) item * PREPARE_CHUNK, end = MIN (begin + PREPARE_CHUNK, a->n);

  for (gsize t = begin; t < end; t++)
    job->kernel->prepare (a->x + t * a->width, a->width, job->buffer + t * job->stride);
}

const void *const *
moe_activations_get (MoeActivations  *self,
                     const MoeKernel *kernel,
                     MoePool         *pool)
{
  PrepareJob job = { self, kernel };
  gsize bytes;
  guint form;

  for (form = 0; form < self->n_forms; form++)
    if (self->forms[form].prepare == kernel->prepare)
      return self->forms[form].rows;

  g_assert (form < G_N_ELEMENTS (self->forms));
  job.stride = kernel->prepared_bytes (self->width);
  bytes = job.stride * self->n;
  if (bytes > self->forms[form].buffer_bytes)
    {
      g_clear_pointer (&self->forms[form].buffer, g_aligned_free);
      self->forms[form].buffer = g_aligned_alloc (1, bytes, 64);
      self->forms[form].buffer_bytes = bytes;
    }
  if (self->n > self->forms[form].n_rows_allocated)
    {
      self->forms[form].rows = g_renew (const void *, self->forms[form].rows, self->n);
      self->forms[form].n_rows_allocated = self->n;
    }
  job.buffer = self->forms[form].buffer;
  for (gsize t = 0; t < self->n; t++)
    self->forms[form].rows[t] = job.buffer + t * job.stride;
  self->forms[form].prepare = kernel->prepare;
  self->n_forms = form + 1;

  moe_pool_run (pool, (self->n + PREPARE_CHUNK - 1) / PREPARE_CHUNK, prepare_chunk, &job);
  return self->forms[form].rows;
}

void
moe_activations_clear (MoeActivations *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (self->forms); i++)
    {
      g_clear_pointer (&self->forms[i].buffer, g_aligned_free);
      g_clear_pointer (&self->forms[i].rows, g_free);
    }
  memset (self, 0, sizeof *self);
}

typedef struct
{
  const MoeMatrix    *w;
  const MoeKernel    *kernel;
  const void *const  *x;
  gsize               n;
  float              *y;
  gsize               stride;
} LinearJob;

/* Tokens whose output pointers fit on a work item's stack. */
#define TOKEN_BLOCK 512

static void
linear_chunk (guint    item,
              guint    thread,
              gpointer data)
{
  LinearJob *job = data;
  gsize chunk = moe_linear_get_chunk (job->w->n_rows, 1), begin = item * chunk;
  gsize end = MIN (begin + chunk, job->w->n_rows);
  float *y[TOKEN_BLOCK];

  for (gsize t = 0; t < job->n; t += TOKEN_BLOCK)
    {
      gsize n = MIN (TOKEN_BLOCK, job->n - t);

      for (gsize i = 0; i < n; i++)
        y[i] = job->y + (t + i) * job->stride;
      job->kernel->matmul (job->w->data, job->w->n_in, begin, end, job->x + t, y, n);
    }
}

void
moe_linear (const MoeMatrix *w,
            MoeActivations  *x,
            MoeKernelChoice  choice,
            MoePool         *pool,
            float           *y,
            gsize            stride)
{
  LinearJob job = { w, moe_kernel_get (w->type, choice), NULL, x->n, y, stride };

  g_assert (w->n_in == x->width);
  job.x = moe_activations_get (x, job.kernel, pool);
  moe_pool_run (pool, moe_linear_count_chunks (w->n_rows, 1), linear_chunk, &job);
}
