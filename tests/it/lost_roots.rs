//! Takes away what `-w` names and gives it back, in every way that tools and people do it.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use crate::sandbox::{Rwatch, Sandbox, child};

/// Watches `roots` and `beside`, which is there for the fences.
fn watching(sandbox: Sandbox, roots: &[&str]) -> Rwatch {
    let mut options = vec!["-w", "beside"];
    for root in roots {
        options.extend(["-w", root]);
    }
    let sandbox = sandbox.dir("beside").fences("beside/");
    let mut rwatch = sandbox.start(options, ["child"]);
    rwatch.ready();
    rwatch
}

fn rename(sandbox: &Sandbox, from: &str, to: &str) {
    fs::rename(sandbox.path(from), sandbox.path(to)).expect("a writable sandbox");
}

fn remove_dir(sandbox: &Sandbox, dir: &str) {
    fs::remove_dir_all(sandbox.path(dir)).expect("a directory");
}

/// Points `link` at `target` as `ln -sfn` does not: in one step.
fn point(sandbox: &Sandbox, link: &str, target: &str) {
    symlink(target, sandbox.side("link")).expect("a writable sandbox");
    fs::rename(sandbox.side("link"), sandbox.path(link)).expect("a writable sandbox");
}

/// A save of this path, which may be new, is seen.
#[track_caller]
fn is_seen(rwatch: &mut Rwatch, path: &str) {
    rwatch.save(path, "");
    rwatch.restarts_for(&[path]);
}

#[test]
fn a_root_that_is_removed_and_made_again_at_once_or_later() {
    let mut rwatch = watching(Sandbox::new().file("dist/deep/a.js", ""), &["dist"]);
    for _ in 0..5 {
        rwatch.notices("dist/deep/a.js", |s| {
            s.tool(
                "sh",
                &[
                    "-c",
                    "rm -rf dist && mkdir -p dist/deep && echo > dist/deep/a.js",
                ],
            );
        });
        is_seen(&mut rwatch, "dist/deep/a.js");
        rwatch.notices("dist", |s| remove_dir(s, "dist"));
        rwatch.notices("dist/deep/a.js", |s| s.write("dist/deep/a.js", ""));
        is_seen(&mut rwatch, "dist/deep/a.js");
    }
}

#[test]
fn a_root_that_is_renamed_away_and_back() {
    let mut rwatch = watching(Sandbox::new().file("dist/deep/a.js", ""), &["dist"]);
    for _ in 0..3 {
        rwatch.notices("dist", |s| rename(s, "dist", "old"));
        rwatch.ignores(|s| s.save("old/deep/a.js", "not watched any more"));
        rwatch.notices("dist", |s| rename(s, "old", "dist"));
        is_seen(&mut rwatch, "dist/deep/a.js");
    }
}

#[test]
fn a_root_that_another_directory_takes_the_place_of() {
    let mut rwatch = watching(Sandbox::new().file("dist/a.js", ""), &["dist"]);
    for n in 0..5 {
        let next = format!("next{n}");
        rwatch.write(&format!("{next}/a.js"), "");
        rwatch.notices("dist", |s| {
            rename(s, "dist", &format!("old{n}"));
            rename(s, &next, "dist");
        });
        is_seen(&mut rwatch, "dist/a.js");
    }
}

#[test]
fn a_root_whose_parent_directory_is_renamed_away_and_made_again() {
    let mut rwatch = watching(Sandbox::new().file("gen/out/a.js", ""), &["gen/out"]);
    rwatch.notices("gen/out", |s| rename(s, "gen", "old"));
    rwatch.notices("gen/out/a.js", |s| s.write("gen/out/a.js", ""));
    is_seen(&mut rwatch, "gen/out/a.js");
    rwatch.notices("gen/out", |s| remove_dir(s, "gen"));
    rwatch.notices("gen/out", |s| rename(s, "old", "gen"));
    is_seen(&mut rwatch, "gen/out/a.js");
}

/// Removes `dir` and makes it again while somebody is in it, so that the kernel keeps the old one
/// and does not say that it is gone.
#[track_caller]
fn is_seen_while_held(rwatch: &mut Rwatch, dir: &str) {
    let file = format!("{dir}/a.js");
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(File::open(rwatch.path(dir)).expect("a directory"));
        rwatch.notices(&file, |s| {
            remove_dir(s, dir);
            s.write(&file, "");
        });
        is_seen(rwatch, &file);
    }
    drop(held);
    rwatch.settle();
    is_seen(rwatch, &file);
}

#[test]
fn a_root_that_somebody_works_in_while_it_is_removed_and_made_again() {
    let mut rwatch = watching(Sandbox::new().file("dist/a.js", ""), &["dist"]);
    is_seen_while_held(&mut rwatch, "dist");
}

