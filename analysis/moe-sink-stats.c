/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-sink-stats"

#include "analysis/moe-sink-stats.h"

#include <math.h>
#include <string.h>

#include "data/moe-error.h"

MoeSinkStats *
moe_sink_stats_new (const MoeModelInfo   *info,
                    const MoeSinkOptions *options)
{
  MoeSinkStats *self;
  gsize n;

  g_return_val_if_fail (info != NULL && options != NULL && options->length >= 2, NULL);

  self = g_new0 (MoeSinkStats, 1);
  self->n_layers = info->n_layers;
  self->n_heads = info->n_heads;
  self->epsilon = options->epsilon;
  self->length = options->length;
  self->prompt = -1;
  n = (gsize) self->n_layers * self->n_heads;
  self->missing = g_new0 (gboolean, self->n_layers);
  self->alpha = g_new0 (double, n);
  self->share = g_new0 (double, n);
  self->current = g_new0 (double, n);
  self->last = g_new0 (double, n);
  self->hits = g_new0 (gint64, n);
  if (info->learned_sinks)
    self->learned = g_new0 (double, n);
  return self;
}

void
moe_sink_stats_free (MoeSinkStats *self)
{
  if (self == NULL)
    return;

  g_free (self->missing);
  g_free (self->alpha);
  g_free (self->share);
  g_free (self->current);
  g_free (self->last);
  g_free (self->hits);
  g_free (self->learned);
  g_free (self);
}

static void
begin_prompt (MoeSinkStats *self,
              gint64        prompt)
{
  gsize n = (gsize) self->n_layers * self->n_heads;

  for (gsize i = 0; self->has_current && i < n; i++)
    self->last[i] += self->current[i];
  self->n_last += self->has_current ? 1 : 0;
  self->has_current = FALSE;
  self->prompt = prompt;
  self->n_prompts++;
  self->n_sampled = 0;
  memset (self->alpha, 0, n * sizeof *self->alpha);
}

static void
find_missing (MoeSinkStats         *self,
              const MoeTokenRecord *record)
{
  for (guint layer = 0; layer < self->n_layers; layer++)
    {
      guint n_numbers = 0;

      for (guint head = 0; head < self->n_heads; head++)
        n_numbers += !isnan (moe_half_to_float (record->attention_first[layer * self->n_heads + head]));
      self->missing[layer] = n_numbers == 0;
      self->n_present += n_numbers > 0;
    }
}

gboolean
moe_sink_stats_add (MoeSinkStats          *self,
                    const MoeTokenRecord  *record,
                    GError               **error)
{
  gsize n;
  gboolean is_query, in_sample;

  g_return_val_if_fail (self != NULL && record != NULL, FALSE);
  g_return_val_if_fail (record->n_layers == self->n_layers && record->n_heads == self->n_heads, FALSE);

  n = (gsize) self->n_layers * self->n_heads;
  if (self->n_prompts == 0)
    find_missing (self, record);
  if (record->prompt != self->prompt)
    begin_prompt (self, record->prompt);
  is_query = record->position >= 1;
  in_sample = self->n_sampled < self->length && record->position == self->n_sampled;
  self->n_queries += is_query ? 1 : 0;
  self->has_current = self->has_current || is_query;

  for (gsize i = 0; i < n; i++)
    {
      double attention = moe_half_to_float (record->attention_first[i]);
      gboolean missing = self->missing[i / self->n_heads];

      if (isnan (attention) != missing)
        {
          g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID,
                       missing ? "token %" G_GINT64_FORMAT ": it has attention in layer %u, which had none"
                               : "token %" G_GINT64_FORMAT ": its attention in layer %u is no number",
                       record->id, (guint) (i / self->n_heads));
          return FALSE;
        }
      if (missing)
        continue;
      if (is_query)
        {
          self->share[i] += attention;
          self->current[i] = attention;
        }
      if (in_sample)
        self->alpha[i] += attention;
    }

  if (self->learned != NULL && record->attention_sink != NULL)
    {
      self->n_learned++;
      for (gsize i = 0; i < n; i++)
        self->learned[i] += moe_half_to_float (record->attention_sink[i]);
    }
  if (in_sample && ++self->n_sampled == self->length)
    {
      self->n_samples++;
      for (gsize i = 0; i < n; i++)
        self->hits[i] += self->alpha[i] / self->length > self->epsilon ? 1 : 0;
    }
  return TRUE;
}

