//! Brings lines to whoever reads them, in a thread of its own: the only one that waits for that.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, SystemTime};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::story::Line;
use super::target::Sink;

/// So many bytes wait for a reader. Most lines have 150, and one that names many files up to some
/// hundred thousand.
const BYTES_MAX: usize = 1 << 20;
/// So long rwatch's end waits for a reader.
const PATIENCE: Duration = Duration::from_secs(1);

/// The way to the writing thread.
pub(super) struct Writer {
    lines: Arc<Lines>,
}

impl Writer {
    /// Starts to write there. If that fails some day, `lost` is told why.
    pub(super) fn start(
        sink: Sink,
        lost: impl FnOnce(io::Error) + Send + 'static,
    ) -> io::Result<Self> {
        let lines = Arc::new(Lines::new(BYTES_MAX));
        let theirs = Arc::clone(&lines);
        thread::Builder::new()
            .name("events".to_owned())
            .spawn(move || {
                if let Err(error) = write_all(sink, &theirs) {
                    lost(error);
                }
                theirs.close();
            })?;
        Ok(Self { lines })
    }

    /// Leaves lines to the thread, as far as there is room.
    pub(super) fn offer(&self, lines: impl ExactSizeIterator<Item = String>) {
        if lines.len() > 0 {
            self.lines.offer(lines);
        }
    }

    /// Leaves the last line to it, and gives it some time to write what is left. The thread ends with
    /// rwatch, whatever it waits for.
    pub(super) fn end(self, line: String) {
        self.lines.end(line);
        let state = self.lines.lock();
        let open = |state: &mut State| !state.closed;
        drop(self.lines.news.wait_timeout_while(state, PATIENCE, open));
    }
}

/// Writes lines until the last one.
fn write_all(sink: Sink, lines: &Lines) -> io::Result<()> {
    let mut file = sink.wait()?;
    while let Some(line) = lines.next() {
        write(&mut file, line.as_bytes())?;
    }
    Ok(())
}

/// Writes one line, at one stroke if it can be done: others may append to the same file. Whoever gave
/// us the descriptor may have made it one that does not block.
fn write(file: &mut File, mut line: &[u8]) -> io::Result<()> {
    while !line.is_empty() {
        match file.write(line) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => line = &line[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let mut fds = [PollFd::new(file.as_fd(), PollFlags::POLLOUT)];
                // Interrupted, it is tried again.
                let _ = poll(&mut fds, PollTimeout::NONE);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The lines that are not written yet. The lock is held for moments only, never while something is
/// written.
struct Lines {
    state: Mutex<State>,
    news: Condvar,
    bytes_max: usize,
}

#[derive(Default)]
struct State {
    lines: VecDeque<String>,
    bytes: usize,
    /// How many lines found no room since the latest one that did.
    dropped: u64,
    /// The thread waits for a line.
    idle: bool,
    /// The last line is there.
    last: bool,
    /// Nobody takes lines any more.
    closed: bool,
}

impl Lines {
    fn new(bytes_max: usize) -> Self {
        Self {
            state: Mutex::default(),
            news: Condvar::new(),
            bytes_max,
        }
    }

    fn offer(&self, lines: impl Iterator<Item = String>) {
        for line in lines {
            let mut state = self.lock();
            if state.closed {
                return;
            }
            if state.bytes + line.len() > self.bytes_max {
                state.dropped += 1;
            } else {
                state.push(line);
            }
        }
        self.wake(&mut self.lock());
    }

    /// The last line finds room in any case.
    fn end(&self, line: String) {
        let mut state = self.lock();
        state.push(line);
        state.last = true;
        self.wake(&mut state);
    }

    /// A wake-up is a system call, so that it is left out if nobody sleeps.
    fn wake(&self, state: &mut State) {
        if std::mem::take(&mut state.idle) {
            self.news.notify_all();
        }
    }

    /// Waits for the next line. None: there will be none.
    fn next(&self) -> Option<String> {
        let mut state = self.lock();
        loop {
            if let Some(line) = state.lines.pop_front() {
                state.bytes -= line.len();
                return Some(line);
            }
            if state.dropped > 0 {
                return Some(state.gap());
            }
            if state.last {
                return None;
            }
            state.idle = true;
            state = self.news.wait(state).expect(UNBROKEN);
        }
    }

    fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.lines = VecDeque::new();
        self.news.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect(UNBROKEN)
    }
}

const UNBROKEN: &str = "a defect ends rwatch before anybody sees the lock again";

impl State {
    /// Appends a line, and, before it, how many are missing there.
    fn push(&mut self, line: String) {
        if self.dropped > 0 {
            let gap = self.gap();
            self.bytes += gap.len();
            self.lines.push_back(gap);
        }
        self.bytes += line.len();
        self.lines.push_back(line);
    }

    /// The line that says how many are missing.
    fn gap(&mut self) -> String {
        Line::dropped(std::mem::take(&mut self.dropped)).text(SystemTime::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    use std::io::Read as _;

    /// What is taken next, without what differs.
    #[track_caller]
    fn check_next(lines: &Lines, expected: &str) {
        let line = lines.next().expect("another line");
        let found = match line.split_once(r#""dropped","#) {
            Some((_, count)) => count.trim_end(),
            None => &line,
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn what_finds_no_room_is_counted_where_it_is_missing() {
        let lines = Lines::new(4);
        lines.offer(
            ["a", "b", "c", "d", "e", "f"]
                .map(str::to_owned)
                .into_iter(),
        );
        for line in ["a", "b", "c", "d", r#""count":2}"#] {
            check_next(&lines, line);
        }
        lines.offer(["g", "hij", "k"].map(str::to_owned).into_iter());
        check_next(&lines, "g");
        lines.offer(["l".to_owned()].into_iter());
        for line in ["hij", r#""count":1}"#, "l"] {
            check_next(&lines, line);
        }
    }

    #[test]
    fn the_last_line_finds_room() {
        let lines = Lines::new(1);
        lines.offer(["a", "b"].map(str::to_owned).into_iter());
        lines.end("end".to_owned());
        for line in ["a", r#""count":1}"#, "end"] {
            check_next(&lines, line);
        }
        assert_eq!(lines.next(), None);
    }

    #[test]
    fn a_pipe_that_does_not_block_is_waited_for() {
        let (mut reader, writer) = io::pipe().expect("a pipe");
        fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("our own pipe");
        let (lost, told) = std::sync::mpsc::channel();
        let file = File::from(std::os::fd::OwnedFd::from(writer));
        let lost = move |error| drop(lost.send(error));
        let writer = Writer::start(Sink::Open(file), lost).expect("a thread");
        let line = ".".repeat(BYTES_MAX);
        writer.offer([line.clone()].into_iter());
        let read = thread::spawn(move || {
            let mut all = String::new();
            reader.read_to_string(&mut all).expect("text");
            all
        });
        writer.end("end".to_owned());
        assert_eq!(read.join().expect("no panic"), line + "end");
        assert!(told.recv().is_err(), "nothing was lost");
    }
}
