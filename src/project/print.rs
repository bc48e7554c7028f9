//! Prints settings as TOML, each with where it comes from.
//!
//! What is printed is to be saved where the project file is, or would be: what was typed in another
//! directory is put as it has to be put there.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use toml_writer::{ToTomlKey as _, ToTomlValue as _};

use super::file::File;
use super::layer::{
    COMMAND, ENV, EXEC, IGNORE, Kind, Layer, Origin, Schema, Value, is_path, seen_from,
};
use crate::config::plain_pattern;

/// What counts where nothing is said, beside flags, which are not set.
const DEFAULTS: [(&str, &str); 6] = [
    ("watch", "."),
    ("restart", "never"),
    ("backoff", "100ms..30s"),
    ("signal", "TERM"),
    ("stop-timeout", "5s"),
    ("color", "auto"),
];

/// All settings in the directory `dir`, as the file would have them that says the same.
pub(super) fn toml(settings: &Layer, schema: &Schema, file: Option<&File>, dir: &Path) -> String {
    let page = Page {
        settings,
        schema,
        file,
        here: file.map_or_else(PathBuf::new, |file| file.seen_from_home(dir)),
        dir,
    };
    let entries = schema.keys().filter(|key| *key != ENV);
    let mut lines: Vec<Line> = entries.flat_map(|key| page.entry(key)).collect();
    lines.extend(page.variables());
    aligned(&lines)
}

/// Some TOML, and what is said of it.
type Line = (String, String);

/// What a page is made of.
struct Page<'a> {
    settings: &'a Layer,
    schema: &'a Schema,
    file: Option<&'a File>,
    /// The current directory, as seen from the file's. Empty: it is the same.
    here: PathBuf,
    /// The current directory.
    dir: &'a Path,
}

impl Page<'_> {
    /// A setting, if there is anything to say; a list on one line, if all of it is from one place.
    fn entry(&self, key: &str) -> Vec<Line> {
        let line = |value| (self.toml(key, value), self.origin(key, value));
        let values: Vec<Line> = self.settings.values(key).iter().map(line).collect();
        let is_many = self.schema.kind(key) == Some(Kind::Many);
        match values.as_slice() {
            [] => self.default(key).into_iter().collect(),
            [(value, origin)] if !is_many => vec![(format!("{key} = {value}"), origin.clone())],
            [(_, origin), others @ ..] if others.iter().all(|(_, other)| other == origin) => {
                let list: Vec<&str> = values.iter().map(|(value, _)| value.as_str()).collect();
                vec![(format!("{key} = [{}]", list.join(", ")), origin.clone())]
            }
            _ => {
                let elements = values.into_iter();
                let elements = elements.map(|(value, origin)| (format!("  {value},"), origin));
                let alone = |text: String| std::iter::once((text, String::new()));
                let lines = alone(format!("{key} = [")).chain(elements);
                lines.chain(alone("]".to_owned())).collect()
            }
        }
    }

    /// What counts if a key is not set. What depends on the circumstances is left out.
    fn default(&self, key: &str) -> Option<Line> {
        let is_set = |key| !self.settings.values(key).is_empty();
        let typed_elsewhere = !self.here.as_os_str().is_empty()
            && !self.settings.is_of_file(COMMAND)
            && !self.settings.is_of_file(EXEC);
        let is_many = self.schema.kind(key) == Some(Kind::Many);
        let line = |value: &str, why: &str| {
            let value = value.to_toml_value();
            let value = if is_many { format!("[{value}]") } else { value };
            Some((format!("{key} = {value}"), why.to_owned()))
        };
        match key {
            "watch" if is_set("max-restarts") => None,
            "restart" if is_set("max-restarts") => line("always", "because of max-restarts"),
            "watch" | "chdir" if typed_elsewhere => {
                line(&self.here.to_string_lossy(), "the current directory")
            }
            _ if !self.schema.is_listed(key) => None,
            _ if self.schema.kind(key) == Some(Kind::Flag) => {
                Some((format!("{key} = false"), "default".to_owned()))
            }
            _ => {
                let (_, value) = DEFAULTS.iter().find(|(name, _)| *name == key)?;
                line(value, "default")
            }
        }
    }

    /// The table of variables, which is the last one, since tables have no end. The later one of two
    /// of the same name counts.
    fn variables(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut seen = HashSet::new();
        for value in self.settings.values(ENV).iter().rev() {
            let text = value.text.to_string_lossy();
            let (name, content) = text.split_once('=').unwrap_or((&text, ""));
            if seen.insert(name.to_owned()) {
                let line = format!("{} = {}", name.to_toml_key(), content.to_toml_value());
                lines.push((line, self.origin(ENV, value)));
            }
        }
        if !lines.is_empty() {
            lines.push(("\n[env]".to_owned(), String::new()));
        }
        lines.reverse();
        lines
    }

    fn toml(&self, key: &str, value: &Value) -> String {
        let is_typed_elsewhere = value.origin == Origin::Typed && !self.here.as_os_str().is_empty();
        let text = match key {
            _ if is_typed_elsewhere && is_path(key, &value.text) => {
                seen_from(&self.here, &value.text).into()
            }
            IGNORE if is_typed_elsewhere => {
                let plain = plain_pattern(&value.text.to_string_lossy(), self.dir);
                anchored(&self.here, OsStr::new(&plain))
            }
            _ => value.text.clone(),
        };
        let text = text.to_string_lossy();
        match self.schema.kind(key) {
            Some(Kind::Flag | Kind::Optional) if ["true", "false"].contains(&&*text) => {
                text.into_owned()
            }
            _ if key == "max-restarts" => text.into_owned(),
            _ => text.to_toml_value(),
        }
    }

    fn origin(&self, key: &str, value: &Value) -> String {
        match (value.origin, self.file) {
            (Origin::File { at }, Some(file)) => format!("{}:{}", file.name, file.place(at).0),
            (Origin::Package { part }, _) => format!("package.json, {part}"),
            _ if key == COMMAND => "command line".to_owned(),
            _ => format!("--{key}"),
        }
    }
}

