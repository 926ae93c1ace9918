/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-table"

#include "data/moe-table-export.h"

#include <float.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <locale.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/moe-csv.h"
#include "data/moe-error.h"
#include "data/moe-number.h"

static char *folder;

static MoeTable *
new_sample (void)
{
  MoeTable *table = moe_table_new ("Sample");
  guint row;

  g_assert_cmpuint (moe_table_add_column (table, "layer", MOE_COLUMN_INT, "", MOE_ROLE_INDEX), ==, 0);
  g_assert_cmpuint (moe_table_add_column (table, "share", MOE_COLUMN_FLOAT, "%", MOE_ROLE_VALUE), ==, 1);
  moe_table_add_column (table, "kl", MOE_COLUMN_DOUBLE, "nats", MOE_ROLE_VALUE);
  moe_table_add_column (table, "is_super", MOE_COLUMN_BOOL, "", MOE_ROLE_VALUE);
  g_assert_cmpuint (moe_table_add_column (table, "text", MOE_COLUMN_TEXT, "", MOE_ROLE_LABEL), ==, 4);

  row = moe_table_append_row (table);
  moe_table_set_int (table, row, 0, G_GINT64_CONSTANT (9007199254740993));
  moe_table_set_double (table, row, 1, 0.1);
  moe_table_set_double (table, row, 2, 0.1);
  moe_table_set_int (table, row, 3, 7);
  moe_table_set_text (table, row, 4, " the");

  g_assert_cmpuint (moe_table_append_row (table), ==, 1);

  row = moe_table_append_row (table);
  moe_table_set_int (table, row, 0, -1);
  moe_table_set_double (table, row, 1, INFINITY);
  moe_table_set_double (table, row, 2, -INFINITY);
  moe_table_set_int (table, row, 3, 0);
  moe_table_set_text (table, row, 4, "");
  return table;
}

static void
test_cells (void)
{
  g_autoptr (MoeTable) table = new_sample ();

  g_assert_cmpstr (moe_table_get_title (table), ==, "Sample");
  g_assert_cmpuint (moe_table_get_n_columns (table), ==, 5);
  g_assert_cmpuint (moe_table_get_n_rows (table), ==, 3);
  g_assert_cmpint (moe_table_find_column (table, "kl"), ==, 2);
  g_assert_cmpint (moe_table_find_column (table, "KL"), ==, -1);
  g_assert_cmpstr (moe_table_get_column_unit (table, 2), ==, "nats");
  g_assert_cmpint (moe_table_get_column_type (table, 3), ==, MOE_COLUMN_BOOL);
  g_assert_cmpint (moe_table_get_column_role (table, 4), ==, MOE_ROLE_LABEL);

  g_assert_cmpint (moe_table_get_int (table, 0, 0), ==, G_GINT64_CONSTANT (9007199254740993));
  g_assert_cmpfloat (moe_table_get_double (table, 0, 1), ==, (double) 0.1f);
  g_assert_cmpfloat (moe_table_get_double (table, 0, 2), ==, 0.1);
  g_assert_cmpint (moe_table_get_int (table, 0, 3), ==, 1);
  g_assert_cmpfloat (moe_table_get_double (table, 2, 0), ==, -1.0);

  for (guint i = 0; i < 5; i++)
    {
      g_autofree char *cell = moe_table_format_cell (table, 1, i);

      g_assert_true (moe_table_is_missing (table, 1, i));
      g_assert_cmpstr (cell, ==, "");
      if (i < 4)
        g_assert_true (isnan (moe_table_get_double (table, 1, i)));
    }
  g_assert_null (moe_table_get_text (table, 1, 4));
  g_assert_false (moe_table_is_missing (table, 2, 4));

  /* Setting to missing again. */
  moe_table_set_double (table, 0, 0, NAN);
  moe_table_set_double (table, 0, 1, NAN);
  moe_table_set_text (table, 0, 4, NULL);
  g_assert_true (moe_table_is_missing (table, 0, 0));
  g_assert_true (moe_table_is_missing (table, 0, 1));
  g_assert_true (moe_table_is_missing (table, 0, 4));
  g_assert_false (moe_table_is_missing (table, 0, 2));

  moe_table_set_text (table, 0, 4, "a\xff");
  g_assert_cmpstr (moe_table_get_text (table, 0, 4), ==, "a\357\277\275");
}

