//! Tells the saves that change something from those that do not, with `--if-changed` by their
//! bytes, and asks `--explain` for the reasons.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::symlink;

use crate::sandbox::{Rwatch, Sandbox, eventually, matches};

/// Saves in each of the ways of editors.
#[allow(clippy::type_complexity)] // it is a table
const SAVES: [(&str, fn(&Sandbox, &str)); 5] = [
    ("in place", |s, text| s.write("src/a.js", text)),
    ("by rename", |s, text| s.save("src/a.js", text)),
    ("by rename of a temporary file", |s, text| {
        s.write("src/a.js.tmp", text);
        fs::rename(s.path("src/a.js.tmp"), s.path("src/a.js")).expect("a writable sandbox");
    }),
    ("away and anew, as vim", |s, text| {
        fs::rename(s.path("src/a.js"), s.path("src/a.js~")).expect("a file");
        s.write("src/a.js", text);
        s.remove("src/a.js~");
    }),
    ("in pieces", |s, text| {
        let mut file = File::create(s.path("src/a.js")).expect("a writable sandbox");
        for byte in text.bytes() {
            file.write_all(&[byte]).expect("a writable sandbox");
        }
    }),
];

/// An app whose contents are known.
fn known() -> Rwatch {
    let sandbox = Sandbox::new()
        .file("src/a.js", "one")
        .file("src/b.js", "b")
        .file("src/deep/c.js", "c");
    let mut rwatch = sandbox.start(["--if-changed"], ["child"]);
    rwatch.ready();
    // Whoever counts as changed is known from then on.
    rwatch.notices("src/a.js", |s| s.save("src/a.js", "two"));
    rwatch
}

#[test]
fn other_bytes_are_a_change_however_they_are_saved() {
    let mut rwatch = known();
    for (how, save) in SAVES {
        for text in ["three", "two"] {
            eprintln!("{text}, {how}");
            rwatch.notices("src/a.js", |s| save(s, text));
        }
    }
}

#[test]
fn the_same_bytes_are_no_change_however_they_are_saved() {
    let mut rwatch = known();
    for (how, save) in SAVES {
        eprintln!("{how}");
        rwatch.ignores(|s| save(s, "two"));
    }
}

#[test]
fn what_comes_back_with_a_root_is_not_known() {
    let mut rwatch = known();
    fs::create_dir(rwatch.path("../side/out")).expect("a writable sandbox");
    rwatch.notices("src", |s| {
        fs::rename(s.path("src"), s.side("out/src")).expect("a directory");
        s.write("src/b.js", "b");
    });
    // COMMAND has not seen it since.
    rwatch.notices("src/a.js", |s| s.save("src/a.js", "two"));
}

#[test]
fn the_same_bytes_send_no_stop_signal() {
    let sandbox = Sandbox::new().file("src/a.js", "one");
    let log = sandbox.side("log");
    let mut rwatch = sandbox.start(["--if-changed"], ["child", "log", &log]);
    rwatch.ready();
    rwatch.notices("src/a.js", |s| s.save("src/a.js", "two"));
    let before = rwatch.log("log");
    for (_, save) in SAVES {
        save(&rwatch, "two");
    }
    rwatch.settle();
    let after = rwatch.log("log");
    // The fence's stop and start, and no other.
    let what = |line: &String| line.split(' ').next().map(str::to_owned);
    let more: Vec<String> = after[before.len()..].iter().filter_map(what).collect();
    assert_eq!(more, ["signal", "exit", "start"], "{}", rwatch.transcript());
}

#[test]
fn a_removed_file_is_a_change_and_so_is_one_that_comes_back_other() {
    let mut rwatch = known();
    rwatch.notices("src/a.js", |s| s.remove("src/a.js"));
    // COMMAND has seen that it was not there.
    rwatch.notices("src/a.js", |s| s.write("src/a.js", "two"));
    rwatch.notices("src/z.js", |s| {
        fs::rename(s.path("src/a.js"), s.path("src/z.js")).expect("a file");
    });
    rwatch.notices("src/a.js", |s| {
        fs::rename(s.path("src/z.js"), s.path("src/a.js")).expect("a file");
    });
    rwatch.notices("src/deep", |s| {
        fs::remove_dir_all(s.path("src/deep")).expect("a directory");
    });
    rwatch.notices("src/deep/c.js", |s| s.write("src/deep/c.js", "c"));
}

#[test]
fn what_is_new_or_unknown_counts_as_changed() {
    let mut rwatch = known();
    rwatch.notices("src/new.js", |s| s.write("src/new.js", ""));
    rwatch.notices("src/x/y/new.js", |s| s.write("src/x/y/new.js", ""));
    rwatch.notices("src/link.js", |s| {
        symlink("a.js", s.path("src/link.js")).expect("a writable sandbox");
    });
    // Too large to be known.
    let large = "x".repeat(5 << 20);
    for _ in 0..2 {
        rwatch.notices("src/large.js", |s| s.write("src/large.js", &large));
    }
    rwatch.ignores(|s| s.write("src/new.js", ""));
    rwatch.ignores(|s| s.write("src/x/y/new.js", ""));
}

