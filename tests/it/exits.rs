//! Follows COMMAND's exits: what is said of them, what comes after, and how rwatch itself ends.

use std::fs;

use crate::sandbox::{Ended, Rwatch, Sandbox};

const QUICK: [&str; 2] = ["--backoff", "1ms..4ms"];

#[track_caller]
fn ends_with(options: &[&str], command: &[&str], expected: i32) -> Rwatch {
    let mut rwatch = Sandbox::new().start(options, command);
    assert_eq!(
        rwatch.exit(),
        Ended::Code(expected),
        "{}",
        rwatch.transcript()
    );
    rwatch
}

fn nanos(log_line: &str) -> u128 {
    let nanos = log_line.split(' ').nth_back(1).expect("WHAT NANOS PID");
    nanos.parse().expect("a number")
}

#[test]
pub(crate) fn every_code_is_passed_on() {
    for code in 0..=255 {
        ends_with(&["-m", "0"], &["sh", "-c", &format!("exit {code}")], code);
    }
}

#[test]
pub(crate) fn max_restarts_counts_exactly_with_growing_pauses() {
    let sandbox = Sandbox::new();
    let log = sandbox.side("log");
    let mut rwatch = sandbox.start(["-m", "3"], ["child", "log", &log, "exit", "7"]);
    rwatch.says("exited with code 7 after *, restarting in 100ms (1 of 3)");
    rwatch.says("exited with code 7 after *, restarting in 200ms (2 of 3)");
    rwatch.says("exited with code 7 after *, restarting in 400ms (3 of 3)");
    rwatch.says("exited with code 7 after *; gave up after 3 restarts");
    assert_eq!(rwatch.exit(), Ended::Code(7));
    let log = rwatch.log("log");
    let (starts, exits): (Vec<&String>, _) = log.iter().partition(|line| line.contains("start"));
    assert_eq!((starts.len(), exits.len()), (4, 4), "{log:#?}");
    for (pause, (exit, start)) in [100, 200, 400]
        .into_iter()
        .zip(exits.iter().zip(&starts[1..]))
    {
        let took = nanos(start) - nanos(exit);
        assert!(took >= pause * 1_000_000, "{took} ns instead of {pause} ms");
    }
}

#[test]
fn max_restarts_counts_exactly_for_every_n() {
    for n in [0, 1, 2, 10] {
        let sandbox = Sandbox::new();
        let log = sandbox.side("log");
        let max = n.to_string();
        let mut rwatch = sandbox.start(
            [&["-m", &max][..], &QUICK].concat(),
            ["child", "log", &log, "exit", "0"],
        );
        assert_eq!(
            rwatch.exit(),
            Ended::Code(0),
            "exit 0 counts like any other"
        );
        let starts = rwatch
            .log("log")
            .iter()
            .filter(|line| line.starts_with("start"))
            .count();
        assert_eq!(starts, n + 1);
    }
}

#[test]
fn never_ends_with_command_when_nothing_is_watched() {
    ends_with(&["-m", "0", "-r", "never"], &["sh", "-c", "exit 4"], 4);
    ends_with(&["-m", "5", "-r", "never"], &["sh", "-c", "exit 4"], 4);
}

#[test]
fn on_failure_restarts_after_failures_only() {
    let sandbox = Sandbox::new().file("fail.sh", "test $RWATCH_RUN = 3");
    let options = [&["-m", "9", "-r", "on-failure"][..], &QUICK].concat();
    let mut rwatch = sandbox.start(options, ["sh", "fail.sh"]);
    rwatch.says("exited with code 1 after *, restarting in * (1 of 9)");
    rwatch.says("exited with code 1 after *, restarting in * (2 of 9)");
    assert_eq!(rwatch.exit(), Ended::Code(0));
}

#[test]
fn always_restarts_after_every_exit_until_it_is_told_to_end() {
    let options = [&["-r", "always"][..], &QUICK].concat();
    let mut rwatch = Sandbox::new().start(options, ["child", "exit", "0"]);
    for run in 1..=5 {
        assert_eq!(rwatch.ready().run, run);
    }
}

#[test]
fn waits_for_a_change_after_an_exit() {
    let sandbox = Sandbox::new();
    let mut rwatch = sandbox.start(
        [""; 0],
        ["sh", "-c", "echo $RWATCH_RUN; exit ${RWATCH_RUN}"],
    );
    rwatch.says("exited with code 1 after *, waiting for changes");
    rwatch.save("a.js", "");
    rwatch.says("a.js changed, restarting");
    rwatch.says("exited with code 2 after *, waiting for changes");
    rwatch.save("a.js", "");
    rwatch.prints("3");

    let mut rwatch = Sandbox::new().start(["-w", "."], ["true"]);
    rwatch.says("exited cleanly, waiting for changes");
    let mut rwatch = Sandbox::new().start(["-w", "."], ["sh", "-c", "kill -SEGV $$"]);
    rwatch.says("killed by SIGSEGV after *, waiting for changes");
}

