//! Takes from the kernel what watching needs, its queue, its watches and its instances, and counts
//! what rwatch holds of them.

use std::fs;
use std::path::PathBuf;

use nix::sys::signal::Signal;

use crate::bursts::is_one_restart;
use crate::sandbox::{Rwatch, Sandbox, eventually};

fn proc(rwatch: &Rwatch, what: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{}", rwatch.pid())).join(what)
}

fn entries(rwatch: &Rwatch, what: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(proc(rwatch, what)).expect("rwatch runs");
    entries.flatten().map(|entry| entry.path()).collect()
}

fn watches(rwatch: &Rwatch) -> usize {
    let infos = entries(rwatch, "fdinfo").into_iter();
    let infos = infos.map(|fd| fs::read_to_string(fd).unwrap_or_default());
    infos.map(|info| info.matches("inotify wd:").count()).sum()
}

/// The sum of one field over the `status` files, of the process or of its threads.
fn field(files: impl IntoIterator<Item = PathBuf>, name: &str) -> usize {
    let read = |file: PathBuf| {
        let status = fs::read_to_string(file).expect("rwatch and its threads stay");
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line
            .and_then(|rest| rest.split_whitespace().next())
            .expect("proc_pid_status(5)");
        number.parse::<usize>().expect("a number")
    };
    files.into_iter().map(read).sum()
}

#[test]
fn an_overflow_of_the_kernels_queue_is_one_restart_and_nothing_is_lost() {
    let limit = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").expect("inotify(7)");
    let limit: usize = limit.trim().parse().expect("a number");
    if limit > 1 << 20 {
        eprintln!("skipped: this kernel remembers {limit} events");
        return;
    }
    let sandbox = Sandbox::new()
        .file("src/seen/f", "")
        .file("src/gone/f", "")
        .file("src/was/hidden.log", "")
        .file("src/was/.gitignore", "*.log\n");
    let mut rwatch = sandbox.start(["-v"], ["child", "tally", "src/seen"]);
    rwatch.ready();
    let pid = rwatch.pid();
    let burst = |s: &Sandbox, text: &str| {
        let signal = |signal| nix::sys::signal::kill(pid, signal).expect("our own child");
        signal(Signal::SIGSTOP);
        let [from, to] = ["src/a", "src/b"].map(|name| s.path(name));
        fs::write(&from, "").expect("a writable sandbox");
        // Two events each.
        for _ in 0..=(limit / 2) {
            fs::rename(&from, &to).expect("a file");
            fs::rename(&to, &from).expect("a file");
        }
        // From here on the kernel keeps nothing.
        s.write("src/seen/f", text);
        s.write(&format!("src/new {text}/deep/f"), "");
        if s.path("src/gone").exists() {
            fs::remove_dir_all(s.path("src/gone")).expect("a directory");
            s.remove("src/was/.gitignore");
            s.write("src/.gitignore", "*.txt\n");
        }
        signal(Signal::SIGCONT);
    };
    is_one_restart(&mut rwatch, burst, |text| format!("tally {text}=1"));
    rwatch.says("the kernel lost count of the changes*");
    for path in ["src/new v1/deep/f", "src/new v1/g", "src/seen/f"] {
        rwatch.notices(path, |s| s.save(path, "v9"));
    }
    // The rules are those of the files that are there now.
    rwatch.notices("src/was/hidden.log", |s| s.save("src/was/hidden.log", ""));
    rwatch.ignores(|s| s.save("src/a.txt", ""));
    rwatch.notices("src/gone/f", |s| s.write("src/gone/f", "made again"));
    eventually("a watch for each of . src seen gone was new deep", || {
        let more = usize::from(rwatch.path("src/new v0").exists());
        watches(&rwatch) == 7 + 2 * more
    });
}

/// Runs rwatch as a user who may have only `most` of something; None if that cannot be done.
pub(crate) fn with_at_most(most: usize, what: &str, sandbox: Sandbox) -> Option<Sandbox> {
    let script = format!("echo {most} > /proc/sys/user/max_inotify_{what} && exec \"$0\" \"$@\"");
    // A namespace, because the limit itself belongs to the machine, and to all that runs there.
    let words = ["unshare", "-Ur", "sh", "-c", &script];
    let mut test = std::process::Command::new(words[0]);
    let status = test.args(&words[1..]).arg("true").status();
    if !status.is_ok_and(|status| status.success()) {
        eprintln!("skipped: no user namespaces here");
        return None;
    }
    Some(sandbox.wrapper(&words))
}

