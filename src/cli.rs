//! What was typed: the options, their help, and nothing about what they mean.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{OsStringValueParser, PathBufValueParser, TypedValueParser as _};
use clap::error::ErrorKind;
use clap::{
    ArgAction, ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, ValueEnum, ValueHint,
};
use clap_complete::Shell;
use nix::sys::signal::Signal;

use crate::policy::{BackoffRange, RestartWhen};

/// The line in which options and COMMAND stand.
const USAGE: &str = "rwatch [OPTIONS] [--] COMMAND [ARGS]...
       rwatch [OPTIONS] --exec STRING
       rwatch [OPTIONS] [@NAME]";

const EXAMPLES: &str = "\
Examples:
  rwatch -- node server.js
      Watch the current directory; restart on every change.
  rwatch --watch app --watch libs -- node server.js
      Watch these only.
  rwatch -e rs,toml -i '*_test.rs' -- cargo run
      Only files that end in .rs or .toml, but not the tests.
  rwatch -e rs,toml -b 'cargo build' -- target/debug/server
      Build first; a build that fails leaves the old server up.
  rwatch -m 5 -- ./server
      Watch nothing; restart when it exits, 5 times at most.
  rwatch -m 5 --watch src -- ./server
      Both. A change gives it five new chances.
  rwatch
      What rwatch.toml says, here or in a directory above; else what package.json says.
  rwatch server.js
      As `rwatch node server.js`: scripts that are not executable get their interpreter.
  rwatch @web
      The run `web` of rwatch.toml.

Exit codes:
  COMMAND's own; 128+n if signal n killed it; 127 not found; 126 not executable.
  After Ctrl-C, SIGTERM or SIGHUP rwatch stops COMMAND and dies of that signal.
  A second Ctrl-C kills.
  2 for a wrong command line; 125 for errors of rwatch's own.

Keys, each followed by Enter, as long as COMMAND does not read the terminal:
  rs or r restarts, q quits, h lists the keys.";

