//! Commits: changes of a group and the events that report them, stored as one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{Error, FieldError, Result, is_shortage};
use crate::feed::event::{Event, FeedEvent, MAX_SEQ};
use crate::feed::log::Log;
use crate::json::Draft;
use crate::model::GroupId;
use crate::model::number::Positive;
use crate::repository::file::paths::EVENTS;
use crate::repository::{Changes, Condition, Document, Transaction, Write, WriteOutcome};

/// Changes of a group, and the events that report them.
#[derive(Debug, Clone)]
pub struct Commit {
    /// Fields of the group to merge.
    pub group: Changes,
    /// Fields of sessions to merge, by the sessions' ids.
    pub sessions: Vec<(String, Changes)>,
    /// The events in order.
    pub events: Vec<Event>,
}

impl Commit {
    /// Changes of the group itself, and no events.
    pub fn new(group: impl Into<Changes>) -> Self {
        Self { group: group.into(), sessions: Vec::new(), events: Vec::new() }
    }

    /// The same commit with one more event.
    #[must_use]
    pub fn with_event(mut self, event: impl Into<Event>) -> Self {
        self.events.push(event.into());
        self
    }

    /// The same commit with changes of one more session.
    #[must_use]
    pub fn with_session(mut self, id: impl Into<String>, changes: impl Into<Changes>) -> Self {
        self.sessions.push((id.into(), changes.into()));
        self
    }
}

/// A commit that is stored.
#[derive(Debug, Clone)]
pub struct Committed {
    /// The group as it is stored.
    pub group: Document,
    /// The events with the numbers they were given. Unlike those in the feed, they have their whole prompts.
    pub events: Vec<(u64, Event)>,
    /// `false` if the events could not be appended to the feed for lack of something, such as space. [`append`](super::append) tries
    /// it again; otherwise the next commit with events reports a gap.
    pub is_reported: bool,
    /// `true` if others changed the group after the commit was computed from it, and the commit was applied to that.
    pub is_rebased: bool,
}

/// The numbered events of a commit, shared by the transaction and whoever waits for it.
#[derive(Clone, Default)]
pub(super) struct Numbered(Arc<Mutex<Reported>>);

#[derive(Default)]
struct Reported {
    events: Vec<(u64, Event)>,
    /// They could not be appended for lack of something.
    has_lacked: bool,
}

impl Numbered {
    fn set(&self, events: Vec<(u64, Event)>) {
        self.lock().events = events;
    }

    fn lacked(&self) {
        self.lock().has_lacked = true;
    }

    fn lock(&self) -> MutexGuard<'_, Reported> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the result of a commit.
    pub(super) fn outcome(&self, written: Result<WriteOutcome>) -> Result<Option<Committed>> {
        Ok(match written? {
            WriteOutcome::Stored(group) => {
                let Reported { events, has_lacked } = std::mem::take(&mut *self.lock());
                Some(Committed { group, events, is_reported: !has_lacked, is_rebased: false })
            }
            WriteOutcome::NotFound | WriteOutcome::Deleted => None,
        })
    }
}

/// The function that computes a commit from the stored group.
type Change = Box<dyn FnOnce(&Document) -> Result<Commit> + Send>;

/// What a transaction has to do.
enum Task {
    Create(Document, Vec<Event>),
    Change(Change),
    /// It has begun.
    None,
}

/// A commit under way.
pub struct Committing {
    id: GroupId,
    task: Task,
    numbered: Numbered,
    /// The events for the feed.
    events: Vec<FeedEvent>,
}

impl Committing {
    /// A commit that changes a group.
    pub(super) fn change(
        id: &GroupId,
        change: impl FnOnce(&Document) -> Result<Commit> + Send + 'static,
        numbered: &Numbered,
    ) -> Self {
        Self::new(id, Task::Change(Box::new(change)), numbered)
    }

    /// A commit that creates a group.
    pub(super) fn create(group: Document, events: Vec<Event>, numbered: &Numbered) -> Self {
        Self::new(&group.id().clone(), Task::Create(group, events), numbered)
    }

    fn new(id: &GroupId, task: Task, numbered: &Numbered) -> Self {
        Self { id: id.clone(), task, numbered: numbered.clone(), events: Vec::new() }
    }

