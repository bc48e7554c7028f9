//! Lets COMMAND restart itself by what it writes: that is named, and then slowed down; and nobody
//! else is.

use std::thread;
use std::time::Duration;

use crate::bursts::undisturbed;
use crate::sandbox::{Rwatch, Sandbox};

const NAMED: &str = "app/out changes right after every start: * --ignore '/app/out' ends the loop";
const SPACED: &str = "app/out goes on changing right after every start: spacing out *";
/// Nobody saves again so soon after a start, time after time.
const QUICK: Duration = Duration::from_millis(200);

/// COMMAND does this at every start, in a directory with app/, which is watched.
fn doing(script: &str) -> Rwatch {
    Sandbox::new()
        .dir("app")
        .start(["-v", "-w", "app"], ["sh", "-c", script])
}

/// How many restarts there were before it was said that they are spaced out.
fn restarts_before_spacing(rwatch: &Rwatch) -> usize {
    let said = rwatch.said();
    let lines = said.iter().take_while(|line| !line.contains("spacing out"));
    lines
        .filter(|line| line.ends_with("changed, restarting"))
        .count()
}

#[test]
fn who_writes_at_every_start_is_named_and_then_slowed_down() {
    let mut rwatch = doing("echo $RWATCH_RUN > ../side/run; echo > app/out; exec sleep 100");
    rwatch.says(NAMED);
    rwatch.says(SPACED);
    // Anything else is answered at once; here it is enough that it is. COMMAND itself may be stopped
    // for what the run before it wrote, before it can tell.
    rwatch.save("app/other", "");
    rwatch.says("app/other *");
    rwatch.says("run * is process *, reason: change");
}

#[test]
fn who_writes_at_its_end_is_named_and_then_slowed_down() {
    let mut rwatch = Sandbox::new()
        .dir("app")
        .start(["-w", "app"], ["sh", "-c", "echo > app/out"]);
    rwatch.says(NAMED);
    rwatch.says(SPACED);
}

#[test]
fn so_is_who_writes_and_sleeps_when_that_is_seen() {
    let mut rwatch = Sandbox::new()
        .dir("app")
        .start(["-w", "app"], ["child", "log", "app/out"]);
    rwatch.says(NAMED);
    rwatch.says(SPACED);
    // Thirty in a row within a second; on a busy machine a row may begin anew.
    let restarts = restarts_before_spacing(&rwatch);
    assert!(restarts < 100, "{}", rwatch.transcript());
}

#[test]
fn so_is_who_writes_several_files() {
    for (script, names, ignores) in [
        (
            "echo > app/one; echo > app/two; exec sleep 100",
            "app/one and app/two",
            "--ignore '/app/one' --ignore '/app/two'",
        ),
        (
            "echo > app/out$((RWATCH_RUN % 3)); exec sleep 100",
            "app/out0, app/out1 and app/out2",
            "--ignore '/app/out0' --ignore '/app/out1' --ignore '/app/out2'",
        ),
        (
            "mkdir -p app/coverage/html; for f in a b c html/d html/e; do echo > app/coverage/$f; done",
            "app/coverage/",
            "--ignore '/app/coverage/'",
        ),
        (
            "cd app; for f in a b c d; do echo > $f.js; done; exec sleep 100",
            "app/*.js",
            "--ignore '/app/*.js'",
        ),
    ] {
        let mut rwatch = doing(script);
        rwatch.write("app/a.ts", "");
        let change = if names.contains(" and ") {
            "change"
        } else {
            "changes"
        };
        let go = if names.contains(" and ") {
            "go"
        } else {
            "goes"
        };
        // That some are missing may be so at first: it takes time to write them.
        rwatch.says(&format!("* {change} right after every start: *"));
        rwatch.says(&format!(
            "{names} {go} on changing right after every start: spacing out *; {ignores} ends them"
        ));
        rwatch.save("app/mine", "");
        rwatch.says("app/mine *");
        rwatch.says("run * is process *, reason: change");
    }
}

#[test]
fn so_is_who_writes_a_new_file_every_time() {
    let mut rwatch = doing("echo > app/run-$$.log; while :; do :; done");
    rwatch.says("app/run-*.log changes *: * --ignore '/app/run-*.log' ends the loop");
    rwatch.says("app/run-*.log goes on changing *");
}

#[test]
fn who_saves_one_file_as_soon_as_command_is_up_is_not_slowed_down() {
    let mut rwatch = Sandbox::new()
        .file("app/out", "")
        .start(["-w", "app"], ["child"]);
    rwatch.ready();
    for n in 1..=14 {
        thread::sleep(QUICK);
        rwatch.save("app/out", &n.to_string());
        rwatch.restarts_for(&["app/out"]);
    }
    let slowed = |line: &String| line.contains("spacing out");
    assert!(!rwatch.said().iter().any(slowed), "{}", rwatch.transcript());
}

#[test]
fn who_saves_two_files_in_turns_is_not_slowed_down() {
    let mut rwatch = Sandbox::new().dir("app").start(["-w", "app"], ["child"]);
    rwatch.ready();
    let calm = undisturbed(|| {
        for n in 1..=14 {
            let name = ["app/a", "app/b"][n % 2];
            rwatch.save(name, "");
            rwatch.restarts_for(&[name]);
        }
    });
    // On a busy machine COMMAND has not fallen asleep yet when the change comes.
    let slowed = |line: &String| line.contains("spacing out");
    let slowed = rwatch.said().iter().any(slowed);
    assert!(!slowed || !calm, "{}", rwatch.transcript());
}
