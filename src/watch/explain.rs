//! Explains whether a change of a path would restart, and by which rule.

use std::fs;
use std::path::{Path, PathBuf};

use super::WatchSpec;
use super::filter::{Filter, Rule, Verdict};
use super::special::is_special;
use crate::text::shown;

/// The answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Whether a change would restart.
    pub restarts: bool,
    /// The answer in words.
    pub text: String,
}

impl WatchSpec {
    /// Whether a change of `path`, which is absolute, would restart, and by which rule.
    pub fn explain(self, path: &Path) -> Explanation {
        // A link to a directory is none, to git and to us.
        let is_dir = path.symlink_metadata().is_ok_and(|meta| meta.is_dir());
        let mut filter = Filter::new(self.filter.clone(), self.base.clone());
        let show = |path: &Path| match path.strip_prefix(&self.base) {
            Ok(rest) if rest.as_os_str().is_empty() => ".".to_owned(),
            Ok(rest) => shown(rest.as_os_str()),
            Err(_) => shown(path.as_os_str()),
        };
        let no = |why: String| Explanation {
            restarts: false,
            text: format!("{}: no, {why}", show(path)),
        };
        // The path itself may be named, or a directory on the way to it: nearest first.
        let roots: Vec<_> = filter.roots().to_vec();
        let mut covering: Vec<_> = roots
            .iter()
            .filter(|root| root.covers(path, is_dir))
            .collect();
        if covering.is_empty()
            && let Some(name) = roots.iter().find_map(|root| name_by(&root.path, path))
        {
            // What is watched is what the link leads to, by the link's name.
            let answer = self.clone().explain(&name);
            let words = answer.text.replacen(&show(&name), &show(path), 1);
            return Explanation {
                text: words,
                ..answer
            };
        }
        covering.sort_by_key(|root| std::cmp::Reverse(root.path.components().count()));
        let mut reason = Rule::Outside.text(&self.base);
        for root in covering {
            match blocked(&mut filter, &root.path, path, is_dir) {
                None => {
                    let text = format!("{}: yes, `{}` is watched", show(path), root.name);
                    return Explanation {
                        restarts: true,
                        text,
                    };
                }
                Some((at, rule)) if at == path => reason = rule.text(&self.base),
                Some((at, rule)) => {
                    reason = format!("{} is ignored: {}", show(at), rule.text(&self.base));
                }
            }
        }
        no(reason)
    }
}

/// The name of `path` below `root`, if that is a link that leads to it or above it.
fn name_by(root: &Path, path: &Path) -> Option<PathBuf> {
    let target = fs::canonicalize(root)
        .ok()
        .filter(|target| target != root)?;
    let below = path.strip_prefix(target).ok()?;
    // Joining nothing would leave a slash at the end.
    let is_root = below.as_os_str().is_empty();
    Some(if is_root {
        root.to_path_buf()
    } else {
        root.join(below)
    })
}

/// The first path on the way from `root` to `path` that does not count, and why.
fn blocked<'a>(
    filter: &mut Filter,
    root: &Path,
    path: &'a Path,
    is_dir: bool,
) -> Option<(&'a Path, Rule)> {
    let mut way: Vec<&Path> = path
        .ancestors()
        .take_while(|dir| dir.starts_with(root))
        .collect();
    way.reverse();
    for at in way {
        let at_dir = at != path || is_dir;
        if let Verdict::Ignored(rule) = filter.verdict(at, at_dir) {
            return Some((at, rule));
        }
        if at_dir {
            filter.load(at);
        }
    }
    let kind = path.symlink_metadata().map(|meta| meta.file_type());
    let is_unsaved = kind.is_ok_and(is_special) && !filter.is_root(path);
    is_unsaved.then_some((path, Rule::Special))
}
