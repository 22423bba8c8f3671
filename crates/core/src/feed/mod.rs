//! The feed of a group: what happened to it, in order, readable from any process.
//!
//! The group is the truth. A [`Commit`] changes it and numbers the events that report the change; once the change is
//! stored, the events are appended to the feed while the group is still locked. So the feed never has an event of
//! something that was not stored. An event whose append failed, because its process was killed or the disk was full, is
//! missing, and the next commit with events appends a `feed_gap` in its place.
//!
//! The commit is durable, the feed is not synced: after a power failure its newest events may be missing, which the next
//! commit reports as a gap as well.
//!
//! ```
//! use session_groups::feed::{self, Commit, Event};
//! use session_groups::model::event::{GroupCreatedEvent, GroupResumedEvent};
//! use session_groups::model::{GroupId, GroupPatch, GroupStatus, SessionGroup, time::IsoTime};
//! use session_groups::repository::{Document, InMemoryGroupRepository};
//!
//! let repository = InMemoryGroupRepository::new();
//! let (id, now) = (GroupId::new("20260115-103000-auth")?, IsoTime::now());
//! let group = SessionGroup::new(id.clone(), "Authentication", "auth", now.clone());
//! let created = GroupCreatedEvent {
//!     timestamp: now.clone(),
//!     group_id: id.to_string(),
//!     name: group.name.clone(),
//!     slug: group.slug.clone(),
//!     total_sessions: 0.into(),
//! };
//! feed::create(&repository, Document::from_group(&group)?, vec![created.into()])?;
//!
//! let committed = feed::commit(&repository, &id, move |group| {
//!     let resumed = GroupResumedEvent {
//!         timestamp: now,
//!         group_id: group.id().to_string(),
//!         pending_sessions: 0.into(),
//!     };
//!     let running = GroupPatch { status: Some(GroupStatus::Running), ..GroupPatch::default() };
//!     Ok(Commit::new(running).with_event(resumed))
//! })?;
//! assert_eq!(committed.unwrap().events[0].0, 2);
//! # Ok::<(), session_groups::Error>(())
//! ```

mod commit;
mod event;
mod file;
mod log;
mod memory;
mod reader;
mod source;

pub use commit::{Commit, Committed};
pub use event::{
    Event, FeedEvent, FeedGapEvent, FurtherEvent, GroupDeletedEvent, MAX_PROMPT, SessionAdoptedEvent,
    SessionInterruptedEvent, SessionLimitLiftedEvent, SessionRetryingEvent, SessionUnreachableEvent,
    SessionWaitingLimitEvent, ToolsDeniedEvent,
};

pub use reader::Events;

use crate::error::{Error, Result};
use crate::executor;
use crate::model::GroupId;
use crate::repository::{
    Document, FileGroupRepository, GroupRepository, InMemoryGroupRepository, WriteOutcome,
};
use commit::{Appending, Committing, Numbered};
use reader::Open;
use source::{FileSource, MemorySource, Source};

/// Changes a group and reports that by events, in one commit. `change` computes both from the stored group, `None` is
/// returned if there is no such group, or if a session that is to be changed does not exist; then nothing has changed.
///
/// `change` is called once, while the group is locked for all processes and on any thread. It must return soon and must
/// not call the repository. Its error is returned, and nothing has changed then. `eventSeq` of the group is set by the commit, whatever
/// the changes say.
pub fn commit(
    repository: &impl FeedRepository,
    id: &GroupId,
    change: impl FnOnce(&Document) -> Result<Commit> + Send + 'static,
) -> Result<Option<Committed>> {
    let numbered = Numbered::default();
    let written = repository.carry_out(id, Committing::change(id, change, &numbered));
    numbered.outcome(written)
}

/// Does the same as [`commit`] without waiting: `done` is called on another thread.
pub fn submit(
    repository: &impl FeedRepository,
    id: &GroupId,
    change: impl FnOnce(&Document) -> Result<Commit> + Send + 'static,
    done: impl FnOnce(Result<Option<Committed>>) + Send + 'static,
) {
    let numbered = Numbered::default();
    let committing = Committing::change(id, change, &numbered);
    repository.submit_work(id, committing, move |written| done(numbered.outcome(written)));
}

/// Creates a group and reports that by events, in one commit. Fails with `CONFLICT` if the group exists.
pub fn create(repository: &impl FeedRepository, group: Document, events: Vec<Event>) -> Result<Committed> {
    let (id, numbered) = (group.id().clone(), Numbered::default());
    let written = repository.carry_out(&id, Committing::create(group, events, &numbered));
    created(numbered.outcome(written))
}

