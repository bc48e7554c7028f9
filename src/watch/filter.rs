//! Tells which paths count, and by which rule one does not.
//!
//! The order of the rules: `--ignore`, then `--watch` of that very path, then ignore files, then
//! the built-in list, then `--ext`. The first one that has an opinion decides.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::excludes::Excludes;
use super::git_config::GitHome;
use super::globs::Pattern;
use super::mounts::Mounts;
use super::{built_in, git, wildmatch};
use crate::paths::moved;

/// What was asked to be watched, and what of it was not.
#[derive(Clone, Debug)]
pub struct FilterSpec {
    /// What is watched.
    pub roots: Vec<Root>,
    /// The patterns of `--ignore`, and then others that give way to them.
    pub flags: Vec<Gitignore>,
    /// The endings of `--ext`, without the dot. None: every name counts.
    pub extensions: Vec<String>,
    /// Whether ignore files and the built-in list count.
    pub ignores: bool,
    /// The files that rwatch's own output goes to, by device and inode.
    pub outputs: Vec<(u64, u64)>,
    /// Where the user's own excludes are.
    pub git: GitHome,
}

/// One thing that is watched. All paths are absolute.
#[derive(Clone, Debug)]
pub struct Root {
    /// As it was typed.
    pub name: String,
    /// The path; for a pattern, the directory above everything that it can match.
    pub path: PathBuf,
    /// The pattern, matched against what follows `path`.
    pub glob: Option<Pattern>,
}

impl Root {
    /// Whether `path` is one that this root asks for.
    pub(super) fn covers(&self, path: &Path, is_dir: bool) -> bool {
        match (path.strip_prefix(&self.path), &self.glob) {
            (Err(_), _) => false,
            (Ok(_), None) => true,
            (Ok(rest), Some(glob)) if is_dir => glob.leads_through(rest),
            (Ok(rest), Some(glob)) => glob.holds(rest),
        }
    }

    /// Whether everything in `dir` was asked for.
    fn covers_all_in(&self, dir: &Path) -> bool {
        match (dir.strip_prefix(&self.path), &self.glob) {
            (Err(_), _) => false,
            (Ok(_), None) => true,
            (Ok(rest), Some(glob)) => glob.holds(rest),
        }
    }

    /// Whether something right in `dir` may have been named.
    fn may_name_in(&self, dir: &Path) -> bool {
        match &self.glob {
            None => self.path == dir || self.path.parent() == Some(dir),
            Some(_) => dir.starts_with(&self.path),
        }
    }

    /// Whether `path` itself was named.
    fn names(&self, path: &Path) -> bool {
        match (path.strip_prefix(&self.path), &self.glob) {
            (Err(_), _) => false,
            (Ok(rest), None) => rest.as_os_str().is_empty(),
            (Ok(rest), Some(glob)) => glob.names(rest),
        }
    }
}

/// Whether a path counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Kept,
    /// It does not, by this rule.
    Ignored(Rule),
}

