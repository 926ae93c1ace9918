/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-router-similarity"

#include "analysis/moe-router-similarity.h"

#include <cblas.h>
#include <math.h>

float *
moe_router_similarity_compute (const MoeModel *model,
                               guint           layer)
{
  const MoeModelInfo *info;
  g_autofree float *rows = NULL; /* (n_experts, width) */
  float *cosines;
  int n, width;

  g_return_val_if_fail (model != NULL, NULL);

  info = moe_model_get_info (model);
  g_return_val_if_fail (moe_model_info_find_moe_layer (info, layer) >= 0, NULL);

  n = (int) info->n_experts;
  width = (int) info->width;
  rows = moe_model_dup_router (model, layer);
  cosines = g_new (float, (gsize) n * n);
  for (int e = 0; e < n; e++)
    cblas_sscal (width, 1 / cblas_snrm2 (width, rows + (gsize) e * width, 1), rows + (gsize) e * width, 1);
  cblas_ssyrk (CblasRowMajor, CblasUpper, CblasNoTrans, n, width, 1, rows, width, 0, cosines, n);
  for (int e = 0; e < n; e++)
    for (int other = 0; other < e; other++)
      cosines[(gsize) e * n + other] = cosines[(gsize) other * n + e];
  return cosines;
}

static void
add_layer (MoeTable       *table,
           const MoeModel *model,
           guint           layer)
{
  guint n = moe_model_get_info (model)->n_experts;
  g_autofree float *cosines = moe_router_similarity_compute (model, layer);

  for (guint expert = 0; expert < n; expert++)
    for (guint other = expert + 1; other < n; other++)
      {
        guint row = moe_table_append_row (table);

        moe_table_set_int (table, row, 0, layer);
        moe_table_set_int (table, row, 1, expert);
        moe_table_set_int (table, row, 2, other);
        moe_table_set_double (table, row, 3, cosines[(gsize) expert * n + other]);
      }
}

MoeTable *
moe_router_similarity_to_table (const MoeModel *model,
                                int             layer)
{
  const MoeModelInfo *info;
  MoeTable *table;

  g_return_val_if_fail (model != NULL, NULL);

  info = moe_model_get_info (model);
  table = moe_table_new ("Similarity of Router Rows");
  moe_table_add_column (table, "layer", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "expert", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "other", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "similarity", MOE_COLUMN_FLOAT, "", MOE_ROLE_VALUE);
  for (guint i = 0; i < info->n_moe_layers; i++)
    if (layer < 0 || info->moe_layers[i] == (guint) layer)
      add_layer (table, model, info->moe_layers[i]);
  return table;
}
