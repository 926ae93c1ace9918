/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-gguf-parts"

/* Models in several files: a generated checkpoint cut into parts gives the same logits, damaged sets give a
 * sentence. */

#include <glib/gstdio.h>
#include <string.h>

#include "data/moe-error.h"
#include "data/moe-gguf-private.h"
#include "tests/support/moe-checkpoint.h"
#include "tests/support/moe-logits-run.h"

#define N_PARTS 3

/* How a set of parts is spoilt. */
typedef struct
{
  const char *name;
  MoeError    code;
  const char *message;      /* a part of it */
  guint       bad;          /* the part it is about, from 0 */
  int         number;       /* its split.no plus this; -100: no such key */
  int         n_parts;      /* split.count plus this */
  int         n_tensors;    /* split.tensors.count plus this */
  gboolean    twice;        /* it has the first tensor of the part before too */
  gboolean    gone, cut, other_name;
  guint       open;         /* the part that is opened */
} Damage;

static void
put_uint (GByteArray *out,
          guint64     value,
          guint       width)
{
  guint64 little = GUINT64_TO_LE (value);

  g_byte_array_append (out, (const guint8 *) &little, width);
}

static void
put_key (GByteArray *out,
         const char *key,
         guint       type,
         guint64     value,
         guint       width)
{
  put_uint (out, strlen (key), 8);
  g_byte_array_append (out, (const guint8 *) key, (guint) strlen (key));
  put_uint (out, type, 4);
  put_uint (out, value, width);
}

static gsize
info_bytes (const MoeGgufTensor *tensor)
{
  return 8 + strlen (tensor->name) + 4 + 8 * tensor->n_dims + 4 + 8;
}

static void
pad (GByteArray *out)
{
  while (out->len % 32 != 0)
    put_uint (out, 0, 1);
}

/* Part @part with the tensors from @begin to @end of @whole. */
static GByteArray *
make_part (const MoeGguf *whole,
           guint          part,
           guint          begin,
           guint          end,
           const Damage  *damage)
{
  gboolean bad = damage != NULL && damage->bad == part;
  GByteArray *out = g_byte_array_new ();
  gsize infos = 0, offset = 0;

  for (guint i = 0; i < whole->n_tensors; i++)
    infos += info_bytes (&whole->tensors[i]);
  g_byte_array_append (out, (const guint8 *) "GGUF", 4);
  put_uint (out, 3, 4);
  put_uint (out, end - begin, 8);
  put_uint (out, (part == 0 ? whole->n_keys : 0) + (bad && damage->number == -100 ? 2 : 3), 8);
  if (part == 0)
    g_byte_array_append (out, whole->data + 24, (guint) (whole->header_bytes - infos - 24));
  if (!bad || damage->number != -100)
    put_key (out, "split.no", MOE_GGUF_UINT16, part + (guint) (bad ? damage->number : 0), 2);
  put_key (out, "split.count", MOE_GGUF_UINT16, (guint64) (N_PARTS + (bad ? damage->n_parts : 0)), 2);
  put_key (out, "split.tensors.count", MOE_GGUF_INT32,
           (guint64) ((int) whole->n_tensors + (bad ? damage->n_tensors : 0)), 4);
  for (guint i = begin; i < end; i++)
    {
      const MoeGgufTensor *tensor = &whole->tensors[i];

      put_uint (out, strlen (tensor->name), 8);
      g_byte_array_append (out, (const guint8 *) tensor->name, (guint) strlen (tensor->name));
      put_uint (out, tensor->n_dims, 4);
      for (guint d = 0; d < tensor->n_dims; d++)
        put_uint (out, tensor->ne[d], 8);
      put_uint (out, (guint64) tensor->type, 4);
      put_uint (out, offset, 8);
      offset += (tensor->n_bytes + 31) / 32 * 32;
    }
  pad (out);
  for (guint i = begin; i < end; i++)
    {
      g_byte_array_append (out, whole->tensors[i].data, (guint) whole->tensors[i].n_bytes);
      pad (out);
    }
  if (bad && damage->cut)
    g_byte_array_set_size (out, out->len - 64);
  return out;
}

