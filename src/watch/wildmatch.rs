//! Rewrites the lines of ignore files so that the library reads in them what git does.
//!
//! git knows no braces, takes every byte for a character, and has views of its own on brackets,
//! blanks and `**`. What gitignore(5) leaves open was found by asking git-check-ignore(1), which
//! the tests do too.

use std::str::Chars;

/// The pattern that means to the library what `line` means to git. None: nothing matches it.
pub(super) fn rewritten(line: &[u8]) -> Option<String> {
    // The library takes no bytes that are not text.
    let line = str::from_utf8(trimmed(line)).ok()?;
    if line.starts_with('#') {
        return None;
    }
    let (not, pattern) = split_prefix(line, '!');
    let (pattern, slash) = match pattern.strip_suffix('/') {
        Some(dir) => (dir, "/"),
        None => (pattern, ""),
    };
    // Wherever it is, in brackets too, a slash ties the pattern to the directory of the file.
    let tied = pattern.contains('/');
    let body = body(split_prefix(pattern, '/').1, tied)?;
    let tie = if tied { "/" } else { "**/" };
    // No name is empty.
    (!body.is_empty() && !body.ends_with('/')).then(|| format!("{not}{tie}{body}{slash}"))
}

/// What of a line is the pattern: it ends before a NUL, and before blanks without a backslash.
pub(super) fn trimmed(line: &[u8]) -> &[u8] {
    let mut end = 0;
    let mut bytes = line.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        end = match byte {
            0 => return &line[..end],
            b' ' => continue,
            b'\\' if bytes.next().is_none() => return line,
            b'\\' => at + 2,
            _ => at + 1,
        };
    }
    &line[..end]
}

fn split_prefix(text: &str, prefix: char) -> (&str, &str) {
    text.split_at(usize::from(text.starts_with(prefix)))
}

/// Rewrites what is left of a pattern without the signs at its ends.
fn body(pattern: &str, tied: bool) -> Option<String> {
    let mut body = String::new();
    let mut rest = pattern.chars();
    let mut before = None;
    // git compares what is before the first special character on its own, so that a `**` there
    // is at a start.
    let mut at_start = true;
    while let Some(c) = rest.next() {
        match c {
            '*' => {
                let after = rest.as_str().trim_start_matches('*');
                let wide = after.len() < rest.as_str().len()
                    && tied
                    && (at_start || before == Some('/'))
                    && (after.is_empty() || after.starts_with('/') || after.starts_with("\\/"));
                rest = after.chars();
                if wide {
                    // In the middle of a name the library has it only as the start of braces.
                    let at_name = body.is_empty() || body.ends_with('/');
                    body.push_str(if at_name { "**/" } else { "{**/}" });
                }
                if wide && after.starts_with('/') {
                    rest.next();
                } else {
                    body.push('*');
                }
            }
            '?' => body.push('?'),
            '[' => class(&mut rest)?.write(&mut body)?,
            '\\' => literal(rest.next()?, &mut body),
            _ => literal(c, &mut body),
        }
        at_start &= !matches!(c, '*' | '?' | '[' | '\\');
        let read = pattern.len() - rest.as_str().len();
        before = pattern[..read].chars().next_back();
    }
    Some(body)
}

/// Writes a character that stands for itself.
fn literal(c: char, body: &mut String) {
    // The library would cut these off at the end of the pattern, escaped or not.
    let fragile = c == '\\' || c.is_whitespace();
    if fragile {
        body.push('{');
    }
    if matches!(
        c,
        '\\' | '*' | '?' | '[' | ']' | '{' | '}' | ',' | '!' | '#'
    ) {
        body.push('\\');
    }
    body.push(c);
    if fragile {
        body.push('}');
    }
}

/// The bytes between brackets.
#[derive(Default)]
struct Class {
    negated: bool,
    /// Those of ASCII, one bit each.
    ascii: u128,
    /// The other ones, as the library takes them: it too makes of a character its bytes.
    wide: String,
}

