//! Every rule of watching, on groups that the tests themselves keep.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::model::tests::GROUP;

const LONG: Duration = Duration::from_secs(20);

fn id(name: &str) -> GroupId {
    GroupId::new(name).unwrap()
}

fn group(id: &str, name: &str) -> Document {
    let text = GROUP.replacen("20260115-103000-auth", id, 1).replacen("Auth", name, 1);
    Document::from_text(text).unwrap()
}

fn corrupt(id: &str, problem: &str) -> Error {
    Error::corrupt(id, Path::new("/meta.json"), None, problem)
}

/// Groups and their watchers.
#[derive(Clone, Default)]
struct Shelf {
    groups: Arc<Mutex<BTreeMap<GroupId, Result<Document>>>>,
    subscribers: Subscribers,
}

impl Shelf {
    fn watch(&self, only: Option<&str>) -> Watcher {
        self.watch_reading(only, |_| {})
    }

    /// Opens a watcher with a function that runs at the end of each read.
    fn watch_reading(&self, only: Option<&str>, after: impl Fn(&GroupId) + Send + Sync + 'static) -> Watcher {
        let groups = Arc::clone(&self.groups);
        let watcher = self.subscribers.subscribe(only.map(id), move |id| {
            let found = lock(&groups).get(id).cloned().transpose();
            after(id);
            found
        });
        watcher.begin(self.ids().iter());
        watcher
    }

    fn ids(&self) -> Vec<GroupId> {
        lock(&self.groups).keys().cloned().collect()
    }

    /// Changes a group without marking it.
    fn put(&self, name: &str, found: Result<Document>) {
        lock(&self.groups).insert(id(name), found);
    }

    fn save(&self, id: &str, name: &str) {
        self.fill(id, Ok(group(id, name)));
    }

    fn fill(&self, name: &str, found: Result<Document>) {
        self.put(name, found);
        self.subscribers.mark([&id(name)]);
    }

    fn delete(&self, name: &str) {
        lock(&self.groups).remove(&id(name));
        self.subscribers.mark([&id(name)]);
    }
}

/// A change as the tests compare it: the group's id, and its name, `-`, or the code of the error.
fn shown(change: &Change) -> (String, String) {
    assert_eq!(change.revision, change.group.as_ref().map(Document::revision));
    let state = match (&change.group, &change.error) {
        (Some(group), None) => group.name().to_owned(),
        (None, None) => "-".to_owned(),
        (None, Some(error)) => error.code().to_owned(),
        (Some(_), Some(_)) => panic!("both a group and an error"),
    };
    (change.id.as_str().to_owned(), state)
}

fn next(watcher: &Watcher) -> (String, String) {
    shown(&watcher.next().expect("the watcher is open"))
}

fn is(id: &str, state: &str) -> (String, String) {
    (id.to_owned(), state.to_owned())
}

/// Requests changes; the receiver gets the answer.
fn request(watcher: &Watcher) -> Receiver<Vec<Change>> {
    let (sender, receiver) = channel();
    watcher.request(move |changes| sender.send(changes).unwrap());
    receiver
}

fn answer(receiver: &Receiver<Vec<Change>>) -> Vec<(String, String)> {
    receiver.recv_timeout(LONG).unwrap().iter().map(shown).collect()
}

/// Asserts that nothing but what is saved now is reported: groups are read in the order in which they were marked.
fn assert_quiet(shelf: &Shelf, watcher: &Watcher) {
    shelf.save("quiet", &format!("{:?}", Instant::now()));
    assert_eq!(next(watcher).0, "quiet");
}

#[test]
fn a_watcher_can_be_used_on_any_thread() {
    fn check<T: Send + Sync + 'static>() {}
    check::<Watcher>();
    check::<Subscribers>();
}

#[test]
fn the_state_of_each_group_is_reported_first_and_then_each_change() {
    let shelf = Shelf::default();
    shelf.save("b", "1");
    shelf.save("a", "1");
    let watcher = shelf.watch(None);
    assert_eq!([next(&watcher), next(&watcher)], [is("a", "1"), is("b", "1")]);
    shelf.save("b", "2");
    assert_eq!(next(&watcher), is("b", "2"));
    shelf.save("c", "1");
    assert_eq!(next(&watcher), is("c", "1"));
}

