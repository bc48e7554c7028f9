//! What can happen, as one closed set of plain values.
//!
//! Every room that watches the outside world turns what it sees into an [`Event`]; the supervisor
//! is the only one to decide on them. Nothing here knows a pid, a file descriptor or a clock.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

/// One fact that the supervisor has to decide on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// From now on no change is missed: the watches stand, or, on a large tree, what changes before they
    /// do is found by comparison.
    Armed,
    /// Watched files changed, or are being changed.
    Changed(Activity),
    /// What was taken for a soft change turned out to be none.
    Calmed,
    /// The burst that was to be collected is known not to be over yet; the lock that git holds, if that
    /// is why.
    Unsettled { lock: Option<PathBuf> },
    /// What happened in the burst that was to be collected; the burst is closed.
    Collected(Changes),
    /// The run begins only now: a file that it starts with had to be written first.
    Begun { run: RunId },
    /// COMMAND could not be started.
    NotStarted { run: RunId, failure: SpawnFailure },
    /// The leader of the run, COMMAND itself, ended, and left others behind.
    Exited { run: RunId },
    /// Nobody of the run is left; how its leader ended.
    Emptied { run: RunId, reason: ExitReason },
    /// Somebody asked rwatch to end, by this signal, at this time: how far two of them are apart does
    /// not depend on how busy the loop is.
    Asked(Signal, Instant),
    /// A signal that is COMMAND's business, not ours.
    Relayed(Signal),
    /// Whether somebody of the run was at work when it was asked for.
    Looked { run: RunId, at_work: bool },
    /// The leader of the run was stopped.
    Halted { run: RunId, why: Halt },
    /// The leader of the run, which has the terminal, ended because of Ctrl-C.
    Interrupted { run: RunId },
    /// rwatch is to be stopped, by Ctrl-Z.
    Suspended,
    /// rwatch goes on after it was stopped.
    Resumed,
    /// For so long nothing could happen, because rwatch was stopped, and COMMAND with it maybe.
    Froze(Duration),
    /// Somebody typed a line that is for rwatch.
    Pressed(Key),
    /// The deadline that the supervisor named has come.
    Elapsed,
}

/// Why COMMAND was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// It wants the terminal, and is in the background of it.
    WantsTerminal,
    /// It has the terminal, and somebody typed Ctrl-Z.
    CtrlZ,
}

/// What can be typed as long as COMMAND does not want the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// `rs` or `r`.
    Restart,
    /// `q`.
    Quit,
    /// `h`.
    Help,
    /// Anything else.
    Unknown,
}

/// One life of COMMAND: 1, 2, 3 …; or one of the build before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub u64);

/// COMMAND does not live so often.
const FIRST_BUILD: u64 = 1 << 63;

impl RunId {
    /// The run after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The n-th build.
    pub fn build(n: u64) -> Self {
        Self(FIRST_BUILD + n)
    }

    /// Whether this is a build.
    pub fn is_build(self) -> bool {
        self.0 >= FIRST_BUILD
    }

    /// Which of its kind it is: 1, 2, 3 …
    pub fn number(self) -> u64 {
        self.0 & !FIRST_BUILD
    }
}

/// What the watch saw since it last spoke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    /// Whether a change is certain. A file that was written to and not closed yet is not: it is
    /// soft, and counts when it is closed, or when it has been open for a while.
    pub certain: bool,
    /// Why the burst cannot be over yet, if there is such a reason.
    pub hold: Hold,
    /// What changed, one path at least, the latest one last.
    pub changes: Vec<Change>,
    /// Whether one of them is new to the burst, or was not heard of for long: it gets on.
    pub fresh: bool,
    /// The lock that git holds while it changes the work tree, if it does; of a burst that has just
    /// begun that is not known.
    pub lock: Option<PathBuf>,
}

/// Why a burst that has been quiet is not over all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hold {
    /// There is no reason.
    #[default]
    None,
    /// A file went away and did not come back: an editor that saves by rename is about to put
    /// the new one in its place.
    Gone,
    /// A file is still open for writing.
    Writing,
}

/// What happened in a burst: every path once, in the order of the events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes(Vec<Change>);

impl Changes {
    /// Appends what `later` has to say about paths that are not named yet.
    pub fn merge(&mut self, later: Self) {
        if self.0.is_empty() {
            self.0 = later.0;
            return;
        }
        let known: std::collections::HashSet<PathBuf> =
            self.0.iter().map(|change| change.path.clone()).collect();
        self.0.extend(
            later
                .0
                .into_iter()
                .filter(|change| !known.contains(&change.path)),
        );
    }

