/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-super-experts"

#include "analysis/moe-super-experts.h"

#include <math.h>
#include <stdlib.h>

#include "analysis/moe-report.h"
#include "data/moe-error.h"
#include "data/moe-number.h"
#include "data/moe-text.h"

#define GROWTH 3.0
/* Names in the verdict. */
#define MAX_NAMED 24

struct _MoeSuperExperts
{
  MoeModelInfo          *info;
  MoeFormingRule         rule;
  gboolean               first_row;
  guint                  phases;
  double                 ratio;
  guint                  n_of_layer; /* routed experts, and one more when there is a shared one */
  guint                  n;
  MoeSuperExpert        *experts;    /* (M, n_of_layer) while tokens are read, then ranked */
  gint64                *prompts;    /* (M, n_of_layer) last prompt that was counted, -1 for none */
  MoeMassiveActivations *massive;
  gboolean              *kept;       /* (L) */
  gint64                 n_tokens;
  double                 percentile, largest;
  char                  *verdict;
};

guint
moe_super_count_paper_layers (guint n_layers)
{
  guint whole = (guint) ((guint64) n_layers * 3 / 4);
  guint quarters = (guint) ((guint64) n_layers * 3 % 4);

  return whole + (quarters > 2 || (quarters == 2 && whole % 2 == 1) ? 1 : 0);
}

static int
compare_doubles (gconstpointer a,
                 gconstpointer b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

double
moe_super_percentile (double *values,
                      gsize   n)
{
  gsize whole, rest;

  if (n == 0)
    return NAN;
  qsort (values, n, sizeof *values, compare_doubles);
  /* (n - 1) * 0.995 in whole numbers: 0.995 is no binary fraction. */
  whole = (gsize) ((guint64) (n - 1) * 995 / 1000);
  rest = (gsize) ((guint64) (n - 1) * 995 % 1000);
  if (rest == 0 || values[whole] == values[whole + 1])
    return values[whole];
  return values[whole] + (values[whole + 1] - values[whole]) * ((double) rest / 1000);
}

void
moe_super_experts_free (MoeSuperExperts *self)
{
  if (self == NULL)
    return;

  for (guint i = 0; i < self->n; i++)
    g_free (self->experts[i].token);
  g_free (self->experts);
  g_free (self->prompts);
  g_free (self->kept);
  g_free (self->verdict);
  moe_massive_activations_free (self->massive);
  moe_model_info_unref (self->info);
  g_free (self);
}

/* Reading tokens */

typedef struct
{
  MoeSuperExperts  *self;
  GError          **error;
} Reader;

static gboolean
add_output (MoeSuperExperts       *self,
            const MoeTokenRecord  *record,
            gsize                  index,
            float                  max,
            guint                  channel,
            const char            *text,
            gsize                  text_length,
            GError               **error)
{
  MoeSuperExpert *to = &self->experts[index];

  if (isnan (max))
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID,
                   "token %" G_GINT64_FORMAT ": the output of expert %d of layer %u is no number",
                   record->id, to->expert, to->layer);
      return FALSE;
    }
  if (self->first_row && self->prompts[index] == record->prompt)
    return TRUE;
  self->prompts[index] = record->prompt;
  if (to->seen && max <= to->max)
    return TRUE;

  to->seen = TRUE;
  to->max = max;
  to->channel = channel;
  to->token_id = record->id;
  to->prompt = record->prompt;
  to->position = record->position;
  g_free (to->token);
  to->token = moe_text_from_bytes (text, text_length);
  return TRUE;
}

static gboolean
read_record (MoeTokenRecord *record,
             const char     *text,
             gsize           text_length,
             gpointer        user_data)
{
  Reader *reader = user_data;
  MoeSuperExperts *self = reader->self;

  if (!(self->phases & MOE_PHASE_BIT (record->phase)))
    return TRUE;
  self->n_tokens++;
  if (!moe_massive_activations_add (self->massive, record, text, text_length, reader->error))
    return FALSE;

  for (guint layer = 0; layer < record->n_moe_layers; layer++)
    {
      gsize first = (gsize) layer * self->n_of_layer;

      for (gsize i = (gsize) layer * record->n_slots; i < (gsize) (layer + 1) * record->n_slots; i++)
        {
          if (record->experts[i] < self->info->n_experts
              && !add_output (self, record, first + record->experts[i], record->down_max[i],
                              record->down_channel[i], text, text_length, reader->error))
            return FALSE;
        }
      if (record->has_shared
          && !add_output (self, record, first + self->info->n_experts, record->shared_max[layer],
                          record->shared_channel[layer], text, text_length, reader->error))
        return FALSE;
    }
  return TRUE;
}

