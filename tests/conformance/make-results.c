/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "make-results"

/* make-results tests/conformance/RESULTS.md: how far the engine is from llama.cpp on every generated
 * checkpoint, from the values in tests/reference, and how far folders are from files of the same weights.
 * What it prints is what test-logits and test-hf-folder check. */

#include <math.h>
#include <stdio.h>

#include "tests/support/moe-checkpoint.h"
#include "tests/support/moe-hf-pair.h"
#include "tests/support/moe-logits-distance.h"
#include "tests/support/moe-logits-run.h"
#include "tests/support/moe-reference.h"

static const char head[] =
  "# Conformance\n"
  "\n"
  "Made by `build/tests/conformance/make-results tests/conformance/RESULTS.md`; `./test logits` holds\n"
  "every row to its limits.\n"
  "\n"
  "Each row is a small generated checkpoint ([tests/support](../support/moe-checkpoint.c)) whose\n"
  "seeded weights spread the routing, run by llama.cpp v0.5.0\n"
  "([tests/reference](../reference/README.md)) and here, with F32 caches and every position compared.\n"
  "\n"
  "* **Plain kernels** (`--kernels plain`) against llama.cpp on the same weights in F32: the largest\n"
  "  difference of a logit (their standard deviation is 2), the mean Kullback-Leibler divergence, the\n"
  "  largest difference of the residual stream after a layer relative to its token's largest channel,\n"
  "  the largest difference of a gate weight, and of how many routing slots how many hold another\n"
  "  expert. Limits: 1e-3 for the differences, and no other expert.\n"
  "* **Fast kernels**, where they round activations: mean difference of a logit from the F32 copy,\n"
  "  and divergence, each with its ratio to what llama.cpp has on the same stored file. Limits: no\n"
  "  further than llama.cpp, within the chance of 256 positions (1.03 and 1.08).\n"
  "\n"
  "Architectures that are not here are refused by name, whatever the file says: `moe-arch.c` lists\n"
  "them.\n"
  "\n"
  "| checkpoint | architecture | stored as | logit | divergence | residual | gate weight | "
  "other experts | fast: logit (ratio) | fast: divergence (ratio) |\n"
  "|---|---|---|---|---|---|---|---|---|---|\n";

static const char folder_head[] =
  "\n"
  "## Hugging Face folders\n"
  "\n"
  "Each row is a checkpoint of the shape above (\"wide\": several tiles of 128 x 128 weights), written as\n"
  "a GGUF file and as the folder that transformers would have, `config.json`, `tokenizer.json` and\n"
  "safetensors; both are run here. F8_E4M3 (embedding, logits, norms and routers in BF16) is compared with\n"
  "the file of the floats it stands for. Limits of `./test hf-folder`: 0, or 1e-4 where files have the rows\n"
  "of q and k in another order (Mixtral, Granite). Differences are the largest ones, not relative; experts\n"
  "are counted over both runs. What folders say and files cannot (groups by their best expert, YaRN with\n"
  "two temperatures) is in `./test hf-deepseek`.\n"
  "\n"
  "| folder | model type | stored as | plain: logit | residual | gate weight | other experts | "
  "fast: logit |\n"
  "|---|---|---|---|---|---|---|---|\n";

static double
get_largest_difference (const float *a,
                        const float *b,
                        gsize        n)
{
  double largest = 0;

  for (gsize i = 0; i < n; i++)
    largest = MAX (largest, fabs ((double) a[i] - b[i]));
  return largest;
}

static double
get_residual_difference (const MoeReference    *reference,
                         const MoeLogitsResult *ours,
                         guint                  width)
{
  gsize n_rows = (gsize) reference->n_all_layers * reference->n_tokens;
  double largest = 0;

  for (gsize row = 0; row < n_rows; row++)
    {
      const float *truth = reference->residual + row * reference->n_channels;
      double size = 0, difference = 0;

      for (guint c = 0; c < reference->n_channels; c++)
        {
          float x = ours->residual[row * width + c * width / reference->n_channels];

          size = MAX (size, fabs ((double) truth[c]));
          difference = MAX (difference, fabs ((double) x - truth[c]));
        }
      largest = MAX (largest, difference / size);
    }
  return largest;
}

static void
print_plain (FILE               *out,
             MoeModel           *model,
             const MoeReference *reference)
{
  MoeLogitsRun run = { .kernels = MOE_KERNELS_PLAIN, .cache = MOE_CACHE_F32 };
  const MoeModelInfo *info = moe_model_get_info (model);
  gsize n_slots = (gsize) reference->n_layers * reference->n_tokens * reference->n_used, n_other = 0;
  double difference = 0, divergence = 0;
  g_auto (MoeLogitsResult) ours = { 0 };

  moe_logits_run_all (model, &run, reference->tokens, reference->n_tokens, &ours, NULL);
  for (gsize i = 0; i < n_slots; i++)
    n_other += ours.chosen[i] != reference->chosen[i];
  for (guint t = 0; t < reference->n_tokens; t++)
    moe_logits_add_distances (reference->logits + (gsize) t * reference->vocabulary,
                              ours.logits + (gsize) t * reference->vocabulary, reference->vocabulary,
                              &difference, &divergence);
  fprintf (out, " %.1e | %.1e | %.1e | %.1e | %" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT " |",
           get_largest_difference (ours.logits, reference->logits,
                                   (gsize) reference->n_tokens * reference->vocabulary),
           MAX (divergence, 0) / reference->n_tokens,
           get_residual_difference (reference, &ours, info->width),
           get_largest_difference (ours.weights, reference->weights, n_slots), n_other, n_slots);
}

