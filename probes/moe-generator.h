/* SPDX-License-Identifier: MIT */
#pragma once

#include "probes/moe-chat.h"
#include "probes/moe-sampler.h"
#include "probes/moe-self-contrast.h"
#include "probes/moe-session.h"

G_BEGIN_DECLS

/* Feeds a prompt and generates an answer token by token. The loop that the command line, the window and the
 * analyses share. */
typedef struct
{
  gint32      token;
  MoePhase    phase;       /* MOE_PHASE_ANSWER or _THINKING */
  guint       position;
  float       logprob;     /* of @token, nats, no temperature */
  const char *text;        /* whole UTF-8 characters that became complete with it; may be "" */
  const float *logits;     /* (vocabulary) from which @token was picked */
} MoeGeneratedToken;

/* Return FALSE to stop. Called on the generating thread, before @token is fed. */
typedef gboolean (*MoeGenerateFunc) (const MoeGeneratedToken *token, gpointer user_data);

typedef enum
{
  MOE_STOP_END,       /* an end-of-turn token */
  MOE_STOP_LENGTH,    /* max_tokens reached */
  MOE_STOP_CONTEXT,   /* the context is full */
  MOE_STOP_CALLER,    /* the callback returned FALSE */
  MOE_STOP_CANCELLED,
} MoeStopReason;

/* Runs @prompt from the session's present position, then generates up to @max_tokens. Every token picked is
 * also fed, the end token included, so that recordings hold its routing. FALSE with @error set when feeding
 * failed; cancelling is not an error (@reason says so). */
gboolean moe_generate (MoeSession           *session,
                       const MoeChatPrompt  *prompt,
                       MoeSampler           *sampler,
                       guint                 max_tokens,
                       MoeGenerateFunc       func,
                       gpointer              user_data,
                       GCancellable         *cancellable,
                       MoeStopReason        *reason,
                       GError              **error);
/* The same with self-contrast decoding, or without when @contrast is NULL. Its weak session is fed the same
 * tokens. A token's log-probability and logits are then the combined ones. */
gboolean moe_generate_contrast (MoeSession             *session,
                                const MoeSelfContrast  *contrast,
                                const MoeChatPrompt    *prompt,
                                MoeSampler             *sampler,
                                guint                   max_tokens,
                                MoeGenerateFunc         func,
                                gpointer                user_data,
                                GCancellable           *cancellable,
                                MoeStopReason          *reason,
                                GError                **error);

G_END_DECLS
