//! Makes lines of what happens. Nothing here writes, and time is an argument.
//!
//! The fields are a contract: within version 1 there may come more of them, and more events, but
//! none goes away or changes what it means.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::event::{Changes, Event, ExitReason, Note, OWN_ERROR, RunId, SpawnFailure, StartReason};
use crate::reporter::failure_text;
use crate::supervisor::{Begin, Grant, Message, Next, NextAfterBuild, Outcome, StopReason};

/// The version of what the fields mean.
const VERSION: u32 = 1;
/// How much of a list of paths one line has: as much as `RWATCH_CHANGED`.
const PATHS_MAX: usize = 64 * 1024;

/// What there is to know of a start.
pub struct Start<'a> {
    /// The run, or the build.
    pub run: RunId,
    /// The value of `RWATCH_RUN`: the run itself, or the one that the build is for.
    pub before: RunId,
    /// The value of `RWATCH_RUN_ID`.
    pub id: &'a str,
    pub pid: i32,
    pub reason: StartReason,
    pub changes: &'a Changes,
}

/// What the next lines have to know of those before.
pub(super) struct Story {
    /// Whether there is a build before each start.
    builds: bool,
    /// Who has started and is not over.
    lives: HashMap<RunId, Life>,
    /// Why the next signal is sent.
    why: Option<StopReason>,
    /// What the latest start, or try, of COMMAND was for, and that of the build.
    latest: StartReason,
    latest_build: StartReason,
}

/// A run, or a build, that is not over.
struct Life {
    /// What every line about it begins with.
    names: Value,
    since: Instant,
    /// Its leader ended by itself.
    gone: bool,
    /// It was told to stop before that.
    stopped: bool,
}

impl Story {
    pub(super) fn new(builds: bool) -> Self {
        Self {
            builds,
            lives: HashMap::new(),
            why: None,
            latest: StartReason::Start,
            latest_build: StartReason::Start,
        }
    }

    pub(super) fn started(&mut self, now: Instant, start: &Start<'_>) -> Vec<Line> {
        let names = names(start);
        let (paths, more) = paths(start.changes);
        let reason = start.reason.to_string();
        let what = json!({ "reason": reason, "paths": paths, "more": more });
        let lines = vec![Line::about(
            start.run,
            ["start", "build-start"],
            [names.clone(), what],
        )];
        let life = Life {
            names,
            since: now,
            gone: false,
            stopped: false,
        };
        self.lives.insert(start.run, life);
        if start.run.is_build() {
            self.latest_build = start.reason;
        } else {
            self.latest = start.reason;
        }
        lines
    }

    pub(super) fn happened(&mut self, now: Instant, event: &Event) -> Vec<Line> {
        match event {
            Event::Exited { run } => {
                if let Some(life) = self.lives.get_mut(run) {
                    life.gone = true;
                }
                Vec::new()
            }
            Event::Emptied { run, reason } => {
                let life = self.lives.remove(run);
                life.map(|life| life.over(now, *run, *reason))
                    .into_iter()
                    .collect()
            }
            Event::NotStarted { run, failure } => vec![not_started(*run, failure)],
            // What follows from these is told.
            Event::Armed
            | Event::Begun { .. }
            | Event::Changed(_)
            | Event::Calmed
            | Event::Unsettled { .. }
            | Event::Collected(_)
            | Event::Asked(..)
            | Event::Relayed(_)
            | Event::Looked { .. }
            | Event::Halted { .. }
            | Event::Interrupted { .. }
            | Event::Suspended
            | Event::Resumed
            | Event::Froze(_)
            | Event::Pressed(_)
            | Event::Elapsed => Vec::new(),
        }
    }

    pub(super) fn decided(&mut self, message: &Message) -> Vec<Line> {
        match message {
            Message::Changed { path, more, what } => {
                let restart = (*what == Begin::Restart).then(|| restart(StartReason::Change, None));
                let change = Line::new("change", json!({ "paths": [text(path)], "more": more }));
                [change].into_iter().chain(restart).collect()
            }
            Message::Joined { path, more } => {
                vec![Line::new(
                    "change",
                    json!({ "paths": [text(path)], "more": more }),
                )]
            }
            Message::Built { what, .. } if *what == Begin::Restart => {
                vec![restart(self.latest_build, None)]
            }
            // With a build there is something to be built first.
            Message::ByHand if !self.builds => vec![restart(StartReason::Manual, None)],
            Message::Exited { next, .. } => what_follows(*next, StartReason::Exit),
            Message::NotStarted { next, .. } => what_follows(*next, self.latest),
            Message::BuildFailed { next, .. } | Message::BuildNotStarted { next, .. }
                if *next == NextAfterBuild::Wait =>
            {
                vec![waiting()]
            }
            Message::Postponed => vec![waiting()],
            Message::Stopping { why, .. } => {
                self.why = Some(*why);
                Vec::new()
            }
            Message::Starting
            | Message::Building
            | Message::Built { .. }
            | Message::BuildFailed { .. }
            | Message::BuildNotStarted { .. }
            | Message::Lasting { .. }
            | Message::Overrun { .. }
            | Message::Killing
            | Message::Looping { .. }
            | Message::BuildLooping { .. }
            | Message::ByHand
            | Message::Help
            | Message::NoKey => Vec::new(),
        }
    }

