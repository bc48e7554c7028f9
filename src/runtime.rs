//! The loop: waits for facts, has the supervisor decide on them, and carries out what it says.
//!
//! One channel brings everything, one `recv_timeout` waits for it: at rest every thread of rwatch
//! is blocked. Whatever is started, signalled or reaped is so from this thread alone.

use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use nix::sys::signal::Signal;

use crate::config::Config;
use crate::event::{Changes, Event, ExitReason, Halt, Note, RunId, StartReason};
use crate::journal::{Journal, Start, Target};
use crate::policy::StopPolicy;
use crate::process::{Given, News, Processes, Read, Reading, Slices, Started};
use crate::reporter::Reporter;
use crate::signals::{self, Beside};
use crate::supervisor::{Action, Outcome, Supervisor};
use crate::terminal::{Front, Heard, Terminal};
use crate::watch::{Report, Watch, mount_table};

/// How often it is looked whether time passes, in the middle of a stop.
const TICK: Duration = Duration::from_millis(250);
/// Who is so late was not busy, but stopped.
const FROZEN: Duration = Duration::from_secs(1);

/// What the other threads send.
enum Fact {
    /// Something to decide on.
    Event(Event),
    /// Something has become of a child.
    Child(News),
    /// A file with variables has been read.
    Read(Read),
    /// Somebody typed, and the terminal is not ours.
    NotOurs,
    /// Something to tell the user.
    Note(Note),
    /// Something was mounted or unmounted somewhere.
    Mounted,
    /// A notification could not be shown.
    Unshown,
    /// Nobody can be told any more what happens.
    Unheard(io::Error),
    /// Something that ends rwatch.
    Failed(anyhow::Error),
}

/// Runs COMMAND until nothing is left to do.
///
/// # Errors
/// If it cannot be watched, signalled or waited for; nothing is left running then.
pub fn run(mut config: Config, reporter: &Reporter) -> anyhow::Result<Outcome> {
    // First of all: a number is a descriptor that rwatch was given, and not one of its own.
    let events = config.events.take().map(Target::open).transpose()?;
    if let (Some(sink), Some(watch)) = (&events, &mut config.watch) {
        // It may be new.
        watch.filter.outputs.extend(sink.file());
    }
    let (facts, inbox) = channel();
    let (blocked, ignored) = signals::given();
    let given = Given {
        blocked,
        ignored,
        // Before there is another thread, too.
        slices: Slices::shorten(),
    };
    // Signals first: nothing must be left behind, whenever one comes.
    let mounts = config.watch.as_ref().and_then(|_| mount_table());
    let told = sender(&facts, |()| Fact::Mounted);
    let mounts = mounts.map(|file| Beside {
        file,
        tell: Box::new(move || told(())),
    });
    signals::listen(sender(&facts, Fact::Event), mounts).context("cannot listen for signals")?;
    reporter
        .notify(sender(&facts, |()| Fact::Unshown))
        .context("cannot start a thread for --notify")?;
    let mut journal = match events {
        None => Journal::none(),
        Some(sink) => Journal::start(sink, config.policy.build, sender(&facts, Fact::Unheard))
            .context("cannot start a thread for --events")?,
    };
    journal.begin(config.programs.command.words());
    let outcome = live(config, given, (&facts, &inbox), reporter, &mut journal);
    journal.end(&outcome);
    outcome
}

