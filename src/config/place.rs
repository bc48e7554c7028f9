//! Finds the path by which rwatch knows what was typed: one way to each place.
//!
//! The kernel knows the current directory by its real path alone (getcwd(3)), the shell by the way
//! that it was reached, which may lead over a link: `"$PWD/src"` is `src`, and is taken as that.

use std::path::{Component, Path, PathBuf};

use crate::paths::{identity, moved};

/// The path without `.` and `..`, and by the current directory's own name, `dir`, as far as it leads
/// through that or through one above.
pub(super) fn placed(path: &Path, dir: &Path) -> PathBuf {
    let path = cleaned(path);
    if path.starts_with(dir) {
        return path;
    }
    // The way there, with every directory on it told by what it is; the current one above all.
    let way: Vec<(&Path, Option<(u64, u64)>)> =
        path.ancestors().map(|at| (at, identity(at))).collect();
    for home in dir.ancestors().filter(|home| home.parent().is_some()) {
        let Some(wanted) = identity(home) else {
            continue;
        };
        // The first time that the way leads through it: behind that it may lead anywhere.
        let found = way.iter().rev().find(|(_, it)| *it == Some(wanted));
        if let Some(path) = found.and_then(|(at, _)| moved(&path, at, home)) {
            return path;
        }
    }
    path
}

/// The path without `.` and `..`. What precedes a `..` may be a link, so that the system is asked
/// where it leads, if it is there.
pub(super) fn cleaned(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                clean = clean.canonicalize().unwrap_or(clean);
                clean.pop();
            }
            part => clean.push(part),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn there_is_one_way_to_each_place() {
        let top = tempfile::tempdir().expect("a temporary directory");
        let top = top.path().canonicalize().expect("it exists");
        let dir = top.join("real/project");
        fs::create_dir_all(dir.join("src")).expect("writable");
        fs::create_dir_all(top.join("real/other")).expect("writable");
        symlink("real/project", top.join("link")).expect("writable");
        symlink("real", top.join("above")).expect("writable");
        symlink("..", dir.join("src/up")).expect("writable");
        let check = |typed: &str, expected: &str| {
            assert_eq!(
                placed(&top.join(typed), &dir),
                top.join(expected),
                "{typed}"
            );
        };
        check("link", "real/project");
        check("link/src/new.js", "real/project/src/new.js");
        check("above/project/src", "real/project/src");
        check("above/other/x", "real/other/x");
        check("link/../other", "real/other");
        // A link in the project stays one, and so does one that leads elsewhere.
        check("link/src/up/src", "real/project/src/up/src");
        check("real/project/src/up/a", "real/project/src/up/a");
        check("nowhere/a", "nowhere/a");
    }
}
