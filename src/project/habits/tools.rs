//! Finds programs where a shell, npm and nodemon look for them.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::manifest;
use crate::project::upwards;

/// Where npm puts the programs of packages.
pub(in crate::project) const BIN: &str = "node_modules/.bin";

/// Whether one of the directories of `path` has a program of this name.
pub(in crate::project) fn is_in_path(name: &str, path: Option<&OsStr>) -> bool {
    let dirs = path.into_iter().flat_map(std::env::split_paths);
    dirs.map(|dir| dir.join(name))
        .any(|file| is_executable(&file))
}

/// The directory with the packages' programs that has this one, relative to `dir`: its own, or that
/// of a directory above.
pub(in crate::project) fn bin_with(name: &str, dir: &Path) -> Option<PathBuf> {
    if name.is_empty() || name.contains('/') {
        return None;
    }
    let mut dirs = upwards(dir);
    let found = dirs.find(|(_, above)| is_executable(&above.join(BIN).join(name)));
    found.map(|(seen, _)| seen.join(BIN))
}

/// Whether it is a file that somebody may execute.
pub(super) fn is_executable(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// The shell string, with the programs of packages on the PATH if it names one of them, as npm and
/// nodemon have it. What else these programs start finds them, too.
pub(in crate::project) fn with_bins(string: &str, dir: &Path) -> String {
    match manifest::words_of(string).find_map(|word| bin_with(word, dir)) {
        Some(bin) => format!("export PATH=\"$PWD/{}:$PATH\"; {string}", bin.display()),
        None => string.to_owned(),
    }
}
