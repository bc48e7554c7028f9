//! The watching thread: takes in what the kernel says, and reports what counts.
//!
//! What a write looks like depends on who writes (inotify(7)). A close after writing, a rename, a
//! removal and a new link are certain changes. A write whose file is still open is not: it is
//! soft, and holds the burst open.

mod mounted;
mod moved;
mod names;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RemoveKind, RenameMode};
use notify::{EventKind, RecommendedWatcher};

use super::awaited::Awaited;
use super::contents::Contents;
use super::filter::{Filter, Root, Rule, Verdict};
use super::fold::{self, Fold};
use super::git;
use super::poll::ANOTHER;
use super::recent::Recent;
use super::roots::Roots;
use super::tree::{FEW, Problem, Tree, Why, files, now};
use super::{Report, WatchSpec};
use crate::event::{Activity, Change, ChangeKind, Changes, Event, Hold, Note};
use crate::text::reason;

/// COMMAND starts at the latest when so much time has been spent on watches, if there are more than
/// [`FEW`] files: what is said at the start of a small tree has the same order on a busy machine, too.
const HEAD_START: Duration = Duration::from_millis(4);

/// For so long after the start nobody takes the processor from COMMAND to read the times of files.
const LEARN_AFTER: Duration = Duration::from_millis(2);

/// It is COMMAND's turn, too, when it has just been told to stop: its events are folded so much later,
/// unless they are so many, or so few that there is nothing to fold.
const FOLD_AFTER: Duration = Duration::from_millis(1);
const UNFOLDED_MAX: usize = 100;

/// A burst of more events is a long one. Most of what it costs is that threads wake each other, some
/// for every file: so it is looked at so often, and no more.
const LONG: usize = 100;
const REST: Duration = Duration::from_millis(1);

/// In a burst that lasts so long, and then so often, it is looked whether git holds its lock.
const LOCK_EVERY: Duration = Duration::from_millis(250);

/// So many ignored paths are remembered as named.
const NOTED_MAX: usize = 1000;

/// What the watching thread is told.
pub(super) enum Message {
    /// By notify: what the kernel says.
    Raw(notify::Result<notify::Event>),
    /// By the loop: to end the burst.
    Collect { order: bool },
    /// By the loop: that the mode of this file is what keeps COMMAND from being started.
    Await(Option<PathBuf>),
    /// By the loop: that something was mounted or unmounted somewhere.
    Mounted,
}

/// The watching thread.
pub(super) struct Observer<R> {
    tree: Tree,
    filter: Filter,
    roots: Roots,
    report: R,
    verbose: bool,
    /// The ignored paths that were named since the last burst.
    noted: HashSet<PathBuf>,
    /// The locks that git holds while it changes a work tree that is watched, or a part of one, by the
    /// directory for which they were looked for.
    locks: HashMap<PathBuf, Option<PathBuf>>,
    batch: Batch,
    burst: Burst,
    /// Whether the table of mounts is to be looked at.
    mounted: bool,
    moves: moved::Moves,
    /// What a directory told last of a file that is watched itself.
    told: Option<(PathBuf, EventKind)>,
    fold: Option<Fold>,
    /// Events that are still to be folded, and when to do it.
    unfolded: Vec<notify::Event>,
    fold_at: Option<Instant>,
    /// What files contain, if that matters.
    contents: Option<Contents>,
    /// The file whose mode matters, if there is one.
    awaited: Option<Awaited>,
    /// When there will be time to learn about files, if there is not yet.
    learn_at: Option<Instant>,
}

/// What counts of the messages that came in at once.
#[derive(Default)]
struct Batch {
    events: Vec<notify::Event>,
    certain: bool,
}

/// What is known of the burst's files.
#[derive(Default)]
struct Burst {
    /// Those that are being written.
    writing: HashSet<PathBuf>,
    /// Those that were there before and went away.
    gone: HashSet<PathBuf>,
    /// Those that are new.
    born: HashSet<PathBuf>,
    /// Those that have the bytes that they had.
    same: HashSet<PathBuf>,
    /// What was reported of it: soft changes alone, or certain ones.
    reported: Reported,
    /// How many events of it count.
    events: usize,
    /// The paths of the latest of them.
    recent: Recent,
    /// When it is to be looked next whether git holds its lock, and which one it held then.
    lock_at: Option<Instant>,
    lock: Option<PathBuf>,
}

/// What was reported of a burst.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Reported {
    #[default]
    Nothing,
    Soft,
    Certain,
}

