/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-progress.h"
#include "data/moe-model-info.h"
#include "data/moe-prompt-set.h"
#include "data/moe-route-file.h"

G_BEGIN_DECLS

/* A recording of which only the routing is known, from a file of routes. */
typedef struct
{
  const MoeModelInfo *info;   /* the model that made the routes; NULL: its shape is taken from the file, */
  const char         *name;   /* it is called this, */
  guint               n_layers, n_experts, n_used; /* and it has at least so many; 0 = as many as occur */
  MoePhase            phase;  /* of rows that do not say */
  const char         *tokens; /* path of moe-token-file.h's CSV, for ids, texts and probabilities; or NULL */
  MoePromptSet       *prompts; /* what the person wrote in turn number 0, 1, ...; or NULL */
} MoeRouteImportOptions;

typedef struct
{
  guint   n_prompts;
  gint64  n_tokens;
  guint64 n_routes;
} MoeRouteImportResult;

/* Reads @path and writes the new recording @to, which is there whole or not at all. Everything that the
 * file does not hold is NaN in the recording (down_proj, residual, attention), 0 for channels and ids. Gate
 * weights are kept as 16-bit floats, as in every recording. Turns that do not occur become prompts without
 * tokens.
 *
 * Errors: those of moe_route_file_foreach() and moe_token_file_parse(); MOE_ERROR_FORMAT naming the line of a
 * layer or expert that the model does not have; MOE_ERROR_MISMATCH for a token that @tokens does not have;
 * MOE_ERROR_LIMIT, MOE_ERROR_IO; G_IO_ERROR_CANCELLED. */
gboolean moe_route_import (const char                   *path,
                           const char                   *to,
                           const MoeRouteImportOptions  *options,
                           const MoeProgress            *progress,
                           MoeRouteImportResult         *result,
                           GError                      **error);

G_END_DECLS
