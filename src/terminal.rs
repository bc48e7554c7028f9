//! Lends the terminal to COMMAND when it asks for it, and reads keys as long as it does not.
//!
//! COMMAND runs in a process group of its own, which is in the background of the terminal. If it
//! reads from the terminal, or sets its modes, the kernel stops it by SIGTTIN or SIGTTOU (termios(3),
//! "job control"); that is how it asks. Then its group becomes the foreground group and goes on.
//! The terminal comes back when the run is over, in the modes in which it was found.
//!
//! A program that ignores SIGTTOU can make itself the foreground group without asking, as `tini -s`
//! does for its child. Nobody is told of that, so it is looked for when it matters: when the run is
//! over, and when something is typed that is not for us. What was taken then counts as lent.
//!
//! All of this is done only if rwatch was in the foreground when it started: a job in the
//! background has no terminal to lend.

mod edges;

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crossterm::Command as _;
use crossterm::cursor::Show;
use crossterm::style::ResetColor;
use crossterm::terminal::LeaveAlternateScreen;
use nix::errno::Errno;
use nix::libc::{O_NOCTTY, O_NONBLOCK};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, killpg};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::{Pid, getpgrp, tcgetpgrp, tcsetpgrp};

use self::edges::Edges;
use crate::event::{Event, Key};

/// How often a rwatch that was sent to the background, where it was asked for the terminal, looks
/// whether it still is there.
const FRONT_EVERY: Duration = Duration::from_millis(300);

/// The terminal that rwatch was started from, in the foreground.
pub struct Terminal {
    /// Opened for us alone, so that it can be non-blocking; COMMAND's input is not.
    tty: Arc<File>,
    /// In which modes it was found.
    modes: Termios,
    /// Who has it, if it is lent.
    lent: Option<Loan>,
    keys: Option<Keys>,
}

/// Who has the terminal.
struct Loan {
    group: Pid,
    /// The modes in which it was taken away for a while.
    modes: Option<Termios>,
}

/// Who is in the foreground of the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Front {
    /// We are.
    Ours,
    /// This group, which lives.
    Theirs(Pid),
    /// A group of which nobody is left: what is typed reaches nobody.
    Dead,
    /// There is no terminal any more.
    Gone,
}

/// What is heard from the terminal.
pub enum Heard {
    /// Something to decide on.
    Event(Event),
    /// Somebody typed, and the terminal is not ours: it is to be found out whose it is.
    NotOurs,
}

/// Whether standard error is the terminal that rwatch is in the foreground of.
pub fn is_in_foreground() -> bool {
    tcgetpgrp(io::stderr()) == Ok(getpgrp())
}

impl Terminal {
    /// The controlling terminal, if rwatch is in its foreground. Lines that are typed become keys
    /// if standard input is a terminal.
    pub fn open(send: impl Fn(Heard) + Send + 'static) -> Option<Self> {
        let tty = File::options()
            .read(true)
            .write(true)
            .custom_flags(O_NOCTTY | O_NONBLOCK)
            .open("/dev/tty")
            .ok()?;
        if tcgetpgrp(&tty) != Ok(getpgrp()) {
            return None;
        }
        let tty = Arc::new(tty);
        let modes = tcgetattr(&tty).ok()?;
        // Standard input may be another terminal, of which we know nothing.
        let keys = (tcgetpgrp(io::stdin()) == Ok(getpgrp())).then(|| {
            let editing = modes.local_flags & (LocalFlags::ICANON | LocalFlags::ECHO);
            Keys::listen(Arc::clone(&tty), editing | LocalFlags::ICANON, send).ok()
        });
        Some(Self {
            tty,
            modes,
            lent: None,
            keys: keys.flatten(),
        })
    }

    /// Whether COMMAND has the terminal.
    pub fn is_lent(&self) -> bool {
        self.lent.is_some()
    }

    /// Who is in the foreground.
    pub fn front(&self) -> Front {
        front(&self.tty)
    }

