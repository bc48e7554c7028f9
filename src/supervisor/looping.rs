//! Notices loops: COMMAND writes watched files whenever it starts, and so restarts itself.
//!
//! A restart belongs to a loop if all that caused it has caused one of the latest restarts, too, and
//! if it came right after COMMAND's own start, each time; or later, at the same moment of each run.
//! One path is enough, and so are several, together or in turns. No change is dropped for it: a
//! loop is named, and later slowed down.
//!
//! Somebody who saves a file as soon as COMMAND is up looks the same from here, and must not be
//! slowed down. So it is looked who was at work when the change came: COMMAND, which writes, or
//! COMMAND's set asleep, and somebody else. One who writes and falls asleep at once is missed
//! that way; a row that no person would keep up counts without the sign: the same path every time, or
//! three in turns. Two in turns are what somebody does who saves here and there.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::event::{Change, ChangeKind, Changes};

/// What happens so soon after a start is taken for COMMAND's own doing.
const RIGHT_AFTER: Duration = Duration::from_secs(1);
/// Nobody is so quick again and again.
const QUICK: Duration = Duration::from_millis(200);
/// Two moments of a run are the same if they differ by no more than this part of it.
const SAME: u32 = 6;
/// What happens so soon after COMMAND's end may well be the last that it did.
pub(super) const JUST_NOW: Duration = Duration::from_millis(2);
/// So many restarts in a row are a loop.
const NAMED_AT: u32 = 3;
/// The same where it is not right after the start that COMMAND was at work.
const LATE_NAMED_AT: u32 = 5;
/// The same for files that are new every time: before that they may be some that take turns.
const NEW_NAMED_AT: u32 = 5;
/// After so many restarts in a row the next ones are spaced out.
const SPACED_AT: u32 = 10;
/// So many of them within a second each need no sign that it was COMMAND who wrote.
const CERTAIN_AT: u32 = 30;
/// So many of them, whatever they are about, do not need it either.
const ANYWAY_AT: u32 = 300;
/// The first spacing; it doubles with every further restart.
const SPACING_MIN: Duration = Duration::from_secs(1);
/// The longest spacing.
const SPACING_MAX: Duration = Duration::from_secs(30);
/// So many of the latest restarts are remembered.
const REMEMBERED: u32 = 10;
/// So many paths may take turns.
const TURNS: u32 = 3;
/// What is more than so many paths at once is not looked at one by one.
const PATHS_MAX: usize = 10_000;

/// The latest restarts that were caused right after a start.
#[derive(Debug, Default)]
pub(super) struct Loop {
    /// What was written then.
    written: HashMap<Written, Trace>,
    /// What is being written now.
    touched: HashSet<Written>,
    /// The number of the latest restart.
    number: u32,
    /// How many in a row repeat what was before.
    restarts: u32,
    /// In how many of them, the latest ones, COMMAND was at work when the change came.
    at_work: u32,
    /// Whether it is in the one that is coming.
    seen_at_work: bool,
    /// How many of them, the latest ones, were about the same and came right after the start, and how
    /// many at once.
    soon: u32,
    quick: u32,
    /// What the latest ones were about, the paths of each as one number.
    turns: [u64; TURNS as usize],
    /// How long after the start the latest one came.
    after: Duration,
    /// What the user was told of.
    told: HashSet<Written>,
    /// How many restarts have been spaced out.
    spaced: u32,
}

/// What a loop writes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Written {
    /// This path.
    Path(PathBuf),
    /// Files that are new every time; `*` stands for what differs.
    Like(PathBuf),
}

/// What is known of something that was written.
#[derive(Clone, Copy, Debug, Default)]
struct Trace {
    /// By which restart it was caused, or accompanied, at last.
    latest: u32,
    /// How many it caused of those that are remembered, and of those in a row.
    times: u32,
    in_row: u32,
    /// Whether it came to nothing, as a file does that is moved to where another one is.
    in_passing: bool,
}

