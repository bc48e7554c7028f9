//! Makes up patterns and names, and asks git and the filter for their verdicts on them.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::super::filter::{Filter, FilterSpec, Root, Rule, Verdict};
use super::super::git_config::GitHome;

/// What patterns are made of: awkward characters, and what is rarely hit with them alone.
const PIECES: &[&str] = &[
    "a",
    "b",
    "c",
    "1",
    "a",
    "b",
    "/",
    "*",
    "?",
    "[",
    "]",
    "!",
    "^",
    "-",
    "\\",
    ":",
    "{",
    "}",
    ".",
    "#",
    " ",
    ",",
    "\t",
    "\u{e9}",
    "\u{e0}",
    "\u{a0}",
    "**",
    "**/",
    "/**",
    "[a-c]",
    "[!a]",
    "[^a-b]",
    "[[:",
    ":]]",
    "[[:alpha:]]",
    "[[:punct:]-]",
    "[b-",
    "[\\",
    "a/",
    "/b",
    "\r",
];

/// What stands in names for the special parts of patterns.
const FILLERS: &[&[u8]] = &[
    b"a",
    b"b",
    b"c",
    b"1",
    b"ab",
    b"",
    b"-",
    b"]",
    b"[",
    b"!",
    b"^",
    b"\\",
    b":",
    b"{",
    b"}",
    b".",
    b"#",
    b" ",
    b",",
    b"\t",
    b"\xc3\xa9",
    b"\xe9",
    b"\xc3",
    b"a/b",
    b"/",
    b"\r",
    b"\n",
    b"\x0b",
    b"*",
    b"?",
];

/// Numbers that look random (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % end as u64).expect("less than end")
    }

    fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }

    fn pattern(&mut self) -> String {
        (0..=self.below(7)).map(|_| self.one(PIECES)).collect()
    }

    /// A path that may well match: that pattern, read by somebody careless.
    fn path(&mut self, pattern: &str) -> PathBuf {
        let mut path = Vec::new();
        let mut rest = pattern.bytes().peekable();
        while let Some(byte) = rest.next() {
            match byte {
                b'*' | b'?' => path.extend(self.one(FILLERS)),
                b'[' if self.below(4) > 0 => {
                    let inside: Vec<u8> = rest.by_ref().take_while(|byte| *byte != b']').collect();
                    match self.below(3) {
                        0 if !inside.is_empty() => path.push(inside[self.below(inside.len())]),
                        1 => path.extend(self.one(FILLERS)),
                        _ => path.push(b'b'),
                    }
                }
                b'\\' | b'!' | b' ' | b'\r' if self.below(2) > 0 => {}
                _ if self.below(16) == 0 => path.extend(self.one(FILLERS)),
                _ => path.push(byte),
            }
        }
        if self.below(6) == 0 {
            path.splice(..0, *b"b/");
        }
        if self.below(6) == 0 {
            path.extend(b"/a");
        }
        path.split(|byte| *byte == b'/')
            .filter(|name| !matches!(*name, b"" | b"." | b".." | b".git"))
            .map(OsStr::from_bytes)
            .collect()
    }
}

/// What git says of each path: the rule that ignores it, if there is one.
fn git_says(top: &Path, paths: &BTreeSet<PathBuf>) -> Vec<Option<String>> {
    let mut git = Command::new("git")
        .args(["check-ignore", "-v", "-n", "-z", "--no-index", "--stdin"])
        .current_dir(top)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("XDG_CONFIG_HOME", top)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("git starts");
    let mut stdin = git.stdin.take().expect("a pipe");
    let mut asked = Vec::new();
    for path in paths {
        asked.extend(path.as_os_str().as_bytes());
        asked.push(0);
    }
    let asking = std::thread::spawn(move || stdin.write_all(&asked));
    let output = git.wait_with_output().expect("our own child");
    asking.join().expect("no panic").expect("git reads");
    let fields: Vec<&[u8]> = output.stdout.split(|byte| *byte == 0).collect();
    let answer = |(record, path): (&[&[u8]], &PathBuf)| {
        assert_eq!(record[3], path.as_os_str().as_bytes(), "in the same order");
        let [source, line, pattern] = [0, 1, 2].map(|at| String::from_utf8_lossy(record[at]));
        let ignored = !source.is_empty() && !pattern.starts_with('!');
        ignored.then(|| format!("`{pattern}` in {source}, line {line}"))
    };
    fields.chunks_exact(4).zip(paths).map(answer).collect()
}

