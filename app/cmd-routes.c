/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include "analysis/moe-router-similarity.h"
#include "app/cli-options.h"
#include "data/moe-error.h"

int
moe_cli_routes (int    argc,
                char **argv)
{
  g_auto(MoeCliOutput) output = { NULL };
  g_autofree char *metric = NULL;
  int layer = -1;
  const GOptionEntry entries[] = {
    { "metric", 'm', 0, G_OPTION_ARG_STRING, &metric,
      "similarity: cosine of two experts' router rows; needs no run", "METRIC" },
    { "layer", 0, 0, G_OPTION_ARG_INT, &layer, "Only this layer (default: all)", "N" },
    { NULL }
  };
  g_auto(GStrv) words = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(MoeModel) model = NULL;
  g_autoptr(MoeTable) table = NULL;
  const MoeModelInfo *info;
  GOptionContext *context = moe_cli_context_new ("MODEL", "Statistics of how experts are chosen.",
                                                 "moescope-cli routes demo-q8_0.gguf --metric similarity "
                                                 "--layer 3");

  g_option_context_add_main_entries (context, entries, NULL);
  moe_cli_output_add (&output, context);
  if (!moe_cli_parse (context, argc, argv, 1, 1, &words) || !moe_cli_output_check (&output, argv[0]))
    return MOE_CLI_USAGE;
  if (metric != NULL && !g_str_equal (metric, "similarity"))
    {
      moe_cli_message ("'%s' is no metric of routes (similarity)", metric);
      return MOE_CLI_USAGE;
    }

  model = moe_model_open (words[0], NULL, NULL, NULL, &error);
  if (model == NULL)
    return moe_cli_fail (error);
  info = moe_model_get_info (model);
  if (layer != -1 && (layer < 0 || moe_model_info_find_moe_layer (info, (guint) layer) < 0))
    {
      g_set_error (&error, MOE_ERROR, MOE_ERROR_INVALID, "%s: layer %d is not an MoE layer", words[0], layer);
      return moe_cli_fail (error);
    }

  table = moe_router_similarity_to_table (model, layer);
  moe_cli_add_provenance (table, info, NULL);
  return moe_cli_output_table (&output, table, &error) ? MOE_CLI_DONE : moe_cli_fail (error);
}
