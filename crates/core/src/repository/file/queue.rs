//! The waiting writes of a store. Each group has a queue of its own, first come first served; what waits there is
//! written together. A queue whose lock another process holds is tried again later and holds no thread meanwhile.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};
use crate::executor;
use crate::model::GroupId;
use crate::repository::document::Document;
use crate::repository::file::lock::Stripe;
use crate::repository::file::task::{Pending, Ready, Work};
use crate::repository::file::turn::{Again, Function, Turn};
use crate::repository::file::waiting::{First, FunctionEntry, Groups, Item};

/// Pause between two tries of a lock: the first one and the longest.
const FIRST_PAUSE: Duration = Duration::from_micros(200);
const LONGEST_PAUSE: Duration = Duration::from_millis(2);

/// Time for which a lock is kept while others may wait, and the pause in which it is left to them.
const LONGEST_HOLD: Duration = Duration::from_millis(20);
const LET_IN: Duration = Duration::from_millis(3);

/// Number of rounds that a thread serves one stripe before it serves other stores.
const MOST_ROUNDS: usize = 32;

/// The store as its queue sees it.
pub trait Worker: Send + Sync + 'static {
    /// The lock of a stripe.
    type Lock: Send + 'static;

    /// Takes the lock of a stripe if nobody holds it.
    fn try_lock(&self, stripe: Stripe, first: &First) -> Result<Access<Self::Lock>>;

    /// Carries out tasks of one group under its lock and calls their callbacks.
    fn carry_out(&self, id: &GroupId, batch: Vec<Ready>, lock: &Self::Lock);

    /// Carries out a task where there is no store, and therefore no lock.
    fn carry_out_without_store(&self, id: &GroupId, ready: Ready);

    /// Reads a group without its lock.
    fn read(&self, id: &GroupId) -> Result<Option<Document>>;

    /// Reads a group under its lock.
    fn read_locked(&self, id: &GroupId, lock: &Self::Lock) -> Result<Option<Document>>;

    /// The error of an entry that has waited too long.
    fn timed_out(&self, stripe: Stripe, waited_for: &GroupId) -> Error;
}

/// The result of trying a lock.
pub enum Access<L> {
    /// Nobody else has it.
    Held(L),
    /// Somebody else has it.
    Busy,
    /// There is no store.
    NoStore,
}

/// The queues of a store's groups.
pub struct Queue<W: Worker> {
    worker: W,
    stripes: Mutex<HashMap<Stripe, Groups>>,
}

/// A lock, and since when it is held.
pub struct Hold<L> {
    lock: L,
    since: Instant,
}

/// The result of serving a stripe.
enum Next {
    /// Nothing waits any more.
    Rest,
    /// It is served again after a delay; a lock is then waited for with this pause.
    Again(Duration, Duration),
    /// It goes on when the function that has its lock is done.
    Parked,
}

const AT_ONCE: Next = Next::Again(Duration::ZERO, FIRST_PAUSE);

impl<W: Worker> Queue<W> {
    /// An empty queue.
    pub fn new(worker: W) -> Self {
        Self { worker, stripes: Mutex::default() }
    }

    /// Adds an entry at the end of its group's queue.
    pub fn add(self: &Arc<Self>, pending: Pending) {
        self.add_at(pending, false);
    }

    fn add_at(self: &Arc<Self>, pending: Pending, is_first: bool) {
        let stripe = Stripe::of(&pending.id);
        let idle = self.with(stripe, |groups| groups.add(pending, is_first));
        self.start_if(idle, stripe);
    }

    /// The store.
    pub fn worker(&self) -> &W {
        &self.worker
    }

    fn start_if(self: &Arc<Self>, idle: bool, stripe: Stripe) {
        if idle {
            let queue = Arc::clone(self);
            executor::run(move || queue.serve(stripe, FIRST_PAUSE));
        }
    }

