//! Keeps what rwatch says, word for word, where a reviewer can read it.

use std::fmt::Write;

use nix::sys::signal::Signal::{SIGINT, SIGTERM};

use crate::sandbox::{Rwatch, Sandbox, child};

fn help(flag: &str) -> String {
    let mut rwatch = Sandbox::new().env("COLUMNS", "100").start_words([flag]);
    rwatch.exit();
    rwatch.text()
}

#[test]
fn the_long_help() {
    insta::assert_snapshot!(help("--help"));
}

#[test]
fn the_short_help() {
    insta::assert_snapshot!(help("-h"));
}

/// One scene: what was typed, and all that was said to it.
fn scene(story: &mut String, title: &str, rwatch: &mut Rwatch) {
    rwatch.exit();
    let _ = writeln!(story, "{title}");
    for line in rwatch.stderr().lines() {
        let _ = writeln!(story, "    {}", steady(line, rwatch));
    }
    story.push('\n');
}

/// The line without what differs from run to run: how long it ran or will be waited for, pids,
/// and where the fixture and the sandbox are.
pub(crate) fn steady(line: &str, rwatch: &Rwatch) -> String {
    let line = line
        .replace(&child(), "child")
        .replace(&rwatch.side(""), "");
    let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    for n in 2..words.len() {
        if !words[n].starts_with(|c: char| c.is_ascii_digit()) {
            continue;
        }
        let what = match (&*words[n - 2], &*words[n - 1]) {
            ("waiting", "for") | (_, "child,") => "PID",
            ("up", "after") => continue,
            (_, "after") | ("them", "in") | ("was", "up") => "TIME",
            _ => continue,
        };
        let rest = words[n].trim_start_matches(|c: char| !matches!(c, ',' | ';' | ':'));
        words[n] = format!("{what}{rest}");
    }
    words.join(" ")
}

#[test]
fn what_it_says_of_changes_and_exits() {
    let mut story = String::new();

    let sandbox = Sandbox::new().file("app/a.js", "").file("libs/b.js", "");
    let gate = sandbox.side("gate");
    let words = ["child", "stop-when", &gate];
    let mut rwatch = sandbox.start(["-w", "app", "-w", "libs", "--stop-timeout", "10m"], words);
    rwatch.ready();
    rwatch.save("app/a.js", "");
    rwatch.says("still waiting for *");
    rwatch.open("gate");
    rwatch.ready();
    rwatch.signal(SIGTERM);
    scene(
        &mut story,
        "A change, a slow stop, and SIGTERM",
        &mut rwatch,
    );

    let sandbox = Sandbox::new().dir("app");
    let script = "case $RWATCH_RUN in 1) ;; 2) exit 1 ;; 3) kill -SEGV $$ ;; esac";
    let mut rwatch = sandbox.start(["-w", "app"], ["sh", "-c", script]);
    for name in ["app/a.js", "app/b.js", "app/c.js"] {
        rwatch.says("*waiting for changes");
        rwatch.save(name, "");
    }
    rwatch.says("*waiting for changes");
    rwatch.signal(SIGINT);
    scene(
        &mut story,
        "Exits while something is watched, and Ctrl-C",
        &mut rwatch,
    );

    let mut rwatch = Sandbox::new().start(["--postpone"], ["child"]);
    rwatch.says("watching *");
    rwatch.save("a.js", "");
    rwatch.ready();
    rwatch.signal(SIGINT);
    scene(&mut story, "--postpone", &mut rwatch);

    insta::assert_snapshot!(story.trim_end());
}

#[test]
fn what_it_says_of_restarts_after_exits() {
    let mut story = String::new();
    let mut end = |options: &[&str], command: &[&str]| {
        let title = format!("rwatch {} -- {}", options.join(" "), command.join(" "));
        scene(
            &mut story,
            &title,
            &mut Sandbox::new().start(options, command),
        );
    };
    end(&["-m", "0"], &["true"]);
    end(&["-m", "0"], &["false"]);
    end(
        &["-m", "2", "--backoff", "1ms..1s"],
        &["sh", "-c", "exit 3"],
    );
    end(
        &["-m", "1", "--backoff", "1ms..1s"],
        &["sh", "-c", "kill -SEGV $$"],
    );
    end(&["-m", "1", "-r", "on-failure"], &["true"]);
    insta::assert_snapshot!(story.trim_end());
}

#[test]
fn what_it_says_of_stops() {
    let mut story = String::new();

    let words = ["child", "fork", "ignore", "INT", "/", "ignore", "INT"];
    let mut rwatch = Sandbox::new().start(["--stop-timeout", "10m"], words);
    rwatch.ready();
    rwatch.signal(SIGINT);
    rwatch.says("still waiting for *");
    rwatch.signal(SIGINT);
    scene(&mut story, "Ctrl-C, and Ctrl-C again", &mut rwatch);

    let words = ["child", "ignore", "TERM"];
    let mut rwatch = Sandbox::new().start(["--stop-timeout", "2500ms"], words);
    rwatch.ready();
    rwatch.signal(SIGTERM);
    rwatch.says("still waiting for *");
    scene(&mut story, "A stop that takes too long", &mut rwatch);

    insta::assert_snapshot!(story.trim_end());
}
