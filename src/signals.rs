//! OS signals as events.
//!
//! A signal that rwatch was given as ignored stays ignored, here and in COMMAND: that is how
//! nohup works, and how a shell starts a background job.

use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{
    SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, kill, raise, sigaction,
};
use nix::unistd::Pid;
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;

use crate::event::Event;

/// Those that ask rwatch to end.
const ASKING: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];
/// Those that are COMMAND's business.
const RELAYED: [Signal; 4] = [
    Signal::SIGQUIT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGWINCH,
];

/// A file that poll(2) says `POLLPRI` of when there is news, and whom to tell. It is waited for beside
/// the signals, which saves a thread of its own.
pub struct Beside {
    /// The file.
    pub file: File,
    /// Called when there is news.
    pub tell: Box<dyn Fn() + Send>,
}

/// Turns signals into events from now on. One that comes meanwhile waits until there is a thread
/// that takes it: for a moment signal-hook-registry has its handler set and nothing to call in it.
pub fn listen(send: impl Fn(Event) + Send + 'static, mut beside: Option<Beside>) -> io::Result<()> {
    let wanted = ASKING
        .into_iter()
        .chain(RELAYED)
        .chain([Signal::SIGTSTP, Signal::SIGCONT])
        .filter(|signal| !is_ignored(*signal));
    // Children of somebody who ignores it leave no trace (wait(2)).
    let wanted = wanted.chain(is_ignored(Signal::SIGCHLD).then_some(Signal::SIGCHLD));
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    let wanted = wanted.map(|signal| signal as libc::c_int);
    let (read, write) = UnixStream::pair()?;
    let mut signals = SignalDelivery::with_pipe(read, write, SignalOnly, wanted)?;
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            // Also if whoever started us had blocked them: then COMMAND is to have them blocked, but
            // we are not to be deaf.
            let _ = SigSet::all().thread_unblock();
            loop {
                wait(signals.get_read(), &mut beside);
                for number in signals.pending() {
                    match Signal::try_from(number) {
                        Ok(signal) if ASKING.contains(&signal) => {
                            send(Event::Asked(signal, Instant::now()));
                        }
                        Ok(Signal::SIGTSTP) => send(Event::Suspended),
                        Ok(Signal::SIGCONT) => send(Event::Resumed),
                        Ok(Signal::SIGCHLD) | Err(_) => {}
                        Ok(signal) => send(Event::Relayed(signal)),
                    }
                }
            }
        })?;
    before.thread_set_mask()?;
    Ok(())
}

/// Waits for a signal, or for news of the other file, which is told.
fn wait(signals: &UnixStream, beside: &mut Option<Beside>) {
    let mut fds = vec![PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
    let other = beside.as_ref().map(|beside| beside.file.as_fd());
    fds.extend(other.map(|fd| PollFd::new(fd, PollFlags::POLLPRI)));
    if poll(&mut fds, PollTimeout::NONE).is_err() {
        // EINTR: the signal is there.
        return;
    }
    let news = fds.get(1).and_then(PollFd::revents);
    let news = news.unwrap_or(PollFlags::empty());
    match beside {
        Some(Beside { tell, .. }) if news.contains(PollFlags::POLLPRI) => tell(),
        // It cannot be waited for.
        Some(_) if !news.is_empty() => *beside = None,
        _ => {}
    }
}

/// Dies of `signal` as if it had never been caught, so that the shell knows: a script stops at a
/// command that died of SIGINT, and goes on after one that exited with 130. Comes back for PID 1 of
/// a container, which no signal kills that it does not handle (pid_namespaces(7)).
pub fn die_of(signal: Signal) {
    if std::process::id() == 1 {
        return;
    }
    let _ = signal_hook::low_level::emulate_default_handler(signal as libc::c_int);
}

/// Stops rwatch as Ctrl-Z would have, if the signal had never been caught; comes back when it goes
/// on. Where no shell could wake it (its group is orphaned) the kernel does not stop it at all.
///
/// A Ctrl-Z that reached COMMAND alone has to reach our whole group, too: the shell waits for
/// everybody of its job, such as the script that called us.
#[allow(unsafe_code)]
pub fn stop(whole_group: bool) {
    let action = |handler| SigAction::new(handler, SaFlags::empty(), SigSet::empty());
    // SAFETY: neither ignoring a signal nor the default action runs code of ours, and the handler
    // that is put back was there before.
    unsafe {
        let Ok(ours) = sigaction(Signal::SIGTSTP, &action(SigHandler::SigIgn)) else {
            return;
        };
        if whole_group {
            let _ = kill(Pid::from_raw(0), Signal::SIGTSTP);
        }
        let _ = sigaction(Signal::SIGTSTP, &action(SigHandler::SigDfl));
        let _ = raise(Signal::SIGTSTP);
        let _ = sigaction(Signal::SIGTSTP, &ours);
    }
}

/// Which signals are blocked and, as far as rwatch has to change it, ignored. Blocks what would stop
/// rwatch in the background of a terminal where `stty tostop` is set. To be called before there is
/// another thread.
pub fn given() -> (SigSet, Vec<Signal>) {
    let blocked = SigSet::thread_get_mask().unwrap_or_else(|_| SigSet::empty());
    let _ = SigSet::from(Signal::SIGTTOU).thread_block();
    #[cfg(target_os = "linux")]
    // Or the linker would find that nobody needs it.
    std::hint::black_box(&LOOK_AT_PIPE);
    let pipe = PIPE_WAS_IGNORED.load(Ordering::Relaxed);
    let mut ignored = Vec::from_iter(pipe.then_some(Signal::SIGPIPE));
    // We need to hear of children.
    ignored.extend(is_ignored(Signal::SIGCHLD).then_some(Signal::SIGCHLD));
    (blocked, ignored)
}

/// Whether SIGPIPE was ignored before the runtime of Rust came, which always ignores it.
static PIPE_WAS_IGNORED: AtomicBool = AtomicBool::new(false);

/// Looks before `main`, and before the runtime (System V ABI, "Initialization and Termination
/// Functions").
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
#[used]
// SAFETY: what is in this section is called once, without arguments that it needs, and it calls
// nothing that needs the runtime.
#[unsafe(link_section = ".init_array")]
static LOOK_AT_PIPE: extern "C" fn() = {
    extern "C" fn look() {
        PIPE_WAS_IGNORED.store(is_ignored(Signal::SIGPIPE), Ordering::Relaxed);
    }
    look
};

/// Whether the signal is ignored, as set by whoever started us.
#[allow(unsafe_code)]
pub fn is_ignored(signal: Signal) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: with no new action sigaction(2) only writes the current one to `action`, of which
    // all zeroes is a valid value.
    unsafe {
        libc::sigaction(signal as libc::c_int, std::ptr::null(), action.as_mut_ptr()) == 0
            && action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}
