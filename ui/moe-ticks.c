/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-ticks"

#include "ui/moe-ticks.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Steps in order of preference. */
static const double nice_steps[] = { 1, 5, 2, 2.5, 4, 3 };

/* The weights of the paper; legibility is 1 for every labelling. */
#define W_SIMPLICITY 0.25
#define W_COVERAGE   0.2
#define W_DENSITY    0.5
#define W_LEGIBILITY 0.05

/* More labels than this make no axis; the bound also ends the search for any input. */
#define MAX_TICKS 100

static double
simplicity_max (guint q,
                int   skip)
{
  return 1 - q / (G_N_ELEMENTS (nice_steps) - 1.0) - skip + 1 + 1;
}

static double
simplicity (guint  q,
            int    skip,
            double first,
            double last,
            double step)
{
  double rest = first - step * floor (first / step);
  gboolean zero = first <= 0 && last >= 0 && (rest < 1e-10 * step || step - rest < 1e-10 * step);

  return 1 - q / (G_N_ELEMENTS (nice_steps) - 1.0) - skip + 1 + (zero ? 1 : 0);
}

static double
coverage_max (double low,
              double high,
              double span)
{
  /* Divided before they are squared: the squares of a very small range would be 0. */
  double half = (span / (high - low) - 1) / 2 / 0.1;

  return span > high - low ? 1 - half * half : 1;
}

static double
coverage (double low,
          double high,
          double first,
          double last)
{
  double above = (high - last) / (0.1 * (high - low)), below = (low - first) / (0.1 * (high - low));

  return 1 - 0.5 * (above * above + below * below);
}

static double
density_max (guint count,
             guint wanted)
{
  return count >= wanted ? 2 - (count - 1.0) / (wanted - 1.0) : 1;
}

static double
density (guint  count,
         guint  wanted,
         double low,
         double high,
         double first,
         double last)
{
  double has = (count - 1) / (last - first);
  double wants = (wanted - 1) / (MAX (last, high) - MIN (first, low));

  return 2 - MAX (has / wants, wants / has);
}

typedef struct
{
  double   low, high;
  guint    wanted;
  double   best; /* score of what @ticks holds; starts below any that can be reached */
  MoeTicks ticks;
} Search;

/* Tries every start of @count labels @step apart. */
static void
try_starts (Search *search,
            guint   q,
            int     skip,
            guint   count,
            double  step)
{
  double from = floor (search->high / step) * skip - (count - 1.0) * skip;
  double to = ceil (search->low / step) * skip;

  for (double start = from; start <= to; start++)
    {
      double first = start * (step / skip), last = first + step * (count - 1);
      double score = W_SIMPLICITY * simplicity (q, skip, first, last, step) +
                     W_COVERAGE * coverage (search->low, search->high, first, last) +
                     W_DENSITY * density (count, search->wanted, search->low, search->high, first, last) +
                     W_LEGIBILITY;

      if (score > search->best)
        {
          search->best = score;
          search->ticks = (MoeTicks) { first, step, count };
        }
    }
}

/* All label counts for one step base; the upper bounds end the loops as soon as nothing better can come. */
static void
try_counts (Search *search,
            guint   q,
            int     skip)
{
  double range = search->high - search->low;
  double simple = W_SIMPLICITY * simplicity_max (q, skip);

  for (guint count = 2; count <= MAX_TICKS; count++)
    {
      double dense = W_DENSITY * density_max (count, search->wanted);
      double power;

      if (simple + W_COVERAGE + dense + W_LEGIBILITY < search->best)
        break;
      for (power = ceil (log10 (range / (count + 1) / skip / nice_steps[q]));; power++)
        {
          double step = skip * nice_steps[q] * pow (10, power);

          if (simple + W_COVERAGE * coverage_max (search->low, search->high, step * (count - 1)) + dense +
              W_LEGIBILITY < search->best)
            break;
          try_starts (search, q, skip, count, step);
        }
    }
}

gboolean
moe_ticks_extended (double    low,
                    double    high,
                    guint     wanted,
                    MoeTicks *ticks)
{
  Search search = { low, high, MIN (wanted, MAX_TICKS), -2, { 0, 0, 0 } };

  g_return_val_if_fail (ticks != NULL, FALSE);

  *ticks = search.ticks;
  if (wanted < 2 || !isfinite (low) || !isfinite (high) || !isfinite (high - low) ||
      !(high - low > 100 * DBL_EPSILON * MAX (fabs (low), fabs (high))) || high - low < DBL_MIN * 1e20)
    return FALSE;

  for (int skip = 1;; skip++)
    for (guint q = 0; q < G_N_ELEMENTS (nice_steps); q++)
      {
        if (W_SIMPLICITY * simplicity_max (q, skip) + W_COVERAGE + W_DENSITY + W_LEGIBILITY < search.best)
          {
            *ticks = search.ticks;
            return TRUE;
          }
        try_counts (&search, q, skip);
      }
}