#[test]
fn groups_that_come_and_go_unnoticed_are_found_by_comparing() {
    let shelf = Shelf::default();
    for id in ["a", "b", "c"] {
        shelf.save(id, "1");
    }
    let watcher = shelf.watch(None);
    assert_eq!([next(&watcher).0, next(&watcher).0, next(&watcher).0], ["a", "b", "c"]);
    lock(&shelf.groups).remove(&id("b"));
    shelf.put("d", Ok(group("d", "1")));
    // Only groups that differ are read.
    shelf.put("c", Ok(group("c", "2")));
    shelf.subscribers.mark_difference(&shelf.ids());
    assert_eq!([next(&watcher), next(&watcher)], [is("b", "-"), is("d", "1")]);
    shelf.subscribers.mark_difference(&shelf.ids());
    assert_quiet(&shelf, &watcher);
}

#[test]
fn quick_changes_are_reported_as_one() {
    let shelf = Shelf::default();
    let watcher = shelf.watch(None);
    for name in ["1", "2", "3"] {
        shelf.save("a", name);
        shelf.save("b", name);
    }
    assert_eq!(answer(&request(&watcher)), [is("a", "3"), is("b", "3")]);
    assert_quiet(&shelf, &watcher);
}

#[test]
fn an_unchanged_group_is_not_reported_again() {
    let shelf = Shelf::default();
    shelf.save("a", "1");
    let watcher = shelf.watch(None);
    assert_eq!(next(&watcher), is("a", "1"));
    shelf.save("a", "1");
    shelf.subscribers.mark_all(&shelf.ids());
    assert_quiet(&shelf, &watcher);
    shelf.save("a", "2");
    shelf.save("a", "1");
    assert_quiet(&shelf, &watcher);
}

#[test]
fn a_request_is_open_until_something_has_changed() {
    let shelf = Shelf::default();
    let watcher = shelf.watch(None);
    let receiver = request(&watcher);
    shelf.delete("a");
    shelf.delete("b");
    shelf.save("c", "1");
    assert_eq!(answer(&receiver), [is("c", "1")]);
}

#[test]
fn a_deletion_is_reported_once_and_only_of_a_reported_group() {
    let shelf = Shelf::default();
    shelf.save("a", "1");
    let watcher = shelf.watch(None);
    assert_eq!(next(&watcher), is("a", "1"));
    shelf.save("b", "1");
    shelf.delete("b");
    shelf.delete("a");
    assert_eq!(next(&watcher), is("a", "-"));
    shelf.delete("a");
    assert_quiet(&shelf, &watcher);
    shelf.save("a", "1");
    assert_eq!(next(&watcher), is("a", "1"));
}

#[test]
fn a_group_that_cannot_be_read_is_reported_once_with_each_error() {
    let shelf = Shelf::default();
    let path = Path::new("/meta.json");
    let watcher = shelf.watch(None);
    for (error, code) in [
        (Error::newer_schema("a", path, 2.0, "it cannot be checked"), "NEWER_SCHEMA"),
        (Error::foreign_owner(Some("a"), path, "root", "me", "chown"), "FOREIGN_OWNER"),
        (Error::io(Some("a"), path, "reading", std::io::ErrorKind::TimedOut.into()), "IO"),
        (corrupt("a", "it is empty"), "CORRUPT"),
        (corrupt("a", "it is cut off"), "CORRUPT"),
    ] {
        shelf.fill("a", Err(error));
        assert_eq!(next(&watcher), is("a", code));
        shelf.subscribers.mark_all(&[]);
        assert_quiet(&shelf, &watcher);
    }
    shelf.save("a", "1");
    assert_eq!(next(&watcher), is("a", "1"));
    shelf.fill("a", Err(corrupt("a", "it is empty")));
    assert_eq!(next(&watcher), is("a", "CORRUPT"));
    shelf.delete("a");
    assert_eq!(next(&watcher), is("a", "-"));
}

#[test]
fn a_corrupt_group_is_read_again_before_it_is_reported() {
    let shelf = Shelf::default();
    let (sender, reads) = channel();
    let watcher = shelf.watch_reading(None, move |_| sender.send(Instant::now()).unwrap());
    shelf.fill("a", Err(corrupt("a", "it is empty")));
    let receiver = request(&watcher);
    let first = reads.recv_timeout(LONG).unwrap();
    // Another mark during the pause neither shortens nor prolongs it.
    shelf.subscribers.mark([&id("a")]);
    assert_eq!(answer(&receiver), [is("a", "CORRUPT")]);
    let last = reads.try_iter().last().unwrap();
    assert!(last - first >= Duration::from_millis(29), "{:?}", last - first);
}

