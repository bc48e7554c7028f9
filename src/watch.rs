//! File changes as events.
//!
//! notify's thread does nothing but send what the kernel says to a thread of ours, the
//! [`observer`], which filters it and reports what counts: at once that there is activity, since
//! COMMAND is to be stopped with the first change, and at the end of the burst, when asked, what
//! happened to which path. The invariant: whatever happens to a path that counts, after
//! [`Event::Armed`], is reported.

mod explain;
mod filter;
mod fold;
mod git;
mod links;
mod observer;
mod roots;
mod tree;

use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use anyhow::anyhow;
use notify::event::EventKindMask;
use notify::{Config, RecommendedWatcher, Watcher as _};

pub use self::filter::{FilterSpec, Root};
use self::observer::{Message, Observer};
use crate::event::{Event, Note};

/// What is to be watched.
#[derive(Clone, Debug)]
pub struct WatchSpec {
    /// Which paths count.
    pub filter: FilterSpec,
    /// The current directory: reported paths are relative to it.
    pub base: PathBuf,
    /// Whether to tell which changes do not count.
    pub verbose: bool,
}

/// What the watch has to say.
pub enum Report {
    /// Something to decide on.
    Event(Event),
    /// Something to tell the user.
    Note(Note),
    /// The watches cannot be set up.
    Failed(anyhow::Error),
}

/// The way to the watching thread. It ends with this.
pub struct Watch {
    messages: Sender<Message>,
}

impl Watch {
    /// Starts to watch. [`Event::Armed`] tells when the watches stand.
    ///
    /// # Errors
    /// If the system has nothing to watch with.
    pub fn start(
        spec: WatchSpec,
        report: impl Fn(Report) + Send + 'static,
    ) -> anyhow::Result<Self> {
        let (messages, inbox) = channel();
        // CORE is what changes; with close-after-write, and without opens and reads, COMMAND
        // reading its own files wakes nobody.
        let mask = EventKindMask::CORE | EventKindMask::ACCESS_CLOSE;
        let config = Config::default().with_event_kinds(mask);
        let raw = messages.clone();
        // A send and nothing else: a panic here would kill notify's thread, and a call back into
        // the watcher would wait for that thread from that thread.
        let handler = move |event| drop(raw.send(Message::Raw(event)));
        let watcher = RecommendedWatcher::new(handler, config).map_err(no_watcher)?;
        let observer = Observer::new(spec, watcher, report);
        thread::Builder::new()
            .name("watch".to_owned())
            .spawn(move || observer.run(&inbox))?;
        Ok(Self { messages })
    }

    /// Asks what happened in the burst, which ends it. Unless that is an order, a burst that is
    /// known not to be over is answered with [`Event::Unsettled`], and does not end.
    pub fn collect(&self, order: bool) {
        // The thread lives as long as this.
        let _ = self.messages.send(Message::Collect { order });
    }
}

/// Says what to do where there is no kernel object to watch with.
fn no_watcher(error: notify::Error) -> anyhow::Error {
    match error.kind {
        // inotify_init(2)
        notify::ErrorKind::Io(error) if error.raw_os_error() == Some(nix::libc::EMFILE) => anyhow!(
            "cannot watch: all of this user's inotify instances are in use; \
             raise the sysctl fs.inotify.max_user_instances"
        ),
        _ => anyhow!("cannot watch: {error}"),
    }
}
