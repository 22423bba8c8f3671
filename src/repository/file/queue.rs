//! Writes of a store, in the order in which they came. Those of one group that wait behind each other are written
//! together; a queue whose lock someone else holds is tried again later and holds no thread meanwhile.

use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, Result, Wrong};
use crate::group::GroupId;
use crate::repository::change::{Condition, Write, Written};
use crate::repository::document::Document;
use crate::repository::file::commit::Durability;
use crate::repository::file::locks::Stripe;
use crate::repository::file::pool;

/// How long a lock is waited for between two tries: from the first to the longest.
const FIRST_PAUSE: Duration = Duration::from_micros(200);
const LONGEST_PAUSE: Duration = Duration::from_millis(2);

/// How long a holder goes on while others may wait, and for how long it then lets them in.
const LONGEST_HOLD: Duration = Duration::from_millis(20);
const LET_IN: Duration = Duration::from_millis(3);

/// How often a thread goes on with a stripe to which something has come meanwhile.
const MOST_ROUNDS: usize = 32;

/// The most writes that are written together.
const LARGEST_BATCH: usize = 256;

/// What is to be done under a group's lock.
pub enum Task {
    /// A write.
    Write(Write),
    /// A save of text that has not been checked yet. It takes its place in the queue at once and is checked off the
    /// caller's thread, before the lock is taken.
    Save {
        /// The group.
        text: String,
        /// When it may be stored.
        condition: Condition,
    },
    /// A second look at a group that could not be read: under the lock no writer is half done.
    Look,
}

impl Task {
    /// Whether it makes a store where there is none; anything else finds nothing there.
    pub fn makes_a_store(&self) -> bool {
        matches!(self, Self::Save { .. } | Self::Write(Write::Save { .. }))
    }

    /// The same task with its text checked.
    pub fn checked(self, id: &GroupId) -> Result<Self> {
        let Self::Save { text, condition } = self else {
            return Ok(self);
        };
        let group = catch_unwind(|| Document::from_text(text))
            .unwrap_or_else(|_| Err(Error::Internal("checking a group panicked".to_owned())))?;
        if group.id() == id {
            return Ok(Self::Write(Write::Save { group, condition }));
        }
        let problem =
            format!("must stay {:?} while it is saved, but became {:?}", id.as_str(), group.id().as_str());
        Err(Error::InvalidGroup { group_id: id.to_string(), wrong: Wrong::new("id", problem) })
    }
}

/// Who is told how it went. Dropped untold, it tells of a bug, so that nobody waits for ever.
pub struct Reply(Option<Box<dyn FnOnce(Result<Written>) + Send>>);

impl Reply {
    /// Calls `tell` once, on any thread.
    pub fn new(tell: impl FnOnce(Result<Written>) + Send + 'static) -> Self {
        Self(Some(Box::new(tell)))
    }

    /// Tells how it went.
    pub fn tell(mut self, outcome: Result<Written>) {
        if let Some(tell) = self.0.take() {
            tell(outcome);
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(tell) = self.0.take() {
            tell(Err(Error::Internal("a write was given up".to_owned())));
        }
    }
}

/// One waiting task.
pub struct Pending {
    /// The group.
    pub id: GroupId,
    /// What is to be done.
    pub task: Task,
    /// What must survive when it is acknowledged.
    pub durability: Durability,
    /// When waiting ends.
    pub deadline: Instant,
    /// Who is told.
    pub reply: Reply,
}

/// What a queue needs of its store.
pub trait Worker: Send + Sync + 'static {
    /// What keeps a stripe from all others.
    type Lock;

    /// Takes the lock of a stripe if nobody holds it.
    fn try_lock(&self, stripe: Stripe, first: &Pending) -> Result<Access<Self::Lock>>;

    /// Carries out tasks of one group under its lock and tells each how it went.
    fn carry_out(&self, id: &GroupId, batch: Vec<Pending>, lock: &Self::Lock);

    /// Carries out a task where there is no store, and therefore no lock.
    fn carry_out_without_store(&self, pending: Pending);

    /// The error of one that has waited too long.
    fn timed_out(&self, stripe: Stripe, waited_for: &GroupId) -> Error;
}

/// What trying to take a lock comes to.
pub enum Access<L> {
    /// Nobody else has it.
    Held(L),
    /// Somebody else has it.
    Busy,
    /// There is no store.
    NoStore,
}

/// The waiting tasks of a store.
pub struct Queue<W> {
    worker: W,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: HashMap<Stripe, VecDeque<Pending>>,
    /// Stripes for which a job is under way or put off.
    active: HashSet<Stripe>,
}

impl<W: Worker> Queue<W> {
    /// An empty queue.
    pub fn new(worker: W) -> Self {
        Self { worker, state: Mutex::default() }
    }

    /// Adds a task at the end of its group's queue.
    pub fn add(self: &Arc<Self>, pending: Pending) {
        let stripe = Stripe::of(&pending.id);
        let mut state = self.state();
        state.waiting.entry(stripe).or_default().push_back(pending);
        let idle = state.active.insert(stripe);
        drop(state);
        if idle {
            let queue = Arc::clone(self);
            pool::run(move || queue.serve(stripe, FIRST_PAUSE));
        }
    }

    /// What serves the tasks.
    pub fn worker(&self) -> &W {
        &self.worker
    }