/// How far a change is suspected to be COMMAND's own doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Suspicion {
    /// Not at all.
    None,
    /// It came before, in the same way.
    Repeated,
    /// It belongs to a loop that is slowed down.
    Spaced,
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
    /// Takes in that something else is changed from now on.
    pub(super) fn begin(&mut self) {
        self.touched.clear();
    }

    /// Takes in what is changed, `now` so long after COMMAND's start, in a burst that began `after` so
    /// long; how far that is suspected.
    pub(super) fn suspect(
        &mut self,
        changes: &[Change],
        after: Duration,
        now: Duration,
    ) -> Suspicion {
        // What comes later is somebody else's.
        if now.saturating_sub(after) <= RIGHT_AFTER && self.touched.len() < PATHS_MAX {
            self.touched.extend(changes.iter().flat_map(keys));
        }
        if !self.is_like_before(after) {
            return Suspicion::None;
        }
        let suspicions = changes.iter().map(|change| self.suspicion(change, after));
        match suspicions.min() {
            Some(Suspicion::None) if changes.iter().any(|change| self.is_part(change)) => {
                Suspicion::Repeated
            }
            suspicion => suspicion.unwrap_or(Suspicion::None),
        }
    }

    fn suspicion(&self, change: &Change, after: Duration) -> Suspicion {
        let traces = keys(change).filter_map(|key| self.written.get(&key));
        let Some(in_row) = traces.map(|trace| trace.in_row).max() else {
            return Suspicion::None;
        };
        let is_slow = self.spaced > 0 && (self.at_work >= SPACED_AT || self.is_certain(after));
        if is_slow && self.has_part(in_row) {
            Suspicion::Spaced
        } else {
            Suspicion::Repeated
        }
    }

    /// Whether what was written so often belongs to the loop: somebody else may save a file now and
    /// then.
    fn has_part(&self, in_row: u32) -> bool {
        in_row.saturating_mul(TURNS + 1) >= self.restarts
    }

    /// Takes in whether COMMAND was at work when the change came, so long after its start; whether
    /// nothing is to be spaced out any more.
    pub(super) fn looked(&mut self, at_work: bool, after: Duration) -> bool {
        self.seen_at_work |= at_work;
        let innocent = !at_work && !self.is_certain(after);
        if innocent {
            self.at_work = 0;
            self.spaced = 0;
        }
        innocent
    }

    /// Takes in that COMMAND restarts for these changes, which began `after` so long a run.
    pub(super) fn restart(&mut self, changes: &Changes, after: Duration) -> Option<LoopStage> {
        let touched = std::mem::take(&mut self.touched);
        let seen_at_work = std::mem::take(&mut self.seen_at_work);
        if !self.is_like_before(after) || changes.len() > PATHS_MAX {
            self.written.clear();
        }
        let is_theirs = |change: &&Change| keys(change).any(|key| touched.contains(&key));
        let changes: Vec<&Change> = changes.iter().filter(is_theirs).collect();
        let goes_on = changes.iter().any(|change| self.is_part(change))
            || changes.iter().all(|change| self.was_written(change));
        if changes.is_empty() || changes.len() > PATHS_MAX {
            self.begin_row();
            return None;
        }
        self.after = after;
        self.number += 1;
        let forgotten = self.number.saturating_sub(REMEMBERED);
        self.written.retain(|_, trace| trace.latest > forgotten);
        let (same, alike) = self.is_same_again(&changes);
        if goes_on {
            self.restarts = self.restarts.saturating_add(1);
        } else {
            self.begin_row();
        }
        // At the first one nobody has looked: there was nothing to suspect.
        let at_work = seen_at_work || self.restarts == 1;
        self.at_work = counted(self.at_work, at_work);
        self.soon = if same || alike { self.soon } else { 0 };
        self.soon = counted(self.soon, after <= RIGHT_AFTER);
        self.quick = if same { self.quick } else { 0 };
        self.quick = counted(self.quick, after <= QUICK);
        self.note(changes.into_iter().flat_map(keys).collect(), touched);
        self.stage(after)
    }

    fn was_written(&self, change: &Change) -> bool {
        keys(change).any(|key| {
            let trace = self.written.get(&key);
            trace.is_some_and(|trace| !trace.in_passing)
        })
    }

    /// Whether this very path has its part in the row: others that come with it begin no other one.
    fn is_part(&self, change: &Change) -> bool {
        let trace = self.written.get(&Written::Path(change.path.clone()));
        trace.is_some_and(|trace| {
            !trace.in_passing && trace.in_row > 0 && self.has_part(trace.in_row)
        })
    }

    /// Whether this is about a path that the latest restart was about, too, or about all that one in
    /// every three is about; and whether it is about one that is like one of the latest.
    fn is_same_again(&mut self, changes: &[&Change]) -> (bool, bool) {
        let is_one_of_the_latest = |key: &Written| {
            let trace = self.written.get(key);
            trace.is_some_and(|trace| trace.latest + 1 == self.number && !trace.in_passing)
        };
        let (mut again, mut alike) = (false, false);
        let keys = changes.iter().flat_map(|change| keys(change));
        for key in keys.filter(is_one_of_the_latest) {
            again |= matches!(key, Written::Path(_));
            alike = true;
        }
        let mut paths: Vec<&Path> = changes.iter().map(|change| &*change.path).collect();
        paths.sort_unstable();
        let mut hasher = DefaultHasher::new();
        paths.hash(&mut hasher);
        let turn = &mut self.turns[(self.number % TURNS) as usize];
        let before = std::mem::replace(turn, hasher.finish());
        let in_turn = before == *turn;
        (again || in_turn, alike)
    }

    fn begin_row(&mut self) {
        (self.restarts, self.spaced) = (1, 0);
        (self.at_work, self.soon, self.quick) = (0, 0, 0);
        for trace in self.written.values_mut() {
            trace.in_row = 0;
        }
    }

    /// Notes what caused the restart, and what else was touched in the course of it.
    fn note(&mut self, causes: HashSet<Written>, touched: HashSet<Written>) {
        let in_passing = touched.into_iter().filter(|key| !causes.contains(key));
        let in_passing: Vec<Written> = in_passing.collect();
        let all = causes.into_iter().map(|key| (key, false));
        for (key, in_passing) in all.chain(in_passing.into_iter().map(|key| (key, true))) {
            let trace = self.written.entry(key).or_default();
            trace.in_passing = in_passing;
            trace.latest = self.number;
            trace.times += 1;
            trace.in_row += 1;
        }
    }

    /// What is to be said of the restart that was just noted, and whether the next one is slowed down.
    fn stage(&mut self, after: Duration) -> Option<LoopStage> {
        let spaced = self.at_work >= SPACED_AT || self.is_certain(after);
        self.spaced = if spaced { self.spaced + 1 } else { 0 };
        let enough = if after <= RIGHT_AFTER {
            self.restarts >= NAMED_AT
        } else {
            self.at_work >= LATE_NAMED_AT
        };
        let stage = match self.spaced {
            0 if enough && self.is_whole() => LoopStage::Found,
            0 => return None,
            _ => LoopStage::Spaced,
        };
        let (culprits, _) = self.culprits();
        let news = culprits.iter().any(|culprit| !self.told.contains(culprit));
        self.told.extend(culprits);
        (news || self.spaced == 1).then_some(stage)
    }

    /// Whether all that the latest restarts were about came more than once: files that take turns
    /// have to have had theirs.
    fn is_whole(&self) -> bool {
        let latest = self.number.saturating_sub(TURNS);
        let mut latest = self
            .written
            .iter()
            .filter(|(_, trace)| trace.latest > latest);
        latest.all(|(key, trace)| match key {
            Written::Path(path) => {
                trace.in_passing || trace.times > 1 || self.is_new_each_time(path)
            }
            Written::Like(_) => true,
        })
    }

    fn is_new_each_time(&self, path: &Path) -> bool {
        let trace = alike(path).and_then(|path| self.written.get(&Written::Like(path)));
        trace.is_some_and(|trace| trace.times >= NEW_NAMED_AT)
    }

    /// What has to be ignored to end the loop, and whether it comes late in each run.
    pub(super) fn culprits(&self) -> (Vec<Written>, bool) {
        let culprits = self.written.iter().filter(|(key, trace)| {
            let often = match key {
                Written::Path(_) => trace.times > 1,
                Written::Like(_) => trace.times >= NEW_NAMED_AT,
            };
            often && !trace.in_passing && self.has_part(trace.in_row)
        });
        let mut culprits: Vec<Written> = culprits.map(|(key, _)| key.clone()).collect();
        culprits.sort();
        (culprits, self.after > RIGHT_AFTER)
    }

    /// How long COMMAND runs at least before a loop that is slowed down restarts it.
    pub(super) fn spacing(&self) -> Duration {
        let Some(doublings) = self.spaced.checked_sub(1) else {
            return Duration::ZERO;
        };
        (SPACING_MIN * (1 << doublings.min(16))).min(SPACING_MAX)
    }

    /// Whether what happens so long after a start may belong to what happened before.
    fn is_like_before(&self, after: Duration) -> bool {
        let differ = self.after.abs_diff(after) <= self.after.max(after) / SAME;
        after <= RIGHT_AFTER && self.after <= RIGHT_AFTER || differ
    }

    /// Whether no person would have kept this up.
    fn is_certain(&self, after: Duration) -> bool {
        let quick = self.quick >= SPACED_AT && after <= QUICK;
        let soon = self.soon >= CERTAIN_AT || self.restarts >= ANYWAY_AT;
        quick || soon && after <= RIGHT_AFTER
    }
}

