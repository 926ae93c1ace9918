/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-jinja-date"

#include <string.h>

#include "data/moe-error.h"
#include "probes/moe-jinja-private.h"

/* No template writes more than a sentence with it. */
#define MAX_FORMAT 200

/* In English whatever the locale is: the prompt must be the same everywhere. */
static const char *const months[] = {
  "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
  "November", "December",
};
static const char *const weekdays[] = {
  "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
};

/* What "%" and @letter stand for; FALSE for what is no part of a date (the time of day, say). */
static gboolean
append_part (GString     *out,
             char         letter,
             gboolean     padded,
             const GDate *date)
{
  const char *month = months[g_date_get_month (date) - 1];
  const char *weekday = weekdays[g_date_get_weekday (date) - 1];
  const guint year = g_date_get_year (date), number = g_date_get_month (date), day = g_date_get_day (date);

  if (!padded && letter != 'd' && letter != 'm' && letter != 'y' && letter != 'j')
    return FALSE;

  switch (letter)
    {
    case 'Y':
      g_string_append_printf (out, "%u", year);
      break;
    case 'y':
      g_string_append_printf (out, padded ? "%02u" : "%u", year % 100);
      break;
    case 'm':
      g_string_append_printf (out, padded ? "%02u" : "%u", number);
      break;
    case 'd':
      g_string_append_printf (out, padded ? "%02u" : "%u", day);
      break;
    case 'e':
      g_string_append_printf (out, "%2u", day);
      break;
    case 'j':
      g_string_append_printf (out, padded ? "%03u" : "%u", g_date_get_day_of_year (date));
      break;
    case 'B':
      g_string_append (out, month);
      break;
    case 'b':
    case 'h':
      g_string_append_len (out, month, 3);
      break;
    case 'A':
      g_string_append (out, weekday);
      break;
    case 'a':
      g_string_append_len (out, weekday, 3);
      break;
    case 'F':
      g_string_append_printf (out, "%u-%02u-%02u", year, number, day);
      break;
    case 'D':
      g_string_append_printf (out, "%02u/%02u/%02u", number, day, year % 100);
      break;
    case '%':
      g_string_append_c (out, '%');
      break;
    default:
      return FALSE;
    }

  return TRUE;
}

MoeJinjaValue *
moe_jinja_format_date (MoeJinjaArena        *arena,
                       const MoeJinjaValue  *format,
                       const GDate          *date,
                       GError              **error)
{
  g_autoptr (GString) out = g_string_new (NULL);

  if (format->length > MAX_FORMAT)
    {
      g_set_error_literal (error, MOE_ERROR, MOE_ERROR_LIMIT, "the chat template's date has a format that is "
                           "too long");
      return NULL;
    }

  for (gsize i = 0; i < format->length; i++)
    {
      const gboolean padded = i + 1 >= format->length || format->text[i + 1] != '-';
      const gsize n = padded ? 1 : 2;

      if (format->text[i] != '%')
        {
          g_string_append_c (out, format->text[i]);
          continue;
        }
      if (i + n >= format->length || !append_part (out, format->text[i + n], padded, date))
        {
          g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
                       "the chat template writes the date as \"%s\", which is not supported here",
                       format->text);
          return NULL;
        }
      i += n;
    }

  return moe_jinja_string_new (arena, out->str, out->len, NULL, 0, error);
}
