//! Follows links: to files wherever they are, to directories where they are named or lead to what is,
//! and where they lead when they are pointed elsewhere.

use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use crate::sandbox::{Ended, Rwatch, Sandbox};
use crate::saves::explains;

/// With a link there, and the directories above it.
fn link(sandbox: Sandbox, path: &str, target: &str) -> Sandbox {
    let path = sandbox.path(path);
    fs::create_dir_all(path.parent().expect("a path in work/")).expect("a writable sandbox");
    symlink(target, path).expect("a writable sandbox");
    sandbox
}

/// Points `link` at `target` in one step.
fn point(sandbox: &Sandbox, link: &str, target: &str) {
    symlink(target, sandbox.side("link")).expect("a writable sandbox");
    fs::rename(sandbox.side("link"), sandbox.path(link)).expect("a writable sandbox");
}

fn rename(sandbox: &Sandbox, from: &str, to: &str) {
    fs::rename(sandbox.path(from), sandbox.path(to)).expect("a writable sandbox");
}

fn remove_dir(sandbox: &Sandbox, dir: &str) {
    fs::remove_dir_all(sandbox.path(dir)).expect("a directory");
}

fn start(sandbox: Sandbox, options: &[&str]) -> Rwatch {
    let mut rwatch = sandbox.start(options, ["child"]);
    rwatch.ready();
    rwatch
}

/// A directory `src` with a link to a file outside, which has a neighbour.
fn src() -> Sandbox {
    let sandbox = Sandbox::new()
        .file("../side/other/one.js", "one")
        .file("../side/other/two.js", "two")
        .file("src/own.js", "")
        .fences("src/");
    link(sandbox, "src/one.js", "../../side/other/one.js")
}

/// A save there counts as one of `name`, and one of its neighbour does not.
#[track_caller]
fn leads(rwatch: &mut Rwatch, name: &str, there: &str) {
    rwatch.save(there, "anew");
    rwatch.restarts_for(&[name]);
    let beside = Path::new(there).with_file_name("beside.js");
    rwatch.ignores(|s| s.save(beside.to_str().expect("UTF-8"), ""));
}

#[test]
fn a_linked_file_counts_by_either_name() {
    let mut rwatch = start(src(), &["-w", "src"]);
    let there = "../side/other/one.js";
    leads(&mut rwatch, "src/one.js", there);
    rwatch.notices("src/one.js", |s| s.write(there, "in place"));
    rwatch.notices("src/one.js", |s| s.write("src/one.js", "by the link"));
    rwatch.notices("src/one.js", |s| {
        let file = File::options().append(true).open(s.path("src/one.js"));
        file.and_then(|mut file| file.write_all(b"more"))
            .expect("a file");
    });
    rwatch.notices("src/one.js", |s| s.tool("sed", &["-i", "1i x", there]));
    rwatch.notices("src/one.js", |s| s.tool("touch", &[there]));
    rwatch.ignores(|s| s.tool("cat", &[there, "src/one.js"]));
    rwatch.ignores(|s| {
        fs::set_permissions(s.path(there), Permissions::from_mode(0o600)).expect("our own");
    });
    rwatch.ignores(|s| s.save("../side/other/two.js", "its neighbour"));
    rwatch.notices("src/one.js", |s| s.remove(there));
    rwatch.notices("src/one.js", |s| s.write(there, "made anew"));
    leads(&mut rwatch, "src/one.js", there);
    rwatch.save("src/own.js", "");
    rwatch.restarts_for(&["src/own.js"]);
}

#[test]
fn a_linked_file_is_found_by_an_absolute_target_too() {
    let sandbox = Sandbox::new()
        .file("../side/other/one.js", "")
        .fences("src/");
    let target = sandbox.side("other/one.js");
    let mut rwatch = start(link(sandbox, "src/one.js", &target), &["-w", "src"]);
    leads(&mut rwatch, "src/one.js", "../side/other/one.js");
}

