//! Checks what is there for other programs: completions, the manual page, and the picture of the
//! README.

use std::fs;
use std::path::Path;

use crate::sandbox::{Ended, Rwatch, Sandbox};

/// What is printed with these options, in a file.
fn printed(options: &[&str]) -> (Rwatch, String) {
    let mut rwatch = Sandbox::new().start_words(options);
    assert_eq!(rwatch.exit(), Ended::Code(0));
    let file = rwatch.side("printed");
    fs::write(&file, rwatch.stdout()).expect("a writable sandbox");
    (rwatch, file)
}

#[test]
fn the_shells_take_their_completions() {
    for shell in ["bash", "zsh", "fish"] {
        let (rwatch, file) = printed(&["--completions", shell]);
        rwatch.tool(shell, &["-n", &file]);
        let text = fs::read_to_string(file).expect("it was written");
        for option in ["stop-timeout", "env-file", "before"] {
            assert!(text.contains(option), "{option} in {text}");
        }
    }
}

#[test]
fn bash_completes_options() {
    let (rwatch, file) = printed(&["--completions", "bash"]);
    let script = "source $0; COMP_WORDS=(rwatch --stop); COMP_CWORD=1; \
                  _rwatch rwatch --stop rwatch; [ \"${COMPREPLY[*]}\" = --stop-timeout ]";
    rwatch.tool("bash", &["-c", script, &file]);
}

#[test]
fn the_manual_page_is_one() {
    let (rwatch, file) = printed(&["--man"]);
    let script = "man --warnings -E UTF-8 -l -P cat $0 > page 2> warnings; [ ! -s warnings ] && \
                  grep -q -e --stop-timeout page";
    rwatch.tool("sh", &["-c", script, &file]);
}

#[test]
fn the_recording_is_a_picture_of_a_session_and_names_no_place_but_its_own() {
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/recording/session.svg");
    let script = r#"
import re, sys
from xml.etree import ElementTree

SVG = "{http://www.w3.org/2000/svg}"
root = ElementTree.parse(sys.argv[1]).getroot()
assert root.tag == SVG + "svg" and root.find(SVG + "title").text, "no picture with a title"
lines = [text.text for text in root.iter(SVG + "text")]
for said in ["watching app, libs", "restarting", "waiting for changes"]:
    assert any(said in line for line in lines), said
places = re.findall(r"(?<![\w.:/])/[\w.-]+/\S*", " ".join(lines))
assert all(place.startswith("/tmp/node-app/") for place in places), places
source = open(sys.argv[1]).read()
assert not re.search(r"<script|href|url\(|@import", source), "more than this file"
assert len(source) < 100_000, len(source)
"#;
    let picture = picture.to_str().expect("the repository is UTF-8");
    Sandbox::new().tool("python3", &["-c", script, picture]);
}
