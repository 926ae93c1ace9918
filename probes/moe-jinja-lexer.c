/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-jinja-lexer"

#include <string.h>

#include "data/moe-error.h"
#include "probes/moe-jinja-private.h"

typedef struct
{
  const char *at;
  GArray     *tokens;
  gboolean    line_starting; /* nothing but stripped space stands before @at on its line */
} Lexer;

static void
clear_token (gpointer data)
{
  MoeJinjaToken *token = data;

  g_free (token->text);
}

static void
add (Lexer             *lexer,
     MoeJinjaTokenType  type,
     char              *text,
     gint64             number)
{
  const MoeJinjaToken token = { type, text, number };

  g_array_append_val (lexer->tokens, token);
}

gboolean
moe_jinja_is_space (gunichar c)
{
  return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
             c == 0x3000;
}

/* One kind of line end, and no last one. */
static char *
normalize_lines (const char *source)
{
  GString *text = g_string_new (NULL);

  for (const char *p = source; *p != '\0'; p++)
    {
      if (*p == '\r')
        {
          g_string_append_c (text, '\n');
          if (p[1] == '\n')
            p++;
        }
      else
        {
          g_string_append_c (text, *p);
        }
    }
  if (text->len > 0 && text->str[text->len - 1] == '\n')
    g_string_truncate (text, text->len - 1);

  return g_string_free (text, FALSE);
}

static void
skip_space (Lexer *lexer)
{
  while (*lexer->at != '\0' && moe_jinja_is_space (g_utf8_get_char (lexer->at)))
    {
      lexer->line_starting = *lexer->at == '\n';
      lexer->at = g_utf8_next_char (lexer->at);
    }
}

/* After a tag whose end @at stands behind; @sign is the character before the two of the end. */
static void
end_tag (Lexer    *lexer,
         char      sign,
         gboolean  trim)
{
  lexer->line_starting = FALSE;
  if (sign == '-')
    {
      skip_space (lexer);
    }
  else if (trim && sign != '+' && *lexer->at == '\n')
    {
      lexer->at++;
      lexer->line_starting = TRUE;
    }
}

static void
add_text (Lexer      *lexer,
          const char *start,
          const char *end,
          char        sign,
          gboolean    is_output)
{
  if (sign == '-')
    {
      while (end > start)
        {
          const char *before = g_utf8_prev_char (end);

          if (!moe_jinja_is_space (g_utf8_get_char (before)))
            break;
          end = before;
        }
    }
  else if (sign != '+' && !is_output)
    {
      const char *line = end;

      while (line > start && line[-1] != '\n' &&
             moe_jinja_is_space (g_utf8_get_char (g_utf8_prev_char (line))))
        line = g_utf8_prev_char (line);
      if (line == start ? lexer->line_starting : line[-1] == '\n')
        end = line;
    }

  if (end > start)
    add (lexer, MOE_JINJA_TEXT, g_strndup (start, (gsize) (end - start)), 0);
}

static gboolean
read_string (Lexer   *lexer,
             GError **error)
{
  const char quote = *lexer->at++;
  g_autoptr (GString) value = g_string_new (NULL);

  for (; *lexer->at != quote; lexer->at++)
    {
      static const char escaped[] = "n\nt\tr\r\\\\'\'\"\"";
      const char *p;

      if (*lexer->at == '\0')
        {
          g_set_error_literal (error, MOE_ERROR, MOE_ERROR_FORMAT, "a string does not end");
          return FALSE;
        }
      if (*lexer->at != '\\')
        {
          g_string_append_c (value, *lexer->at);
          continue;
        }

      lexer->at++;
      for (p = escaped; *p != '\0' && *p != *lexer->at; p += 2)
        ;
      if (*p != '\0')
        {
          g_string_append_c (value, p[1]);
        }
      else if (*lexer->at == 'u' && strspn (lexer->at + 1, "0123456789abcdefABCDEF") >= 4)
        {
          const char digits[5] = { lexer->at[1], lexer->at[2], lexer->at[3], lexer->at[4], '\0' };
          const gunichar c = (gunichar) g_ascii_strtoull (digits, NULL, 16);

          if (c == 0 || !g_unichar_validate (c))
            {
              g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED, "the character \\u%s is not supported",
                           digits);
              return FALSE;
            }
          g_string_append_unichar (value, c);
          lexer->at += 4;
        }
      else
        {
          g_set_error_literal (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED, "a string has an unknown escape");
          return FALSE;
        }
    }

  lexer->at++;
  add (lexer, MOE_JINJA_STRING, g_strndup (value->str, value->len), 0);
  return TRUE;
}

