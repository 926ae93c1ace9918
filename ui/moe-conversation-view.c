/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-conversation-view"

#include "ui/moe-conversation-view.h"

/* How near the end, in pixels, counts as there. */
#define NEAR_END 40

struct _MoeConversationView
{
  GtkWidget      parent_instance;

  MoeDocument   *document;
  GtkWidget     *stack;
  GtkWidget     *empty_text;
  GtkWidget     *scrolled;
  GtkWidget     *turns;     /* a box a turn, each with two labels */
  GtkLabel      *last;      /* text of the last turn, owned by its box */
  guint          tick;
  guint          frames;    /* that are still to be scrolled to the end */
  gboolean       text_changed;
};

G_DEFINE_FINAL_TYPE (MoeConversationView, moe_conversation_view, GTK_TYPE_WIDGET)

static gboolean
is_at_end (MoeConversationView *self)
{
  GtkAdjustment *adjustment = gtk_scrolled_window_get_vadjustment (GTK_SCROLLED_WINDOW (self->scrolled));

  return gtk_adjustment_get_value (adjustment) + gtk_adjustment_get_page_size (adjustment) >
         gtk_adjustment_get_upper (adjustment) - NEAR_END;
}

/* The height is known one frame after the text changed, so the end is followed for two. */
static gboolean
on_tick (GtkWidget     *widget,
         GdkFrameClock *clock,
         gpointer       user_data)
{
  MoeConversationView *self = MOE_CONVERSATION_VIEW (widget);
  GtkAdjustment *adjustment = gtk_scrolled_window_get_vadjustment (GTK_SCROLLED_WINDOW (self->scrolled));

  if (self->text_changed && self->last != NULL)
    {
      guint n = moe_document_get_n_turns (self->document);

      self->text_changed = FALSE;
      gtk_label_set_text (self->last, moe_document_get_turn (self->document, n - 1)->text->str);
    }
  if (self->frames > 0)
    {
      self->frames--;
      gtk_adjustment_set_value (adjustment, gtk_adjustment_get_upper (adjustment));
      return G_SOURCE_CONTINUE;
    }
  self->tick = 0;
  return G_SOURCE_REMOVE;
}

static void
queue_tick (MoeConversationView *self)
{
  if (self->tick == 0)
    self->tick = gtk_widget_add_tick_callback (GTK_WIDGET (self), on_tick, NULL, NULL);
}

static void
on_text_added (MoeDocument         *document,
               const char          *text,
               MoeConversationView *self)
{
  /* A reader who scrolled back is left where they are. */
  if (is_at_end (self))
    self->frames = 3;
  self->text_changed = TRUE;
  queue_tick (self);
}

/* The interventions are named where there are some, or where there were some just before. */
static char *
describe_turn (MoeConversationView *self,
               const MoeTurn       *turn,
               guint                index)
{
  gboolean compared = turn->superseded ||
                      (index > 0 && moe_document_get_turn (self->document, index - 1)->superseded);

  if (!turn->from_model)
    return turn->note != NULL ? g_strdup_printf ("Prompt – %s", turn->note) : g_strdup ("Prompt");
  if (turn->note == NULL || (turn->plain && !compared))
    return g_strdup ("Model");
  return g_strdup_printf ("Model%s – %s", turn->superseded ? ", before" : "", turn->note);
}

static GtkWidget *
create_turn (MoeConversationView *self,
             const MoeTurn       *turn,
             guint                index)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 2);
  g_autofree char *title = describe_turn (self, turn, index);
  GtkWidget *role = gtk_label_new (title);
  GtkWidget *text = gtk_label_new (turn->text->str);

  gtk_label_set_xalign (GTK_LABEL (role), 0);
  gtk_label_set_ellipsize (GTK_LABEL (role), PANGO_ELLIPSIZE_END);
  gtk_widget_add_css_class (role, "role");
  gtk_label_set_xalign (GTK_LABEL (text), 0);
  gtk_label_set_wrap (GTK_LABEL (text), TRUE);
  gtk_label_set_wrap_mode (GTK_LABEL (text), PANGO_WRAP_WORD_CHAR);
  gtk_label_set_selectable (GTK_LABEL (text), TRUE);
  /* Selecting is for the pointer; Tab goes on to what can be done. */
  gtk_widget_set_focusable (text, FALSE);
  gtk_box_append (GTK_BOX (box), role);
  gtk_box_append (GTK_BOX (box), text);
  gtk_widget_add_css_class (box, "turn");
  gtk_widget_add_css_class (box, turn->from_model ? "from-model" : "from-person");
  if (turn->superseded)
    gtk_widget_add_css_class (box, "superseded");

  self->last = GTK_LABEL (text);
  return box;
}

