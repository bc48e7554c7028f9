//! Starts COMMAND, signals it, and reaps it. The only room that knows pids.
//!
//! A run is over when its process group is empty, not when its leader is gone. On Linux rwatch is
//! a child subreaper (`PR_SET_CHILD_SUBREAPER`, prctl(2)): orphans of the group become our own
//! children, so that the death of every single member is seen, without looking again and again.
//!
//! Who may be signalled? Only [`Waiter`] blocks on children, and it never reaps; [`Processes`]
//! reaps, in the loop's thread, which is the one that signals. So the pid of a child that is not
//! reaped yet is ours. A group id stays taken while anybody is in the group (POSIX, `fork`: no
//! new process gets the id of a living group), and after every reap the group is looked at before
//! anything else: an empty one is dropped, and never signalled again.

mod launch;
mod set;
mod waiter;

use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

pub use self::launch::Launch;
pub use self::set::Member;
use self::waiter::Waiter;
use crate::event::{Changes, Event, ExitReason, RunId, SpawnFailure, StartReason};

/// The runs that are not over, and the means to start, signal and reap them.
pub struct Processes {
    launch: Launch,
    runs: Vec<Run>,
    waiter: Waiter,
}

/// One life of COMMAND.
struct Run {
    id: RunId,
    /// The first process of the group, whose id is the group's.
    leader: Child,
    group: Pid,
    /// How the leader ended, once it has been reaped.
    ended: Option<ExitReason>,
}

impl Processes {
    /// Prepares to start `launch`. From now on `dead` is called, from another thread, whenever a
    /// child is dead and waits for [`Processes::reap`].
    pub fn new(launch: Launch, dead: impl Fn(Pid) + Send + 'static) -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        nix::sys::prctl::set_child_subreaper(true)?;
        Ok(Self {
            launch,
            runs: Vec::new(),
            waiter: Waiter::start(dead)?,
        })
    }

    /// Starts COMMAND in a process group of its own.
    ///
    /// `process_group` and everything else that is set here keep to what `posix_spawn` can do:
    /// with it the cost does not grow with our own memory, as that of a fork does.
    pub fn spawn(
        &mut self,
        id: RunId,
        reason: StartReason,
        changes: &Changes,
    ) -> Result<i32, SpawnFailure> {
        let mut command: Command = self.launch.command(id, reason, changes);
        command.process_group(0);
        let leader = command
            .spawn()
            .map_err(|error| self.launch.diagnose(&error))?;
        let group = Pid::from_raw(leader.id().cast_signed());
        self.runs.push(Run {
            id,
            leader,
            group,
            ended: None,
        });
        self.waiter.resume();
        Ok(group.as_raw())
    }

    /// Sends `signal` to everybody of the run, and SIGCONT after it: a stopped process cannot
    /// act on a signal, and cannot die of SIGTERM.
    pub fn signal(&self, id: RunId, signal: Signal) {
        if let Some(run) = self.run(id) {
            // Whoever is gone by now needs no signal.
            let _ = killpg(run.group, signal);
            let _ = killpg(run.group, Signal::SIGCONT);
        }
    }

    /// Ends everybody of the run.
    pub fn kill(&self, id: RunId) {
        if let Some(run) = self.run(id) {
            let _ = killpg(run.group, Signal::SIGKILL);
        }
    }

    /// Sends `signal` to the leader of the run alone.
    pub fn relay(&self, id: RunId, signal: Signal) {
        if let Some(run) = self.run(id).filter(|run| run.ended.is_none()) {
            let _ = kill(run.group, signal);
        }
    }

    /// Who of the run is still there.
    pub fn remaining(&self, id: RunId) -> Vec<Member> {
        self.run(id)
            .map_or_else(Vec::new, |run| set::members(run.group))
    }

    /// Whether anybody of the run runs at this moment, or waits for a disk.
    pub fn are_at_work(&self, id: RunId) -> bool {
        self.remaining(id).iter().any(set::is_at_work)
    }

    /// Reaps a dead child, and tells what that means for the runs.
    pub fn reap(&mut self, dead: Pid) -> Vec<Event> {
        let mut events = Vec::new();
        for run in &mut self.runs {
            if run.group == dead
                && run.ended.is_none()
                && let Ok(Some(status)) = run.leader.try_wait()
            {
                run.ended = Some(exit_reason(status));
                events.push(Event::Exited { run: run.id });
            }
        }
        if events.is_empty() {
            // An orphan that became ours. How it ended concerns nobody.
            let _ = waitpid(dead, Some(WaitPidFlag::WNOHANG));
        }
        for emptied in self.emptied() {
            if let Event::Emptied { run, .. } = emptied {
                events.retain(|event| *event != Event::Exited { run });
            }
            events.push(emptied);
        }
        #[cfg(not(target_os = "linux"))]
        for run in self.runs.iter().filter(|run| run.ended.is_some()) {
            // Without a subreaper the orphans die unseen.
            self.waiter.look_again_at(run.group);
        }
        self.waiter.resume();
        events
    }

    /// The runs of which nobody is left, each once. For the most part `reap` tells; a member whose
    /// parent has left the group dies unseen, and is missed by looking again.
    pub fn emptied(&mut self) -> Vec<Event> {
        let over = |run: &mut Run| run.ended.is_some() && is_empty(run.group);
        let over = self.runs.extract_if(.., over);
        over.filter_map(|run| {
            Some(Event::Emptied {
                run: run.id,
                reason: run.ended?,
            })
        })
        .collect()
    }

    fn run(&self, id: RunId) -> Option<&Run> {
        self.runs.iter().find(|run| run.id == id)
    }
}

/// Whether nobody is in the group. A zombie counts as somebody (kill(2)): those that are ours
/// have been reaped, and those of others have a living parent.
fn is_empty(group: Pid) -> bool {
    killpg(group, None) == Err(Errno::ESRCH)
}

fn exit_reason(status: ExitStatus) -> ExitReason {
    match (status.code(), status.signal()) {
        // wait(2): the code is eight bits wide.
        (Some(code), _) => ExitReason::Code(u8::try_from(code & 0xff).unwrap_or(u8::MAX)),
        (None, Some(signal)) => ExitReason::Signal(signal),
        (None, None) => unreachable!("a child that was waited for has exited or was killed"),
    }
}