    pub(super) fn signalled(&mut self, run: RunId, signal: Signal) -> Vec<Line> {
        let why = match self.why.take() {
            Some(StopReason::Change) => "change",
            Some(StopReason::ByHand) => "manual",
            Some(StopReason::Leftovers) => "leftovers",
            Some(StopReason::Asked) | None => "end",
        };
        let what = json!({ "signal": signal.as_str(), "why": why });
        self.told(run, ["stop", "build-stop"], what)
    }

    pub(super) fn killed(&mut self, run: RunId) -> Vec<Line> {
        self.told(run, ["kill", "build-kill"], json!({}))
    }

    fn told(&mut self, run: RunId, events: [&'static str; 2], what: Value) -> Vec<Line> {
        let Some(life) = self.lives.get_mut(&run) else {
            return Vec::new();
        };
        life.stopped |= !life.gone;
        vec![Line::about(run, events, [life.names.clone(), what])]
    }
}

impl Life {
    fn over(self, now: Instant, run: RunId, reason: ExitReason) -> Line {
        let what = json!({
            "status": status(reason),
            "stopped": self.stopped,
            "ran_ms": ms(now.duration_since(self.since)),
        });
        Line::about(run, ["exit", "build-exit"], [self.names, what])
    }
}

/// One line, but for its time.
#[derive(Debug)]
pub(super) struct Line {
    event: &'static str,
    fields: Value,
}

impl Line {
    fn new(event: &'static str, fields: Value) -> Self {
        Self { event, fields }
    }

    /// A line about a run, or about a build, which have events of their own.
    fn about(run: RunId, events: [&'static str; 2], [names, what]: [Value; 2]) -> Self {
        let event = events[usize::from(run.is_build())];
        Self::new(event, joined(names, what))
    }

    pub(super) fn begin<'a>(command: impl Iterator<Item = &'a OsStr>) -> Self {
        let command: Vec<_> = command.map(OsStr::to_string_lossy).collect();
        let fields = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "pid": std::process::id(),
            "command": command,
        });
        Self::new("begin", fields)
    }

    pub(super) fn note(note: &Note) -> Vec<Self> {
        let Note::Watching { roots, files, dirs } = note else {
            return Vec::new();
        };
        let fields = json!({ "roots": roots, "files": files, "dirs": dirs });
        vec![Self::new("watching", fields)]
    }

    pub(super) fn dropped(count: u64) -> Self {
        Self::new("dropped", json!({ "count": count }))
    }

    pub(super) fn end(outcome: &anyhow::Result<Outcome>) -> Self {
        let fields = match outcome {
            Ok(Outcome::Code(code)) => json!({ "status": { "code": code } }),
            Ok(Outcome::Signal(signal)) => json!({ "status": { "signal": signal.as_str() } }),
            Err(error) => {
                json!({ "status": { "code": OWN_ERROR }, "message": format!("{error:#}") })
            }
        };
        Self::new("end", fields)
    }

    /// The line as it was at `time`.
    pub(super) fn text(self, time: SystemTime) -> String {
        let since_1970 = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let head = json!({ "v": VERSION, "time": ms(since_1970), "event": self.event });
        format!("{}\n", joined(head, self.fields))
    }
}

fn names(start: &Start<'_>) -> Value {
    let names = json!({ "run": start.before.0, "id": start.id, "pid": start.pid });
    joined(build_number(start.run), names)
}

/// Which build it is, if it is one.
fn build_number(run: RunId) -> Value {
    if run.is_build() {
        json!({ "build": run.number() })
    } else {
        json!({})
    }
}

