/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-page"

#include "ui/moe-page.h"

#include "data/moe-error.h"
#include "ui/moe-wrap-box.h"

/* Between two readings of a recording that grows. */
#define SCAN_INTERVAL_US G_USEC_PER_SEC
/* Work that is done sooner shows no progress: it would only flicker. */
#define PROGRESS_DELAY_MS 400

typedef struct
{
  MoeDocument     *document;
  guint            tick;
  gboolean         stale;        /* to be refreshed when it is visible again */
  gboolean         scan_stale;   /* the recording is to be read */
  guint            n_waiting;    /* for the recording to be on disk */
  gboolean         flushing;     /* the recording is being brought to the disk for that */
  gint64           scan_start;
  guint            scan_timeout;

  MoeJob          *jobs[MOE_N_PAGE_JOBS];
  MoePageDoneFunc  done[MOE_N_PAGE_JOBS];
  guint            progress_timeout;

  GtkWidget       *bar;
  GtkWidget       *bar_end;
  GtkWidget       *content;
  GtkWidget       *progress_row;
  GtkProgressBar  *progress;
  GtkLabel        *progress_text;
  GtkLabel        *status;
} MoePagePrivate;

static void moe_page_buildable_init (GtkBuildableIface *iface);

G_DEFINE_ABSTRACT_TYPE_WITH_CODE (MoePage, moe_page, GTK_TYPE_WIDGET,
                                  G_ADD_PRIVATE (MoePage)
                                  G_IMPLEMENT_INTERFACE (GTK_TYPE_BUILDABLE, moe_page_buildable_init))

static GtkBuildableIface *parent_buildable_iface;
static guint export_changed_signal;

static MoePagePrivate *
get_private (MoePage *self)
{
  return moe_page_get_instance_private (self);
}

/* --- refreshing --------------------------------------------------------------------------------------- */

static void
refresh (MoePage *self)
{
  get_private (self)->stale = FALSE;
  if (MOE_PAGE_GET_CLASS (self)->refresh != NULL)
    MOE_PAGE_GET_CLASS (self)->refresh (self);
}

static gboolean
on_tick (GtkWidget     *widget,
         GdkFrameClock *clock,
         gpointer       user_data)
{
  get_private (MOE_PAGE (widget))->tick = 0;
  refresh (MOE_PAGE (widget));
  return G_SOURCE_REMOVE;
}

/* Once a frame however much changed; not at all while nobody looks. */
void
moe_page_queue_refresh (MoePage *self)
{
  MoePagePrivate *priv = get_private (self);

  if (!gtk_widget_get_mapped (GTK_WIDGET (self)))
    priv->stale = TRUE;
  else if (priv->tick == 0)
    priv->tick = gtk_widget_add_tick_callback (GTK_WIDGET (self), on_tick, NULL, NULL);
}

/* --- reading the recording ---------------------------------------------------------------------------- */

static void maybe_scan (MoePage *self);

static gboolean
on_scan_timeout (gpointer user_data)
{
  get_private (user_data)->scan_timeout = 0;
  maybe_scan (user_data);
  return G_SOURCE_REMOVE;
}

static void
on_flushed (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  g_autoptr(MoePage) self = user_data;
  MoePagePrivate *priv = get_private (self);
  g_autoptr(GError) error = NULL;
  g_autofree char *path = moe_document_flush_finish (MOE_DOCUMENT (source), result, &error);

  priv->flushing = FALSE;
  /* The window was closed meanwhile. */
  if (priv->document == NULL)
    return;
  if (path != NULL)
    MOE_PAGE_GET_CLASS (self)->rescan (self, path);
  else if (error != NULL)
    moe_page_show_error (self, error->message);
}

static void
maybe_scan (MoePage *self)
{
  MoePagePrivate *priv = get_private (self);
  gint64 now = g_get_monotonic_time ();

  if (!priv->scan_stale || priv->flushing || priv->jobs[MOE_PAGE_SCAN] != NULL || priv->scan_timeout != 0
      || priv->document == NULL || !gtk_widget_get_mapped (GTK_WIDGET (self)))
    return;
  if (priv->scan_start != 0 && now < priv->scan_start + SCAN_INTERVAL_US)
    {
      priv->scan_timeout = g_timeout_add ((guint) ((priv->scan_start + SCAN_INTERVAL_US - now) / 1000) + 1,
                                          on_scan_timeout, self);
      return;
    }
  priv->scan_stale = FALSE;
  if (moe_document_get_n_tokens (priv->document) == 0)
    return;
  priv->scan_start = now;
  priv->flushing = TRUE;
  moe_document_flush_async (priv->document, on_flushed, g_object_ref (self));
}