static void
test_csv (void)
{
  g_autoptr (MoeTable) table = new_sample ();
  g_autofree char *plain = moe_table_to_string (table, MOE_TABLE_CSV, FALSE);
  g_autofree char *full = NULL;
  const char *key, *value;

  g_assert_cmpstr (plain, ==,
                   "layer,share,kl,is_super,text\n"
                   "9007199254740993,0.1,0.1,1,\" the\"\n"
                   ",,,,\n"
                   "-1,inf,-inf,0,\"\"\n");

  moe_table_set_provenance (table, "model", "first");
  moe_table_set_provenance (table, "prompt", "a\nb\r\\n");
  moe_table_set_provenance (table, "model", "x.gguf");
  g_assert_cmpuint (moe_table_get_n_provenance (table), ==, 2);
  moe_table_get_provenance (table, 0, &key, &value);
  g_assert_cmpstr (key, ==, "model");
  g_assert_cmpstr (value, ==, "x.gguf");

  full = moe_table_to_string (table, MOE_TABLE_CSV, TRUE);
  g_assert_true (g_str_has_prefix (full, "# model: x.gguf\n# prompt: a\\nb\\r\\\\n\nlayer,"));
  g_assert_true (g_str_has_suffix (full, plain));
}

typedef struct
{
  const MoeTable *table;
  guint row;
} Comparison;

static gboolean
compare_row (const char * const  *fields,
             guint                n_fields,
             guint                line,
             gpointer             user_data,
             GError             **error)
{
  Comparison *self = user_data;

  g_assert_cmpuint (n_fields, ==, 2);
  if (self->row > 0)
    g_assert_cmpstr (fields[1], ==, moe_table_get_text (self->table, self->row - 1, 1));
  self->row++;
  return TRUE;
}

