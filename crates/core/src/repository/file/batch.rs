//! Tasks of one group that are written together: applied in memory one after the other, each with its own outcome.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use crate::error::{Error, ErrorKind, Result};
use crate::model::GroupId;
use crate::repository::Transaction;
use crate::repository::document::Document;
use crate::repository::file::completion::{Completion, Finished};
use crate::repository::file::dir::Dir;
use crate::repository::file::paths::META;
use crate::repository::file::task::{Ready, Task};
use crate::repository::file::write::Durability;
use crate::repository::merge::{Write, WriteOutcome};
use crate::repository::working_copy::{Mutation, WorkingCopy};

/// Maximum length of all the states that the members of a batch are given, in bytes.
const MAX_COPIED: usize = 64 << 20;

/// A batch that is not written yet.
pub struct Batch<'a> {
    id: &'a GroupId,
    base: &'a Dir,
    /// The directory that is in the way of a group with this id.
    other: Option<&'a str>,
    copy: WorkingCopy,
    members: Vec<Member>,
    /// Members whose outcome is the state of the group after them.
    awaiting: Vec<usize>,
    /// Set when one of them must be given its own state and no later one.
    needs_own_state: bool,
    copied: usize,
    durability: Durability,
    first_effect: Option<usize>,
    /// Set when the stored group was not parsed, so that only a save can be the first member.
    is_unparsed: bool,
    is_over: bool,
}

struct Member {
    /// What hears of the commit.
    transaction: Option<Box<dyn Transaction<Dir>>>,
    completion: Completion<WriteOutcome>,
    outcome: Result<WriteOutcome>,
    has_effect: bool,
}

impl<'a> Batch<'a> {
    /// An empty batch for what is stored.
    pub fn new(id: &'a GroupId, base: &'a Dir, stored: Option<Document>, other: Option<&'a str>) -> Self {
        Self {
            id,
            base,
            other,
            copy: WorkingCopy::new(stored),
            members: Vec::new(),
            awaiting: Vec::new(),
            needs_own_state: false,
            copied: 0,
            durability: Durability::Process,
            first_effect: None,
            is_unparsed: false,
            is_over: false,
        }
    }

    /// Lets it begin with a save that replaces a group that was not parsed.
    pub fn begin_unparsed(&mut self) {
        self.is_unparsed = true;
    }

    /// Returns whether a task can be part of it. A precondition is judged by what is stored, not by what will be.
    pub fn takes(&self, task: &Task) -> bool {
        !self.is_over
            // After a first save that failed, the others need the stored group.
            && (!self.is_unparsed || self.members.is_empty() || self.first_effect.is_some())
            && self.copied <= MAX_COPIED
            // safeguard: a precondition is judged by what is stored
            && (self.first_effect.is_none() || !task.needs_stored_state())
    }

    /// Applies a task.
    pub fn take(&mut self, ready: Ready) {
        let Ready { task, durability, completion } = ready;
        self.durability = self.durability.max(durability);
        let deletes = task.deletes();
        let is_update = matches!(task, Task::Write(Write::Update { .. }) | Task::Transaction(_));
        if self.needs_own_state || deletes {
            self.share_state();
        }
        let index = self.members.len();
        let (transaction, applied) = match task {
            Task::Write(write) => (None, self.apply(write)),
            Task::Transaction(mut transaction) => {
                let applied = self.begin(&mut *transaction);
                (Some(transaction), applied)
            }
            Task::Reread => (None, Ok((self.unchanged(), false))),
        };
        let (outcome, has_effect) = match applied {
            Ok((written, has_effect)) => (Ok(written), has_effect),
            // safeguard: one bad update of several fails alone
            Err(error) => (Err(error), false),
        };
        if has_effect {
            self.first_effect.get_or_insert(index);
            self.is_over = deletes;
            self.needs_own_state |= is_update;
            if !deletes {
                self.awaiting.push(index);
            }
        }
        self.members.push(Member { transaction, completion, outcome, has_effect });
    }

    /// Gives the members that wait for it the state as it is now.
    fn share_state(&mut self) {
        self.needs_own_state = false;
        if self.awaiting.is_empty() {
            return;
        }
        if let Some(group) = self.copy.snapshot() {
            self.copied += group.text().len();
            self.give(&group);
        }
    }

    fn give(&mut self, group: &Document) {
        for index in self.awaiting.drain(..) {
            self.members[index].outcome = Ok(WriteOutcome::Stored(group.clone()));
        }
    }

    /// Applies a write and returns its outcome, preliminary when it changes the group, and whether it has an effect.
    fn apply(&mut self, write: Write) -> Result<(WriteOutcome, bool)> {
        if !write.deletes() {
            self.check_schema()?;
        }
        let applied = catch_unwind(AssertUnwindSafe(|| self.copy.apply(self.id, write)));
        self.judge(applied.unwrap_or_else(|_| Err(Error::internal("applying a change panicked")))?)
    }

