/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-hf-tiktoken"

#include <string.h>

#include "data/moe-file.h"
#include "data/moe-hf-tokenizer-private.h"

#define FILE_NAME "tiktoken.model"

/* Far above any token, and small enough to look at all its splits. */
#define MAX_TOKEN 512u

#define fail(folder, code, error, ...) \
  moe_hf_blame_file (moe_error_fail (error, code, NULL, __VA_ARGS__), error, folder, FILE_NAME)

/* A byte-level BPE as tiktoken has it: lines of a token in base64 and its rank, which is its id. Those
 * neighbours are joined first that make the token of the lowest rank, whichever they are; so every way to cut
 * a token into two is a merge. How a text is cut into pieces stands in the Python file of the tokenizer's
 * class, which nobody runs here: known are Moonshot's (Kimi-K2, Moonlight). */
static const char *const modules[] = { "tokenization_kimi.", "tokenization_moonshot." };

/* tokenization_kimi.py's pat_str, in which [X&&[^\p{Han}]] is what PCRE2 writes as (?!\p{Han})[X]. */
#define UPPER "(?:(?!\\p{Han})[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}])"
#define LOWER "(?:(?!\\p{Han})[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}])"
#define CONTRACTION "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"

static const char kimi_splits[] =
  "[\\p{Han}]+|[^\\r\\n\\p{L}\\p{N}]?" UPPER "*" LOWER "+" CONTRACTION
  "|[^\\r\\n\\p{L}\\p{N}]?" UPPER "+" LOWER "*" CONTRACTION
  "|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

typedef struct
{
  const char *folder;
  guint       n;      /* ids */
  GPtrArray  *texts;  /* (n) or NULL, each byte as a character */
  GHashTable *ranks;  /* text -> rank + 1 */
  guint       n_base; /* ranks */
} Reader;

/* GPT-2's way to write bytes as characters that are seen: the others follow 255. */
static gunichar
get_character (guint8 byte)
{
  if ((byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173))
    return byte;
  return 256 + (byte < 33 ? byte : byte < 161 ? byte - 127u + 33 : 67);
}

static gboolean
read_line (Reader  *self,
           char    *line,
           guint    number,
           GError **error)
{
  char *space = strchr (line, ' '), *end = NULL;
  g_autoptr(GString) text = g_string_new (NULL);
  g_autofree guint8 *bytes = NULL;
  g_autofree char *again = NULL;
  gsize length;
  guint64 rank;

  if (space == NULL || !g_ascii_isdigit (space[1]))
    return fail (self->folder, MOE_ERROR_FORMAT, error, "line %u is not a token and its rank", number);
  *space = '\0';
  rank = g_ascii_strtoull (space + 1, &end, 10);
  bytes = g_base64_decode (line, &length);
  again = g_base64_encode (bytes, length);
  if (length == 0 || !g_str_equal (line, again) || *end != '\0')
    return fail (self->folder, MOE_ERROR_FORMAT, error, "line %u is not a token and its rank", number);
  if (length > MAX_TOKEN)
    return fail (self->folder, MOE_ERROR_LIMIT, error, "the token in line %u is too long", number);
  if (rank >= self->n)
    return fail (self->folder, MOE_ERROR_FORMAT, error, "line %u has a rank beyond vocab_size", number);
  for (gsize i = 0; i < length; i++)
    g_string_append_unichar (text, get_character (bytes[i]));
  if (self->texts->pdata[rank] != NULL || g_hash_table_contains (self->ranks, text->str))
    return fail (self->folder, MOE_ERROR_FORMAT, error, "the token or rank of line %u is there twice",
                 number);
  g_hash_table_insert (self->ranks, text->str, GUINT_TO_POINTER ((guint) rank + 1));
  self->texts->pdata[rank] = g_string_free (g_steal_pointer (&text), FALSE);
  self->n_base = MAX (self->n_base, (guint) rank + 1);
  return TRUE;
}

