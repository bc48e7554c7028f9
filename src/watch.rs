//! File changes as events.
//!
//! notify's thread does nothing but send what the kernel says to a thread of ours, which filters
//! it and reports what counts: at once that there is [`Activity`], since COMMAND is to be stopped
//! with the first change, and at the end of the burst, when asked, what happened to which path.
//! The invariant: whatever happens to a path that counts, after [`Event::Armed`], is reported.
//!
//! What a write looks like depends on who writes (inotify(7)). A close after writing, a rename, a
//! removal and a new link are certain changes. A write whose file is still open is not: it is
//! soft, and holds the burst open.

mod filter;
mod fold;
mod links;
mod tree;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::anyhow;
use notify::event::{
    AccessKind, AccessMode, CreateKind, EventKindMask, ModifyKind, RemoveKind, RenameMode,
};
use notify::{Config, EventKind, RecommendedWatcher, Watcher as _};

pub use self::filter::{FilterSpec, Root, Rule, Verdict};

use self::filter::Filter;
use self::fold::Fold;
use self::links::Trail;
use self::tree::{Problem, Tree, Why};
use crate::event::{Activity, Changes, Event, Hold, Note};
use crate::text::reason;

/// How old git's lock of a work tree may be and still be that of a git at work, not one that a
/// dead git left.
const LOCK_AGE_MAX: Duration = Duration::from_secs(10);

/// What is to be watched.
#[derive(Clone, Debug)]
pub struct WatchSpec {
    /// Which paths count.
    pub filter: FilterSpec,
    /// The current directory: reported paths are relative to it.
    pub base: PathBuf,
    /// Whether to tell which changes do not count.
    pub verbose: bool,
}

/// What the watch has to say.
pub enum Report {
    /// Something to decide on.
    Event(Event),
    /// Something to tell the user.
    Note(Note),
    /// The watches cannot be set up.
    Failed(anyhow::Error),
}

/// The way to the watching thread.
pub struct Watch {
    messages: Sender<Message>,
}

/// What the watching thread is told.
enum Message {
    Raw(notify::Result<notify::Event>),
    Collect { order: bool },
}

impl Watch {
    /// Starts to watch. [`Event::Armed`] tells when the watches stand.
    pub fn start(
        spec: WatchSpec,
        report: impl Fn(Report) + Send + 'static,
    ) -> anyhow::Result<Self> {
        let (messages, inbox) = channel();
        let raw = messages.clone();
        // CORE is what changes; with close-after-write, and without opens and reads, COMMAND
        // reading its own files wakes nobody.
        let mask = EventKindMask::CORE | EventKindMask::ACCESS_CLOSE;
        let config = Config::default().with_event_kinds(mask);
        // A send and nothing else: a panic here would kill notify's thread, and a call back into
        // the watcher would wait for that thread from that thread.
        let watcher =
            RecommendedWatcher::new(move |event| drop(raw.send(Message::Raw(event))), config)
                .map_err(no_watcher)?;
        let observer = Observer {
            tree: Tree::new(watcher),
            filter: Filter::new(spec.filter, spec.base),
            verbose: spec.verbose,
            report,
            aliases: HashMap::new(),
            missing: HashSet::new(),
            locks: Vec::new(),
            batch: Batch::default(),
            fold: None,
            burst: Burst::default(),
        };
        thread::Builder::new()
            .name("watch".to_owned())
            .spawn(move || observer.run(&inbox))?;
        Ok(Self { messages })
    }

    /// Asks what happened in the burst, which ends it. Unless that is an order, a burst that is
    /// known not to be over is answered with [`Event::Unsettled`], and does not end.
    pub fn collect(&self, order: bool) {
        // The thread lives as long as this.
        let _ = self.messages.send(Message::Collect { order });
    }
}