#[test]
fn a_group_that_was_only_being_written_is_not_reported_as_corrupt() {
    let shelf = Shelf::default();
    let (sender, reads) = channel();
    let watcher = shelf.watch_reading(None, move |_| sender.send(()).unwrap());
    for name in ["1", "2"] {
        shelf.fill("a", Err(corrupt("a", "it is empty")));
        let receiver = request(&watcher);
        reads.recv_timeout(LONG).unwrap();
        // The second look finds it although nobody marks it.
        shelf.put("a", Ok(group("a", name)));
        assert_eq!(answer(&receiver), [is("a", name)]);
        while reads.try_recv().is_ok() {}
    }
}

#[test]
fn a_group_is_read_again_when_the_reason_of_an_error_may_have_passed() {
    let failure =
        |path: &str, kind: io::ErrorKind| Error::io(Some("a"), Path::new(path), "reading", kind.into());
    let shelf = Shelf::default();
    let watcher = shelf.watch(None);
    shelf.fill("a", Err(failure("/1", io::ErrorKind::OutOfMemory)));
    assert_eq!(next(&watcher), is("a", "IO"));
    // Nothing reports that it is another error now, or none.
    shelf.put("a", Err(failure("/2", io::ErrorKind::OutOfMemory)));
    assert_eq!(next(&watcher), is("a", "IO"));
    shelf.put("a", Ok(group("a", "Sound")));
    assert_eq!(next(&watcher), is("a", "Sound"));
}

#[test]
fn a_panic_in_a_read_is_reported_as_an_error() {
    let shelf = Shelf::default();
    shelf.save("a", "1");
    shelf.save("b", "1");
    let watcher = shelf.watch_reading(None, |id| assert_ne!(id.as_str(), "a", "on purpose"));
    assert_eq!([next(&watcher), next(&watcher)], [is("a", "INTERNAL"), is("b", "1")]);
    shelf.save("a", "2");
    assert_quiet(&shelf, &watcher);
}

#[test]
fn a_panic_in_a_callback_does_not_end_the_watcher() {
    let shelf = Shelf::default();
    let watcher = shelf.watch(None);
    let (sender, receiver) = channel::<()>();
    watcher.request(move |_| {
        let _sender = sender;
        panic!("on purpose");
    });
    shelf.save("a", "1");
    receiver.recv_timeout(LONG).unwrap_err();
    shelf.save("a", "2");
    assert_eq!(next(&watcher), is("a", "2"));
}

/// A shelf whose reads wait: the receiver learns of each, and the sender lets it end.
fn with_slow_reads() -> (Shelf, Watcher, Receiver<GroupId>, Sender<()>) {
    let shelf = Shelf::default();
    let (begun, reads) = channel();
    let (proceed, waits) = channel();
    let waits = Mutex::new(waits);
    let watcher = shelf.watch_reading(None, move |id| {
        begun.send(id.clone()).unwrap();
        lock(&waits).recv_timeout(LONG).unwrap();
    });
    (shelf, watcher, reads, proceed)
}

#[test]
fn a_change_during_the_read_of_its_group_is_reported() {
    let (shelf, watcher, reads, proceed) = with_slow_reads();
    let first = request(&watcher);
    shelf.save("a", "1");
    reads.recv_timeout(LONG).unwrap();
    shelf.save("a", "2");
    proceed.send(()).unwrap();
    proceed.send(()).unwrap();
    // Both states, or only the newer one: never only the older one.
    let mut changes = answer(&first);
    if changes.len() == 1 {
        changes.extend(answer(&request(&watcher)));
    }
    assert_eq!(changes, [is("a", "1"), is("a", "2")]);
}

#[test]
fn a_group_that_is_gone_during_its_first_read_is_reported_as_gone() {
    let (shelf, watcher, reads, proceed) = with_slow_reads();
    let first = request(&watcher);
    shelf.save("a", "1");
    reads.recv_timeout(LONG).unwrap();
    lock(&shelf.groups).clear();
    shelf.subscribers.mark_all(&[]);
    proceed.send(()).unwrap();
    proceed.send(()).unwrap();
    let mut changes = answer(&first);
    if changes.len() == 1 {
        changes.extend(answer(&request(&watcher)));
    }
    assert_eq!(changes, [is("a", "1"), is("a", "-")]);
}

