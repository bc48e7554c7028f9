//! Plays what belongs together: it is one restart, which is later than the last write. What the
//! tools of a developer do is in `corpus`.
//!
//! That every change is followed by a start is promised and checked without mercy. That there is
//! one start alone is promised for bursts without gaps, and a busy machine tears gaps into any:
//! so a metronome runs beside each burst. An attempt during which it was disturbed, and which
//! was answered by more than one restart, proves nothing, and another one is made.

use std::fs::{self, File};
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::sandbox::{Rwatch, Sandbox, Start};

pub(crate) const ATTEMPTS: usize = 5;
/// The metronome's beat, and how late it may be on a machine that has time for us.
const BEAT: Duration = Duration::from_millis(1);
const LATE: Duration = Duration::from_millis(4);
/// What takes longer is no longer a burst: an endless writer is cut off after 2 s.
const LONG: Duration = Duration::from_secs(1);

/// Says that it is over when it is dropped, by a panic too.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Does `work`, and tells whether the machine had time for it.
pub(crate) fn undisturbed(work: impl FnOnce()) -> bool {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let metronome = scope.spawn(|| {
            let mut worst = Duration::ZERO;
            while !over.load(Ordering::Relaxed) {
                let before = Instant::now();
                thread::sleep(BEAT);
                worst = worst.max(before.elapsed());
            }
            worst
        });
        let began = Instant::now();
        let guard = Over(&over);
        work();
        drop(guard);
        let took = began.elapsed();
        metronome.join().expect("the metronome does not fail") < LATE && took < LONG
    })
}

/// Does `work` on a machine that has more to do than it can.
pub(crate) fn beside_busy_loops<T>(work: impl FnOnce() -> T) -> T {
    const LOOPS: usize = 4;
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let _over = Over(&over);
        for _ in 0..LOOPS {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        work()
    })
}

/// How a burst that was played once was answered.
pub(crate) struct Answer {
    /// The start that saw the whole of it.
    pub(crate) start: Start,
    /// How many restarts there were, up to that one and after it.
    pub(crate) restarts: u32,
    /// Whether the machine had time for us.
    pub(crate) calm: bool,
}

/// Plays `burst` once; COMMAND prints `done` at its start once it sees the whole of it.
#[track_caller]
pub(crate) fn play(rwatch: &mut Rwatch, burst: impl FnOnce(&Sandbox), done: &str) -> Answer {
    let run = rwatch.run();
    let mut start = None;
    let calm = undisturbed(|| {
        burst(rwatch);
        // A start that saw only a part of the burst is followed by another.
        while start
            .as_ref()
            .is_none_or(|s: &Start| !s.before.iter().any(|line| line == done))
        {
            start = Some(rwatch.ready());
        }
    });
    let start = start.expect("the loop ends with one");
    let restarts = start.run - run + rwatch.settle();
    Answer {
        start,
        restarts,
        calm,
    }
}

/// Plays `burst` until one restart was the whole answer to it; that restart.
///
/// `burst` gets the text to write, which is not the one there, and `done` is what COMMAND prints
/// at its start once it sees the whole of the burst.
#[track_caller]
pub(crate) fn is_one_restart(
    rwatch: &mut Rwatch,
    burst: impl Fn(&Sandbox, &str),
    done: impl Fn(&str) -> String,
) -> Option<Start> {
    is_answered_by(1, rwatch, burst, done)
}

/// Plays `burst` until no more than `most` restarts were the whole answer to it; the last of them
/// that it needed.
#[track_caller]
pub(crate) fn is_answered_by(
    most: u32,
    rwatch: &mut Rwatch,
    burst: impl Fn(&Sandbox, &str),
    done: impl Fn(&str) -> String,
) -> Option<Start> {
    let mut calm_failures = 0;
    for attempt in 1..=ATTEMPTS {
        let text = text_of(attempt);
        let answer = play(rwatch, |s| burst(s, text), &done(text));
        let Answer { restarts, calm, .. } = answer;
        if restarts <= most {
            return Some(answer.start);
        }
        eprintln!("attempt {attempt}: {restarts} restarts, calm: {calm}");
        calm_failures += usize::from(calm);
    }
    assert!(
        calm_failures < ATTEMPTS,
        "never {most} restarts; {}",
        rwatch.transcript()
    );
    eprintln!("skipped: the machine is too busy to tell one burst from two");
    None
}

