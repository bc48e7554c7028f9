//! Checks `--env-file`: read anew at every start, and watched.

mod language;
mod streams;

use crate::sandbox::{Ended, Sandbox};

const WORDS: [&str; 3] = ["child", "env", "A,B"];

#[test]
fn its_variables_are_those_of_now() {
    let sandbox = Sandbox::new().file(".env", "# ours\nA=1\nexport B='x y'\n");
    // Neither the extension nor an ignore file keeps it from being watched.
    let sandbox = sandbox.file(".gitignore", ".env\n");
    let mut rwatch = sandbox.start(["-e", "js", "--env-file", ".env"], WORDS);
    rwatch.says("watching ., .env: *");
    rwatch.prints("env A=\"1\"");
    rwatch.prints("env B=\"x y\"");
    rwatch.ready();
    rwatch.save(".env", "A=2\n");
    rwatch.prints("env A=\"2\"");
    rwatch.prints("env B unset");
    rwatch.restarts_for(&[".env"]);
}

#[test]
fn later_files_win_and_options_win_over_files() {
    let sandbox = Sandbox::new()
        .file("one", "A=1\nB=1\n")
        .file("two", "A=2\n");
    let options = ["--env-file", "one", "-E", "B=3", "--env-file", "two"];
    let mut rwatch = sandbox.start(options, WORDS);
    rwatch.prints("env A=\"2\"");
    rwatch.prints("env B=\"3\"");
}

#[test]
fn one_that_is_missing_or_wrong_is_waited_for() {
    let mut rwatch = Sandbox::new().start(["--env-file", ".env"], WORDS);
    rwatch.says("cannot read `*/.env`: no such file or directory, waiting for changes");
    rwatch.save(".env", "A=1\nwhat is this\n");
    rwatch.says("cannot read `*/.env`: line 2 is no NAME=VALUE, waiting for changes");
    rwatch.save(".env", "#\nPASS WORD=hunter2\n");
    rwatch
        .says("cannot read `*/.env`: line 2: `PASS` is followed by a space*, waiting for changes");
    assert!(
        !rwatch.stderr().contains("hunter2"),
        "{}",
        rwatch.transcript()
    );
    rwatch.save(".env", "A=1\n");
    rwatch.prints("env A=\"1\"");

    let mut rwatch = Sandbox::new().start(["-m", "3", "--env-file", ".env"], WORDS);
    assert_eq!(rwatch.exit(), Ended::Code(125));
}

#[test]
fn the_path_of_a_file_is_where_a_command_is_looked_for() {
    let sandbox = Sandbox::new().file(".env", "PATH=/no/such/dir\n");
    let mut rwatch = sandbox.start(["-m", "0", "--env-file", ".env"], ["no-such-command"]);
    rwatch.says("cannot find `no-such-command` in PATH (/no/such/dir)");
    assert_eq!(rwatch.exit(), Ended::Code(127));
}

#[test]
fn the_build_has_its_variables_too() {
    let sandbox = Sandbox::new().file(".env", "A=1\n");
    let options = ["--env-file", ".env", "--before", "echo built with $A"];
    let mut rwatch = sandbox.start(options, WORDS);
    rwatch.prints("built with 1");
    rwatch.prints("env A=\"1\"");
}
