//! Notices loops: COMMAND writes a watched file whenever it starts, and so restarts itself.
//!
//! A restart belongs to a loop if one path alone caused it, right after COMMAND's own start, and
//! the same path did so the time before. No change is dropped for it: a loop is named, and later
//! slowed down.
//!
//! Somebody who saves a file as soon as COMMAND is up looks the same from here, and must not be
//! slowed down. So it is looked who was at work when the change came: COMMAND, which writes, or
//! COMMAND's set asleep, and somebody else. One who writes and falls asleep at once is missed
//! that way; only a row that no person would keep up counts without the sign.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::event::Changes;

/// What happens so soon after a start is taken for COMMAND's own doing.
pub(super) const RIGHT_AFTER: Duration = Duration::from_secs(1);
/// What happens so soon after COMMAND's end may well be the last that it did.
pub(super) const JUST_NOW: Duration = Duration::from_millis(2);
/// So many restarts in a row are a loop.
const NAMED_AT: u32 = 3;
/// After so many restarts in a row the next ones are spaced out.
const SPACED_AT: u32 = 10;
/// So many of them need no sign that it was COMMAND who wrote.
const CERTAIN_AT: u32 = 300;
/// The first spacing; it doubles with every further restart.
const SPACING_MIN: Duration = Duration::from_secs(1);
/// The longest spacing.
const SPACING_MAX: Duration = Duration::from_secs(30);

/// The restarts in a row that one path caused right after a start.
#[derive(Debug, Default)]
pub(super) struct Loop {
    path: PathBuf,
    restarts: u32,
    /// In how many of them, the latest ones, COMMAND was at work when the change came.
    at_work: u32,
    /// Whether it is in the one that is coming.
    seen_at_work: bool,
    /// How many restarts have been spaced out.
    spaced: u32,
}

/// What the user is to be told of a loop, once each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoopStage {
    /// That it is one.
    Found,
    /// That it is slowed down from now on.
    Spaced,
}

impl Loop {
    /// Whether a change of `path` alone, `after` such a time, may be the next one of a loop.
    pub(super) fn suspects(&self, path: &Path, after: Duration) -> bool {
        after <= RIGHT_AFTER && path == self.path
    }

    /// Takes in whether COMMAND was at work when the change came; whether nothing is to be spaced
    /// out any more.
    pub(super) fn looked(&mut self, at_work: bool) -> bool {
        self.seen_at_work |= at_work;
        let innocent = !at_work && self.restarts < CERTAIN_AT;
        if innocent {
            self.at_work = 0;
            self.spaced = 0;
        }
        innocent
    }

    /// Takes in that COMMAND restarts for these changes, which began `after` so long a run.
    pub(super) fn restart(&mut self, changes: &Changes, after: Duration) -> Option<LoopStage> {
        let mut paths = changes.iter().map(|change| &change.path);
        let (Some(path), None, true) = (paths.next(), paths.next(), after <= RIGHT_AFTER) else {
            *self = Self::default();
            return None;
        };
        if *path != self.path {
            // Nobody has looked who was at work: there was nothing to suspect.
            *self = Self {
                path: path.clone(),
                restarts: 1,
                at_work: 1,
                ..Self::default()
            };
            return None;
        }
        self.restarts = self.restarts.saturating_add(1);
        let at_work = std::mem::take(&mut self.seen_at_work);
        self.at_work = if at_work {
            self.at_work.saturating_add(1)
        } else {
            0
        };
        let spaced = self.at_work >= SPACED_AT || self.restarts >= CERTAIN_AT;
        self.spaced += u32::from(spaced);
        match (self.restarts, self.spaced) {
            (NAMED_AT, _) => Some(LoopStage::Found),
            (_, 1) if spaced => Some(LoopStage::Spaced),
            _ => None,
        }
    }

    /// How long COMMAND runs at least before a change of `path` alone restarts it.
    pub(super) fn spacing(&self, path: &Path) -> Duration {
        if path != self.path || self.spaced == 0 {
            return Duration::ZERO;
        }
        let doubled = 1 << (self.spaced - 1).min(16);
        (SPACING_MIN * doubled).min(SPACING_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Change, ChangeKind};

    fn changes(paths: &[&str]) -> Changes {
        let change = |path: &&str| Change {
            path: PathBuf::from(path),
            kind: ChangeKind::Modified,
        };
        paths.iter().map(change).collect()
    }

    const SOON: Duration = Duration::from_millis(50);

    /// Restarts for the path a, of which so many in a hundred found COMMAND at work.
    fn row(restarts: u32, at_work: u32) -> Loop {
        let mut found = Loop::default();
        for restart in 0..restarts {
            if restart * at_work % 100 < at_work {
                found.looked(true);
            }
            found.restart(&changes(&["a"]), SOON);
        }
        found
    }

    #[test]
    fn a_loop_is_named_and_then_spaced_out() {
        let mut found = Loop::default();
        let mut said = Vec::new();
        let mut spacings = Vec::new();
        for restart in 1..=17 {
            found.looked(true);
            if let Some(stage) = found.restart(&changes(&["a"]), SOON) {
                said.push((restart, stage));
            }
            spacings.push(found.spacing(Path::new("a")).as_secs());
        }
        assert_eq!(said, [(3, LoopStage::Found), (10, LoopStage::Spaced)]);
        assert_eq!(spacings[8..], [0, 1, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(found.spacing(Path::new("b")), Duration::ZERO);
    }

    #[test]
    fn who_saves_beside_a_sleeping_command_is_not_slowed_down() {
        let spacing = |found: Loop| found.spacing(Path::new("a"));
        assert_eq!(spacing(row(200, 0)), Duration::ZERO);
        assert!(spacing(row(300, 0)) > Duration::ZERO);
        assert_eq!(spacing(row(200, 50)), Duration::ZERO);
        let mut found = row(12, 100);
        assert!(found.looked(false));
        assert_eq!(spacing(found), Duration::ZERO);
    }

    #[test]
    fn anything_else_ends_a_loop() {
        for (paths, after) in [
            (&["b"][..], SOON),
            (&["a", "b"], SOON),
            (&["a"], RIGHT_AFTER * 2),
            (&[], SOON),
        ] {
            let mut found = row(12, 100);
            assert!(found.spacing(Path::new("a")) > Duration::ZERO);
            found.restart(&changes(paths), after);
            assert_eq!(
                found.spacing(Path::new("a")),
                Duration::ZERO,
                "{paths:?} {after:?}"
            );
        }
    }
}