#[test]
fn the_contents_of_the_start_are_known_in_the_end() {
    let sandbox = Sandbox::new();
    for n in 0..50 {
        sandbox.write(&format!("src/f{n}.js"), "text");
    }
    let mut rwatch = sandbox.start(["--if-changed"], ["child"]);
    rwatch.ready();
    // They are read in the background: those that are saved too early count as changed, once.
    let mut n = 0;
    eventually(
        "a save with the bytes of the start that is no change",
        || {
            n += 1;
            let path = format!("src/f{n}.js");
            rwatch.save(&path, "text");
            rwatch.settle() == 0
        },
    );
    rwatch.notices("src/f49.js", |s| s.save("src/f49.js", "other"));
}

#[test]
fn what_kind_of_thing_is_made_does_not_matter() {
    let mut rwatch = Sandbox::new()
        .file("src/a.js", "")
        .start([""; 0], ["child"]);
    rwatch.ready();
    rwatch.notices("src/link", |s| {
        symlink("nowhere", s.path("src/link")).expect("a sandbox");
    });
    rwatch.notices("src/hard", |s| {
        fs::hard_link(s.path("src/a.js"), s.path("src/hard")).expect("one file system");
    });
    // Made in another place and given its name here, as careful writers do.
    rwatch.notices("src/linked", |s| {
        fs::write(s.side("linked"), "").expect("a writable sandbox");
        fs::hard_link(s.side("linked"), s.path("src/linked")).expect("one file system");
        fs::remove_file(s.side("linked")).expect("a file");
    });
    rwatch.notices("src/link", |s| s.remove("src/link"));
    rwatch.notices("src/hard", |s| s.remove("src/hard"));
}

#[test]
fn ownership_and_attributes_do_not_count() {
    let mut rwatch = Sandbox::new()
        .file("src/a.js", "")
        .start([""; 0], ["child"]);
    rwatch.ready();
    let uid = "import os; s = os.stat('src/a.js'); os.chown('src/a.js', s.st_uid, s.st_gid)";
    rwatch.ignores(|s| s.tool("python3", &["-c", uid]));
    rwatch.ignores(|s| s.tool("chmod", &["0600", "src/a.js"]));
    let xattr = "import os\ntry: os.setxattr('src/a.js', 'user.it', b'x')\nexcept OSError: pass";
    rwatch.ignores(|s| s.tool("python3", &["-c", xattr]));
    // A second name elsewhere changes the link count.
    rwatch.ignores(|s| {
        fs::hard_link(s.path("src/a.js"), s.side("hard")).expect("one file system");
    });
    rwatch.ignores(|s| s.tool("touch", &["-a", "src/a.js"]));
}

#[test]
fn output_that_goes_to_a_watched_file_is_no_change() {
    let sandbox = Sandbox::new().file("src/a.js", "");
    let log = sandbox.side("log");
    // COMMAND's lines go there, and rwatch's own.
    let script = "exec \"$0\" \"$@\" >> out.log 2>> src/err.log";
    let mut rwatch = sandbox
        .wrapper(&["sh", "-c", script])
        .start(["-v"], ["child", "log", &log]);
    let starts = |rwatch: &Rwatch| {
        let log = rwatch.log("log");
        log.iter().filter(|line| line.starts_with("start")).count()
    };
    for n in 1..4 {
        eventually("a start", || starts(&rwatch) == n);
        rwatch.save(&format!("src/{n}.js"), "");
    }
    eventually("the last start", || starts(&rwatch) == 4);
    let out = fs::read_to_string(rwatch.path("out.log")).expect("stdout");
    let err = fs::read_to_string(rwatch.path("src/err.log")).expect("stderr");
    let reasons: Vec<&str> = out
        .lines()
        .filter(|line| line.starts_with("ready"))
        .collect();
    let expected: Vec<String> = (1..4)
        .map(|n| format!("ready {} change src/{n}.js", n + 1))
        .collect();
    assert_eq!(reasons[1..], expected, "{err}");
    // Neither is it talked about, which would be another line, for ever.
    assert!(
        !err.contains("out.log") && !err.contains("err.log"),
        "{err}"
    );
    assert_eq!(
        rwatch.end_by(nix::sys::signal::SIGTERM),
        crate::sandbox::Ended::Signal(15)
    );
}

