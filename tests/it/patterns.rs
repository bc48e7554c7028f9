//! Checks that paths are taken for patterns as they are meant, and that what cannot match is said.

use std::os::unix::fs::symlink;
use std::process::Output;

use crate::sandbox::{Sandbox, matches};

/// What `rwatch OPTIONS` says in this directory.
fn ask(sandbox: &Sandbox, options: &[&str], cwd: &str) -> Output {
    let words = [&[env!("CARGO_BIN_EXE_rwatch")], options].concat();
    let mut command = sandbox.command(words.into_iter().map(Into::into));
    let command = command.current_dir(sandbox.path(cwd));
    command.output().expect("rwatch starts")
}

/// `--explain PATH` says no because of `--ignore` with this pattern, or yes if there is none.
#[track_caller]
fn explains(sandbox: &Sandbox, options: &[&str], path: &str, pattern: Option<&str>) {
    let output = ask(sandbox, &[options, &["--explain", path]].concat(), "");
    let text = String::from_utf8(output.stdout).expect("text");
    let expected = match pattern {
        Some(pattern) => format!("{path}: no, *--ignore {pattern}\n"),
        None => format!("{path}: yes,*"),
    };
    assert!(matches(&expected, &text), "{options:?} {path}: {text:?}");
}

fn sandbox() -> Sandbox {
    Sandbox::new()
        .file("dist/a.js", "")
        .file("src/dist/a.js", "")
        .file("a.js", "")
}

#[test]
fn a_path_is_the_path_that_it_names() {
    let sandbox = sandbox();
    let whole = sandbox.path("dist");
    let whole = whole.to_str().expect("UTF-8");
    for pattern in [
        "./dist",
        "./dist/",
        "././dist",
        "src/../dist",
        "/./dist",
        whole,
    ] {
        explains(&sandbox, &["-i", pattern], "dist/a.js", Some(pattern));
        explains(&sandbox, &["-i", pattern], "src/dist/a.js", None);
    }
    let pattern = format!("{whole}/*.js");
    explains(&sandbox, &["-i", &pattern], "dist/a.js", Some(&pattern));
    explains(&sandbox, &["-i", &pattern], "a.js", None);
    explains(&sandbox, &["-i", "dist", "-i", "!./dist"], "dist", None);
}

#[test]
fn the_path_may_be_typed_over_a_link() {
    let sandbox = sandbox();
    symlink(sandbox.path(""), sandbox.side("link")).expect("a writable sandbox");
    let pattern = sandbox.side("link/dist");
    explains(&sandbox, &["-i", &pattern], "dist/a.js", Some(&pattern));
}

#[test]
fn a_name_that_begins_like_a_comment_is_a_name() {
    let sandbox = sandbox().file("#a", "");
    explains(&sandbox, &["-i", "#a"], "#a", Some("#a"));
}

#[test]
fn a_save_below_such_a_path_restarts_nothing() {
    let mut rwatch = sandbox().start(["-i", "./dist"], ["child"]);
    rwatch.ready();
    rwatch.ignores(|s| s.save("dist/a.js", ""));
    rwatch.save("src/dist/a.js", "");
    rwatch.restarts_for(&["src/dist/a.js"]);
}

/// It ends with this code, and one line that names the value and matches.
#[track_caller]
fn is_refused(output: &Output, code: i32, pattern: &str) {
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().next().unwrap_or_default();
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(matches(pattern, line), "{text}");
}

#[test]
fn a_pattern_that_leads_out_of_the_directory_is_an_error() {
    let sandbox = sandbox();
    for pattern in ["../x", "..", "src/../../x", "!../x"] {
        let output = ask(
            &sandbox,
            &["-m", "0", "-w", ".", "-i", pattern, "--", "true"],
            "",
        );
        let line =
            format!("error: invalid value '{pattern}' for '--ignore <GLOB>': it leads out of*");
        is_refused(&output, 2, &line);
    }
    for pattern in [".", "./", "/"] {
        let output = ask(
            &sandbox,
            &["-m", "0", "-w", ".", "-i", pattern, "--", "true"],
            "",
        );
        let line =
            format!("error: invalid value '{pattern}' for '--ignore <GLOB>': it is the directory*");
        is_refused(&output, 2, &line);
    }
}

