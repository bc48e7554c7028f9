//! Keeps COMMAND as it is until a build has succeeded (`--before`).
//!
//! The build is a run of its own, beside COMMAND's; there is never more than one. No change stops
//! COMMAND any more. A change stops the build, which knows nothing of it, and when the burst is
//! over everything is built anew; only what has been built replaces COMMAND. The invariant: but for
//! restarts after exits, which start what there is, COMMAND starts only when the latest build has
//! succeeded and nothing has changed since that began. A build that changes what is watched would
//! never get there: after some that were stopped for it the next ones are left time to end.

use std::time::{Duration, Instant};

use super::burst::Burst;
use super::stop::{Stop, Wish};
use super::{Action, Message, NextAfterBuild, Outcome, State, StopReason, Supervisor, Then};
use crate::event::{ExitReason, RunId, SpawnFailure, StartReason};

/// So many builds in a row that were stopped by a change may well have made it.
const NAMED_AT: u32 = 3;
/// After so many of them a build is given some time before a change stops it.
const SPACED_AT: u32 = 10;
/// The first such time; it doubles with every further build.
const SPACING_MIN: Duration = Duration::from_secs(1);
/// From the end of such a build to the next one.
const PAUSE: Duration = Duration::from_secs(30);

/// The build that has to succeed before COMMAND is started or replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Build {
    /// Nothing is to be built: it has been, and COMMAND was started from it, or it never is.
    Done,
    /// It has been built, and COMMAND is to be started from it.
    Built,
    /// Something is to be built, as soon as the burst is over.
    Due,
    /// It is being built.
    Running { run: RunId, since: Instant },
    /// The build is on its way down, by itself or because it was told to.
    Stopping {
        run: RunId,
        since: Instant,
        then: After,
        stop: Stop,
    },
    /// It could not be started for now, and is tried again then.
    Pausing { until: Instant },
    /// The latest one failed.
    Failed,
}

/// What follows when the build is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// It ended by itself: it is judged by how.
    Judge,
    /// Another one: something has changed.
    Again,
    /// The end of rwatch.
    End,
}

impl Build {
    /// Whether something is being built, or will be, or waits to be started.
    pub(super) fn is_pending(&self) -> bool {
        !matches!(self, Self::Done | Self::Failed)
    }

    /// The run of the build that is not over.
    pub(super) fn live(&self) -> Option<RunId> {
        match self {
            Self::Running { run, .. } | Self::Stopping { run, .. } => Some(*run),
            Self::Done | Self::Built | Self::Due | Self::Pausing { .. } | Self::Failed => None,
        }
    }

    /// When there is something to do about it.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Stopping { stop, .. } => stop.deadline(),
            Self::Pausing { until } => Some(*until),
            Self::Done | Self::Built | Self::Due | Self::Running { .. } | Self::Failed => None,
        }
    }

    /// Puts everything off that is due some time.
    pub(super) fn put_off(&mut self, time: Duration) {
        match self {
            Self::Running { since, .. } => *since += time,
            Self::Stopping { since, stop, .. } => {
                *since += time;
                stop.put_off(time);
            }
            Self::Pausing { until } => *until += time,
            Self::Done | Self::Built | Self::Due | Self::Failed => {}
        }
    }
}

impl Supervisor {
    /// Takes in that what was built, or is being built, is out of date.
    pub(super) fn outdate(&mut self, now: Instant) {
        match &mut self.build {
            Build::Done | Build::Built | Build::Failed => {
                self.in_vain += u32::from(self.in_vain >= SPACED_AT);
                self.build = Build::Due;
            }
            Build::Due | Build::Pausing { .. } => self.build = Build::Due,
            Build::Running { .. } => {
                self.stop_build(now, After::Again, StopReason::Change);
                self.in_vain += 1;
                if self.in_vain == NAMED_AT {
                    self.say_what_it_writes();
                }
            }
            Build::Stopping { then, .. } if *then == After::Judge => *then = After::Again,
            Build::Stopping { .. } => {}
        }
    }

