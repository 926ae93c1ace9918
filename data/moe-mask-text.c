/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-mask-text"

#include "data/moe-mask.h"

#include <math.h>
#include <string.h>

#include "data/moe-error.h"
#include "data/moe-mask-private.h"
#include "data/moe-number.h"

/* Reads digits at *@p and steps over them; FALSE when there are none or the number is absurd. */
static gboolean
scan_number (const char **p,
             int         *number)
{
  int value = 0;

  if (!g_ascii_isdigit (**p))
    return FALSE;

  for (; g_ascii_isdigit (**p); (*p)++)
    {
      value = value * 10 + (**p - '0');
      if (value > MOE_MASK_MAX_NUMBER)
        return FALSE;
    }

  *number = value;
  return TRUE;
}

/* Reads "L3E17", "L3S" or "L3E*" at *@p and steps over it. */
static gboolean
scan_expert (const char **p,
             int         *layer,
             int         *expert)
{
  if (**p != 'L')
    return FALSE;
  (*p)++;
  if (!scan_number (p, layer))
    return FALSE;

  if (**p == 'S')
    {
      (*p)++;
      *expert = MOE_EXPERT_SHARED;
      return TRUE;
    }

  if (**p != 'E')
    return FALSE;
  (*p)++;
  if (**p == '*')
    {
      (*p)++;
      *expert = MOE_EXPERT_ALL;
      return TRUE;
    }
  return scan_number (p, expert);
}

gboolean
moe_expert_parse (const char *text,
                  int        *layer,
                  int        *expert)
{
  int found_layer, found_expert;

  g_return_val_if_fail (text != NULL, FALSE);
  g_return_val_if_fail (layer != NULL && expert != NULL, FALSE);

  if (!scan_expert (&text, &found_layer, &found_expert) || *text != '\0' || found_expert == MOE_EXPERT_ALL)
    return FALSE;

  *layer = found_layer;
  *expert = found_expert;
  return TRUE;
}

char *
moe_expert_format (int layer,
                   int expert)
{
  if (expert == MOE_EXPERT_SHARED)
    return g_strdup_printf ("L%dS", layer);
  if (expert == MOE_EXPERT_ALL)
    return g_strdup_printf ("L%dE*", layer);
  return g_strdup_printf ("L%dE%d", layer, expert);
}

gboolean
moe_mask_mode_parse (MoeAction   action,
                     const char *name,
                     MoeMode    *mode)
{
  static const MoeMode disable_modes[] = { MOE_MODE_REFILL, MOE_MODE_DROP, MOE_MODE_ZERO, MOE_MODE_NONE };
  static const MoeMode force_modes[] = { MOE_MODE_MAX, MOE_MODE_ADD, MOE_MODE_NONE };
  const MoeMode *modes = action == MOE_ACTION_DISABLE ? disable_modes : force_modes;

  if (action != MOE_ACTION_DISABLE && action != MOE_ACTION_FORCE)
    return FALSE;

  for (; *modes != MOE_MODE_NONE; modes++)
    if (g_str_equal (name, moe_mode_get_name (*modes)))
      {
        *mode = *modes;
        return TRUE;
      }

  return FALSE;
}

static gboolean
fail (GError     **error,
      const char  *text,
      const char  *what)
{
  g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "'%s': %s", text, what);
  return FALSE;
}

static gboolean
parse_suffix (const char       *text,
              const char       *suffix,
              MoeIntervention  *intervention,
              GError          **error)
{
  gboolean has_value = intervention->action == MOE_ACTION_BIAS || intervention->action == MOE_ACTION_SCALE;
  double value;

  if (has_value)
    {
      if (*suffix != '=')
        return fail (error, text, "needs a value, as in L3E17=0.5");
      if (!moe_number_parse (suffix + 1, &value) || !isfinite ((float) value))
        return fail (error, text, "the value is not a number");
      intervention->value = (float) value;
      return TRUE;
    }

  if (*suffix == '\0')
    return TRUE;
  if (*suffix == ':' && moe_mask_mode_parse (intervention->action, suffix + 1, &intervention->mode))
    return TRUE;

  return fail (error, text,
               *suffix == '=' ? "takes no value" :
               intervention->action == MOE_ACTION_DISABLE ? "the mode is not refill, drop or zero" :
               "the mode is not max or add");
}