/// Runs COMMAND in its own process group and restarts it when watched files change or when it exits
#[derive(Debug, Parser)]
#[allow(clippy::struct_excessive_bools)] // flags are bools
#[command(
    name = "rwatch",
    version,
    override_usage = USAGE,
    after_long_help = EXAMPLES,
    max_term_width = 100,
    disable_help_flag = true,
    disable_version_flag = true
)]
pub struct Args {
    /// The program to run, and its arguments
    ///
    /// Passed on byte for byte, without a shell. Everything from the first word on that is no
    /// option of rwatch belongs to COMMAND; `--` makes it explicit.
    #[arg(
        value_name = "COMMAND",
        conflicts_with = "exec",
        trailing_var_arg = true,
        num_args = 1..,
        value_hint = ValueHint::CommandWithArguments,
        hide = true,
    )]
    pub command: Vec<OsString>,

    /// Watch this file, directory or glob (repeatable)
    ///
    /// A glob stands in quotes: 'src/**/*.ts'; `*` does not cross `/`, and a directory that it
    /// matches means what is in it. A path that exists is taken literally, even with `[`, `{` or `!`
    /// in it. The path may not exist yet. Default: the current directory, or nothing with
    /// --max-restarts.
    #[arg(short, long, value_name = "PATH", help_heading = "Watching", value_hint = ValueHint::AnyPath)]
    pub watch: Vec<PathBuf>,

    /// Only names with these extensions: js,ts (repeatable)
    ///
    /// `js,ts`, 'js|ts' and '.js .ts' mean the same. Default: every file.
    #[arg(short, long, value_name = "LIST", help_heading = "Watching", value_parser = extensions)]
    pub ext: Vec<Extensions>,

    /// Do not watch what matches this glob (repeatable)
    ///
    /// In gitignore syntax, relative to the current directory; ./dist and "$PWD/dist" are /dist. A
    /// leading `!` re-includes what an ignore file or the built-in list hides: -i '!*.log'.
    #[arg(short, long, value_name = "GLOB", help_heading = "Watching", value_parser = pattern,
        allow_hyphen_values = true)]
    pub ignore: Vec<String>,

    /// Watch what .gitignore, .ignore and the built-in list hide
    ///
    /// And what git's core.excludesFile hides. The built-in list. Version control: .git .hg .svn .jj
    /// .bzr .pijul _darcs. What is fetched, built and cached: node_modules __pycache__ *.pyc .venv,
    /// target/ beside a Cargo.toml; venv/ env/ .env/ virtualenv/ with a pyvenv.cfg; .pytest_cache
    /// .mypy_cache .ruff_cache .hypothesis .tox .nox .ipynb_checkpoints .coverage .coverage.*
    /// .nyc_output .eslintcache .stylelintcache .parcel-cache .turbo .next .nuxt .svelte-kit .angular
    /// .gradle .dart_tool .terraform .direnv *.tsbuildinfo *.timestamp-*.mjs *.bundled_*.mjs
    /// *.bundled_*.cjs. Editors: .idea .vscode .vs .history .kdev4 *.sublime-workspace .*.sw[a-p]
    /// .sw[a-p] *.swp *.swx *.swpx 4913 *~ .#* #*# *.tmp .*.kate-swp .*.kak.* DEADJOE *___jb_tmp___
    /// *___jb_old___ .goutputstream-* .~lock.*# ~$* GTAGS GRTAGS GPATH cscope.out cscope.in.out
    /// cscope.po.out. Systems and tools: .DS_Store ._* .nfs* .fuse_hidden* .smbdelete*
    /// .watchman-cookie-* .mutagen-temporary-* .attach_pid* hs_err_pid*.log. Beside the file that the *
    /// stands for: *-wal *-shm *-journal *.wal flycheck_*
    #[arg(long, help_heading = "Watching")]
    pub no_ignore: bool,

    /// Quiet time that ends a burst of changes
    ///
    /// 200ms, 2s, 1m, or bare seconds. Default: adaptive, from a few milliseconds for a single
    /// save upwards.
    // Here and below: what begins with a dash is taken, so that a mistake is told with its option.
    #[arg(short, long, value_name = "DUR", help_heading = "Watching", value_parser = duration,
        allow_hyphen_values = true)]
    pub delay: Option<Duration>,

    /// Poll instead of kernel events (default: 1s)
    ///
    /// With `=`: --poll=500ms. Chosen by itself where the kernel tells of no changes (NFS, SMB, 9p,
    /// FUSE, vboxsf), and where there are no kernel watches left.
    #[arg(long, value_name = "DUR", help_heading = "Watching", value_parser = interval, num_args = 0..=1, require_equals = true, default_missing_value = "1s")]
    pub poll: Option<Duration>,

    /// Do not restart for a save with the same bytes
    ///
    /// What is not known counts as changed: files of more than 4 MiB, and those that are changed for
    /// the first time right after the start.
    #[arg(long, help_heading = "Watching")]
    pub if_changed: bool,

    /// Say whether a change of this path would restart, and why
    ///
    /// Runs nothing; COMMAND may be left out. The exit code is 0 for yes and 1 for no.
    #[arg(long, value_name = "PATH", help_heading = "Watching", value_hint = ValueHint::AnyPath)]
    pub explain: Option<PathBuf>,

    /// At most N restarts after exits, then exit
    ///
    /// Then rwatch exits with COMMAND's last code. Implies --restart always, and no default
    /// watching. Restarts because of changes do not count, and restore the budget.
    #[arg(short, long, value_name = "N", help_heading = "Restarting", value_parser = restarts,
        allow_hyphen_values = true)]
    pub max_restarts: Option<u32>,

    /// Restart on exits: never (default), on-failure, always
    ///
    /// Default: never, which is to wait for a change.
    #[arg(
        short,
        long,
        value_name = "WHEN",
        help_heading = "Restarting",
        hide_possible_values = true
    )]
    pub restart: Option<When>,

    /// Pause before a restart after an exit (default: 100ms..30s)
    ///
    /// It doubles from MIN to MAX, and begins anew after a run of 10 s or a change.
    #[arg(long, value_name = "MIN..MAX", help_heading = "Restarting", value_parser = backoff,
        allow_hyphen_values = true)]
    pub backoff: Option<BackoffRange>,

    /// Do not start until the first change
    #[arg(short, long, help_heading = "Restarting")]
    pub postpone: bool,

    /// Shell command that must succeed before COMMAND is replaced
    ///
    /// By `sh -c`, for example -b 'cargo build'. COMMAND stays up until the build has succeeded, and
    /// also if that fails. A change meanwhile stops the build and begins it anew.
    #[arg(short, long, value_name = "CMD", help_heading = "Restarting",
        value_parser = OsStringValueParser::new().try_map(shell_command), allow_hyphen_values = true)]
    pub before: Option<OsString>,

    /// Run this shell string instead of COMMAND
    ///
    /// By `sh -c`. Options of rwatch may follow it.
    #[arg(short = 'x', long, value_name = "STRING", help_heading = "Restarting",
        value_parser = OsStringValueParser::new().try_map(shell_command), allow_hyphen_values = true)]
    pub exec: Option<OsString>,

    /// Stop signal, name or number (default: TERM)
    #[arg(short, long, value_name = "SIG", help_heading = "Stopping", value_parser = signal, allow_hyphen_values = true)]
    pub signal: Option<Signal>,

    /// From the stop signal to SIGKILL (default: 5s)
    #[arg(long, value_name = "DUR", help_heading = "Stopping", value_parser = duration,
        allow_hyphen_values = true)]
    pub stop_timeout: Option<Duration>,

    /// Read the settings of this file, not those of rwatch.toml
    ///
    /// Without it rwatch.toml is read in the current directory, or in the nearest one above that has
    /// it. Options win over the file; --ignore and --env add to it.
    #[arg(long, value_name = "FILE", help_heading = "Project", value_hint = ValueHint::FilePath, conflicts_with = "no_config")]
    pub config: Option<PathBuf>,

    /// Do not read rwatch.toml
    #[arg(long, help_heading = "Project")]
    pub no_config: bool,

    /// Print all settings and where they come from, as TOML
    #[arg(long, help_heading = "Project")]
    pub print_config: bool,

    /// Print the rwatch.toml that does what nodemon.json says
    ///
    /// Or `nodemonConfig` in package.json. What has no equivalent is named in a comment.
    #[arg(long, help_heading = "Project", conflicts_with = "print_config")]
    pub import_nodemon: bool,

    /// Clear the screen at each start, on a terminal
    #[arg(short, long, help_heading = "Output")]
    pub clear: bool,

    /// Say nothing but errors
    #[arg(short, long, help_heading = "Output", conflicts_with = "verbose")]
    pub quiet: bool,

    /// Say every decision and its reason
    #[arg(short, long, help_heading = "Output")]
    pub verbose: bool,

    /// Colour: auto (default), always, never
    ///
    /// auto: standard error is a terminal and `NO_COLOR` is not set.
    #[arg(
        long,
        value_name = "WHEN",
        help_heading = "Output",
        hide_possible_values = true
    )]
    pub color: Option<Color>,

    /// Leave the title of the terminal alone
    ///
    /// Else it says what has become of COMMAND, if standard error is a terminal, and is put back at
    /// the end.
    #[arg(long, help_heading = "Output")]
    pub no_title: bool,

    /// Ring the terminal's bell when COMMAND or the build fails
    ///
    /// Also when one of them cannot be started, and when rwatch gives up.
    #[arg(long, help_heading = "Output")]
    pub bell: bool,

    /// Show a desktop notification when COMMAND or the build fails
    ///
    /// Also when one of them cannot be started, and when rwatch gives up.
    #[arg(long, help_heading = "Output", hide = cfg!(not(feature = "desktop")))]
    pub notify: bool,

    /// Directory for COMMAND
    #[arg(short = 'C', long, value_name = "DIR", help_heading = "Output", value_hint = ValueHint::DirPath)]
    pub chdir: Option<PathBuf>,

    /// Environment for COMMAND (repeatable)
    #[arg(short = 'E', long, value_name = "K=V", help_heading = "Output", value_parser = OsStringValueParser::new().try_map(|text| variable(&text)))]
    pub env: Vec<Variable>,

    /// File with environment for COMMAND, such as .env (repeatable)
    ///
    /// Lines of NAME=VALUE, read anew at every start; a change of it is one like any other. --env wins
    /// over it, and a later file over an earlier one.
    #[arg(long, value_name = "FILE", help_heading = "Output", value_hint = ValueHint::FilePath)]
    pub env_file: Vec<PathBuf>,

    /// Tell programs what happens: a JSON object a line
    ///
    /// To a descriptor that rwatch was given (--events 3 … 3>events.jsonl), or to a file, to which it
    /// is appended, or a FIFO; ./3 is a file. COMMAND never waits for whoever reads it.
    #[arg(long, value_name = "FD|FILE", help_heading = "Output", value_hint = ValueHint::FilePath,
        value_parser = PathBufValueParser::new().try_map(target), allow_negative_numbers = true)]
    pub events: Option<PathBuf>,

    /// Print completions for a shell: bash, fish, zsh …
    #[arg(
        long,
        value_name = "SHELL",
        help_heading = "Output",
        hide_possible_values = true
    )]
    pub completions: Option<Shell>,

    /// Print the manual page
    #[arg(long, help_heading = "Output")]
    pub man: bool,

    /// Print help (-h: short, --help: long)
    #[arg(short, long, action = ArgAction::Help, help_heading = "Output")]
    help: Option<bool>,

    /// Print version
    #[arg(short = 'V', long, action = ArgAction::Version, help_heading = "Output")]
    version: Option<bool>,
}

