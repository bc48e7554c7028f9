//! Starts COMMAND, signals it, and reaps it. The only room that knows pids.
//!
//! A run is over when its [`set`] is empty, not when its leader is gone. On Linux rwatch is a
//! child subreaper (`PR_SET_CHILD_SUBREAPER`, prctl(2)): whoever of COMMAND's descendants loses
//! its parent becomes our own child, a daemon too, so that every death is seen without looking
//! again and again.
//!
//! Who may be signalled? Only [`Waiter`] blocks on children, and it never reaps; [`Processes`]
//! reaps, in the loop's thread, which is the one that signals. So the pid of a child that is not
//! reaped yet is ours. A group id stays taken while anybody is in the group (POSIX, `fork`: no
//! new process gets the id of a living group), and after every reap the group is looked at before
//! anything else: an empty one is dropped, and never signalled again. Everybody else is held by a
//! pidfd.

#[cfg(target_os = "linux")]
mod cgroup;
mod dotenv;
mod env_files;
mod guard;
mod input;
mod launch;
#[cfg(target_os = "linux")]
mod namespace;
mod set;
mod slice;
mod waiter;
mod witness;

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{Pid, getpid};

#[cfg(target_os = "linux")]
use self::cgroup::Cgroup;
use self::env_files::{EnvFiles, Outcome};
pub use self::env_files::{Read, Reading};
use self::guard::{Coming, Guard};
pub use self::guard::{NAME as GUARD, watch_over};
use self::input::Input;
pub use self::launch::Launch;
pub use self::set::Member;
use self::set::{Process, Table};
pub use self::slice::Slices;
pub use self::waiter::News;
use self::waiter::Waiter;
use self::witness::Witness;
pub use self::witness::{NAME as WITNESS, look_out};
use crate::event::{Changes, Event, ExitReason, Halt, RunId, SpawnFailure, StartReason};

/// To look for those outside of a group takes as long as a restart: the table of processes is read
/// for it. That is put off, so that the group can act on its signal, and most runs are over by then.
const LOOK_AFTER: Duration = Duration::from_millis(5);

/// How often those are looked for who came while the others were killed.
const SWEEPS: usize = 50;
/// A tree without new members is dead after one sweep, and one that was forking after two or three.
const PATIENT_SWEEPS: usize = 3;

/// What COMMAND is to start with, whatever rwatch needs for itself.
#[derive(Clone, Debug)]
pub struct Given {
    /// The signals that are blocked.
    pub blocked: SigSet,
    /// Those that are ignored, and would not be in COMMAND, because rwatch or its runtime sets
    /// something else.
    pub ignored: Vec<Signal>,
    /// How it is scheduled, if rwatch is scheduled in another way.
    pub slices: Option<Slices>,
}

/// What can be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programs {
    /// COMMAND.
    pub command: Launch,
    /// What has to succeed before.
    pub build: Option<Launch>,
}

impl Programs {
    /// What is started as this run.
    fn launch(&self, id: RunId) -> &Launch {
        match &self.build {
            Some(build) if id.is_build() => build,
            Some(_) | None => &self.command,
        }
    }
}

/// Who of a run can be found, beside its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Everybody: there is a process table.
    Everybody,
    /// Those who have become rwatch's own children.
    Children,
    /// Nobody: rwatch may have others' children.
    Group,
}

/// A run that has started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Started {
    /// The process id of its leader.
    pub pid: i32,
    /// The list of changes was too long to be given to it.
    pub unlisted: bool,
}

/// The runs that are not over, and the means to start, signal and reap them.
pub struct Processes {
    programs: Programs,
    env_files: EnvFiles,
    given: Given,
    input: Input,
    runs: Vec<Run>,
    /// The file whose mode has kept the latest start from being made.
    denied: Option<PathBuf>,
    waiter: Waiter,
    guard: Option<Guard>,
    /// The guard, before it was needed.
    coming: Option<Coming>,
    /// Who hears a Ctrl-C together with the run that has the terminal.
    witness: Option<Witness>,
    /// Children that we had before we were rwatch: of the shell that became us by `exec`.
    strangers: HashSet<i32>,
    /// Whether orphans may become ours that are not COMMAND's: theirs, and, if we are PID 1 of a
    /// container, those of whoever else comes in.
    adopts_strangers: bool,
}

