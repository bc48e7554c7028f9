//! Finds out who belongs to a run, and reaches every one of them.
//!
//! A run's *set* is its process group, the descendants of COMMAND, and those who left the group
//! and lost their parents: these are children of rwatch now, which is a child subreaper. What
//! /proc says is out of date when it has been read. So whoever is signalled is held by a pidfd
//! first and looked at once more: the pid of one who has died in between may be a stranger's.

use std::collections::HashSet;
#[cfg(target_os = "linux")]
use std::fs;
#[cfg(target_os = "linux")]
use std::io::Read as _;
#[cfg(target_os = "linux")]
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
#[cfg(target_os = "linux")]
use nix::unistd::{getpgid, getpid};
#[cfg(target_os = "linux")]
use rustix::io::Errno;

#[cfg(target_os = "linux")]
use super::namespace;

/// A process of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its process id.
    pub pid: i32,
    /// The name of its program, as the kernel has it; empty, if that is not known.
    pub name: String,
    /// Whether it has left the process group.
    pub is_outside: bool,
}

/// A line of the process table (proc_pid_stat(5)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: i32,
    pub(super) name: String,
    state: u8,
    threads: u32,
    pub(super) parent: i32,
    pub(super) group: i32,
    /// When it started, in ticks since boot: with the pid its identity. None: it is a child of ours,
    /// and not reaped, so that the pid alone is.
    start: Option<u64>,
}

impl Process {
    /// The process that has this pid now.
    #[cfg(target_os = "linux")]
    fn read(pid: i32) -> Option<Self> {
        // There may be thousands of them while COMMAND waits: so one read for each. A line is far
        // shorter than this.
        let mut line = [0; 1024];
        let mut file = fs::File::open(format!("/proc/{pid}/stat")).ok()?;
        let length = file.read(&mut line).ok()?;
        Self::parse(pid, &String::from_utf8_lossy(&line[..length]))
    }

    /// The name is in parentheses, and may hold parentheses and blanks itself.
    #[cfg(target_os = "linux")]
    fn parse(pid: i32, stat: &str) -> Option<Self> {
        let (head, tail) = stat.rsplit_once(')')?;
        let (_, name) = head.split_once('(')?;
        let mut fields = tail.split_ascii_whitespace();
        Some(Self {
            pid,
            name: name.to_owned(),
            state: fields.next()?.bytes().next()?,
            parent: fields.next()?.parse().ok()?,
            group: fields.next()?.parse().ok()?,
            // The 20th and the 22nd field of all; the fifth was the last.
            threads: fields.nth(14)?.parse().ok()?,
            start: Some(fields.nth(1)?.parse().ok()?),
        })
    }

    /// A child of ours of which nothing else is known.
    #[cfg(target_os = "linux")]
    fn child(pid: i32, is_alive: bool) -> Option<Self> {
        let group = getpgid(Some(Pid::from_raw(pid))).ok()?.as_raw();
        Some(Self {
            pid,
            name: String::new(),
            state: if is_alive { b'S' } else { b'Z' },
            threads: 1,
            parent: getpid().as_raw(),
            group,
            start: None,
        })
    }

    /// Whether it is more than an entry that nobody has reaped yet. One whose first thread has ended
    /// looks like that, and lives as long as the others.
    pub(super) fn is_alive(&self) -> bool {
        !matches!(self.state, b'Z' | b'X') || self.threads > 1
    }

    /// Sends it a signal, unless it has died and its pid is somebody else's.
    #[cfg(target_os = "linux")]
    pub(super) fn send(&self, signal: Signal) {
        use rustix::process::{Pid as Number, PidfdFlags, pidfd_open, pidfd_send_signal};

        if self.start.is_none() {
            let _ = kill(Pid::from_raw(self.pid), signal);
            return;
        }
        let number =
            Number::from_raw(self.pid).zip(rustix::process::Signal::from_named_raw(signal as i32));
        let Some((pid, number)) = number else { return };
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(fd) => {
                let same = |now: Self| now.start == self.start;
                if Self::read(self.pid).is_some_and(same) {
                    let _ = pidfd_send_signal(fd, number);
                }
            }
            // It is gone.
            Err(Errno::SRCH) => {}
            // Before Linux 5.3, forbidden in a container, or no descriptor is left.
            Err(_) => drop(kill(Pid::from_raw(self.pid), signal)),
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn send(&self, signal: Signal) {
        let _ = kill(Pid::from_raw(self.pid), signal);
    }

    /// Whether one of its threads runs at this moment, or waits for a disk.
    #[cfg(target_os = "linux")]
    pub(super) fn is_at_work(&self) -> bool {
        if self.threads == 1 {
            return matches!(self.state, b'R' | b'D');
        }
        let Ok(threads) = fs::read_dir(format!("/proc/{}/task", self.pid)) else {
            return false;
        };
        threads.flatten().any(|thread| {
            let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
            let thread = Self::parse(self.pid, &stat);
            thread.is_some_and(|thread| matches!(thread.state, b'R' | b'D'))
        })
    }

    /// Elsewhere nobody can tell.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn is_at_work(&self) -> bool {
        false
    }

    /// Whether its environment has this entry. Of somebody else's process it cannot be read, and
    /// it is what it was when the program started.
    #[cfg(target_os = "linux")]
    pub(super) fn has_env(&self, entry: &str) -> bool {
        let env = self.env().unwrap_or_default();
        env.split(|&byte| byte == 0)
            .any(|found| found == entry.as_bytes())
    }

