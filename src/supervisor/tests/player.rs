//! Plays the left half of a transcript to a supervisor, and writes down what it does.

use std::collections::{HashSet, VecDeque};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::super::*;
use crate::event::{Change, ChangeKind, Halt, Hold, Key};
use crate::policy::{BackoffRange, RestartPolicy, Settle, StopPolicy};

/// What the command line makes of the policy (times in ms).
fn policy(command: &str) -> Policy {
    let mut words = command.split_whitespace().skip(1);
    let (mut when, mut max, mut watch, mut postpone) = (None, None, false, false);
    let mut build = false;
    let (mut stop, mut settle) = (StopPolicy::default(), Settle::default());
    while let Some(word) = words.next() {
        let mut value = || words.next().expect("the option has a value");
        match word {
            "-w" => watch = true,
            "-p" => postpone = true,
            "-b" => build = true,
            "-m" => max = Some(number(value())),
            "-r" => when = Some(value()),
            "-s" => stop.signal = value().parse().expect("a signal"),
            "-d" => settle.delay = Some(ms(number(value()))),
            "--stop-timeout" => stop.grace = ms(number(value())),
            _ => panic!("no option: {word}"),
        }
    }
    let when = match when {
        Some("on-failure") => RestartWhen::OnFailure,
        Some("never") => RestartWhen::Never,
        None if max.is_none() => RestartWhen::Never,
        Some("always") | None => RestartWhen::Always,
        Some(when) => panic!("no -r {when}"),
    };
    Policy {
        restart: RestartPolicy { when, max },
        backoff: BackoffRange::default(),
        stop,
        settle,
        watching: watch || max.is_none(),
        build,
        postpone,
    }
}

fn number(word: &str) -> u32 {
    word.parse().unwrap_or_else(|_| panic!("no number: {word}"))
}

pub(super) fn ms(ms: u32) -> Duration {
    Duration::from_millis(ms.into())
}

const LOCK: &str = "lock";

/// Plays the world to a supervisor, and writes down what it does.
pub(super) struct Player {
    supervisor: Supervisor,
    zero: Instant,
    now: Instant,
    /// The latest run, and the latest build.
    run: RunId,
    build: RunId,
    /// What happened since the last question.
    seen: Vec<Change>,
    /// What is to be answered to the questions.
    answers: VecDeque<Vec<Change>>,
    /// The paths of the burst.
    recent: HashSet<PathBuf>,
    names: u32,
    /// Whether git holds its lock.
    lock: bool,
    /// Whether questions are answered at once.
    prompt: bool,
    log: String,
}

impl Player {
    pub(super) fn new(command: &str, transcript: &str) -> Self {
        let zero = Instant::now();
        let mut player = Self {
            supervisor: Supervisor::new(policy(command)),
            zero,
            now: zero,
            run: RunId(0),
            build: RunId::build(0),
            seen: Vec::new(),
            answers: VecDeque::new(),
            recent: HashSet::new(),
            names: 0,
            lock: false,
            prompt: !transcript.contains("collected") && !transcript.contains("unsettled"),
            log: String::new(),
        };
        if !transcript.contains("armed") {
            player.tell(Event::Armed);
        }
        player
    }

    pub(super) fn play(mut self, transcript: &str) -> String {
        // When, what, and how the time is written; a repetition has no line unless it matters.
        let mut cues = Vec::new();
        for line in transcript.trim().lines() {
            let (cue, _) = line.split_once('|').expect("a line has two halves");
            let (time, events) = cue.trim().split_once(' ').expect("a time and an event");
            let (from, to) = time.split_once("..").unwrap_or((time, time));
            let mut written = Some(time);
            for at in (number(from)..=number(to)).step_by(2) {
                cues.push((self.zero + ms(at), events.trim(), written.take()));
            }
        }
        cues.retain(|(_, events, _)| *events != "elapsed");
        cues.sort_by_key(|(at, ..)| *at);
        for (at, events, time) in cues {
            self.elapse(Some(at));
            self.now = at;
            let mut did = Vec::new();
            for event in events.split(", ") {
                let event = self.event(event);
                did.extend(self.tell(event));
            }
            if time.is_some() || !did.is_empty() {
                self.note(time, events, &did);
            }
        }
        self.elapse(None);
        self.log
    }