    /// The paths and what happened to them.
    pub fn iter(&self) -> impl Iterator<Item = &Change> {
        self.0.iter()
    }

    /// Drops the paths that are not `wanted`.
    pub fn retain(&mut self, wanted: impl Fn(&Path) -> bool) {
        self.0.retain(|change| wanted(&change.path));
    }

    /// How many paths changed.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl FromIterator<Change> for Changes {
    /// Keeps the first change of every path.
    fn from_iter<I: IntoIterator<Item = Change>>(changes: I) -> Self {
        let mut seen = std::collections::HashSet::new();
        Self(
            changes
                .into_iter()
                .filter(|change| seen.insert(change.path.clone()))
                .collect(),
        )
    }
}

/// What happened to one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Relative to the current directory where it lies below it, else absolute.
    pub path: PathBuf,
    /// What happened to it.
    pub kind: ChangeKind,
}

/// What can happen to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is new.
    Created,
    /// Its content or its modification time changed.
    Modified,
    /// It came here under another name.
    Renamed,
    /// It is gone.
    Removed,
}

/// The exit code of rwatch's own errors. COMMAND's codes, and those of shells, are others (env(1) has
/// the same custom).
pub const OWN_ERROR: u8 = 125;

/// How COMMAND ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitReason {
    /// It exited with this code.
    Code(u8),
    /// This signal, by its number, killed it.
    Signal(i32),
}

impl ExitReason {
    /// Exit code 0.
    pub fn is_clean(self) -> bool {
        self == Self::Code(0)
    }

    /// The code as a shell shows it: a death by signal is 128 + n (POSIX sh, 2.8.2).
    pub fn code(self) -> u8 {
        match self {
            Self::Code(code) => code,
            Self::Signal(number) => u8::try_from(128 + number).unwrap_or(u8::MAX),
        }
    }
}

/// Why a run starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartReason {
    /// The first one.
    Start,
    /// Files changed.
    Change,
    /// The run before it exited.
    Exit,
    /// Somebody asked for it.
    Manual,
}

impl fmt::Display for StartReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "start",
            Self::Change => "change",
            Self::Exit => "exit",
            Self::Manual => "manual",
        })
    }
}

/// Why COMMAND could not be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpawnFailure {
    /// No such program; where it was looked for.
    NotFound {
        program: OsString,
        searched: Option<OsString>,
        /// It is in the directory in which it is started, which is not searched.
        is_here: bool,
    },
    /// Its `#!` line names an interpreter that does not exist.
    NoInterpreter {
        program: OsString,
        interpreter: OsString,
    },
    /// It is there, and cannot be run; why.
    NotExecutable { program: OsString, why: String },
    /// This file, which its environment stands in, cannot be read; why.
    EnvFile { file: PathBuf, why: String },
    /// The system could not start it now (no memory, too many processes): another try may do.
    Transient { program: OsString, why: String },
}

impl SpawnFailure {
    /// Whether another try may do.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Transient { .. })
    }

    /// The exit code that shells use for it.
    pub fn code(&self) -> u8 {
        match self {
            Self::NotFound { .. } | Self::NoInterpreter { .. } => 127,
            Self::NotExecutable { .. } => 126,
            Self::Transient { .. } | Self::EnvFile { .. } => OWN_ERROR,
        }
    }
}

/// What the watch, or a start, has to tell the user. None of it is to be decided on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// What is watched.
    Watching {
        roots: Vec<String>,
        files: usize,
        dirs: usize,
    },
    /// A root does not exist yet.
    Missing { root: String },
    /// A directory below a root cannot be watched.
    Unwatched { path: PathBuf, why: String },
    /// This path's file system tells of no changes, so that it is polled.
    Polled {
        path: PathBuf,
        fs: &'static str,
        every: Duration,
    },
    /// Everything is polled: because it was asked for, or because there is no other way.
    AllPolled { asked: bool, every: Duration },
    /// The user's kernel watches are used up, so that so many directories are polled. The largest
    /// directory, and how many there are in it, is a hint what to leave out.
    OutOfWatches {
        dirs: usize,
        largest: Option<(PathBuf, usize)>,
        every: Duration,
    },
    /// More happened than the kernel could remember; everything was looked at again.
    Overflow,
    /// A start waits for this file, which nobody has written to.
    Unwritten { file: PathBuf },
    /// A path that changed does not count, by this rule.
    Ignored { path: PathBuf, rule: String },
}
