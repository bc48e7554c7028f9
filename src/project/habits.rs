//! Knows what people who come from nodemon leave out: the interpreter of a script, and the whole
//! command where package.json has it.
//!
//! Nothing here looks at a program that a shell would find by itself.

pub(super) mod manifest;
pub(super) mod tools;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use anyhow::bail;

use self::manifest::{Entry, INDEX};

/// What runs files with these extensions: the first of these programs that is there. Shells are not
/// among them: a shell script that cannot be executed lacks its `chmod +x`.
const INTERPRETERS: &[(&[&str], &[&str])] = &[
    (&["js", "mjs", "cjs"], &["node"]),
    // node has run TypeScript by itself since 22.18.
    (&["ts", "tsx", "mts", "cts"], &["tsx", "ts-node", "node"]),
    (&["py"], &["python3", "python"]),
    (&["rb"], &["ruby"]),
    (&["pl"], &["perl"]),
    (&["php"], &["php"]),
    (&["lua"], &["lua"]),
    (&["coffee", "litcoffee"], &["coffee"]),
    (&["ls"], &["lsc"]),
];

/// `words` as they have to be started, if they begin with a file of `dir` that cannot be started as
/// it was typed: with its interpreter, or with `./`. `path` is the PATH.
pub fn script(words: &[OsString], dir: &Path, path: Option<&OsStr>) -> Option<Vec<OsString>> {
    let name = words.first()?;
    let file = dir.join(name);
    // Most words are none, and the PATH can be long.
    if !file.is_file() {
        return None;
    }
    let has_slash = name.as_bytes().contains(&b'/');
    if !has_slash && name.to_str().is_some_and(|it| tools::is_in_path(it, path)) {
        return None;
    }
    if has_mark(&file) && tools::is_executable(&file) {
        let mut here = OsString::from("./");
        here.push(name);
        let rest = words[1..].iter().cloned();
        return (!has_slash).then(|| std::iter::once(here).chain(rest).collect());
    }
    let extension = file.extension()?.to_str()?;
    let interpreter = interpreter(extension, dir, path)?;
    let interpreter = std::iter::once(OsString::from(interpreter));
    Some(interpreter.chain(words.iter().cloned()).collect())
}

/// Whether it begins with `#!`. Some file systems call everything executable, and without this
/// only what is made of machine code is.
fn has_mark(file: &Path) -> bool {
    let mut mark = [0; 2];
    let read = File::open(file).and_then(|mut file| file.read_exact(&mut mark));
    read.is_ok() && mark == *b"#!"
}

/// The program for files with this extension: that of a package first, as for npm, then one of the
/// PATH. If there is none it is the one whose absence is worth telling.
pub(super) fn interpreter(extension: &str, dir: &Path, path: Option<&OsStr>) -> Option<String> {
    let is_it = |known: &&(&[&str], &[&str])| known.0.contains(&extension);
    let (_, candidates) = INTERPRETERS.iter().find(is_it)?;
    let mut found = candidates
        .iter()
        .filter_map(|name| located(name, dir, path));
    found
        .next()
        .or_else(|| Some((*candidates.first()?).to_owned()))
}

/// How to call this program in `dir`, if it is there.
pub(super) fn located(name: &str, dir: &Path, path: Option<&OsStr>) -> Option<String> {
    match tools::bin_with(name, dir) {
        Some(bin) => Some(bin.join(name).display().to_string()),
        None => tools::is_in_path(name, path).then(|| name.to_owned()),
    }
}

/// What nodemon alone would run in a directory.
#[derive(Debug, PartialEq, Eq)]
pub struct Package {
    /// What is to be run.
    pub runs: Runs,
    /// The same as it is written in the file, for people.
    pub text: String,
    /// Where that is, for people: `main`, `scripts.start`, or `index.js`.
    pub from: &'static str,
}

impl Package {
    /// The line that says what is taken from where.
    pub(super) fn remark(&self) -> String {
        match self.from {
            INDEX => format!("taking `{}`, as nodemon does", self.text),
            from => format!("taking `{}` from `{from}` of package.json", self.text),
        }
    }
}

