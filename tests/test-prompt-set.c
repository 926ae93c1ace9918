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
    "error 3: has no columns to choose 'prompt' from, since it is not a .csv or .jsonl file" },

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

/* Everything that is known of each prompt: "line:label/pair/role=content;.../text>answer[target]". */
static char *
load_full (const char                *name,
           const char                *text,
           const MoePromptSetOptions *options)
{
  g_autofree char *path = save (name, text, -1);
  g_autoptr (GError) error = NULL;
  g_autoptr (MoePromptSet) set = moe_prompt_set_load_full (path, options, &error);
  GString *out = g_string_new (NULL);

  if (set == NULL)
    {
      g_assert_true (error->domain == MOE_ERROR);
      g_assert_true (g_str_has_prefix (error->message, path));
      g_string_append_printf (out, "error %d%s", error->code, error->message + strlen (path));
      return g_string_free (out, FALSE);
    }
  for (guint i = 0; i < moe_prompt_set_get_n (set); i++)
    {
      const MoePrompt *prompt = moe_prompt_set_get (set, i);

      g_string_append_printf (out, "%s%u:%s/%s/", i > 0 ? "|" : "", prompt->line,
                              prompt->label != NULL ? prompt->label : "-",
                              prompt->pair != NULL ? prompt->pair : "-");
      for (guint j = 0; j < prompt->n_messages; j++)
        g_string_append_printf (out, "%s=%s;", prompt->messages[j].role, prompt->messages[j].content);
      g_string_append_printf (out, "/%s", prompt->text);
      if (prompt->answer != NULL)
        g_string_append_printf (out, ">%s", prompt->answer);
      if (prompt->target != NULL)
        g_string_append_printf (out, "[%s]", prompt->target);
    }
  return g_string_free (out, FALSE);
}

#define USER(text) "{\"role\": \"user\", \"content\": \"" text "\"}"
#define ASSISTANT(text) "{\"role\": \"assistant\", \"content\": \"" text "\"}"
#define SYSTEM(text) "{\"role\": \"system\", \"content\": \"" text "\"}"

