//! Counts the restarts after exits, and paces them.

use std::time::Duration;

use crate::policy::{BackoffRange, RestartPolicy};

/// A run of this length is a success: the pauses begin anew after it.
pub(super) const STEADY: Duration = Duration::from_secs(10);

/// How many restarts after exits are left, and the pause before the next one.
#[derive(Debug)]
pub(super) struct Budget {
    max: Option<u32>,
    used: u32,
    range: BackoffRange,
    pause: Duration,
}

/// A restart that the budget granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The pause before it.
    pub pause: Duration,
    /// Which restart it is, and of how many, where there is a limit.
    pub nth: Option<(u32, u32)>,
}

impl Budget {
    /// The whole budget, and the first pause.
    pub(super) fn new(restart: RestartPolicy, range: BackoffRange) -> Self {
        Self {
            max: restart.max,
            used: 0,
            range,
            pause: range.min,
        }
    }

    /// Takes one restart, if there is one left.
    pub(super) fn take(&mut self) -> Option<Grant> {
        if self.max.is_some_and(|max| self.used >= max) {
            return None;
        }
        self.used = self.used.saturating_add(1);
        Some(Grant {
            pause: self.pause(),
            nth: self.max.map(|max| (self.used, max)),
        })
    }

    /// The pause before another try; the next one is twice as long.
    pub(super) fn pause(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = (pause * 2).min(self.range.max);
        pause
    }

    /// Makes the next pause the first one again.
    pub(super) fn calm(&mut self) {
        self.pause = self.range.min;
    }

    /// New code, new chances: the whole budget and the first pause.
    pub(super) fn restore(&mut self) {
        self.used = 0;
        self.calm();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::RestartWhen;

    fn budget(max: Option<u32>) -> Budget {
        let range = BackoffRange {
            min: Duration::from_millis(100),
            max: Duration::from_millis(500),
        };
        Budget::new(
            RestartPolicy {
                when: RestartWhen::Always,
                max,
            },
            range,
        )
    }

    #[test]
    fn grants_max_restarts_with_doubling_pauses() {
        let mut budget = budget(Some(4));
        let grants: Vec<Grant> = std::iter::from_fn(|| budget.take()).collect();
        let pauses: Vec<u128> = grants.iter().map(|grant| grant.pause.as_millis()).collect();
        assert_eq!(pauses, [100, 200, 400, 500]);
        assert_eq!(grants[3].nth, Some((4, 4)));
    }

    #[test]
    fn without_a_limit_there_is_always_another() {
        let mut budget = budget(None);
        for _ in 0..1000 {
            assert_eq!(budget.take().expect("no limit").nth, None);
        }
    }

    #[test]
    fn a_change_restores_what_was_used() {
        let mut budget = budget(Some(1));
        assert!(budget.take().is_some());
        assert!(budget.take().is_none());
        budget.restore();
        assert_eq!(
            budget.take().expect("restored").pause,
            Duration::from_millis(100)
        );
    }

    #[test]
    fn a_long_run_calms_the_pauses_and_restores_nothing() {
        let mut budget = budget(Some(2));
        assert!(budget.take().is_some());
        budget.calm();
        assert_eq!(
            budget.take().expect("one left").pause,
            Duration::from_millis(100)
        );
        assert!(budget.take().is_none());
    }
}
