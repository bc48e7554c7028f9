//! What was typed, and what it means here: in this directory, with this environment.

mod patterns;
mod place;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::IsTerminal as _;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::CommandFactory as _;
use clap::error::ErrorKind;

use self::patterns::patterns;
use self::place::{cleaned, placed};
use crate::cli::{Args, Color, Extensions, Variable, is_duration};
use crate::journal::{Target, identity};
use crate::policy::{Policy, RestartPolicy, RestartWhen, Settle, StopPolicy};
use crate::process::{Launch, Programs};
use crate::reporter::{Style, Volume, Wanted};
use crate::terminal::is_in_foreground;
use crate::text::reason;
use crate::watch::{FilterSpec, GitHome, Pattern, Root, WatchSpec, globs};

/// Everything that a run of rwatch is made of.
#[derive(Debug)]
pub struct Config {
    /// What is started.
    pub programs: Programs,
    /// What is watched, if anything.
    pub watch: Option<WatchSpec>,
    /// How the supervisor decides.
    pub policy: Policy,
    /// How it is told.
    pub style: Style,
    /// Where to tell other programs what happens.
    pub events: Option<Target>,
    /// The path that is to be explained, instead of all this; absolute.
    pub explain: Option<PathBuf>,
}

/// What a command line is read in.
#[derive(Debug)]
pub struct Env {
    /// The current directory.
    pub dir: PathBuf,
    /// Whether standard error is a terminal.
    pub terminal: bool,
    /// Whether that is one whose title is ours to set: as `TERM` has it there is one, and no job in
    /// the background sets it.
    pub titled: bool,
    /// Whether `NO_COLOR` is set to something (no-color.org).
    pub no_color: bool,
    /// The files that standard output and error go to, by device and inode.
    pub outputs: Vec<(u64, u64)>,
    /// Where git's configuration is.
    pub git: GitHome,
}

impl Env {
    /// The environment of this process.
    ///
    /// # Errors
    /// If the current directory is gone.
    pub fn current() -> anyhow::Result<Self> {
        Ok(Self {
            dir: std::env::current_dir().map_err(|error| {
                let reason = reason(&error);
                anyhow!("cannot tell the current directory: {reason}; `cd` to one that is there")
            })?,
            terminal: std::io::stderr().is_terminal(),
            titled: is_in_foreground()
                && std::env::var_os("TERM").is_some_and(|term| is_titled(&term)),
            no_color: std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
            outputs: [
                file_behind(&std::io::stdout()),
                file_behind(&std::io::stderr()),
            ]
            .into_iter()
            .flatten()
            .collect(),
            git: GitHome::current(),
        })
    }
}

/// Patterns of another directory than the current one.
#[derive(Debug)]
pub struct Ignored {
    /// The directory that they are relative to; absolute.
    pub dir: PathBuf,
    /// In gitignore syntax, as those of `--ignore`.
    pub patterns: Vec<String>,
}

impl Config {
    /// What `args` mean in `env`; and what is ignored beside that, unless `--ignore` re-includes it.
    ///
    /// # Errors
    /// With a [`clap::Error`] inside if the command line is wrong.
    pub fn resolve(args: Args, ignored: Option<&Ignored>, env: &Env) -> anyhow::Result<Self> {
        let events = args.events.as_deref().map(|typed| target(typed, &env.dir));
        let mut watch = watch(&args, ignored, env)?;
        if let (Some(target), Some(watch)) = (&events, &mut watch) {
            watch.filter.outputs.extend(target.file());
        }
        if let Some(why) = refused(&args, watch.is_some()) {
            return Err(usage(&why));
        }
        let explain = args.explain.as_deref();
        Ok(Self {
            events,
            explain: explain.map(|path| placed(&env.dir.join(path), &env.dir)),
            policy: policy(&args, watch.is_some()),
            style: style(&args, env),
            programs: programs(args),
            watch,
        })
    }
}

/// What the user is told of a command line that makes sense, and may not do what is meant.
pub fn remarks(args: &Args, ignored: Option<&Ignored>, env: &Env) -> Vec<String> {
    patterns::remarks(args, ignored, env)
}

