//! Watches what `-w` names: files, directories and globs, that come and go.

use std::fs;
use std::os::unix::fs::symlink;

use crate::bursts::is_one_restart;
use crate::sandbox::{Rwatch, Sandbox};
use crate::saves::explains;

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
fn a_single_file_is_seen_by_its_other_names() {
    let sandbox = Sandbox::new().file("conf.json", "").dir("src");
    let options = ["-w", "conf.json", "-w", "src"];
    let mut rwatch = sandbox
        .fences("src/")
        .start(options, ["child", "cat", "conf.json"]);
    rwatch.ready();
    let cat = |text: &str| format!("cat {text}");
    for n in 0..5 {
        let other = rwatch.side(&format!("other{n}"));
        fs::hard_link(rwatch.path("conf.json"), &other).expect("one file system");
        let write = |text: &str| fs::write(&other, text).expect("a file");
        is_one_restart(&mut rwatch, |_, text| write(text), cat);
        rwatch.notices("conf.json", |_| write("named"));
        is_one_restart(&mut rwatch, |s, text| s.write("conf.json", text), cat);
        // From then on that is another file.
        is_one_restart(&mut rwatch, |s, text| s.save("conf.json", text), cat);
        rwatch.ignores(|_| write("not ours any more"));
    }
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
fn a_glob_that_matches_directories_means_what_is_in_them() {
    let sandbox = Sandbox::new()
        .file("packages/a/src/deep/x.js", "")
        .file("packages/a/lib/y.js", "")
        .dir("packages/b")
        .fences("packages/a/src/");
    let mut rwatch = start(sandbox, &["-w", "packages/*/src"]);
    for path in ["packages/a/src/deep/x.js", "packages/a/src/z.js"] {
        rwatch.save(path, "");
        rwatch.restarts_for(&[path]);
    }
    for path in ["packages/a/lib/y.js", "packages/a/x.js", "packages/x.js"] {
        rwatch.ignores(|s| s.save(path, ""));
    }
    // What matches later is watched from then on, and so is what is made anew.
    rwatch.notices("packages/b/src/a.js", |s| {
        s.write("packages/b/src/a.js", "");
    });
    rwatch.notices("packages/c/src/a.js", |s| {
        s.write("packages/c/src/a.js", "");
    });
    rwatch.notices("packages/b/src", |s| {
        fs::remove_dir_all(s.path("packages/b")).expect("a directory");
    });
    rwatch.notices("packages/b/src/a.js", |s| {
        s.write("packages/b/src/a.js", "");
    });
    rwatch.save("packages/b/src/a.js", "anew");
    rwatch.restarts_for(&["packages/b/src/a.js"]);
}

#[test]
fn a_glob_looks_only_where_it_may_match() {
    let sandbox = Sandbox::new()
        .file("packages/a/src/x.js", "")
        .dir("packages/a/data/many/directories")
        .dir("packages/a/b/src")
        .fences("packages/a/src/");
    let mut rwatch = start(sandbox, &["-w", "packages/*/src"]);
    rwatch.says("watching packages/*/src: 1 file in 3 directories");
    rwatch.ignores(|s| s.save("packages/a/b/src/x.js", "one level too deep"));
    explains(
        &rwatch,
        &["-w", "packages/*/src"],
        "packages/a/data",
        false,
        "it is under no watched path",
    );
}

#[test]
fn a_name_that_a_glob_spells_out_wins_over_ignore_files() {
    let sandbox = Sandbox::new()
        .file(".gitignore", "dist/\n.env\n")
        .file("packages/a/dist/x.js", "")
        .file("packages/a/.env", "");
    let named = ["-w", "packages/*/dist", "-w", "packages/*/.env", "-e", "js"];
    let yes = |path, answer| explains(&sandbox, &named, path, true, answer);
    yes("packages/a/dist/x.js", "`packages/*/dist` is watched");
    yes("packages/a/.env", "`packages/*/.env` is watched");
    let matched = ["-w", "packages/**"];
    let no = |path, answer| explains(&sandbox, &matched, path, false, answer);
    no("packages/a/.env", "`.env` in .gitignore, line 2");
    let dist = "packages/a/dist is ignored: `dist/` in .gitignore, line 1";
    no("packages/a/dist/x.js", dist);
}

#[test]
fn a_directory_above_a_glob_is_taken_literally() {
    let sandbox = Sandbox::new()
        .dir("pages/[slug]/{x}")
        .dir("pages/s")
        .fences("pages/[slug]/");
    let options = ["-w", "pages/[slug]/*.js", "-w", "pages/[slug]/{x}/*.ts"];
    let mut rwatch = start(sandbox, &options);
    for path in ["pages/[slug]/a.js", "pages/[slug]/{x}/a.ts"] {
        rwatch.save(path, "");
        rwatch.restarts_for(&[path]);
    }
    for path in ["pages/s/a.js", "pages/[slug]/a.ts"] {
        rwatch.ignores(|s| s.save(path, ""));
    }
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