typedef struct
{
  char *folder;
  char *whole;          /* path */
  char *parts[N_PARTS]; /* paths */
} Fixture;

static void
set_up (Fixture       *fixture,
        gconstpointer  data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MoeGguf) gguf = NULL;
  const Damage *damage = data;

  fixture->folder = g_dir_make_tmp ("moe-parts-XXXXXX", &error);
  g_assert_no_error (error);
  fixture->whole = g_build_filename (fixture->folder, "whole.gguf", NULL);
  moe_checkpoint_write (moe_checkpoint_find ("qwen3moe-q8_0"), FALSE, fixture->whole, &error);
  g_assert_no_error (error);
  gguf = moe_gguf_open (fixture->whole, &error);
  g_assert_no_error (error);
  for (guint part = 0; part < N_PARTS; part++)
    {
      guint begin = gguf->n_tensors * part / N_PARTS;
      guint end = gguf->n_tensors * (part + 1) / N_PARTS;
      gboolean bad = damage != NULL && damage->bad == part;
      g_autofree char *name = g_strdup_printf (bad && damage->other_name ? "renamed-%u-%u.gguf"
                                               : "m-%05u-of-%05u.gguf", part + 1, N_PARTS);
      g_autoptr (GByteArray) bytes = NULL;

      if (bad && damage->twice)
        begin--;
      bytes = make_part (gguf, part, begin, end, damage);
      fixture->parts[part] = g_build_filename (fixture->folder, name, NULL);
      g_file_set_contents (fixture->parts[part], (const char *) bytes->data, bytes->len, &error);
      g_assert_no_error (error);
      if (bad && damage->gone)
        g_unlink (fixture->parts[part]);
    }
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  data)
{
  g_unlink (fixture->whole);
  for (guint part = 0; part < N_PARTS; part++)
    {
      g_unlink (fixture->parts[part]);
      g_free (fixture->parts[part]);
    }
  g_rmdir (fixture->folder);
  g_free (fixture->whole);
  g_free (fixture->folder);
}

static float *
run (const char *path,
     gsize      *n)
{
  static const gint32 tokens[] = { 3, 70, 11, 200, 42, 7, 99, 5 };
  MoeLogitsRun how = { .threads = 1 };
  g_autoptr (GError) error = NULL;
  MoeModel *model = moe_model_open (path, NULL, NULL, NULL, &error);
  float *logits;

  g_assert_no_error (error);
  logits = moe_logits_run (model, &how, tokens, G_N_ELEMENTS (tokens), NULL, NULL);
  *n = G_N_ELEMENTS (tokens) * moe_model_get_info (model)->vocabulary;
  moe_model_unref (model);
  return logits;
}

static void
test_logits (Fixture       *fixture,
             gconstpointer  data)
{
  gsize n, n_parts;
  g_autofree float *whole = run (fixture->whole, &n);
  g_autofree float *parts = run (fixture->parts[0], &n_parts);

  g_assert_cmpmem (parts, n_parts * sizeof (float), whole, n * sizeof (float));
}