/// A pattern of `--ignore` that was typed in `dir`, without the paths that only a shell knows.
pub fn plain_pattern(typed: &str, dir: &Path) -> String {
    patterns::plain(typed, dir)
}

/// What makes no sense although every option does, and what to do about it.
fn refused(args: &Args, watches: bool) -> Option<String> {
    let add = |what| Some(format!("{what}, and nothing is watched: add --watch"));
    if args.postpone && !watches {
        return add("--postpone waits for a change");
    }
    if args.explain.is_some() && !watches {
        return add("--explain asks about changes");
    }
    let program = args.command.first().and_then(|word| word.to_str());
    let time = program.filter(|word| args.poll.is_some() && is_duration(word))?;
    Some(format!("--poll takes its time behind `=`: --poll={time}"))
}

fn policy(args: &Args, watching: bool) -> Policy {
    let implied = match args.max_restarts {
        Some(_) => RestartWhen::Always,
        None => RestartWhen::Never,
    };
    let stop = StopPolicy::default();
    Policy {
        restart: RestartPolicy {
            when: args.restart.map_or(implied, RestartWhen::from),
            max: args.max_restarts,
        },
        backoff: args.backoff.unwrap_or_default(),
        stop: StopPolicy {
            signal: args.signal.unwrap_or(stop.signal),
            grace: args.stop_timeout.unwrap_or(stop.grace),
        },
        settle: Settle { delay: args.delay },
        watching,
        postpone: args.postpone,
        build: args.before.is_some(),
    }
}

fn style(args: &Args, env: &Env) -> Style {
    Style {
        volume: match (args.quiet, args.verbose) {
            (true, _) => Volume::Quiet,
            (false, true) => Volume::Verbose,
            (false, false) => Volume::Normal,
        },
        color: match args.color.unwrap_or_default() {
            Color::Auto => env.terminal && !env.no_color,
            Color::Always => true,
            Color::Never => false,
        },
        clear: args.clear && env.terminal,
        notices: Wanted {
            title: env.terminal && env.titled && !args.no_title && !args.quiet,
            bell: env.terminal && args.bell,
            desktop: args.notify,
        },
    }
}

/// Whether a terminal that goes by this name takes a title: neither a dumb one nor Linux's console.
fn is_titled(term: &OsStr) -> bool {
    !["", "dumb", "linux"].map(OsStr::new).contains(&term)
}

/// Whether it names a descriptor, and not a file.
pub fn is_descriptor(typed: &OsStr) -> bool {
    typed.as_bytes().iter().all(u8::is_ascii_digit)
}

/// A number is a descriptor, and everything else a file.
fn target(typed: &Path, dir: &Path) -> Target {
    let number = typed.to_str().filter(|it| is_descriptor(it.as_ref()));
    match number.map(str::parse) {
        // No descriptor is that large.
        Some(number) => Target::Descriptor(number.unwrap_or(i32::MAX)),
        None => Target::File(cleaned(&dir.join(typed))),
    }
}

/// The file that a stream goes to, by device and inode.
fn file_behind(stream: &impl AsFd) -> Option<(u64, u64)> {
    let file = File::from(stream.as_fd().try_clone_to_owned().ok()?);
    identity(&file.metadata().ok()?)
}

fn programs(args: Args) -> Programs {
    let by_shell = |string| vec!["sh".into(), "-c".into(), string];
    let words = args.exec.map_or(args.command, by_shell);
    // As they were typed: the current directory may be renamed.
    let env_files = args.env_file;
    let variables = args.env.into_iter();
    let env: Vec<_> = variables
        .map(|Variable(name, value)| (name, value))
        .collect();
    let dir = args.chdir;
    let launch = |words: Vec<OsString>| {
        let mut words = words.into_iter();
        Launch {
            // Nothing is started where there is none: see `--explain`.
            program: words.next().unwrap_or_default(),
            args: words.collect(),
            dir: dir.clone(),
            env_files: env_files.clone(),
            env: env.clone(),
        }
    };
    Programs {
        command: launch(words),
        build: args.before.map(|string| launch(by_shell(string))),
    }
}

