//! Keeps an eye on the roots themselves, which come and go: removed and made again, pointed
//! elsewhere by a link, not there yet.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::filter::{Filter, Verdict};
use super::links::Trail;
use super::tree::{Problem, Tree};
use crate::paths::{identity, moved};

/// What the roots are at the moment.
#[derive(Default)]
pub(super) struct Roots {
    /// Paths on which roots hang that are files, links or not there: the root itself, the links
    /// that lead to it, and what they lead to.
    aliases: HashMap<PathBuf, Vec<PathBuf>>,
    /// The roots that do not exist.
    missing: HashSet<PathBuf>,
    /// The directories that the other ones are, by device and inode.
    dirs: HashMap<PathBuf, (u64, u64)>,
    /// The files that other ones are.
    files: BTreeSet<PathBuf>,
    /// The ignore files above the roots that there were at some time.
    rules: HashSet<PathBuf>,
    /// The roots that links lead to, and where: what is in them has two names.
    ways: Vec<(PathBuf, PathBuf)>,
}

impl Roots {
    /// The root that `path` stands for, if it is one that is a file, a link or not there.
    pub(super) fn alias(&self, path: &Path) -> Option<&Path> {
        self.aliases(path).next()
    }

    /// The paths on which roots hang that are files, links or not there.
    pub(super) fn hooks(&self) -> impl Iterator<Item = &Path> {
        self.aliases.keys().map(PathBuf::as_path)
    }

    /// The roots that hang on `path`.
    pub(super) fn aliases(&self, path: &Path) -> impl Iterator<Item = &Path> {
        self.aliases
            .get(path)
            .into_iter()
            .flatten()
            .map(PathBuf::as_path)
    }

    /// The paths that roots hang on.
    pub(super) fn hung(&self) -> impl Iterator<Item = &Path> {
        self.aliases.keys().map(PathBuf::as_path)
    }

    /// The roots that hang on what is in `dir`, or below.
    pub(super) fn aliases_in(&self, dir: &Path) -> BTreeSet<&Path> {
        let is_below = |at: &Path| at != dir && at.starts_with(dir);
        let hung = self.aliases.iter().filter(|(at, _)| is_below(at));
        hung.flat_map(|(_, roots)| roots.iter().map(PathBuf::as_path))
            .collect()
    }

