//! Serving the queues of a store: taking a lock, carrying out what waits for it, and passing on the outcomes. A lock that
//! another process holds is tried again later; no thread of the executor waits meanwhile.
//!
//! A thread that waits for an outcome serves the queue itself when no other thread does. Callbacks are called only after
//! the thread has given its duty back, so they may wait for outcomes, too.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crate::error::{ErrorKind, Result};
use crate::executor;
use crate::model::GroupId;
use crate::repository::file::completion::{Finished, Slot};
use crate::repository::file::lock::{Stripe, TryLock};
use crate::repository::file::queue::{FIRST_PAUSE, FunctionEntry, Groups, Hold, Item, Next, Waited};
use crate::repository::file::store::Store;
use crate::repository::file::task::{Arrival, Entry, Task, Work};
use crate::repository::file::turn::{Again, Function, Turn};
use crate::repository::merge::WriteOutcome;

/// Maximum pause between two tries of a lock.
const MAX_PAUSE: Duration = Duration::from_millis(2);

/// Time for which a lock is kept while others may wait, and the pause in which it is left to them.
const MAX_HOLD: Duration = Duration::from_millis(20);
const YIELD: Duration = Duration::from_millis(3);

const AT_ONCE: Next = Next::Again(Duration::ZERO, FIRST_PAUSE);

impl Store {
    /// Adds an entry behind all others of its group; a thread of the executor serves it.
    pub fn submit(self: &Arc<Self>, entry: Entry<Arrival>) {
        let stripe = Stripe::of(&entry.id);
        if self.queue.with(stripe, |groups| groups.arrive(entry)) {
            self.serve_later(stripe, Some(Duration::ZERO));
        }
    }

    /// Adds entries of one group behind all others, to be waited for.
    pub fn submit_waiting(&self, id: &GroupId, entries: impl Iterator<Item = Entry<Arrival>>) {
        self.queue.with(Stripe::of(id), |groups| {
            for entry in entries {
                groups.arrive(entry);
            }
        });
    }

    /// Waits for the outcome of an entry. When nobody serves the queue, this thread does.
    pub fn wait<T>(self: &Arc<Self>, id: &GroupId, slot: &Slot<T>) -> Result<T> {
        let stripe = Stripe::of(id);
        loop {
            match self.queue.wait(stripe, slot) {
                Waited::Serve(pause) => {
                    let is_over = || slot.is_complete();
                    // Not called here: this thread may hold what the callbacks of others need.
                    self.serve(stripe, pause, Some(&is_over)).hand_over();
                }
                Waited::Complete(delay) => {
                    self.serve_later(stripe, delay);
                    return slot.take();
                }
            }
        }
    }

    /// Has a stripe served by a thread of the executor, if it has to be.
    fn serve_later(self: &Arc<Self>, stripe: Stripe, delay: Option<Duration>) {
        let Some(delay) = delay else { return };
        let store = Arc::clone(self);
        let serve = move || {
            if let Some(pause) = store.queue.take_duty(stripe) {
                store.serve(stripe, pause, None).call();
            }
        };
        if delay.is_zero() { executor::run(serve) } else { executor::run_later(delay, serve) }
    }

    /// Serves a stripe while its lock may be kept, or until what this thread waits for is over. Then gives the duty back,
    /// and returns the callbacks to call.
    fn serve(self: &Arc<Self>, stripe: Stripe, pause: Duration, is_over: IsOver<'_>) -> Finished {
        let mut finished = Finished::default();
        executor::defer_jobs(|| {
            let serve = || self.serve_once(stripe, pause, is_over, &mut finished);
            let next = catch_unwind(AssertUnwindSafe(serve)).unwrap_or_else(|_| {
                // Outcomes that it dropped have come to those who wait for them.
                // safeguard: after a panic those who wait look for their outcomes
                finished.set_has_waiters();
                // What is left has to be served all the same.
                Next::Again(YIELD, FIRST_PAUSE)
            });
            self.wake_waiters(stripe, &mut finished);
            let stays = is_over.is_some_and(|is_over| !is_over());
            let delay = self.queue.release(stripe, &next, stays);
            self.serve_later(stripe, delay);
        });
        finished
    }

