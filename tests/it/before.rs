//! Checks the build that has to succeed before COMMAND is started or replaced.

use std::fs;
use std::ops::{Deref, DerefMut};

use nix::sys::signal::Signal;

use crate::sandbox::{Ended, Rwatch, Sandbox};

/// An rwatch whose build says `build RUN REASON CHANGED` and ends as the test has it.
struct Gated(Rwatch);

impl Gated {
    fn start(options: &[&str]) -> Self {
        let sandbox = Sandbox::new();
        let (gate, code) = (sandbox.side("gate"), sandbox.side("code"));
        let build = format!(
            "echo build $RWATCH_RUN $RWATCH_REASON $RWATCH_CHANGED; \
             until mv {gate} {code} 2>/dev/null; do sleep 0.01; done; exit $(cat {code})"
        );
        Self::run(sandbox, options, &build)
    }

    /// With COMMAND up, since the first build has succeeded.
    #[track_caller]
    fn running() -> Self {
        let mut rwatch = Self::start(&[]);
        rwatch.builds(1, "start");
        rwatch.ends_with(0);
        assert_eq!(rwatch.ready().reason, "start");
        rwatch
    }

    fn run(sandbox: Sandbox, options: &[&str], build: &str) -> Self {
        let options = [options, &["--before", build]].concat();
        Self(sandbox.start(options, ["child"]))
    }

    /// Waits until the build runs that is before this run, for this reason.
    #[track_caller]
    fn builds(&mut self, run: u32, why: &str) {
        self.prints(format!("build {run} {why}").trim_end());
    }

    /// Has the build end with this code.
    fn ends_with(&self, code: u8) {
        let half = self.side("half");
        fs::write(&half, code.to_string()).expect("a writable sandbox");
        fs::rename(half, self.side("gate")).expect("a writable sandbox");
    }
}

impl Deref for Gated {
    type Target = Rwatch;

    fn deref(&self) -> &Rwatch {
        &self.0
    }
}

impl DerefMut for Gated {
    fn deref_mut(&mut self) -> &mut Rwatch {
        &mut self.0
    }
}

#[test]
fn command_starts_and_restarts_when_it_is_built() {
    let mut rwatch = Gated::running();
    rwatch.save("a.js", "");
    rwatch.builds(2, "change a.js");
    rwatch.ends_with(0);
    rwatch.says("building with `*`");
    rwatch.says("built after *, starting `*`");
    rwatch.says("a.js changed, building with `*`");
    rwatch.says("built after *, restarting");
    let start = rwatch.ready();
    assert_eq!(start.changed, ["a.js"]);
    // It was stopped only then.
    assert_eq!(start.before, ["signal TERM"]);
}

#[test]
fn a_build_that_fails_leaves_the_old_run_up() {
    let mut rwatch = Gated::running();
    rwatch.save("a.js", "");
    rwatch.builds(2, "change a.js");
    rwatch.ends_with(3);
    rwatch.says("`*` exited with code 3 after *, the old run stays");
    rwatch.save("b.js", "");
    // Both are new to whoever comes next.
    rwatch.builds(2, "change b.js a.js");
    rwatch.ends_with(0);
    let start = rwatch.ready();
    assert_eq!(
        (start.run, start.changed),
        (2, vec!["b.js".into(), "a.js".into()])
    );
}

#[test]
fn a_first_build_that_fails_waits_for_a_change() {
    let mut rwatch = Gated::start(&[]);
    rwatch.builds(1, "start");
    rwatch.ends_with(1);
    rwatch.says("`*` exited with code 1 after *, waiting for changes");
    rwatch.save("a.js", "");
    rwatch.builds(1, "change a.js");
    rwatch.ends_with(0);
    assert_eq!(rwatch.ready().run, 1);
}

#[test]
fn where_nothing_is_watched_a_build_that_fails_is_the_end() {
    let mut rwatch = Gated::start(&["-m", "3"]);
    rwatch.builds(1, "start");
    rwatch.ends_with(7);
    assert_eq!(rwatch.exit(), Ended::Code(7));
    let mut rwatch = Gated::run(Sandbox::new(), &["-m", "3"], "no-such-tool");
    assert_eq!(rwatch.exit(), Ended::Code(127));
}

