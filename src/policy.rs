//! How rwatch is told to behave, as plain values: what the supervisor decides by.

use std::time::Duration;

use nix::sys::signal::Signal;

/// Everything the supervisor has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Which exits of COMMAND are answered by a restart.
    pub restart: RestartPolicy,
    /// How long to pause before such a restart.
    pub backoff: BackoffRange,
    /// How COMMAND is stopped.
    pub stop: StopPolicy,
    /// When a burst of changes is over.
    pub settle: Settle,
    /// Whether anything is watched: whether there is something to wait for.
    pub watching: bool,
    /// Whether the first start waits for the first change.
    pub postpone: bool,
    /// Whether a build has to succeed before COMMAND is started or replaced.
    pub build: bool,
}

/// Which exits of COMMAND are answered by a restart, and how many of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestartPolicy {
    /// Which exits.
    pub when: RestartWhen,
    /// The budget: how many restarts after exits. None: any number.
    pub max: Option<u32>,
}

/// Which exits of COMMAND are answered by a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartWhen {
    /// None: wait for a change.
    Never,
    /// Those with a code other than 0, and deaths by signal.
    OnFailure,
    /// All.
    Always,
}

/// The pauses before restarts after exits: doubling from `min` to `max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackoffRange {
    /// The first pause.
    pub min: Duration,
    /// The longest pause.
    pub max: Duration,
}

impl Default for BackoffRange {
    fn default() -> Self {
        Self {
            min: Duration::from_millis(100),
            max: Duration::from_secs(30),
        }
    }
}

/// How COMMAND is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StopPolicy {
    /// The stop signal.
    pub signal: Signal,
    /// The grace: how long after the stop signal SIGKILL follows.
    pub grace: Duration,
}

impl Default for StopPolicy {
    fn default() -> Self {
        Self {
            signal: Signal::SIGTERM,
            grace: Duration::from_secs(5),
        }
    }
}

/// When a burst of changes is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settle {
    /// The quiet time that ends a burst. None: as short as the burst allows.
    pub delay: Option<Duration>,
}
