//! Watches one rwatch from outside: waits for what it says, counts its runs, and sees it off.
//!
//! When a [`Rwatch`] is dropped it may have no zombies, and nobody may be left alive. To show that
//! something leads to *no* restart nobody waits: after the thing in question comes a change of a
//! fence file, and the next start has to be about the fence alone. There are two fences, by turns,
//! because one file that changes right after every start is what rwatch takes for a loop.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::ops::Deref;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{PATIENCE, Sandbox, children, eventually, state};

/// How soon a person can type Ctrl-C again.
pub(crate) const AGAIN: Duration = Duration::from_millis(300);

/// What a start of the fixture says about itself.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) run: u32,
    pub(crate) reason: String,
    pub(crate) changed: Vec<String>,
    /// What was printed since the start before.
    pub(crate) before: Vec<String>,
}

/// How rwatch ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Code(i32),
    Signal(i32),
}

/// What reaches us from a running rwatch.
enum Seen {
    Stdout(Vec<u8>),
    Stderr(Vec<u8>),
    Ended(ExitStatus),
}

/// An rwatch that was started, and everything seen of it.
pub(crate) struct Rwatch {
    sandbox: Sandbox,
    pid: Pid,
    inbox: Receiver<Seen>,
    stdout: Vec<Vec<u8>>,
    stderr: Vec<Vec<u8>>,
    /// How many lines the waits have used up.
    stdout_used: usize,
    stderr_used: usize,
    ended: Option<ExitStatus>,
    /// Everything was seen: the end, and the ends of both streams.
    complete: bool,
    run: u32,
    fences: u32,
}

impl Deref for Rwatch {
    type Target = Sandbox;

    fn deref(&self) -> &Sandbox {
        &self.sandbox
    }
}

impl Rwatch {
    /// Runs `command` in the sandbox, which it takes over.
    pub(super) fn start(sandbox: Sandbox, mut command: Command) -> Self {
        let mut child = command.spawn().expect("rwatch starts");
        let pid = Pid::from_raw(child.id().try_into().expect("pids are small"));
        let (tell, inbox) = mpsc::channel();
        if let Some(stdout) = child.stdout.take() {
            read(stdout, tell.clone(), Seen::Stdout);
        }
        if let Some(stderr) = child.stderr.take() {
            read(stderr, tell.clone(), Seen::Stderr);
        }
        thread::spawn(move || tell.send(Seen::Ended(child.wait().expect("our own child"))));
        Self {
            sandbox,
            pid,
            inbox,
            stdout: Vec::new(),
            stderr: Vec::new(),
            stdout_used: 0,
            stderr_used: 0,
            ended: None,
            complete: false,
            run: 0,
            fences: 0,
        }
    }

    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// The number of the latest start that was waited for.
    pub(crate) fn run(&self) -> u32 {
        self.run
    }

    pub(crate) fn signal(&self, signal: Signal) {
        assert!(
            self.ended.is_none(),
            "rwatch has ended; {}",
            self.transcript()
        );
        kill(self.pid, signal).expect("our own child");
    }

    /// Types Ctrl-C once more; until then the first one may have been enough.
    pub(crate) fn ctrl_c_again(&self) {
        thread::sleep(AGAIN);
        let _ = kill(self.pid, Signal::SIGINT);
    }

