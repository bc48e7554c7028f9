//! Checks that nothing is missed while a large tree is still being walked: COMMAND starts before
//! all of it is watched.

use std::fs::{self, File, FileTimes, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;
use std::time::UNIX_EPOCH;

use crate::sandbox::{Rwatch, Sandbox, child};

const DIRS: usize = 800;
const FILES: usize = 4;

/// A large tree, and the directory in it that is walked last.
fn tree() -> (Sandbox, String) {
    let mut sandbox = Sandbox::new();
    for dir in 0..DIRS {
        let files = (0..FILES).map(|file| format!("app/d{dir}/f{file}.js"));
        sandbox = files.fold(sandbox, |sandbox, file| sandbox.file(&file, ""));
    }
    let listed = fs::read_dir(sandbox.path("app")).expect("a directory");
    let last = listed.flatten().last().expect("it is not empty");
    let last = format!("app/{}", last.file_name().to_string_lossy());
    (sandbox, last)
}

/// Has `change` do something to the directory that is walked last, as soon as COMMAND is there; it
/// names a path in it that is to lead to a start.
#[track_caller]
fn is_noticed(change: impl FnOnce(&Rwatch, &str) -> String) {
    let (sandbox, last) = tree();
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

/// Has `change` do something to the directory that is walked last, as soon as COMMAND is there, and then
/// once more; neither is to lead to a start.
#[track_caller]
fn is_no_change(change: impl Fn(&Path)) {
    let (sandbox, last) = tree();
    let mut rwatch = sandbox.start([""; 0], ["child"]);
    rwatch.ready();
    for _ in 0..2 {
        rwatch.ignores(|s| change(&s.path(&last)));
    }
}

#[test]
fn a_mode_is_no_change() {
    is_no_change(|dir| {
        for file in 0..FILES {
            let file = dir.join(format!("f{file}.js"));
            let mode = file.metadata().expect("a file").mode() ^ 0o111;
            fs::set_permissions(file, Permissions::from_mode(mode)).expect("our own file");
        }
    });
}

#[test]
fn an_owner_is_no_change() {
    is_no_change(|dir| {
        let file = dir.join("f3.js");
        let meta = file.metadata().expect("a file");
        chown(file, Some(meta.uid()), Some(meta.gid())).expect("our own file");
    });
}

#[test]
fn the_mode_of_a_directory_is_no_change() {
    is_no_change(|dir| {
        let mode = dir.metadata().expect("a directory").mode() ^ 0o011;
        fs::set_permissions(dir, Permissions::from_mode(mode)).expect("our own directory");
    });
}

#[test]
fn an_attribute_is_no_change() {
    let (sandbox, last) = tree();
    let script = format!("setfattr -n user.it -v 1 {last}/f0.js {last}/f3.js && exec \"$0\"");
    let mut rwatch = sandbox.start([""; 0], ["sh", "-c", &script, &child()]);
    rwatch.ready();
    rwatch.ignores(|_| ());
}

#[test]
fn a_file_that_is_moved_here_is_noticed() {
    is_noticed(|rwatch, dir| {
        let file = format!("{dir}/f3.js");
        fs::rename(rwatch.path("app/d0/f0.js"), rwatch.path(&file)).expect("two files");
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
