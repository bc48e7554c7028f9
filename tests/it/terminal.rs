//! Types into rwatch and COMMAND on real terminals: who has the terminal when, what its keys do
//! to whom, and how it is left behind.

mod ctrl_c;
mod jobs;
mod notices;
mod pager;
mod pty;
mod taken;

use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::getpgid;

use self::pty::{CTRL_BACKSLASH, CTRL_C, CTRL_D, CTRL_Z, PROMPT, Terminal};
use crate::sandbox::{AGAIN, Ended, Sandbox};

/// Without a startup file, a banner and a history.
const PYTHON: [&str; 4] = ["python3", "-S", "-q", "-i"];

/// The ways to start rwatch where nobody wakes what Ctrl-Z stops.
const WITHOUT_JOB_CONTROL: [Start; 2] = [Terminal::alone, Terminal::script];
type Start = fn(Sandbox, &[&str], &[&str]) -> Terminal;

/// COMMAND that logs beside, and does `words`.
fn logging<'a>(log: &'a str, words: &[&'a str]) -> Vec<&'a str> {
    [&["child", "log", log], words].concat()
}

/// What the log tells, without times and pids.
fn log(terminal: &Terminal) -> Vec<String> {
    let without = |line: String| {
        let words: Vec<&str> = line.rsplitn(3, ' ').collect();
        words[2].to_owned()
    };
    terminal.log("log").into_iter().map(without).collect()
}

/// Starts the fixture on a terminal, with a log beside.
fn start(options: &[&str], words: &[&str]) -> Terminal {
    let sandbox = Sandbox::new();
    let path = sandbox.side("log");
    let mut terminal = Terminal::alone(sandbox, options, &logging(&path, words));
    terminal.sees("ready 1 start");
    terminal
}

/// A shell, with rwatch and the fixture in the foreground.
fn start_in_shell(options: &str, words: &str) -> Terminal {
    let mut terminal = Terminal::shell(Sandbox::new());
    terminal.types(&format!(
        "rwatch {options} -- child log $SIDE/log {words}\n"
    ));
    terminal.sees("ready 1 start");
    terminal
}

/// Waits until a REPL has said that it is there, and has been given the terminal.
fn prompts(terminal: &mut Terminal, prompt: &str) {
    terminal.sees(prompt);
    is_handed_over(terminal);
}

/// Waits until rwatch has handed the terminal over.
fn is_handed_over(terminal: &mut Terminal) {
    let rwatch = terminal.pids("rwatch")[0];
    let group = getpgid(Some(rwatch)).expect("rwatch lives");
    terminal.is_handed_over_by(group);
}

#[test]
fn a_python_prompt_can_be_typed_into() {
    let mut terminal = Terminal::alone(Sandbox::new(), &[], &PYTHON);
    prompts(&mut terminal, ">>> ");
    terminal.types("print(6 * 7)\n");
    terminal.sees("42");
    terminal.types(CTRL_C);
    terminal.sees("KeyboardInterrupt");
    terminal.types("print(7 * 7)\n");
    terminal.sees("\n49");
    terminal.save("a.js", "");
    terminal.says("a.js changed, restarting");
    prompts(&mut terminal, ">>> ");
    terminal.types("print(8 * 8)\n");
    terminal.sees("\n64");
    // The terminal comes back, and with it rwatch's keys.
    terminal.types("raise SystemExit\n");
    terminal.says("*exited cleanly, waiting for changes*");
    terminal.types("rs\n");
    terminal.says("restarting by hand");
    prompts(&mut terminal, ">>> ");
    terminal.types("print(9 * 9)\n");
    terminal.sees("\n81");
}

#[test]
fn a_node_prompt_can_be_typed_into() {
    let mut terminal = Terminal::alone(Sandbox::new(), &[], &["node"]);
    prompts(&mut terminal, "> ");
    terminal.types("'4' + 6 * 7\n");
    terminal.sees("'442'");
    terminal.types(CTRL_C);
    terminal.sees("To exit");
    terminal.save("a.js", "");
    terminal.says("a.js changed, restarting");
    prompts(&mut terminal, "> ");
    terminal.types("'4' + 7 * 7\n");
    terminal.sees("'449'");
}

#[test]
fn a_program_that_takes_single_keys_gets_them_in_every_run() {
    let mut terminal = start(&[], &["keys"]);
    terminal.sees("waits for keys");
    terminal.types("x");
    terminal.sees("key \"x\"");
    for run in 2..4 {
        terminal.save("a.js", "");
        terminal.sees(&format!("ready {run} change a.js"));
        terminal.sees("waits for keys");
        // In raw mode it is no signal.
        terminal.types(CTRL_C);
        terminal.sees("key \"\\x03\"");
    }
    assert_eq!(log(&terminal).last().map(String::as_str), Some("start"));
}

#[test]
fn keys_are_heard_while_a_file_of_variables_is_waited_for() {
    for (keys, ended) in [("q\n", Ended::Code(0)), (CTRL_C, Ended::Signal(2))] {
        let sandbox = Sandbox::new();
        let fifo = sandbox.side("fifo");
        sandbox.tool("mkfifo", &[&fifo]);
        let mut terminal = Terminal::alone(sandbox, &["--env-file", &fifo], &["child"]);
        terminal.says("waiting until somebody writes to *");
        terminal.types("rs\n");
        terminal.says("restarting by hand");
        terminal.types(keys);
        assert_eq!(terminal.exit(), ended);
    }
}

#[test]
fn a_program_below_a_shell_gets_the_terminal_too() {
    let child = crate::sandbox::child();
    let command = ["sh", "-c", "\"$@\"; true", "sh", &child, "lines"];
    let mut terminal = Terminal::alone(Sandbox::new(), &[], &command);
    prompts(&mut terminal, "ready 1");
    terminal.types("rs\n");
    terminal.sees("line \"rs\"");
    terminal.save("a.js", "");
    prompts(&mut terminal, "ready 2");
    terminal.types("again\n");
    terminal.sees("line \"again\"");
}

#[test]
fn ctrl_c_reaches_command_alone_and_its_death_ends_rwatch() {
    let mut terminal = start(&[], &["lines"]);
    is_handed_over(&mut terminal);
    terminal.types("x\n");
    terminal.sees("line \"x\"");
    terminal.types(CTRL_C);
    assert_eq!(terminal.exit(), Ended::Signal(2));
    assert_eq!(log(&terminal), ["start", "signal INT", "exit"]);
}

#[test]
fn modes_of_a_killed_program_do_not_stay() {
    let options = ["--stop-timeout", "50ms"];
    let sandbox = Sandbox::new();
    // What the modes are is asked in the background, where it stops nobody.
    let child = crate::sandbox::child();
    let command = [
        "sh",
        "-c",
        "echo modes $(stty -g) $RWATCH_RUN >>\"$0\"; exec \"$@\"",
        &sandbox.side("modes"),
        &child,
        "ignore",
        "TERM",
        "keys",
    ];
    let mut terminal = Terminal::script(sandbox, &options, &command);
    let before = terminal.modes();
    terminal.sees("waits for keys");
    assert_ne!(terminal.modes(), before);
    terminal.save("a.js", "");
    terminal.sees("ready 2 change a.js");
    terminal.sees("waits for keys");
    let modes = terminal.log("modes");
    let run = |line: &str| line.rsplit_once(' ').expect("a run").0.to_owned();
    assert_eq!(run(&modes[0]), run(&modes[1]));

    let rwatch = terminal.pids("rwatch")[0];
    kill(rwatch, Signal::SIGTERM).expect("rwatch lives");
    terminal.sees("ended 143");
    assert_eq!(terminal.modes(), before);
    assert_eq!(terminal.foreground(), terminal.leader());
    let raw = terminal.raw();
    let (entered, left) = (raw.rfind("\x1b[?1049h"), raw.rfind("\x1b[?1049l"));
    assert!(entered < left, "{raw:?}");
}

#[test]
fn modes_of_a_crashed_program_do_not_keep_the_keys_from_rwatch() {
    let sandbox = Sandbox::new();
    let gate = sandbox.side("gate");
    let command = ["child", "exit-when", &gate, "3", "keys"];
    let mut terminal = Terminal::script(sandbox, &[], &command);
    let before = terminal.modes();
    terminal.sees("waits for keys");
    terminal.open("gate");
    terminal.says("exited with code 3*");
    terminal.until("the modes are put back", |terminal| {
        terminal.modes() == before
    });
    terminal.types("rs\n");
    terminal.says("restarting by hand");
    terminal.sees("ready 2 manual");
    terminal.sees("waits for keys");
}

#[test]
fn lines_are_keys_of_rwatch_until_command_wants_them() {
    let mut terminal = start(&[], &[]);
    for (run, key) in [(2, "rs\n"), (3, "r\n")] {
        terminal.types(key);
        terminal.says("restarting by hand");
        terminal.sees(&format!("ready {run} manual"));
    }
    terminal.types("h\n");
    terminal.says("*rs*q*");
    // An empty line is no key, and one that means nothing is answered.
    let until_now = terminal.raw().len();
    terminal.types("\n\nmake it so\n");
    terminal.says("*h*");
    let since = terminal.raw().split_off(until_now);
    assert_eq!(since.matches("[rwatch]").count(), 1, "{since}");
    terminal.types("q\n");
    assert_eq!(terminal.exit(), Ended::Code(0));
    let run = ["start", "signal TERM", "exit"];
    assert_eq!(log(&terminal), [run, run, run].concat());
}

#[test]
fn keys_work_when_nothing_runs() {
    let mut terminal = start(&["-w", "."], &["exit", "0"]);
    terminal.says("*exited cleanly, waiting for changes*");
    terminal.types("rs\n");
    terminal.says("restarting by hand");
    terminal.sees("ready 2 manual");
    terminal.says("*exited cleanly, waiting for changes*");
    // An end of file is no key.
    terminal.types(CTRL_D);
    terminal.types("r\n");
    terminal.sees("ready 3 manual");
    terminal.types("q\n");
    assert_eq!(terminal.exit(), Ended::Code(0));
}

#[test]
fn ctrl_c_is_one_sigint_to_everybody_and_the_second_kills() {
    let words = ["fork", "ignore", "INT", "/", "ignore", "INT"];
    let mut terminal = start(&["--stop-timeout", "10m"], &words);
    terminal.types(CTRL_C);
    terminal.sees("signal INT");
    terminal.sees("signal INT");
    thread::sleep(AGAIN);
    terminal.types(CTRL_C);
    assert_eq!(terminal.exit(), Ended::Signal(2));
    assert_eq!(terminal.alive(), [""; 0]);
    assert_eq!(log(&terminal), ["start", "signal INT"]);
}

#[test]
fn the_prompt_returns_when_nobody_is_left() {
    let gate = "fork stop-when $SIDE/gate / stop-when $SIDE/gate";
    let mut terminal = start_in_shell("--stop-timeout 10m", gate);
    terminal.types(CTRL_C);
    terminal.sees("signal INT");
    terminal.sees("signal INT");
    terminal.says("still waiting for *; Ctrl-C again kills them");
    terminal.open("gate");
    terminal.sees(PROMPT);
    assert_eq!(terminal.alive().len(), 1, "{}", terminal.transcript());
    terminal.types("echo code $?\n");
    terminal.sees("code 130");
    assert_eq!(log(&terminal), ["start", "signal INT", "exit"]);
}

#[test]
fn ctrl_z_stops_all_and_fg_resumes_all() {
    let mut terminal = start_in_shell("", "fork /");
    let before = terminal.modes();
    for run in 2..4 {
        terminal.types(CTRL_Z);
        terminal.sees(PROMPT);
        terminal.stops("child");
        terminal.stops("rwatch");
        assert_eq!(terminal.foreground(), terminal.leader());
        assert_eq!(terminal.modes(), before);
        terminal.types("fg\n");
        terminal.goes_on("rwatch");
        terminal.goes_on("child");
        terminal.save("a.js", "");
        terminal.sees(&format!("ready {run} change a.js"));
    }
    terminal.types("q\n");
    terminal.sees(PROMPT);
    let run = ["start", "signal TERM", "exit"];
    assert_eq!(log(&terminal), [run, run, run].concat());
}

#[test]
fn ctrl_z_works_when_a_prompt_has_the_terminal() {
    let mut terminal = Terminal::shell(Sandbox::new());
    let before = terminal.modes();
    terminal.types(&format!("rwatch -- {}\n", PYTHON.join(" ")));
    for answer in ["42", "43"] {
        prompts(&mut terminal, ">>> ");
        terminal.types(&format!("print({answer})\n"));
        terminal.sees(&format!("\n{answer}"));
        terminal.sees(">>> ");
        terminal.types(CTRL_Z);
        terminal.sees(PROMPT);
        terminal.stops("rwatch");
        assert_eq!(terminal.foreground(), terminal.leader());
        assert_eq!(terminal.modes(), before);
        terminal.types("fg\n");
        terminal.goes_on("rwatch");
        // The line editor says its prompt again, or waits for a line without it.
        terminal.types("\n");
    }
    terminal.save("a.js", "");
    terminal.says("a.js changed, restarting");
    prompts(&mut terminal, ">>> ");
    terminal.types("print(6 * 7)\n");
    terminal.sees("42");
}

#[test]
fn ctrl_z_works_when_rwatch_is_called_by_a_script() {
    // As by `npm run`: the shell's job is more than rwatch.
    let mut terminal = Terminal::shell(Sandbox::new());
    terminal.types("sh -c 'rwatch -- child lines; true'\n");
    prompts(&mut terminal, "ready 1 start");
    for line in ["a", "b"] {
        terminal.types(&format!("{line}\n"));
        terminal.sees(&format!("line \"{line}\""));
        terminal.types(CTRL_Z);
        terminal.sees(PROMPT);
        terminal.stops("rwatch");
        terminal.types("fg\n");
        terminal.goes_on("rwatch");
        is_handed_over(&mut terminal);
    }
}

#[test]
fn after_bg_and_fg_the_terminal_is_rwatchs_again() {
    let mut terminal = start_in_shell("", "");
    terminal.types(CTRL_Z);
    terminal.sees(PROMPT);
    terminal.types("bg\n");
    terminal.goes_on("rwatch");
    terminal.goes_on("child");
    terminal.types("echo $((6 * 7))\n");
    terminal.sees("42");
    terminal.save("a.js", "");
    terminal.sees("ready 2 change a.js");
    terminal.types("fg\n");
    let shell = terminal.leader();
    terminal.is_handed_over_by(shell);
    terminal.types("rs\n");
    terminal.says("restarting by hand");
    terminal.sees("ready 3 manual");
}

#[test]
fn after_bg_and_fg_command_gets_the_terminal_again() {
    let mut terminal = start_in_shell("", "lines");
    is_handed_over(&mut terminal);
    terminal.types(CTRL_Z);
    terminal.sees(PROMPT);
    terminal.types("bg\n");
    terminal.goes_on("rwatch");
    terminal.types("echo $((6 * 7))\n");
    terminal.sees("42");
    // It asks in vain.
    terminal.stops("child");
    terminal.types("fg\n");
    terminal.goes_on("child");
    terminal.types("x\n");
    terminal.sees("line \"x\"");
}

#[test]
fn a_build_leaves_the_terminal_to_command() {
    let mut terminal = start_in_shell("-b 'test ! -e no.js'", "lines");
    is_handed_over(&mut terminal);
    terminal.save("no.js", "");
    terminal.says("`test ! -e no.js` exited with code 1 after *, the old run stays");
    terminal.types("x\n");
    terminal.sees("line \"x\"");
}

#[test]
fn what_is_stopped_can_be_ended() {
    for words in ["", "lines", "keys"] {
        // Who asks for the terminal in the background is stopped again, perhaps before it hears of
        // the stop signal; and killed then.
        let mut terminal = start_in_shell("--stop-timeout 500ms", words);
        if words == "keys" {
            // It takes Ctrl-Z for a key.
            terminal.sees("waits for keys");
            let rwatch = terminal.pids("rwatch")[0];
            kill(rwatch, Signal::SIGTSTP).expect("rwatch lives");
        } else {
            if words == "lines" {
                is_handed_over(&mut terminal);
            }
            terminal.types(CTRL_Z);
        }
        terminal.sees(PROMPT);
        terminal.stops("rwatch");
        terminal.stops("child");
        terminal.types("kill %1\n");
        terminal.until("the shell is left", |terminal| terminal.alive().len() == 1);
        if words.is_empty() {
            assert_eq!(log(&terminal), ["start", "signal TERM", "exit"]);
        }
        assert_eq!(terminal.foreground(), terminal.leader());

        terminal.types(&format!("rwatch --stop-timeout 500ms -- child {words}\n"));
        terminal.sees("ready 1 start");
        if words == "lines" {
            is_handed_over(&mut terminal);
        }
        if words != "keys" {
            terminal.types(CTRL_Z);
            terminal.sees(PROMPT);
            terminal.stops("rwatch");
        }
        terminal.close();
        terminal.until("nobody is left", |terminal| terminal.alive().is_empty());
    }
}

#[test]
fn rs_waits_for_no_git() {
    let mut terminal = Terminal::alone(Sandbox::new().dir(".git"), &[], &["child"]);
    terminal.sees("ready 1 start");
    terminal.write(".git/index.lock", "");
    terminal.save("a.js", "");
    terminal.says("waiting for git, which holds .git/index.lock; remove it if no git is at work");
    terminal.types("rs\n");
    terminal.sees("restarting by hand");
    terminal.sees("ready 2 change a.js");
}

#[test]
fn time_spent_stopped_does_not_count() {
    let timeout = Duration::from_secs(3);
    let options = format!("--stop-timeout {}s", timeout.as_secs());
    let mut terminal = start_in_shell(&options, "stop-when $SIDE/gate");
    terminal.save("a.js", "");
    terminal.sees("signal TERM");
    terminal.types(CTRL_Z);
    terminal.sees(PROMPT);
    terminal.stops("rwatch");
    terminal.stops("child");
    // The time is what this is about.
    thread::sleep(timeout);
    terminal.types("fg\n");
    terminal.goes_on("rwatch");
    terminal.goes_on("child");
    terminal.open("gate");
    terminal.sees("ready 2 change a.js");
    assert_eq!(log(&terminal), ["start", "signal TERM", "exit", "start"]);
}

#[test]
fn ctrl_z_does_no_harm_without_job_control() {
    for start in WITHOUT_JOB_CONTROL {
        let mut terminal = start(Sandbox::new(), &[], &["child"]);
        terminal.sees("ready 1 start");
        terminal.types(CTRL_Z);
        terminal.sees("^Z");
        terminal.save("a.js", "");
        terminal.sees("ready 2 change a.js");
        terminal.types("rs\n");
        terminal.sees("ready 3 manual");

        let mut terminal = start(Sandbox::new(), &[], &["child", "lines"]);
        prompts(&mut terminal, "ready 1 start");
        terminal.types("before\n");
        terminal.sees("line \"before\"");
        terminal.types(CTRL_Z);
        terminal.sees("^Z");
        terminal.types("after\n");
        terminal.sees("line \"after\"");
    }
}

#[test]
fn other_signals_of_the_terminal_reach_command_once() {
    for words in [&[][..], &["lines"]] {
        let mut terminal = start(&[], words);
        if !words.is_empty() {
            is_handed_over(&mut terminal);
        }
        terminal.types(CTRL_BACKSLASH);
        terminal.sees("signal QUIT");
        terminal.resize("30");
        terminal.sees("signal WINCH");
        if !words.is_empty() {
            // Somebody passes it on who was told of the new size, too.
            let rwatch = terminal.pids("rwatch")[0];
            kill(rwatch, Signal::SIGWINCH).expect("rwatch lives");
        }
        terminal.save("a.js", "");
        terminal.sees("ready 2 change a.js");
        let run = ["start", "signal QUIT", "signal WINCH", "signal TERM"];
        assert_eq!(log(&terminal)[..4], run);
    }
}

#[test]
fn they_reach_everybody_of_commands_group() {
    let mut terminal = start(&[], &["fork", "/"]);
    terminal.types(CTRL_BACKSLASH);
    terminal.sees("signal QUIT");
    terminal.sees("signal QUIT");
    terminal.resize("30");
    terminal.sees("signal WINCH");
    terminal.sees("signal WINCH");
}

#[test]
fn in_the_background_it_leaves_the_terminal_alone() {
    let mut terminal = Terminal::shell(Sandbox::new());
    terminal.types("stty tostop; echo done\n");
    terminal.sees("\ndone");
    let before = terminal.modes();
    // COMMAND itself is stopped like any program that writes; so this one does not.
    terminal.types("rwatch -- sh -c 'exec child log $SIDE/log >$SIDE/out' &\n");
    terminal.until("it runs", |terminal| !terminal.log("out").is_empty());
    // Each line is the shell's.
    terminal.types("rs\n");
    terminal.sees("rs: command not found");
    terminal.save("a.js", "");
    terminal.says("a.js changed, restarting");
    terminal.until("it runs again", |terminal| log(terminal).len() == 4);
    assert_eq!(log(&terminal), ["start", "signal TERM", "exit", "start"]);
    assert_eq!(terminal.foreground(), terminal.leader());
    assert_eq!(terminal.modes(), before);
    // Neither does it set a title.
    assert!(!terminal.raw().contains("\x1b]"), "{:?}", terminal.raw());
    terminal.types("q\n");
    terminal.sees("q: command not found");
    // A shell that is gone before it has told its job that the terminal is gone tells nobody.
    terminal.types("kill %rwatch; wait; echo gone $((1 + 1))\n");
    terminal.sees("gone 2");
}

#[test]
fn in_the_background_command_does_not_get_the_terminal() {
    let mut terminal = Terminal::shell(Sandbox::new());
    let before = terminal.modes();
    for words in ["lines", "keys"] {
        terminal.types(&format!("rwatch -- child {words} &\n"));
        terminal.sees("ready 1 start");
        terminal.stops("child");
        terminal.types("echo $((6 * 7))\n");
        terminal.sees("42");
        terminal.save("a.js", "");
        terminal.sees("ready 2 change a.js");
        terminal.stops("child");
        assert_eq!(terminal.foreground(), terminal.leader());
        assert_eq!(terminal.modes(), before);
        terminal.types("kill %rwatch; wait; echo gone $((1 + 1))\n");
        terminal.sees("gone 2");
    }
}

#[test]
fn closing_the_terminal_stops_everybody() {
    for start in WITHOUT_JOB_CONTROL {
        for words in [&[][..], &["lines"], &["keys"]] {
            let sandbox = Sandbox::new();
            let path = sandbox.side("log");
            let mut terminal = start(sandbox, &[], &logging(&path, words));
            terminal.sees("ready 1 start");
            if !words.is_empty() {
                is_handed_over(&mut terminal);
            }
            terminal.close();
            terminal.until("nobody is left", |terminal| terminal.alive().is_empty());
            let log = log(&terminal);
            assert_eq!(log[0], "start", "{log:?}");
            assert!(log[1].starts_with("signal "), "{log:?}");
            assert_eq!(log[log.len() - 1], "exit", "{log:?}");
        }
    }
}

#[test]
fn closing_the_terminal_under_a_shell_stops_everybody() {
    for words in ["", "lines", "keys"] {
        let mut terminal = start_in_shell("", words);
        if !words.is_empty() {
            is_handed_over(&mut terminal);
        }
        terminal.close();
        terminal.until("nobody is left", |terminal| terminal.alive().is_empty());
    }
}

#[test]
fn under_nohup_it_survives_its_terminal() {
    // The first has no terminal as its stdin, the second has one that is gone.
    for wrapper in [&["nohup"][..], &["env", "--ignore-signal=HUP"]] {
        let sandbox = Sandbox::new().wrapper(wrapper);
        let path = sandbox.side("log");
        let command = logging(&path, &[]);
        let mut terminal = Terminal::alone(sandbox, &["-i", "nohup.out"], &command);
        terminal.until("it runs", |terminal| !log(terminal).is_empty());
        terminal.close();
        for run in 2..4 {
            terminal.save("a.js", "");
            terminal.until("it restarts", |terminal| {
                let log = log(terminal);
                log.iter().filter(|line| *line == "start").count() == run
            });
        }
        let rwatch = terminal.pids("rwatch")[0];
        kill(rwatch, Signal::SIGTERM).expect("rwatch lives");
        assert_eq!(terminal.exit(), Ended::Signal(15));
    }
}

#[test]
fn what_is_no_terminal_is_commands_alone() {
    let mut terminal = Terminal::shell(Sandbox::new());
    terminal.types("printf 'rs\\nq\\nh\\nlast' | rwatch -- child lines\n");
    terminal.sees("ready 1 start");
    for line in ["rs", "q", "h", "last"] {
        terminal.sees(&format!("line \"{line}\""));
    }
    terminal.sees("no more lines");
    assert!(!terminal.raw().contains("by hand"), "{}", terminal.raw());
    // The terminal is there all the same, and its Ctrl-C ends all.
    terminal.types(CTRL_C);
    terminal.sees("signal INT");
    terminal.sees(PROMPT);
    terminal.types("echo code $?\n");
    terminal.sees("code 130");
}
