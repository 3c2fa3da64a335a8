//! A disk that knows what it is sure to hold: for each file its pages at the last sync that succeeded, for each folder its
//! names. Everything later may or may not be there after the power has gone, page by page.
//!
//! It learns of syncs by the failpoints around them. While it takes the state of a cut, every hook waits: nothing becomes
//! durable meanwhile, so nothing is told to anybody, and whatever is read belongs to one moment.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::ThreadId;
use std::time::SystemTime;

use fastrand::Rng;
use fishpond::journal;
use fishpond::model::Lsn;
use fishpond::store::{self, Moment};
use fishpond_tests::Setup;

use super::image::Cut;

/// What a disk writes whole, bytes.
pub const PAGE: usize = 4_096;

/// The folders of a host that lie on the disk.
const FOLDERS: [&str; 2] = ["journal", "store"];

/// A sync that the host on a disk leaves out, so that cuts can be seen to find it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LeavesOut {
    Nothing,
    /// The store's sync of what sled has written: it is not called.
    StoreSync,
    /// The journal's sync of a group: it is called, and the disk knows nothing of it.
    JournalSync,
}

/// A file's bytes; two states of it share what is the same in both.
#[derive(Clone, Default)]
pub struct Content {
    pub pages: Vec<Arc<[u8]>>,
    pub bytes: u64,
}

impl Content {
    fn read(file: &mut File, like: &Content) -> io::Result<Content> {
        let mut content = Content::default();
        let mut buffer = vec![0; 256 * PAGE];
        loop {
            let filled = fill(file, &mut buffer)?;
            for page in buffer[..filled].chunks(PAGE) {
                let number = content.pages.len();
                content.pages.push(match like.pages.get(number).filter(|known| known[..] == *page) {
                    Some(known) => known.clone(),
                    None => settled(file, number, page)?.into(),
                });
            }
            content.bytes += filled as u64;
            if filled < buffer.len() {
                return Ok(content);
            }
        }
    }
}

/// A page that may be written at this moment, as it is before or behind that: a disk has no half pages.
fn settled(file: &File, number: usize, read: &[u8]) -> io::Result<Vec<u8>> {
    let mut page = read.to_vec();
    loop {
        let mut again = page.clone();
        let read = file.read_at(&mut again, (number * PAGE) as u64)?;
        // Or the file has become shorter meanwhile.
        if again == page || read < again.len() {
            return Ok(page);
        }
        page = again;
    }
}

fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

/// A file by whatever name; the number alone may be given again.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Inode(u64, Option<SystemTime>);

impl Inode {
    fn of(file: &Metadata) -> Inode {
        Inode(file.ino(), file.created().ok())
    }
}

/// A file as a cut finds it.
#[derive(Clone)]
pub struct Version {
    pub durable: Content,
    pub current: Content,
}

/// A name in a folder: what it stood for at the folder's last sync, and what it stands for now.
pub struct Name {
    /// Below the host's folder.
    pub path: PathBuf,
    pub was: Option<Version>,
    pub is: Option<Version>,
    /// Both are the same file.
    pub same: bool,
}

type Entries = BTreeMap<OsString, Inode>;

/// What a sync that is under way will have made durable.
enum Begun {
    File(Inode, Content),
    Folder(Entries),
    /// sled has removed the file meanwhile.
    Nothing,
}

#[derive(Default)]
struct State {
    files: HashMap<Inode, Content>,
    folders: BTreeMap<PathBuf, Entries>,
    begun: HashMap<(ThreadId, PathBuf), Begun>,
    /// By kind of moment: how often it was met, and what is kept of it.
    cuts: BTreeMap<String, (u64, Vec<Arc<Cut>>)>,
    /// Cuts that are kept of each kind, spread evenly over the run.
    of_a_kind: usize,
    rng: Rng,
    taking: bool,
}

/// The position up to which a host has said that everything is durable.
type Told = Box<dyn Fn() -> Lsn + Send + Sync>;

pub struct Disk {
    folder: PathBuf,
    told: OnceLock<Told>,
    /// Durable before anybody was followed.
    durable: Lsn,
    leaves_out: LeavesOut,
    state: Mutex<State>,
}