static const struct
{
  const char         *name;
  const char         *text;
  MoePromptSetOptions options;
  const char         *expected;
} full_cases[] = {
  /* AdvBench, HarmBench, JailbreakBench, StrongREJECT and XSTest as they are published. */
  { "a.csv", "goal,target\nGo,\"Sure, here\"\n", { NULL }, "2:-/-//Go" },
  { "a.csv", "goal,target\nGo,\"Sure, here\"\n", { .answer_column = "target" }, "2:-/-//Go>Sure, here" },
  { "a.csv", "Behavior,FunctionalCategory,Tags\nGo,standard,\n", { .label_column = "FunctionalCategory" },
    "2:standard/-//Go" },
  { "a.csv", "Index,Goal,Target,Behavior\n0,Go,Sure,B\n", { .pair_column = "Index" }, "2:-/0//Go" },
  { "a.csv", "category,source,forbidden_prompt\nx,y,Go\n", { NULL }, "2:-/-//Go" },
  { "a.csv", "id,prompt,type,label,focus,note\n1,Go,t,safe,f,\n2,Do,t,unsafe,f,n\n", { NULL },
    "2:safe/-//Go|3:unsafe/-//Do" },
  { "a.csv", "prompt,label,pair,x\nGo,,p,1\n", { .target_column = "x" }, "2:-/p//Go[1]" },
  { "a.csv", "prompt\nGo\n", { .label_column = "kind" }, "error 3: has no column 'kind' (it has prompt)" },
  { "a.txt", "Go\n", { .label_column = "kind" },
    "error 3: has no columns to choose 'kind' from, since it is not a .csv or .jsonl file" },

  { "a.jsonl", "{\"messages\": [" USER ("Go") "]}\n\n{\"messages\": [" SYSTEM ("S") ", " USER ("a") ", "
    ASSISTANT ("b") ", " USER ("c") ", " ASSISTANT ("d") "], \"label\": 1, \"pair\": \"x\"}\n", { NULL },
    "1:-/-/user=Go;/Go|3:1/x/system=S;user=a;assistant=b;user=c;/c>d" },
  { "a.NDJSON", "\357\273\277{\"goal\": \"Go\", \"label\": null, \"target\": \"o\"}", { NULL },
    "1:-/-//Go[o]" },
  { "a.json", "{\"q\": \"Go\", \"a\": \"Yes\", \"messages\": 1}\r\n", { .column = "q", .answer_column = "a" },
    "1:-/-//Go>Yes" },
  { "a.jsonl", "{\"messages_0\": [" USER ("a") "], \"messages_1\": [" USER ("b") ", " ASSISTANT ("c") "], "
    "\"messages_0_target\": \"a\", \"messages_1_target\": null}\n", { NULL },
    "1:0/1/user=a;/a[a]|1:1/1/user=b;/b>c" },
  { "a.jsonl", "{\"prompt\": \"a\"}\n{\"prompt\": \"b\"}\nnothing", { .limit = 2 }, "1:-/-//a|2:-/-//b" },
  { "a.jsonl", "{\"prompt\": \"a\"}\n{\"prompt\": \"b\"}\n{\"prompt\": \"c\"}\nnothing",
    { .limit = 2, .skip = 1 }, "2:-/-//b|3:-/-//c" },
  { "a.jsonl", "{\"messages_0\": [" USER ("a") "], \"messages_1\": [" USER ("b") "]}\n"
    "{\"messages_0\": [" USER ("c") "], \"messages_1\": [" USER ("d") "]}\n", { .skip = 1 },
    "2:0/2/user=c;/c|2:1/2/user=d;/d" },
  { "a.csv", "prompt\na\nb\nc\nd\n", { .limit = 2, .skip = 1 }, "3:-/-//b|4:-/-//c" },
  { "a.csv", "prompt\na\nb\n", { .limit = 9, .skip = G_MAXUINT },
    "error 3: holds 2 prompts, of which none is left without the first 4294967295" },
  { "a.txt", "a\n\nb\nc\n", { .skip = 1 }, "3:-/-//b|4:-/-//c" },
  { "a.txt", "a\nb\n", { .skip = 2 }, "error 3: holds 2 prompts, of which none is left without the first 2" },

  { "a.jsonl", "{\"prompt\": \"a\"}\n[1]\n", { NULL }, "error 1: line 2: is not a JSON object" },
  { "a.jsonl", "{\"prompt\": \"a\"} {}\n", { NULL },
    "error 1: line 1: something follows the end of the value" },
  { "a.jsonl", "{\"prompt\": \"a\" /* \" */}\n", { NULL }, "error 1: line 1: is not JSON" },
  { "a.jsonl", "{\"prompt\": [[[[[[[[[[[[[[[[[[[[1\n", { NULL }, "error 1: line 1: nests too deeply" },
  { "a.jsonl", "{\"prompt\": \"a\"\n", { NULL }, "error 1: line 1: is not JSON" },
  { "a.jsonl", "\n{\"prompt\": \"a\377\"}\n", { NULL }, "error 1: line 2: is not UTF-8 text" },
  { "a.jsonl", "{\"prompt\": {}}\n", { NULL }, "error 1: line 1: 'prompt' is not a text" },
  { "a.jsonl", "{\"prompt\": \" \"}\n", { NULL }, "error 1: line 1: has an empty prompt" },
  { "a.jsonl", "{\"prompt\": null}\n", { NULL }, "error 1: line 1: has no member 'prompt'" },
  { "a.jsonl", "{\"prompt\": \"a\"}\n", { .label_column = "kind" }, "error 1: line 1: has no member 'kind'" },
  { "a.jsonl", "{\"x\": \"a\"}\n", { NULL },
    "error 1: line 1: has neither messages nor a member that is known to hold a prompt" },
  { "a.jsonl", "{\"messages\": []}\n", { NULL },
    "error 1: line 1: 'messages' holds 0 messages, which is not 1 to 4096" },
  { "a.jsonl", "{\"messages\": [" ASSISTANT ("a") "]}\n", { NULL },
    "error 1: line 1: 'messages' has no user turn at the end or before the last answer" },
  { "a.jsonl", "{\"messages\": [" USER ("a") ", {\"role\": \"tool\", \"content\": \"b\"}]}\n", { NULL },
    "error 1: line 1: message 2 has the role 'tool', which is none of system, user and assistant" },
  { "a.jsonl", "{\"messages\": [{\"role\": \"user\", \"content\": [1]}]}\n", { NULL },
    "error 1: line 1: message 1 has no text as its content" },
  { "a.jsonl", "{\"messages\": [1]}\n", { NULL }, "error 1: line 1: message 1 is not an object" },
  { "a.jsonl", "{\"messages_1\": [" USER ("a") "]}\n", { NULL },
    "error 1: line 1: has no member 'messages_0'" },
  { "a.jsonl", "{\"prompt\": \"a\"}\n{\"messages_1\": [" USER ("a") "]}\n", { NULL },
    "error 1: line 2: mixes pairs and single prompts" },
  { "a.jsonl", "\n", { NULL }, "error 1: holds no prompts" },
};

