/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-prompt-chooser"

#include "ui/moe-prompt-chooser.h"

#include <string.h>

#include "ui/moe-file-dialog.h"

/* A folder with more files than this is not the prompt sets of a model. */
#define MAX_FILES 200

struct _MoePromptChooser
{
  GtkWidget      parent_instance;

  const char    *kind;     /* name of the folder */
  const char    *none;     /* what the first entry is called */
  char          *folder;   /* beside the model, or NULL */
  GPtrArray     *paths;    /* of the entries after the first ("None") and before the last ("Other File…") */
  GtkStringList *names;
  GtkDropDown   *drop_down;
  guint          chosen;   /* entry */
  char          *title;    /* or NULL */
  gboolean       filling;
};

G_DEFINE_FINAL_TYPE (MoePromptChooser, moe_prompt_chooser, GTK_TYPE_WIDGET)

static guint changed_signal;

static void
choose (MoePromptChooser *self,
        guint             entry)
{
  self->chosen = entry;
  gtk_drop_down_set_selected (self->drop_down, entry);
}

static gboolean
is_prompt_set (const char *name)
{
  return g_str_has_suffix (name, ".csv") || g_str_has_suffix (name, ".jsonl") ||
         g_str_has_suffix (name, ".txt");
}

static int
compare_paths (gconstpointer a,
               gconstpointer b)
{
  return g_strcmp0 (*(const char *const *) a, *(const char *const *) b);
}

/* The prompt sets in a folder in the order of their names, then those in the folders inside it. */
static void
add_folder (MoePromptChooser *self,
            const char       *folder,
            gboolean          inside)
{
  g_autoptr(GDir) dir = g_dir_open (folder, 0, NULL);
  g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func (g_free);
  g_autoptr(GPtrArray) folders = g_ptr_array_new_with_free_func (g_free);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      char *path = g_build_filename (folder, name, NULL);

      if (is_prompt_set (name) && files->len < MAX_FILES)
        g_ptr_array_add (files, path);
      else if (!inside && folders->len < MAX_FILES && g_file_test (path, G_FILE_TEST_IS_DIR))
        g_ptr_array_add (folders, path);
      else
        g_free (path);
    }
  g_ptr_array_sort (files, compare_paths);
  g_ptr_array_sort (folders, compare_paths);
  for (guint i = 0; i < files->len && self->paths->len < MAX_FILES; i++)
    g_ptr_array_add (self->paths, g_strdup (g_ptr_array_index (files, i)));
  for (guint i = 0; i < folders->len; i++)
    add_folder (self, g_ptr_array_index (folders, i), TRUE);
}

/* "harmful.csv", "domains/prose.csv", or the base name of a file from elsewhere. Transfer full. */
static char *
get_name (MoePromptChooser *self,
          const char       *path)
{
  gsize length = self->folder != NULL ? strlen (self->folder) : 0;

  if (length > 0 && g_str_has_prefix (path, self->folder) && path[length] == G_DIR_SEPARATOR)
    return g_strdup (path + length + 1);
  return g_path_get_basename (path);
}

static void
fill (MoePromptChooser *self)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func (g_free);

  g_ptr_array_add (names, g_strdup (self->none));
  for (guint i = 0; i < self->paths->len; i++)
    g_ptr_array_add (names, get_name (self, g_ptr_array_index (self->paths, i)));
  g_ptr_array_add (names, g_strdup ("Other File…"));
  g_ptr_array_add (names, NULL);
  self->filling = TRUE;
  gtk_string_list_splice (self->names, 0, g_list_model_get_n_items (G_LIST_MODEL (self->names)),
                          (const char *const *) names->pdata);
  self->filling = FALSE;
}

static void
on_file (const char *path,
         gpointer    user_data)
{
  moe_prompt_chooser_set_path (user_data, path);
  g_signal_emit (user_data, changed_signal, 0);
}

static void
on_selected (MoePromptChooser *self)
{
  guint entry = gtk_drop_down_get_selected (self->drop_down);

  if (self->filling || entry == GTK_INVALID_LIST_POSITION || entry == self->chosen)
    return;
  if (entry == self->paths->len + 1)
    {
      /* The choice stays what it was until a file has been chosen. */
      choose (self, self->chosen);
      moe_file_dialog_open (GTK_WINDOW (gtk_widget_get_root (GTK_WIDGET (self))),
                            self->title != NULL ? self->title : "Choose a Prompt Set", NULL, on_file, self);
      return;
    }
  self->chosen = entry;
  g_signal_emit (self, changed_signal, 0);
}

