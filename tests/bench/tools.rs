//! Who is measured, and how each is told to do the same: watch the current directory, start CHILD at
//! once, and restart it by SIGTERM when a file changes.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::programs::Programs;
use crate::trees::Tree;

/// The peers, and the files that somebody has to find for them.
const PEERS: [&str; 6] = [
    "watchexec",
    "nodemon",
    "entr",
    "cargo-watch",
    "forever",
    "onchange",
];

/// How a file is saved.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Write,
    Rename,
}

/// One of those who are measured.
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    pub(crate) version: String,
    program: PathBuf,
}

impl Tool {
    /// The floor, rwatch, and the peers that are there.
    pub(crate) fn all(programs: &Programs) -> Vec<Self> {
        let ours = |name, version: &str, program| Self {
            name,
            version: version.to_owned(),
            program,
        };
        let mut tools = vec![
            ours("floor", "", programs.path("floor")),
            ours(
                "rwatch",
                env!("CARGO_PKG_VERSION"),
                // The one that cargo builds beside benchmarks has their libraries' features, too.
                env::var_os(variable("rwatch"))
                    .map_or_else(|| env!("CARGO_BIN_EXE_rwatch").into(), Into::into),
            ),
        ];
        for name in PEERS {
            match find(name) {
                Some(program) => tools.push(Self {
                    name,
                    version: version(&program),
                    program,
                }),
                None => eprintln!(
                    "not measured: {name} is not on PATH, nor {}",
                    variable(name)
                ),
            }
        }
        tools
    }

    pub(crate) fn is_floor(&self) -> bool {
        self.name == "floor"
    }

    /// What starts it in `root`; `side` is a directory of its own outside of that.
    pub(crate) fn command(&self, root: &Path, child: &[String], how: How, side: &Path) -> Command {
        let mut command = Command::new(&self.program);
        let shell = format!("exec {}", child.join(" "));
        match self.name {
            "floor" => {
                let how = if how == How::Rename {
                    "rename"
                } else {
                    "write"
                };
                command.arg(how).args(child)
            }
            "rwatch" => command.arg("--").args(child),
            "watchexec" => command.args(["-r", "--shell=none", "--"]).args(child),
            "nodemon" => command.args(["--ext", "js", "--signal", "SIGTERM", "--exec", &shell]),
            "entr" => command.args(["-n", "-r"]).args(child),
            "cargo-watch" => command.args(["watch", "-s", &shell]),
            "forever" => command
                .args(["-w", "-a", "--killSignal=SIGTERM", "--watchDirectory"])
                .arg(root)
                .args(["--minUptime", "0", "--spinSleepTime", "0"])
                .arg("-l")
                .arg(side.join("log"))
                .arg("-p")
                .arg(side)
                .args(["-c", "/bin/sh"])
                .arg(script(side, &shell)),
            "onchange" => command
                .args(["-i", "-k", "app/**/*", "-e", "node_modules/**", "--"])
                .args(child),
            name => unreachable!("{name} is none of them"),
        };
        command
    }

    /// What it has to read from standard input.
    pub(crate) fn input(&self, tree: &Tree) -> String {
        match self.name {
            "floor" => tree.list_of_dirs(),
            "entr" => tree.list_of_files(),
            _ => String::new(),
        }
    }
}

/// A script that runs this command.
fn script(side: &Path, command: &str) -> PathBuf {
    let script = side.join("run.sh");
    fs::write(&script, format!("{command}\n")).expect("a writable directory");
    script
}

fn variable(name: &str) -> String {
    format!("BENCH_{}", name.to_uppercase().replace('-', "_"))
}

fn find(name: &str) -> Option<PathBuf> {
    if let Some(named) = env::var_os(variable(name)) {
        return Some(named.into());
    }
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

/// What the program says of itself, or else the package it is part of.
fn version(program: &Path) -> String {
    let output = Command::new(program).arg("--version").output();
    let output = output.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    let said = [output.stdout, output.stderr].concat();
    number(&String::from_utf8_lossy(&said))
        .or_else(|| {
            let file = program.canonicalize().ok()?;
            let package = file.ancestors().map(|dir| dir.join("package.json"));
            let package = package
                .into_iter()
                .find_map(|file| fs::read_to_string(file).ok())?;
            number(package.split_once("\"version\"")?.1)
        })
        .unwrap_or_else(|| "of unknown version".to_owned())
}

/// The first number with a dot in it.
fn number(text: &str) -> Option<String> {
    let mut words = text.split(|c: char| !c.is_ascii_digit() && c != '.');
    let is_number = |word: &&str| word.contains('.') && word.starts_with(|c: char| c != '.');
    words.find(is_number).map(str::to_owned)
}
