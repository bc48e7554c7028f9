//! rwatch in a pid namespace: as PID 1 of a container, and beside a stranger who gets a pid that
//! was the command's.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::skipped;
use crate::sandbox::{Ended, Rwatch, Sandbox, child, children, eventually, state};

const UNSHARE: [&str; 4] = ["unshare", "-Urpf", "--mount-proc", "--kill-child"];

#[test]
pub(super) fn ten_thousand_orphans_of_pid_1() {
    let Some(sandbox) = contained(&[]) else {
        return;
    };
    // Each subshell leaves ten behind.
    let orphans = "
        n=0
        while [ $n -lt 1000 ]; do
            (: & : & : & : & : & : & : & : & : & : &)
            n=$((n + 1))
        done
        until [ -z \"$(grep -l '^State:.Z' /proc/[0-9]*/status)\" ]; do sleep 0.05; done
        echo no zombies; exit 3";
    let mut rwatch = sandbox.start(["-m", "0"], ["sh", "-c", orphans]);
    rwatch.prints("no zombies");
    assert_eq!(rwatch.exit(), Ended::Code(3));
}

#[test]
pub(super) fn signals_to_pid_1() {
    for (signal, code) in [
        (Signal::SIGTERM, 143),
        (Signal::SIGINT, 130),
        (Signal::SIGHUP, 129),
    ] {
        let Some(sandbox) = contained(&[]) else {
            return;
        };
        let words = ["child", "fork", "setsid", "double-fork", "/"];
        let mut rwatch = sandbox.start(["--stop-timeout", "10m"], words);
        rwatch.ready();
        kill(pid_1(&rwatch), signal).expect("it is alive");
        assert_eq!(rwatch.exit(), Ended::Code(code));
    }
}

#[test]
pub(super) fn a_pid_that_is_somebody_else_s_by_now() {
    let stranger = "
        \"$@\" & rwatch=$!
        until [ -s \"$SIDE/1\" ] && pid=$(cat \"$SIDE/1\") && [ ! -e /proc/$pid ]; do sleep 0.01; done
        while :; do
            echo $((pid - 1)) > /proc/sys/kernel/ns_last_pid || exit
            setsid sleep 150 & stranger=$!
            [ $stranger = $pid ] && break
            kill $stranger
        done
        echo the stranger is there
        until [ -e \"$SIDE/gate\" ]; do sleep 0.01; done
        kill -TERM $rwatch; wait $rwatch; echo code $?
        [ -e /proc/$stranger ] && kill -0 $stranger && echo the stranger lives
        kill -KILL $stranger";
    let Some(sandbox) = contained(&["bash", "-c", stranger, "bash"]) else {
        return;
    };
    let side = sandbox.side("");
    let sandbox = sandbox.env("SIDE", &side);
    // The first run exits at once, the others stay.
    let command = "echo $$ > \"$SIDE/$RWATCH_RUN\"; [ $RWATCH_RUN = 1 ] || exec \"$0\"";
    let child = child();
    let mut rwatch = sandbox.start([""; 0], ["sh", "-c", command, &child]);
    rwatch.prints("the stranger is there");
    for name in ["a.js", "b.js"] {
        rwatch.save(name, "");
        rwatch.comes_to(name);
    }
    rwatch.open("gate");
    rwatch.prints("code 143");
    rwatch.prints("the stranger lives");
    rwatch.exit();
}

#[test]
pub(super) fn a_daemon_whose_main_thread_has_ended() {
    // To the process table it is a zombie, which its other thread is not.
    let headless = r#"
import ctypes, os, platform, threading, time
ready, tell = os.pipe()
if os.fork():
    os.read(ready, 1)
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
threading.Thread(target=time.sleep, args=(150,)).start()
print("daemon", os.getpid(), flush=True)
os.write(tell, b".")
exit_thread = {"x86_64": 60, "aarch64": 93}[platform.machine()]
ctypes.CDLL(None).syscall(exit_thread, 0)
"#;
    let command = "python3 -c \"$0\"; exec \"$1\"";
    let child = child();
    let start = |options: [&str; 2]| {
        let mut rwatch = Sandbox::new().start(options, ["sh", "-c", command, headless, &child]);
        let daemon = rwatch.prints("daemon *").split_off("daemon ".len());
        rwatch.ready();
        eventually("its main thread has ended", || {
            state(&Path::new("/proc").join(&daemon)) == Some('Z')
        });
        (rwatch, Path::new("/proc").join(daemon))
    };
    let has_threads = |daemon: &Path| {
        let threads = fs::read_dir(daemon.join("task")).into_iter().flatten();
        threads
            .flatten()
            .any(|thread| !matches!(state(&thread.path()), None | Some('Z' | 'X')))
    };

    let (mut rwatch, daemon) = start(["--stop-timeout", "10m"]);
    assert!(has_threads(&daemon));
    rwatch.save("a.js", "");
    rwatch.comes_to("a.js");
    assert!(!has_threads(&daemon), "{}", rwatch.transcript());
    let (mut rwatch, daemon) = start(["--stop-timeout", "10m"]);
    rwatch.signal(Signal::SIGKILL);
    eventually("the guard kills it", || !has_threads(&daemon));
    assert_eq!(rwatch.exit(), Ended::Signal(9));
}

/// A sandbox whose rwatch is started by these words in a pid namespace of its own, if the kernel
/// lets us have one.
pub(crate) fn contained(words: &[&str]) -> Option<Sandbox> {
    let allowed = Command::new(UNSHARE[0])
        .args(&UNSHARE[1..])
        .arg("true")
        .stderr(Stdio::null())
        .status();
    if !allowed.is_ok_and(|status| status.success()) {
        skipped("no pid namespace for us");
        return None;
    }
    Some(Sandbox::new().wrapper(&[&UNSHARE, words].concat()))
}

/// rwatch itself, which `unshare` waits for.
pub(crate) fn pid_1(rwatch: &Rwatch) -> Pid {
    let mut found = Vec::new();
    eventually("rwatch is there", || {
        found = children(rwatch.pid());
        found.len() == 1
    });
    Pid::from_raw(found[0])
}