    /// `path` by its name without links.
    pub(super) fn physical<'a>(&self, path: &'a Path) -> Cow<'a, Path> {
        let ways = self.ways.iter().filter(|(root, _)| path.starts_with(root));
        let nearest = ways.max_by_key(|(root, _)| root.components().count());
        let physical = nearest.and_then(|(root, end)| moved(path, root, end));
        physical.map_or(Cow::Borrowed(path), Cow::Owned)
    }

    /// The names by which `path` may be watched, itself first: the one without links, and those below
    /// roots that links lead to.
    pub(super) fn names(&self, path: &Path) -> Vec<PathBuf> {
        let mut names = vec![path.to_path_buf()];
        if self.ways.is_empty() {
            return names;
        }
        let physical = self.physical(path);
        let ways = self.ways.iter();
        let by_roots = ways.filter_map(|(root, end)| moved(&physical, end, root));
        for name in [physical.to_path_buf()].into_iter().chain(by_roots) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Whether the root at `path` does not exist.
    pub(super) fn is_missing(&self, path: &Path) -> bool {
        self.missing.contains(path)
    }

    /// Whether a root hangs on the name `path`, or on one below it.
    pub(super) fn hang_on(&self, path: &Path, filter: &Filter) -> bool {
        self.aliases.keys().any(|alias| alias.starts_with(path))
            || filter
                .roots()
                .iter()
                .any(|root| root.path.starts_with(path))
    }

    /// Takes in that what was at `from` is at `to`, as far as it is not looked up anew.
    pub(super) fn follow(&mut self, from: &Path, to: &Path) {
        for paths in [&mut self.missing, &mut self.rules] {
            let all = std::mem::take(paths).into_iter();
            paths.extend(all.map(|path| moved(&path, from, to).unwrap_or(path)));
        }
    }

    /// The roots that are another directory than the one that is watched. Somebody who works in a
    /// directory keeps it alive when it is removed, so that the kernel says nothing.
    pub(super) fn replaced(&self) -> Vec<PathBuf> {
        let dirs = self
            .dirs
            .iter()
            .filter(|(path, known)| identity(path) != Some(**known));
        dirs.map(|(path, _)| path.clone()).collect()
    }

    /// Sets up the watches that the roots need as they are now, and takes down those that they do
    /// not. Calls `appeared` for every file in a root that was not watched.
    ///
    /// A root that does not exist is waited for in its nearest living ancestor. A file is watched
    /// through its directory, since a watch on the file itself would be lost with the first save
    /// by rename; and itself, since it may have other names: see [`files`](super::tree::files).
    pub(super) fn arm(
        &mut self,
        tree: &mut Tree,
        filter: &mut Filter,
        appeared: &mut dyn FnMut(PathBuf),
    ) -> Vec<Problem> {
        let mut all = Vec::new();
        loop {
            let (flat, starts) = self.survey(tree, filter, appeared);
            let new: Vec<&PathBuf> = flat.iter().filter(|dir| !tree.watches(dir)).collect();
            let settled = starts.is_empty() && new.is_empty();
            let mut problems = tree.watch_flat(&flat);
            problems.extend(tree.walk(starts, filter, &mut *appeared));
            for path in self.aliases.keys() {
                tree.know(path);
            }
            tree.know_linked(&new);
            // Links may have been pointed elsewhere before, and directories been removed.
            for dir in new {
                let is_gone = !tree.watches(dir) && !tree.is_closed(dir);
                tree.linked.look_again(dir, is_gone);
            }
            // What was made before its directory was watched is found by looking once more. What only
            // links lead to is not tried again.
            let is_new = |it: &Problem| !all.iter().any(|old: &Problem| old.path == it.path);
            let is_final = !problems
                .iter()
                .all(|it| tree.linked.needs(&it.path) && is_new(it));
            all.append(&mut problems);
            if settled || is_final {
                tree.want_files(&self.files_of(tree, filter));
                return all;
            }
        }
    }

    /// Looks at every root: the directories that are to be watched for the sake of a name in
    /// them, and those that are to be watched whole and are not.
    fn survey(
        &mut self,
        tree: &mut Tree,
        filter: &Filter,
        appeared: &mut dyn FnMut(PathBuf),
    ) -> (BTreeSet<PathBuf>, Vec<PathBuf>) {
        let mut flat = BTreeSet::new();
        let mut starts = Vec::new();
        let were_missing = std::mem::take(&mut self.missing);
        self.aliases.clear();
        self.dirs.clear();
        self.ways.clear();
        self.files.clear();
        self.watch_rules(tree, filter, &mut flat);
        for root in filter.roots() {
            let path = &root.path;
            let trail = Trail::of(path, filter.base());
            let on_the_way = trail.dirs(filter.base()).into_iter();
            // Who may not read one elsewhere cannot be told what happens in it.
            let is_ours = |dir: &Path| dir.starts_with(filter.base()) || tree.watches(dir);
            flat.extend(
                on_the_way.filter(|dir| dir.is_dir() && (is_ours(dir) || is_readable(dir))),
            );
            let is_linked = !trail.links.is_empty();
            for link in trail.links {
                self.hang(link, path);
            }
            match fs::metadata(path) {
                Ok(meta) if meta.is_dir() => {
                    self.dirs.insert(path.clone(), (meta.dev(), meta.ino()));
                    if is_linked {
                        self.ways.push((path.clone(), trail.end));
                    }
                    if !tree.contains(path) {
                        starts.push(path.clone());
                    }
                }
                Ok(meta) => {
                    if meta.is_file() {
                        self.files.insert(trail.end.clone());
                    }
                    flat.extend(trail.end.parent().map(Path::to_path_buf));
                    self.hang(trail.end, path);
                    self.hang(path.clone(), path);
                    if were_missing.contains(path) {
                        appeared(path.clone());
                    }
                }
                Err(_) => {
                    let living = trail.end.ancestors().skip(1).find(|dir| dir.is_dir());
                    flat.extend(living.map(Path::to_path_buf));
                    self.hang(trail.end, path);
                    self.hang(path.clone(), path);
                    self.missing.insert(path.clone());
                }
            }
        }
        let physical = |path: &Path| self.physical(path).into_owned();
        for name in tree.linked.resolve(filter.base(), physical) {
            appeared(name);
        }
        let linked = tree.linked.dirs().filter(|dir| !tree.is_closed(dir));
        flat.extend(linked.map(Path::to_path_buf));
        (flat, starts)
    }

    /// The files that are to be watched themselves: roots, and what is mounted on a single file in a
    /// watched directory, which hears nothing of it.
    fn files_of(&self, tree: &Tree, filter: &Filter) -> BTreeSet<PathBuf> {
        let is_in_tree = |path: &Path| path.parent().is_some_and(|dir| tree.contains(dir));
        let mounted = filter.mounts().points().filter(|point| {
            is_in_tree(point)
                && !tree.contains(point)
                && filter.verdict(point, false) == Verdict::Kept
                && point.is_file()
        });
        let rules: Vec<&Path> = filter.above().collect();
        let files = self.files.iter().map(PathBuf::as_path).chain(mounted);
        files
            .filter(|file| !rules.contains(file))
            .map(Path::to_path_buf)
            .collect()
    }

    /// The ignore files above the roots are watched themselves, since their directories are none
    /// of our business; one that has gone is waited for. So are the user's own excludes, but where the
    /// kernel is silent and nothing else is polled: nobody wakes up for a home on NFS.
    fn watch_rules(&mut self, tree: &Tree, filter: &Filter, flat: &mut BTreeSet<PathBuf>) {
        let is_polling = tree.look_at().is_some();
        let above = filter.above().map(|file| (file, false));
        let excludes = filter.excludes();
        let excludes = excludes.filter(|(file, _)| is_polling || tree.is_told_of(file, filter));
        for (file, is_awaited) in above.chain(excludes) {
            let dir = file.parent().filter(|dir| dir.is_dir());
            let is_there = file.exists();
            if is_there {
                self.rules.insert(file.to_path_buf());
            }
            if dir.is_some_and(|dir| tree.contains(dir)) {
                // What happens to it is told already.
            } else if is_there && tree.is_told_of(file, filter) {
                flat.insert(file.to_path_buf());
            } else if is_awaited || self.rules.contains(file) {
                // Polled are directories, too.
                flat.extend(dir.map(Path::to_path_buf));
            }
        }
    }

    fn hang(&mut self, path: PathBuf, root: &Path) {
        let roots = self.aliases.entry(path).or_default();
        if !roots.iter().any(|known| known == root) {
            roots.push(root.to_path_buf());
        }
    }
}

/// Whether `dir` may be read, without which it cannot be watched (inotify_add_watch(2)).
fn is_readable(dir: &Path) -> bool {
    fs::read_dir(dir).is_ok()
}
