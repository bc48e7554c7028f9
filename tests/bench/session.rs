//! One tool at work on one tree: starts it, saves files, and hears from the child what came of it.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::time::ClockId;
use nix::unistd::{Pid, mkfifo};
use tempfile::TempDir;

use crate::processes::Processes;
use crate::programs::Programs;
use crate::tools::{How, Tool};
use crate::trees::Tree;

/// How long anything may take before it counts as not done.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a tool is given to be ready for changes.
const SETTLE: Duration = Duration::from_secs(1);

/// How long the machine is left alone before a start that is measured.
const CALM: Duration = Duration::from_millis(200);

/// In nanoseconds of `CLOCK_MONOTONIC`.
pub(crate) type Nanos = i64;

pub(crate) fn now() -> Nanos {
    nanos(ClockId::CLOCK_MONOTONIC)
}

pub(crate) fn nanos(clock: ClockId) -> Nanos {
    let now = clock.now().expect("the clock is there");
    now.tv_sec() * 1_000_000_000 + now.tv_nsec()
}

pub(crate) fn millis(from: Nanos, to: Nanos) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a day is 47 bits")]
    let millis = (to - from) as f64 / 1e6;
    millis
}

/// What the child says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    Started,
    Stopping,
}

/// What came of one save, in milliseconds after it.
#[derive(Clone, Copy)]
pub(crate) struct Save {
    pub(crate) signal: Option<f64>,
    pub(crate) start: Option<f64>,
}

/// A tool that runs.
pub(crate) struct Session<'a> {
    tree: &'a Tree,
    how: How,
    process: Child,
    fifo: File,
    heard: Vec<u8>,
    began: Nanos,
    saves: u32,
    _side: TempDir,
}

impl<'a> Session<'a> {
    /// Starts the tool with a child that needs `slow_stop` milliseconds to stop.
    pub(crate) fn start(
        tool: &Tool,
        tree: &'a Tree,
        programs: &Programs,
        how: How,
        slow_stop: u32,
    ) -> Self {
        let side = tempfile::tempdir().expect("a temporary directory");
        let path = side.path().join("fifo");
        mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).expect("a FIFO");
        // Both ends, so that it has no end while no child lives.
        let fifo = OpenOptions::new().read(true).write(true).open(&path);
        let child = programs.path("child");
        let words = [
            child.display().to_string(),
            path.display().to_string(),
            slow_stop.to_string(),
        ];
        let input = side.path().join("input");
        fs::write(&input, tool.input(tree)).expect("a writable directory");
        let mut command = tool.command(tree.root(), &words, how, side.path());
        command
            .current_dir(tree.root())
            .stdin(File::open(input).expect("it was just made"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        // The one before may still be on its way out.
        thread::sleep(CALM);
        let began = now();
        let process = command.spawn().expect("the tool starts");
        Self {
            tree,
            how,
            process,
            fifo: fifo.expect("a FIFO"),
            heard: Vec::new(),
            began,
            saves: 0,
            _side: side,
        }
    }

    /// Waits for the first start; how long after the tool's own that is, in milliseconds.
    pub(crate) fn first_start(&mut self) -> Option<f64> {
        let at = self.wait_for(Said::Started, PATIENCE)?;
        Some(millis(self.began, at))
    }

    /// Gives the tool the time to be ready.
    pub(crate) fn settle(&mut self) {
        self.drain(SETTLE);
    }

    /// Saves a file as soon as COMMAND is up, and again and again, until that is seen; how long after
    /// the tool's start that is.
    pub(crate) fn first_change(&mut self) -> Option<f64> {
        let give_up = Instant::now() + PATIENCE;
        while Instant::now() < give_up {
            self.save_file();
            if let Some((_, at)) = self.next(Duration::from_millis(100)) {
                return Some(millis(self.began, at));
            }
        }
        None
    }

    /// Saves the file, and sees what comes of it.
    pub(crate) fn save(&mut self) -> Save {
        let (mut signal, mut start) = (None, None);
        let at = self.save_file();
        let give_up = Instant::now() + PATIENCE / 3;
        while start.is_none() {
            let Some((said, when)) = self.next(give_up.saturating_duration_since(Instant::now()))
            else {
                break;
            };
            let seen = match said {
                Said::Stopping => &mut signal,
                Said::Started => &mut start,
            };
            seen.get_or_insert(millis(at, when));
        }
        // The next one comes when all is quiet, and not in step with anybody's clock.
        self.drain(Duration::from_millis(
            200 + u64::from(self.saves * 37 % 100),
        ));
        Save { signal, start }
    }

    /// Saves the file; when.
    fn save_file(&mut self) -> Nanos {
        self.saves += 1;
        save_as(&self.tree.file(), &self.saves.to_string(), self.how)
    }

    /// What the child says next.
    pub(crate) fn next(&mut self, patience: Duration) -> Option<(Said, Nanos)> {
        let give_up = Instant::now() + patience;
        loop {
            if let Some(end) = self.heard.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.heard.drain(..=end).collect();
                let line = String::from_utf8(line).expect("the child speaks ASCII");
                let words: Vec<&str> = line.split_whitespace().collect();
                let said = match words[0] {
                    "S" => Said::Started,
                    _ => Said::Stopping,
                };
                return Some((said, words[2].parse().expect("a number")));
            }
            let left = give_up.saturating_duration_since(Instant::now());
            let timeout = PollTimeout::try_from(left).expect("less than a month");
            let mut fds = [PollFd::new(self.fifo.as_fd(), PollFlags::POLLIN)];
            if poll(&mut fds, timeout).expect("poll(2)") == 0 {
                return None;
            }
            let mut some = [0; 4096];
            let length = self.fifo.read(&mut some).expect("our own FIFO");
            self.heard.extend(&some[..length]);
        }
    }

