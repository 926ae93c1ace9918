/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-pretokenizer"

#define PCRE2_CODE_UNIT_WIDTH 8

#include "probes/moe-pretokenizer.h"

#include <pcre2.h>
#include <string.h>

#include "data/moe-error.h"

#define MAX_PATTERNS 16

/* Enough for any text; what exceeds it is a pattern gone astray, and its piece stays whole. */
#define MATCH_LIMIT 20000000
#define HEAP_LIMIT_KIB (64 * 1024)

/* Building blocks of the patterns below. Letter case is spelled out where a case-insensitive match would
 * also take in U+017F and U+212A. */
#define CONTRACTION "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
#define SPACE "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define WORD "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+"
#define SIGNS " ?[^\\s\\p{L}\\p{N}]+"
/* Cased words in the approximation that llama.cpp uses: any letter but a-z, then any letter but A-Z. */
#define UPPER "[^\\P{L}a-z]"
#define LOWER "[^\\P{L}A-Z]"
#define CASED_WORD(tail) \
  "[^\\r\\n\\p{L}\\p{N}]?" UPPER "*" LOWER "+" tail "|[^\\r\\n\\p{L}\\p{N}]?" UPPER "+" LOWER "*" tail
#define HAN "\\x{4e00}-\\x{9fff}\\x{3400}-\\x{4dbf}\\x{20000}-\\x{2a6df}" \
  "\\x{2a700}-\\x{2ebef}\\x{f900}-\\x{faff}\\x{2f800}-\\x{2fa1f}"
#define CHINESE_AND_KANA "[\\x{4e00}-\\x{9fa5}\\x{3040}-\\x{309f}\\x{30a0}-\\x{30ff}]+"
#define CHINESE_AND_HANGUL "[\\x{4e00}-\\x{9fa5}\\x{800}-\\x{4e00}\\x{ac00}-\\x{d7ff}]+"

/* The lists of ranges, too, are those of llama.cpp: the third reaches from U+8C48 to the compatibility
 * ideographs. */
#define SOUTHEAST_AND_EAST_ASIAN "[\\x{4e00}-\\x{9fff}\\x{3400}-\\x{4dbf}\\x{8c48}-\\x{faff}" \
  "\\x{3040}-\\x{30ff}\\x{ff65}-\\x{ff9f}\\x{2f00}-\\x{2fdf}\\x{e40}-\\x{eff}\\x{1780}-\\x{17ff}" \
  "\\x{1000}-\\x{109f}\\x{aa60}-\\x{aa7f}\\x{a9e0}-\\x{a9ff}\\x{1100}-\\x{11ff}]+"
#define HANGUL "[\\x{ac00}-\\x{d7a3}\\x{3131}-\\x{318e}]+"
#define CJK_PUNCTUATION "[\\x{ff01}\\x{2026}\\x{201c}\\x{201d}\\x{2018}\\x{2019}\\x{2014}\\x{ff1a}\\x{ff1b}" \
  "\\x{ff0c}\\x{3001}-\\x{303f}\\x{fe30}-\\x{fe4f}]+"
#define NEWLINES "[^\\n]+|[\\n]+"
/* Where llama.cpp takes letters of every case for one another. */
#define MARKED_WORD "[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+" CONTRACTION "?"

#define GPT2 "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
#define LLAMA3 CONTRACTION "|" WORD "|\\p{N}{1,3}|" SIGNS "[\\r\\n]*|" SPACE
#define QWEN2 CONTRACTION "|" WORD "|\\p{N}|" SIGNS "[\\r\\n]*|" SPACE
#define DEEPSEEK_WORD "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|" \
  "[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"

/* DeepSeek's first tokenizer lists the cased letters of its day: those that PCRE2 knows but for the scripts
 * that came later. Its punctuation has U+3000, too, which llama.cpp takes for a space before it looks. */
#define DEEPSEEK_LETTER \
  "(?![\\x{560}-\\x{588}\\x{10c7}-\\x{10ff}\\x{1c80}-\\x{1c88}\\x{2d00}-\\x{2d2d}\\x{a790}-\\x{a7ff}" \
  "\\x{ab30}-\\x{ab6f}\\x{10570}-\\x{105bc}\\x{16e40}-\\x{16e7f}\\x{1d400}-\\x{1d7cb}" \
  "\\x{1df00}-\\x{1df1e}])\\p{L&}"
