//! Measures the bursts of the corpus, beside an observer of its own, and prints a table of them:
//! `cargo test --release --test it -- --ignored --nocapture corpus::table`, after
//! `cargo build --release --examples`.

use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use notify::event::{EventKindMask, ModifyKind, RenameMode};
use notify::{Config, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::{Burst, COPIERS, EDITORS, GIT, WRITERS};
use crate::bursts::{play, text_of};
use crate::sandbox::Rwatch;

/// So often each burst is played for a line of the table.
const ROUNDS: usize = 5;

/// What was measured of one round, all times in milliseconds.
struct Measured {
    events: f64,
    gap: f64,
    quiet: f64,
    start: f64,
    restarts: f64,
}

#[test]
#[ignore = "it measures, and asserts nothing"]
fn table() {
    println!(
        "| burst | raw events | longest gap | quiet time | start after the last write | restarts |"
    );
    println!("|---|---|---|---|---|---|");
    for burst in GIT.iter().chain(&COPIERS).chain(&WRITERS).chain(&EDITORS) {
        let Some(mut rwatch) = burst.rwatch() else {
            continue;
        };
        let (_watcher, seen) = observe(&rwatch);
        let rounds: Vec<Measured> = (1..=ROUNDS)
            .map(|round| measure(burst, &mut rwatch, text_of(round), &seen))
            .collect();
        let median = |value: fn(&Measured) -> f64| {
            let mut values: Vec<f64> = rounds.iter().map(value).collect();
            values.sort_by(f64::total_cmp);
            values[ROUNDS / 2]
        };
        println!(
            "| {} | {:.0} | {:.1} ms | {:.0} ms | {:.0} ms | {:.0} |",
            burst.name,
            median(|m| m.events),
            median(|m| m.gap),
            median(|m| m.quiet),
            median(|m| m.start),
            median(|m| m.restarts),
        );
    }
}

/// Tells the time of every event in src/ that rwatch would ask the kernel for.
fn observe(rwatch: &Rwatch) -> (RecommendedWatcher, Receiver<SystemTime>) {
    let (tell, seen) = channel();
    let handler = move |event: notify::Result<notify::Event>| {
        let now = SystemTime::now();
        // What notify makes of the two events of a rename is no third one.
        let both = EventKind::Modify(ModifyKind::Name(RenameMode::Both));
        if event.is_ok_and(|event| event.kind != both) {
            let _ = tell.send(now);
        }
    };
    let mask = EventKindMask::CORE | EventKindMask::ACCESS_CLOSE;
    let config = Config::default().with_event_kinds(mask);
    let mut watcher = RecommendedWatcher::new(handler, config).expect("an inotify instance");
    watcher
        .watch(&rwatch.path("src"), RecursiveMode::Recursive)
        .expect("a directory");
    (watcher, seen)
}

fn measure(
    burst: &Burst,
    rwatch: &mut Rwatch,
    text: &str,
    seen: &Receiver<SystemTime>,
) -> Measured {
    let answer = play(rwatch, |s| (burst.play)(s, text), &burst.done(text));
    let times: Vec<SystemTime> = seen.try_iter().collect();
    let between = |from: SystemTime, to: SystemTime| to.duration_since(from).unwrap_or_default();
    let [.., last] = times[..] else {
        panic!("nothing was seen of {}", burst.name);
    };
    let gap = times.windows(2).map(|pair| between(pair[0], pair[1])).max();
    let length = between(times[0], last);
    let started = started(rwatch, answer.start.run);
    Measured {
        events: f64::from(u32::try_from(times.len()).expect("a burst has an end")),
        gap: ms(gap.unwrap_or_default()),
        // As in src/supervisor/burst.rs.
        quiet: (if burst.is_of_one_file() { 4.0 } else { 8.0 } + ms(length) / 8.0).min(80.0),
        start: ms(between(last, started)),
        restarts: answer.restarts.into(),
    }
}

/// When this run of COMMAND began to run.
fn started(rwatch: &Rwatch, run: u32) -> SystemTime {
    let log = rwatch.log("log");
    let mut starts = log.iter().filter_map(|line| line.strip_prefix("start "));
    let nanos = starts.nth(run as usize - 1).expect("every run is logged");
    let nanos = nanos.split(' ').next().and_then(|nanos| nanos.parse().ok());
    UNIX_EPOCH + Duration::from_nanos(nanos.expect("the nanoseconds since 1970"))
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