#[test]
fn on_failure_with_watching_waits_after_a_clean_exit() {
    let sandbox = Sandbox::new().file("fail.sh", "test $RWATCH_RUN != 1");
    let options = [&["-r", "on-failure"][..], &QUICK].concat();
    let mut rwatch = sandbox.start(options, ["sh", "fail.sh"]);
    rwatch.says("exited with code 1 after *, restarting in 1ms");
    rwatch.says("exited cleanly, waiting for changes");
    rwatch.save("a.js", "");
    rwatch.says("a.js changed, restarting");
}

#[test]
fn a_change_restores_the_budget() {
    let sandbox = Sandbox::new();
    let gate = sandbox.side("gate");
    let options = [&["-m", "1", "-w", "."][..], &QUICK].concat();
    let mut rwatch = sandbox.start(options, ["child", "exit-when", &gate, "3"]);
    for _ in 0..2 {
        rwatch.ready();
        rwatch.open("gate");
        rwatch.says("exited with code 3 after *, restarting in 1ms (1 of 1)");
        assert_eq!(rwatch.ready().reason, "exit");
        rwatch.save("a.js", "");
        rwatch.says("a.js changed, restarting");
    }
    assert_eq!(rwatch.ready().run, 5);
    rwatch.open("gate");
    rwatch.says("exited with code 3 after *, restarting in 1ms (1 of 1)");
    rwatch.ready();
    rwatch.open("gate");
    rwatch.says("exited with code 3 after *; gave up after 1 restart");
    assert_eq!(rwatch.exit(), Ended::Code(3));
}

#[test]
pub(crate) fn a_change_cuts_a_pause_short_and_so_does_ctrl_c() {
    let options = ["-r", "always", "--backoff", "60m..60m"];
    let mut rwatch = Sandbox::new().start(options, ["child", "exit", "1"]);
    rwatch.ready();
    rwatch.says("exited with code 1 after *, restarting in *");
    rwatch.save("a.js", "");
    rwatch.restarts_for(&["a.js"]);
    rwatch.says("exited with code 1 after *, restarting in *");
    assert_eq!(
        rwatch.end_by(nix::sys::signal::Signal::SIGINT),
        Ended::Signal(2)
    );
}

#[test]
pub(crate) fn a_command_that_is_not_there_is_127_and_is_not_retried() {
    let sandbox = Sandbox::new().env("PATH", "/no/such/dir:/usr/bin");
    let mut rwatch = sandbox.start(["-m", "5"], ["no-such-command", "x"]);
    let said = rwatch.says("cannot find `no-such-command`*");
    assert!(
        said.contains("/no/such/dir:/usr/bin"),
        "the PATH searched: {said}"
    );
    assert_eq!(rwatch.exit(), Ended::Code(127));
    assert_eq!(
        rwatch.said().len(),
        2,
        "`starting`, and why not: {}",
        rwatch.transcript()
    );

    let rwatch = ends_with(&["-m", "5"], &["./no-such-file"], 127);
    assert!(
        rwatch.stderr().contains("./no-such-file"),
        "{}",
        rwatch.transcript()
    );
    assert!(
        !rwatch.stderr().contains("restarting"),
        "{}",
        rwatch.transcript()
    );
}

#[test]
pub(crate) fn a_command_that_cannot_be_executed_is_126() {
    let sandbox = Sandbox::new().file("plain", "#!/bin/sh\n").dir("dir");
    sandbox.save_as("no-hash-bang", "echo ran", 0o755);
    for name in ["plain", "dir", "no-hash-bang"] {
        let path = sandbox.path(name);
        let path = path.to_str().expect("a UTF-8 temp dir");
        let rwatch = ends_with(&["-m", "5"], &[path], 126);
        assert!(rwatch.stderr().contains(path), "{}", rwatch.transcript());
        assert!(
            rwatch.stdout().is_empty(),
            "no shell ran it: {}",
            rwatch.transcript()
        );
        if name == "no-hash-bang" {
            assert!(rwatch.stderr().contains("#!"), "{}", rwatch.transcript());
        }
    }
}

#[test]
pub(crate) fn a_missing_interpreter_is_named_and_127() {
    let sandbox = Sandbox::new();
    sandbox.save_as("tool", "#!/no/such/interpreter -x\n", 0o755);
    let mut rwatch = sandbox.start(["-m", "5"], ["./tool"]);
    rwatch.says("cannot *`./tool`*/no/such/interpreter*");
    assert_eq!(rwatch.exit(), Ended::Code(127));
}

