//! Reading a feed: each event once and in order, from any process.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak, mpsc};
use std::time::Duration;
use std::{iter, mem};

use crate::error::{Error, Result};
use crate::executor;
use crate::feed::commit::newest_stored;
use crate::feed::event::{Event, FeedEvent, FurtherEvent, GroupDeletedEvent, MAX_SEQ};
use crate::feed::log::gap;
use crate::feed::source::Source;
use crate::model::GroupId;
use crate::model::number::Positive;
use crate::model::time::IsoTime;
use crate::repository::{Change, Watcher};

/// Pause before a reader looks again for events that the stored group says there are. It doubles up to the maximum. If their
/// writer was killed, they never come, but a writer that lacks space appends them once there is some.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// Gives the opened source; `None` if there is no such group. With a watcher the reader follows.
pub type Open = Box<dyn FnOnce() -> Result<Option<(Box<dyn Source>, Option<Watcher>)>> + Send>;

type Done = Box<dyn FnOnce(Result<Vec<FeedEvent>>) + Send>;

/// Reads the events of a group until it is closed. Dropping it closes it.
///
/// ```
/// use session_groups::feed::{self, Commit, ToolsDeniedEvent};
/// use session_groups::feed::FurtherEvent::ToolsDenied;
/// use session_groups::model::{GroupId, GroupPatch, SessionGroup, time::IsoTime};
/// use session_groups::repository::{Document, InMemoryGroupRepository};
///
/// let repository = InMemoryGroupRepository::new();
/// let (id, now) = (GroupId::new("20260115-103000-auth")?, IsoTime::now());
/// let group = SessionGroup::new(id.clone(), "Authentication", "auth", now.clone());
/// feed::create(&repository, Document::from_group(&group)?, Vec::new())?;
/// for session in ["api", "ui"] {
///     let event = ToolsDenied(ToolsDeniedEvent {
///         timestamp: now.clone(),
///         group_id: id.to_string(),
///         session_id: session.to_owned(),
///         tools: vec!["Bash".to_owned()],
///     });
///     feed::commit(&repository, &id, |_| Ok(Commit::new(GroupPatch::default()).with_event(event)))?;
/// }
///
/// let events = feed::events(&repository, &id, 1, false);
/// let seqs: Vec<u64> = events.iter().map(|event| event.unwrap().seq()).collect();
/// assert_eq!(seqs, [2]);
/// # Ok::<(), session_groups::Error>(())
/// ```
pub struct Events {
    shared: Arc<Shared>,
    /// Events that `next` has fetched and not returned yet.
    fetched: Mutex<VecDeque<FeedEvent>>,
}

impl Events {
    /// Reads nothing: the events of a group that does not exist.
    pub fn empty() -> Self {
        Self::new(0, Box::new(|| Ok(None)))
    }

    pub(super) fn new(after: u64, open: Open) -> Self {
        let state = State::new(after, open);
        let shared = Arc::new(Shared {
            request: Mutex::default(),
            is_closed: AtomicBool::new(false),
            watcher: OnceLock::new(),
            state: Mutex::new(state),
        });
        Self { shared, fetched: Mutex::default() }
    }

    /// Waits for the next event. Returns `None` once there are no more, and after an error.
    pub fn next(&self) -> Option<Result<FeedEvent>> {
        executor::block(|| {
            let mut fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
            if fetched.is_empty() {
                let (sender, receiver) = mpsc::channel();
                self.request(move |events| drop(sender.send(events)));
                match receiver.recv().ok()? {
                    Ok(events) => fetched.extend(events),
                    Err(error) => return Some(Err(error)),
                }
            }
            fetched.pop_front().map(Ok)
        })
    }

    /// Iterates over the events until there are no more, and waits for each.
    pub fn iter(&self) -> impl Iterator<Item = Result<FeedEvent>> {
        iter::from_fn(|| self.next())
    }

