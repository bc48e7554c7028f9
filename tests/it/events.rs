//! Checks `--events`: what is told, to whom, and that nobody ever waits for a reader.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::thread;

use nix::fcntl::OFlag;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::sandbox::{Ended, Rwatch, Sandbox, children, eventually};

/// The lines of a text, each of which has to be an object of this version, later than those before.
#[track_caller]
fn parsed(text: &str) -> Vec<Value> {
    let lines = text.lines().map(serde_json::from_str);
    let lines: Vec<Value> = lines
        .collect::<Result<_, _>>()
        .unwrap_or_else(|error| panic!("{error}: {text}"));
    let times: Vec<u64> = lines
        .iter()
        .map(|line| line["time"].as_u64().expect("a time"))
        .collect();
    assert!(times.is_sorted(), "{text}");
    assert!(lines.iter().all(|line| line["v"] == 1), "{text}");
    lines
}

/// What was told so far, in a file beside.
#[track_caller]
fn told(rwatch: &Rwatch) -> Vec<Value> {
    let text = fs::read_to_string(rwatch.side("events")).expect("the file is there");
    // The last line may be half there.
    parsed(text.rsplit_once('\n').map_or("", |(whole, _)| whole))
}

fn name(line: &Value) -> &str {
    line["event"].as_str().expect("a name")
}

fn names(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(name).collect()
}

/// Waits until this was told.
#[track_caller]
fn tells(rwatch: &Rwatch, event: &str) -> Value {
    let mut found = None;
    eventually(event, || {
        // The last line may be half written.
        let text = fs::read_to_string(rwatch.side("events")).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        found = parsed(whole).into_iter().find(|line| name(line) == event);
        found.is_some()
    });
    found.expect("it was found")
}

/// With events in a file beside.
#[track_caller]
fn start(options: &[&str], command: &[&str]) -> Rwatch {
    start_in(Sandbox::new(), options, command)
}

#[track_caller]
fn start_in(sandbox: Sandbox, options: &[&str], command: &[&str]) -> Rwatch {
    let log = sandbox.side("log");
    // Relative to the current directory.
    let options = [&["--events", "../side/events"], options].concat();
    let command = match command {
        ["child", rest @ ..] => [&["child", "log", &log], rest].concat(),
        command => command.to_vec(),
    };
    sandbox.start(options, command)
}

#[test]
fn a_save_is_told_from_the_change_to_the_start() {
    let mut rwatch = start(&[], &["child"]);
    rwatch.ready();
    rwatch.save("a.js", "");
    rwatch.restarts_for(&["a.js"]);
    assert_eq!(
        rwatch.end_by(Signal::SIGTERM),
        Ended::Signal(Signal::SIGTERM as i32)
    );
    let told = told(&rwatch);
    let all = names(&told);
    // Which of these comes first depends on whether the stop or the burst takes longer.
    let side_by_side = |event: &&str| ["change", "restart", "exit"].contains(event);
    let in_line: Vec<&str> = all
        .iter()
        .copied()
        .filter(|event| !side_by_side(event))
        .collect();
    let expected = ["begin", "watching", "start", "stop", "start", "stop", "end"];
    assert_eq!(in_line, expected, "{all:?}");
    assert_eq!(&all[all.len() - 3..], ["stop", "exit", "end"]);
    let line = |event, nth| {
        told.iter()
            .filter(|line| name(line) == event)
            .nth(nth)
            .expect("it was told")
    };
    assert_eq!(line("begin", 0)["pid"], rwatch.pid().as_raw());
    assert_eq!(line("begin", 0)["command"][1], "log");
    assert_eq!(line("watching", 0)["roots"][0], ".");
    let (first, second) = (line("start", 0), line("start", 1));
    assert_eq!(
        (&first["run"], &first["reason"]),
        (&1.into(), &"start".into())
    );
    assert_eq!(line("stop", 0)["why"], "change");
    assert_eq!(line("stop", 0)["signal"], "SIGTERM");
    assert_eq!(line("change", 0)["paths"][0], "a.js");
    assert_eq!(line("restart", 0)["reason"], "change");
    assert_eq!((&second["run"], &second["more"]), (&2.into(), &0.into()));
    assert_eq!(second["paths"][0], "a.js");
    let exit = line("exit", 0);
    assert_eq!((&exit["pid"], &exit["id"]), (&first["pid"], &first["id"]));
    assert_eq!(exit["status"]["signal"], "SIGTERM");
    assert_eq!(exit["stopped"], true);
    assert_eq!(line("stop", 1)["why"], "end");
    assert_eq!(line("end", 0)["status"]["signal"], "SIGTERM");
}

