//! Stands for the desktop where rwatch was built without it: there is none.

use std::io;

/// Nobody.
#[derive(Debug)]
pub(super) enum Desktop {}

impl Desktop {
    pub(super) fn start(_: &str, _: impl Fn(()) + Send + 'static) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn show(&self, _: &str) {
        match *self {}
    }

    pub(super) fn failure(&self) -> Option<String> {
        match *self {}
    }

    pub(super) fn finish(self) -> Option<String> {
        match self {}
    }
}
