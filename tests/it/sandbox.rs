//! Makes directories to run rwatch in, and knows everybody who was started there.
//!
//! A [`Sandbox`] is the directory, a [`Rwatch`] is one rwatch in it. Every process that is ever
//! started by it carries the sandbox's cookie in its environment, so that nobody can hide from
//! [`Sandbox::alive`].

mod rwatch;

use std::ffi::{OsStr, OsString};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

pub(crate) use self::rwatch::{AGAIN, Ended, Rwatch, Start, matches};

/// How long a wait may take before the test has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

const COOKIE: &str = "IT_COOKIE";

/// The fixture that plays COMMAND.
pub(crate) fn child() -> String {
    let rwatch = Path::new(env!("CARGO_BIN_EXE_rwatch"));
    let child = rwatch.with_file_name("examples").join("child");
    child
        .to_str()
        .expect("the target directory is UTF-8")
        .to_owned()
}

/// A directory to work in, outside of every git repository, and one beside it.
pub(crate) struct Sandbox {
    root: TempDir,
    cookie: String,
    fences: &'static str,
    /// The words that run rwatch.
    pub(crate) wrapper: Vec<String>,
    env: Vec<(String, String)>,
    stdout: Option<Stdio>,
    stderr: Option<Stdio>,
    stdin: Option<Stdio>,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let root = tempfile::Builder::new()
            .prefix("rwatch-it-")
            .tempdir()
            .expect("a temp dir");
        for dir in ["work", "side"] {
            fs::create_dir(root.path().join(dir)).expect("an empty temp dir");
        }
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let cookie = format!("{}-{number}-{}", process::id(), root.path().display());
        Self {
            root,
            cookie,
            fences: "",
            wrapper: Vec::new(),
            env: Vec::new(),
            stdout: None,
            stderr: None,
            stdin: None,
        }
    }

    /// With this file, and the directories above it.
    pub(crate) fn file(self, path: &str, content: &str) -> Self {
        self.write(path, content);
        self
    }

    /// With this empty directory.
    pub(crate) fn dir(self, path: &str) -> Self {
        fs::create_dir_all(self.path(path)).expect("a writable sandbox");
        self
    }

    /// With a copy of this directory of fixtures/.
    pub(crate) fn fixture(self, name: &str) -> Self {
        let from = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fixtures")
            .join(name);
        copy(&from, &self.path(""));
        self
    }

    /// With fences in this directory, `app/`, because the current one is not watched.
    pub(crate) fn fences(mut self, dir: &'static str) -> Self {
        self.fences = dir;
        self
    }

    /// With rwatch run by these words.
    pub(crate) fn wrapper(mut self, words: &[&str]) -> Self {
        self.wrapper = words.iter().map(|&word| word.to_owned()).collect();
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        self.stdout = Some(stdout.into());
        self
    }

    pub(crate) fn stderr(mut self, stderr: impl Into<Stdio>) -> Self {
        self.stderr = Some(stderr.into());
        self
    }

    pub(crate) fn stdin(mut self, stdin: impl Into<Stdio>) -> Self {
        self.stdin = Some(stdin.into());
        self
    }

    /// A path in rwatch's current directory.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.path().join("work").join(path)
    }

    /// A path beside it, where nobody watches: for logs and gates.
    pub(crate) fn side(&self, path: &str) -> String {
        let path = self.root.path().join("side").join(path);
        path.into_os_string()
            .into_string()
            .expect("a UTF-8 temp dir")
    }

    /// Writes as a shell's `>` does, and makes the directories above.
    pub(crate) fn write(&self, path: &str, content: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a path in work/")).expect("a writable sandbox");
        fs::write(path, content).expect("a writable sandbox");
    }

    /// Saves by moving the file in: one event and never more, however busy the machine is.
    pub(crate) fn save(&self, path: &str, content: &str) {
        self.save_as(path, content, 0o644);
    }

    pub(crate) fn save_as(&self, path: &str, content: &str, mode: u32) {
        let temp = self.side("saving");
        fs::write(&temp, content).expect("a writable sandbox");
        fs::set_permissions(&temp, Permissions::from_mode(mode)).expect("our own file");
        fs::rename(&temp, self.path(path)).expect("a writable sandbox");
    }

    pub(crate) fn remove(&self, path: &str) {
        fs::remove_file(self.path(path)).expect("a file to remove");
    }

    /// Lets a child with `stop-when` or `exit-when` go on.
    pub(crate) fn open(&self, gate: &str) {
        fs::write(self.side(gate), "").expect("a writable sandbox");
    }

    /// The lines of a file beside.
    pub(crate) fn log(&self, name: &str) -> Vec<String> {
        let log = fs::read_to_string(self.side(name)).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }

    /// Runs a tool in the current directory.
    #[track_caller]
    pub(crate) fn tool(&self, program: &str, args: &[&str]) {
        let output = Command::new(program)
            .args(args)
            .current_dir(self.path(""))
            .stdin(Stdio::null())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap_or_else(|error| panic!("cannot run {program}: {error}"));
        assert!(output.status.success(), "{program} {args:?}: {output:?}");
    }

    /// The exit code of `rwatch OPTIONS --explain PATH`, and what it says.
    pub(crate) fn explain(&self, options: &[&str], path: &str) -> (Option<i32>, String) {
        let words = [
            &[env!("CARGO_BIN_EXE_rwatch")],
            options,
            &["--explain", path],
        ]
        .concat();
        let output = self.command(words.into_iter().map(OsString::from)).output();
        let output = output.expect("rwatch starts");
        let text = String::from_utf8(output.stdout).expect("text");
        (output.status.code(), text)
    }

    /// Starts `rwatch OPTIONS -- COMMAND`; COMMAND `child` is the fixture.
    pub(crate) fn start<O: AsRef<OsStr>, C: AsRef<OsStr>>(
        self,
        options: impl IntoIterator<Item = O>,
        command: impl IntoIterator<Item = C>,
    ) -> Rwatch {
        let mut words: Vec<OsString> = options.into_iter().map(|o| o.as_ref().into()).collect();
        words.push("--".into());
        let first = words.len();
        words.extend(command.into_iter().map(|word| word.as_ref().to_owned()));
        if words[first] == "child" {
            words[first] = child().into();
        }
        self.start_words(words)
    }

    /// Starts rwatch with exactly these arguments.
    pub(crate) fn start_words<W: AsRef<OsStr>>(self, words: impl IntoIterator<Item = W>) -> Rwatch {
        let mut argv: Vec<OsString> = vec![env!("CARGO_BIN_EXE_rwatch").into()];
        argv.extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        self.start_argv(argv)
    }

    /// Starts this program, which rwatch is somewhere in.
    pub(crate) fn start_argv<W: Into<OsString>>(
        mut self,
        argv: impl IntoIterator<Item = W>,
    ) -> Rwatch {
        let mut command = self.command(argv.into_iter().map(Into::into));
        command
            .stdin(self.stdin.take().unwrap_or_else(Stdio::null))
            .stdout(self.stdout.take().unwrap_or_else(Stdio::piped))
            .stderr(self.stderr.take().unwrap_or_else(Stdio::piped))
            // What rwatch sends to its own group by mistake must not reach the other tests.
            .process_group(0);
        Rwatch::start(self, command)
    }

    /// The command that runs `words` here, by the wrapper; with our cookie, and nobody's settings.
    pub(crate) fn command(&self, words: impl IntoIterator<Item = OsString>) -> Command {
        // Whoever runs the tests in the background, or under nohup, hands down ignored signals,
        // which rwatch would respect.
        let mut command = Command::new("env");
        command
            .arg("--default-signal=HUP,INT,QUIT,TSTP,TTIN,TTOU")
            .args(&self.wrapper)
            .args(words)
            .current_dir(self.path(""));
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"RWATCH_") || name == "NO_COLOR" {
                command.env_remove(name);
            }
        }
        command
            .env("XDG_CONFIG_HOME", self.side("config"))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env(COOKIE, &self.cookie)
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Everybody who carries our cookie and is neither gone nor a zombie. Who has cleared its
    /// environment is known by our path among its words.
    pub(crate) fn alive(&self) -> Vec<String> {
        let cookie = format!("{COOKIE}={}", self.cookie);
        let root = self.root.path().to_string_lossy();
        let carries = |pid: &Path| {
            let environ = fs::read(pid.join("environ")).unwrap_or_default();
            if environ.is_empty() {
                let words = fs::read(pid.join("cmdline")).unwrap_or_default();
                return String::from_utf8_lossy(&words).contains(&*root);
            }
            environ
                .split(|&byte| byte == 0)
                .any(|entry| entry == cookie.as_bytes())
        };
        let processes = fs::read_dir("/proc")
            .expect("/proc")
            .flatten()
            .map(|entry| entry.path());
        processes
            .filter(|process| carries(process) && !matches!(state(process), None | Some('Z' | 'X')))
            .map(|process| {
                let pid = process
                    .file_name()
                    .expect("a pid")
                    .to_string_lossy()
                    .into_owned();
                let words = fs::read(process.join("cmdline")).unwrap_or_default();
                format!(
                    "{pid} {}",
                    String::from_utf8_lossy(&words).replace('\0', " ")
                )
            })
            .collect()
    }

    /// Clears up after a failure. Twice, because somebody may start others meanwhile.
    pub(crate) fn kill_all(&self) {
        for _ in 0..2 {
            for process in self.alive() {
                let pid = process.split(' ').next().and_then(|pid| pid.parse().ok());
                if let Some(pid) = pid {
                    let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
                }
            }
        }
    }
}

/// R, S, T, Z …; None when the process is gone.
pub(crate) fn state(process: &Path) -> Option<char> {
    let stat = fs::read_to_string(process.join("stat")).ok()?;
    stat.rsplit(')').next()?.trim_start().chars().next()
}

/// The children of a process, zombies too.
pub(crate) fn children(parent: Pid) -> Vec<i32> {
    let parent = parent.to_string();
    let is_child = |pid: &i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let behind_name = stat.rsplit(')').next().unwrap_or_default();
        behind_name.split_whitespace().nth(1) == Some(&parent)
    };
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(is_child).collect()
}

/// Waits for what nobody announces.
#[track_caller]
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited for: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a writable sandbox");
    for entry in fs::read_dir(from).expect("a fixture").flatten() {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("a readable fixture");
        }
    }
}
