//! Decides. Facts come in as [`Event`]s, what is to be done comes out as [`Action`]s.
//!
//! The supervisor holds the whole policy: in which state COMMAND is, what is wanted, how many
//! restarts are left, when a burst of changes is over and when to kill. It has no clock, does no
//! I/O and knows no pids: time is an argument, so that its tests play hours in microseconds.
//!
//! Three invariants hold for every history of events (the property tests try to break them):
//! there are never two live runs; a change that is newer than the last start leads to another
//! start; a stop always has a deadline until SIGKILL is out.

mod asked;
mod budget;
mod burst;
mod gate;
mod looping;
mod stop;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

pub use self::budget::Grant;
use self::budget::{Budget, STEADY};
use self::burst::{Burst, Over, Verdict};
use self::gate::Build;
use self::looping::{JUST_NOW, Loop, Suspicion};
pub use self::looping::{LoopStage, Written};
use self::stop::Stop;
use crate::event::{
    Activity, Change, ChangeKind, Changes, Event, ExitReason, RunId, SpawnFailure, StartReason,
};
use crate::policy::{Policy, RestartWhen};

/// Something that the runtime has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start COMMAND as this run.
    Spawn {
        run: RunId,
        reason: StartReason,
        changes: Changes,
    },
    /// Start the build as this run, before COMMAND's run of that number.
    Build {
        run: RunId,
        before: RunId,
        reason: StartReason,
        changes: Changes,
    },
    /// Send a signal to everybody of the run, and wake those who are stopped.
    Signal { run: RunId, signal: Signal },
    /// SIGKILL everybody of the run.
    Kill { run: RunId },
    /// Pass a signal on to the leader of the run.
    Relay { run: RunId, signal: Signal },
    /// Pass a signal on to the group of the run, as the terminal would have sent it.
    RelayToGroup { run: RunId, signal: Signal },
    /// Look whether anybody of the run is at work, and answer with [`Event::Looked`].
    Look { run: RunId },
    /// Give the terminal to the run, and wake it.
    Lend { run: RunId },
    /// Stop all runs, and then rwatch itself.
    Suspend,
    /// Name who of the run went into the background.
    NameDaemons { run: RunId },
    /// Ask what happened in the burst. Unless it is an order, a burst that is known not to be
    /// over may be answered with [`Event::Unsettled`].
    Collect { order: bool },
    /// Tell the user.
    Say(Message),
    /// Name who of the run is still there.
    NameRemaining { run: RunId, hope: Hope },
    /// Nothing is left to do, and nobody is left behind.
    Finish(Outcome),
}

/// How rwatch ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With this exit code.
    Code(u8),
    /// By this signal, as if it had never been caught.
    Signal(Signal),
}

/// What the user is told about a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// COMMAND starts; for the first time, or on a line of its own.
    Starting,
    /// The build starts, on a line of its own.
    Building,
    /// The build succeeded: COMMAND starts, or restarts, if nothing changes any more.
    Built { ran: Duration, what: Begin },
    /// The build failed, and what follows.
    BuildFailed {
        reason: ExitReason,
        ran: Duration,
        next: NextAfterBuild,
    },
    /// The build could not be started, and what follows.
    BuildNotStarted {
        failure: SpawnFailure,
        next: NextAfterBuild,
    },
    /// Nothing starts before the first change.
    Postponed,
    /// What follows, because `path` and `more` changed.
    Changed {
        path: PathBuf,
        more: usize,
        what: Begin,
    },
    /// How COMMAND ended, and what follows.
    Exited {
        reason: ExitReason,
        ran: Duration,
        next: Next,
    },
    /// COMMAND could not be started, and what follows.
    NotStarted { failure: SpawnFailure, next: Next },
    /// The burst takes long: this path is still being written, or is the lock that git holds.
    Lasting { path: PathBuf, lock: bool },
    /// COMMAND starts although this path is still being written, or git still holds this lock.
    Overrun { path: PathBuf, lock: bool },
    /// The stop signal goes out.
    Stopping { signal: Signal, why: StopReason },
    /// The grace is over.
    Killing,
    /// COMMAND seems to restart itself, by writing this right after every start, or late in each run.
    Looping {
        written: Vec<Written>,
        late: bool,
        stage: LoopStage,
    },
    /// Build after build is stopped because this path changes.
    BuildLooping { path: PathBuf },
    /// COMMAND restarts because somebody asked for it.
    ByHand,
    /// Which keys there are.
    Help,
    /// There is no such key.
    NoKey,
    /// A change joins the start that is pending already.
    Joined { path: PathBuf, more: usize },
}

