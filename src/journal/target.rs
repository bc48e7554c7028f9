//! Where the lines go: a file, a FIFO, or a descriptor that rwatch was given. COMMAND gets none of
//! it, so that the end of rwatch is the end of the lines.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::fd::{BorrowedFd, FromRawFd as _, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::libc;

use crate::text::{reason, shown};

/// Where the lines are to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// To a descriptor that rwatch was given.
    Descriptor(i32),
    /// To this file, behind what is in it.
    File(PathBuf),
}

/// Where they go.
#[derive(Debug)]
pub enum Sink {
    /// To something that is open.
    Open(File),
    /// To a FIFO, which cannot be opened before somebody reads it (fifo(7)).
    Fifo(PathBuf),
}

impl Target {
    /// The file, or FIFO, that it is, if it is there already, by device and inode.
    pub fn file(&self) -> Option<(u64, u64)> {
        let meta = match self {
            Self::Descriptor(number) => fs::metadata(format!("/dev/fd/{number}")),
            Self::File(path) => fs::metadata(path),
        };
        identity(&meta.ok()?)
    }

    /// Opens it. A descriptor means what rwatch was given only as long as rwatch itself has opened
    /// nothing that stays open.
    ///
    /// # Errors
    /// If it cannot be written to.
    pub fn open(self) -> anyhow::Result<Sink> {
        match self {
            Self::Descriptor(number) => match given(number) {
                Ok(fd) => Ok(Sink::Open(fd.into())),
                Err(errno) => Err(anyhow!(
                    "cannot write events to descriptor {number}: {}; add `{number}>events.jsonl` to the \
                     command line, or name a file (`./{number}`)",
                    match errno {
                        Errno::EBADF => "it is not open",
                        Errno::EACCES => "it is open for reading only",
                        errno => errno.desc(),
                    }
                )),
            },
            Self::File(path) if is_fifo(&path) => Ok(Sink::Fifo(path)),
            Self::File(path) => match open(&path) {
                Ok(file) => Ok(Sink::Open(file)),
                Err(error) => Err(anyhow!(
                    "cannot write events to `{}`: {}; {}",
                    shown(path.as_os_str()),
                    reason(&error),
                    match error.kind() {
                        io::ErrorKind::NotFound => "make its directory first (`mkdir -p`)",
                        _ => "name a file that can be written",
                    }
                )),
            },
        }
    }
}

impl Sink {
    /// The file, or FIFO, that it is, by device and inode.
    pub fn file(&self) -> Option<(u64, u64)> {
        match self {
            Self::Open(file) => identity(&file.metadata().ok()?),
            Self::Fifo(path) => identity(&fs::metadata(path).ok()?),
        }
    }

    /// What can be written to, which takes until somebody reads it.
    pub(super) fn wait(self) -> io::Result<File> {
        match self {
            Self::Open(file) => Ok(file),
            Self::Fifo(path) => open(&path),
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        // A terminal that is written to is not to be ours for that.
        .custom_flags(libc::O_NOCTTY)
        .open(path)
}

fn is_fifo(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.file_type().is_fifo())
}

/// A file or a FIFO that something is written to, by device and inode: that moves its modification
/// time, which is all that polling sees.
pub fn identity(meta: &Metadata) -> Option<(u64, u64)> {
    let kind = meta.file_type();
    (kind.is_file() || kind.is_fifo()).then(|| (meta.dev(), meta.ino()))
}

/// The descriptor of this number, so that nobody inherits it. Standard input, output and error are
/// COMMAND's too: they stay as they are, and this is another one.
#[allow(unsafe_code)]
fn given(number: i32) -> Result<OwnedFd, Errno> {
    // SAFETY: of a number that is no descriptor fcntl(2) says so, and of one that is it tells the
    // flags.
    let flags = Errno::result(unsafe { libc::fcntl(number, libc::F_GETFL) })?;
    if flags & libc::O_ACCMODE == libc::O_RDONLY {
        return Err(Errno::EACCES);
    }
    // SAFETY: it is open, as was just seen, and nobody here closes standard streams.
    let fd = unsafe { BorrowedFd::borrow_raw(number) };
    if number <= libc::STDERR_FILENO {
        let copy = fd.try_clone_to_owned();
        return copy.map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EMFILE)));
    }
    fcntl(fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    // SAFETY: rwatch was given it, as it has opened nothing itself; so nobody else here owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(target: Target, message: &str) {
        let error = target.open().expect_err("nothing to write to");
        assert!(error.to_string().contains(message), "{error}");
    }

    #[test]
    fn what_cannot_be_written_is_named_and_what_to_do() {
        check(
            Target::Descriptor(i32::MAX),
            "cannot write events to descriptor 2147483647: it is not open; add `2147483647>",
        );
        check(
            Target::File("/".into()),
            "cannot write events to `/`: is a directory; name a file",
        );
        check(
            Target::File("/nowhere/x".into()),
            "cannot write events to `/nowhere/x`: no such file or directory; make its directory",
        );
    }

    #[test]
    fn a_file_is_known_when_it_is_there() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let target = Target::File(dir.path().join("events"));
        assert_eq!(target.file(), None);
        let sink = target.clone().open().expect("writable");
        assert!(target.file().is_some());
        assert_eq!(target.file(), sink.file());
        assert_eq!(Target::File("/dev/null".into()).file(), None);
    }
}
