//! Stops a run: the stop signal or SIGINT, once each, and SIGKILL.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::{Action, Hope, Message, State, StopReason, Supervisor, Then};
use crate::event::RunId;
use crate::policy::StopPolicy;

/// How long a stop may take before those who are still there are named.
const NAME_AFTER: Duration = Duration::from_secs(2);
/// What asks for the end within this time of what has asked before is the same request: nobody types
/// Ctrl-C twice in it, but whoever sends a signal to rwatch and to its group does, and who passes a
/// Ctrl-C on that the terminal has sent already, be it as SIGTERM.
const SAME: Duration = Duration::from_millis(200);

/// How far the stop of a run has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stop {
    run: RunId,
    policy: StopPolicy,
    /// The stop signal is out.
    signalled: bool,
    /// When somebody asked for the end, by whatever.
    asked: Option<Instant>,
    /// When somebody asked for it by Ctrl-C.
    interrupted: Option<Instant>,
    /// When to name who is still there.
    name_at: Option<Instant>,
    /// When to kill. None: SIGKILL is out.
    kill_at: Option<Instant>,
}

/// That somebody wants a run to end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    /// When that was said.
    pub(super) at: Instant,
    /// By Ctrl-C.
    pub(super) ctrl_c: bool,
}

impl Stop {
    /// A stop that begins at `now`; nothing has been sent.
    pub(super) fn new(now: Instant, run: RunId, policy: StopPolicy) -> Self {
        Self {
            run,
            policy,
            signalled: false,
            asked: None,
            interrupted: None,
            name_at: Some(now + NAME_AFTER),
            kill_at: Some(now + policy.grace),
        }
    }

    /// Whether the stop signal is out, and is SIGINT.
    pub(super) fn is_sigint(&self) -> bool {
        self.signalled && self.policy.signal == Signal::SIGINT
    }

    /// When [`Stop::elapsed`] is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.name_at.into_iter().chain(self.kill_at).min()
    }

    /// Puts everything off that is due, as if the time had not passed.
    pub(super) fn put_off(&mut self, time: Duration) {
        let times = [
            &mut self.asked,
            &mut self.interrupted,
            &mut self.name_at,
            &mut self.kill_at,
        ];
        for at in times.into_iter().flatten() {
            *at += time;
        }
    }

    /// What follows when somebody asks for the end: Ctrl-C is SIGINT, and the second one SIGKILL;
    /// anything else is the stop signal. What is the same request is answered already. A Ctrl-C that
    /// is, is the first one all the same: whoever types another one sees that the first did not do.
    pub(super) fn ask(&mut self, now: Instant, Wish { at, ctrl_c }: Wish) -> Vec<Action> {
        let is_same = |before: Instant| at < before + SAME;
        let answered = self.asked.is_some_and(is_same);
        if !answered {
            self.asked = Some(at);
        }
        if ctrl_c {
            match self.interrupted {
                Some(before) if is_same(before) => return Vec::new(),
                Some(_) => return self.kill(now),
                None => self.interrupted = Some(at),
            }
        }
        if answered {
            Vec::new()
        } else if ctrl_c {
            self.interrupt()
        } else if !self.signalled {
            self.signal(StopReason::Asked)
        } else {
            Vec::new()
        }
    }

    /// Sends the stop signal.
    pub(super) fn signal(&mut self, why: StopReason) -> Vec<Action> {
        self.signalled = true;
        self.send(self.policy.signal, why)
    }

    /// Sends SIGINT, unless it was the stop signal.
    fn interrupt(&mut self) -> Vec<Action> {
        let is_stop = self.policy.signal == Signal::SIGINT;
        if is_stop && std::mem::replace(&mut self.signalled, true) {
            return Vec::new();
        }
        self.send(Signal::SIGINT, StopReason::Asked)
    }

    fn send(&self, signal: Signal, why: StopReason) -> Vec<Action> {
        let run = self.run;
        vec![
            Action::Say(Message::Stopping { signal, why }),
            Action::Signal { run, signal },
        ]
    }

    /// Kills. What even SIGKILL does not end (state D) is named.
    fn kill(&mut self, now: Instant) -> Vec<Action> {
        self.kill_at = None;
        self.name_at = Some(now + NAME_AFTER);
        let run = self.run;
        vec![Action::Say(Message::Killing), Action::Kill { run }]
    }

    /// Does what is due.
    pub(super) fn elapsed(&mut self, now: Instant) -> Vec<Action> {
        if self.kill_at.is_some_and(|at| now >= at) {
            return self.kill(now);
        }
        if self.name_at.is_none_or(|at| now < at) {
            return Vec::new();
        }
        self.name_at = None;
        let hope = match self.kill_at {
            None => Hope::None,
            Some(_) if self.interrupted.is_some() => Hope::CtrlC,
            Some(at) => Hope::Kill(at.duration_since(now)),
        };
        vec![Action::NameRemaining {
            run: self.run,
            hope,
        }]
    }
}

impl Supervisor {
    /// Begins a stop by the stop signal.
    pub(super) fn stop(&mut self, now: Instant, run: RunId, then: Then, why: StopReason) {
        let mut stop = Stop::new(now, run, self.policy.stop);
        self.actions.extend(stop.signal(why));
        self.state = State::Stopping { run, then, stop };
    }
}