#[test]
fn a_directory_that_somebody_works_in_while_it_is_removed_and_made_again() {
    let mut rwatch = watching(Sandbox::new().file("src/deep/a.js", ""), &["src"]);
    is_seen_while_held(&mut rwatch, "src/deep");
}

#[test]
fn a_root_that_command_works_in() {
    let sandbox = Sandbox::new().file("dist/a.js", "").dir("beside");
    let options = ["-w", "beside", "-w", "dist", "-C", "dist"];
    let mut rwatch = sandbox.fences("beside/").start(options, ["child"]);
    rwatch.ready();
    for _ in 0..3 {
        rwatch.notices("dist/a.js", |s| {
            let build = "rm -rf dist && mkdir dist && echo > dist/a.js";
            s.tool("sh", &["-c", build]);
        });
        is_seen(&mut rwatch, "dist/a.js");
    }
}

#[test]
pub(crate) fn the_current_directory_itself() {
    let mut rwatch = Sandbox::new().file("a.js", "").start([""; 0], ["child"]);
    rwatch.ready();
    let (work, away) = (rwatch.path(""), rwatch.side("away"));
    fs::rename(&work, &away).expect("a writable sandbox");
    fs::rename(&away, &work).expect("a writable sandbox");
    rwatch.settle();
    is_seen(&mut rwatch, "a.js");
    fs::remove_dir_all(&work).expect("a directory");
    rwatch.write("a.js", "");
    rwatch.comes_to("a.js");
    rwatch.settle();
    is_seen(&mut rwatch, "a.js");
}

#[test]
fn a_root_that_does_not_exist_yet_by_several_levels() {
    let mut rwatch = watching(Sandbox::new(), &["a/b/c/d", "f/g/h.js"]);
    rwatch.ignores(|s| s.write("a/beside.js", ""));
    rwatch.ignores(|s| s.write("a/b/beside.js", ""));
    rwatch.notices("a/b/c/d/e.js", |s| s.write("a/b/c/d/e.js", ""));
    is_seen(&mut rwatch, "a/b/c/d/e.js");
    rwatch.ignores(|s| s.write("f/g/beside.js", ""));
    rwatch.notices("f/g/h.js", |s| s.write("f/g/h.js", ""));
    is_seen(&mut rwatch, "f/g/h.js");
    // Down to the ground, and up again.
    rwatch.notices("a/b/c/d", |s| remove_dir(s, "a"));
    rwatch.notices("a/b/c/d/e.js", |s| s.write("a/b/c/d/e.js", ""));
    rwatch.notices("f/g/h.js", |s| remove_dir(s, "f"));
    rwatch.notices("f/g/h.js", |s| s.write("f/g/h.js", ""));
    is_seen(&mut rwatch, "f/g/h.js");
}

#[test]
fn a_root_that_is_moved_in_with_all_that_is_in_it() {
    let mut rwatch = watching(Sandbox::new().file("stage/c/d/e.js", ""), &["a/b/c/d"]);
    rwatch.ignores(|s| fs::create_dir(s.path("a")).expect("a writable sandbox"));
    rwatch.notices("a/b/c/d/e.js", |s| rename(s, "stage", "a/b"));
    is_seen(&mut rwatch, "a/b/c/d/e.js");
}

#[test]
fn single_files_through_fifty_saves_by_rename() {
    let sandbox = Sandbox::new()
        .file("server.js", "")
        .file("config/app.toml", "");
    let mut rwatch = watching(sandbox, &["server.js", "config/app.toml"]);
    for n in 0..50 {
        // By turns, because one file that changes right after every start would be a loop.
        is_seen(&mut rwatch, ["server.js", "config/app.toml"][n % 2]);
    }
    for file in ["server.js", "config/app.toml"] {
        rwatch.notices(file, |s| s.tool("sed", &["-i", "1i x", file]));
        rwatch.notices(file, |s| s.remove(file));
        rwatch.notices(file, |s| s.write(file, "made again"));
        // As editors do that move the old one out of the way.
        rwatch.notices(file, |s| {
            rename(s, file, "beside.old");
            s.write(file, "anew");
        });
        rwatch.ignores(|s| s.write("config/other.toml", ""));
        is_seen(&mut rwatch, file);
    }
}

