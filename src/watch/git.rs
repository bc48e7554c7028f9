//! Knows what git keeps beside a work tree: the lock that tells when it is at work, and the ignore
//! file that is not part of the tree.
//!
//! git holds `index.lock` for as long as a checkout, a stash or a rebase step writes files
//! (gitformat-index(5) has the index; api-lockfile in git's documentation the lock). While it is
//! there the burst is not over, however slow the disk is and whatever else the machine does.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How old a lock may be and still be that of a git at work, not one that a dead git left. It is as long
/// as the longest time for which it may hold up anything.
const AGE_MAX: Duration = Duration::from_secs(60);

/// The lock of the work tree that `path` is in, if it is in one.
pub(super) fn lock_of(path: &Path) -> Option<PathBuf> {
    let git = path
        .ancestors()
        .map(|dir| dir.join(".git"))
        .find(|git| git.exists())?;
    Some(linked_dir(&git).unwrap_or(git).join("index.lock"))
}

/// The ignore file of the work tree at `top` that is not part of it (gitignore(5)).
pub(super) fn exclude_of(top: &Path) -> PathBuf {
    common_dir_of(top).join("info/exclude")
}

/// The repository of the work tree at `top`.
pub(super) fn dir_of(top: &Path) -> PathBuf {
    let git = top.join(".git");
    linked_dir(&git).unwrap_or(git)
}

/// What a linked work tree shares with the main one (gitrepository-layout(5), `commondir`); for
/// others the repository.
pub(super) fn common_dir_of(top: &Path) -> PathBuf {
    let dir = dir_of(top);
    match fs::read_to_string(dir.join("commondir")) {
        Ok(common) => dir.join(common.trim()),
        Err(_) => dir,
    }
}

/// Where a `.git` that is a file says that the repository is: that of a linked work tree or of a
/// submodule.
fn linked_dir(git: &Path) -> Option<PathBuf> {
    let link = fs::read_to_string(git).ok()?;
    Some(git.with_file_name(link.strip_prefix("gitdir:")?.trim()))
}

/// Whether a git at work holds this lock.
pub(super) fn is_held(lock: &Path) -> bool {
    let Ok(made) = fs::symlink_metadata(lock).and_then(|meta| meta.modified()) else {
        return false;
    };
    SystemTime::now()
        .duration_since(made)
        .is_ok_and(|age| age < AGE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_is_where_the_index_is() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let top = dir.path().join("top");
        fs::create_dir_all(top.join(".git")).expect("writable");
        fs::create_dir_all(top.join("linked")).expect("writable");
        fs::write(
            top.join("linked/.git"),
            "gitdir: ../.git/worktrees/linked\n",
        )
        .expect("writable");
        assert_eq!(lock_of(&top.join("src")), Some(top.join(".git/index.lock")));
        let linked = top.join("linked/../.git/worktrees/linked/index.lock");
        assert_eq!(lock_of(&top.join("linked/src")), Some(linked));
    }

    #[test]
    fn a_lock_that_a_dead_git_left_holds_nothing_up() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let lock = dir.path().join("index.lock");
        assert!(!is_held(&lock));
        let file = fs::File::create(&lock).expect("writable");
        assert!(is_held(&lock));
        file.set_modified(SystemTime::now() - AGE_MAX)
            .expect("writable");
        assert!(!is_held(&lock));
    }
}
