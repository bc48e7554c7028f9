//! Plays what the tools of a developer do to files: each burst is one restart, which is later than
//! the last write.
//!
//! The tools are the real ones where they can be had without a download; the others are played
//! with the system calls that they are known for. `table` prints what they are made of.

mod table;

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::bursts::{ATTEMPTS, beside_busy_loops, is_answered_by, play, text_of};
use crate::sandbox::{Rwatch, Sandbox, Start};

/// How many files there are in src/.
const FILES: usize = 2000;
/// How many of them are edited.
const EDITED: usize = 500;
/// How many packages are unpacked.
const PACKAGES: usize = 300;
/// In how many pieces a bundle, and a linker's output, is written.
const CHUNKS: usize = 48;
const CHUNK: usize = 64 * 1024;
/// How long a linker thinks between two writes, of which there are five.
const LINKING: Duration = Duration::from_millis(100);
/// How long after the save a formatter is done.
const FORMATTING: Duration = Duration::from_millis(30);

/// Something that belongs together.
#[derive(Clone, Copy)]
struct Burst {
    name: &'static str,
    /// Without this tool it is not played.
    tool: &'static str,
    /// Makes what is there before, which is `v0`.
    prepare: fn(&Sandbox),
    /// Makes it the text, which is `v1` and `v0` by turns.
    play: fn(&Sandbox, &str),
    sees: Sees,
    /// How many restarts may answer it.
    restarts: u32,
}