void
moe_page_queue_rescan (MoePage *self)
{
  g_return_if_fail (MOE_IS_PAGE (self));

  if (MOE_PAGE_GET_CLASS (self)->rescan == NULL)
    return;
  get_private (self)->scan_stale = TRUE;
  maybe_scan (self);
}

void
moe_page_restart_scan (MoePage *self)
{
  MoePagePrivate *priv = get_private (self);

  g_return_if_fail (MOE_IS_PAGE (self));

  g_clear_pointer (&priv->jobs[MOE_PAGE_SCAN], moe_job_abandon);
  g_clear_handle_id (&priv->scan_timeout, g_source_remove);
  priv->scan_start = 0;
  moe_page_queue_rescan (self);
}

/* Another recording: what was read of the one before is of no use, and nobody waits for it. */
static void
on_recording_changed (MoePage *self)
{
  MoePagePrivate *priv = get_private (self);

  g_clear_pointer (&priv->jobs[MOE_PAGE_SCAN], moe_job_abandon);
  priv->scan_start = 0;
  g_clear_handle_id (&priv->scan_timeout, g_source_remove);
  moe_page_queue_refresh (self);
  moe_page_queue_rescan (self);
}

static void
on_tokens_added (MoePage *self)
{
  moe_page_queue_refresh (self);
  moe_page_queue_rescan (self);
}

/* --- work --------------------------------------------------------------------------------------------- */

/* What the person started comes before what goes on by itself. */
static MoeJob *
get_shown_job (MoePagePrivate *priv)
{
  return priv->jobs[MOE_PAGE_WORK] != NULL ? priv->jobs[MOE_PAGE_WORK] : priv->jobs[MOE_PAGE_SCAN];
}

static void
show_progress (MoePage *self)
{
  MoePagePrivate *priv = get_private (self);
  MoeJob *job = get_shown_job (priv);

  if (job == NULL)
    {
      g_clear_handle_id (&priv->progress_timeout, g_source_remove);
      gtk_widget_set_visible (priv->progress_row, FALSE);
    }
  else if (gtk_widget_get_visible (priv->progress_row))
    {
      g_autofree char *text = moe_job_get_text (job);

      gtk_label_set_text (priv->progress_text, text);
      if (moe_job_get_fraction (job) >= 0)
        gtk_progress_bar_set_fraction (priv->progress, moe_job_get_fraction (job));
      else
        gtk_progress_bar_pulse (priv->progress);
    }
}

static gboolean
on_progress_timeout (gpointer user_data)
{
  MoePagePrivate *priv = get_private (user_data);

  priv->progress_timeout = 0;
  gtk_progress_bar_set_fraction (priv->progress, 0);
  gtk_widget_set_visible (priv->progress_row, TRUE);
  show_progress (user_data);
  return G_SOURCE_REMOVE;
}

static void
on_done (MoeJob       *job,
         gpointer      result,
         const GError *error,
         gpointer      user_data)
{
  MoePage *self = user_data;
  MoePagePrivate *priv = get_private (self);
  MoePageJob kind = job == priv->jobs[MOE_PAGE_SCAN] ? MOE_PAGE_SCAN : MOE_PAGE_WORK;

  g_clear_object (&priv->jobs[kind]);
  show_progress (self);
  if (error == NULL)
    priv->done[kind] (self, result);
  else if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    moe_page_show_error (self, error->message);
  moe_page_export_changed (self);
  maybe_scan (self);
}

void
moe_page_run (MoePage         *self,
              MoePageJob       kind,
              const char      *title,
              MoeJobFunc       func,
              gpointer         data,
              GDestroyNotify   free_data,
              GDestroyNotify   free_result,
              MoePageDoneFunc  done)
{
  MoePagePrivate *priv = get_private (self);

  g_return_if_fail (MOE_IS_PAGE (self));

  g_clear_pointer (&priv->jobs[kind], moe_job_abandon);
  priv->done[kind] = done;
  priv->jobs[kind] = moe_job_start (title, func, data, free_data, free_result, on_done, self);
  g_signal_connect_object (priv->jobs[kind], "changed", G_CALLBACK (show_progress), self, G_CONNECT_SWAPPED);
  if (!gtk_widget_get_visible (priv->progress_row) && priv->progress_timeout == 0)
    priv->progress_timeout = g_timeout_add (PROGRESS_DELAY_MS, on_progress_timeout, self);
}

typedef struct
{
  MoePage         *page;
  MoePagePathFunc  func;
  gpointer         data;
  GDestroyNotify   free_data;
} Waiting;

