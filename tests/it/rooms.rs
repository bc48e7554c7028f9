//! Holds the modules to the arrows between them: the core knows nothing of the world outside.

use std::fs;
use std::path::{Path, PathBuf};

/// Which modules each module may use. One that is not listed may use all.
const ARROWS: [(&str, &[&str]); 13] = [
    ("policy", &[]),
    ("event", &[]),
    ("text", &[]),
    ("paths", &[]),
    ("supervisor", &["event", "policy"]),
    ("cli", &["policy"]),
    ("project", &["cli", "config", "text"]),
    ("signals", &["event"]),
    ("terminal", &["event"]),
    ("process", &["event", "text"]),
    ("watch", &["event", "paths", "text"]),
    ("reporter", &["event", "process", "supervisor", "text"]),
    ("journal", &["event", "reporter", "supervisor", "text"]),
];

/// The files of a module: its own, and those of all below it.
fn files_of(module: &str) -> Vec<PathBuf> {
    let file = source().join(module).with_extension("rs");
    let below = files_below(&source().join(module));
    below.into_iter().chain([file]).collect()
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten();
    let paths = entries.map(|entry| entry.expect("readable").path());
    let files = paths.flat_map(|path| {
        if path.is_dir() {
            files_below(&path)
        } else {
            vec![path]
        }
    });
    files.collect()
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The modules that a file uses.
fn uses_of(text: &str) -> Vec<&str> {
    let code = text
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .expect("the part before the tests");
    let after = code.split("crate::").skip(1);
    after
        .map(|rest| {
            rest.split(|c: char| !c.is_alphanumeric())
                .next()
                .expect("a name")
        })
        .collect()
}

#[test]
fn every_module_uses_only_what_it_may() {
    for (module, allowed) in ARROWS {
        for file in files_of(module) {
            let text = fs::read_to_string(&file).expect("readable");
            for used in uses_of(&text) {
                assert!(
                    used == module || allowed.contains(&used),
                    "{} uses crate::{used}",
                    file.display()
                );
            }
        }
    }
}

#[test]
fn only_the_watch_names_notify() {
    let names_it = |file: &PathBuf| {
        let text = fs::read_to_string(file).expect("readable");
        text.contains("notify::") || text.contains("notify_debouncer_full::")
    };
    let mut named = files_below(&source());
    named.retain(names_it);
    assert!(!named.is_empty());
    let watch = files_of("watch");
    named.retain(|file| !watch.contains(file));
    assert_eq!(named, [""; 0].map(PathBuf::from));
}

#[test]
fn the_arrows_are_found() {
    let uses = |(module, used): &(&str, &str)| {
        let files = files_of(module).into_iter();
        let mut texts = files.map(|file| fs::read_to_string(file).expect("readable"));
        texts.any(|text| uses_of(&text).contains(used))
    };
    // The second one stands in a file two floors down.
    assert!(
        [("watch", "event"), ("project", "project")]
            .iter()
            .all(uses)
    );
}