#[test]
fn a_link_to_a_file_may_be_pointed_elsewhere_removed_and_made_anew() {
    let (one, two) = ("../side/other/one.js", "../side/more/two.js");
    let sandbox = src().file(two, "");
    let mut rwatch = start(sandbox, &["-w", "src"]);
    rwatch.ignores(|s| s.save(two, "not ours"));
    rwatch.notices("src/one.js", |s| {
        point(s, "src/one.js", "../../side/more/two.js");
    });
    leads(&mut rwatch, "src/one.js", two);
    rwatch.ignores(|s| s.save(one, "not ours any more"));
    rwatch.notices("src/one.js", |s| s.remove("src/one.js"));
    rwatch.ignores(|s| s.save(two, "nobody's"));
    rwatch.notices("src/one.js", |s| {
        point(s, "src/one.js", "../../side/other/one.js");
    });
    leads(&mut rwatch, "src/one.js", one);
    // By `ln -sf`, in two steps.
    let again = ["-sf", "../../side/more/two.js", "src/one.js"];
    rwatch.notices("src/one.js", |s| s.tool("ln", &again));
    leads(&mut rwatch, "src/one.js", two);
    // A file takes its place, and gives it back.
    rwatch.notices("src/one.js", |s| s.save("src/one.js", "a file"));
    rwatch.ignores(|s| s.save(two, "nobody's"));
    rwatch.notices("src/one.js", |s| {
        point(s, "src/one.js", "../../side/more/two.js");
    });
    leads(&mut rwatch, "src/one.js", two);
}

#[test]
fn a_link_that_leads_nowhere_counts_when_there_is_something() {
    let there = "../side/a/b/c.js";
    let sandbox = link(src(), "src/later.js", "../../side/a/b/c.js");
    let mut rwatch = start(sandbox, &["-w", "src"]);
    rwatch.ignores(|s| s.write("../side/a/beside.js", ""));
    rwatch.notices("src/later.js", |s| s.write(there, "made"));
    leads(&mut rwatch, "src/later.js", there);
    for dir in ["../side/a/b", "../side/a"] {
        rwatch.notices("src/later.js", |s| remove_dir(s, dir));
        rwatch.notices("src/later.js", |s| s.write(there, "made again"));
        leads(&mut rwatch, "src/later.js", there);
    }
    rwatch.notices("src/later.js", |s| rename(s, "../side/a/b", "../side/away"));
    rwatch.ignores(|s| s.save("../side/away/c.js", "not there"));
    rwatch.notices("src/later.js", |s| rename(s, "../side/away", "../side/a/b"));
    leads(&mut rwatch, "src/later.js", there);
}

#[test]
fn every_link_of_a_chain_may_be_pointed_elsewhere() {
    let sandbox = Sandbox::new()
        .file("../side/1/conf", "")
        .file("../side/2/conf", "")
        .dir("../side/links")
        .fences("src/");
    let sandbox = link(sandbox, "src/conf", "../../side/links/middle");
    let sandbox = link(sandbox, "../side/links/middle", "../current/conf");
    let sandbox = link(sandbox, "../side/current", "1");
    let mut rwatch = start(sandbox, &["-w", "src"]);
    leads(&mut rwatch, "src/conf", "../side/1/conf");
    rwatch.ignores(|s| s.save("../side/2/conf", "not ours"));
    // A directory on the way.
    rwatch.notices("src/conf", |s| point(s, "../side/current", "2"));
    leads(&mut rwatch, "src/conf", "../side/2/conf");
    rwatch.ignores(|s| s.save("../side/1/conf", "not ours any more"));
    // A file on the way.
    rwatch.notices("src/conf", |s| {
        point(s, "../side/links/middle", "../1/conf");
    });
    leads(&mut rwatch, "src/conf", "../side/1/conf");
    rwatch.ignores(|s| s.save("../side/2/conf", "not ours any more"));
    rwatch.ignores(|s| point(s, "../side/current", "1"));
}

