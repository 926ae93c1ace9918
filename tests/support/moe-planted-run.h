/* SPDX-License-Identifier: MIT */
#pragma once

#include "probes/moe-session.h"
#include "tests/support/moe-planted.h"

G_BEGIN_DECLS

#define MOE_PLANTED_PROMPTS 3
#define MOE_PLANTED_TOKENS  20 /* of the first prompt; each next one has one less */

/* A g_test_add() fixture: a planted checkpoint of the shape that the data says, a session on it (plain
 * kernels, KV cache of floats, one thread) and prompts of random tokens after the first one, four of them
 * template. */
typedef struct
{
  MoePlanted  planted;
  char       *folder;
  MoeModel   *model;
  MoeSession *session;
  GPtrArray  *prompts; /* of MoeChatPrompt */
} MoePlantedRun;

void moe_planted_run_set_up    (MoePlantedRun  *self,
                                gconstpointer   data);
void moe_planted_run_tear_down (MoePlantedRun  *self,
                                gconstpointer   data);
/* Runs the prompts with @probe looking on. */
void moe_planted_run_watch     (MoePlantedRun  *self,
                                const MoeProbe *probe,
                                gpointer        user_data);

G_END_DECLS
