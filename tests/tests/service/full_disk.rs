//! X-11, failure: a disk that takes no more. The host stops accepting and says so, claims nothing any more, and everything
//! that it acknowledged is there when there is room again.

use std::collections::BTreeSet;

use fishpond_tests::service::{Act, Crowd, Record, Service, Settings};

use super::{BUSINESS, check_found, check_journal, deploy_both, small, some_days_ago};

/// Blocks of 512 bytes: 3 MiB, within a segment of the journal.
const FULL: u64 = 6_144;

fn bodies(acts: &[Act]) -> Vec<String> {
    acts.iter().map(|act| act.json()).collect()
}

#[test]
fn x_11_a_full_disk_stops_acceptance_and_loses_nothing_that_was_acknowledged() {
    // One segment, and no checkpoint that would meet the bound first.
    let settings = Settings { limits: vec![("journal_segment_bytes", 16 << 20)], ..small() };
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::start(folder.path(), &settings);
    let mut model = deploy_both(&service.client());
    assert_eq!(service.terminate().code, Some(0));

    let full = Settings { file_blocks: Some(FULL), ..settings.clone() };
    let mut service = Service::start(folder.path(), &full);
    let client = service.client();
    let acts: Vec<Act> = Crowd::new(5, 200, some_days_ago()).take(60_000).collect();
    let mut acknowledged = 0;
    let mut batches = acts.chunks(200);
    let refused = loop {
        let batch = batches.next().expect("the disk becomes full before the events end");
        let told = client.try_events(BUSINESS, &bodies(batch)).expect("an answer");
        if told.status != 202 {
            break told;
        }
        acknowledged += batch.len();
    };
    assert!(acknowledged > 1_000, "{acknowledged} events were acknowledged");
    assert_eq!(refused.refusal(), (503, "journal_failed".to_owned()), "{refused:?}");
    assert!(refused.text.contains(".seg"), "the file is named: {}", refused.text);
    let ready = client.get("/readyz");
    assert_eq!(ready.refusal(), (503, "not_ready".to_owned()));
    assert!(ready.text.contains("the journal has failed") && ready.text.contains(".seg"), "{}", ready.text);
    // It is not tried again, nothing is claimed, and looking still works.
    for batch in batches.take(5) {
        assert_eq!(client.try_events(BUSINESS, &bodies(batch)).expect("an answer").status, 503);
    }
    assert_eq!((client.get("/healthz").status, client.get("/metrics").status), (200, 200));
    assert!(!service.heard("the journal failed; nothing is accepted until a restart", 1).is_empty());
    let ended = service.terminate();
    assert_ne!(ended.code, Some(0), "{}", ended.text());

    let mut service = Service::start(folder.path(), &settings);
    // Whoever was not told sends again: nothing is lost, nothing is twice.
    for batch in acts[acknowledged..acknowledged + 2_000].chunks(200) {
        assert_eq!(service.client().try_events(BUSINESS, &bodies(batch)).expect("an answer").status, 202);
    }
    service.settle(BUSINESS);
    let sent = &acts[..acknowledged + 2_000];
    sent.iter().for_each(|act| model.see(act));
    check_found(&service.client(), &model);
    assert_eq!(service.terminate().code, Some(0));
    let record = Record { acts: sent.to_vec(), positions: Vec::new(), resent: 0, known: 0 };
    check_journal(folder.path(), &settings, &record);
    let ids: BTreeSet<_> = sent.iter().map(|act| &act.id).collect();
    assert_eq!(ids.len(), sent.len(), "the events are different ones");
}
