/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-route-import"

#include "analysis/moe-route-import.h"

#include <math.h>
#include <string.h>

#include <glib/gstdio.h>
#include <json-glib/json-glib.h>

#include "data/moe-error.h"
#include "data/moe-file.h"
#include "data/moe-json.h"
#include "data/moe-recording-writer.h"
#include "data/moe-token-file.h"

#define MAX_BYTES   (1u << 30)
#define MAX_LAYERS  4096
#define MAX_PROMPTS 1000000
/* Rows between two looks at whether somebody wants it to end. */
#define STEP        (1u << 16)

typedef struct
{
  const char                  *path;
  const MoeRouteImportOptions *options;
  const MoeProgress           *progress;
  /* First reading: */
  gboolean                     layers[MAX_LAYERS];
  guint                        most_experts, most_slots;
  MoeRouteImportResult         result;
  /* Second: */
  const MoeModelInfo          *info;
  MoeRecordingWriter          *writer;
  GArray                      *tokens;   /* of MoeFileToken, or NULL */
  guint                        next_token;
  MoeTokenRecord              *record;   /* of the present token, or NULL */
  const char                  *text;     /* its text */
  guint                        n_begun;  /* prompts */
  guint64                      n_done;   /* rows */
} Importer;

/* --- first reading: what there is --------------------------------------------------------------------- */

static gboolean
check_route (const Importer  *self,
             const MoeRoute  *route,
             GError         **error)
{
  const MoeModelInfo *info = self->options->info;

  if (route->turn >= MAX_PROMPTS)
    return moe_error_fail_line (error, MOE_ERROR_LIMIT, self->path, route->line,
                                "turn %u is above the limit of %u", route->turn, MAX_PROMPTS - 1);
  if (info == NULL)
    return TRUE;
  if (moe_model_info_find_moe_layer (info, route->layer) < 0)
    return moe_error_fail_line (error, MOE_ERROR_FORMAT, self->path, route->line,
                                "layer %u of the model has no experts", route->layer);
  if (route->expert >= info->n_experts)
    return moe_error_fail_line (error, MOE_ERROR_FORMAT, self->path, route->line,
                                "expert %u is above the model's last, %u", route->expert,
                                info->n_experts - 1);
  if (route->slot >= info->n_used)
    return moe_error_fail_line (error, MOE_ERROR_FORMAT, self->path, route->line,
                                "slot %u, but the model chooses %u experts", route->slot, info->n_used);
  return TRUE;
}

static gboolean
survey (const MoeRoute  *route,
        gpointer         user_data,
        GError         **error)
{
  Importer *self = user_data;

  if (!check_route (self, route, error))
    return FALSE;
  self->layers[route->layer] = TRUE;
  self->most_experts = MAX (self->most_experts, route->expert + 1);
  self->most_slots = MAX (self->most_slots, route->slot + 1);
  self->result.n_prompts = route->turn + 1;
  self->result.n_tokens += route->starts;
  return ++self->result.n_routes % STEP != 0
         || moe_progress_step (self->progress, 0.1, "Reading the routes", error);
}

/* A model of that shape, of which nothing else is known. Its fingerprint is that of its name and shape, so
 * that two files of one model are of one model. */
static MoeModelInfo *
guess_info (const Importer *self)
{
  const MoeRouteImportOptions *options = self->options;
  MoeModelInfo *info = moe_model_info_new ();
  g_autoptr(GString) shape = g_string_new (options->name);

  info->moe_layers = g_new (guint, MAX_LAYERS);
  for (guint layer = 0; layer < MAX_LAYERS; layer++)
    if (self->layers[layer])
      {
        info->moe_layers[info->n_moe_layers++] = layer;
        info->n_layers = layer + 1;
      }
  info->n_layers = MAX (info->n_layers, options->n_layers);
  info->n_experts = MAX (self->most_experts, options->n_experts);
  info->n_used = MAX (self->most_slots, options->n_used);
  info->n_experts = MAX (info->n_experts, info->n_used);
  info->n_heads = info->n_kv_heads = info->width = info->vocabulary = 1;
  for (guint i = 0; self->tokens != NULL && i < self->tokens->len; i++)
    info->vocabulary = MAX (info->vocabulary,
                            (guint) g_array_index (self->tokens, MoeFileToken, i).token_id + 1);

  for (guint i = 0; i < info->n_moe_layers; i++)
    g_string_append_printf (shape, ",%u", info->moe_layers[i]);
  g_string_append_printf (shape, ";%u;%u;%u", info->n_layers, info->n_experts, info->n_used);
  g_free (info->name);
  g_free (info->architecture);
  g_free (info->fingerprint);
  info->name = g_strdup (options->name);
  info->architecture = g_strdup ("unknown");
  info->fingerprint = g_compute_checksum_for_string (G_CHECKSUM_SHA256, shape->str, -1);
  return info;
}

