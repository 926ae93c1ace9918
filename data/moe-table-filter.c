/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-table-filter"

#include "data/moe-table-filter.h"

#include <string.h>

#include "data/moe-error.h"
#include "data/moe-mask.h"
#include "data/moe-number.h"

typedef enum
{
  TEST_LESS,
  TEST_LESS_EQUAL,
  TEST_GREATER,
  TEST_GREATER_EQUAL,
  TEST_EQUAL,
  TEST_NOT_EQUAL,
  TEST_EXPERT, /* layer and expert; expert -2 = any */
  TEST_TEXT,   /* some cell holds @text */
} Test;

typedef struct
{
  Test    test;
  guint   column;
  double  number;
  int     layer, expert;
  char   *text;    /* folded; NULL where a number is compared */
} Condition;

struct _MoeTableFilter
{
  GArray *conditions; /* of Condition */
  int     layer, expert; /* columns, -1 = none */
};

static void
clear_condition (gpointer data)
{
  g_free (((Condition *) data)->text);
}

static gboolean
is_number (const MoeTable *table,
           guint           column)
{
  return moe_table_get_column_type (table, column) != MOE_COLUMN_TEXT;
}

/* "share>0.1": FALSE without an error when it is no comparison. */
static gboolean
parse_comparison (const MoeTable  *table,
                  const char      *word,
                  Condition       *condition,
                  GError         **error)
{
  static const struct { const char *text; Test test; } operators[] = {
    { "<=", TEST_LESS_EQUAL }, { ">=", TEST_GREATER_EQUAL }, { "!=", TEST_NOT_EQUAL },
    { "<", TEST_LESS }, { ">", TEST_GREATER }, { "=", TEST_EQUAL },
  };
  gsize length = strcspn (word, "<>=!");
  g_autofree char *name = g_strndup (word, length);
  const char *value = NULL;
  int column;

  for (guint i = 0; i < G_N_ELEMENTS (operators) && value == NULL; i++)
    if (g_str_has_prefix (word + length, operators[i].text))
      {
        condition->test = operators[i].test;
        value = word + length + strlen (operators[i].text);
      }
  if (length == 0 || value == NULL)
    return FALSE;

  column = moe_table_find_column (table, name);
  if (column < 0)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "there is no column “%s”", name);
      return FALSE;
    }
  condition->column = (guint) column;
  if (is_number (table, condition->column))
    {
      if (!moe_number_parse (value, &condition->number))
        {
          g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "“%s” is no number to compare %s with", value,
                       name);
          return FALSE;
        }
    }
  else if (condition->test != TEST_EQUAL && condition->test != TEST_NOT_EQUAL)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "%s holds text, which is neither less nor greater",
                   name);
      return FALSE;
    }
  else
    condition->text = g_utf8_casefold (value, -1);
  return TRUE;
}

/* "L3" or "L3E17" */
static gboolean
parse_expert (const MoeTableFilter *self,
              const char           *word,
              Condition            *condition)
{
  guint64 layer;

  if (self->layer < 0)
    return FALSE;
  condition->test = TEST_EXPERT;
  if (self->expert >= 0 && moe_expert_parse (word, &condition->layer, &condition->expert))
    return TRUE;
  if (g_ascii_toupper (word[0]) != 'L' ||
      !g_ascii_string_to_unsigned (word + 1, 10, 0, G_MAXINT, &layer, NULL))
    return FALSE;
  condition->layer = (int) layer;
  condition->expert = MOE_EXPERT_ALL;
  return TRUE;
}

MoeTableFilter *
moe_table_filter_new (const MoeTable  *table,
                      const char      *text,
                      GError         **error)
{
  g_autoptr(MoeTableFilter) self = NULL;
  g_auto(GStrv) words = NULL;

  g_return_val_if_fail (table != NULL && text != NULL, NULL);

  self = g_new0 (MoeTableFilter, 1);
  self->conditions = g_array_new (FALSE, TRUE, sizeof (Condition));
  g_array_set_clear_func (self->conditions, clear_condition);
  self->layer = moe_table_find_column (table, "layer");
  self->expert = moe_table_find_column (table, "expert");
  words = g_strsplit_set (text, " \t\n", -1);
  for (guint i = 0; words[i] != NULL; i++)
    {
      Condition condition = { .test = TEST_TEXT };
      GError *local_error = NULL;

      if (*words[i] == '\0')
        continue;
      if (!parse_comparison (table, words[i], &condition, &local_error) &&
          (local_error != NULL || !parse_expert (self, words[i], &condition)))
        {
          if (local_error != NULL)
            {
              g_propagate_error (error, local_error);
              return NULL;
            }
          condition.test = TEST_TEXT;
          condition.text = g_utf8_casefold (words[i], -1);
        }
      g_array_append_val (self->conditions, condition);
    }
  return g_steal_pointer (&self);
}

void
moe_table_filter_free (MoeTableFilter *self)
{
  if (self == NULL)
    return;

  g_array_unref (self->conditions);
  g_free (self);
}

static char *
fold_cell (const MoeTable *table,
           guint           row,
           guint           column)
{
  g_autofree char *cell = moe_table_format_cell (table, row, column);

  return g_utf8_casefold (cell, -1);
}

static gboolean
some_cell_holds (const MoeTable *table,
                 guint           row,
                 const char     *text)
{
  for (guint column = 0; column < moe_table_get_n_columns (table); column++)
    {
      g_autofree char *cell = fold_cell (table, row, column);

      if (strstr (cell, text) != NULL)
        return TRUE;
    }
  return FALSE;
}

static gboolean
compare (Test   test,
         double value,
         double with)
{
  switch (test)
    {
    case TEST_LESS:
      return value < with;
    case TEST_LESS_EQUAL:
      return value <= with;
    case TEST_GREATER:
      return value > with;
    case TEST_GREATER_EQUAL:
      return value >= with;
    case TEST_EQUAL:
      return value == with;
    case TEST_NOT_EQUAL:
    case TEST_EXPERT:
    case TEST_TEXT:
    default:
      return value != with;
    }
}

static gboolean
holds (const MoeTableFilter *self,
       const Condition      *condition,
       const MoeTable       *table,
       guint                 row)
{
  if (condition->test == TEST_TEXT)
    return some_cell_holds (table, row, condition->text);
  if (condition->test == TEST_EXPERT)
    return moe_table_get_double (table, row, (guint) self->layer) == condition->layer &&
           (condition->expert == MOE_EXPERT_ALL ||
            moe_table_get_double (table, row, (guint) self->expert) == condition->expert);
  if (moe_table_is_missing (table, row, condition->column))
    return condition->test == TEST_NOT_EQUAL;
  if (condition->text != NULL)
    {
      g_autofree char *cell = fold_cell (table, row, condition->column);

      return g_str_equal (cell, condition->text) == (condition->test == TEST_EQUAL);
    }
  return compare (condition->test, moe_table_get_double (table, row, condition->column), condition->number);
}

gboolean
moe_table_filter_match (const MoeTableFilter *self,
                        const MoeTable       *table,
                        guint                 row)
{
  g_return_val_if_fail (self != NULL && table != NULL && row < moe_table_get_n_rows (table), FALSE);

  for (guint i = 0; i < self->conditions->len; i++)
    if (!holds (self, &g_array_index (self->conditions, Condition, i), table, row))
      return FALSE;
  return TRUE;
}