/// Every run is told as often as it lived, with its end behind it, as COMMAND's own log has it.
#[track_caller]
fn check_runs(rwatch: &Rwatch, runs: usize) {
    let told = told(rwatch);
    let mut lives = Vec::new();
    let mut live = None;
    for line in &told {
        match name(line) {
            "start" => {
                assert_eq!(live, None, "two at a time: {told:#?}");
                live = Some(line["pid"].to_string());
                assert_eq!(line["run"], lives.len() + 1, "{told:#?}");
            }
            "exit" => {
                assert_eq!(live.take(), Some(line["pid"].to_string()), "{told:#?}");
                lives.push(line["pid"].to_string());
            }
            _ => {}
        }
    }
    assert_eq!(live, None, "one without an end: {told:#?}");
    assert_eq!(lives.len(), runs, "{told:#?}");
    let log = rwatch.log("log");
    let starts = log.iter().filter(|line| line.starts_with("start"));
    let pids: Vec<&str> = starts
        .map(|line| line.rsplit(' ').next().expect("a pid"))
        .collect();
    assert_eq!(lives, pids);
    assert_eq!(name(told.last().expect("an end")), "end");
}

#[test]
fn every_run_has_one_start_and_one_exit() {
    let quick = ["-m", "2", "--backoff", "1ms..1ms"];
    for words in [
        &["exit", "0"][..],
        &["exit", "3"],
        &["crash", "SEGV"],
        &["fork", "/", "exit", "1"],
        &["fork", "setsid", "/", "exit", "1"],
    ] {
        let mut rwatch = start(&quick, &[&["child"], words].concat());
        rwatch.exit();
        check_runs(&rwatch, 3);
    }
}

#[test]
fn every_run_that_is_stopped_has_one_start_and_one_exit() {
    for words in [
        &[][..],
        &["ignore", "TERM"],
        &["fork", "ignore", "TERM", "/"],
        &["stop-self"],
    ] {
        let mut rwatch = start(&["--stop-timeout", "20ms"], &[&["child"], words].concat());
        rwatch.ready();
        for n in 0..3 {
            rwatch.save(["a.js", "b.js"][n % 2], "");
            rwatch.restarts_for(&[["a.js", "b.js"][n % 2]]);
        }
        rwatch.end_by(Signal::SIGTERM);
        check_runs(&rwatch, 4);
    }
}

#[test]
fn a_second_ctrl_c_is_a_kill() {
    let mut rwatch = start(&[], &["child", "ignore", "INT"]);
    rwatch.ready();
    rwatch.signal(Signal::SIGINT);
    rwatch.prints("signal INT");
    rwatch.ctrl_c_again();
    rwatch.exit();
    check_runs(&rwatch, 1);
    let told = told(&rwatch);
    let last = names(&told)[told.len() - 4..].to_vec();
    assert_eq!(last, ["stop", "kill", "exit", "end"]);
    assert_eq!(told[told.len() - 2]["status"]["signal"], "SIGKILL");
}

#[test]
fn who_crashes_again_and_again_is_given_up() {
    let mut rwatch = start(
        &["-m", "1", "--backoff", "1ms..1ms"],
        &["child", "exit", "7"],
    );
    assert_eq!(rwatch.exit(), Ended::Code(7));
    let told = told(&rwatch);
    let expected = [
        "begin", "start", "exit", "restart", "start", "exit", "give-up", "end",
    ];
    assert_eq!(names(&told), expected);
    let restart = &told[3];
    assert_eq!(restart["reason"], "exit");
    assert_eq!((&restart["nth"], &restart["max"]), (&1.into(), &1.into()));
    assert_eq!(restart["pause_ms"], 1);
    assert_eq!(told[2]["status"]["code"], 7);
    assert_eq!(told[2]["stopped"], false);
    assert_eq!(told[6]["restarts"], 1);
    assert_eq!(told[7]["status"]["code"], 7);
}

