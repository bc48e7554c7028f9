//! Changes a tree at random moments, while COMMAND starts and stops in its own time, and looks
//! whether the last start has seen it all.
//!
//! What COMMAND sees of the tree is a listing of its files with their contents; every content is
//! written once only, so that no lost change can hide behind another. A trial is a row of rounds.
//! In each the tree is changed a few times, and then a start has to come that is later than the
//! last change and sees the tree as it is.

use std::collections::BTreeSet;
use std::env;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::sandbox::{Rwatch, Sandbox, child};

/// Lists src/ with all contents; what goes away meanwhile is not there.
const LIST: &str = "find src ! -type d -print0 2>/dev/null | LC_ALL=C sort -z \
                    | xargs -0r sha1sum 2>/dev/null | sha1sum | cut -d ' ' -f 1";

/// xorshift64*: enough to be different every time, and the same with the same seed.
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

/// Who changes the tree, and what of it they may take away.
///
/// A file can be made and gone again before anybody watches its directory: that leaves no trace,
/// and no program could see it. So what is removed, and what is moved, is old: a start has seen
/// it, and what rwatch has said since was about something else.
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
    /// The last change, and all that were made in this round.
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
                let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
                if is_dir {
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

    fn new_name(&mut self, dir: &Path, kind: &str) -> PathBuf {
        self.number += 1;
        dir.join(format!("{kind}{}", self.number))
    }

    fn text(&mut self) -> String {
        self.number += 1;
        format!("text {}", self.number)
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

    /// Makes one change, unless what was thought of cannot be done.
    fn act(&mut self) {
        let Some(what) = self.try_act() else {
            return;
        };
        // After the deed: what began before COMMAND did and is done now has to be seen.
        self.last = nanos();
        self.changes += 1;
        self.story.push(what);
    }

    #[allow(clippy::too_many_lines)] // one for each thing that can be done
    fn try_act(&mut self) -> Option<String> {
        let dir = self.dice.pick(&self.dirs).expect("the root stays");
        let text = self.text();
        let told = |what: &str, path: &Path| Some(format!("{what} {}", path.display()));
        match self.dice.roll(20) {
            0..=2 => {
                let file = self.new_name(&dir, "f");
                fs::write(&file, text).expect("a tree");
                told("create", &file)
            }
            3 | 4 => {
                let file = self.dice.pick(&self.old_files)?;
                fs::write(&file, text).ok()?;
                told("write", &file)
            }
            5 => {
                let file = self.dice.pick(&self.old_files)?;
                let mut open = File::options().append(true).open(&file).ok()?;
                open.write_all(text.as_bytes()).expect("a tree");
                told("append to", &file)
            }
            6 | 7 => {
                let file = self.dice.pick(&self.old_files)?;
                let temp = file.with_extension("tmp");
                fs::write(&temp, text).expect("a tree");
                fs::rename(&temp, &file).expect("a tree");
                told("save", &file)
            }
            8 => {
                let file = self.dice.pick(&self.old_files)?;
                self.old_files.remove(&file);
                fs::remove_file(&file).expect("a tree");
                told("remove", &file)
            }
            9 => {
                let file = self.dice.pick(&self.old_files)?;
                self.old_files.remove(&file);
                let to = self.new_name(&dir, "r");
                fs::rename(&file, &to).expect("a tree");
                told("rename", &file)
            }
            10 => {
                let link = self.new_name(&dir, "l");
                let to = self.dice.pick(&self.old_files)?;
                symlink(to, &link).expect("a tree");
                told("link", &link)
            }
            // What loses this race does not lose it every time.
            11..=14 => {
                let mut deep = dir;
                for _ in 0..=self.dice.roll(3) {
                    deep = self.new_name(&deep, "d");
                }
                fs::create_dir_all(&deep).expect("a tree");
                for _ in 0..self.dice.roll(300) {
                    std::hint::spin_loop();
                }
                fs::write(deep.join("f"), text).expect("a tree");
                let new = deep.ancestors().take_while(|new| *new != self.root);
                self.dirs.extend(new.map(Path::to_path_buf));
                told("make", &deep)
            }
            15 => {
                let from = self.old_dir()?;
                let to = self
                    .dice
                    .pick(&self.dirs)
                    .filter(|to| !to.starts_with(&from))?;
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
                let file = self.dice.pick(&self.old_files)?;
                let open = File::open(&file).ok()?;
                let times = fs::FileTimes::new().set_modified(SystemTime::now());
                open.set_times(times).expect("our own file");
                told("touch", &file)
            }
        }
    }
}

fn list(sandbox: &Sandbox) -> String {
    let output = Command::new("sh")
        .args(["-c", LIST])
        .current_dir(sandbox.path(""))
        .stderr(Stdio::inherit())
        .output();
    String::from_utf8(output.expect("sh starts").stdout)
        .expect("hexadecimal")
        .trim()
        .to_owned()
}

/// Waits for a start that is later than the last change and saw the tree as it is.
#[track_caller]
fn catches_up(rwatch: &mut Rwatch, vandal: &Vandal, seed: u64) {
    let now = list(rwatch);
    // Said here, because who waits in vain says no more than for what.
    let told = || {
        eprintln!(
            "seed {seed}, expected {now} after {}: {:#?}",
            vandal.last, vandal.story
        );
    };
    let guard = Told(told);
    loop {
        let start = rwatch.ready();
        let saw = start
            .before
            .iter()
            .rev()
            .find_map(|line| line.strip_prefix("saw "));
        let (at, what) = saw
            .and_then(|saw| saw.split_once(' '))
            .expect("COMMAND says what it saw");
        if what == now && at.parse::<u128>().expect("nanoseconds") > vandal.last {
            break;
        }
    }
    std::mem::forget(guard);
}

/// Tells, unless it is forgotten.
struct Told<F: Fn()>(F);

impl<F: Fn()> Drop for Told<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[track_caller]
fn trial(seed: u64, changes: u32) {
    let sandbox = Sandbox::new();
    let mut vandal = Vandal::new(&sandbox, seed);
    // The start of one run in three takes up to 40 ms, and so does the stop of another.
    let random = format!("$(( (RWATCH_RUN * 7919 + {}) % 120 ))", seed % 1000);
    let script = format!(
        "at=$(date +%s%N); n={random}; [ $n -lt 40 ] && sleep 0.0$((n / 10))$((n % 10)); \
         echo saw $at $({LIST}); [ $n -ge 80 ] && slow=\"slow-stop $((n - 80))\"; exec {} $slow",
        child()
    );
    let mut rwatch = sandbox
        .dir("beside")
        .start(["-w", "src", "-w", "beside"], ["sh", "-c", &script]);
    rwatch.ready();
    let mut rounds = 0;
    while vandal.changes < changes {
        vandal.story.clear();
        let before = vandal.changes;
        let many = 1 + vandal.dice.roll(25);
        for _ in 0..many {
            vandal.act();
            // Not to be safe, but to be somewhere else.
            let pause = [0, 0, 0, 0, 1, 2, 5, 20][vandal.dice.roll(8)];
            thread::sleep(Duration::from_millis(pause));
        }
        if vandal.changes == before {
            continue;
        }
        catches_up(&mut rwatch, &vandal, seed);
        rwatch.save("beside/fence", &rounds.to_string());
        rwatch.comes_to("beside/fence");
        vandal.grow_old();
        rounds += 1;
    }
    eprintln!(
        "{} changes in {rounds} rounds, {} runs, seed {seed}",
        vandal.changes,
        rwatch.run()
    );
}

fn new_seed() -> u64 {
    let seed = env::var("RWATCH_TRIAL_SEED").ok();
    seed.map_or_else(
        || u64::try_from(nanos() / 1000).expect("soon"),
        |seed| seed.parse().expect("a seed"),
    )
}

#[test]
fn no_change_is_lost_in_two_thousand() {
    trial(new_seed(), 2000);
}

/// `RWATCH_TRIAL_CHANGES=100000 cargo test --test it -- --ignored --nocapture long_trial`
#[test]
#[ignore = "takes as long as one likes"]
fn no_change_is_lost_in_a_long_trial() {
    let changes = env::var("RWATCH_TRIAL_CHANGES").ok();
    trial(
        new_seed(),
        changes.map_or(50_000, |changes| changes.parse().expect("a number")),
    );
}
