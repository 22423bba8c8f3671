//! Where groups are kept: the contract, and who fulfils it. Groups are text here; what is looked into is only what
//! a check, a query or a change needs.

mod collation;
mod document;
pub mod file;
mod memory;
mod merge;
mod name_part;
mod query;
mod working_copy;

pub use document::{Document, Revision};
pub use file::FileGroupRepository;
pub use memory::InMemoryGroupRepository;
pub use merge::{Changes, Condition, Write, Written};
pub use query::{Direction, GroupFilter, GroupSort, SortField};

use std::path::PathBuf;

use crate::error::Result;
use crate::model::{GroupId, GroupStatus};

/// Where groups are kept. Every call waits until it is done; what it returns is as durable as the repository
/// promises.
pub trait GroupRepository: Send + Sync {
    /// The group of that id; `None` only when there is no such group.
    fn find_by_id(&self, id: &GroupId) -> Result<Option<Document>>;

    /// The groups that match: filtered, then sorted (by id without a sort), then paged.
    fn list(&self, filter: &GroupFilter, sort: Option<GroupSort>) -> Result<Vec<Document>>;

    /// How many groups match; `limit` and `offset` play no part.
    fn count(&self, filter: &GroupFilter) -> Result<usize>;

    /// Carries out a write.
    fn write(&self, id: &GroupId, write: Write) -> Result<Written>;

    /// What is wrong with the store.
    fn verify(&self) -> Result<Vec<RepositoryProblem>>;

    /// The groups of that status, by id.
    fn find_by_status(&self, status: GroupStatus) -> Result<Vec<Document>> {
        self.list(&GroupFilter { status: Some(status), ..GroupFilter::default() }, None)
    }

    /// Creates or replaces a whole group.
    fn save(&self, group: Document, condition: Condition) -> Result<()> {
        let id = group.id().clone();
        self.write(&id, Write::Save { group, condition }).map(drop)
    }

    /// Merges fields into the stored group; `None` when there is none.
    fn update(&self, id: &GroupId, changes: Changes) -> Result<Option<Document>> {
        match self.write(id, Write::Update { changes, condition: Condition::None })? {
            Written::Stored(group) => Ok(Some(group)),
            Written::Missing | Written::Removed => Ok(None),
        }
    }

    /// Merges fields into one session; `false` when group or session is missing.
    fn update_session(&self, id: &GroupId, session_id: &str, changes: Changes) -> Result<bool> {
        let written = self.write(id, Write::UpdateSession { session_id: session_id.to_owned(), changes })?;
        Ok(matches!(written, Written::Stored(_)))
    }

    /// Removes the group and all under it; `false` when there was none.
    fn delete(&self, id: &GroupId, condition: Condition) -> Result<bool> {
        Ok(matches!(self.write(id, Write::Delete { condition })?, Written::Removed))
    }

    /// A name for the stored state of a group; `None` when there is none.
    fn revision(&self, id: &GroupId) -> Result<Option<Revision>> {
        Ok(self.find_by_id(id)?.map(|group| group.revision()))
    }
}

/// Something that `verify` found wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryProblem {
    /// The group's id, or the name of the entry.
    pub id: String,
    /// The file or directory.
    pub path: PathBuf,
    /// What kind of problem.
    pub kind: ProblemKind,
    /// What is wrong, for people.
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
