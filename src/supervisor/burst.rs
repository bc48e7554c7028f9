//! Tells when a burst of changes is over.
//!
//! A save, a `git checkout`, a bundler's output: what belongs together arrives within
//! milliseconds, and COMMAND is to start once, after the last of it. A burst is over when it has
//! been quiet for a time that begins small and grows with the burst itself, and when nothing says
//! that more is to come: a file that is open for writing, or one that went away and is not back.
//!
//! A quiet time can be too short: on a busy machine any burst has gaps. What begins right after a
//! burst was taken for over is taken for the rest of it, and has to be quiet twice as long.
//!
//! An endless writer must not keep COMMAND down. After `cap` the burst is *overrun*: COMMAND
//! starts beside it, and the burst is *tolerated* from then on. It stops COMMAND again when it
//! ends, or when the next, doubled cap has passed.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::event::{Activity, Hold};
use crate::policy::Settle;

/// The quiet time that ends the shortest burst. Measured: the longest gap inside `git checkout`,
/// tar, cp and sed over thousands of files is 3 ms on an idle machine.
const QUIET: Duration = Duration::from_millis(8);
/// As [`QUIET`], as long as the burst is about one file alone: it was written, and closed.
const QUIET_ONE: Duration = Duration::from_millis(4);
/// A burst has to be quiet for this part of its own length.
const GROWTH: u32 = 8;
/// However long a burst is, this much quiet ends it.
const QUIET_MAX: Duration = Duration::from_millis(80);
/// What begins so soon after the last change of a burst that is over is a relapse of it.
const RELAPSE: Duration = Duration::from_millis(50);
/// How long a file that went away may take to come back.
const GONE_PATIENCE: Duration = Duration::from_millis(50);
/// How long a file that is open for writing may be silent before it holds up nothing any more.
const WRITING_PATIENCE: Duration = Duration::from_secs(1);
/// How long a file may stay open after a write before the write counts.
const SOFT: Duration = Duration::from_millis(100);
/// How long a burst may keep COMMAND down.
const CAP: Duration = Duration::from_secs(2);
/// As [`CAP`], where `--delay` sets the quiet time.
const CAP_DELAYS: u32 = 4;
/// The longest time that an endless writer leaves COMMAND running.
const CAP_MAX: Duration = Duration::from_secs(60);

/// A burst of changes that is not over.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // each is a fact of its own
pub(super) struct Burst {
    settle: Settle,
    first: Instant,
    last: Instant,
    /// The shortest time for which it has to be quiet.
    quiet: Duration,
    hold: Hold,
    /// Nothing but an `Unsettled` was heard since the question.
    unsettled: bool,
    path: PathBuf,
    /// Whether no other path changed.
    alone: bool,
    /// Whether it was looked who was at work when it began.
    looked: bool,
    /// Until when COMMAND is left alone by it: it is a loop, and is slowed down.
    spaced: Option<Instant>,
    /// Since when a change is certain; for a tolerated burst, since when it is tolerated.
    certain: Option<Instant>,
    cap: Duration,
    /// Whether COMMAND runs beside it.
    tolerated: bool,
    /// As what it is being collected, if it is.
    collecting: Option<Verdict>,
}

/// What is remembered of a burst that is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Over {
    last: Instant,
    quiet: Duration,
}

/// What is to be done about a burst now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing yet.
    Wait,
    /// A soft change has been soft for too long, or a loop was slowed down for long enough: it
    /// counts.
    Certain,
    /// It is over.
    Over,
    /// It goes on, and must not keep COMMAND down any longer.
    Overrun,
    /// It was tolerated, and nothing has happened since.
    Calm,
}

impl Burst {
    /// The burst that begins with `activity`.
    pub(super) fn begin(now: Instant, settle: Settle, activity: Activity) -> Self {
        Self {
            settle,
            first: now,
            last: now,
            quiet: QUIET,
            hold: activity.hold,
            unsettled: false,
            path: activity.path,
            alone: activity.alone,
            looked: false,
            spaced: None,
            certain: activity.certain.then_some(now),
            cap: first_cap(settle),
            tolerated: false,
            collecting: None,
        }
    }