#define DEEPSEEK_SIGN \
  "[!-/:-~\\x{ff01}-\\x{ff0f}\\x{ff1a}-\\x{ff5e}\\x{2018}-\\x{201f}\\x{3001}\\x{3002}]"

typedef enum
{
  IGNORE_MERGES = 1 << 0,
  ADD_BOS       = 1 << 1,
  /* The first pattern finds digits, which are put in groups of three from the right of each run. */
  GROUP_DIGITS  = 1 << 2,
  CHARACTERS    = 1 << 3,
  KEEP_NEWLINES = 1 << 4,
} Traits;

typedef struct
{
  const char *names;                  /* separated by spaces */
  Traits      traits;
  const char *patterns[MAX_PATTERNS];
} Kind;

static const Kind kinds[] = {
  { "default", 0,
    { "[\\p{P}\\$\\+<=>\\^~\\|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]" } },
  { "gpt-2 olmo mpt phi-2 jina-es jina-de gigachat jina-v2-es jina-v2-de a.x-4.0 mellum modern-bert jais "
    "trillion "
    "granite-docling exaone4", 0,
    { GPT2 } },
  { "llama-bpe llama3 llama-v3 lfm2 pixtral falcon3 falcon-h1 midm-2.0 jina-v5-nano", IGNORE_MERGES | ADD_BOS,
    { LLAMA3 } },
  { "dbrx smaug-bpe glm4 chatglm-bpe", 0,
    { LLAMA3 } },
  { "qwen2 deepseek-r1-qwen kormo f2llmv2 megrez hunyuan solar-open stablelm2 grok-2", 0,
    { QWEN2 } },
  { "qwen35", 0,
    { CONTRACTION "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}|"
      " ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" SPACE } },
  { "refact starcoder command-r smollm codeshell exaone minerva-7b mellum2", 0,
    { "\\p{N}", GPT2 } },
  { "falcon", 0,
    { "[\\p{P}\\$\\+<=>\\^~\\|`]+", GPT2, "[0-9][0-9][0-9]" } },
  { "gpt-4o llama4 minimax-m2 kanana2 talkie", 0,
    { CASED_WORD (CONTRACTION "?") "|\\p{N}{1,3}|" SIGNS "[\\r\\n/]*|" SPACE } },
  { "tekken", IGNORE_MERGES | ADD_BOS,
    { CASED_WORD ("") "|\\p{N}|" SIGNS "[\\r\\n/]*|" SPACE } },
  { "deepseek-v3 hunyuan-dense joyai-llm hy_v4", 0,
    { "\\p{N}{1,3}", CHINESE_AND_KANA, DEEPSEEK_WORD "| ?[\\p{P}\\p{S}]+[\\r\\n]*|" SPACE } },
  { "deepseek-llm", 0,
    { "[\\r\\n]", "\\s?(?:" DEEPSEEK_LETTER ")+", "\\s?" DEEPSEEK_SIGN "+", "\\s+\\z", CHINESE_AND_HANGUL,
      "\\p{N}+" } },
  { "deepseek-coder", 0,
    { "[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", CHINESE_AND_HANGUL, "\\p{N}" } },
  { "bailingmoe bailingmoe2 llada-moe", 0,
    { "'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|" WORD "|\\p{N}|" SIGNS
      "[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+" } },
  { "exaone-moe", 0,
    { CONTRACTION "|[^\\r\\n\\p{L}\\p{N}]?(?:\\p{L}\\p{M}*(?: \\p{L}\\p{M}*)*)+|\\p{N}|" SIGNS
      "[\\r\\n/]?|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+" } },
  { "seed-coder", 0,
    { CONTRACTION "|" WORD "|\\p{N}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|" SPACE } },
  { "minicpm5", IGNORE_MERGES,
    { "\\p{N}{1,3}", CONTRACTION "|" WORD "|\\p{N}+|" SIGNS "[\\r\\n]*|" SPACE } },
  { "kimi-k2", 0,
    { "[" HAN "]+|[^\\r\\n\\p{L}\\p{N}]?[^\\P{L}" HAN "]+" CONTRACTION "?|\\p{N}{1,3}|" SIGNS
      "[\\r\\n]*|" SPACE } },
  { "laguna", 0,
    { NEWLINES, QWEN2 } },
  { "afmoe", GROUP_DIGITS,
    { "\\p{N}+", SOUTHEAST_AND_EAST_ASIAN, DEEPSEEK_WORD "| ?[\\p{P}\\p{S}]+[\\r\\n]*|" SPACE } },
  { "tiny_aya cohere2moe", GROUP_DIGITS,
    { "\\p{N}+", MARKED_WORD "|\\p{N}{1,3}|" SIGNS "[\\r\\n/]*|" SPACE } },
  { "youtu", IGNORE_MERGES,
    { HANGUL "|" CJK_PUNCTUATION "|[\\x{3105}-\\x{312f}]+|" CHINESE_AND_KANA,
      MARKED_WORD "|\\p{N}|" SIGNS "[\\r\\n/]*|" SPACE } },
  { "spark2_5", 0,
    { "\\p{N}{1,3}", CHINESE_AND_KANA, DEEPSEEK_WORD "| ?[\\p{P}\\p{S}]+|[\\r\\n]|\\s+(?!\\S)|\\s+",
      "\\p{N}" } },
  { "ufakzeka", 0,
    { WORD "|\\p{N}|" SIGNS "[\\r\\n]*|" SPACE } },
  { "gemma4", CHARACTERS | KEEP_NEWLINES,
    { NEWLINES } },
  { "sarvam-moe", CHARACTERS,
    { NEWLINES } },
};

