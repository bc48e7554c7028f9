//! Checks that sockets, FIFOs and devices are nothing that somebody saves, wherever they come from
//! and go to, and that files that take their places are.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::net::UnixListener;
use std::path::Path;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::sandbox::{Rwatch, Sandbox, matches};

fn socket(sandbox: &Sandbox, path: &str) -> UnixListener {
    // A path to a socket has to be short.
    UnixListener::bind(sandbox.path(path)).expect("a short path")
}

fn fifo(sandbox: &Sandbox, path: &str) {
    mkfifo(&sandbox.path(path), Mode::S_IRWXU).expect("a writable sandbox");
}

/// Writes to a FIFO that nobody else reads.
fn feed(sandbox: &Sandbox, path: &str) {
    let fifo = File::options()
        .read(true)
        .write(true)
        .open(sandbox.path(path));
    let mut fifo = fifo.expect("a FIFO");
    fifo.write_all(b"line\n").expect("it is read");
}

fn rename(sandbox: &Sandbox, from: &str, to: &str) {
    fs::rename(sandbox.path(from), sandbox.path(to)).expect("a writable sandbox");
}

fn start(sandbox: Sandbox, options: &[&str]) -> Rwatch {
    let mut rwatch = sandbox.start(options, ["child"]);
    rwatch.ready();
    rwatch
}

/// They come, are used, go elsewhere and go away.
fn come_and_go(rwatch: &mut Rwatch) {
    rwatch.ignores(|s| drop(socket(s, "a.sock")));
    rwatch.ignores(|s| fifo(s, "a.fifo"));
    rwatch.ignores(|s| feed(s, "a.fifo"));
    rwatch.ignores(|s| {
        rename(s, "a.sock", "b.sock");
        rename(s, "a.fifo", "b.fifo");
    });
    rwatch.ignores(|s| feed(s, "b.fifo"));
    rwatch.ignores(|s| {
        s.remove("b.sock");
        s.remove("b.fifo");
    });
}

#[test]
fn they_come_and_go_and_restart_nothing() {
    come_and_go(&mut start(Sandbox::new(), &[]));
}

#[test]
fn they_come_and_go_and_restart_nothing_where_ignores_do_not_count() {
    come_and_go(&mut start(Sandbox::new(), &["--no-ignore"]));
}

#[test]
fn they_come_and_go_and_restart_nothing_where_all_is_polled() {
    come_and_go(&mut start(Sandbox::new(), &["--poll=20ms"]));
}

#[test]
fn those_that_were_there_before_restart_nothing() {
    let sandbox = Sandbox::new().file("run/a.js", "");
    let bound = socket(&sandbox, "run/a.sock");
    fifo(&sandbox, "a.fifo");
    let mut rwatch = start(sandbox, &[]);
    rwatch.ignores(|s| feed(s, "a.fifo"));
    drop(bound);
    rwatch.ignores(|s| {
        s.remove("run/a.sock");
        drop(socket(s, "run/a.sock"));
    });
    rwatch.ignores(|s| s.remove("a.fifo"));
    rwatch.notices("run", |s| {
        fs::remove_dir_all(s.path("run")).expect("a directory");
    });
}

#[test]
fn those_in_a_new_directory_restart_nothing() {
    let mut rwatch = start(Sandbox::new(), &[]);
    rwatch.ignores(|s| {
        fs::create_dir(s.path("run")).expect("a writable sandbox");
        drop(socket(s, "run/a.sock"));
    });
    rwatch.ignores(|s| rename(s, "run", "ran"));
    rwatch.ignores(|s| s.remove("ran/a.sock"));
}

#[test]
fn a_file_in_the_place_of_one_counts() {
    let mut rwatch = start(Sandbox::new(), &[]);
    for name in ["a", "b"] {
        rwatch.ignores(|s| fifo(s, name));
        rwatch.save(name, "by rename");
        rwatch.restarts_for(&[name]);
        rwatch.remove(name);
        rwatch.restarts_for(&[name]);
        rwatch.ignores(|s| drop(socket(s, name)));
        rwatch.ignores(|s| s.remove(name));
        rwatch.notices(name, |s| s.write(name, "made"));
    }
}

