/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-text"

#include "data/moe-text.h"

char *
moe_text_from_bytes (const char *bytes,
                     gsize       length)
{
  GString *text = g_string_sized_new (length);

  while (length > 0)
    {
      const char *end;

      g_utf8_validate_len (bytes, length, &end);
      g_string_append_len (text, bytes, end - bytes);
      length -= (gsize) (end - bytes);
      bytes = end;
      if (length > 0)
        {
          g_string_append_printf (text, "<0x%02X>", (guchar) *bytes);
          bytes++;
          length--;
        }
    }
  return g_string_free (text, FALSE);
}