/// What the nth burst writes: `v0` is there before the first.
pub(crate) fn text_of(attempt: usize) -> &'static str {
    ["v0", "v1"][attempt % 2]
}

const FILES: usize = 2000;

fn name(n: usize) -> String {
    format!("src/f{n:04}.js")
}

/// COMMAND tallies the contents of src/ at each start.
fn tallying(sandbox: Sandbox, options: &[&str]) -> Rwatch {
    let mut rwatch = sandbox.start(options, ["child", "tally", "src"]);
    rwatch.ready();
    rwatch
}

fn all_are(text: &str) -> String {
    format!("tally {text}={FILES}")
}

#[test]
fn two_thousand_files_while_command_stops_are_one_restart_for_certain() {
    // Here no gap can matter: COMMAND is on its way down from the first write to the last.
    let sandbox = Sandbox::new().dir("src");
    let gate = sandbox.side("gate");
    let words = ["child", "tally", "src", "stop-when", &gate];
    let mut rwatch = sandbox.start(["-v", "--stop-timeout", "10m"], words);
    rwatch.ready();
    for n in 0..FILES {
        rwatch.write(&name(n), "new");
    }
    rwatch.knows_of(FILES);
    rwatch.open("gate");
    let start = rwatch.ready();
    assert_eq!((start.run, start.before.last()), (2, Some(&all_are("new"))));
    assert_eq!(start.changed.len(), FILES);
    assert_eq!(rwatch.settle(), 0);
}

#[test]
fn delay_joins_what_is_far_apart() {
    // Two seconds of quiet between saves: no machine is busy enough to tear that.
    let mut rwatch = tallying(Sandbox::new().dir("src"), &["--delay", "2s"]);
    for n in 0..5 {
        rwatch.save(&name(n), "new");
        thread::sleep(Duration::from_millis(20));
    }
    let start = rwatch.ready();
    assert_eq!(
        (start.run, start.changed.len()),
        (2, 5),
        "{}",
        rwatch.transcript()
    );
    assert_eq!(start.before, ["signal TERM", "tally new=5"]);
}

#[test]
fn a_burst_that_gets_on_is_one_restart_however_long_it_takes() {
    const MANY: usize = 60;
    let mut rwatch = tallying(Sandbox::new().dir("src"), &[]);
    // One file stays open all the while, so that no gap can matter.
    let mut open = File::create(rwatch.path("src/open")).expect("a writable sandbox");
    for n in 0..MANY {
        writeln!(open, "new").expect("a writable sandbox");
        rwatch.write(&name(n), "new");
        // As long as an endless writer has, and half as long again.
        thread::sleep(Duration::from_millis(50));
    }
    drop(open);
    rwatch.says("waiting for the end of the changes, src/* is the latest");
    let start = rwatch.ready();
    let whole = format!("tally new={}", MANY + 1);
    assert_eq!((start.run, start.before.last()), (2, Some(&whole)));
    assert_eq!(rwatch.settle(), 0);
}

#[test]
fn what_git_does_under_its_lock_is_one_restart() {
    let sandbox = Sandbox::new().dir(".git");
    let mut rwatch = sandbox.start([""; 0], ["child"]);
    rwatch.ready();
    rwatch.write(".git/index.lock", "");
    rwatch.save("a.js", "");
    rwatch.says("waiting for git, which holds .git/index.lock; *");
    // An endless writer would have had its time.
    thread::sleep(Duration::from_secs(2));
    rwatch.save("b.js", "");
    rwatch.remove(".git/index.lock");
    rwatch.restarts_for(&["a.js", "b.js"]);
    assert_eq!(rwatch.settle(), 0);
}

