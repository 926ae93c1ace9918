/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-prompt-set"

#include "data/moe-prompt-set.h"

#include <string.h>

#include "data/moe-csv.h"
#include "data/moe-error.h"
#include "data/moe-file.h"
#include "data/moe-prompt-set-private.h"

/* The largest published sets are some MB. */
#define MAX_BYTES (256u << 20)
#define MAX_PROMPTS 1000000u

#define MARK_DIGITS 8

const char * const moe_prompt_set_usual_columns[] = {
  "prompt", "goal", "Goal", "Behavior", "forbidden_prompt", "question", "text", NULL
};

static const char *
keep (MoePromptSet *self,
      const char   *text)
{
  return text != NULL ? g_string_chunk_insert (self->texts, text) : NULL;
}

gboolean
moe_prompt_set_add (MoePromptSet    *self,
                    const MoePrompt *prompt,
                    GError         **error)
{
  MoePrompt copy = *prompt;

  if (self->prompts->len >= MAX_PROMPTS)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_LIMIT, "%s: holds more than %u prompts", self->path,
                   MAX_PROMPTS);
      return FALSE;
    }

  copy.text = keep (self, prompt->text);
  copy.label = keep (self, prompt->label);
  copy.pair = keep (self, prompt->pair);
  copy.answer = keep (self, prompt->answer);
  copy.target = keep (self, prompt->target);
  if (prompt->n_messages > 0)
    {
      MoePromptMessage *messages = g_new (MoePromptMessage, prompt->n_messages);

      for (guint i = 0; i < prompt->n_messages; i++)
        messages[i] = (MoePromptMessage) { keep (self, prompt->messages[i].role),
                                           keep (self, prompt->messages[i].content) };
      g_ptr_array_add (self->messages, messages);
      copy.messages = messages;
    }
  g_array_append_val (self->prompts, copy);
  return TRUE;
}

gboolean
moe_prompt_set_wants_more (const MoePromptSetOptions *options,
                           guint                      n)
{
  return options->limit == 0 || n < (guint64) options->limit + options->skip;
}

gboolean
moe_prompt_set_is_blank (const char *text,
                         gsize       length)
{
  for (gsize i = 0; i < length; i++)
    if (!g_ascii_isspace (text[i]))
      return FALSE;

  return TRUE;
}

static gboolean
load_text (MoePromptSet               *self,
           const char                 *data,
           gsize                       length,
           const MoePromptSetOptions  *options,
           GError                    **error)
{
  guint line = 0;

  if (!moe_csv_check_text (self->path, data, length, error))
    return FALSE;

  while (length > 0 && moe_prompt_set_wants_more (options, self->prompts->len))
    {
      const char *end = memchr (data, '\n', length);
      gsize used = end != NULL ? (gsize) (end - data) + 1 : length;
      gsize n = end != NULL ? used - 1 : used;

      line++;
      if (n > 0 && data[n - 1] == '\r')
        n--;
      if (data[0] != '#' && !moe_prompt_set_is_blank (data, n))
        {
          g_autofree char *text = g_strndup (data, n);
          const MoePrompt prompt = { .text = text, .line = line };

          if (!moe_prompt_set_add (self, &prompt, error))
            return FALSE;
        }
      data += used;
      length -= used;
    }
  return TRUE;
}

static gboolean
has_suffix (const char         *path,
            const char * const *suffixes)
{
  g_autofree char *folded = g_ascii_strdown (path, -1);

  for (guint i = 0; suffixes[i] != NULL; i++)
    if (g_str_has_suffix (folded, suffixes[i]))
      return TRUE;
  return FALSE;
}

static MoePromptSet *
new_set (const char *path)
{
  MoePromptSet *self = g_new0 (MoePromptSet, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->path = g_strdup (path);
  self->prompts = g_array_new (FALSE, FALSE, sizeof (MoePrompt));
  return self;
}

/* The first column asked for, for the message that a text file has none. */
static const char *
get_asked (const MoePromptSetOptions *options)
{
  const char * const names[] = { options->column, options->label_column, options->pair_column,
                                 options->answer_column, options->target_column };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (names[i] != NULL)
      return names[i];
  return NULL;
}

static gboolean
skip (MoePromptSet  *self,
      guint          n,
      GError       **error)
{
  guint a_line = self->has_sides ? 2 : 1;

  if (n < self->prompts->len / a_line)
    {
      g_array_remove_range (self->prompts, 0, n * a_line);
      return TRUE;
    }
  g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID,
               "%s: holds %u %s, of which none is left without the first %u", self->path,
               self->prompts->len / a_line, self->has_sides ? "pairs" : "prompts", n);
  return FALSE;
}

