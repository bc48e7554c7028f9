//! Says in rwatch's patterns what nodemon's match.
//!
//! nodemon prepares its patterns three times (config/load.js, monitor/match.js): a `#` begins a
//! comment; an existing directory is that directory, with all that is in it; a trailing `*` is made
//! `**/*`. What does not begin with a dot may then stand at any depth, and what does is relative to
//! the current directory. The pattern is matched against the whole path.

use std::fmt::Write as _;
use std::path::{Component, Path};

/// A pattern of `watch`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Watched {
    /// A path or glob for rwatch's `watch`; of what it matches only what `ext` lists counts.
    Path(String),
    /// The same, but nodemon looks at no extension.
    Any(String),
    /// A pattern for `ignore`, in nodemon's form.
    Ignored(String),
    /// The current directory.
    All,
    /// Nothing for nodemon, since it is empty or a comment.
    Nothing,
    /// Nothing, for this reason.
    Lost(&'static str),
}

const REGEX: &str = "nodemon takes no regular expressions any more, and skips it";
const EXTENDED: &str =
    "rwatch knows no extended globs such as !(a): write what is meant in other words";

/// What `rule` of nodemon's `watch` is in `dir`.
pub(super) fn watched(rule: &str, dir: &Path) -> Watched {
    let rule = without_comment(rule);
    if rule.is_empty() {
        return Watched::Nothing;
    }
    if rule.starts_with(':') {
        return Watched::Lost(REGEX);
    }
    if let Some(ignored) = rule.strip_prefix('!') {
        return Watched::Ignored(ignored.to_owned());
    }
    if [".", "./", ".*", "*.*", "./*", "./**", "./**/*"].contains(&rule.as_str()) {
        return Watched::All;
    }
    match dir.join(&rule).metadata() {
        Ok(meta) if meta.is_dir() => return Watched::Path(rule),
        // rwatch, too, takes a file that was named with any extension.
        Ok(_) => return Watched::Any(rule),
        Err(_) => {}
    }
    if !is_glob(&rule) {
        return Watched::Path(rule);
    }
    let Some(rule) = braced(&rule) else {
        return Watched::Lost(EXTENDED);
    };
    if let Some(head) = whole(&rule) {
        return match head {
            "" => Watched::All,
            head if !is_glob(head) => Watched::Path(head.to_owned()),
            head => Watched::Path(anywhere(&format!("{head}/**/*"))),
        };
    }
    let glob = anywhere(&rule);
    if rule.ends_with("*.*") {
        Watched::Any(glob)
    } else {
        Watched::Path(glob)
    }
}

/// A pattern that begins with no name may stand at any depth.
fn anywhere(rule: &str) -> String {
    let first = rule.split('/').next().unwrap_or(rule);
    if is_glob(first) && first != "**" && !rule.starts_with('.') {
        format!("**/{rule}")
    } else {
        rule.strip_prefix("./").unwrap_or(rule).to_owned()
    }
}

/// The directory that the pattern has everything of, if it is one like that; empty for the current
/// one.
fn whole(rule: &str) -> Option<&str> {
    if rule.contains("*.") {
        return None;
    }
    let mut head = rule.strip_suffix('*')?;
    head = head.strip_suffix("**/").unwrap_or(head);
    head = head.strip_suffix('*').unwrap_or(head);
    while let Some(rest) = head.strip_suffix("**/") {
        head = rest;
    }
    (head.is_empty() || head.ends_with('/')).then(|| head.trim_end_matches('/'))
}

