//! Checks that the user's own excludes hold as git has them, whatever names them.

use std::fs;
use std::path::Path;

use crate::ignore_rules::linked_work_tree;
use crate::sandbox::{Rwatch, Sandbox};

/// The variables under which git and rwatch are asked; `SIDE` is the directory beside.
type Variables<'a> = &'a [(&'a str, &'a str)];

/// A repository, and beside it a home.
fn repository(variables: Variables) -> Sandbox {
    let sandbox = Sandbox::new().file("a.js", "").dir("d");
    sandbox.tool("git", &["init", "-q"]);
    with(sandbox, variables)
}

fn with(sandbox: Sandbox, variables: Variables) -> Sandbox {
    let side = sandbox.side("");
    let add = |sandbox: Sandbox, (name, value): &(&str, &str)| {
        sandbox.env(name, &value.replace("SIDE/", &side))
    };
    variables.iter().fold(sandbox, add)
}

fn beside(sandbox: &Sandbox, path: &str, text: &str) {
    let path = sandbox.side(path);
    let dir = Path::new(&path).parent().expect("a file");
    fs::create_dir_all(dir).expect("a writable sandbox");
    fs::write(path, text).expect("a writable sandbox");
}

/// What git says of a path, and what rwatch does: where the rule stands that ignores it, or nothing.
fn answers(sandbox: &Sandbox, path: &str) -> [Option<String>; 2] {
    let ask = |words: &[&str]| {
        let output = sandbox.command(words.iter().map(Into::into)).output();
        let output = output.expect("it starts");
        (
            output.status.code(),
            String::from_utf8(output.stdout).expect("text"),
        )
    };
    let (code, text) = ask(&["git", "check-ignore", "-v", "--no-index", path]);
    let rule = text.split_once('\t').map_or("", |(rule, _)| rule);
    let mut parts = rule.splitn(3, ':');
    let [file, line, pattern] = [(); 3].map(|()| parts.next().unwrap_or_default());
    let git = (code == Some(0) && !pattern.starts_with('!'))
        .then(|| format!("`{pattern}` in {file}, line {line}"));
    let (code, text) = ask(&[env!("CARGO_BIN_EXE_rwatch"), "--explain", path]);
    let text = text.trim_end();
    let rule = text.find('`').map_or(text, |at| &text[at..]);
    [git, (code == Some(1)).then(|| rule.to_owned())]
}

/// Both say the same, and ignore these and not those.
#[track_caller]
fn agree(sandbox: &Sandbox, ignored: &[&str], kept: &[&str]) {
    for path in ignored.iter().chain(kept) {
        let [git, rwatch] = answers(sandbox, path);
        assert_eq!(
            git.is_some(),
            ignored.contains(path),
            "{path}: git: {git:?}"
        );
        assert_eq!(rwatch, git, "{path}");
    }
}

const HOME: Variables = &[("HOME", "SIDE/home"), ("XDG_CONFIG_HOME", "")];

#[test]
fn the_usual_file_is_in_the_directory_for_configuration() {
    let sandbox = repository(HOME);
    beside(
        &sandbox,
        "home/.config/git/ignore",
        "*.log\n/top\ngen/\n!keep.log\n",
    );
    fs::create_dir(sandbox.path("gen")).expect("a writable sandbox");
    agree(
        &sandbox,
        &["a.log", "d/a.log", "top", "gen"],
        &["a.js", "keep.log", "d/top", "d/gen"],
    );
    let sandbox = repository(&[("HOME", "SIDE/home"), ("XDG_CONFIG_HOME", "SIDE/xdg")]);
    beside(&sandbox, "home/.config/git/ignore", "*.log\n");
    beside(&sandbox, "xdg/git/ignore", "*.txt\n");
    agree(&sandbox, &["a.txt"], &["a.log"]);
}

#[test]
fn every_other_ignore_file_wins_over_it() {
    let sandbox = repository(&[])
        .file(".gitignore", "!a.log\n")
        .file("d/.gitignore", "!*.gen\n");
    beside(
        &sandbox,
        "config/git/ignore",
        "*.log\n*.gen\n*.key\n!*.pem\n",
    );
    sandbox.write(".git/info/exclude", "!b.key\n*.pem\n");
    agree(
        &sandbox,
        &["b.log", "a.gen", "a.key", "a.pem"],
        &["a.log", "d/a.gen", "b.key"],
    );
}

/// The file that the configuration names is read; how, the variables and files say.
#[track_caller]
fn is_named_by(variables: Variables, files: &[(&str, &str)]) {
    let sandbox = repository(variables);
    // The other one is not read then.
    beside(&sandbox, "config/git/ignore", "*.usual\n");
    beside(&sandbox, "home/named", "*.named\n");
    beside(&sandbox, "home/other", "*.other\n");
    for (path, text) in files {
        let text = text.replace("SIDE/", &sandbox.side(""));
        match path.strip_prefix("WORK/") {
            Some(path) => sandbox.write(path, &text),
            None => beside(&sandbox, path, &text),
        }
    }
    agree(&sandbox, &["a.named"], &["a.usual", "a.other"]);
}

