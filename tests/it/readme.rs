//! Runs every command of README.md, as it stands there.
//!
//! A [`Case`] says for one command where it runs and what is to be seen of it. The cases are in
//! lists, one for each part of the page, and [`parts!`] names these and makes a test of each.
//! [`every_command_is_run`] fails if README.md has a command without a case, or a case is about a
//! command that README.md has not.
//!
//! To add a command to README.md, add a case to the list of its part:
//!
//! - In a block of `sh` the command is the line without its comment. Lines that need each other are
//!   one case, with `\n` between them; bash runs them.
//! - In a block of `console` it is the line with its `$ `, behind the heading: `First steps $ rwatch …`.
//!   What is shown below it has to be what comes, line for line; `…` stands for anything, and pids
//!   and times for any others. The story waits for the lines by [`Play::shows`], and does meanwhile
//!   what the reader is told of.
//! - In a file (`json`, `dockerfile`, `yaml`, `ini`) it is what the file has run, behind the name of
//!   the language: `json: rwatch -- node server.js`. `blocks` finds it, without a shell where there
//!   would be none. A file that is only made use of is written by `block("toml", "…").text()`.
//!
//! A program that may not be there is played by a few lines which take the same words ([`stub`]), and
//! for what cannot be run at all [`NOT_RUN`] has the reason.

mod blocks;
mod front;
mod project;
mod recipes;
mod trouble;

use std::ops::{Deref, DerefMut};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{fs, iter};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use self::blocks::{anchors, block, blocks, count, last_column, links};
use crate::apps;
use crate::faults::kernel;
use crate::sandbox::{Ended, Rwatch, Sandbox, matches};

/// A command, where it runs, and what comes of it.
struct Case {
    /// As in README.md.
    command: &'static str,
    there: There,
    story: fn(&mut Play),
}

/// Where a command runs.
enum There {
    Always(fn() -> Sandbox),
    /// If the machine has what it takes.
    Perhaps(fn() -> Option<Sandbox>),
}

const fn case(command: &'static str, there: fn() -> Sandbox, story: fn(&mut Play)) -> Case {
    Case {
        command,
        there: There::Always(there),
        story,
    }
}

const fn perhaps(
    command: &'static str,
    there: fn() -> Option<Sandbox>,
    story: fn(&mut Play),
) -> Case {
    Case {
        command,
        there: There::Perhaps(there),
        story,
    }
}

/// Commands without a case, and why.
const NOT_RUN: [(&str, &str); 3] = [
    (
        "cargo install --path .",
        "builds everything once more, in release: minutes",
    ),
    (
        "cargo install --path . --features desktop",
        "the same, with more to build",
    ),
    ("cargo test", "is what runs this"),
];

/// Makes the list of all cases, and a test of each of its parts.
macro_rules! parts {
    ($($name:ident: $cases:path,)*) => {
        const PARTS: &[&[Case]] = &[$($cases),*];
        $(
            #[test]
            fn $name() {
                for case in $cases {
                    case.play();
                }
            }
        )*
    };
}

parts! {
    headlines: front::HEADLINES,
    install: front::INSTALL,
    first_steps: front::FIRST_STEPS,
    used_most: front::USED_MOST,
    node: recipes::NODE,
    python: recipes::PYTHON,
    go: recipes::GO,
    rust: recipes::RUST,
    ruby: recipes::RUBY,
    containers: recipes::CONTAINERS,
    systemd: recipes::SYSTEMD,
    worktrees: recipes::WORKTREES,
    monorepos: recipes::MONOREPOS,
    project_file: project::FILE,
    project_runs: project::RUNS,
    nodemon: project::NODEMON,
    events: project::EVENTS,
    restarts_too_often: trouble::RESTARTS,
    changes_not_seen: trouble::CHANGES,
    does_not_start_or_stop: trouble::STARTS_AND_STOPS,
    silent_file_systems: trouble::SILENCE,
    terminals: trouble::TERMINALS,
}

#[test]
fn every_command_is_run() {
    let cases = || PARTS.iter().copied().flatten().map(|case| case.command);
    let known = || cases().chain(NOT_RUN.map(|(command, _)| command));
    let mut unused: Vec<&str> = known().collect();
    for block in blocks() {
        let commands = block.commands();
        let mut left: Vec<&str> = commands.iter().map(|command| &*command.key).collect();
        while let Some(next) = left.first() {
            let is_next = |case: &&str| left.starts_with(&case.lines().collect::<Vec<_>>());
            let found = known().filter(is_next).max_by_key(|case| case.len());
            let found = found.unwrap_or_else(|| panic!("no case for `{next}` of README.md"));
            unused.retain(|case| *case != found);
            left.drain(..found.lines().count());
        }
    }
    assert_eq!(unused, [""; 0], "README.md has no such commands");
}

