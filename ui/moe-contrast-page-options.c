/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-contrast-page"

#include "ui/moe-contrast-page-private.h"

#include "data/moe-error.h"

static const char *const orders[] = { "a", "b", "both" };

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
set_choice (GtkDropDown       *drop_down,
            const char *const *names,
            guint              n_names,
            const char        *value)
{
  for (guint i = 0; i < n_names; i++)
    if (g_str_equal (names[i], value))
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
  static const char *const mode_names[] = { "refill", "drop", "zero", "copy" };
  MoeContrastPage *self = MOE_CONTRAST_PAGE (page);
  MoeContrastPicture picture;
  gboolean known = FALSE;
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
    known = set_choice (self->span, moe_contrast_spans, MOE_N_CONTRAST_SPANS, value);
  else if (g_str_equal (name, "span-b"))
    known = set_choice (self->span_b, moe_contrast_spans, MOE_N_CONTRAST_SPANS, value);
  else if (g_str_equal (name, "order"))
    known = set_choice (self->order, orders, G_N_ELEMENTS (orders), value);
  else if (g_str_equal (name, "mode"))
    known = set_choice (self->mode, mode_names, G_N_ELEMENTS (mode_names), value);
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