#[test]
fn a_single_file_whose_directory_is_replaced() {
    let mut rwatch = watching(
        Sandbox::new().file("config/app.toml", ""),
        &["config/app.toml"],
    );
    rwatch.notices("config/app.toml", |s| {
        s.tool(
            "sh",
            &[
                "-c",
                "rm -rf config && mkdir config && echo > config/app.toml",
            ],
        );
    });
    is_seen(&mut rwatch, "config/app.toml");
    for n in 0..3 {
        let next = format!("next{n}");
        rwatch.write(&format!("{next}/app.toml"), "");
        rwatch.notices("config/app.toml", |s| {
            rename(s, "config", &format!("old{n}"));
            rename(s, &next, "config");
        });
        is_seen(&mut rwatch, "config/app.toml");
    }
}

#[test]
fn a_link_to_a_file_is_followed_to_where_it_points() {
    let sandbox = Sandbox::new().file("conf/one", "").file("conf/two", "");
    symlink("conf/one", sandbox.path("app.conf")).expect("a writable sandbox");
    let mut rwatch = watching(sandbox, &["app.conf"]);
    rwatch.notices("app.conf", |s| s.save("conf/one", "anew"));
    rwatch.ignores(|s| s.save("conf/two", "not ours"));
    rwatch.notices("app.conf", |s| point(s, "app.conf", "conf/two"));
    rwatch.notices("app.conf", |s| s.save("conf/two", "ours now"));
    rwatch.ignores(|s| s.save("conf/one", "not ours any more"));
    rwatch.notices("app.conf", |s| s.remove("conf/two"));
    rwatch.notices("app.conf", |s| s.write("conf/two", "made again"));
    rwatch.notices("app.conf", |s| s.save("conf/two", "anew"));
    rwatch.notices("app.conf", |s| s.remove("app.conf"));
    rwatch.notices("app.conf", |s| point(s, "app.conf", "conf/one"));
    rwatch.notices("app.conf", |s| s.save("conf/one", "ours again"));
}

#[test]
fn a_link_to_a_directory_is_followed_to_where_it_points() {
    // How releases are switched.
    let sandbox = Sandbox::new()
        .file("releases/1/a.js", "")
        .file("releases/2/a.js", "");
    symlink("releases/1", sandbox.path("current")).expect("a writable sandbox");
    let mut rwatch = watching(sandbox, &["current"]);
    rwatch.notices("current/a.js", |s| s.save("releases/1/a.js", ""));
    rwatch.ignores(|s| s.save("releases/2/a.js", "not ours"));
    rwatch.notices("current", |s| point(s, "current", "releases/2"));
    rwatch.notices("current/a.js", |s| s.save("releases/2/a.js", "ours now"));
    rwatch.ignores(|s| s.save("releases/1/a.js", "not ours any more"));
    rwatch.notices("current", |s| remove_dir(s, "releases/2"));
    rwatch.notices("current", |s| s.write("releases/2/a.js", "made again"));
    rwatch.notices("current/a.js", |s| s.save("releases/2/a.js", "anew"));
    rwatch.notices("current", |s| rename(s, "releases/2", "releases/3"));
    rwatch.notices("current", |s| rename(s, "releases/3", "releases/2"));
    rwatch.notices("current/a.js", |s| s.save("releases/2/a.js", "anew"));
}

/// What the kubelet does when a ConfigMap changes.
fn swap(sandbox: &Sandbox, version: u32) {
    sandbox.write(&format!("config/..v{version}/app.toml"), "");
    point(sandbox, "config/..data", &format!("..v{version}"));
    remove_dir(sandbox, &format!("config/..v{}", version - 1));
}

fn config_map() -> Sandbox {
    let sandbox = Sandbox::new().file("config/..v0/app.toml", "");
    symlink("..v0", sandbox.path("config/..data")).expect("a writable sandbox");
    symlink("..data/app.toml", sandbox.path("config/app.toml")).expect("a writable sandbox");
    sandbox
}

#[test]
fn a_file_of_a_config_map() {
    let mut rwatch = watching(config_map(), &["config/app.toml"]);
    for version in 1..6 {
        rwatch.notices("config/app.toml", |s| swap(s, version));
    }
}

#[test]
fn a_config_map_as_a_directory() {
    let mut rwatch = watching(config_map(), &["config"]);
    for version in 1..6 {
        rwatch.notices("config/..data", |s| swap(s, version));
    }
}

#[test]
fn a_file_in_an_ignored_directory_that_is_named() {
    let sandbox = Sandbox::new()
        .file(".gitignore", "build/\n")
        .file("build/app.js", "")
        .file("node_modules/x/index.js", "");
    let roots = [".", "build/app.js", "node_modules/x/index.js"];
    let mut rwatch = watching(sandbox, &roots);
    for path in ["build/app.js", "node_modules/x/index.js"] {
        is_seen(&mut rwatch, path);
        rwatch.notices(path, |s| s.write(path, "written"));
    }
    for path in ["build/other.js", "node_modules/x/other.js"] {
        rwatch.ignores(|s| s.save(path, ""));
    }
    rwatch.notices("build/app.js", |s| remove_dir(s, "build"));
    rwatch.notices("build/app.js", |s| s.write("build/app.js", ""));
    is_seen(&mut rwatch, "build/app.js");
}

