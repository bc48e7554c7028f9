//! Sends rwatch to the background of a shell, and closes the window: what happens to another job's
//! terminal is nobody's wish to end it.

use std::fs;
use std::path::PathBuf;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::pty::{BASH, CTRL_Z, PROMPT, Terminal, ZSH};
use super::{is_handed_over, log};
use crate::sandbox::{Sandbox, eventually};

/// Has rwatch and the fixture run in the background of a shell, by Ctrl-Z and `bg`.
fn in_background(shell: &[&str], options: &str, words: &str) -> Terminal {
    let mut terminal = Terminal::shell_of(Sandbox::new(), shell);
    terminal.types(&format!(
        "rwatch {options} -- child log $SIDE/log {words}\n"
    ));
    terminal.sees("ready 1 start");
    if !words.is_empty() {
        is_handed_over(&mut terminal);
    }
    terminal.types(CTRL_Z);
    terminal.sees(PROMPT);
    terminal.stops("rwatch");
    terminal.types("bg\n");
    terminal.sees(PROMPT);
    terminal.goes_on("rwatch");
    terminal
}

/// Closes the window, and waits until the shell is gone.
fn close(terminal: &mut Terminal) {
    let shell = terminal.leader().to_string();
    terminal.close();
    terminal.until("the shell is gone", |terminal| {
        let alive = terminal.alive();
        !alive
            .iter()
            .any(|process| process.split(' ').next() == Some(&shell))
    });
}

/// Whether it answers a save by this run.
fn restarts(terminal: &mut Terminal, run: usize) {
    terminal.save(["a.js", "b.js"][run % 2], "");
    terminal.until("it restarts", |terminal| {
        let log = log(terminal);
        log.iter().filter(|line| *line == "start").count() == run
    });
}

/// Ends it by this signal, and sees that nobody is left.
fn end(terminal: &mut Terminal, signal: Signal) {
    kill(terminal.pids("rwatch")[0], signal).expect("it lives");
    terminal.until("nobody is left", |terminal| terminal.alive().is_empty());
}

/// How often its threads went to sleep, and how much of a processor they have used.
fn wake_ups(pid: Pid) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("it runs");
    let count = |task: PathBuf| {
        let status = fs::read_to_string(task.join("status")).expect("its threads stay");
        let switches = status.lines().find_map(|line| {
            let count = line.strip_prefix("voluntary_ctxt_switches:")?;
            count.trim().parse::<u64>().ok()
        });
        let stat = fs::read_to_string(task.join("stat")).expect("its threads stay");
        let fields = stat.rsplit(')').next().expect("proc_pid_stat(5)");
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks = ticks.map(|field| field.parse::<u64>().expect("a number"));
        switches.expect("proc_pid_status(5)") + ticks.sum::<u64>()
    };
    tasks.flatten().map(|task| count(task.path())).sum()
}

/// Whether a second costs no wake-up. One of a few: the first may see the end of what was before.
pub(super) fn costs_nothing_at_rest(terminal: &Terminal) {
    let rwatch = terminal.pids("rwatch")[0];
    eventually("a second without a wake-up", || {
        let before = wake_ups(rwatch);
        terminal.tool("sleep", &["1"]);
        wake_ups(rwatch) == before
    });
}

#[test]
fn a_disowned_rwatch_outlives_its_window() {
    for shell in [&BASH[..], &ZSH] {
        let mut terminal = in_background(shell, "", "");
        terminal.types("disown\n");
        terminal.sees(PROMPT);
        close(&mut terminal);
        restarts(&mut terminal, 2);
        costs_nothing_at_rest(&terminal);
        restarts(&mut terminal, 3);
        end(&mut terminal, Signal::SIGTERM);
        let run = ["start", "signal TERM", "exit"];
        assert_eq!(log(&terminal), [run, run, run].concat());
    }
}

#[test]
fn a_hang_up_that_is_sent_to_it_ends_it() {
    let mut terminal = in_background(&BASH, "", "");
    terminal.types("disown\n");
    terminal.sees(PROMPT);
    close(&mut terminal);
    restarts(&mut terminal, 2);
    end(&mut terminal, Signal::SIGHUP);
}

#[test]
fn a_job_that_is_not_disowned_ends_with_its_shell() {
    for shell in [&BASH[..], &ZSH] {
        let mut terminal = in_background(shell, "", "");
        close(&mut terminal);
        terminal.until("nobody is left", |terminal| terminal.alive().is_empty());
        assert_eq!(log(&terminal)[..2], ["start", "signal TERM"]);
    }
}

#[test]
fn started_in_the_background_it_outlives_its_window() {
    let mut terminal = Terminal::shell(Sandbox::new());
    terminal.types("rwatch -- child log $SIDE/log & disown\n");
    terminal.sees("ready 1 start");
    close(&mut terminal);
    restarts(&mut terminal, 2);
    costs_nothing_at_rest(&terminal);
    end(&mut terminal, Signal::SIGTERM);
}

#[test]
fn stopped_by_a_signal_and_disowned_it_outlives_its_window() {
    let mut terminal = Terminal::shell(Sandbox::new());
    terminal.types("rwatch -- child log $SIDE/log\n");
    terminal.sees("ready 1 start");
    kill(terminal.pids("rwatch")[0], Signal::SIGSTOP).expect("it lives");
    terminal.sees(PROMPT);
    terminal.types("bg; disown; echo $((6 * 7))\n");
    terminal.sees("42");
    terminal.goes_on("rwatch");
    // By then it knows that it goes on.
    restarts(&mut terminal, 2);
    close(&mut terminal);
    restarts(&mut terminal, 3);
    end(&mut terminal, Signal::SIGTERM);
}

#[test]
fn command_that_waits_for_a_terminal_that_is_gone_finds_out() {
    let mut terminal = in_background(&BASH, "", "lines");
    terminal.stops("child");
    terminal.types("disown\n");
    terminal.sees(PROMPT);
    restarts(&mut terminal, 2);
    terminal.stops("child");
    close(&mut terminal);
    // It reads the end of its input, and lives on.
    terminal.goes_on("child");
    restarts(&mut terminal, 3);
    costs_nothing_at_rest(&terminal);
    restarts(&mut terminal, 4);
    end(&mut terminal, Signal::SIGTERM);
}

#[test]
fn what_asks_no_more_does_not_tie_it_to_the_window() {
    let mut terminal = in_background(&BASH, "", "lines");
    terminal.stops("child");
    terminal.types("disown\n");
    terminal.sees(PROMPT);
    kill(terminal.pids("child")[0], Signal::SIGKILL).expect("it lives");
    terminal.says("killed by SIGKILL*, waiting for changes");
    close(&mut terminal);
    restarts(&mut terminal, 2);
    end(&mut terminal, Signal::SIGTERM);
}

#[test]
fn in_the_foreground_again_its_window_is_its_own() {
    let mut terminal = in_background(&BASH, "", "");
    terminal.types("fg\n");
    let shell = terminal.leader();
    terminal.is_handed_over_by(shell);
    terminal.types("rs\n");
    terminal.says("restarting by hand");
    terminal.sees("ready 2 manual");
    terminal.close();
    terminal.until("nobody is left", |terminal| terminal.alive().is_empty());
}
