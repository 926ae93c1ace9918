/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-prompt-set"

#include "data/moe-prompt-set.h"

#include <glib/gstdio.h>
#include <string.h>

#include "data/moe-error.h"

static char *folder;

static char *
save (const char *name,
      const char *text,
      gssize      length)
{
  char *path = g_build_filename (folder, name, NULL);
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, text, length, &error);
  g_assert_no_error (error);
  return path;
}

/* The prompts as "line:text" joined by '|', or the error's code and message after the path. */
static char *
load (const char *name,
      const char *text,
      gssize      length,
      const char *column,
      guint       limit)
{
  g_autofree char *path = save (name, text, length);
  g_autoptr (GError) error = NULL;
  g_autoptr (MoePromptSet) set = moe_prompt_set_load (path, column, limit, &error);
  GString *out = g_string_new (NULL);

  if (set == NULL)
    {
      g_assert_true (error->domain == MOE_ERROR);
      g_assert_true (g_str_has_prefix (error->message, path));
      g_string_append_printf (out, "error %d%s", error->code, error->message + strlen (path));
      return g_string_free (out, FALSE);
    }

  g_assert_no_error (error);
  g_assert_cmpstr (moe_prompt_set_get_path (set), ==, path);
  for (guint i = 0; i < moe_prompt_set_get_n (set); i++)
    {
      const MoePrompt *prompt = moe_prompt_set_get (set, i);

      g_string_append_printf (out, "%s%u:%s", i > 0 ? "|" : "", prompt->line, prompt->text);
    }
  return g_string_free (out, FALSE);
}

static const struct
{
  const char *name;
  const char *text;
  const char *column;
  guint       limit;
  const char *expected;
} cases[] = {
  { "a.txt", "one\ntwo\n", NULL, 0, "1:one|2:two" },
  { "a.txt", "one\n\n  \n# not this\n two \nthree", NULL, 0, "1:one|5: two |6:three" },
  { "a.txt", "one\r\ntwo\r\n", NULL, 0, "1:one|2:two" },
  { "a.txt", "\357\273\277one\n", NULL, 0, "1:one" },
  { "a.txt", "a, \"b\"\n", NULL, 0, "1:a, \"b\"" },
  { "a.txt", "one\ntwo\nthree\n", NULL, 2, "1:one|2:two" },
  { "a.txt", "", NULL, 0, "error 1: holds no prompts" },
  { "a.txt", "# only this\n\n", NULL, 0, "error 1: holds no prompts" },
  { "a.txt", "one\ntwo\xff\n", NULL, 0, "error 1: line 2 is not UTF-8 text" },
  { "a.txt", "one\n", "prompt", 0,
    "error 3: has no columns to choose 'prompt' from, since it is not a .csv file" },

  { "a.csv", "prompt\none\ntwo\n", NULL, 0, "2:one|3:two" },
  { "a.CSV", "prompt\none\n", NULL, 0, "2:one" },
  { "a.csv", "\357\273\277prompt,category\r\none,x\r\n\r\ntwo,y", NULL, 0, "2:one|4:two" },
  { "a.csv", "prompt\rone\rtwo\r", NULL, 0, "2:one|3:two" },
  { "a.csv", "# model: x\n# note: y\nid,prompt\n1,# not a comment\n", NULL, 0, "4:# not a comment" },
  { "a.csv", "prompt,n\n\"two\nlines\",1\n\n\"a \"\"quote\"\"\",2\n last ,3\n", NULL, 0,
    "2:two\nlines|5:a \"quote\"|6: last " },
  { "a.csv", "prompt\n\"one\r\n\r\nend\"\ntwo\n", NULL, 0, "2:one\r\n\r\nend|5:two" },
  /* The column that is asked for, or the first of the usual names, whatever the order in the file. */
  { "a.csv", "text,goal,prompt\na,b,c\n", NULL, 0, "2:c" },
  { "a.csv", "text,Goal\na,b\n", NULL, 0, "2:b" },
  { "a.csv", "id, Behavior ,x\na,b,c\n", NULL, 0, "2:b" },
  { "a.csv", "text,goal,prompt\na,b,c\n", "text", 0, "2:a" },
  { "a.csv", "text,goal\na,b\n", "prompt", 0, "error 3: has no column 'prompt' (it has text, goal)" },
  { "a.csv", "id,answer\na,b\n", NULL, 0,
    "error 3: which column holds the prompts has to be named (it has id, answer)" },
  { "a.csv", "prompt\none\ntwo\n\"broken\n", NULL, 2, "2:one|3:two" },
  { "a.csv", "prompt\n", NULL, 0, "error 1: holds no prompts" },
  { "a.csv", "", NULL, 0, "error 1: holds no prompts" },
  { "a.csv", "prompt,n\none,1\ntwo\n", NULL, 0, "error 1: line 3 has 1 fields, but the header has 2" },
  { "a.csv", "prompt,n\n\"o\nne\",1\ntwo,2,3\n", NULL, 0,
    "error 1: line 4 has 3 fields, but the header has 2" },
  { "a.csv", "prompt,n\none,1\n,2\n", NULL, 0, "error 1: line 3 has an empty prompt" },
  { "a.csv", "prompt,n\none,1\n\"\",2\n", NULL, 0, "error 1: line 3 has an empty prompt" },
  { "a.csv", "prompt\none\n\"two\n\nthree\n", NULL, 0,
    "error 1: line 3: the quoted field that starts in this row never ends" },
  { "a.csv", "prompt\none\nt\"wo\"\n", NULL, 0, "error 1: line 3: a quote is where no quote can be" },
  { "a.csv", "prompt\none\n\"two\"x\n", NULL, 0, "error 1: line 3: a quote is where no quote can be" },
  { "a.csv", "prompt\none\n\xc3(\n", NULL, 0, "error 1: line 3 is not UTF-8 text" },
};