    /// Serves a stripe: until nothing waits, others are to be let in, or the lock cannot be had.
    fn serve(self: &Arc<Self>, stripe: Stripe, mut pause: Duration) {
        // What comes at once is taken on at once, but not for ever: other stores wait for this thread, too.
        for _ in 0..MOST_ROUNDS {
            // Whatever happens in here, the stripe must be served again as long as something waits.
            let next = catch_unwind(AssertUnwindSafe(|| self.serve_while_held(stripe, pause)));
            let delay;
            (delay, pause) = match next {
                Ok(None) => return,
                Ok(Some(again)) => again,
                Err(_) => (LET_IN, FIRST_PAUSE),
            };
            if !delay.is_zero() {
                return self.serve_later(delay, stripe, pause);
            }
        }
        self.serve_later(Duration::ZERO, stripe, pause);
    }

    fn serve_later(self: &Arc<Self>, delay: Duration, stripe: Stripe, pause: Duration) {
        let queue = Arc::clone(self);
        pool::run_later(delay, move || queue.serve(stripe, pause));
    }

    /// When to come again, and how long to pause then; `None` when nothing waits any more.
    fn serve_while_held(&self, stripe: Stripe, pause: Duration) -> Option<(Duration, Duration)> {
        self.check(stripe);
        let lock = {
            let Some(first) = self.take_first(stripe) else {
                return self.rest(stripe);
            };
            match self.worker.try_lock(stripe, &first) {
                Ok(Access::Held(lock)) => {
                    self.put_back(stripe, first);
                    lock
                }
                Ok(Access::NoStore) => {
                    self.worker.carry_out_without_store(first);
                    return Some((Duration::ZERO, FIRST_PAUSE));
                }
                Ok(Access::Busy) => {
                    self.put_back(stripe, first);
                    self.expire(stripe);
                    return Some((jittered(pause), (pause * 2).min(LONGEST_PAUSE)));
                }
                Err(error) => {
                    first.reply.tell(Err(error));
                    return Some((Duration::ZERO, FIRST_PAUSE));
                }
            }
        };
        let since = Instant::now();
        while since.elapsed() < LONGEST_HOLD {
            let Some((id, batch)) = self.take_batch(stripe) else {
                drop(lock);
                return self.rest(stripe);
            };
            self.worker.carry_out(&id, batch, &lock);
        }
        drop(lock);
        Some((LET_IN, FIRST_PAUSE))
    }

    /// Nothing waits: the stripe sleeps, unless something came just now.
    fn rest(&self, stripe: Stripe) -> Option<(Duration, Duration)> {
        let mut state = self.state();
        if state.waiting.get(&stripe).is_some_and(|waiting| !waiting.is_empty()) {
            return Some((Duration::ZERO, FIRST_PAUSE));
        }
        state.waiting.remove(&stripe);
        state.active.remove(&stripe);
        None
    }

    fn take_first(&self, stripe: Stripe) -> Option<Pending> {
        self.state().waiting.get_mut(&stripe)?.pop_front()
    }

    fn put_back(&self, stripe: Stripe, first: Pending) {
        self.state().waiting.entry(stripe).or_default().push_front(first);
    }

    /// The first task and those of the same group that can be written with it, in their order.
    fn take_batch(&self, stripe: Stripe) -> Option<(GroupId, Vec<Pending>)> {
        let mut state = self.state();
        let waiting = state.waiting.get_mut(&stripe)?;
        let first = waiting.pop_front()?;
        let id = first.id.clone();
        let mut batch = vec![first];
        let mut others = VecDeque::with_capacity(waiting.len());
        // A deletion ends its batch: what comes after it starts from nothing.
        let mut open = batch.iter().all(|pending| !pending.deletes());
        while let Some(pending) = waiting.pop_front() {
            if open && pending.id == id && batch.len() < LARGEST_BATCH {
                open = !pending.deletes();
                batch.push(pending);
            } else {
                open = open && pending.id != id;
                others.push_back(pending);
            }
        }
        *waiting = others;
        Some((id, batch))
    }

    /// Checks what is to be saved before the lock is taken; what is wrong goes no further.
    fn check(&self, stripe: Stripe) {
        let waiting = self.state().waiting.remove(&stripe).unwrap_or_default();
        let mut checked = VecDeque::with_capacity(waiting.len());
        for Pending { id, task, durability, deadline, reply } in waiting {
            match task.checked(&id) {
                Ok(task) => checked.push_back(Pending { id, task, durability, deadline, reply }),
                Err(error) => reply.tell(Err(error)),
            }
        }
        let mut state = self.state();
        let arrived = state.waiting.entry(stripe).or_default();
        checked.append(arrived);
        *arrived = checked;
    }

    /// Those that have waited too long learn it now.
    fn expire(&self, stripe: Stripe) {
        let now = Instant::now();
        let mut expired = Vec::new();
        if let Some(waiting) = self.state().waiting.get_mut(&stripe) {
            let all = std::mem::take(waiting);
            for pending in all {
                if pending.deadline <= now {
                    expired.push(pending);
                } else {
                    waiting.push_back(pending);
                }
            }
        }
        for pending in expired {
            let error = self.worker.timed_out(stripe, &pending.id);
            pending.reply.tell(Err(error));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pending {
    fn deletes(&self) -> bool {
        matches!(&self.task, Task::Write(write) if write.deletes())
    }
}

/// A pause of half to one and a half of the given one, so that waiting processes do not march in step.
fn jittered(pause: Duration) -> Duration {
    let random = uuid::Uuid::new_v4().as_bytes()[0];
    pause / 2 + pause * u32::from(random) / 255
}
