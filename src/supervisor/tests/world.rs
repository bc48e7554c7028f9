//! Random histories against a world that knows only that a child lives from `Spawn` to `Emptied`.

use std::collections::BTreeMap;
use std::time::Instant;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::*;
use super::player::{changed, ms};
use crate::event::{Halt, Hold, Key};
use crate::policy::{BackoffRange, RestartPolicy, Settle, StopPolicy};

proptest! {
    #![proptest_config(thorough())]

    #[test]
    fn every_change_is_followed_by_a_start(history in histories(0..1)) {
        let world = World::after(&history);
        prop_assert!(!world.changed || world.phase == Phase::Finished);
    }

    #[test]
    fn who_is_asked_to_end_ends_and_leaves_nobody_behind(history in histories(1..4)) {
        let world = World::after(&history);
        prop_assert!(world.phase == Phase::Finished && world.life == Life::Over);
    }
}

/// Enough cases for what takes four coincidences; a failure prints the history that shows it.
fn thorough() -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig {
        cases: config.cases.max(1500),
        failure_persistence: None,
        ..config
    }
}

/// Who asks twice within this time (ms) has asked once.
const SAME: u32 = 200;

/// What the world does, and how it takes what rwatch does (times in ms).
#[derive(Clone, Debug)]
struct History {
    policy: Policy,
    /// What happens whatever rwatch does, and how long after the one before.
    outside: Vec<(u32, Event)>,
    /// How the runs behave, in turn.
    children: Vec<Child>,
    /// How long the builds take, and their codes, in turn.
    builds: Vec<(u32, u8)>,
    /// How long the questions wait for their answers, whether these are `Unsettled`, and whether by
    /// git's lock, in turn.
    answers: Vec<(u32, bool, bool)>,
    /// How late the timer is.
    late: u32,
}

/// How a run behaves (times in ms).
#[derive(Clone, Debug)]
struct Child {
    /// Why it cannot be started, if so.
    failure: Option<SpawnFailure>,
    /// How long it waits for a file that it starts with, if it does.
    waits: Option<u32>,
    /// When its leader ends by itself, if it does; with this code, and whether others are left.
    ends: Option<(u32, u8, bool)>,
    /// How long it takes to die of a signal; None: it takes SIGKILL.
    obeys: Option<u32>,
    /// How long it takes to die of SIGKILL.
    dies: u32,
}

/// What is so, whatever anybody thinks: a child lives from `Spawn` to `Emptied`.
#[allow(clippy::struct_excessive_bools)] // each is a fact of its own
struct World<'a> {
    history: &'a History,
    supervisor: Supervisor,
    now: Instant,
    /// What is going to happen; at the same time, what was planned first.
    plan: BTreeMap<(Instant, usize), Event>,
    phase: Phase,
    /// The latest run, what has become of it, and the signals that it got.
    run: RunId,
    life: Life,
    signals: Vec<Signal>,
    /// When it began.
    begun: Option<Instant>,
    /// When the latest run was sent its first signal, and when one for whoever asked.
    told: Option<Instant>,
    told_to_end: Option<Instant>,
    /// When Ctrl-C was typed.
    typed: Vec<Instant>,
    /// The latest build, whether it lives, whether something changed since it began, and whether it
    /// succeeded.
    build: RunId,
    building: Life,
    outdated: bool,
    softly_outdated: bool,
    built: bool,
    /// Starts after exits since the last one after a change.
    exits: u32,
    /// Whether there is a change that is newer than the latest start.
    changed: bool,
    reported: Reported,
    /// How many questions there were, and when the last of them is answered.
    questions: usize,
    answered: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Arming,
    Armed,
    Asked,
    Finished,
}

/// What the watch reported since it last answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reported {
    Nothing,
    /// Soft changes, and whether there was a change before them.
    Soft(bool),
    Certain,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Up,
    Killed,
    Over,
}

