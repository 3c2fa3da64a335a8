// The rule of plugins/c2c-blacklist in C: blacklisted by several different users within a short time (by default two
// within one minute) makes the match `high_risk` about the blacklisted user, once per cool-down; `unblacklist` drops
// the entries before it. `module.h` is generated from the contract for the world in world.wit.
#include "json.h"
#include "module.h"
#include "runtime.h"

#include <stdlib.h>

#define LONGEST_S (31 * 86400ull)
#define USERS_MAX 1000ull
#define ENTRIES_MAX 1000 // as many as `windows.entries` answers at most

enum { BLACKLISTS, UNBLACKLISTS }; // the plan's subscriptions, by number
enum { BLACKLISTERS };             // the plan's windows

static const char DESCRIPTION[] = JSON({
    "name": "c-blacklist",
    "version": "0.1.0",
    "summary": "Blacklisted by several different users within a short time: a high risk. Written in C.",
    "authors": [],
    "contract": "0.1",
    "configuration": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "window_s": {
                "type": "integer", "minimum": 1, "maximum": 2678400, "default": 60,
                "description": "Seconds within which the users must have acted, both edges inclusive."
            },
            "different_users": {
                "type": "integer", "minimum": 1, "maximum": 1000, "default": 2,
                "description": "Different users that make a risk."
            },
            "cooldown_s": {
                "type": "integer", "minimum": 1, "maximum": 2678400, "default": 86400,
                "description": "Seconds after a match in which there is no second one about the same user."
            }
        }
    },
    "state": {"writes": 1, "reads": [1]}
});

static const char PLAN[] = JSON({
    "subscriptions": [
        {"name": "blacklists", "types": ["blacklist"], "key": "subject", "select": ["actor"]},
        {"name": "unblacklists", "types": ["unblacklist"], "key": "subject"}
    ],
    "windows": [{"name": "blacklisters", "kind": "sliding", "length_ms": %u}],
    "permissions": ["matches"],
    "state": {"writes": 1, "reads": [1]},
    "matches": {"high_risk": {
        "type": "object",
        "required": ["by"],
        "properties": {"by": {"type": "array", "items": {"type": "string"}}}
    }},
    "queries": {"window": {
        "parameters": {"type": "object", "additionalProperties": false},
        "reply": {
            "type": "object",
            "required": ["by", "needed"],
            "properties": {
                "by": {"type": "array", "items": {"type": "string"}},
                "needed": {"type": "integer", "minimum": 0}
            }
        }
    }}
});

// What the operator set; the only thing that outlives a call.
static struct { uint64_t window_s, different_users, cooldown_s; } settings;

// A text for the contract, and from it.
#define WIT(string) (&(module_string_t){(uint8_t *)(string).at, (string).length})
static text from_wit(module_string_t string) { return (text){(const char *)string.ptr, string.len}; }

// ---- lifecycle ----

// One of the diagnostics, as a format.
#define PROBLEM(message, place, hint) \
    "{\"message\":\"" message "\",\"place\":\"" place "\",\"hint\":\"" hint "\"},"

#define SEE_SCHEMA "compare it with the configuration's JSON Schema in the module's description"
#define UNKNOWN "unknown field `%t`, expected one of `window_s`, `different_users`, `cooldown_s`"

// What is wrong with a value, in the words of serde: an operator reads the same whatever language a module is in.
static const char *const FOUND[] = {
    [JSON_NULL] = "invalid type: null",
    [JSON_BOOLEAN] = "invalid type: boolean `%t`",
    [JSON_INTEGER] = "invalid value: integer `%t`",
    [JSON_FRACTION] = "invalid type: floating point `%t`",
    [JSON_STRING] = "invalid type: string \\\"%t\\\"",
    [JSON_LIST] = "invalid type: sequence",
    [JSON_OBJECT] = "invalid type: map",
};

static uint64_t milliseconds(uint64_t seconds) { return seconds > UINT64_MAX / 1000 ? UINT64_MAX : seconds * 1000; }

static void check(json_out *problems, const char *name, uint64_t value, uint64_t most, const char *unit) {
    if (value >= 1 && value <= most) return;
    json_put(problems, PROBLEM("%u %s is outside 1 to %u %s", "/%s", "choose a value from 1 to %u"),
             value, unit, most, unit, name, most);
}

static void check_settings(json_out *problems) {
    check(problems, "window_s", settings.window_s, LONGEST_S, "seconds");
    check(problems, "different_users", settings.different_users, USERS_MAX, "users");
    check(problems, "cooldown_s", settings.cooldown_s, LONGEST_S, "seconds");
    uint64_t length = milliseconds(settings.window_s), most = milliseconds(LONGEST_S);
    if (length >= 1 && length <= most) return;
    json_put(problems, PROBLEM("window `blacklisters` is %u ms long", "", "stay within 1 to %u"), length, most);
}

static uint64_t *setting_named(json name) {
    if (json_is(name, "window_s")) return &settings.window_s;
    if (json_is(name, "different_users")) return &settings.different_users;
    if (json_is(name, "cooldown_s")) return &settings.cooldown_s;
    return NULL;
}

