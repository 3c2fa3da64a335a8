//! The export of a random run, and a checker that is not ours to be convinced: it passes what was recorded, and finds each of
//! many ways in which it might have been wrong.

use fishpond_tests::checker::{checked, exported};
use serde_json::{Value, json};

use super::generate::steps;
use super::play::play;

const SEEDS: std::ops::Range<u64> = 3..8;

/// What was changed in an export, and a word of what the checker must say.
struct Tampering {
    name: &'static str,
    change: fn(&mut Vec<Value>) -> Option<()>,
    said: &'static str,
}

fn of_kind<'v>(frames: &'v mut [Value], kind: &'static str) -> impl Iterator<Item = &'v mut Value> {
    frames.iter_mut().filter(move |frame| frame["kind"] == kind)
}

fn records(frames: &mut [Value]) -> impl Iterator<Item = &mut Value> {
    of_kind(frames, "outcome").flat_map(|frame| frame["inputs"].as_array_mut().expect("inputs"))
}

fn record_by<'v>(frames: &'v mut [Value], way: &str) -> Option<&'v mut Value> {
    records(frames).find(|record| record["via"]["way"] == *way)
}

fn deeds(frames: &mut [Value]) -> impl Iterator<Item = &mut Vec<Value>> {
    of_kind(frames, "outreach").map(|frame| frame["deeds"].as_array_mut().expect("deeds"))
}

/// Writes the deed of a frame twice.
fn deed_again(frames: &mut [Value], deed: &str) -> Option<()> {
    deeds(frames).find_map(|deeds| {
        let again = deeds.iter().find(|one| one["deed"] == *deed)?.clone();
        deeds.push(again);
        Some(())
    })
}

fn record_again(frames: &mut [Value], way: &str) -> Option<()> {
    of_kind(frames, "outcome").find_map(|frame| {
        let records = frame["inputs"].as_array_mut().expect("inputs");
        // Without effects, which would be found first.
        let wanted = |record: &&Value| record["via"]["way"] == *way && record["end"]["code"] != "no_key";
        let mut again = records.iter().find(wanted)?.clone();
        ["matches", "signals", "published"].into_iter().for_each(|what| again[what] = json!([]));
        records.push(again);
        Some(())
    })
}

/// Takes the record of an event away, where no other says anything that hangs on it.
fn record_gone(frames: &mut [Value]) -> Option<()> {
    let idle = |record: &Value| ["ops", "matches", "signals", "published"].iter().all(|what| record[what] == json!([]));
    of_kind(frames, "outcome").find_map(|frame| {
        let records = frame["inputs"].as_array_mut().expect("inputs");
        let place = records.iter().rposition(|record| record["via"]["way"] == "event" && idle(record))?;
        records.remove(place);
        Some(())
    })
}

fn effect<'v>(frames: &'v mut [Value], what: &'static str) -> Option<&'v mut Vec<Value>> {
    records(frames).map(|record| record[what].as_array_mut().expect("a list")).find(|list| !list.is_empty())
}

fn doubled(list: &mut Vec<Value>) -> Option<()> {
    list.push(list.first()?.clone());
    Some(())
}

const TAMPERINGS: &[Tampering] = &[
    Tampering {
        name: "a frame is missing",
        change: |frames| frames.len().checked_sub(9).map(|at| drop(frames.remove(at))),
        said: "contiguous",
    },
    Tampering {
        name: "a frame is there twice",
        change: |frames| frames.get(20).cloned().map(|frame| frames.insert(20, frame)),
        said: "contiguous",
    },
    Tampering { name: "the end is missing", change: |frames| frames.pop().map(drop), said: "it ends here" },
    Tampering {
        name: "two frames have changed places",
        change: |frames| (frames.len() > 31).then(|| frames.swap(30, 31)),
        said: "contiguous",
    },
    Tampering {
        name: "an event has another's identity",
        change: |frames| {
            let known = of_kind(frames, "input").next()?.clone();
            let later = of_kind(frames, "input").nth(1)?;
            ["source", "id"].into_iter().for_each(|name| later[name] = known[name].clone());
            Some(())
        },
        said: "was accepted at position",
    },
    Tampering {
        name: "an event is of another type",
        change: |frames| {
            let other = of_kind(frames, "input").find(|frame| frame["type"] == "blacklist")?;
            other["type"] = "herald".into();
            Some(())
        },
        said: "has not handled it",
    },
    Tampering {
        name: "time falls",
        change: |frames| of_kind(frames, "tick").last().map(|tick| tick["now"] = 1.into()),
        said: "the receive clock falls",
    },
    Tampering {
        name: "the watermark falls",
        change: |frames| of_kind(frames, "tick").last().map(|tick| tick["watermark"] = 1.into()),
        said: "the watermark falls",
    },
    Tampering { name: "an input was applied twice", change: |frames| record_again(frames, "event"), said: "twice" },
    Tampering { name: "a timer has fired twice", change: |frames| record_again(frames, "timer"), said: "or twice" },
    Tampering { name: "a signal was handled twice", change: |frames| record_again(frames, "signal"), said: "twice" },
    Tampering { name: "an input was not applied", change: |frames| record_gone(frames), said: "has not handled" },
    Tampering {
        name: "a signal was not handled",
        // What came of it stays, or that would be missed first.
        change: |frames| {
            let record = record_by(frames, "signal")?;
            record["via"] = json!({ "way": "settlement", "action": "0" });
            Some(())
        },
        said: "has not handled the signal",
    },
    Tampering {
        name: "an input has another key",
        change: |frames| record_by(frames, "event").map(|record| record["key"] = "somebody".into()),
        said: "has not handled",
    },
    Tampering {
        name: "an input comes from later",
        change: |frames| record_by(frames, "event").map(|record| record["position"] = 1_000_000.into()),
        said: "comes later",
    },
    Tampering {
        name: "a signal goes round and round",
        change: |frames| record_by(frames, "signal").map(|record| record["hops"] = 17.into()),
        said: "17 hops",
    },
    Tampering {
        name: "a timer fires too early",
        change: |frames| {
            let mut ops = records(frames).flat_map(|record| record["ops"].as_array_mut().expect("a list"));
            let set = ops.find(|op| op["op"] == "set_timer" && op["name"] == "receive" && op["context"] == "offer")?;
            set["due"] = 9_999_999_999_999u64.into();
            Some(())
        },
        said: "early",
    },
    Tampering {
        name: "a match was found twice",
        change: |frames| effect(frames, "matches").and_then(doubled),
        said: "was found twice",
    },
    Tampering {
        name: "a match names another event",
        change: |frames| effect(frames, "matches").map(|found| found[0]["events"][0]["id"] = "none".into()),
        said: "it names",
    },
    Tampering {
        name: "an event was published twice",
        change: |frames| effect(frames, "published").and_then(doubled),
        said: "was published twice",
    },
    Tampering {
        name: "a decision was made twice",
        change: |frames| deed_again(frames, "decided"),
        said: "decided twice",
    },
    Tampering {
        name: "what was acted upon once is acted upon again",
        change: |frames| {
            let mut all = deeds(frames).flatten().filter(|deed| deed["deed"] == "decided");
            let repeated = all.find(|deed| deed["decision"]["status"] == "repeated")?;
            repeated["decision"]["status"] = "denied".into();
            Some(())
        },
        said: "was acted upon",
    },
    Tampering { name: "a delivery has ended twice", change: |frames| deed_again(frames, "ended"), said: "already" },
    Tampering {
        name: "a delivery was never on its way",
        change: |frames| {
            let mut all = deeds(frames).flatten();
            all.find(|deed| deed["deed"] == "ended").map(|deed| deed["action"] = "0".into())
        },
        said: "never on its way",
    },
    Tampering {
        name: "a decision is about no match",
        change: |frames| {
            let mut all = deeds(frames).flatten();
            let decided = all.find(|deed| deed["deed"] == "decided")?;
            decided["decision"]["action"]["origin"]["match_id"] = "0".into();
            Some(())
        },
        said: "nobody has found the match",
    },
    Tampering {
        name: "a reader goes back",
        change: |frames| of_kind(frames, "outcome").last().map(|frame| frame["read_to"] = 1.into()),
        said: "goes back",
    },
];