impl<'a> World<'a> {
    /// The world after this history and five minutes more.
    fn after(history: &'a History) -> Self {
        let now = Instant::now();
        let mut world = Self {
            history,
            supervisor: Supervisor::new(history.policy.clone()),
            now,
            plan: BTreeMap::new(),
            phase: Phase::Arming,
            run: RunId(0),
            life: Life::Over,
            signals: Vec::new(),
            begun: None,
            told: None,
            told_to_end: None,
            typed: Vec::new(),
            build: RunId::build(0),
            building: Life::Over,
            outdated: false,
            softly_outdated: false,
            built: !history.policy.build,
            exits: 0,
            changed: false,
            reported: Reported::Nothing,
            questions: 0,
            answered: now,
        };
        let mut end = now;
        for (order, (gap, event)) in history.outside.iter().enumerate() {
            end += ms(*gap);
            world.plan.insert((end, order), event.clone());
        }
        end += Duration::from_secs(300);
        let mut wakeups = 0;
        loop {
            let due = world.supervisor.deadline();
            let timer = due.map(|at| world.now.max(at + ms(history.late)));
            let next = world.plan.keys().next().map(|(at, _)| *at);
            let soonest = next.into_iter().chain(timer).min();
            let Some(now) = soonest.filter(|now| *now <= end) else {
                return world;
            };
            wakeups = if now == world.now { wakeups } else { 0 };
            world.now = now;
            if next == Some(now) {
                let (_, event) = world.plan.pop_first().expect("it was there");
                world.happen(event);
            } else {
                wakeups += 1;
                assert!(wakeups < 10, "it does not come to rest");
                world.tell(Event::Elapsed);
            }
        }
    }

    /// Plans an event, after all that was planned for the same time.
    fn plan(&mut self, at: Instant, event: Event) {
        let order = self.plan.keys().map(|(_, order)| order + 1).max();
        self.plan.insert((at, order.unwrap_or(0)), event);
    }

    /// Lets an event happen, be it of a run that is over, unless it cannot.
    fn happen(&mut self, mut event: Event) {
        if let Event::Asked(signal, at) = &mut event {
            *at = self.now;
            if *signal == Signal::SIGINT {
                self.typed.push(self.now);
            }
        }
        match event {
            Event::Armed => self.phase = self.phase.max(Phase::Armed),
            Event::Changed(_) if !self.history.policy.watching => return,
            Event::Changed(_) if self.phase == Phase::Arming => {}
            Event::Changed(Activity { certain, .. }) => {
                self.reported = match self.reported {
                    _ if certain => Reported::Certain,
                    Reported::Nothing => Reported::Soft(self.changed),
                    Reported::Soft(_) | Reported::Certain => self.reported,
                };
                self.changed = true;
                self.outdated |= certain;
                self.softly_outdated = true;
            }
            Event::Calmed => {
                let Reported::Soft(changed) = self.reported else {
                    return;
                };
                (self.changed, self.reported) = (changed, Reported::Nothing);
                self.softly_outdated = false;
            }
            Event::Collected(_) => self.reported = Reported::Nothing,
            Event::Begun { run } if run == self.run && self.signals.is_empty() => {
                self.begun = Some(self.now);
            }
            Event::NotStarted { run, .. } if run == self.run => return,
            Event::Exited { run } | Event::Emptied { run, .. }
                if run == self.run && self.begun.is_none() && self.signals.is_empty() =>
            {
                return;
            }
            Event::Emptied { run, .. } if run == self.run => self.life = Life::Over,
            Event::Emptied { run, reason } if run == self.build => {
                self.building = Life::Over;
                self.built = reason.is_clean();
                // One that fails is an answer, too, to what was there when it began.
                let open = self.built || self.outdated;
                self.changed &= open || self.softly_outdated;
                if let Reported::Soft(changed) = &mut self.reported {
                    *changed &= open;
                }
            }
            Event::Asked(..) => self.phase = self.phase.max(Phase::Asked),
            Event::Unsettled { .. }
            | Event::Begun { .. }
            | Event::NotStarted { .. }
            | Event::Exited { .. }
            | Event::Emptied { .. }
            | Event::Relayed(_)
            | Event::Looked { .. }
            | Event::Halted { .. }
            | Event::Interrupted { .. }
            | Event::Suspended
            | Event::Resumed
            | Event::Froze(_)
            | Event::Pressed(_)
            | Event::Elapsed => {}
        }
        self.tell(event);
    }

