/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-gguf"

#include "data/moe-gguf.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/moe-error.h"

static char *folder;

static void
put_number (GByteArray *out,
            guint       size,
            guint64     number)
{
  for (guint i = 0; i < size; i++)
    {
      guint8 byte = (guint8) (number >> (8 * i));

      g_byte_array_append (out, &byte, 1);
    }
}

/* Builds a file from a description of its bytes. Words, separated by spaces: "4:3" is the number 3 in four
 * bytes, "s:key" a string with its length, "'GGUF" the bytes themselves, "z:9" nine zeros, "x:ff00" bytes
 * in hexadecimal, "p:32" zeros up to a multiple of 32, "f:100" zeros up to byte 100. */
static GByteArray *
build (const char *description)
{
  g_auto (GStrv) words = g_strsplit (description, " ", -1);
  GByteArray *out = g_byte_array_new ();

  for (guint i = 0; words[i] != NULL; i++)
    {
      const char *word = words[i], *rest = word + 2;
      guint64 number = word[0] != '\0' && word[1] == ':' ? g_ascii_strtoull (rest, NULL, 0) : 0;

      switch (word[0])
        {
        case '\'':
          g_byte_array_append (out, (const guint8 *) word + 1, (guint) strlen (word + 1));
          break;
        case 's':
          put_number (out, 8, strlen (rest));
          g_byte_array_append (out, (const guint8 *) rest, (guint) strlen (rest));
          break;
        case 'z':
          g_byte_array_set_size (out, out->len + (guint) number);
          memset (out->data + out->len - number, 0, number);
          break;
        case 'x':
          for (; *rest != '\0'; rest += 2)
            put_number (out, 1, (guint64) (g_ascii_xdigit_value (rest[0]) * 16 + g_ascii_xdigit_value (rest[1])));
          break;
        case 'p':
          while (out->len % number != 0)
            put_number (out, 1, 0);
          break;
        case 'f':
          while (out->len < number)
            put_number (out, 1, 0);
          break;
        case '1':
        case '2':
        case '4':
        case '8':
          put_number (out, (guint) (word[0] - '0'), number);
          break;
        case '\0':
          break;
        default:
          g_assert_not_reached ();
        }
    }

  return out;
}

static char *
save (const char   *name,
      const guint8 *data,
      gsize         length)
{
  char *path = g_build_filename (folder, name, NULL);
  int fd = g_open (path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (write (fd, data, length), ==, (gssize) length);
  g_assert_cmpint (close (fd), ==, 0);
  return path;
}

static char *
save_description (const char *name,
                  const char *description)
{
  g_autoptr (GByteArray) bytes = build (description);

  return save (name, bytes->data, bytes->len);
}

/* Three tensors, 16 keys of all kinds; exactly one page, so that a read behind the end is a fault. */
#define VALID_HEADER_VERSION(version) \
  "'GGUF " version " 8:3 8:16 " \
  "s:general.architecture 4:8 s:qwen3moe " \
  "s:general.alignment 4:4 4:64 " \
  "s:u8 4:0 1:200 s:i8 4:1 1:0xfe s:u16 4:2 2:60000 s:i16 4:3 2:0x8000 s:i32 4:5 4:0xffffffff " \
  "s:u64 4:10 8:5000000000 s:i64 4:11 8:77 s:f32 4:6 4:0x3fc00000 s:f64 4:12 8:0x3ff8000000000000 " \
  "s:yes 4:7 1:1 " \
  "s:ints 4:9 4:5 8:3 4:1 4:2 4:0xfffffffd " \
  "s:floats 4:9 4:6 8:2 4:0x3f800000 4:0xbf000000 " \
  "s:tokens 4:9 4:8 8:3 s:a 8:0 8:2 x:ff00 " \
  "s:nested 4:9 4:9 8:2 4:4 8:1 4:7 4:8 8:1 s:deep " \
  "s:blk.0.weight 4:2 8:32 8:4 4:8 8:0 " \
  "s:norm 4:1 8:16 4:0 8:192 " \
  "s:odd 4:4 8:256 8:1 8:2 8:1 4:14 8:256"
#define VALID VALID_HEADER_VERSION ("4:3") " f:4096"

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
  g_autofree char *v3 = save_description ("v3.gguf", VALID);
  g_autofree char *v2 = save_description ("v2.gguf", VALID_HEADER_VERSION ("4:2") " f:4096");

  check_valid (v3, 3);
  check_valid (v2, 2);
}