    /// Takes in which burst was over before this one began.
    pub(super) fn after(mut self, over: &Over) -> Self {
        if self.first.duration_since(over.last) < RELAPSE {
            self.quiet = (over.quiet * 2).min(QUIET_MAX);
        }
        self
    }

    /// Takes in that for so long nothing could happen.
    pub(super) fn put_off(&mut self, time: Duration) {
        let moments = [&mut self.first, &mut self.last].into_iter();
        for at in moments.chain(&mut self.spaced).chain(&mut self.certain) {
            *at += time;
        }
    }

    /// What is to be remembered of it when it is over.
    pub(super) fn over(&self) -> Over {
        Over {
            last: self.last,
            quiet: self.quiet,
        }
    }

    /// Takes in what was seen at `now`; whether that made the burst certain.
    pub(super) fn saw(&mut self, now: Instant, activity: Activity) -> bool {
        self.last = now;
        self.hold = activity.hold;
        self.unsettled = false;
        self.alone &= activity.alone && activity.path == self.path;
        self.path = activity.path;
        self.resume();
        if !self.alone && self.spaced.take().is_some() {
            return !self.tolerated;
        }
        if self.certain.is_none() && (activity.certain || self.tolerated) {
            self.certain = Some(now);
            return !self.tolerated;
        }
        false
    }

    /// Takes in that the burst is known not to be over at `now`.
    pub(super) fn unsettled(&mut self, now: Instant) {
        self.last = now;
        self.unsettled = true;
        self.resume();
    }

    /// Takes back the question what happened. An order stands: an endless writer would be faster
    /// than every answer to it.
    fn resume(&mut self) {
        self.collecting.take_if(|why| *why != Verdict::Overrun);
    }

    /// Takes in that it is being asked what happened, because it is `Over` or `Overrun`.
    pub(super) fn collect(&mut self, now: Instant, why: Verdict) {
        self.collecting = Some(why);
        if self.tolerated && why == Verdict::Over {
            // COMMAND is stopped for it: if it is not over after all, it is like any other.
            self.tolerated = false;
            self.certain = Some(now);
            self.cap = first_cap(self.settle);
        }
    }

    /// As what it is being collected, if an answer is awaited and will be the last.
    pub(super) fn collecting(&self) -> Option<Verdict> {
        self.collecting
    }

    /// Whether COMMAND may start now, although the burst is not over.
    pub(super) fn lets_start(&self) -> bool {
        self.tolerated && self.collecting.is_none()
    }

    /// Whether COMMAND is left alone by it, because it is a loop.
    pub(super) fn is_spaced(&self) -> bool {
        self.spaced.is_some()
    }

    /// Whether something happened in it that no start has seen.
    pub(super) fn is_pending(&self) -> bool {
        !self.tolerated || self.certain.is_some()
    }

    /// When it began.
    pub(super) fn first(&self) -> Instant {
        self.first
    }

    /// The path that it is all about, if it is one.
    pub(super) fn only_path(&self) -> Option<&Path> {
        self.alone.then_some(self.path.as_path())
    }

    /// Takes in that it is being looked who is at work; whether that is the first time.
    pub(super) fn look(&mut self) -> bool {
        !std::mem::replace(&mut self.looked, true)
    }

    /// Counts what was left alone; whether there was anything.
    pub(super) fn end_spacing(&mut self, now: Instant) -> bool {
        let spaced = self.spaced.is_some();
        if spaced {
            self.harden(now);
        }
        spaced
    }

    /// Leaves COMMAND alone until then.
    pub(super) fn space(&mut self, until: Instant) {
        self.spaced = Some(until);
    }

    /// The same, but not for longer than that.
    pub(super) fn space_no_longer_than(&mut self, until: Instant) {
        self.spaced = self.spaced.map(|at| at.min(until));
    }

    /// Whether nothing that happened in it is certain.
    pub(super) fn is_soft(&self) -> bool {
        self.certain.is_none()
    }

