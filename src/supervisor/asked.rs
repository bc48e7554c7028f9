//! Does what people ask for: by signals, by keys, and by what they type into COMMAND's terminal.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::gate::Build;
use super::stop::{Stop, Wish};
use super::{Action, Message, Outcome, State, StopReason, Supervisor, Then};
use crate::event::{Halt, Key, RunId, StartReason};

impl Supervisor {
    pub(super) fn asked(&mut self, now: Instant, signal: Signal, at: Instant) {
        self.end(now, Outcome::Signal(signal), at);
    }

    /// Ends COMMAND, and then rwatch, as somebody wished at that time. Ctrl-C is SIGINT, once, to
    /// everybody of the run, as the terminal would have sent it; the second one kills. Anything else
    /// is answered with the stop signal.
    pub(super) fn end(&mut self, now: Instant, outcome: Outcome, at: Instant) {
        let ctrl_c = outcome == Outcome::Signal(Signal::SIGINT);
        let wish = Wish { at, ctrl_c };
        let building = self.end_build(now, wish);
        match &mut self.state {
            State::Arming | State::Waiting | State::Settling | State::BackingOff { .. } => {
                self.burst = None;
                if building {
                    self.state = State::Ending { outcome };
                } else {
                    self.finish(outcome);
                }
            }
            State::Running { run, .. } => {
                let run = *run;
                self.burst = None;
                let mut stop = Stop::new(now, run, self.policy.stop);
                self.actions.extend(stop.ask(now, wish));
                let then = Then::End(outcome);
                self.state = State::Stopping { run, then, stop };
            }
            State::Stopping { then, stop, .. } => {
                if !matches!(then, Then::End(_)) {
                    *then = Then::End(outcome);
                }
                self.burst = None;
                let actions = stop.ask(now, wish);
                self.actions.extend(actions);
            }
            State::Ending { .. } | State::Finished => {}
        }
    }

    /// The run of COMMAND that is not over, if there is one.
    pub(super) fn live(&self) -> Option<RunId> {
        match self.state {
            State::Running { run, .. } | State::Stopping { run, .. } => Some(run),
            State::Arming
            | State::Waiting
            | State::Settling
            | State::BackingOff { .. }
            | State::Ending { .. }
            | State::Finished => None,
        }
    }

    /// Also one that is being stopped gets the terminal: it may want to leave it as it found it.
    pub(super) fn halted(&mut self, halted: RunId, why: Halt) {
        match (self.live(), why) {
            (Some(run), Halt::WantsTerminal) if run == halted => {
                self.wants_terminal = true;
                self.actions.push(Action::Lend { run });
            }
            (Some(run), Halt::CtrlZ) if run == halted => self.suspended(),
            // The terminal is COMMAND's, if it has asked for it.
            (_, Halt::WantsTerminal)
                if self.build.live() == Some(halted) && !self.wants_terminal =>
            {
                self.actions.push(Action::Lend { run: halted });
            }
            (_, Halt::CtrlZ) if self.build.live() == Some(halted) => self.suspended(),
            (Some(_) | None, _) => {}
        }
    }

