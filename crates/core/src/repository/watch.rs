//! Watching groups, for every kind of repository.
//!
//! There is no queue of events. A watcher keeps the ids of the groups that may have changed, and the state in which it
//! reported each group last. When changes are requested, it reads those groups and reports the ones whose state is a
//! different one. So several quick changes are reported as one, a slow consumer costs no memory, and marking a group that
//! has not changed does no harm.

mod subscriber;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::{fmt, iter};

use crate::error::{Error, Result};
use crate::executor;
use crate::model::GroupId;
use crate::repository::document::{Document, Revision};
use subscriber::Subscriber;

/// A change of a group.
#[derive(Debug, Clone)]
pub struct Change {
    /// The group's id.
    pub id: GroupId,
    /// The revision of its new state; `None` if the group does not exist or cannot be read.
    pub revision: Option<Revision>,
    /// Its new state; `None` if the group does not exist or cannot be read.
    pub group: Option<Document>,
    /// The reason why it cannot be read.
    pub error: Option<Error>,
}

impl Change {
    fn new(id: GroupId, found: Result<Option<Document>>) -> Self {
        let (group, error) = match found {
            Ok(group) => (group, None),
            Err(error) => (None, Some(error)),
        };
        Self { id, revision: group.as_ref().map(Document::revision), group, error }
    }
}

/// Reports the state of each watched group, and then each change, until it is closed. Dropping it closes it.
///
/// ```
/// use serde_json::json;
/// use session_groups::model::config::GroupConfig;
/// use session_groups::repository::{Condition, Document, GroupRepository, InMemoryGroupRepository};
///
/// let now = "2026-01-15T10:30:00.000Z";
/// let group = json!({
///     "id": "a", "name": "A", "slug": "a", "status": "created", "sessions": [],
///     "config": GroupConfig::default(), "createdAt": now, "updatedAt": now,
/// });
/// let group = Document::from_text(group.to_string())?;
/// let id = group.id().clone();
///
/// let repository = InMemoryGroupRepository::new();
/// let watcher = repository.watch(None)?;
/// repository.save(group, Condition::None)?;
/// assert_eq!(watcher.next().unwrap().group.unwrap().name(), "A");
/// repository.delete(&id, Condition::None)?;
/// assert!(watcher.next().unwrap().group.is_none());
/// # Ok::<(), session_groups::Error>(())
/// ```
pub struct Watcher {
    subscriber: Arc<Subscriber>,
    subscribers: Subscribers,
    /// Changes that `next` has fetched and not returned yet.
    fetched: Mutex<VecDeque<Change>>,
}

impl Watcher {
    /// Waits for the next change. Returns `None` once the watcher is closed.
    pub fn next(&self) -> Option<Change> {
        executor::block(|| {
            let mut fetched = lock(&self.fetched);
            if self.subscriber.is_closed() {
                fetched.clear();
            } else if fetched.is_empty() {
                let (sender, receiver) = mpsc::channel();
                self.request(move |changes| drop(sender.send(changes)));
                fetched.extend(receiver.recv().ok()?);
            }
            fetched.pop_front()
        })
    }

    /// Iterates over the changes until the watcher is closed, and waits for each.
    pub fn changes(&self) -> impl Iterator<Item = Change> {
        iter::from_fn(|| self.next())
    }

    /// Requests the next changes: `done` is called once, on another thread, as soon as there are any. It gets at most 32
    /// changes, and no further one after 1 MiB of text. Once the watcher is closed it gets none.
    ///
    /// Wait for the answer before the next request: the callbacks of two requests may run at the same time.
    pub fn request(&self, done: impl FnOnce(Vec<Change>) + Send + 'static) {
        self.subscriber.request(Box::new(done));
    }

    /// Stops watching. An open request is answered with no changes.
    pub fn close(&self) {
        // Dropped after the lock is released, because a subscriber may own a repository that owns the subscribers.
        let _removed = {
            let mut open = lock(&self.subscribers.open);
            let index = open.iter().position(|each| Arc::ptr_eq(each, &self.subscriber));
            index.map(|index| open.swap_remove(index))
        };
        self.subscriber.close();
    }

    /// Begins with the groups that are there, whose state is reported first.
    pub(crate) fn begin<'a>(&self, there: impl IntoIterator<Item = &'a GroupId>) {
        if self.subscriber.begin(there) {
            self.subscriber.start();
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.close();
    }
}

/// The open watchers of a repository. A clone is the same set.
#[derive(Clone, Default)]
pub(crate) struct Subscribers {
    open: Arc<Mutex<Vec<Arc<Subscriber>>>>,
}

impl Subscribers {
    /// Opens a watcher of one group, or of all. `read` reads a group as it is now. The watcher then begins
    /// with the groups that are there, or with the next call of [`mark_all`](Self::mark_all); nothing is reported before.
    pub(crate) fn subscribe(
        &self,
        only: Option<GroupId>,
        read: impl Fn(&GroupId) -> Result<Option<Document>> + Send + Sync + 'static,
    ) -> Watcher {
        let subscriber = Arc::new(Subscriber::new(only, Arc::new(read)));
        lock(&self.open).push(Arc::clone(&subscriber));
        Watcher { subscriber, subscribers: self.clone(), fetched: Mutex::default() }
    }

    /// Adds groups that may have changed. Reads nothing itself. A caller that holds a lock does this within
    /// [`executor::defer_jobs`], because the calling thread reads the groups afterwards if no thread can be started.
    pub(crate) fn mark<'a>(&self, ids: impl IntoIterator<Item = &'a GroupId>) {
        let ids: Vec<_> = ids.into_iter().collect();
        self.start_if(|subscriber| subscriber.mark(ids.iter().copied()));
    }

    /// Adds all groups that are there and all that a watcher has reported, because any of them may have changed. The same
    /// holds for callers with a lock as for [`mark`](Self::mark).
    pub(crate) fn mark_all(&self, there: &[GroupId]) {
        self.start_if(|subscriber| subscriber.mark_all(there));
    }

    /// Adds the groups that are there and were not reported, and those that were reported and are not there; `there` is in
    /// order. The same holds for callers with a lock as for [`mark`](Self::mark).
    pub(crate) fn mark_difference(&self, there: &[GroupId]) {
        self.start_if(|subscriber| subscriber.mark_difference(there));
    }

    /// Returns `true` if no watcher is open.
    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.open).is_empty()
    }

    /// Returns `true` if a watcher watches this group.
    pub(crate) fn concerns(&self, id: &GroupId) -> bool {
        lock(&self.open).iter().any(|subscriber| subscriber.watches(id))
    }

    /// Starts a job for each subscriber for which `begins` returns `true`.
    fn start_if(&self, begins: impl Fn(&Subscriber) -> bool) {
        let started: Vec<_> =
            lock(&self.open).iter().filter(|subscriber| begins(subscriber)).map(Arc::clone).collect();
        for subscriber in started {
            subscriber.start();
        }
    }
}

impl fmt::Debug for Subscribers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscribers").finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code of others runs under these locks, so a panic leaves nothing half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
