//! Tells those who do not read the lines: by the title of the terminal.
//!
//! All of it follows from what the reporter is told anyway. What the terminal is to be sent is handed
//! back, so that it goes out with the line, and by the same way; without a terminal that is nothing.

use super::title::{State, Title};
use crate::supervisor::Message;

/// What is told beside the lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// What has become of COMMAND, in the title of the terminal.
    pub title: bool,
}

/// The one that tells.
#[derive(Debug)]
pub(super) struct Notices {
    title: Option<Title>,
}

impl Notices {
    pub(super) fn new(wanted: Wanted, command: &str) -> Self {
        Self {
            title: wanted.title.then(|| Title::new(command)),
        }
    }

    /// Takes in a message; what the terminal is to be sent.
    pub(super) fn told(&mut self, message: &Message) -> String {
        match State::told_by(message) {
            Some(state) => self.title(state),
            None => String::new(),
        }
    }

    /// Takes in that COMMAND runs.
    pub(super) fn spawned(&mut self) -> String {
        self.title(State::Running)
    }

    /// Leaves the terminal as it was.
    pub(super) fn leave(&mut self) -> String {
        self.title.as_mut().map(Title::put_back).unwrap_or_default()
    }

    /// Takes the terminal again.
    pub(super) fn come_back(&mut self) -> String {
        self.title
            .as_mut()
            .map(Title::come_back)
            .unwrap_or_default()
    }

    fn title(&mut self, state: State) -> String {
        let title = self.title.as_mut();
        title.map(|title| title.show(state)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{ExitReason, SpawnFailure};
    use crate::supervisor::{Begin, Grant, Next, NextAfterBuild, StopReason};
    use nix::sys::signal::Signal;
    use std::path::PathBuf;
    use std::time::Duration;

    const AT_ONCE: Duration = Duration::ZERO;

    fn failure() -> SpawnFailure {
        SpawnFailure::NotFound {
            program: "x".into(),
            searched: None,
        }
    }

    fn exited(reason: ExitReason, next: Next) -> Message {
        let ran = AT_ONCE;
        Message::Exited { reason, ran, next }
    }

    fn changed(what: Begin) -> Message {
        Message::Changed {
            path: PathBuf::from("a"),
            more: 0,
            what,
        }
    }

    fn stopping(why: StopReason) -> Message {
        let signal = Signal::SIGTERM;
        Message::Stopping { signal, why }
    }

    #[track_caller]
    fn check(message: &Message, state: Option<State>) {
        assert_eq!(State::told_by(message), state, "{message:?}");
    }

    #[test]
    fn most_messages_have_a_state() {
        let (clean, code, signal) = (
            ExitReason::Code(0),
            ExitReason::Code(3),
            ExitReason::Signal(11),
        );
        let again = Next::Restart(Grant {
            pause: AT_ONCE,
            nth: None,
        });
        let give_up = Next::GiveUp { restarts: 2 };

        check(&exited(clean, Next::Wait), Some(State::Waiting));
        check(&exited(clean, again), Some(State::Restarting));
        check(&exited(clean, Next::End), None);
        check(&exited(clean, give_up), None);
        for reason in [code, signal] {
            let state = Some(State::Failed(reason));
            check(&exited(reason, Next::Wait), state);
            check(&exited(reason, again), state);
            check(&exited(reason, Next::End), None);
            check(&exited(reason, give_up), None);
        }
        for (next, state) in [
            (Next::Wait, Some(State::NotStarted)),
            (again, Some(State::NotStarted)),
            (Next::End, None),
        ] {
            let failure = failure();
            let message = Message::NotStarted { failure, next };
            check(&message, state);
        }

        let failed = Message::BuildFailed {
            reason: code,
            ran: AT_ONCE,
            next: NextAfterBuild::Stay,
        };
        check(&failed, Some(State::BuildFailed));
        let failed = Message::BuildNotStarted {
            failure: failure(),
            next: NextAfterBuild::Again(AT_ONCE),
        };
        check(&failed, Some(State::BuildFailed));
        check(&Message::Building, Some(State::Building));
        for (what, built, state) in [
            (Begin::Start, None, None),
            (
                Begin::Restart,
                Some(State::Restarting),
                Some(State::Restarting),
            ),
            (Begin::Build, None, Some(State::Building)),
        ] {
            check(&changed(what), state);
            check(&Message::Built { ran: AT_ONCE, what }, built);
        }

        check(&Message::Starting, None);
        check(&Message::Postponed, Some(State::Waiting));
        check(&Message::ByHand, Some(State::Restarting));
        check(&stopping(StopReason::Asked), Some(State::Stopping));
        check(&stopping(StopReason::Change), None);
        check(&stopping(StopReason::Leftovers), None);
        check(&Message::Killing, None);
        check(&Message::Help, None);
    }
}
