//! The state of one watcher: which groups to read, what was reported of each, and who waits for changes. No lock is held
//! while a group is read or a callback is called.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use std::{io, mem};

use super::{Change, lock};
use crate::error::{Error, ErrorKind, Result};
use crate::executor;
use crate::model::GroupId;
use crate::repository::document::{Document, Revision};

/// Maximum number of changes in an answer.
const MAX_CHANGES: usize = 32;
/// Length of text, in bytes, from which on an answer is complete.
const FULL_TEXT: usize = 1 << 20;
/// Maximum number of groups that one job of the executor reads, so that many unchanged ones do not hold up other jobs.
const MAX_READS: usize = 256;
/// Time after which a corrupt group is read again before it is reported, because a program may be writing the file.
const SECOND_LOOK: Duration = Duration::from_millis(30);

/// Time after which a group is read again that could not be read for a reason that may pass, such as too many open files. No
/// change would be reported when it has passed.
const RETRY: Duration = Duration::from_secs(1);

type Read = dyn Fn(&GroupId) -> Result<Option<Document>> + Send + Sync;
type Done = Box<dyn FnOnce(Vec<Change>) + Send>;

pub(super) struct Subscriber {
    /// The only group to watch; `None` for all.
    only: Option<GroupId>,
    state: Mutex<State>,
}

/// Closing puts the default in its place.
#[derive(Default)]
struct State {
    /// The function that reads a group; `None` once the watcher is closed.
    read: Option<Arc<Read>>,
    /// Groups that may have changed.
    pending: Pending,
    /// Groups that were added before it was known which ones are there: those are reported first.
    early: Option<Pending>,
    /// The group that is being read.
    reading: Option<GroupId>,
    /// The state in which each group was reported last.
    reported: BTreeMap<GroupId, Reported>,
    /// Groups that were found corrupt and are to be read again, with the time when they were found.
    suspects: HashMap<GroupId, Instant>,
    /// Groups that are to be read again because the reason why they could not be read may have passed.
    retries: HashSet<GroupId>,
    /// Requests that are not answered yet.
    requests: VecDeque<Done>,
    /// Set while a job reads groups or is about to.
    has_job: bool,
}

/// Ids in the order in which they were added, each once.
#[derive(Default)]
struct Pending {
    queue: VecDeque<GroupId>,
    ids: HashSet<GroupId>,
}

impl Pending {
    fn add(&mut self, id: &GroupId) {
        if self.ids.insert(id.clone()) {
            self.queue.push_back(id.clone());
        }
    }

    fn next(&mut self) -> Option<GroupId> {
        let id = self.queue.pop_front()?;
        self.ids.remove(&id);
        Some(id)
    }
}

/// The state of an existing group.
#[derive(PartialEq)]
enum Reported {
    Group(Revision),
    /// The message of the error.
    Error(String),
}

impl Reported {
    fn of(found: &Result<Option<Document>>) -> Option<Self> {
        match found {
            Ok(group) => group.as_ref().map(|group| Self::Group(group.revision())),
            Err(error) => Some(Self::Error(error.to_string())),
        }
    }
}

/// The consequence of reading a group.
enum Verdict {
    Unchanged,
    Changed(Change),
    /// The group is to be read again later.
    Suspect(GroupId),
}

impl Subscriber {
    pub(super) fn new(only: Option<GroupId>, read: Arc<Read>) -> Self {
        let state = State { read: Some(read), early: Some(Pending::default()), ..State::default() };
        Self { only, state: Mutex::new(state) }
    }

    pub(super) fn watches(&self, id: &GroupId) -> bool {
        self.only.as_ref().is_none_or(|only| only == id)
    }

