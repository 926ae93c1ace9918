/* SPDX-License-Identifier: MIT */
#pragma once

#ifdef MOE_SQLITE_EXTENSION
#include <sqlite3ext.h>
#else
#include <sqlite3.h>
#endif

/* Makes the blobs of table `token` readable as rows, on any connection to a recording: read-only tables that
 * exist without being created. A missing cell is NULL.
 *
 *   routing    token, prompt, position, phase, layer, slot, expert, weight, max_down, channel, down_norm,
 *              turn, router_entropy   a row per chosen expert; empty slots give none
 *   shared     token, prompt, position, phase, layer, max_down, channel, down_norm
 *   residual   token, prompt, position, phase, layer, top1, top2, top3, channel1, channel2, channel3, median
 *   attention  token, prompt, position, phase, layer, head, to_first, entropy
 *
 * Layers are model layer numbers. Conditions on token, prompt, phase and layer skip rows before they are
 * unpacked. A blob of the wrong size or an expert that does not exist ends the query with SQLITE_CORRUPT.
 *
 * The same code is the loadable extension moescope-sqlite.so. Returns an SQLite result code. */
int moe_recording_register_tables (sqlite3 *db);
