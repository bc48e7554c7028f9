//! Checks what people who come from nodemon find: their settings, and their habits.

use crate::sandbox::{Ended, Rwatch, Sandbox};

/// A sandbox in which `node` and `python3` say what they were given, and where they were.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    let path = format!("{}:/usr/bin:/bin", sandbox.side("bin"));
    std::fs::create_dir(sandbox.side("bin")).expect("a writable sandbox");
    let sandbox = sandbox.env("PATH", &path);
    for name in ["node", "python3"] {
        sandbox.save_as(name, &format!("#!/bin/sh\necho {name} \"$@\"\n"), 0o755);
        std::fs::rename(sandbox.path(name), sandbox.side(&format!("bin/{name}")))
            .expect("a writable sandbox");
    }
    sandbox
}

/// All that these words print, once they have run.
#[track_caller]
fn check_runs(sandbox: Sandbox, words: &[&str], printed: &str) -> Rwatch {
    let mut rwatch = sandbox.start_words(["-m", "0"].iter().chain(words));
    assert_eq!(rwatch.exit(), Ended::Code(0), "{}", rwatch.stderr());
    let stdout = rwatch.text();
    assert_eq!(stdout.trim_end(), printed);
    rwatch
}

#[test]
fn a_script_needs_no_interpreter() {
    let with = |name: &str, mode| {
        let sandbox = sandbox();
        sandbox.save_as(name, "#!/bin/sh\necho itself \"$@\"\n", mode);
        sandbox
    };
    check_runs(with("a.js", 0o644), &["a.js", "-v", "x"], "node a.js -v x");
    check_runs(with("a.py", 0o644), &["./a.py"], "python3 ./a.py");
    check_runs(with("a.py", 0o755), &["a.py", "x"], "itself x");
    check_runs(with("a.py", 0o755), &["./a.py"], "itself");
    let file = "command = 'a.js x'\n";
    check_runs(
        with("a.js", 0o644).file("rwatch.toml", file),
        &[],
        "node a.js x",
    );
    let below = with("a.js", 0o644).dir("sub");
    check_runs(
        below.wrapper(&["env", "-C", "sub"]),
        &["-C", "..", "a.js"],
        "node a.js",
    );
}

#[test]
fn a_package_says_what_to_run() {
    let package = |text: &str| sandbox().file("package.json", text).file("server.js", "");
    let mut rwatch = check_runs(package(r#"{"main": "server"}"#), &[], "node server.js");
    rwatch.says("taking `node server.js` from `main` of package.json");
    let start = package(r#"{"scripts": {"start": "tool x"}}"#);
    start.write("node_modules/.bin/made", "");
    start.save_as("node_modules/.bin/tool", "#!/bin/sh\necho tool $1\n", 0o755);
    let mut rwatch = check_runs(start, &[], "tool x");
    rwatch.says("taking `tool x` from `scripts.start` of package.json");
    let mut rwatch = check_runs(
        sandbox().file("package.json", "{}").file("index.js", ""),
        &[],
        "node index.js",
    );
    rwatch.says("taking `node index.js`, as nodemon does");
    // What is said elsewhere wins.
    let both = package(r#"{"main": "server"}"#).file("rwatch.toml", "exec = 'echo own'");
    check_runs(both, &[], "own");
}

#[test]
fn a_start_script_that_watches_by_itself_is_not_run() {
    let package = r#"{"scripts": {"start": "npm run dev", "dev": "nodemon a.js"}}"#;
    let mut rwatch = sandbox().file("package.json", package).start_words([""; 0]);
    assert_eq!(rwatch.exit(), Ended::Code(125));
    rwatch.says("the script `start` of package.json runs nodemon itself: name a command, *");
}

/// What `--import-nodemon` makes of this nodemon.json.
fn imported(json: &str) -> String {
    let sandbox = sandbox().dir("src").file("server.js", "");
    let sandbox = sandbox.file("nodemon.json", json);
    let mut rwatch = sandbox
        .file("package.json", r#"{"main": "server.js"}"#)
        .start_words(["--import-nodemon"]);
    assert_eq!(rwatch.exit(), Ended::Code(0), "{}", rwatch.stderr());
    rwatch.text()
}

const EVERYTHING: &str = r#"{
  "watch": ["src", "config/*.json"],
  "ext": "ts,json",
  "ignore": ["*.spec.ts", "src/gen"],
  "ignoreRoot": [".git", "node_modules", "vendor"],
  "delay": 2500,
  "exec": "node --inspect",
  "execMap": { "rb": "jruby" },
  "signal": "SIGHUP",
  "env": { "PORT": 3000, "NAME": "a b" },
  "verbose": true,
  "restartable": "r!",
  "legacyWatch": true,
  "pollingInterval": 250,
  "events": { "restart": "osascript -e 'beep'" },
  "colors": false
}"#;

#[test]
fn every_setting_of_nodemon_is_a_key_or_a_comment() {
    let text = imported(EVERYTHING);
    insta::assert_snapshot!(text);
}

#[test]
fn what_is_imported_works() {
    let json =
        r#"{"watch": ["src"], "ext": "ts", "ignore": ["*.spec.ts"], "exec": "exec sleep 1000"}"#;
    let sandbox = sandbox()
        .file("rwatch.toml", &imported(json))
        .file("src/a.ts", "");
    let mut rwatch = sandbox.start_words([""; 0]);
    rwatch.says("watching src: *");
    rwatch.says("starting `*sleep 1000*`");
    for name in ["src/a.spec.ts", "src/b.js", "c.ts", "src/b.ts"] {
        rwatch.save(name, "");
    }
    rwatch.says("src/b.ts changed, restarting");
}

#[test]
fn what_cannot_be_imported_is_told_in_one_line() {
    for (files, expected) in [
        (vec![], "nothing to import from `*`: no nodemon.json, *"),
        (
            vec![("nodemon.json", "{ \"watch\": [], }")],
            "`nodemon.json` is no JSON: line 1, column 16: trailing comma",
        ),
        (
            vec![("nodemon.json", "{ \"watch\": 5 }")],
            "`watch` in nodemon.json is a number, not a string or a list of strings",
        ),
        (
            vec![("package.json", "{ \"nodemonConfig\": [] }")],
            "`nodemonConfig` in package.json is a list, not an object",
        ),
        (
            vec![("nodemon.json", "{ \"signal\": \"SIGFOO\" }")],
            "`signal` in nodemon.json is `SIGFOO`, which is no signal; SIGTERM is one",
        ),
    ] {
        let write = |sandbox: Sandbox, (name, text): (&str, &str)| sandbox.file(name, text);
        let sandbox = files.into_iter().fold(sandbox(), write);
        let mut rwatch = sandbox.start_words(["--import-nodemon"]);
        assert_eq!(rwatch.exit(), Ended::Code(125));
        rwatch.says(expected);
        assert_eq!(rwatch.stderr().lines().count(), 1);
    }
}