impl Burst {
    fn hold(&self) -> Hold {
        match (self.writing.is_empty(), self.gone.is_empty()) {
            (false, _) => Hold::Writing,
            (true, false) => Hold::Gone,
            (true, true) => Hold::None,
        }
    }
}

impl<R: Fn(Report)> Observer<R> {
    pub(super) fn new(spec: WatchSpec, watcher: Option<RecommendedWatcher>, report: R) -> Self {
        Self {
            tree: Tree::new(watcher, spec.poll.unwrap_or(super::poll::EVERY)),
            filter: Filter::new(spec.filter, spec.base),
            roots: Roots::default(),
            report,
            verbose: spec.verbose,
            noted: HashSet::new(),
            locks: HashMap::new(),
            batch: Batch::default(),
            burst: Burst::default(),
            mounted: false,
            moves: moved::Moves::default(),
            told: None,
            fold: None,
            unfolded: Vec::new(),
            fold_at: None,
            contents: spec.if_changed.then(Contents::default),
            awaited: None,
            learn_at: None,
        }
    }

    /// Watches for as long as there is somebody to send messages.
    pub(super) fn run(mut self, inbox: &Receiver<Message>) {
        if let Err(error) = self.set_up() {
            (self.report)(Report::Failed(error));
            return;
        }
        while let Some(message) = self.next(inbox) {
            match message {
                Message::Raw(Ok(event)) => {
                    self.observe(event);
                    // However much more is to be read, COMMAND is to be stopped at once.
                    if self.batch.certain && self.burst.reported < Reported::Certain {
                        self.flush();
                    }
                }
                // What could not be read is followed by an overflow, or was nothing.
                Message::Raw(Err(_)) => {}
                Message::Collect { order } => {
                    self.flush();
                    self.collect(order);
                }
                Message::Await(file) => {
                    let awaited = |file| Awaited::new(&self.filter.base().join(file));
                    self.awaited = file.map(awaited);
                    // What was done before this was said is told by nobody any more.
                    self.look_at_mode();
                }
                // Many may come at once.
                Message::Mounted => self.mounted = true,
            }
        }
    }

