//! Types Ctrl-C while COMMAND has the terminal: one is enough for whoever ends of it, gracefully too,
//! and whoever takes it for a new line lives on.

use std::path::PathBuf;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpgid};

use super::pty::{CTRL_C, CTRL_D, CTRL_Z, PROMPT, Terminal};
use super::{PYTHON, is_handed_over, log, prompts, start, start_in_shell};
use crate::sandbox::{Ended, Sandbox, children, eventually, state};

/// Asks for a name, and then works until it is interrupted.
const BOT: &str = "
import sys, time
try:
    print('hello', input('name? '), flush=True)
    while True:
        time.sleep(.05)
except KeyboardInterrupt:
    print('clean', flush=True)
    sys.exit(int(sys.argv[1]))
";

/// The witness, if there is one.
fn witness(rwatch: Pid) -> Option<Pid> {
    let is_it = |pid: &i32| {
        let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        words.starts_with(b"rw-witness")
    };
    children(rwatch).into_iter().find(is_it).map(Pid::from_raw)
}

/// Waits until the witness has taken in the Ctrl-C that was typed: to the kernel a second one that comes
/// before that is the same (signal(7), "Queueing").
fn has_heard(witness: Pid) {
    let status = format!("/proc/{witness}/status");
    eventually("the witness has taken in the Ctrl-C", || {
        let status = std::fs::read_to_string(&status).expect("it lives");
        let pending = status.lines().find_map(|line| line.strip_prefix("ShdPnd:"));
        let pending = pending.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        pending.expect("a mask") & (1 << (Signal::SIGINT as i32 - 1)) == 0
    });
}

fn is_gone(pid: Pid) {
    eventually("the witness is gone", || {
        state(&PathBuf::from(format!("/proc/{pid}"))).is_none()
    });
}

/// The bot is greeted, and cleans up at the first Ctrl-C, which ends rwatch.
#[track_caller]
fn one_is_enough(mut terminal: Terminal) {
    prompts(&mut terminal, "name? ");
    terminal.types("bob\n");
    terminal.sees("hello bob");
    terminal.types(CTRL_C);
    terminal.sees("clean");
    assert_eq!(terminal.exit(), Ended::Signal(2));
}

#[test]
fn a_program_that_ends_gracefully_needs_one() {
    for code in ["0", "3"] {
        let command = ["python3", "-c", BOT, code];
        let terminal = Terminal::alone(Sandbox::new(), &[], &command);
        one_is_enough(terminal);
    }
}

#[test]
fn the_shell_sees_130() {
    let mut terminal = start_in_shell("-r always", "lines slow-stop 50");
    is_handed_over(&mut terminal);
    terminal.types(CTRL_C);
    terminal.sees(PROMPT);
    terminal.types("echo code $?\n");
    terminal.sees("code 130");
    assert_eq!(log(&terminal), ["start", "signal INT", "exit"]);
}

#[test]
fn while_it_waits_for_a_line_one_is_enough_too() {
    let mut terminal = start(&[], &["lines", "slow-stop", "0"]);
    is_handed_over(&mut terminal);
    terminal.types(CTRL_C);
    assert_eq!(terminal.exit(), Ended::Signal(2));
}

#[test]
fn a_prompt_that_swallows_it_lives_on_and_its_end_is_an_ordinary_one() {
    let mut terminal = Terminal::alone(Sandbox::new(), &[], &PYTHON);
    prompts(&mut terminal, ">>> ");
    for _ in 0..2 {
        terminal.types(CTRL_C);
        terminal.sees("KeyboardInterrupt");
        terminal.sees(">>> ");
        terminal.types(CTRL_D);
        terminal.says("*exited cleanly*, waiting for changes");
        terminal.types("rs\n");
        terminal.says("restarting by hand");
        prompts(&mut terminal, ">>> ");
    }
    terminal.types("print(6 * 7)\n");
    terminal.sees("\n42");
}

#[test]
fn an_end_of_input_after_it_is_no_ctrl_c_either() {
    let (mut terminal, gate) = start_with_gate(&["lines", "ignore", "INT"]);
    terminal.types("x\n");
    terminal.sees("line \"x\"");
    terminal.types(CTRL_C);
    terminal.sees("signal INT");
    // On an empty line it is no byte that anybody could read.
    terminal.types(CTRL_D);
    terminal.sees("no more lines");
    terminal.open(gate);
    terminal.says("exited cleanly*, waiting for changes");
}

#[test]
fn of_several_the_last_one_counts() {
    let (mut terminal, gate) = start_with_gate(&["lines", "ignore", "INT"]);
    let witness = witness(terminal.leader()).expect("there is one");
    terminal.types(CTRL_C);
    terminal.sees("signal INT");
    has_heard(witness);
    terminal.types("x\n");
    terminal.sees("line \"x\"");
    terminal.types(CTRL_C);
    terminal.sees("signal INT");
    terminal.open(gate);
    assert_eq!(terminal.exit(), Ended::Signal(2));
}