static void
on_conversation_changed (MoeConversationView *self)
{
  guint n = moe_document_get_n_turns (self->document);
  GtkWidget *child;

  self->last = NULL;
  self->text_changed = FALSE;
  while ((child = gtk_widget_get_first_child (self->turns)) != NULL)
    gtk_box_remove (GTK_BOX (self->turns), child);
  for (guint i = 0; i < n; i++)
    gtk_box_append (GTK_BOX (self->turns), create_turn (self, moe_document_get_turn (self->document, i), i));
  gtk_stack_set_visible_child_name (GTK_STACK (self->stack), n > 0 ? "turns" : "empty");
  self->frames = 3;
  queue_tick (self);
}

static void
on_model_changed (MoeConversationView *self)
{
  gtk_label_set_text (GTK_LABEL (self->empty_text),
                      moe_document_get_model (self->document) != NULL
                        ? "Write a prompt below and press Enter. The tokens, what each was chosen from and "
                          "the experts "
                          "that made it appear here."
                        : "Open a model to begin.");
}

static void
moe_conversation_view_dispose (GObject *object)
{
  MoeConversationView *self = MOE_CONVERSATION_VIEW (object);

  if (self->tick != 0)
    gtk_widget_remove_tick_callback (GTK_WIDGET (self), self->tick);
  self->tick = 0;
  self->last = NULL;
  g_clear_pointer (&self->stack, gtk_widget_unparent);
  g_clear_object (&self->document);

  G_OBJECT_CLASS (moe_conversation_view_parent_class)->dispose (object);
}

static void
moe_conversation_view_class_init (MoeConversationViewClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = moe_conversation_view_dispose;
  gtk_widget_class_set_layout_manager_type (GTK_WIDGET_CLASS (klass), GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_css_name (GTK_WIDGET_CLASS (klass), "conversation");
}

static void
moe_conversation_view_init (MoeConversationView *self)
{
  GtkWidget *empty = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6);
  GtkWidget *title = gtk_label_new ("No Conversation Yet");

  self->empty_text = gtk_label_new (NULL);
  gtk_label_set_wrap (GTK_LABEL (self->empty_text), TRUE);
  gtk_label_set_justify (GTK_LABEL (self->empty_text), GTK_JUSTIFY_CENTER);
  gtk_label_set_max_width_chars (GTK_LABEL (self->empty_text), 48);
  gtk_widget_add_css_class (self->empty_text, "dim-label");
  gtk_widget_add_css_class (title, "empty-title");
  gtk_widget_set_valign (empty, GTK_ALIGN_CENTER);
  gtk_box_append (GTK_BOX (empty), title);
  gtk_box_append (GTK_BOX (empty), self->empty_text);

  self->turns = gtk_box_new (GTK_ORIENTATION_VERTICAL, 8);
  gtk_widget_add_css_class (self->turns, "turns");
  self->scrolled = gtk_scrolled_window_new ();
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (self->scrolled), GTK_POLICY_NEVER,
                                  GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (self->scrolled), self->turns);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->scrolled), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  "Conversation", -1);

  self->stack = gtk_stack_new ();
  gtk_stack_add_named (GTK_STACK (self->stack), empty, "empty");
  gtk_stack_add_named (GTK_STACK (self->stack), self->scrolled, "turns");
  gtk_widget_set_parent (self->stack, GTK_WIDGET (self));
}

void
moe_conversation_view_set_document (MoeConversationView *self,
                                    MoeDocument         *document)
{
  g_return_if_fail (MOE_IS_CONVERSATION_VIEW (self));
  g_return_if_fail (self->document == NULL);

  self->document = g_object_ref (document);
  g_signal_connect_object (document, "conversation-changed", G_CALLBACK (on_conversation_changed), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (document, "text-added", G_CALLBACK (on_text_added), self, 0);
  g_signal_connect_object (document, "model-changed", G_CALLBACK (on_model_changed), self, G_CONNECT_SWAPPED);
  on_model_changed (self);
  on_conversation_changed (self);
}
