//! What sled cannot read is said with the folder and the remedy, and is never an empty answer.

use super::*;
use std::os::unix::fs::FileExt;

#[test]
fn probe() {
    let folder = folder();
    {
        let store = open(folder.path(), 1);
        for batch in rows(20_000).chunks(500) { store.write(batch).expect("written"); }
    }
    let db = folder.path().join("0/db");
    let len = std::fs::metadata(&db).unwrap().len();
    let orig = std::fs::read(&db).unwrap();
    let mut r = fastrand::Rng::with_seed(1);
    for i in 0..40 {
        let at = r.u64(0..len);
        std::fs::write(&db, &orig).unwrap();
        for n in std::fs::read_dir(folder.path().join("0")).unwrap() { let p=n.unwrap().path(); if i % 2 == 0 && p.file_name().unwrap().to_string_lossy().starts_with("snap") { std::fs::remove_file(p).unwrap(); } }
        let f = std::fs::OpenOptions::new().write(true).open(&db).unwrap();
        let n = 64.min(len - at) as usize;
        f.write_all_at(&vec![0xee; n], at).unwrap();
        match Store::open(folder.path(), 1, CACHE) {
            Err(e) => eprintln!("{at}/{len}: open: {e}"),
            Ok(store) => match store.check(|_, _| Ok(())) {
                Err(e) => eprintln!("{at}/{len}: check: {e}"),
                Ok(c) => eprintln!("{at}/{len}: rows {} faulty {}", c.rows, c.faulty),
            }
        }
    }
}
