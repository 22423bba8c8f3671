//! Groups in files that several processes share: `{base}/{id}/meta.json`.
//!
//! A write with the condition `IfRevision` fails if the group has changed since it was read:
//!
//! ```
//! use session_groups::model::{GroupId, SessionGroup, time::IsoTime};
//! use session_groups::repository::file::FileOptions;
//! use session_groups::repository::{Condition, Document, FileGroupRepository, GroupRepository};
//!
//! let base = tempfile::tempdir().unwrap();
//! let repository = FileGroupRepository::new(Some(base.path()), FileOptions::default())?;
//! let id = GroupId::new("20260115-103000-auth")?;
//! let created_at = IsoTime::parse("2026-01-15T10:30:00Z").unwrap();
//! let mut group = SessionGroup::new(id.clone(), "Authentication", "auth", created_at);
//! repository.save(Document::from_group(&group)?, Condition::None)?;
//! assert!(base.path().join("20260115-103000-auth/meta.json").is_file());
//!
//! let revision = repository.revision(&id)?.unwrap();
//! group.name = "Login".to_owned();
//! repository.save(Document::from_group(&group)?, Condition::IfRevision(revision.clone()))?;
//! let error = repository.delete(&id, Condition::IfRevision(revision)).unwrap_err();
//! assert_eq!(error.code(), "CONFLICT");
//! # Ok::<(), session_groups::Error>(())
//! ```

mod alarm;
mod batch;
mod cache;
mod case_collision;
mod completion;
mod delete;
pub(crate) mod dir;
mod fingerprint;
#[cfg_attr(not(target_os = "linux"), path = "no_inotify.rs")]
mod inotify;
mod live;
mod lock;
mod observer;
pub(crate) mod owner;
mod parallel;
pub(crate) mod paths;
mod queue;
mod read;
mod run_lock;
mod scan;
mod serve;
mod slots;
mod store;
mod task;
mod turn;
mod verify;
mod write;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

pub use lock::Lock;
pub use paths::default_base_in;
pub use run_lock::{RunLock, TryRunLock};
pub use turn::{Again, Attempt, Turn};
pub use write::Durability;

use crate::error::{Error, ErrorKind, Result};
use crate::executor;
use crate::model::{GroupId, GroupSummary};
use crate::repository::document::Document;
use crate::repository::merge::{Condition, Write, WriteOutcome};
use crate::repository::query::{GroupFilter, GroupSort};
use crate::repository::{GroupRepository, RepositoryProblem, Transaction, Watcher};
use completion::{Completion, Slot};
use dir::Dir;
use parallel::par_filter_map;
use scan::Suspect;
use store::Store;
use task::{Arrival, Entry, Patience, Task, Work};
use turn::Function;

/// Options of a file repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileOptions {
    /// Required durability of each write.
    pub durability: Durability,
    /// Time for which a write waits while others hold its lock.
    pub lock_timeout: Duration,
}

impl Default for FileOptions {
    fn default() -> Self {
        Self { durability: Durability::Full, lock_timeout: Duration::from_secs(10) }
    }
}

/// Keeps groups in files under a base directory.
#[derive(Clone)]
pub struct FileGroupRepository {
    store: Arc<Store>,
    options: FileOptions,
}

impl FileGroupRepository {
    /// A repository under a base directory, by default `~/.local/claude-code-agent/session-groups`. Nothing is made
    /// before the first write.
    pub fn new(base: Option<&Path>, options: FileOptions) -> Result<Self> {
        let base = match base {
            Some(base) => paths::absolute(base)?,
            None => paths::default_base()?,
        };
        Ok(Self { store: shared_store(base), options })
    }

    /// The base directory.
    pub fn base(&self) -> &Path {
        self.store.base()
    }

