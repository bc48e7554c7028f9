//! Runs a command in its own process group, and restarts it when watched files change or when it
//! exits.
//!
//! Facts come in, one pure function decides, one loop acts:
//!
//! ```text
//! notify ────► watch ──┐                                  ┌─► process   spawn, signal, reap
//! OS signals ► signals ┼─► one channel ─► runtime ────────┼─► watch     collect a burst
//! dead children ───────┤                  │   ▲           ├─► terminal  lend, take back
//! keys ─────► terminal ┘                  │   │           ├─► reporter  every line printed
//!                                         ▼   │           └─► journal   the same for programs
//!                                  Supervisor::handle(now, Event) -> Vec<Action>
//! ```
//!
//! | module | owns |
//! |---|---|
//! | [`cli`] | what was typed, and the help |
//! | [`project`] | what rwatch.toml adds to it |
//! | [`config`] | what that means here |
//! | [`policy`] | the values that decisions are made by |
//! | [`event`] | the facts that decisions are made on |
//! | [`supervisor`] | the decisions: which state COMMAND is in, budget, backoff, when a burst is over, when to kill |
//! | [`runtime`] | the loop |
//! | [`process`] | pids |
//! | [`watch`] | paths: what is watched, what counts, what happened |
//! | [`terminal`] | the terminal: who has it, its modes, the keys |
//! | [`signals`] | the signals that rwatch is sent |
//! | [`reporter`] | what rwatch says |
//! | [`journal`] | what it tells other programs |
//! | [`text`] | names and durations for people |
//! | [`paths`] | which file a path leads to |

mod cli;
mod config;
mod event;
mod journal;
mod paths;
mod policy;
mod process;
mod project;
mod reporter;
mod runtime;
mod signals;
mod supervisor;
mod terminal;
mod text;
mod watch;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::panic;
use std::process::ExitCode;

use nix::sys::signal::Signal;

use crate::cli::Typed;
use crate::config::{Config, Env};
use crate::event::OWN_ERROR;
use crate::project::Task;
use crate::reporter::{Reporter, Style, Volume, Wanted};
use crate::supervisor::Outcome;

/// The whole program: from the command line to the exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    if args.first().is_some_and(|name| name == process::GUARD) {
        process::watch_over();
        return ExitCode::SUCCESS;
    }
    if args.first().is_some_and(|name| name == process::WITNESS) {
        process::look_out(&args);
        return ExitCode::SUCCESS;
    }
    // A defect is one line, too; the guard ends what runs.
    panic::set_hook(Box::new(|defect| {
        let defect = defect.to_string().replace('\n', " ");
        let _ = writeln!(
            io::stderr(),
            "[rwatch] a defect of rwatch: {defect}; please report it"
        );
        std::process::exit(OWN_ERROR.into());
    }));
    let plain = Style {
        volume: Volume::Normal,
        color: false,
        clear: false,
        notices: Wanted::default(),
    };
    let (config, remarks) = match prepare(args) {
        Ok(Prepared::Answer(text)) => {
            // Whoever has read enough may leave.
            let _ = io::stdout().write_all(text.as_bytes());
            return ExitCode::SUCCESS;
        }
        Ok(Prepared::Run(config, remarks)) => (config, remarks),
        Err(error) => return refuse(&error, &Reporter::new(plain, String::new())),
    };
    let command = text::command_line(config.programs.command.words());
    let mut reporter = Reporter::new(config.style, command);
    if let Some(build) = config.programs.build.as_ref().and_then(|it| it.args.last()) {
        reporter.builds_with(build);
    }
    if let (Some(path), Some(watch)) = (&config.explain, &config.watch) {
        let explanation = watch.clone().explain(path);
        Reporter::answer(&explanation.text);
        return ExitCode::from(u8::from(!explanation.restarts));
    }
    for remark in &remarks {
        reporter.remark(remark);
    }
    let ended = runtime::run(*config, &reporter).map_err(|error| refuse(&error, &reporter));
    reporter.finish();
    match ended {
        Ok(Outcome::Code(code)) => ExitCode::from(code),
        Ok(Outcome::Signal(signal)) => die_of(signal),
        Err(code) => code,
    }
}

/// What a command line asks for.
enum Prepared {
    /// To print this.
    Answer(String),
    /// To run COMMAND, and to say this first.
    Run(Box<Config>, Vec<String>),
}

/// Finds out what was typed, what the project says to it, and what both mean here.
fn prepare(args: Vec<OsString>) -> anyhow::Result<Prepared> {
    let typed = Typed::parse(args)?;
    if let Some(document) = typed.args.document() {
        return Ok(Prepared::Answer(document));
    }
    let env = Env::current()?;
    Ok(match project::settle(typed, &env)? {
        Task::Answer(text) => Prepared::Answer(text),
        Task::Run(plan) => {
            let mut remarks = plan.remarks;
            remarks.extend(config::remarks(&plan.args, plan.ignored.as_ref(), &env));
            let config = Config::resolve(plan.args, plan.ignored.as_ref(), &env)?;
            Prepared::Run(Box::new(config), remarks)
        }
    })
}

/// Says what is wrong: a wrong command line, or a request for help, as clap has it; anything else
/// on one line.
fn refuse(error: &anyhow::Error, reporter: &Reporter) -> ExitCode {
    if let Some(usage) = error.downcast_ref::<clap::Error>() {
        // Nobody is left to tell that nobody reads.
        let _ = usage.print();
        return ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(OWN_ERROR));
    }
    reporter.error(error);
    ExitCode::from(OWN_ERROR)
}

fn die_of(signal: Signal) -> ExitCode {
    signals::die_of(signal);
    ExitCode::from(event::ExitReason::Signal(signal as i32).code())
}
