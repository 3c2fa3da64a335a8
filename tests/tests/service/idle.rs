//! S1-15: many who are connected and have nothing to show, and the end of a host with all of them.

use std::time::{Duration, Instant};

use fishpond_tests::service::{Service, Settings, Stream};

use super::telling::{connect, connected, stream, tell, telling};

/// How many are connected; the environment variable of this name asks for more. Each takes a file of this process and one
/// of the host's: see `ulimit -n`.
const STREAMS: (&str, u64) = ("FISHPOND_STREAMS", 1_000);
/// Connections for everything else.
const SPARE: u64 = 24;
/// A host that ends with all of them.
const SOON: Duration = Duration::from_secs(5);
/// Bytes: a connection with a stream that has nothing to show costs less. Nearly all of it is HTTP (some 56,000).
const CHEAP: u64 = 96 << 10;

fn streams() -> u64 {
    let (name, default) = STREAMS;
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

fn ends_soon(service: Service, open: &mut [Stream]) {
    let begun = Instant::now();
    let ended = service.terminate();
    let lasted = begun.elapsed();
    assert_eq!(ended.code, Some(0), "{}", ended.text());
    assert!(lasted < SOON, "{lasted:?}");
    assert!(open.iter_mut().all(|stream| stream.next().is_none()), "a stream did not end");
    println!("ended with {} open streams in {lasted:?}", open.len());
}

#[test]
fn s1_15_a_thousand_idle_streams_cost_little_and_an_action_finds_its_own() {
    let (count, folder) = (streams(), tempfile::tempdir().expect("a folder"));
    let limits = vec![("connections", count + SPARE), ("streams", count)];
    let mut service = telling(folder.path(), &Settings { limits, ..Settings::default() });
    let client = service.client();
    let person = |number: u64| format!("person-{number}");
    // What the first stream of all brings with it is not counted.
    drop(connect(&service, "nobody"));
    connected(&mut service, 0);
    let (before, begun) = (service.resident_bytes(), Instant::now());
    let mut open: Vec<Stream> = (0..count).map(|number| connect(&service, &person(number))).collect();
    let (opened, after) = (begun.elapsed(), service.resident_bytes());
    connected(&mut service, open.len());
    let each = after.saturating_sub(before) / count;
    println!("{count} idle streams: {before} bytes before, {after} with them, {each} each; opened in {opened:?}");
    assert!(each < CHEAP, "{each} bytes each");

    // One more is refused by name, and the host goes on.
    let told = stream(&service, &service.token(), "late", &[]).err().expect("a refusal");
    assert_eq!(told.refusal(), (503, "streams".to_owned()));
    assert!(told.json()["limit"] == "streams" && told.text.contains(&count.to_string()), "{told:?}");

    for number in [count - 1, 0, count / 2] {
        let sent = Instant::now();
        tell(&client, &person(number), "offer", number as i64);
        assert_eq!(open[number as usize].n(), number as i64);
        println!("an action among {count} idle streams came after {:?}", sent.elapsed());
    }
    // Only there: the next ones have nothing but their own.
    for number in [1, count - 2] {
        tell(&client, &person(number), "offer", -1);
        assert_eq!(open[number as usize].n(), -1);
    }
    // Who leaves makes room.
    drop(open.pop());
    connected(&mut service, open.len());
    open.push(connect(&service, "late"));
    ends_soon(service, &mut open);
}

#[test]
fn s1_15_a_host_ends_while_actions_flow_into_streams() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = telling(folder.path(), &Settings::default());
    let client = service.client();
    let mut open: Vec<Stream> = (0..4).map(|_| connect(&service, "ann")).collect();
    let told: Vec<String> = (0..50).map(|n| super::telling::event("ann", "offer", n)).collect();
    assert_eq!(client.try_events(super::BUSINESS, &told).expect("an answer").status, 202);
    let shown: Vec<i64> = open.iter_mut().map(Stream::n).collect();
    assert_eq!(shown, [0; 4]);
    let begun = Instant::now();
    let ended = service.terminate();
    assert!(ended.code == Some(0) && begun.elapsed() < SOON, "{:?}: {}", begun.elapsed(), ended.text());
    // What had been put in comes, then the end; what nobody acknowledged is there after the next start.
    for stream in &mut open {
        let rest: Vec<i64> = std::iter::from_fn(|| stream.next()).map(|came| came.n()).collect();
        assert_eq!(rest, (1..=rest.len() as i64).collect::<Vec<_>>());
    }
    let service = Service::start(folder.path(), &Settings::default());
    let mut again = connect(&service, "ann");
    assert_eq!((0..50).map(|_| again.n()).collect::<Vec<_>>(), (0..50).collect::<Vec<_>>());
}
