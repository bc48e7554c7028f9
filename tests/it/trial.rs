//! Changes a tree at random moments, while COMMAND starts and stops in its own time, and looks
//! whether a change is ever lost.
//!
//! A trial is a row of rounds. In each the tree is changed once or a few times, and then a start
//! has to come that is later than the last of it; a lost change is one that is waited for in
//! vain. In a row of changes a later one makes up for an earlier one: so a good part of the rounds
//! is a single change, of the kind that is lost most easily.

use std::collections::BTreeSet;
use std::env;
use std::fs::{self, File, FileTimes};
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::sandbox::{Rwatch, Sandbox};

#[test]
fn no_change_of_a_thousand_is_lost() {
    trial(new_seed(), 1000);
}

#[test]
fn no_change_of_another_thousand_is_lost() {
    trial(new_seed() ^ 0xbad_cafe, 1000);
}

/// `RWATCH_TRIAL_CHANGES=100000 cargo test -- --ignored --nocapture long_trial`
#[test]
#[ignore = "takes as long as one likes"]
fn no_change_is_lost_in_a_long_trial() {
    let changes = env::var("RWATCH_TRIAL_CHANGES").ok();
    let changes = changes.map_or(50_000, |changes| changes.parse().expect("a number"));
    trial(new_seed(), changes);
}

/// Another one each time, or the one that failed.
fn new_seed() -> u64 {
    let seed = env::var("RWATCH_TRIAL_SEED").ok();
    seed.map_or_else(
        || u64::try_from(nanos() / 1000).expect("not so late"),
        |seed| seed.parse().expect("a seed"),
    )
}

#[track_caller]
fn trial(seed: u64, changes: u32) {
    let sandbox = Sandbox::new().dir("fences").fences("fences/");
    let mut vandal = Vandal::new(&sandbox, seed);
    let mood = (seed % 1000).to_string();
    let mut rwatch = sandbox.start(["-w", "src", "-w", "fences"], ["child", "moody", &mood]);
    rwatch.ready();
    let mut rounds = 0;
    while vandal.changes < changes {
        rounds += 1;
        vandal.story.clear();
        let many = [1, 2 + vandal.dice.roll(16)][vandal.dice.roll(3).min(1)];
        while vandal.story.len() < many {
            vandal.act(many == 1);
            // Not to be safe, but to be somewhere else.
            let pause = [0, 0, 0, 0, 0, 1, 2, 15][vandal.dice.roll(8)];
            thread::sleep(Duration::from_millis(pause));
        }
        catches_up(&mut rwatch, &vandal, seed);
        if rounds % 4 == 0 {
            rwatch.settle();
            vandal.grow_old();
        }
    }
    eprintln!(
        "{} changes in {rounds} rounds, {} runs, seed {seed}",
        vandal.changes,
        rwatch.run()
    );
}

/// Waits for a start that is later than the last change.
#[track_caller]
fn catches_up(rwatch: &mut Rwatch, vandal: &Vandal, seed: u64) {
    // Said beforehand, because who waits in vain says no more than for what. It is shown only if
    // the test fails.
    eprintln!("seed {seed}, at {}: {:#?}", vandal.last, vandal.story);
    loop {
        let start = rwatch.ready();
        let at = start
            .before
            .iter()
            .rev()
            .find_map(|line| line.strip_prefix("at "));
        let at: u128 = at.expect("COMMAND says when").parse().expect("nanoseconds");
        if at > vandal.last {
            return;
        }
    }
}

/// Who changes the tree, and what of it they may take away.
///
/// A file can be made and gone again before anybody watches its directory: that leaves no trace,
/// and no program could see it. So what is removed, and what is moved, is old: a start has seen
/// it, and rwatch has since answered a change that came after it.
struct Vandal {
    dice: Dice,
    root: PathBuf,
    away: PathBuf,
    number: u32,
    changes: u32,
    old_files: BTreeSet<PathBuf>,
    old_dirs: BTreeSet<PathBuf>,
    dirs: BTreeSet<PathBuf>,
    outside: Vec<PathBuf>,
    /// When the last change was made, and all that were made in this round.
    last: u128,
    story: Vec<String>,
}

