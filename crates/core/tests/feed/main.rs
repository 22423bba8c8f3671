//! The feed of a group: commits that number their events, and readers that get each event once and in order.

#![allow(clippy::unwrap_used, reason = "a failing test panics")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::sync::mpsc;
use std::thread;

use session_groups::error::Error;
use session_groups::feed::{self, Commit, Event, FeedEvent, FeedRepository, FurtherEvent};
use session_groups::model::event::{GroupCreatedEvent, GroupEvent};
use session_groups::model::number::{Positive, Usd};
use session_groups::model::{GroupId, GroupPatch};
use session_groups::repository::{
    Condition, Document, FileGroupRepository, GroupRepository, InMemoryGroupRepository,
};

use crate::support::{
    Files, ID, MIB, add, add_all, changes, denied, group, id, next, now, open, read, read_after, short,
    started, unreachable_because,
};

/// Commits and reads, on any repository.
fn commit_and_read(repository: &impl FeedRepository) {
    let created = GroupCreatedEvent {
        timestamp: now(),
        group_id: ID.to_owned(),
        name: "Feed".to_owned(),
        slug: "feed".to_owned(),
        total_sessions: 2.into(),
    };
    assert_eq!(feed::events(repository, &id(), 0, true).next().map(|_| ()), None, "there is no group");
    let committed = feed::create(repository, group(), vec![created.clone().into()]).unwrap();
    assert_eq!(committed.group.group().unwrap().event_seq, Some(1.into()));
    assert_eq!(committed.events, [(1, created.clone().into())]);
    let error = feed::create(repository, group(), vec![created.into()]).unwrap_err();
    assert_eq!(error.code(), "CONFLICT");

    let change = |group: &Document| {
        assert_eq!(group.name(), "Feed");
        let commit = Commit::new(changes(r#"{"name":"New","eventSeq":7}"#)).with_event(denied("a"));
        Ok(commit.with_session("ui", changes(r#"{"cost":1}"#)).with_event(denied("b")))
    };
    let committed = feed::commit(repository, &id(), change).unwrap().unwrap();
    assert_eq!(committed.events, [(2, denied("a")), (3, denied("b"))]);
    let stored = repository.find_by_id(&id()).unwrap().unwrap();
    assert_eq!(stored.revision(), committed.group.revision());
    let stored = stored.group().unwrap();
    assert_eq!((&*stored.name, stored.event_seq), ("New", Some(3.into())));
    assert_eq!(stored.sessions[1].cost.map(Usd::get), Some(1.0));

    assert_eq!(read(repository), ["1 group_created", "2 a", "3 b"]);
    assert_eq!(read_after(repository, 2), ["3 b"]);
    assert_eq!(read_after(repository, 3), [""; 0]);
    assert_eq!(read_after(repository, u64::MAX), [""; 0]);
}

#[test]
fn events_are_numbered_by_the_commit_that_stores_what_they_report() {
    let base = tempfile::tempdir().unwrap();
    commit_and_read(&open(base.path()));
    commit_and_read(&InMemoryGroupRepository::new());
}

/// Commits that change nothing, on any repository.
fn commit_nothing(repository: &impl FeedRepository) {
    repository.save(group(), Condition::None).unwrap();
    let before = repository.find_by_id(&id()).unwrap().unwrap();
    let refused = feed::commit(repository, &id(), |_| Err(Error::argument("x", "is refused")));
    assert_eq!(refused.unwrap_err().code(), "INVALID_ARGUMENT");
    let commit = |group: &'static str, session: &'static str, cost: &'static str| {
        feed::commit(repository, &id(), move |_| {
            let commit = Commit::new(changes(group)).with_session("api", changes(r#"{"cost":9}"#));
            Ok(commit.with_session(session, changes(cost)).with_event(denied("never")))
        })
    };
    assert!(commit(r#"{"name":"B"}"#, "none", "{}").unwrap().is_none());
    let error = commit(r#"{"name":"B"}"#, "ui", r#"{"cost":-1}"#).unwrap_err();
    assert_eq!((error.code(), error.field()), ("INVALID_GROUP", Some("sessions[1].cost")));
    assert_eq!(commit(r#"{"slug":"b"}"#, "ui", "{}").unwrap_err().code(), "INVALID_ARGUMENT");
    let other = GroupId::new("other").unwrap();
    let absent = feed::commit(repository, &other, |_| panic!("there is no group"));
    assert!(absent.unwrap().is_none());
    assert_eq!(repository.find_by_id(&id()).unwrap().unwrap().text(), before.text());
    assert_eq!(read(repository), [""; 0]);

    // Without events, nothing is numbered.
    feed::commit(repository, &id(), |_| Ok(Commit::new(changes(r#"{"name":"C"}"#)))).unwrap().unwrap();
    let stored = repository.find_by_id(&id()).unwrap().unwrap();
    assert_eq!((stored.name(), stored.group().unwrap().event_seq), ("C", None));
}

#[test]
fn a_commit_that_fails_changes_nothing_and_reports_nothing() {
    let base = tempfile::tempdir().unwrap();
    commit_nothing(&open(base.path()));
    commit_nothing(&InMemoryGroupRepository::new());
}

/// Commits whose functions panic, on any repository.
fn panic_in_commits(repository: &impl FeedRepository) {
    repository.save(group(), Condition::None).unwrap();
    let panics = feed::commit(repository, &id(), |_| panic!("on purpose"));
    assert_eq!(panics.unwrap_err().code(), "INTERNAL");
    let (sender, receiver) = mpsc::channel();
    feed::submit(repository, &id(), |_| panic!("on purpose"), move |panics| sender.send(panics).unwrap());
    assert_eq!(receiver.recv().unwrap().unwrap_err().code(), "INTERNAL");
    assert_eq!(add(repository, denied("a")), 1);
}

#[test]
fn a_commit_that_panics_fails_alone() {
    panic_in_commits(&Files::new().repository);
    panic_in_commits(&InMemoryGroupRepository::new());
}

/// Submits commits from several threads at once, on any repository.
fn submit_at_once<R: FeedRepository + Clone + 'static>(repository: &R) {
    const COMMITS: usize = 200;
    // One, two, three, one, and so on.
    const TOTAL: u64 = 399;
    repository.save(group(), Condition::None).unwrap();
    let followers = [(); 4].map(|()| feed::events(repository, &id(), 0, true));
    let followers = followers.map(|events| {
        thread::spawn(move || {
            for seq in 1..=TOTAL {
                assert_eq!(events.next().unwrap().unwrap().seq(), seq);
            }
        })
    });
    let (sender, receiver) = mpsc::channel();
    for number in 0..COMMITS {
        let sender = sender.clone();
        let events = vec![denied("a"); number % 3 + 1];
        let change = move |group: &Document| {
            let count = group.group().unwrap().sessions[0].cost.map_or(0.0, Usd::get);
            let session = changes(&format!(r#"{{"cost":{}}}"#, count + 1.0));
            Ok(Commit { events, ..Commit::new(GroupPatch::default()) }.with_session("api", session))
        };
        feed::submit(repository, &id(), change, move |committed| sender.send(committed).unwrap());
        if number % 10 == 0 {
            repository.update(&id(), changes(r#"{"name":"B"}"#)).unwrap();
        }
    }
    drop(sender);
    let committed: Vec<_> = receiver.iter().map(|committed| committed.unwrap().unwrap()).collect();
    let seqs: Vec<u64> = committed.iter().flat_map(|it| it.events.iter().map(|(seq, _)| *seq)).collect();
    assert_eq!(seqs.len() as u64, TOTAL);
    assert_eq!(seqs.iter().copied().collect::<BTreeSet<u64>>(), (1..=TOTAL).collect());
    for commit in &committed {
        // Each is given the state that it made.
        let last = commit.events.last().unwrap().0;
        assert_eq!(commit.group.group().unwrap().event_seq.unwrap().get(), last);
    }
    let expected: Vec<String> = (1..=TOTAL).map(|seq| format!("{seq} a")).collect();
    assert_eq!(read(repository), expected);
    let stored = repository.find_by_id(&id()).unwrap().unwrap().group().unwrap();
    assert_eq!(stored.sessions[0].cost.map(Usd::get), Some(200.0));
    for follower in followers {
        follower.join().unwrap();
    }
}

#[test]
fn commits_that_wait_behind_each_other_are_numbered_without_gaps() {
    let base = tempfile::tempdir().unwrap();
    submit_at_once(&open(base.path()));
    submit_at_once(&InMemoryGroupRepository::new());
}

#[test]
fn an_event_that_is_missing_in_the_feed_is_reported_by_the_next_commit() {
    let files = Files::new();
    for tool in ["a", "b", "c"] {
        add(&files.repository, denied(tool));
    }
    // As if their writer had been killed before it appended them.
    files.edit(|text| text.lines().next().unwrap().to_owned() + "\n");
    assert_eq!(read(&files.repository), ["1 a"]);
    assert_eq!(add(&files.repository, denied("d")), 4);
    assert_eq!(read(&files.repository), ["1 a", "3 gap 2-3", "4 d"]);
    assert!(files.text().contains(r#""seq":3,"type":"feed_gap""#));
    assert_eq!(read_after(&files.repository, 2), ["3 gap 3-3", "4 d"]);
    assert_eq!(read_after(&files.repository, 3), ["4 d"]);
    // All of them.
    fs::remove_file(files.path("events.jsonl")).unwrap();
    assert_eq!(add(&files.repository, denied("e")), 5);
    assert_eq!(read(&files.repository), ["4 gap 1-4", "5 e"]);
}

#[test]
fn a_torn_line_is_ended_by_the_next_commit() {
    for torn in [1, 5, 40, 100] {
        let files = Files::new();
        add(&files.repository, denied("a"));
        add(&files.repository, denied("b"));
        files.edit(|text| text[..text.len() - torn].to_owned());
        assert_eq!(read(&files.repository), ["1 a"], "it is not read before it is ended");
        add(&files.repository, denied("c"));
        // A line that lacks only its end is whole.
        let second = if torn == 1 { "2 b" } else { "2 gap 2-2" };
        assert_eq!(read(&files.repository), ["1 a", second, "3 c"]);
    }
}

#[test]
fn a_torn_line_is_returned_to_a_follower_once_it_is_ended() {
    let files = Files::new();
    add(&files.repository, denied("a"));
    let events = feed::events(&files.repository, &id(), 0, true);
    assert_eq!(next(&events), "1 a");
    let line = FeedEvent::new(Positive::clamped(2), denied("b"));
    let mut file = fs::File::options().append(true).open(files.path("events.jsonl")).unwrap();
    file.write_all(&line.json().as_bytes()[..50]).unwrap();
    let (sender, receiver) = mpsc::channel();
    events.request(move |events| sender.send(events.unwrap()).unwrap());
    // The follower sees this change, and no event.
    files.repository.update(&id(), changes(r#"{"eventSeq":2}"#)).unwrap();
    file.write_all(&line.json().as_bytes()[50..]).unwrap();
    file.write_all(b"\n").unwrap();
    let events: Vec<String> = receiver.recv().unwrap().iter().map(short).collect();
    assert_eq!(events, ["2 b"]);
}

#[test]
fn the_numbers_go_on_after_an_older_state_of_the_group_was_saved() {
    let files = Files::new();
    add(&files.repository, denied("a"));
    add(&files.repository, denied("b"));
    files.repository.save(group(), Condition::None).unwrap();
    assert_eq!(files.event_seq(), None);
    assert_eq!(add(&files.repository, denied("c")), 3);
    files.repository.save(group(), Condition::None).unwrap();
    feed::commit(&files.repository, &id(), |_| Ok(Commit::new(GroupPatch::default()))).unwrap();
    assert_eq!(files.event_seq(), Some(3));
    assert_eq!(read(&files.repository), ["1 a", "2 b", "3 c"]);

    let memory = InMemoryGroupRepository::new();
    memory.save(group(), Condition::None).unwrap();
    add(&memory, denied("a"));
    memory.save(group(), Condition::None).unwrap();
    assert_eq!(add(&memory, denied("b")), 2);
}

#[test]
fn a_group_that_had_events_elsewhere_begins_with_a_gap() {
    let text = group().text().replacen('{', r#"{"eventSeq":41,"#, 1);
    let imported = || Document::from_text(text.clone()).unwrap();
    let base = tempfile::tempdir().unwrap();
    let files = open(base.path());
    feed::create(&files, imported(), vec![denied("a")]).unwrap();
    let memory = InMemoryGroupRepository::new();
    feed::create(&memory, imported(), vec![denied("a")]).unwrap();
    for found in [read(&files), read(&memory)] {
        assert_eq!(found, ["41 gap 1-41", "42 a"]);
    }
}

#[test]
fn a_number_that_leaves_no_room_is_refused() {
    let text = group().text().replacen('{', r#"{"eventSeq":1e300,"#, 1);
    let memory = InMemoryGroupRepository::new();
    memory.save(Document::from_text(text).unwrap(), Condition::None).unwrap();
    let error =
        feed::commit(&memory, &id(), |_| Ok(Commit::new(GroupPatch::default()).with_event(denied("a"))));
    assert_eq!(error.unwrap_err().field(), Some("eventSeq"));
}

/// Fills the feed with some MiB of events, each of which says its number.
fn fill(repository: &FileGroupRepository, mib: u64, mut seq: u64) -> u64 {
    for _ in 0..2 * mib {
        let event = |seq: u64| started(format!("{seq} {}", "x".repeat(4000)));
        let events: Vec<Event> = (seq + 1..=seq + 128).map(event).collect();
        seq = *add_all(repository, events).last().unwrap();
    }
    seq
}

/// Checks that events are the ones with these numbers.
fn check(events: impl IntoIterator<Item = FeedEvent>, mut seq: u64, last: u64) {
    for event in events {
        seq += 1;
        let Event::Group(GroupEvent::GroupSessionStarted(started)) = event.event() else {
            panic!("{}", event.json())
        };
        assert_eq!(event.seq(), seq);
        assert!(started.prompt.starts_with(&format!("{seq} ")));
    }
    assert_eq!(seq, last);
}

#[test]
fn old_events_are_dropped_and_their_readers_are_told() {
    let files = Files::new();
    let last = fill(&files.repository, 18, 0);
    let size = |name| fs::metadata(files.path(name)).unwrap().len();
    assert!((7 * MIB..=8 * MIB).contains(&size("events.1.jsonl")), "{}", size("events.1.jsonl"));
    assert!((MIB..=8 * MIB).contains(&size("events.jsonl")), "{}", size("events.jsonl"));
    let mut events =
        feed::events(&files.repository, &id(), 3, false).iter().map(Result::unwrap).collect::<Vec<_>>();
    let Event::Further(FurtherEvent::FeedGap(gap)) = events.remove(0).event().clone() else { panic!() };
    assert_eq!((gap.from.get(), gap.to.get() > 100), (4, true));
    check(events, gap.to.get(), last);
    let kept = feed::events(&files.repository, &id(), gap.to.get() + 5, false);
    check(kept.iter().map(Result::unwrap), gap.to.get() + 5, last);

    // Killed between the two steps of a replacement.
    fs::rename(files.path("events.jsonl"), files.path("events.1.jsonl")).unwrap();
    assert_eq!(add(&files.repository, denied("a")), last + 1);
    assert_eq!(read_after(&files.repository, last), [format!("{} a", last + 1)]);
}

#[test]
fn events_in_memory_are_dropped_and_their_readers_are_told() {
    let memory = InMemoryGroupRepository::new();
    memory.save(group(), Condition::None).unwrap();
    let prompt = "x".repeat(5000);
    for _ in 0..50 {
        add_all(&memory, vec![started(prompt.clone()); 128]);
    }
    let found = read(&memory);
    assert!((3500..4200).contains(&found.len()), "{}", found.len());
    assert!(found[0].contains("gap 1-"));
}

#[test]
fn followers_read_each_event_once_while_files_are_replaced() {
    let files = Files::new();
    let followers: Vec<_> = (0..3)
        .map(|_| {
            let events = feed::events(&files.repository, &id(), 0, true);
            let (sender, receiver) = mpsc::channel();
            let follower = thread::spawn(move || {
                let events = events.iter().map(Result::unwrap);
                let events = events.take_while(|event| event.event().type_name() != "group_deleted");
                let events: Vec<_> = events.inspect(|event| sender.send(event.seq()).unwrap()).collect();
                events
            });
            (follower, receiver)
        })
        .collect();
    let mut last = 0;
    for _ in 0..2 {
        last = fill(&files.repository, 5, last);
        // No follower is left behind by more than is kept.
        for (_, receiver) in &followers {
            assert!(receiver.iter().any(|seq| seq == last));
        }
    }
    assert!(files.path("events.1.jsonl").exists());
    files.repository.delete(&id(), Condition::None).unwrap();
    for (follower, _receiver) in followers {
        check(follower.join().unwrap(), 0, last);
    }
}

/// Follows a group up to its deletion, on any repository.
fn follow<R: FeedRepository + Clone + 'static>(repository: &R) {
    repository.save(group(), Condition::None).unwrap();
    let events = feed::events(repository, &id(), 0, true);
    for seq in 1..=20 {
        let adding = repository.clone();
        let added = thread::spawn(move || add(&adding, denied("a")));
        assert_eq!(next(&events), format!("{seq} a"));
        added.join().unwrap();
    }
    // Changes without events are no events.
    repository.update(&id(), changes(r#"{"name":"B"}"#)).unwrap();
    add(repository, denied("b"));
    assert_eq!(next(&events), "21 b");
    add(repository, denied("c"));
    repository.delete(&id(), Condition::None).unwrap();
    repository.save(group(), Condition::None).unwrap();
    add(repository, denied("of another group"));
    assert_eq!(next(&events), "22 c");
    let deleted = events.next().unwrap().unwrap();
    assert_eq!(
        (deleted.seq(), deleted.event().type_name(), deleted.event().group_id()),
        (23, "group_deleted", ID)
    );
    assert!(events.next().is_none() && events.next().is_none());
    assert_eq!(read(repository), ["1 of another group"]);
}

#[test]
fn a_follower_ends_with_the_deletion_of_its_group() {
    follow(&InMemoryGroupRepository::new());
    // On Windows, the file is gone with its group.
    if !cfg!(windows) {
        let base = tempfile::tempdir().unwrap();
        follow(&open(base.path()));
    }
}

#[test]
fn a_closed_reader_returns_nothing_more() {
    let files = Files::new();
    add(&files.repository, denied("a"));
    let events = feed::events(&files.repository, &id(), 0, true);
    assert_eq!(next(&events), "1 a");
    let (sender, receiver) = mpsc::channel();
    events.request(move |events| sender.send(events.unwrap()).unwrap());
    events.close();
    assert_eq!(receiver.recv().unwrap(), []);
    add(&files.repository, denied("b"));
    assert!(events.next().is_none());
}

#[test]
fn lines_that_are_not_events_become_gaps() {
    let files = Files::new();
    for tool in ["a", "b", "c", "d"] {
        add(&files.repository, denied(tool));
    }
    files.edit(|text| {
        let lines: Vec<&str> = text.lines().collect();
        let newer = lines[2].replace("tools_denied", "tools_allowed");
        let huge = lines[2].replace(r#""seq":3"#, r#""seq":9007199254740991"#);
        format!("{}\nnonsense\n\n[]\n{}\n{}\n{newer}\n{huge}\n{}\n", lines[0], lines[1], lines[0], lines[3])
    });
    assert_eq!(read(&files.repository), ["1 a", "2 b", "3 gap 3-3", "4 d"]);
    files.edit(|text| text + "\u{0}\u{0}\u{0}" + &"x".repeat(300_000));
    assert_eq!(add(&files.repository, denied("e")), 5);
    assert_eq!(read(&files.repository), ["1 a", "2 b", "3 gap 3-3", "4 d", "5 e"]);
    files.edit(|_| "\u{FEFF}nothing at all".to_owned());
    assert_eq!(add(&files.repository, denied("f")), 6);
    assert_eq!(read(&files.repository), ["5 gap 1-5", "6 f"]);
}

#[test]
fn a_follower_goes_on_after_the_file_was_edited() {
    let files = Files::new();
    let events = feed::events(&files.repository, &id(), 0, true);
    add(&files.repository, denied("a"));
    add(&files.repository, denied("b"));
    assert_eq!([next(&events), next(&events)], ["1 a", "2 b"]);
    files.edit(|text| text.lines().next().unwrap().to_owned() + "\n");
    add(&files.repository, denied("c"));
    assert_eq!(next(&events), "3 c", "the second one was returned");
    fs::remove_file(files.path("events.jsonl")).unwrap();
    add(&files.repository, denied("d"));
    assert_eq!(next(&events), "4 d");
}

#[test]
fn an_event_that_is_too_long_is_a_gap() {
    let files = Files::new();
    add(&files.repository, denied("a"));
    assert_eq!(add(&files.repository, unreachable_because(vec!["x".repeat(9 << 20)])), 2);
    let events = vec![denied("b"), unreachable_because(vec!["x".repeat(7 << 20)])];
    add_all(&files.repository, events);
    assert_eq!(read(&files.repository), ["1 a", "2 gap 2-2", "3 b", "4 session_unreachable"]);
    add(&files.repository, denied("c"));
    assert_eq!(read_after(&files.repository, 3), ["4 session_unreachable", "5 c"]);
}

#[test]
#[cfg(unix)]
fn commits_succeed_whatever_is_in_the_place_of_the_feed() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let files = Files::new();
    let outside = files.base.path().join("outside");
    fs::write(&outside, "kept").unwrap();
    let path = files.path("events.jsonl");
    symlink(&outside, &path).unwrap();
    add(&files.repository, denied("a"));
    let error = feed::events(&files.repository, &id(), 0, false).next().unwrap().unwrap_err();
    assert_eq!((error.code(), error.path()), ("CORRUPT", Some(&*path)));
    assert!(error.to_string().contains("Move it away"), "{error}");
    assert_eq!(fs::read_to_string(&outside).unwrap(), "kept");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    add(&files.repository, denied("b"));
    let events = feed::events(&files.repository, &id(), 0, false);
    assert_eq!(events.next().unwrap().unwrap_err().code(), "CORRUPT");
    assert!(events.next().is_none());
    fs::remove_dir(&path).unwrap();
    add(&files.repository, denied("c"));
    assert_eq!(read(&files.repository), ["2 gap 1-2", "3 c"]);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(files.repository.verify().unwrap().len(), 1, "only the file that this test has made");
}

#[test]
fn the_feed_of_a_corrupt_group_can_be_read() {
    let files = Files::new();
    add(&files.repository, denied("a"));
    fs::write(files.path("meta.json"), "{").unwrap();
    assert_eq!(read(&files.repository), ["1 a"]);
}
