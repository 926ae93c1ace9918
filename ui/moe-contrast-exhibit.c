/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-contrast-exhibit"

#include "ui/moe-contrast-exhibit.h"

#include "data/moe-table-join.h"
#include "ui/moe-chart-table.h"

/* Points of a chart that have their name beside them. */
#define N_NAMED 12

static gboolean
has_sign (MoeScore score)
{
  return score != MOE_SCORE_STABILITY && score != MOE_SCORE_UTILITY && score != MOE_SCORE_PROJECTION;
}

static char *
make_title (const MoeContrast *contrast)
{
  return g_strdup_printf ("%s: %s, A minus B", moe_contrast_get_info (contrast)->name,
                          moe_score_get_title (moe_contrast_get_options (contrast)->score));
}

MoeContrastPlot *
moe_contrast_plot_new (const MoeContrast *contrast)
{
  const MoeModelInfo *info = moe_contrast_get_info (contrast);
  MoeScore score = moe_contrast_get_options (contrast)->score;
  MoeContrastPlot *self = g_new0 (MoeContrastPlot, 1);

  self->values = moe_contrast_get_map (contrast);
  self->row_numbers = g_new (gint, info->n_moe_layers);
  for (guint i = 0; i < info->n_moe_layers; i++)
    self->row_numbers[i] = (gint) info->moe_layers[i];
  self->title = make_title (contrast);

  moe_heatmap_plot_init (&self->plot);
  self->plot.n_rows = info->n_moe_layers;
  self->plot.n_columns = info->n_experts;
  self->plot.values = self->values;
  self->plot.row_numbers = self->row_numbers;
  self->plot.title = self->title;
  self->plot.row_title = "layer";
  self->plot.column_title = "expert";
  self->plot.value_title = moe_score_get_title (score);
  self->plot.unit = "";
  self->plot.scale = MOE_SCALE_LINEAR;
  self->plot.diverging = has_sign (score);
  self->plot.color_map = has_sign (score) ? MOE_COLOR_MAP_PUOR : MOE_COLOR_MAP_VIRIDIS;
  /* A layer gains in some experts what it loses in others: the means of its rows say nothing. */
  self->plot.marginals = FALSE;
  self->plot.missing_text = "no score";
  return self;
}

void
moe_contrast_plot_free (MoeContrastPlot *self)
{
  g_free (self->values);
  g_free (self->row_numbers);
  g_free (self->title);
  g_free (self);
}

static void
draw (gconstpointer  plot,
      cairo_t       *cr,
      double         width,
      double         height)
{
  moe_heatmap_plot_draw_clean (&((const MoeContrastPlot *) plot)->plot, cr, width, height);
}

static const char *const picture_names[] = { "map", "scatter", "ranks" };

const char *
moe_contrast_picture_get_name (MoeContrastPicture picture)
{
  g_return_val_if_fail (picture < MOE_N_CONTRAST_PICTURES, NULL);

  return picture_names[picture];
}

gboolean
moe_contrast_picture_parse (const char         *name,
                            MoeContrastPicture *picture)
{
  for (guint i = 0; i < G_N_ELEMENTS (picture_names); i++)
    if (g_str_equal (name, picture_names[i]))
      {
        *picture = (MoeContrastPicture) i;
        return TRUE;
      }
  return FALSE;
}

static MoeChart *
make_scatter (const MoeContrast *contrast,
              const MoeTable    *ranking)
{
  const MoeContrastOptions *options = moe_contrast_get_options (contrast);
  g_autofree char *title = make_title (contrast);
  MoeChartAxis x = { .title = "share of tokens in A", .zero = TRUE };
  MoeChartAxis y = { .title = "share of tokens in B", .zero = TRUE };
  MoeChart *chart = moe_chart_new (title, &x, &y);
  gboolean has_q = options->n_permutations > 0 && options->score != MOE_SCORE_UTILITY;

  moe_chart_set_diagonal (chart, TRUE);
  moe_chart_add_table (chart, ranking, &(MoeChartColumns) {
    .kind = MOE_CHART_POINTS, .name = has_q ? "q < 0.05" : "experts", .x = "rate_a", .y = "rate_b",
    .point_name = "layer,expert", .n_labels = N_NAMED, .filter = has_q ? "q<0.05" : NULL,
  });
  if (has_q)
    moe_chart_add_table (chart, ranking, &(MoeChartColumns) {
      .kind = MOE_CHART_POINTS, .name = "others", .x = "rate_a", .y = "rate_b", .point_name = "layer,expert",
      .filter = "q>=0.05", .quiet = TRUE,
    });
  return chart;
}

