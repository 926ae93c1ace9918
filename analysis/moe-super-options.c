/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-super-options"

#include "analysis/moe-super-experts.h"

#include <string.h>

#include "data/moe-error.h"

#define MAX_LAYERS 4096

void
moe_super_options_init (MoeSuperOptions *self)
{
  g_return_if_fail (self != NULL);

  memset (self, 0, sizeof *self);
  self->rule = MOE_FORMING_PAPER;
  self->phases = MOE_PHASES_ALL;
  self->ratio = MOE_MASSIVE_RATIO;
}

void
moe_super_options_clear (MoeSuperOptions *self)
{
  g_clear_pointer (&self->list, g_array_unref);
}

static gboolean
parse_layer (const char *text,
             guint      *layer)
{
  guint64 value;

  if (!g_ascii_string_to_unsigned (text, 10, 0, MAX_LAYERS - 1, &value, NULL))
    return FALSE;
  *layer = (guint) value;
  return TRUE;
}

/* "7" or "0-5" */
static gboolean
parse_range (const char *text,
             GArray     *list)
{
  g_auto(GStrv) ends = g_strsplit (text, "-", 3);
  guint first, last;

  if (ends[0] == NULL || (ends[1] != NULL && ends[2] != NULL))
    return FALSE;
  if (!parse_layer (ends[0], &first) || !parse_layer (ends[1] != NULL ? ends[1] : ends[0], &last)
      || last < first)
    return FALSE;
  for (guint layer = first; layer <= last; layer++)
    g_array_append_val (list, layer);
  return TRUE;
}

gboolean
moe_super_options_parse_layers (MoeSuperOptions  *self,
                                const char       *text,
                                GError          **error)
{
  static const struct { const char *name; MoeFormingRule rule; } rules[] = {
    { "paper", MOE_FORMING_PAPER },
    { "growth", MOE_FORMING_GROWTH },
    { "all", MOE_FORMING_ALL },
  };
  g_autoptr(GArray) list = g_array_new (FALSE, FALSE, sizeof (guint));
  g_auto(GStrv) parts = NULL;

  g_return_val_if_fail (self != NULL && text != NULL, FALSE);

  for (guint i = 0; i < G_N_ELEMENTS (rules); i++)
    {
      if (g_str_equal (text, rules[i].name))
        {
          self->rule = rules[i].rule;
          return TRUE;
        }
    }
  parts = g_strsplit (text, ",", MAX_LAYERS);
  for (guint i = 0; parts[0] == NULL || parts[i] != NULL; i++)
    {
      if (parts[0] == NULL || !parse_range (parts[i], list))
        {
          g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID,
                       "'%s' is none of paper, growth, all and layers as in 0-5,7", text);
          return FALSE;
        }
    }
  self->rule = MOE_FORMING_LIST;
  g_clear_pointer (&self->list, g_array_unref);
  self->list = g_steal_pointer (&list);
  return TRUE;
}
