/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

#include "data/moe-table.h"

G_BEGIN_DECLS

/* What all commands of moescope-cli share: exit codes, messages, interruption, and where a table goes. */
enum
{
  MOE_CLI_DONE = 0,
  MOE_CLI_FAILED = 1,
  MOE_CLI_USAGE = 2,
  MOE_CLI_INTERRUPTED = 130,
};

typedef struct
{
  const char *name;
  const char *summary;
  int       (*run) (int argc, char **argv); /* argv[0] is the command's name; returns an exit code */
} MoeCliCommand;

int           moe_cli_info       (int argc, char **argv);
int           moe_cli_tokenize   (int argc, char **argv);
int           moe_cli_logits     (int argc, char **argv);
int           moe_cli_generate   (int argc, char **argv);
int           moe_cli_profile    (int argc, char **argv);
int           moe_cli_heatmap    (int argc, char **argv);
int           moe_cli_super_experts (int argc, char **argv);
int           moe_cli_massive_activations (int argc, char **argv);
int           moe_cli_sinks      (int argc, char **argv);
int           moe_cli_attention  (int argc, char **argv);
int           moe_cli_experts    (int argc, char **argv);
int           moe_cli_contrast   (int argc, char **argv);
int           moe_cli_evaluate   (int argc, char **argv);
int           moe_cli_compare    (int argc, char **argv);
int           moe_cli_attribution (int argc, char **argv);
int           moe_cli_mask       (int argc, char **argv);
int           moe_cli_routes     (int argc, char **argv);
int           moe_cli_sql        (int argc, char **argv);
int           moe_cli_export     (int argc, char **argv);
int           moe_cli_import     (int argc, char **argv);
int           moe_cli_bench      (int argc, char **argv);

/* Cancelled by SIGINT and SIGTERM; a second signal ends the program at once. moe_cli_watch_signals() comes
 * before the first thread. */
void          moe_cli_watch_signals    (void);
GCancellable *moe_cli_get_cancellable  (void);

/* One line on stderr, "moescope-cli: ...", whatever the message holds. */
void          moe_cli_message    (const char  *format,
                                  ...) G_GNUC_PRINTF (1, 2);
/* Prints @error (not taken over) and returns the exit code for it. */
int           moe_cli_fail       (const GError *error);
/* Wrong usage of @command: prints what is wrong and where to look. Returns MOE_CLI_USAGE. */
int           moe_cli_usage      (const char  *command,
                                  const char  *format,
                                  ...) G_GNUC_PRINTF (2, 3);

/* Parses the arguments of a command with the entries of @context. What is left over must be @min to @max
 * words and is returned in @words (transfer full). FALSE after a message; the command then returns
 * MOE_CLI_USAGE. @context is taken over. */
gboolean      moe_cli_parse      (GOptionContext  *context,
                                  int              argc,
                                  char           **argv,
                                  guint            min,
                                  guint            max,
                                  char          ***words);
/* A context whose --help shows @parameters, @summary and @example (a whole command line). */
GOptionContext *moe_cli_context_new (const char  *parameters,
                                     const char  *summary,
                                     const char  *example);

/* The text a person gave: @argument itself, or standard input when it is "-". Refuses what is not UTF-8, a
 * NUL character and more than 64 MB. Transfer full. */
char         *moe_cli_read_text  (const char  *argument,
                                  gsize       *length,
                                  GError     **error);

/* Writes all of it to standard output. FALSE with @error set when that cannot be done,
 * G_IO_ERROR_BROKEN_PIPE when the reader has gone. */
gboolean      moe_cli_write      (const char  *text,
                                  gsize        length,
                                  GError     **error);

/* TRUE and counts up a line on stderr, at most ten times a second, when progress is to be shown. */
typedef struct
{
  gboolean shown;     /* --progress, or stderr is a terminal */
  gboolean terminal;
  gint64   last;      /* microseconds */
  gboolean pending;   /* the terminal's line is not ended yet */
} MoeCliProgress;

void          moe_cli_progress_init   (MoeCliProgress  *self,
                                       gboolean         forced);
void          moe_cli_progress_show   (MoeCliProgress  *self,
                                       gboolean         final,
                                       const char      *format,
                                       ...) G_GNUC_PRINTF (3, 4);
/* A MoeProgressFunc for loading a model; @user_data is a MoeCliProgress. */
void          moe_cli_progress_load   (double           fraction,
                                       gpointer         user_data);
/* MoeProgress's report; @user_data is a MoeCliProgress. */
void          moe_cli_progress_report (double           fraction,
                                       const char      *what,
                                       gpointer         user_data);
void          moe_cli_progress_end    (MoeCliProgress  *self);

G_END_DECLS
