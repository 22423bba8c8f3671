//! Creates, changes and deletes groups, and checks what a repository does not: that dependencies exist and form no circle,
//! and that a status may change.
//!
//! The rules are in [`rules`], as functions of a group and a request. [`GroupManager`] applies them to a repository.
//!
//! ```
//! use session_groups::manager::{GroupManager, NewGroup, NoRunners};
//! use session_groups::model::{GroupSession, time::IsoTime};
//! use session_groups::repository::InMemoryGroupRepository;
//!
//! let repository = InMemoryGroupRepository::new();
//! let manager = GroupManager::new(&repository, &NoRunners);
//! let now = IsoTime::parse("2026-01-15T10:30:00.000Z").unwrap();
//! let group = manager.create_group(&NewGroup::named("Authentication"), &now)?.group;
//! assert_eq!(group.id().as_str(), "20260115-103000-authentication");
//!
//! let mut session = GroupSession::new("002-web", "/projects/web", "Add a login form", now.clone());
//! session.depends_on.push("001-api".to_owned());
//! let error = manager.add_session(group.id(), &session, &now).unwrap_err();
//! assert_eq!((error.code(), error.field()), ("INVALID_ARGUMENT", Some("dependsOn[0]")));
//! # Ok::<(), session_groups::Error>(())
//! ```

mod naming;
pub mod rules;

use crate::error::{Error, ErrorKind, Result};
use crate::model::event::GroupEvent;
use crate::model::time::IsoTime;
use crate::model::{GroupId, GroupPatch, GroupSession, GroupStatus};
use crate::repository::{Changes, Condition, Document, GroupRepository, Write, WriteOutcome};
use rules::Request;

pub use naming::{id_parts, may_have_slug, slug};
pub use rules::{Decision, NewGroup};

/// The processes that run groups.
pub trait Ownership: Sync {
    /// Returns a description of the process that runs a group, e.g. `process 4711 on host "build"`, or `None` if no other
    /// process does. This process does not count.
    fn other_runner(&self, group: &Document) -> Result<Option<String>>;

    /// Calls `delete` while nothing can run the group: takes its run lock, ends what an earlier runner has left running, and
    /// returns what `delete` returns. Fails with `ALREADY_RUNNING` if a runner has the group, this process included.
    fn delete(&self, id: &GroupId, delete: &mut dyn FnMut() -> Result<bool>) -> Result<bool>;
}

/// No process runs any group, and none has left anything running: for groups in memory and for tests.
#[derive(Debug, Clone, Copy)]
pub struct NoRunners;

impl Ownership for NoRunners {
    fn other_runner(&self, _: &Document) -> Result<Option<String>> {
        Ok(None)
    }

    fn delete(&self, _: &GroupId, delete: &mut dyn FnMut() -> Result<bool>) -> Result<bool> {
        delete()
    }
}

/// A group after a change.
#[derive(Debug, Clone)]
pub struct Changed {
    /// The group as it is stored now.
    pub group: Document,
    /// The event that reports the change, if it has one.
    pub event: Option<GroupEvent>,
}

/// Creates, changes and deletes the groups of a repository.
#[derive(Clone, Copy)]
pub struct GroupManager<'a> {
    repository: &'a dyn GroupRepository,
    ownership: &'a dyn Ownership,
}

impl<'a> GroupManager<'a> {
    /// A manager of a repository's groups.
    pub fn new(repository: &'a dyn GroupRepository, ownership: &'a dyn Ownership) -> Self {
        Self { repository, ownership }
    }

    /// Creates a group without sessions. Its id consists of the time and the slug of its name; `-2`, `-3` and so on are
    /// appended if it is taken. Fails with `INVALID_GROUP`, and with `INVALID_STATE` if 10,000 of them are.
    pub fn create_group(&self, new: &NewGroup, now: &IsoTime) -> Result<Changed> {
        let mut number = 1;
        loop {
            let Decision { group, event, .. } = rules::create(new, number, now)?;
            match self.repository.save(group.clone(), Condition::IfAbsent) {
                Err(error) if error.is(ErrorKind::Conflict) => number += 1,
                saved => return saved.map(|()| Changed { group, event }),
            }
        }
    }

