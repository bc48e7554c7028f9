//! Finds, reads and checks rwatch.toml: the long options as keys, `command`, and a table for each run.

use std::fs;
use std::ops::Range;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::Parser as _;
use rustix::process::geteuid;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::layer::{COMMAND, ENV, Kind, Layer, Origin, Schema, Value, is_typed_only};
use crate::cli::Args;
use crate::config::{Config, Env};
use crate::text::{reason, shown};

/// The file's name.
const NAME: &str = "rwatch.toml";
/// The key of the tables of runs.
const RUN: &str = "run";
/// What only a shell understands.
const OPERATORS: [&str; 9] = ["&&", "||", "|", ";", "&", ">", ">>", "<", "2>&1"];

/// A project file.
#[derive(Debug)]
pub(super) struct File {
    /// As the user is told it.
    pub(super) name: String,
    /// Its directory, as seen from the current one. Empty: it is the same.
    pub(super) home: PathBuf,
    text: String,
}

/// What is wrong, and where: in bytes from the start.
type Wrong = (Range<usize>, String);

impl File {
    /// The file that counts in `dir`: the one that was asked for, or the nearest one.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn find(
        args: &Args,
        dir: &Path,
        remarks: &mut Vec<String>,
    ) -> anyhow::Result<Option<Self>> {
        if let Some(path) = &args.config {
            return Self::read(path, dir).map(Some);
        }
        if args.no_config {
            return Ok(None);
        }
        let mut home = PathBuf::new();
        for above in dir.ancestors() {
            let path = above.join(NAME);
            if path.is_file() {
                let name = home.join(NAME);
                if is_trusted(&path, dir) {
                    return Self::read(&name, dir).map(Some);
                }
                let name = shown(name.as_os_str());
                remarks.push(format!(
                    "{name} belongs to somebody else and is not read; --config {name} reads it"
                ));
                return Ok(None);
            }
            home.push("..");
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
        let home = path.parent().unwrap_or(Path::new("")).to_owned();
        Ok(Self { name, home, text })
    }

    /// The line that says that it counts.
    pub(super) fn remark(&self, run: Option<&str>) -> String {
        match run {
            Some(run) => format!("settings of {}, run `{run}`", self.name),
            None => format!("settings of {}", self.name),
        }
    }

    /// What it says.
    ///
    /// # Errors
    /// If anything in it makes no sense, with line and column.
    pub(super) fn parse(&self, schema: &Schema, env: &Env) -> anyhow::Result<Content> {
        let reading = Reading {
            file: self,
            schema,
            env,
        };
        reading.content().map_err(|(span, message)| {
            let (line, column) = self.place(span.start);
            anyhow!("{}:{line}:{column}: {message}", self.name)
        })
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

    /// Has what it runs run where it is, and watch what is there, unless that is said.
    pub(super) fn takes_home(&self, args: &mut Args) {
        if self.is_elsewhere() {
            args.chdir.get_or_insert_with(|| self.home.clone());
            if args.watch.is_empty() && args.max_restarts.is_none() {
                args.watch.push(self.home.clone());
            }
        }
    }

    /// That it does not say what to run.
    pub(super) fn no_command(&self, runs: &[(String, Layer)]) -> anyhow::Error {
        let name = &self.name;
        match runs {
            [] => anyhow!("{name} has no `command`: write one there, or name a COMMAND"),
            _ => anyhow!(
                "{name} has no `command` of its own: choose a run, {}",
                named(runs)
            ),
        }
    }

    /// Line and column of a byte, from 1 on.
    pub(super) fn place(&self, at: usize) -> (usize, usize) {
        let before = self.text.get(..at).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default();
        (line, column.chars().count() + 1)
    }
}

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// For every run.
    pub(super) common: Layer,
    /// For the run of this name.
    pub(super) runs: Vec<(String, Layer)>,
}

/// A file that is being read.
struct Reading<'a> {
    file: &'a File,
    schema: &'a Schema,
    env: &'a Env,
}