static void
test_cases (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *loaded = load (cases[i].name, cases[i].text, -1, cases[i].column, cases[i].limit);

      g_assert_cmpstr (loaded, ==, cases[i].expected);
    }
}

static void
test_nul (void)
{
  g_autofree char *text = load ("a.txt", "one\ntw\0o\n", 9, NULL, 0);
  g_autofree char *csv = load ("a.csv", "prompt\r\none\r\ntw\0o\r\n", 19, NULL, 0);

  g_assert_cmpstr (text, ==, "error 1: line 2 holds a NUL byte");
  g_assert_cmpstr (csv, ==, "error 1: line 3 holds a NUL byte");
}

static void
test_hash (void)
{
  g_autofree char *path = save ("abc.txt", "abc", 3);
  g_autoptr (GError) error = NULL;
  g_autoptr (MoePromptSet) set = moe_prompt_set_load (path, NULL, 0, &error);

  g_assert_no_error (error);
  /* FIPS 180-2, appendix B.1. */
  g_assert_cmpstr (moe_prompt_set_get_hash (set), ==,
                   "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void
test_limit (void)
{
  GString *text = g_string_new (NULL);
  g_autofree char *loaded = NULL;

  for (guint i = 0; i <= 1000000; i++)
    g_string_append (text, "p\n");
  loaded = load ("many.txt", text->str, (gssize) text->len, NULL, 0);
  g_assert_cmpstr (loaded, ==, "error 4: holds more than 1000000 prompts");
  g_string_free (text, TRUE);
}

static void
test_not_a_file (void)
{
  g_autofree char *path = g_build_filename (folder, "missing.csv", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_null (moe_prompt_set_load (path, NULL, 0, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_IO);
  g_assert_true (g_str_has_suffix (error->message, "missing.csv: No such file or directory"));
  g_clear_error (&error);

  g_assert_null (moe_prompt_set_load (folder, NULL, 0, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_IO);
  g_assert_true (g_str_has_suffix (error->message, ": Is a directory"));
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
  folder = g_dir_make_tmp ("moescope-prompts-XXXXXX", &error);
  g_assert_no_error (error);

  g_test_add_func ("/prompt-set/cases", test_cases);
  g_test_add_func ("/prompt-set/nul", test_nul);
  g_test_add_func ("/prompt-set/hash", test_hash);
  g_test_add_func ("/prompt-set/limit", test_limit);
  g_test_add_func ("/prompt-set/not-a-file", test_not_a_file);

  status = g_test_run ();
  remove_folder ();
  g_free (folder);
  return status;
}
