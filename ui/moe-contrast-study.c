/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-contrast-study"

#include "ui/moe-contrast-study.h"

#include "analysis/moe-contrast-control.h"
#include "ui/moe-study-command.h"

/* The ranks that the warning looks at. */
#define N_WARNED 20
/* The false discovery rate at which an expert is said to be found. */
#define FOUND_Q 0.05

struct _MoeContrastStudy
{
  gatomicrefcount     ref_count;
  MoeContrastRun     *run;
  MoeContrastOptions  options;
  MoeContrast        *contrast;
  MoeTable           *control, *table;
  MoeContrastPlot    *plot;
};

MoeContrastStudy *
moe_contrast_study_new (MoeContrastRun            *run,
                        const MoeContrastOptions  *options,
                        const MoeProgress         *progress,
                        GError                   **error)
{
  g_autoptr(MoeContrastStudy) self = NULL;
  MoeProgressPart part;

  g_return_val_if_fail (run != NULL && options != NULL, NULL);

  self = g_new0 (MoeContrastStudy, 1);
  g_atomic_ref_count_init (&self->ref_count);
  self->run = moe_contrast_run_ref (run);
  self->options = *options;
  self->contrast = moe_contrast_new (moe_contrast_run_get_counts (run), options,
                                     moe_progress_part_init (&part, progress, 0, 0.7), error);
  if (self->contrast == NULL)
    return NULL;
  self->control = moe_contrast_control (moe_contrast_run_get_counts (run), options, MOE_CONTRAST_N_CONTROLS,
                                        MOE_CONTRAST_N_RANKS,
                                        moe_progress_part_init (&part, progress, 0.7, 1), error);
  if (self->control == NULL)
    return NULL;
  self->table = moe_contrast_ranking_new (self->contrast, self->control, 0);
  moe_contrast_run_add_provenance (run, self->table);
  self->plot = moe_contrast_plot_new (self->contrast);
  return g_steal_pointer (&self);
}