/* The parts count as one file: its size, its fingerprint, and that it is still there. */
static void
test_whole (Fixture       *fixture,
            gconstpointer  data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MoeGguf) whole = moe_gguf_open (fixture->whole, &error);
  g_autoptr (MoeGguf) gguf = moe_gguf_open (fixture->parts[0], &error);
  g_autoptr (MoeGguf) changed = NULL;
  guint64 bytes = 0;
  g_autofree char *contents = NULL;
  gsize length;

  g_assert_no_error (error);
  g_assert_cmpuint (moe_gguf_get_n_tensors (gguf), ==, moe_gguf_get_n_tensors (whole));
  for (guint i = 0; i < moe_gguf_get_n_tensors (whole); i++)
    {
      const MoeGgufTensor *expected = moe_gguf_get_tensor (whole, i);
      const MoeGgufTensor *tensor = moe_gguf_find_tensor (gguf, expected->name);

      g_assert_nonnull (tensor);
      g_assert_cmpmem (tensor->data, tensor->n_bytes, expected->data, expected->n_bytes);
    }
  for (guint part = 0; part < N_PARTS; part++)
    {
      GStatBuf status;

      g_assert_cmpint (g_stat (fixture->parts[part], &status), ==, 0);
      bytes += (guint64) status.st_size;
    }
  g_assert_cmpuint (moe_gguf_get_file_bytes (gguf), ==, bytes);
  g_assert_true (moe_gguf_check_unchanged (gguf, &error));
  g_assert_no_error (error);

  /* A byte more in the last part: noticed, and another fingerprint. */
  g_file_get_contents (fixture->parts[2], &contents, &length, &error);
  g_assert_no_error (error);
  g_file_set_contents (fixture->parts[2], contents, (gssize) length + 1, &error);
  g_assert_no_error (error);
  g_assert_false (moe_gguf_check_unchanged (gguf, &error));
  g_assert_nonnull (strstr (error->message, fixture->parts[2]));
  g_clear_error (&error);
  changed = moe_gguf_open (fixture->parts[0], &error);
  g_assert_no_error (error);
  g_assert_cmpstr (moe_gguf_get_fingerprint (changed), !=, moe_gguf_get_fingerprint (gguf));
}

static void
test_damage (Fixture       *fixture,
             gconstpointer  data)
{
  const Damage *damage = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (MoeGguf) gguf = moe_gguf_open (fixture->parts[damage->open], &error);

  g_assert_null (gguf);
  g_assert_error (error, MOE_ERROR, (int) damage->code);
  if (strstr (error->message, damage->message) == NULL)
    g_error ("\"%s\" does not say \"%s\"", error->message, damage->message);
  g_assert_null (strchr (error->message, '\n'));
}

int
main (int   argc,
      char *argv[])
{
  static const Damage damages[] = {
    { "gone", MOE_ERROR_IO, "part 2 of 3", .bad = 1, .gone = TRUE },
    { "cut-off", MOE_ERROR_FORMAT, "is cut off", .bad = 2, .cut = TRUE },
    { "not-first", MOE_ERROR_INVALID, "open the first, whose name ends in -00001-of-00003.gguf", .bad = 99,
      .open = 2 },
    { "renamed", MOE_ERROR_FORMAT, "name does not end in -00001-of-00003.gguf", .other_name = TRUE },
    { "another-part", MOE_ERROR_FORMAT, "is part 3 of 3 by its keys", .bad = 1, .number = 1 },
    { "another-count", MOE_ERROR_FORMAT, "is part 2 of 4 by its keys", .bad = 1, .n_parts = 1 },
    { "alone", MOE_ERROR_FORMAT, "is part 1 of 1 by its keys", .bad = 1, .n_parts = 1 - N_PARTS },
    { "no-number", MOE_ERROR_FORMAT, "'split.no' that says which is missing", .bad = 2, .number = -100 },
    { "number-too-large", MOE_ERROR_FORMAT, "claims to be part 7 of 3", .bad = 2, .number = 4 },
    { "too-many", MOE_ERROR_LIMIT, "more than the 512 allowed", .n_parts = 1000 },
    { "tensor-twice", MOE_ERROR_FORMAT, "is in an earlier part too", .bad = 1, .twice = TRUE },
    { "tensor-missing", MOE_ERROR_FORMAT, "promised", .n_tensors = 1 },
  };

  g_test_init (&argc, &argv, NULL);
  g_test_add ("/gguf-parts/logits", Fixture, NULL, set_up, test_logits, tear_down);
  g_test_add ("/gguf-parts/whole", Fixture, NULL, set_up, test_whole, tear_down);
  for (guint i = 0; i < G_N_ELEMENTS (damages); i++)
    {
      g_autofree char *path = g_strconcat ("/gguf-parts/damaged/", damages[i].name, NULL);

      g_test_add (path, Fixture, &damages[i], set_up, test_damage, tear_down);
    }
  return g_test_run ();
}