#[test]
fn one_in_the_place_of_a_file_counts() {
    let sandbox = Sandbox::new().file("a", "").file("b", "");
    let mut rwatch = start(sandbox, &[]);
    rwatch.ignores(|s| fifo(s, "new"));
    rename(&rwatch, "new", "a");
    rwatch.restarts_for(&["a"]);
    rwatch.notices("b", |s| {
        s.remove("b");
        drop(socket(s, "b"));
    });
    rwatch.ignores(|s| feed(s, "a"));
    rwatch.ignores(|s| s.remove("b"));
}

#[test]
fn one_that_is_named_counts() {
    let sandbox = Sandbox::new().dir("src").fences("src/");
    fifo(&sandbox, "a.fifo");
    let mut rwatch = start(sandbox, &["-w", "a.fifo", "-w", "a.sock", "-w", "src"]);
    drop(socket(&rwatch, "a.sock"));
    rwatch.restarts_for(&["a.sock"]);
    rwatch.notices("a.fifo", |s| feed(s, "a.fifo"));
    rwatch.remove("a.sock");
    rwatch.restarts_for(&["a.sock"]);
    rwatch.ignores(|s| fifo(s, "src/b.fifo"));
}

#[test]
fn a_server_that_binds_a_socket_here_is_not_restarted_for_it() {
    let server = "import os, socket\n\
                  try: os.unlink('a.sock')\n\
                  except FileNotFoundError: pass\n\
                  s = socket.socket(socket.AF_UNIX); s.bind('a.sock'); s.listen()\n\
                  print('ready', os.environ['RWATCH_RUN'], os.environ['RWATCH_REASON'],\n\
                  os.environ['RWATCH_CHANGED'].replace('\\n', '|'), flush=True)\n\
                  s.accept()\n";
    let mut rwatch = Sandbox::new()
        .file("server.py", server)
        .start([""; 0], ["python3", "-u", "server.py"]);
    rwatch.ready();
    for _ in 0..3 {
        rwatch.ignores(|_| ());
    }
    assert!(rwatch.path("a.sock").exists());
}

#[test]
fn they_are_no_files_to_count_and_to_explain() {
    let sandbox = Sandbox::new().file("a.js", "");
    fifo(&sandbox, "a.fifo");
    let explain = |sandbox: &Sandbox, options: &[&str]| {
        let words = [
            &[env!("CARGO_BIN_EXE_rwatch")],
            options,
            &["--explain", "a.fifo"],
        ]
        .concat();
        let output = sandbox.command(words.into_iter().map(Into::into)).output();
        let output = output.expect("rwatch starts");
        let text = String::from_utf8(output.stdout).expect("text");
        (output.status.code(), text)
    };
    let (code, text) = explain(&sandbox, &[]);
    assert!(
        code == Some(1) && matches("a.fifo: no, *FIFO*\n", &text),
        "{text}"
    );
    let (code, text) = explain(&sandbox, &["-w", "a.fifo"]);
    assert_eq!(
        (code, &*text),
        (Some(0), "a.fifo: yes, `a.fifo` is watched\n")
    );
    let mut rwatch = sandbox.start(["-v"], ["child"]);
    rwatch.says("watching .: 1 file in 1 directory");
    rwatch.ready();
    feed(&rwatch, "a.fifo");
    rwatch.says("a.fifo ignored: a socket, a FIFO or a device is no file that is saved");
}

#[test]
fn a_device_is_one() {
    // To make one takes a privilege that not everybody has who tests.
    let devices = Path::new("/dev/null");
    assert!(!devices.is_file());
    let output = Sandbox::new()
        .command(
            [
                env!("CARGO_BIN_EXE_rwatch"),
                "-w",
                "/dev",
                "--explain",
                "/dev/null",
            ]
            .map(Into::into),
        )
        .output()
        .expect("rwatch starts");
    assert_eq!(output.status.code(), Some(1));
}
