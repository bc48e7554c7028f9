//! Looks again and again instead of listening: what the kernel's events would have told has to be
//! found without them.

use std::fs::{self, File, FileTimes};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::bursts::is_one_restart;
use crate::sandbox::{Rwatch, Sandbox};

/// An app, running, looked at every 50 ms.
fn app() -> Rwatch {
    let sandbox = Sandbox::new()
        .file("app/a.js", "text")
        .file("app/deep/b.js", "")
        .file("app/old/c/d.js", "");
    let mut rwatch = sandbox
        .fences("app/")
        .start(["-w", "app", "--poll=50ms"], ["child"]);
    rwatch.says("polling every 50ms");
    rwatch.ready();
    rwatch
}

fn set_time(sandbox: &Sandbox, path: &str, time: SystemTime) {
    let file = File::open(sandbox.path(path)).expect("a file");
    file.set_times(FileTimes::new().set_modified(time))
        .expect("our own file");
}

#[test]
fn polling_asks_the_kernel_for_no_watch() {
    let mut rwatch = app();
    let fdinfo = format!("/proc/{}/fdinfo", rwatch.pid());
    let watches = || {
        let fds = fs::read_dir(&fdinfo).expect("rwatch runs").flatten();
        let infos = fds.map(|fd| fs::read_to_string(fd.path()).unwrap_or_default());
        infos
            .map(|info| info.matches("inotify wd:").count())
            .sum::<usize>()
    };
    assert_eq!(watches(), 0);
    rwatch.notices("app/new/e.js", |s| s.write("app/new/e.js", ""));
    assert_eq!(watches(), 0);
}

#[test]
fn polling_sees_writes_of_every_kind() {
    let mut rwatch = app();
    rwatch.notices("app/a.js", |s| s.write("app/a.js", "longer text"));
    rwatch.notices("app/a.js", |s| s.write("app/a.js", "as long text"));
    rwatch.notices("app/a.js", |s| s.write("app/a.js", "same size !!"));
    rwatch.notices("app/a.js", |s| s.save("app/a.js", "saved by rename"));
    rwatch.notices("app/new.js", |s| s.write("app/new.js", ""));
    rwatch.notices("app/new.js", |s| s.remove("app/new.js"));
    // Seen by its inode alone.
    rwatch.notices("app/a.js", |s| {
        let time = fs::metadata(s.path("app/a.js")).and_then(|meta| meta.modified());
        s.write("app/deep/a.tmp", "saved by RENAME");
        set_time(s, "app/deep/a.tmp", time.expect("a file"));
        fs::rename(s.path("app/deep/a.tmp"), s.path("app/a.js")).expect("one file system");
    });
}

#[test]
fn polling_takes_every_other_time_for_a_change_an_older_one_too() {
    let mut rwatch = app();
    rwatch.notices("app/a.js", |s| set_time(s, "app/a.js", UNIX_EPOCH));
    let ahead = SystemTime::now() + Duration::from_secs(3600);
    rwatch.notices("app/a.js", |s| set_time(s, "app/a.js", ahead));
    // By a nanosecond.
    rwatch.notices("app/a.js", |s| {
        set_time(s, "app/a.js", ahead - Duration::from_nanos(1));
    });
    rwatch.ignores(|s| s.tool("chmod", &["u+x", "app/a.js"]));
    rwatch.ignores(|s| s.tool("cat", &["app/a.js", "app/deep/b.js"]));
    rwatch.ignores(|s| s.tool("touch", &["app/deep"]));
}