gboolean
moe_ticks_integer (gint64    low,
                   gint64    high,
                   guint     wanted,
                   MoeTicks *ticks)
{
  g_return_val_if_fail (ticks != NULL, FALSE);

  *ticks = (MoeTicks) { 0, 0, 0 };
  if (low > high || low < -(G_GINT64_CONSTANT (1) << 52) || high > (G_GINT64_CONSTANT (1) << 52))
    return FALSE;
  if (low == high || wanted < 2)
    {
      *ticks = (MoeTicks) { (double) low, 1, 1 };
      return TRUE;
    }
  if (high - low + 1 <= (gint64) wanted)
    {
      *ticks = (MoeTicks) { (double) low, 1, (guint) (high - low + 1) };
      return TRUE;
    }

  if (!moe_ticks_extended ((double) low, (double) high, wanted, ticks))
    return FALSE;
  ticks->step = MAX (1, ceil (ticks->step - 1e-9));
  ticks->first = ceil ((double) low / ticks->step) * ticks->step;
  ticks->count = (guint) floor (((double) high - ticks->first) / ticks->step) + 1;
  return TRUE;
}

guint
moe_ticks_get_decimals (double step)
{
  if (!(step > 0) || !isfinite (step))
    return 0;
  for (guint decimals = 0; decimals < 12; decimals++)
    {
      double scaled = step * pow (10, decimals);

      if (scaled > 0.5 && fabs (scaled - round (scaled)) < 1e-6 * scaled)
        return decimals;
    }
  return 12;
}

/* "-1234.50" -> "\u22121,234.50" */
static char *
group_thousands (const char *number)
{
  GString *text = g_string_new (NULL);
  gsize whole;

  if (*number == '-')
    {
      g_string_append (text, "\u2212");
      number++;
    }
  whole = strspn (number, "0123456789");
  for (gsize i = 0; i < whole; i++)
    {
      g_string_append_c (text, number[i]);
      if (whole > 4 && i + 1 < whole && (whole - i - 1) % 3 == 0)
        g_string_append_c (text, ',');
    }
  g_string_append (text, number + whole);
  return g_string_free (text, FALSE);
}

/* Removes the zeros that end a fraction. */
static void
trim_zeros (char *number)
{
  gsize length = strlen (number);

  if (strchr (number, '.') == NULL)
    return;
  while (length > 0 && number[length - 1] == '0')
    length--;
  if (length > 0 && number[length - 1] == '.')
    length--;
  number[length] = '\0';
}

/* "6.8e\u22124"; a power of ten alone as 10 with a superscript. */
static char *
format_power (double value,
              guint  digits)
{
  static const char *const superscripts[] = { "\u2070", "\u00b9", "\u00b2", "\u00b3", "\u2074",
                                              "\u2075", "\u2076", "\u2077", "\u2078", "\u2079" };
  char buffer[G_ASCII_DTOSTR_BUF_SIZE], pattern[16], *e;
  GString *text = g_string_new (value < 0 ? "\u2212" : "");
  gint64 exponent;

  g_snprintf (pattern, sizeof pattern, "%%.%ue", MIN (digits, 17) - 1);
  g_ascii_formatd (buffer, sizeof buffer, pattern, fabs (value));
  e = strchr (buffer, 'e');
  exponent = g_ascii_strtoll (e + 1, NULL, 10);
  *e = '\0';
  trim_zeros (buffer);
  if (strcmp (buffer, "1") != 0)
    {
      g_string_append_printf (text, "%se%s%" G_GINT64_FORMAT, buffer, exponent < 0 ? "\u2212" : "",
                              ABS (exponent));
      return g_string_free (text, FALSE);
    }
  g_string_append_printf (text, "10%s", exponent < 0 ? "\u207b" : "");
  g_snprintf (buffer, sizeof buffer, "%" G_GINT64_FORMAT, ABS (exponent));
  for (const char *digit = buffer; *digit != '\0'; digit++)
    g_string_append (text, superscripts[*digit - '0']);
  return g_string_free (text, FALSE);
}

char *
moe_ticks_format (double value,
                  guint  decimals)
{
  char buffer[512], pattern[16];

  if (!isfinite (value))
    return g_strdup (isnan (value) ? "" : value > 0 ? "\u221e" : "\u2212\u221e");
  if (value != 0 && (fabs (value) >= 1e7 || decimals > 5))
    return format_power (value, 3);

  g_snprintf (pattern, sizeof pattern, "%%.%uf", MIN (decimals, 12));
  g_ascii_formatd (buffer, sizeof buffer, pattern, value == 0 ? 0 : value);
  if (buffer[0] == '-' && strspn (buffer + 1, "0.") == strlen (buffer + 1))
    memmove (buffer, buffer + 1, strlen (buffer));
  return group_thousands (buffer);
}

char *
moe_ticks_format_significant (double value,
                              guint  digits)
{
  char buffer[512], pattern[16];
  double size = fabs (value);
  int decimals;

  g_return_val_if_fail (digits > 0 && digits < 18, NULL);

  if (value == 0 || !isfinite (value))
    return moe_ticks_format (value, 0);
  if (size >= 1e7 || size < 1e-3)
    return format_power (value, digits);

  decimals = CLAMP ((int) digits - 1 - (int) floor (log10 (size)), 0, 20);
  g_snprintf (pattern, sizeof pattern, "%%.%df", decimals);
  g_ascii_formatd (buffer, sizeof buffer, pattern, value);
  trim_zeros (buffer);
  return group_thousands (buffer);
}
