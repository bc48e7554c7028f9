//! Renames the directory that rwatch works in, or one above it: COMMAND is started in it all the same,
//! and what is watched goes with it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::sandbox::{Rwatch, Sandbox};

/// Saves by moving the file in, below the directory that is called `dir` now.
fn save(rwatch: &Rwatch, dir: &Path, path: &str, text: &str) {
    let temp = rwatch.side("saving");
    fs::write(&temp, text).expect("a writable sandbox");
    fs::rename(temp, dir.join(path)).expect("a writable sandbox");
}

/// Such a save of a file that may be new is the next change, and the only one.
#[track_caller]
fn is_seen(rwatch: &mut Rwatch, dir: &Path, path: &str) {
    save(rwatch, dir, path, "");
    rwatch.restarts_for(&[path]);
}

/// What takes several system calls, and may be more than one burst on a busy machine, leads to a start
/// that names `path`. Leaves all starts behind that it leads to.
#[track_caller]
fn is_noticed(rwatch: &mut Rwatch, dir: &Path, path: &str) {
    rwatch.comes_to(path);
    let fence = format!("{path}.fence");
    save(rwatch, dir, &fence, "");
    rwatch.comes_to(&fence);
}

/// The directory that rwatch works in, and other names for it.
fn names(rwatch: &Rwatch) -> [PathBuf; 2] {
    [rwatch.path(""), PathBuf::from(rwatch.side("moved"))].map(|path| path.components().collect())
}

/// Renames the directory again and again, and looks at what is seen of it.
#[track_caller]
fn is_followed(rwatch: &mut Rwatch) {
    let [work, moved] = names(rwatch);
    for n in 0..4 {
        let (from, to) = if n % 2 == 0 {
            (&work, &moved)
        } else {
            (&moved, &work)
        };
        fs::rename(from, to).expect("a writable sandbox");
        // That alone is no change.
        is_seen(rwatch, to, "a.js");
        is_seen(rwatch, to, "src/b.js");
        for ignored in ["c.log", "out/d.js", "src/e.txt"] {
            save(rwatch, to, ignored, "");
        }
        is_seen(rwatch, to, "a.js");
        fs::create_dir_all(to.join(format!("src/new{n}/deep"))).expect("a writable sandbox");
        fs::write(to.join(format!("src/new{n}/deep/f.js")), "").expect("a writable sandbox");
        is_noticed(rwatch, to, &format!("src/new{n}/deep/f.js"));
        fs::write(to.join("src/b.js"), "in place").expect("a writable sandbox");
        is_noticed(rwatch, to, "src/b.js");
    }
}

fn project() -> Sandbox {
    Sandbox::new()
        .file("a.js", "")
        .file("src/b.js", "")
        .file("src/.gitignore", "*.txt")
        .file(".gitignore", "*.log")
        .dir("out")
}

#[test]
pub(crate) fn the_current_directory_is_followed_when_it_is_renamed() {
    let mut rwatch = project().start(["-i", "/out/"], ["child"]);
    rwatch.ready();
    is_followed(&mut rwatch);
}

#[test]
fn it_is_followed_when_it_is_polled() {
    let mut rwatch = project().start(["-i", "/out/", "--poll=20ms"], ["child"]);
    rwatch.ready();
    is_followed(&mut rwatch);
}

#[test]
fn it_is_followed_when_a_directory_above_it_is_renamed() {
    let sandbox = Sandbox::new()
        .file("up/app/a.js", "")
        .file("up/app/src/b.js", "")
        .file("up/lib/c.js", "")
        .file("up/app/conf", "")
        .file("up/app/.env", "A=b");
    let sandbox = sandbox.wrapper(&["env", "-C", "up/app"]);
    let roots = [
        "-w",
        "src",
        "-w",
        "../lib",
        "-w",
        "conf",
        "--env-file",
        ".env",
    ];
    let mut rwatch = sandbox.start(roots, ["child"]);
    rwatch.ready();
    let top = rwatch.path("");
    for (from, to) in [("up", "down"), ("down", "up")] {
        fs::rename(top.join(from), top.join(to)).expect("a writable sandbox");
        let app = top.join(to).join("app");
        // In place: the path that the kernel tells of is not there.
        fs::write(app.join("src/b.js"), "in place").expect("a file");
        is_noticed(&mut rwatch, &app, "src/b.js");
        is_seen(&mut rwatch, &app, "conf");
        let lib = app.with_file_name("lib/c.js");
        save(&rwatch, &app, "../lib/c.js", "");
        rwatch.restarts_for(&[lib.to_str().expect("UTF-8")]);
        is_seen(&mut rwatch, &app, "src/b.js");
        fs::write(app.join("conf"), "in place").expect("a file");
        rwatch.comes_to("conf");
        save(&rwatch, &app, "src/fence", "");
        rwatch.comes_to("src/fence");
        is_seen(&mut rwatch, &app, ".env");
    }
}

#[test]
fn touched_after_it_was_renamed_or_made_in_it_is_seen() {
    for act in [
        "touch src/b.js",
        "mkdir -p src/x/y; echo > src/x/y/z.js",
        "mv new src/x",
    ] {
        let sandbox = Sandbox::new()
            .file("up/app/src/b.js", "")
            .file("up/app/new/z.js", "");
        let sandbox = sandbox.wrapper(&["env", "-C", "up/app"]);
        let mut rwatch = sandbox.start(["-w", "src"], ["child"]);
        rwatch.ready();
        let top = rwatch.path("");
        fs::rename(top.join("up"), top.join("down")).expect("a writable sandbox");
        rwatch.tool("sh", &["-c", &format!("cd down/app; {act}")]);
        rwatch.comes_to("src");
        // Whatever was made is watched.
        if act != "touch src/b.js" {
            let new = if act.starts_with("mv") {
                "src/x"
            } else {
                "src/x/y"
            };
            save(
                &rwatch,
                &top.join("down/app"),
                &format!("{new}/more.js"),
                "",
            );
            rwatch.comes_to(&format!("{new}/more.js"));
        }
    }
}

#[test]
fn another_directory_in_its_old_place_is_none_of_our_business() {
    let mut rwatch = project().start([""; 0], ["child"]);
    rwatch.ready();
    let [work, moved] = names(&rwatch);
    fs::rename(&work, &moved).expect("a writable sandbox");
    rwatch.write("a.js", "of the other one");
    rwatch.write("src/b.js", "of the other one");
    is_seen(&mut rwatch, &moved, "a.js");
    rwatch.write("src/b.js", "of the other one");
    is_seen(&mut rwatch, &moved, "src/b.js");
}
