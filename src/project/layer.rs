//! Settings before they mean anything: keys, and values as they would be typed.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory as _};

use super::habits::{Package, Runs};
use crate::cli::Args;
use crate::config::is_descriptor;

/// COMMAND's own key; the others are the names of long options.
pub(super) const COMMAND: &str = "command";
/// What may stand in its place.
pub(super) const EXEC: &str = "exec";
/// Options that make no sense in a file.
const TYPED_ONLY: [&str; 9] = [
    "completions",
    "config",
    "explain",
    "help",
    "import-nodemon",
    "man",
    "no-config",
    "print-config",
    "version",
];
/// What may be a descriptor and no path.
const EVENTS: &str = "events";
/// Whose values are relative to the place that they are written in.
const PATHS: [&str; 4] = ["chdir", "env-file", EVENTS, "watch"];
/// The variables; in a file they may be a table.
pub(super) const ENV: &str = "env";
/// The patterns, which are relative to the place that they are written in.
pub(super) const IGNORE: &str = "ignore";
/// What a higher layer adds to; everything else it replaces.
const ADDING: [&str; 2] = [ENV, IGNORE];
/// Of these two the one in the higher layer counts.
const ALTERNATIVES: [[&str; 2]; 2] = [[COMMAND, EXEC], ["quiet", "verbose"]];

/// The keys that there are, which are the options.
pub(super) struct Schema(Command);

/// What a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// True or false.
    Flag,
    /// One value.
    One,
    /// One value, true for the usual one, or false for none.
    Optional,
    /// Any number of values.
    Many,
}

impl Schema {
    pub(super) fn new() -> Self {
        let mut command = Args::command();
        command.build();
        Self(command)
    }

    /// All keys, in the order of the help.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.args().map(|(key, _)| key)
    }

    /// What the key takes, if there is one of this name.
    pub(super) fn kind(&self, key: &str) -> Option<Kind> {
        let (_, arg) = self.args().find(|(name, _)| *name == key)?;
        let may_be_bare = arg.get_num_args().is_some_and(|it| it.min_values() == 0);
        Some(match arg.get_action() {
            ArgAction::SetTrue => Kind::Flag,
            ArgAction::Append => Kind::Many,
            _ if may_be_bare => Kind::Optional,
            _ => Kind::One,
        })
    }

    /// Whether the help lists it: what is not built in, it does not.
    pub(super) fn is_listed(&self, key: &str) -> bool {
        self.args()
            .any(|(name, arg)| name == key && !arg.is_hide_set())
    }

    fn args(&self) -> impl Iterator<Item = (&str, &Arg)> {
        let args = self.0.get_arguments();
        let keys = args.map(|arg| (arg.get_long().unwrap_or(COMMAND), arg));
        keys.filter(|(key, _)| !TYPED_ONLY.contains(key))
    }
}

/// Whether an option of this name is for the command line only.
pub(super) fn is_typed_only(key: &str) -> bool {
    TYPED_ONLY.contains(&key)
}

/// Settings of one origin, or of many, each key once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Layer(Vec<Setting>);

/// A key and what it is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Setting {
    key: String,
    values: Vec<Value>,
}

/// A value, and where it is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Value {
    /// As it would be typed behind the option; `true` or `false` for a flag.
    pub(super) text: OsString,
    pub(super) origin: Origin,
}

/// Where a value is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The command line.
    Typed,
    /// The file, at this byte.
    File { at: usize },
    /// This part of package.json.
    Package { part: &'static str },
}

impl Origin {
    fn is_file(self) -> bool {
        matches!(self, Self::File { .. })
    }
}

impl Layer {
    /// What was typed, of what a file may say, too.
    pub(super) fn typed(matches: &ArgMatches, schema: &Schema) -> Self {
        let mut layer = Self::default();
        for (key, arg) in schema.args() {
            let id = arg.get_id().as_str();
            if matches.value_source(id) != Some(ValueSource::CommandLine) {
                continue;
            }
            let value = |text: &OsStr| Value {
                text: text.to_owned(),
                origin: Origin::Typed,
            };
            let values = match arg.get_action() {
                ArgAction::SetTrue => vec![value("true".as_ref())],
                _ => matches
                    .get_raw(id)
                    .into_iter()
                    .flatten()
                    .map(value)
                    .collect(),
            };
            layer.set(key, values);
        }
        layer
    }

