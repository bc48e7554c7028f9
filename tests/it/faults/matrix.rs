//! Ends every kind of run in every way: each cell is a test.
//!
//! What does not outlast the stop signal has ten minutes to stop: were it not told, the test would
//! wait in vain. What does has 50 ms.

use std::collections::HashSet;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{crew, guard, is_gone, proc};
use crate::sandbox::{Ended, Rwatch, Sandbox, eventually, state};

/// A kind of run: who is in it, and what they think of signals.
#[allow(clippy::struct_excessive_bools)] // it is the head of a table
pub(super) struct Shape {
    what: &'static str,
    /// What the fixture does; LOG is a file beside.
    words: &'static str,
    /// Somebody outlasts the stop signal.
    stays: bool,
    /// Somebody has left the group and lost its parent.
    is_daemon: bool,
    /// Nothing tells any more whose daemon it is but that rwatch is its parent.
    is_nameless: bool,
    /// The command cannot exit by itself.
    stands: bool,
}

const SHAPE: Shape = Shape {
    what: "",
    words: "",
    stays: false,
    is_daemon: false,
    is_nameless: false,
    stands: false,
};

/// What ends a run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Deed {
    Save,
    Exit,
    Crash,
    CtrlC,
    CtrlCTwice,
    Term,
    Kill,
}

macro_rules! shapes {
    ($($name:ident $shape:tt)*) => {
        pub(super) const SHAPES: &[Shape] = &[$(Shape $shape),*];
        $(mod $name {
            use super::{Deed, SHAPE, Shape, play};

            const THIS: Shape = Shape $shape;

            #[test]
            fn a_save() {
                play(&THIS, Deed::Save);
            }

            #[test]
            fn the_command_exits() {
                play(&THIS, Deed::Exit);
            }

            #[test]
            fn the_command_is_killed() {
                play(&THIS, Deed::Crash);
            }

            #[test]
            fn ctrl_c() {
                play(&THIS, Deed::CtrlC);
            }

            #[test]
            fn ctrl_c_twice() {
                play(&THIS, Deed::CtrlCTwice);
            }

            #[test]
            fn sigterm() {
                play(&THIS, Deed::Term);
            }

            #[test]
            fn rwatch_is_killed() {
                play(&THIS, Deed::Kill);
            }
        })*
    };
}

shapes! {
    alone {
        what: "one process",
        ..SHAPE
    }
    slow {
        what: "takes its time to stop",
        words: "slow-stop 30",
        ..SHAPE
    }
    deaf {
        what: "ignores the stop signal",
        words: "ignore TERM ignore INT",
        stays: true,
        ..SHAPE
    }
    stopped {
        what: "was stopped by SIGSTOP",
        words: "stop-self",
        stands: true,
        ..SHAPE
    }
    silent {
        what: "has closed its stdout and stderr",
        words: "close-output",
        ..SHAPE
    }
    member {
        what: "has a child",
        words: "fork log LOG /",
        ..SHAPE
    }
    slow_member {
        what: "has a child that takes longer to stop",
        words: "fork log LOG slow-stop 30 /",
        ..SHAPE
    }
    deaf_member {
        what: "has a child that ignores the stop signal",
        words: "fork log LOG ignore TERM ignore INT /",
        stays: true,
        ..SHAPE
    }
    stopped_member {
        what: "has a child that was stopped by SIGSTOP",
        words: "fork log LOG stop-self /",
        ..SHAPE
    }
    orphan {
        what: "has a grandchild without a parent",
        words: "fork double-fork log LOG /",
        ..SHAPE
    }
    job {
        what: "has a child in a group of its own, as a shell's job",
        words: "fork own-group log LOG /",
        is_daemon: true,
        ..SHAPE
    }
    session {
        what: "has a child in a session of its own (setsid)",
        words: "fork setsid log LOG fork log LOG / /",
        is_daemon: true,
        ..SHAPE
    }
    daemon {
        what: "has a daemon (setsid, double fork)",
        words: "fork setsid double-fork log LOG /",
        is_daemon: true,
        ..SHAPE
    }
    deaf_daemon {
        what: "has a daemon that ignores the stop signal",
        words: "fork setsid double-fork log LOG ignore TERM ignore INT /",
        stays: true,
        is_daemon: true,
        ..SHAPE
    }
    stopped_daemon {
        what: "has a daemon that was stopped by SIGSTOP",
        words: "fork setsid double-fork log LOG stop-self /",
        is_daemon: true,
        ..SHAPE
    }
    nameless_daemon {
        what: "has a daemon that has cleared its environment (`env -i`)",
        words: "fork setsid double-fork clear-env log LOG /",
        is_daemon: true,
        is_nameless: true,
        ..SHAPE
    }
    daemons {
        what: "has a daemon that has a child and a daemon",
        words: "fork setsid double-fork log LOG fork log LOG / fork setsid double-fork log LOG / /",
        is_daemon: true,
        ..SHAPE
    }
    fleeting_daemon {
        what: "has a daemon that is another process every moment",
        words: "fork respawn 500 /",
        stays: true,
        ..SHAPE
    }
    late_member {
        what: "has another child when it is told to stop",
        words: "on-stop /",
        stays: true,
        ..SHAPE
    }
    late_daemon {
        what: "leaves a daemon when it is told to stop",
        words: "on-stop setsid double-fork ignore TERM ignore INT /",
        stays: true,
        ..SHAPE
    }
    bomb {
        what: "is a fork bomb of 100",
        words: "bomb 100",
        stays: true,
        ..SHAPE
    }
}

