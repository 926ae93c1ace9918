/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-interventions-view"

#include "ui/moe-interventions-view.h"

#include "ui/moe-text.h"

struct _MoeInterventionsView
{
  GtkWidget    parent_instance;

  MoeDocument *document;
  GPtrArray   *hit_labels; /* GtkLabel, one an intervention; owned by the list */

  GtkWidget   *box;
  GtkListBox  *list;
};

G_DEFINE_FINAL_TYPE (MoeInterventionsView, moe_interventions_view, GTK_TYPE_WIDGET)

static void
on_remove (GtkButton            *button,
           MoeInterventionsView *self)
{
  guint index = GPOINTER_TO_UINT (g_object_get_data (G_OBJECT (button), "index"));
  g_autoptr(MoeMask) mask = NULL;

  /* Less of a mask that was accepted is accepted. */
  mask = moe_mask_without (moe_document_get_mask (self->document), index);
  moe_document_set_mask (self->document, mask, FALSE, NULL);
}

static void
on_row_activated (GtkListBox           *list,
                  GtkListBoxRow        *row,
                  MoeInterventionsView *self)
{
  const MoeIntervention *one = moe_mask_get (moe_document_get_mask (self->document),
                                             (guint) gtk_list_box_row_get_index (row));

  if (one->expert >= 0 && one->layer >= 0)
    moe_document_select_expert (self->document, one->layer, one->expert);
}

static void
show_hits (MoeInterventionsView *self)
{
  for (guint i = 0; i < self->hit_labels->len; i++)
    {
      GtkLabel *label = self->hit_labels->pdata[i];
      MoeEngineHits hits;
      g_autofree char *text = NULL;
      gboolean idle = FALSE;

      if (!moe_document_get_hits (self->document, i, &hits) || hits.seen == 0)
        text = g_strdup ("no token has passed it yet");
      else
        {
          g_autofree char *changed = moe_text_count ((gint64) hits.changed);
          g_autofree char *seen = moe_text_count ((gint64) hits.seen);

          idle = hits.changed == 0;
          text = idle ? g_strdup_printf ("⚠ changed none of %s routings", seen)
                      : g_strdup_printf ("changed %s of %s routings", changed, seen);
        }
      gtk_label_set_text (label, text);
      if (idle)
        gtk_widget_add_css_class (GTK_WIDGET (label), "warning");
      else
        gtk_widget_remove_css_class (GTK_WIDGET (label), "warning");
    }
}

static GtkWidget *
create_row (MoeInterventionsView  *self,
            guint                  index,
            const MoeIntervention *intervention)
{
  g_autofree char *text = moe_intervention_describe (intervention);
  g_autofree char *remove_text = g_strdup_printf ("Remove %s", text);
  GtkWidget *row = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);
  GtkWidget *labels = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0);
  GtkWidget *name = gtk_label_new (text);
  GtkWidget *hits = gtk_label_new (NULL);
  GtkWidget *button = gtk_button_new_from_icon_name ("list-remove-symbolic");

  gtk_label_set_xalign (GTK_LABEL (name), 0);
  gtk_label_set_ellipsize (GTK_LABEL (name), PANGO_ELLIPSIZE_END);
  gtk_label_set_xalign (GTK_LABEL (hits), 0);
  gtk_label_set_ellipsize (GTK_LABEL (hits), PANGO_ELLIPSIZE_END);
  gtk_widget_add_css_class (hits, "dim-label");
  gtk_widget_add_css_class (hits, "numeric");
  gtk_widget_set_hexpand (labels, TRUE);
  gtk_box_append (GTK_BOX (labels), name);
  gtk_box_append (GTK_BOX (labels), hits);
  gtk_widget_add_css_class (button, "flat");
  gtk_widget_set_valign (button, GTK_ALIGN_CENTER);
  gtk_widget_set_tooltip_text (button, "Remove");
  gtk_accessible_update_property (GTK_ACCESSIBLE (button), GTK_ACCESSIBLE_PROPERTY_LABEL, remove_text, -1);
  g_object_set_data (G_OBJECT (button), "index", GUINT_TO_POINTER (index));
  g_signal_connect (button, "clicked", G_CALLBACK (on_remove), self);
  gtk_box_append (GTK_BOX (row), labels);
  gtk_box_append (GTK_BOX (row), button);

  g_ptr_array_add (self->hit_labels, hits);
  return row;
}

static void
on_mask_changed (MoeInterventionsView *self)
{
  MoeMask *mask = moe_document_get_mask (self->document);
  GtkListBoxRow *row;

  while ((row = gtk_list_box_get_row_at_index (self->list, 0)) != NULL)
    gtk_list_box_remove (self->list, GTK_WIDGET (row));
  g_ptr_array_set_size (self->hit_labels, 0);
  for (guint i = 0; i < moe_mask_get_n (mask); i++)
    gtk_list_box_append (self->list, create_row (self, i, moe_mask_get (mask, i)));
  show_hits (self);
}

static void
moe_interventions_view_dispose (GObject *object)
{
  MoeInterventionsView *self = MOE_INTERVENTIONS_VIEW (object);

  g_clear_object (&self->document);
  g_clear_pointer (&self->hit_labels, g_ptr_array_unref);
  gtk_widget_dispose_template (GTK_WIDGET (self), MOE_TYPE_INTERVENTIONS_VIEW);

  G_OBJECT_CLASS (moe_interventions_view_parent_class)->dispose (object);
}

static void
moe_interventions_view_class_init (MoeInterventionsViewClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = moe_interventions_view_dispose;

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/org/moescope/Moescope/moe-interventions-view.ui");
  gtk_widget_class_bind_template_child (widget_class, MoeInterventionsView, box);
  gtk_widget_class_bind_template_child (widget_class, MoeInterventionsView, list);
  gtk_widget_class_set_css_name (widget_class, "interventions");
}

static void
moe_interventions_view_init (MoeInterventionsView *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  self->hit_labels = g_ptr_array_new ();
  g_signal_connect (self->list, "row-activated", G_CALLBACK (on_row_activated), self);
}

void
moe_interventions_view_set_document (MoeInterventionsView *self,
                                     MoeDocument          *document)
{
  g_return_if_fail (MOE_IS_INTERVENTIONS_VIEW (self));
  g_return_if_fail (self->document == NULL);

  self->document = g_object_ref (document);
  g_signal_connect_object (document, "mask-changed", G_CALLBACK (on_mask_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (document, "hits-changed", G_CALLBACK (show_hits), self, G_CONNECT_SWAPPED);
  on_mask_changed (self);
}
