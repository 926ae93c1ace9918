/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-model"

#include "probes/moe-model-private.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#include "data/moe-error.h"

/* Bytes read ahead between two progress reports. */
#define READ_AHEAD_STEP (64u << 20)

/* Reads ahead only what leaves this share of the memory to everything else. */
#define READ_AHEAD_SHARE 0.6

static G_GNUC_PRINTF (2, 3) const MoeGgufTensor *
find_tensor (MoeModel   *self,
             const char *format,
             ...)
{
  g_autofree char *name = NULL;
  va_list args;

  va_start (args, format);
  name = g_strdup_vprintf (format, args);
  va_end (args);
  return moe_gguf_find_tensor (self->gguf, name);
}

static gboolean
require (MoeModel             *self,
         const MoeGgufTensor  *tensor,
         const char           *name,
         int                   layer,
         GError              **error)
{
  if (tensor != NULL)
    return TRUE;
  if (layer >= 0)
    g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: the tensor blk.%d.%s is missing",
                 moe_gguf_get_path (self->gguf), layer, name);
  else
    g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: the tensor %s is missing",
                 moe_gguf_get_path (self->gguf), name);
  return FALSE;
}

/* Values are read in place, so they must lie where the processor may read them. */
static gboolean
check_aligned (MoeModel             *self,
               const MoeGgufTensor  *tensor,
               GError              **error)
{
  if ((guintptr) tensor->data % sizeof (float) == 0)
    return TRUE;
  g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: the tensor %s starts at an odd offset",
               moe_gguf_get_path (self->gguf), tensor->name);
  return FALSE;
}

/* Checks that @tensor is @n_matrices matrices of (@n_rows, @n_in) in a type there is a kernel for. */
static gboolean
bind_matrix (MoeModel             *self,
             const MoeGgufTensor  *tensor,
             guint64               n_in,
             guint64               n_rows,
             guint64               n_matrices,
             MoeMatrix            *matrix,
             GError              **error)
{
  guint block, block_bytes;

  if (tensor->ne[0] != n_in || tensor->ne[1] != n_rows || tensor->ne[2] != n_matrices || tensor->ne[3] != 1)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT,
                   "%s: the tensor %s has the shape %" G_GUINT64_FORMAT " x %" G_GUINT64_FORMAT
                   " x %" G_GUINT64_FORMAT " where %" G_GUINT64_FORMAT " x %" G_GUINT64_FORMAT
                   " x %" G_GUINT64_FORMAT
                   " is expected", moe_gguf_get_path (self->gguf), tensor->name,
                   tensor->ne[0], tensor->ne[1], tensor->ne[2], n_in, n_rows, n_matrices);
      return FALSE;
    }
  if (moe_kernel_get (tensor->type, MOE_KERNELS_PLAIN) == NULL ||
      !moe_tensor_type_get_block (tensor->type, &block, &block_bytes))
    {
      const char *type = moe_tensor_type_get_name (tensor->type);

      g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
                   "%s: the tensor %s is stored as %s, which this version cannot compute with",
                   moe_gguf_get_path (self->gguf), tensor->name, type != NULL ? type : "an unknown type");
      return FALSE;
    }
  if (!check_aligned (self, tensor, error))
    return FALSE;
  matrix->tensor = tensor;
  matrix->data = tensor->data;
  matrix->type = tensor->type;
  matrix->n_in = n_in;
  matrix->n_rows = n_rows;
  matrix->n_matrices = n_matrices;
  matrix->row_bytes = n_in / block * block_bytes;
  return TRUE;
}

static gboolean
bind_vector (MoeModel             *self,
             const MoeGgufTensor  *tensor,
             guint64               n,
             const float         **vector,
             GError              **error)
{
  if (tensor->ne[0] != n || tensor->ne[1] != 1 || tensor->ne[2] != 1 || tensor->ne[3] != 1)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT,
                   "%s: the tensor %s does not have %" G_GUINT64_FORMAT " values",
                   moe_gguf_get_path (self->gguf), tensor->name, n);
      return FALSE;
    }
  if (tensor->type != MOE_TYPE_F32)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
                   "%s: the tensor %s is stored as %s instead of F32",
                   moe_gguf_get_path (self->gguf), tensor->name, moe_tensor_type_get_name (tensor->type));
      return FALSE;
    }
  *vector = (const float *) (gconstpointer) tensor->data;
  return check_aligned (self, tensor, error);
}