MoeContrastStudy *
moe_contrast_study_ref (MoeContrastStudy *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
moe_contrast_study_unref (MoeContrastStudy *self)
{
  if (self == NULL || !g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_clear_pointer (&self->run, moe_contrast_run_unref);
  g_clear_pointer (&self->contrast, moe_contrast_free);
  g_clear_pointer (&self->table, moe_table_unref);
  g_clear_pointer (&self->control, moe_table_unref);
  g_clear_pointer (&self->plot, moe_contrast_plot_free);
  g_free (self);
}

const MoeContrast *
moe_contrast_study_get_contrast (MoeContrastStudy *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->contrast;
}

const MoeContrastOptions *
moe_contrast_study_get_options (MoeContrastStudy *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return &self->options;
}

MoeContrastRun *
moe_contrast_study_get_run (MoeContrastStudy *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->run;
}

MoeTable *
moe_contrast_study_get_table (MoeContrastStudy *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->table;
}

char *
moe_contrast_study_get_warning (MoeContrastStudy *self)
{
  guint n;

  g_return_val_if_fail (self != NULL, NULL);

  if (moe_contrast_is_too_coarse (self->contrast, FOUND_Q))
    return g_strdup_printf ("With %u permutations no p can be small enough to be a finding among %u "
                            "experts: choose more.", self->options.n_permutations,
                            moe_contrast_get_n (self->contrast));
  if (self->options.n_permutations > 0 && moe_contrast_get_least_q (self->contrast) > FOUND_Q)
    return g_strdup_printf ("No expert has a q below %g: the order of these may be chance.", FOUND_Q);
  n = moe_contrast_count_topic (self->contrast, N_WARNED);
  if (n == 0)
    return NULL;
  return g_strdup_printf ("%u of the first %u tell the sets apart only when prompts are pooled, not within "
                          "pairs: they may follow the topic.", n, N_WARNED);
}

/* --- pictures ----------------------------------------------------------------------------------------- */

const MoeHeatmapPlot *
moe_contrast_study_get_plot (MoeContrastStudy *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return &self->plot->plot;
}

MoeChart *
moe_contrast_study_get_chart (MoeContrastStudy   *self,
                              MoeContrastPicture  picture)
{
  g_return_val_if_fail (self != NULL && picture != MOE_CONTRAST_MAP, NULL);

  return moe_contrast_chart_new (self->contrast, self->table, picture);
}

/* --- command ------------------------------------------------------------------------------------------ */

typedef struct
{
  MoeContrastStudy   *study;
  MoeContrastPicture  picture;
} ExportData;

static void
export_data_free (gpointer data)
{
  moe_contrast_study_unref (((ExportData *) data)->study);
  g_free (data);
}

/* A recording may have grown since, or have been saved: what is written is of what the file at @path holds
 * now, as the command's is. Transfer full. */
static MoeContrastStudy *
get_present (MoeContrastStudy  *self,
             const char        *path,
             GError           **error)
{
  const char *hash = moe_contrast_run_get_recording_hash (self->run);
  g_auto(MoeContrastSettings) settings = { 0 };
  g_autoptr(MoeContrastRun) run = NULL;

  if (hash == NULL)
    return moe_contrast_study_ref (self);
  moe_contrast_settings_copy (&settings, moe_contrast_run_get_settings (self->run));
  g_free (settings.recording);
  settings.recording = g_strdup (path);
  run = moe_contrast_run_new (&settings, FALSE, NULL, error);
  return run != NULL ? moe_contrast_study_new (run, &self->options, NULL, error) : NULL;
}

static MoeExhibit *
make (const char  *path,
      gpointer     data,
      GError     **error)
{
  const ExportData *export = data;
  g_autoptr(MoeContrastStudy) study = get_present (export->study, path, error);
  MoeExhibit *exhibit;

  if (study == NULL)
    return NULL;
  exhibit = moe_contrast_exhibit_new (study->contrast, study->control, export->picture, 0);
  moe_contrast_run_add_provenance (study->run, exhibit->table);
  return exhibit;
}

/* The options that say what is compared. */
static void
add_sides (GString        *line,
           MoeContrastRun *run)
{
  const MoeContrastSettings *settings = moe_contrast_run_get_settings (run);
  g_autofree char *span = moe_span_format (&settings->span);
  g_autofree char *span_b = moe_span_format (&settings->span_b);
  guint n_generate = moe_contrast_sides_recorded (settings->sides) ? 0
                                                                   : moe_contrast_run_get_n_generate (run);

  moe_command_add_option (line, "a", settings->a);
  moe_command_add_option (line, "b", settings->b);
  if (settings->sides == MOE_CONTRAST_ANSWERS || settings->sides == MOE_CONTRAST_RECORDED_ANSWERS)
    g_string_append (line, " --by-answer");
  moe_command_add_option (line, "column", settings->columns.column);
  moe_command_add_option (line, "system", settings->system);
  if (settings->raw)
    g_string_append (line, " --raw");
  if (settings->columns.limit > 0)
    g_string_append_printf (line, " --limit %u", settings->columns.limit);
  if (settings->columns.skip > 0)
    g_string_append_printf (line, " --skip %u", settings->columns.skip);
  if (n_generate > 0)
    g_string_append_printf (line, " --generate %u", n_generate);
  if (settings->sides == MOE_CONTRAST_PARTS)
    g_string_append_printf (line, " --span-a %s --span-b %s", span, span_b);
  else
    g_string_append_printf (line, " --span %s", span);
}

static char *
make_options (MoeContrastStudy *self)
{
  static const char *const orders[] = { "a", "b", "both" };
  MoeContrastOptions defaults;
  GString *line = g_string_new (NULL);

  moe_contrast_options_init (&defaults);
  add_sides (line, self->run);
  g_string_append_printf (line, " --score %s --order %s", moe_score_get_name (self->options.score),
                          orders[self->options.order]);
  if (self->options.n_permutations != defaults.n_permutations)
    g_string_append_printf (line, " --permutations %u", self->options.n_permutations);
  if (self->options.n_bootstrap != defaults.n_bootstrap)
    g_string_append_printf (line, " --bootstrap %u", self->options.n_bootstrap);
  if (self->options.seed != defaults.seed)
    g_string_append_printf (line, " --seed %" G_GUINT64_FORMAT, self->options.seed);
  return g_string_free (g_string_erase (line, 0, 1), FALSE);
}

MoeExport *
moe_contrast_study_get_export (MoeContrastStudy   *self,
                               MoeContrastPicture  picture)
{
  MoeExport *export;
  ExportData *data;

  g_return_val_if_fail (self != NULL, NULL);

  data = g_new (ExportData, 1);
  *data = (ExportData) { moe_contrast_study_ref (self), picture };
  export = g_new0 (MoeExport, 1);
  export->name = g_strdup ("contrast");
  export->formats = MOE_EXHIBIT_TABLES | MOE_EXHIBIT_PICTURES;
  export->command = g_strdup ("contrast");
  export->source = g_strdup (moe_contrast_run_get_settings (self->run)->model);
  export->options = make_options (self);
  export->picture_options = g_strdup_printf ("--picture %s", moe_contrast_picture_get_name (picture));
  export->make = make;
  export->data = data;
  export->free_data = export_data_free;
  return export;
}
