//! Reads what nodemon.json says, and says where something else stands than nodemon can take.

use std::path::Path;

use anyhow::bail;
use serde_json::{Map, Value};

use crate::project::habits::manifest::{self, kind};

/// nodemon's own file.
pub(super) const FILE: &str = "nodemon.json";
/// The same in package.json. It counts only if the other file is not there.
const MEMBER: &str = "nodemonConfig";

/// The settings, and where they are from.
#[derive(Debug, Default)]
pub(super) struct Settings {
    /// For people; none if there are no settings.
    pub origin: Option<&'static str>,
    pub values: Map<String, Value>,
}

impl Settings {
    /// Those of nodemon.json in `dir`, or else of `package`.
    pub(super) fn find(dir: &Path, package: Option<&Map<String, Value>>) -> anyhow::Result<Self> {
        if let Some(values) = manifest::read(dir, FILE)? {
            let origin = Some(FILE);
            return Ok(Self { origin, values });
        }
        match package.and_then(|package| package.get(MEMBER)) {
            None | Some(Value::Null) => Ok(Self::default()),
            Some(Value::Object(values)) => Ok(Self {
                origin: Some("nodemonConfig in package.json"),
                values: values.clone(),
            }),
            Some(other) => bail!(
                "`{MEMBER}` in {} is {}, not an object",
                manifest::FILE,
                kind(other)
            ),
        }
    }

    /// A value that is there; null stands for nothing.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key).filter(|value| !value.is_null())
    }

    pub(super) fn flag(&self, key: &str) -> anyhow::Result<Option<bool>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => self.wrong(key, other, "true or false"),
        }
    }

    pub(super) fn string(&self, key: &str) -> anyhow::Result<Option<String>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => self.wrong(key, other, "a string"),
        }
    }

    /// A list of strings, or a single one.
    pub(super) fn strings(&self, key: &str) -> anyhow::Result<Option<Vec<String>>> {
        let expected = "a string or a list of strings";
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(vec![text.clone()])),
            Some(Value::Array(items)) => {
                let strings = items.iter().map(|item| match item {
                    Value::String(text) => Ok(text.clone()),
                    other => self.wrong(&format!("{key}[]"), other, "a string"),
                });
                strings.collect::<Result<_, _>>().map(Some)
            }
            Some(other) => self.wrong(key, other, expected),
        }
    }

    /// Milliseconds. A string is taken where it is a number, as by `setTimeout`.
    pub(super) fn milliseconds(&self, key: &str) -> anyhow::Result<Option<Milliseconds>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Number(number)) => Ok(number.as_f64().map(Milliseconds::Number)),
            Some(Value::String(text)) => Ok(Some(match text.trim().parse::<f64>() {
                Ok(number) if number.is_finite() => Milliseconds::Number(number),
                _ => Milliseconds::Words(text.clone()),
            })),
            Some(other) => self.wrong(key, other, "a number of milliseconds"),
        }
    }

    /// The members of an object, as strings.
    pub(super) fn table(&self, key: &str) -> anyhow::Result<Vec<(String, String)>> {
        let members = match self.get(key) {
            None => return Ok(Vec::new()),
            Some(Value::Object(members)) => members,
            Some(other) => return self.wrong(key, other, "an object"),
        };
        let members = members.iter().map(|(name, value)| {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Number(_) | Value::Bool(_) => value.to_string(),
                other => return self.wrong(&format!("{key}.{name}"), other, "a string"),
            };
            Ok((name.clone(), text))
        });
        members.collect()
    }

    pub(super) fn wrong<T>(&self, key: &str, value: &Value, expected: &str) -> anyhow::Result<T> {
        let origin = self.origin.unwrap_or(FILE);
        bail!("`{key}` in {origin} is {}, not {expected}", kind(value))
    }
}

/// A time as nodemon reads it from a file.
#[derive(Debug, PartialEq)]
pub(super) enum Milliseconds {
    /// This many.
    Number(f64),
    /// What it cannot make a number of, and takes for none.
    Words(String),
}
