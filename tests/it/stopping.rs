//! Stops COMMAND in every way there is: the signals come once, a stop is over when nobody is
//! left, what overstays is killed, and rwatch ends as whoever ended it expects.

use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal::{
    self, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH,
};

use crate::sandbox::{Ended, Rwatch, Sandbox, eventually, state};

/// No stop runs into this within a test's patience.
const LONG: [&str; 2] = ["--stop-timeout", "10m"];
const SHORT: [&str; 2] = ["--stop-timeout", "50ms"];

/// Starts the fixture with a log beside.
fn start(options: &[&str], words: &[&str]) -> Rwatch {
    start_in(Sandbox::new(), options, words)
}

fn start_in(sandbox: Sandbox, options: &[&str], words: &[&str]) -> Rwatch {
    let log = sandbox.side("log");
    let mut rwatch = sandbox.start(options, [&["child", "log", &log], words].concat());
    rwatch.ready();
    rwatch
}

/// What the log tells, without times and pids.
fn log(rwatch: &Rwatch) -> Vec<String> {
    let without = |line: String| {
        let mut words: Vec<&str> = line.split(' ').collect();
        words.truncate(words.len() - 2);
        words.join(" ")
    };
    rwatch.log("log").into_iter().map(without).collect()
}

/// The pid of a member, from `member PID`.
fn member(rwatch: &mut Rwatch) -> String {
    rwatch.prints("member *").split_off("member ".len())
}

#[test]
fn who_ignores_the_stop_signal_is_killed_when_the_time_is_over() {
    let mut rwatch = start(&SHORT, &["ignore", "TERM"]);
    rwatch.save("a.js", "");
    rwatch.restarts_for(&["a.js"]);
    assert_eq!(log(&rwatch), ["start", "signal TERM", "start"]);
}

#[test]
fn a_member_that_ignores_the_stop_signal_is_killed_too() {
    let sandbox = Sandbox::new();
    let words = ["child", "fork", "ignore", "TERM", "/"];
    let mut rwatch = sandbox.start(SHORT, words);
    for _ in 0..3 {
        let member = member(&mut rwatch);
        rwatch.ready();
        rwatch.save("a.js", "");
        // The leader is long dead: that must not have called the kill off.
        rwatch.says("a.js changed, restarting");
        eventually("the member dies", || {
            matches!(state(&Path::new("/proc").join(&member)), None | Some('Z'))
        });
    }
}

#[test]
fn the_stop_signal_can_be_chosen() {
    for (name, signal) in [
        ("INT", "INT"),
        ("SIGHUP", "HUP"),
        ("2", "INT"),
        ("sigterm", "TERM"),
    ] {
        let mut rwatch = start(&["-s", name], &[]);
        rwatch.save("a.js", "");
        rwatch.restarts_for(&["a.js"]);
        assert_eq!(
            log(&rwatch),
            ["start", &format!("signal {signal}"), "exit", "start"]
        );
    }
    let mut rwatch = start(&["-s", "KILL"], &[]);
    rwatch.save("a.js", "");
    rwatch.restarts_for(&["a.js"]);
    assert_eq!(log(&rwatch), ["start", "start"]);
}

#[test]
fn a_stop_is_over_when_the_last_member_is_gone() {
    let sandbox = Sandbox::new();
    let gate = sandbox.side("gate");
    let words = ["fork", "stop-when", &gate, "/"];
    let mut rwatch = start_in(sandbox, &[&LONG[..], &["-v"]].concat(), &words);
    rwatch.save("a.js", "");
    rwatch.says("a.js changed, restarting");
    // The leader is gone, its member is not.
    rwatch.says("still waiting for *");
    rwatch.save("b.js", "");
    rwatch.says("b.js changed before the restart");
    assert_eq!(log(&rwatch), ["start", "signal TERM", "exit"]);
    rwatch.open("gate");
    rwatch.restarts_for(&["a.js", "b.js"]);
}

