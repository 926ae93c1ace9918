/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-gguf-damaged"

#include "data/moe-gguf.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/moe-error.h"
#include "data/moe-mapped-file.h"
#include "tests/support/moe-test-gguf.h"

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
  { "lfs", "'version x:20 'https://git-lfs.github.com/spec/v1", MOE_ERROR_FORMAT,
    "is only the Git LFS pointer" },
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
  { "too-many-keys", "'GGUF 4:3 8:0 8:1000 z:100", MOE_ERROR_FORMAT,
    "claims 1000 keys, more than its 124 bytes" },
  { "keys-overflow", "'GGUF 4:3 8:0 8:0xffffffffffffffff z:100", MOE_ERROR_FORMAT,
    "18446744073709551615 keys" },
  { "too-many-tensors", "'GGUF 4:3 8:1000 8:0 z:100", MOE_ERROR_FORMAT, "claims 1000 tensors" },
  { "keys-limit", "'GGUF 4:3 8:0 8:1048577 z:14000000", MOE_ERROR_LIMIT,
    "has 1048577 keys, more than the 1048576" },
  { "tensors-limit", "'GGUF 4:3 8:1048577 8:0 z:34000000", MOE_ERROR_LIMIT, "has 1048577 tensors" },
  { "key-length", "'GGUF 4:3 8:0 8:1 8:999 z:50", MOE_ERROR_FORMAT,
    "key 1 of 1 at byte 32 needs 999 bytes but 50" },
  { "key-length-overflow", "'GGUF 4:3 8:0 8:1 8:0xffffffffffffffff z:50", MOE_ERROR_FORMAT,
    "key 1 of 1 at byte 32" },
  { "key-too-long", "'GGUF 4:3 8:0 8:1 8:65536 z:65600", MOE_ERROR_LIMIT,
    "65536 bytes, more than the 65535" },
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
  { "array-of-text-overflow", KEY "4:9 4:8 8:0xffffffffffffffff s:a", MOE_ERROR_FORMAT,
    "key 'k' at byte 58" },
  { "array-depth", KEY "4:9 4:9 8:1 4:9 8:1 4:9 8:1 4:9 8:1 4:9 8:1 4:0 8:1 1:1", MOE_ERROR_LIMIT,
    "nests arrays" },
  { "alignment-0", "'GGUF 4:3 8:0 8:1 s:general.alignment 4:4 4:0", MOE_ERROR_FORMAT,
    "'general.alignment' is 0" },
  { "alignment-48", "'GGUF 4:3 8:0 8:1 s:general.alignment 4:4 4:48", MOE_ERROR_FORMAT,
    "not a power of two" },
  { "alignment-4", "'GGUF 4:3 8:0 8:1 s:general.alignment 4:4 4:4", MOE_ERROR_FORMAT,
    "not a power of two from 8" },
  { "alignment-huge", "'GGUF 4:3 8:0 8:1 s:general.alignment 4:4 4:0x80000000", MOE_ERROR_FORMAT,
    "is 2147483648" },
  { "alignment-text", "'GGUF 4:3 8:0 8:1 s:general.alignment 4:8 s:32", MOE_ERROR_FORMAT,
    "is a string, not an integer" },
  { "tensor-name-empty", "'GGUF 4:3 8:1 8:0 s: 4:1 8:1 4:0 8:0 z:64", MOE_ERROR_FORMAT,
    "tensor 1 of 1 has an empty" },
  { "tensor-twice", "'GGUF 4:3 8:2 8:0 s:t 4:1 8:1 4:0 8:0 s:t 4:1 8:1 4:0 8:32 p:32 z:64", MOE_ERROR_FORMAT,
    "tensor 2 of 2 has the name 't', which is already taken" },
  { "dims-0", TENSOR "4:0 4:0 8:0 z:64", MOE_ERROR_FORMAT, "tensor 't' has 0 dimensions" },
  { "dims-5", TENSOR "4:5 8:1 8:1 8:1 8:1 8:1 4:0 8:0 z:64", MOE_ERROR_FORMAT,
    "tensor 't' has 5 dimensions" },
  { "dims-huge", TENSOR "4:0xffffffff z:64", MOE_ERROR_FORMAT, "tensor 't' has 4294967295 dimensions" },
  { "dim-zero", TENSOR "4:2 8:32 8:0 4:0 8:0 z:64", MOE_ERROR_FORMAT, "tensor 't' has a dimension of 0" },
  { "dims-overflow", TENSOR "4:3 8:0x100000000 8:0x100000000 8:2 4:0 8:0 z:64", MOE_ERROR_FORMAT,
    "tensor 't' has impossibly large dimensions" },
  { "dim-negative", TENSOR "4:1 8:0xffffffffffffffe0 4:0 8:0 z:64", MOE_ERROR_FORMAT, "impossibly large" },
  { "bytes-overflow", TENSOR "4:1 8:0x7fffffffffffffff 4:0 8:0 z:64", MOE_ERROR_FORMAT, "impossibly large" },
  { "dims-cut", TENSOR "4:4 8:1 8:1 8:1", MOE_ERROR_FORMAT,
    "tensor 't' at byte 61 needs 8 bytes but 0 are left" },
  { "type-unknown", TENSOR "4:1 8:32 4:77 8:0 z:64", MOE_ERROR_UNSUPPORTED,
    "tensor 't' has the unknown type number 77" },
  { "type-removed", TENSOR "4:1 8:32 4:4 8:0 z:64", MOE_ERROR_UNSUPPORTED,
    "tensor 't' has the unknown type number 4" },
  { "row-length", TENSOR "4:2 8:48 8:2 4:8 8:0 p:32 z:200", MOE_ERROR_FORMAT,
    "rows of 48 values, not a multiple of the 32 in a Q8_0 block" },
  { "row-length-k", TENSOR "4:2 8:128 8:2 4:12 8:0 p:32 z:200", MOE_ERROR_FORMAT, "the 256 in a Q4_K block" },
  { "offset-unaligned", TENSOR "4:1 8:4 4:0 8:8 p:32 z:64", MOE_ERROR_FORMAT,
    "offset 8, not a multiple of 32" },
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
  g_autofree char *path = moe_test_gguf_save_description ("damaged.gguf", damaged[index].bytes);
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
  g_autofree char *missing = g_build_filename (moe_test_gguf_get_folder (), "missing.gguf", NULL);
  g_autofree char *pipe = g_build_filename (moe_test_gguf_get_folder (), "pipe", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_null (moe_gguf_open (missing, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_IO);
  g_assert_true (g_str_has_suffix (error->message, ": No such file or directory"));
  g_clear_error (&error);

  g_assert_null (moe_gguf_open (moe_test_gguf_get_folder (), &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_IO);
  g_assert_nonnull (strstr (error->message, "is a folder"));
  g_clear_error (&error);

  g_assert_cmpint (mkfifo (pipe, 0600), ==, 0);
  g_assert_null (moe_gguf_open (pipe, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_IO);
  g_assert_nonnull (strstr (error->message, "is not a regular file"));
}

static void
test_truncated (void)
{
  /* Without anything behind the last tensor, which any cut then damages. */
  g_autoptr (GByteArray) bytes = moe_test_gguf_build (MOE_TEST_GGUF_HEADER ("4:3") " p:64 z:256 z:420");

  for (guint length = 0; length <= bytes->len; length++)
    {
      g_autofree char *path = moe_test_gguf_save ("truncated.gguf", bytes->data, length);
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
          g_assert_cmpuint (moe_test_gguf_read_everything (gguf), >, 0);
        }
    }
}

static void
test_bit_flips (void)
{
  g_autoptr (GByteArray) bytes = moe_test_gguf_build (MOE_TEST_GGUF_VALID);
  g_autoptr (GByteArray) header = moe_test_gguf_build (MOE_TEST_GGUF_HEADER ("4:3"));
  guint n_loaded = 0, n_refused = 0;

  for (guint bit = 0; bit < header->len * 8; bit++)
    {
      g_autofree char *path = NULL;
      g_autoptr (GError) error = NULL;
      g_autoptr (MoeGguf) gguf = NULL;

      bytes->data[bit / 8] ^= (guint8) (1u << (bit % 8));
      path = moe_test_gguf_save ("flipped.gguf", bytes->data, bytes->len);
      bytes->data[bit / 8] ^= (guint8) (1u << (bit % 8));

      gguf = moe_gguf_open (path, &error);
      if (gguf != NULL)
        {
          g_assert_no_error (error);
          moe_test_gguf_read_everything (gguf);
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

/* A page that is read for the first time after the file was cut short. */
static void
test_cut_short_in_use (void)
{
  if (g_test_subprocess ())
    {
      static const guint8 zeros[16384];
      g_autofree char *path = moe_test_gguf_save ("cut-short.bin", zeros, sizeof zeros);
      g_autoptr (GError) error = NULL;
      g_autoptr (MoeMappedFile) file = moe_mapped_file_open (path, &error);

      g_assert_no_error (error);
      moe_mapped_file_explain_faults ("program");
      g_assert_cmpint (truncate (path, 0), ==, 0);
      unlink (path);
      rmdir (moe_test_gguf_get_folder ());
      g_assert_cmpuint (((const volatile guint8 *) file->data)[sizeof zeros - 1], ==, 0);
      return;
    }
  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_failed ();
  g_test_trap_assert_stderr ("program: a file that is in use was cut short*is kept\n*");
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (damaged); i++)
    {
      g_autofree char *path = g_strconcat ("/gguf-damaged/header/", damaged[i].name, NULL);

      g_test_add_data_func (path, GUINT_TO_POINTER (i), test_damaged);
    }
  g_test_add_func ("/gguf-damaged/not-a-file", test_not_a_file);
  g_test_add_func ("/gguf-damaged/truncated", test_truncated);
  g_test_add_func ("/gguf-damaged/bit-flips", test_bit_flips);
  g_test_add_func ("/gguf-damaged/cut-short-in-use", test_cut_short_in_use);
  return moe_test_gguf_run ();
}
