//! Puts into words what there is to know about the watching.

use std::fmt::Write as _;
use std::path::Path;

use super::{Tone, count, path_text};
use crate::event::Note;
use crate::text::pause;

/// What a note says.
pub(super) fn note_text(note: &Note) -> (Tone, String) {
    match note {
        Note::Watching { roots, files, dirs } => {
            let (files, dirs) = (
                count(*files, "file", "files"),
                count(*dirs, "directory", "directories"),
            );
            let roots: Vec<String> = roots
                .iter()
                .map(|root| path_text(Path::new(root)))
                .collect();
            (
                Tone::Plain,
                format!("watching {}: {files} in {dirs}", roots.join(", ")),
            )
        }
        Note::Missing { root } => (
            Tone::Warning,
            format!("{} does not exist yet", path_text(Path::new(root))),
        ),
        Note::Unwatched { path, why } => (
            Tone::Warning,
            format!("cannot watch `{}`: {why}", path_text(path)),
        ),
        Note::Polled { path, fs, every } => (
            Tone::Plain,
            format!(
                "{} is on {fs}, which tells of no changes: polling it every {}",
                path_text(path),
                pause(*every)
            ),
        ),
        Note::AllPolled { asked: true, every } => {
            (Tone::Plain, format!("polling every {}", pause(*every)))
        }
        Note::AllPolled {
            asked: false,
            every,
        } => (
            Tone::Warning,
            format!(
                "all inotify instances of this user are in use: polling every {}; raise the sysctl \
                 fs.inotify.max_user_instances",
                pause(*every)
            ),
        ),
        Note::OutOfWatches {
            dirs,
            largest,
            every,
        } => {
            let mut text = format!(
                "no kernel watches left for {}: polling every {}; raise the sysctl fs.inotify.max_user_watches",
                count(*dirs, "directory", "directories"),
                pause(*every)
            );
            if let Some((path, dirs)) = largest {
                let _ = write!(
                    text,
                    ", or leave some out: --ignore '/{}/' ({})",
                    path_text(path),
                    count(*dirs, "directory", "directories")
                );
            }
            (Tone::Warning, text)
        }
        Note::Overflow => (
            Tone::Detail,
            "the kernel lost count of the changes, looking again at everything".to_owned(),
        ),
        Note::Unwritten { file } => (
            Tone::Plain,
            format!("waiting until somebody writes to `{}`", path_text(file)),
        ),
        Note::Ignored { path, rule } => {
            (Tone::Detail, format!("{} ignored: {rule}", path_text(path)))
        }
    }
}
