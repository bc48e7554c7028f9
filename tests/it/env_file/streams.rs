//! Checks files of `--env-file` that are none: FIFOs, and the pipes of `<( )`. Nothing waits for them
//! but the start that needs them.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Instant;

use nix::libc::O_NONBLOCK;
use nix::sys::signal::Signal;

use crate::sandbox::{Ended, Rwatch, Sandbox, child, eventually};

/// A sandbox with a FIFO, and what has its variables read from there.
fn with_fifo() -> (Sandbox, [String; 2]) {
    let sandbox = Sandbox::new();
    let fifo = sandbox.side("fifo");
    sandbox.tool("mkfifo", &[&fifo]);
    (sandbox, ["--env-file".to_owned(), fifo])
}

/// The FIFO, open for writing as soon as somebody reads it.
#[track_caller]
fn writer(rwatch: &Rwatch) -> File {
    let mut opened = None;
    eventually("rwatch reads the FIFO", || {
        let mut options = OpenOptions::new();
        let options = options.write(true).custom_flags(O_NONBLOCK);
        opened = options.open(rwatch.side("fifo")).ok();
        opened.is_some()
    });
    opened.expect("it was opened")
}

#[track_caller]
fn write(rwatch: &Rwatch, text: &str) {
    let written = writer(rwatch).write_all(text.as_bytes());
    written.expect("somebody reads it");
}

/// How many threads read files of `--env-file`.
fn readers(rwatch: &Rwatch) -> usize {
    let tasks = fs::read_dir(format!("/proc/{}/task", rwatch.pid())).expect("rwatch runs");
    let names = tasks
        .flatten()
        .map(|task| fs::read_to_string(task.path().join("comm")));
    names
        .filter(|name| name.as_ref().is_ok_and(|name| name == "env-file\n"))
        .count()
}

#[test]
fn whoever_asks_rwatch_to_end_need_not_write_to_it() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let (sandbox, options) = with_fifo();
        let mut rwatch = sandbox.start(options, ["child"]);
        rwatch.says("starting *");
        rwatch.says("waiting until somebody writes to `*/fifo`");
        assert_eq!(rwatch.end_by(signal), Ended::Signal(signal as i32));
        assert!(rwatch.stdout().is_empty(), "{}", rwatch.transcript());
    }
}

#[test]
fn the_start_goes_on_when_it_has_been_written_each_time() {
    let (sandbox, options) = with_fifo();
    let mut rwatch = sandbox.start(options, ["child", "env", "A"]);
    for run in 1..=3 {
        write(&rwatch, &format!("A={run}\n"));
        rwatch.prints(&format!("env A=\"{run}\""));
        assert_eq!(rwatch.ready().run, run);
        eventually("the thread of the moment ends", || readers(&rwatch) == 0);
        rwatch.save(["a.js", "b.js"][run as usize % 2], "");
    }
}

#[test]
fn a_change_while_it_is_being_written_loses_nothing_of_it() {
    let (sandbox, options) = with_fifo();
    let mut rwatch = sandbox.start(options, ["child", "env", "A,B"]);
    let mut fifo = writer(&rwatch);
    fifo.write_all(b"A=1\nB=").expect("somebody reads it");
    rwatch.save("a.js", "");
    rwatch.says("a.js changed, restarting");
    fifo.write_all(b"2\n").expect("somebody still reads it");
    drop(fifo);
    rwatch.prints("env A=\"1\"");
    rwatch.prints("env B=\"2\"");
    let start = rwatch.ready();
    assert_eq!((start.run, &*start.reason), (2, "change"));
}

#[test]
fn a_file_in_its_place_is_read_at_once() {
    let (sandbox, options) = with_fifo();
    let mut rwatch = sandbox.start(options, ["child", "env", "A"]);
    rwatch.says("waiting until somebody writes to *");
    fs::write(rwatch.side("file"), "A=1\n").expect("a writable sandbox");
    fs::rename(rwatch.side("file"), rwatch.side("fifo")).expect("a writable sandbox");
    rwatch.save("a.js", "");
    rwatch.prints("env A=\"1\"");
    eventually("nobody reads what is not there", || readers(&rwatch) == 0);
}

