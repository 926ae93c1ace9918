/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope-cli"

#include "app/cli.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "data/moe-error.h"

#define MAX_TEXT (64 * 1024 * 1024)

static GCancellable *cancellable;

static gpointer
wait_for_signals (gpointer user_data)
{
  const sigset_t *set = user_data;
  int number;

  sigwait (set, &number);
  g_cancellable_cancel (cancellable);
  sigwait (set, &number);
  _exit (MOE_CLI_INTERRUPTED);
}

void
moe_cli_watch_signals (void)
{
  static sigset_t set;

  cancellable = g_cancellable_new ();
  signal (SIGPIPE, SIG_IGN);
  sigemptyset (&set);
  sigaddset (&set, SIGINT);
  sigaddset (&set, SIGTERM);
  pthread_sigmask (SIG_BLOCK, &set, NULL);
  g_thread_unref (g_thread_new ("signals", wait_for_signals, &set));
}

GCancellable *
moe_cli_get_cancellable (void)
{
  return cancellable;
}

/* One line: a line end or another control character inside a file's name must not make two of it. */
static void
print_line (const char *prefix,
            const char *text)
{
  g_autofree char *line = g_strconcat ("moescope-cli: ", prefix, text, "\n", NULL);
  gsize length = strlen (line);

  for (gsize i = 0; i + 1 < length; i++)
    {
      if (g_ascii_iscntrl (line[i]))
        line[i] = ' ';
    }
  fflush (stdout);
  fputs (line, stderr);
}

void
moe_cli_message (const char *format,
                 ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  print_line ("", text);
}

int
moe_cli_fail (const GError *error)
{
  g_return_val_if_fail (error != NULL, MOE_CLI_FAILED);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      print_line ("", "interrupted");
      return MOE_CLI_INTERRUPTED;
    }
  if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE))
    print_line ("", error->message);
  return MOE_CLI_FAILED;
}

int
moe_cli_usage (const char *command,
               const char *format,
               ...)
{
  g_autofree char *text = NULL;
  g_autofree char *prefix = g_strconcat (command, ": ", NULL);
  g_autofree char *line = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  line = g_strdup_printf ("%s (see moescope-cli %s --help)", text, command);
  print_line (prefix, line);
  return MOE_CLI_USAGE;
}

GOptionContext *
moe_cli_context_new (const char *parameters,
                     const char *summary,
                     const char *example)
{
  GOptionContext *context = g_option_context_new (parameters);
  g_autofree char *description = g_strdup_printf ("Example:\n  %s", example);

  g_option_context_set_summary (context, summary);
  g_option_context_set_description (context, description);
  return context;
}

gboolean
moe_cli_parse (GOptionContext   *context,
               int               argc,
               char            **argv,
               guint             min,
               guint             max,
               char           ***words)
{
  g_autoptr(GOptionContext) own = context;
  g_autoptr(GError) error = NULL;
  g_autofree char *name = g_strconcat ("moescope-cli ", argv[0], NULL);
  g_auto(GStrv) rest = NULL;
  GOptionEntry entries[] = {
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &rest, NULL, NULL },
    { NULL }
  };
  guint n;

  g_set_prgname (name);
  g_option_context_add_main_entries (own, entries, NULL);
  if (!g_option_context_parse (own, &argc, &argv, &error))
    {
      moe_cli_usage (argv[0], "%s", error->message);
      return FALSE;
    }

  n = rest != NULL ? g_strv_length (rest) : 0;
  if (n < min)
    {
      moe_cli_usage (argv[0], n == 0 ? "the file is missing" : "an argument is missing");
      return FALSE;
    }
  if (n > max)
    {
      moe_cli_usage (argv[0], "'%s' is one argument too many", rest[max]);
      return FALSE;
    }
  *words = rest != NULL ? g_steal_pointer (&rest) : g_new0 (char *, 1);
  return TRUE;
}

static gboolean
read_stdin (GString  *text,
            GError  **error)
{
  char buffer[65536];

  for (;;)
    {
      ssize_t n = read (STDIN_FILENO, buffer, sizeof buffer);

      if (n == 0)
        return TRUE;
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        {
          g_set_error (error, MOE_ERROR, MOE_ERROR_IO, "standard input: %s", g_strerror (errno));
          return FALSE;
        }
      g_string_append_len (text, buffer, n);
      if (text->len > MAX_TEXT)
        {
          g_set_error (error, MOE_ERROR, MOE_ERROR_LIMIT, "standard input: more than %d MB of text",
                       MAX_TEXT / (1024 * 1024));
          return FALSE;
        }
    }
}

char *
moe_cli_read_text (const char  *argument,
                   gsize       *length,
                   GError     **error)
{
  g_autoptr(GString) text = g_string_new (NULL);
  gboolean from_stdin = strcmp (argument, "-") == 0;

  if (!from_stdin)
    g_string_append (text, argument);
  else if (!read_stdin (text, error))
    return NULL;

  if (memchr (text->str, 0, text->len) != NULL)
    {
      g_set_error_literal (error, MOE_ERROR, MOE_ERROR_INVALID,
                           "standard input holds a NUL character, so it is no text");
      return NULL;
    }
  if (!g_utf8_validate_len (text->str, text->len, NULL))
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "%s is not UTF-8 text",
                   from_stdin ? "standard input" : "the text");
      return NULL;
    }
  *length = text->len;
  return g_string_free (g_steal_pointer (&text), FALSE);
}

gboolean
moe_cli_write (const char  *text,
               gsize        length,
               GError     **error)
{
  if (fwrite (text, 1, length, stdout) == length && fflush (stdout) == 0)
    return TRUE;
  if (errno == EPIPE)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE, "the reader has gone");
  else
    g_set_error (error, MOE_ERROR, MOE_ERROR_IO, "standard output: %s", g_strerror (errno));
  return FALSE;
}

void
moe_cli_progress_init (MoeCliProgress *self,
                       gboolean        forced)
{
  self->terminal = isatty (STDERR_FILENO) == 1;
  self->shown = forced || self->terminal;
  self->last = 0;
  self->pending = FALSE;
}

void
moe_cli_progress_show (MoeCliProgress *self,
                       gboolean        final,
                       const char     *format,
                       ...)
{
  gint64 now = g_get_monotonic_time ();
  va_list args;

  if (!self->shown || (!final && now - self->last < G_USEC_PER_SEC / 10))
    return;

  self->last = now;
  va_start (args, format);
  if (self->terminal)
    fputs ("\r\033[K", stderr);
  vfprintf (stderr, format, args);
  va_end (args);
  self->pending = self->terminal && !final;
  if (!self->pending)
    fputc ('\n', stderr);
  fflush (stderr);
}

void
moe_cli_progress_load (double   fraction,
                       gpointer user_data)
{
  moe_cli_progress_show (user_data, FALSE, "loading the model: %d %%", (int) (fraction * 100));
}

void
moe_cli_progress_report (double      fraction,
                         const char *what,
                         gpointer    user_data)
{
  moe_cli_progress_show (user_data, FALSE, "%s", what);
}

void
moe_cli_progress_end (MoeCliProgress *self)
{
  if (self->pending)
    fputs ("\r\033[K", stderr);
  self->pending = FALSE;
}