#[test]
fn the_configuration_names_another_file() {
    let named = "[core]\n\texcludesFile = ~/named\n";
    let other = "[core]\n\texcludesFile = ~/other\n";
    let home = ("HOME", "SIDE/home");
    let global = ("GIT_CONFIG_GLOBAL", "SIDE/global");
    is_named_by(&[home, global], &[("global", named)]);
    is_named_by(
        &[home, global],
        &[("global", "[CORE]\nExcludesfile=\"SIDE/home/named\" # it\n")],
    );
    is_named_by(&[home, global], &[("global", &format!("{other}{named}"))]);
    let system = ("GIT_CONFIG_SYSTEM", "SIDE/system");
    let seen = ("GIT_CONFIG_NOSYSTEM", "0");
    is_named_by(&[home, seen, system], &[("system", named)]);
    is_named_by(
        &[home, seen, system, global],
        &[("system", other), ("global", named)],
    );
}

#[test]
fn the_configuration_of_the_repository_wins() {
    let named = "[core]\n\texcludesFile = ~/named\n";
    let other = "[core]\n\texcludesFile = ~/other\n";
    let variables = [("HOME", "SIDE/home"), ("GIT_CONFIG_GLOBAL", "SIDE/global")];
    let files = [("global", other), ("WORK/.git/config", named)];
    is_named_by(&variables, &files);
    // A work tree may have a file of its own.
    let split = "[extensions]\nworktreeConfig\n[core]\nrepositoryFormatVersion = 1\nexcludesFile = ~/other\n";
    let files = [
        ("WORK/.git/config", split),
        ("WORK/.git/config.worktree", named),
    ];
    is_named_by(&variables, &files);
    let whole = "[core]\nexcludesFile = ~/named\n";
    let files = [
        ("WORK/.git/config", whole),
        ("WORK/.git/config.worktree", other),
    ];
    is_named_by(&variables, &files);
    // A relative path begins at the top.
    let relative = "[core]\nexcludesFile = d/named\n";
    let files = [
        ("WORK/.git/config", relative),
        ("WORK/d/named", "*.named\n"),
    ];
    is_named_by(&variables, &files);
    let said = [
        ("HOME", "SIDE/home"),
        ("GIT_CONFIG_COUNT", "1"),
        ("GIT_CONFIG_KEY_0", "core.excludesFile"),
        ("GIT_CONFIG_VALUE_0", "SIDE/home/named"),
    ];
    is_named_by(&said, &[("WORK/.git/config", other)]);
}

#[test]
fn files_that_the_configuration_includes_are_read() {
    let named = "[core]\n\texcludesFile = ~/named\n";
    let variables = [
        ("HOME", "SIDE/home"),
        ("GIT_CONFIG_GLOBAL", "SIDE/home/global"),
    ];
    for include in [
        "[include]\npath = ~/more\n",
        "[include]\npath = more\n",
        "[includeIf \"gitdir:**/work/.git\"]\npath = more\n",
        "[includeIf \"gitdir:work/\"]\npath = more\n",
        "[includeIf \"gitdir/i:WORK/\"]\npath = more\n",
        "[includeIf \"gitdir:~/../../\"]\npath = other\n[include]\npath = more\n",
        "[include]\npath = more\n[includeIf \"gitdir:~/\"]\npath = none\n",
    ] {
        let none = "[core]\nexcludesFile = ~/other\n";
        let files = [
            ("home/global", include),
            ("home/more", named),
            ("home/none", none),
        ];
        is_named_by(&variables, &files);
    }
}

#[test]
fn a_name_that_is_empty_means_no_file() {
    let sandbox = repository(&[("GIT_CONFIG_GLOBAL", "SIDE/global")]);
    beside(&sandbox, "config/git/ignore", "*.usual\n");
    beside(&sandbox, "global", "[core]\n");
    agree(&sandbox, &["a.usual"], &[]);
    beside(&sandbox, "global", "[core]\nexcludesFile =\n");
    agree(&sandbox, &[], &["a.usual"]);
}

#[test]
fn a_linked_work_tree_has_those_of_the_main_one() {
    let sandbox = linked_work_tree();
    let named = sandbox.side("named");
    sandbox.tool(
        "git",
        &["-C", "main", "config", "core.excludesFile", &named],
    );
    beside(&sandbox, "named", "*.named\n");
    let linked = sandbox.path("linked");
    let linked = sandbox.wrapper(&["env", "-C", linked.to_str().expect("UTF-8")]);
    agree(&linked, &["a.named"], &["a"]);
}