static gboolean
read_operator (Lexer   *lexer,
               GError **error)
{
  static const char *const operators[] = {
    "==", "!=", "<=", ">=", "//", "**", "<", ">", "+", "-", "*", "/", "%", "~", "|", ".", ",", ":", "=", "(",
        ")",
    "[", "]", "{", "}",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (operators); i++)
    {
      if (g_str_has_prefix (lexer->at, operators[i]))
        {
          add (lexer, MOE_JINJA_OPERATOR, g_strdup (operators[i]), 0);
          lexer->at += strlen (operators[i]);
          return TRUE;
        }
    }

  g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED,
               "the character U+%04X is not supported in an expression",
               g_utf8_get_char (lexer->at));
  return FALSE;
}

static gboolean
read_word (Lexer   *lexer,
           GError **error)
{
  const char *start = lexer->at;

  while (g_ascii_isalnum (*lexer->at) || *lexer->at == '_')
    lexer->at++;

  if (g_ascii_isdigit (*start))
    {
      g_autofree char *digits = g_strndup (start, (gsize) (lexer->at - start));
      guint64 number;

      if (*lexer->at == '.' || !g_ascii_string_to_unsigned (digits, 10, 0, G_MAXINT32, &number, NULL))
        {
          g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED, "the number %s... is not supported", digits);
          return FALSE;
        }
      add (lexer, MOE_JINJA_INTEGER, NULL, (gint64) number);
    }
  else
    {
      add (lexer, MOE_JINJA_NAME, g_strndup (start, (gsize) (lexer->at - start)), 0);
    }

  return TRUE;
}

/* What stands between "{{" or "{%" and its end. */
static gboolean
read_tag (Lexer    *lexer,
          gboolean  is_output,
          GError  **error)
{
  const char *end = is_output ? "}}" : "%}";
  guint depth = 0;

  add (lexer, is_output ? MOE_JINJA_OPEN_EXPRESSION : MOE_JINJA_OPEN_STATEMENT, NULL, 0);

  while (*lexer->at != '\0')
    {
      const char c = *lexer->at;

      if (depth == 0 && (c == '-' || (c == '+' && !is_output)) && g_str_has_prefix (lexer->at + 1, end))
        {
          lexer->at += 3;
          add (lexer, is_output ? MOE_JINJA_CLOSE_EXPRESSION : MOE_JINJA_CLOSE_STATEMENT, NULL, 0);
          end_tag (lexer, c, !is_output);
          return TRUE;
        }
      if (depth == 0 && g_str_has_prefix (lexer->at, end))
        {
          lexer->at += 2;
          add (lexer, is_output ? MOE_JINJA_CLOSE_EXPRESSION : MOE_JINJA_CLOSE_STATEMENT, NULL, 0);
          end_tag (lexer, '\0', !is_output);
          return TRUE;
        }

      if (g_ascii_isspace (c))
        {
          lexer->at++;
          continue;
        }
      if (c == '(' || c == '[' || c == '{')
        depth++;
      else if ((c == ')' || c == ']' || c == '}') && depth > 0)
        depth--;

      if (c == '"' || c == '\'')
        {
          if (!read_string (lexer, error))
            return FALSE;
        }
      else if (g_ascii_isalnum (c) || c == '_')
        {
          if (!read_word (lexer, error))
            return FALSE;
        }
      else if (!read_operator (lexer, error))
        {
          return FALSE;
        }
    }

  g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "a tag has no %s", end);
  return FALSE;
}

/* The next "{{", "{%" or "{#", or the end of the text. */
static const char *
find_tag (const char *text)
{
  const char *p = text;

  while ((p = strchr (p, '{')) != NULL && p[1] != '{' && p[1] != '%' && p[1] != '#')
    p++;

  return p != NULL ? p : text + strlen (text);
}

GArray *
moe_jinja_tokenize (const char  *source,
                    GError     **error)
{
  g_autofree char *text = normalize_lines (source);
  g_autoptr (GArray) tokens = g_array_new (FALSE, FALSE, sizeof (MoeJinjaToken));
  Lexer lexer = { text, tokens, TRUE };

  g_array_set_clear_func (tokens, clear_token);

  while (*lexer.at != '\0')
    {
      const char *tag = find_tag (lexer.at);
      char sign = '\0', kind;

      if (*tag == '\0')
        {
          add (&lexer, MOE_JINJA_TEXT, g_strdup (lexer.at), 0);
          break;
        }

      kind = tag[1];
      if (tag[2] == '-' || (tag[2] == '+' && kind != '{'))
        sign = tag[2];
      add_text (&lexer, lexer.at, tag, sign, kind == '{');
      lexer.at = tag + (sign != '\0' ? 3 : 2);

      if (kind == '#')
        {
          const char *end = strstr (lexer.at, "#}");

          if (end == NULL)
            {
              g_set_error_literal (error, MOE_ERROR, MOE_ERROR_FORMAT, "a comment does not end");
              return NULL;
            }
          sign = end > lexer.at ? end[-1] : '\0';
          lexer.at = end + 2;
          end_tag (&lexer, sign, TRUE);
        }
      else if (!read_tag (&lexer, kind == '{', error))
        {
          return NULL;
        }
    }

  add (&lexer, MOE_JINJA_END, NULL, 0);
  return g_steal_pointer (&tokens);
}