/// Says what to do where there is no kernel object to watch with.
fn no_watcher(error: notify::Error) -> anyhow::Error {
    match error.kind {
        // inotify_init(2)
        notify::ErrorKind::Io(error) if error.raw_os_error() == Some(nix::libc::EMFILE) => anyhow!(
            "cannot watch: all of this user's inotify instances are in use; \
             raise the sysctl fs.inotify.max_user_instances"
        ),
        _ => anyhow!("cannot watch: {error}"),
    }
}

/// The watching thread.
struct Observer<R> {
    tree: Tree,
    filter: Filter,
    verbose: bool,
    report: R,
    /// Paths whose change is a change of a root that is a file: itself, the links that lead to
    /// it, and what they lead to.
    aliases: HashMap<PathBuf, PathBuf>,
    /// The roots that do not exist.
    missing: HashSet<PathBuf>,
    /// The locks that git holds while it changes a work tree that is watched.
    locks: Vec<PathBuf>,
    batch: Batch,
    fold: Option<Fold>,
    burst: Burst,
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
}

impl<R: Fn(Report)> Observer<R> {
    fn run(mut self, inbox: &Receiver<Message>) {
        if let Err(error) = self.set_up() {
            (self.report)(Report::Failed(error));
            return;
        }
        while let Some(message) = self.next(inbox) {
            match message {
                Message::Raw(Ok(event)) => self.observe(event),
                // What goes wrong while reading is followed by an overflow, or by nothing.
                Message::Raw(Err(_)) => {}
                Message::Collect { order } => {
                    self.flush();
                    self.collect(order);
                }
            }
        }
    }

    /// The next message. Whenever there is none, what came in so far is reported; then there is
    /// time to read the times of files.
    fn next(&mut self, inbox: &Receiver<Message>) -> Option<Message> {
        loop {
            match inbox.try_recv() {
                Ok(message) => return Some(message),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => {}
            }
            self.flush();
            if !self.tree.stamp_one() {
                return inbox.recv().ok();
            }
        }
    }

    /// Watches the roots for the first time.
    fn set_up(&mut self) -> anyhow::Result<()> {
        for root in self.filter.roots() {
            if let Err(error) = fs::metadata(&root.path)
                && error.kind() != io::ErrorKind::NotFound
            {
                return Err(cannot_watch(&root.name, &error));
            }
        }
        for problem in self.arm(&mut |_| ()) {
            let root = self
                .filter
                .roots()
                .iter()
                .find(|root| root.path == problem.path);
            match (&problem.why, root) {
                (Why::Io(error), Some(root)) => return Err(cannot_watch(&root.name, error)),
                _ => self.note_problem(problem),
            }
        }
        let roots = self.filter.roots();
        self.locks = roots
            .iter()
            .filter_map(|root| git_lock(&root.path))
            .collect();
        let (files, dirs) = self.tree.size();
        let missing = roots
            .iter()
            .filter(|root| self.missing.contains(&root.path));
        let missing: Vec<String> = missing.map(|root| root.name.clone()).collect();
        // Roots that are files are in no listed directory.
        let alone =
            |root: &&Root| !self.missing.contains(&root.path) && !self.tree.contains(&root.path);
        let files = files + roots.iter().filter(alone).count();
        let roots = roots.iter().map(|root| root.name.clone()).collect();
        self.note(Note::Watching { roots, files, dirs });
        for root in missing {
            self.note(Note::Missing { root });
        }
        (self.report)(Report::Event(Event::Armed));
        Ok(())
    }

