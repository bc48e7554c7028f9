//! Tells those who do not read the lines: by the title, the bell, and the last line.

use nix::sys::signal::{Signal, kill};

use super::pty::{CTRL_C, CTRL_Z, PROMPT, Terminal};
use super::{start, start_in_shell};
use crate::sandbox::{Ended, Sandbox};

const SAVE: &str = "\x1b[22;0t";
const RESTORE: &str = "\x1b[23;0t";

/// The titles so far, one after the other.
fn titles(terminal: &Terminal) -> Vec<String> {
    let raw = terminal.raw();
    let titles = raw.split("\x1b]0;").skip(1);
    titles
        .map(|rest| rest.split('\x07').next().expect("an end").to_owned())
        .collect()
}

/// The same, without the words that all of them have.
fn states(terminal: &Terminal) -> Vec<String> {
    let states = titles(terminal).into_iter();
    states
        .map(|title| title.rsplit(": ").next().expect("a state").to_owned())
        .collect()
}

/// How often the bell rang, where there are no titles.
fn bells(terminal: &Terminal) -> usize {
    terminal.raw().matches('\x07').count()
}

#[track_caller]
fn is_put_back(terminal: &Terminal) {
    let raw = terminal.raw();
    assert_eq!(
        raw.matches(SAVE).count(),
        raw.matches(RESTORE).count(),
        "{raw:?}"
    );
    let first = raw.find(SAVE).expect("a title");
    assert_eq!(raw.find("\x1b]0;"), Some(first + SAVE.len()), "{raw:?}");
    assert_eq!(
        raw.rfind("\x1b]"),
        raw.rfind("\x1b]0;\x07\x1b[23;0t"),
        "{raw:?}"
    );
}

#[test]
fn the_title_says_what_has_become_of_command() {
    let script =
        "case $RWATCH_RUN in 1) exit 3 ;; 2) ;; 3) kill -SEGV $$ ;; *) echo up; cat $0 ;; esac";
    let sandbox = Sandbox::new().dir("app");
    let gate = sandbox.side("fifo");
    sandbox.tool("mkfifo", &[&gate]);
    let command = ["sh", "-c", script, &gate];
    let mut terminal = Terminal::alone(sandbox, &["-w", "app"], &command);
    for name in ["app/a.js", "app/b.js", "app/c.js"] {
        terminal.says("*waiting for changes");
        terminal.save(name, "");
    }
    terminal.sees("up");
    terminal.types(CTRL_C);
    assert_eq!(terminal.exit(), Ended::Signal(2));
    let first = titles(&terminal).remove(0);
    assert!(first.starts_with("rwatch: sh -c 'case "), "{first}");
    assert!(first.ends_with("…: running"), "{first}");
    let expected = [
        "running",
        "failed (code 3)",
        "restarting",
        "running",
        "waiting for changes",
        "restarting",
        "running",
        "failed (SIGSEGV)",
        "restarting",
        "running",
        "stopping",
        "",
    ];
    assert_eq!(states(&terminal), expected);
    is_put_back(&terminal);
}

#[test]
fn the_title_says_what_has_become_of_the_build() {
    let mut terminal = start(&["-b", "test ! -e no.js"], &[]);
    terminal.save("no.js", "");
    terminal.says("*, the old run stays");
    terminal.remove("no.js");
    terminal.sees("ready 2 change");
    terminal.types("q\n");
    assert_eq!(terminal.exit(), Ended::Code(0));
    let expected = [
        "building",
        "running",
        "building",
        "build failed",
        "building",
        "restarting",
        "running",
        "stopping",
        "",
    ];
    assert_eq!(states(&terminal), expected);
    is_put_back(&terminal);
}

#[test]
fn the_title_is_put_back_however_rwatch_ends() {
    let mut terminal = Terminal::alone(Sandbox::new(), &["-m", "0"], &["child", "exit", "3"]);
    assert_eq!(terminal.exit(), Ended::Code(3));
    assert_eq!(states(&terminal), ["running", ""]);
    is_put_back(&terminal);

    let mut terminal = start(&[], &[]);
    kill(terminal.leader(), Signal::SIGTERM).expect("rwatch lives");
    assert_eq!(terminal.exit(), Ended::Signal(15));
    is_put_back(&terminal);

    let mut terminal = Terminal::alone(Sandbox::new(), &["-p"], &["child"]);
    terminal.says("waiting for changes *");
    terminal.save("a.js", "");
    terminal.sees("ready 1");
    terminal.types(CTRL_C);
    assert_eq!(terminal.exit(), Ended::Signal(2));
    let expected = ["waiting for changes", "running", "stopping", ""];
    assert_eq!(states(&terminal), expected);
    is_put_back(&terminal);
}