    fn wake_waiters(&self, stripe: Stripe, finished: &mut Finished) {
        if finished.take_has_waiters() {
            self.queue.wake_waiters(stripe);
        }
    }

    fn serve_once(
        self: &Arc<Self>,
        stripe: Stripe,
        pause: Duration,
        is_over: IsOver<'_>,
        finished: &mut Finished,
    ) -> Next {
        if let Some((hold, computed)) = self.queue.with(stripe, Groups::take_resumed) {
            // However long the lock has been held, the update that was computed meanwhile is written.
            if let Some(id) = computed {
                let batch = self.queue.with(stripe, |groups| groups.take_batch(&id));
                self.write_batch(&id, batch, &hold.guard, finished);
            }
            return self.work(stripe, hold, is_over, finished);
        }
        self.admit(stripe, finished);
        while let Some(entry) = self.queue.with(stripe, Groups::take_unlocked_function) {
            self.start_turn(entry, None, finished);
        }
        let Some(first) = self.queue.with(stripe, Groups::first) else {
            return Next::Rest;
        };
        match self.lock(stripe, &first) {
            Ok(TryLock::Acquired(guard)) => {
                let since = self.queue.with(stripe, Groups::set_held);
                self.work(stripe, Hold { guard, since }, is_over, finished)
            }
            Ok(TryLock::NoStore) => {
                self.complete_without_store(stripe, finished);
                AT_ONCE
            }
            Ok(TryLock::WouldBlock) => {
                for entry in self.queue.with(stripe, Groups::take_expired) {
                    let error = self.timed_out(stripe, &entry.id);
                    entry.fail(error, finished);
                }
                // safeguard: a lock held elsewhere holds no thread
                Next::Again(jittered(pause), (pause * 2).min(MAX_PAUSE))
            }
            Err(error) => {
                if let Some(entry) = self.queue.with(stripe, Groups::take_first) {
                    entry.fail(error, finished);
                }
                AT_ONCE
            }
        }
    }

    /// Moves entries that have come to the queues of their groups. A save of text is checked before; an invalid one goes no
    /// further.
    fn admit(&self, stripe: Stripe, finished: &mut Finished) {
        let arrivals = self.queue.with(stripe, Groups::take_arrivals);
        if arrivals.is_empty() {
            return;
        }
        let entries: Vec<Entry> = arrivals.into_iter().filter_map(|entry| entry.checked(finished)).collect();
        self.queue.with(stripe, |groups| {
            for entry in entries {
                groups.add(entry, false);
            }
        });
    }

    /// Works on a stripe while its lock is held.
    fn work(
        self: &Arc<Self>,
        stripe: Stripe,
        hold: Hold,
        is_over: IsOver<'_>,
        finished: &mut Finished,
    ) -> Next {
        while hold.since.elapsed() < MAX_HOLD {
            if is_over.is_some_and(|is_over| is_over()) {
                return Next::Rest;
            }
            self.admit(stripe, finished);
            let Some(item) = self.queue.with(stripe, Groups::take_next) else {
                return Next::Rest;
            };
            finished.hand_over();
            self.wake_waiters(stripe, finished);
            match item {
                Item::Batch(id, batch) => self.write_batch(&id, batch, &hold.guard, finished),
                Item::Function(entry) if entry.function.needs_lock() => {
                    self.start_turn(entry, Some(hold), finished);
                    return Next::Parked;
                }
                Item::Function(entry) => self.start_turn(entry, None, finished),
            }
        }
        Next::Again(YIELD, FIRST_PAUSE)
    }