    /// Sets up the watches that the roots need as they are now, and takes down those that they do
    /// not. `appeared` is called for every file in a root that was not watched.
    ///
    /// A root that does not exist is waited for in its nearest living ancestor; a file is watched
    /// through its directory, since a watch on the file itself would be lost with the first save
    /// by rename.
    fn arm(&mut self, appeared: &mut dyn FnMut(PathBuf)) -> Vec<Problem> {
        let mut problems = Vec::new();
        loop {
            let mut flat = BTreeSet::new();
            let mut starts = Vec::new();
            self.aliases.clear();
            let was_missing = std::mem::take(&mut self.missing);
            for root in self.filter.roots() {
                let trail = Trail::of(&root.path, self.filter.base());
                for link in &trail.links {
                    flat.extend(link.parent().map(Path::to_path_buf));
                    self.aliases.insert(link.clone(), root.path.clone());
                }
                match fs::metadata(&root.path) {
                    Ok(meta) if meta.is_dir() => {
                        if !self.tree.contains(&root.path) {
                            starts.push(root.path.clone());
                        }
                    }
                    Ok(_) => {
                        flat.extend(trail.end.parent().map(Path::to_path_buf));
                        self.aliases.insert(trail.end, root.path.clone());
                        self.aliases.insert(root.path.clone(), root.path.clone());
                        if was_missing.contains(&root.path) {
                            appeared(root.path.clone());
                        }
                    }
                    Err(_) => {
                        let living = trail.end.ancestors().skip(1).find(|dir| dir.is_dir());
                        flat.extend(living.map(Path::to_path_buf));
                        self.aliases.insert(root.path.clone(), root.path.clone());
                        self.missing.insert(root.path.clone());
                    }
                }
            }
            let before: Vec<PathBuf> = flat
                .iter()
                .filter(|dir| !self.tree.watches(dir))
                .cloned()
                .collect();
            problems.extend(self.tree.watch_flat(&flat));
            let settled = before.is_empty() && starts.is_empty();
            problems.extend(self.tree.walk(starts, &mut self.filter, &mut *appeared));
            for path in self.aliases.keys() {
                self.tree.know(path);
            }
            // What was made before its directory was watched is found by looking once more.
            if settled || !problems.is_empty() {
                return problems;
            }
        }
    }

    /// Takes in one event of the kernel.
    fn observe(&mut self, mut event: notify::Event) {
        if event.need_rescan() {
            return self.look_again();
        }
        // Both halves of a rename come alone, too.
        if event.kind == EventKind::Modify(ModifyKind::Name(RenameMode::Both)) {
            return;
        }
        let Some(path) = event.paths.pop() else {
            return;
        };
        match event.kind {
            EventKind::Create(CreateKind::Folder) => self.dir_appeared(&path),
            EventKind::Modify(ModifyKind::Name(RenameMode::To)) if is_dir(&path) => {
                self.dir_appeared(&path);
            }
            EventKind::Remove(RemoveKind::Folder | RemoveKind::Other) => self.dir_gone(&path),
            // A watched directory tells that it was moved, and so does the one that it was in.
            // Only for a root there is no other one.
            EventKind::Modify(ModifyKind::Name(RenameMode::From))
                if event.attrs.tracker().is_none() =>
            {
                if self.filter.is_root(&path) {
                    self.dir_gone(&path);
                }
            }
            EventKind::Modify(ModifyKind::Name(RenameMode::From)) if self.tree.contains(&path) => {
                self.dir_gone(&path);
            }
            kind => {
                self.file_event(&path, event.add_path(path.clone()));
                if changes_names(kind) {
                    self.root_event(&path);
                }
            }
        }
    }

