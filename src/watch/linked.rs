//! Remembers the linked files of the watched directories: where each link leads, so that a save there
//! counts as one of the link.
//!
//! What is a link is known from the listing; only these are looked at any closer. Linked directories
//! are none of this: they are followed for roots alone.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::links::Trail;
use crate::paths::below;

/// The linked files, each by its name in the tree.
#[derive(Debug, Default)]
pub(super) struct Linked {
    files: BTreeMap<PathBuf, File>,
    /// The names that hang on a path: on one where a link leads to, or on a link further on.
    hung: BTreeMap<PathBuf, BTreeSet<PathBuf>>,
    /// The directories that have to be watched for it, and for how many files.
    dirs: BTreeMap<PathBuf, usize>,
    /// Links that are new, or that may lead elsewhere by now.
    stale: BTreeSet<PathBuf>,
    /// Paths where links lead to of which nothing is known yet.
    unknown: BTreeSet<PathBuf>,
}

/// Where a link leads.
#[derive(Debug)]
struct File {
    /// The way there, without the link itself.
    trail: Trail,
    /// Whether there is a file.
    there: bool,
    /// The directories that have to be watched for it.
    dirs: BTreeSet<PathBuf>,
}

impl Linked {
    /// Records the links that there are in `dir`, and that these are all.
    pub(super) fn set_in(&mut self, dir: &Path, links: Vec<PathBuf>) {
        let known = names_below(&self.files, dir).filter(|name| name.parent() == Some(dir));
        for name in known.map(Path::to_path_buf).collect::<Vec<_>>() {
            self.forget(&name);
        }
        self.stale.extend(links);
    }

    /// Records that there is a link, which may be another one than before.
    pub(super) fn found(&mut self, name: &Path) {
        self.stale.insert(name.to_path_buf());
    }

    /// Records that there is no link of this name.
    pub(super) fn lost(&mut self, name: &Path) {
        self.stale.remove(name);
        self.forget(name);
    }

    /// Records that nothing below `dir` is watched any more.
    pub(super) fn lost_below(&mut self, dir: &Path) {
        self.stale.retain(|name| !name.starts_with(dir));
        let names = names_below(&self.files, dir).map(Path::to_path_buf);
        for name in names.collect::<Vec<_>>() {
            self.forget(&name);
        }
    }

    /// Records that a name leads elsewhere now, or nowhere: links may hang on it.
    pub(super) fn touched(&mut self, path: &Path) {
        let names = below(&self.hung, path).flat_map(|(_, names)| names);
        self.stale.extend(names.cloned());
    }

    /// Records that a directory is watched from now on, or is not there any more: what was found out
    /// before may not be true any longer.
    pub(super) fn look_again(&mut self, dir: &Path, is_gone: bool) {
        let is_doubtful = |file: &File| is_gone || !file.there || !file.trail.links.is_empty();
        if self.dirs.contains_key(dir) {
            let files = self.files.iter();
            let files = files.filter(|(_, it)| it.dirs.contains(dir) && is_doubtful(it));
            self.stale.extend(files.map(|(name, _)| name.clone()));
        }
    }

    /// Whether there is something to [resolve](Self::resolve).
    pub(super) fn is_stale(&self) -> bool {
        !self.stale.is_empty()
    }

    /// Finds out where links lead that are new, or may lead elsewhere. Those that lead to a file
    /// again, where there was none.
    pub(super) fn resolve(
        &mut self,
        base: &Path,
        physical: impl Fn(&Path) -> PathBuf,
    ) -> Vec<PathBuf> {
        let mut back = Vec::new();
        let mut plain = HashSet::new();
        for name in std::mem::take(&mut self.stale) {
            let was_missing = self.forget(&name).is_some_and(|file| !file.there);
            let Some(there) = leads_to_file(&name) else {
                continue;
            };
            if was_missing && there {
                back.push(name.clone());
            }
            let mut trail = Trail::beyond(&physical(&name), base, &mut plain);
            if trail.links.is_empty() {
                // Gone in the meantime.
                continue;
            }
            // Its own directory is watched anyway.
            trail.links.remove(0);
            let is_dir = |dir: &Path| plain.contains(dir) || dir.is_dir();
            let mut dirs = trail.dirs(base);
            dirs.retain(|dir| is_dir(dir));
            // What is not there is waited for where it, or a directory on the way, can be made.
            let living = trail.end.ancestors().skip(1).find(|dir| is_dir(dir));
            dirs.extend(living.map(Path::to_path_buf));
            self.hang(name, File { trail, there, dirs });
        }
        back
    }

    fn hang(&mut self, name: PathBuf, file: File) {
        for dir in &file.dirs {
            *self.dirs.entry(dir.clone()).or_default() += 1;
        }
        for at in file.trail.links.iter().chain([&file.trail.end]) {
            let names = self.hung.entry(at.clone()).or_default();
            names.insert(name.clone());
        }
        self.unknown.insert(file.trail.end.clone());
        self.files.insert(name, file);
    }

    fn forget(&mut self, name: &Path) -> Option<File> {
        let file = self.files.remove(name)?;
        for at in file.trail.links.iter().chain([&file.trail.end]) {
            if let Some(names) = self.hung.get_mut(at) {
                names.remove(name);
                if names.is_empty() {
                    self.hung.remove(at);
                }
            }
        }
        for dir in &file.dirs {
            if let Some(count) = self.dirs.get_mut(dir) {
                *count -= 1;
                if *count == 0 {
                    self.dirs.remove(dir);
                }
            }
        }
        Some(file)
    }

