//! OS signals as events.
//!
//! A signal that rwatch was given as ignored stays ignored, here and in COMMAND: that is how
//! nohup works, and how a shell starts a background job.

use std::io;
use std::mem::MaybeUninit;
use std::thread;

use nix::libc;
use nix::sys::signal::Signal;
use signal_hook::iterator::Signals;

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

/// Turns signals into events from now on.
pub fn listen(send: impl Fn(Event) + Send + 'static) -> io::Result<()> {
    let wanted = ASKING
        .into_iter()
        .chain(RELAYED)
        .filter(|signal| !is_ignored(*signal));
    // Children of somebody who ignores it leave no trace (wait(2)).
    let wanted = wanted.chain(is_ignored(Signal::SIGCHLD).then_some(Signal::SIGCHLD));
    let mut signals = Signals::new(wanted.map(|signal| signal as libc::c_int))?;
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            for number in signals.forever() {
                match Signal::try_from(number) {
                    Ok(signal) if ASKING.contains(&signal) => send(Event::Asked(signal)),
                    Ok(Signal::SIGCHLD) | Err(_) => {}
                    Ok(signal) => send(Event::Relayed(signal)),
                }
            }
        })?;
    Ok(())
}

/// Dies of `signal` as if it had never been caught, so that the shell knows: a script stops at a
/// command that died of SIGINT, and goes on after one that exited with 130. Comes back only where
/// the signal does not kill, as for PID 1 of a container.
pub fn die_of(signal: Signal) {
    let _ = signal_hook::low_level::emulate_default_handler(signal as libc::c_int);
}

/// Whether the signal is ignored, as set by whoever started us.
#[allow(unsafe_code)]
fn is_ignored(signal: Signal) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: with no new action sigaction(2) only writes the current one to `action`, of which
    // all zeroes is a valid value.
    unsafe {
        libc::sigaction(signal as libc::c_int, std::ptr::null(), action.as_mut_ptr()) == 0
            && action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}