/// Something to run.
#[derive(Debug, PartialEq, Eq)]
pub enum Runs {
    /// A program and its arguments.
    Words(Vec<String>),
    /// A string for `sh -c`.
    Shell(String),
}

/// What package.json in `dir` says is to be run, in nodemon's order: `main`, index.js, the script
/// `start`. None if there is no such file, or it says nothing.
///
/// # Errors
/// If the file cannot be read, or `start` itself starts nodemon or rwatch.
pub fn package(dir: &Path, path: Option<&OsStr>) -> anyhow::Result<Option<Package>> {
    let Some(package) = manifest::read(dir, manifest::FILE)? else {
        return Ok(None);
    };
    let (main, from) = match Entry::find(&package, dir)? {
        None => return Ok(None),
        Some(Entry::Main(main)) => (main, "main"),
        Some(Entry::Index) => (INDEX.to_owned(), INDEX),
        Some(Entry::Start(start)) => {
            if let Some(watcher) = manifest::watcher_in(&package, "start") {
                bail!(
                    "the script `start` of package.json runs {watcher} itself: name a command, such as \
                     `rwatch node server.js`, or make an rwatch.toml by `rwatch --import-nodemon`"
                );
            }
            return Ok(Some(Package {
                runs: Runs::Shell(tools::with_bins(&start, dir)),
                text: start,
                from: "scripts.start",
            }));
        }
    };
    let file = manifest::expanded(&main, ".js", dir);
    let extension = Path::new(&file).extension().and_then(OsStr::to_str);
    let known = extension.and_then(|extension| interpreter(extension, dir, path));
    let words = [known.unwrap_or_else(|| "node".to_owned()), file];
    Ok(Some(Package {
        text: words.join(" "),
        runs: Runs::Words(words.into()),
        from,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use tempfile::TempDir;

    /// A directory with these files; those whose name ends in `+` are executable, without it.
    fn project(files: &[(&str, &str)]) -> TempDir {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for (name, content) in files {
            let file = dir.path().join(name.trim_end_matches('+'));
            fs::create_dir_all(file.parent().expect("inside")).expect("writable");
            fs::write(&file, content).expect("writable");
            if name.ends_with('+') {
                fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("ours");
            }
        }
        dir
    }

    /// What becomes of the words in a project, where the PATH has these programs. `-` for nothing.
    #[track_caller]
    fn check_script(files: &[(&str, &str)], programs: &[&str], line: &str, expected: &str) {
        let dir = project(files);
        let bin = tempfile::tempdir().expect("a temporary directory");
        for name in programs {
            let file = bin.path().join(name);
            fs::write(&file, "").expect("writable");
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("ours");
        }
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let found = script(&words, dir.path(), Some(bin.path().as_os_str()));
        let found = found.map_or("-".into(), |words| words.join(OsStr::new(" ")));
        assert_eq!(found, expected, "{line}");
    }

    #[test]
    fn a_script_gets_its_interpreter() {
        let plain = [
            ("a.js", ""),
            ("src/b.py", ""),
            ("c.txt", ""),
            ("d", ""),
            ("e.coffee", ""),
        ];
        check_script(&plain, &["node"], "a.js --port 3", "node a.js --port 3");
        check_script(&plain, &["node"], "./a.js", "node ./a.js");
        check_script(&plain, &["python"], "src/b.py", "python src/b.py");
        check_script(
            &plain,
            &["python", "python3"],
            "src/b.py",
            "python3 src/b.py",
        );
        check_script(&plain, &[], "e.coffee", "coffee e.coffee");
        // Nobody has it: that is for the start to tell.
        check_script(&plain, &[], "src/b.py", "python3 src/b.py");
        check_script(&plain, &["node"], "c.txt", "-");
        check_script(&plain, &["node"], "d", "-");
        check_script(&plain, &["node"], "missing.js", "-");
        check_script(&plain, &["node"], "src", "-");
        // A shell would find this one.
        check_script(&plain, &["node", "a.js"], "a.js", "-");
        check_script(&plain, &["node", "a.js"], "./a.js", "node ./a.js");
    }

    #[test]
    fn an_absolute_path_is_a_script_too() {
        let dir = project(&[("a.js", "")]);
        let file = dir.path().join("a.js");
        let words = [file.clone().into_os_string()];
        let found = script(&words, Path::new("/"), None);
        assert_eq!(found, Some(vec!["node".into(), file.into()]));
        assert_eq!(script(&[], Path::new("/"), None), None);
    }

    #[test]
    fn typescript_is_run_by_what_is_installed() {
        let ts = ("a.ts", "");
        let in_bin = |name| (name, "");
        check_script(&[ts], &["node"], "a.ts", "node a.ts");
        check_script(&[ts], &["node", "ts-node"], "a.ts", "ts-node a.ts");
        check_script(&[ts], &["node", "ts-node", "tsx"], "a.ts", "tsx a.ts");
        check_script(&[ts], &[], "a.ts", "tsx a.ts");
        let local = [ts, in_bin("node_modules/.bin/ts-node+")];
        check_script(&local, &["node"], "a.ts", "node_modules/.bin/ts-node a.ts");
        // npm's own files that nobody may execute are none.
        let other = [ts, in_bin("node_modules/.bin/tsx")];
        check_script(&other, &["node"], "a.ts", "node a.ts");
    }

    #[test]
    fn the_programs_of_packages_above_are_found() {
        let dir = project(&[("node_modules/.bin/tsx+", ""), ("packages/x/a.ts", "")]);
        let found = script(&["a.ts".into()], &dir.path().join("packages/x"), None);
        let expected = ["../../node_modules/.bin/tsx", "a.ts"].map(OsString::from);
        assert_eq!(found, Some(expected.to_vec()));
    }

    #[test]
    fn what_can_be_executed_is_not_given_to_an_interpreter() {
        let files = [
            ("a.py+", "#!/usr/bin/env python3\n"),
            ("run+", "#!/bin/sh\n"),
            // As on file systems that call everything executable.
            ("b.py+", "print()\n"),
            // Not executable, whatever it says.
            ("c.py", "#!/usr/bin/env python3\n"),
            ("d+", "\x7fELF"),
        ];
        let programs = ["python3"];
        check_script(&files, &programs, "a.py x", "./a.py x");
        check_script(&files, &programs, "./a.py", "-");
        check_script(&files, &programs, "run", "./run");
        check_script(&files, &["run"], "run", "-");
        check_script(&files, &programs, "b.py", "python3 b.py");
        check_script(&files, &programs, "c.py", "python3 c.py");
        check_script(&files, &programs, "d", "-");
    }

    #[test]
    fn every_extension_stands_once() {
        let all = INTERPRETERS.iter().flat_map(|(extensions, _)| *extensions);
        let mut all: Vec<&str> = all.copied().collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
        assert!(
            INTERPRETERS
                .iter()
                .all(|(_, programs)| !programs.is_empty())
        );
    }

    /// What is run, and from where. `-` for nothing.
    #[track_caller]
    fn check_package(files: &[(&str, &str)], expected: &str) {
        let dir = project(files);
        let found = package(dir.path(), None).expect("valid");
        let found = found.map_or("-".to_owned(), |found| {
            let runs = match found.runs {
                Runs::Words(words) => format!("{words:?}"),
                Runs::Shell(string) => string,
            };
            format!("{runs} ({} of {})", found.text, found.from)
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn a_package_says_what_is_to_be_run() {
        let package = |text| ("package.json", text);
        let server = ("server.js", "");
        check_package(&[server], "-");
        check_package(&[package("{}"), server], "-");
        check_package(
            &[package("\u{feff}{}"), ("index.js", "")],
            r#"["node", "index.js"] (node index.js of index.js)"#,
        );
        check_package(
            &[
                package(r#"{"main": "server", "scripts": {"start": "x"}}"#),
                server,
                ("index.js", ""),
            ],
            r#"["node", "server.js"] (node server.js of main)"#,
        );
        // As in nodemon it stays as it is if nothing is found: it may be built later.
        check_package(
            &[package(r#"{"main": "dist/a"}"#)],
            r#"["node", "dist/a"] (node dist/a of main)"#,
        );
        check_package(
            &[package(r#"{"main": "."}"#), ("index.js", "")],
            r#"["node", "."] (node . of main)"#,
        );
        check_package(
            &[package(r#"{"main": "a.ts"}"#), ("a.ts", "")],
            r#"["tsx", "a.ts"] (tsx a.ts of main)"#,
        );
        check_package(
            &[package(r#"{"scripts": {"start": "x"}}"#), ("index.js", "")],
            r#"["node", "index.js"] (node index.js of index.js)"#,
        );
        check_package(
            &[package(r#"{"scripts": {"start": "a && b"}}"#)],
            "a && b (a && b of scripts.start)",
        );
        check_package(
            &[
                package(r#"{"scripts": {"start": "a;tsx b"}}"#),
                ("node_modules/.bin/tsx+", ""),
            ],
            r#"export PATH="$PWD/node_modules/.bin:$PATH"; a;tsx b (a;tsx b of scripts.start)"#,
        );
        check_package(&[package(r#"{"main": "", "scripts": {"start": ""}}"#)], "-");
        check_package(&[package(r#"{"main": null, "scripts": []}"#)], "-");
        check_package(&[package(r#"{"scripts": {"start": " "}}"#)], "-");
    }

    #[track_caller]
    fn check_package_error(text: &str, expected: &str) {
        let dir = project(&[("package.json", text)]);
        let error = package(dir.path(), None).expect_err("invalid");
        assert!(format!("{error:#}").contains(expected), "{error:#}");
    }

    #[test]
    fn a_start_script_that_watches_is_not_started() {
        for start in [
            "nodemon a.js",
            "rwatch",
            "npx nodemon",
            "A=1 ./node_modules/.bin/nodemon x",
            "tsc&&nodemon",
            "npm run dev",
            "run-p css npm:dev",
            "npm start",
        ] {
            let package = format!(
                r#"{{"scripts": {{"start": "{start}", "dev": "yarn again", "again": "npm run dev; nodemon", "css": "x"}}}}"#
            );
            if start == "npm start" {
                // It has itself to blame, and names no watcher.
                let dir = project(&[("package.json", &package)]);
                assert!(super::package(dir.path(), None).is_ok());
            } else {
                check_package_error(&package, "the script `start` of package.json runs ");
            }
        }
        // These only look like it.
        for start in ["node nodemon.js", "node dev", "echo rwatch-no"] {
            let package = format!(r#"{{"scripts": {{"start": "{start}", "dev": "nodemon"}}}}"#);
            let dir = project(&[("package.json", &package)]);
            assert!(super::package(dir.path(), None).is_ok(), "{start}");
        }
    }

    #[test]
    fn a_long_chain_of_scripts_is_followed_to_its_end() {
        const LENGTH: usize = 50_000;
        let links = (0..LENGTH).map(|n| format!(r#""s{n}": "npm run s{}""#, n + 1));
        let links: Vec<String> = links.collect();
        let package = format!(
            r#"{{"scripts": {{"start": "npm run s0", {}, "s{LENGTH}": "nodemon"}}}}"#,
            links.join(", ")
        );
        check_package_error(&package, "the script `start` of package.json runs nodemon");
    }

    #[test]
    fn a_broken_package_is_told_with_its_place() {
        check_package_error(
            "{\n \"main\": x}",
            "`package.json` is no JSON: line 2, column 10: expected value",
        );
        check_package_error(
            r#"{"main": ["a.js"]}"#,
            "`main` in package.json is a list, not a string",
        );
        check_package_error("3", "`package.json` holds a number, not an object");
    }
}