/// What `rule` of nodemon's `ignore` is in gitignore's syntax, relative to `dir`; or why nothing
/// is. None if it is empty or a comment.
pub(super) fn ignored(rule: &str, dir: &Path) -> Result<Option<String>, &'static str> {
    const OUTSIDE: &str =
        "rwatch's patterns do not reach out of the current directory: watch less of it";
    let rule = without_comment(rule);
    if rule.is_empty() {
        return Ok(None);
    }
    if rule.starts_with(':') {
        return Err(REGEX);
    }
    if rule.starts_with('!') {
        return Err(
            "nodemon takes the ! for a part of the name; in rwatch it would count what others ignore",
        );
    }
    let everything = "nodemon would ignore every name with a dot in it by this";
    if [".", "./", ".*", "*.*"].contains(&rule.as_str()) {
        return Err(everything);
    }
    let here = dir.to_str().and_then(|dir| rule.strip_prefix(dir));
    let here = here.and_then(|rest| rest.strip_prefix('/'));
    let is_dir = dir.join(&rule).is_dir();
    if here.is_some() || rule.starts_with('.') || (is_dir && !rule.starts_with('/')) {
        let Some(inside) = inside(here.unwrap_or(&rule)) else {
            return Err(OUTSIDE);
        };
        if inside.is_empty() {
            return Err(everything);
        }
        return Ok(Some(if is_dir {
            format!("/{}/", literal(&inside))
        } else {
            let rule = braced(&inside).ok_or(EXTENDED)?;
            format!("/{rule}")
        }));
    }
    let rule = braced(rule.trim_start_matches('/')).ok_or(EXTENDED)?;
    let has_parent = rule.trim_end_matches('/').contains('/');
    let is_dir_to_be = !is_glob(&rule) && !rule.contains('.') && !rule.ends_with('/');
    Ok(Some(if is_dir_to_be {
        // Elsewhere nodemon would match the directory, and nothing that is in it.
        format!("/{rule}")
    } else if has_parent && !rule.starts_with("**/") {
        format!("**/{rule}")
    } else if rule.starts_with('#') {
        // A comment in gitignore's syntax.
        format!("\\{rule}")
    } else {
        rule
    }))
}

