//! What is measured.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::thread;
use std::time::Duration;

use nix::time::ClockId;

use crate::busy::BusyLoops;
use crate::programs::Programs;
use crate::report::{GROWTH, Report, Unit};
use crate::session::{Nanos, Session, millis, nanos, now, save_as};
use crate::tools::{How, Tool};
use crate::trees::Tree;

type Scenario = fn(&Bench) -> Vec<Report>;

/// The scenarios by name.
pub(crate) const ALL: [(&str, Scenario); 6] = [
    ("save", save),
    ("busy", busy),
    ("slow-stop", slow_stop),
    ("bursts", bursts),
    ("rest", rest),
    ("trees", trees),
];

/// How long nothing may happen until a burst is over, for every tool.
const OVER: Duration = Duration::from_secs(2);
const REST: Duration = Duration::from_secs(10);
const SAVES: usize = 6;
const BUSY: usize = 4;
const BUSY_BURST: usize = 500;
const BURST: usize = 5000;

/// Who measures, and how often.
pub(crate) struct Bench {
    pub(crate) tools: Vec<Tool>,
    pub(crate) programs: Programs,
    pub(crate) rounds: Option<usize>,
}

impl Bench {
    /// Runs every tool once a round.
    fn interleave(&self, rounds: usize, mut measure: impl FnMut(&Tool)) {
        for _ in 0..self.rounds.unwrap_or(rounds) {
            self.tools.iter().for_each(&mut measure);
        }
    }

    fn start<'a>(&self, tool: &Tool, tree: &'a Tree, how: How, slow_stop: u32) -> Session<'a> {
        Session::start(tool, tree, &self.programs, how, slow_stop)
    }

    fn report(&self, name: &'static str, title: &str) -> Report {
        Report::new(name, title, &self.tools)
    }
}

/// A tree as of a small project.
fn small() -> Tree {
    Tree::new(20, 10, 200)
}

/// One save, by plain write and by rename, and the first start.
fn save(bench: &Bench) -> Vec<Report> {
    let tree = small();
    let mut saves = bench.report("save", "One save of one file");
    let mut first = bench.report("first-start", "The first start");
    bench.interleave(6, |tool| {
        for (how, name) in HOWS {
            let mut session = bench.start(tool, &tree, how, 0);
            first.add(tool, "child's main()", Unit::Millis, session.first_start());
            session.settle();
            save_often(&mut session, name, |metric, value| {
                saves.add(tool, metric, Unit::Millis, value);
            });
        }
    });
    vec![saves, first]
}

const HOWS: [(How, &str); 2] = [(How::Write, "written"), (How::Rename, "renamed")];

fn save_often(session: &mut Session, name: &str, mut add: impl FnMut(&str, Option<f64>)) {
    for _ in 0..SAVES {
        let save = session.save();
        add(&format!("{name}: stop signal"), save.signal);
        add(&format!("{name}: new main()"), save.start);
    }
}

/// The same beside programs that take all the time they are given, and a burst beside them: a
/// checkout of 500 files. The tools are started on a machine that has time for it.
fn busy(bench: &Bench) -> Vec<Report> {
    let tree = small();
    let title = format!("One save of one file, beside {BUSY} busy loops");
    let mut saves = bench.report("busy", &title);
    bench.interleave(10, |tool| {
        for (how, name) in HOWS {
            let mut session = bench.start(tool, &tree, how, 0);
            session.first_start();
            session.settle();
            let loops = BusyLoops::start(BUSY);
            session.settle();
            save_often(&mut session, name, |metric, value| {
                saves.add(tool, metric, Unit::Millis, value);
            });
            drop(loops);
        }
    });
    let tree = two_branches(BUSY_BURST);
    let title = format!("git checkout of {BUSY_BURST} files, beside {BUSY} busy loops");
    let mut checkout = bench.report("busy-checkout", &title);
    let mut on_two = true;
    bench.interleave(3, |tool| {
        let mut loops = None;
        burst(bench, tool, &tree, &mut checkout, || {
            loops = Some(BusyLoops::start(BUSY));
            check_out(&tree, &mut on_two)
        });
    });
    vec![saves, checkout]
}

/// One save, with a child that takes its time to stop.
fn slow_stop(bench: &Bench) -> Vec<Report> {
    let tree = small();
    let mut report = bench.report("slow-stop", "One save, and a child that takes time to stop");
    bench.interleave(4, |tool| {
        for slow_stop in [30, 150] {
            let mut session = bench.start(tool, &tree, How::Write, slow_stop);
            session.first_start();
            session.settle();
            for _ in 0..SAVES / 2 {
                let metric = format!("{slow_stop} ms to stop: new main()");
                report.add(tool, &metric, Unit::Millis, session.save().start);
            }
        }
    });
    vec![report]
}

/// A checkout of 5,000 files, and 5,000 saves by rename.
fn bursts(bench: &Bench) -> Vec<Report> {
    let tree = two_branches(BURST);
    let mut checkout = bench.report("checkout", "git checkout of 5,000 files");
    let mut on_two = true;
    bench.interleave(3, |tool| {
        burst(bench, tool, &tree, &mut checkout, || {
            check_out(&tree, &mut on_two)
        });
    });
    let mut renames = bench.report("renames", "5,000 saves by rename");
    bench.interleave(3, |tool| {
        burst(bench, tool, &tree, &mut renames, || {
            let saved = tree
                .files()
                .map(|file| save_as(&file, "saved", How::Rename));
            saved.max().expect("there are files")
        });
    });
    vec![checkout, renames]
}

