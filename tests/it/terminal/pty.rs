//! Makes terminals: a [`Terminal`] is one with somebody in front of it, who types and reads.
//!
//! Everything that is written to it is kept, without escape sequences. A wait uses up what it has
//! found, like the lines of [`Rwatch`](crate::sandbox::Rwatch). When a terminal is dropped it is
//! closed, of which everybody on it has to end.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::ops::Deref;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::termios::{Termios, tcgetattr};
use nix::unistd::{Pid, tcgetpgrp};

use crate::sandbox::{Ended, PATIENCE, Sandbox, child, matches, state};

/// What the shell says when it waits for a line.
pub(super) const PROMPT: &str = "it$ ";

pub(super) const CTRL_C: &str = "\x03";
pub(super) const CTRL_D: &str = "\x04";
pub(super) const CTRL_Z: &str = "\x1a";
pub(super) const CTRL_BACKSLASH: &str = "\x1c";

/// Without line editing the terminal's modes are those that we find.
pub(super) const BASH: [&str; 5] = ["bash", "--norc", "--noprofile", "--noediting", "-i"];
pub(super) const ZSH: [&str; 6] = ["zsh", "-f", "+Z", "+o", "promptsp", "-i"];

/// Runs the rest of its words as a script does, without job control, and says how they ended. It
/// stays, because the kernel resets a terminal whose session has lost its leader.
const SCRIPT: &str = "trap : INT; \"$@\"; echo \"ended $?\"; read -r line";

/// Between two looks at the terminal.
const TICK: Duration = Duration::from_millis(2);

/// A terminal, and the session on it.
pub(super) struct Terminal {
    sandbox: Sandbox,
    /// The end of whoever types; none when it is closed.
    master: Option<PtyMaster>,
    leader: Child,
    bytes: Vec<u8>,
    /// How much of the text the waits have used up.
    used: usize,
}

impl Deref for Terminal {
    type Target = Sandbox;

    fn deref(&self) -> &Sandbox {
        &self.sandbox
    }
}

impl Terminal {
    /// Runs `rwatch OPTIONS -- COMMAND`, with nobody else on the terminal.
    pub(super) fn alone(sandbox: Sandbox, options: &[&str], command: &[&str]) -> Self {
        Self::start(sandbox, rwatch(options, command))
    }

    /// Runs the same in a script, which prints `ended CODE` after it.
    pub(super) fn script(sandbox: Sandbox, options: &[&str], command: &[&str]) -> Self {
        let script = ["sh", "-c", SCRIPT, "sh"].map(OsString::from);
        let words = script.into_iter().chain(rwatch(options, command));
        Self::start(sandbox, words)
    }

    /// Runs a shell with job control, which knows `rwatch`, `child` and `$SIDE`.
    pub(super) fn shell(sandbox: Sandbox) -> Self {
        Self::shell_of(sandbox, &BASH)
    }

    /// Runs this shell with job control.
    pub(super) fn shell_of(sandbox: Sandbox, words: &[&str]) -> Self {
        let rwatch = PathBuf::from(env!("CARGO_BIN_EXE_rwatch"));
        let child = PathBuf::from(child());
        let ours = [rwatch, child].map(|file| file.parent().expect("a file").to_owned());
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(ours.into_iter().chain(std::env::split_paths(&path)));
        let path = path.expect("no colons").into_string().expect("UTF-8");
        let side = sandbox.side("");
        let sandbox = sandbox
            .env("PATH", &path)
            .env("SIDE", side.trim_end_matches('/'))
            .env("PS1", PROMPT);
        let mut shell = Self::start(sandbox, words.iter().map(OsString::from));
        shell.sees(PROMPT);
        shell
    }

    fn start(mut sandbox: Sandbox, words: impl IntoIterator<Item = OsString>) -> Self {
        // Not openpty(3): the children of other tests would inherit it, and keep it open.
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
        let master = posix_openpt(flags).expect("a terminal");
        grantpt(&master).expect("our own terminal");
        unlockpt(&master).expect("our own terminal");
        let slave = File::options()
            .read(true)
            .write(true)
            .custom_flags(OFlag::O_NOCTTY.bits())
            .open(ptsname_r(&master).expect("our own terminal"))
            .expect("our own terminal");
        let on_it = || Stdio::from(slave.try_clone().expect("few files are open"));
        let session = ["setsid", "--ctty"].map(str::to_owned);
        sandbox.wrapper.splice(..0, session);
        let leader = sandbox
            .command(words)
            .env("TERM", "xterm")
            .env("NODE_REPL_HISTORY", "")
            .env_remove("HISTFILE")
            .env_remove("PYTHONSTARTUP")
            .stdin(on_it())
            .stdout(on_it())
            .stderr(on_it())
            .spawn()
            .expect("the session starts");
        Self {
            sandbox,
            master: Some(master),
            leader,
            bytes: Vec::new(),
            used: 0,
        }
    }

