//! Puts somebody else beside rwatch who reads from the terminal: a pager, or a prompt for a password,
//! in the same pipeline. What is typed then is theirs.

use std::fmt::Write as _;

use nix::sys::signal::{Signal, kill};

use super::jobs::costs_nothing_at_rest;
use super::pty::{CTRL_C, PROMPT, Terminal};
use crate::sandbox::Sandbox;

/// Reads ten keys, as a pager does, and then nothing more.
const PAGER: &str = "#!/bin/sh
exec <>/dev/tty
while ! test -e $SIDE/log; do sleep .01; done
stty -icanon -echo
echo waits for keys
for n in 0 1 2 3 4 5 6 7 8 9; do echo \"key $(dd bs=1 count=1 2>/dev/null)\"; done
stty icanon echo
echo wants no more
exec sleep 150
";

/// Reads a password.
const PASSWORD: &str = "#!/bin/sh
exec <>/dev/tty
while ! test -e $SIDE/log; do sleep .01; done
stty -echo
echo password?
read -r password
stty echo
echo \"password $password\"
exec sleep 150
";

/// Starts `rwatch -- child | beside`; the fixture writes where nobody is in the way.
fn start(script: &str) -> Terminal {
    let sandbox = Sandbox::new();
    let terminal = Terminal::shell(sandbox);
    terminal.save_as("beside", script, 0o755);
    terminal.types("rwatch -i beside -- child log $SIDE/log | ./beside\n");
    terminal
}

fn ends(terminal: &mut Terminal) {
    terminal.types(CTRL_C);
    terminal.sees(PROMPT);
}

#[test]
fn every_key_is_the_pagers_and_then_rwatchs_again() {
    let mut terminal = start(PAGER);
    terminal.sees("waits for keys");
    for key in "qjrskGhq/h".chars() {
        terminal.types(&key.to_string());
        terminal.sees(&format!("key {key}"));
    }
    terminal.sees("wants no more");
    assert_eq!(told(&terminal), "");
    terminal.types("rs\n");
    terminal.says("restarting by hand");
    terminal.types("h\n");
    terminal.says("*rs*q*");
    ends(&mut terminal);
}

/// What rwatch said about keys.
fn told(terminal: &Terminal) -> String {
    let mut told = String::new();
    for line in terminal.raw().lines() {
        if line.contains("[rwatch]") && !line.contains("watching") && !line.contains("starting") {
            let _ = writeln!(told, "{line}");
        }
    }
    told
}

#[test]
fn keys_that_nobody_reads_yet_wake_nobody() {
    let mut terminal = start(PAGER);
    terminal.sees("waits for keys");
    terminal.until("it reads", |terminal| !terminal.pids("dd").is_empty());
    let reader = terminal.pids("dd")[0];
    kill(reader, Signal::SIGSTOP).expect("it reads");
    terminal.types("rs");
    costs_nothing_at_rest(&terminal);
    kill(reader, Signal::SIGCONT).expect("it reads");
    terminal.sees("key r");
    terminal.sees("key s");
    ends(&mut terminal);
}

#[test]
fn a_password_is_for_whoever_asks() {
    for _ in 0..5 {
        let mut terminal = start(PASSWORD);
        terminal.sees("password?");
        terminal.types("rs\n");
        terminal.sees("password rs");
        assert_eq!(told(&terminal), "");
        terminal.types("rs\n");
        terminal.says("restarting by hand");
        ends(&mut terminal);
    }
}