struct _MoePretokenizer
{
  Traits               traits;
  pcre2_code          *codes[MAX_PATTERNS];
  guint                n_codes;
  pcre2_match_context *context;
};

/* Characters of Unicode 15 and 15.1 that PCRE2 before 10.43 takes for unassigned, U+180E, which PCRE2 counts
 * as a space and Unicode doesn't, and surrogates, which PCRE2 refuses: each with a character of its category
 * and of as many UTF-8 bytes to stand in for it while a pattern is matched. */
#define LETTER_4 0x10480
#define HAN_4 0x20000
#define MARK_3 0x20d0
#define LAO_MARK_3 0xec8
#define MARK_4 0x101fd
#define NUMBER_4 0x104a0
#define PUNCTUATION_4 0x10100
#define SYMBOL_3 0x2190
#define SYMBOL_4 0x1f300
#define FORMAT_3 0x200b
#define PRIVATE_3 0xe000

static const struct { guint32 first, last, stand_in; } stand_ins[] = {
  { 0x00cf3, 0x00cf3, MARK_3 }, { 0x00ece, 0x00ece, LAO_MARK_3 }, { 0x0180e, 0x0180e, FORMAT_3 },
  { 0x02ffc, 0x02fff, SYMBOL_3 }, { 0x031ef, 0x031ef, SYMBOL_3 }, { 0x0d800, 0x0dfff, PRIVATE_3 },
  { 0x10efd, 0x10eff, MARK_4 }, { 0x1123f, 0x11240, LETTER_4 }, { 0x11241, 0x11241, MARK_4 },
  { 0x11b00, 0x11b09, PUNCTUATION_4 }, { 0x11f00, 0x11f01, MARK_4 }, { 0x11f02, 0x11f02, LETTER_4 },
  { 0x11f03, 0x11f03, MARK_4 }, { 0x11f04, 0x11f10, LETTER_4 }, { 0x11f12, 0x11f33, LETTER_4 },
  { 0x11f34, 0x11f3a, MARK_4 }, { 0x11f3e, 0x11f42, MARK_4 }, { 0x11f43, 0x11f4f, PUNCTUATION_4 },
  { 0x11f50, 0x11f59, NUMBER_4 }, { 0x1342f, 0x1342f, LETTER_4 }, { 0x13440, 0x13440, MARK_4 },
  { 0x13441, 0x13446, LETTER_4 }, { 0x13447, 0x13455, MARK_4 }, { 0x1b132, 0x1b132, LETTER_4 },
  { 0x1b155, 0x1b155, LETTER_4 }, { 0x1d2c0, 0x1d2d3, NUMBER_4 }, { 0x1df25, 0x1df2a, LETTER_4 },
  { 0x1e030, 0x1e06d, LETTER_4 }, { 0x1e08f, 0x1e08f, MARK_4 }, { 0x1e4d0, 0x1e4eb, LETTER_4 },
  { 0x1e4ec, 0x1e4ef, MARK_4 }, { 0x1e4f0, 0x1e4f9, NUMBER_4 }, { 0x1f6dc, 0x1f6dc, SYMBOL_4 },
  { 0x1f774, 0x1f776, SYMBOL_4 }, { 0x1f77b, 0x1f77f, SYMBOL_4 }, { 0x1f7d9, 0x1f7d9, SYMBOL_4 },
  { 0x1fa75, 0x1fa77, SYMBOL_4 }, { 0x1fa87, 0x1fa88, SYMBOL_4 }, { 0x1faad, 0x1faaf, SYMBOL_4 },
  { 0x1fabb, 0x1fabd, SYMBOL_4 }, { 0x1fabf, 0x1fabf, SYMBOL_4 }, { 0x1face, 0x1facf, SYMBOL_4 },
  { 0x1fada, 0x1fadb, SYMBOL_4 }, { 0x1fae8, 0x1fae8, SYMBOL_4 }, { 0x1faf7, 0x1faf8, SYMBOL_4 },
  { 0x2b739, 0x2b739, HAN_4 }, { 0x2ebf0, 0x2ee5d, LETTER_4 }, { 0x31350, 0x323af, LETTER_4 },
};

