//! The names of what is watched: a file may have more than one, and counts by one of them.
//!
//! It has its own; roots and links that lead to it are others. Which one the kernel tells is not ours
//! to choose: of a directory that is watched by two names, the one that was added last.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::Observer;
use crate::watch::Report;
use crate::watch::filter::{Rule, Verdict};
use crate::watch::tree::ctime;

impl<R: Fn(Report)> Observer<R> {
    /// The name by which a file counts: that of a root that it stands for, its own, or that of a link
    /// that leads to it. Otherwise why it does not, by which name.
    pub(super) fn counted_name(&self, path: &Path) -> Result<PathBuf, (PathBuf, Rule)> {
        let physical = self.roots.physical(path);
        let other = matches!(physical, Cow::Owned(_)).then_some(&*physical);
        let names = [path].into_iter().chain(other);
        let roots = names.flat_map(|name| self.roots.aliases(name));
        let own = self.is_in_tree(path).then_some(path);
        let links = self.tree.linked.names(&physical);
        // What is ignored by the command line is so for whoever leads to it.
        let links = links.filter(|_| !self.filter.is_flagged(&physical));
        let mut why = None;
        for name in roots.chain(own).chain(links) {
            match self.filter.verdict(name, false) {
                Verdict::Kept => return Ok(name.to_path_buf()),
                Verdict::Ignored(rule) => drop(why.get_or_insert((name.to_path_buf(), rule))),
            }
        }
        // Its directory may be watched for the sake of another name.
        Err(why.unwrap_or_else(|| (path.to_path_buf(), Rule::Outside)))
    }

    /// The ignore files that `path` is, or that are links to it.
    pub(super) fn rules_in(&self, path: &Path) -> Vec<PathBuf> {
        let physical = self.roots.physical(path);
        let links = self.tree.linked.names(&physical);
        let names = [path].into_iter().chain(links);
        let rules = names.filter(|name| self.filter.ruled_by(name).is_some());
        rules.map(Path::to_path_buf).collect()
    }

    /// `path` by the name by which its directory is watched with all that is in it, if it has one. The
    /// kernel knows one of the names of a directory, and the last one that it was given it tells.
    pub(super) fn name_in_tree(&self, path: PathBuf) -> PathBuf {
        if self.is_in_tree(&path) {
            return path;
        }
        let names = self.roots.names(&path).into_iter();
        names
            .skip(1)
            .find(|name| self.is_in_tree(name))
            .unwrap_or(path)
    }

    /// What counts, of what is in a directory that is watched for the sake of some names in it: by the
    /// names of the roots and of the links.
    pub(super) fn names_in(&self, path: &Path) -> BTreeSet<PathBuf> {
        if self.tree.contains(path) {
            return BTreeSet::new();
        }
        let mut names = self.roots.aliases_in(path);
        names.extend(self.tree.linked.names_into(path));
        let counts = |name: &&Path| self.filter.verdict(name, false) == Verdict::Kept;
        let names = names.into_iter().filter(counts);
        names.map(Path::to_path_buf).collect()
    }

    /// Whether `path` is a directory that is watched, if for the sake of some names in it alone.
    pub(super) fn is_watched_dir(&self, path: &Path) -> bool {
        self.tree.contains(path) || self.tree.watches(path) && !self.names_in(path).is_empty()
    }

    /// Watches a new directory also by the other names that it has.
    pub(super) fn walk_other_names(&mut self, path: &Path) {
        let mut names = self.roots.names(path);
        names.retain(|name| {
            name != path
                && self.is_in_tree(name)
                && self.filter.verdict(name, true) == Verdict::Kept
        });
        if !names.is_empty() {
            let problems = self.tree.walk(names, &mut self.filter, |_| ());
            self.all_appeared(Vec::new(), problems);
        }
    }

    /// Finds out where links lead that are new, or may lead elsewhere. It is soon enough when nothing
    /// else is to be done: COMMAND will be started for them. False: there are none.
    pub(super) fn follow_links(&mut self) -> bool {
        if !self.tree.linked.is_stale() {
            return false;
        }
        let mut found = Vec::new();
        let problems = self.arm(|path| found.push(path));
        self.all_appeared(found, problems);
        true
    }

    /// The links to files that have changed since then, perhaps before they were watched.
    pub(super) fn linked_since(&self, since: i64) -> Vec<PathBuf> {
        let is_later = |path: &Path| fs::metadata(path).is_ok_and(|meta| ctime(&meta) >= since);
        let links = self.tree.linked.ends().filter(|(_, end)| is_later(end));
        links.map(|(name, _)| name.to_path_buf()).collect()
    }
}
