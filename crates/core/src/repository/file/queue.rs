//! The queues of a store: its groups' entries in the order in which they are served, and the duty to serve them. Nothing
//! is served here.
//!
//! Groups that share a lock share a [`Stripe`], which one thread serves at a time: one of the executor's, or one that
//! waits for the outcome of an entry.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::executor;
use crate::model::GroupId;
use crate::repository::file::completion::Slot;
use crate::repository::file::lock::{STRIPES, StoreGuard, Stripe};
use crate::repository::file::task::{Arrival, Entry, Patience, Ready, Work};
use crate::repository::file::turn::Function;
use crate::repository::file::write::Durability;

/// Maximum time that one pause adds to the time for which others held the lock. A process that was stopped for longer
/// does not know who held it meanwhile.
const MAX_COUNTED_PAUSE: Duration = Duration::from_millis(100);

/// Maximum number of writes that are written together.
const MAX_BATCH: usize = 4096;

/// The entry for which a lock is taken.
pub struct First {
    /// The group.
    pub id: GroupId,
    /// Set when a missing store is created.
    pub makes_a_store: bool,
}

/// The next thing to serve.
pub enum Item {
    /// Tasks of one group.
    Batch(GroupId, Vec<Ready>),
    /// A function.
    Function(FunctionEntry),
}

/// A function that is taken from its group's queue, which now waits for it.
pub struct FunctionEntry {
    pub id: GroupId,
    pub durability: Durability,
    pub patience: Patience,
    pub function: Function,
}

/// A lock that is kept over several batches.
pub struct Hold {
    /// The lock.
    pub guard: StoreGuard,
    /// The time since which it is held.
    pub since: Instant,
}

/// The duty to serve a stripe.
#[derive(Default)]
enum Duty {
    /// Nothing waits.
    #[default]
    None,
    /// A thread is to serve it from that time on; a lock is then waited for with this pause.
    Due(Instant, Duration),
    /// A thread serves it.
    Taken,
    /// It is served again when the function that has its lock is done.
    Parked,
}

/// The result of serving a stripe.
pub enum Next {
    /// Nothing waits any more.
    Rest,
    /// It is served again after a delay; a lock is then waited for with this pause.
    Again(Duration, Duration),
    /// It is served again when the function that has its lock is done.
    Parked,
}

/// Pause after the first try of a lock.
pub const FIRST_PAUSE: Duration = Duration::from_micros(200);

/// The queues of all stripes.
pub struct Queue(Vec<Shared>);

#[derive(Default)]
struct Shared {
    groups: Mutex<Groups>,
    /// Notified when threads that wait for an outcome have to look.
    changed: Condvar,
}

/// The end of a wait.
pub enum Waited {
    /// The waiting thread has the duty to serve the stripe, and waits for its lock with this pause.
    Serve(Duration),
    /// The outcome has come; a job has to serve the stripe after this delay.
    Complete(Option<Duration>),
}

impl Queue {
    /// Creates empty queues.
    pub fn new() -> Self {
        Self((0..STRIPES).map(|_| Shared::default()).collect())
    }

    /// Calls a function with the groups of a stripe.
    pub fn with<T>(&self, stripe: Stripe, change: impl FnOnce(&mut Groups) -> T) -> T {
        change(&mut self.0[stripe.index()].groups())
    }

    /// Takes the duty to serve a stripe, if it is due: the pause with which its lock is waited for.
    pub fn take_duty(&self, stripe: Stripe) -> Option<Duration> {
        self.with(stripe, |groups| groups.take_duty(Instant::now()))
    }

    /// Waits until an outcome has come, or until this thread has to serve the stripe itself.
    pub fn wait<T>(&self, stripe: Stripe, slot: &Slot<T>) -> Waited {
        let shared = &self.0[stripe.index()];
        let mut groups = shared.groups();
        loop {
            let now = Instant::now();
            if slot.is_complete() {
                return Waited::Complete(shared.pass_on(&groups, now));
            }
            if let Some(pause) = groups.take_duty(now) {
                return Waited::Serve(pause);
            }
            groups.waiters += 1;
            let wake = &shared.changed;
            groups = match groups.duty {
                Duty::Due(at, _) if !groups.has_timekeeper => {
                    groups.has_timekeeper = true;
                    let woken = executor::block(|| wake.wait_timeout(groups, at.duration_since(now)));
                    let mut groups = woken.unwrap_or_else(PoisonError::into_inner).0;
                    groups.has_timekeeper = false;
                    groups
                }
                _ => executor::block(|| wake.wait(groups)).unwrap_or_else(PoisonError::into_inner),
            };
            groups.waiters -= 1;
        }
    }

