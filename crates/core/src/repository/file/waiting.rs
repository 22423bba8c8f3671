//! The queues of the groups that share a lock, in the order in which they are served.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::model::GroupId;
use crate::repository::file::task::{Patience, Pending, Ready, Work};
use crate::repository::file::turn::Function;
use crate::repository::file::write::Durability;

/// Maximum time that one pause adds to the time for which others held the lock. A process that was stopped for longer
/// does not know who held it meanwhile.
const LONGEST_COUNTED_PAUSE: Duration = Duration::from_millis(100);

/// Maximum number of writes that are written together.
const LARGEST_BATCH: usize = 4096;

/// The entry for which a lock is taken.
pub struct First {
    /// The group.
    pub id: GroupId,
    /// Required durability of the write.
    pub durability: Durability,
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

/// The queues of the groups that share a lock.
#[derive(Default)]
pub struct Groups {
    queues: HashMap<GroupId, GroupQueue>,
    /// Groups with entries that can be served, in the order in which they are.
    order: VecDeque<GroupId>,
    /// Set while there are saves whose text has not been checked.
    has_unchecked: bool,
    /// Set while a job serves them, or will.
    is_active: bool,
    /// Time for which others have held the lock in all.
    held_by_others: Duration,
    /// Time at which others were last seen to hold it, while they do.
    busy_since: Option<Instant>,
}

/// The queue of one group.
#[derive(Default)]
struct GroupQueue {
    waiting: VecDeque<Pending>,
    /// Set while a function computes an update; the rest of the queue waits for it.
    is_in_turn: bool,
    /// Set while the group is in the order of its stripe.
    is_in_order: bool,
}

impl GroupQueue {
    fn next_function(&mut self) -> Option<&mut Function> {
        self.waiting.iter_mut().find_map(|pending| match &mut pending.work {
            Work::Function(function) => Some(function),
            Work::Task(..) => None,
        })
    }
}

impl Groups {
    /// Adds an entry; `true` when a job must be started to serve it.
    pub fn add(&mut self, mut pending: Pending, is_first: bool) -> bool {
        if let Patience::For(patience) = pending.patience {
            pending.patience = Patience::Until(self.held_by_others + patience);
        }
        self.has_unchecked |= pending.is_unchecked();
        let id = pending.id.clone();
        let queue = self.queues.entry(id.clone()).or_default();
        if is_first {
            queue.waiting.push_front(pending);
        } else {
            queue.waiting.push_back(pending);
        }
        self.put_in_order(&id, is_first)
    }

    /// Lets the queue of a group be served; `true` when a job must be started for it.
    fn put_in_order(&mut self, id: &GroupId, is_first: bool) -> bool {
        let Some(queue) = self.queues.get_mut(id) else { return false };
        if queue.is_in_turn || queue.waiting.is_empty() {
            return false;
        }
        if !std::mem::replace(&mut queue.is_in_order, true) {
            if is_first { self.order.push_front(id.clone()) } else { self.order.push_back(id.clone()) }
        }
        !std::mem::replace(&mut self.is_active, true)
    }

    /// Ends the turn of a group's function; `true` when a job must be started.
    pub fn end_turn(&mut self, id: &GroupId, next: Option<Pending>, was_locked: bool) -> bool {
        let queue = self.queues.entry(id.clone()).or_default();
        queue.is_in_turn = false;
        if was_locked && let Some(function) = queue.next_function() {
            function.keep_lock();
        }
        if let Some(next) = next {
            queue.waiting.push_front(next);
        }
        let idle = self.put_in_order(id, true);
        self.forget_if_idle(id);
        idle
    }

    fn forget_if_idle(&mut self, id: &GroupId) {
        if let Some(queue) = self.queues.get(id)
            && queue.waiting.is_empty()
            && !queue.is_in_turn
            && !queue.is_in_order
        {
            self.queues.remove(id);
        }
    }

    /// Takes the queues with saves that have not been checked.
    pub fn take_unchecked(&mut self) -> Vec<(GroupId, VecDeque<Pending>)> {
        if !std::mem::take(&mut self.has_unchecked) {
            return Vec::new();
        }
        let unchecked =
            self.queues.iter_mut().filter(|(_, queue)| queue.waiting.iter().any(Pending::is_unchecked));
        unchecked.map(|(id, queue)| (id.clone(), std::mem::take(&mut queue.waiting))).collect()
    }

