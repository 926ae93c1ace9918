/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-plot-export"

#include "ui/moe-plot-export.h"

#include <cairo-pdf.h>
#include <cairo-svg.h>
#include <string.h>

#include "data/moe-error.h"
#include "data/moe-file.h"

#define PNG_SCALE 2

static cairo_status_t
append_bytes (void                *data,
              const unsigned char *bytes,
              unsigned int         length)
{
  g_byte_array_append (data, bytes, length);
  return CAIRO_STATUS_SUCCESS;
}

/* Gives an id the number of its first use. */
static gboolean
renumber_id (const GMatchInfo *match,
             GString          *result,
             gpointer          data)
{
  GHashTable *numbers = data;
  g_autofree char *before = g_match_info_fetch (match, 1);
  g_autofree char *id = g_match_info_fetch (match, 2);
  guint number = GPOINTER_TO_UINT (g_hash_table_lookup (numbers, id));

  if (number == 0)
    {
      number = g_hash_table_size (numbers) + 1;
      g_hash_table_insert (numbers, g_strdup (id), GUINT_TO_POINTER (number));
    }
  g_string_append_printf (result, "%sid%u", before, number);
  return FALSE;
}

/* The title as every format can hold it: valid UTF-8 without control characters. Transfer full. */
static char *
clean_title (const char *title)
{
  char *clean = g_utf8_make_valid (title != NULL ? title : "", -1);

  for (char *c = clean; *c != '\0'; c++)
    if (g_ascii_iscntrl (*c))
      *c = ' ';
  return clean;
}

/* cairo takes the ids of images from a counter of the process, so that the same plot would be other bytes in
 * a window than on the command line; and it writes no title. */
static void
finish_svg (const char *title,
            GByteArray *bytes)
{
  g_autoptr(GHashTable) numbers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr(GRegex) regex =
      g_regex_new ("(id=\"|#)((?:surface|image)[0-9]+)", G_REGEX_OPTIMIZE | G_REGEX_RAW, 0, NULL);
  g_autofree char *text =
      g_regex_replace_eval (regex, (const char *) bytes->data, bytes->len, 0, 0, renumber_id, numbers, NULL);
  const char *svg = text != NULL ? strstr (text, "<svg") : NULL;
  const char *content = svg != NULL ? strstr (svg, ">\n") : NULL;

  if (content == NULL)
    return;
  content += 2;
  g_byte_array_set_size (bytes, 0);
  g_byte_array_append (bytes, (const guint8 *) text, (guint) (content - text));
  if (*title != '\0')
    {
      g_autofree char *element = g_markup_printf_escaped ("<title>%s</title>\n", title);

      g_byte_array_append (bytes, (const guint8 *) element, (guint) strlen (element));
    }
  g_byte_array_append (bytes, (const guint8 *) content, (guint) strlen (content));
}

/* A build that is to be repeated says when it was. */
static void
set_pdf_metadata (cairo_surface_t *surface,
                  const char      *title)
{
  const char *epoch = g_getenv ("SOURCE_DATE_EPOCH");

  if (*title != '\0')
    cairo_pdf_surface_set_metadata (surface, CAIRO_PDF_METADATA_TITLE, title);
  cairo_pdf_surface_set_metadata (surface, CAIRO_PDF_METADATA_CREATOR, "Moescope " MOE_VERSION);
  if (epoch != NULL)
    {
      g_autoptr(GDateTime) date = NULL;
      gint64 seconds;

      if (g_ascii_string_to_signed (epoch, 10, 0, G_MAXINT32, &seconds, NULL))
        date = g_date_time_new_from_unix_utc (seconds);
      if (date != NULL)
        {
          g_autofree char *text = g_date_time_format (date, "%Y-%m-%dT%H:%M:%SZ");

          cairo_pdf_surface_set_metadata (surface, CAIRO_PDF_METADATA_CREATE_DATE, text);
        }
    }
}

