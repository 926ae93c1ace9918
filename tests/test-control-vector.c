/* SPDX-License-Identifier: MIT */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "data/moe-error.h"
#include "probes/moe-session.h"
#include "tests/support/moe-checkpoint.h"
#include "tests/support/moe-gguf-writer.h"
#include "tests/support/moe-test-recording.h"

/* Control vectors: what is read from a file is what is added after the layers, and to nothing before. */

#define CHECKPOINT "qwen3moe-f32"

static char *
write_vector (const char   *folder,
              const char   *architecture,
              const char   *name,
              guint32       type,
              const float  *values,
              guint         width)
{
  const guint64 ne[] = { width };
  char *path = g_build_filename (folder, "vector.gguf", NULL);
  MoeGgufWriter *writer = moe_gguf_writer_new (3);
  g_autoptr (GError) error = NULL;

  moe_gguf_writer_add_string (writer, "general.architecture", architecture);
  moe_gguf_writer_add_tensor (writer, name, type, 1, ne, values,
                              width * (type == MOE_TYPE_F32 ? sizeof *values : 2));
  moe_gguf_writer_save (writer, path, &error);
  g_assert_no_error (error);
  moe_gguf_writer_free (writer);
  return path;
}

static void
test_refused (void)
{
  static const struct
  {
    const char *architecture, *name;
    guint32     type;
    float       value;
    const char *fragment;
  } wrong[] = {
    { "llama", "direction.1", MOE_TYPE_F32, 1, "is not a control vector" },
    { "controlvector", "direction.0", MOE_TYPE_F32, 1, "is not a direction.N with N from 1 on" },
    { "controlvector", "direction.x", MOE_TYPE_F32, 1, "is not a direction.N" },
    { "controlvector", "vector.1", MOE_TYPE_F32, 1, "is not a direction.N" },
    { "controlvector", "direction.1", MOE_TYPE_F16, 1, "is not a row of F32 values" },
    { "controlvector", "direction.1", MOE_TYPE_F32, NAN, "holds a value that is no number" },
    { "controlvector", "direction.9", MOE_TYPE_F32, 1, "has no direction in these layers" },
  };
  char *folder = moe_test_folder_new ();

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      const float values[] = { wrong[i].value, 1, 1, 1 };
      g_autofree char *path = write_vector (folder, wrong[i].architecture, wrong[i].name, wrong[i].type,
                                            values, 4);
      g_autoptr (GError) error = NULL;

      g_assert_null (moe_control_vector_load (path, 1, 0, 8, NULL, &error));
      g_assert_nonnull (strstr (error->message, wrong[i].fragment));
    }
  moe_test_folder_remove (folder);
}

