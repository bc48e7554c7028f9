//! Hears a Ctrl-C that is typed to COMMAND alone, while COMMAND has the terminal.
//!
//! An exit code does not tell a program that ends of Ctrl-C from one that ends: many catch it, clear
//! up, and exit with 0. So a process of our own joins COMMAND's group for as long as that has the
//! terminal: rwatch's own program under another name. The kernel sends it the same SIGINT. A prompt
//! that takes Ctrl-C for nothing more than a new line lives on, and something else is typed, which the
//! witness is told, too: then an exit that follows is one like any other.
//!
//! It has every signal blocked, so that nothing that is sent to the group does it any harm but
//! SIGKILL, with which it goes; and it goes with rwatch. The run's set is not empty as long as it is
//! there: so it is asked, and gone, as soon as the leader is dead.

#[cfg(target_os = "linux")]
mod listen;

use std::ffi::OsString;
use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill};
use nix::unistd::Pid;

use crate::event::RunId;

/// Its name in the process table, and its cue.
pub const NAME: &str = "rw-witness";

/// Has it forget what it heard. Of the signals that are pending the one with the least number comes
/// first (signal(7)): if a Ctrl-C is, too, it counts.
const FORGET: Signal = Signal::SIGHUP;
/// Has it leave, and tell by its exit code whether Ctrl-C was the last that it heard.
const LEAVE: Signal = Signal::SIGALRM;
/// It was.
const HEARD: u8 = 1;

/// How long COMMAND waits for the terminal until the witness is there, on a very busy machine.
const ARRIVAL: u16 = 1000;

/// The witness, as rwatch sees it. When this is dropped it goes, and is waited for.
pub(super) struct Witness {
    process: Child,
    run: RunId,
    group: Pid,
}

impl Witness {
    /// Has one join the group, for as long as the run has the terminal. What is typed from now on is
    /// heard.
    pub(super) fn call(run: RunId, group: Pid, within: Duration) -> io::Result<Self> {
        let mut command = Command::new("/proc/self/exe");
        command
            .arg0(NAME)
            .arg(within.as_millis().to_string())
            .arg(std::process::id().to_string())
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(group.as_raw());
        // From its first moment on.
        let ours = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
        let process = command.spawn();
        let _ = ours.thread_set_mask();
        let mut process = process?;
        if let Some(said) = process.stdout.take() {
            wait_for(said);
        }
        Ok(Self {
            process,
            run,
            group,
        })
    }

    pub(super) fn pid(&self) -> i32 {
        self.process.id().cast_signed()
    }

    /// Whether it is there for this run.
    pub(super) fn attends(&self, run: RunId) -> bool {
        self.run == run
    }

    /// Whether it is there for this group of the run.
    pub(super) fn is_in(&self, run: RunId, group: Pid) -> bool {
        self.run == run && self.group == group
    }

    /// Has it forget what it heard.
    pub(super) fn forget(&self) {
        self.tell(FORGET);
    }

    /// Has it leave; whether the last that it heard was Ctrl-C, a short time ago.
    pub(super) fn heard_ctrl_c(mut self) -> bool {
        self.tell(LEAVE);
        // Whoever stopped the group has stopped it, too.
        self.tell(Signal::SIGCONT);
        let code = self.process.wait().ok().as_ref().and_then(ExitStatus::code);
        code == Some(HEARD.into())
    }

    /// It is our child, and not reaped, as long as we have it.
    fn tell(&self, signal: Signal) {
        let _ = kill(Pid::from_raw(self.pid()), signal);
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        // Nothing, if it has been waited for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Waits until the witness says that it listens, or is gone.
fn wait_for(mut said: ChildStdout) {
    let mut fds = [PollFd::new(said.as_fd(), PollFlags::POLLIN)];
    if poll(&mut fds, PollTimeout::from(ARRIVAL)) == Ok(1) {
        let _ = said.read(&mut [0]);
    }
}

/// What the witness does all its life; `args` are the words that it was called with.
#[cfg(target_os = "linux")]
pub fn look_out(args: &[OsString]) {
    let _ = nix::sys::prctl::set_name(c"rw-witness");
    // Not to keep a file system busy.
    let _ = nix::unistd::chdir("/");
    let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL);
    let word = |index: usize| args.get(index)?.to_str();
    let within = word(1).and_then(|word| word.parse().ok());
    let rwatch = word(2).and_then(|word| word.parse().ok());
    let (Some(within), Some(rwatch)) = (within, rwatch) else {
        return;
    };
    // It may have been killed before.
    if nix::unistd::getppid().as_raw() == rwatch {
        let heard = listen::listen(rwatch, Duration::from_millis(within));
        std::process::exit(if heard { HEARD.into() } else { 0 });
    }
}

/// Elsewhere there is none.
#[cfg(not(target_os = "linux"))]
pub fn look_out(_: &[OsString]) {}
