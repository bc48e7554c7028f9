//! Plays what goes wrong in the lives of processes, and proves that nothing is left behind.
//!
//! `matrix` has the runs that do not want to end, each with everything that ends a run; `starts`,
//! `signals`, `streams` and `kernel` have what is a case of its own. All of it is data:
//! `cargo test --test it -- --ignored --nocapture fault_table` prints it. However a test goes, its
//! [`Rwatch`] is not dropped before its zombies, and all who carry its cookie, are gone.

pub(crate) mod kernel;
mod matrix;
mod signals;
mod starts;
mod streams;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::sandbox::{Rwatch, children, eventually, state};
use crate::{cli, exits, lost_roots, renamed, runs, stopping};

/// A case of its own, and the test that plays it.
struct Fault {
    what: &'static str,
    outcome: &'static str,
    test: &'static str,
}

/// A row whose test is there.
macro_rules! fault {
    ($test:path, $what:literal, $outcome:literal) => {{
        const _: fn() = $test;
        Fault {
            what: $what,
            outcome: $outcome,
            test: stringify!($test),
        }
    }};
}

#[rustfmt::skip]
const FAULTS: &[Fault] = &[
    // Starts.
    fault!(exits::a_command_that_is_not_there_is_127_and_is_not_retried, "the command is not there", "127, with the `PATH` that was searched"),
    fault!(exits::a_command_that_cannot_be_executed_is_126, "it is a directory, is not executable, or has no `#!` line", "126, with the reason"),
    fault!(exits::a_missing_interpreter_is_named_and_127, "the interpreter of its `#!` line is missing", "127, with its name"),
    fault!(exits::what_cannot_be_started_is_waited_for_while_something_is_watched, "it cannot be started yet", "the next change tries again"),
    fault!(runs::removing_what_runs_is_no_end, "its file is removed while it runs", "waits until it is back"),
    fault!(starts::a_file_that_is_being_written, "its file is open for writing (ETXTBSY)", "tried again until it is closed"),
    fault!(starts::no_process_left, "no process is left for it (EAGAIN)", "tried again; Ctrl-C ends the trying"),
    fault!(starts::no_descriptor_left, "no descriptor is left (EMFILE)", "starts as soon as there is one; Ctrl-C is heard"),
    fault!(starts::its_directory_is_removed, "the `--chdir` directory is removed", "one line, then the next change tries again"),
    fault!(starts::the_current_directory_is_removed, "the current directory is removed", "the command goes on, and is stopped as ever"),
    fault!(lost_roots::the_current_directory_itself, "the current directory is removed and made anew", "watched again"),
    fault!(renamed::the_current_directory_is_followed_when_it_is_renamed, "the current directory is renamed, or one above it", "followed: it is the same directory"),
    fault!(starts::a_stop_at_any_moment_of_the_start, "SIGTERM or Ctrl-C at any moment of the start", "ends by it, nothing is left"),
    fault!(starts::a_kill_at_any_moment_of_the_start, "SIGKILL to rwatch at any moment of the start", "nothing is left"),
    // Ends.
    fault!(exits::every_code_is_passed_on, "exits with 0 to 255", "rwatch's own exit code"),
    fault!(signals::every_fatal_signal, "is killed by a signal, each of the 23 that kill, and a real-time one", "128 + n"),
    fault!(exits::max_restarts_counts_exactly_with_growing_pauses, "crashes in a loop", "growing pauses, then given up"),
    fault!(exits::a_change_cuts_a_pause_short_and_so_does_ctrl_c, "Ctrl-C, or a save, during such a pause", "answered at once"),
    fault!(starts::an_exit_at_the_moment_of_a_save, "exits at the moment of a save", "one start that is later than both"),
    fault!(starts::two_hundred_restarts, "200 restarts", "as many descriptors, threads and bytes as before"),
    fault!(stopping::who_overstays_is_named, "does not stop", "named after 2 s, with its pid"),
    // Signals.
    fault!(stopping::a_second_ctrl_c_kills_at_once, "ignores Ctrl-C", "the second one kills"),
    fault!(stopping::ctrl_c_during_a_stop_ends_instead_of_restarting, "Ctrl-C during the stop for a restart", "ends instead"),
    fault!(stopping::a_shell_sees_130, "Ctrl-C under a shell", "the shell sees 130"),
    fault!(stopping::sighup_that_is_ignored_stays_ignored, "`nohup rwatch`, and the terminal goes", "goes on"),
    fault!(stopping::other_signals_are_passed_on, "SIGUSR1, SIGUSR2; SIGQUIT, SIGWINCH", "passed on to the command alone; to its whole group"),
    fault!(signals::mask_and_dispositions_are_handed_down, "rwatch is given blocked and ignored signals", "so is the command, with the same"),
    fault!(signals::sigchld_that_is_ignored, "rwatch is given SIGCHLD ignored", "exits are seen all the same"),
    fault!(signals::rwatch_is_stopped_and_continued, "SIGSTOP to rwatch, the command exits, SIGCONT", "the exit counts"),
    fault!(signals::a_kill_during_a_stop, "SIGKILL to rwatch while it waits for a stop", "nothing is left"),
    fault!(signals::rwatch_in_rwatch, "rwatch runs rwatch; the outer one is stopped, or killed", "nothing is left of both"),
    fault!(signals::a_new_guard_for_a_killed_one, "the guard is killed", "rwatch has a new one, which does its duty"),
    fault!(signals::the_guard_is_nobody, "the guard holds on to something", "own session, in `/`, no environment, no output"),
    // Streams.
    fault!(cli::a_stderr_that_nobody_reads_is_no_reason_to_end, "rwatch's stderr is closed, on a full disk, or read by nobody", "goes on"),
    fault!(streams::a_stderr_that_is_full, "rwatch's stderr is a pipe that is full", "goes on; the lines come when somebody reads"),
    fault!(streams::a_stdout_that_is_closed_or_read_by_nobody, "its stdout is closed, or read by nobody", "goes on"),
    fault!(streams::no_streams_at_all, "rwatch is started without stdin, stdout and stderr", "goes on; no descriptor of rwatch's takes their place"),
    fault!(streams::a_broken_pipe_is_the_command_s, "it writes to a broken pipe", "it dies of SIGPIPE, 141"),
    fault!(streams::a_gigabyte, "it writes 1 GB", "passed through unchanged"),
    // The kernel.
    fault!(kernel::ten_thousand_orphans_of_pid_1, "rwatch is PID 1, of 10,000 orphans", "all reaped"),
    fault!(kernel::signals_to_pid_1, "SIGTERM, SIGINT, SIGHUP to rwatch as PID 1", "143, 130, 129"),
    fault!(kernel::a_daemon_whose_main_thread_has_ended, "leaves a daemon whose main thread has ended, a zombie to look at", "stopped like any other"),
    fault!(kernel::a_pid_that_is_somebody_else_s_by_now, "its pid goes to a stranger who leads a group", "the stranger is left alone"),
];