    /// Lets every deadline come, up to `until`.
    fn elapse(&mut self, until: Option<Instant>) {
        for _ in 0..100 {
            let due = self.supervisor.deadline().map(|at| at.max(self.now));
            let Some(at) = due.filter(|at| until.is_none_or(|until| *at <= until)) else {
                return;
            };
            self.now = at;
            let did = self.tell(Event::Elapsed);
            self.note(None, "elapsed", &did);
        }
        panic!("it does not come to rest:\n{}", self.log);
    }

    /// What the supervisor does about the event.
    fn tell(&mut self, event: Event) -> Vec<String> {
        let actions = self.supervisor.handle(self.now, event);
        let mut did: Vec<String> = actions.iter().map(shown).collect();
        for action in actions {
            if let Action::Spawn { run, .. } = action {
                self.run = run;
            } else if let Action::Build { run, .. } = action {
                self.build = run;
            } else if let Action::Collect { .. } = action {
                self.answers.push_back(std::mem::take(&mut self.seen));
                if self.prompt {
                    let answer = self.event("collected");
                    did.extend(self.tell(answer));
                }
            }
        }
        did
    }

    fn event(&mut self, words: &str) -> Event {
        let (words, run) = match words.split_once(" of ") {
            Some((words, "build")) => (words, self.build),
            Some((words, run)) => (words, RunId(number(run).into())),
            None => (words, self.run),
        };
        let (program, why) = ("x".into(), String::new());
        let (searched, failed) = (None, |failure| Event::NotStarted { run, failure });
        let (words, at) = match words.split_once('@') {
            Some((words, at)) => (words, self.zero + ms(number(at))),
            None => (words, self.now),
        };
        match words.split_whitespace().collect::<Vec<_>>()[..] {
            ["armed"] => Event::Armed,
            ["change", ref paths @ ..] => self.changed(paths, true, Hold::None),
            ["gone", ref paths @ ..] => self.changed(paths, true, Hold::Gone),
            ["soft", ref paths @ ..] => self.changed(paths, false, Hold::Writing),
            ["change*"] => {
                // A path that comes only once.
                self.names += 1;
                let name = format!("f{}", self.names);
                self.changed(&[&name], true, Hold::None)
            }
            ["new", ref paths @ ..] => self.created(paths),
            ["lock"] => {
                self.lock = true;
                Event::Elapsed
            }
            ["unlock"] => {
                self.lock = false;
                Event::Elapsed
            }
            ["collected"] => {
                Event::Collected(self.answers.pop_front().into_iter().flatten().collect())
            }
            ["unsettled"] => {
                let kept = self.answers.pop_front();
                self.seen.splice(0..0, kept.into_iter().flatten());
                let lock = self.lock.then(|| LOCK.into());
                Event::Unsettled { lock }
            }
            ["calmed"] => Event::Calmed,
            ["not", "found"] => failed(SpawnFailure::NotFound {
                program,
                searched,
                is_here: false,
            }),
            ["not", "executable"] => failed(SpawnFailure::NotExecutable { program, why }),
            ["no", "memory"] => failed(SpawnFailure::Transient { program, why }),
            ["begun"] => Event::Begun { run },
            ["exited"] => Event::Exited { run },
            ["emptied", code] => {
                let reason = ExitReason::Code(code.parse().expect("a code"));
                Event::Emptied { run, reason }
            }
            ["killed", signal] => {
                let reason = ExitReason::Signal(signal.parse().expect("a number"));
                Event::Emptied { run, reason }
            }
            ["asks"] => Event::Halted {
                run,
                why: Halt::WantsTerminal,
            },
            ["ctrl-z"] => Event::Halted {
                run,
                why: Halt::CtrlZ,
            },
            ["interrupted"] => Event::Interrupted { run },
            ["suspended"] => Event::Suspended,
            ["resumed"] => Event::Resumed,
            ["froze", time] => Event::Froze(ms(number(time))),
            ["rs"] => Event::Pressed(Key::Restart),
            ["q"] => Event::Pressed(Key::Quit),
            ["h"] => Event::Pressed(Key::Help),
            ["x"] => Event::Pressed(Key::Unknown),
            ["at", "work"] => looked(run, true),
            ["asleep"] => looked(run, false),
            ["early"] => Event::Elapsed,
            ["SIGINT"] => Event::Asked(Signal::SIGINT, at),
            ["SIGTERM"] => Event::Asked(Signal::SIGTERM, at),
            ["SIGHUP"] => Event::Asked(Signal::SIGHUP, at),
            _ => Event::Relayed(words.parse().expect("an event")),
        }
    }

