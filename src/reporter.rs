//! Every line that rwatch prints, all of them on standard error, but for answers to a question.
//!
//! A line that cannot be written is dropped: a closed standard error must not end COMMAND.

mod culprits;
#[cfg_attr(not(feature = "desktop"), path = "reporter/no_desktop.rs")]
mod desktop;
mod messages;
mod notes;
mod notices;
mod tally;
mod title;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::path::{Component, Path};

use crossterm::cursor::MoveTo;
use crossterm::style::{Color, Stylize as _};
use crossterm::terminal::{Clear, ClearType};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use self::desktop::Desktop;
pub use self::messages::failure_text;
use self::messages::{Names, names, remaining_text};
use self::notes::note_text;
use self::notices::Notices;
pub use self::notices::Wanted;
use self::tally::Tally;
use crate::event::{ChangeKind, Changes, Note, RunId, StartReason};
use crate::process::{Member, Sight};
use crate::supervisor::{Hope, Message};
use crate::text::{reason, shown, tamed};

/// How rwatch speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// How much it says.
    pub volume: Volume,
    /// Whether it says it in colour.
    pub color: bool,
    /// Whether it clears the screen at each start.
    pub clear: bool,
    /// What it tells beside its lines.
    pub notices: Wanted,
}

/// How much rwatch says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Volume {
    /// Nothing but errors.
    Quiet,
    /// What happens.
    Normal,
    /// Every decision and its reason.
    Verbose,
}

/// The one that speaks.
#[derive(Debug)]
pub struct Reporter {
    style: Style,
    /// What it speaks of.
    told_of: Names,
    notices: RefCell<Notices>,
    tally: RefCell<Tally>,
    /// Lines for which nobody was there to read them.
    unwritten: RefCell<VecDeque<String>>,
}

/// So many lines are kept until somebody reads.
const UNWRITTEN_MAX: usize = 1000;

/// How a line is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tone {
    /// Something went wrong: said even if quiet.
    Error,
    /// What was asked for: said even if quiet.
    Answer,
    /// Something is not as it should be.
    Warning,
    /// COMMAND starts.
    Start,
    /// What happens.
    Plain,
    /// A reason, for those who asked for reasons.
    Detail,
}

impl Reporter {
    /// A reporter on `command`, which is named as it is given here.
    pub fn new(style: Style, command: String) -> Self {
        crossterm::style::force_color_output(style.color);
        Self {
            style,
            notices: Notices::new(style.notices, &command).into(),
            told_of: Names {
                command,
                build: String::new(),
                roots: RefCell::default(),
            },
            tally: Tally::begin().into(),
            unwritten: RefCell::default(),
        }
    }

    /// Takes in the shell command that builds.
    pub fn builds_with(&mut self, command: &OsStr) {
        self.told_of.build = shown(command);
    }

    /// Begins to show notifications, if they are wanted. `wake` is called when that fails, which is
    /// then to be told by [`Reporter::unshown`].
    ///
    /// # Errors
    /// If there can be no thread for it.
    pub fn notify(&self, wake: impl Fn(()) + Send + 'static) -> io::Result<()> {
        if self.style.notices.desktop {
            let desktop = Desktop::start(&self.told_of.command, wake)?;
            self.notices.borrow_mut().show_by(desktop);
        }
        Ok(())
    }

    /// Tells about a decision.
    pub fn say(&self, message: &Message) {
        let (tone, text) = self.told_of.message(message);
        let notice = self.notices.borrow_mut().told(message, &text);
        self.write(self.printed(tone, &text) + &notice);
    }

    /// Tells about the watching.
    pub fn note(&self, note: &Note) {
        if let Note::Watching { roots, .. } = note {
            let plain = |root: &String| {
                let parts = Path::new(root).components();
                parts.filter(|part| *part != Component::CurDir).collect()
            };
            let roots = roots.iter().map(plain).collect();
            self.told_of.roots.replace(roots);
        }
        let (tone, text) = note_text(note);
        self.line(tone, &text);
    }

    /// Takes in that a run started; tells, at length only, which, and why.
    pub fn spawned(&self, run: RunId, reason: StartReason, changes: &Changes, pid: i32) {
        self.tally.borrow_mut().spawned(reason);
        self.write(self.notices.borrow_mut().spawned());
        if self.style.volume < Volume::Verbose {
            // There may be thousands.
            return;
        }
        for change in changes.iter() {
            let what = match change.kind {
                ChangeKind::Created => "created",
                ChangeKind::Modified => "modified",
                ChangeKind::Renamed => "renamed to this",
                ChangeKind::Removed => "removed",
            };
            self.line(Tone::Detail, &format!("{} {what}", path_text(&change.path)));
        }
        self.line(
            Tone::Detail,
            &format!("run {} is process {pid}, reason: {reason}", run.0),
        );
    }

    /// Says that a run is not told what has changed, as there was no room for it.
    pub fn unlisted(&self) {
        let text =
            "RWATCH_CHANGED is empty: with the list of changes the environment would be too long";
        self.line(Tone::Detail, text);
    }

    /// Clears the screen, where asked to.
    pub fn clear(&self) {
        if self.style.clear && is_writable() {
            let _ = crossterm::execute!(io::stderr(), Clear(ClearType::All), MoveTo(0, 0));
        }
    }

    /// Names who is still there.
    pub fn remaining(&self, members: &[Member], hope: Hope) {
        if let Some(text) = remaining_text(members, hope) {
            self.line(Tone::Warning, &text);
        }
    }

