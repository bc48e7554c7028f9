//! Notices loops: COMMAND writes a watched file whenever it starts, and so restarts itself.
//!
//! A restart belongs to a loop if one path alone caused it, right after COMMAND's own start, and
//! the same path did so the time before. No change is dropped for it: a loop is named, and later
//! slowed down.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::event::Changes;

/// What happens so soon after a start is taken for COMMAND's own doing.
pub(super) const RIGHT_AFTER: Duration = Duration::from_secs(1);
/// Only what happens as soon as this is slowed down: later it may well be somebody who saves as soon
/// as COMMAND is up.
pub(super) const AT_ONCE: Duration = Duration::from_millis(52);
/// So many restarts in a row are a loop.
const NAMED_AT: u32 = 3;
/// After so many restarts in a row the next ones are spaced out.
const SPACED_AT: u32 = 10;
/// The first spacing; it doubles with every further restart.
const SPACING_MIN: Duration = Duration::from_secs(1);
/// The longest spacing.
const SPACING_MAX: Duration = Duration::from_secs(30);

/// The restarts in a row that one path caused right after a start.
#[derive(Debug, Default)]
pub(super) struct Loop {
    path: PathBuf,
    restarts: u32,
    /// How many of them, the latest ones, came at once.
    at_once: u32,
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
    /// Takes in that COMMAND restarts for these changes, which began `after` so long a run.
    pub(super) fn restart(&mut self, changes: &Changes, after: Duration) -> Option<LoopStage> {
        let mut paths = changes.iter().map(|change| &change.path);
        let (Some(path), None, true) = (paths.next(), paths.next(), after <= RIGHT_AFTER) else {
            *self = Self::default();
            return None;
        };
        if *path == self.path {
            self.restarts = self.restarts.saturating_add(1);
        } else {
            *self = Self {
                path: path.clone(),
                restarts: 1,
                at_once: 0,
            };
        }
        self.at_once = if after <= AT_ONCE {
            self.at_once.saturating_add(1)
        } else {
            0
        };
        match (self.restarts, self.at_once) {
            (NAMED_AT, _) => Some(LoopStage::Found),
            (_, SPACED_AT) => Some(LoopStage::Spaced),
            _ => None,
        }
    }

    /// How long COMMAND runs at least before a change of `path` alone restarts it.
    pub(super) fn spacing(&self, path: &Path) -> Duration {
        if path != self.path || self.at_once < SPACED_AT {
            return Duration::ZERO;
        }
        let doubled = 1 << (self.at_once - SPACED_AT).min(16);
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

    #[test]
    fn a_loop_is_named_and_then_spaced_out() {
        let mut found = Loop::default();
        let mut said = Vec::new();
        let mut spacings = Vec::new();
        for restart in 1..=17 {
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
    fn anything_else_ends_a_loop() {
        for (paths, after) in [
            (&["b"][..], SOON),
            (&["a", "b"], SOON),
            (&["a"], RIGHT_AFTER * 2),
            (&[], SOON),
        ] {
            let mut found = Loop::default();
            for _ in 0..12 {
                found.restart(&changes(&["a"]), SOON);
            }
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
