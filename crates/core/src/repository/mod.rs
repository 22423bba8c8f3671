//! Repositories of groups: the contract and its implementations. Groups are text here, parsed only as far as a check, a
//! query or a change needs.

mod collation;
mod document;
mod fields;
pub mod file;
mod memory;
mod merge;
mod name_part;
mod query;
mod transaction;
mod watch;
mod working_copy;

pub use document::{Document, Revision, WeakDocument};
pub use file::FileGroupRepository;
pub(crate) use memory::Attachment;
pub use memory::InMemoryGroupRepository;
pub use merge::{Changes, Condition, Write, WriteOutcome};
pub use query::{Direction, GroupFilter, GroupSort, SortField};
pub(crate) use transaction::Transaction;
pub use watch::{Change, Watcher};

use std::path::PathBuf;
use std::sync::Arc;

use crate::error::Result;
use crate::model::{GroupId, GroupStatus, GroupSummary};

/// A repository of groups. Every call returns when it is done, and as durable as the repository promises. It does its
/// work on the calling thread, which may be any one, also that of a callback.
pub trait GroupRepository: Send + Sync {
    /// Returns the group of that id; `None` only when there is no such group.
    fn find_by_id(&self, id: &GroupId) -> Result<Option<Document>>;

    /// Returns the groups that match: filtered, then sorted (by id without a sort), then paged.
    fn list(&self, filter: &GroupFilter, sort: Option<GroupSort>) -> Result<Vec<Document>>;

    /// Returns the number of groups that match; `limit` and `offset` are ignored.
    fn count(&self, filter: &GroupFilter) -> Result<usize>;

    /// Carries out a write.
    fn write(&self, id: &GroupId, write: Write) -> Result<WriteOutcome>;

    /// Returns the problems of the store.
    fn verify(&self) -> Result<Vec<RepositoryProblem>>;

    /// Watches one group, or all: first reports the state of each group that exists, then each change. Quick changes of a
    /// group may be reported as one.
    fn watch(&self, only: Option<GroupId>) -> Result<Watcher>;

    /// Returns the groups of that status, by id.
    fn find_by_status(&self, status: GroupStatus) -> Result<Vec<Document>> {
        self.list(&GroupFilter { status: Some(status), ..GroupFilter::default() }, None)
    }

    /// Returns the same groups as [`list`](Self::list), without their sessions.
    fn summaries(&self, filter: &GroupFilter, sort: Option<GroupSort>) -> Result<Vec<Arc<GroupSummary>>> {
        self.list(filter, sort)?.iter().map(Document::summary).collect()
    }

    /// Creates or replaces a whole group.
    fn save(&self, group: Document, condition: Condition) -> Result<()> {
        let id = group.id().clone();
        self.write(&id, Write::Save { group, condition }).map(drop)
    }

    /// Merges fields into the stored group; `None` when there is none.
    fn update(&self, id: &GroupId, changes: Changes) -> Result<Option<Document>> {
        match self.write(id, Write::Update { changes, condition: Condition::None })? {
            WriteOutcome::Stored(group) => Ok(Some(group)),
            WriteOutcome::NotFound | WriteOutcome::Deleted => Ok(None),
        }
    }

    /// Merges fields into one session; `false` when group or session is missing.
    fn update_session(&self, id: &GroupId, session_id: &str, changes: Changes) -> Result<bool> {
        let written = self.write(id, Write::UpdateSession { session_id: session_id.to_owned(), changes })?;
        Ok(matches!(written, WriteOutcome::Stored(_)))
    }

    /// Removes the group and all under it; `false` when there was none.
    fn delete(&self, id: &GroupId, condition: Condition) -> Result<bool> {
        Ok(matches!(self.write(id, Write::Delete { condition })?, WriteOutcome::Deleted))
    }

    /// Returns a name for the stored state of a group; `None` when there is none.
    fn revision(&self, id: &GroupId) -> Result<Option<Revision>> {
        Ok(self.find_by_id(id)?.map(|group| group.revision()))
    }
}

/// A problem found by `verify`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryProblem {
    /// The group's id, or the name of the entry.
    pub id: String,
    /// The file or directory.
    pub path: PathBuf,
    /// The kind of problem.
    pub kind: ProblemKind,
    /// Description for people.
    pub message: String,
}

/// Kinds of problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// A file that is no group.
    Corrupt,
    /// The group's id is not its directory's name.
    IdMismatch,
    /// Written by a newer version.
    NewerSchema,
    /// This user may not read it: it belongs to another one, or its permissions say so.
    ForeignOwner,
    /// Something that belongs to no group.
    Leftover,
}

impl ProblemKind {
    /// The name that JavaScript sees.
    pub fn name(self) -> &'static str {
        match self {
            Self::Corrupt => "corrupt",
            Self::IdMismatch => "id_mismatch",
            Self::NewerSchema => "newer_schema",
            Self::ForeignOwner => "foreign_owner",
            Self::Leftover => "leftover",
        }
    }
}
