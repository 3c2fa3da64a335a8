// JSON as far as a module needs it: reading is strict and copies nothing, writing is by formats.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// UTF-8, not terminated.
typedef struct { const char *at; size_t length; } text;
#define LITERAL(string) ((text){string, sizeof(string) - 1})

// JSON in C without escaping anything. No macro is expanded in it.
#define JSON(...) #__VA_ARGS__

typedef enum {
    JSON_WRONG, JSON_NULL, JSON_BOOLEAN, JSON_INTEGER, JSON_FRACTION, JSON_STRING, JSON_LIST, JSON_OBJECT
} json_kind;

// A value as it is written; a string without its quotes.
typedef struct { json_kind kind; text written; } json;

// The one value that the document is; JSON_WRONG if it is none (RFC 8259, at most 128 deep).
json json_read(text document);

// The next member of an object, which loses it; false at the end, and if this is no object.
bool json_next(json *object, json *name, json *value);

// Whether a string says this, of letters, digits and `_`.
bool json_is(json string, const char *expected);

// False if the value is no integer from 0 to 2^64 - 1.
bool json_integer(json value, uint64_t *integer);

// What is written so far; begins as {0}.
typedef struct { char *at; size_t length, room; } json_out;

// Appends. In the format, %s is a C string, %u a uint64_t, %t a text as it is, %q a text as a JSON string, and %p a
// text as a step of a JSON pointer (RFC 6901).
void json_put(json_out *out, const char *format, ...);
