/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-gguf.h"
#include "probes/moe-kernels.h"
#include "probes/moe-pool.h"

G_BEGIN_DECLS

/* A stored weight matrix, or a stack of them (one per expert), inside the mapped file. */
typedef struct
{
  const MoeGgufTensor *tensor;     /* NULL when the model has none */
  const guint8        *data;       /* (n_matrices, n_rows, n_in) in blocks of @type */
  MoeTensorType        type;
  gsize                n_in, n_rows, n_matrices;
  gsize                row_bytes;
  const guint8 *const *slices;     /* (n_matrices) where each starts when they do not follow each other, else
                                    * NULL */
} MoeMatrix;

/* Where matrix @index of a stack starts. */
static inline const guint8 *
moe_matrix_get_slice (const MoeMatrix *self,
                      gsize            index)
{
  return self->slices != NULL ? self->slices[index] : self->data + index * self->n_rows * self->row_bytes;
}

/* The activation rows of one batch, with their prepared (perhaps quantised) forms, which are made on first
 * use and shared by every matrix that reads the same input. */
typedef struct
{
  const float *x; /* (n, width) */
  gsize        n, width;
  guint        n_forms;
  struct
  {
    void        (*prepare) (const float *x, gsize n, void *prepared);
    guint8       *buffer;
    gsize         buffer_bytes;
    const void  **rows;  /* (n) */
    gsize         n_rows_allocated;
  } forms[4];
} MoeActivations;

/* Points @self at new rows; earlier prepared forms are void. */
void               moe_activations_set   (MoeActivations   *self,
                                          const float      *x,
                                          gsize             n,
                                          gsize             width);
/* The rows as @kernel wants them: (n) pointers. */
const void *const *moe_activations_get   (MoeActivations   *self,
                                          const MoeKernel  *kernel,
                                          MoePool          *pool);
void               moe_activations_clear (MoeActivations   *self);

/* y[t] = W x[t]; y: (n, n_rows), row t at y + t * stride. */
void               moe_linear            (const MoeMatrix  *w,
                                          MoeActivations   *x,
                                          MoeKernelChoice   choice,
                                          MoePool          *pool,
                                          float            *y,
                                          gsize             stride);

/* Rows of one of @n_matrices of @n_rows that one thread computes at a time: long stretches of memory, which
 * are read faster than short ones and for which the kernels lay out the activations less often, yet enough of
 * them for all threads. A multiple of the kernels' 16 rows. */
static inline gsize
moe_linear_get_chunk (gsize n_rows,
                      gsize n_matrices)
{
  const gsize n_pieces = CLAMP (64 / MAX (n_matrices, 1), 1, 8);

  return CLAMP (n_rows / n_pieces / 16 * 16, n_rows <= 256 ? 16 : 64, 256);
}

/* In how many of them a matrix is computed. */
static inline guint
moe_linear_count_chunks (gsize n_rows,
                         gsize n_matrices)
{
  const gsize chunk = moe_linear_get_chunk (n_rows, n_matrices);

  return (guint) ((n_rows + chunk - 1) / chunk);
}

G_END_DECLS
