/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "moe-recording-masks"

#include "data/moe-recording-masks.h"

#include <math.h>

#include "data/moe-error.h"
#include "data/moe-sqlite.h"

#define CANNOT_READ "cannot be read"

/* Columns of the statement. */
enum
{
  MASK_EVENT,
  MASK_TOKEN,
  MASK_NUMBER,
  MASK_LAYER,
  MASK_EXPERT,
  MASK_ACTION,
  MASK_MODE,
  MASK_VALUE,
  MASK_SCOPE,
  MASK_FROM_TOKEN
};

static gboolean
parse_action (const char *name,
              MoeAction  *action)
{
  for (int i = MOE_ACTION_DISABLE; i < MOE_N_ACTIONS; i++)
    {
      if (g_strcmp0 (name, moe_action_get_name (i)) == 0)
        {
          *action = i;
          return TRUE;
        }
    }
  return FALSE;
}

static gboolean
parse_mode (const char *name,
            MoeMode    *mode)
{
  for (int i = MOE_MODE_NONE; i < MOE_N_MODES; i++)
    {
      if (g_strcmp0 (name, moe_mode_get_name (i)) == 0)
        {
          *mode = i;
          return TRUE;
        }
    }
  return FALSE;
}

static gboolean
read_intervention (sqlite3_stmt    *statement,
                   MoeIntervention *intervention)
{
  const char *scope = (const char *) sqlite3_column_text (statement, MASK_SCOPE);
  gint64 layer = sqlite3_column_int64 (statement, MASK_LAYER);
  gint64 expert = sqlite3_column_int64 (statement, MASK_EXPERT);
  gint64 from_token = sqlite3_column_int64 (statement, MASK_FROM_TOKEN);

  if (layer < MOE_LAYER_ALL || layer > G_MAXINT || expert < MOE_EXPERT_ROUTER || expert > G_MAXINT ||
      from_token < 0 || from_token > G_MAXUINT)
    return FALSE;
  intervention->layer = (int) layer;
  intervention->expert = (int) expert;
  intervention->from_token = (guint) from_token;
  intervention->value = (float) sqlite3_column_double (statement, MASK_VALUE);
  return parse_action ((const char *) sqlite3_column_text (statement, MASK_ACTION), &intervention->action) &&
         parse_mode ((const char *) sqlite3_column_text (statement, MASK_MODE), &intervention->mode) &&
         scope != NULL && moe_scope_parse (scope, &intervention->scope);
}

static gboolean
give_mask (GArray              *interventions,
           gint64               token,
           const MoeModelInfo  *info,
           const char          *path,
           MoeMaskEventFunc     func,
           gpointer             user_data,
           GError             **error)
{
  g_autoptr(MoeMask) mask = moe_mask_new ((const MoeIntervention *) interventions->data, interventions->len);
  g_autoptr(GError) reason = NULL;

  if (!moe_mask_validate (mask, info, &reason))
    {
      g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT,
                   "%s: damaged: the mask at token %" G_GINT64_FORMAT ": %s", path, token, reason->message);
      return FALSE;
    }
  func (token, mask, user_data);
  return TRUE;
}

gboolean
moe_recording_read_masks (sqlite3             *db,
                          const char          *path,
                          const MoeModelInfo  *info,
                          MoeMaskEventFunc     func,
                          gpointer             user_data,
                          GError             **error)
{
  g_autoptr(GArray) interventions = g_array_new (FALSE, FALSE, sizeof (MoeIntervention));
  gint64 event = 0, token = 0;
  gboolean ok = TRUE, has_event = FALSE;
  sqlite3_stmt *statement;
  int rc;

  statement = moe_sqlite_prepare (db,
                                  "SELECT mask_event.id, token, number, layer, expert, action, mode, value, "
                                  "scope, from_token FROM mask_event LEFT JOIN mask_intervention "
                                  "ON event = mask_event.id ORDER BY mask_event.id, number",
                                  path, CANNOT_READ, error);
  if (statement == NULL)
    return FALSE;

  while (ok && (rc = sqlite3_step (statement)) == SQLITE_ROW)
    {
      MoeIntervention intervention;

      if (has_event && sqlite3_column_int64 (statement, MASK_EVENT) != event)
        {
          ok = give_mask (interventions, token, info, path, func, user_data, error);
          g_array_set_size (interventions, 0);
        }
      has_event = TRUE;
      event = sqlite3_column_int64 (statement, MASK_EVENT);
      token = sqlite3_column_int64 (statement, MASK_TOKEN);

      if (!ok || sqlite3_column_type (statement, MASK_NUMBER) == SQLITE_NULL)
        continue;
      ok = read_intervention (statement, &intervention);
      if (ok)
        g_array_append_val (interventions, intervention);
      else
        g_set_error (error, MOE_ERROR, MOE_ERROR_FORMAT, "%s: damaged: the mask at token %" G_GINT64_FORMAT,
                     path, token);
    }
  if (ok && rc != SQLITE_DONE)
    {
      moe_sqlite_set_error (error, db, path, CANNOT_READ);
      ok = FALSE;
    }
  if (ok && has_event)
    ok = give_mask (interventions, token, info, path, func, user_data, error);
  sqlite3_finalize (statement);
  return ok;
}
