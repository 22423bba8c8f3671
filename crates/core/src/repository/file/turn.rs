//! Updates that a function computes. Each waits for its turn in its group's queue; while it has it, no other write of
//! this process comes in between, so that only another process can make it start again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::error::{ErrorKind, Result};
use crate::executor;
use crate::model::GroupId;
use crate::repository::document::Document;
use crate::repository::file::completion::Completion;
use crate::repository::file::task::{Entry, Patience, Task, Work};
use crate::repository::file::write::Durability;
use crate::repository::merge::{Changes, Condition, Write, WriteOutcome};

/// Number of races that a function loses against other processes before the group's lock is kept while it runs.
const MAX_LOSSES: u32 = 3;

/// Time within which a function must begin before others go first. Its thread may be busy, or gone.
const FIRST_GRACE: Duration = Duration::from_secs(1);

/// A function that waits for its turn.
pub struct Function {
    /// Called when its turn has come, or will not come.
    pub start: Completion<Turn>,
    /// Number of races that it has lost.
    pub losses: u32,
    /// Time within which it must begin.
    pub grace: Duration,
}

impl Function {
    /// A function that has not been called yet.
    pub fn new(start: Completion<Turn>) -> Self {
        Self { start, losses: 0, grace: FIRST_GRACE }
    }

    /// Returns whether the lock is kept while it runs.
    pub fn needs_lock(&self) -> bool {
        // safeguard: the lock is kept for a function that has lost its races
        self.losses >= MAX_LOSSES
    }

    /// The same function, to be called while the lock is kept.
    pub fn under_the_lock(self) -> Self {
        Self { losses: MAX_LOSSES, ..self }
    }

    /// Keeps the lock while it runs, because one before it in the same queue has lost its races.
    pub fn keep_lock(&mut self) {
        self.losses = MAX_LOSSES;
    }
}

/// The turn of an update: the group as it is stored, and the right to write what is computed from it before any other
/// write of this process. It ends when it is dropped.
pub struct Turn {
    group: Option<Document>,
    is_locked: bool,
    again: Option<Again>,
    claim: Arc<Claim>,
}

type End = Box<dyn FnOnce(Option<Entry>) + Send>;

/// The state that a turn shares with the timer that ends it.
struct Claim(Mutex<State>);

struct State {
    end: Option<End>,
    has_begun: bool,
}

impl Claim {
    fn take(&self, only_before_it_begins: bool) -> Option<End> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if only_before_it_begins && state.has_begun { None } else { state.end.take() }
    }
}

impl Turn {
    pub(super) fn new(group: Option<Document>, is_locked: bool, again: Again, end: End) -> Self {
        let state = State { end: Some(end), has_begun: false };
        Self { group, is_locked, again: Some(again), claim: Arc::new(Claim(Mutex::new(state))) }
    }

    /// A turn where there is no store.
    pub(super) fn without_group() -> Self {
        let state = State { end: None, has_begun: true };
        Self { group: None, is_locked: false, again: None, claim: Arc::new(Claim(Mutex::new(state))) }
    }

    /// Lets others go first when the turn does not begin in time: its thread may wait for one of them, or have ended.
    pub(super) fn lapse_later(&self) {
        let (claim, grace) = (Arc::clone(&self.claim), self.grace());
        executor::run_later(grace, move || {
            if let Some(end) = claim.take(true) {
                end(None);
            }
        });
    }

    fn grace(&self) -> Duration {
        self.again.as_ref().map_or(FIRST_GRACE, |again| again.grace)
    }

    /// The group as it is stored; `None` when there is none.
    pub fn group(&self) -> Option<&Document> {
        self.group.as_ref()
    }

    /// Begins the turn. When others have gone first meanwhile, it returns the way to wait for another one.
    pub fn begin(mut self) -> std::result::Result<Self, Again> {
        let mut state = self.claim.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.has_begun = true;
        let has_lapsed = state.end.is_none();
        drop(state);
        match self.again.take_if(|_| has_lapsed) {
            Some(again) => Err(again.after_a_lapse()),
            None => Ok(self),
        }
    }

    /// Writes what was computed and ends the turn. A turn that was not begun may be lost. `done` is called on another thread.
    pub fn write(mut self, changes: Changes, done: impl FnOnce(Attempt) + Send + 'static) {
        let (Some(group), Some(again)) = (&self.group, self.again.take()) else {
            return executor::run(move || done(Attempt::Done(Ok(WriteOutcome::NotFound))));
        };
        let Some(end) = self.claim.take(false) else {
            return executor::run(move || done(Attempt::Lost(again.after_a_lapse())));
        };
        let write = Write::Update { changes, condition: Condition::IfRevision(group.revision()) };
        let (id, durability, patience) = (again.id.clone(), again.durability, again.patience);
        let is_locked = self.is_locked;
        let completion = Completion::callback(move |written| match written {
            Err(error) if error.is(ErrorKind::Conflict) && !is_locked => {
                done(Attempt::Lost(Again { losses: again.losses + 1, is_first: true, ..again }));
            }
            written => done(Attempt::Done(written)),
        });
        let next = Entry { id, durability, patience, work: Work::Task(Task::Write(write), completion) };
        end(Some(next));
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(end) = self.claim.take(false) {
            end(None);
        }
    }
}

/// The result of writing what a function has computed.
pub enum Attempt {
    /// It is written, or has failed.
    Done(Result<WriteOutcome>),
    /// The group was written since it was read: by another process, or because the turn did not begin in time.
    Lost(Again),
}

/// Another turn for an update that had one.
pub struct Again {
    pub(super) add: Box<dyn FnOnce(Entry, bool) + Send>,
    pub(super) id: GroupId,
    pub(super) durability: Durability,
    pub(super) patience: Patience,
    pub(super) losses: u32,
    pub(super) grace: Duration,
    pub(super) is_first: bool,
}

impl Again {
    /// The next turn of a function whose thread did not begin in time.
    fn after_a_lapse(self) -> Self {
        Self { grace: self.grace * 2, is_first: false, ..self }
    }

    /// Waits for the next turn: before all other writes of its group when it lost a race, after them when its thread
    /// did not begin in time.
    pub fn wait(self, start: impl FnOnce(Result<Turn>) + Send + 'static) {
        let Self { add, id, durability, patience, losses, grace, is_first } = self;
        let function = Function { start: Completion::callback(start), losses, grace };
        add(Entry { id, durability, patience, work: Work::Function(function) }, is_first);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::model::tests::GROUP;

    #[test]
    fn a_turn_that_has_lapsed_writes_nothing_and_can_be_had_again() {
        let group = Document::from_text(GROUP.to_owned()).unwrap();
        let again = Again {
            add: Box::new(|_, _| {}),
            id: group.id().clone(),
            durability: Durability::Process,
            patience: Patience::Until(Duration::MAX),
            losses: 2,
            grace: Duration::from_secs(1),
            is_first: true,
        };
        let turn = Turn::new(Some(group), false, again, Box::new(|next| assert!(next.is_none())));
        turn.claim.take(true).expect("it has not ended")(None);
        let (sender, attempts) = mpsc::channel();
        let changes = Changes::new(r#"{"name":"late"}"#.to_owned(), Vec::new()).unwrap();
        turn.write(changes, move |attempt| sender.send(attempt).unwrap());
        let Attempt::Lost(again) = attempts.recv().unwrap() else { panic!("it was written") };
        assert_eq!((again.losses, again.grace, again.is_first), (2, Duration::from_secs(2), false));
    }
}