/// Prints the table: a row for each kind of run, a column for each way to end it.
pub(super) fn print() {
    println!(
        "| The command … | a save | exits | Ctrl-C | Ctrl-C twice | SIGTERM | rwatch is killed |"
    );
    println!("|---|---|---|---|---|---|---|");
    for shape in SHAPES {
        let then = if shape.stays { ", then SIGKILL" } else { "" };
        let stop = |signal: &str| format!("{signal}{then}");
        let (term, int) = (stop("SIGTERM"), stop("SIGINT"));
        let exits = match shape {
            Shape { stands: true, .. } => "·",
            Shape { words, .. } if !words.starts_with("fork") && !words.starts_with("bomb") => "·",
            Shape {
                is_daemon: true, ..
            } => &format!("{term}, and a line"),
            _ => &term,
        };
        let twice = if shape.stays { "SIGKILL" } else { "·" };
        let killed = if shape.is_nameless {
            "**the daemon stays**"
        } else {
            "SIGKILL"
        };
        println!(
            "| {} | {term} | {exits} | {int} | {twice} | {term} | {killed} |",
            shape.what
        );
    }
}

fn play(shape: &Shape, deed: Deed) {
    // Who does not outlast the first Ctrl-C is gone before the second.
    if deed == Deed::Exit && shape.stands || deed == Deed::CtrlCTwice && !shape.stays {
        return;
    }
    let mut rwatch = start(shape, deed);
    is_settled(&rwatch, shape);
    // Until the last of a daemon's own children is there; a bomb is not waited for.
    let (crew, guard) = (crew(&rwatch), guard(&rwatch));
    let leader = leader(&rwatch);
    assert!(crew.contains(&leader), "{}", rwatch.transcript());
    match deed {
        Deed::Save => {
            rwatch.save("a.js", "");
            rwatch.restarts_for(&["a.js"]);
            // The start was later than the end of all of them.
            let left: Vec<&i32> = crew.iter().filter(|&&pid| !is_gone(pid)).collect();
            assert!(left.is_empty(), "{left:?}; {}", rwatch.transcript());
            is_settled(&rwatch, shape);
        }
        Deed::Exit => {
            rwatch.open("gate");
            if shape.is_daemon {
                rwatch.says("*left * behind*");
            }
            rwatch.says("exited with code 3 *");
            assert_eq!(rwatch.exit(), Ended::Code(3));
        }
        Deed::Crash => {
            kill(Pid::from_raw(leader), Signal::SIGKILL).expect("it is alive");
            if shape.is_daemon {
                rwatch.says("*left * behind*");
            }
            rwatch.says("killed by SIGKILL *");
            assert_eq!(rwatch.exit(), Ended::Code(137));
        }
        Deed::CtrlC => assert_eq!(rwatch.end_by(Signal::SIGINT), Ended::Signal(2)),
        Deed::CtrlCTwice => {
            rwatch.signal(Signal::SIGINT);
            eventually("all have heard the first", || {
                heard(&rwatch, "INT", &crew).all(|(_, times)| times == 1)
            });
            rwatch.ctrl_c_again();
            assert_eq!(rwatch.exit(), Ended::Signal(2));
        }
        Deed::Term => assert_eq!(rwatch.end_by(Signal::SIGTERM), Ended::Signal(15)),
        // The daemon holds its standard output open.
        Deed::Kill if shape.is_nameless => rwatch.signal(Signal::SIGKILL),
        Deed::Kill => assert_eq!(rwatch.end_by(Signal::SIGKILL), Ended::Signal(9)),
    }
    let signal = match deed {
        Deed::CtrlC | Deed::CtrlCTwice => "INT",
        _ => "TERM",
    };
    for (pid, times) in heard(&rwatch, signal, &crew) {
        let expected = match deed {
            Deed::Kill => times == 0,
            Deed::Exit | Deed::Crash if pid == leader => times == 0,
            // SIGKILL may have come first.
            _ if shape.stays => times <= 1,
            _ => times == 1,
        };
        let told = rwatch.log("log");
        assert!(expected, "{pid}: {told:#?}; {}", rwatch.transcript());
    }
    if deed == Deed::Kill && shape.is_nameless {
        // It has another parent now. This is a limit, and is to be noticed if it is lifted.
        eventually("the others are gone", || {
            crew.iter().filter(|&&pid| !is_gone(pid)).count() == 1
        });
        let daemon = crew.iter().find(|&&pid| !is_gone(pid));
        kill(Pid::from_raw(*daemon.expect("the one")), Signal::SIGKILL).expect("it is alive");
    }
    if deed != Deed::Save {
        eventually("nobody is left", || crew.iter().all(|&pid| is_gone(pid)));
        eventually("the guard has ended", || is_gone(guard));
    }
}