static cairo_status_t
draw_to (MoePlotDrawFunc  draw,
         gconstpointer    plot,
         const char      *title,
         MoeImageFormat   format,
         GByteArray      *bytes)
{
  const double width = MOE_EXPORT_WIDTH, height = MOE_EXPORT_HEIGHT;
  cairo_surface_t *surface;
  cairo_status_t status;
  cairo_t *cr;

  switch (format)
    {
    case MOE_IMAGE_SVG:
      surface = cairo_svg_surface_create_for_stream (append_bytes, bytes, width, height);
      cairo_svg_surface_set_document_unit (surface, CAIRO_SVG_UNIT_PX);
      break;
    case MOE_IMAGE_PDF:
      /* A point is 4/3 of a CSS pixel. */
      surface = cairo_pdf_surface_create_for_stream (append_bytes, bytes, width * 0.75, height * 0.75);
      set_pdf_metadata (surface, title);
      break;
    case MOE_IMAGE_PNG:
    default:
      surface = cairo_image_surface_create (CAIRO_FORMAT_RGB24, MOE_EXPORT_WIDTH * PNG_SCALE,
                                            MOE_EXPORT_HEIGHT * PNG_SCALE);
      cairo_surface_set_device_scale (surface, PNG_SCALE, PNG_SCALE);
      break;
    }

  cr = cairo_create (surface);
  if (format == MOE_IMAGE_PDF)
    cairo_scale (cr, 0.75, 0.75);
  draw (plot, cr, width, height);
  status = cairo_status (cr);
  cairo_destroy (cr);
  if (status == CAIRO_STATUS_SUCCESS && format == MOE_IMAGE_PNG)
    status = cairo_surface_write_to_png_stream (surface, append_bytes, bytes);
  cairo_surface_finish (surface);
  /* Errors of vector surfaces only show now. */
  if (status == CAIRO_STATUS_SUCCESS)
    status = cairo_surface_status (surface);
  cairo_surface_destroy (surface);
  if (status == CAIRO_STATUS_SUCCESS && format == MOE_IMAGE_SVG)
    finish_svg (title, bytes);
  return status;
}

gboolean
moe_plot_export (MoePlotDrawFunc   draw,
                 gconstpointer     plot,
                 const char       *title,
                 MoeImageFormat    format,
                 const char       *path,
                 GError          **error)
{
  g_autoptr(GByteArray) bytes = NULL;
  g_autofree char *clean = NULL;
  cairo_status_t status;

  g_return_val_if_fail (draw != NULL && path != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  clean = clean_title (title);
  bytes = g_byte_array_new ();
  status = draw_to (draw, plot, clean, format, bytes);
  if (status != CAIRO_STATUS_SUCCESS)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_IO, "%s: %s", path, cairo_status_to_string (status));
      return FALSE;
    }
  return moe_file_replace (path, (const char *) bytes->data, bytes->len, error);
}

void
moe_heatmap_plot_draw_clean (gconstpointer  plot,
                             cairo_t       *cr,
                             double         width,
                             double         height)
{
  MoeHeatmapPlot clean = *(const MoeHeatmapPlot *) plot;

  clean.dark = FALSE;
  clean.cursor_row = clean.cursor_column = clean.hover_row = clean.hover_column = -1;
  clean.selected_row = clean.selected_column = -1;
  clean.marked = clean.flash = NULL;
  clean.area_rows = clean.area_columns = 0;
  clean.view_x = clean.view_y = clean.view_columns = clean.view_rows = 0;
  moe_heatmap_plot_draw (&clean, cr, width, height);
}

gboolean
moe_heatmap_plot_export (const MoeHeatmapPlot  *plot,
                         MoeImageFormat         format,
                         const char            *path,
                         GError               **error)
{
  g_return_val_if_fail (plot != NULL, FALSE);

  return moe_plot_export (moe_heatmap_plot_draw_clean, plot, plot->title, format, path, error);
}
