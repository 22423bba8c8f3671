//! Groups in files that several processes share: `{base}/{id}/meta.json`.

mod batch;
mod cache;
mod case_collision;
mod delete;
mod dir;
mod fingerprint;
mod lock;
mod owner;
mod parallel;
mod paths;
mod queue;
mod read;
mod scan;
mod store;
mod task;
mod turn;
mod verify;
mod waiting;
mod write;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak, mpsc};
use std::time::Duration;

pub use paths::default_base_in;
pub use turn::{Again, Attempt, Turn};
pub use write::Durability;

use crate::error::{Error, ErrorKind, Result};
use crate::executor;
use crate::model::GroupId;
use crate::repository::document::Document;
use crate::repository::merge::{Condition, Write, Written};
use crate::repository::query::{GroupFilter, GroupSort};
use crate::repository::{GroupRepository, RepositoryProblem};
use queue::Queue;
use scan::Suspect;
use store::Store;
use task::{Patience, Pending, Reply, Task, Work};
use turn::Function;

/// How a file repository writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileOptions {
    /// What must survive when a write is acknowledged.
    pub durability: Durability,
    /// How long a write waits for others.
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
    queue: Arc<Queue<Store>>,
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
        Ok(Self { queue: shared_queue(base), options })
    }

    /// Where the groups lie.
    pub fn base(&self) -> &Path {
        self.queue.worker().base()
    }

    /// Carries out a write without waiting: `tell` is called on another thread when it is done.
    pub fn submit(&self, id: &GroupId, write: Write, tell: impl FnOnce(Result<Written>) + Send + 'static) {
        self.add(id, Task::Write(write), |written| tell(written.map_err(refused)));
    }

    /// Creates or replaces a group given as text without waiting; the text is checked before it is stored.
    pub fn submit_save(
        &self,
        id: &GroupId,
        text: String,
        condition: Condition,
        tell: impl FnOnce(Result<Written>) + Send + 'static,
    ) {
        self.add(id, Task::Save { text, condition }, |saved| tell(saved.map_err(refused)));
    }

    /// Finds a group without waiting for other writers: `tell` is called on another thread.
    pub fn find(&self, id: &GroupId, tell: impl FnOnce(Result<Option<Document>>) + Send + 'static) {
        let (repository, id) = (self.clone(), id.clone());
        executor::run(move || match repository.queue.worker().read(&id) {
            // Perhaps something that does not rename its files into place is just writing: look again under the
            // lock before calling it corrupt.
            Err(error) if error.is(ErrorKind::Corrupt) => {
                repository.add(&id, Task::Look, move |looked| {
                    // A look that was not possible does not make it any better.
                    tell(looked.map(Written::into_group).map_err(|second| match second.kind() {
                        ErrorKind::Corrupt | ErrorKind::NewerSchema | ErrorKind::Io => second,
                        _ => error,
                    }));
                });
            }
            found => tell(found),
        });
    }

    /// Lists groups without waiting: `tell` is called on another thread.
    pub fn submit_list(
        &self,
        filter: GroupFilter,
        sort: Option<GroupSort>,
        tell: impl FnOnce(Result<Vec<Document>>) + Send + 'static,
    ) {
        self.query(move |store| store.list(&filter, sort), tell);
    }

    /// Counts groups without waiting: `tell` is called on another thread.
    pub fn submit_count(&self, filter: GroupFilter, tell: impl FnOnce(Result<usize>) + Send + 'static) {
        self.query(move |store| store.count(&filter), tell);
    }

    /// Queries the store; again when a group that could not be understood proves to be sound under its lock.
    fn query<T: Send + 'static>(
        &self,
        ask: impl Fn(&Store) -> Result<(T, Vec<Suspect>)> + Send + 'static,
        tell: impl FnOnce(Result<T>) + Send + 'static,
    ) {
        let repository = self.clone();
        executor::run(move || match ask(repository.queue.worker()) {
            Ok((found, suspects)) if suspects.is_empty() => tell(Ok(found)),
            Ok((found, suspects)) => {
                let queue = Arc::clone(&repository.queue);
                repository.look_at(suspects, move |is_any_sound| {
                    let again = is_any_sound.then(|| ask(queue.worker()).map(|(found, _)| found));
                    tell(again.unwrap_or(Ok(found)));
                });
            }
            Err(error) => tell(Err(error)),
        });
    }

    /// Looks at groups under their locks; `done` learns whether one of them is sound. No thread waits meanwhile.
    fn look_at(&self, suspects: Vec<Suspect>, done: impl FnOnce(bool) + Send + 'static) {
        let (is_any_sound, done) = (AtomicBool::new(false), Mutex::new(Some(Box::new(done) as Done)));
        let looks = Arc::new(Looks { is_any_sound, done });
        for suspect in suspects {
            let (queue, looks) = (Arc::clone(&self.queue), Arc::clone(&looks));
            let id = suspect.id.clone();
            self.add(&id, Task::Look, move |looked| match looked {
                Ok(_) => looks.is_any_sound.store(true, Ordering::Relaxed),
                Err(error) if error.is(ErrorKind::Corrupt) => queue.worker().remember_corrupt(&suspect),
                // A look that was not possible does not make it any better.
                Err(_) => {}
            });
        }
    }

    /// Updates a group with what a function makes of it: `start` is called on another thread once it is this update's
    /// turn, and the other writes of this process to the group wait until the turn ends.
    pub fn take_turn(&self, id: &GroupId, start: impl FnOnce(Result<Turn>) + Send + 'static) {
        let start = Reply::new(|turn: Result<Turn>| start(turn.map_err(refused)));
        self.enqueue(id, Work::Function(Function::new(start)));
    }

    fn add(&self, id: &GroupId, task: Task, tell: impl FnOnce(Result<Written>) + Send + 'static) {
        self.enqueue(id, Work::Task(task, Reply::new(tell)));
    }

    fn enqueue(&self, id: &GroupId, work: Work) {
        let FileOptions { durability, lock_timeout } = self.options;
        self.queue.add(Pending { id: id.clone(), durability, patience: Patience::For(lock_timeout), work });
    }
}