static MoeChart *
make_ranks (const MoeContrast *contrast,
            const MoeTable    *ranking)
{
  const MoeContrastOptions *options = moe_contrast_get_options (contrast);
  g_autofree char *title = make_title (contrast);
  g_autofree char *filter = g_strdup_printf ("rank<=%d", MOE_CONTRAST_N_RANKS);
  g_autofree char *subtitle = g_strdup_printf (
      "Intervals: %g %% over prompts. Band: 95 %% of %d rankings with shuffled labels.",
      options->confidence * 100, MOE_CONTRAST_N_CONTROLS);
  MoeChartAxis x = { .title = "rank", .integer = TRUE };
  MoeChartAxis y = { .title = moe_score_get_title (options->score), .zero = TRUE };
  MoeChart *chart = moe_chart_new (title, &x, &y);

  moe_chart_set_subtitle (chart, subtitle);
  /* Nothing is added without these columns. */
  moe_chart_add_table (chart, ranking, &(MoeChartColumns) {
    .kind = MOE_CHART_BAND, .name = "shuffled labels", .x = "rank", .y = "control_middle",
    .low = "control_low", .high = "control_high", .filter = filter,
  });
  moe_chart_add_table (chart, ranking, &(MoeChartColumns) {
    .kind = MOE_CHART_POINTS, .name = "score", .x = "rank", .y = "score", .low = "low", .high = "high",
    .point_name = "layer,expert", .n_labels = N_NAMED, .filter = filter,
  });
  return chart;
}

MoeChart *
moe_contrast_chart_new (const MoeContrast  *contrast,
                        const MoeTable     *ranking,
                        MoeContrastPicture  picture)
{
  g_return_val_if_fail (contrast != NULL && ranking != NULL && picture != MOE_CONTRAST_MAP, NULL);

  return picture == MOE_CONTRAST_SCATTER ? make_scatter (contrast, ranking) : make_ranks (contrast, ranking);
}

MoeTable *
moe_contrast_ranking_new (const MoeContrast *contrast,
                          const MoeTable    *control,
                          guint              top)
{
  static const char *const keys[] = { "rank", NULL };
  g_autoptr(MoeTable) ranking = moe_contrast_to_table (contrast, top);

  return control != NULL ? moe_table_join (ranking, control, keys) : g_steal_pointer (&ranking);
}

MoeExhibit *
moe_contrast_exhibit_new (const MoeContrast  *contrast,
                          const MoeTable     *control,
                          MoeContrastPicture  picture,
                          guint               top)
{
  MoeExhibit *exhibit = moe_exhibit_new (moe_contrast_ranking_new (contrast, control, top), NULL);

  if (picture == MOE_CONTRAST_MAP)
    {
      MoeContrastPlot *plot = moe_contrast_plot_new (contrast);

      moe_exhibit_set_plot (exhibit, plot->title, draw, plot, (GDestroyNotify) moe_contrast_plot_free);
    }
  else
    {
      g_autoptr(MoeTable) all = moe_contrast_ranking_new (contrast, control, 0);
      MoeChart *chart = moe_contrast_chart_new (contrast, all, picture);

      moe_exhibit_set_plot (exhibit, moe_chart_get_title (chart), moe_chart_draw_for_export, chart,
                            (GDestroyNotify) moe_chart_unref);
    }
  return exhibit;
}
