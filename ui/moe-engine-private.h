/* SPDX-License-Identifier: MIT */
#pragma once

#include "data/moe-recording-writer.h"
#include "probes/moe-recorder.h"
#include "ui/moe-engine.h"

G_BEGIN_DECLS

typedef enum
{
  MOE_COMMAND_OPEN,
  MOE_COMMAND_GENERATE,
  MOE_COMMAND_PAUSE,
  MOE_COMMAND_RESUME,
  MOE_COMMAND_WAKE, /* says nothing; the cancellable does */
  MOE_COMMAND_MASK,
  MOE_COMMAND_COMPARE,
  MOE_COMMAND_RESET,
  MOE_COMMAND_FLUSH,
  MOE_COMMAND_SAVE,
  MOE_COMMAND_QUIT,
} MoeCommandType;

typedef struct
{
  MoeCommandType     type;
  char              *path;
  char              *text;      /* a raw prompt */
  GPtrArray         *messages;  /* of strings, role and content in turn; NULL for a raw prompt */
  MoeSamplerOptions  sampler;
  guint              max_tokens;
  MoeMask           *mask;
  guint              serial;
  gboolean           flag;
  GCancellable      *cancellable;
} MoeCommand;

void moe_command_free (MoeCommand *command);

#define MOE_ENGINE_SPEED_WINDOW 32 /* tokens */

struct _MoeEngine
{
  GThread             *thread;
  GAsyncQueue         *commands; /* MoeCommand, to the thread */
  GAsyncQueue         *events;   /* MoeEngineEvent, from the thread */
  GSource             *wake;     /* on the main context; made ready by the thread */
  gint                 quitting; /* atomic */

  /* Main thread. */
  MoeEngineNotifyFunc  notify;
  gpointer             notify_data;
  GCancellable        *cancellable; /* of the last job, or NULL */
  guint                last_serial;

  /* Engine thread. */
  GQueue               deferred;   /* commands that wait for the end of a generation */
  MoeModel            *model;
  MoeSession          *session;
  MoeRecordingWriter  *writer;
  MoeRecorder         *recorder;
  char                *recording_path;
  MoeMask             *mask;       /* wanted; in force once a session accepted it */
  GArray              *fed;        /* gint32, what the session holds */
  gboolean             stale;      /* what it holds was computed under another mask */
  gboolean             compare;
  MoeSession          *plain;      /* the same tokens without a mask, a prefix of @fed; or NULL */
  gboolean             paused;
  MoeEngineEvent      *picked;     /* text and candidates of the token that is fed next, or NULL */
  GCancellable        *job;        /* of the command that runs */
  gint64               hits_time;
  gint64               times[MOE_ENGINE_SPEED_WINDOW]; /* of the last answer tokens, microseconds */
  guint                n_times;
};

MoeEngineEvent *moe_engine_event_new     (MoeEngineEventType   type);
/* Takes @event. */
void            moe_engine_emit          (MoeEngine           *self,
                                          MoeEngineEvent      *event);
/* Takes @error. */
void            moe_engine_emit_error    (MoeEngine           *self,
                                          MoeEngineJob         job,
                                          GError              *error);
void            moe_engine_emit_hits     (MoeEngine           *self);

guint           moe_engine_choose_threads (void);

/* The engine thread's side of the commands. */
void            moe_engine_do_open       (MoeEngine           *self,
                                          MoeCommand          *command);
void            moe_engine_do_generate   (MoeEngine           *self,
                                          MoeCommand          *command);
void            moe_engine_do_mask       (MoeEngine           *self,
                                          MoeMask             *mask);
void            moe_engine_do_flush      (MoeEngine           *self,
                                          guint                serial);
void            moe_engine_do_save       (MoeEngine           *self,
                                          const char          *path);
/* KL divergence in nats of the next token's distribution, @logits (vocabulary) under the mask against the
 * plain run; NaN when there is nothing to compare. */
float           moe_engine_compare_plain (MoeEngine         *self,
                                          const float       *logits);
void            moe_engine_rewind_plain  (MoeEngine         *self,
                                          guint              length);
void            moe_engine_close_recording (MoeEngine         *self);
void            moe_engine_drop_model    (MoeEngine           *self);
/* Handles what may be done between two tokens, and blocks here while paused. */
void            moe_engine_do_between    (MoeEngine           *self);

G_END_DECLS
