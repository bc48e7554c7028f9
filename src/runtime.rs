//! The loop: waits for facts, has the supervisor decide on them, and carries out what it says.
//!
//! One channel brings everything, one `recv_timeout` waits for it: at rest every thread of rwatch
//! is blocked. Whatever is started, signalled or reaped is so from this thread alone.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Instant;

use anyhow::Context as _;
use nix::unistd::Pid;

use crate::config::Config;
use crate::event::{Event, Note};
use crate::process::Processes;
use crate::reporter::Reporter;
use crate::signals;
use crate::supervisor::{Action, Outcome, Supervisor};
use crate::watch::{Report, Watch};

/// What the other threads send.
enum Fact {
    /// Something to decide on.
    Event(Event),
    /// A child is dead and not reaped.
    Dead(Pid),
    /// Something to tell the user.
    Note(Note),
    /// Something that ends rwatch.
    Failed(anyhow::Error),
}

/// Runs COMMAND until nothing is left to do.
///
/// # Errors
/// If it cannot be watched, signalled or waited for; nothing is left running then.
pub fn run(config: Config, reporter: &Reporter) -> anyhow::Result<Outcome> {
    let (facts, inbox) = channel();
    // Signals first: nothing must be left behind, whenever one comes.
    signals::listen(sender(&facts, Fact::Event)).context("cannot listen for signals")?;
    let mut world = World {
        processes: Processes::new(config.launch, sender(&facts, Fact::Dead))
            .context("cannot wait for children")?,
        watch: config
            .watch
            .map(|spec| Watch::start(spec, sender(&facts, fact)))
            .transpose()?,
        reporter,
    };
    let mut supervisor = Supervisor::new(config.policy);
    if world.watch.is_none() {
        // Nothing to wait for.
        let _ = facts.send(Fact::Event(Event::Armed));
    }
    loop {
        let fact = match supervisor.deadline() {
            None => inbox.recv().map_err(RecvTimeoutError::from),
            Some(at) => inbox.recv_timeout(at.saturating_duration_since(Instant::now())),
        };
        let mut events = match fact {
            Ok(Fact::Event(event)) => vec![event],
            Ok(Fact::Dead(pid)) => world.processes.reap(pid),
            Ok(Fact::Note(note)) => {
                reporter.note(&note);
                continue;
            }
            Ok(Fact::Failed(error)) => return Err(error),
            Err(RecvTimeoutError::Timeout) => vec![Event::Elapsed],
            Err(RecvTimeoutError::Disconnected) => {
                unreachable!("`facts` lives as long as the loop")
            }
        };
        while !events.is_empty() {
            let decide = |event| supervisor.handle(Instant::now(), event);
            let actions: Vec<Action> = events.drain(..).flat_map(decide).collect();
            for action in actions {
                match action {
                    Action::Finish(outcome) => return Ok(outcome),
                    action => events.extend(world.carry_out(action)),
                }
            }
        }
    }
}

/// What actions act on.
struct World<'a> {
    processes: Processes,
    watch: Option<Watch>,
    reporter: &'a Reporter,
}

impl World<'_> {
    /// Does what the action says; what came of it, if that is to be decided on.
    fn carry_out(&mut self, action: Action) -> Vec<Event> {
        match action {
            Action::Spawn {
                run,
                reason,
                changes,
            } => {
                self.reporter.clear();
                match self.processes.spawn(run, reason, &changes) {
                    Ok(pid) => self.reporter.spawned(run, reason, &changes, pid),
                    Err(failure) => return vec![Event::NotStarted { run, failure }],
                }
            }
            Action::Signal { run, signal } => self.processes.signal(run, signal),
            Action::Kill { run } => {
                self.processes.kill(run);
                return self.processes.emptied();
            }
            Action::Look { run } if self.processes.are_at_work(run) => {
                return vec![Event::AtWork { run }];
            }
            Action::Look { .. } => {}
            Action::Relay { run, signal } => self.processes.relay(run, signal),
            Action::Collect { order } => {
                if let Some(watch) = &self.watch {
                    watch.collect(order);
                }
            }
            Action::Say(message) => self.reporter.say(&message),
            Action::NameRemaining { run, hope } => {
                self.reporter
                    .remaining(&self.processes.remaining(run), hope);
                return self.processes.emptied();
            }
            Action::Finish(_) => unreachable!("the loop ends with it"),
        }
        Vec::new()
    }
}

fn fact(report: Report) -> Fact {
    match report {
        Report::Event(event) => Fact::Event(event),
        Report::Note(note) => Fact::Note(note),
        Report::Failed(error) => Fact::Failed(error),
    }
}

/// A way into the loop for another thread. Whoever sends when the loop is over is not heard.
fn sender<T>(
    facts: &Sender<Fact>,
    wrap: impl Fn(T) -> Fact + Send + 'static,
) -> impl Fn(T) + Send + 'static {
    let facts = facts.clone();
    move |what| drop(facts.send(wrap(what)))
}
