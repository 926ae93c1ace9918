/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-color-map"

#include "ui/moe-color-map.h"
#include "ui/moe-color-map-tables.h"

guint32
moe_color_map_get (MoeColorMap map,
                   double      fraction)
{
  const guint32 *table = map == MOE_COLOR_MAP_PUOR      ? moe_puor_table
                         : map == MOE_COLOR_MAP_CIVIDIS ? moe_cividis_table
                                                        : moe_viridis_table;
  guint index;

  /* The comparison is written so that NaN falls to the low end instead of into an undefined conversion. */
  if (!(fraction > 0))
    index = 0;
  else if (fraction >= 1)
    index = 255;
  else
    index = (guint) (fraction * 255 + 0.5);
  return 0xff000000u | table[index];
}

guint32
moe_color_map_missing (gboolean dark)
{
  return dark ? 0xff55585cu : 0xffd5d7dau;
}

gboolean
moe_color_map_parse (const char  *name,
                     MoeColorMap *map)
{
  static const char *const names[] = { "viridis", "cividis", "puor" };

  g_return_val_if_fail (name != NULL && map != NULL, FALSE);

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_ascii_strcasecmp (name, names[i]) == 0)
      {
        *map = (MoeColorMap) i;
        return TRUE;
      }
  return FALSE;
}