/// One life of COMMAND, or of the build.
struct Run {
    id: RunId,
    /// The value of `RWATCH_RUN_ID`.
    name: String,
    /// The first process of the group, whose id is the group's.
    leader: Child,
    /// None: nobody is in it any more, and its id may be somebody else's.
    group: Option<Pid>,
    /// How the leader ended, once it has been reaped.
    ended: Option<ExitReason>,
    /// The latest signal to everybody, and who outside of the group has got it.
    told: Option<(Signal, HashSet<i32>)>,
    /// When to look for those outside of the group, to tell them.
    look_at: Option<Instant>,
    /// Where those are killed who multiply too fast.
    #[cfg(target_os = "linux")]
    cgroup: Option<Cgroup>,
}

impl Run {
    /// The leader's, which is somebody else's once it has been reaped.
    fn pid(&self) -> Pid {
        Pid::from_raw(self.leader.id().cast_signed())
    }

    fn is_in_group(&self, process: &Process) -> bool {
        self.group
            .is_some_and(|group| group.as_raw() == process.group)
    }

    /// Sends a signal to the group. Whoever is gone by now needs none.
    fn send(&self, signal: Signal) {
        if let Some(group) = self.group {
            let _ = killpg(group, signal);
        }
    }

    /// Whether somebody outside of the group has got the latest signal.
    fn has_been_told(&self, member: &Process) -> bool {
        let told = self.told.as_ref().map(|(_, told)| told);
        told.is_some_and(|told| told.contains(&member.pid))
    }

    /// Kills these, and what they fork meanwhile, if there is a cgroup to do it in.
    #[cfg(target_os = "linux")]
    fn kill_at_one_stroke(&mut self, members: &[Process]) {
        if self.cgroup.is_none() {
            self.cgroup = Cgroup::make(&self.name);
        }
        if let Some(cgroup) = &self.cgroup {
            for member in members {
                cgroup.add(member.pid);
            }
            cgroup.kill();
        }
    }

    /// Elsewhere there are no cgroups.
    #[cfg(not(target_os = "linux"))]
    fn kill_at_one_stroke(&mut self, _: &[Process]) {}
}

impl Processes {
    /// Prepares to start `programs`. From now on `news` is called, from another thread, whenever a
    /// child is dead or stopped and waits for [`Processes::take_in`], and `reading` when a file of
    /// `--env-file` has been read and waits for [`Processes::keep`].
    pub fn new(
        programs: Programs,
        given: Given,
        news: impl Fn(News) + Send + 'static,
        reading: impl Fn(Reading) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        nix::sys::prctl::set_child_subreaper(true)?;
        // Before anything is started.
        let strangers = match waiter::next_news(libc::WEXITED | libc::WNOHANG) {
            Err(Errno::ECHILD) => HashSet::new(),
            _ => Table::read()
                .iter()
                .flat_map(|table| table.children(getpid().as_raw()))
                .map(|child| child.pid)
                .collect(),
        };
        Ok(Self {
            programs,
            env_files: EnvFiles::new(reading),
            given,
            input: Input::look(),
            runs: Vec::new(),
            denied: None,
            waiter: Waiter::start(news)?,
            guard: None,
            coming: Coming::start().ok(),
            witness: None,
            adopts_strangers: !strangers.is_empty() || getpid().as_raw() == 1,
            strangers,
        })
    }

    /// Whether there is something to build before COMMAND starts.
    pub fn build_first(&self) -> bool {
        self.programs.build.is_some()
    }

