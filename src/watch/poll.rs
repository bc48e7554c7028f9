//! Looks again and again, where the kernel tells nothing: on network and FUSE file systems, whose
//! changes are made elsewhere, and where there are no kernel watches left.
//!
//! A file has changed if its modification time, its size or its inode is another one: *another*,
//! not a later one, since restored files are older and clocks differ. Only directories that count
//! are listed. The pauses grow with what a look costs, so that it never takes more than a few per
//! cent of one core.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsString;
use std::fs::{self, FileType};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use notify::event::{CreateKind, ModifyKind, RemoveKind};
use notify::{Event, EventKind};

use super::filter::{Filter, Verdict};
use super::special::is_special;
use crate::paths::moved;

/// How often to look, if nothing else is said.
pub const EVERY: Duration = Duration::from_secs(1);

/// A pause is at least so many times as long as the look before it.
const PAUSE: u32 = 40;

/// What a polled file that is there is told as: it is new, or another one.
pub(super) const ANOTHER: EventKind = EventKind::Modify(ModifyKind::Other);

/// The directories that are polled, and what was in them.
#[derive(Debug)]
pub(super) struct Poller {
    every: Duration,
    /// Whether everything is to be polled.
    all: bool,
    /// The file systems of which it is known whether they tell anything, by where they are: true
    /// if not, so that everything below is polled.
    silent: BTreeMap<PathBuf, bool>,
    dirs: BTreeMap<PathBuf, Listing>,
    /// Files that are looked at although they do not count by their own names.
    files: HashSet<PathBuf>,
    due: Option<Instant>,
}

/// What was in a directory.
#[derive(Debug, Default)]
struct Listing {
    /// Whether everything counts that is in it; the rest is for others to tell.
    flat: bool,
    /// Whether it is one file, and no directory.
    is_file: bool,
    entries: HashMap<OsString, Seen>,
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Dir {
        inode: u64,
    },
    File {
        inode: u64,
        size: u64,
        mtime: (i64, i64),
    },
}

impl Seen {
    fn new(meta: &fs::Metadata) -> Self {
        if meta.is_dir() {
            return Self::Dir { inode: meta.ino() };
        }
        Self::File {
            inode: meta.ino(),
            size: meta.size(),
            mtime: (meta.mtime(), meta.mtime_nsec()),
        }
    }
}

impl Poller {
    /// A poller that looks `every` so often; at everything, or at what it is given.
    pub(super) fn new(every: Duration, all: bool) -> Self {
        Self {
            every,
            all,
            silent: BTreeMap::new(),
            dirs: BTreeMap::new(),
            files: HashSet::new(),
            due: None,
        }
    }

    /// How often it looks.
    pub(super) fn every(&self) -> Duration {
        self.every
    }

    /// When to look next. None: there is nothing to look at.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Takes in whether the kernel tells nothing below `path`.
    pub(super) fn silence(&mut self, path: &Path, silent: bool) {
        self.silent.insert(path.to_path_buf(), silent);
    }

    /// Forgets what is known of the file systems at `path` and below.
    pub(super) fn unsilence(&mut self, path: &Path) {
        self.silent.retain(|known, _| !known.starts_with(path));
    }

    /// Whether this directory, or this file, has to be polled.
    pub(super) fn must(&self, path: &Path) -> bool {
        let nearest = || path.ancestors().find_map(|dir| self.silent.get(dir));
        self.all || (!self.silent.is_empty() && nearest().is_some_and(|silent| *silent))
    }

    /// Polls this directory from now on; `flat`: for the sake of some names in it, or for that of the
    /// one file that it is.
    pub(super) fn add(&mut self, path: &Path, flat: bool) {
        let mut listing = Listing {
            flat,
            is_file: flat && !path.is_dir(),
            ..Listing::default()
        };
        if listing.is_file {
            listing.entries = look_at_file(path);
        } else if flat {
            listing.entries = look(path, |_, _| true).unwrap_or_default();
        }
        self.dirs.insert(path.to_path_buf(), listing);
        self.due.get_or_insert_with(|| Instant::now() + self.every);
    }

    /// How many directories are polled.
    pub(super) fn len(&self) -> usize {
        self.dirs.len()
    }

    /// Whether this directory is polled.
    pub(super) fn has(&self, path: &Path) -> bool {
        self.dirs.contains_key(path)
    }

    /// Takes in what is in a polled directory.
    pub(super) fn record(&mut self, path: &Path, filter: &Filter) {
        if let Some(listing) = self.dirs.get_mut(path) {
            let counts = counts(filter, path);
            let wanted = |path: &Path, is_dir| counts(path, is_dir) || self.files.contains(path);
            listing.entries = look(path, wanted).unwrap_or_default();
        }
    }

    /// Looks at this file, too, if its directory is polled: from now on, as it is now.
    pub(super) fn look_at_file(&mut self, path: &Path) {
        let listing = path.parent().and_then(|dir| self.dirs.get_mut(dir));
        let (Some(listing), Some(name)) = (listing, path.file_name()) else {
            return;
        };
        if !listing.flat
            && self.files.insert(path.to_path_buf())
            && let Ok(meta) = fs::symlink_metadata(path)
        {
            let name = name.to_owned();
            listing
                .entries
                .entry(name)
                .or_insert_with(|| Seen::new(&meta));
        }
    }