type Done = Box<dyn FnOnce(bool) + Send>;

/// Looks under several locks; the last one to end goes on.
struct Looks {
    is_any_sound: AtomicBool,
    done: Mutex<Option<Done>>,
}

impl Drop for Looks {
    fn drop(&mut self) {
        let is_any_sound = *self.is_any_sound.get_mut();
        if let Some(done) = self.done.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            executor::run(move || done(is_any_sound));
        }
    }
}

/// A write that fails because something cannot be read has changed nothing, and says so.
fn refused(error: Error) -> Error {
    error.converted(ErrorKind::Io, ErrorKind::NotCommitted)
}

impl Written {
    fn into_group(self) -> Option<Document> {
        match self {
            Self::Stored(group) => Some(group),
            Self::Missing | Self::Removed => None,
        }
    }
}

impl GroupRepository for FileGroupRepository {
    fn find_by_id(&self, id: &GroupId) -> Result<Option<Document>> {
        wait(|tell| self.find(id, tell))
    }

    fn list(&self, filter: &GroupFilter, sort: Option<GroupSort>) -> Result<Vec<Document>> {
        wait(|tell| self.submit_list(filter.clone(), sort, tell))
    }

    fn count(&self, filter: &GroupFilter) -> Result<usize> {
        wait(|tell| self.submit_count(filter.clone(), tell))
    }

    fn write(&self, id: &GroupId, write: Write) -> Result<Written> {
        wait(|tell| self.submit(id, write, tell))
    }

    fn verify(&self) -> Result<Vec<RepositoryProblem>> {
        match read::open_base(self.base())? {
            Some(base) => verify::verify(&base),
            None => Ok(Vec::new()),
        }
    }
}

/// For callers that wait: the result of something that tells it from another thread.
fn wait<T: Send + 'static>(start: impl FnOnce(Box<dyn FnOnce(Result<T>) + Send>)) -> Result<T> {
    let (sender, receiver) = mpsc::channel();
    start(Box::new(move |result| drop(sender.send(result))));
    receiver.recv().unwrap_or_else(|_| Err(Error::internal("a call was given up")))
}

/// Repositories on the same base directory share one queue, so that their writes are fair to each other and can be
/// written together.
fn shared_queue(base: PathBuf) -> Arc<Queue<Store>> {
    static QUEUES: LazyLock<Mutex<HashMap<PathBuf, Weak<Queue<Store>>>>> = LazyLock::new(Mutex::default);
    let mut queues = QUEUES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(queue) = queues.get(&base).and_then(Weak::upgrade) {
        return queue;
    }
    queues.retain(|_, queue| queue.strong_count() > 0);
    let queue = Arc::new(Queue::new(Store::new(base.clone())));
    queues.insert(base, Arc::downgrade(&queue));
    queue
}
