//! Finds what to ignore so that a loop ends: as few patterns as say it, and nothing else that is
//! watched.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::path_text;
use crate::supervisor::Written;

/// So many patterns are named.
const NAMED: usize = 3;
/// A directory with more in it is not looked through.
const ENTRIES_MAX: usize = 10_000;

/// What is to be ignored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Culprit {
    /// A directory, with all that is in it.
    Dir(PathBuf),
    One(Written),
    /// The files right in this directory that end so.
    Ending(PathBuf, OsString),
}

/// What a loop writes, as it is told, and how to ignore it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Culprits {
    pub(super) names: String,
    pub(super) ignores: String,
    pub(super) are_many: bool,
}

impl Culprits {
    /// What to ignore of all that is `written`, if none of `roots` is to go.
    pub(super) fn find(written: &[Written], roots: &[PathBuf]) -> Self {
        Self::find_in(Path::new("."), written, roots)
    }

    /// The same of what is below this directory.
    fn find_in(base: &Path, written: &[Written], roots: &[PathBuf]) -> Self {
        let mut found = within_dirs(base, written, roots);
        if found.len() > NAMED {
            found = with_endings(base, found);
        }
        let (all, found) = (found.len(), found.into_iter().take(NAMED));
        let (names, ignores): (Vec<_>, Vec<_>) = found
            .map(|culprit| (culprit.name(), format!("--ignore '{}'", culprit.pattern())))
            .unzip();
        let more = all - names.len();
        Self {
            names: listed(&names, more),
            ignores: ignores.join(" ") + if more > 0 { " and so on" } else { "" },
            are_many: all > 1,
        }
    }
}

impl Culprit {
    fn name(&self) -> String {
        match self {
            Self::Dir(dir) => format!("{}/", path_text(dir)),
            Self::One(Written::Path(path) | Written::Like(path)) => path_text(path),
            Self::Ending(dir, ending) => path_text(&dir.join(starred(ending))),
        }
    }

    fn pattern(&self) -> String {
        match self {
            Self::Dir(dir) => pattern_for(dir) + "/",
            Self::One(Written::Path(path)) => pattern_for(path),
            Self::One(Written::Like(path)) => {
                let text = path_text(path);
                let pieces: Vec<String> = text.split('*').map(literal).collect();
                anchor(path) + &pieces.join("*")
            }
            Self::Ending(dir, ending) => {
                let ending = literal(&path_text(Path::new(ending)));
                if dir.as_os_str().is_empty() {
                    format!("/*.{ending}")
                } else {
                    format!("{}/*.{ending}", pattern_for(dir))
                }
            }
        }
    }
}

/// `a`, `a and b`, `a, b and c`, `a, b, c and 4 more`.
fn listed(names: &[String], more: usize) -> String {
    let more = (more > 0).then(|| format!("{more} more"));
    let mut names: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .chain(more.as_deref())
        .collect();
    let last = names.pop().unwrap_or_default();
    if names.is_empty() {
        last.to_owned()
    } else {
        format!("{} and {last}", names.join(", "))
    }
}

/// Puts a directory in the place of those who are all that is in it, the outermost one.
fn within_dirs(base: &Path, written: &[Written], roots: &[PathBuf]) -> BTreeSet<Culprit> {
    let paths: BTreeSet<&Path> = written.iter().map(path_of).collect();
    let mut dirs = BTreeMap::new();
    let mut is_theirs = |dir: &Path| {
        let inside = paths.iter().filter(|path| path.starts_with(dir)).count();
        let may_go = dir.is_relative() && !roots.iter().any(|root| root.starts_with(dir));
        *dirs
            .entry(dir.to_path_buf())
            .or_insert_with(|| inside > 1 && may_go && holds_only(base, dir, written))
    };
    let culprits = written.iter().map(|one| {
        let above = path_of(one).ancestors().skip(1);
        let above: Vec<&Path> = above.filter(|dir| !dir.as_os_str().is_empty()).collect();
        let dir = above.into_iter().rev().find(|dir| is_theirs(dir));
        match dir {
            Some(dir) => Culprit::Dir(dir.to_path_buf()),
            None => Culprit::One(one.clone()),
        }
    });
    culprits.collect()
}