#[test]
pub(crate) fn who_overstays_is_named() {
    let sandbox = Sandbox::new();
    let gate = sandbox.side("gate");
    let words = ["child", "fork", "stop-when", &gate, "/", "stop-when", &gate];
    let mut rwatch = sandbox.start(LONG, words);
    let member = member(&mut rwatch);
    rwatch.ready();
    rwatch.save("a.js", "");
    let said = rwatch.says("still waiting for *");
    assert!(said.contains(&format!("{member} child")), "{said}");
    assert_eq!(said.matches(" child").count(), 2, "{said}");
    rwatch.open("gate");
    rwatch.restarts_for(&["a.js"]);
}

#[test]
fn a_stopped_process_dies_of_the_stop_signal() {
    let mut rwatch = start(&LONG, &["stop-self"]);
    // Who stops later than the stop is not woken, so that each has to be waited for.
    let is_stopped = |rwatch: &Rwatch| {
        let start = rwatch.log("log").pop().expect("a start");
        let pid = start.rsplit(' ').next().expect("its pid");
        let process = Path::new("/proc").join(pid);
        eventually("it has stopped itself", || state(&process) == Some('T'));
    };
    is_stopped(&rwatch);
    for _ in 0..2 {
        rwatch.save("a.js", "");
        rwatch.restarts_for(&["a.js"]);
        is_stopped(&rwatch);
    }
    assert_eq!(log(&rwatch)[..4], ["start", "signal TERM", "exit", "start"]);
}

#[test]
fn ctrl_c_is_one_sigint_and_rwatch_dies_of_it_when_all_are_gone() {
    let sandbox = Sandbox::new();
    let gate = sandbox.side("gate");
    let words = ["fork", "stop-when", &gate, "/", "stop-when", &gate];
    let mut rwatch = start_in(sandbox, &LONG, &words);
    rwatch.signal(SIGINT);
    rwatch.prints("signal INT");
    rwatch.prints("signal INT");
    rwatch.says("still waiting for *; Ctrl-C again kills them");
    // A change does not bring back what was told to end.
    rwatch.save("a.js", "");
    rwatch.open("gate");
    assert_eq!(rwatch.exit(), Ended::Signal(2));
    assert_eq!(rwatch.alive(), [""; 0]);
    assert_eq!(log(&rwatch), ["start", "signal INT", "exit"]);
}

#[test]
pub(crate) fn a_second_ctrl_c_kills_at_once() {
    let mut rwatch = start(&LONG, &["fork", "ignore", "INT", "/", "ignore", "INT"]);
    rwatch.signal(SIGINT);
    rwatch.prints("signal INT");
    rwatch.prints("signal INT");
    rwatch.ctrl_c_again();
    assert_eq!(rwatch.exit(), Ended::Signal(2));
    assert_eq!(rwatch.alive(), [""; 0]);
    assert_eq!(log(&rwatch), ["start", "signal INT"]);
}

/// The signals that COMMAND gets if rwatch is sent these two, sooner than anybody can type; after
/// `saved`, when it is being stopped already.
#[track_caller]
fn two_at_once(saved: bool, first: Signal, second: Signal) -> Vec<String> {
    // On a busy machine it takes longer, and then they are two requests.
    let quick = Duration::from_millis(100);
    let mut tries = (0..100).filter_map(|_| {
        let sandbox = Sandbox::new();
        let gate = sandbox.side("gate");
        let mut rwatch = start_in(sandbox, &LONG, &["stop-when", &gate]);
        if saved {
            rwatch.save("a.js", "");
            rwatch.prints("signal TERM");
        }
        let begin = Instant::now();
        rwatch.signal(first);
        rwatch.prints("signal *");
        rwatch.signal(second);
        let took = begin.elapsed();
        // What comes after it shows that it has been heard.
        rwatch.signal(SIGUSR1);
        if took > quick {
            rwatch.open("gate");
            return None;
        }
        rwatch.prints("signal USR1");
        rwatch.open("gate");
        assert_eq!(rwatch.exit(), Ended::Signal(first as i32));
        Some(log(&rwatch))
    });
    tries.next().expect("once it is quick enough")
}

#[test]
fn two_sigints_within_milliseconds_are_one_ctrl_c() {
    let told = two_at_once(false, SIGINT, SIGINT);
    assert_eq!(told, ["start", "signal INT", "signal USR1", "exit"]);
    let told = two_at_once(true, SIGINT, SIGINT);
    let stopped = ["start", "signal TERM", "signal INT", "signal USR1", "exit"];
    assert_eq!(told, stopped);
}