    /// Applies a transaction, like [`apply`](Self::apply).
    fn begin(&mut self, transaction: &mut dyn Transaction<Dir>) -> Result<(WriteOutcome, bool)> {
        self.check_schema()?;
        let before = self.copy.snapshot();
        let applied = catch_unwind(AssertUnwindSafe(|| {
            let writes = transaction.begin(before.as_ref(), self.base)?;
            if writes.is_empty() { Ok(None) } else { self.copy.apply_all(self.id, writes).map(Some) }
        }));
        let Ok(applied) = applied else {
            self.copy = WorkingCopy::new(before);
            return Err(Error::internal("computing a change panicked"));
        };
        match applied? {
            Some(mutation) => self.judge(mutation),
            None => Ok((self.unchanged(), false)),
        }
    }

    fn check_schema(&self) -> Result<()> {
        // safeguard: a group of a newer version is not written
        let Some(version) = self.copy.newer_schema() else { return Ok(()) };
        let path = self.base.path().join(self.id.as_str()).join(META);
        Err(Error::newer_schema(self.id.as_str(), &path, version, "it can be read, not written"))
    }

    fn unchanged(&self) -> WriteOutcome {
        self.copy.snapshot().map_or(WriteOutcome::NotFound, WriteOutcome::Stored)
    }

    fn judge(&mut self, mutation: Mutation) -> Result<(WriteOutcome, bool)> {
        match mutation {
            Mutation::None => Ok((WriteOutcome::NotFound, false)),
            Mutation::Delete => Ok((WriteOutcome::Deleted, true)),
            Mutation::Put => match self.other {
                None => Ok((WriteOutcome::NotFound, true)),
                Some(other) => {
                    self.copy = WorkingCopy::new(None);
                    Err(case_collision(self.id, other))
                }
            },
        }
    }

    /// Puts the group together. `None` when nothing has to be written, otherwise the durability that its members ask
    /// for and the group, if there still is one.
    pub fn result(&mut self) -> Option<(Durability, Result<Option<Document>>)> {
        self.first_effect?;
        let group = std::mem::replace(&mut self.copy, WorkingCopy::new(None)).checked();
        if let Ok(Some(group)) = &group {
            self.give(group);
        }
        Some((self.durability, group))
    }

    /// Replaces outcomes by the error of writing them.
    pub fn fail(&mut self, error: &Error) {
        // The change is visible: whoever changed nothing was judged by a state that is there.
        let is_visible = error.is(ErrorKind::NotDurable);
        let first_effect = self.first_effect.unwrap_or(self.members.len());
        for member in self.members.iter_mut().skip(first_effect) {
            // safeguard: only what has changed something is not durable
            if member.has_effect || !is_visible {
                member.outcome = Err(error.clone());
            }
        }
    }

    /// Lets the transactions that are stored know, in their order.
    pub fn committed(&mut self) {
        for member in self.members.iter_mut().filter(|member| member.has_effect && member.outcome.is_ok()) {
            if let Some(transaction) = &mut member.transaction {
                // The commit stays what it is.
                let _ = catch_unwind(AssertUnwindSafe(|| transaction.committed(self.base)));
            }
        }
    }

    /// Passes on the outcomes; that of a deletion once what it moved to the trash is removed.
    pub fn complete(self, trash: Option<PathBuf>, finished: &mut Finished) {
        let mut members = self.members;
        let deletion = if trash.is_some() { members.pop() } else { None };
        for Member { completion, outcome, .. } in members {
            finished.complete(completion, outcome);
        }
        if let Some(Member { completion, outcome, .. }) = deletion {
            finished.complete_removing(completion, outcome, trash);
        }
    }
}

