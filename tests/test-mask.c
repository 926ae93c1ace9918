/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "test-mask"

#include "data/moe-mask-file.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "data/moe-error.h"

#define FINGERPRINT "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* Layers 1 and 3 of 4 are MoE layers of 8 experts, 2 used, and one shared expert. */
static MoeModelInfo *
new_info (void)
{
  MoeModelInfo *info = moe_model_info_new ();

  g_free (info->name);
  info->name = g_strdup ("small");
  g_free (info->architecture);
  info->architecture = g_strdup ("qwen3moe");
  g_free (info->fingerprint);
  info->fingerprint = g_strdup (FINGERPRINT);
  info->n_layers = 4;
  info->n_moe_layers = 2;
  info->moe_layers = g_new (guint, 2);
  info->moe_layers[0] = 1;
  info->moe_layers[1] = 3;
  info->n_experts = 8;
  info->n_used = 2;
  info->n_shared = 1;
  return info;
}

static void
test_info (void)
{
  g_autoptr (MoeModelInfo) info = new_info ();

  g_assert_cmpint (moe_model_info_find_moe_layer (info, 0), ==, -1);
  g_assert_cmpint (moe_model_info_find_moe_layer (info, 1), ==, 0);
  g_assert_cmpint (moe_model_info_find_moe_layer (info, 2), ==, -1);
  g_assert_cmpint (moe_model_info_find_moe_layer (info, 3), ==, 1);
  g_assert_cmpint (moe_model_info_find_moe_layer (info, 4), ==, -1);
}

/* Options as on the command line, separated by spaces: "disable:L3E17:drop" and so on; a 'p' or an 'a' in
 * front limits one to the prompt or the answer. */
static MoeMask *
build (const char *description)
{
  g_auto (GStrv) words = g_strsplit (description, " ", -1);
  g_autoptr (GArray) interventions = g_array_new (FALSE, TRUE, sizeof (MoeIntervention));

  for (guint i = 0; words[i] != NULL && words[i][0] != '\0'; i++)
    {
      const char *word = words[i];
      const char *colon = strchr (word, ':');
      g_autofree char *name = NULL;
      g_autoptr (GError) error = NULL;
      MoeScope scope = MOE_SCOPE_BOTH;
      MoeAction action = MOE_ACTION_DISABLE;

      if (g_str_has_prefix (word, "p/"))
        scope = MOE_SCOPE_PROMPT;
      else if (g_str_has_prefix (word, "a/"))
        scope = MOE_SCOPE_ANSWER;
      word += scope != MOE_SCOPE_BOTH ? 2 : 0;
      name = g_strndup (word, (gsize) (colon - word));
      while (!g_str_equal (moe_action_get_name (action), name))
        action++;
      moe_intervention_parse (colon + 1, action, scope, interventions, &error);
      g_assert_no_error (error);
    }

  return moe_mask_new ((const MoeIntervention *) interventions->data, interventions->len);
}

static void
test_experts (void)
{
  static const char * const wrong[] = {
    "", "L", "L3", "L3E", "E3", "3E17", "L3E*", "L3E17 ", " L3E17", "L3E17x", "L-1E2", "L3E-1", "l3e17",
    "L3S1", "L99999E1", "L1E99999999999999999999",
  };
  int layer = 77, expert = 77;
  g_autofree char *all = moe_expert_format (3, MOE_EXPERT_ALL);
  g_autofree char *shared = moe_expert_format (0, MOE_EXPERT_SHARED);
  g_autofree char *routed = moe_expert_format (12, 34);

  g_assert_cmpstr (all, ==, "L3E*");
  g_assert_cmpstr (shared, ==, "L0S");
  g_assert_cmpstr (routed, ==, "L12E34");
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    g_assert_false (moe_expert_parse (wrong[i], &layer, &expert));
  g_assert_cmpint (layer, ==, 77);
  g_assert_true (moe_expert_parse (routed, &layer, &expert));
  g_assert_cmpint (layer, ==, 12);
  g_assert_cmpint (expert, ==, 34);
  g_assert_true (moe_expert_parse (shared, &layer, &expert));
  g_assert_cmpint (expert, ==, MOE_EXPERT_SHARED);
}

