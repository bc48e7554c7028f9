//! Mounts things on what is watched, each test in a namespace of its own: file systems that tell
//! nothing, single files, and what the kernel makes up; before the start, and while rwatch runs.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::bursts::is_one_restart;
use crate::sandbox::{Rwatch, Sandbox, eventually};

/// Where mounts are seen by nobody else; it goes with this, and so do they.
struct Namespace {
    keeper: Child,
    servers: Vec<Child>,
    enter: Vec<String>,
}

impl Namespace {
    /// For what is done in the sandbox's directory.
    fn of(sandbox: &Sandbox) -> Self {
        let is_root = fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0);
        let mut unshare = Command::new("unshare");
        unshare.arg("--mount");
        if !is_root {
            unshare.args(["--user", "--map-root-user"]);
        }
        // It ends with the end of its input, should we be killed.
        unshare.args(["sh", "-c", "echo here; exec cat"]);
        let pipes = unshare.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut keeper = pipes.spawn().expect("unshare is there");
        let mut said = std::io::BufReader::new(keeper.stdout.take().expect("it is piped"));
        let mut line = String::new();
        std::io::BufRead::read_line(&mut said, &mut line).expect("a line");
        assert_eq!(line, "here\n", "a namespace for mounts");
        let mut enter = vec![
            "nsenter".to_owned(),
            format!("--target={}", keeper.id()),
            "--mount".to_owned(),
            format!("--wdns={}", sandbox.path("").display()),
        ];
        if !is_root {
            enter.extend(["--user", "--preserve-credentials"].map(str::to_owned));
        }
        Self {
            keeper,
            servers: Vec::new(),
            enter,
        }
    }

    /// Runs a script in it.
    #[track_caller]
    fn run(&self, script: &str) {
        let words = self.enter.iter().skip(1);
        let mut command = Command::new(&self.enter[0]);
        command.args(words).args(["sh", "-ec", script]);
        let output = command
            .stdin(Stdio::null())
            .output()
            .expect("nsenter is there");
        assert!(output.status.success(), "{script}: {output:?}");
    }

    /// Shows `host` at `place`, by a file system in user space.
    #[track_caller]
    fn serve(&mut self, sandbox: &Sandbox, host: &str, place: &str) {
        let words = self.enter.iter().skip(1);
        let server = Command::new(&self.enter[0])
            .args(words)
            .args(["bindfs", "-f", "-o", "nonempty", host, place])
            .stdin(Stdio::null())
            .spawn();
        self.servers.push(server.expect("bindfs is there"));
        let table = format!("/proc/{}/mountinfo", self.keeper.id());
        let place = sandbox.path(place).display().to_string();
        eventually("bindfs", || {
            let table = fs::read_to_string(&table).expect("it lives");
            table
                .lines()
                .any(|line| line.contains(&place) && line.contains(" - fuse"))
        });
    }

    /// The sandbox, with rwatch in here.
    fn wrap(&self, sandbox: Sandbox) -> Sandbox {
        let words: Vec<&str> = self.enter.iter().map(String::as_str).collect();
        sandbox.wrapper(&words)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        for child in self.servers.iter_mut().chain([&mut self.keeper]) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Starts to watch these, and `beside`, which is there for the fences.
fn start(namespace: &Namespace, sandbox: Sandbox, roots: &[&str]) -> Rwatch {
    start_as(&["child"], namespace, sandbox, roots)
}

/// The same with another command.
fn start_as(command: &[&str], namespace: &Namespace, sandbox: Sandbox, roots: &[&str]) -> Rwatch {
    let sandbox = namespace.wrap(sandbox.dir("beside").fences("beside/"));
    let roots = roots.iter().chain(&["beside"]);
    sandbox.start(roots.flat_map(|root| ["-w", root]), command)
}

/// What is written in place to either file is seen as a change of `path`, once.
#[track_caller]
fn both_are_seen(rwatch: &mut Rwatch, namespace: &Namespace, host: &str, path: &str) {
    let cat = |text: &str| format!("cat {text}");
    for _ in 0..3 {
        is_one_restart(rwatch, |s, text| s.write(host, text), cat);
        let write = |text: &str| namespace.run(&format!("printf {text} > {path}"));
        is_one_restart(rwatch, |_, text| write(text), cat);
    }
    rwatch.notices(path, |s| s.write(host, "named"));
}

#[test]
fn a_single_file_that_is_mounted_is_seen_from_both_sides() {
    let sandbox = Sandbox::new().file("host/c", "").file("etc/c", "");
    let namespace = Namespace::of(&sandbox);
    namespace.run("mount --bind host/c etc/c");
    let mut rwatch = start_as(&["child", "cat", "etc/c"], &namespace, sandbox, &["etc/c"]);
    rwatch.ready();
    both_are_seen(&mut rwatch, &namespace, "host/c", "etc/c");
    rwatch.ignores(|s| s.write("host/d", ""));
    rwatch.ignores(|_| namespace.run("chmod +x etc/c; cat etc/c"));
}

#[test]
fn a_single_file_that_is_mounted_below_a_root_is_seen_from_both_sides() {
    let sandbox = Sandbox::new()
        .file("host/c", "")
        .file("host/log", "")
        .file("app/etc/c", "")
        .file("app/etc/c.log", "")
        .file("app/.gitignore", "*.log");
    let namespace = Namespace::of(&sandbox);
    namespace.run("mount --bind host/c app/etc/c; mount --bind host/log app/etc/c.log");
    let words = ["child", "cat", "app/etc/c", "cat", "app/etc/d"];
    let mut rwatch = start_as(&words, &namespace, sandbox, &["app"]);
    rwatch.ready();
    both_are_seen(&mut rwatch, &namespace, "host/c", "app/etc/c");
    rwatch.ignores(|s| s.write("host/log", "not ours"));
    // One more, while it runs: what it hides is another file.
    rwatch.notices("app/etc/d", |s| {
        s.write("app/etc/d", "hidden");
        s.write("host/d", "");
        namespace.run("mount --bind host/d app/etc/d");
    });
    both_are_seen(&mut rwatch, &namespace, "host/d", "app/etc/d");
    rwatch.notices("app/etc/c", |_| namespace.run("umount app/etc/c"));
    rwatch.notices("app/etc/c", |s| {
        s.save("app/etc/c", "a file like any other");
    });
    rwatch.ignores(|s| s.write("host/c", "not ours any more"));
}

#[test]
fn a_file_system_that_tells_nothing_is_polled_below_a_root() {
    let sandbox = Sandbox::new()
        .file("host/a.js", "")
        .file("app/main.js", "")
        .dir("app/src")
        .dir("app/node_modules");
    let mut namespace = Namespace::of(&sandbox);
    namespace.serve(&sandbox, "host", "app/src");
    namespace.serve(&sandbox, "host", "app/node_modules");
    let mut rwatch = start(&namespace, sandbox, &["app"]);
    rwatch.says("app/src is on FUSE, which tells of no changes: polling it every 1s");
    rwatch.says("watching app, beside: 2 files in *");
    rwatch.ready();
    rwatch.notices("app/src/a.js", |s| {
        s.write("host/a.js", "changed elsewhere");
    });
    rwatch.notices("app/src/deep/b.js", |s| s.write("host/deep/b.js", ""));
    rwatch.notices("app/src/deep/b.js", |s| s.save("host/deep/b.js", "again"));
    rwatch.notices("app/main.js", |s| s.save("app/main.js", ""));
    let about = |line: &&String| line.contains("polling");
    let about: Vec<String> = rwatch
        .said()
        .into_iter()
        .filter(|line| about(&line))
        .collect();
    assert_eq!(about.len(), 1, "{about:#?}");
}

#[test]
fn a_single_file_of_a_file_system_that_tells_nothing_is_polled() {
    let sandbox = Sandbox::new()
        .file("host/c", "")
        .dir("served")
        .file("etc/c", "")
        .file("app/c", "");
    let mut namespace = Namespace::of(&sandbox);
    namespace.serve(&sandbox, "host", "served");
    namespace.run("mount --bind served/c etc/c; mount --bind served/c app/c");
    let mut rwatch = start(&namespace, sandbox, &["etc/c", "app"]);
    rwatch.ready();
    for text in ["one", "number two"] {
        rwatch.notices("etc/c", |s| s.write("host/c", text));
        rwatch.notices("app/c", |s| s.write("host/c", &format!("{text}, again")));
    }
}

#[test]
fn what_is_mounted_and_unmounted_while_it_runs_is_noticed() {
    let sandbox = Sandbox::new()
        .file("host/a.js", "")
        .file("app/src/old.js", "")
        .file("app/main.js", "");
    let mut namespace = Namespace::of(&sandbox);
    let mut rwatch = start(&namespace, sandbox, &["app"]);
    rwatch.ready();
    for n in 0..2 {
        namespace.serve(&rwatch, "host", "app/src");
        rwatch.says("app/src is on FUSE, which tells of no changes: polling it every 1s");
        rwatch.comes_to("app/src");
        rwatch.settle();
        rwatch.notices("app/src/a.js", |s| s.write("host/a.js", &format!("{n}")));
        rwatch.ignores(|s| s.save("app/src/old.js", "it is hidden"));
        rwatch.notices("app/src", |_| namespace.run("umount app/src"));
        rwatch.notices("app/src/old.js", |s| {
            s.save("app/src/old.js", "there again");
        });
        // In memory, with the kernel to tell of it.
        rwatch.notices("app/src", |_| namespace.run("mount -t tmpfs none app/src"));
        rwatch.notices("app/src/deep/b.js", |_| {
            namespace.run("mkdir app/src/deep; echo > app/src/deep/b.js");
        });
        rwatch.notices("app/src", |_| namespace.run("umount app/src"));
        rwatch.notices("app/src/old.js", |s| s.save("app/src/old.js", "once more"));
    }
}

#[test]
fn a_root_that_is_mounted_over_is_noticed() {
    let sandbox = Sandbox::new()
        .file("up/app/src/a.js", "")
        .file("up/app/a.conf", "");
    let namespace = Namespace::of(&sandbox);
    let mut rwatch = start(&namespace, sandbox, &["up/app/src", "up/app/a.conf"]);
    rwatch.ready();
    for place in ["up/app/src", "up/app", "up"] {
        rwatch.notices("up/app/src", |_| {
            namespace.run(&format!("mount -t tmpfs none {place}"));
        });
        rwatch.notices("up/app/src/b.js", |_| {
            namespace.run("mkdir -p up/app/src; echo > up/app/src/b.js");
        });
        rwatch.notices("up/app/a.conf", |_| namespace.run("echo x > up/app/a.conf"));
        rwatch.notices("up/app/src", |_| namespace.run(&format!("umount {place}")));
        rwatch.notices("up/app/src/a.js", |s| s.save("up/app/src/a.js", ""));
        rwatch.notices("up/app/a.conf", |s| s.save("up/app/a.conf", ""));
    }
}

#[test]
fn what_is_mounted_elsewhere_or_changes_no_file_is_no_change() {
    let sandbox = Sandbox::new().file("app/a.js", "").dir("other");
    let namespace = Namespace::of(&sandbox);
    let mut rwatch = start(&namespace, sandbox, &["app"]);
    rwatch.ready();
    rwatch.ignores(|_| namespace.run("mount -t tmpfs none other; umount other"));
    rwatch.ignores(|_| namespace.run("mount --bind app app; mount -o remount,noatime,bind app"));
    rwatch.notices("app/a.js", |s| s.save("app/a.js", ""));
    rwatch.ignores(|_| namespace.run("umount app"));
    rwatch.notices("app/a.js", |s| s.save("app/a.js", ""));
}

#[test]
fn what_the_kernel_makes_up_is_not_walked() {
    let sandbox = Sandbox::new().file("main.js", "").dir("proc").dir("tmp");
    let namespace = Namespace::of(&sandbox);
    // Not a new one, which would need a namespace of processes.
    namespace.run("mount --rbind /proc proc; mount -t tmpfs none tmp; mkdir tmp/deep");
    let mut rwatch = namespace.wrap(sandbox).start([""; 0], ["child"]);
    rwatch.says("watching .: 1 file in 3 directories");
    rwatch.ready();
    rwatch.notices("tmp/deep/a.js", |_| namespace.run("echo > tmp/deep/a.js"));
    // While it runs, too: what was there is hidden.
    rwatch.write("sys/a.js", "");
    rwatch.comes_to("sys/a.js");
    rwatch.notices("sys", |_| namespace.run("mount --rbind /sys sys"));
    rwatch.ignores(|_| ());
    rwatch.notices("sys", |_| namespace.run("umount -R sys"));
}

#[test]
fn what_the_kernel_makes_up_is_walked_where_it_is_named() {
    let sandbox = Sandbox::new().dir("proc");
    let namespace = Namespace::of(&sandbox);
    namespace.run("mount --rbind /proc proc");
    let mut rwatch = start(&namespace, sandbox, &["proc/sys/kernel/random"]);
    rwatch.says("watching proc/sys/kernel/random, beside: * in 2 directories");
    rwatch.ready();
}

#[test]
fn what_the_kernel_makes_up_is_explained() {
    let explain = |options: &[&str]| {
        let sandbox = Sandbox::new().dir("proc");
        let namespace = Namespace::of(&sandbox);
        namespace.run("mount --rbind /proc proc");
        let words = [options, &["--explain", "proc/version"]].concat();
        let mut rwatch = namespace.wrap(sandbox).start_words(words);
        rwatch.exit();
        rwatch.text()
    };
    let why = "it is a proc file system, made up by the kernel, and --watch does not name it";
    let no = format!("proc/version: no, proc is ignored: {why}\n");
    assert_eq!(explain(&[]), no);
    assert_eq!(explain(&["--no-ignore"]), no);
    assert_eq!(
        explain(&["-w", "proc"]),
        "proc/version: yes, `proc` is watched\n"
    );
    assert_eq!(
        explain(&["-i", "!/proc/"]),
        "proc/version: yes, `.` is watched\n"
    );
}

/// Makes the sandbox's directory a root directory, as in an image that names none to work in: with all
/// of the machine that a program needs. The directories of it that are not to be watched.
fn make_root(namespace: &Namespace) -> Vec<String> {
    let built = Path::new(env!("CARGO_BIN_EXE_rwatch"));
    let built = built.parent().expect("a directory").display().to_string();
    namespace.run(&format!(
        "mkdir -p .'{built}' usr proc sys dev; \
         for dir in bin lib lib64; do \
           if [ -L /$dir ]; then cp -P /$dir .; \
           elif [ -d /$dir ]; then mkdir $dir; mount --rbind /$dir $dir; fi; \
         done; \
         mount --bind '{built}' .'{built}'; mount --rbind /usr usr; \
         mount --rbind /proc proc; mount --rbind /sys sys; mount --rbind /dev dev"
    ));
    let mut ignored: Vec<String> = ["bin", "lib", "lib64", "usr"]
        .map(|dir| format!("/{dir}/"))
        .into();
    ignored.push(format!("{built}/"));
    ignored
}

#[test]
fn in_the_root_directory_nothing_happens_of_its_own_accord() {
    let sandbox = Sandbox::new().file("srv/a.js", "");
    let namespace = Namespace::of(&sandbox);
    let ignored = make_root(&namespace);
    let here = sandbox.path("").display().to_string();
    let wrapper = namespace
        .enter
        .iter()
        .cloned()
        .chain(["chroot".to_owned(), here]);
    let wrapper: Vec<String> = wrapper.collect();
    let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
    let options = ignored.iter().flat_map(|dir| ["-i", dir]);
    let mut rwatch = sandbox.wrapper(&wrapper).start(options, ["child"]);
    let line = rwatch.says("watching .: * in * directories");
    // This one, srv, and those on the way to what is tested.
    let dirs = line
        .split(' ')
        .rev()
        .nth(1)
        .and_then(|dirs| dirs.parse().ok());
    assert!(dirs.is_some_and(|dirs: u32| dirs < 20), "{line}");
    rwatch.ready();
    for _ in 0..3 {
        rwatch.ignores(|_| namespace.run("echo > dev/null; ls -R proc/self > /dev/null 2>&1 || :"));
    }
    rwatch.save("srv/a.js", "");
    rwatch.restarts_for(&["srv/a.js"]);
}