/* The smallest file there is, and one whose default alignment leaves a gap before the data. */
static void
test_small (void)
{
  g_autofree char *empty = save_description ("empty.gguf", "'GGUF 4:3 8:0 8:0");
  g_autofree char *one = save_description ("one.gguf", "'GGUF 4:3 8:1 8:0 s:t 4:1 8:1 4:0 8:0 p:32 4:0x40000000");
  g_autofree char *rare = save_description ("rare.gguf", "'GGUF 4:3 8:1 8:0 s:t 4:1 8:256 4:16 8:0 p:32 z:66");
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
  g_autofree char *path = save_description ("v3.gguf", VALID);
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

/* A header of one tensor called "t", up to what the cases damage. */
#define TENSOR "'GGUF 4:3 8:1 8:0 s:t "
#define KEY "'GGUF 4:3 8:0 8:1 s:k "

static const struct
{
  const char *name;
  const char *bytes;
  MoeError    code;
  const char *fragment;
} damaged[] = {
  { "empty", "", MOE_ERROR_FORMAT, "the file is empty" },
  { "html", "'<!DOCTYPE x:20 'html><html>", MOE_ERROR_FORMAT, "is an HTML page" },
  { "html-indented", "x:0a0d20 '<HTML><body>", MOE_ERROR_FORMAT, "is an HTML page" },
  { "zip", "'PK x:0304 z:40", MOE_ERROR_FORMAT, "is a zip archive" },
  { "gzip", "x:1f8b08 z:40", MOE_ERROR_FORMAT, "is gzip-compressed" },
  { "safetensors", "8:12 '{\"a\":{}} z:30", MOE_ERROR_FORMAT, "is a safetensors file" },
  { "json", "'{\"model\":1} z:30", MOE_ERROR_FORMAT, "is JSON text" },
  { "lfs", "'version x:20 'https://git-lfs.github.com/spec/v1", MOE_ERROR_FORMAT, "is only the Git LFS pointer" },
  { "sqlite", "'SQLite x:20 'format x:20 '3 z:9", MOE_ERROR_FORMAT, "is an SQLite database" },
  { "ggml", "'tjgg 4:3 z:30", MOE_ERROR_FORMAT, "from before GGUF" },
  { "text", "'hello", MOE_ERROR_FORMAT, "is not a GGUF model (it starts with the bytes 68 65 6c 6c)" },
  { "magic-only", "'GGUF", MOE_ERROR_FORMAT, "the version at byte 4 needs 4 bytes but 0 are left" },
  { "part-of-magic", "'GG", MOE_ERROR_FORMAT, "the file is cut off" },
  { "version-0", "'GGUF 4:0 8:0 8:0", MOE_ERROR_UNSUPPORTED, "unknown version 0" },
  { "version-1", "'GGUF 4:1 4:0 4:0", MOE_ERROR_UNSUPPORTED, "version 1, which is not supported" },
  { "version-4", "'GGUF 4:4 8:0 8:0", MOE_ERROR_UNSUPPORTED, "unknown version 4" },
  { "big-endian", "'GGUF x:00000003 8:0 8:0", MOE_ERROR_UNSUPPORTED, "is a big-endian GGUF" },
  { "no-counts", "'GGUF 4:3 8:0", MOE_ERROR_FORMAT, "the number of keys" },
  { "too-many-keys", "'GGUF 4:3 8:0 8:1000 z:100", MOE_ERROR_FORMAT, "claims 1000 keys, more than its 124 bytes" },
  { "keys-overflow", "'GGUF 4:3 8:0 8:0xffffffffffffffff z:100", MOE_ERROR_FORMAT, "18446744073709551615 keys" },
  { "too-many-tensors", "'GGUF 4:3 8:1000 8:0 z:100", MOE_ERROR_FORMAT, "claims 1000 tensors" },
  { "keys-limit", "'GGUF 4:3 8:0 8:1048577 z:14000000", MOE_ERROR_LIMIT, "has 1048577 keys, more than the 1048576" },
  { "tensors-limit", "'GGUF 4:3 8:1048577 8:0 z:34000000", MOE_ERROR_LIMIT, "has 1048577 tensors" },
  { "key-length", "'GGUF 4:3 8:0 8:1 8:999 z:50", MOE_ERROR_FORMAT, "key 1 of 1 at byte 32 needs 999 bytes but 50" },
  { "key-length-overflow", "'GGUF 4:3 8:0 8:1 8:0xffffffffffffffff z:50", MOE_ERROR_FORMAT, "key 1 of 1 at byte 32" },
  { "key-too-long", "'GGUF 4:3 8:0 8:1 8:65536 z:65600", MOE_ERROR_LIMIT, "65536 bytes, more than the 65535" },
  { "key-empty", "'GGUF 4:3 8:0 8:1 s: 4:4 4:1", MOE_ERROR_FORMAT, "key 1 of 1 has an empty name" },
  { "key-not-utf8", "'GGUF 4:3 8:0 8:1 8:2 x:c328 4:4 4:1", MOE_ERROR_FORMAT, "which is not valid UTF-8" },
  { "key-with-nul", "'GGUF 4:3 8:0 8:1 8:2 x:6100 4:4 4:1", MOE_ERROR_FORMAT, "which is not valid UTF-8" },
  { "key-twice", "'GGUF 4:3 8:0 8:2 s:same 4:4 4:1 s:same 4:4 4:1", MOE_ERROR_FORMAT,
    "key 2 of 2 has the name 'same', which is already taken" },
  { "value-type", KEY "4:13 8:0", MOE_ERROR_FORMAT, "key 'k' has the unknown value type 13" },
  { "value-cut", KEY "4:10 4:0", MOE_ERROR_FORMAT, "key 'k' at byte 37 needs 8 bytes but 4 are left" },
  { "text-cut", KEY "4:8 8:50 z:8", MOE_ERROR_FORMAT, "key 'k' at byte 45 needs 50 bytes but 8 are left" },
  { "text-not-utf8", KEY "4:8 8:2 x:ff41", MOE_ERROR_FORMAT, "key 'k' holds text that is not valid UTF-8" },
  { "text-limit", KEY "4:8 8:67108865 z:67108870", MOE_ERROR_LIMIT, "more than the 67108864 allowed" },
  { "bool", KEY "4:7 1:2", MOE_ERROR_FORMAT, "key 'k' holds a truth value of 2" },
  { "bool-array", KEY "4:9 4:7 8:3 x:010003", MOE_ERROR_FORMAT, "key 'k' holds a truth value of 3" },
  { "array-type", KEY "4:9 4:99 8:1 z:9", MOE_ERROR_FORMAT, "key 'k' has the unknown value type 99" },
  { "array-cut", KEY "4:9 4:4 8:3 4:1 4:2", MOE_ERROR_FORMAT, "needs 12 bytes but 8 are left" },
  { "array-overflow", KEY "4:9 4:4 8:0x4000000000000001 4:1", MOE_ERROR_FORMAT, "key 'k' at byte 49" },
  { "array-of-text-overflow", KEY "4:9 4:8 8:0xffffffffffffffff s:a", MOE_ERROR_FORMAT, "key 'k' at byte 58" },
  { "array-depth", KEY "4:9 4:9 8:1 4:9 8:1 4:9 8:1 4:9 8:1 4:9 8:1 4:0 8:1 1:1", MOE_ERROR_LIMIT, "nests arrays" },
  { "alignment-0", "'GGUF 4:3 8:0 8:1 s:general.alignment 4:4 4:0", MOE_ERROR_FORMAT, "'general.alignment' is 0" },
  { "alignment-48", "'GGUF 4:3 8:0 8:1 s:general.alignment 4:4 4:48", MOE_ERROR_FORMAT, "not a power of two" },
  { "alignment-4", "'GGUF 4:3 8:0 8:1 s:general.alignment 4:4 4:4", MOE_ERROR_FORMAT, "not a power of two from 8" },
  { "alignment-huge", "'GGUF 4:3 8:0 8:1 s:general.alignment 4:4 4:0x80000000", MOE_ERROR_FORMAT, "is 2147483648" },
  { "alignment-text", "'GGUF 4:3 8:0 8:1 s:general.alignment 4:8 s:32", MOE_ERROR_FORMAT, "is a string, not an integer" },
  { "tensor-name-empty", "'GGUF 4:3 8:1 8:0 s: 4:1 8:1 4:0 8:0 z:64", MOE_ERROR_FORMAT, "tensor 1 of 1 has an empty" },
  { "tensor-twice", "'GGUF 4:3 8:2 8:0 s:t 4:1 8:1 4:0 8:0 s:t 4:1 8:1 4:0 8:32 p:32 z:64", MOE_ERROR_FORMAT,
    "tensor 2 of 2 has the name 't', which is already taken" },
  { "dims-0", TENSOR "4:0 4:0 8:0 z:64", MOE_ERROR_FORMAT, "tensor 't' has 0 dimensions" },
  { "dims-5", TENSOR "4:5 8:1 8:1 8:1 8:1 8:1 4:0 8:0 z:64", MOE_ERROR_FORMAT, "tensor 't' has 5 dimensions" },
  { "dims-huge", TENSOR "4:0xffffffff z:64", MOE_ERROR_FORMAT, "tensor 't' has 4294967295 dimensions" },
  { "dim-zero", TENSOR "4:2 8:32 8:0 4:0 8:0 z:64", MOE_ERROR_FORMAT, "tensor 't' has a dimension of 0" },
  { "dims-overflow", TENSOR "4:3 8:0x100000000 8:0x100000000 8:2 4:0 8:0 z:64", MOE_ERROR_FORMAT,
    "tensor 't' has impossibly large dimensions" },
  { "dim-negative", TENSOR "4:1 8:0xffffffffffffffe0 4:0 8:0 z:64", MOE_ERROR_FORMAT, "impossibly large" },
  { "bytes-overflow", TENSOR "4:1 8:0x7fffffffffffffff 4:0 8:0 z:64", MOE_ERROR_FORMAT, "impossibly large" },
  { "dims-cut", TENSOR "4:4 8:1 8:1 8:1", MOE_ERROR_FORMAT, "tensor 't' at byte 61 needs 8 bytes but 0 are left" },
  { "type-unknown", TENSOR "4:1 8:32 4:77 8:0 z:64", MOE_ERROR_UNSUPPORTED, "tensor 't' has the unknown type number 77" },
  { "type-removed", TENSOR "4:1 8:32 4:4 8:0 z:64", MOE_ERROR_UNSUPPORTED, "tensor 't' has the unknown type number 4" },
  { "row-length", TENSOR "4:2 8:48 8:2 4:8 8:0 p:32 z:200", MOE_ERROR_FORMAT,
    "rows of 48 values, not a multiple of the 32 in a Q8_0 block" },
  { "row-length-k", TENSOR "4:2 8:128 8:2 4:12 8:0 p:32 z:200", MOE_ERROR_FORMAT, "the 256 in a Q4_K block" },
  { "offset-unaligned", TENSOR "4:1 8:4 4:0 8:8 p:32 z:64", MOE_ERROR_FORMAT, "offset 8, not a multiple of 32" },
  { "offset-behind", TENSOR "4:1 8:4 4:0 8:4096 p:32 z:64", MOE_ERROR_FORMAT,
    "the data of tensor 't' ends after its last byte" },
  { "offset-overflow", TENSOR "4:1 8:4 4:0 8:0xffffffffffffffe0 p:32 z:64", MOE_ERROR_FORMAT, "ends after" },
  { "data-cut", TENSOR "4:1 8:4 4:0 8:0 p:32 z:15", MOE_ERROR_FORMAT, "ends after its last byte" },
  { "data-missing", TENSOR "4:1 8:4 4:0 8:0", MOE_ERROR_FORMAT, "ends after its last byte" },
  { "overlap", "'GGUF 4:3 8:2 8:0 s:a 4:1 8:32 4:0 8:0 s:b 4:1 8:4 4:0 8:96 p:32 z:256", MOE_ERROR_FORMAT,
    "the data of tensors 'a' and 'b' overlap" },
  { "tensor-list-cut", "'GGUF 4:3 8:2 8:0 s:a 4:1 8:8 4:0 8:0", MOE_ERROR_FORMAT, "claims 2 tensors" },
};

static void
test_damaged (gconstpointer data)
{
  guint index = GPOINTER_TO_UINT (data);
  g_autofree char *path = save_description ("damaged.gguf", damaged[index].bytes);
  g_autofree char *prefix = g_strconcat (path, ": ", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_null (moe_gguf_open (path, &error));
  g_assert_error (error, MOE_ERROR, (int) damaged[index].code);
  g_test_message ("%s", error->message);
  g_assert_true (g_str_has_prefix (error->message, prefix));
  g_assert_nonnull (strstr (error->message, damaged[index].fragment));
  g_assert_null (strchr (error->message, '\n'));
}

static void
test_not_a_file (void)
{
  g_autofree char *missing = g_build_filename (folder, "missing.gguf", NULL);
  g_autofree char *pipe = g_build_filename (folder, "pipe", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_null (moe_gguf_open (missing, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_IO);
  g_assert_true (g_str_has_suffix (error->message, ": No such file or directory"));
  g_clear_error (&error);

  g_assert_null (moe_gguf_open (folder, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_IO);
  g_assert_nonnull (strstr (error->message, "is a folder"));
  g_clear_error (&error);

  g_assert_cmpint (mkfifo (pipe, 0600), ==, 0);
  g_assert_null (moe_gguf_open (pipe, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_IO);
  g_assert_nonnull (strstr (error->message, "is not a regular file"));
}

/* Reads everything a file offers; what is damaged must have been refused or be harmless. */
static guint64
read_everything (MoeGguf *gguf)
{
  guint64 sum = strlen (moe_gguf_get_fingerprint (gguf));

  for (guint i = 0; i < moe_gguf_get_n_keys (gguf); i++)
    {
      const char *key = moe_gguf_get_key (gguf, i), *text;
      guint32 number;
      float real;
      gboolean truth;
      gsize length;
      g_autofree gint32 *ints = moe_gguf_get_int_array (gguf, key, &length, NULL);
      g_autofree float *floats = moe_gguf_get_float_array (gguf, key, &length, NULL);
      g_autofree MoeGgufString *strings = NULL;

      g_assert_true (g_utf8_validate (key, -1, NULL));
      moe_gguf_get_uint (gguf, key, &number, NULL);
      moe_gguf_get_float (gguf, key, &real, NULL);
      moe_gguf_get_bool (gguf, key, &truth, NULL);
      if (moe_gguf_get_string (gguf, key, &text, NULL))
        g_assert_true (g_utf8_validate (text, -1, NULL));
      strings = moe_gguf_get_string_array (gguf, key, &length, NULL);
      for (gsize j = 0; strings != NULL && j < length; j++)
        for (gsize k = 0; k < strings[j].length; k++)
          sum += (guint8) strings[j].bytes[k];
    }

  for (guint i = 0; i < moe_gguf_get_n_tensors (gguf); i++)
    {
      const MoeGgufTensor *tensor = moe_gguf_get_tensor (gguf, i);

      g_assert_true (moe_gguf_find_tensor (gguf, tensor->name) == tensor);
      g_assert_cmpuint (tensor->offset + tensor->n_bytes, <=, moe_gguf_get_file_bytes (gguf));
      for (guint64 j = 0; j < tensor->n_bytes; j++)
        sum += tensor->data[j];
    }

  return sum;
}

static void
test_truncated (void)
{
  /* Without anything behind the last tensor, which any cut then damages. */
  g_autoptr (GByteArray) bytes = build (VALID_HEADER_VERSION ("4:3") " p:64 z:256 z:420");

  for (guint length = 0; length <= bytes->len; length++)
    {
      g_autofree char *path = save ("truncated.gguf", bytes->data, length);
      g_autoptr (GError) error = NULL;
      g_autoptr (MoeGguf) gguf = moe_gguf_open (path, &error);

      if (length < bytes->len)
        {
          g_assert_error (error, MOE_ERROR, MOE_ERROR_FORMAT);
          g_assert_true (g_str_has_prefix (error->message, path));
        }
      else
        {
          g_assert_no_error (error);
          g_assert_cmpuint (read_everything (gguf), >, 0);
        }
    }
}

static void
test_bit_flips (void)
{
  g_autoptr (GByteArray) bytes = build (VALID);
  g_autoptr (GByteArray) header = build (VALID_HEADER_VERSION ("4:3"));
  guint n_loaded = 0, n_refused = 0;

  for (guint bit = 0; bit < header->len * 8; bit++)
    {
      g_autofree char *path = NULL;
      g_autoptr (GError) error = NULL;
      g_autoptr (MoeGguf) gguf = NULL;

      bytes->data[bit / 8] ^= (guint8) (1u << (bit % 8));
      path = save ("flipped.gguf", bytes->data, bytes->len);
      bytes->data[bit / 8] ^= (guint8) (1u << (bit % 8));

      gguf = moe_gguf_open (path, &error);
      if (gguf != NULL)
        {
          g_assert_no_error (error);
          read_everything (gguf);
          n_loaded++;
        }
      else
        {
          g_assert_nonnull (error);
          n_refused++;
        }
    }

  /* Flips in values change what is read, flips in lengths and types cannot all go unnoticed. */
  g_assert_cmpuint (n_loaded, >, 0);
  g_assert_cmpuint (n_refused, >, header->len * 8 / 4);
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
  g_autoptr (GByteArray) header = build (header_text);
  g_autofree char *description = g_strconcat (header_text, " p:32 z:1032", NULL);
  g_autoptr (GByteArray) bytes = build (description);
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

  path = save ("one.gguf", bytes->data, bytes->len);
  copy = save ("two.gguf", bytes->data, bytes->len);
  first = fingerprint_of (path);
  second = fingerprint_of (copy);
  g_assert_cmpstr (first, ==, g_checksum_get_string (checksum));
  g_assert_cmpstr (first, ==, second);

  for (guint i = 0; i < G_N_ELEMENTS (places); i++)
    {
      g_autofree char *changed = NULL;
      g_autofree char *third = NULL;

      bytes->data[start + places[i].offset] ^= 1;
      changed = save ("changed.gguf", bytes->data, bytes->len);
      bytes->data[start + places[i].offset] ^= 1;
      third = fingerprint_of (changed);
      g_assert_cmpint (!g_str_equal (first, third), ==, places[i].seen);
    }
}

static gpointer
read_in_thread (gpointer data)
{
  MoeGguf *gguf = data;

  read_everything (gguf);
  return (gpointer) moe_gguf_get_fingerprint (gguf);
}

static void
test_threads (void)
{
  g_autofree char *path = save_description ("v3.gguf", VALID);
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
  g_autofree char *path = save_description ("changing.gguf", VALID);
  g_autofree char *moved = g_build_filename (folder, "moved.gguf", NULL);
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
  g_free (save_description ("changing.gguf", VALID));
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

static void
remove_folder (void)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);

  for (const char *name = g_dir_read_name (dir); name != NULL; name = g_dir_read_name (dir))
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      g_unlink (path);
    }
  g_rmdir (folder);
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GError) error = NULL;
  int status;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("moescope-gguf-XXXXXX", &error);
  g_assert_no_error (error);

  g_test_add_func ("/gguf/types", test_types);
  g_test_add_func ("/gguf/valid", test_valid);
  g_test_add_func ("/gguf/small", test_small);
  g_test_add_func ("/gguf/getter-errors", test_getter_errors);
  g_test_add_func ("/gguf/not-a-file", test_not_a_file);
  for (guint i = 0; i < G_N_ELEMENTS (damaged); i++)
    {
      g_autofree char *path = g_strconcat ("/gguf/damaged/", damaged[i].name, NULL);

      g_test_add_data_func (path, GUINT_TO_POINTER (i), test_damaged);
    }
  g_test_add_func ("/gguf/truncated", test_truncated);
  g_test_add_func ("/gguf/bit-flips", test_bit_flips);
  g_test_add_func ("/gguf/fingerprint", test_fingerprint);
  g_test_add_func ("/gguf/threads", test_threads);
  g_test_add_func ("/gguf/unchanged", test_unchanged);

  status = g_test_run ();
  remove_folder ();
  g_free (folder);
  return status;
}
