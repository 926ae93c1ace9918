/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-prompt-set"

#include <string.h>

#include "data/moe-csv.h"
#include "data/moe-error.h"
#include "data/moe-prompt-set-private.h"

/* Columns, -1 for none. */
typedef struct
{
  MoePromptSet              *set;
  const MoePromptSetOptions *options;
  gboolean                   has_header;
  guint                      n_fields;
  int                        prompt, label, pair, answer, target;
} Reader;

static int
find_field (const char * const *fields,
            guint               n_fields,
            const char         *name)
{
  for (guint i = 0; i < n_fields; i++)
    if (fields[i] != NULL)
      {
        g_autofree char *stripped = g_strstrip (g_strdup (fields[i]));

        if (g_str_equal (stripped, name))
          return (int) i;
      }

  return -1;
}

/* @name NULL: the column is @usual when there is one of that name, which may be NULL too. */
static gboolean
find_column (Reader             *self,
             const char * const *fields,
             const char         *name,
             const char         *usual,
             int                *column,
             GError            **error)
{
  GString *known;

  if (name == NULL)
    {
      *column = usual != NULL ? find_field (fields, self->n_fields, usual) : -1;
      return TRUE;
    }
  *column = find_field (fields, self->n_fields, name);
  if (*column >= 0)
    return TRUE;

  known = g_string_new (NULL);
  for (guint i = 0; i < self->n_fields; i++)
    g_string_append_printf (known, "%s%s", i > 0 ? ", " : "", fields[i] != NULL ? fields[i] : "");
  g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "%s: has no column '%s' (it has %s)", self->set->path,
  name,
               known->str);
  g_string_free (known, TRUE);
  return FALSE;
}

static gboolean
read_header (Reader             *self,
             const char * const *fields,
             guint               n_fields,
             GError            **error)
{
  const MoePromptSetOptions *options = self->options;
  g_autoptr (GError) local = NULL;

  self->has_header = TRUE;
  self->n_fields = n_fields;
  if (!find_column (self, fields, options->column, NULL, &self->prompt, error)
      || !find_column (self, fields, options->label_column, "label", &self->label, error)
      || !find_column (self, fields, options->pair_column, "pair", &self->pair, error)
      || !find_column (self, fields, options->answer_column, NULL, &self->answer, error)
      || !find_column (self, fields, options->target_column, NULL, &self->target, error))
    return FALSE;

  for (guint i = 0; moe_prompt_set_usual_columns[i] != NULL && self->prompt < 0; i++)
    self->prompt = find_field (fields, n_fields, moe_prompt_set_usual_columns[i]);
  if (self->prompt >= 0)
    return TRUE;

  /* The message wants the columns that there are, like that about a column that is not. */
  find_column (self, fields, "", NULL, &self->prompt, &local);
  g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "%s: which column holds the prompts has to be named %s",
               self->set->path, strstr (local->message, "(it has "));
  return FALSE;
}

static const char *
get_field (const char * const *fields,
           int                 column)
{
  return column >= 0 ? fields[column] : NULL;
}

static gboolean
on_row (const char * const  *fields,
        guint                n_fields,
        guint                line,
        gpointer             user_data,
        GError             **error)
{
  Reader *self = user_data;
  MoePrompt prompt = { .line = line };

  if (!self->has_header)
    return read_header (self, fields, n_fields, error);

  if (n_fields != self->n_fields)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: line %u has %u fields, but the header has %u",
                   self->set->path, line, n_fields, self->n_fields);
      return FALSE;
    }

  prompt.text = fields[self->prompt];
  if (prompt.text == NULL || moe_prompt_set_is_blank (prompt.text, strlen (prompt.text)))
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: line %u has an empty prompt", self->set->path,
                   line);
      return FALSE;
    }

  prompt.label = get_field (fields, self->label);
  prompt.pair = get_field (fields, self->pair);
  prompt.answer = get_field (fields, self->answer);
  prompt.target = get_field (fields, self->target);
  return moe_prompt_set_add (self->set, &prompt, error)
         && moe_prompt_set_wants_more (self->options, self->set->prompts->len);
}

gboolean
moe_prompt_set_load_csv (MoePromptSet               *self,
                         const char                 *data,
                         gsize                       length,
                         const MoePromptSetOptions  *options,
                         GError                    **error)
{
  Reader reader = { .set = self, .options = options };
  g_autoptr (GError) local = NULL;

  if (!moe_csv_parse (self->path, data, length, on_row, &reader, &local) && local != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }

  return TRUE;
}
