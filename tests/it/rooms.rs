//! Holds the modules to the arrows between them: the core knows nothing of the world outside.

use std::fs;
use std::path::{Path, PathBuf};

/// Which modules each module may use. One that is not listed may use all.
const ARROWS: [(&str, &[&str]); 12] = [
    ("policy", &[]),
    ("event", &[]),
    ("text", &[]),
    ("supervisor", &["event", "policy"]),
    ("cli", &["policy"]),
    ("project", &["cli", "config", "text"]),
    ("signals", &["event"]),
    ("terminal", &["event"]),
    ("process", &["event", "text"]),
    ("watch", &["event", "text"]),
    ("reporter", &["event", "process", "supervisor", "text"]),
    ("journal", &["event", "reporter", "supervisor", "text"]),
];

/// The files of a module: its own, and those of its children.
fn files_of(module: &str) -> Vec<PathBuf> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let children = fs::read_dir(src.join(module)).into_iter().flatten();
    let children = children.map(|entry| entry.expect("readable").path());
    children
        .filter(|path| path.is_file())
        .chain([src.join(module).with_extension("rs")])
        .collect()
}

/// The modules that a file uses.
fn uses_of(text: &str) -> Vec<&str> {
    let code = text
        .split("#[cfg(test)]")
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
    for module in [
        "cli",
        "config",
        "event",
        "policy",
        "process",
        "reporter",
        "runtime",
        "supervisor",
    ] {
        for file in files_of(module) {
            let text = fs::read_to_string(&file).expect("readable");
            assert!(
                !text.contains("notify::"),
                "{} names notify",
                file.display()
            );
        }
    }
}

#[test]
fn the_arrows_are_found() {
    let watch: Vec<String> = files_of("watch")
        .iter()
        .map(|file| fs::read_to_string(file).expect("readable"))
        .collect();
    assert!(watch.iter().any(|text| uses_of(text).contains(&"event")));
}