/// What begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// The first start.
    Start,
    /// A restart.
    Restart,
    /// A build.
    Build,
}

/// What follows a build that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextAfterBuild {
    /// The run stays up.
    Stay,
    /// What the restart policy says, with what there is.
    Policy,
    /// Another try, after this time.
    Again(Duration),
    /// Waiting for a change.
    Wait,
    /// rwatch ends.
    End,
}

/// What follows an exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Waiting for a change.
    Wait,
    /// A restart.
    Restart(Grant),
    /// rwatch ends.
    End,
    /// rwatch ends, because so many restarts were of no use.
    GiveUp { restarts: u32 },
}

/// Why COMMAND is being stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// A watched file changed.
    Change,
    /// Somebody asked for a restart.
    ByHand,
    /// Its leader exited and left others behind.
    Leftovers,
    /// Somebody asked rwatch to end.
    Asked,
}

/// What will end those who are still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hope {
    /// Another Ctrl-C.
    CtrlC,
    /// SIGKILL, after this time.
    Kill(Duration),
    /// Nothing: SIGKILL is out.
    None,
}

/// What COMMAND's life is at the moment.
///
/// The table of states and events. `·` is nothing; `wait` is [`State::Waiting`] if something is
/// watched, else the end with COMMAND's code; `policy` is a pause, the wait or the end, as the
/// restart policy and the budget have it; `+burst` is what every activity does: it begins or
/// prolongs the burst, which makes the change *certain* at once or later; `-burst` ends one that is
/// not certain; `cut` ends the waiting for one that is; *later* is every deadline. `restart` and `quit` are `Pressed`; the other keys do the
/// same everywhere.
///
/// | | `Arming` | `Waiting` | `Settling` | `BackingOff` | `Running` | `Stopping` to restart | `Stopping` by itself | `Stopping` to end | `Finished` |
/// |---|---|---|---|---|---|---|---|---|---|
/// | `Armed` | start, or wait if postponed | · | · | · | · | · | · | · | · |
/// | `Changed` | · | +burst | +burst | +burst | +burst | +burst | +burst | · | · |
/// | (certain) | · | settle | · | settle | stop to restart | · | restart instead | · | · |
/// | `Calmed` | · | -burst | -burst, start or end | -burst | -burst | -burst | -burst | · | · |
/// | `Unsettled` | · | +burst | +burst | +burst | +burst | +burst | +burst | · | · |
/// | `Collected` | · | · | start | · | · | start when empty | · | · | · |
/// | `Begun` | · | · | · | · | noted | · | · | · | · |
/// | `NotStarted` | · | · | · | · | pause if transient, else wait | · | · | · | · |
/// | `Exited` | · | · | · | · | stop what is left | · | · | · | · |
/// | `Emptied` | · | · | · | · | policy | start, or settle | policy | end | · |
/// | `Asked` | end | end | end | end | stop to end | end instead | end instead | SIGINT again, not at once: kill | · |
/// | `Looked` | · | · | · | · | noted | noted | noted | · | · |
/// | `Halted` | · | · | · | · | lend, or suspend | lend, or suspend | lend, or suspend | lend, or suspend | · |
/// | `Interrupted` | · | · | · | · | end | end instead | end instead | · | · |
/// | `Suspended` | suspend | suspend | suspend | suspend | suspend | suspend | suspend | suspend | · |
/// | `Resumed` | · | · | · | · | lend if wanted | lend if wanted | lend if wanted | lend if wanted | · |
/// | `Froze` | later | later | later | later | later | later | later | later | · |
/// | restart | · | start | cut | start | stop to restart | cut | restart instead | · | · |
/// | quit | end | end | end | end | stop to end | end instead | end instead | · | · |
/// | `Relayed` | · | · | · | · | relay | relay | relay | relay | · |
/// | `Elapsed` | · | · | collect | start | · | name, kill | name, kill | name, kill | · |
///
/// With a build, see [`gate`], a certain change stops the build and not the run, and every *start* but
/// one after an exit is the build's first. `Ending` is like `Finished`, until the build is over; a
/// second Ctrl-C kills it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Nothing has started; the watches are being set up.
    Arming,
    /// No run; the next one starts with a change.
    Waiting,
    /// No run; the next one starts when the burst is over.
    Settling,
    /// No run; the next one starts at `until`, for `reason`, or with a change.
    BackingOff { until: Instant, reason: StartReason },
    /// The run is up.
    Running { run: RunId, since: Instant },
    /// The run is on its way down, by itself or because it was told to.
    Stopping { run: RunId, then: Then, stop: Stop },
    /// No run; the build is on its way down, and then comes the end.
    Ending { outcome: Outcome },
    /// Nothing more will be done.
    Finished,
}