    /// Hands the event over, and does what the supervisor says.
    fn tell(&mut self, event: Event) {
        let due = self.supervisor.deadline();
        let early = event == Event::Elapsed && due.is_none_or(|due| self.now < due);
        let actions = self.supervisor.handle(self.now, event);
        assert!(!early || actions.is_empty() && self.supervisor.deadline() == due);
        for action in &actions {
            assert!(self.phase != Phase::Finished, "after the end: {action:?}");
            self.carry_out(action);
        }
        let due = self.supervisor.deadline();
        let stopping = self.life == Life::Up && !self.signals.is_empty();
        assert!(!stopping || due.is_some(), "a stop without a deadline");
        let finished = self.phase == Phase::Finished;
        assert!(!finished || due.is_none(), "a deadline after the end");
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each action")]
    fn carry_out(&mut self, action: &Action) {
        match *action {
            Action::Build { run, before, .. } => {
                assert_eq!(self.building, Life::Over, "two live builds");
                assert!(self.phase < Phase::Asked, "a build after the end");
                assert_eq!((run.is_build(), before), (true, self.run.next()));
                (self.build, self.building) = (run, Life::Up);
                (self.outdated, self.softly_outdated) = (false, false);
                let (after, code) = self.history.builds[self.builds() % self.history.builds.len()];
                let reason = ExitReason::Code(code);
                self.plan(self.now + ms(after), Event::Emptied { run, reason });
            }
            Action::Spawn { run, reason, .. } => {
                // What there is may be started again.
                let again = reason == StartReason::Exit || self.child().failure.is_some();
                let built = self.built && self.building == Life::Over;
                assert!(built || again, "not built");
                assert_eq!(self.life, Life::Over, "two live runs");
                assert!(self.phase < Phase::Asked, "a start after the end");
                assert_eq!(run, self.run.next());
                (self.run, self.changed) = (run, false);
                if let Reported::Soft(changed) = &mut self.reported {
                    *changed = false;
                }
                self.signals.clear();
                self.told = None;
                if let Some(failure) = self.child().failure.clone() {
                    return self.tell(Event::NotStarted { run, failure });
                }
                self.life = Life::Up;
                self.exits += 1;
                if reason != StartReason::Exit {
                    self.exits = 0;
                }
                let over = |max| self.exits > max;
                assert!(
                    !self.history.policy.restart.max.is_some_and(over),
                    "over budget"
                );
                let waits = self.child().waits;
                self.begun = waits.is_none().then_some(self.now);
                if let Some(waits) = waits {
                    self.plan(self.now + ms(waits), Event::Begun { run });
                }
                if let Some((after, code, leaves)) = self.child().ends {
                    let reason = ExitReason::Code(code);
                    let mut event = Event::Emptied { run, reason };
                    if leaves {
                        event = Event::Exited { run };
                    }
                    self.plan(self.now + ms(waits.unwrap_or(0) + after), event);
                }
            }
            Action::Signal { run, .. } | Action::Kill { run } if run.is_build() => {
                assert!(run == self.build && self.building != Life::Over);
                let reason = ExitReason::Signal(9);
                self.plan(self.now + ms(5), Event::Emptied { run, reason });
            }
            Action::Signal { run, signal } => {
                assert!(!self.signals.contains(&signal), "{signal} twice");
                self.signals.push(signal);
                self.tell_to_stop();
                // Who has not begun is called off.
                let obeys = self.begun.map_or(Some(0), |_| self.child().obeys);
                self.die(run, obeys);
            }
            Action::Kill { run } => {
                assert!(self.may_kill(), "killed too soon");
                self.die(run, Some(self.child().dies));
                self.life = Life::Killed;
            }
            Action::Look { .. } | Action::Suspend => {}
            Action::Lend { run } | Action::NameDaemons { run } => self.die(run, None),
            Action::RelayToGroup { run, .. } if run.is_build() => {
                assert!(run == self.build && self.building != Life::Over);
            }
            Action::Relay { run, .. }
            | Action::RelayToGroup { run, .. }
            | Action::NameRemaining { run, .. } => self.die(run, None),
            Action::Collect { order } => {
                assert!(self.phase < Phase::Asked, "a question after the end");
                let answers = &self.history.answers;
                let (delay, unsettled, locked) = answers[self.questions % answers.len()];
                self.questions += 1;
                let mut answer = Event::Collected(Changes::default());
                let mut at = self.now + ms(delay);
                if unsettled && !order {
                    // To find that out takes time.
                    let lock = locked.then(|| "lock".into());
                    (answer, at) = (Event::Unsettled { lock }, at + ms(1));
                }
                // In the order of the questions.
                self.answered = self.answered.max(at);
                self.plan(self.answered, answer);
            }
            Action::Say(Message::Exited { ran, .. }) => {
                let begun = self.begun.expect("who exited had begun");
                assert!(ran <= self.now - begun, "it did not run while it waited");
            }
            Action::Say(_) => {}
            Action::Finish(_) => {
                assert_eq!(self.life, Life::Over, "somebody is left behind");
                assert_eq!(self.building, Life::Over, "a build is left behind");
                self.phase = Phase::Finished;
            }
        }
    }

    /// Takes in that the run was sent a signal, which for whoever asks is one for each request.
    fn tell_to_stop(&mut self) {
        self.told = self.told.or(Some(self.now));
        if self.phase == Phase::Asked {
            let before = self.told_to_end.replace(self.now);
            let is_new = before.is_none_or(|before| self.now >= before + ms(SAME));
            assert!(is_new, "two signals for one request");
        }
    }

    /// Whether the time to stop is over, or Ctrl-C was typed a second time, and just now.
    fn may_kill(&self) -> bool {
        let is_over = |told: Instant| self.now >= told + self.history.policy.stop.grace;
        let again = self.typed.last() == Some(&self.now);
        let twice = |first: &Instant| again && self.now >= *first + ms(SAME);
        self.told.is_some_and(is_over) || self.typed.first().is_some_and(twice)
    }

    fn builds(&self) -> usize {
        let number = self.build.0 - RunId::build(0).0;
        usize::try_from(number).expect("a small number")
    }

    /// The run, which has to be alive, dies after this time, if ever.
    fn die(&mut self, run: RunId, after: Option<u32>) {
        let alive = run == self.run && self.life != Life::Over;
        assert!(alive, "{run:?} is over");
        if let Some(after) = after {
            let reason = ExitReason::Signal(9);
            self.plan(self.now + ms(after), Event::Emptied { run, reason });
        }
    }

    fn child(&self) -> &'a Child {
        let children = &self.history.children;
        &children[usize::try_from(self.run.0).expect("a small number") % children.len()]
    }
}