#[test]
fn the_rules_are_asked_about_the_name_of_the_link() {
    let sandbox = src().file("data.txt", "").file("code.js", "");
    let sandbox = link(sandbox, "src/data.js", "../data.txt");
    let sandbox = link(sandbox, "src/code.txt", "../code.js");
    let mut rwatch = start(sandbox, &["-w", "src", "-e", "js"]);
    rwatch.save("data.txt", "");
    rwatch.restarts_for(&["src/data.js"]);
    rwatch.ignores(|s| s.save("code.js", ""));
    let options = ["-w", "src", "-e", "js"];
    let link = "the link src/data.js leads to it, and `src` is watched";
    explains(&rwatch, &options, "data.txt", true, link);
    explains(
        &rwatch,
        &options,
        "code.js",
        false,
        "it is under no watched path",
    );
}

#[test]
fn a_link_to_an_ignored_file_counts_unless_an_option_ignores_it() {
    let tree = || {
        let sandbox = Sandbox::new()
            .file(".gitignore", "dist/\n*.log\n")
            .file("dist/deep/one.js", "")
            .file("a.log", "");
        let sandbox = link(sandbox, "src/one.js", "../dist/deep/one.js");
        link(sandbox, "src/latest", "../a.log")
    };
    let mut rwatch = start(tree(), &[]);
    leads(&mut rwatch, "src/one.js", "dist/deep/one.js");
    rwatch.notices("src/latest", |s| s.write("a.log", "line"));
    rwatch.notices("src/latest", |s| rename(s, "a.log", "b.log"));
    rwatch.notices("src/latest", |s| rename(s, "b.log", "a.log"));
    rwatch.notices("src/one.js", |s| remove_dir(s, "dist"));
    rwatch.notices("src/one.js", |s| s.write("dist/deep/one.js", "built"));
    leads(&mut rwatch, "src/one.js", "dist/deep/one.js");
    let yes = "the link src/one.js leads to it, and `.` is watched";
    explains(&rwatch, &[], "dist/deep/one.js", true, yes);
    // Rules that come and go make no difference.
    rwatch.notices(".gitignore", |s| s.save(".gitignore", "*.log\n"));
    rwatch.save("dist/deep/one.js", "");
    rwatch.restarts_for(&["dist/deep/one.js"]);
    rwatch.notices(".gitignore", |s| s.save(".gitignore", "dist/\n*.log\n"));
    leads(&mut rwatch, "src/one.js", "dist/deep/one.js");

    let options = ["-i", "/dist/"];
    let mut rwatch = start(tree(), &options);
    rwatch.ignores(|s| s.save("dist/deep/one.js", ""));
    rwatch.notices("src/one.js", |s| point(s, "src/one.js", "../dist/two.js"));
    let no = "dist is ignored: --ignore /dist/";
    explains(&rwatch, &options, "dist/deep/one.js", false, no);
    let only = "`.` is watched, for where it leads: dist/two.js is ignored";
    explains(&rwatch, &options, "src/one.js", true, only);
}

#[test]
fn rules_that_a_link_leads_to_are_read_anew() {
    let sandbox = Sandbox::new().file("../side/rules", "*.txt\n").dir("src");
    let mut rwatch = start(link(sandbox, "src/.ignore", "../../side/rules"), &[]);
    rwatch.ignores(|s| s.save("src/a.txt", ""));
    rwatch.notices("src/.ignore", |s| s.save("../side/rules", "*.log\n"));
    rwatch.ignores(|s| s.save("src/a.log", ""));
    rwatch.save("src/a.txt", "");
    rwatch.restarts_for(&["src/a.txt"]);
}

#[test]
fn a_file_that_counts_itself_has_one_name() {
    let sandbox = Sandbox::new().file("src/a.js", "").fences("src/");
    let sandbox = link(sandbox, "src/b.js", "a.js");
    let mut rwatch = start(link(sandbox, "src/c.js", "b.js"), &["-w", "src"]);
    rwatch.save("src/a.js", "");
    rwatch.restarts_for(&["src/a.js"]);
    rwatch.notices("src/a.js", |s| s.write("src/c.js", "by a link"));
    assert!(
        !rwatch.stderr().contains(" and 1 more"),
        "{}",
        rwatch.transcript()
    );
    rwatch.notices("src/b.js", |s| point(s, "src/b.js", "../d.js"));
    rwatch.notices("src/b.js", |s| s.write("d.js", ""));
    assert_eq!(rwatch.settle(), 0, "{}", rwatch.transcript());
}

