//! The language of `.env` files, as `node --env-file` reads it.
//!
//! `NAME=VALUE`, where the value is literal: no `$` is expanded, and no backslash means anything but
//! `\n` in double quotes. What docker takes (`docker run --env-file`) is never an error here; where
//! the two differ about a value node's rule holds: quotes (`'`, `"` and `` ` ``) are taken off, and may
//! hold more than one line; what follows a closing quote, or a `#` outside of quotes, is a comment;
//! spaces around a value are none of it. Where node makes nonsense of a line, docker's rule does: a
//! byte order mark is skipped, so are a name alone and a comment that is indented, and a name with a
//! space in it is an error.
//!
//! No error shows what may be part of a value, which may be a secret.

use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

/// A variable and its value.
pub(super) type Variable = (OsString, OsString);

/// What stands before and behind an `=`.
type Sides<'a> = (&'a [u8], &'a [u8]);

/// The variables of a file, in order; or what is wrong with it.
pub(super) fn parse(file: &[u8]) -> Result<Vec<Variable>, String> {
    if file.starts_with(b"\xff\xfe") || file.starts_with(b"\xfe\xff") {
        return Err("it is in UTF-16: save it as UTF-8".to_owned());
    }
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    // As node does: wherever it stands.
    let text: Vec<u8> = file.iter().copied().filter(|it| *it != b'\r').collect();
    let (mut rest, mut number) = (text.as_slice(), 1);
    let mut variables = Vec::new();
    while !rest.is_empty() {
        let (line, _) = cut(rest, b'\n');
        let mut end = line.len();
        if let Some((name, value)) = assignment(line, number)? {
            let at = line.len() - value.len();
            let (value, used) = value_of(&rest[at..], value);
            end = at + used;
            if name.contains(&0) || value.contains(&0) {
                let name = shown(name);
                return Err(format!(
                    "line {number}: {name} holds a NUL byte, which no variable can"
                ));
            }
            variables.push((OsStr::from_bytes(name).into(), OsString::from_vec(value)));
        }
        let (passed, after) = rest.split_at(end);
        number += passed.split(|it| *it == b'\n').count();
        rest = after.get(1..).unwrap_or_default();
    }
    Ok(variables)
}

/// The name on this line, and what follows the `=`; none if there is nothing to set. A name alone is
/// one that COMMAND has from us, if it is set.
fn assignment(line: &[u8], number: usize) -> Result<Option<Sides<'_>>, String> {
    let text = line.trim_ascii_start();
    let text = match text.strip_prefix(b"export") {
        Some(rest) if rest.starts_with(b" ") || rest.starts_with(b"\t") => rest.trim_ascii_start(),
        _ => text,
    };
    if text.is_empty() || text.starts_with(b"#") {
        return Ok(None);
    }
    let (name, value) = cut(text, b'=');
    let name = name.trim_ascii_end();
    let space = name.iter().position(u8::is_ascii_whitespace);
    match (space, value) {
        (None, Some(_)) if name.is_empty() => {
            Err(format!("line {number} has no name before its `=`"))
        }
        (None, Some(value)) => Ok(Some((name, value))),
        (None, None) => Ok(None),
        (Some(space), Some(_)) => {
            let name = shown(&name[..space]);
            Err(format!(
                "line {number}: {name} is followed by a space, and not by `=`"
            ))
        }
        (Some(_), None) => Err(format!("line {number} is no NAME=VALUE")),
    }
}

/// The value at the beginning of `rest`, whose first line is `line`; and how far it goes, up to the
/// end of its last line.
fn value_of(rest: &[u8], line: &[u8]) -> (Vec<u8>, usize) {
    let is_space = |it: &&u8| **it == b' ';
    let indent = line.iter().take_while(is_space).count();
    let (rest, line) = (&rest[indent..], &line[indent..]);
    let quote = line.first().filter(|it| b"'\"`".contains(it));
    let Some(&quote) = quote else {
        let (value, _) = cut(line, b'#');
        let spaces = value.iter().rev().take_while(is_space).count();
        return (value[..value.len() - spaces].to_vec(), indent + line.len());
    };
    let (value, Some(behind)) = cut(&rest[1..], quote) else {
        // It is no quote, but the first character.
        return (line.to_vec(), indent + line.len());
    };
    let (comment, _) = cut(behind, b'\n');
    let value = if quote == b'"' {
        with_line_breaks(value)
    } else {
        value.to_vec()
    };
    (value, indent + rest.len() - behind.len() + comment.len())
}

/// `text` with line breaks for each `\n` that is written out.
fn with_line_breaks(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let is_break = rest.starts_with(br"\n");
        out.push(if is_break { b'\n' } else { byte });
        rest = if is_break { &after[1..] } else { after };
    }
    out
}

/// What stands before the first `byte`, and what behind it, if there is one.
fn cut(text: &[u8], byte: u8) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|it| *it == byte) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
}

