/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-expert-means.h"
#include "data/moe-mask.h"

G_BEGIN_DECLS

/* What is compared in an evaluation: no mask, a mask, and its controls. */
typedef struct
{
  char    *name; /* "plain", "mask", "random:1", "reversed", "bottom", "top:5", "top:5/random:1",
                    "strength:0.5", "strength:0.5/random:1" */
  MoeMask *mask; /* NULL for plain */
} MoeCondition;

/* Experts in the order of some score, the strongest first: interventions of disable, of which only layer and
 * expert count. */
typedef struct
{
  GArray *experts; /* of MoeIntervention */
} MoeRanking;

/* Reads layer and expert of each row from a CSV with these columns, in the order of its column rank or,
 * without it, of its rows; what `contrast` writes. Errors: MOE_ERROR_IO, _FORMAT (with the line), _LIMIT. */
MoeRanking *moe_ranking_load       (const char           *path,
                                    const MoeModelInfo   *info,
                                    GError              **error);
void        moe_ranking_free       (MoeRanking           *self);
/* Disables the first @n, or the last @n with @bottom. Transfer full. */
MoeMask    *moe_ranking_make_mask  (const MoeRanking     *self,
                                    guint                 n,
                                    gboolean              bottom,
                                    MoeMode               mode,
                                    MoeScope              scope);

/* Which controls a mask gets. */
typedef struct
{
  guint    n_random;
  gboolean reversed;
  gboolean bottom;   /* needs a ranking */
} MoeControls;

/* "random:5,reversed,bottom" or "none". Errors: MOE_ERROR_INVALID. */
gboolean    moe_controls_parse     (const char           *text,
                                    MoeControls          *controls,
                                    GError              **error);

/* Puts random experts in the places of those of @mask: of the same layer, not in @mask, each drawn from the
 * quarter (at least four) of those left whose load is nearest. Interventions on routers, shared experts and
 * all experts of a layer stay. @loads: (M, E) hits in a plain run. NULL with MOE_ERROR_INVALID when a layer
 * has too few experts. Transfer full. */
MoeMask    *moe_mask_draw_random   (const MoeMask        *mask,
                                    const MoeModelInfo   *info,
                                    const guint64        *loads,
                                    guint64               seed,
                                    GError              **error);
/* The opposite: disabled experts are forced (max; as many as a layer allows, the first of the mask), forced
 * ones disabled (refill), biases negated, scales inverted (0 becomes 2); the rest is left out. NULL with
 * MOE_ERROR_INVALID when nothing is left. Transfer full. */
MoeMask    *moe_mask_reverse       (const MoeMask        *mask,
                                    const MoeModelInfo   *info,
                                    GError              **error);
/* The same at another strength: a bias times @strength, a scale 1 + (scale - 1) * strength, and a disabled
 * expert is scaled by 1 - strength (at 1 it is disabled as the mask says); the rest stays, unless @strength
 * is 0. Transfer full. */
MoeMask    *moe_mask_at_strength   (const MoeMask        *mask,
                                    double                strength);

/* Appends @mask, called @name, and its controls, called NAME/random:1 and so on (without "NAME/" when @name
 * is "mask"), to @conditions. @ranking: for bottom; which disables as many experts as @mask does. */
gboolean    moe_conditions_add     (GPtrArray            *conditions,
                                    const char           *name,
                                    MoeMask              *mask,
                                    const MoeControls    *controls,
                                    const MoeRanking     *ranking,
                                    const MoeModelInfo   *info,
                                    const guint64        *loads,
                                    guint64               seed,
                                    GError              **error);
/* Appends @mask at @strength, called strength:S, and its controls: the same random experts, and the bottom of
 * the ranking, at that strength; reversed is @mask at minus @strength, except that forced experts are
 * disabled (refill). At strength 0, where nothing is changed, there are none. */
gboolean    moe_conditions_add_strength (GPtrArray           *conditions,
                                         MoeMask             *mask,
                                         double               strength,
                                         const MoeControls   *controls,
                                         const MoeRanking    *ranking,
                                         const MoeModelInfo  *info,
                                         const guint64       *loads,
                                         guint64              seed,
                                         GError             **error);
/* Appends one without controls; @mask may be NULL. */
void        moe_conditions_add_one (GPtrArray            *conditions,
                                    const char           *name,
                                    MoeMask              *mask);
/* What an evaluation compares beside plain: a mask, the first experts of a ranking, the mask at other
 * strengths; each with the same controls. */
typedef struct
{
  MoeMask        *mask;
  MoeRanking     *ranking;   /* or NULL, without @counts and bottom controls */
  GArray         *counts;    /* of double: how many experts of the ranking are disabled, a condition each */
  MoeMode         top_mode;  /* how they are */
  MoeExpertMeans *means;     /* that they need, or NULL */
  GArray         *strengths; /* of double */
  MoeControls     controls;
  const guint64  *loads;     /* (M, E) hits in a plain run */
  guint64         seed;
} MoeSweep;

/* Appends them in this order. Errors: as moe_conditions_add(). */
gboolean    moe_conditions_add_sweep (GPtrArray           *conditions,
                                      const MoeSweep      *sweep,
                                      const MoeModelInfo  *info,
                                      GError             **error);
/* An array of MoeCondition that frees them; it begins with plain. */
GPtrArray  *moe_conditions_new     (void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeRanking, moe_ranking_free)

G_END_DECLS