static guint32
find_stand_in (guint32 character)
{
  gsize low = 0, high = G_N_ELEMENTS (stand_ins);

  while (low < high)
    {
      const gsize middle = (low + high) / 2;

      if (character < stand_ins[middle].first)
        high = middle;
      else if (character > stand_ins[middle].last)
        low = middle + 1;
      else
        return stand_ins[middle].stand_in;
    }

  return 0;
}

/* The character at @text in the plain reading of the bit patterns (over-long forms and surrogates pass), and
 * its length; 0 when there is none. */
static gsize
read_character (const char *text,
                gsize       length,
                guint32    *character)
{
  const guchar *s = (const guchar *) text;
  gsize n;

  if (s[0] < 0x80)
    {
      *character = s[0];
      return 1;
    }
  else if ((s[0] & 0xe0) == 0xc0)
    n = 2;
  else if ((s[0] & 0xf0) == 0xe0)
    n = 3;
  else if ((s[0] & 0xf8) == 0xf0)
    n = 4;
  else
    return 0;

  if (n > length)
    return 0;

  *character = s[0] & (0x7fu >> n);
  for (gsize i = 1; i < n; i++)
    {
      if ((s[i] & 0xc0) != 0x80)
        return 0;
      *character = *character << 6 | (s[i] & 0x3f);
    }

  return *character <= 0x10ffff ? n : 0;
}

static gboolean
names_contain (const char *names,
               const char *name)
{
  const gsize length = strlen (name);

  if (length == 0 || strchr (name, ' ') != NULL)
    return FALSE;

  for (const char *p = names; (p = strstr (p, name)) != NULL; p++)
    {
      if ((p == names || p[-1] == ' ') && (p[length] == ' ' || p[length] == '\0'))
        return TRUE;
    }

  return FALSE;
}

static MoePretokenizer *
new_empty (Traits traits)
{
  MoePretokenizer *self = g_new0 (MoePretokenizer, 1);

  self->traits = traits;
  self->context = pcre2_match_context_create (NULL);
  pcre2_set_match_limit (self->context, MATCH_LIMIT);
  pcre2_set_heap_limit (self->context, HEAP_LIMIT_KIB);
  return self;
}

static gboolean
add_pattern (MoePretokenizer  *self,
             const char       *pattern,
             gsize             length,
             guint32           options,
             GError          **error)
{
  PCRE2_UCHAR message[120];
  PCRE2_SIZE offset;
  int code;

  self->codes[self->n_codes] = pcre2_compile ((PCRE2_SPTR) pattern, length, PCRE2_UTF | PCRE2_UCP | options,
                                              &code, &offset, NULL);
  if (self->codes[self->n_codes] == NULL)
    {
      pcre2_get_error_message (code, message, sizeof message);
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT,
                   "the pattern that text is split by is wrong at offset %" G_GSIZE_FORMAT ": %s",
                   (gsize) offset, (const char *) message);
      return FALSE;
    }
  /* Without a just-in-time compiler the interpreter does the same, more slowly. */
  pcre2_jit_compile (self->codes[self->n_codes++], PCRE2_JIT_COMPLETE);
  return TRUE;
}

