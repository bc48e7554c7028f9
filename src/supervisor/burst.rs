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
//! An endless writer must not keep COMMAND down. What tells it from a long burst is repetition, not
//! length: a burst gets on as long as there are paths in it that are new to it, or git holds its lock.
//! When it has not for `cap`, or has lasted for all too long, it is *overrun*: COMMAND starts beside
//! it, and the burst is *tolerated* from then on. It stops COMMAND again when it ends, or when the
//! next, doubled cap has passed.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::looping::Suspicion;
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
/// Who is woken so late that it was quiet is on a busy machine, where quiet may mean that nobody had the
/// time to write, or to tell of it.
const LATE: Duration = Duration::from_millis(2);
/// How long a burst that does not get on may keep COMMAND down.
const CAP: Duration = Duration::from_secs(2);
/// As [`CAP`], where `--delay` sets the quiet time.
const CAP_DELAYS: u32 = 4;
/// How long a burst that gets on may keep COMMAND down.
const LIMIT: Duration = Duration::from_secs(15);
/// The same while git holds its lock.
const LIMIT_LOCKED: Duration = Duration::from_secs(60);
/// The longest time that an endless writer leaves COMMAND running.
const CAP_MAX: Duration = Duration::from_secs(60);
/// The shortest quiet that ends what COMMAND runs beside: one who writes and writes takes a breath
/// now and then. It grows as the other one does.
const QUIET_TOLERATED: Duration = Duration::from_millis(250);
/// The longest such quiet.
const QUIET_TOLERATED_MAX: Duration = Duration::from_secs(1);
/// A burst that lasts so long is worth a word.
const LONG: Duration = Duration::from_secs(1);

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
    /// Until when it has to be quiet besides, because it was noticed so late that it was.
    doubted: Option<Instant>,
    /// Nothing but an `Unsettled` was heard since the question.
    unsettled: bool,
    path: PathBuf,
    /// Whether no other path changed.
    alone: bool,
    /// How far all of it is suspected to be COMMAND's own doing.
    suspicion: Suspicion,
    /// Whether it was looked who was at work when it began.
    looked: bool,
    /// Until when COMMAND is left alone by it: it is a loop, and is slowed down.
    spaced: Option<Instant>,
    /// Since when a change is certain; for a tolerated burst, one since it is tolerated.
    certain: Option<Instant>,
    /// When it got on last.
    got_on: Instant,
    /// git's lock, if git holds it, and when it was last known to.
    lock: Option<PathBuf>,
    locked: Option<Instant>,
    /// Whether the user was told what it waits for.
    told: bool,
    cap: Duration,
    /// Since when COMMAND runs beside it, if it does.
    tolerated: Option<Instant>,
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
    /// Somebody does not want to wait for its end.
    Cut,
    /// It was tolerated, and nothing has happened since.
    Calm,
    /// It is long, and the user is to be told what it waits for.
    Long,
}

impl Verdict {
    /// Whether what comes before the answer changes nothing.
    fn is_order(self) -> bool {
        matches!(self, Self::Overrun | Self::Cut)
    }
}