    /// Makes `group` the foreground group. False: it is not ours to lend.
    pub fn lend(&mut self, group: Pid) -> bool {
        if !self.is_to_lend() {
            self.give_keys_to(Whose::AnotherJobs);
            return false;
        }
        self.give_keys_to(Whose::Commands);
        let modes = self.lent.take().and_then(|loan| loan.modes);
        undisturbed(|| {
            if let Some(modes) = &modes {
                let _ = tcsetattr(&self.tty, SetArg::TCSANOW, modes);
            }
            let _ = tcsetpgrp(&self.tty, group);
        });
        self.lent = Some(Loan { group, modes: None });
        true
    }

    /// Takes in that COMMAND's `group` has taken the terminal without asking.
    pub fn is_taken_by(&mut self, group: Pid) {
        self.lent = Some(Loan { group, modes: None });
        self.give_keys_to(Whose::Commands);
    }

    /// Takes in that another job has the terminal.
    pub fn is_elsewhere(&self) {
        if let Some(keys) = &self.keys {
            keys.turn.lose();
        }
    }

    /// Takes the terminal back, if it is lent, or whoever took it is dead, and makes it what it was.
    /// In the background it is the shell's, which has done so.
    pub fn take_back(&mut self) {
        let is_lent = self.lent.is_some();
        if (is_lent && self.is_to_lend()) || (!is_lent && self.front() == Front::Dead) {
            self.restore();
        } else if !is_lent {
            return;
        }
        self.lent = None;
        self.resume_keys();
    }

    /// Gives the terminal back to whom it is lent, if somebody else took it, who is dead.
    pub fn renew(&mut self) {
        if let Some(Loan { group, .. }) = self.lent
            && self.front() == Front::Dead
        {
            self.lend(group);
        }
    }

    /// Takes the terminal back for as long as everybody is stopped.
    pub fn suspend(&mut self) {
        self.give_keys_to(Whose::Commands);
        if self.lent.is_some() && self.is_to_lend() {
            let modes = tcgetattr(&self.tty).ok();
            self.restore();
            if let Some(loan) = &mut self.lent {
                loan.modes = modes;
            }
        }
    }

    /// Makes it as it was before, if rwatch is in the foreground again.
    pub fn resume(&mut self) {
        if let Some(Loan { group, .. }) = self.lent {
            self.lend(group);
        } else {
            self.resume_keys();
        }
    }

    /// Whether the terminal is for us to lend: in the background somebody else has it.
    pub fn is_to_lend(&self) -> bool {
        match self.front() {
            // COMMAND may have made groups of its own; when they are dead nobody has the terminal.
            Front::Ours | Front::Dead => true,
            Front::Theirs(front) => self.lent.as_ref().is_some_and(|loan| loan.group == front),
            Front::Gone => false,
        }
    }

    fn restore(&self) {
        undisturbed(|| {
            let _ = tcsetpgrp(&self.tty, getpgrp());
            let found = tcgetattr(&self.tty);
            if found.is_ok_and(|found| found == self.modes) {
                return;
            }
            let _ = tcsetattr(&self.tty, SetArg::TCSANOW, &self.modes);
            // Whoever changes the modes and does not change them back may have drawn on the other
            // screen. Leaving it moves the cursor to where it was last saved, which is here.
            let mut sane = String::from("\x1b7");
            let _ = LeaveAlternateScreen.write_ansi(&mut sane);
            let _ = Show.write_ansi(&mut sane);
            let _ = ResetColor.write_ansi(&mut sane);
            sane.push_str("\r\n");
            // Not if Ctrl-S has stopped it.
            let mut fds = [PollFd::new(self.tty.as_fd(), PollFlags::POLLOUT)];
            if poll(&mut fds, PollTimeout::ZERO) == Ok(1) {
                let _ = (&*self.tty).write_all(sane.as_bytes());
            }
        });
    }

    fn resume_keys(&self) {
        self.give_keys_to(Whose::Ours);
        if matches!(self.front(), Front::Theirs(_)) {
            self.is_elsewhere();
        }
    }

