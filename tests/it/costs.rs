//! Counts what a change costs: system calls, and threads. Counts, not times: they are the same on
//! every machine, or nearly so.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::sandbox::{Rwatch, Sandbox};

/// How many files a burst has. The kernel has three events for each: made, written, closed.
const FILES: usize = 1000;

/// A strace(1) of rwatch and of whomever it starts.
struct Trace {
    strace: Child,
    file: String,
    /// Whom it attaches to it tells; without somebody to read that it would die.
    _said: BufReader<ChildStderr>,
}

impl Trace {
    fn of(rwatch: &Rwatch) -> Self {
        let file = rwatch.side("trace");
        let mut strace = Command::new("strace")
            .args(["-f", "--decode-pids=comm", "-o", &file, "-p"])
            .arg(rwatch.pid().to_string())
            .stderr(Stdio::piped())
            .spawn()
            .expect("strace is there");
        let mut said = BufReader::new(strace.stderr.take().expect("it is piped"));
        let mut line = String::new();
        said.read_line(&mut line).expect("a line");
        assert!(line.contains("attached"), "{line}");
        Self {
            strace,
            file,
            _said: said,
        }
    }

    /// The system calls of rwatch.
    fn end(mut self) -> Vec<String> {
        let pid = Pid::from_raw(self.strace.id().cast_signed());
        kill(pid, Signal::SIGINT).expect("it runs");
        self.strace.wait().expect("our own child");
        let trace = fs::read_to_string(&self.file).expect("it was written");
        // `PID<NAME> CALL(…`, and what came of it on a line of its own if others came in between.
        let calls = trace.lines().filter(|line| {
            let mut words = line.split_whitespace();
            let is_ours = words.next().is_some_and(|who| !who.ends_with("<child>"));
            is_ours && words.next().is_some_and(|call| call.contains('('))
        });
        calls.map(str::to_owned).collect()
    }
}

/// Whether `act`, which leads to so many restarts, costs at most `most` system calls beside them.
#[track_caller]
fn costs_at_most(most: usize, restarts: usize, rwatch: &mut Rwatch, act: impl Fn(&mut Rwatch)) {
    let (before, trace) = (processes(), Trace::of(rwatch));
    act(rwatch);
    let (calls, after) = (trace.end(), processes());
    // A stop looks for members at all processes: open, read, close.
    let a_restart = 300 + 2 * 4 * before.max(after);
    let (count, most) = (calls.len(), most + restarts * a_restart);
    assert!(count <= most, "{count} calls, not {most}: {calls:#?}");
}

/// How many processes there are.
fn processes() -> usize {
    let entries = fs::read_dir("/proc").expect("proc(5)").flatten();
    let is_pid = |name: &OsStr| name.as_encoded_bytes()[0].is_ascii_digit();
    entries.filter(|entry| is_pid(&entry.file_name())).count()
}

#[test]
fn a_save_costs_few_system_calls() {
    let mut rwatch = Sandbox::new().file("a.js", "").start([""; 0], ["child"]);
    rwatch.ready();
    costs_at_most(0, 10, &mut rwatch, |rwatch| {
        for n in 0..10 {
            // Two, or it would be a loop.
            let name = ["a.js", "b.js"][n % 2];
            rwatch.save(name, "");
            rwatch.comes_to(name);
        }
    });
}

#[test]
fn ignored_events_cost_no_system_calls_of_their_own() {
    let mut rwatch = Sandbox::new().start([""; 0], ["child"]);
    rwatch.ready();
    // Less than one for an event.
    costs_at_most(3 * FILES, 1, &mut rwatch, |rwatch| {
        rwatch.ignores(|s| (0..FILES).for_each(|n| s.write(&format!("f{n}.tmp"), "")));
    });
}

#[test]
fn a_burst_costs_few_system_calls_an_event() {
    let mut rwatch = Sandbox::new().start([""; 0], ["child"]);
    rwatch.ready();
    // What each file is, when it is made and when it is closed; and wake-ups.
    costs_at_most((2 + 6) * FILES, 2, &mut rwatch, |rwatch| {
        rwatch.notices(&format!("f{}.js", FILES - 1), |s| {
            (0..FILES).for_each(|n| s.write(&format!("f{n}.js"), ""));
        });
    });
}

#[test]
fn there_are_as_many_threads_as_there_is_to_wait_for() {
    let mut rwatch = Sandbox::new().start([""; 0], ["child"]);
    rwatch.ready();
    let tasks = fs::read_dir(format!("/proc/{}/task", rwatch.pid())).expect("rwatch runs");
    let mut names: Vec<String> = tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("comm")).ok())
        .collect();
    names.sort();
    // The loop, the guard's parent, the kernel's events, signals, children, and the watch.
    let expected = [
        "guard",
        "notify-rs inoti",
        "rwatch",
        "signals",
        "waiter",
        "watch",
    ];
    let names: Vec<&str> = names.iter().map(|name| name.trim()).collect();
    assert_eq!(names, expected);
}
