//! X-11, failure: a disk whose syncs fail under the running program. A small library that is loaded in front of the system's
//! makes them fail, for one folder and from a moment on, as a disk does that has gone bad.

use std::path::{Path, PathBuf};
use std::process::Command;

use fishpond_tests::service::{Act, Client, Crowd, Model, Record, Service, Settings, Told};
use tempfile::TempDir;

use super::{BUSINESS, check_found, check_journal, deploy_both, small, some_days_ago};

/// Syncs of files and folders whose path holds `FAIL_SYNC_IN` fail while there is a file `FAIL_SYNC_WHEN`.
const LIBRARY: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fails(int fd) {
    const char *in = getenv("FAIL_SYNC_IN"), *when = getenv("FAIL_SYNC_WHEN");
    char link[64], path[4096];
    if (!in || !when || access(when, F_OK)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strstr(path, in) != NULL;
}

int fsync(int fd) {
    if (fails(fd)) { errno = EIO; return -1; }
    return syscall(SYS_fsync, fd);
}

int fdatasync(int fd) {
    if (fails(fd)) { errno = EIO; return -1; }
    return syscall(SYS_fdatasync, fd);
}
"#;

/// A disk that fails when it is told to.
struct Disk {
    folder: TempDir,
}

impl Disk {
    fn new() -> Disk {
        let disk = Disk { folder: tempfile::tempdir().expect("a folder") };
        std::fs::write(disk.file("sync.c"), LIBRARY).expect("written");
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O1", "-o"]).arg(disk.file("sync.so")).arg(disk.file("sync.c"));
        assert!(cc.status().expect("there is a C compiler, as builds need one").success(), "it does not compile");
        disk
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn fail(&self) {
        std::fs::write(self.file("fail"), "").expect("written");
    }

    /// A host on it, of which this folder will fail.
    fn under(&self, settings: &Settings, failing: &Path) -> Settings {
        let text = |path: &Path| path.to_str().expect("a path in UTF-8").to_owned();
        let environment = vec![
            ("LD_PRELOAD", text(&self.file("sync.so"))),
            ("FAIL_SYNC_WHEN", text(&self.file("fail"))),
            ("FAIL_SYNC_IN", text(failing)),
        ];
        Settings { environment, ..settings.clone() }
    }
}

/// What was sent and acknowledged, and what comes next.
struct Sent {
    acts: Vec<Act>,
    acknowledged: usize,
}

impl Sent {
    fn new() -> Sent {
        Sent { acts: Crowd::new(5, 200, some_days_ago()).take(40_000).collect(), acknowledged: 0 }
    }

    fn batch(&mut self, client: &Client) -> Told {
        let batch = &self.acts[self.acknowledged..self.acknowledged + 200];
        let told = client.try_events(BUSINESS, &batch.iter().map(Act::json).collect::<Vec<_>>()).expect("an answer");
        self.acknowledged += if told.status == 202 { 200 } else { 0 };
        told
    }
}

/// What is not acknowledged is sent again to a host on a good disk: nothing is lost, nothing is twice.
fn whole(folder: &Path, settings: &Settings, mut model: Model, mut sent: Sent) {
    let mut service = Service::start(folder, settings);
    for _ in 0..10 {
        assert_eq!(sent.batch(&service.client()).status, 202);
    }
    service.settle(BUSINESS);
    sent.acts.truncate(sent.acknowledged);
    sent.acts.iter().for_each(|act| model.see(act));
    check_found(&service.client(), &model);
    assert_eq!(service.terminate().code, Some(0));
    check_journal(folder, settings, &Record { acts: sent.acts, positions: Vec::new(), resent: 0, known: 0 });
}

#[test]
fn x_11_a_journal_that_cannot_be_synced_stops_acceptance_and_loses_nothing() {
    let (disk, folder, settings) = (Disk::new(), tempfile::tempdir().expect("a folder"), small());
    let failing = disk.under(&settings, &folder.path().join("journal"));
    let mut service = Service::start(folder.path(), &failing);
    let client = service.client();
    let model = deploy_both(&client);
    let mut sent = Sent::new();
    for _ in 0..20 {
        assert_eq!(sent.batch(&client).status, 202);
    }
    assert_eq!(client.get("/readyz").status, 200);
    disk.fail();
    let refused = sent.batch(&client);
    assert_eq!(refused.refusal(), (503, "journal_failed".to_owned()), "{refused:?}");
    assert!(refused.text.contains("Input/output error"), "{}", refused.text);
    let ready = client.get("/readyz");
    assert_eq!(ready.refusal(), (503, "not_ready".to_owned()));
    assert!(
        ready.text.contains("the journal has failed") && ready.text.contains("Input/output error"),
        "{}",
        ready.text
    );
    // A disk that says afterwards that all is well is not believed.
    std::fs::remove_file(disk.file("fail")).expect("removed");
    assert_eq!(sent.batch(&client).status, 503);
    assert_eq!((client.get("/healthz").status, client.get("/readyz").status), (200, 503));
    assert!(!service.heard("the journal failed; nothing is accepted until a restart", 1).is_empty());
    let ended = service.terminate();
    assert_ne!(ended.code, Some(0), "{}", ended.text());
    whole(folder.path(), &settings, model, sent);
}

/// The journal could take more, but nobody would handle it.
#[test]
fn x_11_a_store_that_cannot_be_synced_stops_acceptance_and_loses_nothing() {
    let (disk, folder, settings) = (Disk::new(), tempfile::tempdir().expect("a folder"), small());
    let failing = disk.under(&settings, &folder.path().join("store"));
    let service = Service::start(folder.path(), &failing);
    let client = service.client();
    let model = deploy_both(&client);
    let mut sent = Sent::new();
    disk.fail();
    // Until a checkpoint has come.
    let ready = (0..150).find_map(|_| {
        sent.batch(&client);
        Some(client.get("/readyz")).filter(|told| told.status != 200)
    });
    let ready = ready.expect("no checkpoint has come");
    assert_eq!(ready.refusal(), (503, "not_ready".to_owned()));
    assert!(ready.text.contains("cannot be synced") && ready.text.contains("mend the disk"), "{}", ready.text);
    std::fs::remove_file(disk.file("fail")).expect("removed");
    assert_eq!((client.get("/healthz").status, client.get("/readyz").status), (200, 503));
    let refused = sent.batch(&client);
    assert_eq!(refused.refusal(), (503, "not_ready".to_owned()), "{refused:?}");
    assert!(refused.text.contains("cannot be synced"), "{}", refused.text);
    let ended = service.terminate();
    assert_ne!(ended.code, Some(0), "{}", ended.text());
    whole(folder.path(), &settings, model, sent);
}