/// What is to be watched: what was named; else the current directory, unless `-m` makes rwatch a
/// mere keeper of COMMAND.
fn watch(args: &Args, ignored: Option<&Ignored>, env: &Env) -> anyhow::Result<Option<WatchSpec>> {
    let mut roots = match args.watch.as_slice() {
        [] if args.max_restarts.is_some() => return Ok(None),
        [] => vec![root(Path::new("."), &env.dir)?],
        paths => paths
            .iter()
            .map(|path| root(path, &env.dir))
            .collect::<Result<Vec<_>, _>>()?,
    };
    // COMMAND is made of them, too. Who writes to a FIFO is heard by reading it.
    let files = args.env_file.iter();
    let files = files.filter(|file| !is_stream(&env.dir.join(file)));
    roots.extend(files.map(|file| literal(file, &env.dir)));
    let mut flags = vec![patterns(&env.dir, &args.ignore)?];
    if let Some(ignored) = ignored {
        flags.push(patterns(
            &placed(&ignored.dir, &env.dir),
            &ignored.patterns,
        )?);
    }
    let filter = FilterSpec {
        roots,
        flags,
        extensions: args
            .ext
            .iter()
            .flat_map(|Extensions(names)| names.clone())
            .collect(),
        ignores: !args.no_ignore,
        outputs: env.outputs.clone(),
        git: env.git.clone(),
    };
    Ok(Some(WatchSpec {
        filter,
        base: env.dir.clone(),
        verbose: args.verbose,
        poll: args.poll,
        if_changed: args.if_changed,
    }))
}

/// Whether it is a FIFO, a terminal or the like.
fn is_stream(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|meta| !meta.is_file() && !meta.is_dir())
}

/// A path that exists is that path, whatever is in its name, and so is the directory that a glob begins
/// in; else it is a glob if it looks like one, else a path that does not exist yet.
fn root(typed: &Path, dir: &Path) -> anyhow::Result<Root> {
    if typed.as_os_str().is_empty() {
        return Err(usage(
            "invalid value '' for '--watch <PATH>': a path is not empty; `.` is the current directory",
        ));
    }
    let (begin, glob) = globs::split(typed, dir);
    if glob.as_os_str().is_empty() {
        return Ok(literal(typed, dir));
    }
    let name = typed.to_string_lossy().into_owned();
    let glob = Pattern::new(&glob.to_string_lossy()).map_err(|error| {
        usage(&format!(
            "invalid value '{name}' for '--watch <PATH>': {}",
            error.kind()
        ))
    })?;
    Ok(Root {
        name,
        path: placed(&dir.join(begin), dir),
        glob: Some(glob),
    })
}

/// What was typed, taken as the path that it is.
fn literal(typed: &Path, dir: &Path) -> Root {
    Root {
        name: typed.to_string_lossy().into_owned(),
        path: placed(&dir.join(typed), dir),
        glob: None,
    }
}