    fn changed(&mut self, paths: &[&str], certain: bool, hold: Hold) -> Event {
        self.happened(paths, ChangeKind::Modified, certain, hold)
    }

    fn created(&mut self, paths: &[&str]) -> Event {
        self.happened(paths, ChangeKind::Created, true, Hold::None)
    }

    fn happened(&mut self, paths: &[&str], kind: ChangeKind, certain: bool, hold: Hold) -> Event {
        let paths = if paths.is_empty() { &["a"] } else { paths };
        let change = |path: &&str| Change {
            path: path.into(),
            kind,
        };
        let changes: Vec<Change> = paths.iter().map(change).collect();
        let is_known = |change: &Change| self.recent.contains(&change.path);
        let fresh = !changes.iter().all(is_known);
        self.recent
            .extend(changes.iter().map(|change| change.path.clone()));
        self.seen.extend(changes.clone());
        Event::Changed(Activity {
            certain,
            hold,
            changes,
            fresh,
            lock: self.lock.then(|| LOCK.into()),
        })
    }

    fn note(&mut self, time: Option<&str>, events: &str, did: &[String]) {
        let now = self.now.duration_since(self.zero).as_millis().to_string();
        let did = if did.is_empty() {
            "·"
        } else {
            &did.join(", ")
        };
        let time = time.unwrap_or(&now);
        writeln!(self.log, "{time:>23} {events:<9} | {did}").expect("a string takes it");
    }
}

pub(super) fn changed(path: &str, certain: bool, hold: Hold, fresh: bool, lock: bool) -> Event {
    let kind = ChangeKind::Modified;
    let path = path.into();
    Event::Changed(Activity {
        certain,
        hold,
        changes: vec![Change { path, kind }],
        fresh,
        lock: lock.then(|| LOCK.into()),
    })
}

fn looked(run: RunId, at_work: bool) -> Event {
    Event::Looked { run, at_work }
}

fn shown(action: &Action) -> String {
    match action {
        Action::Spawn {
            run,
            reason,
            changes,
        } => format!("spawn {} {reason}{}", name(*run), paths(changes)),
        Action::Build {
            run,
            before,
            reason,
            changes,
        } => format!(
            "{} before {} {reason}{}",
            name(*run),
            name(*before),
            paths(changes)
        ),
        Action::Signal { run, signal } => format!("{signal} {}", name(*run)),
        Action::Kill { run } => format!("kill {}", name(*run)),
        Action::Lend { run } => format!("lend {}", name(*run)),
        Action::Suspend => "suspend".to_owned(),
        Action::NameDaemons { run } => format!("name daemons {}", name(*run)),
        Action::Look { run } => format!("look {}", name(*run)),
        Action::Relay { run, signal } => format!("relay {signal} {}", name(*run)),
        Action::RelayToGroup { run, signal } => {
            format!("relay {signal} to all of {}", name(*run))
        }
        Action::Collect { order } => if *order { "collect now" } else { "collect" }.to_owned(),
        Action::Say(message) => format!("'{}'", said(message)),
        Action::NameRemaining { run, hope } => match hope {
            Hope::CtrlC => format!("name {} (Ctrl-C)", name(*run)),
            Hope::Kill(after) => format!("name {} (kill in {})", name(*run), after.as_millis()),
            Hope::None => format!("name {} (no hope)", name(*run)),
        },
        Action::Finish(Outcome::Code(code)) => format!("finish {code}"),
        Action::Finish(Outcome::Signal(signal)) => format!("finish {signal}"),
    }
}

