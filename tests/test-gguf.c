/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-gguf"

#include "data/moe-gguf.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/moe-error.h"
#include "tests/support/moe-test-gguf.h"

static void
check_valid (const char *path,
             guint       version)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MoeGguf) gguf = moe_gguf_open (path, &error);
  const MoeGgufTensor *tensor;
  guint32 number = 0;
  float real = 0;
  gboolean truth = FALSE;
  const char *text = NULL;
  gsize length = 0;
  MoeGgufValueType type;

  g_assert_no_error (error);
  g_assert_cmpstr (moe_gguf_get_path (gguf), ==, path);
  g_assert_cmpuint (moe_gguf_get_version (gguf), ==, version);
  g_assert_cmpuint (moe_gguf_get_file_bytes (gguf), ==, 4096);
  g_assert_cmpuint (moe_gguf_get_n_keys (gguf), ==, 16);
  g_assert_cmpstr (moe_gguf_get_key (gguf, 2), ==, "u8");
  g_assert_true (moe_gguf_has_key (gguf, "nested"));
  g_assert_false (moe_gguf_has_key (gguf, "neste"));

  g_assert_true (moe_gguf_get_string (gguf, "general.architecture", &text, &error));
  g_assert_cmpstr (text, ==, "qwen3moe");
  g_assert_true (moe_gguf_get_uint (gguf, "u8", &number, &error));
  g_assert_cmpuint (number, ==, 200);
  g_assert_true (moe_gguf_get_uint (gguf, "u16", &number, &error));
  g_assert_cmpuint (number, ==, 60000);
  g_assert_true (moe_gguf_get_uint (gguf, "i64", &number, &error));
  g_assert_cmpuint (number, ==, 77);
  g_assert_true (moe_gguf_get_float (gguf, "f32", &real, &error));
  g_assert_cmpfloat (real, ==, 1.5f);
  real = 0;
  g_assert_true (moe_gguf_get_float (gguf, "f64", &real, &error));
  g_assert_cmpfloat (real, ==, 1.5f);
  g_assert_true (moe_gguf_get_float (gguf, "i16", &real, &error));
  g_assert_cmpfloat (real, ==, -32768.0f);
  g_assert_true (moe_gguf_get_bool (gguf, "yes", &truth, &error));
  g_assert_true (truth);
  g_assert_no_error (error);

  g_assert_true (moe_gguf_get_array_length (gguf, "tokens", &type, &length));
  g_assert_cmpint (type, ==, MOE_GGUF_STRING);
  g_assert_cmpuint (length, ==, 3);
  g_assert_false (moe_gguf_get_array_length (gguf, "u8", &type, &length));

  {
    g_autofree gint32 *ints = moe_gguf_get_int_array (gguf, "ints", &length, &error);
    const gint32 expected[] = { 1, 2, -3 };

    g_assert_no_error (error);
    g_assert_cmpmem (ints, length * sizeof *ints, expected, sizeof expected);
  }
  {
    g_autofree float *floats = moe_gguf_get_float_array (gguf, "floats", &length, &error);
    const float expected[] = { 1.0f, -0.5f };

    g_assert_no_error (error);
    g_assert_cmpmem (floats, length * sizeof *floats, expected, sizeof expected);
  }
  {
    g_autofree MoeGgufString *strings = moe_gguf_get_string_array (gguf, "tokens", &length, &error);

    g_assert_no_error (error);
    g_assert_cmpuint (length, ==, 3);
    g_assert_cmpmem (strings[0].bytes, strings[0].length, "a", 1);
    g_assert_cmpuint (strings[1].length, ==, 0);
    g_assert_cmpmem (strings[2].bytes, strings[2].length, "\xff\0", 2);
  }

  g_assert_cmpuint (moe_gguf_get_n_tensors (gguf), ==, 3);
  tensor = moe_gguf_find_tensor (gguf, "norm");
  g_assert_true (tensor == moe_gguf_get_tensor (gguf, 1));
  g_assert_cmpuint (tensor->n_bytes, ==, 64);
  tensor = moe_gguf_find_tensor (gguf, "blk.0.weight");
  g_assert_cmpint (tensor->type, ==, MOE_TYPE_Q8_0);
  g_assert_cmpuint (tensor->ne[0], ==, 32);
  g_assert_cmpuint (tensor->ne[1], ==, 4);
  g_assert_cmpuint (tensor->ne[3], ==, 1);
  g_assert_cmpuint (tensor->n_bytes, ==, 4 * 34);
  g_assert_cmpuint (tensor->offset % 64, ==, 0);
  g_assert_cmpuint (moe_gguf_find_tensor (gguf, "odd")->n_bytes, ==, 2 * 210);
  g_assert_cmpuint (moe_gguf_find_tensor (gguf, "odd")->offset, ==, tensor->offset + 256);
  g_assert_null (moe_gguf_find_tensor (gguf, "none"));
}

