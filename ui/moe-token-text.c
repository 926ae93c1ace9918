/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-token-text"

#include "ui/moe-token-text.h"

#include <string.h>

#define MAX_CHARACTERS 60
#define MAX_BYTES 1024

static gboolean
is_blank (const char *text)
{
  return *text != '\0' && text[strspn (text, " ")] == '\0';
}

char *
moe_token_text_make_visible (const char *text)
{
  g_autofree char *valid = NULL;
  GString *visible;
  gboolean blank;
  guint n_characters = 0;

  g_return_val_if_fail (text != NULL, NULL);

  if (*text == '\0')
    return g_strdup ("\u2205");
  valid = g_utf8_make_valid (text, (gssize) strnlen (text, MAX_BYTES));
  blank = is_blank (valid);
  visible = g_string_new (NULL);
  for (const char *at = valid; *at != '\0'; at = g_utf8_next_char (at))
    {
      gunichar character = g_utf8_get_char (at);

      if (n_characters++ == MAX_CHARACTERS)
        {
          g_string_append (visible, "\u2026");
          break;
        }
      if (character == '\n')
        g_string_append (visible, "\u21b5");
      else if (character == '\t')
        g_string_append (visible, "\u21e5");
      else if (character == ' ')
        g_string_append (visible, blank ? "\u2423" : " ");
      else if (character < 0x20)
        g_string_append_unichar (visible, 0x2400 + character);
      else if (character == 0x7f)
        g_string_append (visible, "\u2421");
      else if (character == 0xa0)
        g_string_append (visible, "\u237d");
      else if (g_unichar_iszerowidth (character) && n_characters == 1)
        {
          /* A mark alone needs something to sit on. */
          g_string_append (visible, "\u25cc");
          g_string_append_unichar (visible, character);
        }
      else if (character == 0x2028 || character == 0x2029)
        g_string_append (visible, "\u21b5");
      else
        g_string_append_unichar (visible, character);
    }
  return g_string_free (visible, FALSE);
}
