/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Readers of outside files against damaged ones: valid files are changed in a few places, the same ones on
 * every run (or, with `-m thorough`, for a minute each in those that --seed gives), and read. */

/* Reads @path and uses all that it offers; TRUE when nothing was refused. */
typedef gboolean (*MoeFuzzFunc) (const char  *path,
                                 gpointer     user_data,
                                 GError     **error);

typedef struct
{
  const char         *path;     /* of the file, whose name the reader may go by */
  const char * const *words;    /* NULL-terminated: what is put in; the file is text then. Or NULL */
  gsize               head;     /* only so many bytes from the start are changed; 0 = all */
  guint               n_rounds; /* when not thorough */
  MoeFuzzFunc         read;
  gpointer            user_data;
} MoeFuzz;

/* JSON's words, and numbers that are hard for all kinds of text. */
extern const char * const moe_fuzz_json_words[];
extern const char * const moe_fuzz_numbers[];

/* Asserts that @self->read takes the file as it is, and that damaged ones are read or refused with a sentence
 * in UTF-8. A crash leaves the file at @self->path; a reader that hangs for a minute ends the program. */
void moe_fuzz_run    (const MoeFuzz      *self);

/* Changes 1 to 8 places of the first @head bytes (0 = all). */
void moe_fuzz_damage (GByteArray         *bytes,
                      gsize               head,
                      const char * const *words,
                      GRand              *random);

G_END_DECLS
