/* SPDX-License-Identifier: MIT */
#pragma once

#include <gio/gio.h>

#include "data/moe-mask.h"
#include "data/moe-model-info.h"
#include "data/moe-token-record.h"
#include "probes/moe-chat.h"
#include "probes/moe-generator.h"
#include "probes/moe-model.h"
#include "probes/moe-sampler.h"

G_BEGIN_DECLS

/* One thread that owns the model, its session, the recorder and the recording being written. Commands go in
 * through a queue and return at once; what happens comes out as events, in order. No GTK. All functions are
 * called on the thread that made the engine.
 *
 * Every generation is written into an unsaved recording in the cache folder (the ten newest are kept there),
 * which moe_engine_save() copies. A further turn of a conversation continues from the tokens it shares with
 * what the session was fed, unless the mask changed in between: then everything is run again, so that an
 * answer depends on its prompt, mask and seed only. */
typedef struct _MoeEngine MoeEngine;

#define MOE_ENGINE_N_CANDIDATES 5

typedef struct
{
  char  *text;        /* UTF-8 */
  gint32 token;
  float  probability; /* softmax over the vocabulary, no temperature */
} MoeEngineCandidate;

typedef struct
{
  guint64 changed, seen; /* routings, see moe_session_get_mask_hits() */
} MoeEngineHits;

typedef enum
{
  MOE_ENGINE_PROGRESS, /* fraction of a model that is being opened */
  MOE_ENGINE_OPENED,   /* info; text = why there is no chat, or NULL */
  MOE_ENGINE_PROMPT,   /* a prompt starts: path, n_reused, n_prompt */
  MOE_ENGINE_TOKEN,    /* a token has passed through the model */
  MOE_ENGINE_PAUSED,
  MOE_ENGINE_RESUMED,
  MOE_ENGINE_HITS,     /* hits of the mask in force */
  MOE_ENGINE_FINISHED, /* reason */
  MOE_ENGINE_FLUSHED,  /* serial, path: all that was recorded until the call is on disk */
  MOE_ENGINE_SAVED,    /* path */
  MOE_ENGINE_ERROR,    /* job, error */
} MoeEngineEventType;

typedef enum
{
  MOE_ENGINE_JOB_NONE,
  MOE_ENGINE_JOB_OPEN,     /* ends with OPENED or an ERROR of this job */
  MOE_ENGINE_JOB_GENERATE, /* ends with FINISHED or an ERROR of this job */
  MOE_ENGINE_JOB_MASK,
  MOE_ENGINE_JOB_SAVE,
} MoeEngineJob;

typedef struct
{
  MoeEngineEventType  type;
  MoeEngineJob        job;
  double              fraction;
  MoeModelInfo       *info;
  MoeModel           *model;     /* OPENED: what @info describes */
  char               *path;
  char               *text;      /* TOKEN of an answer: the whole characters it completed; NULL in a prompt */
  GError             *error;
  guint               serial;
  guint               n_reused, n_prompt; /* tokens */
  MoeStopReason       reason;

  /* TOKEN */
  MoeTokenRecord     *record;
  GBytes             *bytes;     /* the token's own bytes */
  guint               n_candidates; /* of the distribution this token was drawn from; 0 in a prompt */
  MoeEngineCandidate  candidates[MOE_ENGINE_N_CANDIDATES];
  float               entropy;   /* of that distribution, nats; NaN in a prompt */
  float               kl;        /* from the plain run's to that distribution, nats; NaN where not compared */
  double              speed;     /* answer tokens per second, lately; 0 when unknown */

  /* HITS: one element an intervention of @mask */
  MoeMask            *mask;
  guint               n_hits;
  MoeEngineHits      *hits;
} MoeEngineEvent;

MoeEngine      *moe_engine_new        (void);
/* Stops whatever runs, closes the recording and waits for the thread. */
void            moe_engine_free       (MoeEngine               *self);

/* Calls @func on the main context when events are waiting, once until moe_engine_pop() found none. */
typedef void (*MoeEngineNotifyFunc) (MoeEngine *self, gpointer user_data);
void            moe_engine_set_notify (MoeEngine               *self,
                                       MoeEngineNotifyFunc      func,
                                       gpointer                 user_data);
/* The next event (transfer full), or NULL. */
MoeEngineEvent *moe_engine_pop        (MoeEngine               *self);
void            moe_engine_event_free (MoeEngineEvent          *event);

/* Opening and generating stop what runs before them. The model that was open stays until the new one is
 * ready. */
void            moe_engine_open       (MoeEngine               *self,
                                       const char              *path);
/* Chat: @messages end with a user turn. */
void            moe_engine_chat       (MoeEngine               *self,
                                       const MoeChatMessage    *messages,
                                       guint                    n_messages,
                                       const MoeSamplerOptions *sampler,
                                       guint                    max_tokens);
void            moe_engine_raw        (MoeEngine               *self,
                                       const char              *text,
                                       const MoeSamplerOptions *sampler,
                                       guint                    max_tokens);
/* Between two tokens. */
void            moe_engine_pause      (MoeEngine               *self);
void            moe_engine_resume     (MoeEngine               *self);
void            moe_engine_stop       (MoeEngine               *self);
/* Takes effect with the next token; also while generating or paused. */
void            moe_engine_set_mask   (MoeEngine               *self,
                                       MoeMask                 *mask);
/* While a mask is in force, runs every token through the model without it too (on at first), at the price of
 * half the speed, and says how far the two distributions of the next token are apart. */
void            moe_engine_set_compare (MoeEngine              *self,
                                        gboolean                compare);
/* The next generation starts a new recording with an empty context. */
void            moe_engine_reset      (MoeEngine               *self);
/* Answered by FLUSHED with the number returned here; its path is NULL when nothing was recorded. */
guint           moe_engine_flush      (MoeEngine               *self);
/* Copies the recording, whole or not at all; answered by SAVED, or ERROR of MOE_ENGINE_JOB_SAVE. */
void            moe_engine_save       (MoeEngine               *self,
                                       const char              *path);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeEngine, moe_engine_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeEngineEvent, moe_engine_event_free)

G_END_DECLS