static void
test_valid (void)
{
  g_autofree char *v3 = moe_test_gguf_save_description ("v3.gguf", MOE_TEST_GGUF_VALID);
  g_autofree char *v2 = moe_test_gguf_save_description ("v2.gguf", MOE_TEST_GGUF_HEADER ("4:2") " f:4096");

  check_valid (v3, 3);
  check_valid (v2, 2);
}

/* The smallest file there is, and one whose default alignment leaves a gap before the data. */
static void
test_small (void)
{
  g_autofree char *empty = moe_test_gguf_save_description ("empty.gguf", "'GGUF 4:3 8:0 8:0");
  g_autofree char *one = moe_test_gguf_save_description ("one.gguf",
                                           "'GGUF 4:3 8:1 8:0 s:t 4:1 8:1 4:0 8:0 p:32 4:0x40000000");
  g_autofree char *rare = moe_test_gguf_save_description ("rare.gguf",
                                            "'GGUF 4:3 8:1 8:0 s:t 4:1 8:256 4:16 8:0 p:32 z:66");
  g_autoptr (GError) error = NULL;
  g_autoptr (MoeGguf) gguf = moe_gguf_open (empty, &error);
  float value;

  g_assert_no_error (error);
  g_assert_cmpuint (moe_gguf_get_n_keys (gguf), ==, 0);
  g_assert_cmpuint (moe_gguf_get_n_tensors (gguf), ==, 0);
  moe_gguf_unref (gguf);

  gguf = moe_gguf_open (one, &error);
  g_assert_no_error (error);
  memcpy (&value, moe_gguf_get_tensor (gguf, 0)->data, sizeof value);
  g_assert_cmpfloat (value, ==, 2.0f);
  moe_gguf_unref (gguf);

  /* A type that exists but that we don't compute with loads all the same. */
  gguf = moe_gguf_open (rare, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (moe_tensor_type_get_name (moe_gguf_get_tensor (gguf, 0)->type), ==, "IQ2_XXS");
}

static void
test_getter_errors (void)
{
  g_autofree char *path = moe_test_gguf_save_description ("v3.gguf", MOE_TEST_GGUF_VALID);
  g_autoptr (GError) error = NULL;
  g_autoptr (MoeGguf) gguf = moe_gguf_open (path, &error);
  guint32 number = 42;
  float real = 42;
  gboolean truth = 42;
  const char *text = "42";
  gsize length = 42;
  static const char * const not_uint[] = { "i8", "i32", "u64", "f32", "general.architecture", "ints", "yes" };

  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (not_uint); i++)
    {
      g_assert_false (moe_gguf_get_uint (gguf, not_uint[i], &number, &error));
      g_assert_error (error, MOE_ERROR, MOE_ERROR_FORMAT);
      g_assert_true (g_str_has_prefix (error->message, path));
      g_assert_nonnull (strstr (error->message, not_uint[i]));
      g_clear_error (&error);
    }

  g_assert_false (moe_gguf_get_float (gguf, "yes", &real, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_FORMAT);
  g_clear_error (&error);
  g_assert_false (moe_gguf_get_bool (gguf, "u8", &truth, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_FORMAT);
  g_clear_error (&error);
  g_assert_false (moe_gguf_get_string (gguf, "u8", &text, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_FORMAT);
  g_clear_error (&error);
  g_assert_null (moe_gguf_get_int_array (gguf, "floats", &length, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_FORMAT);
  g_clear_error (&error);
  g_assert_null (moe_gguf_get_int_array (gguf, "u8", &length, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_FORMAT);
  g_clear_error (&error);
  g_assert_null (moe_gguf_get_float_array (gguf, "ints", &length, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_FORMAT);
  g_clear_error (&error);
  g_assert_null (moe_gguf_get_string_array (gguf, "nested", &length, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_FORMAT);
  g_clear_error (&error);

  /* Absent is not an error. */
  g_assert_false (moe_gguf_get_uint (gguf, "absent", &number, &error));
  g_assert_false (moe_gguf_get_float (gguf, "absent", &real, &error));
  g_assert_false (moe_gguf_get_bool (gguf, "absent", &truth, &error));
  g_assert_false (moe_gguf_get_string (gguf, "absent", &text, &error));
  g_assert_null (moe_gguf_get_int_array (gguf, "absent", &length, &error));
  g_assert_null (moe_gguf_get_string_array (gguf, "absent", &length, &error));
  g_assert_no_error (error);

  g_assert_cmpuint (number, ==, 42);
  g_assert_cmpfloat (real, ==, 42);
  g_assert_cmpint (truth, ==, 42);
  g_assert_cmpstr (text, ==, "42");
  g_assert_cmpuint (length, ==, 42);
}

static char *
fingerprint_of (const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MoeGguf) gguf = moe_gguf_open (path, &error);

  g_assert_no_error (error);
  return g_strdup (moe_gguf_get_fingerprint (gguf));
}

static void
test_fingerprint (void)
{
  const char *header_text = "'GGUF 4:3 8:2 8:0 s:big 4:1 8:256 4:0 8:0 s:tiny 4:1 8:2 4:0 8:1024";
  g_autoptr (GByteArray) header = moe_test_gguf_build (header_text);
  g_autofree char *description = g_strconcat (header_text, " p:32 z:1032", NULL);
  g_autoptr (GByteArray) bytes = moe_test_gguf_build (description);
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  g_autofree char *path = NULL;
  g_autofree char *copy = NULL;
  g_autofree char *first = NULL;
  g_autofree char *second = NULL;
  gsize start = (header->len + 31) / 32 * 32;
  guint8 size[8] = { (guint8) bytes->len, (guint8) (bytes->len >> 8) };
  static const struct { gsize offset; gboolean seen; } places[] = {
    { 0, TRUE }, { 63, TRUE }, { 64, FALSE }, { 500, FALSE }, { 959, FALSE }, { 960, TRUE }, { 1023, TRUE },
    { 1024, TRUE }, { 1031, TRUE },
  };

  for (gsize i = start; i < bytes->len; i++)
    bytes->data[i] = (guint8) (i * 7);

  g_checksum_update (checksum, header->data, header->len);
  g_checksum_update (checksum, size, 8);
  g_checksum_update (checksum, bytes->data + start, 64);
  g_checksum_update (checksum, bytes->data + start + 1024 - 64, 64);
  g_checksum_update (checksum, bytes->data + start + 1024, 8);
  g_checksum_update (checksum, bytes->data + start + 1024, 8);

  path = moe_test_gguf_save ("one.gguf", bytes->data, bytes->len);
  copy = moe_test_gguf_save ("two.gguf", bytes->data, bytes->len);
  first = fingerprint_of (path);
  second = fingerprint_of (copy);
  g_assert_cmpstr (first, ==, g_checksum_get_string (checksum));
  g_assert_cmpstr (first, ==, second);

  for (guint i = 0; i < G_N_ELEMENTS (places); i++)
    {
      g_autofree char *changed = NULL;
      g_autofree char *third = NULL;

      bytes->data[start + places[i].offset] ^= 1;
      changed = moe_test_gguf_save ("changed.gguf", bytes->data, bytes->len);
      bytes->data[start + places[i].offset] ^= 1;
      third = fingerprint_of (changed);
      g_assert_cmpint (!g_str_equal (first, third), ==, places[i].seen);
    }
}

static gpointer
read_in_thread (gpointer data)
{
  MoeGguf *gguf = data;

  moe_test_gguf_read_everything (gguf);
  return (gpointer) moe_gguf_get_fingerprint (gguf);
}

static void
test_threads (void)
{
  g_autofree char *path = moe_test_gguf_save_description ("v3.gguf", MOE_TEST_GGUF_VALID);
  g_autoptr (GError) error = NULL;
  g_autoptr (MoeGguf) gguf = moe_gguf_open (path, &error);
  GThread *threads[8];

  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("reader", read_in_thread, gguf);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_assert_true (g_thread_join (threads[i]) == moe_gguf_get_fingerprint (gguf));
}

static void
assert_changed (MoeGguf    *gguf,
                const char *fragment)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (moe_gguf_check_unchanged (gguf, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_IO);
  g_assert_nonnull (strstr (error->message, fragment));
}

static void
test_unchanged (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = moe_test_gguf_save_description ("changing.gguf", MOE_TEST_GGUF_VALID);
  g_autofree char *moved = g_build_filename (moe_test_gguf_get_folder (), "moved.gguf", NULL);
  MoeGguf *gguf = moe_gguf_open (path, &error);
  struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
  int fd;

  g_assert_no_error (error);
  g_assert_true (moe_gguf_check_unchanged (gguf, &error));
  g_assert_no_error (error);

  /* Written to in place. */
  fd = g_open (path, O_WRONLY | O_APPEND, 0);
  g_assert_cmpint (write (fd, "x", 1), ==, 1);
  assert_changed (gguf, "was changed");
  close (fd);
  moe_gguf_unref (gguf);

  /* The same size, another time. */
  gguf = moe_gguf_open (path, &error);
  g_assert_no_error (error);
  g_assert_cmpint (utimensat (AT_FDCWD, path, times, 0), ==, 0);
  assert_changed (gguf, "was changed");
  moe_gguf_unref (gguf);

  /* Moved away, then another in its place. */
  gguf = moe_gguf_open (path, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_rename (path, moved), ==, 0);
  assert_changed (gguf, "went away");
  g_free (moe_test_gguf_save_description ("changing.gguf", MOE_TEST_GGUF_VALID));
  assert_changed (gguf, "was replaced");
  moe_gguf_unref (gguf);
}

static void
test_types (void)
{
  static const struct { guint32 type; const char *name; guint n_values, n_bytes; } expected[] = {
    { MOE_TYPE_F32, "F32", 1, 4 }, { MOE_TYPE_F16, "F16", 1, 2 }, { MOE_TYPE_BF16, "BF16", 1, 2 },
    /* A half as scale and 32 values of 4 or 8 bits. */
    { MOE_TYPE_Q4_0, "Q4_0", 32, 2 + 16 }, { MOE_TYPE_Q8_0, "Q8_0", 32, 2 + 32 },
    /* Super-blocks of 256: two halves and 12 bytes of scales; the sixth bit apart; 16 scales and a half. */
    { MOE_TYPE_Q4_K, "Q4_K", 256, 4 + 12 + 128 }, { MOE_TYPE_Q5_K, "Q5_K", 256, 4 + 12 + 128 + 32 },
    { MOE_TYPE_Q6_K, "Q6_K", 256, 128 + 64 + 16 + 2 },
    { MOE_TYPE_MXFP4, "MXFP4", 32, 1 + 16 },
  };
  guint n_values, n_bytes, phases;
  MoePhase phase;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (expected); i++)
    {
      g_assert_cmpstr (moe_tensor_type_get_name (expected[i].type), ==, expected[i].name);
      g_assert_true (moe_tensor_type_get_block (expected[i].type, &n_values, &n_bytes));
      g_assert_cmpuint (n_values, ==, expected[i].n_values);
      g_assert_cmpuint (n_bytes, ==, expected[i].n_bytes);
    }
  g_assert_null (moe_tensor_type_get_name (5));
  g_assert_null (moe_tensor_type_get_name (G_MAXUINT32));
  g_assert_false (moe_tensor_type_get_block (1000, &n_values, &n_bytes));

  for (guint i = 0; i < MOE_N_PHASES; i++)
    {
      g_assert_true (moe_phase_parse (moe_phase_get_name ((MoePhase) i), &phase));
      g_assert_cmpuint (phase, ==, i);
    }
  g_assert_false (moe_phase_parse ("Answer", &phase));
  g_assert_true (moe_phases_parse ("all", &phases, &error));
  g_assert_cmphex (phases, ==, 0x1f);
  g_assert_true (moe_phases_parse ("answer,prompt-template", &phases, &error));
  g_assert_cmphex (phases, ==, MOE_PHASE_BIT (MOE_PHASE_ANSWER) | MOE_PHASE_BIT (MOE_PHASE_TEMPLATE));
  g_assert_no_error (error);
  g_assert_false (moe_phases_parse ("answer,,prompt", &phases, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_false (moe_phases_parse ("", &phases, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_INVALID);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/gguf/types", test_types);
  g_test_add_func ("/gguf/valid", test_valid);
  g_test_add_func ("/gguf/small", test_small);
  g_test_add_func ("/gguf/getter-errors", test_getter_errors);
  g_test_add_func ("/gguf/fingerprint", test_fingerprint);
  g_test_add_func ("/gguf/threads", test_threads);
  g_test_add_func ("/gguf/unchanged", test_unchanged);
  return moe_test_gguf_run ();
}
