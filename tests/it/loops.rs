//! Lets COMMAND restart itself by what it writes: that is named, and then slowed down; and nobody
//! else is.

use crate::bursts::undisturbed;
use crate::sandbox::Sandbox;

const NAMED: &str = "app/out changes right after every start: * --ignore '/app/out' ends the loop";
const SPACED: &str = "app/out goes on changing right after every start: spacing out *";

#[test]
fn who_writes_at_every_start_is_named_and_then_slowed_down() {
    let script = "echo $RWATCH_RUN > ../side/run; echo > app/out; exec sleep 100";
    let mut rwatch = Sandbox::new()
        .dir("app")
        .start(["-v", "-w", "app"], ["sh", "-c", script]);
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
fn who_saves_one_file_as_soon_as_command_is_up_is_not_slowed_down() {
    let mut rwatch = Sandbox::new()
        .file("app/out", "")
        .start(["-w", "app"], ["child"]);
    rwatch.ready();
    let calm = undisturbed(|| {
        for n in 1..=14 {
            rwatch.save("app/out", &n.to_string());
            rwatch.restarts_for(&["app/out"]);
        }
    });
    // On a busy machine COMMAND has not fallen asleep yet when the change comes.
    let slowed = |line: &String| line.contains("spacing out");
    let slowed = rwatch.said().iter().any(slowed);
    assert!(!slowed || !calm, "{}", rwatch.transcript());
}
