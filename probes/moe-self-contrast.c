/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-self-contrast"

#include "probes/moe-self-contrast.h"

#include <math.h>
#include <string.h>

#include "data/moe-error.h"
#include "data/moe-number.h"

void
moe_self_contrast_combine (const MoeSelfContrast *self,
                           const float           *strong,
                           const float           *weak,
                           guint                  vocabulary,
                           float                 *combined)
{
  float beta = (float) self->beta, least = -INFINITY;

  for (guint i = 0; i < vocabulary; i++)
    least = MAX (least, strong[i]);
  least += (float) log (self->alpha);
  for (guint i = 0; i < vocabulary; i++)
    combined[i] = strong[i] >= least ? (1 + beta) * strong[i] - beta * weak[i] : -INFINITY;
}

gboolean
moe_self_contrast_parse (const char       *text,
                         MoeSelfContrast  *self,
                         guint            *rank,
                         GError          **error)
{
  g_auto (GStrv) words = g_strsplit (text, ",", -1);

  self->alpha = 0.1;
  self->beta = 0.5;
  *rank = 2;
  for (guint i = 0; words[i] != NULL; i++)
    {
      char *equals = strchr (words[i], '=');
      double value;

      if (g_str_equal (words[i], "weak=reversed"))
        {
          *rank = 0;
          continue;
        }
      if (equals != NULL)
        *equals = '\0';
      if (equals != NULL && moe_number_parse (equals + 1, &value))
        {
          if (g_str_equal (words[i], "rank") && value >= 1 && value <= G_MAXUINT16 && value == floor (value))
            {
              *rank = (guint) value;
              continue;
            }
          if (g_str_equal (words[i], "alpha") && value > 0 && value <= 1)
            {
              self->alpha = value;
              continue;
            }
          if (g_str_equal (words[i], "beta") && value >= 0 && value <= 100)
            {
              self->beta = value;
              continue;
            }
        }
      g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID,
                   "'%s' is none of rank=1 and up, weak=reversed, alpha above 0 to 1, and beta from 0 to 100",
                   words[i]);
      return FALSE;
    }
  return TRUE;
}