/// What follows when the run is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// The next run, when the burst is over.
    Restart,
    /// What the policy says: the leader exited by itself, after this time.
    Policy { ran: Duration },
    /// The end.
    End(Outcome),
}

/// The one that decides.
#[derive(Debug)]
pub struct Supervisor {
    policy: Policy,
    state: State,
    /// The number of the latest run; 0 before the first.
    run: RunId,
    budget: Budget,
    /// The burst that is not over, if there is one.
    burst: Option<Burst>,
    /// The burst before it.
    over: Option<Over>,
    /// The restarts that look like COMMAND's own doing.
    looping: Loop,
    /// When the latest run started.
    started: Option<Instant>,
    /// When the latest run was over.
    ended: Option<Instant>,
    /// What happened since the latest start, as far as it is known.
    changes: Changes,
    /// What the latest start was for. If it fails for now, the next try is for the same.
    latest: (StartReason, Changes),
    /// With what rwatch ends if the soft change that keeps it from ending turns out to be none.
    ending: Option<ExitReason>,
    /// How many questions what happened in the burst have no answer yet.
    unanswered: u32,
    /// How many of `changes` the user was told about.
    announced: usize,
    /// Whether the next start is one that somebody asked for.
    by_hand: bool,
    /// Whether the run has asked for the terminal.
    wants_terminal: bool,
    build: Build,
    /// How many builds there were.
    builds: u64,
    /// How many of them in a row were stopped by a change.
    in_vain: u32,
    actions: Vec<Action>,
}

impl Supervisor {
    /// A supervisor that has started nothing. It acts on [`Event::Armed`] first.
    pub fn new(policy: Policy) -> Self {
        let budget = Budget::new(policy.restart, policy.backoff);
        Self {
            policy,
            state: State::Arming,
            run: RunId(0),
            budget,
            burst: None,
            over: None,
            looping: Loop::default(),
            started: None,
            ended: None,
            changes: Changes::default(),
            latest: (StartReason::Start, Changes::default()),
            ending: None,
            unanswered: 0,
            announced: 0,
            by_hand: false,
            wants_terminal: false,
            build: Build::Done,
            builds: 0,
            in_vain: 0,
            actions: Vec::new(),
        }
    }

    /// Whether COMMAND is on its way down, so that time matters to it.
    pub fn is_stopping(&self) -> bool {
        matches!(self.state, State::Stopping { .. }) || self.build.deadline().is_some()
    }

