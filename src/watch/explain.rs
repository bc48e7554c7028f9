//! Explains whether a change of a path would restart, and by which rule.

use std::fs;
use std::path::{Path, PathBuf};

use super::WatchSpec;
use super::filter::{Filter, Root, Rule, Verdict};
use super::links::Trail;
use super::poll;
use super::roots::Roots;
use super::special::is_special;
use super::tree::Tree;
use crate::paths::moved;
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
        let mut inquiry = Inquiry {
            filter: Filter::new(self.filter, self.base.clone()),
            base: self.base,
        };
        inquiry.filter.look_at_mounts();
        let answer = inquiry.answer(path);
        let (restarts, words) = match &answer {
            Answer::Yes(why) => (true, format!("yes, {why}")),
            Answer::No(why) | Answer::Astray(why) => (false, format!("no, {why}")),
            Answer::Outside => {
                let why = Rule::Outside.text(&inquiry.base);
                (false, format!("no, {why}"))
            }
        };
        Explanation {
            restarts,
            text: format!("{}: {words}", inquiry.show(path)),
        }
    }
}

/// What is to be said of a path, and why.
enum Answer {
    Yes(String),
    No(String),
    /// No: a linked directory is on the way.
    Astray(String),
    /// No: nothing that is watched is above it.
    Outside,
}

/// Somebody who asks.
struct Inquiry {
    filter: Filter,
    base: PathBuf,
}

impl Inquiry {
    /// The answer by the name that was asked for; else by another one that the file has.
    fn answer(&mut self, path: &Path) -> Answer {
        let by_name = self.by_name(path);
        if let Answer::Yes(_) = by_name {
            return by_name;
        }
        let end = Trail::of(path, &self.base).end;
        let by_root = self.by_roots(&end);
        if let Answer::Yes(_) = by_root {
            return by_root;
        }
        if let (true, Answer::Yes(why)) = (end != path, self.by_name(&end)) {
            return Answer::Yes(format!("it is {}, and {why}", self.show(&end)));
        }
        let by_link = self.by_links(&end);
        match (by_name, by_link) {
            // By this way it is not followed, whoever else leads there.
            (Answer::Astray(why), Some((link, _))) => {
                Answer::Astray(format!("{why}; {link}, a link to the same file, counts"))
            }
            (_, Some((link, why))) => {
                Answer::Yes(format!("the link {link} leads to it, and {why}"))
            }
            (Answer::Outside, None) => by_root,
            (by_name, None) => by_name,
        }
    }

    /// The answer for a path by its own name.
    fn by_name(&mut self, path: &Path) -> Answer {
        // A link to a directory is none, to git and to us.
        let is_dir = path.symlink_metadata().is_ok_and(|meta| meta.is_dir());
        let mut covering: Vec<Root> = self.filter.roots().to_vec();
        covering.retain(|root| root.covers(path, is_dir));
        // The path itself may be named, or a directory on the way to it: nearest first.
        covering.sort_by_key(|root| std::cmp::Reverse(root.path.components().count()));
        let mut answer = Answer::Outside;
        for root in covering {
            let Some((at, obstacle)) = blocked(&mut self.filter, &root.path, path, is_dir) else {
                let how = self.how(path, &root);
                return Answer::Yes(format!("`{}` is watched{how}", root.name));
            };
            answer = match obstacle {
                Obstacle::Link => {
                    let link = self.show(at);
                    Answer::Astray(format!("{link} is {LINKED}; --watch {link} follows it"))
                }
                Obstacle::Rule(rule) if at == path => Answer::No(rule.text(&self.base)),
                Obstacle::Rule(rule) => {
                    let rule = rule.text(&self.base);
                    Answer::No(format!("{} is ignored: {rule}", self.show(at)))
                }
            };
        }
        answer
    }

    /// The answer by the names below roots that are links, or that links lead to.
    fn by_roots(&mut self, end: &Path) -> Answer {
        let mut answer = Answer::Outside;
        for root in self.filter.roots().to_vec() {
            let led = Trail::of(&root.path, &self.base).end;
            let name = moved(end, &led, &root.path).filter(|_| led != root.path);
            let Some(name) = name else { continue };
            match self.by_name(&name) {
                yes @ Answer::Yes(_) => return yes,
                no => answer = no,
            }
        }
        answer
    }

    /// The first linked file below the roots that leads to `end`, and why that one counts.
    fn by_links(&mut self, end: &Path) -> Option<(String, String)> {
        if self.filter.is_flagged(end) {
            return None;
        }
        // What would be watched is looked through, without being watched.
        let mut tree = Tree::new(None, poll::EVERY);
        let mut roots = Roots::default();
        roots.arm(&mut tree, &mut self.filter, &mut |_| ());
        let names = tree.linked.names(end).map(Path::to_path_buf);
        for name in names.collect::<Vec<_>>() {
            if let Answer::Yes(why) = self.by_name(&name) {
                return Some((self.show(&name), why));
            }
        }
        None
    }

    /// What is to be added of a link that counts: not all that it leads to counts with it.
    fn how(&self, path: &Path, root: &Root) -> String {
        if root.path == path || !path.is_symlink() {
            return String::new();
        }
        let end = Trail::of(path, &self.base).end;
        if path.is_dir() {
            let link = self.show(path);
            format!(", for where it leads: it is {LINKED}; --watch {link} follows it")
        } else if self.filter.is_flagged(&end) {
            format!(", for where it leads: {} is ignored", self.show(&end))
        } else {
            String::new()
        }
    }

    fn show(&self, path: &Path) -> String {
        match path.strip_prefix(&self.base) {
            Ok(rest) if rest.as_os_str().is_empty() => ".".to_owned(),
            Ok(rest) => shown(rest.as_os_str()),
            Err(_) => shown(path.as_os_str()),
        }
    }
}

/// What a link is that is not followed.
const LINKED: &str = "a link to a directory, which is not followed";

/// What is in the way.
enum Obstacle {
    Rule(Rule),
    /// A link to a directory.
    Link,
}

/// The first path on the way from `root` to `path` that does not count, and why.
fn blocked<'a>(
    filter: &mut Filter,
    root: &Path,
    path: &'a Path,
    is_dir: bool,
) -> Option<(&'a Path, Obstacle)> {
    let mut way: Vec<&Path> = path
        .ancestors()
        .take_while(|dir| dir.starts_with(root))
        .collect();
    way.reverse();
    for at in way {
        let at_dir = at != path || is_dir;
        if let Verdict::Ignored(rule) = filter.verdict(at, at_dir) {
            return Some((at, Obstacle::Rule(rule)));
        }
        if at != path && at != root && fs::symlink_metadata(at).is_ok_and(|meta| meta.is_symlink())
        {
            return Some((at, Obstacle::Link));
        }
        if at_dir {
            filter.load(at);
        }
    }
    let kind = path.symlink_metadata().map(|meta| meta.file_type());
    let is_unsaved = kind.is_ok_and(is_special) && !filter.is_root(path);
    is_unsaved.then_some((path, Obstacle::Rule(Rule::Special)))
}