    /// Takes in something that happened to what is no directory.
    fn file_event(&mut self, path: &Path, mut event: notify::Event) {
        let root = self.aliases.get(path).cloned();
        let path = root.as_deref().unwrap_or(path);
        if let Verdict::Ignored(rule) = self.filter.verdict(path, false) {
            return self.note_ignored(path, &rule);
        }
        event.paths = vec![path.to_path_buf()];
        let certain = match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => {
                let written = self.burst.writing.remove(path);
                // Without a write before it: mmap, touch, or nothing but an open for writing.
                if written {
                    self.tree.present(path);
                    true
                } else if self.tree.has_moved(path) {
                    true
                } else {
                    return;
                }
            }
            EventKind::Modify(ModifyKind::Metadata(_)) => {
                if !self.tree.has_moved(path) {
                    return;
                }
                true
            }
            EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From)) => {
                self.burst.writing.remove(path);
                let known = self.tree.absent(path);
                if !known && !matches!(event.kind, EventKind::Remove(_)) {
                    // Renames do not tell what is renamed: this is a directory that is ignored.
                    return;
                }
                if !self.burst.born.remove(path) && known {
                    self.burst.gone.insert(path.to_path_buf());
                }
                true
            }
            EventKind::Modify(ModifyKind::Name(_)) => {
                self.appeared(path);
                true
            }
            EventKind::Create(_) => {
                self.appeared(path);
                let open = is_being_made(path);
                if open {
                    self.burst.writing.insert(path.to_path_buf());
                }
                !open
            }
            EventKind::Modify(_) | EventKind::Any => {
                self.burst.writing.insert(path.to_path_buf());
                false
            }
            EventKind::Access(_) | EventKind::Other => return,
        };
        if self.filter.is_ignore_file(path) && certain {
            self.rules_changed(path);
        }
        self.batch.certain |= certain;
        self.batch.events.push(event);
    }

    /// Takes in that a file is there that was not, or that another one has taken its place.
    fn appeared(&mut self, path: &Path) {
        let known = self.tree.present(path);
        if !self.burst.gone.remove(path) && !known {
            self.burst.born.insert(path.to_path_buf());
        }
    }

    /// Takes in that a directory was made or moved here. What is in it by now has changed.
    fn dir_appeared(&mut self, path: &Path) {
        match self.filter.verdict(path, true) {
            Verdict::Kept => self.walk_new(vec![path.to_path_buf()]),
            Verdict::Ignored(rule) => self.note_ignored(path, &rule),
        }
        self.root_event(path);
    }

    /// Takes in that a directory was removed or moved away, with what was in it.
    fn dir_gone(&mut self, path: &Path) {
        self.filter.unload(path);
        if self.tree.drop_below(path) {
            self.happened(EventKind::Remove(RemoveKind::Folder), path.to_path_buf());
        }
        self.root_event(path);
    }

    /// Takes in that a name changed: if a root hangs on it, the root is another one now.
    fn root_event(&mut self, path: &Path) {
        let concerned = self
            .filter
            .roots()
            .iter()
            .any(|root| root.path.starts_with(path))
            || self.aliases.contains_key(path);
        if !concerned {
            return;
        }
        // A link to a directory that points elsewhere now.
        if fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink())
            && let Some(root) = self.aliases.get(path)
        {
            let root = root.clone();
            self.tree.drop_below(&root);
        }
        let mut found = Vec::new();
        let problems = self.arm(&mut |path| found.push(path));
        self.all_appeared(found, problems);
    }

    /// Watches new directories; all that is in them has changed.
    fn walk_new(&mut self, starts: Vec<PathBuf>) {
        let mut found = Vec::new();
        let problems = self
            .tree
            .walk(starts, &mut self.filter, |path| found.push(path));
        self.all_appeared(found, problems);
    }

    fn all_appeared(&mut self, found: Vec<PathBuf>, problems: Vec<Problem>) {
        for path in found {
            self.burst.gone.remove(&path);
            self.happened(EventKind::Create(CreateKind::File), path);
        }
        for problem in problems {
            self.note_problem(problem);
        }
    }

    /// Takes in that an ignore file changed: some directories count now that did not, and the
    /// other way round. What is in them has not changed.
    fn rules_changed(&mut self, path: &Path) {
        let Some(dir) = path.parent() else { return };
        self.filter.load(dir);
        for below in self.tree.below(dir) {
            let hidden = below != dir && self.filter.verdict(&below, true) != Verdict::Kept;
            if hidden {
                self.tree.drop_below(&below);
            }
        }
        let problems = self
            .tree
            .walk(vec![dir.to_path_buf()], &mut self.filter, |_| ());
        self.all_appeared(Vec::new(), problems);
    }

    /// The kernel's queue ran over: anything may have changed, and directories may be new.
    fn look_again(&mut self) {
        self.note(Note::Overflow);
        let roots: Vec<PathBuf> = self
            .filter
            .roots()
            .iter()
            .map(|root| root.path.clone())
            .collect();
        for root in &roots {
            self.tree.drop_below(root);
        }
        let mut ignored = Vec::new();
        let problems = self.arm(&mut |path| ignored.push(path));
        self.all_appeared(Vec::new(), problems);
        for root in roots {
            self.happened(EventKind::Any, root);
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
        let Some(path) = batch.events.last().and_then(|event| event.paths.first()) else {
            return;
        };
        let hold = match (self.burst.writing.is_empty(), self.burst.gone.is_empty()) {
            (false, _) => Hold::Writing,
            (true, false) => Hold::Gone,
            (true, true) => Hold::None,
        };
        let path = path
            .strip_prefix(self.filter.base())
            .unwrap_or(path)
            .to_path_buf();
        let activity = Activity {
            certain: batch.certain,
            hold,
            path,
        };
        (self.report)(Report::Event(Event::Changed(activity)));
        if self.fold.is_none() {
            // Without a thread for it the restart has no reason to name, but takes place.
            self.fold = Fold::open().ok();
        }
        if let Some(fold) = &mut self.fold {
            batch.events.into_iter().for_each(|event| fold.push(event));
        }
    }

    fn collect(&mut self, order: bool) {
        if !order && self.locks.iter().any(|lock| is_held(lock)) {
            return (self.report)(Report::Event(Event::Unsettled));
        }
        self.burst = Burst::default();
        let fold = self.fold.take();
        let changes = fold.map_or_else(Changes::default, |fold| fold.close(self.filter.base()));
        (self.report)(Report::Event(Event::Collected(changes)));
    }

    fn note(&self, note: Note) {
        (self.report)(Report::Note(note));
    }

    fn note_ignored(&self, path: &Path, rule: &Rule) {
        if self.verbose {
            let path = path
                .strip_prefix(self.filter.base())
                .unwrap_or(path)
                .to_path_buf();
            self.note(Note::Ignored {
                path,
                rule: rule.to_string(),
            });
        }
    }

    fn note_problem(&self, problem: Problem) {
        let path = problem
            .path
            .strip_prefix(self.filter.base())
            .unwrap_or(&problem.path);
        self.note(match problem.why {
            Why::Io(error) => Note::Unwatched {
                path: path.to_path_buf(),
                why: reason(&error),
            },
            Why::Limit { unwatched } => Note::OutOfWatches { unwatched },
        });
    }
}

