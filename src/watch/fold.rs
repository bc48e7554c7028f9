//! Folds the raw events of one burst into what happened to which path.
//!
//! notify-debouncer-full knows how: it joins the halves of a rename, drops repeats, and sorts by
//! time. It also wakes up for ever and delays every path by itself, so it is given neither the
//! watching nor the time: it is made for one burst, over a [`Feeder`] that watches nothing, and
//! its thread is parked in our own handler, at the gate, until the burst is over. Then it passes
//! once, hands out everything it was fed in one piece, and ends.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use notify::event::{CreateKind, ModifyKind, RenameMode};
use notify::{Config, Event, EventHandler, EventKind, RecursiveMode, Watcher, WatcherKind};
use notify_debouncer_full::{
    DebounceEventResult, DebouncedEvent, Debouncer, NoCache, new_debouncer_opt,
};

use crate::event::{Change, ChangeKind, Changes};

/// The first half of a rename.
const MOVED_OUT: EventKind = EventKind::Modify(ModifyKind::Name(RenameMode::From));

/// One burst's events, on their way to becoming [`Changes`].
pub(super) struct Fold {
    debouncer: Debouncer<Feeder, NoCache>,
    feed: Box<dyn EventHandler>,
    gate: Sender<()>,
    folded: Receiver<Vec<DebouncedEvent>>,
}

impl Fold {
    /// Begins a burst.
    ///
    /// # Errors
    /// If there can be no more threads.
    pub(super) fn open() -> notify::Result<Self> {
        let (gate, parked) = channel();
        let (out, folded) = channel();
        let at_the_gate = move |result: DebounceEventResult| {
            let _ = out.send(result.unwrap_or_default());
            let _ = parked.recv();
        };
        let debouncer = new_debouncer_opt::<_, Feeder, _>(
            Duration::ZERO,
            Some(Duration::ZERO),
            at_the_gate,
            NoCache::new(),
            Config::default(),
        )?;
        let feed = FEED.take().expect("`Feeder::new` left it on this thread");
        let mut fold = Self {
            debouncer,
            feed,
            gate,
            folded,
        };
        // The thread looks for events without a pause until it finds one: here it is.
        fold.push(mark());
        let _ = fold.folded.recv();
        Ok(fold)
    }

    /// Takes in one event.
    ///
    /// What was removed is told as one that was moved out of sight: of something removed the
    /// debouncer looks for what was below it, among all paths of the burst, every time.
    pub(super) fn push(&mut self, mut event: Event) {
        if matches!(event.kind, EventKind::Remove(_)) {
            event.kind = MOVED_OUT;
        }
        self.feed.handle_event(Ok(event));
    }

    /// Ends the burst: what happened to which path, paths relative to `base` where they are
    /// below it.
    pub(super) fn close(mut self, base: &Path) -> Changes {
        // Without an event the thread would not come back to the gate.
        self.push(mark());
        let _ = self.gate.send(());
        let events = self.folded.recv().unwrap_or_default();
        // In this order: told to stop, it finds the gate gone.
        drop(self.debouncer);
        drop(self.gate);
        summary(events.into_iter().map(|debounced| debounced.event), base)
    }
}

/// Whether a burst needs no debouncer, and so no thread: one file was written, or others were moved
/// to its name. Then [`summary`] says the same.
pub(super) fn is_simple(events: &[Event]) -> bool {
    let is_write = |kind| {
        use EventKind::{Access, Any, Modify};
        matches!(
            kind,
            Any | Access(_) | Modify(ModifyKind::Data(_) | ModifyKind::Name(RenameMode::To))
        )
    };
    let same = |event: &Event| event.paths == events[0].paths && is_write(event.kind);
    events.iter().all(same)
}

/// An event about no path: it only wakes the thread.
fn mark() -> Event {
    Event::new(EventKind::Create(CreateKind::Any)).add_path(PathBuf::new())
}

/// The last thing that happened to every path, in the order in which they first changed.
pub(super) fn summary(events: impl Iterator<Item = Event>, base: &Path) -> Changes {
    let mut changes: Vec<Change> = Vec::new();
    let mut places: HashMap<PathBuf, usize> = HashMap::new();
    for event in events {
        let kind = match event.kind {
            EventKind::Create(_) => ChangeKind::Created,
            MOVED_OUT => ChangeKind::Removed,
            EventKind::Modify(ModifyKind::Name(_)) => ChangeKind::Renamed,
            EventKind::Remove(_) => ChangeKind::Removed,
            _ => ChangeKind::Modified,
        };
        // Of a rename, the name it has now.
        let Some(path) = event
            .paths
            .last()
            .filter(|path| !path.as_os_str().is_empty())
        else {
            continue;
        };
        let path = path.strip_prefix(base).unwrap_or(path).to_path_buf();
        match places.get(&path) {
            // Gone and there again: to whoever reads it, it has another content.
            Some(&place) if changes[place].kind == ChangeKind::Removed => {
                changes[place].kind = ChangeKind::Modified;
            }
            // What is new here stays new, however often it is written.
            Some(&place)
                if kind == ChangeKind::Modified
                    && matches!(
                        changes[place].kind,
                        ChangeKind::Created | ChangeKind::Renamed
                    ) => {}
            Some(&place) => changes[place].kind = kind,
            None => {
                places.insert(path.clone(), changes.len());
                changes.push(Change { path, kind });
            }
        }
    }
    changes.into_iter().collect()
}

