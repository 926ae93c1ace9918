/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "oracle"

/* Asks llama.cpp for the reference values; built and called by renew.sh, never by the tests.
 *
 * oracle logits NAME OUT F32.gguf [STORED.gguf] TOKEN...
 *   writes OUT: logits at every position, the experts chosen and their weights, some channels of the residual
 *   stream after every layer, greedy continuation, and how far STORED is from F32 at each of more positions
 *   (layout: README.md).
 * oracle tokens STRINGS.txt VOCABULARY.gguf...
 *   prints the ids of every string, as JSON.
 * oracle expansions BLOCKS
 *   prints for each storage type in BLOCKS (make-checkpoint --blocks) the SHA-256 of its values.
 * oracle hashes STRINGS.txt vocab-NAME.gguf...
 *   prints for each file one hash of the ids of all strings, as JSON. */

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib.h>

#include <ggml-backend.h>
#include <llama.h>

#include "oracle-routing.h"

enum { N_GREEDY = 16, N_LONG = 256, MAX_TOKENS = 512 };

/* Least difference of router logits between the last expert chosen and the first one left out that every
 * token of a sequence must show in every layer. Rounded activations move router logits by a tenth of it: so
 * no routing flips, and the difference of two sets of logits measures rounding alone. */
#define LEAST_MARGIN 0.4f

static void
die (const char *what,
     const char *name)
{
  fprintf (stderr, "oracle: %s: %s\n", name, what);
  exit (1);
}

static void
show_errors (enum ggml_log_level  level,
             const char          *text,
             void                *user_data)
{
  if (level == GGML_LOG_LEVEL_ERROR)
    fputs (text, stderr);
}

static struct llama_model *
load_model (const char *path,
            bool        vocab_only)
{
  struct llama_model_params params = llama_model_default_params ();
  struct llama_model *model;

  params.n_gpu_layers = 0;
  params.vocab_only = vocab_only;
  model = llama_model_load_from_file (path, params);
  if (model == NULL)
    die ("llama.cpp cannot load it", path);
  return model;
}

static int32_t
argmax (const float *logits,
        int32_t      n)
{
  int32_t best = 0;

  for (int32_t i = 1; i < n; i++)
    if (logits[i] > logits[best])
      best = i;
  return best;
}

static struct llama_context *
make_context (struct llama_model *model,
              Routing            *routing)
{
  struct llama_context_params params = llama_context_default_params ();
  struct llama_context *context;

  params.n_ctx = MAX_TOKENS;
  params.n_threads = params.n_threads_batch = 1;
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
  params.type_k = params.type_v = GGML_TYPE_F32;
  params.cb_eval = routing_watch;
  params.cb_eval_user_data = routing;
  context = llama_init_from_model (model, params);
  if (context == NULL)
    die ("llama.cpp makes no context", "model");
  return context;
}

/* Forgets all after the first @n tokens. A state that only knows the last one is made anew. */
static void
take_back (struct llama_context *context,
           const char           *path,
           int32_t              *tokens,
           int32_t               n)
{
  if (llama_memory_seq_rm (llama_get_memory (context), 0, n, -1))
    return;
  llama_memory_clear (llama_get_memory (context), true);
  if (n > 0 && llama_decode (context, llama_batch_get_one (tokens, n)) != 0)
    die ("llama.cpp cannot run it", path);
}

/* Replaces each token that some router is undecided about by the next id that all are sure of. */
static void
choose_tokens (const char *path,
               int32_t    *tokens,
               int32_t     n)
{
  struct llama_model *model = load_model (path, false);
  int32_t n_vocabulary = llama_vocab_n_tokens (llama_model_get_vocab (model));
  Routing routing = { 0 };
  struct llama_context *context = make_context (model, &routing);

  for (int32_t i = 0; i < n; i++)
    for (int32_t tries = 0;; tries++)
      {
        tokens[i] %= n_vocabulary;
        routing_reset (&routing);
        if (llama_decode (context, llama_batch_get_one (&tokens[i], 1)) != 0)
          die ("llama.cpp cannot run it", path);
        if (routing.margin >= LEAST_MARGIN)
          break;
        if (tries == n_vocabulary)
          die ("no token has a clear routing", path);
        take_back (context, path, tokens, i);
        tokens[i]++;
      }
  llama_free (context);
  llama_model_free (model);
}

/* Runs @tokens through the file at @path, all logits on. @logits: appended (n, vocabulary) floats. @greedy:
 * appended, or NULL. */