/// An error in the form in which clap tells them, with the exit code that they have.
pub fn usage(message: &str) -> anyhow::Error {
    Args::command()
        .error(ErrorKind::ValueValidation, message)
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::BackoffRange;
    use clap::Parser as _;
    use std::time::Duration;

    fn env() -> Env {
        Env {
            dir: PathBuf::from("/nowhere"),
            terminal: true,
            titled: true,
            no_color: false,
            outputs: Vec::new(),
            git: GitHome::default(),
        }
    }

    fn resolve(line: &str) -> anyhow::Result<Config> {
        Config::resolve(Args::try_parse_from(line.split(' '))?, None, &env())
    }

    /// What is watched (`-` for nothing), which exits are answered, and how often.
    #[track_caller]
    fn check_headline(line: &str, watched: &str, when: RestartWhen, max: Option<u32>) {
        let config = resolve(line).expect("valid");
        let roots = config.watch.as_ref().map_or_else(
            || "-".to_owned(),
            |watch| {
                let names: Vec<&str> = watch
                    .filter
                    .roots
                    .iter()
                    .map(|root| root.path.to_str().expect("UTF-8"))
                    .collect();
                names.join(" ")
            },
        );
        assert_eq!(roots, watched);
        assert_eq!(config.policy.watching, watched != "-");
        assert_eq!(config.policy.restart, RestartPolicy { when, max });
    }

    #[test]
    fn what_is_watched_and_which_exits_are_answered() {
        use RestartWhen::{Always, Never, OnFailure};
        check_headline("rwatch x", "/nowhere", Never, None);
        check_headline(
            "rwatch -w app -w ./libs/ x",
            "/nowhere/app /nowhere/libs",
            Never,
            None,
        );
        check_headline("rwatch -w ../a/./b -w /c x", "/a/b /c", Never, None);
        check_headline("rwatch -m 5 x", "-", Always, Some(5));
        check_headline("rwatch -m 0 x", "-", Always, Some(0));
        check_headline("rwatch -m 5 -w src x", "/nowhere/src", Always, Some(5));
        check_headline("rwatch -r always x", "/nowhere", Always, None);
        check_headline("rwatch -r on-failure -m 2 x", "-", OnFailure, Some(2));
        check_headline("rwatch -r never -m 2 x", "-", Never, Some(2));
        check_headline("rwatch -w src/**/*.ts x", "/nowhere/src", Never, None);
    }

    #[test]
    fn defaults() {
        let policy = resolve("rwatch x").expect("valid").policy;
        assert_eq!(policy.stop, StopPolicy::default());
        assert_eq!(policy.backoff, BackoffRange::default());
        assert_eq!(policy.settle.delay, None);
    }

    #[test]
    fn every_option_arrives() {
        let line = "rwatch -d 1 --backoff 1..2 -s INT --stop-timeout 3 -p -q -c --color never -C / -E A=b x y";
        let config = resolve(line).expect("valid");
        assert_eq!(config.policy.settle.delay, Some(Duration::from_secs(1)));
        assert_eq!(config.policy.backoff.max, Duration::from_secs(2));
        assert_eq!(config.policy.stop.signal.as_str(), "SIGINT");
        assert_eq!(config.policy.stop.grace, Duration::from_secs(3));
        assert!(config.policy.postpone);
        assert_eq!(
            config.style,
            Style {
                volume: Volume::Quiet,
                color: false,
                clear: true,
                notices: Wanted::default(),
            }
        );
        let launch = Launch {
            program: "x".into(),
            args: vec!["y".into()],
            dir: Some("/".into()),
            env_files: Vec::new(),
            env: vec![("A".into(), "b".into())],
        };
        assert_eq!(config.programs.command, launch);
    }

    #[test]
    fn a_shell_string_is_run_by_sh() {
        let args = ["rwatch", "-x", "a && b", "-q"];
        let args = Args::try_parse_from(args).expect("valid");
        let programs = Config::resolve(args, None, &env()).expect("valid").programs;
        let launch = programs.command;
        assert_eq!(
            launch.words().collect::<Vec<_>>(),
            ["sh", "-c", "a && b"].map(OsStr::new)
        );
    }

    #[track_caller]
    fn check_usage(line: &str, message: &str) {
        let error = resolve(line).expect_err("a wrong command line");
        let error = error.downcast::<clap::Error>().expect("a usage error");
        assert_eq!(error.exit_code(), 2);
        let text = error.to_string();
        assert!(text.contains(message), "{text}");
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        check_usage("rwatch -p -m 1 x", "--postpone");
        check_usage("rwatch -w src/[a x", "'src/[a' for '--watch <PATH>'");
        check_usage("rwatch -i {a x", "'{a' for '--ignore <GLOB>'");
        check_usage("rwatch -m -1 x", "'-1' for '--max-restarts <N>'");
        check_usage("rwatch -d 5x x", "'5x' for '--delay <DUR>'");
        check_usage("rwatch -s FOO x", "'FOO' for '--signal <SIG>'");
        check_usage("rwatch -x a b", "--exec");
        check_usage("rwatch -q -v x", "--quiet");
        check_usage("rwatch --poll 5 x", "--poll=5");
    }

    #[test]
    fn a_path_that_exists_is_taken_literally() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        std::fs::create_dir(dir.path().join("[a]")).expect("writable");
        assert!(
            root(Path::new("[a]"), dir.path())
                .expect("valid")
                .glob
                .is_none()
        );
        assert!(
            root(Path::new("[b]"), dir.path())
                .expect("valid")
                .glob
                .is_some()
        );
        assert!(
            root(Path::new("c"), dir.path())
                .expect("valid")
                .glob
                .is_none()
        );
    }
}
