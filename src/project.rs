//! Completes what was typed by what the project says: rwatch.toml, or package.json.
//!
//! Every source is a *layer* of settings: the file, the chosen run in it, the command line. A setting
//! is a long option with its values as they would be typed. The layers are put on one another, and
//! what comes of it is read as one command line: so a key means what the option means, and is checked
//! by the same code.

mod content;
mod file;
mod habits;
mod layer;
mod nodemon;
mod print;

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Parser as _;

use self::content::Content;
use self::file::File;
use self::layer::{COMMAND, EXEC, Layer, Schema};
use crate::cli::{Args, Typed};
use crate::config::{Env, Ignored, usage};

/// What a command line asks for.
#[derive(Debug)]
pub enum Task {
    /// Print this.
    Answer(String),
    /// Run COMMAND.
    Run(Box<Plan>),
}

/// What was typed and what the project says, as one.
#[derive(Debug)]
pub struct Plan {
    /// Both, as if all of it had been typed.
    pub args: Args,
    /// What a file in another directory ignores.
    pub ignored: Option<Ignored>,
    /// What the user is told about it.
    pub remarks: Vec<String>,
}

/// What is said to those who want what is not built in.
const NO_DESKTOP: &str = "--notify is not built in: in a clone of rwatch, `cargo install --path . --features desktop` adds it";

/// Finds out what a command line asks for.
///
/// # Errors
/// If the project file cannot be read, or makes no sense; or if there is nothing to run.
pub fn settle(typed: Typed, env: &Env) -> anyhow::Result<Task> {
    if typed.args.import_nodemon {
        return nodemon::import(&env.dir).map(Task::Answer);
    }
    let mut remarks = Vec::from_iter(without_effect(&typed.args));
    if typed.args.notify && cfg!(not(feature = "desktop")) {
        return Err(usage(NO_DESKTOP));
    }
    let file = File::find(&typed, &env.dir, &mut remarks)?;
    let is_complete = typed.run.is_none() && typed.args.names_a_task();
    let (mut args, ignored) = if file.is_none() && is_complete && !typed.args.print_config {
        (typed.args, None)
    } else {
        let schema = Schema::new();
        let settings = settings(&typed, file.as_ref(), &schema, env, &mut remarks)?;
        if typed.args.print_config {
            let text = print::toml(&settings, &schema, file.as_ref(), &env.dir);
            return Ok(Task::Answer(text));
        }
        let (mut args, ignored) = read(&settings, file.as_ref(), &schema, &env.dir)?;
        args.explain = typed.args.explain;
        (args, ignored)
    };
    if args.notify && cfg!(not(feature = "desktop")) {
        // Others who share the file may have it.
        args.notify = false;
        remarks.push(NO_DESKTOP.to_owned());
    }
    let dir = args.chdir.as_deref().unwrap_or(Path::new(""));
    let path = std::env::var_os("PATH");
    if let Some(words) = habits::script(&args.command, &env.dir.join(dir), path.as_deref()) {
        args.command = words;
    }
    Ok(Task::Run(Box::new(Plan {
        args,
        ignored,
        remarks,
    })))
}

/// The settings of all layers; and what package.json runs, if none of them says what to run.
fn settings(
    typed: &Typed,
    file: Option<&File>,
    schema: &Schema,
    env: &Env,
    remarks: &mut Vec<String>,
) -> anyhow::Result<Layer> {
    let run = typed.run.as_deref();
    let content = match file {
        Some(file) => Content::of(file, schema, env)?,
        None => Content::default(),
    };
    let mut layers = vec![content.common.clone()];
    match (run, file) {
        (Some(run), Some(file)) => layers.push(content.run(run, file)?.clone()),
        (Some(run), None) => {
            bail!("`@{run}` is a run of rwatch.toml, and there is no such file here or above")
        }
        (None, _) => {}
    }
    layers.push(Layer::typed(&typed.matches, schema));
    let mut settings = Layer::stack(layers);
    remarks.extend(file.map(|file| file.remark(run)));
    if settings.names_a_task() || typed.args.explain.is_some() {
        return Ok(settings);
    }
    if let Some(file) = file.filter(|_| !content.runs.is_empty() && !typed.args.print_config) {
        return Err(content.no_command(file, run));
    }
    let path = std::env::var_os("PATH");
    if let Some(package) = habits::package(&env.dir, path.as_deref())? {
        remarks.push(package.remark());
        settings.take(&package);
    } else if !typed.args.print_config {
        return Err(usage(
            "there is nothing to run: name a COMMAND, or write it into rwatch.toml as `command`",
        ));
    }
    Ok(settings)
}

/// The settings as they would be typed in `dir`, where the file may not be; and what cannot be typed
/// there.
fn read(
    settings: &Layer,
    file: Option<&File>,
    schema: &Schema,
    dir: &Path,
) -> anyhow::Result<(Args, Option<Ignored>)> {
    let home = file.map_or(Path::new(""), |file| &file.home);
    let mut args = Args::try_parse_from(settings.words(schema, home))?;
    if home.as_os_str().is_empty() {
        return Ok((args, None));
    }
    if settings.is_of_file(COMMAND) || settings.is_of_file(EXEC) {
        // What the file runs is run where it is, and so is watched.
        args.chdir.get_or_insert_with(|| home.to_owned());
        if args.watch.is_empty() && args.max_restarts.is_none() {
            args.watch.push(home.to_owned());
        }
    }
    let patterns = settings.ignored_by_file();
    let ignored = (!patterns.is_empty()).then(|| Ignored {
        dir: dir.join(home),
        patterns,
    });
    Ok((args, ignored))
}

/// What is said of options about watching, if they are typed where nothing is watched.
fn without_effect(args: &Args) -> Option<String> {
    let options = [
        ("--ext", !args.ext.is_empty()),
        ("--ignore", !args.ignore.is_empty()),
        ("--if-changed", args.if_changed),
        ("--poll", args.poll.is_some()),
    ];
    let (option, _) = options.into_iter().find(|(_, is_given)| *is_given)?;
    let watches = args.max_restarts.is_none() || !args.watch.is_empty();
    (!watches).then(|| {
        format!("{option} has no effect: --max-restarts watches nothing but what --watch names")
    })
}

/// `dir` and every directory above it, the nearest first; each as it is seen from `dir`, too.
fn upwards(dir: &Path) -> impl Iterator<Item = (PathBuf, &Path)> {
    let mut next = PathBuf::new();
    dir.ancestors().map(move |above| {
        let seen = next.clone();
        next.push("..");
        (seen, above)
    })
}