    /// Serves a stripe until nothing waits, others are to be let in, or the lock cannot be had.
    fn serve(self: &Arc<Self>, stripe: Stripe, mut pause: Duration) {
        // New entries are served at once, but not forever: other stores wait for this thread, too.
        for _ in 0..MOST_ROUNDS {
            match Self::guarded(|| self.serve_once(stripe, pause)) {
                Next::Again(delay, next_pause) if delay.is_zero() => pause = next_pause,
                next => return self.go_on(stripe, &next),
            }
        }
        self.go_on(stripe, &Next::Again(Duration::ZERO, pause));
    }

    /// Whatever panics in here, the stripe must be served again as long as something waits.
    fn guarded(serve: impl FnOnce() -> Next) -> Next {
        catch_unwind(AssertUnwindSafe(serve)).unwrap_or(Next::Again(LET_IN, FIRST_PAUSE))
    }

    fn go_on(self: &Arc<Self>, stripe: Stripe, next: &Next) {
        if let Next::Again(delay, pause) = *next {
            let queue = Arc::clone(self);
            executor::run_later(delay, move || queue.serve(stripe, pause));
        }
    }

    fn serve_once(self: &Arc<Self>, stripe: Stripe, pause: Duration) -> Next {
        self.check(stripe);
        while let Some(entry) = self.with(stripe, Groups::take_unlocked_function) {
            self.start_turn(entry, None);
        }
        let Some(first) = self.with(stripe, Groups::first) else {
            return self.rest(stripe);
        };
        match self.worker.try_lock(stripe, &first) {
            Ok(Access::Held(lock)) => {
                self.with(stripe, Groups::is_held);
                self.work(stripe, Hold { lock, since: Instant::now() })
            }
            Ok(Access::NoStore) => {
                self.without_store(stripe);
                AT_ONCE
            }
            Ok(Access::Busy) => {
                self.expire(stripe);
                Next::Again(jittered(pause), (pause * 2).min(LONGEST_PAUSE))
            }
            Err(error) => {
                if let Some(pending) = self.with(stripe, Groups::take_first) {
                    pending.fail(error);
                }
                AT_ONCE
            }
        }
    }

    /// Works on a stripe while its lock is held.
    fn work(self: &Arc<Self>, stripe: Stripe, hold: Hold<W::Lock>) -> Next {
        while hold.since.elapsed() < LONGEST_HOLD {
            match self.with(stripe, Groups::take_next) {
                None => {
                    drop(hold);
                    return self.rest(stripe);
                }
                Some(Item::Batch(id, batch)) => self.worker.carry_out(&id, batch, &hold.lock),
                Some(Item::Function(entry)) if entry.function.needs_lock() => {
                    self.start_turn(entry, Some(hold));
                    return Next::Parked;
                }
                Some(Item::Function(entry)) => self.start_turn(entry, None),
            }
        }
        drop(hold);
        Next::Again(LET_IN, FIRST_PAUSE)
    }

    /// Reads the group and lets the function compute its update, while the rest of the group's queue waits. A hold is
    /// kept until it has.
    fn start_turn(self: &Arc<Self>, entry: FunctionEntry, hold: Option<Hold<W::Lock>>) {
        let FunctionEntry { id, durability, patience, function } = entry;
        let is_locked = hold.is_some();
        let ending = Ending { queue: Arc::clone(self), id: id.clone(), hold, has_ended: false };
        let read = match ending.lock() {
            Some(lock) => self.worker.read_locked(&id, lock),
            None => self.worker.read(&id),
        };
        match read {
            // Perhaps another program is writing into the file: only what is read under the lock counts.
            Err(error) if error.is(ErrorKind::Corrupt) && !is_locked => {
                let work = Work::Function(function.under_the_lock());
                ending.end(Some(Pending { id, durability, patience, work }));
            }
            Err(error) => {
                drop(ending);
                function.start.tell(Err(error));
            }
            Ok(group) => {
                let Function { start, losses, grace } = function;
                let queue = Arc::clone(self);
                let again = Again {
                    add: Box::new(move |pending, is_first| queue.add_at(pending, is_first)),
                    id,
                    durability,
                    patience,
                    losses,
                    grace,
                    is_first: true,
                };
                let turn = Turn::new(group, is_locked, again, Box::new(move |next| ending.end(next)));
                turn.lapse_later();
                start.tell(Ok(turn));
            }
        }
    }