static void
print_fast (FILE               *out,
            MoeModel           *model,
            const MoeReference *reference)
{
  MoeLogitsRun run = { .kernels = MOE_KERNELS_PLAIN, .cache = MOE_CACHE_F32 };
  gsize n = reference->n_long, vocabulary = reference->vocabulary;
  double difference = 0, their_difference = 0, divergence = 0, their_divergence = 0;
  g_autofree float *exact = NULL, *rounded = NULL;

  if (reference->rounding == NULL)
    {
      fprintf (out, " | |\n");
      return;
    }
  exact = moe_logits_run (model, &run, reference->tokens, n, NULL, NULL);
  run.kernels = MOE_KERNELS_AUTO;
  rounded = moe_logits_run (model, &run, reference->tokens, n, NULL, NULL);
  for (gsize t = 0; t < n; t++)
    {
      moe_logits_add_distances (exact + t * vocabulary, rounded + t * vocabulary, reference->vocabulary,
                                &difference, &divergence);
      their_difference += reference->rounding[2 * t];
      their_divergence += reference->rounding[2 * t + 1];
    }
  fprintf (out, " %.4f (%.2f) | %.5f (%.2f) |\n", difference / (double) n, difference / their_difference,
           divergence / (double) n, divergence / their_divergence);
}

static MoeModel *
open_model (const char *path)
{
  g_autoptr (GError) error = NULL;
  MoeModel *model = moe_model_open (path, NULL, NULL, NULL, &error);

  g_assert_no_error (error);
  return model;
}

static void
print_folder (FILE            *out,
              const MoeHfCase *this)
{
  MoeCheckpoint checkpoint = moe_hf_pair_get_checkpoint (this);
  g_autofree gint32 *tokens = moe_checkpoint_get_tokens (&checkpoint);
  g_autofree char *type = NULL;
  g_auto (MoeHfPair) pair = { NULL };
  MoeModel *file, *folder;
  const MoeModelInfo *info;
  gsize n = checkpoint.n_tokens, n_logits, n_slots, n_other = 0;
  double difference = 0;

  moe_hf_pair_make (&pair, this);
  file = open_model (pair.gguf);
  folder = open_model (pair.folder);
  info = moe_model_get_info (folder);
  type = moe_hf_pair_dup_model_type (&pair);
  n_logits = n * info->vocabulary;
  n_slots = n * info->n_moe_layers * info->n_used;
  fprintf (out, "| %s | `%s` | %s |", this->name, type, info->quantisation);
  for (guint plain = 2; plain-- > 0;)
    {
      MoeLogitsRun run = {
        .kernels = plain ? MOE_KERNELS_PLAIN : MOE_KERNELS_AUTO, .cache = MOE_CACHE_F32,
      };
      g_auto (MoeLogitsResult) theirs = { 0 }, ours = { 0 };

      moe_logits_run_all (file, &run, tokens, n, &theirs, NULL);
      moe_logits_run_all (folder, &run, tokens, n, &ours, NULL);
      difference = get_largest_difference (ours.logits, theirs.logits, n_logits);
      for (gsize i = 0; i < n_slots; i++)
        n_other += ours.chosen[i] != theirs.chosen[i];
      if (plain)
        fprintf (out, " %.1e | %.1e | %.1e |", difference,
                 get_largest_difference (ours.residual, theirs.residual, n * info->n_layers * info->width),
                 get_largest_difference (ours.weights, theirs.weights, n_slots));
    }
  fprintf (out, " %" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT " | %.1e |\n", n_other, 2 * n_slots, difference);
  moe_model_unref (file);
  moe_model_unref (folder);
}

int
main (int    argc,
      char **argv)
{
  guint n, n_cases;
  const MoeCheckpoint *list = moe_checkpoint_list (&n);
  const MoeHfCase *cases = moe_hf_pair_list_cases (&n_cases);
  FILE *out;

  g_setenv ("G_TEST_SRCDIR", TESTS_FOLDER, TRUE);
  g_test_init (&argc, &argv, NULL);
  out = argc == 2 ? fopen (argv[1], "w") : NULL;
  if (out == NULL)
    {
      g_printerr ("usage: make-results FILE\n");
      return 2;
    }
  fprintf (out, "%s", head);
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (MoeReference) reference = moe_reference_load (list[i].name);
      MoeModel *model = moe_logits_run_open (&list[i]);
      const MoeModelInfo *info = moe_model_get_info (model);

      fprintf (out, "| %s | `%s` | %s |", list[i].name, info->architecture, info->quantisation);
      print_plain (out, model, reference);
      print_fast (out, model, reference);
      moe_logits_run_close (model);
    }
  fprintf (out, "%s", folder_head);
  for (guint i = 0; i < n_cases; i++)
    print_folder (out, &cases[i]);
  return fclose (out) == 0 ? 0 : 1;
}
