//! Checks rwatch.toml: which one counts, what it means, and what is printed of it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::sandbox::{Ended, Sandbox};

/// A sandbox that is started in a directory of its own below the file's.
fn below(file: &str) -> Sandbox {
    Sandbox::new()
        .file("rwatch.toml", file)
        .file("app/a.js", "")
        .file("sub/own.js", "")
        .wrapper(&["env", "-C", "sub"])
}

/// What `--print-config` says of these words.
fn printed(sandbox: Sandbox, words: &[&str]) -> String {
    let mut rwatch = sandbox.start_words(["--print-config"].iter().chain(words));
    assert_eq!(rwatch.exit(), Ended::Code(0), "{}", rwatch.stderr());
    rwatch.text()
}

/// The same without the comments.
fn settings(text: &str) -> Vec<String> {
    let settings = text.lines().map(|line| line.split("  # ").next());
    settings
        .map(|line| line.unwrap_or_default().trim_end().to_owned())
        .collect()
}

#[test]
fn alone_it_is_enough() {
    let file = "command = \"sh -c 'echo port $PORT; exec sleep 1000'\"\nwatch = ['app']\nenv.PORT = 3000\n";
    let sandbox = Sandbox::new().file("rwatch.toml", file);
    let mut rwatch = sandbox.file("app/a.js", "").start_words([""; 0]);
    rwatch.says("settings of rwatch.toml");
    rwatch.says("watching app: *");
    rwatch.prints("port 3000");
    rwatch.save("app/a.js", "");
    rwatch.says("app/a.js changed, restarting");
    rwatch.prints("port 3000");
}

#[test]
fn options_win_over_the_file() {
    let file = "command = 'no-such'\nwatch = ['app']\nenv = ['A=1', 'B=1']\nmax-restarts = 3\n";
    let sandbox = Sandbox::new().file("rwatch.toml", file);
    let options = ["-E", "A=2", "-m", "0"];
    let mut rwatch = sandbox.dir("libs").start(
        options.iter().chain(&["-w", "libs"]),
        ["child", "env", "A,B"],
    );
    rwatch.says("watching libs: *");
    rwatch.prints("env A=\"2\"");
    rwatch.prints("env B=\"1\"");
}

#[test]
fn a_run_wins_over_what_is_for_all() {
    let file = "exec = 'echo all $A'\nmax-restarts = 0\nenv.A = 1\n[run.web]\nexec = 'echo web $A'\nenv.A = 2\n";
    let run = |words: &[&str]| {
        let mut rwatch = Sandbox::new().file("rwatch.toml", file).start_words(words);
        assert_eq!(rwatch.exit(), Ended::Code(0));
        rwatch.text()
    };
    assert_eq!(run(&[]), "all 1\n");
    assert_eq!(run(&["@web"]), "web 2\n");
    assert_eq!(run(&["@web", "-E", "A=3"]), "web 3\n");
    assert_eq!(run(&["@web", "echo", "own"]), "own\n");
    assert_eq!(run(&["--no-config", "-m", "0", "--", "echo", "x"]), "x\n");
}

#[test]
fn in_a_directory_below_its_paths_are_its_own() {
    let file =
        "command = ['sh', '-c', 'pwd; exec sleep 1000']\nwatch = ['app']\nignore = ['/app/b.js']\n";
    let mut rwatch = below(file).start_words([""; 0]);
    rwatch.says("settings of ../rwatch.toml");
    rwatch.says("watching ../app: *");
    let home = rwatch.path("").canonicalize().expect("it is there");
    rwatch.prints(home.to_str().expect("UTF-8"));
    rwatch.write("app/b.js", "");
    rwatch.save("app/a.js", "");
    rwatch.says("*/app/a.js changed, restarting");
}

#[test]
fn without_a_watch_it_is_its_own_directory_that_is_watched() {
    let mut rwatch = below("command = ['sleep', '1000']\n").start_words([""; 0]);
    rwatch.says("watching ..: *");
    let mut rwatch = below("clear = true\n").start_words(["sleep", "1000"]);
    rwatch.says("watching .: 1 file in 1 directory");
}

