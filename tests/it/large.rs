//! Checks that nothing is missed while a large tree is still being walked: COMMAND starts before
//! all of it is watched.

use std::fs::{self, File, FileTimes};
use std::path::Path;
use std::time::UNIX_EPOCH;

use crate::sandbox::{Rwatch, Sandbox};

const DIRS: usize = 800;
const FILES: usize = 4;

/// Has `change` do something to the directory that is walked last, as soon as COMMAND is there; it
/// names a path in it that is to lead to a start.
#[track_caller]
fn is_noticed(change: impl FnOnce(&Rwatch, &str) -> String) {
    let mut sandbox = Sandbox::new();
    for dir in 0..DIRS {
        let files = (0..FILES).map(|file| format!("app/d{dir}/f{file}.js"));
        sandbox = files.fold(sandbox, |sandbox, file| sandbox.file(&file, ""));
    }
    let listed = fs::read_dir(sandbox.path("app")).expect("a directory");
    let last = listed.flatten().last().expect("it is not empty");
    let last = format!("app/{}", last.file_name().to_string_lossy());
    let mut rwatch = sandbox.start([""; 0], ["child"]);
    rwatch.ready();
    let path = change(&rwatch, &last);
    rwatch.comes_to(&path);
    rwatch.settle();
}

#[test]
fn a_file_that_is_written_is_noticed() {
    is_noticed(|rwatch, dir| {
        let file = format!("{dir}/f3.js");
        rwatch.write(&file, "new");
        file
    });
}

#[test]
fn a_file_that_is_saved_by_rename_is_noticed() {
    is_noticed(|rwatch, dir| {
        let file = format!("{dir}/f3.js");
        rwatch.save(&file, "new");
        file
    });
}

#[test]
fn a_file_that_is_touched_is_noticed() {
    is_noticed(|rwatch, dir| {
        let file = format!("{dir}/f3.js");
        let opened = File::open(rwatch.path(&file)).expect("a file");
        let time = FileTimes::new().set_modified(UNIX_EPOCH);
        opened.set_times(time).expect("our own file");
        file
    });
}

#[test]
fn a_file_that_is_removed_is_noticed() {
    is_noticed(|rwatch, dir| {
        rwatch.remove(&format!("{dir}/f3.js"));
        dir.to_owned()
    });
}

#[test]
fn a_directory_that_is_moved_is_noticed() {
    is_noticed(|rwatch, dir| {
        let moved = format!("{dir}-moved");
        fs::rename(rwatch.path(dir), rwatch.path(&moved)).expect("a directory");
        // By either of its names.
        "app".to_owned()
    });
}

#[test]
fn what_was_there_before_is_no_change() {
    let mut sandbox = Sandbox::new();
    for dir in 0..DIRS {
        sandbox = sandbox.file(&format!("app/d{dir}/f.js"), "");
    }
    let mut rwatch = sandbox.start([""; 0], ["child"]);
    rwatch.ready();
    let file = |s: &Sandbox| s.path("app/d7/f.js");
    rwatch.ignores(|s| drop(fs::read(file(s)).expect("a file")));
    rwatch.ignores(|s| {
        // Open for writing, without writing.
        let path: &Path = &file(s);
        drop(File::options().append(true).open(path).expect("a file"));
    });
}