#[test]
fn what_does_not_start_is_told_and_what_is_waited_for() {
    let rwatch = start(&[], &["./no-such-tool"]);
    tells(&rwatch, "waiting");
    let told = told(&rwatch);
    assert_eq!(names(&told[2..]), ["not-started", "waiting"]);
    assert_eq!(told[2]["code"], 127);
    let message = told[2]["message"].as_str().expect("a text");
    assert!(message.contains("./no-such-tool"), "{message}");
}

#[test]
fn a_build_is_told_apart() {
    let mut rwatch = start(&["--before", "[ ! -e broken ]"], &["child"]);
    rwatch.ready();
    rwatch.save("broken", "");
    rwatch.says("`*` exited with code 1 *");
    rwatch.remove("broken");
    rwatch.restarts_for(&["broken"]);
    rwatch.end_by(Signal::SIGTERM);
    check_runs(&rwatch, 2);
    let told = told(&rwatch);
    let builds = told.iter().filter(|line| name(line).starts_with("build"));
    let builds: Vec<(&str, String, String)> = builds
        .map(|line| {
            (
                name(line),
                line["build"].to_string(),
                line["run"].to_string(),
            )
        })
        .collect();
    let of = |name, build: &str, run: &str| (name, build.to_owned(), run.to_owned());
    let expected = [
        of("build-start", "1", "1"),
        of("build-exit", "1", "1"),
        of("build-start", "2", "2"),
        of("build-exit", "2", "2"),
        of("build-start", "3", "2"),
        of("build-exit", "3", "2"),
    ];
    assert_eq!(builds, expected);
    let restart = told.iter().find(|line| name(line) == "restart");
    assert_eq!(restart.expect("a restart")["reason"], "change");
}

#[test]
fn it_appends_and_a_number_in_a_path_is_a_file() {
    let sandbox = Sandbox::new().file("3", "{\"v\":1,\"time\":0,\"event\":\"before\"}\n");
    let mut rwatch = sandbox.start(["-m", "0", "--events", "./3"], ["true"]);
    assert_eq!(rwatch.exit(), Ended::Code(0));
    let text = fs::read_to_string(rwatch.path("3")).expect("it was there");
    let told = parsed(&text);
    assert_eq!(names(&told), ["before", "begin", "start", "exit", "end"]);
}

/// What a shell gives as a descriptor.
#[track_caller]
fn redirected(redirection: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let script = format!("exec \"$@\" {redirection}{}", sandbox.side("events"));
    sandbox.wrapper(&["sh", "-c", &script, "sh"])
}

#[test]
fn a_descriptor_takes_events() {
    for (redirection, number) in [("3>", "3"), ("7>>", "7"), ("2>", "2"), ("1>", "1")] {
        let mut rwatch = redirected(redirection).start(["-qm", "0", "--events", number], ["true"]);
        assert_eq!(rwatch.exit(), Ended::Code(0));
        let told = told(&rwatch);
        assert_eq!(names(&told), ["begin", "start", "exit", "end"], "{number}");
    }
}

/// Whether nobody but rwatch has the file of the events.
#[track_caller]
fn is_ours_alone(rwatch: &Rwatch) {
    let events = fs::canonicalize(rwatch.side("events")).expect("it is there");
    let has_it = |pid: &i32| {
        let fds = fs::read_dir(format!("/proc/{pid}/fd")).expect("a process of ours");
        let files = fds.flatten().filter_map(|fd| fs::read_link(fd.path()).ok());
        files.into_iter().any(|file| file == events)
    };
    assert!(has_it(&rwatch.pid().as_raw()), "rwatch has it");
    let children = children(rwatch.pid());
    // COMMAND, and the guard.
    assert_eq!(children.len(), 2);
    assert_eq!(children.iter().find(|pid| has_it(pid)), None);
}

#[test]
fn neither_command_nor_the_guard_has_it() {
    let mut rwatch = start(&[], &["child"]);
    rwatch.ready();
    is_ours_alone(&rwatch);
    let mut rwatch = redirected("3>").start(["--events", "3"], ["child"]);
    rwatch.ready();
    is_ours_alone(&rwatch);
}