/// Whether every file below the directory is one of these.
fn holds_only(base: &Path, dir: &Path, written: &[Written]) -> bool {
    let mut left = vec![dir.to_path_buf()];
    let mut entries = 0;
    while let Some(dir) = left.pop() {
        let Ok(listing) = fs::read_dir(base.join(&dir)) else {
            return false;
        };
        for entry in listing {
            entries += 1;
            let Ok(entry) = entry else { return false };
            let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let path = dir.join(entry.file_name());
            if entries > ENTRIES_MAX || !is_dir && !written.iter().any(|one| is_about(one, &path)) {
                return false;
            }
            if is_dir {
                left.push(path);
            }
        }
    }
    true
}

/// Puts the files of a directory that end alike into one, if there is no other such file.
fn with_endings(base: &Path, culprits: BTreeSet<Culprit>) -> BTreeSet<Culprit> {
    let ending_of = |culprit: &Culprit| match culprit {
        Culprit::One(one) => ending(path_of(one)),
        Culprit::Dir(_) | Culprit::Ending(..) => None,
    };
    let mut groups: BTreeMap<(PathBuf, OsString), Vec<Written>> = BTreeMap::new();
    for culprit in &culprits {
        if let (Some(ending), Culprit::One(one)) = (ending_of(culprit), culprit) {
            groups.entry(ending).or_default().push(one.clone());
        }
    }
    groups.retain(|group, members| members.len() > 1 && are_all(base, group, members));
    let grouped = culprits
        .into_iter()
        .map(|culprit| match ending_of(&culprit) {
            Some(group) if groups.contains_key(&group) => Culprit::Ending(group.0, group.1),
            _ => culprit,
        });
    grouped.collect()
}

/// Whether these are all the files right in a directory that end so.
fn are_all(base: &Path, (dir, end): &(PathBuf, OsString), members: &[Written]) -> bool {
    let Ok(listing) = fs::read_dir(base.join(dir)) else {
        return false;
    };
    let names = listing.flatten().map(|entry| dir.join(entry.file_name()));
    let mut alike = names.filter(|path| path.extension() == Some(end));
    alike.all(|path| members.iter().any(|one| is_about(one, &path)))
}

/// The directory that a file is in, and how its name ends.
fn ending(path: &Path) -> Option<(PathBuf, OsString)> {
    let (dir, ending) = (path.parent()?, path.extension()?);
    (path.is_relative() && !ending.is_empty()).then(|| (dir.to_path_buf(), ending.to_owned()))
}

fn starred(ending: &OsString) -> OsString {
    let mut name = OsString::from("*.");
    name.push(ending);
    name
}

fn path_of(written: &Written) -> &Path {
    match written {
        Written::Path(path) | Written::Like(path) => path,
    }
}

/// Whether this path is meant.
fn is_about(written: &Written, path: &Path) -> bool {
    match written {
        Written::Path(one) => one == path,
        Written::Like(like) => {
            let (like, path) = (path_text(like), path_text(path));
            is_like(&like, &path)
        }
    }
}

/// Whether `text` is `pattern`, in which `*` stands for anything but a `/`.
fn is_like(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(text) = text.strip_prefix(start) else {
        return false;
    };
    let end = text.find('/').unwrap_or(text.len());
    let mut ends = text[..end].char_indices().map(|(at, _)| at).chain([end]);
    ends.any(|at| is_like(rest, &text[at..]))
}

/// The pattern that matches this path alone: anchored, and without what means something else.
pub(super) fn pattern_for(path: &Path) -> String {
    anchor(path) + &literal(&path_text(path))
}

fn anchor(path: &Path) -> String {
    String::from(if path.is_absolute() { "" } else { "/" })
}

