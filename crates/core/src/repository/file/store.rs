//! The part that all repositories on one base directory share: reading its groups, and carrying out batches of writes
//! under a group's lock.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::error::{Error, ErrorKind, Result};
use crate::json;
use crate::model::{GroupId, GroupSummary};
use crate::repository::document::{Document, Revision};
use crate::repository::file::batch::Batch;
use crate::repository::file::cache::Cache;
use crate::repository::file::case_collision::find_case_collision;
use crate::repository::file::completion::Finished;
use crate::repository::file::dir::Dir;
use crate::repository::file::live::Live;
use crate::repository::file::lock::{self, StoreGuard, Stripe, TryLock};
use crate::repository::file::queue::{First, Queue};
use crate::repository::file::scan::{self, Listing, Suspect};
use crate::repository::file::task::{Ready, Task};
use crate::repository::file::write::{self, Commit, Durability, SyncedBase, SyncedDirs};
use crate::repository::file::{delete, paths, read};
use crate::repository::merge::{Condition, Write, WriteOutcome};
use crate::repository::query::{GroupFilter, GroupSort};

/// A store, shared by all repositories on its base directory in this process.
pub struct Store {
    /// The entries that wait for a lock.
    pub(super) queue: Queue,
    base: PathBuf,
    synced_base: SyncedBase,
    synced: SyncedDirs,
    cache: Arc<Cache>,
    pub(super) live: Live,
    swept: Swept,
    valid: ValidBytes,
}

impl Store {
    /// The store under a base directory, which need not be there.
    pub fn new(base: PathBuf) -> Self {
        let cache = Arc::new(Cache::default());
        Self {
            queue: Queue::new(),
            base,
            synced_base: SyncedBase::default(),
            synced: SyncedDirs::default(),
            live: Live::new(Arc::clone(&cache)),
            cache,
            swept: Swept::default(),
            valid: ValidBytes::default(),
        }
    }

    /// Returns the base directory.
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// The group as it is now.
    pub fn read(&self, id: &GroupId) -> Result<Option<Document>> {
        let known = self.live.get(&self.base, id).and_then(|fields| self.cache.group(&fields));
        if known.is_some() {
            return Ok(known);
        }
        match read::open_base(&self.base)? {
            Some(base) => read::read_through(&base, id, &self.cache, &self.live),
            None => Ok(None),
        }
    }

    /// The group as it is now, if it is known without a look at its file. Takes a few microseconds.
    pub fn read_at_once(&self, id: &GroupId) -> Option<Document> {
        let fields = self.live.try_get(&self.base, id)?;
        self.cache.group(&fields)
    }

    /// The groups that match, if they are known without a look at a file. Takes well below a millisecond.
    pub fn list_at_once(&self, filter: &GroupFilter, sort: Option<GroupSort>) -> Option<Vec<Document>> {
        scan::list_at_once(&self.base, &self.cache, &self.live, filter, sort)
    }

    /// The number of groups that match, if it is known without a look at a file. Takes well below a millisecond.
    pub fn count_at_once(&self, filter: &GroupFilter) -> Option<usize> {
        scan::count_at_once(&self.base, &self.live, filter)
    }

    /// The groups that match, and those that have to be looked at under their lock. `read` receives some of the groups as soon
    /// as they have been read.
    pub fn list(
        &self,
        filter: &GroupFilter,
        sort: Option<GroupSort>,
        read: impl Fn(Vec<Document>) + Sync,
    ) -> Result<(Vec<Document>, Vec<Suspect>)> {
        self.query(|listing| listing.list(filter, sort, read))
    }

    /// The summaries of the groups that match, if they are known without a look at a file. Takes well below a millisecond.
    pub fn summaries_at_once(
        &self,
        filter: &GroupFilter,
        sort: Option<GroupSort>,
    ) -> Option<Vec<Arc<GroupSummary>>> {
        scan::summaries_at_once(&self.base, &self.live, filter, sort)
    }

    /// The summaries of the groups that match, and the groups that have to be looked at under their lock.
    pub fn summaries(
        &self,
        filter: &GroupFilter,
        sort: Option<GroupSort>,
    ) -> Result<(Vec<Arc<GroupSummary>>, Vec<Suspect>)> {
        self.query(|listing| listing.summaries(filter, sort))
    }

    /// The number of groups that match, and those that have to be looked at under their lock.
    pub fn count(&self, filter: &GroupFilter) -> Result<(usize, Vec<Suspect>)> {
        self.query(|listing| listing.count(filter))
    }

