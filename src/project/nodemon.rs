//! Writes what nodemon would do in a directory as an rwatch.toml.
//!
//! Every setting of nodemon is in what comes out: as a key, or in a comment that says why not.

mod command;
mod document;
mod patterns;
mod settings;
mod watching;

#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::path::Path;

use anyhow::bail;
use nix::sys::signal::Signal;
use serde_json::{Map, Value};

use self::command::Command;
use self::document::Document;
use self::settings::{Milliseconds, Settings};
use super::habits::{Runs, manifest};

/// The keys that become keys of rwatch.toml, or part of one.
const TAKEN: [&str; 19] = [
    "watch",
    "ext",
    "ignore",
    "ignoreRoot",
    "delay",
    "exec",
    "execMap",
    "execArgs",
    "nodeArgs",
    "args",
    "signal",
    "env",
    "verbose",
    "quiet",
    "colours",
    "runOnChangeOnly",
    "legacyWatch",
    "pollingInterval",
    "watchOptions",
];

/// The keys without an equivalent, and why they have none.
const LEFT_OUT: [(&str, &str); 9] = [
    (
        "restartable",
        "with rwatch it is `rs` or `r`, as long as the command does not read the terminal",
    ),
    (
        "cwd",
        "nodemon does not read it from a file; rwatch has `chdir`, the directory of the command",
    ),
    (
        "script",
        "nodemon reads it only when it is started from JavaScript",
    ),
    (
        "exitCrash",
        "rwatch waits for a change after a crash, as long as it watches anything",
    ),
    (
        "stdin",
        "rwatch gives the command its own standard input in any case",
    ),
    (
        "stdout",
        "rwatch gives the command its own standard output in any case",
    ),
    ("spawn", "rwatch never starts a command in any other way"),
    ("noUpdateNotifier", "rwatch looks for no updates"),
    (
        "events",
        "rwatch runs nothing at events, but tells them: --events",
    ),
];

/// What a directory is read with.
struct Here<'a> {
    dir: &'a Path,
    /// The PATH.
    path: Option<&'a OsStr>,
}

/// The text of an rwatch.toml for what nodemon does when it is started in `dir` without arguments.
///
/// # Errors
/// If a file of nodemon's cannot be read, or there is nothing to go by.
pub fn import(dir: &Path) -> anyhow::Result<String> {
    let path = std::env::var_os("PATH");
    let here = Here {
        dir,
        path: path.as_deref(),
    };
    convert(&here)
}

fn convert(here: &Here) -> anyhow::Result<String> {
    let package = manifest::read(here.dir, manifest::FILE)?;
    let settings = Settings::find(here.dir, package.as_ref())?;
    let command = Command::find(&settings, package.as_ref(), here)?;
    if settings.origin.is_none() && command.runs.is_none() {
        bail!(
            "nothing to import from `{}`: no nodemon.json, no `nodemonConfig`, `main` or `scripts.start` in \
             package.json, and no index.js",
            here.dir.display()
        );
    }
    let mut out = Document::default();
    out.header(&settings);
    out.command(&command, package.as_ref());
    out.watching(&settings, &command, here.dir)?;
    out.times(&settings)?;
    out.signal(&settings)?;
    out.output(&settings)?;
    out.rest(&settings, &command)?;
    out.env(&settings, &command)?;
    Ok(out.text.trim_end().to_owned() + "\n")
}

impl Document {
    fn header(&mut self, settings: &Settings) {
        let origin = settings.origin.unwrap_or("no settings");
        self.note(&format!(
            "What `nodemon` does here, started without arguments, with {origin}; by `rwatch --import-nodemon`."
        ));
        self.note(
            "In contrast to nodemon, rwatch also ignores what .gitignore lists (see `no-ignore`).",
        );
        self.part();
    }

    /// What is run; and what the scripts of the package have nodemon run otherwise.
    fn command(&mut self, command: &Command, package: Option<&Map<String, Value>>) {
        for note in &command.notes {
            self.note(note);
        }
        match &command.runs {
            Some(Runs::Words(words)) => {
                self.note(&format!("From {}.", command.from));
                self.list("command", words);
            }
            Some(Runs::Shell(string)) => {
                self.note(&format!("From {}.", command.from));
                self.set("exec", string);
            }
            None => {
                self.note(
                    "Nothing here says what is to be run: give rwatch a COMMAND, or say it here:",
                );
                self.note("command = [\"node\", \"server.js\"]");
            }
        }
        let scripts = package.and_then(|package| package.get("scripts")?.as_object());
        for (name, script) in scripts.into_iter().flatten() {
            let script = script.as_str().unwrap_or_default();
            if let Some(args) = arguments_of_nodemon(script) {
                self.note(&format!(
                    "The script `{name}` of package.json calls `nodemon {args}`: what it says there is not in here."
                ));
            }
        }
        self.part();
    }