/// Starts the fixture, which ends with 0 when the gate is open, and has the terminal.
fn start_with_gate(words: &[&str]) -> (Terminal, &'static str) {
    let sandbox = Sandbox::new();
    let gate = sandbox.side("gate");
    let words = [&["child", "exit-when", &gate, "0"], words].concat();
    let mut terminal = Terminal::alone(sandbox, &[], &words);
    prompts(&mut terminal, "ready 1 start");
    (terminal, "gate")
}

#[test]
fn who_swallowed_one_is_restarted_by_a_save() {
    let mut terminal = start(&[], &["lines", "ignore", "INT", "slow-stop", "0"]);
    is_handed_over(&mut terminal);
    terminal.types(CTRL_C);
    terminal.sees("signal INT");
    terminal.save("a.js", "");
    terminal.sees("ready 2 change a.js");
    let run = ["start", "signal INT", "signal TERM", "exit"];
    assert_eq!(log(&terminal)[..4], run);
}

#[test]
fn typed_during_a_stop_it_ends_rwatch_instead_of_a_restart() {
    let sandbox = Sandbox::new();
    let gate = sandbox.side("gate");
    let words = ["child", "lines", "stop-when", &gate];
    let mut terminal = Terminal::alone(sandbox, &[], &words);
    prompts(&mut terminal, "ready 1 start");
    terminal.save("a.js", "");
    terminal.sees("signal TERM");
    terminal.types(CTRL_C);
    terminal.sees("signal INT");
    terminal.open("gate");
    assert_eq!(terminal.exit(), Ended::Signal(2));
}

#[test]
fn the_witness_is_there_as_long_as_the_terminal_is_lent() {
    let sandbox = Sandbox::new();
    let gate = sandbox.side("gate");
    let words = ["child", "exit-when", &gate, "0", "lines"];
    let mut terminal = Terminal::alone(sandbox, &[], &words);
    prompts(&mut terminal, "ready 1 start");
    let rwatch = terminal.leader();
    let witness_1 = witness(rwatch).expect("there is one");
    assert_eq!(getpgid(Some(witness_1)), Ok(terminal.foreground()));
    terminal.open("gate");
    terminal.says("exited cleanly*, waiting for changes");
    is_gone(witness_1);
    terminal.types("rs\n");
    prompts(&mut terminal, "ready 2 manual");
    let witness_2 = witness(rwatch).expect("there is another one");
    terminal.save("a.js", "");
    prompts(&mut terminal, "ready 3 change a.js");
    is_gone(witness_2);
    let witness_3 = witness(rwatch).expect("there is a third one");
    kill(rwatch, Signal::SIGKILL).expect("it lives");
    is_gone(witness_3);
    terminal.until("nobody is left", |terminal| terminal.alive().is_empty());
}

#[test]
fn there_is_none_where_the_terminal_is_not_lent() {
    let mut terminal = start(&[], &[]);
    terminal.save("a.js", "");
    terminal.sees("ready 2 change a.js");
    assert_eq!(witness(terminal.leader()), None);
}

#[test]
fn the_witness_is_nobodys_member() {
    let options = ["--stop-timeout", "10m"];
    let mut terminal = start(&options, &["lines", "ignore", "TERM", "ignore", "INT"]);
    is_handed_over(&mut terminal);
    let (rwatch, command) = (terminal.leader(), terminal.foreground());
    terminal.save("a.js", "");
    // Nobody else is named.
    terminal.says(&format!(
        "still waiting for {command} child; killing them in *"
    ));
    // It waits for nobody but the fixture.
    kill(command, Signal::SIGKILL).expect("it lives");
    prompts(&mut terminal, "ready 2 change a.js");
    kill(terminal.foreground(), Signal::SIGKILL).expect("it lives");
    terminal.says("killed by SIGKILL*, waiting for changes");
    assert_eq!(witness(rwatch), None);
}

#[test]
fn ctrl_z_leaves_the_witness_in_its_place() {
    let mut terminal = start_in_shell("", "lines slow-stop 0");
    is_handed_over(&mut terminal);
    terminal.types(CTRL_Z);
    terminal.sees(PROMPT);
    terminal.stops("child");
    // This one is the shell's.
    terminal.types(CTRL_C);
    terminal.sees(PROMPT);
    terminal.types("fg\n");
    terminal.goes_on("child");
    is_handed_over(&mut terminal);
    terminal.types("x\n");
    terminal.sees("line \"x\"");
    terminal.types(CTRL_C);
    terminal.sees(PROMPT);
    terminal.types("echo code $?\n");
    terminal.sees("code 130");
}

#[test]
fn who_stops_the_whole_group_does_not_hold_up_the_end() {
    let mut terminal = start(&[], &["lines", "slow-stop", "0"]);
    is_handed_over(&mut terminal);
    let witness = witness(terminal.leader()).expect("there is one");
    kill(witness, Signal::SIGSTOP).expect("it lives");
    terminal.types(CTRL_C);
    assert_eq!(terminal.exit(), Ended::Signal(2));
}

#[test]
fn a_build_that_asks_is_ended_by_one_too() {
    let sandbox = Sandbox::new().file("build.py", BOT);
    let options = ["-b", "exec python3 build.py 7 </dev/tty"];
    let terminal = Terminal::alone(sandbox, &options, &["child"]);
    one_is_enough(terminal);
}