static int32_t
run (const char    *path,
     const int32_t *tokens,
     int32_t        n,
     Routing       *routing,
     GArray        *logits,
     GArray        *greedy)
{
  struct llama_model *model = load_model (path, false);
  int32_t n_vocabulary = llama_vocab_n_tokens (llama_model_get_vocab (model));
  Routing watched = { 0 };
  struct llama_context *context = make_context (model, &watched);
  struct llama_batch batch = llama_batch_init (n, 0, 1);
  int32_t token;

  batch.n_tokens = n;
  for (int32_t i = 0; i < n; i++)
    {
      batch.token[i] = tokens[i];
      batch.pos[i] = i;
      batch.n_seq_id[i] = 1;
      batch.seq_id[i][0] = 0;
      batch.logits[i] = 1;
    }
  routing_reset (&watched);
  if (llama_decode (context, batch) != 0)
    die ("llama.cpp cannot run it", path);
  *routing = watched;
  watched = (Routing) { 0 };
  for (int32_t i = 0; i < n; i++)
    g_array_append_vals (logits, llama_get_logits_ith (context, i), (guint) n_vocabulary);

  token = argmax (llama_get_logits_ith (context, n - 1), n_vocabulary);
  for (int32_t i = 0; greedy != NULL && i < N_GREEDY; i++)
    {
      g_array_append_val (greedy, token);
      routing_reset (&watched);
      if (llama_decode (context, llama_batch_get_one (&token, 1)) != 0)
        die ("llama.cpp cannot continue it", path);
      token = argmax (llama_get_logits_ith (context, 0), n_vocabulary);
    }
  llama_batch_free (batch);
  llama_free (context);
  llama_model_free (model);
  return n_vocabulary;
}

/* What a reader of the log wants to know about a run: are all experts used, how sharp is the output. */
static void
print_summary (const char    *name,
               const Routing *routing,
               const GArray  *logits,
               int32_t        n_vocabulary)
{
  double sum = 0, squares = 0;
  guint n_routed = routing->n_layers * routing->n_tokens * routing->n_used;
  guint counts[MAX_EXPERTS] = { 0 }, n_experts = 0, most = 0;

  for (guint i = 0; i < logits->len; i++)
    {
      float x = g_array_index (logits, float, i);

      sum += x;
      squares += (double) x * x;
    }
  for (guint i = 0; i < n_routed; i++)
    counts[g_array_index (routing->chosen, uint16_t, i) % MAX_EXPERTS]++;
  for (guint e = 0; e < MAX_EXPERTS; e++)
    {
      n_experts += counts[e] > 0;
      most = MAX (most, counts[e]);
    }
  sum /= logits->len;
  fprintf (stderr,
           "%-18s vocabulary %d, logits %.3f +- %.3f, %u experts used, the busiest for %.0f %%, margin "
           "%.2f\n",
           name, n_vocabulary, sum, sqrt (squares / logits->len - sum * sum), n_experts,
           100.0 * most * routing->n_used / n_routed, (double) routing->margin);
}

static void
put_uint (FILE     *out,
          uint32_t  value)
{
  uint32_t little = GUINT32_TO_LE (value);

  fwrite (&little, 4, 1, out);
}

static void
put_float (FILE  *out,
           float  value)
{
  uint32_t bits;

  memcpy (&bits, &value, 4);
  put_uint (out, bits);
}

/* log of the sum of exp over one row. */
static double
log_sum_exp (const float *logits,
             int32_t      n)
{
  double top = logits[argmax (logits, n)], sum = 0;

  for (int32_t i = 0; i < n; i++)
    sum += exp ((double) logits[i] - top);
  return top + log (sum);
}

/* Mean |difference| of the logits @q from @p, and the Kullback-Leibler divergence of q's distribution from
 * p's, nats. */
static void
compare_rows (const float *p,
              const float *q,
              int32_t      n,
              double      *difference,
              double      *divergence)
{
  double p_norm = log_sum_exp (p, n), q_norm = log_sum_exp (q, n);

  *difference = *divergence = 0;
  for (int32_t i = 0; i < n; i++)
    {
      *difference += fabs ((double) q[i] - p[i]) / n;
      *divergence += exp (p[i] - p_norm) * ((p[i] - p_norm) - (q[i] - q_norm));
    }
}