static gboolean
bind_layer (MoeModel  *self,
            guint      layer,
            GError   **error)
{
  const MoeHparams *h = &self->h;
  MoeLayer *l = &self->layers[layer];
  guint64 d = h->width, q = (guint64) h->n_heads * h->head_dim, kv = (guint64) h->n_kv_heads * h->head_dim;
  guint64 e = h->n_experts, f = h->expert_width, heads = h->n_heads, kv_heads = h->n_kv_heads;
  struct { const char *name; MoeMatrix *matrix; guint64 n_in, n_rows, n_matrices; } matrices[] = {
    { "attn_q.weight", &l->q, d, q, 1 },
    { "attn_k.weight", &l->k, d, kv, 1 },
    { "attn_v.weight", &l->v, d, kv_heads * h->value_dim, 1 },
    { "attn_output.weight", &l->output, heads * h->value_dim, d, 1 },
    { "ffn_gate_inp.weight", &l->router, d, e, 1 },
    { "ffn_gate_exps.weight", &l->gate, d, f, e },
    { "ffn_up_exps.weight", &l->up, d, f, e },
    { "ffn_down_exps.weight", &l->down, f, d, e },
  };
  guint64 q_norm = self->arch->qk_norm == MOE_QK_NORM_VECTOR ? q : h->head_dim;
  guint64 k_norm = self->arch->qk_norm == MOE_QK_NORM_VECTOR ? kv : h->head_dim;
  struct { const char *name; const float **vector; guint64 n; } vectors[] = {
    { "attn_norm.weight", &l->attention_norm, d },
    { "ffn_norm.weight", &l->moe_norm, d },
    { "attn_q_norm.weight", &l->q_norm, q_norm },
    { "attn_k_norm.weight", &l->k_norm, k_norm },
  };
  guint n_vectors = self->arch->qk_norm == MOE_QK_NORM_NONE ? 2 : 4;

  for (guint i = 0; i < G_N_ELEMENTS (matrices); i++)
    {
      const MoeGgufTensor *tensor = find_tensor (self, "blk.%u.%s", layer, matrices[i].name);

      if (!require (self, tensor, matrices[i].name, layer, error) ||
          !bind_matrix (self, tensor, matrices[i].n_in, matrices[i].n_rows, matrices[i].n_matrices,
                        matrices[i].matrix, error))
        return FALSE;
    }
  for (guint i = 0; i < n_vectors; i++)
    {
      const MoeGgufTensor *tensor = find_tensor (self, "blk.%u.%s", layer, vectors[i].name);

      if (!require (self, tensor, vectors[i].name, layer, error) ||
          !bind_vector (self, tensor, vectors[i].n, vectors[i].vector, error))
        return FALSE;
    }
  return TRUE;
}

/* Tensors that would change the result and that no architecture here uses: better refused than ignored. */
static gboolean
check_no_extra_tensors (MoeModel  *self,
                        GError   **error)
{
  static const char *const suffixes[] = {
    "attn_q.bias", "attn_k.bias", "attn_v.bias", "attn_output.bias", "attn_sinks.weight", "ffn_gate_inp.bias",
    "exp_probs_b.bias", "ffn_gate_shexp.weight", "ffn_gate_exps.bias", "ffn_up_exps.bias",
    "ffn_down_exps.bias",
  };

  for (guint i = 0; i < moe_gguf_get_n_tensors (self->gguf); i++)
    {
      const char *name = moe_gguf_get_tensor (self->gguf, i)->name;

      for (guint s = 0; s < G_N_ELEMENTS (suffixes); s++)
        if (g_str_has_prefix (name, "blk.") && g_str_has_suffix (name, suffixes[s]))
          {
            g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
                         "%s: the tensor %s is not part of the architecture %s as it is known here",
                         moe_gguf_get_path (self->gguf), name, self->arch->name);
            return FALSE;
          }
    }
  return TRUE;
}

