//! Writes what is watched, and what of it is not.

use std::path::Path;

use ignore::gitignore::Gitignore;
use serde_json::Value;

use super::command::Command;
use super::document::Document;
use super::patterns::{self, Watched};
use super::settings::{Milliseconds, Settings};

/// The directories that nodemon ignores by itself, in its order.
const IGNORED: [&str; 6] = [
    ".git",
    ".nyc_output",
    ".sass-cache",
    "bower_components",
    "coverage",
    "node_modules",
];
/// Those of them that rwatch ignores by itself, too.
const BUILT_IN: [&str; 2] = [".git", "node_modules"];
/// How often nodemon polls, in milliseconds (chokidar's `interval`).
const POLL: f64 = 100.0;
/// What rwatch polls at most that often, in milliseconds.
const POLL_MIN: f64 = 10.0;

impl Document {
    /// What is watched: `watch`, `ext`, `ignore`, `poll`.
    pub(super) fn watching(
        &mut self,
        settings: &Settings,
        command: &Command,
        dir: &Path,
    ) -> anyhow::Result<()> {
        let mut watch = Vec::new();
        let mut ignored = Vec::new();
        // Whether there are patterns that nodemon holds against its extensions, and others.
        let (mut by_ext, mut any) = (false, Vec::new());
        let rules = match settings.get("watch") {
            Some(value @ Value::Bool(false)) => {
                self.lost("watch", value, "nothing is watched; the key `rs` restarts");
                self.set("max-restarts", &0);
                return self.polling(settings);
            }
            _ => settings.strings("watch")?.unwrap_or_default(),
        };
        for rule in rules {
            match patterns::watched(&rule, dir) {
                Watched::All => {
                    by_ext = true;
                    watch.push(".".to_owned());
                }
                Watched::Path(path) => {
                    by_ext = true;
                    watch.push(path);
                }
                Watched::Any(path) => {
                    if path.ends_with("*.*") {
                        any.push(path.clone());
                    }
                    watch.push(path);
                }
                Watched::Ignored(rule) => ignored.push(("watch", rule)),
                Watched::Nothing => {}
                Watched::Lost(why) => self.lost("watch", &rule.into(), why),
            }
        }
        let shown = shown_again(&watch, dir);
        watch.dedup();
        let has_dots = watch.iter().any(|path| has_hidden(path));
        if !watch.is_empty() && watch != ["."] {
            self.list("watch", &watch);
        }
        let is_all = watch.is_empty() || by_ext;
        if any.is_empty() || is_all {
            self.extensions(settings, command, &any);
        } else {
            self.note("nodemon looks at no extension where `*.*` is watched.");
        }
        let user = settings.strings("ignore")?.unwrap_or_default();
        ignored.extend(user.into_iter().map(|rule| ("ignore", rule)));
        self.ignores(settings, shown, ignored, has_dots, dir)?;
        self.polling(settings)
    }

    fn extensions(&mut self, settings: &Settings, command: &Command, any: &[String]) {
        for pattern in any {
            self.note(&format!(
                "For {pattern} nodemon looks at no extension, which rwatch does: add those here."
            ));
        }
        if command.extensions.is_empty() {
            if let Some(value) = settings.get("ext") {
                self.lost(
                    "ext",
                    value,
                    "every name counts, as it does without the key",
                );
            }
            return;
        }
        if settings.get("ext").is_none() {
            self.note("nodemon's choice for this command.");
        }
        self.list("ext", &command.extensions);
    }