    /// When [`Event::Elapsed`] is due. None: there is nothing to do until something happens.
    pub fn deadline(&self) -> Option<Instant> {
        let own = match &self.state {
            State::Arming
            | State::Waiting
            | State::Settling
            | State::Running { .. }
            | State::Ending { .. } => None,
            State::BackingOff { until, .. } => Some(*until),
            State::Stopping { stop, .. } => stop.deadline(),
            State::Finished => return None,
        };
        let burst = self.burst.as_ref().and_then(Burst::deadline);
        let build = self.build.deadline();
        own.into_iter().chain(burst).chain(build).min()
    }

    /// What is to be done about `event`, which was noticed at `now`, in this order.
    ///
    /// `now` never goes back. Events of runs that are over fall through.
    pub fn handle(&mut self, now: Instant, event: Event) -> Vec<Action> {
        match event {
            Event::Armed => self.armed(now),
            Event::Changed(activity) => self.changed(now, activity),
            Event::Calmed => self.calmed(now),
            Event::Unsettled { lock } => self.unsettled(now, lock),
            Event::Collected(changes) => self.collected(now, changes),
            Event::Begun { run } => self.begun(now, run),
            Event::NotStarted { run, failure } if run.is_build() => {
                self.build_not_started(now, run, failure);
            }
            Event::Exited { run } if run.is_build() => self.build_exited(now, run),
            Event::Emptied { run, reason } if run.is_build() => {
                self.build_emptied(now, run, reason);
            }
            Event::NotStarted { run, failure } => self.not_started(now, run, failure),
            Event::Exited { run } => self.exited(now, run),
            Event::Emptied { run, reason } => self.emptied(now, run, reason),
            Event::Asked(signal, at) => self.asked(now, signal, at),
            Event::Relayed(signal) => self.relayed(signal),
            Event::Looked { run, at_work } => self.looked(now, run, at_work),
            Event::Halted { run, why } => self.halted(run, why),
            Event::Interrupted { run } => self.interrupted(now, run),
            Event::Suspended => self.suspended(),
            Event::Resumed => self.resumed(),
            Event::Froze(time) => self.froze(time),
            Event::Pressed(key) => self.pressed(now, key),
            Event::Elapsed => self.elapsed(now),
        }
        std::mem::take(&mut self.actions)
    }

    fn armed(&mut self, now: Instant) {
        match self.state {
            State::Arming if self.policy.postpone => {
                self.say(Message::Postponed);
                self.state = State::Waiting;
            }
            State::Arming if self.policy.build => {
                self.say(Message::Building);
                self.state = State::Settling;
                self.build = Build::Due;
                self.go_on(now);
            }
            State::Arming => {
                self.say(Message::Starting);
                self.spawn(now, StartReason::Start);
            }
            State::Waiting
            | State::Settling
            | State::BackingOff { .. }
            | State::Running { .. }
            | State::Stopping { .. }
            | State::Ending { .. }
            | State::Finished => {}
        }
    }

    fn changed(&mut self, now: Instant, activity: Activity) {
        match self.state {
            // Nothing is reported before the watches stand, and nothing matters at the end.
            State::Arming
            | State::Stopping {
                then: Then::End(_), ..
            }
            | State::Ending { .. }
            | State::Finished => {}
            State::Waiting
            | State::Settling
            | State::BackingOff { .. }
            | State::Running { .. }
            | State::Stopping {
                then: Then::Restart | Then::Policy { .. },
                ..
            } => {
                let suspicion = self.suspect(now, &activity);
                let asked = self.is_asking();
                let certain = if let Some(burst) = &mut self.burst {
                    burst.saw(now, activity, suspicion)
                } else {
                    let certain = activity.certain;
                    let burst = Burst::begin(now, self.policy.settle, activity, suspicion);
                    self.burst = Some(match &self.over {
                        Some(over) => burst.after(over),
                        None => burst,
                    });
                    certain
                };
                if certain {
                    self.certain(now);
                }
                self.go_on_beside(now, asked);
            }
        }
    }

