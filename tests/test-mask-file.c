/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-mask-file"

#include "data/moe-mask-file.h"

#include <string.h>

#include "data/moe-error.h"

/* What a mask file may hold, and what is said of the others. */

#define FINGERPRINT "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

#define MODEL "\"model\":{\"name\":\"m\",\"architecture\":\"a\",\"fingerprint\":\"" FINGERPRINT "\"," \
  "\"layers\":4,\"experts\":8,\"experts_used\":2}"
#define HEAD "{\"format\":\"moescope-mask\",\"version\":1,"
#define ONE(members) HEAD MODEL ",\"interventions\":[{" members "}]}"

static const struct
{
  const char *json;
  MoeError    code;
  const char *fragment; /* NULL when it is a good file */
} files[] = {
  { ONE ("\"layer\":0,\"expert\":0,\"action\":\"disable\""), 0, NULL },
  { ONE ("\"layer\":3,\"expert\":\"*\",\"action\":\"bias\",\"value\":1"), 0, NULL },
  { ONE ("\"layer\":3,\"expert\":-1,\"action\":\"disable\""), 0, NULL },
  { "", MOE_ERROR_FORMAT, "is not a mask file" },
  { "[]", MOE_ERROR_FORMAT, "is not one JSON object" },
  { "{\n  \"format\": oops\n}", MOE_ERROR_FORMAT, "line 2, column" },
  { "{\"format\":\"moescope-mask\"", MOE_ERROR_FORMAT, "line 1, column" },
  { "{} {}", MOE_ERROR_FORMAT, "something follows the end" },
  { "{\"format\":\"moescope-mask\",\"format\":\"moescope-mask\"}", MOE_ERROR_FORMAT,
    "two members of the same name" },
  { ONE ("\"layer\":1,\"layer\":1,\"expert\":0,\"action\":\"disable\""), MOE_ERROR_FORMAT, "two members" },
  { "\xff", MOE_ERROR_FORMAT, "is not UTF-8 text" },
  { "{}", MOE_ERROR_FORMAT, "is not a mask file: \"format\"" },
  { "{\"format\":7}", MOE_ERROR_FORMAT, "is not a mask file: \"format\"" },
  { "{\"format\":\"other\",\"version\":1}", MOE_ERROR_FORMAT, "is not a mask file: \"format\"" },
  { "{\"format\":\"moescope-mask\"}", MOE_ERROR_FORMAT, "\"version\" is missing" },
  { "{\"format\":\"moescope-mask\",\"version\":\"1\"}", MOE_ERROR_FORMAT,
    "\"version\" is not a whole number" },
  { "{\"format\":\"moescope-mask\",\"version\":0}", MOE_ERROR_FORMAT, "\"version\" is 0" },
  { "{\"format\":\"moescope-mask\",\"version\":2,\"new\":1}", MOE_ERROR_UNSUPPORTED,
    "version 2, newer than the 1" },
  { HEAD "\"colour\":1," MODEL ",\"interventions\":[]}", MOE_ERROR_FORMAT,
    "has the unknown member \"colour\"" },
  { HEAD "\"interventions\":[]}", MOE_ERROR_FORMAT, "\"model\" is missing" },
  { HEAD "\"model\":[],\"interventions\":[]}", MOE_ERROR_FORMAT, "\"model\" is not an object" },
  { HEAD "\"model\":{},\"interventions\":[]}", MOE_ERROR_FORMAT, "model: \"name\" is missing" },
  { HEAD "\"model\":{\"name\":\"m\",\"architecture\":\"a\",\"fingerprint\":\"12\",\"layers\":4,\"experts\":8,"
    "\"experts_used\":2},\"interventions\":[]}", MOE_ERROR_FORMAT,
    "\"fingerprint\" is not 64 hexadecimal digits" },
  { HEAD "\"model\":{\"name\":\"m\",\"architecture\":\"a\",\"fingerprint\":\"" FINGERPRINT "\",\"layers\":-4,"
    "\"experts\":8,\"experts_used\":2},\"interventions\":[]}", MOE_ERROR_FORMAT, "\"layers\" is -4" },
  { HEAD "\"model\":{\"name\":\"m\",\"architecture\":\"a\",\"fingerprint\":\"" FINGERPRINT "\",\"layers\":4,"
    "\"experts\":8,\"experts_used\":9},\"interventions\":[]}", MOE_ERROR_FORMAT,
    "\"experts_used\" is 9, not from 1" },
  { HEAD MODEL "}", MOE_ERROR_FORMAT, "\"interventions\" is missing" },
  { HEAD MODEL ",\"interventions\":{}}", MOE_ERROR_FORMAT, "\"interventions\" is not an array" },
  { HEAD MODEL ",\"interventions\":[7]}", MOE_ERROR_FORMAT, "intervention 1: is not an object" },
  { ONE ("\"expert\":0,\"action\":\"disable\""), MOE_ERROR_FORMAT, "intervention 1: \"layer\" is missing" },
  { ONE ("\"layer\":4,\"expert\":0,\"action\":\"disable\""), MOE_ERROR_FORMAT,
    "\"layer\" is 4, not from 0 to 3" },
  { ONE ("\"layer\":1.5,\"expert\":0,\"action\":\"disable\""), MOE_ERROR_FORMAT,
    "\"layer\" is not a whole number" },
  { ONE ("\"layer\":1,\"expert\":8,\"action\":\"disable\""), MOE_ERROR_FORMAT,
    "\"expert\" is 8, not from -1 to 7" },
  { ONE ("\"layer\":1,\"expert\":-2,\"action\":\"disable\""), MOE_ERROR_FORMAT, "\"expert\" is -2" },
  { ONE ("\"layer\":1,\"expert\":\"all\",\"action\":\"disable\""), MOE_ERROR_FORMAT,
    "neither a number nor \"*\"" },
  { ONE ("\"layer\":1,\"expert\":null,\"action\":\"disable\""), MOE_ERROR_FORMAT,
    "\"expert\" is not a whole number" },
  { ONE ("\"layer\":1,\"expert\":1"), MOE_ERROR_FORMAT, "\"action\" is missing" },
  { ONE ("\"layer\":1,\"expert\":1,\"action\":\"twist\""), MOE_ERROR_FORMAT,
    "the action \"twist\" is unknown" },
  { ONE ("\"layer\":1,\"expert\":1,\"action\":\"disable\",\"mode\":\"median\""), MOE_ERROR_FORMAT,
    "disable has no mode \"median\"" },
  { ONE ("\"layer\":\"*\",\"action\":\"router\",\"mode\":\"random\",\"value\":3"), 0, NULL },
  { ONE ("\"layer\":1,\"expert\":1,\"action\":\"router\",\"mode\":\"random\",\"value\":3"), MOE_ERROR_FORMAT,
    "a router has no expert" },
  { ONE ("\"layer\":1,\"action\":\"router\",\"value\":3"), MOE_ERROR_FORMAT, "\"mode\" is missing" },
  { ONE ("\"layer\":1,\"action\":\"router\",\"mode\":\"random\""), MOE_ERROR_FORMAT, "\"value\" is missing" },
  { ONE ("\"layer\":\"all\",\"expert\":1,\"action\":\"disable\""), MOE_ERROR_FORMAT,
    "\"layer\" is not a whole number" },
  { ONE ("\"layer\":1,\"expert\":1,\"action\":\"disable\",\"mode\":\"mean\",\"mean\":\"AACAPwAAAEA=\""), 0,
    NULL },
  { ONE ("\"layer\":1,\"expert\":1,\"action\":\"disable\",\"mode\":\"mean\",\"mean\":\"AACAPwA=\""),
    MOE_ERROR_FORMAT, "is not as many numbers" },
  { ONE ("\"layer\":1,\"expert\":1,\"action\":\"disable\",\"mode\":\"mean\",\"mean\":\"\""),
    MOE_ERROR_FORMAT, "is not as many numbers" },
  { ONE ("\"layer\":1,\"expert\":1,\"action\":\"disable\",\"mode\":\"mean\",\"mean\":\"AACAfw==\""),
    MOE_ERROR_FORMAT, "holds a number that is not finite" },
  { ONE ("\"layer\":1,\"expert\":1,\"action\":\"disable\",\"mode\":\"zero\",\"mean\":\"AACAPw==\""),
    MOE_ERROR_FORMAT, "only an expert disabled by mean has a mean" },
  { ONE ("\"layer\":1,\"expert\":1,\"action\":\"disable\",\"value\":1"), MOE_ERROR_FORMAT,
    "disable has no value" },
  { ONE ("\"layer\":1,\"expert\":1,\"action\":\"bias\",\"mode\":\"max\",\"value\":1"), MOE_ERROR_FORMAT,
    "bias has no mode" },
  { ONE ("\"layer\":1,\"expert\":1,\"action\":\"bias\""), MOE_ERROR_FORMAT, "\"value\" is missing" },
  { ONE ("\"layer\":1,\"expert\":1,\"action\":\"bias\",\"value\":\"1\""), MOE_ERROR_FORMAT,
    "\"value\" is not a number" },
  { ONE ("\"layer\":1,\"expert\":1,\"action\":\"bias\",\"value\":1e300"), MOE_ERROR_FORMAT,
    "not a finite number" },
  { ONE ("\"layer\":1,\"expert\":1,\"action\":\"disable\",\"phase\":\"thinking\""), MOE_ERROR_FORMAT,
    "the phase \"thinking\" is not prompt, answer or both" },
  { ONE ("\"layer\":1,\"expert\":1,\"action\":\"disable\",\"from_token\":-1"), MOE_ERROR_FORMAT,
    "\"from_token\" is -1" },
  { ONE ("\"layer\":1,\"expert\":1,\"action\":\"disable\",\"until\":9"), MOE_ERROR_FORMAT,
    "intervention 1: has the unknown member \"until\"" },
  { HEAD MODEL ",\"interventions\":[{\"layer\":1,\"expert\":1,\"action\":\"disable\"},"
    "{\"layer\":1,\"expert\":1,\"action\":\"disable\",\"mode\":\"zero\"}]}", MOE_ERROR_FORMAT,
    "names an expert twice" },
  { "[[[[[[[[[[[[[[[[[[[[[[", MOE_ERROR_FORMAT, "nests more than 16 deep" },
};

static void
test_files (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (MoeMask) mask = moe_mask_from_json (files[i].json, -1, NULL, &error);

      g_test_message ("%s", error != NULL ? error->message : "good");
      if (files[i].fragment == NULL)
        {
          g_assert_no_error (error);
          g_assert_cmpuint (moe_mask_get_n (mask), ==, 1);
        }
      else
        {
          g_assert_null (mask);
          g_assert_error (error, MOE_ERROR, (int) files[i].code);
          g_assert_nonnull (strstr (error->message, files[i].fragment));
        }
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mask-file/files", test_files);
  return g_test_run ();
}