/// A command line, and which of its words were typed.
#[derive(Debug)]
pub struct Typed {
    /// What they say.
    pub args: Args,
    /// Where they say it.
    pub matches: ArgMatches,
    /// The run of the project file that was chosen by `@NAME`.
    pub run: Option<String>,
}

impl Typed {
    /// Reads a command line, the name of the program first.
    ///
    /// # Errors
    /// If it is wrong, or asks for help.
    pub fn parse(mut words: Vec<OsString>) -> Result<Self, clap::Error> {
        let typed = Self::read(&words)?;
        let Some(run) = typed.run_among(&words) else {
            return Ok(typed);
        };
        // What stands behind the name is read as if the name were not there.
        words.remove(words.len() - typed.args.command.len());
        let typed = Self::read(&words)?;
        if let Some(other) = typed.run_among(&words) {
            let message = format!("one run at a time: @{run} or @{other}");
            return Err(Args::command().error(ErrorKind::ArgumentConflict, message));
        }
        Ok(Self {
            run: Some(run),
            ..typed
        })
    }

    fn read(words: &[OsString]) -> Result<Self, clap::Error> {
        let matches = Args::command().try_get_matches_from(words);
        let matches = matches.or_else(|error| match joined(words) {
            Some(words) => Args::command().try_get_matches_from(words),
            None => Err(error),
        })?;
        Ok(Self {
            args: Args::from_arg_matches(&matches)?,
            matches,
            run: None,
        })
    }

