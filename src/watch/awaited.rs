//! Waits for a file to become executable.
//!
//! A mode is no content, and a change of it is none that anybody asked for; but where nothing else keeps
//! COMMAND from being started, `chmod +x` is what is waited for. It is heard of where there is a watch
//! anyway: on the file's directory, or on one above it.

use std::path::{Component, Path, PathBuf};

use nix::unistd::{AccessFlags, access};

/// The file that is waited for.
#[derive(Debug)]
pub(super) struct Awaited {
    /// As it is known to the user.
    path: PathBuf,
    /// Where that leads, if it can be told.
    end: Option<PathBuf>,
}

impl Awaited {
    pub(super) fn new(path: &Path) -> Self {
        let end = path.canonicalize().ok();
        let is_direct = path.components().all(|part| part != Component::ParentDir);
        // Without the `.` of `./app`.
        let plain = || path.components().collect();
        Self {
            path: end.clone().filter(|_| !is_direct).unwrap_or_else(plain),
            end,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it may be executed now because the mode of `changed` is another one.
    pub(super) fn is_let_by(&self, changed: &Path) -> bool {
        let mut paths = [&self.path].into_iter().chain(&self.end);
        paths.any(|path| path.starts_with(changed)) && self.is_executable()
    }

    /// Whether it may be executed, directories on the way to it included (access(2)).
    pub(super) fn is_executable(&self) -> bool {
        access(&self.path, AccessFlags::X_OK).is_ok()
    }
}
