/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-route-domains"

#include <math.h>
#include <string.h>

#include "analysis/moe-route-domains.h"
#include "data/moe-error.h"
#include "data/moe-table-export.h"
#include "tests/support/moe-test-routes.h"

#define PROMPT MOE_PHASE_PROMPT
#define ANSWER MOE_PHASE_ANSWER

/* A recording whose prompts are @texts, of tokens with layer 1 of 3 experts, 2 used. */
typedef struct
{
  guint   text;
  MoePhase phase;
  guint16 experts[2];
} Row;

static MoeRecording *
record_rows (MoeTestRoutes     *routes,
             const char *const *texts,
             const Row         *rows,
             guint              n)
{
  g_autofree char *path = g_build_filename (routes->folder, "domains.moescope", NULL);
  GError *error = NULL;
  MoeRecordingWriter *writer = moe_test_writer_new (path, routes->info, FALSE, &error);
  MoeRecording *recording;

  g_assert_no_error (error);
  for (guint i = 0; i < n; i++)
    {
      MoeTokenRecord *record = moe_test_routes_add (routes, rows[i].text, rows[i].phase, rows[i].experts);

      if (record->position == 0)
        moe_recording_writer_begin_prompt (writer, texts[rows[i].text]);
      moe_recording_writer_add_token (writer, record, "t", 1);
      if (i + 1 == n || rows[i + 1].text != rows[i].text)
        moe_recording_writer_end_prompt (writer);
    }
  moe_recording_writer_close (writer, TRUE, &error);
  g_assert_no_error (error);
  recording = moe_recording_open (path, &error);
  g_assert_no_error (error);
  return recording;
}

/* A list with one set: @contents as file @name. */
static GPtrArray *
load_sets (MoeTestRoutes *routes,
           ...)
{
  GPtrArray *sets = g_ptr_array_new_with_free_func ((GDestroyNotify) moe_prompt_set_unref);
  const MoePromptSetOptions options = { NULL };
  const char *name;
  va_list list;

  va_start (list, routes);
  while ((name = va_arg (list, const char *)) != NULL)
    {
      g_autofree char *path = g_build_filename (routes->folder, name, NULL);
      g_autoptr(GError) error = NULL;

      g_file_set_contents (path, va_arg (list, const char *), -1, &error);
      g_assert_no_error (error);
      g_ptr_array_add (sets, moe_prompt_set_load_full (path, &options, &error));
      g_assert_no_error (error);
    }
  va_end (list);
  return sets;
}

static const char *const texts[] = { "two and two", "good morning", "unknown", "three, too" };

/* Numbers: two prompts with 3 tokens (0,1 / 0,2 / 0 alone), words: one with 1 token (1,2). */
static const Row rows[] = {
  { 0, PROMPT, { 0, 1 } }, { 0, ANSWER, { 2, 0 } }, { 1, PROMPT, { 1, 2 } }, { 2, PROMPT, { 1, 2 } },
  { 3, PROMPT, { MOE_NO_EXPERT, 0 } },
};

