//! The directories that are watched, and what is known of the files in them.
//!
//! There is one kernel watch for every directory that counts and none for those that do not. A
//! directory is watched *before* it is listed: what is made in between is then seen twice instead
//! of never.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::io;
use std::os::unix::fs::{DirEntryExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use notify::{ErrorKind, PathOp, RecommendedWatcher, Watcher as _};

use super::filter::{Filter, Verdict};
use super::linked::Linked;
use super::poll::{self, Poller};
use super::special::{Specials, is_special};
use super::stamp::{Times, nanos};
use crate::paths::{below, moved};

pub(super) mod files;

/// The watched directories.
pub(super) struct Tree {
    watcher: Option<RecommendedWatcher>,
    poller: Poller,
    /// The first path for which there was no kernel watch left, until that has been told.
    full: Option<PathBuf>,
    /// Whether it has been told, once: every new directory will be without one from then on.
    told_full: bool,
    dirs: BTreeMap<PathBuf, Dir>,
    /// The files that are watched themselves: see [`files`].
    files: BTreeMap<PathBuf, files::Own>,
    /// Directories whose files have no stamps yet.
    unstamped: Vec<PathBuf>,
    /// Directories that could not be watched, or not listed.
    closed: HashSet<PathBuf>,
    /// Since when there is somebody who must not miss what changes, if that was before the watches
    /// of the start stood.
    since: Option<i64>,
    /// Whether these stand.
    stands: bool,
    /// The directories that went away before they were watched.
    vanished: Vec<PathBuf>,
    /// How many files' times were read at once.
    stamped: usize,
    /// What is in them and is no file.
    specials: Specials,
    /// The links in them.
    pub(super) linked: Linked,
    /// How many files in them are known for the sake of a link alone.
    known_by_link: usize,
}

/// The times of so many files are read before COMMAND starts, which it never does before there are
/// more: then there is no doubt whether it has changed them, or only their modes. Those of more would
/// keep it waiting.
pub(super) const FEW: usize = 1000;
/// So many watches are asked for at once.
const BATCH: usize = 256;

/// What is known of one watched directory.
#[derive(Default)]
struct Dir {
    /// Whether only some names in it matter: see [`Tree::watch_flat`].
    flat: bool,
    /// The files that count: a hash of the name (64 bits are enough to tell the names of one
    /// directory apart), and the modification time where it is known.
    files: HashMap<u64, Option<i64>>,
    /// The directories that count: a hash of the name, and the inode before it was watched.
    dirs: HashMap<u64, u64>,
    /// When the watch was not there yet.
    armed: i64,
    /// When it was there, if it was set at the start.
    watched: Option<i64>,
}

/// A directory that is not watched by the kernel, or could not be listed.
#[derive(Debug)]
pub(super) struct Problem {
    /// Which one.
    pub(super) path: PathBuf,
    /// Why.
    pub(super) why: Why,
}

/// Why a directory is not watched.
#[derive(Debug)]
pub(super) enum Why {
    /// The system said so.
    Io(io::Error),
    /// The user's kernel watches are used up; so many directories are polled instead.
    Full { dirs: usize },
    /// Its file system tells nothing, so that it is polled.
    Silent(&'static str),
}

impl Tree {
    /// Nothing is watched yet. Without a watcher everything is polled.
    pub(super) fn new(watcher: Option<RecommendedWatcher>, every: Duration) -> Self {
        let poller = Poller::new(every, watcher.is_none());
        Self {
            watcher,
            poller,
            full: None,
            told_full: false,
            dirs: BTreeMap::new(),
            files: BTreeMap::new(),
            unstamped: Vec::new(),
            closed: HashSet::new(),
            since: None,
            stands: false,
            vanished: Vec::new(),
            stamped: 0,
            specials: Specials::default(),
            linked: Linked::default(),
            known_by_link: 0,
        }
    }

    /// Takes in that the watches of the start stand, and since when they were needed, if that was
    /// earlier. What they missed: directories that are gone; of files it is found when their times are
    /// read.
    pub(super) fn stands(&mut self, since: Option<i64>) -> Vec<PathBuf> {
        self.since = since;
        self.stands = true;
        let vanished = std::mem::take(&mut self.vanished);
        since.map_or_else(Vec::new, |_| vanished)
    }

    /// Whether more of what they missed may be found.
    pub(super) fn is_behind(&self) -> bool {
        self.since.is_some() && !self.unstamped.is_empty()
    }

    /// Watches `starts` and every directory below that counts, level by level; calls `found` for
    /// every file that does.
    pub(super) fn walk(
        &mut self,
        starts: Vec<PathBuf>,
        filter: &mut Filter,
        mut found: impl FnMut(PathBuf),
    ) -> Vec<Problem> {
        let armed = now();
        let mut problems = Vec::new();
        for start in &starts {
            let ino = inode(start);
            if let (Some(ino), Some(parent)) = (ino, self.dir_of(start)) {
                parent.dirs.insert(name_hash(start), ino);
            }
        }
        self.find_silent(&starts, &mut problems);
        let mut level = starts;
        let mut first = true;
        while !level.is_empty() {
            let mut below = Vec::new();
            self.find_mounted(&level, filter, &mut problems);
            while !level.is_empty() {
                let rest = level.split_off(level.len().min(BATCH));
                let mut batch = std::mem::replace(&mut level, rest);
                if cfg!(target_os = "linux") || first {
                    self.watch(&mut batch, false, &mut problems);
                }
                let watched = (!self.stands).then(by_now);
                for path in batch {
                    match self.list(&path, filter, &mut below, &mut found) {
                        Ok(dir) => {
                            let dir = Dir {
                                armed,
                                watched,
                                ..dir
                            };
                            self.dirs.insert(path.clone(), dir);
                            self.unstamped.push(path);
                        }
                        Err(error) if error.kind() == io::ErrorKind::NotFound => {
                            self.dirs.remove(&path);
                            self.vanished(path);
                        }
                        Err(error) => {
                            self.poller.remove(&path);
                            self.closed.insert(path.clone());
                            problems.push(Problem {
                                path,
                                why: Why::Io(error),
                            });
                        }
                    }
                }
            }
            first = false;
            level = below;
        }
        if let Some(path) = self.full.take()
            && !std::mem::replace(&mut self.told_full, true)
        {
            problems.push(Problem {
                path,
                why: Why::Full {
                    dirs: self.poller.len(),
                },
            });
        }
        problems
    }

    /// Whether the kernel tells what happens below `path`, as far as that is known beforehand.
    pub(super) fn is_told_of(&self, path: &Path, filter: &Filter) -> bool {
        !self.poller.must(path)
            && poll::silent_fs(path).is_none()
            && filter.mounts().are_told_of_below(path)
    }

    /// Takes in that a directory is gone that was there when its parent was listed.
    fn vanished(&mut self, path: PathBuf) {
        if !self.stands {
            self.vanished.push(path);
        }
    }

    /// Finds out which of these are on file systems that tell nothing.
    fn find_silent(&mut self, paths: &[PathBuf], problems: &mut Vec<Problem>) {
        for path in paths {
            if !self.poller.must(path)
                && let Some(fs) = poll::silent_fs(path)
            {
                self.poller.silence(path, true);
                problems.push(Problem {
                    path: path.clone(),
                    why: Why::Silent(fs),
                });
            }
        }
    }

    /// The same for those that something is mounted on, which the table of mounts tells.
    fn find_mounted(&mut self, level: &[PathBuf], filter: &Filter, problems: &mut Vec<Problem>) {
        if filter.mounts().is_empty() {
            return;
        }
        for path in level {
            if !filter.mounts().is_point(path) {
                continue;
            }
            let fs = poll::silent_fs(path);
            if fs.is_some() != self.poller.must(path) {
                self.poller.silence(path, fs.is_some());
                problems.extend(fs.map(|fs| Problem {
                    path: path.clone(),
                    why: Why::Silent(fs),
                }));
            }
        }
    }

    /// Asks for watches, or polls where there is none; takes out of `level` what is not there, or
    /// not for us.
    fn watch(&mut self, level: &mut Vec<PathBuf>, flat: bool, problems: &mut Vec<Problem>) {
        let op = if cfg!(target_os = "linux") {
            PathOp::watch_non_recursive::<PathBuf>
        } else {
            PathOp::watch_recursive::<PathBuf>
        };
        let (polled, watched): (Vec<&PathBuf>, Vec<&PathBuf>) =
            level.iter().partition(|path| self.poller.must(path));
        let mut polled: Vec<PathBuf> = polled.into_iter().cloned().collect();
        let mut ops: Vec<PathOp> = watched.into_iter().cloned().map(op).collect();
        while let Some(watcher) = &mut self.watcher
            && let Err(failed) = watcher.update_paths(ops)
        {
            ops = failed.remaining;
            let Some(path) = failed.origin.map(PathOp::into_path) else {
                continue;
            };
            match failed.source.kind {
                ErrorKind::MaxFilesWatch => {
                    let rest = std::mem::take(&mut ops).into_iter().map(PathOp::into_path);
                    let full: Vec<PathBuf> = rest.chain([path.clone()]).collect();
                    self.full.get_or_insert(path);
                    polled.extend(full);
                }
                // Gone in the meantime, or not for us.
                kind => {
                    level.retain(|dir| *dir != path);
                    match kind {
                        ErrorKind::Io(error) if error.kind() != io::ErrorKind::NotFound => {
                            self.closed.insert(path.clone());
                            problems.push(Problem {
                                path,
                                why: Why::Io(error),
                            });
                        }
                        _ => self.vanished(path),
                    }
                }
            }
        }
        for path in polled {
            self.poller.add(&path, flat);
        }
    }

    /// Lists one directory; the directories in it go to `below`.
    fn list(
        &mut self,
        path: &Path,
        filter: &mut Filter,
        below: &mut Vec<PathBuf>,
        found: &mut impl FnMut(PathBuf),
    ) -> io::Result<Dir> {
        if self.poller.has(path) {
            // Before it is listed: what is made in between is then seen twice instead of never.
            filter.load(path);
            self.poller.record(path, filter);
        }
        let (mut entries, mut links) = (Vec::new(), Vec::new());
        let mut rules = false;
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            // One that has gone by now is no directory.
            let kind = entry.file_type().ok();
            let is_dir = kind.is_some_and(|kind| kind.is_dir());
            let is_link = kind.is_some_and(|kind| kind.is_symlink());
            let (entry, ino) = (entry.path(), is_dir.then(|| entry.ino()));
            if let Some(kind) = kind.filter(|kind| is_special(*kind))
                && !filter.is_root(&entry)
            {
                self.specials.record(&entry, kind);
                continue;
            }
            rules |= filter.tells_of_rules(&entry);
            entries.push((entry, ino, is_link));
        }
        if rules {
            filter.load(path);
        }
        let mut dir = Dir::default();
        let within = filter.within(path);
        for (entry, ino, is_link) in entries {
            if within.verdict(&entry, ino.is_some()) != Verdict::Kept {
                continue;
            }
            if is_link {
                links.push(entry.clone());
            }
            if let Some(ino) = ino {
                dir.dirs.insert(name_hash(&entry), ino);
                below.push(entry);
            } else {
                let at_once = !self.stands && self.stamped < FEW;
                let meta = at_once.then(|| fs::symlink_metadata(&entry).ok());
                self.stamped += usize::from(at_once);
                let stamp = meta.flatten().map(|meta| mtime(&meta));
                dir.files.insert(name_hash(&entry), stamp);
                found(entry);
            }
        }
        self.linked.set_in(path, links);
        Ok(dir)
    }

    /// Watches these directories for the sake of some names in them, without looking below, and
    /// no other ones in this way.
    pub(super) fn watch_flat(&mut self, wanted: &BTreeSet<PathBuf>) -> Vec<Problem> {
        let mut new: Vec<PathBuf> = wanted
            .iter()
            .filter(|dir| !self.dirs.contains_key(*dir))
            .cloned()
            .collect();
        let mut problems = Vec::new();
        if !new.is_empty() {
            self.find_silent(&new, &mut problems);
            self.watch(&mut new, true, &mut problems);
        }
        self.dirs.extend(new.into_iter().map(|dir| {
            (
                dir,
                Dir {
                    flat: true,
                    ..Dir::default()
                },
            )
        }));
        let unwanted: Vec<PathBuf> = self
            .dirs
            .iter()
            .filter(|(path, dir)| dir.flat && !wanted.contains(*path))
            .map(|(path, _)| path.clone())
            .collect();
        self.unwatch(unwanted);
        problems
    }

    /// Ends the watching of `path` and everything below. Whether files that count were in it.
    pub(super) fn drop_below(&mut self, path: &Path) -> bool {
        self.specials.drop_below(path);
        let mut had_files = false;
        let mut gone = Vec::new();
        for (at, dir) in below(&self.dirs, path) {
            had_files |= !dir.files.is_empty();
            gone.push(at.clone());
        }
        self.lose_files(path);
        if !gone.is_empty() {
            self.unwatch(gone);
            self.linked.lost_below(path);
        }
        had_files
    }

    /// The same where another file system is now: what was known of the files there.
    pub(super) fn take_below(&mut self, path: &Path) -> Known {
        let dirs = self.dirs.range_mut(path.to_path_buf()..);
        let dirs = dirs.take_while(|(below, _)| below.starts_with(path));
        let known = dirs.map(|(below, dir)| (below.clone(), std::mem::take(&mut dir.files)));
        let known = Known(known.collect());
        self.drop_below(path);
        self.poller.unsilence(path);
        known
    }

    fn unwatch(&mut self, paths: Vec<PathBuf>) {
        for path in &paths {
            self.closed.retain(|closed| !closed.starts_with(path));
            self.dirs.remove(path);
            if let Some(parent) = self.dir_of(path) {
                parent.dirs.remove(&name_hash(path));
            }
        }
        let (polled, watched): (Vec<PathBuf>, Vec<PathBuf>) =
            paths.into_iter().partition(|path| self.poller.has(path));
        for path in polled {
            self.poller.remove(&path);
        }
        let mut ops: Vec<PathOp> = watched.into_iter().map(PathOp::unwatch).collect();
        // Those that have gone have lost their watches already.
        while !ops.is_empty()
            && let Some(watcher) = &mut self.watcher
            && let Err(failed) = watcher.update_paths(ops)
        {
            ops = failed.remaining;
        }
    }

    /// When to call [`Tree::look`] next, if anything is polled.
    pub(super) fn look_at(&self) -> Option<Instant> {
        self.poller.due()
    }

    /// Looks at everything that is polled; what has changed, as the kernel would tell it.
    pub(super) fn look(&mut self, filter: &Filter) -> Vec<notify::Event> {
        self.poller.look(filter)
    }

    /// Takes in that what was at `from` is at `to`, before it is watched there.
    pub(super) fn follow(&mut self, from: &Path, to: &Path) {
        self.poller.follow(from, to);
    }

    /// Takes in that the directories at `from` are watched at `to` by now, and are the same: what is
    /// known of the files in them still holds. What has changed in those that are polled.
    pub(super) fn moved(&mut self, from: &Path, to: &Path) -> Vec<notify::Event> {
        let old = self.dirs.range_mut(from.to_path_buf()..);
        let old = old.map_while(|(path, dir)| Some((moved(path, from, to)?, std::mem::take(dir))));
        for (path, old) in old.collect::<Vec<_>>() {
            let Some(dir) = self.dirs.get_mut(&path) else {
                continue;
            };
            dir.armed = old.armed;
            for (name, stamp) in &mut dir.files {
                *stamp = old.files.get(name).copied().unwrap_or(*stamp);
            }
        }
        self.poller.moved(from, to)
    }

    /// How often polled directories are looked at.
    pub(super) fn every(&self) -> Duration {
        self.poller.every()
    }

    /// The directory right below one of `roots` that has the most directories in it, and how many.
    pub(super) fn largest_below(
        &self,
        roots: impl Iterator<Item = PathBuf>,
    ) -> Option<(PathBuf, usize)> {
        let mut sizes: HashMap<PathBuf, usize> = HashMap::new();
        for root in roots {
            for dir in self.below(&root) {
                let first = dir
                    .strip_prefix(&root)
                    .ok()
                    .and_then(|rest| rest.components().next());
                if let Some(first) = first {
                    *sizes.entry(root.join(first)).or_default() += 1;
                }
            }
        }
        sizes
            .into_iter()
            .max_by(|a, b| (a.1, &b.0).cmp(&(b.1, &a.0)))
    }

    /// Whether `path` is a directory that is watched with what is below it.
    pub(super) fn contains(&self, path: &Path) -> bool {
        self.dirs.get(path).is_some_and(|dir| !dir.flat)
    }

    /// Whether `path` is a directory that could not be watched, or not listed. From now on it is not.
    pub(super) fn was_closed(&mut self, path: &Path) -> bool {
        self.closed.remove(path)
    }

    /// The same, and it stays one.
    pub(super) fn is_closed(&self, path: &Path) -> bool {
        self.closed.contains(path)
    }

    /// Whether `path` is watched, and is the directory that it was.
    pub(super) fn is_still(&mut self, path: &Path) -> bool {
        let known = self
            .dir_of(path)
            .and_then(|parent| parent.dirs.get(&name_hash(path)).copied());
        self.contains(path) && known.is_some() && known == inode(path)
    }

    /// Whether there is a watch on `path`, of whatever kind.
    pub(super) fn watches(&self, path: &Path) -> bool {
        self.dirs.contains_key(path)
    }

    /// The directories below `path`, itself included, that are watched with what is below them.
    pub(super) fn below(&self, path: &Path) -> Vec<PathBuf> {
        let whole = below(&self.dirs, path).filter(|(_, dir)| !dir.flat);
        whole.map(|(at, _)| at.clone()).collect()
    }

    /// How many files count, and in how many directories.
    pub(super) fn size(&self) -> (usize, usize) {
        let kept = self.dirs.values().filter(|dir| !dir.flat);
        let (files, dirs) = kept.fold((0, 0), |(files, dirs), dir| {
            (files + dir.files.len(), dirs + 1)
        });
        (files.saturating_sub(self.known_by_link), dirs)
    }

    /// Takes in that a file is there, and reads its time anew. Whether it was known before, and
    /// what it is, unless it has gone in the meantime. Something that is no file, and was not
    /// `named`, is known to [`Tree::is_special`] alone then.
    pub(super) fn present(&mut self, path: &Path, named: bool) -> (bool, Option<fs::Metadata>) {
        let meta = fs::symlink_metadata(path).ok();
        if let Some(meta) = meta.as_ref().filter(|_| !named)
            && self.specials.record(path, meta.file_type())
        {
            return (self.absent(path), None);
        }
        let stamp = meta.as_ref().map(mtime);
        let dir = self.dir_of(path);
        let is_in_tree = dir.as_ref().is_some_and(|dir| !dir.flat);
        let known = dir.is_some_and(|dir| dir.files.insert(name_hash(path), stamp).is_some());
        match &meta {
            Some(meta) if meta.is_symlink() && is_in_tree => self.linked.found(path),
            _ => self.linked.lost(path),
        }
        (known, meta)
    }

    /// The modification time of a file, as far as it is known.
    pub(super) fn stamp(&self, path: &Path) -> Option<i64> {
        let dir = self.dirs.get(path.parent()?)?;
        dir.files.get(&name_hash(path)).copied().flatten()
    }

    /// Reads the time of a file that matters, if it is not known yet.
    pub(super) fn know(&mut self, path: &Path) {
        if let (Ok(meta), Some(dir)) = (fs::symlink_metadata(path), self.dir_of(path)) {
            dir.files
                .entry(name_hash(path))
                .or_insert(Some(mtime(&meta)));
        }
    }

    /// Whether what is at `path` is known to be no file.
    pub(super) fn is_special(&self, path: &Path) -> bool {
        self.specials.contains(path)
    }

    /// Takes in that what was at `path` is gone. Whether it was no file.
    pub(super) fn was_special(&mut self, path: &Path) -> bool {
        self.specials.remove(path)
    }

    /// Reads the times of the files that links lead to, as far as they are not known yet; those
    /// directories have just been watched.
    pub(super) fn know_linked(&mut self, new: &[&PathBuf]) {
        for path in self.linked.take_unknown(new) {
            let dir = self.dir_of(&path).filter(|dir| !dir.flat);
            let is_news = dir.is_some_and(|dir| !dir.files.contains_key(&name_hash(&path)));
            self.known_by_link += usize::from(is_news);
            self.know(&path);
            self.poller.look_at_file(&path);
        }
    }

    /// Takes in that a file is gone. Whether it was known before.
    pub(super) fn absent(&mut self, path: &Path) -> bool {
        self.linked.lost(path);
        self.dir_of(path)
            .is_some_and(|dir| dir.files.remove(&name_hash(path)).is_some())
    }

    /// Whether the modification time of a file may be another one than the one that is known, which is
    /// kept.
    pub(super) fn differs(&self, path: &Path) -> bool {
        let now = mtime_of(path);
        now.is_some() && now != self.stamp(path)
    }

    /// Whether the modification time of a file differs from the one that is known; none if it is not
    /// there. The kernel reports chmod and utimes alike, and closes after writing also where nothing
    /// was written: `closed` tells that this is one.
    pub(super) fn has_moved(&mut self, path: &Path, closed: bool) -> Option<bool> {
        let meta = fs::symlink_metadata(path).ok()?;
        // Directories have times too, and nobody reads them.
        let (false, Some(dir)) = (meta.is_dir(), self.dir_of(path)) else {
            return Some(false);
        };
        let times = Times::of(&meta);
        let stamp = dir.files.entry(name_hash(path)).or_default();
        let moved = match *stamp {
            Some(known) => known != times.modified,
            // What matters is whether anything happened since there is a watch.
            None if times.changed <= dir.armed => false,
            None if closed || times.may_tell_of_content(dir.armed) => true,
            // touch(1) sets a time, and closes the file after that.
            None => return Some(false),
        };
        *stamp = Some(times.modified);
        Some(moved)
    }

    /// Reads the times of the files in one more directory, and calls `seen` for each of them. What
    /// the watches of the start missed in it; none if there was no directory left to read.
    pub(super) fn stamp_one(&mut self, mut seen: impl FnMut(PathBuf)) -> Option<Vec<PathBuf>> {
        let Some(path) = self.unstamped.pop() else {
            self.since = None;
            return None;
        };
        let mut missed = Vec::new();
        let (Some(dir), Ok(entries)) = (self.dirs.get_mut(&path), fs::read_dir(&path)) else {
            return Some(missed);
        };
        let window = self.since.zip(dir.watched);
        let since = self.since.unwrap_or(i64::MAX);
        let is_within =
            |time: i64| window.is_some_and(|(since, watched)| (since..=watched).contains(&time));
        let is_other = is_another_dir(&path, since, is_within);
        let was_missed = |times: Times| {
            // It may have been moved here.
            is_within(times.changed) && (is_other || times.may_tell_of_content(since))
        };
        let mut explained = false;
        for entry in entries.flatten() {
            let stamp = dir.files.get_mut(&name_hash(Path::new(&entry.file_name())));
            if stamp.is_none() && !is_other {
                continue;
            }
            let Ok(meta) = entry.metadata() else { continue };
            // Something that does not count was made in it.
            let times = Times::of(&meta);
            explained |= is_other && times.born.is_some_and(is_within);
            let Some(stamp) = stamp else { continue };
            seen(entry.path());
            // What happened to one that has a time by now has been told.
            if stamp.is_none() && was_missed(times) {
                missed.push(entry.path());
            } else if stamp.is_none() && times.changed <= dir.armed {
                *stamp = Some(times.modified);
            }
            // Another time may be that of a change which is still to be told.
        }
        // Something in it was removed, or it was moved here.
        if is_other && !explained && missed.is_empty() {
            missed.push(path);
        }
        Some(missed)
    }

    fn dir_of(&mut self, path: &Path) -> Option<&mut Dir> {
        self.dirs.get_mut(path.parent()?)
    }
}

/// Whether something in a directory was made or removed within this time, which begins at `since`, or it
/// was itself moved: that changes it as a mode does, and the one that it is in, too.
fn is_another_dir(path: &Path, since: i64, is_within: impl Fn(i64) -> bool) -> bool {
    let times = |path: &Path| fs::symlink_metadata(path).ok().map(|meta| Times::of(&meta));
    times(path).is_some_and(|own| {
        let is_moved = || {
            path.parent()
                .and_then(times)
                .is_none_or(|it| it.modified >= since)
        };
        is_within(own.changed) && (is_within(own.modified) || is_moved())
    })
}

/// What was known of the files in some directories: see [`Tree::take_below`].
pub(super) struct Known(HashMap<PathBuf, HashMap<u64, Option<i64>>>);

impl Known {
    /// Whether `file` is what it was, as far as its time tells. One that is not asked for is gone.
    pub(super) fn is_still(&mut self, file: &Path) -> bool {
        let dir = file.parent().and_then(|dir| self.0.get_mut(dir));
        let known = dir.and_then(|files| files.remove(&name_hash(file)));
        known
            .flatten()
            .is_some_and(|known| mtime_of(file) == Some(known))
    }

    /// Whether nobody asked for some of them.
    pub(super) fn are_left(&self) -> bool {
        self.0.values().any(|files| !files.is_empty())
    }
}

/// The name's hash, the same for the whole life of the program.
fn name_hash(path: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.file_name().hash(&mut hasher);
    hasher.finish()
}

fn inode(path: &Path) -> Option<u64> {
    fs::symlink_metadata(path).ok().map(|meta| meta.ino())
}

/// The modification time, in nanoseconds since 1970.
fn mtime(meta: &fs::Metadata) -> i64 {
    nanos(meta.mtime(), meta.mtime_nsec())
}

/// The modification time of what is no directory, if it is there.
pub(super) fn mtime_of(path: &Path) -> Option<i64> {
    let meta = fs::symlink_metadata(path).ok()?;
    (!meta.is_dir()).then(|| mtime(&meta))
}

/// The time of the last change to the inode, in nanoseconds since 1970.
pub(super) fn ctime(meta: &fs::Metadata) -> i64 {
    nanos(meta.ctime(), meta.ctime_nsec())
}

/// The time of day, in nanoseconds since 1970, by the clock that the kernel stamps files with: it
/// ticks slowly, so that what happens after this has this time or a later one (time(7), "High-
/// resolution timers"; clock_gettime(2), `CLOCK_REALTIME_COARSE`).
pub(super) fn now() -> i64 {
    #[cfg(target_os = "linux")]
    let clock = ClockId::CLOCK_REALTIME_COARSE;
    #[cfg(not(target_os = "linux"))]
    let clock = ClockId::CLOCK_REALTIME;
    read(clock)
}

/// The time of day by a clock that does not tick slowly: what happened before this has this time or
/// an earlier one. Since Linux 6.13 files that are looked at have fine times ("multigrain
/// timestamps").
fn by_now() -> i64 {
    read(ClockId::CLOCK_REALTIME)
}

fn read(clock: ClockId) -> i64 {
    clock_gettime(clock).map_or(0, |now| nanos(now.tv_sec(), now.tv_nsec()))
}
