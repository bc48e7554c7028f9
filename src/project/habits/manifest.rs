//! Reads package.json, and what it says is to be run.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use anyhow::bail;
use serde_json::{Map, Value};

use crate::text::reason;

/// The name of the file.
pub(in crate::project) const FILE: &str = "package.json";

/// What node runs of a package that does not say.
pub(in crate::project) const INDEX: &str = "index.js";

/// Programs that run the scripts of package.json by their names.
const RUNNERS: [&str; 8] = [
    "npm",
    "pnpm",
    "yarn",
    "bun",
    "npm-run-all",
    "run-s",
    "run-p",
    "concurrently",
];

/// The members of the object that this file of `dir` holds, in their order; none if there is no
/// such file.
///
/// # Errors
/// If it cannot be read, or holds something else; with the place.
pub(in crate::project) fn read(
    dir: &Path,
    file: &str,
) -> anyhow::Result<Option<Map<String, Value>>> {
    let path = dir.join(file);
    if fs::metadata(&path).is_ok_and(|meta| meta.file_type().is_fifo()) {
        bail!("cannot read `{file}`: it is a FIFO, and nobody may ever write to it");
    }
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => bail!("cannot read `{file}`: {}", reason(&error)),
    };
    // node and nodemon skip it, too.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    match serde_json::from_str(text) {
        Ok(Value::Object(members)) => Ok(Some(members)),
        Ok(other) => bail!("`{file}` holds {}, not an object", kind(&other)),
        Err(error) => {
            let place = format!(" at line {} column {}", error.line(), error.column());
            let message = error.to_string();
            let message = message.strip_suffix(&place).unwrap_or(&message);
            bail!(
                "`{file}` is no JSON: line {}, column {}: {message}",
                error.line(),
                error.column()
            )
        }
    }
}

/// What a value is, with its article.
pub(in crate::project) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// What node alone would run of a package.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::project) enum Entry {
    /// The file that `main` names.
    Main(String),
    /// `index.js`, which needs no naming.
    Index,
    /// The shell string of `scripts.start`.
    Start(String),
}

impl Entry {
    /// The one that nodemon takes in `dir`: `index.js` stands in for a missing `main`, and both
    /// come before `start`.
    ///
    /// # Errors
    /// If something is no string that has to be one.
    pub(in crate::project) fn find(
        package: &Map<String, Value>,
        dir: &Path,
    ) -> anyhow::Result<Option<Self>> {
        if let Some(main) = string(package, "main")? {
            let given = Some(main).filter(|main| !main.is_empty());
            return Ok(given.map(|main| Self::Main(main.to_owned())));
        }
        if dir.join(INDEX).exists() {
            return Ok(Some(Self::Index));
        }
        let start = script(package, "start").filter(|start| !start.trim().is_empty());
        Ok(start.map(|start| Self::Start(start.to_owned())))
    }
}

fn string<'a>(members: &'a Map<String, Value>, key: &str) -> anyhow::Result<Option<&'a str>> {
    match members.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => bail!("`{key}` in {FILE} is {}, not a string", kind(other)),
    }
}

/// The script of this name.
pub(in crate::project) fn script<'a>(
    package: &'a Map<String, Value>,
    name: &str,
) -> Option<&'a str> {
    package.get("scripts")?.get(name)?.as_str()
}

/// The name of the restarting program that this script starts, by itself or by the scripts that it
/// runs. To start such a script without a word would go on for ever.
pub(in crate::project) fn watcher_in<'a>(
    package: &'a Map<String, Value>,
    name: &'a str,
) -> Option<&'static str> {
    // Scripts that run each other may be a long chain, or a ring.
    let mut seen = HashSet::from([name]);
    let mut next = vec![name];
    while let Some(name) = next.pop() {
        let Some(script) = script(package, name) else {
            continue;
        };
        let words: Vec<&str> = words_of(script).collect();
        let has = |program: &str| words.iter().any(|word| base(word) == program);
        if let Some(watcher) = ["nodemon", "rwatch"].into_iter().find(|it| has(it)) {
            return Some(watcher);
        }
        if RUNNERS.into_iter().any(has) {
            // `concurrently npm:dev`
            let names = words
                .iter()
                .map(|word| word.strip_prefix("npm:").unwrap_or(word));
            next.extend(names.filter(|name| seen.insert(name)));
        }
    }
    None
}

/// The words of a shell string, roughly: quotes and operators are gaps.
pub(in crate::project) fn words_of(string: &str) -> impl Iterator<Item = &str> {
    string
        .split(|c: char| c.is_whitespace() || ";&|()<>\"'`".contains(c))
        .filter(|word| !word.is_empty())
}

/// What follows the last `/`.
pub(in crate::project) fn base(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

/// The script as nodemon finds it: without its extension if that is the only thing that is
/// missing.
pub(in crate::project) fn expanded(script: &str, extension: &str, dir: &Path) -> String {
    let whole = format!("{script}{extension}");
    let is_complete = script.contains(extension) || dir.join(script).exists();
    if !is_complete && dir.join(&whole).exists() {
        whole
    } else {
        script.to_owned()
    }
}
