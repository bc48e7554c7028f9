//! Lends the terminal to COMMAND when it asks for it, and reads keys as long as it does not.
//!
//! COMMAND runs in a process group of its own, which is in the background of the terminal. If it
//! reads from the terminal, or sets its modes, the kernel stops it by SIGTTIN or SIGTTOU (termios(3),
//! "job control"); that is how it asks. Then its group becomes the foreground group and goes on.
//! The terminal comes back when the run is over, in the modes in which it was found.
//!
//! All of this is done only if rwatch was in the foreground when it started: a job in the
//! background has no terminal to lend.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crossterm::Command as _;
use crossterm::cursor::Show;
use crossterm::style::ResetColor;
use crossterm::terminal::LeaveAlternateScreen;
use nix::errno::Errno;
use nix::libc::O_NOCTTY;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, killpg};
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::{Pid, getpgrp, tcgetpgrp, tcsetpgrp};

use crate::event::{Event, Key};

/// How often a rwatch that was sent to the background, where it was asked for the terminal, looks
/// whether it still is there.
const FRONT_EVERY: Duration = Duration::from_millis(300);

/// The terminal that rwatch was started from, in the foreground.
pub struct Terminal {
    tty: File,
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

/// Whether standard error is the terminal that rwatch is in the foreground of.
pub fn is_in_foreground() -> bool {
    tcgetpgrp(io::stderr()) == Ok(getpgrp())
}

impl Terminal {
    /// The controlling terminal, if rwatch is in its foreground. Lines that are typed become keys
    /// if standard input is a terminal.
    pub fn open(send: impl Fn(Event) + Send + 'static) -> Option<Self> {
        let tty = File::options()
            .read(true)
            .write(true)
            .custom_flags(O_NOCTTY)
            .open("/dev/tty")
            .ok()?;
        if tcgetpgrp(&tty) != Ok(getpgrp()) {
            return None;
        }
        let modes = tcgetattr(&tty).ok()?;
        // Standard input may be another terminal, of which we know nothing.
        let keys = (tcgetpgrp(io::stdin()) == Ok(getpgrp())).then(|| Keys::listen(send).ok());
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

    /// Makes `group` the foreground group. False: it is not ours to lend.
    pub fn lend(&mut self, group: Pid) -> bool {
        if !self.is_ours() {
            if let Some(keys) = &self.keys {
                keys.give_to(Whose::AnotherJobs);
            }
            return false;
        }
        if let Some(keys) = &self.keys {
            keys.give_to(Whose::Commands);
        }
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

    /// Takes the terminal back, if it is lent, and makes it what it was. In the background it is
    /// the shell's, which has done so.
    pub fn take_back(&mut self) {
        if self.lent.is_some() {
            if self.is_ours() {
                self.restore();
            }
            self.lent = None;
            self.resume_keys();
        }
    }

    /// Takes the terminal back for as long as everybody is stopped.
    pub fn suspend(&mut self) {
        if let Some(keys) = &self.keys {
            keys.give_to(Whose::Commands);
        }
        if self.lent.is_some() && self.is_ours() {
            let modes = tcgetattr(&self.tty).ok();
            self.restore();
            if let Some(loan) = &mut self.lent {
                loan.modes = modes;
            }
        }
    }

    /// Makes it as it was before, if rwatch is in the foreground again.
    pub fn resume(&mut self) {
        match &self.lent {
            Some(loan) => {
                let group = loan.group;
                self.lend(group);
            }
            None => self.resume_keys(),
        }
    }

    /// Whether the terminal is for us to lend: in the background somebody else has it.
    fn is_ours(&self) -> bool {
        let ours = getpgrp();
        let lent = self.lent.as_ref().map(|loan| loan.group);
        // COMMAND may have made groups of its own; when they are dead nobody has the terminal.
        let is_dead = |group| killpg(group, None) == Err(Errno::ESRCH);
        tcgetpgrp(&self.tty)
            .is_ok_and(|front| front == ours || Some(front) == lent || is_dead(front))
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
                let _ = (&self.tty).write_all(sane.as_bytes());
            }
        });
    }

