//! Checks what counts as a change: everything that changes what COMMAND would read, and nothing
//! that does not.

use std::fs::{self, File, FileTimes, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, UNIX_EPOCH};

use crate::sandbox::{Rwatch, Sandbox};

/// An app with something of everything, running.
fn app() -> Rwatch {
    let sandbox = Sandbox::new()
        .file("app/a.js", "a")
        .file("app/deep/b.js", "b")
        .file("app/old/c.js", "c")
        .dir("app/empty");
    symlink("a.js", sandbox.path("app/link")).expect("a writable sandbox");
    let mut rwatch = sandbox.fences("app/").start(["-w", "app"], ["child"]);
    let start = rwatch.ready();
    assert_eq!((start.run, &*start.reason), (1, "start"));
    rwatch
}

#[test]
fn writing_counts_however_it_is_done() {
    let mut rwatch = app();
    rwatch.notices("app/a.js", |s| s.write("app/a.js", "written"));
    rwatch.notices("app/a.js", |s| {
        s.tool("sh", &["-c", "echo more >> app/a.js"]);
    });
    rwatch.notices("app/new.js", |s| s.write("app/new.js", "new"));
    rwatch.notices("app/none.js", |s| drop(File::create(s.path("app/none.js"))));
    rwatch.notices("app/deep/b.js", |s| {
        s.save("app/deep/b.js", "saved by rename");
    });
    // Neither tells the kernel's watchers of a write in the usual way.
    let mapped = "import mmap; f = open('app/a.js', 'r+b'); m = mmap.mmap(f.fileno(), 0); \
                  m[0:1] = b'm'; m.close(); f.close()";
    rwatch.notices("app/a.js", |s| s.tool("python3", &["-c", mapped]));
    rwatch.notices("app/a.js", |s| {
        s.tool("python3", &["-c", "import os; os.truncate('app/a.js', 1)"]);
    });
}

#[test]
fn touching_counts() {
    let mut rwatch = app();
    rwatch.notices("app/a.js", |s| s.tool("touch", &["app/a.js"]));
    rwatch.notices("app/a.js", |s| {
        s.tool("touch", &["-d", "2001-01-01", "app/a.js"]);
    });
    let set = |s: &Sandbox, seconds| {
        let time = FileTimes::new().set_modified(UNIX_EPOCH + Duration::from_secs(seconds));
        // Opened for reading: no close after a write gives the change away.
        let file = File::open(s.path("app/deep/b.js")).expect("a file");
        file.set_times(time).expect("our own file");
    };
    rwatch.notices("app/deep/b.js", |s| set(s, 1_000_000_000));
    rwatch.notices("app/deep/b.js", |s| set(s, 1_000_000_001));
}

#[test]
fn removing_renaming_and_moving_count() {
    let mut rwatch = app();
    rwatch.notices("app/a.js", |s| s.remove("app/a.js"));
    rwatch.notices("app/deep", |s| {
        fs::rename(s.path("app/deep/b.js"), s.path("app/deep/renamed.js")).expect("a file");
    });
    rwatch.notices("app/deep/renamed.js", |s| {
        fs::rename(s.path("app/deep/renamed.js"), s.side("out.js")).expect("a file");
    });
    rwatch.notices("app/old", |s| {
        fs::rename(s.path("app/old"), s.side("old")).expect("a directory");
    });
    rwatch.notices("app/back", |s| {
        fs::rename(s.side("old"), s.path("app/back")).expect("a directory");
    });
    // What was moved in is watched like all the rest.
    rwatch.notices("app/back/c.js", |s| s.save("app/back/c.js", "anew"));
    rwatch.notices("app/forth/c.js", |s| {
        fs::rename(s.path("app/back"), s.path("app/forth")).expect("a directory");
        s.save("app/forth/c.js", "under the new name");
    });
    rwatch.notices("app/forth", |s| {
        fs::remove_dir_all(s.path("app/forth")).expect("a directory");
    });
}

#[test]
fn symlinks_count_when_they_point_elsewhere() {
    let mut rwatch = app();
    rwatch.notices("app/link", |s| {
        symlink("deep/b.js", s.side("link")).expect("a writable sandbox");
        fs::rename(s.side("link"), s.path("app/link")).expect("a writable sandbox");
    });
    rwatch.notices("app/link", |s| {
        s.remove("app/link");
        symlink("a.js", s.path("app/link")).expect("a writable sandbox");
    });
    rwatch.notices("app/hard.js", |s| {
        fs::hard_link(s.path("app/a.js"), s.path("app/hard.js")).expect("one filesystem");
    });
}

#[test]
fn what_is_made_and_removed_again_counts() {
    let mut rwatch = app();
    rwatch.notices("app/short.js", |s| {
        s.write("app/short.js", "");
        s.remove("app/short.js");
    });
}

#[test]
fn files_in_directories_of_a_moment_ago_count() {
    let mut rwatch = app();
    rwatch.notices("app/x/y/z/f", |s| {
        s.tool("sh", &["-c", "mkdir -p app/x/y/z && echo > app/x/y/z/f"]);
    });
    rwatch.notices("app/x/y/z/f", |s| s.save("app/x/y/z/f", "again"));
    // Again and again, because whoever loses this race does not lose it every time.
    for n in 0..20 {
        let file = format!("app/n{n}/a/b/c/f");
        rwatch.notices(&file, |s| s.write(&file, ""));
    }
}

#[test]
fn opening_for_writing_without_writing_does_not_count() {
    // As databases and appending logs are opened. Were it a change, a COMMAND that does so at its
    // start would be restarted for ever.
    let mut rwatch = app();
    let open = |s: &Sandbox| {
        let mut options = File::options();
        drop(
            options
                .read(true)
                .write(true)
                .open(s.path("app/a.js"))
                .expect("a file"),
        );
        drop(
            options
                .append(true)
                .open(s.path("app/deep/b.js"))
                .expect("a file"),
        );
    };
    rwatch.ignores(open);
    rwatch.notices("app/a.js", |s| s.write("app/a.js", "written"));
    rwatch.ignores(open);
}

#[test]
fn reading_and_changing_modes_and_empty_directories_do_not_count() {
    let mut rwatch = app();
    rwatch.ignores(|s| s.tool("cat", &["app/a.js", "app/deep/b.js", "app/link"]));
    rwatch.ignores(|s| s.tool("ls", &["-laR", "app"]));
    rwatch.ignores(|s| {
        fs::set_permissions(s.path("app/a.js"), Permissions::from_mode(0o600)).expect("our own");
        s.tool("chmod", &["-R", "u+x", "app"]);
    });
    rwatch.ignores(|s| s.tool("touch", &["-a", "app/a.js"]));
    rwatch.ignores(|s| s.tool("touch", &["app/deep", "app"]));
    rwatch.ignores(|s| fs::create_dir(s.path("app/another")).expect("a writable sandbox"));
    rwatch.ignores(|s| {
        fs::rename(s.path("app/another"), s.path("app/renamed")).expect("a directory");
    });
    rwatch.ignores(|s| fs::remove_dir(s.path("app/renamed")).expect("an empty directory"));
    rwatch.ignores(|s| fs::remove_dir(s.path("app/empty")).expect("an empty directory"));
    // Empty, yet watched.
    rwatch.ignores(|s| fs::create_dir_all(s.path("app/e/f")).expect("a writable sandbox"));
    rwatch.notices("app/e/f/g", |s| s.save("app/e/f/g", ""));
}
