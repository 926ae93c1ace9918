/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-contrast-page"

#include "ui/moe-contrast-page-private.h"

#include "data/moe-error.h"
#include "ui/moe-drop-down.h"

static gboolean
set_number (GtkSpinButton *button,
            const char    *value)
{
  guint64 number;

  if (!g_ascii_string_to_unsigned (value, 10, 0, 1000000, &number, NULL))
    return FALSE;
  gtk_spin_button_set_value (button, (double) number);
  return TRUE;
}

static gboolean
set_span (GtkDropDown *drop_down,
          const char  *value)
{
  for (guint i = 0; i < MOE_N_CONTRAST_SPANS; i++)
    if (g_str_equal (moe_contrast_spans[i], value))
      {
        gtk_drop_down_set_selected (drop_down, i);
        return TRUE;
      }
  return FALSE;
}

gboolean
moe_contrast_page_set_option (MoePage     *page,
                              const char  *name,
                              const char  *value,
                              GError     **error)
{
  MoeContrastPage *self = MOE_CONTRAST_PAGE (page);
  MoeContrastPicture picture;
  gboolean known = FALSE;
  MoeContrastOrder order;
  MoeScore score;
  guint64 n;

  if (g_str_equal (name, "a") || g_str_equal (name, "b"))
    {
      moe_prompt_chooser_set_path (*name == 'a' ? self->a : self->b, *value != '\0' ? value : NULL);
      known = TRUE;
    }
  else if (g_str_equal (name, "score") && (known = moe_score_parse (value, &score)))
    gtk_drop_down_set_selected (self->score, score);
  else if (g_str_equal (name, "sides"))
    {
      for (guint i = 0; i < MOE_N_CONTRAST_SIDES && !known; i++)
        if ((known = g_str_equal (value, moe_contrast_sides_get_name ((MoeContrastSides) i))))
          gtk_drop_down_set_selected (self->sides, i);
    }
  else if (g_str_equal (name, "span") || g_str_equal (name, "span-a"))
    known = set_span (self->span, value);
  else if (g_str_equal (name, "span-b"))
    known = set_span (self->span_b, value);
  else if (g_str_equal (name, "order") && (known = moe_contrast_order_parse (value, &order)))
    gtk_drop_down_set_selected (self->order, order);
  else if (g_str_equal (name, "mode"))
    known = moe_drop_down_select_mode (self->mode, moe_contrast_modes, MOE_N_CONTRAST_MODES, value);
  else if (g_str_equal (name, "limit"))
    known = set_number (self->limit, value);
  else if (g_str_equal (name, "skip"))
    known = set_number (self->skip, value);
  else if (g_str_equal (name, "permutations"))
    known = set_number (self->permutations, value);
  else if (g_str_equal (name, "picture") && (known = moe_contrast_picture_parse (value, &picture)))
    gtk_stack_set_visible_child_name (self->stack, value);
  else if (g_str_equal (name, "disable-top") &&
           (known = g_ascii_string_to_unsigned (value, 10, 0, 50, &n, NULL)))
    gtk_range_set_value (GTK_RANGE (self->top), (double) n);
  else if (g_str_equal (name, "run") && (known = g_str_equal (value, "yes")))
    moe_contrast_page_start (self, TRUE);

  if (!known)
    g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "there is no %s called “%s”", name, value);
  return known;
}
