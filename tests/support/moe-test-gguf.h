/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

#include "data/moe-gguf.h"

G_BEGIN_DECLS

/* Builds a file from a description of its bytes. Words, separated by spaces: "4:3" is the number 3 in four
 * bytes, "s:key" a string with its length, "'GGUF" the bytes themselves, "z:9" nine zeros, "x:ff00" bytes
 * in hexadecimal, "p:32" zeros up to a multiple of 32, "f:100" zeros up to byte 100. */
GByteArray *moe_test_gguf_build            (const char   *description);

/* Three tensors, 16 keys of all kinds; exactly one page, so that a read behind the end is a fault. */
#define MOE_TEST_GGUF_HEADER(version) \
  "'GGUF " version " 8:3 8:16 " \
  "s:general.architecture 4:8 s:qwen3moe " \
  "s:general.alignment 4:4 4:64 " \
  "s:u8 4:0 1:200 s:i8 4:1 1:0xfe s:u16 4:2 2:60000 s:i16 4:3 2:0x8000 s:i32 4:5 4:0xffffffff " \
  "s:u64 4:10 8:5000000000 s:i64 4:11 8:77 s:f32 4:6 4:0x3fc00000 s:f64 4:12 8:0x3ff8000000000000 " \
  "s:yes 4:7 1:1 " \
  "s:ints 4:9 4:5 8:3 4:1 4:2 4:0xfffffffd " \
  "s:floats 4:9 4:6 8:2 4:0x3f800000 4:0xbf000000 " \
  "s:tokens 4:9 4:8 8:3 s:a 8:0 8:2 x:ff00 " \
  "s:nested 4:9 4:9 8:2 4:4 8:1 4:7 4:8 8:1 s:deep " \
  "s:blk.0.weight 4:2 8:32 8:4 4:8 8:0 " \
  "s:norm 4:1 8:16 4:0 8:192 " \
  "s:odd 4:4 8:256 8:1 8:2 8:1 4:14 8:256"
#define MOE_TEST_GGUF_VALID MOE_TEST_GGUF_HEADER ("4:3") " f:4096"

/* Writes a file in the test's own folder; the path is transfer full. */
char       *moe_test_gguf_save             (const char   *name,
                                            const guint8 *data,
                                            gsize         length);
char       *moe_test_gguf_save_description (const char   *name,
                                            const char   *description);
const char *moe_test_gguf_get_folder       (void);

/* Reads everything a file offers; what is damaged must have been refused or be harmless. */
guint64     moe_test_gguf_read_everything  (MoeGguf      *gguf);

/* Runs the tests that were added, with a folder for their files that is removed afterwards. */
int         moe_test_gguf_run              (void);

G_END_DECLS