#[test]
fn links_in_new_directories_are_followed() {
    let sandbox = link(
        src().dir("stage"),
        "stage/deep/one.js",
        "../../../../side/other/one.js",
    );
    sandbox.remove("src/one.js");
    let mut rwatch = start(sandbox, &["-w", "src"]);
    rwatch.ignores(|s| s.save("../side/other/one.js", "not ours"));
    rwatch.notices("src/new/deep/one.js", |s| {
        fs::create_dir(s.path("src/new")).expect("a writable sandbox");
        rename(s, "stage/deep", "src/new/deep");
    });
    leads(&mut rwatch, "src/new/deep/one.js", "../side/other/one.js");
    rwatch.notices("src/new/deep/two.js", |s| {
        point(s, "src/new/deep/two.js", "../../../../side/other/two.js");
    });
    rwatch.notices("src/new/deep/two.js", |s| {
        s.save("../side/other/two.js", "");
    });
    rwatch.notices("src/new", |s| remove_dir(s, "src/new"));
    rwatch.ignores(|s| s.save("../side/other/two.js", "not ours any more"));
}

#[test]
fn a_linked_directory_is_not_followed_below_a_root_and_explain_says_so() {
    let sandbox = link(src(), "src/lib", "../../side/other");
    let sandbox = link(sandbox, "src/inner", "real").file("src/real/x.js", "");
    let ask = |options: &[&str], path: &str, yes, answer: &str| {
        explains(&sandbox, options, path, yes, answer);
    };
    let no = "src/lib is a link to a directory, which is not followed; --watch src/lib follows it";
    ask(&[], "src/lib/two.js", false, no);
    ask(&["-w", "src/**/*.js"], "src/lib/two.js", false, no);
    ask(&["-w", "src/*/*.js"], "src/lib/two.js", false, no);
    ask(&["-w", "src"], "src/lib/new/three.js", false, no);
    let but = format!("{no}; src/one.js, a link to the same file, counts");
    ask(&[], "src/lib/one.js", false, &but);
    ask(
        &["-w", "src/lib"],
        "src/lib/two.js",
        true,
        "`src/lib` is watched",
    );
    ask(
        &["-w", "src/lib/*.js"],
        "src/lib/two.js",
        true,
        "`src/lib/*.js` is watched",
    );
    let only = "`.` is watched, for where it leads: it is a link to a directory, \
                which is not followed; --watch src/lib follows it";
    ask(&[], "src/lib", true, only);
    ask(&["-w", "src/lib"], "src/lib", true, "`src/lib` is watched");
    ask(&[], "src/one.js", true, "`.` is watched");
    let two = "the link src/one.js leads to it, and `.` is watched";
    ask(&[], &sandbox.side("other/one.js"), true, two);
    ask(
        &[],
        &sandbox.side("other/two.js"),
        false,
        "it is under no watched path",
    );
    // What is watched by its own name is so by whichever way.
    ask(
        &[],
        "src/inner/x.js",
        true,
        "it is src/real/x.js, and `.` is watched",
    );

    let mut rwatch = start(sandbox, &["-w", "src/**/*.js", "-w", "src/lib2"]);
    rwatch.ignores(|s| s.save("../side/other/two.js", ""));
    rwatch.notices("src/one.js", |s| s.save("../side/other/one.js", ""));
    rwatch.notices("src/lib2/two.js", |s| {
        point(s, "src/lib2", "../../side/other");
    });
    rwatch.notices("src/lib2/two.js", |s| s.save("../side/other/two.js", ""));
}