    /// Returns a group. Fails with `NOT_FOUND`.
    pub fn get_group(&self, id: &GroupId) -> Result<Document> {
        self.repository.find_by_id(id)?.ok_or_else(|| rules::group_not_found(id.as_str()))
    }

    /// Merges fields into a group. Fails with `NOT_FOUND`, with `INVALID_TRANSITION` for a change of the status of an archived
    /// or deleted group or of one that another process runs, and with `INVALID_ARGUMENT` or `INVALID_GROUP`.
    pub fn update_group(&self, id: &GroupId, changes: impl Into<Changes>, now: &IsoTime) -> Result<Changed> {
        self.change(id, &Request::UpdateGroup(changes.into()), now)
    }

    /// Sets the status of a group to archived. Fails as [`Self::update_group`] does.
    pub fn archive_group(&self, id: &GroupId, now: &IsoTime) -> Result<Changed> {
        let patch = GroupPatch { status: Some(GroupStatus::Archived), ..GroupPatch::default() };
        self.update_group(id, patch, now)
    }

    /// Deletes a group after everything that an earlier runner has left running was ended. Fails with `NOT_FOUND`, and with
    /// `ALREADY_RUNNING` if a runner has the group.
    pub fn delete_group(&self, id: &GroupId) -> Result<()> {
        let mut delete = || self.repository.delete(id, Condition::None);
        let is_deleted = self.ownership.delete(id, &mut delete)?;
        if is_deleted { Ok(()) } else { Err(rules::group_not_found(id.as_str())) }
    }

    /// Adds a session. Fails with `NOT_FOUND`, with `INVALID_GROUP` if the session is invalid or its id is taken, with
    /// `INVALID_ARGUMENT` if it depends on a session that does not exist, and with `CIRCULAR_DEPENDENCY`.
    pub fn add_session(&self, id: &GroupId, session: &GroupSession, now: &IsoTime) -> Result<Changed> {
        let session = serde_json::to_string(session).map_err(Error::internal)?;
        self.change(id, &Request::AddSession(session), now)
    }

    /// Removes a session. Fails with `NOT_FOUND`, and with `INVALID_STATE` if other sessions depend on it; with `force`, their
    /// dependencies on it are removed instead.
    pub fn remove_session(
        &self,
        id: &GroupId,
        session_id: &str,
        force: bool,
        now: &IsoTime,
    ) -> Result<Changed> {
        self.change(id, &Request::RemoveSession { id: session_id.to_owned(), force }, now)
    }

    /// Merges fields into a session. Fails as [`Self::add_session`] does, and with `INVALID_TRANSITION` for a change of the
    /// status while another process runs the group.
    pub fn update_session(
        &self,
        id: &GroupId,
        session_id: &str,
        changes: impl Into<Changes>,
        now: &IsoTime,
    ) -> Result<Changed> {
        let request = Request::UpdateSession { id: session_id.to_owned(), changes: changes.into() };
        self.change(id, &request, now)
    }

    /// Stores what a request makes of a group; again when another writer came first.
    fn change(&self, id: &GroupId, request: &Request, now: &IsoTime) -> Result<Changed> {
        const MAX_ATTEMPTS: usize = 1_000;
        let mut conflict = None;
        for _ in 0..MAX_ATTEMPTS {
            let group = self.repository.find_by_id(id)?.ok_or_else(|| request.no_group(id.as_str()))?;
            let runner = if request.concerns_status() { self.ownership.other_runner(&group)? } else { None };
            let Decision { changes, event, .. } = rules::decide(&group, request, runner.as_deref(), now)?;
            let condition = Condition::IfRevision(group.revision());
            match self.repository.write(id, Write::Update { changes, condition }) {
                Ok(WriteOutcome::Stored(group)) => return Ok(Changed { group, event }),
                Ok(WriteOutcome::NotFound | WriteOutcome::Deleted) => {
                    return Err(request.no_group(id.as_str()));
                }
                Err(error) if error.is(ErrorKind::Conflict) => conflict = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(conflict.unwrap_or_else(|| request.no_group(id.as_str())))
    }
}

#[cfg(test)]
mod tests;