#[test]
fn what_options_ignore_wins_over_what_it_ignores() {
    let file = "watch = ['app', 'sub']\nignore = ['*.js']\n";
    let explain = |words: &[&str]| {
        let mut rwatch = below(file).start_words(words);
        rwatch.exit();
        rwatch.text()
    };
    let no = explain(&["--explain", "own.js"]);
    assert_eq!(no, "own.js: no, --ignore *.js\n");
    assert_eq!(
        explain(&["-i", "!own.js", "--explain", "own.js"]),
        "own.js: yes, `../sub` is watched\n"
    );
}

#[test]
fn nothing_in_a_file_drives_the_terminal() {
    for file in [
        "signal = \"\\u001b[2J\"",
        "signal = \"\\u009b2J\"",
        "\"\\u001b]0;x\\u0007\" = 1",
        "[run.\"\\u001b[2J\\n\"]\n",
    ] {
        let sandbox = Sandbox::new().file("rwatch.toml", file);
        let mut rwatch = sandbox.start_words(["@none"]);
        assert_eq!(rwatch.exit(), Ended::Code(125), "{file}");
        let said = rwatch.stderr();
        let line = said.strip_suffix('\n').expect("a line");
        assert!(!line.contains(char::is_control), "{said:?}");
        assert!(line.starts_with("[rwatch] rwatch.toml"), "{said:?}");
    }
}

#[test]
fn another_file_may_be_named() {
    let sandbox = Sandbox::new()
        .file("conf/dev.toml", "watch = ['src']\nmax-restarts = 0\n")
        .file("conf/src/a", "")
        .file("rwatch.toml", "this is no TOML");
    let mut rwatch = sandbox.start(["--config", "conf/dev.toml"], ["true"]);
    rwatch.says("settings of conf/dev.toml");
    rwatch.says("watching conf/src: *");
    assert_eq!(rwatch.exit(), Ended::Code(0));
}

#[test]
fn what_comes_through_a_pipe_is_as_if_it_stood_here() {
    let here_document = "exec \"$@\" << E\ncommand = 'pwd'\nmax-restarts = 0\nE\n";
    for script in [here_document, "exec \"$@\" < conf/x.toml"] {
        let sandbox = Sandbox::new()
            .file("conf/x.toml", "command = ['pwd']\nmax-restarts = 0\n")
            .wrapper(&["sh", "-c", script, "sh"]);
        let mut rwatch = sandbox.start_words(["--config", "/dev/stdin"]);
        rwatch.says("settings of /dev/stdin");
        let here = rwatch.path("").canonicalize().expect("it is there");
        rwatch.prints(here.to_str().expect("UTF-8"));
        assert_eq!(rwatch.exit(), Ended::Code(0));
    }
}

#[test]
fn a_file_of_a_stranger_above_is_not_read() {
    let sandbox = below("command = 'true'\n");
    let give_away = |sandbox: &Sandbox| {
        std::os::unix::fs::chown(sandbox.path("rwatch.toml"), Some(12_345), None)
    };
    if give_away(&sandbox).is_err() {
        // Only root can give files away.
        return;
    }
    let mut rwatch = sandbox.start_words(["true"]);
    rwatch.says(
        "../rwatch.toml belongs to somebody else and is not read; --config ../rwatch.toml reads it",
    );
    // Without it there is nothing to run, or another thing than what was meant.
    for words in [&[][..], &["@web"], &["@web", "true"]] {
        let sandbox = below("command = 'true'\n");
        give_away(&sandbox).expect("we are root");
        let mut rwatch = sandbox.start_words(words);
        rwatch.says("../rwatch.toml belongs to somebody else: --config ../rwatch.toml reads it, *");
        assert_eq!(rwatch.exit(), Ended::Code(125));
    }
    let sandbox = below("command = 'true'\nmax-restarts = 0");
    for path in ["rwatch.toml", "sub"] {
        std::os::unix::fs::chown(sandbox.path(path), Some(12_345), None).expect("we are root");
    }
    let mut rwatch = sandbox.start_words([""; 0]);
    rwatch.says("settings of ../rwatch.toml");
    assert_eq!(rwatch.exit(), Ended::Code(0));
}

