/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-mask-export"

#include "data/moe-mask-file.h"

#include <math.h>
#include <string.h>

#include "data/moe-error.h"
#include "data/moe-file.h"
#include "data/moe-json.h"

static void
add_number_or_all (JsonBuilder *builder,
                   const char  *name,
                   int          number,
                   int          all)
{
  if (number == all)
    moe_json_add_string (builder, name, "*");
  else
    moe_json_add_int (builder, name, number);
}

static void
add_mean (JsonBuilder           *builder,
          const MoeExpertMeans  *means,
          const MoeIntervention *intervention)
{
  const float *mean = moe_expert_means_get (means, intervention->layer, intervention->expert);
  g_autofree guint32 *bits = NULL;
  g_autofree char *text = NULL;
  guint width;

  if (intervention->mode != MOE_MODE_MEAN || mean == NULL)
    return;

  width = moe_expert_means_get_width (means);
  bits = g_new (guint32, width);
  memcpy (bits, mean, width * sizeof *bits);
  for (guint i = 0; i < width; i++)
    bits[i] = GUINT32_TO_LE (bits[i]);
  text = g_base64_encode ((const guchar *) bits, width * sizeof *bits);
  moe_json_add_string (builder, "mean", text);
}

static void
add_intervention (JsonBuilder           *builder,
                  const MoeExpertMeans  *means,
                  const MoeIntervention *intervention)
{
  json_builder_begin_object (builder);
  add_number_or_all (builder, "layer", intervention->layer, MOE_LAYER_ALL);
  if (intervention->expert != MOE_EXPERT_ROUTER)
    add_number_or_all (builder, "expert", intervention->expert, MOE_EXPERT_ALL);
  moe_json_add_string (builder, "action", moe_action_get_name (intervention->action));
  if (moe_action_has_mode (intervention->action))
    moe_json_add_string (builder, "mode", moe_mode_get_name (intervention->mode));
  if (moe_action_has_value (intervention->action))
    moe_json_add_double (builder, "value", intervention->value);
  add_mean (builder, means, intervention);
  if (intervention->scope != MOE_SCOPE_BOTH)
    moe_json_add_string (builder, "phase", moe_scope_get_name (intervention->scope));
  if (intervention->from_token > 0)
    moe_json_add_int (builder, "from_token", intervention->from_token);
  json_builder_end_object (builder);
}

static void
add_model (JsonBuilder        *builder,
           const MoeModelInfo *info)
{
  json_builder_begin_object (builder);
  moe_json_add_string (builder, "name", info->name);
  moe_json_add_string (builder, "architecture", info->architecture);
  moe_json_add_string (builder, "fingerprint", info->fingerprint);
  moe_json_add_int (builder, "layers", info->n_layers);
  moe_json_add_int (builder, "experts", info->n_experts);
  moe_json_add_int (builder, "experts_used", info->n_used);
  json_builder_end_object (builder);
}

char *
moe_mask_to_json (const MoeMask      *mask,
                  const MoeModelInfo *info)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) root = NULL;

  g_return_val_if_fail (info != NULL, NULL);

  json_builder_begin_object (builder);
  moe_json_add_string (builder, "format", "moescope-mask");
  moe_json_add_int (builder, "version", 1);
  json_builder_set_member_name (builder, "model");
  add_model (builder, info);
  json_builder_set_member_name (builder, "interventions");
  json_builder_begin_array (builder);
  for (guint i = 0; i < moe_mask_get_n (mask); i++)
    add_intervention (builder, moe_mask_get_means (mask), moe_mask_get (mask, i));
  json_builder_end_array (builder);
  json_builder_end_object (builder);

  root = json_builder_get_root (builder);
  return json_to_string (root, TRUE);
}

gboolean
moe_mask_file_save (const MoeMask       *mask,
                    const MoeModelInfo  *info,
                    const char          *path,
                    GError             **error)
{
  g_autofree char *json = NULL;
  g_autofree char *text = NULL;

  g_return_val_if_fail (info != NULL, FALSE);
  g_return_val_if_fail (path != NULL, FALSE);

  json = moe_mask_to_json (mask, info);
  text = g_strconcat (json, "\n", NULL);
  return moe_file_replace (path, text, strlen (text), error);
}

gboolean
moe_mask_check_model (const MoeModelInfo  *made_for,
                      const MoeModelInfo  *info,
                      gboolean             allow_other_weights,
                      GError             **error)
{
  g_return_val_if_fail (made_for != NULL, FALSE);
  g_return_val_if_fail (info != NULL, FALSE);

  if (made_for->n_layers != info->n_layers || made_for->n_experts != info->n_experts ||
      made_for->n_used != info->n_used)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_MISMATCH,
                   "the mask was made for %s with %u layers of %u experts, %u used, but %s has %u layers of "
                   "%u "
                   "experts, %u used", made_for->name, made_for->n_layers, made_for->n_experts,
                   made_for->n_used,
                   info->name, info->n_layers, info->n_experts, info->n_used);
      return FALSE;
    }

  if (!allow_other_weights && !g_str_equal (made_for->fingerprint, info->fingerprint))
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_MISMATCH,
                   "the mask was made for %s with fingerprint %.12s, which has other weights than %s with "
                   "fingerprint %.12s", made_for->name, made_for->fingerprint, info->name, info->fingerprint);
      return FALSE;
    }

  return TRUE;
}

MoeTable *
moe_mask_to_table (const MoeMask *mask)
{
  MoeTable *table = moe_table_new ("Interventions");

  moe_table_add_column (table, "layer", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "expert", MOE_COLUMN_TEXT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "action", MOE_COLUMN_TEXT, "", MOE_ROLE_LABEL);
  moe_table_add_column (table, "mode", MOE_COLUMN_TEXT, "", MOE_ROLE_LABEL);
  moe_table_add_column (table, "value", MOE_COLUMN_FLOAT, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "phase", MOE_COLUMN_TEXT, "", MOE_ROLE_LABEL);
  moe_table_add_column (table, "from_token", MOE_COLUMN_INT, "", MOE_ROLE_VALUE);

  for (guint i = 0; i < moe_mask_get_n (mask); i++)
    {
      const MoeIntervention *intervention = moe_mask_get (mask, i);
      guint row = moe_table_append_row (table);
      g_autofree char *number = g_strdup_printf ("%d", intervention->expert);

      /* A missing layer is every layer, a missing expert the router. */
      if (intervention->layer != MOE_LAYER_ALL)
        moe_table_set_int (table, row, 0, intervention->layer);
      if (intervention->expert != MOE_EXPERT_ROUTER)
        moe_table_set_text (table, row, 1, intervention->expert == MOE_EXPERT_ALL ? "*" : number);
      moe_table_set_text (table, row, 2, moe_action_get_name (intervention->action));
      if (moe_action_has_value (intervention->action))
        moe_table_set_double (table, row, 4, intervention->value);
      if (moe_action_has_mode (intervention->action))
        moe_table_set_text (table, row, 3, moe_mode_get_name (intervention->mode));
      moe_table_set_text (table, row, 5, moe_scope_get_name (intervention->scope));
      moe_table_set_int (table, row, 6, intervention->from_token);
    }

  return table;
}