    /// The ids of all entries of the base directory that could be groups, in order. No group is looked at.
    pub fn ids(&self) -> Result<Vec<GroupId>> {
        let Some(base) = read::open_base(&self.base)? else {
            return Ok(Vec::new());
        };
        let names = base.names().map_err(|source| Error::io(None, &self.base, "listing", source))?;
        let mut ids: Vec<GroupId> = names.iter().filter_map(|name| GroupId::new(name).ok()).collect();
        ids.sort_unstable();
        Ok(ids)
    }

    /// Returns `true` if a group is known to be as it was when it was read. Its file is not opened.
    pub fn is_known(&self, base: &Dir, id: &GroupId) -> bool {
        self.live.get(&self.base, id).is_some()
            || Listing::new(base, &self.cache, &self.live).is_unchanged(id)
    }

    fn query<T: Default>(&self, ask: impl FnOnce(&Listing<'_>) -> Result<T>) -> Result<(T, Vec<Suspect>)> {
        let Some(base) = read::open_base(&self.base)? else {
            return Ok(Default::default());
        };
        let listing = Listing::new(&base, &self.cache, &self.live);
        let found = ask(&listing)?;
        Ok((found, listing.into_suspects()))
    }

    /// Returns whether a group that could not be parsed proved to be sound under its lock. Remembers a corrupt one.
    pub fn is_sound(&self, suspect: &Suspect, reread: &Result<WriteOutcome>) -> bool {
        // A failure to take the lock does not make it any better.
        if reread.as_ref().is_err_and(|error| error.is(ErrorKind::Corrupt))
            && let Some(fingerprint) = suspect.fingerprint
        {
            self.cache.put_corrupt(&suspect.id, fingerprint);
        }
        reread.is_ok()
    }

    /// Makes the store if it is not there, and opens it.
    fn open_for_writing(&self, base: Option<Dir>, id: &GroupId) -> Result<Dir> {
        if let Some(base) = base {
            return read::check_base(&base).map(|()| base);
        }
        let refused = |source| Error::not_committed(id.as_str(), &self.base, "making", source);
        write::make_base(&self.base).map_err(refused)?;
        read::open_base(&self.base)?.ok_or_else(|| refused(std::io::ErrorKind::NotFound.into()))
    }
}

impl Store {
    /// Takes the lock of a stripe if nobody holds it.
    pub fn lock(&self, stripe: Stripe, first: &First) -> Result<TryLock> {
        let base = read::open_base(&self.base)?;
        if base.is_none() && !first.makes_a_store {
            return Ok(TryLock::NoStore);
        }
        let base = self.open_for_writing(base, &first.id)?;
        let lock = lock::try_lock(&base, stripe)
            .map_err(|source| read::cannot_lock(&base, &first.id, stripe, source))?;
        Ok(lock.map_or(TryLock::WouldBlock, |lock| TryLock::Acquired(StoreGuard { base, lock })))
    }

    /// Returns the error of an entry that has waited too long.
    pub fn timed_out(&self, stripe: Stripe, waited_for: &GroupId) -> Error {
        let holder = read::open_base(&self.base).ok().flatten().and_then(|base| lock::holder(&base, stripe));
        let holder = holder.unwrap_or_else(|| "another process".to_owned());
        let path = self.base.join(paths::LOCKS).join(stripe.file_name());
        Error::lock_timeout(waited_for.as_str(), path, &holder)
    }

    /// Reads a group under its lock.
    pub fn read_locked(id: &GroupId, guard: &StoreGuard) -> Result<Option<Document>> {
        Stored::read(&guard.base, id, None).map(|stored| stored.group)
    }

    /// Carries out tasks of one group under its lock.
    pub fn write_batch(&self, id: &GroupId, batch: Vec<Ready>, guard: &StoreGuard, finished: &mut Finished) {
        if self.swept.is_due(id) {
            let now = SystemTime::now();
            delete::sweep_group(&guard.base, id, now, &guard.lock);
            delete::sweep(&guard.base, now);
        }
        let mut waiting = VecDeque::from(batch);
        // Again for each batch: a lock is held over several.
        if let Err(error) = read::check_base(&guard.base) {
            for ready in waiting {
                finished.complete(ready.completion, Err(error.clone()));
            }
            return;
        }
        while let Some(first) = waiting.front() {
            match Stored::read(&guard.base, id, first.task.replaces_all().then_some(&self.valid)) {
                Ok(stored) => self.write_together(id, &stored, &mut waiting, guard, finished),
                Err(error) => self.handle_corrupt(id, &error, &mut waiting, guard, finished),
            }
        }
    }