fn paths(changes: &Changes) -> String {
    let paths = changes
        .iter()
        .map(|change| format!(" {}", change.path.display()));
    match changes.len() {
        0..10 => paths.collect(),
        // As many as there are in all.
        many => format!("{} … {many}", paths.take(1).collect::<String>()),
    }
}

fn name(run: RunId) -> String {
    if run.is_build() {
        format!("build {}", run.0 - RunId::build(0).0)
    } else {
        run.0.to_string()
    }
}

fn said(message: &Message) -> String {
    let files = |path: &PathBuf, more: &usize| match more {
        0 => path.display().to_string(),
        more => format!("{} +{more}", path.display()),
    };
    match message {
        Message::Starting => "starting".to_owned(),
        Message::Postponed => "postponed".to_owned(),
        Message::Changed { path, more, what } => {
            format!("{} changed{}", files(path, more), begun(*what))
        }
        Message::Building => "building".to_owned(),
        Message::Built { ran, what } => {
            format!("built after {}{}", ran.as_millis(), begun(*what))
        }
        Message::BuildFailed { reason, ran, next } => {
            let code = reason.code();
            format!("build {code} after {}: {next:?}", ran.as_millis())
        }
        Message::BuildLooping { path } => format!("{} in vain", path.display()),
        Message::BuildNotStarted { failure, next } => {
            format!("build {}: {next:?}", failure.code())
        }
        Message::Joined { path, more } => format!("{} joins", files(path, more)),
        Message::Exited { reason, ran, next } => {
            let reason = match reason {
                ExitReason::Code(code) => format!("code {code}"),
                ExitReason::Signal(number) => format!("signal {number}"),
            };
            format!("{reason} after {}: {}", ran.as_millis(), following(*next))
        }
        Message::NotStarted { failure, next } => {
            format!("{}: {}", failure.code(), following(*next))
        }
        Message::Lasting { path, .. } => format!("waiting for {}", path.display()),
        Message::Overrun { path, .. } => format!("{} goes on", path.display()),
        Message::Looping {
            written,
            late,
            stage,
        } => {
            let path = |written: &Written| match written {
                Written::Path(path) | Written::Like(path) => path.display().to_string(),
            };
            let paths: Vec<String> = written.iter().map(path).collect();
            let late = if *late { " late" } else { "" };
            match stage {
                LoopStage::Found => format!("{} loops{late}", paths.join(" ")),
                LoopStage::Spaced => format!("{} loops on{late}", paths.join(" ")),
            }
        }
        Message::Stopping { signal, why } => match why {
            StopReason::Change => format!("{signal}: change"),
            StopReason::Leftovers => format!("{signal}: leftovers"),
            StopReason::ByHand => format!("{signal}: by hand"),
            StopReason::Asked => format!("{signal}: asked"),
        },
        Message::ByHand => "by hand".to_owned(),
        Message::Help => "help".to_owned(),
        Message::NoKey => "no key".to_owned(),
        Message::Killing => "killing".to_owned(),
    }
}

fn begun(what: Begin) -> &'static str {
    match what {
        Begin::Start => ", starting",
        Begin::Restart => "",
        Begin::Build => ", building",
    }
}

fn following(next: Next) -> String {
    match next {
        Next::Wait => "wait".to_owned(),
        Next::Restart(Grant { pause, nth }) => {
            let nth = nth.map(|(nth, max)| format!(", {nth} of {max}"));
            format!("again in {}{}", pause.as_millis(), nth.unwrap_or_default())
        }
        Next::End => "end".to_owned(),
        Next::GiveUp { restarts } => format!("gave up after {restarts}"),
    }
}
