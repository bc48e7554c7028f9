//! Reads the command line as a shell hands it over: COMMAND byte for byte, and bad input answered
//! by one line, a code, and nothing on stdout.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use nix::sys::signal::Signal;

use crate::sandbox::{Ended, Rwatch, Sandbox, child};

/// Runs rwatch with these words to its end.
#[track_caller]
fn run<W: AsRef<OsStr>>(sandbox: Sandbox, words: &[W]) -> (Rwatch, Ended) {
    let mut rwatch = sandbox.start_words(words);
    let ended = rwatch.exit();
    (rwatch, ended)
}

/// Runs rwatch to its end; what COMMAND printed.
#[track_caller]
fn prints(sandbox: Sandbox, words: &[&str]) -> String {
    let (rwatch, ended) = run(sandbox, words);
    assert_eq!(ended, Ended::Code(0), "{}", rwatch.transcript());
    rwatch.text()
}

#[test]
fn argv_is_passed_on_byte_for_byte() {
    let args = [
        &b""[..],
        b" ",
        b"*",
        b"$HOME",
        b"a\"b'c\\",
        b"new\nline",
        b"\xff\xfe",
        b"-x",
        b"--",
    ];
    let options = ["-m", "0"];
    let command = ["child", "exit", "0", "argv"];
    let words = command
        .into_iter()
        .map(OsStr::new)
        .chain(args.into_iter().map(OsStr::from_bytes));
    let mut rwatch = Sandbox::new().start(options, words);
    assert_eq!(rwatch.exit(), Ended::Code(0));
    let expected = args.map(|arg| format!("argv \"{}\"\n", arg.escape_ascii()));
    let stdout = rwatch.text();
    assert!(stdout.starts_with(&expected.concat()), "{stdout}");
}

#[test]
fn what_follows_the_first_other_word_belongs_to_command() {
    let child = child();
    let argv = [
        &child, "exit", "0", "argv", "--port", "3", "-w", "-m", "--help", "--", "-x",
    ];
    let expected = format!("argv \"{}\"\n", argv[4..].join("\"\nargv \""));
    for dashes in [
        &["-m", "0"][..],
        &["-m", "0", "--"],
        &["--max-restarts=0"],
        &["-m0"],
    ] {
        let stdout = prints(Sandbox::new(), &[dashes, &argv[..]].concat());
        assert!(stdout.starts_with(&expected), "{stdout}");
    }
}

#[test]
fn bad_words_are_usage_errors_that_name_the_flag_and_the_value() {
    let table: [(&[&str], &[&str]); 14] = [
        (&[], &["COMMAND"]),
        (&["-w", "app"], &["COMMAND"]),
        (&["--"], &["COMMAND"]),
        (&["-m", "-1", "true"], &["--max-restarts", "-1"]),
        (&["-m", "many", "true"], &["--max-restarts", "many"]),
        (&["-d", "5x", "true"], &["--delay", "5x"]),
        (&["-d", "-1", "true"], &["--delay", "-1"]),
        (&["-s", "FOO", "true"], &["--signal", "FOO"]),
        (&["-s", "0", "true"], &["--signal", "0"]),
        (&["-r", "sometimes", "true"], &["--restart", "sometimes"]),
        (&["--backoff", "2s..1s", "true"], &["--backoff", "2s..1s"]),
        (&["--stop-timeout", "", "true"], &["--stop-timeout"]),
        (&["--no-such-flag", "true"], &["--no-such-flag"]),
        (&["-E", "novalue", "true"], &["--env", "novalue"]),
    ];
    for (words, names) in table {
        let (rwatch, ended) = run(Sandbox::new(), words);
        let said = rwatch.stderr();
        assert_eq!(ended, Ended::Code(2), "{words:?}: {said}");
        for name in names {
            assert!(said.contains(name), "{words:?}: no {name} in: {said}");
        }
        assert!(!said.contains("panicked"), "{said}");
        assert_eq!(rwatch.stdout(), b"", "{words:?}");
    }
}

