/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-route-file"

#include "data/moe-route-file.h"

#include <math.h>
#include <string.h>

#include "data/moe-csv.h"
#include "data/moe-error.h"
#include "data/moe-number.h"

/* No model has more; a recording could not hold it. */
#define MAX_LAYER  4095
#define MAX_SLOT   1023
#define MAX_EXPERT 65533
#define MAX_STEP   G_MAXINT32
/* Of a 16-bit float. */
#define MAX_WEIGHT 65504

#define fail(self, line, error, ...) \
  moe_error_fail_line (error, MOE_ERROR_FORMAT, (self)->path, line, __VA_ARGS__)

typedef enum
{
  COLUMN_TURN,
  COLUMN_PHASE,
  COLUMN_STEP,
  COLUMN_LAYER,
  COLUMN_SLOT,
  COLUMN_EXPERT,
  COLUMN_WEIGHT,
  N_COLUMNS
} Column;

static const char *const column_names[N_COLUMNS] = {
  "turn", "phase", "step", "layer", "slot", "expert", "weight",
};

typedef struct
{
  const char            *path;
  const MoeRouteOptions *options;
  MoeRouteFunc           func;
  gpointer               user_data;
  gboolean               has_header;
  guint                  n_fields;
  int                    columns[N_COLUMNS]; /* -1 = there is none */
  gboolean               any;  /* a row was read */
  MoeRoute               last;
  GArray                *experts; /* of guint: of the present token and layer */
} Reader;

static gboolean
read_header (Reader             *self,
             const char * const *fields,
             guint               n_fields,
             guint               line,
             GError            **error)
{
  self->has_header = TRUE;
  self->n_fields = n_fields;
  for (guint i = 0; i < N_COLUMNS; i++)
    self->columns[i] = moe_csv_find_column (fields, n_fields, column_names[i]);
  if (moe_csv_find_column (fields, n_fields, "count") >= 0)
    return fail (self, line, error, "counts of experts do not say which token chose them");
  if (self->columns[COLUMN_LAYER] < 0 || self->columns[COLUMN_EXPERT] < 0)
    return fail (self, line, error, "the header has no columns layer and expert");
  if ((self->columns[COLUMN_TURN] < 0) != (self->columns[COLUMN_STEP] < 0))
    return fail (self, line, error, "the header has turn or step without the other");
  return TRUE;
}

static gboolean
has_tokens (const Reader *self)
{
  return self->columns[COLUMN_TURN] >= 0;
}

/* A whole number from 0 to @most. */
static gboolean
read_number (const Reader       *self,
             const char * const *fields,
             Column              column,
             guint               most,
             guint               line,
             guint              *value,
             GError            **error)
{
  const char *text = fields[self->columns[column]];
  guint64 number;

  if (text == NULL || !g_ascii_string_to_unsigned (text, 10, 0, most, &number, NULL))
    return fail (self, line, error, "%s '%s' is no number from 0 to %u", column_names[column],
                 text != NULL ? text : "", most);
  *value = (guint) number;
  return TRUE;
}

static gboolean
read_phase (const Reader       *self,
            const char * const *fields,
            MoeRoute           *route,
            GError            **error)
{
  const char *text = self->columns[COLUMN_PHASE] >= 0 ? fields[self->columns[COLUMN_PHASE]] : NULL;

  route->phase = self->options->phase;
  if (text == NULL || moe_phase_parse (text, &route->phase))
    return TRUE;
  if (g_str_equal (text, "prefill"))
    route->phase = MOE_PHASE_PROMPT;
  else if (g_str_equal (text, "decode"))
    route->phase = MOE_PHASE_ANSWER;
  else
    return fail (self, route->line, error, "there is no phase '%s'", text);
  return TRUE;
}

static gboolean
read_weight (const Reader       *self,
             const char * const *fields,
             MoeRoute           *route,
             GError            **error)
{
  const char *text = self->columns[COLUMN_WEIGHT] >= 0 ? fields[self->columns[COLUMN_WEIGHT]] : NULL;

  route->weight = NAN;
  if (text == NULL || (moe_number_parse (text, &route->weight) && fabs (route->weight) <= MAX_WEIGHT))
    return TRUE;
  return fail (self, route->line, error, "weight '%s' is no number from -%d to %d", text, MAX_WEIGHT,
               MAX_WEIGHT);
}