impl Reading<'_> {
    fn content(&self) -> Result<Content, Wrong> {
        let table = DeTable::parse(&self.file.text).map_err(|error| {
            let message = error.message().trim().replace('\n', ", ");
            (error.span().unwrap_or_default(), message)
        })?;
        let runs = table.get_ref().iter().find(|(key, _)| key.get_ref() == RUN);
        let runs = runs.map_or(Ok(Vec::new()), |(_, runs)| self.runs(runs))?;
        let common = self.layer(table.span(), table.get_ref(), &[RUN])?;
        Ok(Content { common, runs })
    }

    fn runs(&self, runs: &Spanned<DeValue>) -> Result<Vec<(String, Layer)>, Wrong> {
        let mut layers = Vec::new();
        for (name, run) in table(runs)? {
            let layer = self.layer(run.span(), table(run)?, &[])?;
            layers.push((name.get_ref().to_string(), layer));
        }
        Ok(layers)
    }

    /// The settings of a table, but for these keys.
    fn layer(&self, span: Range<usize>, table: &DeTable, but: &[&str]) -> Result<Layer, Wrong> {
        let mut layer = Layer::default();
        for (key, value) in table {
            if !but.contains(&key.get_ref().as_ref()) {
                layer.set(key.get_ref(), self.values(key, value)?);
            }
        }
        if self.resolved(&layer).is_err() {
            self.blame(&layer)?;
            // Each makes sense; perhaps not together.
            self.parsed(&layer)
                .map_err(|error| (span, in_short(&error)))?;
        }
        Ok(layer)
    }

    fn values(
        &self,
        key: &Spanned<DeString>,
        value: &Spanned<DeValue>,
    ) -> Result<Vec<Value>, Wrong> {
        let name = key.get_ref().as_ref();
        let kind = self.schema.kind(name);
        let kind = kind.ok_or_else(|| (key.span(), unknown(name, self.schema)))?;
        let at = |value: &Spanned<DeValue>, text: String| Value {
            text: text.into(),
            origin: Origin::File {
                at: value.span().start,
            },
        };
        let one = |value| scalar(value).map(|text| at(value, text));
        match (kind, value.get_ref()) {
            (Kind::Many, DeValue::String(line)) if name == COMMAND => {
                let words = words(line).map_err(|message| (value.span(), message))?;
                Ok(words.into_iter().map(|word| at(value, word)).collect())
            }
            (Kind::Many, DeValue::Table(variables)) if name == ENV => variables
                .iter()
                .map(|(name, value)| {
                    let content = scalar(value)?;
                    Ok(at(value, format!("{}={content}", name.get_ref())))
                })
                .collect(),
            (Kind::Many, DeValue::Array(list)) => list.iter().map(one).collect(),
            (Kind::Flag | Kind::Optional, DeValue::Boolean(flag)) => {
                Ok(vec![at(value, flag.to_string())])
            }
            (Kind::Flag, _) => Err((value.span(), format!("`{name}` is true or false"))),
            (Kind::Many | Kind::One | Kind::Optional, _) => Ok(vec![one(value)?]),
        }
    }

    /// The first value that makes no sense to its option, if it is one value's fault.
    fn blame(&self, layer: &Layer) -> Result<(), Wrong> {
        for (alone, at) in layer.each_alone() {
            self.resolved(&alone)
                .map_err(|error| (at..at, in_short(&error)))?;
        }
        Ok(())
    }

    fn resolved(&self, layer: &Layer) -> anyhow::Result<Config> {
        Config::resolve(self.parsed(layer)?, None, self.env)
    }

    fn parsed(&self, layer: &Layer) -> anyhow::Result<Args> {
        Ok(Args::try_parse_from(
            layer.words(self.schema, &self.file.home),
        )?)
    }
}

