//! Waits for children to die. The only thread that blocks on them, and it never reaps.

use std::io;
use std::mem::MaybeUninit;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use nix::errno::Errno;
use nix::libc;
use nix::unistd::Pid;

/// The thread that waits.
///
/// A child that is dead and not reaped is reported again by every waitid(2). So the thread
/// reports it once and then waits for [`Waiter::resume`]: something was reaped, or started.
pub(super) struct Waiter {
    /// Counts what was reaped or started.
    turn: Arc<(Mutex<u64>, Condvar)>,
    #[cfg(not(target_os = "linux"))]
    dead: Arc<dyn Fn(Pid) + Send + Sync>,
}

impl Waiter {
    /// Starts the thread. It calls `dead` once for every child that dies.
    pub(super) fn start(dead: impl Fn(Pid) + Send + 'static) -> io::Result<Self> {
        let turn = Arc::new((Mutex::new(0), Condvar::new()));
        let theirs = Arc::clone(&turn);
        #[cfg(not(target_os = "linux"))]
        let (dead, shared) = {
            let shared: Arc<dyn Fn(Pid) + Send + Sync> = {
                let dead = Mutex::new(dead);
                Arc::new(move |pid| (dead.lock().unwrap_or_else(PoisonError::into_inner))(pid))
            };
            let theirs = Arc::clone(&shared);
            (move |pid| theirs(pid), shared)
        };
        thread::Builder::new()
            .name("waiter".to_owned())
            .spawn(move || {
                loop {
                    let seen = *theirs.0.lock().unwrap_or_else(PoisonError::into_inner);
                    match next_dead(true) {
                        Ok(Some(pid)) => dead(pid),
                        Ok(None) | Err(Errno::EINTR) => continue,
                        // ECHILD: nothing runs.
                        Err(_) => {}
                    }
                    let turn = theirs.0.lock().unwrap_or_else(PoisonError::into_inner);
                    drop(theirs.1.wait_while(turn, |turn| *turn == seen));
                }
            })?;
        Ok(Self {
            turn,
            #[cfg(not(target_os = "linux"))]
            dead: shared,
        })
    }

    /// Tells the thread that something was reaped or started.
    pub(super) fn resume(&self) {
        *self.turn.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.turn.1.notify_one();
    }

    /// Asks for a report about `group` in a while, where the system makes none.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn look_again_at(&self, group: Pid) {
        let dead = Arc::clone(&self.dead);
        thread::spawn(move || {
            thread::sleep(std::time::Duration::from_millis(10));
            dead(group);
        });
    }
}

/// A child that is dead. It is left as it is (`WNOWAIT`), so that its pid stays ours.
///
/// Not through nix: it gives no pid for a child that was killed by a real-time signal.
#[allow(unsafe_code)]
pub(super) fn next_dead(wait: bool) -> Result<Option<Pid>, Errno> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    let flags = libc::WEXITED | libc::WNOWAIT | if wait { 0 } else { libc::WNOHANG };
    // SAFETY: `info` is writable and of the type that waitid fills in. All zeroes is a valid
    // siginfo_t, of which `si_pid` may be read: it is 0 if waitid found nobody.
    let pid = unsafe {
        Errno::result(libc::waitid(libc::P_ALL, 0, info.as_mut_ptr(), flags))?;
        info.assume_init().si_pid()
    };
    Ok((pid != 0).then(|| Pid::from_raw(pid)))
}