#[test]
fn links_lead_somewhere_and_folds_are_closed() {
    let anchors = anchors();
    for link in links() {
        assert!(anchors.contains(&link), "#{link} is none of {anchors:#?}");
    }
    assert!(count("<details>") > 0);
    for tag in ["</details>", "<summary>"] {
        assert_eq!(count(tag), count("<details>"), "{tag}");
    }
}

#[test]
fn what_others_have_is_called_so_here() {
    let mut options = last_column("Coming from …");
    options.retain(|code| code.starts_with('-'));
    assert!(options.len() > 15, "{options:?}");
    for text in options {
        let mut words = shlex::split(text).expect("words");
        if words[0] != "--explain" {
            words.extend(["-w", ".", "--explain", "a.js"].map(str::to_owned));
        }
        let mut rwatch = Sandbox::new().start_words(words);
        assert_eq!(rwatch.exit(), Ended::Code(0), "{text}: {}", rwatch.stderr());
    }
}

impl Case {
    fn play(&self) {
        eprintln!("README.md: {}", self.command);
        let sandbox = match self.there {
            There::Always(there) => Some(there()),
            There::Perhaps(there) => there(),
        };
        if let Some(sandbox) = sandbox {
            let mut play = self.start(sandbox);
            (self.story)(&mut play);
            play.end();
        }
    }

    fn start(&self, sandbox: Sandbox) -> Play {
        // `rwatch` is ours, and a stub comes before the real program.
        symlink(env!("CARGO_BIN_EXE_rwatch"), bin(&sandbox, "rwatch")).expect("a writable sandbox");
        let path = std::env::var("PATH").expect("a PATH");
        let path = format!("{}:{path}", sandbox.side("bin"));
        let sandbox = sandbox.env("PATH", &path);

        let script = |text: &str| ["bash", "-c", text].map(str::to_owned).to_vec();
        let words = match self.command.split_once(": ") {
            // npm gives its scripts to a shell; docker and systemd have none.
            Some(("json", text)) => script(text),
            Some(("dockerfile" | "yaml", text)) => shlex::split(text).expect("words"),
            Some(("ini", text)) => {
                let text = text.replace("%h", &sandbox.side("home"));
                shlex::split(&text).expect("words")
            }
            _ => match self.command.split_once(" $ ") {
                // Both streams at once, in the order in which a reader sees them.
                Some((_, text)) => script(&format!("exec 2>&1; {text}")),
                None => script(&format!("set -e\n{}", self.command)),
            },
        };
        let mut commands = blocks().into_iter().flat_map(|block| block.commands());
        let output = |command: blocks::Command| {
            (command.key == self.command).then(|| command.output.clone())
        };
        Play {
            rwatch: sandbox.start_argv(words),
            shown: commands.find_map(output).unwrap_or_default(),
            seen: 0,
            passed_over: Vec::new(),
            has_ended: false,
        }
    }
}

/// A command that runs.
struct Play {
    rwatch: Rwatch,
    /// What README.md shows of it.
    shown: Vec<&'static str>,
    /// How many of these lines have come.
    seen: usize,
    /// What was saved, and must not have led to anything.
    passed_over: Vec<&'static str>,
    has_ended: bool,
}

impl Deref for Play {
    type Target = Rwatch;

    fn deref(&self) -> &Rwatch {
        &self.rwatch
    }
}

impl DerefMut for Play {
    fn deref_mut(&mut self) -> &mut Rwatch {
        &mut self.rwatch
    }
}

impl Play {
    /// Waits for the next lines that README.md shows.
    #[track_caller]
    fn shows(&mut self, lines: usize) {
        for _ in 0..lines {
            let pattern = pattern(self.shown[self.seen]);
            self.rwatch.prints(&pattern);
            self.seen += 1;
        }
    }

    /// Waits for the rest of the lines.
    #[track_caller]
    fn shows_the_rest(&mut self) {
        self.shows(self.shown.len() - self.seen);
    }

    /// Saves a file, which is what the next start is about.
    #[track_caller]
    fn restarts(&mut self, path: &str) {
        make_directory_of(&self.path(path));
        self.save(path, "");
        self.says(&format!("{path} changed, restarting"));
    }

    /// Saves a file that must not lead to anything; to be followed by one that does.
    fn passes_over(&mut self, path: &'static str) {
        self.write(path, "");
        self.passed_over.push(path);
    }

    /// Waits until the command prints this, saves, and waits for the same of the next run.
    #[track_caller]
    fn prints_anew(&mut self, line: &str, path: &str) {
        self.prints(line);
        self.restarts(path);
        self.prints(line);
    }