    /// How far what was seen is suspected to be COMMAND's own doing.
    fn suspect(&mut self, now: Instant, activity: &Activity) -> Suspicion {
        let first = self.burst.as_ref().map_or(now, Burst::first);
        if self.burst.is_none() {
            self.looping.begin();
        }
        match self.started {
            Some(started) => {
                let after = first.duration_since(started);
                let now = now.duration_since(started);
                self.looping.suspect(&activity.changes, after, now)
            }
            None => Suspicion::None,
        }
    }

    /// Until when the change that is being made has to wait, because it is the next one of a loop.
    fn spaced_until(&self) -> Option<Instant> {
        let (burst, started) = (self.burst.as_ref()?, self.started?);
        let spaced = burst.suspicion() == Suspicion::Spaced;
        spaced.then(|| started + self.looping.spacing())
    }

    /// Looks who is at work, if the change that is being made may be the next one of a loop: before
    /// the stop signal, which wakes everybody.
    fn look_around(&mut self) {
        let (Some(burst), Some(started)) = (&mut self.burst, self.started) else {
            return;
        };
        let after = burst.first().duration_since(started);
        if burst.suspicion() == Suspicion::None || !burst.look() {
            return;
        }
        match self.state {
            State::Running { run, .. }
            | State::Stopping {
                run,
                then: Then::Policy { .. },
                ..
            } => self.actions.push(Action::Look { run }),
            State::Waiting | State::BackingOff { .. } => {
                let ended = self.ended.is_some_and(|at| burst.first() <= at + JUST_NOW);
                if ended {
                    self.looping.looked(true, after);
                }
            }
            // It was looked before COMMAND went.
            State::Settling
            | State::Stopping { .. }
            | State::Arming
            | State::Ending { .. }
            | State::Finished => {}
        }
    }

    /// The answer to `Look`: it comes before anything else can happen.
    fn looked(&mut self, now: Instant, looked: RunId, at_work: bool) {
        if self.live() != Some(looked) {
            return;
        }
        let (Some(burst), Some(started)) = (&mut self.burst, self.started) else {
            return;
        };
        let after = burst.first().duration_since(started);
        if self.looping.looked(at_work, after) && burst.end_spacing(now) {
            self.certain(now);
        }
    }

    /// A change is certain: whoever runs code from before it has to go, at once, so that the
    /// stopping overlaps the rest of the burst.
    fn certain(&mut self, now: Instant) {
        self.look_around();
        let until = self.spaced_until().max(self.build_spaced_until());
        if let (Some(until), Some(burst)) = (until, &mut self.burst)
            && burst.collecting().is_none()
            && until > now
        {
            return burst.space(until);
        }
        if self.policy.build {
            // COMMAND stays as it is until there is something to replace it by.
            return self.outdate(now);
        }
        self.budget.restore();
        match &mut self.state {
            State::Waiting | State::BackingOff { .. } => self.state = State::Settling,
            State::Running { run, .. } => {
                let run = *run;
                self.stop(now, run, Then::Restart, StopReason::Change);
            }
            State::Stopping {
                then: then @ Then::Policy { .. },
                ..
            } => *then = Then::Restart,
            State::Arming
            | State::Settling
            | State::Stopping {
                then: Then::Restart | Then::End(_),
                ..
            }
            | State::Ending { .. }
            | State::Finished => {}
        }
    }

    /// In every state the same: a burst that was nothing but soft is none. One that has become
    /// certain in the meantime goes on.
    fn calmed(&mut self, now: Instant) {
        let burst = self.burst.take_if(|burst| burst.is_soft());
        if burst.is_none() {
            return;
        }
        // A restart for what had changed before may have waited for nothing but this, or the end.
        match self.ending {
            Some(reason) if self.state == State::Settling && !self.build.is_pending() => {
                self.finish(Outcome::Code(reason.code()));
            }
            Some(_) | None => self.go_on(now),
        }
    }