    /// Starts COMMAND, or the build before this run of it, in a process group of its own. Standard
    /// input is for COMMAND to read. None: a file with variables has to be read first, and then this
    /// is to be tried again.
    pub fn spawn(
        &mut self,
        id: RunId,
        before: RunId,
        reason: StartReason,
        changes: &Changes,
    ) -> Result<Option<Started>, SpawnFailure> {
        self.denied = None;
        let files = &self.programs.launch(id).env_files;
        let variables = match self.env_files.variables(files, id.is_build()) {
            Ok(Some(variables)) => variables,
            Ok(None) => return Ok(None),
            Err(failure) => {
                self.env_files.used(Outcome::Over);
                return Err(failure);
            }
        };
        let name = launch::unique(id);
        let attempt = |it: &mut Self, changes: &Changes| {
            let launch = it.programs.launch(id);
            let mut command = launch.command(before, &name, reason, changes, &variables);
            if id.is_build() {
                command.stdin(no_input());
            } else {
                it.input.rewind();
            }
            it.start(id, name.clone(), command)
        };
        let mut started = attempt(self, changes);
        if started.as_ref().is_err_and(is_denied) {
            self.denied = self.programs.launch(id).denied(&variables);
            if self.denied.is_none() {
                // If it is a question of modes, it has been answered meanwhile.
                started = attempt(self, changes);
            }
        }
        let too_long = |error: &io::Error| error.raw_os_error() == Some(libc::E2BIG);
        let unlisted = changes.len() > 0 && started.as_ref().is_err_and(too_long);
        if unlisted {
            // Better to run without the list than not at all.
            started = attempt(self, &Changes::default());
        }
        let started =
            started.map_err(|error| self.programs.launch(id).diagnose(&error, &variables));
        self.env_files.used(match &started {
            Ok(_) if id.is_build() => Outcome::Building,
            Err(failure) if failure.is_transient() => Outcome::Again,
            Ok(_) | Err(_) => Outcome::Over,
        });
        started.map(|pid| Some(Started { pid, unlisted }))
    }

    /// The file that could not be executed in the latest start, and could be with another mode.
    pub fn denied(&self) -> Option<&Path> {
        self.denied.as_deref()
    }

    /// Takes in what a file with variables held.
    pub fn keep(&mut self, read: Read) {
        self.env_files.read(read);
    }

    /// `process_group` and everything else that is set here keep to what `posix_spawn` can do:
    /// with it the cost does not grow with our own memory, as that of a fork does.
    fn start(&mut self, id: RunId, name: String, mut command: Command) -> io::Result<i32> {
        command.process_group(0);
        if self.guard.is_none() {
            self.set_guard();
        }
        if let Some(guard) = &mut self.guard {
            guard.begin(&name);
        }
        if !self.given.ignored.is_empty() {
            ignore(&mut command, self.given.ignored.clone());
        }
        let leader = match self.as_given(|| command.spawn()) {
            Ok(leader) => leader,
            Err(error) => {
                if let Some(guard) = &mut self.guard {
                    guard.over(&name);
                }
                return Err(error);
            }
        };
        let group = Pid::from_raw(leader.id().cast_signed());
        if let Some(guard) = &mut self.guard {
            guard.group(&name, group);
        }
        self.runs.push(Run {
            id,
            name,
            leader,
            group: Some(group),
            ended: None,
            told: None,
            look_at: None,
            #[cfg(target_os = "linux")]
            cgroup: None,
        });
        self.waiter.resume();
        Ok(group.as_raw())
    }

    /// Does what hands down the signal mask, and the slices.
    fn as_given<T>(&self, work: impl FnOnce() -> T) -> T {
        let ours = self.given.blocked.thread_swap_mask(SigmaskHow::SIG_SETMASK);
        let done = match &self.given.slices {
            Some(slices) => slices.hand_down(work),
            None => work(),
        };
        if let Ok(ours) = ours {
            let _ = ours.thread_set_mask();
        }
        done
    }

    /// Sets a guard over the runs. Where there can be none for the moment, the next start tries
    /// again.
    fn set_guard(&mut self) {
        let ready = self.coming.take().and_then(|coming| coming.wait().ok());
        self.guard = ready.or_else(|| Coming::start().ok()?.wait().ok());
        if let Some(guard) = &mut self.guard {
            for run in &self.runs {
                guard.begin(&run.name);
                if let Some(group) = run.group {
                    guard.group(&run.name, group);
                }
            }
        }
    }

