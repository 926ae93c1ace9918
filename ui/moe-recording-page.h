/* SPDX-License-Identifier: MIT */
#pragma once

#include "ui/moe-page.h"

G_BEGIN_DECLS

/* What is in the recording, the notes of a person on it, any question to it in SQL, and all of it as files.
 * Options: query, run, note (adds one), export-all (a folder). */
#define MOE_TYPE_RECORDING_PAGE (moe_recording_page_get_type ())
G_DECLARE_FINAL_TYPE (MoeRecordingPage, moe_recording_page, MOE, RECORDING_PAGE, MoePage)

G_END_DECLS