gboolean
moe_intervention_parse (const char  *text,
                        MoeAction    action,
                        MoeScope     scope,
                        GArray      *interventions,
                        GError     **error)
{
  MoeIntervention intervention = { .action = action, .scope = scope };
  guint first;
  const char *p = text;

  g_return_val_if_fail (text != NULL, FALSE);
  g_return_val_if_fail (interventions != NULL, FALSE);

  first = interventions->len;
  for (;;)
    {
      if (!scan_expert (&p, &intervention.layer, &intervention.expert) ||
          (*p != '\0' && strchr (",:=", *p) == NULL))
        {
          g_array_set_size (interventions, first);
          return fail (error, text, "is not an expert like L3E17, L3S or L3E*, or several joined by commas");
        }
      g_array_append_val (interventions, intervention);
      if (*p != ',')
        break;
      p++;
    }

  if (!parse_suffix (text, p, &intervention, error))
    {
      g_array_set_size (interventions, first);
      return FALSE;
    }

  for (guint i = first; i < interventions->len; i++)
    {
      MoeIntervention *added = &g_array_index (interventions, MoeIntervention, i);

      added->value = intervention.value;
      added->mode = intervention.mode;
      if (*p == '\0')
        added->mode = moe_mask_default_mode (action, added->expert);
    }

  return TRUE;
}

/* A shared expert is not routed, so the only way to disable it is to take its output away. */
MoeMode
moe_mask_default_mode (MoeAction action,
                       int       expert)
{
  switch (action)
    {
    case MOE_ACTION_DISABLE:
      return expert == MOE_EXPERT_SHARED ? MOE_MODE_ZERO : MOE_MODE_REFILL;
    case MOE_ACTION_FORCE:
      return MOE_MODE_MAX;
    default:
      return MOE_MODE_NONE;
    }
}

/* "+2.5" for a bias, "0.5" for a scale. */
static char *
format_value (const MoeIntervention *intervention)
{
  char buffer[MOE_NUMBER_BUFFER];
  gboolean plus = intervention->action == MOE_ACTION_BIAS && intervention->value >= 0;

  moe_number_format_float (buffer, intervention->value);
  return g_strconcat (plus ? "+" : "", buffer, NULL);
}

static gboolean
has_value (const MoeIntervention *intervention)
{
  return intervention->action == MOE_ACTION_BIAS || intervention->action == MOE_ACTION_SCALE;
}

char *
moe_intervention_describe (const MoeIntervention *intervention)
{
  g_autofree char *expert = NULL;
  g_autofree char *value = NULL;
  GString *out;

  g_return_val_if_fail (intervention != NULL, NULL);

  expert = moe_expert_format (intervention->layer, intervention->expert);
  value = format_value (intervention);
  out = g_string_new (expert);
  g_string_append_printf (out, " %s %s", moe_action_get_name (intervention->action),
                          has_value (intervention) ? value : moe_mode_get_name (intervention->mode));
  if (intervention->scope != MOE_SCOPE_BOTH)
    g_string_append_printf (out, ", %s only", moe_scope_get_name (intervention->scope));
  if (intervention->from_token > 0)
    g_string_append_printf (out, ", from token %u", intervention->from_token);
  return g_string_free (out, FALSE);
}

char *
moe_intervention_to_option (const MoeIntervention *intervention)
{
  g_autofree char *expert = NULL;
  g_autofree char *value = NULL;

  g_return_val_if_fail (intervention != NULL, NULL);

  expert = moe_expert_format (intervention->layer, intervention->expert);
  value = format_value (intervention);
  return g_strdup_printf ("--%s %s%s%s", moe_action_get_name (intervention->action), expert,
                          has_value (intervention) ? "=" : ":",
                          has_value (intervention) ? value : moe_mode_get_name (intervention->mode));
}