    fn unsettled(&mut self, now: Instant, lock: Option<PathBuf>) {
        self.unanswered = self.unanswered.saturating_sub(1);
        match self.state {
            State::Arming
            | State::Stopping {
                then: Then::End(_), ..
            }
            | State::Ending { .. }
            | State::Finished => {}
            State::Waiting
            | State::Settling
            | State::BackingOff { .. }
            | State::Running { .. }
            | State::Stopping {
                then: Then::Restart | Then::Policy { .. },
                ..
            } => {
                let asked = self.is_asking();
                if let Some(burst) = &mut self.burst {
                    burst.unsettled(now, lock);
                }
                self.go_on_beside(now, asked);
            }
        }
    }

    fn collected(&mut self, now: Instant, changes: Changes) {
        self.unanswered = self.unanswered.saturating_sub(1);
        if self.policy.build {
            // Every build is announced, also one for what has been built, and failed, before.
            self.announced = 0;
            let before = std::mem::take(&mut self.changes);
            self.changes = changes;
            self.changes.merge(before);
        } else {
            self.changes.merge(changes);
        }
        // What came after the question belongs to the burst too, and is asked about again.
        if self.unanswered > 0 {
            return;
        }
        let Some(burst) = self.burst.take_if(|burst| burst.collecting().is_some()) else {
            return;
        };
        let was_tolerated = burst.is_tolerated();
        if self.changes.len() == 0 {
            // It became certain before it turned out to be none.
            let path = burst.path().to_path_buf();
            self.changes = Changes::from_iter([Change {
                path,
                kind: ChangeKind::Modified,
            }]);
        }
        if was_tolerated {
            self.certain(now);
        }
        self.announce();
        self.over = Some(burst.over());
        match burst.collecting() {
            // What COMMAND ran beside is nothing that it began.
            Some(Verdict::Over) if was_tolerated => {}
            Some(Verdict::Over) => self.notice_loop(burst.first()),
            why => {
                if why == Some(Verdict::Overrun) {
                    let (path, lock) = burst.waits_for();
                    let path = path.to_path_buf();
                    self.say(Message::Overrun { path, lock });
                }
                self.burst = Some(burst.tolerate(now));
            }
        }
        // If COMMAND is on its way down it starts when that is over: see `emptied`.
        self.go_on(now);
    }

    /// Takes in that the run, or the build, has waited until now for what it starts with.
    fn begun(&mut self, now: Instant, begun: RunId) {
        if let Build::Running { run, since } = &mut self.build
            && *run == begun
        {
            *since = now;
        }
        if let State::Running { run, since } = &mut self.state
            && *run == begun
        {
            *since = now;
            self.started = Some(now);
        }
    }

    /// The runtime hands this over before anything else, so that the state is that of the spawn.
    fn not_started(&mut self, now: Instant, failed: RunId, failure: SpawnFailure) {
        match self.state {
            State::Running { run, .. } if run == failed => {
                let (code, transient) = (failure.code(), failure.is_transient());
                let next = if transient {
                    let pause = self.budget.pause();
                    let until = now + pause;
                    let (reason, mut changes) = self.latest.clone();
                    self.announced = changes.len();
                    changes.merge(std::mem::take(&mut self.changes));
                    self.changes = changes;
                    self.state = State::BackingOff { until, reason };
                    Next::Restart(Grant { pause, nth: None })
                } else if self.build.is_pending() {
                    // What is being built may do.
                    self.state = State::Settling;
                    Next::Wait
                } else if self.policy.watching {
                    self.state = State::Waiting;
                    Next::Wait
                } else {
                    Next::End
                };
                self.say(Message::NotStarted { failure, next });
                if next == Next::End {
                    self.finish(Outcome::Code(code));
                }
            }
            State::Arming
            | State::Waiting
            | State::Settling
            | State::BackingOff { .. }
            | State::Running { .. }
            | State::Stopping { .. }
            | State::Ending { .. }
            | State::Finished => {}
        }
    }

    fn exited(&mut self, now: Instant, exited: RunId) {
        match self.state {
            State::Running { run, since } if run == exited => {
                let ran = now.duration_since(since);
                self.actions.push(Action::NameDaemons { run });
                self.stop(now, run, Then::Policy { ran }, StopReason::Leftovers);
            }
            State::Arming
            | State::Waiting
            | State::Settling
            | State::BackingOff { .. }
            | State::Running { .. }
            // The stop goes on until everybody is gone, with the deadline that it has.
            | State::Stopping { .. }
            | State::Ending { .. }
            | State::Finished => {}
        }
    }