    /// Requests the next events: `done` is called once, on another thread, as soon as there are any. It gets none if there
    /// are no more, as after an error, and when the reader is closed.
    ///
    /// Wait for the answer before the next request: another open request is answered with no events.
    pub fn request(&self, done: impl FnOnce(Result<Vec<FeedEvent>>) + Send + 'static) {
        let former = self.shared.request().replace(Box::new(done));
        if let Some(former) = former {
            executor::run(move || former(Ok(Vec::new())));
        }
        let shared = Arc::clone(&self.shared);
        executor::run(move || shared.look());
    }

    /// Stops reading. An open request is answered with no events.
    pub fn close(&self) {
        self.shared.is_closed.store(true, Ordering::Relaxed);
        self.shared.close_watcher();
        if let Some(done) = self.shared.request().take() {
            executor::run(move || done(Ok(Vec::new())));
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.close();
    }
}

struct Shared {
    request: Mutex<Option<Done>>,
    is_closed: AtomicBool,
    /// Set once the source is open, if the reader follows.
    watcher: OnceLock<Watcher>,
    /// Locked while files are read.
    state: Mutex<State>,
}

struct State {
    open: Option<Open>,
    source: Option<Box<dyn Source>>,
    /// Number of the last event that was returned.
    newest: u64,
    /// Number of the newest event as the group says; `None` before the group was seen.
    stored: Option<u64>,
    next_pause: Duration,
    /// Set while the watcher is asked for changes.
    is_watching: bool,
    /// Set while another look is on its way.
    has_timer: bool,
    /// Set when there are no more events.
    is_over: bool,
}

/// What follows from a look.
enum Look {
    Answer(Result<Vec<FeedEvent>>),
    /// There are no events yet.
    Wait,
}

impl Shared {
    /// Answers an open request if there are events, or sees to it that there is another look.
    fn look(self: &Arc<Self>) {
        let mut state = self.state();
        if self.request().is_none() {
            return;
        }
        let look = || state.look(&self.watcher);
        let look = catch_unwind(AssertUnwindSafe(look)).unwrap_or_else(|_| {
            state.is_over = true;
            Look::Answer(Err(Error::internal("reading a feed panicked")))
        });
        let is_closed = self.is_closed.load(Ordering::Relaxed);
        if state.is_over || is_closed {
            self.close_watcher();
        }
        match look {
            Look::Answer(events) => {
                // safeguard: events answer the request that they were read for
                let done = self.request().take();
                drop(state);
                if let Some(done) = done {
                    done(if is_closed { Ok(Vec::new()) } else { events });
                }
            }
            Look::Wait => {
                let watches = !mem::replace(&mut state.is_watching, true);
                let pause = state.pause();
                drop(state);
                self.wait(watches, pause);
            }
        }
    }

    fn wait(self: &Arc<Self>, watches: bool, pause: Option<Duration>) {
        if watches && let Some(watcher) = self.watcher.get() {
            let shared = Arc::downgrade(self);
            watcher.request(move |changes| {
                if let Some(shared) = Weak::upgrade(&shared) {
                    shared.see(&changes);
                }
            });
        }
        if let Some(pause) = pause {
            let shared = Arc::downgrade(self);
            executor::run_later(pause, move || {
                if let Some(shared) = Weak::upgrade(&shared) {
                    shared.state().has_timer = false;
                    shared.look();
                }
            });
        }
    }

    /// The group has changed.
    fn see(self: &Arc<Self>, changes: &[Change]) {
        let mut state = self.state();
        state.is_watching = false;
        state.next_pause = FIRST_PAUSE;
        if let Some(change) = changes.last() {
            state.stored = Some(change.group.as_ref().map_or(0, newest_stored));
        }
        drop(state);
        self.look();
    }

    fn close_watcher(&self) {
        if let Some(watcher) = self.watcher.get() {
            watcher.close();
        }
    }