/* Runs both files over the longer sequence and writes the distances of each position. */
static void
write_rounding (const char    *name,
                FILE          *out,
                const char   **paths,
                const int32_t *tokens)
{
  GArray *logits[2];
  Routing routing[2];
  double differences = 0, divergences = 0;
  guint n_flips = 0;
  int32_t n_vocabulary = 0;

  for (int s = 0; s < 2; s++)
    {
      logits[s] = g_array_new (FALSE, FALSE, sizeof (float));
      n_vocabulary = run (paths[s], tokens, N_LONG, &routing[s], logits[s], NULL);
    }
  for (guint i = 0; i < routing[0].chosen->len; i++)
    n_flips += g_array_index (routing[0].chosen, uint16_t, i) != g_array_index (routing[1].chosen, uint16_t,
                                                                                i);
  for (guint t = 0; t < N_LONG; t++)
    {
      double difference, divergence;

      compare_rows (&g_array_index (logits[0], float, t * (guint) n_vocabulary),
                    &g_array_index (logits[1], float, t * (guint) n_vocabulary), n_vocabulary, &difference,
                    &divergence);
      put_float (out, (float) difference);
      put_float (out, (float) divergence);
      differences += difference / N_LONG;
      divergences += divergence / N_LONG;
    }
  fprintf (stderr,
           "%-18s from the F32 copy: mean |difference| %.5f, divergence %.6f; %u of %u routing slots "
           "differ\n", name,
           differences, divergences, n_flips, routing[0].chosen->len);
}

static int
write_logits (int    argc,
              char **argv)
{
  const char *name = argv[0], *out_path = argv[1], *paths[2] = { argv[2], NULL };
  GArray *logits = g_array_new (FALSE, FALSE, sizeof (float)), *greedy = g_array_new (FALSE, FALSE, 4);
  Routing routing = { 0 };
  int32_t tokens[N_LONG], n = 0, n_long, n_vocabulary;
  int n_paths = 1;
  FILE *out;

  if (g_str_has_suffix (argv[3], ".gguf"))
    paths[n_paths++] = argv[3];
  for (int i = 2 + n_paths; i < argc && n < N_LONG; i++)
    tokens[n++] = (int32_t) g_ascii_strtoll (argv[i], NULL, 10);
  n_long = n_paths == 2 ? N_LONG : n;
  for (int32_t i = n; i < n_long; i++)
    tokens[i] = tokens[i - n] + 1;
  choose_tokens (paths[0], tokens, n_long);
  n_vocabulary = run (paths[0], tokens, n, &routing, logits, greedy);
  print_summary (name, &routing, logits, n_vocabulary);

  out = fopen (out_path, "wb");
  if (out == NULL)
    die ("cannot be written", out_path);
  fwrite ("MOELOGI2", 8, 1, out);
  put_uint (out, (uint32_t) n);
  put_uint (out, (uint32_t) n_vocabulary);
  put_uint (out, N_GREEDY);
  put_uint (out, routing.n_layers);
  put_uint (out, routing.n_used);
  put_uint (out, (uint32_t) n_long);
  put_uint (out, routing.residual->len / (uint32_t) n / N_CHANNELS);
  put_uint (out, N_CHANNELS);
  for (int32_t i = 0; i < n_long; i++)
    put_uint (out, (uint32_t) tokens[i]);
  for (guint i = 0; i < N_GREEDY; i++)
    put_uint (out, (uint32_t) g_array_index (greedy, int32_t, i));
  for (guint i = 0; i < routing.chosen->len; i++)
    put_uint (out, g_array_index (routing.chosen, uint16_t, i));
  for (guint i = 0; i < routing.weights->len; i++)
    put_float (out, g_array_index (routing.weights, float, i));
  for (guint i = 0; i < routing.residual->len; i++)
    put_float (out, g_array_index (routing.residual, float, i));
  for (guint i = 0; i < logits->len; i++)
    put_float (out, g_array_index (logits, float, i));
  if (n_paths == 2)
    write_rounding (name, out, paths, tokens);
  if (fclose (out) != 0)
    die ("cannot be written", out_path);
  return 0;
}

/* One string a line, with \n \r \t \\ and \xNN. */
static GBytes *
unescape (const char *line)
{
  GByteArray *out = g_byte_array_new ();

  for (const char *p = line; *p != '\0'; p++)
    {
      guint8 byte = (guint8) *p;

      if (byte == '\\')
        switch (*++p)
          {
          case 'n': byte = '\n'; break;
          case 'r': byte = '\r'; break;
          case 't': byte = '\t'; break;
          case '\\': break;
          case 'x':
            byte = (guint8) (g_ascii_xdigit_value (p[1]) << 4 | g_ascii_xdigit_value (p[2]));
            p += 2;
            break;
          default: die ("unknown escape", line);
          }
      g_byte_array_append (out, &byte, 1);
    }
  return g_byte_array_free_to_bytes (out);
}

