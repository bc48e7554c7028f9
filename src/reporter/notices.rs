//! Tells those who do not read the lines: by the title of the terminal, its bell, and the desktop.
//!
//! All of it follows from what the reporter is told anyway. What the terminal is to be sent is handed
//! back, so that it goes out with the line, and by the same way; without a terminal that is nothing.

use super::desktop::Desktop;
use super::title::{State, Title};
use crate::supervisor::{Message, Next};

/// What is told beside the lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// What has become of COMMAND, in the title of the terminal.
    pub title: bool,
    /// The occasions, by the bell of the terminal.
    pub bell: bool,
    /// The occasions, on the desktop.
    pub desktop: bool,
}

/// The ones that tell.
#[derive(Debug)]
pub(super) struct Notices {
    title: Option<Title>,
    bell: bool,
    desktop: Option<Desktop>,
}

/// What somebody who looks elsewhere wants to know of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    /// COMMAND failed.
    Failed,
    /// COMMAND could not be started.
    NotStarted,
    /// The build failed, or could not be started.
    BuildFailed,
    /// rwatch gave up.
    GaveUp,
}

impl Notices {
    pub(super) fn new(wanted: Wanted, command: &str) -> Self {
        Self {
            title: wanted.title.then(|| Title::new(command)),
            bell: wanted.bell,
            desktop: None,
        }
    }

    /// Takes in who shows the occasions on the desktop.
    pub(super) fn show_by(&mut self, desktop: Desktop) {
        self.desktop = Some(desktop);
    }

    /// Takes in a message, for which rwatch's line is `line`; what the terminal is to be sent.
    pub(super) fn told(&mut self, message: &Message, line: &str) -> String {
        let occasion = Occasion::of(message);
        if let (Some(desktop), Some(_)) = (&self.desktop, occasion) {
            desktop.show(line);
        }
        let mut text = match State::told_by(message) {
            Some(state) => self.title(state),
            None => String::new(),
        };
        if self.bell && occasion.is_some() {
            text.push('\x07');
        }
        text
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

    /// Why nothing can be shown on the desktop, if that is so; once.
    pub(super) fn failure(&self) -> Option<String> {
        self.desktop.as_ref().and_then(Desktop::failure)
    }

    /// Waits a moment for the desktop to show what it was given; why it could not, as above.
    pub(super) fn finish(&mut self) -> Option<String> {
        self.desktop.take().and_then(Desktop::finish)
    }

    fn title(&mut self, state: State) -> String {
        let title = self.title.as_mut();
        title.map(|title| title.show(state)).unwrap_or_default()
    }
}

impl Occasion {
    /// The occasion that a message is about. What rwatch stops itself is none.
    fn of(message: &Message) -> Option<Self> {
        match message {
            Message::Exited {
                next: Next::GiveUp { .. },
                ..
            } => Some(Self::GaveUp),
            Message::Exited { reason, .. } => (!reason.is_clean()).then_some(Self::Failed),
            Message::NotStarted { .. } => Some(Self::NotStarted),
            Message::BuildFailed { .. } | Message::BuildNotStarted { .. } => {
                Some(Self::BuildFailed)
            }
            Message::Starting
            | Message::Building
            | Message::Built { .. }
            | Message::Postponed
            | Message::Changed { .. }
            | Message::Lasting { .. }
            | Message::Overrun { .. }
            | Message::Stopping { .. }
            | Message::Killing
            | Message::Looping { .. }
            | Message::BuildLooping { .. }
            | Message::ByHand
            | Message::Help
            | Message::NoKey
            | Message::Joined { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{ExitReason, SpawnFailure};
    use crate::supervisor::{Begin, Grant, NextAfterBuild, StopReason};
    use nix::sys::signal::Signal;
    use std::path::PathBuf;
    use std::time::Duration;

    const AT_ONCE: Duration = Duration::ZERO;

    fn failure() -> SpawnFailure {
        SpawnFailure::NotFound {
            program: "x".into(),
            searched: None,
            is_here: false,
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
    fn check(message: &Message, occasion: Option<Occasion>, state: Option<State>) {
        assert_eq!(Occasion::of(message), occasion, "{message:?}");
        assert_eq!(State::told_by(message), state, "{message:?}");
    }

    #[test]
    fn failures_are_occasions_and_most_messages_have_a_state() {
        use Occasion::{BuildFailed, Failed, GaveUp, NotStarted};
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

        check(&exited(clean, Next::Wait), None, Some(State::Waiting));
        check(&exited(clean, again), None, Some(State::Restarting));
        check(&exited(clean, Next::End), None, None);
        check(&exited(clean, give_up), Some(GaveUp), None);
        for reason in [code, signal] {
            let state = Some(State::Failed(reason));
            check(&exited(reason, Next::Wait), Some(Failed), state);
            check(&exited(reason, again), Some(Failed), state);
            check(&exited(reason, Next::End), Some(Failed), None);
            check(&exited(reason, give_up), Some(GaveUp), None);
        }
        for (next, state) in [
            (Next::Wait, Some(State::NotStarted)),
            (again, Some(State::NotStarted)),
            (Next::End, None),
        ] {
            let failure = failure();
            let message = Message::NotStarted { failure, next };
            check(&message, Some(NotStarted), state);
        }

        let failed = Message::BuildFailed {
            reason: code,
            ran: AT_ONCE,
            next: NextAfterBuild::Stay,
        };
        check(&failed, Some(BuildFailed), Some(State::BuildFailed));
        let failed = Message::BuildNotStarted {
            failure: failure(),
            next: NextAfterBuild::Again(AT_ONCE),
        };
        check(&failed, Some(BuildFailed), Some(State::BuildFailed));
        check(&Message::Building, None, Some(State::Building));
        for (what, built, state) in [
            (Begin::Start, None, None),
            (
                Begin::Restart,
                Some(State::Restarting),
                Some(State::Restarting),
            ),
            (Begin::Build, None, Some(State::Building)),
        ] {
            check(&changed(what), None, state);
            check(&Message::Built { ran: AT_ONCE, what }, None, built);
        }

        check(&Message::Starting, None, None);
        check(&Message::Postponed, None, Some(State::Waiting));
        check(&Message::ByHand, None, Some(State::Restarting));
        check(&stopping(StopReason::Asked), None, Some(State::Stopping));
        check(&stopping(StopReason::Change), None, None);
        check(&stopping(StopReason::Leftovers), None, None);
        check(&Message::Killing, None, None);
        check(&Message::Help, None, None);
    }
}