#[test]
fn anything_may_have_changed() {
    let shelf = Shelf::default();
    for name in ["a", "b", "c"] {
        shelf.save(name, "1");
    }
    let watcher = shelf.watch(None);
    assert_eq!(answer(&request(&watcher)).len(), 3);
    lock(&shelf.groups).remove(&id("a"));
    shelf.put("b", Ok(group("b", "2")));
    shelf.put("d", Ok(group("d", "1")));
    shelf.subscribers.mark_all(&shelf.ids());
    assert_eq!(answer(&request(&watcher)), [is("b", "2"), is("d", "1"), is("a", "-")]);
}

#[test]
fn a_watcher_of_one_group_hears_of_no_other() {
    let shelf = Shelf::default();
    shelf.save("a", "1");
    shelf.save("b", "1");
    let (sender, reads) = channel();
    let watcher = shelf.watch_reading(Some("b"), move |id| sender.send(id.clone()).unwrap());
    shelf.save("a", "2");
    assert_eq!(next(&watcher), is("b", "1"));
    lock(&shelf.groups).clear();
    shelf.put("c", Ok(group("c", "1")));
    shelf.subscribers.mark_all(&shelf.ids());
    assert_eq!(next(&watcher), is("b", "-"));
    assert!(reads.try_iter().all(|read| read == id("b")));
    assert!(shelf.subscribers.concerns(&id("b")) && !shelf.subscribers.concerns(&id("a")));
}

#[test]
fn two_watchers_each_get_every_change() {
    let shelf = Shelf::default();
    shelf.save("a", "1");
    let all = shelf.watch(None);
    assert_eq!(next(&all), is("a", "1"));
    let later = shelf.watch(None);
    assert_eq!(next(&later), is("a", "1"));
    shelf.save("a", "2");
    assert_eq!([next(&all), next(&later)], [is("a", "2"), is("a", "2")]);
    drop(all);
    shelf.save("a", "3");
    assert_eq!(next(&later), is("a", "3"));
    assert!(!shelf.subscribers.is_empty() && shelf.subscribers.concerns(&id("a")));
    drop(later);
    assert!(shelf.subscribers.is_empty() && !shelf.subscribers.concerns(&id("a")));
}

#[test]
fn an_answer_has_a_limited_size() {
    let shelf = Shelf::default();
    let names: Vec<_> = (100..200).map(|number| format!("g{number}")).collect();
    for name in &names {
        shelf.save(name, "1");
    }
    let watcher = shelf.watch(None);
    let answers: Vec<_> = (0..4).map(|_| answer(&request(&watcher))).collect();
    assert_eq!(answers.iter().map(Vec::len).collect::<Vec<_>>(), [32, 32, 32, 4]);
    assert!(answers.concat().iter().map(|(id, _)| id).eq(&names));

    for name in &names[..3] {
        shelf.save(name, &"x".repeat(600 << 10));
    }
    assert_eq!(answer(&request(&watcher)).len(), 2);
    assert_eq!(answer(&request(&watcher)).len(), 1);
}

#[test]
fn many_unchanged_groups_do_not_hide_a_changed_one() {
    let shelf = Shelf::default();
    for number in 0..1_000 {
        shelf.put(&format!("g{number}"), Ok(group(&format!("g{number}"), "1")));
    }
    let watcher = shelf.watch(None);
    for _ in 0..1_000 {
        next(&watcher);
    }
    shelf.put("g999", Ok(group("g999", "2")));
    shelf.subscribers.mark_all(&shelf.ids());
    assert_eq!(next(&watcher), is("g999", "2"));
}

#[test]
fn changes_can_be_iterated_over_until_the_watcher_is_closed() {
    let shelf = Shelf::default();
    let watcher = shelf.watch(None);
    shelf.save("a", "1");
    shelf.save("b", "1");
    let mut seen = Vec::new();
    for change in watcher.changes() {
        seen.push(shown(&change));
        if seen.len() == 1 {
            watcher.close();
        }
    }
    assert_eq!(seen, [is("a", "1")]);
    assert!(watcher.next().is_none());
}

