/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-types.h"

G_BEGIN_DECLS

/* Files that say which experts each token went through, a row an expert, in the order of tokens and layers,
 * as `moescope-cli export` and other programs write them. Two layouts, told apart by their header, whose
 * other columns are ignored:
 *
 *   turn,phase,step,layer,slot,expert,weight   a token is what has equal turn and step; weight may be missing
 *   layer,expert                               a token ends where the layer number falls, or where all slots
 *                                              are taken; slots are counted */
typedef struct
{
  guint    line;   /* 1-based, for messages */
  gboolean starts; /* a token */
  guint    turn;   /* 0 in the second layout */
  guint    step;   /* counted in the second layout */
  MoePhase phase;
  guint    layer;  /* model layer */
  guint    slot;   /* 0 = strongest */
  guint    expert;
  double   weight; /* NaN when not known */
} MoeRoute;

typedef struct
{
  guint    n_slots; /* experts chosen by a token in a layer; 0 = not known */
  MoePhase phase;   /* of rows that do not say */
} MoeRouteOptions;

/* FALSE with @error set ends the reading. */
typedef gboolean (*MoeRouteFunc)      (const MoeRoute *route, gpointer user_data, GError **error);

/* Calls @func for every row of @data; @path is only for messages. Phases are ours, or "prefill" for prompt
 * and "decode" for answer. Errors: MOE_ERROR_FORMAT naming file and line (a field that is no number or is out
 * of range, rows of a token that are not in the order of layers and slots, an expert twice); those of
 * @func. */
gboolean moe_route_file_foreach       (const char             *path,
                                       const char             *data,
                                       gsize                   length,
                                       const MoeRouteOptions  *options,
                                       MoeRouteFunc            func,
                                       gpointer                user_data,
                                       GError                **error);

G_END_DECLS
