//! Signals to rwatch, to its guard, and those that end the command.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getsid};

use super::{crew, guard, is_gone, proc};
use crate::sandbox::{Ended, Sandbox, child, eventually, state};

const DAEMON: [&str; 4] = ["fork", "setsid", "double-fork", "/"];

/// How long a guard has to have lived to be replaced at once, and more.
const OF_AGE: Duration = Duration::from_millis(100);

/// Those of which nobody dies.
const HARMLESS: [Signal; 8] = [
    Signal::SIGCHLD,
    Signal::SIGCONT,
    Signal::SIGSTOP,
    Signal::SIGTSTP,
    Signal::SIGTTIN,
    Signal::SIGTTOU,
    Signal::SIGURG,
    Signal::SIGWINCH,
];

#[test]
pub(super) fn every_fatal_signal() {
    let fatal: Vec<Signal> = Signal::iterator()
        .filter(|signal| !HARMLESS.contains(signal))
        .collect();
    assert_eq!(fatal.len(), 23);
    let named = fatal
        .into_iter()
        .map(|signal| (signal as i32, signal.as_str()));
    for (number, name) in named.chain([(40, "*")]) {
        let die = format!("ulimit -c 0; kill -{number} $$");
        let mut rwatch = Sandbox::new().start(["-m", "0"], ["sh", "-c", &die]);
        rwatch.says(&format!("killed by {name} *"));
        assert_eq!(rwatch.exit(), Ended::Code(128 + number));
    }
}

#[test]
pub(super) fn mask_and_dispositions_are_handed_down() {
    let look = ["grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"];
    let given: [&[&str]; 4] = [
        &["--default-signal"],
        &["--block-signal=TERM"],
        &["--ignore-signal=PIPE,USR1"],
        &["--block-signal=USR2,PIPE", "--ignore-signal=CHLD,HUP,INT"],
    ];
    for given in given {
        let wrapper = [&["env", "--default-signal"], given].concat();
        let without = Command::new(wrapper[0])
            .args([&wrapper[1..], &look].concat())
            .output()
            .expect("env runs");
        let sandbox = Sandbox::new().wrapper(&wrapper);
        let mut rwatch = sandbox.start(["-m", "0"], look);
        assert_eq!(rwatch.exit(), Ended::Code(0));
        assert_eq!(sets(&rwatch.stdout()), sets(&without.stdout), "{given:?}");
    }
}

#[test]
pub(super) fn sigchld_that_is_ignored() {
    let sandbox = Sandbox::new().wrapper(&["env", "--ignore-signal=CHLD"]);
    let options = ["-m", "1", "--backoff", "1ms..1ms"];
    let words = [&["child"], &DAEMON[..], &["exit", "3"]].concat();
    let mut rwatch = sandbox.start(options, words);
    assert_eq!(rwatch.ready().run, 1);
    assert_eq!(rwatch.ready().run, 2);
    assert_eq!(rwatch.exit(), Ended::Code(3));
}

#[test]
pub(super) fn rwatch_is_stopped_and_continued() {
    let sandbox = Sandbox::new();
    let gate = sandbox.side("gate");
    let mut rwatch = sandbox.start(["-m", "0"], ["child", "exit-when", &gate, "3"]);
    rwatch.ready();
    let crew = crew(&rwatch);
    rwatch.signal(Signal::SIGSTOP);
    eventually("rwatch is stopped", || {
        state(&proc(rwatch.pid().as_raw())) == Some('T')
    });
    rwatch.open("gate");
    eventually("the command has exited", || {
        crew.iter().all(|&pid| is_gone(pid))
    });
    rwatch.signal(Signal::SIGCONT);
    assert_eq!(rwatch.exit(), Ended::Code(3));
}

#[test]
pub(super) fn a_kill_during_a_stop() {
    let deaf = ["fork", "setsid", "double-fork", "ignore", "TERM", "/"];
    let words = [&["child", "ignore", "TERM"], &deaf[..]].concat();
    let mut rwatch = Sandbox::new().start(["--stop-timeout", "10m"], words);
    rwatch.ready();
    rwatch.save("a.js", "");
    rwatch.prints("signal TERM");
    rwatch.prints("signal TERM");
    assert_eq!(rwatch.end_by(Signal::SIGKILL), Ended::Signal(9));
}

#[test]
pub(super) fn rwatch_in_rwatch() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGKILL] {
        let child = child();
        let inner = [env!("CARGO_BIN_EXE_rwatch"), "--", &child];
        let sandbox = Sandbox::new();
        let mut rwatch = sandbox.start([""; 0], [&inner, &DAEMON[..]].concat());
        rwatch.ready();
        assert_eq!(rwatch.end_by(signal), Ended::Signal(signal as i32));
    }
}

#[test]
pub(super) fn a_new_guard_for_a_killed_one() {
    let mut rwatch = Sandbox::new().start([""; 0], [&["child"], &DAEMON[..]].concat());
    rwatch.ready();
    let old = guard(&rwatch);
    let since = Instant::now();
    // One that dies as soon as it is there is not replaced before the next start.
    eventually("it is of age", || since.elapsed() > OF_AGE);
    let kill_guard = |pid| {
        kill(Pid::from_raw(pid), Signal::SIGKILL).expect("it is alive");
        eventually("it is dead", || is_gone(pid));
    };
    kill_guard(old);
    kill_guard(guard(&rwatch));
    // A killed guard is no member of the run, and none of its ends.
    rwatch.ignores(|_| ());
    assert_eq!(rwatch.run(), 2, "{}", rwatch.transcript());
    let last = guard(&rwatch);
    assert_eq!(rwatch.end_by(Signal::SIGKILL), Ended::Signal(9));
    eventually("the guard has ended", || is_gone(last));
}

#[test]
pub(super) fn the_guard_is_nobody() {
    let mut rwatch = Sandbox::new().start([""; 0], ["child"]);
    rwatch.ready();
    let (guard, rwatch_s) = (guard(&rwatch), proc(rwatch.pid().as_raw()));
    let link = |path| fs::read_link(path).expect("both are alive");
    let (its, pid) = (proc(guard), Pid::from_raw(guard));
    eventually("it is where it is in nobody's way", || {
        getsid(Some(pid)) == Ok(pid) && link(its.join("cwd")).to_str() == Some("/")
    });
    assert_eq!(fs::read(its.join("environ")).expect("its own"), b"");
    let outputs = ["fd/1", "fd/2"].map(|fd| link(rwatch_s.join(fd)));
    for fd in fs::read_dir(its.join("fd")).expect("its own").flatten() {
        let held = link(fd.path());
        assert!(!outputs.contains(&held), "{}", held.display());
    }
    assert_eq!(rwatch.end_by(Signal::SIGTERM), Ended::Signal(15));
    eventually("the guard has ended", || is_gone(guard));
}

/// The blocked and the ignored signals, without 32 and 33, which are glibc's own, and which its
/// posix_spawn(3) ignores.
fn sets(status: &[u8]) -> Vec<String> {
    let status = String::from_utf8_lossy(status);
    let set = |line: &str| {
        let (name, set) = line.split_once(':')?;
        let set = u64::from_str_radix(set.trim(), 16).ok()?;
        Some(format!("{name} {:x}", set & !(0b11 << 31)))
    };
    status.lines().filter_map(set).collect()
}
