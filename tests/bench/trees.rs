//! Makes the directories that are watched.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A project: directories with files below `app`, and ignored ones below `node_modules`.
pub(crate) struct Tree {
    root: TempDir,
    dirs: usize,
    files: usize,
}

impl Tree {
    /// With so many kept directories of so many files each, and so many ignored ones.
    pub(crate) fn new(dirs: usize, files: usize, ignored: usize) -> Self {
        // Some do not watch where a name on the way begins with a dot.
        let root = tempfile::Builder::new().prefix("bench-").tempdir();
        let root = root.expect("a temporary directory");
        let tree = Self { root, dirs, files };
        tree.write(
            "Cargo.toml",
            "[package]\nname = \"x\"\nversion = \"0.1.0\"\n",
        );
        tree.write("package.json", "{}");
        for ignore in [".gitignore", ".foreverignore"] {
            tree.write(ignore, "node_modules\n**/node_modules/**\n");
        }
        for dir in 0..dirs {
            for file in 0..files {
                tree.write(&name(dir, file), "0");
            }
        }
        for dir in 0..ignored {
            let package = format!("node_modules/p{}/d{}/index.js", dir / 10, dir % 10);
            tree.write(&package, "0");
        }
        tree.git(&["init", "-q"]);
        tree
    }

    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// A file in the middle.
    pub(crate) fn file(&self) -> PathBuf {
        self.root().join(name(self.dirs / 2, self.files / 2))
    }

    pub(crate) fn kept_files(&self) -> usize {
        self.dirs * self.files
    }

    /// The names of the kept directories, as they are piped into a tool that finds none itself.
    pub(crate) fn list_of_dirs(&self) -> String {
        let dirs = (0..self.dirs).map(|dir| format!("app/d{dir}\n"));
        dirs.collect()
    }

    /// The names of the kept files.
    pub(crate) fn list_of_files(&self) -> String {
        let names =
            (0..self.dirs).flat_map(|dir| (0..self.files).map(move |file| name(dir, file) + "\n"));
        names.collect()
    }

    /// All kept files.
    pub(crate) fn files(&self) -> impl Iterator<Item = PathBuf> {
        let all = (0..self.dirs).flat_map(|dir| (0..self.files).map(move |file| (dir, file)));
        all.map(|(dir, file)| self.root().join(name(dir, file)))
    }

    pub(crate) fn write(&self, path: &str, content: &str) {
        let path = self.root().join(path);
        let dir = path.parent().expect("a file is in a directory");
        fs::create_dir_all(dir).expect("a writable directory");
        fs::write(path, content).expect("a writable directory");
    }

    pub(crate) fn git(&self, args: &[&str]) {
        let status = Command::new("git")
            .args(["-c", "user.name=bench", "-c", "user.email=bench@localhost"])
            .args(["-c", "gc.auto=0"])
            .args(args)
            .current_dir(self.root())
            .status();
        assert!(status.expect("git is there").success(), "git {args:?}");
    }
}

fn name(dir: usize, file: usize) -> String {
    format!("app/d{dir}/f{file}.js")
}