impl Burst {
    /// The burst that begins with `activity`, which may be COMMAND's own doing.
    pub(super) fn begin(
        now: Instant,
        settle: Settle,
        activity: Activity,
        suspicion: Suspicion,
    ) -> Self {
        let mut burst = Self {
            settle,
            first: now,
            last: now,
            quiet: QUIET,
            hold: activity.hold,
            doubted: None,
            unsettled: false,
            alone: true,
            path: latest(&activity),
            suspicion,
            looked: false,
            spaced: None,
            certain: activity.certain.then_some(now),
            got_on: now,
            lock: None,
            locked: None,
            told: false,
            cap: first_cap(settle),
            tolerated: None,
            collecting: None,
        };
        burst.alone = burst.is_all_of(&activity);
        burst.see_lock(now, activity.lock);
        burst
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
        let moments = [&mut self.first, &mut self.last, &mut self.got_on].into_iter();
        let others = [
            &mut self.spaced,
            &mut self.doubted,
            &mut self.certain,
            &mut self.locked,
            &mut self.tolerated,
        ];
        for at in moments.chain(others.into_iter().flatten()) {
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
    pub(super) fn saw(&mut self, now: Instant, activity: Activity, suspicion: Suspicion) -> bool {
        self.last = now;
        self.hold = activity.hold;
        self.doubted = None;
        self.unsettled = false;
        self.alone &= self.is_all_of(&activity);
        self.suspicion = self.suspicion.min(suspicion);
        self.path = latest(&activity);
        if activity.fresh {
            self.got_on = now;
        }
        self.see_lock(now, activity.lock);
        self.resume();
        if self.suspicion < Suspicion::Spaced && self.spaced.take().is_some() {
            return self.tolerated.is_none();
        }
        if self.certain.is_none() && (activity.certain || self.tolerated.is_some()) {
            self.certain = Some(now);
            return self.tolerated.is_none();
        }
        false
    }

    /// Takes in that the burst is known not to be over at `now`, because of this lock maybe.
    pub(super) fn unsettled(&mut self, now: Instant, lock: Option<PathBuf>) {
        self.last = now;
        self.unsettled = true;
        self.see_lock(now, lock);
        self.resume();
    }

    /// Whether no other path changed.
    fn is_all_of(&self, activity: &Activity) -> bool {
        let mut changes = activity.changes.iter();
        changes.all(|change| change.path == self.path)
    }

    fn see_lock(&mut self, now: Instant, lock: Option<PathBuf>) {
        self.lock = lock;
        if self.lock.is_some() {
            (self.locked, self.got_on) = (Some(now), now);
        }
    }

    /// Takes back the question what happened. An order stands: an endless writer would be faster
    /// than every answer to it.
    fn resume(&mut self) {
        self.collecting.take_if(|why| !why.is_order());
    }

    /// Doubts, once, that quiet that is noticed late is the end of it; whether it does. One file that
    /// was written, and closed, is not doubted.
    pub(super) fn doubt(&mut self, now: Instant) -> bool {
        let late = now.duration_since(self.quiet_at());
        if late < LATE || self.alone || self.settle.delay.is_some() || self.doubted.is_some() {
            return false;
        }
        let quiet = self.quiet_at().duration_since(self.last);
        self.doubted = Some(now + quiet.max(late * 2).min(QUIET_TOLERATED));
        true
    }

    /// Takes in that it is being asked what happened, because of this.
    pub(super) fn collect(&mut self, why: Verdict) {
        self.collecting = Some(why);
    }

    /// As what it is being collected, if an answer is awaited and will be the last.
    pub(super) fn collecting(&self) -> Option<Verdict> {
        self.collecting
    }

    /// Whether it is being collected, over or not.
    pub(super) fn is_being_cut(&self) -> bool {
        self.collecting.is_some_and(Verdict::is_order)
    }

    /// Whether COMMAND may start now, although the burst is not over.
    pub(super) fn lets_start(&self) -> bool {
        self.is_tolerated() && self.collecting.is_none()
    }

    /// Whether COMMAND runs beside it, until it ends.
    pub(super) fn is_tolerated(&self) -> bool {
        self.tolerated.is_some()
    }

    /// Whether COMMAND is left alone by it, because it is a loop.
    pub(super) fn is_spaced(&self) -> bool {
        self.spaced.is_some()
    }

    /// Whether something happened in it that no start has seen.
    pub(super) fn is_pending(&self) -> bool {
        !self.is_tolerated() || self.certain.is_some()
    }

    /// When it began.
    pub(super) fn first(&self) -> Instant {
        self.first
    }

    /// How far all of it is suspected to be COMMAND's own doing.
    pub(super) fn suspicion(&self) -> Suspicion {
        self.suspicion
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

    /// What it waits for: a path, or git's lock.
    pub(super) fn waits_for(&self) -> (&Path, bool) {
        match &self.lock {
            Some(lock) => (lock, true),
            None => (&self.path, false),
        }
    }

    /// Takes in that the user was told what it waits for.
    pub(super) fn tell(&mut self) {
        self.told = true;
    }

    /// What becomes of an overrun burst when COMMAND starts beside it at `now`.
    pub(super) fn tolerate(mut self, now: Instant) -> Self {
        let cap = match self.tolerated {
            // It got on, and took too long all the same.
            None if self.stuck_at() > now => self.limit(),
            None | Some(_) => self.cap,
        };
        self.cap = (cap * 2).min(CAP_MAX.max(cap));
        self.last = now;
        self.certain = None;
        self.tolerated = Some(now);
        self.collecting = None;
        self
    }

    /// When [`Burst::verdict`] is to be asked next.
    pub(super) fn deadline(&self) -> Option<Instant> {
        if self.collecting.is_some() {
            return None;
        }
        if self.spaced.is_some() {
            return self.spaced;
        }
        match (self.certain, self.tolerated) {
            (None, Some(_)) => Some(self.quiet_at()),
            (None, None) => Some(self.first + SOFT),
            (Some(_), _) => {
                let ends = self.quiet_at().min(self.overrun_at());
                Some(self.long_at().map_or(ends, |at| at.min(ends)))
            }
        }
    }

    /// What is to be done at `now`.
    pub(super) fn verdict(&self, now: Instant) -> Verdict {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return Verdict::Wait;
        }
        match (self.certain, self.tolerated) {
            _ if self.spaced.is_some() => Verdict::Certain,
            (None, Some(_)) => Verdict::Calm,
            (None, None) => Verdict::Certain,
            (Some(_), _) if now >= self.quiet_at() => Verdict::Over,
            (Some(_), _) if now >= self.overrun_at() => Verdict::Overrun,
            (Some(_), _) => Verdict::Long,
        }
    }

    /// Counts a soft change, or one that was left alone, from `now` on.
    pub(super) fn harden(&mut self, now: Instant) {
        self.certain = Some(now);
        self.spaced = None;
    }

    /// When it will have been quiet for long enough.
    fn quiet_at(&self) -> Instant {
        let length = self.last.duration_since(self.first);
        let fresh = self.alone && self.quiet == QUIET;
        let quiet = if fresh { QUIET_ONE } else { self.quiet };
        let own = (quiet + length / GROWTH).min(QUIET_MAX);
        let quiet = match self.settle.delay {
            // It was quiet for that long, and is asked about again.
            Some(delay) if self.unsettled => own.min(delay),
            Some(delay) => delay,
            None => own,
        };
        let breath = if self.is_tolerated() {
            (length / GROWTH).clamp(QUIET_TOLERATED, QUIET_TOLERATED_MAX)
        } else {
            Duration::ZERO
        };
        let at = self.last + quiet.max(breath).max(self.patience());
        self.doubted.map_or(at, |until| at.max(until))
    }

    /// How long it may be quiet and not be over all the same.
    fn patience(&self) -> Duration {
        match self.hold {
            // With `--delay 0` it would be asked about again at once, for ever.
            Hold::None if self.unsettled => QUIET,
            Hold::None => Duration::ZERO,
            Hold::Gone => GONE_PATIENCE,
            Hold::Writing => WRITING_PATIENCE,
        }
    }

    /// When it will have kept COMMAND down, or left it running, for long enough.
    fn overrun_at(&self) -> Instant {
        match self.tolerated {
            Some(since) => since + self.cap,
            None => self.stuck_at().min(self.since() + self.limit()),
        }
    }

    /// Since when it keeps COMMAND down.
    fn since(&self) -> Instant {
        self.certain.unwrap_or(self.first)
    }

    /// When it will not have got on for too long.
    fn stuck_at(&self) -> Instant {
        self.got_on.max(self.since()) + self.cap
    }

    /// How long it may keep COMMAND down, even if it gets on. What comes right after git let go of its
    /// lock has the time that is left to it.
    fn limit(&self) -> Duration {
        let limit = match (self.locked, &self.lock) {
            (Some(_), Some(_)) => LIMIT_LOCKED,
            (Some(at), None) => {
                let since = (at + self.cap).duration_since(self.since());
                since.clamp(LIMIT, LIMIT_LOCKED)
            }
            (None, _) => LIMIT,
        };
        limit.max(self.cap)
    }

    /// When to tell the user what it waits for. That is not said of the mere quiet time.
    fn long_at(&self) -> Option<Instant> {
        let at = self.first + LONG;
        let waits =
            self.last >= at || self.unsettled || self.lock.is_some() || self.hold == Hold::Writing;
        (waits && !self.told && !self.is_tolerated()).then_some(at)
    }
}

/// The path that changed last.
fn latest(activity: &Activity) -> PathBuf {
    let latest = activity.changes.last();
    latest.map(|change| change.path.clone()).unwrap_or_default()
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
    use crate::event::{Change, ChangeKind};

    fn activity(certain: bool, hold: Hold) -> Activity {
        let (path, kind) = (PathBuf::from("a"), ChangeKind::Modified);
        Activity {
            certain,
            hold,
            changes: vec![Change { path, kind }],
            fresh: false,
            lock: None,
        }
    }

    fn begin(now: Instant, settle: Settle, activity: Activity) -> Burst {
        Burst::begin(now, settle, activity, Suspicion::None)
    }

    fn saw(burst: &mut Burst, now: Instant, activity: Activity) -> bool {
        burst.saw(now, activity, Suspicion::None)
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
        let mut burst = begin(at(*first), Settle { delay }, activity(true, hold));
        for change in rest {
            let now = at(*change);
            match burst.verdict(now) {
                Verdict::Wait => {}
                Verdict::Long => burst.tell(),
                verdict => return (ms_of(burst.deadline(), zero), verdict),
            }
            saw(&mut burst, now, activity(true, hold));
        }
        burst.tell();
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
        let mut burst = begin(zero, Settle::default(), activity(true, Hold::None));
        let mut quiets = Vec::new();
        for at in [30, 60, 100, 140, 200] {
            let next = begin(zero + ms(at), Settle::default(), activity(true, Hold::None));
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
        let mut burst = begin(zero, Settle::default(), activity(false, Hold::Writing));
        assert_eq!(burst.deadline(), Some(zero + SOFT));
        assert!(!saw(
            &mut burst,
            zero + ms(60),
            activity(false, Hold::Writing)
        ));
        assert_eq!(burst.verdict(zero + ms(99)), Verdict::Wait);
        assert_eq!(burst.verdict(zero + ms(100)), Verdict::Certain);
        burst.harden(zero + ms(100));
        assert_eq!(burst.verdict(zero + ms(1000)), Verdict::Long);
        burst.tell();
        assert_eq!(burst.deadline(), Some(zero + ms(1060)));
        assert!(
            !saw(&mut burst, zero + ms(200), activity(true, Hold::None)),
            "it was certain before"
        );
        assert_eq!(burst.verdict(zero + ms(300)), Verdict::Over);
    }

    #[test]
    fn a_tolerated_burst_waits_for_its_end_or_twice_the_cap() {
        let zero = Instant::now();
        let activity = || activity(true, Hold::None);
        let burst = begin(zero, Settle::default(), activity());
        let mut burst = burst.tolerate(zero + ms(2000));
        assert_eq!(burst.verdict(zero + ms(2249)), Verdict::Wait);
        assert_eq!(burst.verdict(zero + ms(2250)), Verdict::Calm);
        let stops = saw(&mut burst, zero + ms(2100), activity());
        assert!(!stops, "nothing is to be stopped");
        assert_eq!(burst.verdict(zero + ms(2100 + 262)), Verdict::Wait);
        assert_eq!(burst.verdict(zero + ms(2100 + 263)), Verdict::Over);
        for at in (2200..6000).step_by(200) {
            assert_eq!(burst.verdict(zero + ms(at)), Verdict::Wait);
            saw(&mut burst, zero + ms(at), activity());
        }
        assert_eq!(burst.verdict(zero + ms(6000)), Verdict::Overrun);
        let mut caps = Vec::new();
        for at in 6..12 {
            burst = burst.tolerate(zero + ms(at * 1000));
            caps.push(burst.cap.as_secs());
        }
        assert_eq!(caps, [8, 16, 32, 60, 60, 60]);
    }

    /// Plays changes every 100 ms, of which those that get on are fresh, and those under git's lock have
    /// it; when the burst is overrun (ms), and how long it is tolerated then.
    fn overrun_after(
        delay: Option<Duration>,
        is_fresh: impl Fn(u64) -> bool,
        is_locked: impl Fn(u64) -> bool,
    ) -> (u64, u64) {
        let zero = Instant::now();
        let activity = |at| Activity {
            fresh: is_fresh(at),
            lock: is_locked(at).then(|| "lock".into()),
            ..activity(true, Hold::Writing)
        };
        let mut burst = begin(zero, Settle { delay }, activity(0));
        for at in (100..).step_by(100) {
            let now = zero + ms(at);
            match burst.verdict(now) {
                Verdict::Wait => {}
                Verdict::Long => burst.tell(),
                Verdict::Overrun => {
                    let cap = burst.tolerate(now).cap;
                    return (at, cap.as_secs());
                }
                verdict => panic!("{verdict:?}"),
            }
            saw(&mut burst, now, activity(at));
        }
        unreachable!("a burst has an end")
    }

    #[test]
    fn what_counts_for_the_cap_is_repetition() {
        let (never, always) = (|_| false, |_| true);
        let until = |end| move |at| at <= end;
        assert_eq!(overrun_after(None, never, never), (2000, 4));
        assert_eq!(overrun_after(None, until(5000), never), (7000, 4));
        assert_eq!(
            overrun_after(None, |at| at % 1500 == 0, never),
            (15_000, 30)
        );
        assert_eq!(overrun_after(None, always, never), (15_000, 30));
        let slow = Some(ms(2500));
        assert_eq!(overrun_after(slow, never, never), (10_000, 20));
        assert_eq!(overrun_after(slow, until(3000), never), (13_000, 20));
        let slower = Some(ms(5000));
        assert_eq!(overrun_after(slower, always, never), (20_000, 40));
    }

    #[test]
    fn under_gits_lock_it_gets_on() {
        let (never, always) = (|_| false, |_| true);
        let until = |end| move |at| at <= end;
        assert_eq!(overrun_after(None, never, always), (60_000, 60));
        assert_eq!(overrun_after(None, never, until(1000)), (3000, 4));
        // What comes after it has a moment to end.
        assert_eq!(overrun_after(None, always, until(1000)), (15_000, 30));
        assert_eq!(overrun_after(None, always, until(40_000)), (42_000, 60));
    }
}