#[track_caller]
fn refuses(sandbox: Sandbox, target: &str, message: &str) {
    let mut rwatch = sandbox.start(["--events", target], ["child"]);
    assert_eq!(rwatch.exit(), Ended::Code(125), "{}", rwatch.transcript());
    rwatch.says(message);
    assert_eq!(rwatch.said().len(), 1, "{}", rwatch.transcript());
}

#[test]
fn what_cannot_be_written_is_said_before_anything_starts() {
    let shell = |redirection: &str| {
        let script = format!("exec \"$@\" {redirection}");
        Sandbox::new().wrapper(&["sh", "-c", &script, "sh"])
    };
    refuses(
        shell("3>&-"),
        "3",
        "cannot write events to descriptor 3: it is not open; add `3>events.jsonl` to *",
    );
    refuses(
        shell("3</dev/null"),
        "3",
        "cannot write events to descriptor 3: it is open for reading only; add *",
    );
    refuses(
        Sandbox::new(),
        "99999999999",
        "cannot write events to descriptor *: it is not open; *",
    );
    refuses(
        Sandbox::new(),
        "no/events",
        "cannot write events to `*/no/events`: no such file or directory; make its directory first *",
    );
    refuses(
        Sandbox::new().dir("events"),
        "events",
        "cannot write events to `*/events`: is a directory; name a file that can be written",
    );
    let mut rwatch = Sandbox::new().start(["--events", ""], ["child"]);
    assert_eq!(rwatch.exit(), Ended::Code(2));
}

#[test]
fn a_watched_file_of_events_is_no_change() {
    for options in [&["-v"][..], &["-v", "--poll=10ms"]] {
        for there in [false, true] {
            let sandbox = Sandbox::new();
            if there {
                sandbox.write("events.jsonl", "");
            }
            let options = [&["--events", "events.jsonl"], options].concat();
            let mut rwatch = sandbox.start(options, ["child"]);
            rwatch.ready();
            for _ in 0..3 {
                rwatch.ignores(|_| ());
            }
        }
    }
    // The same by a descriptor.
    let script = "exec \"$@\" 5>events.jsonl";
    let sandbox = Sandbox::new().wrapper(&["sh", "-c", script, "sh"]);
    let mut rwatch = sandbox.start(["--events", "5"], ["child"]);
    rwatch.ready();
    rwatch.ignores(|_| ());
}

#[test]
fn a_watched_fifo_of_events_is_no_change() {
    for poll in ["--poll=10ms", "-v"] {
        let sandbox = Sandbox::new();
        sandbox.tool("mkfifo", &["fifo"]);
        let mut rwatch = sandbox.start([poll, "--events", "fifo"], ["child"]);
        let mut events = File::open(rwatch.path("fifo")).expect("a FIFO");
        let reader = thread::spawn(move || events.read_to_end(&mut Vec::new()));
        rwatch.ready();
        for _ in 0..3 {
            rwatch.ignores(|_| ());
        }
        rwatch.end_by(Signal::SIGTERM);
        reader.join().expect("no panic").expect("it can be read");
    }
}

#[test]
fn it_is_explained() {
    let sandbox = Sandbox::new().file("events.jsonl", "");
    let words = ["--events", "events.jsonl", "--explain", "events.jsonl"];
    let mut rwatch = sandbox.start_words(words);
    assert_eq!(rwatch.exit(), Ended::Code(1), "{}", rwatch.transcript());
}

/// A FIFO beside.
#[track_caller]
fn fifo() -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    let fifo = sandbox.side("fifo");
    sandbox.tool("mkfifo", &[&fifo]);
    (sandbox, fifo)
}

