/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-route-domains"

#include "analysis/moe-route-domains.h"

#include <math.h>
#include <string.h>

#include "analysis/moe-report.h"
#include "data/moe-error.h"

#define MAX_COUNTS 4000000
#define NO_DOMAIN  (-1)

/* The number of domain @name, which may be new. */
static guint
find_domain (GPtrArray  *names,
             const char *name)
{
  guint index;

  if (!g_ptr_array_find_with_equal_func (names, name, g_str_equal, &index))
    {
      index = names->len;
      g_ptr_array_add (names, g_strdup (name));
    }
  return index;
}

/* "story" of "/prompts/story.csv". */
static char *
get_stem (const char *path)
{
  char *name = g_path_get_basename (path), *dot = strrchr (name, '.');

  if (dot != NULL && dot != name)
    *dot = '\0';
  return name;
}

/* Puts the domain of each text of @set, plus 1, into @places. */
static gboolean
add_set (MoePromptSet  *set,
         GPtrArray     *names,
         GHashTable    *places,
         GError       **error)
{
  g_autofree char *stem = get_stem (moe_prompt_set_get_path (set));

  for (guint i = 0; i < moe_prompt_set_get_n (set); i++)
    {
      const MoePrompt *prompt = moe_prompt_set_get (set, i);
      guint domain = find_domain (names, prompt->label != NULL ? prompt->label : stem);
      guint known = GPOINTER_TO_UINT (g_hash_table_lookup (places, prompt->text));

      if (known > 0 && known != domain + 1)
        return moe_error_fail_line (error, MOE_ERROR_INVALID, moe_prompt_set_get_path (set), prompt->line,
                                    "the prompt has two labels, '%s' and '%s'",
                                    (const char *) g_ptr_array_index (names, known - 1),
                                    (const char *) g_ptr_array_index (names, domain));
      g_hash_table_insert (places, (gpointer) prompt->text, GUINT_TO_POINTER (domain + 1));
    }
  return TRUE;
}

typedef struct
{
  MoeRouteDomains *domains;
  int             *of_prompt; /* (prompts of the recording) number of the domain, or NO_DOMAIN */
} Counter;

static gboolean
count_token (const MoeTokenRecord  *record,
             gboolean               starts,
             gpointer               user_data,
             GError               **error)
{
  const Counter *counter = user_data;
  MoeRouteDomains *self = counter->domains;
  int domain = counter->of_prompt[record->prompt];

  if (domain == NO_DOMAIN)
    return TRUE;
  self->n_tokens[domain]++;
  for (guint i = 0; i < self->layers.n; i++)
    {
      const guint16 *experts = record->experts + (gsize) (self->layers.first + i) * record->n_slots;
      gint64 *hits = self->hits + ((gsize) domain * self->layers.n + i) * self->info->n_experts;

      for (guint slot = 0; slot < record->n_slots; slot++)
        if (experts[slot] != MOE_NO_EXPERT)
          hits[experts[slot]]++;
    }
  return TRUE;
}

/* Sets the domain of each prompt of @recording; FALSE when none has one. */
static gboolean
place_prompts (MoeRouteDomains  *self,
               MoeRecording     *recording,
               GHashTable       *places,
               int              *of_prompt,
               GError          **error)
{
  guint n = moe_recording_get_n_prompts (recording);

  for (guint i = 0; i < n; i++)
    {
      g_autofree char *text = moe_recording_dup_prompt (recording, i);
      guint place = text != NULL ? GPOINTER_TO_UINT (g_hash_table_lookup (places, text)) : 0;

      of_prompt[i] = place > 0 ? (int) place - 1 : NO_DOMAIN;
      if (place > 0)
        self->n_prompts[place - 1]++;
      else
        self->n_unknown++;
    }
  if (self->n_unknown < n)
    return TRUE;
  g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "%s: none of its %u prompts has a label",
               moe_recording_get_path (recording), n);
  return FALSE;
}

MoeRouteDomains *
moe_route_domains_new (MoeRecording       *recording,
                       GPtrArray          *sets,
                       guint               phases,
                       int                 layer,
                       const MoeProgress  *progress,
                       GError            **error)
{
  g_autoptr(MoeRouteDomains) self = NULL;
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr(GHashTable) places = g_hash_table_new (g_str_hash, g_str_equal);
  g_autofree int *of_prompt = NULL;
  Counter counter;
  guint64 n_counts;

  g_return_val_if_fail (recording != NULL && sets != NULL, NULL);

  self = g_new0 (MoeRouteDomains, 1);
  self->info = moe_model_info_ref ((MoeModelInfo *) moe_recording_get_info (recording));
  self->phases = phases;
  if (!moe_route_layers_init (&self->layers, recording, layer, error))
    return NULL;
  for (guint i = 0; i < sets->len; i++)
    if (!add_set (g_ptr_array_index (sets, i), names, places, error))
      return NULL;
  self->n_domains = names->len;
  g_ptr_array_add (names, NULL);
  self->names = (char **) g_ptr_array_steal (names, NULL);
  n_counts = (guint64) self->n_domains * self->layers.n * self->info->n_experts;
  if (n_counts > MAX_COUNTS)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_LIMIT,
                   "%s: %" G_GUINT64_FORMAT " counts of %u domains are too many%s",
                   moe_recording_get_path (recording), n_counts, self->n_domains,
                   layer < 0 ? ", choose one layer" : "");
      return NULL;
    }

  self->n_prompts = g_new0 (guint, MAX (self->n_domains, 1));
  self->n_tokens = g_new0 (gint64, MAX (self->n_domains, 1));
  self->hits = g_new0 (gint64, MAX (n_counts, 1));
  of_prompt = g_new (int, MAX (moe_recording_get_n_prompts (recording), 1));
  counter = (Counter) { self, of_prompt };
  if (!place_prompts (self, recording, places, of_prompt, error)
      || !moe_route_foreach (recording, phases, progress, count_token, &counter, error))
    return NULL;
  return g_steal_pointer (&self);
}

