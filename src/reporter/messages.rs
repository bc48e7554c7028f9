//! The words for what was decided.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::culprits::{Culprits, pattern_for};
use super::{Tone, count, path_text, signal_name};
use crate::event::{ExitReason, SpawnFailure};
use crate::process::Member;
use crate::supervisor::{Begin, Grant, Hope, LoopStage, Message, Next, NextAfterBuild, StopReason};
use crate::text::{pause, shown, span};

/// What is run, as the user is told it.
#[derive(Debug)]
pub(super) struct Names {
    /// COMMAND, as a shell would take it.
    pub(super) command: String,
    /// The shell command that builds.
    pub(super) build: String,
    /// What is watched.
    pub(super) roots: RefCell<Vec<PathBuf>>,
}

impl Names {
    /// What is said of a decision, and how it is meant.
    pub(super) fn message(&self, message: &Message) -> (Tone, String) {
        let command = &self.command;
        match message {
            Message::Starting => (Tone::Start, self.begin(Begin::Start)),
            Message::Postponed => (
                Tone::Plain,
                format!("waiting for changes before the start of `{command}`"),
            ),
            Message::Changed { path, more, what } => {
                let (changed, then) = (changed_text(path, *more), self.begin(*what));
                (Tone::Start, format!("{changed} changed, {then}"))
            }
            Message::Building => (Tone::Start, self.begin(Begin::Build)),
            Message::Built { ran, what } => {
                let then = self.begin(*what);
                (Tone::Start, format!("built after {}, {then}", span(*ran)))
            }
            Message::BuildFailed { reason, ran, next } => {
                let how = how_text(*reason, &span(*ran));
                let next = after_build_text(*next);
                (Tone::Error, format!("`{}` {how}{next}", self.build))
            }
            Message::BuildLooping { path } => {
                let (path, pattern) = (path_text(path), pattern_for(path));
                let text = format!(
                    "{path} changes in build after build, and each of them is stopped for it: if the \
                         build writes it itself, --ignore '{pattern}' ends the loop"
                );
                (Tone::Warning, text)
            }
            Message::BuildNotStarted { failure, next } => (
                Tone::Error,
                failure_text(failure) + &after_build_text(*next),
            ),
            Message::Looping {
                written,
                late,
                stage,
            } => {
                let culprits = Culprits::find(written, &self.roots.borrow());
                (Tone::Warning, looping_text(&culprits, *late, *stage))
            }
            Message::Joined { path, more } => {
                let what = changed_text(path, *more);
                (Tone::Detail, format!("{what} changed before the restart"))
            }
            Message::Exited { reason, ran, next } => exited_text(*reason, &span(*ran), *next),
            Message::NotStarted { failure, next } => (
                Tone::Error,
                format!("{}{}", failure_text(failure), next_text(*next)),
            ),
            Message::Lasting { path, lock: true } => {
                let path = path_text(path);
                (
                    Tone::Warning,
                    format!("waiting for git, which holds {path}; remove it if no git is at work"),
                )
            }
            Message::Lasting { path, lock: false } => {
                let path = path_text(path);
                (
                    Tone::Plain,
                    format!("waiting for the end of the changes, {path} is the latest"),
                )
            }
            Message::Overrun { path, lock: true } => {
                let path = path_text(path);
                (
                    Tone::Warning,
                    format!("git still holds {path}, starting all the same"),
                )
            }
            Message::Overrun { path, lock: false } => {
                let path = path_text(path);
                (
                    Tone::Warning,
                    format!("{path} is still being written, starting all the same"),
                )
            }
            Message::Stopping { signal, why } => {
                let why = match why {
                    StopReason::Change => "a change",
                    StopReason::ByHand => "a request to restart",
                    StopReason::Leftovers => "others that it left behind",
                    StopReason::Asked => "a request to end",
                };
                (Tone::Detail, format!("sending {signal} because of {why}"))
            }
            Message::ByHand => (Tone::Start, "restarting by hand".to_owned()),
            Message::Help => (
                Tone::Answer,
                "type rs or r to restart, q to quit, h for this; Ctrl-C ends everything".to_owned(),
            ),
            Message::NoKey => (Tone::Answer, "no such key; h lists the keys".to_owned()),
            Message::Killing => (Tone::Plain, "sending SIGKILL".to_owned()),
        }
    }

    fn begin(&self, what: Begin) -> String {
        match what {
            Begin::Start => format!("starting `{}`", self.command),
            Begin::Restart => "restarting".to_owned(),
            Begin::Build => format!("building with `{}`", self.build),
        }
    }
}

fn looping_text(culprits: &Culprits, late: bool, stage: LoopStage) -> String {
    let Culprits { names, ignores, .. } = culprits;
    let when = if late {
        "at the same point of every run"
    } else {
        "right after every start"
    };
    match (stage, culprits.are_many) {
        (LoopStage::Found, false) => format!(
            "{names} changes {when}: if the command writes it itself, {ignores} ends the loop"
        ),
        (LoopStage::Found, true) => format!(
            "{names} change {when}: if the command writes them itself, {ignores} ends the loop"
        ),
        (LoopStage::Spaced, are_many) => {
            let goes = if are_many { "go" } else { "goes" };
            format!(
                "{names} {goes} on changing {when}: spacing out these restarts, up to 30s; \
                 {ignores} ends them"
            )
        }
    }
}

