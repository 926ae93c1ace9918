/* SPDX-License-Identifier: MIT */
#pragma once

#include "app/cli.h"
#include "ui/moe-chart.h"

G_BEGIN_DECLS

/* --svg, --pdf and --png, for the commands that draw what they print. */
typedef struct
{
  char *svg, *pdf, *png;
} MoeCliImages;

void      moe_cli_images_add   (MoeCliImages       *self,
                                GOptionContext     *context);
void      moe_cli_images_clear (MoeCliImages       *self);
/* Whether any of them was given: the table is then printed only where --out asks for it. */
gboolean  moe_cli_images_wanted (const MoeCliImages *self);
/* Writes the files that were asked for; none is no error. */
gboolean  moe_cli_images_write (const MoeCliImages *self,
                                const MoeChart     *chart,
                                GError            **error);
gboolean  moe_cli_images_write_heatmap (const MoeCliImages   *self,
                                        const MoeHeatmapPlot *plot,
                                        GError              **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MoeCliImages, moe_cli_images_clear)

G_END_DECLS