#[test]
fn so_it_is_under_that_of_another_work_tree_in_it() {
    let sandbox = Sandbox::new().dir(".git/modules/lib").dir("lib");
    sandbox.write("lib/.git", "gitdir: ../.git/modules/lib\n");
    let mut rwatch = sandbox.dir("other").start([""; 0], ["child"]);
    rwatch.ready();
    // One that was not there at the start.
    rwatch.tool("sh", &["-c", "mkdir new; mkdir new/.git; mv new other"]);
    rwatch.save("other/new/b.js", "");
    rwatch.comes_to("other/new/b.js");
    for (lock, file) in [
        (".git/modules/lib/index.lock", "lib/a.js"),
        ("other/new/.git/index.lock", "other/new/a.js"),
    ] {
        rwatch.write(lock, "");
        rwatch.save(file, "");
        rwatch.says("waiting for git, which holds *index.lock; *");
        rwatch.remove(lock);
        rwatch.restarts_for(&[file]);
    }
}

#[test]
fn who_runs_beside_an_endless_writer_is_left_alone_while_that_takes_a_breath() {
    const BREATH: Duration = Duration::from_millis(40);
    for attempt in 1..=ATTEMPTS {
        let mut rwatch = Sandbox::new().start([""; 0], ["child", "cat", "log0.txt"]);
        rwatch.ready();
        let (slow, over) = (AtomicBool::new(false), AtomicBool::new(false));
        let logs = ["log0.txt", "log1.txt"].map(|name| rwatch.path(name));
        let worst = thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let mut worst = Duration::ZERO;
                for n in 0.. {
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                    let before = Instant::now();
                    fs::write(&logs[n % 2], "more").expect("a sandbox");
                    let is_slow = slow.load(Ordering::Relaxed);
                    thread::sleep(if is_slow { BREATH } else { BEAT });
                    worst = worst.max(before.elapsed());
                }
                fs::write(&logs[0], "last").expect("a sandbox");
                worst
            });
            let _over = Over(&over);
            rwatch.says("log*.txt is still being written, starting all the same");
            slow.store(true, Ordering::Relaxed);
            thread::sleep(30 * BREATH);
            over.store(true, Ordering::Relaxed);
            writer.join().expect("it can write")
        });
        while !rwatch.ready().before.contains(&"cat last".to_owned()) {}
        rwatch.end_by(Signal::SIGTERM);
        let said = rwatch.said();
        let overrun = said.iter().rposition(|line| line.contains("all the same"));
        let after = &said[overrun.expect("it was said")..];
        let restarts = after
            .iter()
            .filter(|line| line.ends_with(" changed, restarting"));
        let restarts = restarts.count();
        if restarts == 1 {
            return;
        }
        eprintln!("attempt {attempt}: {restarts} restarts, the longest breath was {worst:?}");
        assert!(worst > 4 * BREATH, "{}", rwatch.transcript());
    }
    eprintln!("skipped: the machine is too busy to tell a breath from an end");
}

#[test]
fn an_endless_writer_does_not_keep_command_down() {
    let mut rwatch = Sandbox::new().start([""; 0], ["child", "cat", "log0.txt"]);
    rwatch.ready();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        // Two files, because one that changes right after every start would be a loop.
        let logs = ["log0.txt", "log1.txt"].map(|name| rwatch.path(name));
        let write = move |n: usize, text| fs::write(&logs[n % 2], text).expect("a sandbox");
        scope.spawn(|| {
            let write = write;
            for n in 0.. {
                if over.load(Ordering::Relaxed) {
                    return write(0, "last");
                }
                write(n, "more");
                thread::sleep(BEAT);
            }
        });
        let _over = Over(&over);
        // On a busy machine the burst may end, and COMMAND start, some times before that.
        rwatch.says("log*.txt is still being written, starting all the same");
    });
    loop {
        let start = rwatch.ready();
        assert!(!start.changed.is_empty(), "{}", rwatch.transcript());
        if start.before.contains(&"cat last".to_owned()) {
            break;
        }
    }
}