    /// Takes the lock of a group's run if no runner holds it. `owner` is written into it. `is_runner` tells if the text of a
    /// lock that is held names a runner that lives; otherwise somebody may only be looking, and it is tried again. Fails with
    /// `NOT_FOUND` if there is no store, with `INSECURE_STORE` if everyone may write to it, and with `IO` if it cannot be
    /// locked.
    pub fn try_run_lock(
        &self,
        id: &GroupId,
        owner: &str,
        is_runner: impl Fn(&str) -> bool,
    ) -> Result<TryRunLock> {
        let base = read::open_base(self.base())?.ok_or_else(|| Error::group_not_found(id.as_str()))?;
        read::check_base(&base)?;
        let path = self.base().join(paths::LOCKS);
        RunLock::try_take(base, id, owner, is_runner)
            .map_err(|source| Error::io(Some(id.as_str()), &path, "locking", source))
    }

    /// Returns what the runner of a group has written into its lock; `None` if no runner holds it.
    pub fn run_lock_holder(&self, id: &GroupId) -> Option<String> {
        read::open_base(self.base()).ok().flatten().and_then(|base| run_lock::holder(&base, id))
    }

    /// Takes the lock of those who look for the group of a plan file and create it if there is none, so that no two of them
    /// create one, and waits until it is free. Makes the store if it is not there. Fails with `LOCK_TIMEOUT`, with
    /// `INSECURE_STORE` if everyone may write to the store, and with `IO`.
    pub fn lock_plans(&self) -> Result<Lock> {
        const PAUSE: Duration = Duration::from_millis(10);
        let begun = Instant::now();
        let path = self.base().join(paths::LOCKS).join(lock::PLANS);
        loop {
            write::make_base(self.base()).map_err(|source| Error::io(None, self.base(), "making", source))?;
            let opened = read::open_base(self.base())?;
            let base = opened.ok_or_else(|| Error::internal("the store was removed while it was locked"))?;
            read::check_base(&base)?;
            let lock = lock::try_lock_plans(&base);
            match lock.map_err(|source| Error::io(None, &path, "locking", source))? {
                Some(lock) => return Ok(lock),
                None if begun.elapsed() >= self.options.lock_timeout => {
                    return Err(Error::plans_timeout(path));
                }
                None => std::thread::sleep(PAUSE),
            }
        }
    }

    /// Carries out several writes of a group, which are written together where they can be. Returns the outcome of each.
    pub fn write_all(&self, id: &GroupId, writes: Vec<Write>) -> Vec<Result<WriteOutcome>> {
        let outcomes = self.wait_for(id, writes.into_iter().map(Task::Write));
        outcomes.into_iter().map(|written| written.map_err(refused)).collect()
    }

    /// Carries out a write without waiting: `done` is called on another thread.
    pub fn submit(
        &self,
        id: &GroupId,
        write: Write,
        done: impl FnOnce(Result<WriteOutcome>) + Send + 'static,
    ) {
        self.add(id, Task::Write(write), |written| done(written.map_err(refused)));
    }

    /// Carries out a transaction without waiting: `done` is called on another thread.
    pub(crate) fn submit_transaction(
        &self,
        id: &GroupId,
        transaction: Box<dyn Transaction<Dir>>,
        done: impl FnOnce(Result<WriteOutcome>) + Send + 'static,
    ) {
        self.add(id, Task::Transaction(transaction), |written| done(written.map_err(refused)));
    }

    /// Carries out a transaction.
    pub(crate) fn transaction(
        &self,
        id: &GroupId,
        transaction: Box<dyn Transaction<Dir>>,
    ) -> Result<WriteOutcome> {
        self.carry_out(id, Task::Transaction(transaction))
    }

    fn carry_out(&self, id: &GroupId, task: Task) -> Result<WriteOutcome> {
        let written = self.wait_for(id, [task]).pop();
        written.unwrap_or_else(|| Err(Error::internal("a write had no outcome"))).map_err(refused)
    }

