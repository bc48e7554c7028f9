//! Follows runs from start to start: what a run is told about itself, when the next one comes,
//! and that two are never alive at a time.

use std::collections::HashSet;
use std::fs::{self, File};
use std::os::unix::fs::symlink;

use crate::sandbox::{Ended, Rwatch, Sandbox, matches};

#[test]
fn a_restart_is_one_stop_signal_then_the_end_then_the_next_start() {
    let sandbox = Sandbox::new();
    let log = sandbox.side("log");
    let mut rwatch = sandbox.start([""; 0], ["child", "log", &log, "slow-stop", "50"]);
    rwatch.ready();
    for _ in 0..3 {
        rwatch.save("a.js", "");
        rwatch.restarts_for(&["a.js"]);
    }
    let log = rwatch.log("log");
    let life = ["start * *", "signal TERM * *", "exit * *"];
    let expected: Vec<&str> = life.into_iter().cycle().take(10).collect();
    let as_expected = log.len() == 10
        && log
            .iter()
            .zip(&expected)
            .all(|(line, pattern)| matches(pattern, line));
    assert!(as_expected, "{log:#?}");
}

#[test]
fn two_runs_never_overlap() {
    let sandbox = Sandbox::new();
    let name = sandbox.side("").replace('/', "-");
    // The leader dies at once; the member it leaves behind holds the name for a while.
    let member = ["fork", "alone", &name, "slow-stop", "100", "/"];
    let mut rwatch = sandbox.start([""; 0], [&["child"], &member[..]].concat());
    rwatch.ready();
    for name in ["a.js", "b.js"].repeat(5) {
        rwatch.save(name, "");
        rwatch.restarts_for(&[name]);
    }
    assert!(!String::from_utf8_lossy(&rwatch.stdout()).contains("not alone"));
}

#[test]
fn a_change_during_a_slow_stop_joins_the_pending_start() {
    let sandbox = Sandbox::new();
    let gate = sandbox.side("gate");
    let options = ["-v", "--stop-timeout", "10m"];
    let mut rwatch = sandbox.start(options, ["child", "cat", "b.js", "stop-when", &gate]);
    rwatch.ready();
    rwatch.save("a.js", "1");
    rwatch.says("a.js changed, restarting");
    rwatch.save("b.js", "late");
    rwatch.says("b.js changed before the restart");
    rwatch.write("new/deep/c.js", "later");
    rwatch.says("new/deep/c.js changed before the restart");
    rwatch.open("gate");
    let start = rwatch.ready();
    assert_eq!((start.run, &*start.reason), (2, "change"));
    let changed: HashSet<&str> = start.changed.iter().map(String::as_str).collect();
    assert_eq!(changed, HashSet::from(["a.js", "b.js", "new/deep/c.js"]));
    assert_eq!(start.before, ["signal TERM", "cat late"]);
    assert_eq!(rwatch.settle(), 0, "{}", rwatch.transcript());
}

#[test]
fn postpone_starts_with_the_first_change() {
    let mut rwatch = Sandbox::new().start(["--postpone"], ["child"]);
    rwatch.says("watching *");
    rwatch.save("a.js", "");
    let start = rwatch.ready();
    assert_eq!((start.run, &*start.reason), (1, "change"));
    assert_eq!(start.changed, ["a.js"]);
    rwatch.save("b.js", "");
    rwatch.restarts_for(&["b.js"]);
}

#[test]
fn a_run_knows_its_number_and_reason_and_has_an_id_of_its_own() {
    let words = [
        "env",
        "RWATCH_RUN,RWATCH_REASON,RWATCH_RUN_ID,RWATCH_CHANGED",
    ];
    let start = || Sandbox::new().start([""; 0], [&["child"], &words[..]].concat());
    let (mut one, mut other) = (start(), start());
    let mut ids = HashSet::new();
    let mut look = |rwatch: &mut Rwatch, expected: [&str; 2]| {
        let said = rwatch.ready().before;
        let env: Vec<&String> = said.iter().filter(|line| line.starts_with("env")).collect();
        assert_eq!(env[..2], expected);
        assert!(
            env[2].starts_with("env RWATCH_RUN_ID=\"") && env[2].len() > 22,
            "{}",
            env[2]
        );
        assert!(ids.insert(env[2].clone()), "seen before: {}", env[2]);
        env[3].clone()
    };
    for rwatch in [&mut one, &mut other] {
        look(
            rwatch,
            ["env RWATCH_RUN=\"1\"", "env RWATCH_REASON=\"start\""],
        );
        rwatch.save("a.js", "");
        let changed = look(
            rwatch,
            ["env RWATCH_RUN=\"2\"", "env RWATCH_REASON=\"change\""],
        );
        assert_eq!(
            changed, "env RWATCH_CHANGED=\"a.js\"",
            "without a line break at the end"
        );
        rwatch.save("b.js", "");
        look(
            rwatch,
            ["env RWATCH_RUN=\"3\"", "env RWATCH_REASON=\"change\""],
        );
    }
}