    /// Sets a key that is not set yet.
    pub(super) fn set(&mut self, key: &str, values: Vec<Value>) {
        let key = key.to_owned();
        self.0.push(Setting { key, values });
    }

    /// The values of a key; none, if it is not set.
    pub(super) fn values(&self, key: &str) -> &[Value] {
        let setting = self.0.iter().find(|setting| setting.key == key);
        setting.map_or(&[], |setting| &setting.values)
    }

    /// Whether they say what to run.
    pub(super) fn names_a_task(&self) -> bool {
        [COMMAND, EXEC]
            .iter()
            .any(|key| !self.values(key).is_empty())
    }

    /// Takes in what a package runs.
    pub(super) fn take(&mut self, package: &Package) {
        let value = |text: &String| Value {
            text: text.into(),
            origin: Origin::Package { part: package.from },
        };
        match &package.runs {
            Runs::Words(words) => self.set(COMMAND, words.iter().map(value).collect()),
            Runs::Shell(string) => self.set(EXEC, vec![value(string)]),
        }
    }

    /// Whether a key is set by the file.
    pub(super) fn is_of_file(&self, key: &str) -> bool {
        let value = self.values(key).first();
        value.is_some_and(|value| value.origin.is_file())
    }

    /// Each value of the file as a layer of its own, and where it is; COMMAND's words can be anything.
    pub(super) fn each_alone(&self) -> impl Iterator<Item = (Self, usize)> {
        let settings = self.0.iter().filter(|setting| setting.key != COMMAND);
        let values =
            settings.flat_map(|setting| setting.values.iter().map(|it| (&setting.key, it)));
        values.filter_map(|(key, value)| match value.origin {
            Origin::Typed | Origin::Package { .. } => None,
            Origin::File { at } => {
                let mut alone = Self::default();
                alone.set(key, vec![value.clone()]);
                Some((alone, at))
            }
        })
    }

    /// The layers on one another, the lowest one first.
    pub(super) fn stack(layers: Vec<Self>) -> Self {
        let mut all = Self::default();
        for setting in layers.into_iter().flat_map(|layer| layer.0) {
            all.0.retain(|lower| !setting.rules_out(&lower.key));
            let adds = ADDING.contains(&&*setting.key);
            match all.0.iter_mut().find(|lower| lower.key == setting.key) {
                Some(lower) if adds => lower.values.extend(setting.values),
                Some(lower) => *lower = setting,
                None => all.0.push(setting),
            }
        }
        all
    }

    /// The command line that says the same in another directory than the file's, which is `home`
    /// from there; or in the same, if that is empty. Without what a file elsewhere ignores.
    pub(super) fn words(&self, schema: &Schema, home: &Path) -> Vec<OsString> {
        let mut words = vec!["rwatch".into()];
        let options = self.0.iter().filter(|setting| setting.key != COMMAND);
        for Setting { key, values } in options {
            for Value { text, origin } in values {
                let is_elsewhere = origin.is_file() && !home.as_os_str().is_empty();
                match schema.kind(key) {
                    Some(Kind::Flag | Kind::Optional) if text == "false" => {}
                    Some(Kind::Flag | Kind::Optional) if text == "true" => {
                        words.push(format!("--{key}").into());
                    }
                    _ if is_elsewhere && key == IGNORE => {}
                    _ if is_elsewhere && is_path(key, text) => {
                        words.push(word(key, seen_from(home, text).as_os_str()));
                    }
                    _ => words.push(word(key, text)),
                }
            }
        }
        let command = self.values(COMMAND);
        if !command.is_empty() {
            words.push("--".into());
        }
        words.extend(command.iter().map(|value| value.text.clone()));
        words
    }

    /// What the file ignores.
    pub(super) fn ignored_by_file(&self) -> Vec<String> {
        let values = self.values(IGNORE).iter();
        let of_file = values.filter(|value| value.origin.is_file());
        of_file
            .map(|value| value.text.to_string_lossy().into_owned())
            .collect()
    }
}