/// What COMMAND prints when it sees the whole of a burst; `*` stands for the text.
#[derive(Clone, Copy)]
enum Sees {
    /// The one file that is saved.
    File,
    /// How many files have which last line.
    Tally(&'static str),
}

/// What most of them are like.
const BURST: Burst = Burst {
    name: "",
    tool: "true",
    prepare: |_| (),
    play: |_, _| (),
    sees: Sees::Tally("*=2000"),
    restarts: 1,
};

const GIT: [Burst; 5] = [
    Burst {
        name: "git checkout, 2000 files",
        prepare: |s| repository(s, "v0"),
        play: |s, text| s.tool("git", &["checkout", "-q", text]),
        ..BURST
    },
    Burst {
        name: "git stash, 2000 files",
        prepare: |s| {
            repository(s, "v1");
            tree(&s.path(""), "v0");
        },
        play: |s, text| stash(s, text == "v1"),
        ..BURST
    },
    Burst {
        name: "git stash pop, 2000 files",
        prepare: |s| {
            repository(s, "v0");
            tree(&s.path(""), "v1");
            stash(s, true);
        },
        play: |s, text| stash(s, text == "v0"),
        ..BURST
    },
    Burst {
        name: "git rebase of 3 commits, 2000 files",
        prepare: |s| {
            repository(s, "v0");
            s.tool("git", &["checkout", "-q", "-b", "topic"]);
            for name in ["one", "two", "three"] {
                s.write(&format!("src/{name}.js"), "topic");
                commit(s, name);
            }
        },
        play: |s, text| s.tool("git", &["rebase", "-q", "--onto", text, "HEAD~3"]),
        sees: Sees::Tally("topic=3 *=2000"),
        ..BURST
    },
    Burst {
        name: "git pull, 2000 files",
        prepare: remote,
        play: |s, _| {
            let pull = r#"git pull -q --ff-only origin "step$(git rev-list --count HEAD)""#;
            s.tool("sh", &["-c", pull]);
        },
        ..BURST
    },
];

const COPIERS: [Burst; 8] = [
    Burst {
        name: "tar x, 2000 files",
        prepare: |s| {
            trees(s);
            for text in ["v0", "v1"] {
                let [from, tar] = [s.side(text), s.side(&format!("{text}.tar"))];
                s.tool("tar", &["-C", &from, "-cf", &tar, "src"]);
            }
        },
        play: |s, text| s.tool("tar", &["-xf", &s.side(&format!("{text}.tar"))]),
        ..BURST
    },
    Burst {
        name: "unzip, 2000 files",
        tool: "unzip",
        prepare: |s| {
            trees(s);
            let zip = r#"cd "$1" && python3 -m zipfile -c ../"$2".zip src"#;
            for text in ["v0", "v1"] {
                s.tool("sh", &["-c", zip, "sh", &s.side(text), text]);
            }
        },
        play: |s, text| s.tool("unzip", &["-oq", &s.side(&format!("{text}.zip"))]),
        ..BURST
    },
    Burst {
        name: "cp -r, 2000 files",
        prepare: trees,
        play: |s, text| s.tool("cp", &["-r", &s.side(&format!("{text}/src")), "."]),
        ..BURST
    },
    Burst {
        name: "rsync -a, 2000 files",
        tool: "rsync",
        prepare: trees,
        // Of the same size, and written within the same second, they would be the same to it.
        play: |s, text| {
            s.tool(
                "rsync",
                &["-a", "--ignore-times", &s.side(&format!("{text}/src")), "."],
            );
        },
        ..BURST
    },
    Burst {
        name: "sed -i, 500 files",
        prepare: |s| {
            for n in 0..EDITED {
                s.write(&name(n), "v0");
            }
        },
        play: |s, text| {
            let sed = r#"sed -i "s/.*/$1/" src/*"#;
            s.tool("sh", &["-c", sed, "sh", text]);
        },
        sees: Sees::Tally("*=500"),
        ..BURST
    },
    Burst {
        name: "saves by rename, 2000 files",
        prepare: |s| tree(&s.path(""), "v0"),
        play: |s, text| {
            let temp = s.path("src/save.tmp");
            for n in 0..FILES {
                fs::write(&temp, text).expect("a writable sandbox");
                fs::rename(&temp, s.path(&name(n))).expect("a writable sandbox");
            }
        },
        ..BURST
    },
    Burst {
        name: "unpacking 300 new packages",
        prepare: |s| unpack(s, "v0"),
        play: |s, text| {
            let _ = fs::remove_dir_all(s.side("away"));
            retire(s, "src/vendor");
            unpack(s, text);
        },
        sees: Sees::Tally("*=900"),
        ..BURST
    },
    Burst {
        name: "unpacking 300 packages in the place of others",
        prepare: |s| unpack(s, "v0"),
        play: |s, text| {
            let _ = fs::remove_dir_all(s.side("away"));
            unpack(s, text);
        },
        sees: Sees::Tally("*=900"),
        ..BURST
    },
];

const WRITERS: [Burst; 3] = [
    Burst {
        name: "3 bundles of 3 MB",
        prepare: |s| {
            s.write("src/main.js", "");
            bundle(s, "v0");
        },
        play: bundle,
        sees: Sees::Tally("*=3"),
        ..BURST
    },
    Burst {
        name: "a linker, 400 ms",
        prepare: |s| s.write("src/a.js", "v0"),
        play: link,
        sees: Sees::Tally("*=1"),
        ..BURST
    },
    Burst {
        name: "a save, and a formatter 30 ms later",
        prepare: |s| s.write("src/a.js", "v0"),
        play: |s, text| {
            s.write("src/a.js", &format!(" {text}"));
            thread::sleep(FORMATTING);
            s.write("src/a.js", text);
        },
        sees: Sees::File,
        restarts: 2,
        ..BURST
    },
];

/// What takes little time, so that it can be played on a busy machine, too.
const BUSY: [Burst; 6] = [
    COPIERS[4], WRITERS[0], WRITERS[1], EDITORS[3], EDITORS[4], EDITORS[5],
];

const EDITORS: [Burst; 6] = [
    Burst {
        name: "vim as it comes",
        tool: "vim",
        play: |s, text| vim(s, "swapfile", text),
        ..EDITOR
    },
    Burst {
        name: "vim, backup",
        tool: "vim",
        // `backupskip` holds /tmp, where we are.
        play: |s, text| vim(s, "backup backupcopy=no backupskip=", text),
        ..EDITOR
    },
    Burst {
        name: "vim, nowritebackup",
        tool: "vim",
        play: |s, text| vim(s, "nowritebackup", text),
        ..EDITOR
    },
    Burst {
        name: "Emacs: backup by rename, lock file",
        play: |s, text| {
            let [file, lock, backup] = ["a.js", ".#a.js", "a.js~"].map(|n| s.path("src").join(n));
            symlink("it@localhost.1", &lock).expect("a writable sandbox");
            fs::rename(&file, &backup).expect("a file");
            fs::write(&file, text).expect("a writable sandbox");
            fs::remove_file(&lock).expect("a file");
        },
        ..EDITOR
    },
    Burst {
        name: "VS Code: in place",
        play: |s, text| s.write("src/a.js", text),
        ..EDITOR
    },
    Burst {
        name: "JetBrains: two renames",
        play: |s, text| {
            let [file, temp, old] = ["", "___jb_tmp___", "___jb_old___"]
                .map(|suffix| s.path(&format!("src/a.js{suffix}")));
            fs::write(&temp, text).expect("a writable sandbox");
            fs::rename(&file, &old).expect("a file");
            fs::rename(&temp, &file).expect("a file");
            fs::remove_file(&old).expect("a file");
        },
        ..EDITOR
    },
];

/// One file is saved.
const EDITOR: Burst = Burst {
    prepare: |s| s.write("src/a.js", "v0"),
    sees: Sees::File,
    ..BURST
};

#[test]
fn git_is_one_restart() {
    GIT.iter().for_each(is_answered);
}

#[test]
fn copying_and_unpacking_is_one_restart() {
    COPIERS.iter().for_each(is_answered);
}

#[test]
fn output_that_takes_its_time_is_one_restart() {
    WRITERS.iter().for_each(is_answered);
}

#[test]
fn an_editors_save_is_one_restart() {
    EDITORS.iter().for_each(is_answered);
}

#[test]
fn a_checkout_is_one_restart_on_a_busy_machine_too() {
    let burst = &GIT[0];
    let mut rwatch = burst.rwatch().expect("git is there");
    beside_busy_loops(|| {
        for n in 1..=3 {
            let text = text_of(n);
            let answer = play(&mut rwatch, |s| (burst.play)(s, text), &burst.done(text));
            assert_eq!(answer.restarts, 1, "{}", rwatch.transcript());
        }
    });
}

#[test]
fn so_is_anything_else_unless_the_machine_holds_it_up() {
    for burst in BUSY {
        eprintln!("{}", burst.name);
        let mut rwatch = burst.rwatch().expect("`true` is there");
        let restarts = beside_busy_loops(|| {
            let attempts = (1..=2 * ATTEMPTS).map(|n| {
                let text = text_of(n);
                play(&mut rwatch, |s| (burst.play)(s, text), &burst.done(text)).restarts
            });
            attempts
                .take_while(|restarts| *restarts > 1)
                .collect::<Vec<_>>()
        });
        assert!(restarts.len() < 2 * ATTEMPTS, "{restarts:?}");
    }
}

fn is_answered(burst: &Burst) {
    eprintln!("{}", burst.name);
    if let Some(mut rwatch) = burst.rwatch()
        && let Some(start) = is_answered_by(burst.restarts, &mut rwatch, burst.play, |text| {
            burst.done(text)
        })
    {
        burst.assert_named(&start);
    }
}

impl Burst {
    /// An rwatch that waits for it; None without the tool.
    fn rwatch(&self) -> Option<Rwatch> {
        if Command::new(self.tool).arg("--version").output().is_err() {
            eprintln!("skipped: there is no {}", self.tool);
            return None;
        }
        let sandbox = Sandbox::new();
        (self.prepare)(&sandbox);
        let look = match self.sees {
            Sees::File => ["cat", "src/a.js"],
            Sees::Tally(_) => ["tally", "src"],
        };
        let log = sandbox.side("log");
        let mut rwatch = sandbox.start([""; 0], [&["child", "log", &log], &look[..]].concat());
        rwatch.ready();
        Some(rwatch)
    }

