/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moescope"

#include "data/moe-mapped-file.h"
#include "ui/moe-application.h"

static int
on_local_options (GApplication *application,
                  GVariantDict *options,
                  gpointer      user_data)
{
  if (g_variant_dict_contains (options, "version"))
    {
      g_print ("moescope %s\n", MOE_VERSION);
      return 0;
    }
  return -1;
}

int
main (int    argc,
      char **argv)
{
  g_autoptr(MoeApplication) application = NULL;

  g_set_prgname ("moescope");
  g_set_application_name ("Moescope");
  moe_mapped_file_explain_faults ("moescope");
  application = moe_application_new ();
  g_signal_connect (application, "handle-local-options", G_CALLBACK (on_local_options), NULL);
  return g_application_run (G_APPLICATION (application), argc, argv);
}
