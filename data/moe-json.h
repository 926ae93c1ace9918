/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* One JSON value that comes from outside. json-glib's parser recurses into arrays and objects, accepts
 * comments and ignores what follows the first value; here more than 16 levels, comments and anything after
 * the value are refused. Errors: MOE_ERROR_FORMAT, a phrase without a place. Transfer full. */
JsonNode   *moe_json_parse      (const char  *text,
                                 gsize        length,
                                 GError     **error);

/* The text of member @name, NULL when it is not there or null. Numbers and booleans are written out. FALSE
 * with @error (MOE_ERROR_FORMAT) when it is an array, an object, or @must and not there. Transfer full. */
gboolean    moe_json_dup_string (JsonObject  *object,
                                 const char  *name,
                                 gboolean     must,
                                 char       **value,
                                 GError     **error);

/* Appends a member with its value to the object that @builder is in. */
void        moe_json_add_string (JsonBuilder *builder,
                                 const char  *name,
                                 const char  *value);
void        moe_json_add_int    (JsonBuilder *builder,
                                 const char  *name,
                                 gint64       value);
void        moe_json_add_double (JsonBuilder *builder,
                                 const char  *name,
                                 double       value);
void        moe_json_add_bool   (JsonBuilder *builder,
                                 const char  *name,
                                 gboolean     value);

G_END_DECLS
