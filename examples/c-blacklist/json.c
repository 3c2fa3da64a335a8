// `skip` knows the grammar; everything else that reads cuts at the places that it finds.
#include "json.h"

#include <stdarg.h>
#include <stdlib.h>

#define DEPTH_MAX 128

static char peek(const text *rest) { return rest->length ? *rest->at : 0; }

static void step(text *rest) { rest->at++, rest->length--; }

static bool take(text *rest, const char *one_of) {
    while (*one_of && *one_of != peek(rest)) one_of++;
    if (*one_of) step(rest);
    return *one_of;
}

static bool take_word(text *rest, const char *word) {
    text ahead = *rest;
    for (; *word && *word == peek(&ahead); word++) step(&ahead);
    if (!*word) *rest = ahead;
    return !*word;
}

static void skip_space(text *rest) { while (take(rest, " \n\r\t")) {} }

static bool skip_digits(text *rest) {
    bool any = false;
    while (take(rest, "0123456789")) any = true;
    return any;
}

static json_kind skip_number(text *rest) {
    json_kind kind = JSON_INTEGER;
    take(rest, "-");
    if (!take(rest, "0") && !skip_digits(rest)) return JSON_WRONG;
    if (take(rest, ".")) kind = skip_digits(rest) ? JSON_FRACTION : JSON_WRONG;
    if (kind == JSON_WRONG || !take(rest, "eE")) return kind;
    take(rest, "+-");
    return skip_digits(rest) ? JSON_FRACTION : JSON_WRONG;
}

static bool skip_escape(text *rest) {
    if (!take(rest, "u")) return take(rest, "\"\\/bfnrt");
    int digits = 0;
    while (digits < 4 && take(rest, "0123456789abcdefABCDEF")) digits++;
    return digits == 4;
}

static bool skip_string(text *rest) {
    if (!take(rest, "\"")) return false;
    while (!take(rest, "\"")) {
        if ((unsigned char)peek(rest) < ' ') return false;
        if (!take(rest, "\\")) step(rest);
        else if (!skip_escape(rest)) return false;
    }
    return true;
}

static json_kind skip(text *rest, int depth);

static json_kind skip_items(text *rest, json_kind kind, const char *close, int depth) {
    skip_space(rest);
    if (take(rest, close)) return kind;
    do {
        skip_space(rest);
        if (kind == JSON_OBJECT) {
            if (!skip_string(rest)) return JSON_WRONG;
            skip_space(rest);
            if (!take(rest, ":")) return JSON_WRONG;
            skip_space(rest);
        }
        if (!skip(rest, depth)) return JSON_WRONG;
        skip_space(rest);
    } while (take(rest, ","));
    return take(rest, close) ? kind : JSON_WRONG;
}

static json_kind skip(text *rest, int depth) {
    if (depth == 0) return JSON_WRONG;
    if (take(rest, "{")) return skip_items(rest, JSON_OBJECT, "}", depth - 1);
    if (take(rest, "[")) return skip_items(rest, JSON_LIST, "]", depth - 1);
    switch (peek(rest)) {
    case '"': return skip_string(rest) ? JSON_STRING : JSON_WRONG;
    case 'n': return take_word(rest, "null") ? JSON_NULL : JSON_WRONG;
    case 't': return take_word(rest, "true") ? JSON_BOOLEAN : JSON_WRONG;
    case 'f': return take_word(rest, "false") ? JSON_BOOLEAN : JSON_WRONG;
    default: return skip_number(rest);
    }
}

// Cuts a value off, with the space around it.
static json cut(text *rest) {
    skip_space(rest);
    text all = *rest;
    json value = {.kind = skip(rest, DEPTH_MAX)};
    size_t quote = value.kind == JSON_STRING;
    value.written = (text){all.at + quote, all.length - rest->length - 2 * quote};
    skip_space(rest);
    return value;
}

json json_read(text document) {
    json value = cut(&document);
    return document.length ? (json){0} : value;
}

bool json_next(json *object, json *name, json *value) {
    text *rest = &object->written;
    if (object->kind != JSON_OBJECT || !take(rest, "{,")) return false;
    *name = cut(rest);
    *value = take(rest, ":") ? cut(rest) : (json){0};
    return value->kind != JSON_WRONG; // of an empty object, or of none that `json_read` gave
}

bool json_is(json string, const char *expected) {
    text rest = string.written;
    for (; *expected; expected++) {
        int code = 0;
        if (take_word(&rest, "\\u"))
            for (int digit = 0; digit < 4; digit++, step(&rest))
                code = 16 * code + (*rest.at <= '9' ? *rest.at - '0' : (*rest.at | 0x20) - 'a' + 10);
        else if ((code = peek(&rest)))
            step(&rest);
        if (code != *expected) return false;
    }
    return rest.length == 0;
}

bool json_integer(json value, uint64_t *integer) {
    uint64_t sum = 0;
    if (value.kind != JSON_INTEGER || peek(&value.written) == '-') return false;
    for (size_t i = 0; i < value.written.length; i++) {
        uint64_t digit = value.written.at[i] - '0';
        if (sum > (UINT64_MAX - digit) / 10) return false;
        sum = 10 * sum + digit;
    }
    *integer = sum;
    return true;
}

static void put(json_out *out, char c) {
    if (out->length == out->room) {
        out->room = out->room ? 2 * out->room : 256;
        out->at = realloc(out->at, out->room);
    }
    out->at[out->length++] = c;
}

static void put_integer(json_out *out, uint64_t integer) {
    if (integer >= 10) put_integer(out, integer / 10);
    put(out, '0' + integer % 10);
}

static void put_text(json_out *out, text plain, char how) {
    for (size_t i = 0; i < plain.length; i++) {
        unsigned char c = plain.at[i];
        if (how == 'q' && (c == '"' || c == '\\')) put(out, '\\');
        if (how == 'q' && c < ' ') json_put(out, "\\u00%u%t", (uint64_t)c / 16, (text){&"0123456789abcdef"[c % 16], 1});
        else if (how == 'p' && c == '~') json_put(out, "~0");
        else if (how == 'p' && c == '/') json_put(out, "~1");
        else put(out, c);
    }
}

void json_put(json_out *out, const char *format, ...) {
    va_list values;
    va_start(values, format);
    for (; *format; format++) {
        if (*format != '%') {
            put(out, *format);
            continue;
        }
        switch (*++format) {
        case 's': for (const char *c = va_arg(values, const char *); *c; c++) put(out, *c); break;
        case 'u': put_integer(out, va_arg(values, uint64_t)); break;
        case 'q': put(out, '"'); put_text(out, va_arg(values, text), 'q'); put(out, '"'); break;
        default: put_text(out, va_arg(values, text), *format); // %t and %p
        }
    }
    va_end(values);
}