    /// Polls this directory no more.
    pub(super) fn remove(&mut self, path: &Path) {
        self.dirs.remove(path);
        if self.dirs.is_empty() {
            self.due = None;
        }
    }

    /// Takes in that what was at `from` is at `to`, as far as it is known to tell nothing.
    pub(super) fn follow(&mut self, from: &Path, to: &Path) {
        let all = std::mem::take(&mut self.silent).into_iter();
        let all = all.map(|(path, silent)| (moved(&path, from, to).unwrap_or(path), silent));
        self.silent = all.collect();
    }

    /// Takes in that the directories at `from` are at `to` now, where they have been looked at: what
    /// has changed since they were looked at there.
    pub(super) fn moved(&mut self, from: &Path, to: &Path) -> Vec<Event> {
        let mut events = Vec::new();
        for (path, was) in self.dirs.range(from.to_path_buf()..) {
            let Some(path) = moved(path, from, to) else {
                break;
            };
            let place = if was.is_file {
                path.parent()
            } else {
                Some(&*path)
            };
            if let (Some(is), Some(place)) = (self.dirs.get(&path), place) {
                compare(place, &was.entries, &is.entries, &mut events);
            }
        }
        events
    }

    /// Looks at everything once, and tells what has changed as the kernel would have.
    pub(super) fn look(&mut self, filter: &Filter) -> Vec<Event> {
        let begun = Instant::now();
        let mut events = Vec::new();
        for (path, listing) in &mut self.dirs {
            let flat = listing.flat;
            if let (true, Some(dir)) = (listing.is_file, path.parent()) {
                let entries = look_at_file(path);
                compare(dir, &listing.entries, &entries, &mut events);
                listing.entries = entries;
                continue;
            }
            let counts = counts(filter, path);
            let wanted =
                |path: &Path, kind| flat || counts(path, kind) || self.files.contains(path);
            if let Some(entries) = look(path, wanted) {
                compare(path, &listing.entries, &entries, &mut events);
                listing.entries = entries;
            } else if !flat {
                events.push(event(EventKind::Remove(RemoveKind::Folder), path.clone()));
            }
        }
        let now = Instant::now();
        self.due = Some(now + self.every.max((now - begun) * PAUSE));
        events
    }
}

/// Whether an entry of `dir` is compared: one that counts, and one that tells which ones do.
fn counts(filter: &Filter, dir: &Path) -> impl Fn(&Path, FileType) -> bool {
    let within = filter.within(dir);
    move |path, kind| {
        let may_be_saved = !is_special(kind) || filter.is_root(path);
        filter.is_ignore_file(path)
            || may_be_saved && within.verdict(path, kind.is_dir()) == Verdict::Kept
    }
}

/// What is in a directory, of what is `wanted`.
fn look(path: &Path, wanted: impl Fn(&Path, FileType) -> bool) -> Option<HashMap<OsString, Seen>> {
    let entries = fs::read_dir(path).ok()?.flatten();
    let wanted = entries.filter(|entry| {
        // One that is gone by now is not there.
        let kind = entry.file_type();
        kind.is_ok_and(|kind| wanted(&entry.path(), kind))
    });
    let seen = wanted.filter_map(|entry| {
        let seen = Seen::new(&entry.metadata().ok()?);
        Some((entry.file_name(), seen))
    });
    Some(seen.collect())
}

/// The file at `path`, if it is there.
fn look_at_file(path: &Path) -> HashMap<OsString, Seen> {
    let seen = fs::symlink_metadata(path).map(|meta| Seen::new(&meta));
    let named = path.file_name().zip(seen.ok());
    named
        .map(|(name, seen)| (name.to_owned(), seen))
        .into_iter()
        .collect()
}

/// Tells the differences between what was and what is in a directory.
fn compare(
    path: &Path,
    before: &HashMap<OsString, Seen>,
    after: &HashMap<OsString, Seen>,
    events: &mut Vec<Event>,
) {
    for (name, was) in before {
        if after.get(name) == Some(was) {
            continue;
        }
        match (was, after.get(name)) {
            (Seen::Dir { .. }, _) => {
                events.push(event(
                    EventKind::Remove(RemoveKind::Folder),
                    path.join(name),
                ));
            }
            (Seen::File { .. }, Some(Seen::File { .. })) => {}
            (Seen::File { .. }, _) => {
                events.push(event(EventKind::Remove(RemoveKind::File), path.join(name)));
            }
        }
    }
    for (name, is) in after {
        if before.get(name) == Some(is) {
            continue;
        }
        let kind = match is {
            Seen::Dir { .. } => EventKind::Create(CreateKind::Folder),
            Seen::File { .. } => ANOTHER,
        };
        events.push(event(kind, path.join(name)));
    }
}

fn event(kind: EventKind, path: PathBuf) -> Event {
    Event::new(kind).add_path(path)
}