    /// Puts entries back before those that have come meanwhile.
    pub fn put_back(&mut self, id: &GroupId, mut waiting: VecDeque<Pending>) {
        let queue = self.queues.entry(id.clone()).or_default();
        waiting.append(&mut queue.waiting);
        queue.waiting = waiting;
        self.put_in_order(id, false);
    }

    /// Notes that nobody else holds the lock any more.
    pub fn is_held(&mut self) {
        self.busy_since = None;
    }

    /// Ends the job that serves them, unless something came just now; returns whether it ends.
    pub fn rest(&mut self) -> bool {
        self.busy_since = None;
        self.is_active = !self.order.is_empty();
        !self.is_active
    }

    /// Removes the group at the front of the order, when nothing of it waits.
    fn skip_empty(&mut self) {
        while let Some(id) = self.order.front().cloned()
            && self.queues.get(&id).is_none_or(|queue| queue.waiting.is_empty())
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
        let pending = self.queues.get(self.order.front()?)?.waiting.front()?;
        let makes_a_store = matches!(&pending.work, Work::Task(task, _) if task.makes_a_store());
        Some(First { id: pending.id.clone(), durability: pending.durability, makes_a_store })
    }

    /// Takes the first entry alone.
    pub fn take_first(&mut self) -> Option<Pending> {
        self.skip_empty();
        self.queues.get_mut(self.order.front()?)?.waiting.pop_front()
    }

    /// Takes the first function of a group that may be called without the lock.
    pub fn take_unlocked_function(&mut self) -> Option<FunctionEntry> {
        let is_unlocked = |id: &GroupId| {
            let first = self.queues.get(id).and_then(|queue| queue.waiting.front());
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
        let Pending { id, durability, patience, work } = queue.waiting.pop_front()?;
        let Work::Function(function) = work else { return None };
        queue.is_in_turn = true;
        Some(FunctionEntry { id, durability, patience, function })
    }

    /// Takes what is served next.
    pub fn take_next(&mut self) -> Option<Item> {
        self.skip_empty();
        let first = self.queues.get(self.order.front()?)?.waiting.front()?;
        if matches!(first.work, Work::Task(..)) {
            return self.take_batch();
        }
        let id = self.order.pop_front()?;
        self.take_function(&id).map(Item::Function)
    }

    /// Takes the first tasks of the first group that can be written together. A deletion ends its batch: what comes
    /// after it starts from nothing.
    pub fn take_batch(&mut self) -> Option<Item> {
        let id = self.order.pop_front()?;
        let queue = self.queues.get_mut(&id)?;
        queue.is_in_order = false;
        let mut batch: Vec<Ready> = Vec::new();
        let mut is_open = true;
        while is_open && batch.len() < LARGEST_BATCH {
            match queue.waiting.pop_front() {
                Some(Pending { durability, work: Work::Task(task, reply), .. }) => {
                    is_open = !task.deletes();
                    batch.push(Ready { task, durability, reply });
                }
                Some(function) => {
                    queue.waiting.push_front(function);
                    break;
                }
                None => break,
            }
        }
        self.put_in_order(&id, false);
        self.forget_if_idle(&id);
        Some(Item::Batch(id, batch))
    }

    /// Takes the entries whose lock others have held too long, now that they hold it again.
    pub fn take_expired(&mut self) -> Vec<Pending> {
        let now = Instant::now();
        if let Some(since) = self.busy_since.replace(now) {
            self.held_by_others += now.duration_since(since).min(LONGEST_COUNTED_PAUSE);
        }
        let mut expired = Vec::new();
        for queue in self.queues.values_mut() {
            if !queue.waiting.iter().any(|pending| pending.is_expired(self.held_by_others)) {
                continue;
            }
            for pending in std::mem::take(&mut queue.waiting) {
                let is_expired = pending.is_expired(self.held_by_others);
                if is_expired { expired.push(pending) } else { queue.waiting.push_back(pending) }
            }
        }
        expired
    }
}