/* What is written is what a reader gets back, whatever the text. */
static void
test_csv_round_trip (void)
{
  static const char * const texts[] = {
    "plain", " space before", "space after ", "\ttab", "comma,", "quote\"inside", "\"", "\"\"", "line\nfeed",
    "return\rcarriage", "both\r\n", "\n", "#hash", "", NULL, "'", ";", "a b", "ünï \360\237\231\202", "=1+1",
  };
  g_autoptr (MoeTable) table = moe_table_new ("Texts");
  g_autofree char *csv = NULL;
  g_autoptr (GError) error = NULL;
  Comparison comparison = { .table = table };

  moe_table_add_column (table, "n", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "text", MOE_COLUMN_TEXT, "", MOE_ROLE_LABEL);
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      moe_table_append_row (table);
      moe_table_set_int (table, i, 0, i);
      moe_table_set_text (table, i, 1, texts[i]);
    }
  moe_table_set_provenance (table, "note", "two\nlines");

  csv = moe_table_to_string (table, MOE_TABLE_CSV, TRUE);
  g_assert_true (moe_csv_parse ("texts", csv, strlen (csv), compare_row, &comparison, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (comparison.row, ==, G_N_ELEMENTS (texts) + 1);

  /* Quotes are where they are needed only. */
  g_assert_nonnull (strstr (csv, "\n0,plain\n"));
  g_assert_nonnull (strstr (csv, "\n17,a b\n"));
  g_assert_nonnull (strstr (csv, "\n5,\"quote\"\"inside\"\n"));
}

/* In the first column: a '#' is no comment, and a row that has nothing at all is no blank line. */
static void
test_csv_first_column (void)
{
  g_autoptr (MoeTable) table = moe_table_new ("One");
  g_autofree char *csv = NULL;

  moe_table_add_column (table, "text", MOE_COLUMN_TEXT, "", MOE_ROLE_LABEL);
  moe_table_append_row (table);
  moe_table_set_text (table, 0, 0, "# no comment");
  moe_table_append_row (table);
  csv = moe_table_to_string (table, MOE_TABLE_CSV, TRUE);
  g_assert_cmpstr (csv, ==, "text\n\"# no comment\"\n\"\"\n");
}

/* What a reader of the text must get: the digits of @buffer, in fewest places. */
static guint
count_digits (const char *text)
{
  guint n = 0;
  gboolean started = FALSE;
  guint zeros = 0;

  for (; *text != '\0' && *text != 'e'; text++)
    if (g_ascii_isdigit (*text) && (started || *text != '0'))
      {
        started = TRUE;
        zeros = *text == '0' ? zeros + 1 : 0;
        n++;
      }

  return n - zeros;
}

static void
test_numbers (void)
{
  static const struct { float value; const char *text; } floats[] = {
    { 0.1f, "0.1" }, { 1.0f / 3, "0.33333334" }, { 16777216.0f, "16777216" }, { 1e10f, "1e+10" },
    { -0.0f, "-0" },
    { FLT_MAX, "3.4028235e+38" }, { FLT_MIN, "1.1754944e-38" }, { 0x1p-149f, "1e-45" },
    { 8388610.0f, "8.38861e+06" },
    { 2.5f, "2.5" }, { INFINITY, "inf" }, { -INFINITY, "-inf" }, { 123456.0f, "123456" },
  };
  static const struct { double value; const char *text; } doubles[] = {
    { 0.1, "0.1" }, { 0.1 + 0.2, "0.30000000000000004" }, { 1.0 / 3, "0.3333333333333333" },
    { 1e22, "1e+22" },
    { 0x1p-1074, "5e-324" }, { DBL_MAX, "1.7976931348623157e+308" }, { 5e-324 * 3, "1.5e-323" },
  };
  char buffer[MOE_NUMBER_BUFFER], shorter[MOE_NUMBER_BUFFER], format[8];
  guint32 state = 1;

  for (guint i = 0; i < G_N_ELEMENTS (floats); i++)
    g_assert_cmpstr (moe_number_format_float (buffer, floats[i].value), ==, floats[i].text);
  for (guint i = 0; i < G_N_ELEMENTS (doubles); i++)
    g_assert_cmpstr (moe_number_format_double (buffer, doubles[i].value), ==, doubles[i].text);

  for (guint i = 0; i < 20000; i++)
    {
      float value;
      guint digits;

      state = state * 1664525 + 1013904223;
      memcpy (&value, &state, sizeof value);
      if (!isfinite (value))
        continue;

      moe_number_format_float (buffer, value);
      g_assert_cmpfloat (strtof (buffer, NULL), ==, value);
      digits = count_digits (buffer);
      if (digits > 1)
        {
          g_snprintf (format, sizeof format, "%%.%ue", digits - 2);
          g_ascii_formatd (shorter, sizeof shorter, format, value);
          g_assert_cmpfloat (strtof (shorter, NULL), !=, value);
        }
    }
}

static void
test_number_parse (void)
{
  static const char * const wrong[] = {
    "", " 1", "1 ", "0x10", "inf", "nan", "1,5", "--1", "1e999", ".", "e", "1.2.3", "+",
  };
  double value = 0;

  g_assert_true (moe_number_parse ("+2.5", &value));
  g_assert_cmpfloat (value, ==, 2.5);
  g_assert_true (moe_number_parse ("-1e-3", &value));
  g_assert_cmpfloat (value, ==, -0.001);
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    g_assert_false (moe_number_parse (wrong[i], &value));
}

/* A comma for the decimals must not get into files. */
static void
test_locale (void)
{
  static const char * const names[] = { "de_DE.UTF-8", "fr_FR.UTF-8", "de_DE.utf8", "fr_FR.utf8", "de_DE" };
  g_autofree char *old = g_strdup (setlocale (LC_NUMERIC, NULL));
  g_autoptr (MoeTable) table = new_sample ();
  g_autofree char *csv = NULL;
  g_autofree char *json = NULL;
  gboolean found = FALSE;

  for (guint i = 0; i < G_N_ELEMENTS (names) && !found; i++)
    found = setlocale (LC_NUMERIC, names[i]) != NULL;
  if (!found)
    {
      g_test_skip ("no locale with a decimal comma is installed");
      return;
    }

  csv = moe_table_to_string (table, MOE_TABLE_CSV, FALSE);
  json = moe_table_to_string (table, MOE_TABLE_JSON, FALSE);
  setlocale (LC_NUMERIC, old);
  g_assert_nonnull (strstr (csv, ",0.1,0.1,"));
  g_assert_nonnull (strstr (json, ",0.10"));
}

static void
test_text (void)
{
  g_autoptr (MoeTable) table = moe_table_new ("Tokens");
  g_autofree char *text = NULL;

  moe_table_add_column (table, "token", MOE_COLUMN_TEXT, "", MOE_ROLE_LABEL);
  moe_table_add_column (table, "p", MOE_COLUMN_FLOAT, "nats", MOE_ROLE_VALUE);
  moe_table_add_column (table, "note", MOE_COLUMN_TEXT, "", MOE_ROLE_LABEL);
  for (guint i = 0; i < 4; i++)
    moe_table_append_row (table);
  moe_table_set_text (table, 0, 0, "日本");
  moe_table_set_double (table, 0, 1, 0.25);
  moe_table_set_text (table, 0, 2, "x");
  moe_table_set_text (table, 1, 0, "a\nb");
  moe_table_set_double (table, 1, 1, -12);
  moe_table_set_text (table, 2, 0, "e\314\201");
  moe_table_set_text (table, 3, 0, "\033[1m");

  text = moe_table_to_string (table, MOE_TABLE_TEXT, FALSE);
  g_assert_cmpstr (text, ==,
                   "token    p [nats]  note\n"
                   "日本         0.25  x\n"
                   "a\\nb          -12  -\n"
                   "e\314\201               -  -\n"
                   "\\x1b[1m         -  -\n");
}

static void
test_json (void)
{
  g_autoptr (MoeTable) table = new_sample ();
  g_autofree char *json = NULL;
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;
  JsonObject *root;
  JsonArray *rows, *row;

  moe_table_set_provenance (table, "model", "a \"b\"\n");
  json = moe_table_to_string (table, MOE_TABLE_JSON, TRUE);
  json_parser_load_from_data (parser, json, -1, &error);
  g_assert_no_error (error);

  root = json_node_get_object (json_parser_get_root (parser));
  g_assert_cmpstr (json_object_get_string_member (root, "title"), ==, "Sample");
  g_assert_cmpstr (json_object_get_string_member (json_object_get_object_member (root, "provenance"),
                                                  "model"), ==,
                   "a \"b\"\n");
  row = json_object_get_array_member (root, "columns");
  g_assert_cmpuint (json_array_get_length (row), ==, 5);
  g_assert_cmpstr (json_object_get_string_member (json_array_get_object_element (row, 2), "name"), ==, "kl");
  g_assert_cmpstr (json_object_get_string_member (json_array_get_object_element (row, 2), "type"), ==,
                   "double");
  g_assert_cmpstr (json_object_get_string_member (json_array_get_object_element (row, 2), "unit"), ==,
                   "nats");

  rows = json_object_get_array_member (root, "rows");
  g_assert_cmpuint (json_array_get_length (rows), ==, 3);
  row = json_array_get_array_element (rows, 0);
  g_assert_cmpint (json_array_get_int_element (row, 0), ==, G_GINT64_CONSTANT (9007199254740993));
  g_assert_cmpfloat (json_array_get_double_element (row, 1), ==, (double) 0.1f);
  g_assert_cmpfloat (json_array_get_double_element (row, 2), ==, 0.1);
  g_assert_true (json_array_get_boolean_element (row, 3));
  g_assert_cmpstr (json_array_get_string_element (row, 4), ==, " the");
  row = json_array_get_array_element (rows, 1);
  for (guint i = 0; i < 5; i++)
    g_assert_true (json_array_get_null_element (row, i));
  row = json_array_get_array_element (rows, 2);
  g_assert_cmpstr (json_array_get_string_element (row, 1), ==, "inf");
  g_assert_cmpstr (json_array_get_string_element (row, 2), ==, "-inf");

  g_free (json);
  json = moe_table_to_string (table, MOE_TABLE_JSON, FALSE);
  g_assert_null (strstr (json, "provenance"));
}

static guint
count_files (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

static char *
read_file (const char *path)
{
  g_autoptr (GError) error = NULL;
  char *text;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  return text;
}

static void
test_write (void)
{
  g_autoptr (MoeTable) table = new_sample ();
  g_autofree char *expected = moe_table_to_string (table, MOE_TABLE_CSV, FALSE);
  g_autofree char *inside = g_build_filename (folder, "write", NULL);
  g_autofree char *path = g_build_filename (inside, "out.csv", NULL);
  g_autofree char *link = g_build_filename (inside, "link.csv", NULL);
  g_autofree char *written = NULL;
  g_autofree char *again = NULL;
  g_autofree char *missing = NULL;
  g_autoptr (GError) error = NULL;
  GStatBuf status;
  mode_t mask = umask (027);

  g_assert_cmpint (g_mkdir (inside, 0700), ==, 0);
  g_assert_true (moe_table_write (table, MOE_TABLE_CSV, FALSE, path, &error));
  umask (mask);
  g_assert_no_error (error);
  written = read_file (path);
  g_assert_cmpstr (written, ==, expected);
  g_assert_cmpuint (count_files (inside), ==, 1);
  g_assert_cmpint (g_stat (path, &status), ==, 0);
  g_assert_cmpint (status.st_mode & 0777, ==, 0640);

  /* Over a file that is there, through a link: the link and the permissions stay. */
  g_assert_cmpint (g_chmod (path, 0600), ==, 0);
  g_assert_cmpint (symlink ("out.csv", link), ==, 0);
  moe_table_set_int (table, 0, 0, 5);
  g_assert_true (moe_table_write (table, MOE_TABLE_CSV, FALSE, link, &error));
  g_assert_no_error (error);
  again = read_file (path);
  g_assert_true (g_str_has_prefix (again, "layer,share,kl,is_super,text\n5,"));
  g_assert_cmpint (g_stat (path, &status), ==, 0);
  g_assert_cmpint (status.st_mode & 0777, ==, 0600);
  g_assert_true (g_file_test (link, G_FILE_TEST_IS_SYMLINK));
  g_assert_cmpuint (count_files (inside), ==, 2);

  missing = g_build_filename (folder, "nowhere", "out.csv", NULL);
  g_assert_false (moe_table_write (table, MOE_TABLE_CSV, FALSE, missing, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_IO);
  g_assert_true (g_str_has_prefix (error->message, missing));
  g_assert_true (g_str_has_suffix (error->message, ": No such file or directory"));
  g_clear_error (&error);

  g_assert_false (moe_table_write (table, MOE_TABLE_CSV, FALSE, folder, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_IO);
  g_assert_true (g_str_has_suffix (error->message, ": Is a directory"));
  g_clear_error (&error);

  /* A device is written to and stays what it is. */
  g_assert_true (moe_table_write (table, MOE_TABLE_CSV, FALSE, "/dev/null", &error));
  g_assert_no_error (error);
  g_assert_cmpint (g_stat ("/dev/null", &status), ==, 0);
  g_assert_true (S_ISCHR (status.st_mode));
  g_assert_false (moe_table_write (table, MOE_TABLE_CSV, FALSE, "/dev/full", &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_IO);
  g_assert_cmpstr (error->message, ==, "/dev/full: No space left on device");
}

/* A disk that fills up while writing leaves the old file as it was, and nothing beside it. */
static void
test_write_fails (void)
{
  g_autoptr (MoeTable) table = new_sample ();
  g_autofree char *inside = g_build_filename (folder, "fails", NULL);
  g_autofree char *path = g_build_filename (inside, "out.csv", NULL);
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;
  g_autoptr (GError) error = NULL;
  struct rlimit old, small;
  gboolean written;

  g_assert_cmpint (g_mkdir (inside, 0700), ==, 0);
  g_assert_true (moe_table_write (table, MOE_TABLE_CSV, FALSE, path, &error));
  g_assert_no_error (error);
  before = read_file (path);

  for (guint i = 0; i < 1000; i++)
    moe_table_append_row (table);
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &old), ==, 0);
  small = old;
  small.rlim_cur = 1000;
  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &small), ==, 0);
  written = moe_table_write (table, MOE_TABLE_CSV, FALSE, path, &error);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &old), ==, 0);

  g_assert_false (written);
  g_assert_error (error, MOE_ERROR, MOE_ERROR_IO);
  g_assert_true (g_str_has_suffix (error->message, "out.csv: File too large"));
  after = read_file (path);
  g_assert_cmpstr (before, ==, after);
  g_assert_cmpuint (count_files (inside), ==, 1);
}

