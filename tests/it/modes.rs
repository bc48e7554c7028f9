//! Checks that `chmod +x` is a change where it is what is waited for, and none anywhere else.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::thread;
use std::time::Duration;

use crate::sandbox::{Rwatch, Sandbox, child};

const DENIED: &str =
    "cannot execute *: permission denied; `chmod +x` makes it executable, waiting for changes";
/// The mode is changed so often, each time so much later.
const MOMENTS: u32 = 30;
const MOMENT: Duration = Duration::from_micros(700);

/// A script that becomes the fixture.
fn script() -> String {
    format!("#!/bin/sh\nexec {} \"$@\"\n", child())
}

/// A sandbox with the script, which cannot be executed.
fn sandbox() -> Sandbox {
    Sandbox::new().file("app", &script())
}

fn chmod(sandbox: &Sandbox, path: &str, mode: u32) {
    let permissions = Permissions::from_mode(mode);
    fs::set_permissions(sandbox.path(path), permissions).expect("our own file");
}

/// Waits until `path` is denied, and then for the start that `chmod +x` of `changed` leads to.
#[track_caller]
fn starts_for(mut rwatch: Rwatch, path: &str, changed: &str) -> Rwatch {
    rwatch.says(DENIED);
    chmod(&rwatch, changed, 0o755);
    rwatch.says(&format!("{path} changed, restarting"));
    rwatch.ready();
    rwatch
}

#[test]
fn chmod_x_starts_what_could_not_be_executed() {
    let mut rwatch = starts_for(sandbox().start([""; 0], ["./app"]), "app", "app");
    // And that was all of it.
    rwatch.ignores(|s| chmod(s, "app", 0o700));
    rwatch.ignores(|s| chmod(s, "app", 0o755));
}

#[test]
fn what_is_downloaded_and_made_executable_is_started() {
    let mut rwatch = Sandbox::new().start([""; 0], ["./app"]);
    rwatch.says("cannot find `./app`*, waiting for changes");
    rwatch.write("app", &script());
    rwatch.says("app changed, restarting");
    starts_for(rwatch, "app", "app");
}

#[test]
fn at_any_moment_of_the_start() {
    for moment in 0..MOMENTS {
        let mut rwatch = sandbox().start([""; 0], ["./app"]);
        // Not to be safe, but to be somewhere else.
        thread::sleep(MOMENT * moment);
        chmod(&rwatch, "app", 0o755);
        rwatch.ready();
    }
}

#[test]
fn whatever_hides_the_file_otherwise() {
    let options = ["-e", "js", "-i", "app"];
    starts_for(sandbox().start(options, ["./app"]), "app", "app");
}

#[test]
fn a_link_to_it_will_do() {
    let sandbox = Sandbox::new().file("build/app", &script());
    symlink("build/app", sandbox.path("app")).expect("a writable sandbox");
    starts_for(sandbox.start([""; 0], ["./app"]), "app", "build/app");
}

#[test]
fn one_that_is_found_in_path_too() {
    let sandbox = sandbox().env("PATH", ".:/usr/bin:/bin");
    starts_for(sandbox.start([""; 0], ["app"]), "app", "app");
}

#[test]
fn in_the_directory_that_it_is_started_in() {
    for program in ["./app", "../sub/app"] {
        let sandbox = Sandbox::new().file("sub/app", &script());
        let rwatch = sandbox.start(["-C", "sub"], [program]);
        starts_for(rwatch, "sub/app", "sub/app");
    }
}

#[test]
fn where_it_is_polled() {
    starts_for(sandbox().start(["--poll=20ms"], ["./app"]), "app", "app");
}

#[test]
fn a_file_that_is_watched_alone() {
    let sandbox = sandbox().fences("src/").dir("src");
    let options = ["-w", "src", "-w", "app"];
    starts_for(sandbox.start(options, ["./app"]), "app", "app");
}

#[test]
fn the_build_comes_first() {
    let mut rwatch = sandbox().start(["--before", "echo built"], ["./app"]);
    rwatch.says(DENIED);
    rwatch.prints("built");
    chmod(&rwatch, "app", 0o755);
    rwatch.says("app changed, building with *");
    rwatch.prints("built");
    rwatch.ready();
}

#[test]
fn another_mode_is_no_change() {
    let mut rwatch = sandbox().start([""; 0], ["./app"]);
    rwatch.says(DENIED);
    chmod(&rwatch, "app", 0o600);
    chmod(&rwatch, "app", 0o644);
    rwatch.save("a.js", "");
    rwatch.says("a.js changed, restarting");
    let rwatch = starts_for(rwatch, "app", "app");
    let lines = rwatch.said();
    let starts = lines
        .iter()
        .filter(|line| line.contains("changed, restarting"));
    assert_eq!(starts.count(), 2, "{lines:#?}");
}

#[test]
fn one_that_started_some_other_way_is_waited_for_no_more() {
    let mut rwatch = sandbox().start([""; 0], ["./app"]);
    rwatch.says(DENIED);
    rwatch.save_as("app", &script(), 0o755);
    rwatch.says("app changed, restarting");
    rwatch.ready();
    rwatch.ignores(|s| chmod(s, "app", 0o711));
}

#[test]
fn what_is_executable_and_no_program_is_told_so() {
    let mut rwatch = Sandbox::new()
        .file("app", "echo hi\n")
        .start([""; 0], ["./app"]);
    rwatch.says(DENIED);
    chmod(&rwatch, "app", 0o755);
    rwatch.says("app changed, restarting");
    rwatch.says("cannot execute `./app`: it is no binary for this machine and has no `#!` line, waiting for changes");
}

#[test]
fn an_interpreter_that_becomes_executable() {
    let sandbox = Sandbox::new().file("sh", &format!("#!/bin/sh\nexec {}\n", child()));
    let head = format!("#!{}\n", sandbox.path("sh").display());
    sandbox.save_as("app", &head, 0o755);
    let mut rwatch = sandbox.start([""; 0], ["./app"]);
    rwatch.says("cannot execute `./app`*, waiting for changes");
    chmod(&rwatch, "sh", 0o755);
    rwatch.says("sh changed, restarting");
    rwatch.ready();
}

#[test]
fn a_directory_that_can_be_entered_then() {
    let sandbox = Sandbox::new().file("bin/app", &script());
    chmod(&sandbox, "bin/app", 0o755);
    let is_root = fs::metadata("/proc/self").is_ok_and(|us| us.uid() == 0);
    let nobody = [
        "setpriv",
        "--reuid=54321",
        "--regid=54321",
        "--clear-groups",
    ];
    let user: &[&str] = if is_root { &nobody } else { &[] };
    chmod(&sandbox, "..", 0o755);
    chmod(&sandbox, "bin", 0o744);
    let mut rwatch = sandbox.wrapper(user).start([""; 0], ["./bin/app"]);
    rwatch.says("cannot execute `./bin/app`: permission denied: a directory on the way to it cannot be entered, waiting for changes");
    chmod(&rwatch, "bin", 0o755);
    rwatch.says("bin/app changed, restarting");
    rwatch.ready();
}