static void
test_sum (void)
{
  const float values[] = { 1, -2, 0.5f, 0 };
  char *folder = moe_test_folder_new ();
  g_autofree char *path = write_vector (folder, "controlvector", "direction.2", MOE_TYPE_F32, values, 4);
  g_autoptr (GError) error = NULL;
  g_autoptr (MoeControlVector) one = moe_control_vector_load (path, 2, 0, 8, NULL, &error);
  g_autoptr (MoeControlVector) two = moe_control_vector_load (path, -0.5, 2, 2, one, &error);
  g_autoptr (MoeModelInfo) info = moe_model_info_new ();

  g_assert_no_error (error);
  g_assert_null (moe_control_vector_get (NULL, 2));
  g_assert_null (moe_control_vector_get (one, 1));
  g_assert_null (moe_control_vector_get (one, 3));
  for (guint i = 0; i < 4; i++)
    {
      g_assert_cmpfloat (moe_control_vector_get (one, 2)[i], ==, 2 * values[i]);
      g_assert_cmpfloat (moe_control_vector_get (two, 2)[i], ==, 1.5f * values[i]);
    }
  info->width = 4;
  info->n_layers = 3;
  g_assert_true (moe_control_vector_check (one, info, &error));
  info->n_layers = 2;
  g_assert_false (moe_control_vector_check (one, info, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_MISMATCH);
  g_clear_error (&error);
  info->width = 8;
  g_assert_false (moe_control_vector_check (one, info, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_MISMATCH);
  moe_test_folder_remove (folder);
}

/* The residual after each layer, (layers, n, width). */
static void
keep_residual (const MoeProbeBatch *batch,
               guint                layer,
               MoeResidualPoint     point,
               guint                width,
               const float         *x,
               gpointer             user_data)
{
  if (point == MOE_RESIDUAL_POST)
    g_array_append_vals (user_data, x, batch->n * width);
}

static GArray *
run (MoeSession       *session,
     MoeControlVector *control)
{
  static const MoeProbe probe = { .residual = keep_residual };
  const MoeCheckpoint *checkpoint = moe_checkpoint_find (CHECKPOINT);
  g_autofree gint32 *tokens = moe_checkpoint_get_tokens (checkpoint);
  GArray *residual = g_array_new (FALSE, FALSE, sizeof (float));
  g_autoptr (GError) error = NULL;

  moe_session_rewind (session, 0);
  moe_session_set_control (session, control, &error);
  g_assert_no_error (error);
  moe_session_add_probe (session, &probe, residual);
  moe_session_feed (session, tokens, NULL, checkpoint->n_tokens, NULL, &error);
  g_assert_no_error (error);
  moe_session_remove_probe (session, &probe, residual);
  return residual;
}

static void
test_added (void)
{
  const MoeCheckpoint *checkpoint = moe_checkpoint_find (CHECKPOINT);
  const MoeSessionOptions options = { .kernels = MOE_KERNELS_PLAIN, .cache = MOE_CACHE_F32, .threads = 2 };
  char *folder = moe_test_folder_new ();
  g_autofree char *model_path = g_build_filename (folder, "model.gguf", NULL);
  g_autofree float *values = g_new (float, checkpoint->width);
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (MoeControlVector) control = NULL;
  g_autoptr (MoeModel) model = NULL;
  g_autoptr (MoeSession) session = NULL;
  g_autoptr (GArray) before = NULL;
  g_autoptr (GArray) steered = NULL;
  g_autoptr (GArray) after = NULL;
  gsize n = (gsize) checkpoint->n_tokens * checkpoint->width;

  for (guint i = 0; i < checkpoint->width; i++)
    values[i] = cosf ((float) i);
  path = write_vector (folder, "controlvector", "direction.1", MOE_TYPE_F32, values, checkpoint->width);
  control = moe_control_vector_load (path, 0.5, 0, 8, NULL, &error);
  g_assert_no_error (error);
  moe_checkpoint_write (checkpoint, FALSE, model_path, &error);
  g_assert_no_error (error);
  model = moe_model_open (model_path, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  session = moe_session_new (model, &options, &error);
  g_assert_no_error (error);

  before = run (session, NULL);
  steered = run (session, control);
  after = run (session, NULL);
  g_assert_cmpmem (before->data, before->len * sizeof (float), after->data, after->len * sizeof (float));
  g_assert_cmpmem (before->data, n * sizeof (float), steered->data, n * sizeof (float));
  for (gsize i = 0; i < n; i++)
    g_assert_cmpfloat_with_epsilon (g_array_index (steered, float, n + i),
                                    g_array_index (before, float, n + i)
                                    + 0.5f * values[i % checkpoint->width], 1e-5);
  g_assert_cmpint (memcmp (before->data + 2 * n * sizeof (float), steered->data + 2 * n * sizeof (float),
                           n * sizeof (float)), !=, 0);
  g_clear_pointer (&session, moe_session_free);
  g_clear_pointer (&model, moe_model_unref);
  moe_test_folder_remove (folder);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/control-vector/refused", test_refused);
  g_test_add_func ("/control-vector/sum", test_sum);
  g_test_add_func ("/control-vector/added", test_added);
  return g_test_run ();
}