    fn emptied(&mut self, now: Instant, emptied: RunId, reason: ExitReason) {
        if emptied == self.run {
            self.ended = Some(now);
        }
        match self.state {
            State::Running { run, since } if run == emptied => {
                self.follow_policy(now, reason, now.duration_since(since));
            }
            State::Stopping { run, then, .. } if run == emptied => match then {
                Then::Restart => {
                    self.state = State::Settling;
                    self.go_on(now);
                }
                Then::Policy { ran } => self.follow_policy(now, reason, ran),
                Then::End(outcome) if self.build.live().is_some() => {
                    self.state = State::Ending { outcome };
                }
                Then::End(outcome) => self.finish(outcome),
            },
            State::Arming
            | State::Waiting
            | State::Settling
            | State::BackingOff { .. }
            | State::Running { .. }
            | State::Stopping { .. }
            | State::Ending { .. }
            | State::Finished => {}
        }
    }

    /// COMMAND ended by itself after `ran`, and nobody of it is left.
    fn follow_policy(&mut self, now: Instant, reason: ExitReason, ran: Duration) {
        if ran >= STEADY {
            self.budget.calm();
        }
        let restart = match self.policy.restart.when {
            RestartWhen::Never => false,
            RestartWhen::OnFailure => !reason.is_clean(),
            RestartWhen::Always => true,
        };
        let next = if restart {
            match (self.budget.take(), self.policy.restart.max) {
                (Some(grant), _) => Next::Restart(grant),
                (None, Some(0) | None) => Next::End,
                (None, Some(restarts)) => Next::GiveUp { restarts },
            }
        } else if self.policy.watching {
            Next::Wait
        } else {
            Next::End
        };
        // A change that is being made is answered, however little is left of the budget, and so is
        // one that is being built.
        let last = matches!(next, Next::End | Next::GiveUp { .. });
        let changing = last && self.burst.as_ref().is_some_and(Burst::is_pending);
        let building = (last || next == Next::Wait) && self.build.is_pending();
        let pending = changing || building;
        let next = if pending { Next::Wait } else { next };
        self.say(Message::Exited { reason, ran, next });
        match next {
            Next::Wait if pending => {
                self.ending = last.then_some(reason);
                self.state = State::Settling;
            }
            Next::Restart(grant) => {
                self.state = State::BackingOff {
                    until: now + grant.pause,
                    reason: StartReason::Exit,
                }
            }
            Next::Wait => self.state = State::Waiting,
            Next::End | Next::GiveUp { .. } => self.finish(Outcome::Code(reason.code())),
        }
    }

    fn elapsed(&mut self, now: Instant) {
        self.ask_burst(now);
        self.build_elapsed(now);
        match self.state {
            State::BackingOff { until, reason } if now >= until => self.spawn(now, reason),
            State::Stopping { ref mut stop, .. } => {
                let actions = stop.elapsed(now);
                self.actions.extend(actions);
            }
            State::Arming
            | State::Waiting
            | State::Settling
            | State::BackingOff { .. }
            | State::Running { .. }
            | State::Ending { .. }
            | State::Finished => {}
        }
    }

    /// Does what the burst's deadline asks for, if it has come.
    fn ask_burst(&mut self, now: Instant) {
        let Some(burst) = &mut self.burst else { return };
        let verdict = burst.verdict(now);
        match verdict {
            Verdict::Wait => {}
            Verdict::Over if burst.doubt(now) => {}
            Verdict::Calm => self.burst = None,
            Verdict::Certain => {
                burst.harden(now);
                self.certain(now);
            }
            Verdict::Long => {
                burst.tell();
                let (path, lock) = burst.waits_for();
                let path = path.to_path_buf();
                self.say(Message::Lasting { path, lock });
            }
            Verdict::Over | Verdict::Overrun | Verdict::Cut => {
                burst.collect(verdict);
                self.unanswered += 1;
                self.actions.push(Action::Collect {
                    order: verdict != Verdict::Over,
                });
                // What COMMAND runs beside stops it when it is certain that it is over.
                if !burst.is_tolerated() {
                    self.certain(now);
                }
            }
        }
    }