static void
test_parse (void)
{
  static const struct { MoeAction action; const char *text; const char *options; } right[] = {
    { MOE_ACTION_DISABLE, "L3E17", "--disable L3E17:refill" },
    { MOE_ACTION_DISABLE, "L3E17:drop", "--disable L3E17:drop" },
    { MOE_ACTION_DISABLE, "L3S", "--disable L3S:zero" },
    { MOE_ACTION_DISABLE, "L3E*:zero", "--disable L3E*:zero" },
    { MOE_ACTION_DISABLE, "L3E17,L4E2:zero", "--disable L3E17:zero --disable L4E2:zero" },
    { MOE_ACTION_FORCE, "L0E0", "--force L0E0:max" },
    { MOE_ACTION_FORCE, "L0E0,L1E1:add", "--force L0E0:add --force L1E1:add" },
    { MOE_ACTION_BIAS, "L3E17=+2.5", "--bias L3E17=+2.5" },
    { MOE_ACTION_BIAS, "L3E17=2.5", "--bias L3E17=+2.5" },
    { MOE_ACTION_BIAS, "L3E17=-0.1", "--bias L3E17=-0.1" },
    { MOE_ACTION_DISABLE, "L3E17:mean", "--disable L3E17:mean" },
    { MOE_ACTION_DISABLE, "L*E17:copy", "--disable L*E17:copy" },
    { MOE_ACTION_CLAMP, "L3E17=100", "--clamp L3E17=100" },
    { MOE_ACTION_CLAMP, "L*E*=50", "--clamp L*E*=50" },
    { MOE_ACTION_ROUTER, "L3:temperature=2", "--router L3:temperature=2" },
    { MOE_ACTION_ROUTER, "L3,L4:top_k=1", "--router L3:top_k=1 --router L4:top_k=1" },
    { MOE_ACTION_ROUTER, "L*:top_p=0.5", "--router L*:top_p=0.5" },
    { MOE_ACTION_ROUTER, "L*:top_p_renorm=0.5", "--router L*:top_p_renorm=0.5" },
    { MOE_ACTION_ROUTER, "L0:random", "--router L0:random=0" },
    { MOE_ACTION_ROUTER, "L0:random=7", "--router L0:random=7" },
    { MOE_ACTION_SCALE, "L3E*,L2S=0.5", "--scale L3E*=0.5 --scale L2S=0.5" },
  };
  static const struct { MoeAction action; const char *text; const char *fragment; } wrong[] = {
    { MOE_ACTION_DISABLE, "", "is not an expert" },
    { MOE_ACTION_DISABLE, "L3", "is not an expert" },
    { MOE_ACTION_DISABLE, "L3E17,", "is not an expert" },
    { MOE_ACTION_DISABLE, "L3E17;L3E18", "is not an expert" },
    { MOE_ACTION_DISABLE, "L3E17:", "the mode is not refill, drop, zero, mean or copy" },
    { MOE_ACTION_DISABLE, "L3E17:max", "the mode is not refill, drop, zero, mean or copy" },
    { MOE_ACTION_DISABLE, "L3E17:zero,L3E18", "the mode is not refill, drop, zero, mean or copy" },
    { MOE_ACTION_DISABLE, "L3", "is not an expert" },
    { MOE_ACTION_CLAMP, "L3E17", "needs a value" },
    { MOE_ACTION_CLAMP, "L3E17:zero=1", "needs a value" },
    { MOE_ACTION_ROUTER, "L3E17:random", "is not a layer like L3 or L*" },
    { MOE_ACTION_ROUTER, "L3", "the mode is not temperature, top_k, top_p, top_p_renorm, random or rank" },
    { MOE_ACTION_ROUTER, "L3=2", "the mode is not temperature" },
    { MOE_ACTION_ROUTER, "L3:heat=2", "the mode is not temperature" },
    { MOE_ACTION_ROUTER, "L3:top_k", "needs a value, as in L3:temperature=2" },
    { MOE_ACTION_ROUTER, "L3:top_p=", "the value is not a number" },
    { MOE_ACTION_DISABLE, "L3E17=1", "takes no value" },
    { MOE_ACTION_FORCE, "L3E17:drop", "the mode is not max or add" },
    { MOE_ACTION_BIAS, "L3E17", "needs a value" },
    { MOE_ACTION_BIAS, "L3E17:1", "needs a value" },
    { MOE_ACTION_BIAS, "L3E17=", "the value is not a number" },
    { MOE_ACTION_BIAS, "L3E17=nan", "the value is not a number" },
    { MOE_ACTION_BIAS, "L3E17=1e39", "the value is not a number" },
    { MOE_ACTION_SCALE, "L3E17=0,5", "the value is not a number" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (right); i++)
    {
      g_autoptr (GArray) array = g_array_new (FALSE, TRUE, sizeof (MoeIntervention));
      g_autoptr (GString) options = g_string_new (NULL);
      g_autoptr (GError) error = NULL;

      g_assert_true (moe_intervention_parse (right[i].text, right[i].action, MOE_SCOPE_BOTH, array, &error));
      g_assert_no_error (error);
      for (guint j = 0; j < array->len; j++)
        {
          g_autofree char *option = moe_intervention_to_option (&g_array_index (array, MoeIntervention, j));

          g_string_append_printf (options, "%s%s", j > 0 ? " " : "", option);
        }
      g_assert_cmpstr (options->str, ==, right[i].options);
    }

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (GArray) array = g_array_new (FALSE, TRUE, sizeof (MoeIntervention));
      g_autoptr (GError) error = NULL;
      MoeIntervention kept = { .layer = 5 };

      g_array_append_val (array, kept);
      g_assert_false (moe_intervention_parse (wrong[i].text, wrong[i].action, MOE_SCOPE_BOTH, array, &error));
      g_assert_error (error, MOE_ERROR, MOE_ERROR_INVALID);
      g_assert_nonnull (strstr (error->message, wrong[i].fragment));
      g_assert_true (error->message[0] == '\'' && g_str_has_prefix (error->message + 1, wrong[i].text));
      g_assert_cmpuint (array->len, ==, 1);
    }
}