#[test]
fn an_exit_is_a_reason_and_changes_nothing() {
    let options = ["-m", "1", "--backoff", "1ms..1ms"];
    let mut rwatch = Sandbox::new().start(options, ["child", "exit", "0"]);
    rwatch.ready();
    let start = rwatch.ready();
    assert_eq!(
        (start.run, &*start.reason, start.changed.len()),
        (2, "exit", 0)
    );
}

#[test]
fn rwatch_in_rwatch_tells_its_own_child_about_its_own_runs() {
    let sandbox = Sandbox::new()
        .env("RWATCH_RUN", "7")
        .env("RWATCH_CHANGED", "outer");
    let mut rwatch = sandbox.start([""; 0], ["child"]);
    let start = rwatch.ready();
    assert_eq!(
        (start.run, &*start.reason, start.changed.len()),
        (1, "start", 0)
    );
}

#[test]
fn changed_names_are_one_a_line_and_quoted_as_git_does_where_they_have_to_be() {
    let mut rwatch = Sandbox::new().start([""; 0], ["child", "env", "RWATCH_CHANGED"]);
    rwatch.ready();
    for (name, shown) in [
        ("with space", "with space"),
        ("ünïcode", "\\xc3\\xbcn\\xc3\\xafcode"),
        ("tab\tnew\nline", "\\\"tab\\\\tnew\\\\nline\\\""),
        ("bell\u{7}esc\u{1b}", "\\\"bell\\\\aesc\\\\033\\\""),
    ] {
        rwatch.save(name, "");
        let start = rwatch.ready();
        assert_eq!(
            start.before.last(),
            Some(&format!("env RWATCH_CHANGED=\"{shown}\""))
        );
        // Nothing that a name holds may reach the terminal as it is.
        let said = rwatch.says("* changed, restarting");
        assert!(!said.contains(char::is_control), "{said:?}");
    }
}

#[test]
fn changed_names_end_at_64_kib_with_a_whole_one() {
    let sandbox = Sandbox::new();
    let gate = sandbox.side("gate");
    let words = ["child", "env", "RWATCH_CHANGED", "stop-when", &gate];
    let mut rwatch = sandbox.start(["-v", "--stop-timeout", "10m"], words);
    rwatch.ready();
    let name = |n: usize| format!("{n:0>100}");
    for n in 0..1000 {
        rwatch.save(&name(n), "");
    }
    rwatch.knows_of(1000);
    rwatch.open("gate");
    let changed = rwatch.ready().changed;
    assert!(changed.len() >= 600, "{}", changed.len());
    assert!(changed.iter().map(|name| name.len() + 1).sum::<usize>() <= 64 * 1024);
    for path in &changed {
        assert!(path.len() == 100 && rwatch.path(path).exists(), "{path}");
    }
}

/// What is printed by the shell script, in which `rwatch` is rwatch, for an input of three lines.
#[track_caller]
fn printed(script: &str) -> String {
    let sandbox = Sandbox::new();
    fs::write(sandbox.side("in"), "one\ntwo\nthree\n").expect("a writable sandbox");
    let script = format!("rwatch() {{ \"$0\" --backoff 1ms..1ms \"$@\"; }}; {script}");
    let script = script.replace("IN", &sandbox.side("in"));
    let rwatch = env!("CARGO_BIN_EXE_rwatch");
    let mut rwatch = sandbox.start_argv(["sh", "-c", &script, rwatch]);
    rwatch.exit();
    rwatch.text()
}