#[test]
#[ignore = "it prints, and asserts nothing"]
fn fault_table() {
    matrix::print();
    println!("\n| Fault | What happens | Test |\n|---|---|---|");
    for Fault {
        what,
        outcome,
        test,
    } in FAULTS
    {
        println!("| {what} | {outcome} | `{test}` |");
    }
    println!(
        "\n{} faults: {} runs that do not want to end, {} cases of their own",
        matrix::SHAPES.len() + FAULTS.len(),
        matrix::SHAPES.len(),
        FAULTS.len()
    );
}

/// Everybody of the run: all who are alive but for rwatch itself and its guard.
#[track_caller]
fn crew(rwatch: &Rwatch) -> Vec<i32> {
    // While it is being started it has rwatch's environment, and the cookie in it.
    let others = [rwatch.pid().as_raw(), guard(rwatch)];
    let pid = |process: &String| process.split(' ').next().and_then(|pid| pid.parse().ok());
    let alive = rwatch.alive();
    let pids = alive.iter().filter_map(pid);
    pids.filter(|pid| !others.contains(pid)).collect()
}

/// The process that watches over rwatch, once it is there.
#[track_caller]
fn guard(rwatch: &Rwatch) -> i32 {
    let is_guard = |pid: &i32| {
        let words = fs::read(proc(*pid).join("cmdline")).unwrap_or_default();
        words.split(|&byte| byte == 0).next() == Some(b"rw-guard")
    };
    let mut found = Vec::new();
    eventually("there is one guard", || {
        found = children(rwatch.pid());
        found.retain(|pid| is_guard(pid) && !is_gone(*pid));
        found.len() == 1
    });
    found[0]
}

/// Tells why a case was not played.
fn skipped(why: &str) {
    static SKIPPED: AtomicU32 = AtomicU32::new(0);
    let so_far = SKIPPED.fetch_add(1, Ordering::Relaxed) + 1;
    eprintln!("skipped, which makes {so_far}: {why}");
}

fn is_gone(pid: i32) -> bool {
    matches!(state(&proc(pid)), None | Some('Z' | 'X'))
}

fn proc(pid: i32) -> PathBuf {
    Path::new("/proc").join(pid.to_string())
}