    /// Wakes the threads that wait for an outcome.
    pub fn wake_waiters(&self, stripe: Stripe) {
        let shared = &self.0[stripe.index()];
        // With the lock, so that none is between its look and its wait.
        if shared.groups().waiters > 0 {
            shared.changed.notify_all();
        }
    }

    /// Lets another thread that waits take the duty to serve a stripe; without one it returns the delay after which a job
    /// has to.
    pub fn pass_on(&self, stripe: Stripe) -> Option<Duration> {
        let shared = &self.0[stripe.index()];
        shared.pass_on(&shared.groups(), Instant::now())
    }

    /// Gives the duty to serve a stripe back. Returns the delay after which a job has to serve it; none when a thread that
    /// waits does, or this one, which stays.
    pub fn release(&self, stripe: Stripe, next: &Next, stays: bool) -> Option<Duration> {
        let shared = &self.0[stripe.index()];
        let mut groups = shared.groups();
        let now = Instant::now();
        groups.duty = match *next {
            Next::Again(delay, pause) => Duty::Due(now + delay, pause),
            Next::Parked if groups.resumed.is_none() => Duty::Parked,
            Next::Rest if groups.order.is_empty() && groups.arrivals.is_empty() => Duty::None,
            // Something came just now.
            Next::Parked | Next::Rest => Duty::Due(now, FIRST_PAUSE),
        };
        if !matches!(next, Next::Again(..)) {
            groups.busy_since = None;
        }
        if !matches!(groups.duty, Duty::Due(at, _) if at == now) {
            groups.held_since = None;
        }
        if stays { None } else { shared.pass_on(&groups, now) }
    }
}

impl Shared {
    fn groups(&self) -> MutexGuard<'_, Groups> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets another thread that waits take the duty; without one it returns the delay after which a job has to.
    fn pass_on(&self, groups: &Groups, now: Instant) -> Option<Duration> {
        let Duty::Due(at, _) = groups.duty else { return None };
        if groups.waiters == 0 {
            return Some(at.saturating_duration_since(now));
        }
        if !groups.has_timekeeper {
            self.changed.notify_one();
        }
        None
    }
}

/// The queues of the groups that share a lock.
#[derive(Default)]
pub struct Groups {
    /// Entries in the order in which they came, not yet in the queue of their group.
    arrivals: Vec<Entry<Arrival>>,
    queues: HashMap<GroupId, GroupQueue>,
    /// Groups with entries that can be served, in the order in which they are.
    order: VecDeque<GroupId>,
    duty: Duty,
    /// The hold that a function has left, and the group if its update has to be written.
    resumed: Option<(Hold, Option<GroupId>)>,
    /// Number of threads that wait for outcomes.
    waiters: usize,
    /// Set while one of them wakes up by itself when the duty is due.
    has_timekeeper: bool,
    /// Time since which this process holds the lock, but for moments, while entries wait.
    held_since: Option<Instant>,
    /// Time for which others have held the lock in all.
    held_by_others: Duration,
    /// Time at which others were last seen to hold it, while they do.
    busy_since: Option<Instant>,
}

/// The queue of one group.
#[derive(Default)]
struct GroupQueue {
    /// The update that a function has computed, before all that waits.
    computed: Option<Entry>,
    waiting: VecDeque<Entry>,
    /// Set while a function computes an update; the rest of the queue waits for it.
    is_in_turn: bool,
    /// Set while the group is in the order of its stripe.
    is_in_order: bool,
}

impl GroupQueue {
    fn front(&self) -> Option<&Entry> {
        self.computed.as_ref().or_else(|| self.waiting.front())
    }

    fn pop_front(&mut self) -> Option<Entry> {
        self.computed.take().or_else(|| self.waiting.pop_front())
    }