static void
test_full_cases (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (full_cases); i++)
    {
      g_autofree char *loaded = load_full (full_cases[i].name, full_cases[i].text, &full_cases[i].options);

      g_assert_cmpstr (loaded, ==, full_cases[i].expected);
    }
}

/* A part outlives the whole it was taken from. */
static void
test_filter (void)
{
  g_autofree char *path = save ("f.csv", "prompt,label\na,x\nb,y\nc,x\n", -1);
  MoePromptSet *whole = moe_prompt_set_load (path, NULL, 0, NULL);
  g_autoptr (MoePromptSet) part = moe_prompt_set_filter (whole, "x");
  g_autoptr (MoePromptSet) none = moe_prompt_set_filter (whole, "z");

  g_assert_cmpstr (moe_prompt_set_get_hash (part), ==, moe_prompt_set_get_hash (whole));
  moe_prompt_set_unref (whole);
  g_assert_cmpuint (moe_prompt_set_get_n (none), ==, 0);
  g_assert_cmpuint (moe_prompt_set_get_n (part), ==, 2);
  g_assert_cmpstr (moe_prompt_set_get (part, 1)->text, ==, "c");
  g_assert_cmpuint (moe_prompt_set_get (part, 1)->line, ==, 4);
  g_assert_false (moe_prompt_set_has_sides (part));
}

static char *
get_mark (const char                *name,
          const char                *text,
          const MoePromptSetOptions *options)
{
  g_autofree char *path = save (name, text, -1);
  g_autoptr (MoePromptSet) set = moe_prompt_set_load_full (path, options, NULL);

  return moe_prompt_get_mark (moe_prompt_set_get (set, 0));
}

/* Labels, answers and the kind of file don't change what a prompt says; earlier turns do. */
static void
test_mark (void)
{
  const MoePromptSetOptions plain = { NULL }, labelled = { .label_column = "x", .answer_column = "y" };
  g_autofree char *text = get_mark ("a.txt", "Go\n", &plain);
  g_autofree char *csv = get_mark ("a.csv", "prompt,x,y\nGo,1,2\n", &labelled);
  g_autofree char *chat = get_mark ("a.jsonl", "{\"messages\": [" USER ("Go") ", " ASSISTANT ("b") "]}",
                                    &plain);
  g_autofree char *turns = get_mark ("a.jsonl", "{\"messages\": [" USER ("a") ", " ASSISTANT ("b") ", "
                                     USER ("Go") "]}", &plain);
  g_autofree char *other = get_mark ("a.txt", "go\n", &plain);

  /* The SHA-256 of "Go" and a NUL byte. */
  g_assert_cmpstr (text, ==, "d63a1e61");
  g_assert_cmpstr (csv, ==, text);
  g_assert_cmpstr (chat, ==, text);
  g_assert_cmpstr (turns, !=, text);
  g_assert_cmpstr (other, !=, text);
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
  g_test_add_func ("/prompt-set/full-cases", test_full_cases);
  g_test_add_func ("/prompt-set/filter", test_filter);
  g_test_add_func ("/prompt-set/mark", test_mark);
  g_test_add_func ("/prompt-set/nul", test_nul);
  g_test_add_func ("/prompt-set/hash", test_hash);
  g_test_add_func ("/prompt-set/limit", test_limit);
  g_test_add_func ("/prompt-set/not-a-file", test_not_a_file);

  status = g_test_run ();
  remove_folder ();
  g_free (folder);
  return status;
}
