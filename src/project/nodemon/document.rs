//! Writes TOML, with comments.

use std::fmt::Write as _;

use serde_json::Value;
use toml_writer::{ToTomlKey as _, ToTomlValue as _, WriteTomlValue};

/// The file, as it grows.
#[derive(Default)]
pub(super) struct Document {
    pub text: String,
}

impl Document {
    /// A comment, on one line whatever is in it.
    pub(super) fn note(&mut self, text: &str) {
        let line: String = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        self.text += "# ";
        self.text += line.trim_end();
        self.text += "\n";
    }

    /// A setting of nodemon's that is left out, and why.
    pub(super) fn lost(&mut self, key: &str, value: &Value, why: &str) {
        self.note(&format!("{key} = {value}: {why}"));
    }

    pub(super) fn set<V: WriteTomlValue + ?Sized>(&mut self, key: &str, value: &V) {
        let (key, value) = (key.to_toml_key(), value.to_toml_value());
        let _ = writeln!(self.text, "{key} = {value}");
    }

    /// A list, one a line if it is long.
    pub(super) fn list(&mut self, key: &str, items: &[String]) {
        const WIDTH: usize = 80;
        let line = items.to_toml_value();
        if line.len() + key.len() <= WIDTH {
            return self.set(key, items);
        }
        let _ = writeln!(self.text, "{} = [", key.to_toml_key());
        for item in items {
            let _ = writeln!(self.text, "    {},", item.to_toml_value());
        }
        self.text += "]\n";
    }

    /// An empty line between two parts.
    pub(super) fn part(&mut self) {
        if !self.text.ends_with("\n\n") {
            self.text += "\n";
        }
    }
}