fn literal(text: &str) -> String {
    let mut pattern = String::new();
    for c in text.chars() {
        if "*?[]{}!\\".contains(c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is ignored of what is written, in a directory with these files. Below a root that is not
    /// the current directory, which is that of all tests.
    #[track_caller]
    fn check(files: &[&str], written: &[Written], names: &str, ignores: &[&str]) {
        let top = tempfile::tempdir().expect("a temporary directory");
        for file in files {
            let file = top.path().join(file);
            fs::create_dir_all(file.parent().expect("a parent")).expect("writable");
            fs::write(file, "").expect("writable");
        }
        let found = Culprits::find_in(top.path(), written, &[PathBuf::from("root")]);
        let ignores = ignores.join(" ");
        assert_eq!((&*found.names, &*found.ignores), (names, &*ignores));
    }

    fn paths(paths: &[&str]) -> Vec<Written> {
        let paths = paths.iter().map(|path| Written::Path(path.into()));
        paths.collect()
    }

    #[test]
    fn up_to_three_are_named_as_they_are() {
        let a = ["a", "src/b", "[c]"];
        check(&a, &paths(&["a"]), "a", &["--ignore '/a'"]);
        let two = ["--ignore '/a'", "--ignore '/src/b'"];
        check(&a, &paths(&["a", "src/b"]), "a and src/b", &two);
        let three = ["--ignore '/\\[c\\]'", "--ignore '/a'", "--ignore '/src/b'"];
        check(
            &a,
            &paths(&["a", "src/b", "[c]"]),
            "[c], a and src/b",
            &three,
        );
    }

    #[test]
    fn a_directory_that_holds_nothing_else_is_one() {
        let files = ["out/html/a", "out/html/b", "out/c", "src/d"];
        let written = paths(&["out/html/a", "out/html/b", "out/c"]);
        check(&files, &written, "out/", &["--ignore '/out/'"]);
        let inner = ["--ignore '/out/html/'"];
        check(
            &files,
            &paths(&["out/html/a", "out/html/b"]),
            "out/html/",
            &inner,
        );
        // One file alone does not speak for its directory.
        check(&files, &paths(&["src/d"]), "src/d", &["--ignore '/src/d'"]);
    }

    #[test]
    fn what_is_watched_by_name_does_not_go() {
        let files = ["root/a", "root/b", "root/out/c", "root/out/d"];
        let two = ["--ignore '/root/a'", "--ignore '/root/b'"];
        check(
            &files,
            &paths(&["root/a", "root/b"]),
            "root/a and root/b",
            &two,
        );
        let written = paths(&["root/out/c", "root/out/d"]);
        check(&files, &written, "root/out/", &["--ignore '/root/out/'"]);
    }

    #[test]
    fn many_that_end_alike_are_one_if_they_are_all() {
        let files = ["src/a.js", "src/b.js", "src/c.js", "src/d.js", "src/a.ts"];
        let written = paths(&["src/a.js", "src/b.js", "src/c.js", "src/d.js"]);
        check(&files, &written, "src/*.js", &["--ignore '/src/*.js'"]);
        let more = [&files[..], &["src/e.js"]].concat();
        let ignores = [
            "--ignore '/src/a.js'",
            "--ignore '/src/b.js'",
            "--ignore '/src/c.js'",
            "and so on",
        ];
        check(
            &more,
            &written,
            "src/a.js, src/b.js, src/c.js and 1 more",
            &ignores,
        );
    }

    #[test]
    fn what_is_new_every_time_is_a_pattern() {
        let like = [Written::Like("logs/[x]-*.log".into())];
        check(
            &["logs/other"],
            &like,
            "logs/[x]-*.log",
            &["--ignore '/logs/\\[x\\]-*.log'"],
        );
        let both = [
            paths(&["logs/last"]),
            vec![Written::Like("logs/*.log".into())],
        ]
        .concat();
        check(
            &["logs/1.log", "logs/2.log", "logs/last"],
            &both,
            "logs/",
            &["--ignore '/logs/'"],
        );
    }
}