    fn request(&self) -> MutexGuard<'_, Option<Done>> {
        self.request.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn new(after: u64, open: Open) -> Self {
        Self {
            open: Some(open),
            source: None,
            newest: after.min(MAX_SEQ),
            stored: None,
            next_pause: FIRST_PAUSE,
            is_watching: false,
            has_timer: false,
            is_over: false,
        }
    }

    fn look(&mut self, watcher: &OnceLock<Watcher>) -> Look {
        if self.is_over {
            return Look::Answer(Ok(Vec::new()));
        }
        let look = self.read(watcher).unwrap_or_else(|error| Look::Answer(Err(error)));
        self.is_over |= matches!(&look, Look::Answer(Err(_)));
        look
    }

    fn read(&mut self, watcher: &OnceLock<Watcher>) -> Result<Look> {
        if let Some(open) = self.open.take()
            && let Some((source, follow)) = open()?
        {
            self.source = Some(source);
            if let Some(follow) = follow {
                // It is set once.
                let _ = watcher.set(follow);
            }
        }
        let Some(source) = &mut self.source else { return Ok(self.end(Vec::new())) };
        let mut is_gone = false;
        loop {
            if let Some(events) = source.read(self.newest)? {
                let events = in_order(&mut self.newest, events);
                if !events.is_empty() {
                    return Ok(Look::Answer(Ok(events)));
                }
            } else if watcher.get().is_none() {
                return Ok(self.end(Vec::new()));
            } else if is_gone {
                let deleted = deleted(source.id(), self.newest + 1);
                return Ok(self.end(vec![deleted]));
            } else if source.is_gone()? {
                // Once more, for events just before the deletion.
                is_gone = true;
            } else {
                return Ok(Look::Wait);
            }
        }
    }

    fn end(&mut self, events: Vec<FeedEvent>) -> Look {
        self.is_over = true;
        self.source = None;
        Look::Answer(Ok(events))
    }

    /// The time until another look, if one is due: the group says that there are events, or it has not been seen yet.
    fn pause(&mut self) -> Option<Duration> {
        let is_due = self.stored.is_none_or(|stored| stored > self.newest);
        if !is_due || self.has_timer {
            return None;
        }
        self.has_timer = true;
        let next_pause = (2 * self.next_pause).min(MAX_PAUSE);
        Some(mem::replace(&mut self.next_pause, next_pause))
    }
}

/// The event that a group was deleted, which nobody can store.
fn deleted(id: &GroupId, seq: u64) -> FeedEvent {
    let deleted = GroupDeletedEvent { timestamp: IsoTime::now(), group_id: id.to_string() };
    FeedEvent::new(Positive::clamped(seq), FurtherEvent::GroupDeleted(deleted).into())
}

/// Leaves out the events up to the newest one that a reader has, and puts gaps where some are missing.
fn in_order(newest: &mut u64, events: Vec<FeedEvent>) -> Vec<FeedEvent> {
    let mut ordered = Vec::with_capacity(events.len());
    for event in events {
        let (next, seq) = (*newest + 1, event.seq());
        // safeguard: each event is returned once
        if seq < next {
            continue;
        }
        *newest = seq;
        let is_gap = matches!(event.event(), Event::Further(FurtherEvent::FeedGap(_)));
        // A gap may also stand for events that were returned.
        let last_missing = if is_gap { seq } else { seq - 1 };
        // safeguard: a reader is told of what it misses
        if last_missing >= next {
            ordered.push(gap(next, last_missing, event.event()));
        }
        if !is_gap {
            ordered.push(event);
        }
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_looks_for_missing_events_as_long_as_it_takes() {
        let mut state = State::new(1, Box::new(|| Ok(None)));
        state.stored = Some(2);
        for _ in 0..100 {
            assert!(state.pause().is_some_and(|pause| pause <= MAX_PAUSE));
            assert_eq!(state.pause(), None);
            state.has_timer = false;
        }
        state.newest = 2;
        assert_eq!(state.pause(), None);
    }
}
