/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "make-checkpoint"

/* make-checkpoint [--f32] NAME OUT.gguf: writes one of the test checkpoints or vocabularies, or one with
 * known super experts: planted-single, planted-several, planted-none, planted-shared, planted-dense.
 * make-checkpoint --folder NAME FOLDER: one of F32, F16 or BF16 as a Hugging Face folder.
 * make-checkpoint --list: their names; --pre-tokenizers: those that a vocab-NAME can have.
 * make-checkpoint --tokens NAME: its token sequence.
 * make-checkpoint --blocks OUT: for each storage type its number, the count of bytes, and that many bytes of
 * random blocks. */

#include <stdio.h>
#include <string.h>

#include "probes/moe-pretokenizer.h"
#include "tests/kernel-blocks.h"
#include "tests/support/moe-checkpoint.h"
#include "tests/support/moe-hf-twin.h"
#include "tests/support/moe-planted.h"

static gboolean
is_vocabulary (const char *name)
{
  g_auto (GStrv) pre_tokenizers = moe_pretokenizer_list_names ();

  return g_strv_contains (moe_checkpoint_list_vocabularies (), name) ||
         (g_str_has_prefix (name, "vocab-") &&
          g_strv_contains ((const char *const *) pre_tokenizers, name + strlen ("vocab-")));
}

static int
print_pre_tokenizers (void)
{
  g_auto (GStrv) names = moe_pretokenizer_list_names ();

  for (char **name = names; *name != NULL; name++)
    g_print ("%s\n", *name);
  return 0;
}

/* In the order of MoePlantedShape. */
static const char *const planted_names[] = { "planted-several", "planted-single", "planted-none",
                                             "planted-shared", "planted-dense", NULL };

static gboolean
write_planted (const char  *name,
               const char  *path,
               GError     **error)
{
  guint shape = 0;
  MoePlanted planted;

  while (!g_str_equal (planted_names[shape], name))
    shape++;
  moe_planted_init (&planted, (MoePlantedShape) shape, 11);
  return moe_planted_write (&planted, path, error);
}

static int
print_list (void)
{
  const char *const *names = moe_checkpoint_list_vocabularies ();
  guint n;
  const MoeCheckpoint *list = moe_checkpoint_list (&n);

  for (guint i = 0; i < n; i++)
    g_print ("%s\n", list[i].name);
  for (; *names != NULL; names++)
    g_print ("%s\n", *names);
  return 0;
}

static int
print_tokens (const char *name)
{
  const MoeCheckpoint *checkpoint = moe_checkpoint_find (name);
  g_autofree gint32 *tokens = NULL;

  if (checkpoint == NULL)
    {
      g_printerr ("make-checkpoint: no checkpoint is called \"%s\"; try --list\n", name);
      return 1;
    }
  tokens = moe_checkpoint_get_tokens (checkpoint);
  for (guint i = 0; i < checkpoint->n_tokens; i++)
    g_print ("%s%d", i > 0 ? " " : "", tokens[i]);
  g_print ("\n");
  return 0;
}

static int
write_blocks (const char *path)
{
  FILE *out = fopen (path, "wb");

  if (out == NULL)
    {
      g_printerr ("make-checkpoint: %s cannot be written\n", path);
      return 1;
    }
  for (guint i = 0; i < N_REFERENCE_TYPES; i++)
    {
      gsize n_values, n_bytes;
      g_autofree guint8 *w = kernel_blocks_new_reference (kernel_types[i], &n_values, &n_bytes);
      guint32 head[2] = { GUINT32_TO_LE (kernel_types[i]), GUINT32_TO_LE ((guint32) n_bytes) };

      fwrite (head, sizeof head, 1, out);
      fwrite (w, n_bytes, 1, out);
    }
  return fclose (out) == 0 ? 0 : 1;
}

static int
write_folder (const char *name,
              const char *folder)
{
  const MoeCheckpoint *checkpoint = moe_checkpoint_find (name);
  MoeCheckpoint copy;
  g_autofree char *path = g_build_filename (folder, "twin.gguf", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (MoeGguf) gguf = NULL;
  MoeTensorType type = checkpoint != NULL ? checkpoint->type : MOE_TYPE_F32;

  if (checkpoint == NULL || !(type == MOE_TYPE_F32 || type == MOE_TYPE_F16 || type == MOE_TYPE_BF16))
    {
      g_printerr ("make-checkpoint: no checkpoint in F32, F16 or BF16 is called \"%s\"; try --list\n", name);
      return 1;
    }
  g_mkdir_with_parents (folder, 0777);
  copy = *checkpoint;
  copy.trained = g_str_equal (copy.architecture, "phimoe");
  if (moe_checkpoint_write_edited (&copy, moe_hf_twin_round, &type, path, &error))
    gguf = moe_gguf_open (path, &error);
  if (gguf != NULL)
    moe_hf_twin_write (gguf, type, 1, folder);
  else
    g_printerr ("make-checkpoint: %s\n", error->message);
  return gguf != NULL ? 0 : 1;
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GError) error = NULL;
  gboolean as_f32 = argc > 1 && g_str_equal (argv[1], "--f32");
  const MoeCheckpoint *checkpoint;
  gboolean written;

  if (argc == 2 && g_str_equal (argv[1], "--list"))
    return print_list ();
  if (argc == 2 && g_str_equal (argv[1], "--pre-tokenizers"))
    return print_pre_tokenizers ();
  if (argc == 3 && g_str_equal (argv[1], "--tokens"))
    return print_tokens (argv[2]);
  if (argc == 3 && g_str_equal (argv[1], "--blocks"))
    return write_blocks (argv[2]);
  if (argc == 4 && g_str_equal (argv[1], "--folder"))
    return write_folder (argv[2], argv[3]);
  if (argc != (as_f32 ? 4 : 3))
    {
      g_printerr ("usage: make-checkpoint [--f32] NAME OUT.gguf | --folder NAME FOLDER | --tokens NAME | "
                  "--blocks OUT | --list | --pre-tokenizers\n");
      return 2;
    }
  argv += as_f32 ? 2 : 1;

  checkpoint = moe_checkpoint_find (argv[0]);
  if (checkpoint == NULL && !is_vocabulary (argv[0]) && !g_strv_contains (planted_names, argv[0]))
    {
      g_printerr ("make-checkpoint: no checkpoint is called \"%s\"; try --list\n", argv[0]);
      return 1;
    }
  if (checkpoint != NULL)
    written = moe_checkpoint_write (checkpoint, as_f32, argv[1], &error);
  else if (g_strv_contains (planted_names, argv[0]))
    written = write_planted (argv[0], argv[1], &error);
  else
    written = moe_checkpoint_write_vocabulary (argv[0], argv[1], &error);
  if (!written)
    g_printerr ("make-checkpoint: %s\n", error->message);
  return written ? 0 : 1;
}
