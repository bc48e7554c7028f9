//! Counts the runs, for the last line.

use std::time::{Duration, Instant};

use super::count;
use crate::event::StartReason;
use crate::text::span;

/// How often COMMAND was started, and why.
#[derive(Debug)]
pub(super) struct Tally {
    begun: Instant,
    runs: usize,
    /// Of those after the first.
    changes: usize,
    exits: usize,
    by_hand: usize,
}

impl Tally {
    /// Of an rwatch that begins now.
    pub(super) fn begin() -> Self {
        Self {
            begun: Instant::now(),
            runs: 0,
            changes: 0,
            exits: 0,
            by_hand: 0,
        }
    }

    /// Takes in that COMMAND runs. The first run is no restart, whatever it is for.
    pub(super) fn spawned(&mut self, reason: StartReason) {
        self.runs += 1;
        if self.runs == 1 {
            return;
        }
        match reason {
            StartReason::Start => {}
            StartReason::Change => self.changes += 1,
            StartReason::Exit => self.exits += 1,
            StartReason::Manual => self.by_hand += 1,
        }
    }

    /// How it was until now; of a single run there is nothing to be said.
    pub(super) fn text(&self) -> Option<String> {
        (self.runs > 1).then(|| self.text_after(self.begun.elapsed()))
    }

    fn text_after(&self, up: Duration) -> String {
        let reasons = [
            (self.changes, "for a change", "for changes"),
            (self.exits, "after an exit", "after exits"),
            (self.by_hand, "by hand", "by hand"),
        ];
        let mut parts = vec![count(self.runs, "run", "runs")];
        for (number, one, many) in reasons {
            let why = if number == 1 { one } else { many };
            match (number, parts.len()) {
                (0, _) => {}
                (_, 1) => parts.push(format!("{} {why}", count(number, "restart", "restarts"))),
                (_, _) => parts.push(format!("{number} {why}")),
            }
        }
        format!("was up {}: {}", span(up), parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use StartReason::{Change, Exit, Manual, Start};

    #[track_caller]
    fn check(reasons: &[StartReason], expected: &str) {
        let mut tally = Tally::begin();
        for reason in reasons {
            tally.spawned(*reason);
        }
        let text = tally.text_after(Duration::from_secs(125));
        assert_eq!(text, format!("was up 2m 5s: {expected}"));
    }

    #[test]
    fn restarts_are_counted_by_their_reason() {
        check(&[Start, Change], "2 runs, 1 restart for a change");
        check(&[Change, Change, Change], "3 runs, 2 restarts for changes");
        check(&[Start, Exit, Exit], "3 runs, 2 restarts after exits");
        check(&[Start, Manual], "2 runs, 1 restart by hand");
        check(
            &[Start, Manual, Change, Change, Exit],
            "5 runs, 2 restarts for changes, 1 after an exit, 1 by hand",
        );
    }

    #[test]
    fn a_single_run_is_not_worth_a_line() {
        let mut tally = Tally::begin();
        assert_eq!(tally.text(), None);
        tally.spawned(Start);
        assert_eq!(tally.text(), None);
        tally.spawned(Exit);
        assert!(tally.text().is_some());
    }
}