/// Why a path does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// `--ignore` with this pattern.
    Flag(String),
    /// This pattern in this ignore file.
    File { file: PathBuf, pattern: String },
    /// This entry of the built-in list.
    BuiltIn(&'static str),
    /// `--ext` does not list its ending.
    Extension,
    /// It is under no watched root.
    Outside,
    /// The kernel makes up what is in it, as on this file system.
    Kernel(&'static str),
    /// Standard output or error goes there: what is said about a change would be a change.
    Output,
    /// It is a socket, a FIFO or a device: nobody saves one.
    Special,
}

impl Rule {
    /// The rule for people: which one, and where it stands, relative to `base`.
    pub fn text(&self, base: &Path) -> String {
        match self {
            Self::Flag(pattern) => format!("--ignore {pattern}"),
            Self::File { file, pattern } => {
                let shown = file.strip_prefix(base).unwrap_or(file).display();
                match line_of(file, pattern) {
                    Some((number, line)) => format!("`{line}` in {shown}, line {number}"),
                    None => format!("`{pattern}` in {shown}"),
                }
            }
            Self::BuiltIn(pattern) => format!("`{pattern}` of the built-in list"),
            Self::Extension => "--ext does not list its ending".to_owned(),
            Self::Outside => "it is under no watched path".to_owned(),
            Self::Kernel(fs) => {
                format!(
                    "it is a {fs} file system, made up by the kernel, and --watch does not name it"
                )
            }
            Self::Output => "the output goes there".to_owned(),
            Self::Special => "a socket, a FIFO or a device is no file that is saved".to_owned(),
        }
    }
}

/// The number and the text of the line that became this pattern; of the last one, since that one
/// decides.
fn line_of(file: &Path, pattern: &str) -> Option<(usize, String)> {
    let lines = lines_of(file);
    let is_it = |line: &Vec<u8>| wildmatch::rewritten(line).is_some_and(|it| it == pattern);
    let found = lines.iter().rposition(is_it)?;
    let line = String::from_utf8_lossy(wildmatch::trimmed(&lines[found]));
    Some((found + 1, line.into_owned()))
}

/// The lines of an ignore file; none if it cannot be read.
fn lines_of(file: &Path) -> Vec<Vec<u8>> {
    let bytes = fs::read(file).unwrap_or_default();
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    bytes
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line).to_vec())
        .collect()
}

/// The rules that hold now.
#[derive(Debug)]
pub struct Filter {
    spec: FilterSpec,
    base: PathBuf,
    /// What the current directory was called when the patterns of `--ignore` were read, if it is called
    /// otherwise now.
    typed: Option<PathBuf>,
    /// The rules of `.ignore` files, by the directory that they stand in.
    plain: HashMap<PathBuf, Gitignore>,
    /// The same for `.gitignore` files.
    git: HashMap<PathBuf, Gitignore>,
    /// The same for `.git/info/exclude`, by the top of the work tree.
    exclude: HashMap<PathBuf, Gitignore>,
    /// The ignore files that are in no watched directory, and the directories that they rule.
    above: HashMap<PathBuf, PathBuf>,
    /// What the user has git ignore everywhere.
    excludes: Excludes,
    /// What is mounted there.
    mounts: Mounts,
}

/// The names of ignore files, those that win first.
const IGNORE_FILES: [&str; 2] = [".ignore", ".gitignore"];

impl Filter {
    /// The rules of `spec`, for somebody whose current directory is `base`.
    pub fn new(spec: FilterSpec, base: PathBuf) -> Self {
        let mut filter = Self {
            excludes: Excludes::new(spec.git.clone()),
            spec,
            base,
            typed: None,
            plain: HashMap::new(),
            git: HashMap::new(),
            exclude: HashMap::new(),
            above: HashMap::new(),
            mounts: Mounts::default(),
        };
        for root in filter.spec.roots.clone() {
            filter.load_above(&root.path);
        }
        filter
    }

    /// What is watched.
    pub fn roots(&self) -> &[Root] {
        &self.spec.roots
    }

    /// What is mounted at what is watched, above it and below it, as of the last look.
    pub(super) fn mounts(&self) -> &Mounts {
        &self.mounts
    }

    /// Looks what is mounted; where it is something else than the last time.
    pub(super) fn look_at_mounts(&mut self) -> Vec<PathBuf> {
        self.mounts.refresh(&self.spec.roots)
    }

    /// The current directory: what `--ignore` and printed paths are relative to.
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// Takes in that what was at `from`, the current directory among it, is at `to`. The rules of the
    /// directories there are to be read anew.
    pub(super) fn follow(&mut self, from: &Path, to: &Path) {
        self.unload(from);
        let base = moved(&self.base, from, to);
        let was = base.map(|base| std::mem::replace(&mut self.base, base));
        self.typed = self.typed.take().or(was);
        for root in &mut self.spec.roots {
            if let Some(path) = moved(&root.path, from, to) {
                root.path = path;
            }
        }
        for root in self.spec.roots.clone() {
            self.load_above(&root.path);
        }
        // By the new paths.
        self.look_at_mounts();
    }

