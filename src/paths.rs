//! What several modules ask of a path. Nothing here knows what is watched, or why.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// What is at `path`, links followed, by device and inode: two paths with the same identity lead to
/// one file. None if nothing can be found there.
pub fn identity(path: &Path) -> Option<(u64, u64)> {
    let meta = fs::metadata(path).ok()?;
    Some((meta.dev(), meta.ino()))
}

/// What `path` is called below `to`, if it is `from` or below it.
pub fn moved(path: &Path, from: &Path, to: &Path) -> Option<PathBuf> {
    let rest = path.strip_prefix(from).ok()?;
    // Joining nothing would leave a slash at the end.
    Some(to.components().chain(rest.components()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_moved_keeps_what_is_below_it() {
        let check = |path: &str, expected: Option<&str>| {
            let found = moved(Path::new(path), Path::new("/w/a"), Path::new("/v"));
            let found = found.as_ref().map(|path| path.as_os_str());
            assert_eq!(found, expected.map(AsRef::as_ref), "{path}");
        };
        check("/w/a", Some("/v"));
        check("/w/a/b/c", Some("/v/b/c"));
        check("/w/ab", None);
        check("/w", None);
    }
}
