//! Finds the project file, and knows where it is: what it says is relative to that.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use rustix::process::geteuid;

use super::upwards;
use crate::cli::Typed;
use crate::text::{reason, shown};

/// The file's name.
const NAME: &str = "rwatch.toml";

/// A project file.
#[derive(Debug)]
pub(super) struct File {
    /// As the user is told it.
    pub(super) name: String,
    /// Its directory, as seen from the current one. Empty: it is the same.
    pub(super) home: PathBuf,
    pub(super) text: String,
}

impl File {
    /// The file that counts in `dir`: the one that was asked for, or the nearest one.
    ///
    /// # Errors
    /// If it cannot be read; or may not be, and nothing else says what to run.
    pub(super) fn find(
        typed: &Typed,
        dir: &Path,
        remarks: &mut Vec<String>,
    ) -> anyhow::Result<Option<Self>> {
        let args = &typed.args;
        if let Some(path) = &args.config {
            return Self::read(path, dir).map(Some);
        }
        if args.no_config {
            return Ok(None);
        }
        for (home, above) in upwards(dir) {
            let path = above.join(NAME);
            if path.is_file() {
                let name = home.join(NAME);
                if is_trusted(&path, dir) {
                    let read = Self::read(&name, dir).map(Some);
                    return read.map_err(|error| anyhow!("{error}; --no-config goes without it"));
                }
                let name = shown(name.as_os_str());
                if typed.run.is_some() || !args.names_a_task() {
                    bail!(
                        "{name} belongs to somebody else: --config {name} reads it, --no-config goes without it"
                    );
                }
                remarks.push(format!(
                    "{name} belongs to somebody else and is not read; --config {name} reads it"
                ));
                return Ok(None);
            }
        }
        Ok(None)
    }

    fn read(path: &Path, dir: &Path) -> anyhow::Result<Self> {
        let name = shown(path.as_os_str());
        let bytes = fs::read(dir.join(path))
            .map_err(|error| anyhow!("cannot read `{name}`: {}", reason(&error)))?;
        let text = String::from_utf8(bytes)
            .ok()
            .with_context(|| format!("cannot read `{name}`: it is not UTF-8"))?;
        let home = match path.parent() {
            Some(home) if is_kept(path, dir) => home.to_owned(),
            _ => PathBuf::new(),
        };
        Ok(Self { name, home, text })
    }

    /// The line that says that it counts.
    pub(super) fn remark(&self, run: Option<&str>) -> String {
        match run {
            Some(run) => format!("settings of {}, run `{run}`", self.name),
            None => format!("settings of {}", self.name),
        }
    }

    /// Whether it is in another directory than the current one.
    pub(super) fn is_elsewhere(&self) -> bool {
        !self.home.as_os_str().is_empty()
    }

    /// The current directory, as seen from the file's.
    pub(super) fn seen_from_home(&self, dir: &Path) -> PathBuf {
        if !self.is_elsewhere() {
            return PathBuf::new();
        }
        let home = dir.join(&self.home).canonicalize().unwrap_or_default();
        dir.strip_prefix(home).unwrap_or(dir).to_owned()
    }

    /// Line and column of a byte, from 1 on.
    pub(super) fn place(&self, at: usize) -> (usize, usize) {
        let before = self.text.get(..at).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default();
        (line, column.chars().count() + 1)
    }
}

/// Whether it is a file that has a place. A pipe, such as `<(…)` of a shell, is as if it stood here.
fn is_kept(path: &Path, dir: &Path) -> bool {
    let path = dir.join(path);
    path.is_file() && !path.starts_with("/dev")
}

/// Whether a file in `dir`, or in a directory above, may say what is run here: it is ours, the
/// system's, or whoever works here put it there. In a directory that everybody can write to, it may
/// be anybody's; and so may a link that leads to one of ours, to have it run among other programs.
fn is_trusted(path: &Path, dir: &Path) -> bool {
    let Ok(here) = dir.metadata() else {
        return false;
    };
    let is_for_all = here.mode() & 0o002 != 0;
    if path.parent() == Some(dir) && !is_for_all {
        return true;
    }
    let known = [0, geteuid().as_raw(), here.uid()];
    let is_known = |meta: io::Result<Metadata>| meta.is_ok_and(|it| known.contains(&it.uid()));
    is_known(path.symlink_metadata()) && is_known(path.metadata())
}