/* The values of @layer and @head in an array (L, H): all that -1 leaves open. FALSE when there are none. */
static gboolean
get_range (const MoeSinkStats *self,
           int                 layer,
           int                 head,
           gsize              *first,
           gsize              *n)
{
  *first = 0;
  *n = (gsize) self->n_layers * self->n_heads;
  if (layer >= 0)
    {
      *first = (gsize) layer * self->n_heads + (head >= 0 ? (gsize) head : 0);
      *n = head >= 0 ? 1 : self->n_heads;
    }
  return layer < 0 ? self->n_present > 0 : !self->missing[layer];
}

/* The mean of numbers whose @sum is over @n heads, or over those that are present when @n is all. */
static double
get_mean (const MoeSinkStats *self,
          double              sum,
          gsize               n)
{
  gsize all = (gsize) self->n_layers * self->n_heads;

  return sum / (double) (n == all ? (gsize) self->n_present * self->n_heads : n);
}

double
moe_sink_stats_get_share (const MoeSinkStats *self,
                          int                 layer,
                          int                 head)
{
  gsize first, n;
  double sum = 0;

  g_return_val_if_fail (self != NULL && layer < (int) self->n_layers && head < (int) self->n_heads, NAN);

  if (!get_range (self, layer, head, &first, &n) || self->n_queries == 0)
    return NAN;
  for (gsize i = first; i < first + n; i++)
    sum += self->share[i];
  return get_mean (self, sum / (double) self->n_queries, n);
}

double
moe_sink_stats_get_learned (const MoeSinkStats *self,
                            int                 layer,
                            int                 head)
{
  gsize first, n;
  double sum = 0;

  g_return_val_if_fail (self != NULL && layer < (int) self->n_layers && head < (int) self->n_heads, NAN);

  if (self->n_learned == 0 || !get_range (self, layer, head, &first, &n))
    return NAN;
  for (gsize i = first; i < first + n; i++)
    sum += self->learned[i];
  return get_mean (self, sum / (double) self->n_learned, n);
}

static double
get_last (const MoeSinkStats *self,
          gsize               index)
{
  gint64 n = self->n_last + (self->has_current ? 1 : 0);
  double sum = self->last[index] + (self->has_current ? self->current[index] : 0);

  return n > 0 ? sum / (double) n : NAN;
}

double
moe_sink_stats_get_last (const MoeSinkStats *self,
                         int                 layer,
                         int                 head)
{
  gsize first, n;
  double sum = 0;

  g_return_val_if_fail (self != NULL && layer < (int) self->n_layers && head < (int) self->n_heads, NAN);

  if (!get_range (self, layer, head, &first, &n))
    return NAN;
  for (gsize i = first; i < first + n; i++)
    sum += get_last (self, i);
  return get_mean (self, sum, n);
}

double
moe_sink_stats_get_last_deviation (const MoeSinkStats *self,
                                   guint               layer)
{
  double mean, sum = 0;

  g_return_val_if_fail (self != NULL && layer < self->n_layers, NAN);

  mean = moe_sink_stats_get_last (self, (int) layer, -1);
  for (guint head = 0; head < self->n_heads; head++)
    {
      double difference = get_last (self, (gsize) layer * self->n_heads + head) - mean;

      sum += difference * difference;
    }
  return sqrt (sum / self->n_heads);
}

double
moe_sink_stats_get_decay (const MoeSinkStats *before,
                          const MoeSinkStats *after,
                          int                 layer,
                          int                 head)
{
  double sum = 0;
  guint n = 0;

  g_return_val_if_fail (before != NULL && after != NULL, NAN);
  g_return_val_if_fail (before->n_layers == after->n_layers && before->n_heads == after->n_heads, NAN);
  g_return_val_if_fail (layer < (int) before->n_layers && head < (int) before->n_heads, NAN);

  if (layer < 0)
    {
      for (guint l = 0; l < before->n_layers; l++)
        {
          double decay = moe_sink_stats_get_decay (before, after, (int) l, -1);

          if (!isnan (decay))
            {
              sum += decay;
              n++;
            }
        }
      return n > 0 ? sum / n : NAN;
    }

  for (guint h = head < 0 ? 0 : (guint) head; h < (head < 0 ? before->n_heads : (guint) head + 1); h++)
    {
      double share = moe_sink_stats_get_share (before, layer, (int) h);

      if (share > 0)
        {
          sum += moe_sink_stats_get_share (after, layer, (int) h) / share;
          n++;
        }
    }
  return n > 0 ? 1 - sum / n : NAN;
}
