//! Counts what rwatch costs when nothing happens: no wake-ups, and no more watches than there are
//! directories to watch.

use std::fs;
use std::path::PathBuf;

use crate::sandbox::{Rwatch, Sandbox};

fn proc(rwatch: &Rwatch) -> PathBuf {
    PathBuf::from(format!("/proc/{}", rwatch.pid()))
}

/// How often a thread of rwatch has gone to sleep, which is how often it was woken.
fn wake_ups(rwatch: &Rwatch) -> u64 {
    let tasks = fs::read_dir(proc(rwatch).join("task")).expect("rwatch runs");
    let count = |task: PathBuf| {
        let status = fs::read_to_string(task.join("status")).expect("its threads stay");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.expect("proc_pid_status(5)")
            .trim()
            .parse::<u64>()
            .expect("a number")
    };
    tasks.flatten().map(|task| count(task.path())).sum()
}

fn watches(rwatch: &Rwatch) -> usize {
    let fds = fs::read_dir(proc(rwatch).join("fdinfo"))
        .expect("rwatch runs")
        .flatten();
    let infos = fds.map(|fd| fs::read_to_string(fd.path()).unwrap_or_default());
    infos.map(|info| info.matches("inotify wd:").count()).sum()
}

/// Whether `span` costs no wake-up. One of a few: the first may see the end of the start.
#[track_caller]
fn costs_nothing(rwatch: &mut Rwatch, mut span: impl FnMut(&mut Rwatch)) {
    let mut costs = Vec::new();
    for _ in 0..5 {
        let before = wake_ups(rwatch);
        span(rwatch);
        costs.push(wake_ups(rwatch) - before);
        if costs.last() == Some(&0) {
            return;
        }
    }
    panic!("wake-ups: {costs:?}; {}", rwatch.transcript());
}

#[test]
fn idle_means_zero_wake_ups() {
    // The pace is COMMAND's: it prints a line every second.
    let beat = "n=0; while sleep 1; do n=$((n + 1)); echo beat $n; done";
    let mut rwatch = Sandbox::new().start([""; 0], ["sh", "-c", beat]);
    rwatch.prints("beat 1");
    let two_seconds = |rwatch: &mut Rwatch| {
        rwatch.prints("beat *");
        rwatch.prints("beat *");
    };
    costs_nothing(&mut rwatch, two_seconds);
    // The same after a restart, and while COMMAND is not there at all.
    rwatch.save("a.js", "");
    rwatch.prints("beat 1");
    costs_nothing(&mut rwatch, two_seconds);
}

#[test]
fn idle_means_zero_wake_ups_while_nothing_runs() {
    let mut rwatch = Sandbox::new().start(["-w", "."], ["true"]);
    rwatch.says("exited cleanly, waiting for changes");
    costs_nothing(&mut rwatch, |rwatch| rwatch.tool("sleep", &["1"]));
}

#[test]
fn reading_watched_files_wakes_nobody() {
    let sandbox = Sandbox::new();
    for n in 0..2000 {
        sandbox.write(&format!("src/d{}/f{n}.js", n % 20), "text");
    }
    let mut rwatch = sandbox.start([""; 0], ["child"]);
    rwatch.ready();
    costs_nothing(&mut rwatch, |rwatch| {
        rwatch.tool(
            "sh",
            &["-c", "cat src/*/*.js > /dev/null; ls -lR . > /dev/null"],
        );
    });
    rwatch.ignores(|_| ());
}

#[test]
fn ignored_directories_get_no_watch() {
    let mut sandbox = Sandbox::new().file(".gitignore", "/out\n");
    for n in 0..50 {
        sandbox = sandbox
            .dir(&format!("src/d{n}/e"))
            .dir(&format!("out/d{n}"));
        for m in 0..20 {
            sandbox = sandbox.dir(&format!("node_modules/m{n}/d{m}"));
        }
    }
    let mut rwatch = sandbox.start([""; 0], ["child"]);
    rwatch.says("watching .: 1 file in 102 directories");
    rwatch.ready();
    // The current directory, src, and twice 50 below that.
    assert_eq!(watches(&rwatch), 102);
    // Directories that come and go bring and take their watches.
    rwatch.ignores(|s| {
        s.tool(
            "mkdir",
            &["-p", "src/new/a", "src/new/b", "node_modules/new/a"],
        );
    });
    assert_eq!(watches(&rwatch), 105);
    rwatch.ignores(|s| s.tool("rm", &["-r", "src/new", "node_modules/m0"]));
    assert_eq!(watches(&rwatch), 102);
}