/// The verdict of the filter on a path below `top`: the rule of the nearest ignored directory.
fn filter_says(filter: &Filter, top: &Path, path: &Path) -> Option<String> {
    let mut way: Vec<&Path> = path.ancestors().collect();
    way.pop();
    way.iter().rev().find_map(|at| {
        let is_dir = *at != path || top.join(at).is_dir();
        match filter.verdict(&top.join(at), is_dir) {
            // The built-in list is not the subject here.
            Verdict::Ignored(rule @ Rule::File { .. }) => Some(rule.text(top)),
            _ => None,
        }
    })
}

fn disagreements(seed: u64, rounds: usize) -> Vec<String> {
    let mut random = Random(seed);
    let dir = tempfile::tempdir().expect("a temporary directory");
    let top = dir.path().canonicalize().expect("it exists");
    fs::create_dir_all(top.join(".git/refs")).expect("writable");
    fs::create_dir_all(top.join(".git/objects")).expect("writable");
    fs::write(top.join(".git/HEAD"), "ref: refs/heads/main\n").expect("writable");
    let root = Root {
        name: ".".to_owned(),
        path: top.clone(),
        glob: None,
    };
    let spec = FilterSpec {
        roots: vec![root],
        flags: Vec::new(),
        extensions: Vec::new(),
        ignores: true,
        outputs: Vec::new(),
        git: GitHome::default(),
    };
    let mut filter = Filter::new(spec, top.clone());
    let mut paths = BTreeSet::new();
    for round in 0..rounds {
        let lines: Vec<String> = (0..=random.below(2)).map(|_| random.pattern()).collect();
        let home = PathBuf::from(format!("p{round}"));
        fs::create_dir_all(top.join(&home)).expect("writable");
        fs::write(top.join(&home).join(".gitignore"), lines.join("\n")).expect("writable");
        filter.load(&top.join(&home));
        for line in lines.iter().cycle().take(24) {
            // Without a slash at its end.
            let path: PathBuf = home.join(random.path(line)).components().collect();
            // What does not exist is no directory, to git and to us.
            if random.below(3) == 0 {
                fs::create_dir_all(top.join(&path)).expect("writable");
            }
            if path != home {
                paths.insert(path);
            }
        }
    }
    let git = git_says(&top, &paths);
    assert_eq!(
        git.len(),
        paths.len(),
        "git has something to say of every path"
    );
    let hits = git.iter().flatten().count();
    assert!(hits * 10 > paths.len(), "{hits} of {} match", paths.len());
    let mut found = Vec::new();
    for (path, git) in paths.iter().zip(git) {
        let ours = filter_says(&filter, &top, path);
        if ours != git {
            let home = path.components().next().expect("a directory");
            let lines = fs::read_to_string(top.join(home).join(".gitignore")).unwrap_or_default();
            let dir = if top.join(path).is_dir() { "/" } else { "" };
            found.push(format!(
                "{path:?}{dir} by {lines:?}: git: {git:?}, we: {ours:?}"
            ));
        }
    }
    found
}

/// `RWATCH_TEST_SEED=n` makes other ones up.
#[test]
fn the_filter_takes_random_ignore_rules_as_git_does() {
    let seed = std::env::var("RWATCH_TEST_SEED").map_or(Ok(1), |seed| seed.parse());
    let found = disagreements(seed.expect("a number"), 250);
    assert!(found.is_empty(), "{}: {found:#?}", found.len());
}
