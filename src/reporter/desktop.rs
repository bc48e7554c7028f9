//! Shows notifications on the desktop, by D-Bus.
//!
//! Whoever shows them may be slow, and may never answer: so a thread waits for that, which nobody
//! waits for, but for a moment at the end.

use std::fmt::Write as _;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;

use notify_rust::Notification;

/// So many wait to be shown; what comes then is dropped.
const WAITING_MAX: usize = 16;
/// How long the end of rwatch waits for the latest one.
const PATIENCE: Duration = Duration::from_secs(1);

/// The way to the desktop.
#[derive(Debug)]
pub(super) struct Desktop {
    waiting: SyncSender<String>,
    /// Why nothing could be shown, once; closed, when everything was.
    failures: Receiver<String>,
}

impl Desktop {
    /// A way for notices about `command`. `wake` is called when there is a failure.
    ///
    /// # Errors
    /// If there can be no thread for it.
    pub(super) fn start(command: &str, wake: impl Fn(()) + Send + 'static) -> io::Result<Self> {
        let (waiting, notices) = sync_channel::<String>(WAITING_MAX);
        let (fail, failures) = channel();
        let command = command.to_owned();
        let thread = thread::Builder::new().name("desktop".to_owned());
        thread.spawn(move || {
            let mut failed = false;
            for line in notices {
                let shown = show(&command, &line);
                if let Err(error) = shown
                    && !failed
                {
                    failed = true;
                    let _ = fail.send(error.to_string());
                    wake(());
                }
            }
        })?;
        Ok(Self { waiting, failures })
    }

    /// Shows a line of rwatch, some time.
    pub(super) fn show(&self, line: &str) {
        let _ = self.waiting.try_send(line.to_owned());
    }

    /// Why nothing could be shown, if that is so; once.
    pub(super) fn failure(&self) -> Option<String> {
        self.failures.try_recv().ok()
    }

    /// Waits a moment for what is to be shown; why that could not be.
    pub(super) fn finish(self) -> Option<String> {
        drop(self.waiting);
        self.failures.recv_timeout(PATIENCE).ok()
    }
}

fn show(command: &str, line: &str) -> notify_rust::error::Result<()> {
    let body = unmarked(line);
    let mut notification = Notification::new();
    notification.appname("rwatch").summary(command).body(&body);
    // What it hands back would keep the connection open.
    notification.show().map(drop)
}

/// The line as a body, which may hold markup (Desktop Notifications Specification, "Markup").
fn unmarked(line: &str) -> String {
    let mut body = String::new();
    for c in line.chars() {
        let _ = match c {
            '&' => write!(body, "&amp;"),
            '<' => write!(body, "&lt;"),
            '>' => write!(body, "&gt;"),
            c => write!(body, "{c}"),
        };
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_no_markup() {
        let line = "cannot find `<a & b>` in PATH";
        assert_eq!(unmarked(line), "cannot find `&lt;a &amp; b&gt;` in PATH");
    }
}