#[test]
fn a_removed_file_that_is_still_written_to_changes_no_more() {
    let mut rwatch = Sandbox::new().file("a.log", "").start([""; 0], ["child"]);
    rwatch.ready();
    let log = File::options().append(true).open(rwatch.path("a.log"));
    let mut log = log.expect("a file");
    rwatch.notices("a.log", |s| s.remove("a.log"));
    for _ in 0..2 {
        rwatch.ignores(|_| log.write_all(b"line\n").expect("it is still open"));
    }
    rwatch.ignores(|_| drop(log));
}

/// Asks `rwatch OPTIONS --explain PATH`; `answer` has `*` for anything.
#[track_caller]
pub(crate) fn explains(sandbox: &Sandbox, options: &[&str], path: &str, yes: bool, answer: &str) {
    let (code, text) = sandbox.explain(options, path);
    let expected = format!("{path}: {} {answer}\n", if yes { "yes," } else { "no," });
    assert!(
        matches(&expected, &text) && code == Some(i32::from(!yes)),
        "{options:?} {path}: expected {expected:?}, got {code:?}, {text:?}"
    );
}

#[test]
fn explain_names_the_rule() {
    let sandbox = Sandbox::new()
        .file(
            ".gitignore",
            "# comment\n*.log\n!keep.log\n/dist/\nsecret.env\n",
        )
        .file("pkg/.gitignore", "\n\ngen\n")
        .file("pkg/.ignore", "*.md\n")
        .file("crate/Cargo.toml", "")
        .file("dist/a.js", "")
        .file("pkg/gen/deep/a.js", "");
    sandbox.tool("git", &["init", "-q"]);
    sandbox.write(".git/info/exclude", "# c\nprivate\n");
    let outside = sandbox.side("x");
    let no = |options: &[&str], path: &str, answer: &str| {
        explains(&sandbox, options, path, false, answer);
    };
    let yes = |options: &[&str], path: &str, answer: &str| {
        explains(&sandbox, options, path, true, answer);
    };

    symlink("pkg", sandbox.path("link")).expect("a writable sandbox");
    yes(&["-w", "link"], "pkg/a.js", "`link` is watched");
    no(
        &["-w", "link", "-i", "*.css"],
        "pkg/a.css",
        "--ignore *.css",
    );
    no(&[], "a.log", "`*.log` in .gitignore, line 2");
    yes(&[], "keep.log", "`.` is watched");
    no(
        &[],
        "dist/a.js",
        "dist is ignored: `/dist/` in .gitignore, line 4",
    );
    no(
        &[],
        "pkg/gen/deep/a.js",
        "pkg/gen is ignored: `gen` in pkg/.gitignore, line 3",
    );
    no(&[], "pkg/a.md", "`*.md` in pkg/.ignore, line 1");
    no(&[], "private", "`private` in .git/info/exclude, line 2");
    no(
        &[],
        "node_modules/x/y.js",
        "node_modules is ignored: `node_modules` of the built-in list",
    );
    no(
        &[],
        "crate/target/a",
        "crate/target is ignored: `target/` of the built-in list",
    );
    no(&[], "src/.a.js.swp", "`.*.sw[a-p]` of the built-in list");
    no(&[], "src/a.js.swp", "`*.swp` of the built-in list");
    no(
        &["-i", "/docs"],
        "docs/a.md",
        "docs is ignored: --ignore /docs",
    );
    no(&["-i", "*.md"], "docs/a.md", "--ignore *.md");
    no(&["-e", "js"], "a.md", "--ext does not list its ending");
    no(&["-w", "src"], "pkg/a.js", "it is under no watched path");
    no(&[], &outside, "it is under no watched path");
    no(
        &["-w", "src/*.ts"],
        "src/deep/a.ts",
        "it is under no watched path",
    );
    no(
        &["-w", "dist", "-i", "dist"],
        "dist/a.js",
        "dist is ignored: --ignore dist",
    );

    yes(&[], "src/a.js", "`.` is watched");
    yes(&["-e", "js"], "src/a.js", "`.` is watched");
    yes(
        &["-w", "src", "-w", "src/deep"],
        "src/deep/a.js",
        "`src/deep` is watched",
    );
    yes(&["-w", "src/*.ts"], "src/a.ts", "`src/*.ts` is watched");
    yes(&["-w", "dist"], "dist/a.js", "`dist` is watched");
    yes(
        &["-w", "secret.env", "-e", "js"],
        "secret.env",
        "`secret.env` is watched",
    );
    yes(&["--no-ignore"], "a.log", "`.` is watched");
    yes(&["--no-ignore"], "node_modules/x/y.js", "`.` is watched");
    yes(&["-i", "!*.log"], "a.log", "`.` is watched");
    yes(
        &["-i", "*.md", "-i", "!README.md"],
        "README.md",
        "`.` is watched",
    );
    yes(&["-m", "1", "-w", "src"], "src/a.js", "`src` is watched");
}