    /// `delay` and `postpone`.
    fn times(&mut self, settings: &Settings) -> anyhow::Result<()> {
        match settings.milliseconds("delay")? {
            Some(Milliseconds::Number(delay)) if delay > 0.0 => self.set("delay", &duration(delay)),
            Some(Milliseconds::Number(_)) | None => {}
            Some(Milliseconds::Words(text)) => self.lost(
                "delay",
                &text.into(),
                "in a file nodemon takes nothing but a number of milliseconds, and skips this",
            ),
        }
        if settings.flag("runOnChangeOnly")? == Some(true) {
            if settings.get("watch") == Some(&Value::Bool(false)) {
                let why = "there are no changes where nothing is watched";
                self.lost("runOnChangeOnly", &true.into(), why);
            } else {
                self.set("postpone", &true);
            }
        }
        Ok(())
    }

    fn signal(&mut self, settings: &Settings) -> anyhow::Result<()> {
        let Some(name) = settings.string("signal")?.filter(|name| !name.is_empty()) else {
            self.note(
                "nodemon stops the command by SIGUSR2, rwatch by SIGTERM. If the command handles SIGUSR2 \
                 and not SIGTERM: signal = \"USR2\"",
            );
            return Ok(());
        };
        let full = name.to_ascii_uppercase();
        let full = full.strip_prefix("SIG").unwrap_or(&full);
        if format!("SIG{full}").parse::<Signal>().is_err() {
            let origin = settings.origin.unwrap_or(settings::FILE);
            bail!("`signal` in {origin} is `{name}`, which is no signal; SIGTERM is one");
        }
        self.set("signal", full);
        Ok(())
    }

    /// `quiet`, `verbose` and `color`.
    fn output(&mut self, settings: &Settings) -> anyhow::Result<()> {
        let verbose = settings.flag("verbose")? == Some(true);
        if settings.flag("quiet")? == Some(true) {
            if verbose {
                self.lost("verbose", &true.into(), "`quiet` wins");
            }
            self.set("quiet", &true);
        } else if verbose {
            self.set("verbose", &true);
        }
        if settings.flag("colours")? == Some(false) {
            self.set("color", "never");
        }
        Ok(())
    }

    /// What has no equivalent.
    fn rest(&mut self, settings: &Settings, command: &Command) -> anyhow::Result<()> {
        self.part();
        for (key, value) in &settings.values {
            let defaults = [
                ("restartable", Value::from("rs")),
                ("stdin", true.into()),
                ("stdout", true.into()),
                ("spawn", false.into()),
                ("exitCrash", false.into()),
            ];
            let says_nothing = value.is_null() || defaults.contains(&(key, value.clone()));
            if says_nothing || TAKEN.contains(&key.as_str()) || key.starts_with('$') {
                continue;
            }
            let left_out = LEFT_OUT.iter().find(|(known, _)| known == key);
            match (left_out, value) {
                (Some((_, why)), Value::Object(members)) => {
                    for (name, value) in members {
                        self.lost(&format!("{key}.{name}"), value, why);
                    }
                }
                (Some((_, why)), _) => self.lost(key, value, why),
                (None, _) => self.lost(key, value, &unknown(key)),
            }
        }
        for (extension, exec) in settings.table("execMap")? {
            if command.mapped.as_ref() != Some(&extension) {
                self.lost(
                    &format!("execMap.{extension}"),
                    &exec.into(),
                    "rwatch has no such map, and the command above has no need of it",
                );
            }
        }
        Ok(())
    }

    /// The environment. It is a table, which goes on to the end of the file.
    fn env(&mut self, settings: &Settings, command: &Command) -> anyhow::Result<()> {
        let variables = settings.table("env")?;
        if variables.is_empty() {
            return Ok(());
        }
        self.part();
        if command.by_shell {
            self.note("In contrast to nodemon, these win over variables that are set already.");
        }
        self.text += "[env]\n";
        for (name, value) in variables {
            if name.is_empty() || name.contains('=') {
                self.lost("env", &name.into(), "no variable can have this name");
            } else {
                self.set(&name, &value);
            }
        }
        Ok(())
    }
}

/// What a script says to nodemon, if it says anything.
fn arguments_of_nodemon(script: &str) -> Option<&str> {
    let at = script.find("nodemon")?;
    let is_start = |c: char| c.is_whitespace() || "/;&|(\"'".contains(c);
    let args = script[at..].strip_prefix("nodemon")?;
    let is_word = script[..at].is_empty() || script[..at].ends_with(is_start);
    let args = args.split(['&', '|', ';']).next()?;
    let is_call = is_word && args.starts_with(char::is_whitespace);
    Some(args.trim()).filter(|args| is_call && !args.is_empty())
}

/// As rwatch reads it.
fn duration(milliseconds: f64) -> String {
    let seconds = milliseconds / 1000.0;
    if seconds >= 1.0 && seconds.fract() == 0.0 {
        format!("{seconds}s")
    } else {
        format!("{milliseconds}ms")
    }
}

/// What to say of a key that nodemon does not know.
fn unknown(key: &str) -> String {
    let bare = |key: &str| key.replace(['-', '_'], "").to_lowercase();
    let known = TAKEN.into_iter().chain(LEFT_OUT.map(|(key, _)| key));
    let nearest = known.min_by_key(|known| strsim::osa_distance(&bare(known), &bare(key)));
    let nearest = nearest.filter(|known| strsim::osa_distance(&bare(known), &bare(key)) <= 2);
    match nearest {
        Some(nearest) => format!("nodemon knows no such key; did it mean {nearest}?"),
        None => "nodemon knows no such key".to_owned(),
    }
}