    /// The path that changed last.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What becomes of an overrun burst when COMMAND starts beside it at `now`.
    pub(super) fn tolerate(mut self, now: Instant) -> Self {
        self.cap = (self.cap * 2).min(CAP_MAX.max(self.cap));
        self.first = now;
        self.last = now;
        self.certain = None;
        self.tolerated = true;
        self.collecting = None;
        self
    }

    /// When [`Burst::verdict`] is to be asked next.
    pub(super) fn deadline(&self) -> Option<Instant> {
        if self.collecting.is_some() {
            return None;
        }
        Some(match self.certain {
            _ if self.spaced.is_some() => self.spaced?,
            None if self.tolerated => self.quiet_at(),
            None => self.first + SOFT,
            Some(_) => self.quiet_at().min(self.overrun_at()),
        })
    }

    /// What is to be done at `now`.
    pub(super) fn verdict(&self, now: Instant) -> Verdict {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return Verdict::Wait;
        }
        match self.certain {
            _ if self.spaced.is_some() => Verdict::Certain,
            None if self.tolerated => Verdict::Calm,
            None => Verdict::Certain,
            Some(_) if now >= self.quiet_at() => Verdict::Over,
            Some(_) => Verdict::Overrun,
        }
    }

    /// Counts a soft change, or one that was left alone, from `now` on.
    pub(super) fn harden(&mut self, now: Instant) {
        self.certain = Some(now);
        self.spaced = None;
    }

    /// When it will have been quiet for long enough.
    fn quiet_at(&self) -> Instant {
        let quiet = self.settle.delay.unwrap_or_else(|| {
            let fresh = self.alone && self.quiet == QUIET;
            let quiet = if fresh { QUIET_ONE } else { self.quiet };
            (quiet + self.last.duration_since(self.first) / GROWTH).min(QUIET_MAX)
        });
        let patience = match self.hold {
            // With `--delay 0` it would be asked about again at once, for ever.
            Hold::None if self.unsettled => QUIET,
            Hold::None => Duration::ZERO,
            Hold::Gone => GONE_PATIENCE,
            Hold::Writing => WRITING_PATIENCE,
        };
        self.last + quiet.max(patience)
    }

    /// When it will have kept COMMAND down, or left it running, for long enough.
    fn overrun_at(&self) -> Instant {
        let since = if self.tolerated {
            self.first
        } else {
            self.certain.unwrap_or(self.first)
        };
        since + self.cap
    }
}