fn case_collision(id: &GroupId, other: &str) -> Error {
    let reason = format!("names the directory {other:?}, since names have no case on this file system");
    Error::invalid_id(id.as_str(), &reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::GROUP;
    use crate::repository::merge::{Changes, Condition};
    use std::path::Path;
    use std::sync::{Arc, Mutex};

    fn group() -> Document {
        Document::from_text(GROUP.to_owned()).unwrap()
    }

    fn here() -> Dir {
        Dir::open(env!("CARGO_MANIFEST_DIR").as_ref()).unwrap()
    }

    fn changes(text: &str) -> Changes {
        Changes::new(text.to_owned(), Vec::new()).unwrap()
    }

    fn update(text: &str) -> Write {
        Write::Update { changes: changes(text), condition: Condition::None }
    }

    fn session(id: &str, text: &str) -> Write {
        Write::UpdateSession { session_id: id.to_owned(), changes: changes(text) }
    }

    fn save_if_absent() -> Write {
        Write::Save { group: group(), condition: Condition::IfAbsent }
    }

    fn complete(batch: Batch<'_>) {
        let mut finished = Finished::default();
        batch.complete(None, &mut finished);
        finished.call();
    }

    /// Returns the outcomes of a batch whose write has failed.
    fn outcomes(writes: Vec<Write>, error: &Error) -> Vec<&'static str> {
        let (id, base) = (group().id().clone(), &here());
        let mut batch = Batch::new(&id, base, Some(group()), None);
        let told = Arc::new(Mutex::new(Vec::new()));
        for write in writes {
            let told = Arc::clone(&told);
            let tell = move |written: Result<WriteOutcome>| {
                told.lock().unwrap().push(match written {
                    Ok(WriteOutcome::NotFound) => "missing",
                    Ok(_) => "changed",
                    Err(error) => error.code(),
                });
            };
            let task = Task::Write(write);
            assert!(batch.takes(&task));
            let completion = Completion::callback(tell);
            batch.take(Ready { task, durability: Durability::Full, completion });
        }
        assert!(batch.result().unwrap().1.is_ok());
        batch.fail(error);
        complete(batch);
        std::mem::take(&mut *told.lock().unwrap())
    }

    fn mixed() -> Vec<Write> {
        vec![
            save_if_absent(),
            update(r#"{"name":"x"}"#),
            session("none", "{}"),
            session("001-a", r#"{"cost":-1}"#),
            session("001-a", r#"{"cost":1}"#),
        ]
    }

    #[test]
    fn only_members_that_changed_something_are_not_durable() {
        let source = || std::io::Error::other("on purpose");
        let error = Error::not_durable("g", Path::new("/groups"), "syncing", source());
        let expected = ["CONFLICT", "NOT_DURABLE", "missing", "INVALID_GROUP", "NOT_DURABLE"];
        assert_eq!(outcomes(mixed(), &error), expected);
        let error = Error::not_committed("g", Path::new("/groups"), "writing", source());
        let nothing = "NOT_COMMITTED";
        assert_eq!(outcomes(mixed(), &error), ["CONFLICT", nothing, nothing, nothing, nothing]);
    }

    #[test]
    fn a_precondition_is_judged_by_what_is_stored() {
        let (id, base) = (group().id().clone(), &here());
        let mut batch = Batch::new(&id, base, Some(group()), None);
        let take = |batch: &mut Batch<'_>, write| {
            let completion = Completion::callback(|_| {});
            batch.take(Ready { task: Task::Write(write), durability: Durability::Full, completion });
        };
        take(&mut batch, save_if_absent());
        assert!(batch.takes(&Task::Write(save_if_absent())));
        take(&mut batch, update("{}"));
        assert!(!batch.takes(&Task::Write(save_if_absent())));
        assert!(!batch.takes(&Task::Reread));
        assert!(batch.takes(&Task::Write(update("{}"))));
    }

    #[test]
    fn only_a_save_that_succeeds_can_replace_what_was_not_parsed() {
        let (id, other) = (group().id().clone(), GroupId::new("other").unwrap());
        let base = &here();
        for (of, is_taken) in [(&id, true), (&other, false)] {
            let mut batch = Batch::new(of, base, None, None);
            batch.begin_unparsed();
            let task = Task::Write(Write::Save { group: group(), condition: Condition::None });
            assert!(task.replaces_all() && batch.takes(&task));
            let completion = Completion::callback(|_| {});
            batch.take(Ready { task, durability: Durability::Full, completion });
            assert_eq!(batch.takes(&Task::Write(update("{}"))), is_taken);
        }
    }

    #[test]
    fn each_update_gets_the_state_that_it_made_and_other_members_a_later_one() {
        let (id, base) = (group().id().clone(), &here());
        let mut batch = Batch::new(&id, base, Some(group()), None);
        let names = Arc::new(Mutex::new(Vec::new()));
        for write in [update(r#"{"name":"A"}"#), session("002-b", r#"{"cost":2}"#), update(r#"{"name":"B"}"#)]
        {
            let names = Arc::clone(&names);
            let tell = move |written: Result<WriteOutcome>| match written.unwrap() {
                WriteOutcome::Stored(group) => {
                    let text = serde_json::from_str::<serde_json::Value>(group.text()).unwrap();
                    names
                        .lock()
                        .unwrap()
                        .push((group.name().to_owned(), text["sessions"][1]["cost"].as_f64()));
                }
                other => panic!("{other:?}"),
            };
            let completion = Completion::callback(tell);
            batch.take(Ready { task: Task::Write(write), durability: Durability::Full, completion });
        }
        batch.result();
        complete(batch);
        let expected = [("A", 0.5), ("B", 2.0), ("B", 2.0)].map(|(name, cost)| (name.to_owned(), Some(cost)));
        assert_eq!(*names.lock().unwrap(), expected);
    }
}