#[test]
fn a_submodule_has_excludes_of_its_own() {
    let sandbox = Sandbox::new()
        .dir("top/.git/modules/sub/info")
        .dir("top/sub");
    sandbox.tool(
        "git",
        &[
            "init",
            "-q",
            "--separate-git-dir",
            "top/.git/modules/sub",
            "top/sub",
        ],
    );
    sandbox.write("top/.git/modules/sub/info/exclude", "*.log\n");
    let sub = sandbox.path("top/sub");
    let sub = sandbox.wrapper(&["env", "-C", sub.to_str().expect("UTF-8")]);
    let [git, rwatch] = answers(&sub, "a.log");
    assert!(git.is_some());
    assert!(rwatch.is_some());
}

fn start(sandbox: Sandbox, options: &[&str]) -> Rwatch {
    let mut rwatch = sandbox.start(options, ["child"]);
    rwatch.ready();
    rwatch
}

#[test]
fn they_are_read_anew_when_they_change() {
    let sandbox = repository(&[]).file("gen/x/b.js", "");
    beside(&sandbox, "config/git/ignore", "*.log\n");
    let mut rwatch = start(sandbox, &[]);
    rwatch.ignores(|s| s.save("a.log", ""));
    for round in 0..3 {
        // Written, and saved by rename.
        if round == 1 {
            fs::write(rwatch.side("new"), "gen/\n").expect("a writable sandbox");
            fs::rename(rwatch.side("new"), rwatch.side("config/git/ignore")).expect("writable");
        } else {
            beside(&rwatch, "config/git/ignore", "gen/\n");
        }
        rwatch.settle();
        rwatch.ignores(|s| s.save("gen/x/b.js", ""));
        rwatch.save("a.log", "");
        rwatch.restarts_for(&["a.log"]);
        fs::remove_file(rwatch.side("config/git/ignore")).expect("it is there");
        rwatch.settle();
        rwatch.save("gen/x/b.js", "");
        rwatch.restarts_for(&["gen/x/b.js"]);
    }
}

#[test]
fn they_are_read_anew_where_everything_is_polled() {
    let sandbox = repository(&[])
        .file("pkg/a.js", "")
        .file(".gitignore", "*.txt\n");
    beside(&sandbox, "config/git/ignore", "*.log\n");
    let sandbox = sandbox.wrapper(&["env", "-C", "pkg"]);
    let mut rwatch = start(sandbox, &["--poll=50ms", "-e", "log,txt,js"]);
    let fence = |rwatch: &mut Rwatch, name: &str| {
        rwatch.save(&format!("pkg/{name}"), "");
        rwatch.comes_to(name);
    };
    // The look that finds the first fence may have been at their directory before they changed.
    beside(&rwatch, "config/git/ignore", "*.no\n");
    fence(&mut rwatch, "b.js");
    fence(&mut rwatch, "c.js");
    fence(&mut rwatch, "a.log");
    rwatch.save(".gitignore", "*.no\n");
    fence(&mut rwatch, "d.js");
    fence(&mut rwatch, "e.js");
    fence(&mut rwatch, "a.txt");
}

#[test]
fn the_files_of_the_user_name_another_one() {
    let others = ["env", "-u", "GIT_CONFIG_GLOBAL"];
    for file in ["home/.gitconfig", "config/git/config"] {
        let sandbox = repository(&[("HOME", "SIDE/home")]).wrapper(&others);
        beside(&sandbox, "home/named", "*.named\n");
        beside(&sandbox, file, "[core]\nexcludesFile = ~/named\n");
        agree(&sandbox, &["a.named"], &["a.js"]);
    }
}

#[test]
fn they_may_come_later() {
    let sandbox = repository(&[]);
    beside(&sandbox, "config/git/attributes", "");
    let mut rwatch = start(sandbox, &[]);
    rwatch.save("a.log", "");
    rwatch.restarts_for(&["a.log"]);
    beside(&rwatch, "config/git/ignore", "*.log\n");
    rwatch.settle();
    rwatch.ignores(|s| s.save("a.log", ""));
}

#[test]
fn they_count_outside_of_a_repository_as_ignore_files_do() {
    let sandbox = Sandbox::new().dir("d");
    beside(&sandbox, "config/git/ignore", "*.log\n/top\n");
    let mut rwatch = start(sandbox, &[]);
    rwatch.ignores(|s| s.save("d/a.log", ""));
    rwatch.ignores(|s| s.save("top", ""));
    rwatch.save("d/top", "");
    rwatch.restarts_for(&["d/top"]);
}

#[test]
fn minus_i_and_no_ignore_win_over_them() {
    let sandbox = repository(&[]);
    beside(&sandbox, "config/git/ignore", "*.log\n*.txt\n");
    let mut rwatch = start(sandbox, &["-i", "!*.log"]);
    rwatch.save("a.log", "");
    rwatch.restarts_for(&["a.log"]);
    rwatch.ignores(|s| s.save("a.txt", ""));
    drop(rwatch);
    let sandbox = repository(&[]);
    beside(&sandbox, "config/git/ignore", "*.log\n");
    let mut rwatch = start(sandbox, &["--no-ignore"]);
    rwatch.save("a.log", "");
    rwatch.restarts_for(&["a.log"]);
}
