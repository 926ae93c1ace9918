/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum
{
  MOE_COLOR_MAP_VIRIDIS,
  MOE_COLOR_MAP_CIVIDIS,
  MOE_COLOR_MAP_PUOR, /* diverging */
} MoeColorMap;

/* 0xffRRGGBB for @fraction in 0..1 (clamped), from a 256-entry table. */
guint32  moe_color_map_get      (MoeColorMap  map,
                                 double       fraction);
/* What "missing" is drawn in; no entry of any map. */
guint32  moe_color_map_missing  (gboolean     dark);
gboolean moe_color_map_parse    (const char  *name,
                                 MoeColorMap *map);

G_END_DECLS
