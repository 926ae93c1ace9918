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

/* Reads "L3E17", "L3S", "L3E*" or, of a router, "L3" at *@p and steps over it; "L*" is every layer. */
static gboolean
scan_expert (const char **p,
             gboolean     router,
             int         *layer,
             int         *expert)
{
  if (**p != 'L')
    return FALSE;
  (*p)++;
  if (**p == '*')
    {
      (*p)++;
      *layer = MOE_LAYER_ALL;
    }
  else if (!scan_number (p, layer))
    {
      return FALSE;
    }

  if (router)
    {
      *expert = MOE_EXPERT_ROUTER;
      return TRUE;
    }
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

  if (!scan_expert (&text, FALSE, &found_layer, &found_expert) || *text != '\0' ||
      found_expert == MOE_EXPERT_ALL || found_layer == MOE_LAYER_ALL)
    return FALSE;

  *layer = found_layer;
  *expert = found_expert;
  return TRUE;
}

char *
moe_expert_format (int layer,
                   int expert)
{
  g_autofree char *number = layer == MOE_LAYER_ALL ? g_strdup ("*") : g_strdup_printf ("%d", layer);

  if (expert == MOE_EXPERT_ROUTER)
    return g_strconcat ("L", number, NULL);
  if (expert == MOE_EXPERT_SHARED)
    return g_strconcat ("L", number, "S", NULL);
  if (expert == MOE_EXPERT_ALL)
    return g_strconcat ("L", number, "E*", NULL);
  return g_strdup_printf ("L%sE%d", number, expert);
}

/* The modes of @action, ended by MOE_MODE_NONE. */
static const MoeMode *
get_modes (MoeAction action)
{
  static const MoeMode disable_modes[] = { MOE_MODE_REFILL, MOE_MODE_DROP, MOE_MODE_ZERO, MOE_MODE_MEAN,
                                           MOE_MODE_COPY, MOE_MODE_NONE };
  static const MoeMode force_modes[] = { MOE_MODE_MAX, MOE_MODE_ADD, MOE_MODE_NONE };
  static const MoeMode router_modes[] = { MOE_MODE_TEMPERATURE, MOE_MODE_TOP_K, MOE_MODE_TOP_P,
                                          MOE_MODE_TOP_P_RENORM, MOE_MODE_RANDOM, MOE_MODE_RANK,
                                          MOE_MODE_NONE };
  static const MoeMode no_modes[] = { MOE_MODE_NONE };

  switch (action)
    {
    case MOE_ACTION_DISABLE:
      return disable_modes;
    case MOE_ACTION_FORCE:
      return force_modes;
    case MOE_ACTION_ROUTER:
      return router_modes;
    default:
      return no_modes;
    }
}

char *
moe_mask_modes_to_text (MoeAction action)
{
  GString *text = g_string_new (NULL);

  for (const MoeMode *mode = get_modes (action); *mode != MOE_MODE_NONE; mode++)
    g_string_append_printf (text, "%s%s", text->len == 0 ? "" : mode[1] == MOE_MODE_NONE ? " or " : ", ",
                            moe_mode_get_name (*mode));
  return g_string_free (text, FALSE);
}

gboolean
moe_mask_mode_parse (MoeAction   action,
                     const char *name,
                     MoeMode    *mode)
{
  for (const MoeMode *modes = get_modes (action); *modes != MOE_MODE_NONE; modes++)
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
  gboolean has_mode = moe_action_has_mode (intervention->action);
  const char *equals = strchr (suffix, '=');
  g_autofree char *mode = NULL;
  double value;

  if (has_mode && intervention->action != MOE_ACTION_ROUTER && equals != NULL)
    return fail (error, text, "takes no value");
  if (has_mode && (*suffix == ':' || intervention->action == MOE_ACTION_ROUTER))
    {
      mode = *suffix == ':' ? g_strndup (suffix + 1, equals != NULL ? (gsize) (equals - suffix - 1)
                                         : strlen (suffix + 1)) : g_strdup ("");
      if (!moe_mask_mode_parse (intervention->action, mode, &intervention->mode))
        {
          g_autofree char *modes = moe_mask_modes_to_text (intervention->action);
          g_autofree char *what = g_strconcat ("the mode is not ", modes, NULL);

          return fail (error, text, what);
        }
    }
  if (!moe_action_has_value (intervention->action) ||
      (intervention->mode == MOE_MODE_RANDOM && equals == NULL))
    return TRUE;

  if (equals == NULL || (!has_mode && equals != suffix))
    return fail (error, text, has_mode ? "needs a value, as in L3:temperature=2"
                 : "needs a value, as in L3E17=0.5");
  if (!moe_number_parse (equals + 1, &value) || !isfinite ((float) value))
    return fail (error, text, "the value is not a number");
  intervention->value = (float) value;
  return TRUE;
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
      if (!scan_expert (&p, action == MOE_ACTION_ROUTER, &intervention.layer, &intervention.expert) ||
          (*p != '\0' && strchr (",:=", *p) == NULL))
        {
          g_array_set_size (interventions, first);
          return fail (error, text, action == MOE_ACTION_ROUTER
                       ? "is not a layer like L3 or L*, or several joined by commas"
                       : "is not an expert like L3E17, L3S or L3E*, or several joined by commas");
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

/* What stands behind the mode or the expert: "+2.5", "refill", "temperature=2" with @equals '='. */
static char *
format_what (const MoeIntervention *intervention,
             char                   equals)
{
  g_autofree char *value = format_value (intervention);
  const char *mode = moe_mode_get_name (intervention->mode);

  if (!moe_action_has_mode (intervention->action))
    return g_steal_pointer (&value);
  if (!moe_action_has_value (intervention->action))
    return g_strdup (mode);
  return g_strdup_printf ("%s%c%s", mode, equals, value);
}

char *
moe_intervention_describe (const MoeIntervention *intervention)
{
  g_autofree char *expert = NULL;
  g_autofree char *what = NULL;
  GString *out;

  g_return_val_if_fail (intervention != NULL, NULL);

  expert = moe_expert_format (intervention->layer, intervention->expert);
  what = format_what (intervention, ' ');
  out = g_string_new (expert);
  g_string_append_printf (out, " %s %s", moe_action_get_name (intervention->action), what);
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
  g_autofree char *what = NULL;

  g_return_val_if_fail (intervention != NULL, NULL);

  expert = moe_expert_format (intervention->layer, intervention->expert);
  what = format_what (intervention, '=');
  return g_strdup_printf ("--%s %s%s%s", moe_action_get_name (intervention->action), expert,
                          moe_action_has_mode (intervention->action) ? ":" : "=", what);
}