    fn is_empty(&self) -> bool {
        self.front().is_none()
    }

    fn next_function(&mut self) -> Option<&mut Function> {
        self.waiting.iter_mut().find_map(|entry| match &mut entry.work {
            Work::Function(function) => Some(function),
            Work::Task(..) => None,
        })
    }
}

impl Groups {
    /// Adds an entry behind all others; `true` when a thread has to begin to serve them.
    pub fn arrive(&mut self, entry: Entry<Arrival>) -> bool {
        self.arrivals.push(entry);
        self.make_due()
    }

    fn make_due(&mut self) -> bool {
        let is_idle = matches!(self.duty, Duty::None);
        if is_idle {
            self.duty = Duty::Due(Instant::now(), FIRST_PAUSE);
        }
        is_idle
    }

    fn take_duty(&mut self, now: Instant) -> Option<Duration> {
        let Duty::Due(at, pause) = self.duty else { return None };
        if at > now {
            return None;
        }
        self.duty = Duty::Taken;
        Some(pause)
    }

    /// Takes the entries that have come, in their order.
    pub fn take_arrivals(&mut self) -> Vec<Entry<Arrival>> {
        std::mem::take(&mut self.arrivals)
    }

    /// Puts an entry into the queue of its group.
    pub fn add(&mut self, mut entry: Entry, is_first: bool) {
        if let Patience::For(patience) = entry.patience {
            // safeguard: only time for which others hold the lock counts
            entry.patience = Patience::Until(self.held_by_others.saturating_add(patience));
        }
        let id = entry.id.clone();
        let queue = self.queues.entry(id.clone()).or_default();
        if is_first {
            queue.waiting.push_front(entry);
        } else {
            queue.waiting.push_back(entry);
        }
        self.put_in_order(&id, is_first);
    }

    /// Puts an entry before all others; `true` when a thread has to begin to serve them.
    pub fn add_first(&mut self, entry: Entry) -> bool {
        self.add(entry, true);
        self.make_due()
    }

    /// Lets the queue of a group be served.
    fn put_in_order(&mut self, id: &GroupId, is_first: bool) {
        let Some(queue) = self.queues.get_mut(id) else { return };
        if queue.is_in_turn || queue.is_empty() || std::mem::replace(&mut queue.is_in_order, true) {
            return;
        }
        if is_first { self.order.push_front(id.clone()) } else { self.order.push_back(id.clone()) }
    }

    /// Ends the turn of a group's function, which may have held the lock. `true` when a thread has to begin to serve the
    /// stripe.
    pub fn end_turn(&mut self, id: &GroupId, hold: Option<Hold>, next: Option<Entry>) -> bool {
        let queue = self.queues.entry(id.clone()).or_default();
        queue.is_in_turn = false;
        if hold.is_some()
            && let Some(function) = queue.next_function()
        {
            function.keep_lock();
        }
        let computed = next.as_ref().map(|_| id.clone());
        // safeguard: the update that a function has computed is written before all else of its group
        queue.computed = next;
        self.put_in_order(id, true);
        self.forget_if_idle(id);
        if let Some(hold) = hold {
            self.resumed = Some((hold, computed));
            if matches!(self.duty, Duty::Parked) {
                self.duty = Duty::None;
            }
        } else if self.order.is_empty() {
            return false;
        }
        self.make_due()
    }

    /// Takes the hold that a function has left, and the group if its update has to be written.
    pub fn take_resumed(&mut self) -> Option<(Hold, Option<GroupId>)> {
        self.resumed.take()
    }

    fn forget_if_idle(&mut self, id: &GroupId) {
        if let Some(queue) = self.queues.get(id)
            && queue.is_empty()
            && !queue.is_in_turn
            && !queue.is_in_order
        {
            self.queues.remove(id);
        }
    }

    /// Notes that this process holds the lock. Returns the time since when, but for moments, it does.
    pub fn set_held(&mut self) -> Instant {
        self.busy_since = None;
        *self.held_since.get_or_insert_with(Instant::now)
    }

