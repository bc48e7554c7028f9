//! Has COMMAND take the terminal without asking for it, as programs do that ignore SIGTTOU: it comes
//! back, whoever took it.

use nix::sys::signal::{Signal, kill};
use nix::unistd::getpgid;

use super::pty::{CTRL_C, CTRL_Z, PROMPT, Terminal};
use super::{is_handed_over, log, logging};
use crate::sandbox::Sandbox;

/// Makes its group the foreground group, turns line editing off, and waits.
const TAKER: &str = "
import os, signal, sys, termios, time, tty
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
signal.signal(signal.SIGTSTP, signal.SIG_DFL)
os.tcsetpgrp(0, os.getpgrp())
tty.setcbreak(0)
print('took it', os.environ['RWATCH_RUN'], flush=True)
while True:
    time.sleep(60)
";

/// Puts its child into the foreground, alone.
const TINI: [&str; 3] = ["tini", "-s", "--"];

fn under_tini<'a>(log: &'a str, words: &[&'a str]) -> Vec<&'a str> {
    let child = logging(log, words);
    [&TINI[..], &child].concat()
}

/// The command line of `words`, in which `child` is the fixture.
fn start(options: &[&str], words: &[&str]) -> Terminal {
    let sandbox = Sandbox::new();
    let path = sandbox.side("log");
    let child = crate::sandbox::child();
    let command = under_tini(&path, words);
    let command: Vec<&str> = command
        .into_iter()
        .map(|word| if word == "child" { &child } else { word })
        .collect();
    let mut terminal = Terminal::script(sandbox, options, &command);
    terminal.sees("ready 1 start");
    is_handed_over(&mut terminal);
    terminal
}

fn is_back(terminal: &mut Terminal) {
    let rwatch = terminal.pids("rwatch")[0];
    let group = getpgid(Some(rwatch)).expect("rwatch lives");
    terminal.until("the terminal is back", |terminal| {
        terminal.foreground() == group
    });
}

#[test]
fn ctrl_c_that_reaches_the_taker_alone_ends_rwatch() {
    let mut terminal = start(&[], &[]);
    terminal.types(CTRL_C);
    terminal.sees("ended 130");
    assert_eq!(log(&terminal), ["start", "signal INT", "exit"]);
    assert_eq!(terminal.foreground(), terminal.leader());
}

#[test]
fn when_the_taker_has_ended_the_keys_are_rwatchs_again() {
    let mut terminal = start(&[], &["slow-stop", "0"]);
    let before = terminal.modes();
    for run in 2..4 {
        terminal.types(CTRL_C);
        terminal.says("exited cleanly*, waiting for changes");
        is_back(&mut terminal);
        terminal.types("rs\n");
        terminal.says("restarting by hand");
        terminal.sees(&format!("ready {run} manual"));
        is_handed_over(&mut terminal);
    }
    terminal.types(CTRL_C);
    terminal.says("exited cleanly*, waiting for changes");
    is_back(&mut terminal);
    assert_eq!(terminal.modes(), before);
    terminal.types(CTRL_C);
    terminal.sees("ended 130");
}

#[test]
fn each_run_can_take_it() {
    let mut terminal = start(&[], &[]);
    for run in 2..4 {
        let old = terminal.foreground();
        terminal.save("a.js", "");
        terminal.sees(&format!("ready {run} change a.js"));
        terminal.is_handed_over_by(old);
        is_handed_over(&mut terminal);
    }
    terminal.types(CTRL_C);
    terminal.sees("ended 130");
}

#[test]
fn it_comes_back_while_what_is_left_of_the_run_is_stopped() {
    let mut terminal = start(
        &["--stop-timeout", "10m", "-w", "."],
        &["fork", "setsid", "ignore", "TERM", "/"],
    );
    let taker = terminal.foreground();
    kill(taker, Signal::SIGKILL).expect("it lives");
    terminal.says("still waiting for *");
    is_back(&mut terminal);
    terminal.types(CTRL_C);
    terminal.sees("ended 130");
}

#[test]
fn a_build_may_take_it_too() {
    let gate = "tini -s -- sh -c 'while ! test -e go; do sleep .01; done' </dev/tty";
    let sandbox = Sandbox::new();
    let mut terminal = Terminal::script(sandbox, &["-i", "go", "-b", gate], &["child"]);
    terminal.says("building *");
    is_handed_over(&mut terminal);
    terminal.write("go", "");
    terminal.sees("ready 1 start");
    is_back(&mut terminal);
    terminal.types("rs\n");
    terminal.says("restarting by hand");
    terminal.sees("ready 2 manual");

    terminal.remove("go");
    terminal.types("rs\n");
    is_handed_over(&mut terminal);
    terminal.types(CTRL_C);
    terminal.sees("ended 130");
}

#[test]
fn the_modes_come_back_with_it() {
    let command = ["python3", "-c", TAKER];
    let mut terminal = Terminal::script(Sandbox::new(), &[], &command);
    let before = terminal.modes();
    terminal.sees("took it 1");
    assert_ne!(terminal.modes(), before);
    terminal.save("a.js", "");
    terminal.sees("took it 2");
    let taker = terminal.foreground();
    kill(taker, Signal::SIGKILL).expect("it lives");
    terminal.says("killed by SIGKILL*, waiting for changes");
    assert_eq!(terminal.modes(), before);
    is_back(&mut terminal);
    terminal.types("rs\n");
    terminal.sees("took it 3");
    let rwatch = terminal.pids("rwatch")[0];
    kill(rwatch, Signal::SIGTERM).expect("it lives");
    terminal.sees("ended 143");
    assert_eq!(terminal.modes(), before);
    assert_eq!(terminal.foreground(), terminal.leader());
}

#[test]
fn ctrl_z_stops_the_taker_and_rwatch() {
    let mut terminal = Terminal::shell(Sandbox::new());
    let before = terminal.modes();
    terminal.write("taker.py", TAKER);
    terminal.types("rwatch -i taker.py -- python3 taker.py\n");
    terminal.sees("took it 1");
    for _ in 0..2 {
        is_handed_over(&mut terminal);
        terminal.types(CTRL_Z);
        terminal.sees(PROMPT);
        terminal.stops("rwatch");
        assert_eq!(terminal.foreground(), terminal.leader());
        assert_eq!(terminal.modes(), before);
        terminal.types("fg\n");
        terminal.goes_on("rwatch");
        terminal.goes_on("python3");
    }
    terminal.save("a.js", "");
    terminal.sees("took it 2");
    terminal.types(CTRL_C);
    terminal.sees(PROMPT);
    terminal.types("echo code $?\n");
    terminal.sees("code 130");
    assert_eq!(terminal.modes(), before);
}

#[test]
fn closing_a_terminal_that_was_taken_stops_everybody() {
    let mut terminal = start(&[], &[]);
    terminal.close();
    terminal.until("nobody is left", |terminal| terminal.alive().is_empty());
    let log = log(&terminal);
    assert!(log[1].starts_with("signal "), "{log:?}");
}

#[test]
fn a_shell_under_rwatch_may_be_ended_while_its_job_has_the_terminal() {
    let shell = ["bash", "--norc", "--noprofile", "--noediting", "-i"];
    let sandbox = Sandbox::new().env("PS1", "run $RWATCH_RUN> ");
    let options = ["--stop-timeout", "50ms"];
    let mut terminal = Terminal::script(sandbox, &options, &shell);
    for run in 1..3 {
        terminal.sees(&format!("run {run}> "));
        let shell = terminal.foreground();
        terminal.types("sleep 123\n");
        terminal.is_handed_over_by(shell);
        terminal.until("its job has the terminal", |terminal| {
            terminal.pids("sleep") == [terminal.foreground()]
        });
        terminal.save(["a.js", "b.js"][run % 2], "");
    }
    terminal.sees("run 3> ");
    terminal.types("exit 0\n");
    terminal.says("exited cleanly*, waiting for changes");
    is_back(&mut terminal);
    terminal.types(CTRL_C);
    terminal.sees("ended 130");
}

#[test]
fn who_asks_for_it_in_vain_gets_it_when_its_taker_is_dead() {
    let child = crate::sandbox::child();
    let sandbox = Sandbox::new();
    let (taken, gate) = (sandbox.side("taken"), sandbox.side("gate"));
    let script = "exec 3<&0
        tini -s -- sh -c ': >\"$0\"; while ! test -e \"$1\"; do sleep .01; done' \"$1\" \"$2\" <&3 &
        while ! test -e \"$1\"; do sleep .01; done
        \"$0\" lines";
    let command = ["sh", "-c", script, &child, &taken, &gate];
    let mut terminal = Terminal::script(sandbox, &[], &command);
    terminal.sees("ready 1 start");
    terminal.stops("child");
    terminal.open("gate");
    terminal.goes_on("child");
    terminal.types("x\n");
    terminal.sees("line \"x\"");
}