    /// Applies the tasks at the front of a batch in memory, writes the result once, and then calls their callbacks. One
    /// that cannot be applied fails alone.
    fn write_together(
        &self,
        id: &GroupId,
        stored: &Stored,
        waiting: &mut VecDeque<Ready>,
        guard: &StoreGuard,
        finished: &mut Finished,
    ) {
        let mut batch = Batch::new(id, &guard.base, stored.group.clone(), stored.other.as_deref());
        if stored.is_unparsed {
            batch.begin_unparsed();
        }
        while waiting.front().is_some_and(|ready| batch.takes(&ready.task))
            && let Some(ready) = waiting.pop_front()
        {
            batch.take(ready);
        }
        let Some((durability, group)) = batch.result() else {
            return batch.complete(None, finished);
        };
        let committed = group.and_then(|group| self.commit(id, stored, group.as_ref(), durability, guard));
        let trash = committed.unwrap_or_else(|error| {
            batch.fail(&error);
            None
        });
        batch.committed();
        batch.complete(trash, finished);
    }

    /// Stores a group in place of what is stored. Returns what is left to remove when there is no group any more.
    fn commit(
        &self,
        id: &GroupId,
        stored: &Stored,
        group: Option<&Document>,
        durability: Durability,
        guard: &StoreGuard,
    ) -> Result<Option<PathBuf>> {
        if durability == Durability::Full {
            // safeguard: fsync of the directories above the base before each durable write
            let synced = self.synced_base.ensure(&guard.base);
            synced.map_err(|source| Error::not_committed(id.as_str(), &self.base, "syncing", source))?;
        }
        let commit = Commit { base: &guard.base, id, durability, synced: &self.synced };
        let text = group.map(|group| json::pretty(group.text()));
        match (text.as_deref().map(str::as_bytes), &stored.bytes) {
            (None, None) => Ok(None),
            (None, Some(_)) => self.move_to_trash(id, durability, guard).map(Some),
            (Some(new), Some(old)) if new == old => commit.ensure_durable(&guard.lock).map(|()| None),
            (Some(new), _) => {
                // Reported even if the directory could not be fsynced, because it is visible.
                let stored = commit.put(new, &guard.lock);
                self.report(id);
                stored?;
                self.valid.insert(id, new);
                Ok(None)
            }
        }
    }

    fn move_to_trash(&self, id: &GroupId, durability: Durability, guard: &StoreGuard) -> Result<PathBuf> {
        self.synced.forget(id);
        self.swept.forget(id);
        self.valid.forget(id);
        let moved = delete::move_to_trash(&guard.base, id, durability, &guard.lock);
        self.report(id);
        moved
    }

    /// Reports a change of this process to its watchers, also where the kernel reports none.
    fn report(&self, id: &GroupId) {
        self.live.subscribers.mark([id]);
    }

    /// Carries out tasks where the stored group cannot be read, up to a deletion: nothing else is allowed, and only when
    /// the group is this user's.
    fn handle_corrupt(
        &self,
        id: &GroupId,
        error: &Error,
        waiting: &mut VecDeque<Ready>,
        guard: &StoreGuard,
        finished: &mut Finished,
    ) {
        while let Some(ready) = waiting.pop_front() {
            let Ready { task, durability, completion } = ready;
            if !matches!(task, Task::Write(Write::Delete { condition: Condition::None }))
                || !read::may_be_deleted(error)
            {
                // safeguard: a group that cannot be read is not overwritten
                finished.complete(completion, Err(error.clone()));
                continue;
            }
            return match self.move_to_trash(id, durability, guard) {
                Ok(path) => finished.complete_removing(completion, Ok(WriteOutcome::Deleted), Some(path)),
                Err(error) => finished.complete(completion, Err(error)),
            };
        }
    }
}

/// The stored group, and its very bytes.
#[derive(Default)]
struct Stored {
    group: Option<Document>,
    bytes: Option<Vec<u8>>,
    /// Set when there is a group that was not parsed, because its bytes are known to be valid.
    is_unparsed: bool,
    /// The directory that is in the way of a group with this id.
    other: Option<String>,
}

impl Stored {
    /// Reads the group, and parses it unless its bytes are known to be valid.
    fn read(base: &Dir, id: &GroupId, valid: Option<&ValidBytes>) -> Result<Self> {
        match Self::read_directory(base, id, valid) {
            Ok(stored) if stored.group.is_some() || stored.is_unparsed => Ok(stored),
            none_or_unreadable => match find_case_collision(base, id) {
                Ok(None) => none_or_unreadable,
                Ok(other) => Ok(Self { other, ..Self::default() }),
                Err(error) => none_or_unreadable.and(Err(read::read_error(base, id, error))),
            },
        }
    }

