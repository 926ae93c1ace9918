/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The part of the Jinja language that chat templates are written in, with the whitespace rules that chat
 * templates expect (trim_blocks and lstrip_blocks on). What a template uses and this doesn't know is an
 * error when it is reached, never a guess. Templates are untrusted: depth, steps and memory are bounded.
 * Immutable; any thread. */
typedef struct _MoeJinja MoeJinja;

/* Errors: MOE_ERROR_FORMAT (no template), _UNSUPPORTED (a statement or an expression it doesn't know),
 * _LIMIT. */
MoeJinja *moe_jinja_new    (const char       *source,
                            GError          **error);
void      moe_jinja_free   (MoeJinja         *self);

typedef struct { const char *role, *content; } MoeJinjaMessage;
/* A string, or with @value NULL a boolean. */
typedef struct { const char *name, *value; gboolean truth; } MoeJinjaVariable;

typedef struct
{
  const MoeJinjaMessage  *messages;  /* (n_messages) */
  guint                   n_messages;
  const MoeJinjaVariable *variables; /* (n_variables) */
  guint                   n_variables;
  const GDate            *today;     /* what strftime_now() writes */
} MoeJinjaInput;

/* Renders with "messages", "add_generation_prompt" true, "tools" and "documents" none, and the variables.
 * @text gets the bytes, @from_message (as many) a 1 for each byte that comes from the content of a
 * message; @dated, unless NULL, whether the date was asked for. Errors: MOE_ERROR_INVALID (the template
 * itself refuses the messages), _UNSUPPORTED, _LIMIT. */
gboolean  moe_jinja_render (const MoeJinja       *self,
                            const MoeJinjaInput  *input,
                            GString              *text,
                            GByteArray           *from_message,
                            gboolean             *dated,
                            GError              **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeJinja, moe_jinja_free)

G_END_DECLS
