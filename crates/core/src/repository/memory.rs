//! Groups in memory, for tests: the same behaviour as on disk, and nothing that lasts.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::Result;
use crate::model::GroupId;
use crate::repository::document::Document;
use crate::repository::merge::{Write, WriteOutcome};
use crate::repository::query::{GroupFilter, GroupSort};
use crate::repository::watch::{Subscribers, Watcher};
use crate::repository::{GroupRepository, RepositoryProblem};

type Groups = BTreeMap<GroupId, Document>;

/// Keeps groups as long as it lives.
#[derive(Debug, Default)]
pub struct InMemoryGroupRepository {
    groups: Arc<Mutex<Groups>>,
    subscribers: Subscribers,
}

impl InMemoryGroupRepository {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets all groups.
    pub fn clear(&self) {
        self.groups().clear();
        self.subscribers.mark_all(&[]);
    }

    fn groups(&self) -> MutexGuard<'_, Groups> {
        lock(&self.groups)
    }
}

fn lock(groups: &Mutex<Groups>) -> MutexGuard<'_, Groups> {
    // Every change of the map is a single insertion or removal: a panic elsewhere leaves it whole.
    groups.lock().unwrap_or_else(PoisonError::into_inner)
}

impl GroupRepository for InMemoryGroupRepository {
    fn find_by_id(&self, id: &GroupId) -> Result<Option<Document>> {
        Ok(self.groups().get(id).cloned())
    }

    fn list(&self, filter: &GroupFilter, sort: Option<GroupSort>) -> Result<Vec<Document>> {
        let matches = filter.matcher();
        let matching = self.groups().values().filter(|group| matches((*group).borrow())).cloned().collect();
        Ok(filter.page(matching, sort))
    }

    fn count(&self, filter: &GroupFilter) -> Result<usize> {
        let matches = filter.matcher();
        Ok(self.groups().values().filter(|group| matches((*group).borrow())).count())
    }

    fn write(&self, id: &GroupId, write: Write) -> Result<WriteOutcome> {
        let mut groups = self.groups();
        let written = write.apply(id, groups.get(id).cloned())?;
        match &written {
            WriteOutcome::NotFound => {}
            WriteOutcome::Stored(group) => drop(groups.insert(id.clone(), group.clone())),
            WriteOutcome::Deleted => drop(groups.remove(id)),
        }
        drop(groups);
        self.subscribers.mark([id]);
        Ok(written)
    }

    fn verify(&self) -> Result<Vec<RepositoryProblem>> {
        Ok(Vec::new())
    }

    fn watch(&self, only: Option<GroupId>) -> Result<Watcher> {
        let groups = Arc::clone(&self.groups);
        let watcher = self.subscribers.subscribe(only, move |id| Ok(lock(&groups).get(id).cloned()));
        watcher.begin(self.groups().keys());
        Ok(watcher)
    }
}
