//! X-01 at full load: a rule and both filters of a chain get new revisions while a producer sends as fast as it can, and
//! everything that comes of it still belongs to exactly one of them.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use fishpond_tests::component;
use fishpond_tests::service::{Client, PATIENCE, Settings};
use serde_json::{Value, json};

use super::telling::{FOUND, event, message, policy, telling};
use super::{BUSINESS, other_version};

/// Of the rule; the filters get half as many each.
const ACTIVATIONS: usize = 100;
const BATCH: i64 = 500;
const PERSONS: i64 = 4_999;
/// Between two tries of a batch for which the journal's queue was too long.
const BEHIND: Duration = Duration::from_millis(20);

/// Which revision holds from which position on.
type Revisions = BTreeMap<u64, Revision>;
/// Number and digest.
type Revision = (u64, String);

/// A thread that sends as fast as it is answered.
struct Flood {
    thread: JoinHandle<Sent>,
    sent: Receiver<()>,
    stop: Sender<()>,
}

struct Sent {
    /// All were acknowledged; they are numbered from 0.
    events: i64,
    /// Batches that were sent again because the host asked for it.
    again: u64,
}

impl Flood {
    fn start(client: Client) -> Flood {
        let (told, sent) = channel();
        let (stop, stopped) = channel::<()>();
        let run = move || {
            let (mut next, mut again) = (0, 0);
            // A message never comes: the channel is closed, which is the end.
            let mut pause = Duration::ZERO;
            while stopped.recv_timeout(pause) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                let batch: Vec<String> = (next..next + BATCH).map(offer).collect();
                let answer = client.try_events(BUSINESS, &batch).expect("an answer");
                if answer.status == 429 {
                    (again, pause) = (again + 1, BEHIND);
                    continue;
                }
                let answer = answer.ok();
                assert_eq!((&answer["accepted"], &answer["duplicates"]), (&json!(BATCH), &json!(0)), "{answer}");
                (next, pause) = (next + BATCH, Duration::ZERO);
                // Whoever has heard enough does not listen any more.
                let _ = told.send(());
            }
            Sent { events: next, again }
        };
        Flood { thread: std::thread::spawn(run), sent, stop }
    }

    /// Waits until one more batch is acknowledged, of those that are sent from now on: the first that is told may have been
    /// under way.
    fn wait(&self) {
        self.sent.try_iter().for_each(drop);
        for _ in 0..2 {
            self.sent.recv_timeout(PATIENCE).expect("the producer goes on; if not it has said why");
        }
    }

    fn finish(self) -> Sent {
        drop(self.stop);
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

fn offer(n: i64) -> String {
    event(&format!("person-{}", n % PERSONS), "offer", n)
}

/// Makes revisions of one deployment, by turns of two digests, and keeps what the host says of each.
struct Author {
    client: Client,
    deployment: &'static str,
    digests: [String; 2],
    configuration: fn(usize) -> Value,
    revisions: Revisions,
}

impl Author {
    fn new(client: &Client, deployment: &'static str, module: &str, configuration: fn(usize) -> Value) -> Author {
        let upload =
            |component: Vec<u8>| client.upload(BUSINESS, &component)["digest"].as_str().expect("one").to_owned();
        let digests = [upload(component(module)), upload(other_version(module))];
        assert_ne!(digests[0], digests[1]);
        let mut author =
            Author { client: client.clone(), deployment, digests, configuration, revisions: BTreeMap::new() };
        author.activate();
        author
    }

    fn activate(&mut self) {
        let round = self.revisions.len();
        let (digest, configuration) = (&self.digests[round % 2], (self.configuration)(round));
        let view = self.client.deploy(BUSINESS, self.deployment, digest, &configuration).ok();
        let number = view["revision"].as_u64().expect("a revision");
        let latest = self.revisions.last_key_value().map(|(_, (number, _))| *number);
        assert!(latest.is_none_or(|latest| number == latest + 1), "after {latest:?}: {view}");
        assert_eq!(view["module"]["digest"], **digest, "{view}");
        let from = view["activated_at_lsn"].as_u64().expect("a position");
        assert!(self.revisions.insert(from, (number, digest.clone())).is_none(), "one position, one revision");
    }

    /// Checks what something says of the revision that made it, against the position that it was made for.
    fn check(&self, made: &Value, position: u64) -> u64 {
        let told = (made["revision"].as_u64().expect("a revision"), made["digest"].as_str().expect("a digest"));
        let (_, (number, digest)) = self.revisions.range(..position).next_back().expect("one from the beginning");
        assert_eq!(told, (*number, &**digest), "{} at {position}: {made}", self.deployment);
        *number
    }
}

/// All decisions and all ends of deliveries.
fn decisions(client: &Client) -> (Vec<Value>, Vec<Value>) {
    let (mut decisions, mut ends, mut before) = (Vec::new(), Vec::new(), String::new());
    loop {
        let mut page = client.get(&format!("/v1/{BUSINESS}/decisions?limit=1000{before}")).ok();
        for (all, name) in [(&mut decisions, "decisions"), (&mut ends, "ends")] {
            all.append(page[name].as_array_mut().expect("a list"));
        }
        match page["next"].as_u64() {
            Some(next) => before = format!("&before={next}"),
            None => return (decisions, ends),
        }
    }
}

/// By the numbers of the events behind them; none twice.
fn by_number(all: &[Value], fields: impl Fn(&Value) -> &Value) -> BTreeMap<i64, &Value> {
    let numbered = all.iter().map(|one| (fields(one)["n"].as_i64().expect("a number"), one));
    let found: BTreeMap<i64, &Value> = numbered.collect();
    assert_eq!(found.len(), all.len(), "some are doubled");
    found
}

/// The `quantile` of a histogram over all its labels: the bound of the bucket that it falls into, in seconds.
fn quantile(metrics: &str, name: &str, quantile: f64) -> (f64, f64) {
    let mut buckets: BTreeMap<u64, f64> = BTreeMap::new();
    for line in metrics.lines().filter(|line| line.starts_with(&format!("{name}_bucket{{"))) {
        let (labels, count) = line.rsplit_once(' ').expect("a sample");
        let bound = labels.split("le=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a bound");
        let bound: f64 = bound.replace("+Inf", "inf").parse().expect("a number");
        // The order of positive numbers is that of their bits.
        *buckets.entry(bound.to_bits()).or_default() += count.parse::<f64>().expect("a number");
    }
    let all = *buckets.values().next_back().expect("a histogram");
    let bound = buckets.iter().find(|(_, count)| **count >= all * quantile).expect("the last has all");
    (f64::from_bits(*bound.0), all)
}

/// Every event has one match, every match one decision, every decision one end, and each names what made it.
fn check(client: &Client, sent: &Sent, found: &Author, filters: &[Author]) -> BTreeMap<(&'static str, u64), u64> {
    let mut of_each: BTreeMap<(&'static str, u64), u64> = BTreeMap::new();
    let matches = client.pages(&format!("/v1/{BUSINESS}/matches"), "matches");
    let matches = by_number(&matches, |found| &found["fields"]);
    assert!(matches.keys().copied().eq(0..sent.events), "{} of {} events have a match", matches.len(), sent.events);
    let (decisions, ends) = decisions(client);
    let decided = by_number(&decisions, |decision| &decision["fields"]);
    assert!(decided.keys().eq(matches.keys()), "{} of {} matches have a decision", decided.len(), matches.len());
    let mut ended: BTreeMap<&str, u32> = BTreeMap::new();
    for end in &ends {
        assert_eq!(end["end"], "delivered", "{end}");
        *ended.entry(end["action"].as_str().expect("an action")).or_default() += 1;
    }
    for ((n, one), decision) in matches.iter().zip(decided.values()) {
        let input = one["input"].as_u64().expect("a position");
        let event = &one["events"][0];
        assert_eq!(
            (&event["position"], &event["id"]),
            (&one["input"], &json!(format!("person-{}-offer-{n}", n % PERSONS)))
        );
        *of_each.entry((found.deployment, found.check(one, input))).or_default() += 1;
        let origin = &decision["origin"];
        for member in ["position", "deployment", "revision", "digest"] {
            assert_eq!(origin[member], one[member], "{member} of {decision}");
        }
        let position = origin["position"].as_u64().expect("a position");
        let verdicts = decision["verdicts"].as_array().expect("verdicts");
        assert_eq!(verdicts.len(), filters.len(), "{decision}");
        for (filter, verdict) in filters.iter().zip(verdicts) {
            assert_eq!(
                (&verdict["filter"], &verdict["answer"]),
                (&json!(filter.deployment), &json!("allow")),
                "{verdict}"
            );
            *of_each.entry((filter.deployment, filter.check(verdict, position))).or_default() += 1;
        }
        assert_eq!(
            (&decision["status"], &decision["attempt"], &decision["policy_revision"]),
            (&json!("sent"), &json!(1), &json!(2))
        );
        assert_eq!(ended.get(decision["action"].as_str().expect("an action")), Some(&1), "ends of {decision}");
    }
    assert_eq!(ended.len(), matches.len(), "ends of what nobody decided");
    of_each
}

#[test]
fn x_01_a_hundred_activations_at_full_load_lose_double_and_mix_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let limits = vec![("journal_segment_bytes", 16 << 20), ("checkpoint_bytes", 8 << 20)];
    let mut service = telling(folder.path(), &Settings { limits, ..Settings::default() });
    let client = service.client();
    policy(&client, "tell", &json!({ "match": "offer", "message": message("log") }));
    let mut found = Author::new(&client, FOUND, "herald", |_| json!({}));
    let share = |round: usize| json!({ "percent": 100, "salt": format!("salt-{round}") });
    let wish = |round: usize| json!({ "events": { "opt_out": format!("opt-out-{round}") } });
    let mut filters = [Author::new(&client, "share", "gray", share), Author::new(&client, "wish", "preference", wish)];
    let entries = ["share", "wish"].map(|filter| json!({ "filter": filter, "on_error": "closed" }));
    client.put(&format!("/v1/{BUSINESS}/chain"), &json!({ "entries": entries })).ok();

    let (flood, begun) = (Flood::start(client.clone()), Instant::now());
    let mut activating = Duration::ZERO;
    for round in 0..ACTIVATIONS {
        flood.wait();
        let asked = Instant::now();
        found.activate();
        filters[round % 2].activate();
        activating += asked.elapsed();
    }
    flood.wait();
    let sent = flood.finish();
    let flowed = begun.elapsed();
    service.settle(BUSINESS);
    let counted = sent.events as f64;
    service.wait_until("everything is delivered", |client| client.metric("fishpond_deliveries_total") >= counted);
    service.wait_until("everything is found", |client| client.metric("fishpond_decisions_indexed") >= 2.0 * counted);
    let settled = begun.elapsed();
    let of_each = check(&client, &sent, &found, &filters);

    let metrics = client.get("/metrics").text;
    let [(half, pauses), (most, _)] = [0.5, 0.99].map(|part| quantile(&metrics, "fishpond_swap_pause_seconds", part));
    println!(
        "{} events in {flowed:.1?} ({:.0} a second), settled after {settled:.1?}, {} batches sent again; {} activations, {:.1?} \
         each; {pauses} pauses: p50 at most {} ms, p99 at most {} ms; {} revisions have made something",
        sent.events,
        counted / flowed.as_secs_f64(),
        sent.again,
        2 * ACTIVATIONS,
        activating / (2 * ACTIVATIONS as u32),
        half * 1e3,
        most * 1e3,
        of_each.len()
    );
    // The run must hold what it is about: each revision of the rule has handled what came while it was the newest.
    let of_rule = of_each.keys().filter(|(deployment, _)| *deployment == FOUND).count();
    assert!(of_rule > ACTIVATIONS && of_each.len() > 3 * ACTIVATIONS / 2, "{of_each:?}");
    assert!(most <= 0.5, "a swap stands still for {most} s");
    assert_eq!(service.terminate().code, Some(0));
}
