/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-test-vocabulary"

#include "tests/support/moe-test-vocabulary.h"

#include <string.h>

/* tokenizer.ggml.token_type */
enum { NORMAL = 1, UNKNOWN = 2, CONTROL = 3, USER_DEFINED = 4, BYTE = 6 };

typedef struct
{
  GPtrArray  *texts;  /* (char *) as the file spells them */
  GArray     *types;  /* (gint32) */
  GArray     *scores; /* (float) */
  GHashTable *ids;    /* text -> index */
} Vocabulary;

static void
vocabulary_init (Vocabulary *self)
{
  self->texts = g_ptr_array_new_with_free_func (g_free);
  self->types = g_array_new (FALSE, FALSE, sizeof (gint32));
  self->scores = g_array_new (FALSE, FALSE, sizeof (float));
  self->ids = g_hash_table_new (g_str_hash, g_str_equal);
}

static void
vocabulary_clear (Vocabulary *self)
{
  g_hash_table_unref (self->ids);
  g_ptr_array_unref (self->texts);
  g_array_unref (self->types);
  g_array_unref (self->scores);
}

/* FALSE when @text is there already. */
static gboolean
vocabulary_add (Vocabulary *self,
                const char *text,
                gint32      type,
                float       score)
{
  char *copy;

  if (g_hash_table_contains (self->ids, text))
    return FALSE;
  copy = g_strdup (text);
  g_hash_table_insert (self->ids, copy, GUINT_TO_POINTER (self->texts->len));
  g_ptr_array_add (self->texts, copy);
  g_array_append_val (self->types, type);
  g_array_append_val (self->scores, score);
  return TRUE;
}

static guint
vocabulary_find (Vocabulary *self,
                 const char *text)
{
  gpointer id;

  g_assert_true (g_hash_table_lookup_extended (self->ids, text, NULL, &id));
  return GPOINTER_TO_UINT (id);
}

static void
add_strings (MoeGgufWriter *writer,
             const char    *key,
             GPtrArray     *strings)
{
  g_autofree MoeGgufString *values = g_new (MoeGgufString, strings->len);

  for (guint i = 0; i < strings->len; i++)
    {
      values[i].bytes = strings->pdata[i];
      values[i].length = strlen (strings->pdata[i]);
    }
  moe_gguf_writer_add_string_array (writer, key, values, strings->len);
}

static void
vocabulary_write (Vocabulary    *self,
                  MoeGgufWriter *writer,
                  gboolean       with_scores)
{
  add_strings (writer, "tokenizer.ggml.tokens", self->texts);
  if (with_scores)
    moe_gguf_writer_add_array (writer, "tokenizer.ggml.scores", MOE_GGUF_FLOAT32, self->scores->data,
                               self->scores->len);
  moe_gguf_writer_add_array (writer, "tokenizer.ggml.token_type", MOE_GGUF_INT32, self->types->data,
                             self->types->len);
}

/* GPT-2 writes the bytes that are not printable characters of Latin-1 as U+0100 onwards, in ascending
 * order. */
