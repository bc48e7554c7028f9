//! Watches single files themselves, beside the directories that they are in.
//!
//! Who writes to a file by another of its names tells the directory of that name, and the file:
//! another hard link is such a name, and so is the other side of a file that is bind-mounted
//! (inotify(7)). The directory tells what becomes of the name, the file's own watch what is written.
//!
//! A file's own watch goes by its path spelled as `/w/./a`. Two paths are the same if their parts
//! are, so that to everybody else this is `/w/a`, while its events come with the path as it was
//! spelled: so it is known who tells.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use notify::{ErrorKind, PathOp, Watcher as _};

use super::{Problem, Tree};

/// What is to become of a file's own watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Own {
    /// It is to be set, on what is at the path now.
    Wanted,
    /// It stands.
    Set,
    /// It is to be taken away.
    Unwanted,
}

impl Tree {
    /// Asks for these files to be watched themselves, and no other ones, from [`Tree::watch_files`] on.
    pub(in super::super) fn want_files(&mut self, wanted: &BTreeSet<PathBuf>) {
        // Elsewhere a watch on a file is one on its name.
        if !cfg!(target_os = "linux") {
            return;
        }
        for (file, own) in &mut self.files {
            *own = match (*own, wanted.contains(file)) {
                (_, false) => Own::Unwanted,
                (Own::Unwanted, true) => Own::Wanted,
                (own, true) => own,
            };
        }
        for file in wanted {
            self.files.entry(file.clone()).or_insert(Own::Wanted);
        }
    }

    /// Whether this file is watched itself, or is to be.
    pub(in super::super) fn watches_file(&self, path: &Path) -> bool {
        let own = self.files.get(path);
        own.is_some_and(|own| *own != Own::Unwanted)
    }

    /// Takes in that another file may be at `path`, or below it, than the one that is watched.
    pub(in super::super) fn lose_files(&mut self, path: &Path) {
        for (file, own) in &mut self.files {
            if *own == Own::Set && file.starts_with(path) {
                *own = Own::Wanted;
            }
        }
    }

    /// Whether there are watches of files that are to be set, or to be taken away.
    pub(in super::super) fn lacks_files(&self) -> bool {
        self.files.values().any(|own| *own != Own::Set)
    }

    /// Watches the files that were asked for, and no other ones: which ones are new.
    pub(in super::super) fn watch_files(&mut self) -> (Vec<PathBuf>, Vec<Problem>) {
        let in_state = |wanted: Own| {
            let files = self.files.iter().filter(|(_, own)| **own == wanted);
            files.map(|(file, _)| file.clone()).collect::<Vec<_>>()
        };
        let (unwanted, lost) = (in_state(Own::Unwanted), in_state(Own::Wanted));
        for file in &unwanted {
            self.files.remove(file);
        }
        for file in &lost {
            self.files.insert(file.clone(), Own::Set);
        }
        if !unwanted.is_empty() {
            self.unwatch(unwanted);
        }
        let mut problems = Vec::new();
        self.find_silent(&lost, &mut problems);
        let (polled, watched): (Vec<&PathBuf>, Vec<&PathBuf>) =
            lost.iter().partition(|file| self.poller.must(file));
        let mut polled: Vec<PathBuf> = polled.into_iter().cloned().collect();
        // The watch may be there, on what had this name before.
        let ops = watched.into_iter().flat_map(|file| {
            [
                PathOp::unwatch(file),
                PathOp::watch_non_recursive(spelled(file)),
            ]
        });
        let mut ops: Vec<PathOp> = ops.collect();
        while !ops.is_empty()
            && let Some(watcher) = &mut self.watcher
            && let Err(failed) = watcher.update_paths(ops)
        {
            ops = failed.remaining;
            // One that is not there will be told of by its directory.
            if let (ErrorKind::MaxFilesWatch, Some(op)) = (failed.source.kind, failed.origin) {
                polled.push(op.into_path().components().collect());
            }
        }
        for file in polled {
            let is_seen = |path: &Path| self.poller.has(path);
            if !is_seen(&file) && !file.parent().is_some_and(is_seen) {
                self.poller.add(&file, true);
            }
        }
        (lost, problems)
    }
}

/// The path of a file's own watch.
fn spelled(file: &Path) -> PathBuf {
    let (Some(dir), Some(name)) = (file.parent(), file.file_name()) else {
        return file.to_path_buf();
    };
    let mut spelled = dir.as_os_str().to_owned();
    spelled.push("/./");
    spelled.push(name);
    PathBuf::from(spelled)
}

/// The file whose own watch an event with this path is of, if it is of one.
pub(in super::super) fn told_itself(path: &Path) -> Option<PathBuf> {
    let bytes = path.as_os_str().as_bytes();
    let name = path.file_name()?;
    let dir = &bytes[..bytes.len() - name.len().min(bytes.len())];
    dir.ends_with(b"/./").then(|| path.components().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_is_known_by_how_its_path_is_spelled() {
        for file in ["/w/a", "/a", "/w/.a", "/w/a b"].map(Path::new) {
            let spelled = spelled(file);
            assert_eq!(spelled, file, "to everybody else");
            let told = told_itself(&spelled).expect("its own watch");
            assert_eq!(told.as_os_str(), file.as_os_str());
            assert_eq!(told_itself(file), None);
        }
        assert_eq!(told_itself(Path::new("/")), None);
    }
}
