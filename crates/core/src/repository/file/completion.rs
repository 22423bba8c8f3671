//! The receivers of outcomes. A thread that serves a queue never runs a callback meanwhile, so that a callback may itself
//! wait for a queue.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result};
use crate::executor;
use crate::repository::file::delete;

/// The receiver of one outcome. Dropped without one, it reports a bug, so that nobody waits forever.
pub struct Completion<T: Send + 'static>(Option<Receiver<T>>);

enum Receiver<T> {
    Callback(Box<dyn FnOnce(Result<T>) + Send>),
    Waiter(Arc<Slot<T>>),
}

impl<T: Send> Completion<T> {
    /// Calls a function, on any thread.
    pub fn callback(done: impl FnOnce(Result<T>) + Send + 'static) -> Self {
        Self(Some(Receiver::Callback(Box::new(done))))
    }

    /// Completes a slot, for a thread that waits for it.
    pub fn waiter(slot: &Arc<Slot<T>>) -> Self {
        Self(Some(Receiver::Waiter(Arc::clone(slot))))
    }
}

impl<T: Send> Drop for Completion<T> {
    fn drop(&mut self) {
        let error = Error::internal("a write was given up");
        match self.0.take() {
            Some(Receiver::Callback(done)) => executor::run(move || done(Err(error))),
            Some(Receiver::Waiter(slot)) => slot.complete(Err(error), None),
            None => {}
        }
    }
}

/// The outcome that a thread waits for.
pub struct Slot<T>(Mutex<Option<Outcome<T>>>);

struct Outcome<T> {
    result: Result<T>,
    /// A deleted group's contents, which the waiting thread removes.
    removes: Option<PathBuf>,
}

impl<T> Slot<T> {
    /// Creates an empty slot.
    pub fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(None)))
    }

    /// Returns whether the outcome has come.
    pub fn is_complete(&self) -> bool {
        self.outcome().is_some()
    }

    /// Returns the outcome that has come.
    pub fn take(&self) -> Result<T> {
        let Some(Outcome { result, removes }) = self.outcome().take() else {
            return Err(Error::internal("a wait ended without an outcome"));
        };
        if let Some(path) = removes {
            delete::remove(&path);
        }
        result
    }

    fn complete(&self, result: Result<T>, removes: Option<PathBuf>) {
        *self.outcome() = Some(Outcome { result, removes });
    }

    fn outcome(&self) -> MutexGuard<'_, Option<Outcome<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The callbacks of what was completed while a queue was served.
#[derive(Default)]
pub struct Finished {
    callbacks: Vec<Box<dyn FnOnce() + Send>>,
    has_waiters: bool,
}

impl Finished {
    /// Passes an outcome to its receiver.
    pub fn complete<T: Send>(&mut self, completion: Completion<T>, result: Result<T>) {
        self.complete_removing(completion, result, None);
    }

    /// Passes an outcome to its receiver once what was moved to the trash is removed.
    pub fn complete_removing<T: Send>(
        &mut self,
        mut completion: Completion<T>,
        result: Result<T>,
        removes: Option<PathBuf>,
    ) {
        match completion.0.take() {
            Some(Receiver::Callback(done)) => self.callbacks.push(Box::new(move || {
                if let Some(path) = removes {
                    delete::remove(&path);
                }
                done(result);
            })),
            Some(Receiver::Waiter(slot)) => {
                slot.complete(result, removes);
                self.has_waiters = true;
            }
            None => {}
        }
    }

    /// Notes that a thread may wait for an outcome that was not passed on here.
    pub fn set_has_waiters(&mut self) {
        self.has_waiters = true;
    }

    /// Returns whether a thread waits for one of the outcomes since the last call.
    pub fn take_has_waiters(&mut self) -> bool {
        std::mem::take(&mut self.has_waiters)
    }

    /// Lets other threads call the callbacks.
    pub fn hand_over(&mut self) {
        if !self.callbacks.is_empty() {
            let callbacks = Self { callbacks: std::mem::take(&mut self.callbacks), has_waiters: false };
            executor::run(move || callbacks.call());
        }
    }

    /// Calls the callbacks. One that panics does not keep the others from being called.
    pub fn call(self) {
        for callback in self.callbacks {
            let _ = catch_unwind(AssertUnwindSafe(callback));
        }
    }
}