void
moe_route_domains_free (MoeRouteDomains *self)
{
  if (self == NULL)
    return;

  moe_model_info_unref (self->info);
  g_strfreev (self->names);
  g_free (self->n_prompts);
  g_free (self->n_tokens);
  g_free (self->hits);
  g_free (self);
}

static gint64
get_hits (const MoeRouteDomains *self,
          guint                  domain,
          guint                  layer,
          guint                  expert)
{
  return self->hits[((gsize) domain * self->layers.n + layer) * self->info->n_experts + expert];
}

double
moe_route_domains_get_share (const MoeRouteDomains *self,
                             guint                  domain,
                             guint                  layer,
                             guint                  expert)
{
  g_return_val_if_fail (self != NULL && domain < self->n_domains && layer < self->layers.n, NAN);
  g_return_val_if_fail (expert < self->info->n_experts, NAN);

  if (self->n_tokens[domain] == 0)
    return NAN;
  return (double) get_hits (self, domain, layer, expert) / (double) self->n_tokens[domain];
}

double
moe_route_domains_get_ratio (const MoeRouteDomains *self,
                             guint                  domain,
                             guint                  layer,
                             guint                  expert)
{
  return moe_route_domains_get_share (self, domain, layer, expert) * self->info->n_experts
         / self->info->n_used;
}

/* Model, phases and how the prompts were labelled. */
static void
add_provenance (const MoeRouteDomains *self,
                MoeTable              *table)
{
  g_autoptr(GString) text = g_string_new (NULL);
  g_autofree char *unknown = g_strdup_printf ("%u", self->n_unknown);

  for (guint i = 0; i < self->n_domains; i++)
    g_string_append_printf (text, "%s%s %u", i > 0 ? ", " : "", self->names[i], self->n_prompts[i]);
  moe_report_add_model (table, self->info, self->phases);
  moe_table_set_provenance (table, "prompts", text->str);
  moe_table_set_provenance (table, "prompts-without-label", unknown);
}

MoeTable *
moe_route_domains_to_table (const MoeRouteDomains *self)
{
  MoeTable *table;

  g_return_val_if_fail (self != NULL, NULL);

  table = moe_table_new ("Domain Specialisation");
  moe_table_add_column (table, "layer", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "expert", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "domain", MOE_COLUMN_TEXT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "share", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "over_uniform", MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
  moe_table_add_column (table, "n_hits", MOE_COLUMN_INT, "tokens", MOE_ROLE_VALUE);
  moe_table_add_column (table, "n_tokens", MOE_COLUMN_INT, "tokens", MOE_ROLE_VALUE);
  add_provenance (self, table);

  for (guint layer = 0; layer < self->layers.n; layer++)
    for (guint expert = 0; expert < self->info->n_experts; expert++)
      for (guint domain = 0; domain < self->n_domains; domain++)
        {
          guint row = moe_table_append_row (table);

          moe_table_set_int (table, row, 0, self->info->moe_layers[self->layers.first + layer]);
          moe_table_set_int (table, row, 1, expert);
          moe_table_set_text (table, row, 2, self->names[domain]);
          moe_table_set_double (table, row, 3, moe_route_domains_get_share (self, domain, layer, expert));
          moe_table_set_double (table, row, 4, moe_route_domains_get_ratio (self, domain, layer, expert));
          moe_table_set_int (table, row, 5, get_hits (self, domain, layer, expert));
          moe_table_set_int (table, row, 6, self->n_tokens[domain]);
        }
  return table;
}

MoeTable *
moe_route_domains_to_wide_table (const MoeRouteDomains *self)
{
  MoeTable *table;

  g_return_val_if_fail (self != NULL, NULL);

  table = moe_table_new ("Domain Specialisation");
  moe_table_add_column (table, "layer", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "domain", MOE_COLUMN_TEXT, "", MOE_ROLE_INDEX);
  for (guint expert = 0; expert < self->info->n_experts; expert++)
    {
      g_autofree char *name = g_strdup_printf ("e%u", expert);

      moe_table_add_column (table, name, MOE_COLUMN_DOUBLE, "", MOE_ROLE_VALUE);
    }
  add_provenance (self, table);

  for (guint layer = 0; layer < self->layers.n; layer++)
    for (guint domain = 0; domain < self->n_domains; domain++)
      {
        guint row = moe_table_append_row (table);

        moe_table_set_int (table, row, 0, self->info->moe_layers[self->layers.first + layer]);
        moe_table_set_text (table, row, 1, self->names[domain]);
        for (guint expert = 0; expert < self->info->n_experts; expert++)
          moe_table_set_double (table, row, 2 + expert,
                                moe_route_domains_get_share (self, domain, layer, expert));
      }
  return table;
}