/* --- second reading: writing -------------------------------------------------------------------------- */

static void
fill_with_nan (float *values,
               gsize  n)
{
  for (gsize i = 0; i < n; i++)
    values[i] = NAN;
}

static void
fill_with_half_nan (guint16 *values,
                    gsize    n)
{
  const guint16 nan = moe_half_from_float (NAN);

  for (gsize i = 0; values != NULL && i < n; i++)
    values[i] = nan;
}

/* All slots empty, all else not known. */
static MoeTokenRecord *
make_record (const MoeModelInfo *info)
{
  MoeTokenRecord *record = moe_token_record_new_full (info->n_moe_layers, info->n_used, info->n_layers,
                                                      info->n_heads, info->n_shared > 0, info->learned_sinks);
  gsize n_slots = (gsize) info->n_moe_layers * info->n_used, n_heads = (gsize) info->n_layers * info->n_heads;

  for (gsize i = 0; i < n_slots; i++)
    record->experts[i] = MOE_NO_EXPERT;
  fill_with_half_nan (record->moe_turn, info->n_moe_layers);
  fill_with_half_nan (record->router_entropy, info->n_moe_layers);
  if (record->has_shared)
    {
      fill_with_nan (record->shared_max, info->n_moe_layers);
      fill_with_half_nan (record->shared_norm, info->n_moe_layers);
    }
  fill_with_nan (record->residual_top, (gsize) info->n_layers * 3);
  fill_with_nan (record->residual_median, info->n_layers);
  fill_with_half_nan (record->attention_first, n_heads);
  fill_with_half_nan (record->attention_entropy, n_heads);
  fill_with_half_nan (record->attention_sink, n_heads);
  record->logprob = NAN;
  record->entropy = NAN;
  return record;
}

static void
finish_token (Importer *self)
{
  if (self->record == NULL)
    return;
  moe_recording_writer_add_token (self->writer, self->record, self->text, strlen (self->text));
  g_clear_pointer (&self->record, moe_token_record_unref);
}

/* Begins prompts until that of @turn. */
static void
begin_prompts (Importer *self,
               guint     turn)
{
  MoePromptSet *prompts = self->options->prompts;

  while (self->n_begun <= turn)
    {
      if (self->n_begun > 0)
        moe_recording_writer_end_prompt (self->writer);
      moe_recording_writer_begin_prompt (self->writer,
                                         prompts != NULL && self->n_begun < moe_prompt_set_get_n (prompts)
                                         ? moe_prompt_set_get (prompts, self->n_begun)->text : "");
      self->n_begun++;
    }
}

/* What the file of tokens says of the token that @route starts. */
static gboolean
find_token (Importer        *self,
            const MoeRoute  *route,
            GError         **error)
{
  self->text = "";
  if (self->tokens == NULL)
    return TRUE;
  for (; self->next_token < self->tokens->len; self->next_token++)
    {
      const MoeFileToken *token = &g_array_index (self->tokens, MoeFileToken, self->next_token);

      if (token->prompt != route->turn || token->position != route->step)
        continue;
      if ((guint) token->token_id >= self->info->vocabulary)
        {
          g_set_error (error, MOE_ERROR, MOE_ERROR_MISMATCH,
                       "%s: token %d is outside the model's vocabulary of %u", self->options->tokens,
                       token->token_id, self->info->vocabulary);
          return FALSE;
        }
      self->record->token_id = token->token_id;
      self->record->logprob = token->logprob;
      self->record->entropy = token->entropy;
      self->text = token->text;
      self->next_token++;
      return TRUE;
    }
  g_set_error (error, MOE_ERROR, MOE_ERROR_MISMATCH, "%s: the token of turn %u, step %u (%s:%u) is not there",
               self->options->tokens, route->turn, route->step, self->path, route->line);
  return FALSE;
}