/// Reads a bracket expression of which the first bracket has been read. None if there is no end,
/// or a name that git does not know: then the whole pattern matches nothing.
fn class(rest: &mut Chars) -> Option<Class> {
    let mut class = Class {
        negated: rest.as_str().starts_with(['!', '^']),
        ..Class::default()
    };
    if class.negated {
        rest.next();
    }
    // What a range may start with.
    let mut low = None;
    // As the first one `]` is not the end.
    let mut c = rest.next()?;
    loop {
        match (c, low) {
            ('\\', _) => low = Some(class.add(rest.next()?)),
            ('-', Some(from)) if !rest.as_str().starts_with(']') => {
                let mut to = rest.next()?;
                if to == '\\' {
                    to = rest.next()?;
                }
                class.add_range(from, to);
                // Of a character with more bytes the first one alone ended the range.
                low = Some(to).filter(|to| !to.is_ascii());
            }
            ('[', _) if rest.as_str().starts_with(':') => {
                let (name, after) = rest.as_str()[1..].split_once(']')?;
                if let Some(name) = name.strip_suffix(':') {
                    class.add_named(name)?;
                    *rest = after.chars();
                    low = None;
                } else {
                    low = Some(class.add('['));
                }
            }
            _ => low = Some(class.add(c)),
        }
        c = rest.next()?;
        if c == ']' {
            return Some(class);
        }
    }
}

impl Class {
    fn add(&mut self, c: char) -> char {
        match u8::try_from(c) {
            Ok(byte) if byte.is_ascii() => self.ascii |= 1 << byte,
            _ => self.wide.push(c),
        }
        c
    }

    /// Adds the bytes from the last one of `from` to the first one of `to`, and the rest of `to`.
    /// A range that goes down is empty.
    fn add_range(&mut self, from: char, to: char) {
        let mut bytes = [0; 4];
        let from = *from.encode_utf8(&mut bytes).as_bytes().last().unwrap_or(&0);
        let highest = if to.is_ascii() { to } else { '\x7f' };
        for c in char::from(from)..=highest {
            self.add(c);
        }
        if !to.is_ascii() {
            // To the library too it is from the last byte to the first one.
            let first = char::from(from.max(0x80));
            let last = to.max('\u{bf}');
            self.wide.extend([to, first, '-', last]);
        }
    }

    fn add_named(&mut self, name: &str) -> Option<()> {
        let has: fn(&u8) -> bool = match name {
            "alnum" => u8::is_ascii_alphanumeric,
            "alpha" => u8::is_ascii_alphabetic,
            "blank" => |byte| matches!(byte, b' ' | b'\t'),
            "cntrl" => u8::is_ascii_control,
            "digit" => u8::is_ascii_digit,
            "graph" => u8::is_ascii_graphic,
            "lower" => u8::is_ascii_lowercase,
            "print" => |byte| matches!(byte, b' '..=b'~'),
            "punct" => u8::is_ascii_punctuation,
            // To git neither the vertical tab nor the form feed is one.
            "space" => |byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'),
            "upper" => u8::is_ascii_uppercase,
            "xdigit" => u8::is_ascii_hexdigit,
            _ => return None,
        };
        (0..128)
            .filter(has)
            .for_each(|byte| self.ascii |= 1 << byte);
        Some(())
    }

    /// Writes it for the library, which knows no escapes here. None if no byte is in it.
    fn write(mut self, body: &mut String) -> Option<()> {
        // To git no brackets match a slash.
        if self.negated {
            self.ascii |= 1 << b'/';
        } else {
            self.ascii &= !(1 << b'/');
        }
        if !self.negated && self.ascii == 0 && self.wide.is_empty() {
            return None;
        }
        body.push_str(if self.negated { "[!" } else { "[" });
        // The first one is never a sign; a NUL is in no name.
        let bracket = self.has(b']');
        body.push(if bracket { ']' } else { '\0' });
        let plain = |byte: u8| self.has(byte) && !matches!(byte, b']' | b'-');
        let mut byte = 1;
        while byte < 128 {
            let end = (byte..128).find(|&end| !plain(end)).unwrap_or(128);
            if end > byte {
                body.push(char::from(byte));
            }
            if end > byte + 1 {
                body.push('-');
                body.push(char::from(end - 1));
            }
            byte = end + 1;
        }
        body.push_str(&self.wide);
        // The last one is no sign either.
        if self.has(b'-') {
            body.push('-');
        }
        body.push(']');
        Some(())
    }

    fn has(&self, byte: u8) -> bool {
        self.ascii >> byte & 1 == 1
    }
}

#[cfg(test)]
mod tests;