    fn give_keys_to(&self, whose: Whose) {
        if let Some(keys) = &self.keys {
            keys.give_to(whose);
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.take_back();
    }
}

/// Does what a process in the background may not do: blocked, SIGTTOU does not stop it
/// (tcsetpgrp(3)).
fn undisturbed(work: impl FnOnce()) {
    let block = SigSet::from(Signal::SIGTTOU).thread_swap_mask(SigmaskHow::SIG_BLOCK);
    work();
    if let Ok(before) = block {
        let _ = before.thread_set_mask();
    }
}

/// Who is in the foreground of `tty`.
fn front(tty: impl AsFd) -> Front {
    match tcgetpgrp(tty) {
        Ok(group) if group == getpgrp() => Front::Ours,
        Ok(group) if killpg(group, None) == Err(Errno::ESRCH) => Front::Dead,
        Ok(group) => Front::Theirs(group),
        Err(_) => Front::Gone,
    }
}

/// The thread that reads lines from the terminal, as long as they are for us.
struct Keys {
    turn: Arc<Turn>,
    wake: PipeWriter,
}

/// Whose turn it is to read lines.
struct Turn {
    state: Mutex<TurnState>,
    changed: Condvar,
}

#[derive(Clone, Copy)]
struct TurnState {
    whose: Whose,
    /// Whether another job was seen to have the terminal: then its end is not meant for us.
    away: bool,
}

/// Whom lines are for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Ours,
    /// COMMAND has the terminal.
    Commands,
    /// We are in the background, and COMMAND has asked for the terminal.
    AnotherJobs,
}

impl Keys {
    /// Listens to `tty` as long as it is edited like this.
    fn listen(
        tty: Arc<File>,
        editing: LocalFlags,
        send: impl Fn(Heard) + Send + 'static,
    ) -> io::Result<Self> {
        let turn = Arc::new(Turn {
            state: Mutex::new(TurnState {
                whose: Whose::Ours,
                away: false,
            }),
            changed: Condvar::new(),
        });
        let (woken, wake) = io::pipe()?;
        let theirs = Arc::clone(&turn);
        thread::Builder::new()
            .name("keys".to_owned())
            .spawn(move || {
                // In the background it fails then, and does not stop us.
                let _ = SigSet::from(Signal::SIGTTIN).thread_block();
                read_keys(&tty, editing, &theirs, &woken, send);
            })?;
        Ok(Self { turn, wake })
    }

    fn give_to(&self, whose: Whose) {
        self.turn.set(whose);
        // It is looked anew what there is to read, and whether to read it.
        let _ = (&self.wake).write_all(b".");
    }
}

/// Reads until the terminal is gone.
fn read_keys(
    tty: &File,
    editing: LocalFlags,
    turn: &Turn,
    woken: &PipeReader,
    send: impl Fn(Heard),
) {
    let mut edges = Edges::default();
    // Which group was reported as the one that has the terminal.
    let mut reported = None;
    loop {
        match turn.wait(tty) {
            Wait::Over => {}
            Wait::Regained => send(Heard::Event(Event::Resumed)),
            // It is waited for in vain.
            Wait::Gone => return send(Heard::Event(Event::Resumed)),
        }
        match next_line(tty, editing, woken) {
            Line::Typed(line) => {
                reported = None;
                turn.regain();
                if let Some(key) = key(&line) {
                    send(Heard::Event(Event::Pressed(key)));
                }
            }
            Line::Paused => reported = None,
            Line::NotOurs(front) => {
                if reported.replace(front) != Some(front) {
                    send(Heard::NotOurs);
                }
                edges.wait(tty, woken);
            }
            Line::NotForUs => edges.wait(tty, woken),
            Line::HungUp => {
                // Whoever closed the terminal of another job wants nothing of us. A shell that
                // does sends a real SIGHUP, unless we are disowned.
                if !turn.is_away() {
                    send(Heard::Event(Event::Asked(Signal::SIGHUP, Instant::now())));
                }
                return;
            }
        }
    }
}