static void
on_recording_ready (GObject      *source,
                    GAsyncResult *result,
                    gpointer      user_data)
{
  Waiting *waiting = user_data;
  MoePagePrivate *priv = get_private (waiting->page);
  g_autoptr(GError) error = NULL;
  g_autofree char *path = moe_document_flush_finish (MOE_DOCUMENT (source), result, &error);

  priv->n_waiting--;
  if (path != NULL && priv->document != NULL)
    waiting->func (waiting->page, path, g_steal_pointer (&waiting->data));
  else if (error != NULL && priv->document != NULL)
    moe_page_show_error (waiting->page, error->message);
  if (waiting->data != NULL && waiting->free_data != NULL)
    waiting->free_data (waiting->data);
  g_object_unref (waiting->page);
  g_free (waiting);
}

void
moe_page_with_recording (MoePage         *self,
                         MoePagePathFunc  func,
                         gpointer         data,
                         GDestroyNotify   free_data)
{
  MoePagePrivate *priv = get_private (self);
  Waiting *waiting = g_new (Waiting, 1);

  *waiting = (Waiting) { g_object_ref (self), func, data, free_data };
  priv->n_waiting++;
  moe_document_flush_async (priv->document, on_recording_ready, waiting);
}

gboolean
moe_page_is_running (MoePage    *self,
                     MoePageJob  kind)
{
  return get_private (self)->jobs[kind] != NULL;
}

void
moe_page_cancel (MoePage    *self,
                 MoePageJob  kind)
{
  if (get_private (self)->jobs[kind] != NULL)
    moe_job_cancel (get_private (self)->jobs[kind]);
}

static void
on_cancel (MoePage *self)
{
  MoeJob *job = get_shown_job (get_private (self));

  if (job != NULL)
    moe_job_cancel (job);
}

gboolean
moe_page_is_busy (MoePage *self)
{
  MoePagePrivate *priv = get_private (self);

  return priv->jobs[MOE_PAGE_SCAN] != NULL || priv->jobs[MOE_PAGE_WORK] != NULL || priv->flushing
         || priv->n_waiting > 0
         || (priv->scan_stale && gtk_widget_get_mapped (GTK_WIDGET (self))
             && moe_document_get_n_tokens (priv->document) > 0);
}

/* --- what all pages have ------------------------------------------------------------------------------ */

const char *
moe_page_get_name (MoePage *self)
{
  return MOE_PAGE_GET_CLASS (self)->name;
}

const char *
moe_page_get_title (MoePage *self)
{
  return MOE_PAGE_GET_CLASS (self)->title;
}

MoeDocument *
moe_page_get_document (MoePage *self)
{
  return get_private (self)->document;
}

void
moe_page_set_status (MoePage    *self,
                     const char *text)
{
  /* A space keeps the line's height. */
  gtk_label_set_text (get_private (self)->status, text != NULL && *text != '\0' ? text : " ");
}

void
moe_page_show_error (MoePage    *self,
                     const char *message)
{
  gtk_widget_activate_action (GTK_WIDGET (self), "win.show-error", "s", message);
}

MoeExport *
moe_page_get_export (MoePage *self)
{
  MoePageClass *klass = MOE_PAGE_GET_CLASS (self);

  return klass->get_export != NULL ? klass->get_export (self) : NULL;
}

void
moe_page_export_changed (MoePage *self)
{
  g_signal_emit (self, export_changed_signal, 0);
}

void
moe_page_reset_zoom (MoePage *self)
{
  if (MOE_PAGE_GET_CLASS (self)->reset_zoom != NULL)
    MOE_PAGE_GET_CLASS (self)->reset_zoom (self);
}

gboolean
moe_page_set_option (MoePage     *self,
                     const char  *name,
                     const char  *value,
                     GError     **error)
{
  MoePageClass *klass = MOE_PAGE_GET_CLASS (self);

  if (klass->set_option != NULL)
    return klass->set_option (self, name, value, error);
  g_set_error (error, MOE_ERROR, MOE_ERROR_INVALID, "the page %s has no option %s", klass->title, name);
  return FALSE;
}

