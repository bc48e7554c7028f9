//! Reads the patterns of `--ignore`, and says which settings of the filter can never match.
//!
//! They are in gitignore's syntax, and people type paths: `./dist`, or what a shell makes of
//! `"$PWD/dist"`. git knows neither `.` nor `..`, so that these would match nothing, silently; here
//! they mean the path that they name. What leads out of the directory is an error.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::{Env, Ignored, usage};
use crate::cli::{Args, Extensions};
use crate::paths::identity;
use crate::text::shown;

const OUTSIDE: &str = "it leads out of the directory that it is relative to, where it can match nothing; \
                       --watch names what is watched there";
const ALL: &str =
    "it is the directory itself, or nothing at all; --watch names what is watched instead";

/// What these patterns, which are relative to `dir`, match.
///
/// Each is from a file that is called like the pattern as it was typed: that is what is told of it.
pub(super) fn patterns(dir: &Path, patterns: &[String]) -> anyhow::Result<Gitignore> {
    let mut builder = GitignoreBuilder::new(dir);
    for typed in patterns {
        let wrong = |why: &str| {
            usage(&format!(
                "invalid value '{typed}' for '--ignore <GLOB>': {why}"
            ))
        };
        let pattern = meant(typed, dir).map_err(wrong)?;
        let added = builder.add_line(Some(PathBuf::from(typed)), &pattern);
        added.map_err(|error| wrong(&in_short(error)))?;
    }
    builder
        .build()
        .context("cannot read the patterns of --ignore")
}

/// What is wrong, without where: that would be the file.
fn in_short(error: ignore::Error) -> String {
    match error {
        ignore::Error::WithPath { err, .. } | ignore::Error::WithLineNumber { err, .. } => {
            in_short(*err)
        }
        error => error.to_string(),
    }
}

/// The pattern that means in gitignore's syntax what was typed; or why nothing can.
fn meant<'a>(typed: &'a str, dir: &Path) -> Result<Cow<'a, str>, &'static str> {
    let (not, pattern) = split_not(typed);
    if pattern.starts_with('#') {
        // It is in no file, and so no comment.
        return Ok(format!("{not}\\{pattern}").into());
    }
    let below = below(pattern, dir);
    let (path, is_dir) = resolved(below.unwrap_or(pattern))?;
    if path.is_empty() {
        return Err(ALL);
    }
    let slash = if is_dir { "/" } else { "" };
    let path = format!("{}{slash}", path.join("/"));
    // What is plain keeps its form: without a slash in it it matches at any depth.
    if below.is_none() && path == pattern.strip_prefix('/').unwrap_or(pattern) {
        return Ok(typed.into());
    }
    Ok(format!("{not}/{path}").into())
}

/// The pattern as git would have it; what makes no sense as it was typed.
pub(super) fn plain(typed: &str, dir: &Path) -> String {
    meant(typed, dir).map_or_else(|_| typed.to_owned(), Cow::into_owned)
}

fn split_not(typed: &str) -> (&str, &str) {
    typed.split_at(usize::from(typed.starts_with('!')))
}

/// The parts of a pattern without `.`, `..` and nothing; and whether it is for directories alone.
fn resolved(pattern: &str) -> Result<(Vec<&str>, bool), &'static str> {
    let mut path: Vec<&str> = Vec::new();
    let mut is_dir = false;
    for part in pattern.split('/') {
        is_dir = matches!(part, "" | "." | "..");
        match part {
            "" | "." => {}
            // How far it is back from `**` nobody knows.
            ".." if path.last().is_some_and(|above| *above != "**") => drop(path.pop()),
            ".." => return Err(OUTSIDE),
            part => path.push(part),
        }
    }
    Ok((path, is_dir))
}

/// What follows `dir` in a pattern that begins with its path, whichever links that leads over.
fn below<'a>(pattern: &'a str, dir: &Path) -> Option<&'a str> {
    if !pattern.starts_with('/') || dir.parent().is_none() {
        return None;
    }
    let literal = dir.to_str().and_then(|dir| pattern.strip_prefix(dir));
    let literal = literal.filter(|rest| rest.is_empty() || rest.starts_with('/'));
    literal.or_else(|| {
        let here = identity(dir)?;
        let ends = pattern.match_indices('/').map(|(at, _)| at).skip(1);
        let mut begins = ends.map(|at| pattern.split_at(at));
        begins.find_map(|(path, rest)| (identity(Path::new(path)) == Some(here)).then_some(rest))
    })
}

/// What is said of settings that will match nothing, or not what is meant.
pub(super) fn remarks(args: &Args, ignored: Option<&Ignored>, env: &Env) -> Vec<String> {
    let typed = args.ignore.iter().filter_map(|it| lost(it, &env.dir));
    let elsewhere = ignored
        .iter()
        .flat_map(|it| it.patterns.iter().map(|pattern| (pattern, &it.dir)));
    let patterns = typed.chain(elsewhere.filter_map(|(pattern, dir)| lost(pattern, dir)));
    let extensions = args.ext.iter().flat_map(|Extensions(names)| names);
    let whole = extensions.filter_map(|name| whole_name(name, args, env));
    patterns.chain(whole).collect()
}