/// Random histories, in which rwatch is asked to end so often.
fn histories(asked: std::ops::Range<usize>) -> impl Strategy<Value = History> {
    let end = select(vec![Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]);
    let begin = Instant::now();
    let end =
        (times(), end).prop_map(move |(gap, signal)| vec![(gap, Event::Asked(signal, begin))]);
    let armed = times().prop_map(|gap| vec![(gap, Event::Armed)]);
    let outside = (
        vec(events(), 0..3),
        armed,
        vec(events(), 0..20),
        vec(end, asked),
        events(),
    )
        .prop_map(|(early, armed, many, asked, late)| {
            [early.concat(), armed, many.concat(), asked.concat(), late].concat()
        });
    let answer = (prop_oneof![Just(0), 0..40u32], any::<bool>(), any::<bool>());
    let answers = vec(answer, 1..5);
    (
        policies(),
        outside,
        vec(children(), 1..6),
        vec((times(), 0..2u8), 1..4),
        answers,
        select(vec![0, 1, 30]),
    )
        .prop_map(
            |(policy, outside, children, builds, answers, late)| History {
                policy,
                outside,
                children,
                builds,
                answers,
                late,
            },
        )
}

fn policies() -> impl Strategy<Value = Policy> {
    let when = select(vec![
        RestartWhen::Never,
        RestartWhen::OnFailure,
        RestartWhen::Always,
    ]);
    let signal = select(vec![Signal::SIGTERM, Signal::SIGINT]);
    let (grace, delay) = (select(vec![0, 500, 5000]), option::of(select(vec![0, 300])));
    (
        when,
        option::weighted(0.4, 0..4u32),
        signal,
        grace,
        delay,
        prop::bool::weighted(0.8),
        any::<bool>(),
        prop::bool::weighted(0.3),
    )
        .prop_map(
            |(when, max, signal, grace, delay, watching, postpone, build)| Policy {
                build,
                restart: RestartPolicy { when, max },
                backoff: BackoffRange::default(),
                stop: StopPolicy {
                    signal,
                    grace: ms(grace),
                },
                settle: Settle {
                    delay: delay.map(ms),
                },
                watching,
                postpone: watching && postpone,
            },
        )
}