    /// Ctrl-C reached COMMAND alone, or the build, and it died of it.
    pub(super) fn interrupted(&mut self, now: Instant, interrupted: RunId) {
        if self.build.live() == Some(interrupted) {
            return self.end(now, Outcome::Signal(Signal::SIGINT), now);
        }
        let end = Then::End(Outcome::Signal(Signal::SIGINT));
        let typed = Wish {
            at: now,
            ctrl_c: true,
        };
        match &mut self.state {
            State::Running { run, .. } if *run == interrupted => {
                self.burst = None;
                self.end_build(now, typed);
                // Whoever of it did not have the terminal knows of nothing.
                self.stop(now, interrupted, end, StopReason::Asked);
            }
            // Our own SIGINT, if that is the stop signal, looks the same.
            State::Stopping { run, stop, .. } if *run == interrupted && stop.is_sigint() => {}
            State::Stopping { run, then, .. } if *run == interrupted => {
                if !matches!(then, Then::End(_)) {
                    *then = end;
                    self.end_build(now, typed);
                }
                self.burst = None;
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

    pub(super) fn suspended(&mut self) {
        if self.state != State::Finished {
            self.actions.push(Action::Suspend);
        }
    }

    pub(super) fn resumed(&mut self) {
        if let Some(run) = self.live().filter(|_| self.wants_terminal) {
            self.actions.push(Action::Lend { run });
        }
    }

    /// Puts everything off that is due some time.
    pub(super) fn froze(&mut self, time: Duration) {
        match &mut self.state {
            State::BackingOff { until, .. } => *until += time,
            State::Running { since, .. } => *since += time,
            State::Stopping { stop, .. } => stop.put_off(time),
            State::Arming
            | State::Waiting
            | State::Settling
            | State::Ending { .. }
            | State::Finished => {}
        }
        self.build.put_off(time);
        if let Some(burst) = &mut self.burst {
            burst.put_off(time);
        }
    }

    pub(super) fn pressed(&mut self, now: Instant, key: Key) {
        match key {
            Key::Restart => self.restart_by_hand(now),
            Key::Quit => self.end(now, Outcome::Code(0), now),
            Key::Help => self.say(Message::Help),
            Key::Unknown => self.say(Message::NoKey),
        }
    }

    fn restart_by_hand(&mut self, now: Instant) {
        if let Some(burst) = &mut self.burst
            && burst.end_spacing(now)
        {
            // What COMMAND did by itself is over in a moment.
        } else if self.is_start_pending() && self.cut_burst() {
            return self.say(Message::ByHand);
        }
        if self.policy.build {
            return self.build_by_hand(now);
        }
        self.budget.restore();
        match &mut self.state {
            State::Waiting | State::BackingOff { .. } => {
                self.say(Message::ByHand);
                self.spawn(now, StartReason::Manual);
            }
            State::Running { run, .. } => {
                let run = *run;
                self.by_hand = true;
                self.say(Message::ByHand);
                self.stop(now, run, Then::Restart, StopReason::ByHand);
            }
            State::Stopping {
                then: then @ Then::Policy { .. },
                ..
            } => {
                *then = Then::Restart;
                self.by_hand = true;
                self.say(Message::ByHand);
            }
            // It starts as soon as it can, or never more.
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

    /// Whether a start, or a build, is to follow as soon as it can.
    fn is_start_pending(&self) -> bool {
        let restarts = matches!(
            self.state,
            State::Settling
                | State::Stopping {
                    then: Then::Restart,
                    ..
                }
        );
        restarts || self.build == Build::Due && self.live().is_some()
    }

    /// COMMAND stays as it is until that is built. What is being built anyway need not be built once
    /// more.
    fn build_by_hand(&mut self, now: Instant) {
        match self.state {
            State::Waiting
            | State::BackingOff { .. }
            | State::Running { .. }
            | State::Stopping {
                then: Then::Policy { .. },
                ..
            } => {}
            State::Arming
            | State::Settling
            | State::Stopping {
                then: Then::Restart | Then::End(_),
                ..
            }
            | State::Ending { .. }
            | State::Finished => return,
        }
        self.by_hand = true;
        self.say(Message::ByHand);
        if !self.build.is_pending() {
            self.build = Build::Due;
            self.say(Message::Building);
        }
        self.go_on(now);
    }

    /// Passes on what is not for rwatch. What a terminal sends, because of Ctrl-\ or a new size, it
    /// sends to everybody in its foreground; the rest is for whoever knows COMMAND.
    pub(super) fn relayed(&mut self, signal: Signal) {
        if matches!(signal, Signal::SIGQUIT | Signal::SIGWINCH) {
            for run in self.live().into_iter().chain(self.build.live()) {
                self.actions.push(Action::RelayToGroup { run, signal });
            }
        } else if let Some(run) = self.live() {
            self.actions.push(Action::Relay { run, signal });
        }
    }
}