/// The name of the file system that `path` is on, if changes that are made elsewhere do not reach
/// us there. The numbers are those of statfs(2) and of Linux's magic.h.
#[cfg(target_os = "linux")]
pub(super) fn silent_fs(path: &Path) -> Option<&'static str> {
    let found = nix::sys::statfs::statfs(path).ok()?.filesystem_type().0;
    silent_magic(found.cast_unsigned() & 0xffff_ffff)
}

/// Elsewhere notify knows best.
#[cfg(not(target_os = "linux"))]
pub(super) fn silent_fs(_: &Path) -> Option<&'static str> {
    None
}

#[cfg(target_os = "linux")]
fn silent_magic(magic: u64) -> Option<&'static str> {
    Some(match magic {
        0x6969 => "NFS",
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => "SMB",
        0x0102_1997 => "9p",
        0x6573_5546 => "FUSE",
        0x786f_4256 => "vboxsf",
        // WSL 1's drives; those of WSL 2 are on 9p.
        0x5346_4846 => "drvfs",
        0x7c7c_6673 => "prl_fs",
        0xbacb_acbc => "vmhgfs",
        0x5346_414f | 0x6b41_4653 => "AFS",
        0x00c3_6400 => "Ceph",
        0x7375_7245 => "Coda",
        0x0116_1970 => "GFS2",
        0x4750_4653 => "GPFS",
        0x0bd0_0bd0 => "Lustre",
        0x7461_636f => "OCFS2",
        _ => return None,
    })
}

/// Whether it is one of these by the name that the table of mounts has for it: so nobody has to be
/// asked, and nobody who does not answer is waited for.
pub(super) fn is_silent(name: &str) -> bool {
    let silent = [
        "9p", "afs", "ceph", "cifs", "coda", "drvfs", "fuse", "fuseblk", "gfs2", "gpfs", "lustre",
        "nfs", "nfs4", "ocfs2", "prl_fs", "smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs",
    ];
    silent.contains(&name) || name.starts_with("fuse.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    /// Looks twice, with `change` in between, and tells what was found.
    #[track_caller]
    fn check(change: impl Fn(&Path), expected: &[(EventKind, &str)]) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path();
        fs::write(path.join("a"), "1").expect("writable");
        fs::create_dir(path.join("d")).expect("writable");
        let before = look(path, |_, _| true).expect("readable");
        change(path);
        let after = look(path, |_, _| true).expect("readable");
        let mut events = Vec::new();
        compare(path, &before, &after, &mut events);
        let found: Vec<(EventKind, &str)> = events
            .iter()
            .map(|event| {
                let name = event.paths[0].file_name().and_then(|name| name.to_str());
                (event.kind, name.expect("UTF-8"))
            })
            .collect();
        assert_eq!(found, expected);
    }

    const DIR_GONE: EventKind = EventKind::Remove(RemoveKind::Folder);
    const DIR_MADE: EventKind = EventKind::Create(CreateKind::Folder);

    #[test]
    fn files_that_are_another_one() {
        check(|_| (), &[]);
        check(
            |dir| fs::write(dir.join("a"), "22").expect("writable"),
            &[(ANOTHER, "a")],
        );
        check(
            |dir| fs::write(dir.join("b"), "").expect("writable"),
            &[(ANOTHER, "b")],
        );
        let older = |dir: &Path| {
            let file = fs::File::open(dir.join("a")).expect("readable");
            file.set_modified(SystemTime::UNIX_EPOCH).expect("ours");
        };
        check(older, &[(ANOTHER, "a")]);
        let gone = EventKind::Remove(RemoveKind::File);
        check(
            |dir| fs::remove_file(dir.join("a")).expect("there"),
            &[(gone, "a")],
        );
    }

    #[test]
    fn directories_are_compared_by_what_they_are() {
        check(|dir| fs::write(dir.join("d/x"), "").expect("writable"), &[]);
        check(
            |dir| fs::remove_dir(dir.join("d")).expect("empty"),
            &[(DIR_GONE, "d")],
        );
        let replaced = |dir: &Path| {
            fs::create_dir(dir.join("e")).expect("writable");
            fs::rename(dir.join("e"), dir.join("d")).expect("empty");
        };
        check(replaced, &[(DIR_GONE, "d"), (DIR_MADE, "d")]);
    }

    #[test]
    fn a_file_in_the_place_of_a_directory() {
        let replaced = |dir: &Path| {
            fs::remove_dir(dir.join("d")).expect("empty");
            fs::write(dir.join("d"), "").expect("writable");
        };
        check(replaced, &[(DIR_GONE, "d"), (ANOTHER, "d")]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn file_systems_by_their_numbers() {
        assert_eq!(silent_magic(0x6969), Some("NFS"));
        assert_eq!(silent_magic(0x6573_5546), Some("FUSE"));
        assert!(["nfs4", "fuse", "fuse.bindfs"].into_iter().all(is_silent));
        assert!(!["ext4", "fusectl", "nfsd"].into_iter().any(is_silent));
        assert_eq!(silent_magic(0xef53), None, "ext4");
        assert_eq!(silent_fs(Path::new("/proc")), None);
    }
}
