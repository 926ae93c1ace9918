/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-chat"

#include "probes/moe-chat.h"

#include <string.h>

#include "data/moe-error.h"
#include "probes/moe-jinja.h"
#include "probes/moe-tokenizer-private.h"

struct _MoeChat
{
  const char *family;
  char       *path;
  MoeJinja   *jinja;
};

/* What a template is called, by the marks it writes. The first that fits. */
static const struct { const char *family, *contains, *also; } families[] = {
  { "qwen3", "<|im_start|>", "</think>" },
  { "qwen3", "<|im_start|>", "<function=" },
  { "qwen2", "<|im_start|>", "You are Qwen" },
  { "qwen2", "<|im_start|>", "You are a helpful assistant" },
  { "chatml", "<|im_start|>", "" },
  { "llama-3", "<|start_header_id|>", "" },
  { "llama-2", "[INST]", "<<SYS>>" },
  { "mistral", "[INST]", "" },
  { "olmoe", "<|user|>", "<|assistant|>" },
};

static const char *
find_family (const char *template)
{
  for (gsize i = 0; i < G_N_ELEMENTS (families); i++)
    {
      if (strstr (template, families[i].contains) != NULL && strstr (template, families[i].also) != NULL)
        return families[i].family;
    }

  return "other";
}

static gboolean
contains_bytes (const GByteArray *marks)
{
  return marks->len > 0 && memchr (marks->data, 1, marks->len) != NULL;
}

/* Renders short conversations, so that a template that can't be rendered is refused at once. One that
 * doesn't take system messages or earlier turns says so when it is given some. */
static gboolean
try_out (MoeChat  *self,
         GError  **error)
{
  static const MoeJinjaMessage messages[] = {
    { "system", "Be brief." }, { "user", "Why?" }, { "assistant", "Because." }, { "user", "And?" },
  };
  static const struct { guint first, n; } conversations[] = { { 1, 1 }, { 0, 2 }, { 1, 3 } };
  static const MoeJinjaVariable variables[] = { { "bos_token", "<s>" }, { "eos_token", "</s>" } };

  for (gsize i = 0; i < G_N_ELEMENTS (conversations); i++)
    {
      g_autoptr (GString) text = g_string_new (NULL);
      g_autoptr (GByteArray) marks = g_byte_array_new ();
      GError *local = NULL;

      if (!moe_jinja_render (self->jinja, &messages[conversations[i].first], conversations[i].n, variables,
                             G_N_ELEMENTS (variables), text, marks, &local))
        {
          if (i > 0 && g_error_matches (local, MOE_ERROR, MOE_ERROR_INVALID))
            {
              g_error_free (local);
              continue;
            }
          g_propagate_error (error, local);
          return FALSE;
        }
      if (!contains_bytes (marks))
        {
          g_set_error_literal (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
                               "the chat template leaves the message out");
          return FALSE;
        }
    }

  return TRUE;
}

MoeChat *
moe_chat_new (MoeGguf  *gguf,
              GError  **error)
{
  g_autoptr (MoeChat) self = NULL;
  const char *path, *template = NULL;
  GError *local = NULL;

  g_return_val_if_fail (gguf != NULL, NULL);

  path = moe_gguf_get_path (gguf);
  if (!moe_gguf_get_string (gguf, "tokenizer.chat_template", &template, &local) || *template == '\0')
    {
      if (local != NULL)
        g_propagate_error (error, local);
      else
        g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED, "%s: the model has no chat template; use --raw",
                     path);
      return NULL;
    }

  self = g_new0 (MoeChat, 1);
  self->family = find_family (template);
  self->path = g_strdup (path);
  self->jinja = moe_jinja_new (template, &local);
  if (self->jinja == NULL || !try_out (self, &local))
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
                   "%s: the chat template (family %s) cannot be rendered: %s; "
                   "use --raw", path, self->family, local->message);
      g_error_free (local);
      return NULL;
    }

  return g_steal_pointer (&self);
}

void
moe_chat_free (MoeChat *self)
{
  if (self == NULL)
    return;

  moe_jinja_free (self->jinja);
  g_free (self->path);
  g_free (self);
}

const char *
moe_chat_get_family (const MoeChat *self)
{
  return self->family;
}

/* The token's spelling, or NULL; transfer full. */
static char *
spell (const MoeTokenizer *tokenizer,
       gint32              token)
{
  gsize length;
  const char *text;

  if (token < 0)
    return NULL;

  text = moe_tokenizer_get_text (tokenizer, token, &length);
  return g_utf8_make_valid (text, (gssize) length);
}

/* Fills in tokens and phases for the text of @prompt. A token that holds a byte of a message belongs to it,
 * also where it starts in the template: "\n" before "\nHow" may be one token. */
