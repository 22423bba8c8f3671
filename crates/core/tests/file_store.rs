//! The file store as a Rust program uses it: several writers, locks held elsewhere, what lies on the disk.

#![allow(clippy::unwrap_used, reason = "a failing test panics")]
use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use session_groups::model::number::Usd;
use session_groups::model::time::IsoTime;
use session_groups::model::{GroupId, GroupSession, SessionGroup};
use session_groups::repository::file::{Attempt, Durability, FileOptions, Turn};
use session_groups::repository::{
    Changes, Condition, Document, FileGroupRepository, GroupFilter, GroupRepository, InMemoryGroupRepository,
    Write,
};

const NOW: &str = "2026-01-15T10:30:00.000Z";

fn group(id: &str) -> Document {
    let now = IsoTime::parse(NOW).unwrap();
    let session =
        GroupSession { cost: Usd::new(0.0), ..GroupSession::new("001-a", "/p", "Do it", now.clone()) };
    let group = SessionGroup { sessions: vec![session], ..SessionGroup::new(self::id(id), "A", "a", now) };
    Document::from_group(&group).unwrap()
}

fn id(id: &str) -> GroupId {
    GroupId::new(id).unwrap()
}

fn changes(text: &str) -> Changes {
    Changes::new(text.to_owned(), Vec::new()).unwrap()
}

fn store(base: &Path, lock_timeout_ms: u64) -> FileGroupRepository {
    let lock_timeout = Duration::from_millis(lock_timeout_ms);
    let options = FileOptions { durability: Durability::Process, lock_timeout };
    FileGroupRepository::new(Some(base), options).unwrap()
}

/// Holds the locks of all groups, as another process would.
fn hold_all_locks(base: &Path) -> Vec<File> {
    let lock = |entry: fs::DirEntry| {
        let file = File::options().write(true).open(entry.path()).unwrap();
        file.lock().unwrap();
        file
    };
    fs::read_dir(base.join(".locks")).unwrap().map(|entry| lock(entry.unwrap())).collect()
}

/// Adds one to the cost of the group's session, again whenever somebody else came first.
fn add_one(repository: &dyn GroupRepository, id: &GroupId) {
    loop {
        let found = repository.find_by_id(id).unwrap().unwrap();
        let mut group = found.group().unwrap();
        group.sessions[0].cost = group.sessions[0].cost.and_then(|cost| Usd::new(cost.get() + 1.0));
        let sessions = serde_json::to_string(&group.sessions).unwrap();
        let write = Write::Update {
            changes: changes(&format!(r#"{{"sessions":{sessions}}}"#)),
            condition: Condition::IfRevision(found.revision()),
        };
        match repository.write(id, write) {
            Ok(_) => return,
            Err(error) => assert_eq!(error.code(), "CONFLICT"),
        }
    }
}

#[test]
fn conditional_writers_lose_no_update() {
    let base = tempfile::tempdir().unwrap();
    let file = store(base.path(), 60_000);
    let memory = InMemoryGroupRepository::new();
    for repository in [&file as &dyn GroupRepository, &memory] {
        repository.save(group("g"), Condition::IfAbsent).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..10).for_each(|_| add_one(repository, &id("g"))));
            }
        });
        let cost = repository.find_by_id(&id("g")).unwrap().unwrap().group().unwrap().sessions[0].cost;
        assert_eq!(cost, Usd::new(80.0));
    }
}