    /// Does not wait any longer for the end of the burst; whether that was what stood against a start.
    pub(super) fn cut_burst(&mut self) -> bool {
        // A soft one is certain, or none, in a moment.
        let waits =
            |burst: &&mut Burst| !burst.is_soft() && !burst.lets_start() && !burst.is_being_cut();
        let Some(burst) = self.burst.as_mut().filter(waits) else {
            return false;
        };
        burst.collect(Verdict::Cut);
        self.unanswered += 1;
        self.actions.push(Action::Collect { order: true });
        true
    }

    /// Whether it is being asked what happened in the burst.
    fn is_asking(&self) -> bool {
        let burst = self.burst.as_ref();
        burst.is_some_and(|burst| burst.collecting().is_some())
    }

    /// Goes on beside a burst that was to be over, and turned out not to be.
    fn go_on_beside(&mut self, now: Instant, asked: bool) {
        if asked && self.burst.as_ref().is_some_and(Burst::lets_start) {
            self.go_on(now);
        }
    }

    /// Whether nothing stands against a start: no burst, or one that COMMAND runs beside.
    fn burst_is_over(&self) -> bool {
        self.burst.as_ref().is_none_or(Burst::lets_start)
    }

    fn spawn(&mut self, now: Instant, reason: StartReason) {
        // Why there is a build is for the start that has it.
        let old = reason == StartReason::Exit && !matches!(self.build, Build::Done | Build::Built);
        // What changed in the meantime is the better reason.
        let by_hand = !old && std::mem::take(&mut self.by_hand) && self.changes.len() == 0;
        let reason = if by_hand { StartReason::Manual } else { reason };
        self.wants_terminal = false;
        self.run = self.run.next();
        self.announced = 0;
        self.ending = None;
        self.started = Some(now);
        self.state = State::Running {
            run: self.run,
            since: now,
        };
        if self.build == Build::Built {
            self.build = Build::Done;
        }
        let changes = if old {
            Changes::default()
        } else {
            std::mem::take(&mut self.changes)
        };
        self.latest = (reason, changes.clone());
        self.actions.push(Action::Spawn {
            run: self.run,
            reason,
            changes,
        });
    }

    fn finish(&mut self, outcome: Outcome) {
        self.state = State::Finished;
        self.build = Build::Done;
        self.burst = None;
        self.actions.push(Action::Finish(outcome));
    }

    /// Tells why COMMAND restarts, and once more if something else changed before it did.
    fn announce(&mut self) {
        let told = std::mem::replace(&mut self.announced, self.changes.len());
        let Some(change) = self.changes.iter().nth(told) else {
            return;
        };
        let (path, more) = (change.path.clone(), self.changes.len() - told - 1);
        if told > 0 {
            self.say(Message::Joined { path, more });
        } else {
            self.say(Message::Changed {
                path,
                more,
                what: if self.policy.build {
                    Begin::Build
                } else {
                    self.begin()
                },
            });
        }
    }

    /// What the next start is.
    fn begin(&self) -> Begin {
        match self.run {
            RunId(0) => Begin::Start,
            _ => Begin::Restart,
        }
    }

    /// Takes in that COMMAND restarts for a burst that began at `first`.
    fn notice_loop(&mut self, first: Instant) {
        let Some(started) = self.started else { return };
        let Some(stage) = self
            .looping
            .restart(&self.changes, first.duration_since(started))
        else {
            return;
        };
        let (written, late) = self.looping.culprits();
        self.say(Message::Looping {
            written,
            late,
            stage,
        });
    }

    fn say(&mut self, message: Message) {
        self.actions.push(Action::Say(message));
    }
}
