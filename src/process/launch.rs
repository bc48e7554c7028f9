//! What COMMAND is and with what it starts; and why it did not.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{AccessFlags, access};

use super::dotenv::Variable;
use crate::event::{Changes, RunId, SpawnFailure, StartReason};
use crate::text::{quoted, reason, shown};

/// How much of the list of changes COMMAND is given. Linux takes 128 KiB in one string
/// (execve(2), `MAX_ARG_STRLEN`).
const CHANGED_MAX: usize = 64 * 1024;

/// So many scripts may be run by one another (execve(2)).
const NESTED: usize = 5;

/// What COMMAND is and with what it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// The program: a path, or a name that is looked for in PATH.
    pub program: OsString,
    /// Its arguments, byte for byte.
    pub args: Vec<OsString>,
    /// Its directory, if it is not ours.
    pub dir: Option<PathBuf>,
    /// Files with variables; a later one wins over an earlier one. They are read at every start.
    pub env_files: Vec<PathBuf>,
    /// What its environment has beside all that.
    pub env: Vec<(OsString, OsString)>,
}

impl Launch {
    /// The program and its arguments.
    pub fn words(&self) -> impl Iterator<Item = &OsStr> {
        std::iter::once(&self.program)
            .chain(&self.args)
            .map(OsString::as_os_str)
    }

    /// The command that starts this run, by this name, with these variables of its files. Standard
    /// input, output and error are ours, as they are.
    pub(super) fn command(
        &self,
        id: RunId,
        name: &str,
        reason: StartReason,
        changes: &Changes,
        variables: &[Variable],
    ) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.args)
            .envs(variables.iter().chain(&self.env).cloned())
            .env("RWATCH_RUN", id.0.to_string())
            .env("RWATCH_RUN_ID", name)
            .env("RWATCH_REASON", reason.to_string())
            .env("RWATCH_CHANGED", listed(changes));
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        command
    }

    /// Why the system did not start the program. It gives one number, and that may be about the
    /// program, its interpreter, or the directory. `variables`: those of its files.
    pub(super) fn diagnose(&self, error: &io::Error, variables: &[Variable]) -> SpawnFailure {
        let program = self.program.clone();
        let errno = error.raw_os_error().map(Errno::from_raw);
        let why = |why: &str| SpawnFailure::NotExecutable {
            program: program.clone(),
            why: why.to_owned(),
        };
        match &self.dir {
            Some(dir) if !dir.exists() => {
                return why(&format!("its directory `{}` does not exist", dir.display()));
            }
            Some(dir) if !dir.is_dir() => {
                return why(&format!("`{}` is not a directory", dir.display()));
            }
            _ => {}
        }
        match errno {
            Some(Errno::ENOENT | Errno::ENOTDIR) => match self.file(variables) {
                Ok(file) => match self.refused(&file, |interpreter| !interpreter.exists()) {
                    Some((script, interpreter)) => SpawnFailure::NoInterpreter {
                        program: script.map_or(program, PathBuf::into_os_string),
                        interpreter,
                    },
                    None => why("the loader that it was linked for does not exist"),
                },
                Err(searched) => SpawnFailure::NotFound {
                    is_here: searched.is_some() && self.here(&program).is_file(),
                    program,
                    searched,
                },
            },
            Some(Errno::EACCES) => match self.file(variables) {
                Ok(file) if file.is_dir() => why("it is a directory"),
                Err(_) => why("permission denied: a directory on the way to it cannot be entered"),
                // To open a FIFO would be to wait.
                Ok(file) if !file.is_file() => why("it is no regular file"),
                Ok(file) if is_noexec(&file) => why("its file system is mounted with `noexec`"),
                Ok(file) if is_executable(&file) => self.diagnose_interpreter(program, &file),
                _ => why("permission denied; `chmod +x` makes it executable"),
            },
            Some(Errno::ENOEXEC) => match self.file(variables) {
                Ok(file) if head(&file).starts_with(b"\xef\xbb\xbf#!") => {
                    why("a byte order mark (BOM) stands before its `#!` line; save it without one")
                }
                _ => why("it is no binary for this machine and has no `#!` line"),
            },
            Some(
                Errno::EAGAIN | Errno::ENOMEM | Errno::EMFILE | Errno::ENFILE | Errno::ETXTBSY,
            ) => SpawnFailure::Transient {
                program,
                why: reason(error),
            },
            Some(Errno::E2BIG) => why(
                "argument list too long: arguments and environment may have no more than \
                 `getconf ARG_MAX` bytes together, and on Linux 128 KiB each",
            ),
            _ => why(&reason(error)),
        }
    }

    /// The first interpreter on the way from the file to a binary that is `wrong`, and the script
    /// whose `#!` line names it, if that is not the file itself: a script may be run by another one.
    fn refused(
        &self,
        file: &Path,
        wrong: impl Fn(&Path) -> bool,
    ) -> Option<(Option<PathBuf>, OsString)> {
        let mut script = None;
        for _ in 0..NESTED {
            let named = interpreter(script.as_deref().unwrap_or(file))?;
            let path = self.here(&named);
            if wrong(&path) {
                return Some((script, named));
            }
            script = Some(path);
        }
        None
    }

    /// Why a program that may be executed may not.
    fn diagnose_interpreter(&self, program: OsString, file: &Path) -> SpawnFailure {
        let wrong = |path: &Path| path.is_dir() || !is_executable(path);
        let (program, why) = match self.refused(file, wrong) {
            Some((script, named)) => (
                script.map_or(program, PathBuf::into_os_string),
                format!(
                    "its `#!` line names `{}`, which is not executable",
                    shown(&named)
                ),
            ),
            None => (program, "permission denied".to_owned()),
        };
        SpawnFailure::NotExecutable { program, why }
    }

    /// The file that may not be executed because of its mode, or of that of a directory on the way to it:
    /// the program's, or its interpreter's.
    pub(super) fn denied(&self, variables: &[Variable]) -> Option<PathBuf> {
        let named = || self.program.as_bytes().contains(&b'/');
        let file = self.file(variables).ok();
        let file = file.or_else(|| named().then(|| self.here(&self.program)))?;
        let interpreter = interpreter(&file).map(|it| self.here(&it));
        let mut files = [file].into_iter().chain(interpreter);
        files.find(|file| match file.metadata() {
            Ok(meta) => meta.is_file() && !is_executable(file),
            Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
        })
    }

    /// A path as it is in the directory that the program is started in.
    fn here(&self, path: &OsStr) -> PathBuf {
        self.dir.as_deref().unwrap_or(Path::new("")).join(path)
    }

    /// The file of the program, or the PATH that has none.
    fn file(&self, variables: &[Variable]) -> Result<PathBuf, Option<OsString>> {
        if self.program.is_empty() {
            return Err(None);
        }
        if self.program.as_bytes().contains(&b'/') {
            let path = self.here(&self.program);
            return if path.exists() { Ok(path) } else { Err(None) };
        }
        let mut own = variables.iter().chain(&self.env).rev();
        let path = own.find(|(key, _)| key == "PATH").map_or_else(
            || std::env::var_os("PATH").unwrap_or_default(),
            |(_, value)| value.clone(),
        );
        std::env::split_paths(&path)
            .map(|dir| self.here(dir.as_os_str()).join(&self.program))
            .find(|file| file.exists())
            .ok_or(Some(path))
    }
}