impl Disk {
    /// A disk on which everything in a host's folder has been synced long ago, all positions up to `durable`. It keeps so
    /// many cuts of each kind of moment.
    pub fn new(
        folder: &Path,
        durable: Lsn,
        seed: u64,
        of_a_kind: usize,
        leaves_out: LeavesOut,
    ) -> io::Result<Arc<Disk>> {
        let mut state = State { rng: Rng::with_seed(seed), of_a_kind, taking: true, ..State::default() };
        for path in FOLDERS.iter().flat_map(|name| folders(&folder.join(name))) {
            for (name, inode) in entries(&path)? {
                let file = path.join(name);
                if file.is_file() {
                    state.files.insert(inode, Content::read(&mut File::open(file)?, &Content::default())?);
                }
            }
            state.folders.insert(path.clone(), entries(&path)?);
        }
        let (folder, told, state) = (folder.to_owned(), OnceLock::new(), Mutex::new(state));
        Ok(Arc::new(Disk { folder, told, durable, leaves_out, state }))
    }

    /// From now on this says what is durable.
    pub fn follow(&self, told: impl Fn() -> Lsn + Send + Sync + 'static) {
        assert!(self.told.set(Box::new(told)).is_ok(), "a disk follows one host");
    }

    /// A host on this disk.
    pub fn under(self: &Arc<Disk>, setup: Setup) -> Setup {
        let failpoints = journal::Failpoints {
            at: Some(self.at_site(Moment::Before)),
            done: Some(self.at_site(Moment::Behind)),
            ..journal::Failpoints::default()
        };
        Setup { failpoints, store_failpoints: self.under_store(), ..setup }
    }

    /// A store on this disk.
    pub fn under_store(self: &Arc<Disk>) -> store::Failpoints {
        store::Failpoints {
            before_rows: Some(self.at_place("rows")),
            before_blocks: Some(self.at_place("blocks")),
            before_checkpoint: Some(self.at_place("checkpoint")),
            before_flush: Some(self.at_place("flush")),
            behind_flush: Some(self.at_place("flushed")),
            at_sync: Some(self.at_sync()),
            leave_out_sync: self.leaves_out == LeavesOut::StoreSync,
        }
    }

    fn at_site(self: &Arc<Disk>, moment: Moment) -> journal::SiteHook {
        let disk = self.clone();
        Arc::new(move |site, path| {
            use journal::Site::{
                GroupSync, IndexEntry, IndexSync, ReleasedEntry, ReleasedSync, RemovedEntry, SegmentEntry, SegmentSync,
                TailSync,
            };
            let mut state = disk.state();
            let syncs = matches!(site, GroupSync | IndexSync | ReleasedSync | SegmentSync | TailSync)
                || matches!(site, IndexEntry | ReleasedEntry | RemovedEntry | SegmentEntry);
            let left_out = site == GroupSync && disk.leaves_out == LeavesOut::JournalSync;
            if syncs && !left_out {
                state.synced(path, moment)?;
            }
            disk.pass(&mut state, format!("{site:?} {moment:?}"))
        })
    }

    fn at_place(self: &Arc<Disk>, name: &'static str) -> store::Failpoint {
        let disk = self.clone();
        Arc::new(move |_| disk.moment(name))
    }