    fn resume_keys(&self) {
        if let Some(keys) = &self.keys {
            keys.give_to(Whose::Ours);
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

/// The thread that reads lines from standard input, as long as they are for us.
struct Keys {
    turn: Arc<Turn>,
    wake: PipeWriter,
}

/// Whose turn it is to read lines.
struct Turn {
    whose: Mutex<Whose>,
    changed: Condvar,
}

/// Whom lines are for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Ours,
    /// COMMAND has the terminal.
    Commands,
    /// We are in the background.
    AnotherJobs,
}

impl Keys {
    fn listen(send: impl Fn(Event) + Send + 'static) -> io::Result<Self> {
        let turn = Arc::new(Turn {
            whose: Mutex::new(Whose::Ours),
            changed: Condvar::new(),
        });
        let (woken, wake) = io::pipe()?;
        let theirs = Arc::clone(&turn);
        thread::Builder::new()
            .name("keys".to_owned())
            .spawn(move || {
                // In the background it fails then, and does not stop us.
                let _ = SigSet::from(Signal::SIGTTIN).thread_block();
                loop {
                    if theirs.wait() {
                        // Perhaps COMMAND asked for the terminal when it was not to be had.
                        send(Event::Resumed);
                    }
                    match next_line(&woken) {
                        Line::Typed(line) => {
                            if let Some(key) = key(&line) {
                                send(Event::Pressed(key));
                            }
                        }
                        Line::Paused => {}
                        Line::NotOurs => theirs.lose(),
                        Line::HungUp => return send(Event::Asked(Signal::SIGHUP, Instant::now())),
                    }
                }
            })?;
        Ok(Self { turn, wake })
    }

    fn give_to(&self, whose: Whose) {
        self.turn.set(whose);
        if whose != Whose::Ours {
            let _ = (&self.wake).write_all(b".");
        }
    }
}

impl Turn {
    fn set(&self, whose: Whose) {
        *self.whose.lock().unwrap_or_else(PoisonError::into_inner) = whose;
        self.changed.notify_one();
    }

    /// Takes in that another job has the terminal, unless COMMAND has got it meanwhile.
    fn lose(&self) {
        let mut whose = self.whose.lock().unwrap_or_else(PoisonError::into_inner);
        if *whose == Whose::Ours {
            *whose = Whose::AnotherJobs;
        }
    }

    /// Waits until lines are for us; whether we came from the background.
    ///
    /// A shell that brings a running job to the foreground sends no signal: that is looked for.
    fn wait(&self) -> bool {
        let mut whose = self.whose.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match *whose {
                Whose::Ours => return false,
                Whose::Commands => {
                    let wait = self.changed.wait(whose);
                    whose = wait.unwrap_or_else(PoisonError::into_inner);
                }
                Whose::AnotherJobs if is_in_background() => {
                    let wait = self.changed.wait_timeout(whose, FRONT_EVERY);
                    (whose, _) = wait.unwrap_or_else(PoisonError::into_inner);
                }
                Whose::AnotherJobs => {
                    *whose = Whose::Ours;
                    return true;
                }
            }
        }
    }
}

/// Whether somebody else has the terminal; not, if there is no terminal any more.
fn is_in_background() -> bool {
    tcgetpgrp(io::stdin()).is_ok_and(|front| front != getpgrp())
}

/// What came from standard input.
enum Line {
    Typed(String),
    /// Somebody paused us.
    Paused,
    /// Somebody else has the terminal.
    NotOurs,
    /// There is no terminal any more.
    HungUp,
}

/// Waits for a line. It is there as a whole, or not at all: the terminal itself edits it.
fn next_line(mut woken: &PipeReader) -> Line {
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
    match tcgetpgrp(&stdin) {
        Ok(front) if front == getpgrp() => {}
        Ok(_) => return Line::NotOurs,
        Err(_) => return Line::HungUp,
    }
    // Not through the buffer of `Stdin`: what is behind the line may be for COMMAND.
    let mut line = [0; 256];
    match nix::unistd::read(&stdin, &mut line) {
        Ok(length) => Line::Typed(String::from_utf8_lossy(&line[..length]).into_owned()),
        Err(Errno::EINTR) => Line::Paused,
        Err(_) => Line::NotOurs,
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
