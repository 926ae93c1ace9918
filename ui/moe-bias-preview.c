/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-bias-preview"

#include "ui/moe-bias-preview.h"

#include <math.h>

#include "analysis/moe-boundary.h"
#include "analysis/moe-masked-run.h"
#include "ui/moe-job.h"
#include "ui/moe-text.h"

struct _MoeBiasPreview
{
  GObject           parent_instance;

  MoeDocument      *document;
  gboolean          flushing; /* until the recording is on disk */
  MoeJob           *job;
  int               layer;    /* of what is being run */
  gint64            n_tokens; /* that were shown when it began */
  MoeBoundaryLayer *known;
  char             *refusal;  /* why there is none for that layer, or NULL */
};

G_DEFINE_FINAL_TYPE (MoeBiasPreview, moe_bias_preview, G_TYPE_OBJECT)

static guint changed_signal;

#define ANSWER_PHASES (MOE_PHASE_BIT (MOE_PHASE_THINKING) | MOE_PHASE_BIT (MOE_PHASE_ANSWER))

/* --- running ------------------------------------------------------------------------------------------ */

typedef struct
{
  char     *path;
  MoeModel *model;
  guint     layer;
} Work;

static void
work_free (gpointer data)
{
  Work *work = data;

  g_free (work->path);
  moe_model_unref (work->model);
  g_free (work);
}

static gpointer
run (gpointer            data,
     const MoeProgress  *progress,
     GError            **error)
{
  const MoeSessionOptions options = { 0 };
  const Work *work = data;
  g_autoptr(MoeRecording) recording = moe_recording_open (work->path, error);
  g_autoptr(GPtrArray) prompts = NULL;
  g_autoptr(MoeSession) session = NULL;

  if (recording == NULL || (prompts = moe_masked_run_load_prompts (recording, error)) == NULL
      || (session = moe_session_new (work->model, &options, error)) == NULL)
    return NULL;
  return moe_boundary_layer_new (session, prompts, work->layer, progress, error);
}

static void
on_done (MoeJob       *job,
         gpointer      result,
         const GError *error,
         gpointer      user_data)
{
  MoeBiasPreview *self = user_data;

  g_clear_object (&self->job);
  g_clear_pointer (&self->known, moe_boundary_layer_free);
  g_clear_pointer (&self->refusal, g_free);
  self->known = result;
  if (error != NULL)
    self->refusal = g_strdup (error->message);
  g_signal_emit (self, changed_signal, 0);
}

static void
on_flushed (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  g_autoptr(MoeBiasPreview) self = user_data;
  g_autofree char *path = moe_document_flush_finish (MOE_DOCUMENT (source), result, NULL);
  MoeModel *model = self->document != NULL ? moe_document_get_loaded (self->document, NULL) : NULL;
  Work *work;

  self->flushing = FALSE;
  if (path == NULL || model == NULL)
    return;
  work = g_new (Work, 1);
  *work = (Work) { g_steal_pointer (&path), moe_model_ref (model), (guint) self->layer };
  g_clear_pointer (&self->job, moe_job_abandon);
  self->job = moe_job_start ("Previewing", run, work, work_free, (GDestroyNotify) moe_boundary_layer_free,
                             on_done, self);
}

/* Whether @layer and the tokens are those that were run, or that are. */
static gboolean
is_asked (MoeBiasPreview *self,
          int             layer)
{
  return self->layer == layer && self->n_tokens == moe_document_get_n_tokens (self->document)
         && (self->known != NULL || self->refusal != NULL || self->job != NULL || self->flushing);
}

void
moe_bias_preview_request (MoeBiasPreview *self)
{
  const MoeSelection *selection;
  const MoeModelInfo *info;

  g_return_if_fail (MOE_IS_BIAS_PREVIEW (self));

  selection = moe_document_get_selection (self->document);
  info = moe_document_get_info (self->document);
  if (info == NULL || !selection->has_expert || selection->expert < 0 || is_asked (self, selection->layer)
      || moe_document_get_n_tokens (self->document) == 0
      || moe_document_get_n_tokens (self->document) > MOE_BIAS_PREVIEW_MAX_TOKENS
      || moe_model_info_find_moe_layer (info, (guint) selection->layer) < 0
      || moe_document_get_loaded (self->document, NULL) == NULL)
    return;
  self->layer = selection->layer;
  self->n_tokens = moe_document_get_n_tokens (self->document);
  if (self->flushing)
    return;
  self->flushing = TRUE;
  moe_document_flush_async (self->document, on_flushed, g_object_ref (self));
}

