//! Tells whether /proc shows the processes by the numbers that they have for us.
//!
//! It shows those of the PID namespace that it was mounted for (pid_namespaces(7)). In another one, as
//! after `unshare -pf` without `--mount-proc`, a number that is read there belongs to a stranger here,
//! who must not be signalled for it. Then, and where there is no /proc, nobody is known but who can be
//! found without: the children of our own, dead or alive, whom waitid(2) tells from all others.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::thread;

use nix::unistd::{getpid, gettid};

use super::waiter;

/// The kernel has no larger one (proc_sys_kernel(5), `pid_max`).
const PID_MAX: i32 = 1 << 22;

/// Whether /proc is that of our own PID namespace. It is looked at once.
pub(super) fn has_own_proc() -> bool {
    static OWN: OnceLock<bool> = OnceLock::new();
    *OWN.get_or_init(|| {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let shown = fs::read_link("/proc/self").ok();
        is_own(shown.as_deref(), &status, getpid().as_raw())
    })
}

/// Whether it is, if we have this number, and it shows us under that one. `NSpid` lists our numbers
/// from its namespace down to ours: with two of them it is another one, were they the same
/// (proc_pid_status(5), since Linux 4.1).
fn is_own(shown: Option<&Path>, status: &str, pid: i32) -> bool {
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    let one = numbers.is_none_or(|numbers| numbers.split_whitespace().count() == 1);
    one && shown.is_some_and(|shown| *shown == *Path::new(&pid.to_string()))
}

/// The numbers of our children, and whether each is alive. None: they cannot be found out now.
///
/// Numbers are given out in turn, and a thread gets one, too. So a child has one between ours and that
/// of a thread of this moment; it is not found if they have been all around since it was born, and
/// further than to us.
pub(super) fn children() -> Option<Vec<(i32, bool)>> {
    let latest = thread::Builder::new().spawn(|| gettid().as_raw());
    let (first, last) = (getpid().as_raw() + 1, latest.ok()?.join().ok()?);
    let (high, low) = if last >= first {
        (first..last, 2..2)
    } else {
        (first..PID_MAX, 2..last)
    };
    let child = |pid| Some((pid, waiter::is_alive(pid)?));
    Some(high.chain(low).filter_map(child).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_proc_shows_us_by_our_own_number_and_no_other() {
        for (shown, status, expected) in [
            (Some("7"), "Name:\tx\nNSpid:\t7\n", true),
            (Some("7"), "Name:\tx\n", true),
            (Some("4711"), "Name:\tx\nNSpid:\t4711\t7\n", false),
            (Some("4711"), "Name:\tx\n", false),
            (Some("7"), "Name:\tx\nNSpid:\t7\t7\n", false),
            (Some("self"), "", false),
            (None, "", false),
        ] {
            assert_eq!(
                is_own(shown.map(Path::new), status, 7),
                expected,
                "{shown:?} {status}"
            );
        }
    }
}