void
moe_page_set_document (MoePage     *self,
                       MoeDocument *document)
{
  static const char *const signals[] = {
    "model-changed", "selection-changed", "mask-changed", "phases-changed",
  };
  MoePagePrivate *priv = get_private (self);

  g_return_if_fail (MOE_IS_PAGE (self));
  g_return_if_fail (priv->document == NULL);

  priv->document = g_object_ref (document);
  g_signal_connect_object (document, "recording-changed", G_CALLBACK (on_recording_changed), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (document, "tokens-added", G_CALLBACK (on_tokens_added), self, G_CONNECT_SWAPPED);
  for (guint i = 0; i < G_N_ELEMENTS (signals); i++)
    g_signal_connect_object (document, signals[i], G_CALLBACK (moe_page_queue_refresh), self,
                             G_CONNECT_SWAPPED);
  if (MOE_PAGE_GET_CLASS (self)->connect != NULL)
    MOE_PAGE_GET_CLASS (self)->connect (self);
  refresh (self);
  moe_page_queue_rescan (self);
}

/* --- class -------------------------------------------------------------------------------------------- */

static void
moe_page_map (GtkWidget *widget)
{
  MoePage *self = MOE_PAGE (widget);
  MoePagePrivate *priv = get_private (self);

  GTK_WIDGET_CLASS (moe_page_parent_class)->map (widget);
  if (priv->stale && priv->document != NULL)
    refresh (self);
  maybe_scan (self);
}

static void
moe_page_dispose (GObject *object)
{
  MoePage *self = MOE_PAGE (object);
  MoePagePrivate *priv = get_private (self);
  GtkWidget *child;

  for (guint i = 0; i < MOE_N_PAGE_JOBS; i++)
    g_clear_pointer (&priv->jobs[i], moe_job_abandon);
  g_clear_handle_id (&priv->scan_timeout, g_source_remove);
  g_clear_handle_id (&priv->progress_timeout, g_source_remove);
  if (priv->tick != 0)
    gtk_widget_remove_tick_callback (GTK_WIDGET (self), priv->tick);
  priv->tick = 0;
  g_clear_object (&priv->document);
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self))) != NULL)
    gtk_widget_unparent (child);

  G_OBJECT_CLASS (moe_page_parent_class)->dispose (object);
}

static void
moe_page_class_init (MoePageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = moe_page_dispose;
  widget_class->map = moe_page_map;
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BOX_LAYOUT);

  export_changed_signal = g_signal_new ("export-changed", MOE_TYPE_PAGE, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                        NULL, G_TYPE_NONE, 0);
}

static GMenuModel *
make_export_menu (void)
{
  static const struct { const char *label, *action; } items[] = {
    { "CSV, Long…", "win.export-csv" },
    { "CSV, a Row per Layer…", "win.export-csv-wide" },
    { "JSON…", "win.export-json" },
    { NULL },
    { "SVG…", "win.export-svg" },
    { "PDF…", "win.export-pdf" },
    { "PNG…", "win.export-png" },
    { NULL },
    { "Copy as Command", "win.copy-command" },
    { NULL },
  };
  GMenu *menu = g_menu_new ();
  GMenu *section = g_menu_new ();

  for (guint i = 0; i < G_N_ELEMENTS (items); i++)
    {
      if (items[i].label == NULL)
        {
          g_menu_append_section (menu, NULL, G_MENU_MODEL (section));
          g_object_unref (section);
          section = g_menu_new ();
        }
      else
        {
          g_autoptr(GMenuItem) item = g_menu_item_new (items[i].label, NULL);

          if (g_str_equal (items[i].action, "win.copy-command"))
            g_menu_item_set_detailed_action (item, items[i].action);
          else
            g_menu_item_set_action_and_target (item, items[i].action, "s", "");
          g_menu_append_item (section, item);
        }
    }
  g_object_unref (section);
  return G_MENU_MODEL (menu);
}

static void
add_bar_end (MoePage *self)
{
  MoePagePrivate *priv = get_private (self);
  MoePageClass *klass = MOE_PAGE_GET_CLASS (self);
  GtkWidget *spring = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 0);

  priv->bar_end = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);
  gtk_widget_set_hexpand (spring, TRUE);
  gtk_box_append (GTK_BOX (priv->bar_end), spring);
  gtk_widget_set_hexpand (priv->bar_end, TRUE);
  if (klass->reset_zoom != NULL)
    {
      GtkWidget *button = gtk_button_new_from_icon_name ("zoom-fit-best-symbolic");

      gtk_widget_set_tooltip_text (button, "Show All (Home)");
      gtk_accessible_update_property (GTK_ACCESSIBLE (button), GTK_ACCESSIBLE_PROPERTY_LABEL, "Show All", -1);
      gtk_actionable_set_action_name (GTK_ACTIONABLE (button), "win.reset-zoom");
      gtk_widget_add_css_class (button, "flat");
      gtk_box_append (GTK_BOX (priv->bar_end), button);
    }
  if (klass->get_export != NULL)
    {
      g_autoptr(GMenuModel) menu = make_export_menu ();
      GtkWidget *button = gtk_menu_button_new ();

      gtk_menu_button_set_label (GTK_MENU_BUTTON (button), "_Export");
      gtk_menu_button_set_use_underline (GTK_MENU_BUTTON (button), TRUE);
      gtk_menu_button_set_menu_model (GTK_MENU_BUTTON (button), menu);
      gtk_widget_set_tooltip_text (button, "Save What the Page Shows");
      gtk_box_append (GTK_BOX (priv->bar_end), button);
    }
  gtk_widget_set_parent (priv->bar_end, priv->bar);
}

