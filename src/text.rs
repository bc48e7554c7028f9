//! Writes names, durations and reasons for people, so that a line stays a line.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::time::Duration;

use nix::errno::Errno;

/// `name` as it is, or, if it holds a control character or begins with a quote, in the form that
/// git prints: in double quotes, with C's escapes (git-config(1), `core.quotePath`). Bytes that
/// are not UTF-8 stay as they are.
#[must_use]
pub fn quoted(name: &OsStr) -> OsString {
    let bytes = name.as_bytes();
    if !bytes.iter().any(u8::is_ascii_control) && bytes.first() != Some(&b'"') {
        return name.to_owned();
    }
    let mut out = vec![b'"'];
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', byte]),
            b'\n' => out.extend(br"\n"),
            b'\t' => out.extend(br"\t"),
            b'\r' => out.extend(br"\r"),
            0x07 => out.extend(br"\a"),
            0x08 => out.extend(br"\b"),
            0x0b => out.extend(br"\v"),
            0x0c => out.extend(br"\f"),
            byte if byte.is_ascii_control() => out.extend(format!("\\{byte:03o}").bytes()),
            byte => out.push(byte),
        }
    }
    out.push(b'"');
    OsString::from_vec(out)
}

/// [`quoted`], for people: what is not UTF-8 is replaced.
#[must_use]
pub fn shown(name: &OsStr) -> String {
    quoted(name).to_string_lossy().into_owned()
}

/// `text` with its control characters as escapes, so that whatever a file holds that it quotes, it is
/// one line, and the terminal is not told to do anything.
#[must_use]
pub fn tamed(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return text.into();
    }
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line.into()
}

/// A command line as a shell would take it, on one line.
pub fn command_line<'a>(words: impl IntoIterator<Item = &'a OsStr>) -> String {
    let mut line = String::new();
    for word in words {
        let word = shown(word);
        let plain = |c: char| c.is_alphanumeric() || "-_./=:,@%+~".contains(c);
        let gap = if line.is_empty() { "" } else { " " };
        if !word.is_empty() && word.chars().all(plain) {
            let _ = write!(line, "{gap}{word}");
        } else {
            let _ = write!(line, "{gap}'{}'", word.replace('\'', r"'\''"));
        }
    }
    line
}

/// How long to wait: `200ms`, `1.6s`, `30s`.
#[must_use]
pub fn pause(duration: Duration) -> String {
    if duration < Duration::from_millis(950) {
        return format!("{}ms", duration.as_millis());
    }
    // To a tenth of a second, without a zero that says nothing.
    let tenths = (duration.as_millis() + 50) / 100;
    match (tenths / 10, tenths % 10) {
        (seconds, 0) => format!("{seconds}s"),
        (seconds, tenth) => format!("{seconds}.{tenth}s"),
    }
}

/// How long something took: `0.1s`, `59.9s`, `2m 5s`, `3h 0m`.
#[must_use]
pub fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds}.{}s", duration.subsec_millis() / 100),
        60..3600 => format!("{}m {}s", seconds / 60, seconds % 60),
        _ => format!("{}h {}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// What the system says, in lower case and without the number that Rust adds.
#[must_use]
pub fn reason(error: &io::Error) -> String {
    let errno = error.raw_os_error().map(Errno::from_raw);
    errno.map_or_else(|| error.to_string(), |errno| errno.desc().to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &[u8], expected: &[u8]) {
        assert_eq!(quoted(OsStr::from_bytes(name)).as_bytes(), expected);
    }

    #[test]
    fn only_what_would_break_a_line_is_quoted() {
        check(b"app/routes.js", b"app/routes.js");
        check(b"a b\\c'\"d", b"a b\\c'\"d");
        check("größe".as_bytes(), "größe".as_bytes());
        check(b"\xff", b"\xff");
        check(b"a\nb\t\"\\\x01", br#""a\nb\t\"\\\001""#);
        check(b"\"a", br#""\"a""#);
    }

    #[test]
    fn nothing_controls_the_terminal() {
        for (text, expected) in [
            ("größe 'a' `b`", "größe 'a' `b`"),
            ("a\nb\tc\r", r"a\nb\tc\r"),
            ("\0\x1b[2J\x7f", r"\u{0}\u{1b}[2J\u{7f}"),
            ("\u{9b}2J", r"\u{9b}2J"),
        ] {
            assert_eq!(tamed(text), expected, "{text:?}");
        }
    }

    #[test]
    fn durations_are_short() {
        for (ms, long, short) in [
            (0, "0.0s", "0ms"),
            (100, "0.1s", "100ms"),
            (1_600, "1.6s", "1.6s"),
            (30_000, "30.0s", "30s"),
            (59_999, "59.9s", "60s"),
            (125_000, "2m 5s", "125s"),
            (10_800_000, "3h 0m", "10800s"),
        ] {
            let duration = Duration::from_millis(ms);
            assert_eq!(
                (span(duration).as_str(), pause(duration).as_str()),
                (long, short)
            );
        }
    }

    #[test]
    fn a_command_line_can_be_pasted_into_a_shell() {
        let words = ["node", "a b.js", "it's", "", "--port=3"].map(OsStr::new);
        assert_eq!(command_line(words), r"node 'a b.js' 'it'\''s' '' --port=3");
    }
}
