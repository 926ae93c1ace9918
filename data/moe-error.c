/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-error"

#include "data/moe-error.h"

G_DEFINE_QUARK (moe-error-quark, moe_error)

gboolean
moe_error_fail (GError     **error,
                MoeError     code,
                const char  *place,
                const char  *format,
                ...)
{
  g_autofree char *message = NULL;
  va_list arguments;

  va_start (arguments, format);
  message = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  if (place != NULL)
    g_set_error (error, MOE_ERROR, code, "%s: %s", place, message);
  else
    g_set_error_literal (error, MOE_ERROR, code, message);
  return FALSE;
}

gboolean
moe_error_fail_line (GError     **error,
                     MoeError     code,
                     const char  *path,
                     guint        line,
                     const char  *format,
                     ...)
{
  g_autofree char *place = g_strdup_printf ("%s:%u", path, line);
  g_autofree char *message = NULL;
  va_list arguments;

  va_start (arguments, format);
  message = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  return moe_error_fail (error, code, place, "%s", message);
}
