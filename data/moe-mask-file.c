/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-mask-file"

#include "data/moe-mask-file.h"

#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

#include "data/moe-error.h"
#include "data/moe-file.h"
#include "data/moe-mask-private.h"

#define FORMAT_NAME "moescope-mask"
#define FORMAT_VERSION 1
#define MAX_BYTES (16u << 20)
#define MAX_DEPTH 16u
#define FINGERPRINT_DIGITS 64u

#define fail(error, ...) moe_error_fail (error, MOE_ERROR_FORMAT, NULL, __VA_ARGS__)

/* The parser recurses into arrays and objects and ignores what follows the first value, so both are looked at
 * before it runs. */
static gboolean
check_outline (const char  *json,
               gsize        length,
               GError     **error)
{
  gboolean in_string = FALSE, ended = FALSE;
  guint depth = 0;

  for (gsize i = 0; i < length; i++)
    {
      char c = json[i];

      if (ended && !g_ascii_isspace (c))
        return fail (error, "is not a mask file: something follows the end of the object");

      if (in_string)
        {
          if (c == '\\')
            i++;
          else if (c == '"')
            in_string = FALSE;
        }
      else if (c == '"')
        {
          in_string = TRUE;
        }
      else if (c == '[' || c == '{')
        {
          if (++depth > MAX_DEPTH)
            return fail (error, "is not a mask file: it nests more than %u deep", MAX_DEPTH);
        }
      else if ((c == ']' || c == '}') && depth > 0)
        {
          ended = --depth == 0;
        }
    }

  return TRUE;
}

/* Members are counted while parsing, because of two with the same name the parser keeps the last. */
typedef struct
{
  GArray   *counts; /* guint, one for each object that is open */
  gboolean  has_twins;
} MemberCount;

static void
on_object_start (JsonParser *parser,
                 gpointer    user_data)
{
  MemberCount *self = user_data;
  guint none = 0;

  g_array_append_val (self->counts, none);
}

static void
on_object_member (JsonParser *parser,
                  JsonObject *object,
                  const char *name,
                  gpointer    user_data)
{
  MemberCount *self = user_data;

  g_array_index (self->counts, guint, self->counts->len - 1)++;
}

static void
on_object_end (JsonParser *parser,
               JsonObject *object,
               gpointer    user_data)
{
  MemberCount *self = user_data;

  if (g_array_index (self->counts, guint, self->counts->len - 1) != json_object_get_size (object))
    self->has_twins = TRUE;
  g_array_set_size (self->counts, self->counts->len - 1);
}

/* The parser's messages start with "<data>:LINE:COLUMN: ". */
static gboolean
fail_syntax (const GError  *cause,
             GError       **error)
{
  g_autoptr (GRegex) regex = g_regex_new ("^<data>:(\\d+):(\\d+): (?:Parse error: )?(.*)$", G_REGEX_DOTALL, 0,
                                          NULL);
  g_autoptr (GMatchInfo) match = NULL;

  if (g_regex_match (regex, cause->message, 0, &match))
    {
      g_autofree char *line = g_match_info_fetch (match, 1);
      g_autofree char *column = g_match_info_fetch (match, 2);
      g_autofree char *what = g_match_info_fetch (match, 3);

      return fail (error, "line %s, column %s: %s", line, column, what);
    }

  return fail (error, "%s", cause->message);
}

static gboolean
check_members (JsonObject          *object,
               const char          *where,
               const char * const  *known,
               GError             **error)
{
  JsonObjectIter iter;
  const char *name;

  json_object_iter_init_ordered (&iter, object);
  while (json_object_iter_next_ordered (&iter, &name, NULL))
    if (!g_strv_contains (known, name))
      return fail (error, "%shas the unknown member \"%s\"", where, name);

  return TRUE;
}

static gboolean
get_integer (JsonObject  *object,
             const char  *where,
             const char  *name,
             gint64       low,
             gint64       high,
             gint64      *value,
             GError     **error)
{
  JsonNode *node = json_object_get_member (object, name);

  if (node == NULL)
    return fail (error, "%s\"%s\" is missing", where, name);
  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_INT64)
    return fail (error, "%s\"%s\" is not a whole number", where, name);

  *value = json_node_get_int (node);
  if (*value < low || *value > high)
    return fail (error,
                 "%s\"%s\" is %" G_GINT64_FORMAT ", not from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT,
                 where, name, *value, low, high);
  return TRUE;
}

static gboolean
get_text (JsonObject  *object,
          const char  *where,
          const char  *name,
          const char **value,
          GError     **error)
{
  JsonNode *node = json_object_get_member (object, name);

  if (node == NULL)
    return fail (error, "%s\"%s\" is missing", where, name);
  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING)
    return fail (error, "%s\"%s\" is not a string", where, name);

  *value = json_node_get_string (node);
  return TRUE;
}