    /// Whether `path` counts, if the directory that it is in does.
    pub fn verdict(&self, path: &Path, is_dir: bool) -> Verdict {
        let dir = path.parent().unwrap_or(path);
        self.within(dir).verdict(path, is_dir)
    }

    /// The rules as they are for everything that is right in `dir`.
    pub fn within(&self, dir: &Path) -> Within<'_> {
        let roots = &self.spec.roots;
        Within {
            filter: self,
            is_covered: roots.iter().any(|root| root.covers_all_in(dir)),
            has_root: roots.iter().any(|root| root.may_name_in(dir)),
            ignore_files: self.ignore_files(dir),
        }
    }

    /// Whether `path` itself was named with `--watch`.
    pub fn is_root(&self, path: &Path) -> bool {
        self.spec.roots.iter().any(|root| root.names(path))
    }

    /// Whether `--ignore` says that `path`, which is no directory, does not count.
    pub fn is_flagged(&self, path: &Path) -> bool {
        self.flag(path, false).is_ignore()
    }

    /// Whether a file of this name holds rules.
    pub fn is_ignore_file(&self, path: &Path) -> bool {
        let name = path.file_name();
        self.spec.ignores
            && IGNORE_FILES
                .iter()
                .any(|file| name == Some(OsStr::new(file)))
    }

    /// The ignore files that rule watched directories and are in none.
    pub fn above(&self) -> impl Iterator<Item = &Path> {
        self.above.keys().map(PathBuf::as_path)
    }

    /// The files of the user's own excludes, and whether one that is not there is waited for.
    pub fn excludes(&self) -> impl Iterator<Item = (&Path, bool)> {
        let files = self.excludes.files();
        files.map(|file| (file, self.excludes.is_usual(file)))
    }

    /// Whether the directory that it is in does not count any more as soon as this file is there.
    pub fn hides_its_dir(&self, path: &Path) -> bool {
        self.spec.ignores && built_in::hides_its_dir(path)
    }

    /// The tops of the work trees that were met.
    pub fn work_trees(&self) -> impl Iterator<Item = &Path> {
        let excludes = self.above.iter();
        let excludes = excludes.filter(|(file, _)| file.ends_with("info/exclude"));
        excludes.map(|(_, top)| top.as_path())
    }

    /// The directory that the rules of this file are for.
    pub fn ruled_by<'a>(&'a self, file: &'a Path) -> Option<&'a Path> {
        match self.above.get(file) {
            _ if self.excludes.is_one(file) => Some(Path::new("/")),
            Some(dir) => Some(dir),
            None if self.hides_its_dir(file) => file.parent()?.parent(),
            None if self.is_ignore_file(file) => file.parent(),
            None => None,
        }
    }

    /// Reads the rules of this file anew.
    pub fn reload(&mut self, file: &Path) {
        let is_of_tree = |dir| self.git.contains_key(dir) || self.above.contains_key(file);
        if self.excludes.reload(file) && !file.parent().is_some_and(is_of_tree) {
            return;
        }
        let outside = self.above.get(file).filter(|_| !self.is_ignore_file(file));
        if let Some(top) = outside {
            read_rules(&mut self.exclude, top, file);
        } else if let Some(dir) = file.parent() {
            self.load(dir);
        }
    }

    /// Whether an entry of this name means that its directory has rules to [load](Self::load).
    pub fn tells_of_rules(&self, path: &Path) -> bool {
        let is_git = path.file_name() == Some(OsStr::new(".git"));
        self.is_ignore_file(path) || (self.spec.ignores && is_git)
    }

    /// Reads the ignore files of `dir` anew, and if it is the top of a work tree also the one that
    /// is kept beside it.
    pub fn load(&mut self, dir: &Path) {
        if self.spec.ignores {
            let [plain, git] = IGNORE_FILES.map(|name| dir.join(name));
            read_rules(&mut self.plain, dir, &plain);
            read_rules(&mut self.git, dir, &git);
            if dir.join(".git").exists() {
                let exclude = git::exclude_of(dir);
                read_rules(&mut self.exclude, dir, &exclude);
                self.above.insert(exclude, dir.to_path_buf());
                self.excludes.load(dir);
            }
        }
    }

    /// Forgets the ignore files of `dir` and everything below it.
    pub fn unload(&mut self, dir: &Path) {
        for rules in [&mut self.plain, &mut self.git, &mut self.exclude] {
            rules.retain(|holder, _| !holder.starts_with(dir));
        }
        self.above.retain(|_, ruled| !ruled.starts_with(dir));
        self.excludes.unload(dir);
    }

    /// Reads the ignore files above `root` that git would read: up to the top of its work tree.
    /// Outside of one, up to the current directory.
    fn load_above(&mut self, root: &Path) {
        let work_tree = root.ancestors().find(|dir| dir.join(".git").exists());
        let top = work_tree
            .or_else(|| root.starts_with(&self.base).then_some(self.base.as_path()))
            .map(Path::to_path_buf);
        if self.spec.ignores && work_tree.is_none() {
            self.excludes.load_outside(top.as_deref().unwrap_or(root));
        }
        let (Some(top), true) = (top, self.spec.ignores) else {
            return;
        };
        let above = root.ancestors().skip(1);
        for dir in above.take_while(|dir| dir.starts_with(&top)) {
            self.load(dir);
            for name in IGNORE_FILES {
                self.above.insert(dir.join(name), dir.to_path_buf());
            }
        }
    }

    /// What `--ignore` says. A pattern that ignores a directory ignores all that is in it; one
    /// that re-includes a directory does not speak for what is in it.
    fn flag(&self, path: &Path, is_dir: bool) -> Match<&ignore::gitignore::Glob> {
        let flags = self.spec.flags.iter().filter(|flags| !flags.is_empty());
        let typed = self.typed.as_deref();
        let typed = typed.and_then(|typed| moved(path, &self.base, typed));
        let path = typed.as_deref().unwrap_or(path);
        flags
            .map(|flags| flag(flags, path, is_dir))
            .find(|found| !found.is_none())
            .unwrap_or(Match::None)
    }

    /// The rules of ignore files for what is in `dir`, those that win first: nearest ones first, every
    /// `.ignore` before every `.gitignore` as in ripgrep, `.git/info/exclude` and then the user's own
    /// excludes last as in gitignore(5).
    fn ignore_files(&self, dir: &Path) -> Vec<&Gitignore> {
        if !self.spec.ignores {
            return Vec::new();
        }
        let kinds = [&self.plain, &self.git, &self.exclude];
        let kinds = kinds.into_iter().filter(|rules| !rules.is_empty());
        kinds
            .flat_map(|rules| dir.ancestors().filter_map(|dir| rules.get(dir)))
            .chain(self.excludes.rules(dir))
            .collect()
    }

    fn is_output(&self, path: &Path) -> bool {
        !self.spec.outputs.is_empty()
            && fs::metadata(path)
                .is_ok_and(|meta| self.spec.outputs.contains(&(meta.dev(), meta.ino())))
    }

    fn has_extension(&self, name: &[u8]) -> bool {
        self.spec.extensions.is_empty()
            || self.spec.extensions.iter().any(|extension| {
                name.strip_suffix(extension.as_bytes())
                    .is_some_and(|stem| stem.len() > 1 && stem.ends_with(b"."))
            })
    }
}

