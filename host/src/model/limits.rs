//! Every bound of the host: one table with names, units and defaults. What exceeds one is refused by its name.

/// Declares the fields, their defaults and the printable table from one list.
macro_rules! limits {
    ($($name:ident = $default:expr, $unit:literal, $text:literal;)*) => {
        /// The bounds in force. Configuration sets them under `[limits]`, `fishpond limits` prints them.
        #[derive(Clone, PartialEq, Eq, Debug)]
        pub struct Limits { $(#[doc = $text] pub $name: u64,)* }

        impl Default for Limits {
            fn default() -> Limits { Limits { $($name: $default,)* } }
        }

        impl Limits {
            /// Name, value in force, default, unit, meaning; in the order of an event's way.
            pub fn table(&self) -> Vec<(&'static str, u64, u64, &'static str, &'static str)> {
                vec![$((stringify!($name), self.$name, $default, $unit, $text),)*]
            }

            /// Is there a bound of this name?
            pub fn is_name(name: &str) -> bool {
                [$(stringify!($name)),*].contains(&name)
            }

            /// The bound of this name, to be set.
            pub fn get_mut(&mut self, name: &str) -> Option<&mut u64> {
                match name { $(stringify!($name) => Some(&mut self.$name),)* _ => None }
            }
        }
    };
}

limits! {
    request_bytes = 8 << 20, "bytes", "body of one HTTP request (uploads have module_bytes)";
    request_ms = 30_000, "ms", "one HTTP request, from its first byte to its answer";
    connections = 1_024, "connections", "open HTTP connections; one more is answered 503 and closed";
    requests_in_flight = 512, "requests", "HTTP requests that are worked on at a time; one more is answered 503. An open stream is none";
    http_header_bytes = 32 << 10, "bytes", "head of one HTTP request: its line and its headers";
    http_headers = 100, "headers", "headers of one HTTP request";
    http_header_ms = 10_000, "ms", "the head of a request, from its first byte; also the first byte of a connection";
    http_body_ms = 10_000, "ms", "between two pieces of a request's body";
    http_idle_ms = 75_000, "ms", "a connection without a request; then it is closed";
    http_write_ms = 30_000, "ms", "how long a client takes nothing of what is written to it, or does not confirm it (TCP_USER_TIMEOUT); then the connection is closed";
    backup_bytes_per_s = 64 << 10, "bytes/s", "what a client of a backup takes at least, on average over the time it is waited for; then it is ended, since a backup holds retention back";
    batch_events = 10_000, "events", "one batch of events";
    event_bytes = 256 << 10, "bytes", "one event with all attributes";
    data_bytes = 64 << 10, "bytes", "an event's data";
    attribute_bytes = 256, "bytes", "one attribute of an event, and a key";
    extensions = 32, "attributes", "extension attributes of one event";
    skew_past_ms = 7 * 24 * 3_600_000, "ms", "an older event time is replaced by the receive time";
    skew_future_ms = 5 * 60_000, "ms", "a later event time is replaced by the receive time";
    dedup_ids = 1 << 20, "ids", "identities that are remembered for finding duplicates, per host";
    dedup_unwritten = 1 << 19, "ids", "identities in full blocks that the store does not have yet (32 bytes each); beyond it intake answers 429";
    dedup_horizon_ms = 10 * 60_000, "ms", "how long an identity is remembered, unless dedup_ids is reached first";
    sources = 4_096, "sources", "different event sources whose names are shared in memory";
    journal_frame_bytes = 3840 << 10, "bytes", "one frame of the journal: an outcome of 32 subscriptions at effect_bytes each fits";
    journal_segment_bytes = 64 << 20, "bytes", "one segment file of the journal, preallocated";
    journal_queue_bytes = 32 << 20, "bytes", "frames that wait for the disk; beyond it intake answers 429";
    journal_tail_bytes = 64 << 20, "bytes", "recent frames kept in memory for readers";
    module_bytes = 32 << 20, "bytes", "an uploaded module";
    modules = 1_000, "modules", "stored modules, per host";
    deployments = 1_000, "deployments", "deployments, per host";
    description_bytes = 256 << 10, "bytes", "what describe or configure answers";
    configuration_bytes = 256 << 10, "bytes", "a deployment's configuration";
    guest_memory_bytes = 64 << 20, "bytes", "linear memory of one instance";
    guest_table_elements = 20_000, "elements", "one table of an instance";
    guest_instances = 64, "core instances", "core instances, memories and tables inside one instance";
    guest_handles = 1_000, "handles", "component-model handles that one instance holds at a time";
    guest_stack_bytes = 512 << 10, "bytes", "stack of a call";
    host_call_bytes = 1 << 20, "bytes", "what a guest may hand over in one host call";
    host_work_per_input = 2_000_000, "units", "host work of one call, batch or single (some 20 to 200 ms): a unit a host call, and one for each 64 bytes handed over or entry looked at";
    fuel_per_input = 50_000_000, "fuel", "one call, batch or single (some 25 ms)";
    fuel_configure = 500_000_000, "fuel", "describe or configure";
    watchdog_ms = 10_000, "ms", "one call by the wall clock: a host failure, retried, never a verdict";
    host_retries = 3, "tries", "after host failures, with back-off; then the deployment pauses";
    quarantine_faults = 5, "faults", "traps and spent fuel of the newest revision within quarantine_ms; then the deployment is quarantined";
    quarantine_ms = 10 * 60_000, "ms", "how long a fault counts";
    fault_samples = 10, "inputs", "last faults of a deployment that are shown";
    lag_max_bytes = 1 << 30, "bytes", "of the journal that a live deployment may be behind; then it is parked, or blocks intake (on_lag)";
    instance_calls = 1_000_000, "calls", "an instance is replaced after about this many calls";
    instance_memory_bytes = 32 << 20, "bytes", "an instance that has grown beyond it is replaced";
    instances_memory_bytes = 256 << 20, "bytes", "instances that are kept between calls, all deployments together; the least recently used leave beyond it";
    workers = 0, "threads", "workers that run modules, each for its part of the shards; 0 is one for each core";
    batch_us = 1_000, "us", "guest time that a batch is sized to";
    batch_inputs = 4_096, "inputs", "one batch";
    batch_bytes = 256 << 10, "bytes", "texts of one batch";
    document_bytes = 64 << 10, "bytes", "state and windows of one (deployment, key)";
    value_name_bytes = 64, "bytes", "name of a state value";
    member_bytes = 256, "bytes", "member of a window";
    window_entries = 1_000, "entries", "entries that one call answers";
    effect_bytes = 96 << 10, "bytes", "changes, matches with the events behind them, and signals that one input asks for";
    matches_per_input = 16, "matches", "matches of one input";
    match_bytes = 16 << 10, "bytes", "fields of one match";
    match_also = 100, "ids", "further events that a match names";
    reply_bytes = 64 << 10, "bytes", "body of a reply";
    context_bytes = 4 << 10, "bytes", "context of a timer or verdict, and the numbers of a verdict";
    signals_per_input = 16, "signals", "signals of one input";
    signal_bytes = 4 << 10, "bytes", "payload of a signal";
    hops = 16, "hops", "derived events and signals between an outside event and an input; beyond it the input is refused";
    log_lines = 8, "lines", "log lines of one input";
    log_bytes = 1 << 10, "bytes", "one log line, and the message of a refusal";
    query_bytes = 16 << 10, "bytes", "parameters of a query";
    tick_ms = 100, "ms", "shortest time between two ticks: how late a timer may be";
    intakes = 16, "intakes", "configured intakes (`api.intakes`), each with its share in the watermark";
    clock_jump_ms = 60_000, "ms", "a jump of the wall clock forward that the receive clock follows at once";
    clock_settle_ms = 10 * 60_000, "ms", "how long a larger jump must last before the receive clock follows it";
    lateness_ms = 5_000, "ms", "how far the watermark stays behind the newest event of the slowest intake";
    idle_ms = 30_000, "ms", "an intake without an event for so long holds nothing back; while all are silent, the watermark follows the clock, lateness_ms behind it";
    policies = 1_000, "policies", "policies of one business";
    policy_bytes = 16 << 10, "bytes", "a policy, with the content of its message";
    chain_entries = 16, "filters", "one part of a chain";
    chain_max_wait_ms = 5_000, "ms", "how long a chain waits for a filter that is behind; then the entry's on_error decides";
    outreach_jobs = 256, "actions", "persons that one round of chains judges at once";
    policies_per_match = 16, "policies", "policies of one business for one match name";
    hold_min_ms = 1_000, "ms", "a hold lasts at least so long";
    once_ms = 35 * 24 * 3_600_000, "ms", "how long repeats of a match under the same `once` are known";
    inbox_max_unacked = 100, "actions", "a person's inbox: handed over and not acknowledged, or not handed over yet; beyond it the oldest ends as expired_unacked";
    held_max = 100, "actions", "what is held for one person, or tried again by a channel; beyond it the oldest ends as expired_unacked";
    waiting_bytes = 1 << 20, "bytes", "everything that waits for one person; beyond it the oldest ends as expired_unacked. Half a journal_frame_bytes at most";
    tags_per_person = 100, "tags", "tags of one person in one business; beyond it the one that was given first is lost";
    tag_bytes = 1 << 10, "bytes", "value of a tag";
    remembered_per_person = 1_000, "keys", "keys of `once`, and as many acknowledgements, that are known of one person; the one that would be forgotten first is forgotten then";
    acknowledged_ms = 24 * 3_600_000, "ms", "how long a client may repeat an acknowledgement, and is told that it is one";
    delivery_tries = 5, "tries", "of a channel that says `not now`; then the delivery has failed";
    delivery_retry_ms = 10_000, "ms", "before the second try of a delivery; doubles with each further one";
    streams = 512, "streams", "open streams of actions, per host; each is one of the connections";
    streams_per_person = 8, "streams", "open streams of one person; one more ends the oldest of them";
    user_token_ms = 24 * 3_600_000, "ms", "the longest life of an end user's token";
    store_directories = 4, "directories", "databases that the store is spread over, 1 to 64; read when a store is made, fixed from then on";
    store_cache_bytes = 64 << 20, "bytes", "what the store keeps in memory of its files, beside documents_memory_bytes";
    documents_memory_bytes = 1 << 30, "bytes", "documents in memory; clean ones leave beyond it";
    dirty_bytes = 512 << 20, "bytes", "documents that are newer than the store, half of documents_memory_bytes at most; beyond it workers wait for the write-back";
    write_back_rows = 2_000, "rows", "one batch of the write-back";
    sweep_rows = 1 << 18, "rows", "documents in the store that are looked at behind each checkpoint, for those in which nothing is left to see; 0: none leaves";
    checkpoint_bytes = 256 << 20, "bytes", "journal bytes between two checkpoints";
    retention_bytes = 16 << 30, "bytes", "the journal's segments; older ones leave beyond it, as far as nobody needs them; 0 is no such limit";
    retention_ms = 7 * 24 * 3_600_000, "ms", "how long a segment of the journal stays, and longer as long as somebody needs it; 0 is no such limit";
    base_copy_ms = 24 * 3_600_000, "ms", "between two base copies of the store; two are kept, and the journal behind the older one";
    base_copy_bytes = 4 << 30, "bytes", "journal behind the newest base copy after which another is taken; a quarter of retention_bytes at most";
    index_memory_bytes = 128 << 20, "bytes", "what one segment says while its key file is made; one that says more is read instead of indexed";
    trace_items = 1_000, "items", "events and matches of one trace, newest kept";
    resend_inputs = 1_000, "inputs", "failed inputs that one request looks at to resend them; it says where the next one goes on";
    backfill_bytes = 2 << 30, "bytes", "scratch folder of a backfill, mostly documents; beyond it the backfill ends without a result";
    backfill_advance_ms = 366 * 24 * 3_600_000, "ms", "how far the clock of a backfill may go on behind its last event";
    backfill_percent = 50, "%", "share of its time that a backfill works, on one core; for the rest of it live work has that core";
    page_items = 1_000, "items", "one page of a list";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_can_be_set_by_its_name() {
        let mut limits = Limits::default();
        for (name, value, ..) in Limits::default().table() {
            *limits.get_mut(name).expect(name) = value + 1;
        }
        assert!(limits.table().iter().all(|(_, value, default, ..)| *value == default + 1));
        assert!(limits.get_mut("no_such_limit").is_none());
    }
}