    /// Ends the turn of a function; `next` is what comes of it and is served before all else of its group.
    fn end_turn(self: &Arc<Self>, id: &GroupId, hold: Option<Hold<W::Lock>>, next: Option<Pending>) {
        let stripe = Stripe::of(id);
        let has_write = next.is_some();
        let idle = self.with(stripe, |groups| groups.end_turn(id, next, hold.is_some()));
        match hold {
            None => self.start_if(idle, stripe),
            Some(hold) => {
                let next = Self::guarded(|| self.finish_turn(stripe, hold, has_write));
                self.go_on(stripe, &next);
            }
        }
    }

    /// Writes what a function has computed under the lock, however long it has been held, and works on.
    fn finish_turn(self: &Arc<Self>, stripe: Stripe, hold: Hold<W::Lock>, has_write: bool) -> Next {
        if has_write && let Some(Item::Batch(id, batch)) = self.with(stripe, Groups::take_batch) {
            self.worker.carry_out(&id, batch, &hold.lock);
        }
        self.work(stripe, hold)
    }

    /// Leaves the stripe alone, unless something came just now.
    fn rest(&self, stripe: Stripe) -> Next {
        if self.with(stripe, Groups::rest) { Next::Rest } else { AT_ONCE }
    }

    fn without_store(&self, stripe: Stripe) {
        let Some(Pending { id, durability, work, .. }) = self.with(stripe, Groups::take_first) else {
            return;
        };
        match work {
            Work::Task(task, reply) => {
                self.worker.carry_out_without_store(&id, Ready { task, durability, reply });
            }
            Work::Function(function) => function.start.tell(Ok(Turn::without_group())),
        }
    }

    /// Checks what is to be saved before the lock is taken; what is wrong goes no further.
    fn check(&self, stripe: Stripe) {
        for (id, waiting) in self.with(stripe, Groups::take_unchecked) {
            let mut checked = VecDeque::with_capacity(waiting.len());
            for pending in waiting {
                checked.extend(pending.checked());
            }
            self.with(stripe, |groups| groups.put_back(&id, checked));
        }
    }

    /// Fails the entries for which others have held the lock too long.
    fn expire(&self, stripe: Stripe) {
        for pending in self.with(stripe, Groups::take_expired) {
            let error = self.worker.timed_out(stripe, &pending.id);
            pending.fail(error);
        }
    }

    fn with<T>(&self, stripe: Stripe, change: impl FnOnce(&mut Groups) -> T) -> T {
        let mut stripes: MutexGuard<'_, _> = self.stripes.lock().unwrap_or_else(PoisonError::into_inner);
        change(stripes.entry(stripe).or_default())
    }
}

/// The duty to end the turn of a function, whatever happens to the function.
struct Ending<W: Worker> {
    queue: Arc<Queue<W>>,
    id: GroupId,
    /// The hold that is kept meanwhile, if one is.
    hold: Option<Hold<W::Lock>>,
    has_ended: bool,
}

impl<W: Worker> Ending<W> {
    fn lock(&self) -> Option<&W::Lock> {
        self.hold.as_ref().map(|hold| &hold.lock)
    }

    fn end(mut self, next: Option<Pending>) {
        self.has_ended = true;
        self.queue.end_turn(&self.id, self.hold.take(), next);
    }
}

impl<W: Worker> Drop for Ending<W> {
    fn drop(&mut self) {
        if !self.has_ended {
            // Not here: it may be JavaScript's thread.
            let (queue, id, hold) = (Arc::clone(&self.queue), self.id.clone(), self.hold.take());
            executor::run(move || queue.end_turn(&id, hold, None));
        }
    }
}

/// A pause of half to one and a half of the given one, so that waiting processes do not march in step.
fn jittered(pause: Duration) -> Duration {
    let random = uuid::Uuid::new_v4().as_bytes()[0];
    pause / 2 + pause * u32::from(random) / 255
}
