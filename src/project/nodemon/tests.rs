//! Whole files of nodemon's, and what becomes of them.

use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempDir;

/// A directory with these files. What is in a `.bin` is executable.
fn project(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for (name, content) in files {
        let file = dir.path().join(name);
        fs::create_dir_all(file.parent().expect("inside")).expect("writable");
        fs::write(&file, content).expect("writable");
        if name.contains(".bin/") {
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("ours");
        }
    }
    dir
}

/// The file for a project, where the PATH has node, python and tsc.
fn converted(files: &[(&str, &str)]) -> anyhow::Result<String> {
    let dir = project(files);
    let tools = project(&[(".bin/node", ""), (".bin/python", ""), (".bin/tsc", "")]);
    let path = tools.path().join(".bin");
    let text = convert(&Here {
        dir: dir.path(),
        path: Some(path.as_os_str()),
    })?;
    assert_eq!(text.trim_end().to_owned() + "\n", text);
    assert!(text.starts_with("# "), "{text}");
    toml::de::DeTable::parse(&text).expect("TOML");
    Ok(text)
}

/// The lines that matter: no comments but those with `=`, and neither what is always said nor
/// what follows from having no `watch`, `ext` and `signal`.
#[track_caller]
fn check(files: &[(&str, &str)], expected: &[&str]) {
    let text = converted(files).expect("valid");
    let always = [
        "# nodemon stops the command",
        "# command = ",
        r#"ext = ["js", "mjs", "cjs", "json"]"#,
        r#"ignore = [".*", "bower_components/", "coverage/"]"#,
    ];
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| line.contains('=') || line.starts_with('['))
        .filter(|line| !always.iter().any(|known| line.starts_with(known)))
        .collect();
    assert_eq!(lines, expected, "{text}");
}