/* Where a row without turn, step and slot stands. */
static gboolean
count_place (const Reader  *self,
             MoeRoute      *route,
             GError       **error)
{
  const MoeRoute *last = &self->last;
  guint n_slots = self->options->n_slots;

  if (!self->any)
    return TRUE;
  route->step = last->step;
  route->slot = route->layer == last->layer ? last->slot + 1 : 0;
  if (route->layer < last->layer || (n_slots > 0 && route->slot >= n_slots))
    {
      route->step++;
      route->slot = 0;
    }
  if (route->slot > MAX_SLOT)
    return fail (self, route->line, error, "where tokens end cannot be seen in a file of one layer: say how "
                 "many experts each has (--used)");
  return TRUE;
}

/* Whether it starts a token, and that the rows of a token are in order. */
static gboolean
check_place (Reader    *self,
             MoeRoute  *route,
             GError   **error)
{
  const MoeRoute *last = &self->last;

  route->starts = !self->any || route->turn != last->turn || route->step != last->step;
  if (self->any && route->turn < last->turn)
    return fail (self, route->line, error, "turn %u comes after turn %u", route->turn, last->turn);
  if (!route->starts
      && (route->layer < last->layer || (route->layer == last->layer && route->slot <= last->slot)))
    return fail (self, route->line, error,
                 "layer %u, slot %u comes after layer %u, slot %u of the same token", route->layer,
                 route->slot, last->layer, last->slot);
  if (!route->starts && route->phase != last->phase)
    return fail (self, route->line, error, "a token has the phases %s and %s",
                 moe_phase_get_name (last->phase), moe_phase_get_name (route->phase));

  if (route->starts || route->layer != last->layer)
    g_array_set_size (self->experts, 0);
  for (guint i = 0; i < self->experts->len; i++)
    if (g_array_index (self->experts, guint, i) == route->expert)
      return fail (self, route->line, error, "expert %u of layer %u comes twice for the same token%s",
                   route->expert, route->layer,
                   has_tokens (self) ? "" : " (or say how many experts a token has: --used)");
  g_array_append_val (self->experts, route->expert);
  return TRUE;
}

static gboolean
on_row (const char * const  *fields,
        guint                n_fields,
        guint                line,
        gpointer             user_data,
        GError             **error)
{
  Reader *self = user_data;
  MoeRoute route = { .line = line };

  if (!self->has_header)
    return read_header (self, fields, n_fields, line, error);
  if (n_fields != self->n_fields)
    return fail (self, line, error, "there are %u fields, but the header has %u", n_fields, self->n_fields);
  if (!read_number (self, fields, COLUMN_LAYER, MAX_LAYER, line, &route.layer, error)
      || !read_number (self, fields, COLUMN_EXPERT, MAX_EXPERT, line, &route.expert, error)
      || !read_phase (self, fields, &route, error) || !read_weight (self, fields, &route, error))
    return FALSE;
  if (has_tokens (self))
    {
      if (!read_number (self, fields, COLUMN_TURN, MAX_STEP, line, &route.turn, error)
          || !read_number (self, fields, COLUMN_STEP, MAX_STEP, line, &route.step, error))
        return FALSE;
      if (self->columns[COLUMN_SLOT] >= 0)
        {
          if (!read_number (self, fields, COLUMN_SLOT, MAX_SLOT, line, &route.slot, error))
            return FALSE;
        }
      else if (self->any && route.turn == self->last.turn && route.step == self->last.step
               && route.layer == self->last.layer)
        route.slot = self->last.slot + 1;
      if (route.slot > MAX_SLOT)
        return fail (self, line, error, "a token has more than %d experts in layer %u", MAX_SLOT + 1,
                     route.layer);
    }
  else if (!count_place (self, &route, error))
    {
      return FALSE;
    }
  if (!check_place (self, &route, error) || !self->func (&route, self->user_data, error))
    return FALSE;
  self->last = route;
  self->any = TRUE;
  return TRUE;
}

gboolean
moe_route_file_foreach (const char             *path,
                        const char             *data,
                        gsize                   length,
                        const MoeRouteOptions  *options,
                        MoeRouteFunc            func,
                        gpointer                user_data,
                        GError                **error)
{
  Reader reader = { .path = path, .options = options, .func = func, .user_data = user_data };
  gboolean done;

  g_return_val_if_fail (path != NULL && options != NULL && func != NULL, FALSE);

  reader.experts = g_array_new (FALSE, FALSE, sizeof (guint));
  done = moe_csv_parse (path, data, length, on_row, &reader, error);
  g_array_unref (reader.experts);
  if (done && !reader.any)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: holds no routes", path);
      return FALSE;
    }
  return done;
}
