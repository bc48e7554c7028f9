//! Reads what the project file says: the long options as keys, `command`, and a table for each run.

use std::fmt::Write as _;
use std::ops::Range;

use anyhow::anyhow;
use clap::Parser as _;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::file::File;
use super::layer::{COMMAND, ENV, Kind, Layer, Origin, Schema, Value, is_typed_only};
use crate::cli::Args;
use crate::config::{Config, Env, Ignored};

/// The key of the tables of runs.
const RUN: &str = "run";
/// What only a shell understands.
const OPERATORS: [&str; 9] = ["&&", "||", "|", ";", "&", ">", ">>", "<", "2>&1"];

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// For every run.
    pub(super) common: Layer,
    /// For the run of this name.
    pub(super) runs: Vec<(String, Layer)>,
}

impl Content {
    /// What the file says.
    ///
    /// # Errors
    /// If anything in it makes no sense, with line and column.
    pub(super) fn of(file: &File, schema: &Schema, env: &Env) -> anyhow::Result<Self> {
        let reading = Reading { file, schema, env };
        reading.content().map_err(|(span, message)| {
            let (line, column) = file.place(span.start);
            anyhow!("{}:{line}:{column}: {message}", file.name)
        })
    }

    /// What it says for the run of this name.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn run(&self, name: &str, file: &File) -> anyhow::Result<&Layer> {
        let names = self.runs.iter().map(|(run, _)| run.as_str());
        let file = &file.name;
        if let Some((_, layer)) = self.runs.iter().find(|(run, _)| run == name) {
            return Ok(layer);
        }
        Err(match nearest(name, names) {
            Some(run) => anyhow!("{file} has no run `{name}`: did you mean `@{run}`?"),
            None if self.runs.is_empty() => {
                anyhow!("{file} has no run `{name}`: begin it with [run.{name}]")
            }
            None => anyhow!("{file} has no run `{name}`: there is {}", self.names()),
        })
    }

    /// That it does not say what to run.
    pub(super) fn no_command(&self, file: &File, run: Option<&str>) -> anyhow::Error {
        let name = &file.name;
        match run {
            Some(run) => anyhow!("{name} has no `command` for `{run}`: write one there"),
            None => anyhow!("{name} has no `command`: choose a run, {}", self.names()),
        }
    }

    /// The runs, as they are typed.
    fn names(&self) -> String {
        let names = self.runs.iter().map(|(name, _)| format!("@{name}"));
        names.collect::<Vec<_>>().join(", ")
    }
}

/// What is wrong, and where: in bytes from the start.
type Wrong = (Range<usize>, String);

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
                    let variable = name.get_ref();
                    if variable.contains('=') {
                        let message = format!("no variable can have the name `{variable}`");
                        return Err((name.span(), message));
                    }
                    Ok(at(value, format!("{variable}={content}")))
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
        // What is ignored elsewhere is not typed here.
        let ignored = self.file.is_elsewhere().then(|| Ignored {
            dir: self.env.dir.join(&self.file.home),
            patterns: layer.ignored_by_file(),
        });
        Config::resolve(self.parsed(layer)?, ignored.as_ref(), self.env)
    }

    fn parsed(&self, layer: &Layer) -> anyhow::Result<Args> {
        Ok(Args::try_parse_from(
            layer.words(self.schema, &self.file.home),
        )?)
    }
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
        DeValue::Integer(number) => {
            let parsed = i64::from_str_radix(number.as_str(), number.radix());
            let parsed = parsed.map(|number| number.to_string());
            parsed.map_err(|_| (value.span(), "this number is too large".to_owned()))
        }
        DeValue::Float(number) => Ok(number.as_str().to_owned()),
        other => {
            let message = format!(
                "expected a string, and this is of type {}",
                other.type_str()
            );
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
    let said = said.replace("'[COMMAND]...'", &format!("`{COMMAND}`"));
    let mut parts = said.split("'--");
    let mut short = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (option, rest) = part.split_once('\'').unwrap_or((part, ""));
        let key = option.split([' ', '[']).next().unwrap_or(option);
        let _ = write!(short, "`{key}`{rest}");
    }
    short
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::watch::GitHome;

    fn env() -> Env {
        Env {
            dir: PathBuf::from("/nowhere"),
            terminal: false,
            no_color: false,
            titled: false,
            outputs: Vec::new(),
            git: GitHome::default(),
        }
    }

    fn parse(text: &str) -> anyhow::Result<Content> {
        let file = File {
            name: "rwatch.toml".to_owned(),
            home: PathBuf::new(),
            text: text.to_owned(),
        };
        Content::of(&file, &Schema::new(), &env())
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
        check("signal = 0xf", "--signal=15");
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
            "2:7: expected a string, and this is of type datetime",
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
            "[env]\n'A=B' = 1",
            "2:1: no variable can have the name `A=B`",
        );
        check_wrong(
            "color = \"it's\"",
            "1:9: invalid value 'it's' for `color` [possible values: auto, always, never]",
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