/* Judging */

static gboolean
choose_layers (MoeSuperExperts        *self,
               const MoeSuperOptions  *options,
               GError                **error)
{
  guint n_layers = self->info->n_layers;
  guint n_paper = moe_super_count_paper_layers (n_layers);
  float before = 0; /* largest |h| after the layer before */

  self->kept = g_new0 (gboolean, n_layers);
  if (options->rule == MOE_FORMING_LIST)
    {
      for (guint i = 0; i < options->list->len; i++)
        {
          guint layer = g_array_index (options->list, guint, i);

          if (layer >= n_layers)
            {
              g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "there is no layer %u, the model has %u",
                           layer, n_layers);
              return FALSE;
            }
          self->kept[layer] = TRUE;
        }
      return TRUE;
    }

  for (guint layer = 0; layer < n_layers; layer++)
    {
      const MoeMassiveLayer *after = moe_massive_activations_get_layer (self->massive, layer);

      if (options->rule == MOE_FORMING_GROWTH)
        self->kept[layer] = after->is_massive && (layer == 0 || after->peak > GROWTH * before);
      else
        self->kept[layer] = options->rule == MOE_FORMING_ALL || layer < n_paper;
      before = after->peak;
    }
  return TRUE;
}

static void
find_thresholds (MoeSuperExperts *self)
{
  g_autofree double *values = g_new (double, self->n);
  gsize n = 0;

  for (guint i = 0; i < self->n; i++)
    {
      if (self->experts[i].in_layers)
        values[n++] = self->experts[i].max;
    }
  self->percentile = moe_super_percentile (values, n);
  self->largest = n > 0 ? values[n - 1] : NAN;
}

static int
compare_experts (gconstpointer a,
                 gconstpointer b)
{
  const MoeSuperExpert *x = a, *y = b;

  if (x->max != y->max)
    return x->max < y->max ? 1 : -1;
  if (x->layer != y->layer)
    return x->layer < y->layer ? -1 : 1;
  return x->expert - y->expert;
}

static char *
describe_none (MoeSuperExperts *self,
               guint            n_above)
{
  char peak_text[32], ratio_text[32], wanted_text[32];
  double peak = 0, ratio = 0;

  for (guint layer = 0; layer < self->info->n_layers; layer++)
    {
      const MoeMassiveLayer *after = moe_massive_activations_get_layer (self->massive, layer);

      if (self->kept[layer] || self->rule == MOE_FORMING_GROWTH)
        {
          peak = MAX (peak, after->peak);
          ratio = MAX (ratio, after->ratio);
        }
    }
  g_ascii_formatd (peak_text, sizeof peak_text, "%.1f", peak);
  g_ascii_formatd (ratio_text, sizeof ratio_text, "%.0f", ratio);
  g_ascii_formatd (wanted_text, sizeof wanted_text, "%.6g", self->ratio);
  if (peak <= MOE_MASSIVE_MIN)
    return g_strdup_printf ("none: no massive-activation-forming layers (largest |h| %s, needed: over 100); "
                            "experts above both thresholds: %u, outliers, not super experts", peak_text,
                            n_above);
  return g_strdup_printf ("none: no massive-activation-forming layers (largest |h| %s, at most %s times the "
                          "median of its token, needed: %s times); experts above both thresholds: %u, "
                          "outliers, not super experts", peak_text, ratio_text, wanted_text, n_above);
}

static char *
describe_found (const MoeSuperExperts *self,
                guint                  n_super)
{
  GString *text = g_string_new (NULL);
  guint named = 0;

  if (n_super == 0)
    {
      g_string_append (text, "none: there are massive activations, but no expert is above both thresholds");
      return g_string_free (text, FALSE);
    }
  g_string_append_printf (text, "%u super expert%s:", n_super, n_super == 1 ? "" : "s");
  for (guint i = 0; i < self->n && named < MAX_NAMED; i++)
    {
      const MoeSuperExpert *expert = &self->experts[i];

      if (!expert->is_super)
        continue;
      if (expert->expert == MOE_EXPERT_SHARED)
        g_string_append_printf (text, " L%uS", expert->layer);
      else
        g_string_append_printf (text, " L%uE%d", expert->layer, expert->expert);
      named++;
    }
  if (named < n_super)
    g_string_append (text, " ...");
  return g_string_free (text, FALSE);
}

