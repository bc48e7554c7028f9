//! Runs rwatch where /proc is not its own: there it is that of another PID namespace, or missing. What
//! is read there by a number is about somebody else.

use std::fs;
use std::path::Path;

use nix::sys::signal::Signal::{SIGKILL, SIGTERM};
use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::sandbox::{Ended, Rwatch, Sandbox, child, children, eventually, state};

/// A namespace in which /proc is that of the one above.
const UNSHARE: &str = "unshare -Urpf --kill-child";

/// Makes a process of the namespace that is a stranger to rwatch; it has the number $1, and rwatch, if
/// there is one given, the number $2. Then tells whether the stranger has survived.
const BESIDE_A_STRANGER: &str = r#"
    begin_at() { echo $(($1 - 1)) > /proc/sys/kernel/ns_last_pid; }
    meet() { begin_at "$1"; setsid sleep 150 & stranger=$!; [ $stranger = "$1" ] || echo not met; }
    told=$1 number=$2; shift 2
    [ -z "$number" ] || { meet "$told"; begin_at "$number"; }
    "$@" & rwatch=$!
    if [ -z "$number" ]; then
        until [ -s "$told" ]; do sleep 0.01; done
        meet "$(cat "$told")"
    else
        [ $rwatch = "$number" ] || echo not met
    fi
    : > "$SIDE/met"
    until [ -e "$SIDE/gate" ]; do sleep 0.01; done
    kill -0 $stranger && echo the stranger lives
    kill -TERM $rwatch; wait $rwatch; echo code $?
    kill -KILL $stranger"#;

/// A sandbox in whose namespace rwatch is beside a stranger, as above.
fn beside_a_stranger(outside: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let side = sandbox.side("");
    let sandbox = sandbox.env("SIDE", &side).env("INSIDE", BESIDE_A_STRANGER);
    sandbox.wrapper(&["bash", "-c", outside, "bash"])
}

/// rwatch itself, by its number out here.
fn outer(rwatch: &Rwatch) -> i32 {
    let mut found = None;
    eventually("rwatch is there", || {
        let is_rwatch = |process: &String| {
            let (pid, words) = process.split_once(' ')?;
            let ours = words.starts_with(env!("CARGO_BIN_EXE_rwatch"));
            ours.then(|| pid.parse().expect("a pid"))
        };
        found = rwatch.alive().iter().find_map(is_rwatch);
        found.is_some()
    });
    found.expect("it was found")
}

fn is_gone(pid: i32) -> bool {
    matches!(
        state(format!("/proc/{pid}").as_ref()),
        None | Some('Z' | 'X')
    )
}

/// Waits for the end. The stranger in there has had the number that it was to have.
#[track_caller]
fn ends_with_the_numbers_met(rwatch: &mut Rwatch) {
    rwatch.exit();
    assert!(
        !rwatch.text().contains("not met"),
        "{}",
        rwatch.transcript()
    );
}

#[test]
fn who_has_the_number_of_somebody_outside_is_left_alone() {
    // Out here the shell has a child. In there rwatch has the shell's number, and a stranger that of the
    // child, which looks like a child of rwatch's.
    let outside = format!(
        "sleep 150 & child=$!
        {UNSHARE} bash -c \"$INSIDE\" bash $child $$ \"$@\"
        kill $child"
    );
    let sandbox = beside_a_stranger(&outside);
    let mut rwatch = sandbox.start(["--stop-timeout", "50ms"], ["child"]);
    rwatch.ready();
    for name in ["a.js", "b.js"] {
        rwatch.save(name, "");
        rwatch.comes_to(name);
    }
    rwatch.open("gate");
    rwatch.prints("the stranger lives");
    rwatch.prints("code 143");
    ends_with_the_numbers_met(&mut rwatch);
}

#[test]
fn the_guard_leaves_them_alone_too() {
    // In there a stranger has the number that COMMAND has out here.
    let outside = format!("{UNSHARE} bash -c \"$INSIDE\" bash \"$SIDE/told\" '' \"$@\"");
    let sandbox = beside_a_stranger(&outside);
    let command = "read -r pid rest < /proc/self/stat; echo $pid > \"$SIDE/told\"; exec \"$0\"";
    let child = child();
    let mut rwatch = sandbox.start([""; 0], ["sh", "-c", command, &child]);
    rwatch.ready();
    let met = rwatch.side("met");
    eventually("the stranger is there", || Path::new(&met).exists());
    let ours = outer(&rwatch);
    let guard = |pid: &i32| {
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        words.starts_with(b"rw-guard")
    };
    let guard = children(Pid::from_raw(ours)).into_iter().find(guard);
    let guard = guard.expect("it is there before COMMAND");
    let command: i32 = rwatch.log("told")[0].parse().expect("a pid");
    kill(Pid::from_raw(ours), SIGKILL).expect("it is alive");
    eventually("the guard has ended", || is_gone(guard));
    assert!(is_gone(command), "{}", rwatch.transcript());
    rwatch.open("gate");
    rwatch.prints("the stranger lives");
    ends_with_the_numbers_met(&mut rwatch);
}

