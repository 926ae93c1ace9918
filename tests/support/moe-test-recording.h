/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

#include "data/moe-recording-writer.h"
#include "data/moe-recording.h"

G_BEGIN_DECLS

/* Recordings of invented numbers, for tests of what writes, reads and sums them. */

/* Five layers, of which 1, 2 and 4 have 11 experts (3 used); 6 heads, width 40, vocabulary 1000. */
MoeModelInfo       *moe_test_info_new          (gboolean               with_shared);

/* Random values of every kind that can occur: empty slots, missing log-probabilities, every bit pattern of a
 * half that is a number. */
MoeTokenRecord     *moe_test_record_new        (const MoeModelInfo    *info,
                                                GRand                 *random,
                                                gint64                 id,
                                                guint                  prompt,
                                                guint                  position,
                                                MoePhase               phase);
void                moe_test_record_check_equal (const MoeTokenRecord *a,
                                                 const MoeTokenRecord *b);

MoeRecordingWriter *moe_test_writer_new        (const char            *path,
                                                const MoeModelInfo    *info,
                                                gboolean               resume,
                                                GError               **error);
/* Prompts "prompt 0" and on of @n_tokens tokens each, in phases that take turns; token texts are "t<id>".
 * Returns the records in order (transfer full, an array of MoeTokenRecord that frees them). */
GPtrArray          *moe_test_write_prompts     (MoeRecordingWriter    *writer,
                                                const MoeModelInfo    *info,
                                                GRand                 *random,
                                                guint                  n_prompts,
                                                guint                  n_tokens);
/* A finished recording at @path. */
GPtrArray          *moe_test_write_recording   (const char            *path,
                                                const MoeModelInfo    *info,
                                                guint32                seed,
                                                guint                  n_prompts,
                                                guint                  n_tokens);

/* A finished recording at @path of @records (MoeTokenRecord), which are ordered by prompt; token texts are
 * "t<id>". */
void                moe_test_write_records     (const char            *path,
                                                const MoeModelInfo    *info,
                                                GPtrArray             *records);

/* A fresh folder; removed with all it holds. */
char               *moe_test_folder_new        (void);
void                moe_test_folder_remove     (char                  *folder);

/* A g_test_add() fixture: a folder, a path in it where nothing is yet, and a model with a shared expert. */
typedef struct
{
  char         *folder;
  char         *path;
  MoeModelInfo *info;
} MoeTestRecording;

void                moe_test_set_up            (MoeTestRecording      *fixture,
                                                gconstpointer          data);
void                moe_test_tear_down         (MoeTestRecording      *fixture,
                                                gconstpointer          data);

G_END_DECLS