    fn ignores(
        &mut self,
        settings: &Settings,
        shown: Vec<String>,
        rules: Vec<(&str, String)>,
        has_dots: bool,
        dir: &Path,
    ) -> anyhow::Result<()> {
        let mut list = shown;
        let root = settings.get("ignoreRoot").filter(|value| {
            let is_empty = value.as_str().is_some_and(str::is_empty);
            !is_empty && **value != Value::Bool(false)
        });
        let own = root.is_none();
        let roots = match root {
            None => IGNORED.iter().map(|name| format!("{name}/")).collect(),
            Some(_) => settings.strings("ignoreRoot")?.unwrap_or_default(),
        };
        if !has_dots {
            list.insert(0, ".*".to_owned());
        }
        if !roots.iter().any(|rule| name_of(rule) == "node_modules") {
            list.push("!node_modules".to_owned());
        }
        for rule in roots {
            let name = name_of(&rule);
            if BUILT_IN.contains(&name) || (name.starts_with('.') && !has_dots) {
                continue;
            }
            // Its own are meant at any depth, even where there is one at the top.
            match if own {
                Ok(Some(rule.clone()))
            } else {
                patterns::ignored(&rule, dir)
            } {
                Ok(pattern) => list.extend(pattern),
                Err(why) => self.lost("ignoreRoot", &rule.into(), why),
            }
        }
        for (key, rule) in rules {
            match patterns::ignored(&rule, dir) {
                Ok(Some(pattern)) if list.contains(&pattern) => {}
                Ok(pattern) => list.extend(pattern),
                Err(why) => self.lost(key, &rule.into(), why),
            }
        }
        if !has_dots {
            self.note(
                "nodemon watches nothing whose name begins with a dot, unless `watch` names one.",
            );
        }
        if !list.is_empty() {
            self.list("ignore", &list);
        }
        Ok(())
    }

    fn polling(&mut self, settings: &Settings) -> anyhow::Result<()> {
        let mut polls = settings.flag("legacyWatch")?.unwrap_or_default();
        let mut interval = settings.milliseconds("pollingInterval")?;
        match settings.get("watchOptions") {
            None => {}
            Some(Value::Object(options)) => {
                for (key, value) in options {
                    match (key.as_str(), value) {
                        ("usePolling", Value::Bool(flag)) => polls = *flag,
                        ("interval", Value::Number(number)) => {
                            interval = number.as_f64().map(Milliseconds::Number);
                        }
                        ("awaitWriteFinish", _) => self.lost(
                            "watchOptions.awaitWriteFinish",
                            value,
                            "rwatch waits until a file is written, see `delay`",
                        ),
                        ("ignored", _) => self.lost("watchOptions.ignored", value, "see `ignore`"),
                        _ => self.lost(
                            &format!("watchOptions.{key}"),
                            value,
                            "it is chokidar's; rwatch has no such choice",
                        ),
                    }
                }
            }
            Some(other) => return settings.wrong("watchOptions", other, "an object"),
        }
        match interval {
            Some(Milliseconds::Words(text)) => {
                return settings.wrong("pollingInterval", &text.into(), "a number of milliseconds");
            }
            Some(Milliseconds::Number(interval)) if polls => {
                self.set("poll", &super::duration(interval.max(POLL_MIN)));
            }
            Some(Milliseconds::Number(_)) => {
                if let Some(value) = settings.get("pollingInterval") {
                    let why = "without legacyWatch nodemon does not poll";
                    self.lost("pollingInterval", value, why);
                }
            }
            None if polls => self.set("poll", &super::duration(POLL)),
            None => {}
        }
        Ok(())
    }
}

/// Patterns for the directories that a watched glob begins with and .gitignore hides: such as
/// `dist/**/*.js`, of a build. Whole directories need none.
fn shown_again(watch: &[String], dir: &Path) -> Vec<String> {
    // What it cannot read hides nothing.
    let (hidden, _) = Gitignore::new(dir.join(".gitignore"));
    let mut shown = Vec::new();
    let is_inside = |path: &&String| patterns::is_glob(path) && !path.starts_with(['/', '.']);
    for glob in watch.iter().filter(is_inside) {
        let mut base = String::new();
        for name in glob.split('/').take_while(|name| !patterns::is_glob(name)) {
            base = format!("{base}/{name}");
            let pattern = format!("!{base}/");
            if hidden.matched(&base[1..], true).is_ignore() && !shown.contains(&pattern) {
                shown.push(pattern);
            }
        }
    }
    shown
}

/// Whether a part of the path begins with a dot, and is not `.` or `..`.
fn has_hidden(path: &str) -> bool {
    path.split('/')
        .any(|part| part.len() > 1 && part.starts_with('.') && part != "..")
}

/// The name that a pattern of `ignoreRoot` is about.
fn name_of(rule: &str) -> &str {
    let rule = rule.strip_prefix("**/").unwrap_or(rule);
    let ends = ["/**/*", "/**", "/*", "/"];
    let end = ends.into_iter().find_map(|end| rule.strip_suffix(end));
    end.unwrap_or(rule)
}