    fn master(&self) -> &PtyMaster {
        self.master.as_ref().expect("the terminal is open")
    }

    /// Types: `\n` and control characters are keys like others.
    #[track_caller]
    pub(super) fn types(&self, keys: &str) {
        let mut master = self.master();
        let written = master.write(keys.as_bytes()).expect("an open terminal");
        assert_eq!(written, keys.len(), "the terminal is full");
    }

    /// Makes the window so many lines high.
    pub(super) fn resize(&self, rows: &str) {
        let name = ptsname_r(self.master()).expect("an open terminal");
        self.tool("stty", &["-F", &name, "rows", rows]);
    }

    /// Closes the window.
    pub(super) fn close(&mut self) {
        self.read();
        self.master = None;
    }

    /// The modes, as `stty -a` shows them.
    pub(super) fn modes(&self) -> Termios {
        tcgetattr(self.master()).expect("an open terminal")
    }

    /// The process group that has the terminal.
    pub(super) fn foreground(&self) -> Pid {
        tcgetpgrp(self.master()).expect("an open terminal")
    }

    /// Waits until `text` is there.
    #[track_caller]
    pub(super) fn sees(&mut self, text: &str) {
        self.wait(text, |screen| Some(screen.find(text)? + text.len()));
    }

    /// Waits for the next line of rwatch that matches; `*` stands for anything.
    ///
    /// What was typed may stand before it.
    #[track_caller]
    pub(super) fn says(&mut self, pattern: &str) {
        let pattern = format!("*[rwatch] {pattern}");
        self.wait(&pattern, |screen| {
            let mut end = 0;
            let mut lines = screen
                .split_inclusive('\n')
                .filter(|line| line.ends_with('\n'));
            lines.find(|line| {
                end += line.len();
                matches(&pattern, line.trim_end_matches(['\r', '\n']))
            })?;
            Some(end)
        });
    }