    /// Waits until `look` finds something.
    #[track_caller]
    fn wait<T>(&mut self, what: &str, mut look: impl FnMut(&mut Self) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.inbox.recv_timeout(left) {
                Ok(seen) => self.take_in(seen),
                Err(RecvTimeoutError::Disconnected) if !self.complete => self.complete = true,
                Err(RecvTimeoutError::Disconnected | RecvTimeoutError::Timeout) => {
                    panic!("waited for: {what}; {}", self.transcript())
                }
            }
        }
    }

    fn take_in(&mut self, seen: Seen) {
        match seen {
            Seen::Stdout(line) => self.stdout.push(line),
            Seen::Stderr(line) => self.stderr.push(line),
            Seen::Ended(status) => self.ended = Some(status),
        }
    }

    /// Waits for the next line of rwatch that matches; `*` stands for anything.
    #[track_caller]
    pub(crate) fn says(&mut self, pattern: &str) -> String {
        let full = format!("[rwatch] {pattern}");
        self.wait(&format!("`{full}` on stderr"), |rwatch| {
            next(&rwatch.stderr, &mut rwatch.stderr_used, &full)
        })
    }

    /// Waits until rwatch, being verbose, has named so many changes for the pending start.
    #[track_caller]
    pub(crate) fn knows_of(&mut self, changes: usize) {
        let mut known = 0;
        while known < changes {
            let line = self.says("* changed*");
            let more = line
                .split_once(" and ")
                .and_then(|(_, rest)| rest.split(' ').next());
            known += 1 + more.map_or(0, |more| more.parse().expect("`and N more`"));
        }
    }

    /// Waits for the next line of COMMAND that matches.
    #[track_caller]
    pub(crate) fn prints(&mut self, pattern: &str) -> String {
        self.wait(&format!("`{pattern}` on stdout"), |rwatch| {
            next(&rwatch.stdout, &mut rwatch.stdout_used, pattern)
        })
    }

    /// Waits for the next start of the fixture.
    #[track_caller]
    pub(crate) fn ready(&mut self) -> Start {
        let from = self.stdout_used;
        let line = self.prints("ready * * *");
        let mut words = line.splitn(4, ' ').skip(1).map(str::to_owned);
        let mut word = || words.next().unwrap_or_default();
        let (run, reason, changed) = (word(), word(), word());
        self.run = run
            .parse()
            .unwrap_or_else(|_| panic!("no RWATCH_RUN; {}", self.transcript()));
        Start {
            run: self.run,
            reason,
            changed: changed
                .split('|')
                .filter(|name| !name.is_empty())
                .map(Into::into)
                .collect(),
            before: self.stdout[from..self.stdout_used - 1]
                .iter()
                .map(|line| text(line))
                .collect(),
        }
    }

    /// Waits for the next start, which has to be the next run, because of these changes alone.
    #[track_caller]
    pub(crate) fn restarts_for(&mut self, names: &[&str]) {
        let run = self.run + 1;
        let start = self.ready();
        let expected = (run, "change", names.to_vec());
        let changed = start.changed.iter().map(String::as_str).collect();
        assert_eq!(
            (start.run, &*start.reason, changed),
            expected,
            "{}",
            self.transcript()
        );
    }

    /// Saves a fence, which certainly counts; its path.
    fn save_fence(&mut self) -> String {
        self.fences += 1;
        let fence = format!("{}fence{}.js", self.sandbox.fences, self.fences % 2);
        // With other bytes each time, for `--if-changed`.
        self.sandbox.save(&fence, &self.fences.to_string());
        fence
    }

    /// Does something that must lead to no restart.
    #[track_caller]
    pub(crate) fn ignores(&mut self, act: impl FnOnce(&Sandbox)) {
        act(&self.sandbox);
        let fence = self.save_fence();
        self.restarts_for(&[&fence]);
    }

    /// Does something that must lead to a start that names `path`, or something below it.
    ///
    /// It may take several system calls, and on a busy machine be more than one burst.
    #[track_caller]
    pub(crate) fn notices(&mut self, path: &str, act: impl FnOnce(&Sandbox)) {
        act(&self.sandbox);
        self.comes_to(path);
        self.settle();
    }

    /// Waits for a start that names `path`, or something below it.
    #[track_caller]
    pub(crate) fn comes_to(&mut self, path: &str) {
        while !self
            .ready()
            .changed
            .iter()
            .any(|changed| Path::new(changed).starts_with(path))
        {}
    }

    /// Leaves the starts behind that earlier changes may still lead to; how many there were.
    #[track_caller]
    pub(crate) fn settle(&mut self) -> u32 {
        let run = self.run;
        let fence = self.save_fence();
        self.comes_to(&fence);
        self.run - run - 1
    }

    /// Waits until rwatch has ended and all that it said has been read.
    ///
    /// A process that was left behind would hold stdout open, and is found that way.
    #[track_caller]
    pub(crate) fn exit(&mut self) -> Ended {
        self.wait("the end of rwatch and of what it says", |rwatch| {
            rwatch.complete.then_some(())
        });
        let status = self.ended.expect("a complete story has an end");
        status.code().map_or_else(
            || Ended::Signal(status.signal().expect("neither code nor signal")),
            Ended::Code,
        )
    }

    /// Sends a signal and waits for the end.
    #[track_caller]
    pub(crate) fn end_by(&mut self, signal: Signal) -> Ended {
        self.signal(signal);
        self.exit()
    }

    /// What rwatch has said so far, without its prefix.
    pub(crate) fn said(&self) -> Vec<String> {
        let lines = self.stderr.iter().map(|line| text(line));
        lines
            .map(|line| line.strip_prefix("[rwatch] ").unwrap_or(&line).to_owned())
            .collect()
    }

    /// Everything on stderr so far, as it is.
    pub(crate) fn stderr(&self) -> String {
        self.stderr
            .iter()
            .map(|line| String::from_utf8_lossy(line))
            .collect()
    }

    /// Everything on stdout so far, as it is.
    pub(crate) fn stdout(&self) -> Vec<u8> {
        self.stdout.concat()
    }

    /// The same, of a command that prints text.
    #[track_caller]
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.stdout()).expect("text")
    }

    /// Everything there is to know when a test fails.
    pub(crate) fn transcript(&self) -> String {
        let mut all = String::from("seen so far:\n");
        for (name, lines) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            for line in lines {
                let _ = writeln!(all, "  {name}: {}", text(line));
            }
        }
        let _ = write!(
            all,
            "  ended: {:?}\n  alive: {:#?}",
            self.ended,
            self.alive()
        );
        all
    }
}

