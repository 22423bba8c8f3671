//! The entries of a group's queue.

use std::panic::catch_unwind;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::model::GroupId;
use crate::repository::Transaction;
use crate::repository::document::Document;
use crate::repository::file::completion::{Completion, Finished};
use crate::repository::file::dir::Dir;
use crate::repository::file::turn::Function;
use crate::repository::file::write::Durability;
use crate::repository::merge::{Condition, Write, WriteOutcome};

/// Something to do under a group's lock.
pub enum Task {
    /// A write.
    Write(Write),
    /// Several writes as a unit. Its place is the base directory.
    Transaction(Box<dyn Transaction<Dir>>),
    /// A second look at a group that could not be read: under the lock no writer is half done.
    Reread,
}

impl Task {
    /// Returns whether it creates a missing store; anything else finds nothing there.
    pub fn makes_a_store(&self) -> bool {
        match self {
            Self::Write(write) => matches!(write, Write::Save { .. }),
            Self::Transaction(transaction) => transaction.creates(),
            Self::Reread => false,
        }
    }

    /// Returns whether it removes the group.
    pub fn deletes(&self) -> bool {
        matches!(self, Self::Write(write) if write.deletes())
    }

    /// Returns whether it replaces the group, whatever is stored.
    pub fn replaces_all(&self) -> bool {
        matches!(self, Self::Write(Write::Save { condition: Condition::None, .. }))
    }

    /// Returns whether its outcome depends on the exact state that is stored, not only on what it changes.
    pub fn needs_stored_state(&self) -> bool {
        match self {
            Self::Reread => true,
            Self::Write(write) => write.is_conditional(),
            // A group is created only if none is stored.
            Self::Transaction(transaction) => transaction.creates(),
        }
    }
}

/// An entry of a group's queue.
pub struct Entry<W = Work> {
    /// The group.
    pub id: GroupId,
    /// Required durability of the write.
    pub durability: Durability,
    /// Limit of its waiting.
    pub patience: Patience,
    /// The work itself.
    pub work: W,
}

/// The work of an entry.
pub enum Work {
    /// A task.
    Task(Task, Completion<WriteOutcome>),
    /// A function that computes an update.
    Function(Function),
}

/// The work of an entry that has just been added.
pub enum Arrival {
    /// Work that can wait for its group's lock.
    Checked(Work),
    /// A save of text. It takes its place at once and is checked before it waits for the lock, off the caller's thread.
    Save(String, Condition, Completion<WriteOutcome>),
}

impl Entry {
    /// Ends it with an error.
    pub fn fail(self, error: Error, finished: &mut Finished) {
        match self.work {
            Work::Task(_, completion) => finished.complete(completion, Err(error)),
            Work::Function(function) => finished.complete(function.start, Err(error)),
        }
    }

    /// Returns whether others have held the lock too long.
    pub fn is_expired(&self, held_by_others: Duration) -> bool {
        matches!(self.patience, Patience::Until(until) if until <= held_by_others)
    }
}

impl Entry<Arrival> {
    /// Returns the same entry with its text checked, or `None` when it has failed.
    pub fn checked(self, finished: &mut Finished) -> Option<Entry> {
        let Self { id, durability, patience, work } = self;
        let work = match work {
            Arrival::Checked(work) => work,
            Arrival::Save(text, condition, completion) => match check(&id, text) {
                Ok(group) => Work::Task(Task::Write(Write::Save { group, condition }), completion),
                Err(error) => {
                    finished.complete(completion, Err(error));
                    return None;
                }
            },
        };
        Some(Entry { id, durability, patience, work })
    }
}

fn check(id: &GroupId, text: String) -> Result<Document> {
    let checked = catch_unwind(|| Document::to_save(id, text));
    checked.unwrap_or_else(|_| Err(Error::internal("checking a group panicked")))
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
    /// The receiver of its outcome.
    pub completion: Completion<WriteOutcome>,
}
