//! Starts that fail, are cut short, or are too many.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::{crew, is_gone, proc, skipped};
use crate::sandbox::{Ended, Rwatch, Sandbox, child, eventually};

/// A user who has no other process.
const NOBODY_S: [&str; 4] = [
    "setpriv",
    "--reuid=54321",
    "--regid=54321",
    "--clear-groups",
];
/// rwatch is hit so often on its way, each time so much later.
const MOMENTS: u32 = 50;
const MOMENT: Duration = Duration::from_micros(600);
/// So many restarts.
const MANY: usize = 200;
/// After so many of them all is as it will be.
const WARM: usize = 20;

#[test]
pub(super) fn a_file_that_is_being_written() {
    let sandbox = Sandbox::new();
    fs::copy(child(), sandbox.path("busy")).expect("a writable sandbox");
    let open = File::options().append(true).open(sandbox.path("busy"));
    let options = ["-m", "0", "--backoff", "5ms..5ms"];
    let mut rwatch = sandbox.start(options, ["./busy", "exit", "3"]);
    rwatch.says("cannot *`./busy`*");
    drop(open);
    rwatch.ready();
    assert_eq!(rwatch.exit(), Ended::Code(3));
}

#[test]
pub(super) fn no_process_left() {
    let sandbox = Sandbox::new();
    let is_root = fs::metadata("/proc/self").is_ok_and(|us| us.uid() == 0);
    let user: &[&str] = if is_root { &NOBODY_S } else { &[] };
    let words = [user, &[env!("CARGO_BIN_EXE_rwatch"), "--version"]].concat();
    let runs = Command::new(words[0])
        .args(&words[1..])
        .stdout(Stdio::null())
        .status();
    if !runs.is_ok_and(|status| status.success()) {
        return skipped("no user whose processes can be limited");
    }
    fs::set_permissions(sandbox.path(".."), Permissions::from_mode(0o755)).expect("our own");
    let options = ["--backoff", "5ms..5ms"];
    let mut rwatch = sandbox.wrapper(user).start(options, ["child"]);
    rwatch.ready();
    limit(&rwatch, user, "nproc", 1);
    rwatch.save("a.js", "");
    rwatch.says("cannot *");
    limit(&rwatch, user, "nproc", 1000);
    rwatch.comes_to("a.js");
    limit(&rwatch, user, "nproc", 1);
    rwatch.save("b.js", "");
    rwatch.says("cannot *");
    assert_eq!(rwatch.end_by(Signal::SIGINT), Ended::Signal(2));
}

#[test]
pub(super) fn no_descriptor_left() {
    let sandbox = Sandbox::new();
    let words = ["child", "fork", "setsid", "double-fork", "/"];
    let mut rwatch = sandbox.start(["--stop-timeout", "10m"], words);
    rwatch.ready();
    let old = crew(&rwatch);
    // rwatch itself has more than four, which it keeps; the command's loader needs one.
    limit(&rwatch, &[], "nofile", 4);
    rwatch.save("a.js", "");
    rwatch.prints("signal TERM");
    limit(&rwatch, &[], "nofile", 1000);
    rwatch.comes_to("a.js");
    assert!(old.into_iter().all(is_gone), "{}", rwatch.transcript());
    limit(&rwatch, &[], "nofile", 4);
    rwatch.signal(Signal::SIGINT);
    rwatch.prints("signal INT");
    limit(&rwatch, &[], "nofile", 1000);
    assert_eq!(rwatch.exit(), Ended::Signal(2));
}

#[test]
pub(super) fn its_directory_is_removed() {
    let sandbox = Sandbox::new().dir("sub").dir("src").fences("src/");
    let mut rwatch = sandbox.start(["-C", "sub", "-w", "src"], ["child"]);
    rwatch.ready();
    fs::remove_dir(rwatch.path("sub")).expect("an empty directory");
    rwatch.save("src/a.js", "");
    rwatch.says("*sub*waiting for changes");
    fs::create_dir(rwatch.path("sub")).expect("a writable sandbox");
    rwatch.save("src/b.js", "");
    rwatch.comes_to("src/b.js");
}