fn not_started(run: RunId, failure: &SpawnFailure) -> Line {
    let what = json!({ "code": failure.code(), "message": failure_text(failure) });
    let name = if run.is_build() {
        build_number(run)
    } else {
        json!({ "run": run.number() })
    };
    Line::about(run, ["not-started", "build-not-started"], [name, what])
}

fn what_follows(next: Next, reason: StartReason) -> Vec<Line> {
    match next {
        Next::Wait => vec![waiting()],
        Next::Restart(grant) => vec![restart(reason, Some(grant))],
        Next::End => Vec::new(),
        Next::GiveUp { restarts } => vec![Line::new("give-up", json!({ "restarts": restarts }))],
    }
}

fn waiting() -> Line {
    Line::new("waiting", json!({}))
}

fn restart(reason: StartReason, grant: Option<Grant>) -> Line {
    let pause = grant.map_or(0, |grant| ms(grant.pause));
    let what = json!({ "reason": reason.to_string(), "pause_ms": pause });
    let nth = match grant.and_then(|grant| grant.nth) {
        Some((nth, max)) => json!({ "nth": nth, "max": max }),
        None => json!({}),
    };
    Line::new("restart", joined(what, nth))
}

fn status(reason: ExitReason) -> Value {
    match reason {
        ExitReason::Code(code) => json!({ "code": code }),
        ExitReason::Signal(number) => {
            let name = Signal::try_from(number).map(Signal::as_str);
            // Real-time signals have none.
            let name = name.map_or_else(|_| number.to_string(), str::to_owned);
            json!({ "signal": name })
        }
    }
}

/// The changed paths, as many as fit, and how many more there are.
fn paths(changes: &Changes) -> (Vec<String>, usize) {
    let mut room = PATHS_MAX;
    let fits = |path: &String| {
        let left = room.checked_sub(path.len() + 1);
        room = left.unwrap_or_default();
        left.is_some()
    };
    let paths = changes.iter().map(|change| text(&change.path));
    let paths: Vec<String> = paths.take_while(fits).collect();
    let more = changes.len() - paths.len();
    (paths, more)
}

