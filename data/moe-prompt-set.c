/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-prompt-set"

#include "data/moe-prompt-set.h"

#include <string.h>

#include "data/moe-csv.h"
#include "data/moe-error.h"
#include "data/moe-file.h"

/* The largest published sets are some MB. */
#define MAX_BYTES (256u << 20)
#define MAX_PROMPTS 1000000u

struct _MoePromptSet
{
  gatomicrefcount  ref_count;
  char            *path;
  char            *hash;
  GStringChunk    *texts;
  GArray          *prompts; /* MoePrompt */
};

typedef struct
{
  MoePromptSet *set;
  const char   *column; /* asked for, or NULL */
  guint         limit;  /* 0 = all */
  int           index;  /* of the column, -1 before the header */
  guint         n_fields;
} CsvState;

/* FALSE when there are as many prompts as asked for, or, with @error, more than can be. */
static gboolean
add_prompt (MoePromptSet  *self,
            const char    *text,
            gsize          length,
            guint          line,
            guint          limit,
            GError       **error)
{
  MoePrompt prompt = { .line = line };

  if (self->prompts->len >= MAX_PROMPTS)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_LIMIT, "%s: holds more than %u prompts", self->path,
                   MAX_PROMPTS);
      return FALSE;
    }

  prompt.text = g_string_chunk_insert_len (self->texts, text, (gssize) length);
  g_array_append_val (self->prompts, prompt);
  return limit == 0 || self->prompts->len < limit;
}

static gboolean
is_blank (const char *text,
          gsize       length)
{
  for (gsize i = 0; i < length; i++)
    if (!g_ascii_isspace (text[i]))
      return FALSE;

  return TRUE;
}

static gboolean
load_text (MoePromptSet  *self,
           const char    *data,
           gsize          length,
           guint          limit,
           GError       **error)
{
  g_autoptr (GError) local = NULL;
  guint line = 0;

  if (!moe_csv_check_text (self->path, data, length, error))
    return FALSE;

  if (g_str_has_prefix (data, "\357\273\277"))
    {
      data += 3;
      length -= 3;
    }

  while (length > 0)
    {
      const char *end = memchr (data, '\n', length);
      gsize used = end != NULL ? (gsize) (end - data) + 1 : length;
      gsize n = end != NULL ? used - 1 : used;

      line++;
      if (n > 0 && data[n - 1] == '\r')
        n--;
      if (data[0] != '#' && !is_blank (data, n) && !add_prompt (self, data, n, line, limit, &local))
        break;
      data += used;
      length -= used;
    }

  if (local != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  return TRUE;
}

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

static gboolean
choose_column (CsvState            *state,
               const char * const  *fields,
               guint                n_fields,
               GError             **error)
{
  static const char * const usual[] = {
    "prompt", "goal", "Goal", "Behavior", "forbidden_prompt", "question", "text"
  };
  GString *known;

  state->n_fields = n_fields;
  if (state->column != NULL)
    state->index = find_field (fields, n_fields, state->column);
  else
    for (guint i = 0; i < G_N_ELEMENTS (usual) && state->index < 0; i++)
      state->index = find_field (fields, n_fields, usual[i]);

  if (state->index >= 0)
    return TRUE;

  known = g_string_new (NULL);
  for (guint i = 0; i < n_fields; i++)
    g_string_append_printf (known, "%s%s", i > 0 ? ", " : "", fields[i] != NULL ? fields[i] : "");
  if (state->column != NULL)
    g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "%s: has no column '%s' (it has %s)", state->set->path,
                 state->column, known->str);
  else
    g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID,
                 "%s: which column holds the prompts has to be named (it has %s)", state->set->path,
                 known->str);
  g_string_free (known, TRUE);
  return FALSE;
}

static gboolean
on_csv_row (const char * const  *fields,
            guint                n_fields,
            guint                line,
            gpointer             user_data,
            GError             **error)
{
  CsvState *state = user_data;
  const char *text;

  if (state->index < 0)
    return choose_column (state, fields, n_fields, error);

  if (n_fields != state->n_fields)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: line %u has %u fields, but the header has %u",
                   state->set->path, line, n_fields, state->n_fields);
      return FALSE;
    }

  text = fields[state->index];
  if (text == NULL || is_blank (text, strlen (text)))
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: line %u has an empty prompt", state->set->path,
                   line);
      return FALSE;
    }

  return add_prompt (state->set, text, strlen (text), line, state->limit, error);
}

static gboolean
load_csv (MoePromptSet  *self,
          const char    *data,
          gsize          length,
          const char    *column,
          guint          limit,
          GError       **error)
{
  CsvState state = { .set = self, .column = column, .limit = limit, .index = -1 };
  g_autoptr (GError) local = NULL;

  if (!moe_csv_parse (self->path, data, length, on_csv_row, &state, &local) && local != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }

  return TRUE;
}

MoePromptSet *
moe_prompt_set_load (const char  *path,
                     const char  *column,
                     guint        limit,
                     GError     **error)
{
  g_autoptr (MoePromptSet) self = NULL;
  g_autofree char *data = NULL;
  g_autofree char *folded = NULL;
  gsize length;
  gboolean is_csv, done;

  g_return_val_if_fail (path != NULL, NULL);

  if (!moe_file_read (path, MAX_BYTES, &data, &length, error))
    return NULL;

  self = g_new0 (MoePromptSet, 1);
  g_atomic_ref_count_init (&self->ref_count);
  self->path = g_strdup (path);
  self->hash = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *) data, length);
  self->texts = g_string_chunk_new (4096);
  self->prompts = g_array_new (FALSE, FALSE, sizeof (MoePrompt));

  folded = g_ascii_strdown (path, -1);
  is_csv = g_str_has_suffix (folded, ".csv");
  if (column != NULL && !is_csv)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID,
                   "%s: has no columns to choose '%s' from, since it is not a .csv file", path, column);
      return NULL;
    }

  done = is_csv ? load_csv (self, data, length, column, limit, error)
                : load_text (self, data, length, limit, error);
  if (!done)
    return NULL;

  if (self->prompts->len == 0)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: holds no prompts", path);
      return NULL;
    }

  return g_steal_pointer (&self);
}

MoePromptSet *
moe_prompt_set_ref (MoePromptSet *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
moe_prompt_set_unref (MoePromptSet *self)
{
  if (self == NULL || !g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_array_unref (self->prompts);
  g_string_chunk_free (self->texts);
  g_free (self->hash);
  g_free (self->path);
  g_free (self);
}

const char *
moe_prompt_set_get_path (MoePromptSet *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->path;
}

const char *
moe_prompt_set_get_hash (MoePromptSet *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->hash;
}

guint
moe_prompt_set_get_n (MoePromptSet *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->prompts->len;
}

const MoePrompt *
moe_prompt_set_get (MoePromptSet *self,
                    guint         index)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (index < self->prompts->len, NULL);

  return &g_array_index (self->prompts, MoePrompt, index);
}