    /// Sends `signal` to everybody of the run, and SIGCONT after it: a stopped process cannot
    /// act on a signal, and cannot die of SIGTERM. Those outside of the group get it a moment later,
    /// see [`Processes::due`].
    pub fn signal(&mut self, id: RunId, signal: Signal) {
        let Some(index) = self.index(id) else { return };
        // From now on the run ends because it was told to.
        if let Some(witness) = self.witness.as_ref().filter(|it| it.attends(id)) {
            witness.forget();
        }
        // Whoever is gone by now needs no signal.
        self.runs[index].send(signal);
        self.runs[index].send(Signal::SIGCONT);
        self.runs[index].told = Some((signal, HashSet::new()));
        let mut look_at = Instant::now();
        // When its parent is gone a child of ours may be anybody's.
        if !self.adopts_strangers {
            look_at += LOOK_AFTER;
        }
        self.runs[index].look_at = Some(look_at);
        self.do_what_is_due();
    }

    /// When [`Processes::do_what_is_due`] is to be called, if nothing happens before.
    pub fn due(&self) -> Option<Instant> {
        self.runs.iter().filter_map(|run| run.look_at).min()
    }

    /// Tells those their signal who are not in the group of their run, if it is time to look for them.
    pub fn do_what_is_due(&mut self) {
        if self.due().is_none_or(|due| Instant::now() < due) {
            return;
        }
        let table = Table::read();
        for index in 0..self.runs.len() {
            if self.runs[index].look_at.take().is_some()
                && let Some(table) = &table
            {
                self.tell_the_rest(index, table);
            }
        }
    }

    /// Has a witness hear what is typed into the terminal, which `group` of the run has or is about
    /// to get: if a Ctrl-C was, and nothing after it, and the run ends `within` that time, it counts
    /// as [`Event::Interrupted`], whatever its exit code.
    pub fn attend(&mut self, id: RunId, group: Pid, within: Duration) {
        let is_up = self
            .index(id)
            .is_some_and(|run| self.runs[run].ended.is_none());
        if !is_up || self.witness.as_ref().is_some_and(|it| it.is_in(id, group)) {
            return;
        }
        // Not both: the second one would not have heard what the first one has.
        drop(self.witness.take());
        self.witness = Witness::call(id, group, within).ok();
    }

    /// Whose this process group is.
    pub fn whose(&self, group: Pid) -> Option<RunId> {
        let leads = |run: &&Run| run.group == Some(group);
        if let Some(run) = self.runs.iter().find(leads) {
            return Some(run.id);
        }
        let table = Table::read()?;
        let has = |index: &usize| {
            let mut members = self.members(*index, &table).into_iter();
            members.any(|member| member.group == group.as_raw())
        };
        let index = (0..self.runs.len()).find(has)?;
        Some(self.runs[index].id)
    }

    /// Sends the run's latest signal to those outside of its group who have not got it.
    fn tell_the_rest(&mut self, index: usize, table: &Table) {
        let outside = self.members(index, table).into_iter();
        let outside: Vec<Process> = outside
            .filter(|member| !self.runs[index].is_in_group(member))
            .cloned()
            .collect();
        let Some((signal, told)) = &mut self.runs[index].told else {
            return;
        };
        for member in outside {
            if told.insert(member.pid) {
                member.send(*signal);
                member.send(Signal::SIGCONT);
            }
        }
    }

