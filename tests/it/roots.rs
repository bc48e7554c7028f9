//! Watches what `-w` names: files, directories and globs, that come and go.

use std::fs;
use std::os::unix::fs::symlink;

use crate::sandbox::{Rwatch, Sandbox};

fn start(sandbox: Sandbox, options: &[&str]) -> Rwatch {
    let mut rwatch = sandbox.start(options, ["child"]);
    rwatch.ready();
    rwatch
}

#[test]
fn a_single_file_is_followed_through_saves_by_rename() {
    let mut rwatch = start(Sandbox::new().file("conf.json", ""), &["-w", "conf.json"]);
    for _ in 0..5 {
        rwatch.save("other.json", "beside it");
        rwatch.save("conf.json", "anew");
        rwatch.restarts_for(&["conf.json"]);
    }
    rwatch.remove("conf.json");
    rwatch.save("conf.json", "made again");
    rwatch.comes_to("conf.json");
}

#[test]
fn a_glob_does_not_cross_directories_unless_it_says_so() {
    let sandbox = Sandbox::new()
        .dir("src/deep/er")
        .dir("lib/deep")
        .fences("src/");
    let options = ["-w", "src/*.ts", "-w", "lib/**/*.ts", "-w", "src/fence?.js"];
    let mut rwatch = start(sandbox, &options);
    for path in ["src/a.ts", "lib/a.ts", "lib/deep/a.ts"] {
        rwatch.save(path, "");
        rwatch.restarts_for(&[path]);
    }
    for path in [
        "src/deep/a.ts",
        "src/deep/er/a.ts",
        "src/a.tsx",
        "lib/a.js",
        "a.ts",
    ] {
        rwatch.ignores(|s| s.save(path, ""));
    }
    rwatch.notices("lib/new/deep/a.ts", |s| s.write("lib/new/deep/a.ts", ""));
}

#[test]
fn the_current_directory_has_one_name_however_it_was_reached() {
    let sandbox = Sandbox::new().file("src/a.js", "").dir("src/gen");
    symlink(sandbox.path(""), sandbox.side("link")).expect("a writable sandbox");
    symlink("..", sandbox.side("above")).expect("a writable sandbox");
    let typed = sandbox.side("link/src");
    let options = ["-w", &typed, "-i", "/src/gen/"];
    let asks = |path: String, yes: bool, answer: &str| {
        let output = sandbox.explain(&options, &path);
        let code = i32::from(!yes);
        assert_eq!(output, (Some(code), format!("{answer}\n")), "{path}");
    };
    let yes = format!("src/a.js: yes, `{typed}` is watched");
    asks(sandbox.side("link/src/a.js"), true, &yes);
    asks(sandbox.side("above/work/src/a.js"), true, &yes);
    asks("src/a.js".to_owned(), true, &yes);
    let no = "src/gen/b.js: no, src/gen is ignored: --ignore /src/gen/";
    asks(sandbox.side("link/src/gen/b.js"), false, no);
    let glob = sandbox.side("link/src/*.js");
    let options = ["-w", &typed, "-w", &glob, "-i", "/src/gen/"].map(str::to_owned);
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let mut rwatch = start(sandbox.fences("src/"), &options);
    rwatch.save("src/a.js", "");
    rwatch.restarts_for(&["src/a.js"]);
    rwatch.ignores(|s| s.save("src/gen/b.js", ""));
}

#[test]
fn a_project_file_has_one_name_however_it_was_reached() {
    let settings = "command = 'true'\nwatch = 'src'\nignore = '/src/gen'\n";
    let sandbox = Sandbox::new().file("rwatch.toml", settings).dir("src/gen");
    symlink(sandbox.path(""), sandbox.side("link")).expect("a writable sandbox");
    let file = sandbox.side("link/rwatch.toml");
    let (code, text) = sandbox.explain(&["--config", &file], "src/gen/b.js");
    let no = "src/gen/b.js: no, src/gen is ignored: --ignore /src/gen\n";
    assert_eq!((code, &*text), (Some(1), no));
    let (code, text) = sandbox.explain(&["--config", &file], "src/a.js");
    assert_eq!(code, Some(0), "{text}");
    assert!(text.starts_with("src/a.js: yes, "), "{text}");
}

#[test]
fn an_existing_path_is_taken_literally() {
    let sandbox = Sandbox::new()
        .dir("pages/[slug]")
        .dir("pages/s")
        .file("{a,b}.js", "")
        .file("!c.js", "")
        .fences("pages/[slug]/");
    let mut rwatch = start(
        sandbox,
        &["-w", "pages/[slug]", "-w", "{a,b}.js", "-w", "!c.js"],
    );
    for path in ["pages/[slug]/a.js", "{a,b}.js", "!c.js"] {
        rwatch.save(path, "");
        rwatch.restarts_for(&[path]);
    }
    for path in ["pages/s/a.js", "a.js", "b.js", "c.js"] {
        rwatch.ignores(|s| s.save(path, ""));
    }
}

#[test]
fn a_root_that_does_not_exist_yet_is_waited_for() {
    let sandbox = Sandbox::new().dir("src").fences("src/");
    let mut rwatch = start(sandbox, &["-w", "src", "-w", "gen/out"]);
    rwatch.ignores(|s| s.write("gen/beside.js", ""));
    rwatch.notices("gen/out/a.js", |s| s.write("gen/out/a.js", ""));
    rwatch.notices("gen/out/a.js", |s| s.save("gen/out/a.js", "again"));
}

#[test]
fn a_root_that_is_removed_and_made_again_is_found_again() {
    let sandbox = Sandbox::new()
        .dir("src")
        .file("dist/deep/a.js", "")
        .fences("src/");
    let mut rwatch = start(sandbox, &["-w", "src", "-w", "dist"]);
    for _ in 0..3 {
        rwatch.notices("dist", |s| {
            fs::remove_dir_all(s.path("dist")).expect("a directory");
        });
        rwatch.notices("dist/deep/a.js", |s| s.write("dist/deep/a.js", "built"));
        rwatch.notices("dist/deep/a.js", |s| s.save("dist/deep/a.js", "again"));
    }
    rwatch.notices("dist/b.js", |s| {
        s.tool(
            "sh",
            &["-c", "rm -rf dist && mkdir dist && echo > dist/b.js"],
        );
    });
    rwatch.notices("dist/b.js", |s| s.save("dist/b.js", "again"));
}

#[test]
fn the_current_directory_is_watched_when_nothing_is_named() {
    let mut rwatch = start(Sandbox::new().dir("a/b/c"), &[]);
    rwatch.save("a/b/c/d.txt", "");
    rwatch.restarts_for(&["a/b/c/d.txt"]);
    rwatch.save("e", "");
    rwatch.restarts_for(&["e"]);
}

#[test]
fn roots_inside_each_other_report_a_change_once() {
    let sandbox = Sandbox::new().dir("app/lib").fences("app/");
    let mut rwatch = start(sandbox, &["-w", "app", "-w", "app/lib", "-w", "./app"]);
    rwatch.save("app/lib/a.js", "");
    rwatch.restarts_for(&["app/lib/a.js"]);
    assert_eq!(rwatch.settle(), 0, "{}", rwatch.transcript());
}