/// Whether an event of this kind makes or removes a name.
fn changes_names(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))
    )
}

fn is_dir(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir())
}

/// Whether a file that has just been made is one that will be closed after writing: not a link,
/// a fifo or a second name, of which nothing more will be heard.
fn is_being_made(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file() && meta.nlink() == 1)
}

/// The lock that git holds while it changes the work tree that `path` is in (gitformat-index and
/// git-worktree(1) tell where it is).
fn git_lock(path: &Path) -> Option<PathBuf> {
    let git = path
        .ancestors()
        .map(|dir| dir.join(".git"))
        .find(|git| git.exists())?;
    if git.is_dir() {
        return Some(git.join("index.lock"));
    }
    let link = fs::read_to_string(&git).ok()?;
    let dir = link.strip_prefix("gitdir:")?.trim();
    Some(git.with_file_name(dir).join("index.lock"))
}

/// Whether a git at work holds this lock.
fn is_held(lock: &Path) -> bool {
    let age = |meta: fs::Metadata| SystemTime::now().duration_since(meta.modified().ok()?).ok();
    fs::symlink_metadata(lock).is_ok_and(|meta| age(meta).is_none_or(|age| age < LOCK_AGE_MAX))
}

fn cannot_watch(name: &str, error: &io::Error) -> anyhow::Error {
    anyhow!("cannot watch `{name}`: {}", reason(error))
}