static void
test_known (void)
{
  g_auto(MoeTestRoutes) routes;
  g_autoptr(MoeRecording) recording = NULL;
  g_autoptr(GPtrArray) sets = NULL;
  g_autoptr(MoeRouteDomains) domains = NULL;
  g_autoptr(MoeTable) table = NULL;
  g_autoptr(MoeTable) wide = NULL;
  g_autofree char *csv = NULL, *wide_csv = NULL;
  g_autoptr(GError) error = NULL;

  moe_test_routes_init (&routes, 1, 3, 2);
  recording = record_rows (&routes, texts, rows, G_N_ELEMENTS (rows));
  sets = load_sets (&routes, "set.csv",
                    "prompt,label\ntwo and two,numbers\ngood morning,words\n\"three, too\",numbers\n"
                    "never asked,other\n", NULL);
  domains = moe_route_domains_new (recording, sets, MOE_PHASES_ALL, -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (domains->n_domains, ==, 3);
  g_assert_cmpuint (domains->n_prompts[0], ==, 2);
  g_assert_cmpuint (domains->n_unknown, ==, 1);
  table = moe_route_domains_to_table (domains);
  csv = moe_table_to_string (table, MOE_TABLE_CSV, FALSE);
  /* A domain without tokens has no share. */
  g_assert_cmpstr (csv, ==,
                   "layer,expert,domain,share,over_uniform,n_hits,n_tokens\n"
                   "1,0,numbers,1,1.5,3,3\n1,0,words,0,0,0,1\n1,0,other,,,0,0\n"
                   "1,1,numbers,0.3333333333333333,0.5,1,3\n1,1,words,1,1.5,1,1\n1,1,other,,,0,0\n"
                   "1,2,numbers,0.3333333333333333,0.5,1,3\n1,2,words,1,1.5,1,1\n1,2,other,,,0,0\n");
  wide = moe_route_domains_to_wide_table (domains);
  wide_csv = moe_table_to_string (wide, MOE_TABLE_CSV, FALSE);
  g_assert_cmpstr (wide_csv, ==, "layer,domain,e0,e1,e2\n1,numbers,1,0.3333333333333333,0.3333333333333333\n"
                   "1,words,0,1,1\n1,other,,,\n");
}

/* Files without labels are a domain each; only the answer is looked at. */
static void
test_files_and_phase (void)
{
  g_auto(MoeTestRoutes) routes;
  g_autoptr(MoeRecording) recording = NULL;
  g_autoptr(GPtrArray) sets = NULL;
  g_autoptr(MoeRouteDomains) domains = NULL;
  g_autoptr(GError) error = NULL;

  moe_test_routes_init (&routes, 1, 3, 2);
  recording = record_rows (&routes, texts, rows, G_N_ELEMENTS (rows));
  sets = load_sets (&routes, "words.txt", "good morning\n", "numbers.v2.txt", "two and two\nthree, too\n",
                    NULL);
  domains = moe_route_domains_new (recording, sets, MOE_PHASE_BIT (ANSWER), 1, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (domains->names[0], ==, "words");
  g_assert_cmpstr (domains->names[1], ==, "numbers.v2");
  g_assert_true (isnan (moe_route_domains_get_share (domains, 0, 0, 1)));
  g_assert_cmpfloat (moe_route_domains_get_share (domains, 1, 0, 2), ==, 1);
  g_assert_cmpfloat (moe_route_domains_get_share (domains, 1, 0, 1), ==, 0);
}

static void
check_refused (MoeRecording *recording,
               GPtrArray    *sets,
               int           layer,
               const char   *part)
{
  g_autoptr(GError) error = NULL;

  g_assert_null (moe_route_domains_new (recording, sets, MOE_PHASES_ALL, layer, NULL, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_INVALID);
  g_assert_nonnull (strstr (error->message, part));
}

static void
test_refused (void)
{
  g_auto(MoeTestRoutes) routes;
  g_autoptr(MoeRecording) recording = NULL;
  g_autoptr(GPtrArray) two = NULL;
  g_autoptr(GPtrArray) none = NULL;
  g_autoptr(GPtrArray) good = NULL;

  moe_test_routes_init (&routes, 1, 3, 2);
  recording = record_rows (&routes, texts, rows, G_N_ELEMENTS (rows));
  two = load_sets (&routes, "a.txt", "good morning\n", "b.txt", "x\ngood morning\n", NULL);
  check_refused (recording, two, -1, "b.txt:2: the prompt has two labels, 'a' and 'b'");
  none = load_sets (&routes, "c.txt", "something else\n", NULL);
  check_refused (recording, none, -1, "none of its 4 prompts has a label");
  good = load_sets (&routes, "d.txt", "good morning\n", NULL);
  check_refused (recording, good, 0, "layer 0 is not an MoE layer");
}

/* An expert twice in a layer would be counted twice for a token. */
static void
test_damaged (void)
{
  static const Row bad[] = { { 0, PROMPT, { 1, 1 } } };
  g_auto(MoeTestRoutes) routes;
  g_autoptr(MoeRecording) recording = NULL;
  g_autoptr(GPtrArray) sets = NULL;
  g_autoptr(GError) error = NULL;

  moe_test_routes_init (&routes, 1, 3, 2);
  recording = record_rows (&routes, texts, bad, 1);
  sets = load_sets (&routes, "a.txt", "two and two\n", NULL);
  g_assert_null (moe_route_domains_new (recording, sets, MOE_PHASES_ALL, -1, NULL, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_FORMAT);
  g_assert_nonnull (strstr (error->message, "token 0 has an expert twice in layer 1"));
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/route-domains/known", test_known);
  g_test_add_func ("/route-domains/files-and-phase", test_files_and_phase);
  g_test_add_func ("/route-domains/refused", test_refused);
  g_test_add_func ("/route-domains/damaged", test_damaged);
  return g_test_run ();
}