// Reads the configuration up to the first member that does not fit.
static void read_settings(json configuration, json_out *problems) {
    json name, value;
    while (problems->length == 0 && json_next(&configuration, &name, &value)) {
        uint64_t *setting = setting_named(name);
        if (setting && json_integer(value, setting)) continue;
        json_out message = {0};
        if (setting) json_put(&message, FOUND[value.kind], value.written), json_put(&message, ", expected u64");
        else json_put(&message, UNKNOWN, name.written);
        json_put(problems, PROBLEM("%t", "/%p", SEE_SCHEMA), (text){message.at, message.length}, name.written);
    }
}

static void configure(text envelope, json_out *problems) {
    json name, value, configuration = {0}, document = json_read(envelope);
    while (json_next(&document, &name, &value))
        if (json_is(name, "configuration")) configuration = value;
    if (configuration.kind != JSON_OBJECT)
        json_put(problems, PROBLEM("the envelope: it has no configuration", "", "the host speaks another contract"));
    settings.window_s = 60, settings.different_users = 2, settings.cooldown_s = 86400;
    read_settings(configuration, problems);
    if (problems->length == 0) check_settings(problems);
}

void exports_fishpond_plugin_lifecycle_describe(module_string_t *description) {
    *description = *WIT(LITERAL(DESCRIPTION));
}

bool exports_fishpond_plugin_lifecycle_configure(module_string_t *envelope, module_string_t *ok, module_string_t *err) {
    json_out answer = {0}, problems = {0};
    configure(from_wit(*envelope), &problems);
    bool fits = problems.length == 0;
    if (fits) json_put(&answer, PLAN, milliseconds(settings.window_s));
    else json_put(&answer, "[%t]", (text){problems.at, problems.length - 1}); // without the last comma
    *(fits ? ok : err) = *WIT(answer);
    return fits;
}

// ---- members of the window ----

static int compare(text a, text b) {
    for (size_t i = 0; i < a.length && i < b.length; i++)
        if (a.at[i] != b.at[i]) return (unsigned char)a.at[i] - (unsigned char)b.at[i];
    return (a.length > b.length) - (a.length < b.length);
}

// Inserts a text into a sorted list unless it is there; answers the new length.
static size_t insert(text *sorted, size_t length, text added) {
    size_t low = 0, high = length;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = compare(added, sorted[middle]);
        if (order == 0) return length;
        if (order < 0) high = middle;
        else low = middle + 1;
    }
    __builtin_memmove(&sorted[low + 1], &sorted[low], (length - low) * sizeof *sorted);
    sorted[low] = added;
    return length + 1;
}

// Writes the member `by`: who blacklisted, sorted, each once.
static void put_members(json_out *out, uint32_t at) {
    fishpond_plugin_windows_list_entry_t entries;
    fishpond_plugin_windows_entries(at, BLACKLISTERS, ENTRIES_MAX, &entries);
    text *sorted = realloc(NULL, entries.len * sizeof *sorted);
    size_t length = 0;
    for (size_t i = 0; i < entries.len; i++) length = insert(sorted, length, from_wit(entries.ptr[i].member));
    json_put(out, "\"by\":[");
    for (size_t i = 0; i < length; i++) json_put(out, i ? ",%q" : "%q", sorted[i]);
    json_put(out, "]");
}

// ---- events and queries ----

static bool start_cooldown(uint32_t at, uint64_t time) {
    module_list_u8_t value = {0};
    text name = LITERAL("high_risk");
    if (fishpond_plugin_state_get(at, WIT(name), &value)) return false;
    uint64_t expires = time + milliseconds(settings.cooldown_s);
    fishpond_plugin_state_set(at, WIT(name), &(module_list_u8_t){0}, &expires);
    return true;
}

static void emit(uint32_t at, exports_fishpond_plugin_events_event_t *event) {
    json_out fields = {0}, once = {0};
    json_put(&fields, "{");
    put_members(&fields, at);
    json_put(&fields, "}");
    json_put(&once, "%u", event->time / milliseconds(settings.cooldown_s));
    module_list_u32_t windows = {(uint32_t[]){BLACKLISTERS}, 1};
    module_list_string_t also = {0};
    fishpond_plugin_matches_emit(at, WIT(LITERAL("high_risk")), &event->key, WIT(fields), &windows, &also, WIT(once));
}

static void on_event(uint32_t at, exports_fishpond_plugin_events_event_t *event) {
    if (event->subscription != BLACKLISTS) {
        fishpond_plugin_windows_clear(at, BLACKLISTERS);
        return;
    }
    if (event->actor.len == 0) {
        text message = LITERAL("nobody acted: set the extension `actorid`");
        fishpond_plugin_inputs_refuse(at, WIT(LITERAL("bad_event")), WIT(message));
        return;
    }
    fishpond_plugin_windows_totals_t seen;
    fishpond_plugin_windows_observe(at, BLACKLISTERS, &event->actor, 1, &seen);
    if (seen.distinct >= settings.different_users && start_cooldown(at, event->time)) emit(at, event);
}

void exports_fishpond_plugin_events_handle(exports_fishpond_plugin_events_list_event_t *events) {
    for (uint32_t at = 0; at < events->len; at++) on_event(at, &events->ptr[at]);
    forget_all();
}

void exports_fishpond_plugin_queries_handle(exports_fishpond_plugin_queries_list_query_t *queries) {
    for (uint32_t at = 0; at < queries->len; at++) {
        json_out body = {0};
        json_put(&body, "{");
        put_members(&body, at);
        json_put(&body, ",\"needed\":%u}", settings.different_users);
        fishpond_plugin_replies_reply(at, WIT(LITERAL("ok")), WIT(body), false);
    }
    forget_all();
}