    /// Reads the group and lets the function compute its update, while the rest of the group's queue waits. A hold is
    /// kept until it has.
    fn start_turn(self: &Arc<Self>, entry: FunctionEntry, hold: Option<Hold>, finished: &mut Finished) {
        let FunctionEntry { id, durability, patience, function } = entry;
        let is_locked = hold.is_some();
        // Before the group is read: a panic there has to end the turn, too.
        let ending = Ending { store: Arc::clone(self), id: id.clone(), hold, has_ended: false };
        let read = match &ending.hold {
            Some(hold) => Self::read_locked(&id, &hold.guard),
            None => self.read(&id),
        };
        match read {
            // Perhaps another program is writing into the file: only what is read under the lock counts.
            Err(error) if error.is(ErrorKind::Corrupt) && !is_locked => {
                let work = Work::Function(function.under_the_lock());
                ending.end(Some(Entry { id, durability, patience, work }));
            }
            Err(error) => {
                ending.end(None);
                finished.complete(function.start, Err(error));
            }
            Ok(group) => {
                let Function { start, losses, grace } = function;
                let store = Arc::clone(self);
                let again = Again {
                    add: Box::new(move |entry, is_first| store.add_again(entry, is_first)),
                    id,
                    durability,
                    patience,
                    losses,
                    grace,
                    is_first: true,
                };
                let turn = Turn::new(group, is_locked, again, Box::new(move |next| ending.end(next)));
                // safeguard: a turn that does not begin in time is over
                turn.lapse_later();
                finished.complete(start, Ok(turn));
            }
        }
    }

    /// Adds a function that had a turn.
    fn add_again(self: &Arc<Self>, entry: Entry, is_first: bool) {
        let stripe = Stripe::of(&entry.id);
        let is_due = self.queue.with(stripe, |groups| {
            if is_first {
                return groups.add_first(entry);
            }
            let Entry { id, durability, patience, work } = entry;
            groups.arrive(Entry { id, durability, patience, work: Arrival::Checked(work) })
        });
        self.serve_later(stripe, is_due.then_some(Duration::ZERO));
    }

    /// Ends the turn of a function; `next` is what comes of it and is served before all else of its group.
    fn end_turn(self: &Arc<Self>, id: &GroupId, hold: Option<Hold>, next: Option<Entry>) {
        let stripe = Stripe::of(id);
        if self.queue.with(stripe, |groups| groups.end_turn(id, hold, next)) {
            self.serve_later(stripe, self.queue.pass_on(stripe));
        }
    }

    fn complete_without_store(&self, stripe: Stripe, finished: &mut Finished) {
        let Some(Entry { id, work, .. }) = self.queue.with(stripe, Groups::take_first) else {
            return;
        };
        match work {
            Work::Task(Task::Write(write), completion) => {
                finished.complete(completion, write.apply(&id, None));
            }
            Work::Task(Task::Reread | Task::Transaction(_), completion) => {
                finished.complete(completion, Ok(WriteOutcome::NotFound));
            }
            Work::Function(function) => finished.complete(function.start, Ok(Turn::without_group())),
        }
    }
}

/// Returns whether the outcome has come that the serving thread waits for; `None` when it waits for none.
type IsOver<'a> = Option<&'a dyn Fn() -> bool>;

/// The duty to end the turn of a function, whatever happens to the function.
struct Ending {
    store: Arc<Store>,
    id: GroupId,
    /// The hold that is kept meanwhile, if one is.
    hold: Option<Hold>,
    has_ended: bool,
}

impl Ending {
    fn end(mut self, next: Option<Entry>) {
        self.has_ended = true;
        self.store.end_turn(&self.id, self.hold.take(), next);
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if !self.has_ended {
            self.store.end_turn(&self.id, self.hold.take(), None);
        }
    }
}

/// Returns a pause of half to one and a half of the given one, so that waiting processes do not march in step.
fn jittered(pause: Duration) -> Duration {
    let random = uuid::Uuid::new_v4().as_bytes()[0];
    pause / 2 + pause * u32::from(random) / 255
}
