/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-text"

#include "ui/moe-text.h"

#include <math.h>
#include <string.h>

char *
moe_text_count (gint64 count)
{
  GString *text = g_string_new (NULL);
  gssize first;

  g_string_printf (text, "%" G_GINT64_FORMAT, count);
  first = count < 0 ? 1 : 0;
  for (gssize i = (gssize) text->len - 3; i > first; i -= 3)
    g_string_insert_c (text, i, ',');
  return g_string_free (text, FALSE);
}

char *
moe_text_number (double value)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  if (isnan (value))
    return g_strdup ("–");
  return g_strdup (g_ascii_formatd (buffer, sizeof buffer, "%.4g", value));
}

char *
moe_text_percent (double fraction)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  if (isnan (fraction))
    return g_strdup ("–");
  g_ascii_formatd (buffer, sizeof buffer, fraction < 0.001 && fraction > 0 ? "%.2g" : "%.1f", fraction * 100);
  return g_strdup_printf ("%s %%", buffer);
}

char *
moe_text_token (const char *text)
{
  GString *shown = g_string_new ("“");

  for (const char *p = text; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      if (c == '\n')
        g_string_append (shown, "\\n");
      else if (c == '\t')
        g_string_append (shown, "\\t");
      else if (c == '\r')
        g_string_append (shown, "\\r");
      else if (g_unichar_iscntrl (c))
        g_string_append_printf (shown, "\\x%02x", c);
      else
        g_string_append_unichar (shown, c);
    }
  g_string_append (shown, "”");
  return g_string_free (shown, FALSE);
}

char *
moe_text_sentence (const char *message)
{
  GString *text = g_string_new (message);
  const char *first_end = strpbrk (message, " :");
  gsize first_length = first_end != NULL ? (gsize) (first_end - message) : strlen (message);
  gboolean is_word = first_length > 0;

  for (gsize i = 0; i < first_length; i++)
    is_word = is_word && (g_ascii_islower (message[i]) || message[i] == ',');
  if (is_word && (first_end == NULL || *first_end == ' '))
    text->str[0] = g_ascii_toupper (text->str[0]);
  if (text->len > 0 && strchr (".!?", text->str[text->len - 1]) == NULL)
    g_string_append_c (text, '.');
  return g_string_free (text, FALSE);
}