#[test]
fn one_bad_update_among_many_fails_alone() {
    let base = tempfile::tempdir().unwrap();
    let repository = store(base.path(), 60_000);
    repository.save(group("g"), Condition::None).unwrap();
    let held = hold_all_locks(base.path());
    let (sender, outcomes) = std::sync::mpsc::channel();
    for index in 0..50 {
        let sender = sender.clone();
        let text = if index == 20 { r#"{"name":5}"#.to_owned() } else { format!(r#"{{"name":"{index}"}}"#) };
        let write = Write::Update { changes: changes(&text), condition: Condition::None };
        repository.submit(&id("g"), write, move |outcome| sender.send((index, outcome.is_ok())).unwrap());
    }
    drop((held, sender));
    let outcomes: Vec<(usize, bool)> = outcomes.iter().collect();
    let in_order: Vec<(usize, bool)> = (0..50).map(|index| (index, index != 20)).collect();
    assert_eq!(outcomes, in_order);
    assert_eq!(repository.find_by_id(&id("g")).unwrap().unwrap().name(), "49");
}

#[test]
fn a_lock_held_elsewhere_stops_only_its_writers() {
    let base = tempfile::tempdir().unwrap();
    let repository = store(base.path(), 50);
    repository.save(group("g"), Condition::None).unwrap();
    let held = hold_all_locks(base.path());
    let error = repository.update(&id("g"), changes("{}")).unwrap_err();
    assert_eq!((error.code(), error.group_id()), ("LOCK_TIMEOUT", Some("g")));
    let holder = if cfg!(target_os = "linux") { "this process" } else { "another process" };
    assert!(error.to_string().contains(holder), "{error}");
    assert!(repository.find_by_id(&id("g")).unwrap().is_some());
    assert_eq!(repository.count(&GroupFilter::default()).unwrap(), 1);
    drop(held);
    assert!(repository.update(&id("g"), changes("{}")).unwrap().is_some());
}

/// On Linux these are two groups. Where names of files have no case there can be only one of them.
#[test]
fn ids_that_differ_in_case_are_never_mistaken() {
    let base = tempfile::tempdir().unwrap();
    let repository = store(base.path(), 1_000);
    let found = |of: &str| repository.find_by_id(&id(of)).unwrap().map(|group| group.id().to_string());
    let save = |of: &str| repository.save(group(of), Condition::None);
    save("g").unwrap();
    let has_case = !base.path().join("G").exists();
    assert_eq!(found("G"), None);
    assert!(repository.update(&id("G"), changes("{}")).unwrap().is_none());
    assert!(!repository.delete(&id("G"), Condition::None).unwrap());
    match save("G") {
        Ok(()) => assert!(has_case),
        Err(error) => {
            assert!(!has_case);
            assert_eq!(error.code(), "INVALID_ID");
            assert!(error.to_string().contains("names the directory \"g\""), "{error}");
        }
    }
    assert_eq!((found("g").as_deref(), found("G").as_deref()), (Some("g"), has_case.then_some("G")));
    assert_eq!(repository.count(&GroupFilter::default()).unwrap(), if has_case { 2 } else { 1 });
    // Nor is what cannot be read.
    std::fs::write(base.path().join("g").join("meta.json"), "{").unwrap();
    assert_eq!(repository.delete(&id("G"), Condition::None).unwrap(), has_case);
    assert_eq!(repository.find_by_id(&id("g")).unwrap_err().code(), "CORRUPT");
    // Nor is a directory without a group.
    std::fs::remove_file(base.path().join("g").join("meta.json")).unwrap();
    assert_eq!(save("G").is_ok(), has_case);
}

#[test]
fn a_timeout_of_zero_still_tries_once() {
    let base = tempfile::tempdir().unwrap();
    let repository = store(base.path(), 0);
    repository.save(group("g"), Condition::None).unwrap();
    let held = hold_all_locks(base.path());
    assert_eq!(repository.update(&id("g"), changes("{}")).unwrap_err().code(), "LOCK_TIMEOUT");
    drop(held);
    assert!(repository.update(&id("g"), changes("{}")).unwrap().is_some());
}

#[test]
fn a_writer_can_wait_forever() {
    let base = tempfile::tempdir().unwrap();
    let options = FileOptions { durability: Durability::Process, lock_timeout: Duration::MAX };
    let repository = FileGroupRepository::new(Some(base.path()), options).unwrap();
    repository.save(group("g"), Condition::None).unwrap();
    let held = hold_all_locks(base.path());
    let (sender, outcomes) = std::sync::mpsc::channel();
    for name in ["a", "b"] {
        let sender = sender.clone();
        repository.submit(&id("g"), rename(name), move |outcome| sender.send(outcome.is_ok()).unwrap());
        std::thread::sleep(Duration::from_millis(30));
    }
    drop((held, sender));
    assert!(outcomes.iter().all(|is_ok| is_ok));
    assert!(repository.lock_plans().is_ok());
}

#[test]
fn a_base_with_dots_is_the_directory_it_names() {
    let base = tempfile::tempdir().unwrap();
    let repository = store(&base.path().join("none/../a/./b"), 1_000);
    repository.save(group("g"), Condition::None).unwrap();
    assert!(base.path().join("a/b/g/meta.json").is_file());
    assert!(!base.path().join("none").exists());
}

#[test]
fn nothing_is_made_before_the_first_write() {
    let parent = tempfile::tempdir().unwrap();
    let base = parent.path().join("a/b");
    let repository = store(&base, 1_000);
    assert!(repository.find_by_id(&id("g")).unwrap().is_none());
    assert!(repository.update(&id("g"), changes("{}")).unwrap().is_none());
    assert!(!repository.update_session(&id("g"), "001-a", changes("{}")).unwrap());
    assert!(!repository.delete(&id("g"), Condition::None).unwrap());
    assert!(repository.verify().unwrap().is_empty());
    assert!(!parent.path().join("a").exists());
    repository.save(group("g"), Condition::None).unwrap();
    assert!(base.join("g/meta.json").is_file() && base.join("g/sessions").is_dir());
}

#[test]
fn removed_locks_are_noticed() {
    let base = tempfile::tempdir().unwrap();
    let repository = store(base.path(), 1_000);
    repository.save(group("g"), Condition::None).unwrap();
    fs::remove_dir_all(base.path().join(".locks")).unwrap();
    assert!(repository.update(&id("g"), changes("{}")).unwrap().is_some());
}

#[test]
fn a_deleted_group_leaves_nothing() {
    let base = tempfile::tempdir().unwrap();
    let repository = store(base.path(), 1_000);
    repository.save(group("g"), Condition::None).unwrap();
    fs::write(base.path().join("g/sessions/log"), "x").unwrap();
    assert!(repository.delete(&id("g"), Condition::None).unwrap());
    assert!(!base.path().join("g").exists());
    repository.save(group("g"), Condition::IfAbsent).unwrap();
}

/// The file of the lock of a group, found by holding one after the other.
fn lock_of(base: &Path, group: &GroupId) -> std::path::PathBuf {
    let impatient = store(base, 0);
    let mut locks = fs::read_dir(base.join(".locks")).unwrap().map(|entry| entry.unwrap().path());
    let is_its = |path: &std::path::PathBuf| {
        let file = File::options().write(true).open(path).unwrap();
        file.lock().unwrap();
        impatient.update(group, changes("{}")).is_err()
    };
    locks.find(is_its).unwrap()
}

#[test]
fn waiting_behind_the_own_queue_does_not_count_towards_the_timeout() {
    let base = tempfile::tempdir().unwrap();
    let repository = store(base.path(), 300);
    repository.save(group("g"), Condition::None).unwrap();
    let lock = lock_of(base.path(), &id("g"));
    let update = || Write::Update { changes: changes("{}"), condition: Condition::None };
    // A turn keeps the queue from going on for twice the timeout; then another process keeps the lock for a moment.
    let turn = turn(&repository);
    let (sender, outcomes) = std::sync::mpsc::channel();
    for _ in 0..400 {
        let sender = sender.clone();
        repository.submit(&id("g"), update(), move |outcome| sender.send(outcome.is_ok()).unwrap());
    }
    drop(sender);
    std::thread::sleep(Duration::from_millis(600));
    let file = File::options().write(true).open(lock).unwrap();
    file.lock().unwrap();
    drop(turn);
    std::thread::sleep(Duration::from_millis(30));
    drop(file);
    assert_eq!(outcomes.iter().filter(|is_ok| *is_ok).count(), 400);
}

/// Takes a turn and begins it on this thread.
fn turn(repository: &FileGroupRepository) -> Turn {
    let (sender, turns) = std::sync::mpsc::channel();
    repository.take_turn(&id("g"), move |turn| sender.send(turn).unwrap());
    turns.recv_timeout(Duration::from_secs(10)).unwrap().unwrap().begin().ok().unwrap()
}

#[test]
fn a_turn_keeps_other_writes_of_the_process_waiting_until_it_ends() {
    let base = tempfile::tempdir().unwrap();
    let repository = store(base.path(), 60_000);
    repository.save(group("g"), Condition::None).unwrap();
    for is_written in [true, false] {
        let turn = turn(&repository);
        let (sender, updated) = std::sync::mpsc::channel();
        let write = Write::Update { changes: changes(r#"{"name":"after"}"#), condition: Condition::None };
        repository.submit(&id("g"), write, move |outcome| sender.send(outcome.is_ok()).unwrap());
        assert!(updated.recv_timeout(Duration::from_millis(50)).is_err());
        if is_written {
            turn.write(changes(r#"{"description":"turn"}"#), |attempt| {
                assert!(matches!(attempt, Attempt::Done(Ok(_))));
            });
        } else {
            drop(turn);
        }
        assert!(updated.recv_timeout(Duration::from_secs(10)).unwrap());
        assert_eq!(repository.find_by_id(&id("g")).unwrap().unwrap().name(), "after");
    }
}

#[test]
fn a_turn_of_one_group_keeps_no_other_group_waiting() {
    let base = tempfile::tempdir().unwrap();
    let repository = store(base.path(), 60_000);
    repository.save(group("g"), Condition::None).unwrap();
    let _turn = turn(&repository);
    for number in 0..200 {
        repository.save(group(&format!("other-{number}")), Condition::None).unwrap();
    }
}

/// Runs a test that would hang if callbacks and blocking calls waited for each other.
fn within_10_seconds(test: impl FnOnce(&FileGroupRepository) + Send + 'static) {
    let (sender, done) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let base = tempfile::tempdir().unwrap();
        let repository = store(base.path(), 60_000);
        repository.save(group("g"), Condition::None).unwrap();
        test(&repository);
        sender.send(()).unwrap();
    });
    done.recv_timeout(Duration::from_secs(10)).unwrap();
}

fn rename(name: &str) -> Write {
    Write::Update { changes: changes(&format!(r#"{{"name":"{name}"}}"#)), condition: Condition::None }
}

#[test]
fn a_callback_of_submit_can_write_the_same_group() {
    within_10_seconds(|repository| {
        let (sender, names) = std::sync::mpsc::channel();
        let inner = repository.clone();
        repository.submit(&id("g"), rename("first"), move |written| {
            written.unwrap();
            let group = inner.update(&id("g"), changes(r#"{"name":"second"}"#)).unwrap().unwrap();
            sender.send(group.name().to_owned()).unwrap();
        });
        assert_eq!(names.recv().unwrap(), "second");
    });
}

#[test]
fn callbacks_of_find_can_find() {
    within_10_seconds(|repository| {
        let (sender, found) = std::sync::mpsc::channel();
        for _ in 0..40 {
            let (inner, sender) = (repository.clone(), sender.clone());
            repository.find(&id("g"), move |_| {
                sender.send(inner.find_by_id(&id("g")).unwrap().is_some()).unwrap();
            });
        }
        drop(sender);
        assert_eq!(found.iter().filter(|is_found| *is_found).count(), 40);
    });
}

#[test]
fn more_callbacks_than_threads_can_write_one_group() {
    within_10_seconds(|repository| {
        let (sender, written) = std::sync::mpsc::channel();
        for number in 0..200 {
            let (inner, sender) = (repository.clone(), sender.clone());
            repository.submit(&id("g"), rename("outer"), move |_| {
                let written = inner.write(&id("g"), rename(&format!("inner {number}")));
                sender.send(written.is_ok()).unwrap();
            });
        }
        drop(sender);
        assert_eq!(written.iter().filter(|is_ok| *is_ok).count(), 200);
    });
}

#[test]
fn callbacks_can_use_the_repository_at_any_depth() {
    fn descend(repository: &FileGroupRepository, depth: usize, done: std::sync::mpsc::Sender<usize>) {
        let inner = repository.clone();
        repository.submit(&id("g"), rename("deep"), move |written| {
            written.unwrap();
            assert_eq!(inner.list(&GroupFilter::default(), None).unwrap().len(), 1);
            assert!(inner.update_session(&id("g"), "001-a", changes(r#"{"cost":1}"#)).unwrap());
            if depth == 0 { done.send(depth).unwrap() } else { descend(&inner, depth - 1, done) }
        });
    }
    within_10_seconds(|repository| {
        let (sender, done) = std::sync::mpsc::channel();
        descend(repository, 50, sender);
        done.recv().unwrap();
    });
}

#[test]
fn a_panicking_callback_does_no_harm_to_others() {
    within_10_seconds(|repository| {
        let (sender, outcomes) = std::sync::mpsc::channel();
        for number in 0..40 {
            let sender = sender.clone();
            repository.submit(&id("g"), rename("a"), move |written| {
                assert!(number % 2 == 0, "on purpose");
                sender.send(written.is_ok()).unwrap();
            });
        }
        drop(sender);
        assert_eq!(outcomes.iter().filter(|is_ok| *is_ok).count(), 20);
        assert!(repository.update(&id("g"), changes("{}")).unwrap().is_some());
    });
}

#[test]
fn a_blocking_write_waits_for_a_turn_that_began_before() {
    within_10_seconds(|repository| {
        let turn = turn(repository);
        let (sender, written) = std::sync::mpsc::channel();
        // More of them than threads of the executor.
        for _ in 0..20 {
            let (inner, sender) = (repository.clone(), sender.clone());
            repository.find(&id("g"), move |_| {
                sender.send(inner.write(&id("g"), rename("after")).is_ok()).unwrap();
            });
        }
        assert!(written.recv_timeout(Duration::from_millis(50)).is_err());
        turn.write(changes(r#"{"name":"turn"}"#), |_| {});
        drop(sender);
        assert_eq!(written.iter().filter(|is_ok| *is_ok).count(), 20);
        assert_eq!(repository.find_by_id(&id("g")).unwrap().unwrap().name(), "after");
    });
}

#[test]
fn more_callbacks_than_threads_can_wait_for_the_turn_of_a_function() {
    within_10_seconds(|repository| {
        let (sender, written) = std::sync::mpsc::channel();
        let gate = std::sync::Arc::new(std::sync::RwLock::new(()));
        let closed = gate.write().unwrap();
        for _ in 0..200 {
            let (inner, gate, sender) = (repository.clone(), std::sync::Arc::clone(&gate), sender.clone());
            repository.find(&id("g"), move |_| {
                drop(gate.read().unwrap());
                sender.send(inner.write(&id("g"), rename("after")).is_ok()).unwrap();
            });
        }
        // Its turn comes before all of these writes, and begins on a thread of the executor.
        repository.take_turn(&id("g"), |turn| {
            let turn = turn.unwrap().begin().ok().unwrap();
            turn.write(changes(r#"{"description":"turn"}"#), |_| {});
        });
        drop((closed, sender));
        assert_eq!(written.iter().filter(|is_ok| *is_ok).count(), 200);
    });
}

#[test]
fn blocking_and_submitted_writes_of_one_group_are_all_carried_out() {
    within_10_seconds(|repository| {
        let (sender, outcomes) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..100).for_each(|_| add_one(repository, &id("g"))));
                let sender = sender.clone();
                scope.spawn(move || {
                    for _ in 0..100 {
                        let sender = sender.clone();
                        repository.submit(&id("g"), rename("b"), move |it| sender.send(it.is_ok()).unwrap());
                    }
                });
            }
        });
        drop(sender);
        assert_eq!(outcomes.iter().filter(|is_ok| *is_ok).count(), 400);
        let cost = repository.find_by_id(&id("g")).unwrap().unwrap().group().unwrap().sessions[0].cost;
        assert_eq!(cost.map(Usd::get), Some(400.0));
    });
}

#[test]
fn several_writes_at_once_have_an_outcome_each() {
    within_10_seconds(|repository| {
        let writes = vec![rename("a"), Write::Delete { condition: Condition::IfAbsent }, rename("b")];
        let outcomes: Vec<bool> = repository.write_all(&id("g"), writes).iter().map(Result::is_ok).collect();
        assert_eq!(outcomes, [true, false, true]);
    });
}

#[test]
fn a_save_replaces_only_what_is_still_valid() {
    let base = tempfile::tempdir().unwrap();
    let repository = store(base.path(), 1_000);
    let meta = base.path().join("g/meta.json");
    let save = |name: &str| {
        let text = group("g").text().replace(r#""name":"A""#, &format!(r#""name":"{name}""#));
        repository.save(Document::from_text(text).unwrap(), Condition::None)
    };
    save("first").unwrap();
    save("second").unwrap();
    let stored = fs::read_to_string(&meta).unwrap();
    assert!(stored.contains("second"));
    for (changed, code) in [
        (stored.replacen('{', "", 1), "CORRUPT"),
        (stored.replacen(r#""id": "g""#, r#""id": "h""#, 1), "CORRUPT"),
        (stored.replacen('{', r#"{"schemaVersion": 2,"#, 1), "NEWER_SCHEMA"),
    ] {
        fs::write(&meta, &changed).unwrap();
        assert_eq!(save("third").unwrap_err().code(), code, "{changed}");
        assert_eq!(fs::read_to_string(&meta).unwrap(), changed);
    }
    // Another program's valid state is replaced.
    fs::write(&meta, stored.replace("second", "other")).unwrap();
    save("fourth").unwrap();
    assert!(fs::read_to_string(&meta).unwrap().contains("fourth"));
}

#[test]
fn writers_on_several_threads_yield_the_lock_to_other_processes() {
    within_10_seconds(|repository| {
        let base = repository.base().to_owned();
        let file = File::options().write(true).open(lock_of(&base, &id("g"))).unwrap();
        let is_done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while !is_done.load(std::sync::atomic::Ordering::Relaxed) {
                        repository.write(&id("g"), rename("a")).unwrap();
                    }
                });
            }
            for _ in 0..10 {
                while file.try_lock().is_err() {
                    std::thread::sleep(Duration::from_millis(1));
                }
                file.unlock().unwrap();
            }
            is_done.store(true, std::sync::atomic::Ordering::Relaxed);
        });
    });
}

#[test]
fn unreadable_groups_are_found_by_their_ids() {
    let base = tempfile::tempdir().unwrap();
    let repository = store(base.path(), 60_000);
    assert_eq!((repository.ids().unwrap(), repository.unreadable(|_| true).unwrap().len()), (vec![], 0));
    repository.save(group("a"), Condition::None).unwrap();
    for damaged in ["c", "b"] {
        fs::create_dir(base.path().join(damaged)).unwrap();
        fs::write(base.path().join(damaged).join("meta.json"), "{").unwrap();
    }
    fs::create_dir(base.path().join("empty")).unwrap();
    fs::create_dir(base.path().join("_no_id")).unwrap();
    assert_eq!(repository.ids().unwrap(), ["a", "b", "c", "empty"].map(id));
    let codes = |found: Vec<(GroupId, session_groups::Error)>| {
        found.into_iter().map(|(id, error)| (id.to_string(), error.code())).collect::<Vec<_>>()
    };
    let all = [("b".to_owned(), "CORRUPT"), ("c".to_owned(), "CORRUPT")];
    assert_eq!(codes(repository.unreadable(|_| true).unwrap()), all);
    assert_eq!(codes(repository.unreadable(|id| id.as_str() != "b").unwrap()), all[1..]);
    // In place of the damaged file, so that what is known of it no longer holds.
    repository.delete(&id("b"), Condition::None).unwrap();
    repository.save(group("b"), Condition::None).unwrap();
    assert_eq!(codes(repository.unreadable(|_| true).unwrap()), all[1..]);
}

#[test]
#[cfg(target_os = "linux")]
fn unreadable_groups_are_found_without_a_look_at_others() {
    use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};

    let base = tempfile::tempdir().unwrap();
    for damaged in ["a", "b"] {
        fs::create_dir(base.path().join(damaged)).unwrap();
        fs::write(base.path().join(damaged).join("meta.json"), "{").unwrap();
    }
    let opened = init(CreateFlags::NONBLOCK).unwrap();
    add_watch(&opened, base.path().join("a"), WatchFlags::OPEN | WatchFlags::ACCESS).unwrap();
    let is_opened = || rustix::io::read(&opened, &mut [0; 4096]).is_ok_and(|length| length > 0);
    let repository = store(base.path(), 60_000);
    assert_eq!(repository.unreadable(|id| id.as_str() == "b").unwrap().len(), 1);
    assert!(!is_opened());
    assert_eq!(repository.unreadable(|_| true).unwrap().len(), 2);
    assert!(is_opened());
}