/// The interpreter that the file's `#!` line names (execve(2)), if it has such a line. To the kernel
/// a carriage return is a letter like any other, and ends no name.
fn interpreter(file: &Path) -> Option<OsString> {
    let head = head(file);
    let line = head
        .strip_prefix(b"#!")?
        .split(|&byte| byte == b'\n')
        .next()?;
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | 0);
    let word = line.split(blank).find(|word| !word.is_empty())?;
    Some(OsString::from_vec(word.to_vec()))
}

/// As much of the file as the kernel looks at to find out how to run it; nothing of a FIFO, which would
/// be waited for.
fn head(file: &Path) -> Vec<u8> {
    let mut head = Vec::new();
    if file.is_file()
        && let Ok(file) = fs::File::open(file)
    {
        let _ = file.take(256).read_to_end(&mut head);
    }
    head
}

/// Whether we may execute the file, as far as the file itself is concerned.
fn is_executable(file: &Path) -> bool {
    access(file, AccessFlags::X_OK).is_ok()
}

/// Whether nothing may be executed where the file is.
fn is_noexec(file: &Path) -> bool {
    statvfs(file).is_ok_and(|fs| fs.flags().contains(FsFlags::ST_NOEXEC))
}

/// A name that no other run on this machine has: pids and the time of day are not repeated
/// together.
pub(super) fn unique(id: RunId) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    format!("{}-{:x}-{}", std::process::id(), now.as_nanos(), id.0)
}

/// The changed paths, one a line, as many as fit.
fn listed(changes: &Changes) -> OsString {
    let mut list = Vec::new();
    for change in changes.iter() {
        let path = quoted(change.path.as_os_str());
        if list.len() + path.len() + 1 > CHANGED_MAX {
            break;
        }
        if !list.is_empty() {
            list.push(b'\n');
        }
        list.extend(path.as_bytes());
    }
    OsString::from_vec(list)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Change, ChangeKind};

    fn changes(paths: impl IntoIterator<Item = String>) -> Changes {
        paths
            .into_iter()
            .map(|path| Change {
                path: PathBuf::from(path),
                kind: ChangeKind::Modified,
            })
            .collect()
    }

    #[test]
    fn changes_are_listed_one_a_line_up_to_64_kib() {
        let few = changes(["a b".to_owned(), "c\nd".to_owned()]);
        assert_eq!(listed(&few), OsString::from("a b\n\"c\\nd\""));
        assert_eq!(listed(&Changes::default()), OsString::new());
        let many = listed(&changes((0..20_000).map(|n| format!("{n:05}"))));
        assert_eq!(many.len(), CHANGED_MAX / 6 * 6 - 1, "whole lines only");
    }

    #[track_caller]
    fn check_interpreter(content: &[u8], expected: Option<&str>) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let file = dir.path().join("script");
        fs::write(&file, content).expect("writable");
        assert_eq!(interpreter(&file), expected.map(OsString::from));
    }

    #[test]
    fn the_interpreter_is_the_first_word_after_the_mark() {
        check_interpreter(b"#!/bin/sh\n", Some("/bin/sh"));
        check_interpreter(b"#! /usr/bin/env node\n", Some("/usr/bin/env"));
        check_interpreter(b"#!/x", Some("/x"));
        check_interpreter(b"#!\t /bin/sh\t-e\n", Some("/bin/sh"));
        check_interpreter(b"#!/bin/bash\r\necho", Some("/bin/bash\r"));
        check_interpreter(b"#!\n", None);
        check_interpreter(b"\x7fELF", None);
    }
}
