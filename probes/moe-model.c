/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-model"

#include "probes/moe-model-private.h"

#include "data/moe-error.h"
#include "data/moe-machine.h"

static int
compare_type_bytes (gconstpointer a,
                    gconstpointer b,
                    gpointer      bytes)
{
  guint64 x = ((const guint64 *) bytes)[*(const guint *) a], y =
    ((const guint64 *) bytes)[*(const guint *) b];

  return x < y ? 1 : x > y ? -1 : 0;
}

/* The storage types of the expert weights, commonest first; those under a twentieth are left out. The one
 * type that is not numbered as in files has the last place. */
static char *
describe_quantisation (MoeGguf *gguf)
{
  guint64 bytes[256] = { 0 }, total = 0;
  guint order[256];
  const guint last = G_N_ELEMENTS (bytes) - 1;
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < moe_gguf_get_n_tensors (gguf); i++)
    {
      const MoeGgufTensor *tensor = moe_gguf_get_tensor (gguf, i);

      if (moe_residency_is_expert (tensor) && tensor->n_dims > 2)
        {
          bytes[MIN ((guint) tensor->type, last)] += tensor->n_bytes;
          total += tensor->n_bytes;
        }
    }
  for (guint i = 0; i < G_N_ELEMENTS (order); i++)
    order[i] = i;
  g_qsort_with_data (order, G_N_ELEMENTS (order), sizeof *order, compare_type_bytes, bytes);
  for (guint i = 0; i < G_N_ELEMENTS (order) && bytes[order[i]] * 20 >= MAX (total, 1); i++)
    g_string_append_printf (text, "%s%s", text->len > 0 ? " + " : "",
                            moe_tensor_type_get_name (order[i] == last ? MOE_TYPE_F8_E4M3 : order[i]));
  return g_string_free (text, FALSE);
}

/* Weight bytes that decoding one token reads: everything but the embedding table (one row of it) and the
 * experts that are not chosen. */
static guint64
count_active_bytes (MoeGguf          *gguf,
                    const MoeHparams *h)
{
  gboolean tied = moe_gguf_find_tensor (gguf, "output.weight") == NULL;
  guint64 sum = 0;

  for (guint i = 0; i < moe_gguf_get_n_tensors (gguf); i++)
    {
      const MoeGgufTensor *tensor = moe_gguf_get_tensor (gguf, i);

      if (moe_hparams_skip_tensor (h, tensor->name))
        continue;
      if (moe_residency_is_expert (tensor))
        sum += tensor->n_bytes / h->n_experts * h->n_used;
      else if (g_str_equal (tensor->name, "token_embd.weight") && !tied)
        sum += tensor->n_bytes / MAX (tensor->ne[1], 1);
      else
        sum += tensor->n_bytes;
    }
  return sum;
}

static const MoeArch *
find_arch (MoeGguf  *gguf,
           GError  **error)
{
  const char *name = NULL;
  const MoeArch *arch;

  if (!moe_gguf_get_string (gguf, "general.architecture", &name, error))
    {
      if (error != NULL && *error == NULL)
        g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: the key general.architecture is missing",
                     moe_gguf_get_path (gguf));
      return NULL;
    }
  arch = moe_arch_find (name, error);
  if (arch == NULL)
    g_prefix_error (error, "%s: ", moe_gguf_get_path (gguf));
  return arch;
}

static char *
describe_tokenizer (MoeGguf *gguf)
{
  const char *model = NULL, *pre = NULL;

  if (!moe_gguf_get_string (gguf, "tokenizer.ggml.model", &model, NULL))
    return g_strdup ("none");
  if (!g_str_equal (model, "gpt2"))
    return g_strdup (g_str_equal (model, "llama") ? "spm" : model);
  moe_gguf_get_string (gguf, "tokenizer.ggml.pre", &pre, NULL);
  return g_strdup_printf ("bpe/%s", pre != NULL ? pre : "default");
}

static void
take_text (char **to,
           char  *text)
{
  g_free (*to);
  *to = text;
}

static MoeModelInfo *
make_info (MoeGguf          *gguf,
           const MoeArch    *arch,
           const MoeHparams *h)
{
  MoeModelInfo *info = moe_model_info_new ();
  const char *name = NULL;

  moe_gguf_get_string (gguf, "general.name", &name, NULL);
  take_text (&info->name, name != NULL && *name != '\0' ? g_strdup (name)
                                                         : g_path_get_basename (moe_gguf_get_path (gguf)));
  take_text (&info->path, g_strdup (moe_gguf_get_path (gguf)));
  take_text (&info->architecture, g_strdup (arch->name));
  take_text (&info->quantisation, describe_quantisation (gguf));
  take_text (&info->tokenizer, describe_tokenizer (gguf));
  take_text (&info->fingerprint, g_strdup (moe_gguf_get_fingerprint (gguf)));
  info->n_layers = h->n_layers;
  info->n_moe_layers = h->n_layers - h->n_dense;
  info->moe_layers = g_new (guint, info->n_moe_layers);
  for (guint l = 0, n = 0; l < h->n_layers; l++)
    if ((h->layers[l] & MOE_LAYER_DENSE) == 0)
      info->moe_layers[n++] = l;
  info->n_experts = h->n_experts;
  info->n_used = h->n_used;
  info->n_shared = h->n_shared;
  info->gating = h->gating;
  info->norm_weights = h->norm_weights;
  info->n_heads = h->n_heads;
  info->n_kv_heads = h->n_kv_heads;
  info->head_dim = h->head_dim;
  info->width = h->width;
  info->expert_width = h->expert_width;
  info->vocabulary = h->vocabulary;
  info->context = h->context;
  info->file_bytes = moe_gguf_get_file_bytes (gguf);
  info->active_bytes_per_token = count_active_bytes (gguf, h);
  info->learned_sinks = (arch->flags & MOE_ARCH_SINKS) != 0;
  return info;
}