/// Does the same as [`create`] without waiting: `done` is called on another thread.
pub fn submit_create(
    repository: &impl FeedRepository,
    group: Document,
    events: Vec<Event>,
    done: impl FnOnce(Result<Committed>) + Send + 'static,
) {
    let (id, numbered) = (group.id().clone(), Numbered::default());
    let committing = Committing::create(group, events, &numbered);
    repository.submit_work(&id, committing, move |written| done(created(numbered.outcome(written))));
}

fn created(outcome: Result<Option<Committed>>) -> Result<Committed> {
    outcome?.ok_or_else(|| Error::internal("a group was not created"))
}

/// Appends the events of a commit that was stored by other means, while the group is locked. The commit has numbered them.
/// `group` is saved with them where it is given. Those whose numbers are not above the newest one in the feed are left out.
/// Fails if they cannot be appended; then they are missing, as those of a [`commit`] are.
pub fn append(
    repository: &impl FeedRepository,
    id: &GroupId,
    events: &[(u64, Event)],
    group: Option<Document>,
) -> Result<()> {
    repository.append(id, Appending::new(events, group)).map(drop)
}

/// Reads the events of a group with numbers above `after`; 0 for all that are kept. Each is returned once and in order. A
/// `feed_gap` stands for events that are missing, also for those that are no longer kept and for lines that are not events.
///
/// With `follow` the reader waits for further events. When the group is deleted it returns a `group_deleted`, whose number is
/// one above that of the last event, and ends. Without a group of this id it ends at once. Reading fails with `CORRUPT`, `FOREIGN_OWNER` or
/// `IO`.
pub fn events(repository: &impl FeedRepository, id: &GroupId, after: u64, follow: bool) -> Events {
    Events::new(after, repository.open(id, follow))
}

/// A repository that keeps feeds: [`FileGroupRepository`] or [`InMemoryGroupRepository`].
pub trait FeedRepository: GroupRepository + sealed::Carrier {}

impl FeedRepository for FileGroupRepository {}
impl FeedRepository for InMemoryGroupRepository {}

mod sealed {
    use super::{Appending, Committing, GroupId, Open, Result, WriteOutcome};

    /// A repository that can carry out commits, and opens the events of a group.
    pub trait Carrier {
        fn open(&self, id: &GroupId, follow: bool) -> Open;

        fn carry_out(&self, id: &GroupId, work: Committing) -> Result<WriteOutcome>;

        fn append(&self, id: &GroupId, work: Appending) -> Result<WriteOutcome>;

        fn submit_work(
            &self,
            id: &GroupId,
            work: Committing,
            done: impl FnOnce(Result<WriteOutcome>) + Send + 'static,
        );
    }
}

impl sealed::Carrier for FileGroupRepository {
    fn open(&self, id: &GroupId, follow: bool) -> Open {
        let (repository, id) = (self.clone(), id.clone());
        Box::new(move || {
            let watcher = if follow { Some(repository.watch(Some(id.clone()))?) } else { None };
            let source = FileSource::open(repository, &id)?;
            Ok(source.map(|source| (Box::new(source) as Box<dyn Source>, watcher)))
        })
    }

    fn carry_out(&self, id: &GroupId, work: Committing) -> Result<WriteOutcome> {
        self.transaction(id, Box::new(work))
    }

    fn append(&self, id: &GroupId, work: Appending) -> Result<WriteOutcome> {
        self.transaction(id, Box::new(work))
    }

    fn submit_work(
        &self,
        id: &GroupId,
        work: Committing,
        done: impl FnOnce(Result<WriteOutcome>) + Send + 'static,
    ) {
        self.submit_transaction(id, Box::new(work), done);
    }
}

impl sealed::Carrier for InMemoryGroupRepository {
    fn open(&self, id: &GroupId, follow: bool) -> Open {
        // At once: this takes no time.
        let watcher = if follow { Some(self.watch(Some(id.clone()))) } else { None };
        let source = MemorySource::open(self.clone(), id);
        Box::new(move || {
            let watcher = watcher.transpose()?;
            Ok(source.map(|source| (Box::new(source) as Box<dyn Source>, watcher)))
        })
    }

    fn carry_out(&self, id: &GroupId, work: Committing) -> Result<WriteOutcome> {
        self.transaction(id, Box::new(work))
    }

    fn append(&self, id: &GroupId, work: Appending) -> Result<WriteOutcome> {
        self.transaction(id, Box::new(work))
    }

    fn submit_work(
        &self,
        id: &GroupId,
        work: Committing,
        done: impl FnOnce(Result<WriteOutcome>) + Send + 'static,
    ) {
        let (repository, id) = (self.clone(), id.clone());
        executor::run(move || done(repository.transaction(&id, Box::new(work))));
    }
}
