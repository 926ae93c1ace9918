/* SPDX-License-Identifier: MIT */
#pragma once

#include "analysis/moe-route-reader.h"
#include "data/moe-prompt-set.h"

G_BEGIN_DECLS

/* Which experts the tokens of each domain go to: domain specialisation (OLMoE, arXiv 2409.02060, section
 * 5.3). A domain is a label of prompts; prompts are known by their text. */
typedef struct
{
  MoeModelInfo  *info;
  guint          phases;
  MoeRouteLayers layers;
  guint          n_domains;
  char         **names;     /* (n_domains) in the order of the sets, NULL after the last */
  guint         *n_prompts; /* (n_domains) of the recording */
  guint          n_unknown; /* prompts of the recording that have no label */
  gint64        *n_tokens;  /* (n_domains) N_D */
  gint64        *hits;      /* (n_domains, layers.n, E) N_(e,D): tokens of the domain that chose the expert */
} MoeRouteDomains;

/* @sets: of MoePromptSet; a prompt without a label has the name of its file without the extension. @layer: a
 * model layer number, or -1 for all MoE layers. Errors: MOE_ERROR_INVALID for a text with two labels, when no
 * prompt has a label, and for a layer that is no MoE layer; MOE_ERROR_LIMIT for more than 4,000,000 counts;
 * those of moe_route_foreach(). */
MoeRouteDomains *moe_route_domains_new       (MoeRecording           *recording,
                                              GPtrArray              *sets,
                                              guint                   phases,
                                              int                     layer,
                                              const MoeProgress      *progress,
                                              GError                **error);
void             moe_route_domains_free      (MoeRouteDomains        *self);

/* N_(e,D) / N_D; NaN for a domain without tokens. @layer: 0 to layers.n - 1. */
double           moe_route_domains_get_share (const MoeRouteDomains  *self,
                                              guint                   domain,
                                              guint                   layer,
                                              guint                   expert);
/* That over k/E, which is what an expert has when all are chosen alike. */
double           moe_route_domains_get_ratio (const MoeRouteDomains  *self,
                                              guint                   domain,
                                              guint                   layer,
                                              guint                   expert);

/* layer,expert,domain,share,over_uniform,n_hits,n_tokens. */
MoeTable        *moe_route_domains_to_table  (const MoeRouteDomains  *self);
/* layer,domain,e0,e1,...: the shares. */
MoeTable        *moe_route_domains_to_wide_table (const MoeRouteDomains *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoeRouteDomains, moe_route_domains_free)

G_END_DECLS