    /// Numbers the events from the one after `newest` on. Returns the number of the newest event now.
    fn number(&mut self, events: Vec<Event>, newest: u64) -> Result<u64> {
        if events.is_empty() {
            return Ok(newest);
        }
        if newest > MAX_SEQ - events.len() as u64 {
            let problem = format!("must be below {MAX_SEQ}, so that further events can be numbered");
            return Err(Error::invalid_group(self.id.as_str(), FieldError::new("eventSeq", problem)));
        }
        let numbered: Vec<_> = (newest + 1..).zip(events).collect();
        let newest = newest + numbered.len() as u64;
        let feed = |(seq, event): &(u64, Event)| FeedEvent::new(Positive::clamped(*seq), event.clone());
        self.events = numbered.iter().map(feed).collect();
        self.numbered.set(numbered);
        Ok(newest)
    }
}

impl<Place: Log + ?Sized> Transaction<Place> for Committing {
    fn creates(&self) -> bool {
        matches!(self.task, Task::Create(..))
    }

    fn begin(&mut self, group: Option<&Document>, place: &Place) -> Result<Vec<Write>> {
        let task = std::mem::replace(&mut self.task, Task::None);
        // What others have stored may be older than the feed.
        let newest_in = |group: Option<&Document>| {
            let stored = group.map_or(0, newest_stored);
            (stored, stored.max(place.newest(&self.id).unwrap_or(0)))
        };
        match task {
            Task::Create(document, events) => {
                let (stored, newest) = newest_in(group.or(Some(&document)));
                let newest = self.number(events, newest)?;
                let document = if newest == stored { document } else { with_newest(&document, newest)? };
                Ok(vec![Write::Save { group: document, condition: Condition::IfAbsent }])
            }
            Task::Change(change) => {
                let Some(document) = group else { return Ok(Vec::new()) };
                let computed = catch_unwind(AssertUnwindSafe(|| change(document)));
                let computed = computed.map_err(|_| Error::internal("computing a commit panicked"))?;
                let Commit { group: changes, sessions, events } = computed?;
                let (stored, newest) = newest_in(group);
                let newest = self.number(events, newest)?;
                // safeguard: events are numbered by the commit that stores what they report
                let changes =
                    if newest == stored { changes } else { changes.with("eventSeq", newest.to_string()) };
                let mut writes = vec![Write::Update { changes, condition: Condition::None }];
                writes.extend(
                    sessions
                        .into_iter()
                        .map(|(session_id, changes)| Write::UpdateSession { session_id, changes }),
                );
                Ok(writes)
            }
            Task::None => Err(Error::internal("a commit was begun twice")),
        }
    }

    fn committed(&mut self, place: &Place) {
        if self.events.is_empty() {
            return;
        }
        // A feed that cannot be written fails no commit: the next one reports the gap.
        if let Err(error) = place.append(&self.id, &self.events)
            && is_shortage(&error)
        {
            self.numbered.lacked();
        }
    }
}

/// Events of a commit that was stored by other means.
pub struct Appending {
    events: Vec<FeedEvent>,
    /// The group to save with them.
    group: Option<Document>,
}

impl Appending {
    pub(super) fn new(events: &[(u64, Event)], group: Option<Document>) -> Self {
        let numbered = |(seq, event): &(u64, Event)| FeedEvent::new(Positive::clamped(*seq), event.clone());
        Self { events: events.iter().map(numbered).collect(), group }
    }
}

impl<Place: Log + ?Sized> Transaction<Place> for Appending {
    fn creates(&self) -> bool {
        false
    }

    fn begin(&mut self, group: Option<&Document>, place: &Place) -> Result<Vec<Write>> {
        let id = self.group.as_ref().or(group).map(|group| group.id().clone());
        if let Some(id) = id.filter(|_| !self.events.is_empty()) {
            let appended = place.append(&id, &self.events);
            let path = Path::new(id.as_str()).join(EVENTS);
            let appended = appended.map_err(|source| Error::io(Some(id.as_str()), &path, "writing", source));
            // As after a commit: the next events report the gap.
            if self.group.is_none() {
                appended?;
            }
        }
        let save = |group| Write::Save { group, condition: Condition::None };
        Ok(self.group.take().map(save).into_iter().collect())
    }

    fn committed(&mut self, _place: &Place) {}
}

/// The number of the newest event as a group says; 0 if it has none.
pub(super) fn newest_stored(group: &Document) -> u64 {
    let stored = group.json().get("eventSeq");
    let stored = stored.and_then(|seq| serde_json::from_str::<Positive>(seq.text()).ok());
    stored.map_or(0, Positive::get)
}

/// The same group with the number of its newest event.
fn with_newest(group: &Document, newest: u64) -> Result<Document> {
    let mut object = Draft::of(group.json());
    object.set("eventSeq", newest.to_string());
    Document::from_text(object.into_text())
}