static void
test_write_read_only (void)
{
  g_autoptr (MoeTable) table = new_sample ();
  g_autofree char *inside = g_build_filename (folder, "read-only", NULL);
  g_autofree char *path = g_build_filename (inside, "out.csv", NULL);
  g_autofree char *old = g_build_filename (folder, "old.csv", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) second = NULL;
  gboolean is_root = geteuid () == 0;
  gboolean written, replaced;

  g_assert_cmpint (g_mkdir (inside, 0555), ==, 0);
  g_assert_true (g_file_set_contents (old, "old", -1, NULL));
  g_assert_cmpint (g_chmod (old, 0444), ==, 0);
  g_assert_cmpint (g_chmod (folder, 0777), ==, 0);

  /* Nothing is read-only for root. */
  if (is_root)
    g_assert_cmpint (seteuid (65534), ==, 0);
  written = moe_table_write (table, MOE_TABLE_CSV, FALSE, path, &error);
  replaced = moe_table_write (table, MOE_TABLE_CSV, FALSE, old, &second);
  if (is_root)
    g_assert_cmpint (seteuid (0), ==, 0);

  g_assert_false (written);
  g_assert_error (error, MOE_ERROR, MOE_ERROR_IO);
  g_assert_true (g_str_has_prefix (error->message, path));
  g_assert_true (g_str_has_suffix (error->message, ": Permission denied"));
  g_assert_false (replaced);
  g_assert_error (second, MOE_ERROR, MOE_ERROR_IO);
  g_assert_true (g_str_has_suffix (second->message, ": Permission denied"));
}

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);

  for (const char *name = dir != NULL ? g_dir_read_name (dir)
       : NULL; name != NULL; name = g_dir_read_name (dir))
    {
      g_autofree char *inside = g_build_filename (path, name, NULL);

      if (g_file_test (inside, G_FILE_TEST_IS_DIR))
        remove_tree (inside);
      else
        g_unlink (inside);
    }
  g_rmdir (path);
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GError) error = NULL;
  int status;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("moescope-table-XXXXXX", &error);
  g_assert_no_error (error);

  g_test_add_func ("/table/cells", test_cells);
  g_test_add_func ("/table/csv", test_csv);
  g_test_add_func ("/table/csv-round-trip", test_csv_round_trip);
  g_test_add_func ("/table/csv-first-column", test_csv_first_column);
  g_test_add_func ("/table/numbers", test_numbers);
  g_test_add_func ("/table/number-parse", test_number_parse);
  g_test_add_func ("/table/locale", test_locale);
  g_test_add_func ("/table/text", test_text);
  g_test_add_func ("/table/json", test_json);
  g_test_add_func ("/table/write", test_write);
  g_test_add_func ("/table/write-fails", test_write_fails);
  g_test_add_func ("/table/write-read-only", test_write_read_only);

  status = g_test_run ();
  remove_tree (folder);
  g_free (folder);
  return status;
}