MoePretokenizer *
moe_pretokenizer_new (const char  *name,
                      GError     **error)
{
  g_autoptr (MoePretokenizer) self = NULL;
  const Kind *kind = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (kinds) && kind == NULL; i++)
    {
      if (names_contain (kinds[i].names, name != NULL ? name : "default"))
        kind = &kinds[i];
    }

  if (kind == NULL)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED, "the pre-tokenizer \"%s\" is not supported",
                   name);
      return NULL;
    }

  self = new_empty (kind->traits);
  for (guint i = 0; i < MAX_PATTERNS && kind->patterns[i] != NULL; i++)
    {
      g_autoptr (GError) wrong = NULL;

      if (!add_pattern (self, kind->patterns[i], strlen (kind->patterns[i]), 0, &wrong))
        g_error ("pattern %u of %s: %s", i, kind->names, wrong->message);
    }

  return g_steal_pointer (&self);
}

MoePretokenizer *
moe_pretokenizer_new_custom (const MoeGgufString  *patterns,
                             gsize                 n_patterns,
                             gboolean              ignore_merges,
                             GError              **error)
{
  g_autoptr (MoePretokenizer) self = new_empty (ignore_merges ? IGNORE_MERGES : 0);

  if (n_patterns > MAX_PATTERNS)
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_UNSUPPORTED, "text is split in more than %u steps",
                   MAX_PATTERNS);
      return NULL;
    }
  for (gsize i = 0; i < n_patterns; i++)
    if (!add_pattern (self, patterns[i].bytes, patterns[i].length, PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C,
                      error))
      return NULL;
  return g_steal_pointer (&self);
}

void
moe_pretokenizer_free (MoePretokenizer *self)
{
  if (self == NULL)
    return;

  for (guint i = 0; i < self->n_codes; i++)
    pcre2_code_free (self->codes[i]);
  pcre2_match_context_free (self->context);
  g_free (self);
}

gboolean
moe_pretokenizer_ignores_merges (const MoePretokenizer *self)
{
  return (self->traits & IGNORE_MERGES) != 0;
}

gboolean
moe_pretokenizer_adds_bos (const MoePretokenizer *self)
{
  return (self->traits & ADD_BOS) != 0;
}

gboolean
moe_pretokenizer_merges_characters (const MoePretokenizer *self)
{
  return (self->traits & CHARACTERS) != 0;
}

gboolean
moe_pretokenizer_keeps_newlines (const MoePretokenizer *self)
{
  return (self->traits & KEEP_NEWLINES) != 0;
}

char **
moe_pretokenizer_list_names (void)
{
  g_autoptr (GString) all = g_string_new (kinds[0].names);

  for (gsize i = 1; i < G_N_ELEMENTS (kinds); i++)
    g_string_append_printf (all, " %s", kinds[i].names);
  return g_strsplit (all->str, " ", -1);
}

GString *
moe_pretokenizer_clean (const char *text,
                        gsize       length)
{
  GString *clean = g_string_sized_new (length);

  for (gsize i = 0; i < length;)
    {
      guint32 character;
      const gsize n = read_character (text + i, length - i, &character);

      if (n == 1)
        g_string_append_c (clean, text[i]);
      else
        g_string_append_unichar (clean, n > 0 ? character : 0xfffd);
      i += MAX (n, 1);
    }

  return clean;
}

/* A copy of @text in which stand-ins take the place of what PCRE2 may not know, or NULL when there is
 * nothing to replace. */
static char *
replace_strangers (const char *text,
                   gsize       length)
{
  char *copy = NULL;

  for (gsize i = 0; i < length;)
    {
      guint32 character, stand_in;
      const gsize n = read_character (text + i, length - i, &character);

      stand_in = n > 2 ? find_stand_in (character) : 0;
      if (stand_in != 0)
        {
          if (copy == NULL)
            copy = g_memdup2 (text, length);
          g_unichar_to_utf8 (stand_in, copy + i);
        }
      i += MAX (n, 1);
    }

  return copy;
}

