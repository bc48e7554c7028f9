//! Compares what `--env-file` reads with what node and docker read of the same lines.

use std::collections::BTreeMap;
use std::process::Command;

use crate::sandbox::{Ended, Sandbox};

/// What stands behind the `=`.
const VALUES: [&str; 52] = [
    "",
    " ",
    "b",
    "b c",
    "  b  c  ",
    "s3cr$et",
    "$HOME",
    "${HOME} $(id) `id`",
    "it's",
    "b'c'",
    "b\"c\"",
    "'b c'",
    "\"b c\"",
    "`b c`",
    "' b '",
    "''",
    "\"\"",
    "'it\"s'",
    "\"it's\"",
    "`\"'`",
    "'b'c",
    "\"b\" c",
    "'b' # c",
    "\"b\"#c",
    "b # c",
    "b #c",
    "b#c",
    "#b",
    "# b",
    "'b # c'",
    "\"#\"",
    "'b",
    "\"b c",
    "`b",
    "\"b # c",
    "'b  ",
    "C:\\dir\\new",
    "\\",
    "b\\",
    "\\#b",
    "\"b\\nc\"",
    "\"b\\\\nc\"",
    "\"\\n\\n\"",
    "\"b\\\"c\"",
    "'b\\nc'",
    "{\"b\": [1, \"c\"]}",
    "'{\"b\": \"#c\"}'",
    "b=c==",
    "\"b\nc\"",
    "'b\n\nc' d",
    "`b\n# c\n`",
    "größe \u{1f980}",
];
/// The lines that they stand in: before the name, between name and value, at the end. At the end of a
/// file node takes no notice of a quote that is not closed.
const LINES: [(&str, &str, &str); 6] = [
    ("", "=", "\n"),
    ("", "=", "\r\n"),
    ("export ", "=", "\n"),
    ("  ", " = ", "\n"),
    ("# it's \"\n\n", "=", "\n# c\n\n"),
    ("", "=", ""),
];
/// Prints the variables of the table, one a line.
const PRINT: &str = "for (const name of Object.keys(process.env).sort()) \
    if (/^T\\.\\d/.test(name)) console.log(JSON.stringify([name, process.env[name]]))";

/// One file of the table.
struct Case {
    name: String,
    value: &'static str,
    text: String,
}

fn table() -> Vec<Case> {
    let mut cases = Vec::new();
    for value in VALUES {
        for (before, sign, end) in LINES {
            let name = format!("T.{}-a", cases.len());
            let is_last = end.is_empty();
            let opens = value.starts_with(['\'', '"', '`']) && !value[1..].contains(&value[..1]);
            let next = if is_last { "" } else { "T.9999=next" };
            let value = if is_last && opens { "b" } else { value };
            let text = format!("{before}{name}{sign}{value}{end}{next}");
            cases.push(Case { name, value, text });
        }
    }
    cases
}

/// The variables as whatever it is has printed them.
fn variables(printed: &str) -> BTreeMap<String, String> {
    let pair = |line| serde_json::from_str::<(String, String)>(line).expect("a name and a value");
    printed.lines().map(pair).collect()
}

#[test]
fn every_value_is_what_node_and_docker_read() {
    let sandbox = Sandbox::new();
    let table = table();
    let mut options = Vec::new();
    for (n, case) in table.iter().enumerate() {
        let file = format!("{n}.env");
        sandbox.write(&file, &case.text);
        options.push(format!("--env-file={file}"));
    }
    let node = Command::new("node")
        .args(&options)
        .args(["-e", PRINT])
        .current_dir(sandbox.path(""))
        .output()
        .expect("node is there");
    let expected = variables(&String::from_utf8(node.stdout).expect("JSON"));
    assert_eq!(
        expected.len(),
        table.len() + 1,
        "{}",
        String::from_utf8_lossy(&node.stderr)
    );
    options.extend(["-m", "0"].map(str::to_owned));
    let mut rwatch = sandbox.start(options, ["node", "-e", PRINT]);
    assert_eq!(rwatch.exit(), Ended::Code(0), "{}", rwatch.transcript());
    let found = variables(&rwatch.text());
    assert_eq!(found.len(), expected.len());
    for Case { name, value, text } in &table {
        assert_eq!(found.get(name), expected.get(name), "{text:?}");
        // To docker all of it is the value, whatever it is.
        let is_plain =
            !value.starts_with(['\'', '"', '`']) && !value.contains('#') && value.trim() == *value;
        if is_plain {
            assert_eq!(found[name], *value, "{text:?}");
        }
    }
}

#[test]
fn where_node_makes_nonsense_of_a_line_docker_s_rule_holds() {
    let sandbox = Sandbox::new().file(
        ".env",
        "\u{feff}A=1\nHOME\nexport HOME\n\tB=2\nexport\tC=3\n   \n\t# it's=\"x\nD=4\n",
    );
    let options = ["-m", "0", "--env-file", ".env"];
    let mut rwatch = sandbox
        .env("HOME", "/here")
        .start(options, ["child", "env", "A,B,C,D,HOME", "exit", "0"]);
    for variable in ["A=\"1\"", "B=\"2\"", "C=\"3\"", "D=\"4\"", "HOME=\"/here\""] {
        rwatch.prints(&format!("env {variable}"));
    }
}