static void
tokenize_prompt (MoeChatPrompt      *prompt,
                 const MoeTokenizer *tokenizer,
                 gsize               length,
                 const GByteArray   *from_message)
{
  g_autoptr (GArray) spans = moe_tokenizer_encode_spans (tokenizer, prompt->text, length,
                                                         MOE_TOKENIZE_PARSE_SPECIAL,
                                                         from_message->data);

  prompt->n_tokens = spans->len;
  prompt->tokens = g_new (gint32, MAX (spans->len, 1));
  prompt->phases = g_new (MoePhase, MAX (spans->len, 1));
  for (guint i = 0; i < spans->len; i++)
    {
      const MoeTokenSpan *span = &g_array_index (spans, MoeTokenSpan, i);
      const gboolean is_message = span->end > span->start &&
                                  memchr (from_message->data + span->start, 1,
                                          span->end - span->start) != NULL;

      prompt->tokens[i] = span->id;
      prompt->phases[i] = is_message ? MOE_PHASE_PROMPT : MOE_PHASE_TEMPLATE;
    }
}

MoeChatPrompt *
moe_chat_render (const MoeChat         *self,
                 const MoeTokenizer    *tokenizer,
                 const MoeChatMessage  *messages,
                 guint                  n_messages,
                 GError               **error)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GByteArray) marks = g_byte_array_new ();
  g_autoptr (GPtrArray) contents = g_ptr_array_new_with_free_func (g_free);
  g_autofree MoeJinjaMessage *converted = g_new0 (MoeJinjaMessage, MAX (n_messages, 1));
  g_autofree char *bos = spell (tokenizer, moe_tokenizer_get_bos (tokenizer));
  g_autofree char *eos = spell (tokenizer, moe_tokenizer_get_eos (tokenizer));
  MoeJinjaVariable variables[2];
  guint n_variables = 0;
  MoeChatPrompt *prompt;

  if (n_messages == 0 || strcmp (messages[n_messages - 1].role, "user") != 0)
    {
      g_set_error_literal (error, MOE_ERROR, MOE_ERROR_INVALID,
                           "a conversation must end with what the user says");
      return NULL;
    }

  for (guint i = 0; i < n_messages; i++)
    {
      char *content = g_utf8_make_valid (messages[i].content, -1);

      g_ptr_array_add (contents, content);
      converted[i].role = messages[i].role;
      converted[i].content = content;
    }

  if (bos != NULL)
    variables[n_variables++] = (MoeJinjaVariable) { "bos_token", bos };
  if (eos != NULL)
    variables[n_variables++] = (MoeJinjaVariable) { "eos_token", eos };
  if (!moe_jinja_render (self->jinja, converted, n_messages, variables, n_variables, text, marks, error))
    return NULL;

  /* Some templates write BOS themselves, for others the tokenizer adds it. */
  if (moe_tokenizer_get_add_bos (tokenizer) && bos != NULL && !g_str_has_prefix (text->str, bos))
    {
      g_autofree guint8 *zeros = g_malloc0 (strlen (bos) + 1);

      g_string_prepend (text, bos);
      g_byte_array_prepend (marks, zeros, (guint) strlen (bos));
    }

  prompt = g_new0 (MoeChatPrompt, 1);
  prompt->text = g_strndup (text->str, text->len);
  tokenize_prompt (prompt, tokenizer, text->len, marks);
  return prompt;
}

MoeChatPrompt *
moe_chat_prompt_raw (const MoeTokenizer *tokenizer,
                     const char         *text,
                     gsize               length)
{
  const gboolean with_bos = moe_tokenizer_get_add_bos (tokenizer);
  MoeChatPrompt *prompt = g_new0 (MoeChatPrompt, 1);

  prompt->text = g_malloc (length + 1);
  if (length > 0)
    memcpy (prompt->text, text, length);
  prompt->text[length] = '\0';
  prompt->tokens = moe_tokenizer_encode (tokenizer, text, length,
                                         MOE_TOKENIZE_ADD_BOS | MOE_TOKENIZE_PARSE_SPECIAL,
                                         &prompt->n_tokens);
  prompt->phases = g_new (MoePhase, MAX (prompt->n_tokens, 1));
  for (gsize i = 0; i < prompt->n_tokens; i++)
    prompt->phases[i] = i == 0 && with_bos ? MOE_PHASE_TEMPLATE : MOE_PHASE_PROMPT;

  return prompt;
}

void
moe_chat_prompt_free (MoeChatPrompt *self)
{
  if (self == NULL)
    return;

  g_free (self->text);
  g_free (self->tokens);
  g_free (self->phases);
  g_free (self);
}
