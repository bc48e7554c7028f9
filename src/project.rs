//! Completes what was typed by what the project says in rwatch.toml.
//!
//! Every source is a *layer* of settings: the file, the chosen run in it, the command line. A setting
//! is a long option with its values as they would be typed. The layers are put on one another, and
//! what comes of it is read as one command line: so a key means what the option means, and is checked
//! by the same code.

mod content;
mod file;
#[allow(dead_code)] // wired in by the next commit
mod habits;
mod layer;
#[allow(dead_code)] // wired in by the next commit
mod nodemon;
mod print;

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

/// Finds out what a command line asks for.
///
/// # Errors
/// If the project file cannot be read, or makes no sense; or if there is nothing to run.
pub fn settle(typed: Typed, env: &Env) -> anyhow::Result<Task> {
    let mut remarks = Vec::from_iter(without_effect(&typed.args));
    let file = File::find(&typed.args, &env.dir, &mut remarks)?;
    let is_complete = typed.run.is_none() && typed.args.names_a_task();
    if file.is_none() && is_complete && !typed.args.print_config {
        return Ok(Task::Run(Box::new(Plan {
            args: typed.args,
            ignored: None,
            remarks,
        })));
    }
    let schema = Schema::new();
    let mut layers = Vec::new();
    let content = match &file {
        Some(file) => Content::of(file, &schema, env)?,
        None => Content::default(),
    };
    layers.push(content.common.clone());
    match (&typed.run, &file) {
        (Some(run), Some(file)) => layers.push(content.run(run, file)?.clone()),
        (Some(run), None) => {
            bail!("`@{run}` is a run of rwatch.toml, and there is no such file here or above")
        }
        (None, _) => {}
    }
    layers.push(Layer::typed(&typed.matches, &schema));
    let settings = Layer::stack(layers);
    if typed.args.print_config {
        let text = print::toml(&settings, &schema, file.as_ref(), &env.dir);
        return Ok(Task::Answer(text));
    }
    let Some(file) = file else {
        return Err(usage(
            "there is nothing to run: name a COMMAND, or write it into rwatch.toml as `command`",
        ));
    };
    remarks.push(file.remark(typed.run.as_deref()));
    let mut args = Args::try_parse_from(settings.words(&schema, &file.home))?;
    args.explain = typed.args.explain;
    if !args.names_a_task() {
        return Err(content.no_command(&file, typed.run.as_deref()));
    }
    if settings.is_of_file(COMMAND) || settings.is_of_file(EXEC) {
        file.takes_home(&mut args);
    }
    let patterns = settings.ignored_by_file();
    let ignored = file.is_elsewhere() && !patterns.is_empty();
    Ok(Task::Run(Box::new(Plan {
        args,
        ignored: ignored.then(|| Ignored {
            dir: env.dir.join(&file.home),
            patterns,
        }),
        remarks,
    })))
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
