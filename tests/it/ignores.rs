//! Checks who has the say on a path: `-i`, `-w`, ignore files, the built-in list, `-e`, in this
//! order.

use std::fs;

use crate::sandbox::{Rwatch, Sandbox};

pub(crate) fn start(sandbox: Sandbox, options: &[&str]) -> Rwatch {
    let mut rwatch = sandbox.start(options, ["child"]);
    rwatch.ready();
    rwatch
}

/// A save of this path, which may be new, leads to a restart for it.
#[track_caller]
pub(crate) fn counts(rwatch: &mut Rwatch, path: &str) {
    rwatch.save(path, "counts");
    rwatch.restarts_for(&[path]);
}

/// A save of this path, which may be new, leads to none.
#[track_caller]
fn is_hidden(rwatch: &mut Rwatch, path: &str) {
    rwatch.ignores(|sandbox| sandbox.save(path, "hidden"));
}

#[test]
fn the_built_in_list_hides_what_no_program_is_made_of() {
    let mut sandbox = Sandbox::new()
        .dir("src/__pycache__")
        .dir("src/node_modules/x");
    for dir in [
        ".git",
        ".hg",
        ".svn",
        ".jj",
        "node_modules/x",
        "__pycache__",
        ".venv/lib",
    ] {
        sandbox = sandbox.dir(dir);
    }
    let mut rwatch = start(sandbox, &[]);
    for path in [
        ".git/index",
        ".hg/store",
        ".svn/wc.db",
        ".jj/repo",
        "node_modules/x/index.js",
        "src/node_modules/x/index.js",
        "__pycache__/a.pyc",
        "src/__pycache__/a.pyc",
        ".venv/lib/a.py",
        "src/.a.js.swp",
        "src/.a.js.swx",
        "src/.Makefile.swpx",
        "src/a.js~",
        "src/.#a.js",
        "src/#a.js#",
        "src/4913",
        "src/a.js.tmp",
        "src/.DS_Store",
    ] {
        is_hidden(&mut rwatch, path);
    }
    for path in ["src/a.js", ".env", "src/modules", "swp", "src/49130", "tmp"] {
        counts(&mut rwatch, path);
    }
}

#[test]
fn an_ignored_directory_made_later_is_ignored_too() {
    let mut rwatch = start(Sandbox::new().dir("src"), &[]);
    rwatch.ignores(|s| s.write("src/node_modules/x/index.js", ""));
    rwatch.ignores(|s| s.write("src/node_modules/y/index.js", ""));
    rwatch.ignores(|s| {
        fs::remove_dir_all(s.path("src/node_modules")).expect("a directory");
    });
}

#[test]
fn target_is_hidden_beside_a_cargo_toml_only() {
    let sandbox = Sandbox::new()
        .file("crate/Cargo.toml", "")
        .dir("crate/target")
        .dir("target");
    let mut rwatch = start(sandbox, &[]);
    is_hidden(&mut rwatch, "crate/target/a");
    counts(&mut rwatch, "target/a");
    counts(&mut rwatch, "crate/Cargo.toml");
}

#[test]
fn ignore_files_count_along_the_tree_without_a_repository() {
    let sandbox = Sandbox::new()
        .file(".gitignore", "*.log\n/out/\n")
        .file("pkg/.gitignore", "/gen\n!keep.log\n")
        .file("pkg/sub/.ignore", "*.md\n")
        .dir("out")
        .dir("gen")
        .dir("pkg/gen")
        .dir("pkg/out");
    let mut rwatch = start(sandbox, &[]);
    for path in [
        "a.log",
        "out/a.js",
        "pkg/gen/a.js",
        "pkg/a.log",
        "pkg/sub/a.md",
    ] {
        is_hidden(&mut rwatch, path);
    }
    for path in [
        "gen/a.js",
        "pkg/out/a.js",
        "pkg/keep.log",
        "pkg/a.md",
        "pkg/sub/a.js",
    ] {
        counts(&mut rwatch, path);
    }
}

#[test]
fn dot_ignore_wins_over_gitignore_and_info_exclude_counts() {
    let sandbox = Sandbox::new()
        .file(".gitignore", "*.gen\n")
        .file(".ignore", "!*.gen\n");
    sandbox.tool("git", &["init", "-q"]);
    sandbox.write(".git/info/exclude", "secret\n");
    let mut rwatch = start(sandbox, &[]);
    counts(&mut rwatch, "a.gen");
    is_hidden(&mut rwatch, "secret");
    rwatch.save(".git/info/exclude", "other\n");
    rwatch.settle();
    is_hidden(&mut rwatch, "other");
    counts(&mut rwatch, "secret");
}

