//! Finds the commands of README.md: its fenced blocks, and in each of them what is to be run.

use std::iter;

const README: &str = include_str!("../../../README.md");

/// A fenced block.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// What stands behind the fence: `sh`, `console` …
    language: &'static str,
    /// What it is about.
    heading: &'static str,
    lines: Vec<&'static str>,
}

/// Something to be run.
#[derive(Clone, Debug)]
pub(super) struct Command {
    /// How a [`Case`](super::Case) names it: the line itself; in a `console` block behind the heading
    /// and `$`; out of a file, behind the language of the file.
    pub(super) key: String,
    /// What README shows behind it.
    pub(super) output: Vec<&'static str>,
}

impl Block {
    /// Its text, as a file.
    pub(super) fn text(&self) -> String {
        self.lines.join("\n") + "\n"
    }

    /// What is to be run, in the order of the page.
    pub(super) fn commands(&self) -> Vec<Command> {
        match self.language {
            "sh" => script(&self.lines),
            "console" => session(self.heading, &self.lines),
            "json" => self.of_file(npm_scripts(&self.text())),
            "dockerfile" => self.of_file([entry(&self.lines, &["ENTRYPOINT", "CMD"])]),
            "yaml" => self.of_file([entry(&self.lines, &["entrypoint:", "command:"])]),
            "ini" => self.of_file(values(&self.lines, "ExecStart=")),
            // Files of which other commands make use, and what is only shown.
            "toml" | "text" => Vec::new(),
            language => panic!("README.md has a block of `{language}`, which is not known here"),
        }
    }

    fn of_file(&self, commands: impl IntoIterator<Item = String>) -> Vec<Command> {
        let keys = commands
            .into_iter()
            .map(|text| format!("{}: {text}", self.language));
        keys.map(Command::new).collect()
    }
}

impl Command {
    fn new(key: String) -> Self {
        Self {
            key,
            output: Vec::new(),
        }
    }
}

/// All the blocks of README.md.
pub(super) fn blocks() -> Vec<Block> {
    let mut lines = README.lines();
    let mut heading = "";
    let block = || {
        let language = lines.find_map(|line| {
            if line.starts_with('#') {
                heading = line.trim_start_matches('#').trim_start();
            }
            line.strip_prefix("```")
        })?;
        Some(Block {
            language,
            heading,
            lines: lines.by_ref().take_while(|line| *line != "```").collect(),
        })
    };
    iter::from_fn(block).collect()
}

/// The one block in this language that has these words in it.
#[track_caller]
pub(super) fn block(language: &str, words: &str) -> Block {
    let mut found = blocks();
    found.retain(|block| block.language == language && block.text().contains(words));
    assert_eq!(found.len(), 1, "blocks of {language} with `{words}`");
    found.remove(0)
}

/// The headings that a link can lead to, as GitHub calls them.
pub(super) fn anchors() -> Vec<String> {
    let headings = prose().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let text = heading.trim_start_matches('#').trim().to_lowercase();
        text.chars()
            .filter(|c| c.is_alphanumeric() || "- _".contains(*c))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect()
    };
    headings.map(anchor).collect()
}

/// The anchors that links lead to.
pub(super) fn links() -> Vec<String> {
    let targets = prose().flat_map(|line| line.split("](#").skip(1));
    targets
        .map(|target| target.split(')').next().unwrap_or_default().to_owned())
        .collect()
}

/// What the last column of the table under this heading has in code.
pub(super) fn last_column(heading: &str) -> Vec<&'static str> {
    let rows = prose()
        .skip_while(|line| !line.starts_with('#') || line.trim_start_matches(['#', ' ']) != heading)
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'));
    let cells = rows.filter_map(|row| row.rsplit('|').nth(1));
    cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect()
}

/// How often these words begin a line outside of blocks.
pub(super) fn count(words: &str) -> usize {
    prose().filter(|line| line.starts_with(words)).count()
}

fn prose() -> impl Iterator<Item = &'static str> {
    let mut is_code = false;
    README.lines().filter(move |line| {
        let is_fence = line.starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// The lines without their comments; one that ends in `\` goes on in the next.
fn script(lines: &[&str]) -> Vec<Command> {
    let text = lines.join("\n").replace("\\\n", " ");
    let lines = text.lines().map(without_comment);
    lines
        .filter(|line| !line.is_empty())
        .map(|line| Command::new(line.to_owned()))
        .collect()
}

fn without_comment(line: &str) -> &str {
    let end = line.find(" # ").unwrap_or(line.len());
    if line.starts_with('#') {
        return "";
    }
    line[..end].trim_end()
}

/// What is typed after `$ `, and what is answered.
fn session(heading: &str, lines: &[&'static str]) -> Vec<Command> {
    let mut commands: Vec<Command> = Vec::new();
    for &line in lines {
        if line.starts_with("$ ") {
            commands.push(Command::new(format!("{heading} {line}")));
        } else {
            let command = commands.last_mut().expect("a session begins with `$ `");
            command.output.push(line);
        }
    }
    commands
}

/// The scripts, if it is a package.json.
fn npm_scripts(text: &str) -> Vec<String> {
    let package: serde_json::Value = serde_json::from_str(text).expect("JSON");
    let scripts = package["scripts"].as_object();
    let text = |script: &serde_json::Value| script.as_str().expect("a string").to_owned();
    scripts
        .into_iter()
        .flatten()
        .map(|(_, script)| text(script))
        .collect()
}

/// What a container runs: the lists of words behind `names`, one after the other.
fn entry(lines: &[&str], names: &[&str]) -> String {
    let mut words: Vec<String> = Vec::new();
    for name in names {
        let mut lists = lines
            .iter()
            .filter_map(|line| line.trim_start().strip_prefix(name));
        let list = lists.next().expect("a list of words");
        assert_eq!(lists.next(), None, "two of `{name}`");
        words.extend(serde_json::from_str::<Vec<String>>(list).expect("a list of words"));
    }
    shlex::try_join(words.iter().map(String::as_str)).expect("words")
}

fn values(lines: &[&str], name: &str) -> Vec<String> {
    let values = lines.iter().filter_map(|line| line.strip_prefix(name));
    values.map(str::to_owned).collect()
}
