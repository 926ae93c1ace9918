/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-super-published"

#include "analysis/moe-super-published.h"

#include <math.h>

#include "data/moe-mask.h"

/* The expert of @self with its rank, or NULL. */
static const MoeSuperExpert *
find (MoeSuperExperts *self,
      guint            layer,
      int              expert,
      guint           *rank)
{
  for (guint i = 0; i < moe_super_experts_get_n (self); i++)
    {
      const MoeSuperExpert *found = moe_super_experts_get (self, i);

      if (found->layer == layer && found->expert == expert)
        {
          *rank = i + 1;
          return found;
        }
    }
  return NULL;
}

/* What @published says about the expert in the table of @model, or NULL. */
static const MoePublishedExpert *
find_published (const MoePublishedExperts *published,
                const char                *model,
                const MoeSuperExpert      *expert)
{
  for (guint i = 0; i < moe_published_experts_get_n (published); i++)
    {
      const MoePublishedExpert *found = moe_published_experts_get (published, i);

      if (g_str_equal (found->model, model) && found->layer == expert->layer
          && found->expert == expert->expert)
        return found;
    }
  return NULL;
}

static void
add_row (MoeTable                 *table,
         const MoePublishedExpert *said,
         const MoeSuperExpert     *found,
         guint                     rank)
{
  guint row = moe_table_append_row (table);

  moe_table_set_int (table, row, 0, said != NULL ? said->layer : found->layer);
  moe_table_set_int (table, row, 1, said != NULL ? said->expert : found->expert);
  if (said != NULL)
    {
      moe_table_set_double (table, row, 2, said->max);
      moe_table_set_text (table, row, 3, said->source);
    }
  if (found == NULL)
    return;
  moe_table_set_int (table, row, 4, rank);
  if (found->seen)
    moe_table_set_double (table, row, 5, found->max);
  moe_table_set_int (table, row, 6, found->is_super);
}

MoeTable *
moe_super_published_to_table (MoeSuperExperts            *self,
                              const MoePublishedExperts  *published,
                              MoeRecording               *recording,
                              GError                    **error)
{
  g_autoptr(MoeTable) table = NULL;
  const char *model;
  guint rank = 0;

  g_return_val_if_fail (self != NULL && published != NULL && recording != NULL, NULL);

  model = moe_published_experts_find (published, moe_recording_get_info (recording));
  if (model == NULL)
    return NULL;
  table = moe_table_new ("Published Super Experts");
  moe_table_add_column (table, "layer", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "expert", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "published_max", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "source", MOE_COLUMN_TEXT, "", MOE_ROLE_LABEL);
  moe_table_add_column (table, "rank", MOE_COLUMN_INT, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "max_down_proj", MOE_COLUMN_FLOAT, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "is_super", MOE_COLUMN_BOOL, "", MOE_ROLE_VALUE);
  if (!moe_super_experts_add_provenance (self, table, recording, error))
    return NULL;
  moe_table_set_provenance (table, "published-model", model);

  for (guint i = 0; i < moe_published_experts_get_n (published); i++)
    {
      const MoePublishedExpert *said = moe_published_experts_get (published, i);

      if (g_str_equal (said->model, model))
        {
          const MoeSuperExpert *found = find (self, said->layer, said->expert, &rank);

          add_row (table, said, found, rank);
        }
    }
  for (guint i = 0; i < moe_super_experts_get_n (self); i++)
    {
      const MoeSuperExpert *found = moe_super_experts_get (self, i);

      if (found->is_super && find_published (published, model, found) == NULL)
        add_row (table, NULL, found, i + 1);
    }
  return g_steal_pointer (&table);
}

static void
add_name (GString *text,
          guint    layer,
          int      expert)
{
  g_autofree char *name = moe_expert_format ((int) layer, expert);

  g_string_append_printf (text, " %s", name);
}

char *
moe_super_published_describe (MoeSuperExperts           *self,
                              const MoePublishedExperts *published)
{
  g_autoptr(GHashTable) named = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr(GString) text = NULL;
  const char *model;
  gsize length;

  g_return_val_if_fail (self != NULL && published != NULL, NULL);

  model = moe_published_experts_find (published, moe_super_experts_get_info (self));
  if (model == NULL)
    return NULL;
  text = g_string_new (NULL);
  g_string_append_printf (text, "published for %s:", model);
  for (guint i = 0; i < moe_published_experts_get_n (published); i++)
    {
      const MoePublishedExpert *said = moe_published_experts_get (published, i);

      /* Several sources may name the same one. */
      if (g_str_equal (said->model, model)
          && g_hash_table_add (named, moe_expert_format ((int) said->layer, said->expert)))
        add_name (text, said->layer, said->expert);
    }
  g_string_append (text, "; found here:");
  length = text->len;
  for (guint i = 0; i < moe_super_experts_get_n (self); i++)
    {
      const MoeSuperExpert *found = moe_super_experts_get (self, i);

      if (found->is_super)
        add_name (text, found->layer, found->expert);
    }
  if (text->len == length)
    g_string_append (text, " none");
  return g_string_free (g_steal_pointer (&text), FALSE);
}
