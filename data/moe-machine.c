/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-machine"

#include "data/moe-machine.h"

#include <string.h>
#include <unistd.h>

/* The number in @folder/@name; "max" and what can't be read say nothing. */
static guint64
read_bytes (const char *folder,
            const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL), *text = NULL;
  guint64 bytes;

  if (!g_file_get_contents (path, &text, NULL, NULL) ||
      !g_ascii_string_to_unsigned (g_strstrip (text), 10, 0, G_MAXUINT64, &bytes, NULL))
    return G_MAXUINT64;
  return bytes;
}

/* The least limit of the group @path below @mount and of those that it is in: each of them binds. */
static guint64
read_groups (const char *mount,
             const char *path,
             const char *name)
{
  g_autofree char *group = g_strdup (path);
  guint64 least = read_bytes (mount, name);

  while (strlen (group) > 1)
    {
      g_autofree char *folder = g_build_filename (mount, group, NULL);
      g_autofree char *child = group;

      least = MIN (least, read_bytes (folder, name));
      group = g_path_get_dirname (child);
      if (g_str_equal (group, "."))
        break;
    }
  return least;
}

guint64
moe_machine_read_limit (const char *root,
                        const char *membership)
{
  g_auto(GStrv) lines = NULL;
  guint64 least = G_MAXUINT64;

  g_return_val_if_fail (root != NULL && membership != NULL, G_MAXUINT64);

  /* Each line is "number:controllers:path"; the second version has one line, without controllers. */
  lines = g_strsplit (membership, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    {
      g_auto(GStrv) parts = g_strsplit (lines[i], ":", 3);
      g_auto(GStrv) controllers = NULL;

      if (g_strv_length (parts) != 3 || strstr (parts[2], "..") != NULL)
        continue;
      controllers = g_strsplit (parts[1], ",", -1);
      if (g_strv_contains ((const char *const *) controllers, "memory"))
        {
          g_autofree char *mount = g_build_filename (root, "memory", NULL);

          least = MIN (least, read_groups (mount, parts[2], "memory.limit_in_bytes"));
        }
      else if (*parts[1] == '\0')
        least = MIN (least, read_groups (root, parts[2], "memory.max"));
    }
  return least;
}

guint64
moe_machine_get_memory (void)
{
  guint64 physical = (guint64) sysconf (_SC_PHYS_PAGES) * (guint64) sysconf (_SC_PAGESIZE);
  g_autofree char *membership = NULL;

  if (!g_file_get_contents ("/proc/self/cgroup", &membership, NULL, NULL))
    return physical;
  return MIN (physical, moe_machine_read_limit ("/sys/fs/cgroup", membership));
}