    /// The same of [`server`].
    #[track_caller]
    fn serves_anew(&mut self, path: &str) {
        self.prints_anew("listening on port *", path);
    }

    /// Does something that has to look like one burst, however busy the machine is.
    fn at_once(&mut self, act: impl FnOnce(&Sandbox)) {
        self.signal(Signal::SIGSTOP);
        act(&self.rwatch);
        self.signal(Signal::SIGCONT);
    }

    /// The process with these words, if there is one.
    fn process(&self, words: &str) -> Option<Pid> {
        let alive = self.alive();
        let mut processes = alive.iter().filter_map(|process| process.split_once(' '));
        let (pid, _) = processes.find(|(_, found)| found.trim_end() == words)?;
        Some(Pid::from_raw(pid.parse().expect("a pid")))
    }

    /// Waits for the end of a command that ends by itself, or has been told to.
    #[track_caller]
    fn ends(&mut self, code: i32) {
        assert_eq!(self.exit(), Ended::Code(code), "{}", self.transcript());
        self.has_ended = true;
    }

    #[track_caller]
    fn end(mut self) {
        let shown = self.shown.len();
        assert_eq!(self.seen, shown, "the story waits for all that is shown");
        let lines = self.lines();
        let all = if self.has_ended { lines.len() } else { shown };
        if shown > 0 {
            let is_shown = |(line, shown): (&String, &&str)| matches(&pattern(shown), line);
            let is_all = all == shown && iter::zip(&lines, &self.shown).all(is_shown);
            let shown = self.shown.join("\n");
            assert!(is_all, "README.md shows\n{shown}\n{}", self.transcript());
        }
        if !self.has_ended {
            // Bash may be in between.
            killpg(self.pid(), Signal::SIGTERM).expect("a story says which code it `ends` with");
            self.exit();
        }
        for path in &self.passed_over {
            let said = self.said();
            assert!(!said.iter().any(|line| line.starts_with(path)), "{said:#?}");
        }
    }

    /// What has been printed so far.
    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.stdout()).into_owned();
        text.lines().map(str::to_owned).collect()
    }
}

/// A line that is shown, as a pattern: without what differs from run to run.
fn pattern(line: &str) -> String {
    let line = line.replace('…', "*");
    let mut words: Vec<&str> = line.split(' ').collect();
    for n in 1..words.len() {
        let is_number = words[n].starts_with(|c: char| c.is_ascii_digit());
        let differs = match words[n - 1] {
            "process" | "after" => is_number,
            "for" => is_number && words[..n].ends_with(&["waiting", "for"]),
            "in" => is_number && words[..n].ends_with(&["killing", "them", "in"]),
            before => is_number && before.ends_with(',') && line.contains("still waiting"),
        };
        if differs {
            words[n] = if words[n].ends_with(',') { "*," } else { "*" };
        }
    }
    words.join(" ")
}

/// A server, at an address of its own, which is there at once when it is stopped and started.
fn server() -> Sandbox {
    Sandbox::new()
        .file("server.js", SERVER)
        .env("HOST", &apps::host())
}

const SERVER: &str = "
const { HOST, PORT = 3000 } = process.env;
const server = require('http').createServer((request, response) => response.end('hello'));
server.on('error', (error) => {
  console.log(error.message.replace(/ [0-9.:]+$/, ''));
  process.exit(1);
});
server.listen(PORT, HOST, () => console.log(`listening on port ${PORT}`));
";

/// With this program, a script, where it is run by its path.
fn program(sandbox: Sandbox, path: &str, script: &str) -> Sandbox {
    make_directory_of(&sandbox.path(path));
    sandbox.save_as(path, script, 0o755);
    sandbox
}

fn make_directory_of(file: &Path) {
    let dir = file.parent().expect("it is in work/");
    fs::create_dir_all(dir).expect("a writable sandbox");
}

/// With a program on `PATH` that takes the place of one which is not to be run here.
fn stub(sandbox: Sandbox, name: &str, script: &str) -> Sandbox {
    let path = bin(&sandbox, name);
    sandbox.save_as("stub", script, 0o755);
    fs::rename(sandbox.path("stub"), path).expect("a writable sandbox");
    sandbox
}

/// Where a program on the `PATH` of the sandbox goes.
fn bin(sandbox: &Sandbox, name: &str) -> String {
    fs::create_dir_all(sandbox.side("bin")).expect("a writable sandbox");
    sandbox.side(&format!("bin/{name}"))
}

/// Whether the machine has this program.
fn has(program: &str) -> bool {
    let mut look = Command::new("sh");
    look.args(["-c", "command -v \"$0\"", program]);
    let status = look.stdout(Stdio::null()).status();
    let found = status.is_ok_and(|status| status.success());
    if !found {
        eprintln!("skipped: no {program} here");
    }
    found
}
