//! What the repositories on one base directory share: reading its groups, and carrying out the writes that its queue
//! hands over under a group's lock.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::error::{Error, Result, Wrong};
use crate::group::GroupId;
use crate::json;
use crate::repository::change::{Condition, Write, Written};
use crate::repository::document::Document;
use crate::repository::file::cache::Cache;
use crate::repository::file::commit::{self, Commit, ConfirmedDirs, Durability};
use crate::repository::file::dir::Dir;
use crate::repository::file::list::Listing;
use crate::repository::file::locks::{self, Lock, Stripe};
use crate::repository::file::queue::{Access, Pending, Reply, Task, Worker};
use crate::repository::file::same_name::other_than;
use crate::repository::file::{layout, pool, read, trash};
use crate::repository::query::{GroupFilter, GroupSort};

/// What all repositories on one base directory in this process share.
pub struct Store {
    base: PathBuf,
    /// Whether the disk is known to have the base directory itself.
    base_is_confirmed: AtomicBool,
    confirmed: ConfirmedDirs,
    cache: Cache,
    /// When a group's leftovers were last looked for.
    swept: Mutex<HashMap<GroupId, Instant>>,
}

impl Store {
    /// The store under a base directory, which need not be there.
    pub fn new(base: PathBuf) -> Self {
        Self {
            base,
            base_is_confirmed: AtomicBool::new(false),
            confirmed: ConfirmedDirs::default(),
            cache: Cache::default(),
            swept: Mutex::default(),
        }
    }

    /// Where it lies.
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// The group as it is now.
    pub fn read(&self, id: &GroupId) -> Result<Option<Document>> {
        #[cfg(feature = "test-panics")]
        assert!(id.as_str() != "panic", "on purpose, while a group is read");
        match read::open_base(&self.base)? {
            Some(base) => read::read_through(&base, id, &self.cache),
            None => Ok(None),
        }
    }

    /// The groups that match; those that cannot be read are for `verify` to tell.
    pub fn list(&self, filter: &GroupFilter, sort: Option<GroupSort>) -> Result<Vec<Document>> {
        match read::open_base(&self.base)? {
            Some(base) => Listing { base: &base, cache: &self.cache }.list(filter, sort),
            None => Ok(Vec::new()),
        }
    }

    /// How many groups match.
    pub fn count(&self, filter: &GroupFilter) -> Result<usize> {
        match read::open_base(&self.base)? {
            Some(base) => Listing { base: &base, cache: &self.cache }.count(filter),
            None => Ok(0),
        }
    }