/// A path; the current directory itself is `.`. JSON has no bytes, so that what is not UTF-8 is
/// replaced.
fn text(path: &Path) -> String {
    if path.as_os_str().is_empty() {
        ".".to_owned()
    } else {
        path.to_string_lossy().into_owned()
    }
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The fields of both, in this order.
fn joined(mut first: Value, second: Value) -> Value {
    if let (Value::Object(first), Value::Object(second)) = (&mut first, second) {
        first.extend(second);
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Change, ChangeKind};
    use std::os::unix::ffi::OsStrExt as _;
    use std::path::PathBuf;

    fn changes(paths: impl IntoIterator<Item = PathBuf>) -> Changes {
        let kind = ChangeKind::Modified;
        let changes = paths.into_iter().map(|path| Change { path, kind });
        changes.collect()
    }

    fn start(story: &mut Story, now: Instant, run: RunId, paths: &[&str]) -> Vec<Line> {
        let start = Start {
            run,
            before: RunId(1),
            id: "7-a-1",
            pid: 8,
            reason: StartReason::Change,
            changes: &changes(paths.iter().map(PathBuf::from)),
        };
        story.started(now, &start)
    }

    /// The lines without what every line has.
    #[track_caller]
    fn check(lines: Vec<Line>, expected: &[&str]) {
        let time = UNIX_EPOCH + Duration::from_millis(1_234_567);
        let lines = lines.into_iter().map(|line| line.text(time));
        let lines: Vec<String> = lines
            .map(|line| {
                let rest = line.strip_prefix(r#"{"v":1,"time":1234567,"event":"#);
                let rest = rest.and_then(|rest| rest.strip_suffix("}\n"));
                rest.unwrap_or_else(|| panic!("{line}")).to_owned()
            })
            .collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_run_from_its_start_to_its_end() {
        let (mut story, now) = (Story::new(false), Instant::now());
        let run = RunId(1);
        check(
            start(&mut story, now, run, &["a.js", ""]),
            &[
                r#""start","run":1,"id":"7-a-1","pid":8,"reason":"change","paths":["a.js","."],"more":0"#,
            ],
        );
        let (signal, why) = (Signal::SIGTERM, StopReason::Change);
        check(story.decided(&Message::Stopping { signal, why }), &[]);
        check(
            story.signalled(run, signal),
            &[r#""stop","run":1,"id":"7-a-1","pid":8,"signal":"SIGTERM","why":"change""#],
        );
        check(
            story.killed(run),
            &[r#""kill","run":1,"id":"7-a-1","pid":8"#],
        );
        let reason = ExitReason::Signal(9);
        let now = now + Duration::from_millis(1500);
        check(
            story.happened(now, &Event::Emptied { run, reason }),
            &[
                r#""exit","run":1,"id":"7-a-1","pid":8,"status":{"signal":"SIGKILL"},"stopped":true,"ran_ms":1500"#,
            ],
        );
        // Nothing is told twice.
        check(story.happened(now, &Event::Emptied { run, reason }), &[]);
        check(story.signalled(run, signal), &[]);
    }

    #[test]
    fn who_ended_by_itself_was_not_stopped_whatever_became_of_the_rest() {
        let (mut story, now) = (Story::new(false), Instant::now());
        let run = RunId(1);
        start(&mut story, now, run, &[]);
        check(story.happened(now, &Event::Exited { run }), &[]);
        story.killed(run);
        let reason = ExitReason::Code(3);
        check(
            story.happened(now, &Event::Emptied { run, reason }),
            &[
                r#""exit","run":1,"id":"7-a-1","pid":8,"status":{"code":3},"stopped":false,"ran_ms":0"#,
            ],
        );
    }

    #[test]
    fn a_build_has_events_of_its_own() {
        let (mut story, now) = (Story::new(true), Instant::now());
        let run = RunId::build(2);
        check(
            start(&mut story, now, run, &[]),
            &[
                r#""build-start","build":2,"run":1,"id":"7-a-1","pid":8,"reason":"change","paths":[],"more":0"#,
            ],
        );
        let reason = ExitReason::Code(0);
        check(
            story.happened(now, &Event::Emptied { run, reason }),
            &[
                r#""build-exit","build":2,"run":1,"id":"7-a-1","pid":8,"status":{"code":0},"stopped":false,"ran_ms":0"#,
            ],
        );
        let (ran, what) = (Duration::ZERO, Begin::Restart);
        check(
            story.decided(&Message::Built { ran, what }),
            &[r#""restart","reason":"change","pause_ms":0"#],
        );
        check(story.decided(&Message::ByHand), &[]);
    }

    #[test]
    fn what_follows_an_exit() {
        let mut story = Story::new(false);
        let mut exited = |next| {
            story.decided(&Message::Exited {
                reason: ExitReason::Code(1),
                ran: Duration::ZERO,
                next,
            })
        };
        let pause = Duration::from_millis(200);
        let nth = Some((2, 5));
        check(
            exited(Next::Restart(Grant { pause, nth })),
            &[r#""restart","reason":"exit","pause_ms":200,"nth":2,"max":5"#],
        );
        check(
            exited(Next::GiveUp { restarts: 5 }),
            &[r#""give-up","restarts":5"#],
        );
        check(exited(Next::Wait), &[r#""waiting""#]);
        check(exited(Next::End), &[]);
    }

    #[test]
    fn what_did_not_start() {
        let mut story = Story::new(false);
        let failure = SpawnFailure::NotFound {
            program: "x".into(),
            searched: None,
            is_here: false,
        };
        let run = RunId(3);
        check(
            story.happened(Instant::now(), &Event::NotStarted { run, failure }),
            &[r#""not-started","run":3,"code":127,"message":"cannot find `x`: no such file""#],
        );
    }

    #[test]
    fn a_change_and_what_was_decided() {
        let mut story = Story::new(false);
        let path = PathBuf::from(OsStr::from_bytes(b"a\n\xff"));
        let what = Begin::Restart;
        check(
            story.decided(&Message::Changed {
                path,
                more: 3,
                what,
            }),
            &[
                "\"change\",\"paths\":[\"a\\n\u{fffd}\"],\"more\":3",
                r#""restart","reason":"change","pause_ms":0"#,
            ],
        );
    }

    #[test]
    fn the_end() {
        let signal = Outcome::Signal(Signal::SIGINT);
        check(
            vec![Line::end(&Ok(signal))],
            &[r#""end","status":{"signal":"SIGINT"}"#],
        );
        check(
            vec![Line::end(&Err(anyhow::anyhow!("a").context("b")))],
            &[r#""end","status":{"code":125},"message":"b: a""#],
        );
    }

    #[test]
    fn paths_are_listed_up_to_64_kib() {
        let many = changes((0..20_000).map(|n| format!("{n:05}").into()));
        let (listed, more) = paths(&many);
        assert_eq!(
            (listed.len(), more),
            (PATHS_MAX / 6, 20_000 - PATHS_MAX / 6)
        );
    }
}