impl Turn {
    fn lock(&self) -> MutexGuard<'_, TurnState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, whose: Whose) {
        let mut state = self.lock();
        state.whose = whose;
        // Of one that COMMAND cannot have, somebody else has.
        state.away = whose == Whose::AnotherJobs;
        self.changed.notify_one();
    }

    /// Takes in that another job has the terminal, unless COMMAND has got it meanwhile.
    fn lose(&self) {
        let mut state = self.lock();
        state.away |= state.whose == Whose::Ours;
    }

    /// Takes in that no other job has the terminal.
    fn regain(&self) {
        self.lock().away = false;
    }

    fn is_away(&self) -> bool {
        self.lock().away
    }

    /// Waits until lines are for us. If COMMAND has asked for the terminal in vain: until we have it
    /// to give, or it is gone.
    ///
    /// A shell that brings a running job to the foreground sends no signal: that is looked for.
    fn wait(&self, tty: &File) -> Wait {
        let mut state = self.lock();
        loop {
            match state.whose {
                Whose::Ours => return Wait::Over,
                Whose::Commands => {
                    let wait = self.changed.wait(state);
                    state = wait.unwrap_or_else(PoisonError::into_inner);
                }
                Whose::AnotherJobs => match front(tty) {
                    Front::Theirs(_) => {
                        let wait = self.changed.wait_timeout(state, FRONT_EVERY);
                        (state, _) = wait.unwrap_or_else(PoisonError::into_inner);
                    }
                    Front::Gone => return Wait::Gone,
                    Front::Ours | Front::Dead => {
                        *state = TurnState {
                            whose: Whose::Ours,
                            away: false,
                        };
                        return Wait::Regained;
                    }
                },
            }
        }
    }
}

/// How a wait for our turn ended.
enum Wait {
    /// It is our turn.
    Over,
    /// So it is, and COMMAND can have the terminal that it asked for.
    Regained,
    /// There is no terminal any more.
    Gone,
}

/// What came from the terminal.
enum Line {
    Typed(String),
    /// Somebody paused us.
    Paused,
    /// Somebody else has the terminal.
    NotOurs(Front),
    /// Somebody of our own job reads keys.
    NotForUs,
    /// There is no terminal any more.
    HungUp,
}

/// Waits for a line. It is there as a whole, or not at all: the terminal itself edits it.
///
/// Whoever reads keys, or a password, has turned that off (termios(3)): a pager in the same pipeline,
/// which waits for the same terminal. What is typed then is not for us.
fn next_line(tty: &File, editing: LocalFlags, mut woken: &PipeReader) -> Line {
    // Not `tty`, which is /dev/tty: macOS cannot poll that.
    let stdin = io::stdin();
    let mut fds = [
        PollFd::new(stdin.as_fd(), PollFlags::POLLIN),
        PollFd::new(woken.as_fd(), PollFlags::POLLIN),
    ];
    if poll(&mut fds, PollTimeout::NONE).is_err() {
        return Line::Paused;
    }
    let [typed, paused] = fds.map(|fd| fd.revents().unwrap_or(PollFlags::empty()));
    if !paused.is_empty() {
        let _ = woken.read(&mut [0; 64]);
        return Line::Paused;
    }
    if typed.contains(PollFlags::POLLHUP) {
        return Line::HungUp;
    }
    match front(tty) {
        Front::Ours => {}
        Front::Gone => return Line::HungUp,
        front => return Line::NotOurs(front),
    }
    match tcgetattr(tty) {
        Ok(now) if now.local_flags.contains(editing) => {}
        Ok(_) => return Line::NotForUs,
        Err(_) => return Line::HungUp,
    }
    // Not through the buffer of `Stdin`: what is behind the line may be for COMMAND.
    let mut line = [0; 256];
    match nix::unistd::read(tty, &mut line) {
        Ok(length) => Line::Typed(String::from_utf8_lossy(&line[..length]).into_owned()),
        // EAGAIN: somebody else was faster.
        Err(_) => Line::Paused,
    }
}

/// What a line means; an empty one, nothing.
fn key(line: &str) -> Option<Key> {
    Some(match line.trim() {
        "" => return None,
        "rs" | "r" => Key::Restart,
        "q" => Key::Quit,
        "h" => Key::Help,
        _ => Key::Unknown,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_key() {
        for (line, expected) in [
            ("rs\n", Some(Key::Restart)),
            ("r\n", Some(Key::Restart)),
            (" q \r\n", Some(Key::Quit)),
            ("h\n", Some(Key::Help)),
            ("\n", None),
            ("", None),
            ("rss\n", Some(Key::Unknown)),
        ] {
            assert_eq!(key(line), expected, "{line:?}");
        }
    }
}