static void
split_piece (const pcre2_code    *code,
             pcre2_match_context *context,
             pcre2_match_data    *match,
             const char          *text,
             gsize                first,
             gsize                last,
             GArray              *ends)
{
  const gsize length = last - first;
  const PCRE2_SPTR subject = (PCRE2_SPTR) text + first;
  gsize offset = 0;

  while (offset < length)
    {
      const PCRE2_SIZE *range = pcre2_get_ovector_pointer (match);
      gsize end;
      int n;

      n = pcre2_match (code, subject, length, offset, PCRE2_NO_UTF_CHECK, match, context);
      /* The compiled matcher keeps its state on the stack and may run out of it; the interpreter uses the
       * heap. */
      if (n == PCRE2_ERROR_JIT_STACKLIMIT)
        n = pcre2_match (code, subject, length, offset, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, match, context);
      if (n < 0 || range[1] <= range[0])
        break;

      if (range[0] > offset)
        {
          end = first + range[0];
          g_array_append_val (ends, end);
        }
      end = first + range[1];
      g_array_append_val (ends, end);
      offset = range[1];
    }

  if (offset < length)
    g_array_append_val (ends, last);
}

/* Where the piece from @first to @last is cut by its runs of digits [start, end), which are every second of
 * @runs: "ab12345c" into "ab12", "345", "c". What is before a run stays with its first group. */
static void
group_digits (const char   *text,
              gsize         first,
              gsize         last,
              const GArray *runs,
              GArray       *ends)
{
  gsize done = first;

  for (guint i = 0; i + 1 < runs->len; i += 2)
    {
      const gsize start = g_array_index (runs, gsize, i), end = g_array_index (runs, gsize, i + 1);
      glong left = g_utf8_strlen (text + start, (gssize) (end - start));
      gsize at = start;

      for (; at < end; left--)
        {
          if (left % 3 == 0 && at > start)
            g_array_append_val (ends, at);
          at = (gsize) (g_utf8_next_char (text + at) - text);
        }
      g_array_append_val (ends, end);
      done = end;
    }

  if (done < last)
    g_array_append_val (ends, last);
}

/* The digits of a piece, start and end of each run in turn. */
static GArray *
find_digits (const pcre2_code    *code,
             pcre2_match_context *context,
             pcre2_match_data    *match,
             const char          *text,
             gsize                first,
             gsize                last)
{
  GArray *runs = g_array_new (FALSE, FALSE, sizeof (gsize));
  gsize offset = 0;

  while (offset < last - first
         && pcre2_match (code, (PCRE2_SPTR) text + first, last - first, offset, PCRE2_NO_UTF_CHECK, match,
                         context) > 0)
    {
      const PCRE2_SIZE *range = pcre2_get_ovector_pointer (match);
      const gsize run[] = { first + range[0], first + range[1] };

      g_array_append_vals (runs, run, 2);
      offset = range[1];
    }

  return runs;
}

gsize *
moe_pretokenizer_split (const MoePretokenizer *self,
                        const char            *text,
                        gsize                  length,
                        gsize                 *n_pieces)
{
  g_autofree char *replaced = replace_strangers (text, length);
  const char *subject = replaced != NULL ? replaced : text;
  pcre2_match_data *match = pcre2_match_data_create (1, NULL);
  GArray *ends = g_array_new (FALSE, FALSE, sizeof (gsize));

  if (length > 0)
    g_array_append_val (ends, length);

  for (guint i = 0; i < self->n_codes; i++)
    {
      GArray *finer = g_array_sized_new (FALSE, FALSE, sizeof (gsize), ends->len);
      gsize first = 0;

      for (guint j = 0; j < ends->len; j++)
        {
          const gsize last = g_array_index (ends, gsize, j);

          if (i == 0 && (self->traits & GROUP_DIGITS) != 0)
            {
              g_autoptr (GArray) runs = find_digits (self->codes[i], self->context, match, subject, first,
                                                     last);

              group_digits (subject, first, last, runs, finer);
            }
          else
            {
              split_piece (self->codes[i], self->context, match, subject, first, last, finer);
            }
          first = last;
        }
      g_array_unref (ends);
      ends = finer;
    }

  pcre2_match_data_free (match);
  *n_pieces = ends->len;
  return (gsize *) (gpointer) g_array_free (ends, FALSE);
}
