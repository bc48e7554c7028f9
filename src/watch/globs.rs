//! The globs of `--watch`: what they match, and which directories may lead there.
//!
//! A directory that is matched stands for everything in it, as it does when the shell expands the
//! glob. Directories that lead to no match are not looked into.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use globset::{Error, GlobBuilder, GlobMatcher};

/// What may be matched across directories.
const DEEP: &str = "**";

/// A glob, for paths that are relative to the directory that it begins in.
#[derive(Clone, Debug)]
pub struct Pattern {
    whole: GlobMatcher,
    /// Its beginnings, the shortest one first, as far as each stands for one level of directories.
    way: Vec<GlobMatcher>,
    /// Whether directories below these may lead to a match.
    deep: bool,
    /// Its last name, if that is spelled out.
    name: Option<OsString>,
}

impl Pattern {
    /// The glob that is written like this; `*` does not cross `/`.
    ///
    /// # Errors
    /// If it makes no sense.
    pub fn new(text: &str) -> Result<Self, Error> {
        let whole = matcher(text)?;
        let names: Vec<&str> = text.split('/').collect();
        let levels = names.len() - 1;
        // A pair of braces may hold a `/`: then the parts are no levels.
        let is_split = names.iter().all(|name| is_balanced(name));
        let plain = names.iter().take_while(|name| !name.contains(DEEP)).count();
        let known = if is_split { plain.min(levels) } else { 0 };
        let way = (1..=known).map(|count| matcher(&names[..count].join("/")));
        let name = names.last().filter(|name| !is_special(name.as_ref()));
        Ok(Self {
            way: way.collect::<Result<_, _>>()?,
            deep: !is_split || text.contains(DEEP),
            name: name.map(OsString::from),
            whole,
        })
    }

    /// Whether `path` is matched, or is in a directory that is.
    pub(super) fn holds(&self, path: &Path) -> bool {
        let mut way = path.ancestors().filter(|at| !at.as_os_str().is_empty());
        way.any(|at| self.whole.is_match(at))
    }

    /// Whether what is matched may be in the directory `path`.
    pub(super) fn leads_through(&self, path: &Path) -> bool {
        let is_beginning = match path.components().count() {
            0 => true,
            level => match self.way.get(level - 1) {
                Some(beginning) => beginning.is_match(path),
                None => self.deep,
            },
        };
        is_beginning || self.holds(path)
    }

    /// Whether `path` is matched by a glob whose last name is spelled out: then it was asked for by
    /// its name.
    pub(super) fn names(&self, path: &Path) -> bool {
        self.name.is_some() && self.name.as_deref() == path.file_name() && self.whole.is_match(path)
    }
}

/// The parts of what was typed: the directory that it begins in, and the glob, which may be empty. A
/// name that is there is that name, whatever is in it, until the first one that is not.
pub fn split(typed: &Path, dir: &Path) -> (PathBuf, PathBuf) {
    let mut begin = PathBuf::new();
    let mut parts = typed.components();
    while let Some(part) = parts.clone().next() {
        let is_there = || dir.join(&begin).join(part).symlink_metadata().is_ok();
        if is_special(part.as_os_str()) && !is_there() {
            break;
        }
        begin.push(part);
        parts.next();
    }
    let glob = parts.filter(|part| *part != Component::CurDir).collect();
    (begin, glob)
}

/// Whether there is anything in it that means something in a glob.
pub fn is_special(path: &OsStr) -> bool {
    path.as_bytes().iter().any(|byte| b"*?[{".contains(byte))
}

fn matcher(text: &str) -> Result<GlobMatcher, Error> {
    let glob = GlobBuilder::new(text).literal_separator(true).build()?;
    Ok(glob.compile_matcher())
}

/// Whether every brace and bracket that is opened in `name` is closed in it.
fn is_balanced(name: &str) -> bool {
    let count = |c| name.matches(c).count();
    count('{') == count('}') && (!name.contains('[') || name.contains(']'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(glob: &str, held: &[&str], not_held: &[&str], way: &[&str], astray: &[&str]) {
        let pattern = Pattern::new(glob).expect("a glob");
        for path in held {
            assert!(pattern.holds(Path::new(path)), "{glob} holds {path}");
        }
        for path in not_held {
            assert!(
                !pattern.holds(Path::new(path)),
                "{glob} does not hold {path}"
            );
        }
        for path in [&[""], way].concat() {
            let leads = pattern.leads_through(Path::new(path));
            assert!(leads, "{glob} leads through {path:?}");
        }
        for path in astray {
            let leads = pattern.leads_through(Path::new(path));
            assert!(!leads, "{glob} does not lead through {path}");
        }
    }

    #[test]
    fn a_directory_that_is_matched_stands_for_what_is_in_it() {
        check(
            "*/src",
            &["a/src", "a/src/b.js", "a/src/c/d.js"],
            &["a/lib/b.js", "src/b.js", "a/b/src/c.js"],
            &["a", "a/src", "a/src/c"],
            &["a/lib", "a/b/src"],
        );
    }

    #[test]
    fn only_what_may_lead_to_a_match_is_looked_into() {
        check("*.js", &["a.js"], &["a/b.js"], &[], &["a", "a/b"]);
        check(
            "a/b*/c.js",
            &["a/bc/c.js"],
            &[],
            &["a", "a/b"],
            &["b", "a/c"],
        );
        check(
            "a/**/c.js",
            &["a/c.js", "a/x/y/c.js"],
            &["b/c.js"],
            &["a", "a/x/y"],
            &["b"],
        );
        check(
            "**/c.js",
            &["c.js", "a/b/c.js"],
            &["a/d.js"],
            &["a", "a/b"],
            &[],
        );
    }

    #[test]
    fn braces_may_hold_more_than_one_level() {
        check(
            "{a/b,c}/*.js",
            &["a/b/x.js", "c/x.js"],
            &["a/x.js"],
            &["a", "a/b", "c"],
            &[],
        );
        check(
            "{a,b}/*.js",
            &["a/x.js"],
            &["c/x.js"],
            &["a", "b"],
            &["c", "a/b"],
        );
    }

    #[test]
    fn a_last_name_that_is_spelled_out_names_what_it_matches() {
        let names = |glob, path: &str| Pattern::new(glob).expect("a glob").names(path.as_ref());
        assert!(names("*/dist", "a/dist"));
        assert!(!names("*/dist", "a/dist/b.js"));
        assert!(!names("*/d*", "a/dist"));
        assert!(!names("**", "a"));
    }

    #[test]
    fn a_name_that_is_there_is_taken_literally() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        std::fs::create_dir_all(dir.path().join("p[id]/{x}")).expect("writable");
        let parts = |typed: &str| {
            let (begin, glob) = split(Path::new(typed), dir.path());
            [begin, glob].map(|part| part.display().to_string())
        };
        assert_eq!(parts("p[id]/{x}/*.js"), ["p[id]/{x}", "*.js"]);
        assert_eq!(parts("p[id]/*/{x}"), ["p[id]", "*/{x}"]);
        assert_eq!(parts("p[0]/{x}"), ["", "p[0]/{x}"]);
        assert_eq!(parts("./src/*.js"), ["./src", "*.js"]);
    }
}