MoePromptSet *
moe_prompt_set_load_full (const char                 *path,
                          const MoePromptSetOptions  *options,
                          GError                    **error)
{
  static const char * const csv[] = { ".csv", NULL }, * const jsonl[] = { ".jsonl", ".ndjson", ".json", NULL
  }; g_autoptr (MoePromptSet) self = NULL;
  g_autofree char *data = NULL;
  const char *start;
  gsize length;
  gboolean done;

  g_return_val_if_fail (path != NULL, NULL);
  g_return_val_if_fail (options != NULL, NULL);

  if (!moe_file_read (path, MAX_BYTES, &data, &length, error))
    return NULL;

  self = new_set (path);
  self->hash = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *) data, length);
  self->texts = g_string_chunk_new (4096);
  self->messages = g_ptr_array_new_with_free_func (g_free);
  start = data;
  if (length >= 3 && memcmp (data, "\357\273\277", 3) == 0)
    {
      start += 3;
      length -= 3;
    }

  if (has_suffix (path, csv))
    {
      done = moe_prompt_set_load_csv (self, start, length, options, error);
    }
  else if (has_suffix (path, jsonl))
    {
      done = moe_prompt_set_load_jsonl (self, start, length, options, error);
    }
  else if (get_asked (options) != NULL)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID,
                   "%s: has no columns to choose '%s' from, since it is not a .csv or .jsonl file", path,
                   get_asked (options));
      return NULL;
    }
  else
    {
      done = load_text (self, start, length, options, error);
    }
  if (!done)
    return NULL;

  if (self->prompts->len == 0)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: holds no prompts", path);
      return NULL;
    }
  if (!skip (self, options->skip, error))
    return NULL;

  return g_steal_pointer (&self);
}

MoePromptSet *
moe_prompt_set_load (const char  *path,
                     const char  *column,
                     guint        limit,
                     GError     **error)
{
  const MoePromptSetOptions options = { .column = column, .limit = limit };

  return moe_prompt_set_load_full (path, &options, error);
}

static void
hash_text (GChecksum  *hash,
           const char *text)
{
  g_checksum_update (hash, (const guchar *) text, (gssize) strlen (text) + 1);
}

char *
moe_prompt_get_mark (const MoePrompt *prompt)
{
  g_autoptr (GChecksum) hash = g_checksum_new (G_CHECKSUM_SHA256);

  g_return_val_if_fail (prompt != NULL, NULL);

  /* One question is the same in a chat and alone. */
  if (prompt->n_messages <= 1)
    hash_text (hash, prompt->text);
  for (guint i = 0; prompt->n_messages > 1 && i < prompt->n_messages; i++)
    {
      hash_text (hash, prompt->messages[i].role);
      hash_text (hash, prompt->messages[i].content);
    }
  return g_strndup (g_checksum_get_string (hash), MARK_DIGITS);
}

MoePromptSet *
moe_prompt_set_pick (MoePromptSet *self,
                     const guint  *indices,
                     guint         n)
{
  MoePromptSet *part;

  g_return_val_if_fail (self != NULL, NULL);

  part = new_set (self->path);
  part->hash = g_strdup (self->hash);
  part->has_sides = self->has_sides;
  part->whole = moe_prompt_set_ref (self);
  for (guint i = 0; i < n; i++)
    g_array_append_val (part->prompts, g_array_index (self->prompts, MoePrompt, indices[i]));
  return part;
}

MoePromptSet *
moe_prompt_set_filter (MoePromptSet *self,
                       const char   *label)
{
  g_autofree guint *indices = NULL;
  guint n = 0;

  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (label != NULL, NULL);

  indices = g_new (guint, MAX (self->prompts->len, 1));
  for (guint i = 0; i < self->prompts->len; i++)
    if (g_strcmp0 (g_array_index (self->prompts, MoePrompt, i).label, label) == 0)
      indices[n++] = i;
  return moe_prompt_set_pick (self, indices, n);
}

MoePromptSet *
moe_prompt_set_pair_by_place (MoePromptSet *self)
{
  MoePromptSet *part;

  g_return_val_if_fail (self != NULL, NULL);

  part = moe_prompt_set_pick (self, NULL, 0);
  part->texts = g_string_chunk_new (4096);
  for (guint i = 0; i < self->prompts->len; i++)
    {
      MoePrompt prompt = g_array_index (self->prompts, MoePrompt, i);
      char name[16];

      g_snprintf (name, sizeof name, "%u", i + 1);
      prompt.pair = g_string_chunk_insert (part->texts, name);
      g_array_append_val (part->prompts, prompt);
    }
  return part;
}

gboolean
moe_prompt_set_has_sides (MoePromptSet *self)
{
  g_return_val_if_fail (self != NULL, FALSE);

  return self->has_sides;
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
  g_clear_pointer (&self->texts, g_string_chunk_free);
  g_clear_pointer (&self->messages, g_ptr_array_unref);
  g_clear_pointer (&self->whole, moe_prompt_set_unref);
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