#[test]
fn bad_globs_are_usage_errors() {
    for (flag, name) in [("-w", "--watch"), ("-i", "--ignore")] {
        let (rwatch, ended) = run(Sandbox::new(), &[flag, "src/[z-a]", "true"]);
        let said = rwatch.stderr();
        assert_eq!(ended, Ended::Code(2), "{said}");
        assert!(said.contains(name) && said.contains("src/[z-a]"), "{said}");
        assert_eq!(rwatch.stdout(), b"");
    }
}

#[test]
fn paths_that_cannot_be_watched_are_errors_of_one_line() {
    let sandbox = || {
        let sandbox = Sandbox::new().file("file.txt", "");
        symlink("loop", sandbox.path("loop")).expect("a writable sandbox");
        sandbox
    };
    for path in ["file.txt/sub", "loop/sub", "loop"] {
        let (rwatch, ended) = run(sandbox(), &["-w", path, "true"]);
        let said = rwatch.stderr();
        assert_eq!(ended, Ended::Code(125), "{path}: {}", rwatch.transcript());
        assert!(said.contains(path), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert_eq!(rwatch.stdout(), b"");
    }
}

#[test]
fn a_chdir_that_does_not_exist_is_an_error_of_one_line() {
    let (rwatch, ended) = run(Sandbox::new(), &["-m", "0", "-C", "no/such/dir", "true"]);
    let said = rwatch.stderr();
    assert!(matches!(ended, Ended::Code(125 | 126)), "{ended:?}: {said}");
    assert_eq!(
        said.lines()
            .filter(|line| line.contains("no/such/dir"))
            .count(),
        1,
        "{said}"
    );
}

#[test]
fn exec_runs_a_shell_string_and_options_may_follow_it() {
    assert_eq!(
        prints(
            Sandbox::new(),
            &["-x", "echo a  $((1 + 1)) | cat", "-m", "0"]
        ),
        "a 2\n"
    );
    let (rwatch, ended) = run(Sandbox::new(), &["--exec", "exit 7", "--max-restarts", "0"]);
    assert_eq!(ended, Ended::Code(7), "{}", rwatch.transcript());
    let (rwatch, ended) = run(Sandbox::new(), &["-x", "true", "-m", "0", "true"]);
    assert_eq!(
        ended,
        Ended::Code(2),
        "both a string and COMMAND: {}",
        rwatch.transcript()
    );
}

#[test]
fn chdir_and_env_are_for_command_alone() {
    let sandbox = Sandbox::new().dir("sub");
    let expected = sandbox.path("sub").canonicalize().expect("a directory");
    let stdout = prints(sandbox, &["-m", "0", "-C", "sub", "pwd", "-P"]);
    assert_eq!(stdout, format!("{}\n", expected.display()));

    let words = [
        "-m", "0", "-E", "A=1", "--env", "B=x=y", "-E", "C=", "-E", "A=2",
    ];
    let stdout = prints(
        Sandbox::new(),
        &[&words[..], &["sh", "-c", "echo $A,$B,${C-unset}"]].concat(),
    );
    assert_eq!(stdout, "2,x=y,\n");

    // What is watched, and how it is named, is relative to where rwatch was started.
    let sandbox = Sandbox::new().dir("sub").dir("app").fences("app/");
    let mut rwatch = sandbox.start(["-w", "app", "-C", "sub"], ["child"]);
    rwatch.ready();
    rwatch.save("app/a.js", "");
    rwatch.restarts_for(&["app/a.js"]);
}

#[test]
fn command_inherits_stdin() {
    let (from, mut to) = io::pipe().expect("a pipe");
    let mut rwatch = Sandbox::new().stdin(from).start(["-m", "0"], ["cat"]);
    to.write_all(b"typed\n").expect("a pipe");
    rwatch.prints("typed");
    drop(to);
    assert_eq!(rwatch.exit(), Ended::Code(0));
}

#[test]
fn stdout_is_command_s_alone_and_unchanged() {
    let mut rwatch =
        Sandbox::new().start(["-m", "0", "-v"], ["child", "spew", "1000000", "exit", "0"]);
    assert_eq!(rwatch.exit(), Ended::Code(0));
    let expected: Vec<u8> = (0..=250).cycle().take(1_000_000).collect();
    assert!(
        rwatch.stdout() == expected,
        "{} bytes came",
        rwatch.stdout().len()
    );
}

#[test]
fn quiet_says_nothing_but_errors() {
    let mut rwatch = Sandbox::new().start(["-q"], ["child"]);
    rwatch.ready();
    rwatch.save("a.js", "");
    rwatch.restarts_for(&["a.js"]);
    assert_eq!(rwatch.end_by(Signal::SIGTERM), Ended::Signal(15));
    assert_eq!(rwatch.stderr(), "");

    let (rwatch, _) = run(Sandbox::new(), &["-q", "-m", "0", "no-such-command"]);
    assert!(
        rwatch.stderr().contains("no-such-command"),
        "{}",
        rwatch.transcript()
    );
}

#[test]
fn verbose_says_more() {
    let said = |options: &[&str]| {
        let mut rwatch = Sandbox::new().start(options, ["child"]);
        rwatch.ready();
        rwatch.save("a.js", "");
        rwatch.restarts_for(&["a.js"]);
        assert_eq!(rwatch.end_by(Signal::SIGTERM), Ended::Signal(15));
        let mut said = rwatch.said();
        // How long it was up differs.
        said.retain(|line| !line.starts_with("was up "));
        said
    };
    let (usual, verbose) = (said(&[]), said(&["-v"]));
    assert!(verbose.len() > usual.len(), "{verbose:#?}");
    assert!(
        usual.iter().all(|line| verbose.contains(line)),
        "{usual:#?} {verbose:#?}"
    );
}

#[test]
fn colours_come_when_they_are_asked_for() {
    let coloured = |sandbox: Sandbox, options: &[&str]| {
        let (rwatch, ended) = run(sandbox, &[options, &["-m", "0", "-c", "true"]].concat());
        assert_eq!((ended, rwatch.stdout()), (Ended::Code(0), Vec::new()));
        rwatch.stderr().contains('\u{1b}')
    };
    assert!(
        !coloured(Sandbox::new(), &[]),
        "a pipe is no terminal, also to --clear"
    );
    assert!(coloured(Sandbox::new(), &["--color", "always"]));
    assert!(coloured(
        Sandbox::new().env("NO_COLOR", "1"),
        &["--color", "always"]
    ));
    assert!(!coloured(Sandbox::new(), &["--color", "never"]));
}

#[test]
pub(crate) fn a_stderr_that_nobody_reads_is_no_reason_to_end() {
    let (reader, writer) = io::pipe().expect("a pipe");
    drop(reader);
    let full = File::options()
        .write(true)
        .open("/dev/full")
        .expect("/dev/full");
    let closed = Sandbox::new().wrapper(&["sh", "-c", "exec \"$@\" 2>&-", "sh"]);
    for sandbox in [
        Sandbox::new().stderr(writer),
        Sandbox::new().stderr(full),
        closed,
    ] {
        let mut rwatch = sandbox.start(["-v"], ["child"]);
        rwatch.ready();
        rwatch.save("a.js", "");
        rwatch.restarts_for(&["a.js"]);
        assert_eq!(rwatch.end_by(Signal::SIGTERM), Ended::Signal(15));
    }
}

#[test]
fn help_and_version_are_on_stdout() {
    for flag in ["--help", "-h", "--version", "-V"] {
        let stdout = prints(Sandbox::new(), &[flag]);
        assert!(stdout.contains("rwatch"), "{stdout}");
    }
    assert!(prints(Sandbox::new(), &["--version"]).contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn names_that_are_no_utf_8_are_watched_too() {
    let name = OsStr::from_bytes(b"caf\xe9");
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("").join(name)).expect("a writable sandbox");
    let words = [
        OsString::from("-w"),
        name.into(),
        "--".into(),
        child().into(),
    ];
    let mut rwatch = sandbox.start_words(words);
    rwatch.ready();
    fs::write(rwatch.path("").join(name).join("a"), "").expect("a writable sandbox");
    let start = rwatch.ready();
    assert!(
        start.changed[0].starts_with("caf") && start.changed[0].ends_with("/a"),
        "{start:?}"
    );
}
