//! The built-in list: what no program is made of, and what editors and tools leave beside it.
//!
//! Nobody saves what it hides: a name that somebody may choose is hidden only beside what tells
//! it from theirs. Every name of a tree is held against it, so that most are let go by their first
//! byte and their last one. `--help` and the README print it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// When a pattern counts.
enum When {
    Always,
    /// Beside the file that its `*` stands for.
    BesideItsFile,
    /// Beside a file of this name.
    Beside(&'static str),
    /// As a directory in which there is a file of this name.
    With(&'static str),
}

use When::{Always, Beside, BesideItsFile, With};

/// A pattern, and when it counts.
type Entry = (&'static str, When);

/// The patterns that begin with a byte that stands for itself.
const NAMES: [Entry; 69] = [
    // Version control.
    (".git", Always),
    (".hg", Always),
    (".svn", Always),
    (".jj", Always),
    (".bzr", Always),
    (".pijul", Always),
    ("_darcs", Always),
    // What is fetched, built and cached.
    ("node_modules", Always),
    ("__pycache__", Always),
    (".venv", Always),
    ("venv/", With("pyvenv.cfg")),
    ("env/", With("pyvenv.cfg")),
    (".env/", With("pyvenv.cfg")),
    ("virtualenv/", With("pyvenv.cfg")),
    ("target/", Beside("Cargo.toml")),
    (".pytest_cache", Always),
    (".mypy_cache", Always),
    (".ruff_cache", Always),
    (".hypothesis", Always),
    (".tox", Always),
    (".nox", Always),
    (".ipynb_checkpoints", Always),
    (".coverage", Always),
    (".coverage.*", Always),
    (".nyc_output", Always),
    (".eslintcache", Always),
    (".stylelintcache", Always),
    (".parcel-cache", Always),
    (".turbo", Always),
    (".next", Always),
    (".nuxt", Always),
    (".svelte-kit", Always),
    (".angular", Always),
    (".gradle", Always),
    (".dart_tool", Always),
    (".terraform", Always),
    (".direnv", Always),
    // Editors.
    (".idea", Always),
    (".vscode", Always),
    (".vs", Always),
    (".history", Always),
    (".kdev4", Always),
    // vim's swap files; the unnamed one, too.
    (".*.sw[a-p]", Always),
    (".sw[a-p]", Always),
    // vim looks whether it can write into a directory by making this.
    ("4913", Always),
    (".#*", Always),
    ("#*#", Always),
    (".*.kate-swp", Always),
    (".*.kak.*", Always),
    ("DEADJOE", Always),
    // What GNOME's editors save by.
    (".goutputstream-*", Always),
    // flycheck checks a copy that it puts beside the file.
    ("flycheck_*", BesideItsFile),
    (".~lock.*#", Always),
    ("~$*", Always),
    // What editors look names up in: GNU Global's, and cscope's.
    ("GTAGS", Always),
    ("GRTAGS", Always),
    ("GPATH", Always),
    ("cscope.out", Always),
    ("cscope.in.out", Always),
    ("cscope.po.out", Always),
    // Systems, and those who watch and sync for them.
    (".DS_Store", Always),
    ("._*", Always),
    // A file that is still open when it is removed.
    (".nfs*", Always),
    (".fuse_hidden*", Always),
    (".smbdelete*", Always),
    (".watchman-cookie-*", Always),
    (".mutagen-temporary-*", Always),
    // How a JVM is asked for its threads, and what it leaves when it crashes.
    (".attach_pid*", Always),
    ("hs_err_pid*.log", Always),
];

/// Those that begin with a `*`; none ends with one.
const ENDINGS: [Entry; 17] = [
    ("*.pyc", Always),
    ("*.tsbuildinfo", Always),
    ("*.swp", Always),
    ("*.swx", Always),
    // vim looks how long a name may be by making this.
    ("*.swpx", Always),
    ("*~", Always),
    ("*.tmp", Always),
    // JetBrains' atomic saves.
    ("*___jb_tmp___", Always),
    ("*___jb_old___", Always),
    ("*.sublime-workspace", Always),
    // SQLite's, and DuckDB's.
    ("*-wal", BesideItsFile),
    ("*-shm", BesideItsFile),
    ("*-journal", BesideItsFile),
    ("*.wal", BesideItsFile),
    // What Vite, and others, make of a configuration to load it.
    ("*.timestamp-*.mjs", Always),
    ("*.bundled_*.mjs", Always),
    ("*.bundled_*.cjs", Always),
];

/// The patterns by the byte at one of their ends.
struct Chains<const N: usize> {
    /// The first pattern with this byte; N: there is none.
    first: [usize; 256],
    /// The next one with the same byte.
    next: [usize; N],
}

/// [`NAMES`] by their first byte.
static BEGINS: Chains<{ NAMES.len() }> = Chains::new(&NAMES, false);
/// [`ENDINGS`] by their last one.
static ENDS: Chains<{ ENDINGS.len() }> = Chains::new(&ENDINGS, true);

impl<const N: usize> Chains<N> {
    const fn new(entries: &[Entry; N], by_end: bool) -> Self {
        let mut chains = Self {
            first: [N; 256],
            next: [N; N],
        };
        // From the end on, so that they come in their order.
        let mut at = N;
        while at > 0 {
            at -= 1;
            let pattern = entries[at].0.as_bytes();
            let byte = if by_end {
                pattern[pattern.len() - 1]
            } else {
                pattern[0]
            } as usize;
            chains.next[at] = chains.first[byte];
            chains.first[byte] = at;
        }
        chains
    }

    /// The places of the patterns with this byte.
    fn of(&self, byte: u8) -> impl Iterator<Item = usize> {
        let place = |at: usize| (at < N).then_some(at);
        let first = place(self.first[usize::from(byte)]);
        std::iter::successors(first, move |at| place(self.next[*at]))
    }
}

/// The pattern that hides `path`, whose last part is `name`.
pub(super) fn hides(name: &[u8], path: &Path, is_dir: bool) -> Option<&'static str> {
    let names = BEGINS.of(*name.first()?).map(|at| &NAMES[at]);
    let endings = ENDS.of(*name.last()?).map(|at| &ENDINGS[at]);
    let mut near = names.chain(endings);
    near.find(|(pattern, when)| {
        let bytes = pattern.as_bytes();
        fits(bytes.strip_suffix(b"/").unwrap_or(bytes), name)
            && when.holds(bytes, name, path, is_dir)
    })
    .map(|(pattern, _)| *pattern)
}

/// Whether the directory that `path` is in is hidden as soon as this is there.
pub(super) fn hides_its_dir(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    let mut hidden = NAMES.iter().filter_map(|(pattern, when)| match when {
        With(child) if name == *child => pattern.strip_suffix('/'),
        _ => None,
    });
    let dir = path.parent().and_then(Path::file_name);
    hidden.any(|pattern| dir.is_some_and(|dir| dir == pattern))
}

impl When {
    fn holds(&self, pattern: &[u8], name: &[u8], path: &Path, is_dir: bool) -> bool {
        match self {
            Always => true,
            Beside(sibling) => path.with_file_name(sibling).exists(),
            With(child) => is_dir && path.join(child).is_file(),
            BesideItsFile => path.with_file_name(of_star(pattern, name)).is_file(),
        }
    }
}

/// What of `name` the one `*` of the pattern stands for.
fn of_star<'a>(pattern: &[u8], name: &'a [u8]) -> &'a OsStr {
    let begin = pattern.iter().take_while(|byte| **byte != b'*').count();
    let end = name.len() - (pattern.len() - begin - 1);
    OsStr::from_bytes(&name[begin..end])
}

