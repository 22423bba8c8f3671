//! The entries of a group's queue, and the callbacks that learn of their outcome.

use std::panic::catch_unwind;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::model::GroupId;
use crate::repository::document::Document;
use crate::repository::file::turn::Function;
use crate::repository::file::write::Durability;
use crate::repository::merge::{Condition, Write, Written};

/// Something to do under a group's lock.
pub enum Task {
    /// A write.
    Write(Write),
    /// A save of text that has not been checked yet. It takes its place in the queue at once and is checked off the
    /// caller's thread, before the lock is taken.
    Save {
        /// The group.
        text: String,
        /// The precondition.
        condition: Condition,
    },
    /// A second look at a group that could not be read: under the lock no writer is half done.
    Look,
}

impl Task {
    /// Returns whether it creates a missing store; anything else finds nothing there.
    pub fn makes_a_store(&self) -> bool {
        matches!(self, Self::Save { .. } | Self::Write(Write::Save { .. }))
    }

    /// Returns whether it removes the group.
    pub fn deletes(&self) -> bool {
        matches!(self, Self::Write(write) if write.deletes())
    }

    /// Returns whether its outcome depends on the exact state that is stored, not only on what it changes.
    pub fn needs_stored_state(&self) -> bool {
        match self {
            Self::Look => true,
            Self::Save { condition, .. } => *condition != Condition::None,
            Self::Write(write) => write.is_conditional(),
        }
    }

    /// The same task with its text checked.
    pub fn checked(self, id: &GroupId) -> Result<Self> {
        let Self::Save { text, condition } = self else {
            return Ok(self);
        };
        let group = catch_unwind(|| Document::to_save(id, text))
            .unwrap_or_else(|_| Err(Error::internal("checking a group panicked")))?;
        Ok(Self::Write(Write::Save { group, condition }))
    }
}

/// A completion callback, called once, on any thread. Dropped uncalled, it reports a bug, so that nobody waits forever.
pub struct Reply<T>(Option<Box<dyn FnOnce(Result<T>) + Send>>);

impl<T> Reply<T> {
    /// Wraps a callback.
    pub fn new(tell: impl FnOnce(Result<T>) + Send + 'static) -> Self {
        Self(Some(Box::new(tell)))
    }

    /// Calls it.
    pub fn tell(mut self, outcome: Result<T>) {
        if let Some(tell) = self.0.take() {
            tell(outcome);
        }
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        if let Some(tell) = self.0.take() {
            tell(Err(Error::internal("a write was given up")));
        }
    }
}

/// An entry of a group's queue.
pub struct Pending {
    /// The group.
    pub id: GroupId,
    /// Required durability of the write.
    pub durability: Durability,
    /// Limit of its waiting.
    pub patience: Patience,
    /// The work itself.
    pub work: Work,
}

/// The work of an entry.
pub enum Work {
    /// A task and its completion callback.
    Task(Task, Reply<Written>),
    /// A function that computes an update.
    Function(Function),
}

impl Pending {
    /// Ends it with an error.
    pub fn fail(self, error: Error) {
        match self.work {
            Work::Task(_, reply) => reply.tell(Err(error)),
            Work::Function(function) => function.start.tell(Err(error)),
        }
    }

    /// The same entry with its text checked; `None` when it has failed.
    pub fn checked(self) -> Option<Self> {
        let Self { id, durability, patience, work } = self;
        let work = match work {
            Work::Task(task, reply) => match task.checked(&id) {
                Ok(task) => Work::Task(task, reply),
                Err(error) => {
                    reply.tell(Err(error));
                    return None;
                }
            },
            function @ Work::Function(_) => function,
        };
        Some(Self { id, durability, patience, work })
    }

    /// Returns whether it is a save whose text has not been checked.
    pub fn is_unchecked(&self) -> bool {
        matches!(self.work, Work::Task(Task::Save { .. }, _))
    }

    /// Returns whether others have held the lock too long.
    pub fn is_expired(&self, held_by_others: Duration) -> bool {
        matches!(self.patience, Patience::Until(until) if until <= held_by_others)
    }
}

/// The time for which an entry waits while others hold the lock.
#[derive(Debug, Clone, Copy)]
pub enum Patience {
    /// For that long, from when it is added on.
    For(Duration),
    /// Until others have held the stripe's lock for that long in all.
    Until(Duration),
}

/// A task that is ready to be carried out.
pub struct Ready {
    /// The work itself.
    pub task: Task,
    /// Required durability of the write.
    pub durability: Durability,
    /// Completion callback.
    pub reply: Reply<Written>,
}