/* The vocabulary's size is the embedding's number of rows; metadata keys about it are not always there. */
static gboolean
read_hparams (MoeGguf         *gguf,
              const MoeArch  **arch,
              MoeHparams      *h,
              GError         **error)
{
  const MoeGgufTensor *embedding;

  *arch = find_arch (gguf, error);
  if (*arch == NULL || !moe_hparams_read (gguf, *arch, h, error))
    return FALSE;
  embedding = moe_gguf_find_tensor (gguf, "token_embd.weight");
  if (embedding == NULL)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: the tensor token_embd.weight is missing",
                   moe_gguf_get_path (gguf));
      return FALSE;
    }
  if (embedding->ne[1] > (1u << 24))
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_LIMIT,
                   "%s: a vocabulary of %" G_GUINT64_FORMAT " tokens is too large",
                   moe_gguf_get_path (gguf), embedding->ne[1]);
      return FALSE;
    }
  h->vocabulary = (guint32) embedding->ne[1];
  return TRUE;
}

MoeModelInfo *
moe_model_read_info (MoeGguf  *gguf,
                     GError  **error)
{
  const MoeArch *arch;
  MoeHparams h;

  g_return_val_if_fail (gguf != NULL, NULL);

  if (!read_hparams (gguf, &arch, &h, error))
    return NULL;
  return make_info (gguf, arch, &h);
}

/* Reports 0..1 of a part as @from..@to of the whole. */
typedef struct
{
  MoeProgressFunc progress; /* or NULL */
  gpointer        user_data;
  double          from, to;
} ProgressPart;

static void
report_part (double   fraction,
             gpointer data)
{
  const ProgressPart *part = data;

  part->progress (part->from + fraction * (part->to - part->from), part->user_data);
}

/* Lays out what a folder has in another order. */
static gboolean
lay_out (MoeModel      *self,
         ProgressPart  *part,
         GCancellable  *cancellable,
         GError       **error)
{
  double laid_out = (double) moe_gguf_get_load_bytes (self->gguf);

  part->to = laid_out / (laid_out + (double) MAX (moe_gguf_get_file_bytes (self->gguf), 1));
  return moe_gguf_load (self->gguf, part->progress != NULL ? report_part : NULL, part, cancellable, error);
}

/* Then brings in what stays in memory. */
static gboolean
read_ahead (MoeModel      *self,
            ProgressPart  *part,
            GCancellable  *cancellable,
            GError       **error)
{
  part->from = part->to;
  part->to = 1;
  return part->progress == NULL ||
         moe_residency_read_ahead (&self->residency, self->gguf, report_part, part, cancellable, error);
}

MoeModel *
moe_model_open (const char       *path,
                MoeProgressFunc   progress,
                gpointer          user_data,
                GCancellable     *cancellable,
                GError          **error)
{
  g_autoptr(MoeModel) self = NULL;
  ProgressPart part = { progress, user_data, 0, 0 };

  g_return_val_if_fail (path != NULL, NULL);

  self = g_new0 (MoeModel, 1);
  g_atomic_ref_count_init (&self->ref_count);
  self->slices = g_ptr_array_new_with_free_func (g_free);
  self->gguf = moe_gguf_open (path, error);
  if (self->gguf == NULL || !read_hparams (self->gguf, &self->arch, &self->h, error))
    return NULL;
  if (!lay_out (self, &part, cancellable, error) || !moe_model_bind (self, error))
    return NULL;

  self->info = make_info (self->gguf, self->arch, &self->h);
  self->tokenizer = moe_tokenizer_new (self->gguf, error);
  if (self->tokenizer == NULL)
    {
      if (error != NULL && !g_str_has_prefix ((*error)->message, path))
        g_prefix_error (error, "%s: ", path);
      return NULL;
    }
  if (moe_tokenizer_get_n_tokens (self->tokenizer) > self->h.vocabulary)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT,
                   "%s: the tokenizer has %u tokens but the embedding only %u",
                   path, moe_tokenizer_get_n_tokens (self->tokenizer), self->h.vocabulary);
      return NULL;
    }
  self->chat = moe_chat_new (self->gguf, &self->chat_error);
  self->residency = moe_residency_read (self->gguf, moe_machine_get_memory ());
  if (!read_ahead (self, &part, cancellable, error))
    return NULL;
  return g_steal_pointer (&self);
}

