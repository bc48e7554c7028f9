//! File changes as events.
//!
//! notify's thread does nothing but send what the kernel says to a thread of ours, the
//! [`observer`], which filters it and reports what counts: at once that there is activity, since
//! COMMAND is to be stopped with the first change, and at the end of the burst, when asked, what
//! happened to which path. The invariant: whatever happens to a path that counts, after
//! [`Event::Armed`], is reported.

mod awaited;
mod built_in;
mod contents;
mod excludes;
mod explain;
mod filter;
mod fold;
mod git;
mod git_config;
pub mod globs;
mod linked;
mod links;
mod mounts;
mod observer;
mod poll;
mod recent;
mod roots;
mod special;
mod stamp;
mod tree;
mod wildmatch;

use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use notify::event::EventKindMask;
use notify::{Config, ErrorKind, RecommendedWatcher, Watcher as _};

pub use self::filter::{FilterSpec, Root};
pub use self::git_config::GitHome;
pub use self::globs::Pattern;
pub use self::mounts::table as mount_table;
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
    /// Whether a save with the same bytes is no change.
    pub if_changed: bool,
    /// Poll everything, so often.
    pub poll: Option<Duration>,
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
    /// Starts to watch. [`Event::Armed`] tells from when on no change is missed.
    ///
    /// # Errors
    /// If there can be no thread for it.
    pub fn start(
        spec: WatchSpec,
        report: impl Fn(Report) + Send + 'static,
    ) -> anyhow::Result<Self> {
        let (messages, inbox) = channel();
        let watcher = match spec.poll {
            Some(_) => None,
            None => kernel_watcher(messages.clone())?,
        };
        if watcher.is_none() {
            let every = spec.poll.unwrap_or(poll::EVERY);
            report(Report::Note(Note::AllPolled {
                asked: spec.poll.is_some(),
                every,
            }));
        }
        let observer = Observer::new(spec, watcher, report);
        thread::Builder::new()
            .name("watch".to_owned())
            .spawn(move || observer.run(&inbox))
            .context("cannot start a thread (`ulimit -u` says how many there may be)")?;
        Ok(Self { messages })
    }

    /// Asks what happened in the burst, which ends it. Unless that is an order, a burst that is
    /// known not to be over is answered with [`Event::Unsettled`], and does not end.
    pub fn collect(&self, order: bool) {
        // The thread lives as long as this.
        let _ = self.messages.send(Message::Collect { order });
    }

    /// Waits for this file to become executable, which is a change then; or no more for any.
    pub fn await_executable(&self, file: Option<PathBuf>) {
        let _ = self.messages.send(Message::Await(file));
    }

    /// Takes in that the [table of mounts](mount_table) has changed.
    pub fn mounts_changed(&self) {
        let _ = self.messages.send(Message::Mounted);
    }
}

/// notify's watcher, or none if the user's are all in use.
fn kernel_watcher(raw: Sender<Message>) -> anyhow::Result<Option<RecommendedWatcher>> {
    // CORE is what changes; with close-after-write, and without opens and reads, COMMAND reading
    // its own files wakes nobody.
    let mask = EventKindMask::CORE | EventKindMask::ACCESS_CLOSE;
    let config = Config::default().with_event_kinds(mask);
    match RecommendedWatcher::new(handler(raw), config) {
        Ok(watcher) => Ok(Some(watcher)),
        Err(notify::Error {
            kind: ErrorKind::Io(error),
            ..
        }) if error.raw_os_error() == Some(EMFILE) => {
            // It says the same if the descriptors of this process are.
            std::fs::File::open("/dev/null").context("cannot watch, raise `ulimit -n`")?;
            Ok(None)
        }
        Err(error) => Err(anyhow!("cannot watch: {error}")),
    }
}

/// What notify calls for every event. A send and nothing else: a panic here would kill notify's
/// thread, and a call back into the watcher would wait for that thread from that thread.
fn handler(raw: Sender<Message>) -> impl FnMut(notify::Result<notify::Event>) {
    move |event| drop(raw.send(Message::Raw(event)))
}

/// What inotify_init(2) says if all of a user's instances are in use.
const EMFILE: i32 = nix::libc::EMFILE;

#[cfg(test)]
mod tests {
    use super::*;
    use notify::EventKind;

    #[test]
    fn an_event_costs_no_allocation_in_the_callback() {
        let (raw, inbox) = channel();
        let mut handler = handler(raw);
        let event = || notify::Event::new(EventKind::Any).add_path("a".into());
        let events: Vec<notify::Event> = std::iter::repeat_with(event).take(1000).collect();
        let cost =
            allocation_counter::measure(|| events.into_iter().map(Ok).for_each(&mut handler));
        // A channel allocates for many messages at once.
        assert!(cost.count_total < 100, "{cost:?}");
        assert_eq!(inbox.iter().take(1000).count(), 1000);
    }
}