#[test]
fn ignore_files_are_read_anew_when_they_change() {
    let mut rwatch = start(Sandbox::new().dir("gen/deep").dir("pkg"), &["-e", "js"]);
    counts(&mut rwatch, "gen/deep/a.js");
    // With `-e js` the ignore files themselves lead to no restart, and are obeyed all the same.
    is_hidden(&mut rwatch, ".gitignore");
    rwatch.ignores(|s| s.save(".gitignore", "gen/\n"));
    is_hidden(&mut rwatch, "gen/deep/a.js");
    rwatch.ignores(|s| s.save("pkg/.ignore", "*.min.js\n"));
    is_hidden(&mut rwatch, "pkg/a.min.js");
    // What was hidden is seen again, down to its directories.
    rwatch.ignores(|s| s.save(".gitignore", "other/\n"));
    counts(&mut rwatch, "gen/deep/a.js");
    rwatch.ignores(|s| s.remove("pkg/.ignore"));
    counts(&mut rwatch, "pkg/a.min.js");
}

#[test]
fn ext_keeps_files_with_these_extensions_only() {
    let mut rwatch = start(Sandbox::new(), &["-e", "js,.ts", "-e", ".css .html"]);
    for path in ["a.js", "a.ts", "a.css", "a.html", "a.b.js"] {
        counts(&mut rwatch, path);
    }
    for path in ["a.md", "js", "a.jsx", "a.js.map", "Makefile"] {
        is_hidden(&mut rwatch, path);
    }
}

#[test]
fn minus_i_hides_and_re_includes_over_everything_else() {
    let sandbox = Sandbox::new()
        .file(".gitignore", "*.log\n")
        .dir("docs")
        .dir("node_modules/x");
    let options = [
        "-i",
        "*.md",
        "-i",
        "!README.md",
        "-i",
        "/docs",
        "-i",
        "!*.log",
    ];
    let mut rwatch = start(sandbox, &[&options[..], &["-i", "!node_modules"]].concat());
    for path in ["a.md", "docs/a.js"] {
        is_hidden(&mut rwatch, path);
    }
    for path in ["README.md", "a.log", "node_modules/x/a.js"] {
        counts(&mut rwatch, path);
    }
}

#[test]
fn no_ignore_hides_nothing_but_what_minus_i_names() {
    let sandbox = Sandbox::new()
        .file(".gitignore", "*.log\n")
        .dir("node_modules/x");
    let mut rwatch = start(sandbox, &["--no-ignore", "-i", "*.md"]);
    for path in ["a.log", "node_modules/x/a.js", "a.tmp"] {
        counts(&mut rwatch, path);
    }
    is_hidden(&mut rwatch, "a.md");
}

#[test]
fn a_watched_path_wins_over_what_would_hide_that_path_itself() {
    let sandbox = Sandbox::new()
        .file(".gitignore", "dist/\nsecret.env\n")
        .file("secret.env", "")
        .dir("dist/node_modules/x")
        .dir("node_modules/x/node_modules/y")
        .dir("src");
    let watched = [
        "-w",
        "dist",
        "-w",
        "secret.env",
        "-w",
        "node_modules/x",
        "-w",
        "src",
    ];
    let mut rwatch = start(
        sandbox.fences("src/"),
        &[&watched[..], &["-e", "js"]].concat(),
    );
    for path in ["dist/a.js", "secret.env", "node_modules/x/a.js"] {
        counts(&mut rwatch, path);
    }
    // Below it the rules are what they were.
    for path in [
        "dist/a.md",
        "dist/node_modules/x/a.js",
        "node_modules/x/node_modules/y/a.js",
    ] {
        is_hidden(&mut rwatch, path);
    }
}

#[test]
fn minus_i_wins_over_minus_w() {
    let sandbox = Sandbox::new().dir("dist").dir("src").fences("src/");
    let mut rwatch = start(sandbox, &["-w", "dist", "-w", "src", "-i", "dist"]);
    is_hidden(&mut rwatch, "dist/a.js");
    counts(&mut rwatch, "src/a.js");
}