#[test]
fn a_fifo_is_read_from_the_first_line_whenever_its_reader_comes() {
    let (sandbox, fifo) = fifo();
    let mut rwatch = sandbox.start(["--events", &fifo], ["child"]);
    // COMMAND waits for no reader.
    rwatch.ready();
    rwatch.ignores(|_| ());
    let mut events = File::open(&fifo).expect("a FIFO");
    let reader = thread::spawn(move || {
        let mut text = String::new();
        // Nobody else holds it, or it would have no end.
        events.read_to_string(&mut text).expect("text");
        text
    });
    rwatch.end_by(Signal::SIGTERM);
    let text = reader.join().expect("no panic");
    let told = parsed(&text);
    assert_eq!(told.iter().filter(|line| name(line) == "start").count(), 2);
    assert_eq!(name(&told[0]), "begin");
    assert_eq!(name(told.last().expect("an end")), "end");
}

#[test]
fn a_fifo_that_nobody_ever_reads_holds_nothing_up() {
    let (sandbox, fifo) = fifo();
    let mut rwatch = sandbox.start(["--events", &fifo], ["child"]);
    rwatch.ready();
    rwatch.ignores(|_| ());
    rwatch.end_by(Signal::SIGTERM);
}

/// A FIFO in which there is no room, and its other end.
#[track_caller]
fn full() -> (Sandbox, String, File) {
    let (sandbox, fifo) = fifo();
    let flags = OFlag::O_NONBLOCK.bits();
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).custom_flags(flags);
    let mut both = options.open(&fifo).expect("a FIFO");
    // A line's worth at last, so that not even a part of one finds room.
    while both.write(b"\n").is_ok() {}
    (sandbox, fifo, both)
}

#[test]
fn a_reader_that_is_stuck_holds_nothing_up() {
    let (sandbox, fifo, stuck) = full();
    let mut rwatch = sandbox.start(["--events", &fifo], ["child"]);
    rwatch.ready();
    for _ in 0..5 {
        rwatch.ignores(|_| ());
    }
    rwatch.end_by(Signal::SIGTERM);
    drop(stuck);
}

#[test]
fn a_reader_that_comes_late_misses_nothing() {
    let (sandbox, fifo, both) = full();
    let mut rwatch = sandbox.start(["--events", &fifo], ["child"]);
    rwatch.ready();
    for _ in 0..5 {
        rwatch.ignores(|_| ());
    }
    let mut reader = BufReader::new(File::open(&fifo).expect("a FIFO"));
    drop(both);
    let mut starts = 0;
    while starts < 6 {
        let mut line = String::new();
        reader.read_line(&mut line).expect("text");
        // But for what it was full of.
        starts += parsed(line.trim())
            .iter()
            .filter(|line| name(line) == "start")
            .count();
    }
}

#[test]
fn a_reader_that_is_gone_is_no_reason_to_end() {
    let (sandbox, fifo) = fifo();
    let mut rwatch = sandbox.start(["-v", "--events", &fifo], ["child"]);
    let mut line = String::new();
    let mut reader = BufReader::new(File::open(&fifo).expect("a FIFO"));
    reader.read_line(&mut line).expect("text");
    assert_eq!(names(&parsed(&line)), ["begin"]);
    drop(reader);
    rwatch.ready();
    rwatch.ignores(|_| ());
    rwatch.says("nobody reads the events any more");
    rwatch.ignores(|_| ());
}

#[test]
fn a_disk_that_is_full_is_said() {
    let mut rwatch = Sandbox::new().start(["--events", "/dev/full"], ["child"]);
    rwatch.says("no more events, they cannot be written: no space left on device");
    rwatch.ready();
    rwatch.ignores(|_| ());
}

#[test]
fn a_list_of_paths_has_a_bound() {
    let mut rwatch = start(&["-d", "1"], &["child", "stop-when", "../side/go"]);
    rwatch.ready();
    let name_of = |n: usize| format!("{n:04}{}.js", ".".repeat(200));
    for n in 0..400 {
        rwatch.write(&name_of(n), "");
    }
    rwatch.open("go");
    rwatch.ready();
    let start_of = |run| {
        let mut told = told(&rwatch).into_iter();
        told.find(|line| name(line) == "start" && line["run"] == run)
    };
    eventually("the second start is told", || start_of(2).is_some());
    let start = start_of(2).expect("it was told");
    let listed = start["paths"].as_array().expect("a list").len() as u64;
    let more = start["more"].as_u64().expect("a number");
    assert!(more > 0, "{start}");
    assert_eq!(listed + more, 400);
    assert!(start.to_string().len() < 70_000);
}