fn exited_text(reason: ExitReason, ran: &str, next: Next) -> (Tone, String) {
    let tone = if reason.is_clean() {
        Tone::Plain
    } else {
        Tone::Warning
    };
    (tone, how_text(reason, ran) + &next_text(next))
}

fn how_text(reason: ExitReason, ran: &str) -> String {
    match reason {
        ExitReason::Code(0) => "exited cleanly".to_owned(),
        ExitReason::Code(code) => format!("exited with code {code} after {ran}"),
        ExitReason::Signal(number) => format!("killed by {} after {ran}", signal_name(number)),
    }
}

fn after_build_text(next: NextAfterBuild) -> String {
    match next {
        NextAfterBuild::Stay => ", the old run stays".to_owned(),
        NextAfterBuild::Wait => ", waiting for changes".to_owned(),
        NextAfterBuild::Again(wait) => format!(", trying again in {}", pause(wait)),
        NextAfterBuild::Policy | NextAfterBuild::End => String::new(),
    }
}

fn next_text(next: Next) -> String {
    match next {
        Next::Wait => ", waiting for changes".to_owned(),
        Next::Restart(Grant {
            pause: wait,
            nth: None,
        }) => {
            format!(", restarting in {}", pause(wait))
        }
        Next::Restart(Grant {
            pause: wait,
            nth: Some((nth, max)),
        }) => {
            format!(", restarting in {} ({nth} of {max})", pause(wait))
        }
        Next::End => String::new(),
        Next::GiveUp { restarts } => {
            format!(
                "; gave up after {}",
                count(restarts as usize, "restart", "restarts")
            )
        }
    }
}

/// Why COMMAND, or the build, could not be started.
pub fn failure_text(failure: &SpawnFailure) -> String {
    match failure {
        SpawnFailure::NotFound {
            program,
            searched: Some(path),
            is_here,
        } => {
            let (program, path) = (shown(program), shown(path));
            let hint = if *is_here {
                format!(", but `./{program}` is there")
            } else {
                String::new()
            };
            format!("cannot find `{program}` in PATH ({path}){hint}")
        }
        SpawnFailure::NotFound {
            program,
            searched: None,
            ..
        } => {
            format!("cannot find `{}`: no such file", shown(program))
        }
        SpawnFailure::NoInterpreter {
            program,
            interpreter,
        } => match interpreter.as_bytes().strip_suffix(b"\r") {
            Some(name) => format!(
                "cannot start `{}`: its `#!` line names `{}\\r`, which does not exist: the line ends \
                 as on Windows; save the file with LF line endings",
                shown(program),
                shown(OsStr::from_bytes(name))
            ),
            None => format!(
                "cannot start `{}`: its `#!` line names `{}`, which does not exist",
                shown(program),
                shown(interpreter)
            ),
        },
        SpawnFailure::NotExecutable { program, why } => {
            format!("cannot execute `{}`: {why}", shown(program))
        }
        SpawnFailure::EnvFile { file, why } => {
            // By the path that it has now: the current directory may have been renamed.
            let file = std::path::absolute(file).unwrap_or_else(|_| file.clone());
            format!("cannot read `{}`: {why}", path_text(&file))
        }
        SpawnFailure::Transient { program, why } => {
            format!("cannot start `{}` now: {why}", shown(program))
        }
    }
}

pub(super) fn remaining_text(members: &[Member], hope: Hope) -> Option<String> {
    if members.is_empty() {
        return None;
    }
    let mut text = format!("still waiting for {}", names(members));
    match hope {
        Hope::CtrlC => text.push_str("; Ctrl-C again kills them"),
        Hope::Kill(after) => {
            // To a tenth of a second, since it is an announcement.
            let tenths = u64::try_from((after.as_millis() + 50) / 100).unwrap_or(u64::MAX);
            let after = Duration::from_millis(tenths.saturating_mul(100));
            let _ = write!(text, "; killing them in {}", pause(after));
        }
        Hope::None => {}
    }
    Some(text)
}

/// Pids and names, as many as can be read.
pub(super) fn names(members: &[Member]) -> String {
    const NAMED: usize = 8;
    let named = members.iter().take(NAMED);
    let named: Vec<String> = named
        .map(|member| {
            let name = shown(member.name.as_ref());
            format!("{} {name}", member.pid).trim_end().to_owned()
        })
        .collect();
    let mut text = named.join(", ");
    if members.len() > NAMED {
        let _ = write!(text, " and {} more", members.len() - NAMED);
    }
    text
}

fn changed_text(path: &Path, more: usize) -> String {
    match more {
        0 => path_text(path),
        _ => format!("{} and {more} more", path_text(path)),
    }
}
