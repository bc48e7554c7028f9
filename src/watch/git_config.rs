//! Reads git's configuration, as far as it says which files it is in and which file holds the user's
//! own excludes (git-config(1), "FILES", "SYNTAX", "Includes").
//!
//! No git is asked: there may be none, and nobody waits for it. Of the conditional includes those
//! by `gitdir` are followed. Where git would stop at a syntax error the rest of the file is skipped.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use globset::GlobBuilder;

use super::git;

/// As deep as git follows files that include others.
const DEPTH_MAX: usize = 10;

/// Where git looks for its configuration, and for the user's own excludes if that names none.
#[derive(Clone, Debug, Default)]
pub struct GitHome {
    /// What `~` stands for.
    home: Option<PathBuf>,
    /// The user's directory for configuration, by the XDG specification.
    config: Option<PathBuf>,
    /// The files that hold for every repository, the one that wins last.
    files: Vec<PathBuf>,
    /// What variables say beside that, name and value; it wins over every file.
    said: Vec<(String, OsString)>,
}

impl GitHome {
    /// As the environment of this process has it.
    pub fn current() -> Self {
        Self::of(|name| env::var_os(name))
    }

    fn of(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let home = set("HOME").map(PathBuf::from);
        let config = set("XDG_CONFIG_HOME").map(PathBuf::from);
        let config = config.or_else(|| Some(home.as_ref()?.join(".config")));
        let system = match set("GIT_CONFIG_NOSYSTEM") {
            Some(value) if is_true(&value) => None,
            _ => Some(set("GIT_CONFIG_SYSTEM").unwrap_or_else(|| "/etc/gitconfig".into())),
        };
        let mut files = Vec::from_iter(system.map(PathBuf::from));
        if let Some(only) = variable("GIT_CONFIG_GLOBAL") {
            files.push(only.into());
        } else {
            files.extend(config.iter().map(|dir| dir.join("git/config")));
            files.extend(home.iter().map(|dir| dir.join(".gitconfig")));
        }
        let count = set("GIT_CONFIG_COUNT").and_then(|count| count.to_str()?.parse().ok());
        let said = (0..count.unwrap_or(0)).map_while(|n: usize| {
            let key = variable(&format!("GIT_CONFIG_KEY_{n}"))?;
            let value = variable(&format!("GIT_CONFIG_VALUE_{n}"))?;
            Some((key.to_string_lossy().to_ascii_lowercase(), value))
        });
        let said = said.collect();
        Self {
            home,
            config,
            files,
            said,
        }
    }

    /// The file of the user's own excludes, for the work tree at `top`; none, if there is to be none.
    /// Without a work tree, for what is in no repository.
    pub(super) fn excludes(&self, top: Option<&Path>) -> Option<PathBuf> {
        let mut search = Search {
            home: self.home.as_deref(),
            git: top.map(git::dir_of),
            is_split: false,
            found: None,
        };
        for file in &self.files {
            search.read(file, 0);
        }
        if let Some(top) = top {
            search.read(&git::common_dir_of(top).join("config"), 0);
            if search.is_split {
                search.read(&git::dir_of(top).join("config.worktree"), 0);
            }
        }
        let mut said = self.said.iter();
        if let Some((_, value)) = said.rfind(|(key, _)| key == "core.excludesfile") {
            search.found = Some(expanded(value.as_bytes(), self.home.as_deref()));
        }
        match search.found {
            Some(file) if file.as_os_str().is_empty() => None,
            // git has gone to the top by the time that it opens the file.
            Some(file) => Some(top.map_or(file.clone(), |top| top.join(file))),
            None => self.usual(),
        }
    }

    /// The file that it is if nothing else is said.
    pub(super) fn usual(&self) -> Option<PathBuf> {
        Some(self.config.as_ref()?.join("git/ignore"))
    }
}

fn is_true(value: &OsStr) -> bool {
    let value = value.to_ascii_lowercase();
    !["0", "false", "no", "off"].iter().any(|no| value == *no)
}

/// A look through files of configuration.
struct Search<'a> {
    home: Option<&'a Path>,
    /// The repository.
    git: Option<PathBuf>,
    /// Whether each work tree has a file of its own (`extensions.worktreeConfig`).
    is_split: bool,
    /// What `core.excludesFile` was set to last.
    found: Option<PathBuf>,
}

