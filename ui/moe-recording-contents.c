/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-recording-contents"

#include "ui/moe-recording-contents.h"

#include <string.h>

#include <glib/gstdio.h>

#include "data/moe-error.h"
#include "data/moe-recording-layout.h"
#include "data/moe-table-export.h"
#include "ui/moe-text.h"

/* More in a list help nobody, and take time to lay out. */
#define MAX_SHOWN_ROWS    10000u
#define MAX_SHOWN_COLUMNS 64u

/* --- what is in the file ------------------------------------------------------------------------------ */

static void
note_free (gpointer data)
{
  MoeRecordingNote *note = data;

  g_free (note->text);
  g_free (note);
}

void
moe_recording_contents_free (MoeRecordingContents *self)
{
  if (self == NULL)
    return;
  g_strfreev (self->names);
  g_strfreev (self->values);
  g_clear_pointer (&self->notes, g_ptr_array_unref);
  g_free (self);
}

gboolean
moe_recording_notes_equal (const MoeRecordingContents *a,
                           const MoeRecordingContents *b)
{
  if (a == NULL || b == NULL || a->notes->len != b->notes->len)
    return FALSE;
  for (guint i = 0; i < a->notes->len; i++)
    {
      const MoeRecordingNote *one = a->notes->pdata[i], *other = b->notes->pdata[i];

      if (one->id != other->id || one->token != other->token || !g_str_equal (one->text, other->text))
        return FALSE;
    }
  return TRUE;
}

typedef struct
{
  GStrvBuilder *names, *values;
} Facts;

/* Takes @value. */
static void
add (Facts      *facts,
     const char *name,
     char       *value)
{
  g_strv_builder_add (facts->names, name);
  g_strv_builder_add (facts->values, value);
  g_free (value);
}

static char *
count_things (gint64      n,
              const char *one,
              const char *many)
{
  g_autofree char *number = moe_text_count (n);

  return g_strdup_printf ("%s %s", number, n == 1 ? one : many);
}

static void
add_file (Facts      *facts,
          const char *path)
{
  g_autofree char *wal = g_strconcat (path, "-wal", NULL);
  g_autofree char *size = NULL;
  guint64 bytes = 0;
  GStatBuf status;

  if (g_stat (path, &status) == 0)
    bytes += (guint64) status.st_size;
  if (g_stat (wal, &status) == 0)
    bytes += (guint64) status.st_size;
  size = g_format_size (bytes);
  add (facts, "File", g_strdup_printf ("%s, %s", path, size));
}

static void
add_model (Facts              *facts,
           const MoeModelInfo *info)
{
  g_autofree char *shared = info->n_shared > 0 ? g_strdup_printf (", %u shared", info->n_shared)
                                               : g_strdup ("");

  add (facts, "Model", g_strdup_printf ("%s: %s, %s, %s", info->name, info->architecture, info->quantisation,
                                        info->tokenizer));
  add (facts, "Model File", g_strdup (info->path));
  add (facts, "Fingerprint", g_strdup (info->fingerprint));
  add (facts, "Experts", g_strdup_printf ("%u of %u layers have experts: %u, of which %u are chosen%s",
                                          info->n_moe_layers, info->n_layers, info->n_experts, info->n_used,
                                          shared));
}

