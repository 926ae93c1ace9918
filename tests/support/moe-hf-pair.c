/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-hf-pair"

#include "tests/support/moe-hf-pair.h"

#include <glib/gstdio.h>
#include <string.h>

#include "data/moe-hf-private.h"
#include "tests/support/moe-hf-twin.h"

static const MoeHfCase cases[] = {
  { "qwen3moe-f32", MOE_TYPE_F32, 1 }, { "qwen3moe-f32", MOE_TYPE_F16, 3 },
  { "qwen3moe-f32", MOE_TYPE_BF16, 2 }, { "qwen3moe-tied-f32", MOE_TYPE_BF16, 1 },
  { "qwen3moe-f32-wide", MOE_TYPE_F8_E4M3, 1 },
  { "olmoe-f32", MOE_TYPE_F32, 2 }, { "olmoe-f32", MOE_TYPE_F16, 1 }, { "olmoe-f32", MOE_TYPE_BF16, 1 },
  { "qwen2moe-f32", MOE_TYPE_F32, 1 }, { "qwen2moe-f32", MOE_TYPE_F16, 1 },
  { "qwen2moe-f32", MOE_TYPE_BF16, 4 },
  { "deepseek2-f32", MOE_TYPE_F32, 1 }, { "deepseek2-f32", MOE_TYPE_F16, 2 },
  { "deepseek2-f32", MOE_TYPE_BF16, 1 }, { "deepseek2-f32-wide", MOE_TYPE_F8_E4M3, 1 },
  { "deepseek2-lite-q8_0", MOE_TYPE_F32, 1 },
  { "granitemoe-f32", MOE_TYPE_F32, 1 }, { "granitemoe-q8_0", MOE_TYPE_BF16, 2 },
  { "llama-f32", MOE_TYPE_F32, 1 }, { "llama-f16", MOE_TYPE_BF16, 2 },
  { "gpt-oss-f32", MOE_TYPE_F32, 1 }, { "gpt-oss-f32", MOE_TYPE_F16, 2 },
  { "gpt-oss-mxfp4", MOE_TYPE_BF16, 2 },
  { "phimoe-f32", MOE_TYPE_F32, 1 }, { "phimoe-short-f32", MOE_TYPE_BF16, 2 },
};

const MoeHfCase *
moe_hf_pair_list_cases (guint *n)
{
  *n = G_N_ELEMENTS (cases);
  return cases;
}

MoeCheckpoint
moe_hf_pair_get_checkpoint (const MoeHfCase *this)
{
  gboolean wide = g_str_has_suffix (this->name, "-wide");
  g_autofree char *name = g_strndup (this->name, strlen (this->name) - (wide ? strlen ("-wide") : 0));
  MoeCheckpoint checkpoint = *moe_checkpoint_find (name);

  checkpoint.type = checkpoint.down_type = this->type == MOE_TYPE_F8_E4M3 ? MOE_TYPE_F32 : this->type;
  checkpoint.trained = g_str_has_prefix (name, "phimoe");
  /* Several tiles of 128 x 128; cut off after 32 rows and columns; heads of latent attention that begin in
   * the middle of a tile. */
  if (wide)
    {
      checkpoint.width = 256;
      checkpoint.expert_width = 160;
      checkpoint.n_layers = 2;
      checkpoint.n_experts = 8;
      checkpoint.head_dim = checkpoint.absorbed ? 56 : 64;
    }
  return checkpoint;
}

gboolean
moe_hf_pair_is_rotated (const MoeHfCase *this)
{
  return g_str_has_prefix (this->name, "llama") || g_str_has_prefix (this->name, "granitemoe");
}

void
moe_hf_pair_make (MoeHfPair       *self,
                  const MoeHfCase *this)
{
  MoeCheckpoint checkpoint = moe_hf_pair_get_checkpoint (this);
  MoeTensorType type = checkpoint.type;
  g_autoptr (GError) error = NULL;
  g_autoptr (MoeGguf) gguf = NULL;

  self->folder = g_dir_make_tmp ("moe-test-XXXXXX", &error);
  g_assert_no_error (error);
  self->gguf = g_build_filename (self->folder, "twin.gguf", NULL);
  moe_checkpoint_write_edited (&checkpoint, moe_hf_twin_round, &type, self->gguf, &error);
  g_assert_no_error (error);
  gguf = moe_gguf_open (self->gguf, &error);
  g_assert_no_error (error);
  moe_hf_twin_write (gguf, type, this->n_shards, self->folder);
  if (this->type == MOE_TYPE_F8_E4M3)
    moe_hf_twin_store_f8 (&checkpoint, self->folder, self->gguf);
}

char *
moe_hf_pair_dup_model_type (const MoeHfPair *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) config = moe_hf_read_json (self->folder, "config.json", 1 << 20, TRUE, &error);

  g_assert_no_error (error);
  return g_strdup (moe_hf_get_string (json_node_get_object (config), "model_type"));
}

void
moe_hf_pair_clear (MoeHfPair *self)
{
  g_autoptr (GDir) dir = g_dir_open (self->folder, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (self->folder, name, NULL);

      g_unlink (path);
    }
  g_rmdir (self->folder);
  g_free (self->folder);
  g_free (self->gguf);
}

void
moe_hf_pair_replace (const char *folder,
                     const char *name,
                     const char *from,
                     const char *to)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autofree char *data = NULL;
  g_autoptr (GByteArray) fresh = g_byte_array_new ();
  gsize length, at = 0, n = strlen (from);

  g_assert_true (g_file_get_contents (path, &data, &length, NULL));
  while (at + n <= length && memcmp (data + at, from, n) != 0)
    at++;
  g_assert_cmpuint (at + n, <=, length);
  g_byte_array_append (fresh, (const guint8 *) data, (guint) at);
  g_byte_array_append (fresh, (const guint8 *) to, (guint) strlen (to));
  g_byte_array_append (fresh, (const guint8 *) data + at + n, (guint) (length - at - n));
  g_assert_true (g_file_set_contents (path, (const char *) fresh->data, fresh->len, NULL));
}