/// A pattern of the directory `here`, as it has to be in the one that it is seen from: what has no
/// slash but at the end matches at any depth (gitignore(5)).
fn anchored(here: &Path, pattern: &OsStr) -> OsString {
    let pattern = pattern.to_string_lossy();
    let (mark, pattern) = match pattern.strip_prefix('!') {
        Some(rest) => ("!", rest),
        None => ("", &*pattern),
    };
    let is_deep = !pattern.trim_end_matches('/').contains('/');
    let depth = if is_deep { "**/" } else { "" };
    let here = here.to_string_lossy();
    format!("{mark}/{here}/{depth}{}", pattern.trim_start_matches('/')).into()
}

/// The lines, with what is said of them in a column of its own.
fn aligned(lines: &[Line]) -> String {
    const WIDEST: usize = 50;
    let widths = lines.iter().map(|(toml, _)| toml.chars().count());
    let width = widths.filter(|width| *width <= WIDEST).max().unwrap_or(0);
    let mut text = String::new();
    for (toml, comment) in lines {
        let _ = match comment.as_str() {
            "" => writeln!(text, "{toml}"),
            _ => writeln!(text, "{toml:width$}  # {comment}"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Args;
    use crate::config::{Config, Env};

    #[test]
    fn what_counts_where_nothing_is_said_changes_nothing() {
        let env = Env::current().expect("there is a current directory");
        let meant = |said: &[String]| {
            let words = ["rwatch".to_owned()].into_iter().chain(said.to_vec());
            let args = Args::try_parse_from(words).expect("valid");
            format!("{:?}", Config::resolve(args, None, &env).expect("valid"))
        };
        let said = DEFAULTS.map(|(key, value)| format!("--{key}={value}"));
        assert_eq!(meant(&said), meant(&[]));
    }

    #[test]
    fn patterns_of_another_directory() {
        for (pattern, expected) in [
            ("*.log", "/sub/**/*.log"),
            ("/dist", "/sub/dist"),
            ("a/b", "/sub/a/b"),
            ("tmp/", "/sub/**/tmp/"),
            ("!*.log", "!/sub/**/*.log"),
        ] {
            let anchored = anchored(Path::new("sub"), OsStr::new(pattern));
            assert_eq!(anchored, expected, "{pattern}");
        }
    }
}