    /// The next message. Whenever there is none, what came in so far is reported; then there is
    /// time to read the times of files.
    fn next(&mut self, inbox: &Receiver<Message>) -> Option<Message> {
        let mut rested = false;
        loop {
            match inbox.try_recv() {
                Ok(message) => return Some(message),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => {}
            }
            self.flush();
            if std::mem::take(&mut self.mounted) {
                self.mounts_changed();
                continue;
            }
            if self.has_strays() {
                self.find_strays();
                continue;
            }
            if self.tree.lacks_files() {
                self.watch_files(true);
                continue;
            }
            if self.follow_links() {
                continue;
            }
            if self.burst.events > LONG && !rested {
                // Nobody wakes who is not waiting.
                thread::sleep(REST);
                rested = true;
                continue;
            }
            if self.learn_at.is_none() && self.learn() {
                continue;
            }
            let due = [self.fold_at, self.learn_at, self.tree.look_at()];
            let Some(at) = due.into_iter().flatten().min() else {
                return inbox.recv().ok();
            };
            match inbox.recv_timeout(at.saturating_duration_since(Instant::now())) {
                Ok(message) => return Some(message),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) if self.fold_at == Some(at) => self.fold(),
                Err(RecvTimeoutError::Timeout) if self.learn_at == Some(at) => self.learn_at = None,
                Err(RecvTimeoutError::Timeout) => self.look(),
            }
        }
    }

    /// Learns a little more about files. False: everything is known.
    fn learn(&mut self) -> bool {
        let contents = &mut self.contents;
        let seen = |path| {
            if let Some(contents) = contents {
                contents.consider(path);
            }
        };
        if let Some(missed) = self.tree.stamp_one(seen) {
            for path in missed {
                self.happened(EventKind::Any, path);
            }
            return true;
        }
        self.contents.as_mut().is_some_and(Contents::read_one)
    }

    /// Watches the roots for the first time.
    fn set_up(&mut self) -> anyhow::Result<()> {
        self.remember_here();
        self.filter.look_at_mounts();
        for root in self.filter.roots() {
            let there = fs::metadata(&root.path).and_then(|meta| {
                // COMMAND is not to start, and be ended for it.
                let listed = meta.is_dir().then(|| fs::read_dir(&root.path));
                listed.transpose()
            });
            if let Err(error) = there
                && error.kind() != io::ErrorKind::NotFound
            {
                return Err(cannot_watch(&root.name, &error));
            }
        }
        let (since, problems) = self.arm_with_head_start();
        for problem in problems {
            let named = self
                .filter
                .roots()
                .iter()
                .find(|root| root.path == problem.path);
            match (&problem.why, named) {
                (Why::Io(error), Some(root)) => return Err(cannot_watch(&root.name, error)),
                _ => self.note_problem(problem),
            }
        }
        self.watch_files(since.is_some());
        self.find_locks();
        self.introduce();
        if let Some(contents) = &mut self.contents {
            contents.arm();
            let elsewhere = self.tree.linked.ends().map(|(_, end)| end);
            let elsewhere = elsewhere.chain(self.roots.hung());
            elsewhere.for_each(|path| contents.consider(path.to_path_buf()));
        }
        for path in self.tree.stands(since) {
            self.happened(EventKind::Remove(RemoveKind::Folder), path);
        }
        for path in since.map_or_else(Vec::new, |since| self.linked_since(since)) {
            self.happened(EventKind::Any, path);
        }
        if since.is_none() {
            self.event(Event::Armed);
            // It is COMMAND's turn. What was missed, however, is to be found at once.
            self.learn_at = Some(Instant::now() + LEARN_AFTER);
        }
        Ok(())
    }

    /// Watches the roots. If that takes long COMMAND is not kept waiting: since when it runs.
    ///
    /// The roots themselves are watched by then. Not if they are polled: other machines have other
    /// clocks.
    fn arm_with_head_start(&mut self) -> (Option<i64>, Vec<Problem>) {
        let (begun, mut since) = (Instant::now(), None);
        let mut roots = self.filter.roots().iter();
        let may = roots.all(|root| self.tree.is_told_of(&root.path, &self.filter));
        let (report, mut files) = (&self.report, 0);
        let mut look_at_clock = |_| {
            files += 1;
            if may && files > FEW && since.is_none() && begun.elapsed() > HEAD_START {
                since = Some(now());
                report(Report::Event(Event::Armed));
            }
        };
        let problems = self
            .roots
            .arm(&mut self.tree, &mut self.filter, &mut look_at_clock);
        (since, problems)
    }

    /// Tells what is watched.
    fn introduce(&self) {
        let (files, dirs) = self.tree.size();
        let roots = self.filter.roots();
        let missing = |root: &&Root| self.roots.is_missing(&root.path);
        // Roots that are files are in no listed directory.
        let alone = |root: &&Root| !missing(root) && !self.tree.contains(&root.path);
        self.note(Note::Watching {
            roots: roots.iter().map(|root| root.name.clone()).collect(),
            files: files + roots.iter().filter(alone).count(),
            dirs,
        });
        for root in roots.iter().filter(missing) {
            self.note(Note::Missing {
                root: root.name.clone(),
            });
        }
    }

    /// Looks at what is polled.
    fn look(&mut self) {
        self.follow();
        for event in self.tree.look(&self.filter) {
            self.observe(event);
        }
        self.look_at_mode();
    }

    /// Looks whether the file that is waited for can be executed by now.
    fn look_at_mode(&mut self) {
        if let Some(file) = self.awaited.take_if(|file| file.is_executable()) {
            self.happened(EventKind::Any, file.path().to_path_buf());
        }
    }

    /// Takes in one event of the kernel, or what polling found in its place.
    fn observe(&mut self, mut event: notify::Event) {
        if event.need_rescan() {
            return self.look_again();
        }
        let Some(path) = event.paths.pop() else {
            return;
        };
        let path = self.moves.now(path);
        if let Some(file) = files::told_itself(&path) {
            return self.file_told(&file, event);
        }
        if self.tree.watches_file(&path) {
            self.directory_told(&path, event.kind);
        }
        let is_mode = matches!(event.kind, EventKind::Modify(ModifyKind::Metadata(_)));
        let is_awaited = |file: &mut Awaited| is_mode && file.is_let_by(&path);
        if let Some(file) = self.awaited.take_if(is_awaited) {
            self.happened(EventKind::Any, file.path().to_path_buf());
        }
        let path = self.name_in_tree(path);
        match event.kind {
            // Its halves come alone, too.
            EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => {}
            EventKind::Create(CreateKind::Folder) => self.dir_appeared(&path),
            EventKind::Modify(ModifyKind::Name(RenameMode::To)) if is_dir(&path) => {
                self.dir_appeared(&path);
            }
            // It was unmounted, which is told once for every directory of it.
            EventKind::Remove(RemoveKind::Other) if event.info() == Some("unmount") => {
                if self.tree.watches(&path) {
                    self.mounts_changed();
                }
                if self.tree.watches(&path) {
                    self.remounted(&path);
                }
            }
            EventKind::Remove(RemoveKind::Folder | RemoveKind::Other) => self.dirs_gone(&path),
            // Perhaps it can be read now.
            EventKind::Modify(ModifyKind::Metadata(_)) if self.tree.was_closed(&path) => {
                self.dir_appeared(&path);
            }
            // What is watched tells itself that it is moved, without a tracker, and so does the one
            // that it was in: if it did, there is no watch any more.
            EventKind::Modify(ModifyKind::Name(RenameMode::From))
                if event.attrs.tracker().is_none() =>
            {
                if self.filter.ruled_by(&path).is_some() {
                    self.rules_changed(&path);
                } else if path == self.filter.base() && self.is_here() {
                    // COMMAND is there, too.
                } else if self.tree.watches(&path) {
                    self.dirs_gone(&path);
                }
            }
            EventKind::Modify(ModifyKind::Name(RenameMode::From)) if self.is_watched_dir(&path) => {
                self.dirs_gone(&path);
            }
            kind => {
                self.file_event(&path, event);
                if changes_names(kind) {
                    self.name_changed(&path);
                }
            }
        }
    }

    /// Takes in something that happened to what is no directory.
    fn file_event(&mut self, path: &Path, mut event: notify::Event) {
        let whole = matches!(
            event.kind,
            ANOTHER
                | EventKind::Access(_)
                | EventKind::Modify(ModifyKind::Name(_))
                | EventKind::Remove(_)
        );
        // Not to wait until it is written keeps what is written beside it out, too.
        let whole = whole || self.filter.hides_its_dir(path);
        if whole {
            for file in self.rules_in(path) {
                self.rules_changed(&file);
            }
        }
        let name = match self.counted_name(path) {
            Ok(name) => name,
            Err((name, rule)) => return self.note_ignored(&name, &rule),
        };
        let named = self.filter.is_root(&name);
        if !named && self.is_of_special(path, event.kind) {
            return self.note_ignored(&name, &Rule::Special);
        }
        let Some(certain) = self.weigh(path, event.kind, named) else {
            return;
        };
        let Some(certain) = self.compare(path, event.kind, certain) else {
            // A write of these bytes may have been told as soft.
            self.burst.same.insert(name);
            return;
        };
        self.burst.same.remove(&name);
        event.paths = vec![name];
        self.batch.certain |= certain;
        self.batch.events.push(event);
    }

    /// Whether it happened to a socket, a FIFO or a device that is known. What has just come is
    /// looked at when it is weighed.
    fn is_of_special(&mut self, path: &Path, kind: EventKind) -> bool {
        match kind {
            EventKind::Modify(ModifyKind::Name(RenameMode::From)) | EventKind::Remove(_) => {
                self.tree.was_special(path)
            }
            EventKind::Create(_) | EventKind::Modify(ModifyKind::Name(_)) | ANOTHER => false,
            _ => self.tree.is_special(path),
        }
    }

    /// Whether what happened to a file is a certain change (or a soft one). None: it is no change.
    fn weigh(&mut self, path: &Path, kind: EventKind, named: bool) -> Option<bool> {
        match kind {
            EventKind::Create(_) => {
                // Of a link, a fifo or a second name nothing more will be heard; another file is
                // closed some day.
                let is_open = |meta: fs::Metadata| meta.is_file() && meta.nlink() == 1;
                let (counts, meta) = self.appeared(path, named);
                let open = meta.is_some_and(is_open);
                if open {
                    self.burst.writing.insert(path.to_path_buf());
                }
                counts.then_some(!open)
            }
            EventKind::Modify(ModifyKind::Name(RenameMode::From)) | EventKind::Remove(_) => {
                self.burst.writing.remove(path);
                let known = self.tree.absent(path);
                if known && !self.burst.born.remove(path) {
                    self.burst.gone.insert(path.to_path_buf());
                }
                // A rename does not tell what is renamed: one that is not known is a directory
                // that does not count.
                (known || matches!(kind, EventKind::Remove(_))).then_some(true)
            }
            EventKind::Modify(ModifyKind::Name(_)) | ANOTHER => {
                self.appeared(path, named).0.then_some(true)
            }
            EventKind::Modify(ModifyKind::Metadata(_)) => self.has_moved(path, kind, false),
            // A time of a directory was set: of the modification time alone the kernel tells as of a
            // write, and no close will follow.
            EventKind::Modify(_) if self.tree.contains(path) => None,
            // Who still has a file open that was removed may write to it, and the kernel tells of that by
            // the name that it had. That it was removed is told by itself.
            EventKind::Modify(_) if !self.burst.writing.contains(path) && !is_there(path) => {
                self.strayed(path, kind);
                None
            }
            EventKind::Modify(_) | EventKind::Any => {
                self.burst.writing.insert(path.to_path_buf());
                Some(false)
            }
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => {
                if self.burst.writing.remove(path) {
                    self.tree.present(path, named);
                    return Some(true);
                }
                // Without a write before it: mmap, touch, or nothing but an open for writing.
                self.has_moved(path, kind, true)
            }
            EventKind::Access(_) | EventKind::Other => None,
        }
    }

    /// A certain change, if the time of a file is another one.
    fn has_moved(&mut self, path: &Path, kind: EventKind, closed: bool) -> Option<bool> {
        let moved = self.tree.has_moved(path, closed);
        if moved.is_none() {
            self.strayed(path, kind);
        }
        moved.filter(|moved| *moved)
    }

    /// What is left of a change if contents matter: nothing, if the bytes are the same, and a soft
    /// one, if a file is gone that may come back with the same bytes.
    fn compare(&mut self, path: &Path, kind: EventKind, certain: bool) -> Option<bool> {
        let Some(contents) = self.contents.as_mut().filter(|_| certain) else {
            return Some(certain);
        };
        match kind {
            EventKind::Modify(ModifyKind::Name(RenameMode::From)) | EventKind::Remove(_) => {
                Some(!contents.knows(path))
            }
            _ => (!contents.is_same(path)).then_some(true),
        }
    }

    /// Takes in that a file is there that was not, or that another one has taken its place. Whether
    /// that counts, and what it is, unless it has gone again: what is no file counts if a file had to
    /// make way for it.
    fn appeared(&mut self, path: &Path, named: bool) -> (bool, Option<fs::Metadata>) {
        let (known, meta) = self.tree.present(path, named);
        let is_back = self.burst.gone.remove(path);
        if self.tree.is_special(path) {
            return (known, meta);
        }
        if !is_back && !known {
            self.burst.born.insert(path.to_path_buf());
        }
        (true, meta)
    }

    /// Takes in that a directory was made or moved here. What is in it by now has changed.
    fn dir_appeared(&mut self, path: &Path) {
        match self.filter.verdict(path, true) {
            Verdict::Kept if !self.is_in_tree(path) => {}
            Verdict::Kept => {
                // One that was found in a new directory is told once more by its own event. Without
                // its watch the closes of its files would be missed.
                if !self.tree.is_still(path) {
                    // What was watched by this name is another directory.
                    self.drop_below(path);
                }
                let mut found = Vec::new();
                let starts = vec![path.to_path_buf()];
                let problems = self
                    .tree
                    .walk(starts, &mut self.filter, |path| found.push(path));
                self.all_appeared(found, problems);
                if !self.tree.contains(path) && !is_there(path) {
                    self.strayed(path, EventKind::Create(CreateKind::Folder));
                }
                if self.filter.mounts().are_below(path) {
                    // On single files, too.
                    let problems = self.arm(|_| ());
                    self.all_appeared(Vec::new(), problems);
                }
            }
            Verdict::Ignored(rule) => self.note_ignored(path, &rule),
        }
        self.walk_other_names(path);
        self.name_changed(path);
    }

    /// Takes in that a directory was removed or moved away, by each name that it has.
    fn dirs_gone(&mut self, path: &Path) {
        let mut names = self.roots.names(path);
        if names.len() > 1 {
            names.retain(|name| self.tree.watches(name));
        }
        if names.is_empty() {
            names.push(path.to_path_buf());
        }
        for name in names {
            self.dir_gone(&name);
        }
    }

    /// Takes in that a directory was removed or moved away, with what was in it.
    fn dir_gone(&mut self, path: &Path) {
        let concerns_here =
            self.filter.base().starts_with(path) || self.roots.hang_on(path, &self.filter);
        if concerns_here && self.follow().is_some_and(|from| path.starts_with(from)) {
            return;
        }
        if self.filter.mounts().are_below(path) {
            // They may have been moved with it, of which the table does not tell.
            self.mounts_changed();
        }
        self.filter.unload(path);
        let mut gone = self.names_in(path);
        if self.drop_below(path) {
            self.forget_contents();
            let roots = self.filter.roots().iter().map(|root| &root.path);
            gone.extend(roots.filter(|root| root.starts_with(path)).cloned());
            if gone.is_empty() {
                gone.insert(path.to_path_buf());
            }
            for path in gone {
                self.happened(EventKind::Remove(RemoveKind::Folder), path);
            }
        }
        if is_dir(path) {
            // It was moved over, or made again in the meantime.
            return self.dir_appeared(path);
        }
        self.name_changed(path);
    }

    /// Takes in that a name leads elsewhere now, or nowhere: a root may hang on it, or a link.
    fn name_changed(&mut self, path: &Path) {
        if path.ends_with(".git") {
            self.locks.clear();
        }
        let physical = self.roots.physical(path).into_owned();
        self.tree.linked.touched(&physical);
        let names = if physical == path {
            vec![physical]
        } else {
            vec![path.to_path_buf(), physical]
        };
        let mut hang_on = names.iter();
        if !hang_on.any(|name| self.roots.hang_on(name, &self.filter)) {
            return;
        }
        let (mut other, mut shared) = (false, Vec::new());
        for root in names.iter().flat_map(|name| self.roots.aliases(name)) {
            // What it led to may be watched by another name, too.
            let known = self.roots.names(root).into_iter();
            shared.extend(known.filter(|name| name != root && self.tree.contains(name)));
            // A link to a directory may lead to another one now.
            other |= self.tree.drop_below(root);
        }
        if other {
            self.forget_contents();
        }
        let mut problems = self.tree.walk(shared, &mut self.filter, |_| ());
        let mut found = Vec::new();
        problems.extend(self.arm(|path| found.push(path)));
        self.all_appeared(found, problems);
    }

    fn arm(&mut self, mut appeared: impl FnMut(PathBuf)) -> Vec<Problem> {
        self.roots
            .arm(&mut self.tree, &mut self.filter, &mut appeared)
    }

    /// Takes in the files that were found in new directories.
    fn all_appeared(&mut self, found: Vec<PathBuf>, problems: Vec<Problem>) {
        let hidden = found.iter().filter(|it| self.filter.hides_its_dir(it));
        let hidden: Vec<PathBuf> = hidden.cloned().collect();
        for file in &hidden {
            // It came after its directory was found, and before that was watched.
            self.rules_changed(file);
        }
        for path in found {
            if !hidden.is_empty() && !self.is_in_tree(&path) {
                continue;
            }
            self.burst.gone.remove(&path);
            let file = self.tree.linked.end_of(&path).unwrap_or(&path);
            if self
                .contents
                .as_mut()
                .is_some_and(|contents| contents.is_same(file))
            {
                continue;
            }
            self.happened(EventKind::Create(CreateKind::File), path);
        }
        for problem in problems {
            self.note_problem(problem);
        }
    }

    /// Takes in that an ignore file changed: some directories count now that did not, and the
    /// other way round. What is in them has not changed.
    fn rules_changed(&mut self, file: &Path) {
        let Some(dir) = self.filter.ruled_by(file).map(Path::to_path_buf) else {
            return;
        };
        self.filter.reload(file);
        for below in self.tree.below(&dir) {
            if below != dir && self.filter.verdict(&below, true) != Verdict::Kept {
                self.drop_below(&below);
            }
        }
        let roots = self.filter.roots().iter().map(|root| &root.path);
        let starts = roots.chain([&dir]);
        let starts = starts.filter(|path| path.starts_with(&dir) && self.tree.contains(path));
        let starts = starts.cloned().collect();
        let mut problems = self.tree.walk(starts, &mut self.filter, |_| ());
        // One that was put in the place of the other has another inode to watch.
        self.tree.drop_below(file);
        problems.extend(self.arm(|_| ()));
        self.all_appeared(Vec::new(), problems);
    }

    /// The kernel's queue ran over: anything may have changed, and any directory may be new.
    fn look_again(&mut self) {
        self.note(Note::Overflow);
        self.tree.drop_below(Path::new("/"));
        self.forget_contents();
        let roots = self.filter.roots().iter().map(|root| root.path.clone());
        for root in roots.collect::<Vec<_>>() {
            self.filter.unload(&root);
            self.happened(EventKind::Any, root);
        }
        let problems = self.arm(|_| ());
        self.all_appeared(Vec::new(), problems);
    }

    /// Ends the watching of a directory that is another one now, or gone. Whether files that count
    /// were in it.
    fn drop_below(&mut self, path: &Path) -> bool {
        // What is still to be read from the old watches is not told any more, closes above all.
        self.burst.writing.retain(|file| !file.starts_with(path));
        self.tree.drop_below(path)
    }

    fn forget_contents(&mut self) {
        if let Some(contents) = &mut self.contents {
            contents.forget_all();
        }
    }

    /// Adds a certain change to what is to be reported.
    fn happened(&mut self, kind: EventKind, path: PathBuf) {
        self.batch.certain = true;
        self.batch
            .events
            .push(notify::Event::new(kind).add_path(path));
    }

    /// Reports what came in since the last time. First that there is something, so that COMMAND
    /// is stopped without a delay, then the details for the end of the burst.
    fn flush(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        let hold = self.burst.hold();
        if !batch.certain && hold == Hold::None && self.burst.reported < Reported::Certain {
            return self.calm();
        }
        let changes = self.outline(&batch.events);
        if changes.is_empty() {
            return;
        }
        let paths = batch.events.iter().filter_map(|event| event.paths.first());
        // All of them are to be remembered.
        let fresh = paths.filter(|path| self.burst.recent.is_new(path)).count() > 0;
        let lock = self.lock();
        let certain = batch.certain;
        let reported = if certain {
            Reported::Certain
        } else {
            Reported::Soft
        };
        self.burst.reported = self.burst.reported.max(reported);
        self.burst.events += batch.events.len();
        self.event(Event::Changed(Activity {
            certain,
            hold,
            changes,
            fresh,
            lock,
        }));
        self.unfolded.extend(batch.events);
        if !self.is_simple() {
            self.fold_at
                .get_or_insert_with(|| Instant::now() + FOLD_AFTER);
        }
        if self.unfolded.len() > UNFOLDED_MAX {
            self.fold();
        }
    }

    /// What these events tell of before they are folded.
    fn outline(&self, events: &[notify::Event]) -> Vec<Change> {
        let mut changes: Vec<Change> = Vec::new();
        for event in events {
            let Some(path) = event.paths.first() else {
                continue;
            };
            let is_new = self.burst.born.contains(path);
            let kind = match event.kind {
                EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From)) => {
                    ChangeKind::Removed
                }
                EventKind::Create(_) => ChangeKind::Created,
                _ if is_new => ChangeKind::Created,
                _ => ChangeKind::Modified,
            };
            let path = self.relative(path);
            if changes.last().is_none_or(|last| last.path != path) {
                changes.push(Change { path, kind });
            }
        }
        changes
    }

    /// The lock that git holds, which is not looked for at every save.
    fn lock(&mut self) -> Option<PathBuf> {
        let now = Instant::now();
        let at = *self.burst.lock_at.get_or_insert(now + LOCK_EVERY);
        if now >= at {
            self.look_for_lock();
        }
        self.burst.lock.clone()
    }

    /// Looks whether git holds its lock.
    fn look_for_lock(&mut self) {
        self.find_locks();
        let mut locks = self.locks.values().flatten();
        let held = locks.find(|lock| git::is_held(lock));
        self.burst.lock = held.map(|lock| self.relative(lock));
        self.burst.lock_at = Some(Instant::now() + LOCK_EVERY);
    }

    /// Finds the locks of the work trees that are watched, where that has not been done.
    fn find_locks(&mut self) {
        let roots = self.filter.roots().iter().map(|root| root.path.as_path());
        for dir in roots.chain(self.filter.work_trees()) {
            if !self.locks.contains_key(dir) {
                self.locks.insert(dir.to_path_buf(), git::lock_of(dir));
            }
        }
    }

    /// Whether there is nothing to fold in the burst.
    fn is_simple(&self) -> bool {
        self.fold.is_none() && fold::is_simple(&self.unfolded)
    }

    /// Folds the events that came in.
    fn fold(&mut self) {
        self.fold_at = None;
        if self.fold.is_none() && !self.unfolded.is_empty() {
            // Without a thread for it the restart has only the last path to name.
            self.fold = Fold::open().ok();
        }
        let events = std::mem::take(&mut self.unfolded);
        if let Some(fold) = &mut self.fold {
            let base = self.filter.base();
            for mut event in events {
                // Relative ones: the current directory may have another path when the burst is over.
                for path in &mut event.paths {
                    if let Ok(below) = path.strip_prefix(base) {
                        *path = below.to_path_buf();
                    }
                }
                fold.push(event);
            }
        }
    }

    /// Takes in that of the soft changes none is left, and that none is certain.
    fn calm(&mut self) {
        if self.burst.reported == Reported::Soft {
            self.fold = None;
            self.fold_at = None;
            self.unfolded.clear();
            self.event(Event::Calmed);
        }
        self.burst = Burst::default();
    }

    fn collect(&mut self, order: bool) {
        self.look_for_lock();
        let held = self.burst.lock.is_some();
        if self.tree.look_at().is_some() {
            self.look();
        }
        for root in self.roots.replaced() {
            self.dir_gone(&root);
        }
        self.follow_links();
        let more = !self.batch.events.is_empty();
        self.flush();
        // What was missed at the start belongs to one burst.
        if (held || more || self.tree.is_behind()) && !order {
            let lock = self.burst.lock.clone();
            return self.event(Event::Unsettled { lock });
        }
        let burst = std::mem::take(&mut self.burst);
        if let Some(contents) = &mut self.contents {
            // COMMAND sees what is there now, which may be half of it, or nothing.
            for path in burst.gone.iter().chain(&burst.writing) {
                contents.forget(path);
            }
        }
        self.noted.clear();
        let mut changes = self.folded();
        let base = self.filter.base();
        changes.retain(|path| !burst.same.contains(&base.join(path)));
        self.event(Event::Collected(changes));
    }

    /// What happened in the burst, of which nothing is left.
    fn folded(&mut self) -> Changes {
        if self.is_simple() {
            let events = std::mem::take(&mut self.unfolded);
            return fold::summary(events.into_iter(), self.filter.base());
        }
        self.fold();
        let fold = self.fold.take();
        fold.map_or_else(Changes::default, |fold| fold.close(self.filter.base()))
    }

    fn event(&self, event: Event) {
        (self.report)(Report::Event(event));
    }

    /// Whether the directory that `path` is in is watched with all that is in it.
    fn is_in_tree(&self, path: &Path) -> bool {
        path.parent().is_some_and(|dir| self.tree.contains(dir))
    }

    fn relative(&self, path: &Path) -> PathBuf {
        path.strip_prefix(self.filter.base())
            .unwrap_or(path)
            .to_path_buf()
    }

    fn note(&self, note: Note) {
        (self.report)(Report::Note(note));
    }

    /// Says, once in a burst, why a path does not count. Not of the files that this goes to: each
    /// line would be followed by another one, for ever.
    fn note_ignored(&mut self, path: &Path, rule: &Rule) {
        if self.noted.len() > NOTED_MAX {
            self.noted.clear();
        }
        if self.verbose && *rule != Rule::Output && self.noted.insert(path.to_path_buf()) {
            self.note(Note::Ignored {
                path: self.relative(path),
                rule: rule.text(self.filter.base()),
            });
        }
    }

    fn note_problem(&self, problem: Problem) {
        let path = self.relative(&problem.path);
        self.note(match problem.why {
            Why::Io(error) => Note::Unwatched {
                path,
                why: reason(&error),
            },
            Why::Silent(fs) => Note::Polled {
                path,
                fs,
                every: self.tree.every(),
            },
            Why::Full { dirs } => {
                let roots = self.filter.roots().iter().map(|root| root.path.clone());
                let largest = self.tree.largest_below(roots);
                // Patterns are relative to the current directory.
                let largest = largest
                    .map(|(path, dirs)| (self.relative(&path), dirs))
                    .filter(|(path, _)| path.is_relative());
                Note::OutOfWatches {
                    dirs,
                    largest,
                    every: self.tree.every(),
                }
            }
        });
    }
}

/// Whether an event of this kind makes or removes a name, or may.
fn changes_names(kind: EventKind) -> bool {
    use EventKind::{Create, Modify, Remove};
    matches!(
        kind,
        ANOTHER | Create(_) | Remove(_) | Modify(ModifyKind::Name(_))
    )
}

fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

fn is_dir(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir())
}

fn cannot_watch(name: &str, error: &io::Error) -> anyhow::Error {
    anyhow!("cannot watch `{name}`: {}", reason(error))
}
