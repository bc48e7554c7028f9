//! Waits for children to die or to be stopped. The only thread that blocks on them, and it never
//! reaps.

use std::io;
use std::mem::MaybeUninit;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

/// What has become of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// It is dead, and not reaped.
    Dead(Pid),
    /// It is stopped, and nobody has asked why.
    Stopped(Pid),
}

/// The thread that waits.
///
/// What nobody has taken in is reported again by every waitid(2). So the thread reports it once
/// and then waits for [`Waiter::resume`]: something was reaped, or started.
pub(super) struct Waiter {
    /// Counts what was reaped or started.
    turn: Arc<(Mutex<u64>, Condvar)>,
    #[cfg(not(target_os = "linux"))]
    news: Arc<dyn Fn(News) + Send + Sync>,
}

impl Waiter {
    /// Starts the thread. It calls `news` once for every child that dies or is stopped.
    pub(super) fn start(news: impl Fn(News) + Send + 'static) -> io::Result<Self> {
        let turn = Arc::new((Mutex::new(0), Condvar::new()));
        let theirs = Arc::clone(&turn);
        #[cfg(not(target_os = "linux"))]
        let (news, shared) = {
            let shared: Arc<dyn Fn(News) + Send + Sync> = {
                let news = Mutex::new(news);
                Arc::new(move |what| (news.lock().unwrap_or_else(PoisonError::into_inner))(what))
            };
            let theirs = Arc::clone(&shared);
            (move |what| theirs(what), shared)
        };
        thread::Builder::new()
            .name("waiter".to_owned())
            .spawn(move || {
                loop {
                    let seen = *theirs.0.lock().unwrap_or_else(PoisonError::into_inner);
                    match next_news(libc::WEXITED | libc::WSTOPPED) {
                        Ok(Some(what)) => news(what),
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
            news: shared,
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
        let news = Arc::clone(&self.news);
        thread::spawn(move || {
            thread::sleep(std::time::Duration::from_millis(10));
            news(News::Dead(group));
        });
    }
}

/// What has become of some child, as far as it is asked for. The child is left as it is
/// (`WNOWAIT`), so that its pid stays ours.
pub(super) fn next_news(flags: libc::c_int) -> Result<Option<News>, Errno> {
    let (pid, code, _) = wait(libc::P_ALL, 0, flags | libc::WNOWAIT)?;
    Ok(match code {
        _ if pid.as_raw() == 0 => None,
        libc::CLD_STOPPED => Some(News::Stopped(pid)),
        _ => Some(News::Dead(pid)),
    })
}

/// Whether the process is a child of this thread, and if so, whether it is alive.
#[cfg(target_os = "linux")]
pub(super) fn is_alive(pid: i32) -> Option<bool> {
    let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT | libc::__WNOTHREAD;
    let id = libc::id_t::try_from(pid).ok()?;
    let (dead, ..) = wait(libc::P_PID, id, flags).ok()?;
    Some(dead.as_raw() == 0)
}

/// Takes in that a child is stopped; by what, if it still is.
pub(super) fn stopped_by(child: Pid) -> Option<Signal> {
    let id = libc::id_t::try_from(child.as_raw()).ok()?;
    let (pid, _, signal) = wait(libc::P_PID, id, libc::WSTOPPED | libc::WNOHANG).ok()?;
    Signal::try_from(signal).ok().filter(|_| pid == child)
}

/// Whom something has happened to, what, and by which signal or code; pid 0, if to nobody.
///
/// Not through nix: it gives no pid for a child that was killed by a real-time signal.
#[allow(unsafe_code)]
fn wait(
    whom: libc::idtype_t,
    id: libc::id_t,
    flags: libc::c_int,
) -> Result<(Pid, libc::c_int, libc::c_int), Errno> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    // SAFETY: `info` is writable and of the type that waitid fills in. All zeroes is a valid
    // siginfo_t, of which these fields may be read: they are 0 if waitid found nobody.
    unsafe {
        Errno::result(libc::waitid(whom, id, info.as_mut_ptr(), flags))?;
        let info = info.assume_init();
        Ok((Pid::from_raw(info.si_pid()), info.si_code, info.si_status()))
    }
}