#[test]
fn the_group_and_orphans_are_stopped_all_the_same() {
    let words = UNSHARE
        .split(' ')
        .chain(["sh", "-c", "\"$@\"; echo code $?", "sh"]);
    let words: Vec<&str> = words.collect();
    let is_member = |process: &&String| process.contains("child member");
    for (daemon, timeout) in [
        (&["fork", "setsid", "double-fork", "/"][..], "10m"),
        (
            &["fork", "setsid", "double-fork", "ignore", "TERM", "/"],
            "50ms",
        ),
        (&["fork", "/"], "10m"),
        (&["fork", "ignore", "TERM", "/"], "50ms"),
    ] {
        let sandbox = Sandbox::new().wrapper(&words);
        let words = [&["child"], daemon].concat();
        let mut rwatch = sandbox.start(["-v", "--stop-timeout", timeout], words);
        rwatch.says("no /proc of this PID namespace, *");
        rwatch.ready();
        rwatch.save("a.js", "");
        rwatch.comes_to("a.js");
        // Whoever forks the daemon is one, too, until it has ended.
        eventually("none but the member of the new run", || {
            rwatch.alive().iter().filter(is_member).count() == 1
        });
        kill(Pid::from_raw(outer(&rwatch)), SIGTERM).expect("it is alive");
        rwatch.prints("code 143");
        rwatch.exit();
    }
}

#[test]
fn who_overstays_is_named_by_number() {
    let sandbox = Sandbox::new().wrapper(&UNSHARE.split(' ').collect::<Vec<_>>());
    let gate = sandbox.side("gate");
    let words = ["child", "fork", "stop-when", &gate, "/"];
    let mut rwatch = sandbox.start(["--stop-timeout", "10m"], words);
    rwatch.ready();
    rwatch.save("a.js", "");
    rwatch.says("still waiting for * and its group; *");
    rwatch.open("gate");
    rwatch.comes_to("a.js");
    kill(Pid::from_raw(outer(&rwatch)), SIGTERM).expect("it is alive");
    assert_eq!(rwatch.exit(), Ended::Code(143));
}

#[test]
fn a_sandbox_without_proc_and_without_dev_is_no_obstacle() {
    let hide = "mount -t tmpfs none /proc && mount -t tmpfs none /dev && exec \"$@\"";
    let words = ["unshare", "-Urm", "sh", "-c", hide, "sh"];
    let command = "setsid -f sleep 151; echo run $RWATCH_RUN; exec sleep 152";
    let sleeping = |rwatch: &Rwatch, what: &str| {
        let alive = rwatch.alive();
        let words = format!("sleep {what} ");
        let is_it = |it: &&String| it.split_once(' ').is_some_and(|(_, it)| it == words);
        alive.iter().filter(is_it).count()
    };
    let options = ["-v", "--before", "cat; echo built"];
    let sandbox = Sandbox::new().wrapper(&words);
    let mut rwatch = sandbox.start(options, ["sh", "-c", command]);
    rwatch.says("no /proc of this PID namespace, *");
    rwatch.prints("built");
    rwatch.prints("run 1");
    eventually("all are there", || sleeping(&rwatch, "152") == 1);
    rwatch.save("a.js", "");
    rwatch.prints("run 2");
    eventually("the old ones are gone", || {
        [sleeping(&rwatch, "151"), sleeping(&rwatch, "152")] == [1, 1]
    });
    rwatch.signal(SIGTERM);
    assert_eq!(rwatch.exit(), Ended::Signal(15));

    let words = Sandbox::new().wrapper(&words);
    let mut rwatch = words.start([""; 0], ["sh", "-c", "echo up; sleep 153; true"]);
    rwatch.prints("up");
    eventually("all are there", || sleeping(&rwatch, "153") == 1);
    rwatch.signal(SIGKILL);
    assert_eq!(rwatch.exit(), Ended::Signal(9));
    eventually("the guard has killed them", || {
        sleeping(&rwatch, "153") == 0
    });
}
