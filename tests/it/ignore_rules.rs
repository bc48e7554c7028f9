//! Asks git and rwatch the same questions, and edits the rules while rwatch watches by them.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::process::{Command, Output, Stdio};

use crate::sandbox::{Rwatch, Sandbox, eventually};

/// The rules of one directory, and the files in it that they are asked about.
type Case = (&'static str, &'static [&'static str]);

/// Without the names that git has no opinion on: the built-in list, and `.ignore`.
const CASES: &[Case] = &[
    (
        "*.log",
        &["a.log", "d/a.log", ".log", "a.log.1", "alog", "d.log/a"],
    ),
    ("*.log\n!keep.log", &["a.log", "keep.log", "d/keep.log"]),
    ("!keep.log\n*.log", &["keep.log"]),
    ("*.log\n!keep.log\nkeep.log", &["keep.log"]),
    ("/a", &["a", "d/a", "ab"]),
    ("a/", &["a/b", "d/a", "d/e/a/b"]),
    ("/a/", &["a/b", "d/a/b"]),
    ("d/a", &["d/a", "e/d/a", "d/ab"]),
    ("/d/a", &["d/a", "e/d/a"]),
    ("d/*", &["d/a", "d/e/a", "e/d/a"]),
    ("d/*\n!d/keep", &["d/a", "d/keep", "d/keep2"]),
    ("d/\n!d/keep", &["d/a", "d/keep"]),
    ("d/**\n!d/keep", &["d/a", "d/keep", "d/e/keep"]),
    ("/*\n!/d", &["a", "d/a", "e/a"]),
    ("/*\n!/d\n/d/*\n!/d/e", &["a", "d/a", "d/e/a"]),
    ("**/a", &["a", "d/a", "d/e/a", "ba"]),
    ("**/d/a", &["d/a", "e/d/a", "e/f/d/a", "dd/a"]),
    ("d/**/a", &["d/a", "d/e/a", "d/e/f/a", "e/d/a", "da"]),
    ("d/**", &["d/a", "d/e/a", "e/d/a"]),
    ("d/**/", &["d/a", "d/e/a"]),
    ("a**b", &["ab", "axb", "a/b", "d/axxb"]),
    ("**", &["a", "d/a"]),
    ("d/a**", &["d/ab", "d/ac/e", "d/b"]),
    ("?.js", &["a.js", ".js", "ab.js", "d/a.js"]),
    ("d?a", &["d/a", "dxa"]),
    ("[a-c].js", &["a.js", "c.js", "d.js", "-.js"]),
    ("[!a-c].js", &["a.js", "d.js"]),
    ("[^a-c].js", &["a.js", "d.js"]),
    ("[]a].js", &["].js", "a.js", "b.js"]),
    ("[a-]x", &["ax", "-x", "bx"]),
    ("\\#a", &["#a", "\\#a", "a"]),
    ("#a", &["#a", "a"]),
    ("\\!a", &["!a", "a"]),
    ("\\*a", &["*a", "xa"]),
    ("\\a", &["a", "\\a"]),
    ("a\\", &["a", "a\\"]),
    ("a\\\\b", &["a\\b", "ab"]),
    ("a ", &["a", "a "]),
    ("a\\ ", &["a", "a "]),
    (" a", &["a", " a"]),
    ("a b", &["a b", "a"]),
    ("{a,b}.js", &["a.js", "b.js", "{a,b}.js"]),
    ("*.{js,ts}", &["a.js", "a.ts", "a.{js,ts}"]),
    ("A.js", &["a.js", "A.js"]),
    ("\u{fc}*", &["\u{fc}ber", "uber"]),
    ("a\r\n*.log\r\n", &["a", "b.log", "a\r"]),
    ("\u{feff}a", &["a"]),
    ("\n\n  \n*.log\n", &["a.log", "a"]),
    ("link/", &["link", "d/a"]),
    ("a//b", &["a/b"]),
    ("//a", &["a"]),
    ("./a", &["a"]),
    ("d/../a", &["a"]),
    ("!", &["!", "a"]),
    ("/", &["a", "d/a"]),
    (".*", &[".env", "a", "d/.env"]),
    ("*", &["a", "d/a"]),
    ("*\n!*/\n!*.js", &["a", "a.js", "d/a", "d/a.js", "d/e/a.js"]),
    ("d\n!d/a", &["d/a", "e/d"]),
    ("a.js\n!a.js\na.js\n!a.js", &["a.js"]),
    ("x[[:digit:]]", &["x1", "xa", "x:"]),
    ("x[^[:alpha:]_]", &["x1", "xa", "x_"]),
    ("x[[:space:]]", &["x ", "x\t", "x\u{b}", "x\u{c}"]),
    ("x[[:digits:]]\nx[[:digit:]", &["x1", "xd", "x:"]),
    ("x[[:digit]", &["x[", "x:", "xd", "x1"]),
    ("x[a\\-c]", &["xa", "xb", "x-", "xc", "x\\"]),
    ("x[\\]]", &["x]", "x\\", "x\\]"]),
    ("x[!\\]]", &["x]", "xa", "d/xa"]),
    ("x[\\!^]", &["x!", "x^", "x\\", "xa"]),
    ("x[c-a]", &["xa", "xb", "xc"]),
    ("x[a-c-e]", &["xb", "xd", "xe", "x-"]),
    ("x[+--]", &["x+", "x,", "x-", "x."]),
    ("x[{,]y", &["x{y", "x,y", "xy"]),
    ("d[/]a\nd[.-0]a", &["d/a", "d.a", "d0a"]),
    ("d[!x]a", &["d/a", "d.a"]),
    ("x[\nx]\nx[a\nx[]", &["x[", "x]", "xa", "x[a", "x[]"]),
    (
        "caf[\u{e9}]\n\u{e9}??",
        &["caf\u{e9}", "cafe", "\u{e9}\u{e9}", "\u{e9}a"],
    ),
    ("a\t", &["a", "a\t"]),
    ("a \\  ", &["a", "a  ", "a   "]),
    ("a\u{a0}", &["a", "a\u{a0}"]),
    ("a\r\r\n", &["a", "a\r"]),
    ("a\\\\/\nb\\/", &["a\\/x", "b/x", "a/x"]),
    ("!!a\n\\!b\n\\#c", &["!a", "!b", "#c", "\\!b"]),
    ("d/a**/x", &["d/ax", "d/a/x", "d/ab/c/x", "d/x"]),
    ("d/?**/x", &["d/ax", "d/ab/x", "d/ab/c/x"]),
    ("**a\n**/d**e", &["a", "d/ba", "d/xe", "dxe", "dx/e"]),
    ("d/***/a", &["d/a", "d/e/f/a"]),
    ("d/**\\/a", &["d/a", "d/e/a", "d/e/f/a"]),
];

/// Rules of more than one file at once.
const NESTED: &[(&str, &str)] = &[
    (".gitignore", "*.out\n/top\ndeep/er/x\nout/\n"),
    ("n/.gitignore", "!keep.out\n/only\n*.tmpl\n"),
    ("n/deep/.gitignore", "*.out\n!*.tmpl\n"),
    ("n/deep/er/.gitignore", "!y.out\n"),
    ("n/out/.gitignore", "!*\n"),
];

const NESTED_FILES: &[&str] = &[
    "n/a.out",
    "n/keep.out",
    "n/deep/keep.out",
    "n/deep/er/y.out",
    "n/deep/er/z.out",
    "n/only",
    "n/deep/only",
    "n/a.tmpl",
    "n/deep/a.tmpl",
    "n/deep/er/a.tmpl",
    "n/out/a",
    "n/top",
    "top",
    "deep/er/x",
    "n/deep/er/x",
    "n/private",
    "private",
    "n/secret.key",
    "n/deep/public.key",
];

fn lay_out(sandbox: &Sandbox, path: &str) {
    let path = sandbox.path(path);
    let dir = path.parent().expect("a path in the sandbox");
    fs::create_dir_all(dir).expect("a writable sandbox");
    if path.symlink_metadata().is_ok() {
        // More than one case has it.
    } else if path.ends_with("link") {
        symlink(".", path).expect("a writable sandbox");
    } else {
        fs::write(path, "").expect("a writable sandbox");
    }
}

/// A repository with all of it, and the files to ask about.
fn repository() -> (Sandbox, Vec<String>) {
    let sandbox = Sandbox::new();
    sandbox.tool("git", &["init", "-q"]);
    sandbox.write(
        ".git/info/exclude",
        "# Ours alone.\nprivate\n*.key\n!public.key\n",
    );
    for (path, rules) in NESTED {
        sandbox.write(path, rules);
    }
    let mut files: Vec<String> = NESTED_FILES.iter().map(|&file| file.to_owned()).collect();
    for (number, (rules, names)) in CASES.iter().enumerate() {
        sandbox.write(&format!("c{number}/.gitignore"), rules);
        files.extend(names.iter().map(|name| format!("c{number}/{name}")));
    }
    // One that is not UTF-8, before and after which the rules hold all the same.
    let latin = sandbox.path("latin/.gitignore");
    fs::create_dir_all(sandbox.path("latin")).expect("a writable sandbox");
    fs::write(latin, b"a.txt\n# caf\xe9\nb\xe9.txt\nc.txt\n").expect("a writable sandbox");
    files.extend(["latin/a.txt", "latin/c.txt", "latin/d.txt"].map(str::to_owned));
    for file in &files {
        lay_out(&sandbox, file);
    }
    (sandbox, files)
}

/// What git says of each file: where the rule stands that ignores it, or nothing.
fn git_says(sandbox: &Sandbox, files: &[String]) -> BTreeMap<String, Option<String>> {
    let mut git = Command::new("git")
        .args(["check-ignore", "-v", "-n", "-z", "--no-index", "--stdin"])
        .current_dir(sandbox.path(""))
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("XDG_CONFIG_HOME", sandbox.side("config"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("git starts");
    let mut stdin = git.stdin.take().expect("a pipe");
    let asked = files
        .iter()
        .flat_map(|file| [file, "\0"])
        .collect::<String>();
    let asking = std::thread::spawn(move || stdin.write_all(asked.as_bytes()));
    let output = git.wait_with_output().expect("our own child");
    asking.join().expect("no panic").expect("git reads");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let fields: Vec<&str> = text.split_terminator('\0').collect();
    let answer = |record: &[&str]| {
        let [source, line, pattern, path] = record else {
            panic!("git-check-ignore(1): {record:?}");
        };
        let ignored = !source.is_empty() && !pattern.starts_with('!');
        let rule = format!("`{pattern}` in {source}, line {line}");
        ((*path).to_owned(), ignored.then_some(rule))
    };
    fields.chunks(4).map(answer).collect()
}

fn explain(sandbox: &Sandbox, cwd: &str, path: &str) -> Output {
    let words = [env!("CARGO_BIN_EXE_rwatch"), "--explain", path];
    sandbox
        .command(words.map(Into::into))
        .current_dir(sandbox.path(cwd))
        .output()
        .expect("rwatch starts")
}

/// Compares the answers; `cwd` is where rwatch stands, and all of `files` are in it.
fn disagreements(sandbox: &Sandbox, cwd: &str, files: &[String]) -> Vec<String> {
    let git = git_says(sandbox, files);
    assert_eq!(
        git.len(),
        files.len(),
        "git has something to say of every file"
    );
    let mut found = Vec::new();
    for (file, rule) in &git {
        let asked = file
            .strip_prefix(cwd)
            .expect("a file below")
            .trim_start_matches('/');
        let output = explain(sandbox, cwd, &format!("./{asked}"));
        let text = String::from_utf8_lossy(&output.stdout);
        let agrees = match rule {
            None => output.status.code() == Some(0),
            Some(rule) => {
                // Seen from elsewhere the ignore file has another name.
                let place = if cwd.is_empty() { rule } else { "" };
                // Nothing that is printed moves a terminal.
                let place = place.replace('\t', "\\t").replace('\r', "\\r");
                output.status.code() == Some(1) && text.trim_end().ends_with(&place)
            }
        };
        if !agrees {
            let case = file
                .strip_prefix('c')
                .and_then(|rest| rest.split('/').next());
            let rules = case
                .and_then(|n| n.parse::<usize>().ok())
                .map(|n| CASES[n].0);
            found.push(format!(
                "{file:?} {rules:?}: git: {rule:?}, rwatch: {text:?}"
            ));
        }
    }
    found
}

#[test]
fn git_check_ignore_and_explain_agree() {
    let (sandbox, files) = repository();
    assert!(files.len() > 150);
    let found = disagreements(&sandbox, "", &files);
    assert!(
        found.is_empty(),
        "{} of {}: {found:#?}",
        found.len(),
        files.len()
    );
}

#[test]
fn git_check_ignore_and_explain_agree_in_a_subdirectory() {
    let (sandbox, files) = repository();
    for cwd in ["n", "n/deep", "c0"] {
        let below = |file: &&String| file.starts_with(&format!("{cwd}/"));
        let files: Vec<String> = files.iter().filter(below).cloned().collect();
        let found = disagreements(&sandbox, cwd, &files);
        assert!(found.is_empty(), "from {cwd}: {found:#?}");
    }
}

/// A work tree of git, `main`, and another one that is linked to it, `linked`.
pub(crate) fn linked_work_tree() -> Sandbox {
    let sandbox = Sandbox::new().file("main/a", "");
    let identity = ["-c", "user.name=it", "-c", "user.email=it@localhost"];
    let git = |args: &[&str]| sandbox.tool("git", &[&["-C", "main"], &identity[..], args].concat());
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "one"]);
    git(&["worktree", "add", "-q", "../linked"]);
    sandbox
}

#[test]
fn a_linked_work_tree_has_the_excludes_of_the_main_one() {
    let sandbox = linked_work_tree();
    sandbox.write("main/.git/info/exclude", "private\n");
    for (cwd, path, code) in [
        ("linked", "private", 1),
        ("linked", "a", 0),
        ("main", "private", 1),
    ] {
        let output = explain(&sandbox, cwd, path);
        assert_eq!(output.status.code(), Some(code), "{cwd} {path}: {output:?}");
    }
}

fn watches(rwatch: &Rwatch) -> usize {
    let fds = fs::read_dir(format!("/proc/{}/fdinfo", rwatch.pid())).expect("rwatch runs");
    let infos = fds
        .flatten()
        .map(|fd| fs::read_to_string(fd.path()).unwrap_or_default());
    infos.map(|info| info.matches("inotify wd:").count()).sum()
}

/// There are so many watches, or will be in a moment.
#[track_caller]
fn has_watches(rwatch: &Rwatch, expected: usize) {
    eventually(&format!("{expected} watches"), || {
        watches(rwatch) == expected
    });
}

/// A save of this path, which may be new, leads to a restart for it alone.
#[track_caller]
fn counts(rwatch: &mut Rwatch, path: &str) {
    rwatch.save(path, "");
    rwatch.restarts_for(&[path]);
}

#[test]
fn edits_of_ignore_files_watch_and_unwatch_at_once() {
    let sandbox = Sandbox::new()
        .file("src/a.js", "")
        .file("gen/x/y/b.js", "")
        .file("gen/z/c.js", "");
    // With `-e js` an edit of the rules is not a change itself.
    let mut rwatch = sandbox.start(["-e", "js"], ["child"]);
    rwatch.ready();
    has_watches(&rwatch, 6);
    for rules in ["gen/\n", "/gen\n", "ge?\n", "**/gen/\n"] {
        rwatch.ignores(|s| s.save(".gitignore", rules));
        has_watches(&rwatch, 2);
        rwatch.ignores(|s| s.save("gen/x/y/b.js", ""));
        rwatch.ignores(|s| s.write(".gitignore", "other\n"));
        has_watches(&rwatch, 6);
        counts(&mut rwatch, "gen/x/y/b.js");
    }
    rwatch.ignores(|s| s.save("gen/.gitignore", "x\n"));
    has_watches(&rwatch, 4);
    rwatch.ignores(|s| s.save("gen/x/y/b.js", ""));
    counts(&mut rwatch, "gen/z/c.js");
    rwatch.ignores(|s| s.save("gen/.ignore", "!x\n"));
    has_watches(&rwatch, 6);
    counts(&mut rwatch, "gen/x/y/b.js");
    rwatch.ignores(|s| s.remove("gen/.ignore"));
    has_watches(&rwatch, 4);
    rwatch.ignores(|s| s.remove("gen/.gitignore"));
    has_watches(&rwatch, 6);
    // Rules that come and go with their directory.
    rwatch.ignores(|s| s.write("lib/.gitignore", "*.min.js\n"));
    rwatch.ignores(|s| s.save("lib/a.min.js", ""));
    fs::remove_dir_all(rwatch.path("lib")).expect("a directory");
    rwatch.settle();
    rwatch.notices("lib/a.min.js", |s| s.write("lib/a.min.js", ""));
}

#[test]
fn edits_of_the_excludes_of_a_repository_apply_at_once() {
    let sandbox = Sandbox::new().file("src/a.js", "").file("gen/x/b.js", "");
    sandbox.tool("git", &["init", "-q"]);
    let mut rwatch = sandbox.start([""; 0], ["child"]);
    rwatch.ready();
    let info = usize::from(rwatch.path(".git/info").is_dir());
    has_watches(&rwatch, 4 + info);
    for _ in 0..3 {
        rwatch.ignores(|s| s.save(".git/info/exclude", "gen\n"));
        has_watches(&rwatch, 2 + info);
        rwatch.ignores(|s| s.save("gen/x/b.js", ""));
        rwatch.ignores(|s| s.write(".git/info/exclude", "# nothing\n"));
        has_watches(&rwatch, 4 + info);
        counts(&mut rwatch, "gen/x/b.js");
    }
    rwatch.ignores(|s| s.save(".git/info/exclude", "gen\n"));
    has_watches(&rwatch, 2 + info);
    rwatch.ignores(|s| s.remove(".git/info/exclude"));
    has_watches(&rwatch, 4 + info);
    counts(&mut rwatch, "gen/x/b.js");
}

#[test]
fn ignore_files_above_apply_and_are_read_anew() {
    // Only rwatch stands in pkg: its fences are named from there, and the others from outside.
    let sandbox = Sandbox::new()
        .file(".gitignore", "*.log\n/pkg/gen\n")
        .file("pkg/gen/x/b.js", "")
        .file("pkg/src/a.js", "")
        .wrapper(&["env", "-C", "pkg"]);
    sandbox.tool("git", &["init", "-q"]);
    let mut rwatch = sandbox.start([""; 0], ["child"]);
    rwatch.ready();
    let fence = |rwatch: &mut Rwatch, n: u32| {
        let name = format!("src/fence{n}.js");
        rwatch.save(&format!("pkg/{name}"), "");
        rwatch.restarts_for(&[&name]);
    };
    rwatch.save("pkg/a.log", "");
    rwatch.save("pkg/gen/x/b.js", "");
    fence(&mut rwatch, 1);
    rwatch.save(".gitignore", "*.txt\n");
    fence(&mut rwatch, 2);
    rwatch.save("pkg/a.txt", "");
    fence(&mut rwatch, 3);
    rwatch.save("pkg/gen/x/b.js", "");
    rwatch.restarts_for(&["gen/x/b.js"]);
    rwatch.save("pkg/a.log", "");
    rwatch.restarts_for(&["a.log"]);
    rwatch.write(".gitignore", "gen/\n");
    fence(&mut rwatch, 4);
    rwatch.save("pkg/gen/x/b.js", "");
    fence(&mut rwatch, 5);
    rwatch.remove(".gitignore");
    fence(&mut rwatch, 6);
    rwatch.save("pkg/gen/x/b.js", "");
    rwatch.restarts_for(&["gen/x/b.js"]);
    rwatch.save(".gitignore", "/pkg/gen/\n");
    fence(&mut rwatch, 7);
    rwatch.save("pkg/gen/x/b.js", "");
    fence(&mut rwatch, 8);
}

#[test]
fn no_ignore_and_minus_i_over_all_files() {
    let sandbox = || {
        Sandbox::new()
            .file(".gitignore", "gen/\n*.log\n")
            .file("gen/x/b.js", "")
            .file("node_modules/x/c.js", "")
    };
    let mut rwatch = sandbox().start(["--no-ignore"], ["child"]);
    rwatch.ready();
    has_watches(&rwatch, 5);
    for path in [
        "gen/x/b.js",
        "node_modules/x/c.js",
        "a.log",
        ".gitignore",
        "a.swp",
    ] {
        counts(&mut rwatch, path);
    }
    drop(rwatch);

    let mut rwatch = sandbox().start(["-i", "!gen", "-i", "!*.log", "-i", "gen/x"], ["child"]);
    rwatch.ready();
    has_watches(&rwatch, 2);
    for path in ["gen/c.js", "a.log", "gen/a.log"] {
        counts(&mut rwatch, path);
    }
    for path in ["gen/x/b.js", "node_modules/x/c.js"] {
        rwatch.ignores(|s| s.save(path, ""));
    }
    // No edit of an ignore file changes what the command line says.
    rwatch.notices(".gitignore", |s| {
        s.save(".gitignore", "gen/\n*.js\n!fence?.js\n!gen/x\n");
    });
    counts(&mut rwatch, "gen/a.log");
    rwatch.ignores(|s| s.save("gen/c.js", ""));
    rwatch.ignores(|s| s.save("gen/x/b.js", ""));
}
