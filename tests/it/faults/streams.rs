//! Standard streams that are closed, broken, or very long.

use std::fs;
use std::io::{self, Write as _};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::Signal;

use super::{crew, proc};
use crate::sandbox::{Ended, Rwatch, Sandbox, child, eventually};

#[test]
pub(super) fn a_stdout_that_is_closed_or_read_by_nobody() {
    let (reader, writer) = io::pipe().expect("a pipe");
    drop(reader);
    let closed = Sandbox::new().wrapper(&["sh", "-c", "exec \"$@\" >&-", "sh"]);
    for sandbox in [closed, Sandbox::new().stdout(writer)] {
        goes_on(sandbox, |_| ());
    }
}

#[test]
pub(super) fn no_streams_at_all() {
    let closed = Sandbox::new().wrapper(&["sh", "-c", "exec \"$@\" <&- >&- 2>&-", "sh"]);
    goes_on(closed, |rwatch| {
        for pid in crew(rwatch) {
            for fd in ["fd/0", "fd/1", "fd/2"] {
                let to = fs::read_link(proc(pid).join(fd));
                let nothing = to.as_ref().map_or(true, |to| to.ends_with("dev/null"));
                assert!(nothing, "{fd} is {to:?}");
            }
        }
    });
}

#[test]
pub(super) fn a_stderr_that_is_full() {
    let (reader, writer) = io::pipe().expect("a pipe");
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("our own pipe");
    while (&writer).write(&[b'.'; 512]).is_ok() {}
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::empty())).expect("our own pipe");
    goes_on(Sandbox::new().stderr(writer), |_| ());
    drop(reader);
}

#[test]
pub(super) fn a_broken_pipe_is_the_command_s() {
    let broken = "\"$@\" | true; echo code ${PIPESTATUS[0]}";
    let sandbox = Sandbox::new().wrapper(&["bash", "-c", broken, "bash"]);
    let mut rwatch = sandbox.start(["-m", "0"], ["yes"]);
    rwatch.says("killed by SIGPIPE *");
    rwatch.prints("code 141");
    assert_eq!(rwatch.exit(), Ended::Code(0));
}

#[test]
pub(super) fn a_gigabyte() {
    let child = child();
    let compare = "\"$@\" | cmp - <(\"$0\" spew 1000000000 exit 0) && echo the same";
    let sandbox = Sandbox::new().wrapper(&["bash", "-c", compare, &child]);
    let words = ["child", "spew", "1000000000", "exit", "0"];
    let mut rwatch = sandbox.start(["-m", "0"], words);
    rwatch.prints("the same");
    assert_eq!(rwatch.exit(), Ended::Code(0));
}

/// Starts, restarts and ends as if nothing were amiss, and has `look` at each run.
#[track_caller]
fn goes_on(sandbox: Sandbox, look: impl Fn(&Rwatch)) {
    let log = sandbox.side("log");
    let mut rwatch = sandbox.start([""; 0], ["child", "log", &log]);
    let runs = |rwatch: &Rwatch, starts: usize| {
        eventually("another start", || {
            let log = rwatch.log("log");
            log.iter().filter(|line| line.starts_with("start")).count() == starts
        });
        look(rwatch);
    };
    runs(&rwatch, 1);
    rwatch.save("a.js", "");
    runs(&rwatch, 2);
    assert_eq!(rwatch.end_by(Signal::SIGTERM), Ended::Signal(15));
}
