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
  MoeThinking thinking;
  GDate       today;
  char       *date;   /* the same, as YYYY-MM-DD */
  gboolean    dated;  /* the template writes it */
};

enum { MAX_VARIABLES = 4 };

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

/* The number of variables. */
static guint
add_thinking (MoeThinking       thinking,
              MoeJinjaVariable *variables)
{
  const gboolean on = thinking == MOE_THINKING_ON;

  if (thinking == MOE_THINKING_DEFAULT)
    return 0;

  variables[0] = (MoeJinjaVariable) { "enable_thinking", NULL, on };
  variables[1] = (MoeJinjaVariable) { "thinking", NULL, on };
  return 2;
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
  static const MoeJinjaVariable variables[] = {
    { "bos_token", "<s>", FALSE }, { "eos_token", "</s>", FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (conversations); i++)
    {
      g_autoptr (GString) text = g_string_new (NULL);
      g_autoptr (GByteArray) marks = g_byte_array_new ();
      const MoeJinjaInput input = { &messages[conversations[i].first], conversations[i].n, variables,
                                    G_N_ELEMENTS (variables), &self->today };
      gboolean dated;
      GError *local = NULL;

      if (!moe_jinja_render (self->jinja, &input, text, marks, &dated, &local))
        {
          if (i > 0 && g_error_matches (local, MOE_ERROR, MOE_ERROR_INVALID))
            {
              g_error_free (local);
              continue;
            }
          g_propagate_error (error, local);
          return FALSE;
        }
      self->dated |= dated;
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
  g_autoptr (GDateTime) now = NULL;
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
  now = g_date_time_new_now_local ();
  g_date_set_dmy (&self->today, (GDateDay) g_date_time_get_day_of_month (now),
                  (GDateMonth) g_date_time_get_month (now), (GDateYear) g_date_time_get_year (now));
  moe_chat_set_date (self, &self->today);
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
  g_free (self->date);
  g_free (self);
}

/* A short conversation as it is rendered with @thinking; NULL when it can't be. */
static char *
render_sample (const MoeChat *self,
               MoeThinking    thinking)
{
  static const MoeJinjaMessage message = { "user", "Why?" };
  MoeJinjaVariable variables[MAX_VARIABLES] = {
    { "bos_token", "<s>", FALSE }, { "eos_token", "</s>", FALSE },
  };
  const MoeJinjaInput input = { &message, 1, variables, 2 + add_thinking (thinking, variables + 2),
                                &self->today };
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GByteArray) marks = g_byte_array_new ();

  if (!moe_jinja_render (self->jinja, &input, text, marks, NULL, NULL))
    return NULL;
  return g_strdup (text->str);
}

gboolean
moe_chat_set_thinking (MoeChat      *self,
                       MoeThinking   thinking,
                       GError      **error)
{
  g_autofree char *on = NULL, *off = NULL;

  g_return_val_if_fail (self != NULL, FALSE);

  if (thinking != MOE_THINKING_DEFAULT)
    {
      on = render_sample (self, MOE_THINKING_ON);
      off = render_sample (self, MOE_THINKING_OFF);
      if (g_strcmp0 (on, off) == 0)
        {
          g_set_error_literal (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
                               "the chat template has no switch for thinking");
          return FALSE;
        }
    }

  self->thinking = thinking;
  return TRUE;
}

MoeThinking
moe_chat_get_thinking (const MoeChat *self)
{
  g_return_val_if_fail (self != NULL, MOE_THINKING_DEFAULT);

  return self->thinking;
}

void
moe_chat_set_date (MoeChat     *self,
                   const GDate *date)
{
  g_return_if_fail (self != NULL);
  g_return_if_fail (date != NULL && g_date_valid (date));

  self->today = *date;
  g_free (self->date);
  self->date = g_strdup_printf ("%04u-%02u-%02u", g_date_get_year (date), g_date_get_month (date),
                                g_date_get_day (date));
}

const char *
moe_chat_get_date (const MoeChat *self)
{
  return self->dated ? self->date : NULL;
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
  MoeJinjaVariable variables[MAX_VARIABLES];
  MoeJinjaInput input = { converted, n_messages, variables, 0, &self->today };
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
    variables[input.n_variables++] = (MoeJinjaVariable) { "bos_token", bos, FALSE };
  if (eos != NULL)
    variables[input.n_variables++] = (MoeJinjaVariable) { "eos_token", eos, FALSE };
  input.n_variables += add_thinking (self->thinking, variables + input.n_variables);
  if (!moe_jinja_render (self->jinja, &input, text, marks, NULL, error))
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