/// What a change is remembered as: by its path, and, of a file that comes or goes, by that without what
/// differs from one to the next.
fn keys(change: &Change) -> impl Iterator<Item = Written> + use<> {
    let comes_or_goes = matches!(change.kind, ChangeKind::Created | ChangeKind::Removed);
    let like = comes_or_goes.then(|| alike(&change.path)).flatten();
    let like = like.map(Written::Like);
    [Written::Path(change.path.clone())].into_iter().chain(like)
}

/// One more if it holds, else none.
fn counted(so_many: u32, holds: bool) -> u32 {
    if holds { so_many.saturating_add(1) } else { 0 }
}

/// The path with a `*` for every word that has a digit in it, as counters, times and random names do;
/// None if there is none. Of an absolute path only the name counts.
fn alike(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let path = if path.is_absolute() {
        path.with_file_name(starred(name))
    } else {
        let parts = path.iter().map(|part| part.to_str().map(starred));
        parts.collect::<Option<PathBuf>>()?
    };
    path.to_str()?.contains('*').then_some(path)
}

/// `run-2024-05-01.log` as `run-*.log`.
fn starred(name: &str) -> String {
    let mut starred = String::new();
    let is_apart = |c: char| !c.is_alphanumeric();
    for piece in name.split_inclusive(is_apart) {
        let word = piece.trim_end_matches(is_apart);
        if !word.contains(|c: char| c.is_ascii_digit()) {
            starred.push_str(piece);
            continue;
        }
        // One star for several, and what is between them.
        match starred.strip_suffix(is_apart) {
            Some(before) if before.ends_with('*') => starred.truncate(before.len()),
            _ => starred.push('*'),
        }
        starred.push_str(&piece[word.len()..]);
    }
    starred
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(path: &str, kind: ChangeKind) -> Change {
        let path = PathBuf::from(path);
        Change { path, kind }
    }

    const SOON: Duration = Duration::from_millis(500);
    const AT_ONCE: Duration = Duration::from_millis(50);

    /// Has COMMAND restart for these paths; what is said of it, and whether it was slowed down.
    fn restart(
        found: &mut Loop,
        paths: &[&str],
        kind: ChangeKind,
        (after, at_work): (Duration, bool),
    ) -> (Option<LoopStage>, Suspicion) {
        let changes: Vec<Change> = paths.iter().map(|path| change(path, kind)).collect();
        found.begin();
        let suspicion = found.suspect(&changes, after, after);
        if suspicion > Suspicion::None {
            found.looked(at_work, after);
        }
        let suspicion = found.suspect(&changes, after, after);
        (
            found.restart(&changes.into_iter().collect(), after),
            suspicion,
        )
    }

    /// At which restart what was said of such a row, and the paths that were named at last.
    fn row(
        paths: impl Fn(u32) -> &'static [&'static str],
        how: impl Fn(u32) -> (Duration, bool),
    ) -> (Vec<(u32, LoopStage)>, Vec<Written>) {
        let (mut found, mut said) = (Loop::default(), Vec::new());
        let mut named = Vec::new();
        for n in 1..=40 {
            let (stage, _) = restart(&mut found, paths(n), ChangeKind::Modified, how(n));
            if let Some(stage) = stage {
                said.push((n, stage));
                named = found.culprits().0;
            }
        }
        (said, named)
    }

    fn paths(paths: &[&str]) -> Vec<Written> {
        paths
            .iter()
            .map(|path| Written::Path(path.into()))
            .collect()
    }

    use LoopStage::{Found, Spaced};

    #[test]
    fn a_loop_is_named_and_then_spaced_out() {
        let mut found = Loop::default();
        let mut spacings = Vec::new();
        for _ in 0..17 {
            restart(&mut found, &["a"], ChangeKind::Modified, (SOON, true));
            spacings.push(found.spacing().as_secs());
        }
        assert_eq!(spacings[8..], [0, 1, 2, 4, 8, 16, 30, 30, 30]);
        let (said, named) = row(|_| &["a"], |_| (SOON, true));
        assert_eq!(said, [(3, Found), (10, Spaced)]);
        assert_eq!(named, paths(&["a"]));
    }

    #[test]
    fn so_is_one_over_several_paths() {
        let (said, named) = row(|_| &["a", "b"], |_| (SOON, true));
        assert_eq!(said, [(3, Found), (10, Spaced)]);
        assert_eq!(named, paths(&["a", "b"]));
        // Not always both of them.
        let some = |n| match n % 3 {
            0 => &["a", "b"][..],
            1 => &["a"],
            _ => &["b"],
        };
        let (said, named) = row(some, |_| (SOON, true));
        assert!(matches!(said[..], [(_, Found), (_, Spaced)]), "{said:?}");
        assert_eq!(named, paths(&["a", "b"]));
    }

    #[test]
    fn so_is_one_of_three_paths_in_turns() {
        let turns = |n| [&["a"][..], &["b"], &["c"]][n as usize % 3];
        let (said, named) = row(turns, |_| (SOON, true));
        assert_eq!(said, [(6, Found), (12, Spaced)]);
        assert_eq!(named, paths(&["a", "b", "c"]));
    }

    #[test]
    fn so_is_one_of_files_that_are_new_every_time() {
        let mut found = Loop::default();
        let mut said = Vec::new();
        for n in 1..=15 {
            let name = format!("logs/run-{n}-2024.log");
            let paths = [name.as_str(), "last.log"];
            let (stage, suspicion) = restart(&mut found, &paths, ChangeKind::Created, (SOON, true));
            assert_eq!(suspicion == Suspicion::Spaced, n > 10, "{n}");
            said.extend(stage.map(|stage| (n, stage)));
        }
        assert_eq!(said, [(5, Found), (10, Spaced)]);
        let like = Written::Like("logs/run-*.log".into());
        let last = Written::Path("last.log".into());
        assert_eq!(found.culprits().0, [last, like]);
    }

    #[test]
    fn a_file_that_is_only_there_in_passing_belongs_to_it() {
        let mut found = Loop::default();
        for n in 1..=12 {
            let temp = format!("a.{n}");
            let changes = [
                change(&temp, ChangeKind::Created),
                change(&temp, ChangeKind::Removed),
                change("a", ChangeKind::Modified),
            ];
            found.begin();
            let suspicion = found.suspect(&changes, AT_ONCE, AT_ONCE);
            assert_eq!(suspicion == Suspicion::Spaced, n > 10, "{n}");
            let folded = changes.into_iter().skip(2).collect();
            found.restart(&folded, AT_ONCE);
        }
        assert_eq!(found.culprits().0, paths(&["a"]));
    }

    #[test]
    fn who_saves_beside_a_sleeping_command_is_not_slowed_down() {
        let (said, _) = row(|_| &["a"], |n| (SOON, n % 4 == 0));
        assert_eq!(said, [(3, Found), (30, Spaced)]);
        let mut found = Loop::default();
        for _ in 0..12 {
            restart(&mut found, &["a"], ChangeKind::Modified, (SOON, true));
        }
        assert!(found.spaced > 0);
        assert!(found.looked(false, SOON));
        assert_eq!(found.spaced, 0);
    }

    #[test]
    fn nobody_is_quicker_than_two_tenths_of_a_second_ten_times() {
        let (said, _) = row(|_| &["a"], |_| (AT_ONCE, false));
        assert_eq!(said, [(3, Found), (10, Spaced)]);
        // The eleventh time may be somebody else.
        let mut found = Loop::default();
        for _ in 0..12 {
            restart(&mut found, &["a"], ChangeKind::Modified, (AT_ONCE, false));
        }
        let (_, suspicion) = restart(&mut found, &["a"], ChangeKind::Modified, (SOON, false));
        assert_eq!((suspicion, found.spaced), (Suspicion::Repeated, 0));
    }

    #[test]
    fn three_paths_in_turns_are_nobody_either_and_two_may_be() {
        let three = |n| [&["a"][..], &["b"], &["c"]][n as usize % 3];
        let (said, _) = row(three, |_| (AT_ONCE, false));
        assert_eq!(said, [(6, Found), (12, Spaced)]);
        let two = |n| [&["a"][..], &["b"]][n as usize % 2];
        let (said, _) = row(two, |_| (AT_ONCE, false));
        assert_eq!(said, [(4, Found)]);
        let mut found = Loop::default();
        let mut at = 0;
        while found.spaced == 0 {
            at += 1;
            restart(&mut found, two(at), ChangeKind::Modified, (AT_ONCE, false));
        }
        assert_eq!(at, 301);
    }

    #[test]
    fn who_saves_something_else_in_the_midst_is_not_slowed_down() {
        let mut found = Loop::default();
        let mut said = Vec::new();
        for n in 1..=60 {
            let changes = ["a", "mine"].map(|path| change(path, ChangeKind::Modified));
            found.begin();
            let of_loop = found.suspect(&changes[..1], AT_ONCE, AT_ONCE);
            assert_eq!(of_loop == Suspicion::Spaced, n > 10, "{n}");
            // Every second time, and always when COMMAND has been up for a while.
            let mine = n % 2 == 0;
            if mine {
                let of_person = found.suspect(&changes[1..], AT_ONCE, RIGHT_AFTER * 2);
                assert!(of_person < Suspicion::Spaced, "{n}");
            }
            let changes = changes.into_iter().take(if mine { 2 } else { 1 });
            let stage = found.restart(&changes.collect(), AT_ONCE);
            said.extend(stage.map(|stage| (n, stage)));
        }
        assert_eq!(said, [(3, Found), (10, Spaced)]);
        assert_eq!(found.culprits().0, paths(&["a"]));
    }

    #[test]
    fn what_it_writes_only_when_it_has_the_time_belongs_to_it() {
        let mut found = Loop::default();
        let mut said = Vec::new();
        let mut slowed = Vec::new();
        for n in 1..=20 {
            let all = ["a", "b", "c"];
            let written = if found.spaced > 0 { 3 } else { 1 };
            let (stage, suspicion) = restart(
                &mut found,
                &all[..written],
                ChangeKind::Modified,
                (SOON, true),
            );
            said.extend(stage.map(|stage| (n, stage)));
            slowed.extend((suspicion == Suspicion::Spaced).then_some(n));
        }
        assert_eq!(said, [(3, Found), (10, Spaced), (14, Spaced)]);
        assert_eq!(slowed[0], 15);
        assert_eq!(found.culprits().0, paths(&["a", "b", "c"]));
    }

    #[test]
    fn anything_else_ends_a_loop() {
        for (paths, after) in [(&["b"][..], SOON), (&["a"], RIGHT_AFTER * 2), (&[], SOON)] {
            let mut found = Loop::default();
            for _ in 0..12 {
                restart(&mut found, &["a"], ChangeKind::Modified, (SOON, true));
            }
            assert!(found.spaced > 0);
            restart(&mut found, paths, ChangeKind::Modified, (after, true));
            assert_eq!(found.spaced, 0, "{paths:?} {after:?}");
        }
    }

    #[test]
    fn what_comes_late_in_every_run_has_to_come_at_the_same_moment() {
        let late = |ms| Duration::from_millis(ms);
        let (said, named) = row(|_| &["a"], |n| (late(5000 + u64::from(n % 3) * 300), true));
        assert_eq!(said, [(5, Found), (10, Spaced)]);
        assert_eq!(named, paths(&["a"]));
        let asleep = row(|_| &["a"], |_| (late(5000), false));
        assert_eq!(asleep.0, []);
        let at_will = row(|_| &["a"], |n| (late(5000 + u64::from(n % 3) * 3000), true));
        assert_eq!(at_will.0, []);
    }

    #[test]
    fn what_differs_is_a_star() {
        for (path, expected) in [
            ("run-2024-05-01.log", Some("run-*.log")),
            ("out/3f2a-11bc/ab1.json", Some("out/*/*.json")),
            (
                "CPU.20240501.120000.4711.0.001.cpuprofile",
                Some("CPU.*.cpuprofile"),
            ),
            ("tmpab3f_x9", Some("*")),
            ("ä1-2", Some("*")),
            ("a.js", None),
            ("/srv/v2/a.js", None),
            ("/srv/v2/a1.js", Some("/srv/v2/*.js")),
        ] {
            assert_eq!(
                alike(Path::new(path)),
                expected.map(PathBuf::from),
                "{path}"
            );
        }
    }
}