/// A name for people; one that looks like none may be part of a value.
fn shown(name: &[u8]) -> impl Display {
    let is_plain = |it: &u8| it.is_ascii_alphanumeric() || b"_.-".contains(it);
    match str::from_utf8(name) {
        Ok(text) if name.iter().all(is_plain) => format!("`{text}`"),
        _ => "the name".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(file: impl AsRef<[u8]>, expected: &[(&str, &str)]) {
        let variables = parse(file.as_ref()).expect("a .env file");
        let found: Vec<(&str, &str)> = variables
            .iter()
            .map(|(name, value)| {
                (
                    name.to_str().expect("UTF-8"),
                    value.to_str().expect("UTF-8"),
                )
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn values_are_literal() {
        check("A=s3cr$et ${HOME} $(id)", &[("A", "s3cr$et ${HOME} $(id)")]);
        check("A=\"$HOME\"\nB=`id`", &[("A", "$HOME"), ("B", "id")]);
        check("A=b c\nB=it's", &[("A", "b c"), ("B", "it's")]);
        check(r"A=C:\dir\new\", &[("A", r"C:\dir\new\")]);
        check(r#"A={"b": [1, "c"]}"#, &[("A", r#"{"b": [1, "c"]}"#)]);
        check("A==b=c=", &[("A", "=b=c=")]);
        check(
            "A=\nB= \nC=''\nD=",
            &[("A", ""), ("B", ""), ("C", ""), ("D", "")],
        );
        check("A=1\nA=2", &[("A", "1"), ("A", "2")]);
    }

    #[test]
    fn quotes_hold_spaces_comments_and_lines() {
        check("A=' b # c ' # d", &[("A", " b # c ")]);
        check("A=\"b\nc\"d'\nB=e", &[("A", "b\nc"), ("B", "e")]);
        check(r#"A="b\nc\t"#.to_owned() + "\"", &[("A", "b\nc\\t")]);
        check(r"A='b\nc'", &[("A", r"b\nc")]);
        check("A=`b\"'c`", &[("A", "b\"'c")]);
        check("A=\"b\\\"c\"", &[("A", "b\\")]);
    }

    #[test]
    fn a_quote_that_is_not_closed_is_a_character() {
        check("A=\"b # c\nB='", &[("A", "\"b # c"), ("B", "'")]);
        check("A='tis\nB=1", &[("A", "'tis"), ("B", "1")]);
    }

    #[test]
    fn a_comment_begins_with_a_hash() {
        check(
            "# A=1\n  # it's \"\n\t#\nB= 2 # c\nC=d#e",
            &[("B", "2"), ("C", "d")],
        );
    }

    #[test]
    fn names_are_what_stands_before_the_first_equals_sign() {
        check(
            "A.b-c=1\n1=2\nd:e=3",
            &[("A.b-c", "1"), ("1", "2"), ("d:e", "3")],
        );
        check("  A = 1\n\tB\t=2", &[("A", "1"), ("B", "2")]);
        check(
            "export A=1\nexport\tB=2\nexport  C=3\nexport=4",
            &[("A", "1"), ("B", "2"), ("C", "3"), ("export", "4")],
        );
        check("A\nexport B\n\n   \nC=1", &[("C", "1")]);
    }

    #[test]
    fn what_windows_adds_is_left_out() {
        check(
            "\u{feff}A=1\r\n\r\nB=\"2\r\n3\"\r\nC=\r\n",
            &[("A", "1"), ("B", "2\n3"), ("C", "")],
        );
        check("\u{feff}", &[]);
    }

    #[test]
    fn every_byte_is_kept() {
        let variables = parse(b"A=\xff\xfe").expect("a .env file");
        assert_eq!(variables[0].1.as_bytes(), b"\xff\xfe");
    }

    #[track_caller]
    fn check_wrong(file: &str, expected: &str) {
        let message = parse(file.as_bytes()).expect_err("a mistake");
        assert_eq!(message, expected);
        assert!(!message.contains("hunter2"), "{message}");
    }

    #[test]
    fn mistakes_have_a_line_and_a_name_and_never_a_value() {
        check_wrong("A=\"1\n2\"\nmy hunter2", "line 3 is no NAME=VALUE");
        check_wrong("PASSWORD: hunter2", "line 1 is no NAME=VALUE");
        check_wrong("#\n=hunter2", "line 2 has no name before its `=`");
        check_wrong("export =hunter2", "line 1 has no name before its `=`");
        check_wrong(
            "\nPASS hunter2==",
            "line 2: `PASS` is followed by a space, and not by `=`",
        );
        check_wrong(
            "PASS: hunter2=",
            "line 1: the name is followed by a space, and not by `=`",
        );
        check_wrong(
            "A=1\nB='hunter2\n\0'",
            "line 2: `B` holds a NUL byte, which no variable can",
        );
        let wide = parse(b"\xff\xfeA\0=\0");
        assert_eq!(wide, Err("it is in UTF-16: save it as UTF-8".to_owned()));
    }
}