fn flag<'a>(flags: &'a Gitignore, path: &Path, is_dir: bool) -> Match<&'a ignore::gitignore::Glob> {
    let own = flags.matched(path, is_dir);
    if !own.is_none() {
        return own;
    }
    path.ancestors()
        .skip(1)
        .take_while(|dir| dir.starts_with(flags.path()) && *dir != flags.path())
        .map(|dir| flags.matched(dir, true))
        .find(|found| !found.is_none())
        .filter(Match::is_ignore)
        .unwrap_or(Match::None)
}

/// The rules that hold for what is right in one directory.
pub struct Within<'a> {
    filter: &'a Filter,
    /// Whether everything in it was asked for.
    is_covered: bool,
    /// Whether something in it may have been named with `--watch`.
    has_root: bool,
    /// The ignore files that rule it, those that win first.
    ignore_files: Vec<&'a Gitignore>,
}

impl Within<'_> {
    /// Whether `path`, which is in the directory, counts.
    pub fn verdict(&self, path: &Path, is_dir: bool) -> Verdict {
        let ignored = |rule| Verdict::Ignored(rule);
        let (filter, spec) = (self.filter, &self.filter.spec);
        let flag = filter.flag(path, is_dir);
        if let Match::Ignore(glob) = &flag {
            // As it was typed: see `config::patterns`.
            let typed = glob
                .from()
                .map(|typed| typed.to_string_lossy().into_owned());
            let typed = typed.unwrap_or_else(|| glob.original().to_owned());
            return ignored(Rule::Flag(typed));
        }
        if self.has_root && filter.is_root(path) {
            return Verdict::Kept;
        }
        if !self.is_covered && !spec.roots.iter().any(|root| root.covers(path, is_dir)) {
            return ignored(Rule::Outside);
        }
        if is_dir
            && !flag.is_whitelist()
            && let Some(fs) = filter.mounts.kernel_fs(path)
        {
            return ignored(Rule::Kernel(fs));
        }
        let name = path.file_name().unwrap_or_default().as_bytes();
        if spec.ignores && !flag.is_whitelist() {
            match self.ignore_files(path, is_dir) {
                Match::Ignore(rule) => return ignored(rule),
                Match::Whitelist(_) => {}
                Match::None => {
                    if let Some(pattern) = built_in::hides(name, path, is_dir) {
                        return ignored(Rule::BuiltIn(pattern));
                    }
                }
            }
        }
        if !is_dir && filter.is_output(path) {
            return ignored(Rule::Output);
        }
        if !is_dir && !filter.has_extension(name) {
            return ignored(Rule::Extension);
        }
        Verdict::Kept
    }

    /// What ignore files say.
    fn ignore_files(&self, path: &Path, is_dir: bool) -> Match<Rule> {
        let matches = self
            .ignore_files
            .iter()
            .map(|rules| rules.matched(path, is_dir));
        let found = matches.into_iter().find(|found| !found.is_none());
        found.unwrap_or(Match::None).map(|glob| Rule::File {
            file: glob.from().unwrap_or(Path::new("")).to_path_buf(),
            pattern: glob.original().to_owned(),
        })
    }
}

/// Puts the rules of `file` where those of `dir` are, or takes them away if it has none.
pub(super) fn read_rules(rules: &mut HashMap<PathBuf, Gitignore>, dir: &Path, file: &Path) {
    let lines = lines_of(file);
    let mut patterns = lines
        .iter()
        .filter_map(|line| wildmatch::rewritten(line))
        .peekable();
    if patterns.peek().is_none() {
        // Such as git's own, which is all comments.
        rules.remove(dir);
        return;
    }
    let mut builder = GitignoreBuilder::new(dir);
    for pattern in patterns {
        // One that the library cannot take, because it is too long for it, is skipped.
        let _ = builder.add_line(Some(file.to_path_buf()), &pattern);
    }
    match builder.build() {
        Ok(read) if !read.is_empty() => rules.insert(dir.to_path_buf(), read),
        _ => rules.remove(dir),
    };
}
