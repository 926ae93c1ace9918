/* SPDX-License-Identifier: MIT */
#pragma once

#include "probes/moe-model.h"

G_BEGIN_DECLS

/* --date and --thinking: what a chat template is told besides the messages. */
typedef struct
{
  char *date;
  char *thinking;
  char *settings; /* JSON, from moe_cli_chat_describe() */
} MoeCliChat;

MoeCliChat *moe_cli_chat_new      (void);
void        moe_cli_chat_free     (MoeCliChat        *self);
void        moe_cli_chat_add      (MoeCliChat        *self,
                                   GOptionContext    *context);
/* FALSE after a message (wrong usage). */
gboolean    moe_cli_chat_check    (const MoeCliChat  *self,
                                   const char        *command);
/* @chat may be NULL: then there is nothing to be told. Errors begin with @path. */
gboolean    moe_cli_chat_apply    (const MoeCliChat  *self,
                                   MoeChat           *chat,
                                   const char        *path,
                                   GError           **error);
/* The settings @json (may be NULL) of a recording, with the date and the choice in them when they say that
 * the chat template was used ("raw" is false). */
const char *moe_cli_chat_describe (MoeCliChat        *self,
                                   const MoeModel    *model,
                                   const char        *json);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeCliChat, moe_cli_chat_free)

G_END_DECLS