#[test]
fn a_linked_file_with_the_same_bytes_is_no_change() {
    let there = "../side/other/one.js";
    let mut rwatch = start(src(), &["-w", "src", "--if-changed"]);
    // Known from now on.
    rwatch.notices("src/one.js", |s| s.save(there, "anew"));
    rwatch.ignores(|s| s.save(there, "anew"));
    rwatch.ignores(|s| s.write(there, "anew"));
    rwatch.ignores(|s| s.tool("touch", &["src/one.js"]));
    rwatch.notices("src/one.js", |s| s.save(there, "others"));
    rwatch.ignores(|s| {
        rename(s, there, "../side/other/three.js");
        rename(s, "../side/other/three.js", there);
    });
    rwatch.notices("src/one.js", |s| s.remove(there));
    rwatch.notices("src/one.js", |s| s.save(there, "others"));
}

#[test]
fn links_are_followed_where_everything_is_polled() {
    let sandbox = src().file(".gitignore", "*.log\n").file("src/a.log", "");
    let sandbox = link(sandbox, "src/latest", "a.log");
    let mut rwatch = start(sandbox, &["-w", "src", "--poll=50ms"]);
    let there = "../side/other/one.js";
    rwatch.notices("src/one.js", |s| s.save(there, "anew"));
    rwatch.ignores(|s| s.save("../side/other/two.js", "its neighbour"));
    rwatch.notices("src/one.js", |s| s.remove(there));
    rwatch.notices("src/one.js", |s| s.write(there, "made anew"));
    rwatch.notices("src/one.js", |s| {
        point(s, "src/one.js", "../../side/other/two.js");
    });
    rwatch.notices("src/one.js", |s| s.save("../side/other/two.js", "ours now"));
    rwatch.ignores(|s| s.save(there, "not ours any more"));
    // It is ignored by its own name, whatever else is.
    rwatch.notices("src/latest", |s| s.write("src/a.log", "line"));
    rwatch.notices("src/.ignore", |s| s.write("src/.ignore", "*.tmp\n"));
    rwatch.ignores(|_| ());
    rwatch.notices("src/latest", |s| s.write("src/a.log", "more"));
    rwatch.notices("src/latest", |s| s.remove("src/a.log"));
    rwatch.notices("src/latest", |s| s.write("src/a.log", "made anew"));
}

#[test]
fn a_root_that_is_a_link_is_followed_where_everything_is_polled() {
    let sandbox = Sandbox::new()
        .file("conf/one", "")
        .file("conf/two", "")
        .dir("beside");
    let sandbox = link(sandbox.fences("beside/"), "app.conf", "conf/one");
    let mut rwatch = start(sandbox, &["-w", "beside", "-w", "app.conf", "--poll=50ms"]);
    rwatch.notices("app.conf", |s| point(s, "app.conf", "conf/two"));
    rwatch.notices("app.conf", |s| s.save("conf/two", "ours now"));
    rwatch.ignores(|s| s.save("conf/one", "not ours any more"));
}

/// Two releases, of which `current` is one.
fn releases() -> Sandbox {
    let sandbox = Sandbox::new()
        .file("releases/1/conf/app.conf", "")
        .file("releases/2/conf/app.conf", "")
        .dir("beside");
    link(sandbox.fences("beside/"), "current", "releases/1")
}

/// A file named by way of a link to a directory is watched where that leads, then and later.
#[track_caller]
fn flips(mut rwatch: Rwatch, name: &str) {
    let old = "releases/1/conf/app.conf";
    let new = "releases/2/conf/app.conf";
    leads(&mut rwatch, name, old);
    rwatch.ignores(|s| s.save(new, "not ours yet"));
    rwatch.notices(name, |s| point(s, "current", "releases/2"));
    rwatch.ignores(|s| s.save(old, "not ours any more"));
    rwatch.ignores(|s| s.write(old, "in place"));
    leads(&mut rwatch, name, new);
    rwatch.ignores(|s| remove_dir(s, "releases/1"));
    leads(&mut rwatch, name, new);
    // As `ln -sfn` does it, to what is not there yet.
    rwatch.notices(name, |s| s.tool("ln", &["-sfn", "releases/3", "current"]));
    rwatch.ignores(|s| s.save(new, "not ours any more"));
    rwatch.notices(name, |s| s.write("releases/3/conf/app.conf", "deployed"));
    leads(&mut rwatch, name, "releases/3/conf/app.conf");
    rwatch.notices(name, |s| rename(s, "releases/3", "releases/4"));
    rwatch.notices(name, |s| rename(s, "releases/4", "releases/3"));
    leads(&mut rwatch, name, "releases/3/conf/app.conf");
}

