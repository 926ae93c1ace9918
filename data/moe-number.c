/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-number"

#include "data/moe-number.h"

#include <float.h>
#include <math.h>
#include <string.h>

static const char *
format_special (char   *buffer,
                double  value)
{
  g_strlcpy (buffer, isnan (value) ? "nan" : value > 0 ? "inf" : "-inf", MOE_NUMBER_BUFFER);
  return buffer;
}

static double
print (char   *buffer,
       double  value,
       int     digits)
{
  char format[8];

  g_snprintf (format, sizeof format, "%%.%dg", digits);
  g_ascii_formatd (buffer, MOE_NUMBER_BUFFER, format, value);
  return g_ascii_strtod (buffer, NULL);
}

/* Every number with FLT_DIG (DBL_DIG) digits survives the way through a normal float (double), so fewer
 * digits need not be tried: zeros at the end are left out by %g. */
const char *
moe_number_format_float (char  *buffer,
                         float  value)
{
  int digits = fabsf (value) < FLT_MIN ? 1 : FLT_DIG;

  g_return_val_if_fail (buffer != NULL, "");

  if (!isfinite (value))
    return format_special (buffer, value);

  while ((float) print (buffer, value, digits) != value && digits < FLT_DECIMAL_DIG)
    digits++;

  return buffer;
}

const char *
moe_number_format_double (char   *buffer,
                          double  value)
{
  int digits = fabs (value) < DBL_MIN ? 1 : DBL_DIG;

  g_return_val_if_fail (buffer != NULL, "");

  if (!isfinite (value))
    return format_special (buffer, value);

  while (print (buffer, value, digits) != value && digits < DBL_DECIMAL_DIG)
    digits++;

  return buffer;
}

gboolean
moe_number_parse (const char *text,
                  double     *value)
{
  char *end;
  double number;

  g_return_val_if_fail (text != NULL, FALSE);
  g_return_val_if_fail (value != NULL, FALSE);

  /* Leaves out hexadecimal, "inf", "nan" and leading space, which g_ascii_strtod() takes. */
  if (text[0] == '\0' || strspn (text, "0123456789+-.eE") != strlen (text))
    return FALSE;

  number = g_ascii_strtod (text, &end);
  if (end == text || *end != '\0' || !isfinite (number))
    return FALSE;

  *value = number;
  return TRUE;
}

gboolean
moe_number_parse_list (const char  *text,
                       double       low,
                       double       high,
                       gboolean     whole,
                       GArray     **numbers)
{
  g_auto(GStrv) words = NULL;

  g_return_val_if_fail (numbers != NULL, FALSE);

  *numbers = g_array_new (FALSE, FALSE, sizeof (double));
  if (text == NULL)
    return TRUE;
  words = g_strsplit (text, ",", -1);
  for (guint i = 0; words[i] != NULL; i++)
    {
      double number;

      if (!moe_number_parse (g_strstrip (words[i]), &number) || number < low || number > high
          || (whole && number != floor (number)))
        return FALSE;
      g_array_append_val (*numbers, number);
    }
  return (*numbers)->len > 0;
}