    /// Names who went into the background; who is merely slower than COMMAND is not worth a line.
    pub fn daemons(&self, members: &[Member]) {
        let daemons = members.iter().filter(|member| member.is_outside).cloned();
        let daemons: Vec<Member> = daemons.collect();
        if !daemons.is_empty() {
            let text = format!(
                "left {} behind in the background, stopping: rwatch needs a command that stays in the foreground",
                names(&daemons)
            );
            self.line(Tone::Warning, &text);
        }
    }

    /// Says whom a stop does not reach, if there is no process table.
    pub fn sight(&self, sight: Sight) {
        let whom = match sight {
            Sight::Everybody => return,
            Sight::Children => {
                "the command's process group and those who became rwatch's own children"
            }
            Sight::Group => "the command's process group alone",
        };
        let text = format!(
            "no /proc of this PID namespace, so no process table: a stop reaches {whom}; \
             `unshare --mount-proc` or `bwrap --proc /proc` mounts one"
        );
        self.line(Tone::Detail, &text);
    }

    /// Says that COMMAND waits for the terminal, which is not to be had.
    pub fn no_terminal(&self) {
        let text = "the command wants the terminal and is stopped until it gets it: start rwatch in the foreground";
        self.line(Tone::Warning, text);
    }

    /// Says why nothing can be shown on the desktop, if that is so and has not been said.
    pub fn unshown(&self) {
        if let Some(why) = self.notices.borrow().failure() {
            self.line(Tone::Warning, &unshown_text(&why));
        }
    }

    /// Leaves the terminal, for as long as rwatch is stopped.
    pub fn suspend(&self) {
        self.write(self.notices.borrow_mut().leave());
    }

    /// Takes the terminal again.
    pub fn resume(&self) {
        self.write(self.notices.borrow_mut().come_back());
    }

    /// Says the last line, and leaves the terminal as it was.
    pub fn finish(&self) {
        if let Some(why) = self.notices.borrow_mut().finish() {
            self.line(Tone::Warning, &unshown_text(&why));
        }
        let last = self.tally.borrow().text();
        let last = last.map(|text| self.printed(Tone::Plain, &text));
        self.write(last.unwrap_or_default() + &self.notices.borrow_mut().leave());
    }

    /// Says that the events of `--events` go nowhere any more. That nobody reads them is the reader's
    /// business.
    pub fn events_lost(&self, error: &io::Error) {
        if error.kind() == io::ErrorKind::BrokenPipe {
            self.line(Tone::Detail, "nobody reads the events any more");
        } else {
            let text = format!("no more events, they cannot be written: {}", reason(error));
            self.line(Tone::Warning, &text);
        }
    }

    /// Answers a question, which is the only thing that goes to standard output.
    pub fn answer(text: &str) {
        let _ = writeln!(io::stdout(), "{}", tamed(text));
    }

    /// Tells what is good to know about the settings.
    pub fn remark(&self, text: &str) {
        self.line(Tone::Plain, text);
    }

    /// Tells about an error that ends rwatch.
    pub fn error(&self, error: &anyhow::Error) {
        self.line(Tone::Error, &format!("{error:#}"));
    }

    fn line(&self, tone: Tone, text: &str) {
        self.write(self.printed(tone, text));
    }

    /// The line as it is printed; nothing, if rwatch is to be quiet about it.
    fn printed(&self, tone: Tone, text: &str) -> String {
        let needed = match tone {
            Tone::Error | Tone::Answer => Volume::Quiet,
            Tone::Warning | Tone::Start | Tone::Plain => Volume::Normal,
            Tone::Detail => Volume::Verbose,
        };
        if self.style.volume < needed {
            return String::new();
        }
        let text = tamed(text);
        let color = match tone {
            Tone::Error => Color::Red,
            Tone::Warning => Color::Yellow,
            Tone::Start => Color::Green,
            Tone::Plain | Tone::Answer => Color::Reset,
            Tone::Detail => Color::DarkGrey,
        };
        if self.style.color {
            format!(
                "{} {}\n",
                "[rwatch]".with(Color::DarkGrey),
                text.with(color)
            )
        } else {
            format!("[rwatch] {text}\n")
        }
    }

    /// Writes a line, with what belongs to it, in one go: COMMAND writes to the same place.
    ///
    /// That is done as far as it can be without waiting: a pipe that nobody reads, or a terminal that was
    /// stopped by Ctrl-S, must not keep COMMAND from being stopped and started. The rest comes before
    /// the next line, if it is not too much.
    fn write(&self, line: String) {
        if line.is_empty() {
            return;
        }
        let mut unwritten = self.unwritten.borrow_mut();
        if unwritten.len() < UNWRITTEN_MAX {
            unwritten.push_back(line);
        }
        while is_writable()
            && let Some(line) = unwritten.pop_front()
        {
            let _ = io::stderr().write_all(line.as_bytes());
        }
    }
}

/// Whether standard error takes a line now: of a pipe that means 4096 bytes at once (pipe(7)).
fn is_writable() -> bool {
    let stderr = io::stderr();
    let mut fds = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
    poll(&mut fds, PollTimeout::ZERO) != Ok(0)
}

fn unshown_text(why: &str) -> String {
    let why = shown(why.as_ref());
    format!("cannot notify: {why}; --notify needs a session bus and a notification service on it")
}

/// A path on one line. The current directory itself is `.`.
fn path_text(path: &Path) -> String {
    if path.as_os_str().is_empty() {
        ".".to_owned()
    } else {
        shown(path.as_os_str())
    }
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn signal_name(number: i32) -> String {
    nix::sys::signal::Signal::try_from(number)
        .map_or_else(|_| format!("signal {number}"), |signal| signal.to_string())
}