/// Whether a name is what a pattern says: `*` is anything, and `[a-p]` one of these bytes.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    match pattern {
        [] => name.is_empty(),
        [b'*', rest @ ..] => (0..=name.len()).any(|at| fits(rest, &name[at..])),
        [b'[', low, b'-', high, b']', rest @ ..] => {
            let one = name.split_first();
            one.is_some_and(|(one, name)| (low..=high).contains(&one) && fits(rest, name))
        }
        [byte, rest @ ..] => name
            .split_first()
            .is_some_and(|(one, name)| one == byte && fits(rest, name)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Args;

    /// The pattern that hides a name in a directory with these files.
    #[track_caller]
    fn check(beside: &[&str], name: &str, expected: Option<&str>) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for file in beside {
            let file = dir.path().join(file);
            fs::create_dir_all(file.parent().expect("below")).expect("writable");
            fs::write(file, "").expect("writable");
        }
        let path = dir.path().join(name);
        let found = hides(name.as_bytes(), &path, path.is_dir());
        assert_eq!(found, expected, "{name} beside {beside:?}");
    }

    #[test]
    fn what_editors_and_tools_leave_is_hidden() {
        for (name, pattern) in [
            (".git", ".git"),
            ("a.cpython-313.pyc", "*.pyc"),
            (".a.js.swp", ".*.sw[a-p]"),
            (".a.js.swo", ".*.sw[a-p]"),
            (".swo", ".sw[a-p]"),
            ("a.swp", "*.swp"),
            (".Makefile.swpx", "*.swpx"),
            (".a.js.un~", "*~"),
            ("~", "*~"),
            (".#a.js", ".#*"),
            ("#a.js#", "#*#"),
            ("4913", "4913"),
            (".a.js.kate-swp", ".*.kate-swp"),
            (".a.js.kak.x9MnAJ", ".*.kak.*"),
            (".goutputstream-9C1ZY1", ".goutputstream-*"),
            (".~lock.a.odt#", ".~lock.*#"),
            ("~$a.docx", "~$*"),
            ("._a.js", "._*"),
            (".nfs00000000012c04f600000001", ".nfs*"),
            (".fuse_hidden0000000300000001", ".fuse_hidden*"),
            (".coverage", ".coverage"),
            (".coverage.host.4711.XnZqAb", ".coverage.*"),
            (".watchman-cookie-host-4711-12", ".watchman-cookie-*"),
            (
                "vite.config.ts.timestamp-1700000000000-ab12.mjs",
                "*.timestamp-*.mjs",
            ),
            ("tsup.config.bundled_x1y2.mjs", "*.bundled_*.mjs"),
            ("hs_err_pid4711.log", "hs_err_pid*.log"),
            ("a.sublime-workspace", "*.sublime-workspace"),
            ("a.js___jb_tmp___", "*___jb_tmp___"),
        ] {
            check(&[], name, Some(pattern));
        }
    }

    #[test]
    fn what_people_save_is_not() {
        for name in [
            "a.js",
            "swp",
            "a.swf",
            "a.sw",
            ".a.swz",
            "tmp",
            "49130",
            "#",
            "#a",
            "a#",
            "Makefile",
            ".env",
            ".envrc",
            ".coveragerc",
            ".nfs",
            ".vimrc",
            "core",
            "tags",
            "index.mjs",
            "a.wal",
            "venv",
            "env",
            "target",
            "flycheck_a.py",
            "my-journal",
            "a.db-wal",
            "a.db-shm",
            "git",
            "a.sublime-project",
            "a.bak",
            "a.orig",
            "a.log",
            "build",
            "dist",
            ".eslintrc",
            ".clangd",
        ] {
            let expected = (name == ".nfs").then_some(".nfs*");
            check(&[], name, expected);
        }
    }

    #[test]
    fn some_names_are_hidden_only_beside_what_they_belong_to() {
        check(&["a.db"], "a.db-wal", Some("*-wal"));
        check(&["a.db"], "a.db-shm", Some("*-shm"));
        check(&["a.db"], "a.db-journal", Some("*-journal"));
        check(&["a.duckdb"], "a.duckdb.wal", Some("*.wal"));
        check(&["a/b"], "a-journal", None);
        check(&["a.py"], "flycheck_a.py", Some("flycheck_*"));
        check(&["Cargo.toml"], "target", Some("target/"));
        check(&["venv/pyvenv.cfg"], "venv", Some("venv/"));
        check(&["env/pyvenv.cfg"], "env", Some("env/"));
        check(&["venv/main.py"], "venv", None);
        check(&["pyvenv.cfg"], "venv", None);
    }

    #[test]
    fn it_is_printed_whole() {
        let readme = include_str!("../../README.md");
        let help = Args::command().render_long_help().to_string();
        for (pattern, _) in NAMES.iter().chain(&ENDINGS) {
            assert!(
                readme.contains(&format!("`{pattern}`")),
                "README: {pattern}"
            );
            let mut words = help
                .split_whitespace()
                .map(|word| word.trim_end_matches([',', '.', ':', ';']));
            assert!(words.any(|word| word == *pattern), "--help: {pattern}");
        }
    }

    #[test]
    fn every_pattern_can_be_found_by_an_end_of_the_name() {
        assert!(
            NAMES
                .iter()
                .all(|(pattern, _)| !pattern.starts_with(['*', '[']))
        );
        let is_found = |pattern: &str| pattern.starts_with('*') && !pattern.ends_with(['*', ']']);
        assert!(ENDINGS.iter().all(|(pattern, _)| is_found(pattern)));
        let is_one = |pattern: &str| pattern.matches('*').count() == 1 && !pattern.contains('[');
        let mut all = NAMES.iter().chain(&ENDINGS);
        assert!(all.all(|(pattern, when)| !matches!(when, BesideItsFile) || is_one(pattern)));
    }
}