/// A run's export, which the checker passes.
fn passed(seed: u64) -> Vec<Value> {
    let folder = tempfile::tempdir().expect("a folder");
    play(folder.path(), seed, &steps(seed, super::STEPS)).expect("the model agrees");
    let lines = exported(folder.path());
    let said = check(&lines, lines.len()).unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
    assert!(said.starts_with("ok: positions 1 to "), "{said}");
    lines.iter().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn check(lines: &[String], last: usize) -> Result<String, String> {
    checked(lines, &["--settled", "--last", &last.to_string()])
}

#[test]
fn the_checker_passes_random_runs_and_finds_every_tampering() {
    let runs: Vec<Vec<Value>> = SEEDS.map(passed).collect();
    for Tampering { name, change, said } in TAMPERINGS {
        let tampered = runs.iter().find_map(|frames| {
            let mut tampered = frames.clone();
            change(&mut tampered).map(|()| (tampered, frames.len()))
        });
        let (tampered, last) = tampered.unwrap_or_else(|| panic!("{name}: the runs are too thin for that"));
        let tampered: Vec<String> = tampered.iter().map(Value::to_string).collect();
        match check(&tampered, last) {
            Ok(passed) => panic!("{name}: the checker has not noticed: {passed}"),
            Err(broken) => assert!(broken.contains(said), "{name}: {broken}"),
        }
    }
}

#[test]
fn an_export_of_some_positions_is_the_same_lines() {
    use fishpond::export::{Error, Range, export};
    use fishpond::journal;
    use fishpond::model::Lsn;

    let folder = tempfile::tempdir().expect("a folder");
    play(folder.path(), 3, &steps(3, 30)).expect("the model agrees");
    let all = exported(folder.path());
    let part = |from: Option<u64>, to: Option<u64>| {
        let mut text = Vec::new();
        let range = Range { from: from.map(Lsn), to: to.map(Lsn) };
        let count = export(folder.path(), range, &mut text).expect("a whole journal");
        let lines: Vec<String> = String::from_utf8(text).expect("UTF-8").lines().map(str::to_owned).collect();
        assert_eq!(count as usize, lines.len());
        lines
    };
    assert_eq!(part(Some(5), Some(20)), all[4..20]);
    assert_eq!(part(None, Some(3)), all[..3]);
    assert_eq!(part(Some(all.len() as u64), None), all[all.len() - 1..]);
    assert_eq!(part(Some(1 << 40), None), [""; 0]);
    // A part says nothing of what lies before it, so the checker asks for less.
    checked(&all[40..], &[]).unwrap_or_else(|broken| panic!("{broken}"));
    // Nothing was changed, and nobody reads a journal that is written.
    let held = journal::Journal::open(&folder.path().join("journal"), Default::default(), Lsn::ZERO, &mut |_| {});
    let refused = export(folder.path(), Range::default(), &mut Vec::new());
    assert!(matches!(refused, Err(Error::Journal(journal::Error::Locked { .. }))), "{refused:?}");
    drop(held.expect("it opens"));
    let nowhere = export(&folder.path().join("nowhere"), Range::default(), &mut Vec::new());
    assert!(matches!(nowhere, Err(Error::NoJournal(_))), "{nowhere:?}");
}
