//! Listens, as the witness: to SIGINT in one thread, and to what is typed in another.
//!
//! What matters is which of the two came last. On a busy machine a thread may wait for a processor for
//! half a second while COMMAND goes on and both come. So what counts is when the thread was woken, and
//! not when it got to run: the kernel counts how long it waited in between (`/proc/thread-self/schedstat`,
//! Documentation/scheduler/sched-stats.rst). Where it does not, it has to do when the thread got to run.

use std::fs::File;
use std::io::{self, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::os::unix::thread::JoinHandleExt as _;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::sys::pthread::pthread_kill;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{Pid, getpid, gettid};

use super::{FORGET, LEAVE};

/// How the kernel tells that something was typed.
const TYPED: Signal = Signal::SIGUSR1;
/// Has the thread end that listens to that, when it has taken in what came before. Not `LEAVE`, which
/// is sent to the process: one of its threads gets it.
const END: Signal = Signal::SIGUSR2;

/// fcntl(2). The libc crate has them for some targets only.
const F_SETSIG: libc::c_int = 10;
const F_SETOWN_EX: libc::c_int = 15;
const F_OWNER_TID: libc::c_int = 0;
/// sigaction(2): `si_code` of a signal that tells of input.
const POLL_IN: libc::c_int = 1;

/// Listens until it is to leave; whether Ctrl-C was the last that was typed, `within` that time.
pub(super) fn listen(rwatch: i32, within: Duration) -> bool {
    let (ready, is_ready) = channel();
    let keys = thread::Builder::new().spawn(move || listen_to_keys(&ready));
    let _: Result<(), _> = is_ready.recv();
    // rwatch waits for that.
    let _ = io::stdout().write_all(b".");
    let mut ear = Ear::for_signals(&[Signal::SIGINT, FORGET, LEAVE]);
    let (mut ctrl_c, mut forgotten) = (None, None);
    loop {
        let heard = ear.next();
        let from_rwatch = heard.from == Pid::from_raw(rwatch);
        match heard.signal {
            // Not the one that rwatch sends to the whole group.
            Signal::SIGINT if !from_rwatch => ctrl_c = Some(heard.at),
            FORGET if from_rwatch => forgotten = Some(heard.at),
            LEAVE if from_rwatch => break,
            _ => {}
        }
    }
    let typed = keys.ok().and_then(|keys| {
        let _ = pthread_kill(keys.as_pthread_t(), END);
        keys.join().ok().flatten()
    });
    ctrl_c > typed && ctrl_c > forgotten && ctrl_c.is_some_and(|at| at.elapsed() <= within)
}

/// When something was typed that was no signal, the last time. It is not read: COMMAND does that.
fn listen_to_keys(ready: &Sender<()>) -> Option<Instant> {
    let mut ear = Ear::for_signals(&[TYPED, END]);
    let _tty = watch_keys();
    let _ = ready.send(());
    let mut typed = None;
    loop {
        let heard = ear.next();
        match heard.signal {
            TYPED if heard.code == POLL_IN => typed = Some(heard.at),
            END if heard.from == getpid() => return typed,
            _ => {}
        }
    }
}

/// Has the kernel tell this thread what is typed, as long as the file is open, which is ours alone.
#[allow(unsafe_code)]
fn watch_keys() -> Option<File> {
    let tty = File::options()
        .read(true)
        .custom_flags((OFlag::O_NOCTTY | OFlag::O_NONBLOCK).bits())
        .open("/dev/tty")
        .ok()?;
    let owner = [F_OWNER_TID, gettid().as_raw()];
    // Without an owner the signal would go to the foreground group, and end COMMAND. With a number of
    // its own it comes with a reason.
    // SAFETY: this is a `struct f_owner_ex` of two ints, which the kernel reads.
    Errno::result(unsafe { libc::fcntl(tty.as_raw_fd(), F_SETOWN_EX, owner.as_ptr()) }).ok()?;
    // SAFETY: it takes a number.
    Errno::result(unsafe { libc::fcntl(tty.as_raw_fd(), F_SETSIG, TYPED as libc::c_int) }).ok()?;
    fcntl(&tty, FcntlArg::F_SETFL(OFlag::O_ASYNC | OFlag::O_NONBLOCK)).ok()?;
    Some(tty)
}

/// Waits for signals that are blocked.
struct Ear {
    signals: SigSet,
    stat: Option<File>,
}

/// A signal.
struct Heard {
    signal: Signal,
    code: libc::c_int,
    from: Pid,
    /// When it came, or an earlier one that it came with.
    at: Instant,
}

impl Ear {
    /// One for this thread.
    fn for_signals(signals: &[Signal]) -> Self {
        Self {
            signals: signals.iter().copied().collect(),
            stat: File::open("/proc/thread-self/schedstat").ok(),
        }
    }

    #[allow(unsafe_code)]
    fn next(&mut self) -> Heard {
        loop {
            let before = self.waited();
            let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
            // SAFETY: the set is a valid one, and `info` is there to be written to.
            let number = unsafe { libc::sigwaitinfo(self.signals.as_ref(), info.as_mut_ptr()) };
            let now = Instant::now();
            let late = self.waited().saturating_sub(before);
            let Ok(signal) = Signal::try_from(number) else {
                // EINTR: it was stopped, and goes on.
                continue;
            };
            // SAFETY: sigwaitinfo has filled it in, and all zeroes is a valid one. Of a signal that
            // tells of input `si_pid` is a part of another number, and nobody asks for it.
            let (code, from) = unsafe {
                let info = info.assume_init();
                (info.si_code, info.si_pid())
            };
            return Heard {
                signal,
                code,
                from: Pid::from_raw(from),
                at: now.checked_sub(late).unwrap_or(now),
            };
        }
    }

    /// How long this thread has waited for a processor, all its life.
    fn waited(&self) -> Duration {
        let mut line = [0; 64];
        let read = self.stat.as_ref().map(|stat| stat.read_at(&mut line, 0));
        let line = String::from_utf8_lossy(&line[..read.and_then(Result::ok).unwrap_or(0)]);
        let nanos = line.split(' ').nth(1).and_then(|word| word.parse().ok());
        Duration::from_nanos(nanos.unwrap_or(0))
    }
}