    /// Makes the store if it is not there, and opens it.
    fn open_for_writing(&self, mut base: Option<Dir>, id: &GroupId, durability: Durability) -> Result<Dir> {
        let refused = |source: std::io::Error| Error::NotCommitted {
            group_id: id.to_string(),
            path: self.base.clone(),
            action: "making",
            source: source.into(),
        };
        if base.is_none() {
            self.base_is_confirmed.store(false, Ordering::Relaxed);
            commit::make_base(&self.base).map_err(refused)?;
            base = read::open_base(&self.base)?;
        }
        if durability == Durability::Full && !self.base_is_confirmed.load(Ordering::Relaxed) {
            commit::confirm_base(&self.base).map_err(refused)?;
            self.base_is_confirmed.store(true, Ordering::Relaxed);
        }
        base.ok_or_else(|| refused(std::io::ErrorKind::NotFound.into()))
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
pub struct Held {
    base: Dir,
    lock: Lock,
}

impl Worker for Store {
    type Lock = Held;

    fn try_lock(&self, stripe: Stripe, first: &Pending) -> Result<Access<Held>> {
        let base = read::open_base(&self.base)?;
        if base.is_none() && !first.task.makes_a_store() {
            return Ok(Access::NoStore);
        }
        let base = self.open_for_writing(base, &first.id, first.durability)?;
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
            let now = SystemTime::now();
            trash::sweep_group(&held.base, id, now, &held.lock);
            trash::sweep(&held.base, now);
        }
        // Again for each batch: a lock is held over several.
        if let Err(error) = read::check_base(&held.base) {
            return tell(batch.into_iter().map(|pending| (pending.reply, Err(error.clone()))).collect());
        }
        match Stored::read(&held.base, id) {
            Ok(stored) => self.write_together(id, &stored, batch, held),
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
#[derive(Default)]
struct Stored {
    group: Option<Document>,
    bytes: Option<Vec<u8>>,
    /// The directory that is in the way of a group with this id.
    other: Option<String>,
}

impl Stored {
    fn read(base: &Dir, id: &GroupId) -> Result<Self> {
        match Self::read_directory(base, id) {
            Ok(stored) if stored.group.is_some() => Ok(stored),
            none_or_unreadable => match other_than(base, id) {
                Ok(None) => none_or_unreadable,
                Ok(other) => Ok(Self { other, ..Self::default() }),
                Err(error) => none_or_unreadable.and(Err(read::cannot_read(base, id, error))),
            },
        }
    }

    fn read_directory(base: &Dir, id: &GroupId) -> Result<Self> {
        let bytes = read::read_bytes(base, id)?;
        let group = bytes.clone().map(|bytes| read::understand(base, id, bytes)).transpose()?;
        Ok(Self { group, bytes, other: None })
    }
}

impl Store {
    /// Applies a batch in memory, writes what has come of it once, and then tells each its outcome. One that cannot
    /// be applied fails alone.
    fn write_together(&self, id: &GroupId, stored: &Stored, batch: Vec<Pending>, held: &Held) {
        let durability = batch.iter().map(|pending| pending.durability).max().unwrap_or(Durability::Full);
        let mut now = stored.group.clone();
        let mut outcomes = Vec::with_capacity(batch.len());
        let mut first_effect = None;
        for Pending { task, reply, .. } in batch {
            let outcome =
                self.apply(id, task, now.as_ref()).and_then(|effect| effect.unless_in_the_way(id, stored));
            let (changes, outcome) = match outcome {
                Ok(Effect::Nothing(written)) => (false, Ok(written)),
                Ok(Effect::Becomes(group)) => {
                    now = Some(group.clone());
                    (true, Ok(Written::Stored(group)))
                }
                Ok(Effect::Goes) => {
                    now = None;
                    (true, Ok(Written::Removed))
                }
                Err(error) => (false, Err(error)),
            };
            if changes {
                first_effect.get_or_insert(outcomes.len());
            }
            outcomes.push((reply, outcome));
        }
        let Some(first_effect) = first_effect else {
            return tell(outcomes);
        };
        let mut taken_out = None;
        let commit = Commit { base: &held.base, id, durability, confirmed: &self.confirmed };
        let text = now.map(|group| json::pretty(group.text()));
        let committed = match (text.as_deref().map(str::as_bytes), &stored.bytes) {
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
        // A deletion ends its batch.
        let deletion = taken_out.and_then(|path| Some((outcomes.pop()?, path)));
        tell(outcomes);
        if let Some(((reply, outcome), path)) = deletion {
            remove_and_tell(path, reply, outcome);
        }
    }

    fn take_out(&self, id: &GroupId, durability: Durability, held: &Held) -> Result<PathBuf> {
        self.confirmed.forget(id);
        self.swept.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        trash::take_out(&held.base, id, durability, &held.lock)
    }

    /// What a task comes to.
    fn apply(&self, id: &GroupId, task: Task, now: Option<&Document>) -> Result<Effect> {
        let write = match task.checked(id)? {
            // It came after the others of its batch were checked.
            Task::Save { .. } => return Err(Error::Internal("an unchecked save".to_owned())),
            Task::Look => {
                let found = now.map_or(Written::Missing, |group| Written::Stored(group.clone()));
                return Ok(Effect::Nothing(found));
            }
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
        match written {
            Written::Missing => Ok(Effect::Nothing(written)),
            Written::Removed => Ok(Effect::Goes),
            Written::Stored(group) => {
                check_size(&group)?;
                Ok(Effect::Becomes(group))
            }
        }
    }

    /// What is stored cannot be read: only deleting it is allowed.
    fn meet_unreadable(&self, id: &GroupId, pending: Pending, held: &Held) {
        let error = match Stored::read(&held.base, id) {
            Ok(stored) => return self.write_together(id, &stored, vec![pending], held),
            Err(error) => error,
        };
        let Pending { task, durability, reply, .. } = pending;
        if !matches!(task, Task::Write(Write::Delete { condition: Condition::None }))
            || !read::is_of_this_group_alone(&error)
        {
            return reply.tell(Err(error));
        }
        match self.take_out(id, durability, held) {
            Ok(path) => remove_and_tell(path, reply, Ok(Written::Removed)),
            Err(error) => reply.tell(Err(error)),
        }
    }
}

/// What a task does to what is stored.
enum Effect {
    Nothing(Written),
    Becomes(Document),
    Goes,
}

impl Effect {
    fn unless_in_the_way(self, id: &GroupId, stored: &Stored) -> Result<Self> {
        match &stored.other {
            Some(other) if matches!(self, Self::Becomes(_)) => Err(Error::InvalidId {
                id: id.to_string(),
                reason: format!(
                    "names the directory {other:?}, since names have no case on this file system"
                )
                .into(),
            }),
            _ => Ok(self),
        }
    }
}

/// Refuses a group that would be too large to read.
fn check_size(group: &Document) -> Result<()> {
    // Laid out, each byte can at most become a line of the deepest indentation.
    const SURELY_FITS: u64 = layout::LARGEST_FILE / (2 * (json::MAX_DEPTH as u64 + 8));
    if group.text().len() as u64 <= SURELY_FITS {
        return Ok(());
    }
    let length = json::pretty(group.text()).len();
    if length as u64 <= layout::LARGEST_FILE {
        return Ok(());
    }
    let wrong = Wrong::new("group", format!("must be at most 64 MiB of JSON, but is {length} bytes"));
    Err(Error::InvalidGroup { group_id: group.id().to_string(), wrong })
}

fn tell(outcomes: Vec<(Reply, Result<Written>)>) {
    for (reply, outcome) in outcomes {
        reply.tell(outcome);
    }
}

/// Removes what was taken out, which may take its time and needs no lock, and then tells that it is gone.
fn remove_and_tell(taken_out: PathBuf, reply: Reply, outcome: Result<Written>) {
    pool::run(move || {
        trash::remove(&taken_out);
        reply.tell(outcome);
    });
}
