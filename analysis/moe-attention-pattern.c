/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-attention-pattern"

#include "analysis/moe-attention-pattern.h"

#include <math.h>
#include <string.h>

#include "analysis/moe-report.h"
#include "data/moe-error.h"
#include "data/moe-text.h"

/* So that a long text can be cancelled. */
#define FEED_TOKENS 128

/* --- the text ----------------------------------------------------------------------------------------- */

typedef struct
{
  GArray    *tokens, *phases, *ids; /* the context at present */
  GPtrArray *texts;
  gint64     wanted;
  gint64     prompt;     /* of the wanted token, -1 before it */
  gboolean   incomplete; /* something before the present token was not recorded */
} Reader;

/* A conversation goes back to a position when a turn is asked again; what came after is gone. */
static gboolean
read_token (MoeTokenRecord *record,
            const char     *text,
            gsize           text_length,
            gpointer        user_data)
{
  Reader *self = user_data;
  guint position = (guint) record->position;

  if (self->prompt >= 0 && record->prompt != self->prompt)
    return FALSE;
  if (record->position == 0)
    self->incomplete = FALSE;
  if (position > self->tokens->len)
    self->incomplete = TRUE;
  if (self->incomplete)
    position = 0;
  g_array_set_size (self->tokens, position);
  g_array_set_size (self->phases, position);
  g_array_set_size (self->ids, position);
  g_ptr_array_set_size (self->texts, (gint) position);
  g_array_append_val (self->tokens, record->token_id);
  g_array_append_val (self->phases, record->phase);
  g_array_append_val (self->ids, record->id);
  g_ptr_array_add (self->texts, moe_text_from_bytes (text, text_length));
  if (record->id == self->wanted)
    self->prompt = record->prompt;
  return TRUE;
}

MoeAttentionText *
moe_attention_text_new_from_recording (MoeRecording  *recording,
                                       gint64         token,
                                       GError       **error)
{
  g_autoptr(GArray) tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr(GArray) phases = g_array_new (FALSE, FALSE, sizeof (MoePhase));
  g_autoptr(GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint64));
  g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func (g_free);
  g_autoptr(GError) local = NULL;
  MoeAttentionText *self;
  Reader reader;

  g_return_val_if_fail (recording != NULL, NULL);

  if (token < 0)
    token = moe_recording_get_n_tokens (recording) - 1;
  reader = (Reader) { tokens, phases, ids, texts, token, -1, FALSE };
  if (!moe_recording_foreach (recording, 0, -1, read_token, &reader, &local) && local != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return NULL;
    }
  if (reader.prompt < 0 || reader.incomplete)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID,
                   reader.prompt < 0 ? "%s: there is no token %" G_GINT64_FORMAT
                                     : "%s: what came before token %" G_GINT64_FORMAT " was not recorded",
                   moe_recording_get_path (recording), token);
      return NULL;
    }

  self = g_new0 (MoeAttentionText, 1);
  self->n = MIN (tokens->len, MOE_ATTENTION_MAX_TOKENS);
  self->n_cut = tokens->len - self->n;
  g_ptr_array_set_size (texts, (gint) self->n);
  g_ptr_array_add (texts, NULL);
  self->tokens = (gint32 *) g_array_steal (tokens, NULL);
  self->phases = (MoePhase *) g_array_steal (phases, NULL);
  self->ids = (gint64 *) g_array_steal (ids, NULL);
  self->texts = (char **) g_ptr_array_steal (texts, NULL);
  return self;
}

MoeAttentionText *
moe_attention_text_new (const MoeModel *model,
                        const gint32   *tokens,
                        const MoePhase *phases,
                        gsize           n)
{
  MoeAttentionText *self = g_new0 (MoeAttentionText, 1);

  self->n = (guint) MIN (n, MOE_ATTENTION_MAX_TOKENS);
  self->n_cut = (guint) (n - self->n);
  self->tokens = g_memdup2 (tokens, self->n * sizeof *tokens);
  self->phases = g_new (MoePhase, self->n);
  self->ids = g_new (gint64, self->n);
  self->texts = g_new0 (char *, self->n + 1);
  for (guint i = 0; i < self->n; i++)
    {
      gsize length;
      const char *bytes = moe_tokenizer_get_text (moe_model_get_tokenizer (model), tokens[i], &length);

      self->phases[i] = phases != NULL ? phases[i] : MOE_PHASE_PROMPT;
      self->ids[i] = -1;
      self->texts[i] = moe_text_from_bytes (bytes, length);
    }
  return self;
}

void
moe_attention_text_free (MoeAttentionText *self)
{
  if (self == NULL)
    return;

  g_free (self->tokens);
  g_free (self->phases);
  g_free (self->ids);
  g_strfreev (self->texts);
  g_free (self);
}

/* --- running it --------------------------------------------------------------------------------------- */

static void
on_attention_row (const MoeProbeBatch *batch,
                  guint                layer,
                  guint                index,
                  guint                head,
                  guint                n_keys,
                  const float         *row,
                  gpointer             user_data)
{
  MoeAttentionPattern *self = user_data;
  gsize query = (gsize) batch->first + index;

  if (layer == self->layer && head == self->head && query < self->text->n && n_keys <= query + 1)
    memcpy (self->rows + query * self->text->n, row, n_keys * sizeof *row);
}

static void
on_attention (const MoeProbeBatch     *batch,
              guint                    layer,
              const MoeAttentionEvent *event,
              gpointer                 user_data)
{
  MoeAttentionPattern *self = user_data;

  if (layer != self->layer || event->sink == NULL)
    return;
  self->has_learned = TRUE;
  for (guint i = 0; i < batch->n && batch->first + i < self->text->n; i++)
    self->learned[batch->first + i] = event->sink[(gsize) i * event->n_heads + self->head];
}

