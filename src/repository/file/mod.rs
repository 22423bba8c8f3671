//! Groups in files that several processes share. `docs/durability.md` says what is promised of what machine.

mod commit;
mod dir;
mod layout;
mod locks;
pub(crate) mod pool;
mod queue;
mod read;
mod trash;
mod verify;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak, mpsc};
use std::time::{Duration, Instant};

pub use commit::Durability;

use crate::error::{Error, Result, Wrong};
use crate::group::GroupId;
use crate::json;
use crate::repository::change::{Condition, Write, Written};
use crate::repository::document::Document;
use crate::repository::query::{GroupFilter, GroupSort};
use crate::repository::{GroupRepository, RepositoryProblem};
use commit::{Commit, ConfirmedDirs};
use dir::Dir;
use locks::{Lock, Stripe};
use queue::{Access, Pending, Queue, Reply, Task, Worker};

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

/// What all repositories on one base directory in this process share.
struct Store {
    base: PathBuf,
    confirmed: ConfirmedDirs,
    /// When a group's leftovers were last looked for.
    swept: Mutex<HashMap<GroupId, Instant>>,
}

impl FileGroupRepository {
    /// A repository under a base directory, by default `~/.local/claude-code-agent/session-groups`. Nothing is made
    /// before the first write.
    pub fn new(base: Option<&Path>, options: FileOptions) -> Result<Self> {
        let base = match base {
            Some(base) => layout::absolute(base)?,
            None => layout::default_base()?,
        };
        Ok(Self { queue: shared_queue(base), options })
    }

    /// Where the groups lie.
    pub fn base(&self) -> &Path {
        &self.queue.worker().base
    }

    /// How long a write waits for others.
    pub fn lock_timeout(&self) -> Duration {
        self.options.lock_timeout
    }

    /// Carries out a write without waiting: `tell` is called on another thread when it is done.
    pub fn submit(&self, id: &GroupId, write: Write, tell: impl FnOnce(Result<Written>) + Send + 'static) {
        self.add(id, Task::Write(write), tell);
    }

    /// Creates or replaces a group given as text without waiting; the text is checked before it is stored.
    pub fn submit_save(
        &self,
        id: &GroupId,
        text: String,
        condition: Condition,
        tell: impl FnOnce(Result<Written>) + Send + 'static,
    ) {
        self.add(id, Task::Save { text, condition }, tell);
    }

    /// Finds a group without waiting for other writers: `tell` is called on another thread.
    pub fn find(&self, id: &GroupId, tell: impl FnOnce(Result<Option<Document>>) + Send + 'static) {
        let (repository, id) = (self.clone(), id.clone());
        pool::run(move || match repository.queue.worker().read(&id) {
            // Perhaps something that does not rename its files into place is just writing: look again under the
            // lock before calling it corrupt.
            Err(Error::Corrupt { .. }) => {
                repository.add(&id, Task::Look, move |looked| tell(looked.map(Written::into_group)));
            }
            found => tell(found),
        });
    }

    fn add(&self, id: &GroupId, task: Task, tell: impl FnOnce(Result<Written>) + Send + 'static) {
        self.queue.add(Pending {
            id: id.clone(),
            task,
            durability: self.options.durability,
            deadline: Instant::now() + self.options.lock_timeout,
            reply: Reply::new(tell),
        });
    }
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
        let mut groups = self.queue.worker().read_all()?;
        groups.retain(|group| filter.matches(group));
        Ok(filter.page(groups, sort))
    }

    fn count(&self, filter: &GroupFilter) -> Result<usize> {
        Ok(self.queue.worker().read_all()?.iter().filter(|group| filter.matches(group)).count())
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
    receiver.recv().unwrap_or_else(|_| Err(Error::Internal("a call was given up".to_owned())))
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
    let store = Store { base: base.clone(), confirmed: ConfirmedDirs::default(), swept: Mutex::default() };
    let queue = Arc::new(Queue::new(store));
    queues.insert(base, Arc::downgrade(&queue));
    queue
}

impl Store {
    fn read(&self, id: &GroupId) -> Result<Option<Document>> {
        match read::open_base(&self.base)? {
            Some(base) => read::read_group(&base, id),
            None => Ok(None),
        }
    }