#[test]
pub(super) fn the_current_directory_is_removed() {
    let sandbox = Sandbox::new();
    let gate = sandbox.side("gate");
    let words = ["child", "exit-when", &gate, "3"];
    let options = ["-m", "1", "--backoff", "1ms..1ms"];
    let mut rwatch = sandbox.start(options, words);
    rwatch.ready();
    fs::remove_dir_all(rwatch.path("")).expect("a directory");
    rwatch.open("gate");
    assert_eq!(rwatch.ready().run, 2);
    rwatch.open("gate");
    assert_eq!(rwatch.exit(), Ended::Code(3));

    let mut rwatch = Sandbox::new().start(["-w", "."], ["child"]);
    rwatch.ready();
    fs::remove_dir_all(rwatch.path("")).expect("a directory");
    assert_eq!(rwatch.end_by(Signal::SIGTERM), Ended::Signal(15));
}

#[test]
pub(super) fn a_stop_at_any_moment_of_the_start() {
    at_any_moment(Signal::SIGTERM);
    at_any_moment(Signal::SIGINT);
}

#[test]
pub(super) fn a_kill_at_any_moment_of_the_start() {
    at_any_moment(Signal::SIGKILL);
}

#[test]
pub(super) fn an_exit_at_the_moment_of_a_save() {
    let sandbox = Sandbox::new();
    let (gate, name) = (sandbox.side("gate"), sandbox.side("").replace('/', "-"));
    let words = ["child", "alone", &name, "exit-when", &gate, "3"];
    let options = ["-r", "always", "--backoff", "1ms..1ms"];
    let mut rwatch = sandbox.start(options, words);
    rwatch.ready();
    for name in ["a.js", "b.js"].repeat(10) {
        rwatch.open("gate");
        rwatch.save(name, "");
        rwatch.comes_to(name);
    }
    let stdout = rwatch.text();
    assert!(!stdout.contains("not alone"), "{stdout}");
}

#[test]
pub(super) fn two_hundred_restarts() {
    let mut rwatch = Sandbox::new().start([""; 0], ["child"]);
    rwatch.ready();
    let mut warm = None;
    for n in 0..MANY {
        let name = ["a.js", "b.js"][n % 2];
        rwatch.save(name, "");
        rwatch.comes_to(name);
        if n == WARM {
            warm = Some((held(&rwatch), memory(&rwatch)));
        }
    }
    let (before, early) = warm.expect("there are more than that");
    // The threads that a burst needs end with it, in their own time.
    eventually("as many descriptors and threads as before", || {
        held(&rwatch) <= before
    });
    let late = memory(&rwatch);
    assert!(late < early + 1024, "{early} KiB before, {late} KiB after");
}

/// Sends rwatch the signal at moments from before its first instruction until all are ready.
fn at_any_moment(signal: Signal) {
    for moment in 0..MOMENTS {
        let sandbox = Sandbox::new();
        let daemon = ["fork", "setsid", "double-fork", "/"];
        let words = [&["child"], &daemon[..], &["fork", "/"]].concat();
        let mut rwatch = sandbox.start(["--stop-timeout", "50ms"], words);
        // Not to be safe, but to be somewhere else.
        thread::sleep(MOMENT * moment);
        assert_eq!(rwatch.end_by(signal), Ended::Signal(signal as i32));
    }
}

/// Sets the soft limit of the running rwatch, as its own user.
fn limit(rwatch: &Rwatch, user: &[&str], what: &str, to: u32) {
    let (pid, limit) = (rwatch.pid().to_string(), format!("--{what}={to}:"));
    let words = [user, &["prlimit", "--pid", &pid, &limit]].concat();
    rwatch.tool(words[0], &words[1..]);
}

/// How many descriptors and threads rwatch has.
fn held(rwatch: &Rwatch) -> (usize, usize) {
    let count = |what| {
        let entries = fs::read_dir(proc(rwatch.pid().as_raw()).join(what));
        entries.expect("rwatch runs").count()
    };
    (count("fd"), count("task"))
}

/// What rwatch has of the memory, in KiB.
fn memory(rwatch: &Rwatch) -> usize {
    let maps = proc(rwatch.pid().as_raw()).join("smaps_rollup");
    let maps = fs::read_to_string(maps).expect("rwatch runs");
    let line = maps.lines().find(|line| line.starts_with("Pss_Anon:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    let number = number.and_then(|number| number.parse().ok());
    number.expect("proc_pid_smaps(5)")
}