static gboolean
feed (MoeAttentionPattern  *self,
      MoeSession           *session,
      const MoeProgress    *progress,
      GError              **error)
{
  moe_session_rewind (session, 0);
  for (guint done = 0; done < self->text->n; done += FEED_TOKENS)
    {
      if (!moe_progress_step (progress, (double) done / self->text->n, "tokens", error)
          || !moe_session_feed (session, self->text->tokens + done, self->text->phases + done,
                                MIN (FEED_TOKENS, self->text->n - done),
                                progress != NULL ? progress->cancellable : NULL, error))
        return FALSE;
    }
  return moe_progress_step (progress, 1, "tokens", error);
}

MoeAttentionPattern *
moe_attention_pattern_new (MoeSession         *session,
                           MoeAttentionText   *text,
                           guint               layer,
                           guint               head,
                           const MoeProgress  *progress,
                           GError            **error)
{
  static const MoeProbe probe = { .attention_row = on_attention_row, .attention = on_attention };
  const MoeModelInfo *info = moe_model_get_info (moe_session_get_model (session));
  g_autoptr(MoeAttentionPattern) self = g_new0 (MoeAttentionPattern, 1);
  gsize n = (gsize) text->n * text->n;
  gboolean ok;

  self->text = text;
  self->layer = layer;
  self->head = head;
  if (layer >= info->n_layers || head >= info->n_heads)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "%s: there is no layer %u with a head %u", info->path,
                   layer, head);
      return NULL;
    }
  self->rows = g_new (float, MAX (n, 1));
  for (gsize i = 0; i < n; i++)
    self->rows[i] = NAN;
  self->learned = g_new0 (float, text->n + 1);

  moe_session_add_probe (session, &probe, self);
  ok = feed (self, session, progress, error);
  moe_session_remove_probe (session, &probe, self);
  return ok ? g_steal_pointer (&self) : NULL;
}

void
moe_attention_pattern_free (MoeAttentionPattern *self)
{
  if (self == NULL)
    return;

  g_clear_pointer (&self->text, moe_attention_text_free);
  g_free (self->rows);
  g_free (self->learned);
  g_free (self);
}

/* --- the table ---------------------------------------------------------------------------------------- */

static void
fill_long (const MoeAttentionPattern *self,
           MoeTable                  *table)
{
  const MoeAttentionText *text = self->text;

  moe_table_add_column (table, "query", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "key", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "query_token", MOE_COLUMN_TEXT, "", MOE_ROLE_LABEL);
  moe_table_add_column (table, "key_token", MOE_COLUMN_TEXT, "", MOE_ROLE_LABEL);
  moe_table_add_column (table, "attention", MOE_COLUMN_FLOAT, "", MOE_ROLE_VALUE);
  for (guint query = 0; query < text->n; query++)
    for (guint key = 0; key <= query + (self->has_learned ? 1 : 0); key++)
      {
        gboolean learned = key > query;
        guint row = moe_table_append_row (table);

        moe_table_set_int (table, row, 0, query);
        if (!learned)
          moe_table_set_int (table, row, 1, key);
        moe_table_set_text (table, row, 2, text->texts[query]);
        moe_table_set_text (table, row, 3, learned ? "(learned sink)" : text->texts[key]);
        moe_table_set_double (table, row, 4, learned ? self->learned[query]
                                                     : self->rows[(gsize) query * text->n + key]);
      }
}

static void
fill_wide (const MoeAttentionPattern *self,
           MoeTable                  *table)
{
  const MoeAttentionText *text = self->text;

  moe_table_add_column (table, "query", MOE_COLUMN_INT, "", MOE_ROLE_INDEX);
  moe_table_add_column (table, "token", MOE_COLUMN_TEXT, "", MOE_ROLE_LABEL);
  for (guint key = 0; key < text->n; key++)
    {
      g_autofree char *name = g_strdup_printf ("k%u", key);

      moe_table_add_column (table, name, MOE_COLUMN_FLOAT, "", MOE_ROLE_VALUE);
    }
  if (self->has_learned)
    moe_table_add_column (table, "learned_sink", MOE_COLUMN_FLOAT, "", MOE_ROLE_VALUE);
  for (guint query = 0; query < text->n; query++)
    {
      guint row = moe_table_append_row (table);

      moe_table_set_int (table, row, 0, query);
      moe_table_set_text (table, row, 1, text->texts[query]);
      for (guint key = 0; key <= query; key++)
        moe_table_set_double (table, row, 2 + key, self->rows[(gsize) query * text->n + key]);
      if (self->has_learned)
        moe_table_set_double (table, row, 2 + text->n, self->learned[query]);
    }
}

MoeTable *
moe_attention_pattern_to_table (const MoeAttentionPattern *self,
                                const MoeModelInfo        *info,
                                gboolean                   wide)
{
  g_autofree char *layer = g_strdup_printf ("%u", self->layer);
  g_autofree char *head = g_strdup_printf ("%u", self->head);
  g_autofree char *tokens = g_strdup_printf (self->text->n_cut > 0 ? "the first %u of %u" : "%u",
                                             self->text->n, self->text->n + self->text->n_cut);
  MoeTable *table = moe_table_new ("Attention");

  if (wide)
    fill_wide (self, table);
  else
    fill_long (self, table);
  moe_report_add_model (table, info, MOE_PHASES_ALL);
  moe_table_set_provenance (table, "layer", layer);
  moe_table_set_provenance (table, "head", head);
  moe_table_set_provenance (table, "tokens", tokens);
  return table;
}
