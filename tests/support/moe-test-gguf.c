/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-test-gguf"

#include "tests/support/moe-test-gguf.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

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

GByteArray *
moe_test_gguf_build (const char *description)
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
            put_number (out, 1,
                        (guint64) (g_ascii_xdigit_value (rest[0]) * 16 + g_ascii_xdigit_value (rest[1])));
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

char *
moe_test_gguf_save (const char   *name,
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

char *
moe_test_gguf_save_description (const char *name,
                                const char *description)
{
  g_autoptr (GByteArray) bytes = moe_test_gguf_build (description);

  return moe_test_gguf_save (name, bytes->data, bytes->len);
}

guint64
moe_test_gguf_read_everything (MoeGguf *gguf)
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

const char *
moe_test_gguf_get_folder (void)
{
  return folder;
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
moe_test_gguf_run (void)
{
  g_autoptr (GError) error = NULL;
  int status;

  folder = g_dir_make_tmp ("moescope-gguf-XXXXXX", &error);
  g_assert_no_error (error);
  status = g_test_run ();
  remove_folder ();
  g_clear_pointer (&folder, g_free);
  return status;
}