/* The ids of @text, or NULL where llama.cpp throws, which it does for some bytes that are not UTF-8: these
 * are tried in a process of their own. */
static GArray *
tokenize (const struct llama_vocab *vocab,
          const char               *text,
          gsize                     length,
          bool                      add_special,
          bool                      parse_special)
{
  GArray *ids = g_array_new (FALSE, FALSE, sizeof (int32_t));
  int32_t n;

  g_array_set_size (ids, 4096);
  if (!g_utf8_validate (text, (gssize) length, NULL))
    {
      int status;
      pid_t child;

      fflush (stdout);
      child = fork ();
      if (child == 0)
        {
          fclose (stderr);
          llama_tokenize (vocab, text, (int32_t) length, (int32_t *) (gpointer) ids->data, (int32_t) ids->len,
                          add_special, parse_special);
          _exit (0);
        }
      if (waitpid (child, &status, 0) != child || status != 0)
        {
          g_array_unref (ids);
          return NULL;
        }
    }
  n = llama_tokenize (vocab, text, (int32_t) length, (int32_t *) (gpointer) ids->data, (int32_t) ids->len,
                      add_special, parse_special);
  if (n < 0)
    die ("too many tokens", text);
  g_array_set_size (ids, (guint) n);
  return ids;
}

/* The same as JSON, "null" where llama.cpp throws. */
static void
print_ids_of (const struct llama_vocab *vocab,
              const char               *text,
              gsize                     length,
              bool                      add_special,
              bool                      parse_special)
{
  GArray *ids = tokenize (vocab, text, length, add_special, parse_special);

  if (ids == NULL)
    {
      printf ("null");
      return;
    }
  printf ("[");
  for (guint i = 0; i < ids->len; i++)
    printf ("%s%d", i > 0 ? "," : "", g_array_index (ids, int32_t, i));
  printf ("]");
  g_array_unref (ids);
}

static void
print_ids (const char               *label,
           const struct llama_vocab *vocab,
           GPtrArray                *strings,
           bool                      add_special,
           bool                      parse_special,
           const char               *end)
{
  printf ("      \"%s\": [\n", label);
  for (guint s = 0; s < strings->len; s++)
    {
      gsize length;
      const char *text = g_bytes_get_data (strings->pdata[s], &length);

      printf ("        ");
      print_ids_of (vocab, text != NULL ? text : "", length, add_special, parse_special);
      printf ("%s\n", s + 1 < strings->len ? "," : "");
    }
  printf ("      ]%s\n", end);
}

static GPtrArray *
read_strings (const char *path)
{
  GPtrArray *strings = g_ptr_array_new ();
  char *text;
  char **lines;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    die ("cannot be read", path);
  lines = g_strsplit (text, "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    if (line[1] != NULL && (*line)[0] != '#')
      g_ptr_array_add (strings, unescape (*line));
  return strings;
}

static void
print_strings (GPtrArray *strings)
{
  printf ("{\n  \"strings\": [\n");
  for (guint s = 0; s < strings->len; s++)
    {
      gsize length;
      const guint8 *bytes = g_bytes_get_data (strings->pdata[s], &length);

      printf ("    \"");
      for (gsize i = 0; i < length; i++)
        printf ("%02x", bytes[i]);
      printf ("\"%s\n", s + 1 < strings->len ? "," : "");
    }
  printf ("  ],\n  \"vocabularies\": {\n");
}

static void
print_header (const char               *path,
              const char               *prefix,
              const struct llama_vocab *vocab)
{
  char *name = g_path_get_basename (path);

  name[strlen (name) - strlen (".gguf")] = '\0';
  printf ("    \"%s\": {\n", name + strlen (prefix));
  printf ("      \"add_bos\": %s,\n", llama_vocab_get_add_bos (vocab) ? "true" : "false");
  g_free (name);
}

static int
print_tokens (int    argc,
              char **argv)
{
  GPtrArray *strings = read_strings (argv[0]);

  print_strings (strings);
  for (int v = 1; v < argc; v++)
    {
      struct llama_model *model = load_model (argv[v], true);
      const struct llama_vocab *vocab = llama_model_get_vocab (model);

      print_header (argv[v], "", vocab);
      printf ("      \"bos\": %d,\n      \"eos\": %d,\n", llama_vocab_bos (vocab), llama_vocab_eos (vocab));
      print_ids ("plain", vocab, strings, false, false, ",");
      print_ids ("special", vocab, strings, false, true, ",");
      print_ids ("bos_special", vocab, strings, true, true, "");
      printf ("    }%s\n", v + 1 < argc ? "," : "");
      llama_model_free (model);
    }
  printf ("  }\n}\n");
  return 0;
}

/* The values as little-endian floats, with 0 for -0. */
static int
print_expansions (const char *path)
{
  char *data;
  gsize length, at = 0;

  if (!g_file_get_contents (path, &data, &length, NULL))
    die ("cannot be read", path);
  while (at < length)
    {
      const struct ggml_type_traits *traits;
      uint32_t head[2];
      gsize n;
      float *x;
      char *sum;

      memcpy (head, data + at, sizeof head);
      at += sizeof head;
      traits = ggml_get_type_traits ((enum ggml_type) head[0]);
      n = head[1] / traits->type_size * (gsize) traits->blck_size;
      x = g_new (float, n);
      if (traits->to_float != NULL)
        traits->to_float (data + at, x, (int64_t) n);
      else
        memcpy (x, data + at, n * sizeof *x);
      for (gsize i = 0; i < n; i++)
        x[i] += 0.0f;
      sum = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *) x, n * sizeof *x);
      printf ("%s %s\n", traits->type_name, sum);
      g_free (sum);
      g_free (x);
      at += head[1];
    }
  g_free (data);
  return 0;
}