impl Vandal {
    fn new(sandbox: &Sandbox, seed: u64) -> Self {
        let mut vandal = Self {
            // Zero would stay zero.
            dice: Dice(seed | 1 << 40),
            root: sandbox.path("src"),
            away: PathBuf::from(sandbox.side("away")),
            number: 0,
            changes: 0,
            old_files: BTreeSet::new(),
            old_dirs: BTreeSet::new(),
            dirs: BTreeSet::new(),
            outside: Vec::new(),
            last: 0,
            story: Vec::new(),
        };
        fs::create_dir_all(&vandal.away).expect("a writable sandbox");
        for n in 0..20 {
            let path = format!("src/d{}/e{}/f{n}", n % 3, n % 5);
            sandbox.write(&path, &format!("{n}"));
        }
        vandal.grow_old();
        vandal
    }

    /// Takes in that everything has been seen.
    fn grow_old(&mut self) {
        self.old_files.clear();
        self.old_dirs.clear();
        let mut left = vec![self.root.clone()];
        while let Some(dir) = left.pop() {
            for entry in fs::read_dir(&dir).expect("our own tree").flatten() {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    left.push(entry.path());
                    self.old_dirs.insert(entry.path());
                } else {
                    self.old_files.insert(entry.path());
                }
            }
        }
        self.dirs.clone_from(&self.old_dirs);
        self.dirs.insert(self.root.clone());
    }

    /// Makes one change, unless what was thought of cannot be done. In a round of its own every
    /// second one is a new directory with a file in it.
    fn act(&mut self, alone: bool) {
        let made = if alone && self.dice.roll(2) == 0 {
            let (dir, text) = (self.any_dir(), self.text());
            Some(self.make(&dir, &text))
        } else {
            self.do_something()
        };
        if let Some(what) = made {
            self.last = nanos();
            self.changes += 1;
            self.story.push(what);
        }
    }

    #[allow(clippy::too_many_lines)] // one for each thing that can be done
    fn do_something(&mut self) -> Option<String> {
        let (dir, text) = (self.any_dir(), self.text());
        let told = |what: &str, path: &Path| Some(format!("{what} {}", path.display()));
        match self.dice.roll(20) {
            0..=2 => {
                let file = self.new_name(&dir, "f");
                fs::write(&file, text).expect("a tree");
                told("create", &file)
            }
            3 | 4 => {
                let file = self.old_file()?;
                fs::write(&file, text).ok()?;
                told("write", &file)
            }
            5 => {
                let file = self.old_file()?;
                let mut open = File::options().append(true).open(&file).ok()?;
                open.write_all(text.as_bytes()).expect("a tree");
                told("append to", &file)
            }
            6 | 7 => {
                let file = self.old_file()?;
                let temp = file.with_extension("tmp");
                fs::write(&temp, text).expect("a tree");
                fs::rename(&temp, &file).expect("a tree");
                told("save", &file)
            }
            8 => {
                let file = self.old_file()?;
                self.old_files.remove(&file);
                fs::remove_file(&file).expect("a tree");
                told("remove", &file)
            }
            9 => {
                let file = self.old_file()?;
                self.old_files.remove(&file);
                let to = self.new_name(&dir, "r");
                fs::rename(&file, &to).expect("a tree");
                told("rename", &file)
            }
            10 => {
                let link = self.new_name(&dir, "l");
                symlink(self.old_file()?, &link).expect("a tree");
                told("link", &link)
            }
            11..=14 => Some(self.make(&dir, &text)),
            15 => {
                let from = self.old_dir()?;
                let to = Some(self.any_dir()).filter(|to| !to.starts_with(&from))?;
                let to = self.new_name(&to, "m");
                fs::rename(&from, &to).expect("a tree");
                self.gone(&from);
                // At once something new is in it, under its new name.
                fs::write(to.join("moved"), text).expect("a tree");
                self.dirs.insert(to);
                told("move", &from)
            }
            16 => {
                let from = self.old_dir()?;
                self.number += 1;
                let to = self.away.join(self.number.to_string());
                fs::rename(&from, &to).expect("a tree");
                self.gone(&from);
                self.outside.push(to);
                told("move out", &from)
            }
            17 => {
                let from = self.outside.pop()?;
                let to = self.new_name(&dir, "b");
                fs::rename(from, &to).expect("a tree");
                fs::write(to.join("back"), text).expect("a tree");
                self.dirs.insert(to.clone());
                told("move in", &to)
            }
            18 => {
                let dir = self.old_dir()?;
                fs::remove_dir_all(&dir).expect("a tree");
                self.gone(&dir);
                // Half of them are made again, with something else in them.
                if self.dice.roll(2) == 0 {
                    fs::create_dir_all(&dir).expect("a tree");
                    fs::write(dir.join("again"), text).expect("a tree");
                    self.dirs.insert(dir.clone());
                }
                told("remove with all that is in it", &dir)
            }
            _ => {
                let file = self.old_file()?;
                let open = File::open(&file).ok()?;
                // Both, as touch(1).
                let now = SystemTime::now();
                let times = FileTimes::new().set_accessed(now).set_modified(now);
                open.set_times(times).expect("our own file");
                told("touch", &file)
            }
        }
    }

    /// Makes a directory, often a deep one, and at once, or almost, a file in it: whoever lists a
    /// directory before watching it loses the file, if it comes in between.
    fn make(&mut self, dir: &Path, text: &str) -> String {
        let mut deep = dir.to_path_buf();
        for _ in 0..=self.dice.roll(3) {
            deep = self.new_name(&deep, "d");
        }
        let moment = Duration::from_micros(self.dice.roll(400) as u64);
        fs::create_dir_all(&deep).expect("a tree");
        let made = Instant::now();
        while made.elapsed() < moment {
            std::hint::spin_loop();
        }
        fs::write(deep.join("f"), text).expect("a tree");
        let new = deep.ancestors().take_while(|new| *new != self.root);
        self.dirs.extend(new.map(Path::to_path_buf));
        format!("make {} with a file after {moment:?}", deep.display())
    }

    fn any_dir(&mut self) -> PathBuf {
        self.dice.pick(&self.dirs).expect("the root stays")
    }

    fn old_file(&mut self) -> Option<PathBuf> {
        self.dice.pick(&self.old_files)
    }

    /// An old directory with an old file in it, whose going away is a change.
    fn old_dir(&mut self) -> Option<PathBuf> {
        let dir = self.dice.pick(&self.old_dirs)?;
        let holds = |file: &PathBuf| file.starts_with(&dir);
        self.old_files.iter().any(holds).then_some(dir)
    }

    /// Takes in that `dir` is no longer there.
    fn gone(&mut self, dir: &Path) {
        for known in [&mut self.old_files, &mut self.old_dirs, &mut self.dirs] {
            known.retain(|path| !path.starts_with(dir));
        }
    }

    fn new_name(&mut self, dir: &Path, kind: &str) -> PathBuf {
        self.number += 1;
        dir.join(format!("{kind}{}", self.number))
    }

    fn text(&mut self) -> String {
        self.number += 1;
        format!("text {}", self.number)
    }
}

/// xorshift64*: different every time, and the same with the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let random = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(random).expect("31 bits") % sides
    }

    fn pick<T: Clone>(&mut self, from: &BTreeSet<T>) -> Option<T> {
        let nth = self.roll(from.len().max(1));
        from.iter().nth(nth).cloned()
    }
}

fn nanos() -> u128 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("after 1970").as_nanos()
}