/// The path below the current directory, without `.` and `..`; none if it leads out of it.
fn inside(rule: &str) -> Option<String> {
    let mut names: Vec<&str> = Vec::new();
    for part in Path::new(rule).components() {
        match part {
            Component::Normal(name) => names.push(name.to_str()?),
            Component::ParentDir => {
                names.pop()?;
            }
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    let slash = if rule.ends_with('/') && !names.is_empty() {
        "/"
    } else {
        ""
    };
    Some(names.join("/") + slash)
}

/// A name that stands for itself in gitignore's syntax.
fn literal(name: &str) -> String {
    let name = name.trim_end_matches('/');
    let mut out = String::new();
    for c in name.chars() {
        if "*?[]{}\\!".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Whether it has anything that means something in nodemon's globs.
pub(super) fn is_glob(rule: &str) -> bool {
    rule.contains(['*', '?', '[', '{']) || ["+(", "@(", "!("].iter().any(|mark| rule.contains(mark))
}

/// The glob without extended ones: `@(a|b)` and `+(a|b)` are `{a,b}`, for all that names are made
/// of. None if there are others.
fn braced(rule: &str) -> Option<String> {
    if ["!(", "?(", "*("].iter().any(|mark| rule.contains(mark)) {
        return None;
    }
    let mut out = String::new();
    let mut rest = rule;
    while let Some(at) = rest.find("@(").into_iter().chain(rest.find("+(")).min() {
        let (before, group) = rest.split_at(at);
        let (inner, after) = group[2..].split_once(')')?;
        if inner.contains('(') {
            return None;
        }
        out += before;
        // globset has no braces with one alternative.
        if inner.contains('|') {
            let _ = write!(out, "{{{}}}", inner.replace('|', ","));
        } else {
            out += inner;
        }
        rest = after;
    }
    out += rest;
    Some(out)
}

/// Without the comment: what follows a `#` that has no `\` before it.
fn without_comment(rule: &str) -> String {
    let mut out = String::new();
    let mut chars = rule.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.peek() == Some(&'#') => out.extend(chars.next()),
            '#' => break,
            c => out.push(c),
        }
    }
    out.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A directory with the directories src/gen, lib, app/[id] and conf, and the file one.yml.
    fn project() -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for name in ["src/gen", "lib", "app/[id]", "conf", "dist"] {
            fs::create_dir_all(dir.path().join(name)).expect("writable");
        }
        fs::write(dir.path().join("one.yml"), "").expect("writable");
        dir
    }

    #[track_caller]
    fn check_watched(rule: &str, expected: &Watched) {
        assert_eq!(watched(rule, project().path()), *expected, "{rule}");
    }

    #[test]
    fn what_is_watched() {
        let path = |text: &str| Watched::Path(text.to_owned());
        let any = |text: &str| Watched::Any(text.to_owned());
        for (rule, expected) in [
            ("src", path("src")),
            ("./src", path("./src")),
            ("src/", path("src/")),
            ("app/[id]", path("app/[id]")),
            ("../shared", path("../shared")),
            ("missing", path("missing")),
            ("one.yml", any("one.yml")),
            ("src # the code", path("src")),
            ("src/*", path("src")),
            ("src/**", path("src")),
            ("src/**/*", path("src")),
            ("./src/**/*", path("./src")),
            ("../shared/**/*", path("../shared")),
            ("packages/*/src/**", path("packages/*/src/**/*")),
            ("packages/*/src/*", path("packages/*/src/**/*")),
            ("src/**/*.ts", path("src/**/*.ts")),
            ("src/**/*.+(js|ts)", path("src/**/*.{js,ts}")),
            ("src/*.@(js)", path("src/*.js")),
            ("*.js", path("**/*.js")),
            ("./*.js", path("*.js")),
            ("**/*.js", path("**/*.js")),
            ("{src,lib}/*.js", path("**/{src,lib}/*.js")),
            ("conf/*.*", any("conf/*.*")),
            ("src/**/*.*", any("src/**/*.*")),
            ("!src/gen", Watched::Ignored("src/gen".to_owned())),
            ("*.*", Watched::All),
            (".", Watched::All),
            ("*", Watched::All),
            ("**/*", Watched::All),
            ("./**/*", Watched::All),
            ("", Watched::Nothing),
            ("# nothing", Watched::Nothing),
            (":(\\d)*", Watched::Lost(REGEX)),
            ("src/!(gen)/*.js", Watched::Lost(EXTENDED)),
        ] {
            check_watched(rule, &expected);
        }
    }

    #[track_caller]
    fn check_ignored(rule: &str, expected: Option<&str>) {
        let found = ignored(rule, project().path());
        assert_eq!(found.ok().flatten().as_deref(), expected, "{rule}");
    }

    #[test]
    fn what_is_ignored() {
        for (rule, expected) in [
            // Those that exist are meant in the current directory, the others anywhere.
            ("dist", Some("/dist/")),
            ("dist/", Some("/dist/")),
            ("./dist", Some("/dist/")),
            ("src/gen", Some("/src/gen/")),
            ("src/../dist", Some("/dist/")),
            ("app/[id]", Some("/app/\\[id\\]/")),
            ("build", Some("/build")),
            ("build/out", Some("/build/out")),
            ("build/", Some("build/")),
            ("build/out/", Some("**/build/out/")),
            ("a/b.js", Some("**/a/b.js")),
            ("test/*", Some("**/test/*")),
            ("**/test/**", Some("**/test/**")),
            ("*.test.js", Some("*.test.js")),
            ("*.+(test|spec).js", Some("*.{test,spec}.js")),
            ("./top.js", Some("/top.js")),
            (".env", Some("/.env")),
            ("/root.js", Some("root.js")),
            ("\\#save.js", Some("\\#save.js")),
            ("  ", None),
            ("# nothing", None),
            // These have no equivalent.
            ("!keep.js", None),
            (":x", None),
            ("!(a).js", None),
            ("../other", None),
            ("../other/**", None),
            ("./", None),
            (".*", None),
        ] {
            check_ignored(rule, expected);
        }
        let dir = project();
        let whole = dir.path().join("src/x/*.js");
        let rule = ignored(whole.to_str().expect("UTF-8"), dir.path());
        assert_eq!(rule, Ok(Some("/src/x/*.js".to_owned())));
    }
}