    /// Whether it has cleared its environment, or hides it.
    #[cfg(target_os = "linux")]
    pub(super) fn has_no_env(&self) -> bool {
        self.env().is_some_and(|env| env.is_empty())
    }

    /// None: it is not to be had.
    #[cfg(target_os = "linux")]
    fn env(&self) -> Option<Vec<u8>> {
        self.start?;
        let process = PathBuf::from(format!("/proc/{}", self.pid));
        let env = |dir: &Path| fs::read(dir.join("environ")).unwrap_or_default();
        let first = env(&process);
        if !first.is_empty() || self.threads <= 1 {
            return Some(first);
        }
        // Its first thread, which stands for the whole, may have ended.
        let threads = fs::read_dir(process.join("task")).into_iter().flatten();
        let mut envs = threads.flatten().map(|thread| env(&thread.path()));
        Some(envs.find(|env| !env.is_empty()).unwrap_or_default())
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn has_no_env(&self) -> bool {
        true
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn has_env(&self, _: &str) -> bool {
        false
    }
}

/// Everybody, as of now.
pub(super) struct Table(Vec<Process>);

impl Table {
    /// None: it cannot be read, because no descriptor is left. Where /proc is not ours it is about our
    /// own children alone.
    #[cfg(target_os = "linux")]
    pub(super) fn read() -> Option<Self> {
        if !namespace::has_own_proc() {
            let children = namespace::children()?.into_iter();
            let known = children.filter_map(|(pid, is_alive)| Process::child(pid, is_alive));
            return Some(Self(known.collect()));
        }
        let entries = fs::read_dir("/proc").ok()?.flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        Some(Self(pids.filter_map(Process::read).collect()))
    }

    /// Those whose pids follow `first`, as the first children of a new process have them. That is
    /// quick, and a guess.
    #[cfg(target_os = "linux")]
    pub(super) fn guess(first: i32) -> Self {
        if !namespace::has_own_proc() {
            return Self(Vec::new());
        }
        // Far cheaper than to find out that there is no file.
        let is_there = |pid: &i32| getpgid(Some(Pid::from_raw(*pid))).is_ok();
        let there = (first..first + 16).filter(is_there);
        Self(there.filter_map(Process::read).collect())
    }

    /// Elsewhere nothing is known but the groups.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn read() -> Option<Self> {
        Some(Self(Vec::new()))
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn guess(_: i32) -> Self {
        Self(Vec::new())
    }

    /// The children of a process, dead or alive.
    pub(super) fn children(&self, parent: i32) -> impl Iterator<Item = &Process> {
        self.0
            .iter()
            .filter(move |process| process.parent == parent)
    }

    /// Those who are `wanted`, and all their descendants, by pid; zombies are not there any more.
    pub(super) fn trees(&self, wanted: impl Fn(&Process) -> bool) -> Vec<&Process> {
        let mut found: HashSet<i32> = HashSet::new();
        // Parents may come after their children.
        loop {
            let before = found.len();
            for process in &self.0 {
                if found.contains(&process.parent) || wanted(process) {
                    found.insert(process.pid);
                }
            }
            if found.len() == before {
                break;
            }
        }
        let found = |process: &&Process| found.contains(&process.pid) && process.is_alive();
        self.0.iter().filter(found).collect()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn stat(pid: i32, name: &str, state: char, parent: i32, group: i32) -> Option<Process> {
        let line = format!(
            "{pid} ({name}) {state} {parent} {group} 7 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 99 0"
        );
        Process::parse(pid, &line)
    }

    #[test]
    fn a_name_may_hold_anything() {
        let found = stat(4711, "a) R (b", 'S', 1, 4700).expect("a line");
        assert_eq!(
            (&*found.name, found.parent, found.group),
            ("a) R (b", 1, 4700)
        );
        assert_eq!(found.start, Some(99));
        assert_eq!(Process::parse(1, ""), None);
    }

    #[test]
    fn the_dead_are_not_alive() {
        for (state, alive) in [('S', true), ('D', true), ('T', true), ('Z', false)] {
            assert_eq!(stat(1, "a", state, 1, 1).expect("a line").is_alive(), alive);
        }
    }

    #[test]
    fn a_tree_is_found_in_any_order() {
        let lines = [(9, 5), (5, 3), (3, 1), (7, 1), (4, 9)];
        let table = Table(
            lines
                .iter()
                .filter_map(|&(pid, parent)| stat(pid, "a", 'S', parent, 1))
                .collect(),
        );
        let pids = |wanted: i32| -> Vec<i32> {
            let found = table.trees(|process| process.pid == wanted);
            found.iter().map(|process| process.pid).collect()
        };
        assert_eq!(pids(5), [9, 5, 4]);
        assert_eq!(pids(7), [7]);
    }

    #[test]
    fn we_are_at_work_and_have_an_environment() {
        let me = Process::read(std::process::id().cast_signed()).expect("we are there");
        assert!(me.is_alive() && me.is_at_work());
        let (name, value) = std::env::vars().next().expect("a test has an environment");
        assert!(me.has_env(&format!("{name}={value}")));
        assert!(!me.has_env("NO_SUCH=thing"));
    }
}