static JsonObject *
get_object (JsonObject  *object,
            const char  *name,
            GError     **error)
{
  JsonNode *node = json_object_get_member (object, name);

  if (node == NULL)
    {
      fail (error, "\"%s\" is missing", name);
      return NULL;
    }
  if (!JSON_NODE_HOLDS_OBJECT (node))
    {
      fail (error, "\"%s\" is not an object", name);
      return NULL;
    }

  return json_node_get_object (node);
}

static MoeModelInfo *
read_model (JsonObject  *object,
            GError     **error)
{
  static const char * const known[] = {
    "name", "architecture", "fingerprint", "layers", "experts", "experts_used", NULL
  };
  const char *where = "model: ";
  const char *name = NULL, *architecture = NULL, *fingerprint = NULL;
  gint64 n_layers, n_experts, n_used;
  MoeModelInfo *info;

  if (!check_members (object, where, known, error) ||
      !get_text (object, where, "name", &name, error) ||
      !get_text (object, where, "architecture", &architecture, error) ||
      !get_text (object, where, "fingerprint", &fingerprint, error) ||
      !get_integer (object, where, "layers", 1, MOE_MASK_MAX_NUMBER, &n_layers, error) ||
      !get_integer (object, where, "experts", 1, MOE_MASK_MAX_NUMBER, &n_experts, error) ||
      !get_integer (object, where, "experts_used", 1, n_experts, &n_used, error))
    return NULL;

  if (strlen (fingerprint) != FINGERPRINT_DIGITS ||
      strspn (fingerprint, "0123456789abcdef") != FINGERPRINT_DIGITS)
    {
      fail (error, "model: \"fingerprint\" is not %u hexadecimal digits", FINGERPRINT_DIGITS);
      return NULL;
    }

  info = moe_model_info_new ();
  g_free (info->name);
  info->name = g_strdup (name);
  g_free (info->architecture);
  info->architecture = g_strdup (architecture);
  g_free (info->fingerprint);
  info->fingerprint = g_strdup (fingerprint);
  info->n_layers = (guint) n_layers;
  info->n_experts = (guint) n_experts;
  info->n_used = (guint) n_used;
  return info;
}

static gboolean
is_star (JsonObject *object,
         const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING &&
         g_str_equal (json_node_get_string (node), "*");
}

static gboolean
read_layer (JsonObject          *object,
            const char          *where,
            const MoeModelInfo  *info,
            int                 *layer,
            GError             **error)
{
  gint64 number = MOE_LAYER_ALL;

  if (!is_star (object, "layer") &&
      !get_integer (object, where, "layer", 0, (gint64) info->n_layers - 1, &number, error))
    return FALSE;
  *layer = (int) number;
  return TRUE;
}

static gboolean
read_expert (JsonObject          *object,
             const char          *where,
             const MoeModelInfo  *info,
             int                 *expert,
             GError             **error)
{
  JsonNode *node = json_object_get_member (object, "expert");
  const char *action = NULL;
  gint64 number;

  if (get_text (object, where, "action", &action, NULL) &&
      g_str_equal (action, moe_action_get_name (MOE_ACTION_ROUTER)))
    {
      *expert = MOE_EXPERT_ROUTER;
      return node == NULL || fail (error, "%sa router has no expert", where);
    }

  if (node != NULL && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING)
    {
      if (!is_star (object, "expert"))
        return fail (error, "%s\"expert\" is neither a number nor \"*\"", where);
      *expert = MOE_EXPERT_ALL;
      return TRUE;
    }

  if (!get_integer (object, where, "expert", MOE_EXPERT_SHARED, (gint64) info->n_experts - 1, &number, error))
    return FALSE;
  *expert = (int) number;
  return TRUE;
}

static gboolean
read_value (JsonObject  *object,
            const char  *where,
            float       *value,
            GError     **error)
{
  JsonNode *node = json_object_get_member (object, "value");
  GType type;

  if (node == NULL)
    return fail (error, "%s\"value\" is missing", where);

  type = JSON_NODE_HOLDS_VALUE (node) ? json_node_get_value_type (node) : G_TYPE_NONE;
  if (type != G_TYPE_INT64 && type != G_TYPE_DOUBLE)
    return fail (error, "%s\"value\" is not a number", where);

  *value = type == G_TYPE_INT64 ? (float) json_node_get_int (node) : (float) json_node_get_double (node);
  if (!isfinite (*value))
    return fail (error, "%s\"value\" is not a finite number", where);
  return TRUE;
}

