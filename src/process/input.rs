//! Winds standard input back to where it began, for each run, if it is a file.
//!
//! All runs, rwatch, and whoever started rwatch share one place in it (open(2), "open file
//! description"): after `rwatch -- sort < in.txt` the second run would begin at its end. Where rwatch
//! was not given the beginning, as in `(read first; rwatch -- sort) < in.txt`, the runs are not,
//! either. A pipe, a terminal and a device cannot be wound back, and a file that can be written to is
//! not: its place may be that of somebody's output, too.

use std::io;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc::off_t;
use nix::sys::stat::{SFlag, fstat};
use nix::unistd::{Whence, lseek};

/// Where standard input begins, if it is a file.
pub(super) struct Input(Option<off_t>);

impl Input {
    /// Looks at it once, before anybody reads it.
    pub(super) fn look() -> Self {
        let stdin = io::stdin();
        let is_file = |mode| SFlag::from_bits_truncate(mode) & SFlag::S_IFMT == SFlag::S_IFREG;
        let is_read = |flags| OFlag::from_bits_retain(flags) & OFlag::O_ACCMODE == OFlag::O_RDONLY;
        let wound = fstat(&stdin).is_ok_and(|stat| is_file(stat.st_mode))
            && fcntl(&stdin, FcntlArg::F_GETFL).is_ok_and(is_read);
        Self(
            wound
                .then(|| lseek(&stdin, 0, Whence::SeekCur).ok())
                .flatten(),
        )
    }

    /// Makes the next run begin where the first one did.
    pub(super) fn rewind(&self) {
        if let Self(Some(start)) = self {
            let _ = lseek(io::stdin(), *start, Whence::SeekSet);
        }
    }
}