#[test]
fn populated_directories_that_are_moved() {
    let sandbox = Sandbox::new()
        .file("src/a/b/c.js", "")
        .file("src/d/e.js", "");
    let mut rwatch = watching(sandbox, &["src"]);
    rwatch.notices("src/a", |s| rename(s, "src/a", "out"));
    rwatch.ignores(|s| s.save("out/b/c.js", "not watched any more"));
    rwatch.notices("src/d/in/b/c.js", |s| rename(s, "out", "src/d/in"));
    is_seen(&mut rwatch, "src/d/in/b/c.js");
    rwatch.notices("src/renamed/b/c.js", |s| {
        rename(s, "src/d/in", "src/renamed");
    });
    is_seen(&mut rwatch, "src/renamed/b/c.js");
    // Twice, before anybody can look.
    rwatch.notices("src/twice/b/c.js", |s| {
        rename(s, "src/renamed", "src/once");
        rename(s, "src/once", "src/twice");
    });
    is_seen(&mut rwatch, "src/twice/b/c.js");
    // Two that change places.
    rwatch.notices("src/twice/e.js", |s| {
        rename(s, "src/d", "src/x");
        rename(s, "src/twice", "src/d");
        rename(s, "src/x", "src/twice");
    });
    for path in ["src/twice/e.js", "src/d/b/c.js"] {
        is_seen(&mut rwatch, path);
    }
    rwatch.notices("src/d/b/f.js", |s| {
        s.tool(
            "sh",
            &["-c", "mv src/d src/x; mkdir -p src/d/b; > src/d/b/f.js"],
        );
    });
    for path in ["src/d/b/f.js", "src/x/b/c.js"] {
        is_seen(&mut rwatch, path);
    }
}

#[test]
fn links_that_lead_in_circles() {
    let sandbox = Sandbox::new().file("src/deep/a.js", "");
    symlink("..", sandbox.path("src/deep/up")).expect("a writable sandbox");
    symlink("self", sandbox.path("src/self")).expect("a writable sandbox");
    let mut rwatch = watching(sandbox, &["src"]);
    is_seen(&mut rwatch, "src/deep/a.js");
    rwatch.notices("src/deep/again", |s| point(s, "src/deep/again", "."));
    rwatch.notices("src/self", |s| s.remove("src/self"));
    is_seen(&mut rwatch, "src/deep/b.js");
}

#[test]
fn a_directory_without_permission_is_named_and_watched_when_there_is_one() {
    let mut sandbox = Sandbox::new()
        .file("src/open/a.js", "")
        .file("src/secret/b.js", "")
        .dir("src/later");
    let mode = |path: &str, mode| {
        fs::set_permissions(sandbox.path(path), Permissions::from_mode(mode)).expect("our own");
    };
    mode("src/secret", 0);
    if fs::read_dir(sandbox.path("src/secret")).is_ok() {
        // We are root, to whom nothing is forbidden.
        mode("..", 0o755);
        let nobody = ["setpriv", "--reuid", "65534", "--clear-groups"];
        let may = |program: &str| {
            let test = ["test", "-x", program];
            let status = Command::new(nobody[0])
                .args(&nobody[1..])
                .args(test)
                .status();
            status.is_ok_and(|status| status.success())
        };
        if !may(env!("CARGO_BIN_EXE_rwatch")) || !may(&child()) {
            eprintln!("skipped: nobody else may run what is tested, or there is no setpriv");
            return;
        }
        sandbox = sandbox.wrapper(&nobody);
    }
    let mut rwatch = sandbox.start(["-w", "src"], ["child"]);
    rwatch.says("cannot watch `src/secret`: permission denied*");
    rwatch.says("watching src: 1 file in *");
    rwatch.ready();
    for path in ["src/open/a.js", "src/later/c.js"] {
        is_seen(&mut rwatch, path);
    }
    let lines = rwatch.said();
    let about = lines.iter().filter(|line| line.contains("secret"));
    assert_eq!(about.count(), 1, "{}", rwatch.transcript());
    // What is allowed later is seen from then on.
    let secret = rwatch.path("src/secret");
    fs::set_permissions(secret, Permissions::from_mode(0o755)).expect("our own");
    is_seen(&mut rwatch, "src/secret/b.js");
}
