//! Plays what belongs together, with the real tools: each is one restart, which is later than
//! the last write.
//!
//! That every change is followed by a start is promised and checked without mercy. That there is
//! one start alone is promised for bursts without gaps, and a busy machine tears gaps into any:
//! so a metronome runs beside each burst. An attempt during which it was disturbed, and which
//! was answered by more than one restart, proves nothing, and another one is made.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

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
    let mut calm_failures = 0;
    for attempt in 1..=ATTEMPTS {
        let (text, run) = (format!("v{}", attempt % 2), rwatch.run());
        let mut start = None;
        let calm = undisturbed(|| {
            burst(rwatch, &text);
            // A start that saw only a part of the burst is followed by another.
            while start
                .as_ref()
                .is_none_or(|s: &Start| !s.before.contains(&done(&text)))
            {
                start = Some(rwatch.ready());
            }
        });
        let start = start.expect("the loop ends with one");
        let (restarts, more) = (start.run - run, rwatch.settle());
        if restarts == 1 && more == 0 {
            return Some(start);
        }
        eprintln!("attempt {attempt}: {restarts} restarts and {more} after them, calm: {calm}");
        calm_failures += usize::from(calm);
    }
    assert!(
        calm_failures < ATTEMPTS,
        "never one restart; {}",
        rwatch.transcript()
    );
    eprintln!("skipped: the machine is too busy to tell one burst from two");
    None
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
fn a_git_checkout_of_2000_files() {
    let sandbox = Sandbox::new();
    let git = |args: &[&str]| sandbox.tool("git", args);
    git(&["init", "-q"]);
    for version in ["v0", "v1"] {
        git(&["checkout", "-q", "-b", version]);
        for n in 0..FILES {
            sandbox.write(&name(n), version);
        }
        git(&["add", "."]);
        let identity = ["-c", "user.name=it", "-c", "user.email=it@localhost"];
        git(&[&identity[..], &["commit", "-q", "-m", version]].concat());
    }
    git(&["checkout", "-q", "v0"]);
    let mut rwatch = tallying(sandbox, &[]);
    let checkout = |s: &Sandbox, text: &str| s.tool("git", &["checkout", "-q", text]);
    if let Some(start) = is_one_restart(&mut rwatch, checkout, all_are) {
        assert!(
            start.changed.iter().all(|path| path.starts_with("src/")),
            "{:?}",
            start.changed
        );
    }
}

#[test]
fn two_thousand_saves_by_rename() {
    let mut rwatch = tallying(Sandbox::new().dir("src"), &[]);
    let saves = |sandbox: &Sandbox, text: &str| {
        let temp = sandbox.path("src/save.tmp");
        for n in 0..FILES {
            fs::write(&temp, text).expect("a writable sandbox");
            fs::rename(&temp, sandbox.path(&name(n))).expect("a writable sandbox");
        }
    };
    is_one_restart(&mut rwatch, saves, all_are);
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

/// How an editor puts a new text into src/a.js.
#[track_caller]
fn is_one_restart_for_a_js(save: impl Fn(&Sandbox, &str)) {
    let sandbox = Sandbox::new().file("src/a.js", "v0");
    let mut rwatch = sandbox.start([""; 0], ["child", "cat", "src/a.js"]);
    rwatch.ready();
    if let Some(start) = is_one_restart(&mut rwatch, save, |text| format!("cat {text}")) {
        assert_eq!(start.changed, ["src/a.js"], "{}", rwatch.transcript());
    }
}

#[track_caller]
fn is_one_restart_under_vim(settings: &str) {
    if Command::new("vim").arg("--version").output().is_err() {
        eprintln!("skipped: there is no vim");
        return;
    }
    is_one_restart_for_a_js(|sandbox, text| {
        let (set, edit) = (format!("set {settings}"), format!("%s/.*/{text}/"));
        let words = [
            "-N", "-u", "NONE", "-i", "NONE", "-n", "-es", "-c", &set, "-c", &edit,
        ];
        sandbox.tool("vim", &[&words[..], &["-c", "wq", "src/a.js"]].concat());
    });
}

#[test]
fn vim_as_it_comes() {
    is_one_restart_under_vim("swapfile");
}

#[test]
fn vim_that_renames_its_backup() {
    // `backupskip` holds /tmp, where we are.
    is_one_restart_under_vim("backup backupcopy=no backupskip=");
}

#[test]
fn vim_without_a_backup() {
    is_one_restart_under_vim("nowritebackup");
}

#[test]
fn a_save_in_place_as_vs_code_does() {
    is_one_restart_for_a_js(|sandbox, text| sandbox.write("src/a.js", text));
}

#[test]
fn a_save_by_two_renames_as_jetbrains_ides_do() {
    is_one_restart_for_a_js(|sandbox, text| {
        let [file, temp, old] = ["", "___jb_tmp___", "___jb_old___"]
            .map(|suffix| sandbox.path(&format!("src/a.js{suffix}")));
        fs::write(&temp, text).expect("a writable sandbox");
        fs::rename(&file, &old).expect("a file");
        fs::rename(&temp, &file).expect("a file");
        fs::remove_file(&old).expect("a file");
    });
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