#[test]
fn a_build_and_what_it_is_for_are_one_start() {
    let (sandbox, mut options) = with_fifo();
    let [flag, fifo] = &mut options;
    let options = [flag.as_str(), fifo, "--before", "echo built with $A"];
    let mut rwatch = sandbox.start(options, ["child", "env", "A"]);
    for run in 1..=2 {
        write(&rwatch, &format!("A={run}\n"));
        rwatch.prints(&format!("built with {run}"));
        rwatch.prints(&format!("env A=\"{run}\""));
        rwatch.ready();
        rwatch.save("a.js", "");
    }
    rwatch.says("waiting until somebody writes to *");
    assert_eq!(rwatch.end_by(Signal::SIGTERM), Ended::Signal(15));
}

#[test]
fn a_start_that_failed_for_now_has_what_it_held() {
    let (sandbox, [flag, fifo]) = with_fifo();
    fs::copy(child(), sandbox.path("busy")).expect("a writable sandbox");
    let open = File::options().append(true).open(sandbox.path("busy"));
    let options = ["-m", "0", "--backoff", "5ms..5ms", &flag, &fifo];
    let mut rwatch = sandbox.start(options, ["./busy", "env", "A", "exit", "3"]);
    write(&rwatch, "A=1\n");
    rwatch.says("cannot *`./busy`*");
    drop(open);
    rwatch.prints("env A=\"1\"");
    assert_eq!(rwatch.exit(), Ended::Code(3));
}

#[test]
fn why_there_is_no_start_is_said_without_it() {
    let (sandbox, [flag, fifo]) = with_fifo();
    let mut rwatch = sandbox.start(["-m", "0", &flag, &fifo], ["no-such-command"]);
    write(&rwatch, "PATH=/no/such/dir\n");
    rwatch.says("cannot find `no-such-command` in PATH (/no/such/dir)");
    assert_eq!(rwatch.exit(), Ended::Code(127));
}

#[test]
fn a_mistake_in_it_is_told_and_waited_for() {
    let (sandbox, options) = with_fifo();
    let mut rwatch = sandbox.start(options, ["child", "env", "A"]);
    write(&rwatch, "A=1\nwhat is this\n");
    rwatch.says("cannot read `*/fifo`: line 2 is no NAME=VALUE, waiting for changes");
    rwatch.save("a.js", "");
    write(&rwatch, "A=2\n");
    rwatch.prints("env A=\"2\"");
}

#[test]
fn how_long_it_ran_does_not_count_the_waiting() {
    let (sandbox, [flag, fifo]) = with_fifo();
    let mut rwatch = sandbox.start(["-m", "0", &flag, &fifo], ["sh", "-c", "exit 3"]);
    rwatch.says("waiting until somebody writes to *");
    let written = Instant::now();
    write(&rwatch, "A=1\n");
    let said = rwatch.says("exited with code 3 after *");
    let most = written.elapsed().as_secs_f64();
    let ran = said.rsplit(' ').next().and_then(|it| it.strip_suffix('s'));
    let ran: f64 = ran.and_then(|it| it.parse().ok()).expect("seconds");
    assert!(ran <= most, "{said}, of {most} seconds");
}

#[test]
fn what_can_be_read_once_is_kept() {
    let script =
        "exec \"$0\" --env-file <(echo A=kept) --before 'echo built with $A' -- \"$1\" env A";
    let words = ["bash", "-c", script, env!("CARGO_BIN_EXE_rwatch"), &child()];
    let mut rwatch = Sandbox::new().start_argv(words);
    rwatch.says("watching .: *");
    for name in ["a.js", "b.js", "c.js"] {
        rwatch.prints("built with kept");
        rwatch.prints("env A=\"kept\"");
        rwatch.ready();
        rwatch.save(name, "");
    }
}

#[test]
fn what_has_nothing_or_no_end_ends_too() {
    let mut rwatch = Sandbox::new().start(["-m", "0", "--env-file", "/dev/null"], ["true"]);
    assert_eq!(rwatch.exit(), Ended::Code(0));
    let mut rwatch = Sandbox::new().start(["-m", "0", "--env-file", "/dev/zero"], ["true"]);
    rwatch.says("cannot read `/dev/zero`: file too large");
    assert_eq!(rwatch.exit(), Ended::Code(125));
}