#[test]
fn a_ctrl_c_that_is_passed_on_as_sigterm_too_is_one_signal_to_command() {
    let told = two_at_once(false, SIGINT, SIGTERM);
    assert_eq!(told, ["start", "signal INT", "signal USR1", "exit"]);
    for second in [SIGINT, SIGHUP] {
        let told = two_at_once(false, SIGTERM, second);
        assert_eq!(told, ["start", "signal TERM", "signal USR1", "exit"]);
    }
}

#[test]
pub(crate) fn ctrl_c_during_a_stop_ends_instead_of_restarting() {
    let sandbox = Sandbox::new();
    let gate = sandbox.side("gate");
    let mut rwatch = start_in(sandbox, &LONG, &["stop-when", &gate]);
    rwatch.save("a.js", "");
    rwatch.prints("signal TERM");
    rwatch.signal(SIGINT);
    rwatch.prints("signal INT");
    rwatch.open("gate");
    assert_eq!(rwatch.exit(), Ended::Signal(2));
    assert_eq!(log(&rwatch), ["start", "signal TERM", "signal INT", "exit"]);
}

#[test]
fn ctrl_c_when_nothing_runs_ends_at_once() {
    let mut rwatch = Sandbox::new().start(["-w", "."], ["true"]);
    rwatch.says("exited cleanly, waiting for changes");
    assert_eq!(rwatch.end_by(SIGINT), Ended::Signal(2));
    let mut rwatch = Sandbox::new().start(["--postpone"], ["true"]);
    rwatch.says("watching *");
    assert_eq!(rwatch.end_by(SIGTERM), Ended::Signal(15));
}

#[test]
fn sigterm_and_sighup_stop_with_the_stop_signal_and_rwatch_dies_of_them() {
    for (signal, number) in [(SIGTERM, 15), (SIGHUP, 1)] {
        let mut rwatch = start(&["-s", "USR1", "--stop-timeout", "50ms"], &[]);
        assert_eq!(rwatch.end_by(signal), Ended::Signal(number));
        assert_eq!(rwatch.alive(), [""; 0]);
        assert_eq!(log(&rwatch), ["start", "signal USR1"]);
    }
    let mut rwatch = start(&LONG, &["slow-stop", "50"]);
    assert_eq!(rwatch.end_by(SIGTERM), Ended::Signal(15));
    assert_eq!(log(&rwatch), ["start", "signal TERM", "exit"]);
}

#[test]
pub(crate) fn a_shell_sees_130() {
    let sandbox = Sandbox::new().wrapper(&["sh", "-c", "\"$@\"; echo code $?", "sh"]);
    let mut rwatch = sandbox.start([""; 0], ["sh", "-c", "kill -INT $PPID; sleep 60"]);
    rwatch.prints("code 130");
}

#[test]
pub(crate) fn sighup_that_is_ignored_stays_ignored() {
    let sandbox = Sandbox::new().wrapper(&["nohup"]);
    let mut rwatch = start_in(sandbox, &[], &[]);
    rwatch.signal(SIGHUP);
    rwatch.save("a.js", "");
    rwatch.restarts_for(&["a.js"]);
    assert_eq!(log(&rwatch), ["start", "signal TERM", "exit", "start"]);
}

#[test]
pub(crate) fn other_signals_are_passed_on() {
    let mut rwatch = start(&[], &["fork", "/"]);
    // How many hear of it: the leader, or, as from a terminal, its group.
    let signals = [
        (SIGUSR1, "USR1", 1),
        (SIGUSR2, "USR2", 1),
        (SIGQUIT, "QUIT", 2),
        (SIGWINCH, "WINCH", 2),
    ];
    for (signal, name, times) in signals {
        rwatch.signal(signal);
        for _ in 0..times {
            rwatch.prints(&format!("signal {name}"));
        }
    }
    // Of the end the member hears too: its line, and the leader's, are the last.
    rwatch.signal(SIGTERM);
    assert_eq!(rwatch.exit(), Ended::Signal(15));
    let stdout = rwatch.text();
    for (_, name, times) in signals {
        let found = stdout.matches(&format!("signal {name}")).count();
        assert_eq!(found, times, "{stdout}");
    }
}