/// That there is no run of this name.
pub(super) fn no_run(name: &str, file: Option<&File>, runs: &[(String, Layer)]) -> anyhow::Error {
    let Some(File { name: file, .. }) = file else {
        return anyhow!(
            "`@{name}` is a run of rwatch.toml, and there is no such file here or above"
        );
    };
    let names = runs.iter().map(|(run, _)| run.as_str());
    match nearest(name, names) {
        Some(run) => anyhow!("{file} has no run `{name}`: did you mean `@{run}`?"),
        None if runs.is_empty() => {
            anyhow!("{file} has no run `{name}`: begin it with [run.{name}]")
        }
        None => anyhow!("{file} has no run `{name}`: there is {}", named(runs)),
    }
}

/// The runs, as they are typed.
fn named(runs: &[(String, Layer)]) -> String {
    let names = runs.iter().map(|(name, _)| format!("@{name}"));
    names.collect::<Vec<_>>().join(", ")
}

/// The table that a run is.
fn table<'t, 'i>(value: &'t Spanned<DeValue<'i>>) -> Result<&'t DeTable<'i>, Wrong> {
    let wrong = || {
        (
            value.span(),
            "a run is a table, such as [run.web]".to_owned(),
        )
    };
    value.get_ref().as_table().ok_or_else(wrong)
}

/// COMMAND's words in one string, as a shell would split it.
fn words(line: &str) -> Result<Vec<String>, String> {
    let words = shlex::split(line).ok_or("a quote is not closed")?;
    let operator = words.iter().find(|word| OPERATORS.contains(&word.as_str()));
    match operator {
        Some(word) => Err(format!(
            "`{word}` needs a shell: say `exec` instead of `command`"
        )),
        None => Ok(words),
    }
}

/// A value as it would be typed.
fn scalar(value: &Spanned<DeValue>) -> Result<String, Wrong> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().to_owned()),
        DeValue::Float(number) => Ok(number.as_str().to_owned()),
        other => {
            let message = format!("expected a string, and this is a {}", other.type_str());
            Err((value.span(), message))
        }
    }
}

/// What to do about a key that there is not.
fn unknown(name: &str, schema: &Schema) -> String {
    if is_typed_only(name) {
        return format!("`{name}` is for the command line only");
    }
    match nearest(name, schema.keys()) {
        Some(key) => format!("there is no key `{name}`: did you mean `{key}`?"),
        None => format!("there is no key `{name}`; keys are `command`, `run` and the long options"),
    }
}

/// The name that was meant, if one is near enough.
fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let rated = names.map(|it| (strsim::normalized_damerau_levenshtein(it, name), it));
    let near = rated.filter(|(nearness, _)| *nearness > 0.6);
    let nearest = near.max_by(|(a, _), (b, _)| a.total_cmp(b));
    nearest.map(|(_, name)| name)
}

/// An error of the command line in one line: about keys, not options, and without the usage.
fn in_short(error: &anyhow::Error) -> String {
    let text = error.to_string();
    let lines = text.lines().map(str::trim);
    let said = lines.take_while(|line| !line.starts_with("Usage") && !line.starts_with("For more"));
    let said: Vec<&str> = said.filter(|line| !line.is_empty()).collect();
    let said = said.join(" ");
    let said = said.strip_prefix("error: ").unwrap_or(&said);
    let key = |option: &str| {
        option
            .split([' ', '['])
            .next()
            .map(|key| format!("`{key}`"))
    };
    let parts = said
        .split('\'')
        .enumerate()
        .map(|(n, part)| match part.strip_prefix("--") {
            _ if n % 2 == 0 => part.to_owned(),
            Some(option) => key(option).unwrap_or_default(),
            None => format!("'{part}'"),
        });
    parts.collect()
}