static gboolean
read_action (JsonObject       *object,
             const char       *where,
             MoeIntervention  *intervention,
             GError          **error)
{
  const char *name = NULL;
  guint action;

  if (!get_text (object, where, "action", &name, error))
    return FALSE;

  for (action = 0; action < MOE_N_ACTIONS; action++)
    if (g_str_equal (name, moe_action_get_name ((MoeAction) action)))
      break;
  if (action == MOE_N_ACTIONS)
    return fail (error, "%sthe action \"%s\" is unknown", where, name);
  intervention->action = (MoeAction) action;

  if (!moe_action_has_mode (intervention->action) && json_object_has_member (object, "mode"))
    return fail (error, "%s%s has no mode", where, name);
  if (!moe_action_has_value (intervention->action) && json_object_has_member (object, "value"))
    return fail (error, "%s%s has no value", where, name);

  intervention->mode = moe_mask_default_mode (intervention->action, intervention->expert);
  if (json_object_has_member (object, "mode") || intervention->action == MOE_ACTION_ROUTER)
    {
      const char *mode = NULL;

      if (!get_text (object, where, "mode", &mode, error))
        return FALSE;
      if (!moe_mask_mode_parse (intervention->action, mode, &intervention->mode))
        return fail (error, "%s%s has no mode \"%s\"", where, name, mode);
    }

  return !moe_action_has_value (intervention->action) ||
         read_value (object, where, &intervention->value, error);
}

/* The expert's mean output into @means, which is made with the first and says how many channels all have. */
static gboolean
read_mean (JsonObject             *object,
           const char             *where,
           const MoeIntervention  *intervention,
           MoeExpertMeans        **means,
           GError                **error)
{
  g_autofree guchar *bytes = NULL;
  g_autofree float *mean = NULL;
  const char *text = NULL;
  gsize length = 0;
  guint width;

  if (!json_object_has_member (object, "mean"))
    return TRUE;
  if (intervention->mode != MOE_MODE_MEAN || intervention->layer < 0 || intervention->expert < 0)
    return fail (error, "%sonly an expert disabled by mean has a mean", where);
  if (!get_text (object, where, "mean", &text, error))
    return FALSE;

  bytes = g_base64_decode (text, &length);
  if (length == 0 || length % sizeof (guint32) != 0 ||
      (*means != NULL && length / sizeof (guint32) != moe_expert_means_get_width (*means)))
    return fail (error, "%s\"mean\" is not as many numbers as the residual stream has channels", where);

  width = (guint) (length / sizeof (guint32));
  mean = g_new (float, width);
  for (guint i = 0; i < width; i++)
    {
      guint32 bits;

      memcpy (&bits, bytes + i * sizeof bits, sizeof bits);
      bits = GUINT32_FROM_LE (bits);
      memcpy (&mean[i], &bits, sizeof bits);
      if (!isfinite (mean[i]))
        return fail (error, "%s\"mean\" holds a number that is not finite", where);
    }

  if (*means == NULL)
    *means = moe_expert_means_new (width);
  moe_expert_means_set (*means, intervention->layer, intervention->expert, mean);
  return TRUE;
}

static gboolean
read_intervention (JsonNode            *node,
                   guint                index,
                   const MoeModelInfo  *info,
                   MoeIntervention     *intervention,
                   MoeExpertMeans     **means,
                   GError             **error)
{
  static const char * const known[] = {
    "layer", "expert", "action", "mode", "value", "phase", "from_token", "mean", NULL
  };
  g_autofree char *where = g_strdup_printf ("intervention %u: ", index + 1);
  JsonObject *object;
  gint64 from_token = 0;

  if (!JSON_NODE_HOLDS_OBJECT (node))
    return fail (error, "%sis not an object", where);
  object = json_node_get_object (node);

  memset (intervention, 0, sizeof *intervention);
  if (!check_members (object, where, known, error) ||
      !read_layer (object, where, info, &intervention->layer, error) ||
      !read_expert (object, where, info, &intervention->expert, error) ||
      !read_action (object, where, intervention, error) ||
      !read_mean (object, where, intervention, means, error))
    return FALSE;

  if (json_object_has_member (object, "phase"))
    {
      const char *phase = NULL;

      if (!get_text (object, where, "phase", &phase, error))
        return FALSE;
      if (!moe_scope_parse (phase, &intervention->scope))
        return fail (error, "%sthe phase \"%s\" is not prompt, answer or both", where, phase);
    }

  if (json_object_has_member (object, "from_token") &&
      !get_integer (object, where, "from_token", 0, G_MAXUINT32, &from_token, error))
    return FALSE;

  intervention->from_token = (guint) from_token;
  return TRUE;
}

