/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include "app/cli-options.h"
#include "data/moe-machine.h"
#include "probes/moe-residency.h"

static void
add_text (MoeTable   *table,
          const char *key,
          const char *value)
{
  guint row = moe_table_append_row (table);

  moe_table_set_text (table, row, 0, key);
  moe_table_set_text (table, row, 1, value);
}

static void
add_number (MoeTable   *table,
            const char *key,
            guint64     value)
{
  g_autofree char *text = g_strdup_printf ("%" G_GUINT64_FORMAT, value);

  add_text (table, key, text);
}

static MoeTable *
describe_model (const MoeModelInfo *info,
                MoeGguf            *gguf)
{
  MoeResidency residency = moe_residency_read (gguf, moe_machine_get_memory ());
  g_autofree char *resident = moe_residency_describe (&residency);
  MoeTable *table = moe_table_new ("Model");

  moe_table_add_column (table, "key", MOE_COLUMN_TEXT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "value", MOE_COLUMN_TEXT, "", MOE_ROLE_VALUE);
  add_text (table, "name", info->name);
  add_text (table, "architecture", info->architecture);
  add_number (table, "layers", info->n_layers);
  add_number (table, "moe_layers", info->n_moe_layers);
  add_number (table, "experts", info->n_experts);
  add_number (table, "experts_used", info->n_used);
  add_number (table, "shared_experts", info->n_shared);
  add_text (table, "gating", moe_gating_get_name (info->gating));
  add_number (table, "heads", info->n_heads);
  add_number (table, "kv_heads", info->n_kv_heads);
  add_number (table, "width", info->width);
  add_number (table, "vocabulary", info->vocabulary);
  add_number (table, "context", info->context);
  add_text (table, "quantisation", info->quantisation);
  add_number (table, "file_bytes", info->file_bytes);
  add_number (table, "active_bytes_per_token", info->active_bytes_per_token);
  add_number (table, "expert_bytes", residency.expert_bytes);
  add_number (table, "other_bytes", residency.other_bytes);
  add_number (table, "memory_bytes", residency.machine_bytes);
  add_text (table, "resident", resident);
  add_text (table, "tokenizer", info->tokenizer);
  add_text (table, "fingerprint", info->fingerprint);
  add_text (table, "format", moe_gguf_is_folder (gguf) ? "Hugging Face folder (safetensors)" : "GGUF");
  return table;
}

static MoeTable *
list_tensors (MoeGguf *gguf)
{
  MoeTable *table = moe_table_new ("Tensors");

  moe_table_add_column (table, "name", MOE_COLUMN_TEXT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "type", MOE_COLUMN_TEXT, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "shape", MOE_COLUMN_TEXT, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "offset", MOE_COLUMN_INT, "bytes", MOE_ROLE_VALUE);
  moe_table_add_column (table, "bytes", MOE_COLUMN_INT, "bytes", MOE_ROLE_VALUE);
  for (guint i = 0; i < moe_gguf_get_n_tensors (gguf); i++)
    {
      const MoeGgufTensor *tensor = moe_gguf_get_tensor (gguf, i);
      g_autoptr(GString) shape = g_string_new (NULL);
      guint row = moe_table_append_row (table);

      for (guint d = 0; d < tensor->n_dims; d++)
        g_string_append_printf (shape, "%s%" G_GUINT64_FORMAT, d > 0 ? "x" : "", tensor->ne[d]);
      moe_table_set_text (table, row, 0, tensor->name);
      moe_table_set_text (table, row, 1, moe_tensor_type_get_name (tensor->type));
      moe_table_set_text (table, row, 2, shape->str);
      moe_table_set_int (table, row, 3, (gint64) tensor->offset);
      moe_table_set_int (table, row, 4, (gint64) tensor->n_bytes);
    }
  return table;
}

int
moe_cli_info (int    argc,
              char **argv)
{
  g_auto(MoeCliOutput) output = { NULL };
  gboolean tensors = FALSE;
  const GOptionEntry entries[] = {
    { "tensors", 0, 0, G_OPTION_ARG_NONE, &tensors, "List the tensors instead", NULL },
    { NULL }
  };
  g_auto(GStrv) words = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(MoeGguf) gguf = NULL;
  g_autoptr(MoeModelInfo) info = NULL;
  g_autoptr(MoeTable) table = NULL;
  GOptionContext *context = moe_cli_context_new (
    "MODEL", "What a model file or folder is, without loading its weights.",
    "moescope-cli info demo-q8_0.gguf");

  g_option_context_add_main_entries (context, entries, NULL);
  moe_cli_output_add (&output, context);
  if (!moe_cli_parse (context, argc, argv, 1, 1, &words) || !moe_cli_output_check (&output, argv[0]))
    return MOE_CLI_USAGE;

  gguf = moe_gguf_open (words[0], &error);
  if (gguf == NULL)
    return moe_cli_fail (error);
  info = moe_model_read_info (gguf, &error);
  if (info == NULL)
    return moe_cli_fail (error);

  table = tensors ? list_tensors (gguf) : describe_model (info, gguf);
  moe_cli_add_provenance (table, info, NULL);
  return moe_cli_output_table (&output, table, &error) ? MOE_CLI_DONE : moe_cli_fail (error);
}
