//! Reads the files of `--env-file` for a start, and never keeps the loop waiting for one.
//!
//! A regular file is read anew at every start, by whoever asks. What is none (a FIFO, a pipe, a
//! terminal) may have nothing to read before somebody writes to it: a thread of the moment reads it
//! to its end, and then tells; the start is tried again. A FIFO is read anew for every start, too; a
//! build and the start that follows it are one. A pipe that has no name but a number, which is what
//! `<( )` makes, can be read only once: what it held is kept.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, PipeReader, PipeWriter, Read as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use nix::errno::Errno;
use nix::libc::O_NONBLOCK;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::dotenv::{self, Variable};
use crate::event::SpawnFailure;
use crate::text::reason;

/// Who waits longer than that for a file is told for which; in milliseconds.
const SLOW: u16 = 1000;
/// No environment is larger (execve(2)), and not everything that can be read has an end.
const LENGTH_MAX: usize = 16 << 20;

/// What the thread that reads a file has to say.
#[derive(Debug)]
pub enum Reading {
    /// Nobody has written to this one yet.
    Slow(PathBuf),
    /// It has been read.
    Over(Read),
}

/// What a file held.
#[derive(Debug)]
pub struct Read {
    file: PathBuf,
    /// Which one that was: another may have this path by now.
    is: Identity,
    content: Content,
}

/// A file by device and inode.
type Identity = (u64, u64);

/// What a file holds, or why it cannot be read.
type Content = Result<Vec<u8>, String>;

/// What has become of a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is to be tried again.
    Again,
    /// It was that of a build, and COMMAND follows.
    Building,
    /// Nothing follows that belongs to it.
    Over,
}

/// The files, as far as there is something to keep of them.
pub(super) struct EnvFiles {
    /// Those that are no regular files.
    streams: HashMap<PathBuf, Stream>,
    tell: Arc<dyn Fn(Reading) + Send + Sync>,
}

/// A file that may have nothing to read.
struct Stream {
    is: Identity,
    state: State,
}

enum State {
    /// A thread reads it, as long as there is this.
    Reading { _until: PipeWriter },
    /// It has been read.
    Read {
        content: Content,
        /// A build has had it.
        built: bool,
    },
}

impl EnvFiles {
    /// Nothing has been read. `tell` hears of what is read beside the loop.
    pub(super) fn new(tell: impl Fn(Reading) + Send + Sync + 'static) -> Self {
        Self {
            streams: HashMap::new(),
            tell: Arc::new(tell),
        }
    }

    /// The variables of these files, in order. None: one of them is being read, and then this is to be
    /// asked again.
    ///
    /// # Errors
    /// If one of them cannot be read, or makes no sense.
    pub(super) fn variables(
        &mut self,
        files: &[PathBuf],
        is_build: bool,
    ) -> Result<Option<Vec<Variable>>, SpawnFailure> {
        let failure = |file: &Path, why| SpawnFailure::EnvFile {
            file: file.to_owned(),
            why,
        };
        let mut contents = Vec::new();
        for file in files {
            let content = self.content(file, is_build);
            contents.push(content.map_err(|why| failure(file, why))?);
        }
        // All of them have begun to be read.
        let Some(contents) = contents.into_iter().collect::<Option<Vec<_>>>() else {
            return Ok(None);
        };
        let mut variables = Vec::new();
        for (file, content) in files.iter().zip(contents) {
            variables.extend(dotenv::parse(&content).map_err(|why| failure(file, why))?);
        }
        Ok(Some(variables))
    }

    /// Takes in what a file held, unless another one has its path by now.
    pub(super) fn read(&mut self, read: Read) {
        if let Some(stream) = self.streams.get_mut(&read.file)
            && stream.is == read.is
        {
            stream.state = State::Read {
                content: read.content,
                built: false,
            };
        }
    }

