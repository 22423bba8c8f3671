//! The store of one group, as its runner needs it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::channel;

use crate::error::{Error, Result};
use crate::executor;
use crate::feed::{self, Commit, Committed, Event};
use crate::model::{GroupId, time};
use crate::ownership;
use crate::repository::file::RunLock;
use crate::repository::{Document, FileGroupRepository, GroupRepository, InMemoryGroupRepository, Watcher};

/// Computes a commit from the stored group. It is called once, while the group is locked, and must return soon.
pub type Change = Box<dyn FnOnce(&Document) -> Result<Commit> + Send>;

/// Takes the result of a commit: `None` if there is no such group.
pub type Done = Box<dyn FnOnce(Result<Option<Committed>>) + Send>;

/// The store of one group. Its methods may be called on any thread.
pub trait RunStore: Send + Sync {
    /// The group's id.
    fn id(&self) -> &GroupId;

    /// Returns the stored group; `None` if there is none.
    fn load(&self) -> Result<Option<Document>>;

    /// Stores a commit as a whole, and reports the result on any thread. Must not block.
    fn commit(&self, change: Change, done: Done);

    /// Appends events to the feed that a commit could not append, and reports on any thread if that succeeded. Must not block. By
    /// default nothing is left to be appended.
    fn append(&self, _events: Vec<(u64, Event)>, done: Box<dyn FnOnce(bool) + Send>) {
        done(true);
    }

    /// Calls `changed` on any thread after changes of the group by anyone, until the returned value is dropped. A store that
    /// cannot tell calls it once a second.
    fn watch(&self, changed: Arc<dyn Fn() + Send + Sync>) -> Result<Box<dyn Send>>;

    /// Takes the group for one runner. Fails with `ALREADY_RUNNING`.
    fn claim(&self) -> Result<Claim>;

    /// Returns `true` if a runner has the group. By default the record `runner` in the group tells.
    fn is_claimed(&self) -> Result<bool> {
        has_recorded_runner(self)
    }

    /// The group's own directory, for the files of its sessions; `None` if it has none.
    fn directory(&self) -> Option<PathBuf> {
        None
    }

    /// The directory of all groups; `None` if there is none.
    fn base(&self) -> Option<PathBuf> {
        None
    }
}

/// The way in which a group belongs to its runner.
#[derive(Debug)]
pub enum Claim {
    /// By a kernel lock, until this is dropped.
    Lock(RunLock),
    /// By the record `runner` in the group, which its runner writes, renews and removes.
    Record,
}

/// Returns `true` if the record `runner` in a group stands for a runner that has the group.
pub fn has_recorded_runner(store: &(impl RunStore + ?Sized)) -> Result<bool> {
    let Some(group) = store.load()? else { return Ok(false) };
    let runner = group.group()?.runner;
    Ok(runner.is_some_and(|record| ownership::check_record(store.id(), &record, time::now_ms()).is_err()))
}

/// Waits for a commit. Must not be called where the commit's answer has to be handled.
pub(super) fn commit_and_wait(store: &dyn RunStore, change: Change) -> Result<Committed> {
    let (sender, receiver) = channel();
    store.commit(change, Box::new(move |result| drop(sender.send(result))));
    let result = executor::block(|| receiver.recv());
    let result = result.map_err(|_| Error::internal("a commit was not answered"))?;
    result?.ok_or_else(|| Error::group_not_found(store.id().as_str()))
}

/// A group in files.
#[derive(Clone)]
pub struct FileRunStore {
    repository: FileGroupRepository,
    id: GroupId,
}

impl FileRunStore {
    /// The group of that id.
    pub fn new(repository: FileGroupRepository, id: GroupId) -> Self {
        Self { repository, id }
    }
}

impl RunStore for FileRunStore {
    fn id(&self) -> &GroupId {
        &self.id
    }

    fn load(&self) -> Result<Option<Document>> {
        self.repository.find_by_id(&self.id)
    }

    fn commit(&self, change: Change, done: Done) {
        feed::submit(&self.repository, &self.id, change, done);
    }

    fn append(&self, events: Vec<(u64, Event)>, done: Box<dyn FnOnce(bool) + Send>) {
        let Self { repository, id } = self.clone();
        executor::run(move || done(feed::append(&repository, &id, &events, None).is_ok()));
    }

    fn watch(&self, changed: Arc<dyn Fn() + Send + Sync>) -> Result<Box<dyn Send>> {
        Ok(follow(self.repository.watch(Some(self.id.clone()))?, changed))
    }

    fn claim(&self) -> Result<Claim> {
        ownership::lock(&self.repository, &self.id).map(Claim::Lock)
    }

    fn is_claimed(&self) -> Result<bool> {
        Ok(self.repository.run_lock_holder(&self.id).is_some())
    }

    fn directory(&self) -> Option<PathBuf> {
        Some(self.repository.base().join(self.id.as_str()))
    }

    fn base(&self) -> Option<PathBuf> {
        Some(self.repository.base().to_owned())
    }
}

/// A group in memory.
#[derive(Clone)]
pub struct MemoryRunStore {
    repository: InMemoryGroupRepository,
    id: GroupId,
}

impl MemoryRunStore {
    /// The group of that id.
    pub fn new(repository: InMemoryGroupRepository, id: GroupId) -> Self {
        Self { repository, id }
    }
}

impl RunStore for MemoryRunStore {
    fn id(&self) -> &GroupId {
        &self.id
    }

    fn load(&self) -> Result<Option<Document>> {
        self.repository.find_by_id(&self.id)
    }

    fn commit(&self, change: Change, done: Done) {
        feed::submit(&self.repository, &self.id, change, done);
    }

    fn watch(&self, changed: Arc<dyn Fn() + Send + Sync>) -> Result<Box<dyn Send>> {
        Ok(follow(self.repository.watch(Some(self.id.clone()))?, changed))
    }

    fn claim(&self) -> Result<Claim> {
        Ok(Claim::Record)
    }
}

fn follow(watcher: Watcher, changed: Arc<dyn Fn() + Send + Sync>) -> Box<dyn Send> {
    let watcher = Arc::new(watcher);
    request(&watcher, changed);
    Box::new(watcher)
}

fn request(watcher: &Arc<Watcher>, changed: Arc<dyn Fn() + Send + Sync>) {
    let next = Arc::downgrade(watcher);
    watcher.request(move |changes| {
        if changes.is_empty() {
            return;
        }
        changed();
        if let Some(watcher) = next.upgrade() {
            request(&watcher, changed);
        }
    });
}