thread_local! {
    /// How [`Feeder::new`] hands out the way into the debouncer: it is called by the debouncer,
    /// which keeps the feeder to itself.
    static FEED: RefCell<Option<Box<dyn EventHandler>>> = const { RefCell::new(None) };
}

/// A watcher that watches nothing and hands out its handler.
#[derive(Debug)]
struct Feeder;

impl Watcher for Feeder {
    fn new<F: EventHandler>(handler: F, _: Config) -> notify::Result<Self> {
        FEED.set(Some(Box::new(handler)));
        Ok(Self)
    }

    fn watch(&mut self, _: &Path, _: RecursiveMode) -> notify::Result<()> {
        Ok(())
    }

    fn unwatch(&mut self, _: &Path) -> notify::Result<()> {
        Ok(())
    }

    fn kind() -> WatcherKind {
        WatcherKind::NullWatcher
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use notify::event::{AccessKind, AccessMode, DataChange, RemoveKind};

    fn event(kind: EventKind, path: &str) -> Event {
        Event::new(kind).add_path(PathBuf::from(path))
    }

    #[track_caller]
    fn check(events: Vec<Event>, expected: &[(&str, ChangeKind)]) {
        let mut fold = Fold::open().expect("a thread");
        for event in events {
            fold.push(event);
        }
        let changes = fold.close(Path::new("/w"));
        let found: Vec<(&str, ChangeKind)> = changes
            .iter()
            .map(|change| (change.path.to_str().expect("UTF-8"), change.kind))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn without_a_debouncer_the_same_is_said_of_a_simple_burst() {
        let close = EventKind::Access(AccessKind::Close(AccessMode::Write));
        let moved_in = EventKind::Modify(ModifyKind::Name(RenameMode::To));
        let kinds = [WRITE, close, moved_in, EventKind::Any];
        // All that are up to four events long.
        let numbers = |length| (0..kinds.len().pow(length)).map(move |number| (length, number));
        for (length, number) in (1..5).flat_map(numbers) {
            let kind = |place| kinds[number / kinds.len().pow(place) % kinds.len()];
            let events: Vec<Event> = (0..length)
                .map(|place| event(kind(place), "/w/a"))
                .collect();
            assert!(is_simple(&events));
            let mut fold = Fold::open().expect("a thread");
            events.iter().cloned().for_each(|event| fold.push(event));
            let folded = fold.close(Path::new("/w"));
            assert_eq!(summary(events.into_iter(), Path::new("/w")), folded);
        }
    }

    #[test]
    fn two_paths_and_files_that_come_or_go_are_not_simple() {
        let write = || event(WRITE, "/w/a");
        assert!(is_simple(&[]) && is_simple(&[write(), write()]));
        assert!(!is_simple(&[write(), event(WRITE, "/w/b")]));
        for kind in [CREATE, REMOVE, MOVED_OUT] {
            assert!(!is_simple(&[write(), event(kind, "/w/a")]));
        }
    }

    const WRITE: EventKind = EventKind::Modify(ModifyKind::Data(DataChange::Any));
    const CREATE: EventKind = EventKind::Create(CreateKind::File);
    const REMOVE: EventKind = EventKind::Remove(RemoveKind::File);

    fn rename(mode: RenameMode, path: &str) -> Event {
        event(EventKind::Modify(ModifyKind::Name(mode)), path).set_tracker(7)
    }

    #[test]
    fn nothing_is_nothing() {
        check(Vec::new(), &[]);
    }

    #[test]
    fn repeats_are_dropped_and_the_order_is_kept() {
        let events = vec![
            event(WRITE, "/w/b"),
            event(WRITE, "/w/a"),
            event(WRITE, "/w/b"),
        ];
        check(
            events,
            &[("a", ChangeKind::Modified), ("b", ChangeKind::Modified)],
        );
    }

    #[test]
    fn a_new_file_over_an_old_one_is_a_modified_file() {
        let events = vec![
            event(CREATE, "/w/t"),
            event(WRITE, "/w/t"),
            rename(RenameMode::From, "/w/t"),
            rename(RenameMode::To, "/w/a"),
        ];
        check(events, &[("a", ChangeKind::Created)]);
        let events = vec![event(REMOVE, "/w/a"), event(CREATE, "/w/a")];
        check(events, &[("a", ChangeKind::Modified)]);
    }

    #[test]
    fn what_is_not_below_the_base_keeps_its_path() {
        check(
            vec![event(REMOVE, "/x/a")],
            &[("/x/a", ChangeKind::Removed)],
        );
    }

    #[test]
    fn many_bursts_leave_no_thread_behind() {
        for _ in 0..200 {
            check(vec![event(WRITE, "/w/a")], &[("a", ChangeKind::Modified)]);
        }
        // The debouncer's threads are not joined: those of the last folds may just be ending.
        #[cfg(target_os = "linux")]
        assert!(std::fs::read_dir("/proc/self/task").expect("Linux").count() < 100);
    }
}