#[test]
fn the_title_is_put_back_while_rwatch_is_stopped() {
    let mut terminal = start_in_shell("", "");
    terminal.types(CTRL_Z);
    terminal.sees(PROMPT);
    is_put_back(&terminal);
    terminal.types("fg\n");
    terminal.until("the title is rwatch's", |terminal| {
        states(terminal) == ["running", "", "running"]
    });
    terminal.types("q\n");
    terminal.sees(PROMPT);
    is_put_back(&terminal);
}

#[test]
fn the_title_is_left_alone_where_it_is_not_wanted() {
    let dumb = || Sandbox::new().wrapper(&["env", "TERM=dumb"]);
    let unset = || Sandbox::new().wrapper(&["env", "-u", "TERM"]);
    for (sandbox, option) in [
        (Sandbox::new(), "--no-title"),
        (Sandbox::new(), "-q"),
        (dumb(), "-v"),
        (unset(), "-v"),
    ] {
        let mut terminal = Terminal::alone(sandbox, &[option, "-m", "0"], &["child", "exit", "3"]);
        assert_eq!(terminal.exit(), Ended::Code(3));
        let raw = terminal.raw();
        assert!(raw.contains("ready 1 start"), "{raw:?}");
        assert!(!raw.contains("\x1b]") && !raw.contains("0t"), "{raw:?}");
    }
}

#[test]
fn only_a_standard_error_that_is_a_terminal_gets_notices() {
    let options = ["--bell", "-m", "0"];
    let command = ["child", "exit", "3"];
    for (stream, has_title) in [("", true), ("2", false)] {
        let redirect = format!("exec \"$@\" {stream}>out");
        let sandbox = Sandbox::new().wrapper(&["sh", "-c", &redirect, "sh"]);
        let mut terminal = Terminal::alone(sandbox, &options, &command);
        assert_eq!(terminal.exit(), Ended::Code(3));
        assert_eq!(terminal.raw().contains('\x07'), has_title, "{stream}");
        let other = std::fs::read_to_string(terminal.path("out")).expect("text");
        assert!(
            !other.is_empty() && !other.contains(['\x1b', '\x07']),
            "{other:?}"
        );
    }
}

#[test]
fn the_bell_rings_once_for_each_failure() {
    // How it ends, what the options add, and how often that rings.
    for (options, command, expected) in [
        (&["-m", "0"][..], &["child", "exit", "0"][..], 0),
        (&["-m", "0"], &["child", "exit", "3"], 1),
        (&["-m", "0", "-q"], &["child", "exit", "3"], 1),
        (&["-m", "0"], &["sh", "-c", "kill -SEGV $$"], 1),
        (&["-m", "0"], &["./no-such-file"], 1),
        (&["-m", "0", "-b", "exit 3"], &["child"], 1),
        (
            &["-m", "2", "--backoff", "0..0"],
            &["child", "exit", "3"],
            3,
        ),
        (
            &["-m", "2", "--backoff", "0..0"],
            &["child", "exit", "0"],
            1,
        ),
    ] {
        let options = [&["--no-title", "--bell"], options].concat();
        let mut terminal = Terminal::alone(Sandbox::new(), &options, command);
        terminal.exit();
        let raw = terminal.raw();
        assert_eq!(
            bells(&terminal),
            expected,
            "{options:?} {command:?}: {raw:?}"
        );
    }
}

#[test]
fn the_bell_is_silent_for_what_rwatch_stops_itself() {
    let mut terminal = start(&["--no-title", "--bell", "-s", "KILL"], &[]);
    terminal.save("a.js", "");
    terminal.sees("ready 2 change a.js");
    terminal.types(CTRL_C);
    assert_eq!(terminal.exit(), Ended::Signal(2));
    assert_eq!(bells(&terminal), 0, "{:?}", terminal.raw());
}

#[test]
fn without_the_option_the_bell_is_silent() {
    let options = ["--no-title", "-m", "0"];
    let mut terminal = Terminal::alone(Sandbox::new(), &options, &["child", "exit", "3"]);
    assert_eq!(terminal.exit(), Ended::Code(3));
    assert_eq!(bells(&terminal), 0, "{:?}", terminal.raw());
}