    /// Creates or replaces a group given as text without waiting: the text is checked and `done` is called on other
    /// threads.
    pub fn submit_save(
        &self,
        id: &GroupId,
        text: String,
        condition: Condition,
        done: impl FnOnce(Result<WriteOutcome>) + Send + 'static,
    ) {
        let completion = Completion::callback(|saved: Result<_>| done(saved.map_err(refused)));
        self.store.submit(self.entry(id, Arrival::Save(text, condition, completion)));
    }

    /// Returns a group if it is known without a look at its file; `None` says nothing. Takes a few microseconds.
    pub fn find_at_once(&self, id: &GroupId) -> Option<Document> {
        self.store.read_at_once(id)
    }

    /// Lists groups if they are known without a look at a file and it takes well below a millisecond.
    pub fn list_at_once(&self, filter: &GroupFilter, sort: Option<GroupSort>) -> Option<Vec<Document>> {
        self.store.list_at_once(filter, sort)
    }

    /// Summarizes groups if they are known without a look at a file and it takes well below a millisecond.
    pub fn summaries_at_once(
        &self,
        filter: &GroupFilter,
        sort: Option<GroupSort>,
    ) -> Option<Vec<Arc<GroupSummary>>> {
        self.store.summaries_at_once(filter, sort)
    }

    /// Counts groups if they are known without a look at a file and it takes well below a millisecond.
    pub fn count_at_once(&self, filter: &GroupFilter) -> Option<usize> {
        self.store.count_at_once(filter)
    }

    /// Returns the ids of all groups, in order, those included that cannot be read and directories that are not groups. No
    /// group is looked at. Fails with `FOREIGN_OWNER` and `IO`.
    pub fn ids(&self) -> Result<Vec<GroupId>> {
        self.store.ids()
    }

    /// Returns the groups that cannot be read, by id, each with its error, which is `CORRUPT`, `NEWER_SCHEMA`,
    /// `FOREIGN_OWNER` or `IO`. Groups that `is_wanted` does not accept are not looked at, and those that this process has
    /// read are opened only if they have changed. Fails with `FOREIGN_OWNER` and `IO` if the store itself cannot be read.
    pub fn unreadable(&self, is_wanted: impl Fn(&GroupId) -> bool) -> Result<Vec<(GroupId, Error)>> {
        let Some(base) = read::open_base(self.base())? else {
            return Ok(Vec::new());
        };
        let mut ids = self.ids()?;
        ids.retain(|id| is_wanted(id) && !self.store.is_known(&base, id));
        par_filter_map(&ids, |id| Ok(self.find_by_id(id).err().map(|error| (id.clone(), error))))
    }

    /// Finds a group without waiting for other writers: `done` is called on another thread.
    pub fn find(&self, id: &GroupId, done: impl FnOnce(Result<Option<Document>>) + Send + 'static) {
        let (repository, id) = (self.clone(), id.clone());
        executor::run(move || match repository.store.read(&id) {
            // Perhaps something that does not rename its files into place is just writing: look again under the
            // lock before calling it corrupt.
            Err(error) if error.is(ErrorKind::Corrupt) => {
                repository.add(&id, Task::Reread, |reread| done(found_again(Err(error), reread)));
            }
            found => done(found),
        });
    }

    /// Lists groups without waiting: `done` is called on another thread. Before that, `read` is called on several threads with
    /// some of the groups, in any order, as soon as they have been read, so that work on them can begin. Those that change
    /// later are not in the list, or in another state.
    pub fn submit_list(
        &self,
        filter: GroupFilter,
        sort: Option<GroupSort>,
        read: impl Fn(Vec<Document>) + Send + Sync + 'static,
        done: impl FnOnce(Result<Vec<Document>>) + Send + 'static,
    ) {
        self.submit_query(move |store| store.list(&filter, sort, &read), done);
    }

    /// Summarizes groups without waiting: `done` is called on another thread.
    pub fn submit_summaries(
        &self,
        filter: GroupFilter,
        sort: Option<GroupSort>,
        done: impl FnOnce(Result<Vec<Arc<GroupSummary>>>) + Send + 'static,
    ) {
        self.submit_query(move |store| store.summaries(&filter, sort), done);
    }