void
moe_prompt_chooser_set_kind (MoePromptChooser *self,
                             const char       *folder,
                             const char       *none)
{
  g_return_if_fail (MOE_IS_PROMPT_CHOOSER (self) && folder != NULL && none != NULL);

  self->kind = folder;
  self->none = none;
  fill (self);
  choose (self, 0);
}

void
moe_prompt_chooser_set_model (MoePromptChooser *self,
                              const char       *model_path)
{
  g_autofree char *beside = NULL;
  g_autofree char *folder = NULL;

  g_return_if_fail (MOE_IS_PROMPT_CHOOSER (self));

  if (model_path != NULL)
    {
      beside = g_path_get_dirname (model_path);
      folder = g_build_filename (beside, self->kind, NULL);
    }
  if (g_strcmp0 (folder, self->folder) == 0)
    return;
  g_free (self->folder);
  self->folder = g_steal_pointer (&folder);
  g_ptr_array_set_size (self->paths, 0);
  if (self->folder != NULL)
    add_folder (self, self->folder, FALSE);
  fill (self);
  choose (self, 0);
}

void
moe_prompt_chooser_set_path (MoePromptChooser *self,
                             const char       *path)
{
  guint entry = 0;

  g_return_if_fail (MOE_IS_PROMPT_CHOOSER (self));

  for (guint i = 0; path != NULL && i < self->paths->len; i++)
    if (g_str_equal (g_ptr_array_index (self->paths, i), path))
      entry = i + 1;
  if (path != NULL && entry == 0)
    {
      g_ptr_array_add (self->paths, g_strdup (path));
      fill (self);
      entry = self->paths->len;
    }
  choose (self, entry);
}

const char *
moe_prompt_chooser_get_path (MoePromptChooser *self)
{
  g_return_val_if_fail (MOE_IS_PROMPT_CHOOSER (self), NULL);

  return self->chosen > 0 ? g_ptr_array_index (self->paths, self->chosen - 1) : NULL;
}

void
moe_prompt_chooser_prefer (MoePromptChooser *self,
                           const char       *name)
{
  g_autofree char *path = NULL;

  g_return_if_fail (MOE_IS_PROMPT_CHOOSER (self) && name != NULL);

  if (self->folder == NULL)
    return;
  path = g_build_filename (self->folder, name, NULL);
  for (guint i = 0; i < self->paths->len; i++)
    if (g_str_equal (g_ptr_array_index (self->paths, i), path))
      choose (self, i + 1);
}

void
moe_prompt_chooser_set_title (MoePromptChooser *self,
                              const char       *title)
{
  g_return_if_fail (MOE_IS_PROMPT_CHOOSER (self));

  g_free (self->title);
  self->title = g_strdup (title);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->drop_down), title);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->drop_down), GTK_ACCESSIBLE_PROPERTY_LABEL, title, -1);
}

static void
moe_prompt_chooser_dispose (GObject *object)
{
  MoePromptChooser *self = MOE_PROMPT_CHOOSER (object);

  if (self->drop_down != NULL)
    gtk_widget_unparent (GTK_WIDGET (self->drop_down));
  self->drop_down = NULL;
  g_clear_object (&self->names);

  G_OBJECT_CLASS (moe_prompt_chooser_parent_class)->dispose (object);
}

static void
moe_prompt_chooser_finalize (GObject *object)
{
  MoePromptChooser *self = MOE_PROMPT_CHOOSER (object);

  g_ptr_array_unref (self->paths);
  g_free (self->folder);
  g_free (self->title);

  G_OBJECT_CLASS (moe_prompt_chooser_parent_class)->finalize (object);
}

static void
moe_prompt_chooser_class_init (MoePromptChooserClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = moe_prompt_chooser_dispose;
  G_OBJECT_CLASS (klass)->finalize = moe_prompt_chooser_finalize;
  changed_signal = g_signal_new ("changed", MOE_TYPE_PROMPT_CHOOSER, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                 G_TYPE_NONE, 0);
  gtk_widget_class_set_layout_manager_type (GTK_WIDGET_CLASS (klass), GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_css_name (GTK_WIDGET_CLASS (klass), "prompt-chooser");
}

static void
moe_prompt_chooser_init (MoePromptChooser *self)
{
  self->kind = "prompts";
  self->none = "None";
  self->paths = g_ptr_array_new_with_free_func (g_free);
  self->names = gtk_string_list_new (NULL);
  self->drop_down = GTK_DROP_DOWN (gtk_drop_down_new (G_LIST_MODEL (g_object_ref (self->names)), NULL));
  gtk_widget_set_parent (GTK_WIDGET (self->drop_down), GTK_WIDGET (self));
  fill (self);
  choose (self, 0);
  g_signal_connect_object (self->drop_down, "notify::selected", G_CALLBACK (on_selected), self,
                           G_CONNECT_SWAPPED);
}
