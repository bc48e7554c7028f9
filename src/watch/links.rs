//! Follows the symbolic links on the way to a path, and remembers them: each of them may be
//! pointed elsewhere.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

/// As many links as Linux follows (path_resolution(7)).
const LINKS_MAX: usize = 40;

/// The way to a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trail {
    /// The links on it, in order, each by a path without links after `base`.
    pub(super) links: Vec<PathBuf>,
    /// Where it leads, whether or not that exists.
    pub(super) end: PathBuf,
}

impl Trail {
    /// The way to `path`. Links in what leads to `base` are not looked at: who works in a directory
    /// stays in it, wherever its name leads.
    pub(super) fn of(path: &Path, base: &Path) -> Self {
        Self::beyond(path, base, &mut HashSet::new())
    }

    /// The same. What is in `plain` is no link, and neither is what is added to it.
    pub(super) fn beyond(path: &Path, base: &Path, plain: &mut HashSet<PathBuf>) -> Self {
        let (mut end, mut rest) = begin(path, base);
        let mut links = Vec::new();
        while let Some(word) = rest.pop_front() {
            if word == ".." {
                end.pop();
                continue;
            }
            end.push(word);
            if links.len() >= LINKS_MAX || plain.contains(&end) {
                continue;
            }
            match fs::read_link(&end) {
                Ok(target) => {
                    links.push(end.clone());
                    let mut way = if target.is_absolute() {
                        let (dir, way) = begin(&target, base);
                        end = dir;
                        way
                    } else {
                        end.pop();
                        words(&target)
                    };
                    way.append(&mut rest);
                    rest = way;
                }
                // What is there and is no link (readlink(2)).
                Err(error) if error.kind() == ErrorKind::InvalidInput && !rest.is_empty() => {
                    plain.insert(end.clone());
                }
                Err(_) => {}
            }
        }
        Self { links, end }
    }

    /// The directories in which something may happen that leads it elsewhere: those with a link, and,
    /// within `base`, all that the way leads through, since who moves one of these away tells nobody
    /// below.
    pub(super) fn dirs(&self, base: &Path) -> BTreeSet<PathBuf> {
        let holders = self.links.iter().filter_map(|link| link.parent());
        let through = self.links.iter().chain([&self.end]);
        let through = through.flat_map(|at| at.ancestors().skip(1));
        let within = through.filter(|dir| *dir != base && dir.starts_with(base));
        holders.chain(within).map(Path::to_path_buf).collect()
    }
}

/// Where the way to `path` begins, and the words that are left.
fn begin(path: &Path, base: &Path) -> (PathBuf, VecDeque<OsString>) {
    match path.strip_prefix(base) {
        Ok(rest) => (base.to_path_buf(), words(rest)),
        Err(_) => (PathBuf::from("/"), words(path)),
    }
}

fn words(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir))
        .map(|part| part.as_os_str().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[track_caller]
    fn check(links: &[(&str, &str)], path: &str, expected: (&[&str], &str)) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let base = dir.path();
        for (link, target) in links {
            let link = base.join(link);
            fs::create_dir_all(link.parent().expect("below base")).expect("writable");
            symlink(target, link).expect("writable");
        }
        let trail = Trail::of(&base.join(path), base);
        let found: Vec<&Path> = trail
            .links
            .iter()
            .map(|link| link.strip_prefix(base).expect("below base"))
            .collect();
        assert_eq!(found, expected.0.iter().map(Path::new).collect::<Vec<_>>());
        let end = trail.end.strip_prefix(base).unwrap_or(&trail.end);
        assert_eq!(end, Path::new(expected.1));
    }

    #[test]
    fn a_path_without_links_is_its_own_end() {
        check(&[], "a/b", (&[], "a/b"));
    }

    #[test]
    fn every_link_on_the_way_is_named() {
        // How Kubernetes swaps a ConfigMap.
        let links = [("app.toml", "..data/app.toml"), ("..data", "..2026")];
        check(
            &links,
            "app.toml",
            (&["app.toml", "..data"], "..2026/app.toml"),
        );
        check(&[("d", "x/../y")], "d/e", (&["d"], "y/e"));
    }

    #[test]
    fn an_absolute_target_begins_anew() {
        check(&[("a", "/nowhere/b")], "a/c", (&["a"], "/nowhere/b/c"));
    }

    #[test]
    fn directories_of_an_absolute_path_may_be_links_too() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let top = dir.path().canonicalize().expect("it exists");
        symlink("releases/1", top.join("current")).expect("writable");
        let trail = Trail::of(&top.join("current/app.conf"), Path::new("/nowhere"));
        assert_eq!(trail.links, [top.join("current")]);
        assert_eq!(trail.end, top.join("releases/1/app.conf"));
        assert_eq!(trail.dirs(Path::new("/nowhere")), [top].into());
    }

    #[test]
    fn the_directories_on_the_way_are_those_that_it_really_leads_through() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let base = dir.path();
        fs::create_dir_all(base.join("a/b")).expect("writable");
        symlink("../c/d", base.join("a/link")).expect("writable");
        let trail = Trail::of(&base.join("a/link/e"), base);
        let dirs = ["a", "c", "c/d"].map(|dir| base.join(dir));
        assert_eq!(trail.dirs(base), dirs.into());
    }

    #[test]
    fn a_loop_ends() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        symlink("b", dir.path().join("a")).expect("writable");
        symlink("a", dir.path().join("b")).expect("writable");
        assert_eq!(
            Trail::of(&dir.path().join("a"), dir.path()).links.len(),
            LINKS_MAX
        );
    }
}