#[test]
fn a_change_stops_the_whole_build_and_builds_anew() {
    let mut rwatch = Gated::start(&[]);
    rwatch.builds(1, "start");
    rwatch.save("a.js", "");
    rwatch.builds(1, "change a.js");
    rwatch.save("b.js", "");
    rwatch.builds(1, "change b.js a.js");
    rwatch.ends_with(0);
    assert_eq!(rwatch.ready().run, 1);
}

#[test]
fn a_build_leaves_nobody_behind() {
    let sandbox = Sandbox::new();
    let pid = sandbox.side("pid");
    let build =
        format!("setsid sh -c 'echo $$ > {pid}; exec sleep 140' & until [ -s {pid} ]; do :; done");
    let mut rwatch = Gated::run(sandbox, &[], &build);
    rwatch.ready();
    let left = fs::read_to_string(pid).expect("it was written");
    assert!(!std::path::Path::new("/proc").join(left.trim()).exists());
}

#[test]
fn ctrl_c_ends_the_build_like_command() {
    let mut rwatch = Gated::start(&[]);
    rwatch.builds(1, "start");
    assert_eq!(rwatch.end_by(Signal::SIGINT), Ended::Signal(2));

    let mut rwatch = Gated::running();
    rwatch.save("a.js", "");
    rwatch.builds(2, "change a.js");
    assert_eq!(rwatch.end_by(Signal::SIGTERM), Ended::Signal(15));
}

#[test]
fn a_build_that_ignores_ctrl_c_is_killed_by_the_second() {
    let build = "trap '' INT TERM; echo build; while :; do sleep 0.01; done";
    let mut rwatch = Gated::run(Sandbox::new(), &["-v", "--stop-timeout", "1h"], build);
    rwatch.prints("build");
    rwatch.signal(Signal::SIGINT);
    rwatch.says("sending SIGINT because of a request to end");
    rwatch.ctrl_c_again();
    assert_eq!(rwatch.exit(), Ended::Signal(2));
}

#[test]
fn nothing_is_left_of_the_build_when_rwatch_is_killed() {
    let mut rwatch = Gated::start(&[]);
    rwatch.builds(1, "start");
    assert_eq!(rwatch.end_by(Signal::SIGKILL), Ended::Signal(9));
}

#[test]
fn the_build_has_commands_directory_and_environment_but_not_its_input() {
    let sandbox = Sandbox::new().dir("sub");
    let build = "echo $A in $(basename $PWD); cat";
    let mut rwatch = Gated::run(sandbox, &["-C", "sub", "-E", "A=b"], build);
    rwatch.prints("b in sub");
    rwatch.ready();
}

#[test]
fn a_build_that_writes_what_is_watched_is_told_so() {
    let build = "for i in 1 2 3 4 5; do echo > out$i.js; done; sleep 140";
    let mut rwatch = Gated::run(Sandbox::new(), &[], build);
    rwatch.says("out*.js changes in build after build, *--ignore '/out*.js' ends the loop");
}

#[test]
fn a_loop_does_not_keep_command_from_starting() {
    let build = "echo > out.js; sleep 0.2";
    let mut rwatch = Gated::run(Sandbox::new(), &[], build);
    rwatch.says("out.js changes in build after build, *");
    rwatch.ready();
}

#[test]
fn cargo_builds_what_runs() {
    let main = |text: &str| {
        format!("fn main() {{ println!(\"{text}\"); loop {{ std::thread::park(); }} }}")
    };
    let sandbox = Sandbox::new()
        .file(
            "Cargo.toml",
            "[package]\nname = \"x\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
        )
        .file("src/main.rs", &main("one"));
    let options = ["-e", "rs,toml", "--before", "cargo build -q --offline"];
    let mut rwatch = sandbox.start(options, ["target/debug/x"]);
    rwatch.prints("one");
    rwatch.write("src/main.rs", "fn main() { mistake }");
    rwatch.says("`cargo build -q --offline` exited with code 101 after *, the old run stays");
    rwatch.write("src/main.rs", &main("two"));
    rwatch.prints("two");
}
