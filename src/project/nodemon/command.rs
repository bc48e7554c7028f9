//! Works out what nodemon would start, in its own order (config/load.js, config/exec.js and
//! config/command.js of nodemon 3).

use std::path::Path;

use serde_json::{Map, Value};

use super::Here;
use super::settings::Settings;
use crate::project::habits::manifest::{self, Entry, INDEX};
use crate::project::habits::{self, Runs, tools};

/// What nodemon watches if nobody says what.
const SCRIPTS: &str = "js,mjs,cjs";

/// What nodemon would start, and the extensions that follow from it.
#[derive(Debug, Default)]
pub(super) struct Command {
    /// What it would start; none if it would print its usage.
    pub runs: Option<Runs>,
    /// What that was taken from, for people.
    pub from: &'static str,
    /// The extensions that count; every one if it is empty.
    pub extensions: Vec<String>,
    /// The extension whose entry of `execMap` was taken.
    pub mapped: Option<String>,
    /// What a reader has to know.
    pub notes: Vec<String>,
    /// Whether nodemon starts it by a shell, and not as a node process of its own.
    pub by_shell: bool,
}

/// What goes into it, under nodemon's names.
#[derive(Default)]
struct Parts {
    exec: Option<String>,
    exec_args: Vec<String>,
    script: Option<String>,
    args: Vec<String>,
    /// Where among the arguments the script goes.
    script_position: usize,
}

impl Command {
    /// What nodemon would start in `here`.
    pub(super) fn find(
        settings: &Settings,
        package: Option<&Map<String, Value>>,
        here: &Here,
    ) -> anyhow::Result<Self> {
        let mut command = Self::default();
        let mut exec = settings.strings("exec")?.unwrap_or_default().into_iter();
        let mut parts = Parts {
            exec: exec.next().filter(|exec| !exec.is_empty()),
            exec_args: settings.strings("execArgs")?.unwrap_or_default(),
            args: settings.strings("args")?.unwrap_or_default(),
            ..Parts::default()
        };
        if exec.len() > 0 {
            let others = std::mem::replace(&mut parts.exec_args, exec.collect());
            if !others.is_empty() {
                command.passed_over("execArgs", others, "an `exec` that is no list");
            }
        }
        let ext = settings.string("ext")?;
        command.from = "exec";
        command.choose(&mut parts, package, ext.as_deref(), here)?;

        let base = parts.script.as_deref().map(manifest::base);
        let script_ext = base.and_then(|name| Path::new(name).extension()?.to_str());
        let script_ext = script_ext.unwrap_or_default().to_owned();
        let extensions = ext.clone().unwrap_or_else(|| match script_ext.as_str() {
            "" | "js" | "mjs" | "cjs" => format!("{SCRIPTS},json"),
            other => format!("{other},json"),
        });
        if parts.exec.is_none() {
            parts.exec = mapped(settings, &script_ext, here)?;
            command.mapped = parts.exec.is_some().then(|| script_ext.clone());
        }
        if let Some(exec) = &mut parts.exec {
            substitute(exec, &mut parts.exec_args, &mut parts.script);
        }
        let node_args = settings.strings("nodeArgs")?.unwrap_or_default();
        let exec = parts.exec.get_or_insert_with(|| "node".to_owned());
        if exec == "node" {
            parts.exec_args.extend(node_args);
        } else if !node_args.is_empty() {
            command.passed_over("nodeArgs", node_args, "`node` alone");
        }
        command.extensions = listed(&extensions);
        if let (Some(script), Some(first)) = (&mut parts.script, command.extensions.first()) {
            *script = manifest::expanded(script, &format!(".{first}"), here.dir);
        }
        command.assemble(parts, settings.flag("spawn")?.unwrap_or_default(), here);
        Ok(command)
    }

    /// Names arguments that nodemon would not take here.
    fn passed_over(&mut self, key: &str, args: Vec<String>, taker: &str) {
        let args = Value::from(args);
        self.notes
            .push(format!("{key} = {args}: nodemon gives them to {taker}"));
    }

    /// Finds the script, or what is run instead of one.
    fn choose(
        &mut self,
        parts: &mut Parts,
        package: Option<&Map<String, Value>>,
        ext: Option<&str>,
        here: &Here,
    ) -> anyhow::Result<()> {
        let empty = Map::new();
        let entry = Entry::find(package.unwrap_or(&empty), here.dir)?;
        let entry = entry.filter(|_| parts.exec.is_none());
        if entry == Some(Entry::Index) {
            parts.exec_args.append(&mut parts.args);
            parts.script = Some(INDEX.to_owned());
            self.from = INDEX;
        } else if let Some(script) = named_by_arguments(parts, ext, here.dir) {
            parts.script = Some(script);
            parts.args.remove(0);
            self.from = "args";
        } else {
            parts.script_position = parts.args.len();
            match entry {
                Some(Entry::Main(main)) => {
                    parts.script = Some(main);
                    self.from = "main of package.json";
                }
                Some(Entry::Start(start)) => {
                    // nodemon looks for itself alone, and only in this very script.
                    let watcher = package.and_then(|it| manifest::watcher_in(it, "start"));
                    parts.exec = watcher.is_none().then_some(start);
                    self.from = "scripts.start of package.json";
                }
                Some(Entry::Index) | None => {}
            }
        }
        Ok(())
    }