/* Divisors of the rotary frequencies: one set, or two between which the context decides. */
static gboolean
bind_rope_factors (MoeModel  *self,
                   GError   **error)
{
  struct { const char *name; const float **vector; } factors[] = {
    { "rope_freqs.weight", &self->rope_short },
    { "rope_factors_short.weight", &self->rope_short },
    { "rope_factors_long.weight", &self->rope_long },
  };

  for (guint i = 0; i < G_N_ELEMENTS (factors); i++)
    {
      const MoeGgufTensor *tensor = moe_gguf_find_tensor (self->gguf, factors[i].name);

      if (tensor == NULL)
        continue;
      if (*factors[i].vector != NULL)
        {
          g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT,
                       "%s: the tensor %s stands beside rope_freqs.weight",
                       moe_gguf_get_path (self->gguf), factors[i].name);
          return FALSE;
        }
      if (!bind_vector (self, tensor, self->h.rope_dims / 2, factors[i].vector, error))
        return FALSE;
      if (i == 0)
        self->rope_long = self->rope_short;
    }
  return self->h.rope.kind != MOE_ROPE_LONGROPE || self->rope_long != NULL ||
         require (self, NULL, "rope_factors_long.weight", -1, error);
}

static gboolean
bind_tensors (MoeModel  *self,
              GError   **error)
{
  const MoeHparams *h = &self->h;
  const MoeGgufTensor *embedding = moe_gguf_find_tensor (self->gguf, "token_embd.weight");
  const MoeGgufTensor *logits = moe_gguf_find_tensor (self->gguf, "output.weight");
  const MoeGgufTensor *norm = moe_gguf_find_tensor (self->gguf, "output_norm.weight");

  if (!require (self, embedding, "token_embd.weight", -1, error) ||
      !require (self, norm, "output_norm.weight", -1, error) ||
      !bind_matrix (self, embedding, h->width, h->vocabulary, 1, &self->embedding, error) ||
      !bind_matrix (self, logits != NULL ? logits : embedding, h->width, h->vocabulary, 1, &self->logits,
                    error) ||
      !bind_vector (self, norm, h->width, &self->output_norm, error) ||
      !bind_rope_factors (self, error))
    return FALSE;

  /* Each layer needs eight tensors: a layer count far above the file's must not make us allocate for it. */
  if (h->n_layers > moe_gguf_get_n_tensors (self->gguf))
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: %u layers but only %u tensors",
                   moe_gguf_get_path (self->gguf), h->n_layers, moe_gguf_get_n_tensors (self->gguf));
      return FALSE;
    }
  self->layers = g_new0 (MoeLayer, h->n_layers);
  for (guint l = 0; l < h->n_layers; l++)
    if (!bind_layer (self, l, error))
      return FALSE;
  return check_no_extra_tensors (self, error);
}

static gboolean
is_expert_tensor (const MoeGgufTensor *tensor)
{
  return strstr (tensor->name, "_exps.") != NULL;
}

static int
compare_type_bytes (gconstpointer a,
                    gconstpointer b,
                    gpointer      bytes)
{
  guint64 x = ((const guint64 *) bytes)[*(const guint *) a], y =
    ((const guint64 *) bytes)[*(const guint *) b];

  return x < y ? 1 : x > y ? -1 : 0;
}

/* The storage types of the expert weights, commonest first; those under a twentieth are left out. */
static char *
describe_quantisation (MoeGguf *gguf)
{
  guint64 bytes[256] = { 0 }, total = 0;
  guint order[256];
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < moe_gguf_get_n_tensors (gguf); i++)
    {
      const MoeGgufTensor *tensor = moe_gguf_get_tensor (gguf, i);

      if (is_expert_tensor (tensor) && tensor->type < G_N_ELEMENTS (bytes))
        {
          bytes[tensor->type] += tensor->n_bytes;
          total += tensor->n_bytes;
        }
    }
  for (guint i = 0; i < G_N_ELEMENTS (order); i++)
    order[i] = i;
  g_qsort_with_data (order, G_N_ELEMENTS (order), sizeof *order, compare_type_bytes, bytes);
  for (guint i = 0; i < G_N_ELEMENTS (order) && bytes[order[i]] * 20 >= MAX (total, 1); i++)
    g_string_append_printf (text, "%s%s", text->len > 0 ? " + " : "", moe_tensor_type_get_name (order[i]));
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

      if (is_expert_tensor (tensor))
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
  info->n_moe_layers = h->n_layers;
  info->moe_layers = g_new (guint, h->n_layers);
  for (guint l = 0; l < h->n_layers; l++)
    info->moe_layers[l] = l;
  info->n_experts = h->n_experts;
  info->n_used = h->n_used;
  info->gating = arch->gating;
  info->norm_weights = arch->norm_weights;
  info->n_heads = h->n_heads;
  info->n_kv_heads = h->n_kv_heads;
  info->head_dim = h->head_dim;
  info->width = h->width;
  info->expert_width = h->expert_width;
  info->vocabulary = h->vocabulary;
  info->context = h->context;
  info->file_bytes = moe_gguf_get_file_bytes (gguf);
  info->active_bytes_per_token = count_active_bytes (gguf, h);
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
  guint32 n_parts = 1;

  if (moe_gguf_get_uint (gguf, "split.count", &n_parts, NULL) && n_parts > 1)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
                   "%s: one of %u parts of a model; models in several files are not supported",
                   moe_gguf_get_path (gguf), n_parts);
      return FALSE;
    }
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

