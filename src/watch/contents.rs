//! Remembers what files contain, so that a save with the same bytes is told from a change
//! (`--if-changed`).
//!
//! What is not known counts as changed. The contents are read after the first start, one file at
//! a time and only while nothing else is to be done; a file that has changed since the watches
//! stand is left out, since nobody can tell which content COMMAND has seen. Of every content 64
//! bits are kept.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher as _};
use std::path::{Path, PathBuf};

use super::tree::{ctime, now};

/// A larger file always counts as changed.
const SIZE_MAX: u64 = 4 << 20;
/// So many files are known at most.
const FILES_MAX: usize = 100_000;

/// What is known of the contents of files.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// Contents by paths, both as hashes.
    known: HashMap<u64, u64>,
    /// Files that are to be read when there is time.
    unread: Vec<PathBuf>,
    /// When the watches stood.
    armed: i64,
}

impl Contents {
    /// Takes in that the watches stand.
    pub(super) fn arm(&mut self) {
        self.armed = now();
    }

    /// Takes in that there is a file whose content would be good to know.
    pub(super) fn consider(&mut self, path: PathBuf) {
        if self.unread.len() + self.known.len() < FILES_MAX {
            self.unread.push(path);
        }
    }

    /// Reads one more file. False: there was none left to read.
    pub(super) fn read_one(&mut self) -> bool {
        let Some(path) = self.unread.pop() else {
            return false;
        };
        let before =
            |path: &Path| fs::symlink_metadata(path).is_ok_and(|meta| ctime(&meta) < self.armed);
        if before(&path)
            && let Some(content) = content_of(&path)
            // It must not have changed while it was read, either.
            && before(&path)
        {
            self.known.entry(hash(&path)).or_insert(content);
        }
        true
    }

    /// Whether the content of `path` is the one that is known. From now on it is.
    pub(super) fn is_same(&mut self, path: &Path) -> bool {
        let Some(content) = content_of(path) else {
            self.known.remove(&hash(path));
            return false;
        };
        if self.known.len() >= FILES_MAX && !self.known.contains_key(&hash(path)) {
            return false;
        }
        self.known.insert(hash(path), content) == Some(content)
    }

    /// Whether the content of `path` is known.
    pub(super) fn knows(&self, path: &Path) -> bool {
        self.known.contains_key(&hash(path))
    }

    /// Takes in that whole directories went, or became others: who knows what COMMAND has seen.
    pub(super) fn forget_all(&mut self) {
        self.known.clear();
        self.unread.clear();
    }

    /// Takes in that COMMAND has seen that there is no such file.
    pub(super) fn forget(&mut self, path: &Path) {
        self.known.remove(&hash(path));
    }
}

/// The content of a regular file that is not too large, as a hash.
fn content_of(path: &Path) -> Option<u64> {
    let meta = fs::symlink_metadata(path).ok()?;
    if !meta.is_file() || meta.len() > SIZE_MAX {
        return None;
    }
    Some(hash(&fs::read(path).ok()?))
}

fn hash(what: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Contents that know of one file, `a`, which is older than the watches.
    fn known() -> (tempfile::TempDir, PathBuf, Contents) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("a");
        fs::write(&path, "one").expect("writable");
        let mut contents = Contents {
            armed: i64::MAX,
            ..Contents::default()
        };
        contents.consider(path.clone());
        assert!(contents.read_one());
        assert!(!contents.read_one());
        (dir, path, contents)
    }

    #[test]
    fn the_same_bytes_are_the_same() {
        let (_dir, path, mut contents) = known();
        fs::write(&path, "one").expect("writable");
        assert!(contents.is_same(&path));
        fs::write(&path, "two").expect("writable");
        assert!(!contents.is_same(&path));
        assert!(contents.is_same(&path), "it is known now");
    }

    #[test]
    fn what_is_not_known_is_another_content() {
        let (dir, path, mut contents) = known();
        let other = dir.path().join("b");
        fs::write(&other, "one").expect("writable");
        assert!(!contents.is_same(&other));
        contents.forget(&path);
        assert!(!contents.is_same(&path));
        fs::remove_file(&path).expect("there");
        assert!(!contents.is_same(&path));
        assert!(!contents.knows(&path));
    }

    #[test]
    fn a_file_that_changed_after_the_watches_stood_is_not_known() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("a");
        let mut contents = Contents::default();
        contents.arm();
        fs::write(&path, "one").expect("writable");
        contents.consider(path.clone());
        assert!(contents.read_one());
        assert!(!contents.knows(&path));
    }

    #[test]
    fn a_large_file_is_never_the_same() {
        let (_dir, path, mut contents) = known();
        let file = fs::File::create(&path).expect("writable");
        file.set_len(SIZE_MAX + 1).expect("sparse");
        assert!(!contents.is_same(&path));
        assert!(!contents.is_same(&path));
    }
}
