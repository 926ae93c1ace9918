/* SPDX-License-Identifier: MIT */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* Chooses a file of prompts: one of those offered, or any other.
 *
 * Signals:
 *   changed   another file was chosen, or none */
#define MOE_TYPE_PROMPT_CHOOSER (moe_prompt_chooser_get_type ())
G_DECLARE_FINAL_TYPE (MoePromptChooser, moe_prompt_chooser, MOE, PROMPT_CHOOSER, GtkWidget)

/* Which folder beside a model holds what is offered, and what choosing no file is called; "prompts" and
 * "None" unless told. Before a model is set. Both are static strings. */
void        moe_prompt_chooser_set_kind  (MoePromptChooser *self,
                                          const char       *folder,
                                          const char       *none);
/* Offers the prompt sets in the folder beside a model (which its author shipped with it) and in the
 * folders inside that. What was chosen from the folder before is forgotten when it is another one. */
void        moe_prompt_chooser_set_model (MoePromptChooser *self,
                                          const char       *model_path);
/* Chooses @path, which is offered from now on; NULL for none. No signal. */
void        moe_prompt_chooser_set_path  (MoePromptChooser *self,
                                          const char       *path);
/* NULL when nothing is chosen. */
const char *moe_prompt_chooser_get_path  (MoePromptChooser *self);
/* Chooses the file called @name ("harmful.csv") when there is one beside the model. */
void        moe_prompt_chooser_prefer    (MoePromptChooser *self,
                                          const char       *name);
/* The tooltip, the accessible name and the title of the file chooser. */
void        moe_prompt_chooser_set_title (MoePromptChooser *self,
                                          const char       *title);

G_END_DECLS
