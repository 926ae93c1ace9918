/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-data-file"

#include "data/moe-data-file.h"

char *
moe_data_file_find (const char *name)
{
  const char *const folders[] = { g_getenv ("MOESCOPE_DATADIR"), MOESCOPE_DATADIR, MOESCOPE_SOURCE_DATADIR };

  g_return_val_if_fail (name != NULL, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (folders); i++)
    {
      g_autofree char *path = folders[i] != NULL ? g_build_filename (folders[i], name, NULL) : NULL;

      if (path != NULL && g_file_test (path, G_FILE_TEST_IS_REGULAR))
        return g_steal_pointer (&path);
    }
  return NULL;
}