    /// Counts groups without waiting: `done` is called on another thread.
    pub fn submit_count(&self, filter: GroupFilter, done: impl FnOnce(Result<usize>) + Send + 'static) {
        self.submit_query(move |store| store.count(&filter), done);
    }

    /// Queries the store; again when a group that could not be parsed proves to be sound under its lock.
    fn submit_query<T: Send + 'static>(
        &self,
        ask: impl Fn(&Store) -> Result<(T, Vec<Suspect>)> + Send + 'static,
        done: impl FnOnce(Result<T>) + Send + 'static,
    ) {
        let repository = self.clone();
        executor::run(move || match ask(&repository.store) {
            Ok((found, suspects)) if suspects.is_empty() => done(Ok(found)),
            Ok((found, suspects)) => {
                let store = Arc::clone(&repository.store);
                repository.reread_all(suspects, move |is_any_sound| {
                    let again = is_any_sound.then(|| ask(&store).map(|(found, _)| found));
                    done(again.unwrap_or(Ok(found)));
                });
            }
            Err(error) => done(Err(error)),
        });
    }

    /// Reads groups again under their locks; `done` learns whether one of them is sound. No thread waits meanwhile.
    fn reread_all(&self, suspects: Vec<Suspect>, done: impl FnOnce(bool) + Send + 'static) {
        let (is_any_sound, done) = (AtomicBool::new(false), Mutex::new(Some(Box::new(done) as Done)));
        let rereads = Arc::new(Rereads { is_any_sound, done });
        for suspect in suspects {
            let (store, rereads) = (Arc::clone(&self.store), Arc::clone(&rereads));
            let id = suspect.id.clone();
            self.add(&id, Task::Reread, move |reread| {
                if store.is_sound(&suspect, &reread) {
                    rereads.is_any_sound.store(true, Ordering::Relaxed);
                }
            });
        }
    }

    /// Queries the store on this thread.
    fn query<T>(&self, ask: impl Fn(&Store) -> Result<(T, Vec<Suspect>)>) -> Result<T> {
        let (found, suspects) = ask(&self.store)?;
        let mut is_any_sound = false;
        for suspect in suspects {
            for reread in self.wait_for(&suspect.id, [Task::Reread]) {
                is_any_sound |= self.store.is_sound(&suspect, &reread);
            }
        }
        if is_any_sound { ask(&self.store).map(|(found, _)| found) } else { Ok(found) }
    }

    /// Updates a group with what a function makes of it: `start` is called on another thread once it is this update's
    /// turn, and the other writes of this process to the group wait until the turn ends.
    pub fn take_turn(&self, id: &GroupId, start: impl FnOnce(Result<Turn>) + Send + 'static) {
        let start = Completion::callback(|turn: Result<Turn>| start(turn.map_err(refused)));
        self.store.submit(self.entry(id, Arrival::Checked(Work::Function(Function::new(start)))));
    }

    fn add(&self, id: &GroupId, task: Task, done: impl FnOnce(Result<WriteOutcome>) + Send + 'static) {
        let work = Work::Task(task, Completion::callback(done));
        self.store.submit(self.entry(id, Arrival::Checked(work)));
    }

    /// Carries out tasks of one group and waits for their outcomes, on this thread.
    fn wait_for(&self, id: &GroupId, tasks: impl IntoIterator<Item = Task>) -> Vec<Result<WriteOutcome>> {
        let mut slots = Vec::new();
        let entries = tasks.into_iter().map(|task| {
            let slot = Slot::new();
            let work = Work::Task(task, Completion::waiter(&slot));
            slots.push(slot);
            self.entry(id, Arrival::Checked(work))
        });
        self.store.submit_waiting(id, entries);
        slots.iter().map(|slot| self.store.wait(id, slot)).collect()
    }

    /// Reads a group under its lock that may have been half written when it was read first.
    fn find_again(&self, id: &GroupId, first: Result<Option<Document>>) -> Result<Option<Document>> {
        match self.wait_for(id, [Task::Reread]).pop() {
            Some(reread) => found_again(first, reread),
            None => first,
        }
    }

    fn entry(&self, id: &GroupId, work: Arrival) -> Entry<Arrival> {
        let FileOptions { durability, lock_timeout } = self.options;
        Entry { id: id.clone(), durability, patience: Patience::For(lock_timeout), work }
    }
}

