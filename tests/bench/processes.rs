//! What a tool costs: reads it from /proc, of all processes that are the tool's and not the child's.

use std::collections::HashMap;
use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;

/// The child's name in the process table.
const CHILD: &str = "child";

/// A tool's processes, as of now.
pub(crate) struct Processes(Vec<Process>);

struct Process {
    pid: i32,
    name: String,
}

impl Processes {
    /// The process, and its descendants.
    pub(crate) fn below(root: u32) -> Self {
        let entries = fs::read_dir("/proc").expect("proc(5)").flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let mut names = HashMap::new();
        let mut parents = HashMap::new();
        for pid in pids {
            let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
                continue;
            };
            let (head, tail) = stat.rsplit_once(')').expect("proc_pid_stat(5)");
            let parent = tail.split_whitespace().nth(1);
            let parent: i32 = parent.and_then(|word| word.parse().ok()).expect("a number");
            let name = head.split_once('(').expect("proc_pid_stat(5)").1;
            names.insert(pid, name.to_owned());
            parents.insert(pid, parent);
        }
        let root = root.cast_signed();
        let is_below = |pid: i32| {
            std::iter::successors(Some(pid), |pid| parents.get(pid).copied()).any(|pid| pid == root)
        };
        let below = names.into_iter().filter(|(pid, _)| is_below(*pid));
        Self(below.map(|(pid, name)| Process { pid, name }).collect())
    }

    fn of_the_tool(&self) -> impl Iterator<Item = &Process> {
        self.0.iter().filter(|process| process.name != CHILD)
    }

    /// Proportional set size, in bytes.
    pub(crate) fn memory(&self) -> usize {
        let lines = |process: &Process| {
            let maps = fs::read_to_string(format!("/proc/{}/smaps_rollup", process.pid));
            sum(&maps.unwrap_or_default(), "Pss:")
        };
        self.of_the_tool().map(lines).sum::<usize>() * 1024
    }

    /// CPU time so far, in nanoseconds: of all their threads, those that have ended included.
    pub(crate) fn cpu(&self) -> i64 {
        let clocks = self
            .of_the_tool()
            .filter_map(|process| clock_getcpuclockid(Pid::from_raw(process.pid)).ok());
        let times = clocks.filter_map(|clock| clock.now().ok());
        times
            .map(|time| time.tv_sec() * 1_000_000_000 + time.tv_nsec())
            .sum()
    }

    /// How often one of their threads went to sleep or was made to wait.
    pub(crate) fn switches(&self) -> usize {
        let of_thread = |status: String| {
            sum(&status, "voluntary_ctxt_switches:") + sum(&status, "nonvoluntary_ctxt_switches:")
        };
        self.files("task", "status").map(of_thread).sum()
    }

    /// Kernel watches.
    pub(crate) fn watches(&self) -> usize {
        let count = |info: String| info.matches("inotify wd:").count();
        self.files("fdinfo", "").map(count).sum()
    }

    /// What stands in a file of each entry of a directory of each process.
    fn files(&self, dir: &str, file: &str) -> impl Iterator<Item = String> {
        let dirs = self
            .of_the_tool()
            .filter_map(move |process| fs::read_dir(format!("/proc/{}/{dir}", process.pid)).ok());
        let paths = dirs.flatten().flatten().map(|entry| entry.path());
        paths.filter_map(move |path| match file {
            "" => fs::read_to_string(path).ok(),
            file => fs::read_to_string(path.join(file)).ok(),
        })
    }

    /// Kills those of them who are still there.
    pub(crate) fn kill(&self) {
        for process in &self.0 {
            let name = fs::read_to_string(format!("/proc/{}/comm", process.pid));
            if name.is_ok_and(|name| name.trim_end() == process.name) {
                let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
            }
        }
    }
}

/// The number on the line of this name.
fn sum(text: &str, name: &str) -> usize {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.map_or(0, |number| number.parse().expect("a number"))
}
