//! Follows the symbolic links on the way to a path, and remembers them: each of them may be
//! pointed elsewhere.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// As many links as Linux follows (path_resolution(7)).
const LINKS_MAX: usize = 40;

/// The way to a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Trail {
    /// The links on it, in order, each by a path without links after `base`.
    pub(super) links: Vec<PathBuf>,
    /// Where it leads, whether or not that exists.
    pub(super) end: PathBuf,
}

impl Trail {
    /// The way to `path`. Links in what leads to `base`, or to the directory of what is not below
    /// it, are not looked at: nobody swaps these while a program runs.
    pub(super) fn of(path: &Path, base: &Path) -> Self {
        let (mut end, rest) = match path.strip_prefix(base) {
            Ok(rest) => (base.to_path_buf(), rest),
            Err(_) => split(path),
        };
        let mut rest: VecDeque<OsString> = words(rest);
        let mut links = Vec::new();
        while let Some(word) = rest.pop_front() {
            if word == ".." {
                end.pop();
                continue;
            }
            end.push(word);
            if links.len() < LINKS_MAX
                && let Ok(target) = fs::read_link(&end)
            {
                links.push(end.clone());
                let mut way = if target.is_absolute() {
                    let (dir, name) = split(&target);
                    end = dir;
                    words(name)
                } else {
                    end.pop();
                    words(&target)
                };
                way.append(&mut rest);
                rest = way;
            }
        }
        Self { links, end }
    }
}

/// A path's directory, and the rest.
fn split(path: &Path) -> (PathBuf, &Path) {
    let dir = path.parent().unwrap_or(Path::new("/"));
    (
        dir.to_path_buf(),
        path.strip_prefix(dir).unwrap_or(Path::new("")),
    )
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
