//! Keeps an eye on the roots themselves, which come and go: removed and made again, pointed
//! elsewhere by a link, not there yet.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::filter::Filter;
use super::links::Trail;
use super::tree::{Problem, Tree};

/// What the roots are at the moment.
#[derive(Default)]
pub(super) struct Roots {
    /// Paths whose change is a change of a root that is a file: itself, the links that lead to
    /// it, and what they lead to.
    aliases: HashMap<PathBuf, PathBuf>,
    /// The roots that do not exist.
    missing: HashSet<PathBuf>,
}

impl Roots {
    /// The root that `path` stands for, if it is one that is a file or a link.
    pub(super) fn alias(&self, path: &Path) -> Option<&Path> {
        self.aliases.get(path).map(PathBuf::as_path)
    }

    /// Whether the root at `path` does not exist.
    pub(super) fn is_missing(&self, path: &Path) -> bool {
        self.missing.contains(path)
    }

    /// Whether a root hangs on the name `path`.
    pub(super) fn hang_on(&self, path: &Path, filter: &Filter) -> bool {
        self.aliases.contains_key(path)
            || filter
                .roots()
                .iter()
                .any(|root| root.path.starts_with(path))
    }

    /// Sets up the watches that the roots need as they are now, and takes down those that they do
    /// not. Calls `appeared` for every file in a root that was not watched.
    ///
    /// A root that does not exist is waited for in its nearest living ancestor. A file is watched
    /// through its directory, since a watch on the file itself would be lost with the first save
    /// by rename.
    pub(super) fn arm(
        &mut self,
        tree: &mut Tree,
        filter: &mut Filter,
        appeared: &mut dyn FnMut(PathBuf),
    ) -> Vec<Problem> {
        loop {
            let (flat, starts) = self.survey(tree, filter, appeared);
            let settled = starts.is_empty() && flat.iter().all(|dir| tree.watches(dir));
            let mut problems = tree.watch_flat(&flat);
            problems.extend(tree.walk(starts, filter, &mut *appeared));
            for path in self.aliases.keys() {
                tree.know(path);
            }
            // What was made before its directory was watched is found by looking once more.
            if settled || !problems.is_empty() {
                return problems;
            }
        }
    }

    /// Looks at every root: the directories that are to be watched for the sake of a name in
    /// them, and those that are to be watched whole and are not.
    fn survey(
        &mut self,
        tree: &Tree,
        filter: &Filter,
        appeared: &mut dyn FnMut(PathBuf),
    ) -> (BTreeSet<PathBuf>, Vec<PathBuf>) {
        let mut flat = BTreeSet::new();
        let mut starts = Vec::new();
        let were_missing = std::mem::take(&mut self.missing);
        self.aliases.clear();
        flat.extend(
            filter
                .above()
                .filter(|file| file.exists())
                .map(Path::to_path_buf),
        );
        for root in filter.roots() {
            let path = &root.path;
            let trail = Trail::of(path, filter.base());
            for link in trail.links {
                flat.extend(link.parent().map(Path::to_path_buf));
                self.aliases.insert(link, path.clone());
            }
            match fs::metadata(path) {
                Ok(meta) if meta.is_dir() => {
                    if !tree.contains(path) {
                        starts.push(path.clone());
                    }
                }
                Ok(_) => {
                    flat.extend(trail.end.parent().map(Path::to_path_buf));
                    self.aliases.insert(trail.end, path.clone());
                    self.aliases.insert(path.clone(), path.clone());
                    if were_missing.contains(path) {
                        appeared(path.clone());
                    }
                }
                Err(_) => {
                    let living = trail.end.ancestors().skip(1).find(|dir| dir.is_dir());
                    flat.extend(living.map(Path::to_path_buf));
                    self.aliases.insert(path.clone(), path.clone());
                    self.missing.insert(path.clone());
                }
            }
        }
        (flat, starts)
    }
}