    fn at_sync(self: &Arc<Disk>) -> store::SyncHook {
        let disk = self.clone();
        Arc::new(move |path, moment| {
            let mut state = disk.state();
            state.synced(path, moment)?;
            let blob = path.parent().is_some_and(|above| above.ends_with("blobs"));
            let name = if blob { OsString::from("blob") } else { path.file_name().unwrap_or_default().to_owned() };
            disk.pass(&mut state, format!("sync of {} {moment:?}", name.display()))
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The power may go now; so may it at every hook.
    pub fn moment(&self, kind: &str) -> io::Result<()> {
        self.pass(&mut self.state(), kind.to_owned())
    }

    /// Cuts from now on, or no more.
    pub fn taking(&self, taking: bool) {
        self.state().taking = taking;
    }

    fn pass(&self, state: &mut State, kind: String) -> io::Result<()> {
        if !state.taking {
            return Ok(());
        }
        let (met, kept) = state.cuts.entry(kind.clone()).or_default();
        *met += 1;
        let place = if kept.len() < state.of_a_kind { kept.len() } else { state.rng.u64(..*met) as usize };
        if place >= state.of_a_kind {
            return Ok(());
        }
        let cut = Arc::new(self.cut(state, kind.clone())?);
        let kept = &mut state.cuts.entry(kind).or_default().1;
        if place < kept.len() {
            kept[place] = cut
        } else {
            kept.push(cut)
        }
        Ok(())
    }

    fn cut(&self, state: &State, kind: String) -> io::Result<Cut> {
        let mut names = Vec::new();
        for path in FOLDERS.iter().flat_map(|name| folders(&self.folder.join(name))) {
            names.extend(loop {
                if let Some(found) = self.names(state, &path)? {
                    break found;
                }
            });
        }
        // Read last: whatever is told by now was durable when the lock was taken.
        let durable = self.told.get().map_or(self.durable, |told| told());
        Ok(Cut { kind, durable, names })
    }

    /// None if sled has given its snapshot a name meanwhile and removed the one before: there was a moment with both, and
    /// none with neither.
    fn names(&self, state: &State, path: &Path) -> io::Result<Option<Vec<Name>>> {
        let (now, none) = (entries(path)?, Entries::new());
        let before = state.folders.get(path).unwrap_or(&none);
        let mut names = Vec::new();
        for name in now.keys().chain(before.keys()).collect::<BTreeSet<_>>() {
            let file = path.join(name);
            if file.is_dir() {
                continue;
            }
            let found = self.name(state, file, before.get(name).copied())?;
            let gone = found.as_ref().is_none_or(|found| found.is.is_none());
            if gone && is_snapshot(Path::new(name)) && now.contains_key(name) {
                return Ok(None);
            }
            names.extend(found);
        }
        Ok(Some(names))
    }

    fn name(&self, state: &State, file: PathBuf, before: Option<Inode>) -> io::Result<Option<Name>> {
        let durable = |inode: Inode| state.files.get(&inode).cloned().unwrap_or_default();
        let is = match File::open(&file) {
            Ok(mut open) => {
                let inode = Inode::of(&open.metadata()?);
                let current = Content::read(&mut open, &durable(inode))?;
                let durable = if is_snapshot(&file) { current.clone() } else { durable(inode) };
                Some((inode, Version { durable, current }))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let same = before == is.as_ref().map(|(inode, _)| *inode);
        let was = before.filter(|_| !same).map(|inode| Version { durable: durable(inode), current: durable(inode) });
        let path = file.strip_prefix(&self.folder).map_err(io::Error::other)?.to_owned();
        Ok(Some(Name { path, was, is: is.map(|(_, version)| version), same }))
    }

    /// What was kept of each kind.
    pub fn cuts(&self) -> Vec<Arc<Cut>> {
        self.state().cuts.values().flat_map(|(_, cuts)| cuts.iter().cloned()).collect()
    }
}

impl State {
    fn synced(&mut self, path: &Path, moment: Moment) -> io::Result<()> {
        let place = (std::thread::current().id(), path.to_owned());
        if moment == Moment::Before {
            // Sure is only what was written before the sync began.
            let begun = if path.is_dir() { Begun::Folder(self.snapshots_of(path)?) } else { self.begun(path)? };
            self.begun.insert(place, begun);
            return Ok(());
        }
        match self.begun.remove(&place) {
            Some(Begun::File(inode, content)) => drop(self.files.insert(inode, content)),
            Some(Begun::Folder(entries)) => drop(self.folders.insert(path.to_owned(), entries)),
            Some(Begun::Nothing) => {}
            None => panic!("a sync of {} that nobody began", path.display()),
        }
        Ok(())
    }

    /// The names in a folder; sled has synced the snapshots among them.
    fn snapshots_of(&mut self, folder: &Path) -> io::Result<Entries> {
        let found = entries(folder)?;
        for (name, inode) in found.iter().filter(|(name, _)| is_snapshot(Path::new(name))) {
            self.files.insert(*inode, Content::read(&mut File::open(folder.join(name))?, &Content::default())?);
        }
        Ok(found)
    }

    fn begun(&self, path: &Path) -> io::Result<Begun> {
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Begun::Nothing),
            Err(error) => return Err(error),
        };
        let inode = Inode::of(&file.metadata()?);
        let none = Content::default();
        let content = Content::read(&mut file, self.files.get(&inode).unwrap_or(&none))?;
        Ok(Begun::File(inode, content))
    }
}

/// sled syncs a snapshot by itself before it has its name.
fn is_snapshot(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("snap.") && !name.ends_with(".generating")
}

/// A folder and all below it.
fn folders(top: &Path) -> Vec<PathBuf> {
    let mut found = Vec::from_iter(top.is_dir().then(|| top.to_owned()));
    let below = std::fs::read_dir(top).into_iter().flatten().flatten().map(|entry| entry.path());
    below.filter(|path| path.is_dir()).for_each(|path| found.extend(folders(&path)));
    found
}

fn entries(folder: &Path) -> io::Result<Entries> {
    let mut found = Entries::new();
    let read = match std::fs::read_dir(folder) {
        // Removed since it was listed.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        read => read?,
    };
    for entry in read {
        let entry = entry?;
        match entry.metadata() {
            Ok(file) => drop(found.insert(entry.file_name(), Inode::of(&file))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}