    fn read_directory(base: &Dir, id: &GroupId, valid: Option<&ValidBytes>) -> Result<Self> {
        let bytes = read::read_bytes(base, id)?;
        let is_unparsed =
            bytes.as_ref().is_some_and(|bytes| valid.is_some_and(|valid| valid.contains(id, bytes)));
        let parsed = if is_unparsed { None } else { bytes.clone() };
        let group = parsed.map(|bytes| read::parse_group(base, id, bytes)).transpose()?;
        Ok(Self { group, bytes, is_unparsed, other: None })
    }
}

/// Hashes of the bytes that this process has last written for each group. A save may replace these without parsing them:
/// they are that group, valid, and of no newer version.
#[derive(Default)]
struct ValidBytes(Mutex<HashMap<GroupId, Revision>>);

impl ValidBytes {
    fn contains(&self, id: &GroupId, bytes: &[u8]) -> bool {
        // safeguard: a save replaces unparsed only what this process has written
        self.revisions().get(id).is_some_and(|valid| *valid == Revision::of(bytes))
    }

    fn insert(&self, id: &GroupId, bytes: &[u8]) {
        /// Parsing once too often costs little.
        const MAX_GROUPS: usize = 10_000;
        let revision = Revision::of(bytes);
        let mut revisions = self.revisions();
        if revisions.len() >= MAX_GROUPS {
            revisions.clear();
        }
        revisions.insert(id.clone(), revision);
    }

    fn forget(&self, id: &GroupId) {
        self.revisions().remove(id);
    }

    fn revisions(&self) -> MutexGuard<'_, HashMap<GroupId, Revision>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Time of the last search for the leftovers of each group.
#[derive(Default)]
struct Swept(Mutex<HashMap<GroupId, Instant>>);

impl Swept {
    /// Returns whether they have not been looked for in the last hour, and notes that they are now.
    fn is_due(&self, id: &GroupId) -> bool {
        const EVERY: Duration = Duration::from_secs(60 * 60);
        /// To look once too often costs little.
        const MAX_GROUPS: usize = 10_000;
        let mut swept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if swept.get(id).is_some_and(|last| now.duration_since(*last) <= EVERY) {
            return false;
        }
        if swept.len() >= MAX_GROUPS {
            swept.clear();
        }
        swept.insert(id.clone(), now);
        true
    }

    fn forget(&self, id: &GroupId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::GROUP;
    use crate::repository::file::completion::Completion;

    fn save(store: &Store, guard: &StoreGuard, durability: Durability) {
        let group = Document::from_text(GROUP.to_owned()).unwrap();
        let id = group.id().clone();
        let task = Task::Write(Write::Save { group, condition: Condition::None });
        let completion = Completion::callback(|saved| assert!(saved.is_ok()));
        store.write_batch(&id, vec![Ready { task, durability, completion }], guard, &mut Finished::default());
    }

    #[test]
    fn a_base_directory_is_on_the_disk_before_a_durable_write_is_acknowledged() {
        let above = tempfile::tempdir().unwrap();
        let store = Store::new(above.path().join("store"));
        let id = GroupId::new("20260115-103000-auth").unwrap();
        let lock = || match store.lock(Stripe::of(&id), &First { id: id.clone(), makes_a_store: true }) {
            Ok(TryLock::Acquired(guard)) => guard,
            _ => panic!("no lock"),
        };
        for former in ["first", "second"] {
            let guard = lock();
            // The store is made for a write that does not wait for the disk, and another one follows under the same lock.
            save(&store, &guard, Durability::Process);
            assert!(!store.synced_base.contains(&guard.base).unwrap());
            save(&store, &guard, Durability::Full);
            assert!(store.synced_base.contains(&guard.base).unwrap());
            // Another base directory takes its place.
            drop(guard);
            std::fs::rename(store.base(), above.path().join(former)).unwrap();
        }
    }

    #[test]
    fn leftovers_are_looked_for_once_and_the_list_of_groups_stays_short() {
        let swept = Swept::default();
        for number in 0..25_000 {
            let id = GroupId::new(&format!("g{number}")).unwrap();
            assert!(swept.is_due(&id));
            assert!(!swept.is_due(&id));
        }
        assert!(swept.0.lock().unwrap().len() <= 10_000);
    }
}