static MoeMask *
read_interventions (JsonArray           *array,
                    const MoeModelInfo  *info,
                    GError             **error)
{
  g_autofree MoeIntervention *interventions = NULL;
  g_autoptr (MoeMask) mask = NULL;
  g_autoptr (MoeExpertMeans) means = NULL;
  guint n = json_array_get_length (array);

  interventions = g_new (MoeIntervention, n);
  for (guint i = 0; i < n; i++)
    if (!read_intervention (json_array_get_element (array, i), i, info, &interventions[i], &means,
                            error))
      return NULL;

  mask = moe_mask_new (interventions, n);
  if (moe_mask_get_n (mask) != n)
    {
      fail (error, "names an expert twice for the same action");
      return NULL;
    }

  return means != NULL ? moe_mask_with_means (mask, means) : g_steal_pointer (&mask);
}

static MoeMask *
read_file (JsonObject    *object,
           MoeModelInfo **info,
           GError       **error)
{
  static const char * const known[] = { "format", "version", "model", "interventions", NULL };
  g_autoptr (MoeModelInfo) made_for = NULL;
  g_autoptr (MoeMask) mask = NULL;
  JsonObject *model;
  JsonNode *interventions;
  const char *format = NULL;
  gint64 version;

  if (!get_text (object, "", "format", &format, NULL) || !g_str_equal (format, FORMAT_NAME))
    {
      fail (error, "is not a mask file: \"format\" is not \"" FORMAT_NAME "\"");
      return NULL;
    }
  if (!get_integer (object, "", "version", 1, G_MAXINT32, &version, error))
    return NULL;
  if (version > FORMAT_VERSION)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
                   "is a mask file of version %" G_GINT64_FORMAT ", newer than the %d this program knows",
                   version, FORMAT_VERSION);
      return NULL;
    }

  if (!check_members (object, "", known, error))
    return NULL;
  model = get_object (object, "model", error);
  if (model == NULL)
    return NULL;
  made_for = read_model (model, error);
  if (made_for == NULL)
    return NULL;

  interventions = json_object_get_member (object, "interventions");
  if (interventions == NULL || !JSON_NODE_HOLDS_ARRAY (interventions))
    {
      fail (error, interventions == NULL ? "\"interventions\" is missing"
            : "\"interventions\" is not an array");
      return NULL;
    }
  mask = read_interventions (json_node_get_array (interventions), made_for, error);
  if (mask == NULL)
    return NULL;

  if (info != NULL)
    *info = g_steal_pointer (&made_for);
  return g_steal_pointer (&mask);
}

MoeMask *
moe_mask_from_json (const char    *json,
                    gssize         length,
                    MoeModelInfo **info,
                    GError       **error)
{
  g_autoptr (JsonParser) parser = NULL;
  g_autoptr (GError) local = NULL;
  MemberCount count = { 0 };
  gsize n;
  gboolean parsed;
  JsonNode *root;

  g_return_val_if_fail (json != NULL, NULL);

  n = length < 0 ? strlen (json) : (gsize) length;
  if (n > MAX_BYTES)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_LIMIT, "is larger than the %u bytes allowed", MAX_BYTES);
      return NULL;
    }
  if (!g_utf8_validate_len (json, n, NULL))
    {
      fail (error, "is not a mask file: it is not UTF-8 text");
      return NULL;
    }
  if (!check_outline (json, n, error))
    return NULL;

  parser = json_parser_new_immutable ();
  count.counts = g_array_new (FALSE, FALSE, sizeof (guint));
  g_signal_connect (parser, "object-start", G_CALLBACK (on_object_start), &count);
  g_signal_connect (parser, "object-member", G_CALLBACK (on_object_member), &count);
  g_signal_connect (parser, "object-end", G_CALLBACK (on_object_end), &count);
  parsed = json_parser_load_from_data (parser, json, (gssize) n, &local);
  g_array_unref (count.counts);
  if (!parsed)
    {
      fail_syntax (local, error);
      return NULL;
    }
  if (count.has_twins)
    {
      fail (error, "an object has two members of the same name");
      return NULL;
    }

  root = json_parser_get_root (parser);
  if (root == NULL || !JSON_NODE_HOLDS_OBJECT (root))
    {
      fail (error, "is not a mask file: it is not one JSON object");
      return NULL;
    }

  return read_file (json_node_get_object (root), info, error);
}

MoeMask *
moe_mask_file_load (const char    *path,
                    MoeModelInfo **info,
                    GError       **error)
{
  g_autofree char *json = NULL;
  MoeMask *mask;
  gsize length;

  g_return_val_if_fail (path != NULL, NULL);

  if (!moe_file_read (path, MAX_BYTES, &json, &length, error))
    return NULL;

  mask = moe_mask_from_json (json, (gssize) length, info, error);
  if (mask == NULL)
    g_prefix_error (error, "%s: ", path);
  return mask;
}