static void
judge (MoeSuperExperts *self)
{
  gboolean massive = FALSE;
  guint n_above = 0, n_super = 0;

  for (guint layer = 0; layer < self->info->n_layers; layer++)
    massive = massive || (self->kept[layer]
                          && moe_massive_activations_get_layer (self->massive, layer)->is_massive);
  for (guint i = 0; i < self->n; i++)
    self->experts[i].in_layers = self->kept[self->experts[i].layer];
  find_thresholds (self);

  for (guint i = 0; i < self->n; i++)
    {
      MoeSuperExpert *expert = &self->experts[i];
      gboolean both;

      expert->above_percentile = expert->max > self->percentile;
      expert->above_tenth = expert->max > self->largest / 10;
      both = expert->above_percentile && expert->above_tenth && expert->in_layers;
      expert->is_super = both && massive;
      n_above += both ? 1 : 0;
      n_super += expert->is_super ? 1 : 0;
    }
  qsort (self->experts, self->n, sizeof *self->experts, compare_experts);

  if (self->n_tokens == 0)
    self->verdict = g_strdup ("none: the recording has no tokens of these phases");
  else if (massive)
    self->verdict = describe_found (self, n_super);
  else
    self->verdict = describe_none (self, n_above);
}

static void
make_experts (MoeSuperExperts *self)
{
  self->n_of_layer = self->info->n_experts + (self->info->n_shared > 0 ? 1 : 0);
  self->n = self->info->n_moe_layers * self->n_of_layer;
  self->experts = g_new0 (MoeSuperExpert, self->n);
  self->prompts = g_new (gint64, self->n);
  for (guint i = 0; i < self->n; i++)
    {
      guint expert = i % self->n_of_layer;

      self->prompts[i] = -1;
      self->experts[i].layer = self->info->moe_layers[i / self->n_of_layer];
      self->experts[i].expert = expert < self->info->n_experts ? (int) expert : MOE_EXPERT_SHARED;
      self->experts[i].input_channel = -1;
      self->experts[i].weight = NAN;
    }
}

MoeSuperExperts *
moe_super_experts_new (MoeRecording           *recording,
                       const MoeSuperOptions  *options,
                       GError                **error)
{
  g_autoptr(MoeSuperExperts) self = NULL;
  g_autoptr(GError) local = NULL;
  Reader reader;

  g_return_val_if_fail (recording != NULL && options != NULL, NULL);
  g_return_val_if_fail (options->rule != MOE_FORMING_LIST || options->list != NULL, NULL);

  self = g_new0 (MoeSuperExperts, 1);
  self->info = moe_model_info_ref ((MoeModelInfo *) moe_recording_get_info (recording));
  self->rule = options->rule;
  self->first_row = options->first_row;
  self->phases = options->phases;
  self->ratio = options->ratio;
  self->massive = moe_massive_activations_new (self->info, options->ratio);
  make_experts (self);

  reader = (Reader) { self, &local };
  if (!moe_recording_foreach (recording, 0, -1, read_record, &reader, error)
      || !choose_layers (self, options, &local))
    {
      if (local != NULL)
        g_propagate_prefixed_error (error, g_steal_pointer (&local), "%s: ",
                                    moe_recording_get_path (recording));
      return NULL;
    }
  judge (self);
  return g_steal_pointer (&self);
}

const MoeModelInfo *
moe_super_experts_get_info (const MoeSuperExperts *self)
{
  g_return_val_if_fail (self != NULL, NULL);
  return self->info;
}

guint
moe_super_experts_get_n (const MoeSuperExperts *self)
{
  g_return_val_if_fail (self != NULL, 0);
  return self->n;
}

MoeSuperExpert *
moe_super_experts_get (MoeSuperExperts *self,
                       guint            rank)
{
  g_return_val_if_fail (self != NULL && rank < self->n, NULL);
  return &self->experts[rank];
}

double
moe_super_experts_get_percentile (const MoeSuperExperts *self)
{
  g_return_val_if_fail (self != NULL, NAN);
  return self->percentile;
}

double
moe_super_experts_get_largest (const MoeSuperExperts *self)
{
  g_return_val_if_fail (self != NULL, NAN);
  return self->largest;
}

const char *
moe_super_experts_get_verdict (const MoeSuperExperts *self)
{
  g_return_val_if_fail (self != NULL, "");
  return self->verdict;
}

/* The table */