    /// The run that is named in the place of COMMAND. Behind `--` it would be COMMAND.
    fn run_among(&self, words: &[OsString]) -> Option<String> {
        let name = self.args.command.first()?.to_str()?.strip_prefix('@')?;
        let before = words.len() - self.args.command.len() - 1;
        (!name.is_empty() && words[before] != "--").then(|| name.to_owned())
    }
}

impl Args {
    /// Whether they say what to run, or what to explain.
    pub fn names_a_task(&self) -> bool {
        !self.command.is_empty() || self.exec.is_some() || self.explain.is_some()
    }

    /// What is to be printed instead of running anything: completions, or the manual page.
    pub fn document(&self) -> Option<String> {
        let mut text = Vec::new();
        if let Some(shell) = self.completions {
            clap_complete::generate(shell, &mut Self::command(), "rwatch", &mut text);
        } else if self.man {
            let page = clap_mangen::Man::new(Self::command());
            page.render(&mut text).expect("a vector takes everything");
        } else {
            return None;
        }
        Some(String::from_utf8(text).expect("the help is text"))
    }
}

/// When to restart after an exit.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum When {
    /// Wait for a change.
    Never,
    /// After codes other than 0, and deaths by signal.
    OnFailure,
    /// After every exit.
    Always,
}

impl From<When> for RestartWhen {
    fn from(when: When) -> Self {
        match when {
            When::Never => Self::Never,
            When::OnFailure => Self::OnFailure,
            When::Always => Self::Always,
        }
    }
}

/// When to print in colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// In any case.
    Always,
    /// In no case.
    Never,
}

/// The extensions that one `--ext` lists, without their dots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extensions(pub Vec<String>);

/// One variable of `--env`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable(pub OsString, pub OsString);