#[test]
fn a_file_by_way_of_a_link_is_watched_where_that_leads() {
    let options = ["-w", "beside", "-w", "current/conf/app.conf"];
    flips(start(releases(), &options), "current/conf/app.conf");
}

#[test]
fn explain_knows_a_file_by_way_of_a_link() {
    let sandbox = releases();
    let options = ["-w", "current/conf/app.conf"];
    let yes = "`current/conf/app.conf` is watched";
    explains(&sandbox, &options, "releases/1/conf/app.conf", true, yes);
    explains(&sandbox, &options, "current/conf/app.conf", true, yes);
    let no = "it is under no watched path";
    explains(&sandbox, &options, "releases/2/conf/app.conf", false, no);
    explains(&sandbox, &options, "current/conf/other", false, no);
}

#[test]
fn a_directory_by_way_of_a_link_is_watched_where_that_leads() {
    let mut rwatch = start(releases(), &["-w", "beside", "-w", "current/conf"]);
    rwatch.notices("current/conf/new", |s| s.write("releases/1/conf/new", ""));
    rwatch.notices("current/conf", |s| point(s, "current", "releases/2"));
    rwatch.ignores(|s| s.save("releases/1/conf/app.conf", "not ours any more"));
    rwatch.save("releases/2/conf/app.conf", "");
    rwatch.restarts_for(&["current/conf/app.conf"]);
    rwatch.notices("current/conf/new", |s| s.write("releases/2/conf/new", ""));
}

#[test]
fn a_glob_by_way_of_a_link_is_watched_where_that_leads() {
    let mut rwatch = start(releases(), &["-w", "beside", "-w", "current/*/*.conf"]);
    rwatch.save("releases/1/conf/app.conf", "");
    rwatch.restarts_for(&["current/conf/app.conf"]);
    rwatch.notices("current", |s| point(s, "current", "releases/2"));
    rwatch.ignores(|s| s.save("releases/1/conf/app.conf", "not ours any more"));
    rwatch.ignores(|s| s.save("releases/2/conf/app.txt", "no match"));
    rwatch.save("releases/2/conf/app.conf", "");
    rwatch.restarts_for(&["current/conf/app.conf"]);
}

#[test]
fn a_link_on_the_way_of_an_absolute_path_may_be_pointed_elsewhere() {
    // From a directory elsewhere.
    let sandbox = Sandbox::new()
        .file("../side/releases/1/app.conf", "")
        .file("../side/releases/2/app.conf", "")
        .dir("beside");
    let sandbox = link(sandbox.fences("beside/"), "../side/current", "releases/1");
    let typed = sandbox.side("current/app.conf");
    let mut rwatch = start(sandbox, &["-w", "beside", "-w", &typed]);
    leads(&mut rwatch, &typed, "../side/releases/1/app.conf");
    rwatch.notices(&typed, |s| point(s, "../side/current", "releases/2"));
    rwatch.ignores(|s| s.save("../side/releases/1/app.conf", "not ours any more"));
    leads(&mut rwatch, &typed, "../side/releases/2/app.conf");
}

