/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-report"

#include "analysis/moe-report.h"

/* "none" for an empty mask. */
static void
describe_interventions (const MoeMask *mask,
                        GString       *text)
{
  guint n = moe_mask_get_n (mask);

  if (n == 0)
    g_string_append (text, "none");
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *one = moe_intervention_describe (moe_mask_get (mask, i));

      g_string_append_printf (text, "%s%s", i > 0 ? " + " : "", one);
    }
}

typedef struct
{
  GString *text;
  MoeMask *last;
} Masks;

static void
describe_mask (gint64         token_id,
               const MoeMask *mask,
               gpointer       user_data)
{
  Masks *self = user_data;
  GString *text = self->text;

  /* A run that starts without a mask is told by saying nothing, and a mask that is set again by saying it
   * once. */
  if (moe_mask_equal (mask, self->last))
    return;
  g_clear_pointer (&self->last, moe_mask_unref);
  self->last = moe_mask_ref ((MoeMask *) mask);

  if (text->len > 0)
    g_string_append (text, "; ");
  g_string_append_printf (text, "from token %" G_GINT64_FORMAT ": ", token_id);
  describe_interventions (mask, text);
}

void
moe_report_add_model (MoeTable           *table,
                      const MoeModelInfo *info,
                      guint               phases)
{
  g_autoptr(GString) names = g_string_new (NULL);

  g_return_if_fail (table != NULL && info != NULL);

  for (guint phase = 0; phase < MOE_N_PHASES; phase++)
    {
      if (phases & MOE_PHASE_BIT (phase))
        g_string_append_printf (names, "%s%s", names->len > 0 ? "," : "", moe_phase_get_name (phase));
    }
  moe_table_set_provenance (table, "model", info->name);
  moe_table_set_provenance (table, "fingerprint", info->fingerprint);
  moe_table_set_provenance (table, "phase",
                            (phases & MOE_PHASES_ALL) == MOE_PHASES_ALL ? "all" : names->str);
}

void
moe_report_add_run (MoeTable           *table,
                    const MoeModelInfo *info,
                    const MoeMask      *mask,
                    gint64              n_tokens)
{
  g_autoptr(GString) text = g_string_new (NULL);
  g_autofree char *tokens = g_strdup_printf ("%" G_GINT64_FORMAT, n_tokens);

  g_return_if_fail (table != NULL && info != NULL);

  describe_interventions (mask, text);
  moe_table_set_provenance (table, "model", info->name);
  moe_table_set_provenance (table, "fingerprint", info->fingerprint);
  moe_table_set_provenance (table, "mask", text->str);
  moe_table_set_provenance (table, "tokens", tokens);
  moe_table_set_provenance (table, "version", MOE_VERSION);
}

gboolean
moe_report_add_source (MoeTable      *table,
                       MoeRecording  *recording,
                       GError       **error)
{
  g_autoptr(GString) text = g_string_new (NULL);
  g_autofree char *name = NULL;
  Masks masks = { text, NULL };
  char seed[24];
  gboolean ok;

  g_return_val_if_fail (table != NULL && recording != NULL, FALSE);

  ok = moe_recording_foreach_mask (recording, describe_mask, &masks, error);
  moe_mask_unref (masks.last);
  if (!ok)
    return FALSE;
  name = g_path_get_basename (moe_recording_get_path (recording));
  g_snprintf (seed, sizeof seed, "%" G_GUINT64_FORMAT, moe_recording_get_seed (recording));

  moe_table_set_provenance (table, "recording", name);
  moe_table_set_provenance (table, "recording-hash", moe_recording_get_hash (recording));
  moe_table_set_provenance (table, "seed", seed);
  moe_table_set_provenance (table, "mask", text->len > 0 ? text->str : "none");
  moe_table_set_provenance (table, "version", MOE_VERSION);
  return TRUE;
}