/// How long a burst may keep COMMAND down.
fn first_cap(settle: Settle) -> Duration {
    settle
        .delay
        .map_or(CAP, |delay| CAP.max(delay * CAP_DELAYS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activity(certain: bool, hold: Hold) -> Activity {
        Activity {
            certain,
            hold,
            path: PathBuf::from("a"),
            alone: true,
        }
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Plays changes at these times (ms) and tells when the burst is over.
    #[track_caller]
    fn over_after(delay: Option<Duration>, hold: Hold, changes: &[u64]) -> (u64, Verdict) {
        let zero = Instant::now();
        let at = |ms_: u64| zero + ms(ms_);
        let (first, rest) = changes.split_first().expect("a burst has a change");
        let mut burst = Burst::begin(at(*first), Settle { delay }, activity(true, hold));
        for change in rest {
            let now = at(*change);
            match burst.verdict(now) {
                Verdict::Wait => {}
                verdict => return (ms_of(burst.deadline(), zero), verdict),
            }
            burst.saw(now, activity(true, hold));
        }
        let deadline = burst.deadline().expect("nothing is being collected");
        (ms_of(Some(deadline), zero), burst.verdict(deadline))
    }

    fn ms_of(at: Option<Instant>, zero: Instant) -> u64 {
        u64::try_from(at.expect("a deadline").duration_since(zero).as_millis()).expect("small")
    }

    #[test]
    fn a_single_save_is_over_after_the_shortest_quiet() {
        assert_eq!(over_after(None, Hold::None, &[0]), (4, Verdict::Over));
    }

    #[test]
    fn the_quiet_grows_with_the_burst() {
        let changes: Vec<u64> = (0..=400).step_by(2).collect();
        assert_eq!(
            over_after(None, Hold::None, &changes),
            (400 + 4 + 50, Verdict::Over)
        );
        let changes: Vec<u64> = (0..=1600).step_by(2).collect();
        assert_eq!(
            over_after(None, Hold::None, &changes),
            (1600 + 80, Verdict::Over)
        );
    }

    #[test]
    fn a_relapse_has_to_be_quiet_twice_as_long() {
        let zero = Instant::now();
        let mut burst = Burst::begin(zero, Settle::default(), activity(true, Hold::None));
        let mut quiets = Vec::new();
        for at in [30, 60, 100, 140, 200] {
            let next = Burst::begin(zero + ms(at), Settle::default(), activity(true, Hold::None));
            burst = next.after(&burst.over());
            quiets.push(ms_of(burst.deadline(), zero + ms(at)));
        }
        assert_eq!(
            quiets,
            [16, 32, 64, 80, 4],
            "60 ms later it is another burst"
        );
    }

    #[test]
    fn an_open_file_and_a_gone_one_hold_it_open() {
        assert_eq!(over_after(None, Hold::Writing, &[0]), (1000, Verdict::Over));
        assert_eq!(over_after(None, Hold::Gone, &[0]), (50, Verdict::Over));
    }

    #[test]
    fn the_cap_ends_what_does_not_end() {
        let changes: Vec<u64> = (0..5000).step_by(2).collect();
        assert_eq!(
            over_after(None, Hold::None, &changes),
            (2000, Verdict::Overrun)
        );
        let slow: Vec<u64> = (0..9000).step_by(500).collect();
        assert_eq!(
            over_after(Some(ms(1000)), Hold::None, &slow),
            (4000, Verdict::Overrun)
        );
        assert_eq!(
            over_after(Some(ms(100)), Hold::None, &changes),
            (2000, Verdict::Overrun)
        );
    }

    #[test]
    fn delay_is_the_quiet_time() {
        assert_eq!(
            over_after(Some(ms(300)), Hold::None, &[0, 200]),
            (500, Verdict::Over)
        );
        assert_eq!(
            over_after(Some(Duration::ZERO), Hold::None, &[0]),
            (0, Verdict::Over)
        );
    }

    #[test]
    fn a_soft_change_counts_after_a_while() {
        let zero = Instant::now();
        let mut burst = Burst::begin(zero, Settle::default(), activity(false, Hold::Writing));
        assert_eq!(burst.deadline(), Some(zero + SOFT));
        assert!(!burst.saw(zero + ms(60), activity(false, Hold::Writing)));
        assert_eq!(burst.verdict(zero + ms(99)), Verdict::Wait);
        assert_eq!(burst.verdict(zero + ms(100)), Verdict::Certain);
        burst.harden(zero + ms(100));
        assert_eq!(burst.deadline(), Some(zero + ms(1060)));
        assert!(
            !burst.saw(zero + ms(200), activity(true, Hold::None)),
            "it was certain before"
        );
        assert_eq!(burst.verdict(zero + ms(300)), Verdict::Over);
    }

    #[test]
    fn a_tolerated_burst_waits_for_its_end_or_twice_the_cap() {
        let zero = Instant::now();
        let burst = Burst::begin(zero, Settle::default(), activity(true, Hold::None));
        let mut burst = burst.tolerate(zero);
        assert_eq!(burst.verdict(zero + ms(8)), Verdict::Calm);
        assert!(
            !burst.saw(zero + ms(5), activity(true, Hold::None)),
            "nothing is to be stopped"
        );
        assert_eq!(burst.verdict(zero + ms(5 + 9)), Verdict::Over);
        for at in (8..4000).step_by(2) {
            assert_eq!(burst.verdict(zero + ms(at)), Verdict::Wait);
            burst.saw(zero + ms(at), activity(true, Hold::None));
        }
        assert_eq!(burst.verdict(zero + ms(4000)), Verdict::Overrun);
        let mut caps = Vec::new();
        for _ in 0..6 {
            burst = burst.tolerate(zero);
            caps.push(burst.cap.as_secs());
        }
        assert_eq!(caps, [8, 16, 32, 60, 60, 60]);
    }
}