/* FALSE with @error set, also when the recording is damaged. */
static gboolean
add_run (Facts         *facts,
         MoeRecording  *recording,
         GCancellable  *cancellable,
         GError       **error)
{
  g_autoptr(MoeTable) run = NULL;
  g_autoptr(MoeTable) phases = NULL;
  g_autofree char *prompts = count_things (moe_recording_get_n_prompts (recording), "prompt", "prompts");
  g_autofree char *tokens = count_things (moe_recording_get_n_tokens (recording), "token", "tokens");
  g_auto(GStrv) cells = g_new0 (char *, 7);
  GString *text;

  run = moe_recording_query_cancellable (
    recording, "SELECT program, created, context, cache, kernels, (SELECT count(*) FROM mask_event) FROM run",
    cancellable, error);
  if (run == NULL)
    return FALSE;
  phases = moe_recording_query_cancellable (
    recording, "SELECT phase, count(*) FROM token GROUP BY phase ORDER BY min(id)", cancellable, error);
  if (phases == NULL)
    return FALSE;

  text = g_string_new (NULL);
  g_string_append_printf (text, "1 run of %s, %s", prompts, tokens);
  for (guint i = 0; i < moe_table_get_n_rows (phases); i++)
    {
      g_autofree char *phase = moe_table_format_cell (phases, i, 0);
      g_autofree char *number = moe_table_format_cell (phases, i, 1);

      g_string_append_printf (text, "%s%s %s", i == 0 ? ": " : ", ", number, phase);
    }
  add (facts, "Holds", g_string_free (text, FALSE));

  for (guint i = 0; i < 6; i++)
    cells[i] = moe_table_get_n_rows (run) > 0 ? moe_table_format_cell (run, 0, i) : g_strdup ("");
  add (facts, "Interventions", g_str_equal (cells[5], "0") ? g_strdup ("none")
                               : g_strdup_printf ("changed %s times", cells[5]));
  add (facts, "Options", g_strdup_printf ("context %s, cache %s, kernels %s, seed %" G_GUINT64_FORMAT " %s",
                                          cells[2], cells[3], cells[4], moe_recording_get_seed (recording),
                                          moe_recording_get_settings (recording)));
  add (facts, "Made", g_strdup_printf ("%s by %s, %s", cells[1], cells[0],
                                       moe_recording_is_finished (recording) ? "finished" : "not finished"));
  add (facts, "Recording Hash", g_strdup (moe_recording_get_hash (recording)));
  return TRUE;
}

static GPtrArray *
read_notes (MoeRecording  *recording,
            GCancellable  *cancellable,
            GError       **error)
{
  g_autoptr(MoeTable) table = NULL;
  GPtrArray *notes;

  table = moe_recording_query_cancellable (recording, "SELECT id, token, text FROM note ORDER BY token, id",
                                           cancellable, error);
  if (table == NULL)
    return NULL;
  notes = g_ptr_array_new_with_free_func (note_free);
  for (guint i = 0; i < moe_table_get_n_rows (table); i++)
    {
      MoeRecordingNote *note = g_new0 (MoeRecordingNote, 1);

      note->id = moe_table_get_int (table, i, 0);
      note->token = moe_table_get_int (table, i, 1);
      note->text = moe_table_format_cell (table, i, 2);
      g_ptr_array_add (notes, note);
    }
  return notes;
}

MoeRecordingContents *
moe_recording_contents_read (const char         *path,
                             const MoeProgress  *progress,
                             GError            **error)
{
  GCancellable *cancellable = progress != NULL ? progress->cancellable : NULL;
  g_autoptr(MoeRecording) recording = NULL;
  g_autoptr(GStrvBuilder) names = g_strv_builder_new ();
  g_autoptr(GStrvBuilder) values = g_strv_builder_new ();
  Facts facts = { names, values };
  MoeRecordingContents *self;
  GPtrArray *notes;

  g_return_val_if_fail (path != NULL, NULL);

  recording = moe_recording_open (path, error);
  if (recording == NULL)
    return NULL;
  add_file (&facts, path);
  add_model (&facts, moe_recording_get_info (recording));
  if (!add_run (&facts, recording, cancellable, error))
    return NULL;
  notes = read_notes (recording, cancellable, error);
  if (notes == NULL)
    return NULL;

  self = g_new0 (MoeRecordingContents, 1);
  self->names = g_strv_builder_end (names);
  self->values = g_strv_builder_end (values);
  self->notes = notes;
  return self;
}

/* --- questions ---------------------------------------------------------------------------------------- */

