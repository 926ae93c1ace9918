/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include "app/cli-routes.h"

#include "analysis/moe-routes-overlap.h"
#include "ui/moe-route-plot.h"

#define DOMAINS "domains"
#define KEEP    "keep"
#define OVERLAP "overlap"

void
moe_cli_routes_add (MoeCliRoutes   *self,
                    GOptionContext *context)
{
  const GOptionEntry entries[] = {
    { "labels", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &self->labels,
      "Of domains: prompts with labels, or prompts of one domain, which is then named as the file; several "
      "times", "FILE" },
    { "label-column", 0, 0, G_OPTION_ARG_STRING, &self->label_column, "Column of the labels (label)", "C" },
    { "ranking", 0, 0, G_OPTION_ARG_STRING, &self->ranking,
      "Of keep: hits (default), weight, importance or reap", "NAME" },
    { "with", 0, 0, G_OPTION_ARG_FILENAME, &self->with,
      "Of overlap: the recording of the same tokens that SOURCE is compared with", "FILE" },
    { NULL }
  };

  g_option_context_add_main_entries (context, entries, NULL);
}

gboolean
moe_cli_routes_knows (const char *metric)
{
  return g_strcmp0 (metric, DOMAINS) == 0 || g_strcmp0 (metric, KEEP) == 0
         || g_strcmp0 (metric, OVERLAP) == 0;
}

gboolean
moe_cli_routes_check (const MoeCliRoutes *self,
                      const char         *command,
                      const char         *metric,
                      gboolean            wide)
{
  gboolean domains = g_strcmp0 (metric, DOMAINS) == 0, keep = g_strcmp0 (metric, KEEP) == 0;
  gboolean overlap = g_strcmp0 (metric, OVERLAP) == 0;
  MoeRouteKeepRanking ranking;

  if (!domains && (self->labels != NULL || self->label_column != NULL))
    moe_cli_usage (command, "--labels and --label-column go with --metric domains");
  else if (!keep && self->ranking != NULL)
    moe_cli_usage (command, "--ranking goes with --metric keep");
  else if (domains && self->labels == NULL)
    moe_cli_usage (command, "--metric domains needs --labels");
  else if (!overlap && self->with != NULL)
    moe_cli_usage (command, "--with goes with --metric overlap");
  else if (overlap && self->with == NULL)
    moe_cli_usage (command, "--metric overlap needs --with");
  else if ((keep || overlap) && wide)
    moe_cli_usage (command, "--wide does not go with --metric %s", metric);
  else if (keep && self->ranking != NULL && !moe_route_keep_ranking_parse (self->ranking, &ranking))
    moe_cli_usage (command, "--ranking %s is none of hits, weight, importance and reap", self->ranking);
  else
    return TRUE;
  return FALSE;
}

static MoeExhibit *
make_domains (const MoeCliRoutes  *self,
              MoeCliSource        *source,
              guint                phases,
              int                  layer,
              const MoeProgress   *progress,
              GError             **error)
{
  const MoePromptSetOptions options = { .column = source->profile.column,
                                        .label_column = self->label_column };
  g_autoptr(GPtrArray) sets = g_ptr_array_new_with_free_func ((GDestroyNotify) moe_prompt_set_unref);
  g_autoptr(MoeRouteDomains) domains = NULL;

  for (guint i = 0; self->labels[i] != NULL; i++)
    {
      MoePromptSet *set = moe_prompt_set_load_full (self->labels[i], &options, error);

      if (set == NULL)
        return NULL;
      g_ptr_array_add (sets, set);
    }
  domains = moe_route_domains_new (source->recording, sets, phases, layer, progress, error);
  return domains != NULL ? moe_route_domains_exhibit_new (domains, source->recording, error) : NULL;
}

static MoeExhibit *
make_keep (const MoeCliRoutes  *self,
           MoeCliSource        *source,
           guint                phases,
           int                  layer,
           const MoeProgress   *progress,
           GError             **error)
{
  MoeRouteKeepRanking ranking = MOE_ROUTE_KEEP_HITS;
  g_autoptr(MoeRouteKeep) keep = NULL;

  if (self->ranking != NULL)
    moe_route_keep_ranking_parse (self->ranking, &ranking);
  keep = moe_route_keep_new (source->recording, ranking, phases, layer, progress, error);
  return keep != NULL ? moe_route_keep_exhibit_new (keep, source->recording, error) : NULL;
}

static MoeExhibit *
make_overlap (const MoeCliRoutes  *self,
              MoeCliSource        *source,
              guint                phases,
              int                  layer,
              const MoeProgress   *progress,
              GError             **error)
{
  g_autoptr(MoeRecording) other = moe_recording_open (self->with, error);
  MoeTable *table = NULL;

  if (other != NULL)
    table = moe_routes_overlap (source->recording, other, phases, layer, progress, error);
  return table != NULL ? moe_route_overlap_exhibit_take (moe_recording_get_info (source->recording), table)
                       : NULL;
}

MoeExhibit *
moe_cli_routes_run (const MoeCliRoutes  *self,
                    MoeCliSource        *source,
                    const char          *metric,
                    guint                phases,
                    int                  layer,
                    GError             **error)
{
  MoeCliProgress line;
  const MoeProgress progress = { moe_cli_get_cancellable (), moe_cli_progress_report, &line };
  MoeExhibit *exhibit;

  moe_cli_progress_init (&line, source->run.progress);
  if (g_str_equal (metric, DOMAINS))
    exhibit = make_domains (self, source, phases, layer, &progress, error);
  else if (g_str_equal (metric, KEEP))
    exhibit = make_keep (self, source, phases, layer, &progress, error);
  else
    exhibit = make_overlap (self, source, phases, layer, &progress, error);
  moe_cli_progress_end (&line);
  return exhibit;
}

void
moe_cli_routes_clear (MoeCliRoutes *self)
{
  g_clear_pointer (&self->labels, g_strfreev);
  g_clear_pointer (&self->label_column, g_free);
  g_clear_pointer (&self->ranking, g_free);
  g_clear_pointer (&self->with, g_free);
}
