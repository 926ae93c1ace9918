/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-utf8-stream"

#include "probes/moe-tokenizer.h"

#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"

/* Moves what is decided from the front of @pending to @out; what stays may still become a character. A byte
 * that starts none costs one U+FFFD. */
static void
release (MoeUtf8Stream *stream,
         GString       *out)
{
  while (stream->n_pending > 0)
    {
      guint n = 1;

      if (stream->pending[0] == '\0')
        {
          g_string_append_c (out, '\0');
        }
      else
        {
          const gunichar c = g_utf8_get_char_validated (stream->pending, stream->n_pending);

          if (c == (gunichar) -2)
            return;

          if (c == (gunichar) -1)
            {
              g_string_append (out, REPLACEMENT);
            }
          else
            {
              n = (guint) g_unichar_to_utf8 (c, NULL);
              g_string_append_len (out, stream->pending, n);
            }
        }

      stream->n_pending -= n;
      memmove (stream->pending, stream->pending + n, stream->n_pending);
    }
}

void
moe_utf8_stream_push (MoeUtf8Stream *stream,
                      const char    *bytes,
                      gsize          length,
                      GString       *out)
{
  for (gsize i = 0; i < length; i++)
    {
      stream->pending[stream->n_pending++] = bytes[i];
      release (stream, out);
    }
}

void
moe_utf8_stream_end (MoeUtf8Stream *stream,
                     GString       *out)
{
  if (stream->n_pending > 0)
    g_string_append (out, REPLACEMENT);
  stream->n_pending = 0;
}