    /// Removes the group at the front of the order, when nothing of it waits.
    fn skip_empty(&mut self) {
        while let Some(id) = self.order.front().cloned()
            && self.queues.get(&id).is_none_or(GroupQueue::is_empty)
        {
            self.order.pop_front();
            if let Some(queue) = self.queues.get_mut(&id) {
                queue.is_in_order = false;
            }
            self.forget_if_idle(&id);
        }
    }

    /// Returns the entry for which the lock is to be taken.
    pub fn first(&mut self) -> Option<First> {
        self.skip_empty();
        let entry = self.queues.get(self.order.front()?)?.front()?;
        let makes_a_store = matches!(&entry.work, Work::Task(task, _) if task.makes_a_store());
        Some(First { id: entry.id.clone(), makes_a_store })
    }

    /// Takes the first entry alone.
    pub fn take_first(&mut self) -> Option<Entry> {
        self.skip_empty();
        self.queues.get_mut(self.order.front()?)?.pop_front()
    }

    /// Takes the first function of a group that may be called without the lock.
    pub fn take_unlocked_function(&mut self) -> Option<FunctionEntry> {
        let is_unlocked = |id: &GroupId| {
            let first = self.queues.get(id).and_then(GroupQueue::front);
            first.is_some_and(|first| matches!(&first.work, Work::Function(it) if !it.needs_lock()))
        };
        let place = self.order.iter().position(is_unlocked)?;
        let id = self.order.remove(place)?;
        self.take_function(&id)
    }

    /// Takes the function at the front of a queue that has left the order; the rest of the queue waits for it.
    fn take_function(&mut self, id: &GroupId) -> Option<FunctionEntry> {
        let queue = self.queues.get_mut(id)?;
        queue.is_in_order = false;
        let Entry { id, durability, patience, work } = queue.pop_front()?;
        let Work::Function(function) = work else { return None };
        // safeguard: other writes of a group wait for the function whose turn it is
        queue.is_in_turn = true;
        Some(FunctionEntry { id, durability, patience, function })
    }

    /// Takes what is served next.
    pub fn take_next(&mut self) -> Option<Item> {
        self.skip_empty();
        let first = self.queues.get(self.order.front()?)?.front()?;
        if matches!(first.work, Work::Task(..)) {
            let id = first.id.clone();
            let batch = self.take_batch(&id);
            return Some(Item::Batch(id, batch));
        }
        let id = self.order.pop_front()?;
        self.take_function(&id).map(Item::Function)
    }

    /// Takes the first tasks of a group that can be written together. A deletion ends its batch: what comes after it starts
    /// from nothing.
    pub fn take_batch(&mut self, id: &GroupId) -> Vec<Ready> {
        let mut batch: Vec<Ready> = Vec::new();
        let Some(queue) = self.queues.get_mut(id) else { return batch };
        queue.is_in_order = false;
        if let Some(place) = self.order.iter().position(|other| other == id) {
            self.order.remove(place);
        }
        let mut is_open = true;
        // safeguard: updates that wait are written together
        while is_open && batch.len() < MAX_BATCH {
            match queue.pop_front() {
                Some(Entry { durability, work: Work::Task(task, completion), .. }) => {
                    is_open = !task.deletes();
                    batch.push(Ready { task, durability, completion });
                }
                Some(function) => {
                    queue.waiting.push_front(function);
                    break;
                }
                None => break,
            }
        }
        self.put_in_order(id, false);
        self.forget_if_idle(id);
        batch
    }

    /// Takes the entries whose lock others have held too long, now that they hold it again.
    pub fn take_expired(&mut self) -> Vec<Entry> {
        let now = Instant::now();
        if let Some(since) = self.busy_since.replace(now) {
            self.held_by_others += now.duration_since(since).min(MAX_COUNTED_PAUSE);
        }
        let mut expired = Vec::new();
        for queue in self.queues.values_mut() {
            expired.extend(queue.computed.take_if(|entry| entry.is_expired(self.held_by_others)));
            if !queue.waiting.iter().any(|entry| entry.is_expired(self.held_by_others)) {
                continue;
            }
            for entry in std::mem::take(&mut queue.waiting) {
                let is_expired = entry.is_expired(self.held_by_others);
                if is_expired { expired.push(entry) } else { queue.waiting.push_back(entry) }
            }
        }
        expired
    }
}

#[cfg(test)]
mod tests;