/// Why a pattern of `--ignore` will match nothing, if that is to be seen.
fn lost(typed: &str, dir: &Path) -> Option<String> {
    let (_, pattern) = split_not(typed);
    let is_here = |name: &str| dir.join(name).symlink_metadata().is_ok();
    if pattern.starts_with("~/") && !is_here("~") {
        return Some(format!(
            "--ignore {typed} matches nothing: in quotes `~` is no directory"
        ));
    }
    if let Some(path) = pattern.strip_prefix('/')
        && let Some((first, _)) = path.trim_end_matches('/').split_once('/')
        && below(pattern, dir).is_none()
        && !is_here(first)
        && Path::new(pattern).exists()
    {
        return Some(format!(
            "--ignore {typed} matches nothing: patterns are relative to {}, those that begin with a slash, too",
            shown(dir.as_os_str())
        ));
    }
    let is_list = pattern.contains(',') && !pattern.contains(['{', '[', '\\']) && !is_here(pattern);
    is_list.then(|| {
        let parts = pattern.split(',').map(str::trim);
        let parts = parts.filter(|part| !part.is_empty());
        let each: Vec<String> = parts.map(|part| format!("--ignore {part}")).collect();
        format!(
            "--ignore {typed} is one pattern, with a comma in it; for several: {}",
            each.join(" ")
        )
    })
}

/// That an extension is the whole name of a file, which has none; unless that is named itself.
fn whole_name(extension: &str, args: &Args, env: &Env) -> Option<String> {
    let names = [format!(".{extension}"), extension.to_owned()];
    let is_file = |name: &&String| env.dir.join(name).is_file();
    let found = names.iter().find(is_file);
    // Nobody means a.env alone.
    let name = found.or_else(|| (extension == "env").then_some(&names[0]))?;
    let mut watched = args.watch.iter().chain(&args.env_file);
    if watched.any(|path| path.file_name().is_some_and(|it| it == name.as_str())) {
        return None;
    }
    let all = if args.watch.is_empty() {
        "--watch . "
    } else {
        ""
    };
    Some(format!(
        "--ext {extension} is for names such as a.{extension}, and not for {name}: {all}--watch {name} adds it"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[track_caller]
    fn check(typed: &str, expected: Result<&str, &'static str>) {
        let found = meant(typed, Path::new("/nowhere/here"));
        assert_eq!(
            found.as_deref(),
            expected.as_ref().map(|it| &**it),
            "{typed}"
        );
    }

    #[test]
    fn what_is_plain_stays_as_it_is() {
        for typed in [
            "dist",
            "dist/",
            "/dist",
            "*.log",
            "!*.log",
            "a/b",
            "a/**/b",
            "**/x/",
            "..a",
            "a..",
            ".env",
            "...",
            "/nowhere/her",
            "/nowhere/herein/a",
            "\\#a",
            "a b",
            "{a,b}",
        ] {
            check(typed, Ok(typed));
        }
    }

    #[test]
    fn a_path_means_what_it_names() {
        check("./dist", Ok("/dist"));
        check("./dist/", Ok("/dist/"));
        check("!./dist", Ok("!/dist"));
        check("././a/./b", Ok("/a/b"));
        check("dist/.", Ok("/dist/"));
        check("a/../b", Ok("/b"));
        check("./*.log", Ok("/*.log"));
        check("a//b", Ok("/a/b"));
        check("/nowhere/here/dist", Ok("/dist"));
        check("!/nowhere/here/a/*.js", Ok("!/a/*.js"));
        check("/nowhere/here//dist/", Ok("/dist/"));
        check("#*#", Ok("\\#*#"));
        check("!#a", Ok("!\\#a"));
    }

    #[test]
    fn what_leads_out_of_the_directory_is_an_error() {
        for typed in [
            "../x",
            "..",
            "a/../../x",
            "./../x",
            "!../x",
            "**/../x",
            "/nowhere/here/../x",
        ] {
            check(typed, Err(OUTSIDE));
        }
        for typed in [
            ".",
            "./",
            "/",
            "!",
            "a/..",
            "/nowhere/here",
            "/nowhere/here/",
        ] {
            check(typed, Err(ALL));
        }
    }

    #[test]
    fn the_path_of_the_directory_may_lead_over_links() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let [real, link] = ["real", "link"].map(|name| dir.path().join(name));
        fs::create_dir(&real).expect("writable");
        std::os::unix::fs::symlink("real", &link).expect("writable");
        let typed = format!("{}/dist", link.display());
        assert_eq!(meant(&typed, &real).as_deref(), Ok("/dist"));
    }
}