fn children() -> impl Strategy<Value = Child> {
    let (program, searched) = ("x".into(), None);
    let missing = SpawnFailure::NotFound {
        program,
        searched,
        is_here: false,
    };
    let (program, why) = ("x".into(), String::new());
    let transient = SpawnFailure::Transient { program, why };
    let failure = option::weighted(0.2, select(vec![missing, transient]));
    let waits = option::weighted(0.2, times());
    let ends = option::of((times(), 0..2u8, any::<bool>()));
    (failure, waits, ends, option::of(times()), 0..50u32).prop_map(
        |(failure, waits, ends, obeys, dies)| Child {
            failure,
            waits,
            ends,
            obeys,
            dies,
        },
    )
}

/// An event that comes from outside, once or again and again; if it is of a run, then of any.
fn events() -> impl Strategy<Value = Vec<(u32, Event)>> {
    let hold = select(vec![Hold::None, Hold::Gone, Hold::Writing]);
    let path = select(vec!["a", "b", "c"]);
    let change = (path, any::<bool>(), hold, any::<bool>(), any::<bool>());
    let change = change
        .prop_map(|(path, certain, hold, fresh, lock)| changed(path, certain, hold, fresh, lock));
    let other = (0..10, 0..6u64).prop_map(|(kind, run)| {
        let (run, reason) = (RunId(run), ExitReason::Code(1));
        let (program, why) = ("x".into(), String::new());
        let failure = SpawnFailure::NotExecutable { program, why };
        match kind {
            0 => Event::Exited { run },
            1 => Event::Emptied { run, reason },
            2 => Event::NotStarted { run, failure },
            3 => Event::Relayed(Signal::SIGUSR1),
            4 => Event::Pressed(Key::Restart),
            5 => Event::Halted {
                run,
                why: Halt::WantsTerminal,
            },
            6 => Event::Relayed(Signal::SIGWINCH),
            7 => Event::Froze(Duration::from_millis(run.0)),
            8 => Event::Begun { run },
            _ => Event::Elapsed,
        }
    });
    let often = prop_oneof![9 => Just(0), 1 => 0..800usize];
    let event = prop_oneof![3 => change, 1 => other];
    let series = (times(), event, 1..9u32, often).prop_map(|(gap, event, every, often)| {
        let again = std::iter::repeat_n((every, event.clone()), often);
        std::iter::once((gap, event)).chain(again).collect()
    });
    let mistake = (times(), 0..99u32).prop_map(|(gap, noticed)| {
        let soft = changed("a", false, Hold::Writing, true, false);
        vec![(gap, soft), (noticed, Event::Calmed)]
    });
    prop_oneof![4 => series, 1 => mistake]
}

/// Times of all sizes (ms).
fn times() -> impl Strategy<Value = u32> {
    prop_oneof![0..10u32, 0..300u32, 0..12_000u32]
}
