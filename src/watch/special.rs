//! Knows the sockets, FIFOs and devices among what is watched: nobody saves them.
//!
//! When one is removed nothing is left to tell what it was, so that it has to be known before. A file
//! that takes the place of one is a file, and one whose place is taken is gone.

use std::collections::HashSet;
use std::fs::FileType;
use std::path::{Path, PathBuf};

/// Those that are known.
#[derive(Debug, Default)]
pub(super) struct Specials(HashSet<PathBuf>);

/// Whether something of this type is one.
pub(super) fn is_special(kind: FileType) -> bool {
    !(kind.is_file() || kind.is_dir() || kind.is_symlink())
}

impl Specials {
    /// Records what is at `path` now. Whether it is one.
    pub(super) fn record(&mut self, path: &Path, kind: FileType) -> bool {
        let is_one = is_special(kind);
        if is_one {
            self.0.insert(path.to_path_buf());
        } else {
            self.0.remove(path);
        }
        is_one
    }

    /// Whether the one at `path` is known.
    pub(super) fn contains(&self, path: &Path) -> bool {
        self.0.contains(path)
    }

    /// Records that nothing is at `path` any more. Whether one was.
    pub(super) fn remove(&mut self, path: &Path) -> bool {
        self.0.remove(path)
    }

    /// Forgets those below a directory.
    pub(super) fn drop_below(&mut self, dir: &Path) {
        self.0.retain(|path| !path.starts_with(dir));
    }
}
