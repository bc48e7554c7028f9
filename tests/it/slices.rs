//! Looks at how the threads of rwatch, and COMMAND, are scheduled (sched_getattr(2)).

use std::fs;
use std::process::Command;

use nix::libc;

use crate::sandbox::{Rwatch, Sandbox, eventually};

/// Policy, nice value and slice of a thread, in nanoseconds; 0 before Linux 6.12.
type Scheduled = (u32, i32, u64);

const SHORT: u64 = 100_000;

/// How a thread is scheduled; none if there is no such thread.
#[allow(unsafe_code)]
fn scheduled(thread: libc::pid_t) -> Option<Scheduled> {
    // size, policy, two of flags, nice, priority, two of runtime, and two more numbers of 64 bits.
    let mut words = [0_u32; 12];
    // SAFETY: the kernel writes at most the 48 bytes that it is told of.
    let done = unsafe { libc::syscall(libc::SYS_sched_getattr, thread, words.as_mut_ptr(), 48, 0) };
    let runtime = u64::from(words[6]) | u64::from(words[7]) << 32;
    (done == 0).then_some((words[1], words[4].cast_signed(), runtime))
}

/// How a program is scheduled that `wrapper` runs.
fn by(wrapper: &[&str]) -> Scheduled {
    let mut sleep = Command::new(wrapper[0])
        .args(&wrapper[1..])
        .args(["sleep", "60"])
        .spawn()
        .expect("the wrapper is there");
    let comm = format!("/proc/{}/comm", sleep.id());
    eventually("the wrapper runs it", || {
        fs::read_to_string(&comm).is_ok_and(|comm| comm == "sleep\n")
    });
    let found = scheduled(sleep.id().cast_signed()).expect("it runs");
    sleep.kill().expect("our own child");
    sleep.wait().expect("our own child");
    found
}

/// A wrapper that asks for slices of so many nanoseconds.
fn with_slices(nanoseconds: u64) -> Vec<String> {
    let script = format!(
        "import ctypes, os, struct, sys; a = struct.pack('IIQiIQQQ', 48, 0, 0, 0, 0, {nanoseconds}, 0, 0); \
         ctypes.CDLL(None).syscall({}, 0, a, 0); os.execvp(sys.argv[1], sys.argv[1:])",
        libc::SYS_sched_setattr
    );
    ["python3", "-c", &script].map(str::to_owned).to_vec()
}

/// A COMMAND that says who it is.
const COMMAND: [&str; 3] = ["sh", "-c", "echo pid $$; exec sleep 60"];

/// How the next run of COMMAND is scheduled.
fn of_command(rwatch: &mut Rwatch) -> Option<Scheduled> {
    let line = rwatch.prints("pid *");
    let pid = line.strip_prefix("pid ").and_then(|pid| pid.parse().ok());
    scheduled(pid.expect("a pid"))
}

/// The slices of all threads of rwatch.
fn of_rwatch(rwatch: &Rwatch) -> Vec<u64> {
    let tasks = fs::read_dir(format!("/proc/{}/task", rwatch.pid())).expect("rwatch runs");
    let number = |task: fs::DirEntry| task.file_name().to_str()?.parse().ok();
    let tasks = tasks.flatten().filter_map(number);
    tasks.filter_map(|task| Some(scheduled(task)?.2)).collect()
}

#[test]
fn command_is_scheduled_as_if_rwatch_was_not_there() {
    let slices = with_slices(3_000_000);
    let slices: Vec<&str> = slices.iter().map(String::as_str).collect();
    let wrappers: [&[&str]; 6] = [
        &["env"],
        &["nice", "-n", "10"],
        &["nice", "-n", "-5"],
        &["chrt", "--batch", "0"],
        &["chrt", "--idle", "0"],
        &slices,
    ];
    for wrapper in wrappers {
        let expected = Some(by(wrapper));
        let mut rwatch = Sandbox::new().wrapper(wrapper).start([""; 0], COMMAND);
        assert_eq!(of_command(&mut rwatch), expected, "{wrapper:?}");
        rwatch.save("a.js", "");
        assert_eq!(of_command(&mut rwatch), expected, "{wrapper:?}, restarted");
    }
}

#[test]
fn rwatch_asks_for_short_slices() {
    let (policy, nice, usual) = scheduled(0).expect("Linux 3.14");
    // Whoever runs the tests in some other way is left alone, and so is an old kernel.
    let may = policy == libc::SCHED_OTHER.cast_unsigned() && nice <= 0 && usual > SHORT;
    let expected = if may { SHORT } else { usual };
    let mut rwatch = Sandbox::new().start([""; 0], COMMAND);
    for start in ["the first", "another"] {
        rwatch.prints("pid *");
        // COMMAND may be quicker than the loop, which has started it.
        let what = format!("slices of {expected} ns after {start} start");
        eventually(&what, || {
            of_rwatch(&rwatch).iter().all(|it| *it == expected)
        });
        rwatch.save("a.js", "");
    }
}

#[test]
fn who_is_scheduled_in_another_way_is_left_alone() {
    let wrappers: [&[&str]; 3] = [
        &["nice", "-n", "10"],
        &["chrt", "--batch", "0"],
        &["chrt", "--idle", "0"],
    ];
    for wrapper in wrappers {
        let mut rwatch = Sandbox::new().wrapper(wrapper).start([""; 0], COMMAND);
        rwatch.prints("pid *");
        let found = of_rwatch(&rwatch);
        assert_eq!(found, vec![by(wrapper).2; found.len()], "{wrapper:?}");
    }
}