/* SHA-256 over a line "1 2 3" for each string that llama.cpp does not throw at; these are in @thrown. */
static char *
hash_ids (const struct llama_vocab *vocab,
          GPtrArray                *strings,
          bool                      parse_special,
          GString                  *thrown)
{
  GChecksum *sum = g_checksum_new (G_CHECKSUM_SHA256);
  GString *line = g_string_new (NULL);
  char *hash;

  g_string_truncate (thrown, 0);
  for (guint s = 0; s < strings->len; s++)
    {
      gsize length;
      const char *text = g_bytes_get_data (strings->pdata[s], &length);
      GArray *ids = tokenize (vocab, text != NULL ? text : "", length, false, parse_special);

      if (ids == NULL)
        {
          g_string_append_printf (thrown, "%s%u", thrown->len > 0 ? "," : "", s);
          continue;
        }
      g_string_truncate (line, 0);
      for (guint i = 0; i < ids->len; i++)
        g_string_append_printf (line, "%s%d", i > 0 ? " " : "", g_array_index (ids, int32_t, i));
      g_string_append_c (line, '\n');
      g_checksum_update (sum, (const guchar *) line->str, (gssize) line->len);
      g_array_unref (ids);
    }
  hash = g_strdup (g_checksum_get_string (sum));
  g_checksum_free (sum);
  g_string_free (line, TRUE);
  return hash;
}

static int
print_hashes (int    argc,
              char **argv)
{
  GPtrArray *strings = read_strings (argv[0]);
  GString *thrown = g_string_new (NULL);

  print_strings (strings);
  for (int v = 1; v < argc; v++)
    {
      struct llama_model *model = load_model (argv[v], true);
      const struct llama_vocab *vocab = llama_model_get_vocab (model);

      print_header (argv[v], "vocab-", vocab);
      printf ("      \"plain\": \"%s\",\n", hash_ids (vocab, strings, false, thrown));
      printf ("      \"special\": \"%s\",\n", hash_ids (vocab, strings, true, thrown));
      printf ("      \"thrown\": [%s]\n", thrown->str);
      printf ("    }%s\n", v + 1 < argc ? "," : "");
      llama_model_free (model);
    }
  printf ("  }\n}\n");
  return 0;
}

int
main (int    argc,
      char **argv)
{
  llama_log_set (show_errors, NULL);
  ggml_backend_load_all_from_path (ORACLE_BACKENDS);
  llama_backend_init ();
  if (argc >= 6 && g_str_equal (argv[1], "logits"))
    return write_logits (argc - 2, argv + 2);
  if (argc >= 4 && g_str_equal (argv[1], "tokens"))
    return print_tokens (argc - 2, argv + 2);
  if (argc == 3 && g_str_equal (argv[1], "expansions"))
    return print_expansions (argv[2]);
  if (argc >= 4 && g_str_equal (argv[1], "hashes"))
    return print_hashes (argc - 2, argv + 2);
  fprintf (stderr,
           "usage: oracle logits NAME OUT F32.gguf [STORED.gguf] TOKEN... | tokens STRINGS.txt "
           "VOCABULARY.gguf... | hashes STRINGS.txt vocab-NAME.gguf... | expansions BLOCKS\n");
  return 2;
}