impl Search<'_> {
    fn read(&mut self, file: &Path, depth: usize) {
        let Ok(text) = fs::read(file) else {
            return;
        };
        for entry in entries(&text) {
            if (&*entry.section, &*entry.key) == ("extensions", "worktreeconfig") {
                let value = entry.value.as_deref().map(OsStr::from_bytes);
                self.is_split = value.is_none_or(is_true);
            }
            let Some(value) = &entry.value else {
                continue;
            };
            let includes = match (&*entry.section, &entry.of, &*entry.key) {
                ("core", None, "excludesfile") => {
                    self.found = Some(expanded(value, self.home));
                    false
                }
                ("include", None, "path") => true,
                ("includeif", Some(condition), "path") => self.holds(condition, file),
                _ => false,
            };
            if includes && depth < DEPTH_MAX {
                let other = file.with_file_name(expanded(value, self.home));
                self.read(&other, depth + 1);
            }
        }
    }

    /// Whether the condition of an include holds here.
    fn holds(&self, condition: &[u8], file: &Path) -> bool {
        let condition = String::from_utf8_lossy(condition);
        let (pattern, caseless) = match condition.split_once(':') {
            Some(("gitdir", pattern)) => (pattern, false),
            Some(("gitdir/i", pattern)) => (pattern, true),
            _ => return false,
        };
        let mut pattern = expanded(pattern.as_bytes(), self.home)
            .to_string_lossy()
            .into_owned();
        if let Some(below) = pattern.strip_prefix("./") {
            let dir = file.parent().unwrap_or(file).display();
            pattern = format!("{dir}/{below}");
        } else if !pattern.starts_with('/') {
            pattern = format!("**/{pattern}");
        }
        if pattern.ends_with('/') {
            pattern.push_str("**");
        }
        let glob = GlobBuilder::new(&pattern)
            .literal_separator(true)
            .case_insensitive(caseless)
            .build();
        let (Ok(glob), Some(git)) = (glob, &self.git) else {
            return false;
        };
        let glob = glob.compile_matcher();
        glob.is_match(git) || git.canonicalize().is_ok_and(|git| glob.is_match(git))
    }
}

/// A path in which `~` may stand for the user's directory.
fn expanded(path: &[u8], home: Option<&Path>) -> PathBuf {
    let plain = PathBuf::from(OsStr::from_bytes(path));
    match (path, home) {
        (b"~", Some(home)) => home.to_path_buf(),
        ([b'~', b'/', below @ ..], Some(home)) => home.join(OsStr::from_bytes(below)),
        _ => plain,
    }
}

/// A line of a file of configuration; `section` and `key` in lower case.
#[derive(Debug, Default, PartialEq, Eq)]
struct Entry {
    section: String,
    /// What stands in quotes behind the section.
    of: Option<Vec<u8>>,
    key: String,
    /// None, if there is no `=`.
    value: Option<Vec<u8>>,
}

/// The entries of a file, up to the first error.
fn entries(text: &[u8]) -> Vec<Entry> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut reader = Reader { text, at: 0 };
    let mut entries = Vec::new();
    let (mut section, mut of) = (String::new(), None);
    loop {
        match reader.next() {
            None => return entries,
            Some(b'#' | b';') => while !matches!(reader.next(), None | Some(b'\n')) {},
            Some(b'[') => match reader.section() {
                Some(begun) => (section, of) = begun,
                None => return entries,
            },
            Some(byte) if byte.is_ascii_whitespace() => {}
            Some(byte) if byte.is_ascii_alphabetic() => {
                reader.at -= 1;
                let key = reader.word(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
                let Some(value) = reader.value() else {
                    return entries;
                };
                entries.push(Entry {
                    section: section.clone(),
                    of: of.clone(),
                    key,
                    value,
                });
            }
            Some(_) => return entries,
        }
    }
}