#[test]
fn what_is_watched_by_two_names_stays_watched_when_one_leads_elsewhere() {
    let mut rwatch = start(releases(), &["-w", ".", "-w", "current"]);
    let restarts_once = |rwatch: &mut Rwatch, path: &str| {
        rwatch.save(path, "");
        let changed = rwatch.ready().changed;
        assert_eq!(changed.len(), 1, "{}", rwatch.transcript());
        assert_eq!(rwatch.settle(), 0, "{}", rwatch.transcript());
    };
    for (release, other) in [("releases/2", "releases/1"), ("releases/1", "releases/2")] {
        rwatch.notices("current", |s| point(s, "current", release));
        restarts_once(&mut rwatch, &format!("{release}/conf/app.conf"));
        // What is made, the kernel tells by one of the names.
        let new = format!("{release}/deep/new/b.js");
        rwatch.write(&new, "");
        rwatch.ready();
        rwatch.settle();
        restarts_once(&mut rwatch, &new);
        rwatch.notices("current", |s| point(s, "current", other));
        rwatch.save(&new, "");
        rwatch.restarts_for(&[&new]);
        rwatch.notices(&new, |s| rename(s, &new, "../side/b.js"));
    }
    rwatch.notices("releases/2", |s| remove_dir(s, "releases/2"));
    rwatch.write("releases/2/conf/app.conf", "made again");
    rwatch.ready();
    rwatch.settle();
    restarts_once(&mut rwatch, "releases/2/conf/app.conf");
}

#[test]
fn a_link_into_a_directory_that_is_watched_by_the_name_of_a_link() {
    let sandbox = releases()
        .file("releases/1/.gitignore", "*.log\n")
        .file("releases/1/a.log", "");
    let sandbox = link(sandbox, "beside/app.conf", "../releases/1/conf/app.conf");
    let sandbox = link(sandbox, "beside/latest", "../releases/1/a.log");
    let mut rwatch = start(sandbox, &["-w", "beside", "-w", "current"]);
    rwatch.save("releases/1/conf/app.conf", "");
    rwatch.restarts_for(&["current/conf/app.conf"]);
    rwatch.save("releases/1/conf/new", "beside it");
    rwatch.restarts_for(&["current/conf/new"]);
    rwatch.save("releases/1/a.log", "");
    rwatch.restarts_for(&["beside/latest"]);
    rwatch.notices("current", |s| point(s, "current", "releases/2"));
    rwatch.save("releases/1/conf/app.conf", "");
    rwatch.restarts_for(&["beside/app.conf"]);
    rwatch.ignores(|s| s.save("releases/1/conf/new", "not ours any more"));
    rwatch.save("releases/2/conf/app.conf", "");
    rwatch.restarts_for(&["current/conf/app.conf"]);
    rwatch.notices("current", |s| point(s, "current", "releases/1"));
    rwatch.save("releases/1/conf/new", "ours again");
    rwatch.restarts_for(&["current/conf/new"]);
}

#[test]
fn only_links_are_looked_at_any_closer() {
    const FILES: usize = 500;
    let tree = |links| {
        let mut sandbox = Sandbox::new().file("../side/other/0.js", "").dir("src");
        for n in 0..FILES {
            let path = format!("src/{n}.js");
            if links {
                sandbox.write(&format!("../side/other/{n}.js"), "");
                sandbox = link(sandbox, &path, &format!("../../side/other/{n}.js"));
            } else {
                sandbox.write(&path, "");
            }
        }
        let trace = sandbox.side("trace");
        let words = [
            "strace",
            "-f",
            "-e",
            "trace=readlink,readlinkat,stat,newfstatat,statx",
            "-o",
        ];
        let words = [&words[..], &[&trace]].concat();
        let sandbox = sandbox.wrapper(&words);
        let mut rwatch = sandbox.start(["-m", "0", "-w", "src"], ["true"]);
        assert_eq!(rwatch.exit(), Ended::Code(0));
        let lines = rwatch.log("trace");
        // `PID CALL(…`, and what came of it on a line of its own if others came in between.
        let calls = |name: &str, path: &str| {
            let is_it = |line: &&String| line.contains(name) && line.contains(path);
            lines.iter().filter(is_it).count()
        };
        (calls("readlink(", ".js\""), calls("stat", "/other/"))
    };
    assert_eq!(tree(false), (0, 0));
    let (readlinks, stats) = tree(true);
    // Each link, and whether what it leads to is one; and the time of that.
    assert_eq!(readlinks, 2 * FILES);
    assert_eq!(stats, FILES);
}