/// Why a value makes no sense.
#[derive(Debug, PartialEq, Eq)]
pub struct Invalid(&'static str);

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Invalid {}

fn pattern(text: &str) -> Result<String, Invalid> {
    if text.is_empty() {
        return Err(Invalid("expected a pattern such as '*.log' or dist/"));
    }
    Ok(text.to_owned())
}

fn restarts(text: &str) -> Result<u32, Invalid> {
    let number = text.parse();
    number.map_err(|_| Invalid("expected a number of restarts, such as 5"))
}

fn shell_command(text: OsString) -> Result<OsString, Invalid> {
    if text.as_bytes().trim_ascii().is_empty() {
        return Err(Invalid(
            "expected a shell command such as 'make && ./a.out'",
        ));
    }
    Ok(text)
}

/// The words with `--poll -1` as `--poll=-1`, if that stands in them: the mistake is the value, and not
/// that there is no option `-1`.
fn joined(words: &[OsString]) -> Option<Vec<OsString>> {
    let is_negative = |word: &OsString| {
        let after = word.as_bytes().strip_prefix(b"-");
        after.is_some_and(|it| it.starts_with(b".") || it.first().is_some_and(u8::is_ascii_digit))
    };
    let mut pairs = words.windows(2);
    let at = pairs.position(|pair| pair[0] == "--poll" && is_negative(&pair[1]))?;
    let mut joined = words.to_vec();
    let value = joined.remove(at + 1);
    joined[at].push("=");
    joined[at].push(value);
    Some(joined)
}

const NO_DURATION: Invalid = Invalid("expected a duration such as 200ms, 2s, 1m or 2.5 (seconds)");

fn duration(text: &str) -> Result<Duration, Invalid> {
    let units = [
        ("ms", 0.001),
        ("s", 1.0),
        ("m", 60.0),
        ("h", 3600.0),
        ("", 1.0),
    ];
    let (number, unit) = units
        .into_iter()
        .find_map(|(name, unit)| Some((text.strip_suffix(name)?, unit)))
        .unwrap_or((text, 1.0));
    // Rust's floats may be words, and have signs and exponents; a duration has not.
    let plain = number
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let seconds: f64 = number.parse().ok().filter(|_| plain).ok_or(NO_DURATION)?;
    Duration::try_from_secs_f64(seconds * unit)
        .ok()
        .filter(|duration| *duration <= Duration::from_secs(365 * 24 * 3600))
        .ok_or(Invalid("a duration may be a year at most"))
}

/// Whether it looks like a duration.
pub fn is_duration(text: &str) -> bool {
    duration(text).is_ok()
}

fn interval(text: &str) -> Result<Duration, Invalid> {
    let interval = duration(text)?;
    if interval < Duration::from_millis(10) {
        return Err(Invalid(
            "polling more often than every 10ms would be all that it does",
        ));
    }
    Ok(interval)
}

fn backoff(text: &str) -> Result<BackoffRange, Invalid> {
    let (min, max) = text
        .split_once("..")
        .ok_or(Invalid("expected MIN..MAX, such as 100ms..30s"))?;
    let range = BackoffRange {
        min: duration(min)?,
        max: duration(max)?,
    };
    if range.min > range.max {
        return Err(Invalid("MIN is longer than MAX"));
    }
    Ok(range)
}

fn extensions(text: &str) -> Result<Extensions, Invalid> {
    let names = text.split(|c: char| ",|".contains(c) || c.is_whitespace());
    // As a glob has them, too: *.js, *.{js,ts}.
    let names = names.map(|name| {
        name.trim_start_matches(['*', '.', '{'])
            .trim_end_matches('}')
    });
    let names: Vec<String> = names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    if names.is_empty() {
        return Err(Invalid("expected extensions such as js,ts"));
    }
    if names
        .iter()
        .any(|name| name.contains(['*', '?', '[', '{', '}']))
    {
        return Err(Invalid("an extension is no glob; --watch takes globs"));
    }
    if names.iter().any(|name| name.contains('/')) {
        return Err(Invalid("an extension has no `/`; --watch takes paths"));
    }
    Ok(Extensions(names))
}

fn target(path: PathBuf) -> Result<PathBuf, Invalid> {
    let number = path.to_str().and_then(|it| it.parse::<i64>().ok());
    if number.is_some_and(|it| it < 0) {
        return Err(Invalid("expected a descriptor such as 3, or a file"));
    }
    Ok(path)
}

fn signal(text: &str) -> Result<Signal, Invalid> {
    let found = if let Ok(number) = text.parse::<i32>() {
        Signal::try_from(number).ok()
    } else {
        let name = text.to_ascii_uppercase();
        let name = name.strip_prefix("SIG").unwrap_or(&name);
        format!("SIG{name}").parse().ok()
    };
    found.ok_or(Invalid("expected a signal such as TERM, SIGINT or 15"))
}

fn variable(text: &OsStr) -> Result<Variable, Invalid> {
    let bytes = text.as_bytes();
    match bytes.iter().position(|&byte| byte == b'=') {
        None | Some(0) => Err(Invalid("expected NAME=VALUE")),
        Some(at) => Ok(Variable(
            OsStr::from_bytes(&bytes[..at]).to_owned(),
            OsString::from_vec(bytes[at + 1..].to_vec()),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[track_caller]
    fn check_duration(text: &str, expected: Option<u64>) {
        let found = duration(text).ok().map(|duration| duration.as_millis());
        assert_eq!(found, expected.map(u128::from), "{text:?}");
    }

    #[test]
    fn durations() {
        for (text, ms) in [
            ("200ms", 200),
            ("2s", 2_000),
            ("1m", 60_000),
            ("1h", 3_600_000),
            ("2.5", 2_500),
            ("2.5s", 2_500),
            ("0.5m", 30_000),
            (".5", 500),
            ("0", 0),
        ] {
            check_duration(text, Some(ms));
        }
        for text in [
            "",
            "5x",
            "ms",
            "-1",
            "+1",
            "1e3",
            "inf",
            "nan",
            "1 s",
            "1s2",
            "9999999999h",
            ".",
        ] {
            check_duration(text, None);
        }
    }

    #[test]
    fn backoff_ranges() {
        let range = backoff("1..2m").expect("valid");
        assert_eq!((range.min.as_secs(), range.max.as_secs()), (1, 120));
        assert!(backoff("0..0").is_ok());
        for text in ["1", "2..1", "..", "1..", "a..b", "1...2"] {
            assert!(backoff(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn signals_by_name_and_number() {
        for (text, expected) in [
            ("TERM", Signal::SIGTERM),
            ("SIGTERM", Signal::SIGTERM),
            ("sigusr1", Signal::SIGUSR1),
            ("15", Signal::SIGTERM),
            ("9", Signal::SIGKILL),
        ] {
            assert_eq!(signal(text), Ok(expected), "{text:?}");
        }
        for text in ["", "FOO", "SIG", "0", "-1", "99", "1.5", "SIGSIGTERM"] {
            assert!(signal(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn extension_lists() {
        let js_ts = Extensions(vec!["js".to_owned(), "ts".to_owned()]);
        for text in [
            "js,ts",
            ".js .ts",
            "js, ts",
            "*.js,*.ts,",
            " js\tts",
            "js|ts",
            "*.{js,ts}",
        ] {
            assert_eq!(extensions(text).as_ref(), Ok(&js_ts), "{text:?}");
        }
        assert_eq!(extensions("d.ts").expect("valid").0, ["d.ts"]);
        for text in ["", ",", ".", "src/js", "j*", "[jt]s", "{}"] {
            assert!(extensions(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_first_word_that_is_no_option_begins_the_command() {
        let args = Args::try_parse_from("rwatch -w src node a.js --port 3 -w x".split(' '));
        let args = args.expect("valid");
        assert_eq!(args.command, ["node", "a.js", "--port", "3", "-w", "x"]);
        assert_eq!(args.watch, [PathBuf::from("src")]);
        let args = Args::try_parse_from("rwatch -- -x --".split(' ')).expect("valid");
        assert_eq!(args.command, ["-x", "--"]);
    }

    #[track_caller]
    fn check_run(line: &str, run: Option<&str>, command: &[&str]) {
        let typed = Typed::parse(line.split(' ').map(OsString::from).collect()).expect("valid");
        assert_eq!(typed.run.as_deref(), run);
        assert_eq!(typed.args.command, command);
    }

    #[test]
    fn a_run_is_chosen_by_name() {
        check_run("rwatch @web", Some("web"), &[]);
        check_run("rwatch -v @web -c x", Some("web"), &["x"]);
        check_run("rwatch @web -- @web", Some("web"), &["@web"]);
        check_run("rwatch -- @web", None, &["@web"]);
        check_run("rwatch @", None, &["@"]);
        check_run("rwatch node @web", None, &["node", "@web"]);
        let two = ["rwatch", "@a", "-v", "@b"].map(OsString::from);
        assert!(Typed::parse(two.to_vec()).is_err());
    }

    #[test]
    fn a_variable_keeps_every_byte() {
        let variable = |bytes: &[u8]| variable(OsStr::from_bytes(bytes));
        let pair = variable(b"A=b=\xff").expect("valid");
        assert_eq!(
            (pair.0.as_bytes(), pair.1.as_bytes()),
            (&b"A"[..], &b"b=\xff"[..])
        );
        assert!(variable(b"A").is_err());
        assert!(variable(b"=b").is_err());
    }
}