/* Brings the pages in while telling how far it is; a file that does not fit is left to be read on demand. */
static gboolean
read_ahead (MoeModel         *self,
            MoeProgressFunc   progress,
            gpointer          user_data,
            GCancellable     *cancellable,
            GError          **error)
{
  guint64 total = moe_gguf_get_file_bytes (self->gguf), done = 0;
  double memory = (double) sysconf (_SC_PHYS_PAGES) * (double) sysconf (_SC_PAGESIZE);
  gsize page = (gsize) sysconf (_SC_PAGESIZE);

  if ((double) total > memory * READ_AHEAD_SHARE)
    {
      progress (1, user_data);
      return TRUE;
    }
  for (guint i = 0; i < moe_gguf_get_n_tensors (self->gguf); i++)
    {
      const MoeGgufTensor *tensor = moe_gguf_get_tensor (self->gguf, i);

      for (guint64 at = 0; at < tensor->n_bytes; at += READ_AHEAD_STEP)
        {
          guint64 bytes = MIN (READ_AHEAD_STEP, tensor->n_bytes - at);
          guintptr start = (guintptr) (tensor->data + at) / page * page;
          guintptr end = (guintptr) (tensor->data + at + bytes);

          if (g_cancellable_set_error_if_cancelled (cancellable, error))
            return FALSE;
          /* A failure only means that the pages come later. */
          (void) madvise ((void *) start, end - start, MADV_POPULATE_READ);
          done += bytes;
          progress (MIN (1, (double) done / MAX (total, 1)), user_data);
        }
    }
  progress (1, user_data);
  return TRUE;
}

MoeModel *
moe_model_open (const char       *path,
                MoeProgressFunc   progress,
                gpointer          user_data,
                GCancellable     *cancellable,
                GError          **error)
{
  g_autoptr(MoeModel) self = NULL;

  g_return_val_if_fail (path != NULL, NULL);

  self = g_new0 (MoeModel, 1);
  g_atomic_ref_count_init (&self->ref_count);
  self->gguf = moe_gguf_open (path, error);
  if (self->gguf == NULL ||
      !read_hparams (self->gguf, &self->arch, &self->h, error) ||
      !bind_tensors (self, error))
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
  if (progress != NULL && !read_ahead (self, progress, user_data, cancellable, error))
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

float *
moe_model_dup_router (const MoeModel *self,
                      guint           layer)
{
  const MoeMatrix *router;
  const MoeKernel *kernel;
  float *rows;

  g_return_val_if_fail (self != NULL && layer < self->h.n_layers, NULL);

  router = &self->layers[layer].router;
  kernel = moe_kernel_get (router->type, MOE_KERNELS_PLAIN);
  rows = g_new (float, router->n_rows * router->n_in);
  for (gsize e = 0; e < router->n_rows; e++)
    kernel->expand (router->data + e * router->row_bytes, router->n_in, rows + e * router->n_in);
  return rows;
}

float *
moe_model_dup_down_row (const MoeModel *self,
                        guint           layer,
                        guint           expert,
                        guint           channel)
{
  const MoeMatrix *down;
  float *row;

  g_return_val_if_fail (self != NULL && layer < self->h.n_layers, NULL);

  down = &self->layers[layer].down;
  g_return_val_if_fail (expert < down->n_matrices && channel < down->n_rows, NULL);

  row = g_new (float, down->n_in);
  moe_kernel_get (down->type, MOE_KERNELS_PLAIN)->expand (
    down->data + ((gsize) expert * down->n_rows + channel) * down->row_bytes, down->n_in, row);
  return row;
}