#[test]
fn a_script_with_line_ends_as_on_windows_is_told_so() {
    let sandbox = Sandbox::new();
    sandbox.save_as("tool", "#!/bin/sh\r\necho ran\r\n", 0o755);
    let mut rwatch = sandbox.start(["-m", "5"], ["./tool"]);
    rwatch.says("cannot start `./tool`: * names `/bin/sh\\r`, which does not exist: * Windows*");
    assert_eq!(rwatch.exit(), Ended::Code(127));
}

#[test]
fn the_script_is_named_whose_interpreter_is_missing() {
    let sandbox = Sandbox::new();
    sandbox.save_as("tool", "#!./runner\n", 0o755);
    sandbox.save_as("runner", "#!/no/such/interpreter\n", 0o755);
    let mut rwatch = sandbox.start(["-m", "5"], ["./tool"]);
    rwatch.says("cannot start `./runner`: *`/no/such/interpreter`, which does not exist");
    assert_eq!(rwatch.exit(), Ended::Code(127));
}

#[test]
fn no_chmod_is_advised_where_it_does_not_help() {
    let sandbox = Sandbox::new().file("runner", "");
    sandbox.save_as("tool", "#!./runner\n", 0o755);
    let mut rwatch = sandbox.start(["-m", "5"], ["./tool"]);
    rwatch.says("cannot execute `./tool`: its `#!` line names `./runner`, which is not executable");
    assert_eq!(rwatch.exit(), Ended::Code(126));

    let sandbox = Sandbox::new();
    sandbox.save_as("tool", "\u{feff}#!/bin/sh\n", 0o755);
    let mut rwatch = sandbox.start(["-m", "5"], ["./tool"]);
    rwatch.says("cannot execute `./tool`: a byte order mark (BOM) stands before its `#!` line; *");
    assert_eq!(rwatch.exit(), Ended::Code(126));

    let sandbox = Sandbox::new();
    sandbox.tool("mkfifo", &["-m", "755", "tool"]);
    let mut rwatch = sandbox.start(["-m", "5"], ["./tool"]);
    rwatch.says("cannot execute `./tool`: it is no regular file");
    assert_eq!(rwatch.exit(), Ended::Code(126));

    // A mount that nobody else sees.
    let script = "mount -t tmpfs -o noexec none . && cd \"$PWD\" && cp \"$0\" tool && exec \"$@\"";
    let child = crate::sandbox::child();
    let words = ["unshare", "-Urm", "sh", "-c", script, &child];
    let mut rwatch = Sandbox::new()
        .wrapper(&words)
        .start(["-m", "5"], ["./tool"]);
    rwatch.says("cannot execute `./tool`: its file system is mounted with `noexec`");
    assert_eq!(rwatch.exit(), Ended::Code(126));
}

#[test]
pub(crate) fn what_cannot_be_started_is_waited_for_while_something_is_watched() {
    let sandbox = Sandbox::new();
    for (name, head) in [("bad", "#!/no/such/interpreter"), ("good", "#!/bin/sh")] {
        sandbox.save_as(
            name,
            &format!("{head}\necho ran as $RWATCH_REASON\n"),
            0o755,
        );
        // Made now, so that it is long closed when it is run.
        fs::rename(sandbox.path(name), sandbox.side(name)).expect("a writable sandbox");
    }
    let mut rwatch = sandbox.start(["-w", "."], ["./tool"]);
    rwatch.says("cannot find `./tool`*, waiting for changes");
    fs::rename(rwatch.side("bad"), rwatch.path("tool")).expect("a writable sandbox");
    rwatch.says("tool changed, restarting");
    rwatch.says("*/no/such/interpreter*waiting for changes*");
    fs::rename(rwatch.side("good"), rwatch.path("tool")).expect("a writable sandbox");
    rwatch.prints("ran as change");
    rwatch.says("exited cleanly, waiting for changes");
}

#[test]
fn an_exit_that_leaves_members_behind_is_an_exit_after_a_stop() {
    let sandbox = Sandbox::new();
    let log = sandbox.side("log");
    let member = ["child", "fork", "log", &log, "slow-stop", "50", "/"];
    let options = [&["-m", "1"][..], &QUICK].concat();
    let mut rwatch = sandbox.start(options, [&member[..], &["exit", "3"]].concat());
    rwatch.says("exited with code 3 after *, restarting in 1ms (1 of 1)");
    assert_eq!(rwatch.exit(), Ended::Code(3));
    assert_eq!(rwatch.alive(), [""; 0]);
    let log = rwatch.log("log");
    let words: Vec<&str> = log
        .iter()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(
        words,
        ["start", "signal", "exit", "start", "signal", "exit"],
        "{log:#?}"
    );
}