    fn wait_for(&mut self, wanted: Said, patience: Duration) -> Option<Nanos> {
        let give_up = Instant::now() + patience;
        loop {
            let left = give_up.saturating_duration_since(Instant::now());
            match self.next(left)? {
                (said, at) if said == wanted => return Some(at),
                _ => {}
            }
        }
    }

    /// Hears everything until it is quiet for so long; when there were starts.
    pub(crate) fn drain(&mut self, quiet: Duration) -> Vec<Nanos> {
        let give_up = Instant::now() + PATIENCE;
        let mut starts = Vec::new();
        while let Some((said, at)) = self.next(quiet) {
            starts.extend((said == Said::Started).then_some(at));
            if Instant::now() > give_up {
                break;
            }
        }
        starts
    }

    /// What the tool is at the moment.
    pub(crate) fn processes(&self) -> Processes {
        Processes::below(self.process.id())
    }
}

impl Drop for Session<'_> {
    /// Whoever does not end by SIGTERM, and whatever it leaves behind, is killed.
    fn drop(&mut self) {
        let all = self.processes();
        let _ = kill(
            Pid::from_raw(self.process.id().cast_signed()),
            Signal::SIGTERM,
        );
        let give_up = Instant::now() + Duration::from_secs(2);
        while matches!(self.process.try_wait(), Ok(None)) && Instant::now() < give_up {
            thread::sleep(Duration::from_millis(10));
        }
        all.kill();
        let _ = self.process.wait();
    }
}

/// Saves a file; when.
pub(crate) fn save_as(path: &Path, content: &str, how: How) -> Nanos {
    let open = |path: &Path| File::create(path).expect("a writable directory");
    match how {
        How::Write => {
            let mut file = open(path);
            file.write_all(content.as_bytes()).expect("a writable file");
            let at = now();
            drop(file);
            at
        }
        How::Rename => {
            let name = path.with_extension("js.tmp");
            open(&name)
                .write_all(content.as_bytes())
                .expect("a writable file");
            let at = now();
            fs::rename(&name, path).expect("a file");
            at
        }
    }
}
