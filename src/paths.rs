//! What several modules ask of a path. Nothing here knows what is watched, or why.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Bound;
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

/// What `map` holds for `path` and for everything below it, in order.
pub fn below<'a, T>(
    map: &'a BTreeMap<PathBuf, T>,
    path: &'a Path,
) -> impl Iterator<Item = (&'a PathBuf, &'a T)> {
    // To sort by parts puts all that is below a path right behind it.
    let rest = (Bound::Included(path), Bound::Unbounded);
    map.range::<Path, _>(rest)
        .take_while(move |(at, _)| at.starts_with(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_a_path_comes_right_behind_it() {
        let paths = ["/w", "/w/a", "/w/a!", "/w/a/b", "/w/ab"].map(PathBuf::from);
        let map: BTreeMap<PathBuf, u8> = paths.into_iter().zip(0..).collect();
        let found = |path| {
            let found = below(&map, Path::new(path));
            found.filter_map(|(at, _)| at.to_str()).collect::<Vec<_>>()
        };
        assert_eq!(found("/w/a"), ["/w/a", "/w/a/b"]);
        assert_eq!(found("/w").len(), 5);
        assert_eq!(found("/x"), [""; 0]);
    }

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