    /// Until when the change that is being made has to wait, because builds were stopped too often:
    /// if they write what is watched COMMAND would never start.
    pub(super) fn build_spaced_until(&self) -> Option<Instant> {
        let Build::Running { since, .. } = self.build else {
            return None;
        };
        // However long it takes, some day it has the time.
        let doubled = 1 << self.in_vain.checked_sub(SPACED_AT)?.min(16);
        Some(since + SPACING_MIN * doubled)
    }

    /// Names what keeps coming while something is being built.
    fn say_what_it_writes(&mut self) {
        if let Some(burst) = &self.burst {
            let path = burst.path().to_path_buf();
            self.say(Message::BuildLooping { path });
        }
    }

    /// Does the next thing on the way to a start, if nothing stands against it any more.
    pub(super) fn go_on(&mut self, now: Instant) {
        let is_loop = self.policy.build && self.burst.as_ref().is_some_and(Burst::is_spaced);
        if !self.burst_is_over() && !is_loop {
            return;
        }
        match (self.build, &mut self.state) {
            (Build::Due, _) => self.begin_build(now),
            (Build::Running { .. } | Build::Stopping { .. } | Build::Pausing { .. }, _) => {}
            // There is nothing that could be started.
            (Build::Failed, State::Settling) if self.policy.watching => {
                self.state = State::Waiting;
            }
            (Build::Done | Build::Failed, State::Settling)
            | (Build::Built, State::Settling | State::Waiting | State::BackingOff { .. }) => {
                self.start_built(now);
            }
            (Build::Built, State::Running { run, .. }) => {
                let run = *run;
                let why = match self.reason() {
                    StartReason::Manual => StopReason::ByHand,
                    StartReason::Start | StartReason::Change | StartReason::Exit => {
                        StopReason::Change
                    }
                };
                self.stop(now, run, Then::Restart, why);
            }
            (
                Build::Built,
                State::Stopping {
                    then: then @ Then::Policy { .. },
                    ..
                },
            ) => *then = Then::Restart,
            (
                Build::Done | Build::Built | Build::Failed,
                State::Arming
                | State::Waiting
                | State::BackingOff { .. }
                | State::Running { .. }
                | State::Stopping { .. }
                | State::Ending { .. }
                | State::Finished,
            ) => {}
        }
    }

    /// Starts what there is. New code has new chances.
    fn start_built(&mut self, now: Instant) {
        if self.policy.build {
            self.budget.restore();
        }
        self.spawn(now, self.reason());
    }

    /// Why the next run starts.
    fn reason(&self) -> StartReason {
        if self.by_hand && self.changes.len() == 0 {
            StartReason::Manual
        } else if self.run == RunId(0) && self.changes.len() == 0 {
            StartReason::Start
        } else {
            StartReason::Change
        }
    }

    fn begin_build(&mut self, now: Instant) {
        self.builds += 1;
        let run = RunId::build(self.builds);
        self.build = Build::Running { run, since: now };
        self.actions.push(Action::Build {
            run,
            before: self.run.next(),
            reason: self.reason(),
            changes: self.changes.clone(),
        });
    }

    fn stop_build(&mut self, now: Instant, then: After, why: StopReason) {
        if let Build::Running { run, since } = self.build {
            let mut stop = Stop::new(now, run, self.policy.stop);
            self.actions.extend(stop.signal(why));
            self.build = Build::Stopping {
                run,
                since,
                then,
                stop,
            };
        }
    }

    /// Ends the build because rwatch is to end; whether there is one to wait for.
    pub(super) fn end_build(&mut self, now: Instant, wish: Wish) -> bool {
        if let Build::Running { run, since } = self.build {
            self.build = Build::Stopping {
                run,
                since,
                then: After::End,
                stop: Stop::new(now, run, self.policy.stop),
            };
        }
        match &mut self.build {
            Build::Stopping { then, stop, .. } => {
                *then = After::End;
                let actions = stop.ask(now, wish);
                self.actions.extend(actions);
                true
            }
            Build::Done
            | Build::Built
            | Build::Due
            | Build::Running { .. }
            | Build::Pausing { .. }
            | Build::Failed => {
                self.build = Build::Done;
                false
            }
        }
    }