impl Drop for Rwatch {
    fn drop(&mut self) {
        if thread::panicking() {
            self.kill_all();
            return;
        }
        if !self.complete {
            if self.ended.is_none() {
                self.reaps_its_dead();
                // It may have ended by itself and not have been reaped yet, which is no error.
                let _ = kill(self.pid, Signal::SIGTERM);
            }
            self.exit();
        }
        let deadline = Instant::now() + PATIENCE;
        while let alive @ [_, ..] = &*self.alive() {
            if Instant::now() > deadline {
                let alive = format!("left alive: {alive:#?}; {}", self.transcript());
                self.kill_all();
                panic!("{alive}");
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Rwatch {
    /// Waits until no child is dead and not reaped.
    fn reaps_its_dead(&self) {
        let is_zombie = |pid: &i32| {
            let process = PathBuf::from(format!("/proc/{pid}"));
            // One whose first thread has ended looks like that, too.
            let threads = fs::read_dir(process.join("task")).into_iter().flatten();
            state(&process) == Some('Z') && threads.count() <= 1
        };
        eventually("rwatch reaps its dead", || {
            !children(self.pid).iter().any(is_zombie)
        });
    }
}

/// Sends on each line of a stream, with its line break, until its end.
fn read(stream: impl Read + Send + 'static, tell: Sender<Seen>, seen: fn(Vec<u8>) -> Seen) {
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        loop {
            let mut line = Vec::new();
            match stream.read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                // Nobody listens any more: the test is over.
                Ok(_) if tell.send(seen(line)).is_err() => return,
                Ok(_) => {}
            }
        }
    });
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line)
        .trim_end_matches('\n')
        .to_owned()
}

/// The next line that matches; the lines up to it are used up.
fn next(lines: &[Vec<u8>], used: &mut usize, pattern: &str) -> Option<String> {
    let found = lines[*used..]
        .iter()
        .position(|line| matches(pattern, &text(line)));
    let index = *used + found?;
    *used = index + 1;
    Some(text(&lines[index]))
}

/// Whether `line` is `pattern`, in which `*` stands for anything.
pub(crate) fn matches(pattern: &str, line: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == line;
    };
    let Some(line) = line.strip_prefix(start) else {
        return false;
    };
    line.char_indices()
        .map(|(at, _)| at)
        .chain([line.len()])
        .any(|at| matches(rest, &line[at..]))
}