/// Returns the result of reading a group that may have been half written, and then was read again under its lock.
fn found_again(first: Result<Option<Document>>, reread: Result<WriteOutcome>) -> Result<Option<Document>> {
    match reread {
        Ok(written) => Ok(written.into_group()),
        Err(second) => match second.kind() {
            ErrorKind::Corrupt | ErrorKind::NewerSchema | ErrorKind::Io => Err(second),
            // The lock could not be taken, which does not make it any better.
            _ => first,
        },
    }
}

type Done = Box<dyn FnOnce(bool) + Send>;

/// Readings under several locks; the last one to end calls back.
struct Rereads {
    is_any_sound: AtomicBool,
    done: Mutex<Option<Done>>,
}

impl Drop for Rereads {
    fn drop(&mut self) {
        let is_any_sound = *self.is_any_sound.get_mut();
        if let Some(done) = self.done.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            executor::run(move || done(is_any_sound));
        }
    }
}

/// Converts the error of a write: one that fails because something cannot be read has changed nothing.
fn refused(error: Error) -> Error {
    error.converted(ErrorKind::Io, ErrorKind::NotCommitted)
}

impl WriteOutcome {
    fn into_group(self) -> Option<Document> {
        match self {
            Self::Stored(group) => Some(group),
            Self::NotFound | Self::Deleted => None,
        }
    }
}

impl GroupRepository for FileGroupRepository {
    fn find_by_id(&self, id: &GroupId) -> Result<Option<Document>> {
        match self.store.read(id) {
            Err(error) if error.is(ErrorKind::Corrupt) => self.find_again(id, Err(error)),
            found => found,
        }
    }

    fn list(&self, filter: &GroupFilter, sort: Option<GroupSort>) -> Result<Vec<Document>> {
        self.query(|store| store.list(filter, sort, |_| {}))
    }

    fn summaries(&self, filter: &GroupFilter, sort: Option<GroupSort>) -> Result<Vec<Arc<GroupSummary>>> {
        self.query(|store| store.summaries(filter, sort))
    }

    fn count(&self, filter: &GroupFilter) -> Result<usize> {
        self.query(|store| store.count(filter))
    }

    fn write(&self, id: &GroupId, write: Write) -> Result<WriteOutcome> {
        self.carry_out(id, Task::Write(write))
    }

    fn verify(&self) -> Result<Vec<RepositoryProblem>> {
        match read::open_base(self.base())? {
            Some(base) => verify::verify(&base, |id, found| self.find_again(id, found)),
            None => Ok(Vec::new()),
        }
    }

    fn watch(&self, only: Option<GroupId>) -> Result<Watcher> {
        let repository = self.clone();
        // Under its lock, a group that another program is writing in place is not taken for a corrupt one.
        observer::watch(&self.store, only, move |id| repository.find_by_id(id))
    }
}

/// Returns the store that all repositories on a base directory share, so that their writes are fair to each other and can
/// be written together.
fn shared_store(base: PathBuf) -> Arc<Store> {
    static STORES: LazyLock<Mutex<HashMap<PathBuf, Weak<Store>>>> = LazyLock::new(Mutex::default);
    let mut stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(store) = stores.get(&base).and_then(Weak::upgrade) {
        return store;
    }
    stores.retain(|_, store| store.strong_count() > 0);
    let store = Arc::new(Store::new(base.clone()));
    stores.insert(base, Arc::downgrade(&store));
    store
}
