/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "llama-speed"

/* Speed of the llama.cpp packaged on npm; built and called by side-by-side, never by the tests.
 *
 *   llama-speed MODEL.gguf PREFILL DECODE THREADS
 *
 * prints "prefill decode" in tokens per second, after one warm-up token: the same work as moescope-cli
 * bench. */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <ggml-backend.h>
#include <llama.h>

static double
seconds (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (double) now.tv_sec + (double) now.tv_nsec * 1e-9;
}

static void
quiet (enum ggml_log_level  level,
       const char          *text,
       void                *user_data)
{
  if (level == GGML_LOG_LEVEL_ERROR)
    fputs (text, stderr);
}

int
main (int    argc,
      char **argv)
{
  struct llama_model_params model_params = llama_model_default_params ();
  struct llama_context_params params = llama_context_default_params ();
  struct llama_model *model;
  struct llama_context *context;
  int prefill, decode;
  llama_token *tokens;
  double start, prefill_time;

  if (argc != 5)
    {
      fprintf (stderr, "usage: llama-speed MODEL PREFILL DECODE THREADS\n");
      return 2;
    }
  prefill = (int) strtol (argv[2], NULL, 10);
  decode = (int) strtol (argv[3], NULL, 10);
  llama_log_set (quiet, NULL);
  ggml_backend_load_all_from_path (LLAMA_BACKENDS);
  llama_backend_init ();
  model_params.n_gpu_layers = 0;
  model = llama_model_load_from_file (argv[1], model_params);
  params.n_ctx = (uint32_t) (prefill + decode + 8);
  params.n_batch = params.n_ubatch = 512;
  params.n_threads = params.n_threads_batch = (int) strtol (argv[4], NULL, 10);
  context = model != NULL ? llama_init_from_model (model, params) : NULL;
  if (context == NULL)
    {
      fprintf (stderr, "llama-speed: %s cannot be run\n", argv[1]);
      return 1;
    }

  tokens = calloc ((size_t) (prefill + decode), sizeof *tokens);
  for (int i = 0; i < prefill + decode; i++)
    tokens[i] = (i * 7919 + 1) % (llama_vocab_n_tokens (llama_model_get_vocab (model)) - 1);
  llama_decode (context, llama_batch_get_one (tokens, 1));
  llama_memory_clear (llama_get_memory (context), true);

  start = seconds ();
  for (int at = 0; at < prefill; at += 512)
    llama_decode (context, llama_batch_get_one (tokens + at, prefill - at < 512 ? prefill - at : 512));
  prefill_time = seconds () - start;
  start = seconds ();
  for (int i = 0; i < decode; i++)
    llama_decode (context, llama_batch_get_one (tokens + prefill + i, 1));
  printf ("%.3f %.3f\n", prefill / prefill_time, decode / (seconds () - start));
  free (tokens);
  llama_free (context);
  llama_model_free (model);
  return 0;
}