#[test]
fn polling_follows_directories() {
    let mut rwatch = app();
    rwatch.ignores(|s| fs::create_dir_all(s.path("app/empty/more")).expect("a sandbox"));
    rwatch.notices("app/empty/more/e.js", |s| {
        s.write("app/empty/more/e.js", "");
    });
    rwatch.notices("app/x/y/z/f.js", |s| s.write("app/x/y/z/f.js", ""));
    rwatch.notices("app/x/y/z/f.js", |s| s.save("app/x/y/z/f.js", "again"));
    rwatch.notices("app/x/moved/d.js", |s| {
        fs::rename(s.path("app/old/c"), s.path("app/x/moved")).expect("a sandbox");
    });
    rwatch.notices("app/x/moved/d.js", |s| s.save("app/x/moved/d.js", "again"));
    rwatch.notices("app/x", |s| {
        fs::rename(s.path("app/x"), s.side("x")).expect("a sandbox");
    });
    rwatch.notices("app/back/moved/d.js", |s| {
        fs::rename(s.side("x"), s.path("app/back")).expect("a sandbox");
    });
    rwatch.notices("app/back/moved/d.js", |s| {
        s.save("app/back/moved/d.js", "again");
    });
    rwatch.notices("app/back", |s| {
        fs::remove_dir_all(s.path("app/back")).expect("a directory");
    });
    // Another directory of the same name, with another file of the same name.
    rwatch.notices("app/deep/b.js", |s| {
        s.tool(
            "sh",
            &[
                "-c",
                "rm -r app/deep && mkdir app/deep && echo > app/deep/b.js",
            ],
        );
    });
    // A file where a directory was, and the other way round.
    rwatch.notices("app/deep", |s| {
        fs::remove_dir_all(s.path("app/deep")).expect("a directory");
        s.write("app/deep", "");
    });
    rwatch.notices("app/deep/b.js", |s| {
        s.remove("app/deep");
        s.write("app/deep/b.js", "");
    });
}

#[test]
fn polling_finds_a_root_again() {
    let sandbox = Sandbox::new().file("app/deep/b.js", "").dir("beside");
    let options = ["-w", "app", "-w", "beside", "--poll=50ms"];
    let mut rwatch = sandbox.fences("beside/").start(options, ["child"]);
    rwatch.ready();
    for _ in 0..3 {
        rwatch.notices("app", |s| {
            fs::remove_dir_all(s.path("app")).expect("a directory");
        });
        rwatch.notices("app/deep/b.js", |s| s.write("app/deep/b.js", "made again"));
        rwatch.notices("app/deep/b.js", |s| s.save("app/deep/b.js", "again"));
    }
}

#[test]
fn polling_reads_ignore_files_anew() {
    let mut rwatch = app();
    rwatch.notices("app/.gitignore", |s| {
        s.save("app/.gitignore", "*.log\n/deep/\n");
    });
    rwatch.ignores(|s| s.save("app/a.log", ""));
    rwatch.ignores(|s| s.save("app/deep/b.js", ""));
    rwatch.notices("app/.gitignore", |s| s.save("app/.gitignore", "*.txt\n"));
    rwatch.notices("app/deep/b.js", |s| s.save("app/deep/b.js", "again"));
    rwatch.notices("app/.gitignore", |s| s.remove("app/.gitignore"));
    rwatch.notices("app/b.txt", |s| s.save("app/b.txt", ""));
}

#[test]
fn a_git_checkout_that_is_polled_is_one_restart() {
    let sandbox = Sandbox::new();
    let git = |args: &[&str]| sandbox.tool("git", args);
    git(&["init", "-q"]);
    for version in ["v0", "v1"] {
        git(&["checkout", "-q", "-b", version]);
        for n in 0..300 {
            sandbox.write(&format!("src/f{n}.js"), version);
        }
        git(&["add", "."]);
        let identity = ["-c", "user.name=it", "-c", "user.email=it@localhost"];
        git(&[&identity[..], &["commit", "-q", "-m", version]].concat());
    }
    git(&["checkout", "-q", "v0"]);
    let mut rwatch = sandbox.start(["--poll=50ms"], ["child", "tally", "src"]);
    rwatch.ready();
    is_one_restart(
        &mut rwatch,
        |s, text| s.tool("git", &["checkout", "-q", text]),
        |text| format!("tally {text}=300"),
    );
}

#[test]
fn a_watched_fifo_that_rwatch_writes_to_is_no_change() {
    let sandbox = Sandbox::new();
    sandbox.tool("mkfifo", &["lines"]);
    let mut fifo = fs::File::options();
    let fifo = fifo.read(true).write(true).open(sandbox.path("lines"));
    let sandbox = sandbox.stderr(fifo.expect("a FIFO"));
    let mut rwatch = sandbox.start(["-v", "--poll=10ms"], ["child"]);
    rwatch.ready();
    for _ in 0..3 {
        rwatch.ignores(|_| ());
    }
}