    /// Ends everybody of the run. Who comes while the others go is looked for again, now and at
    /// every death that follows.
    pub fn kill(&mut self, id: RunId) {
        let Some(index) = self.index(id) else { return };
        self.runs[index].told = Some((Signal::SIGKILL, HashSet::new()));
        for sweep in 0..SWEEPS {
            self.runs[index].send(Signal::SIGKILL);
            let Some(table) = Table::read() else { break };
            let members = self.members(index, &table);
            let run = &self.runs[index];
            let new: Vec<Process> = members
                .into_iter()
                .filter(|member| !run.has_been_told(member))
                .cloned()
                .collect();
            if new.is_empty() {
                break;
            }
            if sweep >= PATIENT_SWEEPS {
                self.runs[index].kill_at_one_stroke(&new);
            }
            for member in new {
                member.send(Signal::SIGKILL);
                if let Some((_, told)) = &mut self.runs[index].told {
                    told.insert(member.pid);
                }
            }
        }
    }

    /// Stops the groups of all runs as Ctrl-Z does.
    pub fn suspend(&self) {
        for run in &self.runs {
            run.send(Signal::SIGTSTP);
        }
    }

    /// Wakes all of them.
    pub fn resume_all(&self) {
        for run in &self.runs {
            run.send(Signal::SIGCONT);
        }
    }

    /// Wakes the group of the run.
    pub fn resume(&self, id: RunId) {
        if let Some(index) = self.index(id) {
            self.runs[index].send(Signal::SIGCONT);
        }
    }

    /// Sends `signal` to the leader of the run alone.
    pub fn relay(&self, id: RunId, signal: Signal) {
        let run = self.index(id).map(|index| &self.runs[index]);
        if let Some(run) = run.filter(|run| run.ended.is_none()) {
            let _ = kill(run.pid(), signal);
        }
    }

    /// Sends `signal` to the group of the run.
    pub fn relay_to_group(&self, id: RunId, signal: Signal) {
        if let Some(index) = self.index(id) {
            self.runs[index].send(signal);
        }
    }

    /// Who of the run is still there.
    pub fn remaining(&self, id: RunId) -> Vec<Member> {
        let (Some(index), Some(table)) = (self.index(id), Table::read()) else {
            return Vec::new();
        };
        let run = &self.runs[index];
        let members = self.members(index, &table).into_iter();
        let member = |process: &Process| Member {
            pid: process.pid,
            name: process.name.clone(),
            is_outside: !run.is_in_group(process),
        };
        let mut members: Vec<Member> = members.map(member).collect();
        if self.sight() != Sight::Everybody {
            members.retain(|member| member.is_outside);
            members.extend(run.group.filter(|it| !is_empty(*it)).map(|group| Member {
                pid: group.as_raw(),
                name: "and its group".to_owned(),
                is_outside: false,
            }));
        }
        members
    }

    /// Who can be found of a run.
    pub fn sight(&self) -> Sight {
        #[cfg(target_os = "linux")]
        let has_table = namespace::has_own_proc();
        #[cfg(not(target_os = "linux"))]
        let has_table = true;
        match has_table {
            true => Sight::Everybody,
            false if self.adopts_strangers => Sight::Group,
            false => Sight::Children,
        }
    }

    /// Whether anybody of the run runs at this moment, or waits for a disk.
    ///
    /// It is asked before the stop signal, which is urgent: so only those are looked at who are
    /// easily found.
    pub fn are_at_work(&self, id: RunId) -> bool {
        let Some(leader) = self.group(id) else {
            return false;
        };
        let table = Table::guess(leader.as_raw());
        let members = self.index(id).map(|index| self.members(index, &table));
        members.into_iter().flatten().any(Process::is_at_work)
    }

