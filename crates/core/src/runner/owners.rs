//! What the manager has to know about runners, for groups in files.

use crate::error::{ErrorKind, Result};
use crate::manager::Ownership;
use crate::model::GroupId;
use crate::ownership::{self, Owner};
use crate::repository::{Document, FileGroupRepository};
use crate::runner::{FileRunStore, Runner, RunnerOptions};

/// The runners of a file repository's groups.
///
/// ```
/// use session_groups::manager::{GroupManager, NewGroup};
/// use session_groups::model::time::IsoTime;
/// use session_groups::repository::FileGroupRepository;
/// use session_groups::repository::file::FileOptions;
/// use session_groups::runner::{FileOwnership, RunnerOptions};
///
/// let base = tempfile::tempdir()?;
/// let repository = FileGroupRepository::new(Some(base.path()), FileOptions::default())?;
/// let ownership = FileOwnership::new(repository.clone(), RunnerOptions::default());
/// let manager = GroupManager::new(&repository, &ownership);
/// let group = manager.create_group(&NewGroup::named("Authentication"), &IsoTime::now())?.group;
/// manager.delete_group(group.id())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct FileOwnership {
    repository: FileGroupRepository,
    options: RunnerOptions,
}

impl FileOwnership {
    /// The runners of a repository's groups. `options` hold for ending what a runner has left.
    pub fn new(repository: FileGroupRepository, options: RunnerOptions) -> Self {
        Self { repository, options }
    }
}

impl Ownership for FileOwnership {
    fn other_runner(&self, group: &Document) -> Result<Option<String>> {
        Ok(match ownership::owner(&self.repository, group.id()) {
            Owner::Other { name, .. } => Some(name),
            Owner::None | Owner::ThisProcess => None,
        })
    }

    fn delete(&self, id: &GroupId, delete: &mut dyn FnMut() -> Result<bool>) -> Result<bool> {
        let store = FileRunStore::new(self.repository.clone(), id.clone());
        match Runner::new(store, self.options.clone()).end_and(&mut *delete) {
            // There is nothing to end in a group that is not there, or cannot be read.
            Err(error) if error.is(ErrorKind::NotFound) || error.is(ErrorKind::Corrupt) => delete(),
            ended => ended,
        }
    }
}