static void
test_describe (void)
{
  static const struct { MoeIntervention intervention; const char *text; } known[] = {
    { { 3, 17, MOE_ACTION_DISABLE, MOE_MODE_REFILL, 0, MOE_SCOPE_BOTH, 0 }, "L3E17 disable refill" },
    { { 3, 17, MOE_ACTION_BIAS, MOE_MODE_NONE, 2.5f, MOE_SCOPE_PROMPT, 0 }, "L3E17 bias +2.5, prompt only" },
    { { 3, 17, MOE_ACTION_BIAS, MOE_MODE_NONE, -2.5f, MOE_SCOPE_BOTH, 12 },
      "L3E17 bias -2.5, from token 12" },
    { { 0, -1, MOE_ACTION_SCALE, MOE_MODE_NONE, 0.1f, MOE_SCOPE_ANSWER, 7 },
      "L0S scale 0.1, answer only, from token 7" },
    { { 1, -2, MOE_ACTION_FORCE, MOE_MODE_ADD, 0, MOE_SCOPE_BOTH, 0 }, "L1E* force add" },
    { { 1, 2, MOE_ACTION_CLAMP, MOE_MODE_NONE, 100, MOE_SCOPE_BOTH, 0 }, "L1E2 clamp 100" },
    { { -1, -3, MOE_ACTION_ROUTER, MOE_MODE_TOP_P_RENORM, 0.5f, MOE_SCOPE_ANSWER, 0 },
      "L* router top_p_renorm 0.5, answer only" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (known); i++)
    {
      g_autofree char *text = moe_intervention_describe (&known[i].intervention);

      g_assert_cmpstr (text, ==, known[i].text);
    }
}

static void
test_set (void)
{
  g_autoptr (MoeMask) empty = moe_mask_new (NULL, 0);
  g_autoptr (MoeMask) first = build ("disable:L1E2 bias:L1E2=1 disable:L3E2:zero bias:L1E2=3");
  g_autoptr (MoeMask) second = NULL;
  g_autoptr (MoeMask) third = NULL;
  g_autoptr (MoeMask) fourth = NULL;
  MoeIntervention added = { 1, 2, MOE_ACTION_DISABLE, MOE_MODE_DROP, 0, MOE_SCOPE_BOTH, 0 };

  g_assert_cmpuint (moe_mask_get_n (NULL), ==, 0);
  g_assert_cmpuint (moe_mask_get_n (empty), ==, 0);
  g_assert_true (moe_mask_equal (NULL, empty));
  g_assert_false (moe_mask_equal (NULL, first));
  g_assert_cmpint (moe_mask_find (NULL, 1, 2, MOE_ACTION_BIAS), ==, -1);

  /* The later of two for the same expert and action takes the place of the earlier. */
  g_assert_cmpuint (moe_mask_get_n (first), ==, 3);
  g_assert_cmpint (moe_mask_find (first, 1, 2, MOE_ACTION_BIAS), ==, 1);
  g_assert_cmpfloat (moe_mask_get (first, 1)->value, ==, 3.0f);
  g_assert_cmpint (moe_mask_find (first, 3, 2, MOE_ACTION_BIAS), ==, -1);

  second = moe_mask_with (first, &added);
  g_assert_cmpuint (moe_mask_get_n (second), ==, 3);
  g_assert_cmpint (moe_mask_get (second, 0)->mode, ==, MOE_MODE_DROP);
  g_assert_cmpint (moe_mask_get (first, 0)->mode, ==, MOE_MODE_REFILL);
  g_assert_false (moe_mask_equal (first, second));

  added.layer = 3;
  added.expert = 7;
  third = moe_mask_with (second, &added);
  g_assert_cmpuint (moe_mask_get_n (third), ==, 4);
  fourth = moe_mask_without (third, 3);
  g_assert_true (moe_mask_equal (fourth, second));

  moe_mask_unref (third);
  third = moe_mask_with (NULL, &added);
  g_assert_cmpuint (moe_mask_get_n (third), ==, 1);
}

static const struct
{
  const char *mask;
  const char *fragment; /* NULL when the mask can act */
} validations[] = {
  { "", NULL },
  { "disable:L1E0,L1E1,L1E2,L1E3,L1E4,L1E5", NULL },
  { "disable:L1E0,L1E1,L1E2,L1E3,L1E4,L1E5,L1E6", "7 of the 8 experts of layer 1 are disabled" },
  { "disable:L1E*", "8 of the 8 experts of layer 1 are disabled" },
  { "disable:L1E*:drop", "all 8 experts of layer 1 are dropped" },
  { "disable:L1E*:zero", NULL },
  { "disable:L1E0,L1E1,L1E2,L1E3,L1E4,L1E5,L1E6:drop", NULL },
  { "disable:L1E0,L1E1,L1E2,L1E3,L1E4,L1E5 disable:L1E6,L1E7:drop", "all 8 experts of layer 1" },
  /* What never acts at the same time does not add up. */
  { "p/disable:L1E0,L1E1,L1E2,L1E3 a/disable:L1E4,L1E5,L1E6", NULL },
  { "p/disable:L1E0,L1E1,L1E2,L1E3 disable:L1E4,L1E5,L1E6", "7 of the 8 experts" },
  { "force:L1E0,L1E7", NULL },
  { "force:L1E0,L1E1,L1E2", "3 experts of layer 1 are forced, but only 2 are chosen" },
  { "force:L1E0,L1E1,L3E2", NULL },
  { "p/force:L1E0,L1E1 a/force:L1E2", NULL },
  { "force:L1E*", "8 experts of layer 1 are forced" },
  { "force:L1E0 disable:L1E0:zero", "L1E0 is both forced and disabled" },
  { "disable:L1E*:zero force:L1E5", "L1E5 is both forced and disabled" },
  { "p/force:L1E0 a/disable:L1E0", NULL },
  { "bias:L1E*=1 bias:L1E3=2", "L1E3 is named twice for bias" },
  { "bias:L1E3=2 scale:L1E3=0 disable:L1E4", NULL },
  { "disable:L0E0", "L0E0: layer 0 is not an MoE layer" },
  { "disable:L4E0", "L4E0: there is no layer 4, the model has 4 layers" },
  { "disable:L1E8", "L1E8: there is no expert 8, a layer has 8 experts" },
  { "disable:L1S", NULL },
  { "scale:L1S=2", NULL },
  { "disable:L1S:refill", "L1S: the shared expert is not routed, so it can only be disabled by zero" },
  { "disable:L1S:drop", "L1S: the shared expert is not routed" },
  { "force:L1S", "so force cannot act on it" },
  { "bias:L1S=1", "so bias cannot act on it" },
  { "disable:L1E*:mean", NULL },
  { "disable:L1E*:copy", NULL },
  { "disable:L1S:copy", "can only be disabled by zero" },
  { "clamp:L*E*=1 clamp:L1S=2", NULL },
  { "clamp:L1E1=-1", "L1E1: the clamp is below 0" },
  { "router:L*:temperature=0.5 router:L1:top_k=1 router:L3:top_p=1", NULL },
  { "router:L0:random", "L0: layer 0 is not an MoE layer" },
  { "router:L9:random", "L9: there is no layer 9" },
  { "router:L1:temperature=0", "L1: the router's temperature is not above 0" },
  { "router:L1:top_k=0", "whole number from 1 to 2, the experts used" },
  { "router:L1:top_k=1.5", "whole number from 1 to 2, the experts used" },
  { "router:L1:top_k=3", "whole number from 1 to 2, the experts used" },
  { "router:L1:top_p=0", "the router's top_p is not above 0 and at most 1" },
  { "router:L1:top_p_renorm=1.1", "the router's top_p_renorm is not above 0 and at most 1" },
  { "router:L1:random=0.5", "the seed of the random router" },
  { "router:L*:top_k=1 router:L3:top_k=2", "the router of layer 3 is told its top_k twice" },
  { "p/router:L*:top_k=1 a/router:L3:top_k=2", NULL },
  { "router:L3:rank=3", "the router's rank is not a whole number from 1 to 2" },
  { "router:L*:rank=2 router:L3:top_k=2", "layer 3 takes one rank" },
  { "router:L3:rank=2 force:L3E1", "layer 3 takes one rank, so nothing can be forced" },
  { "router:L3:top_p=0.5 router:L*:top_p_renorm=0.5", "layer 3 has both top_p and top_p_renorm" },
  { "router:L3:random router:L3:temperature=2", "layer 3 is random, so a temperature or top_p cannot act" },
  { "router:L3:random router:L3:top_k=1 disable:L3E1,L3E2", NULL },
  { "router:L*:random bias:L3E1=1", "layer 3 is random, so nothing can be forced or biased there" },
  { "router:L3:top_k=1 force:L3E1,L3E2", "2 experts of layer 3 are forced, but only 1 are chosen" },
  { "disable:L*E0,L*E1,L*E2 disable:L3E3,L3E4,L3E5,L3E6", "7 of the 8 experts of layer 3" },
  { "disable:L*E0 disable:L3E0:zero", "L3E0 is named twice for disable" },
};

static void
test_validate (void)
{
  g_autoptr (MoeModelInfo) info = new_info ();
  MoeIntervention broken = { 1, 2, MOE_ACTION_BIAS, MOE_MODE_NONE, NAN, MOE_SCOPE_BOTH, 0 };
  g_autoptr (MoeMask) mask = moe_mask_new (&broken, 1);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (validations); i++)
    {
      g_autoptr (MoeMask) built = build (validations[i].mask);
      g_autoptr (GError) refused = NULL;
      gboolean fits = moe_mask_validate (built, info, &refused);

      g_test_message ("%s: %s", validations[i].mask, refused != NULL ? refused->message : "fits");
      if (validations[i].fragment == NULL)
        {
          g_assert_no_error (refused);
          g_assert_true (fits);
        }
      else
        {
          g_assert_false (fits);
          g_assert_error (refused, MOE_ERROR, MOE_ERROR_INVALID);
          g_assert_nonnull (strstr (refused->message, validations[i].fragment));
        }
    }
  g_assert_true (moe_mask_validate (NULL, info, NULL));

  g_assert_false (moe_mask_validate (mask, info, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_INVALID);
  g_assert_nonnull (strstr (error->message, "is not a finite number"));
  g_clear_error (&error);

  broken = (MoeIntervention) { 1, 2, MOE_ACTION_ROUTER, MOE_MODE_RANDOM, 0, MOE_SCOPE_BOTH, 0 };
  moe_mask_unref (mask);
  mask = moe_mask_new (&broken, 1);
  g_assert_false (moe_mask_validate (mask, info, &error));
  g_assert_nonnull (strstr (error->message, "L1E2: router does not act on an expert"));
  g_clear_error (&error);

  broken = (MoeIntervention) { 1, 2, MOE_ACTION_DISABLE, MOE_MODE_MAX, 0, MOE_SCOPE_BOTH, 0 };
  moe_mask_unref (mask);
  mask = moe_mask_new (&broken, 1);
  g_assert_false (moe_mask_validate (mask, info, &error));
  g_assert_nonnull (strstr (error->message, "disable has no such mode"));
  g_clear_error (&error);

  info->n_shared = 0;
  moe_mask_unref (mask);
  mask = build ("disable:L1S");
  g_assert_false (moe_mask_validate (mask, info, &error));
  g_assert_nonnull (strstr (error->message, "the model has no shared experts"));
}

static MoeMask *
new_full_mask (void)
{
  static const MoeIntervention interventions[] = {
    { 1, 2, MOE_ACTION_DISABLE, MOE_MODE_REFILL, 0, MOE_SCOPE_BOTH, 0 },
    { 1, 3, MOE_ACTION_DISABLE, MOE_MODE_DROP, 0, MOE_SCOPE_PROMPT, 0 },
    { 1, -1, MOE_ACTION_DISABLE, MOE_MODE_ZERO, 0, MOE_SCOPE_ANSWER, 4000000000u },
    { 3, 0, MOE_ACTION_FORCE, MOE_MODE_MAX, 0, MOE_SCOPE_BOTH, 12 },
    { 3, 1, MOE_ACTION_FORCE, MOE_MODE_ADD, 0, MOE_SCOPE_BOTH, 0 },
    { 3, -2, MOE_ACTION_BIAS, MOE_MODE_NONE, 0.1f, MOE_SCOPE_BOTH, 0 },
    { 3, 7, MOE_ACTION_SCALE, MOE_MODE_NONE, -3e-30f, MOE_SCOPE_BOTH, 0 },
    { 1, 7, MOE_ACTION_SCALE, MOE_MODE_NONE, 100, MOE_SCOPE_BOTH, 0 },
    { 1, 4, MOE_ACTION_DISABLE, MOE_MODE_MEAN, 0, MOE_SCOPE_BOTH, 0 },
    { -1, 5, MOE_ACTION_DISABLE, MOE_MODE_COPY, 0, MOE_SCOPE_BOTH, 0 },
    { 1, 5, MOE_ACTION_CLAMP, MOE_MODE_NONE, 0.25f, MOE_SCOPE_BOTH, 0 },
    { 1, -3, MOE_ACTION_ROUTER, MOE_MODE_TEMPERATURE, 2, MOE_SCOPE_PROMPT, 0 },
    { 1, -3, MOE_ACTION_ROUTER, MOE_MODE_TOP_P_RENORM, 0.7f, MOE_SCOPE_PROMPT, 0 },
    { -1, -3, MOE_ACTION_ROUTER, MOE_MODE_RANDOM, 12, MOE_SCOPE_ANSWER, 0 },
  };

  return moe_mask_new (interventions, G_N_ELEMENTS (interventions));
}

static void
test_round_trip (void)
{
  g_autoptr (MoeModelInfo) info = new_info ();
  g_autoptr (MoeModelInfo) read_info = NULL;
  g_autoptr (MoeMask) mask = new_full_mask ();
  g_autoptr (MoeMask) read = NULL;
  g_autoptr (MoeMask) empty = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = g_dir_make_tmp ("moescope-mask-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "mask.json", NULL);

  g_assert_true (moe_mask_file_save (mask, info, path, &error));
  g_assert_no_error (error);
  read = moe_mask_file_load (path, &read_info, &error);
  g_assert_no_error (error);
  g_assert_true (moe_mask_equal (mask, read));
  g_assert_cmpstr (read_info->name, ==, "small");
  g_assert_cmpstr (read_info->architecture, ==, "qwen3moe");
  g_assert_cmpstr (read_info->fingerprint, ==, FINGERPRINT);
  g_assert_cmpuint (read_info->n_layers, ==, 4);
  g_assert_cmpuint (read_info->n_experts, ==, 8);
  g_assert_cmpuint (read_info->n_used, ==, 2);

  g_assert_true (moe_mask_file_save (NULL, info, path, &error));
  g_assert_no_error (error);
  empty = moe_mask_file_load (path, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (moe_mask_get_n (empty), ==, 0);

  g_unlink (path);
  g_assert_null (moe_mask_file_load (path, NULL, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_IO);
  g_assert_true (g_str_has_prefix (error->message, path));
  g_rmdir (folder);
}

/* No cut and no changed byte of a good file may do harm. */
static void
test_damaged (void)
{
  g_autoptr (MoeModelInfo) info = new_info ();
  g_autoptr (MoeMask) mask = build ("p/disable:L1E2:drop bias:L3E*=0.5");
  g_autofree char *json = moe_mask_to_json (mask, info);
  gsize length = strlen (json);

  for (gsize n = 0; n < length; n++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *part = g_strndup (json, n);

      g_assert_null (moe_mask_from_json (part, (gssize) n, NULL, &error));
      g_assert_error (error, MOE_ERROR, MOE_ERROR_FORMAT);
    }

  for (gsize i = 0; i < length; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (MoeMask) read = NULL;

      json[i] ^= (char) (1 << (i % 8));
      read = moe_mask_from_json (json, (gssize) length, NULL, &error);
      json[i] ^= (char) (1 << (i % 8));
      g_assert_true ((read != NULL) == (error == NULL));
    }
}

static void
test_too_large (void)
{
  gsize length = (16u << 20) + 1;
  g_autofree char *json = g_strnfill (length, ' ');
  g_autoptr (GError) error = NULL;

  g_assert_null (moe_mask_from_json (json, (gssize) length, NULL, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_LIMIT);
}

/* Mean outputs travel with the mask, and are asked for before it can act. */
static void
test_means (void)
{
  static const float values[3] = { 1, -0.125f, 3e-30f };
  g_autoptr (MoeModelInfo) info = new_info ();
  g_autoptr (MoeMask) bare = build ("disable:L1E2:mean");
  g_autoptr (MoeExpertMeans) means = moe_expert_means_new (3);
  g_autoptr (MoeMask) full = NULL;
  g_autoptr (MoeMask) read = NULL;
  g_autofree char *json = NULL;
  g_autoptr (GError) error = NULL;

  info->width = 3;
  g_assert_true (moe_mask_check_means (NULL, info, &error));
  g_assert_false (moe_mask_check_means (bare, info, &error));
  g_assert_nonnull (strstr (error->message, "L1E2: disabling by mean needs the expert's mean output"));
  g_clear_error (&error);

  moe_expert_means_set (means, 1, 2, values);
  full = moe_mask_with_means (bare, means);
  g_assert_true (moe_mask_check_means (full, info, &error));
  g_assert_false (moe_mask_equal (full, bare));

  json = moe_mask_to_json (full, info);
  read = moe_mask_from_json (json, -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (moe_mask_equal (full, read));
  g_assert_cmpmem (moe_expert_means_get (moe_mask_get_means (read), 1, 2), sizeof values, values,
                   sizeof values);

  info->width = 4;
  g_assert_false (moe_mask_check_means (full, info, &error));
  g_assert_nonnull (strstr (error->message, "have 3 channels, but the model's residual stream 4"));
}

static void
test_check_model (void)
{
  g_autoptr (MoeModelInfo) made_for = new_info ();
  g_autoptr (MoeModelInfo) info = new_info ();
  g_autoptr (GError) error = NULL;

  g_assert_true (moe_mask_check_model (made_for, info, FALSE, &error));
  g_assert_no_error (error);

  info->fingerprint[0] = 'f';
  g_assert_false (moe_mask_check_model (made_for, info, FALSE, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_MISMATCH);
  g_assert_nonnull (strstr (error->message, "has other weights than"));
  g_clear_error (&error);
  g_assert_true (moe_mask_check_model (made_for, info, TRUE, &error));
  g_assert_no_error (error);

  info->n_experts = 16;
  g_assert_false (moe_mask_check_model (made_for, info, TRUE, &error));
  g_assert_error (error, MOE_ERROR, MOE_ERROR_MISMATCH);
  g_assert_nonnull (strstr (error->message, "4 layers of 8 experts, 2 used, but small has 4 layers of 16"));
}

static void
test_table (void)
{
  g_autoptr (MoeMask) mask = new_full_mask ();
  g_autoptr (MoeTable) table = moe_mask_to_table (mask);

  g_assert_cmpuint (moe_table_get_n_rows (table), ==, 14);
  g_assert_cmpint (moe_table_get_int (table, 11, 0), ==, 1);
  g_assert_cmpstr (moe_table_get_text (table, 11, 3), ==, "temperature");
  g_assert_cmpfloat (moe_table_get_double (table, 11, 4), ==, 2);
  g_assert_true (moe_table_is_missing (table, 9, 0));
  g_assert_true (moe_table_is_missing (table, 13, 0));
  g_assert_cmpint (moe_table_get_int (table, 2, 0), ==, 1);
  g_assert_cmpstr (moe_table_get_text (table, 2, 1), ==, "-1");
  g_assert_cmpstr (moe_table_get_text (table, 2, 2), ==, "disable");
  g_assert_cmpstr (moe_table_get_text (table, 2, 3), ==, "zero");
  g_assert_true (moe_table_is_missing (table, 2, 4));
  g_assert_cmpstr (moe_table_get_text (table, 2, 5), ==, "answer");
  g_assert_cmpint (moe_table_get_int (table, 2, 6), ==, 4000000000u);
  g_assert_cmpstr (moe_table_get_text (table, 5, 1), ==, "*");
  g_assert_true (moe_table_is_missing (table, 5, 3));
  g_assert_cmpfloat (moe_table_get_double (table, 5, 4), ==, (double) 0.1f);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mask/info", test_info);
  g_test_add_func ("/mask/experts", test_experts);
  g_test_add_func ("/mask/parse", test_parse);
  g_test_add_func ("/mask/describe", test_describe);
  g_test_add_func ("/mask/set", test_set);
  g_test_add_func ("/mask/validate", test_validate);
  g_test_add_func ("/mask/round-trip", test_round_trip);
  g_test_add_func ("/mask/damaged", test_damaged);
  g_test_add_func ("/mask/too-large", test_too_large);
  g_test_add_func ("/mask/means", test_means);
  g_test_add_func ("/mask/check-model", test_check_model);
  g_test_add_func ("/mask/table", test_table);
  return g_test_run ();
}