void
moe_recording_answer_free (MoeRecordingAnswer *self)
{
  if (self == NULL)
    return;
  g_clear_pointer (&self->shown, moe_table_unref);
  g_free (self->sql);
  g_free (self);
}

static MoeTable *
copy_beginning (const MoeTable *table)
{
  MoeTable *copy = moe_table_new (moe_table_get_title (table));
  guint n_rows = MIN (moe_table_get_n_rows (table), MAX_SHOWN_ROWS);
  guint n_columns = MIN (moe_table_get_n_columns (table), MAX_SHOWN_COLUMNS);

  for (guint i = 0; i < n_columns; i++)
    moe_table_add_column (copy, moe_table_get_column_name (table, i), moe_table_get_column_type (table, i),
                          "", MOE_ROLE_VALUE);
  for (guint row = 0; row < n_rows; row++)
    {
      moe_table_append_row (copy);
      for (guint column = 0; column < n_columns; column++)
        moe_table_copy_cell (copy, row, column, table, row, column);
    }
  return copy;
}

MoeRecordingAnswer *
moe_recording_answer_read (const char         *path,
                           const char         *sql,
                           const MoeProgress  *progress,
                           GError            **error)
{
  g_autoptr(MoeRecording) recording = NULL;
  g_autoptr(MoeTable) table = NULL;
  MoeRecordingAnswer *self;

  g_return_val_if_fail (path != NULL && sql != NULL, NULL);

  recording = moe_recording_open (path, error);
  table = recording != NULL
              ? moe_recording_query_report (recording, sql, progress != NULL ? progress->cancellable : NULL,
                                            error) : NULL;
  if (table == NULL)
    return NULL;
  self = g_new0 (MoeRecordingAnswer, 1);
  self->sql = g_strdup (sql);
  self->n_rows = moe_table_get_n_rows (table);
  self->n_columns = moe_table_get_n_columns (table);
  self->shown = copy_beginning (table);
  return self;
}

/* --- everything --------------------------------------------------------------------------------------- */

static char *
get_file (const char *path,
          const char *folder,
          guint       layout)
{
  g_autofree char *base = g_path_get_basename (path);
  g_autofree char *name = NULL;

  if (g_str_has_suffix (base, ".moescope"))
    base[strlen (base) - strlen (".moescope")] = '\0';
  name = g_strdup_printf ("%s-%s.csv", base, moe_recording_layout_get_name (layout));
  return g_build_filename (folder, name, NULL);
}

gboolean
moe_recording_write_layouts (const char         *path,
                             const char         *folder,
                             const MoeProgress  *progress,
                             GError            **error)
{
  g_autoptr(MoeRecording) recording = NULL;

  g_return_val_if_fail (path != NULL && folder != NULL, FALSE);

  for (guint i = 0; i < MOE_N_RECORDING_LAYOUTS; i++)
    {
      g_autofree char *file = get_file (path, folder, i);

      if (g_file_test (file, G_FILE_TEST_EXISTS))
        {
          g_set_error (error, MOE_ERROR, MOE_ERROR_IO,
                       "%s: is there already; choose another folder, nothing was written", file);
          return FALSE;
        }
    }
  recording = moe_recording_open (path, error);
  if (recording == NULL)
    return FALSE;
  for (guint i = 0; i < MOE_N_RECORDING_LAYOUTS; i++)
    {
      g_autofree char *file = get_file (path, folder, i);
      g_autoptr(MoeTable) table = NULL;

      if (!moe_progress_step (progress, (double) i / MOE_N_RECORDING_LAYOUTS,
                              moe_recording_layout_get_name (i), error))
        return FALSE;
      table = moe_recording_layout_export (recording, i, progress != NULL ? progress->cancellable : NULL,
                                           error);
      if (table == NULL || !moe_table_write (table, MOE_TABLE_CSV, TRUE, file, error))
        return FALSE;
    }
  return TRUE;
}
