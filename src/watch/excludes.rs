//! Knows the user's own excludes: what git ignores in every repository of theirs (gitignore(5)).
//!
//! They give way to every other ignore file. Their patterns are relative to the top of the work
//! tree, or, outside of every repository, to where the ignore files end. The file may be another
//! one for every work tree, since the configuration of that may name one.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use ignore::gitignore::Gitignore;

use super::filter::read_rules;
use super::git_config::GitHome;

/// The user's own excludes, for all that is watched.
#[derive(Debug)]
pub(super) struct Excludes {
    git: GitHome,
    /// Which file it is, by the directory that the patterns are relative to.
    files: HashMap<PathBuf, PathBuf>,
    /// What is in it.
    rules: HashMap<PathBuf, Gitignore>,
    /// Those of the directories that are in no repository.
    outside: Vec<PathBuf>,
}

impl Excludes {
    pub(super) fn new(git: GitHome) -> Self {
        Self {
            git,
            files: HashMap::new(),
            rules: HashMap::new(),
            outside: Vec::new(),
        }
    }

    /// Reads those of the work tree at `top`.
    pub(super) fn load(&mut self, top: &Path) {
        self.read(top, Some(top));
    }

    /// Reads those for `dir`, which is in no repository.
    pub(super) fn load_outside(&mut self, dir: &Path) {
        if !self.files.contains_key(dir) {
            self.outside.push(dir.to_path_buf());
            self.read(dir, None);
        }
    }

    fn read(&mut self, top: &Path, repository: Option<&Path>) {
        let file = self.git.excludes(repository);
        if let Some(file) = &file {
            read_rules(&mut self.rules, top, file);
        } else {
            self.rules.remove(top);
        }
        self.files
            .insert(top.to_path_buf(), file.unwrap_or_default());
    }

    /// Reads this file anew, if it is one of theirs. Whether it is.
    pub(super) fn reload(&mut self, file: &Path) -> bool {
        let tops = self.files.iter().filter(|(_, known)| *known == file);
        let tops: Vec<PathBuf> = tops.map(|(top, _)| top.clone()).collect();
        for top in &tops {
            read_rules(&mut self.rules, top, file);
        }
        !tops.is_empty()
    }

    /// Whether this file is one of theirs.
    pub(super) fn is_one(&self, file: &Path) -> bool {
        self.files.values().any(|known| known == file)
    }

    /// The rules for what is in `dir`.
    pub(super) fn rules(&self, dir: &Path) -> Option<&Gitignore> {
        if self.rules.is_empty() {
            return None;
        }
        // Those of the nearest work tree, also if there are none.
        let top = dir.ancestors().find(|dir| self.files.contains_key(*dir))?;
        self.rules.get(top)
    }

    /// The files, whether or not they exist.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let files = self.files.values().map(PathBuf::as_path);
        files.filter(|file| !file.as_os_str().is_empty())
    }

    /// Whether it is the one that git looks for where no configuration names another one.
    pub(super) fn is_usual(&self, file: &Path) -> bool {
        self.git.usual().is_some_and(|usual| usual == file)
    }

    /// Forgets the work trees in `dir`.
    pub(super) fn unload(&mut self, dir: &Path) {
        let outside = &self.outside;
        self.files
            .retain(|top, _| !top.starts_with(dir) || outside.contains(top));
        self.rules.retain(|top, _| self.files.contains_key(top));
    }
}