    /// Puts the parts together.
    fn assemble(&mut self, parts: Parts, spawn: bool, here: &Here) {
        let Some(exec) = parts.exec else { return };
        if parts.script.is_none() && exec == "node" {
            return;
        }
        if parts.script.is_some() && parts.script_position > 0 {
            self.notes
                .push("nodemon puts `args` before the script".to_owned());
        }
        let at = parts.exec_args.len() + parts.script_position;
        let mut args = [parts.exec_args, parts.args].concat();
        if let Some(script) = parts.script {
            args.insert(at.min(args.len()), script);
        }
        let first = args.first().map_or("", String::as_str);
        let in_bin = here.dir.join(tools::BIN).join(&exec).is_file();
        self.by_shell =
            spawn || in_bin || exec != "node" || first.starts_with('-') || first == "inspect";
        if !self.by_shell {
            args.insert(0, exec);
            self.runs = Some(Runs::Words(args));
            return;
        }
        let string = args.iter().fold(exec, |line, arg| line + " " + &shown(arg));
        self.runs = Some(self.with_tools(&string, here));
    }

    /// The string without a shell if it needs none, and with the tools of packages where they are.
    fn with_tools(&mut self, string: &str, here: &Here) -> Runs {
        let Some(mut words) = plain_words(string) else {
            return Runs::Shell(tools::with_bins(string, here.dir));
        };
        let inner = words[1..].iter().flat_map(|word| manifest::words_of(word));
        if inner
            .into_iter()
            .any(|word| tools::bin_with(word, here.dir).is_some())
        {
            // Such as `cross-env A=b ts-node app.ts`.
            return Runs::Shell(tools::with_bins(string, here.dir));
        }
        let program = &words[0];
        match habits::located(program, here.dir, here.path) {
            Some(located) => words[0] = located,
            None if program.contains('/') => {}
            None => self.notes.push(format!(
                "`{program}` was not found. If it is in {bin} once the packages are installed: \
                 {bin}/{program}",
                bin = tools::BIN
            )),
        }
        Runs::Words(words)
    }
}

/// The first argument, if it is a script without its extension.
fn named_by_arguments(parts: &Parts, ext: Option<&str>, dir: &Path) -> Option<String> {
    let name = parts.args.first()?;
    let extension = ext.filter(|ext| !ext.is_empty()).unwrap_or("js");
    let extension = extension.split(',').next().unwrap_or(extension);
    let script = manifest::expanded(name, &format!(".{extension}"), dir);
    (script != *name).then_some(script)
}

/// What runs scripts with this extension, other than node: that of `execMap`, which nodemon
/// completes.
fn mapped(settings: &Settings, extension: &str, here: &Here) -> anyhow::Result<Option<String>> {
    let map = settings.table("execMap")?;
    if let Some((_, exec)) = map.into_iter().find(|(key, _)| key == extension) {
        return Ok(Some(exec));
    }
    let own = match extension {
        "py" => "python",
        "rb" => "ruby",
        "ts" => "ts-node",
        "coffee" | "litcoffee" => "coffee",
        _ => return Ok(None),
    };
    if habits::located(own, here.dir, here.path).is_some() {
        return Ok(Some(own.to_owned()));
    }
    // Where nodemon's choice is not installed, another one may be; but what node makes of
    // TypeScript depends on its version.
    let other = habits::interpreter(extension, here.dir, here.path);
    let other = other.filter(|other| other != "node");
    Ok(other.or_else(|| Some(own.to_owned())))
}

/// Fills in `{{filename}}` and `{{pwd}}`.
fn substitute(exec: &mut String, args: &mut [String], script: &mut Option<String>) {
    let name = script.clone();
    let filled = |text: &str| {
        let text = text.replace("{{pwd}}", "$PWD");
        match &name {
            Some(name) => text.replace("{{filename}}", name),
            None => text,
        }
    };
    let names_script = |text: &str| name.is_some() && text.contains("{{filename}}");
    if names_script(exec) {
        *script = None;
    }
    *exec = filled(exec);
    if args.iter().any(|arg| filled(arg) != *arg) {
        *script = None;
    }
    for arg in args {
        *arg = filled(arg);
    }
}

/// The extensions of a list such as `.js, *.ts`.
fn listed(text: &str) -> Vec<String> {
    let names = text.split(|c: char| c == ',' || c == '*' || c.is_whitespace());
    let names = names.map(|name| name.strip_prefix('.').unwrap_or(name));
    let mut list: Vec<String> = Vec::new();
    for name in names.filter(|name| !name.is_empty()) {
        if !list.iter().any(|known| known == name) {
            list.push(name.to_owned());
        }
    }
    list
}

/// An argument as nodemon puts it into a shell string.
fn shown(arg: &str) -> String {
    if arg.is_empty() || arg.contains(' ') {
        Value::from(arg).to_string()
    } else {
        arg.to_owned()
    }
}

/// The words of a string that means nothing more to a shell than these.
fn plain_words(string: &str) -> Option<Vec<String>> {
    const BUILT_IN: [&str; 14] = [
        ".", ":", "cd", "eval", "exec", "export", "set", "source", "trap", "ulimit", "umask",
        "unset", "if", "while",
    ];
    let is_special = |c: char| "$`\\|&;<>()*?[]{}~#!".contains(c) || c.is_control();
    if string.contains(is_special) {
        return None;
    }
    let words = shlex::split(string)?;
    let first = words.first()?;
    (!first.contains('=') && !BUILT_IN.contains(&first.as_str())).then_some(words)
}
