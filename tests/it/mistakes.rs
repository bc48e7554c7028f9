//! Keeps the answers to mistakes, each with what to do about it, where a reviewer can read them.

use std::fmt::Write as _;

use crate::sandbox::{Ended, Sandbox};
use crate::text::steady;

/// A sandbox with things to stumble over.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new()
        .file("file.txt", "")
        .dir("dir")
        .env("PATH", "/usr/bin:/bin");
    sandbox.save_as("bad", "#!/no/such/interpreter\n", 0o755);
    sandbox.save_as("text", "just text\n", 0o755);
    sandbox
}

/// What is said to these words, and the code that it ends with.
fn said(sandbox: Sandbox, words: &[&str]) -> String {
    let here = format!("{}", sandbox.path("").display());
    let mut rwatch = sandbox.start_words(words);
    let Ended::Code(code) = rwatch.exit() else {
        panic!("{words:?} ended by a signal");
    };
    assert_ne!(code, 0, "{words:?} is a mistake");
    let lines = rwatch.stderr();
    // The usage is the same every time.
    let lines = lines
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("For more information"))
        .filter(|line| !line.starts_with("Usage: ") && !line.starts_with("       rwatch "));
    let mut said = String::new();
    for line in lines {
        let _ = writeln!(said, "    {}", steady(line, &rwatch).replace(&here, ""));
    }
    let _ = writeln!(said, "    = {code}\n");
    said
}

#[test]
fn on_the_command_line() {
    let mut story = String::new();
    for words in [
        "",
        "--",
        "--wach app true",
        "--port 3 -- true",
        "-Z true",
        "-w",
        "-w '' true",
        "-w src/[z-a] true",
        "-w file.txt/sub true",
        "-e '' true",
        "-e src/js true",
        "-i '' true",
        "-i src/[z-a] true",
        "-d true",
        "-d -1 true",
        "-d 5x true",
        "-d 1e3 true",
        "-d -1s true",
        "-d -.5 true",
        "-d -w src true",
        "-d --",
        "--poll 5 true",
        "--poll=1ms true",
        "--poll=x true",
        "--poll=-1 true",
        "--poll -1s true",
        "-m five true",
        "-m -1 true",
        "-m -1x true",
        "-m 1.5 true",
        "-m 99999999999 true",
        "-r true",
        "--restart=on_failure true",
        "--backoff 1 true",
        "--backoff 2s..1s true",
        "--backoff 5..x true",
        "--backoff -1..2 true",
        "--backoff -1s..2s true",
        "--backoff 1..-2 true",
        "-b '' true",
        "-x ''",
        "-x true true",
        "-s FOO true",
        "-s 99 true",
        "-s -9 true",
        "-s -TERM true",
        "--stop-timeout forever true",
        "--stop-timeout -1 true",
        "--stop-timeout -1m true",
        "--events -1 true",
        "-q -v true",
        "--color maybe true",
        "-C '' true",
        "-C file.txt -m 0 true",
        "-C no/such/dir -m 0 true",
        "-E novalue true",
        "-E =x true",
        "--env-file no.env -m 0 true",
        "--env-file dir -m 0 true",
        "--completions tcsh",
        "--explain",
        "--explain x -m 5 true",
        "-p -m 5 true",
        "-i x -m 0 false",
        "--config",
        "--config no.toml true",
        "--config dir true",
        "--config no.toml --no-config true",
        "@web",
        "@a @b",
        "-m 0 ''",
        "-m 0 no-such-command",
        "-m 0 file.txt",
        "-m 0 ./no-such-file",
        "-m 0 ./file.txt",
        "-m 0 ./dir",
        "-m 0 ./bad",
        "-m 0 ./text",
    ] {
        let typed: Vec<&str> = words.split(' ').filter(|word| !word.is_empty()).collect();
        let typed: Vec<&str> = typed.iter().map(|word| word.trim_matches('\'')).collect();
        let _ = writeln!(
            story,
            "rwatch {words}\n{}",
            said(sandbox(), &typed).trim_end()
        );
        story.push('\n');
    }
    insta::assert_snapshot!(story.trim_end());
}

#[test]
fn in_the_project_file() {
    let mut story = String::new();
    for (words, file) in [
        ("true", "watch = "),
        ("true", "watch = ['app'"),
        ("true", "watch ['app']"),
        ("true", "delay = 1\ndelay = 2"),
        ("true", "dealy = 1"),
        ("true", "stop_timeout = 1"),
        ("true", "port = 3000"),
        ("true", "explain = 'x'"),
        ("true", "watch = ['app', true]"),
        ("true", "watch = { a = 1 }"),
        ("true", "watch = ['']"),
        ("true", "watch = ['src/[a']"),
        ("true", "ignore = ['a', '{b']"),
        ("true", "ext = 'src/js'"),
        ("true", "delay = '5x'"),
        ("true", "delay = 1979-05-27"),
        ("true", "max-restarts = -1"),
        ("true", "max-restarts = '5'\nrestart = 'sometimes'"),
        ("true", "clear = 'yes'"),
        ("true", "poll = '1ms'"),
        ("true", "delay = -1"),
        ("true", "delay = '-1s'"),
        ("true", "stop-timeout = -0.5"),
        ("true", "backoff = '-1..2'"),
        ("true", "poll = -1"),
        ("true", "signal = -9"),
        ("true", "max-restarts = '-1x'"),
        ("true", "events = -1"),
        ("true", "signal = true"),
        ("true", "env = ['A']"),
        ("true", "[env]\nA = [1]"),
        ("true", "quiet = true\nverbose = true"),
        ("true", "command = 'a'\nexec = 'b'"),
        ("true", "command = 'a && b'"),
        ("true", "command = \"a 'b\""),
        ("true", "before = ''"),
        ("true", "run = 'web'"),
        ("true", "[run]\nweb = 'x'"),
        ("true", "[run.web]\nwach = 'x'"),
        ("", ""),
        ("", "watch = 'file.txt'"),
        ("", "[run.web]\ncommand = 'x'\n[run.db]\ncommand = 'y'"),
        ("@wbe", "[run.web]\ncommand = 'x'"),
        (
            "@cache",
            "[run.web]\ncommand = 'x'\n[run.db]\ncommand = 'y'",
        ),
        ("@web", "command = 'x'"),
        ("@web", "[run.web]\nclear = true"),
    ] {
        let words: Vec<&str> = words.split(' ').filter(|word| !word.is_empty()).collect();
        let sandbox = sandbox().file("rwatch.toml", file);
        let _ = writeln!(
            story,
            "{}\nrwatch {}\n{}\n",
            file.lines()
                .map(|line| format!("| {line}"))
                .collect::<Vec<_>>()
                .join("\n"),
            words.join(" "),
            said(sandbox, &words).trim_end()
        );
    }
    insta::assert_snapshot!(story.trim_end());
}
