/* SPDX-License-Identifier: MIT */
#pragma once

#include "ui/moe-document.h"

G_BEGIN_DECLS

/* What a bias on the selected expert would do to the tokens that are shown, while its dial is turned: they
 * are run once without interventions, in a job, for the router logits that no recording holds. No GTK.
 *
 * Signals:
 *   changed   there is another answer */
#define MOE_TYPE_BIAS_PREVIEW (moe_bias_preview_get_type ())
G_DECLARE_FINAL_TYPE (MoeBiasPreview, moe_bias_preview, MOE, BIAS_PREVIEW, GObject)

/* More tokens than this are not run because somebody turns a dial; `mask preview` is for them. */
#define MOE_BIAS_PREVIEW_MAX_TOKENS 2048

MoeBiasPreview *moe_bias_preview_new      (MoeDocument     *document);
/* Runs the tokens when it is not known yet what the routers of the selected expert's layer say to them. */
void            moe_bias_preview_request  (MoeBiasPreview  *self);
/* A sentence; NULL before the run has ended, and where there can be none. Transfer full. */
char           *moe_bias_preview_describe (MoeBiasPreview  *self,
                                           double           bias,
                                           MoeScope         scope);

G_END_DECLS
