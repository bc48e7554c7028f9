//! What happens, one JSON object a line, for other programs (`--events`).
//!
//! The loop tells the [`Journal`] what it hears and what it has done; the [`story`] makes lines of
//! that, and the [`writer`] brings them to whoever reads. The invariant: the loop waits for no
//! reader; and before it has carried out what was decided it does nothing but note it down. Lines that
//! nobody takes are kept, up to a limit, and then counted instead, so that a reader always knows
//! whether it has missed something.

mod story;
mod target;
mod writer;

use std::ffi::OsStr;
use std::io;
use std::time::{Instant, SystemTime};

use nix::sys::signal::Signal;

pub use self::story::Start;
use self::story::{Line, Story};
pub use self::target::{Sink, Target, identity};
use self::writer::Writer;
use crate::event::{Event, Note, RunId};
use crate::supervisor::{Message, Outcome};

/// The one that tells other programs; without `--events` it does nothing.
pub struct Journal(Option<Told>);

struct Told {
    story: Story,
    /// What was noted down, and when.
    unsent: Vec<(SystemTime, Line)>,
    writer: Writer,
}

impl Told {
    fn send(&mut self) {
        let lines = self.unsent.drain(..);
        self.writer.offer(lines.map(|(time, line)| line.text(time)));
    }
}

impl Journal {
    /// A journal that nobody asked for.
    pub fn none() -> Self {
        Self(None)
    }

    /// A journal that goes there. `builds`: whether there is a build before each start. If it cannot
    /// be written any more, `lost` is told why, from another thread.
    ///
    /// # Errors
    /// If there can be no thread for it.
    pub fn start(
        sink: Sink,
        builds: bool,
        lost: impl FnOnce(io::Error) + Send + 'static,
    ) -> io::Result<Self> {
        Ok(Self(Some(Told {
            story: Story::new(builds),
            unsent: Vec::new(),
            writer: Writer::start(sink, lost)?,
        })))
    }

    /// Tells that rwatch is there, and what it is about to run.
    pub fn begin<'a>(&mut self, command: impl Iterator<Item = &'a OsStr>) {
        self.tell(|_| vec![Line::begin(command)]);
    }

    /// Tells what the watch has to tell.
    pub fn note(&mut self, note: &Note) {
        self.tell(|_| Line::note(note));
    }

    /// Tells what has happened.
    pub fn happened(&mut self, event: &Event) {
        self.tell(|story| story.happened(Instant::now(), event));
    }

    /// Tells what was decided.
    pub fn decided(&mut self, message: &Message) {
        self.tell(|story| story.decided(message));
    }

    /// Tells that a run has started.
    pub fn started(&mut self, start: &Start<'_>) {
        self.tell(|story| story.started(Instant::now(), start));
    }

    /// Tells that the run was sent a signal.
    pub fn signalled(&mut self, run: RunId, signal: Signal) {
        self.tell(|story| story.signalled(run, signal));
    }

    /// Tells that the run was killed.
    pub fn killed(&mut self, run: RunId) {
        self.tell(|story| story.killed(run));
    }

    /// Sends what was noted down. To be called when there is nothing more urgent to do.
    pub fn send(&mut self) {
        if let Self(Some(told)) = self {
            told.send();
        }
    }

    /// Tells how rwatch ends, and gives whoever reads a moment to take what is left.
    pub fn end(self, outcome: &anyhow::Result<Outcome>) {
        if let Self(Some(mut told)) = self {
            told.send();
            told.writer.end(Line::end(outcome).text(SystemTime::now()));
        }
    }

    fn tell(&mut self, lines: impl FnOnce(&mut Story) -> Vec<Line>) {
        if let Self(Some(told)) = self {
            let lines = lines(&mut told.story).into_iter();
            let now = SystemTime::now();
            told.unsent.extend(lines.map(|line| (now, line)));
        }
    }
}