    /// Adds the groups that are there when it starts. Returns `true` if the caller has to start a job.
    pub(super) fn begin<'a>(&self, there: impl IntoIterator<Item = &'a GroupId>) -> bool {
        let mut state = self.state();
        let early = state.early.take();
        self.add(&mut state, there);
        self.add(&mut state, early.iter().flat_map(|early| &early.queue));
        state.begin_job()
    }

    /// Adds groups to read. Returns `true` if the caller has to start a job.
    pub(super) fn mark<'a>(&self, ids: impl IntoIterator<Item = &'a GroupId>) -> bool {
        let mut state = self.state();
        self.add(&mut state, ids);
        state.begin_job()
    }

    /// Adds these groups and all that have been reported. Returns `true` if the caller has to start a job.
    pub(super) fn mark_all(&self, there: &[GroupId]) -> bool {
        let mut state = self.state();
        if state.early.is_some() {
            drop(state);
            return self.begin(there);
        }
        self.add(&mut state, there);
        let known: Vec<_> = state.known().cloned().collect();
        self.add(&mut state, &known);
        state.begin_job()
    }

    /// Adds the groups that are there, in order, and were not reported, and those that were and are not there. Returns `true`
    /// if the caller has to start a job.
    pub(super) fn mark_difference(&self, there: &[GroupId]) -> bool {
        let mut state = self.state();
        let missing = state.known().filter(|id| there.binary_search(id).is_err());
        let new = there.iter().filter(|id| !state.reported.contains_key(id));
        let differing: Vec<_> = missing.chain(new).cloned().collect();
        self.add(&mut state, &differing);
        state.begin_job()
    }

    fn add<'a>(&self, state: &mut State, ids: impl IntoIterator<Item = &'a GroupId>) {
        if state.read.is_some() {
            let State { pending, early, .. } = state;
            let pending = early.as_mut().unwrap_or(pending);
            for id in ids.into_iter().filter(|id| self.watches(id)) {
                pending.add(id);
            }
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state().read.is_none()
    }

    pub(super) fn close(&self) {
        let closed = mem::take(&mut *self.state());
        for done in closed.requests {
            executor::run(move || done(Vec::new()));
        }
    }

    pub(super) fn request(self: &Arc<Self>, done: Done) {
        let mut state = self.state();
        if state.read.is_none() {
            drop(state);
            return executor::run(move || done(Vec::new()));
        }
        state.requests.push_back(done);
        let begins = state.begin_job();
        drop(state);
        if begins {
            self.start();
        }
    }

    /// Starts the job that has been begun.
    pub(super) fn start(self: &Arc<Self>) {
        let subscriber = Arc::clone(self);
        executor::run(move || subscriber.work());
    }

    /// Reads groups until there are enough changes for an answer.
    fn work(self: &Arc<Self>) {
        let (mut changes, mut text) = (Vec::new(), 0);
        for _ in 0..MAX_READS {
            let Some((id, read)) = self.state().next_to_read() else { break };
            match self.look_at(id, &*read) {
                Verdict::Unchanged => {}
                Verdict::Changed(change) => {
                    text += change.group.as_ref().map_or(0, |group| group.text().len());
                    changes.push(change);
                }
                Verdict::Suspect(id) => self.look_again_later(id, SECOND_LOOK),
            }
            if changes.len() >= MAX_CHANGES || text >= FULL_TEXT {
                break;
            }
        }
        self.answer(changes);
    }

    fn look_at(self: &Arc<Self>, id: GroupId, read: &Read) -> Verdict {
        let look = || {
            let found = read(&id);
            let state = Reported::of(&found);
            (found, state)
        };
        let (found, state) = catch_unwind(AssertUnwindSafe(look)).unwrap_or_else(|_| {
            let found = Err(Error::internal(format!("reading group {:?} panicked", id.as_str())));
            let state = Reported::of(&found);
            (found, state)
        });
        if found.as_ref().is_err_and(may_pass) && self.state().retries.insert(id.clone()) {
            self.look_again_later(id.clone(), RETRY);
        }
        self.state().judge(id, found, state)
    }

    fn look_again_later(self: &Arc<Self>, id: GroupId, delay: Duration) {
        let subscriber = Arc::downgrade(self);
        executor::run_later(delay, move || {
            let Some(subscriber) = subscriber.upgrade() else { return };
            subscriber.state().retries.remove(&id);
            if subscriber.mark([&id]) {
                subscriber.start();
            }
        });
    }

    /// Ends a job: answers a request, and begins the next job if there is more to do.
    fn answer(self: &Arc<Self>, changes: Vec<Change>) {
        let mut state = self.state();
        let done = if changes.is_empty() { None } else { state.requests.pop_front() };
        state.has_job = false;
        let begins = state.begin_job();
        drop(state);
        if begins {
            self.start();
        }
        if let Some(done) = done {
            done(changes);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// Returns `true` if an error may pass without a change of the group.
fn may_pass(error: &Error) -> bool {
    // A change of permissions is reported.
    error.is(ErrorKind::Io) && error.io_kind() != Some(io::ErrorKind::PermissionDenied)
}

impl State {
    /// The groups that have been reported, and the one that is being read: it may be gone by the time it is reported.
    fn known(&self) -> impl Iterator<Item = &GroupId> {
        self.reported.keys().chain(&self.reading)
    }

    /// Returns `true` if groups are to be read and no job does it. The caller then starts one.
    fn begin_job(&mut self) -> bool {
        let begins = !self.has_job && !self.requests.is_empty() && !self.pending.queue.is_empty();
        self.has_job |= begins;
        begins
    }

    /// Takes the next group to read. From then on it can be marked again, so that no change during the read is missed.
    fn next_to_read(&mut self) -> Option<(GroupId, Arc<Read>)> {
        let read = Arc::clone(self.read.as_ref()?);
        let id = self.pending.next()?;
        self.reading = Some(id.clone());
        Some((id, read))
    }

    /// Compares a group that was read with its last report.
    fn judge(&mut self, id: GroupId, found: Result<Option<Document>>, state: Option<Reported>) -> Verdict {
        self.reading = None;
        let suspected_since = self.suspects.remove(&id);
        if self.read.is_none() || self.reported.get(&id) == state.as_ref() {
            return Verdict::Unchanged;
        }
        if found.as_ref().is_err_and(|error| error.is(ErrorKind::Corrupt)) {
            let since = suspected_since.unwrap_or_else(Instant::now);
            if since.elapsed() < SECOND_LOOK {
                self.suspects.insert(id.clone(), since);
                // The second look at a known suspect is already on its way.
                return if suspected_since.is_some() { Verdict::Unchanged } else { Verdict::Suspect(id) };
            }
        }
        match state {
            Some(state) => self.reported.insert(id.clone(), state),
            None => self.reported.remove(&id),
        };
        Verdict::Changed(Change::new(id, found))
    }
}