    /// The build's leader ended and left others behind.
    pub(super) fn build_exited(&mut self, now: Instant, exited: RunId) {
        if matches!(self.build, Build::Running { run, .. } if run == exited) {
            self.stop_build(now, After::Judge, StopReason::Leftovers);
        }
    }

    /// Nobody of the build is left.
    pub(super) fn build_emptied(&mut self, now: Instant, emptied: RunId, reason: ExitReason) {
        if self.build.live() != Some(emptied) {
            return;
        }
        if let State::Ending { outcome } = self.state {
            return self.finish(outcome);
        }
        match self.build {
            Build::Running { since, .. }
            | Build::Stopping {
                then: After::Judge,
                since,
                ..
            } => self.judge(now, reason, now.duration_since(since)),
            Build::Stopping {
                then: After::Again, ..
            } => {
                self.build = Build::Due;
                self.go_on(now);
            }
            Build::Stopping {
                then: After::End, ..
            } => self.build = Build::Done,
            Build::Done | Build::Built | Build::Due | Build::Pausing { .. } | Build::Failed => {}
        }
    }

    /// The runtime hands this over before anything else, so that the state is that of the start.
    pub(super) fn build_not_started(&mut self, now: Instant, failed: RunId, failure: SpawnFailure) {
        if self.build.live() != Some(failed) {
            return;
        }
        let code = failure.code();
        let next = if failure.is_transient() {
            let pause = self.budget.pause();
            self.build = Build::Pausing { until: now + pause };
            NextAfterBuild::Again(pause)
        } else {
            self.fail_build()
        };
        self.say(Message::BuildNotStarted { failure, next });
        self.end_if_over(next, code);
    }

    /// Does what is due about the build.
    pub(super) fn build_elapsed(&mut self, now: Instant) {
        match &mut self.build {
            Build::Stopping { stop, .. } => {
                let actions = stop.elapsed(now);
                self.actions.extend(actions);
            }
            Build::Pausing { until } if now >= *until => {
                self.build = Build::Due;
                self.go_on(now);
            }
            Build::Done
            | Build::Built
            | Build::Due
            | Build::Running { .. }
            | Build::Pausing { .. }
            | Build::Failed => {}
        }
    }

    fn judge(&mut self, now: Instant, reason: ExitReason, ran: Duration) {
        match &mut self.burst {
            Some(burst) if burst.is_spaced() => burst.space_no_longer_than(now + PAUSE),
            _ => self.in_vain = 0,
        }
        if reason.is_clean() {
            self.build = Build::Built;
            let what = self.begin();
            self.say(Message::Built { ran, what });
            return self.go_on(now);
        }
        let next = self.fail_build();
        self.say(Message::BuildFailed { reason, ran, next });
        self.end_if_over(next, reason.code());
    }

    /// Takes in that the build failed; what follows.
    fn fail_build(&mut self) -> NextAfterBuild {
        self.build = Build::Failed;
        self.by_hand = false;
        match self.state {
            State::Running { .. } => NextAfterBuild::Stay,
            State::BackingOff { .. }
            | State::Stopping {
                then: Then::Policy { .. },
                ..
            } => NextAfterBuild::Policy,
            State::Settling if !self.policy.watching || self.ending.is_some() => {
                NextAfterBuild::End
            }
            State::Settling => {
                self.state = State::Waiting;
                NextAfterBuild::Wait
            }
            State::Arming
            | State::Waiting
            | State::Stopping { .. }
            | State::Ending { .. }
            | State::Finished => NextAfterBuild::Wait,
        }
    }

    fn end_if_over(&mut self, next: NextAfterBuild, code: u8) {
        if next == NextAfterBuild::End {
            let code = self.ending.map_or(code, ExitReason::code);
            self.finish(Outcome::Code(code));
        }
    }
}