typedef struct
{
  guint left, right; /* ranks + 1 */
  guint at;          /* bytes of the left text */
} Split;

static gint
compare_splits (gconstpointer a,
                gconstpointer b)
{
  const Split *x = a, *y = b;

  if (x->left != y->left)
    return x->left < y->left ? -1 : 1;
  return x->right < y->right ? -1 : x->right > y->right;
}

/* In the order of ranks, "left right". */
static JsonArray *
make_merges (Reader *self)
{
  JsonArray *merges = json_array_new ();
  g_autoptr(GArray) splits = g_array_new (FALSE, FALSE, sizeof (Split));

  for (guint rank = 0; rank < self->n_base; rank++)
    {
      const char *text = g_ptr_array_index (self->texts, rank);

      g_array_set_size (splits, 0);
      for (const char *at = text; at != NULL && *(at = g_utf8_next_char (at)) != '\0';)
        {
          g_autofree char *left = g_strndup (text, (gsize) (at - text));
          Split split = {
            GPOINTER_TO_UINT (g_hash_table_lookup (self->ranks, left)),
            GPOINTER_TO_UINT (g_hash_table_lookup (self->ranks, at)), (guint) (at - text),
          };

          if (split.left != 0 && split.right != 0)
            g_array_append_val (splits, split);
        }
      g_array_sort (splits, compare_splits);
      for (guint i = 0; i < splits->len; i++)
        {
          guint at = g_array_index (splits, Split, i).at;
          g_autofree char *merge = g_strdup_printf ("%.*s %s", (int) at, text, text + at);

          json_array_add_string_element (merges, merge);
        }
    }
  return merges;
}

static void
add_special (JsonArray  *added,
             guint       id,
             const char *text,
             gboolean    special)
{
  JsonObject *token = json_object_new ();

  json_object_set_int_member (token, "id", id);
  json_object_set_string_member (token, "content", text);
  json_object_set_boolean_member (token, "special", special);
  json_array_add_object_element (added, token);
}

/* added_tokens_decoder, ids as names; those behind the ranks that are not in it are reserved. */
static JsonArray *
make_added (Reader      *self,
            JsonObject  *settings,
            GError     **error)
{
  JsonObject *decoder = moe_hf_get_object (settings, "added_tokens_decoder");
  g_autoptr(JsonArray) added = json_array_new ();

  for (guint id = 0; id < self->n; id++)
    {
      g_autofree char *number = g_strdup_printf ("%u", id);
      JsonObject *token = moe_hf_get_object (decoder, number);
      const char *text = moe_hf_get_string (token, "content");
      g_autofree char *reserved = g_strdup_printf ("<|reserved_token_%u|>", id);

      if (token == NULL && id < self->n_base)
        continue;
      if (token != NULL && (text == NULL || self->texts->pdata[id] != NULL))
        {
          moe_hf_blame_file (moe_error_fail (error, MOE_ERROR_FORMAT, NULL,
                                             "the added token %u has no content, or is a token of "
                                             FILE_NAME, id),
                             error, self->folder, "tokenizer_config.json");
          return NULL;
        }
      add_special (added, id, token != NULL ? text : reserved,
                   token == NULL || moe_hf_get_bool (token, "special"));
    }
  return g_steal_pointer (&added);
}

static JsonObject *
make_pre_tokenizer (void)
{
  JsonObject *self = json_object_new (), *split = json_object_new (), *bytes = json_object_new ();
  JsonObject *pattern = json_object_new ();
  JsonArray *parts = json_array_new ();

  json_object_set_string_member (pattern, "Regex", kimi_splits);
  json_object_set_string_member (split, "type", "Split");
  json_object_set_object_member (split, "pattern", pattern);
  json_object_set_string_member (split, "behavior", "Isolated");
  json_object_set_boolean_member (split, "invert", FALSE);
  json_object_set_string_member (bytes, "type", "ByteLevel");
  json_object_set_boolean_member (bytes, "add_prefix_space", FALSE);
  json_object_set_boolean_member (bytes, "use_regex", FALSE);
  json_array_add_object_element (parts, split);
  json_array_add_object_element (parts, bytes);
  json_object_set_string_member (self, "type", "Sequence");
  json_object_set_array_member (self, "pretokenizers", parts);
  return self;
}