    /// Waits until `look` finds something in what is new, and says where it ends.
    #[track_caller]
    fn wait(&mut self, what: &str, look: impl Fn(&str) -> Option<usize>) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.read();
            if let Some(end) = look(&self.text()[self.used..]) {
                self.used += end;
                return;
            }
            let what = what.escape_debug();
            assert!(
                Instant::now() < deadline,
                "waited for: `{what}`; {}",
                self.transcript()
            );
            thread::sleep(TICK);
        }
    }

    /// Waits for something that the terminal does not show, and reads on meanwhile.
    #[track_caller]
    pub(super) fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.read();
            if holds(self) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "waited until {what}; {}",
                self.transcript()
            );
            thread::sleep(TICK);
        }
    }

    /// Waits until a process called `name` stops.
    #[track_caller]
    pub(super) fn stops(&mut self, name: &str) {
        self.until(&format!("{name} stops"), |terminal| {
            let pids = terminal.pids(name);
            !pids.is_empty() && pids.iter().all(|&pid| state_of(pid) == Some('T'))
        });
    }

    /// Waits until every process called `name` goes on.
    #[track_caller]
    pub(super) fn goes_on(&mut self, name: &str) {
        self.until(&format!("{name} goes on"), |terminal| {
            let pids = terminal.pids(name);
            !pids.is_empty() && pids.iter().all(|&pid| state_of(pid) != Some('T'))
        });
    }

    /// Waits until somebody else than `group` has the terminal.
    #[track_caller]
    pub(super) fn is_handed_over_by(&mut self, group: Pid) {
        // And until whoever got it was woken: SIGCONT takes a Ctrl-Z that came before away with it
        // (signal(7)).
        self.until("the terminal is handed over", |terminal| {
            let front = terminal.foreground();
            let process = PathBuf::from(format!("/proc/{front}"));
            front != group && state(&process) != Some('T')
        });
    }

    /// Waits for the end of the session's leader: rwatch, if it is alone.
    #[track_caller]
    pub(super) fn exit(&mut self) -> Ended {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            self.read();
            if let Some(status) = self.leader.try_wait().expect("our own child") {
                break status;
            }
            assert!(
                Instant::now() < deadline,
                "waited for the end; {}",
                self.transcript()
            );
            thread::sleep(TICK);
        };
        self.read();
        status.code().map_or_else(
            || Ended::Signal(status.signal().expect("neither code nor signal")),
            Ended::Code,
        )
    }

    /// The pid of the session's leader: rwatch, if it is alone.
    pub(super) fn leader(&self) -> Pid {
        Pid::from_raw(self.leader.id().cast_signed())
    }

    /// Those of ours that were started by this name.
    pub(super) fn pids(&self, name: &str) -> Vec<Pid> {
        let alive = self.alive();
        let called = alive.iter().filter_map(|process| {
            let mut words = process.split(' ');
            let pid = words.next()?.parse().ok()?;
            let program = Path::new(words.next()?);
            (program.file_name()? == name).then_some(Pid::from_raw(pid))
        });
        called.collect()
    }

    /// Takes in what there is.
    fn read(&mut self) {
        let Some(master) = &mut self.master else {
            return;
        };
        // Until there is nothing more for now (EAGAIN), or nobody left to write (EIO).
        let mut part = [0; 4096];
        while let Ok(n @ 1..) = master.read(&mut part) {
            self.bytes.extend(&part[..n]);
        }
    }

    /// Everything as it was written, with escape sequences.
    pub(super) fn raw(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// Everything without them; in ASCII, so that what is new never changes what was there.
    fn text(&self) -> String {
        let mut text = String::new();
        let mut bytes = self.bytes.iter();
        while let Some(&byte) = bytes.next() {
            match byte {
                b'\x1b' => match bytes.next() {
                    // ECMA-48: a control sequence ends with one of these.
                    Some(b'[') => {
                        bytes.find(|byte| matches!(byte, b'@'..=b'~'));
                    }
                    // A title, which ends with BEL.
                    Some(b']') => {
                        bytes.find(|&&byte| byte == b'\x07');
                    }
                    _ => {}
                },
                byte if byte.is_ascii() => text.push(byte.into()),
                _ => text.push('?'),
            }
        }
        text
    }

    /// Everything there is to know when a test fails.
    pub(super) fn transcript(&self) -> String {
        let foreground = self.master.as_ref().map(tcgetpgrp);
        format!(
            "on the terminal:\n{}\nnot waited for yet: {:?}\nforeground: {foreground:?}\nalive: {:#?}",
            self.text(),
            &self.text()[self.used..],
            self.alive()
                .iter()
                .map(|process| {
                    let pid = process.split(' ').next().and_then(|pid| pid.parse().ok());
                    let state = pid.and_then(|pid| state_of(Pid::from_raw(pid)));
                    format!("{} {process}", state.unwrap_or('?'))
                })
                .collect::<Vec<_>>()
        )
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let transcript = self.transcript();
        self.close();
        let deadline = Instant::now() + PATIENCE;
        while let alive @ [_, ..] = &*self.alive() {
            if thread::panicking() || Instant::now() > deadline {
                let alive = format!("left alive: {alive:#?}; {transcript}");
                self.kill_all();
                if thread::panicking() {
                    break;
                }
                panic!("{alive}");
            }
            thread::sleep(TICK);
        }
        // A zombie is all that may be left.
        let _ = self.leader.wait();
    }
}

fn state_of(pid: Pid) -> Option<char> {
    state(&Path::new("/proc").join(pid.to_string()))
}

/// The words of `rwatch OPTIONS -- COMMAND`; COMMAND `child` is the fixture.
fn rwatch(options: &[&str], command: &[&str]) -> Vec<OsString> {
    let program = match command[0] {
        "child" => child(),
        other => other.to_owned(),
    };
    let words = [env!("CARGO_BIN_EXE_rwatch")];
    let words = words.iter().chain(options).chain(&["--"]);
    let words = words.map(OsString::from).chain([program.into()]);
    words
        .chain(command[1..].iter().map(OsString::from))
        .collect()
}