static void
add_progress (MoePage *self)
{
  MoePagePrivate *priv = get_private (self);
  GtkWidget *cancel = gtk_button_new_with_mnemonic ("_Cancel");

  priv->progress_row = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 12);
  gtk_widget_add_css_class (priv->progress_row, "page-progress");
  gtk_widget_set_visible (priv->progress_row, FALSE);
  priv->progress_text = GTK_LABEL (gtk_label_new (NULL));
  gtk_label_set_xalign (priv->progress_text, 0);
  gtk_label_set_ellipsize (priv->progress_text, PANGO_ELLIPSIZE_END);
  gtk_widget_set_hexpand (GTK_WIDGET (priv->progress_text), TRUE);
  priv->progress = GTK_PROGRESS_BAR (gtk_progress_bar_new ());
  gtk_widget_set_valign (GTK_WIDGET (priv->progress), GTK_ALIGN_CENTER);
  gtk_widget_set_size_request (GTK_WIDGET (priv->progress), 240, -1);
  gtk_accessible_update_property (GTK_ACCESSIBLE (priv->progress), GTK_ACCESSIBLE_PROPERTY_LABEL, "Progress",
                                  -1);
  g_signal_connect_swapped (cancel, "clicked", G_CALLBACK (on_cancel), self);
  gtk_box_append (GTK_BOX (priv->progress_row), GTK_WIDGET (priv->progress_text));
  gtk_box_append (GTK_BOX (priv->progress_row), GTK_WIDGET (priv->progress));
  gtk_box_append (GTK_BOX (priv->progress_row), cancel);
  gtk_widget_set_parent (priv->progress_row, GTK_WIDGET (self));
}

static void
moe_page_init (MoePage *self)
{
  MoePagePrivate *priv = get_private (self);

  gtk_orientable_set_orientation (GTK_ORIENTABLE (gtk_widget_get_layout_manager (GTK_WIDGET (self))),
                                  GTK_ORIENTATION_VERTICAL);
  priv->bar = moe_wrap_box_new ();
  gtk_widget_add_css_class (priv->bar, "page-bar");
  gtk_widget_set_visible (priv->bar, FALSE);
  gtk_widget_set_parent (priv->bar, GTK_WIDGET (self));

  priv->content = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0);
  gtk_widget_set_vexpand (priv->content, TRUE);
  gtk_widget_set_parent (priv->content, GTK_WIDGET (self));

  add_progress (self);
  priv->status = GTK_LABEL (gtk_label_new (" "));
  gtk_label_set_xalign (priv->status, 0);
  gtk_label_set_ellipsize (priv->status, PANGO_ELLIPSIZE_END);
  gtk_widget_add_css_class (GTK_WIDGET (priv->status), "status");
  gtk_widget_add_css_class (GTK_WIDGET (priv->status), "numeric");
  gtk_widget_set_parent (GTK_WIDGET (priv->status), GTK_WIDGET (self));
}

/* The end of the bar depends on the class, which is not known yet when the page itself is set up. */
static void
moe_page_add_child (GtkBuildable *buildable,
                    GtkBuilder   *builder,
                    GObject      *child,
                    const char   *type)
{
  MoePage *self = MOE_PAGE (buildable);
  MoePagePrivate *priv = get_private (self);

  if (!GTK_IS_WIDGET (child))
    parent_buildable_iface->add_child (buildable, builder, child, type);
  else if (g_strcmp0 (type, "bar") == 0)
    {
      if (priv->bar_end == NULL)
        add_bar_end (self);
      gtk_widget_set_visible (priv->bar, TRUE);
      gtk_widget_insert_before (GTK_WIDGET (child), priv->bar, priv->bar_end);
    }
  else
    gtk_box_append (GTK_BOX (priv->content), GTK_WIDGET (child));
}

static void
moe_page_buildable_init (GtkBuildableIface *iface)
{
  parent_buildable_iface = g_type_interface_peek_parent (iface);
  iface->add_child = moe_page_add_child;
}
