/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-held-out"

#include "analysis/moe-held-out.h"

#include <string.h>

#include "data/moe-file.h"

#define MAX_BYTES (64u << 20)
#define MAX_MARKS 10000u

#define LINE_START "# " MOE_HELD_OUT_KEY ": "

static int
compare_texts (gconstpointer a,
               gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

char *
moe_held_out_join (const MoeContrastCounts *counts)
{
  g_autoptr(GPtrArray) marks = g_ptr_array_new ();
  GString *text = g_string_new (NULL);

  g_return_val_if_fail (counts != NULL, NULL);

  for (guint i = 0; i < counts->prompts->len; i++)
    {
      const MoeContrastPrompt *prompt = counts->prompts->pdata[i];

      if (prompt->mark != NULL)
        g_ptr_array_add (marks, prompt->mark);
    }
  g_ptr_array_sort (marks, compare_texts);
  if (marks->len > MAX_MARKS)
    g_string_append (text, "too many");
  for (guint i = 0; i < marks->len && marks->len <= MAX_MARKS; i++)
    if (i == 0 || !g_str_equal (marks->pdata[i], marks->pdata[i - 1]))
      g_string_append_printf (text, "%s%s", i > 0 ? " " : "", (const char *) marks->pdata[i]);
  return g_string_free (text, FALSE);
}

/* The words of the line in the leading comments of @data, or NULL. */
static char **
find_marks (const char *data)
{
  while (*data == '#')
    {
      const char *end = strchr (data, '\n');
      gsize length = end != NULL ? (gsize) (end - data) : strlen (data);

      if (g_str_has_prefix (data, LINE_START))
        {
          g_autofree char *line = g_strndup (data + strlen (LINE_START), length - strlen (LINE_START));

          return g_strsplit (g_strchomp (line), " ", -1);
        }
      if (end == NULL)
        return NULL;
      data = end + 1;
    }
  return NULL;
}

static guint
count_common (MoePromptSet *set,
              GHashTable   *marks)
{
  guint n = 0;

  for (guint i = 0; i < moe_prompt_set_get_n (set); i++)
    {
      g_autofree char *mark = moe_prompt_get_mark (moe_prompt_set_get (set, i));

      n += g_hash_table_contains (marks, mark) ? 1 : 0;
    }
  return n;
}

char *
moe_held_out_warn (const char              *path,
                   const MoeEvaluationSet  *sets,
                   guint                    n_sets,
                   GError                 **error)
{
  g_autoptr(GHashTable) marks = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr(GString) text = g_string_new (NULL);
  g_autofree char *data = NULL;
  g_auto(GStrv) words = NULL;
  gsize length;

  g_return_val_if_fail (path != NULL && (sets != NULL || n_sets == 0), NULL);

  if (!moe_file_read (path, MAX_BYTES, &data, &length, error))
    return NULL;
  words = find_marks (data);
  for (guint i = 0; words != NULL && words[i] != NULL; i++)
    g_hash_table_add (marks, words[i]);
  for (guint s = 0; s < n_sets; s++)
    {
      guint n = count_common (sets[s].set, marks);

      if (n > 0)
        g_string_append_printf (text, "%s%u of the %u prompts of %s", text->len > 0 ? ", " : "", n,
                                moe_prompt_set_get_n (sets[s].set), sets[s].name);
    }
  if (text->len == 0)
    return NULL;
  return g_strdup_printf ("%s are among those that the ranking was made from, so the figures are not of "
                          "prompts that were held out", text->str);
}