MoeModel *
moe_model_ref (MoeModel *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
moe_model_unref (MoeModel *self)
{
  if (self == NULL || !g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_clear_pointer (&self->layers, g_free);
  g_clear_pointer (&self->slices, g_ptr_array_unref);
  g_clear_pointer (&self->chat, moe_chat_free);
  g_clear_error (&self->chat_error);
  g_clear_pointer (&self->tokenizer, moe_tokenizer_unref);
  g_clear_pointer (&self->info, moe_model_info_unref);
  g_clear_pointer (&self->gguf, moe_gguf_unref);
  g_free (self);
}

const MoeModelInfo *
moe_model_get_info (const MoeModel *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->info;
}

MoeGguf *
moe_model_get_gguf (const MoeModel *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->gguf;
}

const MoeTokenizer *
moe_model_get_tokenizer (const MoeModel *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->tokenizer;
}

const MoeChat *
moe_model_get_chat (const MoeModel  *self,
                    GError         **error)
{
  g_return_val_if_fail (self != NULL, NULL);

  if (self->chat == NULL && error != NULL)
    *error = g_error_copy (self->chat_error);
  return self->chat;
}

MoeChat *
moe_model_edit_chat (MoeModel *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->chat;
}

static gboolean
has_experts (const MoeModel *self,
             guint           layer)
{
  return layer < self->h.n_layers && (self->h.layers[layer] & MOE_LAYER_DENSE) == 0;
}

float *
moe_model_dup_router (const MoeModel *self,
                      guint           layer)
{
  const MoeMatrix *router;
  const MoeKernel *kernel;
  float *rows;

  g_return_val_if_fail (self != NULL && has_experts (self, layer), NULL);

  router = &self->layers[layer].router;
  kernel = moe_kernel_get (router->type, MOE_KERNELS_PLAIN);
  rows = g_new (float, router->n_rows * router->n_in);
  for (gsize e = 0; e < router->n_rows; e++)
    kernel->expand (router->data + e * router->row_bytes, router->n_in, rows + e * router->n_in);
  return rows;
}

static float *
dup_row (const MoeMatrix *matrix,
         gsize            index,
         gsize            row)
{
  float *values = g_new (float, matrix->n_in);

  moe_kernel_get (matrix->type, MOE_KERNELS_PLAIN)->expand (moe_matrix_get_slice (matrix, index) +
                                                            row * matrix->row_bytes, matrix->n_in, values);
  return values;
}

float *
moe_model_dup_shared_down_row (const MoeModel *self,
                               guint           layer,
                               guint           channel)
{
  const MoeMatrix *down;

  g_return_val_if_fail (self != NULL && layer < self->h.n_layers, NULL);

  down = &self->layers[layer].shared.down;
  if (down->data == NULL)
    return NULL;
  g_return_val_if_fail (channel < down->n_rows, NULL);
  return dup_row (down, 0, channel);
}

float *
moe_model_dup_down_row (const MoeModel *self,
                        guint           layer,
                        guint           expert,
                        guint           channel)
{
  const MoeMatrix *down;
  float *row;

  g_return_val_if_fail (self != NULL && has_experts (self, layer), NULL);

  down = &self->layers[layer].down;
  g_return_val_if_fail (expert < down->n_matrices && channel < down->n_rows, NULL);

  row = dup_row (down, expert, channel);
  for (gsize i = 0; self->layers[layer].down_scale != NULL && i < down->n_in; i++)
    row[i] *= self->layers[layer].down_scale[expert];
  return row;
}

double *
moe_model_dup_logit_direction (const MoeModel *self,
                               gint32          token,
                               double         *epsilon,
                               double         *constant)
{
  const MoeMatrix *logits;
  g_autofree float *row = NULL;
  double *direction;
  double scale;

  g_return_val_if_fail (self != NULL && token >= 0 && (guint32) token < self->h.vocabulary, NULL);

  logits = &self->logits;
  scale = self->h.logit_scale;
  row = g_new (float, logits->n_in);
  direction = g_new (double, logits->n_in);
  moe_kernel_get (logits->type, MOE_KERNELS_PLAIN)->expand (logits->data + (gsize) token * logits->row_bytes,
                                                            logits->n_in, row);
  *constant = self->logit_bias != NULL ? scale * self->logit_bias[token] : 0;
  for (gsize i = 0; i < logits->n_in; i++)
    {
      direction[i] = scale * row[i] * self->output_norm[i];
      if (self->output_norm_bias != NULL)
        *constant += scale * row[i] * self->output_norm_bias[i];
    }
  *epsilon = self->h.norm_epsilon;
  return direction;
}

gboolean
moe_model_is_additive (const MoeModel *self)
{
  g_return_val_if_fail (self != NULL, FALSE);

  return (self->arch->flags & MOE_ARCH_POST_NORMS) == 0;
}

float
moe_model_get_residual_scale (const MoeModel *self)
{
  g_return_val_if_fail (self != NULL, 1);

  return self->h.residual_scale;
}
