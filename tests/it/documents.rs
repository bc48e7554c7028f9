//! Checks what is printed for other programs: completions, and the manual page.

use std::fs;

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
