//! Ends what is left of a run when rwatch itself is killed.
//!
//! The guard is a process of its own: rwatch's own program under another name. It reads from a
//! pipe which runs there are, and sleeps. Nobody but rwatch holds the other end, so that the end
//! of the pipe is the end of rwatch, be it by SIGKILL or for want of memory; then everybody of the
//! runs that are not over is killed. By that time they have other parents, so that they are known
//! by their group and by `RWATCH_RUN_ID` in their environment.
//!
//! It leads a session of its own and takes no signals, so that what is sent to rwatch's group, or
//! typed into the terminal, spares it. If it is killed, rwatch starts another one.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::{self, BufRead as _, PipeWriter, Write as _};
#[cfg(target_os = "linux")]
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{SigSet, Signal, kill, killpg};
use nix::unistd::{Pid, chdir, setsid};

use super::set::Table;

/// Its name in the process table. It is not found by `pkill rwatch`, which is to end rwatch, and is
/// the guard's cue.
pub const NAME: &str = "rw-guard";

/// How often the guard looks whether anybody is left, and the pause between two looks. Only those
/// whom even SIGKILL does not end (state D) take so long.
const ROUNDS: usize = 5000;
const PAUSE: Duration = Duration::from_millis(1);
/// In how many looks in a row somebody may be missed who has no environment while it becomes another
/// program (execve(2)), and in how many while COMMAND is being started.
const EXEC: usize = 10;
const START: usize = 50;

/// The guard, as rwatch sees it. When this is dropped the guard goes, and is waited for.
pub(super) struct Guard {
    process: Child,
    pipe: Option<PipeWriter>,
    started: Instant,
    /// The guard's parent lives as long as this.
    _parent: Sender<()>,
}

/// A guard that is being started.
pub(super) struct Coming {
    told: Receiver<io::Result<(Child, PipeWriter)>>,
    parent: Sender<()>,
}

impl Coming {
    /// Starts a guard, beside everything else that has to be done. It is the child of a thread of its
    /// own: so the loop's thread can ask whether there is a child left to wait for, and does not mean
    /// the guard (`__WNOTHREAD`, waitid(2)).
    pub(super) fn start() -> io::Result<Self> {
        let (tell, told) = channel();
        let (parent, alive) = channel();
        thread::Builder::new()
            .name("guard".to_owned())
            .spawn(move || {
                let _ = tell.send(spawn());
                // Until nobody can send any more.
                let _: Result<(), _> = alive.recv();
            })?;
        Ok(Self { told, parent })
    }

    /// Waits until it is there.
    ///
    /// # Errors
    /// If it could not be started, or has died since.
    pub(super) fn wait(self) -> io::Result<Guard> {
        let (mut process, pipe) = self.told.recv().map_err(io::Error::other)??;
        if process.try_wait()?.is_some() {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(Guard {
            process,
            pipe: Some(pipe),
            started: Instant::now(),
            _parent: self.parent,
        })
    }
}

impl Guard {
    /// Whether it lived for a moment at least.
    pub(super) fn was_of_use(&self) -> bool {
        self.started.elapsed() > PAUSE * 20
    }

    pub(super) fn pid(&self) -> i32 {
        self.process.id().cast_signed()
    }

    /// Wakes it, if it was stopped: so it could not do its duty.
    pub(super) fn wake(&self) {
        let _ = kill(Pid::from_raw(self.pid()), Signal::SIGCONT);
    }

    /// Ends it: nobody is left to guard.
    pub(super) fn dismiss(mut self) {
        let _ = self.process.kill();
    }

    /// A run of this name is about to start, or goes on without its group.
    pub(super) fn begin(&mut self, name: &str) {
        self.say(&format!("begin {name}\n"));
    }

    /// It has started, as this group.
    pub(super) fn group(&mut self, name: &str, group: Pid) {
        self.say(&format!("group {name} {group}\n"));
    }

    /// It is over.
    pub(super) fn over(&mut self, name: &str) {
        self.say(&format!("over {name}\n"));
    }

    /// If the guard is dead that will be noticed, and another one told everything.
    fn say(&mut self, line: &str) {
        if let Some(pipe) = &mut self.pipe {
            let _ = pipe.write_all(line.as_bytes());
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.pipe.take());
        let _ = self.process.wait();
    }
}

/// Starts the process, and the pipe to it.
fn spawn() -> io::Result<(Child, PipeWriter)> {
    let (theirs, ours) = io::pipe()?;
    // The loop must not wait for a guard that somebody has stopped.
    fcntl(&ours, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    let start = |program: &OsStr| {
        // Its outputs are those of nobody: in some sandboxes /dev/null cannot be opened.
        Command::new(program)
            .arg0(NAME)
            .env_clear()
            .stdin(theirs.try_clone()?)
            .stdout(theirs.try_clone()?)
            .stderr(theirs.try_clone()?)
            .spawn()
    };
    let process = match start("/proc/self/exe".as_ref()) {
        // There is no /proc: by the path that rwatch was started by.
        #[cfg(target_os = "linux")]
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            start(OsStr::from_bytes(rustix::param::linux_execfn().to_bytes()))?
        }
        process => process?,
    };
    Ok((process, ours))
}

/// What the guard does all its life.
pub fn watch_over() {
    let _ = SigSet::all().thread_block();
    let _ = setsid();
    // Not the name of the file, which is that of a link.
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_name(c"rw-guard");
    // Not to keep a file system busy.
    let _ = chdir("/");
    let mut runs: HashMap<String, Option<Pid>> = HashMap::new();
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["begin", name] => drop(runs.insert(name.to_owned(), None)),
            ["group", name, group] => {
                let group = group.parse().ok().map(Pid::from_raw);
                runs.insert(name.to_owned(), group);
            }
            ["over", name] => drop(runs.remove(name)),
            _ => {}
        }
    }
    if !runs.is_empty() {
        end(&runs);
    }
}

/// Kills everybody of these runs.
fn end(runs: &HashMap<String, Option<Pid>>) {
    let groups: Vec<Pid> = runs.values().copied().flatten().collect();
    let names: Vec<String> = runs
        .keys()
        .map(|name| format!("RWATCH_RUN_ID={name}"))
        .collect();
    // Who was about to start has our environment until it does.
    let enough = if groups.len() < runs.len() {
        START
    } else {
        EXEC
    };
    let mut nobody = 0;
    for _ in 0..ROUNDS {
        for group in &groups {
            let _ = killpg(*group, Signal::SIGKILL);
        }
        let Some(table) = Table::read() else { continue };
        let left = table.trees(|process| {
            groups.iter().any(|group| group.as_raw() == process.group)
                || names.iter().any(|name| process.has_env(name))
        });
        nobody = if left.is_empty() { nobody + 1 } else { 0 };
        if nobody == enough {
            return;
        }
        for process in left {
            process.send(Signal::SIGKILL);
        }
        thread::sleep(PAUSE);
    }
}