fn start(shape: &Shape, deed: Deed) -> Rwatch {
    let sandbox = Sandbox::new();
    let (log, gate) = (sandbox.side("log"), sandbox.side("gate"));
    let timeout = match deed {
        Deed::CtrlCTwice => "10m",
        _ if shape.stays => "50ms",
        _ => "10m",
    };
    let mut options = vec!["--stop-timeout", timeout];
    if matches!(deed, Deed::Exit | Deed::Crash) {
        options.extend(["-m", "0"]);
    }
    let mut words = vec!["child", "log", &log];
    words.extend(shape.words.split_whitespace().map(|word| match word {
        "LOG" => &log,
        word => word,
    }));
    words.extend(["exit-when", &gate, "3"]);
    let mut rwatch = sandbox.start(options, words);
    rwatch.ready();
    rwatch
}

/// Who stops itself has done so: later than the stop signal it would not be woken.
fn is_settled(rwatch: &Rwatch, shape: &Shape) {
    let is_stopped = |pid: &i32| state(&proc(*pid)) == Some('T');
    if shape.words.contains("stop-self") {
        eventually("it has stopped itself", || {
            crew(rwatch).iter().any(is_stopped)
        });
    }
}

/// The first to start.
fn leader(rwatch: &Rwatch) -> i32 {
    pid(&rwatch.log("log")[0])
}

/// How often those of the crew who keep the log have heard the signal.
fn heard(rwatch: &Rwatch, signal: &str, crew: &[i32]) -> impl Iterator<Item = (i32, usize)> {
    let log = rwatch.log("log");
    let lines = |what: String| log.iter().filter(move |line| line.starts_with(&what));
    let all: HashSet<i32> = lines("start".to_owned()).map(|line| pid(line)).collect();
    let times = |of: i32| {
        lines(format!("signal {signal} "))
            .filter(|line| pid(line) == of)
            .count()
    };
    let crew: Vec<(i32, usize)> = crew
        .iter()
        .filter(|pid| all.contains(pid))
        .map(|&pid| (pid, times(pid)))
        .collect();
    crew.into_iter()
}

/// The pid that ends a line of the log.
fn pid(line: &str) -> i32 {
    let pid = line.rsplit(' ').next().and_then(|pid| pid.parse().ok());
    pid.expect("WHAT NANOS PID")
}