    /// The directories that have to be watched for the sake of names in them.
    pub(super) fn dirs(&self) -> impl Iterator<Item = &Path> {
        self.dirs.keys().map(PathBuf::as_path)
    }

    /// Whether this directory is one of them.
    pub(super) fn needs(&self, dir: &Path) -> bool {
        self.dirs.contains_key(dir)
    }

    /// The links that lead to `path`, or over it, in order.
    pub(super) fn names(&self, path: &Path) -> impl Iterator<Item = &Path> {
        let names = self.hung.get(path).into_iter().flatten();
        names.map(PathBuf::as_path)
    }

    /// The links that lead to something in `dir`, or over it.
    pub(super) fn names_into<'a>(&'a self, dir: &'a Path) -> BTreeSet<&'a Path> {
        let hung = below(&self.hung, dir).filter(|(at, _)| *at != dir);
        let names = hung.flat_map(|(_, names)| names);
        names.map(PathBuf::as_path).collect()
    }

    /// Where the link leads, if it is one that leads to a file.
    pub(super) fn end_of(&self, name: &Path) -> Option<&Path> {
        self.files.get(name).map(|file| file.trail.end.as_path())
    }

    /// Each link, and where it leads.
    pub(super) fn ends(&self) -> impl Iterator<Item = (&Path, &Path)> {
        let files = self.files.iter();
        files.map(|(name, file)| (name.as_path(), file.trail.end.as_path()))
    }

    /// Where links lead to of which nothing is known yet, or nothing any more: these directories are
    /// new.
    pub(super) fn take_unknown(&mut self, new: &[&PathBuf]) -> BTreeSet<PathBuf> {
        let mut ends = std::mem::take(&mut self.unknown);
        for &dir in new {
            let hung = below(&self.hung, dir).map(|(at, _)| at);
            ends.extend(hung.filter(|at| at.parent() == Some(dir)).cloned());
        }
        ends
    }
}

/// Whether the file is there that the link leads to. None: it leads to no file, or in a circle.
fn leads_to_file(name: &Path) -> Option<bool> {
    match fs::metadata(name) {
        Ok(meta) => meta.is_file().then_some(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Some(false),
        Err(_) => None,
    }
}

fn names_below<'a, T>(
    map: &'a BTreeMap<PathBuf, T>,
    path: &'a Path,
) -> impl Iterator<Item = &'a Path> {
    below(map, path).map(|(at, _)| at.as_path())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A directory with a file, a directory, and links: to both, to one another, to nothing.
    fn tree() -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let base = dir.path();
        fs::create_dir_all(base.join("a/b")).expect("writable");
        fs::write(base.join("a/b/file"), "").expect("writable");
        let links = [
            ("a/b/file", "one"),
            ("one", "two"),
            ("a/b", "dir"),
            ("dir/file", "by_dir"),
            ("a/c/later", "later"),
            ("circle", "circle"),
        ];
        for (target, name) in links {
            symlink(target, base.join(name)).expect("writable");
        }
        dir
    }

    fn linked(base: &Path) -> Linked {
        let names = ["one", "two", "dir", "by_dir", "later", "circle"];
        let mut linked = Linked::default();
        linked.set_in(base, names.map(|name| base.join(name)).to_vec());
        assert!(linked.resolve(base, Path::to_path_buf).is_empty());
        assert!(!linked.is_stale());
        linked
    }

    #[track_caller]
    fn check(linked: &Linked, base: &Path, path: &str, names: &[&str]) {
        let names: Vec<PathBuf> = names.iter().map(|name| base.join(name)).collect();
        assert_eq!(linked.names(&base.join(path)).collect::<Vec<_>>(), names);
    }

    #[test]
    fn files_know_who_leads_to_them() {
        let dir = tree();
        let base = dir.path();
        let linked = linked(base);
        check(&linked, base, "a/b/file", &["by_dir", "one", "two"]);
        check(&linked, base, "one", &["two"]);
        check(&linked, base, "dir", &["by_dir"]);
        check(&linked, base, "a/c/later", &["later"]);
        check(&linked, base, "circle", &[]);
        let dirs = ["", "a", "a/b"].map(|dir| base.components().chain(Path::new(dir).components()));
        let dirs: BTreeSet<PathBuf> = dirs.into_iter().map(Iterator::collect).collect();
        assert_eq!(
            linked
                .dirs()
                .map(Path::to_path_buf)
                .collect::<BTreeSet<_>>(),
            dirs
        );
    }

    #[test]
    fn what_was_made_is_found_by_whoever_leads_there() {
        let dir = tree();
        let base = dir.path();
        let mut linked = linked(base);
        fs::create_dir(base.join("a/c")).expect("writable");
        fs::write(base.join("a/c/later"), "").expect("writable");
        linked.touched(&base.join("a/c"));
        assert_eq!(
            linked.resolve(base, Path::to_path_buf),
            [base.join("later")]
        );
        assert!(linked.needs(&base.join("a/c")));
    }

    #[test]
    fn nothing_is_left_of_links_that_are_gone() {
        let dir = tree();
        let base = dir.path();
        let mut linked = linked(base);
        linked.lost(&base.join("two"));
        check(&linked, base, "a/b/file", &["by_dir", "one"]);
        linked.lost_below(base);
        assert!(linked.files.is_empty() && linked.hung.is_empty() && linked.dirs.is_empty());
    }
}