static gboolean
byte_is_printable (guint byte)
{
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

static void
fill_byte_spellings (char spellings[256][4])
{
  gunichar next = 0x100;

  for (guint byte = 0; byte < 256; byte++)
    spellings[byte][g_unichar_to_utf8 (byte_is_printable (byte) ? byte : next++, spellings[byte])] = '\0';
}

/* Each word becomes tokens from its first byte onwards: "the" makes the merges t+h and th+e. Earlier merges
 * win. */
static const char *const bpe_words[] = {
  " the", "  ", "he", "in", "ing", " t", " a", "an", "and", "er", "re", "on", "    ", "'s", "'S", "'ll",
  "'LL", "'re", "'RE", "n't", "don't", "'t", "'ve", "'m", "'d", "12", "34", "123", "1234", " 1", " 12", "00",
  "000", "\n\n", "\r\n", "\n ", " \n", "\t\t", "\n\t", ".\n", "!!", "()", "();", " (", "=>", "==", " =", "_a",
  "a1", "1a", "\"a", ".a", "-a", " -", "/a", "\xc3\xa9", " \xc3\xa9", "e\xcc\x81", "\xe4\xb8\xad\xe6\x96\x87",
  "\xed\x95\x9c", "\xf0\x9f\x98\x80", "\xe2\x80\x8d", "\xc2\xa0", "\xc2\xa0\x61", "\xe3\x80\x80",
  "\xd8\xa7\xd9\x84", "\xd7\xa9", " w", "wor", "ld", " h", "hel", "lo", " \t",
};

/* Merges of two whole tokens, which give other ways to the same spelling. */
static const struct { const char *left, *right; } bpe_pairs[] = {
  { "wor", "ld" }, { "hel", "lo" }, { " ", "hello" }, { " ", "world" }, { "  ", " the" }, { "ing", " the" },
  { "hello", " w" }, { "\n\n", "  " }, { "123", "4" }, { "00", "00" }, { "'s", " a" }, { "==", "==" },
};

/* Whole words no merge leads to: only pre-tokenizers that look a word up before merging give them. */
static const char *const bpe_unreachable[] = { " router", "expert", " Moe", "789" };

static char *
spell_bytes (char        spellings[256][4],
             const char *bytes)
{
  GString *out = g_string_new (NULL);

  for (const char *p = bytes; *p != '\0'; p++)
    g_string_append (out, spellings[(guint8) *p]);
  return g_string_free (out, FALSE);
}

static void
add_merge (Vocabulary *vocabulary,
           GPtrArray  *merges,
           const char *left,
           const char *right)
{
  g_autofree char *joined = g_strconcat (left, right, NULL);

  if (vocabulary_add (vocabulary, joined, NORMAL, 0.0f))
    g_ptr_array_add (merges, g_strconcat (left, " ", right, NULL));
}

static guint
add_bpe (MoeGgufWriter *writer,
         const char    *pre,
         gboolean       without_bos)
{
  g_autoptr (GPtrArray) merges = g_ptr_array_new_with_free_func (g_free);
  char spellings[256][4];
  Vocabulary vocabulary;
  guint n;

  vocabulary_init (&vocabulary);
  fill_byte_spellings (spellings);
  for (guint printable = 2; printable-- > 0;)
    for (guint byte = 0; byte < 256; byte++)
      if (byte_is_printable (byte) == (printable != 0))
        vocabulary_add (&vocabulary, spellings[byte], NORMAL, 0.0f);

  for (gsize i = 0; i < G_N_ELEMENTS (bpe_words); i++)
    {
      g_autoptr (GString) left = g_string_new (spellings[(guint8) bpe_words[i][0]]);

      for (const char *p = bpe_words[i] + 1; *p != '\0'; p++)
        {
          add_merge (&vocabulary, merges, left->str, spellings[(guint8) *p]);
          g_string_append (left, spellings[(guint8) *p]);
        }
    }
  for (gsize i = 0; i < G_N_ELEMENTS (bpe_pairs); i++)
    {
      g_autofree char *left = spell_bytes (spellings, bpe_pairs[i].left);
      g_autofree char *right = spell_bytes (spellings, bpe_pairs[i].right);

      vocabulary_find (&vocabulary, left);
      vocabulary_find (&vocabulary, right);
      add_merge (&vocabulary, merges, left, right);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (bpe_unreachable); i++)
    {
      g_autofree char *text = spell_bytes (spellings, bpe_unreachable[i]);
      vocabulary_add (&vocabulary, text, NORMAL, 0.0f);
    }
  vocabulary_add (&vocabulary, "<|endoftext|>", CONTROL, 0.0f);
  vocabulary_add (&vocabulary, "<|im_start|>", CONTROL, 0.0f);
  vocabulary_add (&vocabulary, "<|im_end|>", CONTROL, 0.0f);
  vocabulary_add (&vocabulary, "<tool>", USER_DEFINED, 0.0f);
  vocabulary_add (&vocabulary, "<tool><tool>", USER_DEFINED, 0.0f);

  moe_gguf_writer_add_string (writer, "tokenizer.ggml.model", "gpt2");
  moe_gguf_writer_add_string (writer, "tokenizer.ggml.pre", pre);
  vocabulary_write (&vocabulary, writer, FALSE);
  add_strings (writer, "tokenizer.ggml.merges", merges);
  moe_gguf_writer_add_uint (writer, "tokenizer.ggml.bos_token_id",
                            vocabulary_find (&vocabulary, "<|endoftext|>"));
  moe_gguf_writer_add_uint (writer, "tokenizer.ggml.eos_token_id",
                            vocabulary_find (&vocabulary, "<|im_end|>"));
  moe_gguf_writer_add_uint (writer, "tokenizer.ggml.padding_token_id",
                            vocabulary_find (&vocabulary, "<|endoftext|>"));
  if (without_bos)
    moe_gguf_writer_add_bool (writer, "tokenizer.ggml.add_bos_token", FALSE);

  n = vocabulary.texts->len;
  vocabulary_clear (&vocabulary);
  return n;
}

guint
moe_test_vocabulary_add_bpe (MoeGgufWriter *writer,
                             const char    *pre)
{
  /* Llama 3 files leave the key out and mean TRUE. */
  return add_bpe (writer, pre, !g_str_equal (pre, "llama-bpe"));
}

/* "_" stands for U+2581. Prefixes of two characters and more become pieces, so that every word can be
 * reached. */
static const char *const spm_words[] = {
  "_the", "_a", "_t", "he", "in", "ing", "_in", "er", "_h", "hello", "_hello", "_w", "world", "_world", "on",
  "an", "and", "_and", "__", "____", "'s", "12", "123", "_1", "!!", "()", "_(", "__a", "th", "the",
  "\xc3\xa9t\xc3\xa9", "\xe4\xb8\xad\xe6\x96\x87", "_\xe4\xb8\xad",
};

/* Characters with a piece of their own; all others fall back to bytes. */
static const char spm_characters[] =
  "_abcdefghijklmnopqrstuvwxyzTHIMS0123456789.,'!?()-=;\xc3\xa9\xe4\xb8\xad\xe6\x96\x87\xed\x95\x9c\n";

static void
append_spm_character (GString    *out,
                      const char *p)
{
  g_string_append_unichar (out, *p == '_' ? 0x2581 : g_utf8_get_char (p));
}

guint
moe_test_vocabulary_add_spm (MoeGgufWriter *writer,
                             gboolean       add_space_prefix)
{
  Vocabulary vocabulary;
  guint n_pieces = 0, n;

  vocabulary_init (&vocabulary);
  vocabulary_add (&vocabulary, "<unk>", UNKNOWN, 0.0f);
  vocabulary_add (&vocabulary, "<s>", CONTROL, 0.0f);
  vocabulary_add (&vocabulary, "</s>", CONTROL, 0.0f);
  for (guint byte = 0; byte < 256; byte++)
    {
      g_autofree char *text = g_strdup_printf ("<0x%02X>", byte);
      vocabulary_add (&vocabulary, text, BYTE, 0.0f);
    }

  /* Two pieces share each score: of equal pairs the leftmost must be joined first. */
  for (gsize i = 0; i < G_N_ELEMENTS (spm_words); i++)
    {
      g_autoptr (GString) piece = g_string_new (NULL);

      for (const char *p = spm_words[i]; *p != '\0'; p = g_utf8_next_char (p))
        {
          append_spm_character (piece, p);
          if (p != spm_words[i] && vocabulary_add (&vocabulary, piece->str, NORMAL, -(float) (n_pieces / 2)))
            n_pieces++;
        }
    }
  for (const char *p = spm_characters; *p != '\0'; p = g_utf8_next_char (p))
    {
      g_autoptr (GString) piece = g_string_new (NULL);

      append_spm_character (piece, p);
      vocabulary_add (&vocabulary, piece->str, NORMAL, -1000.0f - (float) n_pieces++);
    }
  vocabulary_add (&vocabulary, "[INST]", CONTROL, 0.0f);
  vocabulary_add (&vocabulary, "<tool>", USER_DEFINED, 0.0f);

  moe_gguf_writer_add_string (writer, "tokenizer.ggml.model", "llama");
  vocabulary_write (&vocabulary, writer, TRUE);
  moe_gguf_writer_add_uint (writer, "tokenizer.ggml.bos_token_id", 1);
  moe_gguf_writer_add_uint (writer, "tokenizer.ggml.eos_token_id", 2);
  moe_gguf_writer_add_uint (writer, "tokenizer.ggml.unknown_token_id", 0);
  if (!add_space_prefix)
    moe_gguf_writer_add_bool (writer, "tokenizer.ggml.add_space_prefix", FALSE);

  n = vocabulary.texts->len;
  vocabulary_clear (&vocabulary);
  return n;
}

/* Characters in merges that are no tokens by themselves, or not even together. */
static const char *const character_merges[] = { "q u", "qu i", "\xc3\xa9 q", "w o", "\xe2\x96\x81 w" };

static guint
add_characters (MoeGgufWriter *writer,
                const char    *pre)
{
  static const char *const specials[] = { "<pad>", "<eos>", "<bos>", "<unk>", "<turn|>", "<|tool_response>" };
  g_autoptr (GPtrArray) merges = g_ptr_array_new_with_free_func (g_free);
  const gboolean is_model = g_str_equal (pre, "gemma4");
  Vocabulary vocabulary;
  guint n;

  vocabulary_init (&vocabulary);
  for (gsize i = 0; i < G_N_ELEMENTS (specials); i++)
    vocabulary_add (&vocabulary, specials[i], CONTROL, 0.0f);
  for (guint byte = 0; byte < 256; byte++)
    {
      g_autofree char *text = g_strdup_printf ("<0x%02X>", byte);
      vocabulary_add (&vocabulary, text, BYTE, 0.0f);
    }
  for (const char *p = spm_characters; *p != '\0'; p = g_utf8_next_char (p))
    {
      g_autoptr (GString) piece = g_string_new (NULL);

      append_spm_character (piece, p);
      if (*p != 'q')
        vocabulary_add (&vocabulary, piece->str, NORMAL, 0.0f);
    }
  /* No merge leads to these. */
  vocabulary_add (&vocabulary, "\n\n", NORMAL, 0.0f);
  vocabulary_add (&vocabulary, "\n\n\n", NORMAL, 0.0f);
  vocabulary_add (&vocabulary, "qui", NORMAL, 0.0f);
  vocabulary_add (&vocabulary, "\xe2\x96\x81router", NORMAL, 0.0f);

  for (gsize i = 0; i < G_N_ELEMENTS (spm_words); i++)
    {
      g_autoptr (GString) left = g_string_new (NULL);

      append_spm_character (left, spm_words[i]);
      for (const char *p = g_utf8_next_char (spm_words[i]); *p != '\0'; p = g_utf8_next_char (p))
        {
          g_autoptr (GString) right = g_string_new (NULL);

          append_spm_character (right, p);
          add_merge (&vocabulary, merges, left->str, right->str);
          g_string_append (left, right->str);
        }
    }
  for (gsize i = 0; i < G_N_ELEMENTS (character_merges); i++)
    g_ptr_array_add (merges, g_strdup (character_merges[i]));
  vocabulary_add (&vocabulary, "</s>", NORMAL, 0.0f);
  vocabulary_add (&vocabulary, "<tool>", USER_DEFINED, 0.0f);

  moe_gguf_writer_add_string (writer, "tokenizer.ggml.model", is_model ? "gemma4" : "gpt2");
  if (!is_model)
    moe_gguf_writer_add_string (writer, "tokenizer.ggml.pre", pre);
  vocabulary_write (&vocabulary, writer, FALSE);
  add_strings (writer, "tokenizer.ggml.merges", merges);
  moe_gguf_writer_add_uint (writer, "tokenizer.ggml.bos_token_id", 2);
  moe_gguf_writer_add_uint (writer, "tokenizer.ggml.eos_token_id", 1);
  moe_gguf_writer_add_uint (writer, "tokenizer.ggml.unknown_token_id", 3);
  moe_gguf_writer_add_uint (writer, "tokenizer.ggml.padding_token_id", 0);
  /* Gemma 4 has it all the same. */
  moe_gguf_writer_add_bool (writer, "tokenizer.ggml.add_bos_token", FALSE);

  n = vocabulary.texts->len;
  vocabulary_clear (&vocabulary);
  return n;
}

guint
moe_test_vocabulary_add_default (MoeGgufWriter *writer,
                                 const char    *pre)
{
  if (g_str_equal (pre, "gemma4") || g_str_equal (pre, "sarvam-moe"))
    return add_characters (writer, pre);
  return add_bpe (writer, pre, g_str_equal (pre, "qwen2"));
}