/* --- words -------------------------------------------------------------------------------------------- */

static guint
get_phases (MoeScope scope)
{
  switch (scope)
    {
    case MOE_SCOPE_ANSWER:
      return ANSWER_PHASES;
    case MOE_SCOPE_PROMPT:
      return MOE_PHASES_ALL & ~ANSWER_PHASES;
    case MOE_SCOPE_BOTH:
    default:
      return MOE_PHASES_ALL;
    }
}

char *
moe_bias_preview_describe (MoeBiasPreview *self,
                           double          bias,
                           MoeScope        scope)
{
  const MoeSelection *selection;
  MoeBoundaryPreview preview;
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;
  g_autofree char *moved = NULL;
  g_autofree char *count = NULL;

  g_return_val_if_fail (MOE_IS_BIAS_PREVIEW (self), NULL);

  selection = moe_document_get_selection (self->document);
  if (!selection->has_expert || selection->layer != self->layer)
    return NULL;
  if (self->refusal != NULL)
    return g_strdup_printf ("No preview: %s", self->refusal);
  if (self->known == NULL || (int) self->known->layer != selection->layer || selection->expert < 0
      || selection->expert >= (int) self->known->n_experts)
    return NULL;
  moe_boundary_layer_preview (self->known, (guint) selection->expert, (float) bias, get_phases (scope),
                              &preview);
  if (preview.n_tokens == 0)
    return NULL;

  count = moe_text_count (preview.n_tokens);
  before = moe_text_percent ((double) preview.n_before / preview.n_tokens);
  after = moe_text_percent ((double) preview.n_after / preview.n_tokens);
  if (bias == 0)
    {
      char number[G_ASCII_DTOSTR_BUF_SIZE];

      g_ascii_formatd (number, sizeof number, "%+.2f", (double) preview.half);
      return g_strdup_printf ("Chosen for %s of %s tokens; a bias above %s has it chosen for half of them",
                              before, count, number);
    }
  moved = moe_text_percent (fabs ((double) preview.n_after - (double) preview.n_before) / preview.n_tokens);
  return g_strdup_printf ("This bias %s for %s of %s tokens: from %s to %s",
                          bias > 0 ? "brings the expert in" : "puts the expert out", moved, count, before,
                          after);
}

/* --- class -------------------------------------------------------------------------------------------- */

/* Other tokens, or another model. */
static void
forget (MoeBiasPreview *self)
{
  g_clear_pointer (&self->job, moe_job_abandon);
  g_clear_pointer (&self->known, moe_boundary_layer_free);
  g_clear_pointer (&self->refusal, g_free);
  self->n_tokens = 0;
  g_signal_emit (self, changed_signal, 0);
}

static void
moe_bias_preview_dispose (GObject *object)
{
  MoeBiasPreview *self = MOE_BIAS_PREVIEW (object);

  g_clear_pointer (&self->job, moe_job_abandon);
  g_clear_pointer (&self->known, moe_boundary_layer_free);
  g_clear_pointer (&self->refusal, g_free);
  g_clear_object (&self->document);

  G_OBJECT_CLASS (moe_bias_preview_parent_class)->dispose (object);
}

static void
moe_bias_preview_class_init (MoeBiasPreviewClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = moe_bias_preview_dispose;
  changed_signal = g_signal_new ("changed", MOE_TYPE_BIAS_PREVIEW, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                 G_TYPE_NONE, 0);
}

static void
moe_bias_preview_init (MoeBiasPreview *self)
{
  self->layer = -1;
}

MoeBiasPreview *
moe_bias_preview_new (MoeDocument *document)
{
  MoeBiasPreview *self = g_object_new (MOE_TYPE_BIAS_PREVIEW, NULL);

  self->document = g_object_ref (document);
  g_signal_connect_object (document, "recording-changed", G_CALLBACK (forget), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (document, "model-changed", G_CALLBACK (forget), self, G_CONNECT_SWAPPED);
  return self;
}
