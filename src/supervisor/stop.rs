//! Stops a run: the stop signal or SIGINT, once each, and SIGKILL.

use std::time::Instant;

use nix::sys::signal::Signal;

use super::{Action, Message, NAME_AFTER, State, Stop, StopReason, Supervisor, Then};
use crate::event::RunId;

impl Supervisor {
    /// Begins a stop by the stop signal.
    pub(super) fn stop(&mut self, now: Instant, run: RunId, then: Then, why: StopReason) {
        self.begin_stop(now, run, then);
        self.signal(why);
    }

    pub(super) fn begin_stop(&mut self, now: Instant, run: RunId, then: Then) {
        let stop = Stop {
            signalled: false,
            interrupted: false,
            name_at: Some(now + NAME_AFTER),
            kill_at: Some(now + self.policy.stop.grace),
        };
        self.state = State::Stopping { run, then, stop };
    }

    /// Sends the stop signal to the run that is being stopped.
    pub(super) fn signal(&mut self, why: StopReason) {
        let State::Stopping { run, stop, .. } = &mut self.state else {
            return;
        };
        stop.signalled = true;
        let (run, signal) = (*run, self.policy.stop.signal);
        self.say(Message::Stopping { signal, why });
        self.actions.push(Action::Signal { run, signal });
    }

    /// Sends SIGINT to the run that is being stopped, unless it was the stop signal.
    pub(super) fn interrupt(&mut self) {
        let State::Stopping { run, stop, .. } = &mut self.state else {
            return;
        };
        let is_stop = self.policy.stop.signal == Signal::SIGINT;
        stop.interrupted = true;
        if is_stop && std::mem::replace(&mut stop.signalled, true) {
            return;
        }
        let (run, signal) = (*run, Signal::SIGINT);
        self.say(Message::Stopping {
            signal,
            why: StopReason::Asked,
        });
        self.actions.push(Action::Signal { run, signal });
    }

    /// Kills the run that is being stopped. What even SIGKILL does not end (state D) is named.
    pub(super) fn kill(&mut self, now: Instant) {
        let State::Stopping { run, stop, .. } = &mut self.state else {
            return;
        };
        stop.kill_at = None;
        stop.name_at = Some(now + NAME_AFTER);
        let run = *run;
        self.say(Message::Killing);
        self.actions.push(Action::Kill { run });
    }
}
