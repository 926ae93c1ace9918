/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-fuzz"

#include "tests/support/moe-fuzz.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SECONDS_THOROUGH 60
#define SECONDS_HANG 60

const char * const moe_fuzz_numbers[] = {
  "0", "-1", "1", "2", "255", "65535", "65536", "2147483647", "2147483648", "-2147483649", "4294967295",
  "4294967296", "9223372036854775807", "9223372036854775808", "18446744073709551615", "1e308", "-1e999",
  "1e-320", "0.5", "nan", "inf", "", NULL
};

const char * const moe_fuzz_json_words[] = {
  "{", "}", "[", "]", ",", ":", "\"", "\\", "null", "true", "false", "{}", "[]", "\"\"", "[[",
  "[[[[[[[[[[[[[[[[",
  "{\"\":", "\\u0000", "\\ud800", "\xff", "\xed\xa0\x80", "\n", "0", "-1", "-0", "1.5", "1e999",
  "-1e308", "65536", "2147483648", "4294967296", "9223372036854775807", "9223372036854775808",
  "18446744073709551616", NULL
};

static const guint64 hard_integers[] = {
  0, 1, 2, 3, 7, 8, 127, 128, 255, 256, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000u,
  0xffffffffu,
  0x100000000u, 0x3fffffffffffffffu, 0x7fffffffffffffffu, 0x8000000000000000u, 0xffffffffffffffe0u,
  G_MAXUINT64,
  0x7f800000 /* infinity */, 0x7fc00000 /* NaN */
};

static gsize
place (gsize  end,
       GRand *random)
{
  return end == 0 ? 0 : g_rand_int (random) % end;
}

static void
replace (GByteArray   *bytes,
         gsize         at,
         gsize         n_out,
         const guint8 *in,
         gsize         n_in)
{
  g_autofree guint8 *copy = g_memdup2 (in, n_in);
  const gsize rest = bytes->len - at - n_out;

  if (n_in > n_out)
    g_byte_array_set_size (bytes, (guint) (bytes->len + n_in - n_out));
  memmove (bytes->data + at + n_in, bytes->data + at + n_out, rest);
  if (n_in > 0)
    memcpy (bytes->data + at, copy, n_in);
  g_byte_array_set_size (bytes, (guint) (at + n_in + rest));
}

static void
put_word (GByteArray         *bytes,
          gsize               end,
          const char * const *words,
          GRand              *random)
{
  const char *word = words[g_rand_int_range (random, 0, (gint32) g_strv_length ((char **) words))];
  gsize at = place (end, random), n_out = 0;
  const gsize n_bytes = place (4, random);

  /* In the place of the number there, or of some bytes, or between them. */
  if (g_rand_boolean (random))
    {
      while (at < end && !g_ascii_isdigit (bytes->data[at]))
        at++;
      while (at + n_out < end && g_ascii_isdigit (bytes->data[at + n_out]))
        n_out++;
    }
  else
    n_out = MIN (end - at, n_bytes);
  replace (bytes, at, n_out, (const guint8 *) word, strlen (word));
}

static void
damage_once (GByteArray         *bytes,
             gsize               end,
             const char * const *words,
             GRand              *random)
{
  const gsize at = place (end, random), other = place (end, random);
  const gsize length = 1 + place (1 + place (64, random), random), n = MIN (end - at, length);
  const guint64 number = GUINT64_TO_LE (hard_integers[place (G_N_ELEMENTS (hard_integers), random)]);

  /* Text is mostly left text, or nothing behind the check of its characters would be reached. */
  if (words != NULL && g_rand_int_range (random, 0, 16) != 0)
    {
      const int kind = g_rand_int_range (random, 0, 8);

      if (kind == 0)
        replace (bytes, at, n, NULL, 0);
      else if (kind == 1)
        replace (bytes, other, 0, bytes->data + at, n);
      else if (kind == 2)
        bytes->data[at] = (guint8) g_rand_int_range (random, 0x20, 0x7f);
      else
        put_word (bytes, end, words, random);
      return;
    }

  switch (g_rand_int_range (random, 0, 10))
    {
    case 0:
    case 1:
      bytes->data[at] ^= (guint8) (1u << place (8, random));
      break;
    case 2:
      bytes->data[at] = (guint8) g_rand_int (random);
      break;
    case 3:
    case 4:
      memcpy (bytes->data + at, &number, MIN (4, end - at));
      break;
    case 5:
      memcpy (bytes->data + at, &number, MIN (8, end - at));
      break;
    case 6:
      replace (bytes, at, n, NULL, 0);
      break;
    case 7:
      replace (bytes, other, 0, bytes->data + at, n);
      break;
    case 8:
      replace (bytes, MIN (other, end - n), n, bytes->data + at, n);
      break;
    default:
      /* Cut off, but not most of the files. */
      if (g_rand_int_range (random, 0, 4) == 0)
        g_byte_array_set_size (bytes, (guint) at);
      break;
    }
}

void
moe_fuzz_damage (GByteArray         *bytes,
                 gsize               head,
                 const char * const *words,
                 GRand              *random)
{
  const guint n = 1 + (guint) place (1 + place (words != NULL ? 4 : 8, random), random);

  for (guint i = 0; i < n && bytes->len > 0; i++)
    damage_once (bytes, head == 0 ? bytes->len : MIN (head, bytes->len), words, random);
}

static gboolean
read_file (const MoeFuzz *self)
{
  g_autoptr (GError) error = NULL;
  gboolean ok;

  alarm (SECONDS_HANG);
  ok = self->read (self->path, self->user_data, &error);
  alarm (0);
  if (error != NULL && g_test_verbose ())
    g_test_message ("%s", error->message);
  if (ok)
    {
      g_assert_no_error (error);
    }
  else
    {
      g_assert_nonnull (error);
      if (!g_utf8_validate (error->message, -1, NULL) || error->message[0] == '\0')
        g_error ("%s: not a sentence: %s", self->path, error->message);
    }
  return ok;
}

void
moe_fuzz_run (const MoeFuzz *self)
{
  g_autofree char *valid = NULL;
  gsize length;
  guint n_rounds = 0, n_refused = 0;
  const gint64 start = g_get_monotonic_time ();

  g_assert_true (g_file_get_contents (self->path, &valid, &length, NULL));
  if (!read_file (self))
    g_error ("%s: the valid file is refused", self->path);
  while (g_test_thorough () ? g_get_monotonic_time () - start < SECONDS_THOROUGH * G_USEC_PER_SEC
                            : n_rounds < self->n_rounds)
    {
      const guint32 seed = g_test_thorough () ? (guint32) g_test_rand_int () : n_rounds;
      g_autoptr (GRand) random = g_rand_new_with_seed (seed);
      g_autoptr (GByteArray) bytes = g_byte_array_new ();
      FILE *file;

      g_byte_array_append (bytes, (const guint8 *) valid, (guint) length);
      moe_fuzz_damage (bytes, self->head, self->words, random);
      /* In place: thousands of files need not be safe on the disk. */
      file = fopen (self->path, "wb");
      g_assert_nonnull (file);
      g_assert_cmpuint (fwrite (bytes->data, 1, bytes->len, file), ==, bytes->len);
      g_assert_cmpint (fclose (file), ==, 0);
      n_refused += !read_file (self);
      n_rounds++;
    }
  g_assert_true (g_file_set_contents (self->path, valid, (gssize) length, NULL));
  g_test_message ("%s: %u of %u refused", self->path, n_refused, n_rounds);
  g_assert_cmpuint (n_refused, >, 0);
}