/// The same, with index.js and these settings, and without the command.
#[track_caller]
fn check_settings(json: &str, expected: &[&str]) {
    let command = [r#"command = ["node", "index.js"]"#];
    let files = [("nodemon.json", json), ("index.js", "")];
    check(&files, &[&command, expected].concat());
}

/// Each of these projects has this line in its file.
#[track_caller]
fn check_lines(cases: Vec<(Vec<(&str, &str)>, &str)>) {
    for (files, expected) in cases {
        let text = converted(&files).expect("valid");
        assert!(
            text.lines().any(|line| line == expected),
            "{expected}: {text}"
        );
    }
}

#[test]
fn what_is_run_is_what_nodemon_would_run() {
    check_lines(vec![
        // The order is main, index.js, start.
        (
            vec![
                (
                    "package.json",
                    r#"{"main": "server", "scripts": {"start": "x"}}"#,
                ),
                ("server.js", ""),
                ("index.js", ""),
            ],
            r#"command = ["node", "server.js"]"#,
        ),
        (
            vec![
                ("package.json", r#"{"scripts": {"start": "node a.js"}}"#),
                ("index.js", ""),
            ],
            r#"command = ["node", "index.js"]"#,
        ),
        (
            vec![(
                "package.json",
                r#"{"scripts": {"start": "tsc && node dist"}}"#,
            )],
            r#"exec = "tsc && node dist""#,
        ),
        (
            vec![(
                "package.json",
                r#"{"scripts": {"start": "node --inspect 'a b.js'"}}"#,
            )],
            r#"command = ["node", "--inspect", "a b.js"]"#,
        ),
        (
            vec![(
                "package.json",
                r#"{"scripts": {"start": "PORT=1 node a.js"}}"#,
            )],
            r#"exec = "PORT=1 node a.js""#,
        ),
        (vec![("index.js", "")], r#"command = ["node", "index.js"]"#),
    ]);
}

#[test]
fn arguments_go_before_the_script() {
    check_lines(vec![
        (
            vec![
                (
                    "nodemon.json",
                    r#"{"args": ["--port", "3"], "nodeArgs": ["--inspect"]}"#,
                ),
                ("package.json", r#"{"main": "a.js"}"#),
            ],
            r#"command = ["node", "--inspect", "--port", "3", "a.js"]"#,
        ),
        (
            vec![("nodemon.json", r#"{"args": ["a", "b c"]}"#), ("a.js", "")],
            r#"command = ["node", "a.js", "b c"]"#,
        ),
    ]);
}

#[test]
fn exec_goes_without_main() {
    check_lines(vec![
        (
            vec![
                ("nodemon.json", r#"{"exec": "python -v"}"#),
                ("package.json", r#"{"main": "a.js"}"#),
            ],
            r#"command = ["python", "-v"]"#,
        ),
        (
            vec![(
                "nodemon.json",
                r#"{"exec": ["python", "-v"], "args": ["a b", "$X"]}"#,
            )],
            r#"exec = 'python -v "a b" $X'"#,
        ),
    ]);
}

#[test]
fn scripts_in_other_languages() {
    check_lines(vec![
        (
            vec![("package.json", r#"{"main": "x.py"}"#)],
            r#"command = ["python", "x.py"]"#,
        ),
        (
            vec![
                ("package.json", r#"{"main": "x.ts"}"#),
                ("node_modules/.bin/ts-node", ""),
                ("node_modules/.bin/tsx", ""),
            ],
            r#"command = ["node_modules/.bin/ts-node", "x.ts"]"#,
        ),
        (
            vec![
                ("package.json", r#"{"main": "x.ts"}"#),
                ("node_modules/.bin/tsx", ""),
            ],
            r#"command = ["node_modules/.bin/tsx", "x.ts"]"#,
        ),
        (
            vec![("package.json", r#"{"main": "x.ts"}"#)],
            r#"command = ["ts-node", "x.ts"]"#,
        ),
        (
            vec![("package.json", r#"{"main": "x.coffee"}"#)],
            r#"command = ["coffee", "x.coffee"]"#,
        ),
        (
            vec![
                (
                    "nodemon.json",
                    r#"{"execMap": {"js": "node --trace-warnings {{filename}} in {{pwd}}"}}"#,
                ),
                ("index.js", ""),
            ],
            r#"exec = "node --trace-warnings index.js in $PWD""#,
        ),
    ]);
}

#[test]
fn the_programs_of_packages_are_found() {
    check_lines(vec![
        (
            vec![
                ("nodemon.json", r#"{"exec": "cross-env A=1 ts-node a.ts"}"#),
                ("node_modules/.bin/ts-node", ""),
            ],
            r#"exec = 'export PATH="$PWD/node_modules/.bin:$PATH"; cross-env A=1 ts-node a.ts'"#,
        ),
        (
            vec![
                ("nodemon.json", r#"{"exec": "tsc -p . && node dist"}"#),
                ("node_modules/.bin/tsc", ""),
            ],
            r#"exec = 'export PATH="$PWD/node_modules/.bin:$PATH"; tsc -p . && node dist'"#,
        ),
    ]);
}

#[test]
fn nothing_to_run_is_a_place_to_fill_in() {
    for json in [
        "{}",
        r#"{"exec": "node"}"#,
        r#"{"exec": ["node", "--inspect"]}"#,
    ] {
        let text = converted(&[("nodemon.json", json)]).expect("valid");
        assert!(text.contains("\n# command = "), "{text}");
    }
    let package =
        r#"{"scripts": {"start": "npm run dev", "dev": "nodemon --inspect src/index.ts | tee x"}}"#;
    let text = converted(&[("nodemon.json", "{}"), ("package.json", package)]).expect("valid");
    assert!(text.contains("\n# command = "), "{text}");
    assert!(
        text.contains("`dev` of package.json calls `nodemon --inspect src/index.ts`"),
        "{text}"
    );
}

#[test]
fn extensions_follow_from_the_script() {
    check_lines(vec![
        (
            vec![("package.json", r#"{"main": "x.py"}"#)],
            r#"ext = ["py", "json"]"#,
        ),
        (
            vec![("package.json", r#"{"main": "x.coffee"}"#)],
            r#"ext = ["coffee", "json"]"#,
        ),
        (
            vec![("package.json", r#"{"main": "x.mjs"}"#)],
            r#"ext = ["js", "mjs", "cjs", "json"]"#,
        ),
        (
            vec![("nodemon.json", r#"{"exec": "ts-node a.ts"}"#)],
            r#"ext = ["js", "mjs", "cjs", "json"]"#,
        ),
        (
            vec![("nodemon.json", r#"{"ext": "*.ts, .js json"}"#)],
            r#"ext = ["ts", "js", "json"]"#,
        ),
    ]);
    let text = converted(&[("nodemon.json", r#"{"ext": "*"}"#)]).expect("valid");
    assert!(!text.contains("\next = "), "{text}");
}

#[test]
fn settings_with_an_equivalent() {
    check_settings(
        r#"{"watch": ["src", "!src/gen/**"], "ignore": ["*.test.js"], "delay": 2500, "legacyWatch": true,
                "pollingInterval": 500, "signal": "SIGINT", "verbose": true, "colours": false,
                "runOnChangeOnly": true, "env": {"PORT": 3000, "A.B": "x\"y", "ON": true}}"#,
        &[
            r#"watch = ["src"]"#,
            r#"ignore = [".*", "bower_components/", "coverage/", "**/src/gen/**", "*.test.js"]"#,
            r#"poll = "500ms""#,
            r#"delay = "2500ms""#,
            "postpone = true",
            r#"signal = "INT""#,
            "verbose = true",
            r#"color = "never""#,
            "[env]",
            r#"PORT = "3000""#,
            r#""A.B" = 'x"y'"#,
            r#"ON = "true""#,
        ],
    );
    check_settings(
        r#"{"delay": "3000", "quiet": true}"#,
        &[r#"delay = "3s""#, "quiet = true"],
    );
    check_settings(
        r#"{"legacyWatch": true, "delay": 0}"#,
        &[r#"poll = "100ms""#],
    );
    check_settings(
        r#"{"watchOptions": {"usePolling": true, "interval": 1}}"#,
        &[r#"poll = "10ms""#],
    );
    check_settings(r#"{"watch": "."}"#, &[]);
    check_settings(
        r#"{"watch": [".", "../shared/**/*"]}"#,
        &[r#"watch = [".", "../shared"]"#],
    );
}

#[test]
fn settings_that_say_nothing_leave_nothing() {
    check_settings(
        r#"{"$schema": "x", "restartable": "rs", "stdin": true, "stdout": true, "spawn": false, "watch": [],
                "ext": null, "verbose": false, "env": {}, "execMap": {}, "watchOptions": {}, "exec": ""}"#,
        &[],
    );
}

#[test]
fn what_is_ignored_by_itself_is_so_here() {
    // What begins with a dot counts as soon as one such thing is watched.
    check_settings(
        r#"{"watch": [".env"]}"#,
        &[
            r#"watch = [".env"]"#,
            r#"ignore = [".nyc_output/", ".sass-cache/", "bower_components/", "coverage/"]"#,
        ],
    );
    check_settings(
        r#"{"ignoreRoot": [".git"]}"#,
        &[r#"ignore = [".*", "!node_modules"]"#],
    );
    check_settings(
        r#"{"ignoreRoot": []}"#,
        &[r#"ignore = [".*", "!node_modules"]"#],
    );
    check_settings(
        r#"{"ignoreRoot": ["**/node_modules/**", "**/tmp/**"]}"#,
        &[r#"ignore = [".*", "**/tmp/**"]"#],
    );
}

#[test]
fn a_watched_glob_in_what_git_ignores_is_not_hidden() {
    let json = r#"{"watch": ["build/out/**/*.js", "dist", "src/**/*.ts"]}"#;
    let files = [
        ("nodemon.json", json),
        (".gitignore", "build/\ndist/\n*.log\n"),
        ("dist/a.js", ""),
    ];
    check_lines(vec![(
        files.into(),
        r#"ignore = [".*", "!/build/", "bower_components/", "coverage/"]"#,
    )]);
}

#[test]
fn where_every_name_is_watched_no_extension_counts() {
    let text = |json| converted(&[("nodemon.json", json)]).expect("valid");
    assert!(!text(r#"{"watch": ["conf/*.*"]}"#).contains("\next = "));
    let mixed = text(r#"{"watch": ["conf/*.*", "src"]}"#);
    assert!(
        mixed.contains("\next = ") && mixed.contains("For conf/*.* nodemon"),
        "{mixed}"
    );
}

#[test]
fn settings_without_an_equivalent_are_named() {
    for (json, expected) in [
        (r#"{"restartable": false}"#, "# restartable = false: "),
        (r#"{"cwd": "sub"}"#, "# cwd = \"sub\": "),
        (r#"{"exitCrash": true}"#, "# exitCrash = true: "),
        (r#"{"stdin": false}"#, "# stdin = false: "),
        (
            r#"{"events": {"restart": "say\nhi", "quit": 1}}"#,
            "# events.quit = 1: ",
        ),
        (
            r#"{"execMap": {"rb": "ruby"}}"#,
            "# execMap.rb = \"ruby\": ",
        ),
        (r#"{"delay": "2s"}"#, "# delay = \"2s\": "),
        (r#"{"pollingInterval": 500}"#, "# pollingInterval = 500: "),
        (
            r#"{"watchOptions": {"depth": 2}}"#,
            "# watchOptions.depth = 2: ",
        ),
        (r#"{"ignore": ["!keep.js"]}"#, "# ignore = \"!keep.js\": "),
        (
            r#"{"watch": ["src/!(a).js"]}"#,
            "# watch = \"src/!(a).js\": ",
        ),
        (
            r#"{"watch": false, "runOnChangeOnly": true}"#,
            "# runOnChangeOnly = true: ",
        ),
        (r#"{"quiet": true, "verbose": true}"#, "# verbose = true: "),
        (r#"{"env": {"A=B": "1"}}"#, "# env = \"A=B\": "),
        (r#"{"script": "b.js"}"#, "# script = \"b.js\": "),
        (
            r#"{"exec": "ts-node a.ts", "nodeArgs": ["-r", "x"]}"#,
            "# nodeArgs = [\"-r\",\"x\"]: ",
        ),
        (
            r#"{"exec": ["python", "-v"], "execArgs": ["-x"]}"#,
            "# execArgs = [\"-x\"]: ",
        ),
        (
            r#"{"polingInterval": 5}"#,
            "# polingInterval = 5: nodemon knows no such key; did it mean pollingInterval?",
        ),
        (
            r#"{"legacy-watch": true}"#,
            "# legacy-watch = true: nodemon knows no such key; did it mean legacyWatch?",
        ),
        (r#"{"colors": false}"#, "did it mean colours?"),
        ("{\"a\\u007f\\u0085b\": \"\\u0001\"}", "# a  b = "),
    ] {
        let text = converted(&[("nodemon.json", json), ("index.js", "")]).expect("valid");
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn a_long_list_is_one_a_line() {
    let text = converted(&[(
        "nodemon.json",
        r#"{"ignore": ["a-long-name-of-a-file.js", "another-long-name-of-a-file.js"]}"#,
    )]);
    assert!(text.expect("valid").contains("\nignore = [\n    \".*\",\n"));
}

#[test]
fn nodemon_json_wins_over_package_json() {
    let package = r#"{"main": "a.js", "nodemonConfig": {"delay": 1000, "oops": 1}}"#;
    let both = converted(&[("nodemon.json", "{}"), ("package.json", package)]).expect("valid");
    assert!(!both.contains("delay"), "{both}");
    let one = converted(&[("package.json", package)]).expect("valid");
    assert!(one.contains("\ndelay = \"1s\"\n"), "{one}");
    assert!(
        one.lines()
            .next()
            .expect("a line")
            .contains("nodemonConfig in package.json")
    );
}

#[track_caller]
fn check_error(files: &[(&str, &str)], expected: &str) {
    let error = converted(files).expect_err("invalid");
    let text = format!("{error:#}");
    assert!(text.contains(expected), "{text}");
    assert!(!text.contains('\n'), "{text}");
}

#[test]
fn what_is_wrong_is_named() {
    for (json, expected) in [
        (
            "{\n  \"watch\": [],\n}",
            "`nodemon.json` is no JSON: line 3, column 1: trailing comma",
        ),
        ("", "`nodemon.json` is no JSON: line 1, column 0"),
        ("[]", "`nodemon.json` holds a list, not an object"),
        (
            r#"{"watch": 5}"#,
            "`watch` in nodemon.json is a number, not a string or a list of strings",
        ),
        (
            r#"{"watch": [5]}"#,
            "`watch[]` in nodemon.json is a number, not a string",
        ),
        (
            r#"{"ext": ["js"]}"#,
            "`ext` in nodemon.json is a list, not a string",
        ),
        (
            r#"{"verbose": "yes"}"#,
            "`verbose` in nodemon.json is a string, not true or false",
        ),
        (
            r#"{"delay": [1]}"#,
            "`delay` in nodemon.json is a list, not a number of milliseconds",
        ),
        (
            r#"{"pollingInterval": "x"}"#,
            "`pollingInterval` in nodemon.json is a string, not a number",
        ),
        (
            r#"{"env": ["A=1"]}"#,
            "`env` in nodemon.json is a list, not an object",
        ),
        (
            r#"{"env": {"A": [1]}}"#,
            "`env.A` in nodemon.json is a list, not a string",
        ),
        (
            r#"{"signal": "FOO"}"#,
            "`signal` in nodemon.json is `FOO`, which is no signal",
        ),
        (
            r#"{"watchOptions": 1}"#,
            "`watchOptions` in nodemon.json is a number, not an object",
        ),
    ] {
        check_error(&[("nodemon.json", json)], expected);
    }
    check_error(&[], "no nodemon.json, no `nodemonConfig`");
    check_error(
        &[("package.json", "{}")],
        "no nodemon.json, no `nodemonConfig`",
    );
    check_error(
        &[("package.json", r#"{"nodemonConfig": []}"#)],
        "`nodemonConfig` in package.json is a list",
    );
    check_error(
        &[("package.json", "{")],
        "`package.json` is no JSON: line 1, column 1: EOF",
    );
    check_error(
        &[("package.json", r#"{"main": 5}"#)],
        "`main` in package.json is a number, not a string",
    );
}
