//! The title of the terminal: COMMAND, and what has become of it.
//!
//! The title that was there is saved before the first one, and put back at the end (XTWINOPS in
//! xterm's "Control Sequences"). Nothing is written here: what is to be written is handed back. No
//! control character gets into a title, so that none can end it early.

use crossterm::Command as _;
use crossterm::terminal::SetTitle;

use super::signal_name;
use crate::event::ExitReason;
use crate::supervisor::{Begin, Message, Next, StopReason};
use crate::text::tamed;

/// Of both titles, that of the window and that of its icon, since OSC 0 sets both.
const SAVE: &str = "\x1b[22;0t";
const RESTORE: &str = "\x1b[23;0t";

/// So much of COMMAND is shown, so that what has become of it is, too.
const COMMAND_MAX: usize = 60;

/// The title, as far as it is ours.
#[derive(Debug)]
pub(super) struct Title {
    command: String,
    /// What it says, or said before rwatch was suspended.
    state: Option<State>,
    /// Whether the one that was there has been saved.
    saved: bool,
}

/// What COMMAND's life is, in the fewest words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Building,
    BuildFailed,
    Running,
    Failed(ExitReason),
    NotStarted,
    Waiting,
    Restarting,
    Stopping,
}

impl Title {
    pub(super) fn new(command: &str) -> Self {
        let command = tamed(command);
        let mut short: String = command.chars().take(COMMAND_MAX).collect();
        if command.chars().nth(COMMAND_MAX).is_some() {
            short.push('…');
        }
        Self {
            command: short,
            state: None,
            saved: false,
        }
    }

    /// What makes the title say this; nothing, if it does.
    pub(super) fn show(&mut self, state: State) -> String {
        let mut text = String::new();
        if self.state.replace(state) == Some(state) && self.saved {
            return text;
        }
        if !std::mem::replace(&mut self.saved, true) {
            text.push_str(SAVE);
        }
        let title = format!("rwatch: {}: {}", self.command, state.text());
        let _ = SetTitle(title).write_ansi(&mut text);
        text
    }

    /// What makes it the title that was there. A terminal that cannot save one gets an empty one,
    /// rather than one that says what is no longer true.
    pub(super) fn put_back(&mut self) -> String {
        let mut text = String::new();
        if std::mem::take(&mut self.saved) {
            let _ = SetTitle("").write_ansi(&mut text);
            text.push_str(RESTORE);
        }
        text
    }

    /// What makes it ours again, if it was.
    pub(super) fn come_back(&mut self) -> String {
        self.state
            .map_or_else(String::new, |state| self.show(state))
    }
}

impl State {
    /// What a message says about COMMAND's life, if it says anything new. What rwatch ends with
    /// needs no title.
    pub(super) fn told_by(message: &Message) -> Option<Self> {
        Some(match message {
            Message::Building
            | Message::Changed {
                what: Begin::Build, ..
            } => Self::Building,
            Message::Changed {
                what: Begin::Restart,
                ..
            }
            | Message::Built {
                what: Begin::Restart,
                ..
            }
            | Message::ByHand => Self::Restarting,
            Message::BuildFailed { .. } | Message::BuildNotStarted { .. } => Self::BuildFailed,
            Message::Postponed => Self::Waiting,
            Message::Exited {
                next: Next::End | Next::GiveUp { .. },
                ..
            }
            | Message::NotStarted {
                next: Next::End | Next::GiveUp { .. },
                ..
            } => return None,
            Message::Exited { reason, next, .. } => match next {
                _ if !reason.is_clean() => Self::Failed(*reason),
                Next::Restart(_) => Self::Restarting,
                Next::Wait | Next::End | Next::GiveUp { .. } => Self::Waiting,
            },
            Message::NotStarted { .. } => Self::NotStarted,
            Message::Stopping {
                why: StopReason::Asked,
                ..
            } => Self::Stopping,
            // The start follows at once, and is told by itself.
            Message::Starting | Message::Changed { .. } | Message::Built { .. } => return None,
            Message::Stopping { .. }
            | Message::Lasting { .. }
            | Message::Overrun { .. }
            | Message::Killing
            | Message::Looping { .. }
            | Message::BuildLooping { .. }
            | Message::Help
            | Message::NoKey
            | Message::Joined { .. } => return None,
        })
    }

    fn text(self) -> String {
        match self {
            Self::Failed(ExitReason::Code(code)) => return format!("failed (code {code})"),
            Self::Failed(ExitReason::Signal(number)) => {
                return format!("failed ({})", signal_name(number));
            }
            Self::Building => "building",
            Self::BuildFailed => "build failed",
            Self::Running => "running",
            Self::NotStarted => "cannot start",
            Self::Waiting => "waiting for changes",
            Self::Restarting => "restarting",
            Self::Stopping => "stopping",
        }
        .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_saved_once_and_written_when_it_changes() {
        let mut title = Title::new("a b");
        assert_eq!(title.put_back(), "");
        assert_eq!(title.come_back(), "");
        let first = "\x1b[22;0t\x1b]0;rwatch: a b: running\x07";
        assert_eq!(title.show(State::Running), first);
        assert_eq!(title.show(State::Running), "");
        let second = "\x1b]0;rwatch: a b: restarting\x07";
        assert_eq!(title.show(State::Restarting), second);
        assert_eq!(title.put_back(), "\x1b]0;\x07\x1b[23;0t");
        assert_eq!(title.put_back(), "");
        assert_eq!(title.come_back(), format!("\x1b[22;0t{second}"));
    }

    #[test]
    fn nothing_in_a_command_ends_the_title() {
        let title = Title::new("a\x07b\x1b\\c\u{9c}d");
        assert_eq!(title.command, r"a\u{7}b\u{1b}\c\u{9c}d");
    }

    #[test]
    fn a_long_command_is_cut() {
        let title = Title::new(&"é".repeat(COMMAND_MAX));
        assert_eq!(title.command, "é".repeat(COMMAND_MAX));
        let title = Title::new(&"é".repeat(COMMAND_MAX + 1));
        assert_eq!(title.command, "é".repeat(COMMAND_MAX) + "…");
    }
}