#[test]
fn each_run_reads_a_file_from_where_it_began() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.side("in"), "one\ntwo\n").expect("a writable sandbox");
    let input = File::open(sandbox.side("in")).expect("a file");
    let mut rwatch = sandbox.stdin(input).start([""; 0], ["child", "lines"]);
    for name in ["a.js", "b.js", "c.js"] {
        rwatch.ready();
        for line in ["line \"one\"", "line \"two\"", "no more lines"] {
            rwatch.prints(line);
        }
        rwatch.save(name, "");
    }

    // After an exit, too; and where it began is where rwatch found it.
    assert_eq!(
        printed("rwatch -m 1 -- head -n 9 < IN"),
        "one\ntwo\nthree\n".repeat(2)
    );
    let rest = printed("(read first; rwatch -m 1 -- cat) < IN");
    assert_eq!(rest, "two\nthree\n".repeat(2));
    // What the last run leaves is for whoever comes next.
    let line = "read line; echo $line";
    let left = printed(&format!("(rwatch -m 1 -- sh -c '{line}'; cat) < IN"));
    assert_eq!(left, "one\none\ntwo\nthree\n");
    // The place of one that is written to may be that of the output.
    let log = printed(&format!(
        "(rwatch -m 1 -- sh -c '{line}' >&0) <> IN; cat IN"
    ));
    assert_eq!(log, "one\none\nthree\nthree\n");
}

/// A sandbox in which a program may have 128 KiB of arguments and environment, of which so much is
/// taken.
fn narrow(taken: usize) -> Sandbox {
    let script = "ulimit -s 512 && exec \"$@\"";
    let sandbox = Sandbox::new().wrapper(&["sh", "-c", script, "sh"]);
    sandbox.env("TAKEN", &"x".repeat(taken))
}

#[test]
fn a_list_of_changes_that_does_not_fit_is_left_out() {
    let sandbox = narrow(80_000);
    let gate = sandbox.side("gate");
    let words = ["child", "stop-when", &gate];
    let mut rwatch = sandbox.start(["-v", "--stop-timeout", "10m"], words);
    rwatch.ready();
    for n in 0..700 {
        rwatch.save(&format!("{n:0>100}"), "");
    }
    rwatch.knows_of(700);
    rwatch.open("gate");
    let start = rwatch.ready();
    assert_eq!((start.run, &*start.reason), (2, "change"));
    assert_eq!(start.changed, [""; 0]);
    rwatch.says("RWATCH_CHANGED is empty: *");
    // One that fits is there again.
    rwatch.save("a.js", "");
    rwatch.open("gate");
    rwatch.restarts_for(&["a.js"]);
}

#[test]
fn arguments_that_do_not_fit_are_an_error_that_says_what_would() {
    let sandbox = narrow(80_000).file("large.env", &format!("MORE={}\n", "x".repeat(60_000)));
    let mut rwatch = sandbox.start(["-m", "5", "--env-file", "large.env"], ["true"]);
    rwatch.says("cannot execute `true`: argument list too long: *`getconf ARG_MAX`*");
    assert_eq!(rwatch.exit(), Ended::Code(126));
}

#[test]
fn every_change_leads_to_a_later_start() {
    // Changes at any moment of a run's life: while it starts, settles, stops.
    let sandbox = Sandbox::new().file("a.js", "0");
    let mut rwatch = sandbox.start([""; 0], ["child", "cat", "a.js", "slow-stop", "3"]);
    for n in 1..=200 {
        rwatch.save(["a.js", "b.js"][n % 2], &n.to_string());
    }
    while !rwatch.ready().before.contains(&"cat 200".to_owned()) {}
}

#[test]
pub(crate) fn removing_what_runs_is_no_end() {
    let sandbox = Sandbox::new().dir("app").fences("app/");
    symlink(crate::sandbox::child(), sandbox.path("app/server")).expect("a writable sandbox");
    let mut rwatch = sandbox.start(["-w", "app"], ["app/server"]);
    rwatch.ready();
    fs::rename(rwatch.path("app/server"), rwatch.side("server")).expect("a file");
    rwatch.says("app/server changed, restarting");
    rwatch.says("cannot find `app/server`*, waiting for changes");
    fs::rename(rwatch.side("server"), rwatch.path("app/server")).expect("a file");
    rwatch.comes_to("app/server");
}