gboolean
moe_super_experts_add_provenance (const MoeSuperExperts  *self,
                                  MoeTable               *table,
                                  MoeRecording           *recording,
                                  GError                **error)
{
  static const char *const rules[] = { "paper", "growth", "all", "list" };
  g_autoptr(GString) layers = NULL;
  g_autofree char *tokens = NULL;
  char number[MOE_NUMBER_BUFFER];
  const char *separator = ": ";

  g_return_val_if_fail (self != NULL && table != NULL && recording != NULL, FALSE);

  moe_report_add_model (table, self->info, self->phases);
  if (!moe_report_add_source (table, recording, error))
    return FALSE;
  layers = g_string_new (rules[self->rule]);
  tokens = g_strdup_printf ("%" G_GINT64_FORMAT, self->n_tokens);
  for (guint layer = 0; layer < self->info->n_layers; layer++)
    {
      if (!self->kept[layer])
        continue;
      g_string_append_printf (layers, "%s%u", separator, layer);
      separator = ",";
    }
  moe_table_set_provenance (table, "tokens", tokens);
  moe_table_set_provenance (table, "layers", layers->str);
  moe_table_set_provenance (table, "reduction", self->first_row ? "first-row" : "all");
  moe_table_set_provenance (table, "massive-ratio", moe_number_format_double (number, self->ratio));
  if (!isnan (self->percentile))
    {
      moe_table_set_provenance (table, "p99.5", moe_number_format_double (number, self->percentile));
      moe_table_set_provenance (table, "largest", moe_number_format_double (number, self->largest));
    }
  moe_table_set_provenance (table, "verdict", self->verdict);
  return TRUE;
}

static void
add_row (const MoeSuperExperts *self,
         MoeTable              *table,
         const MoeSuperExpert  *expert)
{
  guint row = moe_table_append_row (table);

  moe_table_set_int (table, row, 0, expert->layer);
  moe_table_set_int (table, row, 1, expert->expert);
  if (expert->seen)
    {
      moe_table_set_double (table, row, 2, expert->max);
      moe_table_set_int (table, row, 3, expert->channel);
      moe_table_set_int (table, row, 4, expert->position);
      moe_table_set_text (table, row, 5, expert->token);
    }
  if (expert->input_channel >= 0)
    {
      moe_table_set_int (table, row, 6, expert->input_channel);
      moe_table_set_double (table, row, 7, expert->weight);
    }
  if (!isnan (self->percentile))
    {
      moe_table_set_int (table, row, 8, expert->above_percentile);
      moe_table_set_int (table, row, 9, expert->above_tenth);
    }
  moe_table_set_int (table, row, 10, expert->in_layers);
  moe_table_set_int (table, row, 11, expert->is_super);
}

MoeTable *
moe_super_experts_to_table (MoeSuperExperts  *self,
                            MoeRecording     *recording,
                            GError          **error)
{
  static const struct { const char *name; MoeColumnType type; MoeColumnRole role; } columns[] = {
    { "layer", MOE_COLUMN_INT, MOE_ROLE_INDEX },
    { "expert", MOE_COLUMN_INT, MOE_ROLE_INDEX },
    { "max_down_proj", MOE_COLUMN_FLOAT, MOE_ROLE_VALUE },
    { "channel", MOE_COLUMN_INT, MOE_ROLE_VALUE },
    { "position", MOE_COLUMN_INT, MOE_ROLE_VALUE },
    { "token", MOE_COLUMN_TEXT, MOE_ROLE_LABEL },
    { "input_channel", MOE_COLUMN_INT, MOE_ROLE_VALUE },
    { "super_weight", MOE_COLUMN_FLOAT, MOE_ROLE_VALUE },
    { "above_percentile", MOE_COLUMN_BOOL, MOE_ROLE_VALUE },
    { "above_tenth", MOE_COLUMN_BOOL, MOE_ROLE_VALUE },
    { "in_layers", MOE_COLUMN_BOOL, MOE_ROLE_VALUE },
    { "is_super", MOE_COLUMN_BOOL, MOE_ROLE_VALUE },
  };
  g_autoptr(MoeTable) table = moe_table_new ("Super Experts");

  g_return_val_if_fail (self != NULL && recording != NULL, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (columns); i++)
    moe_table_add_column (table, columns[i].name, columns[i].type, "", columns[i].role);
  if (!moe_super_experts_add_provenance (self, table, recording, error))
    return NULL;
  for (guint i = 0; i < self->n; i++)
    add_row (self, table, &self->experts[i]);
  return g_steal_pointer (&table);
}
