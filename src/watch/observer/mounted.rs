//! Takes in that something was mounted on a watched place, or unmounted from it, and what a file's
//! own watch tells.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use notify::event::{DataChange, MetadataKind, ModifyKind, RemoveKind};
use notify::{Event, EventKind};

use super::{ANOTHER, Observer, Report, is_dir};
use crate::watch::filter::Verdict;
use crate::watch::tree::mtime_of;

/// Something was written.
const WRITTEN: EventKind = EventKind::Modify(ModifyKind::Data(DataChange::Any));
/// A time may be another one.
const TOUCHED: EventKind = EventKind::Modify(ModifyKind::Metadata(MetadataKind::Any));

impl<R: Fn(Report)> Observer<R> {
    /// Takes in that the table of mounts has changed.
    pub(super) fn mounts_changed(&mut self) {
        for path in self.filter.look_at_mounts() {
            self.remounted(&path);
        }
    }

    /// Takes in that another file system is at `path`. What has changed is what looks different: a
    /// directory that is mounted on itself, or by the first look at it, is none.
    pub(super) fn remounted(&mut self, path: &Path) {
        let hooks = self.roots.hooks().map(Path::to_path_buf);
        let files: Vec<PathBuf> = hooks.chain([path.to_path_buf()]).collect();
        let stamps: Vec<Option<i64>> = files.iter().map(|file| self.tree.stamp(file)).collect();
        self.filter.unload(path);
        self.burst.writing.retain(|file| !file.starts_with(path));
        let mut known = self.tree.take_below(path);
        // Some may be watched on the way to `path`, and be other ones now.
        let mut problems = self.tree.watch_flat(&BTreeSet::new());
        let mut found = Vec::new();
        if is_dir(path) && self.is_in_tree(path) && self.filter.verdict(path, true) == Verdict::Kept
        {
            let starts = vec![path.to_path_buf()];
            let walk = self
                .tree
                .walk(starts, &mut self.filter, |file| found.push(file));
            problems.extend(walk);
        }
        problems.extend(self.arm(|file| found.push(file)));
        found.retain(|file| !known.is_still(file));
        if known.are_left() {
            self.happened(EventKind::Remove(RemoveKind::Folder), path.to_path_buf());
        }
        if known.are_left() || !found.is_empty() {
            self.forget_contents();
        }
        self.all_appeared(found, problems);
        for (file, stamp) in files.into_iter().zip(stamps) {
            let now = mtime_of(&file);
            let name = self.roots.alias(&file).unwrap_or(&file).to_path_buf();
            if stamp.is_some() && stamp != now && self.filter.verdict(&name, false) == Verdict::Kept
            {
                let gone = EventKind::Remove(RemoveKind::File);
                self.happened(now.map_or(gone, |_| ANOTHER), name);
            }
        }
    }

    /// Watches the files that are to be watched themselves. What they missed, if there is somebody who
    /// must not miss it.
    pub(super) fn watch_files(&mut self, catch_up: bool) {
        let (files, problems) = self.tree.watch_files();
        self.all_appeared(Vec::new(), problems);
        for file in files {
            // One that is still being written is told of when that is over.
            if catch_up && !self.burst.writing.contains(&file) {
                self.file_event(&file, Event::new(TOUCHED));
            }
        }
    }

    /// Takes in that the directory of a file that is watched itself tells something.
    pub(super) fn directory_told(&mut self, file: &Path, kind: EventKind) {
        if super::changes_names(kind) {
            // Of the one that had this name nothing more is of interest.
            self.burst.writing.remove(file);
            self.tree.lose_files(file);
        }
        self.told = Some((file.to_path_buf(), kind));
    }

    /// Takes in what a file's own watch tells. Its names are its directory's business, and what is
    /// written by the name that it has there is told by both, by the directory first.
    pub(super) fn file_told(&mut self, file: &Path, event: Event) {
        let kind = event.kind;
        let told = self.told.take();
        let is_told = told.is_some_and(|told| told == (file.to_path_buf(), kind));
        let is_write = kind == WRITTEN || kind == TOUCHED || matches!(kind, EventKind::Access(_));
        // One that a save has replaced may still be written to. What is mounted is not replaced.
        let is_begun = kind == WRITTEN && !self.burst.writing.contains(file);
        let may_be_old = is_begun && !self.filter.mounts().is_point(file);
        if is_write && !is_told && (!may_be_old || self.tree.differs(file)) {
            self.file_event(file, event);
        }
    }
}
