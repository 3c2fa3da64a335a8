//! Metrics of the host, in the Prometheus text format, and the set-up of its log.

mod usage;

pub use usage::Usage;

use prometheus::{
    Encoder, Gauge, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

/// Every metric there is. Names end in their unit; labels are business and deployment, never a user.
pub struct Metrics {
    registry: Registry,
    /// By business and result: `accepted`, `duplicate`, or the code of a refusal.
    pub events: IntCounterVec,
    /// By business, deployment and how the input ended: `done`, `trap`, `fuel`, the host's own code, `bad_event`, or
    /// `refused` for the codes that modules choose.
    pub inputs: IntCounterVec,
    /// By business, deployment and match name.
    pub matches: IntCounterVec,
    /// Inputs older than their window accepts, by business and deployment.
    pub late: IntCounterVec,
    pub calls: IntCounterVec,
    pub fuel: IntCounterVec,
    pub guest_microseconds: IntCounterVec,
    /// Positions still to be read by the slowest shard, by business and deployment.
    pub lag_events: IntGaugeVec,
    /// Their bytes in the journal, and the age of the oldest of them.
    pub lag_bytes: IntGaugeVec,
    pub lag_ms: IntGaugeVec,
    /// Documents in memory, by business and deployment.
    pub state_bytes: IntGaugeVec,
    /// Faults that count toward quarantine, by business and deployment.
    pub faults: IntGaugeVec,
    /// 1 for each open alert: by business, name and subject.
    pub alerts: IntGaugeVec,
    pub paused_shards: IntGaugeVec,
    pub instances: IntGauge,
    pub instance_bytes: IntGauge,
    pub documents: IntGauge,
    pub document_bytes: IntGauge,
    pub dirty_documents: IntGauge,
    /// Of them, with what they cost beside their sizes.
    pub dirty_bytes: IntGauge,
    /// Workers that wait for the write-back because too much is dirty.
    pub write_back_waiting: IntGauge,
    pub write_back_rows: IntCounterVec,
    pub checkpoints: IntCounterVec,
    /// Documents that have left because nothing in them could be seen any more.
    pub swept_documents: IntCounter,
    pub dedup_ids: IntGauge,
    /// How far back every duplicate is found, seconds: what `dedup_horizon_ms` and `dedup_ids` come to.
    pub dedup_horizon: Gauge,
    /// Accepted events that may have come before.
    pub undeduplicated: IntCounter,
    pub journal_last: IntGauge,
    /// The oldest position that is kept.
    pub journal_first: IntGauge,
    /// Of all segments.
    pub journal_bytes: IntGauge,
    /// What retention would release and somebody needs, by who.
    pub retention_held_bytes: IntGaugeVec,
    pub base_copy_failures: IntCounter,
    pub journal_durable: IntGauge,
    pub journal_queue_bytes: IntGauge,
    pub journal_syncs: IntGauge,
    /// From a frame's append to its durability, by quantile; since the start.
    pub journal_commit_us: IntGaugeVec,
    /// Open streams of actions.
    pub streams: IntGauge,
    /// Streams that were closed because their clients did not keep up.
    pub streams_overrun: IntCounter,
    /// Streams that ended because a newer one of the same person took their place.
    pub streams_replaced: IntCounter,
    /// What channels took: by business, channel (`app`, `slot`, `log`) and what is known of it.
    pub deliveries: IntCounterVec,
    /// How long a deployment stood still to take up another revision, by business and deployment.
    pub swap_pause: HistogramVec,
    /// What filters said, by business, deployment and verdict.
    pub verdicts: IntCounterVec,
    /// By business and status.
    pub decisions: IntCounterVec,
    /// Decisions and ends of deliveries that can be found.
    pub decisions_indexed: IntGauge,
    /// Sealed segments of the journal with a key file, and those that still have none.
    pub index_segments: IntGauge,
    pub index_waiting: IntGauge,
    /// Of all key files.
    pub index_bytes: IntGauge,
    /// Key files that turned out to be damaged.
    pub index_damaged: IntCounter,
    /// Frames that were read to answer questions about the past.
    pub frames_looked_at: IntCounter,
    /// By HTTP route and status.
    pub requests: HistogramVec,
    /// Open HTTP connections.
    pub connections: IntGauge,
    /// What the HTTP door turned away, by the limit.
    pub shed: IntCounterVec,
}

impl Metrics {
    pub fn new() -> Result<Metrics, prometheus::Error> {
        let registry = Registry::new();
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let vec = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(vec.clone()))?;
            Ok::<_, prometheus::Error>(vec)
        };
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            let vec = IntGaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(vec.clone()))?;
            Ok::<_, prometheus::Error>(vec)
        };
        let streams_overrun = IntCounter::new("fishpond_streams_overrun_total", "Streams that did not keep up")?;
        registry.register(Box::new(streams_overrun.clone()))?;
        let streams_replaced = IntCounter::new("fishpond_streams_replaced_total", "Streams that a newer one replaced")?;
        registry.register(Box::new(streams_replaced.clone()))?;
        let dedup_horizon = Gauge::new("fishpond_dedup_horizon_seconds", "How far back every duplicate is found")?;
        registry.register(Box::new(dedup_horizon.clone()))?;
        let undeduplicated =
            IntCounter::new("fishpond_undeduplicated_events_total", "Accepted events that may have come before")?;
        registry.register(Box::new(undeduplicated.clone()))?;
        let swept_documents =
            IntCounter::new("fishpond_swept_documents_total", "Documents with nothing left in them that were removed")?;
        registry.register(Box::new(swept_documents.clone()))?;
        let base_copy_failures = IntCounter::new("fishpond_base_copy_failures_total", "Base copies that failed")?;
        registry.register(Box::new(base_copy_failures.clone()))?;
        let index_damaged = IntCounter::new("fishpond_index_damaged_total", "Key files that were damaged")?;
        registry.register(Box::new(index_damaged.clone()))?;
        let frames_looked_at = IntCounter::new("fishpond_frames_looked_at_total", "Frames read to tell of the past")?;
        registry.register(Box::new(frames_looked_at.clone()))?;
        let deployment = &["business", "deployment"][..];
        let pauses = vec![0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0];
        let options = HistogramOpts::new("fishpond_swap_pause_seconds", "Standing still to take up a revision");
        let swap_pause = HistogramVec::new(options.buckets(pauses), deployment)?;
        registry.register(Box::new(swap_pause.clone()))?;
        let buckets = vec![0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0];
        let options =
            HistogramOpts::new("fishpond_http_request_seconds", "HTTP requests by route and status").buckets(buckets);
        let requests = HistogramVec::new(options, &["route", "status"])?;
        registry.register(Box::new(requests.clone()))?;
        Ok(Metrics {
            events: counter("fishpond_events_total", "Events received, by result", &["business", "result"])?,
            inputs: counter(
                "fishpond_inputs_total",
                "Inputs handled, by how they ended",
                &["business", "deployment", "end"],
            )?,
            matches: counter("fishpond_matches_total", "Matches emitted", &["business", "deployment", "match"])?,
            late: counter("fishpond_late_inputs_total", "Inputs older than their window accepts", deployment)?,
            calls: counter("fishpond_guest_calls_total", "Calls into guests", deployment)?,
            fuel: counter("fishpond_guest_fuel_total", "Fuel used by guests", deployment)?,
            guest_microseconds: counter("fishpond_guest_microseconds_total", "Time in guests", deployment)?,
            lag_events: gauges("fishpond_lag_events", "Positions the slowest shard still has to read", deployment)?,
            lag_bytes: gauges("fishpond_lag_bytes", "Bytes of the journal behind which it is", deployment)?,
            lag_ms: gauges("fishpond_lag_milliseconds", "Age of the oldest position still to be read", deployment)?,
            state_bytes: gauges("fishpond_state_bytes", "Size of a deployment's documents in memory", deployment)?,
            faults: gauges("fishpond_faults", "Traps and spent fuel that count toward quarantine", deployment)?,
            alerts: gauges("fishpond_alert", "1 for each open alert", &["business", "name", "subject"])?,
            paused_shards: gauges("fishpond_paused_shards", "Shards that stand still", deployment)?,
            instances: gauge("fishpond_instances", "Instances of modules that are kept between calls")?,
            instance_bytes: gauge("fishpond_instance_bytes", "Linear memory of the instances that are kept")?,
            documents: gauge("fishpond_documents", "Documents in memory")?,
            document_bytes: gauge("fishpond_document_bytes", "Size of the documents in memory")?,
            dirty_documents: gauge("fishpond_dirty_documents", "Documents in memory that are newer than the store")?,
            dirty_bytes: gauge("fishpond_dirty_bytes", "Documents in memory that are newer than the store")?,
            write_back_waiting: gauge("fishpond_write_back_waiting", "Workers that wait for the write-back")?,
            write_back_rows: counter("fishpond_write_back_rows_total", "Rows written to the store", &[])?,
            checkpoints: counter("fishpond_checkpoints_total", "Checkpoints finished, one worker's each", &[])?,
            dedup_ids: gauge("fishpond_dedup_ids", "Event identities remembered")?,
            dedup_horizon,
            undeduplicated,
            swept_documents,
            journal_first: gauge("fishpond_journal_first_position", "Oldest position that is kept")?,
            journal_bytes: gauge("fishpond_journal_bytes", "Segments of the journal")?,
            retention_held_bytes: gauges(
                "fishpond_retention_held_bytes",
                "What retention would release and somebody needs",
                &["by"],
            )?,
            base_copy_failures,
            journal_last: gauge("fishpond_journal_last_position", "Highest position given")?,
            journal_durable: gauge("fishpond_journal_durable_position", "Highest durable position")?,
            journal_queue_bytes: gauge("fishpond_journal_queue_bytes", "Frames that wait for the disk")?,
            journal_syncs: gauge("fishpond_journal_syncs", "Syncs since the start")?,
            journal_commit_us: gauges("fishpond_journal_commit_microseconds", "Append to durable", &["quantile"])?,
            streams: gauge("fishpond_streams", "Open streams of actions")?,
            streams_overrun,
            streams_replaced,
            deliveries: counter(
                "fishpond_deliveries_total",
                "Actions that were handed over to a channel",
                &["business", "channel", "result"],
            )?,
            verdicts: counter(
                "fishpond_verdicts_total",
                "What filters said about actions",
                &["business", "deployment", "verdict"],
            )?,
            decisions: counter("fishpond_decisions_total", "Looks at actions, by status", &["business", "status"])?,
            decisions_indexed: gauge("fishpond_decisions_indexed", "Decisions and delivery ends that can be found")?,
            index_segments: gauge("fishpond_index_segments", "Sealed segments with a key file")?,
            index_waiting: gauge("fishpond_index_waiting_segments", "Sealed segments without one")?,
            index_bytes: gauge("fishpond_index_bytes", "Key files")?,
            index_damaged,
            frames_looked_at,
            swap_pause,
            requests,
            connections: gauge("fishpond_http_connections", "Open HTTP connections")?,
            shed: counter("fishpond_http_shed_total", "Connections and requests turned away, by limit", &["limit"])?,
            registry,
        })
    }

    /// The Prometheus text format.
    pub fn render(&self) -> Result<String, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_render_with_their_labels() {
        let metrics = Metrics::new().expect("metrics");
        metrics.matches.with_label_values(&["demo", "risk", "high_risk"]).inc();
        let text = metrics.render().expect("text");
        assert!(
            text.contains(r#"fishpond_matches_total{business="demo",deployment="risk",match="high_risk"} 1"#),
            "{text}"
        );
    }
}