    /// Takes in what has become of a start.
    pub(super) fn used(&mut self, outcome: Outcome) {
        self.streams.retain(|file, stream| match &mut stream.state {
            State::Read { built, .. } if !has_only_a_number(file) => {
                *built |= outcome == Outcome::Building;
                outcome != Outcome::Over
            }
            State::Read { .. } | State::Reading { .. } => true,
        });
    }

    /// What the file holds, if that is known by now.
    fn content(&mut self, file: &Path, is_build: bool) -> Result<Option<Vec<u8>>, String> {
        let meta = fs::metadata(file).map_err(|error| reason(&error))?;
        if meta.is_file() || meta.is_dir() {
            self.streams.remove(file);
            return now(file).map(Some).map_err(|error| reason(&error));
        }
        let is = (meta.dev(), meta.ino());
        match self.streams.remove(file).filter(|stream| stream.is == is) {
            Some(Stream {
                state: State::Read { content, built },
                ..
            }) if !built || !is_build => {
                let content = content?;
                let state = State::Read {
                    content: Ok(content.clone()),
                    built,
                };
                self.streams.insert(file.to_owned(), Stream { is, state });
                Ok(Some(content))
            }
            Some(
                stream @ Stream {
                    state: State::Reading { .. },
                    ..
                },
            ) => {
                self.streams.insert(file.to_owned(), stream);
                Ok(None)
            }
            Some(_) | None => {
                let state = self.begin(file, is).map_err(|error| reason(&error))?;
                self.streams.insert(file.to_owned(), Stream { is, state });
                Ok(None)
            }
        }
    }

    /// Has a thread read the file.
    fn begin(&self, file: &Path, is: Identity) -> io::Result<State> {
        let (ended, until) = io::pipe()?;
        let (file, tell) = (file.to_owned(), Arc::clone(&self.tell));
        thread::Builder::new()
            .name("env-file".to_owned())
            .spawn(move || {
                let content = beside(&file, &ended, || tell(Reading::Slow(file.clone())));
                if let Some(content) = content.transpose() {
                    let content = content.map_err(|error| reason(&error));
                    tell(Reading::Over(Read { file, is, content }));
                }
            })?;
        Ok(State::Reading { _until: until })
    }
}

/// What a regular file holds. It may be a FIFO by now, and nobody is to wait for that.
fn now(file: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    read(&mut open(file)?, &mut content)?;
    Ok(content)
}

/// What the file holds, however long that takes; none, if nobody wants to know any more. `slow` is
/// called if it takes long.
fn beside(file: &Path, ended: &PipeReader, slow: impl Fn()) -> io::Result<Option<Vec<u8>>> {
    let mut file = open(file)?;
    let mut content = Vec::new();
    let mut patience = PollTimeout::from(SLOW);
    loop {
        // A FIFO that nobody writes to is at its end, to read(2). But opened like that it is not to
        // poll(2), before somebody has come and gone (fifo(7), and `fifo_open` in Linux).
        let mut fds = [file.as_fd(), ended.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        match poll(&mut fds, patience) {
            Ok(0) => {
                slow();
                patience = PollTimeout::NONE;
                continue;
            }
            Ok(_) if fds[1].any() == Some(true) => return Ok(None),
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(error) => return Err(error.into()),
        }
        match read(&mut file, &mut content) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            over => return over.map(|()| Some(content)),
        }
    }
}

fn open(file: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(O_NONBLOCK).open(file)
}

/// Reads up to the end, or as far as it goes for now.
fn read(file: &mut File, content: &mut Vec<u8>) -> io::Result<()> {
    let room = LENGTH_MAX.saturating_sub(content.len());
    file.take(room as u64).read_to_end(content)?;
    if content.len() == LENGTH_MAX {
        return Err(Errno::EFBIG.into());
    }
    Ok(())
}

/// Whether the path is that of a descriptor. A pipe, if it is one, is read by nobody else.
fn has_only_a_number(file: &Path) -> bool {
    let dirs = ["/dev/fd", "/proc/self/fd"];
    dirs.iter().any(|dir| file.starts_with(dir)) || file == Path::new("/dev/stdin")
}