    fn done(&self, text: &str) -> String {
        match self.sees {
            Sees::File => format!("cat {text}"),
            Sees::Tally(tally) => format!("tally {}", tally.replace('*', text)),
        }
    }

    /// Whether no other file counts.
    fn is_of_one_file(&self) -> bool {
        matches!(self.sees, Sees::File)
    }

    fn assert_named(&self, start: &Start) {
        let root = match self.sees {
            Sees::File => "src/a.js",
            Sees::Tally(_) => "src/",
        };
        let strange = |path: &&String| !path.starts_with(root);
        assert_eq!(start.changed.iter().find(strange), None);
        assert_ne!(start.changed, [""; 0]);
    }
}

fn name(n: usize) -> String {
    format!("src/f{n:04}.js")
}

/// Writes src/ into `dir`.
fn tree(dir: &Path, text: &str) {
    fs::create_dir_all(dir.join("src")).expect("a writable sandbox");
    for n in 0..FILES {
        fs::write(dir.join(name(n)), text).expect("a writable sandbox");
    }
}

/// Writes src/, and both of what it becomes beside it.
fn trees(s: &Sandbox) {
    tree(&s.path(""), "v0");
    for text in ["v0", "v1"] {
        tree(Path::new(&s.side(text)), text);
    }
}

/// Makes a repository with the branches `v0` and `v1`, and checks one out.
fn repository(s: &Sandbox, branch: &str) {
    s.tool("git", &["init", "-q"]);
    for (key, value) in [("user.name", "it"), ("user.email", "it@localhost")] {
        s.tool("git", &["config", key, value]);
    }
    for text in ["v0", "v1"] {
        s.tool("git", &["checkout", "-q", "-b", text]);
        tree(&s.path(""), text);
        commit(s, text);
    }
    s.tool("git", &["checkout", "-q", branch]);
}

fn commit(s: &Sandbox, message: &str) {
    s.tool("git", &["add", "."]);
    s.tool("git", &["commit", "-q", "-m", message]);
}

fn stash(s: &Sandbox, push: bool) {
    s.tool("git", &["stash", if push { "push" } else { "pop" }, "-q"]);
}

/// Makes a clone at `v0` of a repository with `step1`, which is `v1` again, `step2` …
fn remote(s: &Sandbox) {
    repository(s, "v0");
    let script = r#"
        at=$(git rev-parse v0)
        for n in 1 2 3 4 5 6 7 8 9; do
            at=$(git commit-tree -m step -p "$at" "v$((n % 2))^{tree}")
            git branch "step$n" "$at"
        done
        mv .git "$1"
        git -C "$1" config core.bare true
        rm -r src
        git clone -q --no-local --single-branch -b v0 "$1" .
    "#;
    s.tool("sh", &["-ec", script, "sh", &s.side("remote.git")]);
}

/// Unpacks packages as npm does, each after the one that was there was moved away.
fn unpack(s: &Sandbox, text: &str) {
    for n in 0..PACKAGES {
        let package = format!("src/vendor/package{n}");
        if s.path(&package).exists() {
            retire(s, &package);
        }
        for file in ["package.json", "index.js", "lib/deep/util.js"] {
            s.write(&format!("{package}/{file}"), text);
        }
    }
}

/// Moves a directory to where nobody watches.
fn retire(s: &Sandbox, dir: &str) {
    let away = Path::new(&s.side("away")).join(dir);
    fs::create_dir_all(away.with_file_name("")).expect("a writable sandbox");
    fs::rename(s.path(dir), away).expect("a directory");
}

/// Writes three bundles in pieces; the first is open until the others are there.
fn bundle(s: &Sandbox, text: &str) {
    let chunk = format!("{}\n", "x".repeat(CHUNK - 1));
    let create = |name| File::create(s.path(name)).expect("a writable sandbox");
    let fill = |file: &mut File, chunks| {
        for _ in 0..chunks {
            file.write_all(chunk.as_bytes())
                .expect("a writable sandbox");
        }
    };
    let end = |mut file: File| writeln!(file, "{text}").expect("a writable sandbox");
    let mut main = create("src/main.js");
    for name in ["src/vendor.js", "src/styles.js"] {
        let mut other = create(name);
        fill(&mut other, CHUNKS);
        end(other);
        fill(&mut main, CHUNKS / 2);
    }
    end(main);
}

/// Writes a file anew in small pieces, with pauses between them that are longer than any quiet.
fn link(s: &Sandbox, text: &str) {
    let mut output = File::create(s.path("src/a.js")).expect("a writable sandbox");
    for _ in 0..4 {
        output.write_all(b"\n").expect("a writable sandbox");
        thread::sleep(LINKING);
    }
    output
        .write_all(text.as_bytes())
        .expect("a writable sandbox");
}

fn vim(s: &Sandbox, settings: &str, text: &str) {
    let (set, edit) = (format!("set {settings}"), format!("%s/.*/{text}/"));
    let words = [
        "-N", "-u", "NONE", "-i", "NONE", "-n", "-es", "-c", &set, "-c", &edit,
    ];
    s.tool("vim", &[&words[..], &["-c", "wq", "src/a.js"]].concat());
}
