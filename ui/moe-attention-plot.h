/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-attention-pattern.h"
#include "data/moe-mask.h"
#include "ui/moe-matrix-plot.h"

G_BEGIN_DECLS

/* The query x key map of a head, the same in the window and on the command line. No GTK. Each token is named
 * by its number and its text; a learned sink is a column of its own at the end. */
MoeMatrixPlot *moe_attention_map_new (const MoeAttentionPattern *pattern,
                                      const MoeModelInfo        *info);

/* A pattern that several may hold, also on other threads, and where its text is from. */
typedef struct
{
  MoeAttentionPattern *pattern;
  MoeModelInfo        *info;
  MoeMask             *mask;     /* under which it was run, or NULL */
  gint64               token;    /* of the recording that it was asked for, -1 = the last */
  gint64               n_tokens; /* of the recording then; -1 when it is of none */
} MoeAttentionResult;

/* Runs the context of @token of @recording on @session with @mask. */
MoeAttentionResult *moe_attention_result_new   (MoeRecording        *recording,
                                                gint64               token,
                                                MoeSession          *session,
                                                MoeMask             *mask,
                                                guint                layer,
                                                guint                head,
                                                const MoeProgress   *progress,
                                                GError             **error);
/* Runs @text (transfer full), which is of no recording. */
MoeAttentionResult *moe_attention_result_new_for_text (MoeAttentionText   *text,
                                                       MoeSession         *session,
                                                       MoeMask            *mask,
                                                       guint               layer,
                                                       guint               head,
                                                       const MoeProgress  *progress,
                                                       GError            **error);
MoeAttentionResult *moe_attention_result_ref   (MoeAttentionResult  *self);
void                moe_attention_result_unref (MoeAttentionResult  *self);
/* @recording: that it was run from, NULL for none. Errors: those of moe_report_add_source(). */
MoeExhibit         *moe_attention_exhibit_new  (MoeAttentionResult  *self,
                                                MoeRecording        *recording,
                                                GError             **error);
MoeExport          *moe_attention_export_new   (MoeAttentionResult  *self);

G_END_DECLS