impl Setting {
    /// Whether another key of a lower layer does not count any more.
    fn rules_out(&self, other: &str) -> bool {
        let is_pair = |pair: &&[&str; 2]| pair.contains(&&*self.key) && pair.contains(&other);
        self.key != other
            && self.values.iter().any(|value| value.text != "false")
            && ALTERNATIVES.iter().any(|pair| is_pair(&pair))
    }
}

/// Whether the value is a path that is relative to the place where it is written.
pub(super) fn is_path(key: &str, text: &OsStr) -> bool {
    PATHS.contains(&key) && !text.is_empty() && !(key == EVENTS && is_descriptor(text))
}

/// A path that is written in the directory `home`, as it is written here.
pub(super) fn seen_from(home: &Path, path: &OsStr) -> PathBuf {
    if path == "." {
        home.to_owned()
    } else {
        home.join(path)
    }
}

/// An option with its value, as one word.
fn word(key: &str, text: &OsStr) -> OsString {
    let mut word = OsString::from(format!("--{key}="));
    word.push(text);
    word
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Typed;

    fn layer(line: &str) -> Layer {
        let words = line.split(' ').map(OsString::from).collect();
        let typed = Typed::parse(words).expect("valid");
        Layer::typed(&typed.matches, &Schema::new())
    }

    /// The command line that two layers come to, the second one above the first.
    #[track_caller]
    fn check(lower: &str, upper: &str, both: &str) {
        let layers = [lower, upper].map(|line| layer(&format!("rwatch {line}")));
        let words = Layer::stack(layers.to_vec()).words(&Schema::new(), Path::new(""));
        let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        assert_eq!(words[1..].join(" "), both);
    }

    #[test]
    fn the_upper_layer_wins() {
        check("-w a -w b -- x y", "-w c", "--watch=c -- x y");
        check("-w a x", "z", "--watch=a -- z");
        check("-q x", "-v", "--verbose -- x");
        check("-x s", "x", "-- x");
        check("x", "-x s", "--exec=s");
        check(
            "-m 5 x",
            "-r never",
            "--max-restarts=5 --restart=never -- x",
        );
        check("--poll x", "-c", "--poll=1s --clear -- x");
        check("-w . x", "-- @x -v", "--watch=. -- @x -v");
    }

    #[test]
    fn ignores_and_variables_add_up() {
        check(
            "-i a -E A=1 x",
            "-i !a -E A=2",
            "--ignore=a --ignore=!a --env=A=1 --env=A=2 -- x",
        );
    }

    #[test]
    fn a_flag_that_is_false_takes_nothing_away_but_its_like() {
        let mut upper = Layer::default();
        let no = Value {
            text: "false".into(),
            origin: Origin::File { at: 0 },
        };
        upper.set("quiet", vec![no]);
        let stack = |lower| Layer::stack(vec![layer(lower), upper.clone()]);
        let words = |lower| stack(lower).words(&Schema::new(), Path::new("")).len();
        assert_eq!(words("rwatch -v"), 2);
        assert_eq!(words("rwatch -q"), 1);
    }

    #[test]
    fn what_a_file_elsewhere_says_is_seen_from_here() {
        let mut of_file = Layer::default();
        for (key, text) in [
            ("watch", "src"),
            ("watch", "."),
            ("chdir", "/abs"),
            ("env-file", ".env"),
            ("ignore", "dist"),
            ("signal", "INT"),
            ("events", "3"),
        ] {
            let origin = Origin::File { at: 0 };
            of_file.set(
                key,
                vec![Value {
                    text: text.into(),
                    origin,
                }],
            );
        }
        let words = of_file.words(&Schema::new(), Path::new(".."));
        assert_eq!(
            words[1..],
            [
                "--watch=../src",
                "--watch=..",
                "--chdir=/abs",
                "--env-file=../.env",
                "--signal=INT",
                "--events=3"
            ]
        );
        assert_eq!(of_file.ignored_by_file(), ["dist"]);
    }
}