/// A tree of so many files, all of which differ between its branches `one` and `two`.
fn two_branches(files: usize) -> Tree {
    let tree = Tree::new(100, files / 100, 200);
    tree.git(&["checkout", "-qb", "one"]);
    tree.git(&["add", "-A"]);
    tree.git(&["commit", "-qm", "one"]);
    tree.git(&["checkout", "-qb", "two"]);
    for file in tree.files() {
        save_as(&file, "two", How::Write);
    }
    tree.git(&["commit", "-qam", "two"]);
    tree
}

/// Checks out the other branch; when its last file was written.
fn check_out(tree: &Tree, on_two: &mut bool) -> Nanos {
    tree.git(&["checkout", "-q", if *on_two { "one" } else { "two" }]);
    *on_two = !*on_two;
    last_write(tree)
}

/// Has `work` change files, which tells when it changed the last one.
fn burst(
    bench: &Bench,
    tool: &Tool,
    tree: &Tree,
    report: &mut Report,
    work: impl FnOnce() -> Nanos,
) {
    let mut session = bench.start(tool, tree, How::Write, 0);
    session.first_start();
    session.settle();
    let before = session.processes().cpu();
    let last_write = work();
    let starts = session.drain(OVER);
    let cpu = millis(before, session.processes().cpu());
    let restarts = float(starts.len());
    let last_start = starts.last().map(|start| millis(last_write, *start));
    report.add(tool, "restarts", Unit::Count, Some(restarts));
    report.add(
        tool,
        "last start after last write",
        Unit::Millis,
        last_start,
    );
    report.add(tool, "CPU", Unit::Millis, Some(cpu));
}

/// When the last file was written, on our clock.
fn last_write(tree: &Tree) -> Nanos {
    let times = tree.files().map(|file| {
        let data = fs::metadata(file).expect("it was checked out");
        data.mtime() * 1_000_000_000 + data.mtime_nsec()
    });
    let offset = nanos(ClockId::CLOCK_REALTIME) - now();
    times.max().expect("there are files") - offset
}

/// What it costs when nothing happens.
fn rest(bench: &Bench) -> Vec<Report> {
    let tree = small();
    let mut report = bench.report("rest", "At rest for 10 s");
    let sessions: Vec<Session> = bench
        .tools
        .iter()
        .map(|tool| {
            let mut session = bench.start(tool, &tree, How::Write, 0);
            session.first_start();
            session
        })
        .collect();
    thread::sleep(OVER);
    let cost = || {
        let all = sessions.iter().map(Session::processes);
        let cost = all.map(|processes| (processes.switches(), processes.cpu()));
        cost.collect::<Vec<_>>()
    };
    let before = cost();
    thread::sleep(REST);
    for ((tool, before), after) in bench.tools.iter().zip(before).zip(cost()) {
        let switches = float(after.0 - before.0);
        report.add(tool, "context switches", Unit::Count, Some(switches));
        let cpu = millis(before.1, after.1);
        report.add(tool, "CPU", Unit::Millis, Some(cpu));
    }
    vec![report]
}

/// The trees whose sizes are compared: name, title, kept directories, files in each, ignored ones.
const TREES: [(&str, &str, usize, usize, usize); 5] = [
    ("tree-1", "20 directories beside 200 ignored", 20, 10, 200),
    (
        "tree-10",
        "200 directories beside 2,000 ignored",
        200,
        10,
        2_000,
    ),
    (
        "tree-100",
        "2,000 directories beside 20,000 ignored",
        2_000,
        10,
        20_000,
    ),
    (
        "tree-alone",
        "2,000 directories, none ignored",
        2_000,
        10,
        0,
    ),
    (
        "tree-files",
        "100,000 files in 2,000 directories",
        2_000,
        50,
        0,
    ),
];
/// Those of them that differ in nothing but their size.
const GROWING: usize = 3;

/// Trees of all sizes: how set-up, saves and memory grow.
fn trees(bench: &Bench) -> Vec<Report> {
    let trees: Vec<Tree> = TREES
        .iter()
        .map(|&(_, _, dirs, files, ignored)| Tree::new(dirs, files, ignored))
        .collect();
    let mut reports: Vec<Report> = TREES
        .iter()
        .map(|(name, title, ..)| bench.report(name, title))
        .collect();
    let mut growth = bench.report(GROWTH, "The same at 1, 10 and 100 times the size");
    let mut memory = bench.report("memory", "Memory (PSS of all its processes)");
    bench.interleave(3, |tool| {
        let mut small = None;
        for (index, tree) in trees.iter().enumerate() {
            let title = TREES[index].1;
            let mut add = |metric: &str, unit, value: Option<f64>| {
                reports[index].add(tool, metric, unit, value);
                if index < GROWING && unit == Unit::Millis {
                    growth.add(tool, &format!("{metric}, {title}"), unit, value);
                }
            };
            let mut session = bench.start(tool, tree, How::Write, 0);
            add("first start", Unit::Millis, session.first_start());
            add("first change seen", Unit::Millis, session.first_change());
            session.drain(OVER);
            for _ in 0..SAVES / 2 {
                let save = session.save();
                add("save: stop signal", Unit::Millis, save.signal);
                add("save: new main()", Unit::Millis, save.start);
            }
            let processes = session.processes();
            add("watches", Unit::Count, Some(float(processes.watches())));
            let bytes = float(processes.memory());
            memory.add(tool, title, Unit::Megabytes, Some(bytes / 1e6));
            let (least, few) = *small.get_or_insert((bytes, tree.kept_files()));
            if index == trees.len() - 1 {
                let each = (bytes - least) / float(tree.kept_files() - few);
                memory.add(tool, "per kept file", Unit::Bytes, Some(each));
            }
        }
    });
    reports.extend([growth, memory]);
    reports
}

/// A number that is far from 2^52.
#[expect(clippy::cast_precision_loss, reason = "it is small")]
fn float(number: usize) -> f64 {
    number as f64
}