/// What is still to be read.
struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// The next byte; the end of a line is one, also as on Windows.
    fn next(&mut self) -> Option<u8> {
        if self.text[self.at..].starts_with(b"\r\n") {
            self.at += 1;
        }
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn word(&mut self, is_of_it: impl Fn(u8) -> bool) -> String {
        let rest = &self.text[self.at..];
        let word: Vec<u8> = rest
            .iter()
            .copied()
            .take_while(|byte| is_of_it(*byte))
            .collect();
        self.at += word.len();
        String::from_utf8_lossy(&word).to_ascii_lowercase()
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    /// What stands behind the bracket of a section.
    fn section(&mut self) -> Option<(String, Option<Vec<u8>>)> {
        let name = self.word(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
        self.skip_blanks();
        let mut of = None;
        if self.peek() == Some(b'"') {
            self.at += 1;
            let mut quoted = Vec::new();
            loop {
                match self.next()? {
                    b'"' => break,
                    b'\n' => return None,
                    b'\\' => quoted.push(self.next()?),
                    byte => quoted.push(byte),
                }
            }
            of = Some(quoted);
        }
        (self.next()? == b']').then_some((name, of))
    }

    /// What stands behind a key, up to the end of the line. None: an error.
    #[expect(clippy::option_option, reason = "no value is a value, too")]
    fn value(&mut self) -> Option<Option<Vec<u8>>> {
        self.skip_blanks();
        match self.next() {
            None | Some(b'\n') => return Some(None),
            Some(b'#' | b';') => {
                while !matches!(self.next(), None | Some(b'\n')) {}
                return Some(None);
            }
            Some(b'=') => {}
            Some(_) => return None,
        }
        let mut value = Vec::new();
        // Blanks count only in front of what is not blank, or in quotes.
        let (mut end, mut quoted) = (0, false);
        self.skip_blanks();
        loop {
            match self.next() {
                None | Some(b'\n') if quoted => return None,
                None | Some(b'\n') => break,
                Some(b'#' | b';') if !quoted => {
                    while !matches!(self.next(), None | Some(b'\n')) {}
                    break;
                }
                Some(b'"') => {
                    quoted = !quoted;
                    end = value.len();
                }
                Some(b'\\') => {
                    match self.next()? {
                        b'\n' => continue,
                        b'n' => value.push(b'\n'),
                        b't' => value.push(b'\t'),
                        b'b' => value.push(8),
                        byte @ (b'"' | b'\\') => value.push(byte),
                        _ => return None,
                    }
                    end = value.len();
                }
                Some(byte) => {
                    value.push(byte);
                    if quoted || !byte.is_ascii_whitespace() {
                        end = value.len();
                    }
                }
            }
        }
        value.truncate(end);
        Some(Some(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a text sets, as `section.of.key=value`.
    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let found: Vec<String> = entries(text.as_bytes())
            .into_iter()
            .map(|entry| {
                let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
                let of = entry
                    .of
                    .map_or_else(String::new, |of| format!("{}.", text(of)));
                let value = entry
                    .value
                    .map_or_else(String::new, |it| format!("={}", text(it)));
                format!("{}.{of}{}{value}", entry.section, entry.key)
            })
            .collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn the_syntax_of_git() {
        check("[core]\n\texcludesFile = ~/x\n", &["core.excludesfile=~/x"]);
        check(
            "[Core] excludesfile=a b  # no\n",
            &["core.excludesfile=a b"],
        );
        check("[core]\r\na = b\r\nc\r\n", &["core.a=b", "core.c"]);
        check("[a \"B\\\"c\"]\nk = v", &["a.B\"c.k=v"]);
        check("[a]\nk = \"x # y \" z;\n", &["a.k=x # y  z"]);
        check("[a]\nk = one \\\n two\n", &["a.k=one  two"]);
        check("[a]\nk = a\\\\b\\tc\\\"\n", &["a.k=a\\b\tc\""]);
        check("[a]\nk =\nl\nm = # no\n", &["a.k=", "a.l", "a.m="]);
        check("# c\n; c\n[a]\n; c\nk = v\n", &["a.k=v"]);
        check("\u{feff}[a]\nk=v\n", &["a.k=v"]);
    }

    #[test]
    fn what_is_behind_an_error_is_skipped() {
        check("[a]\nk=v\n!\nl=w\n", &["a.k=v"]);
        check("[a]\nk=\"v\nl=w\n", &[]);
        check("[a]\nk=\\x\n", &[]);
        check("[a", &[]);
        check("[a \"b]\nk=v\n", &[]);
    }

    fn home(variables: &[(&str, &str)]) -> GitHome {
        GitHome::of(|name| {
            let found = variables.iter().find(|(known, _)| *known == name)?;
            Some(found.1.into())
        })
    }

    #[test]
    fn where_the_configuration_is() {
        let files = |variables: &[(&str, &str)]| {
            let files = home(variables).files;
            let files: Vec<String> = files.iter().map(|it| it.display().to_string()).collect();
            files.join(" ")
        };
        assert_eq!(
            files(&[("HOME", "/h")]),
            "/etc/gitconfig /h/.config/git/config /h/.gitconfig"
        );
        let xdg = [
            ("HOME", "/h"),
            ("XDG_CONFIG_HOME", "/x"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
        ];
        assert_eq!(files(&xdg), "/x/git/config /h/.gitconfig");
        let only = [
            ("HOME", "/h"),
            ("GIT_CONFIG_GLOBAL", "/g"),
            ("GIT_CONFIG_SYSTEM", "/s"),
        ];
        assert_eq!(files(&only), "/s /g");
        assert_eq!(home(&xdg).usual(), Some("/x/git/ignore".into()));
        assert_eq!(home(&[]).usual(), None);
    }
}