#[test]
fn what_the_project_file_ignores_is_read_in_the_same_way() {
    let text = "command = \"true\"\nignore = [\"*.log\", \"./dist\"]\n";
    let sandbox = sandbox().file("rwatch.toml", text);
    explains(&sandbox, &[], "dist/a.js", Some("./dist"));
    explains(&sandbox, &[], "src/dist/a.js", None);
    let output = ask(&sandbox, &["-w", "..", "--explain", "../dist/a.js"], "src");
    assert_eq!(output.status.code(), Some(1));
    let text = "command = \"true\"\nignore = [\"*.log\", \"../x\"]\n";
    sandbox.write("rwatch.toml", text);
    // Also from below, where it is not as it would be typed.
    for (cwd, name) in [("", "rwatch.toml"), ("src", "../rwatch.toml")] {
        let line =
            format!("[rwatch] {name}:2:20: invalid value '../x' for `ignore`: it leads out of*");
        is_refused(&ask(&sandbox, &["-m", "0"], cwd), 125, &line);
    }
}

#[test]
fn what_is_typed_elsewhere_is_printed_as_the_file_would_have_it() {
    let sandbox = sandbox().file("rwatch.toml", "command = \"true\"\n");
    let whole = sandbox.path("src/dist");
    let whole = whole.to_str().expect("UTF-8");
    for pattern in ["./dist", whole] {
        let output = ask(&sandbox, &["-i", pattern, "--print-config"], "src");
        let text = String::from_utf8(output.stdout).expect("text");
        assert!(text.contains("ignore = [\"/src/dist\"]"), "{text}");
    }
}

/// The remarks of `rwatch OPTIONS`: what it says before what it watches.
fn remarks(sandbox: Sandbox, options: &[&str]) -> Vec<String> {
    let mut rwatch = sandbox.start(options, ["child"]);
    rwatch.says("watching *");
    let said = rwatch.said();
    let end = said.iter().position(|line| line.starts_with("watching "));
    let said = said[..end.expect("it has said so")].to_vec();
    rwatch.ready();
    said
}

#[track_caller]
fn is_said(sandbox: Sandbox, options: &[&str], pattern: &str) {
    let said = remarks(sandbox, options);
    assert!(said.len() == 1 && matches(pattern, &said[0]), "{said:?}");
}

#[track_caller]
fn nothing_is_said(sandbox: Sandbox, options: &[&str]) {
    assert_eq!(remarks(sandbox, options), [""; 0], "{options:?}");
}

#[test]
fn an_extension_that_is_a_whole_name_is_remarked_on_once() {
    let line =
        "--ext env is for names such as a.env, and not for .env: --watch . --watch .env adds it";
    is_said(Sandbox::new().file(".env", ""), &["-e", "js,env"], line);
    is_said(Sandbox::new(), &["-e", "js,env"], line);
    is_said(
        Sandbox::new()
            .file("Makefile", "")
            .fences("src/")
            .dir("src"),
        &["-e", "js,Makefile", "-w", "src"],
        "--ext Makefile is for names such as a.Makefile, and not for Makefile: --watch Makefile adds it",
    );
    let watched = ["-e", "js,env", "-w", ".", "-w", ".env"];
    nothing_is_said(Sandbox::new().file(".env", ""), &watched);
    let read = ["-e", "js,env", "--env-file", ".env"];
    nothing_is_said(Sandbox::new().file(".env", "A=1\n"), &read);
    nothing_is_said(Sandbox::new(), &["-e", "js,ts"]);
}

#[test]
fn a_pattern_that_matches_nothing_is_remarked_on() {
    let elsewhere = Sandbox::new();
    let side = elsewhere.side("");
    is_said(
        Sandbox::new(),
        &["-i", &side],
        "--ignore /*matches nothing: patterns are relative to /*",
    );
    is_said(
        Sandbox::new(),
        &["-i", "~/x"],
        "--ignore ~/x matches nothing: *",
    );
    is_said(
        Sandbox::new(),
        &["-i", "dist,build"],
        "--ignore dist,build is one pattern, *: --ignore dist --ignore build",
    );
    nothing_is_said(
        Sandbox::new().file("a,b", ""),
        &["-i", "a,b", "-i", "*.{js,ts}", "-i", "/usr"],
    );
}

#[test]
fn extensions_may_be_listed_as_globs_have_them() {
    for list in ["js|ts", "*.{js,ts}"] {
        let mut rwatch = Sandbox::new().start(["-e", list], ["child"]);
        rwatch.ready();
        for path in ["a.js", "a.ts"] {
            rwatch.save(path, "");
            rwatch.restarts_for(&[path]);
        }
        rwatch.ignores(|s| s.save("a.jsts", ""));
    }
    let output = ask(&Sandbox::new(), &["-m", "0", "-e", "j*", "--", "true"], "");
    is_refused(
        &output,
        2,
        "error: invalid value 'j*' for '--ext <LIST>': *",
    );
}
