use std::sync::mpsc;
use std::thread;

use super::*;
use crate::error::Result;
use crate::model::tests::GROUP;
use crate::repository::file::completion::Completion;
use crate::repository::file::dir::Dir;
use crate::repository::file::task::Task;
use crate::repository::file::{FileGroupRepository, FileOptions, lock};
use crate::repository::merge::{Changes, Condition, Write};
use crate::repository::{Document, GroupRepository, Transaction};

fn entry(id: &GroupId, work: Work) -> Entry {
    Entry { id: id.clone(), durability: Durability::Process, patience: Patience::Until(Duration::MAX), work }
}

fn function(id: &GroupId) -> Entry {
    entry(id, Work::Function(Function::new(Completion::callback(|_| {}))))
}

fn update(id: &GroupId, name: &str) -> Entry {
    let changes = Changes::new(format!(r#"{{"name":"{name}"}}"#), Vec::new()).unwrap();
    let write = Write::Update { changes, condition: Condition::None };
    entry(id, Work::Task(Task::Write(write), Completion::callback(|_| {})))
}

/// The names to which the updates of a batch change the group's.
fn names(batch: &[Ready]) -> Vec<String> {
    let name = |ready: &Ready| match &ready.task {
        Task::Write(Write::Update { changes, .. }) => changes.value("name").unwrap().text().to_owned(),
        _ => panic!("no update"),
    };
    batch.iter().map(name).collect()
}

/// The turn of a function has ended, which kept the lock if there is a hold; `computed` is what it computed.
fn after_a_turn(id: &GroupId, hold: Option<Hold>) -> Groups {
    let mut groups = Groups::default();
    groups.add(function(id), false);
    assert!(groups.take_unlocked_function().is_some());
    groups.end_turn(id, hold, Some(update(id, "computed")));
    groups
}

#[test]
fn an_entry_can_wait_forever() {
    let id = GroupId::new("g").unwrap();
    let mut groups = Groups { held_by_others: Duration::from_millis(1), ..Groups::default() };
    let patience = Patience::For(Duration::MAX);
    groups.add(Entry { patience, ..update(&id, "patient") }, false);
    assert!(groups.take_expired().is_empty());
}

#[test]
fn a_function_that_lost_its_race_does_not_overtake_what_another_has_computed() {
    let id = GroupId::new("g").unwrap();
    let mut groups = after_a_turn(&id, None);
    groups.add(update(&id, "later"), false);
    groups.add_first(function(&id));
    assert!(groups.take_unlocked_function().is_none());
    let Some(Item::Batch(_, batch)) = groups.take_next() else { panic!("no batch") };
    assert_eq!(names(&batch), [r#""computed""#]);
    assert!(matches!(groups.take_next(), Some(Item::Function(_))));
}

#[test]
fn what_was_computed_under_the_lock_is_written_whatever_came_first_meanwhile() {
    let directory = tempfile::tempdir().unwrap();
    let base = Dir::open(directory.path()).unwrap();
    let (id, other) = (GroupId::new("g").unwrap(), GroupId::new("other").unwrap());
    let lock = lock::try_lock(&base, Stripe::of(&id)).unwrap().unwrap();
    let hold = Hold { guard: StoreGuard { base, lock }, since: Instant::now() };
    let mut groups = after_a_turn(&id, Some(hold));
    groups.add_first(function(&id));
    groups.add_first(function(&other));
    let (_hold, computed) = groups.take_resumed().unwrap();
    assert_eq!(computed.as_ref(), Some(&id));
    assert_eq!(names(&groups.take_batch(&id)), [r#""computed""#]);
    let Some(Item::Function(next)) = groups.take_next() else { panic!("no function") };
    assert_eq!(next.id, other);
    let Some(Item::Function(next)) = groups.take_next() else { panic!("no function") };
    assert_eq!(next.id, id);
    assert!(groups.take_next().is_none());
}

struct Panicking;

impl Transaction<Dir> for Panicking {
    fn creates(&self) -> bool {
        panic!("on purpose")
    }

    fn begin(&mut self, _group: Option<&Document>, _base: &Dir) -> Result<Vec<Write>> {
        Ok(Vec::new())
    }

    fn committed(&mut self, _base: &Dir) {}
}

#[test]
fn a_panic_while_a_queue_is_served_leaves_nobody_waiting() {
    const OTHERS: usize = 8;
    let directory = tempfile::tempdir().unwrap();
    let repository = FileGroupRepository::new(Some(directory.path()), FileOptions::default()).unwrap();
    let id = GroupId::new("20260115-103000-auth").unwrap();
    repository.save(Document::from_text(GROUP.to_owned()).unwrap(), Condition::None).unwrap();
    let stripe = Stripe::of(&id);
    let others = (0..).filter_map(|number| GroupId::new(&format!("g{number}")).ok());
    let other = others.into_iter().find(|other| Stripe::of(other) == stripe).unwrap();

    // Some threads wait for the end of a turn of another group, before two more wait.
    let (sender, turns) = mpsc::channel();
    repository.take_turn(&other, move |turn| sender.send(turn).unwrap());
    let turn = turns.recv().unwrap().unwrap().begin();
    let (sender, outcomes) = mpsc::channel();
    let wait = |number, id: &GroupId, task| {
        let (writer, id, sender) = (repository.clone(), id.clone(), sender.clone());
        thread::spawn(move || sender.send(writer.carry_out(&id, task).is_ok()));
        while repository.store.queue.with(stripe, |groups| groups.waiters) < number {
            thread::yield_now();
        }
    };
    let task = |work| match work {
        Work::Task(task, _) => task,
        Work::Function(_) => panic!("no task"),
    };
    for number in 1..=OTHERS {
        wait(number, &other, task(update(&other, "other").work));
    }
    let lock = lock::try_lock(&Dir::open(directory.path()).unwrap(), stripe).unwrap();
    wait(OTHERS + 1, &id, task(update(&id, "lost").work));
    wait(OTHERS + 2, &id, Task::Transaction(Box::new(Panicking)));
    drop(lock);
    for _ in 0..2 {
        assert!(!outcomes.recv_timeout(Duration::from_secs(10)).unwrap());
    }
    drop(turn);
    for _ in 0..OTHERS {
        assert!(outcomes.recv_timeout(Duration::from_secs(10)).unwrap());
    }
}
