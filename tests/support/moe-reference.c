/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-reference"

#include "tests/support/moe-reference.h"

#include <string.h>

/* Takes @n numbers of 32 bits from the front of what is left. Transfer full. */
static gpointer
take (const guint8 **p,
      gsize         *left,
      gsize          n)
{
  guint32 *values = g_new (guint32, n);

  g_assert_cmpuint (n * 4, <=, *left);
  memcpy (values, *p, n * 4);
  for (gsize i = 0; i < n; i++)
    values[i] = GUINT32_FROM_LE (values[i]);
  *p += n * 4;
  *left -= n * 4;
  return values;
}

MoeReference *
moe_reference_load (const char *name)
{
  MoeReference *self = g_new0 (MoeReference, 1);
  g_autofree char *file = g_strconcat (name, ".logits", NULL);
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "reference", file, NULL);
  g_autofree char *contents = NULL;
  g_autofree guint32 *header = NULL;
  g_autoptr (GError) error = NULL;
  const guint8 *p;
  gsize left;

  g_file_get_contents (path, &contents, &left, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (left, >, 8);
  g_assert_cmpmem (contents, 8, "MOELOGI2", 8);
  p = (const guint8 *) contents + 8;
  left -= 8;

  header = take (&p, &left, 8);
  self->n_tokens = header[0];
  self->vocabulary = header[1];
  self->n_greedy = header[2];
  self->n_layers = header[3];
  self->n_used = header[4];
  self->n_long = header[5];
  self->n_all_layers = header[6];
  self->n_channels = header[7];
  self->tokens = take (&p, &left, self->n_long);
  self->greedy = take (&p, &left, self->n_greedy);
  self->chosen = take (&p, &left, (gsize) self->n_layers * self->n_tokens * self->n_used);
  self->weights = take (&p, &left, (gsize) self->n_layers * self->n_tokens * self->n_used);
  self->residual = take (&p, &left, (gsize) self->n_all_layers * self->n_tokens * self->n_channels);
  self->logits = take (&p, &left, (gsize) self->n_tokens * self->vocabulary);
  if (left > 0)
    self->rounding = take (&p, &left, (gsize) self->n_long * 2);
  g_assert_cmpuint (left, ==, 0);
  return self;
}

void
moe_reference_free (MoeReference *self)
{
  if (self == NULL)
    return;
  g_free (self->tokens);
  g_free (self->greedy);
  g_free (self->chosen);
  g_free (self->weights);
  g_free (self->residual);
  g_free (self->logits);
  g_free (self->rounding);
  g_free (self);
}