static gboolean
write_route (const MoeRoute  *route,
             gpointer         user_data,
             GError         **error)
{
  Importer *self = user_data;
  gsize at;

  if (route->starts)
    {
      finish_token (self);
      begin_prompts (self, route->turn);
      self->record = make_record (self->info);
      self->record->id = moe_recording_writer_get_n_tokens (self->writer);
      self->record->prompt = route->turn;
      self->record->position = route->step;
      self->record->phase = route->phase;
      if (!find_token (self, route, error))
        return FALSE;
    }
  at = (gsize) moe_model_info_find_moe_layer (self->info, route->layer) * self->info->n_used + route->slot;
  self->record->experts[at] = (guint16) route->expert;
  self->record->weights[at] = moe_half_from_float ((float) route->weight);
  self->record->down_max[at] = NAN;
  self->record->down_norm[at] = moe_half_from_float (NAN);
  return ++self->n_done % STEP != 0
         || moe_progress_step (self->progress,
                               0.1 + 0.9 * (double) self->n_done / (double) self->result.n_routes,
                               "Writing the recording", error);
}

static char *
make_settings (const Importer *self,
               const char     *hash)
{
  g_autofree char *name = g_path_get_basename (self->path);
  g_autoptr(JsonBuilder) builder = json_builder_new ();
  g_autoptr(JsonNode) root = NULL;

  json_builder_begin_object (builder);
  moe_json_add_string (builder, "imported", name);
  moe_json_add_string (builder, "sha256", hash);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  return json_to_string (root, FALSE);
}

static gboolean
write_all (Importer               *self,
           const MoeRouteOptions  *format,
           const char             *data,
           gsize                   length,
           const char             *to,
           GError                **error)
{
  g_autofree char *hash = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *) data, length);
  g_autofree char *settings = make_settings (self, hash);
  const MoeRunSettings run = { .context = 0, .cache = "f32", .kernels = "plain", .settings = settings };
  g_autoptr(GError) local = NULL;
  gboolean done;

  self->writer = moe_recording_writer_new (to, self->info, &run, FALSE, error);
  if (self->writer == NULL)
    return FALSE;
  done = moe_route_file_foreach (self->path, data, length, format, write_route, self, &local);
  if (done)
    finish_token (self);
  g_clear_pointer (&self->record, moe_token_record_unref);
  if (self->n_begun > 0)
    moe_recording_writer_end_prompt (self->writer);
  done = moe_recording_writer_close (self->writer, done, local == NULL ? &local : NULL) && done;
  if (done)
    return TRUE;
  g_unlink (to);
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

gboolean
moe_route_import (const char                   *path,
                  const char                   *to,
                  const MoeRouteImportOptions  *options,
                  const MoeProgress            *progress,
                  MoeRouteImportResult         *result,
                  GError                      **error)
{
  Importer self = { .path = path, .options = options, .progress = progress };
  const MoeRouteOptions format = {
    options->info != NULL ? options->info->n_used : options->n_used, options->phase,
  };
  g_autofree char *data = NULL, *token_data = NULL;
  g_autoptr(GArray) tokens = NULL;
  g_autoptr(MoeModelInfo) guessed = NULL;
  gsize length, token_length;

  g_return_val_if_fail (path != NULL && to != NULL, FALSE);
  g_return_val_if_fail (options->info != NULL || options->name != NULL, FALSE);

  if (!moe_file_read (path, MAX_BYTES, &data, &length, error)
      || !moe_route_file_foreach (path, data, length, &format, survey, &self, error))
    return FALSE;
  if (options->tokens != NULL)
    {
      if (!moe_file_read (options->tokens, MAX_BYTES, &token_data, &token_length, error))
        return FALSE;
      tokens = moe_token_file_parse (options->tokens, token_data, token_length, error);
      if (tokens == NULL)
        return FALSE;
    }
  self.tokens = tokens;
  if (options->info == NULL)
    guessed = guess_info (&self);
  self.info = options->info != NULL ? options->info : guessed;
  if (!write_all (&self, &format, data, length, to, error))
    return FALSE;
  if (result != NULL)
    *result = self.result;
  return TRUE;
}