#[test]
fn a_link_of_a_stranger_above_is_not_followed() {
    let sandbox = below("").file("own/rwatch.toml", "before = 'true'\n");
    sandbox.remove("rwatch.toml");
    let link = sandbox.path("rwatch.toml");
    std::os::unix::fs::symlink("own/rwatch.toml", &link).expect("a writable sandbox");
    if std::os::unix::fs::lchown(&link, Some(12_345), None).is_err() {
        // Only root can give files away.
        return;
    }
    let mut rwatch = sandbox.start_words(["-m", "0", "true"]);
    rwatch.says("../rwatch.toml belongs to somebody else and is not read; *");
    assert_eq!(rwatch.exit(), Ended::Code(0));
    assert!(!rwatch.stderr().contains("building"));
}

#[test]
fn a_file_of_a_stranger_where_everybody_can_write_is_not_read() {
    let sandbox = || Sandbox::new().file("rwatch.toml", "max-restarts = 0\n");
    let shared = |sandbox: &Sandbox, mode| {
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(sandbox.path(""), mode).expect("our own directory");
        std::os::unix::fs::chown(sandbox.path("rwatch.toml"), Some(12_345), None)
    };
    let everybodys = sandbox();
    if shared(&everybodys, 0o1777).is_err() {
        // Only root can give files away.
        return;
    }
    let mut rwatch = everybodys.start_words(["-m", "0", "true"]);
    rwatch.says(
        "rwatch.toml belongs to somebody else and is not read; --config rwatch.toml reads it",
    );
    let of_some = sandbox();
    shared(&of_some, 0o775).expect("we are root");
    let mut rwatch = of_some.start_words(["true"]);
    rwatch.says("settings of rwatch.toml");
}

#[test]
fn what_is_printed_says_the_same_when_it_is_saved() {
    for words in [
        "-w app -w libs -e js,ts -- node server.js",
        "-m 5 --backoff 1..2 -s INT --stop-timeout 3 -x 'a\\b\"c'",
        "-i *.log -i !a.log -d 200ms --poll -p -v -E A=b=c -E D= -E A=e -- x",
        "--poll=2s -q -c --color never -C sub --env-file .env -r on-failure -- ./x --y 'z\n'",
        "-b make --if-changed --no-ignore -- @x ''",
    ] {
        let words: Vec<&str> = words.split(' ').collect();
        let first = printed(Sandbox::new(), &words);
        let second = printed(Sandbox::new().file("rwatch.toml", &first), &[]);
        assert_eq!(settings(&second), settings(&first));
    }
}

#[test]
fn what_is_printed_in_a_directory_below_is_for_the_place_of_the_file() {
    let text = printed(
        below("watch = ['app']\nignore = ['a']\n"),
        &["-w", "own.js", "-i", "b"],
    );
    let line = |start: &str| {
        settings(&text)
            .iter()
            .find(|line| line.starts_with(start))
            .cloned()
    };
    assert_eq!(line("watch").as_deref(), Some("watch = [\"sub/own.js\"]"));
    assert_eq!(line("  \"/sub").as_deref(), Some("  \"/sub/**/b\","));
    assert_eq!(line("chdir").as_deref(), Some("chdir = \"sub\""));
}

#[test]
fn every_setting_has_an_origin() {
    let sandbox = Sandbox::new().file(
        "rwatch.toml",
        "command = 'x y'\n\ndelay = 1\n[run.web]\nclear = true\n",
    );
    let text = printed(sandbox, &["@web", "-m", "5"]);
    insta::assert_snapshot!(text);
}
