//! Groups in memory, for tests: the same behaviour as on disk, and nothing that lasts.

use std::any::Any;
use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::error::Result;
use crate::model::GroupId;
use crate::repository::document::Document;
use crate::repository::merge::{Write, WriteOutcome};
use crate::repository::query::{GroupFilter, GroupSort};
use crate::repository::watch::{Subscribers, Watcher};
use crate::repository::working_copy::{Mutation, WorkingCopy};
use crate::repository::{GroupRepository, RepositoryProblem, Transaction};

/// What others keep with a group, as a program keeps files in a group's directory. It is gone with its group.
pub(crate) type Attachment = OnceLock<Arc<dyn Any + Send + Sync>>;

#[derive(Debug)]
struct Kept {
    group: Document,
    attachment: Arc<Attachment>,
}

type Groups = BTreeMap<GroupId, Kept>;

/// Keeps groups as long as it lives. A clone is the same repository.
#[derive(Debug, Clone, Default)]
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

    /// What is kept with a group; `None` if there is no such group.
    pub(crate) fn attachment(&self, id: &GroupId) -> Option<Arc<Attachment>> {
        self.groups().get(id).map(|kept| Arc::clone(&kept.attachment))
    }

    /// Carries out a transaction.
    pub(crate) fn transaction(
        &self,
        id: &GroupId,
        mut transaction: Box<dyn Transaction<Attachment>>,
    ) -> Result<WriteOutcome> {
        let mut groups = self.groups();
        let stored = groups.get(id);
        let attachment = stored.map(|kept| Arc::clone(&kept.attachment)).unwrap_or_default();
        let before = stored.map(|kept| kept.group.clone());
        let writes = transaction.begin(before.as_ref(), &attachment)?;
        if writes.is_empty() {
            return Ok(before.map_or(WriteOutcome::NotFound, WriteOutcome::Stored));
        }
        let mut copy = WorkingCopy::new(before);
        if copy.apply_all(id, writes)? == Mutation::None {
            return Ok(WriteOutcome::NotFound);
        }
        let group = copy.checked()?;
        keep(&mut groups, id, group.clone(), &attachment);
        transaction.committed(&attachment);
        drop(groups);
        self.subscribers.mark([id]);
        Ok(group.map_or(WriteOutcome::Deleted, WriteOutcome::Stored))
    }
}

/// Puts a group in the place of the one that is kept, or removes it.
fn keep(groups: &mut Groups, id: &GroupId, group: Option<Document>, attachment: &Arc<Attachment>) {
    match group {
        Some(group) => drop(groups.insert(id.clone(), Kept { group, attachment: Arc::clone(attachment) })),
        None => drop(groups.remove(id)),
    }
}

fn lock(groups: &Mutex<Groups>) -> MutexGuard<'_, Groups> {
    // Every change of the map is a single insertion or removal: a panic elsewhere leaves it whole.
    groups.lock().unwrap_or_else(PoisonError::into_inner)
}

impl GroupRepository for InMemoryGroupRepository {
    fn find_by_id(&self, id: &GroupId) -> Result<Option<Document>> {
        Ok(self.groups().get(id).map(|kept| kept.group.clone()))
    }

    fn list(&self, filter: &GroupFilter, sort: Option<GroupSort>) -> Result<Vec<Document>> {
        let matches = filter.matcher();
        let groups = self.groups();
        let all = groups.values().map(|kept| &kept.group);
        let matching = all.filter(|group| matches((*group).borrow())).cloned().collect();
        drop(groups);
        Ok(filter.page(matching, sort))
    }

    fn count(&self, filter: &GroupFilter) -> Result<usize> {
        let matches = filter.matcher();
        Ok(self.groups().values().filter(|kept| matches(kept.group.borrow())).count())
    }

    fn write(&self, id: &GroupId, write: Write) -> Result<WriteOutcome> {
        let mut groups = self.groups();
        let stored = groups.get(id);
        let attachment = stored.map(|kept| Arc::clone(&kept.attachment)).unwrap_or_default();
        let written = write.apply(id, stored.map(|kept| kept.group.clone()))?;
        match &written {
            WriteOutcome::NotFound => {}
            WriteOutcome::Stored(group) => keep(&mut groups, id, Some(group.clone()), &attachment),
            WriteOutcome::Deleted => keep(&mut groups, id, None, &attachment),
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
        let watcher = self
            .subscribers
            .subscribe(only, move |id| Ok(lock(&groups).get(id).map(|kept| kept.group.clone())));
        watcher.begin(self.groups().keys());
        Ok(watcher)
    }
}