/// Whether a file in a directory above `dir` may say what is run here: it is ours, the system's, or
/// whoever works here put it there. In a directory that everybody can write to, it may be anybody's.
fn is_trusted(path: &Path, dir: &Path) -> bool {
    let owner = |path: &Path| path.metadata().map(|meta| meta.uid());
    let Ok(owner_of_file) = owner(path) else {
        return false;
    };
    let is_here = path.parent() == Some(dir);
    is_here
        || [0, geteuid().as_raw()].contains(&owner_of_file)
        || owner(dir).is_ok_and(|owner| owner == owner_of_file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Env;

    fn env() -> Env {
        Env {
            dir: PathBuf::from("/nowhere"),
            terminal: false,
            no_color: false,
            outputs: Vec::new(),
        }
    }

    fn parse(text: &str) -> anyhow::Result<Content> {
        let file = File {
            name: "rwatch.toml".to_owned(),
            home: PathBuf::new(),
            text: text.to_owned(),
        };
        file.parse(&Schema::new(), &env())
    }

    /// The command line that says the same as the file.
    #[track_caller]
    fn check(text: &str, words: &str) {
        let content = parse(text).expect("valid");
        let said = content.common.words(&Schema::new(), Path::new(""));
        let said: Vec<_> = said.iter().map(|word| word.to_string_lossy()).collect();
        assert_eq!(said[1..].join(" "), words);
    }

    #[test]
    fn keys_are_options() {
        check("", "");
        check("command = ['node', 'a b.js']", "-- node a b.js");
        check(r#"command = "node 'a b.js'""#, "-- node a b.js");
        check("exec = 'a && b'", "--exec=a && b");
        check("watch = 'app'", "--watch=app");
        check(
            "watch = ['app', 'libs']\next = ['js']",
            "--watch=app --watch=libs --ext=js",
        );
        check("watch = []", "");
        check(
            "delay = 0.5\nmax-restarts = 5",
            "--delay=0.5 --max-restarts=5",
        );
        check("signal = 15", "--signal=15");
        check("clear = true\nquiet = false", "--clear");
        check("poll = true", "--poll");
        check("poll = false", "");
        check("poll = '2s'", "--poll=2s");
        check("env = ['A=1', 'B=2']", "--env=A=1 --env=B=2");
        check("[env]\nB = 2\nA = 'x y'", "--env=B=2 --env=A=x y");
    }

    #[test]
    fn runs_have_names() {
        let text = "watch = 'app'\n[run.web]\ncommand = 'web'\n[run.\"a b\"]\nexec = 'x'";
        let names: Vec<_> = parse(text)
            .expect("valid")
            .runs
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, ["web", "a b"]);
    }

    #[track_caller]
    fn check_wrong(text: &str, message: &str) {
        let error = parse(text).expect_err("a mistake").to_string();
        assert_eq!(error, format!("rwatch.toml:{message}"));
    }

    #[test]
    fn mistakes_have_a_place() {
        check_wrong(
            "\n  dealy = 1",
            "2:3: there is no key `dealy`: did you mean `delay`?",
        );
        check_wrong(
            "zzz = 1",
            "1:1: there is no key `zzz`; keys are `command`, `run` and the long options",
        );
        check_wrong(
            "watch = [\n 'ü', 1979-05-27]",
            "2:7: expected a string, and this is a datetime",
        );
        check_wrong(
            "x = ",
            "1:5: string values must be quoted, expected literal string",
        );
        check_wrong(
            "quiet = true\nverbose = true",
            "1:1: the argument `quiet` cannot be used with `verbose`",
        );
        check_wrong(
            "[run.a]\nwach = 'x'",
            "2:1: there is no key `wach`: did you mean `watch`?",
        );
        check_wrong(
            "delay = '5x'",
            "1:9: invalid value '5x' for `delay`: expected a duration such as 200ms, 2s, 1m or 2.5 (seconds)",
        );
        check_wrong(
            "restart = 'allways'",
            "1:11: invalid value 'allways' for `restart` [possible values: never, on-failure, always] tip: a similar value exists: 'always'",
        );
        check_wrong(
            "watch = ['src/[a']",
            "1:10: invalid value 'src/[a' for `watch`: unclosed character class; missing ']'",
        );
    }

    #[test]
    fn a_name_that_is_near_is_meant() {
        let names = ["web", "worker", "stop-timeout"];
        for (name, meant) in [
            ("wbe", Some("web")),
            ("stop_timeout", Some("stop-timeout")),
            ("x", None),
        ] {
            assert_eq!(nearest(name, names.into_iter()), meant, "{name}");
        }
    }
}