    /// The living members of a run's set.
    fn members<'a>(&self, index: usize, table: &'a Table) -> Vec<&'a Process> {
        let us = getpid().as_raw();
        let run = &self.runs[index];
        let ours = |process: &Process| {
            !self.is_witness(process.pid)
                && (run.is_in_group(process)
                    || process.parent == us && self.owner(process) == Some(index))
        };
        table.trees(ours)
    }

    /// The run that a child of ours belongs to. One whose group and name are of no run has changed
    /// both: then it is the oldest run's, unless there can be others' children among ours.
    fn owner(&self, child: &Process) -> Option<usize> {
        let is_guard = |guard: &Guard| guard.pid() == child.pid;
        if self.guard.as_ref().is_some_and(is_guard)
            || self.is_witness(child.pid)
            || self.strangers.contains(&child.pid)
        {
            return None;
        }
        let by_group = |run: &Run| run.is_in_group(child);
        let by_name = |run: &Run| child.has_env(&format!("RWATCH_RUN_ID={}", run.name));
        if self.runs.len() == 1 && !self.adopts_strangers {
            return Some(0);
        }
        let known = self.runs.iter().position(by_group);
        known
            .or_else(|| self.runs.iter().position(by_name))
            .or_else(|| {
                let is_nameless = !self.adopts_strangers || child.has_no_env();
                (is_nameless && !self.runs.is_empty()).then_some(0)
            })
    }

    fn is_witness(&self, pid: i32) -> bool {
        self.witness.as_ref().is_some_and(|it| it.pid() == pid)
    }

    /// Takes in what has become of a child, and tells what that means for the runs.
    pub fn take_in(&mut self, news: News) -> Vec<Event> {
        match news {
            News::Dead(pid) => self.reap(pid),
            News::Stopped(pid) => {
                if let Some(guard) = self
                    .guard
                    .as_ref()
                    .filter(|guard| guard.pid() == pid.as_raw())
                {
                    guard.wake();
                }
                let event = self.halted(pid);
                self.waiter.resume();
                event.into_iter().collect()
            }
        }
    }

    /// Why a child was stopped, if it is the leader of a run. Whoever sent it SIGSTOP had a reason.
    fn halted(&self, pid: Pid) -> Option<Event> {
        let by = waiter::stopped_by(pid);
        let run = self.runs.iter().find(|run| run.pid() == pid)?.id;
        let why = match by {
            Some(Signal::SIGTTIN | Signal::SIGTTOU) => Halt::WantsTerminal,
            Some(Signal::SIGTSTP) => Halt::CtrlZ,
            _ => return None,
        };
        Some(Event::Halted { run, why })
    }

    /// How the leader of the run ended, if it has.
    pub fn ended(&self, id: RunId) -> Option<ExitReason> {
        self.runs[self.index(id)?].ended
    }

    /// The value of `RWATCH_RUN_ID` in the run.
    pub fn name(&self, id: RunId) -> Option<&str> {
        Some(&self.runs[self.index(id)?].name)
    }

    /// The process group of the run.
    pub fn group(&self, id: RunId) -> Option<Pid> {
        self.runs[self.index(id)?].group
    }

    /// Reaps a dead child and all others that are dead, and tells what that means for the runs.
    fn reap(&mut self, dead: Pid) -> Vec<Event> {
        let mut events = Vec::new();
        let mut next = Some(dead);
        while let Some(dead) = next {
            let leader = |run: &&mut Run| run.pid() == dead && run.ended.is_none();
            if let Some(run) = self.runs.iter_mut().find(leader) {
                if let Ok(Some(status)) = run.leader.try_wait() {
                    run.ended = Some(exit_reason(status));
                    // The group is not empty as long as it is there.
                    let witness = self.witness.take_if(|it| it.attends(run.id));
                    if witness.is_some_and(Witness::heard_ctrl_c) {
                        events.push(Event::Interrupted { run: run.id });
                    }
                    events.push(Event::Exited { run: run.id });
                }
            } else {
                self.strangers.remove(&dead.as_raw());
                // Killed with the others.
                let _ = self.witness.take_if(|it| it.pid() == dead.as_raw());
                // An orphan that became ours. How it ended concerns nobody.
                let _ = waitpid(dead, Some(WaitPidFlag::WNOHANG));
                if let Some(guard) = self.guard.take_if(|guard| guard.pid() == dead.as_raw())
                    && guard.was_of_use()
                {
                    self.set_guard();
                }
            }
            next = next_dead(dead);
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
            self.waiter.look_again_at(run.pid());
        }
        self.waiter.resume();
        events
    }

    /// The runs of which nobody is left, each once. Those of the others who have not been told what
    /// the others were told are told it now.
    pub fn emptied(&mut self) -> Vec<Event> {
        let mut emptied = Vec::new();
        // Who has no leader any more is our child, or a member of the group.
        if self.runs.iter().all(|run| run.ended.is_none()) {
            return emptied;
        }
        for run in &mut self.runs {
            if run.ended.is_some() && run.group.is_some_and(is_empty) {
                run.group = None;
                if let Some(guard) = &mut self.guard {
                    guard.begin(&run.name);
                }
            }
        }
        if has_no_children() {
            emptied.extend(self.drop_runs(|run| run.group.is_none()));
            if self.runs.iter().all(|run| run.ended.is_none()) {
                return emptied;
            }
        }
        // Who cannot be seen may be there.
        let Some(table) = Table::read() else {
            return emptied;
        };
        let us = getpid().as_raw();
        let owners: HashSet<RunId> = table
            .children(us)
            .filter_map(|child| Some(self.runs[self.owner(child)?].id))
            .collect();
        emptied.extend(self.drop_runs(|run| run.group.is_none() && !owners.contains(&run.id)));
        for index in 0..self.runs.len() {
            if self.runs[index].ended.is_some() {
                self.runs[index].look_at = None;
                self.tell_the_rest(index, &table);
            }
        }
        emptied
    }

    /// Drops the runs without a leader of which nobody is left.
    fn drop_runs(&mut self, is_over: impl Fn(&Run) -> bool) -> Vec<Event> {
        let over = self
            .runs
            .extract_if(.., |run| run.ended.is_some() && is_over(run));
        let mut emptied = Vec::new();
        for run in over {
            if let Some(guard) = &mut self.guard {
                guard.over(&run.name);
            }
            if let (id, Some(reason)) = (run.id, run.ended) {
                emptied.push(Event::Emptied { run: id, reason });
            }
        }
        emptied
    }

    fn index(&self, id: RunId) -> Option<usize> {
        self.runs.iter().position(|run| run.id == id)
    }
}