    /// All groups that can be read; the others are for `verify` to tell.
    fn read_all(&self) -> Result<Vec<Document>> {
        let Some(base) = read::open_base(&self.base)? else { return Ok(Vec::new()) };
        let names = base.names().map_err(|source| Error::Io {
            group_id: None,
            path: self.base.clone(),
            action: "listing",
            source: source.into(),
        })?;
        let mut groups = Vec::with_capacity(names.len());
        for id in names.iter().filter_map(|name| GroupId::new(name).ok()) {
            match read::read_group(&base, &id) {
                Ok(group) => groups.extend(group),
                Err(error) if is_of_this_group_alone(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(groups)
    }

    /// Makes the store if it is not there, and opens it.
    fn open_for_writing(&self, id: &GroupId, durability: Durability) -> Result<Dir> {
        let refused = |source: std::io::Error| Error::NotCommitted {
            group_id: id.to_string(),
            path: self.base.clone(),
            action: "making",
            source: source.into(),
        };
        if let Some(base) = read::open_base(&self.base)? {
            return Ok(base);
        }
        commit::make_base(&self.base, durability).map_err(refused)?;
        read::open_base(&self.base)?.ok_or_else(|| refused(std::io::ErrorKind::NotFound.into()))
    }

    /// Whether leftovers of a group have not been looked for in the last hour.
    fn is_to_be_swept(&self, id: &GroupId) -> bool {
        const EVERY: Duration = Duration::from_secs(60 * 60);
        let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let due = swept.get(id).is_none_or(|last| now.duration_since(*last) > EVERY);
        if due {
            swept.insert(id.clone(), now);
        }
        due
    }
}

/// The lock of a stripe, and the store it is in.
struct Held {
    base: Dir,
    lock: Lock,
}

impl Worker for Store {
    type Lock = Held;

    fn try_lock(&self, stripe: Stripe, first: &Pending) -> Result<Access<Held>> {
        if !first.task.makes_a_store() && read::open_base(&self.base)?.is_none() {
            return Ok(Access::NoStore);
        }
        let base = self.open_for_writing(&first.id, first.durability)?;
        let lock = locks::try_lock(&base, stripe).map_err(|source| Error::NotCommitted {
            group_id: first.id.to_string(),
            path: base.path().join(layout::LOCKS),
            action: "locking",
            source: source.into(),
        })?;
        Ok(lock.map_or(Access::Busy, |lock| Access::Held(Held { base, lock })))
    }

    fn carry_out(&self, id: &GroupId, batch: Vec<Pending>, held: &Held) {
        if self.is_to_be_swept(id) {
            trash::sweep_group(&held.base, id, &held.lock);
            trash::sweep(&held.base);
        }
        match Stored::read(&held.base, id) {
            Ok(stored) => self.write_together(id, stored, batch, held),
            Err(_) => {
                for pending in batch {
                    self.meet_unreadable(id, pending, held);
                }
            }
        }
    }

    fn carry_out_without_store(&self, pending: Pending) {
        let Pending { id, task, reply, .. } = pending;
        reply.tell(match task {
            Task::Write(write) => write.apply(&id, None),
            Task::Save { .. } => Err(Error::Internal("a save makes its store".to_owned())),
            Task::Look => Ok(Written::Missing),
        });
    }

    fn timed_out(&self, stripe: Stripe, waited_for: &GroupId) -> Error {
        let holder = read::open_base(&self.base).ok().flatten().and_then(|base| locks::holder(&base, stripe));
        let holder = holder.unwrap_or_else(|| "another process".to_owned());
        Error::LockTimeout {
            group_id: waited_for.to_string(),
            path: Some(self.base.join(layout::LOCKS).join(stripe.file_name())),
            reason: format!("its lock was kept too long, it seems by {holder}"),
        }
    }
}

/// What lies on the disk: the group, and the very bytes.
struct Stored {
    group: Option<Document>,
    bytes: Option<Vec<u8>>,
}

impl Stored {
    fn read(base: &Dir, id: &GroupId) -> Result<Self> {
        let bytes = read::read_bytes(base, id)?;
        let group = bytes.clone().map(|bytes| read::understand(base, id, bytes)).transpose()?;
        Ok(Self { group, bytes })
    }
}

impl Store {
    /// Applies a batch in memory, writes what has come of it once, and then tells each its outcome. One that cannot
    /// be applied fails alone.
    fn write_together(&self, id: &GroupId, stored: Stored, batch: Vec<Pending>, held: &Held) {
        let durability = batch.iter().map(|pending| pending.durability).max().unwrap_or(Durability::Full);
        let mut now = stored.group.clone();
        let mut bytes = stored.bytes.clone();
        let mut outcomes = Vec::with_capacity(batch.len());
        let mut first_effect = None;
        for Pending { task, reply, .. } in batch {
            let outcome = self.apply(id, task, now.as_ref());
            match &outcome {
                Ok((Written::Stored(group), Some(text))) => {
                    now = Some(group.clone());
                    bytes = Some(text.clone().into_bytes());
                }
                Ok((Written::Removed, _)) => (now, bytes) = (None, None),
                _ => {
                    outcomes.push((reply, outcome.map(|(written, _)| written)));
                    continue;
                }
            }
            first_effect.get_or_insert(outcomes.len());
            outcomes.push((reply, outcome.map(|(written, _)| written)));
        }
        let Some(first_effect) = first_effect else { return tell(outcomes) };
        let mut taken_out = None;
        let commit = Commit { base: &held.base, id, durability, confirmed: &self.confirmed };
        let committed = match (&bytes, &stored.bytes) {
            (None, None) => Ok(()),
            (None, Some(_)) => self.take_out(id, durability, held).map(|path| taken_out = Some(path)),
            (Some(new), Some(old)) if new == old => commit.confirm(&held.lock),
            (Some(new), _) => commit.put(new, &held.lock),
        };
        if let Err(error) = committed {
            // Whatever came after the first change was judged by a state that is not there now.
            for (_, outcome) in outcomes.iter_mut().skip(first_effect) {
                *outcome = Err(error.clone());
            }
        }
        tell(outcomes);
        if let Some(path) = taken_out {
            trash::remove(&path);
        }
    }

    /// What a task comes to, and the text to store for it.
    fn apply(&self, id: &GroupId, task: Task, now: Option<&Document>) -> Result<(Written, Option<String>)> {
        let write = match task.checked(id)? {
            // It came after the others of its batch were checked.
            Task::Save { .. } => return Err(Error::Internal("an unchecked save".to_owned())),
            Task::Look => return Ok((now.map_or(Written::Missing, |group| Written::Stored(group.clone())), None)),
            Task::Write(write) => write,
        };
        if let Some(version) = now.and_then(Document::newer_schema).filter(|_| !write.deletes()) {
            return Err(Error::NewerSchema {
                group_id: id.to_string(),
                path: self.base.join(id.as_str()).join(layout::META),
                version,
                consequence: "it can be read, not written".to_owned(),
            });
        }
        let written = catch_unwind(AssertUnwindSafe(|| write.apply(id, now)))
            .unwrap_or_else(|_| Err(Error::Internal("applying a change panicked".to_owned())))?;
        let Written::Stored(group) = written else { return Ok((written, None)) };
        let text = json::pretty(group.text());
        if text.len() as u64 > layout::LARGEST_FILE {
            let wrong = Wrong::new("group", format!("must be at most 64 MiB of JSON, but is {} bytes", text.len()));
            return Err(Error::InvalidGroup { group_id: id.to_string(), wrong });
        }
        Ok((Written::Stored(group.stored_as(text.as_bytes())), Some(text)))
    }

    /// What is stored cannot be read: only deleting it is allowed.
    fn meet_unreadable(&self, id: &GroupId, pending: Pending, held: &Held) {
        let error = match Stored::read(&held.base, id) {
            Ok(stored) => return self.write_together(id, stored, vec![pending], held),
            Err(error) => error,
        };
        let Pending { task, durability, reply, .. } = pending;
        if !matches!(task, Task::Write(Write::Delete { condition: Condition::None })) || !is_of_this_group_alone(&error) {
            return reply.tell(Err(error));
        }
        match self.take_out(id, durability, held) {
            Ok(path) => {
                reply.tell(Ok(Written::Removed));
                trash::remove(&path);
            }
            Err(error) => reply.tell(Err(error)),
        }
    }

    fn take_out(&self, id: &GroupId, durability: Durability, held: &Held) -> Result<PathBuf> {
        trash::take_out(&held.base, id, durability, &held.lock)
    }
}

fn tell(outcomes: Vec<(Reply, Result<Written>)>) {
    for (reply, outcome) in outcomes {
        reply.tell(outcome);
    }
}

/// Whether an error says something of one group and nothing of the store.
fn is_of_this_group_alone(error: &Error) -> bool {
    match error {
        Error::Corrupt { .. } | Error::NewerSchema { .. } => true,
        Error::Io { source, .. } => source.kind() == std::io::ErrorKind::PermissionDenied,
        _ => false,
    }
}
