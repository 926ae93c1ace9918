/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-plot-export"

#include "ui/moe-plot-export.h"

#include <cairo-pdf.h>
#include <cairo-svg.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/moe-error.h"

#define PNG_SCALE 2

/* Where cairo's bytes go; the first error sticks. */
typedef struct
{
  int fd;
  int error;
} Output;

static cairo_status_t
write_bytes (void                *data,
             const unsigned char *bytes,
             unsigned int         length)
{
  Output *output = data;

  while (length > 0 && output->error == 0)
    {
      ssize_t n = write (output->fd, bytes, length);

      if (n > 0)
        {
          bytes += n;
          length -= (unsigned int) n;
        }
      else if (n == 0)
        output->error = ENOSPC;
      else if (errno != EINTR)
        output->error = errno;
    }
  return output->error == 0 ? CAIRO_STATUS_SUCCESS : CAIRO_STATUS_WRITE_ERROR;
}

/* A build that is to be repeated says when it was. */
static void
set_pdf_metadata (cairo_surface_t      *surface,
                  const MoeHeatmapPlot *plot)
{
  const char *epoch = g_getenv ("SOURCE_DATE_EPOCH");

  if (plot->title != NULL && *plot->title != '\0')
    cairo_pdf_surface_set_metadata (surface, CAIRO_PDF_METADATA_TITLE, plot->title);
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
draw_to (const MoeHeatmapPlot *plot,
         MoeImageFormat        format,
         Output               *output)
{
  const double width = MOE_EXPORT_WIDTH, height = MOE_EXPORT_HEIGHT;
  cairo_surface_t *surface;
  cairo_status_t status;
  cairo_t *cr;

  switch (format)
    {
    case MOE_IMAGE_SVG:
      surface = cairo_svg_surface_create_for_stream (write_bytes, output, width, height);
      cairo_svg_surface_set_document_unit (surface, CAIRO_SVG_UNIT_PX);
      break;
    case MOE_IMAGE_PDF:
      /* A point is 4/3 of a CSS pixel. */
      surface = cairo_pdf_surface_create_for_stream (write_bytes, output, width * 0.75, height * 0.75);
      set_pdf_metadata (surface, plot);
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
  moe_heatmap_plot_draw (plot, cr, width, height);
  status = cairo_status (cr);
  cairo_destroy (cr);
  if (status == CAIRO_STATUS_SUCCESS && format == MOE_IMAGE_PNG)
    status = cairo_surface_write_to_png_stream (surface, write_bytes, output);
  cairo_surface_finish (surface);
  /* Most write errors of vector surfaces only show now. */
  if (status == CAIRO_STATUS_SUCCESS)
    status = cairo_surface_status (surface);
  cairo_surface_destroy (surface);
  return status;
}

static gboolean
fail (const char  *path,
      const char  *reason,
      GError     **error)
{
  g_set_error (error, MOE_ERROR, MOE_ERROR_IO, "%s: %s", path, reason);
  return FALSE;
}

/* Devices and pipes can't be replaced by a rename, so they are written in place. */
static gboolean
is_special_file (const char *path)
{
  GStatBuf info;

  return g_stat (path, &info) == 0 && !S_ISREG (info.st_mode) && !S_ISDIR (info.st_mode);
}

gboolean
moe_heatmap_plot_export (const MoeHeatmapPlot  *plot,
                         MoeImageFormat         format,
                         const char            *path,
                         GError               **error)
{
  MoeHeatmapPlot clean;
  g_autofree char *temporary = NULL;
  Output output = { -1, 0 };
  cairo_status_t status;
  gboolean in_place;

  g_return_val_if_fail (plot != NULL && path != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  clean = *plot;
  clean.dark = FALSE;
  clean.cursor_row = clean.cursor_column = clean.hover_row = clean.hover_column = -1;
  clean.selected_row = clean.selected_column = -1;
  clean.marked = clean.flash = NULL;
  clean.area_rows = clean.area_columns = 0;
  clean.view_x = clean.view_y = clean.view_columns = clean.view_rows = 0;

  in_place = is_special_file (path);
  if (in_place)
    output.fd = g_open (path, O_WRONLY | O_CLOEXEC, 0);
  else
    {
      temporary = g_strconcat (path, ".XXXXXX", NULL);
      output.fd = g_mkstemp_full (temporary, O_WRONLY | O_CLOEXEC, 0666);
    }
  if (output.fd < 0)
    return fail (path, g_strerror (errno), error);

  status = draw_to (&clean, format, &output);
  if (output.error == 0 && status == CAIRO_STATUS_SUCCESS && !in_place && fsync (output.fd) != 0)
    output.error = errno;
  if (close (output.fd) != 0 && output.error == 0)
    output.error = errno;
  if (output.error == 0 && status == CAIRO_STATUS_SUCCESS && !in_place && g_rename (temporary, path) != 0)
    output.error = errno;

  if (output.error != 0 || status != CAIRO_STATUS_SUCCESS)
    {
      if (!in_place)
        g_unlink (temporary);
      return fail (path, output.error != 0 ? g_strerror (output.error) : cairo_status_to_string (status), error);
    }
  return TRUE;
}