/// The life of rwatch: at its end nothing is left running, and the terminal is as it was.
fn live(
    config: Config,
    given: Given,
    (facts, inbox): (&Sender<Fact>, &Receiver<Fact>),
    reporter: &Reporter,
    journal: &mut Journal,
) -> anyhow::Result<Outcome> {
    // The watch is what a start waits for: so it has the time that the rest takes.
    let watch = config
        .watch
        .map(|spec| Watch::start(spec, sender(facts, fact)))
        .transpose()?;
    let patience = config.policy.stop.grace.max(StopPolicy::default().grace);
    let mut world = World {
        processes: Processes::new(
            config.programs,
            given,
            sender(facts, Fact::Child),
            sender(facts, reading),
        )
        .context("cannot wait for children")?,
        delayed: Vec::new(),
        terminal: Terminal::open(sender(facts, |heard| match heard {
            Heard::Event(event) => Fact::Event(event),
            Heard::NotOurs => Fact::NotOurs,
        })),
        lent_to: None,
        patience,
        watch,
        awaits: false,
        reporter,
        journal,
    };
    reporter.sight(world.processes.sight());
    let mut supervisor = Supervisor::new(config.policy);
    if world.watch.is_none() {
        // Nothing to wait for.
        let _ = facts.send(Fact::Event(Event::Armed));
    }
    loop {
        world.journal.send();
        world.processes.do_what_is_due();
        let deadlines = supervisor.deadline().into_iter();
        let (frozen, fact) = match deadlines.chain(world.processes.due()).min() {
            None => (None, inbox.recv().map_err(RecvTimeoutError::from)),
            Some(at) => wait(inbox, at, supervisor.is_stopping()),
        };
        if let Some(time) = frozen {
            supervisor.handle(Instant::now(), Event::Froze(time));
        }
        let mut events = match fact {
            // The terminal is gone, and nohup stands against what that means.
            Ok(Fact::Event(Event::Asked(signal, _))) if signals::is_ignored(signal) => continue,
            Ok(Fact::Event(event)) => {
                if event == Event::Resumed {
                    world.look_at_terminal();
                }
                vec![event]
            }
            Ok(Fact::NotOurs) => {
                world.look_at_terminal();
                continue;
            }
            Ok(Fact::Child(news)) => world.take_in(news),
            Ok(Fact::Read(read)) => world.keep(read),
            Ok(Fact::Note(note)) => {
                reporter.note(&note);
                world.journal.note(&note);
                continue;
            }
            Ok(Fact::Mounted) => {
                if let Some(watch) = &world.watch {
                    watch.mounts_changed();
                }
                continue;
            }
            Ok(Fact::Unheard(error)) => {
                reporter.events_lost(&error);
                continue;
            }
            Ok(Fact::Unshown) => {
                reporter.unshown();
                continue;
            }
            Ok(Fact::Failed(error)) => return Err(error),
            Err(RecvTimeoutError::Timeout) => vec![Event::Elapsed],
            Err(RecvTimeoutError::Disconnected) => {
                unreachable!("`facts` lives as long as the loop")
            }
        };
        while !events.is_empty() {
            let decide = |event| {
                world.journal.happened(&event);
                supervisor.handle(Instant::now(), event)
            };
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

/// Waits until `at` for a fact. In the middle of a stop it is noticed when rwatch itself was stopped
/// for a while, and for how long, as by SIGSTOP or a freezer: COMMAND may have been, too, and is not
/// to be killed for what it had no time to do.
fn wait(
    inbox: &Receiver<Fact>,
    at: Instant,
    stopping: bool,
) -> (Option<Duration>, Result<Fact, RecvTimeoutError>) {
    loop {
        let now = Instant::now();
        let left = at.saturating_duration_since(now);
        let short = if stopping { left.min(TICK) } else { left };
        let fact = inbox.recv_timeout(short);
        let late = now.elapsed().saturating_sub(short);
        let frozen = (stopping && late > FROZEN).then_some(late);
        if frozen.is_some() || short == left || !matches!(fact, Err(RecvTimeoutError::Timeout)) {
            return (frozen, fact);
        }
    }
}

/// What actions act on.
struct World<'a> {
    processes: Processes,
    /// The starts that wait for a file with variables.
    delayed: Vec<Attempt>,
    terminal: Option<Terminal>,
    /// The run that got the terminal last.
    lent_to: Option<RunId>,
    /// How long a run may take to end of a Ctrl-C.
    patience: Duration,
    watch: Option<Watch>,
    /// Whether the watch waits for a file to become executable.
    awaits: bool,
    reporter: &'a Reporter,
    journal: &'a mut Journal,
}

/// A start that was decided on.
struct Attempt {
    run: RunId,
    before: RunId,
    reason: StartReason,
    changes: Changes,
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
                // What a build said is to be read.
                if reason == StartReason::Exit || !self.processes.build_first() {
                    self.reporter.clear();
                }
                return self.start(Attempt {
                    run,
                    before: run,
                    reason,
                    changes,
                });
            }
            Action::Build {
                run,
                before,
                reason,
                changes,
            } => {
                self.reporter.clear();
                return self.start(Attempt {
                    run,
                    before,
                    reason,
                    changes,
                });
            }
            Action::Signal { run, signal } => {
                if let Some(over) = self.call_off(run, signal) {
                    return vec![over];
                }
                self.processes.signal(run, signal);
                self.journal.signalled(run, signal);
            }
            Action::Kill { run } => {
                self.processes.kill(run);
                self.journal.killed(run);
                let emptied = self.processes.emptied();
                return self.clear_up(emptied);
            }
            Action::Look { run } => {
                let at_work = self.processes.are_at_work(run);
                return vec![Event::Looked { run, at_work }];
            }
            Action::Lend { run } => self.lend(run),
            Action::Suspend => return vec![self.suspend()],
            Action::NameDaemons { run } => self.reporter.daemons(&self.processes.remaining(run)),
            Action::Relay { run, signal } => self.processes.relay(run, signal),
            Action::RelayToGroup { run, signal } => {
                // Whoever has the terminal hears of its new size by itself.
                let has_terminal = self.lent_to == Some(run)
                    && self.terminal.as_ref().is_some_and(Terminal::is_lent);
                if signal != Signal::SIGWINCH || !has_terminal {
                    self.processes.relay_to_group(run, signal);
                }
            }
            Action::Collect { order } => {
                if let Some(watch) = &self.watch {
                    watch.collect(order);
                }
            }
            Action::Say(message) => {
                self.reporter.say(&message);
                self.journal.decided(&message);
            }
            Action::NameRemaining { run, hope } => {
                self.reporter
                    .remaining(&self.processes.remaining(run), hope);
                let emptied = self.processes.emptied();
                return self.clear_up(emptied);
            }
            Action::Finish(_) => unreachable!("the loop ends with it"),
        }
        Vec::new()
    }

    /// Starts COMMAND or the build, or has it wait.
    fn start(&mut self, start: Attempt) -> Vec<Event> {
        let run = start.run;
        let spawned = self
            .processes
            .spawn(run, start.before, start.reason, &start.changes);
        self.await_executable();
        match spawned {
            Ok(Some(started)) => {
                let pid = started.pid;
                self.note_start(run, start.before, started, start.reason, &start.changes);
                if !run.is_build() {
                    self.reporter
                        .spawned(run, start.reason, &start.changes, pid);
                }
                Vec::new()
            }
            Ok(None) => {
                self.delayed.push(start);
                Vec::new()
            }
            Err(failure) => vec![Event::NotStarted { run, failure }],
        }
    }

    /// Has the watch wait for the mode that a start has failed for the lack of, or no more for that.
    fn await_executable(&mut self) {
        let file = self.processes.denied();
        if let Some(watch) = &self.watch
            && (self.awaits || file.is_some())
        {
            self.awaits = file.is_some();
            watch.await_executable(file.map(Path::to_path_buf));
        }
    }

    /// Takes in what a file with variables held, and tries those again who wait for it.
    fn keep(&mut self, read: Read) -> Vec<Event> {
        self.processes.keep(read);
        let mut events = Vec::new();
        for start in std::mem::take(&mut self.delayed) {
            // What it was counts from now on.
            events.push(Event::Begun { run: start.run });
            events.extend(self.start(start));
        }
        events
    }

    /// Has a start that waits not be made: to whoever decides it is a run that dies at once.
    fn call_off(&mut self, run: RunId, signal: Signal) -> Option<Event> {
        let waits = self.delayed.iter().position(|start| start.run == run)?;
        self.delayed.remove(waits);
        let reason = ExitReason::Signal(signal as i32);
        Some(Event::Emptied { run, reason })
    }

    /// Has other programs know of a start.
    fn note_start(
        &mut self,
        run: RunId,
        before: RunId,
        Started { pid, unlisted }: Started,
        reason: StartReason,
        changes: &Changes,
    ) {
        if unlisted {
            self.reporter.unlisted();
        }
        self.journal.started(&Start {
            run,
            before,
            id: self.processes.name(run).unwrap_or_default(),
            pid,
            reason,
            changes,
        });
    }

    /// Takes in what has become of a child.
    fn take_in(&mut self, news: News) -> Vec<Event> {
        let events = self.processes.take_in(news);
        self.clear_up(events)
    }

    /// Finds out whether Ctrl-C ended whoever ended. The terminal comes back before anybody hears
    /// that the run is over.
    fn clear_up(&mut self, happened: Vec<Event>) -> Vec<Event> {
        let mut events = Vec::new();
        for event in happened {
            let ended = match event {
                Event::Emptied { run, reason } => Some((run, Some(reason))),
                Event::Exited { run } => Some((run, self.processes.ended(run))),
                // Typed into a terminal that COMMAND does not have it is a signal like any other.
                Event::Halted {
                    run,
                    why: Halt::CtrlZ,
                } if !self.has_terminal(run) => continue,
                _ => None,
            };
            if let Some((run, reason)) = ended {
                let interrupted = Event::Interrupted { run };
                if reason.is_some_and(is_of_ctrl_c)
                    && !events.contains(&interrupted)
                    && self.has_terminal(run)
                {
                    events.push(interrupted);
                }
                self.take_terminal_back(run, matches!(event, Event::Emptied { .. }));
            }
            events.push(event);
        }
        events
    }

    /// Whether the run has the terminal, or somebody of it who is dead by now.
    fn has_terminal(&self, run: RunId) -> bool {
        let Some(terminal) = &self.terminal else {
            return false;
        };
        if terminal.is_lent() {
            return self.lent_to == Some(run);
        }
        match terminal.front() {
            Front::Ours | Front::Gone => false,
            Front::Dead => true,
            Front::Theirs(group) => self.processes.whose(group) == Some(run),
        }
    }

    /// Takes the terminal back from a run that is over, or whose leader is gone, unless another run
    /// has it.
    fn take_terminal_back(&mut self, run: RunId, is_over: bool) {
        let Some(terminal) = &mut self.terminal else {
            return;
        };
        match self.lent_to {
            Some(to) if to != run => terminal.renew(),
            // Ctrl-C is for those who are left.
            Some(_) if !is_over && terminal.front() != Front::Dead => {}
            Some(_) | None => {
                terminal.take_back();
                self.lent_to = None;
            }
        }
    }

    /// Finds out who has the terminal, where it may be somebody else than we know.
    fn look_at_terminal(&mut self) {
        let Some(terminal) = &mut self.terminal else {
            return;
        };
        match terminal.front() {
            _ if terminal.is_lent() => {}
            Front::Theirs(group) => {
                // At once: the next that is heard may be that it is gone.
                terminal.is_elsewhere();
                if let Some(run) = self.processes.whose(group) {
                    terminal.is_taken_by(group);
                    self.lent_to = Some(run);
                    self.processes.attend(run, group, self.patience);
                }
            }
            Front::Dead => terminal.take_back(),
            Front::Ours | Front::Gone => {}
        }
    }

    /// Gives the terminal to a run that asked for it.
    fn lend(&mut self, run: RunId) {
        let Some(group) = self.processes.group(run) else {
            return;
        };
        let Some(terminal) = &mut self.terminal else {
            return self.reporter.no_terminal();
        };
        if terminal.is_to_lend() {
            // Before the first key can reach COMMAND.
            self.processes.attend(run, group, self.patience);
        }
        if terminal.lend(group) {
            self.lent_to = Some(run);
            self.processes.resume(run);
        } else if terminal.front() == Front::Gone {
            // It would wait for ever; so it finds out by itself.
            self.processes.resume(run);
        }
    }

    /// Stops all runs and rwatch, until a shell wakes them; how long that took.
    fn suspend(&mut self) -> Event {
        self.look_at_terminal();
        self.processes.suspend();
        let lent = self.terminal.as_ref().is_some_and(Terminal::is_lent);
        if let Some(terminal) = &mut self.terminal {
            terminal.suspend();
        }
        self.reporter.suspend();
        let before = Instant::now();
        signals::stop(lent);
        let stopped = before.elapsed();
        if let Some(terminal) = &mut self.terminal {
            terminal.resume();
        }
        self.reporter.resume();
        self.processes.resume_all();
        Event::Froze(stopped)
    }
}

/// Whether COMMAND died of Ctrl-C, or says so as a shell would.
fn is_of_ctrl_c(reason: ExitReason) -> bool {
    reason.code() == ExitReason::Signal(Signal::SIGINT as i32).code()
}

fn reading(reading: Reading) -> Fact {
    match reading {
        Reading::Slow(file) => Fact::Note(Note::Unwritten { file }),
        Reading::Over(read) => Fact::Read(read),
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