static gboolean
is_known_class (JsonObject *settings)
{
  JsonArray *map = moe_hf_get_array (moe_hf_get_object (settings, "auto_map"), "AutoTokenizer");
  JsonNode *node = map != NULL && json_array_get_length (map) > 0 ? json_array_get_element (map, 0) : NULL;
  const char *class = node != NULL && JSON_NODE_HOLDS_VALUE (node) ? json_node_get_string (node) : NULL;

  for (guint i = 0; class != NULL && i < G_N_ELEMENTS (modules); i++)
    if (g_str_has_prefix (class, modules[i]))
      return TRUE;
  return FALSE;
}

static gboolean
read_lines (Reader  *self,
            char    *data,
            gsize    length,
            GError **error)
{
  guint number = 0;

  if (strlen (data) != length)
    return fail (self->folder, MOE_ERROR_FORMAT, error, "is not text");
  for (char *line = data, *next; line != NULL; line = next)
    {
      next = strchr (line, '\n');
      if (next != NULL)
        *next++ = '\0';
      number++;
      if (*line != '\0' && !read_line (self, line, number, error))
        return FALSE;
    }
  if (self->n_base == 0)
    return fail (self->folder, MOE_ERROR_FORMAT, error, "has no tokens");
  return TRUE;
}

JsonNode *
moe_hf_read_tiktoken (const char         *folder,
                      JsonObject         *settings,
                      const MoeHfConfig  *config,
                      GError            **error)
{
  g_autofree char *path = g_build_filename (folder, FILE_NAME, NULL);
  g_autofree char *data = NULL;
  g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func (g_free);
  g_autoptr(GHashTable) ranks = g_hash_table_new (g_str_hash, g_str_equal);
  Reader self = { folder, config->vocabulary, texts, ranks, 0 };
  JsonObject *root, *model, *vocabulary;
  JsonArray *added;
  JsonNode *node;
  gsize length;

  if (!is_known_class (settings))
    {
      fail (folder, MOE_ERROR_UNSUPPORTED, error, "beside a tokenizer_config.json that does not name a class "
            "of Moonshot's is not supported: how a text is cut into pieces is not known");
      return NULL;
    }
  if (self.n > MOE_HF_MAX_TOKENIZER / 4)
    {
      fail (folder, MOE_ERROR_LIMIT, error, "vocab_size is %u, which is too much", self.n);
      return NULL;
    }
  g_ptr_array_set_size (texts, (gint) self.n);
  if (!moe_file_read (path, MOE_HF_MAX_TOKENIZER, &data, &length, error) ||
      !read_lines (&self, data, length, error))
    return NULL;
  added = make_added (&self, settings, error);
  if (added == NULL)
    return NULL;

  vocabulary = json_object_new ();
  for (guint rank = 0; rank < self.n_base; rank++)
    if (texts->pdata[rank] != NULL)
      json_object_set_int_member (vocabulary, texts->pdata[rank], rank);
  model = json_object_new ();
  json_object_set_string_member (model, "type", "BPE");
  json_object_set_boolean_member (model, "ignore_merges", TRUE);
  json_object_set_object_member (model, "vocab", vocabulary);
  json_object_set_array_member (model, "merges", make_merges (&self));
  root = json_object_new ();
  json_object_set_object_member (root, "model", model);
  json_object_set_array_member (root, "added_tokens", added);
  json_object_set_object_member (root, "pre_tokenizer", make_pre_tokenizer ());
  node = json_node_new (JSON_NODE_OBJECT);
  json_node_take_object (node, root);
  return node;
}