/// Whether nothing is left to wait for: no child but the guard, which is another thread's.
fn has_no_children() -> bool {
    #[cfg(target_os = "linux")]
    let ours = libc::__WNOTHREAD;
    // There is no guard.
    #[cfg(not(target_os = "linux"))]
    let ours = 0;
    waiter::next_news(libc::WEXITED | libc::WNOHANG | ours) == Err(Errno::ECHILD)
}

impl Drop for Processes {
    /// The guard goes with us. If there is a run left, which only an error can leave, its last duty
    /// is to end it.
    fn drop(&mut self) {
        let coming = self.coming.take().and_then(|coming| coming.wait().ok());
        for guard in [self.guard.take(), coming].into_iter().flatten() {
            if self.runs.is_empty() {
                guard.dismiss();
            }
        }
    }
}

/// Another child that is dead and not reaped, if it is not `last`, which could not be reaped then.
fn next_dead(last: Pid) -> Option<Pid> {
    match waiter::next_news(libc::WEXITED | libc::WNOHANG) {
        Ok(Some(News::Dead(dead))) if dead != last => Some(dead),
        _ => None,
    }
}

/// Has COMMAND start with these signals ignored. That takes a fork instead of `posix_spawn`.
#[allow(unsafe_code)]
fn ignore(command: &mut Command, signals: Vec<Signal>) {
    // SAFETY: between fork and exec only async-signal-safe functions may be called, and
    // sigaction(2) is one.
    unsafe {
        command.pre_exec(move || {
            for signal in &signals {
                nix::sys::signal::signal(*signal, SigHandler::SigIgn)?;
            }
            Ok(())
        });
    }
}

fn is_denied(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}

/// An input that is at its end. In some sandboxes /dev/null cannot be opened.
fn no_input() -> Stdio {
    let null = File::open("/dev/null").map(Stdio::from);
    let closed = || io::pipe().map(|(input, _)| Stdio::from(input));
    null.or_else(|_| closed()).unwrap_or_else(|_| Stdio::null())
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