#[test]
fn closing_answers_an_open_request_with_no_changes() {
    let shelf = Shelf::default();
    let watcher = shelf.watch(None);
    let (first, second) = (request(&watcher), request(&watcher));
    watcher.close();
    assert_eq!(answer(&first), []);
    assert_eq!(answer(&second), []);
    assert_eq!(answer(&request(&watcher)), []);
    assert!(shelf.subscribers.is_empty());
    shelf.save("a", "1");
    watcher.close();
}

#[test]
fn closing_ends_a_wait_on_another_thread() {
    let (shelf, watcher, reads, proceed) = with_slow_reads();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| watcher.next().is_none());
        shelf.save("a", "1");
        reads.recv_timeout(LONG).unwrap();
        watcher.close();
        assert!(waiting.join().unwrap());
    });
    proceed.send(()).unwrap();
}

#[test]
fn a_callback_may_close_the_watcher_or_request_more() {
    let shelf = Shelf::default();
    let watcher = Arc::new(shelf.watch(None));
    let (sender, receiver) = channel();
    let (again, more) = (Arc::clone(&watcher), sender.clone());
    watcher.request(move |changes| {
        sender.send(changes).unwrap();
        let closes = Arc::clone(&again);
        again.request(move |changes| {
            closes.close();
            more.send(changes).unwrap();
            closes.request(move |changes| more.send(changes).unwrap());
        });
    });
    shelf.save("a", "1");
    assert_eq!(answer(&receiver), [is("a", "1")]);
    shelf.save("a", "2");
    assert_eq!(answer(&receiver), [is("a", "2")]);
    assert_eq!(answer(&receiver), []);
}

#[test]
fn a_callback_may_wait_for_the_next_change() {
    let shelf = Shelf::default();
    let watcher = Arc::new(shelf.watch(None));
    let (sender, receiver) = channel();
    let same = Arc::clone(&watcher);
    watcher.request(move |mut changes| {
        sender.send(vec![changes.remove(0)]).unwrap();
        sender.send(same.next().into_iter().collect()).unwrap();
    });
    shelf.save("a", "1");
    assert_eq!(answer(&receiver), [is("a", "1")]);
    shelf.save("a", "2");
    assert_eq!(answer(&receiver), [is("a", "2")]);
}

#[test]
fn closing_releases_the_reader() {
    let shelf = Shelf::default();
    let owned = Arc::new(());
    let kept = Arc::clone(&owned);
    let watcher = shelf.watch_reading(None, move |_| assert!(Arc::strong_count(&kept) > 0));
    shelf.save("a", "1");
    next(&watcher);
    watcher.close();
    while Arc::strong_count(&owned) > 1 {
        // A job may still be about to end.
        thread::yield_now();
    }
}

#[test]
fn every_final_state_is_reported_under_concurrent_changes() {
    let shelf = &Shelf::default();
    let (all, one) = (shelf.watch(None), shelf.watch(Some("g3")));
    thread::scope(|scope| {
        let writers = [0, 1, 2, 3].map(|writer| {
            scope.spawn(move || {
                for round in 0..200 {
                    let name = format!("g{}", (round + writer) % 7);
                    if round % 5 == 0 {
                        shelf.delete(&name);
                    } else {
                        shelf.save(&name, &round.to_string());
                    }
                    if round % 50 == 0 {
                        shelf.subscribers.mark_all(&shelf.ids());
                    }
                }
            })
        });
        let reader = scope.spawn(|| {
            let mut seen = BTreeMap::new();
            while !seen.contains_key("z") {
                let (id, name) = next(&all);
                seen.insert(id, name);
            }
            seen
        });
        let reader_of_one = scope.spawn(|| while next(&one) != is("g3", "last") {});
        for writer in writers {
            writer.join().unwrap();
        }
        shelf.save("g3", "last");
        shelf.save("z", "last");
        reader_of_one.join().unwrap();
        let seen = reader.join().unwrap().into_iter().filter(|(_, name)| name != "-");
        let stored = lock(&shelf.groups).clone();
        let stored = stored.iter().map(|(id, found)| is(id.as_str(), found.as_ref().unwrap().name()));
        assert_eq!(seen.collect::<Vec<_>>(), stored.collect::<Vec<_>>());
    });
}