#[test]
fn what_the_kernel_has_no_watches_for_is_polled() {
    let mut sandbox = Sandbox::new().file("src/a.js", "");
    for n in 0..30 {
        sandbox = sandbox.file(&format!("src/large/d{n}/e/f.js"), "");
    }
    let Some(sandbox) = with_at_most(12, "watches", sandbox) else {
        return;
    };
    // Of `.`, `src`, `large`, 30 below that and 30 below those.
    let mut rwatch = sandbox.start([""; 0], ["child"]);
    rwatch.says(
        "no kernel watches left for 51 directories: *fs.inotify.max_user_watches*--ignore '/src/'*",
    );
    rwatch.ready();
    assert_eq!(watches(&rwatch), 12);
    for n in [0, 11, 29] {
        let path = format!("src/large/d{n}/e/f.js");
        rwatch.notices(&path, |s| s.save(&path, "anew"));
    }
    rwatch.notices("src/a.js", |s| s.save("src/a.js", "anew"));
    // New directories are no news: the user has been told.
    for path in ["src/new/x/y.js", "src/large/d29/new/y.js"] {
        rwatch.notices(path, |s| s.write(path, ""));
        rwatch.notices(path, |s| s.save(path, "anew"));
    }
    rwatch.notices("src/large/d0", |s| {
        fs::remove_dir_all(s.path("src/large/d0")).expect("a directory");
    });
    let told = |line: &&String| line.contains("max_user_watches");
    let told: Vec<_> = rwatch
        .said()
        .into_iter()
        .filter(|line| told(&line))
        .collect();
    assert_eq!(told.len(), 1, "{told:#?}");
}

#[test]
fn without_an_inotify_instance_everything_is_polled() {
    let sandbox = Sandbox::new().file("src/deep/a.js", "");
    let Some(sandbox) = with_at_most(0, "instances", sandbox) else {
        return;
    };
    let mut rwatch = sandbox.start([""; 0], ["child"]);
    rwatch.says("*fs.inotify.max_user_instances*");
    rwatch.ready();
    rwatch.notices("src/deep/a.js", |s| s.save("src/deep/a.js", "anew"));
    rwatch.notices("src/new/x/b.js", |s| s.write("src/new/x/b.js", ""));
}

#[test]
fn ten_thousand_directories_that_come_and_go_leave_nothing_behind() {
    const BATCHES: usize = 10;
    const EACH: usize = 1000;

    let mut rwatch = Sandbox::new()
        .file("src/a.js", "")
        .start([""; 0], ["child"]);
    rwatch.ready();
    let held = |rwatch: &Rwatch| {
        let count = |what| entries(rwatch, what).len();
        (watches(rwatch), count("fd"), count("task"))
    };
    let memory = |rwatch: &Rwatch| field([proc(rwatch, "status")], "VmRSS:");
    // It is set after the start, with a thread and a pipe, and stays.
    eventually("the guard", || {
        let is_guard = |task: &PathBuf| {
            fs::read_to_string(task.join("comm")).is_ok_and(|name| name == "guard\n")
        };
        entries(&rwatch, "task").iter().any(is_guard)
    });
    let before = held(&rwatch);
    assert_eq!(before.0, 2);
    let mut memories = Vec::new();
    // Other ones each time: the same again and again would be a loop.
    for batch in 0..BATCHES {
        for n in 0..EACH {
            let dir = rwatch.path(&format!("src/{batch}d{}/e{n}", n % 10));
            fs::create_dir_all(&dir).expect("a writable sandbox");
            fs::write(dir.join("f"), "").expect("a writable sandbox");
        }
        rwatch.settle();
        assert_eq!(watches(&rwatch), before.0 + 10 + EACH, "batch {batch}");
        for n in 0..10 {
            let dir = rwatch.path(&format!("src/{batch}d{n}"));
            if (batch + n) % 2 == 0 {
                fs::remove_dir_all(dir).expect("a directory");
            } else {
                fs::rename(dir, rwatch.side(&format!("{batch} {n}"))).expect("a directory");
            }
        }
        rwatch.settle();
        assert_eq!(watches(&rwatch), before.0, "batch {batch}");
        memories.push(memory(&rwatch));
    }
    // The threads that a burst needs end with it, in their own time.
    eventually("as many descriptors and threads as before", || {
        held(&rwatch) == before
    });
    // In KiB. The first batches fill what the allocator keeps.
    let (early, late) = (memories[BATCHES / 4], memories[BATCHES - 1]);
    assert!(late < early + 2048, "{memories:?}");
}

#[test]
fn command_reading_its_own_files_wakes_nobody() {
    let sandbox = Sandbox::new();
    for n in 0..2000 {
        sandbox.write(&format!("src/d{}/f{n}.js", n % 20), "text");
    }
    // COMMAND reads all of them, again and again, and says so each time.
    let read =
        "n=0; while cat src/*/*.js > /dev/null; do n=$((n + 1)); echo read $n; sleep 0.2; done";
    let mut rwatch = sandbox.start([""; 0], ["sh", "-c", read]);
    rwatch.prints("read 3");
    let woken = |rwatch: &Rwatch| {
        let tasks = entries(rwatch, "task").into_iter();
        field(
            tasks.map(|task| task.join("status")),
            "voluntary_ctxt_switches:",
        )
    };
    // One of a few: the first may see the end of the start.
    let calm = (0..5).any(|_| {
        let before = woken(&rwatch);
        rwatch.prints("read *");
        rwatch.prints("read *");
        woken(&rwatch) == before
    });
    assert!(calm, "{}", rwatch.transcript());
}
