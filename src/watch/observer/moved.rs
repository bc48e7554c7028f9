//! Follows the current directory when it gets another path, because somebody has renamed it or a
//! directory above it.
//!
//! COMMAND is started in it, wherever it is, and what is watched goes with it. The watches are on the
//! directories and not on their paths, so that the kernel goes on to tell, by the old path. Of a
//! directory above it tells nothing: that is noticed when a path leads nowhere.

use std::path::{Path, PathBuf};

use notify::{Event, EventKind};

use super::{Observer, Report};
use crate::paths::{identity, moved};

/// So many events are kept that lead nowhere: they may be of files that have gone.
const STRAY_MAX: usize = 100;

/// Where the current directory was, and is.
#[derive(Default)]
pub(super) struct Moves {
    /// The current directory, by device and inode.
    here: Option<(u64, u64)>,
    /// The paths that lead elsewhere now. The watches may still tell by the old ones.
    paths: Vec<(PathBuf, PathBuf)>,
    /// What was told of paths that are not there.
    stray: Vec<Event>,
}

impl Moves {
    /// The path that `path` has now.
    pub(super) fn now(&self, path: PathBuf) -> PathBuf {
        let mut moves = self.paths.iter();
        let now = moves.find_map(|(from, to)| moved(&path, from, to));
        now.unwrap_or(path)
    }

    /// Takes in that what was at `from` is at `to`.
    fn add(&mut self, from: PathBuf, to: PathBuf) {
        // What has come back there has not left it, and neither has what it is in.
        for (_, now) in &mut self.paths {
            if let Some(path) = moved(now, &from, &to) {
                *now = path;
            }
        }
        self.paths
            .retain(|(was, now)| was != now && !to.starts_with(was));
        self.paths.push((from, to));
    }
}

impl<R: Fn(Report)> Observer<R> {
    /// Remembers which directory the current one is.
    pub(super) fn remember_here(&mut self) {
        self.moves.here = identity(Path::new("."));
    }

    /// Whether the current directory is where it was, or has been followed.
    pub(super) fn is_here(&mut self) -> bool {
        self.follow();
        self.moves.here.is_some() && identity(self.filter.base()) == self.moves.here
    }

    /// Takes in that something was told of a path that is not there.
    pub(super) fn strayed(&mut self, path: &Path, kind: EventKind) {
        if path.starts_with(self.filter.base()) && self.moves.stray.len() < STRAY_MAX {
            let event = Event::new(kind).add_path(path.to_path_buf());
            self.moves.stray.push(event);
        }
    }

    /// Whether there is something that was told of a path that is not there.
    pub(super) fn has_strays(&self) -> bool {
        !self.moves.stray.is_empty()
    }

    /// Takes in once more what was told of paths that were not there, if they had others.
    pub(super) fn find_strays(&mut self) {
        let stray = std::mem::take(&mut self.moves.stray);
        if self.follow().is_some() {
            for event in stray {
                self.observe(event);
            }
        }
    }

    /// Follows the current directory, if it has another path; the path that leads there no more.
    pub(super) fn follow(&mut self) -> Option<PathBuf> {
        let base = self.filter.base();
        let here = self.moves.here?;
        if identity(base) == Some(here) || identity(Path::new(".")) != Some(here) {
            return None;
        }
        // None if it was removed; the same if something is mounted over it.
        let now = std::env::current_dir().ok().filter(|now| now != base)?;
        let (from, to) = tops(base, &now);
        self.moves.add(from.clone(), to.clone());
        self.filter.follow(&from, &to);
        self.roots.follow(&from, &to);
        self.tree.follow(&from, &to);
        for paths in [
            &mut self.burst.writing,
            &mut self.burst.gone,
            &mut self.burst.born,
            &mut self.burst.same,
        ] {
            let all = std::mem::take(paths).into_iter();
            paths.extend(all.map(|path| moved(&path, &from, &to).unwrap_or(path)));
        }
        let told = self.batch.events.iter_mut().chain(&mut self.unfolded);
        for path in told.flat_map(|event| &mut event.paths) {
            if let Some(now) = moved(path, &from, &to) {
                *path = now;
            }
        }
        self.forget_contents();
        // The same directories get their watches by the new paths before they lose those by the old
        // ones: to the kernel these are one, so that nothing is missed.
        let problems = self.arm(|_| ());
        let missed = self.tree.moved(&from, &to);
        self.tree.drop_below(&from);
        self.all_appeared(Vec::new(), problems);
        self.locks.clear();
        self.find_locks();
        for event in missed {
            self.observe(event);
        }
        Some(from)
    }
}

/// The directory that was renamed, if the current one was at `base` and is at `now`, and its new
/// path: the current one itself, or the highest one above it that has gone.
fn tops(base: &Path, now: &Path) -> (PathBuf, PathBuf) {
    let (mut from, mut to) = (base, now);
    while from.file_name() == to.file_name()
        && let (Some(above), Some(theirs)) = (from.parent(), to.parent())
        && above != theirs
        && !above.exists()
    {
        (from, to) = (above, theirs);
    }
    (from.to_path_buf(), to.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(moves: &Moves, path: &str, expected: &str) {
        assert_eq!(moves.now(PathBuf::from(path)), Path::new(expected));
    }

    #[test]
    fn every_path_that_it_had_leads_to_where_it_is() {
        let mut moves = Moves::default();
        moves.add("/w/a".into(), "/w/b".into());
        check(&moves, "/w/a", "/w/b");
        check(&moves, "/w/ab/x", "/w/ab/x");
        moves.add("/w".into(), "/v".into());
        check(&moves, "/w/a/x", "/v/b/x");
        check(&moves, "/w/b/x", "/v/b/x");
        moves.add("/v/b".into(), "/w/a".into());
        check(&moves, "/w/a/x", "/w/a/x");
        check(&moves, "/v/b/x", "/w/a/x");
    }

    #[test]
    fn the_directory_that_was_renamed() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let top = dir.path();
        for (base, now, from, to) in [
            ("a", "b", "a", "b"),
            ("a/x/y", "b/x/y", "a", "b"),
            ("a/x", "b/y", "a/x", "b/y"),
        ] {
            let found = tops(&top.join(base), &top.join(now));
            assert_eq!(found, (top.join(from), top.join(to)));
        }
        std::fs::create_dir(top.join("a")).expect("writable");
        let found = tops(&top.join("a/x"), &top.join("b/x"));
        assert_eq!(found, (top.join("a/x"), top.join("b/x")));
    }
}
